/* Objects in C: headers that others begin with, flexible arrays, growing vectors, handles, an
 * interpreter's values. */
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum kind { NUMBER, STRING, PAIR, VECTOR };

struct object {
    enum kind kind;
    unsigned references;
};

struct number {
    struct object base;
    double value;
    double cached;
};

struct string {
    struct object base;
    size_t length;
    char text[];
};

struct pair {
    struct object base;
    struct object *first, *second;
};

struct vector {
    struct object base;
    size_t count, capacity;
    struct object **items;
};

typedef struct token {
    int type;
    const char *start;
    size_t length;
} token;

typedef struct token_list {
    token *tokens;
    size_t count, capacity;
} token_list;

typedef struct ast ast;
struct ast {
    char sign;
    double value;
    ast *left, *right;
};

struct shape {
    const struct shape_methods *methods;
    char *label;
};

struct shape_methods {
    double (*area)(const struct shape *shape);
};

struct circle {
    struct shape shape;
    double radius;
};

struct box {
    struct shape shape;
    double width, height, depth;
};

struct message {
    uint32_t type, length;
    unsigned char data[0];
};

struct cache_line {
    struct cache_line *older, *newer;
    uint64_t key;
    char payload[40];
};

struct cache {
    struct cache_line *newest, *oldest;
    struct cache_line **slots;
    size_t slot_count;
};

struct event {
    void (*handler)(void *);
    void *argument;
    struct event *next;
};

static struct event *events;
static struct object *roots[16];
static size_t root_count;

__attribute__((noinline)) static void use(void *p) {
    __asm__ volatile("" : : "g"(p) : "memory");
}

/* --- Values --- */

/* All values come from here: only the caller knows which. */
static struct object *object_new(enum kind kind, size_t size) {
    struct object *object = calloc(1, size);
    if (object == NULL) abort();
    object->kind = kind;
    object->references = 1;
    if (root_count < 16) roots[root_count++] = object;
    return object;
}

static struct object *number_new(double value) {
    struct number *number = (struct number *)object_new(NUMBER, sizeof *number); //= struct number
    number->value = value;
    return &number->base;
}

struct object *string_new(const char *text) {
    size_t length = strlen(text);
    struct string *string = malloc(sizeof *string + length + 1); //= struct string
    string->base.kind = STRING;
    string->length = length;
    memcpy(string->text, text, length + 1);
    return &string->base;
}

struct object *pair_new(struct object *first, struct object *second) {
    struct pair *pair = (struct pair *)object_new(PAIR, sizeof(struct pair)); //= struct pair
    pair->first = first;
    pair->second = second;
    return (struct object *)pair;
}

static void vector_add(struct vector *vector, struct object *item) {
    if (vector->count == vector->capacity) {
        size_t capacity = vector->capacity ? vector->capacity * 2 : 4;
        size_t bytes = capacity * sizeof *vector->items;
        vector->items = realloc(vector->items, bytes); //= struct object *
        if (vector->items == NULL) abort();
        vector->capacity = capacity;
    }
    vector->items[vector->count++] = item;
}

static struct vector *vector_new(void) {
    struct vector *vector = malloc(sizeof(struct vector)); //= struct vector
    memset(vector, 0, sizeof *vector);
    vector->base.kind = VECTOR;
    return vector;
}

/* --- A parser --- */

static void tokens_add(token_list *list, int type, const char *start, size_t length) {
    if (list->count >= list->capacity) {
        size_t capacity = list->capacity < 8 ? 8 : list->capacity * 2;
        token *grown = realloc(list->tokens, sizeof(token) * capacity); //= struct token
        if (!grown) exit(1);
        list->tokens = grown;
        list->capacity = capacity;
    }
    list->tokens[list->count++] = (token){type, start, length};
}

static token_list *tokenize(const char *text) {
    token_list *list = calloc(1, sizeof(token_list)); //= struct token_list
    for (; *text; text++)
        if (*text != ' ') tokens_add(list, *text, text, 1);
    return list;
}

static ast *leaf(double value) {
    ast *node = malloc(sizeof(ast)); //= struct ast
    node->sign = 0;
    node->left = node->right = NULL;
    node->value = value;
    return node;
}

static ast *branch(char sign, ast *left, ast *right) {
    ast *node = malloc(sizeof(*node)); //= struct ast
    node->sign = sign;
    node->left = left;
    node->right = right;
    node->value = 0;
    return node;
}

static ast *parse(const token_list *list, size_t from, size_t to) {
    if (to - from <= 1) return leaf((double)list->tokens[from].type);
    size_t middle = from + (to - from) / 2;
    return branch('+', parse(list, from, middle), parse(list, middle, to));
}

/* --- Shapes --- */

static double circle_area(const struct shape *shape) {
    const struct circle *circle = (const struct circle *)shape;
    return circle->radius * circle->radius * 3;
}

static double box_area(const struct shape *shape) {
    const struct box *box = (const struct box *)shape;
    return box->width * box->height;
}

static const struct shape_methods circle_methods = {circle_area}, box_methods = {box_area};

static void shape_init(struct shape *shape, const struct shape_methods *methods,
                       const char *label) {
    shape->methods = methods;
    shape->label = strdup(label); //= char
}

struct shape *circle_new(double radius) {
    struct circle *circle = malloc(sizeof(struct circle)); //= struct circle
    shape_init(&circle->shape, &circle_methods, "circle");
    circle->radius = radius;
    return &circle->shape;
}

struct shape *box_new(double width, double height) {
    struct box *box = malloc(sizeof *box); //= struct box
    shape_init(&box->shape, &box_methods, "box");
    box->width = width;
    box->height = height;
    return (struct shape *)box;
}

/* --- Others --- */

static struct message *message_new(uint32_t type, const void *data, uint32_t length) {
    struct message *message = malloc(sizeof(struct message) + length); //= struct message
    message->type = type;
    message->length = length;
    memcpy(message->data, data, length);
    return message;
}

static struct cache *cache_new(size_t slots) {
    struct cache *cache = calloc(1, sizeof *cache); //= struct cache
    if (cache == NULL) return NULL;
    cache->slots = calloc(slots, sizeof(struct cache_line *)); //= struct cache_line *
    cache->slot_count = slots;
    return cache;
}

static void cache_put(struct cache *cache, uint64_t key) {
    struct cache_line **slot = &cache->slots[key % cache->slot_count];
    if (*slot != NULL) return;
    struct cache_line *line = malloc(sizeof *line); //= struct cache_line
    line->key = key;
    line->older = cache->newest;
    line->newer = NULL;
    if (cache->newest) cache->newest->newer = line;
    cache->newest = line;
    *slot = line;
}

static void on_event(void *argument) {
    use(argument);
}

static void subscribe(void (*handler)(void *), void *argument) {
    struct event *event = malloc(sizeof(struct event)); //= struct event
    event->handler = handler;
    event->argument = argument;
    event->next = events;
    events = event;
}

/* Nobody but the initialiser says what it is. */
static void cache_reset(struct cache *cache) {
    memset(cache, 0, sizeof *cache);
    cache->slot_count = 1;
    use(cache);
}

static void anonymous(void) {
    cache_reset(malloc(sizeof(struct cache))); //= struct cache
}

/* Which of a union's pointers it is, only the size tells. */
struct leaf {
    double value;
    int line, column;
    int width;
};

struct branch {
    struct cell *left, *right;
    long weight;
    char name[16];
};

struct cell {
    enum { LEAF, BRANCH, CELLS } kind;
    union {
        struct leaf *leaf;
        struct branch *branch;
        struct cell **cells;
        void *any;
    } to;
};

static void cell_fill(struct cell *cell, int kind, size_t count) {
    cell->kind = (unsigned)kind % 3;
    switch (cell->kind) {
    case LEAF: cell->to.leaf = malloc(sizeof(struct leaf)); break;            //= struct leaf
    case BRANCH: cell->to.branch = calloc(1, sizeof(struct branch)); break;   //= struct branch
    case CELLS: cell->to.cells = calloc(count, sizeof(struct cell *)); break; //= struct cell *
    }
    use(cell->to.any);
}

static char *format(const char *form, ...) {
    va_list arguments;
    size_t size = 64;
    char *text = malloc(size); //= char
    va_start(arguments, form);
    vsnprintf(text, size, form, arguments);
    va_end(arguments);
    return text;
}

int main(void) {
    struct vector *vector = vector_new();
    for (int i = 0; i < 9; i++) vector_add(vector, number_new(i));
    use(pair_new(string_new("one"), string_new("thirteen chars")));
    token_list *tokens = tokenize("a + b * c - d / e % f ^ g");
    use(parse(tokens, 0, tokens->count));
    use(circle_new(2));
    use(box_new(2, 3));
    use(message_new(1, "hello", 5));
    struct cache *cache = cache_new(8);
    for (uint64_t i = 0; i < 12; i++) cache_put(cache, i * 7);
    subscribe(on_event, cache);
    subscribe(on_event, vector);
    for (struct event *event = events; event != NULL; event = event->next)
        event->handler(event->argument);
    anonymous();
    static struct cell cells[6];
    for (int i = 0; i < 6; i++) cell_fill(&cells[i], i, 7);
    puts(format("%d tokens", (int)tokens->count));
    return 0;
}
