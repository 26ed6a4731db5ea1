/* Three members under whatever befalls them: every check of every event holds, and what clients saw
 * is linearizable. */
#include "churn.h"

static void run_seed(uint64_t seed)
{
    struct churn c;
    churn_build(&c, seed, 3);
    for (int round = 0; round < 100; round++) {
        churn_round(&c, false);
    }
    uint64_t calm = c.puts_ok;
    churn_noise(&c, true);
    for (int round = 0; round < 1000; round++) {
        churn_round(&c, true);
        churn_expect_no_fault(&c);
    }
    uint64_t stormy = c.puts_ok;
    churn_noise(&c, false);
    for (int round = 0; round < 500; round++) {
        churn_round(&c, false);
    }
    churn_expect_no_fault(&c);
    churn_expect_history(&c);
    assert_true(calm > 50);
    assert_true(stormy > calm);
    assert_true(c.puts_ok > stormy + 100);
    assert_true(check_committed(c.check) > c.puts_ok);
    churn_free(&c);
}

static void test_members_that_crash_and_lose_power_break_no_rule(void **state)
{
    (void)state;
    uint64_t last = churn_seeds(5);
    for (uint64_t seed = 1; seed <= last; seed++) {
        run_seed(seed);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_members_that_crash_and_lose_power_break_no_rule),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
