/* One connection: a byte stream of env with a gRPC session on it. */
#include "base/assert.h"
#include "base/duration.h"
#include "base/fmt.h"
#include "base/probe.h"
#include "client/policy.h"
#include "private.h"

/* Bytes taken from the session at a time. */
#define FLUSH_BYTES 65536
/* What a ping carries; nobody compares it. */
#define PING_OPAQUE UINT64_C(1)

static void arm_keepalive(struct conn *conn);

void client_conn_flush(struct conn *conn)
{
    struct env *env = conn->client->env;
    if (conn->busy || conn->closing) {
        return;
    }
    conn->busy = true;
    while (conn->opened && !conn->closing && grpc_client_wants_write(conn->grpc) &&
           env_stream_queued(env, &conn->stream) < (size_t)ENV_STREAM_QUEUE_HIGH) {
        buf_clear(&conn->out);
        grpc_client_send(conn->grpc, &conn->out, FLUSH_BYTES);
        if (conn->out.len == 0) {
            break;
        }
        env_stream_write(env, &conn->stream, buf_slice(&conn->out));
    }
    conn->busy = false;
    bool drained = conn->endpoint == NULL && grpc_client_call_count(conn->grpc) == 0;
    if (conn->closing) {
        grpc_client_close(conn->grpc);
    } else if (grpc_client_finished(conn->grpc) || drained) {
        client_conn_close(conn);
    }
}

static void stream_opened(struct env_stream *stream, int status)
{
    struct conn *conn = stream->data;
    if (status != 0) {
        client_conn_close(conn);
        return;
    }
    conn->opened = true;
    client_conn_flush(conn);
}

static void stream_data(struct env_stream *stream, struct slice bytes)
{
    struct conn *conn = stream->data;
    struct env *env = conn->client->env;
    conn->read_ns = env_now_ns(env);
    conn->pinged = false;
    conn->busy = true;
    int err = grpc_client_recv(conn->grpc, conn->read_ns, bytes);
    conn->busy = false;
    if (conn->closing) {
        grpc_client_close(conn->grpc);
        return;
    }
    client_conn_flush(conn);
    if (conn->closing) {
        return;
    }
    if (err != 0) {
        PROBE("client.broken_session");
        client_conn_close(conn);
    } else if (conn->endpoint != NULL && conn->endpoint->state == ENDPOINT_DIALING &&
               grpc_client_ready(conn->grpc)) {
        env_timer_stop(env, &conn->timer);
        endpoint_ready(conn->endpoint);
    }
}

static void stream_lost(struct env_stream *stream, int err)
{
    (void)err;
    client_conn_close(stream->data);
}

static void stream_eof(struct env_stream *stream)
{
    client_conn_close(stream->data);
}

static void stream_drained(struct env_stream *stream)
{
    struct conn *conn = stream->data;
    client_conn_flush(conn);
}

static void stream_closed(struct env_stream *stream)
{
    struct conn *conn = stream->data;
    struct client *client = conn->client;
    list_remove(&conn->link);
    grpc_client_free(conn->grpc);
    buf_fini(&conn->out);
    mem_free(client->mem, conn);
    client_maybe_free(client);
}

static const struct env_stream_events conn_events = {
    .opened = stream_opened,
    .data = stream_data,
    .eof = stream_eof,
    .drained = stream_drained,
    .failed = stream_lost,
    .closed = stream_closed,
};

/* The server takes no new calls here: the endpoint dials anew, the open calls may end. */
static void session_goaway(void *ctx)
{
    struct conn *conn = ctx;
    struct endpoint *endpoint = conn->endpoint;
    PROBE("client.goaway");
    if (conn->closing || endpoint == NULL) {
        return;
    }
    conn->endpoint = NULL;
    endpoint_lost(endpoint);
}

static const struct grpc_client_events session_events = {.goaway = session_goaway};

static void connect_timeout(struct env_timer *timer)
{
    PROBE("client.connect_timeout");
    client_conn_close(timer->data);
}

/* grpc-go's keep-alive: while calls are open and nothing comes, ping; no answer: give up. */
static void keepalive(struct env_timer *timer)
{
    struct conn *conn = timer->data;
    struct client *client = conn->client;
    int64_t now_ns = env_now_ns(client->env);
    if (conn->paused) {
        conn->read_ns = now_ns;
        arm_keepalive(conn);
        return;
    }
    if (conn->pinged) {
        PROBE("client.keepalive_lost");
        client_conn_close(conn);
        return;
    }
    if (grpc_client_call_count(conn->grpc) == 0) {
        return; /* armed again by the next call */
    }
    if (now_ns - conn->read_ns >= client->keepalive_time_ns) {
        conn->pinged = true;
        grpc_client_ping(conn->grpc, PING_OPAQUE);
        client_conn_flush(conn);
        env_timer_set(client->env, &conn->timer, now_ns + client->keepalive_timeout_ns);
        return;
    }
    arm_keepalive(conn);
}

static void arm_keepalive(struct conn *conn)
{
    struct client *client = conn->client;
    if (client->keepalive_time_ns <= 0 || env_timer_is_set(&conn->timer)) {
        return;
    }
    conn->timer.fire = keepalive;
    env_timer_set(client->env, &conn->timer, conn->read_ns + client->keepalive_time_ns);
}

struct conn *client_conn_dial(struct endpoint *endpoint)
{
    struct client *client = endpoint->client;
    struct env *env = client->env;
    struct conn *conn = mem_zalloc(client->mem, 1, sizeof(*conn));
    conn->client = client;
    conn->endpoint = endpoint;
    conn->stream.events = &conn_events;
    conn->stream.data = conn;
    conn->timer.fire = connect_timeout;
    conn->timer.data = conn;
    buf_init(&conn->out, client->mem);
    struct grpc_client_options options;
    grpc_client_options_default(&options);
    char authority[HOST_LEN_MAX + 16];
    size_t len = fmt(authority, sizeof(authority), "%s:%u", endpoint->url.host,
                     (unsigned)endpoint->url.port);
    options.authority = slice_of(authority, len);
    conn->grpc = grpc_client_new(client->mem, &options, &session_events, conn);
    list_push_back(&client->conns, &conn->link);
    env_stream_connect(env, &conn->stream, endpoint->url.host, endpoint->url.port);
    env_timer_set(env, &conn->timer, env_now_ns(env) + POLICY_CONNECT_TIMEOUT_NS);
    return conn;
}

int client_conn_start(struct conn *conn, struct client_call *call)
{
    struct env *env = conn->client->env;
    int64_t now_ns = env_now_ns(env);
    ASSERT(!conn->closing);
    const struct grpc_metadata metadata[] = {{slice_str("client-api-version"), slice_str("3.4")}};
    struct grpc_start start = {
        .path = slice_str(call->method->path),
        .timeout_ns = call->deadline_ns == INT64_MAX ? INT64_MAX : call->deadline_ns - now_ns,
        .metadata = metadata,
        .metadata_count = 1,
        .events = call->message != NULL ? &stream_events : &call_events,
        .user = call,
    };
    int err = grpc_rpc_unary(conn->grpc, &start, buf_slice(&call->request), &call->rpc);
    if (err != 0) {
        return err;
    }
    /* Silence counts from the first call on: what was before proves nothing. */
    if (grpc_client_call_count(conn->grpc) == 1) {
        conn->read_ns = now_ns;
    }
    arm_keepalive(conn);
    return 0;
}

void client_conn_pause(struct conn *conn, bool on)
{
    if (conn->closing || conn->paused == on) {
        return;
    }
    conn->paused = on;
    conn->read_ns = env_now_ns(conn->client->env);
    conn->pinged = false;
    env_stream_read(conn->client->env, &conn->stream, !on);
}

void client_conn_close(struct conn *conn)
{
    if (conn->closing) {
        return;
    }
    struct client *client = conn->client;
    struct endpoint *endpoint = conn->endpoint;
    conn->closing = true;
    conn->endpoint = NULL;
    env_timer_stop(client->env, &conn->timer);
    env_stream_close(client->env, &conn->stream);
    /* The endpoint first: a call that ends here and is tried again must not land here. */
    if (endpoint != NULL) {
        endpoint_lost(endpoint);
    }
    if (!conn->busy) {
        grpc_client_close(conn->grpc);
    }
}
