/* Membership changes (thesis chapter 4, with etcd's rule: active when applied). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/duration.h"
#include "support/raft_cluster.h"

/* The story that the project comes from: quorum moves with the command, not with the process. */
static void test_one_member_and_an_unstarted_second_stall(void **state)
{
    (void)state;
    struct cluster *c = cluster_led_by_n1(1);
    cluster_conf(c, 1, RAFT_CONF_ADD_VOTER, 2);
    cluster_run(c, 100);
    cluster_note(c, "quorum is 2 of 2: accepted, not committed");
    cluster_propose(c, 1, "red");
    cluster_run(c, 2500);
    cluster_note(c, "without a leader nothing is accepted, and a read fails");
    cluster_propose(c, 1, "green");
    cluster_conf(c, 1, RAFT_CONF_REMOVE, 2);
    cluster_read(c, 1);
    cluster_run(c, 1000);
    cluster_note(c, "a restart does not help");
    cluster_crash(c, 1);
    cluster_start(c, 1);
    cluster_run(c, 3000);
    cluster_note(c, "starting the second does; what was accepted takes effect");
    cluster_start(c, 2);
    cluster_run(c, 3000);
    cluster_propose(c, cluster_leader(c), "blue");
    cluster_run(c, 100);
    cluster_expect(c, "   51 n1: commits 3..3\n"
                      "   51 n1: voters n1 n2\n"
                      "# quorum is 2 of 2: accepted, not committed\n"
                      " 2001 n1: follower, term 2\n"
                      "# without a leader nothing is accepted, and a read fails\n"
                      " 2650 n1: drops the proposal: etcdserver: no leader\n"
                      " 2650 n1: drops the proposal: etcdserver: no leader\n"
                      " 2650 n1: read 1 fails: etcdserver: no leader\n"
                      " 3413 n1: pre-candidate, term 2\n"
                      "# a restart does not help\n"
                      " 3650 n1 crashes\n"
                      " 3650 n1 starts\n"
                      " 3650 n1: follower, term 2\n"
                      " 3650 n1: commits 1..3\n"
                      " 3650 n1: voters n1\n"
                      " 3650 n1: voters n1 n2\n"
                      " 4798 n1: pre-candidate, term 2\n"
                      "# starting the second does; what was accepted takes effect\n"
                      " 6650 n2 starts\n"
                      " 6650 n2: follower, term 0\n"
                      " 7315 n1: candidate, term 3\n"
                      " 7317 n2: follower, term 3\n"
                      " 7319 n1: leader, term 3\n"
                      " 7320 n2: follower of n1, term 3\n"
                      " 7322 n2: commits 1..3\n"
                      " 7322 n2: voters n1\n"
                      " 7322 n2: voters n1 n2\n"
                      " 7324 n1: commits 4..5\n"
                      " 7325 n2: commits 4..5\n"
                      " 9653 n1: commits 6..6\n"
                      " 9654 n2: commits 6..6\n");
    check_converged(c);
    cluster_free(c);
}

static void test_learner_is_promoted(void **state)
{
    (void)state;
    struct cluster *c = cluster_led_by_n1(3);
    cluster_start(c, 4);
    cluster_conf(c, 1, RAFT_CONF_ADD_LEARNER, 4);
    cluster_run(c, 200);
    cluster_conf(c, 1, RAFT_CONF_PROMOTE, 4);
    cluster_run(c, 200);
    cluster_expect(c, "   50 n4 starts\n"
                      "   50 n4: follower, term 0\n"
                      "   53 n1: commits 5..5\n"
                      "   53 n1: voters n1 n2 n3, learners n4\n"
                      "   54 n2: commits 5..5\n"
                      "   54 n2: voters n1 n2 n3, learners n4\n"
                      "   54 n3: commits 5..5\n"
                      "   54 n3: voters n1 n2 n3, learners n4\n"
                      "   54 n4: follower of n1, term 2\n"
                      "   56 n4: commits 1..5\n"
                      "   56 n4: voters n1\n"
                      "   56 n4: voters n1 n2\n"
                      "   56 n4: voters n1 n2 n3\n"
                      "   56 n4: voters n1 n2 n3, learners n4\n"
                      "  253 n1: commits 6..6\n"
                      "  253 n1: voters n1 n2 n3 n4\n"
                      "  254 n2: commits 6..6\n"
                      "  254 n2: voters n1 n2 n3 n4\n"
                      "  254 n3: commits 6..6\n"
                      "  254 n3: voters n1 n2 n3 n4\n"
                      "  254 n4: commits 6..6\n"
                      "  254 n4: voters n1 n2 n3 n4\n");
    check_converged(c);
    cluster_free(c);
}

static void test_second_change_becomes_an_empty_entry(void **state)
{
    (void)state;
    struct cluster *c = cluster_led_by_n1(3);
    c->tell |= TELL_LOG;
    cluster_conf(c, 1, RAFT_CONF_ADD_LEARNER, 4);
    cluster_conf(c, 1, RAFT_CONF_ADD_LEARNER, 5);
    cluster_run(c, 20);
    cluster_note(c, "applied: now another one may come");
    cluster_conf(c, 1, RAFT_CONF_ADD_LEARNER, 5);
    cluster_run(c, 20);
    cluster_expect(c, "   50 n1: appends 5..5\n"
                      "   50 n1: appends 6..6\n"
                      "   50 n1: another change is pending; an empty entry takes its place\n"
                      "   51 n2: appends 5..5\n"
                      "   51 n3: appends 5..5\n"
                      "   51 n2: appends 6..6\n"
                      "   51 n3: appends 6..6\n"
                      "   53 n1: commits 5..5\n"
                      "   53 n1: voters n1 n2 n3, learners n4\n"
                      "   53 n1: commits 6..6\n"
                      "   54 n2: commits 5..5\n"
                      "   54 n2: voters n1 n2 n3, learners n4\n"
                      "   54 n3: commits 5..5\n"
                      "   54 n3: voters n1 n2 n3, learners n4\n"
                      "   54 n2: commits 6..6\n"
                      "   54 n3: commits 6..6\n"
                      "# applied: now another one may come\n"
                      "   70 n1: appends 7..7\n"
                      "   71 n2: appends 7..7\n"
                      "   71 n3: appends 7..7\n"
                      "   73 n1: commits 7..7\n"
                      "   73 n1: voters n1 n2 n3, learners n4 n5\n"
                      "   74 n2: commits 7..7\n"
                      "   74 n2: voters n1 n2 n3, learners n4 n5\n"
                      "   74 n3: commits 7..7\n"
                      "   74 n3: voters n1 n2 n3, learners n4 n5\n");
    cluster_free(c);
}

static void test_committed_but_not_applied_is_still_pending(void **state)
{
    (void)state;
    struct cluster *c = cluster_led_by_n1(3);
    cluster_apply_stop(c, 1, true);
    cluster_conf(c, 1, RAFT_CONF_ADD_LEARNER, 4);
    cluster_run(c, 20);
    cluster_conf(c, 1, RAFT_CONF_ADD_LEARNER, 5);
    cluster_run(c, 20);
    cluster_apply_stop(c, 1, false);
    cluster_run(c, 20);
    cluster_expect(c, "   53 n1: commits 5..5\n"
                      "   54 n2: commits 5..5\n"
                      "   54 n2: voters n1 n2 n3, learners n4\n"
                      "   54 n3: commits 5..5\n"
                      "   54 n3: voters n1 n2 n3, learners n4\n"
                      "   70 n1: another change is pending; an empty entry takes its place\n"
                      "   73 n1: commits 6..6\n"
                      "   74 n2: commits 6..6\n"
                      "   74 n3: commits 6..6\n"
                      "   90 n1: voters n1 n2 n3, learners n4\n");
    cluster_free(c);
}

static bool lose_append_results(struct cluster *c, const struct raft_message *m)
{
    (void)c;
    return m->type != RAFT_APPEND_RESULT;
}

static void test_no_change_before_an_entry_of_the_term_is_committed(void **state)
{
    (void)state;
    struct cluster *c = cluster_new(1);
    c->tell = 0;
    cluster_bootstrap(c, 3);
    c->filter = lose_append_results;
    cluster_campaign(c, 1);
    cluster_run(c, 50);
    c->tell = TELL_DEFAULT;
    cluster_conf(c, 1, RAFT_CONF_REMOVE, 3);
    c->filter = NULL;
    cluster_run(c, 200);
    cluster_conf(c, 1, RAFT_CONF_REMOVE, 3);
    cluster_run(c, 20);
    cluster_expect(c, "   50 n1: drops the proposal: try again\n"
                      "  110 n1: commits 4..4\n"
                      "  111 n2: commits 4..4\n"
                      "  111 n3: commits 4..4\n"
                      "  253 n1: commits 5..5\n"
                      "  253 n1: voters n1 n2\n"
                      "  254 n2: commits 5..5\n"
                      "  254 n2: voters n1 n2\n"
                      "  254 n3: commits 5..5\n"
                      "  254 n3: voters n1 n2\n");
    cluster_free(c);
}

/* Its last words call the next one. */
static void test_leader_removes_itself(void **state)
{
    (void)state;
    struct cluster *c = cluster_led_by_n1(3);
    cluster_conf(c, 1, RAFT_CONF_REMOVE, 1);
    cluster_run(c, 3000);
    cluster_note(c, "n1 never campaigns again");
    cluster_run(c, 10000);
    cluster_expect(c, "   53 n1: commits 5..5\n"
                      "   53 n1: follower, term 2\n"
                      "   53 n1: voters n2 n3\n"
                      "   54 n2: commits 5..5\n"
                      "   54 n2: voters n2 n3\n"
                      "   54 n3: commits 5..5\n"
                      "   54 n3: voters n2 n3\n"
                      "   54 n2: candidate, term 3\n"
                      "   56 n3: follower, term 3\n"
                      "   58 n2: leader, term 3\n"
                      "   59 n3: follower of n2, term 3\n"
                      "   61 n2: commits 6..6\n"
                      "   62 n3: commits 6..6\n"
                      "# n1 never campaigns again\n");
    cluster_free(c);
}

/* The next one is called before it has applied the change, and comes when it has. */
static void test_the_called_one_applies_the_change_first(void **state)
{
    (void)state;
    struct cluster *c = cluster_led_by_n1(3);
    cluster_apply_stop(c, 2, true);
    cluster_conf(c, 1, RAFT_CONF_REMOVE, 1);
    cluster_run(c, 100);
    cluster_note(c, "n2 applies");
    cluster_apply_stop(c, 2, false);
    cluster_run(c, 100);
    cluster_expect(c, "   53 n1: commits 5..5\n"
                      "   53 n1: follower, term 2\n"
                      "   53 n1: voters n2 n3\n"
                      "   54 n2: commits 5..5\n"
                      "   54 n3: commits 5..5\n"
                      "   54 n3: voters n2 n3\n"
                      "# n2 applies\n"
                      "  150 n2: candidate, term 3\n"
                      "  150 n2: voters n2 n3\n"
                      "  152 n3: follower, term 3\n"
                      "  154 n2: leader, term 3\n"
                      "  155 n3: follower of n2, term 3\n"
                      "  157 n2: commits 6..6\n"
                      "  158 n3: commits 6..6\n");
    cluster_free(c);
}

/* It was n1 that took the change; n3 finds it in its log when it becomes leader. */
static void test_new_leader_knows_the_pending_change_in_its_log(void **state)
{
    (void)state;
    struct cluster *c = cluster_led_by_n1(3);
    c->tell |= TELL_LOG;
    cluster_cut(c, 2, 1);
    cluster_cut(c, 3, 1);
    cluster_conf(c, 1, RAFT_CONF_ADD_LEARNER, 4);
    cluster_run(c, 10);
    cluster_crash(c, 1);
    cluster_heal(c);
    cluster_apply_stop(c, 2, true);
    cluster_apply_stop(c, 3, true);
    cluster_run(c, 2000);
    cluster_note(c, "n1's change is committed with n3's first entry, and not applied yet");
    cluster_conf(c, 3, RAFT_CONF_REMOVE, 1);
    cluster_run(c, 10);
    cluster_expect(c, "   50 n1: appends 5..5\n"
                      "   51 n2: appends 5..5\n"
                      "   51 n3: appends 5..5\n"
                      "   60 n1 crashes\n"
                      " 1295 n3: pre-candidate, term 2\n"
                      " 1297 n3: candidate, term 3\n"
                      " 1299 n2: follower, term 3\n"
                      " 1301 n3: leader, term 3\n"
                      " 1301 n3: appends 6..6\n"
                      " 1302 n2: follower of n3, term 3\n"
                      " 1302 n2: appends 6..6\n"
                      " 1304 n3: commits 5..6\n"
                      " 1305 n2: commits 5..6\n"
                      "# n1's change is committed with n3's first entry, and not applied yet\n"
                      " 2060 n3: appends 7..7\n"
                      " 2060 n3: another change is pending; an empty entry takes its place\n"
                      " 2061 n2: appends 7..7\n"
                      " 2063 n3: commits 7..7\n"
                      " 2064 n2: commits 7..7\n");
    cluster_free(c);
}

static void test_pending_mark_goes_with_the_truncated_entry(void **state)
{
    (void)state;
    struct cluster *c = cluster_led_by_n1(3);
    c->tell |= TELL_LOG;
    cluster_isolate(c, 1);
    cluster_conf(c, 1, RAFT_CONF_REMOVE, 3);
    assert_int_equal(raft_pending_conf(cluster_raft(c, 1)), 5);
    cluster_run(c, 3000);
    cluster_heal(c);
    cluster_run(c, 1000);
    cluster_note(c, "n1's change was overwritten; it leads again and takes another one");
    assert_int_equal(raft_pending_conf(cluster_raft(c, 1)), 0);
    cluster_transfer(c, cluster_leader(c), 1);
    cluster_run(c, 50);
    cluster_conf(c, 1, RAFT_CONF_ADD_LEARNER, 4);
    cluster_run(c, 50);
    cluster_expect(c, "   50 n1: appends 5..5\n"
                      " 1254 n3: pre-candidate, term 2\n"
                      " 1256 n3: candidate, term 3\n"
                      " 1258 n2: follower, term 3\n"
                      " 1260 n3: leader, term 3\n"
                      " 1260 n3: appends 5..5\n"
                      " 1261 n2: follower of n3, term 3\n"
                      " 1261 n2: appends 5..5\n"
                      " 1263 n3: commits 5..5\n"
                      " 1264 n2: commits 5..5\n"
                      " 2006 n1: follower, term 2\n"
                      " 3061 n1: follower of n3, term 3\n"
                      " 3063 n1: truncates from 5\n"
                      " 3063 n1: appends 5..5\n"
                      " 3063 n1: commits 5..5\n"
                      "# n1's change was overwritten; it leads again and takes another one\n"
                      " 4051 n1: candidate, term 4\n"
                      " 4053 n2: follower, term 4\n"
                      " 4053 n3: follower, term 4\n"
                      " 4055 n1: leader, term 4\n"
                      " 4055 n1: appends 6..6\n"
                      " 4056 n2: follower of n1, term 4\n"
                      " 4056 n2: appends 6..6\n"
                      " 4056 n3: follower of n1, term 4\n"
                      " 4056 n3: appends 6..6\n"
                      " 4058 n1: commits 6..6\n"
                      " 4059 n2: commits 6..6\n"
                      " 4059 n3: commits 6..6\n"
                      " 4100 n1: appends 7..7\n"
                      " 4101 n2: appends 7..7\n"
                      " 4101 n3: appends 7..7\n"
                      " 4103 n1: commits 7..7\n"
                      " 4103 n1: voters n1 n2 n3, learners n4\n"
                      " 4104 n2: commits 7..7\n"
                      " 4104 n2: voters n1 n2 n3, learners n4\n"
                      " 4104 n3: commits 7..7\n"
                      " 4104 n3: voters n1 n2 n3, learners n4\n");
    cluster_free(c);
}

static void test_no_campaign_with_a_committed_change_unapplied(void **state)
{
    (void)state;
    struct cluster *c = cluster_led_by_n1(3);
    cluster_apply_stop(c, 2, true);
    cluster_apply_stop(c, 3, true);
    cluster_conf(c, 1, RAFT_CONF_ADD_VOTER, 4);
    cluster_run(c, 150);
    cluster_crash(c, 1);
    cluster_note(c, "n2 and n3 know that the change is committed, and have not applied it");
    cluster_run(c, 6000);
    cluster_apply_stop(c, 2, false);
    cluster_apply_stop(c, 3, false);
    cluster_note(c, "now the quorum is 3 of 4, and n4 is needed");
    cluster_start(c, 4);
    cluster_run(c, 4000);
    cluster_expect(c, "   53 n1: commits 5..5\n"
                      "   53 n1: voters n1 n2 n3 n4\n"
                      "   54 n2: commits 5..5\n"
                      "   54 n3: commits 5..5\n"
                      "  200 n1 crashes\n"
                      "# n2 and n3 know that the change is committed, and have not applied it\n"
                      " 6200 n2: voters n1 n2 n3 n4\n"
                      " 6200 n3: voters n1 n2 n3 n4\n"
                      "# now the quorum is 3 of 4, and n4 is needed\n"
                      " 6200 n4 starts\n"
                      " 6200 n4: follower, term 0\n"
                      " 6725 n3: pre-candidate, term 2\n"
                      " 6727 n3: candidate, term 3\n"
                      " 6729 n2: follower, term 3\n"
                      " 6729 n4: follower, term 3\n"
                      " 6731 n3: leader, term 3\n"
                      " 6732 n2: follower of n3, term 3\n"
                      " 6732 n4: follower of n3, term 3\n"
                      " 6734 n4: commits 1..5\n"
                      " 6734 n4: voters n1\n"
                      " 6734 n4: voters n1 n2\n"
                      " 6734 n4: voters n1 n2 n3\n"
                      " 6734 n4: voters n1 n2 n3 n4\n"
                      " 6736 n3: commits 6..6\n"
                      " 6737 n2: commits 6..6\n"
                      " 6737 n4: commits 6..6\n");
    cluster_free(c);
}

/* n4 was promoted while it was cut off and still takes itself for a learner. n1 is dead, so that
 * its vote is the third of four that n2 and n3 need. */
static void test_promoted_learner_that_does_not_know_it_votes(void **state)
{
    (void)state;
    struct cluster *c = cluster_led_by_n1(3);
    cluster_start(c, 4);
    cluster_conf(c, 1, RAFT_CONF_ADD_LEARNER, 4);
    cluster_run(c, 200);
    cluster_isolate(c, 4);
    cluster_conf(c, 1, RAFT_CONF_PROMOTE, 4);
    cluster_run(c, 100);
    cluster_note(c, "n1 dies; n2 and n3 need a third vote of four");
    cluster_crash(c, 1);
    cluster_heal(c);
    cluster_run(c, 3000);
    cluster_expect(c, "   50 n4 starts\n"
                      "   50 n4: follower, term 0\n"
                      "   53 n1: commits 5..5\n"
                      "   53 n1: voters n1 n2 n3, learners n4\n"
                      "   54 n2: commits 5..5\n"
                      "   54 n2: voters n1 n2 n3, learners n4\n"
                      "   54 n3: commits 5..5\n"
                      "   54 n3: voters n1 n2 n3, learners n4\n"
                      "   54 n4: follower of n1, term 2\n"
                      "   56 n4: commits 1..5\n"
                      "   56 n4: voters n1\n"
                      "   56 n4: voters n1 n2\n"
                      "   56 n4: voters n1 n2 n3\n"
                      "   56 n4: voters n1 n2 n3, learners n4\n"
                      "  253 n1: commits 6..6\n"
                      "  253 n1: voters n1 n2 n3 n4\n"
                      "  254 n2: commits 6..6\n"
                      "  254 n2: voters n1 n2 n3 n4\n"
                      "  254 n3: commits 6..6\n"
                      "  254 n3: voters n1 n2 n3 n4\n"
                      "# n1 dies; n2 and n3 need a third vote of four\n"
                      "  350 n1 crashes\n"
                      " 1551 n3: pre-candidate, term 2\n"
                      " 1553 n3: candidate, term 3\n"
                      " 1555 n2: follower, term 3\n"
                      " 1555 n4: follower, term 3\n"
                      " 1557 n3: leader, term 3\n"
                      " 1558 n2: follower of n3, term 3\n"
                      " 1558 n4: follower of n3, term 3\n"
                      " 1560 n4: commits 6..6\n"
                      " 1560 n4: voters n1 n2 n3 n4\n"
                      " 1562 n3: commits 7..7\n"
                      " 1563 n2: commits 7..7\n"
                      " 1563 n4: commits 7..7\n");
    cluster_free(c);
}

static void test_removed_while_cut_off_never_disturbs(void **state)
{
    (void)state;
    struct cluster *c = cluster_led_by_n1(3);
    cluster_isolate(c, 3);
    cluster_conf(c, 1, RAFT_CONF_REMOVE, 3);
    cluster_run(c, 3000);
    cluster_heal(c);
    cluster_note(c, "n3 does not know, asks, and is ignored: the others hear their leader");
    cluster_run(c, 10000);
    assert_int_equal(cluster_leader(c), 1);
    assert_int_equal(raft_term(cluster_raft(c, 1)), 2);
    cluster_expect(c, "   53 n1: commits 5..5\n"
                      "   53 n1: voters n1 n2\n"
                      "   54 n2: commits 5..5\n"
                      "   54 n2: voters n1 n2\n"
                      " 1254 n3: pre-candidate, term 2\n"
                      "# n3 does not know, asks, and is ignored: the others hear their leader\n");
    cluster_free(c);
}

static void test_refused_at_apply_changes_nothing(void **state)
{
    (void)state;
    struct cluster *c = cluster_led_by_n1(1);
    cluster_note(c, "the server refuses to remove the last voter, when it applies");
    cluster_conf(c, 1, RAFT_CONF_REMOVE, 1);
    cluster_run(c, 50);
    cluster_note(c, "and takes the next change");
    cluster_conf(c, 1, RAFT_CONF_ADD_LEARNER, 2);
    cluster_run(c, 50);
    cluster_expect(c, "# the server refuses to remove the last voter, when it applies\n"
                      "   51 n1: commits 3..3\n"
                      "# and takes the next change\n"
                      "  101 n1: commits 4..4\n"
                      "  101 n1: voters n1, learners n2\n");
    cluster_free(c);
}

static void test_restart_replays_old_configurations_without_acting(void **state)
{
    (void)state;
    struct cluster *c = cluster_led_by_n1(1);
    c->tell = 0;
    cluster_start(c, 2);
    cluster_conf(c, 1, RAFT_CONF_ADD_VOTER, 2);
    cluster_run(c, 200);
    cluster_start(c, 3);
    cluster_conf(c, 1, RAFT_CONF_ADD_VOTER, 3);
    cluster_run(c, 200);
    cluster_isolate(c, 1);
    cluster_propose(c, 1, "uncommitted");
    cluster_run(c, 10);
    c->tell = TELL_DEFAULT;
    cluster_note(c, "n1 was once alone; its log has an uncommitted tail");
    cluster_crash(c, 1);
    cluster_start(c, 1);
    cluster_run(c, 1900);
    cluster_expect(c, "# n1 was once alone; its log has an uncommitted tail\n"
                      "  460 n1 crashes\n"
                      "  460 n1 starts\n"
                      "  460 n1: follower, term 2\n"
                      "  460 n1: commits 1..4\n"
                      "  460 n1: voters n1\n"
                      "  460 n1: voters n1 n2\n"
                      "  460 n1: voters n1 n2 n3\n"
                      " 1426 n3: pre-candidate, term 2\n"
                      " 1428 n3: candidate, term 3\n"
                      " 1430 n2: follower, term 3\n"
                      " 1432 n3: leader, term 3\n"
                      " 1433 n2: follower of n3, term 3\n"
                      " 1435 n3: commits 5..5\n"
                      " 1436 n2: commits 5..5\n"
                      " 1983 n1: pre-candidate, term 2\n");
    cluster_free(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_member_and_an_unstarted_second_stall),
        cmocka_unit_test(test_learner_is_promoted),
        cmocka_unit_test(test_second_change_becomes_an_empty_entry),
        cmocka_unit_test(test_committed_but_not_applied_is_still_pending),
        cmocka_unit_test(test_no_change_before_an_entry_of_the_term_is_committed),
        cmocka_unit_test(test_leader_removes_itself),
        cmocka_unit_test(test_the_called_one_applies_the_change_first),
        cmocka_unit_test(test_new_leader_knows_the_pending_change_in_its_log),
        cmocka_unit_test(test_pending_mark_goes_with_the_truncated_entry),
        cmocka_unit_test(test_no_campaign_with_a_committed_change_unapplied),
        cmocka_unit_test(test_promoted_learner_that_does_not_know_it_votes),
        cmocka_unit_test(test_removed_while_cut_off_never_disturbs),
        cmocka_unit_test(test_refused_at_apply_changes_nothing),
        cmocka_unit_test(test_restart_replays_old_configurations_without_acting),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
