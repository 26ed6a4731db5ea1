/* What the files of the client share. */
#ifndef CLIENT_PRIVATE_H
#define CLIENT_PRIVATE_H

#include "base/rng.h"
#include "base/url.h"
#include "client/client.h"
#include "grpc/client.h"

/*                 dial            SETTINGS
 *   WAITING ------------> DIALING ---------> READY
 *      ^  back-off           |                 | GOAWAY, reset, keep-alive: dial at once
 *      +---------------------+                 +---> DIALING
 *           failed
 */
enum endpoint_state {
    ENDPOINT_WAITING,
    ENDPOINT_DIALING,
    ENDPOINT_READY,
};

struct endpoint {
    struct client *client;
    char *name; /* as given */
    struct url url;
    bool valid; /* url is set */
    enum endpoint_state state;
    uint32_t failures; /* dials in a row */
    struct conn *conn; /* while DIALING or READY */
    struct env_timer timer;
};

/* One connection. It outlives its endpoint's interest in it: while it drains after a GOAWAY, and
 * until its stream is closed. */
struct conn {
    struct client *client;
    struct endpoint *endpoint; /* NULL once the endpoint has let go */
    struct env_stream stream;
    struct grpc_client *grpc;
    struct env_timer timer; /* until ready: the connect's end; then keep-alive */
    struct list link;
    struct buf out;
    int64_t read_ns; /* when bytes last came */
    bool opened;
    bool pinged; /* and not heard from since */
    bool busy;   /* inside the session: it may not be entered again */
    bool paused; /* nothing is read, so silence means nothing */
    bool closing;
};

struct client {
    struct env *env;
    struct mem *mem;
    struct endpoint *endpoints;
    size_t endpoint_count;
    size_t next; /* round robin */
    int64_t keepalive_time_ns;
    int64_t keepalive_timeout_ns;
    struct rng backoff_rng;
    struct rng retry_rng;
    struct list conns;
    struct list queued; /* calls that wait for a connection, first come first served */
    struct list others; /* calls that are open or wait to be tried again */
    bool closing;
    void (*closed)(void *data);
    void *closed_data;
    struct env_timer closed_timer;
};

/* conn.c */
struct conn *client_conn_dial(struct endpoint *endpoint);
/* Starts an attempt. ERR_CONN_CLOSED: not on this connection. */
int client_conn_start(struct conn *conn, struct client_call *call) MUST_CHECK;
/* Gives out what the session has to say, and closes a connection that is of no more use. Does
 * nothing inside one of the session's own events: the outermost call will do it. */
void client_conn_flush(struct conn *conn);
void client_conn_pause(struct conn *conn, bool on);
/* Drops the connection: its calls end, its endpoint is told. Freed later. */
void client_conn_close(struct conn *conn);

/* balance.c */
void endpoint_dial(struct endpoint *endpoint);
void endpoint_ready(struct endpoint *endpoint);
/* The connection is lost, never came about, or takes no more calls. */
void endpoint_lost(struct endpoint *endpoint);
/* The next ready endpoint, or NULL. */
struct endpoint *client_pick(struct client *client);
/* The last connection is gone. */
void client_maybe_free(struct client *client);

/* call.c */
extern const struct grpc_rpc_events call_events;
extern const struct grpc_rpc_events stream_events; /* of calls with `message` */
/* Sends what waits while there is a ready connection. */
void calls_send(struct client *client);
void calls_cancel_all(struct client *client);

#endif
