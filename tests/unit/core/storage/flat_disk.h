/* The smallest world in which storage can live: a clock that the test moves, and a disk of a few
 * files whose operations wait until the test lets them happen, one by one.
 *
 * Each file has bytes as a reader sees them and bytes that a power failure leaves. A sync makes the
 * first the second. Directories always exist; a file's name is durable once sync_dir was called on
 * its directory. The test counts operations, lets one fail, and cuts the power between any two.
 */
#ifndef TEST_STORAGE_FLAT_DISK_H
#define TEST_STORAGE_FLAT_DISK_H

#include "env/env.h"
#include "env/ops.h"

#define FLAT_FILES    32
#define FLAT_REQUESTS 16
#define FLAT_TIMERS   8

struct flat_file {
    char name[128];    /* as a reader sees it; "": none */
    char durable[128]; /* as a power failure leaves it */
    struct buf now;
    struct buf safe;
    int handles; /* open ones of this life */
};

enum flat_op {
    FLAT_OPEN,
    FLAT_WRITE,
    FLAT_READ,
    FLAT_SYNC,
    FLAT_ALLOCATE,
    FLAT_TRUNCATE,
    FLAT_CLOSE,
    FLAT_RENAME,
    FLAT_REMOVE,
    FLAT_MAKE_DIR,
    FLAT_SYNC_DIR,
    FLAT_LIST,
    FLAT_STAT,
    FLAT_SPACE,
    FLAT_LOCK,
    FLAT_OP_COUNT
};

/* What a power failure does with bytes that were not synced. */
enum flat_loss {
    FLAT_KEEP,
    FLAT_DROP,
    FLAT_TEAR, /* sector by sector, by chance */
};

struct flat_request {
    struct env_disk_req *req;
    enum flat_op op;
    struct flat_file *file;
    struct env_file *handle;
    char path[128];
    char path_to[128];
    unsigned flags;
    uint64_t offset;
    struct slice parts[4];
    size_t part_count;
    uint8_t *into;
    size_t len;
};

struct flat_disk {
    struct env env; /* first: the ops find the disk by it */
    struct env_ops ops;
    int64_t now_ns;
    struct env_timer *timers[FLAT_TIMERS];
    struct mem_pool *files_pool;
    struct flat_file files[FLAT_FILES];
    bool locked;
    uint64_t seed;
    uint64_t sectors; /* torn so far: the counter of chance */

    /* The requests that wait; they happen in the order in which they were made. */
    struct flat_request requests[FLAT_REQUESTS];
    size_t waiting;

    uint64_t performed; /* operations so far */
    uint64_t counts[FLAT_OP_COUNT];
    int fail_op;      /* the next operation of this kind fails with fail_err; -1: none */
    uint64_t fail_at; /* or the one after this many, whatever it is; 0: none */
    int fail_err;
    bool failed;     /* it has happened */
    uint64_t space;  /* what is free, as the disk says */
    size_t read_max; /* a read gives no more; 0: all */
};

void flat_init(struct flat_disk *disk, uint64_t seed);
void flat_fini(struct flat_disk *disk);
/* A new life of the node: fresh memory, no requests, no timers, no lock. */
void flat_boot(struct flat_disk *disk);
/* The node's memory goes, whatever it holds. */
void flat_kill(struct flat_disk *disk);
/* Likewise, and the power fails. `half`: the first request that waits has happened already, but
 * was not heard of. */
void flat_power_off(struct flat_disk *disk, enum flat_loss loss, bool half);
/* Lets the first waiting request happen and be heard of; else fires the earliest timer. False:
 * nothing waits. */
bool flat_step(struct flat_disk *disk);
/* Steps without end. */
void flat_run(struct flat_disk *disk);
/* Lets the disk work, and fires timers for which no time has to pass. */
void flat_settle(struct flat_disk *disk);
/* Bytes of the file with that name; NULL: there is none. */
struct flat_file *flat_find(struct flat_disk *disk, const char *name);
struct flat_file *flat_put(struct flat_disk *disk, const char *name, struct slice bytes);

#endif
