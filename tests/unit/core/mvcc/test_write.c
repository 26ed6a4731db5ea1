#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "mvcc/mvcc.h"

struct world {
    struct mem_pool *pool;
    struct mem *mem;
    struct mvcc *m;
};

static int setup(void **state)
{
    static struct world world;
    world.pool = mem_pool_new(UINT64_MAX, 0xA5);
    world.mem = mem_pool_mem(world.pool);
    world.m = mvcc_new(world.mem);
    *state = &world;
    return 0;
}

static int teardown(void **state)
{
    struct world *w = *state;
    mvcc_check(w->m);
    mvcc_free(w->m);
    assert_int_equal(w->mem->count, 0);
    mem_pool_free(w->pool);
    return 0;
}

static struct mvcc_put_result put(struct world *w, struct mvcc_put request, int expected)
{
    struct mvcc_put_result result;
    revision_t before = mvcc_revision(w->m);
    uint64_t hash = mvcc_hash(w->m);
    assert_int_equal(mvcc_put(w->m, &request, &result), expected);
    assert_int_equal(mvcc_revision(w->m), before + (expected == 0));
    assert_int_equal(result.revision, mvcc_revision(w->m));
    assert_int_equal(mvcc_hash(w->m) == hash, expected != 0);
    return result;
}

#define PUT(k, v)                                  \
    (struct mvcc_put)                              \
    {                                              \
        .key = slice_str(k), .value = slice_str(v) \
    }

static struct mvcc_kv get(struct world *w, const char *key)
{
    struct mvcc_range request = {.key = slice_str(key)};
    struct mvcc_range_result result;
    struct mvcc_kv kv = {.version = 0};
    assert_int_equal(mvcc_range(w->m, &request, w->mem, &result), 0);
    if (result.kvs.count > 0) {
        kv = result.kvs.at[0];
    }
    mvcc_range_result_fini(&result, w->mem);
    return kv;
}

static int64_t delete (struct world *w, const char *key, const char *end)
{
    struct mvcc_delete request = {.key = slice_str(key), .range_end = slice_str(end)};
    struct mvcc_delete_result result;
    assert_int_equal(mvcc_delete(w->m, &request, w->mem, &result), 0);
    assert_int_equal(result.revision, mvcc_revision(w->m));
    mvcc_delete_result_fini(&result, w->mem);
    return result.deleted;
}

static void test_an_empty_store_is_at_revision_1(void **state)
{
    struct world *w = *state;
    assert_int_equal(mvcc_revision(w->m), 1);
    assert_int_equal(mvcc_compacted(w->m), -1);
    assert_int_equal(mvcc_live(w->m), 0);
    assert_int_equal(mvcc_size(w->m), 0);
    assert_int_equal(get(w, "a").version, 0);
    assert_int_equal(delete (w, "a", "z"), 0);
    assert_int_equal(mvcc_revision(w->m), 1);
}

static void test_put_returns_the_previous_only_if_asked(void **state)
{
    struct world *w = *state;
    struct mvcc_put asking = PUT("foo", "bar2");
    asking.prev_kv = true;
    assert_false(put(w, asking, 0).has_prev_kv);
    assert_false(put(w, PUT("foo", "bar3"), 0).has_prev_kv);
    struct mvcc_put_result result = put(w, asking, 0);
    assert_true(result.has_prev_kv);
    assert_true(slice_eq_str(result.prev_kv.key, "foo"));
    assert_true(slice_eq_str(result.prev_kv.value, "bar3"));
    assert_int_equal(result.prev_kv.create_revision, 2);
    assert_int_equal(result.prev_kv.mod_revision, 3);
    assert_int_equal(result.prev_kv.version, 2);
}

static void test_put_ignore_value_keeps_it_and_needs_the_key(void **state)
{
    struct world *w = *state;
    struct mvcc_put keep = {.key = slice_str("foo"), .ignore_value = true};
    put(w, keep, ERR_ETCD_KEY_NOT_FOUND);
    put(w, PUT("foo", "bar"), 0);
    put(w, keep, 0);
    assert_true(slice_eq_str(get(w, "foo").value, "bar"));
    assert_int_equal(get(w, "foo").version, 2);
    keep.value = slice_str("x");
    put(w, keep, ERR_ETCD_VALUE_PROVIDED);
    assert_int_equal(delete (w, "foo", ""), 1);
    keep.value = slice_str("");
    put(w, keep, ERR_ETCD_KEY_NOT_FOUND);
}

static void test_put_ignore_lease_needs_the_key_and_no_lease(void **state)
{
    struct world *w = *state;
    struct mvcc_put keep = {.key = slice_str("foo"), .value = slice_str("v"), .ignore_lease = true};
    put(w, keep, ERR_ETCD_KEY_NOT_FOUND);
    put(w, PUT("foo", "bar"), 0);
    put(w, keep, 0);
    assert_true(slice_eq_str(get(w, "foo").value, "v"));
    keep.lease = 7;
    put(w, keep, ERR_ETCD_LEASE_PROVIDED);
}

static void test_put_with_an_unknown_lease_is_refused(void **state)
{
    struct mvcc_put request = PUT("foo", "bar");
    request.lease = 1289;
    put(*state, request, ERR_ETCD_LEASE_NOT_FOUND);
    request.lease = -1;
    put(*state, request, ERR_ETCD_LEASE_NOT_FOUND);
}

static void test_the_empty_key_is_refused(void **state)
{
    struct world *w = *state;
    struct mvcc_delete request = {.range_end = slice_str("z")};
    struct mvcc_delete_result result;
    put(w, PUT("", "v"), ERR_ETCD_KEY_EMPTY);
    assert_int_equal(mvcc_delete(w->m, &request, w->mem, &result), ERR_ETCD_KEY_EMPTY);
    mvcc_delete_result_fini(&result, w->mem);
}

static void test_delete_ends_a_generation(void **state)
{
    struct world *w = *state;
    put(w, PUT("k", "1"), 0);
    put(w, PUT("k", "2"), 0);
    assert_int_equal(delete (w, "k", ""), 1);
    assert_int_equal(mvcc_revision(w->m), 4);
    assert_int_equal(mvcc_live(w->m), 0);
    assert_int_equal(delete (w, "k", ""), 0);
    assert_int_equal(mvcc_revision(w->m), 4);
    put(w, PUT("k", "3"), 0);
    assert_int_equal(get(w, "k").version, 1);
    assert_int_equal(get(w, "k").create_revision, 5);
    assert_int_equal(mvcc_live(w->m), 1);
}

static void test_delete_range_is_one_revision(void **state)
{
    struct world *w = *state;
    put(w, PUT("k1", "1"), 0);
    put(w, PUT("k2", "2"), 0);
    put(w, PUT("l", "3"), 0);
    struct mvcc_delete request = {
        .key = slice_str("k"), .range_end = slice_str("l"), .prev_kv = true};
    struct mvcc_delete_result result;
    assert_int_equal(mvcc_delete(w->m, &request, w->mem, &result), 0);
    assert_int_equal(result.deleted, 2);
    assert_int_equal(result.revision, 5);
    assert_int_equal(result.prev_kvs.count, 2);
    assert_true(slice_eq_str(result.prev_kvs.at[0].key, "k1"));
    assert_true(slice_eq_str(result.prev_kvs.at[1].value, "2"));
    assert_int_equal(result.prev_kvs.at[1].mod_revision, 3);
    mvcc_delete_result_fini(&result, w->mem);
    request.key = slice_of("", 1);
    request.range_end = slice_of("", 1);
    request.prev_kv = false;
    assert_int_equal(mvcc_delete(w->m, &request, w->mem, &result), 0);
    assert_int_equal(result.deleted, 1);
    assert_int_equal(result.prev_kvs.count, 0);
    mvcc_delete_result_fini(&result, w->mem);
}

static void test_the_hash_depends_on_the_log_alone(void **state)
{
    struct world *w = *state;
    struct mem_pool *pool = mem_pool_new(UINT64_MAX, 0x5A);
    struct world other = {pool, mem_pool_mem(pool), NULL};
    other.m = mvcc_new(other.mem);
    assert_true(mvcc_hash(w->m) == mvcc_hash(other.m));
    for (int i = 0; i < 2000; i++) {
        char key[2] = {(char)('a' + i % 23), 0};
        struct world *first = i % 2 == 0 ? w : &other;
        struct world *second = i % 2 == 0 ? &other : w;
        put(first, PUT(key, "v"), 0);
        assert_true(mvcc_hash(w->m) != mvcc_hash(other.m));
        put(second, PUT(key, "v"), 0);
        assert_true(mvcc_hash(w->m) == mvcc_hash(other.m));
    }
    assert_int_equal(mvcc_size(w->m), mvcc_size(other.m));
    put(w, PUT("a", "v"), 0);
    put(&other, PUT("a", "V"), 0);
    assert_true(mvcc_hash(w->m) != mvcc_hash(other.m));
    mvcc_check(other.m);
    mvcc_free(other.m);
    mem_pool_free(pool);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_an_empty_store_is_at_revision_1),
        TEST(test_put_returns_the_previous_only_if_asked),
        TEST(test_put_ignore_value_keeps_it_and_needs_the_key),
        TEST(test_put_ignore_lease_needs_the_key_and_no_lease),
        TEST(test_put_with_an_unknown_lease_is_refused),
        TEST(test_the_empty_key_is_refused),
        TEST(test_delete_ends_a_generation),
        TEST(test_delete_range_is_one_revision),
        TEST(test_the_hash_depends_on_the_log_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
