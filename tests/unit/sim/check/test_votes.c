/* Elections: each rule fires on what breaks it, and on nothing else. */
#include "trio.h"

static void test_a_good_election_passes(void **state)
{
    struct trio *t = *state;
    trio_ready(t);
    trio_elect(t, 2, 3, "23", 4, 2);
    expect_none(t);
    tell_role(t, 1, OBS_FOLLOWER, 3, 2);
    expect_none(t);
}

static void test_two_leaders_in_a_term(void **state)
{
    struct trio *t = *state;
    trio_ready(t);
    tell_role(t, 1, OBS_FOLLOWER, 2, 0);
    expect_none(t);
    /* The same member again: votes are as they were, but it was elected before. */
    tell_role(t, 1, OBS_LEADER, 2, 1);
    expect_rule(t, RULE_ONE_LEADER);
}

static void test_a_leader_without_a_quorum_of_durable_votes(void **state)
{
    struct trio *t = *state;
    trio_ready(t);
    tell_role(t, 2, OBS_CANDIDATE, 3, 0);
    tell_vote(t, 2, 3, 2);
    tell_persisted(t, 2, 4, 2, 3, 2);
    tell_role(t, 3, OBS_FOLLOWER, 3, 0);
    tell_vote(t, 3, 3, 2); /* answered before it is durable */
    tell_role(t, 2, OBS_LEADER, 3, 2);
    expect_rule(t, RULE_LEADER_VOTES);
    assert_string_equal(check_violation(t->check, 0)->text,
                        "n2 leads in term 3 with 1 durable votes of a quorum of 2 (n1: none, n2: "
                        "n2, n3: none)");
}

static void test_a_counted_vote_that_is_on_no_disk(void **state)
{
    struct trio *t = *state;
    trio_ready(t);
    tell_role(t, 2, OBS_CANDIDATE, 3, 0);
    tell_vote(t, 2, 3, 2);
    tell_persisted(t, 2, 4, 2, 3, 2);
    tell_role(t, 3, OBS_FOLLOWER, 3, 0);
    tell_vote(t, 3, 3, 2);
    tell_persisted(t, 3, 4, 2, 3, 2);
    const member_id_t votes[] = {ID(1), ID(2), ID(3)};
    tell(t, 2,
         (struct obs_event){
             .kind = OBS_ROLE,
             .role = {
                 .role = OBS_LEADER, .term = 3, .leader = ID(2), .votes = votes, .vote_count = 3}});
    expect_rule(t, RULE_LEADER_VOTES);
}

static void test_a_vote_overtaken_by_a_higher_term_still_counts(void **state)
{
    struct trio *t = *state;
    trio_ready(t);
    tell_role(t, 2, OBS_CANDIDATE, 3, 0);
    tell_vote(t, 2, 3, 2);
    tell_persisted(t, 2, 4, 2, 3, 2);
    /* n3 votes in term 3 and, before that is synced, in term 4: one sync makes both hold. */
    tell_role(t, 3, OBS_FOLLOWER, 3, 0);
    tell_vote(t, 3, 3, 2);
    tell_role(t, 3, OBS_FOLLOWER, 4, 0);
    tell_vote(t, 3, 4, 1);
    tell_persisted(t, 3, 4, 2, 4, 1);
    tell_role(t, 2, OBS_LEADER, 3, 2);
    expect_none(t);
}

static void test_a_vote_whose_term_was_durable_first_still_counts(void **state)
{
    struct trio *t = *state;
    trio_ready(t);
    tell_role(t, 2, OBS_CANDIDATE, 3, 0);
    tell_vote(t, 2, 3, 2);
    tell_persisted(t, 2, 4, 2, 3, 2);
    /* n3 is told the term, then gives its vote; the first sync that ends is that of the term, the
     * second one covers the vote together with the next term. */
    tell_role(t, 3, OBS_FOLLOWER, 3, 0);
    tell_vote(t, 3, 3, 2);
    tell_persisted(t, 3, 4, 2, 3, 0);
    tell_role(t, 3, OBS_FOLLOWER, 4, 0);
    tell_vote(t, 3, 4, 1);
    tell_persisted(t, 3, 4, 2, 4, 1);
    tell_role(t, 2, OBS_LEADER, 3, 2);
    expect_none(t);
}

static void test_two_votes_in_a_term(void **state)
{
    struct trio *t = *state;
    trio_ready(t);
    tell_role(t, 3, OBS_FOLLOWER, 3, 0);
    tell_vote(t, 3, 3, 2);
    expect_none(t);
    tell_vote(t, 3, 3, 1);
    expect_rule(t, RULE_ONE_VOTE);
}

static void test_two_votes_in_a_term_across_a_restart(void **state)
{
    struct trio *t = *state;
    const term_t log[] = {1, 1, 1, 2};
    trio_ready(t);
    tell_role(t, 3, OBS_FOLLOWER, 3, 0);
    tell_vote(t, 3, 3, 2);
    tell_persisted(t, 3, 4, 2, 3, 2);
    check_ended(t->places[3]);
    tell_boot(t, 3, 2, 3, 2, 4, 4);
    tell_log(t, 3, log, 4);
    expect_none(t);
    tell_vote(t, 3, 3, 1);
    expect_rule(t, RULE_ONE_VOTE);
}

static void test_a_vote_that_was_not_durable_may_be_forgotten(void **state)
{
    struct trio *t = *state;
    const term_t log[] = {1, 1, 1, 2};
    trio_ready(t);
    tell_role(t, 3, OBS_FOLLOWER, 3, 0);
    tell_vote(t, 3, 3, 2);
    check_ended(t->places[3]);
    tell_boot(t, 3, 2, 2, 1, 4, 4);
    tell_log(t, 3, log, 4);
    tell_role(t, 3, OBS_FOLLOWER, 3, 0);
    tell_vote(t, 3, 3, 1);
    expect_none(t);
}

static void test_a_durable_vote_that_a_restart_loses(void **state)
{
    struct trio *t = *state;
    trio_ready(t);
    tell_role(t, 3, OBS_FOLLOWER, 3, 0);
    tell_vote(t, 3, 3, 2);
    tell_persisted(t, 3, 4, 2, 3, 2);
    check_ended(t->places[3]);
    tell_boot(t, 3, 2, 3, 0, 4, 4);
    expect_rule(t, RULE_DURABLE_KEPT);
}

static void test_a_leader_that_lacks_what_is_committed(void **state)
{
    struct trio *t = *state;
    trio_ready(t);
    trio_replicate(t, 1, "12", 5, 2);
    tell_commit(t, 1, 5);
    expect_none(t);
    trio_elect(t, 3, 3, "23", 4, 2);
    expect_rule(t, RULE_LEADER_COMPLETE);
}

static void test_a_late_leader_of_an_older_term_owes_nothing_to_a_newer_one(void **state)
{
    struct trio *t = *state;
    trio_ready(t);
    /* Member 3 has votes of term 3, which it has not counted yet, when 1 is elected in term 4. */
    tell_role(t, 3, OBS_CANDIDATE, 3, 0);
    tell_vote(t, 3, 3, 3);
    tell_persisted(t, 3, 4, 2, 3, 3);
    tell_role(t, 2, OBS_FOLLOWER, 3, 0);
    tell_vote(t, 2, 3, 3);
    tell_persisted(t, 2, 4, 2, 3, 3);
    trio_elect(t, 1, 4, "12", 4, 2);
    trio_replicate(t, 1, "12", 5, 4);
    tell_commit(t, 1, 5);
    expect_none(t);
    tell_role(t, 3, OBS_LEADER, 3, 3);
    expect_none(t);
}

static void test_a_leader_that_is_no_voter(void **state)
{
    struct trio *t = *state;
    const term_t log[] = {1, 1, 1, 2, 2};
    trio_ready(t);
    trio_replicate(t, 1, "123", 5, 2);
    tell_commit(t, 1, 5);
    tell_apply(t, 1, 5, 2, 5);
    tell_config(t, 1, 5, "123", "4");
    tell_boot(t, 4, 1, 0, 0, 0, 0);
    tell_role(t, 4, OBS_LEARNER, 2, 1);
    tell(t, 4,
         (struct obs_event){
             .kind = OBS_APPEND,
             .append = {.first = 1,
                        .entries =
                            (const struct obs_entry[]){{1, 1}, {1, 2}, {1, 3}, {2, 4}, {2, 5}},
                        .count = sizeof(log) / sizeof(log[0])}});
    tell_commit(t, 4, 5);
    tell_apply(t, 4, 5, 2, 5);
    tell_config(t, 4, 5, "123", "4");
    expect_none(t);
    for (int n = 1; n <= 3; n++) {
        tell_role(t, n, OBS_FOLLOWER, 3, 0);
        tell_vote(t, n, 3, 4);
        tell_persisted(t, n, 4, 2, 3, 4);
    }
    expect_none(t);
    tell_role(t, 4, OBS_LEADER, 3, 4);
    expect_rule(t, RULE_LEADER_VOTER);
}

static void test_a_term_that_goes_back(void **state)
{
    struct trio *t = *state;
    trio_ready(t);
    tell_role(t, 3, OBS_FOLLOWER, 7, 0);
    expect_none(t);
    tell_role(t, 3, OBS_FOLLOWER, 6, 0);
    expect_rule(t, RULE_MONOTONIC);
}

static void test_an_amnesiac_disk_is_not_held_to_its_promises(void **state)
{
    struct trio *t = *state;
    trio_ready(t);
    tell_role(t, 3, OBS_FOLLOWER, 3, 0);
    tell_vote(t, 3, 3, 2);
    tell_persisted(t, 3, 4, 2, 3, 2);
    check_ended(t->places[3]);
    check_amnesia(t->places[3]);
    tell_boot(t, 3, 1, 0, 0, 0, 0);
    expect_none(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        unit(test_a_good_election_passes),
        unit(test_two_leaders_in_a_term),
        unit(test_a_leader_without_a_quorum_of_durable_votes),
        unit(test_a_counted_vote_that_is_on_no_disk),
        unit(test_a_vote_overtaken_by_a_higher_term_still_counts),
        unit(test_a_vote_whose_term_was_durable_first_still_counts),
        unit(test_two_votes_in_a_term),
        unit(test_two_votes_in_a_term_across_a_restart),
        unit(test_a_vote_that_was_not_durable_may_be_forgotten),
        unit(test_a_durable_vote_that_a_restart_loses),
        unit(test_a_leader_that_lacks_what_is_committed),
        unit(test_a_late_leader_of_an_older_term_owes_nothing_to_a_newer_one),
        unit(test_a_leader_that_is_no_voter),
        unit(test_a_term_that_goes_back),
        unit(test_an_amnesiac_disk_is_not_held_to_its_promises),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
