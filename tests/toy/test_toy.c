/* The simulated world, proved by two small programs. */
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include "base/duration.h"
#include "toy.h"

/* Golden: changed only in a commit that says which event differs first, and why. */
static const struct {
    uint64_t seed;
    uint64_t events;
    uint64_t hash;
} golden[] = {
    {1, 2444, UINT64_C(0xe7e4b788234a167a)},
    {2, 2349, UINT64_C(0xb958dd7bd39d9fa8)},
    {3, 2375, UINT64_C(0x5ced90aeda12fd02)},
};

static void test_story_has_its_golden_hash(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(golden) / sizeof(golden[0]); i++) {
        uint64_t events = 0;
        uint64_t hash = toy_story(golden[i].seed, 200, -1, NULL, &events);
        assert_int_equal(events, golden[i].events);
        assert_true(hash == golden[i].hash);
    }
}

static void test_bytes_of_fresh_memory_do_not_matter(void **state)
{
    (void)state;
    uint64_t events = 0;
    uint64_t zeros = toy_story(9, 100, 0x00, NULL, &events);
    uint64_t ones = toy_story(9, 100, 0xFF, NULL, &events);
    assert_true(zeros == ones);
}

static unsigned long lines_seen;

static void count_line(struct engine_sink *sink, const struct engine_line *line)
{
    (void)sink;
    lines_seen += line->text[0] != '\0';
}

static void test_trace_does_not_change_the_run(void **state)
{
    (void)state;
    struct engine_sink sink = {count_line};
    uint64_t events = 0;
    uint64_t plain = toy_story(9, 100, -1, NULL, &events);
    uint64_t traced = toy_story(9, 100, -1, &sink, &events);
    assert_true(plain == traced);
    assert_true(lines_seen > 1000);
}

static void test_seeds_differ(void **state)
{
    (void)state;
    uint64_t events = 0;
    uint64_t one = toy_story(1, 100, -1, NULL, &events);
    uint64_t two = toy_story(2, 100, -1, NULL, &events);
    assert_true(one != two);
}

static void run_until_clients_end(struct toy_world *toy, int64_t limit_ns)
{
    struct engine *engine = world_engine(toy->world);
    int64_t until_ns = engine->now_ns + limit_ns;
    while (engine->now_ns < until_ns && (node_state(toy->client[0]) == NODE_RUNNING ||
                                         node_state(toy->client[1]) == NODE_RUNNING)) {
        world_run(toy->world, engine->now_ns + 100 * MS_NS, UINT64_MAX);
    }
    for (int i = 0; i < 2; i++) {
        assert_int_equal(node_state(toy->client[i]), NODE_EXITED);
        assert_int_equal(node_exit_code(toy->client[i]), 0);
    }
}

/* Nobody looks for it any more: no turn, though the world goes on for a second. */
static void expect_silence(struct toy_world *toy)
{
    uint64_t turns = node_turns(toy->server);
    world_run(toy->world, world_engine(toy->world)->now_ns + SEC_NS, UINT64_MAX);
    assert_int_equal(node_turns(toy->server), turns);
}

static void stop_cleanly(struct toy_world *toy)
{
    node_stop(toy->server, 15);
    world_run(toy->world, world_engine(toy->world)->now_ns + SEC_NS, UINT64_MAX);
    assert_int_equal(node_state(toy->server), NODE_EXITED);
    assert_int_equal(node_exit_code(toy->server), -15);
    assert_null(world_first_fault(toy->world));
}

#define LINES 6

/* One life of the server with a crash at that call or probe; false: it lived to its end. */
static bool crash_once(uint64_t call, uint64_t probe, bool power)
{
    struct toy_world toy;
    toy_world_init(&toy, 5, LINES, 0xA5);
    toy_start_server(&toy, call, probe);
    struct engine *engine = world_engine(toy.world);
    while (node_state(toy.server) == NODE_RUNNING && engine->now_ns < 5 * SEC_NS) {
        world_run(toy.world, engine->now_ns + 100 * MS_NS, UINT64_MAX);
        if (engine->now_ns >= 2 * SEC_NS) {
            node_stop(toy.server, 15);
        }
    }
    bool crashed = node_state(toy.server) == NODE_CRASHED;
    if (crashed) {
        assert_int_equal(node_exit_code(toy.server), -9);
        assert_int_equal(call != 0 ? node_env_calls(toy.server) : 0, call);
        if (power) {
            host_power_off(node_host(toy.server));
        }
        expect_silence(&toy);
        host_power_on(node_host(toy.server));
        toy_start_server(&toy, 0, 0);
        run_until_clients_end(&toy, 20 * SEC_NS);
        stop_cleanly(&toy);
    }
    toy_world_fini(&toy);
    return crashed;
}

static void test_server_may_crash_at_each_env_call(void **state)
{
    (void)state;
    uint64_t call = 1;
    while (crash_once(call, 0, call % 2 == 0)) {
        call++;
    }
    assert_in_range(call, 100, 10000);
}

static void test_server_may_crash_at_each_probe(void **state)
{
    (void)state;
    uint64_t probe = 1;
    while (crash_once(0, probe, false)) {
        probe++;
    }
    assert_true(probe > 1);
}

static void test_power_may_fail_at_any_event(void **state)
{
    (void)state;
    uint64_t last = 0;
    for (uint64_t at = 1; at < 400; at += 3) {
        struct toy_world toy;
        toy_world_init(&toy, at, LINES, -1);
        toy_start_server(&toy, 0, 0);
        world_run(toy.world, 10 * SEC_NS, at);
        host_power_off(node_host(toy.server));
        expect_silence(&toy);
        host_power_on(node_host(toy.server));
        toy_start_server(&toy, 0, 0);
        run_until_clients_end(&toy, 20 * SEC_NS);
        stop_cleanly(&toy);
        const struct disk_counts *counts = disk_counts(host_disk(node_host(toy.server)));
        last += counts->writes_dropped + counts->writes_torn + counts->names_dropped;
        toy_world_fini(&toy);
    }
    assert_true(last > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_story_has_its_golden_hash),
        cmocka_unit_test(test_bytes_of_fresh_memory_do_not_matter),
        cmocka_unit_test(test_trace_does_not_change_the_run),
        cmocka_unit_test(test_seeds_differ),
        cmocka_unit_test(test_server_may_crash_at_each_env_call),
        cmocka_unit_test(test_server_may_crash_at_each_probe),
        cmocka_unit_test(test_power_may_fail_at_any_event),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
