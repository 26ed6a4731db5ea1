/* Elections: thesis 3.4, 3.6.1, 3.8; what must be on disk before a vote counts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/duration.h"
#include "support/raft_cluster.h"

static void test_three_members_elect_one(void **state)
{
    (void)state;
    struct cluster *c = cluster_new(1);
    c->tell |= TELL_SENDS;
    cluster_bootstrap(c, 3);
    cluster_campaign(c, 2);
    cluster_run(c, 20);
    cluster_expect(c, "    0 n1: follower, term 1\n"
                      "    0 n1: commits 1..3\n"
                      "    0 n1: voters n1 n2 n3\n"
                      "    0 n2: follower, term 1\n"
                      "    0 n2: commits 1..3\n"
                      "    0 n2: voters n1 n2 n3\n"
                      "    0 n3: follower, term 1\n"
                      "    0 n3: commits 1..3\n"
                      "    0 n3: voters n1 n2 n3\n"
                      "    0 n2: pre-candidate, term 1\n"
                      "    0 n2 -> n1: pre-vote, term 2, last 3/1\n"
                      "    0 n2 -> n3: pre-vote, term 2, last 3/1\n"
                      "    1 n1 -> n2: pre-vote-result, term 2\n"
                      "    1 n3 -> n2: pre-vote-result, term 2\n"
                      "    2 n2: candidate, term 2\n"
                      "    3 n2 -> n1: vote, term 2, last 3/1\n"
                      "    3 n2 -> n3: vote, term 2, last 3/1\n"
                      "    4 n1: follower, term 2\n"
                      "    4 n3: follower, term 2\n"
                      "    5 n1 -> n2: vote-result, term 2\n"
                      "    5 n3 -> n2: vote-result, term 2\n"
                      "    6 n2: leader, term 2\n"
                      "    6 n2 -> n1: append, term 2, behind 3/1, 1 entries, commit 3\n"
                      "    6 n2 -> n3: append, term 2, behind 3/1, 1 entries, commit 3\n"
                      "    7 n1: follower of n2, term 2\n"
                      "    7 n3: follower of n2, term 2\n"
                      "    8 n1 -> n2: append-result, term 2, through 4\n"
                      "    8 n3 -> n2: append-result, term 2, through 4\n"
                      "    9 n2: commits 4..4\n"
                      "    9 n2 -> n1: append, term 2, behind 4/2, 0 entries, commit 4\n"
                      "    9 n2 -> n3: append, term 2, behind 4/2, 0 entries, commit 4\n"
                      "   10 n1: commits 4..4\n"
                      "   10 n3: commits 4..4\n");
    cluster_free(c);
}

static void test_single_voter_waits_for_nobody_but_its_disk(void **state)
{
    (void)state;
    struct cluster *c = cluster_new(1);
    c->tell |= TELL_DISK;
    c->disk_ns = 7 * MS_NS;
    cluster_bootstrap(c, 1);
    cluster_run(c, 50);
    cluster_expect(c, "    0 n1: follower, term 1\n"
                      "    0 n1: commits 1..1\n"
                      "    0 n1: voters n1\n"
                      "    0 n1: candidate, term 2\n"
                      "    7 n1: durable through 1/1\n"
                      "    7 n1: durable through 1/1\n"
                      "    7 n1: leader, term 2\n"
                      "   14 n1: durable through 2/2\n"
                      "   14 n1: commits 2..2\n"
                      "   21 n1: durable through 2/2\n");
    cluster_free(c);
}

static void test_dead_leader_is_replaced_within_two_timeouts(void **state)
{
    (void)state;
    struct cluster *c = cluster_led_by_n1(3);
    cluster_propose(c, 1, "a");
    cluster_run(c, 10);
    cluster_crash(c, 1);
    cluster_run(c, 2100);
    assert_true(cluster_leader(c) != 0);
    cluster_start(c, 1);
    cluster_run(c, 500);
    cluster_expect(c, "   53 n1: commits 5..5\n"
                      "   54 n2: commits 5..5\n"
                      "   54 n3: commits 5..5\n"
                      "   60 n1 crashes\n"
                      " 1298 n3: pre-candidate, term 2\n"
                      " 1300 n3: candidate, term 3\n"
                      " 1302 n2: follower, term 3\n"
                      " 1304 n3: leader, term 3\n"
                      " 1305 n2: follower of n3, term 3\n"
                      " 1307 n3: commits 6..6\n"
                      " 1308 n2: commits 6..6\n"
                      " 2160 n1 starts\n"
                      " 2160 n1: follower, term 2\n"
                      " 2160 n1: commits 1..5\n"
                      " 2160 n1: voters n1\n"
                      " 2160 n1: voters n1 n2\n"
                      " 2160 n1: voters n1 n2 n3\n"
                      " 2205 n1: follower of n3, term 3\n"
                      " 2207 n1: commits 6..6\n");
    cluster_free(c);
}

static void test_longer_log_of_an_older_term_loses(void **state)
{
    (void)state;
    struct cluster *c = cluster_led_by_n1(3);
    cluster_note(c, "n1 alone appends three entries that nobody gets");
    cluster_isolate(c, 1);
    cluster_propose(c, 1, "lost 1");
    cluster_propose(c, 1, "lost 2");
    cluster_propose(c, 1, "lost 3");
    cluster_run(c, 4000);
    cluster_note(c, "the others have a newer term, though a shorter log");
    member_id_t leader = cluster_leader(c);
    assert_true(raft_last(cluster_raft(c, 1)) > raft_last(cluster_raft(c, leader)));
    cluster_crash(c, leader);
    cluster_heal(c);
    c->tell |= TELL_SENDS | TELL_LOG;
    cluster_campaign(c, 1);
    cluster_run(c, 10);
    cluster_expect(c, "# n1 alone appends three entries that nobody gets\n"
                      " 1254 n3: pre-candidate, term 2\n"
                      " 1256 n3: candidate, term 3\n"
                      " 1258 n2: follower, term 3\n"
                      " 1260 n3: leader, term 3\n"
                      " 1261 n2: follower of n3, term 3\n"
                      " 1263 n3: commits 5..5\n"
                      " 1264 n2: commits 5..5\n"
                      " 2006 n1: follower, term 2\n"
                      " 3846 n1: pre-candidate, term 2\n"
                      "# the others have a newer term, though a shorter log\n"
                      " 4050 n3 crashes\n"
                      " 4050 n1 -> n2: pre-vote, term 3, last 7/2\n"
                      " 4050 n1 -> n3: pre-vote, term 3, last 7/2\n"
                      " 4051 n2 -> n1: pre-vote-result no, term 3\n"
                      " 4052 n1: follower, term 3\n");
    cluster_run(c, 4000);
    assert_true(cluster_leader(c) != 1);
    cluster_free(c);
}

static void test_vote_leaves_only_when_it_is_durable(void **state)
{
    (void)state;
    struct cluster *c = cluster_new(1);
    c->config.pre_vote = false;
    c->config.check_quorum = false;
    cluster_bootstrap(c, 3);
    cluster_run(c, 10);
    c->tell = TELL_ROLES | TELL_SENDS | TELL_DISK;
    cluster_isolate(c, 3);
    cluster_expect(c, "    0 n1: follower, term 1\n"
                      "    0 n1: commits 1..3\n"
                      "    0 n1: voters n1 n2 n3\n"
                      "    0 n2: follower, term 1\n"
                      "    0 n2: commits 1..3\n"
                      "    0 n2: voters n1 n2 n3\n"
                      "    0 n3: follower, term 1\n"
                      "    0 n3: commits 1..3\n"
                      "    0 n3: voters n1 n2 n3\n");
    cluster_note(c, "n2's disk stalls: it votes for n1 in term 2, in memory");
    cluster_disk_stall(c, 2, true);
    cluster_campaign(c, 1);
    cluster_run(c, 50);
    cluster_note(c, "power fails at n2, which has told nobody: it may vote for n3");
    cluster_crash(c, 2);
    cluster_disk_stall(c, 2, false);
    cluster_isolate(c, 1);
    cluster_start(c, 2);
    c->cut[2][3] = false;
    c->cut[3][2] = false;
    cluster_campaign(c, 3);
    cluster_run(c, 5);
    cluster_expect(c, "# n2's disk stalls: it votes for n1 in term 2, in memory\n"
                      "   10 n1: candidate, term 2\n"
                      "   11 n1: durable through 3/1\n"
                      "   11 n1 -> n2: vote, term 2, last 3/1\n"
                      "   11 n1 -> n3: vote, term 2, last 3/1\n"
                      "   12 n2: follower, term 2\n"
                      "# power fails at n2, which has told nobody: it may vote for n3\n"
                      "   60 n2 crashes\n"
                      "   60 n2 starts\n"
                      "   60 n2: follower, term 1\n"
                      "   60 n3: candidate, term 2\n"
                      "   61 n3: durable through 3/1\n"
                      "   61 n3 -> n1: vote, term 2, last 3/1\n"
                      "   61 n3 -> n2: vote, term 2, last 3/1\n"
                      "   62 n2: follower, term 2\n"
                      "   63 n2: durable through 3/1\n"
                      "   63 n2 -> n3: vote-result, term 2\n"
                      "   64 n3: leader, term 2\n"
                      "   64 n3 -> n1: append, term 2, behind 3/1, 1 entries, commit 3\n"
                      "   64 n3 -> n2: append, term 2, behind 3/1, 1 entries, commit 3\n"
                      "   65 n3: durable through 4/2\n"
                      "   65 n2: follower of n3, term 2\n");
    cluster_free(c);
}

static void test_vote_of_a_term_survives_the_crash(void **state)
{
    (void)state;
    struct cluster *c = cluster_new(1);
    c->config.pre_vote = false;
    cluster_bootstrap(c, 3);
    cluster_isolate(c, 3);
    cluster_run(c, 10);
    c->tell = TELL_ROLES | TELL_SENDS | TELL_DISK;
    cluster_note(c, "n2 votes for n1; its answer is lost");
    c->cut[2][1] = true;
    cluster_campaign(c, 1);
    cluster_run(c, 5);
    cluster_crash(c, 2);
    cluster_crash(c, 1);
    cluster_start(c, 2);
    cluster_note(c, "n3 asks for the same term and is refused");
    cluster_heal(c);
    cluster_campaign(c, 3);
    cluster_run(c, 5);
    cluster_expect(c, "    0 n1: follower, term 1\n"
                      "    0 n1: commits 1..3\n"
                      "    0 n1: voters n1 n2 n3\n"
                      "    0 n2: follower, term 1\n"
                      "    0 n2: commits 1..3\n"
                      "    0 n2: voters n1 n2 n3\n"
                      "    0 n3: follower, term 1\n"
                      "    0 n3: commits 1..3\n"
                      "    0 n3: voters n1 n2 n3\n"
                      "# n2 votes for n1; its answer is lost\n"
                      "   10 n1: candidate, term 2\n"
                      "   11 n1: durable through 3/1\n"
                      "   11 n1 -> n2: vote, term 2, last 3/1\n"
                      "   11 n1 -> n3: vote, term 2, last 3/1\n"
                      "   12 n2: follower, term 2\n"
                      "   13 n2: durable through 3/1\n"
                      "   13 n2 -> n1: vote-result, term 2\n"
                      "   15 n2 crashes\n"
                      "   15 n1 crashes\n"
                      "   15 n2 starts\n"
                      "   15 n2: follower, term 2\n"
                      "# n3 asks for the same term and is refused\n"
                      "   15 n3: candidate, term 2\n"
                      "   16 n3: durable through 3/1\n"
                      "   16 n3 -> n1: vote, term 2, last 3/1\n"
                      "   16 n3 -> n2: vote, term 2, last 3/1\n"
                      "   17 n2 -> n3: vote-result no, term 2\n");
    cluster_free(c);
}

/* Loses all votes but those of n2, and lets those arrive twice. */
static bool only_n2_votes(struct cluster *c, const struct raft_message *m)
{
    (void)c;
    return m->type != RAFT_VOTE_RESULT || m->from == 2;
}

static void test_vote_that_arrives_twice_counts_once(void **state)
{
    (void)state;
    struct cluster *c = cluster_new(1);
    c->config.pre_vote = false;
    cluster_bootstrap(c, 4);
    cluster_run(c, 10);
    cluster_expect(c, "    0 n1: follower, term 1\n"
                      "    0 n1: commits 1..4\n"
                      "    0 n1: voters n1 n2 n3 n4\n"
                      "    0 n2: follower, term 1\n"
                      "    0 n2: commits 1..4\n"
                      "    0 n2: voters n1 n2 n3 n4\n"
                      "    0 n3: follower, term 1\n"
                      "    0 n3: commits 1..4\n"
                      "    0 n3: voters n1 n2 n3 n4\n"
                      "    0 n4: follower, term 1\n"
                      "    0 n4: commits 1..4\n"
                      "    0 n4: voters n1 n2 n3 n4\n");
    c->tell = TELL_ROLES;
    c->duplicate_ppm = 1000000;
    c->filter = only_n2_votes;
    cluster_campaign(c, 1);
    cluster_run(c, 500);
    cluster_expect(c, "   10 n1: candidate, term 2\n"
                      "   12 n2: follower, term 2\n"
                      "   12 n3: follower, term 2\n"
                      "   12 n4: follower, term 2\n");
    assert_int_equal(raft_role(cluster_raft(c, 1)), RAFT_CANDIDATE);
    cluster_free(c);
}

static void test_disk_slower_than_the_timeout_still_elects(void **state)
{
    (void)state;
    struct cluster *c = cluster_new(1);
    c->disk_ns = 3 * SEC_NS;
    cluster_bootstrap(c, 1);
    cluster_run(c, 20000);
    cluster_expect(c, "    0 n1: follower, term 1\n"
                      "    0 n1: commits 1..1\n"
                      "    0 n1: voters n1\n"
                      "    0 n1: candidate, term 2\n"
                      " 3000 n1: leader, term 2\n"
                      " 6000 n1: commits 2..2\n");
    cluster_free(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_three_members_elect_one),
        cmocka_unit_test(test_single_voter_waits_for_nobody_but_its_disk),
        cmocka_unit_test(test_dead_leader_is_replaced_within_two_timeouts),
        cmocka_unit_test(test_longer_log_of_an_older_term_loses),
        cmocka_unit_test(test_vote_leaves_only_when_it_is_durable),
        cmocka_unit_test(test_vote_of_a_term_survives_the_crash),
        cmocka_unit_test(test_vote_that_arrives_twice_counts_once),
        cmocka_unit_test(test_disk_slower_than_the_timeout_still_elects),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
