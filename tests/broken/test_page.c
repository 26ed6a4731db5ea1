/* What the page of a broken member's run says: which rule, and how it came about. */
#define QUORATE_BIN BROKEN_BIN "/quorate_early"
#include "unit/sim/cmd/program.h"

static void test_an_early_leader_is_unsafe_and_its_page_says_why(void **state)
{
    (void)state;
    for (int seed = 1; seed <= 5; seed++) {
        char words[512];
        snprintf(words, sizeof(words), "run %s/followers-come-and-go.yaml --seed %d", SCENARIOS,
                 seed);
        assert_int_equal(quorate(words), 1);
        assert_says("\nFAIL  commit: quorum   at ");
        assert_says("    rule: a committed entry is durable on a quorum of the leader's active "
                    "configuration (thesis");
        assert_says(" of a quorum of 2 (n1: durable through ");
        assert_says("\n  the last events that matter (12 of ");
        assert_says("  commit   ");
        assert_says("as leader  < #");
        assert_says("  role     leader term 2 leader n");
        assert_says(" config\n    n1  ");
        assert_says("\nfingerprint: commit/quorum/commit\n");
        assert_says("\nstop at: quorate replay --db quorate-failures/followers-come-and-go-");
        assert_says("verdict: unsafe\n");
    }
}

static void test_its_replay_is_the_same_run(void **state)
{
    char hash[64];
    char again[64];
    (void)state;
    assert_int_equal(quorate("run " SCENARIOS "/two-member-stall.yaml --db early.db"), 1);
    take_after("trace-hash: ", hash, sizeof(hash));
    assert_int_equal(quorate("replay --db early.db two-member-stall/1"), 1);
    take_after("trace-hash: ", again, sizeof(again));
    assert_string_equal(hash, again);
    assert_says("replay:  the same run as recorded, two-member-stall/1@");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_an_early_leader_is_unsafe_and_its_page_says_why),
        cmocka_unit_test(test_its_replay_is_the_same_run),
    };
    return cmocka_run_group_tests(tests, enter_folder, leave_folder);
}
