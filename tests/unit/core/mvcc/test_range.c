#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/fmt.h"
#include "mvcc/mvcc.h"

/* The store of session 2 of the captures: k1..k5 after foo. Every key's value says its number. */
struct world {
    struct mem_pool *pool;
    struct mem *mem;
    struct mvcc *m;
    struct mvcc_range_result result;
};

static void put(struct world *w, const char *key, const char *value)
{
    struct mvcc_put request = {.key = slice_str(key), .value = slice_str(value)};
    struct mvcc_put_result result;
    assert_int_equal(mvcc_put(w->m, &request, &result), 0);
    assert_int_equal(result.revision, mvcc_revision(w->m));
}

static int setup(void **state)
{
    static struct world world;
    world = (struct world){.pool = mem_pool_new(UINT64_MAX, 0xA5)};
    world.mem = mem_pool_mem(world.pool);
    world.m = mvcc_new(world.mem);
    put(&world, "foo", "bar");  /* 2 */
    put(&world, "k1", "e");     /* 3 */
    put(&world, "k2", "d");     /* 4 */
    put(&world, "k3", "c");     /* 5 */
    put(&world, "k4", "b");     /* 6 */
    put(&world, "k5", "a");     /* 7 */
    put(&world, "k3", "c2");    /* 8 */
    put(&world, "k1", "e2");    /* 9 */
    put(&world, "k1", "e3");    /* 10 */
    put(&world, "zebra", "zz"); /* 11 */
    *state = &world;
    return 0;
}

static int teardown(void **state)
{
    struct world *w = *state;
    mvcc_check(w->m);
    mvcc_range_result_fini(&w->result, w->mem);
    mvcc_free(w->m);
    assert_int_equal(w->mem->count, 0);
    mem_pool_free(w->pool);
    return 0;
}

static int range(struct world *w, struct mvcc_range request)
{
    mvcc_range_result_fini(&w->result, w->mem);
    return mvcc_range(w->m, &request, w->mem, &w->result);
}

/* The keys of the answer, with a space behind each. */
static void expect(struct world *w, struct mvcc_range request, const char *keys, int64_t count)
{
    char text[256] = "";
    size_t len = 0;
    assert_int_equal(range(w, request), 0);
    for (size_t i = 0; i < w->result.kvs.count; i++) {
        struct slice key = w->result.kvs.at[i].key;
        len += fmt(text + len, sizeof(text) - len, "%.*s ", (int)key.len, (const char *)key.ptr);
    }
    assert_string_equal(text, keys);
    assert_int_equal(w->result.count, count);
    assert_int_equal(w->result.revision, 11);
}

#define PREFIX .key = slice_str("k"), .range_end = slice_str("l")

static void test_one_key(void **state)
{
    expect(*state, (struct mvcc_range){.key = slice_str("k3")}, "k3 ", 1);
    struct world *w = *state;
    struct mvcc_kv kv = w->result.kvs.at[0];
    assert_true(slice_eq_str(kv.value, "c2"));
    assert_int_equal(kv.create_revision, 5);
    assert_int_equal(kv.mod_revision, 8);
    assert_int_equal(kv.version, 2);
    assert_int_equal(kv.lease, 0);
    expect(*state, (struct mvcc_range){.key = slice_str("k")}, "", 0);
    expect(*state, (struct mvcc_range){.key = slice_str("k3"), .count_only = true}, "", 1);
}

static void test_half_open_range(void **state)
{
    expect(*state, (struct mvcc_range){.key = slice_str("k2"), .range_end = slice_str("k4")},
           "k2 k3 ", 2);
    expect(*state, (struct mvcc_range){.key = slice_str("k4"), .range_end = slice_str("k2")}, "",
           0);
    expect(*state, (struct mvcc_range){.key = slice_str("k4"), .range_end = slice_str("k4")}, "",
           0);
    expect(*state, (struct mvcc_range){PREFIX}, "k1 k2 k3 k4 k5 ", 5);
}

static void test_range_end_zero_is_all_from_the_key(void **state)
{
    struct slice zero = slice_of("", 1);
    expect(*state, (struct mvcc_range){.key = slice_str("k4"), .range_end = zero}, "k4 k5 zebra ",
           3);
    expect(*state, (struct mvcc_range){.key = zero, .range_end = zero}, "foo k1 k2 k3 k4 k5 zebra ",
           7);
}

static void test_limit_says_more_and_counts_all(void **state)
{
    struct world *w = *state;
    expect(w, (struct mvcc_range){PREFIX, .limit = 2}, "k1 k2 ", 5);
    assert_true(w->result.more);
    expect(w, (struct mvcc_range){PREFIX, .limit = 5}, "k1 k2 k3 k4 k5 ", 5);
    assert_false(w->result.more);
    expect(w, (struct mvcc_range){PREFIX, .limit = -1}, "k1 k2 k3 k4 k5 ", 5);
    expect(w, (struct mvcc_range){PREFIX, .limit = 2, .count_only = true}, "", 5);
    assert_false(w->result.more);
    expect(w, (struct mvcc_range){PREFIX, .limit = INT64_MAX}, "k1 k2 k3 k4 k5 ", 5);
}

static void test_keys_only_leaves_out_values(void **state)
{
    struct world *w = *state;
    expect(w, (struct mvcc_range){PREFIX, .keys_only = true}, "k1 k2 k3 k4 k5 ", 5);
    for (size_t i = 0; i < w->result.kvs.count; i++) {
        assert_int_equal(w->result.kvs.at[i].value.len, 0);
        assert_true(w->result.kvs.at[i].mod_revision > 1);
    }
}

static void test_sort_by_each_target_then_limit(void **state)
{
    struct world *w = *state;
    const int32_t up = MVCC_ORDER_ASCEND;
    const int32_t down = MVCC_ORDER_DESCEND;
    expect(w, (struct mvcc_range){PREFIX, .sort_order = down}, "k5 k4 k3 k2 k1 ", 5);
    expect(w, (struct mvcc_range){PREFIX, .sort_order = down, .limit = 2}, "k5 k4 ", 5);
    assert_true(w->result.more);
    expect(w, (struct mvcc_range){PREFIX, .sort_order = up, .sort_target = MVCC_TARGET_VALUE},
           "k5 k4 k3 k2 k1 ", 5);
    expect(w, (struct mvcc_range){PREFIX, .sort_order = up, .sort_target = MVCC_TARGET_MOD},
           "k2 k4 k5 k3 k1 ", 5);
    expect(
        w,
        (struct mvcc_range){PREFIX, .sort_order = down, .sort_target = MVCC_TARGET_MOD, .limit = 1},
        "k1 ", 5);
    assert_true(w->result.more);
    expect(w, (struct mvcc_range){PREFIX, .sort_order = down, .sort_target = MVCC_TARGET_CREATE},
           "k5 k4 k3 k2 k1 ", 5);
    expect(w, (struct mvcc_range){PREFIX, .sort_order = up, .sort_target = MVCC_TARGET_VERSION},
           "k2 k4 k5 k3 k1 ", 5);
    expect(w, (struct mvcc_range){PREFIX, .sort_order = down, .sort_target = MVCC_TARGET_VERSION},
           "k1 k3 k2 k4 k5 ", 5);
}

/* etcd 3.4 looks at the order alone when it decides how much to fetch. */
static void test_target_without_order_sorts_what_the_limit_fetched(void **state)
{
    expect(*state, (struct mvcc_range){PREFIX, .sort_target = MVCC_TARGET_VALUE}, "k5 k4 k3 k2 k1 ",
           5);
    expect(*state, (struct mvcc_range){PREFIX, .sort_target = MVCC_TARGET_VALUE, .limit = 2},
           "k3 k2 ", 5);
}

static void test_bounds_filter_before_the_limit_but_not_the_count(void **state)
{
    struct world *w = *state;
    expect(w, (struct mvcc_range){PREFIX, .min_mod_revision = 7}, "k1 k3 k5 ", 5);
    expect(w, (struct mvcc_range){PREFIX, .max_mod_revision = 7}, "k2 k4 k5 ", 5);
    expect(w, (struct mvcc_range){PREFIX, .min_create_revision = 5}, "k3 k4 k5 ", 5);
    expect(w, (struct mvcc_range){PREFIX, .max_create_revision = 4}, "k1 k2 ", 5);
    expect(w, (struct mvcc_range){PREFIX, .min_mod_revision = 7, .limit = 2}, "k1 k3 ", 5);
    assert_true(w->result.more);
    expect(w, (struct mvcc_range){PREFIX, .min_mod_revision = 7, .limit = 3}, "k1 k3 k5 ", 5);
    assert_false(w->result.more);
    expect(w, (struct mvcc_range){PREFIX, .min_mod_revision = 99}, "", 5);
}

static void test_old_revisions_show_what_was(void **state)
{
    struct world *w = *state;
    expect(w, (struct mvcc_range){PREFIX, .revision = 5}, "k1 k2 k3 ", 3);
    assert_true(slice_eq_str(w->result.kvs.at[2].value, "c"));
    expect(w, (struct mvcc_range){PREFIX, .revision = 5, .limit = 1}, "k1 ", 3);
    assert_true(w->result.more);
    expect(w, (struct mvcc_range){PREFIX, .revision = 5, .count_only = true}, "", 3);
    expect(w, (struct mvcc_range){PREFIX, .revision = 1}, "", 0);
    expect(w, (struct mvcc_range){PREFIX, .revision = -3}, "k1 k2 k3 k4 k5 ", 5);
    expect(w, (struct mvcc_range){.key = slice_str("k1"), .revision = 9}, "k1 ", 1);
    assert_int_equal(w->result.kvs.at[0].version, 2);
}

static void test_errors(void **state)
{
    struct world *w = *state;
    assert_int_equal(range(w, (struct mvcc_range){.range_end = slice_str("z")}),
                     ERR_ETCD_KEY_EMPTY);
    assert_int_equal(range(w, (struct mvcc_range){PREFIX, .revision = 12}), ERR_ETCD_FUTURE_REV);
    assert_int_equal(range(w, (struct mvcc_range){PREFIX, .sort_order = 3}), ERR_ETCD_INVALID_SORT);
    assert_int_equal(range(w, (struct mvcc_range){PREFIX, .sort_target = 5}),
                     ERR_ETCD_INVALID_SORT);
    assert_int_equal(range(w, (struct mvcc_range){PREFIX, .sort_target = -1}),
                     ERR_ETCD_INVALID_SORT);
    expect(w, (struct mvcc_range){PREFIX, .revision = 11}, "k1 k2 k3 k4 k5 ", 5);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_one_key),
        TEST(test_half_open_range),
        TEST(test_range_end_zero_is_all_from_the_key),
        TEST(test_limit_says_more_and_counts_all),
        TEST(test_keys_only_leaves_out_values),
        TEST(test_sort_by_each_target_then_limit),
        TEST(test_target_without_order_sorts_what_the_limit_fetched),
        TEST(test_bounds_filter_before_the_limit_but_not_the_count),
        TEST(test_old_revisions_show_what_was),
        TEST(test_errors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
