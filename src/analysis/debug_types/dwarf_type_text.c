#include <dwarf.h>
#include <stdio.h>
#include <string.h>

#include "analysis/debug_types/dwarf_type_state.h"
#include "analysis/dwarf/dwarf_die.h"
#include "analysis/types/type_text.h"

struct mete__dwarf_type_entry *mete__dwarf_type_text_had(struct mete__dwarf_type_cache *cache,
                                                         Dwarf_Die *die) {
    Dwarf_Die type;

    return mete__dwarf_die_follow(die, DW_AT_type, &type) ? mete__dwarf_type_text_of(cache, &type)
                                                          : &cache->nothing;
}

static struct mete__type_text text_of(const struct mete__dwarf_type *type) {
    return (struct mete__type_text){type->text, type->name_at};
}

/* Gives the entry a text that was made; false where it was not. */
static bool take(struct mete__dwarf_type_entry *entry, bool made, struct mete__type_text text) {
    if (!made) return false;
    entry->type.text = text.text;
    entry->type.name_at = text.name_at;
    return true;
}

static bool wrap(struct mete__dwarf_type_cache *cache, struct mete__dwarf_type_entry *entry,
                 const struct mete__dwarf_type *inner, const char *left, const char *right) {
    struct mete__type_text text = {0};

    return take(entry, mete__type_text_wrap(cache->names, text_of(inner), left, right, &text),
                text);
}

static bool is_plain(struct mete__dwarf_type_cache *cache, struct mete__dwarf_type_entry *entry,
                     const char *name) {
    struct mete__type_text text = {0};

    return take(entry, mete__type_text_plain(cache->names, name, &text), text);
}

static const char *keyword_of(int tag) {
    switch (tag) {
    case DW_TAG_structure_type: return "struct ";
    case DW_TAG_union_type: return "union ";
    case DW_TAG_class_type: return "class ";
    case DW_TAG_enumeration_type: return "enum ";
    default: return "";
    }
}

const char *mete__dwarf_type_text_name(struct mete__dwarf_type_cache *cache, Dwarf_Die *type) {
    int tag = dwarf_tag(type);
    const char *name = mete__dwarf_die_name(type);
    const char *keyword = keyword_of(tag);
    const char *scope = NULL;

    if (cache->scope != NULL && name != NULL) {
        /* Of a class that is defined outside of the one it is declared in, that one counts. */
        Dwarf_Die declared;
        bool is_outside = mete__dwarf_die_follow(type, DW_AT_specification, &declared);
        scope = cache->scope(cache->scope_context, is_outside ? &declared : type);
    }
    if (name == NULL) {
        name = "{...}";
    } else if (!cache->has_keywords) {
        keyword = "";
    }
    int length = snprintf(cache->text, METE__TYPE_TEXT_MAX, "%s%s%s", keyword,
                          scope == NULL ? "" : scope, name);
    if (length < 0 || length >= METE__TYPE_TEXT_MAX)
        snprintf(cache->text, METE__TYPE_TEXT_MAX, "%s{...}", keyword);
    return mete__names_keep(cache->names, cache->text);
}

/* What arrays hold; what is none stays as it is. */
static Dwarf_Die element_of(Dwarf_Die bare) {
    for (int depth = 0; depth < METE__DWARF_TYPE_DEPTH_MAX && bare.addr != NULL &&
                        dwarf_tag(&bare) == DW_TAG_array_type;
         depth++) {
        Dwarf_Die element;
        if (!mete__dwarf_die_follow(&bare, DW_AT_type, &element) ||
            !mete__dwarf_die_peel(&element, &bare))
            return (Dwarf_Die){.addr = NULL};
    }
    return bare;
}

static bool describe_pointer(struct mete__dwarf_type_cache *cache,
                             struct mete__dwarf_type_entry *entry, int tag) {
    struct mete__dwarf_type_entry *target = mete__dwarf_type_text_had(cache, &entry->die);
    const char *mark = tag == DW_TAG_reference_type          ? "&"
                       : tag == DW_TAG_rvalue_reference_type ? "&&"
                                                             : "*";
    struct mete__type_text text = {0};
    char member_mark[512];
    Dwarf_Die within;

    if (target == NULL) return false;
    if (tag == DW_TAG_ptr_to_member_type &&
        mete__dwarf_die_follow(&entry->die, DW_AT_containing_type, &within)) {
        const char *owner = mete__dwarf_type_text_name(cache, &within);
        if (owner == NULL) return false;
        snprintf(member_mark, sizeof member_mark, "%.400s::*", owner);
        mark = member_mark;
    }
    const struct mete__dwarf_type *to = &target->type;
    bool is_further = to->target.addr != NULL;
    entry->type.target = is_further ? to->target : element_of(to->bare);
    entry->type.target_alias = is_further ? to->target_alias : to->element_alias;
    return take(entry, mete__type_text_point(cache->names, text_of(to), mark, &text), text);
}

/* Whether a qualifier of this type stands behind a '*': "char *const", also in arrays. */
static bool qualifies_pointer(Dwarf_Die *qualifier) {
    Dwarf_Die die = *qualifier;

    for (int depth = 0; depth < METE__DWARF_TYPE_DEPTH_MAX; depth++) {
        int tag = dwarf_tag(&die);
        if (mete__dwarf_die_is_pointer(tag)) return true;
        if (!mete__dwarf_die_is_qualifier(tag) && tag != DW_TAG_array_type) return false;
        if (!mete__dwarf_die_follow(&die, DW_AT_type, &die)) return false;
    }
    return false;
}

/* What stands for another type leads where that does. */
static void lead_on(struct mete__dwarf_type_entry *entry, const struct mete__dwarf_type *of) {
    entry->type.bare = of->bare;
    entry->type.target = of->target;
    entry->type.target_alias = of->target_alias;
    entry->type.element_alias = of->element_alias;
}

static bool describe_qualified(struct mete__dwarf_type_cache *cache,
                               struct mete__dwarf_type_entry *entry, int tag) {
    struct mete__dwarf_type_entry *of = mete__dwarf_type_text_had(cache, &entry->die);
    const char *word = tag == DW_TAG_const_type      ? "const"
                       : tag == DW_TAG_volatile_type ? "volatile"
                       : tag == DW_TAG_restrict_type ? "restrict"
                       : tag == DW_TAG_atomic_type   ? "_Atomic"
                                                     : NULL;
    struct mete__type_text text = {0};

    if (of == NULL) return false;
    lead_on(entry, &of->type);
    if (word == NULL) return wrap(cache, entry, &of->type, "", "");
    bool is_pointer = qualifies_pointer(&entry->die);
    return take(entry,
                mete__type_text_qualify(cache->names, text_of(&of->type), word, is_pointer, &text),
                text);
}

static bool describe_array(struct mete__dwarf_type_cache *cache,
                           struct mete__dwarf_type_entry *entry) {
    struct mete__dwarf_type_entry *element = mete__dwarf_type_text_had(cache, &entry->die);
    char dimensions[128];
    uint64_t count;

    if (element == NULL) return false;
    bool has_length =
        mete__dwarf_die_dimensions(&entry->die, dimensions, sizeof dimensions, &count);
    entry->type.is_array = true;
    entry->type.target = element->type.target;
    entry->type.target_alias = element->type.target_alias;
    entry->type.element_alias = element->type.element_alias;
    if (dwarf_hasattr(&entry->die, DW_AT_GNU_vector) && has_length) {
        char attribute[80];
        snprintf(attribute, sizeof attribute, " __attribute__((vector_size(%llu * sizeof(%.20s))))",
                 (unsigned long long)count, element->type.text);
        entry->type.is_array = false;
        return wrap(cache, entry, &element->type, attribute, "");
    }
    return wrap(cache, entry, &element->type, "", dimensions[0] == '\0' ? "[]" : dimensions);
}

static bool describe_function(struct mete__dwarf_type_cache *cache,
                              struct mete__dwarf_type_entry *entry) {
    struct mete__dwarf_type_entry *result = mete__dwarf_type_text_had(cache, &entry->die);
    char parameters[1024] = "(";
    size_t used = 1;
    Dwarf_Die child;

    if (result == NULL) return false;
    if (dwarf_child(&entry->die, &child) == 0) do {
            int tag = dwarf_tag(&child);
            const char *text = "...";
            if (tag == DW_TAG_formal_parameter) {
                if (dwarf_hasattr(&child, DW_AT_artificial)) continue; /* this */
                struct mete__dwarf_type_entry *parameter = mete__dwarf_type_text_had(cache, &child);
                if (parameter == NULL) return false;
                text = parameter->type.text;
            } else if (tag != DW_TAG_unspecified_parameters) {
                continue;
            }
            size_t left = sizeof parameters - used;
            int length = snprintf(parameters + used, left, "%s%s", used > 1 ? ", " : "", text);
            if (length < 0 || (size_t)length + 8 >= left) { /* more than anybody reads */
                snprintf(parameters + used, left, "%s", used > 1 ? ", ..." : "...");
                used += strlen(parameters + used);
                break;
            }
            used += (size_t)length;
        } while (dwarf_siblingof(&child, &child) == 0);
    bool says_void =
        used == 1 && cache->has_keywords && dwarf_hasattr(&entry->die, DW_AT_prototyped);
    snprintf(parameters + used, sizeof parameters - used, says_void ? "void)" : ")");
    return wrap(cache, entry, &result->type, "", parameters);
}

static bool make_text(struct mete__dwarf_type_cache *cache, struct mete__dwarf_type_entry *entry) {
    int tag = dwarf_tag(&entry->die);

    entry->type.bare = entry->die;
    if (mete__dwarf_die_is_pointer(tag)) return describe_pointer(cache, entry, tag);
    if (mete__dwarf_die_is_qualifier(tag)) return describe_qualified(cache, entry, tag);
    switch (tag) {
    case DW_TAG_array_type: return describe_array(cache, entry);
    case DW_TAG_subroutine_type: return describe_function(cache, entry);
    case DW_TAG_typedef: {
        struct mete__dwarf_type_entry *of = mete__dwarf_type_text_had(cache, &entry->die);
        if (of == NULL) return false;
        lead_on(entry, &of->type);
        if (entry->type.element_alias == NULL && entry->type.bare.addr != NULL &&
            mete__dwarf_die_name(&entry->type.bare) == NULL)
            entry->type.element_alias = mete__dwarf_die_name(&entry->die);
        break;
    }
    default:
        if (mete__dwarf_die_has_signature(tag))
            (void)mete__dwarf_die_follow(&entry->die, DW_AT_signature, &entry->type.bare);
        break;
    }
    /* The full type of a declaration has the name, the scope and the members. */
    Dwarf_Die *named = mete__dwarf_die_has_signature(tag) ? &entry->type.bare : &entry->die;
    const char *name = mete__dwarf_type_text_name(cache, named);
    return name != NULL && is_plain(cache, entry, name);
}

struct mete__dwarf_type_entry *mete__dwarf_type_text_of(struct mete__dwarf_type_cache *cache,
                                                        Dwarf_Die *die) {
    if (die->addr == NULL || cache->depth >= METE__DWARF_TYPE_DEPTH_MAX) return &cache->nothing;
    struct mete__dwarf_type_entry *entry = mete__dwarf_type_entry(cache, die);

    if (entry == NULL) return NULL;
    if (entry->type.text != NULL) return entry;
    /* Should the DWARF go in a circle, it comes by here again and finds this. */
    entry->type = cache->nothing.type;
    cache->depth++;
    bool made = make_text(cache, entry);
    cache->depth--;
    if (made) return entry;
    entry->type.text = cache->nothing.type.text;
    entry->type.name_at = cache->nothing.type.name_at;
    return NULL;
}
