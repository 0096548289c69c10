/* leaks/plugin.c - a library to be loaded and unloaded, with a global and a thread-local word. */
#include <stdlib.h>

static void *volatile global_word;
static __thread void *volatile local_words[100];

void *plugin_keep(size_t size);
void *plugin_keep_local(size_t size);

void *plugin_keep(size_t size) {
    global_word = malloc(size);
    return global_word;
}

void *plugin_keep_local(size_t size) {
    local_words[50] = malloc(size);
    return local_words[50];
}
