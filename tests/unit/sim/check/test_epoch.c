/* History epochs: what a survivor keeps is where the new history begins, and each history is judged
 * by its own past. */
#include <string.h>

#include "trio.h"

/* Member 1 alone goes on from entry 4, with entries 5 and 6 decreed in term 3. The places of the
 * new history are those of the old one. */
static struct check *fork_of_one(struct trio *t)
{
    struct check *old = t->check;
    t->check = check_fork(old, ID(1), 4, 6);
    for (int n = 1; n <= 3; n++) {
        char name[] = {'n', (char)('0' + n), '\0'};
        t->places[n] = check_place_new(t->check, name, NULL, NULL);
    }
    return old;
}

static void boot_survivor(struct trio *t)
{
    static const term_t terms[] = {1, 1, 1, 2, 3, 3};
    tell_boot(t, 1, 2, 3, 0, 6, 6);
    tell_log(t, 1, terms, 6);
    tell_commit(t, 1, 6);
    for (index_t i = 1; i <= 4; i++) {
        tell_apply(t, 1, i, terms[i - 1], i);
    }
    tell_config(t, 1, 4, "123", "");
    tell_apply(t, 1, 5, 3, 5);
    tell_config(t, 1, 5, "13", "");
    tell_apply(t, 1, 6, 3, 6);
    tell_config(t, 1, 6, "1", "");
}

static void test_a_new_history_goes_on_from_what_is_kept(void **state)
{
    struct trio *t = *state;
    trio_ready(t);
    struct check *old = fork_of_one(t);
    boot_survivor(t);
    trio_elect(t, 1, 4, "1", 6, 3);
    tell_propose(t, 1, 7, 4, 7);
    tell_persisted(t, 1, 7, 4, 4, 1);
    tell_commit(t, 1, 7);
    expect_none(t);
    assert_int_equal(check_committed(t->check), 7);
    assert_int_equal(check_committed(old), 4);
    check_free(old);
}

static void test_the_old_history_may_have_leaders_of_the_same_terms(void **state)
{
    struct trio *t = *state;
    trio_ready(t);
    /* Member 2 goes on as leader of term 4, and commits another entry 5. */
    trio_elect(t, 2, 4, "23", 4, 2);
    trio_replicate(t, 2, "23", 5, 4);
    tell_commit(t, 2, 5);
    struct check *old = fork_of_one(t);
    boot_survivor(t);
    trio_elect(t, 1, 4, "1", 6, 3);
    expect_none(t);
    assert_int_equal(check_violation_count(old), 0);
    check_free(old);
}

static void test_what_is_kept_must_be_what_was_there(void **state)
{
    struct trio *t = *state;
    static const term_t terms[] = {1, 1, 2, 2, 3, 3};
    trio_ready(t);
    struct check *old = fork_of_one(t);
    tell_boot(t, 1, 2, 3, 0, 6, 6);
    tell_log(t, 1, terms, 6);
    assert_true(check_violation_count(t->check) > 0);
    check_free(old);
}

static void test_nothing_is_decreed_behind_what_began_the_epoch(void **state)
{
    struct trio *t = *state;
    trio_ready(t);
    struct check *old = fork_of_one(t);
    tell_boot(t, 1, 2, 3, 0, 7, 7);
    expect_rule(t, RULE_COMMIT_LEADER);
    check_free(old);
}

static void test_the_survivor_comes_back_with_all_that_it_kept(void **state)
{
    struct trio *t = *state;
    trio_ready(t);
    struct check *old = fork_of_one(t);
    tell_boot(t, 1, 2, 3, 0, 3, 3);
    expect_rule(t, RULE_DURABLE_KEPT);
    check_free(old);
}

static void test_revisions_and_names(void **state)
{
    struct trio *t = *state;
    trio_ready(t);
    struct check *old = fork_of_one(t);
    assert_true(check_names(t->check, ID(3)));
    assert_false(check_names(t->check, 99));
    assert_int_equal(check_revision(t->check, 4), check_revision(old, UINT64_MAX));
    assert_int_equal(check_revision(t->check, 0), 0);
    check_free(old);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        unit(test_a_new_history_goes_on_from_what_is_kept),
        unit(test_the_old_history_may_have_leaders_of_the_same_terms),
        unit(test_what_is_kept_must_be_what_was_there),
        unit(test_nothing_is_decreed_behind_what_began_the_epoch),
        unit(test_the_survivor_comes_back_with_all_that_it_kept),
        unit(test_revisions_and_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
