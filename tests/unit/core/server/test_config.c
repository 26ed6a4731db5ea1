#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/duration.h"
#include "base/fmt.h"
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
    assert_int_equal(READ("--name", "a", "-data-dir=d", "--pre-vote=false", "--wal-dir=w",
                          "-strict-reconfig-check=0", "--initial-cluster-state", "existing"),
                     0);
    assert_string_equal(config.name, "a");
    assert_string_equal(config.data_dir, "d");
    assert_string_equal(config.wal_dir, "w");
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

static void test_variables_stand_in_for_flags(void **state)
{
    static const struct env_var vars[] = {
        {"ETCDCTL_API", "3"},        {"ETCD_DATA_DIR", ""},
        {"ETCD_ENABLE_V2", "false"}, {"ETCD_INITIAL_CLUSTER_STATE", "existing"},
        {"ETCD_NAEM", "typo"},       {"ETCD_NAME", "from-variable"},
        {"ETCD_name", "x"}};
    (void)state;
    env.vars = vars;
    env.var_count = 7;
    assert_int_equal(READ("--pre-vote"), 0);
    assert_string_equal(config.name, "from-variable");
    assert_string_equal(config.data_dir, "from-variable.etcd");
    assert_true(config.existing);
    size_t at = 0;
    assert_string_equal(config_unknown_var(&env, &at), "ETCD_NAEM");
    assert_string_equal(config_unknown_var(&env, &at), "ETCD_name");
    assert_null(config_unknown_var(&env, &at));
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
    expect(READ("stray"), ERR_INVALID, "'stray' is not a valid flag");
    expect(READ("--name"), ERR_USAGE, "flag needs an argument: -name");
    expect(READ("--pre-vote=maybe"), ERR_USAGE, "invalid boolean value \"maybe\" for -pre-vote");
    expect(READ("--election-timeout", "soon"), ERR_USAGE, "invalid value \"soon\"");
    expect(READ("--wal-segment-bytes", "1023"), ERR_USAGE,
           "invalid value \"1023\" for flag -wal-segment-bytes: a number from 1024 to 1073741824");
    expect(READ("--listen-peer-urls", "http://a:1/path"), ERR_USAGE, "--listen-peer-urls");
    expect(READ("--listen-peer-urls", "https://a:1"), ERR_USAGE, "TLS");
    expect(READ("--initial-cluster-state", "old"), ERR_USAGE, "'new' or 'existing'");
    expect(READ("--log-level", "loud"), ERR_USAGE, "\"loud\"");
}

static int read_var(const char *name, const char *value)
{
    const struct env_var vars[] = {{name, value}};
    env.vars = vars;
    env.var_count = 1;
    int rv = READ("--name", "a");
    env.var_count = 0;
    return rv;
}

/* etcd ends with 1 for a variable, where it shows its usage and ends with 2 for a flag. */
static void test_wrong_variables_are_told_in_etcds_words(void **state)
{
    (void)state;
    expect(read_var("ETCD_NAME", "b"), ERR_INVALID,
           "conflicting environment variable \"ETCD_NAME\" is shadowed by corresponding "
           "command-line flag (either unset environment variable or disable flag)");
    expect(read_var("ETCD_NAME", ""), ERR_INVALID, "conflicting environment variable");
    expect(read_var("ETCD_HEARTBEAT_INTERVAL", "x"), ERR_INVALID,
           "invalid value \"x\" for ETCD_HEARTBEAT_INTERVAL: parse error");
    expect(read_var("ETCD_PRE_VOTE", "maybe"), ERR_INVALID,
           "invalid value \"maybe\" for ETCD_PRE_VOTE: parse error");
    expect(read_var("ETCD_CERT_FILE", "a.crt"), ERR_INVALID,
           "--cert-file=a.crt: TLS does not exist yet");
}

static void test_limits_of_clients(void **state)
{
    (void)state;
    assert_int_equal(READ(NULL), 0);
    assert_int_equal(config.request_bytes_max, 1572864);
    assert_int_equal(config.streams_max, UINT32_MAX);
    assert_true(config.keepalive_min_ns == 5 * SEC_NS);
    assert_true(config.keepalive_interval_ns == 2 * 60 * MIN_NS);
    assert_true(config.keepalive_timeout_ns == 20 * SEC_NS);
    assert_true(config.tick_advance);
    config_fini(&config, &env);
    assert_int_equal(READ("--max-request-bytes=1000", "--max-concurrent-streams=7",
                          "--grpc-keepalive-min-time=1m", "--grpc-keepalive-interval=0",
                          "--grpc-keepalive-timeout=1500ms",
                          "--initial-election-tick-advance=false", "--debug"),
                     0);
    assert_int_equal(config.request_bytes_max, 1000);
    assert_int_equal(config.streams_max, 7);
    assert_true(config.keepalive_min_ns == MIN_NS);
    assert_true(config.keepalive_interval_ns == 0);
    assert_true(config.keepalive_timeout_ns == 1500 * MS_NS);
    assert_false(config.tick_advance);
    assert_int_equal(config.log_level, LOG_DEBUG);
    config_fini(&config, &env);
    expect(READ("--max-request-bytes=0"), ERR_USAGE, "from 1 to 4194304");
    expect(READ("--max-request-bytes=4194305"), ERR_USAGE, "from 1 to 4194304");
    expect(READ("--max-request-bytes=-1"), ERR_USAGE, "parse error");
    expect(READ("--max-concurrent-streams=0"), ERR_USAGE, "of no use");
    expect(READ("--max-concurrent-streams=4294967296"), ERR_USAGE, "parse error");
    expect(READ("--grpc-keepalive-interval=5"), ERR_USAGE,
           "invalid value \"5\" for flag -grpc-keepalive-interval: parse error");
    expect(READ("--grpc-keepalive-timeout=-1s"), ERR_USAGE, "parse error");
}

/* A command line that spells out all of etcd's defaults is taken; whatever asks for more ends in
 * one line that names the flag and the reason. */
static void test_flags_for_what_does_not_exist(void **state)
{
    (void)state;
    for (size_t i = 0; i < config_absent_count; i++) {
        const struct config_absent *flag = &config_absents[i];
        assert_ptr_equal(config_absent_find(slice_str(flag->name)), flag);
        char arg[96];
        const char *first = flag->bare ? "false" : flag->taken;
        fmt(arg, sizeof(arg), "--%s=%.*s", flag->name, (int)strcspn(first, "|"), first);
        assert_int_equal(READ(arg), 0);
        config_fini(&config, &env);
        fmt(arg, sizeof(arg), "--%s=no-such-value", flag->name);
        expect(READ(arg), ERR_INVALID, arg);
        expect(READ(arg), ERR_INVALID, flag->why);
        assert_null(strchr(why, '\n'));
    }
    expect(READ("--cert-file", "a.crt"), ERR_INVALID, "--cert-file=a.crt: TLS does not exist yet");
    expect(READ("--enable-v2"), ERR_INVALID, "--enable-v2=true: ");
    expect(READ("--proxy"), ERR_USAGE, "flag needs an argument: -proxy");
}

/* Every flag of etcd 3.4.23 is known: implemented, or refused with a reason. */
static void test_no_flag_of_etcd_is_unknown(void **state)
{
    static const char *const etcds[] = {"name",
                                        "data-dir",
                                        "wal-dir",
                                        "snapshot-count",
                                        "heartbeat-interval",
                                        "election-timeout",
                                        "initial-election-tick-advance",
                                        "listen-peer-urls",
                                        "listen-client-urls",
                                        "max-snapshots",
                                        "max-wals",
                                        "quota-backend-bytes",
                                        "backend-batch-interval",
                                        "backend-batch-limit",
                                        "max-txn-ops",
                                        "max-request-bytes",
                                        "max-concurrent-streams",
                                        "grpc-keepalive-min-time",
                                        "grpc-keepalive-interval",
                                        "grpc-keepalive-timeout",
                                        "initial-advertise-peer-urls",
                                        "initial-cluster",
                                        "initial-cluster-state",
                                        "initial-cluster-token",
                                        "advertise-client-urls",
                                        "discovery",
                                        "discovery-fallback",
                                        "discovery-proxy",
                                        "discovery-srv",
                                        "discovery-srv-name",
                                        "strict-reconfig-check",
                                        "pre-vote",
                                        "auto-compaction-retention",
                                        "auto-compaction-mode",
                                        "enable-v2",
                                        "cert-file",
                                        "key-file",
                                        "client-cert-auth",
                                        "client-crl-file",
                                        "client-cert-allowed-hostname",
                                        "trusted-ca-file",
                                        "auto-tls",
                                        "peer-cert-file",
                                        "peer-key-file",
                                        "peer-client-cert-auth",
                                        "peer-trusted-ca-file",
                                        "peer-cert-allowed-cn",
                                        "peer-cert-allowed-hostname",
                                        "peer-auto-tls",
                                        "peer-crl-file",
                                        "cipher-suites",
                                        "cors",
                                        "host-whitelist",
                                        "auth-token",
                                        "bcrypt-cost",
                                        "auth-token-ttl",
                                        "enable-pprof",
                                        "metrics",
                                        "listen-metrics-urls",
                                        "logger",
                                        "log-outputs",
                                        "log-level",
                                        "proxy",
                                        "proxy-failure-wait",
                                        "proxy-refresh-interval",
                                        "proxy-dial-timeout",
                                        "proxy-write-timeout",
                                        "proxy-read-timeout",
                                        "experimental-initial-corrupt-check",
                                        "experimental-corrupt-check-time",
                                        "experimental-enable-v2v3",
                                        "experimental-backend-bbolt-freelist-type",
                                        "experimental-enable-lease-checkpoint",
                                        "experimental-compaction-batch-limit",
                                        "experimental-peer-skip-client-san-verification",
                                        "experimental-watch-progress-notify-interval",
                                        "experimental-warning-apply-duration",
                                        "force-new-cluster",
                                        "debug",
                                        "log-package-levels",
                                        "config-file",
                                        "version"};
    (void)state;
    for (size_t i = 0; i < sizeof(etcds) / sizeof(etcds[0]); i++) {
        char arg[96];
        fmt(arg, sizeof(arg), "--%s=", etcds[i]);
        if (READ(arg) == 0) {
            config_fini(&config, &env);
        } else if (strstr(why, "not defined") != NULL) {
            fail_msg("%s: %s", arg, why);
        }
        config = (struct server_config){0};
    }
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
        cmocka_unit_test_setup_teardown(test_variables_stand_in_for_flags, setup, teardown),
        cmocka_unit_test_setup_teardown(test_wrong_variables_are_told_in_etcds_words, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_limits_of_clients, setup, teardown),
        cmocka_unit_test_setup_teardown(test_flags_for_what_does_not_exist, setup, teardown),
        cmocka_unit_test_setup_teardown(test_no_flag_of_etcd_is_unknown, setup, teardown),
        cmocka_unit_test_setup_teardown(test_several_urls_in_one_flag, setup, teardown),
        cmocka_unit_test_setup_teardown(test_what_is_wrong_is_said_by_name, setup, teardown),
        cmocka_unit_test_setup_teardown(test_contradictions_are_etcds, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
