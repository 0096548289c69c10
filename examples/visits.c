/*
 * examples/visits.c - a struct that costs more than it has to: mete layout finds out how much.
 *
 *     cc -g visits.c -o visits
 *     mete layout visits visit                    # where its bytes go
 *     mete run --output visits.mete ./visits
 *     mete layout visits --heap visits.mete       # what that costs, and which members to move
 *
 * Keeps a list of ten thousand visits to a web site and prints the slowest. The members of
 * `struct visit` are in the order in which they were thought of: of its 40 bytes 16 hold nothing.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#define VISITS 10000

struct visit {
    bool is_first; /* of this visitor */
    struct visit *earlier;
    unsigned short status; /* of HTTP */
    const char *page;
    unsigned milliseconds;
    bool is_cached;
};

static struct visit *visit_add(struct visit *earlier, const char *page, unsigned milliseconds) {
    struct visit *visit = malloc(sizeof *visit);

    if (visit == NULL) abort();
    *visit = (struct visit){.is_first = milliseconds % 3 == 0,
                            .earlier = earlier,
                            .status = 200,
                            .page = page,
                            .milliseconds = milliseconds,
                            .is_cached = milliseconds < 20};
    return visit;
}

int main(void) {
    static const char *const pages[] = {"/", "/news", "/about"};
    struct visit *latest = NULL, *slowest;
    unsigned number = 1;

    for (int i = 0; i < VISITS; i++) {
        number = number * 1103515245 + 12345; /* the C standard's example of rand() */
        latest = visit_add(latest, pages[(number >> 16) % 3], (number >> 18) % 250);
    }
    slowest = latest;
    for (struct visit *visit = latest; visit != NULL; visit = visit->earlier)
        if (visit->milliseconds > slowest->milliseconds) slowest = visit;
    printf("%d visits of %zu bytes each; the slowest took %u ms, of %s\n", VISITS,
           sizeof(struct visit), slowest->milliseconds, slowest->page);
    while (latest != NULL) {
        struct visit *earlier = latest->earlier;
        free(latest);
        latest = earlier;
    }
    return 0;
}
