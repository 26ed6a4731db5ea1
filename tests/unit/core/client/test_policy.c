/* What is tried again and when, and how errors are worded. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "client/client.h"
#include "client/policy.h"

static void test_only_unavailable_reads_are_tried_again(void **state)
{
    (void)state;
    for (int status = 0; status <= 16; status++) {
        bool unavailable = status == GRPC_UNAVAILABLE;
        assert_int_equal(policy_may_retry(true, (enum grpc_status)status, 1), unavailable);
        assert_false(policy_may_retry(false, (enum grpc_status)status, 1));
    }
    assert_true(policy_may_retry(true, GRPC_UNAVAILABLE, 99));
    assert_false(policy_may_retry(true, GRPC_UNAVAILABLE, 100));
}

static void test_changes_are_not_repeatable(void **state)
{
    (void)state;
    assert_true(client_range.repeatable);
    assert_true(client_member_list.repeatable);
    assert_true(client_status.repeatable);
    assert_true(client_hash_kv.repeatable);
    assert_true(client_move_leader.repeatable);
    assert_false(client_put.repeatable);
    assert_false(client_delete_range.repeatable);
    assert_false(client_member_add.repeatable);
    assert_false(client_member_remove.repeatable);
    assert_false(client_member_update.repeatable);
    assert_false(client_member_promote.repeatable);
}

static void test_retries_wait_after_each_quorum_of_endpoints(void **state)
{
    (void)state;
    struct rng rng = rng_stream(1, "test", 0);
    for (uint32_t attempt = 1; attempt < 100; attempt++) {
        int64_t one = policy_retry_wait_ns(attempt, 1, &rng);
        int64_t three = policy_retry_wait_ns(attempt, 3, &rng);
        assert_in_range(one, 22500000, 27500000);
        if (attempt % 2 == 0) {
            assert_in_range(three, 22500000, 27500000);
        } else {
            assert_int_equal(three, 0);
        }
    }
}

static void test_backoff_grows_and_is_capped(void **state)
{
    (void)state;
    struct rng rng = rng_stream(1, "test", 0);
    assert_int_equal(policy_backoff_ns(0, &rng), SEC_NS);
    assert_int_equal(rng.n, 0);
    for (int i = 0; i < 50; i++) {
        assert_in_range(policy_backoff_ns(1, &rng), 1280 * MS_NS, 1920 * MS_NS);
        assert_in_range(policy_backoff_ns(2, &rng), 2048 * MS_NS, 3072 * MS_NS);
        assert_in_range(policy_backoff_ns(1000000, &rng), 96 * SEC_NS, 144 * SEC_NS);
    }
}

static void check_text(enum grpc_status status, const char *text, const char *expected)
{
    struct mem_pool *pool = mem_pool_new(1 << 20, -1);
    struct buf b;
    buf_init(&b, mem_pool_mem(pool));
    client_error_text(status, slice_str(text), &b);
    assert_string_equal(buf_cstr(&b), expected);
    buf_fini(&b);
    mem_pool_free(pool);
}

static void test_etcds_own_errors_are_printed_bare(void **state)
{
    (void)state;
    check_text(GRPC_UNKNOWN,
               "etcdserver: re-configuration failed due to not enough started members",
               "etcdserver: re-configuration failed due to not enough started members");
    check_text(GRPC_UNAVAILABLE, "etcdserver: unhealthy cluster", "etcdserver: unhealthy cluster");
    check_text(GRPC_UNKNOWN, "context deadline exceeded",
               "rpc error: code = Unknown desc = context deadline exceeded");
    check_text(GRPC_UNAVAILABLE, "transport is closing",
               "rpc error: code = Unavailable desc = transport is closing");
    check_text((enum grpc_status)17, "x", "rpc error: code = Code(17) desc = x");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_only_unavailable_reads_are_tried_again),
        cmocka_unit_test(test_changes_are_not_repeatable),
        cmocka_unit_test(test_retries_wait_after_each_quorum_of_endpoints),
        cmocka_unit_test(test_backoff_grows_and_is_capped),
        cmocka_unit_test(test_etcds_own_errors_are_printed_bare),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
