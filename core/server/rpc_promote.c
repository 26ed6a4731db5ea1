/* MemberPromote: only the leader knows how far a learner has come, so it decides. Another member
 * that is asked passes the question on over its link (etcd: POST /members/promote/ID on the
 * leader's peer port).
 *
 *   ask     RECORD_ASK, token 8, member 8
 *   answer  RECORD_ANSWER, token 8, error 4, then (error 0) the list after the change
 *
 * A question that is lost, or whose leader is gone, is asked again when there is another leader;
 * the call's deadline ends it.
 */
#include "base/assert.h"
#include "base/probe.h"
#include "node.h"

struct ask {
    struct list link;
    struct server *server;
    uint64_t token;
    member_id_t member;
    struct grpc_call *call; /* NULL once promote_local has taken it over */
    struct env_timer timer;
};

/* On the leader: refuses or proposes. call is NULL if another member asks. */
static void promote_local(struct server *server, struct grpc_call *call, member_id_t member,
                          member_id_t asker, uint64_t token)
{
    struct membership_link links[MEMBERS_MAX];
    struct membership_view view;
    struct membership_change change;
    struct raft_progress progress = {0};
    bool tracked = raft_progress(server->raft, member, &progress);
    members_view(server, links, &view);
    int rv = membership_may_promote(&server->members, &view, tracked, progress.match,
                                    raft_durable(server->raft));
    if (rv == 0 && member == 0) {
        rv = ERR_ETCD_MEMBER_NOT_FOUND;
    }
    membership_plan_promote(member, &change);
    struct request *request = request_new(server, ENTRY_CONF, call);
    request->own = false;
    request->asker = asker;
    request->asker_token = token;
    request->member = member;
    if (rv != 0) {
        rpc_fail(request, rv);
        request_free(request);
        return;
    }
    int64_t deadline_ns = call != NULL
                              ? grpc_call_deadline_ns(call)
                              : env_now_ns(server->env) + server_request_timeout_ns(server);
    cluster_propose(request, &change, deadline_ns);
}

static void free_ask(struct ask *ask)
{
    list_remove(&ask->link);
    env_timer_stop(ask->server->env, &ask->timer);
    mem_free(ask->server->env->mem, ask);
}

static void fail_ask(struct ask *ask, int err)
{
    struct grpc_call *call = ask->call;
    grpc_call_set_user(call, NULL);
    free_ask(ask);
    port_call_err(call, err);
}

static void on_deadline(struct env_timer *timer)
{
    struct ask *ask = timer->data;
    /* etcd waits for a leader first; what it says depends on whether it found one. */
    fail_ask(ask, ask->server->leader == 0 ? ERR_ETCD_NO_LEADER : ERR_ETCD_TIMEOUT);
}

static void ask_leader(struct ask *ask)
{
    struct server *server = ask->server;
    struct buf record;
    if (server->leader == 0) {
        return;
    }
    buf_init(&record, server->env->mem);
    buf_add_u8(&record, RECORD_ASK);
    buf_add_u64(&record, ask->token);
    buf_add_u64(&record, ask->member);
    if (peers_send(&server->peers, server->leader, buf_slice(&record)) != 0) {
        PROBE("server.ask_not_sent");
    }
    buf_fini(&record);
}

void promote_begin(struct grpc_call *call, member_id_t member)
{
    struct server *server = rpc_server(call);
    if (server->phase >= SERVER_STOPPING) {
        port_call_err(call, ERR_ETCD_STOPPED);
        return;
    }
    if (consensus_is_leader(server)) {
        promote_local(server, call, member, 0, 0);
        return;
    }
    struct ask *ask = mem_zalloc(server->env->mem, 1, sizeof(*ask));
    ask->server = server;
    ask->token = ++server->seq;
    ask->member = member;
    ask->call = call;
    ask->timer.fire = on_deadline;
    ask->timer.data = ask;
    list_push_back(&server->asks, &ask->link);
    env_timer_set(server->env, &ask->timer,
                  rpc_deadline_ns(call, server_request_timeout_ns(server)));
    ask_leader(ask);
}

static struct ask *find_ask(struct server *server, const struct grpc_call *call, uint64_t token)
{
    list_each (it, &server->asks) {
        struct ask *ask = container_of(it, struct ask, link);
        if (call != NULL ? ask->call == call : ask->token == token) {
            return ask;
        }
    }
    return NULL;
}

void promote_canceled(struct grpc_call *call)
{
    struct ask *ask = find_ask(rpc_server(call), call, 0);
    if (ask != NULL) {
        free_ask(ask);
    } else {
        request_canceled(call);
    }
}

void promote_reply(struct request *request, int err)
{
    struct server *server = request->server;
    struct buf record;
    buf_init(&record, server->env->mem);
    buf_add_u8(&record, RECORD_ANSWER);
    buf_add_u64(&record, request->asker_token);
    buf_add_u32(&record, (uint32_t)-err);
    if (err == 0) {
        membership_encode(&server->members, &record);
    }
    if (peers_send(&server->peers, request->asker, buf_slice(&record)) != 0) {
        PROBE("server.answer_not_sent");
    }
    request->asker = 0;
    buf_fini(&record);
}

void promote_asked(struct server *server, member_id_t from, struct slice body)
{
    struct reader r = reader_of(body);
    uint64_t token = read_u64(&r);
    member_id_t member = read_u64(&r);
    if (r.failed || r.len > 0 || server->raft == NULL || !consensus_is_leader(server) ||
        server->phase != SERVER_RUNNING) {
        PROBE("server.ask_ignored");
        return; /* asked again when the asker knows who leads */
    }
    promote_local(server, NULL, member, from, token);
}

void promote_answered(struct server *server, struct slice body)
{
    struct reader r = reader_of(body);
    uint64_t token = read_u64(&r);
    uint32_t negated = read_u32(&r);
    struct ask *ask = r.failed ? NULL : find_ask(server, NULL, token);
    if (ask == NULL || negated > 1000) {
        return;
    }
    if (negated != 0) {
        fail_ask(ask, -(int)negated);
        return;
    }
    struct membership members;
    membership_init(&members, server->env->mem);
    int rv = membership_decode(&members, slice_of(r.ptr, r.len));
    if (rv != 0) {
        PROBE("server.answer_malformed");
        fail_ask(ask, rv);
    } else {
        struct grpc_call *call = ask->call;
        grpc_call_set_user(call, NULL);
        free_ask(ask);
        cluster_respond(call, &members, 0);
    }
    membership_fini(&members);
}

void promote_leader_changed(struct server *server)
{
    list_each_safe (it, &server->asks) {
        struct ask *ask = container_of(it, struct ask, link);
        if (!consensus_is_leader(server)) {
            ask_leader(ask);
            continue;
        }
        struct grpc_call *call = ask->call;
        member_id_t member = ask->member;
        free_ask(ask);
        promote_local(server, call, member, 0, 0);
    }
}

void promote_fail(struct server *server, int err)
{
    list_each_safe (it, &server->asks) {
        fail_ask(container_of(it, struct ask, link), err);
    }
}
