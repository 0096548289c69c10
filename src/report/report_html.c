#include "report/report_html.h"

#include <errno.h>

#include "report/escape.h"
#include "report/report_text.h"
#include "report/web_data.h"
#include "report/web_page.h"

#define SITES_MAX 10000 /* on a page that answers at once */

/* Ends an escaped part of the page: what could not be written counts more than what came of it. */
static int end(FILE *escaped, const int *failure, int status) {
    if (fclose(escaped) != 0 && status == 0) status = -EIO;
    return *failure != 0 ? -*failure : status;
}

/* For browsers without scripts, and for those who search the file. */
static int write_text(struct mete__report *report, FILE *out) {
    int failure = 0;
    FILE *escaped = mete__escape_html(out, &failure);

    if (escaped == NULL) return -ENOMEM;
    return end(escaped, &failure, mete__report_text(report, escaped));
}

static int write_data(struct mete__report *report, FILE *out) {
    int failure = 0;
    FILE *escaped = mete__escape_script(out, &failure);
    size_t limit = report->options.top != 0 ? report->options.top : SITES_MAX;

    if (escaped == NULL) return -ENOMEM;
    return end(escaped, &failure, mete__web_data(report, limit, escaped));
}

static int write_piece(const char *piece, FILE *out) {
    return fputs(piece, out) == EOF ? -(errno != 0 ? errno : EIO) : 0;
}

int mete__report_html(struct mete__report *report, FILE *out) {
    int status = mete__report_find_wrappers(report);

    if (status == 0) status = write_piece(mete__web_page_before_text, out);
    if (status == 0) status = write_text(report, out);
    if (status == 0) status = write_piece(mete__web_page_before_data, out);
    if (status == 0) status = write_data(report, out);
    if (status == 0) status = write_piece(mete__web_page_after_data, out);
    if (status == 0 && fflush(out) != 0) status = errno != 0 ? -errno : -EIO;
    return status;
}
