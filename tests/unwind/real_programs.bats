#!/usr/bin/env bats
# Every allocation of a real program captured with the memo, without it, and (one in 32) by
# backtrace(): no two may differ, and none may be cut. $UNWIND_PRELOAD is preload.c as a library.

setup() {
    export UNWIND_LOG=$BATS_TEST_TMPDIR/log
}

# watched PROGRAM [ARG...]: runs it, and shows what the library said if that is not "none differ".
watched() {
    LD_PRELOAD=$UNWIND_PRELOAD "$@" >"$BATS_TEST_TMPDIR/out"
    cat "$UNWIND_LOG"
    [ -s "$UNWIND_LOG" ]
    ! grep -qv ' 0 different, 0 unlike backtrace, 0 cut,' "$UNWIND_LOG"
}

need() {
    command -v "$1" >/dev/null || skip "there is no $1"
}

@test "lua5.4" {
    need lua5.4
    watched lua5.4 -e 'local t = {} for i = 1, 60000 do t[i % 1000] = {i, tostring(i), {}} end
        local f = "return " .. string.rep("{", 50) .. string.rep("}", 50)
        for i = 1, 300 do load(f)() end
        for i = 1, 300 do pcall(error, {i}) end
        local c = coroutine.wrap(function() for i = 1, 500 do coroutine.yield({i}) end end)
        for i = 1, 500 do c() end'
}

@test "sqlite3" {
    need sqlite3
    watched sqlite3 :memory: "create table t(a, b, c); create index i on t(b);
        with recursive n(i) as (select 1 union all select i + 1 from n where i < 8000)
            insert into t select i, i * 7 % 100, 'x' || i from n;
        select b, count(*), group_concat(c) from t group by b order by 2;
        select count(*) from t x join t y on x.b = y.b and x.a < 200;"
}

@test "xmllint" {
    need xmllint
    printf '<r>%s</r>' "$(yes '<e a="1"><n>text</n><!-- c --></e>' | head -4000)" \
        >"$BATS_TEST_TMPDIR/in.xml"
    watched xmllint --format "$BATS_TEST_TMPDIR/in.xml"
}

@test "python3, with threads" {
    need python3
    # The interpreter itself: a wrapper script that starts it would be watched as well.
    python=$(python3 -c 'import sys; print(sys.executable)')
    PYTHONMALLOC=malloc watched "$python" -c '
import json, re, threading
def work(depth):
    if depth: return work(depth - 1)
    return json.loads(json.dumps([{"a": i, "b": list(range(5))} for i in range(1500)]))
threads = [threading.Thread(target=work, args=(10 * i,)) for i in range(4)]
[t.start() for t in threads]; [t.join() for t in threads]
re.findall("(a|b)*c", "abc" * 500)'
}

@test "the C compiler" {
    need gcc
    compiler=$(gcc -print-prog-name=cc1)
    [ -x "$compiler" ] || skip "gcc has no cc1"
    { echo 'int printf(const char *, ...);'; for i in $(seq 120); do
        echo "int f$i(int a, int *b) { int s = 0; for (int i = 0; i < a; i++)"
        echo "if (b[i] > $i) s += b[i] * $i; else switch (s & 3) { case 1: s ^= a; default: s--; }"
        echo "return printf(\"%d\", s); }"
    done; } >"$BATS_TEST_TMPDIR/in.c"
    watched "$compiler" -quiet -O2 "$BATS_TEST_TMPDIR/in.c" -o /dev/null
}

@test "git" {
    need git
    cd "$BATS_TEST_TMPDIR"
    git init -q repository
    cd repository
    for i in 1 2 3 4 5; do
        seq "$i" 4000 >numbers
        git add numbers
        git -c user.name=n -c user.email=e commit -qm "$i"
    done
    watched git log --stat -p
}
