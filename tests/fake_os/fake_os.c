/* tests/fake_os/fake_os.h */
#include "fake_os/fake_os.h"

#include <errno.h>
#include <stdint.h>

#include "os/memory.h"
#include "os/process.h"

struct fake_os fake_os;

/* The linker's names for what is wrapped and for what wraps it.
 * NOLINTBEGIN(bugprone-reserved-identifier) */
#define WRAPS(result, name, parameters) \
    result __real_##name parameters;    \
    result __wrap_##name parameters;    \
    result __wrap_##name parameters

/* Whether this call is to fail. */
static bool fails(void) {
    fake_os.calls++;
    if (fake_os.at_call != NULL && fake_os.calls == fake_os.call_at) fake_os.at_call();
    bool now = fake_os.fail_at != 0 && (fake_os.fail_after ? fake_os.calls >= fake_os.fail_at
                                                           : fake_os.calls == fake_os.fail_at);
    fake_os.failed += now;
    return now;
}

WRAPS(void *, mete__memory_reserve, (size_t size, size_t align)) {
    void *start = fails() ? NULL : __real_mete__memory_reserve(size, align);
    if (start != NULL) fake_os.mapped += size;
    return start;
}

WRAPS(bool, mete__memory_reserve_at, (void *where, size_t size)) {
    bool done = !fails() && __real_mete__memory_reserve_at(where, size);
    if (done) fake_os.mapped += size;
    return done;
}

WRAPS(void, mete__memory_release, (void *start, size_t size)) {
    fake_os.mapped -= size;
    __real_mete__memory_release(start, size);
}

WRAPS(int, mete__memory_commit, (void *start, size_t size)) {
    return fails() ? -ENOMEM : __real_mete__memory_commit(start, size);
}

WRAPS(int, mete__memory_decommit, (void *start, size_t size)) {
    return fails() ? -ENOMEM : __real_mete__memory_decommit(start, size);
}

WRAPS(int, mete__memory_purge, (void *start, size_t size)) {
    return fails() ? -EINVAL : __real_mete__memory_purge(start, size);
}

WRAPS(void, mete__memory_renew, (void *start, size_t size)) {
    if (!fails()) __real_mete__memory_renew(start, size);
}

/* Every second failure is the one after which the target is lost. */
WRAPS(int, mete__memory_move, (void *from, size_t size, void *to, size_t room)) {
    static bool lost;
    if (!fails()) return __real_mete__memory_move(from, size, to, room);
    lost = !lost;
    if (lost) fake_os.lost += room;
    return lost ? -ENOTRECOVERABLE : -ENOMEM;
}

WRAPS(void *, mete__memory_map, (size_t size)) {
    void *start = fails() ? NULL : __real_mete__memory_map(size);
    if (start != NULL) fake_os.mapped += size;
    return start;
}

WRAPS(bool, mete__memory_unlimited, (void)) {
    return !fake_os.limited;
}

WRAPS(size_t, mete__memory_left, (void)) {
    return fake_os.limited ? fake_os.left : SIZE_MAX;
}

WRAPS(bool, mete__memory_strict, (void)) {
    return fake_os.strict;
}

WRAPS(uint32_t *, mete__process_wiped_on_fork, (uint32_t value)) {
    return fails() ? NULL : __real_mete__process_wiped_on_fork(value);
}

WRAPS(bool, mete__process_at_thread_exit, (void *value)) {
    return fails() ? false : __real_mete__process_at_thread_exit(value);
}
/* NOLINTEND(bugprone-reserved-identifier) */
