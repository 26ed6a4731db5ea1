/* A port that people and programs connect to: gRPC over HTTP/2 and plain HTTP/1.1 on one address,
 * told apart by the first bytes of a connection, as etcd does (its README calls it cmux).
 *
 * A port joins an env listener to the sans-IO protocol modules: bytes in from the stream, output
 * flushed once at the end of each turn, backpressure in both directions, everything bounded. It
 * knows no service and no page: its user gives both. Incoming record streams are handed to the
 * user.
 *
 * Invariants: a connection that has output to give is on the dirty list; nothing is written outside
 * port_flush; what a peer never reads stops our reading before it makes us grow.
 */
#ifndef STREAM_PORT_H
#define STREAM_PORT_H

#include "base/list.h"
#include "env/env.h"
#include "grpc/server.h"
#include "http1/server.h"

struct port;
struct port_conn;

struct port_events {
    /* One HTTP/1.1 request: answer with port_page_answer, now or later. */
    void (*page)(struct port *port, struct port_conn *conn, const struct http1_request *request);
    /* The connection of a request that was not yet answered is gone. NULL if pages answer at once.
     */
    void (*page_gone)(struct port *port, struct port_conn *conn);
    /* A record stream arrives: take it with env_link_accept or it is refused. NULL: none are taken.
     */
    void (*link)(struct port *port, struct env_incoming *incoming);
    /* Every connection and listener is gone (see port_close). */
    void (*closed)(struct port *port);
};

struct port_listener {
    struct env_listener listener;
    struct port *port;
    bool open;
};

#define PORT_LISTENERS_MAX 16

struct port {
    struct env *env;
    const struct port_events *events;
    void *data;
    const struct grpc_service *const *services; /* borrowed; NULL: no gRPC here */
    size_t service_count;
    size_t connections_max; /* further ones are reset */
    /* The owner may change these three before port_listen. */
    struct grpc_server_options grpc;
    /* A gRPC connection on which nothing has come for interval_ns is pinged, and closed if nothing
     * comes for timeout_ns more, so that a peer whose machine is gone costs nothing for ever. One
     * of them 0: never. */
    int64_t keepalive_interval_ns;
    int64_t keepalive_timeout_ns;
    struct port_listener listeners[PORT_LISTENERS_MAX];
    size_t listener_count;
    struct list conns; /* in the order in which they came */
    struct list dirty;
    size_t conn_count;
    struct buf out; /* what one connection writes in one flush */
    bool held;
    bool draining;
    bool closing;
};

/* Borrows everything. The port begins held: connections are accepted and nothing is read from them,
 * until port_serve. */
void port_init(struct port *port, struct env *env, const struct port_events *events, void *data,
               const struct grpc_service *const *services, size_t service_count);
/* Binds one more address. Errors of env_listen, and ERR_LIMIT past PORT_LISTENERS_MAX. */
int port_listen(struct port *port, const char *host, uint16_t number) MUST_CHECK;
/* From now on what was accepted is served. */
void port_serve(struct port *port);
/* Writes what the turn has left in the connections; the owner calls it at the end of each turn. */
void port_flush(struct port *port);
/* No new connections and calls; those that are open may finish. */
void port_drain(struct port *port);
/* Nothing is under way any more. */
bool port_idle(const struct port *port);
/* Ends every connection. If port_gone is not true at once, `closed` follows in a later turn. */
void port_close(struct port *port);
/* After port_close: nothing is left, the memory is the caller's. */
bool port_gone(const struct port *port);

/* Calls: the same as grpc's, and the connection is flushed at the end of the turn. The call's ctx
 * is its connection: ask port_of_call for the port. */
struct port *port_of_call(struct grpc_call *call);
void port_call_send(struct grpc_call *call, struct slice message);
uint8_t *port_call_reserve(struct grpc_call *call, size_t len);
void port_call_ok(struct grpc_call *call);
void port_call_err(struct grpc_call *call, int err);

/* Answers the pending request of this connection. */
void port_page_answer(struct port_conn *conn, const struct http1_answer *answer);
/* Takes the pending request, to be answered at once with one of http1_answer_…: the next one of the
 * connection may be handed on before that returns. */
struct http1_server *port_page_take(struct port_conn *conn);
void port_page_set_user(struct port_conn *conn, void *user);
void *port_page_user(const struct port_conn *conn);

#endif
