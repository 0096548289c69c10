/*
 * examples/heap.c - the heap of libmete beside the C library's own.
 *
 *     cc heap.c $(pkg-config --cflags --libs mete) -o heap && ./heap
 *
 * A buffer that grows: mete_usable_size says how much room there is, so that it is asked for more
 * only when it is full.
 */
#include <mete/malloc.h>

#include <stdint.h>
#include <stdio.h>

int main(void) {
    uint32_t *primes = NULL;
    size_t count = 0;
    unsigned growths = 0;

    for (uint32_t candidate = 2; candidate < 100000; candidate++) {
        size_t i = 0;
        while (i < count && primes[i] * primes[i] <= candidate && candidate % primes[i] != 0) i++;
        if (i < count && primes[i] * primes[i] <= candidate) continue;

        if (mete_usable_size(primes) < (count + 1) * sizeof *primes) {
            uint32_t *larger = mete_realloc(primes, (count + 1) * 2 * sizeof *primes);
            if (larger == NULL) {
                perror("heap"); /* the old buffer is still whole */
                mete_free(primes);
                return 1;
            }
            primes = larger;
            growths++;
        }
        primes[count++] = candidate;
    }
    printf("%zu primes below 100000, the last is %u; the buffer grew %u times\n", count,
           primes[count - 1], growths);
    mete_free(primes);
    return 0;
}
