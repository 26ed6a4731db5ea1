#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "state/state.h"

static void add_members(struct membership *m)
{
    struct buf why;
    membership_init(m, m->mem);
    buf_init(&why, m->mem);
    int rv = membership_parse(m, slice_str("a=http://10.0.0.1:2380,b=http://10.0.0.2:2380"),
                              slice_str("token"), &why);
    assert_int_equal(rv, 0);
    buf_fini(&why);
}

static void test_what_is_encoded_is_decoded(void **test_state)
{
    struct mem_pool *pool = mem_pool_new(1 << 16, 0xA5);
    struct mem *mem = mem_pool_mem(pool);
    struct membership members = {.mem = mem};
    struct state state;
    struct buf out;
    (void)test_state;
    add_members(&members);
    buf_init(&out, mem);
    struct alarms alarms = {0};
    assert_true(alarms_raise(&alarms, 9, ALARM_NOSPACE));
    assert_true(alarms_raise(&alarms, 5, ALARM_NOSPACE));
    assert_false(alarms_raise(&alarms, 9, ALARM_NOSPACE));
    state_encode(77, 3, "3.4.0", &alarms, &members, &out);
    state_init(&state, mem);
    assert_int_equal(state_decode(&state, buf_slice(&out)), 0);
    assert_int_equal(state.index, 77);
    assert_int_equal(state.term, 3);
    assert_string_equal(state.cluster_version, "3.4.0");
    assert_int_equal(state.alarms.count, 2);
    assert_int_equal(state.alarms.at[0].member, 5);
    assert_true(alarms_hash(&state.alarms) == alarms_hash(&alarms));
    assert_true(alarms_disarm(&state.alarms, 5, ALARM_NOSPACE));
    assert_false(alarms_have(&state.alarms, 5, ALARM_NOSPACE));
    assert_true(alarms_any(&state.alarms, ALARM_NOSPACE));
    assert_int_equal(state.members.cluster_id, members.cluster_id);
    assert_int_equal(membership_hash(&state.members), membership_hash(&members));
    state_fini(&state);
    membership_fini(&members);
    buf_fini(&out);
    assert_int_equal(mem->count, 0);
    mem_pool_free(pool);
}

static void expect_refused(struct mem *mem, struct slice bytes, int err)
{
    struct state state;
    state_init(&state, mem);
    assert_int_equal(state_decode(&state, bytes), err);
    state_fini(&state);
}

static void test_foreign_bytes_are_refused(void **test_state)
{
    struct mem_pool *pool = mem_pool_new(1 << 16, 0xA5);
    struct mem *mem = mem_pool_mem(pool);
    struct membership members = {.mem = mem};
    struct buf out;
    (void)test_state;
    add_members(&members);
    buf_init(&out, mem);
    const struct alarms alarms = {0};
    state_encode(77, 3, "", &alarms, &members, &out);
    for (size_t len = 0; len < out.len; len++) {
        expect_refused(mem, slice_of(out.ptr, len), ERR_PROTO);
    }
    buf_add_u8(&out, 0);
    expect_refused(mem, buf_slice(&out), ERR_PROTO);
    out.len--;
    out.ptr[17] = CLUSTER_VERSION_MAX;
    expect_refused(mem, buf_slice(&out), ERR_PROTO);
    out.ptr[17] = 0;
    memset(out.ptr + 1, 0, 8);
    expect_refused(mem, buf_slice(&out), ERR_PROTO);
    out.ptr[0] = 2;
    expect_refused(mem, buf_slice(&out), ERR_FORMAT);
    membership_fini(&members);
    buf_fini(&out);
    mem_pool_free(pool);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_encoded_is_decoded),
        cmocka_unit_test(test_foreign_bytes_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
