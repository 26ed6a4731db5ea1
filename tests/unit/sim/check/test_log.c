/* Logs and commits: each rule fires on what breaks it, and on nothing else. */
#include <string.h>

#include "trio.h"

static void test_a_good_log_passes(void **state)
{
    struct trio *t = *state;
    trio_ready(t);
    trio_replicate(t, 1, "12", 5, 2);
    tell_commit(t, 1, 5);
    tell_commit(t, 2, 5);
    tell_append(t, 3, 5, 2, 5);
    tell_persisted(t, 3, 5, 2, 2, 0);
    tell_commit(t, 3, 5);
    expect_none(t);
    assert_int_equal(check_committed(t->check), 5);
}

static void test_another_payload_under_the_same_index_and_term(void **state)
{
    struct trio *t = *state;
    trio_ready(t);
    tell_propose(t, 1, 5, 2, 77);
    tell_append(t, 2, 5, 2, 77);
    expect_none(t);
    tell_append(t, 3, 5, 2, 78);
    expect_rule(t, RULE_LOG_MATCHING);
}

static void test_the_same_entry_behind_different_ones(void **state)
{
    struct trio *t = *state;
    trio_ready(t);
    trio_elect(t, 2, 3, "23", 4, 2);
    tell_propose(t, 2, 5, 3, 5);
    tell_propose(t, 2, 6, 3, 6);
    tell_append(t, 3, 5, 2, 5); /* of a leader of term 2 that nobody heard of: not wrong yet */
    expect_none(t);
    tell_append(t, 3, 6, 3, 6);
    expect_rule(t, RULE_LOG_MATCHING);
}

static void test_an_entry_that_nobody_appended(void **state)
{
    struct trio *t = *state;
    trio_ready(t);
    trio_elect(t, 2, 3, "23", 4, 2);
    tell_propose(t, 2, 5, 3, 5);
    tell_append(t, 3, 5, 2, 5);
    tell_append(t, 3, 6, 2, 6);
    expect_none(t);
    tell_append(t, 3, 7, 3, 7);
    expect_rule(t, RULE_LOG_MATCHING);
}

static void test_a_gap_in_a_log(void **state)
{
    struct trio *t = *state;
    trio_ready(t);
    tell_append(t, 2, 6, 2, 6);
    expect_rule(t, RULE_LOG_SHAPE);
}

static void test_an_entry_of_a_term_above_the_members(void **state)
{
    struct trio *t = *state;
    trio_ready(t);
    tell_append(t, 2, 5, 3, 5);
    expect_rule(t, RULE_LOG_SHAPE);
}

static void test_a_leader_that_cuts_its_log(void **state)
{
    struct trio *t = *state;
    trio_bootstrap(t);
    trio_elect(t, 1, 2, "123", 3, 1);
    tell_role(t, 2, OBS_FOLLOWER, 2, 1);
    tell_propose(t, 1, 4, 2, 4);
    expect_none(t);
    tell_truncate(t, 1, 4);
    assert_true(check_violation_count(t->check) > 0);
    assert_int_equal(check_violation(t->check, 0)->number, RULE_APPEND_ONLY);
}

static void test_a_deposed_leader_that_appends(void **state)
{
    struct trio *t = *state;
    trio_ready(t);
    tell_role(t, 1, OBS_FOLLOWER, 3, 0);
    tell_propose(t, 1, 5, 3, 5);
    expect_rule(t, RULE_APPEND_ONLY);
}

static void test_a_stale_append_that_cuts_what_was_acknowledged(void **state)
{
    struct trio *t = *state;
    trio_ready(t);
    tell_propose(t, 1, 5, 2, 5);
    tell_append(t, 3, 5, 2, 5);
    tell_persisted(t, 3, 5, 2, 2, 0);
    expect_none(t);
    tell_truncate(t, 3, 5);
    expect_rule(t, RULE_ACKNOWLEDGED);
}

static void test_a_conflict_with_a_new_leader_may_be_cut(void **state)
{
    struct trio *t = *state;
    trio_ready(t);
    trio_replicate(t, 1, "1", 5, 2);
    trio_elect(t, 2, 3, "23", 4, 2);
    trio_replicate(t, 2, "23", 5, 3);
    tell_commit(t, 2, 5);
    tell_role(t, 1, OBS_FOLLOWER, 3, 2);
    tell_truncate(t, 1, 5);
    tell_append(t, 1, 5, 3, 5);
    tell_commit(t, 1, 5);
    expect_none(t);
}

static void test_a_commit_that_is_durable_on_too_few(void **state)
{
    struct trio *t = *state;
    trio_ready(t);
    trio_replicate(t, 1, "1", 5, 2);
    tell_append(t, 2, 5, 2, 5); /* not synced yet */
    tell_commit(t, 1, 5);
    expect_rule(t, RULE_COMMIT_QUORUM);
    assert_string_equal(check_violation(t->check, 0)->text,
                        "n1 commits entry 5 in term 2, which is durable on 1 of a quorum of 2 "
                        "(n1: durable through 5, n2: durable through 4, n3: durable through 4)");
}

static void test_a_leaders_own_copy_counts_only_when_it_is_durable(void **state)
{
    struct trio *t = *state;
    trio_ready(t);
    trio_replicate(t, 1, "2", 5, 2);
    tell_commit(t, 1, 5);
    expect_rule(t, RULE_COMMIT_QUORUM);
}

static void test_a_durable_entry_of_another_term_does_not_count(void **state)
{
    struct trio *t = *state;
    trio_ready(t);
    trio_replicate(t, 1, "13", 5, 2); /* not committed */
    trio_elect(t, 2, 3, "23", 4, 2);
    trio_replicate(t, 2, "2", 5, 3);
    tell_commit(t, 2, 5); /* counts n3's entry 5 of term 2 */
    assert_true(check_violation_count(t->check) > 0);
    assert_int_equal(check_violation(t->check, 0)->number, RULE_COMMIT_QUORUM);
}

static void test_a_late_completion_does_not_vouch_for_what_replaced_it(void **state)
{
    struct trio *t = *state;
    trio_ready(t);
    tell_propose(t, 1, 5, 2, 5);
    tell_append(t, 3, 5, 2, 5); /* its persist is on the way */
    tell_role(t, 3, OBS_FOLLOWER, 3, 0);
    trio_elect(t, 2, 3, "23", 4, 2);
    trio_replicate(t, 2, "2", 5, 3);
    tell_truncate(t, 3, 5);
    tell_append(t, 3, 5, 3, 5);
    tell_persisted(t, 3, 5, 2, 3, 2); /* of the entry of term 2 */
    expect_none(t);
    tell_commit(t, 2, 5);
    expect_rule(t, RULE_COMMIT_QUORUM);
}

static void test_a_leader_that_commits_an_older_term_by_counting(void **state)
{
    struct trio *t = *state;
    trio_ready(t);
    trio_replicate(t, 1, "12", 5, 2);
    trio_elect(t, 2, 3, "23", 5, 2);
    tell_append(t, 3, 5, 2, 5);
    tell_persisted(t, 3, 5, 2, 3, 2);
    expect_none(t);
    tell_commit(t, 2, 5);
    expect_rule(t, RULE_COMMIT_TERM);
}

static void test_a_follower_that_commits_by_itself(void **state)
{
    struct trio *t = *state;
    trio_ready(t);
    trio_replicate(t, 1, "12", 5, 2);
    tell_commit(t, 2, 5);
    expect_rule(t, RULE_COMMIT_LEADER);
}

static void test_two_entries_committed_at_an_index(void **state)
{
    struct trio *t = *state;
    trio_ready(t);
    tell_propose(t, 1, 5, 2, 5);
    tell_append(t, 3, 5, 2, 5);
    trio_elect(t, 2, 3, "12", 4, 2);
    trio_replicate(t, 2, "12", 5, 3);
    tell_commit(t, 2, 5);
    expect_none(t);
    tell_commit(t, 3, 5); /* its entry 5 is of term 2 */
    expect_rule(t, RULE_COMMIT_SAME);
}

static void test_a_commit_under_a_later_leader_that_lacks_it(void **state)
{
    struct trio *t = *state;
    trio_ready(t);
    tell_propose(t, 1, 5, 2, 5);
    tell_append(t, 2, 5, 2, 5);
    trio_elect(t, 3, 3, "23", 4, 2);
    expect_none(t);
    tell_persisted(t, 1, 5, 2, 2, 0);
    tell_persisted(t, 2, 5, 2, 3, 3);
    tell_commit(t, 1, 5); /* n2 acknowledged the old leader, being in term 3 */
    expect_rule(t, RULE_LEADER_COMPLETE);
}

static void test_a_commit_that_goes_back(void **state)
{
    struct trio *t = *state;
    trio_ready(t);
    tell_commit(t, 2, 3);
    expect_rule(t, RULE_MONOTONIC);
}

static void test_a_disk_that_would_lose_what_is_called_durable(void **state)
{
    struct trio *t = *state;
    trio_ready(t);
    tell_propose(t, 1, 5, 2, 5);
    t->lies[1] = true;
    tell_persisted(t, 1, 5, 2, 2, 0);
    expect_rule(t, RULE_DURABLE_TRUE);
}

static void test_a_restart_that_loses_what_was_durable(void **state)
{
    struct trio *t = *state;
    trio_ready(t);
    check_ended(t->places[2]);
    tell_boot(t, 2, 2, 2, 1, 3, 3);
    expect_rule(t, RULE_DURABLE_KEPT);
}

static void test_a_restart_that_brings_other_entries_back(void **state)
{
    struct trio *t = *state;
    const term_t log[] = {1, 1, 1, 1};
    trio_ready(t);
    check_ended(t->places[2]);
    tell_boot(t, 2, 2, 2, 1, 4, 4);
    tell_log(t, 2, log, 4);
    assert_true(check_violation_count(t->check) > 0);
    assert_int_equal(check_violation(t->check, check_violation_count(t->check) - 1)->number,
                     RULE_DURABLE_KEPT);
}

static void test_a_restart_may_lose_or_keep_what_was_not_synced(void **state)
{
    struct trio *t = *state;
    const term_t log[] = {1, 1, 1, 2, 2};
    trio_ready(t);
    tell_propose(t, 1, 5, 2, 5);
    tell_append(t, 2, 5, 2, 5);
    tell_append(t, 3, 5, 2, 5);
    check_ended(t->places[2]);
    tell_boot(t, 2, 2, 2, 1, 4, 4);
    tell_log(t, 2, log, 4);
    check_ended(t->places[3]);
    tell_boot(t, 3, 2, 2, 1, 5, 4);
    tell_log(t, 3, log, 5);
    tell_persisted(t, 1, 5, 2, 2, 1);
    expect_none(t);
    tell_commit(t, 1, 5); /* n3's boot made it durable */
    expect_none(t);
}

static void test_a_boot_number_that_does_not_rise(void **state)
{
    struct trio *t = *state;
    trio_ready(t);
    check_ended(t->places[2]);
    tell_boot(t, 2, 1, 2, 1, 4, 4);
    expect_rule(t, RULE_MONOTONIC);
}

static void test_more_violations_than_are_kept_are_counted(void **state)
{
    struct trio *t = *state;
    trio_ready(t);
    for (int i = 0; i < CHECK_VIOLATIONS_MAX + 5; i++) {
        tell_append(t, 2, 60, 2, 6);
    }
    assert_int_equal(check_violation_count(t->check), CHECK_VIOLATIONS_MAX + 5);
    assert_non_null(strstr(check_violation(t->check, 0)->state, "n2"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        unit(test_a_good_log_passes),
        unit(test_another_payload_under_the_same_index_and_term),
        unit(test_the_same_entry_behind_different_ones),
        unit(test_an_entry_that_nobody_appended),
        unit(test_a_gap_in_a_log),
        unit(test_an_entry_of_a_term_above_the_members),
        unit(test_a_leader_that_cuts_its_log),
        unit(test_a_deposed_leader_that_appends),
        unit(test_a_stale_append_that_cuts_what_was_acknowledged),
        unit(test_a_conflict_with_a_new_leader_may_be_cut),
        unit(test_a_commit_that_is_durable_on_too_few),
        unit(test_a_leaders_own_copy_counts_only_when_it_is_durable),
        unit(test_a_durable_entry_of_another_term_does_not_count),
        unit(test_a_late_completion_does_not_vouch_for_what_replaced_it),
        unit(test_a_leader_that_commits_an_older_term_by_counting),
        unit(test_a_follower_that_commits_by_itself),
        unit(test_two_entries_committed_at_an_index),
        unit(test_a_commit_under_a_later_leader_that_lacks_it),
        unit(test_a_commit_that_goes_back),
        unit(test_a_disk_that_would_lose_what_is_called_durable),
        unit(test_a_restart_that_loses_what_was_durable),
        unit(test_a_restart_that_brings_other_entries_back),
        unit(test_a_restart_may_lose_or_keep_what_was_not_synced),
        unit(test_a_boot_number_that_does_not_rise),
        unit(test_more_violations_than_are_kept_are_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
