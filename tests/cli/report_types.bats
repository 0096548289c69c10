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
struct idle { int never; } idle;
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

@test "what is returned from inside a block is not the block" {
    cat >inside.c <<'END'
#include <stdlib.h>
#define APART __attribute__((noinline))

struct node { int value; struct node *next; };
struct chunk { struct chunk *next; char *free; long space[]; };
struct item { long a[10]; char name[]; };
struct chunk *chunks;
struct item *last;

/* The address of a member, as git appends to lists. */
APART struct node **append(int value, struct node **at) {
    struct node *node = malloc(sizeof *node);
    node->value = value;
    node->next = NULL;
    *at = node;
    return &node->next;
}

/* The first object of a pool. */
APART void *take(size_t size) {
    struct chunk *chunk = malloc(sizeof *chunk + 4096);
    chunk->next = chunks;
    chunk->free = (char *)chunk->space + size;
    chunks = chunk;
    return chunk->space;
}

APART void item_new(void) {
    struct item *item = take(sizeof *item + 1);
    item->a[0] = 1;
    last = item;
}

int main(void) {
    struct node *list = NULL, **tail = &list;
    for (int i = 0; i < 5; i++) tail = append(i, tail);
    item_new();
    return list->value;
}
END
    for compiler in gcc clang; do
        for level in -O0 -O2; do
            "$compiler" -g $level inside.c -o inside
            mete run --quiet --output inside.mete ./inside
            mete report inside.mete --json r.json
            site='.sites[] | select(any(.stack[]; .function == $of))'
            jq -e --arg of append "[$site | .type] | unique == [\"struct node\"]" r.json
            jq -e --arg of take "[$site | select(.type_confidence == \"certain\" and
                .type != \"struct chunk\")] == []" r.json
        done
    done
}

@test "a second clue to one of two things settles nothing" {
    cat >stored.c <<'END'
#include <stdlib.h>
struct item { char a; double d; char b; };
union value { long l; char c[24]; };
union value *value;
struct list { struct item *head; } list, *lists = &list;
__attribute__((noinline)) void *either(int which) {
    void *p = malloc(24);
    if (!which) {
        value = p;
        return p;
    }
    lists->head = p;
    struct item *item = p;
    item->d = 1;
    return p;
}
int main(int argc, char **argv) {
    (void)argv;
    int made = 0;
    for (int i = 0; i < 4; i++) made += either((argc + i) & 1) != NULL;
    return made != 4;
}
END
    for compiler in gcc clang; do
        for level in -O0 -O2; do
            "$compiler" -g $level stored.c -o stored
            mete run --quiet --output stored.mete ./stored
            mete report stored.mete --json r.json
            holds '[.sites[] | select(any(.stack[]; .function == "either")) | .type_confidence] |
                unique == ["likely"]' r.json
        done
    done
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

@test "where a function makes one of two things, neither is certain" {
    cat >two.c <<'END'
#include <stdlib.h>
struct item { long a, b, c; };
union un { char text[24]; double numbers[3]; };
typedef struct item item_name;
__attribute__((noinline)) void *either(int which) {
    void *p = malloc(24);
    if (which) {
        struct item *i = p;
        i->a = 1;
    } else {
        union un *u = p;
        u->numbers[1] = 2;
    }
    return p;
}
__attribute__((noinline)) void *one(int which) {
    void *p = malloc(24);
    if (which) {
        struct item *i = p;
        i->a = 1;
    } else {
        item_name *other = p;
        other->b = 2;
    }
    return p;
}
void *volatile kept;
int main(void) {
    for (int i = 0; i < 10; i++) {
        kept = either(i & 1);
        kept = one(i & 1);
    }
    return 0;
}
END
    for flags in -O0 -O2; do
        gcc -g $flags two.c -o two
        mete run --quiet -o two.mete ./two
        mete report two.mete --json r.json
        holds '[.sites[] | select(.stack[0].function == "either")] | length > 0 and
               all(.[]; .type_confidence != "certain")' r.json
        holds '[.sites[] | select(.stack[0].function == "one")] | length > 0 and
               all(.[]; .type_confidence == "certain")' r.json
    done
}

@test "an array behind a header is said to be so" {
    cat >behind.c <<'END'
#include <stdlib.h>
struct head { size_t count; void *owner[4]; };
struct item { char tag; double value; char other; };
void *volatile kept;
__attribute__((noinline)) struct item *items(size_t count) {
    struct head *head = malloc(sizeof *head + count * sizeof(struct item));
    struct item *items = (struct item *)(head + 1);
    head->count = count;
    for (size_t i = 0; i < count; i++) items[i].value = (double)i;
    return items;
}
int main(void) {
    for (int i = 0; i < 10; i++) kept = items(5);
    return 0;
}
END
    for compiler in gcc clang; do
        "$compiler" -g -O0 behind.c -o behind
        mete run --quiet -o behind.mete ./behind
        mete report behind.mete --json r.json
        holds '.sites[] | select(.stack[0].function == "items") | .type == "struct item" and
               .type_form == "array" and .type_header == 40' r.json
        holds '.types[] | select(.name == "struct item") | .peak.objects == 50' r.json
        mete report behind.mete | grep -F 'probably struct item[] behind 40 B'
    done
}

@test "a struct that is only declared is looked up where it is defined" {
    cat >user.c <<'END'
#include <stdlib.h>
struct pool { struct state *state; struct twice *twice; };
extern size_t state_bytes, twice_bytes;
void state_use(struct state *);
__attribute__((noinline)) void states(struct pool *pool) { pool->state = calloc(1, state_bytes); }
__attribute__((noinline)) void twices(struct pool *pool) { pool->twice = calloc(1, twice_bytes); }
int main(void) {
    static struct pool pool;
    states(&pool);
    twices(&pool);
    state_use(pool.state);
    return pool.twice == NULL;
}
END
    cat >state.c <<'END'
#include <stddef.h>
struct state { long count; void *slabs[3]; };
struct twice { long a, b, c; } twice_here;
size_t state_bytes = sizeof(struct state), twice_bytes = sizeof(struct twice);
void state_use(struct state *state) { state->count++; }
END
    echo 'struct twice { char of_another[24], unit[8]; } twice_there;' >other.c
    for flags in '-O0' '-O2' '-O2 -gdwarf-4' '-O2 -gsplit-dwarf'; do
        gcc -g $flags user.c state.c other.c -o user
        mete run --quiet -o user.mete ./user
        mete report user.mete --json r.json
        holds '.sites[] | select(.stack[0].function == "states") | .type == "struct state" and
               .type_confidence == "certain"' r.json
        # Nobody knows which of the two is meant.
        holds '.sites[] | select(.stack[0].function == "twices") | .type == null' r.json
    done
}

@test "who returns the end of its struct has made a struct" {
    cat >end.c <<'END'
#include <stdlib.h>
#include <string.h>
struct entry { struct entry *next; unsigned hash; size_t length; char text[]; };
struct entry *entries;
__attribute__((noinline)) const char *intern(const char *text) {
    struct entry *entry = malloc(sizeof *entry + strlen(text) + 1);
    entry->next = entries;
    entries = entry;
    entry->length = strlen(text);
    strcpy(entry->text, text);
    return entry->text;
}
int main(void) { return intern("thirteen and more")[0] == 0; }
END
    for compiler in gcc clang; do
        for level in -O0 -O2; do
            "$compiler" -g $level end.c -o end
            mete run --quiet -o end.mete ./end
            mete report end.mete --json r.json
            holds '.sites[] | select(.stack[0].function == "intern") | .type == "struct entry" and
                   .type_form == "flexible"' r.json
        done
    done
}

@test "what an allocator counts its memory in is not certain to be what it is for" {
    cat >grains.c <<'END'
#include <stdlib.h>
union grain { char bytes[8]; union grain *next; };
struct link { void *a, *b; };
static union grain *pool[4];
struct table { short type; void *data; } table;
char *text;
__attribute__((noinline)) void *grains(size_t bytes) {
    size_t count = (bytes + 7) / 8;
    union grain *grain;
    if (count > 4) {
        grain = malloc(count * 8);
        if (grain == NULL) abort();
    } else if ((grain = pool[count - 1]) != NULL) {
        pool[count - 1] = grain->next;
    } else {
        grain = malloc(count * 8);
    }
    return grain;
}
__attribute__((noinline)) void links(struct table *to) { to->data = grains(64 * sizeof(struct link)); }
int main(void) {
    links(&table);
    text = grains(4097);
    return text == NULL;
}
END
    for compiler in gcc clang; do
        for level in -O0 -O2; do
            "$compiler" -g $level grains.c -o grains
            mete run --quiet -o grains.mete ./grains
            mete report grains.mete --json r.json
            holds '[.sites[] | select(.stack[0].function == "grains") | .type_confidence] |
                length == 2 and all(.[]; . != "certain")' r.json
            # Nobody says what the block for links is: it is no array of grains.
            [ $level = -O0 ] || holds '[.sites[] | select(.stack[0].function == "grains" and
                    .stack[1].function == "links") | .type] == [null]' r.json
        done
    done
}

@test "who asks a pool for one object does not make its chunk an array of them" {
    cat >chunk.c <<'END'
#include <stdlib.h>
struct pair { long a, b, c, d; };
struct cell { long kind; double value; };
struct entry { struct entry *next, *other; char *key; long hash; struct cell cell; };
struct pair *pairs;
static char *left, *end;
__attribute__((noinline)) void *pool(size_t bytes) {
    if ((size_t)(end - left) < bytes) {
        left = malloc(2048);
        if (left == NULL) abort();
        end = left + 2048;
    }
    void *p = left;
    left += bytes;
    return p;
}
__attribute__((noinline)) void pair_new(void) { pairs = pool(sizeof *pairs); }
__attribute__((noinline)) struct entry *entry_new(long hash) {
    struct entry *entry = pool(sizeof *entry);
    entry->hash = hash;
    return entry;
}
__attribute__((noinline)) struct cell *cell_of(long hash) { return &entry_new(hash)->cell; }
int main(void) {
    pair_new();
    left = end;
    struct cell *cell = cell_of(1);
    return pairs == NULL || cell == NULL;
}
END
    for compiler in gcc clang; do
        for level in -O0 -O2; do
            "$compiler" -g $level chunk.c -o chunk
            mete run --quiet -o chunk.mete ./chunk
            mete report chunk.mete --json r.json
            holds '[.sites[] | select(.stack[0].function == "pool") |
                    {type, type_confidence}] | length == 2 and
                all(.[]; .type_confidence != "certain" and .type != "struct cell")' r.json
        done
    done
}

@test "who keeps the last of two objects, too, has not a header in front of one" {
    cat >ends.c <<'END'
#include <stdlib.h>
struct state { long kind; void *data; int next; };
struct machine { struct state *start, *stop; };
struct machine machine;
__attribute__((noinline)) void machine_new(struct machine *made) {
    made->start = malloc(2 * sizeof(struct state));
    if (made->start == NULL) abort();
    made->stop = made->start + 1;
    made->start->kind = 1;
}
int main(void) {
    machine_new(&machine);
    return machine.stop == NULL;
}
END
    for compiler in gcc clang; do
        for level in -O0 -O2; do
            "$compiler" -g $level ends.c -o ends
            mete run --quiet -o ends.mete ./ends
            mete report ends.mete --json r.json
            holds '[.sites[] | select(.stack[0].function == "machine_new") |
                    .type + " " + .type_form] == ["struct state array"]' r.json
        done
    done
}

@test "of an object that is cut short its beginning is said, and not for certain" {
    cat >short.c <<'END'
#include <stdlib.h>
#include <string.h>
struct base { long count; void *kind; };
struct plain { struct base base; long length, hash, state; };
struct wide { struct plain plain; long bytes; char *text; };
struct base *kept;
__attribute__((noinline)) struct base *text_new(size_t length, int is_plain) {
    size_t size = is_plain ? sizeof(struct plain) : sizeof(struct wide);
    struct base *object = malloc(size + length + 1);
    if (object == NULL) abort();
    struct wide *wide = (struct wide *)object;
    char *text = is_plain ? (char *)(&wide->plain + 1) : (char *)(wide + 1);
    wide->plain.length = (long)length;
    if (!is_plain) wide->text = text;
    memset(text, 'x', length);
    return object;
}
int main(void) {
    kept = text_new(3, 1);
    return kept == NULL;
}
END
    for compiler in gcc clang; do
        "$compiler" -g -O0 short.c -o short
        mete run --quiet -o short.mete ./short
        mete report short.mete --json r.json
        holds '[.sites[] | select(.stack[0].function == "text_new") |
                .type + ", " + .type_confidence] == ["struct plain, likely"]' r.json
    done
}

@test "a header's size with a multiple of something added counts no headers" {
    cat >added.c <<'END'
#include <stdlib.h>
struct range { int low, high; };
struct ranges { int kind, count; struct range *all; };
struct set { char folds; int runes; struct range *all; int count; };
struct set *kept[8];
__attribute__((noinline)) struct set *set_new(const struct ranges *from) {
    unsigned char *data = malloc(sizeof(struct set) + (size_t)from->count * sizeof(struct range));
    struct set *set = (struct set *)data;
    if (set == NULL) abort();
    set->all = (struct range *)(data + sizeof *set);
    set->count = 0;
    return set;
}
int main(void) {
    struct ranges from = {0, 3, NULL};
    for (int i = 0; i < 8; i++) kept[i] = set_new(&from);
    return kept[7] == NULL;
}
END
    for compiler in gcc clang; do
        for level in -O0 -O2; do
            "$compiler" -g $level added.c -o added
            mete run --quiet -o added.mete ./added
            mete report added.mete --json r.json
            holds '[.sites[] | select(.stack[0].function == "set_new") | .type_confidence] |
                length >= 1 and all(.[]; . != "certain")' r.json
        done
    done
}

@test "which of a union's pointers it is, the size tells, and that is not certain" {
    cat >union.c <<'END'
#include <stdlib.h>
struct twin { long a, b, c; };
struct other { char text[24]; };
struct large { struct twin twins[3]; };
struct cell {
    int kind;
    union {
        struct twin *twin;
        struct other *other;
        struct large *large;
        struct cell **cells;
        char *text;
    } to;
};
struct link { struct cell *cell; };
volatile char seed;
__attribute__((noinline)) void twin(struct link *link) { link->cell->to.twin = malloc(24); }
__attribute__((noinline)) void large(struct cell *cell) { cell->to.large = malloc(72); }
__attribute__((noinline)) void cells(struct cell *cell, int n) { cell->to.cells = malloc(n * sizeof(void *)); }
__attribute__((noinline)) void text(struct cell *cell, int n) { cell->to.text = malloc(n); }
__attribute__((noinline)) void copied(struct cell *cell, int n) {
    cell->to.text = malloc(n);
    for (int i = 0; i < n; i++) cell->to.text[i] = seed;
}
__attribute__((noinline)) void pointers(struct cell *cell) {
    cell->to.cells = malloc(24);
    cell->to.cells[seed] = cell;
}
__attribute__((noinline)) void inner(struct cell *cell) { cell->to.large->twins[0].a = (long)malloc(24); }
/* Where a variable says it there is no doubt. */
__attribute__((noinline)) struct large *said(struct cell *cell) {
    struct large *it = malloc(72);
    cell->to.large = it;
    return it;
}
int main(void) {
    static struct cell cell;
    static struct link link = {&cell};
    twin(&link);
    text(&cell, 9);
    copied(&cell, 7);
    pointers(&cell);
    cells(&cell, 9);
    large(&cell);
    inner(&cell);
    return said(&cell) == NULL;
}
END
    for flags in -O0 -O2; do
        gcc -g $flags union.c -o union
        mete run --quiet -o union.mete ./union
        mete report union.mete --json r.json
        of() { # of FUNCTION: type, confidence
            jq -r ".sites[] | select(.stack[0].function == \"$1\") | .type + \", \" + .type_confidence" r.json
        }
        [ "$(of large)" = "struct large, likely" ]
        [ "$(of said)" = "struct large, certain" ]
        [ "$(of cells)" = "struct cell *, likely" ]
        [ "$(of text)" = "char, likely" ]
        [ "$(of copied)" = "char, likely" ]
        [ "$(of pointers)" = "struct cell *, likely" ]
        [[ $(of twin) == "struct "*", likely" ]]
    done
}

@test "without capstone the types say why they are few" {
    prepare
    mkdir hidden
    library=$(ldconfig -p | sed -n 's/^[[:space:]]*\(libcapstone[^ ]*\).*/\1/p' | grep -m 1 'so\.')
    : >"hidden/$library"
    LD_LIBRARY_PATH=$PWD/hidden mete report p.mete >out
    grep -qF "$library is not installed: without it few types of blocks are known" out
    LD_LIBRARY_PATH=$PWD/hidden mete layout conns --heap p.mete >out 2>err
    grep -qF "layout: $library is not installed" err
    mete report p.mete >out
    ! grep -qF 'not installed' out
}

@test "layout --heap says what a reorder wins, and how" {
    prepare
    mete layout conns --heap p.mete >text
    grep -Eq '^ +15\.6 KiB +46\.9 KiB +1,000 .*struct conn' text
    grep -q '48 → 32 bytes: move' text
    grep -qF "15.6 KiB can be won by reordering (glibc's malloc: 17.2 KiB)" text
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
           .heap.peak.won == 16000 and .heap.peak.won_glibc == 16000 and .heap.peak.padding == 18000 and .heap.certain' l.json
    mete layout conns --json l.json
    holds 'all(.types[]; has("heap") | not)' l.json
}

@test "layout --heap has its figures in the SARIF" {
    prepare
    mete layout conns --heap p.mete --sarif l.json
    holds '.runs[0].results | any(.ruleId == "reorder" and .level == "warning" and
        .properties.objects == 1000 and .properties.won == 16000 and
        (.message.text | endswith("1000 objects of it, of which that saves 16000 bytes of the heap")))' l.json
    holds '.runs[0].results | any(.ruleId == "reorder" and .level == "note" and .properties.won == 0 and
        (.message.text | endswith("whose blocks stay as large")))' l.json
    holds 'all(.runs[0].results[]; .properties.objects > 0)' l.json
    mete layout conns --sarif l.json
    holds 'all(.runs[0].results[]; has("properties") | not)' l.json
}

@test "layout --alive leaves types with objects in a profile" {
    prepare
    mete layout conns --json all.json
    mete layout conns --alive p.mete --json l.json
    holds '[.types[].name] | index("struct conn") != null and index("struct node") != null' l.json
    [ "$(jq '.types | length' l.json)" -lt "$(jq '.types | length' all.json)" ]
    holds 'all(.types[]; has("heap") | not)' l.json
    mete layout conns conn --alive p.mete >text
    grep -q '^struct conn {' text
    mete layout conns --alive p.mete --heap p.mete --json l.json
    holds 'all(.types[]; .heap != null)' l.json
    run mete layout conns --alive conns
    [ "$status" -eq 125 ]
}

@test "layout --heap of what is no profile says so" {
    prepare
    run mete layout conns --heap conns
    [ "$status" -ne 0 ]
    [[ $output == *"conns"*"profile"* ]]
}

@test "a type that the program says itself needs no debugging information" {
    compile typed -I"$METE_STAGE/include" -L"$METE_STAGE/lib" -lmete -Wl,-rpath,"$METE_STAGE/lib" \
        <<'END'
#include <mete/allocator.h>
#include <mete/scope.h>
struct conn { char state; void *peer; char flags; long counts[3]; };
struct cell { int row, column; };
static void *conns[20];
__attribute__((noinline)) static struct conn *conn_new(void) {
    return METE_ALLOC(mete_allocator_heap(), struct conn);
}
int main(void) {
    for (int i = 0; i < 20; i++) conns[i] = conn_new();
    METE_AUTO_ARRAY(struct cell, cells, 9);
    short *system = METE_ALLOC_ARRAY(mete_allocator_system(), short, 50);
    return METE_ALLOC_ARRAY(mete_allocator_heap(), double, 7) == NULL || !cells || !system;
}
END
    strip typed
    mete run --quiet --output p.mete ./typed
    mete report p.mete --json r.json
    holds '[.sites[] | select(.type == "struct conn")] | length == 1 and
           .[0].type_confidence == "certain" and .[0].type_form == "one" and
           .[0].type_bytes == 48 and (.[0].type_evidence | test("^stated at .*:7$"))' r.json
    holds '[.sites[] | select(.type == "double")] | .[0].type_form == "array"' r.json
    holds '[.sites[] | select(.type == "struct cell")] | .[0].type_form == "array" and
           .[0].type_confidence == "certain"' r.json
    holds '[.sites[] | select(.type == "short")] | .[0].type_form == "array" and
           (.[0].type_evidence | test("^stated at"))' r.json
    run -0 mete report p.mete
    [[ "$output" == *'20  struct conn  48 B'* ]]
}

@test "a struct that begins with another is no other type than that" {
    compile derived <<'END'
#include <stdlib.h>
struct base { long id; struct base *next; };
struct derived { struct base base; };
struct other { double low, high; };
struct base *list;
void *others[8];
__attribute__((noinline)) void *derive(long id) {
    struct derived *derived = malloc(sizeof *derived);
    struct base *base = &derived->base;
    base->id = id;
    base->next = list;
    list = base;
    return derived;
}
__attribute__((noinline)) void *either(int which) {
    void *block = malloc(sizeof(struct other));
    if (which) {
        struct other *other = block;
        other->low = 1;
    } else {
        struct base *base = block;
        base->id = 2;
    }
    return block;
}
int main(void) {
    for (int i = 0; i < 4; i++) others[i] = derive(i), others[i + 4] = either(i & 1);
    return 0;
}
END
    mete run --quiet --output p.mete ./derived
    mete report p.mete --json r.json
    holds '[.sites[] | select(.stack[0].function == "derive") | .type, .type_confidence] ==
           ["struct derived", "certain"]' r.json
    holds '[.sites[] | select(.stack[0].function == "either") | .type_confidence] == ["likely"]' \
        r.json
}

@test "a typedef that the program says is the struct that other clues name" {
    compile stated -I"$METE_STAGE/include" -L"$METE_STAGE/lib" -lmete -Wl,-rpath,"$METE_STAGE/lib" \
        <<'END'
#include <mete/allocator.h>
#include <stdlib.h>
typedef struct conn { char state; void *peer; char flags; long counts[3]; } conn_t;
typedef struct { long low, high; } range_t;
conn_t *conns[2];
range_t *range;
__attribute__((noinline)) static conn_t *said(void) {
    return METE_ALLOC(mete_allocator_heap(), conn_t);
}
__attribute__((noinline)) static struct conn *found(void) {
    struct conn *conn = malloc(sizeof *conn);
    return conn;
}
int main(void) {
    range = METE_ALLOC(mete_allocator_heap(), range_t);
    conns[0] = said();
    conns[1] = found();
    return 0;
}
END
    mete run --quiet --output p.mete ./stated
    mete report p.mete --json r.json
    holds '[.sites[] | select(.type == "struct conn") | .type_evidence[:6]] | sort ==
           ["stated", "variab"]' r.json
    holds '[.sites[] | .type | select(. == "range_t")] | length == 1' r.json
    strip stated # then the program's word is all there is
    mete run --quiet --output p.mete ./stated
    mete report p.mete --json r.json
    holds '[.sites[] | .type | select(. == "conn_t")] | length == 1' r.json
}

@test "sizes of different blocks tell an array from what is large enough on average" {
    compile sizes <<'END'
#include <stdlib.h>
struct node { long key; struct node *left, *right; };
struct node *all;
__attribute__((noinline)) struct node *make(size_t bytes) {
    struct node *node = malloc(bytes);
    return node;
}
__attribute__((noinline)) void grow(int count) {
    all = realloc(all, count * sizeof *all);
}
int main(void) {
    for (volatile int i = 1; i < 3; i++) if (make(16 * i) == NULL) return 1;
    for (int i = 3; i < 9; i++) grow(i);
    return 0;
}
END
    mete run --quiet --output p.mete ./sizes
    mete report p.mete --json r.json
    holds '[.sites[] | select(.stack[0].function == "grow")] | length == 1 and
           .[0].type == "struct node" and .[0].type_form == "array"' r.json
    holds '[.sites[] | select(.stack[0].function == "make") | .type] == [null]' r.json
}

# No compiler here names the types of calls yet: this one's debugging information is written by hand.
@test "a type that the compiler says of a call is taken" {
    [ "$(uname -m)" = x86_64 ] || skip "the program is in x86-64's assembly"
    cat >call.c <<'END'
__asm__(".text\n.globl make\n.type make, @function\n"
        "make: .cfi_startproc\nsub $8, %rsp\n.cfi_adjust_cfa_offset 8\nmov $24, %edi\n"
        "call malloc@PLT\n.Lback: add $8, %rsp\n.cfi_adjust_cfa_offset -8\nret\n.cfi_endproc\n"
        ".Lmake_end: .size make, . - make\n"
        ".section .debug_abbrev,\"\",@progbits\n"
        ".byte 1, 0x11, 1,  3, 8,  0x11, 1,  0x12, 6,  0, 0\n"
        ".byte 2, 0x13, 0,  3, 8,  0xb, 0xb,  0, 0\n"
        ".byte 3, 0x2e, 1,  3, 8,  0x11, 1,  0x12, 6,  0, 0\n"
        ".byte 4, 0x48, 0,  0x7d, 1\n.uleb128 0x3e0e\n.byte 0x13, 0, 0, 0\n"
        ".section .debug_info,\"\",@progbits\n"
        ".Lunit: .long .Lunit_end - .Lunit - 4\n.short 5\n.byte 1, 8\n.long 0\n"
        ".byte 1\n.string \"call.c\"\n.quad make\n.long .Lmake_end - make\n"
        ".Lconn: .byte 2\n.string \"conn\"\n.byte 24\n"
        ".byte 3\n.string \"make\"\n.quad make\n.long .Lmake_end - make\n"
        ".byte 4\n.quad .Lback\n.long .Lconn - .Lunit\n"
        ".byte 0, 0\n.Lunit_end:\n.text\n");
extern void *make(void);
void *kept[10];
int main(void) {
    for (int i = 0; i < 10; i++) kept[i] = make();
    return 0;
}
END
    cc -O1 -o call call.c
    mete run --quiet --output p.mete ./call
    mete report p.mete --json r.json
    holds '[.sites[] | select(.stack[0].function == "make")] | length == 1 and
           (.[0].type | test("conn")) and .[0].type_confidence == "certain" and
           .[0].type_evidence == "said by the compiler in make"' r.json
}

@test "types, inlined calls and lines are the same from a .dwp package" {
    command -v dwp llvm-dwp || skip "no dwp or llvm-dwp here"
    while read -r tool compiler flags; do
        echo "$tool $compiler $flags"
        for split in "" -gsplit-dwarf; do
            cat >walk.c <<'END'
#include <stdlib.h>
#include <string.h>
struct conn { char state; void *peer; char flags; struct conn *next; };
struct conn *last;
static inline struct conn *conn_in(struct conn *next) {
    struct conn *conn = malloc(sizeof *conn);
    if (conn == NULL) abort();
    memset(conn, 0, sizeof *conn);
    conn->next = next;
    last = conn;
    for (struct conn *each = conn; each != NULL; each = each->next)
        if (each->state) abort();
    return conn;
}
struct conn *conn_new(struct conn *next) { return conn_in(next); }
int main(void) {
    struct conn *conns = NULL;
    for (int i = 0; i < 10; i++) conns = conn_new(conns);
    return conn_in(conns) == NULL;
}
END
            # shellcheck disable=SC2086
            "$compiler" -O2 $flags $split -c walk.c
            "$compiler" walk.o -o walk
            [ -z "$split" ] || timeout 20 "$tool" -e walk -o walk.dwp
            rm -f walk.dwo
            mete run --quiet --output p.mete ./walk
            mete report p.mete --json "r$split.json"
        done
        for file in r r-gsplit-dwarf; do
            jq -S '[.sites[] | {type, type_confidence, type_evidence, blocks: .allocations,
                    frames: [.stack[] | {function, line, inlined}]}]' "$file.json" >"$file.sites"
        done
        grep -q '"struct conn"' r.sites
        diff r.sites r-gsplit-dwarf.sites
        rm walk.dwp
    done <<'LINES'
dwp gcc -gdwarf-4
dwp clang -gdwarf-4
llvm-dwp clang -gdwarf-5
LINES
}

@test "a_slice_of_a_workspace_is_not_certainly_the_rest_of_it" {
    # Objects are carved off one block; the rest of it happens to be a multiple of four.
    cat >workspace.c <<'C'
#include <stdlib.h>
struct state { long table[700]; };
struct context { void *previous, *next; unsigned *entropy; } *volatile context;
__attribute__((noinline)) static void create(size_t size) {
    static struct context made;
    void *workspace = malloc(size);
    if (workspace == NULL) abort();
    made.previous = workspace;
    made.next = (struct state *)workspace + 1;
    made.entropy = (unsigned *)((struct state *)workspace + 2);
    context = &made;
}
int main(void) {
    create(2 * sizeof(struct state) + 500 * sizeof(unsigned) + 40000);
    return context->entropy == NULL;
}
C
    for compiler in gcc clang; do
        for level in -O0 -O2; do
            "$compiler" -g $level workspace.c -o workspace
            mete run --quiet --output p.mete ./workspace
            [ "$(mete report p.mete --json - | jq -r '.sites[0].type_confidence')" != certain ] ||
                { echo "$compiler $level"; mete report p.mete --json - | jq '.sites[0]'; false; }
            rm p.mete
        done
    done
}

@test "structs_that_begin_alike_are_no_array_of_what_they_begin_with" {
    # A table of entries of different kinds, which it knows by their names only.
    cat >entries.c <<'C'
#include <stdlib.h>
#include <string.h>
struct named { const char *name; };
struct prefix { const char *name; long binding; };
struct entity { const char *name; long text[4]; };
struct attribute { const char *name; long value[7]; };
struct table { struct named **entries; void *(*get)(size_t); } table;
__attribute__((noinline)) static struct named *add(size_t place, size_t size) {
    table.entries[place] = table.get(size);
    if (table.entries[place] == NULL) abort();
    memset(table.entries[place], 0, size);
    table.entries[place]->name = "x";
    return table.entries[place];
}
int main(int count, char **words) {
    table.entries = calloc(8, sizeof *table.entries);
    table.get = malloc;
    struct prefix *prefix = (void *)add(0, sizeof *prefix);
    struct entity *entity = (void *)add(1, sizeof *entity);
    struct attribute *attribute = (void *)add(2, sizeof *attribute);
    prefix->binding = entity->text[1] + attribute->value[2] + count;
    return words == NULL;
}
C
    for compiler in gcc clang; do
        for level in -O0 -O2; do
            "$compiler" -g $level entries.c -o entries
            mete run --quiet --output p.mete ./entries
            mete report p.mete --json - | jq -r '.sites[] | select(.stack[0].function == "add") |
                "\(.type) \(.type_confidence) \(.type_form)"' | sort >out
            rm p.mete
            ! grep -E 'struct named (certain|likely array)' out && [ "$(wc -l <out)" = 3 ] || { echo "$compiler $level"; cat out; false; }
        done
    done
}

@test "a_block_that_is_stored_where_a_function_says_has_the_type_of_that_place" {
    cat >slots.c <<'C'
#include <stdlib.h>
struct item { int kind; long value[3]; };
static struct item *items[8];
__attribute__((noinline)) static struct item **slot(int i) {
    __asm__ volatile("" : "+r"(i));
    return &items[i];
}
int main(int count, char **words) {
    *slot(count) = malloc(sizeof **slot(0));
    *slot(count + 1) = calloc(1, sizeof **slot(0));
    return *slot(count) == NULL || words == NULL;
}
C
    for compiler in gcc clang; do
        for level in -O0 -O2; do
            "$compiler" -g $level slots.c -o slots
            mete run --quiet --output p.mete ./slots
            mete report p.mete --json - | jq -r '.sites[] | "\(.type) \(.type_confidence)"' | uniq >out
            rm p.mete
            [ "$(cat out)" = 'struct item certain' ] || { echo "$compiler $level"; cat out; false; }
        done
    done
}

@test "a_page_that_nodes_are_carved_from_is_not_certainly_an_array_of_them" {
    # The rest of the page happens to be a multiple of the first node's size.
    cat >pages.c <<'C'
#include <stdlib.h>
struct node { struct node *next; long value[4]; } *first;
struct other { long value[5]; } *second;
struct page { struct page *next; size_t used, size; } *pages;
__attribute__((noinline)) static void grow(size_t size) {
    struct page *page = malloc(sizeof *page + size);
    if (page == NULL) abort();
    page->next = pages;
    page->size = size;
    pages = page;
    first = (struct node *)(page + 1);
    second = (struct other *)(first + 1);
}
int main(void) {
    for (size_t size = 4000; size < 20000; size += 4000) grow(size);
    return second == NULL;
}
C
    for compiler in gcc clang; do
        for level in -O0 -O2; do
            "$compiler" -g $level pages.c -o pages
            mete run --quiet --output p.mete ./pages
            mete report p.mete --json - | jq -r '.sites[0] | "\(.type) \(.type_confidence)"' >out
            rm p.mete
            ! grep -q 'struct node certain' out || { echo "$compiler $level"; cat out; false; }
        done
    done
}

@test "what_begins_with_a_struct_and_has_the_size_is_told_by_that" {
    # Structs are derived as C does it; which one a block is, its size alone says.
    cat >derived.c <<'C'
#include <stdlib.h>
struct base { int kind; };
struct square { struct base base; double side; } *square;
struct circle { struct base base; double radius, x; } *circle;
struct line { struct base base; double from, to; } *line;
struct point { double x, y; } *points;
struct box { struct point from, to; } *box;
#define APART __attribute__((noinline))
APART static struct base *make_square(void) {
    struct base *made = malloc(sizeof(struct square));
    if (made != NULL) made->kind = 1;
    return made;
}
APART static struct base *make_circle(void) {
    struct base *made = malloc(sizeof(struct circle));
    if (made != NULL) made->kind = 2;
    return made;
}
APART static struct point *make_points(void) {
    struct point *made = malloc(2 * sizeof *made);
    if (made != NULL) made[1].x = 1;
    return made;
}
int main(void) {
    struct base *volatile one = make_square(), *volatile other = make_circle();
    points = make_points();
    return one == NULL || other == NULL || points == NULL || square || circle || line || box;
}
C
    for compiler in gcc clang; do
        for level in -O0 -O2; do
            "$compiler" -g $level derived.c -o derived
            mete run --quiet --output p.mete ./derived
            mete report p.mete --json - | jq -r '.sites[] | select(.stack[0].function | startswith("make")) |
                "\(.stack[0].function) \(.type) \(.type_confidence) \(.type_form)"' | sort >out
            rm p.mete
            diff - out <<'OUT' || { echo "$compiler $level"; false; }
make_circle struct base likely tail
make_points struct point likely array
make_square struct square likely one
OUT
        done
    done
}

@test "what_other_registers_hold_at_a_call_counts_nothing" {
    # A multiple of the block's header is left over from an index before.
    cat >buckets.c <<'C'
#include <stdlib.h>
union block { struct { union block *next; long magic; } u; } *first;
__attribute__((noinline)) static void grow(size_t size) {
    union block *block;
#ifdef __x86_64__
    __asm__ volatile("shl $6, %%rcx" : : : "rcx");
#endif
    block = malloc(size);
    first = block;
    for (int i = 1; i < 16; i++) {
        block->u.next = (union block *)((char *)block + 1024);
        block = block->u.next;
    }
    block->u.next = NULL;
}
int main(int count, char **words) {
    grow(16384);
    return words == NULL || count == 0;
}
C
    for compiler in gcc clang; do
        for level in -O0 -O2; do
            "$compiler" -g $level buckets.c -o buckets
            mete run --quiet --output p.mete ./buckets
            [ "$(mete report p.mete --json - | jq -r '.sites[0].type_confidence')" != certain ] ||
                { echo "$compiler $level"; mete report p.mete --json - | jq '.sites[0]'; false; }
            rm p.mete
        done
    done
}

@test "a_function_that_steps_over_a_header_is_followed" {
    cat >stepped.c <<'C'
#include <stdlib.h>
struct header { size_t size; long magic; };
struct point { long x, y, z; };
static void *behind(struct header *header, size_t size) {
    header->size = size;
    header->magic = 0xfeed;
    return header + 1;
}
__attribute__((noinline)) static void *get(size_t size) {
    struct header *header = malloc(sizeof *header + size);
    if (header == NULL) abort();
    return behind(header, size);
}
int main(void) {
    struct point *volatile point = get(sizeof *point);
    point->x = 1;
    return point->x != 1;
}
C
    for compiler in gcc clang; do
        for level in -O0 -O2; do
            "$compiler" -g $level stepped.c -o stepped
            mete run --quiet --output p.mete ./stepped
            mete report p.mete --json - | jq -r '.sites[0] | "\(.type) \(.type_confidence) \(.type_form) \(.type_header)"' >out
            rm p.mete
            echo 'struct point certain one 16' | diff - out || { echo "$compiler $level"; false; }
        done
    done
}

@test "a_call_in_the_place_of_a_return_says_what_its_function_returns" {
    # Of the function that makes the object nothing is on the stack, and its caller does not look at it.
    cat >tail.c <<'C'
#include <stdlib.h>
struct item { int kind; long value[3]; };
int made;
__attribute__((noinline)) static struct item *item_new(void) {
    return malloc(sizeof(struct item));
}
__attribute__((noinline)) static void *make(void) {
    void *item = item_new();
    made++;
    return item;
}
int main(void) { return make() == NULL; }
C
    for compiler in gcc clang; do
        for level in -O0 -O2; do
            "$compiler" -g $level tail.c -o tail
            mete run --quiet --output p.mete ./tail
            mete report p.mete --json - | jq -r '.sites[0] | "\(.type) \(.type_confidence)"' >out
            rm p.mete
            echo 'struct item certain' | diff - out || { echo "$compiler $level"; false; }
        done
    done
}

@test "what_posix_memalign_puts_into_a_variable_is_followed" {
    cat >aligned.c <<'C'
#include <stdio.h>
#include <stdlib.h>
struct pool { char *last, *end; struct pool *next; long failed; } *pools;
struct node { struct node *next; long value[4]; } *nodes;
#define APART __attribute__((noinline))
APART static void *memalign_of(size_t align, size_t size) {
    void *p;
    int error = posix_memalign(&p, align, size);
    if (error != 0) {
        fprintf(stderr, "no %zu bytes\n", size);
        p = NULL;
    }
    return p;
}
APART static void create(size_t size) {
    struct pool *pool = memalign_of(16, size);
    if (pool == NULL) abort();
    pool->last = (char *)(pool + 1);
    pools = pool;
}
APART static void direct(void) {
    struct node *node;
    if (posix_memalign((void **)&node, 64, sizeof *node) != 0) return;
    node->next = nodes;
    nodes = node;
}
int main(void) {
    create(1000);
    direct();
    return pools == NULL;
}
C
    for compiler in gcc clang; do
        for level in -O0 -O2; do
            "$compiler" -g $level aligned.c -o aligned
            mete run --quiet --output p.mete ./aligned
            mete report p.mete --json - | jq -r '.sites[] | "\(.type) \(.type_confidence) \(.type_form)"' | sort >out
            rm p.mete
            printf 'struct node certain one\nstruct pool likely tail\n' | diff - out || { echo "$compiler $level"; false; }
        done
    done
}

@test "text_is_no_array_of_pointers_that_it_is_no_multiple_of" {
    cat >text.c <<'C'
#include <stdlib.h>
#include <string.h>
long **volatile alias;
__attribute__((noinline)) static int make(void) {
    char *text = malloc(52);
    long **other = (long **)text;
    if (text == NULL) abort();
    strcpy(text, "text");
    alias = other;
    return text[1] == 'e';
}
int main(void) { return !make(); }
C
    for compiler in gcc clang; do
        "$compiler" -g text.c -o text
        mete run --quiet --output p.mete ./text
        [ "$(mete report p.mete --json - | jq -r '.sites[0].type')" = char ] || { echo "$compiler"; false; }
        rm p.mete
    done
}

@test "an_array_of_no_elements_now_and_then_is_still_one" {
    cat >none.c <<'C'
#include <stdlib.h>
struct item { long a, b, c; } *volatile items;
int main(void) {
    for (size_t i = 0; i < 6; i++) {
        struct item *some = malloc(i * sizeof *some);
        if (i > 0) some[i - 1].a = 1;
        items = some;
    }
    return 0;
}
C
    for compiler in gcc clang; do
        for level in -O0 -O2; do
            "$compiler" -g $level none.c -o none
            mete run --quiet --output p.mete ./none
            mete report p.mete --json - | jq -r '.sites[0] | "\(.type) \(.type_form)"' >out
            rm p.mete
            echo 'struct item array' | diff - out || { echo "$compiler $level"; false; }
        done
    done
}

@test "a_register_that_calls_change_has_no_variable_in_it_all_the_time" {
    # gcc says so of variables that it knows one place of; here the source says it itself.
    cat >register.c <<'C'
#include <stdlib.h>
#ifdef __x86_64__
#define RESULT "rax"
#else
#define RESULT "x0"
#endif
struct value { long tag; void *held; } value;
void *volatile kept;
__attribute__((noinline)) static int push(size_t size) {
    register struct value *slot __asm__(RESULT);
    kept = malloc(size);
    slot = &value;
    __asm__ volatile("" : : "r"(slot));
    return 0;
}
int main(void) { return push(64); }
C
    gcc -g register.c -o register
    mete run --quiet --output p.mete ./register
    [ "$(mete report p.mete --json - | jq -r '.sites[0].type')" = null ] ||
        { mete report p.mete --json - | jq '.sites[0]'; false; }
}
