#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "state/entry.h"

static void test_what_is_put_is_got(void **state)
{
    const struct entry_head head = {ENTRY_DELETE, UINT64_C(0xd8812d7cd4d463e), 3, 41};
    struct mem_pool *pool = mem_pool_new(1 << 16, 0xA5);
    struct entry_head got;
    struct slice body;
    struct buf out;
    (void)state;
    buf_init(&out, mem_pool_mem(pool));
    entry_put_head(&out, &head);
    assert_int_equal(out.len, ENTRY_HEAD_BYTES);
    buf_add_str(&out, "body");
    assert_int_equal(entry_get(buf_slice(&out), &got, &body), 0);
    assert_int_equal(got.kind, head.kind);
    assert_true(got.origin == head.origin && got.boot == head.boot && got.seq == head.seq);
    assert_true(slice_eq_str(body, "body"));
    mem_pool_free(pool);
}

static void test_foreign_bytes_are_refused(void **state)
{
    uint8_t bytes[ENTRY_HEAD_BYTES] = {1, ENTRY_PUT};
    struct entry_head head;
    struct slice body;
    (void)state;
    assert_int_equal(entry_get(slice_of(bytes, sizeof(bytes)), &head, &body), 0);
    for (size_t len = 0; len < sizeof(bytes); len++) {
        assert_int_equal(entry_get(slice_of(bytes, len), &head, &body), ERR_PROTO);
    }
    bytes[1] = 0;
    assert_int_equal(entry_get(slice_of(bytes, sizeof(bytes)), &head, &body), ERR_PROTO);
    bytes[1] = ENTRY_LAST + 1;
    assert_int_equal(entry_get(slice_of(bytes, sizeof(bytes)), &head, &body), ERR_PROTO);
    bytes[0] = 2;
    assert_int_equal(entry_get(slice_of(bytes, sizeof(bytes)), &head, &body), ERR_FORMAT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_put_is_got),
        cmocka_unit_test(test_foreign_bytes_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
