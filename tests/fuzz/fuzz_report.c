/* A whole profile, changed in a few places, through every form of the report: what the reader
 * accepts must never crash what comes after it. An input is a list of changes, 12 bytes each:
 * where, and what is written there. */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/types.h>
#include <unistd.h>

#include "../unit/sample_profile.h"
#include "report/report.h"
#include "report/report_folded.h"
#include "report/report_html.h"
#include "report/report_json.h"
#include "report/report_pprof.h"
#include "report/report_speedscope.h"
#include "report/report_suppressions.h"
#include "report/report_text.h"

struct change {
    uint32_t place;
    uint8_t bytes[8];
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int condition) {
    if (!condition) abort();
}

/* The sample's bytes; made once. */
static const uint8_t *sample(size_t *size) {
    static uint8_t *bytes;
    static size_t length;

    if (bytes == NULL) {
        char path[] = "/tmp/mete-fuzz-report-XXXXXX";
        int fd = mkstemp(path);
        must(fd >= 0 && sample_write(path) == 0);
        length = (size_t)mete__writer_header()->used_bytes;
        bytes = malloc(length);
        close(fd);
        FILE *file = fopen(path, "r");
        must(bytes != NULL && file != NULL && fread(bytes, 1, length, file) == length);
        fclose(file);
        mete__writer_close();
        unlink(path);
    }
    *size = length;
    return bytes;
}

/* A file of the sample with the changes; its descriptor. */
static int changed_sample(const uint8_t *data, size_t size) {
    size_t length;
    const uint8_t *original = sample(&length);
    int fd = memfd_create("profile", MFD_CLOEXEC);

    must(fd >= 0 && write(fd, original, length) == (ssize_t)length);
    for (; size >= sizeof(struct change); size -= sizeof(struct change)) {
        struct change change;
        memcpy(&change, data, sizeof change);
        data += sizeof change;
        off_t place = (off_t)(change.place % (length - sizeof change.bytes));
        must(pwrite(fd, change.bytes, sizeof change.bytes, place) == sizeof change.bytes);
    }
    return fd;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static int (*const forms[])(struct mete__report *, FILE *) = {
        mete__report_text,         mete__report_json,  mete__report_folded, mete__report_speedscope,
        mete__report_suppressions, mete__report_pprof, mete__report_html,
    };
    static FILE *nowhere;
    struct mete__report_options options = {.top = 50};
    struct mete__report *report;
    char path[64], why[512];

    if (nowhere == NULL) nowhere = fopen("/dev/null", "w");
    must(nowhere != NULL);
    int fd = changed_sample(data, size);
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    if (mete__report_open(path, &options, &report, why, sizeof why) == 0) {
        for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++)
            must(forms[i](report, nowhere) == 0);
        mete__report_close(report);
    } else {
        must(strncmp(why, path, strlen(path)) == 0);
    }
    close(fd);
    return 0;
}
