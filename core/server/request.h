/* Requests that wait for the log: proposed, perhaps committed, applied, answered. Private to
 * core/server.
 *
 *             turn's end, leader known               applied
 *   GATHERED --------------------------> PROPOSED -----------> (answered, freed)
 *       |  no leader   ^                    |
 *       v              | a leader           | deadline: the answer says what is known; the entry
 * may PARKED -----------+                    v still be applied later | deadline (freed)
 *       v
 *    (freed)
 *
 * A client that goes away takes its request with it, but not the entry: what was proposed may still
 * be committed and applied, without an answer.
 */
#ifndef SERVER_REQUEST_H
#define SERVER_REQUEST_H

#include "base/list.h"
#include "env/env.h"
#include "grpc/server.h"
#include "raft/entry.h"
#include "state/entry.h"

struct server;

enum request_state {
    REQUEST_GATHERED,
    REQUEST_PARKED,
    REQUEST_PROPOSED
};

struct request {
    struct list link;
    struct server *server;
    struct entry_head head;
    enum request_state state;
    struct grpc_call *call; /* NULL: the member's own request, or its client is gone */
    bool own;
    struct buf payload; /* until it is proposed */
    int64_t start_ns;
    struct env_timer timer;
    member_id_t member; /* of a membership change: whom it concerns */
    member_id_t asker;  /* another member waits for the outcome (rpc_promote.c), under this token */
    uint64_t asker_token;
};

/* Makes a request of the message's kind; the caller appends the body to request->payload and then
 * submits it. call may be NULL for the member's own. */
struct request *request_new(struct server *server, enum entry_kind kind, struct grpc_call *call);
/* Proposes it at the end of the turn. deadline_ns INT64_MAX: waits for ever. Takes the request. */
void request_submit(struct request *request, int64_t deadline_ns);
/* The waiting request of that head, taken off its list; NULL if it is not ours or waits no more. */
struct request *request_take(struct server *server, const struct entry_head *head);
/* After its answer. */
void request_free(struct request *request);
/* Proposes what was gathered. */
void requests_flush(struct server *server);
/* A leader appeared, or a transfer has ended: what was parked tries again. */
void requests_unpark(struct server *server);
/* Ends all that wait with this error. */
void requests_fail(struct server *server, int err);
/* The client is gone (grpc's `canceled`). */
void request_canceled(struct grpc_call *call);

#endif
