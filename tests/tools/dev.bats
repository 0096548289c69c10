#!/usr/bin/env bats
# ./dev and how it gets what it needs. apt and dpkg are played by scripts that write down what they
# were asked.

bats_require_minimum_version 1.5.0

setup() {
    cd "$BATS_TEST_TMPDIR"
    mkdir -p tools fake
    cp "$METE_SOURCE/tools/install_packages" tools/
    printf '# a comment\nbuild gcc\nbuild ninja-build\ntest gcc\ntest jq\n' >tools/packages.txt
    export PATH=$PWD/fake:$PATH LOG=$PWD/log
    : >log
    played id 'echo 0'
    played apt-get 'echo "apt-get $*" >>"$LOG"'
    played install 'cat >/dev/null' # the policy that keeps daemons from being started
    installed gcc
}

# played NAME TEXT: from now on the command NAME is this script.
played() {
    printf '#!/bin/sh\n%s\n' "$2" >"fake/$1"
    chmod +x "fake/$1"
}

# installed NAME…: what dpkg-query knows from now on.
installed() {
    printf 'installed %s:amd64\n' "$@" >status
    played dpkg-query "cat $PWD/status; exit 1"
}

@test "nothing_is_asked_of_apt_where_nothing_is_missing" {
    installed gcc ninja-build
    run -0 tools/install_packages build
    [ -z "$output" ]
    [ ! -s log ]
}

@test "only_what_is_missing_of_the_groups_is_installed" {
    run -0 tools/install_packages build test
    [[ "$output" == *'installing jq ninja-build'* ]]
    grep -q 'install .*--no-install-recommends jq ninja-build$' log
    ! grep -q gcc log
}

@test "a_removed_package_is_missing" {
    printf 'installed gcc\nconfig-files ninja-build\n' >status
    run -0 tools/install_packages build
    [[ "$output" == *'installing ninja-build'* ]]
}

@test "the_list_of_packages_is_updated_where_installing_fails" {
    played apt-get 'echo "apt-get $*" >>"$LOG"; [ "$1" = update ] || grep -q update "$LOG"'
    run -0 tools/install_packages build
    [ "$(grep -c install log)" -ge 1 ]
    [[ "$(tail -n 1 log)" == *install*ninja-build ]]
    grep -q 'apt-get update' log
}

@test "sudo_is_used_by_others_than_root" {
    played id 'echo 1000'
    played sudo 'echo "sudo $*" >>"$LOG"; [ "$1" != install ] || cat >/dev/null'
    run -0 tools/install_packages build
    grep -q '^sudo env .*apt-get install' log
}

@test "without_root_and_sudo_the_missing_packages_are_named" {
    for command in sh dirname sed sort; do ln -s "$(command -v $command)" "fake/$command"; done
    played id 'echo 1000'
    PATH=$PWD/fake:$PWD/none run -1 sh tools/install_packages build
    [[ "$output" == *'neither root nor sudo'*ninja-build ]]
}

@test "help_is_the_default_and_a_wrong_verb_is_refused" {
    run -0 "$METE_SOURCE/dev"
    [[ "${lines[0]}" == './dev VERB'* ]]
    run -0 "$METE_SOURCE/dev" clean --help
    [[ "${lines[0]}" == './dev VERB'* ]]
    run -2 "$METE_SOURCE/dev" nonsense
    [[ "${lines[0]}" == 'dev: no verb is called nonsense' ]]
}

@test "every_package_stands_once_in_its_group" {
    run -0 sed 's/#.*//; /^[[:space:]]*$/d' "$METE_SOURCE/tools/packages.txt"
    [ -z "$(sort <<<"$output" | uniq -d)" ]
    [ -z "$(grep -vE '^(build|demo|test|bench) [a-z0-9][a-z0-9.+-]+$' <<<"$output")" ]
}

@test "bench_hands_options_to_the_benchmark_before_them" {
    mkdir bench
    cp "$METE_SOURCE/dev" .
    printf '#!/bin/sh\nexit 0\n' >tools/install_packages
    cp tools/install_packages tools/build
    chmod +x tools/*
    for name in one two; do
        printf '#!/bin/sh\necho "%s $#" "$@"\n' $name >bench/$name
        chmod +x bench/$name
    done
    touch bench/input

    run -0 ./dev bench two one --rounds 3 'a b'
    [ "$output" = $'dev: bench/two\ntwo 0\ndev: bench/one\none 3 --rounds 3 a b' ]
    run -0 ./dev bench
    [ "$output" = $'dev: bench/one\none 0\ndev: bench/two\ntwo 0' ]
    run -1 ./dev bench input
    [[ "$output" == 'dev: no benchmark is called input; there are one two' ]]
    printf '#!/bin/sh\nexit 3\n' >bench/two
    run -1 ./dev bench two one
    [[ "$output" == *'bench/two failed' ]]
}

@test "every_suite_counts_and_one_without_results_failed" {
    cp "$METE_SOURCE/dev" .
    cp "$METE_SOURCE/tools/summary" tools/
    for tool in install_packages build check; do
        printf '#!/bin/sh\nexit 0\n' >tools/$tool
        chmod +x tools/$tool
    done
    mkdir -p build/meson-logs build-asan/meson-logs build-tsan/meson-logs
    # meson names its log after the wrapper, where there is one. The second suite always fails.
    played meson 'case $* in *wrapper*) log=testlog-setarch ;; *) log=testlog ;; esac
        case $* in *build-asan*) result=FAIL ;; *) result=OK ;; esac
        [ "$3" = "$(cat silent)" ] ||
            echo "{\"name\": \"t\", \"result\": \"$result\"}" >"$3/meson-logs/$log.json"'

    : >silent
    run -1 ./dev test
    [[ "$output" == *'FAILED build-asan: t: FAIL'* ]]
    [ "${lines[-1]}" = '8 passed, 1 failed' ]
    echo build-tsan >silent
    run -1 ./dev test
    [[ "$output" == *'FAILED the tests in build-tsan leave results'* ]]
    [ "${lines[-1]}" = '6 passed, 2 failed' ]
}

@test "fuzz_takes_a_number_of_seconds" {
    for wrong in soon -3 1.5 0; do
        run -1 "$METE_SOURCE/dev" fuzz "$wrong"
        [ "$output" = "dev: fuzz takes a number of seconds, not $wrong" ]
    done
}
