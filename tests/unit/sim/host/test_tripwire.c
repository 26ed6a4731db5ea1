/* What a library may not do behind the env's back. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <nghttp2/nghttp2.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "host_fixture.h"

static struct timespec mono;
static struct timespec wall;
static time_t seconds;
static int64_t env_mono_ns;
static int64_t env_wall;

static void read_clocks(struct env *env)
{
    clock_gettime(CLOCK_MONOTONIC, &mono);
    clock_gettime(CLOCK_REALTIME, &wall);
    seconds = time(NULL);
    env_mono_ns = env_now_ns(env);
    env_wall = env_wall_ns(env);
}

static void test_clock_reads_in_a_turn_get_the_clock_of_the_node(void **state)
{
    struct fixture *f = *state;
    run_for(f, 3 * SEC_NS);
    run_program(f, read_clocks);
    expect_end(f, NODE_RUNNING, NODE_SOUND);
    assert_int_equal(mono.tv_sec * SEC_NS + mono.tv_nsec, env_mono_ns);
    assert_int_equal(wall.tv_sec * SEC_NS + wall.tv_nsec, env_wall);
    assert_int_equal(seconds, env_wall / SEC_NS);
}

static void test_outside_of_a_turn_calls_pass(void **state)
{
    struct timespec now;
    char byte[4];
    (void)state;
    assert_int_equal(clock_gettime(CLOCK_REALTIME, &now), 0);
    assert_true(now.tv_sec > 1600000000);
    assert_int_equal(getrandom(byte, 4, 0), 4);
    int fd = open("/dev/null", O_RDONLY);
    assert_true(fd >= 0);
    assert_int_equal(read(fd, byte, 4), 0);
    assert_int_equal(close(fd), 0);
    assert_int_equal(open("/no/such/file", O_RDONLY), -1);
    (void)random();
    assert_true(getpid() > 1);
    assert_non_null(getenv("PATH"));
    assert_null(getenv("QUORATE_NO_SUCH_VARIABLE"));
}

static volatile long sunk;

#define FORBIDDEN(X)                                            \
    X(draw_random, sunk = random(), "random")                   \
    X(draw_rand, sunk = rand(), "rand")                         \
    X(draw_bytes, sunk = getrandom(buffer, 4, 0), "getrandom")  \
    X(draw_entropy, sunk = getentropy(buffer, 4), "getentropy") \
    X(ask_pid, sunk = getpid(), "getpid")                       \
    X(ask_variable, sunk = getenv("PATH") != NULL, "getenv")    \
    X(sleep_long, sunk = (long)sleep(1), "sleep")

#define FORBIDDEN_FILES(X)                                           \
    X(open_file, sunk = open("/dev/null", O_RDONLY), "open")         \
    X(read_file, sunk = read(0, buffer, 1), "read")                  \
    X(write_file, sunk = write(1, buffer, 0), "write")               \
    X(make_socket, sunk = socket(AF_INET, SOCK_STREAM, 0), "socket") \
    X(poll_none, sunk = poll(NULL, 0, 0), "poll")

#define DEFINE(name, statement, text) \
    static void name(struct env *env) \
    {                                 \
        static char buffer[4];        \
        (void)env;                    \
        (void)buffer;                 \
        statement;                    \
    }
FORBIDDEN(DEFINE)
FORBIDDEN_FILES(DEFINE)

static const struct {
    void (*start)(struct env *env);
    const char *text;
} forbidden[] = {
#define ROW(name, statement, text) {name, text},
    FORBIDDEN(ROW)
#ifndef QUORATE_SANITIZE
        FORBIDDEN_FILES(ROW)
#endif
};

static void test_anything_else_in_a_turn_ends_the_node(void **state)
{
    struct fixture *f = *state;
#ifdef QUORATE_SANITIZE
#define NAME(name, statement, text) (void)name;
    FORBIDDEN_FILES(NAME)
#endif
    for (size_t i = 0; i < sizeof(forbidden) / sizeof(forbidden[0]); i++) {
        run_program(f, forbidden[i].start);
        expect_end(f, NODE_ABORTED, NODE_FORBIDDEN);
        assert_non_null(strstr(node_fault_text(f->node), forbidden[i].text));
    }
}

/* Debian's nghttp2 reads a clock for each stream that its peer resets. */
static void take_resets(struct env *env)
{
    nghttp2_session_callbacks *callbacks = NULL;
    nghttp2_session *session = NULL;
    if (nghttp2_session_callbacks_new(&callbacks) != 0 ||
        nghttp2_session_server_new(&session, callbacks, NULL) != 0) {
        env_exit(env, 1, false);
        return;
    }
    static const uint8_t hello[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
                                   "\0\0\0\4\0\0\0\0\0";            /* SETTINGS */
    static const uint8_t head[] = "\0\0\3\1\4\0\0\0\1\x82\x86\x84"; /* HEADERS, stream 1 */
    static const uint8_t reset[] = "\0\0\4\3\0\0\0\0\1\0\0\0\10";   /* RST_STREAM */
    int rc = nghttp2_session_mem_recv(session, hello, sizeof(hello) - 1) > 0 &&
             nghttp2_session_mem_recv(session, head, sizeof(head) - 1) > 0 &&
             nghttp2_session_mem_recv(session, reset, sizeof(reset) - 1) > 0;
    nghttp2_session_del(session);
    nghttp2_session_callbacks_del(callbacks);
    env_exit(env, rc ? 0 : 2, true);
}

static void test_library_that_reads_a_clock_is_served(void **state)
{
    struct fixture *f = *state;
    run_program(f, take_resets);
    expect_end(f, NODE_EXITED, NODE_SOUND);
    assert_int_equal(node_exit_code(f->node), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HOST_CASE(test_clock_reads_in_a_turn_get_the_clock_of_the_node),
        HOST_CASE(test_outside_of_a_turn_calls_pass),
        HOST_CASE(test_anything_else_in_a_turn_ends_the_node),
        HOST_CASE(test_library_that_reads_a_clock_is_served),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
