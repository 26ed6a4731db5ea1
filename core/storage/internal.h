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
    struct storage_token *tokens; /* to complete, in order */
    size_t token_count;
    size_t token_cap;
    /* The log as it is once this batch is durable. */
    index_t last_index;
    term_t last_term;
    struct raft_hard_state hard;
    index_t snapshot_index; /* the newest that the log knows */
    index_t compact_to;
};

struct storage {
    struct env *env;
    const struct storage_events *events;
    void *data;
    enum storage_state state;

    char *dir;
    char *wal_dir;
    char *path; /* of the log */
    char *temp_path;
    struct env_file file; /* impl is NULL while it is not open */

    /* The one operation under way, and what follows it. */
    struct env_disk_req req;
    bool busy;
    void (*next)(struct storage *storage, int status);
    struct env_timer soon; /* stands in for an operation when there is none to wait for */

    /* Opening. */
    struct buf bytes; /* of the file, or of the one that is being created */
    struct wal_replay replay;
    struct storage_meta meta;
    uint32_t instance;
    struct rng salts;
    uint64_t cut_bytes;
    size_t sync_len; /* of the path whose directory is synced next */
    char *sync_path;
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
    uint64_t durable; /* bytes */
    uint64_t syncs;
    struct env_timer lazy;
    bool delivering; /* inside `persisted` */

    /* Closing. */
    bool closing_sound;    /* the disk works so far */
    bool closing_unsynced; /* something was written and not synced */
    bool closing_rest;     /* the log is closed, the rest follows */

    char words[STORAGE_WORDS_MAX];
};

/* Readies the request: `next` is called with its status. Nothing else may be under way. */
struct env_disk_req *storage_begin(struct storage *s, void (*next)(struct storage *, int));
/* The same without an operation: `next(0)` in a later turn. */
void storage_soon(struct storage *s, void (*next)(struct storage *, int));
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
/* Writes the gathered batch, and syncs if somebody waits for it. */
void storage_write_batch(struct storage *s, bool sync);

/* An operation has ended: goes on with closing, if that is what is wanted, and says so. */
bool storage_closing(struct storage *s, int status);

#endif
