/* A leader that answers reads without asking whether it still leads: the clients' history shows it,
 * and the page tells of both requests how they came to their answers. */
#define QUORATE_BIN BROKEN_BIN "/quorate_stale"
#include "unit/sim/cmd/program.h"

#define CUT_OFF                                                                                 \
    "version: 1\nscenario: stale-reads\nmembers: [n1, n2, n3]\nprobe: {put: 10ms, get: 10ms}\n" \
    "timeline:\n  - {at: 2s, partition: {isolate: leader}, keep: clients, for: 6s}\n"           \
    "until: 10s\nsettle: none\n"

static void test_a_stale_read_is_shown_with_the_write_that_it_missed(void **state)
{
    int caught = 0;
    (void)state;
    write_file("stale.yaml", CUT_OFF);
    for (int seed = 1; seed <= 10 && caught == 0; seed++) {
        char words[64];
        snprintf(words, sizeof(words), "run stale.yaml --seed %d", seed);
        caught = quorate(words) == 1 ? 1 : 0;
    }
    assert_int_equal(caught, 1);
    assert_says("\nFAIL  linearizability: stale-read   at ");
    assert_says("rule: requests take effect in one order, each between its call and its answer");
    assert_says("probe-put  put probe probe-put-");
    assert_says("probe-get  get probe  called ");
    assert_says("  commit   "); /* of the write */
    assert_says("  answer   ");
    assert_says("  read     linearizable, read index "); /* by the member that was cut off */
    assert_says("  step     isolate ");
    assert_says("safety: 1 violation in ");
    assert_says("\nfingerprint: linearizability/stale-read\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_stale_read_is_shown_with_the_write_that_it_missed),
    };
    return cmocka_run_group_tests(tests, enter_folder, leave_folder);
}
