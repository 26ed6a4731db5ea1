/* Leadership transfer (thesis 3.10). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/duration.h"
#include "support/raft_cluster.h"

static void test_target_that_has_caught_up_leads_at_once(void **state)
{
    (void)state;
    struct cluster *c = cluster_led_by_n1(3);
    c->tell = TELL_ROLES | TELL_SENDS;
    cluster_transfer(c, 1, 3);
    cluster_run(c, 20);
    cluster_expect(c, "   50 n1 -> n3: timeout-now, term 2\n"
                      "   51 n3: candidate, term 3\n"
                      "   52 n3 -> n1: forced vote, term 3, last 4/2\n"
                      "   52 n3 -> n2: forced vote, term 3, last 4/2\n"
                      "   53 n1: follower, term 3\n"
                      "   53 n2: follower, term 3\n"
                      "   54 n1 -> n3: vote-result, term 3\n"
                      "   54 n2 -> n3: vote-result, term 3\n"
                      "   55 n3: leader, term 3\n"
                      "   55 n3 -> n1: append, term 3, behind 4/2, 1 entries, commit 4\n"
                      "   55 n3 -> n2: append, term 3, behind 4/2, 1 entries, commit 4\n"
                      "   56 n1: follower of n3, term 3\n"
                      "   56 n2: follower of n3, term 3\n"
                      "   57 n1 -> n3: append-result, term 3, through 5\n"
                      "   57 n2 -> n3: append-result, term 3, through 5\n"
                      "   58 n3 -> n1: append, term 3, behind 5/3, 0 entries, commit 5\n"
                      "   58 n3 -> n2: append, term 3, behind 5/3, 0 entries, commit 5\n");
    cluster_free(c);
}

static void test_target_catches_up_first_and_proposals_wait(void **state)
{
    (void)state;
    struct cluster *c = cluster_led_by_n1(3);
    c->tell = TELL_ROLES | TELL_SENDS | TELL_COMMITS;
    cluster_isolate(c, 3);
    cluster_propose(c, 1, "a");
    cluster_run(c, 20);
    cluster_heal(c);
    buf_clear(&c->story);
    cluster_transfer(c, 1, 3);
    cluster_propose(c, 1, "b");
    cluster_run(c, 150);
    cluster_expect(c, "   70 n1 -> n3: append, term 2, behind 5/2, 0 entries, commit 5\n"
                      "   70 n1: drops the proposal: proposal dropped\n"
                      "   71 n3 -> n1: append-result no, term 2, behind 5, hint 4/2\n"
                      "   72 n1 -> n3: append, term 2, behind 4/2, 1 entries, commit 5\n"
                      "   73 n3: commits 5..5\n"
                      "   74 n3 -> n1: append-result, term 2, through 5\n"
                      "   75 n1 -> n3: timeout-now, term 2\n"
                      "   76 n3: candidate, term 3\n"
                      "   77 n3 -> n1: forced vote, term 3, last 5/2\n"
                      "   77 n3 -> n2: forced vote, term 3, last 5/2\n"
                      "   78 n1: follower, term 3\n"
                      "   78 n2: follower, term 3\n"
                      "   79 n1 -> n3: vote-result, term 3\n"
                      "   79 n2 -> n3: vote-result, term 3\n"
                      "   80 n3: leader, term 3\n"
                      "   80 n3 -> n1: append, term 3, behind 5/2, 1 entries, commit 5\n"
                      "   80 n3 -> n2: append, term 3, behind 5/2, 1 entries, commit 5\n"
                      "   81 n1: follower of n3, term 3\n"
                      "   81 n2: follower of n3, term 3\n"
                      "   82 n1 -> n3: append-result, term 3, through 6\n"
                      "   82 n2 -> n3: append-result, term 3, through 6\n"
                      "   83 n3: commits 6..6\n"
                      "   83 n3 -> n1: append, term 3, behind 6/3, 0 entries, commit 6\n"
                      "   83 n3 -> n2: append, term 3, behind 6/3, 0 entries, commit 6\n"
                      "   84 n1: commits 6..6\n"
                      "   84 n2: commits 6..6\n");
    assert_int_equal(cluster_leader(c), 3);
    cluster_free(c);
}

static void test_given_up_after_one_election_timeout(void **state)
{
    (void)state;
    struct cluster *c = cluster_led_by_n1(3);
    cluster_crash(c, 3);
    cluster_propose(c, 1, "a");
    cluster_run(c, 50);
    cluster_transfer(c, 1, 3);
    cluster_run(c, 1010);
    cluster_note(c, "n1 leads on and takes proposals again");
    cluster_propose(c, 1, "b");
    cluster_run(c, 20);
    cluster_expect(
        c, "   50 n3 crashes\n"
           "   53 n1: commits 5..5\n"
           "   54 n2: commits 5..5\n"
           " 1100 n1: no transfer: etcdserver: request timed out, leader transfer took too long\n"
           "# n1 leads on and takes proposals again\n"
           " 1113 n1: commits 6..6\n"
           " 1114 n2: commits 6..6\n");
    cluster_free(c);
}

static void test_only_another_voter_can_be_the_target(void **state)
{
    (void)state;
    struct cluster *c = cluster_led_by_n1(2);
    cluster_start(c, 3);
    cluster_conf(c, 1, RAFT_CONF_ADD_LEARNER, 3);
    cluster_run(c, 300);
    buf_clear(&c->story);
    cluster_transfer(c, 1, 3);
    cluster_transfer(c, 1, 9);
    cluster_transfer(c, 1, 1);
    cluster_transfer(c, 2, 1);
    cluster_run(c, 50);
    cluster_expect(c, "  350 n1: no transfer: etcdserver: bad leader transferee\n"
                      "  350 n1: no transfer: etcdserver: bad leader transferee\n"
                      "  350 n1: no transfer: etcdserver: bad leader transferee\n"
                      "  350 n2: no transfer: etcdserver: not leader\n");
    cluster_free(c);
}

static void test_abort_lets_the_leader_go_on(void **state)
{
    (void)state;
    struct cluster *c = cluster_led_by_n1(3);
    cluster_crash(c, 3);
    cluster_propose(c, 1, "a");
    cluster_run(c, 10);
    cluster_transfer(c, 1, 3);
    struct raft_event e = {.type = RAFT_EVENT_TRANSFER_ABORT};
    cluster_step(c, 1, &e);
    cluster_propose(c, 1, "b");
    cluster_run(c, 10);
    cluster_expect(c, "   50 n3 crashes\n"
                      "   53 n1: commits 5..5\n"
                      "   54 n2: commits 5..5\n"
                      "   60 n1: no transfer: canceled\n"
                      "   63 n1: commits 6..6\n"
                      "   64 n2: commits 6..6\n");
    cluster_free(c);
}

static bool lose_first_timeout_now(struct cluster *c, const struct raft_message *m)
{
    if (m->type == RAFT_TIMEOUT_NOW) {
        c->filter = NULL;
        return false;
    }
    return true;
}

static void test_lost_timeout_now_is_sent_again(void **state)
{
    (void)state;
    struct cluster *c = cluster_led_by_n1(3);
    c->tell = TELL_ROLES | TELL_SENDS | TELL_LOSSES;
    c->filter = lose_first_timeout_now;
    cluster_transfer(c, 1, 2);
    cluster_run(c, 120);
    cluster_expect(c, "   50 n1 -> n2: timeout-now, term 2\n"
                      "   50 n1 -x n2: timeout-now, term 2\n"
                      "  108 n1 -> n2: timeout-now, term 2\n"
                      "  109 n2: candidate, term 3\n"
                      "  110 n2 -> n1: forced vote, term 3, last 4/2\n"
                      "  110 n2 -> n3: forced vote, term 3, last 4/2\n"
                      "  111 n1: follower, term 3\n"
                      "  111 n3: follower, term 3\n"
                      "  112 n1 -> n2: vote-result, term 3\n"
                      "  112 n3 -> n2: vote-result, term 3\n"
                      "  113 n2: leader, term 3\n"
                      "  113 n2 -> n1: append, term 3, behind 4/2, 1 entries, commit 4\n"
                      "  113 n2 -> n3: append, term 3, behind 4/2, 1 entries, commit 4\n"
                      "  114 n1: follower of n2, term 3\n"
                      "  114 n3: follower of n2, term 3\n"
                      "  115 n1 -> n2: append-result, term 3, through 5\n"
                      "  115 n3 -> n2: append-result, term 3, through 5\n"
                      "  116 n2 -> n1: append, term 3, behind 5/3, 0 entries, commit 5\n"
                      "  116 n2 -> n3: append, term 3, behind 5/3, 0 entries, commit 5\n");
    cluster_free(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_target_that_has_caught_up_leads_at_once),
        cmocka_unit_test(test_target_catches_up_first_and_proposals_wait),
        cmocka_unit_test(test_given_up_after_one_election_timeout),
        cmocka_unit_test(test_only_another_voter_can_be_the_target),
        cmocka_unit_test(test_abort_lets_the_leader_go_on),
        cmocka_unit_test(test_lost_timeout_now_is_sent_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
