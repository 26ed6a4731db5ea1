/* One connection of a port. Private to core/stream.
 *
 *            first bytes                     peer or port ends it            closed
 *   SNIFFING ----------> GRPC or HTTP1 ----------------------------> CLOSING ------> (freed)
 */
#ifndef STREAM_CONN_H
#define STREAM_CONN_H

#include "stream/port.h"

enum conn_state {
    CONN_SNIFFING,
    CONN_GRPC,
    CONN_HTTP1,
    CONN_CLOSING
};

struct port_conn {
    struct list link;  /* in port.conns */
    struct list dirty; /* in port.dirty, or alone */
    struct port *port;
    struct env_stream stream;
    enum conn_state state;
    struct grpc_server *grpc;
    struct http1_server *http1;
    uint8_t first[HTTP2_PREFACE_LEN]; /* while sniffing */
    size_t first_len;
    struct env_timer timer; /* keep-alive */
    int64_t read_ns;        /* when bytes last came */
    bool pinged;            /* and nothing has come since */
    bool reading;
    bool ended;        /* our end is queued: only the peer's end is awaited */
    bool in_recv;      /* inside a protocol's recv: its objects may not be freed */
    bool close_wanted; /* meanwhile somebody asked */
    bool page_pending;
    void *page_user;
};

void port_conn_accept(struct port *port, struct env_incoming *incoming);
void port_conn_mark_dirty(struct port_conn *conn);
/* Writes the pending output, and closes what is finished. */
void port_conn_flush(struct port_conn *conn);
void port_conn_update_reading(struct port_conn *conn);
void port_conn_close(struct port_conn *conn);

#endif
