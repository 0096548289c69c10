#include "report/layout_sarif.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/layout_facts.h"
#include "report/json.h"

/* A path as a URI: absolute ones begin with file://. NULL where memory ran out. */
static char *uri_of(const char *path) {
    static const char plain[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~/";
    char *uri = malloc(3 * strlen(path) + 8);
    char *end = uri;

    if (uri == NULL) return NULL;
    if (path[0] == '/') end = stpcpy(end, "file://");
    for (; *path != '\0'; path++) {
        if (strchr(plain, *path) != NULL)
            *end++ = *path;
        else
            end += sprintf(end, "%%%02X", (unsigned char)*path);
    }
    *end = '\0';
    return uri;
}

static json_t *message_of(const struct mete__type *type,
                          const struct mete__layout_reordered *reordered, uint64_t wasted) {
    char *text = NULL;
    int length =
        reordered->type != NULL && reordered->type->size < type->size
            ? asprintf(&text,
                       "%s has %llu bytes, %llu of them are padding: another order of its members "
                       "needs %llu bytes",
                       type->name, (unsigned long long)type->size, (unsigned long long)wasted,
                       (unsigned long long)reordered->type->size)
            : asprintf(&text, "%s has %llu bytes, %llu of them are padding", type->name,
                       (unsigned long long)type->size, (unsigned long long)wasted);
    json_t *value = length < 0 ? NULL : mete__json_text(text);

    if (length >= 0) free(text);
    return value;
}

static json_t *result_of(const struct mete__type *type,
                         const struct mete__layout_reordered *reordered, uint64_t wasted) {
    bool is_smaller = reordered->type != NULL && reordered->type->size < type->size;
    char *uri = uri_of(type->file);
    json_t *artifact = uri == NULL ? NULL : mete__json_text(uri);

    free(uri);
    return json_pack("{s:s, s:s, s:{s:o}, s:[{s:{s:{s:o}, s:{s:o}}}]}", "ruleId",
                     is_smaller ? "reorder" : "padding", "level", is_smaller ? "warning" : "note",
                     "message", "text", message_of(type, reordered, wasted), "locations",
                     "physicalLocation", "artifactLocation", "uri", artifact, "region", "startLine",
                     mete__json_count(type->line == 0 ? 1 : type->line));
}

static json_t *driver(void) {
    return json_pack("{s:{s:s, s:s, s:[{s:s, s:{s:s}}, {s:s, s:{s:s}}]}}", "driver", "name", "mete",
                     "version", METE_VERSION_STRING, "rules", "id", "reorder", "shortDescription",
                     "text", "Another order of its members makes the type smaller.", "id",
                     "padding", "shortDescription", "text",
                     "The type has bytes that hold nothing.");
}

static void write_results(struct mete__json *json, const struct mete__type *const *types,
                          const struct mete__layout_reordered *reordered, size_t count,
                          uint64_t line) {
    bool any = false;

    for (size_t i = 0; i < count && json->status == 0; i++) {
        struct mete__layout_facts facts;
        mete__layout_facts_find(types[i], line, &facts);
        uint64_t wasted = mete__layout_facts_wasted(&facts);
        if (types[i]->file == NULL || types[i]->kind == METE__TYPE_UNION || wasted == 0) continue;
        mete__json_begin_entry(json, &any);
        mete__json_write(json, result_of(types[i], &reordered[i], wasted));
    }
    mete__json_end_entries(json, any);
}

int mete__layout_sarif_write(const struct mete__type *const *types,
                             const struct mete__layout_reordered *reordered, size_t count,
                             uint64_t line, FILE *out) {
    struct mete__json json = {.out = out};

    mete__json_member(&json, "$schema",
                      mete__json_text("https://json.schemastore.org/sarif-2.1.0.json"));
    mete__json_member(&json, "version", mete__json_text("2.1.0"));
    mete__json_begin_member(&json, "runs");
    fputs("[{\"tool\": ", out);
    mete__json_write(&json, driver());
    fputs(", \"results\": [", out);
    write_results(&json, types, reordered, count, line);
    fputs("}]\n}\n", out);
    if (json.status == 0 && (fflush(out) != 0 || ferror(out)))
        json.status = errno != 0 ? -errno : -EIO;
    return json.status;
}
