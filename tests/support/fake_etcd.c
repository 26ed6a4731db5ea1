#include "support/fake_etcd.h"

#include "base/assert.h"
#include "base/fmt.h"
#include "grpc/server.h"

struct fake_server fake_servers[FAKE_SERVERS];

struct fake {
    struct env *env;
    struct fake_server *script;
    struct env_listener listener;
};

struct peer {
    struct fake *fake;
    struct env_stream stream;
    struct grpc_server *grpc;
    struct buf out;
    bool half; /* of what comes out next, then break */
    bool reset;
    bool babble;
};

void fake_clear(void)
{
    memset(fake_servers, 0, sizeof(fake_servers));
}

static const struct fake_rule *find_rule(struct fake_server *script, const char *method)
{
    for (size_t i = 0; script->rules != NULL && script->rules[i].method != NULL; i++) {
        const struct fake_rule *rule = &script->rules[i];
        ASSERT(i < sizeof(script->used) / sizeof(script->used[0]));
        if (strcmp(rule->method, method) == 0 &&
            (rule->times == 0 || script->used[i] < rule->times)) {
            script->used[i]++;
            return rule;
        }
    }
    return NULL;
}

static void answer(struct grpc_call *call, const struct fake_rule *rule, struct mem *mem)
{
    if (rule->message == NULL) {
        grpc_call_finish(call, rule->status, slice_str(rule->text));
        return;
    }
    struct buf bytes;
    buf_init(&bytes, mem);
    pb_pack(rule->message, &bytes);
    grpc_call_send(call, buf_slice(&bytes));
    buf_fini(&bytes);
    grpc_call_finish_ok(call);
}

static void called(struct grpc_call *call, struct slice message)
{
    struct peer *peer = grpc_call_ctx(call);
    struct fake_server *script = peer->fake->script;
    const char *method = grpc_call_method(call)->name;
    const struct fake_rule *rule = find_rule(script, method);
    size_t len = strlen(script->log);
    (void)message;
    fmt(script->log + len, sizeof(script->log) - len, "%s ", method);
    script->calls++;
    if (rule == NULL) {
        grpc_call_finish(call, GRPC_UNIMPLEMENTED, slice_str("no rule for it"));
        return;
    }
    switch (rule->how) {
    case FAKE_SILENCE: return;
    case FAKE_RESET: peer->reset = true; return;
    case FAKE_NO_HTTP2: peer->babble = true; return;
    case FAKE_NO_MESSAGE:
        grpc_call_send(call, slice_str("\xff\xff"));
        grpc_call_finish_ok(call);
        return;
    case FAKE_HALF_ANSWER: peer->half = true; break;
    case FAKE_GOAWAY: grpc_server_goaway(peer->grpc); break;
    default: break;
    }
    answer(call, rule, peer->fake->env->mem);
}

static void canceled(struct grpc_call *call)
{
    (void)call;
}

#define METHOD(method_name)                                          \
    {                                                                \
        .name = method_name, .message = called, .canceled = canceled \
    }

static const struct grpc_method kv[] = {METHOD("Range"), METHOD("Put"), METHOD("DeleteRange"),
                                        METHOD("Compact")};
static const struct grpc_method cluster[] = {METHOD("MemberAdd"), METHOD("MemberRemove"),
                                             METHOD("MemberUpdate"), METHOD("MemberList"),
                                             METHOD("MemberPromote")};
static const struct grpc_method maintenance[] = {METHOD("Status"), METHOD("HashKV"),
                                                 METHOD("MoveLeader")};
static const struct grpc_service kv_service = {"etcdserverpb.KV", kv, 4};
static const struct grpc_service cluster_service = {"etcdserverpb.Cluster", cluster, 5};
static const struct grpc_service maintenance_service = {"etcdserverpb.Maintenance", maintenance, 3};
static const struct grpc_service *const services[] = {&kv_service, &cluster_service,
                                                      &maintenance_service};

static void hang_up(struct peer *peer)
{
    grpc_server_close(peer->grpc);
    env_stream_close(peer->fake->env, &peer->stream);
}

static void on_data(struct env_stream *stream, struct slice bytes)
{
    struct peer *peer = stream->data;
    struct env *env = peer->fake->env;
    if (peer->fake->script->mute) {
        return;
    }
    int err = grpc_server_recv(peer->grpc, env_now_ns(env), bytes);
    buf_clear(&peer->out);
    grpc_server_send(peer->grpc, &peer->out, SIZE_MAX / 8);
    if (peer->half) {
        /* The frame's head has come through, its contents have not. */
        env_stream_write(env, stream, slice_of(peer->out.ptr, peer->out.len / 2));
        env_stream_end(env, stream);
        peer->half = false;
        return;
    }
    if (peer->babble) {
        buf_clear(&peer->out);
        buf_add_str(&peer->out, "HTTP/1.1 400 Bad Request\r\n\r\n");
        peer->babble = false;
    }
    env_stream_write(env, stream, buf_slice(&peer->out));
    if (err != 0 || peer->reset || grpc_server_finished(peer->grpc)) {
        hang_up(peer);
    }
}

static void on_eof(struct env_stream *stream)
{
    hang_up(stream->data);
}

static void on_failed(struct env_stream *stream, int err)
{
    (void)err;
    hang_up(stream->data);
}

static void on_closed(struct env_stream *stream)
{
    struct peer *peer = stream->data;
    struct mem *mem = peer->fake->env->mem;
    grpc_server_free(peer->grpc);
    buf_fini(&peer->out);
    mem_free(mem, peer);
}

static const struct env_stream_events events = {
    .data = on_data, .eof = on_eof, .failed = on_failed, .closed = on_closed};

static void on_incoming(struct env_listener *listener, struct env_incoming *incoming)
{
    struct fake *fake = listener->data;
    struct peer *peer = mem_zalloc(fake->env->mem, 1, sizeof(*peer));
    peer->fake = fake;
    peer->stream.events = &events;
    peer->stream.data = peer;
    buf_init(&peer->out, fake->env->mem);
    peer->grpc = grpc_server_new(fake->env->mem, services, 3, NULL, peer);
    fake->script->connections++;
    env_stream_accept(fake->env, incoming, &peer->stream);
    if (!fake->script->mute) {
        grpc_server_send(peer->grpc, &peer->out, SIZE_MAX / 8);
        env_stream_write(fake->env, &peer->stream, buf_slice(&peer->out));
    }
}

static void on_listener_closed(struct env_listener *listener)
{
    (void)listener;
}

static void start(struct env *env)
{
    uint64_t number;
    uint64_t port;
    ASSERT(env->arg_count == 3);
    ASSERT(slice_to_u64(slice_str(env->args[1]), &number) == 0);
    ASSERT(slice_to_u64(slice_str(env->args[2]), &port) == 0);
    ASSERT(number < FAKE_SERVERS);
    struct fake *fake = mem_zalloc(env->mem, 1, sizeof(*fake));
    fake->env = env;
    fake->script = &fake_servers[number];
    fake->listener.incoming = on_incoming;
    fake->listener.closed = on_listener_closed;
    fake->listener.data = fake;
    int err = env_listen(env, &fake->listener, "", (uint16_t)port);
    ASSERT(err == 0);
}

const struct env_program fake_program = {"fake", start};
