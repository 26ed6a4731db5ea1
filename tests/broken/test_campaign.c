/* A campaign finds what is broken: members that do one thing wrong, each a program built aside (see
 * CMakeLists.txt). Twenty seeds are enough, and what is told names the rule. */
#include "unit/sim/cmd/program.h"

#include <sqlite3.h>

/* One of the programs in the folder of this test; its exit code. */
static int run(const char *program, const char *words)
{
    return shell("%s/quorate_%s %s", BROKEN_BIN, program, words);
}

static int64_t ask(const char *path, const char *sql)
{
    sqlite3 *db = NULL;
    sqlite3_stmt *query = NULL;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &query, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(query), SQLITE_ROW);
    int64_t value = sqlite3_column_int64(query, 0);
    sqlite3_finalize(query);
    sqlite3_close(db);
    return value;
}

static void test_acknowledging_before_a_quorum_has_it_is_unsafe(void **state)
{
    (void)state;
    int code = run("early", "campaign " SCENARIOS "/followers-come-and-go.yaml --seeds 1..20 "
                            "--db early.db");
    assert_int_equal(code, 1);
    assert_says("unsafe  commit/quorum/commit\n");
    assert_says("     rule: a committed entry is durable on a quorum of the leader's active");
    assert_says("(worst: unsafe;");
    assert_int_equal(ask("early.db", "SELECT count(*) FROM run"), 20);
    /* At most five of one kind are whole; each of those says which rule and why. */
    assert_int_equal(ask("early.db", "SELECT max(n) FROM (SELECT count(DISTINCT run.run) n FROM "
                                     "run JOIN event USING (run) GROUP BY fingerprint)"),
                     5);
    assert_int_equal(ask("early.db", "SELECT count(*) > 0 FROM violation WHERE checker LIKE "
                                     "'commit/quorum%' AND text LIKE '%durable on a quorum%'"),
                     1);
    assert_int_equal(run("early", "run " SCENARIOS "/followers-come-and-go.yaml"), 1);
    assert_says("a committed entry is durable on a quorum of the leader's active configuration");
}

static void test_never_stepping_down_is_caught(void **state)
{
    (void)state;
    int code = run("stubborn", "campaign " SCENARIOS "/two-member-stall.yaml --seeds 1..20");
    assert_int_equal(code, 3);
    assert_says("stalled  election/check-quorum\n     20 runs\n");
    assert_says("node01 leads in term ");
    assert_says("     rule: a leader that hears no quorum for two election timeouts steps down");
    assert_int_equal(run("stubborn", "run " SCENARIOS "/two-member-stall.yaml"), 3);
    assert_says("rule: a leader that hears no quorum for two election timeouts steps down");
}

static void test_a_run_that_ends_its_process_is_aborted_and_the_campaign_goes_on(void **state)
{
    (void)state;
    /* Its only member loses its quorum in each seed. */
    int code = run("crashing", "campaign " SCENARIOS "/two-member-stall.yaml " SCENARIOS
                               "/cold-boot.yaml --seeds 1..3 --jobs 2 --db crashing.db");
    assert_int_equal(code, 5);
    assert_says("aborted  process/");
    assert_says("(worst: aborted;");
    assert_int_equal(ask("crashing.db", "SELECT count(*) FROM run WHERE verdict = 'aborted' AND "
                                        "scenario = 'two-member-stall'"),
                     3);
    assert_int_equal(ask("crashing.db", "SELECT count(*) FROM run WHERE verdict = 'pass' AND "
                                        "scenario = 'cold-boot'"),
                     3);
}

static void test_what_depends_on_addresses_is_nondeterministic(void **state)
{
    (void)state;
    int code = run("moody", "campaign " SCENARIOS "/cold-boot.yaml --seeds 1..2 --db moody.db");
    assert_int_equal(code, 4);
    assert_says("nondeterministic  twice/hash\n");
    assert_says("1 run done twice (1 in 100), 1 differing hash\n");
    assert_int_equal(ask("moody.db", "SELECT count(*) FROM run WHERE seed = 1 AND verdict = "
                                     "'nondeterministic'"),
                     1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_acknowledging_before_a_quorum_has_it_is_unsafe),
        cmocka_unit_test(test_never_stepping_down_is_caught),
        cmocka_unit_test(test_a_run_that_ends_its_process_is_aborted_and_the_campaign_goes_on),
        cmocka_unit_test(test_what_depends_on_addresses_is_nondeterministic),
    };
    return cmocka_run_group_tests(tests, enter_folder, leave_folder);
}
