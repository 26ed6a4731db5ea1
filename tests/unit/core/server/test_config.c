#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/duration.h"
#include "config.h"

static struct mem_pool *pool;
static struct env env;
static struct server_config config;
static char why[640];

static int setup(void **state)
{
    (void)state;
    pool = mem_pool_new(1 << 20, 0xA5);
    env = (struct env){.mem = mem_pool_mem(pool)};
    return 0;
}

/* Every case gives back all that it took. */
static int teardown(void **state)
{
    (void)state;
    config_fini(&config, &env);
    int left = (int)mem_pool_mem(pool)->count;
    mem_pool_free(pool);
    return left;
}

#define READ(...) read_args((const char *const[]){"quorated", __VA_ARGS__, NULL})

static int read_args(const char *const *args)
{
    env.args = args;
    for (env.arg_count = 0; args[env.arg_count] != NULL; env.arg_count++) {
    }
    return config_read(&config, &env, why, sizeof(why));
}

static void test_defaults_are_etcds_but_for_pre_vote(void **state)
{
    (void)state;
    assert_int_equal(READ(NULL), 0);
    assert_string_equal(config.name, "default");
    assert_string_equal(config.data_dir, "default.etcd");
    assert_string_equal(config.initial_cluster, "default=http://localhost:2380");
    assert_string_equal(config.initial_token, "etcd-cluster");
    assert_true(config.strict);
    assert_true(config.pre_vote);
    assert_false(config.existing);
    assert_true(config.heartbeat_ns == 100 * MS_NS);
    assert_true(config.election_ns == SEC_NS);
    assert_int_equal(config.listen_client.count, 1);
    assert_int_equal(config.listen_client.url[0].port, 2379);
}

static void test_flags_come_in_both_forms_and_with_one_dash_or_two(void **state)
{
    (void)state;
    assert_int_equal(READ("--name", "a", "-data-dir=d", "--pre-vote=false",
                          "-strict-reconfig-check=0", "--initial-cluster-state", "existing"),
                     0);
    assert_string_equal(config.name, "a");
    assert_string_equal(config.data_dir, "d");
    assert_false(config.pre_vote);
    assert_false(config.strict);
    assert_true(config.existing);
}

static void test_a_bare_boolean_does_not_eat_the_next_flag(void **state)
{
    (void)state;
    assert_int_equal(READ("--pre-vote", "--name", "b"), 0);
    assert_true(config.pre_vote);
    assert_string_equal(config.name, "b");
}

static void test_a_flag_beats_its_variable(void **state)
{
    static const struct env_var vars[] = {{"ETCD_INITIAL_CLUSTER_STATE", "existing"},
                                          {"ETCD_NAME", "from-variable"}};
    (void)state;
    env.vars = vars;
    env.var_count = 2;
    assert_int_equal(READ("--name", "from-flag"), 0);
    assert_string_equal(config.name, "from-flag");
    assert_true(config.existing);
}

static void test_several_urls_in_one_flag(void **state)
{
    (void)state;
    assert_int_equal(READ("--listen-client-urls", "http://10.0.1.10:2379,http://127.0.0.1:2379",
                          "--advertise-client-urls", "http://10.0.1.10:2379"),
                     0);
    assert_int_equal(config.listen_client.count, 2);
    assert_string_equal(config.listen_client.url[1].host, "127.0.0.1");
}

static void expect(int rv, int err, const char *words)
{
    assert_int_equal(rv, err);
    if (strstr(why, words) == NULL) {
        fail_msg("expected \"%s\" in \"%s\"", words, why);
    }
    config = (struct server_config){0};
}

static void test_what_is_wrong_is_said_by_name(void **state)
{
    (void)state;
    expect(READ("--no-such-flag=1"), ERR_USAGE, "flag provided but not defined: -no-such-flag");
    expect(READ("stray"), ERR_USAGE, "'stray' is not a valid flag");
    expect(READ("--name"), ERR_USAGE, "flag needs an argument: -name");
    expect(READ("--pre-vote=maybe"), ERR_USAGE, "invalid boolean value \"maybe\" for -pre-vote");
    expect(READ("--election-timeout", "soon"), ERR_USAGE, "invalid value \"soon\"");
    expect(READ("--listen-peer-urls", "http://a:1/path"), ERR_USAGE, "--listen-peer-urls");
    expect(READ("--listen-peer-urls", "https://a:1"), ERR_USAGE, "TLS");
    expect(READ("--initial-cluster-state", "old"), ERR_USAGE, "'new' or 'existing'");
    expect(READ("--log-level", "loud"), ERR_USAGE, "\"loud\"");
}

static void test_contradictions_are_etcds(void **state)
{
    (void)state;
    expect(READ("--listen-client-urls", "http://a:1"), ERR_INVALID,
           "--advertise-client-urls is required when --listen-client-urls is set explicitly");
    expect(
        READ("--election-timeout", "400"), ERR_INVALID,
        "--election-timeout[400ms] should be at least as 5 times as --heartbeat-interval[100ms]");
    expect(READ("--election-timeout", "60000"), ERR_INVALID,
           "--election-timeout[60000ms] is too long, and should be set less than 50000ms");
    expect(READ("--heartbeat-interval", "0"), ERR_INVALID, "must be >0");
    expect(READ("--name", ""), ERR_INVALID, "--name");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_defaults_are_etcds_but_for_pre_vote, setup, teardown),
        cmocka_unit_test_setup_teardown(test_flags_come_in_both_forms_and_with_one_dash_or_two,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_bare_boolean_does_not_eat_the_next_flag, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_a_flag_beats_its_variable, setup, teardown),
        cmocka_unit_test_setup_teardown(test_several_urls_in_one_flag, setup, teardown),
        cmocka_unit_test_setup_teardown(test_what_is_wrong_is_said_by_name, setup, teardown),
        cmocka_unit_test_setup_teardown(test_contradictions_are_etcds, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
