# What the tests of `mete run` share; loaded by each.

bats_require_minimum_version 1.5.0

setup() {
    cd "$BATS_TEST_TMPDIR" || return
    PATH=$METE_STAGE/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
    unset LD_PRELOAD
    export PATH
    export -n METE_STAGE METE_BUILD METE_SOURCE # the tests' own, not to be seen by programs
}

# ended CODE: the background process $mete has ended, and so.
ended() {
    local code=0
    wait "$mete" || code=$?
    [ "$code" = "$1" ] || { echo "ended with $code"; false; }
}

# compile NAME [FLAG…]: a C program from standard input, in the working directory.
compile() {
    local name=$1
    shift
    cc -g -O1 -x c - -o "$name" "$@"
}

# holds JQ [FILE]: what jq makes of it is true. (jq -e is content with an empty file.)
holds() { [ "$(jq "$@")" = true ]; }

# field FILE JQ: what jq makes of a profile's report; fails where that is nothing, null or false.
field() {
    mete report "$1" --json report.json || return
    jq -er "$2" report.json
}

# The profiles in the working directory, one a line.
profiles() { find . -maxdepth 1 -name '*.mete' -printf '%f\n' | sort; }

# as_nobody COMMAND…: with neither root's rights nor its groups.
as_nobody() { setpriv --reuid=65534 --regid=65534 --clear-groups --inh-caps=-all "$@"; }

# A copy of the installed tree that every user can read, in a folder every user can write: $shared.
share_tree() {
    [ "$(id -u)" = 0 ] || skip "needs root, to become another user"
    shared=$(mktemp -d /tmp/mete-test-XXXXXX)
    chmod 1777 "$shared"
    cp -R "$METE_STAGE" "$shared/stage"
    chmod -R go+rX "$shared/stage"
    PATH=$shared/stage/bin:$PATH
    cd "$shared" || return
}

teardown() {
    [ -z "${shared-}" ] || rm -rf "$shared"
    [ -z "${mounted-}" ] || umount "$mounted"
}
