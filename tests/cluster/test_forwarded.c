/* Proposals that a follower has forwarded to a leader that is gone by then: each ends in time, in
 * one of etcd's own texts, and takes effect at most once; what was acknowledged took effect. And
 * what waited for a leader is proposed in pieces that fit. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/assert.h"
#include "base/duration.h"
#include "base/fmt.h"
#include "client/client.h"
#include "ctl/ctl.h"
#include "pb/rpc.pb-c.h"
#include "support/seeds.h"
#include "support/sim_cluster.h"

#define PUTS_MAX 64
/* The server's own limit: 5 s and two election timeouts (etcd: ReqTimeout). */
#define REQUEST_TIMEOUT_NS (7 * SEC_NS)
#define PATIENCE_NS        (20 * SEC_NS)

/* A program: `putter ENDPOINT COUNT BYTES` puts k0, k1, … a millisecond apart, each once, whatever
 * becomes of those before; then it ends. What it has seen is told outside: there is one thread. */
struct putter {
    struct env *env;
    struct client *client;
    struct client_call calls[PUTS_MAX];
    struct env_timer next;
    struct buf value;
    uint64_t count;
    uint64_t started;
    uint64_t ended;
};

struct outcome {
    bool done;
    enum grpc_status status;
    int64_t took_ns;
    char text[160];
};

static struct outcome outcomes[PUTS_MAX];
/* How often each key was written, as the cluster has it in the end; 0: never. */
static int64_t versions[PUTS_MAX];
static size_t found;

static void putter_closed(void *data)
{
    struct putter *putter = data;
    struct env *env = putter->env;
    buf_fini(&putter->value);
    mem_free(env->mem, putter);
    env_exit(env, 0, true);
}

static void put_done(struct client_call *call)
{
    struct putter *putter = call->data;
    struct outcome *outcome = &outcomes[call - putter->calls];
    assert_false(outcome->done);
    outcome->done = true;
    outcome->status = call->status;
    outcome->took_ns = env_now_ns(putter->env) - (call->deadline_ns - PATIENCE_NS);
    struct slice text = buf_slice(&call->text);
    fmt(outcome->text, sizeof(outcome->text), "%.*s", (int)text.len, (const char *)text.ptr);
    client_call_fini(call);
    if (++putter->ended == putter->count) {
        client_close(putter->client, putter_closed, putter);
    }
}

static void put_next(struct env_timer *timer)
{
    struct putter *putter = timer->data;
    char key[16];
    struct client_call *call = &putter->calls[putter->started];
    Etcdserverpb__PutRequest request;
    etcdserverpb__put_request__init(&request);
    fmt(key, sizeof(key), "k%02llu", (unsigned long long)putter->started);
    request.key = pb_bytes(slice_str(key));
    request.value = pb_bytes(buf_slice(&putter->value));
    call->done = put_done;
    call->data = putter;
    client_start(putter->client, call, &client_put, &request.base,
                 env_now_ns(putter->env) + PATIENCE_NS);
    if (++putter->started < putter->count) {
        env_timer_set(putter->env, timer, env_now_ns(putter->env) + MS_NS);
    }
}

static void putter_start(struct env *env)
{
    struct putter *putter = mem_zalloc(env->mem, 1, sizeof(*putter));
    struct slice endpoint = slice_str(env->args[1]);
    const struct client_config config = {.endpoints = &endpoint, .endpoint_count = 1};
    uint64_t bytes = 0;
    putter->env = env;
    ASSERT(slice_to_u64(slice_str(env->args[2]), &putter->count) == 0);
    ASSERT(slice_to_u64(slice_str(env->args[3]), &bytes) == 0);
    ASSERT(putter->count <= PUTS_MAX);
    buf_init(&putter->value, env->mem);
    for (uint64_t i = 0; i < bytes; i++) {
        buf_add_u8(&putter->value, 'x');
    }
    int err = client_new(env, &config, &putter->client);
    ASSERT(err == 0);
    putter->next.fire = put_next;
    putter->next.data = putter;
    put_next(&putter->next);
}

static const struct env_program putter_program = {"putter", putter_start};

/* A program: `reader ENDPOINT` reads all keys into `versions`. */
struct asker {
    struct env *env;
    struct client *client;
    struct client_call call;
};

static void reader_closed(void *data)
{
    struct asker *asker = data;
    struct env *env = asker->env;
    mem_free(env->mem, asker);
    env_exit(env, 0, true);
}

static void read_done(struct client_call *call)
{
    struct asker *asker = call->data;
    assert_int_equal(call->status, GRPC_OK);
    const Etcdserverpb__RangeResponse *range = (const Etcdserverpb__RangeResponse *)call->response;
    found = range->n_kvs;
    for (size_t i = 0; i < range->n_kvs; i++) {
        ProtobufCBinaryData key = range->kvs[i]->key;
        uint64_t number = 0;
        int rv = slice_to_u64(slice_of(key.data + 1, key.len - 1), &number);
        assert_int_equal(rv, 0);
        assert_true(number < PUTS_MAX);
        versions[number] = range->kvs[i]->version;
    }
    client_call_fini(call);
    client_close(asker->client, reader_closed, asker);
}

static void reader_start(struct env *env)
{
    struct asker *asker = mem_zalloc(env->mem, 1, sizeof(*asker));
    struct slice endpoint = slice_str(env->args[1]);
    const struct client_config config = {.endpoints = &endpoint, .endpoint_count = 1};
    asker->env = env;
    asker->call.done = read_done;
    asker->call.data = asker;
    int err = client_new(env, &config, &asker->client);
    ASSERT(err == 0);
    Etcdserverpb__RangeRequest request;
    etcdserverpb__range_request__init(&request);
    request.key = pb_bytes(slice_str("k"));
    request.range_end = pb_bytes(slice_str("l"));
    request.keys_only = true;
    client_start(asker->client, &asker->call, &client_range, &request.base,
                 env_now_ns(env) + PATIENCE_NS);
}

static const struct env_program reader_program = {"reader", reader_start};

enum loss {
    LOSS_CRASH,
    LOSS_PARTITION,
    LOSS_REMOVED
};

struct tally {
    unsigned ok;
    unsigned failed;  /* and without effect */
    unsigned unknown; /* failed, and in effect all the same */
};

static void endpoint_of(const struct sim_cluster *cluster, size_t i, char *out, size_t size)
{
    fmt(out, size, "%s:2379", host_address(cluster->members[i].host));
}

static void cut_off(struct sim_cluster *cluster, size_t leader)
{
    const struct net_fault blocked = {.blocked = true};
    struct net *net = world_net(cluster->world);
    uint32_t machine = host_machine(cluster->members[leader].host);
    for (size_t i = 0; i < cluster->count; i++) {
        uint32_t other = host_machine(cluster->members[i].host);
        if (i != leader) {
            net_fault_add(net, "cut", machine, other, &blocked);
            net_fault_add(net, "cut", other, machine, &blocked);
        }
    }
}

/* Told to the leader itself, so that the answer needs nobody else. */
static void remove_leader(struct sim_cluster *cluster, size_t leader)
{
    char endpoint[48];
    char id[24];
    endpoint_of(cluster, leader, endpoint, sizeof(endpoint));
    fmt(id, sizeof(id), "%llx", (unsigned long long)cluster->members[leader].id);
    const char *const args[] = {"quoratectl", "--endpoints", endpoint, "member", "remove",
                                id,           NULL};
    sim_client_start(sim_client_new(cluster, "remover"), &ctl_program, args);
}

static void lose(struct sim_cluster *cluster, size_t leader, enum loss loss)
{
    switch (loss) {
    case LOSS_CRASH: host_power_off(cluster->members[leader].host); return;
    case LOSS_PARTITION: cut_off(cluster, leader); return;
    case LOSS_REMOVED: remove_leader(cluster, leader); return;
    }
}

/* What the transcripts have for a request whose leader is lost. */
static bool is_captured(const char *text)
{
    static const char *const texts[] = {
        "etcdserver: request timed out",
        "etcdserver: request timed out, possibly due to previous leader failure",
        "etcdserver: request timed out, possibly due to connection lost",
        "rpc error: code = Unknown desc = context deadline exceeded",
    };
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        if (strcmp(text, texts[i]) == 0) {
            return true;
        }
    }
    return false;
}

static void read_all(struct sim_cluster *cluster, size_t at)
{
    char endpoint[48];
    endpoint_of(cluster, at, endpoint, sizeof(endpoint));
    const char *const args[] = {"reader", endpoint, NULL};
    struct node *reader = sim_client_new(cluster, "reader");
    memset(versions, 0, sizeof(versions));
    sim_client_start(reader, &reader_program, args);
    assert_true(sim_run_until_ended(cluster, reader, PATIENCE_NS));
}

static void judge(size_t count, struct tally *tally)
{
    for (size_t i = 0; i < count; i++) {
        const struct outcome *outcome = &outcomes[i];
        assert_true(outcome->done);
        assert_in_range(versions[i], 0, 1);
        if (outcome->status == GRPC_OK) {
            assert_int_equal(versions[i], 1);
            tally->ok++;
            continue;
        }
        if (!is_captured(outcome->text)) {
            fail_msg("put %zu: \"%s\"", i, outcome->text);
        }
        assert_in_range(outcome->took_ns, REQUEST_TIMEOUT_NS, REQUEST_TIMEOUT_NS + 100 * MS_NS);
        tally->failed += versions[i] == 0;
        tally->unknown += versions[i] == 1;
    }
}

/* Three members; 40 puts in 40 ms go through a follower, and the leader is lost among them. */
static void run(uint64_t seed, enum loss loss, struct tally *tally)
{
    const struct world_options options = world_options_default(seed);
    struct sim_cluster cluster;
    char endpoint[48];
    sim_cluster_init(&cluster, &options, 3, true);
    for (size_t i = 0; i < 3; i++) {
        sim_member_start(&cluster, i);
    }
    sim_run_until_served(&cluster);
    sim_run_until(&cluster, sim_now_ns(&cluster) + 6 * SEC_NS);
    size_t leader = cluster.leader;
    size_t follower = (leader + 1 + seed % 2) % 3;
    endpoint_of(&cluster, follower, endpoint, sizeof(endpoint));
    const char *const args[] = {"putter", endpoint, "40", "8", NULL};
    struct node *putter = sim_client_new(&cluster, "putter");
    memset(outcomes, 0, sizeof(outcomes));
    sim_client_start(putter, &putter_program, args);
    sim_run_until(&cluster, sim_now_ns(&cluster) + (int64_t)(5 + seed % 35) * MS_NS);
    lose(&cluster, leader, loss);
    assert_true(sim_run_until_ended(&cluster, putter, PATIENCE_NS));
    net_heal(world_net(cluster.world), NULL);
    sim_run_until(&cluster, sim_now_ns(&cluster) + 5 * SEC_NS);
    read_all(&cluster, follower);
    judge(40, tally);
    assert_int_equal(check_violation_count(cluster.check), 0);
    sim_cluster_fini(&cluster);
}

static struct tally run_all(enum loss loss)
{
    struct tally tally = {0, 0, 0};
    uint64_t count = seeds_to_run(40, 400);
    for (uint64_t seed = 1; seed <= count; seed++) {
        run(seed, loss, &tally);
    }
    print_message("%u ok, %u without effect, %u in effect all the same\n", tally.ok, tally.failed,
                  tally.unknown);
    return tally;
}

static void test_the_leader_crashes(void **state)
{
    (void)state;
    struct tally tally = run_all(LOSS_CRASH);
    assert_true(tally.ok > 0);
    assert_true(tally.failed > 0);
}

static void test_the_leader_is_cut_off(void **state)
{
    (void)state;
    struct tally tally = run_all(LOSS_PARTITION);
    assert_true(tally.ok > 0);
    assert_true(tally.failed > 0);
}

/* It hands leadership on before it goes, so hardly anything is lost; what is lost ends in time. */
static void test_the_leader_removes_itself(void **state)
{
    (void)state;
    struct tally tally = run_all(LOSS_REMOVED);
    assert_true(tally.ok > 0);
}

/* 8 puts of 1.2 MiB wait for a leader and are gathered in one turn. One batch of them is longer
 * than a record between members may be. */
static void test_what_waited_for_a_leader_is_proposed_in_pieces_that_fit(void **state)
{
    (void)state;
    const struct world_options options = world_options_default(7);
    struct sim_cluster cluster;
    struct tally tally = {0, 0, 0};
    char endpoint[48];
    sim_cluster_init(&cluster, &options, 3, true);
    for (size_t i = 0; i < 3; i++) {
        sim_member_start(&cluster, i);
    }
    sim_run_until_served(&cluster);
    size_t leader = cluster.leader;
    host_power_off(cluster.members[(leader + 1) % 3].host);
    host_power_off(cluster.members[(leader + 2) % 3].host);
    sim_run_until(&cluster, sim_now_ns(&cluster) + 4 * SEC_NS);
    endpoint_of(&cluster, leader, endpoint, sizeof(endpoint));
    const char *const args[] = {"putter", endpoint, "8", "1258291", NULL};
    struct node *putter = sim_client_new(&cluster, "putter");
    memset(outcomes, 0, sizeof(outcomes));
    sim_client_start(putter, &putter_program, args);
    sim_run_until(&cluster, sim_now_ns(&cluster) + 3 * SEC_NS);
    assert_false(outcomes[0].done);
    sim_member_start(&cluster, (leader + 1) % 3);
    assert_true(sim_run_until_ended(&cluster, putter, PATIENCE_NS));
    read_all(&cluster, leader);
    judge(8, &tally);
    assert_int_equal(tally.ok, 8);
    assert_int_equal(found, 8);
    assert_int_equal(check_violation_count(cluster.check), 0);
    sim_cluster_fini(&cluster);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_leader_crashes),
        cmocka_unit_test(test_the_leader_is_cut_off),
        cmocka_unit_test(test_the_leader_removes_itself),
        cmocka_unit_test(test_what_waited_for_a_leader_is_proposed_in_pieces_that_fit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
