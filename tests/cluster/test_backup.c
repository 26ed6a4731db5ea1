/* Clients that get a member's state as a stream: many, slow ones, and ones that a learner or a
 * member that stops turns away. */
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
/* clang-format on */

#include "base/assert.h"
#include "base/duration.h"
#include "client/client.h"
#include "ctl/ctl.h"
#include "pb/rpc.pb-c.h"
#include "support/sim_cluster.h"

#define STREAMS 17 /* one more than a member serves */

/* Told by the program below: outside of the simulated world there is one thread. */
static size_t refused;
static size_t given_up;
static size_t stopped;
static size_t whole;

struct taker {
    struct env *env;
    struct client *client;
    struct client_call calls[STREAMS];
    size_t ended;
    bool slow;
};

static void taker_gone(void *data)
{
    struct taker *taker = data;
    struct env *env = taker->env;
    mem_free(env->mem, taker);
    env_exit(env, 0, true);
}

static void came(struct client_call *call, struct slice bytes)
{
    struct taker *taker = call->data;
    ASSERT(bytes.len > 0);
    client_pause(call, taker->slow);
}

static void ended(struct client_call *call)
{
    struct taker *taker = call->data;
    const char *text = buf_cstr(&call->text);
    whole += call->status == GRPC_OK;
    refused += strstr(text, "etcdserver: too many requests") != NULL;
    given_up += strstr(text, "timed out") != NULL;
    stopped += strstr(text, "etcdserver: server stopped") != NULL;
    client_call_fini(call);
    if (++taker->ended == STREAMS) {
        client_close(taker->client, taker_gone, taker);
    }
}

static void resume(struct env_timer *timer);
static struct env_timer timer;

static void start(struct env *env)
{
    struct taker *taker = mem_zalloc(env->mem, 1, sizeof(*taker));
    const struct slice endpoint = slice_str("10.0.0.1:2379");
    const struct client_config config = {.endpoints = &endpoint, .endpoint_count = 1};
    Etcdserverpb__SnapshotRequest request;
    taker->env = env;
    taker->slow = true;
    int rc = client_new(env, &config, &taker->client);
    ASSERT(rc == 0);
    etcdserverpb__snapshot_request__init(&request);
    for (size_t i = 0; i < STREAMS; i++) {
        taker->calls[i].message = came;
        taker->calls[i].done = ended;
        taker->calls[i].data = taker;
        client_start(taker->client, &taker->calls[i], &client_snapshot, &request.base, INT64_MAX);
    }
    timer = (struct env_timer){.fire = resume, .data = taker};
    env_timer_set(env, &timer, env_now_ns(env) + 90 * SEC_NS);
}

static void resume(struct env_timer *fired)
{
    struct taker *taker = fired->data;
    taker->slow = false;
    for (size_t i = 0; i < STREAMS; i++) {
        client_pause(&taker->calls[i], false);
    }
}

static const struct env_program taker_program = {"taker", start};

static void run_ctl(struct sim_cluster *cluster, const char *name, const char *const *args)
{
    struct node *node = sim_client_new(cluster, name);
    sim_client_start(node, &ctl_program, args);
    assert_true(sim_run_until_ended(cluster, node, 30 * SEC_NS));
    if (node_exit_code(node) != 0) {
        struct slice text = node_output(node, ENV_STDERR);
        fail_msg("%s: %.*s", name, (int)text.len, (const char *)text.ptr);
    }
}

/* 8 MB, in one member. */
static void fill(struct sim_cluster *cluster)
{
    static char value[1000 * 1000];
    memset(value, 'v', sizeof(value) - 1);
    for (int i = 0; i < 8; i++) {
        char key[16];
        (void)snprintf(key, sizeof(key), "k%d", i);
        const char *const args[] = {"quoratectl", "--endpoints", cluster->endpoints, "put", key,
                                    value,        NULL};
        run_ctl(cluster, key, args);
    }
}

static void test_slow_takers_are_given_up_and_hold_up_nobody(void **state)
{
    struct world_options options = world_options_default(1);
    struct sim_cluster cluster;
    (void)state;
    refused = given_up = stopped = whole = 0;
    sim_cluster_init(&cluster, &options, 1, true);
    sim_member_start(&cluster, 0);
    sim_run_until_served(&cluster);
    fill(&cluster);
    struct node *node = sim_client_new(&cluster, "taker");
    const char *const none[] = {"taker", NULL};
    sim_client_start(node, &taker_program, none);
    sim_run_until(&cluster, sim_now_ns(&cluster) + 10 * SEC_NS);
    const char *const put[] = {"quoratectl", "--endpoints", cluster.endpoints, "put", "a",
                               "b",          NULL};
    run_ctl(&cluster, "put", put);
    assert_true(sim_run_until_ended(&cluster, node, 300 * SEC_NS));
    assert_int_equal(refused, 1);
    assert_int_equal(given_up, STREAMS - 1);
    assert_int_equal(check_violation_count(cluster.check), 0);
    sim_cluster_fini(&cluster);
}

static void test_a_stop_ends_streams_with_words(void **state)
{
    struct world_options options = world_options_default(2);
    struct sim_cluster cluster;
    (void)state;
    refused = given_up = stopped = whole = 0;
    sim_cluster_init(&cluster, &options, 1, true);
    sim_member_start(&cluster, 0);
    sim_run_until_served(&cluster);
    fill(&cluster);
    struct node *node = sim_client_new(&cluster, "taker");
    const char *const none[] = {"taker", NULL};
    sim_client_start(node, &taker_program, none);
    sim_run_until(&cluster, sim_now_ns(&cluster) + SEC_NS);
    node_stop(cluster.members[0].node, 15);
    assert_true(sim_run_until_ended(&cluster, cluster.members[0].node, 10 * SEC_NS));
    assert_int_equal(node_exit_code(cluster.members[0].node), -15);
    assert_int_equal(whole, 0);
    sim_cluster_fini(&cluster);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_slow_takers_are_given_up_and_hold_up_nobody),
        cmocka_unit_test(test_a_stop_ends_streams_with_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
