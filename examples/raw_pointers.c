/*
 * examples/raw_pointers.c - reads a message from raw bytes, and trusts none of them.
 *
 *     cc raw_pointers.c $(pkg-config --cflags --libs mete) -o raw_pointers && ./raw_pointers
 *
 * A message is its length and its kind, big end first, and that many bytes of text. Every access is
 * checked and answers with an error. With -DMETE_PTR_CHECKS=1 the first mistake ends the program
 * with a line that names it; with =0 nothing is checked, and the same source is plain machine code.
 */
#include <mete/ptr.h>

#include <stdio.h>
#include <string.h>

struct message {
    uint16_t kind;
    mete_view text;
};

/* Reads the message at *offset and moves on behind it. */
static int read_message(mete_view bytes, size_t *offset, struct message *out) {
    struct message message;
    uint32_t length;
    int status;

    if ((status = mete_view_load_be32(bytes, *offset, &length)) != 0) return status;
    if ((status = mete_view_load_be16(bytes, *offset + 4, &message.kind)) != 0) return status;
    if ((status = mete_view_sub(bytes, *offset + 6, length, &message.text)) != 0) return status;
    *offset += 6 + message.text.size;
    *out = message;
    return 0;
}

static void show_messages(mete_view bytes) {
    struct message message;
    size_t offset = 0;

    while (offset < bytes.size) {
        int status = read_message(bytes, &offset, &message);
        if (status != 0) {
            printf("at byte %zu: %s\n", offset, strerror(-status));
            return;
        }
        printf("kind %d: %.*s\n", message.kind, (int)message.text.size,
               (const char *)message.text.data);
    }
}

static void show_pointers(size_t by) {
    int numbers[8] = {0, 1, 2, 3, 4, 5, 6, 7}, *at, old;
    ptrdiff_t distance;

    if (METE_PTR_ADD(numbers, 5, &at) != 0 || METE_PTR_DISTANCE(numbers, at, &distance) != 0)
        return;
    printf("%td elements on is %d\n", distance, *at);
    if (METE_PTR_REPLACE(at, 50, &old) == 0) printf("replaced %d by %d\n", old, *at);
    if (METE_PTR_SWAP(&numbers[0], at) == 0) printf("swapped, the first is %d\n", numbers[0]);
    printf("copying over itself: %s\n",
           strerror(-METE_PTR_COPY_NONOVERLAPPING(numbers + by, numbers, 4)));
    printf("an int at an odd address: %s\n",
           strerror(-METE_PTR_CAST_ALIGNED(int, (char *)numbers + 1, &at)));
    printf("beyond all memory: %s\n", strerror(-METE_PTR_ADD(numbers, PTRDIFF_MAX, &at)));
}

int main(int argc, char **argv) {
    unsigned char bytes[] = "\0\0\0\5\0\1hello\0\0\0\5\0\2world";

    (void)argv;
    show_messages(mete_view_of(bytes, sizeof bytes - 1));
    bytes[13] = 0xff; /* a length that nobody sent */
    show_messages(mete_view_of(bytes, sizeof bytes - 1));
    show_pointers((size_t)argc); /* 1, but gcc need not know: it would warn */
    return 0;
}
