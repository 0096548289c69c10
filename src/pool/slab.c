/* Slabs: where a pool's memory comes from, and which of its blocks are free. */
#include <string.h>

#include "base/bits.h"
#include "os/checkers.h"
#include "os/memory.h"
#include "os/meta.h"
#include "pool/pool_fill.h"

enum {
    FIRST_SLABS = 8,
    CACHE_LINE = 64,
    SLABS_WITH_HANDLES_MAX = 1 << 16,
    ASKED_FOR = 64, /* slabs at once, of which the system is asked whether it has them */
};

struct mete__slab mete__slab_none;

/* ---- lists ---- */

static void enlist(mete_pool *pool, struct mete__slab *slab) {
    slab->previous_partial = NULL;
    slab->next_partial = pool->partial;
    if (pool->partial != NULL) pool->partial->previous_partial = slab;
    pool->partial = slab;
    slab->is_partial = true;
}

static void delist(mete_pool *pool, struct mete__slab *slab) {
    if (slab->previous_partial != NULL)
        slab->previous_partial->next_partial = slab->next_partial;
    else
        pool->partial = slab->next_partial;
    if (slab->next_partial != NULL) slab->next_partial->previous_partial = slab->previous_partial;
    slab->is_partial = false;
}

/* ---- tables ---- */

static void enter(struct mete__slab_table *table, uintptr_t key, struct mete__slab *slab) {
    size_t mask = table->capacity - 1, at = key & mask;

    while (table->entries[at].key != METE__KEY_NONE) at = (at + 1) & mask;
    table->entries[at].slab = slab;
    __atomic_store_n(&table->entries[at].key, key, __ATOMIC_RELEASE);
    table->filled++;
}

static size_t table_bytes(size_t capacity) {
    const struct mete__slab_table *table = NULL;
    return sizeof *table + capacity * sizeof table->entries[0];
}

static bool has_room_in_table(const mete_pool *pool) {
    return pool->table != NULL && pool->table->filled + 1 <= pool->table->capacity / 2;
}

static size_t next_table_capacity(const mete_pool *pool) {
    return mete__power_of_two_ceil((size_t)(pool->slabs_held + FIRST_SLABS) * 4);
}

/* Makes sure that a key can be entered. Entries of slabs that are gone are left out of a new table.
 */
static bool make_room_in_table(mete_pool *pool) {
    struct mete__slab_table *old = pool->table;

    if (has_room_in_table(pool)) return true;
    size_t capacity = next_table_capacity(pool);
    struct mete__slab_table *table = mete__meta_alloc(table_bytes(capacity));
    if (table == NULL) return false;
    table->capacity = capacity;
    table->older = old;
    for (size_t i = 0; old != NULL && i < old->capacity; i++) {
        uintptr_t key = old->entries[i].key;
        if (key != METE__KEY_NONE && key != METE__KEY_GONE) enter(table, key, old->entries[i].slab);
    }
    pool->metadata += table_bytes(capacity);
    __atomic_store_n(&pool->table, table, __ATOMIC_RELEASE);
    return true;
}

static void remove_key(mete_pool *pool, uintptr_t key) {
    struct mete__slab_table *table = pool->table;
    size_t mask = table->capacity - 1, at = key & mask;

    while (table->entries[at].key != key) at = (at + 1) & mask;
    __atomic_store_n(&table->entries[at].key, METE__KEY_GONE, __ATOMIC_RELEASE);
}

bool mete__slab_begin(mete_pool *pool) {
    return make_room_in_table(pool);
}

/* Numbers are looked up while the array is replaced, so the old one stays until the pool ends: its
 * first entry's place is taken by nothing, it just is not freed before. */
struct old_numbers {
    struct old_numbers *older;
    uint32_t capacity;
};

static struct old_numbers *head_of(struct mete__slab **slabs) {
    return (struct old_numbers *)(void *)((char *)slabs - sizeof(struct old_numbers));
}

static size_t numbers_bytes(uint32_t capacity) {
    return sizeof(struct old_numbers) + capacity * sizeof(struct mete__slab *);
}

static uint32_t next_numbers_capacity(const mete_pool *pool) {
    return pool->slab_capacity == 0 ? FIRST_SLABS : pool->slab_capacity * 2;
}

static bool make_room_in_numbers(mete_pool *pool) {
    if (pool->slab_count < pool->slab_capacity) return true;
    uint32_t capacity = next_numbers_capacity(pool);
    char *memory = mete__meta_alloc(numbers_bytes(capacity));
    if (memory == NULL) return false;
    struct mete__slab **slabs = (struct mete__slab **)(void *)(memory + sizeof(struct old_numbers));
    head_of(slabs)->capacity = capacity;
    if (pool->front.slabs != NULL) {
        head_of(slabs)->older = head_of(pool->front.slabs);
        memcpy(slabs, pool->front.slabs, pool->slab_count * sizeof *slabs);
    }
    pool->metadata += numbers_bytes(capacity);
    pool->slab_capacity = capacity;
    __atomic_store_n(&pool->front.slabs, slabs, __ATOMIC_RELEASE);
    return true;
}

/* ---- slabs ---- */

static size_t slab_bytes(const mete_pool *pool) {
    return (size_t)1 << pool->slab_shift;
}

static size_t free_words(const mete_pool *pool) {
    return (pool->slab_blocks + 63) / 64;
}

static size_t free_bytes(const mete_pool *pool) {
    return free_words(pool) * sizeof(uint64_t);
}

static size_t handles_bytes(const mete_pool *pool) {
    return pool->handles ? pool->slab_blocks * sizeof(mete_pool_handle) : 0;
}

/* The places begin a cache line, so that two threads that take whole lines of blocks share none. */
static size_t places_at(const mete_pool *pool) {
    return mete__round_up(sizeof(struct mete__slab) + free_bytes(pool) + handles_bytes(pool),
                          CACHE_LINE);
}

static size_t description_bytes(const mete_pool *pool) {
    return places_at(pool) + pool->slab_blocks;
}

static void start_handles(const mete_pool *pool, struct mete__slab *slab) {
    for (uint32_t i = 0; pool->handles && i < pool->slab_blocks; i++)
        mete__pool_keep_handle(slab, i,
                               METE__POOL_LIFE + mete__pool_name(slab, i) + pool->is_named);
}

static void set_slab_count(mete_pool *pool, uint32_t count) {
    __atomic_store_n(&pool->slab_count, count, __ATOMIC_RELEASE);
    if (pool->is_named) pool->front.named = count;
}

/* A slab without memory: one that was given back, or a new one. */
static struct mete__slab *describe_slab(mete_pool *pool) {
    struct mete__slab *slab = pool->spare;

    if (slab != NULL) {
        pool->spare = slab->next_partial;
        return slab;
    }
    if (pool->handles && pool->slab_count == SLABS_WITH_HANDLES_MAX) return NULL;
    if (!make_room_in_numbers(pool)) return NULL;
    char *memory = mete__meta_alloc(description_bytes(pool));
    if (memory == NULL) return NULL;
    slab = (struct mete__slab *)(void *)memory;
    slab->free = (uint64_t *)(void *)(slab + 1);
    slab->handles = (mete_pool_handle *)(void *)(memory + sizeof *slab + free_bytes(pool));
    slab->places = (uint8_t *)memory + places_at(pool);
    slab->number = pool->slab_count;
    start_handles(pool, slab);
    pool->front.slabs[pool->slab_count] = slab;
    set_slab_count(pool, pool->slab_count + 1);
    pool->metadata += description_bytes(pool);
    return slab;
}

static void set_aside(mete_pool *pool, struct mete__slab *slab) {
    __atomic_store_n(&slab->limit, 0, __ATOMIC_RELAXED);
    __atomic_store_n(&slab->memory, NULL, __ATOMIC_RELAXED);
    slab->next_partial = pool->spare;
    pool->spare = slab;
}

static void set_free(struct mete__slab *slab, size_t index) {
    slab->free[index / 64] |= (uint64_t)1 << index % 64;
    if (index / 64 < slab->first_free) slab->first_free = (uint16_t)(index / 64);
}

static bool can_give(const mete_pool *pool, const struct mete__slab *slab) {
    return (uint32_t)slab->used + slab->retired < pool->slab_blocks;
}

/* A life that was used up stays so, whatever memory the block has. */
static void start_blocks(mete_pool *pool, struct mete__slab *slab) {
    memset(slab->places, METE__PLACE_OUT, pool->slab_blocks);
    memset(slab->free, 0, free_bytes(pool));
    slab->first_free = slab->carved = slab->used = slab->retired = 0;
    if (!pool->handles || pool->retired == 0) return;
    for (uint32_t i = 0; i < pool->slab_blocks; i++)
        slab->retired = (uint16_t)(slab->retired + mete__pool_is_worn(pool, slab, i));
    if (slab->retired == 0) return;
    slab->carved = (uint16_t)pool->slab_blocks;
    for (uint32_t i = 0; i < pool->slab_blocks; i++) {
        if (mete__pool_is_worn(pool, slab, i)) continue;
        set_free(slab, i);
        if (!mete__checkers_listen) mete__pool_fill_block(pool, mete__pool_block(pool, slab, i));
    }
}

/* What one more slab takes, with all that has to grow for it. */
static size_t growth_bytes(const mete_pool *pool) {
    size_t bytes = slab_bytes(pool);

    if (!has_room_in_table(pool)) bytes += table_bytes(next_table_capacity(pool));
    if (pool->spare != NULL) return bytes;
    if (pool->slab_count == pool->slab_capacity)
        bytes += numbers_bytes(next_numbers_capacity(pool));
    return bytes + description_bytes(pool);
}

bool mete__slab_may_reserve(const mete_pool *pool, size_t bytes) {
    uint64_t reserved = ((uint64_t)pool->slabs_held << pool->slab_shift) + pool->metadata;
    return reserved <= pool->max_bytes && pool->max_bytes - reserved >= bytes;
}

/* Pages of the system's for so many bytes, or NULL. */
static char *obtain(size_t bytes) {
    size_t page = mete__memory_page_size(), whole = mete__round_up(bytes, page);
    char *memory = mete__memory_reserve(whole, mete__power_of_two_ceil(whole));

    if (memory == NULL) return NULL;
    if (mete__memory_commit(memory, whole) == 0) return memory;
    mete__memory_release(memory, whole);
    return NULL;
}

static void release(char *memory, size_t bytes) {
    mete__memory_release(memory, mete__round_up(bytes, mete__memory_page_size()));
}

/* One more slab with memory, enlisted: 0, -ENOBUFS, -ENOMEM. */
static int add(mete_pool *pool) {
    if (!mete__slab_may_reserve(pool, growth_bytes(pool))) return -ENOBUFS;
    if (!make_room_in_table(pool)) return -ENOMEM;
    struct mete__slab *slab = describe_slab(pool);
    if (slab == NULL)
        return pool->handles && pool->slab_count == SLABS_WITH_HANDLES_MAX ? -ENOBUFS : -ENOMEM;
    char *memory = obtain(slab_bytes(pool));
    if (memory == NULL) {
        set_aside(pool, slab);
        return -ENOMEM;
    }
    __atomic_store_n(&slab->memory, memory, __ATOMIC_RELAXED);
    start_blocks(pool, slab);
    pool->retired_here += slab->retired;
    __atomic_store_n(&slab->limit, pool->slab_blocks, __ATOMIC_RELAXED);
    enter(pool->table, (uintptr_t)memory >> pool->slab_shift, slab);
    pool->slabs_held++;
    if (can_give(pool, slab)) enlist(pool, slab);
    mete__checkers_root(memory, slab_bytes(pool));
    mete__checkers_close(memory, slab_bytes(pool));
    mete__registry_claim(&slab->territory, &pool->holder, memory, slab_bytes(pool));
    return 0;
}

static void drop(mete_pool *pool, struct mete__slab *slab) {
    if (slab->is_partial) delist(pool, slab);
    if (slab == pool->near) mete__pool_hand_approach(pool, &mete__slab_none);
    mete__registry_disclaim(&slab->territory);
    remove_key(pool, (uintptr_t)slab->memory >> pool->slab_shift);
    mete__checkers_open(slab->memory, slab_bytes(pool));
    mete__checkers_unroot(slab->memory, slab_bytes(pool));
    release(slab->memory, slab_bytes(pool));
    set_aside(pool, slab);
    pool->retired_here -= slab->retired;
    pool->slabs_held--;
}

size_t mete__slab_drop_unused(mete_pool *pool) {
    size_t bytes = 0;

    for (uint32_t i = 0; i < pool->slab_count; i++) {
        struct mete__slab *slab = pool->front.slabs[i];
        if (slab->memory == NULL || slab->used != 0) continue;
        drop(pool, slab);
        bytes += slab_bytes(pool);
    }
    return bytes;
}

/* ---- memory ahead ---- */

/* Whether so many slabs can be had at all: found out before the first is taken. */
static int foresee(const mete_pool *pool, uint64_t slabs) {
    if (slabs > METE_SIZE_MAX >> pool->slab_shift)
        return pool->max_bytes == SIZE_MAX ? -ENOMEM : -ENOBUFS;
    size_t bytes = (size_t)slabs << pool->slab_shift;
    if (!mete__slab_may_reserve(pool, bytes)) return -ENOBUFS;
    if (pool->handles && pool->slabs_held + slabs > SLABS_WITH_HANDLES_MAX) return -ENOBUFS;
    return slabs < ASKED_FOR || mete__memory_has(bytes) ? 0 : -ENOMEM;
}

/* Takes the slab that was added last away again; with what is known of it, if that is new, too. */
static void undo_add(mete_pool *pool, uint32_t count_before) {
    struct mete__slab *slab = pool->partial;

    drop(pool, slab);
    if (slab->number < count_before) return;
    pool->spare = slab->next_partial;
    set_slab_count(pool, pool->slab_count - 1);
    pool->metadata -= description_bytes(pool);
    mete__meta_free(slab, description_bytes(pool));
}

int mete__slab_provide(mete_pool *pool, uint64_t count) {
    uint64_t left =
        (uint64_t)pool->slabs_held * pool->slab_blocks - pool->used - pool->retired_here;
    uint32_t count_before = pool->slab_count;

    if (left >= count) return 0;
    uint64_t wanted = (count - left - 1) / pool->slab_blocks + 1;
    int status = foresee(pool, wanted);
    for (uint64_t added = 0; status == 0 && added < wanted; added++) {
        status = add(pool);
        if (status == 0) continue;
        for (; added > 0; added--) undo_add(pool, count_before);
    }
    return status;
}

/* ---- between slabs and hands ---- */

static size_t take_free(const mete_pool *pool, struct mete__slab *slab, struct mete__pool_held *out,
                        size_t count) {
    size_t taken = 0, words = free_words(pool), word = slab->first_free;

    for (; word < words; word++) {
        uint64_t bits = slab->free[word];
        for (; bits != 0 && taken < count; bits &= bits - 1) {
            size_t index = word * 64 + (unsigned)__builtin_ctzll(bits);
            out[taken++] =
                (struct mete__pool_held){mete__pool_block(pool, slab, index), &slab->places[index]};
        }
        slab->free[word] = bits;
        if (bits != 0) break;
    }
    slab->first_free = (uint16_t)word;
    return taken;
}

static size_t carve(const mete_pool *pool, struct mete__slab *slab, struct mete__pool_held *out,
                    size_t count) {
    size_t taken = 0;

    for (; taken < count && slab->carved < pool->slab_blocks; taken++) {
        uint32_t index = slab->carved++;
        out[taken] =
            (struct mete__pool_held){mete__pool_block(pool, slab, index), &slab->places[index]};
        if (!mete__checkers_listen) mete__pool_fill_block(pool, out[taken].block);
    }
    return taken;
}

static void reverse(struct mete__pool_held *first, struct mete__pool_held *end) {
    while (first < --end) {
        struct mete__pool_held held = *first;
        *first++ = *end;
        *end = held;
    }
}

long mete__slab_take(mete_pool *pool, struct mete__pool_held *out, size_t count) {
    size_t taken = 0;

    while (pool->partial == NULL) { /* a new slab may have retired blocks only */
        int status = add(pool);
        if (status < 0) return status;
    }
    while (taken < count && pool->partial != NULL) {
        struct mete__slab *slab = pool->partial;
        size_t given = take_free(pool, slab, out + taken, count - taken);
        given += carve(pool, slab, out + taken + given, count - taken - given);
        slab->used = (uint16_t)(slab->used + given);
        if (!can_give(pool, slab)) delist(pool, slab);
        taken += given;
    }
    __atomic_store_n(&pool->used, pool->used + taken, __ATOMIC_RELAXED);
    reverse(out, out + taken);
    return (long)taken;
}

/* A block that two threads have freed at one instant comes twice. */
static bool is_back(const struct mete__slab *slab, const struct mete__pool_held *held,
                    size_t index) {
    return mete__pool_place(held->place) != METE__PLACE_OUT ||
           mete__pool_is_free_in_slab(slab, index);
}

void mete__slab_put(mete_pool *pool, const struct mete__pool_held *blocks, size_t count) {
    struct mete__slab *slab = &mete__slab_none;
    uint64_t used = pool->used;

    for (size_t i = 0; i < count; i++) {
        if ((uintptr_t)slab->memory != ((uintptr_t)blocks[i].block & ~pool->slab_mask))
            slab = mete__pool_slab(pool, blocks[i].block);
        size_t index = (size_t)(blocks[i].place - slab->places);
        if (METE_UNLIKELY(is_back(slab, &blocks[i], index))) continue;
        used--;
        slab->used--;
        if (mete__pool_is_worn(pool, slab, index)) {
            slab->retired++;
            pool->retired++;
            pool->retired_here++;
            continue;
        }
        set_free(slab, index);
        if (!slab->is_partial) enlist(pool, slab);
    }
    __atomic_store_n(&pool->used, used, __ATOMIC_RELAXED);
}

/* Every block that was carved becomes free. */
static void reset_slab(mete_pool *pool, struct mete__slab *slab) {
    uint16_t retired = 0;

    memset(slab->free, 0, free_bytes(pool));
    slab->first_free = slab->used = 0;
    for (uint32_t i = 0; i < slab->carved; i++) {
        if (mete__pool_is_live(pool, slab, i)) mete__pool_end_block(pool, slab, i);
        if (mete__pool_is_worn(pool, slab, i))
            retired++;
        else
            set_free(slab, i);
    }
    memset(slab->places, METE__PLACE_OUT, pool->slab_blocks);
    pool->retired += (uint16_t)(retired - slab->retired);
    pool->retired_here += retired;
    slab->retired = retired;
    slab->is_partial = false;
    if (can_give(pool, slab)) enlist(pool, slab);
}

void mete__slab_reset_all(mete_pool *pool) {
    pool->partial = NULL;
    pool->retired_here = 0;
    for (uint32_t i = pool->slab_count; i-- > 0;)
        if (pool->front.slabs[i]->memory != NULL) reset_slab(pool, pool->front.slabs[i]);
    __atomic_store_n(&pool->used, 0, __ATOMIC_RELAXED);
}

void mete__slab_end_all(mete_pool *pool) {
    for (uint32_t i = 0; i < pool->slab_count; i++) {
        struct mete__slab *slab = pool->front.slabs[i];
        if (slab->memory != NULL) drop(pool, slab);
    }
    for (uint32_t i = 0; i < pool->slab_count; i++)
        mete__meta_free(pool->front.slabs[i], description_bytes(pool));
    for (struct mete__slab_table *table = pool->table, *older; table != NULL; table = older) {
        older = table->older;
        mete__meta_free(table, table_bytes(table->capacity));
    }
    if (pool->front.slabs == NULL) return;
    for (struct old_numbers *numbers = head_of(pool->front.slabs), *older; numbers != NULL;
         numbers = older) {
        older = numbers->older;
        mete__meta_free(numbers, numbers_bytes(numbers->capacity));
    }
}
