/* KV.Compact. The log decides when old revisions are refused, at once and on every member; what
 * they held is removed by each member in its own time, a bounded bit after every pause, so that
 * requests never wait for it. A physical compaction is answered when this member's work is done.
 */
#include "base/assert.h"
#include "base/probe.h"
#include "node.h"

/* A step takes about half a millisecond, so the work takes about a tenth of a core while there is
 * some. The first step follows at once: most compactions are small. */
#define STEP_RECORDS  1000
#define STEP_PAUSE_NS (4 * MS_NS)

/* A physical compaction that is applied and waits for the work. */
struct physical {
    struct list link;
    struct server *server;
    struct grpc_call *call;
    uint64_t seq; /* of its request, to tell the observer */
    revision_t revision;
};

static void answer(struct server *server, struct grpc_call *call)
{
    Etcdserverpb__ResponseHeader header;
    Etcdserverpb__CompactionResponse response;
    rpc_header(server, &header);
    etcdserverpb__compaction_response__init(&response);
    response.header = &header;
    rpc_answer(call, &response.base);
}

static void free_physical(struct physical *wait)
{
    list_remove(&wait->link);
    mem_free(wait->server->env->mem, wait);
}

static void end_physical(struct physical *wait, int err)
{
    struct server *server = wait->server;
    struct grpc_call *call = wait->call;
    observe_answer(server, wait->seq, (int)err_grpc(err));
    grpc_call_set_user(call, NULL);
    free_physical(wait);
    if (err != 0) {
        port_call_err(call, err);
    } else {
        answer(server, call);
    }
}

static void answer_done(struct server *server)
{
    list_each_safe (it, &server->physicals) {
        struct physical *wait = container_of(it, struct physical, link);
        if (wait->revision < mvcc_compact_done(server->mvcc)) {
            end_physical(wait, 0);
        }
    }
}

static void on_step(struct env_timer *timer)
{
    struct server *server = timer->data;
    bool more = mvcc_compact_step(server->mvcc, STEP_RECORDS);
    if (more && !mvcc_compact_held(server->mvcc)) {
        PROBE("server.compaction_in_pieces");
        env_timer_set(server->env, timer, env_now_ns(server->env) + STEP_PAUSE_NS);
    }
    answer_done(server);
}

void compaction_turn(struct server *server)
{
    /* A snapshot may have brought a store in which the work is done. */
    answer_done(server);
    if (!mvcc_compact_pending(server->mvcc) || mvcc_compact_held(server->mvcc) ||
        env_timer_is_set(&server->compact_timer)) {
        return;
    }
    server->compact_timer.fire = on_step;
    server->compact_timer.data = server;
    env_timer_set(server->env, &server->compact_timer, env_now_ns(server->env));
}

void compaction_fail(struct server *server, int err)
{
    env_timer_stop(server->env, &server->compact_timer);
    list_each_safe (it, &server->physicals) {
        end_physical(container_of(it, struct physical, link), err);
    }
}

/* The call ---------------------------------------------------------------------------------------
 */

/* A call waits for the log in a request, and then perhaps for the work, in one of these. */
static struct physical *physical_of(struct server *server, const struct grpc_call *call)
{
    list_each (it, &server->physicals) {
        struct physical *wait = container_of(it, struct physical, link);
        if (wait->call == call) {
            return wait;
        }
    }
    return NULL;
}

void compaction_answer(struct request *request, int err, revision_t revision, bool physical)
{
    struct server *server = request->server;
    struct grpc_call *call = request->call;
    if (call == NULL) {
        return; /* its client is gone */
    }
    if (err != 0) {
        rpc_fail(request, err);
        return;
    }
    request->call = NULL;
    if (!physical) {
        observe_answer(server, request->head.seq, GRPC_OK);
        answer(server, call);
        return;
    }
    /* From here on the call belongs to the work, not to a request. */
    struct physical *wait = mem_zalloc(server->env->mem, 1, sizeof(*wait));
    wait->server = server;
    wait->call = call;
    wait->seq = request->head.seq;
    wait->revision = revision;
    list_push_back(&server->physicals, &wait->link);
    grpc_call_set_user(call, NULL);
}

void compaction_message(struct grpc_call *call, struct slice bytes)
{
    struct server *server = rpc_server(call);
    if (rpc_refused_by_learner(call)) {
        return;
    }
    ProtobufCMessage *message =
        rpc_unpack(call, &etcdserverpb__compaction_request__descriptor, bytes);
    if (message == NULL) {
        return;
    }
    pb_free(server->env->mem, message);
    /* Whether the revision can be compacted is for the log to decide, as in etcd. */
    struct request *request = request_new(server, ENTRY_COMPACT, call);
    buf_add_slice(&request->payload, bytes);
    request_submit(request, rpc_deadline_ns(call, server_request_timeout_ns(server)));
}

void compaction_canceled(struct grpc_call *call)
{
    struct physical *wait = physical_of(rpc_server(call), call);
    if (wait == NULL) {
        request_canceled(call);
        return;
    }
    PROBE("server.physical_client_gone");
    observe_answer(wait->server, wait->seq, GRPC_CANCELED);
    free_physical(wait);
}
