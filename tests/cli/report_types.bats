# The types of blocks, in reports and in `mete layout --heap`.

load run_helpers

# Connections with padding, whose reorder crosses a size class; nodes, where it does not.
prepare() {
    compile conns "$@" <<'END'
#include <stdlib.h>
#include <string.h>

struct conn {
    char state;
    void *peer;
    char flags;
    void *buffer;
    int fd;
    struct conn *next;
};
struct node {
    char kind;
    struct node *left;
    char flag;
    struct node *right;
    void *key, *value;
};
struct node *nodes[100];
char *text;

struct conn *conn_new(struct conn *next) {
    struct conn *conn = malloc(sizeof *conn);
    memset(conn, 0, sizeof *conn);
    conn->next = next;
    return conn;
}

int main(void) {
    struct conn *conns = NULL;
    for (int i = 0; i < 1000; i++) conns = conn_new(conns);
    for (int i = 0; i < 100; i++) nodes[i] = calloc(1, sizeof(struct node));
    text = malloc(200);
    strcpy(text, "text");
    return conns == NULL || text[0] != 't';
}
END
    mete run --quiet --output p.mete ./conns
}

@test "a site's type is in the JSON, with its evidence" {
    prepare
    mete report p.mete --json r.json
    holds '[.sites[] | select(.type == "struct conn")] | length == 1 and
           .[0].type_confidence == "certain" and .[0].type_form == "one" and
           .[0].type_bytes == 48 and (.[0].type_evidence | test("conn"))' r.json
    holds '[.sites[] | select(.type == "char")] | .[0].type_form == "bytes" and
           .[0].type_confidence == "likely"' r.json
}

@test "types add up to the totals" {
    prepare
    mete report p.mete --json r.json
    holds '([.types[].allocated_bytes] | add) == .totals.allocated_bytes and
           ([.types[].peak.bytes] | add) == .totals.peak_live_bytes' r.json
    holds '.types[0] | .name == "struct conn" and .size == 48 and .certain and
           .peak.objects == 1000 and .live.blocks == 1000 and .peak.rounding == 0' r.json
}

@test "text names the types of places, and sums them up" {
    prepare
    mete report p.mete >text
    grep -q 'conn_new  .*  struct conn$' text
    grep -q 'By type' text
    grep -Eq '^ +46\.9 KiB +.* +1,000  struct conn  48 B$' text
}

@test "without debugging information there are no types" {
    prepare -g0
    mete report p.mete --json r.json
    holds 'all(.sites[]; .type == null and .type_confidence == "unknown")' r.json
    mete report p.mete >text
    ! grep -q 'By type' text
}

@test "layout --heap says what a reorder wins, and how" {
    prepare
    mete layout conns --heap p.mete >text
    grep -Eq '^ +15\.6 KiB +46\.9 KiB +1,000 .*struct conn' text
    grep -q '48 → 32 bytes: move' text
    grep -q '15.6 KiB can be won' text
}

@test "layout --heap says where a reorder wins nothing" {
    prepare
    mete layout conns --heap p.mete >text
    grep -Eq '^ +- .*struct node' text
    grep -q '48 → 40 bytes: saves nothing, blocks stay as large' text
}

@test "layout --heap has its figures in the JSON" {
    prepare
    mete layout conns --heap p.mete --json l.json
    holds '.types[] | select(.name == "struct conn") | .heap.peak.objects == 1000 and
           .heap.peak.won == 16000 and .heap.peak.padding == 18000 and .heap.certain' l.json
    mete layout conns --json l.json
    holds 'all(.types[]; has("heap") | not)' l.json
}

@test "layout --heap of what is no profile says so" {
    prepare
    run mete layout conns --heap conns
    [ "$status" -ne 0 ]
    [[ $output == *"conns"*"profile"* ]]
}
