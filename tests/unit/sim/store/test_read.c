/* Reading runs back: which run a name means, and that what comes back is what went in. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/mem.h"
#include "store/read.h"

#define FILE_NAME "build-test-read.db"

struct fixture {
    struct mem_pool *pool;
    struct mem *mem;
    struct buf why;
};

static void add_run(struct store *store, const char *id, uint64_t seed, const char *knobs,
                    int lines)
{
    int64_t run = 0;
    struct store_value row[25];
    assert_int_equal(store_begin(store, id, &run), 0);
    for (int i = 0; i < lines; i++) {
        STORE_ROW(store, STORE_EVENT, store_int(run), store_int(i + 1), store_int(i * 100 - 100),
                  store_int(i), store_text(i == 0 ? "" : "n1"), store_text("role"),
                  store_text("leader"));
    }
    for (size_t i = 0; i < 25; i++) {
        row[i] = store_int(7);
    }
    row[0] = store_int(run);
    row[1] = store_text(id);
    row[2] = store_text("churn");
    row[3] = store_int((int64_t)seed);
    row[4] = store_text("1a2b3c4");
    row[5] = store_text("dir/churn.yaml");
    row[6] = store_text("version: 1\n");
    row[7] = store_text(knobs);
    row[8] = store_text("pass");
    row[11] = store_text("0123456789abcdef");
    store_row(store, STORE_RUN, row, 25);
    assert_int_equal(store_end(store), 0);
}

static struct fixture setup(void)
{
    struct fixture f = {.pool = mem_pool_new(1 << 22, -1)};
    struct store *store = NULL;
    f.mem = mem_pool_mem(f.pool);
    unlink(FILE_NAME);
    buf_init(&f.why, f.mem);
    assert_int_equal(store_open(FILE_NAME, f.mem, &store, &f.why), 0);
    add_run(store, "churn/1@1a2b3c4", 1, "{}", 3);
    add_run(store, "churn/11@1a2b3c4", 11, "{\"until_ns\":5000000000}", 0);
    add_run(store, "churn/2@1a2b3c4", UINT64_MAX, "no JSON", 0);
    add_run(store, "churn/2@5d6e7f8", 2, "{}", 0);
    store_close(store);
    return f;
}

static void teardown(struct fixture *f)
{
    mem_pool_free(f->pool);
    unlink(FILE_NAME);
}

static void test_a_run_comes_back_as_it_was(void **state)
{
    struct fixture f = setup();
    struct store_run run;
    struct store_line *lines = NULL;
    size_t count = 0;
    (void)state;
    assert_int_equal(store_read_run(FILE_NAME, "churn/1@1a2b3c4", f.mem, &run, &f.why), 0);
    assert_string_equal(run.id, "churn/1@1a2b3c4");
    assert_string_equal(run.scenario, "churn");
    assert_string_equal(run.build, "1a2b3c4");
    assert_string_equal(run.path, "dir/churn.yaml");
    assert_true(slice_eq_str(run.text, "version: 1\n"));
    assert_string_equal(run.verdict, "pass");
    assert_string_equal(run.trace_hash, "0123456789abcdef");
    assert_true(run.until_ns == INT64_MAX);
    assert_int_equal(store_read_lines(FILE_NAME, &run, f.mem, &lines, &count), 0);
    assert_int_equal(count, 3);
    assert_string_equal(lines[0].node, "");
    assert_int_equal(lines[0].time_ns, -100);
    assert_int_equal(lines[2].event, 3);
    assert_int_equal(lines[2].cause, 2);
    assert_string_equal(lines[2].text, "leader");
    teardown(&f);
}

static void test_a_name_without_a_build_is_enough_and_no_other_seed_is_meant(void **state)
{
    struct fixture f = setup();
    struct store_run run;
    (void)state;
    assert_int_equal(store_read_run(FILE_NAME, "churn/1", f.mem, &run, &f.why), 0);
    assert_true(run.seed == 1);
    assert_int_equal(store_read_run(FILE_NAME, "churn/11", f.mem, &run, &f.why), 0);
    assert_true(run.until_ns == INT64_C(5000000000));
    assert_int_equal(run.events, 0);
    assert_int_equal(store_read_run(FILE_NAME, "churn/2@1", f.mem, &run, &f.why), 0);
    assert_true(run.seed == UINT64_MAX); /* kept as a signed number */
    assert_true(run.until_ns == INT64_MAX);
    teardown(&f);
}

static void test_what_is_not_one_run_is_told_with_those_there_are(void **state)
{
    struct fixture f = setup();
    struct store_run run;
    (void)state;
    assert_int_equal(store_read_run(FILE_NAME, "churn/2", f.mem, &run, &f.why), ERR_EXISTS);
    assert_non_null(strstr(buf_cstr(&f.why), "more than one run"));
    assert_non_null(strstr(buf_cstr(&f.why), "\n    churn/2@5d6e7f8  pass"));
    assert_int_equal(store_read_run(FILE_NAME, NULL, f.mem, &run, &f.why), ERR_EXISTS);
    buf_clear(&f.why);
    assert_int_equal(store_read_run(FILE_NAME, "churn/3", f.mem, &run, &f.why), ERR_NOT_FOUND);
    assert_non_null(strstr(buf_cstr(&f.why), "no run \"churn/3\"; there are:\n    churn/1@"));
    /* Nothing of a name is a pattern. */
    assert_int_equal(store_read_run(FILE_NAME, "churn/%", f.mem, &run, &f.why), ERR_NOT_FOUND);
    teardown(&f);
}

static void test_a_file_that_is_none_is_refused(void **state)
{
    struct fixture f = setup();
    struct store_run run;
    (void)state;
    assert_int_equal(store_read_run("no-such.db", "churn/1", f.mem, &run, &f.why), ERR_IO);
    assert_int_equal(access("no-such.db", F_OK), -1); /* and is not made by looking */
    FILE *file = fopen(FILE_NAME, "wb");
    assert_non_null(file);
    fputs("not a database, but long enough to be looked at as one by its first bytes", file);
    fclose(file);
    assert_int_not_equal(store_read_run(FILE_NAME, "churn/1", f.mem, &run, &f.why), 0);
    file = fopen(FILE_NAME, "wb");
    assert_non_null(file);
    fclose(file);
    assert_int_equal(store_read_run(FILE_NAME, "churn/1", f.mem, &run, &f.why), ERR_FORMAT);
    teardown(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_run_comes_back_as_it_was),
        cmocka_unit_test(test_a_name_without_a_build_is_enough_and_no_other_seed_is_meant),
        cmocka_unit_test(test_what_is_not_one_run_is_told_with_those_there_are),
        cmocka_unit_test(test_a_file_that_is_none_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
