/* tests/support/whole.h */
#include "support/whole.h"

#include <unistd.h>

#include "base/text.h"
#include "heap/audit.h"

static bool say(const struct mete__audit_fault *fault) {
    char buffer[512];
    struct mete__text text = mete__text_in(buffer, sizeof buffer);

    mete__audit_explain(fault, &text);
    mete__text_add(&text, "\n");
    ssize_t written = write(STDERR_FILENO, text.start, text.length);
    (void)written;
    return false;
}

bool whole(void) {
    struct mete__audit_fault fault;
    return mete__audit_heap(&fault) || say(&fault);
}

bool whole_deeply(void) {
    struct mete__audit_fault fault;
    return whole() && (mete__audit_zeros(&fault) || say(&fault));
}
