/* `quorate replay` and `quorate diff`, and the page of a failure that leads to them. */
#include "program.h"

#include <sqlite3.h>

#define FALSE_HOPE                                                                             \
    "version: 1\nscenario: false-hope\nmembers: {node01: {peer: 192.168.0.61:2380}}\n"         \
    "timeline:\n"                                                                              \
    "  - {at: 2s, ctl: \"member add infra2 --peer-urls=http://10.0.1.11:2380\", expect: ok}\n" \
    "  - {when: leader == none, within: 5s}\n"                                                 \
    "  - {after: 100ms, ctl: put color red, expect: ok}\nuntil: 30s\n"
#define CHURN "followers-come-and-go"

static void run_both_seeds(void)
{
    if (access("two.db", F_OK) != 0) {
        assert_int_equal(quorate("run " SCENARIOS "/" CHURN ".yaml --db two.db --json"), 0);
        assert_int_equal(quorate("run " SCENARIOS "/" CHURN ".yaml --seed 2 --db two.db --json"),
                         0);
    }
}

/* How many lines have this word in them. */
static size_t lines_with(const char *word)
{
    size_t count = 0;
    for (const char *at = output; *at != '\0';) {
        size_t len = strcspn(at, "\n");
        const char *found = strstr(at, word);
        count += found != NULL && found < at + len ? 1 : 0;
        at += len + (at[len] == '\n' ? 1 : 0);
    }
    return count;
}

static void test_the_page_of_a_failure_says_what_led_to_it_and_what_to_type(void **state)
{
    (void)state;
    write_file("hope.yaml", FALSE_HOPE);
    assert_int_equal(quorate("run hope.yaml"), 7);
    assert_says("\n  requests waiting then, the last that failed before, and the last that was "
                "acknowledged\n    ctl          member add infra2");
    assert_says("ctl          put color red   called 3.");
    assert_says("\n  the last events that matter (12 of ");
    assert_says("config   index 5 voters node01 infra2  < #");
    assert_says("role     follower term 2 leader nobody  < #");
    assert_says("step     put color red (step 3, line 7)  < #");
    assert_says("ctl-3  end      exited 1  < #");
    assert_says("\n  state at 8.");
    assert_says("  node01 infra2\n    infra2                    0  never started ");
    assert_says(
        "\nfingerprint: step/ctl/line-7\nsaved:   quorate-failures/false-hope-1.db   (run ");
    assert_says("again:   quorate run hope.yaml --seed 1\n");
    assert_says("stop at: quorate replay --db quorate-failures/false-hope-1.db false-hope/1@");
}

static void test_the_commands_of_the_page_work(void **state)
{
    char line[512];
    char hash[64];
    char again[64];
    (void)state;
    write_file("hope.yaml", FALSE_HOPE);
    assert_int_equal(quorate("run hope.yaml"), 7);
    take_after("trace-hash: ", hash, sizeof(hash));
    take_after("stop at: quorate ", line, sizeof(line));
    char *option = strstr(line, " --break ");
    assert_non_null(option);
    /* The scenario's file is not needed any more: the database has its text. */
    assert_int_equal(unlink("hope.yaml"), 0);
    char words[640];
    snprintf(words, sizeof(words), "%s 2>stopped; echo \"status $?\"", line);
    assert_int_equal(quorate(words), 0);
    assert_says("status 133"); /* SIGTRAP */
    *option = '\0';
    assert_int_equal(quorate(line), 7);
    take_after("trace-hash: ", again, sizeof(again));
    assert_string_equal(hash, again);
    assert_says("replay:  the same run as recorded, false-hope/1@");
}

static void test_a_run_that_was_cut_short_is_replayed_to_there(void **state)
{
    (void)state;
    assert_int_equal(quorate("run " SCENARIOS "/two-member-stall.yaml --until 3s --db short.db"),
                     0);
    assert_int_equal(quorate("replay --db short.db"), 0);
    assert_says("verdict: stopped\n");
    assert_says("replay:  the same run as recorded, two-member-stall/1@");
}

static void test_lines_are_chosen_by_member_kind_and_time(void **state)
{
    (void)state;
    run_both_seeds();
    assert_int_equal(quorate("replay --db two.db " CHURN "/2 --only n2,world --kinds role,step "
                             "--from 20s --until 30"),
                     0);
    assert_true(lines_with("  step     ") > 0);
    assert_true(lines_with("  role     ") > 0);
    assert_int_equal(lines_with("#"), lines_with("  step     ") + lines_with("  role     "));
    assert_int_equal(lines_with("#"), lines_with("  n2  ") + lines_with("  world  "));
    for (const char *at = output; strncmp(at, "    ", 4) == 0; at = strchr(at, '\n') + 1) {
        double time = strtod(at, NULL);
        assert_true(time >= 20 && time <= 30);
    }
    /* The event that caused it, in words. */
    assert_int_equal(quorate("replay --db two.db " CHURN "/2 --only n2 --kinds append"), 0);
    assert_true(lines_with(" append 3") > 100 || lines_with("  append   ") > 100);
    assert_says("as leader");
    assert_says("  < #");
    assert_int_equal(quorate("replay --db two.db " CHURN "/2 --only nobody --trace"), 0);
    assert_says("lines is of these members, kinds and times");
}

static void test_the_state_of_a_member_is_told_whole(void **state)
{
    static const char *const parts[] = {"process", "term",    "role",     "vote",  "log",
                                        "commit",  "config",  "disk",     "links", "served",
                                        "waiting", "applied", "last told"};
    (void)state;
    run_both_seeds();
    assert_int_equal(quorate("replay --db two.db " CHURN "/1 --until 15.5 --state n2"), 0);
    assert_says("n2 at 15.500s, after event ");
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        char words[64];
        snprintf(words, sizeof(words), "\n  %s", parts[i]);
        assert_says(words);
    }
    assert_says("  links      n1 closed, n3 closed\n"); /* it is cut off from 14.5 to 16.5 */
    assert_says("voters n1 n2 n3; quorum 2\n");
    assert_int_equal(quorate("replay --db two.db " CHURN "/1 --state n9"), 2);
    assert_says("no member \"n9\"; there are n1, n2, n3\n");
}

static void test_diff_names_the_first_decision_that_differs(void **state)
{
    (void)state;
    run_both_seeds();
    assert_int_equal(quorate("diff --db two.db " CHURN "/1 " CHURN "/2"), 1);
    assert_says("first line that differs, after ");
    assert_says("first decision that differs, by n");
    assert_says("\n  a     -19.");
    assert_says("\n  b     -19.");
    assert_int_equal(quorate("diff --db two.db " CHURN "/1 " CHURN "/1"), 0);
    assert_says("the same run: all ");
}

/* As if another program had recorded it. */
static void change(const char *path, const char *sql)
{
    sqlite3 *db = NULL;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
}

static void test_a_run_of_another_build_may_differ_and_one_of_this_may_not(void **state)
{
    (void)state;
    assert_int_equal(quorate("run " SCENARIOS "/two-member-stall.yaml --db old.db --json"), 0);
    change("old.db", "UPDATE run SET trace_hash = '0000000000000000'");
    assert_int_equal(quorate("replay --db old.db"), 4);
    assert_says("replay:  NOT the run that was recorded: pass, trace-hash 0000000000000000 then, ");
    change("old.db", "UPDATE run SET build = '1234567'");
    assert_int_equal(quorate("replay --db old.db"), 0);
    assert_says("recorded with build 1234567, this is ");
    assert_says(": the seed may not mean the same run any more.\n");
    change("old.db", "UPDATE run SET text = ''");
    assert_int_equal(quorate("replay --db old.db"), 2);
    assert_says("only its summary was kept; run it again: quorate run ");
    change("old.db", "UPDATE run SET text = 'version: 1\nstranger: x\n'");
    assert_int_equal(quorate("replay --db old.db"), 2);
    assert_says("unknown key \"stranger\"");
}

#define CASES                                                                  \
    "version: 1\nscenario: both\nmembers: [n1, n2, n3]\nprobe: {put: 200ms}\n" \
    "vary: {victim: {first: {who: n1}, second: {who: n2}}}\n"                  \
    "timeline:\n  - {at: 1s, crash: \"${who}\", for: 1s}\nuntil: 4s\nsettle: none\n"

static void test_cases_of_one_scenario_are_replayed_each_and_part_at_their_step(void **state)
{
    (void)state;
    write_file("cases.yaml", CASES);
    assert_int_equal(quorate("run cases.yaml --db cases.db"), 0);
    assert_int_equal(quorate("replay --db cases.db both.first"), 0);
    assert_says("replay:  the same run as recorded, both.first/1@");
    assert_int_equal(quorate("replay --db cases.db both.second/1 --kinds step"), 0);
    assert_says("  step     crash n2 (step 1, line 7)  < #");
    assert_int_equal(quorate("diff --db cases.db both.first both.second"), 1);
    assert_says("first decision that differs, by the world, after 0 that are the same\n"
                "  a      1.000000  #");
    assert_says("  step     crash n1 (step 1, line 7)  < #");
    assert_says("  step     crash n2 (step 1, line 7)  < #");
}

static void test_runs_without_lines_are_run_again_to_compare_them(void **state)
{
    (void)state;
    run_both_seeds();
    assert_int_equal(system("cp two.db bare.db"), 0);
    change("bare.db", "DELETE FROM event WHERE run = 2");
    assert_int_equal(quorate("diff --db bare.db " CHURN "/1 " CHURN "/2"), 1);
    assert_says("(its lines were not kept: run again)");
    assert_says("first decision that differs, by n");
    change("bare.db", "DELETE FROM event");
    assert_int_equal(quorate("diff --db bare.db " CHURN "/2 " CHURN "/2"), 0);
}

static void test_mistakes_are_told_with_what_there_is(void **state)
{
    (void)state;
    run_both_seeds();
    assert_int_equal(quorate("diff --db two.db " CHURN "/1"), 2);
    assert_says("usage: quorate diff");
    assert_int_equal(quorate("diff --db two.db " CHURN " " CHURN "/1"), 2);
    assert_says("the beginning of more than one run; which of these?\n    " CHURN "/1@");
    assert_int_equal(quorate("replay --db two.db"), 2);
    assert_says("there is more than one run; which of these?\n");
    assert_int_equal(quorate("replay --db two.db " CHURN "/3"), 2);
    assert_says("no run \"" CHURN "/3\"; there are:\n");
    assert_int_equal(quorate("replay --db none.db x"), 2);
    assert_says("none.db: unable to open");
    write_file("text.db", "this is no database");
    assert_int_equal(quorate("replay --db text.db x"), 2);
    assert_int_equal(quorate("replay " CHURN "/1"), 2);
    assert_says("usage: quorate replay");
    assert_int_equal(quorate("replay --db two.db " CHURN "/1 --break x"), 2);
    assert_int_equal(quorate("replay --db two.db " CHURN "/1 --from yesterday"), 2);
    assert_int_equal(quorate("replay --db two.db " CHURN "/1 --until"), 2);
    assert_int_equal(quorate("replay --db two.db " CHURN "/1 --untill 3s"), 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_page_of_a_failure_says_what_led_to_it_and_what_to_type),
        cmocka_unit_test(test_the_commands_of_the_page_work),
        cmocka_unit_test(test_a_run_that_was_cut_short_is_replayed_to_there),
        cmocka_unit_test(test_lines_are_chosen_by_member_kind_and_time),
        cmocka_unit_test(test_the_state_of_a_member_is_told_whole),
        cmocka_unit_test(test_diff_names_the_first_decision_that_differs),
        cmocka_unit_test(test_a_run_of_another_build_may_differ_and_one_of_this_may_not),
        cmocka_unit_test(test_cases_of_one_scenario_are_replayed_each_and_part_at_their_step),
        cmocka_unit_test(test_runs_without_lines_are_run_again_to_compare_them),
        cmocka_unit_test(test_mistakes_are_told_with_what_there_is),
    };
    return cmocka_run_group_tests(tests, enter_folder, leave_folder);
}
