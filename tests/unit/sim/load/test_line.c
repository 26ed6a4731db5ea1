#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "load/load.h"

static void test_a_call_and_its_end_are_read(void **state)
{
    struct load_line line;
    (void)state;
    assert_int_equal(load_line_read(slice_str("call 7 put k/1 a value"), &line), 0);
    assert_false(line.done);
    assert_int_equal(line.n, 7);
    assert_true(slice_eq_str(line.kind, "put"));
    assert_true(slice_eq_str(line.key, "k/1"));
    assert_true(slice_eq_str(line.text, "a value"));
    assert_int_equal(load_line_read(slice_str("done 7 ok 12 3 11 4 99 a value"), &line), 0);
    assert_true(line.done);
    assert_int_equal(line.outcome, LOAD_OK);
    assert_int_equal(line.revision, 12);
    assert_int_equal(line.create, 3);
    assert_int_equal(line.mod, 11);
    assert_int_equal(line.version, 4);
    assert_int_equal(line.member, 99);
    assert_true(slice_eq_str(line.text, "a value"));
    assert_int_equal(load_line_read(slice_str("done 8 unknown 0 0 0 0 0 "), &line), 0);
    assert_int_equal(line.text.len, 0);
}

static void test_other_lines_are_refused(void **state)
{
    static const char *const lines[] = {"",
                                        "call",
                                        "call x",
                                        "done 7",
                                        "done 7 maybe 0",
                                        "done 7 ok 1 2",
                                        "done 7 ok x 0 0 0 ",
                                        "told 7"};
    struct load_line line;
    (void)state;
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        assert_int_equal(load_line_read(slice_str(lines[i]), &line), ERR_PROTO);
    }
}

static void test_only_a_definite_error_means_without_effect(void **state)
{
    (void)state;
    assert_int_equal(load_outcome_of(slice_str("etcdserver: unhealthy cluster")), LOAD_REFUSED);
    assert_int_equal(load_outcome_of(slice_str("etcdserver: key is not provided")), LOAD_REFUSED);
    assert_int_equal(load_outcome_of(slice_str("context deadline exceeded")), LOAD_UNKNOWN);
    assert_int_equal(load_outcome_of(slice_str("etcdserver: request timed out")), LOAD_UNKNOWN);
    assert_int_equal(load_outcome_of(slice_str("etcdserver: leader changed")), LOAD_UNKNOWN);
    assert_int_equal(
        load_outcome_of(slice_str("rpc error: code = Unavailable desc = transport is closing")),
        LOAD_UNKNOWN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_call_and_its_end_are_read),
        cmocka_unit_test(test_other_lines_are_refused),
        cmocka_unit_test(test_only_a_definite_error_means_without_effect),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
