/* A loop reads one element too many of an array of words. */
#include "fault.h"

static uint64_t sum(const uint64_t *words, size_t count) {
    uint64_t total = 0;
    for (size_t i = 0; i <= count; i++) total += words[i];
    return total;
}

int main(int argc, char **argv) {
    size_t count = (fault_size(argc, argv) + 15) / 16 * 2;
    uint64_t *words = (uint64_t *)fault_block(count * sizeof *words);
    fault_announce(words + count);
    return (int)sum(words, count);
}
