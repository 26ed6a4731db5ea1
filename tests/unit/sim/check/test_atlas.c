/* The atlas: what may be lost, and that damage falsifies nothing that was committed before. */
#include <string.h>

#include "trio.h"

static bool can_lose(struct trio *t, int n, const char *words)
{
    struct buf who;
    buf_init(&who, mem_pool_mem(t->pool));
    bool can = check_can_lose(t->places[n], &who);
    assert_string_equal(buf_cstr(&who), words);
    buf_fini(&who);
    return can;
}

static void test_one_of_three_may_be_lost_once_all_hold_everything(void **state)
{
    struct trio *t = *state;
    assert_false(can_lose(t, 1, "nobody is known yet who could make up for it"));
    trio_ready(t);
    assert_true(can_lose(t, 3, "n1, n2 hold without n3 all that is committed, quorum 2"));
    trio_replicate(t, 1, "12", 5, 2);
    tell_commit(t, 1, 5);
    /* n3 does not have entry 5 yet: it alone may be lost. */
    assert_true(can_lose(t, 3, "n1, n2 hold without n3 all that is committed, quorum 2"));
    assert_false(can_lose(t, 1, "n2 holds without n1 all that is committed, quorum 2"));
    tell_append(t, 3, 5, 2, 5);
    tell_persisted(t, 3, 5, 2, 2, 0);
    assert_true(can_lose(t, 1, "n2, n3 hold without n1 all that is committed, quorum 2"));
    expect_none(t);
}

static void test_what_is_not_committed_yet_may_not_be_forgotten(void **state)
{
    struct trio *t = *state;
    trio_ready(t);
    assert_true(check_can_forget(t->places[3], NULL));
    trio_replicate(t, 1, "13", 5, 2);
    assert_true(check_can_lose(t->places[3], NULL));
    struct buf who;
    buf_init(&who, mem_pool_mem(t->pool));
    assert_false(check_can_forget(t->places[3], &who));
    assert_string_equal(buf_cstr(&who),
                        "what n3 has made durable through entry 5 may be committed yet");
    buf_fini(&who);
    /* Committed, and whole on the others: now it may. */
    tell_append(t, 2, 5, 2, 5);
    tell_persisted(t, 2, 5, 2, 2, 0);
    assert_false(check_can_forget(t->places[3], NULL));
    tell_commit(t, 1, 5);
    assert_true(check_can_forget(t->places[3], NULL));
    expect_none(t);
}

static void test_a_damaged_or_amnesiac_member_is_no_copy_until_that_is_over(void **state)
{
    struct trio *t = *state;
    trio_ready(t);
    check_damaged(t->places[2], true);
    assert_false(can_lose(t, 1, "n3 holds without n1 all that is committed, quorum 2"));
    assert_true(can_lose(t, 2, "n1, n3 hold without n2 all that is committed, quorum 2"));
    check_damaged(t->places[2], false);
    assert_true(check_can_lose(t->places[1], NULL));
    check_amnesia(t->places[2]);
    assert_false(check_can_lose(t->places[1], NULL));
    assert_false(can_lose(t, 1, "n3 holds without n1 all that is committed, quorum 2"));
    check_amnesia(t->places[3]);
    assert_false(can_lose(t, 1, "nobody holds without n1 all that is committed, quorum 2"));
}

static void test_an_entry_counts_as_committed_by_what_a_damaged_member_made_durable(void **state)
{
    struct trio *t = *state;
    trio_ready(t);
    check_damaged(t->places[2], true);
    trio_replicate(t, 1, "12", 5, 2);
    tell_commit(t, 1, 5);
    expect_none(t); /* no process could know */
    check_amnesia(t->places[1]);
    check_amnesia(t->places[2]);
    tell_append(t, 3, 5, 2, 5);
    tell_persisted(t, 3, 5, 2, 2, 0);
    tell_commit(t, 3, 5);
    expect_none(t); /* it stays committed */
    /* But a new commit needs copies that are there now. */
    tell_propose(t, 1, 6, 2, 6);
    tell_commit(t, 1, 6);
    expect_rule(t, RULE_COMMIT_QUORUM);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, trio_setup, trio_teardown)
    const struct CMUnitTest tests[] = {
        CASE(test_one_of_three_may_be_lost_once_all_hold_everything),
        CASE(test_what_is_not_committed_yet_may_not_be_forgotten),
        CASE(test_a_damaged_or_amnesiac_member_is_no_copy_until_that_is_over),
        CASE(test_an_entry_counts_as_committed_by_what_a_damaged_member_made_durable),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
