#!/usr/bin/env bats
# The totals are Valgrind's "total heap usage", to the last block and byte.

load run_helpers

# same_totals PROGRAM [ARG…]: both tools count the same. Addresses are not randomised, so that a
# program that hashes them does the same twice.
same_totals() {
    setarch -R valgrind --leak-check=no --log-file=valgrind.log "$@" >/dev/null 2>&1 || true
    setarch -R mete run --quiet --no-leaks --json mete.json -o p.mete -- "$@" >/dev/null 2>&1 || true
    local theirs ours
    theirs=$(sed -n 's/.*total heap usage: //p' valgrind.log | tr -d ,)
    ours=$(jq -r '.totals | "\(.allocations) allocs \(.frees) frees \(.allocated_bytes) bytes allocated"' mete.json)
    [ -n "$theirs" ] && [ "$theirs" = "$ours" ] ||
        { echo "Valgrind: $theirs"; echo "mete:     $ours"; false; }
}

@test "for every function of the malloc family" {
    compile family <<'C'
#define _GNU_SOURCE
#include <malloc.h>
#include <stdint.h>
#include <stdlib.h>
static void *volatile kept;
int main(void) {
    void *p;
    for (int size = 0; size < 300; size += 7) kept = malloc(size);
    kept = calloc(13, 11);
    kept = realloc(NULL, 77);
    for (int size = 1; size < 100000; size = size * 3 / 2 + 1) kept = realloc(kept, size);
    for (int size = 100000; size > 1; size /= 2) kept = realloc(kept, size);
    kept = reallocarray(kept, 10, 10);
    free(kept);
    free(NULL);
    if (posix_memalign(&p, 256, 1000) == 0) free(p);
    kept = aligned_alloc(64, 640);
    kept = memalign(4096, 5);
    kept = valloc(9);
    free(kept);
    for (int i = 0; i < 20; i++) kept = malloc((size_t)1 << i);
    kept = realloc(kept, 3 << 20);
    return 0;
}
C
    same_totals ./family
}

@test "for C++ with strings, containers and exceptions" {
    cat >objects.cc <<'C'
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>
struct node { std::unique_ptr<node> next; std::string name; };
int main() {
    std::map<std::string, std::vector<int>> all;
    for (int i = 0; i < 500; i++) all[std::string(i % 60, 'x')].push_back(i);
    std::unique_ptr<node> head;
    for (int i = 0; i < 200; i++)
        head = std::unique_ptr<node>(new node{std::move(head), "a name that does not fit inline"});
    try { throw std::runtime_error("an error with a text"); } catch (const std::exception &) {}
    delete[] new int[50];
    static std::string kept(1000, 'k');
    new int;
    return all.size() == 60 ? 0 : 1;
}
C
    g++ -g -O1 objects.cc -o objects
    same_totals ./objects
}

@test "for a program that ends deep in a call, with open files" {
    compile deep <<'C'
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
static void deeper(int depth) {
    char *copy = strdup("on the way");
    if (depth == 0) { printf("%s\n", copy); exit(3); }
    deeper(depth - 1);
    free(copy);
}
int main(void) {
    fopen("/dev/null", "w");
    deeper(50);
    return 0;
}
C
    same_totals ./deep
}

@test "for xmllint" {
    {
        echo '<list>'
        seq 3000 | sed 's/.*/<item id="&"><name>item number &<\/name><!-- & --><\/item>/'
        echo '</list>'
    } >list.xml
    same_totals xmllint --format list.xml
    # Not XPath: libxml2 seeds the hash tables it needs with the time.
    same_totals xmllint --noout --dtdattr list.xml
}

@test "for sqlite3" {
    cat >work.sql <<'SQL'
CREATE TABLE t(a INTEGER PRIMARY KEY, b TEXT, c REAL);
WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x+1 FROM n WHERE x<3000)
    INSERT INTO t SELECT x, 'text ' || (x * 7919 % 1000), x / 3.0 FROM n;
CREATE INDEX i ON t(b, c);
SELECT b, count(*), sum(c) FROM t GROUP BY b ORDER BY 3 DESC LIMIT 20;
UPDATE t SET b = upper(b) || json_array(a, c) WHERE a % 3 = 0;
SELECT group_concat(b) FROM (SELECT b FROM t ORDER BY c DESC LIMIT 500);
SQL
    same_totals sqlite3 :memory: '.read work.sql'
}

@test "for lua5.4" {
    cat >work.lua <<'LUA'
local words, seen = {}, {}
for i = 1, 8000 do words[i] = ("w"):rep(i % 50) .. (i * 7919) % 1000 end
for _, word in ipairs(words) do seen[word] = (seen[word] or 0) + 1 end
table.sort(words)
local text = table.concat(words, " "):gsub("%w+", string.upper)
local routines = {}
for i = 1, 100 do routines[i] = coroutine.wrap(function() for j = 1, 5 do coroutine.yield({i, j}) end end) end
for _ = 1, 5 do for i = 1, 100 do routines[i]() end end
print(#text)
LUA
    same_totals lua5.4 work.lua
}

@test "for jq" {
    jq -n '[range(400) | {id: ., name: "name \(.)", tags: [range(. % 7)]}]' >in.json
    same_totals jq 'group_by(.id % 10) | map({key: (.[0].id | tostring), value: map(.name) | join(",")}) | from_entries' in.json
}
