/* Check-quorum (thesis 6.2) and leader stickiness (4.2.3). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/duration.h"
#include "support/raft_cluster.h"

static void test_leader_without_a_quorum_steps_down(void **state)
{
    (void)state;
    struct cluster *c = cluster_led_by_n1(3);
    cluster_isolate(c, 1);
    cluster_run(c, 3500);
    cluster_expect(c, " 1254 n3: pre-candidate, term 2\n"
                      " 1256 n3: candidate, term 3\n"
                      " 1258 n2: follower, term 3\n"
                      " 1260 n3: leader, term 3\n"
                      " 1261 n2: follower of n3, term 3\n"
                      " 1263 n3: commits 5..5\n"
                      " 1264 n2: commits 5..5\n"
                      " 2006 n1: follower, term 2\n");
    cluster_free(c);
}

static void test_without_it_a_cut_off_leader_stays(void **state)
{
    (void)state;
    struct cluster *c = cluster_new(1);
    c->tell = 0;
    c->config.check_quorum = false;
    cluster_bootstrap(c, 3);
    cluster_campaign(c, 1);
    cluster_run(c, 50);
    c->tell = TELL_ROLES;
    cluster_isolate(c, 1);
    cluster_run(c, 5000);
    assert_int_equal(raft_role(cluster_raft(c, 1)), RAFT_LEADER);
    cluster_expect(c, " 1254 n3: pre-candidate, term 2\n"
                      " 1256 n3: candidate, term 3\n"
                      " 1258 n2: follower, term 3\n"
                      " 1260 n3: leader, term 3\n"
                      " 1261 n2: follower of n3, term 3\n");
    cluster_free(c);
}

static void test_members_that_hear_a_leader_ignore_a_candidate(void **state)
{
    (void)state;
    struct cluster *c = cluster_new(1);
    c->tell = 0;
    c->config.pre_vote = false;
    cluster_bootstrap(c, 3);
    cluster_campaign(c, 1);
    cluster_run(c, 50);
    c->tell = TELL_ROLES;
    cluster_note(c, "n3 hears nothing but is heard: its campaigns bother nobody");
    cluster_cut(c, 1, 3);
    cluster_cut(c, 2, 3);
    cluster_run(c, 5000);
    cluster_expect(c, "# n3 hears nothing but is heard: its campaigns bother nobody\n"
                      " 1252 n3: candidate, term 3\n"
                      " 3127 n3: candidate, term 4\n");
    assert_int_equal(cluster_leader(c), 1);
    assert_int_equal(raft_term(cluster_raft(c, 1)), 2);
    cluster_free(c);
}

/* Votes of n3 are ignored by the others, and it ignores the appends of their lower term; its answer
 * to one is what brings all of them to one term. */
static void test_member_with_a_higher_term_rejoins(void **state)
{
    (void)state;
    struct cluster *c = cluster_new(1);
    c->tell = 0;
    c->config.pre_vote = false;
    cluster_bootstrap(c, 3);
    cluster_campaign(c, 1);
    cluster_run(c, 50);
    cluster_isolate(c, 3);
    cluster_run(c, 3000);
    c->tell = TELL_ROLES | TELL_SENDS;
    cluster_heal(c);
    cluster_run(c, 60);
    cluster_expect(c, " 3105 n3 -> n1: append-result no, term 3, behind 0, hint 0/0\n"
                      " 3106 n1: follower, term 3\n");
    c->tell = 0;
    cluster_run(c, 4000);
    cluster_propose(c, cluster_leader(c), "a");
    cluster_run(c, 500);
    check_converged(c);
    cluster_free(c);
}

static void test_added_member_counts_as_heard_until_the_next_check(void **state)
{
    (void)state;
    struct cluster *c = cluster_led_by_n1(1);
    cluster_note(c, "n2 is added but never started: one check passes, the next does not");
    cluster_run(c, 600);
    cluster_conf(c, 1, RAFT_CONF_ADD_VOTER, 2);
    cluster_run(c, 3000);
    cluster_expect(c, "# n2 is added but never started: one check passes, the next does not\n"
                      "  651 n1: commits 3..3\n"
                      "  651 n1: voters n1 n2\n"
                      " 2001 n1: follower, term 2\n"
                      " 3413 n1: pre-candidate, term 2\n");
    cluster_free(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_leader_without_a_quorum_steps_down),
        cmocka_unit_test(test_without_it_a_cut_off_leader_stays),
        cmocka_unit_test(test_members_that_hear_a_leader_ignore_a_candidate),
        cmocka_unit_test(test_member_with_a_higher_term_rejoins),
        cmocka_unit_test(test_added_member_counts_as_heard_until_the_next_check),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
