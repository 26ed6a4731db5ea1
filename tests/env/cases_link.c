/* Record links. Records may be lost, doubled and reordered in a world that does such things; the
 * suite runs in quiet ones, where every record arrives, but asks for no order. */
#include "base/limits.h"
#include "cases.h"
#include "program.h"

#define PORT         2000
#define RECORD_COUNT 40

/* 0, short, one TCP segment and more, past every buffer, the limit. */
static size_t record_len(unsigned number)
{
    static const size_t lens[] = {8, 9, 100, 1460, 65535, 65536, 300000, RECORD_BYTES_MAX};
    if (number == RECORD_COUNT - 1) {
        return RECORD_BYTES_MAX;
    }
    return lens[number % 7];
}

struct link_state {
    struct env *env;
    struct env_listener listener;
    struct env_link link;
    struct env_stream stream;
    struct env_timer timer;
    uint8_t *record; /* RECORD_BYTES_MAX + 1 bytes */
    bool seen[RECORD_COUNT];
    unsigned got;
    int closed;
    bool stream_done;
    bool inside;
};

static struct link_state *link_new(struct env *env)
{
    struct link_state *s = mem_zalloc(env->mem, 1, sizeof(*s));
    s->env = env;
    s->record = mem_zalloc(env->mem, 1, RECORD_BYTES_MAX + 1);
    s->listener.data = s;
    s->link.data = s;
    s->stream.data = s;
    s->timer.data = s;
    return s;
}

static void link_done(struct link_state *s)
{
    mem_free(s->env->mem, s->record);
    program_done(s->env, s);
}

static void listener_closed(struct env_listener *listener)
{
    link_done(listener->data);
}

static void link_closed_done(struct env_link *link)
{
    struct link_state *s = link->data;
    EXPECT(s->env, !s->inside && link->impl == NULL);
    link_done(s);
}

static void link_closed_then_listener(struct env_link *link)
{
    struct link_state *s = link->data;
    EXPECT(s->env, !s->inside && link->impl == NULL);
    env_listener_close(s->env, &s->listener);
}

static void no_opened(struct env_link *link, int status)
{
    struct link_state *s = link->data;
    EXPECT_INT(s->env, status, -1000);
}

static void no_failed(struct env_link *link, int err)
{
    struct link_state *s = link->data;
    EXPECT_INT(s->env, err, 0);
}

static void no_record(struct env_link *link, struct slice record)
{
    struct link_state *s = link->data;
    EXPECT_INT(s->env, record.len, -1);
}

static void run_server_and_client(const struct env_program *server,
                                  const struct env_program *client, const char *crash_text)
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

static void listen_for_links(struct link_state *s, void (*incoming)(struct env_listener *listener,
                                                                    struct env_incoming *incoming))
{
    s->listener.incoming = incoming;
    s->listener.closed = listener_closed;
    s->listener.links = true;
    EXPECT_INT(s->env, env_listen(s->env, &s->listener, s->env->args[1], PORT), 0);
}

/* Records ---------------------------------------------------------------------------------------
 *
 * A record begins with its number; the rest follows from it. The server sends each one back. */

static void fill_record(struct link_state *s, unsigned number)
{
    struct rng rng = rng_stream(number, "record", 0);
    size_t len = record_len(number);
    for (size_t i = 0; i < len; i++) {
        s->record[i] = (uint8_t)(i % 8 == 0 ? rng_u64(&rng) : s->record[i - 1] + 31u);
    }
    store_u64(s->record, number);
}

static void send_record(struct link_state *s, unsigned number)
{
    fill_record(s, number);
    s->inside = true;
    int rc = env_link_send(s->env, &s->link, slice_of(s->record, record_len(number)));
    s->inside = false;
    EXPECT_INT(s->env, rc, 0);
}

static void check_record(struct link_state *s, struct slice record)
{
    EXPECT(s->env, !s->inside && record.len >= 8);
    uint64_t number = load_u64(record.ptr);
    EXPECT(s->env, number < RECORD_COUNT);
    EXPECT(s->env, !s->seen[number]);
    s->seen[number] = true;
    fill_record(s, (unsigned)number);
    EXPECT(s->env, slice_eq(record, slice_of(s->record, record_len((unsigned)number))));
    s->got++;
}

static void serve_record(struct env_link *link, struct slice record)
{
    struct link_state *s = link->data;
    check_record(s, record);
    s->inside = true;
    int rc = env_link_send(s->env, link, record);
    s->inside = false;
    EXPECT_INT(s->env, rc, 0);
}

static void serve_failed(struct env_link *link, int err)
{
    struct link_state *s = link->data;
    EXPECT(s->env, !s->inside && err < 0);
    EXPECT_INT(s->env, s->got, RECORD_COUNT);
    EXPECT_INT(s->env, env_link_send(s->env, link, slice_str("late")), ERR_CONN_CLOSED);
    s->inside = true;
    env_link_close(s->env, link);
    s->inside = false;
}

static const struct env_link_events serve_events = {no_opened, serve_record, serve_failed,
                                                    link_closed_then_listener};

static void serve_incoming(struct env_listener *listener, struct env_incoming *incoming)
{
    struct link_state *s = listener->data;
    EXPECT(s->env, incoming->is_link);
    s->link.events = &serve_events;
    env_link_accept(s->env, incoming, &s->link);
}

static void start_serve(struct env *env)
{
    listen_for_links(link_new(env), serve_incoming);
}

static void ask_opened(struct env_link *link, int status)
{
    struct link_state *s = link->data;
    EXPECT(s->env, !s->inside);
    EXPECT_INT(s->env, status, 0);
    const struct slice too_long = slice_of(s->record, RECORD_BYTES_MAX + 1);
    EXPECT_INT(s->env, env_link_send(s->env, link, too_long), ERR_LIMIT);
    for (unsigned i = 0; i < RECORD_COUNT; i++) {
        send_record(s, i);
    }
}

static void ask_record(struct env_link *link, struct slice record)
{
    struct link_state *s = link->data;
    check_record(s, record);
    if (s->got == RECORD_COUNT) {
        env_link_close(s->env, link);
    }
}

static const struct env_link_events ask_events = {ask_opened, ask_record, no_failed,
                                                  link_closed_done};

static void start_ask(struct env *env)
{
    struct link_state *s = link_new(env);
    s->link.events = &ask_events;
    s->inside = true;
    env_link_connect(env, &s->link, env->args[1], PORT);
    EXPECT_INT(env, env_link_send(env, &s->link, slice_str("early")), ERR_CONN_CLOSED);
    s->inside = false;
}

void test_link_carries_records_whole(void **state)
{
    (void)state;
    static const struct env_program server = {"serve", start_serve};
    static const struct env_program client = {"ask", start_ask};
    run_server_and_client(&server, &client, NULL);
}

/* The queue's limit ----------------------------------------------------------------------------
 *
 * Within one turn nothing can leave faster than it is sent. */

static void fill_opened(struct env_link *link, int status)
{
    struct link_state *s = link->data;
    EXPECT_INT(s->env, status, 0);
    const struct slice record = slice_of(s->record, RECORD_BYTES_MAX);
    int rc = 0;
    unsigned sent = 0;
    while (rc == 0 && sent < 1000) {
        rc = env_link_send(s->env, link, record);
        sent++;
        EXPECT(s->env, env_link_queued(s->env, link) <= ENV_LINK_QUEUE_MAX);
    }
    EXPECT_INT(s->env, rc, ERR_LIMIT);
    env_link_close(s->env, link);
}

static const struct env_link_events fill_events = {fill_opened, no_record, no_failed,
                                                   link_closed_done};

static void start_fill(struct env *env)
{
    struct link_state *s = link_new(env);
    s->link.events = &fill_events;
    env_link_connect(env, &s->link, env->args[1], PORT);
}

static void ignore_record(struct env_link *link, struct slice record)
{
    (void)link;
    (void)record;
}

static void close_failed(struct env_link *link, int err)
{
    struct link_state *s = link->data;
    EXPECT(s->env, err < 0);
    env_link_close(s->env, link);
}

static const struct env_link_events filled_events = {no_opened, ignore_record, close_failed,
                                                     link_closed_then_listener};

static void filled_incoming(struct env_listener *listener, struct env_incoming *incoming)
{
    struct link_state *s = listener->data;
    s->link.events = &filled_events;
    env_link_accept(s->env, incoming, &s->link);
}

/* The other side may go before it has said what it is: then nothing comes in at all. */
static void give_up_waiting(struct env_timer *timer)
{
    struct link_state *s = timer->data;
    if (s->link.impl == NULL) {
        env_listener_close(s->env, &s->listener);
    }
}

static void start_filled(struct env *env)
{
    struct link_state *s = link_new(env);
    listen_for_links(s, filled_incoming);
    s->timer.fire = give_up_waiting;
    env_timer_set(env, &s->timer, env_now_ns(env) + SEC_NS);
}

void test_link_queue_has_a_limit(void **state)
{
    (void)state;
    static const struct env_program server = {"filled", start_filled};
    static const struct env_program client = {"fill", start_fill};
    run_server_and_client(&server, &client, NULL);
}

/* Refused, and a peer that dies -----------------------------------------------------------------*/

static void refused_opened(struct env_link *link, int status)
{
    struct link_state *s = link->data;
    EXPECT(s->env, !s->inside);
    EXPECT_INT(s->env, status, ERR_CONN_REFUSED);
    EXPECT_INT(s->env, env_link_send(s->env, link, slice_str("x")), ERR_CONN_CLOSED);
    env_link_close(s->env, link);
}

static const struct env_link_events refused_events = {refused_opened, no_record, no_failed,
                                                      link_closed_done};

static void start_link_refused(struct env *env)
{
    struct link_state *s = link_new(env);
    s->link.events = &refused_events;
    s->inside = true;
    env_link_connect(env, &s->link, "n1", PORT + 1);
    s->inside = false;
}

void test_link_to_where_nobody_listens_is_refused(void **state)
{
    (void)state;
    static const struct env_program program = {"link-refused", start_link_refused};
    run_alone(&program);
}

static void say_got(struct env_link *link, struct slice record)
{
    struct link_state *s = link->data;
    EXPECT(s->env, slice_eq_str(record, "hello"));
    program_say(s->env, "got\n");
}

static const struct env_link_events dying_events = {no_opened, say_got, no_failed,
                                                    link_closed_done};

static void dying_incoming(struct env_listener *listener, struct env_incoming *incoming)
{
    struct link_state *s = listener->data;
    s->link.events = &dying_events;
    env_link_accept(s->env, incoming, &s->link);
}

static void start_link_dying(struct env *env)
{
    listen_for_links(link_new(env), dying_incoming);
}

static void widow_opened(struct env_link *link, int status)
{
    struct link_state *s = link->data;
    EXPECT_INT(s->env, status, 0);
    EXPECT_INT(s->env, env_link_send(s->env, link, slice_str("hello")), 0);
}

static const struct env_link_events widow_events = {widow_opened, no_record, close_failed,
                                                    link_closed_done};

static void start_link_widow(struct env *env)
{
    struct link_state *s = link_new(env);
    s->link.events = &widow_events;
    env_link_connect(env, &s->link, env->args[1], PORT);
}

void test_link_fails_when_its_peer_dies(void **state)
{
    (void)state;
    static const struct env_program server = {"link-dying", start_link_dying};
    static const struct env_program client = {"link-widow", start_link_widow};
    run_server_and_client(&server, &client, "got\n");
}

/* Both kinds on one address ---------------------------------------------------------------------*/

static void both_over(struct link_state *s)
{
    if (++s->closed == 2) {
        EXPECT(s->env, s->got == 1 && s->stream_done);
        env_listener_close(s->env, &s->listener);
    }
}

static void both_record(struct env_link *link, struct slice record)
{
    struct link_state *s = link->data;
    EXPECT(s->env, slice_eq_str(record, "a record"));
    s->got++;
}

static void both_link_closed(struct env_link *link)
{
    both_over(link->data);
}

static void both_data(struct env_stream *stream, struct slice bytes)
{
    struct link_state *s = stream->data;
    for (size_t i = 0; i < bytes.len; i++) {
        EXPECT_INT(s->env, bytes.ptr[i], "GET / HTTP/1.1\r\n"[s->record[0]++]);
    }
}

static void both_eof(struct env_stream *stream)
{
    struct link_state *s = stream->data;
    EXPECT_INT(s->env, s->record[0], strlen("GET / HTTP/1.1\r\n"));
    s->stream_done = true;
    env_stream_close(s->env, stream);
}

static void both_stream_failed(struct env_stream *stream, int err)
{
    struct link_state *s = stream->data;
    EXPECT_INT(s->env, err, 0);
}

static void both_stream_closed(struct env_stream *stream)
{
    both_over(stream->data);
}

static const struct env_link_events both_link_events = {no_opened, both_record, close_failed,
                                                        both_link_closed};
static const struct env_stream_events both_stream_events = {
    NULL, both_data, both_eof, NULL, both_stream_failed, both_stream_closed};

static void both_incoming(struct env_listener *listener, struct env_incoming *incoming)
{
    struct link_state *s = listener->data;
    if (incoming->is_link) {
        s->link.events = &both_link_events;
        env_link_accept(s->env, incoming, &s->link);
    } else {
        s->stream.events = &both_stream_events;
        env_stream_accept(s->env, incoming, &s->stream);
    }
}

static void start_both(struct env *env)
{
    listen_for_links(link_new(env), both_incoming);
}

static void mixed_link_opened(struct env_link *link, int status)
{
    struct link_state *s = link->data;
    EXPECT_INT(s->env, status, 0);
    EXPECT_INT(s->env, env_link_send(s->env, link, slice_str("a record")), 0);
    env_timer_set(s->env, &s->timer, env_now_ns(s->env) + 50 * MS_NS);
}

static void mixed_over(struct link_state *s)
{
    if (++s->closed == 2) {
        link_done(s);
    }
}

static void mixed_link_closed(struct env_link *link)
{
    mixed_over(link->data);
}

/* A close may drop what was not sent: close once it has gone. */
static void mixed_timer(struct env_timer *timer)
{
    struct link_state *s = timer->data;
    if (env_link_queued(s->env, &s->link) > 0) {
        env_timer_set(s->env, timer, env_now_ns(s->env) + 50 * MS_NS);
        return;
    }
    env_link_close(s->env, &s->link);
}

static void mixed_stream_opened(struct env_stream *stream, int status)
{
    struct link_state *s = stream->data;
    EXPECT_INT(s->env, status, 0);
    env_stream_write(s->env, stream, slice_str("G"));
    env_stream_write(s->env, stream, slice_str("ET / HTTP/1.1\r\n"));
    env_stream_end(s->env, stream);
}

static void mixed_stream_eof(struct env_stream *stream)
{
    struct link_state *s = stream->data;
    env_stream_close(s->env, stream);
}

static void mixed_stream_closed(struct env_stream *stream)
{
    mixed_over(stream->data);
}

static const struct env_link_events mixed_link_events = {mixed_link_opened, no_record, no_failed,
                                                         mixed_link_closed};
static const struct env_stream_events mixed_stream_events = {
    mixed_stream_opened, both_data,          mixed_stream_eof, NULL,
    both_stream_failed,  mixed_stream_closed};

static void start_mixed(struct env *env)
{
    struct link_state *s = link_new(env);
    s->timer.fire = mixed_timer;
    s->stream.events = &mixed_stream_events;
    s->link.events = &mixed_link_events;
    env_stream_connect(env, &s->stream, env->args[1], PORT);
    env_link_connect(env, &s->link, env->args[1], PORT);
}

void test_one_address_takes_streams_and_links(void **state)
{
    (void)state;
    static const struct env_program server = {"both", start_both};
    static const struct env_program client = {"mixed", start_mixed};
    run_server_and_client(&server, &client, NULL);
}
