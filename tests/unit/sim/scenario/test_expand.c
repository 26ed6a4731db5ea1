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

static void assert_mistakes(const char *text, const char *expected)
{
    struct parsed p = parse(text);
    assert_null(p.s);
    assert_string_equal(buf_cstr(&p.mistakes), expected);
    parsed_free(&p);
}

#define TWO_CASES "vary: {order: {one: {x: ok, k: blue}, two: {x: {error: no}, k: red}}}\n"

static void test_each_case_is_a_scenario_with_its_values(void **state)
{
    (void)state;
    struct parsed p =
        parse_good(HEAD TWO_CASES "timeline:\n"
                                  "  - {at: 1s, ctl: \"put ${order} ${k}\", expect: \"${x}\"}\n"
                                  "  - {at: 2s, if: order == two, stop: n1}\n"
                                  "expect:\n"
                                  "  - {during: 1s .. 2s, writes: may, if: k != red}\n");
    const struct scenario *one = p.s;
    const struct scenario *two = one->next;
    assert_string_equal(one->name, "t.one");
    assert_string_equal(one->case_name, "one");
    assert_string_equal(one->steps[0].action.ctl.text, "put one blue");
    assert_true(one->steps[0].expect.ok);
    assert_int_equal(one->step_count, 1);
    assert_int_equal(one->interval_count, 1);
    assert_string_equal(two->name, "t.two");
    assert_string_equal(two->steps[0].action.ctl.text, "put two red");
    assert_string_equal(two->steps[0].expect.errors.items[0], "no");
    assert_int_equal(two->step_count, 2);
    assert_int_equal(two->interval_count, 0);
    assert_null(two->next);
    parsed_free(&p);
}

static void test_a_mistake_of_every_case_is_told_once(void **state)
{
    (void)state;
    assert_mistakes(HEAD TWO_CASES "timeline:\n  - {at: 1s, stop: n9}\n",
                    "t.yaml:7:20: unknown member \"n9\"; known here: n1, n2, n3\n");
}

static void test_cases_have_the_same_values(void **state)
{
    (void)state;
    assert_mistakes(HEAD "vary: {v: {a: {x: 1}, b: {y: 2}}}\n",
                    "t.yaml:5:23: case \"b\" has no value for \"x\", but \"a\" has\n"
                    "t.yaml:5:27: case \"b\" has a value for \"y\", but \"a\" has none\n");
}

static void test_a_name_that_nothing_gives_is_refused(void **state)
{
    (void)state;
    assert_mistakes(HEAD TWO_CASES "timeline:\n  - {at: 1s, ctl: \"put a ${kk}\"}\n",
                    "t.yaml:7:28: unknown name \"kk\"; known here: order, x, k\n");
    assert_mistakes(HEAD TWO_CASES "timeline:\n  - {at: 1s, if: order == thre, stop: n1}\n",
                    "t.yaml:7:18: unknown case \"thre\"; known here: one, two\n");
    assert_mistakes(HEAD "timeline:\n  - {at: 1s, if: order == one, stop: n1}\n",
                    "t.yaml:6:18: `if` chooses by the cases of `vary`, and this scenario has "
                    "none\n");
}

#define ROUNDS                                                       \
    "timeline:\n"                                                    \
    "  - at: 1s\n"                                                   \
    "    repeat:\n"                                                  \
    "      times: 3\n"                                               \
    "      steps:\n"                                                 \
    "        - {partition: [[n1], [n2, n3]], for: 1s, as: cut}\n"    \
    "        - {after: cut.end + 1s, ctl: \"put round ${round}\"}\n" \
    "    as: done\n"                                                 \
    "  - {after: done, heal: cut}\n"

static void test_repeat_is_written_out_with_labels_of_each_round(void **state)
{
    (void)state;
    struct parsed p = parse_good(HEAD ROUNDS "expect:\n"
                                             "  - {during: cut, writes: may}\n");
    const struct scenario *s = p.s;
    /* The trigger waits, three rounds of two, the label waits, the last one heals. */
    assert_int_equal(s->step_count, 9);
    assert_int_equal(s->steps[0].action.kind, ACTION_WAIT);
    assert_int_equal(s->steps[2].trigger.point.step, 1);
    assert_int_equal(s->steps[4].trigger.point.step, 3);
    assert_int_equal(s->steps[4].trigger.point.kind, POINT_STEP_END);
    assert_int_equal(s->steps[5].round, 3);
    assert_string_equal(s->steps[6].action.ctl.text, "put round 3");
    assert_string_equal(s->steps[7].label, "done");
    assert_int_equal(s->steps[8].action.heal_step, 5);
    assert_int_equal(s->interval_count, 3);
    assert_int_equal(s->intervals[0].from.step, 1);
    assert_int_equal(s->intervals[2].to.step, 5);
    assert_int_equal(s->intervals[2].to.kind, POINT_STEP_END);
    parsed_free(&p);
}

static void test_links_say_what_is_wrong_with_them(void **state)
{
    (void)state;
    struct parsed p = parse_good(
        HEAD "timeline:\n"
             "  - {at: 1s, link: n1 <-> others, loss: 0.5%, delay: 1ms..5ms, rate: 4KiB/s}\n"
             "  - {at: 2s, link: n1 -> n2, reset: true, for: 1s}\n"
             "  - {every: 1s..2s, pause: leader, for: 100ms}\n"
             "  - {when: leader == n1, each: true, ctl: get x}\n");
    const struct action *a = &p.s->steps[0].action;
    assert_int_equal(a->kind, ACTION_LINK);
    assert_true(a->link.both);
    assert_int_equal(a->link.loss_ppm, 5000);
    assert_int_equal(a->link.delay.high, 5 * MS_NS);
    assert_int_equal(a->link.bytes_per_second, 4096);
    assert_int_equal(a->groups[1].items[0].kind, WHO_OTHERS);
    assert_false(p.s->steps[1].action.link.both);
    assert_true(p.s->steps[1].action.link.reset_now);
    assert_int_equal(p.s->steps[2].trigger.kind, TRIGGER_EVERY);
    assert_int_equal(p.s->steps[2].trigger.every.high, 2 * SEC_NS);
    assert_true(p.s->steps[3].trigger.each);
    parsed_free(&p);
}

static void test_a_start_may_take_any_directory(void **state)
{
    (void)state;
    struct parsed p = parse_good(HEAD "timeline:\n"
                                      "  - {at: 1s, stop: n1}\n"
                                      "  - {save-dir: n1, as: before}\n"
                                      "  - {start: {member: n1, dir: before}}\n"
                                      "  - {at: 2s, start: {member: n1, dir: n2},\n"
                                      "     expect: {exit: \"!= 0\", log: belongs, within: 5s}}\n"
                                      "  - {at: 3s, exit: n2, within: 2s, expect: {exit: 0}}\n"
                                      "  - {at: 4s, transfer: n3, expect: ok}\n");
    const struct step *steps = p.s->steps;
    assert_int_equal(steps[2].action.dir, DIR_SAVED);
    assert_int_equal(steps[2].action.dir_of, 1);
    assert_int_equal(steps[3].action.dir, DIR_MEMBER);
    assert_int_equal(steps[3].action.dir_of, 1);
    assert_int_equal(steps[3].expect.logs.count, 1);
    assert_int_equal(steps[4].action.kind, ACTION_EXIT);
    assert_int_equal(steps[4].expect.within_ns, 2 * SEC_NS);
    assert_int_equal(steps[5].action.kind, ACTION_CTL);
    assert_int_equal(steps[5].action.ctl.via.items[0].kind, WHO_LEADER);
    parsed_free(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_case_is_a_scenario_with_its_values),
        cmocka_unit_test(test_a_mistake_of_every_case_is_told_once),
        cmocka_unit_test(test_cases_have_the_same_values),
        cmocka_unit_test(test_a_name_that_nothing_gives_is_refused),
        cmocka_unit_test(test_repeat_is_written_out_with_labels_of_each_round),
        cmocka_unit_test(test_links_say_what_is_wrong_with_them),
        cmocka_unit_test(test_a_start_may_take_any_directory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
