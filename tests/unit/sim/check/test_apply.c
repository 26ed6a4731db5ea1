/* Applying and configurations: each rule fires on what breaks it, and on nothing else. */
#include "trio.h"

static void commit_everywhere(struct trio *t, index_t index)
{
    trio_replicate(t, 1, "123", index, 2);
    for (int n = 1; n <= 3; n++) {
        tell_commit(t, n, index);
    }
}

static void test_states_that_differ(void **state)
{
    struct trio *t = *state;
    trio_ready(t);
    commit_everywhere(t, 5);
    tell_apply(t, 1, 5, 2, 99);
    tell_apply(t, 2, 5, 2, 99);
    expect_none(t);
    tell_apply(t, 3, 5, 2, 98);
    expect_rule(t, RULE_STATE_HASH);
}

static void test_an_entry_applied_twice(void **state)
{
    struct trio *t = *state;
    trio_ready(t);
    tell_apply(t, 2, 4, 2, 4);
    expect_rule(t, RULE_MONOTONIC);
}

static void test_an_entry_applied_before_it_is_committed(void **state)
{
    struct trio *t = *state;
    trio_ready(t);
    trio_replicate(t, 1, "123", 5, 2);
    tell_apply(t, 2, 5, 2, 5);
    expect_rule(t, RULE_COMMIT_SAME);
}

static void test_another_entry_applied_than_was_committed(void **state)
{
    struct trio *t = *state;
    trio_ready(t);
    commit_everywhere(t, 5);
    tell_apply(t, 2, 5, 1, 5);
    expect_rule(t, RULE_COMMIT_SAME);
}

static void test_a_restart_applies_everything_again(void **state)
{
    struct trio *t = *state;
    const term_t log[] = {1, 1, 1, 2};
    static const char *const voters[] = {"", "1", "12", "123"};
    trio_ready(t);
    check_ended(t->places[2]);
    tell_boot(t, 2, 2, 2, 1, 4, 3);
    tell_log(t, 2, log, 4);
    for (index_t i = 1; i <= 3; i++) {
        tell_apply(t, 2, i, 1, i);
        tell_config(t, 2, i, voters[i], "");
    }
    tell_commit(t, 2, 4);
    tell_apply(t, 2, 4, 2, 4);
    expect_none(t);
}

static void test_two_configurations_at_an_index(void **state)
{
    struct trio *t = *state;
    trio_ready(t);
    commit_everywhere(t, 5);
    tell_apply(t, 1, 5, 2, 5);
    tell_config(t, 1, 5, "123", "4");
    tell_apply(t, 2, 5, 2, 5);
    expect_none(t);
    tell_config(t, 2, 5, "1234", "");
    expect_rule(t, RULE_CONF_SAME);
}

static void test_a_configuration_that_is_not_committed(void **state)
{
    struct trio *t = *state;
    trio_ready(t);
    trio_replicate(t, 1, "123", 5, 2);
    tell_config(t, 1, 5, "123", "4");
    expect_rule(t, RULE_CONF_SAME);
}

static void test_two_voters_changed_at_once(void **state)
{
    struct trio *t = *state;
    trio_ready(t);
    commit_everywhere(t, 5);
    tell_config(t, 1, 5, "14", "");
    expect_rule(t, RULE_CONF_STEP);
}

static void test_promoting_a_learner_is_one_change(void **state)
{
    struct trio *t = *state;
    trio_ready(t);
    commit_everywhere(t, 5);
    tell_config(t, 1, 5, "123", "4");
    commit_everywhere(t, 6);
    tell_config(t, 1, 6, "1234", "");
    expect_none(t);
}

static void test_a_leader_two_configurations_behind(void **state)
{
    struct trio *t = *state;
    trio_ready(t);
    commit_everywhere(t, 5);
    commit_everywhere(t, 6);
    tell_config(t, 1, 5, "123", "4");
    tell_config(t, 1, 6, "1234", "");
    trio_elect(t, 2, 3, "23", 6, 2); /* has applied neither */
    expect_rule(t, RULE_CONF_STALE);
}

static void test_a_leader_may_apply_its_own_removal_but_not_stay(void **state)
{
    struct trio *t = *state;
    trio_ready(t);
    commit_everywhere(t, 5);
    tell_config(t, 1, 5, "23", "");
    expect_none(t);
    commit_everywhere(t, 6);
    tell_config(t, 1, 6, "2", "");
    expect_rule(t, RULE_LEADER_VOTER);
}

static void test_a_read_ahead_of_what_is_applied(void **state)
{
    struct trio *t = *state;
    trio_ready(t);
    tell(t, 2, (struct obs_event){.kind = OBS_READ, .read = {false, 4, 4}});
    tell(t, 2, (struct obs_event){.kind = OBS_READ, .read = {true, 9, 4}});
    expect_none(t);
    tell(t, 2, (struct obs_event){.kind = OBS_READ, .read = {false, 5, 4}});
    expect_rule(t, RULE_READ_APPLIED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        unit(test_states_that_differ),
        unit(test_an_entry_applied_twice),
        unit(test_an_entry_applied_before_it_is_committed),
        unit(test_another_entry_applied_than_was_committed),
        unit(test_a_restart_applies_everything_again),
        unit(test_two_configurations_at_an_index),
        unit(test_a_configuration_that_is_not_committed),
        unit(test_two_voters_changed_at_once),
        unit(test_promoting_a_learner_is_one_change),
        unit(test_a_leader_two_configurations_behind),
        unit(test_a_leader_may_apply_its_own_removal_but_not_stay),
        unit(test_a_read_ahead_of_what_is_applied),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
