#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "store/store.h"

#define FILE_NAME "build-test-store.db"

struct fixture {
    struct mem_pool *pool;
    struct store *store;
    struct buf why;
};

static struct fixture open_new(void)
{
    struct fixture f = {.pool = mem_pool_new(1 << 20, -1)};
    unlink(FILE_NAME);
    buf_init(&f.why, mem_pool_mem(f.pool));
    assert_int_equal(store_open(FILE_NAME, mem_pool_mem(f.pool), &f.store, &f.why), 0);
    return f;
}

static void close_all(struct fixture *f)
{
    store_close(f->store);
    mem_pool_free(f->pool);
    unlink(FILE_NAME);
}

static int64_t query(const char *sql)
{
    sqlite3 *db = NULL;
    sqlite3_stmt *q = NULL;
    assert_int_equal(sqlite3_open(FILE_NAME, &db), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &q, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(q), SQLITE_ROW);
    int64_t value = sqlite3_column_int64(q, 0);
    sqlite3_finalize(q);
    sqlite3_close(db);
    return value;
}

static void add_run(struct store *store, int64_t run, const char *id)
{
    struct store_value row[25];
    for (size_t i = 0; i < 25; i++) {
        row[i] = store_int(7);
    }
    row[0] = store_int(run);
    row[1] = store_text(id);
    store_row(store, STORE_RUN, row, 25);
}

static void test_rows_are_there_after_the_end_of_a_run(void **state)
{
    (void)state;
    struct fixture f = open_new();
    int64_t run = 0;
    assert_int_equal(store_begin(f.store, "a/1@x", &run), 0);
    STORE_ROW(f.store, STORE_METRIC, store_int(run), store_text("records"), store_int(-5));
    add_run(f.store, run, "a/1@x");
    assert_int_equal(store_end(f.store), 0);
    assert_int_equal(query("SELECT value FROM metric WHERE name = 'records'"), -5);
    assert_int_equal(query("SELECT count(*) FROM run WHERE id = 'a/1@x'"), 1);
    close_all(&f);
}

static void test_a_repeated_run_replaces_the_one_before(void **state)
{
    (void)state;
    struct fixture f = open_new();
    for (int i = 0; i < 3; i++) {
        int64_t run = 0;
        const char *id = i == 1 ? "b/1@x" : "a/1@x";
        assert_int_equal(store_begin(f.store, id, &run), 0);
        STORE_ROW(f.store, STORE_METRIC, store_int(run), store_text("turn"), store_int(i));
        add_run(f.store, run, id);
        assert_int_equal(store_end(f.store), 0);
    }
    assert_int_equal(query("SELECT count(*) FROM run"), 2);
    assert_int_equal(query("SELECT count(*) FROM metric"), 2);
    assert_int_equal(query("SELECT sum(value) FROM metric"), 3);
    close_all(&f);
}

static void test_an_unfinished_run_leaves_nothing(void **state)
{
    (void)state;
    struct fixture f = open_new();
    int64_t run = 0;
    assert_int_equal(store_begin(f.store, "a/1@x", &run), 0);
    STORE_ROW(f.store, STORE_METRIC, store_int(run), store_text("records"), store_int(1));
    store_close(f.store);
    f.store = NULL;
    assert_int_equal(query("SELECT count(*) FROM metric"), 0);
    close_all(&f);
}

static void test_a_file_of_another_kind_is_refused(void **state)
{
    (void)state;
    struct fixture f = open_new();
    store_close(f.store);
    f.store = NULL;
    FILE *file = fopen(FILE_NAME, "wb");
    assert_non_null(file);
    fputs("this is no database, but long enough to look at", file);
    fclose(file);
    assert_int_not_equal(store_open(FILE_NAME, mem_pool_mem(f.pool), &f.store, &f.why), 0);
    assert_null(f.store);
    assert_true(f.why.len > 0);
    close_all(&f);
}

/* Every table and column of the schema has a comment: a line that ends in `-- words`. */
static void test_every_column_has_a_comment(void **state)
{
    char line[512];
    size_t columns = 0;
    (void)state;
    for (const char *at = store_schema; *at != '\0';) {
        size_t len = strcspn(at, "\n");
        assert_true(len < sizeof(line));
        memcpy(line, at, len);
        line[len] = '\0';
        at += at[len] == '\n' ? len + 1 : len;
        bool column = strncmp(line, "    ", 4) == 0;
        bool table = strncmp(line, "CREATE TABLE", 12) == 0;
        if (column || table) {
            const char *comment = strstr(line, "-- ");
            assert_non_null(comment);
            assert_true(strlen(comment) > 5);
            columns += column ? 1 : 0;
        }
    }
    assert_int_equal(columns, 25 + 11 + 7 + 10 + 7 + 6 + 7 + 7 + 7 + 3 + 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows_are_there_after_the_end_of_a_run),
        cmocka_unit_test(test_a_repeated_run_replaces_the_one_before),
        cmocka_unit_test(test_an_unfinished_run_leaves_nothing),
        cmocka_unit_test(test_a_file_of_another_kind_is_refused),
        cmocka_unit_test(test_every_column_has_a_comment),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
