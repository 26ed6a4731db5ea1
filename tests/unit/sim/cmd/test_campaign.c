/* `quorate campaign` and `quorate merge` from outside: the order of runs, what is stored, what is
 * told, the exits. Runs in a folder of its own. */
#define _DEFAULT_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <sqlite3.h>

#define HEAD                                                                          \
    "version: 1\nmembers: {node01: {peer: 192.168.0.61:2380}}\nprobe: {put: 500ms}\n" \
    "until: 6s\nsettle: none\n"
#define PASSING "timeline:\n  - {at: 1s, ctl: put color blue, expect: ok}\n"
#define FAILING "timeline:\n  - {at: 1s, ctl: get color, expect: {stdout: \"x\\n\"}}\n"

static char output[1 << 18];
static char other[1 << 18];

/* Runs the program with these words; its exit code. stdout and stderr are in `output`. */
static int quorate(const char *words)
{
    char command[2048];
    snprintf(command, sizeof(command), "%s %s 2>&1", QUORATE_BIN, words);
    FILE *pipe = popen(command, "r");
    assert_non_null(pipe);
    size_t len = fread(output, 1, sizeof(output) - 1, pipe);
    output[len] = '\0';
    int status = pclose(pipe);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static void assert_exit(int code, const char *words)
{
    int got = quorate(words);
    if (got != code) {
        print_error("%s: exit %d\n%s\n", words, got, output);
    }
    assert_int_equal(got, code);
}

static void assert_says(const char *words)
{
    if (strstr(output, words) == NULL) {
        print_error("missing: %s\nin: %s\n", words, output);
    }
    assert_non_null(strstr(output, words));
}

static void write_file(const char *name, const char *text)
{
    FILE *file = fopen(name, "wb");
    assert_non_null(file);
    fputs(text, file);
    assert_int_equal(fclose(file), 0);
}

static void read_file(const char *name)
{
    FILE *file = fopen(name, "rb");
    assert_non_null(file);
    output[fread(output, 1, sizeof(output) - 1, file)] = '\0';
    assert_int_equal(fclose(file), 0);
}

/* Every row that this statement gives, as text in `output`. */
static const char *rows(const char *path, const char *sql)
{
    sqlite3 *db = NULL;
    sqlite3_stmt *query = NULL;
    size_t len = 0;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &query, NULL), SQLITE_OK);
    output[0] = '\0';
    while (sqlite3_step(query) == SQLITE_ROW) {
        for (int i = 0; i < sqlite3_column_count(query); i++) {
            const char *text = (const char *)sqlite3_column_text(query, i);
            len += (size_t)snprintf(output + len, sizeof(output) - len, "%s|",
                                    text != NULL ? text : "");
            assert_true(len < sizeof(output));
        }
        len += (size_t)snprintf(output + len, sizeof(output) - len, "\n");
    }
    sqlite3_finalize(query);
    sqlite3_close(db);
    return output;
}

/* All but what a clock of the machine measures. */
#define RUNS                                                                                     \
    "SELECT run, id, scenario, seed, path, text, verdict, fingerprint, reason, trace_hash, "     \
    "members, events, ops, ops_ok, ops_refused, ops_unknown, sim_ns, bound_ns, must_ns, "        \
    "cannot_ns, may_ns, (SELECT count(*) FROM event e WHERE e.run = r.run) FROM run r ORDER BY " \
    "run"

static void test_rows_do_not_depend_on_the_number_of_workers(void **state)
{
    (void)state;
    assert_exit(7, "campaign files --seeds 1..12 --jobs 1 --db one.db");
    assert_exit(7, "campaign files --seeds 1..12 --jobs 3 --db three.db");
    memcpy(other, rows("one.db", RUNS), sizeof(other));
    assert_true(strlen(other) > 1000);
    assert_string_equal(rows("three.db", RUNS), other);
    memcpy(other, rows("one.db", "SELECT * FROM op ORDER BY run, n"), sizeof(other));
    assert_string_equal(rows("three.db", "SELECT * FROM op ORDER BY run, n"), other);
}

static void test_failures_are_whole_five_of_a_kind_and_the_rest_summaries(void **state)
{
    (void)state;
    unlink("kept.db");
    assert_exit(7, "campaign files --seeds 1..8 --db kept.db");
    assert_says("failures by fingerprint\n  1  unmet  step/");
    assert_says("files/b.yaml seeds 1, 2, 3, 4, 5, 6, 7, 8   shortest: seed ");
    assert_says("quorate run files/b.yaml --seed ");
    assert_says("results: kept.db (11 summaries, 5 whole; at most 5 whole per fingerprint)\n");
    assert_says("exit 7 (worst: unmet;");
    assert_string_equal(rows("kept.db", "SELECT scenario, verdict, count(*), sum(text <> ''), "
                                        "sum(EXISTS (SELECT 1 FROM event e WHERE e.run = r.run)) "
                                        "FROM run r GROUP BY scenario"),
                        "a|pass|8|0|0|\nb|unmet|8|8|5|\n");
    assert_string_equal(rows("kept.db", "SELECT seed FROM run r WHERE EXISTS (SELECT 1 FROM event "
                                        "e WHERE e.run = r.run) ORDER BY seed"),
                        "1|\n2|\n3|\n4|\n5|\n");
    /* Once more replaces all, and appends nothing. */
    assert_exit(7, "campaign files --seeds 1..8 --db kept.db");
    assert_string_equal(rows("kept.db", "SELECT count(*) FROM run"), "16|\n");
}

static void test_a_failure_leaves_a_database_even_when_none_was_asked_for(void **state)
{
    (void)state;
    assert_exit(7, "campaign files/b.yaml --seeds 3");
    assert_says("     quorate replay --db quorate-failures/b-3.db b/3@");
    assert_string_equal(rows("quorate-failures/b-3.db", "SELECT seed, verdict FROM run"),
                        "3|unmet|\n");
}

static void test_shards_partition_the_campaign(void **state)
{
    (void)state;
    assert_exit(7, "campaign files --seeds 1..11 --db whole.db");
    assert_exit(7, "campaign files --seeds 1..11 --shard 1/3 --db s1.db");
    assert_says("shard 1 of 3\n");
    assert_exit(7, "campaign files --seeds 1..11 --shard 2/3 --db s2.db");
    assert_exit(7, "campaign files --seeds 1..11 --shard 3/3 --db s3.db");
    assert_exit(0, "merge -o merged.db s1.db s2.db s3.db");
    assert_null(strstr(output, " 1 took the place"));
    assert_says("s1.db: 7 runs, 7 new, 0 took the place of one before\n");
    assert_says("s2.db: 8 runs, 8 new, 0 took the place of one before\n");
    assert_says("s3.db: 7 runs, 7 new, 0 took the place of one before\n");
    const char *ids = "SELECT id, trace_hash, verdict FROM run ORDER BY id";
    memcpy(other, rows("whole.db", ids), sizeof(other));
    assert_string_equal(rows("merged.db", ids), other);
}

static void test_merging_keeps_what_is_whole(void **state)
{
    (void)state;
    assert_exit(7, "campaign files/b.yaml --seeds 1..6 --db short.db");
    assert_exit(7, "run files/b.yaml --seed 6 --db long.db");
    assert_exit(0, "merge -o both.db short.db long.db");
    assert_says("long.db: 1 runs, 0 new, 1 took the place of one before\n");
    assert_exit(0, "merge -o both.db short.db");
    assert_says("short.db: 6 runs, 0 new, 5 took the place of one before\n");
    assert_string_equal(rows("both.db", "SELECT count(*), count(DISTINCT id) FROM run"), "6|6|\n");
    assert_string_equal(rows("both.db", "SELECT seed FROM run JOIN step USING (run) ORDER BY seed"),
                        "1|\n2|\n3|\n4|\n5|\n6|\n");
    assert_exit(2, "merge -o both.db no-such-file.db");
    assert_says("no-such-file.db: cannot be read\n");
    assert_int_not_equal(access("no-such-file.db", F_OK), 0);
    assert_exit(2, "merge -o both.db files/a.yaml");
    assert_says("files/a.yaml: ");
}

static void test_known_failures_do_not_fail(void **state)
{
    char line[256];
    (void)state;
    assert_exit(7, "campaign files/b.yaml --seeds 1..2");
    const char *at = strstr(output, "unmet  step/");
    assert_non_null(at);
    snprintf(line, sizeof(line), "# as ever\n%.*s\n", (int)strcspn(at + 7, "\n"), at + 7);
    write_file("known.txt", line);
    assert_exit(0, "campaign files --seeds 1..2 --known known.txt --junit known.xml");
    assert_says("2 runs, known: ignored\n");
    assert_says("exit 0 (worst: pass;");
    read_file("known.xml");
    assert_says("tests=\"2\" failures=\"0\"");
    assert_exit(7, "campaign files --seeds 1..2 --known files/a.yaml");
}

static void test_the_campaign_ends_with_the_last_failure_allowed(void **state)
{
    (void)state;
    assert_exit(7, "campaign files --seeds 1..50 --jobs 3 --max-failures 4 --db most.db");
    assert_says("stopped by --max-failures 4: 8 of 100 runs done (seeds 1..4 of every scenario), "
                "92 NOT run\n");
    assert_string_equal(rows("most.db", "SELECT max(seed), count(*) FROM run"), "4|8|\n");
}

static void test_time_ends_the_campaign_and_says_what_was_not_run(void **state)
{
    (void)state;
    assert_exit(0, "campaign files/a.yaml --seeds 1..1000000 --time 200ms");
    assert_says("stopped by --time 200ms: ");
    assert_says(" of 1 000 000 runs done (seeds 1..");
    assert_says(" NOT run\n");
}

static void test_junit_is_well_formed_with_a_case_for_each_scenario(void **state)
{
    (void)state;
    write_file("files/b.yaml", HEAD "scenario: b\nabout: \"<&\\\">\"\n" FAILING);
    assert_exit(7, "campaign files --seeds 1..3 --junit out.xml");
    assert_int_equal(
        system("python3 -c 'import sys, xml.dom.minidom as m; d = m.parse(\"out.xml\"); "
               "sys.exit(len(d.getElementsByTagName(\"testcase\")) != 2 or "
               "len(d.getElementsByTagName(\"failure\")) != 1)'"),
        0);
    read_file("out.xml");
    assert_says("<testcase classname=\"files\" name=\"a\" time=\"");
    assert_says("<failure type=\"unmet\" message=\"files/b.yaml:");
    assert_says(": 3 of 3 seeds, step/");
    assert_says("\nquorate run files/b.yaml --seed 1   # build ");
}

static void test_a_probe_that_nothing_reaches_fails_unless_the_list_says_why(void **state)
{
    (void)state;
    write_file("all.txt",
               "# of this program, whatever it has\n"
               "backup.* -\nclient.* a reason\ngrpc.*\tanother one\nhttp1.* -\nhttp2.* -\n"
               "membership.* -\npb.* -\npeer.* -\nraft.* -\nserver.* -\n"
               "storage.* -\nstream.* -\n");
    assert_exit(0, "campaign files/a.yaml --seeds 1..2 --unreached all.txt --probes");
    assert_says(" more are listed in all.txt\n");
    assert_says(" 0  raft.second_leader  (on the list)\n");
    write_file("few.txt", "client.* -\ngrpc.* -\nhttp1.* -\nhttp2.* -\npb.* -\n");
    assert_exit(7, "campaign files/a.yaml --seeds 1..2 --unreached few.txt --junit probes.xml");
    assert_says("FAIL       probes that had to be reached and were not:\n");
    assert_says("\n               raft.second_leader\n");
    assert_says("exit 7 (worst: unmet;");
    read_file("probes.xml");
    assert_says("tests=\"2\" failures=\"1\"");
    assert_says("name=\"probes\" time=\"0.000\">\n    <failure type=\"unmet\" message=\"never "
                "reached: ");
    /* A part of a campaign cannot tell. */
    assert_exit(0, "campaign files/a.yaml --seeds 1..4 --shard 1/2 --unreached few.txt");
    write_file("wrong.txt", "raft.second_leader\nraft.no_such_probe why\n");
    assert_exit(2, "campaign files/a.yaml --seeds 1..2 --unreached wrong.txt");
    assert_says("wrong.txt: \"raft.second_leader\" needs a reason behind it\n");
    assert_says("wrong.txt: \"raft.no_such_probe\" is no probe of this program");
    assert_says("nothing was run\n");
}

static void test_no_line_is_wider_than_100_columns(void **state)
{
    (void)state;
    assert_exit(0, "campaign files/a.yaml --seeds 1..3");
    for (const char *at = output; *at != '\0';) {
        size_t len = strcspn(at, "\n");
        assert_true(len <= 100);
        at += len + (at[len] == '\n' ? 1 : 0);
    }
}

static void test_mistakes_are_invalid_and_nothing_is_run(void **state)
{
    (void)state;
    assert_exit(2, "campaign");
    assert_exit(2, "campaign files");
    assert_says("usage: quorate campaign");
    assert_exit(2, "campaign files --seeds 5..1");
    assert_exit(2, "campaign files --seeds 1..2 --shard 4/3");
    assert_says("--shard is a part like 1/4 (the first of four), not \"4/3\"\n");
    assert_exit(2, "campaign files --seeds 1..2 --jobs 0");
    assert_exit(2, "campaign files --seeds 1..2 --time 5");
    assert_exit(2, "campaign files --seeds 1..2 --frob");
    assert_exit(2, "campaign no-such-folder --seeds 1..2");
    mkdir("wrong", 0777);
    assert_exit(2, "campaign wrong --seeds 1..2");
    assert_says("wrong: no .yaml file is in there\n");
    write_file("wrong/one.yaml", HEAD "scenario: b\ntimelime: []\n");
    write_file("wrong/two.yaml", HEAD "scenario: a\n" PASSING);
    assert_exit(2, "campaign files wrong --seeds 1..2 --db never.db");
    assert_says("wrong/one.yaml:7:1: ");
    assert_says("wrong/two.yaml: scenario \"a\" is also in files/a.yaml; names must differ\n");
    assert_says("nothing was run\n");
    assert_int_not_equal(access("never.db", F_OK), 0);
}

static int enter_folder(void **state)
{
    static char folder[] = "quorate-test-XXXXXX";
    (void)state;
    if (mkdtemp(folder) == NULL || chdir(folder) != 0 || mkdir("files", 0777) != 0) {
        return -1;
    }
    write_file("files/b.yaml", HEAD "scenario: b\n" FAILING);
    write_file("files/a.yaml", HEAD "scenario: a\n" PASSING);
    write_file("files/no-scenario.txt", "this is none");
    return 0;
}

static int leave_folder(void **state)
{
    char path[4096];
    char command[4200];
    (void)state;
    if (getcwd(path, sizeof(path)) == NULL || chdir("..") != 0 ||
        strstr(path, "quorate-test-") == NULL) {
        return -1;
    }
    snprintf(command, sizeof(command), "rm -r '%s'", path);
    return system(command);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows_do_not_depend_on_the_number_of_workers),
        cmocka_unit_test(test_failures_are_whole_five_of_a_kind_and_the_rest_summaries),
        cmocka_unit_test(test_a_failure_leaves_a_database_even_when_none_was_asked_for),
        cmocka_unit_test(test_shards_partition_the_campaign),
        cmocka_unit_test(test_merging_keeps_what_is_whole),
        cmocka_unit_test(test_known_failures_do_not_fail),
        cmocka_unit_test(test_the_campaign_ends_with_the_last_failure_allowed),
        cmocka_unit_test(test_time_ends_the_campaign_and_says_what_was_not_run),
        cmocka_unit_test(test_junit_is_well_formed_with_a_case_for_each_scenario),
        cmocka_unit_test(test_a_probe_that_nothing_reaches_fails_unless_the_list_says_why),
        cmocka_unit_test(test_no_line_is_wider_than_100_columns),
        cmocka_unit_test(test_mistakes_are_invalid_and_nothing_is_run),
    };
    return cmocka_run_group_tests(tests, enter_folder, leave_folder);
}
