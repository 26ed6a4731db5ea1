/* Committed entries become state, and answers.
 *
 * Everything here is a function of the log alone; only the answers look at who waits. An entry that
 * cannot be read changes nothing: it is the same nothing on every member.
 */
#include "base/assert.h"
#include "base/probe.h"
#include "node.h"

static const struct pb_limits applied_limits = {
    .depth_max = 16, .fields_max = UINT32_MAX, .bytes_base = 65536, .bytes_per_byte = 64};

/* The limits of a request were met when it came in; a body that does not unpack is foreign. */
static ProtobufCMessage *unpack(struct server *server, const ProtobufCMessageDescriptor *type,
                                struct slice body)
{
    ProtobufCMessage *message = NULL;
    if (pb_unpack(server->env->mem, type, body, &applied_limits, &message) != 0) {
        PROBE("server.applied_malformed");
        return NULL;
    }
    return message;
}

static void apply_put(struct server *server, struct request *request, struct slice body)
{
    ProtobufCMessage *message = unpack(server, &etcdserverpb__put_request__descriptor, body);
    struct mvcc_put_result result = {0};
    int err = ERR_PROTO;
    bool with_prev = false;
    if (message != NULL) {
        const Etcdserverpb__PutRequest *pb = (const Etcdserverpb__PutRequest *)message;
        const struct mvcc_put put = {.key = pb_slice(pb->key),
                                     .value = pb_slice(pb->value),
                                     .lease = pb->lease,
                                     .prev_kv = pb->prev_kv,
                                     .ignore_value = pb->ignore_value,
                                     .ignore_lease = pb->ignore_lease};
        with_prev = pb->prev_kv;
        /* The same on every member: the alarm came through the log, too. */
        err = alarms_any(&server->alarms, ALARM_NOSPACE) ? ERR_ETCD_NO_SPACE
                                                         : mvcc_put(server->mvcc, &put, &result);
    }
    if (request != NULL) {
        kv_answer_put(request, err, &result, with_prev);
    }
    pb_free(server->env->mem, message);
}

static void apply_delete(struct server *server, struct request *request, struct slice body)
{
    ProtobufCMessage *message =
        unpack(server, &etcdserverpb__delete_range_request__descriptor, body);
    struct mvcc_delete_result result = {0};
    int err = ERR_PROTO;
    if (message != NULL) {
        const Etcdserverpb__DeleteRangeRequest *pb =
            (const Etcdserverpb__DeleteRangeRequest *)message;
        const struct mvcc_delete deletion = {
            .key = pb_slice(pb->key), .range_end = pb_slice(pb->range_end), .prev_kv = pb->prev_kv};
        err = mvcc_delete(server->mvcc, &deletion, server->env->mem, &result);
    }
    if (request != NULL) {
        kv_answer_delete(request, err, &result);
    }
    mvcc_delete_result_fini(&result, server->env->mem);
    pb_free(server->env->mem, message);
}

static void apply_compact(struct server *server, struct request *request, struct slice body)
{
    ProtobufCMessage *message = unpack(server, &etcdserverpb__compaction_request__descriptor, body);
    int err = ERR_PROTO;
    if (message != NULL) {
        const Etcdserverpb__CompactionRequest *pb =
            (const Etcdserverpb__CompactionRequest *)message;
        err = mvcc_compact(server->mvcc, pb->revision);
        if (request != NULL) {
            compaction_answer(request, err, pb->revision, pb->physical);
        }
    } else if (request != NULL) {
        compaction_answer(request, err, 0, false);
    }
    pb_free(server->env->mem, message);
}

/* Whether it is what this member's present log was to be known by. */
static bool apply_publish(struct server *server, struct slice body)
{
    struct membership_publish publish;
    if (membership_publish_decode(body, &publish) != 0) {
        PROBE("server.publish_malformed");
        return false;
    }
    int rv = membership_publish_apply(&server->members, &publish);
    server->members_hash = membership_hash(&server->members);
    if (rv != 0) {
        PROBE("server.publish_refused");
        if (rv == ERR_PERMISSION && publish.id == server->id &&
            publish.instance == server->instance) {
            links_log_is_gone(server);
        }
        return false;
    }
    LOG(server->env, INFO, "updated member attributes", log_hex("member", publish.id),
        log_slice("name", publish.name));
    if (publish.instance != 0 && server->phase < SERVER_STOPPING) {
        peers_expect(&server->peers, publish.id, publish.instance);
    }
    return publish.id == server->id && publish.instance == server->instance;
}

static void apply_cluster_version(struct server *server, struct slice body)
{
    if (!state_is_version(body)) {
        PROBE("server.version_malformed");
        return; /* a snapshot with it could not be read again */
    }
    memcpy(server->cluster_version, body.ptr, body.len);
    server->cluster_version[body.len] = '\0';
}

static void apply_normal(struct server *server, struct slice payload)
{
    struct entry_head head;
    struct slice body;
    if (payload.len == 0) {
        return; /* a new leader's first entry, or a refused membership change */
    }
    if (entry_get(payload, &head, &body) != 0) {
        PROBE("server.entry_malformed");
        return;
    }
    struct request *request = request_take(server, &head);
    bool published = false;
    switch (head.kind) {
    case ENTRY_PUT: apply_put(server, request, body); break;
    case ENTRY_DELETE: apply_delete(server, request, body); break;
    case ENTRY_COMPACT: apply_compact(server, request, body); break;
    case ENTRY_ALARM: apply_alarm(server, request, body); break;
    case ENTRY_PUBLISH: published = apply_publish(server, body); break;
    case ENTRY_CLUSTER_VERSION: apply_cluster_version(server, body); break;
    case ENTRY_CONF: break; /* not in a normal entry: foreign */
    }
    if (request != NULL) {
        request_free(request);
    }
    if (published && head.origin == server->id && head.boot == server->boot) {
        publish_applied(server);
    }
}

static void tell_applied(struct server *server)
{
    if (server->applied_told < server->applied) {
        struct raft_event event = {.type = RAFT_EVENT_APPLIED, .index = server->applied};
        server->applied_told = server->applied;
        consensus_step(server, &event);
    }
}

static void log_change(struct server *server, const struct membership_change *change, int err)
{
    static const char *const names[] = {"?",
                                        "added member",
                                        "added learner",
                                        "promoted member",
                                        "removed member",
                                        "updated member"};
    if (err != 0) {
        LOG(server->env, INFO, "refused a membership change", log_hex("member", change->id),
            log_str("change", names[change->type]), log_err(err));
    } else {
        LOG(server->env, INFO, names[change->type], log_hex("member", change->id),
            log_hex("cluster", server->cluster_id));
    }
}

bool apply_read_change(const struct raft_conf_change *conf, struct entry_head *head,
                       struct membership_change *change)
{
    struct slice body;
    return entry_get(conf->context, head, &body) == 0 && head->kind == ENTRY_CONF &&
           membership_change_decode(body, change) == 0 && change->id == conf->member &&
           (int)change->type == (int)conf->type;
}

/* Returns what was really done. */
static enum raft_conf_type apply_change(struct server *server, const struct raft_conf_change *conf,
                                        struct request **request)
{
    struct entry_head head;
    struct membership_change change;
    if (!apply_read_change(conf, &head, &change)) {
        PROBE("server.conf_malformed");
        return RAFT_CONF_NONE;
    }
    *request = request_take(server, &head);
    int err = membership_apply(&server->members, &change);
    server->members_hash = membership_hash(&server->members);
    peers_enter_epoch(&server->peers, server->members.epoch);
    log_change(server, &change, err);
    if (*request != NULL) {
        (*request)->member = change.id;
        cluster_answer(*request, err);
    }
    return err == 0 ? conf->type : RAFT_CONF_NONE;
}

static void apply_conf(struct server *server, index_t index, term_t term, struct slice payload)
{
    struct raft_conf_change conf = {0};
    struct request *request = NULL;
    enum raft_conf_type done = RAFT_CONF_NONE;
    if (raft_conf_change_decode(payload, &conf) == 0) {
        done = apply_change(server, &conf, &request);
    }
    member_id_t member = conf.member;
    /* The payload is raft's: not to be looked at from here on. */
    struct raft_event event = {
        .type = RAFT_EVENT_CONF_APPLIED, .index = index, .conf_type = done, .member = member};
    tell_applied(server);
    server->applied = index;
    server->applied_told = index;
    server->applied_term = term;
    server->conf_index = index;
    consensus_step(server, &event);
    server->conf_index = 0;
    if (index >= server->bootstrap_count) {
        members_check_conf(server);
    }
    if (request != NULL) {
        request_free(request);
    }
    members_sync_peers(server);
    /* A log that begins an epoch of this member's own tells further on how it came back. */
    bool comes_back = index < server->begun.last;
    if (done == RAFT_CONF_REMOVE && member == server->id && !comes_back &&
        server->phase < SERVER_STOPPING) {
        links_removed(server);
    }
}

void apply_committed(struct server *server)
{
    while (server->applied < server->commit && !server->halted && server->raft != NULL) {
        index_t index = server->applied + 1;
        const struct raft_entry *entry = raft_log_entry(server->raft, index);
        ASSERT(entry->index == index);
        server->snapshots.log_bytes += entry->payload.len;
        if (entry->type == RAFT_ENTRY_CONF) {
            apply_conf(server, index, entry->term, entry->payload);
            continue;
        }
        term_t term = entry->term;
        apply_normal(server, entry->payload);
        server->applied = index;
        server->applied_term = term;
        observe_apply(server, index, term);
    }
    if (server->raft != NULL) {
        tell_applied(server);
    }
}
