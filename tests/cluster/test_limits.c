/* What flags do: limits of clients, a client whose machine is gone, and a log elsewhere. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/assert.h"
#include "base/duration.h"
#include "base/fmt.h"
#include "base/probe.h"
#include "client/client.h"
#include "ctl/ctl.h"
#include "pb/rpc.pb-c.h"
#include "support/sim_cluster.h"

/* Counts one probe of the member. */
struct counter {
    struct world_sink sink;
    const char *name;
    struct node *node;
    unsigned count;
    int64_t at_ns;
    struct sim_cluster *cluster;
};

static void on_probe(struct world_sink *sink, struct node *node, const struct probe_site *site)
{
    struct counter *counter = (struct counter *)sink;
    if (node == counter->node && strcmp(site->name, counter->name) == 0) {
        counter->count++;
        counter->at_ns = sim_now_ns(counter->cluster);
    }
}

static void serve(struct sim_cluster *cluster, const char *const *flags, size_t count)
{
    const struct world_options options = world_options_default(1);
    sim_cluster_init(cluster, &options, 1, true);
    for (size_t i = 0; i < count; i++) {
        cluster->flags[i] = flags[i];
    }
    cluster->flag_count = count;
    sim_member_start(cluster, 0);
    sim_run_until_served(cluster);
}

/* A program: `holder SECONDS` puts once, keeps its connection for so long without a word, puts
 * again and ends with 0 if both went well. */
struct holder {
    struct env *env;
    struct client *client;
    struct client_call call;
    struct env_timer timer;
    int64_t pause_ns;
    unsigned puts;
    int code;
};

static void closed(void *data)
{
    struct holder *holder = data;
    struct env *env = holder->env;
    int code = holder->code;
    mem_free(env->mem, holder);
    env_exit(env, code, true);
}

static void put(struct env_timer *timer)
{
    struct holder *holder = timer->data;
    Etcdserverpb__PutRequest request;
    etcdserverpb__put_request__init(&request);
    request.key = pb_bytes(slice_str("k"));
    client_start(holder->client, &holder->call, &client_put, &request.base,
                 env_now_ns(holder->env) + 5 * SEC_NS);
}

static void done(struct client_call *call)
{
    struct holder *holder = call->data;
    holder->code += call->status == GRPC_OK ? 0 : 1;
    client_call_fini(call);
    if (++holder->puts == 2) {
        client_close(holder->client, closed, holder);
        return;
    }
    env_timer_set(holder->env, &holder->timer, env_now_ns(holder->env) + holder->pause_ns);
}

static void start(struct env *env)
{
    struct holder *holder = mem_zalloc(env->mem, 1, sizeof(*holder));
    const struct slice endpoint = slice_str("10.0.0.1:2379");
    const struct client_config config = {.endpoints = &endpoint, .endpoint_count = 1};
    uint64_t seconds = 0;
    int err = slice_to_u64(slice_str(env->args[1]), &seconds);
    ASSERT(err == 0);
    holder->env = env;
    holder->pause_ns = (int64_t)seconds * SEC_NS;
    holder->call.done = done;
    holder->call.data = holder;
    holder->timer.fire = put;
    holder->timer.data = holder;
    err = client_new(env, &config, &holder->client);
    ASSERT(err == 0);
    put(&holder->timer);
}

static const struct env_program holder_program = {"holder", start};

static const char *const pings[] = {"--grpc-keepalive-interval=10s", "--grpc-keepalive-timeout=3s"};

static struct node *hold(struct sim_cluster *cluster, struct counter *counter, const char *seconds)
{
    const char *const args[] = {"holder", seconds, NULL};
    *counter = (struct counter){.sink = {.probe = on_probe},
                                .name = "stream.keepalive_lost",
                                .node = cluster->members[0].node,
                                .cluster = cluster};
    world_sink_set(cluster->world, &counter->sink);
    struct node *holder = sim_client_new(cluster, "holder");
    sim_client_start(holder, &holder_program, args);
    return holder;
}

static void test_a_client_that_is_silent_keeps_its_connection(void **state)
{
    (void)state;
    struct sim_cluster cluster;
    struct counter counter;
    serve(&cluster, pings, 2);
    struct node *holder = hold(&cluster, &counter, "100");
    assert_true(sim_run_until_ended(&cluster, holder, 110 * SEC_NS));
    assert_int_equal(node_exit_code(holder), 0);
    assert_int_equal(counter.count, 0);
    sim_cluster_fini(&cluster);
}

/* Nothing tells the member that the machine at the other end is gone but that no ping comes back.
 */
static void test_a_client_that_is_gone_is_found(void **state)
{
    (void)state;
    struct sim_cluster cluster;
    struct counter counter;
    serve(&cluster, pings, 2);
    struct node *holder = hold(&cluster, &counter, "100");
    sim_run_until(&cluster, sim_now_ns(&cluster) + SEC_NS);
    int64_t begun_ns = sim_now_ns(&cluster);
    host_power_off(node_host(holder));
    sim_run_until(&cluster, begun_ns + 60 * SEC_NS);
    assert_int_equal(counter.count, 1);
    /* The last word was up to a second old. */
    assert_in_range(counter.at_ns - begun_ns, 12 * SEC_NS, 13 * SEC_NS);
    sim_cluster_fini(&cluster);
}

static void test_zero_means_that_nobody_is_pinged(void **state)
{
    (void)state;
    static const char *const never[] = {"--grpc-keepalive-interval=0",
                                        "--grpc-keepalive-timeout=3s"};
    struct sim_cluster cluster;
    struct counter counter;
    serve(&cluster, never, 2);
    struct node *holder = hold(&cluster, &counter, "100");
    sim_run_until(&cluster, sim_now_ns(&cluster) + SEC_NS);
    host_power_off(node_host(holder));
    sim_run_until(&cluster, sim_now_ns(&cluster) + 5 * 60 * MIN_NS);
    assert_int_equal(counter.count, 0);
    sim_cluster_fini(&cluster);
}

static int put_bytes(struct sim_cluster *cluster, size_t bytes, char *err, size_t size)
{
    static char value[600001];
    static unsigned number;
    char name[16];
    ASSERT(bytes < sizeof(value));
    memset(value, 'x', bytes);
    value[bytes] = '\0';
    const char *const args[] = {"quoratectl", "--endpoints=10.0.0.1:2379", "put", "k", value, NULL};
    fmt(name, sizeof(name), "ctl%u", number++);
    struct node *ctl = sim_client_new(cluster, name);
    sim_client_start(ctl, &ctl_program, args);
    assert_true(sim_run_until_ended(cluster, ctl, 10 * SEC_NS));
    struct slice text = node_output(ctl, ENV_STDERR);
    fmt(err, size, "%.*s", (int)text.len, (const char *)text.ptr);
    return node_exit_code(ctl);
}

static void test_requests_may_be_as_large_as_the_flag_says(void **state)
{
    (void)state;
    static const char *const small[] = {"--max-request-bytes=1000"};
    struct sim_cluster cluster;
    char err[256];
    serve(&cluster, small, 1);
    assert_int_equal(put_bytes(&cluster, 900, err, sizeof(err)), 0);
    assert_int_equal(put_bytes(&cluster, 1100, err, sizeof(err)), 1);
    assert_string_equal(err, "Error: etcdserver: request is too large\n");
    /* A message has 512 KiB more, and is refused before it is read. */
    assert_int_equal(put_bytes(&cluster, 600000, err, sizeof(err)), 1);
    assert_string_equal(err, "Error: rpc error: code = ResourceExhausted desc = grpc: received "
                             "message larger than max (600007 vs. 525288)\n");
    sim_cluster_fini(&cluster);
}

static void test_the_log_may_lie_elsewhere(void **state)
{
    (void)state;
    static const char *const elsewhere[] = {"--wal-dir=other/log"};
    struct sim_cluster cluster;
    char err[256];
    serve(&cluster, elsewhere, 1);
    assert_int_equal(put_bytes(&cluster, 10, err, sizeof(err)), 0);
    node_stop(cluster.members[0].node, 15);
    sim_run_until(&cluster, sim_now_ns(&cluster) + 5 * SEC_NS);
    assert_int_equal(node_state(cluster.members[0].node), NODE_EXITED);
    uint8_t first[8];
    size_t count = 0;
    assert_int_equal(disk_read_durable(host_disk(cluster.members[0].host),
                                       "other/log/0000000000000001-0000000000000001.wal", 0, first,
                                       sizeof(first), &count),
                     0);
    sim_member_start(&cluster, 0);
    sim_run_until_served(&cluster);
    const char *const args[] = {"quoratectl", "--endpoints=10.0.0.1:2379", "get", "k", NULL};
    struct node *ctl = sim_client_new(&cluster, "reader");
    sim_client_start(ctl, &ctl_program, args);
    assert_true(sim_run_until_ended(&cluster, ctl, 10 * SEC_NS));
    assert_true(slice_eq_str(node_output(ctl, ENV_STDOUT), "k\nxxxxxxxxxx\n"));
    sim_cluster_fini(&cluster);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_client_that_is_silent_keeps_its_connection),
        cmocka_unit_test(test_a_client_that_is_gone_is_found),
        cmocka_unit_test(test_zero_means_that_nobody_is_pinged),
        cmocka_unit_test(test_the_log_may_lie_elsewhere),
        cmocka_unit_test(test_requests_may_be_as_large_as_the_flag_says),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
