/* Byte streams: what is carried, how it is held back, how one side ends. */
#include "cases.h"
#include "program.h"

#define PORT        2000
#define ECHO_BYTES  (3 * 1024 * 1024)
#define PIECE_BYTES 50000

struct stream_state {
    struct env *env;
    struct env_listener listener;
    struct env_stream stream; /* the one of the case */
    struct env_stream second; /* a signal beside it */
    struct env_timer timer;
    struct rng sends; /* both sides draw the same bytes */
    struct rng expects;
    uint64_t sent;
    uint64_t got;
    int closed_count;
    int incoming_count;
    bool ended;   /* we */
    bool got_eof; /* they */
    bool drained;
    bool inside; /* a call of ours is running: no callback may */
};

static struct stream_state *state_new(struct env *env)
{
    struct stream_state *s = mem_zalloc(env->mem, 1, sizeof(*s));
    s->env = env;
    s->listener.data = s;
    s->stream.data = s;
    s->second.data = s;
    s->timer.data = s;
    s->sends = rng_stream(7, "bytes", 0);
    s->expects = rng_stream(7, "bytes", 0);
    return s;
}

static void send_random(struct stream_state *s, struct env_stream *stream, size_t len)
{
    uint8_t bytes[PIECE_BYTES];
    for (size_t i = 0; i < len; i++) {
        bytes[i] = (uint8_t)rng_u64(&s->sends);
    }
    s->inside = true;
    env_stream_write(s->env, stream, slice_of(bytes, len));
    s->inside = false;
    s->sent += len;
}

static bool check_random(struct stream_state *s, struct slice bytes)
{
    for (size_t i = 0; i < bytes.len; i++) {
        if (bytes.ptr[i] != (uint8_t)rng_u64(&s->expects)) {
            return false;
        }
    }
    s->got += bytes.len;
    return true;
}

static void listen_here(struct stream_state *s,
                        void (*incoming)(struct env_listener *listener,
                                         struct env_incoming *incoming),
                        void (*closed)(struct env_listener *listener))
{
    s->listener.incoming = incoming;
    s->listener.closed = closed;
    EXPECT_INT(s->env, env_listen(s->env, &s->listener, s->env->args[1], PORT), 0);
}

static void no_drained(struct env_stream *stream)
{
    struct stream_state *s = stream->data;
    (void)s;
}

static void unexpected_failure(struct env_stream *stream, int err)
{
    struct stream_state *s = stream->data;
    EXPECT_INT(s->env, err, 0);
}

static void unexpected_data(struct env_stream *stream, struct slice bytes)
{
    struct stream_state *s = stream->data;
    EXPECT_INT(s->env, bytes.len, 0);
}

static void unexpected_eof(struct env_stream *stream)
{
    struct stream_state *s = stream->data;
    EXPECT(s->env, !"eof");
}

static void unexpected_open(struct env_stream *stream, int status)
{
    struct stream_state *s = stream->data;
    (void)status;
    EXPECT(s->env, !"opened");
}

static void close_it(struct stream_state *s, struct env_stream *stream)
{
    s->inside = true;
    env_stream_close(s->env, stream);
    s->inside = false;
}

static void listener_closed_done(struct env_listener *listener)
{
    struct stream_state *s = listener->data;
    EXPECT(s->env, !s->inside && listener->impl == NULL);
    program_done(s->env, s);
}

/* The usual end of a server: its stream is closed, then its listener. */
static void stream_closed_then_listener(struct env_stream *stream)
{
    struct stream_state *s = stream->data;
    EXPECT(s->env, !s->inside && stream->impl == NULL);
    s->inside = true;
    env_listener_close(s->env, &s->listener);
    s->inside = false;
}

static void stream_closed_done(struct env_stream *stream)
{
    struct stream_state *s = stream->data;
    EXPECT(s->env, !s->inside && stream->impl == NULL);
    program_done(s->env, s);
}

/* Nodes n1 and n2; args[1] of the first is its own host, of the second the first's. */
static void run_two(const struct env_program *server, const struct env_program *client)
{
    static const char *const args[] = {"n1", NULL};
    struct world *world = world_new();
    const struct world_node first = {.program = server, .host = "n1", .args = args};
    const struct world_node second = {.program = client, .host = "n2", .args = args};
    size_t a = world_add(world, &first);
    size_t b = world_add(world, &second);
    world_start(world, a);
    world_start(world, b);
    run_to_end(world);
    expect_code(world, b, 0);
    expect_code(world, a, 0);
    world_free(world);
}

/* Echo ------------------------------------------------------------------------------------------*/

static void echo_data(struct env_stream *stream, struct slice bytes)
{
    struct stream_state *s = stream->data;
    EXPECT(s->env, !s->inside && bytes.len > 0);
    s->inside = true;
    env_stream_write(s->env, stream, bytes);
    s->inside = false;
    s->got += bytes.len;
}

static void echo_eof(struct env_stream *stream)
{
    struct stream_state *s = stream->data;
    EXPECT_INT(s->env, s->got, ECHO_BYTES);
    s->inside = true;
    env_stream_end(s->env, stream);
    s->inside = false;
    s->got_eof = true;
}

/* The server closes when the client has: it has nothing more to say by then. */
static void echo_failed_or_idle(struct env_timer *timer)
{
    struct stream_state *s = timer->data;
    if (s->got_eof && env_stream_queued(s->env, &s->stream) == 0) {
        close_it(s, &s->stream);
        return;
    }
    env_timer_set(s->env, timer, env_now_ns(s->env) + MS_NS);
}

static void echo_failed(struct env_stream *stream, int err)
{
    struct stream_state *s = stream->data;
    EXPECT(s->env, s->got_eof || err == 0);
}

static const struct env_stream_events echo_server_events = {
    unexpected_open, echo_data, echo_eof, no_drained, echo_failed, stream_closed_then_listener};

static void echo_incoming(struct env_listener *listener, struct env_incoming *incoming)
{
    struct stream_state *s = listener->data;
    EXPECT(s->env, !s->inside && !incoming->is_link && incoming->remote[0] != '\0');
    s->stream.events = &echo_server_events;
    s->inside = true;
    env_stream_accept(s->env, incoming, &s->stream);
    s->inside = false;
    env_timer_set(s->env, &s->timer, env_now_ns(s->env) + MS_NS);
}

static void start_echo_server(struct env *env)
{
    struct stream_state *s = state_new(env);
    s->timer.fire = echo_failed_or_idle;
    listen_here(s, echo_incoming, listener_closed_done);
}

static void echo_opened(struct env_stream *stream, int status)
{
    struct stream_state *s = stream->data;
    EXPECT(s->env, !s->inside);
    EXPECT_INT(s->env, status, 0);
    while (s->sent < ECHO_BYTES) {
        size_t len = ECHO_BYTES - s->sent < PIECE_BYTES ? ECHO_BYTES - s->sent : PIECE_BYTES;
        send_random(s, stream, len);
    }
    env_stream_end(s->env, stream);
}

static void echo_back(struct env_stream *stream, struct slice bytes)
{
    struct stream_state *s = stream->data;
    EXPECT(s->env, !s->inside);
    EXPECT(s->env, check_random(s, bytes));
}

static void echo_back_eof(struct env_stream *stream)
{
    struct stream_state *s = stream->data;
    EXPECT_INT(s->env, s->got, ECHO_BYTES);
    EXPECT_INT(s->env, env_stream_queued(s->env, stream), 0);
    close_it(s, stream);
}

static const struct env_stream_events echo_client_events = {
    echo_opened, echo_back, echo_back_eof, no_drained, unexpected_failure, stream_closed_done};

static void start_echo_client(struct env *env)
{
    struct stream_state *s = state_new(env);
    s->stream.events = &echo_client_events;
    s->inside = true;
    env_stream_connect(env, &s->stream, env->args[1], PORT);
    s->inside = false;
}

void test_stream_carries_much_data_both_ways(void **state)
{
    (void)state;
    static const struct env_program server = {"echo-server", start_echo_server};
    static const struct env_program client = {"echo-client", start_echo_client};
    run_two(&server, &client);
}

/* Backpressure ----------------------------------------------------------------------------------
 *
 * The server does not read. The client writes until its queue is above the mark, then opens a
 * second connection, on which the server begins to read; the queue drains. */

#define PRESSURE_BYTES_MAX (64 * 1024 * 1024)

static void pressure_got(struct env_stream *stream, struct slice bytes)
{
    struct stream_state *s = stream->data;
    EXPECT(s->env, s->incoming_count == 2);
    EXPECT(s->env, check_random(s, bytes));
}

static void pressure_got_eof(struct env_stream *stream)
{
    struct stream_state *s = stream->data;
    uint8_t text[8];
    store_u64(text, s->got);
    env_stream_write(s->env, stream, slice_of(text, sizeof(text)));
    env_stream_end(s->env, stream);
    s->got_eof = true;
}

static void pressure_peer_gone(struct env_stream *stream)
{
    struct stream_state *s = stream->data;
    EXPECT(s->env, s->got_eof);
    close_it(s, &s->second);
    close_it(s, &s->stream);
}

static void pressure_closed(struct env_stream *stream)
{
    struct stream_state *s = stream->data;
    if (++s->closed_count == 2) {
        stream_closed_then_listener(stream);
    }
}

static void pressure_second_failed(struct env_stream *stream, int err)
{
    (void)err;
    pressure_peer_gone(stream);
}

static const struct env_stream_events pressure_first = {
    unexpected_open, pressure_got, pressure_got_eof, no_drained, echo_failed, pressure_closed};
static const struct env_stream_events pressure_second = {unexpected_open,        unexpected_data,
                                                         pressure_peer_gone,     no_drained,
                                                         pressure_second_failed, pressure_closed};

static void pressure_incoming(struct env_listener *listener, struct env_incoming *incoming)
{
    struct stream_state *s = listener->data;
    if (s->incoming_count++ == 0) {
        s->stream.events = &pressure_first;
        env_stream_accept(s->env, incoming, &s->stream);
        env_stream_read(s->env, &s->stream, false);
        return;
    }
    s->second.events = &pressure_second;
    env_stream_accept(s->env, incoming, &s->second);
    env_stream_read(s->env, &s->stream, true);
}

static void start_pressure_server(struct env *env)
{
    listen_here(state_new(env), pressure_incoming, listener_closed_done);
}

static void second_opened(struct env_stream *stream, int status)
{
    struct stream_state *s = stream->data;
    EXPECT_INT(s->env, status, 0);
}

static void pressure_client_closed(struct env_stream *stream)
{
    struct stream_state *s = stream->data;
    if (++s->closed_count == 2) {
        program_done(s->env, s);
    }
}

static const struct env_stream_events second_client_events = {
    second_opened, unexpected_data,    unexpected_eof,
    no_drained,    unexpected_failure, pressure_client_closed};

/* A little in each turn, so that the network takes what it can. */
static void press(struct env_timer *timer)
{
    struct stream_state *s = timer->data;
    for (int i = 0; i < 8; i++) {
        send_random(s, &s->stream, PIECE_BYTES);
    }
    EXPECT(s->env, s->sent < PRESSURE_BYTES_MAX);
    if (env_stream_queued(s->env, &s->stream) <= ENV_STREAM_QUEUE_HIGH) {
        env_timer_set(s->env, timer, env_now_ns(s->env) + MS_NS);
        return;
    }
    s->second.events = &second_client_events;
    env_stream_connect(s->env, &s->second, s->env->args[1], PORT);
}

static void pressure_opened(struct env_stream *stream, int status)
{
    struct stream_state *s = stream->data;
    EXPECT_INT(s->env, status, 0);
    s->timer.fire = press;
    env_timer_set(s->env, &s->timer, 0);
}

static void pressure_drained(struct env_stream *stream)
{
    struct stream_state *s = stream->data;
    EXPECT(s->env, !s->inside && !s->drained);
    EXPECT(s->env, env_stream_queued(s->env, stream) <= ENV_STREAM_QUEUE_HIGH / 2);
    s->drained = true;
    env_stream_end(s->env, stream);
}

static void pressure_count(struct env_stream *stream, struct slice bytes)
{
    struct stream_state *s = stream->data;
    for (size_t i = 0; i < bytes.len; i++) {
        s->got |= (uint64_t)bytes.ptr[i] << (8 * s->incoming_count++);
    }
}

static void pressure_count_eof(struct env_stream *stream)
{
    struct stream_state *s = stream->data;
    EXPECT(s->env, s->drained);
    EXPECT_INT(s->env, s->got, s->sent);
    close_it(s, &s->stream);
    close_it(s, &s->second);
}

static const struct env_stream_events pressure_client_events = {
    pressure_opened,  pressure_count,     pressure_count_eof,
    pressure_drained, unexpected_failure, pressure_client_closed};

static void start_pressure_client(struct env *env)
{
    struct stream_state *s = state_new(env);
    s->stream.events = &pressure_client_events;
    env_stream_connect(env, &s->stream, env->args[1], PORT);
}

void test_reader_that_stops_holds_the_writer_back(void **state)
{
    (void)state;
    static const struct env_program server = {"pressure-server", start_pressure_server};
    static const struct env_program client = {"pressure-client", start_pressure_client};
    run_two(&server, &client);
}

/* Half-close ------------------------------------------------------------------------------------*/

static void half_got(struct env_stream *stream, struct slice bytes)
{
    struct stream_state *s = stream->data;
    EXPECT(s->env, check_random(s, bytes));
}

static void half_answer(struct env_stream *stream)
{
    struct stream_state *s = stream->data;
    EXPECT_INT(s->env, s->got, 3);
    EXPECT(s->env, !s->got_eof);
    s->got_eof = true;
    for (int i = 0; i < 4; i++) {
        send_random(s, stream, PIECE_BYTES);
    }
    env_stream_end(s->env, stream);
}

static void start_half_server(struct env *env);

static const struct env_stream_events half_server_events = {
    unexpected_open, half_got, half_answer, no_drained, echo_failed, stream_closed_then_listener};

static void half_incoming(struct env_listener *listener, struct env_incoming *incoming)
{
    struct stream_state *s = listener->data;
    s->stream.events = &half_server_events;
    env_stream_accept(s->env, incoming, &s->stream);
    env_timer_set(s->env, &s->timer, env_now_ns(s->env) + MS_NS);
}

static void start_half_server(struct env *env)
{
    struct stream_state *s = state_new(env);
    s->timer.fire = echo_failed_or_idle;
    listen_here(s, half_incoming, listener_closed_done);
}

static void half_opened(struct env_stream *stream, int status)
{
    struct stream_state *s = stream->data;
    EXPECT_INT(s->env, status, 0);
    send_random(s, stream, 3);
    env_stream_end(s->env, stream);
}

static void half_eof(struct env_stream *stream)
{
    struct stream_state *s = stream->data;
    EXPECT_INT(s->env, s->got, 4 * PIECE_BYTES);
    close_it(s, stream);
}

static const struct env_stream_events half_client_events = {
    half_opened, half_got, half_eof, no_drained, unexpected_failure, stream_closed_done};

static void start_half_client(struct env *env)
{
    struct stream_state *s = state_new(env);
    s->stream.events = &half_client_events;
    env_stream_connect(env, &s->stream, env->args[1], PORT);
}

void test_side_that_has_ended_still_hears_the_other(void **state)
{
    (void)state;
    static const struct env_program server = {"half-server", start_half_server};
    static const struct env_program client = {"half-client", start_half_client};
    run_two(&server, &client);
}
