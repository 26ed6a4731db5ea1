#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/duration.h"
#include "base/err.h"

static void parses(const char *text, int64_t expected)
{
    int64_t ns = 0;
    assert_int_equal(duration_parse(slice_str(text), &ns), 0);
    assert_int_equal(ns, expected);
}

static void test_durations_are_read_as_go_does(void **state)
{
    (void)state;
    parses("0", 0);
    parses("1.5s", 1500 * MS_NS);
    parses("1h2m", 62 * MIN_NS);
    parses("300ms", 300 * MS_NS);
    parses("-5us", -5 * US_NS);
    static const char *const bad[] = {"", "5", "s", "1x", "1s ", "99999999999h", "."};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        int64_t ns = 0;
        assert_int_equal(duration_parse(slice_str(bad[i]), &ns), ERR_INVALID);
    }
}

static void formats(int64_t ns, const char *expected)
{
    char text[48];
    assert_int_equal(duration_format(text, sizeof(text), ns), strlen(expected));
    assert_string_equal(text, expected);
}

static void test_durations_are_written_as_go_does(void **state)
{
    (void)state;
    formats(0, "0s");
    formats(1500 * MS_NS, "1.5s");
    formats(300 * MS_NS, "300ms");
    formats(MIN_NS, "1m0s");
    formats(62 * MIN_NS, "1h2m0s");
    formats(-5, "-5ns");
}

static void dates(int64_t wall_ns, const char *rfc3339, const char *http)
{
    char text[48];
    time_format(text, sizeof(text), wall_ns);
    assert_string_equal(text, rfc3339);
    time_format_http(text, sizeof(text), wall_ns);
    assert_string_equal(text, http);
}

static void test_dates(void **state)
{
    (void)state;
    dates(0, "1970-01-01T00:00:00.000Z", "Thu, 01 Jan 1970 00:00:00 GMT");
    dates(1795326366 * SEC_NS + 241 * MS_NS, "2026-11-22T05:46:06.241Z",
          "Sun, 22 Nov 2026 05:46:06 GMT");
    dates(951782399 * SEC_NS, "2000-02-28T23:59:59.000Z", "Mon, 28 Feb 2000 23:59:59 GMT");
    dates(951868799 * SEC_NS, "2000-02-29T23:59:59.000Z", "Tue, 29 Feb 2000 23:59:59 GMT");
    dates(-1, "1969-12-31T23:59:59.999Z", "Wed, 31 Dec 1969 23:59:59 GMT");
    dates(4107542400 * SEC_NS, "2100-03-01T00:00:00.000Z", "Mon, 01 Mar 2100 00:00:00 GMT");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_durations_are_read_as_go_does),
        cmocka_unit_test(test_durations_are_written_as_go_does),
        cmocka_unit_test(test_dates),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
