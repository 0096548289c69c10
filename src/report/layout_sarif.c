#include "report/layout_sarif.h"

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/array.h"
#include "analysis/layout/layout_facts.h"
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

/* --- Directories of compilations --- */

/* What relative URIs are relative to: "BUILD1", "BUILD2" … */
struct bases {
    const char **directories;
    size_t count, capacity;
};

/* The number of a type's base, from 1; 0: its URI needs none, or none is known. -ENOMEM. */
static int base_of(struct bases *bases, const struct mete__layout_file *file,
                   const struct mete__type *type) {
    const char *directory = mete__layout_file_directory(file, type);

    if (type->file == NULL || type->file[0] == '/' || directory == NULL || directory[0] != '/')
        return 0;
    for (size_t i = 0; i < bases->count; i++)
        if (bases->directories[i] == directory) return (int)i + 1;
    const char **directories =
        mete__array_room(bases->directories, bases->count, &bases->capacity, sizeof(char *));
    if (directories == NULL || bases->count == INT_MAX - 1) return -ENOMEM;
    bases->directories = directories;
    directories[bases->count++] = directory;
    return (int)bases->count;
}

/* The URI of a directory ends with a slash; to be freed by free(). */
static char *uri_of_directory(const char *directory) {
    char *uri = uri_of(directory);
    char *longer = NULL;

    if (uri != NULL && uri[strlen(uri) - 1] != '/' && asprintf(&longer, "%s/", uri) < 0)
        longer = NULL;
    if (uri == NULL || uri[strlen(uri) - 1] == '/') return uri;
    free(uri);
    return longer;
}

static json_t *bases_value(const struct bases *bases) {
    json_t *object = json_object();

    for (size_t i = 0; i < bases->count; i++) {
        char name[32], *uri = uri_of_directory(bases->directories[i]);
        snprintf(name, sizeof name, "BUILD%zu", i + 1);
        json_t *base = uri == NULL ? NULL : json_pack("{s:o}", "uri", mete__json_text(uri));
        free(uri);
        if (json_object_set_new(object, name, base) == 0) continue;
        json_decref(object);
        return NULL;
    }
    return object;
}

/* --- Results --- */

/* A type beside what is known of it. */
struct finding {
    const struct mete__type *type;
    const struct mete__layout_reordered *reordered;
    int base;              /* number of what its file is relative to; 0: of nothing */
    uint64_t wasted;       /* bytes of one object */
    bool has_heap;         /* whether what follows is known */
    uint64_t objects, won; /* as layout_heap.h has them */
};

static bool is_smaller(const struct finding *finding) {
    return finding->reordered->type != NULL && finding->reordered->type->size < finding->type->size;
}

static void say_heap(const struct finding *finding, FILE *text) {
    if (!finding->has_heap) return;
    fprintf(text, "; there are up to %llu object%s of it, ", (unsigned long long)finding->objects,
            finding->objects == 1 ? "" : "s");
    if (finding->won != 0)
        fprintf(text, "of which that saves %llu bytes of the heap",
                (unsigned long long)finding->won);
    else
        fprintf(text, "whose blocks %s",
                is_smaller(finding) ? "stay as large" : "no order shrinks");
}

static json_t *message_of(const struct finding *finding) {
    char *message = NULL;
    size_t length;
    FILE *text = open_memstream(&message, &length);

    if (text == NULL) return NULL;
    fprintf(text, "%s has %llu bytes, %llu of them are padding", finding->type->name,
            (unsigned long long)finding->type->size, (unsigned long long)finding->wasted);
    if (is_smaller(finding))
        fprintf(text, ": another order of its members needs %llu bytes",
                (unsigned long long)finding->reordered->type->size);
    say_heap(finding, text);
    json_t *value = fclose(text) == 0 ? mete__json_text(message) : NULL;
    free(message);
    return value;
}

static json_t *result_of(const struct finding *finding) {
    const struct mete__type *type = finding->type;
    bool is_warning = is_smaller(finding) && (!finding->has_heap || finding->won != 0);
    char *uri = uri_of(type->file), base[32];
    snprintf(base, sizeof base, "BUILD%d", finding->base);
    json_t *artifact = uri == NULL ? NULL
                                   : json_pack("{s:o, s:s*}", "uri", mete__json_text(uri),
                                               "uriBaseId", finding->base == 0 ? NULL : base);
    json_t *properties =
        !finding->has_heap ? NULL
                           : json_pack("{s:o, s:o}", "objects", mete__json_count(finding->objects),
                                       "won", mete__json_count(finding->won));

    free(uri);
    return json_pack("{s:s, s:s, s:{s:o}, s:[{s:{s:o, s:{s:o}}}], s:o*}", "ruleId",
                     is_smaller(finding) ? "reorder" : "padding", "level",
                     is_warning ? "warning" : "note", "message", "text", message_of(finding),
                     "locations", "physicalLocation", "artifactLocation", artifact, "region",
                     "startLine", mete__json_count(type->line == 0 ? 1 : type->line), "properties",
                     properties);
}

static json_t *driver(void) {
    return json_pack("{s:{s:s, s:s, s:[{s:s, s:{s:s}}, {s:s, s:{s:s}}]}}", "driver", "name", "mete",
                     "version", METE_VERSION_STRING, "rules", "id", "reorder", "shortDescription",
                     "text", "Another order of its members makes the type smaller.", "id",
                     "padding", "shortDescription", "text",
                     "The type has bytes that hold nothing.");
}

static void write_results(struct mete__json *json, struct bases *bases,
                          const struct mete__layout_file *file,
                          const struct mete__type *const *types,
                          const struct mete__layout_reordered *reordered,
                          const struct mete__layout_heap *heap, size_t count, uint64_t line) {
    bool any = false;

    for (size_t i = 0; i < count && json->status == 0; i++) {
        struct finding finding = {
            .type = types[i], .reordered = &reordered[i], .has_heap = heap != NULL};
        struct mete__layout_facts facts;
        mete__layout_facts_find(types[i], line, &facts);
        finding.wasted = mete__layout_facts_wasted(&facts);
        if (types[i]->file == NULL || types[i]->kind == METE__TYPE_UNION || finding.wasted == 0)
            continue;
        if (heap != NULL) {
            finding.objects = mete__layout_heap_objects(heap, i);
            finding.won = mete__layout_heap_won(heap, i);
            if (finding.objects == 0) continue;
        }
        finding.base = base_of(bases, file, types[i]);
        if (finding.base < 0) {
            mete__json_fail(json, finding.base);
            return;
        }
        mete__json_begin_entry(json, &any);
        mete__json_write(json, result_of(&finding));
    }
    mete__json_end_entries(json, any);
}

int mete__layout_sarif_write(const struct mete__layout_file *file,
                             const struct mete__type *const *types,
                             const struct mete__layout_reordered *reordered,
                             const struct mete__layout_heap *heap, size_t count, uint64_t line,
                             FILE *out) {
    struct mete__json json = {.out = out};
    struct bases bases = {0};

    mete__json_member(&json, "$schema",
                      mete__json_text("https://json.schemastore.org/sarif-2.1.0.json"));
    mete__json_member(&json, "version", mete__json_text("2.1.0"));
    mete__json_begin_member(&json, "runs");
    fputs("[{\"tool\": ", out);
    mete__json_write(&json, driver());
    fputs(", \"results\": [", out);
    write_results(&json, &bases, file, types, reordered, heap, count, line);
    if (bases.count != 0) {
        fputs(",\n\"originalUriBaseIds\": ", out);
        mete__json_write(&json, bases_value(&bases));
    }
    fputs("}]\n}\n", out);
    free(bases.directories);
    if (json.status == 0 && (fflush(out) != 0 || ferror(out)))
        json.status = errno != 0 ? -errno : -EIO;
    return json.status;
}
