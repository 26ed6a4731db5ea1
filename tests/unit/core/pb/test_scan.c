/* What is refused before unpacking, and what unpacking may cost. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "pb/pb.h"
#include "pb/rpc.pb-c.h"

#define TXN        (&etcdserverpb__txn_request__descriptor)
#define PUT        (&etcdserverpb__put_request__descriptor)
#define MEMBER     (&etcdserverpb__member__descriptor)
#define WATCH      (&etcdserverpb__watch_create_request__descriptor)
#define ANSWER     (&etcdserverpb__put_response__descriptor)

#define BYTES(...) slice_of((const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__}))

static int scan(struct slice bytes, const ProtobufCMessageDescriptor *type)
{
    return pb_scan(bytes, type, &pb_limits_request, NULL);
}

static int setup(void **state)
{
    *state = mem_pool_new(256u << 20, 0xa5);
    return 0;
}

static int teardown(void **state)
{
    struct mem *mem = mem_pool_mem(*state);
    int left = mem->bytes != 0 || mem->count != 0;
    mem_pool_free(*state);
    return left;
}

static void test_well_formed_fields_pass(void **state)
{
    (void)state;
    assert_int_equal(scan(slice_of(NULL, 0), TXN), 0);
    assert_int_equal(scan(BYTES(0x0a, 1, 'k', 0x12, 0, 0x20, 1), PUT), 0);
    /* A negative number takes the full ten bytes. */
    assert_int_equal(scan(BYTES(0x18, 255, 255, 255, 255, 255, 255, 255, 255, 255, 1), PUT), 0);
    /* A varint longer than it must be is legal. */
    assert_int_equal(scan(BYTES(0x18, 0x81, 0x80, 0x00), PUT), 0);
}

static void test_bad_varints_are_refused(void **state)
{
    (void)state;
    assert_int_equal(scan(BYTES(0x18), PUT), ERR_PROTO);
    assert_int_equal(scan(BYTES(0x18, 0x80), PUT), ERR_PROTO);
    assert_int_equal(scan(BYTES(0x18, 255, 255, 255, 255, 255, 255, 255, 255, 255, 2), PUT),
                     ERR_PROTO);
    assert_int_equal(scan(BYTES(0x18, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 0), PUT),
                     ERR_PROTO);
    /* Field number 0, and one past 2^29 - 1. */
    assert_int_equal(scan(BYTES(0x00, 1), PUT), ERR_PROTO);
    assert_int_equal(scan(BYTES(0x80, 0x80, 0x80, 0x80, 0x10, 1), PUT), ERR_PROTO);
}

static void test_truncated_fields_are_refused(void **state)
{
    (void)state;
    assert_int_equal(scan(BYTES(0x0a, 2, 'k'), PUT), ERR_PROTO);
    assert_int_equal(scan(BYTES(0x0a, 255, 255, 255, 255, 255, 255, 255, 255, 255, 1), PUT),
                     ERR_PROTO);
    /* Unknown fields too: 64 bit, 32 bit. */
    assert_int_equal(scan(BYTES(0x79, 1, 2, 3, 4, 5, 6, 7), PUT), ERR_PROTO);
    assert_int_equal(scan(BYTES(0x7d, 1, 2, 3), PUT), ERR_PROTO);
    /* A sub-message that reaches past the end of the one around it. */
    assert_int_equal(scan(BYTES(0x0a, 2, 0x08, 0x80, 0x01), ANSWER), ERR_PROTO);
}

static void test_wrong_wire_types_and_groups_are_refused(void **state)
{
    (void)state;
    assert_int_equal(scan(BYTES(0x08, 1), PUT), ERR_PROTO);
    assert_int_equal(scan(BYTES(0x1a, 1, 1), PUT), ERR_PROTO);
    assert_int_equal(scan(BYTES(0x0b, 0x0c), PUT), ERR_PROTO);
    assert_int_equal(scan(BYTES(0x7b, 0x7c), PUT), ERR_PROTO);
    assert_int_equal(scan(BYTES(0x7f, 1), PUT), ERR_PROTO);
}

static void test_strings_must_be_utf8_without_nul(void **state)
{
    (void)state;
    assert_int_equal(scan(BYTES(0x12, 2, 0xc3, 0xa9), MEMBER), 0);
    assert_int_equal(scan(BYTES(0x12, 2, 0xc3, 0x28), MEMBER), ERR_PROTO);
    assert_int_equal(scan(BYTES(0x12, 3, 0xed, 0xa0, 0x80), MEMBER), ERR_PROTO);
    assert_int_equal(scan(BYTES(0x12, 3, 'a', 0, 'b'), MEMBER), ERR_PROTO);
    /* Bytes are bytes. */
    assert_int_equal(scan(BYTES(0x0a, 3, 0, 0xff, 0), PUT), 0);
}

static void test_a_singular_message_stands_once(void **state)
{
    (void)state;
    assert_int_equal(scan(BYTES(0x0a, 0), ANSWER), 0);
    assert_int_equal(scan(BYTES(0x0a, 0, 0x0a, 0), ANSWER), ERR_PROTO);
    assert_int_equal(scan(BYTES(0x0a, 0, 0x12, 0), ANSWER), 0);
}

static void test_packed_numbers_are_counted(void **state)
{
    struct mem *mem = mem_pool_mem(*state);
    ProtobufCMessage *message;
    struct slice mixed = BYTES(0x2a, 3, 0, 1, 1, 0x28, 1);
    assert_int_equal(pb_unpack(mem, WATCH, mixed, &pb_limits_request, &message), 0);
    assert_int_equal(((Etcdserverpb__WatchCreateRequest *)message)->n_filters, 4);
    pb_free(mem, message);
    assert_int_equal(scan(BYTES(0x2a, 2, 1, 0x81), WATCH), ERR_PROTO);
}

/* Txn in Txn in Txn, each in the success branch of the one around it. */
static void nest(struct buf *b, int levels)
{
    for (int i = 0; i < levels; i++) {
        for (uint8_t field = 4; field >= 2; field -= 2) {
            uint8_t header[12];
            size_t n = 0;
            header[n++] = (uint8_t)(field << 3 | 2);
            size_t len = b->len;
            do {
                header[n++] = (uint8_t)((len & 0x7f) | (len > 0x7f ? 0x80 : 0));
                len >>= 7;
            } while (len > 0);
            buf_reserve(b, n);
            memmove(b->ptr + n, b->ptr, b->len);
            memcpy(b->ptr, header, n);
            b->len += n;
        }
    }
}

static void test_nesting_is_bounded(void **state)
{
    struct mem *mem = mem_pool_mem(*state);
    struct buf b;
    ProtobufCMessage *message;
    buf_init(&b, mem);
    nest(&b, 31);
    assert_int_equal(pb_unpack(mem, TXN, buf_slice(&b), &pb_limits_request, &message), 0);
    pb_free(mem, message);
    nest(&b, 1);
    assert_int_equal(scan(buf_slice(&b), TXN), ERR_LIMIT);
    nest(&b, 5000);
    assert_int_equal(scan(buf_slice(&b), TXN), ERR_LIMIT);
    buf_fini(&b);
}

/* 1.5 MB of empty sub-messages are 70 MB unpacked. */
static void test_bloated_messages_are_refused(void **state)
{
    struct mem *mem = mem_pool_mem(*state);
    struct buf b;
    struct pb_cost cost;
    buf_init(&b, mem);
    for (int i = 0; i < 750000; i++) {
        buf_add_u8(&b, 0x12);
        buf_add_u8(&b, 0);
    }
    assert_int_equal(pb_scan(buf_slice(&b), TXN, &pb_limits_request, &cost), ERR_LIMIT);
    buf_clear(&b);
    for (int i = 0; i < 750000; i++) { /* the same with a field that nobody knows */
        buf_add_u8(&b, 0x7a);
        buf_add_u8(&b, 0);
    }
    assert_int_equal(scan(buf_slice(&b), TXN), ERR_LIMIT);
    buf_fini(&b);
}

static void test_field_count_is_bounded(void **state)
{
    (void)state;
    struct pb_limits few = pb_limits_request;
    few.fields_max = 3;
    assert_int_equal(pb_scan(BYTES(0x18, 1, 0x18, 1, 0x18, 1), PUT, &few, NULL), 0);
    assert_int_equal(pb_scan(BYTES(0x18, 1, 0x18, 1, 0x18, 1, 0x18, 1), PUT, &few, NULL),
                     ERR_LIMIT);
}

static void test_prediction_covers_the_peak(void **state)
{
    struct mem *mem = mem_pool_mem(*state);
    for (int ops = 0; ops < 400; ops += 7) {
        struct buf b;
        struct pb_cost cost;
        ProtobufCMessage *message;
        buf_init(&b, mem);
        for (int i = 0; i < ops; i++) {
            /* success { request_put { key: "abc" value: "d" } } */
            static const uint8_t op[] = {0x12, 10, 0x12, 8, 0x0a, 3, 'a', 'b', 'c', 0x12, 1, 'd'};
            buf_add(&b, op, sizeof(op));
        }
        uint64_t before = mem->bytes;
        mem->bytes_peak = before;
        assert_int_equal(pb_scan(buf_slice(&b), TXN, &pb_limits_response, &cost), 0);
        assert_int_equal(pb_unpack(mem, TXN, buf_slice(&b), &pb_limits_response, &message), 0);
        assert_int_equal(mem->bytes - before, cost.bytes_kept);
        assert_true(mem->bytes_peak - before <= cost.bytes_peak);
        pb_free(mem, message);
        buf_fini(&b);
    }
}

/* The limit on memory counts what is kept and what the library needs at the worst moment: the
 * tables of a message and of the one inside it. */
static void test_the_memory_limit_is_exact(void **state)
{
    struct mem *mem = mem_pool_mem(*state);
    struct pb_limits limits = pb_limits_response;
    struct pb_cost cost;
    struct buf b;
    buf_init(&b, mem);
    for (int i = 0; i < 40; i++) {
        buf_add(&b, "\x78\x01", 2); /* a field that nobody knows */
    }
    buf_add(&b, "\x0a\x50", 2); /* the header, with as many */
    for (int i = 0; i < 40; i++) {
        buf_add(&b, "\x78\x01", 2);
    }
    assert_int_equal(pb_scan(buf_slice(&b), ANSWER, &limits, &cost), 0);
    assert_true(cost.bytes_peak > cost.bytes_kept);
    limits.bytes_per_byte = 0;
    limits.bytes_base = (uint32_t)cost.bytes_peak;
    assert_int_equal(pb_scan(buf_slice(&b), ANSWER, &limits, NULL), 0);
    limits.bytes_base--;
    assert_int_equal(pb_scan(buf_slice(&b), ANSWER, &limits, NULL), ERR_LIMIT);
    limits.bytes_base = (uint32_t)cost.bytes_kept - 1;
    assert_int_equal(pb_scan(buf_slice(&b), ANSWER, &limits, NULL), ERR_LIMIT);
    buf_fini(&b);
}

/* A few long values need no tables: what they keep counts alone. */
static void test_one_long_value_may_be_too_much(void **state)
{
    struct mem *mem = mem_pool_mem(*state);
    struct pb_limits limits = pb_limits_request;
    struct pb_cost cost;
    struct buf b;
    buf_init(&b, mem);
    buf_add(&b, "\x0a\x64", 2); /* a key of 100 bytes */
    for (int i = 0; i < 100; i++) {
        buf_add_u8(&b, 'k');
    }
    assert_int_equal(pb_scan(buf_slice(&b), PUT, &limits, &cost), 0);
    assert_int_equal(cost.bytes_peak, cost.bytes_kept);
    limits.bytes_per_byte = 0;
    limits.bytes_base = (uint32_t)cost.bytes_kept;
    assert_int_equal(pb_scan(buf_slice(&b), PUT, &limits, NULL), 0);
    limits.bytes_base--;
    assert_int_equal(pb_scan(buf_slice(&b), PUT, &limits, NULL), ERR_LIMIT);
    buf_fini(&b);
}

/* What etcd allows by default, a transaction of 128 puts, fits a server's limits. */
static void test_the_largest_ordinary_txn_fits(void **state)
{
    struct mem *mem = mem_pool_mem(*state);
    struct buf b;
    buf_init(&b, mem);
    for (int i = 0; i < 128; i++) {
        static const uint8_t op[] = {0x12, 8, 0x12, 6, 0x0a, 1, 'a', 0x12, 1, 'd'};
        buf_add(&b, op, sizeof(op));
    }
    assert_int_equal(scan(buf_slice(&b), TXN), 0);
    buf_fini(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_well_formed_fields_pass),
        cmocka_unit_test(test_bad_varints_are_refused),
        cmocka_unit_test(test_truncated_fields_are_refused),
        cmocka_unit_test(test_wrong_wire_types_and_groups_are_refused),
        cmocka_unit_test(test_strings_must_be_utf8_without_nul),
        cmocka_unit_test(test_a_singular_message_stands_once),
        cmocka_unit_test_setup_teardown(test_packed_numbers_are_counted, setup, teardown),
        cmocka_unit_test_setup_teardown(test_nesting_is_bounded, setup, teardown),
        cmocka_unit_test_setup_teardown(test_bloated_messages_are_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(test_one_long_value_may_be_too_much, setup, teardown),
        cmocka_unit_test(test_field_count_is_bounded),
        cmocka_unit_test_setup_teardown(test_prediction_covers_the_peak, setup, teardown),
        cmocka_unit_test_setup_teardown(test_the_memory_limit_is_exact, setup, teardown),
        cmocka_unit_test_setup_teardown(test_the_largest_ordinary_txn_fits, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
