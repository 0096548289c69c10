#include "analysis/types/type.h"

#include <string.h>

const char *mete__type_keyword(enum mete__type_kind kind) {
    switch (kind) {
    case METE__TYPE_UNION: return "union";
    case METE__TYPE_CLASS: return "class";
    case METE__TYPE_STRUCT: break;
    }
    return "struct";
}

const char *mete__type_without_keyword(const char *name) {
    static const char *const keywords[] = {"struct ", "union ", "class "};

    for (size_t i = 0; i < sizeof keywords / sizeof keywords[0]; i++) {
        size_t length = strlen(keywords[i]);
        if (strncmp(name, keywords[i], length) == 0) return name + length;
    }
    return name;
}

bool mete__type_points_to_anonymous(const struct mete__member *member) {
    return member->target != NULL && strstr(member->target, "{...}") != NULL &&
           strstr(member->type, "{...}") != NULL;
}

/* As much of the text as there is room for. */
static char *append(char *to, const char *end, const char *text, size_t length) {
    size_t room = (size_t)(end - to);

    return mempcpy(to, text, length < room ? length : room);
}

size_t mete__type_declare(char *buffer, size_t size, const char *type, size_t name_at,
                          const char *name) {
    const char *end = buffer + size - 1;
    /* "char *name", "int (*name)(void)", but "int name". */
    size_t gap = name != NULL && name_at != 0 && strchr("*(& ", type[name_at - 1]) == NULL;
    if (name == NULL) name = "";
    size_t length = strlen(type), name_length = strlen(name);

    char *to = append(buffer, end, type, name_at);
    to = append(to, end, " ", gap);
    to = append(to, end, name, name_length);
    to = append(to, end, type + name_at, length - name_at);
    *to = '\0';
    return length + gap + name_length;
}
