/* Connections: whose turn it is, what is dialled again, and how a dead one is noticed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/assert.h"
#include "base/duration.h"
#include "base/list.h"
#include "client/client.h"
#include "pb/rpc.pb-c.h"
#include "support/ctl_world.h"

/* A program: `driver PUTS GAP-SECONDS ENDPOINT…` puts one after the other, that long after the
 * answer to the one before, and prints "ok " or "STATUS " for each. A gap of 99 puts all at once, a
 * microsecond apart. */
#define PUTS_MAX 32
#define AT_ONCE  99

struct driver {
    struct env *env;
    struct client *client;
    struct client_call calls[PUTS_MAX];
    struct env_timer gap;
    uint64_t puts;
    uint64_t started;
    uint64_t ended;
    uint64_t gap_seconds;
};

static void closed(void *data)
{
    struct driver *driver = data;
    struct env *env = driver->env;
    mem_free(env->mem, driver);
    env_exit(env, 0, true);
}

static void set_gap(struct driver *driver, int64_t after_ns)
{
    env_timer_set(driver->env, &driver->gap, env_now_ns(driver->env) + after_ns);
}

static void next(struct env_timer *timer)
{
    struct driver *driver = timer->data;
    if (driver->ended == driver->puts) {
        for (uint64_t i = 0; i < driver->puts; i++) {
            client_call_fini(&driver->calls[i]);
        }
        client_close(driver->client, closed, driver);
        return;
    }
    if (driver->started == driver->puts) {
        return;
    }
    Etcdserverpb__PutRequest request;
    etcdserverpb__put_request__init(&request);
    request.key = pb_bytes(slice_str("k"));
    client_start(driver->client, &driver->calls[driver->started++], &client_put, &request.base,
                 env_now_ns(driver->env) + 300 * SEC_NS);
    if (driver->gap_seconds == AT_ONCE && driver->started < driver->puts) {
        set_gap(driver, US_NS);
    }
}

static void done(struct client_call *call)
{
    struct driver *driver = call->data;
    struct buf text;
    buf_init(&text, driver->env->mem);
    if (call->status == GRPC_OK) {
        buf_add_str(&text, "ok ");
    } else {
        buf_printf(&text, "%d ", (int)call->status);
    }
    env_print(driver->env, ENV_STDOUT, buf_slice(&text));
    buf_fini(&text);
    driver->ended++;
    if (driver->gap_seconds != AT_ONCE) {
        set_gap(driver, (int64_t)driver->gap_seconds * SEC_NS);
    } else if (driver->ended == driver->puts) {
        set_gap(driver, 0);
    }
}

static void start(struct env *env)
{
    struct driver *driver = mem_zalloc(env->mem, 1, sizeof(*driver));
    struct slice endpoints[4];
    size_t count = env->arg_count - 3;
    driver->env = env;
    ASSERT(count <= 4);
    ASSERT(slice_to_u64(slice_str(env->args[1]), &driver->puts) == 0);
    ASSERT(slice_to_u64(slice_str(env->args[2]), &driver->gap_seconds) == 0);
    for (size_t i = 0; i < count; i++) {
        endpoints[i] = slice_str(env->args[i + 3]);
    }
    struct client_config config = {.endpoints = endpoints,
                                   .endpoint_count = count,
                                   .keepalive_time_ns = 2 * SEC_NS,
                                   .keepalive_timeout_ns = 6 * SEC_NS};
    int err = client_new(env, &config, &driver->client);
    ASSERT(err == 0);
    ASSERT(driver->puts <= PUTS_MAX);
    for (uint64_t i = 0; i < driver->puts; i++) {
        driver->calls[i].done = done;
        driver->calls[i].data = driver;
    }
    driver->gap.fire = next;
    driver->gap.data = driver;
    /* By then every connection stands that can. */
    set_gap(driver, SEC_NS);
}

static const struct env_program program = {"driver", start};

static struct ctl_result result;

static Etcdserverpb__PutResponse answer;

static const struct fake_rule serves[] = {
    {.method = "Put", .how = FAKE_ANSWER, .message = &answer.base}, {0}};

static int setup(void **state)
{
    (void)state;
    fake_clear();
    etcdserverpb__put_response__init(&answer);
    return 0;
}

static void run(unsigned servers, const char *words)
{
    struct world *world = ctl_world_new(1, servers);
    ctl_world_run(world, &program, words, "", &result);
    world_free(world);
    assert_int_equal(result.code, 0);
}

static void test_calls_go_round_robin(void **state)
{
    (void)state;
    for (int i = 0; i < 3; i++) {
        fake_servers[i].rules = serves;
    }
    run(3, "30 0 s0:2379 s1:2379 s2:2379");
    assert_int_equal(fake_servers[0].calls, 10);
    assert_int_equal(fake_servers[1].calls, 10);
    assert_int_equal(fake_servers[2].calls, 10);
    assert_int_equal(fake_servers[0].connections, 1);
}

static void test_a_missing_endpoint_is_left_out(void **state)
{
    (void)state;
    fake_servers[0].rules = serves;
    fake_servers[1].rules = serves;
    run(2, "10 0 s0:2379 s3:2379 s1:2379");
    assert_int_equal(fake_servers[0].calls, 5);
    assert_int_equal(fake_servers[1].calls, 5);
}

static void test_no_endpoint_is_a_mistake_of_the_caller(void **state)
{
    (void)state;
    struct client_config config = {0};
    struct env env = {0};
    struct client *client;
    assert_int_equal(client_new(&env, &config, &client), ERR_INVALID);
    assert_null(client);
}

/* A server that goes away in order says so first; nothing is lost. */
static void test_goaway_moves_calls_to_a_new_connection(void **state)
{
    (void)state;
    const struct fake_rule rules[] = {
        {.method = "Put", .how = FAKE_GOAWAY, .message = &answer.base, .times = 1},
        {.method = "Put", .how = FAKE_ANSWER, .message = &answer.base},
        {0}};
    fake_servers[0].rules = rules;
    run(1, "4 1 s0:2379");
    assert_string_equal(result.out, "ok ok ok ok ");
    assert_int_equal(fake_servers[0].connections, 2);
}

/* The second put is on its way when the server says goodbye, and the server says that it did not
 * look at it: this one may be sent again, though it is a write. */
static void test_what_no_server_looked_at_is_sent_again(void **state)
{
    (void)state;
    const struct fake_rule rules[] = {
        {.method = "Put", .how = FAKE_GOAWAY, .message = &answer.base, .times = 1},
        {.method = "Put", .how = FAKE_ANSWER, .message = &answer.base},
        {0}};
    fake_servers[0].rules = rules;
    run(1, "2 99 s0:2379");
    assert_string_equal(result.out, "ok ok ");
    assert_int_equal(fake_servers[0].calls, 2);
    assert_int_equal(fake_servers[0].connections, 2);
}

static void test_a_lost_connection_is_dialled_again_at_once(void **state)
{
    (void)state;
    const struct fake_rule rules[] = {
        {.method = "Put", .how = FAKE_RESET, .times = 1},
        {.method = "Put", .how = FAKE_ANSWER, .message = &answer.base},
        {0}};
    fake_servers[0].rules = rules;
    run(1, "2 0 s0:2379");
    assert_string_equal(result.out, "14 ok ");
    assert_in_range(result.took_ns, SEC_NS, SEC_NS + 200 * MS_NS);
}

/* 10 s of silence, a ping, 6 s more: the call ends, and the next one finds a new connection. The
 * server is a frozen process: its machine still takes connections. */
struct freezer {
    struct engine_event event;
    struct world *world;
};

static void freeze(struct engine_event *event)
{
    struct freezer *freezer = container_of(event, struct freezer, event);
    node_pause(node_find(freezer->world, "s0"));
}

static void test_keep_alive_finds_a_frozen_server(void **state)
{
    (void)state;
    fake_servers[0].rules = serves;
    fake_servers[1].rules = serves;
    struct world *world = ctl_world_new(1, 2);
    struct freezer freezer = {.event = {.run = freeze, .kind = ENGINE_STEP}, .world = world};
    engine_set(world_engine(world), &freezer.event, world_engine(world)->now_ns + 500 * MS_NS);
    ctl_world_run(world, &program, "2 0 s0:2379 s1:2379", "", &result);
    world_free(world);
    assert_string_equal(result.out, "14 ok ");
    assert_in_range(result.took_ns, 17 * SEC_NS, 17 * SEC_NS + 200 * MS_NS);
}

/* A server whose packets vanish, both ways, from half a second on: nothing tells the client but its
 * own pings. */
struct hole {
    struct engine_event event;
    struct world *world;
};

static void vanish(struct engine_event *event)
{
    struct hole *hole = container_of(event, struct hole, event);
    const struct net_fault blocked = {.blocked = true};
    struct net *net = world_net(hole->world);
    uint32_t machine = host_machine(host_find(hole->world, "s0"));
    net_fault_add(net, "hole", machine, 0, &blocked);
    net_fault_add(net, "hole", 0, machine, &blocked);
}

static void run_with_hole(int64_t after_ns, const char *words)
{
    struct world *world = ctl_world_new(1, 2);
    struct hole hole = {.event = {.run = vanish, .kind = ENGINE_STEP}, .world = world};
    fake_servers[0].rules = serves;
    fake_servers[1].rules = serves;
    engine_set(world_engine(world), &hole.event, world_engine(world)->now_ns + after_ns);
    ctl_world_run(world, &program, words, "", &result);
    world_free(world);
}

/* As captured: what is under way moves after some 16 s, and then nobody asks there any more. */
static void test_keep_alive_finds_a_server_whose_packets_vanish(void **state)
{
    (void)state;
    run_with_hole(500 * MS_NS, "8 0 s0:2379 s1:2379");
    assert_string_equal(result.out, "14 ok ok ok ok ok ok ok ");
    assert_in_range(result.took_ns, 17 * SEC_NS, 17 * SEC_NS + 200 * MS_NS);
    assert_int_equal(fake_servers[0].calls, 0);
    assert_int_equal(fake_servers[1].calls, 7);
    assert_int_equal(fake_servers[1].connections, 1);
}

/* As captured: a hole beside a server that answers costs nothing. */
static void test_a_hole_from_the_start_costs_nothing(void **state)
{
    (void)state;
    run_with_hole(0, "8 0 s0:2379 s1:2379");
    assert_string_equal(result.out, "ok ok ok ok ok ok ok ok ");
    assert_in_range(result.took_ns, SEC_NS, SEC_NS + 200 * MS_NS);
    assert_int_equal(fake_servers[1].calls, 8);
}

/* A server that comes late is found by the back-off: dialled at 0, 1 and 2.6 s, 20 % more or less;
 * and the call that waited for it is sent once. */
static void late(struct engine_event *event)
{
    struct hole *hole = container_of(event, struct hole, event);
    net_heal(world_net(hole->world), "refused");
}

static void test_a_server_that_comes_late_is_found_by_the_back_off(void **state)
{
    (void)state;
    const struct net_fault refused = {.refuse = true};
    struct world *world = ctl_world_new(1, 1);
    struct hole hole = {.event = {.run = late, .kind = ENGINE_STEP}, .world = world};
    fake_servers[0].rules = serves;
    net_fault_add(world_net(world), "refused", 0, host_machine(host_find(world, "s0")), &refused);
    engine_set(world_engine(world), &hole.event, world_engine(world)->now_ns + 1500 * MS_NS);
    ctl_world_run(world, &program, "1 0 s0:2379", "", &result);
    world_free(world);
    assert_string_equal(result.out, "ok ");
    assert_in_range(result.took_ns, 2280 * MS_NS, 2920 * MS_NS + 200 * MS_NS);
    assert_int_equal(fake_servers[0].calls, 1);
    assert_int_equal(fake_servers[0].connections, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_calls_go_round_robin, setup),
        cmocka_unit_test_setup(test_a_missing_endpoint_is_left_out, setup),
        cmocka_unit_test_setup(test_no_endpoint_is_a_mistake_of_the_caller, setup),
        cmocka_unit_test_setup(test_goaway_moves_calls_to_a_new_connection, setup),
        cmocka_unit_test_setup(test_what_no_server_looked_at_is_sent_again, setup),
        cmocka_unit_test_setup(test_a_lost_connection_is_dialled_again_at_once, setup),
        cmocka_unit_test_setup(test_keep_alive_finds_a_frozen_server, setup),
        cmocka_unit_test_setup(test_keep_alive_finds_a_server_whose_packets_vanish, setup),
        cmocka_unit_test_setup(test_a_hole_from_the_start_costs_nothing, setup),
        cmocka_unit_test_setup(test_a_server_that_comes_late_is_found_by_the_back_off, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
