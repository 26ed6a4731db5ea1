/* Reports from rows that are written here: what the script and the page say of them. gnuplot itself
 * is run by the tests of the program. */
#define _DEFAULT_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "base/duration.h"
#include "report/report.h"
#include "store/store.h"

#define FILE_NAME "build-test-report.db"

struct fixture {
    struct mem_pool *pool;
    struct mem *mem;
    struct store *store;
    struct report_file *file;
    struct report *report;
    struct buf why;
    struct buf out;
    int64_t run;
};

static struct fixture open_new(void)
{
    struct fixture f = {.pool = mem_pool_new(1 << 24, -1)};
    f.mem = mem_pool_mem(f.pool);
    unlink(FILE_NAME);
    buf_init(&f.why, f.mem);
    buf_init(&f.out, f.mem);
    assert_int_equal(store_open(FILE_NAME, f.mem, &f.store, &f.why), 0);
    return f;
}

static void close_all(struct fixture *f)
{
    report_close(f->file);
    store_close(f->store);
    mem_pool_free(f->pool);
    unlink(FILE_NAME);
}

static void begin(struct fixture *f, const char *id)
{
    assert_int_equal(store_begin(f->store, id, &f->run), 0);
}

static void end(struct fixture *f, const char *id, const char *verdict, const char *reason)
{
    STORE_ROW(f->store, STORE_RUN, store_int(f->run), store_text(id), store_text("tale"),
              store_int(7), store_text("b"), store_text("tale.yaml"),
              store_text("scenario: <tale> & \"more\""), store_text("{}"), store_text(verdict),
              store_text(""), store_text(reason), store_text("00000000000000ff"), store_int(3),
              store_int(1), store_int(1), store_int(1), store_int(0), store_int(0), store_int(1),
              store_int(1), store_int(1), store_int(1), store_int(1), store_int(1), store_int(1));
    assert_int_equal(store_end(f->store), 0);
}

static void role(struct fixture *f, int64_t at_ns, const char *member, const char *name, int term)
{
    STORE_ROW(f->store, STORE_ROLE, store_int(f->run), store_int(at_ns), store_text(member),
              store_text(name), store_int(term), store_text(""));
}

static void config(struct fixture *f, int64_t at_ns, int index, const char *voters,
                   const char *learners, int quorum)
{
    STORE_ROW(f->store, STORE_CONFIG, store_int(f->run), store_int(at_ns), store_text("n1"),
              store_int(index), store_text(voters), store_text(learners), store_int(quorum));
}

static void available(struct fixture *f, const char *source, int64_t from_ns, int64_t to_ns,
                      const char *state)
{
    STORE_ROW(f->store, STORE_AVAILABILITY, store_int(f->run), store_text("writes"),
              store_text(source), store_int(from_ns), store_int(to_ns), store_text(state),
              store_text(""));
}

static void fault(struct fixture *f, const char *kind, const char *target, int64_t from_ns,
                  int64_t to_ns)
{
    STORE_ROW(f->store, STORE_FAULT, store_int(f->run), store_int(1), store_text("x"),
              store_text(kind), store_text(target), store_int(from_ns),
              to_ns > 0 ? store_int(to_ns) : store_null());
}

static void command(struct fixture *f, const char *line, int64_t call_ns, int64_t return_ns,
                    const char *outcome)
{
    STORE_ROW(f->store, STORE_OP, store_int(f->run), store_int(1), store_text("ctl"),
              store_text("put"), store_text(line), store_int(call_ns), store_int(return_ns),
              store_text(outcome), store_null(), store_text(""));
}

/* One member adds another at 2 s, which starts at 6 s; a learner comes; the first is paused. */
static void write_tale(struct fixture *f, const char *id)
{
    begin(f, id);
    role(f, -5 * SEC_NS, "n1", "leader", 2);
    config(f, -5 * SEC_NS, 1, "n1", "", 1);
    config(f, 2 * SEC_NS, 5, "n1 n10", "", 2);
    role(f, 3 * SEC_NS, "n1", "follower", 2);
    role(f, 4 * SEC_NS, "n1", "pre-candidate", 2);
    fault(f, "start", "n10", 6 * SEC_NS, 0);
    role(f, 6 * SEC_NS + 500 * MS_NS, "n10", "follower", 3);
    role(f, 7 * SEC_NS, "n1", "leader", 3);
    config(f, 7 * SEC_NS, 3, "n1", "", 1); /* an old one, gone through again */
    config(f, 8 * SEC_NS, 9, "n1 n10", "n2", 2);
    role(f, 8 * SEC_NS, "n2", "learner", 3);
    role(f, 9 * SEC_NS, "n10", "down", 3);
    fault(f, "pause", "n1", 9 * SEC_NS, 9 * SEC_NS + 500 * MS_NS);
    fault(f, "partition", "n1 | n10", 4 * SEC_NS, 5 * SEC_NS);
    available(f, "predicted", 0, 2 * SEC_NS, "must");
    available(f, "predicted", 2 * SEC_NS, 6 * SEC_NS, "cannot");
    available(f, "predicted", 6 * SEC_NS, 10 * SEC_NS, "may");
    available(f, "observed", 0, 2 * SEC_NS, "served");
    available(f, "observed", 2 * SEC_NS, 10 * SEC_NS, "failed");
    command(f, "member add n10 --peer-urls=http://10.0.0.1:2380", 2 * SEC_NS, 2 * SEC_NS + 1, "ok");
    command(f, "put color red", 3 * SEC_NS, 8 * SEC_NS, "unknown");
    end(f, id, "pass", "");
}

static void load(struct fixture *f, const char *wanted)
{
    int64_t run = 0;
    if (f->file == NULL) {
        assert_int_equal(report_open(FILE_NAME, f->mem, &f->file, &f->why), 0);
    }
    assert_int_equal(report_pick(f->file, wanted, &run, &f->why), 0);
    assert_int_equal(report_load(f->file, run, &f->report, &f->why), 0);
}

static bool says(struct fixture *f, const char *words)
{
    bool found = strstr(buf_cstr(&f->out), words) != NULL;
    if (!found) {
        print_error("missing: %s\n", words);
    }
    return found;
}

/* A lane's box, whatever its place. */
static bool has_box(struct fixture *f, const char *from, const char *to, const char *style)
{
    char start[64];
    char finish[64];
    snprintf(start, sizeof(start), "\n%s\t%s\t", from, to);
    snprintf(finish, sizeof(finish), "\t%s", style);
    for (const char *at = buf_cstr(&f->out); (at = strstr(at, start)) != NULL; at++) {
        size_t len = strcspn(at + 1, "\n") + 1;
        size_t tail = strlen(finish);
        if (len > tail && memcmp(at + len - tail, finish, tail) == 0) {
            return true;
        }
    }
    print_error("no box %s..%s %s\n", from, to, style);
    return false;
}

static void test_each_state_of_a_member_has_its_box(void **state)
{
    (void)state;
    struct fixture f = open_new();
    write_tale(&f, "tale/7@b");
    load(&f, NULL);
    report_script(f.report, &f.out);
    assert_true(has_box(&f, "0.000000", "3.000000", "leader"));
    assert_true(has_box(&f, "3.000000", "4.000000", "follower"));
    assert_true(has_box(&f, "4.000000", "7.000000", "candidate"));
    assert_true(has_box(&f, "9.000000", "9.500000", "paused"));
    assert_true(has_box(&f, "0.000000", "2.000000", "absent"));
    assert_true(has_box(&f, "2.000000", "6.000000", "never-started"));
    assert_true(has_box(&f, "6.000000", "6.500000", "starting"));
    assert_true(has_box(&f, "6.500000", "9.000000", "follower"));
    assert_true(has_box(&f, "9.000000", "10.000000", "down"));
    assert_true(has_box(&f, "8.000000", "10.000000", "learner"));
    close_all(&f);
}

static void test_voters_quorum_and_up_follow_the_newest_configuration(void **state)
{
    (void)state;
    struct fixture f = open_new();
    write_tale(&f, "tale/7@b");
    load(&f, NULL);
    report_script(f.report, &f.out);
    assert_true(says(&f, "\n0.000000\t2.000000\t1\t1\t1\n"));
    assert_true(says(&f, "\n2.000000\t6.000000\t2\t2\t1\n"));
    assert_true(says(&f, "\n6.000000\t9.000000\t2\t2\t2\n"));
    assert_true(says(&f, "\n9.000000\t9.500000\t2\t2\t0\n"));
    assert_true(says(&f, "\n9.500000\t10.000000\t2\t2\t1\n"));
    close_all(&f);
}

static void test_members_bands_and_labels_are_all_there(void **state)
{
    static const char *const words[] = {"\tn1\n",
                                        "\tn10\n",
                                        "\tn2\n",
                                        "\ttale/7@b\n",
                                        "\tmust\n",
                                        "\tcannot\n",
                                        "\tmay\n",
                                        "\tnot served\n",
                                        "\tstart n10\n",
                                        "\tpause n1\n",
                                        "\tpartition n1 | n10\n",
                                        "\tmember add n10\n",
                                        "\tput color red: unknown\n",
                                        "trace hash 00000000000000ff",
                                        "\tpass\n"};
    (void)state;
    struct fixture f = open_new();
    write_tale(&f, "tale/7@b");
    load(&f, NULL);
    report_script(f.report, &f.out);
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        assert_true(says(&f, words[i]));
    }
    assert_string_equal(report_name(f.report), "tale-7-b");
    /* n2 came later, but is a name before n10: the order is that of coming. */
    assert_true(strstr(buf_cstr(&f.out), "\tn10\n") < strstr(buf_cstr(&f.out), "\tn2\n"));
    close_all(&f);
}

#define EVIL "a\"b`touch pwned`\\n\t\nEOD\n!touch pwned\x01\xFF<script>&'"

static void test_hostile_text_stays_data_in_the_script(void **state)
{
    (void)state;
    struct fixture f = open_new();
    begin(&f, "../-evil/" EVIL);
    role(&f, 0, EVIL, "leader", 1);
    config(&f, 0, 1, "n1", "", 1);
    available(&f, "predicted", 0, 2 * SEC_NS, EVIL);
    fault(&f, EVIL, EVIL, SEC_NS, 0);
    command(&f, EVIL, SEC_NS, SEC_NS, EVIL);
    end(&f, "../-evil/" EVIL, EVIL, EVIL);
    load(&f, NULL);
    report_script(f.report, &f.out);
    const char *script = buf_cstr(&f.out);
    assert_null(strchr(script, '`'));
    assert_null(strchr(script, '\x01'));
    assert_null(strchr(script, '\xFF'));
    assert_null(strstr(script, "\n!"));
    assert_null(strstr(script, "b\""));
    assert_true(strspn(report_name(f.report), "abcdefghijklmnopqrstuvwxyzEOD_.-") ==
                strlen(report_name(f.report)));
    assert_int_equal(report_name(f.report)[0], '_');
    close_all(&f);
}

static void test_hostile_text_is_escaped_on_the_page(void **state)
{
    (void)state;
    struct fixture f = open_new();
    begin(&f, EVIL);
    role(&f, 0, EVIL, "leader", 1);
    STORE_ROW(f.store, STORE_VIOLATION, store_int(f.run), store_int(1), store_int(SEC_NS),
              store_text(EVIL), store_text(EVIL), store_text(EVIL), store_text(EVIL));
    STORE_ROW(f.store, STORE_STEP, store_int(f.run), store_int(1), store_int(1), store_int(1),
              store_text(EVIL), store_text(EVIL), store_null(), store_null(), store_text(EVIL),
              store_text(EVIL), store_int(0));
    command(&f, EVIL, SEC_NS, SEC_NS, EVIL);
    end(&f, EVIL, EVIL, EVIL);
    load(&f, NULL);
    report_page(f.report, slice_str("<?xml?><!DOCTYPE svg \"http://x\"><svg>figure</svg>"), &f.out);
    const char *page = buf_cstr(&f.out);
    assert_null(strstr(page, "<script"));
    assert_null(strstr(page, "http:"));
    assert_null(strchr(page, '\x01'));
    assert_null(strchr(page, '\xFF'));
    assert_true(says(&f, "<svg>figure</svg>"));
    assert_true(says(&f, "&lt;script&gt;&amp;&#39;"));
    assert_true(says(&f, "scenario: &lt;tale&gt; &amp; &quot;more&quot;"));
    close_all(&f);
}

static int pick(struct fixture *f, const char *wanted)
{
    int64_t run = 0;
    buf_clear(&f->why);
    int err = report_pick(f->file, wanted, &run, &f->why);
    return err == 0 ? (int)run : err;
}

static void test_a_run_is_picked_by_id_number_or_beginning(void **state)
{
    (void)state;
    struct fixture f = open_new();
    write_tale(&f, "tale/7@b");
    write_tale(&f, "tale/71@b");
    write_tale(&f, "other/7@b");
    assert_int_equal(report_open(FILE_NAME, f.mem, &f.file, &f.why), 0);
    assert_int_equal(pick(&f, NULL), 3);
    assert_int_equal(pick(&f, "tale/71@b"), 2);
    assert_int_equal(pick(&f, "2"), 2);
    assert_int_equal(pick(&f, "tale/7"), 1);
    assert_int_equal(pick(&f, "oth"), 3);
    assert_int_equal(pick(&f, "tale"), ERR_INVALID);
    assert_non_null(strstr(buf_cstr(&f.why), "\n  2  tale/71@b  pass\n  1  tale/7@b  pass"));
    assert_null(strstr(buf_cstr(&f.why), "other"));
    assert_int_equal(pick(&f, "nobody"), ERR_NOT_FOUND);
    assert_non_null(strstr(buf_cstr(&f.why), "\n  3  other/7@b  pass"));
    close_all(&f);
}

static void test_a_file_of_another_kind_is_refused(void **state)
{
    (void)state;
    struct fixture f = open_new();
    struct report_file *file = NULL;
    assert_int_equal(report_open("build-no-such-file.db", f.mem, &file, &f.why), ERR_NOT_FOUND);
    assert_int_equal(access("build-no-such-file.db", F_OK), -1);
    assert_int_equal(report_open("README.md", f.mem, &file, &f.why), ERR_FORMAT);
    assert_non_null(strstr(buf_cstr(&f.why), "README.md: not a results file"));
    write_tale(&f, "tale/7@b");
    store_close(f.store);
    f.store = NULL;
    sqlite3 *db = NULL;
    assert_int_equal(sqlite3_open(FILE_NAME, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "PRAGMA user_version = 99", NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(report_open(FILE_NAME, f.mem, &file, &f.why), ERR_FORMAT);
    assert_null(file);
    assert_int_equal(
        sqlite3_exec(db, "PRAGMA user_version = 1; DROP TABLE role;", NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
    assert_int_equal(report_open(FILE_NAME, f.mem, &f.file, &f.why), 0);
    assert_int_equal(report_load(f.file, 1, &f.report, &f.why), ERR_FORMAT);
    assert_non_null(strstr(buf_cstr(&f.why), "no such table: role"));
    close_all(&f);
}

static void test_of_a_summary_alone_there_is_no_figure(void **state)
{
    (void)state;
    struct fixture f = open_new();
    int64_t run = 0;
    assert_int_equal(report_open(FILE_NAME, f.mem, &f.file, &f.why), 0);
    assert_int_equal(report_pick(f.file, NULL, &run, &f.why), ERR_NOT_FOUND);
    write_tale(&f, "whole/1@b");
    begin(&f, "tale/7@b");
    end(&f, "tale/7@b", "pass", "");
    assert_int_equal(report_pick(f.file, NULL, &run, &f.why), 0);
    assert_int_equal(report_load(f.file, run, &f.report, &f.why), ERR_NOT_FOUND);
    assert_non_null(strstr(buf_cstr(&f.why), "only the summary"));
    assert_non_null(strstr(buf_cstr(&f.why), "quorate run tale.yaml --seed 7"));
    assert_non_null(strstr(buf_cstr(&f.why), "kept whole are\n  1  whole/1@b  pass"));
    assert_null(strstr(buf_cstr(&f.why), "tale/7@b"));
    close_all(&f);
}

/* Labels of marks at one moment, at the figure's right edge too, are in rows of their own. */
static void test_labels_never_overlap(void **state)
{
    (void)state;
    struct fixture f = open_new();
    struct {
        long long from;
        long long to;
        long long y;
    } seen[64];
    size_t count = 0;
    begin(&f, "tale/7@b");
    role(&f, 0, "n1", "leader", 1);
    available(&f, "predicted", 0, 10 * SEC_NS, "must");
    for (int i = 0; i < 14; i++) {
        command(&f, "put a key with a long name to a value", i * SEC_NS / 2 + 4 * SEC_NS,
                i * SEC_NS / 2 + 4 * SEC_NS + 1, "ok");
    }
    end(&f, "tale/7@b", "pass", "");
    load(&f, NULL);
    report_script(f.report, &f.out);
    const char *const blocks[] = {"\n$labels << EOD\n", "\n$labels_left << EOD\n"};
    for (int b = 0; b < 2; b++) {
        const char *at = strstr(buf_cstr(&f.out), blocks[b]);
        assert_non_null(at);
        for (at += strlen(blocks[b]); strncmp(at, "EOD", 3) != 0; at = strchr(at, '\n') + 1) {
            long long x = 0;
            long long y = 0;
            long long width = 0;
            assert_int_equal(sscanf(at, "%lld\t%lld\t%lld\t", &x, &y, &width), 3);
            seen[count].from = b == 0 ? x : x - width;
            seen[count].to = seen[count].from + width;
            seen[count++].y = y;
            assert_true(seen[count - 1].from > 0 && seen[count - 1].to < 1200);
        }
    }
    assert_int_equal(count, 12); /* calls past the end of the timeline are not shown */
    for (size_t i = 0; i < count; i++) {
        for (size_t k = 0; k < i; k++) {
            assert_true(seen[i].y != seen[k].y || seen[i].from >= seen[k].to ||
                        seen[k].from >= seen[i].to);
        }
    }
    close_all(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_state_of_a_member_has_its_box),
        cmocka_unit_test(test_voters_quorum_and_up_follow_the_newest_configuration),
        cmocka_unit_test(test_members_bands_and_labels_are_all_there),
        cmocka_unit_test(test_hostile_text_stays_data_in_the_script),
        cmocka_unit_test(test_hostile_text_is_escaped_on_the_page),
        cmocka_unit_test(test_a_run_is_picked_by_id_number_or_beginning),
        cmocka_unit_test(test_a_file_of_another_kind_is_refused),
        cmocka_unit_test(test_of_a_summary_alone_there_is_no_figure),
        cmocka_unit_test(test_labels_never_overlap),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
