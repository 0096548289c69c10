/* A library that allocates and frees on its own, and across its border. */
#include <stdlib.h>
#include <string.h>

void *library_allocate(size_t size);
void library_release(void *block);
char *library_copy(const char *text);
void library_work(void);

void *library_allocate(size_t size) {
    return malloc(size);
}

void library_release(void *block) {
    free(block);
}

char *library_copy(const char *text) {
    return strdup(text);
}

void library_work(void) {
    for (size_t i = 1; i < 5000; i++) {
        void *block = realloc(calloc(1, i), 3 * i);
        free(block);
    }
}
