/* The action `disk`: what each key becomes, and how people call it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/duration.h"
#include "parse.h"

static struct parsed parse_good(const char *text)
{
    struct parsed p = parse(text);
    if (p.s == NULL) {
        print_error("%s", buf_cstr(&p.mistakes));
    }
    assert_non_null(p.s);
    return p;
}

static void expect_title(const struct parsed *p, size_t step, const char *title)
{
    struct buf text;
    buf_init(&text, mem_pool_mem(p->pool));
    assert_string_equal(scenario_step_title(p->s, step, &text), title);
    buf_fini(&text);
}

static void test_each_key_says_one_thing_that_is_wrong(void **state)
{
    (void)state;
    struct parsed p = parse_good(
        HEAD
        "timeline:\n"
        "  - {at: 1s, disk: {member: n1, fail: {op: sync-dir, count: all, error: no-space}}}\n"
        "  - {at: 1s, disk: {member: [n1, n2], rot: {file: wal, bytes: 3}}, for: 2s}\n"
        "  - {at: 1s, disk: {member: leader, slow: {by: 1ms..2ms, factor: 5}, full: 10MiB}}\n"
        "  - {at: 1s, disk: {member: n1, drop: 10%, trash: 0.5%, names: 100%}}\n"
        "  - {at: 1s, disk: {member: n1, flip: {bits: 2}, stale: true, misdirect: true}}\n"
        "  - {at: 1s, disk: {member: n1, clone: n2}}\n"
        "  - {at: 1s, disk: {member: n1, rot: {file: snap, offset: 4KiB}, lie: {count: 2}}}\n");
    const struct trouble *t = p.s->steps[0].action.disk.troubles;
    assert_true(t[TROUBLE_FAIL].present && t[TROUBLE_FAIL].no_space);
    assert_int_equal(t[TROUBLE_FAIL].op, TROUBLE_SYNC_DIR);
    assert_int_equal(t[TROUBLE_FAIL].count, 0);
    expect_title(&p, 0, "disk of n1, fail sync-dir (no space)");
    t = p.s->steps[1].action.disk.troubles;
    assert_int_equal(t[TROUBLE_ROT].bytes, 3);
    assert_string_equal(t[TROUBLE_ROT].file, "wal");
    assert_false(t[TROUBLE_ROT].placed);
    assert_int_equal(p.s->steps[1].action.who.count, 2);
    expect_title(&p, 1, "disk of n1, n2, rot 3B of wal");
    t = p.s->steps[2].action.disk.troubles;
    assert_int_equal(t[TROUBLE_SLOW].by.high, 2 * MS_NS);
    assert_int_equal(t[TROUBLE_SLOW].factor, 5);
    assert_int_equal(t[TROUBLE_FULL].bytes, 10485760);
    expect_title(&p, 2, "disk of leader, full 10MiB, slow 5 times by 1ms..2ms");
    t = p.s->steps[3].action.disk.troubles;
    assert_int_equal(t[TROUBLE_POWER].drop_ppm, 100000);
    assert_int_equal(t[TROUBLE_POWER].tear_ppm, 0);
    assert_int_equal(t[TROUBLE_POWER].trash_ppm, 5000);
    assert_int_equal(t[TROUBLE_POWER].names_ppm, 1000000);
    expect_title(&p, 3,
                 "disk of n1, power failures, drop 10%, trash 5000 of a million, names 100%");
    t = p.s->steps[4].action.disk.troubles;
    assert_int_equal(t[TROUBLE_FLIP].bytes, 2);
    assert_int_equal(t[TROUBLE_FLIP].count, 0);
    assert_int_equal(t[TROUBLE_MISDIRECT].count, 1);
    expect_title(&p, 4, "disk of n1, flip, stale, misdirect (1)");
    assert_true(p.s->steps[5].action.disk.clone);
    assert_int_equal(p.s->steps[5].action.disk.clone_of, 1);
    expect_title(&p, 5, "disk of n1, clone of n2");
    t = p.s->steps[6].action.disk.troubles;
    assert_true(t[TROUBLE_ROT].placed);
    assert_int_equal(t[TROUBLE_ROT].offset, 4096);
    expect_title(&p, 6, "disk of n1, lie (2), rot 1B of snap at 4096");
    parsed_free(&p);
}

static void test_a_range_of_cases_is_as_many_scenarios(void **state)
{
    (void)state;
    struct parsed p =
        parse_good(HEAD "vary: {op: 3..5}\n"
                        "timeline:\n"
                        "  - {when: \"disk-ops(n1) == ${op}\", within: 5s, power-off: n1}\n");
    int64_t expected = 3;
    for (const struct scenario *s = p.s; s != NULL; s = s->next) {
        const struct predicate *when = s->steps[0].trigger.when;
        assert_int_equal(when->a->op, PRED_DISK_OPS);
        assert_int_equal(when->b->value, expected);
        expected++;
    }
    assert_int_equal(expected, 6);
    assert_string_equal(p.s->next->name, "t.4");
    parsed_free(&p);
}

static void test_budget_is_survivable_unless_it_is_none(void **state)
{
    (void)state;
    struct parsed p = parse_good(HEAD);
    assert_false(p.s->unbounded);
    parsed_free(&p);
    p = parse_good(HEAD "budget: survivable\n");
    assert_false(p.s->unbounded);
    parsed_free(&p);
    p = parse_good(HEAD "budget: none\n");
    assert_true(p.s->unbounded);
    parsed_free(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_key_says_one_thing_that_is_wrong),
        cmocka_unit_test(test_a_range_of_cases_is_as_many_scenarios),
        cmocka_unit_test(test_budget_is_survivable_unless_it_is_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
