/* The bytes of the log: writing records and reading them back. Described at the top of format.c.
 * Pure: knows no file and no disk.
 */
#ifndef STORAGE_FORMAT_H
#define STORAGE_FORMAT_H

#include "raft/update.h"
#include "storage/storage.h"

#define WAL_HEADER_BYTES    192
#define WAL_HEADER_V1_BYTES 64
#define WAL_RECORD_BYTES    24 /* in front of each payload */
#define WAL_ENTRY_BYTES     17 /* in front of an entry's own payload */
#define WAL_PAYLOAD_MAX     (16u * 1024 * 1024)
#define WAL_VERSION         2
#define WAL_NAME_BYTES      37 /* two numbers of 16 digits, "-" and ".wal" */

enum wal_type {
    WAL_BOOT = 1,
    WAL_HARD = 2,
    WAL_ENTRY = 3,
    WAL_CUT = 4,
    WAL_SNAPSHOT = 5,
    WAL_TAKEN = 6,
    WAL_RECOVER = 7,
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

/* The header of a segment: all that is needed to forget those before it. */
struct wal_header {
    uint32_t version;
    uint32_t salt;
    struct storage_meta meta;
    uint32_t instance;
    uint64_t sequence;     /* 1, 2, ... */
    index_t first;         /* of the next entry, when the segment began */
    uint32_t before_chain; /* of the segment before, at its end; 0 if there is none */
    uint64_t before_end;
    uint64_t boot;
    struct raft_hard_state hard;
    term_t before_term; /* of the entry before `first` */
    index_t compact_to;
    index_t recover_to;
};

struct wal_name {
    uint64_t sequence;
    index_t first;
    bool v1; /* the one file of version 1 */
};

/* What a log says, after replaying it. The owner of the bytes keeps them as long as this. */
struct wal_replay {
    struct mem *mem;
    struct storage_meta meta;
    uint32_t instance;
    uint64_t boot;
    struct raft_hard_state hard;
    index_t snapshot_index; /* what the log begins behind */
    term_t snapshot_term;   /* 0: not known */
    index_t install_index;  /* of the last SNAPSHOT record; nothing goes behind it */
    index_t compact_to;
    index_t recover_to;         /* repair is not complete before the log is committed to here */
    struct raft_entry *entries; /* payloads borrowed from the bytes */
    size_t entry_count;
    size_t entry_cap;
    struct wal_header header; /* of the last segment */
    size_t segments;
    index_t segment_max;  /* the highest index of an entry in the last segment */
    uint64_t mark;        /* everything before it was durable when the segment was written */
    struct wal_tail tail; /* behind the last whole unit */
    uint64_t torn;        /* bytes of a torn tail behind that; what an older life left is none */
    /* Records that have rotted, though their heads are right; see format.c. */
    uint64_t *rotten; /* offsets in the last segment */
    size_t rotten_count;
    size_t rotten_cap;
    size_t rotten_taken;
    size_t rotten_all;    /* in all segments */
    index_t gaps;         /* entries that may be missing behind the last one */
    uint64_t hard_rotten; /* where, if that was the last hard state; 0: it was not */
    uint64_t boot_rotten;
    index_t lost_first; /* entries that are not to be trusted; 0: none */
    index_t lost_last;
    /* Of an error. */
    const char *what;
    uint64_t where;
    bool in_segment_before; /* not in the one that was being read */
};

/* The header of a new segment; tail becomes the place of its first record. */
void wal_write_header(struct buf *out, const struct wal_header *header, struct wal_tail *tail);
/* ERR_CORRUPT or ERR_FORMAT with *what and *where, the offset in the file. */
int wal_read_header(struct slice file, struct wal_header *header, struct wal_tail *tail,
                    const char **what, uint64_t *where) MUST_CHECK;

/* Appends one record and moves the tail. */
void wal_write_boot(struct buf *out, struct wal_tail *tail, uint64_t mark, uint64_t boot);
/* Appends the unit that marks a snapshot which was taken. */
void wal_write_taken(struct buf *out, struct wal_tail *tail, uint64_t mark, index_t index,
                     term_t term, index_t compact_to);
/* Appends the unit that a repair begins with: entries from `cut_from` on are given up, `hard` is
 * true without them, and the member must get back to `to`. cut_from 0: only `to` changes. */
void wal_write_recover(struct buf *out, struct wal_tail *tail, uint64_t mark, index_t cut_from,
                       const struct raft_hard_state *hard, index_t to);
/* Appends the unit of one persist. `hard`: whether its hard state differs from what was written
 * before it; written in any case when there is nothing else. */
void wal_write_persist(struct buf *out, struct wal_tail *tail, uint64_t mark,
                       const struct raft_persist *persist, bool hard);

/* "SEQUENCE-FIRST.wal" into `name`, of WAL_NAME_BYTES + 1 bytes. */
void wal_format_name(char *name, uint64_t sequence, index_t first);
bool wal_parse_name(const char *text, struct wal_name *name);

enum wal_step {
    WAL_SOUND,  /* the record; the tail has moved behind it */
    WAL_NONE,   /* no whole record with a right head */
    WAL_ROTTEN, /* likewise, but only the head is right: type, flag, mark and length are true */
};

enum wal_step wal_read_record(struct slice file, struct wal_tail *tail, struct wal_record *record);

void wal_replay_init(struct wal_replay *replay, struct mem *mem);
/* Replays the next segment. `name`: what its name says. `last`: none follows. 0: what lies behind
 * tail.offset, if anything, is not part of the log. ERR_FORMAT: not a log, or of a newer format.
 * ERR_FOREIGN: of another log. ERR_CORRUPT: a bad place that is no torn tail. All with what and
 * where. wal_replay_fini in any case. */
int wal_replay_segment(struct wal_replay *replay, struct slice file, const struct wal_name *name,
                       bool last) MUST_CHECK;
/* A log of one segment, whatever its name. */
int wal_replay(struct wal_replay *replay, struct mem *mem, struct slice file) MUST_CHECK;
void wal_replay_fini(struct wal_replay *replay);
index_t wal_replay_last(const struct wal_replay *replay);
/* The term of the entry at index, or of what the log begins behind; 0 outside, and for what was
 * lost. */
term_t wal_replay_term(const struct wal_replay *replay, index_t index);
/* May a snapshot of this index be of this term? Yes, if that is not known. */
bool wal_replay_fits(const struct wal_replay *replay, index_t index, term_t term);
/* Forgets the entries through `index`, at most the last. */
void wal_replay_forget(struct wal_replay *replay, index_t index);

#endif
