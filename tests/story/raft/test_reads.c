/* Linearizable reads (thesis 6.4): rounds, leases, and what is not answered. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/duration.h"
#include "support/raft_cluster.h"

static struct cluster *with_leases(void)
{
    struct cluster *c = cluster_new(1);
    c->tell = 0;
    c->config.read_mode = RAFT_READS_BY_LEASE;
    cluster_bootstrap(c, 3);
    cluster_campaign(c, 1);
    cluster_run(c, 50);
    c->tell = TELL_ROLES | TELL_READS | TELL_HEARTBEATS | TELL_SENDS;
    return c;
}

static void test_single_voter_answers_at_once(void **state)
{
    (void)state;
    struct cluster *c = cluster_led_by_n1(1);
    cluster_read(c, 1);
    cluster_expect(c, "   50 n1: read 1 at 2\n");
    cluster_free(c);
}

static void test_waiting_reads_share_the_next_round(void **state)
{
    (void)state;
    struct cluster *c = cluster_led_by_n1(3);
    c->tell = TELL_READS | TELL_HEARTBEATS | TELL_SENDS;
    cluster_read(c, 1);
    cluster_note(c, "a round is out; two more reads wait for the next");
    cluster_read(c, 1);
    cluster_read(c, 1);
    cluster_run(c, 10);
    cluster_expect(c, "   50 n1 -> n2: heartbeat, term 2\n"
                      "   50 n1 -> n3: heartbeat, term 2\n"
                      "# a round is out; two more reads wait for the next\n"
                      "   51 n2 -> n1: heartbeat-result, term 2\n"
                      "   51 n3 -> n1: heartbeat-result, term 2\n"
                      "   52 n1 -> n2: heartbeat, term 2\n"
                      "   52 n1 -> n3: heartbeat, term 2\n"
                      "   52 n1: read 1 at 4\n"
                      "   53 n2 -> n1: heartbeat-result, term 2\n"
                      "   53 n3 -> n1: heartbeat-result, term 2\n"
                      "   54 n1: read 2 at 4\n"
                      "   54 n1: read 3 at 4\n");
    cluster_free(c);
}

static void test_follower_asks_the_leader(void **state)
{
    (void)state;
    struct cluster *c = cluster_led_by_n1(3);
    c->tell |= TELL_SENDS | TELL_HEARTBEATS;
    cluster_propose(c, 1, "a");
    cluster_run(c, 10);
    c->tell = TELL_READS | TELL_SENDS | TELL_HEARTBEATS;
    buf_clear(&c->story);
    cluster_read(c, 3);
    cluster_run(c, 10);
    cluster_expect(c, "   60 n3 -> n1: read-index, term 2\n"
                      "   61 n1 -> n2: heartbeat, term 2\n"
                      "   61 n1 -> n3: heartbeat, term 2\n"
                      "   62 n2 -> n1: heartbeat-result, term 2\n"
                      "   62 n3 -> n1: heartbeat-result, term 2\n"
                      "   63 n1 -> n3: read-index-result, term 2\n"
                      "   64 n3: read 1 at 5\n");
    cluster_free(c);
}

static void test_leader_cut_off_answers_nothing(void **state)
{
    (void)state;
    struct cluster *c = cluster_led_by_n1(3);
    c->tell = TELL_READS | TELL_ROLES;
    cluster_isolate(c, 1);
    cluster_read(c, 1);
    cluster_run(c, 2500);
    cluster_note(c, "without a leader a read fails at once, to be tried again");
    cluster_read(c, 1);
    cluster_expect(c, " 1254 n3: pre-candidate, term 2\n"
                      " 1256 n3: candidate, term 3\n"
                      " 1258 n2: follower, term 3\n"
                      " 1260 n3: leader, term 3\n"
                      " 1261 n2: follower of n3, term 3\n"
                      " 2006 n1: follower, term 2\n"
                      " 2006 n1: read 1 fails: etcdserver: leader changed\n"
                      "# without a leader a read fails at once, to be tried again\n"
                      " 2550 n1: read 2 fails: etcdserver: no leader\n");
    cluster_free(c);
}

static bool lose_append_results(struct cluster *c, const struct raft_message *m)
{
    (void)c;
    return m->type != RAFT_APPEND_RESULT;
}

static void test_new_leader_waits_for_an_entry_of_its_term(void **state)
{
    (void)state;
    struct cluster *c = cluster_new(1);
    c->tell = 0;
    cluster_bootstrap(c, 3);
    c->filter = lose_append_results;
    cluster_campaign(c, 1);
    cluster_run(c, 50);
    c->tell = TELL_READS | TELL_ROLES | TELL_COMMITS;
    cluster_note(c,
                 "n1 leads, but no entry of its term is committed: heartbeats alone do not help");
    cluster_read(c, 1);
    cluster_read(c, 2);
    cluster_run(c, 300);
    c->filter = NULL;
    cluster_run(c, 200);
    cluster_expect(
        c, "# n1 leads, but no entry of its term is committed: heartbeats alone do not help\n"
           "  410 n1: commits 4..4\n"
           "  411 n2: commits 4..4\n"
           "  411 n3: commits 4..4\n"
           "  412 n1: read 1 at 4\n"
           "  413 n2: read 2 at 4\n");
    cluster_free(c);
}

static void test_reads_fail_when_the_leader_changes(void **state)
{
    (void)state;
    struct cluster *c = cluster_led_by_n1(3);
    c->tell = TELL_READS | TELL_ROLES;
    cluster_cut(c, 1, 3);
    cluster_note(c, "n3's question arrives, no answer does");
    cluster_read(c, 3);
    cluster_run(c, 10);
    cluster_transfer(c, 1, 2);
    cluster_run(c, 10);
    cluster_expect(c, "# n3's question arrives, no answer does\n"
                      "   61 n2: candidate, term 3\n"
                      "   63 n1: follower, term 3\n"
                      "   63 n3: follower, term 3\n"
                      "   63 n3: read 1 fails: etcdserver: leader changed\n"
                      "   65 n2: leader, term 3\n"
                      "   66 n1: follower of n2, term 3\n"
                      "   66 n3: follower of n2, term 3\n");
    cluster_free(c);
}

static void test_lease_answers_without_a_round(void **state)
{
    (void)state;
    struct cluster *c = with_leases();
    cluster_run(c, 60);
    buf_clear(&c->story);
    cluster_read(c, 1);
    cluster_note(c, "a follower still asks the leader");
    cluster_read(c, 2);
    cluster_run(c, 5);
    cluster_expect(c, "  110 n1: read 1 at 4\n"
                      "# a follower still asks the leader\n"
                      "  110 n2 -> n1: read-index, term 2\n"
                      "  111 n1 -> n2: read-index-result, term 2\n"
                      "  112 n2: read 2 at 4\n");
    cluster_free(c);
}

static void test_lease_ends_before_anybody_may_vote(void **state)
{
    (void)state;
    struct cluster *c = with_leases();
    cluster_run(c, 100);
    c->tell = TELL_READS | TELL_ROLES;
    cluster_isolate(c, 1);
    buf_clear(&c->story);
    cluster_note(
        c, "the last heartbeat that was answered left at 106 ms; T is 1 s, the margin 200 ms");
    cluster_run(c, 750);
    cluster_read(c, 1);
    cluster_run(c, 10);
    cluster_read(c, 1);
    cluster_run(c, 2000);
    cluster_expect(
        c, "# the last heartbeat that was answered left at 106 ms; T is 1 s, the margin 200 ms\n"
           "  900 n1: read 1 at 4\n"
           " 1351 n3: pre-candidate, term 2\n"
           " 1353 n3: candidate, term 3\n"
           " 1355 n2: follower, term 3\n"
           " 1357 n3: leader, term 3\n"
           " 1358 n2: follower of n3, term 3\n"
           " 2006 n1: follower, term 2\n"
           " 2006 n1: read 2 fails: etcdserver: leader changed\n");
    cluster_free(c);
}

static void test_lease_is_given_up_by_a_transfer(void **state)
{
    (void)state;
    struct cluster *c = with_leases();
    cluster_run(c, 100);
    c->tell = TELL_READS | TELL_ROLES;
    buf_clear(&c->story);
    cluster_read(c, 1);
    cluster_note(c, "TimeoutNow leaves, then n1 is cut off: n2 wins at once, stickiness or not");
    cluster_transfer(c, 1, 2);
    cluster_run(c, 1);
    cluster_isolate(c, 1);
    cluster_read(c, 1);
    cluster_run(c, 20);
    cluster_propose(c, 2, "a");
    cluster_run(c, 20);
    cluster_read(c, 1);
    cluster_note(c, "given up for the rest of the term");
    cluster_run(c, 1100);
    cluster_read(c, 1);
    cluster_run(c, 2000);
    cluster_expect(
        c, "  150 n1: read 1 at 4\n"
           "# TimeoutNow leaves, then n1 is cut off: n2 wins at once, stickiness or not\n"
           "  151 n2: candidate, term 3\n"
           "  153 n3: follower, term 3\n"
           "  155 n2: leader, term 3\n"
           "  156 n3: follower of n2, term 3\n"
           "# given up for the rest of the term\n"
           " 1150 n1: no transfer: etcdserver: request timed out, leader transfer took too long\n"
           " 2006 n1: follower, term 2\n"
           " 2006 n1: read 2 fails: etcdserver: leader changed\n"
           " 2006 n1: read 3 fails: etcdserver: leader changed\n"
           " 2006 n1: read 4 fails: etcdserver: leader changed\n");
    cluster_free(c);
}

static bool lose_timeout_now(struct cluster *c, const struct raft_message *m)
{
    (void)c;
    return m->type != RAFT_TIMEOUT_NOW;
}

/* The transfer is long given up and n1 leads on, when the network delivers what it had kept. */
static void test_late_timeout_now_meets_no_lease(void **state)
{
    (void)state;
    struct cluster *c = with_leases();
    cluster_run(c, 100);
    c->tell = TELL_READS | TELL_ROLES;
    c->filter = lose_timeout_now;
    cluster_transfer(c, 1, 2);
    cluster_run(c, 1500);
    c->filter = NULL;
    cluster_note(c, "TimeoutNow arrives now; n1 is cut off and n2 takes a write");
    struct raft_message m = {.type = RAFT_TIMEOUT_NOW, .from = 1, .to = 2, .boot = 1, .term = 2};
    struct raft_event e = {.type = RAFT_EVENT_RECEIVE, .message = &m};
    cluster_isolate(c, 1);
    cluster_step(c, 2, &e);
    cluster_run(c, 10);
    cluster_propose(c, 2, "a");
    cluster_run(c, 10);
    cluster_read(c, 1);
    cluster_run(c, 2000);
    cluster_expect(
        c, "  106 n1 -> n2: heartbeat, term 2\n"
           "  106 n1 -> n3: heartbeat, term 2\n"
           "  107 n2 -> n1: heartbeat-result, term 2\n"
           "  107 n3 -> n1: heartbeat-result, term 2\n"
           " 1150 n1: no transfer: etcdserver: request timed out, leader transfer took too long\n"
           "# TimeoutNow arrives now; n1 is cut off and n2 takes a write\n"
           " 1650 n2: candidate, term 3\n"
           " 1652 n3: follower, term 3\n"
           " 1654 n2: leader, term 3\n"
           " 1655 n3: follower of n2, term 3\n"
           " 3006 n1: follower, term 2\n"
           " 3006 n1: read 1 fails: etcdserver: leader changed\n");
    cluster_free(c);
}

/* It may have been in the quorum that gave the lease before it crashed. */
static void test_restarted_member_does_not_break_a_lease(void **state)
{
    (void)state;
    struct cluster *c = with_leases();
    cluster_run(c, 100);
    c->tell = TELL_READS | TELL_ROLES;
    buf_clear(&c->story);
    cluster_isolate(c, 1);
    cluster_crash(c, 2);
    cluster_crash(c, 3);
    cluster_start(c, 2);
    cluster_start(c, 3);
    cluster_campaign(c, 2);
    cluster_run(c, 700);
    cluster_note(c, "0.7 s later n1 still reads by its lease; nobody else leads yet");
    cluster_read(c, 1);
    cluster_run(c, 2000);
    cluster_expect(c, "  150 n2 crashes\n"
                      "  150 n3 crashes\n"
                      "  150 n2 starts\n"
                      "  150 n2: follower, term 2\n"
                      "  150 n3 starts\n"
                      "  150 n3: follower, term 2\n"
                      "# 0.7 s later n1 still reads by its lease; nobody else leads yet\n"
                      "  850 n1: read 1 at 4\n"
                      " 1150 n2: pre-candidate, term 2\n"
                      " 1152 n2: candidate, term 3\n"
                      " 1154 n3: follower, term 3\n"
                      " 1156 n2: leader, term 3\n"
                      " 1157 n3: follower of n2, term 3\n"
                      " 2006 n1: follower, term 2\n");
    cluster_free(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_single_voter_answers_at_once),
        cmocka_unit_test(test_waiting_reads_share_the_next_round),
        cmocka_unit_test(test_follower_asks_the_leader),
        cmocka_unit_test(test_leader_cut_off_answers_nothing),
        cmocka_unit_test(test_new_leader_waits_for_an_entry_of_its_term),
        cmocka_unit_test(test_reads_fail_when_the_leader_changes),
        cmocka_unit_test(test_lease_answers_without_a_round),
        cmocka_unit_test(test_lease_ends_before_anybody_may_vote),
        cmocka_unit_test(test_lease_is_given_up_by_a_transfer),
        cmocka_unit_test(test_late_timeout_now_meets_no_lease),
        cmocka_unit_test(test_restarted_member_does_not_break_a_lease),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
