/* Snapshots of a member: taken, sent, received, restored. Private to core/server.
 *
 *   snapshot_take.c     the state goes to a file, piece by piece, while the member goes on
 *   snapshot_send.c     a leader answers a lagging member's asks for pieces
 *   snapshot_receive.c  that member's side: file, state, then raft and the swap
 *   snapshot_restore.c  a file becomes state; for a boot and for what was received
 *
 * Nothing here waits: each piece of work is a chunk, and the next chunk is a later turn's. A file
 * becomes a snapshot only whole and synced (storage/snapshot.h); a received one is made into state
 * before the log is given up for it, so that a bad file costs nothing but the transfer.
 */
#ifndef SERVER_SNAPSHOT_H
#define SERVER_SNAPSHOT_H

#include "base/list.h"
#include "mvcc/mvcc.h"
#include "raft/message.h"
#include "snapshot_wire.h"
#include "state/state.h"
#include "storage/snapshot.h"

struct server;

/* Bytes of the walk that make one chunk: what one turn serialises and what one write takes. */
#define SNAPSHOT_CHUNK_BYTES (256u * 1024)
/* A log of this many bytes is worth a snapshot before --snapshot-count entries are, unless the
 * state itself is larger: then writing it would cost more than it saves. */
#define SNAPSHOT_LOG_BYTES (UINT64_C(64) * 1024 * 1024)
/* Of the entries left for laggards at most this much stays in memory. */
#define SNAPSHOT_CATCHUP_BYTES (UINT64_C(16) * 1024 * 1024)

struct snapshots {
    index_t index;        /* of the newest durable one; 0: none */
    index_t index_before; /* and of the one before that: what the disk must be able to replace */
    index_t tried;        /* the last attempt was at this applied index */
    uint64_t log_bytes;   /* payloads applied since `tried` */
    struct snapshot_take *take;
    struct snapshot_receive *receive;
    struct list sends;
    /* What was received, while raft decides whether it takes the log's place. */
    struct state *state;
    struct mvcc *mvcc;
};

void snapshots_init(struct server *server);
/* The member stops: whatever is under way is dropped. */
void snapshots_stop(struct server *server);

/* snapshot_take.c */
/* At a turn's end: begins to take one if the log has grown enough. */
void snapshot_consider(struct server *server);
/* The key space that it walks is about to go: a newer snapshot was received. */
void snapshot_take_outrun(struct server *server);
/* The log is durable a bit further. */
void snapshot_log_durable(struct server *server);

/* snapshot_send.c */
/* raft has sent this member the message of the snapshot at (index, term). */
void snapshot_send(struct server *server, member_id_t to, index_t index, term_t term);
void snapshot_asked(struct server *server, member_id_t from, struct slice body);
/* Who no longer leads sends none. */
void snapshot_send_end_all(struct server *server);
/* Our link to the member is down: raft begins anew when it is up. */
void snapshot_send_lost(struct server *server, member_id_t to);
/* The receiver of ours says how it went. */
void snapshot_send_ended(struct server *server, member_id_t from, const struct snapshot_end *end);

/* snapshot_receive.c */
/* A message RAFT_SNAPSHOT. True: it is kept until the snapshot is here, and stepped then. */
bool snapshot_offered(struct server *server, const struct raft_message *message,
                      struct slice record);
void snapshot_piece_came(struct server *server, member_id_t from, struct slice body);
void snapshot_end_came(struct server *server, member_id_t from, struct slice body);
/* The member stops. */
void snapshot_receive_end(struct server *server);
/* raft has installed it: the state takes the place of the one there was. */
void snapshot_installed(struct server *server, index_t index, term_t term);

/* snapshot_restore.c */
struct snapshot_restore;
/* done: status 0 with the state and the key space, both the callee's from now on; or an error with
 * words. The restore is gone then. */
struct snapshot_restore *
snapshot_restore(struct server *server, index_t index,
                 void (*done)(struct server *server, int status, const struct snapshot_head *head,
                              struct state *state, struct mvcc *mvcc, const char *words));
/* Gives up; `done` is not called. NULL is fine. */
void snapshot_restore_cancel(struct snapshot_restore *restore);
/* Makes the restored state the server's; takes both. The lists of peers follow it. */
void snapshot_adopt(struct server *server, struct state *state, struct mvcc *mvcc);

#endif
