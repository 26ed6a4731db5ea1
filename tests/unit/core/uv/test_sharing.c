/* Nodes that share a machine: one lock for two, and names instead of numbers. */
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/duration.h"
#include "uv_world/uv_world.h"

#define LIMIT_NS (20 * SEC_NS)

/* Whatever a node prints is what the test waits for. */
static void break_on_output(void *data, enum env_output to, struct slice text)
{
    (void)to;
    (void)text;
    uv_world_break(data);
}

static struct uv_node *start_node(struct uv_world *world, const struct env_program *program,
                                  const char *root)
{
    const struct uv_node_options options = {
        .program = program, .root = root, .output = break_on_output, .output_data = world};
    return uv_world_start(world, &options);
}

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
    (void)st;
    (void)flag;
    (void)ftw;
    return remove(path);
}

/* The lock ------------------------------------------------------------------------------------ */

/* Ends with the status as its exit code if refused; holds the lock until it is stopped otherwise.
 */
static void locked(struct env_disk_req *req, int status)
{
    struct env *env = req->data;
    mem_free(env->mem, req);
    if (status < 0) {
        env_exit(env, -status, true);
        return;
    }
    env_print(env, ENV_STDOUT, slice_str("locked\n"));
}

static void start_lock(struct env *env)
{
    struct env_disk_req *req = mem_zalloc(env->mem, 1, sizeof(*req));
    req->done = locked;
    req->data = env;
    env_disk_lock(env, req, "lock");
}

static void test_lock_excludes_others_until_its_node_ends(void **state)
{
    (void)state;
    static const struct env_program program = {"lock", start_lock};
    char root[] = "/tmp/quorate-test-XXXXXX";
    assert_non_null(mkdtemp(root));
    struct uv_world *world = uv_world_new(NULL);
    struct uv_node *first = start_node(world, &program, root);
    assert_false(uv_world_run(world, LIMIT_NS)); /* it prints, and goes on */
    struct uv_node *second = start_node(world, &program, root);
    while (!uv_node_end(second).ended) {
        uv_world_run(world, 10 * MS_NS);
    }
    assert_int_equal(uv_node_end(second).code, -ERR_LOCKED);
    uv_node_crash(first);
    assert_true(uv_world_run(world, LIMIT_NS));
    struct uv_node *third = start_node(world, &program, root);
    assert_false(uv_world_run(world, LIMIT_NS));
    assert_false(uv_node_end(third).ended);
    uv_world_free(world);
    nftw(root, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

/* Names --------------------------------------------------------------------------------------- */

struct names_state {
    struct env *env;
    struct env_listener listener;
    struct env_stream out;
    struct env_stream in;
    int closed;
};

static void names_closed(struct env_stream *stream)
{
    struct names_state *s = stream->data;
    if (++s->closed == 2) {
        struct env *env = s->env;
        mem_free(env->mem, s);
        env_exit(env, 0, true);
    }
}

static void names_opened(struct env_stream *stream, int status)
{
    struct names_state *s = stream->data;
    if (status < 0) {
        env_exit(s->env, -status, false);
        return;
    }
    env_stream_end(s->env, stream);
}

static void names_data(struct env_stream *stream, struct slice bytes)
{
    (void)stream;
    (void)bytes;
}

static void names_eof(struct env_stream *stream)
{
    struct names_state *s = stream->data;
    env_stream_end(s->env, stream);
    env_stream_close(s->env, stream);
}

static void names_failed(struct env_stream *stream, int err)
{
    struct names_state *s = stream->data;
    env_exit(s->env, -err, false);
}

static const struct env_stream_events names_events = {names_opened, names_data,   names_eof,
                                                      NULL,         names_failed, names_closed};

static void names_incoming(struct env_listener *listener, struct env_incoming *incoming)
{
    struct names_state *s = listener->data;
    s->in.events = &names_events;
    s->in.data = s;
    env_stream_accept(s->env, incoming, &s->in);
}

static void names_listener_closed(struct env_listener *listener)
{
    (void)listener;
}

/* `localhost` may have two addresses, of which only one is listened on. */
static void start_names(struct env *env)
{
    struct names_state *s = mem_zalloc(env->mem, 1, sizeof(*s));
    s->env = env;
    s->listener.incoming = names_incoming;
    s->listener.closed = names_listener_closed;
    s->listener.data = s;
    uint16_t port = (uint16_t)(20000 + getpid() % 20000);
    while (env_listen(env, &s->listener, "localhost", port) < 0) {
        port++;
    }
    s->out.events = &names_events;
    s->out.data = s;
    env_stream_connect(env, &s->out, "localhost", port);
}

static void test_localhost_is_listened_on_and_reached_by_name(void **state)
{
    (void)state;
    static const struct env_program program = {"names", start_names};
    struct uv_world *world = uv_world_new(NULL);
    struct uv_node *node = start_node(world, &program, NULL);
    assert_true(uv_world_run(world, LIMIT_NS));
    assert_int_equal(uv_node_end(node).code, 0);
    assert_int_equal(uv_node_end(node).bytes_left, 0);
    uv_world_free(world);
}

/* Dropping a world that is still busy must neither leak nor hang. */
static void test_world_is_freed_with_nodes_running(void **state)
{
    (void)state;
    static const struct env_program program = {"lock", start_lock};
    struct uv_world *world = uv_world_new(NULL);
    char root[] = "/tmp/quorate-test-XXXXXX";
    assert_non_null(mkdtemp(root));
    start_node(world, &program, root);
    uv_world_free(world); /* it has not even begun */
    nftw(root, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lock_excludes_others_until_its_node_ends),
        cmocka_unit_test(test_localhost_is_listened_on_and_reached_by_name),
        cmocka_unit_test(test_world_is_freed_with_nodes_running),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
