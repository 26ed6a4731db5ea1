/* gRPC over one HTTP/2 connection, server side: bytes in, bytes out.
 *
 * Finds the method of each call in the tables that its owner gives, cuts the body into messages,
 * and answers what grpc-go 1.33 answers when a call is malformed, unknown or too large: clients
 * compare those statuses and texts. Knows nothing of what a message contains.
 *
 * A call (`struct grpc_call`) is valid from its first event until grpc_call_finish is called or
 * `canceled` returns, exactly one of which happens. All four kinds of method use the same object:
 *
 *              start          message*          half_closed
 *   (headers) ------> open ------------> open -------------> open
 *                      |  grpc_call_send*, grpc_call_finish    |
 *                      +------> finished (by the method) <-----+
 *                      +------> canceled (reset, connection lost)
 *
 * A method whose client does not stream gets exactly one message and no half_closed; what follows
 * the message is ignored, as grpc-go does. Deadlines are told, not kept: who owns timers ends the
 * call.
 */
#ifndef GRPC_SERVER_H
#define GRPC_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/slice.h"
#include "http2/http2.h"

struct grpc_call;

struct grpc_method {
    const char *name;
    bool client_streams; /* any number of messages; else exactly one */
    bool server_streams; /* for the reader only: grpc_call_send may be called any number of times */
    /* The call begins; its metadata can be read. NULL is allowed. */
    void (*start)(struct grpc_call *call);
    /* One message, borrowed until this returns or the call is finished. */
    void (*message)(struct grpc_call *call, struct slice message);
    /* The client has sent its last message (client_streams only). NULL is allowed. */
    void (*half_closed)(struct grpc_call *call);
    /* All that was sent has been given out: time to send more. NULL is allowed. */
    void (*drained)(struct grpc_call *call);
    /* The client has reset or broken the call, or is gone. Nothing can be sent; the call ends when
     * this returns. NULL is allowed only if nothing else remembers the call. */
    void (*canceled)(struct grpc_call *call);
};

struct grpc_service {
    const char *name; /* "etcdserverpb.KV" */
    const struct grpc_method *methods;
    size_t count;
};

struct grpc_server_options {
    size_t message_max; /* bytes of one received message: 1.5 MiB + 512 KiB */
    struct http2_options http2;
};

void grpc_server_options_default(struct grpc_server_options *options);

/* One connection. */
struct grpc_server;

/* Borrows mem, services (an array of count pointers) and ctx; options may be NULL. */
struct grpc_server *grpc_server_new(struct mem *mem, const struct grpc_service *const *services,
                                    size_t count, const struct grpc_server_options *options,
                                    void *ctx);
/* Calls still open are canceled. NULL is allowed. */
void grpc_server_free(struct grpc_server *g);

/* As http2_recv and its relatives. */
MUST_CHECK int grpc_server_recv(struct grpc_server *g, int64_t now_ns, struct slice bytes);
void grpc_server_send(struct grpc_server *g, struct buf *out, size_t max);
void grpc_server_close(struct grpc_server *g);
bool grpc_server_wants_read(const struct grpc_server *g);
bool grpc_server_wants_write(const struct grpc_server *g);
bool grpc_server_finished(const struct grpc_server *g);
/* No new calls; finished when the open ones are. */
void grpc_server_goaway(struct grpc_server *g);
size_t grpc_server_call_count(const struct grpc_server *g);
/* The session below, for its counters, pings and hard end. */
struct http2 *grpc_server_http2(struct grpc_server *g);

/* The ctx of grpc_server_new. */
void *grpc_call_ctx(const struct grpc_call *call);
void *grpc_call_user(const struct grpc_call *call);
void grpc_call_set_user(struct grpc_call *call, void *user);
const struct grpc_method *grpc_call_method(const struct grpc_call *call);
/* When the client gives up, on the clock of grpc_server_recv; INT64_MAX: never. */
int64_t grpc_call_deadline_ns(const struct grpc_call *call);
/* A request header field such as "token" or "hasleader"; borrowed while the call lives. */
bool grpc_call_metadata(const struct grpc_call *call, const char *name, struct slice *value);

/* Queues one message: copies it, or makes room for len bytes which the caller fills at once. */
void grpc_call_send(struct grpc_call *call, struct slice message);
uint8_t *grpc_call_reserve(struct grpc_call *call, size_t len);
/* Bytes queued and not yet given out. */
size_t grpc_call_pending(const struct grpc_call *call);
/* Ends the call; the pointer is dead. The text is copied. If nothing was sent the answer is one
 * trailers-only block, as grpc-go writes it. */
void grpc_call_finish(struct grpc_call *call, enum grpc_status status, struct slice text);
void grpc_call_finish_ok(struct grpc_call *call);
/* With the status and text of base's table. */
void grpc_call_finish_err(struct grpc_call *call, int err);

#endif
