/* Timeouts, percent encoding and quoting, as grpc-go 1.33 does them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/duration.h"
#include "grpc/wire.h"

static void test_timeouts_of_every_unit_are_read(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t ns;
    } good[] = {
        {"1H", 3600 * SEC_NS},
        {"2M", 120 * SEC_NS},
        {"3S", 3 * SEC_NS},
        {"4m", 4 * MS_NS},
        {"4995082u", 4995082000},
        {"6n", 6},
        {"0n", 0},
        {"99999999S", 99999999 * SEC_NS},
        {"99999999H", INT64_MAX},
        {"+5S", 5 * SEC_NS},
        {"-5S", -5 * SEC_NS},
    };
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        int64_t ns = -1;
        assert_int_equal(grpc_timeout_parse(slice_str(good[i].text), &ns), 0);
        assert_true(ns == good[i].ns);
    }
    static const char *const bad[] = {"",   "5",    "S",    "5x", "123456789S", "1.5S",
                                      "5s", "- 5S", "--5S", "+S", "0x5S"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        int64_t ns;
        assert_int_equal(grpc_timeout_parse(slice_str(bad[i]), &ns), ERR_INVALID);
    }
}

static void test_timeouts_are_written_in_the_finest_unit_that_fits(void **state)
{
    (void)state;
    static const struct {
        int64_t ns;
        const char *text;
    } cases[] = {
        {4995082000, "4995082u"},
        {4995081001, "4995082u"},
        {99999999, "99999999n"},
        {100000000, "100000u"},
        {0, "0n"},
        {-1, "0n"},
        {7 * 24 * 3600 * SEC_NS, "604800S"},
        {100 * SEC_NS, "100000m"},
        {INT64_MAX, "2562048H"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char text[GRPC_TIMEOUT_LEN_MAX];
        size_t len = grpc_timeout_format(text, cases[i].ns);
        assert_string_equal(text, cases[i].text);
        assert_int_equal(len, strlen(text));
    }
}

static void check_encoded(struct mem *mem, struct slice text, const char *encoded)
{
    struct buf out;
    buf_init(&out, mem);
    grpc_message_encode(&out, text);
    assert_string_equal(buf_cstr(&out), encoded);
    buf_fini(&out);
}

static void test_messages_are_percent_encoded_outside_printable_ascii(void **state)
{
    (void)state;
    struct mem_pool *pool = mem_pool_new(UINT64_MAX, -1);
    struct mem *mem = mem_pool_mem(pool);
    check_encoded(mem, slice_str("etcdserver: no leader"), "etcdserver: no leader");
    check_encoded(mem, slice_str("100% \n\x7f~"), "100%25 %0A%7F~");
    check_encoded(mem, slice_str("\xc3\xa4"), "%C3%A4");
    check_encoded(mem,
                  slice_str("a\xff"
                            "b\xe2\x82"),
                  "a%EF%BF%BDb%EF%BF%BD%EF%BF%BD");
    assert_int_equal(mem->bytes, 0);
    mem_pool_free(pool);
}

static void test_messages_are_decoded_and_broken_escapes_stay(void **state)
{
    (void)state;
    struct mem_pool *pool = mem_pool_new(UINT64_MAX, -1);
    struct buf out;
    buf_init(&out, mem_pool_mem(pool));
    grpc_message_decode(&out, slice_str("%c3%A4 100%25 %4 %zz %"));
    assert_string_equal(buf_cstr(&out), "\xc3\xa4 100% %4 %zz %");
    buf_clear(&out);
    for (int byte = 0; byte < 256; byte++) {
        uint8_t all[3] = {'x', (uint8_t)(byte < 128 ? byte : '?'), 'y'};
        struct buf encoded;
        buf_init(&encoded, out.mem);
        grpc_message_encode(&encoded, slice_of(all, 3));
        buf_clear(&out);
        grpc_message_decode(&out, buf_slice(&encoded));
        assert_true(slice_eq(buf_slice(&out), slice_of(all, 3)));
        buf_fini(&encoded);
    }
    buf_fini(&out);
    mem_pool_free(pool);
}

static void test_quotes_escape_what_go_escapes(void **state)
{
    (void)state;
    struct mem_pool *pool = mem_pool_new(UINT64_MAX, -1);
    struct buf out;
    buf_init(&out, mem_pool_mem(pool));
    grpc_quote(&out, slice_str("/a\"b\\c\xc3\xa4\xff"));
    assert_string_equal(buf_cstr(&out), "\"/a\\\"b\\\\c\xc3\xa4\\xff\"");
    buf_fini(&out);
    mem_pool_free(pool);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_timeouts_of_every_unit_are_read),
        cmocka_unit_test(test_timeouts_are_written_in_the_finest_unit_that_fits),
        cmocka_unit_test(test_messages_are_percent_encoded_outside_printable_ascii),
        cmocka_unit_test(test_messages_are_decoded_and_broken_escapes_stay),
        cmocka_unit_test(test_quotes_escape_what_go_escapes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
