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

static void test_the_seeds_story_is_read(void **state)
{
    (void)state;
    struct parsed p = parse_good(
        "version: 1\n"
        "scenario: two-member-stall\n"
        "members: {node01: {peer: 192.168.0.61:2380}}\n"
        "probe: {put: 500ms, get: 500ms, get-serializable: 500ms}\n"
        "timeline:\n"
        "  - {at: 2s, ctl: \"member add infra2 --peer-urls=http://10.0.1.11:2380\", expect: ok, "
        "as: "
        "added}\n"
        "  - {after: added, ctl: put color red, expect: {error: [a, b], outcome: unknown}}\n"
        "  - {when: leader == none, within: 5s}\n"
        "  - {after: 100ms, ctl: \"member remove ${infra2.id}\"}\n"
        "  - {at: 25s, start: infra2, as: started}\n"
        "until: 35s\n"
        "expect:\n"
        "  - {during: added + 100ms .. started, writes: cannot}\n"
        "  - {at: end, voters: 2}\n");
    const struct scenario *s = p.s;
    assert_int_equal(s->member_count, 2);
    assert_int_equal(s->listed_count, 1);
    assert_string_equal(s->members[0].peer_url, "http://192.168.0.61:2380");
    assert_string_equal(s->members[0].client_url, "http://192.168.0.61:2379");
    assert_string_equal(s->members[1].name, "infra2");
    assert_string_equal(s->members[1].peer_url, "http://10.0.1.11:2380");
    assert_string_equal(s->members[1].client_url, "http://10.0.1.11:2379");
    assert_int_equal(s->step_count, 5);
    assert_int_equal(s->steps[0].trigger.point.offset_ns, 2 * SEC_NS);
    assert_true(s->steps[0].expect.ok);
    assert_int_equal(s->steps[1].trigger.kind, TRIGGER_AFTER);
    assert_int_equal(s->steps[1].trigger.point.step, 0);
    assert_int_equal(s->steps[1].expect.errors.count, 2);
    assert_int_equal(s->steps[1].expect.outcome, OUTCOME_UNKNOWN);
    assert_int_equal(s->steps[2].trigger.within_ns, 5 * SEC_NS);
    assert_int_equal(s->steps[2].trigger.when->op, PRED_COMPARE);
    assert_int_equal(s->steps[3].trigger.point.step, 2);
    assert_int_equal(s->steps[3].trigger.point.offset_ns, 100 * MS_NS);
    assert_int_equal(s->steps[3].action.ctl.words[2].parts[0].kind, PART_ID);
    assert_int_equal(s->steps[3].action.ctl.words[2].parts[0].member, 1);
    assert_int_equal(s->steps[4].action.who.items[0].member, 1);
    assert_int_equal(s->intervals[0].from.step, 0);
    assert_int_equal(s->intervals[0].from.offset_ns, 100 * MS_NS);
    assert_int_equal(s->intervals[0].to.step, 4);
    assert_int_equal(s->intervals[0].demand[SERVICE_WRITES], DEMAND_CANNOT);
    assert_int_equal(s->intervals[0].demand[SERVICE_SERIALIZABLE], DEMAND_NONE);
    assert_true(scenario_compare(&s->ends[0].voters, 2));
    assert_false(scenario_compare(&s->ends[0].voters, 3));
    assert_int_equal(s->settle_ns, 20 * SEC_NS);
    parsed_free(&p);
}

static void test_plain_scalars_are_text(void **state)
{
    (void)state;
    struct parsed p = parse_good("version: 1\nscenario: no\nmembers: [on, n1, 1]\nuntil: 1s\n");
    assert_string_equal(p.s->name, "no");
    assert_string_equal(p.s->members[0].name, "on");
    assert_string_equal(p.s->members[2].name, "1");
    parsed_free(&p);
}

static void test_command_lines_are_split_as_posix_does(void **state)
{
    (void)state;
    struct parsed p = parse_good(HEAD "timeline:\n"
                                      "  - ctl: 'put \"a  b\" ''''c\"\\\"d\" e\\ f \"$x\" \"\"'\n"
                                      "  - ctl: [put, 'a b', '']\n");
    const struct ctl_action *ctl = &p.s->steps[0].action.ctl;
    const char *const expected[] = {"put", "a  b", "c\"d", "e f", "$x", ""};
    /* The YAML scalar reads: put "a  b" ''c"\"d" e\ f "$x" "" */
    assert_int_equal(ctl->word_count, 6);
    for (size_t i = 0; i < 6; i++) {
        assert_int_equal(ctl->words[i].count, 1);
        assert_string_equal(ctl->words[i].parts[0].text, expected[i]);
    }
    ctl = &p.s->steps[1].action.ctl;
    assert_int_equal(ctl->word_count, 3);
    assert_string_equal(ctl->words[1].parts[0].text, "a b");
    assert_string_equal(ctl->words[2].parts[0].text, "");
    assert_string_equal(ctl->text, "put a b ");
    parsed_free(&p);
}

static void test_references_are_parts_of_words(void **state)
{
    (void)state;
    struct parsed p =
        parse_good(HEAD "timeline:\n"
                        "  - ctl: \"member add n4 --peer-urls=${n4.peer},x\"\n"
                        "  - ctl: \"member update ${n4.id} --peer-urls=${n1.client}\"\n");
    assert_string_equal(p.s->members[3].peer_url, "http://10.0.0.4:2380");
    assert_true(p.s->members[3].startable);
    const struct word *w = &p.s->steps[0].action.ctl.words[3];
    assert_int_equal(w->count, 3);
    assert_string_equal(w->parts[0].text, "--peer-urls=");
    assert_int_equal(w->parts[1].kind, PART_PEER);
    assert_int_equal(w->parts[1].member, 3);
    assert_string_equal(w->parts[2].text, ",x");
    parsed_free(&p);
}

static void test_predicates_bind_as_usual(void **state)
{
    (void)state;
    struct parsed p = parse_good(
        HEAD "timeline:\n"
             "  - {when: \"leader == n1 or not running(n2) and role(n3) == leader\", within: 1s}\n"
             "  - {when: \"commit(n3) < commit(leader) - 100 + 1\", within: 1s}\n"
             "  - {when: \"(leader == n1 or leader == none) and stable(2s)\", within: 1s}\n");
    const struct predicate * or = p.s->steps[0].trigger.when;
    assert_int_equal(or->op, PRED_OR);
    assert_int_equal(or->a->op, PRED_COMPARE);
    assert_int_equal(or->a->a->who.kind, WHO_LEADER);
    assert_int_equal(or->b->op, PRED_AND);
    assert_int_equal(or->b->a->op, PRED_NOT);
    assert_int_equal(or->b->b->b->op, PRED_ROLE_NAME);
    assert_int_equal(or->b->b->b->value, ROLE_LEADER);
    const struct predicate *less = p.s->steps[1].trigger.when;
    assert_int_equal(less->compare, COMPARE_LT);
    assert_int_equal(less->b->op, PRED_PLUS);
    assert_int_equal(less->b->a->op, PRED_MINUS);
    assert_int_equal(less->b->a->b->value, 100);
    const struct predicate *and = p.s->steps[2].trigger.when;
    assert_int_equal(and->op, PRED_AND);
    assert_int_equal(and->a->op, PRED_OR);
    assert_int_equal(and->b->value, 2 * SEC_NS);
    parsed_free(&p);
}

static void test_partitions_and_their_ends(void **state)
{
    (void)state;
    struct parsed p =
        parse_good(HEAD "timeline:\n"
                        "  - {at: 1s, partition: [[leader], others], keep: clients, for: 1s..2s, "
                        "as: cut}\n"
                        "  - {after: cut.end + 1s, partition: {isolate: n1}, as: b}\n"
                        "  - {partition: n1 -> n2}\n"
                        "  - {heal: b}\n"
                        "  - {heal: }\n"
                        "expect:\n"
                        "  - {during: cut, writes: may}\n");
    const struct step *cut = &p.s->steps[0];
    assert_int_equal(cut->action.group_count, 2);
    assert_int_equal(cut->action.groups[0].items[0].kind, WHO_LEADER);
    assert_int_equal(cut->action.groups[1].items[0].kind, WHO_OTHERS);
    assert_true(cut->action.keep_clients);
    assert_int_equal(cut->duration.low, SEC_NS);
    assert_int_equal(cut->duration.high, 2 * SEC_NS);
    assert_int_equal(p.s->steps[1].trigger.point.kind, POINT_STEP_END);
    assert_int_equal(p.s->steps[1].action.partition, PARTITION_ISOLATE);
    assert_int_equal(p.s->steps[2].action.partition, PARTITION_ONE_WAY);
    assert_int_equal(p.s->steps[2].action.groups[1].items[0].member, 1);
    assert_int_equal(p.s->steps[3].action.heal_step, 1);
    assert_true(p.s->steps[4].action.heal_all);
    assert_int_equal(p.s->intervals[0].to.kind, POINT_STEP_END);
    parsed_free(&p);
}

static void test_steps_have_titles(void **state)
{
    (void)state;
    struct parsed p = parse_good(HEAD "timeline:\n"
                                      "  - {at: 1s, partition: [[leader], [n2, n3]], as: cut}\n"
                                      "  - {heal: cut}\n"
                                      "  - {power-off: [n1, n2]}\n"
                                      "  - {when: leader == none, within: 1s}\n");
    struct buf title;
    buf_init(&title, mem_pool_mem(p.pool));
    assert_string_equal(scenario_step_title(p.s, 0, &title), "partition leader | n2, n3");
    assert_string_equal(scenario_step_title(p.s, 1, &title), "heal cut");
    assert_string_equal(scenario_step_title(p.s, 2, &title), "power-off n1, n2");
    assert_string_equal(scenario_step_title(p.s, 3, &title), "wait until leader == none");
    parsed_free(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_seeds_story_is_read),
        cmocka_unit_test(test_plain_scalars_are_text),
        cmocka_unit_test(test_command_lines_are_split_as_posix_does),
        cmocka_unit_test(test_references_are_parts_of_words),
        cmocka_unit_test(test_predicates_bind_as_usual),
        cmocka_unit_test(test_partitions_and_their_ends),
        cmocka_unit_test(test_steps_have_titles),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
