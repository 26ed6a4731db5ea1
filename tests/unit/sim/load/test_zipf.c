#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../../../../sim/load/zipf.h"

#define ONE (UINT64_C(1) << 40)

static void assert_near(uint64_t got, uint64_t wanted)
{
    uint64_t slack = wanted / 1000 + 2;
    assert_in_range(got, wanted - slack, wanted + slack);
}

static void test_weights_are_powers_of_the_rank(void **state)
{
    (void)state;
    assert_int_equal(zipf_weight(1, 10), ONE);
    assert_near(zipf_weight(2, 10), ONE / 2);
    assert_near(zipf_weight(1000, 10), ONE / 1000);
    assert_near(zipf_weight(4, 5), ONE / 2);
    assert_near(zipf_weight(10, 30), ONE / 1000);
    /* 7^-1.1 = 0.117600... */
    assert_near(zipf_weight(7, 11), ONE / 1000000 * 117600);
}

static void test_without_a_skew_all_weigh_the_same(void **state)
{
    (void)state;
    assert_int_equal(zipf_weight(1, 0), zipf_weight(99999, 0));
}

static void test_no_weight_is_nothing(void **state)
{
    (void)state;
    assert_true(zipf_weight(100000, 30) >= 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_weights_are_powers_of_the_rank),
        cmocka_unit_test(test_without_a_skew_all_weigh_the_same),
        cmocka_unit_test(test_no_weight_is_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
