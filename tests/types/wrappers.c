/* Memory that comes by way of wrappers, factories and macros. */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NEW(type)          ((type *)xmalloc(sizeof(type)))
#define NEW_ZEROED(type)   ((type *)xcalloc(1, sizeof(type)))
#define NEW_ARRAY(type, n) ((type *)xcalloc((n), sizeof(type)))

struct request {
    int method, status;
    char *path, *body;
    size_t length;
};

struct session {
    uint64_t id;
    struct request *current;
    struct session *next;
    char token[32];
};

struct job {
    void (*run)(struct job *job);
    void *data;
    int priority;
};

struct queue {
    struct job **jobs;
    size_t head, tail, capacity;
};

struct config {
    char *key;
    long value;
    struct config *next;
    unsigned flags;
};

struct stream {
    int fd;
    unsigned char *buffer;
    size_t size, used;
    struct request *owner;
};

static size_t used_memory;
static struct config *configs;

__attribute__((noinline)) static void use(void *p) {
    __asm__ volatile("" : : "g"(p) : "memory");
}

/* --- Wrappers --- */

void *xmalloc(size_t size) {
    void *block = malloc(size);
    if (block == NULL) {
        fprintf(stderr, "out of memory: %s\n", strerror(errno));
        exit(1);
    }
    used_memory += size;
    return block;
}

void *xcalloc(size_t count, size_t size) {
    void *block = calloc(count, size);
    if (block == NULL) abort();
    return block;
}

void *xrealloc(void *old, size_t size) {
    void *block = realloc(old, size);
    if (!block && size) abort();
    return block;
}

/* As redis had it: the size is kept in front. */
void *header_malloc(size_t size) {
    size_t *block = malloc(size + sizeof(size_t) * 2);
    if (block == NULL) return NULL;
    *block = size;
    used_memory += size;
    return (char *)block + sizeof(size_t) * 2;
}

void *traced_malloc(size_t size, const char *file, int line) {
    void *block = xmalloc(size);
    if (getenv("TRACE") != NULL) fprintf(stderr, "%s:%d: %zu\n", file, line, size);
    return block;
}
#define traced(size) traced_malloc((size), __FILE__, __LINE__)

static void *zeroed(size_t size) {
    return memset(xmalloc(size), 0, size);
}

__attribute__((noinline)) static void *out_of_line(size_t size) {
    void *block = malloc(size);
    if (block != NULL) memset(block, 0, size);
    return block;
}

struct allocator {
    void *(*allocate)(void *context, size_t size);
    void *context;
};

static void *by_pointer(void *context, size_t size) {
    ++*(size_t *)context;
    return malloc(size);
}

static struct allocator allocator = {by_pointer, &used_memory};

/* --- Their callers --- */

struct request *request_new(const char *path) {
    struct request *request = xmalloc(sizeof *request); //= struct request
    memset(request, 0, sizeof *request);
    request->path = xmalloc(strlen(path) + 1); //= char
    strcpy(request->path, path);
    return request;
}

static struct session *session_new(uint64_t id) {
    struct session *session = xcalloc(1, sizeof(struct session)); //= struct session
    session->id = id;
    session->current = request_new("/index");
    return session;
}

static void sessions_make(struct session **list, int count) {
    for (int i = 0; i < count; i++) {
        struct session *session = NEW(struct session); //= struct session
        session->next = *list;
        session->current = NULL;
        session->id = (uint64_t)i;
        *list = session;
    }
}

static void job_run(struct job *job) {
    use(job->data);
}

static struct job *job_new(int priority) {
    struct job *job = NEW_ZEROED(struct job); //= struct job
    job->run = job_run;
    job->priority = priority;
    job->data = NEW(struct config); //= struct config
    ((struct config *)job->data)->value = priority;
    return job;
}

static void queue_init(struct queue *queue, size_t capacity) {
    queue->jobs = NEW_ARRAY(struct job *, capacity); //= struct job *
    queue->head = queue->tail = 0;
    queue->capacity = capacity;
}

static void queue_add(struct queue *queue, struct job *job) {
    if (queue->tail == queue->capacity) {
        queue->capacity *= 2;
        size_t bytes = queue->capacity * sizeof *queue->jobs;
        queue->jobs = xrealloc(queue->jobs, bytes); //= struct job *
    }
    queue->jobs[queue->tail++] = job;
}

static void config_add(const char *key, long value) {
    struct config *config = header_malloc(sizeof *config); //= struct config
    config->key = header_malloc(strlen(key) + 1);          //= char
    strcpy(config->key, key);
    config->value = value;
    config->next = configs;
    configs = config;
}

static struct stream *stream_open(int fd) {
    struct stream *stream = traced(sizeof *stream); //= struct stream
    stream->fd = fd;
    stream->size = 512;
    stream->used = 0;
    stream->buffer = traced(stream->size); //= unsigned char
    stream->owner = NULL;
    return stream;
}

static struct config *config_zeroed(void) {
    struct config *config = zeroed(sizeof(struct config)); //= struct config
    config->flags = 3;
    return config;
}

static struct request **batch(int count) {
    struct request **requests;
    requests = out_of_line((size_t)count * sizeof *requests); //= struct request *
    for (int i = 0; i < count; i++) {
        requests[i] = out_of_line(sizeof(struct request)); //= struct request
        requests[i]->status = i;
    }
    return requests;
}

static struct session *through_pointer(void) {
    struct session *session;
    session = allocator.allocate(allocator.context, sizeof *session); //= struct session
    session->id = 9;
    session->next = NULL;
    return session;
}

static struct job *jobs_array(size_t count) {
    struct job *jobs = NEW_ARRAY(struct job, count); //= struct job
    for (size_t i = 0; i < count; i++) jobs[i].priority = (int)i;
    return jobs;
}

static int *numbers(int count) {
    int *list = xmalloc((size_t)count * sizeof(int)); //= int
    for (int i = 0; i < count; i++) list[i] = i * i;
    return list;
}

/* Returns one block and keeps another, which its callers never see. */
struct big {
    int sign;
    size_t length;
    int uses;
    char *digits, *first;
};

__attribute__((noinline)) static struct big *big_new(size_t length) {
    struct big *big = malloc(sizeof *big); //= struct big
    big->sign = 1;
    big->length = length;
    big->uses = 1;
    big->digits = malloc(length); //= char
    big->first = big->digits;
    memset(big->digits, 0, length);
    return big;
}

/* So many callers with sizes of their own make it look like a wrapper. */
#define MAKES(number)                                           \
    __attribute__((noinline)) static void make_##number(void) { \
        struct big *made = big_new((number));                   \
        use(made);                                              \
    }
MAKES(45)
MAKES(61)
MAKES(75)
MAKES(83)
MAKES(91)
MAKES(103)
MAKES(117)
MAKES(131)
MAKES(149)

static struct big *big_sum(const struct big *one, const struct big *other) {
    struct big *sum = big_new((one->length > other->length ? one->length : other->length) + 1);
    sum->digits[0] = (char)(one->digits[0] + other->digits[0]);
    return sum;
}

static void bigs(int count) {
    struct big *build = big_new((size_t)(55 + count)), *value = big_new((size_t)(45 + count));
    struct big *sum = big_sum(build, value);
    use(build);
    use(value);
    use(sum);
    make_45();
    make_61();
    make_75();
    make_83();
    make_91();
    make_103();
    make_117();
    make_131();
    make_149();
}

static void stream_attach(struct stream *stream) {
    stream->owner = xmalloc(sizeof(struct request)); //= struct request
    stream->owner->path = NULL;
    stream->owner->status = 200;
}

int main(void) {
    struct session *sessions = NULL;
    struct queue queue;

    sessions_make(&sessions, 5);
    use(session_new(7));
    queue_init(&queue, 4);
    for (int i = 0; i < 9; i++) queue_add(&queue, job_new(i));
    queue.jobs[0]->run(queue.jobs[0]);
    config_add("colour", 3);
    config_add("size", 4);
    struct stream *stream = stream_open(0);
    stream_attach(stream);
    use(stream);
    use(config_zeroed());
    use(batch(4));
    use(through_pointer());
    use(jobs_array(6));
    use(numbers(11));
    bigs(6);
    use(sessions);
    use(configs);
    printf("%zu\n", used_memory % 7);
    return 0;
}
