/*
 * examples/leak.c - counts the words it reads, and loses some: a leak for `mete run`.
 *
 *     cc -g leak.c -o leak && mete run ./leak <README.md
 *
 * Each word that was met only once is taken out of its list, and one of the two things that it owns
 * is freed. The other is lost for good. The report names the line that allocated it.
 */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LISTS = 1024, LONGEST = 64 };

struct word {
    struct word *next;
    char *text;
    unsigned count;
};

static struct word *lists[LISTS];

static struct word **list_of(const char *text) {
    unsigned hash = 5381;
    for (; *text != '\0'; text++) hash = hash * 33 + (unsigned char)*text;
    return &lists[hash % LISTS];
}

static void *must(void *memory) {
    if (memory == NULL) {
        fputs("leak: out of memory\n", stderr);
        exit(1);
    }
    return memory;
}

static void count_word(const char *text) {
    struct word **list = list_of(text);

    for (struct word *word = *list; word != NULL; word = word->next) {
        if (strcmp(word->text, text) != 0) continue;
        word->count++;
        return;
    }
    struct word *word = must(malloc(sizeof *word));
    word->text = must(strdup(text)); /* planted: what is allocated here is lost below */
    word->count = 1;
    word->next = *list;
    *list = word;
}

/* Takes out the words that were met once, and frees them. The text, it forgets. */
static void forget_rare_words(void) {
    for (size_t i = 0; i < LISTS; i++) {
        for (struct word **link = &lists[i]; *link != NULL;) {
            struct word *word = *link;
            if (word->count > 1) {
                link = &word->next;
                continue;
            }
            *link = word->next;
            free(word);
        }
    }
}

static void read_words(FILE *file) {
    char text[LONGEST];
    size_t length = 0;

    for (int c = 0; c != EOF;) {
        c = getc(file);
        if (c != EOF && isalpha(c) && length < LONGEST - 1) {
            text[length++] = (char)tolower(c);
        } else if (length > 0) {
            text[length] = '\0';
            count_word(text);
            length = 0;
        }
    }
}

static void print_and_free(void) {
    unsigned words = 0;
    unsigned long count = 0;

    for (size_t i = 0; i < LISTS; i++) {
        for (struct word *word = lists[i], *next; word != NULL; word = next) {
            next = word->next;
            words++;
            count += word->count;
            free(word->text);
            free(word);
        }
    }
    printf("%u words were met more than once, %lu times in all\n", words, count);
}

int main(void) {
    read_words(stdin);
    forget_rare_words();
    print_and_free();
    return 0;
}
