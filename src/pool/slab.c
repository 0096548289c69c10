/* Slabs: where a pool's memory comes from, and which of its blocks are free. */
#include <string.h>

#include "base/bits.h"
#include "os/checkers.h"
#include "os/memory.h"
#include "os/meta.h"
#include "pool/pool_fill.h"

enum { FIRST_SLABS = 8, SLABS_WITH_HANDLES_MAX = 1 << 16 };

struct mete__slab mete__slab_none = {.memory = (char *)1}; /* no slab begins there */

/* ---- lists ---- */

void mete__slab_enlist(mete_pool *pool, struct mete__slab *slab) {
    slab->previous_partial = NULL;
    slab->next_partial = pool->partial;
    if (pool->partial != NULL) pool->partial->previous_partial = slab;
    pool->partial = slab;
    slab->is_partial = true;
}

void mete__slab_delist(mete_pool *pool, struct mete__slab *slab) {
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
    if (pool->slabs != NULL) {
        head_of(slabs)->older = head_of(pool->slabs);
        memcpy(slabs, pool->slabs, pool->slab_count * sizeof *slabs);
    }
    pool->metadata += numbers_bytes(capacity);
    pool->slab_capacity = capacity;
    __atomic_store_n(&pool->slabs, slabs, __ATOMIC_RELEASE);
    return true;
}

/* ---- slabs ---- */

static size_t slab_bytes(const mete_pool *pool) {
    return (size_t)1 << pool->slab_shift;
}

static size_t links_bytes(const mete_pool *pool) {
    return pool->slab_blocks * sizeof(uint16_t);
}

static size_t lives_bytes(const mete_pool *pool) {
    return pool->handles ? pool->slab_blocks * sizeof(uint32_t) : 0;
}

static size_t description_bytes(const mete_pool *pool) {
    return sizeof(struct mete__slab) + links_bytes(pool) + lives_bytes(pool);
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
    slab->lives = (uint32_t *)(void *)(slab + 1);
    slab->links = (uint16_t *)(void *)(memory + sizeof *slab + lives_bytes(pool));
    slab->number = pool->slab_count;
    pool->slabs[pool->slab_count++] = slab;
    pool->metadata += description_bytes(pool);
    return slab;
}

static void set_aside(mete_pool *pool, struct mete__slab *slab) {
    __atomic_store_n(&slab->memory, NULL, __ATOMIC_RELAXED);
    slab->next_partial = pool->spare;
    pool->spare = slab;
}

/* A life that was used up stays so, whatever memory the block has. */
static void start_lists(mete_pool *pool, struct mete__slab *slab) {
    slab->list = METE__LINK_END;
    slab->carved = slab->used = slab->retired = 0;
    if (!pool->handles || pool->retired == 0) return;
    bool any = false;
    for (uint32_t i = 0; i < pool->slab_blocks; i++)
        any = any || mete__pool_life(slab, i) == UINT32_MAX;
    if (!any) return;
    slab->carved = (uint16_t)pool->slab_blocks;
    for (uint32_t i = pool->slab_blocks; i-- > 0;) {
        if (mete__pool_life(slab, i) == UINT32_MAX) {
            mete__pool_set_link(slab, i, METE__LINK_RETIRED);
            slab->retired++;
        } else {
            mete__pool_set_link(slab, i, slab->list);
            slab->list = (uint16_t)i;
            if (slab->memory != NULL) mete__pool_fill_block(pool, mete__pool_block(pool, slab, i));
        }
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

int mete__slab_add(mete_pool *pool) {
    size_t bytes = slab_bytes(pool);
    uint64_t reserved = ((uint64_t)pool->slabs_held << pool->slab_shift) + pool->metadata;

    if (reserved > pool->max_bytes || pool->max_bytes - reserved < growth_bytes(pool))
        return -ENOBUFS;
    if (!make_room_in_table(pool)) return -ENOMEM;
    struct mete__slab *slab = describe_slab(pool);
    if (slab == NULL)
        return pool->handles && pool->slab_count == SLABS_WITH_HANDLES_MAX ? -ENOBUFS : -ENOMEM;
    size_t page = mete__memory_page_size();
    char *memory = mete__memory_reserve(mete__round_up(bytes, page), bytes > page ? bytes : page);
    if (memory == NULL) goto fail_memory;
    if (mete__memory_commit(memory, mete__round_up(bytes, page)) != 0) goto fail_commit;
    __atomic_store_n(&slab->memory, memory, __ATOMIC_RELAXED);
    start_lists(pool, slab);
    enter(pool->table, (uintptr_t)memory >> pool->slab_shift, slab);
    pool->slabs_held++;
    mete__slab_enlist(pool, slab);
    mete__checkers_root(memory, bytes);
    mete__checkers_close(memory, bytes);
    return 0;
fail_commit:
    mete__memory_release(memory, mete__round_up(bytes, page));
fail_memory:
    set_aside(pool, slab);
    return -ENOMEM;
}

size_t mete__slab_drop(mete_pool *pool, struct mete__slab *slab) {
    size_t bytes = slab_bytes(pool);

    if (slab->is_partial) mete__slab_delist(pool, slab);
    remove_key(pool, (uintptr_t)slab->memory >> pool->slab_shift);
    mete__checkers_open(slab->memory, bytes);
    mete__checkers_unroot(slab->memory, bytes);
    mete__memory_release(slab->memory, mete__round_up(bytes, mete__memory_page_size()));
    set_aside(pool, slab);
    pool->slabs_held--;
    return bytes;
}

/* ---- between slabs and hands ---- */

/* Up to `count` blocks off a slab's list, then off what was not carved. How many. */
static size_t load_from(mete_pool *pool, struct mete__slab *slab, struct mete__held *out,
                        size_t count) {
    uint32_t index = slab->list;
    size_t loaded = 0;

    for (; loaded < count && index != METE__LINK_END; loaded++) {
        out[loaded] = (struct mete__held){mete__pool_block(pool, slab, index), &slab->links[index]};
        index = mete__pool_link(slab, index);
        mete__pool_set_held(out[loaded].link, METE__LINK_HELD);
    }
    slab->list = (uint16_t)index;
    for (; loaded < count && slab->carved < pool->slab_blocks; loaded++) {
        index = slab->carved++;
        out[loaded] = (struct mete__held){mete__pool_block(pool, slab, index), &slab->links[index]};
        mete__pool_set_held(out[loaded].link, METE__LINK_HELD);
        if (!mete__checkers_listen) mete__pool_fill_block(pool, out[loaded].block);
    }
    slab->used = (uint16_t)(slab->used + loaded);
    if (slab->list == METE__LINK_END && slab->carved == pool->slab_blocks)
        mete__slab_delist(pool, slab);
    return loaded;
}

/* What the slabs give first is handed out first. */
static void reverse(struct mete__held *first, struct mete__held *end) {
    while (first < --end) {
        struct mete__held held = *first;
        *first++ = *end;
        *end = held;
    }
}

int mete__slab_load(mete_pool *pool, struct mete__hand *hand, size_t count) {
    struct mete__held *first = hand->top, *end = first + count;

    if (pool->partial == NULL) {
        int status = mete__slab_add(pool);
        if (status < 0) return status;
    }
    while (hand->top < end && pool->partial != NULL)
        hand->top += load_from(pool, pool->partial, hand->top, (size_t)(end - hand->top));
    __atomic_store_n(&pool->used, pool->used + (size_t)(hand->top - first), __ATOMIC_RELAXED);
    reverse(first, hand->top);
    return 0;
}

void mete__slab_unload(mete_pool *pool, const struct mete__held *blocks, size_t count) {
    if (pool->shared && pool->used > pool->peak) pool->peak = pool->used;
    struct mete__slab *slab = &mete__slab_none;
    for (size_t i = 0; i < count; i++) {
        if ((uintptr_t)slab->memory != ((uintptr_t)blocks[i].block & ~pool->slab_mask))
            slab = mete__pool_slab(pool, blocks[i].block);
        mete__pool_set_held(blocks[i].link, slab->list);
        slab->list = (uint16_t)(blocks[i].link - slab->links);
        slab->used--;
        if (!slab->is_partial) mete__slab_enlist(pool, slab);
    }
    __atomic_store_n(&pool->used, pool->used - count, __ATOMIC_RELAXED);
}

void mete__slab_retire(mete_pool *pool, struct mete__slab *slab, uint32_t index) {
    mete__pool_set_link(slab, index, METE__LINK_RETIRED);
    slab->retired++;
    slab->used--;
    pool->retired++;
    __atomic_store_n(&pool->used, pool->used - 1, __ATOMIC_RELAXED);
}

/* Every block that was carved becomes free, the lowest the next one. */
static void reset_slab(mete_pool *pool, struct mete__slab *slab) {
    slab->list = METE__LINK_END;
    slab->used = 0;
    for (uint32_t i = slab->carved; i-- > 0;) {
        uint16_t link = mete__pool_link(slab, i);
        if (link == METE__LINK_RETIRED) continue;
        if (link == METE__LINK_LIVE) {
            mete__pool_finish(pool, slab, i);
            if (pool->handles && mete__pool_life(slab, i) == UINT32_MAX) {
                slab->used++; /* retiring takes it away again */
                mete__slab_retire(pool, slab, i);
                continue;
            }
        }
        mete__pool_set_link(slab, i, slab->list);
        slab->list = (uint16_t)i;
    }
    slab->is_partial = false;
    if (slab->list != METE__LINK_END || slab->carved < pool->slab_blocks)
        mete__slab_enlist(pool, slab);
}

void mete__slab_reset_all(mete_pool *pool) {
    if (pool->shared && pool->used > pool->peak) pool->peak = pool->used;
    pool->partial = NULL;
    for (uint32_t i = pool->slab_count; i-- > 0;)
        if (pool->slabs[i]->memory != NULL) reset_slab(pool, pool->slabs[i]);
    __atomic_store_n(&pool->used, 0, __ATOMIC_RELAXED);
}

void mete__slab_end_all(mete_pool *pool) {
    for (uint32_t i = 0; i < pool->slab_count; i++) {
        struct mete__slab *slab = pool->slabs[i];
        if (slab->memory != NULL) (void)mete__slab_drop(pool, slab);
    }
    for (uint32_t i = 0; i < pool->slab_count; i++)
        mete__meta_free(pool->slabs[i], description_bytes(pool));
    for (struct mete__slab_table *table = pool->table, *older; table != NULL; table = older) {
        older = table->older;
        mete__meta_free(table, table_bytes(table->capacity));
    }
    if (pool->slabs == NULL) return;
    for (struct old_numbers *numbers = head_of(pool->slabs), *older; numbers != NULL;
         numbers = older) {
        older = numbers->older;
        mete__meta_free(numbers, numbers_bytes(numbers->capacity));
    }
}
