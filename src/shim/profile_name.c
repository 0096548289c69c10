/* shim/profile_name.h: with the file system as the only memory of what earlier images did. */
#include "shim/profile_name.h"

#include <errno.h>
#include <limits.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/text.h"
#include "os/file.h"
#include "os/process.h"
#include "profile/format.h"

/* Earlier images of one process and program: so many files, then the newest ones are replaced. */
#define EARLIER_MAX 9999

/* Static, because the first malloc may come on a small stack; there is one start only. */
static struct mete_profile_header header;

void mete__profile_name_program(const char *started_as, char *out, size_t size) {
    const char *slash = started_as != NULL ? strrchr(started_as, '/') : NULL;
    const char *base = slash != NULL ? slash + 1 : started_as;
    size_t length = base != NULL ? strnlen(base, METE_PROFILE_PROGRAM_MAX) : 0;

    if (length == 0) {
        base = "program";
        length = strlen(base);
    }
    if (length >= size) length = size - 1;
    memcpy(out, base, length);
    out[length] = '\0';
}

/* The name of the program that wrote the profile: its header refers to a string. */
static void read_program(int file, char *out, size_t size) {
    const struct mete_profile_directory *strings = &header.sections[METE_SECTION_STRINGS];
    char text[METE_PROFILE_PROGRAM_MAX + 1] = "";
    uint64_t index = header.program - 1; /* 0, no string, becomes larger than any chunk */

    if (index < strings->first_records)
        (void)mete__file_read(file, text, sizeof text - 1, strings->chunk[0] + index);
    mete__profile_name_program(text[0] != '\0' ? text : NULL, out, size);
}

/* Moves the profile at `path`, whose header has been read, to the first free name for earlier
 * images. `folder` bytes of path are its folder, slash included. */
static int move_aside(int file, const char *path, size_t folder) {
    char program[METE_PROFILE_PROGRAM_MAX + 1];
    static char name[PATH_MAX];

    read_program(file, program, sizeof program);
    memcpy(name, path, folder);
    for (unsigned n = 1; n <= EARLIER_MAX; n++) {
        struct mete__text text = mete__text_in(name + folder, sizeof name - folder);
        mete__text_add(&text, "mete.%s.%u.%u.mete", program, header.pid, n);
        int status = mete__file_rename(path, name);
        if (status != -EEXIST) return status;
    }
    return 0; /* what is there will be replaced */
}

static bool is_profile(int file) {
    return mete__file_read(file, &header, sizeof header, 0) == (int64_t)sizeof header &&
           memcmp(header.magic, METE_PROFILE_MAGIC, sizeof header.magic) == 0;
}

/* This process was another program when it wrote the file: marks that, and cuts the file to what is
 * in use, for nobody writes it any more. */
static void close_earlier(int file) {
    uint32_t state = METE_PROFILE_EXECED;
    if (header.state != METE_PROFILE_RUNNING) return;
    (void)mete__file_write(file, &state, sizeof state, offsetof(struct mete_profile_header, state));
    if (header.used_bytes >= METE_PROFILE_HEADER_SIZE)
        (void)mete__file_set_size(file, header.used_bytes);
}

/* Makes the name free. 0; -EALREADY as in the header; -EBUSY where a living process other than this
 * one has it. */
static int clear_name(const char *path, size_t folder, uint64_t image) {
    int file = mete__file_open(path);
    int status = -EBUSY;

    if (file == -ENOENT) return 0;
    if (file < 0) return file == -ELOOP || file == -ENODEV || file == -ENXIO ? -EEXIST : file;
    if (!is_profile(file)) {
        status = -EEXIST;
    } else if (header.pid == mete__process_id() && header.image == image && image != 0) {
        status = -EALREADY;
    } else if (header.pid == mete__process_id() || !mete__process_exists(header.pid)) {
        if (header.pid == mete__process_id()) close_earlier(file);
        status = move_aside(file, path, folder);
    }
    mete__file_close(file);
    return status;
}

int mete__profile_name_choose(const char *output, bool is_first, const char *program,
                              uint64_t image, char *path, size_t size) {
    int status = mete__file_absolute(output != NULL ? output : "mete", path, size);

    if (status < 0) return status;
    size_t folder = (size_t)(strrchr(path, '/') - path) + 1;
    if (output != NULL && is_first) {
        status = clear_name(path, folder, image);
        if (status != -EBUSY) return status;
    }
    struct mete__text name = mete__text_in(path + folder, size - folder);
    mete__text_add(&name, "mete.%s.%u.mete", program, mete__process_id());
    if (name.length + 1 >= name.capacity) return -ENAMETOOLONG;
    return clear_name(path, folder, image);
}
