/* The framing of record links, byte by byte. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/limits.h"
#include "base/rng.h"
#include "link_frame.h"

struct fixture {
    struct mem_pool *pool;
    struct mem *mem;
    struct link_reader reader;
    struct buf wire;
};

static int setup(void **state)
{
    struct mem_pool *pool = mem_pool_new(UINT64_MAX, 0xEE);
    struct fixture *f = mem_zalloc(mem_pool_mem(pool), 1, sizeof(*f));
    f->pool = pool;
    f->mem = mem_pool_mem(pool);
    link_reader_init(&f->reader, f->mem);
    buf_init(&f->wire, f->mem);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    mem_pool_free(f->pool);
    return 0;
}

static void add_record(struct fixture *f, const void *bytes, size_t len)
{
    uint8_t head[LINK_HEAD_LEN];
    link_frame_head(head, slice_of(bytes, len));
    buf_add(&f->wire, head, sizeof(head));
    buf_add(&f->wire, bytes, len);
}

/* The layout that link_frame.h promises, spelled out: other builds must read it. */
static void test_frame_has_the_documented_layout(void **state)
{
    struct fixture *f = *state;
    static const uint8_t expected[] = {3, 0, 0, 0, 0xf8, 0x83, 0x14, 0x55, 'a', 'b', 'c'};
    add_record(f, "abc", 3);
    assert_int_equal(f->wire.len, sizeof(expected));
    assert_memory_equal(f->wire.ptr, expected, sizeof(expected));
    assert_int_equal(link_preamble[0], 0);
}

static void test_records_come_out_as_they_went_in(void **state)
{
    struct fixture *f = *state;
    static const size_t lens[] = {0, 1, 7, 8, 9, 100, 5000};
    uint8_t bytes[5000];
    for (size_t i = 0; i < sizeof(bytes); i++) {
        bytes[i] = (uint8_t)(i * 7);
    }
    for (size_t i = 0; i < 7; i++) {
        add_record(f, bytes, lens[i]);
    }
    /* In pieces of every size, so that each boundary is cut at each place. */
    for (size_t piece = 1; piece < 40; piece++) {
        size_t found = 0;
        for (size_t at = 0; at < f->wire.len; at += piece) {
            size_t len = f->wire.len - at < piece ? f->wire.len - at : piece;
            struct slice input = slice_of(f->wire.ptr + at, len);
            struct slice record;
            int rc;
            while ((rc = link_reader_next(&f->reader, &input, &record)) == 1) {
                assert_int_equal(record.len, lens[found]);
                assert_true(slice_eq(record, slice_of(bytes, lens[found])));
                found++;
            }
            assert_int_equal(rc, 0);
            assert_int_equal(input.len, 0);
        }
        assert_int_equal(found, 7);
        assert_false(link_reader_waits(&f->reader));
    }
}

static void test_every_flipped_bit_is_noticed(void **state)
{
    struct fixture *f = *state;
    add_record(f, "some bytes", 10);
    for (size_t bit = 0; bit < f->wire.len * 8; bit++) {
        struct link_reader reader;
        struct slice input = buf_slice(&f->wire);
        struct slice record;
        link_reader_init(&reader, f->mem);
        f->wire.ptr[bit / 8] ^= (uint8_t)(1u << bit % 8);
        int rc = link_reader_next(&reader, &input, &record);
        /* A greater length waits for bytes that never come: that is for the clock to end. */
        assert_true(rc == ERR_CORRUPT || rc == ERR_LIMIT || (rc == 0 && bit < 32));
        f->wire.ptr[bit / 8] ^= (uint8_t)(1u << bit % 8);
        link_reader_fini(&reader);
    }
}

static void test_length_past_the_limit_is_refused_before_memory_is_taken(void **state)
{
    struct fixture *f = *state;
    buf_add_u32(&f->wire, RECORD_BYTES_MAX + 1);
    buf_add_u32(&f->wire, 0);
    struct slice input = buf_slice(&f->wire);
    struct slice record;
    uint64_t before = f->mem->bytes_peak;
    assert_int_equal(link_reader_next(&f->reader, &input, &record), ERR_LIMIT);
    for (size_t i = 0; i < 8; i++) {
        input = slice_of(f->wire.ptr + i, 1);
        int rc = link_reader_next(&f->reader, &input, &record);
        assert_int_equal(rc, i < 7 ? 0 : ERR_LIMIT);
    }
    assert_true(f->mem->bytes_peak < before + 1024);
}

/* Who announces 8 MiB and sends little makes us hold little. */
static void test_memory_follows_what_was_received(void **state)
{
    struct fixture *f = *state;
    buf_add_u32(&f->wire, RECORD_BYTES_MAX);
    buf_add_u32(&f->wire, 0);
    uint8_t zeros[1000] = {0};
    buf_add(&f->wire, zeros, sizeof(zeros));
    uint64_t before = f->mem->bytes;
    struct slice input = buf_slice(&f->wire);
    struct slice record;
    assert_int_equal(link_reader_next(&f->reader, &input, &record), 0);
    assert_true(link_reader_waits(&f->reader));
    for (int i = 0; i < 200; i++) {
        input = slice_of(zeros, sizeof(zeros));
        assert_int_equal(link_reader_next(&f->reader, &input, &record), 0);
    }
    assert_true(f->mem->bytes - before <= 2 * 201 * 1000 + 1024);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_frame_has_the_documented_layout, setup, teardown),
        cmocka_unit_test_setup_teardown(test_records_come_out_as_they_went_in, setup, teardown),
        cmocka_unit_test_setup_teardown(test_every_flipped_bit_is_noticed, setup, teardown),
        cmocka_unit_test_setup_teardown(
            test_length_past_the_limit_is_refused_before_memory_is_taken, setup, teardown),
        cmocka_unit_test_setup_teardown(test_memory_follows_what_was_received, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
