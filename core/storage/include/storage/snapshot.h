/* Snapshot files: the state of a member at one index, as opaque chunks that the server fills.
 *
 * It knows nothing of what a chunk holds. One writer and one receiver at a time, any number of
 * readers; each has a file and requests of its own, so that none of them holds up the log. What is
 * in memory is one chunk, or for a reader one chunk and what it reads ahead. The bytes are
 * described at the top of snap_format.c.
 *
 * Invariants: a name that ends in `.snap` belongs to a whole, synced file; what is half a snapshot
 * has another name and is dropped at the next open; a file that a reader has open is not removed
 * (purging waits); the files that the log needs are never purged.
 *
 * The order for taking one: storage_write_snapshot, chunks, storage_sink_finish, `done` with 0,
 * then storage_snapshot_taken (and RAFT_EVENT_SNAPSHOT_TAKEN). For installing one: storage_receive,
 * bytes, storage_sink_finish, `done` with 0, then the message RAFT_SNAPSHOT to raft; what it wants
 * persisted restarts the log behind the snapshot. A crash between any two of these is safe.
 */
#ifndef STORAGE_SNAPSHOT_H
#define STORAGE_SNAPSHOT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"
#include "raft/entry.h"

#define SNAPSHOT_CHUNK_MAX (16u * 1024 * 1024)
#define SNAPSHOTS_KEPT     2

struct storage;

struct snapshot_head {
    uint64_t cluster_id;
    member_id_t member_id; /* who wrote it, which need not be who has it */
    uint32_t instance;     /* of the writer's log */
    uint64_t epoch;        /* of the cluster's history; rises with each disaster recovery */
    index_t index;         /* the state is that after this entry */
    term_t term;           /* of that entry */
    struct raft_conf conf; /* active at index */
};

/* Writing and receiving ------------------------------------------------------------------------ */

struct storage_sink;

struct storage_sink_events {
    /* Ready for the next chunk, or the next bytes; also the first time. One call of
     * storage_sink_chunk, _bytes or _finish may follow, at any time. */
    void (*more)(void *data);
    /* The end. 0: the snapshot is there, durable, under its name. ERR_CANCELED after
     * storage_sink_abort, ERR_CORRUPT for bytes that are no whole snapshot, ERR_FORMAT for a newer
     * format, ERR_FOREIGN for another cluster's, or what the disk says; nothing is left then but
     * perhaps a temporary file. The sink is gone, another one may begin. */
    void (*done)(void *data, int status);
};

/* Begins to write; in state READY only, and only while none is being written. cluster_id, member_id
 * and instance of `head` are filled in. Borrows events. */
struct storage_sink *storage_write_snapshot(struct storage *storage,
                                            const struct snapshot_head *head,
                                            const struct storage_sink_events *events, void *data);
/* Type 1 and up, below SNAPSHOT_TYPE_END; at most SNAPSHOT_CHUNK_MAX bytes, which are copied. */
#define SNAPSHOT_TYPE_END UINT32_C(0xFFFFFFFF)
void storage_sink_chunk(struct storage_sink *sink, uint32_t type, struct slice bytes);

/* Begins to receive the file of another member, as it lies there. Only while none is received. */
struct storage_sink *storage_receive_snapshot(struct storage *storage,
                                              const struct storage_sink_events *events, void *data);
/* The next bytes of that file, at most SNAPSHOT_CHUNK_MAX; copied and verified. ERR_INVALID if they
 * do not begin at storage_sink_offset: then nothing has changed and no `more` follows. */
int storage_sink_bytes(struct storage_sink *sink, uint64_t offset, struct slice bytes) MUST_CHECK;
/* Bytes taken so far: what a sender goes on with. */
uint64_t storage_sink_offset(const struct storage_sink *sink);
/* What was received, once its header has passed; NULL before. */
const struct snapshot_head *storage_sink_head(const struct storage_sink *sink);

/* No more chunks or bytes: only after `more`. */
void storage_sink_finish(struct storage_sink *sink);
/* At any time before `done`, which follows. */
void storage_sink_abort(struct storage_sink *sink);
/* Of an error: what is wrong, with the file; empty without one. Valid inside `done`. */
const char *storage_sink_words(const struct storage_sink *sink);

/* The snapshot `index` is durable and the log may forget the entries through compact_to <= index,
 * which may not be below what it was told before. Purges segments and snapshots behind that, in the
 * background. The caller leaves in the log what laggards may want; if it leaves what follows the
 * snapshot before this one too, then either of the two is enough for a boot. */
void storage_snapshot_taken(struct storage *storage, index_t index, term_t term,
                            index_t compact_to);

/* A received snapshot turned out not to be what it should, or not to be wanted any more: removes
 * it, in the background. Does nothing to one that the log has begun behind. */
void storage_drop_snapshot(struct storage *storage, index_t index);

/* Reading -------------------------------------------------------------------------------------- */

struct storage_reader;

struct storage_reader_events {
    /* 0 with its head and the size of the file, or an error: ERR_NOT_FOUND, ERR_CORRUPT,
     * ERR_FORMAT, ERR_FOREIGN, or what the disk says. After an error only close is allowed. */
    void (*opened)(void *data, int status, const struct snapshot_head *head, uint64_t size);
    /* Answers storage_reader_next: a verified chunk, borrowed until return. SNAPSHOT_TYPE_END
     * without bytes: that was all, and all of it was sound. An error ends the reading. */
    void (*chunk)(void *data, int status, uint32_t type, struct slice bytes);
    /* Answers storage_reader_read; fewer bytes than asked for only at the end of the file. */
    void (*bytes)(void *data, int status, uint64_t offset, struct slice bytes);
    /* After storage_reader_close: the reader is gone. */
    void (*closed)(void *data);
};

/* index 0: the newest that the log knows. Borrows events. Callbacks that are never caused may be
 * NULL. storage_close ends every reader and sink without any of their events. */
struct storage_reader *storage_open_snapshot(struct storage *storage, index_t index,
                                             const struct storage_reader_events *events,
                                             void *data);
/* The next chunk; one at a time. Reads ahead. Not to be mixed with storage_reader_read. */
void storage_reader_next(struct storage_reader *reader);
/* Bytes of the file as they lie there, not verified (who receives them verifies): at most
 * SNAPSHOT_CHUNK_MAX, one request at a time. */
void storage_reader_read(struct storage_reader *reader, uint64_t offset, size_t len);
void storage_reader_close(struct storage_reader *reader);
/* Of an error: what is wrong, with file and offset. */
const char *storage_reader_words(const struct storage_reader *reader);

#endif
