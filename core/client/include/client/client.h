/* A client of the etcd v3 API: endpoints, connections, calls, deadlines and retries.
 *
 * One HTTP/2 connection per endpoint, all kept; each call goes to the next one that is ready, round
 * robin; a broken one is dialled again after a back-off. This is the balancer of etcd's client 3.4
 * (grpc-go 1.33): it knows nothing of leaders, quorums or health. What may be tried again, and
 * when, is decided in one place (policy.c); a write that has left for a server is never sent twice.
 *
 * Knows env, grpc, http2 and pb; nothing of what calls mean, of terminals or of a cluster's rules.
 *
 * Invariants: `done` of a call comes exactly once, never inside client_start, at the latest in the
 * turn of its deadline, unless the call was canceled; at most one attempt of a call is open at any
 * time; after client_close's `closed` nothing of the client is left in memory.
 */
#ifndef CLIENT_CLIENT_H
#define CLIENT_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/list.h"
#include "base/slice.h"
#include "env/env.h"
#include "pb/pb.h"

struct client;
struct grpc_rpc;

/* A longer request is refused here, as etcd's client refuses it. */
#define CLIENT_SEND_BYTES_MAX ((size_t)2 * 1024 * 1024)

struct client_config {
    /* "host:port" or URLs; borrowed during client_new. One that cannot be an address is kept and
     * never becomes ready, as in etcd's client. */
    const struct slice *endpoints;
    size_t endpoint_count;
    /* A connection with open calls on which nothing has come for keepalive_time_ns is pinged, and
     * given up keepalive_timeout_ns later. 0: never. Less than 10 s counts as 10 s. */
    int64_t keepalive_time_ns;
    int64_t keepalive_timeout_ns;
};

/* A method of the API. `repeatable`: etcd's client tries it again when it was Unavailable. */
struct client_method {
    const char *path; /* "/etcdserverpb.KV/Range" */
    const ProtobufCMessageDescriptor *request;
    const ProtobufCMessageDescriptor *response;
    bool repeatable;
};

extern const struct client_method client_range;
extern const struct client_method client_put;
extern const struct client_method client_delete_range;
extern const struct client_method client_compact;
extern const struct client_method client_member_add;
extern const struct client_method client_member_remove;
extern const struct client_method client_member_update;
extern const struct client_method client_member_list;
extern const struct client_method client_member_promote;
extern const struct client_method client_status;
extern const struct client_method client_alarm;
extern const struct client_method client_hash_kv;
extern const struct client_method client_move_leader;
extern const struct client_method client_snapshot;

enum client_call_state {
    CALL_IDLE,     /* not started, done or canceled */
    CALL_QUEUED,   /* waits for a ready connection */
    CALL_OPEN,     /* an attempt is with a server */
    CALL_RETRYING, /* waits before the next attempt */
};

/* One call. Zero-initialised and owned by the caller, at a fixed address until `done`. */
struct client_call {
    void (*done)(struct client_call *call);
    /* Of a method whose server streams: each message, borrowed; then there is no response, and an
     * attempt of which a message has come is not repeated. Else NULL. */
    void (*message)(struct client_call *call, struct slice bytes);
    void *data;

    /* The outcome, from `done` until client_call_fini. */
    enum grpc_status status;
    struct buf text; /* of an error, as etcd's client words it: what follows "Error: " */
    /* GRPC_OK: of the method's response type; owned by the call. */
    ProtobufCMessage *response;
    bool streamed; /* a message of it has come */
    bool sent;     /* some attempt has left for a server: a failed write may have taken effect */
    uint32_t attempts;

    /* The client's own. */
    struct client *client;
    const struct client_method *method;
    struct buf request;
    int64_t deadline_ns;
    int64_t retry_ns;
    enum client_call_state state;
    bool resent; /* an attempt that no server had acted on was repeated */
    struct grpc_rpc *rpc;
    struct env_timer timer;
    struct list link;
};

/* ERR_INVALID if there is no endpoint. Dials all of them. Gives *client, freed by client_close. */
int client_new(struct env *env, const struct client_config *config,
               struct client **client) MUST_CHECK;

/* Ends open calls as canceled (their `done` comes before this returns), closes the connections,
 * then frees the client and calls closed(data) in a later turn. closed may be NULL. */
void client_close(struct client *client, void (*closed)(void *data), void *data);

/* Packs the request (borrowed for this call) and sends it as soon as a connection is ready.
 * deadline_ns is monotonic; INT64_MAX: none. The call may be started again after `done`. */
void client_start(struct client *client, struct client_call *call,
                  const struct client_method *method, const ProtobufCMessage *request,
                  int64_t deadline_ns);
/* Stops and resumes reading on the connection that an open streaming call is on: how a slow taker
 * of messages pushes back. A few more may come. Resume before the call is given up. */
void client_pause(struct client_call *call, bool on);
/* Gives a call up; `done` does not come. Does nothing to an idle one. */
void client_cancel(struct client_call *call);
/* Frees the outcome. Also allowed for a call that was never started. */
void client_call_fini(struct client_call *call);

size_t client_endpoint_count(const struct client *client);
/* As it was given; borrowed until client_close. */
struct slice client_endpoint(const struct client *client, size_t i);

/* What etcd's client says of an error: the server's text if it is one of etcd's, else
 * "rpc error: code = NAME desc = TEXT" (clientv3: toErr). */
void client_error_text(enum grpc_status status, struct slice text, struct buf *out);
/* One of the texts that etcd's client knows (rpctypes). */
bool client_error_is_etcd(struct slice text);

#endif
