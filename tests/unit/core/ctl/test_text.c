/* Texts as etcdctl prints them, Go's own among them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/duration.h"
#include "text.h"

static int setup(void **state)
{
    *state = mem_pool_new(1 << 20, 0xa5);
    return 0;
}

static int teardown(void **state)
{
    int left = mem_pool_mem(*state)->bytes != 0;
    mem_pool_free(*state);
    return left;
}

static void check_quote(void **state, struct slice text, const char *expected)
{
    struct buf b;
    buf_init(&b, mem_pool_mem(*state));
    text_quote(&b, text);
    assert_string_equal(buf_cstr(&b), expected);
    buf_fini(&b);
}

static void test_strings_are_quoted_as_go_does(void **state)
{
    check_quote(state, slice_str("infra2"), "\"infra2\"");
    check_quote(state, slice_str("a\"b\\c"), "\"a\\\"b\\\\c\"");
    check_quote(state, slice_str("\a\b\t\n\v\f\r\x1f\x7f"), "\"\\a\\b\\t\\n\\v\\f\\r\\x1f\\x7f\"");
    check_quote(state, slice_str("\xc3\xa9\xe4\xb8\x96"), "\"\xc3\xa9\xe4\xb8\x96\"");
    check_quote(state, slice_of("\xc3(\xff", 3), "\"\\xc3(\\xff\"");
    check_quote(state, slice_of("\0", 1), "\"\\x00\"");
}

static void check_size(void **state, uint64_t bytes, const char *expected)
{
    struct buf b;
    buf_init(&b, mem_pool_mem(*state));
    text_size(&b, bytes);
    assert_string_equal(buf_cstr(&b), expected);
    buf_fini(&b);
}

static void test_sizes_are_for_people(void **state)
{
    check_size(state, 0, "0 B");
    check_size(state, 9, "9 B");
    check_size(state, 999, "999 B");
    check_size(state, 1000, "1.0 kB");
    check_size(state, 20480, "20 kB");
    check_size(state, 24576, "25 kB");
    check_size(state, 1572864, "1.6 MB");
    check_size(state, UINT64_C(2147483648), "2.1 GB");
    check_size(state, UINT64_MAX, "18 EB");
}

static void check_complaint(struct buf *b, int err, const char *expected)
{
    assert_int_equal(err, ERR_INVALID);
    assert_string_equal(buf_cstr(b), expected);
    buf_fini(b);
}

static void test_bad_numbers_are_named(void **state)
{
    struct buf b;
    uint64_t id = 0;
    int64_t n = 0;
    buf_init(&b, mem_pool_mem(*state));
    assert_int_equal(text_hex_u64("f9cdff8ff92c3cf9", &id, &b), 0);
    assert_true(id == UINT64_C(0xf9cdff8ff92c3cf9));
    check_complaint(&b, text_hex_u64("zzz", &id, &b),
                    "strconv.ParseUint: parsing \"zzz\": invalid syntax");
    check_complaint(&b, text_hex_u64("-1", &id, &b),
                    "strconv.ParseUint: parsing \"-1\": invalid syntax");
    check_complaint(&b, text_hex_u64("", &id, &b),
                    "strconv.ParseUint: parsing \"\": invalid syntax");
    check_complaint(&b, text_hex_u64("11111111111111111", &id, &b),
                    "strconv.ParseUint: parsing \"11111111111111111\": value out of range");
    check_complaint(&b, text_hex_i64("8000000000000000", &n, &b),
                    "strconv.ParseInt: parsing \"8000000000000000\": value out of range");
    assert_int_equal(text_hex_i64("-8000000000000000", &n, &b), 0);
    assert_true(n == INT64_MIN);
    assert_int_equal(text_i64("0x10", &n, &b), 0);
    assert_int_equal(n, 16);
    check_complaint(&b, text_bool("maybe", &n, &b),
                    "strconv.ParseBool: parsing \"maybe\": invalid syntax");
}

static void test_bad_durations_are_named(void **state)
{
    struct buf b;
    int64_t ns = 0;
    buf_init(&b, mem_pool_mem(*state));
    assert_int_equal(text_duration("1m0.5s", &ns, &b), 0);
    assert_true(ns == MIN_NS + SEC_NS / 2);
    check_complaint(&b, text_duration("x", &ns, &b), "time: invalid duration \"x\"");
    check_complaint(&b, text_duration("5", &ns, &b), "time: missing unit in duration \"5\"");
    check_complaint(&b, text_duration("5y", &ns, &b),
                    "time: unknown unit \"y\" in duration \"5y\"");
    check_complaint(&b, text_duration("1h2x", &ns, &b),
                    "time: unknown unit \"x\" in duration \"1h2x\"");
    check_complaint(&b, text_duration("1h2", &ns, &b), "time: missing unit in duration \"1h2\"");
    check_complaint(&b, text_duration("9999999999h", &ns, &b),
                    "time: invalid duration \"9999999999h\"");
}

static void check_url(void **state, const char *url, const char *complaint)
{
    struct buf b;
    buf_init(&b, mem_pool_mem(*state));
    int err = text_check_url(slice_str(url), &b);
    assert_string_equal(buf_cstr(&b), complaint);
    assert_int_equal(err, *complaint == '\0' ? 0 : ERR_INVALID);
    buf_fini(&b);
}

/* Each as captured from etcdctl 3.4.23. */
static void test_urls_are_checked_as_etcd_does(void **state)
{
    check_url(state, "http://10.0.1.10:2380", "");
    check_url(state, "https://[::1]:2380", "");
    check_url(state, " http://10.0.1.10:2380 ", "");
    check_url(state, "http://127.0.0.1:80?x=y", "");
    check_url(state, "127.0.0.1:23999",
              "parse \"127.0.0.1:23999\": first path segment in URL cannot contain colon");
    check_url(state, "ftp://127.0.0.1:23999",
              "URL scheme must be http, https, unix, or unixs: ftp://127.0.0.1:23999");
    check_url(state, "localhost:2380",
              "URL scheme must be http, https, unix, or unixs: localhost:2380");
    check_url(state, "", "URL scheme must be http, https, unix, or unixs: ");
    check_url(state, "http://127.0.0.1",
              "URL address does not have the form \"host:port\": http://127.0.0.1");
    check_url(state, "http://127.0.0.1:23999/path",
              "URL must not contain a path: http://127.0.0.1:23999/path");
    check_url(state, "http://u:p@127.0.0.1:80/",
              "URL must not contain a path: http://u:p@127.0.0.1:80/");
    check_url(state, "http://a:b", "parse \"http://a:b\": invalid port \":b\" after host");
    check_url(state, "http://a b:80",
              "parse \"http://a b:80\": invalid character \" \" in host name");
    check_url(state, "://", "parse \"://\": missing protocol scheme");
    check_url(state, "%zz", "parse \"%zz\": invalid URL escape \"%zz\"");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_strings_are_quoted_as_go_does, setup, teardown),
        cmocka_unit_test_setup_teardown(test_sizes_are_for_people, setup, teardown),
        cmocka_unit_test_setup_teardown(test_bad_numbers_are_named, setup, teardown),
        cmocka_unit_test_setup_teardown(test_bad_durations_are_named, setup, teardown),
        cmocka_unit_test_setup_teardown(test_urls_are_checked_as_etcd_does, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
