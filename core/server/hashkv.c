/* Maintenance.HashKV, for a store of any size: a bounded bit of it is hashed at a time. One hash is
 * under way at most, and answers all calls that wait for it; those that ask for another one wait
 * for the next. A hash holds compactions up, so whatever compaction has to do comes before it:
 * neither keeps the other from ending.
 */
#include "base/assert.h"
#include "base/probe.h"
#include "node.h"

#define STEP_BYTES    524288 /* about a quarter of a millisecond */
#define STEP_PAUSE_NS (MS_NS / 2)

struct hash_wait {
    struct list link;
    struct server *server;
    struct grpc_call *call;
    revision_t revision; /* 0: the newest when its hash begins */
    bool current;        /* its hash is under way */
};

static void free_wait(struct hash_wait *wait)
{
    list_remove(&wait->link);
    mem_free(wait->server->env->mem, wait);
}

static void end_wait(struct hash_wait *wait, int err, const struct mvcc_hashkv_result *result)
{
    struct server *server = wait->server;
    struct grpc_call *call = wait->call;
    grpc_call_set_user(call, NULL);
    free_wait(wait);
    if (err != 0) {
        port_call_err(call, err);
        return;
    }
    Etcdserverpb__ResponseHeader header;
    Etcdserverpb__HashKVResponse response;
    rpc_header(server, &header);
    header.revision = result->revision;
    etcdserverpb__hash_kvresponse__init(&response);
    response.header = &header;
    response.hash = result->hash;
    response.compact_revision = result->compacted;
    rpc_answer(call, &response.base);
}

/* The oldest call begins a hash, and all that ask for the same join it. */
static void begin(struct server *server)
{
    struct hash_wait *first = container_of(server->hash_waits.next, struct hash_wait, link);
    revision_t revision = first->revision;
    int rv = mvcc_hashkv_new(server->mvcc, revision, &server->hash);
    list_each_safe (it, &server->hash_waits) {
        struct hash_wait *wait = container_of(it, struct hash_wait, link);
        if (wait->revision == revision && rv != 0) {
            end_wait(wait, rv, NULL);
        } else {
            wait->current = wait->revision == revision;
        }
    }
}

static void end(struct server *server)
{
    struct mvcc_hashkv_result result = mvcc_hashkv_result(server->hash);
    mvcc_hashkv_free(server->hash);
    server->hash = NULL;
    list_each_safe (it, &server->hash_waits) {
        struct hash_wait *wait = container_of(it, struct hash_wait, link);
        if (wait->current) {
            end_wait(wait, 0, &result);
        }
    }
}

static void on_step(struct env_timer *timer)
{
    struct server *server = timer->data;
    if (server->hash == NULL && !list_empty(&server->hash_waits)) {
        begin(server);
    }
    if (server->hash == NULL) {
        return; /* the turn's end goes on with who waits */
    }
    if (mvcc_hashkv_step(server->hash, STEP_BYTES)) {
        PROBE("server.hashkv_in_pieces");
        env_timer_set(server->env, timer, env_now_ns(server->env) + STEP_PAUSE_NS);
    } else {
        end(server);
    }
}

void hashkv_turn(struct server *server)
{
    if (list_empty(&server->hash_waits) || env_timer_is_set(&server->hash_timer)) {
        return;
    }
    bool work = mvcc_compact_pending(server->mvcc) && !mvcc_compact_held(server->mvcc);
    if (work) {
        PROBE("server.hashkv_after_compaction");
        return; /* which ends with a turn */
    }
    server->hash_timer.fire = on_step;
    server->hash_timer.data = server;
    env_timer_set(server->env, &server->hash_timer, env_now_ns(server->env));
}

void hashkv_restart(struct server *server)
{
    env_timer_stop(server->env, &server->hash_timer);
    mvcc_hashkv_free(server->hash);
    server->hash = NULL;
}

void hashkv_fail(struct server *server, int err)
{
    hashkv_restart(server);
    list_each_safe (it, &server->hash_waits) {
        end_wait(container_of(it, struct hash_wait, link), err, NULL);
    }
}

void hashkv_message(struct grpc_call *call, struct slice bytes)
{
    struct server *server = rpc_server(call);
    if (rpc_refused_by_learner(call)) {
        return;
    }
    ProtobufCMessage *message = rpc_unpack(call, &etcdserverpb__hash_kvrequest__descriptor, bytes);
    if (message == NULL) {
        return;
    }
    revision_t revision = ((const Etcdserverpb__HashKVRequest *)message)->revision;
    pb_free(server->env->mem, message);
    if (server->phase >= SERVER_STOPPING) {
        port_call_err(call, ERR_ETCD_STOPPED);
        return;
    }
    struct hash_wait *wait = mem_zalloc(server->env->mem, 1, sizeof(*wait));
    wait->server = server;
    wait->call = call;
    wait->revision = revision;
    list_push_back(&server->hash_waits, &wait->link);
    grpc_call_set_user(call, wait);
}

void hashkv_canceled(struct grpc_call *call)
{
    struct hash_wait *wait = grpc_call_user(call);
    if (wait == NULL) {
        return;
    }
    struct server *server = wait->server;
    free_wait(wait);
    if (server->hash == NULL) {
        return;
    }
    list_each (it, &server->hash_waits) {
        if (container_of(it, struct hash_wait, link)->current) {
            return;
        }
    }
    hashkv_restart(server); /* nobody is left who wants it */
}
