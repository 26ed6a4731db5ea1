/* gRPC over one HTTP/2 connection, client side: bytes in, bytes out.
 *
 * Starts calls, cuts answers into messages, and turns whatever ends a call into a status and a text
 * as grpc-go 1.33 does (trailers, RST_STREAM codes, GOAWAY, a lost connection, an answer that is
 * not gRPC). Knows no name resolution, no retry and no clock: who owns timers cancels at the
 * deadline.
 *
 * A call (`struct grpc_rpc`) is valid from grpc_rpc_start until its `done` returns; `done` comes
 * exactly once, also for calls that are open when the connection is closed or freed.
 */
#ifndef GRPC_CLIENT_H
#define GRPC_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/slice.h"
#include "http2/http2.h"

struct grpc_rpc;

/* How a call ended. Borrowed for the call of `done`. */
struct grpc_result {
    enum grpc_status status;
    struct slice text;
    bool unprocessed;      /* the server has certainly not acted on it: may be sent again */
    struct slice response; /* of a unary call with GRPC_OK: the message; else empty */
};

struct grpc_rpc_events {
    /* Header fields of the answer have come; not called for a trailers-only answer. May be NULL. */
    void (*headers)(struct grpc_rpc *rpc);
    /* A message of a streaming call, borrowed. NULL makes the call unary: its one message is kept
     * and handed to `done`. */
    void (*message)(struct grpc_rpc *rpc, struct slice message);
    /* All that was sent has been given out. May be NULL. */
    void (*drained)(struct grpc_rpc *rpc);
    void (*done)(struct grpc_rpc *rpc, const struct grpc_result *result);
};

struct grpc_client_events {
    /* No new calls can be started here (GOAWAY). May be NULL. */
    void (*goaway)(void *ctx);
    /* The answer to grpc_client_ping. May be NULL. */
    void (*pong)(void *ctx, uint64_t opaque);
};

struct grpc_client_options {
    struct slice authority;  /* "127.0.0.1:2379"; copied */
    struct slice user_agent; /* copied; empty: "grpc-quorate" */
    size_t message_max;      /* bytes of one received message: 2^31 - 1 */
    struct http2_options http2;
};

void grpc_client_options_default(struct grpc_client_options *options);

/* One connection. */
struct grpc_client;

/* Borrows mem and ctx; copies options and events (which may be NULL). */
struct grpc_client *grpc_client_new(struct mem *mem, const struct grpc_client_options *options,
                                    const struct grpc_client_events *events, void *ctx);
/* Calls still open are done with Unavailable, "transport is closing". NULL is allowed. */
void grpc_client_free(struct grpc_client *g);

/* As http2_recv and its relatives. */
MUST_CHECK int grpc_client_recv(struct grpc_client *g, int64_t now_ns, struct slice bytes);
void grpc_client_send(struct grpc_client *g, struct buf *out, size_t max);
void grpc_client_close(struct grpc_client *g);
bool grpc_client_wants_read(const struct grpc_client *g);
bool grpc_client_wants_write(const struct grpc_client *g);
bool grpc_client_finished(const struct grpc_client *g);
/* The server's SETTINGS have come: only then does grpc-go call a connection ready. */
bool grpc_client_ready(const struct grpc_client *g);
void grpc_client_ping(struct grpc_client *g, uint64_t opaque);
size_t grpc_client_call_count(const struct grpc_client *g);
struct http2 *grpc_client_http2(struct grpc_client *g);

#define GRPC_METADATA_MAX 8

/* Request metadata such as {"client-api-version", "3.4"}. */
struct grpc_metadata {
    struct slice name;
    struct slice value;
};

struct grpc_start {
    struct slice path; /* "/etcdserverpb.KV/Put" */
    /* Time left for the call, written as grpc-timeout; INT64_MAX: none. */
    int64_t timeout_ns;
    const struct grpc_metadata *metadata; /* at most GRPC_METADATA_MAX; copied */
    size_t metadata_count;
    const struct grpc_rpc_events *events; /* borrowed until done */
    void *user;
};

/* ERR_CONN_CLOSED: this connection takes no more calls; *rpc is not set and `done` does not come.
 * Client-streaming: then grpc_rpc_send* and grpc_rpc_end. */
MUST_CHECK int grpc_rpc_start(struct grpc_client *g, const struct grpc_start *start,
                              struct grpc_rpc **rpc);
/* Start, send one message, end. */
MUST_CHECK int grpc_rpc_unary(struct grpc_client *g, const struct grpc_start *start,
                              struct slice message, struct grpc_rpc **rpc);
void grpc_rpc_send(struct grpc_rpc *rpc, struct slice message);
uint8_t *grpc_rpc_reserve(struct grpc_rpc *rpc, size_t len);
void grpc_rpc_end(struct grpc_rpc *rpc);
size_t grpc_rpc_pending(const struct grpc_rpc *rpc);
/* Gives the call up: the stream is reset with CANCEL and `done` comes with err's status and text
 * (ERR_DEADLINE, ERR_CANCELED) before this returns. */
void grpc_rpc_cancel(struct grpc_rpc *rpc, int err);

void *grpc_rpc_user(const struct grpc_rpc *rpc);
void *grpc_rpc_ctx(const struct grpc_rpc *rpc);
/* A header field of the answer. */
bool grpc_rpc_metadata(const struct grpc_rpc *rpc, const char *name, struct slice *value);

#endif
