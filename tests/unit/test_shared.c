/* box/shared.c: owners, watchers, their limits and their races. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <mete/adapters.h>
#include <mete/box.h>

#include "box/shared_block.h"
#include "support/apart.h"

struct tally {
    int value;
    int *destroyed;
};

static void tally_end(struct tally *tally) {
    __atomic_fetch_add(tally->destroyed, 1, __ATOMIC_RELAXED);
    tally->value = -1;
    errno = EIO; /* that must not be seen */
}

METE_SHARED_DECLARE(counter, struct tally, tally_end);
METE_SHARED_DECLARE(plain, int, METE_NO_DESTRUCTOR);

static void value_ends_with_its_last_owner(void) {
    int destroyed = 0;
    struct counter_weak weak = {0};
    METE_OWNED(counter) first = {0}, second = {0}, third = {0};

    CHECK(counter_new(&first, NULL, (struct tally){7, &destroyed}) == 0);
    CHECK(counter_clone(&first, &second) == 0 && counter_clone(&second, &third) == 0);
    CHECK(counter_get(&first) == counter_get(&third) && counter_get(&third)->value == 7);
    CHECK(counter_watch(&first, &weak) == 0);
    CHECK(mete_shared_owners(first.shared) == 3 && mete_shared_watchers(first.shared) == 1);
    errno = ENOENT;
    counter_drop(&first);
    counter_drop(&first); /* empty */
    counter_drop(&second);
    CHECK(destroyed == 0 && counter_get(&third)->value == 7);
    struct counter moved = counter_move(&third);
    CHECK(counter_get(&third) == NULL && destroyed == 0);
    counter_drop(&moved);
    CHECK(destroyed == 1 && errno == ENOENT);
    CHECK(mete_shared_owners(weak.shared) == 0 && mete_shared_watchers(weak.shared) == 1);
    counter_weak_drop(&weak);
    counter_weak_drop(&weak); /* empty */
    CHECK(errno == ENOENT);
}

static void weak_handle_gives_an_owner_while_there_is_one(void) {
    int destroyed = 0;
    METE_OWNED(counter) owner = {0}, locked = {0};
    METE_OWNED(counter_weak) weak = {0}, other = {0};

    CHECK(counter_new(&owner, NULL, (struct tally){7, &destroyed}) == 0);
    CHECK(counter_watch(&owner, &weak) == 0 && counter_weak_clone(&weak, &other) == 0);
    CHECK(counter_weak_lock(&weak, &locked) == 0);
    CHECK(counter_get(&locked) == counter_get(&owner));
    counter_drop(&owner);
    CHECK(destroyed == 0); /* locked keeps it */
    counter_drop(&locked);
    CHECK(destroyed == 1);
    CHECK(counter_weak_lock(&weak, &locked) == -ESTALE && counter_get(&locked) == NULL);
    CHECK(counter_weak_lock(&other, &locked) == -ESTALE);
}

static void empty_handles_have_nothing_to_give(void) {
    struct plain empty = {0}, out = {0};
    struct plain_weak weak = {0}, other = {0};

    CHECK(plain_clone(&empty, &out) == -ENOENT && plain_watch(&empty, &weak) == -ENOENT);
    CHECK(plain_weak_clone(&weak, &other) == -ENOENT && plain_weak_lock(&weak, &out) == -ESTALE);
    CHECK(out.shared == NULL && weak.shared == NULL && other.shared == NULL);
    CHECK(plain_get(&empty) == NULL && mete_shared_owners(NULL) == 0);
    CHECK(mete_shared_watchers(NULL) == 0);
}

static void counts_never_pass_their_limit(void) {
    const uint64_t one = METE__SHARED_ONE_OWNER, watcher = METE__SHARED_ONE_WATCHER;
    struct plain owner = {0}, out = {0};
    struct plain_weak weak = {0}, other = {0};

    CHECK(plain_new(&owner, NULL, 7) == 0 && plain_watch(&owner, &weak) == 0);
    /* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): it thinks that errno is INT_MIN */
    owner.shared->counts = (METE_SHARED_MOST - 1) * one + 2 * watcher;
    CHECK(plain_clone(&owner, &out) == 0);
    out.shared = NULL;
    CHECK(plain_clone(&owner, &out) == -EOVERFLOW && plain_weak_lock(&weak, &out) == -EOVERFLOW);
    CHECK(out.shared == NULL);
    CHECK(owner.shared->counts == METE_SHARED_MOST * one + 2 * watcher);
    owner.shared->counts = one + METE_SHARED_MOST * watcher;
    CHECK(plain_watch(&owner, &other) == -EOVERFLOW && other.shared == NULL);
    CHECK(plain_weak_clone(&weak, &other) == -EOVERFLOW);
    CHECK(owner.shared->counts == one + METE_SHARED_MOST * watcher);
    owner.shared->counts = one + 2 * watcher;
    plain_weak_drop(&weak);
    plain_drop(&owner);
}

static void values_are_aligned_and_go_back_as_a_whole(void) {
    mete_allocator *checking = mete_allocator_checking(mete_allocator_heap(), NULL, NULL);
    for (size_t align = 1; align <= 4096; align *= 2) {
        mete_layout layout = {3 * align + 1, align};
        mete_shared *shared = mete_shared_new(checking, layout, NULL, NULL);
        CHECK(shared != NULL);
        CHECK((uintptr_t)mete_shared_value(shared) % align == 0);
        memset(mete_shared_value(shared), 0x5a, layout.size);
        mete_shared_release(shared); /* ends the program, were the layout another */
    }
    mete_allocator_destroy(checking);
}

static void layout_that_does_not_fit_is_refused(void) {
    errno = 0;
    CHECK(mete_shared_new(NULL, (mete_layout){METE_SIZE_MAX - 7, 1}, NULL, NULL) == NULL);
    CHECK(errno == EOVERFLOW);
    CHECK(mete_shared_new(NULL, (mete_layout){8, 12}, NULL, NULL) == NULL && errno == EINVAL);
}

static void dropping_an_owner_too_many_ends_the_program(void) {
    mete_shared *shared = mete_shared_new(NULL, METE_LAYOUT_OF(int), NULL, NULL);
    CHECK(mete_shared_watch(shared) == 0); /* so that it is still there */
    mete_shared_release(shared);
    apart_expect("mete: double-drop of the shared value at %p\n", mete_shared_value(shared));
    mete_shared_release(shared);
}

static void dropping_a_weak_handle_too_many_ends_the_program(void) {
    mete_shared *shared = mete_shared_new(NULL, METE_LAYOUT_OF(int), NULL, NULL);
    shared->counts = 0; /* as it is in the freed block; that itself must not be looked at */
    apart_expect("mete: double-drop of a weak handle of the shared value at %p\n",
                 mete_shared_value(shared));
    mete_shared_unwatch(shared);
}

/* --- Threads */

enum { THREADS = 4, ROUNDS = 3000 };

static struct counter_weak common; /* locked by all, while its owners come and go */

static void *come_and_go(void *owner) {
    struct counter mine = counter_move((struct counter *)owner);
    for (int i = 0; i < ROUNDS; i++) {
        struct counter other = {0}, locked = {0};
        struct counter_weak weak = {0};
        CHECK(counter_clone(&mine, &other) == 0 && counter_watch(&other, &weak) == 0);
        CHECK(counter_get(&other)->value == 7);
        if (counter_weak_lock(&common, &locked) == 0) CHECK(counter_get(&locked)->value == 7);
        counter_drop(i % 2 == 0 ? &mine : &other);
        if (i % 2 == 0) mine = counter_move(&other);
        counter_drop(&locked);
        counter_weak_drop(&weak);
    }
    counter_drop(&mine);
    return NULL;
}

static void *lock_to_the_end(void *unused) {
    struct counter locked = {0};
    (void)unused;
    while (counter_weak_lock(&common, &locked) == 0) {
        CHECK(counter_get(&locked)->value == 7);
        counter_drop(&locked);
    }
    return NULL;
}

static void threads_destroy_a_value_once(void) {
    pthread_t threads[THREADS];
    int destroyed = 0;

    for (int round = 0; round < 5; round++) {
        struct counter owner = {0}, owners[THREADS] = {{0}};
        CHECK(counter_new(&owner, NULL, (struct tally){7, &destroyed}) == 0);
        CHECK(counter_watch(&owner, &common) == 0);
        for (int i = 0; i < THREADS; i++) CHECK(counter_clone(&owner, &owners[i]) == 0);
        for (int i = 0; i < THREADS; i++)
            CHECK(pthread_create(&threads[i], NULL, i > 0 ? come_and_go : lock_to_the_end,
                                 &owners[i]) == 0);
        counter_drop(&owners[0]);
        counter_drop(&owner);
        for (int i = 0; i < THREADS; i++) CHECK(pthread_join(threads[i], NULL) == 0);
        CHECK(destroyed == round + 1);
        CHECK(mete_shared_watchers(common.shared) == 1);
        counter_weak_drop(&common);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        FACT(value_ends_with_its_last_owner),
        FACT(weak_handle_gives_an_owner_while_there_is_one),
        FACT(empty_handles_have_nothing_to_give),
        FACT(counts_never_pass_their_limit),
        FACT(values_are_aligned_and_go_back_as_a_whole),
        FACT(layout_that_does_not_fit_is_refused),
        DEATH(dropping_an_owner_too_many_ends_the_program),
        DEATH(dropping_a_weak_handle_too_many_ends_the_program),
        FACT(threads_destroy_a_value_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
