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
#include "base/fmt.h"
#include "ctl/ctl.h"
#include "support/load_program.h"
#include "support/sim_cluster.h"

#define SEEDS   10
#define MEMBERS 3

struct fixture {
    struct sim_cluster cluster;
    struct node *load;
    unsigned taken[MEMBERS];
    unsigned installed[MEMBERS];
    unsigned restored[MEMBERS];
};

static void on_event(struct sim_cluster *cluster, struct sim_member *member,
                     const struct obs_event *event)
{
    struct fixture *f = cluster->data;
    size_t i = (size_t)(member - cluster->members);
    if (event->kind == OBS_SNAPSHOT) {
        f->taken[i] += event->snapshot.what == OBS_SNAPSHOT_TAKEN;
        f->installed[i] += event->snapshot.what == OBS_SNAPSHOT_INSTALLED;
        f->restored[i] += event->snapshot.what == OBS_SNAPSHOT_RESTORED;
    }
}

/* Three members that take a snapshot every 30 entries and keep 5 entries behind it. */
static void setup(struct fixture *f, uint64_t seed)
{
    const struct world_options options = world_options_default(seed);
    memset(f, 0, sizeof(*f));
    sim_cluster_init(&f->cluster, &options, MEMBERS, true);
    f->cluster.flags[0] = "--snapshot-count=30";
    f->cluster.flags[1] = "--experimental-snapshot-catchup-entries=5";
    f->cluster.flag_count = 2;
    f->cluster.tap = on_event;
    f->cluster.data = f;
    f->load = sim_client_new(&f->cluster, "load");
    for (size_t i = 0; i < MEMBERS; i++) {
        sim_member_start(&f->cluster, i);
    }
    sim_run_until_served(&f->cluster);
}

static void check_sound(struct fixture *f)
{
    assert_string_equal(sim_trouble(&f->cluster), "");
}

static void teardown(struct fixture *f)
{
    check_sound(f);
    sim_cluster_fini(&f->cluster);
}

/* Four clients put 25 keys each, of 4000 bytes. */
static void put_some(struct fixture *f)
{
    const char *const args[] = {
        "load", "--endpoints", f->cluster.endpoints, "--clients", "4", "--puts", "25", "--value",
        "4000", NULL};
    sim_client_start(f->load, &load_program, args);
    assert_true(sim_run_until_ended(&f->cluster, f->load, 60 * SEC_NS));
}

static bool agree(const struct fixture *f)
{
    const struct sim_member *members = f->cluster.members;
    for (size_t i = 0; i < MEMBERS; i++) {
        if (node_state(members[i].node) != NODE_RUNNING || !members[i].published ||
            members[i].applied != members[0].applied ||
            members[i].state_hash != members[0].state_hash) {
            return false;
        }
    }
    return members[0].applied > 0;
}

static void expect_agreement(struct fixture *f)
{
    int64_t limit_ns = sim_now_ns(&f->cluster) + 60 * SEC_NS;
    while (!agree(f) && sim_now_ns(&f->cluster) < limit_ns) {
        sim_run_until(&f->cluster, sim_now_ns(&f->cluster) + 50 * MS_NS);
        check_sound(f);
    }
    assert_true(agree(f));
}

static size_t a_follower(const struct fixture *f)
{
    return (f->cluster.leader + 1) % MEMBERS;
}

static void test_a_member_that_lags_far_gets_a_snapshot(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct fixture f;
        setup(&f, seed);
        size_t i = a_follower(&f);
        node_crash(f.cluster.members[i].node);
        put_some(&f);
        assert_true(f.taken[f.cluster.leader] >= 2);
        assert_int_equal(f.installed[i], 0);
        sim_member_start(&f.cluster, i);
        expect_agreement(&f);
        assert_int_equal(f.installed[i], 1);
        teardown(&f);
    }
}

/* More keys than a turn may free. */
#define MANY_PUTS "1500"

static void put_many(struct fixture *f)
{
    const char *const args[] = {"load",      "--endpoints", f->cluster.endpoints,
                                "--clients", "4",           "--puts",
                                MANY_PUTS,   "--value",     "4",
                                "--quiet",   NULL};
    sim_client_start(f->load, &load_program, args);
    assert_true(sim_run_until_ended(&f->cluster, f->load, 600 * SEC_NS));
}

/* The host reports what a clean exit leaves in memory. */
static void test_a_store_that_is_replaced_is_freed_bit_by_bit(void **state)
{
    (void)state;
    for (int64_t stop_after_ns = 0; stop_after_ns <= 4 * MS_NS; stop_after_ns += 2 * MS_NS) {
        struct fixture f;
        setup(&f, 1);
        put_many(&f);
        size_t i = a_follower(&f);
        struct node *node = f.cluster.members[i].node;
        node_crash(node);
        put_some(&f);
        sim_member_start(&f.cluster, i);
        while (f.installed[i] == 0) {
            sim_run_until(&f.cluster, sim_now_ns(&f.cluster) + MS_NS / 4);
            check_sound(&f);
        }
        sim_run_until(&f.cluster, sim_now_ns(&f.cluster) + stop_after_ns);
        node_stop(node, 15);
        assert_true(sim_run_until_ended(&f.cluster, node, 10 * SEC_NS));
        assert_int_equal(node_exit_code(node), -15);
        teardown(&f);
    }
}

static void test_a_member_that_lags_a_little_gets_entries(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct fixture f;
        setup(&f, seed);
        size_t i = a_follower(&f);
        put_some(&f);
        node_crash(f.cluster.members[i].node);
        sim_run_until(&f.cluster, sim_now_ns(&f.cluster) + 3 * SEC_NS);
        sim_member_start(&f.cluster, i);
        expect_agreement(&f);
        assert_int_equal(f.installed[i], 0);
        assert_int_equal(f.restored[i], 1);
        teardown(&f);
    }
}

static void test_writes_go_on_while_a_snapshot_is_received(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct fixture f;
        setup(&f, seed);
        size_t i = a_follower(&f);
        node_crash(f.cluster.members[i].node);
        put_some(&f);
        sim_member_start(&f.cluster, i);
        put_some(&f);
        expect_agreement(&f);
        assert_true(f.installed[i] >= 1);
        teardown(&f);
    }
}

static void test_the_whole_cluster_begins_with_snapshots(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct fixture f;
        setup(&f, seed);
        put_some(&f);
        uint64_t hash = f.cluster.members[0].state_hash;
        uint64_t applied = f.cluster.members[0].applied;
        for (size_t i = 0; i < MEMBERS; i++) {
            host_power_off(f.cluster.members[i].host);
        }
        for (size_t i = 0; i < MEMBERS; i++) {
            sim_member_start(&f.cluster, i);
        }
        expect_agreement(&f);
        assert_true(f.cluster.members[0].applied > applied);
        assert_int_not_equal(hash, 0);
        for (size_t i = 0; i < MEMBERS; i++) {
            assert_int_equal(f.restored[i], 1);
        }
        teardown(&f);
    }
}

/* From the start of the lagging member to the installed snapshot, if nothing interferes. */
static int64_t time_of_transfer(uint64_t seed)
{
    struct fixture f;
    setup(&f, seed);
    size_t i = a_follower(&f);
    node_crash(f.cluster.members[i].node);
    put_some(&f);
    sim_member_start(&f.cluster, i);
    int64_t start_ns = sim_now_ns(&f.cluster);
    while (f.installed[i] == 0 && sim_now_ns(&f.cluster) < start_ns + 30 * SEC_NS) {
        sim_run_until(&f.cluster, sim_now_ns(&f.cluster) + MS_NS);
    }
    assert_int_equal(f.installed[i], 1);
    int64_t took_ns = sim_now_ns(&f.cluster) - start_ns;
    teardown(&f);
    return took_ns;
}

enum interruption {
    RECEIVER_DIES,
    RECEIVER_LOSES_POWER,
    SENDER_DIES,
    ALL_LOSE_POWER,
    INTERRUPTIONS
};

static void interrupt(struct fixture *f, size_t receiver, enum interruption how)
{
    size_t first = how == ALL_LOSE_POWER ? 0 : how == SENDER_DIES ? f->cluster.leader : receiver;
    size_t last = how == ALL_LOSE_POWER ? MEMBERS - 1 : first;
    for (size_t i = first; i <= last; i++) {
        if (how == RECEIVER_LOSES_POWER || how == ALL_LOSE_POWER) {
            host_power_off(f->cluster.members[i].host);
        } else {
            node_crash(f->cluster.members[i].node);
        }
    }
    sim_run_until(&f->cluster, sim_now_ns(&f->cluster) + 300 * MS_NS);
    for (size_t i = first; i <= last; i++) {
        sim_member_start(&f->cluster, i);
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
            struct fixture f;
            setup(&f, 1);
            size_t i = a_follower(&f);
            node_crash(f.cluster.members[i].node);
            put_some(&f);
            sim_member_start(&f.cluster, i);
            sim_run_until(&f.cluster, sim_now_ns(&f.cluster) + at_ns);
            interrupt(&f, i, (enum interruption)how);
            expect_agreement(&f);
            teardown(&f);
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
