/* What is told of misuse. */
#include <stdlib.h>

#include "base/text.h"
#include "os/process.h"
#include "pool/pool_state.h"

static const char *const fault_names[] = {
    [METE_POOL_DOUBLE_FREE] = "double-free",
    [METE_POOL_INVALID_FREE] = "invalid-free",
    [METE_POOL_INTERIOR_FREE] = "interior-free",
    [METE_POOL_WRITE_AFTER_FREE] = "write-after-free",
};

const char *mete_pool_fault_name(enum mete_pool_fault fault) {
    if (fault < METE_POOL_DOUBLE_FREE || fault > METE_POOL_WRITE_AFTER_FREE) return "unknown";
    return fault_names[fault];
}

static METE_NORETURN void die(const mete_pool *pool, const mete_pool_error *error) {
    char buffer[256];
    struct mete__text line = mete__text_in(buffer, sizeof buffer);

    mete__text_add(&line, "mete: %s of ", fault_names[error->fault]);
    if (error->handle != 0)
        mete__text_add(&line, "handle 0x%llx", (unsigned long long)error->handle);
    else
        mete__text_add(&line, "%p", error->address);
    if (error->fault == METE_POOL_INVALID_FREE)
        mete__text_add(&line, ", which is no block of pool '%s'", error->pool);
    else if (error->fault == METE_POOL_WRITE_AFTER_FREE)
        mete__text_add(&line, ", byte %zu of a block of %zu bytes in pool '%s'", error->offset,
                       pool->block_size, error->pool);
    else if (error->offset != 0)
        mete__text_add(&line, ", %zu bytes into the block at %p of pool '%s'", error->offset,
                       error->block, error->pool);
    else
        mete__text_add(&line, ", a block of %zu bytes in pool '%s'", pool->block_size, error->pool);
    mete__text_add(&line, "\n");
    mete__process_complain(line.start, line.length);
    abort();
}

static void tell(mete_pool *pool, const mete_pool_error *error) {
    if (pool->on_error == NULL) die(pool, error);
    pool->on_error(pool->context, error);
}

void mete__pool_fault(mete_pool *pool, enum mete_pool_fault fault, const void *address,
                      const void *block, size_t offset) {
    tell(pool, &(mete_pool_error){.fault = fault,
                                  .pool = pool->holder.name,
                                  .address = address,
                                  .block = block,
                                  .offset = offset});
}

void mete__pool_fault_of_handle(mete_pool *pool, enum mete_pool_fault fault,
                                mete_pool_handle handle, const void *block) {
    tell(pool, &(mete_pool_error){
                   .fault = fault, .pool = pool->holder.name, .block = block, .handle = handle});
}

/* A block that was given out at some time, and may be again. */
static bool has_block(const mete_pool *pool, const struct mete__slab *slab, uint32_t index) {
    if (index >= slab->carved) return false;
    return !mete__pool_is_worn(pool, slab, index);
}

void mete__pool_fault_of_free(mete_pool *pool, const void *address) {
    if (address == NULL) return;
    const struct mete__slab *slab = mete__pool_slab(pool, address);
    uint32_t index = slab != NULL ? mete__pool_index(pool, slab, address) : 0;
    if (slab == NULL || !has_block(pool, slab, index)) {
        mete__pool_fault(pool, METE_POOL_INVALID_FREE, address, NULL, 0);
        return;
    }
    const char *block = mete__pool_block(pool, slab, index);
    size_t offset = (size_t)((const char *)address - block);
    mete__pool_fault(pool, offset != 0 ? METE_POOL_INTERIOR_FREE : METE_POOL_DOUBLE_FREE, address,
                     block, offset);
}
