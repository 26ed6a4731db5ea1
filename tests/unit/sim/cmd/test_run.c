/* The program `quorate` from outside: its exits, its words, its files. Runs in a folder of its own.
 */
#include "program.h"

#include <sqlite3.h>

static void assert_passes(const char *scenario, int seeds)
{
    char words[512];
    for (int seed = 1; seed <= seeds; seed++) {
        snprintf(words, sizeof(words), "run %s/%s.yaml --seed %d", SCENARIOS, scenario, seed);
        int code = quorate(words);
        if (code != 0) {
            print_error("seed %d: %s\n", seed, output);
        }
        assert_int_equal(code, 0);
        assert_says("verdict: pass\ntrace-hash: ");
    }
}

static void test_two_member_stall_passes(void **state)
{
    (void)state;
    assert_passes("two-member-stall", 20);
    assert_says("writes: MUST -> CANNOT");
    assert_says("2 voters (node01, infra2), quorum 2, running and connected: node01.");
    assert_says("and has never started.");
}

static void test_starting_the_member_cures_it(void **state)
{
    (void)state;
    assert_passes("stall-cure-start-member", 10);
}

static void test_a_restart_makes_it_worse(void **state)
{
    (void)state;
    assert_passes("restart-while-stalled", 10);
}

static void test_the_oracle_and_the_clients_agree_under_faults(void **state)
{
    (void)state;
    assert_passes("followers-come-and-go", 5);
    assert_passes("cold-boot", 5);
}

/* What was once wrong stays right. */
static void test_regressions_pass(void **state)
{
    (void)state;
    assert_passes("regress/remove-through-itself", 20);
}

static void test_no_line_is_wider_than_100_columns(void **state)
{
    (void)state;
    assert_int_equal(quorate("run " SCENARIOS "/two-member-stall.yaml"), 0);
    for (const char *at = output; *at != '\0';) {
        size_t len = strcspn(at, "\n");
        assert_true(len <= 100);
        at += len + (at[len] == '\n' ? 1 : 0);
    }
}

#define STALL                                                                                  \
    "version: 1\nscenario: false-hope\nmembers: {node01: {peer: 192.168.0.61:2380}}\n"         \
    "timeline:\n"                                                                              \
    "  - {at: 2s, ctl: \"member add infra2 --peer-urls=http://10.0.1.11:2380\", expect: ok}\n" \
    "  - {when: leader == none, within: 5s}\n"

static void test_a_false_expectation_is_unmet_and_says_where_what_and_why(void **state)
{
    (void)state;
    write_file("false.yaml", STALL "  - {after: 100ms, ctl: put color red, expect: ok}\n"
                                   "  - {after: 100ms, ctl: put color blue}\nuntil: 30s\n");
    assert_int_equal(quorate("run false.yaml"), 7);
    assert_says("false.yaml:7:5: step \"put color red\" at 3.");
    assert_says("expected  ok\n");
    assert_says("got       exit 1 after 5.000s   Error: context deadline exceeded\n");
    assert_says("why       2 voters (node01, infra2), quorum 2, running and connected: node01.\n");
    assert_says("infra2 was added at 2.00");
    assert_says("1 later step not run\n");
    assert_says("saved:   quorate-failures/false-hope-1.db   (run false-hope/1@");
    assert_says("verdict: unmet\n");
    assert_int_equal(access("quorate-failures/false-hope-1.db", F_OK), 0);
}

static void test_a_false_interval_is_unmet(void **state)
{
    (void)state;
    write_file("interval.yaml", STALL "probe: {put: 500ms}\nuntil: 12s\nsettle: none\nexpect:\n"
                                      "  - {during: 3s .. 12s, writes: must}\n");
    assert_int_equal(quorate("run interval.yaml"), 7);
    assert_says("interval.yaml:11:33: writes must be served during 3s .. 12s\n");
    assert_says("got       probe-put: probe-put-");
    assert_says("verdict: unmet\n");
}

static void test_a_false_end_is_unmet(void **state)
{
    (void)state;
    write_file("end.yaml", STALL "until: 12s\nsettle: none\nexpect:\n"
                                 "  - {at: end, voters: 1, leader: node01}\n");
    assert_int_equal(quorate("run end.yaml"), 7);
    assert_says("end.yaml:10:34: leader at the end was not as expected\n");
    assert_says("expected  node01\n    got       none\n");
}

static void test_what_nothing_was_tried_for_is_undecided(void **state)
{
    (void)state;
    write_file("few.yaml", STALL "until: 12s\nsettle: none\nexpect:\n"
                                 "  - {during: 3s .. 12s, writes: cannot}\n");
    assert_int_equal(quorate("run few.yaml"), 6);
    assert_says("0 attempts, too few to judge by");
    assert_says("verdict: undecided\n");
}

static void test_a_run_that_does_nothing_is_stalled(void **state)
{
    (void)state;
    write_file("idle.yaml", "version: 1\nscenario: idle\n"
                            "members: {node01: {peer: 192.168.0.61:2380}}\n"
                            "timeline:\n  - {at: 1s, crash: node01}\nsettle: none\n");
    assert_int_equal(quorate("run idle.yaml"), 3);
    assert_says("nothing was expected, and not one request was acknowledged");
    assert_says("verdict: stalled\n");
}

static void test_mistakes_are_invalid(void **state)
{
    (void)state;
    write_file("broken.yaml", STALL "  - {at: 5, ctl: put x 1}\nuntill: 30s\n");
    assert_int_equal(quorate("run broken.yaml"), 2);
    assert_says("broken.yaml:7:10: \"5\" needs a unit, for instance 5s or 5ms\n");
    assert_says("broken.yaml:8:1: unknown key \"untill\"; did you mean \"until\"?\n");
    assert_says("2 mistakes; nothing was run\n");
    assert_int_equal(quorate("scenario check broken.yaml"), 2);
    assert_int_equal(quorate("scenario check " SCENARIOS "/two-member-stall.yaml"), 0);
    assert_int_equal(quorate("run no-such-file.yaml"), 2);
    assert_int_equal(quorate("run " SCENARIOS "/two-member-stall.yaml --sed 2"), 2);
    assert_int_equal(quorate("run " SCENARIOS "/two-member-stall.yaml --seed x"), 2);
}

static void test_what_is_not_built_says_so(void **state)
{
    static const char *const commands[] = {"shrink x", "plan", "blame x"};
    (void)state;
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
        assert_int_equal(quorate(commands[i]), 2);
        assert_says("is not built yet");
    }
    assert_int_equal(quorate("run x --on etcd"), 2);
    assert_says("is not built yet");
}

static void test_twice_agrees(void **state)
{
    (void)state;
    assert_int_equal(quorate("run " SCENARIOS "/restart-while-stalled.yaml --twice"), 0);
    assert_says("twice:   the same in another process, ");
}

static void test_the_hash_is_the_same_however_the_run_is_watched(void **state)
{
    static const char *const ways[] = {"", "--story", "--trace", "--db watched.db"};
    char first[64];
    char hash[64];
    (void)state;
    for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
        char words[512];
        snprintf(words, sizeof(words), "run %s/two-member-stall.yaml --seed 7 %s", SCENARIOS,
                 ways[i]);
        assert_int_equal(quorate(words), 0);
        take_after("trace-hash: ", hash, sizeof(hash));
        assert_int_equal(strlen(hash), 16);
        if (i == 0) {
            memcpy(first, hash, sizeof(first));
        }
        assert_string_equal(hash, first);
    }
    assert_int_equal(quorate("run " SCENARIOS "/two-member-stall.yaml --seed 8"), 0);
    take_after("trace-hash: ", hash, sizeof(hash));
    assert_string_not_equal(hash, first);
}

static int64_t query(const char *file, const char *sql)
{
    sqlite3 *db = NULL;
    sqlite3_stmt *q = NULL;
    assert_int_equal(sqlite3_open(file, &db), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &q, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(q), SQLITE_ROW);
    int64_t value = sqlite3_column_int64(q, 0);
    sqlite3_finalize(q);
    sqlite3_close(db);
    return value;
}

static void test_the_database_holds_the_whole_run(void **state)
{
    (void)state;
    assert_int_equal(quorate("run " SCENARIOS "/two-member-stall.yaml --db whole.db"), 0);
    assert_int_equal(query("whole.db", "SELECT count(*) FROM run WHERE verdict = 'pass' AND "
                                       "id LIKE 'two-member-stall/1@%'"),
                     1);
    assert_int_equal(query("whole.db", "SELECT count(*) FROM step WHERE met = 1"), 8);
    assert_true(query("whole.db", "SELECT count(*) FROM event WHERE kind = 'commit'") > 20);
    assert_int_equal(
        query("whole.db", "SELECT ops - count(*) + sum(return_ns IS NULL) FROM run, op"), 0);
    assert_true(query("whole.db", "SELECT count(*) FROM role WHERE role = 'leader'") >= 2);
    assert_int_equal(query("whole.db", "SELECT max(quorum) FROM config"), 2);
    assert_int_equal(query("whole.db", "SELECT count(*) FROM availability WHERE service = 'writes' "
                                       "AND state = 'cannot' AND source = 'predicted' AND "
                                       "reason LIKE '2 voters (node01, infra2), quorum 2,%'"),
                     1);
    assert_int_equal(query("whole.db", "SELECT count(*) FROM fault WHERE kind = 'start'"), 1);
    assert_int_equal(query("whole.db", "SELECT count(*) FROM violation"), 0);
    assert_true(query("whole.db", "SELECT count(*) FROM probe WHERE hits > 0") > 0);
    assert_true(query("whole.db", "SELECT count(*) FROM metric") > 0);
    /* Once more into the same file: the same run replaces itself. */
    assert_int_equal(quorate("run " SCENARIOS "/two-member-stall.yaml --db whole.db"), 0);
    assert_int_equal(query("whole.db", "SELECT count(*) FROM run"), 1);
}

static void test_json_is_one_object(void **state)
{
    static const char *const keys[] = {"scenario", "seed", "verdict", "fingerprint", "trace_hash",
                                       "events",   "ops",  "sim_ns",  "cpu_ns"};
    (void)state;
    assert_int_equal(quorate("run " SCENARIOS "/two-member-stall.yaml --json"), 0);
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        char key[64];
        snprintf(key, sizeof(key), "\"%s\":", keys[i]);
        assert_says(key);
    }
    assert_true(output[0] == '{' && strcmp(output + strlen(output) - 2, "}\n") == 0);
}

static void test_a_run_cut_short_is_stopped(void **state)
{
    (void)state;
    assert_int_equal(quorate("run " SCENARIOS "/two-member-stall.yaml --until 3s"), 0);
    assert_says("verdict: stopped\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_two_member_stall_passes),
        cmocka_unit_test(test_starting_the_member_cures_it),
        cmocka_unit_test(test_a_restart_makes_it_worse),
        cmocka_unit_test(test_the_oracle_and_the_clients_agree_under_faults),
        cmocka_unit_test(test_regressions_pass),
        cmocka_unit_test(test_no_line_is_wider_than_100_columns),
        cmocka_unit_test(test_a_false_expectation_is_unmet_and_says_where_what_and_why),
        cmocka_unit_test(test_a_false_interval_is_unmet),
        cmocka_unit_test(test_a_false_end_is_unmet),
        cmocka_unit_test(test_what_nothing_was_tried_for_is_undecided),
        cmocka_unit_test(test_a_run_that_does_nothing_is_stalled),
        cmocka_unit_test(test_mistakes_are_invalid),
        cmocka_unit_test(test_what_is_not_built_says_so),
        cmocka_unit_test(test_twice_agrees),
        cmocka_unit_test(test_the_hash_is_the_same_however_the_run_is_watched),
        cmocka_unit_test(test_the_database_holds_the_whole_run),
        cmocka_unit_test(test_json_is_one_object),
        cmocka_unit_test(test_a_run_cut_short_is_stopped),
    };
    return cmocka_run_group_tests(tests, enter_folder, leave_folder);
}
