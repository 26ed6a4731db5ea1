#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/duration.h"
#include "snapshot_wire.h"

struct world {
    struct mem_pool *pool;
    struct buf out;
};

static void begin(struct world *w)
{
    w->pool = mem_pool_new(1 << 16, 0xA5);
    buf_init(&w->out, mem_pool_mem(w->pool));
}

static void end(struct world *w)
{
    buf_fini(&w->out);
    mem_pool_free(w->pool);
}

static void test_an_ask_comes_back(void **state)
{
    const struct snapshot_ask ask = {100, 3, 77, 4096, 16384};
    struct snapshot_ask got;
    struct world w;
    (void)state;
    begin(&w);
    snapshot_put_ask(&w.out, &ask);
    assert_int_equal(snapshot_get_ask(buf_slice(&w.out), &got), 0);
    assert_memory_equal(&got.offset, &ask.offset, sizeof(ask.offset));
    assert_true(got.index == 100 && got.term == 3 && got.file == 77 && got.want == 16384);
    for (size_t len = 0; len < w.out.len; len++) {
        assert_int_equal(snapshot_get_ask(slice_of(w.out.ptr, len), &got), ERR_PROTO);
    }
    buf_add_u8(&w.out, 0);
    assert_int_equal(snapshot_get_ask(buf_slice(&w.out), &got), ERR_PROTO);
    end(&w);
}

static void test_an_ask_of_an_unknown_file_begins_at_its_beginning(void **state)
{
    const struct snapshot_ask ask = {100, 3, 0, 8, 16384};
    struct snapshot_ask got;
    struct world w;
    (void)state;
    begin(&w);
    snapshot_put_ask(&w.out, &ask);
    assert_int_equal(snapshot_get_ask(buf_slice(&w.out), &got), ERR_PROTO);
    end(&w);
}

static void test_a_piece_lies_inside_its_file(void **state)
{
    struct snapshot_piece piece = {100, 3, 77, 10, 6, slice_str("abcd")};
    struct snapshot_piece got;
    struct world w;
    (void)state;
    begin(&w);
    snapshot_put_piece(&w.out, &piece);
    assert_int_equal(snapshot_get_piece(buf_slice(&w.out), &got), 0);
    assert_true(got.size == 10 && got.offset == 6 && slice_eq_str(got.bytes, "abcd"));
    assert_int_equal(snapshot_get_piece(slice_of(w.out.ptr, w.out.len - 4), &got), ERR_PROTO);
    piece.offset = 7;
    buf_clear(&w.out);
    snapshot_put_piece(&w.out, &piece);
    assert_int_equal(snapshot_get_piece(buf_slice(&w.out), &got), ERR_PROTO);
    piece.offset = UINT64_MAX;
    buf_clear(&w.out);
    snapshot_put_piece(&w.out, &piece);
    assert_int_equal(snapshot_get_piece(buf_slice(&w.out), &got), ERR_PROTO);
    piece.offset = 0;
    piece.size = UINT64_MAX;
    buf_clear(&w.out);
    snapshot_put_piece(&w.out, &piece);
    assert_int_equal(snapshot_get_piece(buf_slice(&w.out), &got), ERR_PROTO);
    end(&w);
}

static void test_an_end_says_one_of_three_things(void **state)
{
    struct snapshot_end e = {100, 3, SNAPSHOT_GONE};
    struct snapshot_end got;
    struct world w;
    (void)state;
    begin(&w);
    snapshot_put_end(&w.out, &e);
    assert_int_equal(snapshot_get_end(buf_slice(&w.out), &got), 0);
    assert_int_equal(got.what, SNAPSHOT_GONE);
    w.out.ptr[16] = 4;
    assert_int_equal(snapshot_get_end(buf_slice(&w.out), &got), ERR_PROTO);
    w.out.ptr[16] = 0;
    assert_int_equal(snapshot_get_end(buf_slice(&w.out), &got), ERR_PROTO);
    end(&w);
}

/* A link that carries so many bytes in a second and needs so long for none. */
static uint32_t settle(int64_t bytes_per_second, int64_t latency_ns)
{
    struct snapshot_pace pace;
    snapshot_pace_init(&pace);
    for (int i = 0; i < 100; i++) {
        snapshot_pace_answered(&pace, latency_ns + (int64_t)pace.want * SEC_NS / bytes_per_second,
                               100 * MS_NS);
    }
    return pace.want;
}

static void test_the_pace_fits_the_link(void **state)
{
    (void)state;
    /* A fast link is filled, however long it is. */
    assert_int_equal(settle(INT64_C(1) << 30, MS_NS / 10), SNAPSHOT_WANT_MAX);
    assert_int_equal(settle(INT64_C(1) << 30, 200 * MS_NS), SNAPSHOT_WANT_MAX);
    /* On a slow one a heartbeat waits for less than its interval. */
    assert_int_equal(settle(100 * 1024, MS_NS), 8192);
    assert_int_equal(settle(1024, MS_NS), SNAPSHOT_WANT_MIN);
    /* Losses make it smaller, down to a limit. */
    struct snapshot_pace pace;
    snapshot_pace_init(&pace);
    for (int i = 0; i < 10; i++) {
        snapshot_pace_lost(&pace);
    }
    assert_int_equal(pace.want, SNAPSHOT_WANT_MIN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_an_ask_comes_back),
        cmocka_unit_test(test_an_ask_of_an_unknown_file_begins_at_its_beginning),
        cmocka_unit_test(test_a_piece_lies_inside_its_file),
        cmocka_unit_test(test_an_end_says_one_of_three_things),
        cmocka_unit_test(test_the_pace_fits_the_link),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
