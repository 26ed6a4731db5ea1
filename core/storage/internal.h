/* The inside of `struct storage`, shared by its files: open.c and create.c bring a log to the state
 * READY, persist.c works there, close.c leaves it, storage.c holds what all need.
 *
 *                     +------ storage_create ------+
 *                     v                            |
 *     NEW --open--> OPENING --no log there--> ABSENT
 *                     |  \                         |
 *                     |   `--error--> FAILED       |
 *                     v                 ^  |       |
 *                   READY --disk fails--'  |       |
 *                     `------------------- close --+--> CLOSING --> CLOSED
 *
 * storage_close is legal in every state but NEW; then what is under way is waited for.
 */
#ifndef STORAGE_INTERNAL_H
#define STORAGE_INTERNAL_H

#include "format.h"
#include "snap.h"

enum storage_state {
    STORAGE_NEW,
    STORAGE_OPENING,
    STORAGE_ABSENT,
    STORAGE_READY,
    STORAGE_FAILED,
    STORAGE_CLOSING,
    STORAGE_CLOSED
};

struct storage_token {
    uint64_t token;
    index_t index;
    term_t term;
};

/* What becomes one write, and one sync if anybody waits for it. */
struct storage_batch {
    struct buf bytes;
    uint64_t start; /* offset of the first byte */
    uint64_t mark;  /* what is durable once this batch may be written */
    bool sync;
    struct wal_name name; /* of that segment */
    bool opens;           /* the first of the next segment; then the bytes begin with its header */
    struct storage_token *tokens; /* to complete, in order */
    size_t token_count;
    size_t token_cap;
    index_t max_index; /* of the entries in it */
    /* The log as it is once this batch is durable. */
    index_t last_index;
    term_t last_term;
    struct raft_hard_state hard;
    index_t snapshot_index; /* the newest that the log knows */
    index_t base_index;     /* of the one that was installed last; the log begins behind it */
    index_t compact_to;
};

/* A segment of the log; the last one is being written. */
struct storage_segment {
    struct wal_name name;
    char *path;
    index_t max_index; /* of the entries in it */
    uint64_t end;      /* offset behind its last record; of the last one: what is durable */
    struct buf bytes;  /* while opening */
};

/* The file that becomes the next segment.
 *
 *     NONE --keeper--> PREPARING --> READY --a batch opens it--> CLAIMED --renamed--> NONE
 */
enum storage_spare_state {
    SPARE_NONE,
    SPARE_PREPARING,
    SPARE_READY,
    SPARE_CLAIMED
};

struct storage {
    struct env *env;
    const struct storage_events *events;
    void *data;
    enum storage_state state;

    char *dir;
    char *wal_dir;
    char *spare_path;
    uint64_t segment_bytes;
    bool wal_elsewhere;               /* not in the member's directory */
    struct storage_segment *segments; /* ascending */
    size_t segment_count;
    size_t segment_cap;
    const char *path;         /* of the last segment */
    char *roll_path;          /* of the one that is getting its name */
    struct env_file files[2]; /* impl is NULL while one is not open */
    struct env_file *file;    /* of the last segment */
    struct env_file *other;   /* the spare, or what is left of the segment before */

    /* The one operation under way, and what follows it. */
    struct env_disk_req req;
    bool busy;
    void (*next)(struct storage *storage, int status);
    struct env_timer soon; /* stands in for an operation when there is none to wait for */

    /* Opening. */
    struct buf bytes; /* of what is being created, or of the repair */
    size_t reading;   /* the segment that is read */
    uint64_t left;    /* to be read of it */
    uint64_t total;   /* bytes of the segments before it */
    bool spare_exists;
    struct wal_replay replay;
    struct storage_meta meta;
    uint64_t boot;
    index_t recover_to;  /* see storage_boot; 0: never */
    index_t repair_from; /* entries from here on are given up at this boot; 0: none */
    uint32_t instance;
    struct rng salts;
    uint64_t cut_bytes;
    size_t sync_len; /* of the path whose directory is synced next */
    char *sync_path;
    bool sync_snap; /* then the directories of the snapshots, if they are others */
    void (*after_dirs)(struct storage *storage, int status);

    /* Snapshots. */
    char *snap_dir;
    struct storage_snap *snaps; /* ascending */
    size_t snap_count;
    size_t snap_cap;
    index_t snap_newest; /* that the log knows; 0: none */
    struct storage_sink writer;
    struct storage_sink receiver;
    struct list readers;
    struct env_disk_req purge_req;
    bool purging;
    index_t purge_index;
    /* While they are looked for at a boot. */
    bool half_writing;
    bool half_receiving;
    size_t snap_try; /* those below are still to be tried */
    struct storage_reader *boot_reader;
    bool boot_reader_sound;
    struct snapshot_head boot_head;
    void (*after_snaps)(struct storage *storage, int status);

    /* Running. */
    struct wal_tail tail;
    struct storage_batch batches[2];
    struct storage_batch *gathering;
    struct storage_batch *writing;
    uint64_t token_last;
    uint64_t syncs;
    index_t compact_to; /* durably */
    /* Of the file that is written: how far it is allocated, and when to try again if that failed.
     */
    uint64_t allocated;
    uint64_t allocate_to;
    uint64_t allocate_retry;

    /* What is done beside the log's own operations; see keeper.c. */
    struct env_disk_req keeper_req;
    bool keeper_busy;
    void (*keeper_next)(struct storage *storage, int status);
    enum storage_spare_state spare;
    uint64_t spare_allocated;
    uint64_t spare_retry; /* not before the tail has come here */
    char *purge_path;
    bool purge_stuck;
    uint64_t space_free;
    uint64_t space_due; /* bytes written until it is asked for again */
    struct env_timer lazy;
    bool delivering; /* inside `persisted` */

    /* Closing. */
    bool closing_sound;    /* the disk works so far */
    bool closing_unsynced; /* the last write was not synced */
    bool closing_rest;     /* the log is closed, the rest follows */
    bool closing_other;    /* a file of the rest is being closed */

    char words[STORAGE_WORDS_MAX];
};

/* Readies the request: `next` is called with its status. Nothing else may be under way. */
struct env_disk_req *storage_begin(struct storage *s, void (*next)(struct storage *, int));
/* The same without an operation: `next(0)` in a later turn. */
void storage_soon(struct storage *s, void (*next)(struct storage *, int));
/* "DIR/NAME", the caller's to free. */
char *storage_join(struct storage *s, const char *dir, const char *name);
/* What failed, for people: "cannot WHAT PATH: text". */
void storage_say(struct storage *s, const char *doing, const char *path, int err);

/* Opening ends. */
void storage_open_failed(struct storage *s, int err);
void storage_ready(struct storage *s);
/* Syncs the log's directory and every directory above it. */
void storage_sync_dirs(struct storage *s, void (*after)(struct storage *, int));
void storage_drop_opening(struct storage *s);

/* Sets up the gathering batch behind the tail. */
void storage_batches_init(struct storage *s, const struct wal_replay *replay);
/* Adds a segment behind the others; copies path. */
struct storage_segment *storage_push_segment(struct storage *s, const struct wal_name *name,
                                             const char *path);
static inline struct storage_segment *storage_last_segment(struct storage *s)
{
    return &s->segments[s->segment_count - 1];
}
/* Bytes that stay allocated behind the tail, so that a full disk is met before it hurts. */
static inline uint64_t storage_reserve(const struct storage *s)
{
    return s->segment_bytes / 256;
}
/* Does in the background what there is to do; to be called after each batch. */
void storage_keep(struct storage *s);
/* Asks the disk for its free space in the background, once `bytes` more were written. */
void storage_space_written(struct storage *s, uint64_t bytes);
/* Writes the gathered batch, and syncs if somebody waits for it. */
void storage_write_batch(struct storage *s, bool sync);

/* An operation has ended: goes on with closing, if that is what is wanted, and says so. */
bool storage_closing(struct storage *s, int status);

#endif
