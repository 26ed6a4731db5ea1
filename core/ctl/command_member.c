/* member list, add, remove, promote, update; move-leader. */
#include "private.h"
#include "text.h"

static struct session *start(struct ctl *ctl, const struct client_method *method,
                             const ProtobufCMessage *request,
                             void (*done)(struct client_call *call))
{
    if (print_check_format(ctl) != 0) {
        return NULL;
    }
    struct session *session = ctl_session(ctl, ctl->flags.endpoints, ctl->flags.endpoint_count);
    if (session != NULL) {
        ctl_call(session, method, request, done);
    }
    return session;
}

/* The session of a call that has succeeded; else NULL, and the program ends. */
static struct session *succeeded(struct client_call *call)
{
    struct session *session = ctl_done(call);
    if (session != NULL && call->status != GRPC_OK) {
        struct slice error = ctl_error(session);
        ctl_fail(session->ctl, EXIT_ERROR, "%.*s", (int)error.len, (const char *)error.ptr);
        return NULL;
    }
    return session;
}

static uint64_t cluster_of(const Etcdserverpb__ResponseHeader *header)
{
    return header != NULL ? header->cluster_id : 0;
}

/* The one argument, an ID in hexadecimal. Not 0: failed. */
static int member_arg(struct ctl *ctl)
{
    struct buf error;
    if (ctl->flags.arg_count != 1) {
        ctl_fail(ctl, EXIT_ARGUMENTS, "member ID is not provided");
        return ERR_USAGE;
    }
    buf_init(&error, ctl->mem);
    int err = text_hex_u64(ctl->flags.args[0], &ctl->member, &error);
    if (err != 0) {
        ctl_fail(ctl, EXIT_ARGUMENTS, "bad member ID arg (%s), expecting ID in Hex",
                 buf_cstr(&error));
    }
    buf_fini(&error);
    return err;
}

/* --peer-urls, split at commas; the strings live in `text`. */
struct urls {
    struct buf text;
    char **items;
    size_t count;
};

static void urls_fini(struct urls *urls)
{
    mem_free(urls->text.mem, urls->items);
    buf_fini(&urls->text);
}

static void urls_split(struct ctl *ctl, struct urls *urls)
{
    buf_init(&urls->text, ctl->mem);
    buf_add_str(&urls->text, flag_text(&ctl->flags, F_PEER_URLS));
    buf_add_u8(&urls->text, 0);
    urls->count = 1;
    for (size_t i = 0; i < urls->text.len; i++) {
        urls->count += urls->text.ptr[i] == ',' ? 1 : 0;
    }
    urls->items = mem_zalloc(ctl->mem, urls->count, sizeof(urls->items[0]));
    size_t n = 0;
    urls->items[n++] = (char *)urls->text.ptr;
    for (size_t i = 0; i < urls->text.len; i++) {
        if (urls->text.ptr[i] == ',') {
            urls->text.ptr[i] = 0;
            urls->items[n++] = (char *)&urls->text.ptr[i + 1];
        }
    }
}

/* As clientv3 does before it sends. Not 0: failed. */
static int urls_check(struct ctl *ctl, const struct urls *urls)
{
    struct buf error;
    buf_init(&error, ctl->mem);
    int err = 0;
    for (size_t i = 0; i < urls->count && err == 0; i++) {
        err = text_check_url(slice_str(urls->items[i]), &error);
    }
    if (err != 0) {
        ctl_fail(ctl, EXIT_ERROR, "%s", buf_cstr(&error));
    }
    buf_fini(&error);
    return err;
}

static void list_done(struct client_call *call)
{
    struct session *session = succeeded(call);
    if (session != NULL) {
        print_members(session->ctl, (const Etcdserverpb__MemberListResponse *)call->response);
    }
}

void command_member_list(struct ctl *ctl)
{
    Etcdserverpb__MemberListRequest request;
    etcdserverpb__member_list_request__init(&request);
    start(ctl, &client_member_list, &request.base, list_done);
}

/* What the new member's process needs to know, ready for a shell. */
static void print_environment(struct ctl *ctl, const Etcdserverpb__MemberAddResponse *answer)
{
    const char *name = ctl->flags.args[0];
    struct buf cluster;
    struct buf out;
    buf_init(&cluster, ctl->mem);
    buf_init(&out, ctl->mem);
    for (size_t i = 0; i < answer->n_members; i++) {
        const Etcdserverpb__Member *member = answer->members[i];
        for (size_t u = 0; u < member->n_peerurls; u++) {
            buf_printf(&cluster, "%s%s=%s", cluster.len > 0 ? "," : "",
                       member->id == answer->member->id ? name : member->name, member->peerurls[u]);
        }
    }
    buf_add_str(&out, "\nETCD_NAME=");
    text_quote(&out, slice_str(name));
    buf_add_str(&out, "\nETCD_INITIAL_CLUSTER=");
    text_quote(&out, buf_slice(&cluster));
    buf_add_str(&out, "\nETCD_INITIAL_ADVERTISE_PEER_URLS=");
    text_quote(&out, slice_str(flag_text(&ctl->flags, F_PEER_URLS)));
    buf_add_str(&out, "\nETCD_INITIAL_CLUSTER_STATE=\"existing\"\n");
    ctl_print(ctl, buf_slice(&out));
    buf_fini(&out);
    buf_fini(&cluster);
}

static void add_done(struct client_call *call)
{
    struct session *session = succeeded(call);
    if (session == NULL) {
        return;
    }
    struct ctl *ctl = session->ctl;
    const Etcdserverpb__MemberAddResponse *answer =
        (const Etcdserverpb__MemberAddResponse *)call->response;
    if (answer->member == NULL) {
        ctl_fail(ctl, EXIT_ERROR, "the answer names no member");
        return;
    }
    print_change(ctl, call->response, "added to", answer->member->id, cluster_of(answer->header));
    if (ctl->exiting) {
        return;
    }
    if (print_is(ctl, "simple")) {
        print_environment(ctl, answer);
    }
    ctl_exit(ctl, EXIT_OK);
}

static void too_many_arguments(struct ctl *ctl)
{
    struct buf text;
    buf_init(&text, ctl->mem);
    buf_add_str(&text, "too many arguments");
    for (size_t i = 0; i < ctl->flags.arg_count; i++) {
        const char *arg = ctl->flags.args[i];
        bool like_a_url = strlen(arg) >= 4 && (arg[0] | 32) == 'h' && (arg[1] | 32) == 't' &&
                          (arg[2] | 32) == 't' && (arg[3] | 32) == 'p';
        if (like_a_url) {
            buf_printf(&text, ", did you mean --peer-urls=%s", arg);
        }
    }
    ctl_fail(ctl, EXIT_ARGUMENTS, "%s", buf_cstr(&text));
    buf_fini(&text);
}

void command_member_add(struct ctl *ctl)
{
    const struct flags *flags = &ctl->flags;
    if (flags->arg_count < 1) {
        ctl_fail(ctl, EXIT_ARGUMENTS, "member name not provided");
        return;
    }
    if (flags->arg_count > 1) {
        too_many_arguments(ctl);
        return;
    }
    if (*flag_text(flags, F_PEER_URLS) == '\0') {
        ctl_fail(ctl, EXIT_ARGUMENTS, "member peer urls not provided");
        return;
    }
    struct urls urls;
    urls_split(ctl, &urls);
    if (urls_check(ctl, &urls) == 0) {
        Etcdserverpb__MemberAddRequest request;
        etcdserverpb__member_add_request__init(&request);
        request.n_peerurls = urls.count;
        request.peerurls = urls.items;
        request.islearner = flag_bool(flags, F_LEARNER);
        start(ctl, &client_member_add, &request.base, add_done);
    }
    urls_fini(&urls);
}

static void remove_done(struct client_call *call)
{
    struct session *session = succeeded(call);
    if (session == NULL) {
        return;
    }
    struct ctl *ctl = session->ctl;
    const Etcdserverpb__MemberRemoveResponse *answer =
        (const Etcdserverpb__MemberRemoveResponse *)call->response;
    print_change(ctl, call->response, "removed from", ctl->member, cluster_of(answer->header));
    if (!ctl->exiting) {
        ctl_exit(ctl, EXIT_OK);
    }
}

void command_member_remove(struct ctl *ctl)
{
    Etcdserverpb__MemberRemoveRequest request;
    if (member_arg(ctl) == 0) {
        etcdserverpb__member_remove_request__init(&request);
        request.id = ctl->member;
        start(ctl, &client_member_remove, &request.base, remove_done);
    }
}

static void promote_done(struct client_call *call)
{
    struct session *session = succeeded(call);
    if (session == NULL) {
        return;
    }
    struct ctl *ctl = session->ctl;
    const Etcdserverpb__MemberPromoteResponse *answer =
        (const Etcdserverpb__MemberPromoteResponse *)call->response;
    print_change(ctl, call->response, "promoted in", ctl->member, cluster_of(answer->header));
    if (!ctl->exiting) {
        ctl_exit(ctl, EXIT_OK);
    }
}

void command_member_promote(struct ctl *ctl)
{
    Etcdserverpb__MemberPromoteRequest request;
    if (member_arg(ctl) == 0) {
        etcdserverpb__member_promote_request__init(&request);
        request.id = ctl->member;
        start(ctl, &client_member_promote, &request.base, promote_done);
    }
}

static void update_done(struct client_call *call)
{
    struct session *session = succeeded(call);
    if (session == NULL) {
        return;
    }
    struct ctl *ctl = session->ctl;
    const Etcdserverpb__MemberUpdateResponse *answer =
        (const Etcdserverpb__MemberUpdateResponse *)call->response;
    print_change(ctl, call->response, "updated in", ctl->member, cluster_of(answer->header));
    if (!ctl->exiting) {
        ctl_exit(ctl, EXIT_OK);
    }
}

void command_member_update(struct ctl *ctl)
{
    if (member_arg(ctl) != 0) {
        return;
    }
    if (*flag_text(&ctl->flags, F_PEER_URLS) == '\0') {
        ctl_fail(ctl, EXIT_ARGUMENTS, "member peer urls not provided");
        return;
    }
    struct urls urls;
    urls_split(ctl, &urls);
    if (urls_check(ctl, &urls) == 0) {
        Etcdserverpb__MemberUpdateRequest request;
        etcdserverpb__member_update_request__init(&request);
        request.id = ctl->member;
        request.n_peerurls = urls.count;
        request.peerurls = urls.items;
        start(ctl, &client_member_update, &request.base, update_done);
    }
    urls_fini(&urls);
}

/* move-leader asks each endpoint in turn whether it leads, on a connection of its own, and sends
 * the request there. */
static void ask_next(struct ctl *ctl);

static void move_done(struct client_call *call)
{
    struct session *session = succeeded(call);
    if (session != NULL) {
        const Etcdserverpb__MoveLeaderResponse *answer =
            (const Etcdserverpb__MoveLeaderResponse *)call->response;
        print_move_leader(session->ctl, answer, session->index);
    }
}

static void status_done(struct client_call *call)
{
    struct session *session = succeeded(call);
    if (session == NULL) {
        return;
    }
    struct ctl *ctl = session->ctl;
    const Etcdserverpb__StatusResponse *status =
        (const Etcdserverpb__StatusResponse *)call->response;
    if (status->header == NULL || status->header->member_id != status->leader) {
        ctl->done_count++;
        ask_next(ctl);
        return;
    }
    Etcdserverpb__MoveLeaderRequest request;
    etcdserverpb__move_leader_request__init(&request);
    request.targetid = ctl->member;
    session->index = status->leader;
    /* One deadline for all of it, as in etcdctl. */
    int64_t deadline_ns = call->deadline_ns;
    call->done = move_done;
    client_start(session->client, call, &client_move_leader, &request.base, deadline_ns);
}

static void no_leader(struct ctl *ctl)
{
    struct buf text;
    buf_init(&text, ctl->mem);
    for (size_t i = 0; i < ctl->flags.endpoint_count; i++) {
        buf_add_str(&text, i > 0 ? " " : "");
        buf_add_slice(&text, ctl->flags.endpoints[i]);
    }
    ctl_fail(ctl, EXIT_ARGUMENTS, "no leader endpoint given at [%s]", buf_cstr(&text));
    buf_fini(&text);
}

static void ask_next(struct ctl *ctl)
{
    if (ctl->done_count == ctl->flags.endpoint_count) {
        no_leader(ctl);
        return;
    }
    struct session *first =
        list_empty(&ctl->sessions) ? NULL : container_of(ctl->sessions.next, struct session, link);
    Etcdserverpb__StatusRequest request;
    etcdserverpb__status_request__init(&request);
    struct session *session = ctl_session(ctl, &ctl->flags.endpoints[ctl->done_count], 1);
    if (session == NULL) {
        return;
    }
    if (first == NULL) {
        ctl_call(session, &client_status, &request.base, status_done);
        return;
    }
    session->call.done = status_done;
    session->call.data = session;
    client_start(session->client, &session->call, &client_status, &request.base,
                 first->call.deadline_ns);
}

void command_move_leader(struct ctl *ctl)
{
    struct buf error;
    if (ctl->flags.arg_count != 1) {
        ctl_fail(ctl, EXIT_ARGUMENTS, "move-leader command needs 1 argument");
        return;
    }
    buf_init(&error, ctl->mem);
    if (text_hex_u64(ctl->flags.args[0], &ctl->member, &error) != 0) {
        ctl_fail(ctl, EXIT_ARGUMENTS, "%s", buf_cstr(&error));
    } else if (print_check_format(ctl) == 0) {
        if (ctl->flags.endpoint_count == 0) {
            ctl_fail(ctl, EXIT_CONNECTION, "etcdclient: no available endpoints");
        } else {
            ask_next(ctl);
        }
    }
    buf_fini(&error);
}
