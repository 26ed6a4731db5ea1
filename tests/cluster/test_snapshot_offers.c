/* A snapshot that is overtaken while it is sent: by a newer one of the same leader, by that of
 * another leader. */
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

/* For so long nothing passes from one member to the other; their links stay up. */
static void lose(struct snapshots *s, size_t from, size_t to, int64_t ns)
{
    static const struct net_fault nothing = {.blocked = true};
    struct net *net = world_net(s->cluster.world);
    net_fault_add(net, "lost", host_machine(s->cluster.members[from].host),
                  host_machine(s->cluster.members[to].host), &nothing);
    sim_run_until(&s->cluster, sim_now_ns(&s->cluster) + ns);
    net_heal(net, "lost");
}

/* Whatever the receiver says in one millisecond is lost, at any time of the transfer. If that is
 * its last word, the leader goes on holding a file that nobody asks for, until the same member
 * needs another one. */
static void test_any_word_of_the_receiver_may_be_lost(void **state)
{
    unsigned replaced = 0;
    (void)state;
    for (int64_t at_ns = 0; at_ns < 90 * MS_NS; at_ns += MS_NS) {
        struct snapshots s;
        struct passed passed;
        snapshots_setup(&s, 1);
        size_t leader = s.cluster.leader;
        size_t i = snapshots_leave_behind(&s);
        passed_begin(&passed, s.cluster.world, "server.snapshot_send_replaced");
        sim_member_start(&s.cluster, i);
        sim_run_until(&s.cluster, sim_now_ns(&s.cluster) + at_ns);
        lose(&s, i, leader, MS_NS);
        snapshots_agree(&s);
        assert_true(s.installed[i] > 0);
        /* It lags again. */
        char endpoint[32];
        unsigned before = s.installed[i];
        fmt(endpoint, sizeof(endpoint), "10.0.0.%zu:2379", leader + 1);
        snapshots_start_puts(&s, endpoint);
        lose(&s, leader, i, 300 * MS_NS);
        snapshots_agree(&s);
        assert_true(s.installed[i] > before);
        assert_int_equal(s.cluster.leader, leader);
        snapshots_expect_all(&s, 1);
        replaced += passed.count;
        snapshots_teardown(&s);
    }
    assert_true(replaced > 0);
}

/* Leadership moves at any moment of a slow transfer, and the new leader offers its own, newer
 * snapshot. What is all there is looked at first; in the end all agree. */
static void test_leadership_may_move_at_any_moment_of_a_transfer(void **state)
{
    static const struct disk_fault slow = {.kind = DISK_FAULT_SLOW,
                                           .file = "receiving.tmp",
                                           .count = DISK_FOR_EVER,
                                           .low_ns = 300 * MS_NS,
                                           .high_ns = 300 * MS_NS};
    unsigned declined = 0;
    (void)state;
    for (int64_t at_ns = 100 * MS_NS; at_ns < 4 * SEC_NS; at_ns += 150 * MS_NS) {
        struct snapshots s;
        struct passed passed;
        snapshots_setup(&s, 1);
        size_t leader = s.cluster.leader;
        size_t i = snapshots_leave_behind(&s);
        passed_begin(&passed, s.cluster.world, "server.snapshot_offer_declined");
        disk_fault_add(host_disk(s.cluster.members[i].host), &slow);
        sim_member_start(&s.cluster, i);
        sim_run_until(&s.cluster, sim_now_ns(&s.cluster) + at_ns);
        snapshots_put(&s);
        snapshots_move_leader(&s, SNAPSHOTS_MEMBERS - leader - i);
        assert_int_not_equal(s.cluster.leader, leader);
        snapshots_agree(&s);
        assert_true(s.installed[i] > 0);
        snapshots_expect_all(&s, 1);
        declined += passed.count;
        snapshots_teardown(&s);
    }
    assert_true(declined > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_any_word_of_the_receiver_may_be_lost),
        cmocka_unit_test(test_leadership_may_move_at_any_moment_of_a_transfer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
