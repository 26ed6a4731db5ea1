/* Requests that wait for a leader are bounded, by their number and by what they hold: what is above
 * is refused at once, and what ends makes room. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/assert.h"
#include "base/duration.h"
#include "base/fmt.h"
#include "client/client.h"
#include "pb/rpc.pb-c.h"
#include "support/passed.h"
#include "support/sim_cluster.h"

#define CLIENTS     200
#define CALLS_MAX   100 /* of one client: what a connection may hold is bounded, too */
#define DEADLINE_NS (60 * SEC_NS)

/* A program: `flood COUNT BYTES` puts COUNT values of BYTES bytes at once. As soon as all are
 * either refused or wait (nothing comes for a second) it says "waiting N refused N", and at the
 * end "ok N refused N other N". */
struct flood {
    struct env *env;
    struct client *clients[CLIENTS];
    struct client_call *calls;
    uint64_t count;
    uint64_t open_clients;
    uint64_t ok;
    uint64_t refused;
    uint64_t other;
    struct env_timer timer;
};

static void say(struct flood *flood, const char *line, size_t len)
{
    env_print(flood->env, ENV_STDOUT, slice_of(line, len));
}

static void closed(void *data)
{
    struct flood *flood = data;
    struct env *env = flood->env;
    char line[96];
    if (--flood->open_clients > 0) {
        return;
    }
    size_t len =
        fmt(line, sizeof(line), "ok %llu refused %llu other %llu\n", (unsigned long long)flood->ok,
            (unsigned long long)flood->refused, (unsigned long long)flood->other);
    say(flood, line, len);
    env_timer_stop(env, &flood->timer);
    mem_free(env->mem, flood->calls);
    mem_free(env->mem, flood);
    env_exit(env, 0, true);
}

static void is_quiet(struct env_timer *timer)
{
    struct flood *flood = timer->data;
    uint64_t ended = flood->ok + flood->refused + flood->other;
    char line[64];
    size_t len =
        fmt(line, sizeof(line), "waiting %llu refused %llu\n",
            (unsigned long long)(flood->count - ended), (unsigned long long)flood->refused);
    say(flood, line, len);
}

static void done(struct client_call *call)
{
    struct flood *flood = call->data;
    if (call->status == GRPC_OK) {
        flood->ok++;
    } else if (slice_eq_str(buf_slice(&call->text), "etcdserver: too many requests")) {
        flood->refused++;
        env_timer_set(flood->env, &flood->timer, env_now_ns(flood->env) + SEC_NS);
    } else {
        flood->other++;
    }
    client_call_fini(call);
    if (flood->ok + flood->refused + flood->other == flood->count) {
        for (size_t i = 0; i < CLIENTS; i++) {
            client_close(flood->clients[i], closed, flood);
        }
    }
}

static void start(struct env *env)
{
    struct flood *flood = mem_zalloc(env->mem, 1, sizeof(*flood));
    const struct slice endpoint = slice_str("10.0.0.1:2379");
    const struct client_config config = {.endpoints = &endpoint, .endpoint_count = 1};
    uint64_t bytes = 0;
    int err = slice_to_u64(slice_str(env->args[1]), &flood->count);
    ASSERT(err == 0 && flood->count <= CLIENTS * CALLS_MAX);
    err = slice_to_u64(slice_str(env->args[2]), &bytes);
    ASSERT(err == 0);
    flood->env = env;
    flood->open_clients = CLIENTS;
    flood->timer.fire = is_quiet;
    flood->timer.data = flood;
    flood->calls = mem_zalloc(env->mem, flood->count, sizeof(flood->calls[0]));
    for (size_t i = 0; i < CLIENTS; i++) {
        err = client_new(env, &config, &flood->clients[i]);
        ASSERT(err == 0);
    }
    uint8_t *value = mem_zalloc(env->mem, bytes, 1);
    Etcdserverpb__PutRequest request;
    etcdserverpb__put_request__init(&request);
    request.key = pb_bytes(slice_str("k"));
    request.value = pb_bytes(slice_of(value, bytes));
    for (uint64_t i = 0; i < flood->count; i++) {
        struct client_call *call = &flood->calls[i];
        call->done = done;
        call->data = flood;
        client_start(flood->clients[i % CLIENTS], call, &client_put, &request.base,
                     env_now_ns(env) + DEADLINE_NS);
    }
    mem_free(env->mem, value);
}

static const struct env_program flood_program = {"flood", start};

/* Runs it to its end and compares what it said. */
static void flood(struct sim_cluster *cluster, const char *count, const char *bytes,
                  const char *said)
{
    static unsigned number;
    const char *const args[] = {"flood", count, bytes, NULL};
    char name[16];
    char got[256];
    fmt(name, sizeof(name), "flood%u", number++);
    struct node *client = sim_client_new(cluster, name);
    sim_client_start(client, &flood_program, args);
    assert_true(sim_run_until_ended(cluster, client, DEADLINE_NS));
    struct slice text = node_output(client, ENV_STDOUT);
    fmt(got, sizeof(got), "%.*s", (int)text.len, (const char *)text.ptr);
    assert_string_equal(got, said);
}

/* Two members, one of which is away: the other has no leader, and nothing is proposed there. */
static void part(struct sim_cluster *cluster)
{
    const struct world_options options = world_options_default(1);
    sim_cluster_init(cluster, &options, 2, true);
    sim_member_start(cluster, 0);
    sim_member_start(cluster, 1);
    sim_run_until_served(cluster);
    sim_run_until(cluster, sim_now_ns(cluster) + 2 * SEC_NS);
    host_power_off(cluster->members[1].host);
    sim_run_until(cluster, sim_now_ns(cluster) + 5 * SEC_NS);
}

static void unite(struct sim_cluster *cluster)
{
    sim_member_start(cluster, 1);
    sim_run_until(cluster, sim_now_ns(cluster) + 10 * SEC_NS);
}

static void finish(struct sim_cluster *cluster)
{
    assert_string_equal(sim_trouble(cluster), "");
    sim_cluster_fini(cluster);
}

/* What waited times out after seven seconds (5 s and two elections, as in etcd) and makes room. */
static void test_no_more_than_16384_requests_wait(void **state)
{
    (void)state;
    struct sim_cluster cluster;
    static const char said[] = "waiting 16384 refused 616\nok 0 refused 616 other 16384\n";
    part(&cluster);
    flood(&cluster, "17000", "10", said);
    flood(&cluster, "17000", "10", said);
    unite(&cluster);
    flood(&cluster, "1000", "10", "ok 1000 refused 0 other 0\n");
    finish(&cluster);
}

/* A request of 1.5 MB holds a buffer of 2 MiB, until it is proposed. */
static void test_what_waits_holds_no_more_than_256_mib(void **state)
{
    (void)state;
    struct sim_cluster cluster;
    static const char said[] = "waiting 128 refused 12\nok 0 refused 12 other 128\n";
    part(&cluster);
    flood(&cluster, "140", "1500000", said);
    flood(&cluster, "140", "1500000", said);
    unite(&cluster);
    for (int i = 0; i < 7; i++) {
        flood(&cluster, "20", "1500000", "ok 20 refused 0 other 0\n");
    }
    finish(&cluster);
}

/* A leader goes on proposing until it knows that it has no quorum any more, which takes an election
 * timeout; what it holds until then is bounded. Nothing of that was acknowledged, or stays when
 * nobody else has it. */
static void test_a_leader_without_a_quorum_takes_no_more_than_256_mib(void **state)
{
    static const struct net_fault nothing = {.blocked = true};
    const struct world_options options = world_options_default(3);
    (void)state;
    struct sim_cluster cluster;
    struct passed passed;
    sim_cluster_init(&cluster, &options, 3, true);
    for (size_t i = 0; i < 3; i++) {
        sim_member_start(&cluster, i);
    }
    sim_run_until_served(&cluster);
    sim_run_until(&cluster, sim_now_ns(&cluster) + 2 * SEC_NS);
    assert_int_equal(cluster.leader, 0);
    passed_begin(&passed, cluster.world, "server.proposal_busy");
    for (size_t i = 1; i < 3; i++) {
        uint32_t other = host_machine(cluster.members[i].host);
        uint32_t leader = host_machine(cluster.members[0].host);
        net_fault_add(world_net(cluster.world), "cut", leader, other, &nothing);
        net_fault_add(world_net(cluster.world), "cut", other, leader, &nothing);
    }
    flood(&cluster, "200", "1500000", "waiting 178 refused 22\nok 0 refused 22 other 178\n");
    assert_int_equal(passed.count, 22);
    net_heal(world_net(cluster.world), "cut");
    sim_run_until(&cluster, sim_now_ns(&cluster) + 5 * SEC_NS);
    flood(&cluster, "20", "1500000", "ok 20 refused 0 other 0\n");
    finish(&cluster);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_no_more_than_16384_requests_wait),
        cmocka_unit_test(test_what_waits_holds_no_more_than_256_mib),
        cmocka_unit_test(test_a_leader_without_a_quorum_takes_no_more_than_256_mib),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
