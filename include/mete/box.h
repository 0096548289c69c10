/*
 * mete/box.h - values on an allocator, and who owns them.
 *
 * A box owns one value of its type, alone. A shared value has many owners, and ends with the last
 * one; weak handles watch it without keeping it. Both are declared for a type, so that the compiler
 * tells them apart:
 *
 *     METE_BOX_DECLARE(conn_box, struct conn, conn_close)
 *     METE_SHARED_DECLARE(config, struct config, METE_NO_DESTRUCTOR)
 *
 * Values are copied in and out as C does: in C++, of types whose bytes are all there is to them.
 *
 * A handle is a small struct. All zero it is empty, and to drop an empty one does nothing. It is
 * moved by conn_box_move, never by assignment: two copies of one handle would both drop its value.
 *
 * Functions that can fail return 0 or a negative errno, and leave their outputs untouched then:
 * -ENOMEM, or what the allocator says; more where it is said. An output's old value is not dropped.
 *
 * A handle is its owner's: two threads must not use one at the same time. The counts of a shared
 * value are atomic, so that threads may each have a handle of it; its allocator then must be
 * thread-safe, and what is in the value is up to the program. Not for signal handlers.
 */
#ifndef METE_BOX_H
#define METE_BOX_H

#include <errno.h>
#include <mete/allocator.h>
#include <mete/attributes.h>
#include <mete/layout.h>
#include <stddef.h>
#include <stdint.h>

METE_BEGIN_DECLS

/* For types that need none. A destructor takes a T *, and leaves the memory alone. */
#define METE_NO_DESTRUCTOR(value) ((void)(value))

/* METE_OWNED(conn_box) box = {0};  A handle that is dropped at the end of its scope (see
 * mete/scope.h for which ends that are). */
#define METE_OWNED(name) __attribute__((cleanup(name##_drop))) struct name

/* What an allocator said, should it have forgotten to say it, too. */
METE_HEADER_INLINE int mete__box_error(void) {
    return errno > 0 ? -errno : -ENOMEM;
}

/* NOLINTBEGIN(bugprone-macro-parentheses): the arguments of what follows are types and names. */

/* --- Boxes
 *
 * For METE_BOX_DECLARE(box, T, destructor), outside of functions:
 *
 *     struct box { T *value; … };
 *     int box_new(struct box *out, const mete_allocator *allocator, T value);
 *         A box with this value. allocator NULL: mete's heap. It must outlive the box.
 *     T *box_get(const struct box *box);
 *         The value; NULL: the box is empty.
 *     struct box box_move(struct box *box);
 *         The box itself; `box` is empty from now on.
 *     int box_take(struct box *box, T *out);
 *         Moves the value out, destroying nothing; the box is empty then. -ENOENT: it was.
 *     void box_drop(struct box *box);
 *         Destroys the value; the box is empty then. Keeps errno.
 */
#define METE_BOX_DECLARE(name, T, destructor)                                                 \
    struct name {                                                                             \
        T *value;                        /* NULL: empty */                                    \
        const mete_allocator *allocator; /* that the value is from */                         \
    };                                                                                        \
    METE_NODISCARD METE_HEADER_INLINE int name##_new(                                         \
        struct name *mete__out, const mete_allocator *mete__allocator, T mete__value) {       \
        if (mete__allocator == NULL) mete__allocator = mete_allocator_heap();                 \
        T *mete__place = METE_ALLOC(mete__allocator, T);                                      \
        if (mete__place == NULL) return mete__box_error();                                    \
        *mete__place = mete__value;                                                           \
        mete__out->value = mete__place;                                                       \
        mete__out->allocator = mete__allocator;                                               \
        return 0;                                                                             \
    }                                                                                         \
    METE_NODISCARD METE_HEADER_INLINE T *name##_get(const struct name *mete__box) {           \
        return mete__box->value;                                                              \
    }                                                                                         \
    METE_NODISCARD METE_HEADER_INLINE struct name name##_move(struct name *mete__box) {       \
        struct name mete__moved = *mete__box;                                                 \
        mete__box->value = NULL;                                                              \
        return mete__moved;                                                                   \
    }                                                                                         \
    METE_NODISCARD METE_HEADER_INLINE int name##_take(struct name *mete__box, T *mete__out) { \
        struct name mete__taken = name##_move(mete__box);                                     \
        if (mete__taken.value == NULL) return -ENOENT;                                        \
        *mete__out = *mete__taken.value;                                                      \
        METE_FREE(mete__taken.allocator, mete__taken.value);                                  \
        return 0;                                                                             \
    }                                                                                         \
    METE_HEADER_INLINE void name##_drop(struct name *mete__box) {                             \
        struct name mete__dropped = name##_move(mete__box);                                   \
        int mete__error = errno;                                                              \
        if (mete__dropped.value == NULL) return;                                              \
        destructor(mete__dropped.value);                                                      \
        METE_FREE(mete__dropped.allocator, mete__dropped.value);                              \
        errno = mete__error;                                                                  \
    }                                                                                         \
    struct name

/* --- Shared values
 *
 * For METE_SHARED_DECLARE(shared, T, destructor), outside of functions:
 *
 *     struct shared { … };  struct shared_weak { … };
 *     int shared_new(struct shared *out, const mete_allocator *allocator, T value);
 *         A value with one owner. allocator NULL: mete's heap. It must outlive all handles.
 *     T *shared_get(const struct shared *shared);
 *         The value; NULL: the handle is empty.
 *     int shared_clone(const struct shared *shared, struct shared *out);
 *         One more owner.
 *     struct shared shared_move(struct shared *shared);
 *         The same owner; `shared` is empty from now on.
 *     void shared_drop(struct shared *shared);
 *         One owner less. The last one destroys the value.
 *     int shared_watch(const struct shared *shared, struct shared_weak *out);
 *     int shared_weak_clone(const struct shared_weak *weak, struct shared_weak *out);
 *         A weak handle.
 *     int shared_weak_lock(const struct shared_weak *weak, struct shared *out);
 *         One more owner, if there still is one: else -ESTALE, as from an empty handle.
 *     void shared_weak_drop(struct shared_weak *weak);
 *
 * No count ever wraps: at METE_SHARED_MOST handles of a kind the next is refused with -EOVERFLOW.
 * To clone or watch an empty handle is -ENOENT. Dropping keeps errno. The memory of a value is
 * freed with the last handle of either kind.
 */
#define METE_SHARED_DECLARE(name, T, destructor)                                                  \
    struct name {                                                                                 \
        mete_shared *shared; /* one owner; NULL: empty */                                         \
    };                                                                                            \
    struct name##_weak {                                                                          \
        mete_shared *shared; /* one watcher; NULL: empty */                                       \
    };                                                                                            \
    METE_HEADER_INLINE void name##_destroy_value(void *mete__value) {                             \
        destructor((T *)mete__value);                                                             \
    }                                                                                             \
    METE_NODISCARD METE_HEADER_INLINE T *name##_get(const struct name *mete__shared) {            \
        return (T *)mete_shared_value(mete__shared->shared);                                      \
    }                                                                                             \
    METE_NODISCARD METE_HEADER_INLINE int name##_new(                                             \
        struct name *mete__out, const mete_allocator *mete__allocator, T mete__value) {           \
        mete_shared *mete__made = mete_shared_new(mete__allocator, METE_LAYOUT_OF(T),             \
                                                  name##_destroy_value, METE_SITE(T));            \
        if (mete__made == NULL) return mete__box_error();                                         \
        *(T *)mete_shared_value(mete__made) = mete__value;                                        \
        mete__out->shared = mete__made;                                                           \
        return 0;                                                                                 \
    }                                                                                             \
    METE_NODISCARD METE_HEADER_INLINE int name##_clone(const struct name *mete__shared,           \
                                                       struct name *mete__out) {                  \
        int mete__status = mete_shared_hold(mete__shared->shared);                                \
        if (mete__status == 0) mete__out->shared = mete__shared->shared;                          \
        return mete__status;                                                                      \
    }                                                                                             \
    METE_NODISCARD METE_HEADER_INLINE struct name name##_move(struct name *mete__shared) {        \
        struct name mete__moved = *mete__shared;                                                  \
        mete__shared->shared = NULL;                                                              \
        return mete__moved;                                                                       \
    }                                                                                             \
    METE_HEADER_INLINE void name##_drop(struct name *mete__shared) {                              \
        struct name mete__dropped = name##_move(mete__shared);                                    \
        mete_shared_release(mete__dropped.shared);                                                \
    }                                                                                             \
    METE_NODISCARD METE_HEADER_INLINE int name##_watch(const struct name *mete__shared,           \
                                                       struct name##_weak *mete__out) {           \
        int mete__status = mete_shared_watch(mete__shared->shared);                               \
        if (mete__status == 0) mete__out->shared = mete__shared->shared;                          \
        return mete__status;                                                                      \
    }                                                                                             \
    METE_NODISCARD METE_HEADER_INLINE int name##_weak_clone(const struct name##_weak *mete__weak, \
                                                            struct name##_weak *mete__out) {      \
        int mete__status = mete_shared_watch(mete__weak->shared);                                 \
        if (mete__status == 0) mete__out->shared = mete__weak->shared;                            \
        return mete__status;                                                                      \
    }                                                                                             \
    METE_NODISCARD METE_HEADER_INLINE int name##_weak_lock(const struct name##_weak *mete__weak,  \
                                                           struct name *mete__out) {              \
        int mete__status = mete_shared_lock(mete__weak->shared);                                  \
        if (mete__status == 0) mete__out->shared = mete__weak->shared;                            \
        return mete__status;                                                                      \
    }                                                                                             \
    METE_HEADER_INLINE void name##_weak_drop(struct name##_weak *mete__weak) {                    \
        mete_shared *mete__dropped = mete__weak->shared;                                          \
        mete__weak->shared = NULL;                                                                \
        mete_shared_unwatch(mete__dropped);                                                       \
    }                                                                                             \
    struct name

/* NOLINTEND(bugprone-macro-parentheses) */

/* --- What shared values are made of: without types, for other languages and generic code */

typedef struct mete_shared mete_shared;

/* The most owners, and the most watchers, a value can have. */
#define METE_SHARED_MOST ((uint32_t)INT32_MAX)

/* Memory of a layout with one owner, not initialised; destroy (may be NULL) is called with it when
 * the last owner has gone. NULL with errno. allocator and site may be NULL. */
METE_API METE_NODISCARD mete_shared *mete_shared_new(const mete_allocator *allocator,
                                                     mete_layout layout,
                                                     void (*destroy)(void *value),
                                                     const mete_site *site);
/* The memory; its owners may use it. NULL for NULL. */
METE_API METE_NODISCARD void *mete_shared_value(mete_shared *shared);

/* One more owner, by one who is: 0, -EOVERFLOW, -ENOENT for NULL. */
METE_API METE_NODISCARD int mete_shared_hold(mete_shared *shared);
/* One owner less. Keeps errno; NULL is ignored. */
METE_API void mete_shared_release(mete_shared *shared);
/* One more watcher, by an owner or a watcher: 0, -EOVERFLOW, -ENOENT for NULL. */
METE_API METE_NODISCARD int mete_shared_watch(mete_shared *shared);
/* One watcher less. Keeps errno; NULL is ignored. */
METE_API void mete_shared_unwatch(mete_shared *shared);
/* One more owner, by a watcher: 0, -EOVERFLOW, -ESTALE where there is none left, or for NULL. */
METE_API METE_NODISCARD int mete_shared_lock(mete_shared *shared);

/* How many there are now; with other threads about, there were. 0 for NULL. */
METE_API uint32_t mete_shared_owners(const mete_shared *shared);
METE_API uint32_t mete_shared_watchers(const mete_shared *shared);

METE_END_DECLS

#endif
