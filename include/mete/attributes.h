/*
 * mete/attributes.h - what the public headers say to the compiler beyond types.
 *
 * Included by every other header, and of no use alone. With these, gcc and clang warn of results
 * that are dropped, of NULL where it is forbidden, of reads beyond an allocation.
 */
#ifndef METE_ATTRIBUTES_H
#define METE_ATTRIBUTES_H

#ifdef __cplusplus
#define METE_BEGIN_DECLS                    extern "C" {
#define METE_END_DECLS                      }
#define METE_STATIC_ASSERT(condition, text) static_assert(condition, text)
#define METE_ALIGN_OF(type)                 alignof(type)
#else
#define METE_BEGIN_DECLS
#define METE_END_DECLS
#define METE_STATIC_ASSERT(condition, text) _Static_assert(condition, text)
#define METE_ALIGN_OF(type)                 _Alignof(type)
#endif

/* A function of the libraries' interface. */
#ifndef METE_API
#define METE_API __attribute__((visibility("default")))
#endif

/* A function whose body is in the header. */
#define METE_HEADER_INLINE static inline __attribute__((unused))

/* Such a function that C++ may call in a constant expression. */
#ifdef __cplusplus
#define METE_CONSTEXPR constexpr METE_HEADER_INLINE
#else
#define METE_CONSTEXPR METE_HEADER_INLINE
#endif

/* The result must be looked at. */
#define METE_NODISCARD __attribute__((warn_unused_result))

/* The arguments of these numbers (from 1), or all pointers, are never NULL. */
#define METE_NONNULL(...) __attribute__((nonnull(__VA_ARGS__)))

/* Returns fresh memory: nothing else points to it. (gcc 11's malloc(free) is not used: it warns of
 * blocks that go back through another, equally right, function.) */
#define METE_MALLOC __attribute__((malloc, warn_unused_result))

/* The result has as many bytes as the arguments of these numbers say (their product). */
#define METE_ALLOC_SIZE(...) __attribute__((alloc_size(__VA_ARGS__)))
/* The result is aligned as the argument of this number says. */
#define METE_ALLOC_ALIGN(number) __attribute__((alloc_align(number)))

/* How the function uses the memory an argument points to: the number of the pointer, and of its
 * size in bytes. Only gcc checks it. */
#if defined(__GNUC__) && !defined(__clang__)
#define METE_READS(...)  __attribute__((access(read_only, __VA_ARGS__)))
#define METE_WRITES(...) __attribute__((access(write_only, __VA_ARGS__)))
#define METE_EDITS(...)  __attribute__((access(read_write, __VA_ARGS__)))
#else
#define METE_READS(...)
#define METE_WRITES(...)
#define METE_EDITS(...)
#endif

/* In front of a parameter's name: NULL must not be given. Only clang warns of it; unlike
 * METE_NONNULL it lets the function find NULL at run time. Stands between these two. */
#if defined(__clang__)
#define METE_NEVER_NULL _Nonnull
#define METE_BEGIN_NULLABILITY                                          \
    _Pragma("clang diagnostic push")                                    \
        _Pragma("clang diagnostic ignored \"-Wnullability-extension\"") \
            _Pragma("clang diagnostic ignored \"-Wnullability-completeness\"")
#define METE_END_NULLABILITY _Pragma("clang diagnostic pop")
#else
#define METE_NEVER_NULL
#define METE_BEGIN_NULLABILITY
#define METE_END_NULLABILITY
#endif

/* The arguments are those of the compiler's own function, and as wrong as they would be there. */
#if defined(__clang__) && __has_attribute(diagnose_as_builtin)
#define METE_DIAGNOSE_AS(function, ...) __attribute__((diagnose_as_builtin(function, __VA_ARGS__)))
#else
#define METE_DIAGNOSE_AS(function, ...)
#endif

/* The arguments follow a format of printf, itself the argument of the first number. */
#define METE_FORMAT(format_number, first_number) \
    __attribute__((format(printf, format_number, first_number)))

#endif
