/* Snapshots in the whole member: taken under load, sent to who lags, interrupted anywhere, and what
 * a boot begins with. */
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
/* clang-format on */

#include "base/duration.h"
#include "snapshots.h"
#include "support/load_program.h"

#define SEEDS 10

static void test_a_member_that_lags_far_gets_a_snapshot(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct snapshots s;
        snapshots_setup(&s, seed);
        size_t i = snapshots_leave_behind(&s);
        assert_true(s.taken[s.cluster.leader] >= 2);
        assert_int_equal(s.installed[i], 0);
        sim_member_start(&s.cluster, i);
        snapshots_agree(&s);
        assert_int_equal(s.installed[i], 1);
        snapshots_teardown(&s);
    }
}

/* More keys than a turn may free. */
#define MANY_PUTS "1500"

static void put_many(struct snapshots *s)
{
    const char *const args[] = {"load",      "--endpoints", s->cluster.endpoints,
                                "--clients", "4",           "--puts",
                                MANY_PUTS,   "--value",     "4",
                                "--quiet",   NULL};
    sim_client_start(s->load, &load_program, args);
    assert_true(sim_run_until_ended(&s->cluster, s->load, 600 * SEC_NS));
}

/* The host reports what a clean exit leaves in memory. */
static void test_a_store_that_is_replaced_is_freed_bit_by_bit(void **state)
{
    (void)state;
    for (int64_t stop_after_ns = 0; stop_after_ns <= 4 * MS_NS; stop_after_ns += 2 * MS_NS) {
        struct snapshots s;
        snapshots_setup(&s, 1);
        put_many(&s);
        size_t i = snapshots_leave_behind(&s);
        struct node *node = s.cluster.members[i].node;
        sim_member_start(&s.cluster, i);
        while (s.installed[i] == 0) {
            sim_run_until(&s.cluster, sim_now_ns(&s.cluster) + MS_NS / 4);
            snapshots_sound(&s);
        }
        sim_run_until(&s.cluster, sim_now_ns(&s.cluster) + stop_after_ns);
        node_stop(node, 15);
        assert_true(sim_run_until_ended(&s.cluster, node, 10 * SEC_NS));
        assert_int_equal(node_exit_code(node), -15);
        snapshots_teardown(&s);
    }
}

static void test_a_member_that_lags_a_little_gets_entries(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct snapshots s;
        snapshots_setup(&s, seed);
        size_t i = snapshots_follower(&s);
        snapshots_put(&s);
        node_crash(s.cluster.members[i].node);
        sim_run_until(&s.cluster, sim_now_ns(&s.cluster) + 3 * SEC_NS);
        sim_member_start(&s.cluster, i);
        snapshots_agree(&s);
        assert_int_equal(s.installed[i], 0);
        assert_int_equal(s.restored[i], 1);
        snapshots_teardown(&s);
    }
}

static void test_writes_go_on_while_a_snapshot_is_received(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct snapshots s;
        snapshots_setup(&s, seed);
        size_t i = snapshots_leave_behind(&s);
        sim_member_start(&s.cluster, i);
        snapshots_put(&s);
        snapshots_agree(&s);
        assert_true(s.installed[i] >= 1);
        snapshots_teardown(&s);
    }
}

static void test_the_whole_cluster_begins_with_snapshots(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct snapshots s;
        snapshots_setup(&s, seed);
        snapshots_put(&s);
        uint64_t hash = s.cluster.members[0].state_hash;
        uint64_t applied = s.cluster.members[0].applied;
        for (size_t i = 0; i < SNAPSHOTS_MEMBERS; i++) {
            host_power_off(s.cluster.members[i].host);
        }
        for (size_t i = 0; i < SNAPSHOTS_MEMBERS; i++) {
            sim_member_start(&s.cluster, i);
        }
        snapshots_agree(&s);
        assert_true(s.cluster.members[0].applied > applied);
        assert_int_not_equal(hash, 0);
        for (size_t i = 0; i < SNAPSHOTS_MEMBERS; i++) {
            assert_int_equal(s.restored[i], 1);
        }
        snapshots_teardown(&s);
    }
}

/* From the start of the lagging member to the installed snapshot, if nothing interferes. */
static int64_t time_of_transfer(uint64_t seed)
{
    struct snapshots s;
    snapshots_setup(&s, seed);
    size_t i = snapshots_leave_behind(&s);
    sim_member_start(&s.cluster, i);
    int64_t start_ns = sim_now_ns(&s.cluster);
    while (s.installed[i] == 0 && sim_now_ns(&s.cluster) < start_ns + 30 * SEC_NS) {
        sim_run_until(&s.cluster, sim_now_ns(&s.cluster) + MS_NS);
    }
    assert_int_equal(s.installed[i], 1);
    int64_t took_ns = sim_now_ns(&s.cluster) - start_ns;
    snapshots_teardown(&s);
    return took_ns;
}

enum interruption {
    RECEIVER_DIES,
    RECEIVER_LOSES_POWER,
    SENDER_DIES,
    ALL_LOSE_POWER,
    INTERRUPTIONS
};

static void interrupt(struct snapshots *s, size_t receiver, enum interruption how)
{
    size_t first = how == ALL_LOSE_POWER ? 0 : how == SENDER_DIES ? s->cluster.leader : receiver;
    size_t last = how == ALL_LOSE_POWER ? SNAPSHOTS_MEMBERS - 1 : first;
    for (size_t i = first; i <= last; i++) {
        if (how == RECEIVER_LOSES_POWER || how == ALL_LOSE_POWER) {
            host_power_off(s->cluster.members[i].host);
        } else {
            node_crash(s->cluster.members[i].node);
        }
    }
    sim_run_until(&s->cluster, sim_now_ns(&s->cluster) + 300 * MS_NS);
    for (size_t i = first; i <= last; i++) {
        sim_member_start(&s->cluster, i);
    }
}

static void test_a_transfer_may_be_interrupted_at_every_millisecond(void **state)
{
    (void)state;
    int64_t took_ns = time_of_transfer(1);
    print_message("a member that starts has its snapshot after %lld ms\n",
                  (long long)(took_ns / MS_NS));
    for (int64_t at_ns = 0; at_ns <= took_ns + 5 * MS_NS; at_ns += MS_NS) {
        for (int how = 0; how < INTERRUPTIONS; how++) {
            struct snapshots s;
            snapshots_setup(&s, 1);
            size_t i = snapshots_leave_behind(&s);
            sim_member_start(&s.cluster, i);
            sim_run_until(&s.cluster, sim_now_ns(&s.cluster) + at_ns);
            interrupt(&s, i, (enum interruption)how);
            snapshots_agree(&s);
            snapshots_teardown(&s);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_member_that_lags_far_gets_a_snapshot),
        cmocka_unit_test(test_a_store_that_is_replaced_is_freed_bit_by_bit),
        cmocka_unit_test(test_a_member_that_lags_a_little_gets_entries),
        cmocka_unit_test(test_writes_go_on_while_a_snapshot_is_received),
        cmocka_unit_test(test_the_whole_cluster_begins_with_snapshots),
        cmocka_unit_test(test_a_transfer_may_be_interrupted_at_every_millisecond),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
