/* The real member in the simulated world, dropped at each of its env calls: it comes back from what
 * its disk holds, every acknowledged put is there, and nothing of the dropped life stirs. */
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include "base/assert.h"
#include "base/duration.h"
#include "base/fmt.h"
#include "client/client.h"
#include "host/host.h"
#include "pb/pb.h"
#include "pb/rpc.pb-c.h"
#include "server/server.h"

#define PUTS 3

/* Told by the programs below: outside of the simulated world there is one thread. */
static uint64_t acknowledged;
static uint64_t found;

struct asker {
    struct env *env;
    struct client *client;
    struct client_call call;
    uint64_t number;
};

static void asker_gone(void *data)
{
    struct asker *asker = data;
    struct env *env = asker->env;
    mem_free(env->mem, asker);
    env_exit(env, 0, true);
}

static struct asker *asker_new(struct env *env)
{
    struct asker *asker = mem_zalloc(env->mem, 1, sizeof(*asker));
    const struct slice endpoint = slice_str("10.0.0.1:2379");
    const struct client_config config = {.endpoints = &endpoint, .endpoint_count = 1};
    asker->env = env;
    asker->call.data = asker;
    int rc = client_new(env, &config, &asker->client);
    ASSERT(rc == 0);
    return asker;
}

static int64_t soon(struct env *env)
{
    return env_now_ns(env) + 2 * SEC_NS;
}

/* Puts 1, 2, 3 under one key, each until it is acknowledged. */
static void put_next(struct asker *asker)
{
    Etcdserverpb__PutRequest put;
    char value[24];
    etcdserverpb__put_request__init(&put);
    put.key.data = (uint8_t *)"k";
    put.key.len = 1;
    put.value.len = fmt(value, sizeof(value), "%llu", (unsigned long long)asker->number + 1);
    put.value.data = (uint8_t *)value;
    client_start(asker->client, &asker->call, &client_put, &put.base, soon(asker->env));
}

static void put_done(struct client_call *call)
{
    struct asker *asker = call->data;
    if (call->status == GRPC_OK) {
        acknowledged = ++asker->number;
    }
    client_call_fini(call);
    if (asker->number == PUTS) {
        client_close(asker->client, asker_gone, asker);
        return;
    }
    put_next(asker);
}

static void start_writer(struct env *env)
{
    struct asker *asker = asker_new(env);
    asker->call.done = put_done;
    put_next(asker);
}

static void get(struct asker *asker)
{
    Etcdserverpb__RangeRequest range;
    etcdserverpb__range_request__init(&range);
    range.key.data = (uint8_t *)"k";
    range.key.len = 1;
    client_start(asker->client, &asker->call, &client_range, &range.base, soon(asker->env));
}

static void get_done(struct client_call *call)
{
    struct asker *asker = call->data;
    bool ok = call->status == GRPC_OK;
    if (ok) {
        const Etcdserverpb__RangeResponse *range = (Etcdserverpb__RangeResponse *)call->response;
        found = 0;
        if (range->n_kvs == 1) {
            ProtobufCBinaryData value = range->kvs[0]->value;
            int rc = slice_to_u64(slice_of(value.data, value.len), &found);
            ASSERT(rc == 0);
        }
    }
    client_call_fini(call);
    if (!ok) {
        get(asker);
        return;
    }
    client_close(asker->client, asker_gone, asker);
}

static void start_reader(struct env *env)
{
    struct asker *asker = asker_new(env);
    asker->call.done = get_done;
    get(asker);
}

static const struct env_program writer = {"writer", start_writer};
static const struct env_program reader = {"reader", start_reader};

struct fixture {
    struct world *world;
    struct node *member;
    struct node *client;
};

static struct node *add(struct world *world, const char *name, const char *address)
{
    struct host *host;
    int rc = host_new(world, name, address, &host);
    assert_int_equal(rc, 0);
    return node_new(host, name);
}

static void launch(struct node *node, const struct env_program *program, uint64_t crash_call)
{
    static const char *const args[] = {"quorated",
                                       "--name=node01",
                                       "--listen-peer-urls=http://10.0.0.1:2380",
                                       "--initial-advertise-peer-urls=http://10.0.0.1:2380",
                                       "--listen-client-urls=http://10.0.0.1:2379",
                                       "--advertise-client-urls=http://10.0.0.1:2379",
                                       "--initial-cluster=node01=http://10.0.0.1:2380"};
    const struct node_start start = {.program = program,
                                     .args = args,
                                     .arg_count = sizeof(args) / sizeof(args[0]),
                                     .log_level = LOG_ERROR,
                                     .crash_call = crash_call};
    assert_int_equal(node_start(node, &start), 0);
}

static void run_while(struct fixture *f, const struct node *node, int64_t limit_ns)
{
    struct engine *engine = world_engine(f->world);
    int64_t until_ns = engine->now_ns + limit_ns;
    while (node_state(node) == NODE_RUNNING && engine->now_ns < until_ns) {
        world_run(f->world, engine->now_ns + 50 * MS_NS, UINT64_MAX);
    }
}

static void expect_sound(const struct fixture *f)
{
    struct node *faulty = world_first_fault(f->world);
    if (faulty != NULL) {
        fail_msg("%s: %s", node_name(faulty), node_fault_text(faulty));
    }
}

/* False: the member lived until it was stopped. */
static bool crash_at(uint64_t call, bool power)
{
    struct world_options options = world_options_default(call);
    options.memory_fill = 0xA5;
    struct fixture f = {.world = world_new(&options)};
    f.member = add(f.world, "node01", "10.0.0.1");
    f.client = add(f.world, "client", "10.0.0.2");
    acknowledged = 0;
    found = 0;
    launch(f.member, &server_program, call);
    launch(f.client, &writer, 0);
    run_while(&f, f.client, SEC_NS);
    node_stop(f.member, 15);
    run_while(&f, f.member, 5 * SEC_NS);
    expect_sound(&f);
    bool crashed = node_state(f.member) == NODE_CRASHED;
    node_crash(f.client);
    assert_int_not_equal(node_state(f.member), NODE_RUNNING);
    if (power) {
        host_power_off(node_host(f.member));
    }
    uint64_t turns = node_turns(f.member);
    world_run(f.world, world_engine(f.world)->now_ns + SEC_NS, UINT64_MAX);
    assert_int_equal(node_turns(f.member), turns);
    host_power_on(node_host(f.member));
    launch(f.member, &server_program, 0);
    launch(f.client, &reader, 0);
    run_while(&f, f.client, 30 * SEC_NS);
    assert_int_equal(node_state(f.client), NODE_EXITED);
    assert_in_range(found, acknowledged, acknowledged + 1);
    node_stop(f.member, 15);
    run_while(&f, f.member, 10 * SEC_NS);
    assert_int_equal(node_state(f.member), NODE_EXITED);
    expect_sound(&f);
    world_free(f.world);
    return crashed;
}

static void test_member_may_die_at_each_env_call(void **state)
{
    (void)state;
    uint64_t call = 1;
    while (crash_at(call, false)) {
        call++;
    }
    assert_in_range(call, 100, 100000);
}

static void test_member_may_lose_its_power_at_each_env_call(void **state)
{
    (void)state;
    uint64_t call = 1;
    while (crash_at(call, true)) {
        call++;
    }
    assert_in_range(call, 100, 100000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_member_may_die_at_each_env_call),
        cmocka_unit_test(test_member_may_lose_its_power_at_each_env_call),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
