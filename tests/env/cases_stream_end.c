/* Byte streams: how they fail, and closing at every moment. */
#include "base/list.h"
#include "cases.h"
#include "program.h"

#define PORT      2000
#define BIG_BYTES (24 * 1024 * 1024)

struct end_state {
    struct env *env;
    struct env_listener listener;
    struct env_listener other;
    struct env_stream streams[2];
    struct env_timer timer;
    uint64_t got;
    int opened;
    int closed;
    bool inside;
};

static struct end_state *end_new(struct env *env)
{
    struct end_state *s = mem_zalloc(env->mem, 1, sizeof(*s));
    s->env = env;
    s->listener.data = s;
    s->other.data = s;
    s->streams[0].data = s;
    s->streams[1].data = s;
    s->timer.data = s;
    return s;
}

static void run_with_server(const struct env_program *server, const struct env_program *client,
                            const char *crash_text)
{
    static const char *const args[] = {"n1", NULL};
    struct world *world = world_new();
    const struct world_node first = {.program = server, .host = "n1", .args = args};
    const struct world_node second = {.program = client, .host = "n2", .args = args};
    world_add(world, &first);
    world_add(world, &second);
    if (crash_text != NULL) {
        world_crash_when(world, 0, crash_text);
    }
    world_start(world, 0);
    world_start(world, 1);
    run_to_end(world);
    expect_code(world, 1, 0);
    expect_code(world, 0, crash_text != NULL ? WORLD_CRASHED : 0);
    world_free(world);
}

static void no_opened(struct env_stream *stream, int status)
{
    struct end_state *s = stream->data;
    EXPECT(s->env, !"opened" || status < -1000);
}

static void opened_well(struct env_stream *stream, int status)
{
    struct end_state *s = stream->data;
    EXPECT(s->env, !s->inside);
    EXPECT_INT(s->env, status, 0);
    s->opened++;
}

static void no_data(struct env_stream *stream, struct slice bytes)
{
    struct end_state *s = stream->data;
    EXPECT_INT(s->env, bytes.len, 0);
}

static void count_data(struct env_stream *stream, struct slice bytes)
{
    struct end_state *s = stream->data;
    s->got += bytes.len;
}

static void no_eof(struct env_stream *stream)
{
    struct end_state *s = stream->data;
    EXPECT(s->env, !"eof");
}

static void no_failed(struct env_stream *stream, int err)
{
    struct end_state *s = stream->data;
    EXPECT_INT(s->env, err, 0);
}

static void close_on_eof(struct env_stream *stream)
{
    struct end_state *s = stream->data;
    env_stream_close(s->env, stream);
}

static void close_on_failed(struct env_stream *stream, int err)
{
    struct end_state *s = stream->data;
    EXPECT(s->env, !s->inside && err < 0);
    env_stream_close(s->env, stream);
}

static void closed_done(struct env_stream *stream)
{
    struct end_state *s = stream->data;
    EXPECT(s->env, !s->inside && stream->impl == NULL);
    program_done(s->env, s);
}

static void listener_closed(struct env_listener *listener)
{
    struct end_state *s = listener->data;
    EXPECT(s->env, !s->inside);
    program_done(s->env, s);
}

static void closed_then_listener(struct env_stream *stream)
{
    struct end_state *s = stream->data;
    env_listener_close(s->env, &s->listener);
}

static void listen_with(struct env *env, void (*incoming)(struct env_listener *listener,
                                                          struct env_incoming *incoming))
{
    struct end_state *s = end_new(env);
    s->listener.incoming = incoming;
    s->listener.closed = listener_closed;
    EXPECT_INT(env, env_listen(env, &s->listener, env->args[1], PORT), 0);
}

static void connect_with(struct env *env, const struct env_stream_events *events)
{
    struct end_state *s = end_new(env);
    s->streams[0].events = events;
    env_stream_connect(env, &s->streams[0], env->args[1], PORT);
}

/* Refused ---------------------------------------------------------------------------------------*/

static void refused_opened(struct env_stream *stream, int status)
{
    struct end_state *s = stream->data;
    EXPECT(s->env, !s->inside);
    EXPECT_INT(s->env, status, ERR_CONN_REFUSED);
    env_stream_write(s->env, stream, slice_str("dropped"));
    env_stream_close(s->env, stream);
}

static const struct env_stream_events refused_events = {refused_opened, no_data,   no_eof,
                                                        NULL,           no_failed, closed_done};

static void start_refused(struct env *env)
{
    struct end_state *s = end_new(env);
    s->streams[0].events = &refused_events;
    s->inside = true;
    env_stream_connect(env, &s->streams[0], "n1", PORT + 1);
    s->inside = false;
}

void test_connect_where_nobody_listens_is_refused(void **state)
{
    (void)state;
    static const struct env_program program = {"refused", start_refused};
    run_alone(&program);
}

/* Addresses -------------------------------------------------------------------------------------*/

static void no_incoming(struct env_listener *listener, struct env_incoming *incoming)
{
    struct end_state *s = listener->data;
    EXPECT(s->env, incoming == NULL);
}

static void free_again(struct env_listener *listener)
{
    struct end_state *s = listener->data;
    EXPECT(s->env, listener->impl == NULL);
    s->other.incoming = no_incoming;
    s->other.closed = listener_closed;
    EXPECT_INT(s->env, env_listen(s->env, &s->other, "n1", PORT), 0);
    env_listener_close(s->env, &s->other);
}

static void start_in_use(struct env *env)
{
    struct end_state *s = end_new(env);
    s->listener.incoming = no_incoming;
    s->listener.closed = free_again;
    s->other = s->listener;
    EXPECT_INT(env, env_listen(env, &s->listener, "n1", PORT), 0);
    EXPECT_INT(env, env_listen(env, &s->other, "n1", PORT), ERR_ADDR_IN_USE);
    EXPECT(env, s->other.impl == NULL);
    env_listener_close(env, &s->listener);
}

void test_address_in_use_is_told_and_free_after_closing(void **state)
{
    (void)state;
    static const struct env_program program = {"in-use", start_in_use};
    run_alone(&program);
}

/* Not taken -------------------------------------------------------------------------------------*/

static void do_not_take(struct env_listener *listener, struct env_incoming *incoming)
{
    struct end_state *s = listener->data;
    (void)incoming;
    env_listener_close(s->env, listener); /* also: a listener closed by its own callback */
}

static void start_not_taking(struct env *env)
{
    listen_with(env, do_not_take);
}

static const struct env_stream_events not_taken_events = {opened_well,     no_data,    no_eof, NULL,
                                                          close_on_failed, closed_done};

static void start_not_taken(struct env *env)
{
    connect_with(env, &not_taken_events);
}

void test_connection_that_is_not_taken_is_reset(void **state)
{
    (void)state;
    static const struct env_program server = {"not-taking", start_not_taking};
    static const struct env_program client = {"not-taken", start_not_taken};
    run_with_server(&server, &client, NULL);
}

/* Closing with bytes in the queue ---------------------------------------------------------------*/

static const struct env_stream_events cut_server_events = {
    no_opened, no_data, no_eof, NULL, no_failed, closed_then_listener};

static void cut_incoming(struct env_listener *listener, struct env_incoming *incoming)
{
    struct end_state *s = listener->data;
    s->streams[0].events = &cut_server_events;
    env_stream_accept(s->env, incoming, &s->streams[0]);
    uint8_t *bytes = mem_zalloc(s->env->mem, 1, BIG_BYTES);
    env_stream_write(s->env, &s->streams[0], slice_of(bytes, BIG_BYTES));
    mem_free(s->env->mem, bytes);
    EXPECT(s->env, env_stream_queued(s->env, &s->streams[0]) > 0);
    env_stream_close(s->env, &s->streams[0]);
}

static void start_cut_server(struct env *env)
{
    listen_with(env, cut_incoming);
}

/* The end of a part must not look like the end of the whole. */
static void cut_eof(struct env_stream *stream)
{
    struct end_state *s = stream->data;
    EXPECT_INT(s->env, s->got, BIG_BYTES);
}

static const struct env_stream_events cut_client_events = {
    opened_well, count_data, cut_eof, NULL, close_on_failed, closed_done};

static void start_cut_client(struct env *env)
{
    connect_with(env, &cut_client_events);
}

void test_close_with_queued_bytes_is_no_orderly_end(void **state)
{
    (void)state;
    static const struct env_program server = {"cut-server", start_cut_server};
    static const struct env_program client = {"cut-client", start_cut_client};
    run_with_server(&server, &client, NULL);
}

/* A peer that dies ------------------------------------------------------------------------------*/

static void say_got(struct env_stream *stream, struct slice bytes)
{
    struct end_state *s = stream->data;
    (void)bytes;
    program_say(s->env, "got\n");
}

static const struct env_stream_events dying_events = {no_opened, say_got,   no_eof,
                                                      NULL,      no_failed, closed_done};

static void dying_incoming(struct env_listener *listener, struct env_incoming *incoming)
{
    struct end_state *s = listener->data;
    s->streams[0].events = &dying_events;
    env_stream_accept(s->env, incoming, &s->streams[0]);
}

static void start_dying(struct env *env)
{
    listen_with(env, dying_incoming);
}

static void speak(struct env_stream *stream, int status)
{
    opened_well(stream, status);
    struct end_state *s = stream->data;
    env_stream_write(s->env, stream, slice_str("hello"));
}

static const struct env_stream_events widow_events = {speak, no_data,         close_on_eof,
                                                      NULL,  close_on_failed, closed_done};

static void start_widow(struct env *env)
{
    connect_with(env, &widow_events);
}

void test_stream_ends_when_its_peer_dies(void **state)
{
    (void)state;
    static const struct env_program server = {"dying", start_dying};
    static const struct env_program client = {"widow", start_widow};
    run_with_server(&server, &client, "got\n");
}

/* Closing inside callbacks ----------------------------------------------------------------------
 *
 * One node talks to itself. Stream 0 connects, 1 is accepted; the case's step says in which
 * callback which of them is closed. Then the other one sees an end, and only `closed` follows. */

enum close_step {
    IN_CONNECT, /* at once after the call */
    IN_OPENED,
    IN_INCOMING,
    IN_DATA,
    IN_EOF,
    STEPS
};

struct step_state {
    struct end_state base;
    enum close_step step;
    bool closing[2];
    bool was_closed[2];
    bool accepted;
};

static struct step_state *step_of(void *data)
{
    return container_of((struct end_state *)data, struct step_state, base);
}

static void step_next(struct step_state *s);

static void step_close(struct step_state *s, int which)
{
    s->closing[which] = true;
    s->base.inside = true;
    env_stream_close(s->base.env, &s->base.streams[which]);
    s->base.inside = false;
}

static int which_of(const struct step_state *s, const struct env_stream *stream)
{
    return stream == &s->base.streams[0] ? 0 : 1;
}

static void step_opened(struct env_stream *stream, int status)
{
    struct step_state *s = step_of(stream->data);
    EXPECT(s->base.env, !s->base.inside && !s->closing[0]);
    EXPECT_INT(s->base.env, status, 0);
    if (s->step == IN_OPENED) {
        step_close(s, 0);
        return;
    }
    env_stream_write(s->base.env, stream, slice_str("hello"));
    if (s->step == IN_EOF) {
        env_stream_end(s->base.env, stream);
    }
}

static void step_data(struct env_stream *stream, struct slice bytes)
{
    struct step_state *s = step_of(stream->data);
    int which = which_of(s, stream);
    EXPECT(s->base.env, !s->closing[which] && bytes.len <= 5);
    if (s->step == IN_DATA) {
        step_close(s, which);
    }
}

static void step_ended(struct env_stream *stream)
{
    struct step_state *s = step_of(stream->data);
    int which = which_of(s, stream);
    EXPECT(s->base.env, !s->closing[which]);
    step_close(s, which);
}

static void step_failed(struct env_stream *stream, int err)
{
    (void)err;
    step_ended(stream);
}

static void step_closed(struct env_stream *stream)
{
    struct step_state *s = step_of(stream->data);
    int which = which_of(s, stream);
    EXPECT(s->base.env, !s->base.inside && s->closing[which] && !s->was_closed[which]);
    EXPECT(s->base.env, stream->impl == NULL);
    s->was_closed[which] = true;
    if (s->was_closed[0] && (s->was_closed[1] || !s->accepted)) {
        env_timer_set(s->base.env, &s->base.timer, env_now_ns(s->base.env) + 20 * MS_NS);
    }
}

static const struct env_stream_events step_events = {step_opened, step_data,   step_ended,
                                                     NULL,        step_failed, step_closed};

static void step_incoming(struct env_listener *listener, struct env_incoming *incoming)
{
    struct step_state *s = step_of(listener->data);
    EXPECT(s->base.env, !s->accepted);
    env_timer_stop(s->base.env, &s->base.timer);
    s->accepted = true;
    s->base.streams[1].events = &step_events;
    env_stream_accept(s->base.env, incoming, &s->base.streams[1]);
    if (s->step == IN_INCOMING) {
        step_close(s, 1);
    }
}

/* Both are closed and nothing more came for a while. */
static void step_over(struct env_timer *timer)
{
    struct step_state *s = step_of(timer->data);
    if (++s->step == STEPS) {
        env_listener_close(s->base.env, &s->base.listener);
        return;
    }
    step_next(s);
}

static void step_next(struct step_state *s)
{
    for (int i = 0; i < 2; i++) {
        s->closing[i] = false;
        s->was_closed[i] = false;
    }
    s->accepted = false;
    s->base.streams[0].events = &step_events;
    env_stream_connect(s->base.env, &s->base.streams[0], "n1", PORT);
    if (s->step == IN_CONNECT) {
        step_close(s, 0);
    }
}

static void step_listener_closed(struct env_listener *listener)
{
    struct step_state *s = step_of(listener->data);
    program_done(s->base.env, s);
}

static void start_steps(struct env *env)
{
    struct step_state *s = mem_zalloc(env->mem, 1, sizeof(*s));
    s->base.env = env;
    s->base.listener.data = &s->base;
    s->base.streams[0].data = &s->base;
    s->base.streams[1].data = &s->base;
    s->base.timer.data = &s->base;
    s->base.timer.fire = step_over;
    s->base.listener.incoming = step_incoming;
    s->base.listener.closed = step_listener_closed;
    EXPECT_INT(env, env_listen(env, &s->base.listener, "n1", PORT), 0);
    step_next(s);
}

void test_streams_close_inside_any_callback(void **state)
{
    (void)state;
    static const struct env_program program = {"steps", start_steps};
    run_alone(&program);
}

/* Ending with everything open -------------------------------------------------------------------*/

static void start_open_exit(struct env *env)
{
    struct end_state *s = end_new(env);
    s->listener.incoming = no_incoming;
    s->listener.closed = listener_closed;
    s->streams[0].events = &refused_events;
    EXPECT_INT(env, env_listen(env, &s->listener, "n1", PORT), 0);
    env_stream_connect(env, &s->streams[0], "n1", PORT + 1);
    s->timer.fire = NULL;
    program_done(env, s); /* frees the handles' memory: the world must not look at it */
}

void test_exit_drops_open_handles(void **state)
{
    (void)state;
    static const struct env_program program = {"open-exit", start_open_exit};
    run_alone(&program);
}
