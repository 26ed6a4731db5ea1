#include "request.h"

#include "base/assert.h"
#include "base/probe.h"
#include "node.h"

/* Requests that wait at once. Past it clients are told to come back: memory is not for queueing. */
#define WAITING_MAX 16384
/* And what their payloads may hold meanwhile, each being up to REQUEST_BYTES_TOP. */
#define WAITING_BYTES_MAX (256u << 20)

/* What one batch of proposals may carry. */
#define BATCH_MAX 1024
/* And their bytes, but for a single one: raft takes what fits into a record of a link. */
#define BATCH_BYTES_MAX REQUEST_BYTES_TOP

struct request *request_new(struct server *server, enum entry_kind kind, struct grpc_call *call)
{
    struct request *request = mem_zalloc(server->env->mem, 1, sizeof(*request));
    request->server = server;
    request->head = (struct entry_head){kind, server->id, server->boot, ++server->seq};
    request->call = call;
    request->own = call == NULL;
    list_init(&request->link);
    buf_init(&request->payload, server->env->mem);
    entry_put_head(&request->payload, &request->head);
    return request;
}

static bool is_conf(const struct request *request)
{
    return request->head.kind == ENTRY_CONF;
}

void request_free(struct request *request)
{
    struct server *server = request->server;
    ASSERT(request->call == NULL);
    env_timer_stop(server->env, &request->timer);
    buf_fini(&request->payload);
    mem_free(server->env->mem, request);
}

static void unlink_request(struct request *request)
{
    struct server *server = request->server;
    list_remove(&request->link);
    if (map_remove(&server->waiting, request->head.seq) != NULL) {
        server->waiting_count--;
        ASSERT(server->waiting_bytes >= request->payload.cap);
        server->waiting_bytes -= request->payload.cap;
    }
}

/* What etcd says of a request that ran out of time (its parseProposeCtxErr): whoever never got
 * as far as a leader hears only that time is over. */
static int timeout_error(const struct request *request)
{
    const struct server *server = request->server;
    if (request->state != REQUEST_PROPOSED) {
        return ERR_ETCD_DEADLINE;
    }
    int64_t elected = server->leader_elected_ns;
    int64_t lost = elected - 2 * server->config.election_ns;
    if (request->start_ns > lost && request->start_ns < elected) {
        return ERR_ETCD_TIMEOUT_LEADER_FAIL;
    }
    if (server->leader == 0) {
        return ERR_ETCD_TIMEOUT;
    }
    if (server->leader != server->id) {
        bool connected = members_connected_since(server, server->leader, request->start_ns);
        return connected ? ERR_ETCD_TIMEOUT : ERR_ETCD_TIMEOUT_CONN_LOST;
    }
    /* etcd counts learners too here (isConnectedToQuorumSince over all members). */
    const struct membership *members = &server->members;
    size_t connected = 0;
    for (size_t i = 0; i < members->count; i++) {
        connected += members_connected_since(server, members->members[i]->id, request->start_ns);
    }
    return connected >= members->count / 2 + 1 ? ERR_ETCD_TIMEOUT : ERR_ETCD_TIMEOUT_CONN_LOST;
}

static void on_deadline(struct env_timer *timer)
{
    struct request *request = timer->data;
    PROBE("server.request_timeout");
    int err = timeout_error(request);
    unlink_request(request);
    rpc_fail(request, err);
    request_free(request);
}

/* A backlog of work that is not yet applied counts as well: etcd's
 * maxGapBetweenApplyAndCommitIndex. */
static bool too_many(const struct server *server, const struct request *request)
{
    return server->waiting_count >= WAITING_MAX || server->commit > server->applied + 5000 ||
           server->waiting_bytes + request->payload.cap > WAITING_BYTES_MAX;
}

void request_submit(struct request *request, int64_t deadline_ns)
{
    struct server *server = request->server;
    request->start_ns = env_now_ns(server->env);
    if (request->call != NULL) {
        grpc_call_set_user(request->call, request);
        observe_request(request);
    }
    if (request->payload.len - ENTRY_HEAD_BYTES > server->config.request_bytes_max) {
        rpc_fail(request, ERR_ETCD_TOO_LARGE);
        request_free(request);
        return;
    }
    if (!request->own && too_many(server, request)) {
        PROBE("server.too_many_requests");
        rpc_fail(request, ERR_ETCD_TOO_MANY);
        request_free(request);
        return;
    }
    if (server->phase >= SERVER_STOPPING) {
        rpc_fail(request, ERR_ETCD_STOPPED);
        request_free(request);
        return;
    }
    request->state = REQUEST_GATHERED;
    list_push_back(&server->gathered, &request->link);
    map_put(&server->waiting, request->head.seq, request);
    server->waiting_count++;
    server->waiting_bytes += request->payload.cap;
    if (deadline_ns != INT64_MAX) {
        request->timer.fire = on_deadline;
        request->timer.data = request;
        env_timer_set(server->env, &request->timer, deadline_ns);
    }
}

struct request *request_take(struct server *server, const struct entry_head *head)
{
    if (head->origin != server->id || head->boot != server->boot) {
        return NULL;
    }
    struct request *request = map_get(&server->waiting, head->seq);
    if (request != NULL) {
        unlink_request(request);
    }
    return request;
}

void request_canceled(struct grpc_call *call)
{
    struct request *request = grpc_call_user(call);
    if (request == NULL) {
        return;
    }
    PROBE("server.client_gone");
    observe_answer(request->server, request->head.seq, GRPC_CANCELED);
    request->call = NULL;
    /* If it is proposed, the entry may still be committed, and is then applied without an answer.
     * Nobody waits for that here: a request whose client set no deadline would wait for ever if
     * its entry is lost. */
    unlink_request(request);
    request_free(request);
}

static void park(struct request *request)
{
    request->state = REQUEST_PARKED;
    list_push_back(&request->server->parked, &request->link);
}

static void proposed(struct request *request)
{
    struct server *server = request->server;
    request->state = REQUEST_PROPOSED;
    ASSERT(server->waiting_bytes >= request->payload.cap);
    server->waiting_bytes -= request->payload.cap;
    buf_fini(&request->payload);
    list_push_back(&server->proposed, &request->link);
}

static void dropped(struct request *request, int err)
{
    if (err == ERR_BUSY) {
        PROBE("server.proposal_busy");
        unlink_request(request);
        rpc_fail(request, ERR_ETCD_TOO_MANY);
        request_free(request);
        return;
    }
    if (err == ERR_LIMIT) {
        unlink_request(request);
        rpc_fail(request, ERR_ETCD_TOO_LARGE);
        request_free(request);
        return;
    }
    park(request);
}

/* Proposes all requests of `batch`, all or none. */
static void propose_batch(struct server *server, struct list *batch, const struct slice *payloads,
                          size_t count, bool conf)
{
    int err = 0;
    if (count == 0) {
        return;
    }
    enum raft_propose_result result = consensus_propose(server, conf, payloads, count, &err);
    struct list *it;
    while ((it = list_pop_front(batch)) != NULL) {
        struct request *request = container_of(it, struct request, link);
        if (result == RAFT_PROPOSE_DROPPED) {
            dropped(request, err);
        } else {
            proposed(request);
        }
    }
}

void requests_flush(struct server *server)
{
    struct slice payloads[BATCH_MAX];
    struct list batch;
    list_init(&batch);
    while (!list_empty(&server->gathered)) {
        size_t count = 0;
        size_t bytes = 0;
        bool conf = false;
        while (!list_empty(&server->gathered) && count < BATCH_MAX && !conf) {
            struct request *request = container_of(server->gathered.next, struct request, link);
            conf = is_conf(request);
            bytes += request->payload.len;
            if (count > 0 && (conf || bytes > BATCH_BYTES_MAX)) {
                break; /* a membership change goes alone, in its turn */
            }
            list_remove(&request->link);
            list_push_back(&batch, &request->link);
            payloads[count++] = buf_slice(&request->payload);
        }
        conf = count == 1 && is_conf(container_of(batch.next, struct request, link));
        propose_batch(server, &batch, payloads, count, conf);
    }
}

void requests_unpark(struct server *server)
{
    list_each (it, &server->parked) {
        container_of(it, struct request, link)->state = REQUEST_GATHERED;
    }
    /* They came before what this turn has gathered. */
    struct list all;
    list_init(&all);
    list_splice_back(&all, &server->parked);
    list_splice_back(&all, &server->gathered);
    list_splice_back(&server->gathered, &all);
}

static void fail_list(struct server *server, struct list *list, int err)
{
    (void)server;
    while (!list_empty(list)) {
        struct request *request = container_of(list->next, struct request, link);
        unlink_request(request);
        rpc_fail(request, err);
        request_free(request);
    }
}

void requests_fail(struct server *server, int err)
{
    fail_list(server, &server->gathered, err);
    fail_list(server, &server->parked, err);
    fail_list(server, &server->proposed, err);
}
