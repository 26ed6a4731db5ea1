/* Strangers on an address with links: each loses its connection and nothing else. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/duration.h"
#include "base/fmt.h"
#include "uv_world/uv_world.h"

#define LIMIT_NS   (20 * SEC_NS)
#define HELLO_NS   (50 * MS_NS)
#define RECORD_NS  (80 * MS_NS)
#define STREAMS    4
#define SILENT_MAX 256 /* as in listen.c */

/* The node under test: prints what it is told. */
struct server {
    struct env *env;
    struct env_listener listener;
    struct env_link links[STREAMS];
    struct env_stream streams[STREAMS];
    int link_count;
    int stream_count;
};

static void say(struct env *env, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void say(struct env *env, const char *format, ...)
{
    char text[200];
    va_list args;
    va_start(args, format);
    fmt_v(text, sizeof(text), format, args);
    va_end(args);
    env_print(env, ENV_STDOUT, slice_str(text));
}

static void on_record(struct env_link *link, struct slice record)
{
    struct server *s = link->data;
    say(s->env, "record %zu\n", record.len);
}

static void on_failed(struct env_link *link, int err)
{
    struct server *s = link->data;
    say(s->env, "failed %s\n", err_name(err));
    env_link_close(s->env, link);
}

static void on_closed(struct env_link *link)
{
    struct server *s = link->data;
    say(s->env, "closed\n");
}

static void on_data(struct env_stream *stream, struct slice bytes)
{
    struct server *s = stream->data;
    say(s->env, "data %.*s\n", (int)bytes.len, (const char *)bytes.ptr);
}

static void on_eof(struct env_stream *stream)
{
    struct server *s = stream->data;
    say(s->env, "eof\n");
    env_stream_close(s->env, stream);
}

static void on_stream_failed(struct env_stream *stream, int err)
{
    (void)err;
    on_eof(stream);
}

static void on_stream_closed(struct env_stream *stream)
{
    (void)stream;
}

static const struct env_link_events link_events = {NULL, on_record, on_failed, on_closed};
static const struct env_stream_events stream_events = {NULL, on_data,          on_eof,
                                                       NULL, on_stream_failed, on_stream_closed};

static void on_incoming(struct env_listener *listener, struct env_incoming *incoming)
{
    struct server *s = listener->data;
    if (incoming->is_link) {
        struct env_link *link = &s->links[s->link_count++];
        link->events = &link_events;
        link->data = s;
        env_link_accept(s->env, incoming, link);
        say(s->env, "link\n");
    } else {
        struct env_stream *stream = &s->streams[s->stream_count++];
        stream->events = &stream_events;
        stream->data = s;
        env_stream_accept(s->env, incoming, stream);
        say(s->env, "stream\n");
    }
}

static void on_listener_closed(struct env_listener *listener)
{
    (void)listener;
}

static void on_stop(void *data, int signal)
{
    struct server *s = data;
    (void)signal;
    struct env *env = s->env;
    mem_free(env->mem, s);
    env_exit(env, 0, true);
}

static void start(struct env *env)
{
    struct server *s = mem_zalloc(env->mem, 1, sizeof(*s));
    s->env = env;
    s->listener.incoming = on_incoming;
    s->listener.closed = on_listener_closed;
    s->listener.links = true;
    s->listener.data = s;
    env_at_stop(env, on_stop, s);
    uint16_t port = (uint16_t)(20000 + getpid() % 20000);
    while (env_listen(env, &s->listener, "127.0.0.1", port) < 0) {
        port++;
    }
    say(env, "port %u\n", (unsigned)port);
}

/* The test's side: plain sockets. */
struct fixture {
    struct uv_world *world;
    struct uv_node *node;
    char text[65536]; /* outputs, together */
    size_t len;
    const char *awaited;
    uint16_t port;
};

static void take_output(void *data, enum env_output to, struct slice text)
{
    struct fixture *f = data;
    (void)to;
    assert_true(f->len + text.len < sizeof(f->text));
    memcpy(f->text + f->len, text.ptr, text.len);
    f->len += text.len;
    f->text[f->len] = '\0';
    if (f->awaited != NULL && strstr(f->text, f->awaited) != NULL) {
        uv_world_break(f->world);
    }
}

static void await(struct fixture *f, const char *text)
{
    f->awaited = text;
    if (strstr(f->text, text) == NULL) {
        uv_world_run(f->world, LIMIT_NS);
    }
    if (strstr(f->text, text) == NULL) {
        fail_msg("no \"%s\" in: %s", text, f->text);
    }
}

static struct fixture fixture;

static int setup(void **state)
{
    static const struct env_program program = {"server", start};
    static const char *const args[] = {"server"};
    struct fixture *f = &fixture;
    memset(f, 0, sizeof(*f));
    const struct uv_world_options world = {.hello_ns = HELLO_NS, .record_ns = RECORD_NS};
    f->world = uv_world_new(&world);
    const struct uv_node_options node = {
        .program = &program, .args = args, .arg_count = 1, .output = take_output, .output_data = f};
    f->node = uv_world_start(f->world, &node);
    await(f, "port ");
    uint64_t port = 0;
    struct slice digits = slice_of(f->text + 5, f->len - 6);
    if (slice_to_u64(digits, &port) < 0) {
        return -1;
    }
    f->port = (uint16_t)port;
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    uv_node_stop(f->node, 15);
    bool ended = uv_world_run(f->world, LIMIT_NS);
    struct uv_node_end end = uv_node_end(f->node);
    uv_world_free(f->world);
    return ended && end.code == 0 && end.bytes_left == 0 ? 0 : -1;
}

static int dial(struct fixture *f)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(f->port)};
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_true(fd >= 0);
    assert_int_equal(connect(fd, (const struct sockaddr *)&to, sizeof(to)), 0);
    return fd;
}

static void say_bytes(int fd, const void *bytes, size_t len)
{
    assert_int_equal(write(fd, bytes, len), len);
}

/* The connection is gone: its end or a reset. */
static void expect_dropped(int fd)
{
    char byte;
    ssize_t n = read(fd, &byte, 1);
    assert_true(n == 0 || (n < 0 && errno == ECONNRESET));
    close(fd);
}

static const uint8_t preamble[] = {0, 'Q', 'L', 'I', 'N', 'K', 0, 1};

static void test_foreign_preamble_is_dropped(void **state)
{
    struct fixture *f = *state;
    int fd = dial(f);
    say_bytes(fd, "\0QRINK\0\1", 8);
    await(f, "foreign preamble");
    expect_dropped(fd);
    assert_null(strstr(f->text, "link\n"));
}

static void test_silent_connection_is_dropped_in_time(void **state)
{
    struct fixture *f = *state;
    int fd = dial(f);
    await(f, "said nothing");
    expect_dropped(fd);
    fd = dial(f);
    say_bytes(fd, preamble, 5); /* a preamble that never ends is as silent */
    f->len = 0;
    f->text[0] = '\0';
    await(f, "said nothing");
    expect_dropped(fd);
}

static void test_oldest_of_too_many_silent_ones_gives_way(void **state)
{
    struct fixture *f = *state;
    int fds[SILENT_MAX + 1];
    for (int i = 0; i <= SILENT_MAX; i++) {
        fds[i] = dial(f);
    }
    await(f, "oldest of too many");
    expect_dropped(fds[0]);
    for (int i = 1; i <= SILENT_MAX; i++) {
        close(fds[i]);
    }
}

static void test_wrong_checksum_ends_the_link_and_is_logged(void **state)
{
    struct fixture *f = *state;
    static const uint8_t frame[] = {1, 0, 0, 0, 9, 9, 9, 9, 'x'};
    int fd = dial(f);
    say_bytes(fd, preamble, sizeof(preamble));
    await(f, "link\n");
    say_bytes(fd, frame, sizeof(frame));
    await(f, "failed ERR_CORRUPT\nclosed\n");
    assert_non_null(strstr(f->text, "broke its framing"));
    assert_null(strstr(f->text, "record"
                                " 1"));
    expect_dropped(fd);
}

static void test_length_past_the_limit_ends_the_link(void **state)
{
    struct fixture *f = *state;
    int fd = dial(f);
    say_bytes(fd, preamble, sizeof(preamble));
    say_bytes(fd, "HTTP/1.1 400 Bad Request", 24);
    await(f, "failed ERR_LIMIT\n");
    expect_dropped(fd);
}

static void test_record_that_trickles_ends_the_link(void **state)
{
    struct fixture *f = *state;
    static const uint8_t begin[] = {200, 0, 0, 0, 1, 2, 3, 4, 'x'};
    int fd = dial(f);
    say_bytes(fd, preamble, sizeof(preamble));
    say_bytes(fd, begin, sizeof(begin));
    await(f, "failed ERR_TIMEOUT\n");
    expect_dropped(fd);
}

static void test_first_bytes_of_a_stream_are_not_lost(void **state)
{
    struct fixture *f = *state;
    int fd = dial(f);
    say_bytes(fd, "G", 1);
    await(f, "stream\ndata G\n");
    say_bytes(fd, "ET /version HTTP/1.1", 20);
    await(f, "data ET /version HTTP/1.1\n");
    close(fd);
    await(f, "eof\n");
    fd = dial(f);
    say_bytes(fd, "PRI * HTTP/2.0", 14);
    close(fd);
    await(f, "data PRI * HTTP/2.0\n");
}

static void test_end_in_the_preamble_or_in_a_record_is_survived(void **state)
{
    struct fixture *f = *state;
    int fd = dial(f);
    say_bytes(fd, preamble, 3);
    close(fd);
    fd = dial(f);
    say_bytes(fd, preamble, sizeof(preamble));
    say_bytes(fd, "\5\0\0\0", 4);
    close(fd);
    await(f, "failed ERR_CONN_CLOSED\nclosed\n");
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        CASE(test_foreign_preamble_is_dropped),
        CASE(test_silent_connection_is_dropped_in_time),
        CASE(test_oldest_of_too_many_silent_ones_gives_way),
        CASE(test_wrong_checksum_ends_the_link_and_is_logged),
        CASE(test_length_past_the_limit_ends_the_link),
        CASE(test_record_that_trickles_ends_the_link),
        CASE(test_first_bytes_of_a_stream_are_not_lost),
        CASE(test_end_in_the_preamble_or_in_a_record_is_survived),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
