/*
 * Stacks of every shape that C can make. Compiled many times: by each compiler, at each level of
 * optimisation, with and without frame pointers. main() runs the shapes of the other files too.
 */
#include <alloca.h>
#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

#include "profile/format.h"
#include "witness.h"

#define NOINLINE __attribute__((noinline))

static volatile long sink;

/* Keeps a call from being the last thing a function does, and so from becoming a jump. */
static void after_call(void) {
    sink++;
}

static NOINLINE void recurse(int depth, int every) {
    if (depth % every == 0) witness();
    if (depth > 0) recurse(depth - 1, every);
    if (depth % every == every / 2) witness();
    after_call();
}

static void recursion(void) {
    for (int i = 0; i < 3; i++) recurse(90, 3);
}

static void deep_recursion(void) {
    recurse(600, 37);
    recurse(530, 5);
    recurse(505, 1);
}

static NOINLINE void with_alloca(size_t size) {
    char *memory = alloca(size);
    memory[0] = 1;
    witness();
    memory[size - 1] = 1;
    sink += memory[size / 2];
}

static NOINLINE void with_array(size_t size) {
    char array[size];
    array[0] = (char)size;
    witness();
    with_alloca(size / 2 + 1);
    sink += array[0];
}

static void frames_of_many_sizes(void) {
    for (size_t size = 1; size < 300000; size += size / 4 + 1) {
        with_alloca(size);
        with_array(size);
    }
}

/* Leaves return addresses of another path all over the stack below. */
static NOINLINE void litter(int depth) {
    if (depth > 0) litter(depth - 1);
    witness();
    after_call();
}

/* An alloca over them: the words in it are what a capture has just seen there, and stale. */
static NOINLINE void over_litter(size_t size) {
    char *memory = alloca(size);
    __asm__ volatile("" : : "r"(memory) : "memory");
    witness();
    after_call();
}

static void stale_return_addresses(void) {
    for (size_t size = 16; size < 2000; size += 16) {
        litter(6);
        over_litter(size);
    }
}

/* More than a row's offset can hold, without a frame pointer where the compiler leaves it out. */
static NOINLINE void huge_frame(int depth) {
    volatile char array[200000];
    array[0] = array[sizeof array - 1] = 1;
    witness();
    if (depth > 0) huge_frame(depth - 1);
    sink += array[0];
}

static void huge_frames(void) {
    huge_frame(8);
}

/* Aligned more than the ABI promises, and of varying size: gcc finds the CFA through memory. */
static NOINLINE void realigned(int depth, size_t size) {
    __attribute__((aligned(64))) volatile char aligned[64];
    volatile char *varying = alloca(size);
    aligned[0] = varying[0] = 1;
    witness();
    if (depth > 0) realigned(depth - 1, size + 40);
    witness();
    sink += aligned[0] + varying[0];
}

static NOINLINE void realigned_once(int depth) {
    __attribute__((aligned(128))) volatile char aligned[128];
    aligned[0] = 1;
    if (depth > 0) realigned_once(depth - 1);
    witness();
    sink += aligned[0];
}

static NOINLINE void realigned_leaf(void) {
    __attribute__((aligned(64))) volatile char aligned[64];
    volatile char *varying = alloca((size_t)(sink & 0) + 1);
    aligned[0] = varying[0] = 1;
    witness();
    sink += aligned[0] + varying[0];
}

/* Called from two places and at many heights, it is at one all the same after its alignment: then
 * only the word that holds its CFA tells them apart. */
static NOINLINE void realigned_from(size_t pad, int place) {
    volatile char *memory = alloca(pad);
    __asm__ volatile("" : : "r"(memory) : "memory");
    if (place == 0) realigned_leaf();
    after_call();
    if (place == 1) realigned_leaf();
    after_call();
}

static void realigned_stacks(void) {
    for (size_t pad = 16; pad < 1600; pad += 16) realigned_from(pad % 208 + 1, (int)(pad / 16 % 2));
    for (int i = 0; i < 4; i++) {
        realigned(5, 24 + 8 * (size_t)i);
        realigned_once(4);
        recurse(5, 1);
    }
}

/* Many arguments on the stack, pushed around the call. */
static NOINLINE long many(long a, long b, long c, long d, long e, long f, long g, long h, long i) {
    witness();
    if (a > 0) return many(a - 1, i, b, c, d, e, f, g, h) + 1;
    return b + c + d + e + f + g + h + i;
}

static void stacked_arguments(void) {
    sink += many(7, 1, 2, 3, 4, 5, 6, 7, 8);
}

static NOINLINE int compare(const void *a, const void *b) {
    witness();
    return *(const int *)a - *(const int *)b;
}

static void callbacks_of_the_c_library(void) {
    int numbers[] = {5, 3, 9, 1, 7, 2, 8};
    qsort(numbers, 7, sizeof *numbers, compare);
}

static jmp_buf target;
static volatile int always = 1;

static NOINLINE void jump_from(int depth) {
    witness();
    if (depth > 0)
        jump_from(depth - 1);
    else
        longjmp(target, always);
    after_call();
}

static void longjmp_over_frames(void) {
    for (volatile int i = 0; i < 12; i++) {
        if (setjmp(target) == 0) jump_from(i);
        witness();
    }
}

static ucontext_t main_context, contexts[3];
static char context_stacks[3][65536];

static void coroutine(int number) {
    for (int i = 0; i < 10; i++) {
        recurse(i + number, 2);
        swapcontext(&contexts[number], i % 2 == 0 ? &main_context : &contexts[(number + 1) % 3]);
    }
}

static void swapped_contexts(void) {
    for (int i = 0; i < 3; i++) {
        getcontext(&contexts[i]);
        contexts[i].uc_stack.ss_sp = context_stacks[i];
        contexts[i].uc_stack.ss_size = sizeof context_stacks[i];
        contexts[i].uc_link = &main_context;
        makecontext(&contexts[i], (void (*)(void))coroutine, 1, i);
    }
    for (int i = 0; i < 12; i++) {
        swapcontext(&main_context, &contexts[i % 3]);
        recurse(4, 1);
    }
}

static void handler(int number) {
    int saved = errno;
    witness();
    recurse(3, 1);
    if (number == SIGUSR1) raise(SIGUSR2);
    errno = saved;
}

static void set_handlers(int flags) {
    struct sigaction action = {.sa_handler = handler, .sa_flags = flags};
    sigaction(SIGUSR1, &action, NULL);
    sigaction(SIGUSR2, &action, NULL);
}

static NOINLINE void signalled(int depth) {
    if (depth > 0) signalled(depth - 1);
    witness();
    raise(SIGUSR1);
    after_call();
}

static void signal_frames(void) {
    set_handlers(0);
    for (int i = 0; i < 5; i++) signalled(i);
}

static void signal_frames_on_another_stack(void) {
    stack_t stack = {.ss_sp = malloc(1 << 18), .ss_size = 1 << 18}, old;
    sigaltstack(&stack, &old);
    set_handlers(SA_ONSTACK);
    for (int i = 0; i < 5; i++) signalled(i);
    sigaltstack(&old, NULL);
    free(stack.ss_sp);
}

/* A pointer to nothing: the interrupted instruction is in no function. */
static void (*volatile nowhere)(void);
static sigjmp_buf out_of_handler;

static void fault_handler(int number) {
    (void)number;
    witness_itself();
    siglongjmp(out_of_handler, 1);
}

static NOINLINE void divide(volatile int *zero) {
    sink += 1 / *zero;
    after_call();
}

static void faults_are_signal_frames_too(void) {
    struct sigaction action = {.sa_handler = fault_handler, .sa_flags = SA_NODEFER};
    volatile int zero = 0;
    sigaction(SIGFPE, &action, NULL);
    sigaction(SIGSEGV, &action, NULL);
    for (volatile int i = 0; i < 3; i++) {
        if (sigsetjmp(out_of_handler, 1) == 0) divide(&zero);
        if (sigsetjmp(out_of_handler, 1) == 0) nowhere();
        witness();
    }
    signal(SIGFPE, SIG_DFL);
    signal(SIGSEGV, SIG_DFL);
}

static NOINLINE void recurse_quietly(int depth) {
    witness_itself();
    if (depth > 0) recurse_quietly(depth - 1);
    after_call();
}

static volatile int ticks;

static void tick(int number) {
    (void)number;
    ticks++;
    witness_itself();
}

/* The handler captures with the memo that the interrupted code is capturing with, at whatever
 * instruction. */
static void captures_that_interrupt_captures(void) {
    struct sigaction action = {.sa_handler = tick, .sa_flags = SA_RESTART};
    struct itimerval interval = {{0, 50}, {0, 50}}, off = {{0, 0}, {0, 0}};
    sigaction(SIGALRM, &action, NULL);
    ticks = 0;
    setitimer(ITIMER_REAL, &interval, NULL);
    for (int i = 0; i < 100000 && ticks < 300; i++) {
        recurse_quietly(i % 40);
    }
    setitimer(ITIMER_REAL, &off, NULL);
    signal(SIGALRM, SIG_DFL);
}

static void *thread(void *argument) {
    witness();
    recurse((int)(intptr_t)argument, 3);
    return NULL;
}

static void thread_exit(void *value) {
    (void)value;
    witness();
}

static void *thread_with_destructor(void *key) {
    pthread_setspecific(*(pthread_key_t *)key, key);
    with_alloca(500);
    return NULL;
}

static void threads(void) {
    pthread_t ids[8];
    pthread_key_t key;
    for (int i = 0; i < 8; i++) pthread_create(&ids[i], NULL, thread, (void *)(intptr_t)(20 + i));
    for (int i = 0; i < 8; i++) pthread_join(ids[i], NULL);
    pthread_key_create(&key, thread_exit);
    pthread_create(&ids[0], NULL, thread_with_destructor, &key);
    pthread_join(ids[0], NULL);
    pthread_key_delete(key);
}

static void forked_children(void) {
    recurse(5, 1);
    pid_t child = fork();
    if (child == 0) {
        recurse(30, 1);
        _exit(0);
    }
    int status = 0;
    waitpid(child, &status, 0);
    if (status != 0) abort();
    recurse(30, 1);
}

/* The first call of a function through the PLT goes through the loader's resolver, whose CFA is in
 * a register of its own; the function's own resolver is run from there. */
static void first_call_of_an_indirect_function(void) {
    void *library = dlopen("./lazy.so", RTLD_LAZY);
    if (library == NULL) {
        printf("# %s\n", dlerror());
        return;
    }
    void (**callback)(void) = dlsym(library, "lazy_callback");
    void (*call)(void) = dlsym(library, "lazy_call");
    *callback = witness;
    call();
    witness();
}

/* shapes_asm.S */
void asm_with_frame_pointer(void (*callee)(void));
void asm_without_frame_pointer(void (*callee)(void));
void asm_with_a_lying_frame_pointer(void (*callee)(void));

static NOINLINE void witness_guess(void) {
    witness_marked(2, METE_NODE_GUESSED);
    after_call();
}

static NOINLINE void witness_cut(void) {
    witness_marked(2, METE_NODE_TRUNCATED);
    after_call();
}

#ifdef __x86_64__
void asm_sigreturn(void);
static void set_raw_handler(void) {
    /* The kernel's struct sigaction; libc would put a function of its own into it. */
    struct {
        void (*handler)(int);
        unsigned long flags;
        void (*restorer)(void);
        unsigned long mask;
    } action = {handler, 0x04000000 /* SA_RESTORER */, asm_sigreturn, 0};
    syscall(SYS_rt_sigaction, SIGUSR1, &action, NULL, sizeof action.mask);
    syscall(SYS_rt_sigaction, SIGUSR2, &action, NULL, sizeof action.mask);
}
#else
static void set_raw_handler(void) {
    set_handlers(0);
}
#endif

static void a_signal_return_without_tables(void) {
    set_raw_handler();
    for (int i = 0; i < 5; i++) signalled(i);
}

static void assembly_without_tables(void) {
    for (int i = 0; i < 3; i++) {
        asm_with_frame_pointer(witness_guess);
        asm_without_frame_pointer(witness_cut);
        asm_with_a_lying_frame_pointer(witness_cut);
    }
}

static void code_made_at_run_time(void) {
#ifdef __x86_64__
    static const unsigned char code[] = {0x55,             /* push %rbp */
                                         0x48, 0x89, 0xe5, /* mov %rsp, %rbp */
                                         0xff, 0xd7,       /* call *%rdi */
                                         0x5d, 0xc3};      /* pop %rbp; ret */
    void *page =
        mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    memcpy(page, code, sizeof code);
    void (*function)(void (*)(void)) = (void (*)(void (*)(void)))(uintptr_t)page;
    for (int i = 0; i < 3; i++) function(witness_guess);
    munmap(page, 4096);
#else
    witness();
#endif
}

#ifdef __x86_64__
struct step {
    void (*call)(struct step *); /* what the frame before this step calls */
    uintptr_t value;             /* what the called frame puts into a register, see shapes_asm.S */
};
void asm_plain(struct step *steps), asm_plain_wide(struct step *steps);
void asm_saver(struct step *steps), asm_pivot(struct step *steps), asm_witness(struct step *steps);

enum { LEVELS = 4, LEVEL_BYTES = 512 };

static unsigned draw(unsigned below) {
    static uint64_t state = 88172645463325252u;
    state ^= state << 13, state ^= state >> 7, state ^= state << 17;
    return (unsigned)(state >> 33) % below;
}

static NOINLINE void run_steps(struct step *steps) {
    steps[0].call(steps + 1);
    after_call();
}

/* Random frames of few kinds at few places, so that different stacks agree in all but little: in
 * the frame pointer's value only, or in what an outer frame makes of it. Each level of them ends
 * with a jump of the stack pointer to a place of its own, so that what is below is the same again.
 */
static void frames_that_are_nearly_alike(void) {
    static void (*const kinds[])(struct step *) = {asm_plain, asm_plain_wide, asm_saver};
    /* Below all that is in use now; the stack grows as it is touched. */
    uintptr_t top = ((uintptr_t)__builtin_frame_address(0) - 8192) & ~(uintptr_t)15;
    struct step steps[LEVELS * 4 + 4];
    for (int round = 0; round < 4000; round++) {
        size_t count = 0;
        void (*next[LEVELS * 4 + 4])(struct step *);
        uintptr_t values[LEVELS * 4 + 4];
        for (int level = 0; level < LEVELS; level++) {
            for (unsigned i = draw(3); i > 0; i--) {
                next[count] = kinds[draw(3)];
                values[count++] = top - (uintptr_t)draw(LEVELS) * LEVEL_BYTES - 16 - 8 * draw(4);
            }
            next[count] = asm_pivot;
            values[count++] = top - (uintptr_t)(level + 1) * LEVEL_BYTES;
        }
        next[count] = asm_witness;
        next[count + 1] = round % 8 == 0 ? (void (*)(struct step *))witness
                                         : (void (*)(struct step *))witness_itself;
        for (size_t i = 0; i < count + 2; i++)
            steps[i] = (struct step){next[i], i > 0 ? values[i - 1] : 0};
        run_steps(steps);
    }
}
#endif

static const struct shape shapes[] = {
    {"recursion, on the way down and up", recursion},
    {"more frames than are kept", deep_recursion},
    {"alloca and arrays of varying length", frames_of_many_sizes},
    {"stale return addresses under a larger alloca", stale_return_addresses},
    {"frames of hundreds of kilobytes", huge_frames},
    {"realigned stacks", realigned_stacks},
    {"arguments on the stack", stacked_arguments},
    {"callbacks of the C library", callbacks_of_the_c_library},
    {"longjmp", longjmp_over_frames},
    {"swapcontext", swapped_contexts},
    {"signal handlers, one in another", signal_frames},
    {"signal handlers on a stack of their own", signal_frames_on_another_stack},
    {"faults, also at an address in no function", faults_are_signal_frames_too},
    {"handlers that interrupt a capture", captures_that_interrupt_captures},
    {"threads and their destructors", threads},
    {"a forked child and its parent", forked_children},
    {"the resolver of a first call", first_call_of_an_indirect_function},
    {"a signal return without unwind tables", a_signal_return_without_tables},
    {"assembly without unwind tables", assembly_without_tables},
    {"code made at run time", code_made_at_run_time},
#ifdef __x86_64__
    {"frames that are nearly alike", frames_that_are_nearly_alike},
#endif
};

int main(void) {
    size_t count = sizeof shapes / sizeof *shapes;
    printf("1..%zu\n", count + shapes_cxx_count);
    int failed = witness_all(shapes, count);
    failed += witness_all(shapes_cxx, shapes_cxx_count);
    return failed != 0;
}
