#include "analysis/unpacked_file.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <zstd.h>

#include "analysis/late_library.h"
#include "analysis/regular_file.h"
#include "base/compiler.h"

#define BYTES_MOST  ((size_t)1 << 30)
#define PIECE_BYTES ((size_t)1 << 17)

/* The library's functions; NULL: it is not loaded yet. */
static struct {
    __typeof__(&ZSTD_createDStream) create;
    __typeof__(&ZSTD_decompressStream) decompress;
    __typeof__(&ZSTD_freeDStream) free;
    __typeof__(&ZSTD_isError) is_error;
} zstd;

static bool load(void) {
    const struct mete__late_function functions[] = {
        {"ZSTD_createDStream", &zstd.create},
        {"ZSTD_decompressStream", &zstd.decompress},
        {"ZSTD_freeDStream", &zstd.free},
        {"ZSTD_isError", &zstd.is_error},
    };

    return zstd.create != NULL ||
           mete__late_library_load("libzstd.so.1", functions, METE_COUNT_OF(functions)) == 0;
}

static bool write_all(int fd, const char *bytes, size_t size) {
    while (size > 0) {
        ssize_t written = write(fd, bytes, size);
        if (written < 0 && errno == EINTR) continue;
        if (written <= 0) return false;
        bytes += written;
        size -= (size_t)written;
    }
    return true;
}

/* Unpacks what has been read; `*written` counts. false: it is damaged, or too much. */
static bool unpack_piece(ZSTD_DStream *stream, ZSTD_inBuffer *in, char *piece, int to,
                         size_t *written, size_t *missing) {
    ZSTD_outBuffer out;

    do {
        out = (ZSTD_outBuffer){.dst = piece, .size = PIECE_BYTES};
        *missing = zstd.decompress(stream, &out, in);
        if (zstd.is_error(*missing) || out.pos > BYTES_MOST - *written ||
            !write_all(to, piece, out.pos))
            return false;
        *written += out.pos;
    } while (in->pos < in->size || out.pos == out.size);
    return true;
}

static bool unpack(int from, int to, ZSTD_DStream *stream, char *packed, char *piece) {
    size_t written = 0, missing = 1;

    for (off_t at = 0;;) {
        ssize_t bytes = pread(from, packed, PIECE_BYTES, at);
        if (bytes < 0 && errno == EINTR) continue;
        if (bytes <= 0) return bytes == 0 && missing == 0; /* all of it was there */
        ZSTD_inBuffer in = {.src = packed, .size = (size_t)bytes};
        if (!unpack_piece(stream, &in, piece, to, &written, &missing)) return false;
        at += bytes;
    }
}

static bool is_packed(int fd) {
    uint8_t start[4];

    return pread(fd, start, sizeof start, 0) == (ssize_t)sizeof start &&
           memcmp(start, "\x28\xb5\x2f\xfd", sizeof start) == 0;
}

int mete__unpacked_file_open(const char *path) {
    int fd = mete__regular_file_open(path);

    if (fd < 0 || !is_packed(fd) || !load()) return fd;
    int unpacked = memfd_create("unpacked", MFD_CLOEXEC);
    ZSTD_DStream *stream = zstd.create();
    char *bytes = malloc(2 * PIECE_BYTES);
    bool is_whole = unpacked >= 0 && stream != NULL && bytes != NULL &&
                    unpack(fd, unpacked, stream, bytes, bytes + PIECE_BYTES);
    free(bytes);
    (void)zstd.free(stream);
    if (unpacked >= 0) close(is_whole ? fd : unpacked);
    return is_whole ? unpacked : fd;
}
