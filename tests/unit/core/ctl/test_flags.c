/* Flags as etcdctl's library reads them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/duration.h"
#include "flags.h"

#define WORDS(...) \
    (const char *const[]){__VA_ARGS__}, sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *)

static struct mem_pool *pool;
static struct flags flags;

static int setup(void **state)
{
    (void)state;
    pool = mem_pool_new(1 << 20, 0xa5);
    flags_init(&flags, mem_pool_mem(pool));
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    flags_fini(&flags);
    int left = mem_pool_mem(pool)->bytes != 0;
    mem_pool_free(pool);
    return left;
}

static void test_defaults_are_etcdctls(void **state)
{
    (void)state;
    assert_int_equal(flags.endpoint_count, 1);
    assert_true(slice_eq_str(flags.endpoints[0], "127.0.0.1:2379"));
    assert_int_equal(flag_number(&flags, F_COMMAND_TIMEOUT), 5 * SEC_NS);
    assert_string_equal(flag_text(&flags, F_WRITE_OUT), "simple");
    assert_true(flag_bool(&flags, F_INSECURE_TRANSPORT));
    assert_false(flag_bool(&flags, F_HEX));
}

static void test_forms_of_a_value(void **state)
{
    (void)state;
    assert_int_equal(flags_parse(&flags,
                                 WORDS("k", "--endpoints=a:1,b:2", "-wjson", "--endpoints", "c:3",
                                       "--hex", "v", "--insecure-discovery=false"),
                                 0, 0),
                     0);
    assert_int_equal(flags.endpoint_count, 3);
    assert_true(slice_eq_str(flags.endpoints[2], "c:3"));
    assert_string_equal(flag_text(&flags, F_WRITE_OUT), "json");
    assert_true(flag_bool(&flags, F_HEX));
    assert_false(flag_bool(&flags, F_INSECURE_DISCOVERY));
    assert_int_equal(flags.arg_count, 2);
    assert_string_equal(flags.args[1], "v");
}

static void test_two_dashes_end_the_flags(void **state)
{
    (void)state;
    assert_int_equal(flags_parse(&flags, WORDS("foo", "--", "-dash", "--hex"), 0, 0), 0);
    assert_int_equal(flags.arg_count, 3);
    assert_string_equal(flags.args[1], "-dash");
    assert_false(flag_bool(&flags, F_HEX));
}

static void test_local_flags_belong_to_their_command(void **state)
{
    (void)state;
    assert_int_equal(flags_parse(&flags, WORDS("--rev=3"), 0, F_BIT(F_REV)), 0);
    assert_int_equal(flag_number(&flags, F_REV), 3);
    assert_int_equal(flags_parse(&flags, WORDS("--rev=3"), 0, F_BIT(F_LIMIT)), ERR_USAGE);
    assert_string_equal(buf_cstr(&flags.error), "unknown flag: --rev");
}

static void test_a_missing_value_is_told(void **state)
{
    (void)state;
    assert_int_equal(flags_parse(&flags, WORDS("--endpoints"), 0, 0), ERR_USAGE);
    assert_string_equal(buf_cstr(&flags.error), "flag needs an argument: --endpoints");
}

static void test_a_bad_value_is_told(void **state)
{
    (void)state;
    assert_int_equal(flags_parse(&flags, WORDS("--limit=x"), 0, F_BIT(F_LIMIT)), ERR_USAGE);
    assert_string_equal(buf_cstr(&flags.error),
                        "invalid argument \"x\" for \"--limit\" flag: strconv.ParseInt: parsing "
                        "\"x\": invalid syntax");
}

static void test_variables_stand_in_for_flags(void **state)
{
    (void)state;
    const struct env_var vars[] = {{"ETCDCTL_COMMAND_TIMEOUT", "1s"},
                                   {"ETCDCTL_ENDPOINTS", "a:1,b:2"},
                                   {"ETCDCTL_WRITE_OUT", ""}};
    struct env env = {.vars = vars, .var_count = 3};
    assert_int_equal(flags_from_vars(&flags, &env), 0);
    assert_int_equal(flags.endpoint_count, 2);
    assert_int_equal(flag_number(&flags, F_COMMAND_TIMEOUT), SEC_NS);
    assert_string_equal(flag_text(&flags, F_WRITE_OUT), "simple");
}

static void test_a_flag_and_its_variable_conflict(void **state)
{
    (void)state;
    const struct env_var vars[] = {{"ETCDCTL_ENDPOINTS", "a:1"}};
    struct env env = {.vars = vars, .var_count = 1};
    assert_int_equal(flags_parse(&flags, WORDS("--endpoints=b:2"), 0, 0), 0);
    assert_int_equal(flags_from_vars(&flags, &env), ERR_USAGE);
    assert_string_equal(buf_cstr(&flags.error),
                        "conflicting environment variable \"ETCDCTL_ENDPOINTS\" is shadowed by "
                        "corresponding command-line flag (either unset environment variable or "
                        "disable flag)");
}

static void test_an_empty_variable_conflicts_too(void **state)
{
    (void)state;
    const struct env_var vars[] = {{"ETCDCTL_HEX", ""}};
    struct env env = {.vars = vars, .var_count = 1};
    assert_int_equal(flags_from_vars(&flags, &env), 0);
    assert_int_equal(flags_parse(&flags, WORDS("--hex"), 0, 0), 0);
    assert_int_equal(flags_from_vars(&flags, &env), ERR_USAGE);
}

static void test_variables_that_are_no_flags_are_found(void **state)
{
    (void)state;
    const struct env_var vars[] = {{"ETCDCTL_API", "3"},      {"ETCDCTL_ENDPOINT", "a:1"},
                                   {"ETCDCTL_ENDPOINTS", ""}, {"ETCDCTL_LIMIT", "3"},
                                   {"ETCD_NAME", "a"},        {"HOME", "/"}};
    struct env env = {.mem = mem_pool_mem(pool), .vars = vars, .var_count = 6};
    size_t at = 0;
    assert_string_equal(flags_unknown_var(&env, &at), "ETCDCTL_ENDPOINT");
    assert_string_equal(flags_unknown_var(&env, &at), "ETCDCTL_LIMIT");
    assert_null(flags_unknown_var(&env, &at));
}

static void test_the_flags_of_a_group_may_stand_before_its_command(void **state)
{
    (void)state;
    const char *const words[] = {"--cluster", "status"};
    size_t i = 0;
    assert_true(flags_skip(words, 2, F_BIT(F_CLUSTER), &i));
    assert_int_equal(i, 0);
    /* Nobody knows it: it may take the next word. */
    assert_true(flags_skip(words, 2, 0, &i));
    assert_int_equal(i, 1);
}

static void test_debug_shows_them_as_variables(void **state)
{
    (void)state;
    struct buf out;
    buf_init(&out, mem_pool_mem(pool));
    assert_int_equal(
        flags_parse(&flags, WORDS("--endpoints=a:1,b:2", "--command-timeout=90s"), 0, 0), 0);
    flags_show(&flags, F_BIT(F_CLUSTER), &out);
    assert_string_equal(buf_cstr(&out),
                        "ETCDCTL_CACERT=\nETCDCTL_CERT=\nETCDCTL_CLUSTER=false\n"
                        "ETCDCTL_COMMAND_TIMEOUT=1m30s\nETCDCTL_DEBUG=false\n"
                        "ETCDCTL_DIAL_TIMEOUT=2s\nETCDCTL_DISCOVERY_SRV=\n"
                        "ETCDCTL_DISCOVERY_SRV_NAME=\nETCDCTL_ENDPOINTS=[a:1,b:2]\n"
                        "ETCDCTL_HEX=false\nETCDCTL_INSECURE_DISCOVERY=true\n"
                        "ETCDCTL_INSECURE_SKIP_TLS_VERIFY=false\n"
                        "ETCDCTL_INSECURE_TRANSPORT=true\nETCDCTL_KEEPALIVE_TIME=2s\n"
                        "ETCDCTL_KEEPALIVE_TIMEOUT=6s\nETCDCTL_KEY=\nETCDCTL_PASSWORD=\n"
                        "ETCDCTL_USER=\nETCDCTL_WRITE_OUT=simple\n");
    buf_fini(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_defaults_are_etcdctls, setup, teardown),
        cmocka_unit_test_setup_teardown(test_forms_of_a_value, setup, teardown),
        cmocka_unit_test_setup_teardown(test_two_dashes_end_the_flags, setup, teardown),
        cmocka_unit_test_setup_teardown(test_local_flags_belong_to_their_command, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_missing_value_is_told, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_bad_value_is_told, setup, teardown),
        cmocka_unit_test_setup_teardown(test_variables_stand_in_for_flags, setup, teardown),
        cmocka_unit_test_setup_teardown(test_an_empty_variable_conflicts_too, setup, teardown),
        cmocka_unit_test_setup_teardown(test_variables_that_are_no_flags_are_found, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_the_flags_of_a_group_may_stand_before_its_command,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(test_debug_shows_them_as_variables, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_flag_and_its_variable_conflict, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
