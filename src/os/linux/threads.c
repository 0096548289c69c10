/* os/threads.h for Linux. */
#include "os/threads.h"

#include <linux/futex.h>
#include <signal.h>
#include <string.h>
#include <time.h>
#include <ucontext.h>

#include "base/text.h"
#include "os/linux/raw.h"
#include "os/memory.h"
#include "os/process.h"

enum {
    MOST_THREADS = 1 << 16,
    FEWEST_THREADS = 64,
    ROUNDS = 8, /* of listing threads: those already stopped make no more, so few are needed */
    STEP_NS =
        5 * 1000 * 1000, /* between looks at whether a thread has ended instead of answering */
    LEAVE_NS = 100 * 1000 * 1000, /* for threads that are free to go on to leave the handler */
    RED_ZONE =
        128 /* bytes below the stack pointer that a function may use, as the x86-64 ABI says */
};

/* What the handlers look at. One stop at a time uses it. */
enum phase { HOLD, GO, ABANDONED };
static struct {
    uint32_t busy;     /* atomic: a stop is under way */
    uint32_t phase;    /* atomic, futex: enum phase */
    uint32_t arrived;  /* atomic, futex: threads that have noted their registers */
    uint64_t patience; /* ns a handler waits once abandoned */
    struct mete__thread *list;
    size_t capacity;
    struct sigaction before; /* what the signal did */
} stop;

static void futex_wait(uint32_t *word, uint32_t value, uint64_t ns) {
    struct timespec timeout = {.tv_sec = (time_t)(ns / 1000000000u),
                               .tv_nsec = (long)(ns % 1000000000u)};
    syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, value, ns == UINT64_MAX ? NULL : &timeout, NULL,
            0);
}

static void futex_wake_all(uint32_t *word) {
    syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, INT32_MAX, NULL, NULL, 0);
}

static void note_registers(struct mete__thread *self, const ucontext_t *context) {
#if defined(__x86_64__)
    for (int i = 0; i <= REG_RSP; i++)
        self->registers[self->register_count++] = (uintptr_t)context->uc_mcontext.gregs[i];
    self->stack_pointer = (uintptr_t)context->uc_mcontext.gregs[REG_RSP] - RED_ZONE;
#elif defined(__aarch64__)
    for (int i = 0; i < 31; i++)
        self->registers[self->register_count++] = (uintptr_t)context->uc_mcontext.regs[i];
    self->stack_pointer = (uintptr_t)context->uc_mcontext.sp;
#else
#error "mete knows x86-64 and aarch64"
#endif
}

static void on_stop(int signal, siginfo_t *info, void *context) {
    int saved = errno;
    struct mete__thread *self = info->si_value.sival_ptr;
    (void)signal;

    /* Somebody else's signal, or one of an earlier stop that comes late. */
    if (info->si_code != SI_QUEUE || self < stop.list || self >= stop.list + stop.capacity ||
        __atomic_load_n(&stop.phase, __ATOMIC_ACQUIRE) != HOLD ||
        self->id != mete__process_thread_id())
        return;
    self->register_count = 0;
    note_registers(self, context);
    __atomic_store_n(&self->state, METE__THREAD_STOPPED, __ATOMIC_RELEASE);
    __atomic_fetch_add(&stop.arrived, 1, __ATOMIC_RELEASE);
    futex_wake_all(&stop.arrived);
    while (__atomic_load_n(&stop.phase, __ATOMIC_ACQUIRE) == HOLD)
        futex_wait(&stop.phase, HOLD, UINT64_MAX);
    if (__atomic_load_n(&stop.phase, __ATOMIC_ACQUIRE) == ABANDONED)
        futex_wait(&stop.phase, ABANDONED, stop.patience);
    __atomic_store_n(&self->leaving, 1, __ATOMIC_RELEASE);
    errno = saved;
}

/* What /proc says of a thread. */
struct glimpse {
    bool alive;
    uint64_t blocked_signals; /* bit n - 1: signal n */
    long system_call;         /* -1: in none */
    uintptr_t arguments[6];
    uintptr_t stack_pointer; /* 0: it runs */
};

static const char *parse_number(const char *text, unsigned base, uintptr_t *value) {
    uintptr_t sum = 0;
    if (text[0] == '0' && text[1] == 'x') text += 2;
    for (;; text++) {
        unsigned digit = *text >= '0' && *text <= '9'   ? (unsigned)(*text - '0')
                         : *text >= 'a' && *text <= 'f' ? (unsigned)(*text - 'a') + 10
                                                        : 16;
        if (digit >= base) break;
        sum = sum * base + digit;
    }
    *value = sum;
    return text;
}

/* Reads /proc/self/task/ID/NAME; its length or a negative errno. */
static long slurp(uint32_t id, const char *name, char *to, size_t size) {
    char path[64];
    struct mete__text text = mete__text_in(path, sizeof path);
    mete__text_add(&text, "/proc/self/task/%u/%s", id, name);
    return mete__raw_slurp(path, to, size);
}

static void glimpse_status(uint32_t id, struct glimpse *seen) {
    char text[4096];
    uintptr_t value;

    seen->alive = false;
    if (slurp(id, "status", text, sizeof text) <= 0) return;
    const char *state = strstr(text, "\nState:\t");
    if (state == NULL) return;
    /* A dead, dying or traced and stopped thread answers no signal. */
    seen->alive = strchr("ZXxTt", state[8]) == NULL;
    const char *mask = strstr(text, "\nSigBlk:\t");
    if (mask == NULL) return;
    parse_number(mask + 9, 16, &value);
    seen->blocked_signals = value;
}

/* "running", or "-1 SP PC", or "NUMBER ARGUMENT*6 SP PC". */
static void glimpse_call(uint32_t id, struct glimpse *seen) {
    char text[256];
    uintptr_t numbers[9];
    size_t count = 0;

    seen->system_call = -1;
    seen->stack_pointer = 0;
    if (slurp(id, "syscall", text, sizeof text) <= 0 || text[0] == 'r') return;
    bool in_none = text[0] == '-';
    const char *at = in_none ? text + 1 : text;
    at = parse_number(at, 10, &numbers[count++]);
    while (*at == ' ' && count < METE_COUNT_OF(numbers))
        at = parse_number(at + 1, 16, &numbers[count++]);
    if (count < 3) return;
    seen->stack_pointer = numbers[count - 2];
    if (in_none || count != METE_COUNT_OF(numbers)) return;
    seen->system_call = (long)numbers[0];
    memcpy(seen->arguments, numbers + 1, sizeof seen->arguments);
}

/* Calls visit with the id of every thread but this one. */
static int each_thread(void (*visit)(struct mete__threads *threads, uint32_t id),
                       struct mete__threads *threads) {
    struct entry { /* struct linux_dirent64 */
        uint64_t inode;
        int64_t offset;
        uint16_t length;
        uint8_t type;
        char name[];
    };
    _Alignas(8) char buffer[4096];
    uint32_t own = mete__process_thread_id();
    long got;
    int folder = mete__raw_open("/proc/self/task", O_RDONLY | O_DIRECTORY);

    if (folder < 0) return folder;
    while ((got = syscall(SYS_getdents64, folder, buffer, sizeof buffer)) > 0) {
        for (long at = 0; at < got;) {
            const struct entry *entry = (const struct entry *)(buffer + at);
            uintptr_t id;
            at += entry->length;
            if (*parse_number(entry->name, 10, &id) == '\0' && id != own)
                visit(threads, (uint32_t)id);
        }
    }
    mete__raw_close(folder);
    return 0;
}

static void list_thread(struct mete__threads *threads, uint32_t id) {
    for (size_t i = 0; i < threads->count; i++)
        if (threads->list[i].id == id) return;
    if (threads->count < threads->capacity) threads->list[threads->count++].id = id;
}

/* A real-time signal that has no handler and that the fewest threads block; 0 where there is none.
 * From the middle up: programs that use such signals count from either end. */
static int choose_signal(const struct mete__threads *threads) {
    uint32_t blockers[65] = {0};
    int best = 0;

    for (size_t i = 0; i < threads->count; i++) {
        struct glimpse seen = {0};
        glimpse_status(threads->list[i].id, &seen);
        for (int number = 1; number <= 64; number++)
            blockers[number] += (uint32_t)(seen.blocked_signals >> (number - 1)) & 1;
    }
    for (int i = 0; i < 28; i++) {
        int number = 36 + (i + 12) % 28;
        struct sigaction action;
        if (number > SIGRTMAX || sigaction(number, NULL, &action) != 0) continue;
        if ((action.sa_flags & SA_SIGINFO) != 0 || action.sa_handler != SIG_DFL) continue;
        if (best == 0 || blockers[number] < blockers[best]) best = number;
    }
    return best;
}

/* Whether a handler that returns lets the system call go on as if nothing had been (SA_RESTART): of
 * these it is certain. Sleeps and polls end early whatever the flags. */
static bool restarts(const struct glimpse *seen) {
    switch (seen->system_call) {
    case SYS_futex: return seen->arguments[3] == 0; /* no timeout */
    case SYS_read:
    case SYS_write:
    case SYS_wait4: return true;
    default: return false;
    }
}

static bool worth_a_signal(const struct mete__threads *threads, const struct glimpse *seen) {
    if (threads->signal == 0 || !seen->alive) return false;
    if ((seen->blocked_signals >> (threads->signal - 1) & 1) != 0) return false;
    /* A thread that waits for signals would get this one as its answer. */
    if (seen->system_call == SYS_rt_sigtimedwait) return false;
    return !threads->invisible || seen->stack_pointer == 0 || restarts(seen);
}

static bool send(const struct mete__threads *threads, struct mete__thread *thread) {
    siginfo_t info = {0};
    info.si_signo = threads->signal;
    info.si_code = SI_QUEUE;
    info.si_value.sival_ptr = thread;
    return syscall(SYS_rt_tgsigqueueinfo, (long)mete__process_id(), (long)thread->id,
                   threads->signal, &info) == 0;
}

/* Lists threads and signals the new ones until there are none. */
static void signal_all(struct mete__threads *threads) {
    size_t done = 0;

    for (int round = 0; round < ROUNDS && done < threads->count; round++) {
        for (; done < threads->count; done++) {
            struct mete__thread *thread = &threads->list[done];
            struct glimpse seen = {0};
            glimpse_status(thread->id, &seen);
            glimpse_call(thread->id, &seen);
            if (seen.stack_pointer != 0) {
                thread->state = METE__THREAD_BLOCKED;
                thread->stack_pointer = seen.stack_pointer - RED_ZONE;
            }
            thread->signalled = worth_a_signal(threads, &seen) && send(threads, thread);
        }
        each_thread(list_thread, threads); /* a failure: as if there were no more */
    }
}

/* Whether a thread that was sent the signal is still to come, or still to go. */
static bool is_awaited(const struct mete__thread *thread, bool to_go) {
    if (!thread->signalled) return false;
    if (to_go ? __atomic_load_n(&thread->leaving, __ATOMIC_ACQUIRE) != 0
              : __atomic_load_n(&thread->state, __ATOMIC_ACQUIRE) == METE__THREAD_STOPPED)
        return false;
    /* It may have ended before the signal reached it. */
    return syscall(SYS_tgkill, (long)mete__process_id(), (long)thread->id, 0) == 0;
}

/* Waits until nobody is awaited, at most `patience` ns; false where that was not enough. */
static bool await(const struct mete__threads *threads, bool to_go, uint64_t patience) {
    uint64_t deadline = mete__process_clock() + patience;

    for (;;) {
        uint32_t arrived = __atomic_load_n(&stop.arrived, __ATOMIC_ACQUIRE);
        size_t first = 0;
        while (first < threads->count && !is_awaited(&threads->list[first], to_go)) first++;
        if (first == threads->count) return true;
        if (mete__process_clock() >= deadline) return false;
        if (to_go)
            syscall(SYS_sched_yield);
        else
            futex_wait(&stop.arrived, arrived, STEP_NS);
    }
}

/* Threads that did not come are looked at again: a running one may have gone to sleep since. */
static void look_again(struct mete__threads *threads) {
    for (size_t i = 0; i < threads->count; i++) {
        struct mete__thread *thread = &threads->list[i];
        struct glimpse seen = {0};
        if (__atomic_load_n(&thread->state, __ATOMIC_ACQUIRE) == METE__THREAD_STOPPED) continue;
        glimpse_call(thread->id, &seen);
        uint32_t expected = thread->state;
        if (expected == METE__THREAD_STOPPED) continue;
        thread->stack_pointer = seen.stack_pointer != 0 ? seen.stack_pointer - RED_ZONE : 0;
        __atomic_compare_exchange_n(&thread->state, &expected,
                                    seen.stack_pointer != 0 ? METE__THREAD_BLOCKED
                                                            : METE__THREAD_UNKNOWN,
                                    false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE);
    }
}

static bool map_list(struct mete__threads *threads) {
    for (size_t capacity = MOST_THREADS; capacity >= FEWEST_THREADS; capacity /= 4) {
        threads->list = mete__memory_map(capacity * sizeof *threads->list);
        threads->capacity = capacity;
        if (threads->list != NULL) return true;
    }
    return false;
}

int mete__threads_stop(struct mete__threads *threads, uint64_t patience, bool invisible) {
    uint32_t idle = 0;
    int status = 0;
    int saved = errno;

    if (!__atomic_compare_exchange_n(&stop.busy, &idle, 1, false, __ATOMIC_ACQUIRE,
                                     __ATOMIC_RELAXED))
        return -EBUSY;
    *threads = (struct mete__threads){.invisible = invisible};
    if (!map_list(threads)) {
        status = -ENOMEM;
        goto fail_map;
    }
    status = each_thread(list_thread, threads);
    if (status != 0) goto fail_list;
    if (threads->count > 0) {
        stop.list = threads->list;
        stop.capacity = threads->capacity;
        stop.arrived = 0;
        __atomic_store_n(&stop.phase, HOLD, __ATOMIC_RELEASE);
        threads->signal = choose_signal(threads);
        struct sigaction action = {.sa_sigaction = on_stop,
                                   .sa_flags = SA_SIGINFO | SA_RESTART | SA_ONSTACK};
        sigfillset(&action.sa_mask);
        if (threads->signal != 0 && sigaction(threads->signal, &action, &stop.before) != 0)
            threads->signal = 0;
        signal_all(threads);
        await(threads, false, patience);
        look_again(threads);
    }
    errno = saved;
    return status;

fail_list:
    mete__memory_release(threads->list, threads->capacity * sizeof *threads->list);
fail_map:
    *threads = (struct mete__threads){0};
    __atomic_store_n(&stop.busy, 0, __ATOMIC_RELEASE);
    errno = saved;
    return status;
}

void mete__threads_resume(struct mete__threads *threads) {
    int saved = errno;

    if (threads->list == NULL) return;
    __atomic_store_n(&stop.phase, GO, __ATOMIC_RELEASE);
    futex_wake_all(&stop.phase);
    /* Where one is still to come, its signal may find the handler and the list: they stay. */
    if (await(threads, true, LEAVE_NS)) {
        if (threads->signal != 0) sigaction(threads->signal, &stop.before, NULL);
        mete__memory_release(threads->list, threads->capacity * sizeof *threads->list);
    }
    *threads = (struct mete__threads){0};
    __atomic_store_n(&stop.busy, 0, __ATOMIC_RELEASE);
    errno = saved;
}

void mete__threads_abandon(struct mete__threads *threads, uint64_t patience) {
    int saved = errno;

    if (threads->list == NULL) return;
    stop.patience = patience;
    __atomic_store_n(&stop.phase, ABANDONED, __ATOMIC_RELEASE);
    futex_wake_all(&stop.phase);
    *threads = (struct mete__threads){0};
    errno = saved;
}
