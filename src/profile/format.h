/*
 * profile/format.h - the records of a mete profile, byte by byte.
 *
 * A profile is a live file: the program under mete maps it shared and writes it while it runs;
 * anybody may read it at any time, also after a SIGKILL. FORMAT.md explains it in prose. This
 * header is the only one that both sides of the house include, and it has no code but size checks.
 *
 * Layout of the file: one header page, then chunks. A section (a growing array of equal records)
 * lives in chunks whose sizes double: chunk k of a section holds `first_records << k` records and
 * starts at file offset `chunk[k]` (0: not there yet). So record i is found with one log2, records
 * never move, and the file ends where its last chunk ends. `count` is published with release order
 * after the records below it are whole; counters inside records change for as long as the program
 * runs.
 *
 * All numbers are little-endian, as on every machine mete runs on. A reader trusts nothing.
 */
#ifndef METE_PROFILE_FORMAT_H
#define METE_PROFILE_FORMAT_H

#include <assert.h>
#include <stdint.h>

#define METE_PROFILE_MAGIC       "mete\r\n\032\n" /* 8 bytes, without the terminator */
#define METE_PROFILE_VERSION     1u
#define METE_PROFILE_HEADER_SIZE 4096u
/* Files are named mete.PROGRAM.PID.mete, of PROGRAM at most so many bytes: any file system takes
 * it. */
#define METE_PROFILE_PROGRAM_MAX 200
#define METE_PROFILE_CHUNKS      28 /* doublings a section may go through */

enum mete_profile_section {
    METE_SECTION_STRINGS,  /* bytes: paths, arguments; each text ends with a NUL */
    METE_SECTION_MODULES,  /* struct mete_profile_module */
    METE_SECTION_NODES,    /* struct mete_profile_node: the stack tree */
    METE_SECTION_SITES,    /* struct mete_profile_site: counters of one stack in one shard */
    METE_SECTION_SHARDS,   /* struct mete_profile_shard: counters of one thread at a time */
    METE_SECTION_TIMELINE, /* struct mete_profile_moment */
    METE_SECTION_ERRORS,   /* struct mete_profile_error */
    METE_SECTION_LEAKS,    /* struct mete_profile_leak: written by a leak check */
    METE_SECTION_HOLDERS,  /* struct mete_profile_holder: pools, arenas, maps */
    METE_SECTION_TYPES,    /* struct mete_profile_type: what the program said that blocks are */
    METE_SECTION_SIZES,    /* struct mete_profile_sizes: of sites whose blocks differ in size */
    METE_SECTION_COUNT
};

/* Where one section's records are. 240 bytes. */
struct mete_profile_directory {
    uint32_t record_bytes;               /* size of one record */
    uint32_t first_records;              /* records in chunk 0, a power of two */
    uint64_t count;                      /* records published; written with release order */
    uint64_t chunk[METE_PROFILE_CHUNKS]; /* file offsets; 0: not there yet */
};

enum mete_profile_mode {
    METE_PROFILE_STATS = 0, /* counts of all blocks, without stacks */
    METE_PROFILE_SAMPLED = 1,
    METE_PROFILE_EXACT = 2,
    METE_PROFILE_CHECK = 3,
    METE_PROFILE_GUARD = 4,
};

enum mete_profile_state {
    METE_PROFILE_RUNNING = 0, /* also what a killed program leaves behind */
    METE_PROFILE_ENDED = 1,   /* the program reached its exit */
    METE_PROFILE_EXECED = 2,  /* the image was replaced by exec; the successor has its own file */
};

enum mete_profile_end {
    METE_PROFILE_END_UNKNOWN = 0, /* still running, or nobody waited for it */
    METE_PROFILE_END_EXIT = 1,
    METE_PROFILE_END_SIGNAL = 2,
};

enum mete_profile_leak_check {
    METE_LEAK_CHECK_NONE = 0,    /* not run: "leaks" is null */
    METE_LEAK_CHECK_RUNNING = 1, /* began; if it stays so, the program died in it */
    METE_LEAK_CHECK_DONE = 2,
    METE_LEAK_CHECK_FAILED = 3, /* could not run; leak_check_errno says why */
};

/* The header page. Strings are offsets into METE_SECTION_STRINGS plus 1; 0 is no string. */
struct mete_profile_header {
    char magic[8];
    uint32_t version;
    uint32_t header_size; /* METE_PROFILE_HEADER_SIZE */
    uint32_t machine;     /* ELF e_machine of the program: 62 x86-64, 183 aarch64 */
    uint32_t page_size;   /* bytes */
    uint32_t pid;
    uint32_t parent_pid;
    uint32_t mode;       /* enum mete_profile_mode */
    uint32_t state;      /* enum mete_profile_state, atomic */
    uint32_t leak_check; /* enum mete_profile_leak_check, atomic */
    uint32_t leak_check_errno;
    uint64_t sample_bytes;   /* sampled mode: mean distance of samples; else 0 */
    uint64_t start_realtime; /* ns since 1970 */
    uint64_t start_clock;    /* ns, CLOCK_MONOTONIC */
    uint64_t end_clock;      /* ns, CLOCK_MONOTONIC; 0 while running */
    uint64_t used_bytes;     /* file length that holds every chunk; atomic */
    uint64_t argv;           /* string list: argc texts one after the other */
    uint32_t argc;
    uint32_t request;    /* a word readers may set; 0: nothing asked */
    uint64_t executable; /* path string */
    /* A forked child goes on where its parent was: its counters begin with its parent's past, which
     * these were at the fork. All zero in other processes. */
    uint64_t inherited_allocations;
    uint64_t inherited_frees;
    uint64_t inherited_allocated_bytes;
    uint64_t inherited_freed_bytes;
    /* The program's live bytes and their peak, as flushed by its threads. */
    int64_t live_bytes;      /* atomic */
    int64_t live_blocks;     /* atomic */
    int64_t peak_live_bytes; /* atomic */
    uint32_t peak_epoch;     /* number of the newest peak; see struct mete_profile_site */
    uint32_t threads_seen; /* most threads that allocated at one time: 1 means the peak is exact */
    uint64_t peak_clock;   /* ns, CLOCK_MONOTONIC: when the peak was (coarse) */
    /* What could not be kept, because memory, the disk or the size cap ran out. */
    uint64_t dropped_allocations; /* as of the newest moment: allocations without a stack */
    uint64_t dropped_errors;
    uint64_t truncated_stacks; /* captures cut at the depth limit or where unwinding failed */
    uint64_t tracker_bytes;    /* memory of the tracker itself, for "what it cost" */
    uint64_t program;          /* string: the name files are named after */
    uint64_t run;              /* the same in all profiles of one `mete run`; 0: made without it */
    uint32_t end;              /* enum mete_profile_end, written by `mete run` */
    uint32_t end_code;         /* exit status or number of the signal */
    uint64_t image; /* differs between the programs one process runs by exec; 0: unknown */
    uint64_t
        sample_blocks; /* guard mode: one block in so many is guarded, and is counted; else 0 */
    uint64_t dropped_sizes; /* not 0: METE_SECTION_SIZES lacks some, for want of room */
    uint64_t reserved[2];   /* zero */
    struct mete_profile_directory sections[METE_SECTION_COUNT];
};
static_assert(sizeof(struct mete_profile_header) <= METE_PROFILE_HEADER_SIZE, "header is one page");

/* With several threads each keeps up to this much of its own live bytes back before it adds them to
 * the header's: what the peak may be off by, per thread. */
#define METE_PEAK_STEP_BYTES (64 * 1024)

#define METE_BUILD_ID_MAX 32

/* One mapped object: the executable, a shared library, the vdso. Different objects mapped over the
 * same addresses one after the other (dlclose, dlopen) have different generations, counted from 0;
 * one that comes back to where it was keeps its record. A node belongs to the module that covers
 * its pc and has its generation. 96 bytes. */
struct mete_profile_module {
    uint64_t start;          /* first mapped address */
    uint64_t end;            /* one past the last */
    uint64_t bias;           /* address = bias + the ELF file's virtual address */
    uint64_t path;           /* string */
    uint32_t generation;     /* at most METE_GENERATION_MAX */
    uint32_t build_id_bytes; /* 0: none */
    uint8_t build_id[METE_BUILD_ID_MAX];
    uint64_t reserved[3];
};
static_assert(sizeof(struct mete_profile_module) == 96, "module record");

/* One frame of the stack tree: the path to the root is a stack, innermost frame first. Node 0 is
 * the root and no frame. pc is the return address as found on the stack (the call is before it),
 * except where METE_NODE_EXACT_PC says that it is the instruction itself (a signal frame). 16
 * bytes. */
struct mete_profile_node {
    uint64_t pc;
    uint32_t parent; /* smaller than this node's own index */
    uint32_t flags;  /* METE_NODE_*; the upper 16 bits are the module's generation */
};
static_assert(sizeof(struct mete_profile_node) == 16, "node record");
#define METE_STACK_FRAMES_MAX       1024 /* no stack is deeper; a reader may rely on it */
#define METE_NODE_EXACT_PC          1u   /* pc is not a return address */
#define METE_NODE_TRUNCATED         2u   /* frames beyond this (outermost known) one are missing */
#define METE_NODE_GUESSED           4u   /* no unwind table: its parent is by frame pointers */
#define METE_NODE_GENERATION(flags) ((flags) >> 16)
#define METE_GENERATION_MAX         8191u

/* Counters of one stack in one shard; a reader adds up the records of a stack. Live is allocated
 * minus freed (per shard it may be negative: another thread freed). at_peak_bytes are the live
 * bytes at the moment of peak number `peak_epoch`; where that is not the header's peak_epoch, the
 * record has not changed since the newest peak and its present live bytes are the ones at the peak.
 * So they are everywhere while more bytes are live than at the header's newest peak: then this is a
 * new one, which the header has when the level falls again.
 * own_peak_bytes is the highest the stack's live bytes, all shards together, ever were: a stack's
 * own peak is the largest among its records. Stack 0 counts what has no stack, because memory or
 * the size cap ran out.
 *
 * In sampled mode all counters are estimates in whole blocks and bytes: of a size class that is
 * sampled one in N, each sample counts as N blocks of its size. 64 bytes: one cache line. */
struct mete_profile_site {
    uint32_t stack; /* node */
    uint32_t peak_epoch;
    uint64_t allocations;
    uint64_t frees;
    uint64_t allocated_bytes;
    uint64_t freed_bytes;
    uint64_t temporary;
    int64_t at_peak_bytes;
    int64_t own_peak_bytes;
};
static_assert(sizeof(struct mete_profile_site) == 64, "site record");

#define METE_SIZE_BUCKETS \
    48 /* bucket b holds requested sizes of b significant bits: 0, 1, 2..3, 4..7 */

/* Counters of one thread at a time: a shard is handed on when its thread ends. How much was
 * allocated and freed in all is the sum over the sites. */
struct mete_profile_shard {
    uint64_t failed;  /* requests answered with NULL */
    uint64_t samples; /* sampled mode: blocks recorded, each counted with its weight; else 0 */
    uint32_t thread;  /* kernel thread id of the first owner */
    uint32_t reserved[11];
    uint64_t size_counts[METE_SIZE_BUCKETS]; /* allocations by requested size */
    uint64_t size_bytes[METE_SIZE_BUCKETS];  /* their bytes */
};
static_assert(sizeof(struct mete_profile_shard) == 64 + 16 * METE_SIZE_BUCKETS, "shard record");

/* One point of the program's life, in order of time. When METE_MOMENTS_MAX are there every second
 * one is dropped and the distance in time doubles, so a program of any length has between half as
 * many and that many (fewer if it is short). */
#define METE_MOMENTS_MAX 1024
struct mete_profile_moment {
    uint64_t clock; /* ns since start */
    int64_t live_bytes;
    int64_t live_blocks;
    uint64_t allocations; /* so far */
};
static_assert(sizeof(struct mete_profile_moment) == 32, "moment record");

enum mete_profile_error_kind {
    METE_ERROR_DOUBLE_FREE = 1,
    METE_ERROR_INVALID_FREE,
    METE_ERROR_INTERIOR_FREE,
    METE_ERROR_MISMATCHED_FREE,
    METE_ERROR_HEAP_OVERFLOW,
    METE_ERROR_HEAP_UNDERFLOW,
    METE_ERROR_USE_AFTER_FREE,
    METE_ERROR_WRITE_AFTER_FREE,
};

enum mete_profile_family {
    METE_FAMILY_UNKNOWN,
    METE_FAMILY_MALLOC,    /* malloc and its relatives, free */
    METE_FAMILY_NEW,       /* operators new and delete */
    METE_FAMILY_NEW_ARRAY, /* operators new[] and delete[] */
};

struct mete_profile_error {
    uint32_t kind;         /* enum mete_profile_error_kind */
    uint32_t stack;        /* node: where it was found; 0: unknown */
    uint32_t allocated_at; /* node; 0: unknown */
    uint32_t freed_at;     /* node; 0: unknown */
    uint64_t address;      /* what the program passed or touched */
    uint64_t block_bytes;  /* as requested; of a freed block from 1 KiB on as usable; 0: none */
    int64_t offset;        /* of address in the block */
    uint64_t thread;       /* kernel thread id */
    uint64_t said_bytes;   /* mismatched-free: what the program said the block's size was */
    uint32_t repeats;      /* so many more followed with the same kind and stacks; atomic */
    uint8_t allocated_by;  /* enum mete_profile_family; mismatched-free only, like the next */
    uint8_t freed_by;      /* the same as allocated_by: it was said_bytes that did not match */
    uint8_t reserved[2];
};
static_assert(sizeof(struct mete_profile_error) == 64, "error record");

enum mete_profile_leak_kind {
    METE_LEAK_DEFINITE = 1,
    METE_LEAK_INDIRECT,
    METE_LEAK_POSSIBLE,
    METE_LEAK_REACHABLE,
};

struct mete_profile_leak {
    uint32_t stack; /* node */
    uint32_t kind;  /* enum mete_profile_leak_kind */
    uint64_t bytes;
    uint64_t blocks;
};
static_assert(sizeof(struct mete_profile_leak) == 24, "leak record");

enum mete_profile_holder_kind {
    METE_HOLDER_POOL = 1,
    METE_HOLDER_ARENA,
    METE_HOLDER_MAP,
    METE_HOLDER_HEAP,
    METE_HOLDER_ALLOCATOR,
};

/* The pools (arenas, maps, ...) of one name that one stack has created. `created` and `destroyed`
 * are always right. The other numbers are those of the ones that existed when they were last looked
 * at: at the program's exit, or for a copy; but for the peak. 80 bytes. */
struct mete_profile_holder {
    uint32_t stack;     /* node: who created them; 0: not known */
    uint32_t kind;      /* enum mete_profile_holder_kind */
    uint64_t name;      /* string */
    uint64_t created;   /* how many, ever */
    uint64_t destroyed; /* of them */
    uint64_t kept;      /* of them, those that mete itself keeps to the end: nobody's leak */
    uint64_t reserved_bytes;
    uint64_t live_bytes;
    uint64_t live_blocks;
    uint64_t peak_bytes; /* the highest live_bytes any one of them has had */
    uint64_t reserved;
};
static_assert(sizeof(struct mete_profile_holder) == 80, "holder record");

/* The program said (METE_ALLOC and its like) what the blocks of a stack are. Several records of one
 * stack: it said several things. 32 bytes. */
struct mete_profile_type {
    uint32_t stack; /* node: where the blocks are allocated; 0: an empty record */
    uint32_t line;  /* of the source */
    uint64_t file;  /* string: the source's name, as the compiler has it */
    uint64_t name;  /* string: the type as it is written there */
    uint64_t bytes; /* sizeof(type); 0: not known */
};
static_assert(sizeof(struct mete_profile_type) == 32, "type record");

/* The sizes asked for at one site (one stack in one shard), written as soon as a second one was. So
 * where a profile has this section and a site no record here, its blocks are all of one size, which
 * is that of their average. In sampled mode, of the samples. 16 bytes. */
struct mete_profile_sizes {
    uint32_t site; /* index in METE_SECTION_SITES */
    uint32_t min;  /* bytes; here and in max UINT32_MAX: so many or more */
    uint32_t max;  /* 0: an empty record */
    uint32_t step; /* the greatest common divisor of the differences between sizes */
};
static_assert(sizeof(struct mete_profile_sizes) == 16, "sizes record");

#endif
