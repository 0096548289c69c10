/*
 * scope_exits WAY: leaves a scope that way, and prints "cleaned" where its cleanup has run.
 *
 * C and C++, compiled in each of the ways of the table in mete/scope.h; with -DBY_DEFER by
 * METE_DEFER instead of METE_AUTO.
 */
#include <mete/scope.h>
#include <pthread.h>
#include <setjmp.h>

#ifdef __cplusplus
extern "C" {
#endif
/* In C++, always: throws, and catches what has passed through `middle`. */
void scope_throw(void);
void scope_catch(void (*middle)(void));
#ifdef __cplusplus
}
#endif

static const char *way;
static jmp_buf landing;

static void say(const char *text) {
    size_t length = strlen(text);
    if (write(1, text, length) != (ssize_t)length) _exit(3);
}

static void cleaned(const char *text) {
    say(text);
}
METE_AUTO_DECLARE(const char *, cleaned)

static int is(const char *name) {
    return strcmp(way, name) == 0;
}

static void leave(void) {
    for (int i = 0; i < 2; i++) {
#ifdef BY_DEFER
        const char *scope = "cleaned\n";
        METE_DEFER {
            if (scope != NULL) cleaned(scope);
        };
#else
        METE_AUTO(const char *, cleaned) scope = "cleaned\n";
#endif
        if (is("return")) return;
        if (is("break")) break;
        if (is("continue") && i == 1) continue;
        if (is("continue")) scope = NULL; /* once is enough */
        if (is("goto")) goto out;
        if (is("end")) i = 2;
        if (is("exit")) exit(0);
        if (is("_exit")) _exit(0);
        if (is("quick_exit")) quick_exit(0);
        if (is("abort")) abort();
        if (is("longjmp")) longjmp(landing, 1);
        if (is("pthread_exit")) pthread_exit(NULL);
        if (is("throw")) scope_throw();
        while (is("pthread_cancel")) pause();
    }
out:
    return;
}

static void *run(void *unused) {
    (void)unused;
    leave();
    return NULL;
}

int main(int argc, char **argv) {
    pthread_t thread;

    if (argc != 2) return 2;
    way = argv[1];
    if (is("throw")) {
        scope_catch(leave);
    } else if (is("pthread_exit") || is("pthread_cancel")) {
        if (pthread_create(&thread, NULL, run, NULL) != 0) return 3;
        if (is("pthread_cancel")) pthread_cancel(thread);
        pthread_join(thread, NULL);
    } else if (setjmp(landing) == 0) {
        leave();
    }
    say("over\n");
    return 0;
}
