#include "conn.h"

#include "base/assert.h"
#include "base/probe.h"
#include "http2/http2.h"

/* What a ping carries; nobody compares it. */
#define PING_OPAQUE UINT64_C(1)
/* A slow reader costs at most this much queued in the stream before we stop taking its requests. */
#define OUTPUT_PIECE ((size_t)256 * 1024)

void port_conn_mark_dirty(struct port_conn *conn)
{
    if (conn->state != CONN_CLOSING && list_empty(&conn->dirty)) {
        list_push_back(&conn->port->dirty, &conn->dirty);
    }
}

static void free_protocols(struct port_conn *conn)
{
    if (conn->page_pending) {
        conn->page_pending = false;
        if (conn->port->events->page_gone != NULL) {
            conn->port->events->page_gone(conn->port, conn);
        }
    }
    struct grpc_server *grpc = conn->grpc;
    conn->grpc = NULL;
    grpc_server_free(grpc);
    if (conn->http1 != NULL) {
        http1_server_free(conn->http1);
        conn->http1 = NULL;
    }
}

void port_conn_close(struct port_conn *conn)
{
    if (conn->in_recv) {
        conn->close_wanted = true;
        return;
    }
    if (conn->state == CONN_CLOSING) {
        return;
    }
    conn->state = CONN_CLOSING;
    env_timer_stop(conn->port->env, &conn->timer);
    list_remove(&conn->dirty);
    free_protocols(conn);
    env_stream_close(conn->port->env, &conn->stream);
}

static bool wants_read(const struct port_conn *conn)
{
    if (conn->port->held || conn->ended) {
        return false;
    }
    switch (conn->state) {
    case CONN_SNIFFING: return true;
    case CONN_GRPC: return grpc_server_wants_read(conn->grpc);
    case CONN_HTTP1: return http1_server_wants_read(conn->http1);
    case CONN_CLOSING: return false;
    }
    UNREACHABLE();
}

void port_conn_update_reading(struct port_conn *conn)
{
    if (conn->state == CONN_CLOSING) {
        return;
    }
    struct env *env = conn->port->env;
    bool want = wants_read(conn) && env_stream_queued(env, &conn->stream) < ENV_STREAM_QUEUE_HIGH;
    if (want != conn->reading) {
        conn->reading = want;
        env_stream_read(env, &conn->stream, want);
    }
}

static bool finished(const struct port_conn *conn)
{
    return (conn->state == CONN_GRPC && grpc_server_finished(conn->grpc)) ||
           (conn->state == CONN_HTTP1 && http1_server_finished(conn->http1) &&
            !http1_server_wants_write(conn->http1));
}

static void take_output(struct port_conn *conn, struct buf *out)
{
    if (conn->state == CONN_GRPC) {
        grpc_server_send(conn->grpc, out, OUTPUT_PIECE);
    } else if (conn->state == CONN_HTTP1) {
        http1_server_send(conn->http1, out, OUTPUT_PIECE);
    }
}

void port_conn_flush(struct port_conn *conn)
{
    struct port *port = conn->port;
    list_remove(&conn->dirty);
    while (conn->state != CONN_CLOSING &&
           env_stream_queued(port->env, &conn->stream) < ENV_STREAM_QUEUE_HIGH) {
        buf_clear(&port->out);
        take_output(conn, &port->out);
        if (port->out.len == 0) {
            break;
        }
        env_stream_write(port->env, &conn->stream, buf_slice(&port->out));
    }
    if (conn->state == CONN_CLOSING) {
        return;
    }
    if (finished(conn) && !conn->ended) {
        /* The last bytes still go out; the peer closes, or the port does. */
        conn->ended = true;
        env_stream_end(port->env, &conn->stream);
    }
    port_conn_update_reading(conn);
}

static void page(void *ctx, struct http1_server *server, const struct http1_request *request)
{
    struct port_conn *conn = ctx;
    (void)server;
    conn->page_pending = true;
    conn->port->events->page(conn->port, conn, request);
}

static int feed(struct port_conn *conn, struct slice bytes)
{
    int rv = 0;
    conn->in_recv = true;
    if (conn->state == CONN_GRPC) {
        rv = grpc_server_recv(conn->grpc, env_now_ns(conn->port->env), bytes);
    } else if (conn->state == CONN_HTTP1) {
        rv = http1_server_recv(conn->http1, bytes);
    }
    conn->in_recv = false;
    return rv;
}

/* Protocol errors leave an answer to be sent (a GOAWAY, a 400): it is flushed, then the end. */
static void broken(struct port_conn *conn)
{
    PROBE("stream.protocol_error");
    port_conn_flush(conn);
    if (conn->state != CONN_CLOSING && !conn->ended) {
        conn->ended = true;
        env_stream_end(conn->port->env, &conn->stream);
        port_conn_update_reading(conn);
    }
}

static void keepalive(struct env_timer *timer)
{
    struct port_conn *conn = timer->data;
    struct port *port = conn->port;
    int64_t silent_ns = env_now_ns(port->env) - conn->read_ns;
    if (conn->pinged) {
        PROBE("stream.keepalive_lost");
        port_conn_close(conn);
        return;
    }
    if (silent_ns < port->keepalive_interval_ns) {
        env_timer_set(port->env, timer, conn->read_ns + port->keepalive_interval_ns);
        return;
    }
    conn->pinged = true;
    http2_ping(grpc_server_http2(conn->grpc), PING_OPAQUE);
    port_conn_mark_dirty(conn);
    env_timer_set(port->env, timer, env_now_ns(port->env) + port->keepalive_timeout_ns);
}

/* Bytes have come: whoever sent them is there. */
static void heard(struct port_conn *conn)
{
    struct port *port = conn->port;
    conn->read_ns = env_now_ns(port->env);
    if (conn->state != CONN_GRPC || port->keepalive_interval_ns <= 0 ||
        port->keepalive_timeout_ns <= 0) {
        return;
    }
    if (conn->pinged || !env_timer_is_set(&conn->timer)) {
        conn->pinged = false;
        conn->timer.fire = keepalive;
        conn->timer.data = conn;
        env_timer_set(port->env, &conn->timer, conn->read_ns + port->keepalive_interval_ns);
    }
}

static void choose(struct port_conn *conn, enum http2_match match)
{
    struct port *port = conn->port;
    if (match == HTTP2_MATCH_YES && port->services != NULL) {
        conn->grpc =
            grpc_server_new(port->env->mem, port->services, port->service_count, &port->grpc, conn);
        conn->state = CONN_GRPC;
        if (port->draining) {
            grpc_server_goaway(conn->grpc);
        }
    } else {
        conn->http1 = http1_server_new(port->env->mem, NULL, page, conn);
        conn->state = CONN_HTTP1;
    }
}

/* Consumes what is needed to tell the protocols apart and replays it to the one that was chosen. */
static int sniff(struct port_conn *conn, struct slice *bytes)
{
    size_t room = sizeof(conn->first) - conn->first_len;
    size_t take = bytes->len < room ? bytes->len : room;
    memcpy(conn->first + conn->first_len, bytes->ptr, take);
    conn->first_len += take;
    *bytes = slice_from(*bytes, take);
    enum http2_match match = http2_preface_match(slice_of(conn->first, conn->first_len));
    if (match == HTTP2_MATCH_MORE) {
        return 0;
    }
    choose(conn, match);
    return feed(conn, slice_of(conn->first, conn->first_len));
}

static void on_data(struct env_stream *stream, struct slice bytes)
{
    struct port_conn *conn = stream->data;
    int rv = 0;
    if (conn->ended) {
        return;
    }
    if (conn->state == CONN_SNIFFING) {
        rv = sniff(conn, &bytes);
    }
    if (rv == 0 && bytes.len > 0 && conn->state != CONN_SNIFFING) {
        rv = feed(conn, bytes);
    }
    if (conn->close_wanted) {
        port_conn_close(conn);
        return;
    }
    if (rv != 0) {
        broken(conn);
        return;
    }
    heard(conn);
    port_conn_mark_dirty(conn);
}

/* The peer sends no more. Half-closed HTTP/2 is of no use to anybody, and a page's client that
 * wanted the answer would have kept its side open: both end here once our output is out. */
static void on_eof(struct env_stream *stream)
{
    struct port_conn *conn = stream->data;
    port_conn_flush(conn);
    if (conn->state != CONN_CLOSING && (conn->state != CONN_HTTP1 || !conn->page_pending)) {
        port_conn_close(conn);
    }
}

static void on_drained(struct env_stream *stream)
{
    struct port_conn *conn = stream->data;
    port_conn_mark_dirty(conn);
}

static void on_failed(struct env_stream *stream, int err)
{
    struct port_conn *conn = stream->data;
    (void)err;
    port_conn_close(conn);
}

static void on_closed(struct env_stream *stream)
{
    struct port_conn *conn = stream->data;
    struct port *port = conn->port;
    list_remove(&conn->link);
    port->conn_count--;
    mem_free(port->env->mem, conn);
    if (port_gone(port)) {
        port->events->closed(port);
    }
}

static const struct env_stream_events stream_events = {
    .data = on_data,
    .eof = on_eof,
    .drained = on_drained,
    .failed = on_failed,
    .closed = on_closed,
};

void port_conn_accept(struct port *port, struct env_incoming *incoming)
{
    struct port_conn *conn = mem_zalloc(port->env->mem, 1, sizeof(*conn));
    conn->port = port;
    conn->stream.events = &stream_events;
    conn->stream.data = conn;
    conn->reading = true;
    list_init(&conn->dirty);
    list_push_back(&port->conns, &conn->link);
    port->conn_count++;
    env_stream_accept(port->env, incoming, &conn->stream);
    port_conn_update_reading(conn);
}

struct port *port_of_call(struct grpc_call *call)
{
    struct port_conn *conn = grpc_call_ctx(call);
    return conn->port;
}

void port_call_send(struct grpc_call *call, struct slice message)
{
    port_conn_mark_dirty(grpc_call_ctx(call));
    grpc_call_send(call, message);
}

uint8_t *port_call_reserve(struct grpc_call *call, size_t len)
{
    port_conn_mark_dirty(grpc_call_ctx(call));
    return grpc_call_reserve(call, len);
}

void port_call_ok(struct grpc_call *call)
{
    port_conn_mark_dirty(grpc_call_ctx(call));
    grpc_call_finish_ok(call);
}

void port_call_err(struct grpc_call *call, int err)
{
    port_conn_mark_dirty(grpc_call_ctx(call));
    grpc_call_finish_err(call, err);
}

struct http1_server *port_page_take(struct port_conn *conn)
{
    /* Before the answer is written: a pipelined request behind it is handed on while that happens,
     * and is pending in its turn. */
    ASSERT(conn->page_pending);
    conn->page_pending = false;
    conn->page_user = NULL;
    http1_server_set_wall(conn->http1, env_wall_ns(conn->port->env));
    port_conn_mark_dirty(conn);
    return conn->http1;
}

void port_page_answer(struct port_conn *conn, const struct http1_answer *answer)
{
    http1_answer(port_page_take(conn), answer);
}

void port_page_set_user(struct port_conn *conn, void *user)
{
    conn->page_user = user;
}

void *port_page_user(const struct port_conn *conn)
{
    return conn->page_user;
}
