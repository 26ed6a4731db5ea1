/* The file of known failures. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "impl.h"

static bool known(const char *text, const char *fingerprint)
{
    return known_has(slice_str(text), fingerprint);
}

static void test_a_line_is_a_whole_fingerprint(void **state)
{
    (void)state;
    assert_true(known("a/b\nstep/7:5/put color red\n", "step/7:5/put color red"));
    assert_true(known("  a/b \r\n", "a/b"));
    assert_true(known("a/b", "a/b"));
    assert_false(known("a/b\n", "a/bc"));
    assert_false(known("a/bc\n", "a/b"));
    assert_false(known("", "a"));
    assert_false(known("\n\n", "a"));
}

static void test_remarks_are_no_fingerprints(void **state)
{
    (void)state;
    assert_false(known("# a/b\n", "a/b"));
    assert_false(known("#\n", "#"));
    assert_true(known("# why\na/b\n", "a/b"));
}

static void test_a_star_stands_for_any_rest(void **state)
{
    (void)state;
    assert_true(known("oracle/*\n", "oracle/must/writes"));
    assert_true(known("oracle/*\n", "oracle/"));
    assert_false(known("oracle/*\n", "oracle"));
    assert_false(known("oracle/*/writes\n", "oracle/must/writes"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_line_is_a_whole_fingerprint),
        cmocka_unit_test(test_remarks_are_no_fingerprints),
        cmocka_unit_test(test_a_star_stands_for_any_rest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
