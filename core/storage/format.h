/* The bytes of the log: writing records and reading them back. Described at the top of format.c.
 * Pure: knows no file and no disk.
 */
#ifndef STORAGE_FORMAT_H
#define STORAGE_FORMAT_H

#include "raft/update.h"
#include "storage/storage.h"

#define WAL_HEADER_BYTES 64
#define WAL_RECORD_BYTES 24 /* in front of each payload */
#define WAL_ENTRY_BYTES  17 /* in front of an entry's own payload */
#define WAL_PAYLOAD_MAX  (16u * 1024 * 1024)
#define WAL_VERSION      1

enum wal_type {
    WAL_BOOT = 1,
    WAL_HARD = 2,
    WAL_ENTRY = 3,
    WAL_CUT = 4,
    WAL_SNAPSHOT = 5,
    WAL_TAKEN = 6,
};

/* Where the next record goes, and what ties it to the one before. */
struct wal_tail {
    uint32_t salt;
    uint32_t chain;
    uint64_t offset;
};

/* One record as it lies in the file. */
struct wal_record {
    enum wal_type type;
    bool ends; /* the last of its unit */
    uint64_t mark;
    struct slice payload; /* borrowed */
};

/* What a log says, after replaying it. The owner of the bytes keeps them as long as this. */
struct wal_replay {
    struct mem *mem;
    struct storage_meta meta;
    uint64_t boot;
    struct raft_hard_state hard;
    index_t snapshot_index;
    term_t snapshot_term;
    struct raft_conf snapshot_conf;
    index_t taken_index; /* the newest snapshot that the log knows of; 0: none */
    index_t compact_to;
    struct raft_entry *entries; /* payloads borrowed from the bytes */
    size_t entry_count;
    size_t entry_cap;
    uint64_t mark;        /* everything before it was durable when the log was written */
    struct wal_tail tail; /* behind the last whole unit */
    /* Of an error. */
    const char *what;
    uint64_t where;
};

/* The header of a new log; tail becomes the place of its first record. */
void wal_write_header(struct buf *out, const struct storage_meta *meta, uint32_t salt,
                      struct wal_tail *tail);
/* Appends one record and moves the tail. */
void wal_write_boot(struct buf *out, struct wal_tail *tail, uint64_t mark, uint64_t boot);
/* Appends the unit that marks a snapshot which was taken. */
void wal_write_taken(struct buf *out, struct wal_tail *tail, uint64_t mark, index_t index,
                     term_t term, index_t compact_to);
/* Appends the unit of one persist. `hard`: whether its hard state differs from what was written
 * before it; written in any case when there is nothing else. */
void wal_write_persist(struct buf *out, struct wal_tail *tail, uint64_t mark,
                       const struct raft_persist *persist, bool hard);

/* False if there is no whole, valid record at the tail; else fills it in and moves the tail. */
bool wal_read_record(struct slice file, struct wal_tail *tail, struct wal_record *record);

/* Replays all of `file`. 0: what lies behind tail.offset, if anything, is a torn tail. ERR_FORMAT:
 * not a log, or of a newer format. ERR_CORRUPT: a bad place that is no torn tail. Both with what
 * and where. wal_replay_fini in any case. */
int wal_replay(struct wal_replay *replay, struct mem *mem, struct slice file) MUST_CHECK;
void wal_replay_fini(struct wal_replay *replay);
/* The term of the entry at index, or of what the log begins behind; 0 outside. */
term_t wal_replay_term(const struct wal_replay *replay, index_t index);

#endif
