/* Two ends of links in the simulated world: what passes between members that do, or do not, take
 * each other for whom they say they are. */
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include "base/assert.h"
#include "base/duration.h"
#include "host/host.h"
#include "peer/peers.h"
#include "stream/port.h"

#define KIND     PEER_KIND_USER
#define CLUSTER  77
#define ELECTION SEC_NS

/* What one end is, and what became of it. Member 1 is at 10.0.0.1, member 2 at 10.0.0.2. */
struct end {
    /* Given. */
    uint32_t instance;
    uint64_t boot;
    uint64_t epoch;
    uint32_t knows_other_as; /* 0: anything will do */
    uint32_t learns;         /* after 5000 ticks, or 0 */
    /* Seen. */
    unsigned ups;
    unsigned records;
    unsigned refusals;
    enum peer_refusal refusal;
    /* Of the running program. */
    member_id_t id;
    struct env *env;
    struct peers peers;
    struct port port;
    struct env_timer tick;
    unsigned ticks;
};

static struct end ends[3];

static bool fits(const struct end *end, uint32_t instance)
{
    return end->knows_other_as == 0 || end->knows_other_as == instance;
}

static enum peer_refusal judge(struct peers *peers, const struct peer_hello *hello)
{
    struct end *end = peers->data;
    assert_int_equal(hello->cluster, CLUSTER);
    assert_int_equal(hello->to, end->id);
    assert_int_equal(hello->start.instance, ends[hello->from].instance);
    assert_int_equal(hello->start.boot, ends[hello->from].boot);
    assert_int_equal(hello->epoch, ends[hello->from].epoch);
    if (!fits(end, hello->start.instance)) {
        return PEER_OTHER_LOG;
    }
    return peers_met_later(peers, hello->from, &hello->start) ? PEER_WENT_BACK : PEER_ACCEPTED;
}

static bool trusts(struct peers *peers, member_id_t id, const struct peer_start *start,
                   uint64_t epoch)
{
    assert_int_equal(epoch, ends[id].epoch);
    assert_int_equal(start->instance, ends[id].instance);
    assert_int_equal(start->boot, ends[id].boot);
    return fits(peers->data, start->instance) && !peers_met_later(peers, id, start);
}

static void record(struct peers *peers, member_id_t from, struct slice bytes)
{
    struct end *end = peers->data;
    assert_int_equal(from, 3 - end->id);
    assert_int_equal(bytes.ptr[0], KIND);
    end->records++;
}

static void up(struct peers *peers, member_id_t id)
{
    struct end *end = peers->data;
    (void)id;
    end->ups++;
}

static void down(struct peers *peers, member_id_t id)
{
    (void)peers;
    (void)id;
}

static void refused(struct peers *peers, member_id_t by, enum peer_refusal why, uint64_t other,
                    uint64_t epoch)
{
    struct end *end = peers->data;
    assert_int_equal(epoch, ends[by].epoch);
    assert_int_equal(other, CLUSTER);
    end->refusals++;
    end->refusal = why;
}

static const struct peer_events events = {
    .judge = judge, .trusts = trusts, .record = record, .up = up, .down = down, .refused = refused};

static void incoming(struct port *port, struct env_incoming *in)
{
    struct end *end = port->data;
    peers_accept(&end->peers, in);
}

static const struct port_events port_events = {.link = incoming};

/* Each end tries to send all the time. */
static void on_tick(struct env_timer *timer)
{
    static const uint8_t bytes[] = {KIND};
    struct end *end = timer->data;
    if (++end->ticks == 5000 && end->learns != 0) {
        end->knows_other_as = end->learns;
        peers_expect(&end->peers, 3 - end->id, end->knows_other_as);
    }
    int rv = peers_send(&end->peers, 3 - end->id, slice_of(bytes, sizeof(bytes)));
    assert_true(rv == 0 || rv == ERR_CONN_CLOSED);
    env_timer_set(end->env, timer, env_now_ns(end->env) + MS_NS);
}

static void start(struct env *env, member_id_t id)
{
    static const struct peer_address addresses[] = {
        {"", 0}, {"10.0.0.1", 2380}, {"10.0.0.2", 2380}};
    struct end *end = &ends[id];
    end->id = id;
    end->env = env;
    peers_init(&end->peers, env, &events, end, ELECTION);
    struct rng processes = env_random(env, "test.process");
    const struct peer_start self = {end->instance, end->boot, rng_u64(&processes)};
    peers_identify(&end->peers, CLUSTER, id, &self);
    peers_enter_epoch(&end->peers, end->epoch);
    port_init(&end->port, env, &port_events, end, NULL, 0);
    int rv = port_listen(&end->port, addresses[id].host, 2380);
    ASSERT(rv == 0);
    port_serve(&end->port);
    peers_set(&end->peers, 3 - id, &addresses[3 - id], 1);
    end->tick = (struct env_timer){.fire = on_tick, .data = end};
    env_timer_set(env, &end->tick, env_now_ns(env) + MS_NS);
}

static void start_1(struct env *env)
{
    start(env, 1);
}

static void start_2(struct env *env)
{
    start(env, 2);
}

static void start_end(struct node *node, size_t id)
{
    static const struct env_program programs[] = {{"one", start_1}, {"two", start_2}};
    static const char *const args[] = {"end"};
    const struct node_start how = {
        .program = &programs[id - 1], .args = args, .arg_count = 1, .log_level = LOG_ERROR};
    assert_int_equal(node_start(node, &how), 0);
}

/* Runs both for ten simulated seconds; after five member 2 is killed and starts again with the boot
 * number `again`, unless that is 0. The instances and what each knows the other as. */
static void run_through(uint32_t first, uint32_t second, uint32_t first_knows,
                        uint32_t second_knows, uint32_t first_learns, uint64_t again)
{
    static const char *const names[] = {"one", "two"};
    static const char *const addresses[] = {"10.0.0.1", "10.0.0.2"};
    const struct world_options options = world_options_default(first + second);
    struct world *world = world_new(&options);
    struct node *nodes[2];
    memset(ends, 0, sizeof(ends));
    ends[1].boot = 3;
    ends[2].boot = 8;
    ends[1].instance = first;
    ends[2].instance = second;
    ends[1].epoch = UINT64_C(5) << 32;
    ends[2].epoch = (UINT64_C(6) << 32) + 1;
    ends[1].knows_other_as = first_knows;
    ends[2].knows_other_as = second_knows;
    ends[1].learns = first_learns;
    for (size_t i = 0; i < 2; i++) {
        struct host *host;
        assert_int_equal(host_new(world, names[i], addresses[i], &host), 0);
        nodes[i] = node_new(host, names[i]);
        start_end(nodes[i], i + 1);
    }
    if (again != 0) {
        world_run(world, 5 * SEC_NS, UINT64_MAX);
        node_crash(nodes[1]);
        ends[2].boot = again;
        start_end(nodes[1], 2);
    }
    world_run(world, 10 * SEC_NS, UINT64_MAX);
    struct node *broken = world_first_fault(world);
    if (broken != NULL) {
        fail_msg("%s: %s", node_name(broken), node_fault_text(broken));
    }
    world_free(world);
}

static void run_learning(uint32_t first, uint32_t second, uint32_t first_knows,
                         uint32_t second_knows, uint32_t first_learns)
{
    run_through(first, second, first_knows, second_knows, first_learns, 0);
}

static void run(uint32_t first, uint32_t second, uint32_t first_knows, uint32_t second_knows)
{
    run_learning(first, second, first_knows, second_knows, 0);
}

static void test_records_pass_both_ways(void **state)
{
    (void)state;
    run(5, 6, 6, 5);
    for (size_t i = 1; i <= 2; i++) {
        assert_int_equal(ends[i].ups, 1);
        assert_int_equal(ends[i].refusals, 0);
        assert_in_range(ends[i].records, 9000, 10000);
    }
}

static void test_nobody_need_be_known(void **state)
{
    (void)state;
    run(5, 6, 0, 0);
    assert_in_range(ends[1].records, 9000, 10000);
    assert_in_range(ends[2].records, 9000, 10000);
}

/* Member 2 has another log than member 1 knows it by; it would take anybody. Its own link is
 * refused, and what it answers on the link that member 1 dialled is not listened to. */
static void test_a_stranger_under_a_known_id_is_not_heard(void **state)
{
    (void)state;
    run(5, 6, 7, 0);
    assert_int_equal(ends[1].ups, 0);
    assert_int_equal(ends[1].records, 0);
    assert_int_equal(ends[2].ups, 0);
    assert_int_equal(ends[2].records, 0);
    assert_int_equal(ends[2].refusals, 1);
    assert_int_equal(ends[2].refusal, PEER_OTHER_LOG);
}

/* Member 1 learns too late who member 2 should be: from then on it hears nothing more. */
static void test_a_stranger_is_found_out_later(void **state)
{
    (void)state;
    run_learning(5, 6, 0, 0, 7);
    assert_int_equal(ends[1].ups, 1);
    assert_in_range(ends[1].records, 4000, 5000);
    assert_int_equal(ends[2].refusals, 1);
    assert_int_equal(ends[2].refusal, PEER_OTHER_LOG);
    /* And if it is whom it took it for, nothing happens. */
    run_learning(5, 6, 0, 0, 6);
    assert_int_equal(ends[1].ups, 1);
    assert_in_range(ends[1].records, 9000, 10000);
    assert_int_equal(ends[2].refusals, 0);
}

static void test_a_later_start_is_heard(void **state)
{
    (void)state;
    run_through(5, 6, 6, 5, 0, 9);
    assert_int_equal(ends[1].ups, 2);
    assert_int_equal(ends[2].refusals, 0);
    assert_in_range(ends[1].records, 9000, 10000);
}

/* The disk of member 2 has gone back: it starts with a number that was there already. What it sends
 * is not heard, nor what it answers. */
static void test_an_earlier_state_is_refused(void **state)
{
    (void)state;
    for (uint64_t boot = 7; boot <= 8; boot++) {
        run_through(5, 6, 6, 5, 0, boot);
        assert_int_equal(ends[1].ups, 1);
        assert_int_equal(ends[2].refusals, 1);
        assert_int_equal(ends[2].refusal, PEER_WENT_BACK);
        assert_in_range(ends[1].records, 4000, 5010);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_records_pass_both_ways),
        cmocka_unit_test(test_nobody_need_be_known),
        cmocka_unit_test(test_a_stranger_under_a_known_id_is_not_heard),
        cmocka_unit_test(test_a_stranger_is_found_out_later),
        cmocka_unit_test(test_a_later_start_is_heard),
        cmocka_unit_test(test_an_earlier_state_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
