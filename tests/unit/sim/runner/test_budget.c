/* Faults of disks in a run: what is charged, left out, said and healed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/duration.h"
#include "run.h"

struct fixture {
    struct mem_pool *pool;
    struct scenario *s;
    struct run *run;
    struct buf told;
};

#define HEAD                                                                            \
    "version: 1\nscenario: t\nmembers: [n1, n2, n3]\nleader: n1\nprobe: {put: 100ms}\n" \
    "until: 10s\n"

static void play(struct fixture *f, const char *text)
{
    size_t count = 0;
    struct run_options options = run_options_default(1);
    *f = (struct fixture){.pool = mem_pool_new(1 << 24, -1)};
    buf_init(&f->told, mem_pool_mem(f->pool));
    int rv = scenario_parse(slice_str(text), "t.yaml", &f->s, &f->told, &count);
    if (rv != 0) {
        print_error("%s", buf_cstr(&f->told));
    }
    assert_int_equal(rv, 0);
    f->run = run_new(f->s, &options);
    run_go(f->run);
    run_tell(f->run, "test", true, &f->told);
}

static void teardown(struct fixture *f)
{
    run_free(f->run);
    scenario_free(f->s);
    mem_pool_free(f->pool);
}

static bool was_told(struct fixture *f, const char *words)
{
    return strstr(buf_cstr(&f->told), words) != NULL;
}

static void expect_verdict(struct fixture *f, enum verdict verdict)
{
    if (run_summary(f->run).verdict != verdict) {
        print_error("%s\n", buf_cstr(&f->told));
    }
    assert_int_equal(run_summary(f->run).verdict, verdict);
}

static void test_recurring_damage_is_skipped_where_the_others_could_not_make_up_for_it(void **state)
{
    struct fixture f;
    (void)state;
    play(&f, HEAD "settle: none\ntimeline:\n"
                  "  - {every: 2s, disk: {member: [n1, n2, n3], rot: {file: wal}}}\n");
    expect_verdict(&f, VERDICT_PASS);
    assert_true(was_told(&f, "charged: n2, n3 hold without n1 all that is"));
    assert_true(was_told(&f, "skipped: n3 holds without n2 all that is committed"));
    assert_false(was_told(&f, "beyond the budget"));
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(disk_is_sound(host_disk(f.run->members[i].host)), i > 0);
    }
    teardown(&f);
}

static void test_without_a_budget_nothing_is_skipped(void **state)
{
    struct fixture f;
    (void)state;
    play(&f, HEAD "budget: none\nsettle: none\ntimeline:\n"
                  "  - {every: 2s, disk: {member: [n1, n2, n3], rot: {file: wal}}}\n");
    expect_verdict(&f, VERDICT_PASS); /* they run, and nobody looks */
    assert_false(was_told(&f, "skipped"));
    assert_true(was_told(&f, "beyond the budget: n3 holds without n2 all that is"));
    assert_true(f.run->beyond_budget);
    for (size_t i = 0; i < 3; i++) {
        assert_false(disk_is_sound(host_disk(f.run->members[i].host)));
    }
    teardown(&f);
}

static void test_a_step_that_fires_once_does_what_it_says(void **state)
{
    struct fixture f;
    (void)state;
    play(&f, HEAD "settle: none\ntimeline:\n"
                  "  - {at: 1s, disk: {member: n1, rot: {file: wal}}, for: 8s}\n"
                  "  - {at: 2s, disk: {member: n2, rot: {file: wal}}, for: 2s}\n");
    expect_verdict(&f, VERDICT_PASS);
    assert_true(was_told(&f, "charged: n2, n3 hold without n1"));
    assert_true(was_told(&f, "beyond the budget: n3 holds without n2"));
    for (size_t i = 0; i < 3; i++) {
        assert_true(disk_is_well(host_disk(f.run->members[i].host))); /* `for` is over */
    }
    teardown(&f);
}

static void test_a_liar_keeps_its_promises_where_their_loss_could_not_be_survived(void **state)
{
    struct fixture f;
    (void)state;
    play(&f, HEAD "timeline:\n"
                  "  - {at: 1s, disk: {member: n1, lie: true, drop: 100%}}\n"
                  "  - {at: 3s, power-off: n3}\n"
                  "  - {at: 6s, power-off: n1, for: 500ms}\n"
                  "  - {at: 7s, start: n3}\n");
    expect_verdict(&f, VERDICT_PASS);
    assert_true(was_told(&f, "skipped: its disk keeps what it promised, for n2"));
    assert_int_equal(disk_counts(host_disk(f.run->members[0].host))->promises_broken, 0);
    assert_true(disk_counts(host_disk(f.run->members[0].host))->promises > 10);
    teardown(&f);
}

static void test_a_liar_forgets_and_nothing_is_lost_where_the_others_have_it(void **state)
{
    struct fixture f;
    (void)state;
    play(&f, HEAD "timeline:\n"
                  "  - {at: 1s, disk: {member: n3, lie: true, drop: 100%}}\n"
                  "  - {at: 6s, power-off: n3, for: 500ms}\n");
    expect_verdict(&f, VERDICT_PASS);
    assert_true(disk_counts(host_disk(f.run->members[2].host))->promises_broken > 0);
    assert_true(f.run->members[2].forgetful);
    teardown(&f);
}

static void test_rot_that_finds_no_place_is_unmet(void **state)
{
    struct fixture f;
    (void)state;
    play(&f, HEAD "timeline:\n  - {at: 1s, disk: {member: n1, rot: {file: nothing-like-it}}}\n");
    expect_verdict(&f, VERDICT_UNMET);
    assert_true(was_told(&f, "t.yaml:8:38: step 1 found no place to rot: n1 has no 1 durable"));
    teardown(&f);
}

static void test_reads_that_pass_while_disks_stand_still_contradict_nothing(void **state)
{
    struct fixture f;
    (void)state;
    play(&f, "version: 1\nscenario: t\nmembers: [n1, n2, n3]\nleader: n1\n"
             "probe: {put: 200ms, get: 100ms}\nuntil: 8s\ntimeline:\n"
             "  - {at: 2s, disk: {member: [n2, n3], stall: true}, for: 600ms}\n"
             "expect:\n  - {during: 2.1s .. 2.6s, linearizable-reads: must, writes: cannot}\n");
    assert_false(was_told(&f, "acknowledged though it CANNOT pass"));
    assert_true(was_told(&f, "oracle   writes: MUST -> CANNOT"));
    teardown(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(
            test_recurring_damage_is_skipped_where_the_others_could_not_make_up_for_it),
        cmocka_unit_test(test_without_a_budget_nothing_is_skipped),
        cmocka_unit_test(test_a_step_that_fires_once_does_what_it_says),
        cmocka_unit_test(test_a_liar_keeps_its_promises_where_their_loss_could_not_be_survived),
        cmocka_unit_test(test_a_liar_forgets_and_nothing_is_lost_where_the_others_have_it),
        cmocka_unit_test(test_rot_that_finds_no_place_is_unmet),
        cmocka_unit_test(test_reads_that_pass_while_disks_stand_still_contradict_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
