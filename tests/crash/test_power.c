/* Processes die and power fails, on any number of members at once, while clients write: whatever
 * was acknowledged is there afterwards. 200 seeds, or as many as QUORATE_SEEDS says. */
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include <stdlib.h>

#include "base/assert.h"
#include "base/duration.h"
#include "base/fmt.h"
#include "client/client.h"
#include "crash/cluster.h"
#include "pb/pb.h"
#include "pb/rpc.pb-c.h"

#define WRITERS 2
#define ROUNDS  20

/* What each writer's key must at least hold, and what was found there. */
static uint64_t acknowledged[WRITERS];
static uint64_t attempted[WRITERS];
static uint64_t found[WRITERS];

struct writer {
    struct env *env;
    struct client *client;
    struct client_call call;
    struct env_timer pause;
    unsigned id;
    char key[2];
};

static struct writer *writer_new(struct env *env)
{
    struct writer *writer = mem_zalloc(env->mem, 1, sizeof(*writer));
    const struct slice endpoints[] = {slice_str("10.0.0.1:2379"), slice_str("10.0.0.2:2379"),
                                      slice_str("10.0.0.3:2379")};
    const struct client_config config = {.endpoints = endpoints, .endpoint_count = 3};
    writer->env = env;
    writer->call.data = writer;
    writer->pause.data = writer;
    writer->id = (unsigned)(env->args[0][0] - '0');
    writer->key[0] = env->args[0][0];
    int rc = client_new(env, &config, &writer->client);
    ASSERT(rc == 0);
    return writer;
}

static void put(struct env_timer *timer)
{
    struct writer *writer = timer->data;
    Etcdserverpb__PutRequest request;
    char value[24];
    etcdserverpb__put_request__init(&request);
    request.key.data = (uint8_t *)writer->key;
    request.key.len = 1;
    request.value.len =
        fmt(value, sizeof(value), "%llu", (unsigned long long)++attempted[writer->id]);
    request.value.data = (uint8_t *)value;
    client_start(writer->client, &writer->call, &client_put, &request.base,
                 env_now_ns(writer->env) + 2 * SEC_NS);
}

static void put_done(struct client_call *call)
{
    struct writer *writer = call->data;
    if (call->status == GRPC_OK) {
        acknowledged[writer->id] = attempted[writer->id];
    }
    client_call_fini(call);
    env_timer_set(writer->env, &writer->pause, env_now_ns(writer->env) + 30 * MS_NS);
}

static void start_writer(struct env *env)
{
    struct writer *writer = writer_new(env);
    writer->call.done = put_done;
    writer->pause.fire = put;
    put(&writer->pause);
}

static void get(struct env_timer *timer)
{
    struct writer *writer = timer->data;
    Etcdserverpb__RangeRequest request;
    etcdserverpb__range_request__init(&request);
    request.key.data = (uint8_t *)writer->key;
    request.key.len = 1;
    client_start(writer->client, &writer->call, &client_range, &request.base,
                 env_now_ns(writer->env) + 2 * SEC_NS);
}

static void get_done(struct client_call *call)
{
    struct writer *writer = call->data;
    const Etcdserverpb__RangeResponse *range = (Etcdserverpb__RangeResponse *)call->response;
    if (call->status != GRPC_OK) {
        client_call_fini(call);
        env_timer_set(writer->env, &writer->pause, env_now_ns(writer->env) + 30 * MS_NS);
        return;
    }
    if (range->n_kvs == 1) {
        ProtobufCBinaryData value = range->kvs[0]->value;
        int rc = slice_to_u64(slice_of(value.data, value.len), &found[writer->id]);
        ASSERT(rc == 0);
    }
    env_exit(writer->env, 0, false);
}

static void start_reader(struct env *env)
{
    struct writer *reader = writer_new(env);
    reader->call.done = get_done;
    reader->pause.fire = get;
    get(&reader->pause);
}

static const struct env_program writer_program = {"writer", start_writer};
static const struct env_program reader_program = {"reader", start_reader};

static void launch(struct node *node, const struct env_program *program)
{
    const char *const args[] = {node_name(node)};
    const struct node_start start = {
        .program = program, .args = args, .arg_count = 1, .log_level = LOG_ERROR};
    assert_int_equal(node_start(node, &start), 0);
}

/* Some of the running members die or lose their power; some of the dead come back. */
static void strike(struct world *world, struct node **members, struct rng *rng)
{
    for (int i = 0; i < MEMBERS; i++) {
        uint64_t fate = rng_below(rng, 6);
        if (node_state(members[i]) != NODE_RUNNING) {
            if (fate < 4) {
                host_power_on(node_host(members[i]));
                (void)cluster_start(world, i, members[i], NULL);
            }
        } else if (fate == 0) {
            host_power_off(node_host(members[i]));
        } else if (fate == 1) {
            node_crash(members[i]);
        } else if (fate == 2) {
            node_crash_at_call(members[i], 1 + rng_below(rng, 500));
        }
    }
}

static void run_to(struct world *world, int64_t until_ns, const struct node *node)
{
    while (world_engine(world)->now_ns < until_ns &&
           (node == NULL || node_state(node) == NODE_RUNNING)) {
        int64_t step_ns = world_engine(world)->now_ns + 100 * MS_NS;
        (void)world_run(world, step_ns < until_ns ? step_ns : until_ns, UINT64_MAX);
    }
}

static void check_found(uint64_t seed)
{
    for (int i = 0; i < WRITERS; i++) {
        if (found[i] < acknowledged[i] || found[i] > attempted[i]) {
            fail_msg("seed %llu: %llu was acknowledged to writer %d, %llu is there",
                     (unsigned long long)seed, (unsigned long long)acknowledged[i], i,
                     (unsigned long long)found[i]);
        }
    }
}

static uint64_t run_seed(uint64_t seed)
{
    const struct world_options options = world_options_default(seed);
    struct world *world = world_new(&options);
    struct rng rng = engine_rng(world_engine(world), "test.strike", 0);
    struct node *members[MEMBERS];
    struct node *writers[WRITERS];
    for (int i = 0; i < MEMBERS; i++) {
        members[i] = cluster_start(world, i, NULL, NULL);
    }
    for (int i = 0; i < WRITERS; i++) {
        struct host *host;
        char name[] = "0";
        name[0] = (char)('0' + i);
        assert_int_equal(host_new(world, name, i == 0 ? "10.0.1.1" : "10.0.1.2", &host), 0);
        writers[i] = node_new(host, name);
        acknowledged[i] = attempted[i] = found[i] = 0;
        launch(writers[i], &writer_program);
    }
    int64_t now_ns = 2 * SEC_NS;
    for (int round = 0; round < ROUNDS; round++) {
        now_ns += rng_range(&rng, 100 * MS_NS, 2 * SEC_NS);
        run_to(world, now_ns, NULL);
        strike(world, members, &rng);
    }
    uint64_t count = 0;
    for (int i = 0; i < WRITERS; i++) {
        node_crash(writers[i]);
        count += acknowledged[i];
    }
    for (int i = 0; i < MEMBERS; i++) {
        node_crash_at_call(members[i], 0);
        if (node_state(members[i]) != NODE_RUNNING) {
            host_power_on(node_host(members[i]));
            (void)cluster_start(world, i, members[i], NULL);
        }
    }
    for (int i = 0; i < WRITERS; i++) {
        launch(writers[i], &reader_program);
        run_to(world, now_ns + 60 * SEC_NS, writers[i]);
        assert_int_equal(node_state(writers[i]), NODE_EXITED);
    }
    if (world_first_fault(world) != NULL) {
        fail_msg("seed %llu: %s", (unsigned long long)seed,
                 node_fault_text(world_first_fault(world)));
    }
    check_found(seed);
    world_free(world);
    return count;
}

static void test_acknowledged_puts_survive_power_failures(void **state)
{
    const char *wanted = getenv("QUORATE_SEEDS");
    uint64_t seeds = wanted != NULL ? strtoull(wanted, NULL, 10) : 200;
    uint64_t count = 0;
    (void)state;
    for (uint64_t seed = 1; seed <= seeds; seed++) {
        count += run_seed(seed);
    }
    print_message("%llu acknowledged puts in %llu seeds\n", (unsigned long long)count,
                  (unsigned long long)seeds);
    assert_true(count > seeds * 50);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_acknowledged_puts_survive_power_failures),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
