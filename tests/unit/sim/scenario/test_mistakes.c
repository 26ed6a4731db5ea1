#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "parse.h"

/* The text has exactly these mistakes, in this order. */
static void assert_mistakes(const char *text, const char *expected)
{
    struct parsed p = parse(text);
    assert_null(p.s);
    assert_string_equal(buf_cstr(&p.mistakes), expected);
    parsed_free(&p);
}

static void test_all_mistakes_of_a_file_are_told_in_one_go(void **state)
{
    (void)state;
    assert_mistakes("version: 1\n"
                    "scenario: broken\n"
                    "members: {node01: {peer: 192.168.0.61:2380}}\n"
                    "timeline:\n"
                    "  - {at: 1s, ctl: \"member add infra2 --peer-urls=http://10.0.1.11:2380\"}\n"
                    "  - {at: 2s, start: infra3}\n"
                    "  - {at: 3s, when: leader == none, within: 5s}\n"
                    "  - {at: 5, ctl: put x 1}\n"
                    "until: 20s\n"
                    "expects:\n"
                    "  - {at: end, voters: 2}\n",
                    "t.yaml:6:21: unknown member \"infra3\"; known here: node01, infra2 (added by "
                    "step at line 5)\n"
                    "t.yaml:7:20: step has both `at` and `when`; choose one (`when: ... within: "
                    "5s`)\n"
                    "t.yaml:8:10: \"5\" needs a unit, for instance 5s or 5ms\n"
                    "t.yaml:10:1: unknown key \"expects\"; did you mean \"expect\"?\n");
}

static void test_a_key_of_the_language_that_is_not_built_is_refused_by_name(void **state)
{
    (void)state;
    assert_mistakes(HEAD "swarm: true\n",
                    "t.yaml:5:1: not yet: this version does not build `swarm` of a scenario\n");
    assert_mistakes(HEAD "timeline:\n  - {at: 1s, clock: n1}\n",
                    "t.yaml:6:14: not yet: this version does not build `clock` of a step\n");
}

static void test_what_is_missing_is_told_with_what_belongs_there(void **state)
{
    (void)state;
    assert_mistakes("about: x\n",
                    "t.yaml:1:1: `version: 1` is missing\n"
                    "t.yaml:1:1: `scenario` is missing: the story's name\n"
                    "t.yaml:1:1: `members` is missing: a list of names, or a map\n"
                    "t.yaml:1:1: `until` is missing: nothing says when the run ends\n");
    assert_mistakes(HEAD "timeline:\n  - {when: leader == none}\n",
                    "t.yaml:6:12: `when` needs `within`: how long may it take (`within: 5s`)?\n");
}

static void test_yaml_beyond_the_language_is_refused(void **state)
{
    (void)state;
    assert_mistakes("a: 1\na: 2\n", "t.yaml:1:1: unknown key \"a\"; known here: version, scenario, "
                                    "about, members, flags, leader, boot, probe, timeline, until, "
                                    "settle, expect, vary, load, nemesis, swarm, budget, repeat, "
                                    "from, ci\n"
                                    "t.yaml:1:1: `version: 1` is missing\n"
                                    "t.yaml:1:1: `scenario` is missing: the story's name\n"
                                    "t.yaml:1:1: `members` is missing: a list of names, or a map\n"
                                    "t.yaml:1:1: `until` is missing: nothing says when the run "
                                    "ends\n"
                                    "t.yaml:2:1: key \"a\" is there twice\n");
    assert_mistakes(HEAD "about: &x text\n", "t.yaml:5:8: anchors are not part of the language; "
                                             "write the value out\n");
    assert_mistakes("", "t.yaml:1:1: the file is empty; a scenario is a map of keys\n");
    assert_mistakes("[1, 2\n", "t.yaml:2:1: not YAML: did not find expected ',' or ']' (while "
                               "parsing a flow sequence)\n");
}

static void test_deep_nesting_and_long_files_are_refused(void **state)
{
    char deep[200];
    (void)state;
    memset(deep, '[', sizeof(deep) - 1);
    deep[sizeof(deep) - 1] = '\0';
    assert_mistakes(deep, "t.yaml:1:33: nested deeper than 32 levels\n");
    char *longer = malloc(SCENARIO_BYTES_MAX + 2);
    assert_non_null(longer);
    memset(longer, '#', SCENARIO_BYTES_MAX + 1);
    longer[SCENARIO_BYTES_MAX + 1] = '\0';
    assert_mistakes(longer, "t.yaml:1:1: longer than 1 MiB\n");
    free(longer);
}

static void test_a_label_is_known_only_below_its_step(void **state)
{
    (void)state;
    assert_mistakes(HEAD "timeline:\n"
                         "  - {at: 1s, stop: n1, as: stopped}\n"
                         "  - {after: stoped + 1s, start: n1}\n"
                         "  - {after: later, stop: n2}\n"
                         "  - {after: stopped.end, stop: n2, as: later}\n",
                    "t.yaml:7:13: unknown label \"stoped\"; did you mean \"stopped\"?\n"
                    "t.yaml:8:13: unknown label \"later\"; known here: stopped\n"
                    "t.yaml:9:13: \"stopped\" has no end: its step has no `for`\n");
}

static void test_a_predicate_is_checked_with_its_column(void **state)
{
    (void)state;
    assert_mistakes(HEAD "timeline:\n"
                         "  - {when: leader == n4, within: 1s}\n"
                         "  - {when: leader = n1, within: 1s}\n"
                         "  - {when: role(n1) == n2, within: 1s}\n"
                         "  - {when: term(n1) > , within: 1s}\n"
                         "  - {when: leader < n1, within: 1s}\n"
                         "  - {when: leader, within: 1s}\n"
                         "  - {when: stable(2) and leader == n1, within: 1s}\n",
                    "t.yaml:6:22: unknown member \"n4\"; known here: n1, n2, n3\n"
                    "t.yaml:7:19: did you mean \"==\"?\n"
                    "t.yaml:8:23: a role cannot be compared with a member\n"
                    "t.yaml:9:22: the predicate ends too early: a name or a number is missing\n"
                    "t.yaml:10:20: members and roles are equal or not: use == or !=\n"
                    "t.yaml:11:12: a comparison is missing behind this, for instance \"== none\"\n"
                    "t.yaml:12:19: \"2\" needs a unit, for instance 2s or 2ms\n");
}

static void test_contradictions_of_a_step_are_told(void **state)
{
    (void)state;
    assert_mistakes(HEAD "timeline:\n"
                         "  - {at: 1s, stop: n1, start: n2}\n"
                         "  - {at: 1s, within: 5s, stop: n1}\n"
                         "  - {at: 1s, stop: n1, via: n2}\n"
                         "  - {at: 1s, stop: n1, expect: ok}\n"
                         "  - {at: 20s, stop: n1}\n"
                         "  - {}\n"
                         "  - {at: 2s, ctl: put x 1, expect: {took: 5s, outcome: maybe}}\n",
                    "t.yaml:6:31: step has both `stop` and `start`; one step, one action\n"
                    "t.yaml:7:22: `within` belongs to `when`; for what a step should take there "
                    "is `expect: {took: ..}`\n"
                    "t.yaml:8:29: `via` belongs to `ctl`\n"
                    "t.yaml:9:32: `expect` belongs to `ctl`, `transfer`, `compact`, `start` or "
                    "`exit`; what should hold over "
                    "time stands under the scenario's own `expect`\n"
                    "t.yaml:10:10: this step is never reached: the run ends before (`until`)\n"
                    "t.yaml:11:5: this step has neither a trigger nor an action\n"
                    "t.yaml:12:43: `took` is a range, for instance 4.9s..5.1s or \"<= 5s\": no "
                    "time is met exactly\n"
                    "t.yaml:12:56: unknown outcome \"maybe\"; known here: ok, refused, unknown\n");
}

static void test_a_compaction_takes_a_revision(void **state)
{
    (void)state;
    assert_mistakes(HEAD "timeline:\n"
                         "  - {at: 1s, compact: newest}\n"
                         "  - {at: 2s, compact: newest - 10, expect: ok}\n"
                         "  - {at: 3s, compact: 40}\n"
                         "  - {at: 4s, compact: newest + 1}\n"
                         "  - {at: 5s, compact: newest - }\n"
                         "  - {at: 6s, compact: -3}\n",
                    "t.yaml:9:23: `compact` takes a revision, `newest`, or how far behind it, for "
                    "instance `newest - 100`; not \"newest + 1\"\n"
                    "t.yaml:10:23: `compact` takes a revision, `newest`, or how far behind it, for "
                    "instance `newest - 100`; not \"newest -\"\n"
                    "t.yaml:11:23: `compact` takes a revision, `newest`, or how far behind it, for "
                    "instance `newest - 100`; not \"-3\"\n");
}

static void test_references_are_checked(void **state)
{
    (void)state;
    assert_mistakes(HEAD "timeline:\n"
                         "  - {at: 1s, ctl: \"member remove ${n4.id}\"}\n"
                         "  - {at: 1s, ctl: \"member remove ${n1.idd}\"}\n"
                         "  - {at: 1s, ctl: \"put 'x\"}\n",
                    "t.yaml:6:36: unknown member \"n4\"; known here: n1, n2, n3\n"
                    "t.yaml:7:39: unknown property \"idd\"; did you mean \"id\"?\n"
                    "t.yaml:8:24: this quote has no end\n");
}

static void test_hosts_are_one_to_a_member(void **state)
{
    (void)state;
    assert_mistakes("version: 1\nscenario: t\nuntil: 1s\n"
                    "members: {a: {peer: 10.0.0.2:2380}, b: , c: {peer: nowhere}}\n",
                    "t.yaml:4:37: \"b\" and \"a\" would both be at 10.0.0.2\n"
                    "t.yaml:4:52: `peer` is an address and a port, for instance 10.0.0.1:2380, "
                    "not \"nowhere\"\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_mistakes_of_a_file_are_told_in_one_go),
        cmocka_unit_test(test_a_key_of_the_language_that_is_not_built_is_refused_by_name),
        cmocka_unit_test(test_what_is_missing_is_told_with_what_belongs_there),
        cmocka_unit_test(test_yaml_beyond_the_language_is_refused),
        cmocka_unit_test(test_deep_nesting_and_long_files_are_refused),
        cmocka_unit_test(test_a_label_is_known_only_below_its_step),
        cmocka_unit_test(test_a_predicate_is_checked_with_its_column),
        cmocka_unit_test(test_contradictions_of_a_step_are_told),
        cmocka_unit_test(test_a_compaction_takes_a_revision),
        cmocka_unit_test(test_references_are_checked),
        cmocka_unit_test(test_hosts_are_one_to_a_member),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
