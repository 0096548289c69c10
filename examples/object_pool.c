/*
 * examples/object_pool.c - sparks of a firework: thousands of equal things that come and go.
 *
 *     cc object_pool.c $(pkg-config --cflags --libs mete) -o object_pool && ./object_pool
 *
 * A pool hands out blocks of one size, has a limit of its own, and knows every block that it has
 * handed out. The spectator remembers a spark by its handle: when the spark has burnt out and its
 * place is another's, the handle says so, where a pointer would show the wrong spark.
 */
#include <mete/pool.h>

#include <stdio.h>
#include <string.h>

enum { MOST_SPARKS = 1000, ROCKET = 300 };

struct spark {
    float height, speed;
    int burns; /* steps to go */
};

static void show(mete_pool *pool, const char *when) {
    mete_pool_stats stats;
    if (mete_pool_stats_read(pool, &stats) != 0) return;
    printf("%s: %ju sparks, room for %ju\n", when, (uintmax_t)stats.live_blocks,
           (uintmax_t)(MOST_SPARKS - stats.live_blocks));
}

/* A rocket is a handful of sparks, or none where they are not to be had. */
static int burst(mete_pool *pool) {
    void *sparks[ROCKET];
    int status = mete_pool_alloc_many(pool, sparks, ROCKET);

    if (status != 0) return status;
    for (int i = 0; i < ROCKET; i++)
        *(struct spark *)sparks[i] = (struct spark){100, (float)i / 10, 1 + i % 3};
    return 0;
}

/* One step of a spark's life; the pool lets it be freed while it is visited. */
static bool step(void *context, void *block) {
    struct spark *spark = block;

    spark->height += spark->speed;
    if (--spark->burns == 0) mete_pool_free(context, spark);
    return true;
}

/* Told of every misuse, in place of the message and abort that are the default. */
static void on_error(void *context, const mete_pool_error *error) {
    (void)context;
    printf("the pool \"%s\" noticed: %s\n", error->pool, mete_pool_fault_name(error->fault));
}

int main(void) {
    mete_pool *pool = mete_pool_create(&(mete_pool_options){.block_size = sizeof(struct spark),
                                                            .initial_blocks = MOST_SPARKS,
                                                            .max_blocks = MOST_SPARKS,
                                                            .handles = true,
                                                            .on_error = on_error,
                                                            .name = "sparks"});
    if (pool == NULL) {
        perror("object_pool");
        return 1;
    }
    for (int rocket = 1; rocket <= 4; rocket++)
        printf("rocket %d: %s\n", rocket, strerror(-burst(pool)));
    show(pool, "lit");
    mete_pool_foreach(pool, step, pool);
    show(pool, "a step later");

    struct spark *spark = mete_pool_alloc(pool);
    if (spark == NULL) return 1;
    mete_pool_handle seen = mete_pool_handle_of(pool, spark);
    printf("the spark is %s\n", mete_pool_get(pool, seen) == spark ? "there" : "gone");
    mete_pool_free(pool, spark);
    printf("the spark is %s\n", mete_pool_get(pool, seen) == spark ? "there" : "gone");
    mete_pool_free(pool, spark); /* a mistake: by now it may be another's */

    mete_pool_reset(pool);
    show(pool, "dark");
    mete_pool_destroy(pool);
    return 0;
}
