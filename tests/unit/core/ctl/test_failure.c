/* What quoratectl says when the servers do not do as asked, how long it tries, and what it never
 * sends twice. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/duration.h"
#include "ctl/ctl.h"
#include "pb/rpc.pb-c.h"
#include "support/ctl_world.h"

static struct ctl_result result;

static int setup(void **state)
{
    (void)state;
    fake_clear();
    return 0;
}

static void run(unsigned servers, const char *words)
{
    struct world *world = ctl_world_new(1, servers);
    ctl_world_run(world, &ctl_program, words, "", &result);
    world_free(world);
}

static void check(int code, const char *err)
{
    assert_string_equal(result.err, err);
    assert_int_equal(result.code, code);
}

static void check_took(int64_t low_ns, int64_t high_ns)
{
    assert_in_range(result.took_ns, low_ns, high_ns);
}

#define AT   "--endpoints=s0:2379 "
#define BOTH "--endpoints=s0:2379,s1:2379 "

static const Etcdserverpb__PutResponse *put_answer(void)
{
    static Etcdserverpb__PutResponse answer;
    etcdserverpb__put_response__init(&answer);
    return &answer;
}

static void test_silence_ends_at_the_command_timeout(void **state)
{
    (void)state;
    const struct fake_rule rules[] = {
        {.method = "Put", .how = FAKE_SILENCE}, {.method = "Range", .how = FAKE_SILENCE}, {0}};
    fake_servers[0].rules = rules;
    run(1, AT "put k v");
    check(1, "Error: context deadline exceeded\n");
    check_took(5 * SEC_NS, 5 * SEC_NS + MS_NS);
    run(1, AT "get k --command-timeout=20s");
    check(1, "Error: context deadline exceeded\n");
    check_took(20 * SEC_NS, 20 * SEC_NS + MS_NS);
    run(1, AT "endpoint health");
    check(1, "s0:2379 is unhealthy: failed to commit proposal: context deadline exceeded\n"
             "Error: unhealthy cluster\n");
    check_took(5 * SEC_NS, 5 * SEC_NS + MS_NS);
}

/* A member that has not published itself yet takes connections and says nothing. */
static void test_a_mute_server_and_a_missing_one_look_alike(void **state)
{
    (void)state;
    fake_servers[0].mute = true;
    run(1, AT "member list");
    check(1, "Error: context deadline exceeded\n");
    check_took(5 * SEC_NS, 5 * SEC_NS + MS_NS);
    run(0, AT "member list");
    check(1, "Error: context deadline exceeded\n");
    check_took(5 * SEC_NS, 5 * SEC_NS + MS_NS);
}

static void test_errors_of_the_server_are_printed(void **state)
{
    (void)state;
    const struct fake_rule rules[] = {
        {.method = "MemberAdd",
         .how = FAKE_ANSWER,
         .status = GRPC_UNKNOWN,
         .text = "etcdserver: re-configuration failed due to not enough started members"},
        {.method = "MemberRemove",
         .how = FAKE_ANSWER,
         .status = GRPC_UNKNOWN,
         .text = "context deadline exceeded"},
        {.method = "MemberPromote",
         .how = FAKE_ANSWER,
         .status = GRPC_NOT_FOUND,
         .text = "etcdserver: member not found"},
        {0}};
    fake_servers[0].rules = rules;
    run(1, AT "member add infra3 --peer-urls=http://127.0.0.1:23815");
    check(1, "Error: etcdserver: re-configuration failed due to not enough started members\n");
    run(1, AT "member remove f9cdff8ff92c3cf9");
    check(1, "Error: rpc error: code = Unknown desc = context deadline exceeded\n");
    run(1, AT "member promote 1234");
    check(1, "Error: etcdserver: member not found\n");
}

/* A learner refuses: reads are tried a hundred times, 25 ms apart, writes once. */
static void test_a_learner_is_asked_again_only_to_read(void **state)
{
    (void)state;
    const char *refusal = "etcdserver: rpc not supported for learner";
    const struct fake_rule rules[] = {
        {.method = "Range", .how = FAKE_ANSWER, .status = GRPC_UNAVAILABLE, .text = refusal},
        {.method = "Put", .how = FAKE_ANSWER, .status = GRPC_UNAVAILABLE, .text = refusal},
        {0}};
    fake_servers[0].rules = rules;
    run(1, AT "get before");
    check(1, "Error: etcdserver: rpc not supported for learner\n");
    assert_int_equal(fake_servers[0].calls, 100);
    check_took(2300 * MS_NS, 2800 * MS_NS);
    run(1, AT "put k v");
    check(1, "Error: etcdserver: rpc not supported for learner\n");
    assert_int_equal(fake_servers[0].calls, 101);
    check_took(0, 100 * MS_NS);
}

static void test_a_read_goes_on_to_the_next_endpoint(void **state)
{
    (void)state;
    Etcdserverpb__RangeResponse answer;
    etcdserverpb__range_response__init(&answer);
    const struct fake_rule refuses[] = {{.method = "Range",
                                         .how = FAKE_ANSWER,
                                         .status = GRPC_UNAVAILABLE,
                                         .text = "etcdserver: no leader"},
                                        {0}};
    const struct fake_rule serves[] = {
        {.method = "Range", .how = FAKE_ANSWER, .message = &answer.base}, {0}};
    fake_servers[0].rules = refuses;
    fake_servers[1].rules = serves;
    run(2, BOTH "get k");
    check(0, "");
    assert_int_equal(fake_servers[1].calls, 1);
}

/* The stream breaks in the middle of the answer: nobody knows whether the write was done, so it is
 * told, and not sent again, though another server is ready. */
static void test_a_broken_write_is_never_sent_again(void **state)
{
    (void)state;
    static const enum fake_how breaks[] = {FAKE_RESET, FAKE_HALF_ANSWER};
    for (int i = 0; i < 2; i++) {
        const struct fake_rule rules[] = {
            {.method = "Put", .how = breaks[i], .message = &put_answer()->base}, {0}};
        fake_clear();
        fake_servers[0].rules = rules;
        fake_servers[1].rules = rules;
        run(2, BOTH "put k v");
        check(1, "Error: rpc error: code = Unavailable desc = transport is closing\n");
        assert_int_equal(fake_servers[0].calls + fake_servers[1].calls, 1);
    }
}

static void test_a_broken_read_is_sent_again(void **state)
{
    (void)state;
    Etcdserverpb__RangeResponse answer;
    etcdserverpb__range_response__init(&answer);
    const struct fake_rule rules[] = {
        {.method = "Range", .how = FAKE_RESET, .times = 1},
        {.method = "Range", .how = FAKE_HALF_ANSWER, .message = &answer.base, .times = 1},
        {.method = "Range", .how = FAKE_ANSWER, .message = &answer.base},
        {0}};
    fake_servers[0].rules = rules;
    run(1, AT "get k");
    check(0, "");
    assert_int_equal(fake_servers[0].calls, 3);
    assert_int_equal(fake_servers[0].connections, 3);
}

/* What is no answer at all is an error, and the connection or the call is over. */
static void test_nonsense_is_an_error(void **state)
{
    (void)state;
    const struct fake_rule rules[] = {{.method = "Put", .how = FAKE_NO_MESSAGE},
                                      {.method = "DeleteRange", .how = FAKE_NO_HTTP2},
                                      {0}};
    fake_servers[0].rules = rules;
    run(1, AT "put k v");
    check(1, "Error: rpc error: code = Internal desc = grpc: failed to unmarshal the received "
             "message\n");
    run(1, AT "del k");
    check(1, "Error: rpc error: code = Unavailable desc = transport is closing\n");
}

/* A connection that does not become ready is given up after 20 s and dialled again a second later.
 */
static void test_a_mute_server_is_dialled_again(void **state)
{
    (void)state;
    fake_servers[0].mute = true;
    run(1, AT "get k --command-timeout=25s");
    check(1, "Error: context deadline exceeded\n");
    assert_int_equal(fake_servers[0].connections, 2);
}

static void test_a_dead_endpoint_costs_nothing_beside_a_live_one(void **state)
{
    (void)state;
    const struct fake_rule rules[] = {
        {.method = "Put", .how = FAKE_ANSWER, .message = &put_answer()->base}, {0}};
    fake_servers[0].rules = rules;
    run(1, "--endpoints=s1:2379,http://,s0:2379,10.0.0.9:1 put k v");
    check(0, "");
    check_took(0, 100 * MS_NS);
}

static void test_endpoints_are_taken_as_etcdctl_takes_them(void **state)
{
    (void)state;
    Etcdserverpb__PutResponse answer;
    etcdserverpb__put_response__init(&answer);
    const struct fake_rule rules[] = {
        {.method = "Put", .how = FAKE_ANSWER, .message = &answer.base}, {0}};
    fake_servers[0].rules = rules;
    run(1, "--endpoints=HTTP://s0:2379/path put k v");
    check(0, "");
    /* Nothing is said in the clear to who expects TLS. */
    fake_clear();
    fake_servers[0].rules = rules;
    run(1, "--endpoints=https://s0:2379 put k v");
    check(1, "Error: context deadline exceeded\n");
    assert_int_equal(fake_servers[0].connections, 0);
}

static void test_values_past_two_megabytes_stay_here(void **state)
{
    (void)state;
    static char value[2100001];
    memset(value, 'x', sizeof(value) - 1);
    struct world *world = ctl_world_new(1, 1);
    ctl_world_run(world, &ctl_program, AT "put big", value, &result);
    world_free(world);
    check(1, "Error: rpc error: code = ResourceExhausted desc = trying to send message larger than "
             "max (2100010 vs. 2097152)\n");
    assert_int_equal(fake_servers[0].calls, 0);
}

static void test_mistakes_of_the_command_line(void **state)
{
    (void)state;
    run(0, "nosuchcommand");
    check(1, "Error: unknown command \"nosuchcommand\" for \"quoratectl\"\n"
             "Run 'quoratectl --help' for usage.\n"
             "Error: unknown command \"nosuchcommand\" for \"quoratectl\"\n");
    run(0, "get a --nosuch");
    check(1, "Error: unknown flag: --nosuch\n\nError: unknown flag: --nosuch\n");
    run(0, "get a -w foo");
    check(4, "Error: unsupported output format\n");
    run(0, "get a --endpoints=");
    check(2, "Error: etcdclient: no available endpoints\n");
    run(0, "member add x");
    check(128, "Error: member peer urls not provided\n");
    run(0, "member add x --peer-urls=ftp://127.0.0.1:23999");
    check(1, "Error: URL scheme must be http, https, unix, or unixs: ftp://127.0.0.1:23999\n");
    run(0, "get a --cacert=ca.crt");
    check(2, "Error: TLS is not built yet\n");
    run(0, "lease grant 5");
    check(2, "Error: lease is not built yet\n");
    run(0, "del a b c");
    check(128, "Error: del command needs one argument as key and an optional argument as "
               "range_end\n");
    run(0, "help nosuchtopic");
    check(0, "Unknown help topic [`nosuchtopic`]\n");
    run(0, "version");
    check(0, "");
    assert_string_equal(result.out, "quoratectl version: 0.1.0\nAPI version: 3.4\n");
}

/* Usage is for people: it fits a terminal, and has no colours, wherever it goes. */
static void test_usage_is_at_most_a_hundred_columns_wide(void **state)
{
    (void)state;
    static const char *const topics[] = {
        "help",     "help endpoint hashkv", "help member add", "help get",
        "help put", "help move-leader"};
    for (size_t i = 0; i < sizeof(topics) / sizeof(topics[0]); i++) {
        run(0, topics[i]);
        check(0, "");
        assert_null(strchr(result.out, '\033'));
        for (const char *line = result.out; *line != '\0';) {
            size_t len = strcspn(line, "\n");
            assert_in_range(len, 0, 100);
            line += len + 1;
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_silence_ends_at_the_command_timeout, setup),
        cmocka_unit_test_setup(test_a_mute_server_and_a_missing_one_look_alike, setup),
        cmocka_unit_test_setup(test_errors_of_the_server_are_printed, setup),
        cmocka_unit_test_setup(test_a_learner_is_asked_again_only_to_read, setup),
        cmocka_unit_test_setup(test_a_read_goes_on_to_the_next_endpoint, setup),
        cmocka_unit_test_setup(test_a_broken_write_is_never_sent_again, setup),
        cmocka_unit_test_setup(test_a_broken_read_is_sent_again, setup),
        cmocka_unit_test_setup(test_nonsense_is_an_error, setup),
        cmocka_unit_test_setup(test_a_mute_server_is_dialled_again, setup),
        cmocka_unit_test_setup(test_a_dead_endpoint_costs_nothing_beside_a_live_one, setup),
        cmocka_unit_test_setup(test_endpoints_are_taken_as_etcdctl_takes_them, setup),
        cmocka_unit_test_setup(test_values_past_two_megabytes_stay_here, setup),
        cmocka_unit_test_setup(test_usage_is_at_most_a_hundred_columns_wide, setup),
        cmocka_unit_test_setup(test_mistakes_of_the_command_line, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
