#include "report/layout_text.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/layout/layout_facts.h"
#include "report/layout_map.h"
#include "report/page.h"
#include "report/units.h"

#define DEPTH_MAX  32     /* types in each other that are shown */
#define ROWS_MAX   100000 /* of a type, of which a hostile file can have any number */
#define INDENT     4      /* columns for each of them */
#define PLACE_SIZE 64     /* bytes of an offset or a size as a text: more than 64 bits need */

/* Of one type that is being written. */
struct sheet {
    const struct mete__layout_text_options *options;
    struct mete__page page;
    struct mete__layout_map map;
    uint64_t line;     /* the cache line that was reached */
    uint32_t rows;     /* of the type so far */
    bool is_elsewhere; /* within what a member points to: offsets count from its start */
    int status;
};

static const char *plural(uint64_t count) {
    return mete__units_plural(count);
}

/* Trusted words that are in every line. */
static void put(struct sheet *sheet, enum mete__page_style style, const char *text) {
    mete__page_put(&sheet->page, style, text, strlen(text));
}

/* A text at the right end of so many columns. */
static char *put_right(char *to, const char *text, size_t columns) {
    size_t length = strlen(text);

    if (length < columns) to = (char *)memset(to, ' ', columns - length) + columns - length;
    return mempcpy(to, text, length);
}

/* The columns before a declaration. */
static void write_place(struct sheet *sheet, const char *offset, const char *size, char letter,
                        int depth) {
    char columns[PLACE_SIZE + 1 + PLACE_SIZE + 5 + INDENT * DEPTH_MAX];
    size_t indent = INDENT * (size_t)depth;

    char *to = put_right(columns, offset, 9);
    *to++ = ' ';
    to = put_right(to, size, 7);
    memset(to, ' ', 5 + indent);
    to[2] = letter;
    to += 5 + indent;
    mete__page_put(&sheet->page, METE__PAGE_FAINT, columns, (size_t)(to - columns));
    mete__page_mark(&sheet->page);
}

static void write_boundary(struct sheet *sheet, uint64_t offset) {
    uint64_t size = sheet->options->line;
    uint64_t before = offset % size;

    if (offset / size <= sheet->line) return;
    sheet->line = offset / size;
    mete__page_print(&sheet->page, METE__PAGE_FAINT, "          ---- cache line %llu",
                     (unsigned long long)sheet->line);
    if (before != 0)
        mete__page_print(&sheet->page, METE__PAGE_FAINT, " began %llu byte%s before",
                         (unsigned long long)before, plural(before));
    mete__page_print(&sheet->page, METE__PAGE_FAINT, " ----\n");
}

static void write_gap(struct sheet *sheet, const char *what, uint64_t count, const char *unit,
                      int depth) {
    char size[PLACE_SIZE];

    if (count == 0) return;
    snprintf(size, sizeof size, unit[0] == 'b' && unit[1] == 'i' ? "%llu bit%s" : "%llu%.0s",
             (unsigned long long)count, plural(count));
    write_place(sheet, "", size, ' ', depth);
    mete__page_print(&sheet->page, METE__PAGE_BAD, "/* %s: %llu %s%s */\n", what,
                     (unsigned long long)count, unit, plural(count));
}

static void write_text(struct sheet *sheet, enum mete__page_style style, const char *text) {
    mete__page_text(&sheet->page, style, text, METE__PAGE_ENDLESS, false);
}

/* "int (*done)(void)" */
static void write_declaration(struct sheet *sheet, const struct mete__member *member) {
    char most[256]; /* are shorter */
    size_t length =
        mete__type_declare(most, sizeof most, member->type, member->name_at, member->name);

    if (length < sizeof most) {
        write_text(sheet, METE__PAGE_PLAIN, most);
        return;
    }
    char *text = malloc(length + 1);
    if (text == NULL) {
        sheet->status = -ENOMEM;
        return;
    }
    mete__type_declare(text, length + 1, member->type, member->name_at, member->name);
    write_text(sheet, METE__PAGE_PLAIN, text);
    free(text);
}

/* What else there is to say of a member. */
static void write_remarks(struct sheet *sheet, const struct mete__member *member, uint64_t offset) {
    struct mete__member placed = *member;

    placed.offset = offset;
    if (member->flags & METE__MEMBER_VIRTUAL_BASE)
        mete__page_print(&sheet->page, METE__PAGE_FAINT,
                         "  /* virtual base: its place is known at run time */");
    else if (member->flags & METE__MEMBER_BASE)
        mete__page_print(&sheet->page, METE__PAGE_FAINT, "  /* base class%s */",
                         mete__layout_facts_counts(member) ? "" : ", empty");
    if (member->flags & METE__MEMBER_INCOMPLETE)
        mete__page_print(&sheet->page, METE__PAGE_FAINT, "  /* its size is not in this file */");
    if (member->flags & METE__MEMBER_DECLARED_ALIGN)
        mete__page_print(&sheet->page, METE__PAGE_FAINT, "  /* aligned to %u */", member->align);
    if (mete__layout_facts_straddles(&placed, sheet->options->line))
        mete__page_print(&sheet->page, METE__PAGE_STRONG, "  /* in two cache lines */");
}

static void write_members(struct sheet *sheet, const struct mete__type *type, uint64_t base,
                          int depth, bool in_union);

static bool is_expanded(const struct sheet *sheet, const struct mete__member *member, int depth) {
    return member->nested != NULL && member->nested->member_count != 0 && depth < DEPTH_MAX &&
           sheet->rows < ROWS_MAX &&
           (sheet->options->expand || member->nested->flags & METE__TYPE_ANONYMOUS);
}

/* The text of the type without what it is of: "} *name[4]". A typedef says neither. */
static void write_closing(struct sheet *sheet, const struct mete__member *member) {
    const char *rest = strstr(member->type, member->nested->name);
    struct mete__member closing = {.name = member->name, .type = ""};

    if (rest != NULL) {
        rest += strlen(member->nested->name);
        rest += rest[0] == ' ';
        size_t skip = (size_t)(rest - member->type);
        closing.type = rest;
        closing.name_at = member->name_at > skip ? (uint32_t)(member->name_at - skip) : 0;
    }
    bool is_bare = member->name == NULL && closing.type[0] == '\0';
    put(sheet, METE__PAGE_PLAIN, is_bare ? "}" : "} ");
    write_declaration(sheet, &closing);
}

static void write_nested(struct sheet *sheet, const struct mete__member *member, uint64_t base,
                         int depth, bool in_union) {
    const struct mete__type *nested = member->nested;
    const char *name = strstr(member->type, nested->name);

    if (name != NULL) /* const and the like */
        mete__page_print(&sheet->page, METE__PAGE_PLAIN, "%.*s", (int)(name - member->type),
                         member->type);
    if (nested->flags & METE__TYPE_ANONYMOUS)
        mete__page_print(&sheet->page, METE__PAGE_PLAIN, "%s {\n",
                         mete__type_keyword((enum mete__type_kind)nested->kind));
    else {
        write_declaration(sheet, &(struct mete__member){.type = nested->name});
        mete__page_print(&sheet->page, METE__PAGE_PLAIN, " {\n");
    }
    /* What is pointed to lies elsewhere, and of an array there are several. */
    bool was_elsewhere = sheet->is_elsewhere;
    if (member->flags & METE__MEMBER_POINTER) {
        sheet->is_elsewhere = true;
        base = 0;
    } else {
        base += member->offset;
    }
    write_members(sheet, nested, base, depth + 1,
                  in_union || nested->kind == METE__TYPE_UNION || sheet->is_elsewhere ||
                      member->flags & METE__MEMBER_ARRAY);
    sheet->is_elsewhere = was_elsewhere;
    write_place(sheet, "", "", ' ', depth);
    write_closing(sheet, member);
}

/* Whether the members of an expanded member have letters of their own in the map. */
static bool is_mapped_inside(const struct mete__member *member) {
    return member->nested->kind != METE__TYPE_UNION &&
           !(member->flags & (METE__MEMBER_POINTER | METE__MEMBER_ARRAY));
}

static void write_member(struct sheet *sheet, const struct mete__member *member, uint64_t base,
                         int depth, bool in_union) {
    uint64_t offset = base + member->offset;
    char place[PLACE_SIZE], size[PLACE_SIZE];
    bool is_bits = member->bit_size != 0;
    bool expanded = is_expanded(sheet, member, depth);
    const char *sign = sheet->is_elsewhere ? "+" : "";

    sheet->rows++;
    if (!in_union) write_boundary(sheet, offset + (is_bits ? member->bit_offset / 8 : 0));
    if (is_bits) {
        snprintf(place, sizeof place, "%s%llu:%u", sign, (unsigned long long)offset,
                 member->bit_offset);
        snprintf(size, sizeof size, "%u bit%s", member->bit_size, plural(member->bit_size));
    } else {
        mete__units_digits(stpcpy(place, sign), offset);
        mete__units_digits(size, member->size);
    }
    bool is_mapped =
        !in_union && mete__layout_facts_counts(member) && !(expanded && is_mapped_inside(member));
    char letter = ' ';
    if (is_mapped) letter = mete__layout_map_add(&sheet->map, member, offset);
    if (member->flags & METE__MEMBER_VIRTUAL_BASE) place[0] = '\0';
    write_place(sheet, place, size, letter, depth);
    if (expanded)
        write_nested(sheet, member, base, depth, in_union);
    else
        write_declaration(sheet, member);
    if (is_bits) mete__page_print(&sheet->page, METE__PAGE_PLAIN, ":%u", member->bit_size);
    put(sheet, METE__PAGE_PLAIN, ";");
    if (!expanded)
        write_remarks(sheet, member, offset);
    else if (strstr(member->type, member->nested->name) == NULL)
        mete__page_print(&sheet->page, METE__PAGE_FAINT, "  /* %s */", member->type);
    put(sheet, METE__PAGE_PLAIN, "\n");
}

static void write_members(struct sheet *sheet, const struct mete__type *type, uint64_t base,
                          int depth, bool in_union) {
    struct mete__layout_facts facts;
    struct mete__layout_gap *gaps = calloc(type->member_count + 1, sizeof *gaps);

    if (gaps == NULL) {
        sheet->status = -ENOMEM;
        return;
    }
    mete__layout_facts_find(type, sheet->options->line, &facts);
    mete__layout_facts_gaps(type, gaps);
    for (uint32_t i = 0; i < type->member_count; i++) {
        write_gap(sheet, "bit hole", gaps[i].bits, "bit", depth);
        write_gap(sheet, "hole", gaps[i].bytes, "byte", depth);
        write_member(sheet, &type->members[i], base, depth, in_union);
    }
    write_gap(sheet, "bits left", facts.tail_padding_bits, "bit", depth);
    write_gap(sheet, "tail padding", facts.tail_padding, "byte", depth);
    free(gaps);
}

static void write_head(struct sheet *sheet, const struct mete__type *type) {
    const char *keyword = mete__type_keyword((enum mete__type_kind)type->kind);
    bool has_keyword = type->plain_at != 0;

    if (type->flags & METE__TYPE_TYPEDEF)
        mete__page_print(&sheet->page, METE__PAGE_STRONG, "typedef %s", keyword);
    else if (has_keyword)
        write_text(sheet, METE__PAGE_STRONG, type->name);
    else {
        mete__page_print(&sheet->page, METE__PAGE_STRONG, "%s ", keyword);
        write_text(sheet, METE__PAGE_STRONG, type->name);
    }
    put(sheet, METE__PAGE_STRONG, " {");
    if (type->file != NULL) {
        mete__page_print(&sheet->page, METE__PAGE_FAINT, "  /* ");
        write_text(sheet, METE__PAGE_FAINT, type->file);
        mete__page_print(&sheet->page, METE__PAGE_FAINT, ":%u */", type->line);
    }
    put(sheet, METE__PAGE_FAINT, "\n   offset    size\n");
}

static void write_foot(struct sheet *sheet, const struct mete__type *type) {
    put(sheet, METE__PAGE_STRONG, "}");
    if (type->flags & METE__TYPE_TYPEDEF) {
        mete__page_print(&sheet->page, METE__PAGE_STRONG, " ");
        write_text(sheet, METE__PAGE_STRONG, type->name);
    }
    put(sheet, METE__PAGE_STRONG, type->flags & METE__TYPE_PACKED ? "; /* packed */\n" : ";\n");
}

static void write_figures(struct sheet *sheet, const struct mete__type *type) {
    const struct mete__page *page = &sheet->page;
    struct mete__layout_facts facts;

    mete__layout_facts_find(type, sheet->options->line, &facts);
    uint64_t wasted = mete__layout_facts_wasted(&facts);
    mete__page_print(page, METE__PAGE_STRONG, "size %llu", (unsigned long long)type->size);
    mete__page_print(page, METE__PAGE_PLAIN, ", align %u, %llu cache line%s", type->align,
                     (unsigned long long)facts.lines, plural(facts.lines));
    if (facts.holes != 0)
        mete__page_print(page, METE__PAGE_PLAIN, "; %u hole%s: %llu byte%s", facts.holes,
                         plural(facts.holes), (unsigned long long)facts.hole_bytes,
                         plural(facts.hole_bytes));
    if (facts.bit_holes != 0)
        mete__page_print(page, METE__PAGE_PLAIN, "; %u bit hole%s: %llu bit%s", facts.bit_holes,
                         plural(facts.bit_holes), (unsigned long long)facts.hole_bits,
                         plural(facts.hole_bits));
    if (facts.tail_padding != 0)
        mete__page_print(page, METE__PAGE_PLAIN, "; tail padding: %llu byte%s",
                         (unsigned long long)facts.tail_padding, plural(facts.tail_padding));
    if (wasted != 0)
        mete__page_print(page, METE__PAGE_BAD, "; %s wasted",
                         mete__units_share(METE__UNITS, wasted, type->size));
    if (facts.straddling != 0)
        mete__page_print(page, METE__PAGE_PLAIN, "; %u member%s in two cache lines",
                         facts.straddling, plural(facts.straddling));
    put(sheet, METE__PAGE_PLAIN, "\n");
}

static void write_type(struct sheet *sheet, const struct mete__type *type) {
    sheet->line = 0;
    sheet->rows = 0;
    mete__layout_map_begin(&sheet->map, type, sheet->options->line);
    write_head(sheet, type);
    write_members(sheet, type, 0, 0, false);
    write_foot(sheet, type);
    write_figures(sheet, type);
    if (type->kind != METE__TYPE_UNION) mete__layout_map_write(&sheet->map, &sheet->page);
}

int mete__layout_text_write(const struct mete__type *const *types, size_t count,
                            const struct mete__layout_text_options *options, FILE *out) {
    struct sheet sheet = {.options = options};

    mete__page_open(&sheet.page, out);
    for (size_t i = 0; i < count && sheet.status == 0; i++) {
        if (i != 0) put(&sheet, METE__PAGE_PLAIN, "\n");
        write_type(&sheet, types[i]);
    }
    return mete__page_close(&sheet.page, sheet.status);
}

/* What it has in common with another type, and what becomes of that. */
static void write_shared(struct sheet *sheet, const struct mete__layout_reordered *reordered) {
    const struct mete__page *page = &sheet->page;
    bool is_in_union = reordered->head == reordered->pinned, is_one = reordered->head == 1;

    if (is_one)
        mete__page_print(page, METE__PAGE_PLAIN, "its first member %s ",
                         is_in_union ? "can be read through" : "is that of");
    else
        mete__page_print(page, METE__PAGE_PLAIN, "its first %u members %s ",
                         (unsigned)reordered->head,
                         is_in_union ? "can be read through" : "are those of");
    write_text(sheet, METE__PAGE_STRONG, reordered->relative->name);
    mete__page_print(page, METE__PAGE_PLAIN, ", too: %s\n",
                     !reordered->keeps_head ? "look for casts between the two"
                     : is_one               ? "it stays where it is"
                                            : "they stay where they are");
}

/* What became of the type in its new order. */
static void write_gain(struct sheet *sheet, const struct mete__type *type,
                       const struct mete__layout_reordered *reordered) {
    const struct mete__page *page = &sheet->page;
    uint64_t saved = type->size - reordered->order.size;

    if (saved != 0)
        mete__page_print(page, METE__PAGE_GOOD, "%llu bytes instead of %llu: %s saved",
                         (unsigned long long)reordered->order.size, (unsigned long long)type->size,
                         mete__units_share(METE__UNITS, saved, type->size));
    else
        mete__page_print(page, METE__PAGE_GOOD,
                         "the size stays, members lie better in cache lines");
    switch (reordered->proof) {
    case METE__LAYOUT_PROOF_HOLDS:
        mete__page_print(page, METE__PAGE_PLAIN, "; %s agrees\n", reordered->compiler);
        break;
    case METE__LAYOUT_PROOF_FAILED: /* not shown: see below */
    case METE__LAYOUT_PROOF_NONE:
        mete__page_print(page, METE__PAGE_PLAIN, "; not proven: its compiler is not here\n");
        break;
    case METE__LAYOUT_PROOF_LATE:
        mete__page_print(page, METE__PAGE_PLAIN, "; not proven: %s did not answer\n",
                         reordered->compiler);
        break;
    }
    if (reordered->head != 0) write_shared(sheet, reordered);
    if (type->member_count != 0 && mete__type_held(&type->members[0]) != NULL &&
        type->members[0].name != NULL && reordered->order.members[0] != 0)
        mete__page_print(page, METE__PAGE_STRONG,
                         "its first member was a struct: look for casts between the two\n");
}

static void write_refusal(struct sheet *sheet, const struct mete__type *type, const char *reason) {
    write_text(sheet, METE__PAGE_STRONG, type->name);
    mete__page_print(&sheet->page, METE__PAGE_PLAIN, " stays as it is: %s\n", reason);
}

int mete__layout_text_reordered(const struct mete__type *const *types,
                                const struct mete__layout_reordered *reordered, size_t count,
                                const struct mete__layout_text_options *options, FILE *out) {
    struct sheet sheet = {.options = options};

    mete__page_open(&sheet.page, out);
    for (size_t i = 0; i < count && sheet.status == 0; i++) {
        const struct mete__layout_reordered *one = &reordered[i];
        if (i != 0) put(&sheet, METE__PAGE_PLAIN, "\n");
        if (one->order.refusal != NULL)
            write_refusal(&sheet, types[i], one->order.refusal);
        else if (one->type == NULL)
            write_refusal(&sheet, types[i], "no order is better");
        else if (one->proof == METE__LAYOUT_PROOF_FAILED)
            write_refusal(&sheet, types[i], "its compiler does not lay it out as expected");
        else {
            write_type(&sheet, one->type);
            write_gain(&sheet, types[i], one);
        }
    }
    return mete__page_close(&sheet.page, sheet.status);
}
