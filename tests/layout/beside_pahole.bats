#!/usr/bin/env bats
# `mete layout` and Debian's pahole say the same of every named type: see compare_with_pahole.

bats_require_minimum_version 1.5.0

setup() {
    cd "$BATS_TEST_TMPDIR" || return
    PATH=$METE_STAGE/bin:$PATH
    unset LD_PRELOAD DEBUGINFOD_URLS
    command -v pahole || skip "pahole is not installed"
}

compare() { "$METE_SOURCE/tests/layout/compare_with_pahole" "$@"; }

headers="aio arpa/inet assert complex ctype dirent dlfcn elf errno fcntl fenv fnmatch ftw getopt
    glob grp iconv inttypes langinfo libgen limits link locale math mqueue net/if netdb netinet/in
    netinet/ip netinet/tcp netinet/udp poll pthread pwd regex sched search semaphore setjmp signal
    spawn stdio stdlib string sys/epoll sys/mman sys/msg sys/resource sys/sem sys/shm sys/socket
    sys/stat sys/statvfs sys/time sys/times sys/types sys/uio sys/un sys/utsname sys/wait syslog tar
    termios time ucontext unistd utime utmpx wchar wctype wordexp linux/perf_event linux/io_uring
    linux/bpf linux/if_link linux/input linux/ethtool linux/fuse linux/kvm"

write_program() {
    for header in $headers; do echo "#include <$header.h>"; done >program.c
    echo 'int main(void) { return 0; }' >>program.c
}

# A number of types that a mistake in the comparison itself would not reach.
compared_at_least() { [ "$(sed -n 's/.*: \([0-9]*\) types compared.*/\1/p' <<<"$output")" -ge "$1" ]; }

@test "types_of_eighty_system_headers_by_gcc_and_clang" {
    write_program
    for compiler in gcc "gcc -gdwarf-4" "gcc -gdwarf-2" "gcc -m32" clang "clang -gdwarf-4"; do
        echo "$compiler"
        case $compiler in *-m32) echo 'int x;' | gcc -m32 -c -x c - -o /dev/null 2>&1 || continue ;; esac
        # shellcheck disable=SC2086
        $compiler -g -fno-eliminate-unused-debug-types -D_GNU_SOURCE -c program.c -o program.o ||
            continue
        run -0 compare program.o
        compared_at_least 500
    done
}

@test "types_of_odd_shapes" {
    cat >odd.c <<'END'
struct bits_between { char a; int b : 3; int c : 20; short d; long e : 40; long f : 40; char g; };
struct zero_width { char a; int b : 5; int : 0; int c : 2; char d; };
struct unnamed_bits { int a : 3; int : 7; int b : 3; long long : 33; char c; };
struct bools { _Bool a : 1; _Bool b : 1; unsigned char c : 6; unsigned short d : 9; int e; };
struct __attribute__((packed)) packed_bits { char a; int b : 13; int c : 30; long d; char e : 2; };
struct aligned { char a; _Alignas(32) char b; int c; } __attribute__((aligned(64)));
struct nested { char a; struct { char b; long c; }; union { char d; struct { int e; char f; }; } g; };
struct flexible { int count; char kind; long items[]; };
struct zero_length { int count; char items[0]; short after; };
struct arrays { char a[3]; short b[3][5]; char *c[2]; int (*d)[7]; int (*e[3])(int, char *); };
struct empty {};
struct holds_empty { char a; struct empty b; int c; };
struct large { char a; char b[100000]; long c; };
struct wide { char a; long double b; __int128 c; _Complex float d; _Complex double e; char f; };
enum small { ONE } __attribute__((packed));
struct enums { enum small a : 3; enum small b; enum { BIG = 1 << 20 } c; char d; };
typedef struct { char a; int b; } first_name, second_name;
typedef struct both { char a; long b; } both_name;
typedef int vector __attribute__((vector_size(16)));
struct vectors { char a; vector b; char c; };
typedef int unaligned __attribute__((aligned(1)));
struct low { char a; unaligned b; char c; };
union of_bits { int a : 3; char b; long c : 40; };
struct behind_pointers {
    struct { char a; long b; } *one; struct { int c; struct { char d : 3; int e; } f; } *const *two;
    struct { short g; } *three[3]; const struct { long h; } *four; union { int i; char j[7]; } *five;
};
struct atomic { char a; _Atomic long b; _Atomic int c[3]; char d; };
struct qualified { const volatile int a; char *const *volatile b; const char c[3]; };
END
    for compiler in gcc "gcc -gdwarf-4" "gcc -gdwarf-3" "gcc -gdwarf-2" clang; do
        echo "$compiler"
        $compiler -g -fno-eliminate-unused-debug-types -c odd.c -o odd.o
        run -0 compare odd.o
        compared_at_least 20
    done
}

@test "types_of_mete_itself" {
    run -0 compare "$METE_STAGE/bin/mete" "$METE_STAGE/lib/libmete_malloc.so"
}

@test "types_in_btf" {
    write_program
    gcc -g -fno-eliminate-unused-debug-types -D_GNU_SOURCE -c program.c -o program.o
    mete layout program.o --json expected.json
    pahole -J program.o || skip "this pahole writes no BTF"
    objcopy -O binary --only-section=.BTF --set-section-flags .BTF=alloc program.o program.btf
    objcopy --strip-debug program.o
    for file in program.o program.btf; do
        run -0 compare "$file"
        compared_at_least 500
        mete layout "$file" --json found.json
        filter='[.types[] | [.name, .size, .holes, .bit_holes, .tail_padding,
            [.members[] | [.name, .offset, .size, .bit_offset, .bit_size]]]] | unique'
        diff <(jq -c "$filter | .[]" expected.json) <(jq -c "$filter | .[]" found.json)
    done
}

@test "types_of_the_running_kernel" {
    [ -r /sys/kernel/btf/vmlinux ] || skip "this kernel does not show its types"
    run -0 compare /sys/kernel/btf/vmlinux
    compared_at_least 3000
}
