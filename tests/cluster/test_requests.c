/* Requests that stock clients do not send: bytes that are no message, an action of a version to
 * come; and a hash of a store that is too large for one turn. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/assert.h"
#include "base/duration.h"
#include "base/fmt.h"
#include "client/client.h"
#include "ctl/ctl.h"
#include "pb/rpc.pb-c.h"
#include "support/passed.h"
#include "support/sim_cluster.h"

#define MEMBERS 3

/* A program: `asker METHOD` calls one method of m0 with a message that the test has prepared. */
struct asker {
    struct env *env;
    struct client *client;
    struct client_call call;
};

static const struct client_method *method;
static const ProtobufCMessage *message;
static enum grpc_status status;
static char text[128];
static size_t alarms; /* in the answer to an alarm */

static void asker_gone(void *data)
{
    struct asker *asker = data;
    struct env *env = asker->env;
    mem_free(env->mem, asker);
    env_exit(env, 0, true);
}

static void done(struct client_call *call)
{
    struct asker *asker = call->data;
    status = call->status;
    fmt(text, sizeof(text), "%s", buf_cstr(&call->text));
    if (status == GRPC_OK && method == &client_alarm) {
        alarms = ((const Etcdserverpb__AlarmResponse *)call->response)->n_alarms;
    }
    client_call_fini(call);
    client_close(asker->client, asker_gone, asker);
}

static void came(struct client_call *call, struct slice bytes)
{
    (void)call;
    (void)bytes;
}

static void start(struct env *env)
{
    struct asker *asker = mem_zalloc(env->mem, 1, sizeof(*asker));
    const struct slice endpoint = slice_str("10.0.0.1:2379");
    const struct client_config config = {.endpoints = &endpoint, .endpoint_count = 1};
    asker->env = env;
    asker->call.done = done;
    asker->call.message = method == &client_snapshot ? came : NULL;
    asker->call.data = asker;
    int rv = client_new(env, &config, &asker->client);
    ASSERT(rv == 0);
    client_start(asker->client, &asker->call, method, message, env_now_ns(env) + 5 * SEC_NS);
}

static const struct env_program asker_program = {"asker", start};

struct fixture {
    struct sim_cluster cluster;
    struct node *asker;
    struct node *ctl;
    char out[1024];
};

static void setup(struct fixture *f)
{
    const struct world_options options = world_options_default(1);
    sim_cluster_init(&f->cluster, &options, MEMBERS, true);
    f->asker = sim_client_new(&f->cluster, "asker");
    f->ctl = sim_client_new(&f->cluster, "ctl");
    for (size_t i = 0; i < MEMBERS; i++) {
        sim_member_start(&f->cluster, i);
    }
    sim_run_until_served(&f->cluster);
    sim_run_until(&f->cluster, sim_now_ns(&f->cluster) + 2 * SEC_NS);
}

static void teardown(struct fixture *f)
{
    sim_run_until(&f->cluster, sim_now_ns(&f->cluster) + SEC_NS);
    for (size_t i = 0; i < MEMBERS; i++) {
        assert_int_equal(node_state(f->cluster.members[i].node), NODE_RUNNING);
        assert_int_equal(f->cluster.members[i].applied, f->cluster.members[0].applied);
        assert_int_equal(f->cluster.members[i].state_hash, f->cluster.members[0].state_hash);
    }
    assert_string_equal(sim_trouble(&f->cluster), "");
    sim_cluster_fini(&f->cluster);
}

static void ask(struct fixture *f, const struct client_method *what, const ProtobufCMessage *with)
{
    static const char *const args[] = {"asker", NULL};
    method = what;
    message = with;
    sim_client_start(f->asker, &asker_program, args);
    assert_true(sim_run_until_ended(&f->cluster, f->asker, 10 * SEC_NS));
}

static int ctl(struct fixture *f, const char *a, const char *b, const char *c)
{
    const char *const args[] = {"quoratectl", "--endpoints", f->cluster.endpoints, a, b, c, NULL};
    sim_client_start(f->ctl, &ctl_program, args);
    assert_true(sim_run_until_ended(&f->cluster, f->ctl, 30 * SEC_NS));
    struct slice said = node_output(f->ctl, ENV_STDOUT);
    fmt(f->out, sizeof(f->out), "%.*s", (int)said.len, (const char *)said.ptr);
    return node_exit_code(f->ctl);
}

/* Field 100 says that it has 127 bytes, and the message ends. */
static void test_bytes_that_are_no_message_are_refused_by_every_method(void **state)
{
    static const struct client_method *const methods[] = {
        &client_range,          &client_put,         &client_delete_range,  &client_compact,
        &client_member_add,     &client_member_list, &client_member_remove, &client_member_update,
        &client_member_promote, &client_status,      &client_alarm,         &client_hash_kv,
        &client_move_leader,    &client_snapshot};
    static uint8_t length[] = {127};
    static ProtobufCMessageUnknownField cut = {
        .tag = 100, .wire_type = PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED, .len = 1, .data = length};
    struct fixture f;
    struct passed passed;
    (void)state;
    setup(&f);
    uint64_t applied = f.cluster.members[0].applied;
    passed_begin(&passed, f.cluster.world, "server.request_malformed");
    for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++) {
        union {
            ProtobufCMessage base;
            uint64_t space[32];
        } request;
        ASSERT(methods[i]->request->sizeof_message <= sizeof(request));
        protobuf_c_message_init(methods[i]->request, &request);
        request.base.n_unknown_fields = 1;
        request.base.unknown_fields = &cut;
        ask(&f, methods[i], &request.base);
        assert_int_equal(status, GRPC_INTERNAL);
        assert_string_equal(text, "rpc error: code = Internal desc = malformed message");
        assert_int_equal(passed.count, i + 1);
    }
    assert_int_equal(f.cluster.members[0].applied, applied);
    assert_int_equal(ctl(&f, "put", "k", "v"), 0);
    teardown(&f);
}

/* It is in the log, and changes nothing on anybody: neither now nor when the log is read again. */
static void test_an_unknown_action_on_alarms_does_nothing(void **state)
{
    Etcdserverpb__AlarmRequest alarm;
    struct fixture f;
    struct passed passed;
    (void)state;
    setup(&f);
    etcdserverpb__alarm_request__init(&alarm);
    alarm.action = ETCDSERVERPB__ALARM_REQUEST__ALARM_ACTION__ACTIVATE;
    alarm.alarm = ETCDSERVERPB__ALARM_TYPE__NOSPACE;
    alarm.memberid = f.cluster.members[0].id;
    ask(&f, &client_alarm, &alarm.base);
    assert_int_equal(status, GRPC_OK);
    assert_int_equal(alarms, 1);
    passed_begin(&passed, f.cluster.world, "server.alarm_unknown_action");
    alarm.action = (Etcdserverpb__AlarmRequest__AlarmAction)7;
    ask(&f, &client_alarm, &alarm.base);
    assert_int_equal(status, GRPC_OK);
    assert_int_equal(alarms, 0);
    sim_run_until(&f.cluster, sim_now_ns(&f.cluster) + SEC_NS);
    assert_int_equal(passed.count, MEMBERS);
    for (size_t i = 0; i < MEMBERS; i++) {
        host_power_off(f.cluster.members[i].host);
    }
    for (size_t i = 0; i < MEMBERS; i++) {
        sim_member_start(&f.cluster, i);
    }
    sim_run_until_served(&f.cluster);
    assert_int_equal(passed.count, 2 * MEMBERS);
    assert_int_equal(ctl(&f, "alarm", "list", NULL), 0);
    assert_non_null(strstr(f.out, "alarm:NOSPACE"));
    assert_int_equal(ctl(&f, "alarm", "disarm", NULL), 0);
    assert_int_equal(ctl(&f, "put", "k", "v"), 0);
    teardown(&f);
}

/* "endpoint hashkv" of all members, at a revision: one hash. */
static void hash_of(struct fixture *f, const char *revision, char *hash, size_t size)
{
    assert_int_equal(ctl(f, "endpoint", "hashkv", revision), 0);
    const char *at = f->out;
    for (size_t i = 0; i < MEMBERS; i++) {
        const char *from = strstr(at, ", ");
        assert_non_null(from);
        size_t len = strcspn(from + 2, "\n");
        assert_true(len > 0 && len < size);
        assert_true(i == 0 || strncmp(hash, from + 2, len) == 0);
        fmt(hash, size, "%.*s", (int)len, from + 2);
        at = from + 2 + len;
    }
}

/* What is written between the pieces is not in the hash. */
static void test_a_large_store_is_hashed_in_pieces(void **state)
{
    static char value[1000 * 1000];
    struct fixture f;
    struct passed passed;
    char before[32];
    char while_written[32];
    char after[32];
    (void)state;
    setup(&f);
    memset(value, 'v', sizeof(value) - 1);
    for (int i = 0; i < 4; i++) {
        char key[] = {'k', (char)('0' + i), '\0'};
        assert_int_equal(ctl(&f, "put", key, value), 0);
    }
    passed_begin(&passed, f.cluster.world, "server.hashkv_in_pieces");
    hash_of(&f, "--rev=5", before, sizeof(before));
    assert_true(passed.count > MEMBERS);
    static const char *const args[] = {
        "quoratectl", "--endpoints=10.0.0.2:2379", "put", "k0", "other", NULL};
    struct node *writer = sim_client_new(&f.cluster, "writer");
    sim_client_start(writer, &ctl_program, args);
    hash_of(&f, "--rev=5", while_written, sizeof(while_written));
    assert_int_equal(node_exit_code(writer), 0);
    assert_string_equal(while_written, before);
    hash_of(&f, "--rev=0", after, sizeof(after));
    assert_string_not_equal(after, before);
    teardown(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bytes_that_are_no_message_are_refused_by_every_method),
        cmocka_unit_test(test_an_unknown_action_on_alarms_does_nothing),
        cmocka_unit_test(test_a_large_store_is_hashed_in_pieces),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
