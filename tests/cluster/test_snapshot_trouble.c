/* Disks that fail where a snapshot is written or read: nothing that was acknowledged is lost, the
 * member goes on, and who lags has what it lacks as soon as there is a sound snapshot to be had. */
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
#include "disk/fault.h"
#include "snapshots.h"
#include "support/passed.h"

#define SEEDS 5

/* A snapshot that cannot be written costs room for the log, which goes on growing, and nothing
 * else: the member that goes without one has all of the log after a loss of power, too. */
static void test_a_snapshot_that_cannot_be_written_is_tried_again(void **state)
{
    static const enum disk_op ops[] = {DISK_OPEN, DISK_WRITE, DISK_SYNC, DISK_CLOSE, DISK_RENAME};
    (void)state;
    for (size_t i = 0; i < sizeof(ops) / sizeof(ops[0]); i++) {
        struct snapshots s;
        struct passed passed;
        snapshots_setup(&s, i + 1);
        size_t leader = s.cluster.leader;
        struct disk *disk = host_disk(s.cluster.members[leader].host);
        passed_begin(&passed, s.cluster.world, "server.snapshot_not_taken");
        disk_fail(disk, ops[i], DISK_FOR_EVER, ERR_IO, "writing.tmp");
        snapshots_put(&s);
        assert_true(passed.count > 0);
        assert_int_equal(s.taken[leader], 0);
        host_power_off(s.cluster.members[leader].host);
        sim_member_start(&s.cluster, leader);
        snapshots_agree(&s);
        assert_int_equal(s.restored[leader], 0);
        snapshots_expect_all(&s, i + 1);
        disk_heal(disk);
        snapshots_put(&s);
        assert_true(s.taken[leader] > 0);
        snapshots_agree(&s);
        snapshots_expect_all(&s, i + 1);
        snapshots_teardown(&s);
    }
}

/* The leader cannot open its snapshot for a while: it offers it again and again. */
static void test_a_snapshot_that_cannot_be_opened_is_offered_again(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct snapshots s;
        struct passed passed;
        snapshots_setup(&s, seed);
        size_t i = snapshots_leave_behind(&s);
        passed_begin(&passed, s.cluster.world, "server.snapshot_not_sent");
        disk_fail(host_disk(s.cluster.members[s.cluster.leader].host), DISK_OPEN, 3, ERR_IO,
                  ".snap");
        sim_member_start(&s.cluster, i);
        snapshots_agree(&s);
        assert_int_equal(passed.count, 3);
        assert_int_equal(s.installed[i], 1);
        snapshots_expect_all(&s, seed);
        snapshots_teardown(&s);
    }
}

/* The leader's newest snapshot has rotted: its head, so that the leader finds out, or its middle,
 * so that the receiver does. The cluster serves, and the next snapshot is one that the laggard can
 * have. */
static void test_a_snapshot_that_has_rotted_gives_way_to_the_next(void **state)
{
    static const struct {
        uint64_t offset;
        const char *probe;
    } places[] = {{16, "server.snapshot_not_sent"}, {200000, "server.snapshot_not_received"}};
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct snapshots s;
        struct passed passed;
        char name[32];
        snapshots_setup(&s, seed);
        size_t i = snapshots_leave_behind(&s);
        size_t leader = s.cluster.leader;
        fmt(name, sizeof(name), "%016llx.snap", (unsigned long long)s.newest[leader]);
        const struct disk_fault rot = {.kind = DISK_FAULT_ROT,
                                       .file = name,
                                       .count = 1,
                                       .bytes = 8,
                                       .offset = places[seed % 2].offset,
                                       .below = DISK_ANYWHERE};
        assert_int_not_equal(disk_fault_add(host_disk(s.cluster.members[leader].host), &rot), 0);
        passed_begin(&passed, s.cluster.world, places[seed % 2].probe);
        sim_member_start(&s.cluster, i);
        sim_run_until(&s.cluster, sim_now_ns(&s.cluster) + 5 * SEC_NS);
        assert_true(passed.count > 0);
        assert_int_equal(s.installed[i], 0);
        assert_int_equal(s.cluster.leader, leader);
        snapshots_put(&s);
        snapshots_agree(&s);
        assert_true(s.installed[i] > 0);
        snapshots_expect_all(&s, seed);
        snapshots_teardown(&s);
    }
}

/* Some read of the leader's fails, anywhere in the transfer, which is slow enough for that. */
static void test_a_snapshot_that_cannot_be_read_is_offered_again(void **state)
{
    static const struct disk_fault slow = {.kind = DISK_FAULT_SLOW,
                                           .file = ".snap",
                                           .count = DISK_FOR_EVER,
                                           .low_ns = 20 * MS_NS,
                                           .high_ns = 20 * MS_NS};
    unsigned failed = 0;
    (void)state;
    for (int64_t at_ns = 0; at_ns < 250 * MS_NS; at_ns += 10 * MS_NS) {
        struct snapshots s;
        struct passed passed;
        snapshots_setup(&s, 1);
        size_t i = snapshots_leave_behind(&s);
        struct disk *disk = host_disk(s.cluster.members[s.cluster.leader].host);
        passed_begin(&passed, s.cluster.world, "server.snapshot_not_read");
        disk_fault_add(disk, &slow);
        sim_member_start(&s.cluster, i);
        sim_run_until(&s.cluster, sim_now_ns(&s.cluster) + at_ns);
        disk_fail(disk, DISK_READ, 1, ERR_IO, ".snap");
        snapshots_agree(&s);
        assert_int_equal(s.installed[i], 1);
        failed += passed.count;
        snapshots_expect_all(&s, 1);
        snapshots_teardown(&s);
    }
    assert_true(failed > 0);
}

/* Takes a member off the network, or back on. */
static void isolate(struct snapshots *s, size_t i, bool off)
{
    const struct net_fault nothing = {.blocked = true};
    struct net *net = world_net(s->cluster.world);
    uint32_t machine = host_machine(s->cluster.members[i].host);
    if (off) {
        net_fault_add(net, "off", machine, 0, &nothing);
        net_fault_add(net, "off", 0, machine, &nothing);
    } else {
        net_heal(net, "off");
    }
}

/* A member that writes its own snapshot, slowly, gets a newer one meanwhile. Its own is given up,
 * the newer one stands, and its next one is taken as ever. */
static void test_a_snapshot_may_be_outrun_by_a_received_one(void **state)
{
    static const struct disk_fault slow = {.kind = DISK_FAULT_SLOW,
                                           .file = "writing.tmp",
                                           .count = DISK_FOR_EVER,
                                           .low_ns = 6 * SEC_NS,
                                           .high_ns = 9 * SEC_NS};
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct snapshots s;
        struct passed passed;
        snapshots_setup(&s, seed);
        size_t i = snapshots_follower(&s);
        struct disk *disk = host_disk(s.cluster.members[i].host);
        disk_fault_add(disk, &slow);
        snapshots_put(&s);
        assert_int_equal(s.taken[i], 0);
        isolate(&s, i, true);
        snapshots_put(&s);
        isolate(&s, i, false);
        passed_begin(&passed, s.cluster.world, "server.snapshot_outrun");
        snapshots_agree(&s);
        assert_int_equal(s.installed[i], 1);
        assert_int_equal(passed.count, 1);
        /* What was given up goes away, however late. */
        sim_run_until(&s.cluster, sim_now_ns(&s.cluster) + 40 * SEC_NS);
        assert_int_equal(s.taken[i], 0);
        disk_heal(disk);
        snapshots_put(&s);
        assert_true(s.taken[i] > 0);
        host_power_off(s.cluster.members[i].host);
        sim_member_start(&s.cluster, i);
        snapshots_agree(&s);
        assert_int_equal(s.restored[i], 1);
        snapshots_expect_all(&s, seed);
        snapshots_teardown(&s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_snapshot_that_cannot_be_written_is_tried_again),
        cmocka_unit_test(test_a_snapshot_that_cannot_be_opened_is_offered_again),
        cmocka_unit_test(test_a_snapshot_that_has_rotted_gives_way_to_the_next),
        cmocka_unit_test(test_a_snapshot_that_cannot_be_read_is_offered_again),
        cmocka_unit_test(test_a_snapshot_may_be_outrun_by_a_received_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
