/* Snapshots: each rule fires on what breaks it, and on nothing else. */
#include <string.h>

#include "trio.h"

static void tell_snapshot(struct trio *t, int n, enum obs_snapshot what, index_t index, term_t term,
                          uint64_t hash)
{
    tell(t, n,
         (struct obs_event){.kind = OBS_SNAPSHOT,
                            .snapshot = {.index = index,
                                         .term = term,
                                         .what = what,
                                         .state_hash = hash,
                                         .revision = (revision_t)index}});
}

static void tell_restored_config(struct trio *t, int n, index_t index, member_id_t third)
{
    const member_id_t voters[] = {ID(1), ID(2), third};
    tell(t, n,
         (struct obs_event){
             .kind = OBS_CONFIG,
             .config = {.index = index, .voters = voters, .voter_count = 3, .restored = true}});
}

static void test_a_good_snapshot_passes(void **state)
{
    struct trio *t = *state;
    trio_ready(t);
    tell_snapshot(t, 1, OBS_SNAPSHOT_TAKEN, 4, 2, 4);
    expect_none(t);
}

static void test_installed_snapshot_stands_for_the_log(void **state)
{
    struct trio *t = *state;
    trio_ready(t);
    trio_replicate(t, 1, "12", 5, 2);
    tell_commit(t, 1, 5);
    tell_apply(t, 1, 5, 2, 55);
    tell_snapshot(t, 1, OBS_SNAPSHOT_TAKEN, 5, 2, 55);
    tell_snapshot(t, 3, OBS_SNAPSHOT_INSTALLED, 5, 2, 55);
    tell_restored_config(t, 3, 5, ID(3));
    tell_persisted(t, 3, 5, 2, 2, 0);
    trio_replicate(t, 1, "13", 6, 2);
    tell_commit(t, 1, 6);
    expect_none(t);
}

static void test_an_installed_snapshot_may_be_lost_before_the_log_begins_behind_it(void **state)
{
    const term_t terms[] = {1, 1, 1, 2};
    struct trio *t = *state;
    trio_ready(t);
    trio_replicate(t, 1, "12", 5, 2);
    tell_commit(t, 1, 5);
    tell_snapshot(t, 3, OBS_SNAPSHOT_INSTALLED, 5, 2, 5);
    tell_boot(t, 3, 2, 2, 1, 4, 4);
    tell_log(t, 3, terms, 4);
    expect_none(t);
    tell_boot(t, 3, 3, 2, 1, 3, 3);
    expect_rule(t, RULE_DURABLE_KEPT);
}

static void test_restored_state_is_the_one_of_its_index(void **state)
{
    struct trio *t = *state;
    trio_ready(t);
    tell_snapshot(t, 1, OBS_SNAPSHOT_TAKEN, 4, 2, 4);
    tell(t, 1, (struct obs_event){.kind = OBS_EXIT});
    tell(t, 1,
         (struct obs_event){
             .kind = OBS_BOOT,
             .boot = {.boot = 2, .term = 2, .vote = ID(1), .first = 5, .last = 4, .commit = 4}});
    tell_snapshot(t, 1, OBS_SNAPSHOT_RESTORED, 4, 2, 4);
    tell_restored_config(t, 1, 4, ID(3));
    expect_none(t);
}

static void test_a_snapshot_of_what_nobody_committed(void **state)
{
    struct trio *t = *state;
    trio_ready(t);
    tell_snapshot(t, 3, OBS_SNAPSHOT_INSTALLED, 5, 2, 5);
    expect_rule(t, RULE_COMMIT_SAME);
}

static void test_a_snapshot_of_another_term(void **state)
{
    struct trio *t = *state;
    trio_ready(t);
    tell_snapshot(t, 1, OBS_SNAPSHOT_TAKEN, 4, 1, 4);
    expect_rule(t, RULE_COMMIT_SAME);
}

static void test_a_snapshot_with_another_state(void **state)
{
    struct trio *t = *state;
    trio_ready(t);
    tell_snapshot(t, 2, OBS_SNAPSHOT_TAKEN, 4, 2, 5);
    expect_rule(t, RULE_STATE_HASH);
}

static void test_a_snapshot_that_passes_the_durable_log(void **state)
{
    struct trio *t = *state;
    trio_ready(t);
    trio_replicate(t, 1, "12", 5, 2);
    tell_commit(t, 1, 5);
    tell_append(t, 3, 5, 2, 5);
    tell_commit(t, 3, 5);
    tell_apply(t, 3, 5, 2, 5);
    expect_none(t);
    tell_snapshot(t, 3, OBS_SNAPSHOT_TAKEN, 5, 2, 5);
    expect_rule(t, RULE_SNAPSHOT_COVERED);
}

static void test_a_snapshot_that_goes_back(void **state)
{
    struct trio *t = *state;
    trio_ready(t);
    tell_snapshot(t, 3, OBS_SNAPSHOT_INSTALLED, 3, 1, 3);
    expect_rule(t, RULE_MONOTONIC);
}

static void test_a_snapshot_with_another_configuration(void **state)
{
    struct trio *t = *state;
    trio_ready(t);
    trio_replicate(t, 1, "12", 5, 2);
    tell_commit(t, 1, 5);
    tell_snapshot(t, 3, OBS_SNAPSHOT_INSTALLED, 5, 2, 5);
    expect_none(t);
    tell_restored_config(t, 3, 5, ID(4));
    expect_rule(t, RULE_CONF_SAME);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, trio_setup, trio_teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_a_good_snapshot_passes),
        TEST(test_installed_snapshot_stands_for_the_log),
        TEST(test_an_installed_snapshot_may_be_lost_before_the_log_begins_behind_it),
        TEST(test_restored_state_is_the_one_of_its_index),
        TEST(test_a_snapshot_of_what_nobody_committed),
        TEST(test_a_snapshot_of_another_term),
        TEST(test_a_snapshot_with_another_state),
        TEST(test_a_snapshot_that_passes_the_durable_log),
        TEST(test_a_snapshot_that_goes_back),
        TEST(test_a_snapshot_with_another_configuration),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
