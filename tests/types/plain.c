/* Plain C as it is mostly written: each allocation's type stands behind it. */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct point {
    double x, y;
};

struct node {
    struct node *next;
    int key;
    char name[20];
};

struct list {
    struct node *head, *tail;
    size_t length;
};

typedef struct tree {
    struct tree *left, *right;
    int value;
} tree_t;

typedef struct {
    uint32_t hash;
    char *key;
    void *value;
} entry_t;

struct table {
    entry_t *entries;
    struct node **buckets;
    size_t capacity, used;
};

struct address {
    char *street;
    struct {
        uint16_t *codes;
        int count;
    } post;
};

struct person {
    char *name;
    struct address *home;
    struct point *where;
    struct person *friends[4];
    int age;
};

struct matrix {
    int rows, columns;
    double *cells;
};

struct list *global_list;
static struct table tables[3];
static int *counters;
struct matrix *matrices[4];
static volatile unsigned seed = 1;

static unsigned any(void) {
    seed = seed * 1103515245 + 12345;
    return seed >> 16;
}

__attribute__((noinline)) static void use(void *p) {
    __asm__ volatile("" : : "g"(p) : "memory");
}

/* --- Lists --- */

struct list *list_new(void) {
    struct list *list = malloc(sizeof *list); //= struct list
    if (list == NULL) return NULL;
    list->head = list->tail = NULL;
    list->length = 0;
    return list;
}

bool list_add(struct list *list, int key) {
    struct node *node = calloc(1, sizeof(struct node)); //= struct node
    if (!node) return false;
    node->key = key;
    snprintf(node->name, sizeof node->name, "node %d", key);
    if (list->tail != NULL)
        list->tail->next = node;
    else
        list->head = node;
    list->tail = node;
    list->length++;
    return true;
}

static void list_push(struct list *list) {
    struct node *old = list->head;
    list->head = malloc(sizeof(struct node)); //= struct node
    if (list->head == NULL) abort();
    memset(list->head, 0, sizeof *list->head);
    list->head->next = old;
    list->length++;
}

/* --- Trees --- */

tree_t *tree_insert(tree_t *tree, int value) {
    if (tree == NULL) {
        tree = malloc(sizeof(tree_t)); //= struct tree
        tree->left = tree->right = NULL;
        tree->value = value;
        return tree;
    }
    if (value < tree->value)
        tree->left = tree_insert(tree->left, value);
    else
        tree->right = tree_insert(tree->right, value);
    return tree;
}

static void tree_grow(tree_t **slot, int depth) {
    if (depth == 0) return;
    *slot = calloc(1, sizeof **slot); //= struct tree
    (*slot)->value = depth;
    tree_grow(&(*slot)->left, depth - 1);
    tree_grow(&(*slot)->right, depth - 1);
}

/* --- Tables --- */

static int table_init(struct table *table, size_t capacity) {
    table->entries = calloc(capacity, sizeof *table->entries); //= entry_t
    if (table->entries == NULL) return -1;
    table->buckets = malloc(capacity * sizeof *table->buckets); //= struct node *
    if (table->buckets == NULL) {
        free(table->entries);
        return -1;
    }
    for (size_t i = 0; i < capacity; i++) table->buckets[i] = NULL;
    table->capacity = capacity;
    table->used = 0;
    return 0;
}

static void table_put(struct table *table, const char *key) {
    entry_t *entry = &table->entries[any() % table->capacity];
    size_t length = strlen(key) + 1;
    if (entry->key != NULL) return;
    entry->key = malloc(length); //= char
    memcpy(entry->key, key, length);
    entry->value = malloc(sizeof(struct point)); //= struct point
    ((struct point *)entry->value)->x = (double)length;
    table->used++;
}

static void table_grow(struct table *table) {
    size_t capacity = table->capacity * 2;
    entry_t *entries = realloc(table->entries, capacity * sizeof(entry_t)); //= entry_t
    if (entries == NULL) return;
    memset(entries + table->capacity, 0, (capacity - table->capacity) * sizeof *entries);
    table->entries = entries;
    table->capacity = capacity;
}

/* --- People --- */

static struct address *address_new(const char *street) {
    struct address *a = malloc(sizeof(*a)); //= struct address
    a->street = malloc(strlen(street) + 1); //= char
    strcpy(a->street, street);
    a->post.count = 3;
    a->post.codes = malloc(3 * sizeof(uint16_t)); //= uint16_t
    for (int i = 0; i < 3; i++) a->post.codes[i] = (uint16_t)any();
    return a;
}

struct person *person_new(const char *name, int age) {
    struct person *person;

    if (!(person = calloc(1, sizeof *person))) //= struct person
        goto fail;
    if ((person->name = malloc(strlen(name) + 1)) == NULL) //= char
        goto fail_name;
    strcpy(person->name, name);
    person->age = age;
    if (age > 18) {
        person->home = address_new(name);
        person->where = malloc(sizeof(struct point)); //= struct point
        person->where->x = age;
    }
    return person;
fail_name:
    free(person);
fail:
    return NULL;
}

static void befriend(struct person *person) {
    for (int i = 0; i < 4; i++) {
        person->friends[i] = malloc(sizeof(struct person)); //= struct person
        memset(person->friends[i], 0, sizeof(struct person));
        person->friends[i]->age = i;
    }
}

/* --- Arrays --- */

struct matrix *matrix_new(int rows, int columns) {
    struct matrix *m = malloc(sizeof *m); //= struct matrix
    *m = (struct matrix){rows, columns, NULL};
    m->cells = malloc((size_t)rows * (size_t)columns * sizeof(double)); //= double
    for (int i = 0; i < rows * columns; i++) m->cells[i] = any();
    return m;
}

static double **grid_new(int rows, int columns) {
    double **grid = malloc((size_t)rows * sizeof *grid); //= double *
    for (int i = 0; i < rows; i++) {
        grid[i] = calloc((size_t)columns, sizeof **grid); //= double
        grid[i][0] = i;
    }
    return grid;
}

static struct region {
    char kind;
    long left, right;
} * regions[8], *corners[2][4];

static struct holder {
    int id;
    struct region *held;
} holders[4];

static void fill_static_arrays(int n) {
    for (int i = 0; i < n; i++) regions[i] = malloc(sizeof(struct region)); //= struct region
    for (int i = 0; i < 2; i++)
        for (int j = 0; j < n; j++)
            corners[i][j] = calloc(1, sizeof(struct region));                    //= struct region
    for (int i = 0; i < n; i++) holders[i].held = malloc(sizeof(struct region)); //= struct region
    use(regions);
    use(corners);
    use(holders);
}

static long sum_squares(int n) {
    long *squares = malloc((size_t)n * sizeof(long)); //= long
    long sum = 0;
    for (int i = 0; i < n; i++) squares[i] = (long)any() * i;
    for (int i = 0; i < n; i++) sum += squares[i];
    free(squares);
    return sum;
}

static int points_make(struct point **out, size_t *count) {
    struct point *points = calloc(10, sizeof(struct point)); //= struct point
    if (points == NULL) return -1;
    for (int i = 0; i < 10; i++) points[i].x = points[i].y = any();
    *out = points;
    *count = 10;
    return 0;
}

static void out_parameter(struct point **out) {
    *out = malloc(sizeof(struct point)); //= struct point
    (*out)->x = (*out)->y = 1;
}

static char *join(const char *left, const char *right) {
    char *joined = malloc(strlen(left) + strlen(right) + 1); //= char
    strcpy(joined, left);
    return strcat(joined, right);
}

static char **words(int count) {
    char **list = calloc((size_t)count + 1, sizeof(char *)); //= char *
    for (int i = 0; i < count; i++) {
        list[i] = malloc(16); //= char
        snprintf(list[i], 16, "word %d", i);
    }
    return list;
}

/* Sorts a copy. */
static int by_value(const void *a, const void *b) {
    return *(const int *)a - *(const int *)b;
}

static int median(const int *values, size_t count) {
    int *copy = malloc(count * sizeof *copy); //= int
    int result;
    memcpy(copy, values, count * sizeof *copy);
    qsort(copy, count, sizeof *copy, by_value);
    result = copy[count / 2];
    free(copy);
    return result;
}

static void globals(void) {
    global_list = malloc(sizeof(struct list)); //= struct list
    memset(global_list, 0, sizeof *global_list);
    counters = calloc(100, sizeof(int)); //= int
    for (int i = 0; i < 3; i++) {
        matrices[i] = malloc(sizeof(struct matrix)); //= struct matrix
        matrices[i]->rows = i;
    }
    use(global_list);
    use(counters);
}

static void on_the_stack(void) {
    struct list local = {0};
    struct node *pair[2];
    local.head = malloc(sizeof(struct node)); //= struct node
    local.head->next = NULL;
    pair[0] = malloc(sizeof(struct node)); //= struct node
    pair[1] = malloc(sizeof(struct node)); //= struct node
    pair[0]->next = pair[1];
    pair[1]->next = local.head;
    use(pair[0]);
    use(&local);
}

static void in_branches(bool big) {
    struct point *point = NULL;
    if (big) {
        struct matrix *matrix = malloc(sizeof *matrix); //= struct matrix
        matrix->rows = 3;
        use(matrix);
    } else {
        point = malloc(sizeof *point); //= struct point
        point->x = 3;
    }
    use(point);
}

struct list *list_copy(const struct list *list) {
    struct list *copy = list_new();
    struct node **end = &copy->head;
    for (const struct node *node = list->head; node != NULL; node = node->next) {
        *end = malloc(sizeof **end); //= struct node
        **end = *node;
        (*end)->next = NULL;
        copy->tail = *end;
        end = &(*end)->next;
    }
    copy->length = list->length;
    return copy;
}

int main(void) {
    struct list *list = list_new();
    struct point *points, *point;
    struct matrix *matrix;
    tree_t *tree = NULL, *grown = NULL;
    size_t count;
    int values[9] = {3, 1, 4, 1, 5, 9, 2, 6, 5};

    for (int i = 0; i < 20; i++) list_add(list, i);
    list_push(list);
    for (int i = 0; i < 20; i++) tree = tree_insert(tree, (int)(any() % 100));
    tree_grow(&grown, 4);
    for (int i = 0; i < 3; i++) table_init(&tables[i], 16);
    table_put(&tables[0], "hello");
    table_put(&tables[1], "world");
    table_grow(&tables[2]);
    struct person *person = person_new("somebody", 40);
    befriend(person);
    matrix = matrix_new(7, 9);
    use(matrix);
    use(grid_new(5, 7));
    points_make(&points, &count);
    out_parameter(&point);
    fill_static_arrays(4);
    use(points);
    use(point);
    use(join("left", "right"));
    use(words(6));
    globals();
    on_the_stack();
    in_branches(any() > 100000);
    in_branches(any() < 100000);
    use(list_copy(list));
    use(tree);
    use(grown);
    printf("%ld %d\n", sum_squares(30), median(values, 9));
    return 0;
}
