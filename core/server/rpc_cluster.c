/* etcdserverpb.Cluster: MemberAdd, MemberRemove, MemberUpdate, MemberList, MemberPromote.
 */
#include "base/assert.h"
#include "base/probe.h"
#include "node.h"

/* Messages for a list of members, in one allocation each for structs, pointers and strings. */
struct member_array {
    Etcdserverpb__Member *at;
    Etcdserverpb__Member **pointers;
    char **strings;
    struct buf text;
};

static size_t string_count(const struct membership *members)
{
    size_t count = 0;
    for (size_t i = 0; i < members->count; i++) {
        const struct member *member = members->members[i];
        count += 1 + member->peer_urls.count + member->client_urls.count;
    }
    return count;
}

/* Strings of the list carry no NUL: each is copied behind the others, and found by its offset. */
static size_t add_text(struct buf *text, struct slice s)
{
    size_t at = text->len;
    buf_add_slice(text, s);
    buf_add_u8(text, 0);
    return at;
}

static void gather_text(struct member_array *array, const struct membership *members)
{
    for (size_t i = 0; i < members->count; i++) {
        const struct member *member = members->members[i];
        add_text(&array->text, member->name);
        for (size_t j = 0; j < member->peer_urls.count; j++) {
            add_text(&array->text, member->peer_urls.at[j]);
        }
        for (size_t j = 0; j < member->client_urls.count; j++) {
            add_text(&array->text, member->client_urls.at[j]);
        }
    }
}

static char *next_text(char **at)
{
    char *text = *at;
    *at += strlen(text) + 1;
    return text;
}

static void member_array_init(struct member_array *array, struct mem *mem,
                              const struct membership *members)
{
    array->at = mem_alloc(mem, members->count * sizeof(*array->at));
    array->pointers = mem_alloc(mem, members->count * sizeof(*array->pointers));
    array->strings = mem_alloc(mem, string_count(members) * sizeof(*array->strings));
    buf_init(&array->text, mem);
    gather_text(array, members);
    char *text = (char *)array->text.ptr;
    char **string = array->strings;
    for (size_t i = 0; i < members->count; i++) {
        const struct member *from = members->members[i];
        Etcdserverpb__Member *to = &array->at[i];
        etcdserverpb__member__init(to);
        array->pointers[i] = to;
        to->id = from->id;
        to->islearner = from->is_learner;
        to->name = next_text(&text);
        to->n_peerurls = from->peer_urls.count;
        to->peerurls = string;
        for (size_t j = 0; j < from->peer_urls.count; j++) {
            *string++ = next_text(&text);
        }
        to->n_clienturls = from->client_urls.count;
        to->clienturls = string;
        for (size_t j = 0; j < from->client_urls.count; j++) {
            *string++ = next_text(&text);
        }
    }
}

static void member_array_fini(struct member_array *array, struct mem *mem)
{
    mem_free(mem, array->at);
    mem_free(mem, array->pointers);
    mem_free(mem, array->strings);
    buf_fini(&array->text);
}

static Etcdserverpb__Member *find(const struct member_array *array, size_t count, member_id_t id)
{
    for (size_t i = 0; i < count; i++) {
        if (array->at[i].id == id) {
            return &array->at[i];
        }
    }
    return NULL;
}

void cluster_respond(struct grpc_call *call, const struct membership *members, member_id_t member)
{
    struct server *server = rpc_server(call);
    const char *method = grpc_call_method(call)->name;
    Etcdserverpb__ResponseHeader header;
    struct member_array array;
    rpc_header(server, &header);
    header.revision = 0; /* as etcd: this service's headers carry none */
    member_array_init(&array, server->env->mem, members);
    /* The five answers have the same fields but for MemberAdd's member. */
    if (strcmp(method, "MemberAdd") == 0) {
        Etcdserverpb__MemberAddResponse response;
        etcdserverpb__member_add_response__init(&response);
        response.header = &header;
        response.member = find(&array, members->count, member);
        response.n_members = members->count;
        response.members = array.pointers;
        rpc_answer(call, &response.base);
    } else if (strcmp(method, "MemberRemove") == 0) {
        Etcdserverpb__MemberRemoveResponse response;
        etcdserverpb__member_remove_response__init(&response);
        response.header = &header;
        response.n_members = members->count;
        response.members = array.pointers;
        rpc_answer(call, &response.base);
    } else if (strcmp(method, "MemberUpdate") == 0) {
        Etcdserverpb__MemberUpdateResponse response;
        etcdserverpb__member_update_response__init(&response);
        response.header = &header;
        response.n_members = members->count;
        response.members = array.pointers;
        rpc_answer(call, &response.base);
    } else if (strcmp(method, "MemberPromote") == 0) {
        Etcdserverpb__MemberPromoteResponse response;
        etcdserverpb__member_promote_response__init(&response);
        response.header = &header;
        response.n_members = members->count;
        response.members = array.pointers;
        rpc_answer(call, &response.base);
    } else {
        Etcdserverpb__MemberListResponse response;
        etcdserverpb__member_list_response__init(&response);
        response.header = &header;
        response.n_members = members->count;
        response.members = array.pointers;
        rpc_answer(call, &response.base);
    }
    member_array_fini(&array, server->env->mem);
}

void cluster_propose(struct request *request, const struct membership_change *change,
                     int64_t deadline_ns)
{
    struct server *server = request->server;
    struct buf context = request->payload;
    membership_change_encode(change, &context);
    const struct raft_conf_change conf = {.type = (enum raft_conf_type)change->type,
                                          .member = change->id,
                                          .context = buf_slice(&context)};
    buf_init(&request->payload, server->env->mem);
    raft_conf_change_encode(&conf, &request->payload);
    buf_fini(&context);
    request->member = change->id;
    request_submit(request, deadline_ns);
}

void cluster_answer(struct request *request, int err)
{
    if (err != 0) {
        rpc_fail(request, err);
        return;
    }
    if (request->asker != 0) {
        promote_reply(request, 0);
        return;
    }
    struct grpc_call *call = request->call;
    if (call != NULL) {
        request->call = NULL;
        observe_answer(request->server, request->head.seq, GRPC_OK);
        cluster_respond(call, &request->server->members, request->member);
    }
}

/* Proposes a change of the call, or ends it with the error. Etcd sets no limit of its own here: a
 * change waits as long as its client does. */
static void propose_or_fail(struct grpc_call *call, int rv, const struct membership_change *change)
{
    if (rv != 0) {
        port_call_err(call, rv);
        return;
    }
    struct request *request = request_new(rpc_server(call), ENTRY_CONF, call);
    cluster_propose(request, change, grpc_call_deadline_ns(call));
}

/* Borrows the strings. ERR_ETCD_BAD_URLS past MEMBER_URLS_MAX. */
static int take_urls(char *const *strings, size_t count, struct member_urls *urls)
{
    urls->count = 0;
    if (count > MEMBER_URLS_MAX) {
        return ERR_ETCD_BAD_URLS;
    }
    for (size_t i = 0; i < count; i++) {
        urls->at[urls->count++] = slice_str(strings[i]);
    }
    return 0;
}

static void add_message(struct grpc_call *call, struct slice bytes)
{
    struct server *server = rpc_server(call);
    struct membership_link links[MEMBERS_MAX];
    struct membership_view view;
    struct membership_change change;
    struct member_urls urls;
    if (rpc_refused_by_learner(call)) {
        return;
    }
    ProtobufCMessage *message =
        rpc_unpack(call, &etcdserverpb__member_add_request__descriptor, bytes);
    if (message == NULL) {
        return;
    }
    const Etcdserverpb__MemberAddRequest *pb = (const Etcdserverpb__MemberAddRequest *)message;
    int rv = take_urls(pb->peerurls, pb->n_peerurls, &urls);
    if (rv == 0) {
        rv = membership_plan_add(&urls, pb->islearner, env_wall_ns(server->env) / SEC_NS, &change);
    }
    if (rv == 0) {
        change.learners_max = server->config.learners_max;
        members_view(server, links, &view);
        rv = membership_may_add(&server->members, &view, pb->islearner);
    }
    propose_or_fail(call, rv, &change);
    pb_free(server->env->mem, message);
}

static void remove_message(struct grpc_call *call, struct slice bytes)
{
    struct server *server = rpc_server(call);
    struct membership_link links[MEMBERS_MAX];
    struct membership_view view;
    struct membership_change change;
    if (rpc_refused_by_learner(call)) {
        return;
    }
    ProtobufCMessage *message =
        rpc_unpack(call, &etcdserverpb__member_remove_request__descriptor, bytes);
    if (message == NULL) {
        return;
    }
    member_id_t id = ((const Etcdserverpb__MemberRemoveRequest *)message)->id;
    pb_free(server->env->mem, message);
    members_view(server, links, &view);
    int rv = membership_may_remove(&server->members, &view, id);
    if (rv == 0 && id == 0) {
        rv = ERR_ETCD_MEMBER_NOT_FOUND; /* no member has it, and no entry can name it */
    }
    membership_plan_remove(id, &change);
    propose_or_fail(call, rv, &change);
}

static void update_message(struct grpc_call *call, struct slice bytes)
{
    struct server *server = rpc_server(call);
    struct membership_change change;
    struct member_urls urls;
    if (rpc_refused_by_learner(call)) {
        return;
    }
    ProtobufCMessage *message =
        rpc_unpack(call, &etcdserverpb__member_update_request__descriptor, bytes);
    if (message == NULL) {
        return;
    }
    const Etcdserverpb__MemberUpdateRequest *pb =
        (const Etcdserverpb__MemberUpdateRequest *)message;
    int rv = take_urls(pb->peerurls, pb->n_peerurls, &urls);
    if (rv == 0) {
        rv = membership_plan_update(pb->id, &urls, &change);
    }
    if (rv == 0 && pb->id == 0) {
        rv = ERR_ETCD_MEMBER_NOT_FOUND;
    }
    propose_or_fail(call, rv, &change);
    pb_free(server->env->mem, message);
}

static void promote_message(struct grpc_call *call, struct slice bytes)
{
    struct server *server = rpc_server(call);
    if (rpc_refused_by_learner(call)) {
        return;
    }
    ProtobufCMessage *message =
        rpc_unpack(call, &etcdserverpb__member_promote_request__descriptor, bytes);
    if (message == NULL) {
        return;
    }
    member_id_t id = ((const Etcdserverpb__MemberPromoteRequest *)message)->id;
    pb_free(server->env->mem, message);
    promote_begin(call, id);
}

static void list_message(struct grpc_call *call, struct slice bytes)
{
    struct server *server = rpc_server(call);
    if (rpc_refused_by_learner(call)) {
        return;
    }
    ProtobufCMessage *message =
        rpc_unpack(call, &etcdserverpb__member_list_request__descriptor, bytes);
    if (message == NULL) {
        return;
    }
    pb_free(server->env->mem, message);
    cluster_respond(call, &server->members, 0);
}

static const struct grpc_method methods[] = {
    {.name = "MemberAdd", .message = add_message, .canceled = request_canceled},
    {.name = "MemberRemove", .message = remove_message, .canceled = request_canceled},
    {.name = "MemberUpdate", .message = update_message, .canceled = request_canceled},
    {.name = "MemberPromote", .message = promote_message, .canceled = promote_canceled},
    {.name = "MemberList", .message = list_message},
};

const struct grpc_service rpc_cluster = {"etcdserverpb.Cluster", methods,
                                         sizeof(methods) / sizeof(methods[0])};
