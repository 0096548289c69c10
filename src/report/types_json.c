#include "report/types_json.h"

#include "analysis/blocks/site_types.h"
#include "analysis/blocks/type_uses.h"

json_t *mete__types_json_site(struct mete__report *report, const struct mete__summary_site *site) {
    struct mete__site_type type;

    if (mete__site_types_find(report->types, site, &type) != 0) return NULL;
    bool known = type.name != NULL;
    return json_pack("{s:o, s:s, s:o, s:o, s:o, s:o}", "type", mete__json_text(type.name),
                     "type_confidence", mete__site_types_confidence_name(type.confidence),
                     "type_evidence", mete__json_text(type.evidence), "type_form",
                     known ? json_string(mete__site_types_form_name(type.form)) : json_null(),
                     "type_bytes", known ? mete__json_count(type.bytes) : json_null(),
                     "type_header", known ? mete__json_count(type.header) : json_null());
}

static json_t *amount_value(const struct mete__type_amount *amount, bool known) {
    return json_pack("{s:o, s:o, s:o, s:o}", "objects",
                     known ? mete__json_count(amount->objects) : json_null(), "blocks",
                     mete__json_count(amount->blocks), "bytes", mete__json_count(amount->bytes),
                     "rounding", mete__json_count(amount->rounding));
}

static json_t *use_value(const struct mete__type_use *use) {
    bool known = use->name != NULL;

    return json_pack("{s:o, s:o, s:b, s:o, s:o, s:o, s:o}", "name", mete__json_text(use->name),
                     "size", known ? mete__json_count(use->size) : json_null(), "certain",
                     known && use->is_certain, "allocations", mete__json_count(use->allocations),
                     "allocated_bytes", mete__json_count(use->allocated_bytes), "live",
                     amount_value(&use->live, known), "peak", amount_value(&use->peak, known));
}

void mete__types_json_write(struct mete__report *report, struct mete__json *json) {
    struct mete__type_uses *uses;
    int status = mete__type_uses_make(report->types, report->summary, &uses);
    bool any = false;

    if (status != 0) {
        mete__json_fail(json, status);
        return;
    }
    mete__json_begin_member(json, "types");
    putc('[', json->out);
    for (size_t i = 0; i < uses->count && json->status == 0; i++) {
        mete__json_begin_entry(json, &any);
        mete__json_write(json, use_value(&uses->items[i]));
    }
    mete__json_end_entries(json, any);
    mete__type_uses_free(uses);
}
