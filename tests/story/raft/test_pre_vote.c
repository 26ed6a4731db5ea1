/* Pre-vote (thesis 9.6): who cannot win does not raise its term. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/duration.h"
#include "support/raft_cluster.h"

static void test_isolated_member_returns_without_disturbing(void **state)
{
    (void)state;
    struct cluster *c = cluster_led_by_n1(3);
    cluster_isolate(c, 3);
    cluster_run(c, 5000);
    cluster_heal(c);
    cluster_run(c, 3000);
    cluster_expect(c, " 1254 n3: pre-candidate, term 2\n"
                      " 5107 n3: follower of n1, term 2\n");
    assert_true(raft_term(cluster_raft(c, 3)) == 2);
    cluster_free(c);
}

static void test_without_it_an_isolated_member_deposes_the_leader(void **state)
{
    (void)state;
    struct cluster *c = cluster_new(1);
    c->config.pre_vote = false;
    c->tell = 0;
    cluster_bootstrap(c, 3);
    cluster_campaign(c, 1);
    cluster_run(c, 50);
    c->tell = TELL_ROLES;
    cluster_isolate(c, 3);
    cluster_run(c, 5000);
    cluster_note(c,
                 "its answer to an old append carries its term; nothing else could bring it back");
    cluster_heal(c);
    cluster_run(c, 3000);
    cluster_expect(
        c, " 1252 n3: candidate, term 3\n"
           " 3127 n3: candidate, term 4\n"
           "# its answer to an old append carries its term; nothing else could bring it back\n"
           " 5106 n1: follower, term 4\n"
           " 5114 n3: candidate, term 5\n"
           " 5116 n1: follower, term 5\n"
           " 5118 n3: leader, term 5\n"
           " 5119 n1: follower of n3, term 5\n"
           " 5119 n2: follower of n3, term 5\n");
    assert_true(cluster_leader(c) != 0);
    cluster_free(c);
}

/* The laggard answers a pre-vote of a term that is news to it, and its own, of a term that is old
 * to the others, is answered with theirs: either alone would leave two of three without a leader.
 */
static void test_members_of_different_terms_elect(void **state)
{
    (void)state;
    struct cluster *c = cluster_led_by_n1(3);
    c->tell = TELL_ROLES | TELL_SENDS | TELL_LOSSES;
    cluster_isolate(c, 3);
    cluster_note(c, "n1 hands over to n2 and back: terms pass that n3 does not see");
    c->tell = TELL_ROLES;
    cluster_transfer(c, 1, 2);
    cluster_run(c, 20);
    cluster_transfer(c, 2, 1);
    cluster_run(c, 20);
    cluster_note(c, "n1 dies, n3 comes back");
    cluster_crash(c, 1);
    cluster_heal(c);
    cluster_run(c, 1500);
    c->tell = TELL_ROLES | TELL_SENDS;
    cluster_run(c, 1500);
    cluster_expect(c, "# n1 hands over to n2 and back: terms pass that n3 does not see\n"
                      "   51 n2: candidate, term 3\n"
                      "   53 n1: follower, term 3\n"
                      "   55 n2: leader, term 3\n"
                      "   56 n1: follower of n2, term 3\n"
                      "   71 n1: candidate, term 4\n"
                      "   73 n2: follower, term 4\n"
                      "   75 n1: leader, term 4\n"
                      "   76 n2: follower of n1, term 4\n"
                      "# n1 dies, n3 comes back\n"
                      "   90 n1 crashes\n"
                      " 1254 n3: pre-candidate, term 2\n"
                      " 1256 n3: follower, term 4\n"
                      " 1969 n2: pre-candidate, term 4\n"
                      " 1969 n2 -> n1: pre-vote, term 5, last 6/4\n"
                      " 1969 n2 -> n3: pre-vote, term 5, last 6/4\n"
                      " 1970 n3 -> n2: pre-vote-result, term 5\n"
                      " 1971 n2: candidate, term 5\n"
                      " 1972 n2 -> n1: vote, term 5, last 6/4\n"
                      " 1972 n2 -> n3: vote, term 5, last 6/4\n"
                      " 1973 n3: follower, term 5\n"
                      " 1974 n3 -> n2: vote-result, term 5\n"
                      " 1975 n2: leader, term 5\n"
                      " 1975 n2 -> n1: append, term 5, behind 6/4, 1 entries, commit 6\n"
                      " 1975 n2 -> n3: append, term 5, behind 6/4, 1 entries, commit 6\n"
                      " 1976 n3: follower of n2, term 5\n"
                      " 1976 n3 -> n2: append-result no, term 5, behind 6, hint 4/2\n"
                      " 1977 n2 -> n3: append, term 5, behind 4/2, 3 entries, commit 6\n"
                      " 1979 n3 -> n2: append-result, term 5, through 7\n"
                      " 1980 n2 -> n3: append, term 5, behind 7/5, 0 entries, commit 7\n");
    assert_true(cluster_leader(c) != 0);
    cluster_free(c);
}

static void test_learner_of_a_log_grants_but_counts_for_nothing(void **state)
{
    (void)state;
    struct cluster *c = cluster_led_by_n1(2);
    cluster_start(c, 3);
    cluster_conf(c, 1, RAFT_CONF_ADD_LEARNER, 3);
    cluster_run(c, 500);
    cluster_note(c, "n2 dies; n1 and a learner are no quorum of two voters");
    cluster_crash(c, 2);
    cluster_run(c, 5000);
    cluster_expect(c, "   50 n3 starts\n"
                      "   50 n3: follower, term 0\n"
                      "   53 n1: commits 4..4\n"
                      "   53 n1: voters n1 n2, learners n3\n"
                      "   54 n2: commits 4..4\n"
                      "   54 n2: voters n1 n2, learners n3\n"
                      "   54 n3: follower of n1, term 2\n"
                      "   56 n3: commits 1..4\n"
                      "   56 n3: voters n1\n"
                      "   56 n3: voters n1 n2\n"
                      "   56 n3: voters n1 n2, learners n3\n"
                      "# n2 dies; n1 and a learner are no quorum of two voters\n"
                      "  550 n2 crashes\n"
                      " 2006 n1: follower, term 2\n"
                      " 3846 n1: pre-candidate, term 2\n");
    assert_true(cluster_leader(c) == 0);
    cluster_free(c);
}

static void give_vote(struct cluster *c, member_id_t from, term_t term, bool pre)
{
    struct raft_message m = {.type = RAFT_VOTE_RESULT,
                             .pre = pre,
                             .from = from,
                             .to = 1,
                             .boot = 1,
                             .to_boot = 1,
                             .term = term};
    struct raft_event e = {.type = RAFT_EVENT_RECEIVE, .message = &m};
    cluster_step(c, 1, &e);
}

static void test_late_pre_vote_is_not_a_vote(void **state)
{
    (void)state;
    struct cluster *c = cluster_new(1);
    c->tell = 0;
    cluster_bootstrap(c, 3);
    c->tell = TELL_ROLES;
    cluster_isolate(c, 1);
    cluster_campaign(c, 1);
    cluster_note(c, "n2's pre-vote makes n1 a candidate");
    give_vote(c, 2, 2, true);
    cluster_run(c, 2);
    cluster_note(c, "n3's pre-vote, late and of the same term, elects nobody; its vote does");
    give_vote(c, 3, 2, true);
    cluster_note(c, "...");
    give_vote(c, 3, 2, false);
    cluster_expect(c, "    0 n1: pre-candidate, term 1\n"
                      "# n2's pre-vote makes n1 a candidate\n"
                      "    0 n1: candidate, term 2\n"
                      "# n3's pre-vote, late and of the same term, elects nobody; its vote does\n"
                      "# ...\n"
                      "    2 n1: leader, term 2\n");
    cluster_free(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_isolated_member_returns_without_disturbing),
        cmocka_unit_test(test_without_it_an_isolated_member_deposes_the_leader),
        cmocka_unit_test(test_members_of_different_terms_elect),
        cmocka_unit_test(test_learner_of_a_log_grants_but_counts_for_nothing),
        cmocka_unit_test(test_late_pre_vote_is_not_a_vote),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
