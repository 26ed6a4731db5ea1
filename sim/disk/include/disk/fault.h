/* What a disk does wrong, one struct a fault.
 *
 * A fault lies over an intact copy: the disk knows at any time what an honest one would hold. So a
 * fault can be taken back, and then the intact copy shows again, as far as nothing was written over
 * it since; and a checker can ask whether a good copy existed (disk_survives, disk_is_good). Two
 * things are for good: what a lying sync promised and a power failure lost, which decides about it
 * as about every write that was not synced; and damage that a process has read before it wrote to
 * the same file, for what it wrote fits only that. While
 * it has the file open it goes on to see what it has read.
 *
 * A fault draws from a key of its own and of the request that it meets, so that one fault more or
 * less moves no other. Faults of one kind are asked in the order in which they came.
 */
#ifndef DISK_FAULT_H
#define DISK_FAULT_H

#include "disk/disk.h"

enum disk_fault_kind {
    DISK_FAULT_FAIL, /* requests of `op` end with `err`: a write did not happen, a sync has lost its
                        pages */
    DISK_FAULT_LIE,  /* syncs say 0 and make nothing durable; when the fault ends, the drive writes
                        what it promised and still has */
    DISK_FAULT_SHORT, /* reads give fewer bytes than are there, but at least one */
    DISK_FAULT_FLIP, /* reads give bytes of which `bytes` have a flipped bit; the platter is fine */
    DISK_FAULT_STALE, /* reads give what was there when the fault began; zeros where nothing was */
    DISK_FAULT_MISDIRECT, /* a write goes to another place, when it reaches the platter: there lies
                             what does not belong there, and in its own place what was there before.
                             The cache hides both until the process ends. */
    DISK_FAULT_FULL,      /* no more than `bytes` fit on the disk */
    DISK_FAULT_SLOW,  /* each request takes `factor` times as long, and [low_ns, high_ns] more */
    DISK_FAULT_RATE,  /* all reads and writes share `bytes` a second, one after the other */
    DISK_FAULT_STALL, /* requests wait, and go on when it ends */
    DISK_FAULT_ROT,   /* `bytes` adjacent durable bytes change, once, at `offset`, or at a random
                         place below `below` */
    DISK_FAULT_POWER  /* the shares of a power failure are these */
};

#define DISK_ANYWHERE UINT64_MAX
#define DISK_FOR_EVER UINT64_MAX

struct disk_fault {
    enum disk_fault_kind kind;
    uint64_t key;     /* of its random draws: who makes it names it */
    const char *file; /* a part of the path of the files that are meant; NULL: any. Copied. */
    uint64_t count;   /* how many requests it meets, at least 1; DISK_FOR_EVER */
    enum disk_op op;
    int err;
    uint64_t bytes;
    uint32_t factor; /* 0: as 1 */
    int64_t low_ns;
    int64_t high_ns;
    uint64_t offset; /* DISK_ANYWHERE */
    uint64_t below;  /* DISK_ANYWHERE */
    uint32_t drop_ppm;
    uint32_t tear_ppm;
    uint32_t trash_ppm;
    uint32_t name_drop_ppm;
};

/* From now on. The number by which it is taken back; 0: no place was found for the rot. */
uint32_t disk_fault_add(struct disk *disk, const struct disk_fault *fault);
/* It ends, and what it damaged is as it was. Nothing if it has ended already. */
void disk_fault_end(struct disk *disk, uint32_t number);
/* All of them end. */
void disk_heal(struct disk *disk);

/* The two that tests ask for most. The next `count` requests of this operation end with err. */
void disk_fail(struct disk *disk, enum disk_op op, uint64_t count, int err, const char *path);
/* A stall of its own, begun and ended. */
void disk_stall(struct disk *disk, bool on);

/* The next power failure, and only it, keeps all that lying syncs promised. */
void disk_keep_promises(struct disk *disk);
/* Something is promised that a power failure could lose. */
bool disk_has_promises(const struct disk *disk);

/* "fail", "lie", … */
const char *disk_fault_name(enum disk_fault_kind kind);

#endif
