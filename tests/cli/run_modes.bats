#!/usr/bin/env bats
# The modes of mete run beside exact: statistics, which cost nothing, and samples.

setup() {
    cd "$BATS_TEST_TMPDIR" || exit 1
    mete=$METE_STAGE/bin/mete
    cat >work.c <<'END'
#include <stdlib.h>
int main(void) {
    for (int i = 0; i < 200000; i++) {
        void *volatile block = malloc(48);
        free(block);
    }
    for (int i = 0; i < 1000; i++) {
        void *volatile kept = malloc(4096);
        (void)kept;
    }
    return 0;
}
END
    cc -O1 -g -o work work.c
}

total() { python3 -c "import json; print(json.load(open('$1'))['totals']['$2'])"; }

@test "statistics count every call that exact mode counts" {
    "$mete" run --quiet --mode=stats --json stats.json ./work
    "$mete" run --quiet --mode=exact --json exact.json ./work
    [ "$(total stats.json allocations)" = "$(total exact.json allocations)" ]
    [ "$(total stats.json frees)" = "$(total exact.json frees)" ]
    [ "$(total stats.json live_bytes)" -ge 4096000 ]
    python3 -c "import json; d = json.load(open('stats.json')); assert d['mode'] == 'stats' and d['leaks'] is None and d['sites'] == []"
}

@test "samples estimate the bytes and name the places" {
    "$mete" run --quiet --mode=sampled --sample=16K --json sampled.json ./work
    python3 - <<'END'
import json
d = json.load(open('sampled.json'))
truth = 200000 * 48 + 1000 * 4096
assert d['mode'] == 'sampled' and d['leaks'] is None
# Some 840 samples: five standard deviations are 17 %.
assert abs(d['totals']['allocated_bytes'] / truth - 1) < 0.2, d['totals']
lines = {site['stack'][0]['line'] for site in d['sites'] if site['stack'][0]['function'] == 'main'}
assert lines == {4, 8}, lines
END
}

@test "a distance of samples that is no number of bytes is refused" {
    run "$mete" run --sample=often ./work
    [ "$status" -eq 2 ]
    [[ $output == *"--sample"* ]]
}

@test "a program that is killed leaves the statistics of a moment before" {
    cat >killed.c <<'END'
#include <signal.h>
#include <stdlib.h>
#include <time.h>
static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}
int main(void) {
    for (int i = 0; i < 50000; i++) {
        void *volatile kept = malloc(200);
        (void)kept;
    }
    for (double start = now(); now() - start < 0.3;) {
        void *volatile block = malloc(3000);
        free(block);
    }
    raise(SIGKILL);
}
END
    cc -O1 -o killed killed.c
    run "$mete" run --quiet --mode=stats --json killed.json ./killed
    [ "$status" -eq 137 ]
    [ "$(total killed.json allocations)" -gt 50000 ]
    [ "$(total killed.json live_bytes)" -ge 10000000 ]
    [ "$(total killed.json live_bytes)" -lt 12000000 ]
}

@test "in statistics a child counts its own, and says what it inherited" {
    cat >forking.c <<'END'
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>
int main(void) {
    for (int i = 0; i < 30000; i++) {
        void *volatile kept = malloc(100);
        (void)kept;
    }
    if (fork() == 0) {
        for (int i = 0; i < 20000; i++) {
            void *volatile kept = malloc(100);
            (void)kept;
        }
        exit(0);
    }
    wait(NULL);
}
END
    cc -O1 -o forking forking.c
    "$mete" run --quiet --mode=stats -o p.mete ./forking
    rm p.mete
    "$mete" report --json child.json mete.forking.*.mete
    jq -e '([.. | .inherited_allocations? // empty] | first) as $before
        | (.totals.allocations - $before) as $own | $own > 19000 and $own <= 20000' child.json
}

@test "a thread that has one block and waits costs 40 KiB in exact mode at most" {
    cat >waiting.c <<'END'
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
enum { THREADS = 200 };
static pthread_barrier_t have, leave;
static void *wait_with_a_block(void *unused) {
    void *volatile block = malloc(40);
    memset(block, 1, 40);
    pthread_barrier_wait(&have);
    pthread_barrier_wait(&leave);
    free(block);
    return unused;
}
static long resident_kib(void) {
    long size = 0, resident = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    if (fscanf(file, "%ld %ld", &size, &resident) != 2) abort();
    fclose(file);
    return resident * (sysconf(_SC_PAGESIZE) / 1024);
}
int main(void) {
    pthread_t threads[THREADS];
    pthread_barrier_init(&have, NULL, THREADS + 1);
    pthread_barrier_init(&leave, NULL, THREADS + 1);
    long before = resident_kib();
    before = resident_kib();
    for (int i = 0; i < THREADS; i++) pthread_create(&threads[i], NULL, wait_with_a_block, NULL);
    pthread_barrier_wait(&have);
    printf("%ld\n", (resident_kib() - before) / THREADS);
    pthread_barrier_wait(&leave);
    for (int i = 0; i < THREADS; i++) pthread_join(threads[i], NULL);
}
END
    cc -O1 -pthread -o waiting waiting.c
    without=$(./waiting)
    with=$("$mete" run --quiet ./waiting)
    echo "$without KiB without mete, $with KiB with it"
    [ $((with - without)) -le 40 ]
}
