/* The simulated disk of one machine: files, directories, and what would be left of them if the
 * power failed now.
 *
 * For each file it keeps what is on the platter and, beside it, the writes that are not: in the
 * order of their completion, each with its bytes. Reads see both. A sync moves those writes to the
 * platter whose completion was delivered before it was called; power failure decides for every
 * other one, and for each that was still outstanding, whether it is kept, dropped, torn at sectors
 * of 512 bytes, or left as other bytes in some of its sectors. A name belongs to its directory:
 * created, renamed and removed names are pending until the directory is synced, and power failure
 * keeps or drops each change. A failed sync drops its pages at once; the next one succeeds. A crash
 * of the process alone loses only what was outstanding.
 *
 * What else a disk does wrong is in disk/fault.h: faults that lie over an intact copy.
 *
 * Latencies and fates are drawn from keys of (machine, file, n-th request for that file, purpose),
 * so that one request more on one file, or one fault less, moves no other draw. It knows the engine
 * and nothing of nodes.
 *
 * Not modelled: a power failure that damages bytes beside those being written (sectors are written
 * whole or not at all, but for trash, which stays within the bytes of the write and spares bytes
 * that are written as they are); a file's length
 * that is lost while its bytes are kept; directories that rot; a cache that is evicted while a
 * process runs; the order of a queue inside the drive.
 */
#ifndef DISK_DISK_H
#define DISK_DISK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/list.h"
#include "base/mem.h"
#include "base/slice.h"
#include "engine/engine.h"

#define DISK_SECTOR 512

struct disk;
struct disk_handle;
struct disk_image;

struct disk_options {
    int64_t write_min_ns; /* latencies: uniform in [min, max], and bytes on top */
    int64_t write_max_ns;
    int64_t sync_min_ns;
    int64_t sync_max_ns;
    int64_t read_min_ns;
    int64_t read_max_ns;
    int64_t meta_min_ns; /* open, rename, stat, … */
    int64_t meta_max_ns;
    uint64_t bytes_per_second; /* of one request; 0: no limit */
    uint64_t capacity;         /* bytes; ERR_NO_SPACE past it */
    uint32_t drop_ppm;         /* at power failure, of each write that is not synced */
    uint32_t tear_ppm;         /* likewise, by sectors: some are there */
    uint32_t trash_ppm;        /* likewise, by sectors: some are other bytes; the rest is kept */
    uint32_t name_drop_ppm;    /* likewise, of each change of a name */
};

extern const struct disk_options disk_options_default;

enum disk_op {
    DISK_OPEN,
    DISK_WRITE,
    DISK_READ,
    DISK_SYNC,
    DISK_ALLOCATE,
    DISK_TRUNCATE,
    DISK_CLOSE,
    DISK_RENAME,
    DISK_REMOVE,
    DISK_MAKE_DIR,
    DISK_SYNC_DIR,
    DISK_LIST,
    DISK_STAT,
    DISK_SPACE,
    DISK_LOCK,
    DISK_OP_COUNT
};

const char *disk_op_name(enum disk_op op);

/* One request. Allocated by disk_request, freed by the disk after done. */
struct disk_req {
    struct engine_event event; /* its completion */
    struct list link;
    struct disk *disk;
    void (*done)(struct disk_req *req, int status);
    void *owner;
    void *context; /* two more for the owner */
    void *user;
    enum disk_op op;
    uint32_t node;  /* process that asks: drops it at its end, holds its locks */
    unsigned flags; /* open: those of enum env_open */
    struct disk_handle *handle;
    char *path;
    char *path_to;
    uint64_t offset; /* also: truncate's size */
    uint64_t len;
    uint8_t *into;        /* read: borrowed until done */
    struct slice *slices; /* write: the array is the disk's, its bytes are borrowed until done */
    size_t slice_count;
    uint64_t mark;  /* sync: what was complete when it was called */
    int64_t own_ns; /* its latency without faults */
    uint64_t key;   /* of its random draws: machine, file, how many requests that file had */
    /* Results, valid in done. */
    struct disk_handle *opened;
    size_t count;
    const char **names; /* list: sorted by bytes, borrowed until return */
    uint64_t size;
    bool is_directory;
};

/* machine names the random streams. Borrows engine; takes its memory. */
struct disk *disk_new(struct engine *engine, uint32_t machine, const struct disk_options *options);
void disk_free(struct disk *disk);
struct disk_options *disk_options(struct disk *disk);

/* A request with its operation, to be filled in as the operation needs; paths are copied by
 * disk_path. Then disk_submit, after which it belongs to the disk. */
struct disk_req *disk_request(struct disk *disk, enum disk_op op, uint32_t node);
void disk_path(struct disk_req *req, const char *path, const char *path_to);
void disk_slices(struct disk_req *req, const struct slice *bytes, size_t count);
void disk_submit(struct disk_req *req);

/* The process ends: its requests are dropped without `done`, its handles closed, its locks
 * released. Each outstanding write or change of a name has happened, wholly or in part, or not; if
 * the power fails (`power`), disk_power_off decides that for all of them. Must be called while the
 * bytes of its writes can still be read. */
void disk_process_end(struct disk *disk, uint32_t node, bool power);
/* The power fails. Every process has ended. */
void disk_power_off(struct disk *disk);

/* When the n-th request from now has waited its time, before it is carried out: `reached` is
 * called, and may cut the power. One order at a time; 0 takes it back. */
void disk_at_request(struct disk *disk, uint64_t n, void (*reached)(void *data), void *data);

/* Whole disks ----------------------------------------------------------------------------------*/

/* Everything is gone, damage too; faults that are in force stay. No process may be running. */
void disk_wipe(struct disk *disk);

/* The disk as a reader sees it now, all of it durable; and back. The image is the caller's. */
struct disk_image *disk_save(struct disk *disk);
void disk_load(struct disk *disk, const struct disk_image *image);
void disk_image_free(struct disk_image *image);

/* Truth ----------------------------------------------------------------------------------------*/

/* Would an honest disk certainly keep these bytes, as they were written, through a power failure
 * now? (The file's name and each directory above it are durable, and no unsynced write or
 * truncation touches them.) What no process could notice is not held against it: damage, and syncs
 * that lied. For that, disk_is_good. */
bool disk_survives(const struct disk *disk, const char *path, uint64_t offset, uint64_t len);
/* Will these bytes be there, as they were written, after a power failure now? */
bool disk_is_good(const struct disk *disk, const char *path, uint64_t offset, uint64_t len);
/* What is really on the platter, damage included: bytes read, at most len; ERR_NOT_FOUND if the
 * name is not durable. */
int disk_read_durable(const struct disk *disk, const char *path, uint64_t offset, uint8_t *into,
                      size_t len, size_t *count) MUST_CHECK;
/* The same bytes without the damage. */
int disk_read_intact(const struct disk *disk, const char *path, uint64_t offset, uint8_t *into,
                     size_t len, size_t *count) MUST_CHECK;
/* Nothing is damaged, nothing is only promised, and reads give what is there. */
bool disk_is_sound(const struct disk *disk);
/* False: no write or no sync can succeed, for as long as the faults last. */
bool disk_works(const struct disk *disk);
/* No fault is in force and nothing is damaged: it does what disk_options say. */
bool disk_is_well(const struct disk *disk);

struct disk_counts {
    uint64_t requests[DISK_OP_COUNT];
    uint64_t bytes_written;
    uint64_t writes_kept; /* by a power failure */
    uint64_t writes_dropped;
    uint64_t writes_torn;
    uint64_t writes_trashed;
    uint64_t names_dropped;
    uint64_t failed;          /* requests, by a fault */
    uint64_t promises;        /* syncs that lied */
    uint64_t promises_broken; /* writes and names that a lying sync called durable, and lost */
    uint64_t misdirected;     /* writes */
    uint64_t reads_bad;       /* short, flipped or stale */
    uint64_t power_failures;
};
const struct disk_counts *disk_counts(const struct disk *disk);
/* Requests carried out so far. */
uint64_t disk_requests(const struct disk *disk);

#endif
