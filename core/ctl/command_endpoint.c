/* endpoint status, hashkv, health: each endpoint is asked on a connection of its own, for its
 * status and its hash one after the other, for its health all at once. */
#include "base/duration.h"
#include "private.h"

/* Endpoints from the member list (--cluster). They are URLs, in the order of members. */
static void members_done(struct client_call *call)
{
    struct session *session = ctl_done(call);
    if (session == NULL) {
        return;
    }
    struct ctl *ctl = session->ctl;
    if (call->status != GRPC_OK) {
        struct slice error = ctl_error(session);
        ctl_fail(ctl, EXIT_ERROR, "failed to fetch endpoints from etcd cluster member list: %.*s",
                 (int)error.len, (const char *)error.ptr);
        return;
    }
    const Etcdserverpb__MemberListResponse *answer =
        (const Etcdserverpb__MemberListResponse *)call->response;
    size_t count = 0;
    for (size_t i = 0; i < answer->n_members; i++) {
        count += answer->members[i]->n_clienturls;
    }
    ctl->endpoints = mem_zalloc(ctl->mem, count + 1, sizeof(ctl->endpoints[0]));
    for (size_t i = 0; i < answer->n_members; i++) {
        for (size_t u = 0; u < answer->members[i]->n_clienturls; u++) {
            ctl->endpoints[ctl->endpoint_count++] = slice_str(answer->members[i]->clienturls[u]);
        }
    }
    ctl->endpoints_known(ctl);
}

static void find_endpoints(struct ctl *ctl, void (*known)(struct ctl *ctl))
{
    struct flags *flags = &ctl->flags;
    if (print_check_format(ctl) != 0) {
        return;
    }
    ctl->endpoints_known = known;
    if (!flag_bool(flags, F_CLUSTER)) {
        ctl->endpoints = flags->endpoints;
        ctl->endpoint_count = flags->endpoint_count;
        known(ctl);
        return;
    }
    Etcdserverpb__MemberListRequest request;
    etcdserverpb__member_list_request__init(&request);
    struct session *session = ctl_session(ctl, flags->endpoints, flags->endpoint_count);
    if (session != NULL) {
        ctl_call(session, &client_member_list, &request.base, members_done);
    }
}

/* Status and hash: the same walk, one endpoint after the other, with another question. */
struct question {
    const char *what; /* is asked for, in a complaint */
    void (*ask)(struct session *session);
    void (*print)(struct ctl *ctl);
};

static void ask_next(struct ctl *ctl);

static void asked(struct client_call *call)
{
    struct session *session = ctl_done(call);
    if (session == NULL) {
        return;
    }
    struct ctl *ctl = session->ctl;
    if (call->status == GRPC_OK) {
        ctl->answers[session->index] = session;
    } else {
        struct slice endpoint = ctl->endpoints[session->index];
        struct slice error = ctl_error(session);
        ctl_warn(ctl, "Failed to get the %s of endpoint %.*s (%.*s)\n", ctl->question->what,
                 (int)endpoint.len, (const char *)endpoint.ptr, (int)error.len,
                 (const char *)error.ptr);
        ctl->last_failed = session;
        ctl->failed = true;
    }
    ctl->done_count++;
    ask_next(ctl);
}

static void ask_next(struct ctl *ctl)
{
    if (ctl->done_count == ctl->endpoint_count) {
        ctl->question->print(ctl);
        return;
    }
    struct session *session = ctl_session(ctl, &ctl->endpoints[ctl->done_count], 1);
    if (session != NULL) {
        session->index = ctl->done_count;
        ctl->question->ask(session);
    }
}

static void ask_all(struct ctl *ctl)
{
    if (ctl->endpoint_count == 0 && !flag_bool(&ctl->flags, F_CLUSTER)) {
        ctl_fail(ctl, EXIT_CONNECTION, "etcdclient: no available endpoints");
        return;
    }
    ctl->answers = mem_zalloc(ctl->mem, ctl->endpoint_count + 1, sizeof(struct session *));
    ask_next(ctl);
}

static void ask_status(struct session *session)
{
    Etcdserverpb__StatusRequest request;
    etcdserverpb__status_request__init(&request);
    ctl_call(session, &client_status, &request.base, asked);
}

void command_endpoint_status(struct ctl *ctl)
{
    static const struct question status = {"status", ask_status, print_statuses};
    ctl->question = &status;
    find_endpoints(ctl, ask_all);
}

static void ask_hash(struct session *session)
{
    Etcdserverpb__HashKVRequest request;
    etcdserverpb__hash_kvrequest__init(&request);
    request.revision = flag_number(&session->ctl->flags, F_HASH_REV);
    ctl_call(session, &client_hash_kv, &request.base, asked);
}

void command_endpoint_hashkv(struct ctl *ctl)
{
    static const struct question hash = {"hash", ask_hash, print_hashes};
    ctl->question = &hash;
    find_endpoints(ctl, ask_all);
}

/* Being refused is an answer that went through consensus: healthy. */
static bool is_healthy(struct session *session)
{
    return session->call.status == GRPC_OK ||
           slice_eq_str(ctl_error(session), "etcdserver: permission denied");
}

static void health_done(struct client_call *call)
{
    struct session *session = ctl_done(call);
    if (session == NULL) {
        return;
    }
    struct ctl *ctl = session->ctl;
    struct health *health = &ctl->healths[ctl->done_count++];
    int64_t timeout_ns = flag_number(&ctl->flags, F_COMMAND_TIMEOUT);
    int64_t took_ns = env_now_ns(ctl->env) - (call->deadline_ns - timeout_ns);
    health->endpoint = ctl->endpoints[session->index];
    duration_format(health->took, sizeof(health->took), took_ns);
    if (!is_healthy(session)) {
        buf_add_slice(&health->error, ctl_error(session));
        ctl->failed = true;
    }
    if (ctl->done_count == ctl->endpoint_count) {
        print_healths(ctl);
    }
}

static void health_all(struct ctl *ctl)
{
    size_t count = ctl->endpoint_count;
    Etcdserverpb__RangeRequest request;
    etcdserverpb__range_request__init(&request);
    request.key = pb_bytes(slice_str("health"));
    ctl->healths = mem_zalloc(ctl->mem, count + 1, sizeof(ctl->healths[0]));
    for (size_t i = 0; i < count; i++) {
        buf_init(&ctl->healths[i].error, ctl->mem);
    }
    for (size_t i = 0; i < count; i++) {
        struct session *session = ctl_session(ctl, &ctl->endpoints[i], 1);
        if (session == NULL) {
            return;
        }
        session->index = i;
        ctl_call(session, &client_range, &request.base, health_done);
    }
    if (count == 0) {
        print_healths(ctl);
    }
}

void command_endpoint_health(struct ctl *ctl)
{
    find_endpoints(ctl, health_all);
}
