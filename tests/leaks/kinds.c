/*
 * leaks/kinds.c - one way to keep or to lose blocks per run; the first argument names it.
 *
 * Every block's size is its own within a case, so that a wrong answer says which block it is about.
 * Pointers are kept where the case says and nowhere else: what functions leave behind on the
 * stack and in registers is wiped before the end.
 */
#include <dlfcn.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

#define NOINLINE __attribute__((noinline))

struct node {
    struct node *next;
    struct node *other;
};

static void *volatile global;
static void *volatile globals[4];
static const char *plugin_path;

static void *make(size_t size) {
    void *block = malloc(size);
    if (block == NULL) abort();
    memset(block, 0, size);
    return block;
}

static struct node *make_node(size_t size, void *next, void *other) {
    struct node *node = make(size);
    node->next = next;
    node->other = other;
    return node;
}

static void *map(size_t size, int flags) {
    void *start = mmap(NULL, size, PROT_READ | PROT_WRITE, flags | MAP_ANONYMOUS, -1, 0);
    if (start == MAP_FAILED) abort();
    return start;
}

/* Overwrites what calls have left below the stack pointer. */
static NOINLINE void wipe(void) {
    char area[16384];
    memset(area, 0, sizeof area);
    __asm__ volatile("" : : "r"(area) : "memory");
}

/* ---- lost in every way ---- */

static void lost_alone(void) {
    make(100);
    make(0);
    if (calloc(3, 11) == NULL || aligned_alloc(64, 192) == NULL) abort();
}

static void lost_list(void) {
    struct node *list = NULL;
    for (size_t i = 0; i < 5; i++) list = make_node(16 + i, list, NULL);
}

static void lost_list_built_from_its_head(void) {
    struct node *head = make_node(20, NULL, NULL), *last = head;
    for (size_t i = 1; i < 5; i++) last = last->next = make_node(20 + i, NULL, NULL);
}

static struct node *make_tree(int depth) {
    if (depth == 0) return NULL;
    struct node *left = make_tree(depth - 1);
    return make_node(16 + (size_t)depth, left, make_tree(depth - 1));
}

static void lost_tree(void) {
    make_tree(6);
}

static void lost_cycle(void) {
    struct node *first = make_node(31, NULL, NULL);
    struct node *second = make_node(47, first, NULL);
    first->next = make_node(63, second, NULL);
}

static void lost_doubly_linked_list(void) {
    struct node *first = make_node(33, NULL, NULL), *last = first;
    for (size_t i = 1; i < 6; i++) {
        last->next = make_node(33 + i, NULL, last);
        last = last->next;
    }
}

/* A header that came after what it heads: the cycle behind it is counted by itself. */
static void lost_cycle_with_a_late_head(void) {
    struct node *first = make_node(33, NULL, NULL);
    first->next = make_node(34, first, NULL);
    make_node(48, first, NULL);
}

static void lost_heads_with_one_tail(void) {
    struct node *tail = make_node(17, NULL, NULL);
    make_node(18, tail, NULL);
    make_node(19, tail, NULL);
}

static void lost_through_interior_pointers(void) {
    struct node *tail = make_node(40, NULL, NULL);
    make_node(18, (char *)tail + 20, NULL);
}

static void lost_by_overwriting(void) {
    global = make(25);
    global = make(26);
}

static void lost_after_realloc(void) {
    global = realloc(make(24), 100000);
    global = realloc(global, 5000);
    global = NULL;
}

static void lost_hidden(void) {
    global = (void *)~(uintptr_t)make(77);
}

static void lost_unaligned(void) {
    static char bytes[16];
    void *block = make(78);
    memcpy(bytes + 3, &block, sizeof block);
}

static void lost_one_past_the_end(void) {
    globals[0] = (char *)make(48) + 48;
    globals[1] = (char *)make(41) + 41;
}

static void lost_in_freed_memory(void) {
    struct node *holder = make_node(50, NULL, NULL);
    holder->next = make_node(51, NULL, NULL);
    free(holder);
}

/* ---- kept in every way ---- */

static void kept_global(void) {
    global = make_node(16, make_node(32, NULL, make(8)), NULL);
}

static void kept_static_local(void) {
    static struct node *volatile kept;
    kept = make_node(99, make(1), NULL);
    if (kept == NULL) abort();
}

static void kept_cycle(void) {
    struct node *first = make_node(31, NULL, NULL);
    first->next = make_node(47, first, NULL);
    global = first;
}

static void possible_interior(void) {
    struct node *block = make_node(64, make_node(65, NULL, NULL), NULL);
    globals[0] = (char *)block + 30;
    globals[1] = (char *)make(200) + 199;
}

static void possible_and_kept(void) {
    struct node *block = make_node(64, make_node(65, NULL, NULL), NULL);
    globals[0] = (char *)block + 30;
    globals[1] = block;
}

static void kept_in_anonymous_memory(void) {
    void **page = map(65536, MAP_PRIVATE);
    page[5000] = make(81);
}

static void kept_in_shared_memory(void) {
    void **page = map(65536, MAP_SHARED);
    page[5000] = make(82);
}

static void kept_in_a_file_mapping(void) {
    FILE *file = tmpfile();
    if (file == NULL || ftruncate(fileno(file), 8192) != 0) abort();
    void **page = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, fileno(file), 0);
    if (page == MAP_FAILED) abort();
    page[1000] = make(83);
    fclose(file);
}

static void kept_in_brk(void) {
    void **area = sbrk(4096);
    if (area == (void *)-1) abort();
    area[9] = make(84);
}

static void lost_in_read_only_memory(void) {
    void **page = map(4096, MAP_PRIVATE);
    page[7] = make(85);
    if (mprotect(page, 4096, PROT_READ) != 0) abort();
}

static void kept_in_a_large_block(void) {
    char *large = make(3000000);
    void *block = make(86);
    memcpy(large + 2999992, &block, sizeof block);
    global = large;
}

static void kept_beside_a_protected_page(void) {
    char *large = aligned_alloc(4096, 10 * 4096);
    if (large == NULL) abort();
    memset(large, 0, 10 * 4096);
    void *block = make(87);
    memcpy(large + 9 * 4096, &block, sizeof block);
    if (mprotect(large + 2 * 4096, 4096, PROT_NONE) != 0) abort();
    global = large;
}

/* ---- shapes that hold a block by an interior pointer ---- */

static void kept_after_its_length(void) {
    uint64_t *block = make(108);
    *block = 100;
    global = block + 1;
}

static void kept_after_its_count(void) {
    uint64_t *block = make(8 + 5 * 12);
    *block = 5;
    global = block + 1;
}

/* ---- threads ---- */

static atomic_int arrived;

static void wait_for(int count) {
    while (atomic_load(&arrived) < count) usleep(1000);
}

static pthread_t start(void *(*run)(void *), void *argument) {
    pthread_t thread;
    int before = atomic_load(&arrived);
    if (pthread_create(&thread, NULL, run, argument) != 0) abort();
    wait_for(before + 1);
    return thread;
}

static NOINLINE void block_forever(void *volatile held) {
    int ends[2];
    char byte;
    if (pipe(ends) != 0) abort();
    atomic_fetch_add(&arrived, 1);
    while (read(ends[0], &byte, 1) != 1) {
    }
    if (held == NULL) abort();
}

static void *hold_and_block(void *unused) {
    (void)unused;
    block_forever(make(120));
    return NULL;
}

static void kept_by_a_blocked_thread(void) {
    start(hold_and_block, NULL);
}

static void *hold_and_spin(void *unused) {
    void *volatile held = make(121);
    (void)unused;
    atomic_fetch_add(&arrived, 1);
    while (held != NULL) {
    }
    return NULL;
}

static void kept_by_a_running_thread(void) {
    start(hold_and_spin, NULL);
}

static void *hold_in_a_register(void *unused) {
    (void)unused;
    void *held = make(122);
    atomic_fetch_add(&arrived, 1);
#if defined(__x86_64__)
    register void *kept __asm__("r12") = held;
    held = NULL;
    __asm__ volatile("1: pause; jmp 1b" : : "r"(kept), "m"(held));
#else
    for (void *volatile *keep = &held;; (void)*keep) {
    }
#endif
    return NULL;
}

static void kept_in_a_threads_register(void) {
    start(hold_in_a_register, NULL);
}

static void *hold_deaf(void *unused) {
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, NULL);
    return hold_and_block(unused);
}

static void kept_by_a_thread_deaf_to_signals(void) {
    start(hold_deaf, NULL);
}

static void *hold_asleep(void *unused) {
    void *volatile held = make(123);
    (void)unused;
    atomic_fetch_add(&arrived, 1);
    sleep(1000);
    return held;
}

static void kept_by_a_sleeping_thread(void) {
    start(hold_asleep, NULL);
}

static void kept_by_a_detached_thread(void) {
    pthread_detach(start(hold_and_block, NULL));
}

static NOINLINE void touch_and_forget(size_t size) {
    void *volatile here = make(size);
    (void)here;
}

static void *lose_and_end(void *unused) {
    (void)unused;
    touch_and_forget(124);
    atomic_fetch_add(&arrived, 1);
    return NULL;
}

static void lost_by_a_thread_that_ended(void) {
    pthread_join(start(lose_and_end, NULL), NULL);
}

static void *return_it(void *unused) {
    (void)unused;
    atomic_fetch_add(&arrived, 1);
    return make(125);
}

static void lost_as_a_threads_result(void) {
    pthread_join(start(return_it, NULL), NULL);
    pthread_join(start(lose_and_end, NULL), NULL); /* takes the stack over */
}

static __thread void *volatile thread_local_word;

static void *hold_thread_local(void *unused) {
    thread_local_word = make(126);
    wipe();
    block_forever((void *)1);
    return unused;
}

static void kept_in_thread_locals(void) {
    thread_local_word = make(127);
    start(hold_thread_local, NULL);
}

static pthread_key_t keys[40];

static void *hold_specific(void *unused) {
    pthread_setspecific(keys[0], make(128));
    pthread_setspecific(keys[39], make(129)); /* beyond what fits in the descriptor */
    wipe();
    block_forever((void *)1);
    return unused;
}

static void kept_by_thread_keys(void) {
    for (int i = 0; i < 40; i++)
        if (pthread_key_create(&keys[i], NULL) != 0) abort();
    pthread_setspecific(keys[1], make(130));
    pthread_setspecific(keys[38], make(131));
    start(hold_specific, NULL);
}

static void kept_by_nobody_but_many_threads(void) {
    for (int i = 0; i < 8; i++) start(hold_and_block, NULL);
    for (int i = 0; i < 4; i++) pthread_join(start(lose_and_end, NULL), NULL);
}

static void *exit_here(void *unused) {
    (void)unused;
    exit(0);
}

static NOINLINE void main_waits(void *volatile held) {
    pthread_t thread;
    if (pthread_create(&thread, NULL, exit_here, NULL) != 0) abort();
    pthread_join(thread, NULL);
    if (held == NULL) abort();
}

static void kept_by_main_while_a_thread_exits(void) {
    main_waits(make(132));
}

/* What /proc/self says of memory is the main thread's, and is nothing once that has ended. */
static void *exit_after_main(void *main_thread) {
    pthread_join(*(pthread_t *)main_thread, NULL);
    make(136);
    wipe();
    exit(0);
}

static void kept_and_lost_after_main_left(void) {
    static pthread_t main_thread;
    pthread_t thread;
    global = make(124);
    main_thread = pthread_self();
    pthread_create(&thread, NULL, exit_after_main, &main_thread);
    pthread_exit(NULL);
}

/* ---- stacks of other kinds ---- */

static ucontext_t here, there;

static void coroutine(void) {
    void *volatile held = make(140);
    swapcontext(&there, &here);
    (void)held;
}

static void run_coroutine(void *stack, size_t size) {
    getcontext(&there);
    there.uc_stack.ss_sp = stack;
    there.uc_stack.ss_size = size;
    there.uc_link = &here;
    makecontext(&there, coroutine, 0);
    swapcontext(&here, &there);
}

static void kept_on_a_mapped_coroutine_stack(void) {
    run_coroutine(map(65536, MAP_PRIVATE), 65536);
}

static void kept_on_an_allocated_coroutine_stack(void) {
    global = make(65536);
    run_coroutine(global, 65536);
}

static void exit_coroutine(void) {
    void *volatile held = make(141);
    exit(held == NULL);
}

static void kept_on_the_coroutine_stack_that_exits(void) {
    getcontext(&there);
    there.uc_stack.ss_sp = map(65536, MAP_PRIVATE);
    there.uc_stack.ss_size = 65536;
    there.uc_link = &here;
    makecontext(&there, exit_coroutine, 0);
    swapcontext(&here, &there);
}

static void exit_from_handler(int number) {
    void *volatile held = make(142);
    (void)number;
    exit(held == NULL);
}

static NOINLINE void raise_it(void *volatile held) {
    raise(SIGUSR1);
    if (held == NULL) abort();
}

static void kept_below_a_signal_handler_that_exits(void) {
    stack_t stack = {.ss_sp = map(65536, MAP_PRIVATE), .ss_size = 65536};
    struct sigaction action = {.sa_handler = exit_from_handler, .sa_flags = SA_ONSTACK};
    sigaltstack(&stack, NULL);
    sigaction(SIGUSR1, &action, NULL);
    raise_it(make(143));
}

/* ---- libraries that come and go ---- */

typedef void *(*plugin_function)(size_t);

static void *open_plugin(void) {
    void *library = dlopen(plugin_path, RTLD_NOW);
    if (library == NULL) abort();
    return library;
}

static void call_plugin(void *library, const char *name, size_t size) {
    plugin_function function = (plugin_function)dlsym(library, name);
    if (function == NULL) abort();
    function(size);
}

static void kept_by_a_plugins_global(void) {
    call_plugin(open_plugin(), "plugin_keep", 150);
}

static void lost_with_a_plugins_global(void) {
    void *library = open_plugin();
    call_plugin(library, "plugin_keep", 151);
    dlclose(library);
}

static void *hold_in_plugin(void *library) {
    call_plugin(library, "plugin_keep_local", 152);
    wipe();
    block_forever((void *)1);
    return NULL;
}

static void kept_by_a_plugins_thread_locals(void) {
    void *library = open_plugin();
    call_plugin(library, "plugin_keep_local", 153);
    start(hold_in_plugin, library);
}

/* ---- ends ---- */

static void (*volatile leave)(int) = exit; /* so that no compiler knows that it does not return */

static NOINLINE void exit_deep(int depth, void *volatile held) {
    if (depth == 0)
        leave(held == NULL);
    else
        exit_deep(depth - 1, make(160 + (size_t)depth));
    if (held == NULL) abort();
}

static void kept_by_frames_under_exit(void) {
    exit_deep(5, make(160));
}

static void kept_by_frames_under_quick_exit(void) {
    void *volatile held = make(170);
    touch_and_forget(171);
    wipe();
    quick_exit(held == NULL);
}

static void kept_by_frames_under__exit(void) {
    void *volatile held = make(172);
    touch_and_forget(173);
    wipe();
    _exit(held == NULL);
}

static void free_at_exit(void) {
    free(global);
    global = NULL;
    touch_and_forget(175);
    wipe();
}

static void freed_by_an_exit_handler(void) {
    global = make(174);
    atexit(free_at_exit);
}

static void lost_by_a_child(void) {
    global = make(180);
    touch_and_forget(181);
    if (fork() == 0) {
        touch_and_forget(182);
        wipe();
        exit(0);
    }
    wait(NULL);
}

/* ---- the table ---- */

#define CASE(name) \
    { #name, name }
static const struct {
    const char *name;
    void (*run)(void);
} cases[] = {
    CASE(lost_alone),
    CASE(lost_list),
    CASE(lost_list_built_from_its_head),
    CASE(lost_tree),
    CASE(lost_cycle),
    CASE(lost_doubly_linked_list),
    CASE(lost_cycle_with_a_late_head),
    CASE(lost_heads_with_one_tail),
    CASE(lost_through_interior_pointers),
    CASE(lost_by_overwriting),
    CASE(lost_after_realloc),
    CASE(lost_hidden),
    CASE(lost_unaligned),
    CASE(lost_one_past_the_end),
    CASE(lost_in_freed_memory),
    CASE(lost_in_read_only_memory),
    CASE(kept_global),
    CASE(kept_static_local),
    CASE(kept_cycle),
    CASE(possible_interior),
    CASE(possible_and_kept),
    CASE(kept_in_anonymous_memory),
    CASE(kept_in_shared_memory),
    CASE(kept_in_a_file_mapping),
    CASE(kept_in_brk),
    CASE(kept_in_a_large_block),
    CASE(kept_beside_a_protected_page),
    CASE(kept_after_its_length),
    CASE(kept_after_its_count),
    CASE(kept_by_a_blocked_thread),
    CASE(kept_by_a_running_thread),
    CASE(kept_in_a_threads_register),
    CASE(kept_by_a_thread_deaf_to_signals),
    CASE(kept_by_a_sleeping_thread),
    CASE(kept_by_a_detached_thread),
    CASE(lost_by_a_thread_that_ended),
    CASE(lost_as_a_threads_result),
    CASE(kept_in_thread_locals),
    CASE(kept_by_thread_keys),
    CASE(kept_by_nobody_but_many_threads),
    CASE(kept_by_main_while_a_thread_exits),
    CASE(kept_and_lost_after_main_left),
    CASE(kept_on_a_mapped_coroutine_stack),
    CASE(kept_on_an_allocated_coroutine_stack),
    CASE(kept_on_the_coroutine_stack_that_exits),
    CASE(kept_below_a_signal_handler_that_exits),
    CASE(kept_by_a_plugins_global),
    CASE(lost_with_a_plugins_global),
    CASE(kept_by_a_plugins_thread_locals),
    CASE(kept_by_frames_under_exit),
    CASE(kept_by_frames_under_quick_exit),
    CASE(kept_by_frames_under__exit),
    CASE(freed_by_an_exit_handler),
    CASE(lost_by_a_child),
};

int main(int argc, char **argv) {
    plugin_path = argc > 2 ? argv[2] : NULL;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        if (argc < 2) {
            puts(cases[i].name);
        } else if (strcmp(argv[1], cases[i].name) == 0) {
            cases[i].run();
            wipe();
            return 0;
        }
    }
    return argc < 2 ? 0 : 2;
}
