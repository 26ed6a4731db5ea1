/* The client: one line after the other, each checked. */
#include "base/assert.h"
#include "base/duration.h"
#include "base/fmt.h"
#include "toy.h"

struct client {
    struct env *env;
    struct env_stream stream;
    struct env_link link;
    struct env_timer again;
    struct env_timer patience;
    struct rng rng;
    uint16_t port;
    uint64_t lines;
    uint64_t done;
    bool linked;
    bool busy; /* the stream is in use */
    bool link_busy;
    bool leaving;
    struct buf line; /* what was sent last */
    size_t matched;  /* of it, what came back */
};

static void send_line(struct client *client)
{
    struct env *env = client->env;
    buf_clear(&client->line);
    client->matched = 0;
    buf_printf(&client->line, "line %llu ", (unsigned long long)client->done);
    uint64_t extra = rng_below(&client->rng, 40);
    extra = rng_below(&client->rng, 1 + extra * extra);
    for (uint64_t i = 0; i < extra; i++) {
        buf_add_u8(&client->line, (uint8_t)('a' + i % 26));
    }
    buf_add_u8(&client->line, '\n');
    env_stream_write(env, &client->stream, buf_slice(&client->line));
    env_timer_set(env, &client->patience, env_now_ns(env) + 2 * SEC_NS);
    if (client->linked && env_link_send(env, &client->link, buf_slice(&client->line)) != 0) {
        client->linked = false;
    }
}

static void leave(struct client *client)
{
    client->leaving = true;
    env_timer_stop(client->env, &client->again);
    env_timer_stop(client->env, &client->patience);
    env_stream_close(client->env, &client->stream);
    if (client->link_busy) {
        env_link_close(client->env, &client->link);
    }
}

static void maybe_exit(struct client *client)
{
    if (!client->leaving || client->busy || client->link_busy) {
        return;
    }
    struct env *env = client->env;
    buf_fini(&client->line);
    mem_free(env->mem, client);
    env_exit(env, 0, true);
}

static void try_later(struct client *client)
{
    int64_t wait_ns = rng_range(&client->rng, 50 * MS_NS, 150 * MS_NS);
    env_timer_set(client->env, &client->again, env_now_ns(client->env) + wait_ns);
}

static void on_opened(struct env_stream *stream, int status)
{
    struct client *client = stream->data;
    if (status != 0) {
        env_stream_close(client->env, stream);
        return;
    }
    send_line(client);
}

static void on_data(struct env_stream *stream, struct slice bytes)
{
    struct client *client = stream->data;
    size_t rest = client->line.len - client->matched;
    ASSERT(bytes.len <= rest);
    ASSERT(slice_eq(bytes, slice_of(client->line.ptr + client->matched, bytes.len)));
    client->matched += bytes.len;
    if (client->matched < client->line.len) {
        return;
    }
    if (++client->done == client->lines) {
        leave(client);
        return;
    }
    send_line(client);
}

static void on_eof(struct env_stream *stream)
{
    struct client *client = stream->data;
    env_stream_close(client->env, stream);
}

static void on_failed(struct env_stream *stream, int err)
{
    struct client *client = stream->data;
    (void)err;
    env_stream_close(client->env, stream);
}

static void on_closed(struct env_stream *stream)
{
    struct client *client = stream->data;
    client->busy = false;
    if (!client->leaving) {
        env_timer_stop(client->env, &client->patience);
        try_later(client);
    }
    maybe_exit(client);
}

static const struct env_stream_events stream_events = {
    .opened = on_opened, .data = on_data, .eof = on_eof, .failed = on_failed, .closed = on_closed};

static void link_opened(struct env_link *link, int status)
{
    struct client *client = link->data;
    client->linked = status == 0;
    if (status != 0) {
        env_link_close(client->env, link);
    }
}

static void link_record(struct env_link *link, struct slice record)
{
    (void)link;
    ASSERT(record.len >= 5);
}

static void link_failed(struct env_link *link, int err)
{
    struct client *client = link->data;
    (void)err;
    client->linked = false;
    env_link_close(client->env, link);
}

static void link_closed(struct env_link *link)
{
    struct client *client = link->data;
    client->link_busy = false;
    client->linked = false;
    maybe_exit(client);
}

static const struct env_link_events link_events = {
    .opened = link_opened, .record = link_record, .failed = link_failed, .closed = link_closed};

static void try_again(struct env_timer *timer)
{
    struct client *client = timer->data;
    client->busy = true;
    env_stream_connect(client->env, &client->stream, client->env->args[1], client->port);
    env_timer_set(client->env, &client->patience, env_now_ns(client->env) + 2 * SEC_NS);
    if (!client->link_busy) {
        client->link_busy = true;
        env_link_connect(client->env, &client->link, client->env->args[1], client->port);
    }
}

/* Nothing for too long: the connection may be dead without anybody saying so. */
static void out_of_patience(struct env_timer *timer)
{
    struct client *client = timer->data;
    env_stream_close(client->env, &client->stream);
}

static void start(struct env *env)
{
    struct client *client = mem_zalloc(env->mem, 1, sizeof(*client));
    uint64_t port = 0;
    ASSERT(env->arg_count == 4);
    int rc = slice_to_u64(slice_str(env->args[2]), &port);
    ASSERT(rc == 0);
    rc = slice_to_u64(slice_str(env->args[3]), &client->lines);
    ASSERT(rc == 0);
    client->env = env;
    client->port = (uint16_t)port;
    client->rng = env_random(env, "toy.lines");
    buf_init(&client->line, env->mem);
    client->stream.events = &stream_events;
    client->stream.data = client;
    client->link.events = &link_events;
    client->link.data = client;
    client->again.fire = try_again;
    client->again.data = client;
    client->patience.fire = out_of_patience;
    client->patience.data = client;
    try_again(&client->again);
}

const struct env_program toy_client = {"toy-client", start};
