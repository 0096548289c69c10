/* Pairs of functions, by mete/ptr.h without checks and by hand: their machine code is the same. */
#define METE_PTR_CHECKS 0
#include <mete/ptr.h>
#include <string.h>

/* clang-format off */
#define PAIR(type, name, parameters, mete, hand) \
    type mete_##name parameters;                 \
    type hand_##name parameters;                 \
    type mete_##name parameters { mete }         \
    type hand_##name parameters { hand }

struct pair {
    long a, b;
};

PAIR(long, read, (const long *p), long out; METE_PTR_READ(p, &out); return out;, return *p;)
PAIR(void, write, (int *p, int v), METE_PTR_WRITE(p, v);, *p = v;)
PAIR(uint32_t, read_unaligned, (const uint32_t *p), uint32_t out;
     METE_PTR_READ_UNALIGNED(p, &out); return out;
     , uint32_t out; memcpy(&out, p, sizeof out); return out;)
PAIR(int, read_volatile, (volatile int *p), int out; METE_PTR_READ_VOLATILE(p, &out); return out;
     , return *p;)
PAIR(void, write_volatile, (volatile short *p, short v), METE_PTR_WRITE_VOLATILE(p, v);, *p = v;)
PAIR(long, replace, (long *p, long v), long old; METE_PTR_REPLACE(p, v, &old); return old;
     , long old = *p; *p = v; return old;)
PAIR(void, swap, (long *a, long *b), METE_PTR_SWAP(a, b);, long x = *a; *a = *b; *b = x;)
PAIR(void, copy, (void *to, const void *from, size_t n), mete_ptr_copy(to, from, n);
     , memmove(to, from, n);)
PAIR(void, copy_nonoverlapping, (struct pair *to, const struct pair *from),
     METE_PTR_COPY_NONOVERLAPPING(to, from, 1);, memcpy(to, from, sizeof *to);)
PAIR(void, copy_values, (int *to, const int *from, size_t n), METE_PTR_COPY(to, from, n);
     , memmove(to, from, n * sizeof *to);)
PAIR(void, fill, (char *p, size_t n), mete_ptr_fill(p, 0, n);, memset(p, 0, n);)
PAIR(int, compare, (const char *a, const char *b, size_t n), int order;
     mete_ptr_compare(a, b, n, &order); return order;, return memcmp(a, b, n);)
PAIR(struct pair *, add, (struct pair *p, ptrdiff_t n), struct pair *out;
     METE_PTR_ADD(p, n, &out); return out;, return p + n;)
PAIR(ptrdiff_t, distance, (struct pair *a, struct pair *b), ptrdiff_t out;
     METE_PTR_DISTANCE(a, b, &out); return out;, return b - a;)
PAIR(char *, align_up, (char *p), char *out; METE_PTR_ALIGN_UP(p, 64, &out); return out;
     , return (char *)(((uintptr_t)p + 63) & ~(uintptr_t)63);)
PAIR(char *, align_down, (char *p), char *out; METE_PTR_ALIGN_DOWN(p, 64, &out); return out;
     , return (char *)((uintptr_t)p & ~(uintptr_t)63);)
PAIR(long *, cast_aligned, (char *p), long *out; METE_PTR_CAST_ALIGNED(long, p, &out); return out;
     , return (long *)(void *)p;)
PAIR(uint32_t, load_le32, (const unsigned char *p), uint32_t out;
     mete_view_load_le32(mete_view_of(p, 16), 4, &out); return out;
     , return p[4] | (uint32_t)p[5] << 8 | (uint32_t)p[6] << 16 | (uint32_t)p[7] << 24;)
PAIR(uint32_t, load_be32, (const unsigned char *p), uint32_t out;
     mete_view_load_be32(mete_view_of(p, 16), 4, &out); return out;
     , return p[7] | (uint32_t)p[6] << 8 | (uint32_t)p[5] << 16 | (uint32_t)p[4] << 24;)
PAIR(void, store_be64, (void *p, uint64_t v), mete_span_store_be64(mete_span_of(p, 8), 0, v);
     , v = __builtin_bswap64(v); memcpy(p, &v, 8);)
PAIR(const char *, sub, (const char *p, size_t n), mete_view out;
     mete_view_sub(mete_view_of(p, 100), n, 10, &out); return out.data;, return p + n;)
