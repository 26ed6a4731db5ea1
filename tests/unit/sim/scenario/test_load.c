#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "parse.h"

static void test_a_group_of_clients_is_read(void **state)
{
    (void)state;
    struct parsed p = parse(HEAD "load:\n"
                                 "  - {clients: 4, mix: {put: 3, get: 1}, rate: 200/s open,\n"
                                 "     keys: {count: 50, skew: zipf 1.1}, values: 10B..4KiB}\n"
                                 "  - {endpoints: [n2], session: fresh}\n");
    assert_non_null(p.s);
    assert_int_equal(p.s->load_count, 2);
    const struct load_spec *load = &p.s->loads[0];
    assert_int_equal(load->clients, 4);
    assert_int_equal(load->mix[LOAD_OP_PUT], 3);
    assert_int_equal(load->mix[LOAD_OP_DELETE], 0);
    assert_int_equal(load->rate, 200);
    assert_true(load->open);
    assert_int_equal(load->keys, 50);
    assert_int_equal(load->zipf_tenths, 11);
    assert_int_equal(load->value_min, 10);
    assert_int_equal(load->value_max, 4096);
    load = &p.s->loads[1];
    assert_int_equal(load->clients, 1);
    assert_int_equal(load->rate, 0);
    assert_true(load->fresh);
    assert_int_equal(load->endpoints.items[0].member, 1);
    parsed_free(&p);
}

static void test_what_cannot_be_a_load_is_refused(void **state)
{
    (void)state;
    struct parsed p =
        parse(HEAD "load: {clients: 0, mix: {put: 0}, rate: 5, keys: {skew: zipf}}\n");
    assert_null(p.s);
    assert_string_equal(buf_cstr(&p.mistakes),
                        "t.yaml:5:17: `clients` is a number from 1 to 64, not \"0\"\n"
                        "t.yaml:5:25: `mix` asks for nothing, for instance {put: 1, get: 3}\n"
                        "t.yaml:5:41: `rate` is what all clients together call in a second, for "
                        "instance 200/s, or 200/s open: also while answers are late\n"
                        "t.yaml:5:57: `skew` is uniform, or zipf with an exponent from 0.1 to 3.0: "
                        "zipf 1.1\n");
    parsed_free(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_group_of_clients_is_read),
        cmocka_unit_test(test_what_cannot_be_a_load_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
