/* The durable half of a member: one write-ahead log in segments, with its identity, boot number,
 * hard state and entries.
 *
 * It may know env, and of raft only the nouns (entries, hard state, persist, configuration). It
 * knows nothing of messages, elections or what a payload means, and it keeps no copy of the log:
 * what it costs while running follows what is written, never what was written before. The bytes on
 * the disk are described at the top of format.c.
 *
 * Persists are gathered: while one write and sync is under way, any number of further ones become
 * the next write and sync (group commit). They complete in the order in which they were given.
 *
 * Beside the log lie snapshot files; see storage/snapshot.h.
 *
 * Invariants: at most one disk operation of the log is outstanding; bytes are only ever added at
 * the end of what is valid; nothing is vouched for that a completed sync did not cover; after the
 * first failed write or sync nothing is written, vouched for or tried again (a failed sync has
 * dropped pages that the next one would not miss).
 */
#ifndef STORAGE_STORAGE_H
#define STORAGE_STORAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/duration.h"
#include "env/env.h"
#include "raft/update.h"
#include "storage/snapshot.h"

/* Written once, when the log is created. */
struct storage_meta {
    uint64_t cluster_id;
    member_id_t member_id;
};

/* What the disk gave back. Borrowed until `opened` returns. */
struct storage_boot {
    struct storage_meta meta;
    uint64_t boot; /* the number of this start: durable, and larger than any before */
    /* Drawn when the log was made, never 0: tells this log from one that was made in its place. */
    uint32_t instance;
    struct raft_hard_state hard;
    /* The state to begin with: the newest snapshot that is sound; read it with
     * storage_open_snapshot. It was verified as a whole. NULL: begin with nothing. */
    const struct snapshot_head *snapshot;
    index_t snapshot_index; /* of it, as raft wants it; 0: none */
    term_t snapshot_term;
    const struct raft_conf *snapshot_conf; /* NULL while snapshot_index is 0 */
    /* Contiguous; the first is at most snapshot_index + 1: what laggards may want is there too. */
    const struct raft_entry *entries;
    size_t entry_count;
    uint64_t cut_bytes; /* of a torn tail that was cut */
    /* 0, or: entries that had been durable here have rotted, and were cut off with all behind them.
     * The member must not vote, campaign or answer for them before the log is committed through
     * this index again. */
    index_t recover_to;
};

struct storage_events {
    /* The end of storage_open or storage_create: 0 with `boot`, or an error without. ERR_NOT_FOUND
     * after storage_open: there is no log yet, and storage_create may follow. The others end this
     * storage: ERR_LOCKED, ERR_CORRUPT, ERR_FORMAT, ERR_FOREIGN, ERR_LIMIT, or what the disk says
     * (ERR_IO, ERR_NO_SPACE, ERR_PERMISSION). storage_words says it for people. */
    void (*opened)(void *data, int status, const struct storage_boot *boot);
    /* Everything up to this token is durable: goes into RAFT_EVENT_PERSISTED. index and term are
     * the persist's last_index and last_term. Once for each persist with `sync`, in order. It may
     * call storage_persist. */
    void (*persisted)(void *data, uint64_t token, index_t index, term_t term);
    /* A write or sync failed: goes into RAFT_EVENT_PERSIST_FAILED. Once; no `persisted` follows. */
    void (*failed)(void *data, int err);
    /* May be NULL. Free bytes of the disk that holds the log: at times, and 0 at once when nothing
     * could be allocated ahead. Then what is gathered goes into a reserve of 1/256 of a segment;
     * it is time to take no more. */
    void (*space)(void *data, uint64_t free_bytes);
    /* After storage_close: the files are closed. storage_free is allowed from here on. */
    void (*closed)(void *data);
};

struct storage;

#define STORAGE_SEGMENT_BYTES     (UINT64_C(64) * 1024 * 1024)
#define STORAGE_SEGMENT_BYTES_MIN UINT64_C(1024)
#define STORAGE_SEGMENT_BYTES_MAX (UINT64_C(1) << 30)

struct storage_options {
    const char *wal_dir;    /* the log's directory; NULL: `wal` in the member's */
    uint64_t segment_bytes; /* a segment ends with the batch that reaches this size; 0: 64 MiB */
};

/* Borrows env and events; copies dir, the member's data directory, and the options, which may be
 * NULL. */
struct storage *storage_new(struct env *env, const char *dir, const struct storage_options *options,
                            const struct storage_events *events, void *data);
/* Only before storage_open or after `closed`. NULL is fine. */
void storage_free(struct storage *storage);

/* Makes the directory if need be, takes its lock, reads the log, cuts a torn tail, raises the boot
 * number and makes that durable. Ends in `opened`. */
void storage_open(struct storage *storage);
/* Only from or after `opened` with ERR_NOT_FOUND. The log appears whole or not at all. Ends in
 * `opened`, with boot number 1 and an empty log. */
void storage_create(struct storage *storage, const struct storage_meta *meta);

/* Gathers one persist of raft (see raft/update.h for its meaning); copies what it points to. Tokens
 * rise by 1, from 1. A persist without `sync` needs no completion and gets none; it is written when
 * the next one with `sync` is, at storage_close, or STORAGE_LAZY_NS later. Ignored after a failure
 * and after storage_close. */
void storage_persist(struct storage *storage, const struct raft_persist *persist);
/* Goes on without what has rotted: cuts the log on the disk and notes storage_boot.recover_to
 * there. To be called in or after `opened` before anything is persisted, unless recover_to is 0.
 * Whoever would rather refuse closes instead, and nothing has changed: the rotten bytes may yet be
 * put right. Goes with the next flush. */
void storage_repair(struct storage *storage);
/* What rotted (storage_boot.recover_to) is given up: somebody has decided to go on without. Not
 * needed when the log is committed that far again. Goes with the next flush. */
void storage_recovered(struct storage *storage);
/* Starts writing what was gathered, unless a write is under way. To be called at the end of every
 * turn (not from within `persisted`); costs nothing when there is nothing to do. */
void storage_flush(struct storage *storage);

#define STORAGE_LAZY_NS (10 * MS_NS)

/* Writes what was gathered, if the disk still works, and closes. No event but `closed` follows. At
 * any time after storage_open. */
void storage_close(struct storage *storage);

/* Bytes gathered and not yet durable: the caller's measure for pushing back. Bounded by what raft
 * may leave uncommitted. */
uint64_t storage_queued(const struct storage *storage);
/* Bytes of the log's records on the disk, in all segments, and writes with sync so far. */
uint64_t storage_bytes(const struct storage *storage);
/* Free bytes as last told; UINT64_MAX: not yet. */
uint64_t storage_space(const struct storage *storage);
uint64_t storage_syncs(const struct storage *storage);
/* What is wrong, with file and offset; empty before an error. */
const char *storage_words(const struct storage *storage);

#endif
