#include "peer/fetch.h"

#include "base/assert.h"
#include "base/fmt.h"

#define FETCH_BODY_MAX ((size_t)1024 * 1024)

/* The stream is closed first; the answer is told when it is gone, so that the handle is free then.
 */
static void finish(struct peer_fetch *fetch, int err)
{
    if (fetch->finished) {
        return;
    }
    fetch->finished = true;
    fetch->err = err;
    env_timer_stop(fetch->env, &fetch->timer);
    env_stream_close(fetch->env, &fetch->stream);
}

static void on_opened(struct env_stream *stream, int status)
{
    struct peer_fetch *fetch = stream->data;
    if (status != 0) {
        finish(fetch, status);
        return;
    }
    struct buf out;
    buf_init(&out, fetch->env->mem);
    http1_request_write(&out, "GET", slice_str(fetch->target), slice_str(fetch->host), NULL,
                        slice_of(NULL, 0));
    env_stream_write(fetch->env, stream, buf_slice(&out));
    buf_fini(&out);
}

static void on_data(struct env_stream *stream, struct slice bytes)
{
    struct peer_fetch *fetch = stream->data;
    if (fetch->finished) {
        return;
    }
    int rv = http1_client_recv(fetch->client, bytes);
    if (rv != 0 || http1_client_done(fetch->client)) {
        finish(fetch, rv);
    }
}

static void on_eof(struct env_stream *stream)
{
    struct peer_fetch *fetch = stream->data;
    if (!fetch->finished) {
        finish(fetch, http1_client_eof(fetch->client));
    }
}

static void on_failed(struct env_stream *stream, int err)
{
    struct peer_fetch *fetch = stream->data;
    finish(fetch, err);
}

static void on_closed(struct env_stream *stream)
{
    struct peer_fetch *fetch = stream->data;
    struct http1_client *client = fetch->client;
    bool ok = fetch->err == 0;
    int status = ok ? http1_client_status(client) : 0;
    struct slice body = ok ? http1_client_body(client) : slice_of(NULL, 0);
    stream->impl = NULL;
    fetch->done(fetch, fetch->err, status, body);
    http1_client_free(client);
}

static void on_timer(struct env_timer *timer)
{
    struct peer_fetch *fetch = timer->data;
    finish(fetch, ERR_TIMEOUT);
}

static const struct env_stream_events stream_events = {
    .opened = on_opened,
    .data = on_data,
    .eof = on_eof,
    .failed = on_failed,
    .closed = on_closed,
};

void peer_fetch_start(struct peer_fetch *fetch, struct env *env, const char *host, uint16_t port,
                      const char *target, int64_t timeout_ns)
{
    ASSERT(fetch->done != NULL && strlen(target) < sizeof(fetch->target));
    fetch->env = env;
    fetch->err = 0;
    fetch->finished = false;
    fetch->client = http1_client_new(env->mem, FETCH_BODY_MAX);
    fmt(fetch->host, sizeof(fetch->host), "%s:%u", host, port);
    fmt(fetch->target, sizeof(fetch->target), "%s", target);
    fetch->stream = (struct env_stream){.events = &stream_events, .data = fetch};
    fetch->timer.fire = on_timer;
    fetch->timer.data = fetch;
    env_timer_set(env, &fetch->timer, env_now_ns(env) + timeout_ns);
    env_stream_connect(env, &fetch->stream, host, port);
}

bool peer_fetch_field(const struct peer_fetch *fetch, const char *name, struct slice *value)
{
    return http1_client_field(fetch->client, name, value);
}

void peer_fetch_cancel(struct peer_fetch *fetch)
{
    finish(fetch, ERR_CANCELED);
}
