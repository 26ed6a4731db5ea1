/* Work on the whole key space of a real member in the simulated world, bit by bit: requests are
 * answered in between, a physical compaction when its work is done, a hash after that; and at
 * whatever moment clients vanish or the member is stopped, it ends in order. */
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include "base/assert.h"
#include "base/duration.h"
#include "base/fmt.h"
#include "client/client.h"
#include "host/host.h"
#include "pb/pb.h"
#include "pb/rpc.pb-c.h"
#include "server/server.h"

#define FILL_PUTS   2500 /* more than two steps of compaction */
#define VALUE_BYTES 1024 /* and more than four of a hash */

enum ask {
    ASK_COMPACT,
    ASK_PUT,
    ASK_HASH,
    ASK_COUNT
};

struct asker {
    struct env *env;
    struct client *client;
    struct client_call call[ASK_COUNT];
    uint64_t puts;
    unsigned answered;
};

/* Told by the program below: outside of the simulated world there is one thread. */
static bool filled;
static unsigned answer_of[ASK_COUNT]; /* 1 for the first answer, 0: none */
static enum grpc_status status_of[ASK_COUNT];
static int64_t hash_compacted;
static bool hash_only;

static void asker_gone(void *data)
{
    struct asker *asker = data;
    struct env *env = asker->env;
    mem_free(env->mem, asker);
    env_exit(env, 0, true);
}

static int64_t soon(struct env *env)
{
    return env_now_ns(env) + 5 * SEC_NS;
}

static void ask_put(struct asker *asker)
{
    static uint8_t value[VALUE_BYTES];
    Etcdserverpb__PutRequest put;
    char key[24];
    etcdserverpb__put_request__init(&put);
    size_t len = fmt(key, sizeof(key), "k%llu", (unsigned long long)asker->puts % 5);
    put.key = pb_bytes(slice_of(key, len));
    put.value = pb_bytes(slice_of(value, sizeof(value)));
    client_start(asker->client, &asker->call[ASK_PUT], &client_put, &put.base, soon(asker->env));
}

static void ask_compact(struct asker *asker)
{
    Etcdserverpb__CompactionRequest compact;
    etcdserverpb__compaction_request__init(&compact);
    compact.revision = FILL_PUTS + 1;
    compact.physical = true;
    client_start(asker->client, &asker->call[ASK_COMPACT], &client_compact, &compact.base,
                 soon(asker->env));
}

static void ask_hash(struct asker *asker)
{
    Etcdserverpb__HashKVRequest hash;
    etcdserverpb__hash_kvrequest__init(&hash);
    client_start(asker->client, &asker->call[ASK_HASH], &client_hash_kv, &hash.base,
                 soon(asker->env));
}

static void answered(struct client_call *call)
{
    struct asker *asker = call->data;
    size_t which = (size_t)(call - asker->call);
    status_of[which] = call->status;
    answer_of[which] = ++asker->answered;
    if (which == ASK_HASH && call->status == GRPC_OK) {
        hash_compacted = ((Etcdserverpb__HashKVResponse *)call->response)->compact_revision;
    }
    client_call_fini(call);
    if (which == ASK_PUT && status_of[which] == GRPC_OK) {
        ask_hash(asker); /* the compaction came before it in the log, so there is work now */
    }
    if (asker->answered == (hash_only ? 1 : ASK_COUNT)) {
        client_close(asker->client, asker_gone, asker);
    }
}

static void fill(struct client_call *call)
{
    struct asker *asker = call->data;
    asker->puts += call->status == GRPC_OK;
    client_call_fini(call);
    if (asker->puts < FILL_PUTS) {
        ask_put(asker);
        return;
    }
    filled = true;
    call->done = answered;
    ask_compact(asker);
    ask_put(asker);
}

static void start_asker(struct env *env)
{
    struct asker *asker = mem_zalloc(env->mem, 1, sizeof(*asker));
    const struct slice endpoint = slice_str("10.0.0.1:2379");
    const struct client_config config = {.endpoints = &endpoint, .endpoint_count = 1};
    asker->env = env;
    for (size_t i = 0; i < ASK_COUNT; i++) {
        asker->call[i].data = asker;
        asker->call[i].done = answered;
    }
    int rc = client_new(env, &config, &asker->client);
    ASSERT(rc == 0);
    if (hash_only) {
        ask_hash(asker);
    } else {
        asker->call[ASK_PUT].done = fill;
        ask_put(asker);
    }
}

static const struct env_program asker_program = {"asker", start_asker};

struct fixture {
    struct world *world;
    struct node *member;
    struct node *client;
};

static struct node *add(struct world *world, const char *name, const char *address)
{
    struct host *host;
    int rc = host_new(world, name, address, &host);
    assert_int_equal(rc, 0);
    return node_new(host, name);
}

static void launch(struct node *node, const struct env_program *program)
{
    static const char *const args[] = {"quorated",
                                       "--name=node01",
                                       "--listen-peer-urls=http://10.0.0.1:2380",
                                       "--initial-advertise-peer-urls=http://10.0.0.1:2380",
                                       "--listen-client-urls=http://10.0.0.1:2379",
                                       "--advertise-client-urls=http://10.0.0.1:2379",
                                       "--initial-cluster=node01=http://10.0.0.1:2380"};
    const struct node_start start = {.program = program,
                                     .args = args,
                                     .arg_count = sizeof(args) / sizeof(args[0]),
                                     .log_level = LOG_ERROR};
    assert_int_equal(node_start(node, &start), 0);
}

static void run_for(struct fixture *f, int64_t ns)
{
    world_run(f->world, world_engine(f->world)->now_ns + ns, UINT64_MAX);
}

static void run_until_ended(struct fixture *f, const struct node *node)
{
    int64_t until_ns = world_engine(f->world)->now_ns + 60 * SEC_NS;
    while (node_state(node) == NODE_RUNNING && world_engine(f->world)->now_ns < until_ns) {
        run_for(f, MS_NS);
    }
    assert_int_equal(node_state(node), NODE_EXITED);
}

/* A member with a store that takes several steps, and a client that has just asked for them. */
static struct fixture begin(uint64_t seed)
{
    struct world_options options = world_options_default(seed);
    options.memory_fill = 0xA5;
    struct fixture f = {.world = world_new(&options)};
    f.member = add(f.world, "node01", "10.0.0.1");
    f.client = add(f.world, "client", "10.0.0.2");
    filled = false;
    hash_only = false;
    hash_compacted = 0;
    for (size_t i = 0; i < ASK_COUNT; i++) {
        answer_of[i] = 0;
    }
    launch(f.member, &server_program);
    launch(f.client, &asker_program);
    while (!filled) {
        run_for(&f, MS_NS / 10);
        assert_int_equal(node_state(f.client), NODE_RUNNING);
    }
    return f;
}

static void end(struct fixture *f)
{
    node_stop(f->member, 15);
    run_until_ended(f, f->member);
    struct node *faulty = world_first_fault(f->world);
    if (faulty != NULL) {
        fail_msg("%s: %s", node_name(faulty), node_fault_text(faulty));
    }
    world_free(f->world);
}

static void test_requests_are_answered_during_the_work(void **state)
{
    (void)state;
    struct fixture f = begin(1);
    run_until_ended(&f, f.client);
    for (size_t i = 0; i < ASK_COUNT; i++) {
        assert_int_equal(status_of[i], GRPC_OK);
    }
    assert_int_equal(answer_of[ASK_PUT], 1);
    assert_int_equal(answer_of[ASK_COMPACT], 2);
    assert_int_equal(answer_of[ASK_HASH], 3);
    assert_int_equal(hash_compacted, FILL_PUTS + 1);
    end(&f);
}

static void test_a_client_may_vanish_at_any_moment(void **state)
{
    (void)state;
    for (uint64_t i = 0; i < 24; i++) {
        struct fixture f = begin(i + 1);
        run_for(&f, (int64_t)i * MS_NS / 2);
        node_crash(f.client);
        run_for(&f, SEC_NS);
        hash_only = true;
        answer_of[ASK_HASH] = 0;
        launch(f.client, &asker_program);
        run_until_ended(&f, f.client);
        assert_int_equal(answer_of[ASK_HASH], 1);
        assert_int_equal(status_of[ASK_HASH], GRPC_OK);
        assert_true(hash_compacted == -1 || hash_compacted == FILL_PUTS + 1);
        end(&f);
    }
}

static void test_the_member_may_be_stopped_at_any_moment(void **state)
{
    (void)state;
    for (uint64_t i = 0; i < 24; i++) {
        struct fixture f = begin(i + 1);
        run_for(&f, (int64_t)i * MS_NS / 2);
        end(&f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_requests_are_answered_during_the_work),
        cmocka_unit_test(test_a_client_may_vanish_at_any_moment),
        cmocka_unit_test(test_the_member_may_be_stopped_at_any_moment),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
