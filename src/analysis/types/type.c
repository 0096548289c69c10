#include "analysis/types/type.h"

#include <stdio.h>
#include <string.h>

const char *mete__type_keyword(enum mete__type_kind kind) {
    switch (kind) {
    case METE__TYPE_UNION: return "union";
    case METE__TYPE_CLASS: return "class";
    case METE__TYPE_STRUCT: break;
    }
    return "struct";
}

bool mete__type_points_to_anonymous(const struct mete__member *member) {
    return member->target != NULL && strstr(member->target, "{...}") != NULL &&
           strstr(member->type, "{...}") != NULL;
}

int mete__type_declare(char *buffer, size_t size, const char *type, size_t name_at,
                       const char *name) {
    if (name == NULL) return snprintf(buffer, size, "%s", type);
    /* "char *name", "int (*name)(void)", but "int name". */
    const char *gap = name_at == 0 || strchr("*(& ", type[name_at - 1]) != NULL ? "" : " ";
    return snprintf(buffer, size, "%.*s%s%s%s", (int)name_at, type, gap, name, type + name_at);
}
