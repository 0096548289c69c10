/* mallopt, malloc_trim, mallinfo, mallinfo2, malloc_info, malloc_stats: what they say is so. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fact.h"
#include "family.h"

enum { MIB = 1 << 20, COUNT = 20000, BLOCK = 1000 };

static void *blocks[COUNT];

static void hold_20_MB(void) {
    for (unsigned i = 0; i < COUNT; i++) {
        blocks[i] = malloc(BLOCK);
        memset(blocks[i], 1, BLOCK);
    }
}

static void release(void) {
    for (unsigned i = 0; i < COUNT; i++) free(blocks[i]);
}

/* glibc answers 1 for every parameter it takes, and for those it does not know. */
static void mallopt_accepts_the_parameters_of_glibc(void) {
    CHECK_EQUAL(mallopt(M_MMAP_THRESHOLD, 1 << 20), 1);
    CHECK_EQUAL(mallopt(M_TRIM_THRESHOLD, 1 << 20), 1);
    CHECK_EQUAL(mallopt(M_TOP_PAD, 1 << 16), 1);
    CHECK_EQUAL(mallopt(M_MMAP_MAX, 1000), 1);
    CHECK_EQUAL(mallopt(M_ARENA_MAX, 2), 1);
    CHECK_EQUAL(mallopt(M_CHECK_ACTION, 3), 1);
    hold_20_MB();
    release();
}

static void malloc_trim_returns_memory_and_says_so(void) {
    size_t before = process_bytes("VmRSS:");
    hold_20_MB();
    void *kept = malloc(100);
    release();
    int released = malloc_trim(0);
    CHECK(released == 0 || released == 1);
    CHECK(process_bytes("VmRSS:") < before + 6 * MIB);

    free(kept);
}

static size_t in_use(void) {
    struct mallinfo2 info = mallinfo2();
    return info.uordblks + info.hblkhd;
}

static void mallinfo2_counts_what_is_in_use(void) {
    size_t before = in_use();
    hold_20_MB();
    size_t held = in_use();
    CHECK(held - before >= (size_t)COUNT * BLOCK);
    CHECK(held - before < (size_t)COUNT * BLOCK * 3 / 2);
    void *large = malloc(64 * MIB);
    CHECK(in_use() - held >= 64 * MIB);
    free(large);
    release();
    CHECK(in_use() < before + MIB);
    struct mallinfo2 info = mallinfo2();
    CHECK(info.arena + info.hblkhd >= info.uordblks);
}

static void mallinfo_agrees_with_mallinfo2(void) {
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
    hold_20_MB();
    struct mallinfo old = mallinfo();
    struct mallinfo2 now = mallinfo2();
    CHECK_EQUAL((unsigned)old.uordblks, (unsigned)now.uordblks);
    CHECK_EQUAL((unsigned)old.hblkhd, (unsigned)now.hblkhd);
    CHECK_EQUAL((unsigned)old.arena, (unsigned)now.arena);
#pragma GCC diagnostic pop
}

static void malloc_info_writes_xml(void) {
    char *text = NULL;
    size_t length = 0;
    hold_20_MB();
    FILE *stream = open_memstream(&text, &length);
    CHECK(stream != NULL);
    CHECK_EQUAL(malloc_info(0, stream), 0);
    fclose(stream);
    CHECK(length > 20 && strncmp(text, "<malloc version=\"", 17) == 0);
    CHECK(strstr(text, "</malloc>") != NULL);
    unsigned open = 0, close = 0;
    for (size_t i = 0; i < length; i++) {
        open += text[i] == '<';
        close += text[i] == '>';
    }
    CHECK_EQUAL(open, close);
    free(text);
    stream = fopen("/dev/null", "w");
    CHECK(malloc_info(1, stream) != 0); /* glibc gives EINVAL itself, its manual -1 */
    fclose(stream);
}

static void malloc_stats_writes_to_standard_error(void) {
    char path[] = "/tmp/mete-conformance-XXXXXX";
    struct stat status;
    int file = mkstemp(path), kept = dup(STDERR_FILENO);

    CHECK(file >= 0 && unlink(path) == 0);
    hold_20_MB();
    dup2(file, STDERR_FILENO);
    errno = 7;
    malloc_stats();
    fflush(stderr);
    dup2(kept, STDERR_FILENO);
    CHECK(fstat(file, &status) == 0);
    CHECK(status.st_size > 0);
}

int main(int argc, char **argv) {
    static const fact facts[] = {
        FACT(mallopt_accepts_the_parameters_of_glibc),
        FACT(malloc_trim_returns_memory_and_says_so),
        FACT(mallinfo2_counts_what_is_in_use),
        FACT(mallinfo_agrees_with_mallinfo2),
        FACT(malloc_info_writes_xml),
        FACT(malloc_stats_writes_to_standard_error),
    };
    return fact_main(facts, COUNT_OF(facts), argc, argv);
}
