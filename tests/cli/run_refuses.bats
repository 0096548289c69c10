#!/usr/bin/env bats
# mete run: what cannot be run or measured is said in one line, with an exit code.

load run_helpers

# refuses CODE TEXT COMMAND…: exits with CODE, prints nothing but one line that holds TEXT.
refuses() {
    local code=$1 text=$2
    shift 2
    run "-$code" --separate-stderr "$@"
    [ -z "$output" ]
    [ "${#stderr_lines[@]}" = 1 ]
    [[ "$stderr" == "mete: "*"$text"* ]] || { echo "$stderr"; false; }
}

# patch FILE OFFSET BYTES: overwrites bytes of a file; BYTES as printf takes them.
patch() { printf "$3" | dd of="$1" bs=1 seek="$2" conv=notrunc status=none; }

@test "a_program_that_does_not_exist_is_127" {
    refuses 127 "cannot find the program './nope'" mete run ./nope
    refuses 127 "cannot find a program 'nope' in the folders of PATH" mete run nope
    refuses 127 "cannot find the program '/usr/bin/env/x'" mete run /usr/bin/env/x
    refuses 127 "''" mete run ''
    refuses 126 "File name too long" mete run "./$(printf 'x%.0s' {1..5000})"
    [ -z "$(profiles)" ]
}

@test "path_is_searched_as_the_shell_does" {
    mkdir one two
    printf '#!/bin/sh\necho two\n' >two/tool
    echo text >one/tool
    chmod +x two/tool
    PATH=$PWD/missing:$PWD/one:$PWD/two:$PATH run mete run --quiet tool
    [ "$output" = two ]
    PATH=$PWD/one:$PATH refuses 126 "one/tool' is not executable" mete run tool
    cd two
    PATH=:$PATH run mete run --quiet tool
    [ "$output" = two ]
}

@test "what_is_no_program_is_126" {
    mkdir folder
    echo text >file
    refuses 126 "'./folder' is a directory" mete run ./folder
    refuses 126 "'./file' is not executable" mete run ./file
    cc -c -x c - -o object.o <<<'int x;'
    chmod +x object.o
    refuses 126 "'./object.o' is an ELF file but not a program" mete run ./object.o
    printf '\177ELF' >stump
    chmod +x stump
    refuses 126 "'./stump' is an ELF file but not a program" mete run ./stump
    mkfifo pipe
    chmod +x pipe
    refuses 126 "'./pipe' is not executable" mete run ./pipe
}

@test "a_script_without_its_interpreter_is_126" {
    printf '#!/no/such\n' >missing
    printf '#!/bin/sh\r\n' >dos
    printf '#!\n' >none
    printf '#!%s\n' "$PWD" >folder
    printf '#!./missing\n' >nested
    chmod +x missing dos none folder nested
    refuses 126 "the interpreter '/no/such', which does not exist" mete run ./missing
    refuses 126 "'./dos' has DOS line ends" mete run ./dos
    refuses 126 "names no interpreter" mete run ./none
    refuses 126 "a directory" mete run ./folder
    refuses 126 "'/no/such'" mete run ./nested
    printf '#!%s/circle\n' "$PWD" >circle
    chmod +x circle
    refuses 126 "too deep" mete run ./circle
}

@test "a_static_program_is_told_how_to_link_mete_in" {
    compile fixed -static <<<'int main(void) { return 3; }'
    refuses 126 "statically linked" mete run ./fixed
    [[ "$stderr" == *-lmete_malloc* ]]
    compile fixed-pie -static-pie <<<'int main(void) { return 3; }'
    refuses 126 "statically linked" mete run ./fixed-pie
    printf '#!%s/fixed\n' "$PWD" >script
    chmod +x script
    refuses 126 "statically linked" mete run ./script
}

@test "a_static_program_with_mete_inside_is_measured" {
    compile inside -static -L"$METE_STAGE/lib" -lmete_malloc <<'END'
#include <stdlib.h>
static void *volatile kept;
int main(void) { kept = malloc(123); return 0; }
END
    strip -o stripped inside
    for program in inside stripped; do
        mete run --quiet --json a.json ./$program
        holds '.totals.live_bytes >= 123' a.json
    done
}

@test "programs_for_other_machines_are_126" {
    compile narrow <<<'int main(void) { return 0; }'
    cp narrow other
    patch narrow 4 '\001'     # EI_CLASS: 32 bits
    patch narrow 18 '\003\000' # e_machine: x86
    refuses 126 "32-bit" mete run ./narrow
    patch other 18 '\267\000'  # e_machine: aarch64
    [ "$(uname -m)" = aarch64 ] || refuses 126 "aarch64" mete run ./other
}

@test "a_program_without_its_loader_is_126" {
    compile lost -Wl,--dynamic-linker=/no/such/ld-linux-x86-64.so.2 <<<'int main(void) { return 0; }'
    refuses 126 "'/no/such/ld-linux-x86-64.so.2', which does not exist" mete run ./lost
    compile musl -Wl,--dynamic-linker=/bin/true <<<'int main(void) { return 0; }'
    refuses 126 "another C library" mete run ./musl
}

@test "the_loader_itself_can_be_run" {
    loader=$(readelf -lW "$(type -P true)" | sed -n 's/.*interpreter: \(.*\)]/\1/p')
    run -4 mete run --quiet "$loader" "$(command -v sh)" -c 'exit 4'
}

@test "a_program_built_with_address_sanitizer_is_126" {
    compile checked -fsanitize=address <<<'int main(void) { return 0; }'
    refuses 126 "AddressSanitizer" mete run ./checked
}

@test "programs_that_change_their_privileges_are_126" {
    share_tree
    compile plain <<<'int main(void) { return 0; }'
    chmod 755 plain
    install -m 4755 plain setuid
    install -m 2755 -g 1 plain setgid
    install -m 755 plain capable
    refuses 126 "'./setuid' is setuid" as_nobody "$PWD/stage/bin/mete" run ./setuid
    refuses 126 "'./setgid' is setgid" as_nobody "$PWD/stage/bin/mete" run ./setgid
    if setcap cap_net_raw+ep capable; then
        refuses 126 "'./capable' has file capabilities" as_nobody "$PWD/stage/bin/mete" run ./capable
    fi
    # For their owner they are programs like any other.
    run -0 mete run --quiet ./setuid
    chown 65534:65534 setuid
    chmod 4755 setuid
    run -0 as_nobody "$PWD/stage/bin/mete" run --quiet ./setuid
    run -0 mete run --quiet ./capable
}

@test "an_unreadable_program_is_run_all_the_same" {
    share_tree
    compile secret <<<'int main(void) { return 5; }'
    chmod 711 secret
    run -5 as_nobody "$PWD/stage/bin/mete" run --quiet ./secret
}

# brings ALLOCATOR COMMAND…: one line that names it, and the program runs.
brings() {
    run -0 --separate-stderr mete run "${@:2}"
    [[ "$stderr" == *"$1"*"mete sees nothing"* ]]
    [ "$(grep -c 'mete sees nothing' <<<"$stderr")" = 1 ]
}

@test "a_program_with_its_own_allocator_is_told_in_one_line" {
    for symbol in je_malloc:jemalloc tc_malloc:tcmalloc mi_malloc:mimalloc; do
        compile "own-${symbol#*:}" <<END
void *${symbol%:*}(unsigned long size);
void *${symbol%:*}(unsigned long size) { return (void *)size; }
int main(void) { return ${symbol%:*}(0) != 0; }
END
        brings "${symbol#*:}" "./own-${symbol#*:}"
    done
    compile own -fno-builtin <<'END'
static char pool[1 << 20];
static unsigned long used;
void *malloc(unsigned long size);
void free(void *block);
void *malloc(unsigned long size) { used += (size + 15) & ~15ul; return pool + used; }
void free(void *block) { (void)block; }
int main(void) { free(malloc(10)); return 0; }
END
    brings "a malloc of its own" ./own
    run --separate-stderr mete run --quiet ./own
    [ -z "$stderr" ]
}

@test "a_local_or_missing_malloc_is_no_allocator_of_its_own" {
    compile modest -fno-builtin <<'END'
static void *je_malloc(unsigned long size) { return (void *)size; }
void *malloc(unsigned long size);
int main(void) { return je_malloc(0) != 0 || malloc(3) == 0; }
END
    run --separate-stderr mete run ./modest
    [[ "$stderr" != *"mete sees nothing"* ]]
}

@test "go_programs_are_known_by_their_build_information" {
    compile plain <<<'int main(void) { return 0; }'
    echo info >info
    objcopy --add-section .go.buildinfo=info plain go
    brings "Go's runtime" ./go
    compile fixed -static <<<'int main(void) { return 0; }'
    objcopy --add-section .go.buildinfo=info fixed go-fixed
    refuses 126 "Go's runtime" mete run ./go-fixed
}

@test "an_output_that_cannot_be_written_is_125" {
    mkdir folder
    refuses 125 "cannot write the profile 'missing/a.mete': No such file" mete run -o missing/a.mete true
    refuses 125 "Is a directory" mete run -o folder true
    refuses 125 "no regular file" mete run -o /dev/null true
    ln -s elsewhere link
    refuses 125 "no regular file" mete run -o link true
    refuses 125 "File name too long" mete run -o "$(printf 'x%.0s' {1..300})" true
    refuses 125 "cannot write the JSON file 'missing/a.json'" mete run --json missing/a.json true
    refuses 125 "both the profile and the JSON file" mete run -o one --json ./one true
    [ -c /dev/null ] && [ -z "$(profiles)" ]
}

@test "a_folder_without_write_permission_is_125" {
    share_tree
    mkdir closed
    cd closed
    refuses 125 "Permission denied" as_nobody ../stage/bin/mete run true
}

@test "a_deleted_working_directory_is_125" {
    mkdir gone
    cd gone
    rmdir ../gone
    refuses 125 "cannot write the profile" mete run true
    run -0 mete run --quiet -o "$BATS_TEST_TMPDIR/a.mete" true
}

@test "a_missing_library_is_125" {
    mkdir -p alone/bin
    cp "$METE_STAGE/bin/mete" alone/bin/
    refuses 125 "libmete_malloc.so" alone/bin/mete run true
}

@test "bad_usage_is_2_and_names_the_nearest" {
    refuses 2 "unknown option '--outptu'; did you mean '--output'?" mete run --outptu=x true
    refuses 2 "unknown option '--xyzzy'" mete run --xyzzy true
    refuses 2 "unknown option '-x'" mete run -x true
    refuses 2 "unknown mode 'exat'" mete run --mode=exat true
    [[ "$stderr" == *"did you mean 'exact'?"* ]]
    refuses 2 "--output needs a value" mete run --output
    refuses 2 "--quiet takes no value" mete run --quiet=yes true
    refuses 2 "'256' is not a number from 0 to 255" mete run --error-exitcode=256 true
    refuses 2 "no program is named" mete run
    refuses 2 "unknown command 'rnu'; did you mean 'mete run'?" mete rnu true
    refuses 2 "unknown option '--quiet': a command comes first" mete --quiet run true
    run -2 mete
    [ -z "$(profiles)" ]
}

@test "help_and_version_answer_on_standard_output" {
    run -0 --separate-stderr mete --help
    [[ "$output" == *"run a program"* ]] && [ -z "$stderr" ]
    [ "$(mete help)" = "$output" ]
    run -0 --separate-stderr mete run --help
    [[ "$output" == *--error-exitcode* ]] && [ -z "$stderr" ]
    [ "$(mete help run)" = "$output" ]
    [[ "$(mete --version)" =~ ^mete\ [0-9]+\.[0-9]+\.[0-9]+$ ]]
    [ "$(mete version)" = "$(mete --version)" ]
}
