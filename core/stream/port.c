#include "stream/port.h"

#include "base/assert.h"
#include "base/probe.h"
#include "conn.h"

#define CONNECTIONS_MAX 16384

void port_init(struct port *port, struct env *env, const struct port_events *events, void *data,
               const struct grpc_service *const *services, size_t service_count)
{
    *port = (struct port){.env = env,
                          .events = events,
                          .data = data,
                          .services = services,
                          .service_count = service_count,
                          .connections_max = CONNECTIONS_MAX,
                          .held = true};
    grpc_server_options_default(&port->grpc);
    list_init(&port->conns);
    list_init(&port->dirty);
    buf_init(&port->out, env->mem);
}

static void on_incoming(struct env_listener *listener, struct env_incoming *incoming)
{
    struct port_listener *own = listener->data;
    struct port *port = own->port;
    if (port->closing || port->draining) {
        return;
    }
    if (incoming->is_link) {
        if (port->events->link != NULL) {
            port->events->link(port, incoming);
        }
        return;
    }
    if (port->conn_count >= port->connections_max) {
        PROBE("stream.too_many_connections");
        return;
    }
    port_conn_accept(port, incoming);
}

static void on_listener_closed(struct env_listener *listener)
{
    struct port_listener *own = listener->data;
    struct port *port = own->port;
    ASSERT(port->listener_count > 0);
    port->listener_count--;
    if (port_gone(port)) {
        port->events->closed(port);
    }
}

int port_listen(struct port *port, const char *host, uint16_t number)
{
    ASSERT(!port->closing && !port->draining);
    if (port->listener_count == PORT_LISTENERS_MAX) {
        return ERR_LIMIT;
    }
    struct port_listener *own = &port->listeners[port->listener_count];
    *own = (struct port_listener){.port = port};
    own->listener.incoming = on_incoming;
    own->listener.closed = on_listener_closed;
    own->listener.data = own;
    own->listener.links = port->events->link != NULL;
    int rv = env_listen(port->env, &own->listener, host, number);
    if (rv != 0) {
        return rv;
    }
    own->open = true;
    port->listener_count++;
    return 0;
}

void port_serve(struct port *port)
{
    port->held = false;
    list_each (it, &port->conns) {
        port_conn_update_reading(container_of(it, struct port_conn, link));
    }
}

void port_flush(struct port *port)
{
    /* What becomes dirty while others are flushed waits for the next turn's end: it can only be a
     * connection whose peer is slow. */
    struct list now;
    list_init(&now);
    list_splice_back(&now, &port->dirty);
    struct list *it;
    while ((it = list_pop_front(&now)) != NULL) {
        port_conn_flush(container_of(it, struct port_conn, dirty));
    }
}

static void close_listeners(struct port *port)
{
    for (size_t i = 0; i < PORT_LISTENERS_MAX; i++) {
        if (port->listeners[i].open) {
            port->listeners[i].open = false;
            env_listener_close(port->env, &port->listeners[i].listener);
        }
    }
}

void port_drain(struct port *port)
{
    if (port->draining) {
        return;
    }
    port->draining = true;
    close_listeners(port);
    list_each (it, &port->conns) {
        struct port_conn *conn = container_of(it, struct port_conn, link);
        if (conn->state == CONN_GRPC) {
            grpc_server_goaway(conn->grpc);
            port_conn_mark_dirty(conn);
        }
    }
}

bool port_idle(const struct port *port)
{
    list_each (it, &port->conns) {
        const struct port_conn *conn = container_of(it, struct port_conn, link);
        if (conn->page_pending ||
            (conn->state == CONN_GRPC && grpc_server_call_count(conn->grpc) > 0)) {
            return false;
        }
    }
    return true;
}

void port_close(struct port *port)
{
    ASSERT(!port->closing);
    port->closing = true;
    close_listeners(port);
    list_each_safe (it, &port->conns) {
        port_conn_close(container_of(it, struct port_conn, link));
    }
    buf_fini(&port->out);
}

bool port_gone(const struct port *port)
{
    return port->closing && port->conn_count == 0 && port->listener_count == 0;
}
