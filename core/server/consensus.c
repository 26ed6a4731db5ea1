/* raft's surroundings: events in, updates carried out in the order that raft/update.h asks for.
 */
#include "base/assert.h"
#include "base/probe.h"
#include "node.h"

/* A record that may leave when its persist has completed. */
struct held {
    struct list link;
    uint64_t token;
    member_id_t to;
    struct buf record;
};

/* What an update leaves to be done when raft may be stepped again. */
struct after {
    struct raft_read *reads;
    size_t read_count;
    bool new_leader;
    bool transfer_failed;
    int transfer_err;
    index_t installed; /* a snapshot; 0: none */
    term_t installed_term;
};

static void free_held(struct server *server, struct held *held)
{
    list_remove(&held->link);
    buf_fini(&held->record);
    mem_free(server->env->mem, held);
}

static void drop_held(struct server *server)
{
    while (!list_empty(&server->held)) {
        free_held(server, container_of(server->held.next, struct held, link));
    }
}

static int send_record(struct server *server, member_id_t to, struct slice record)
{
    int rv = peers_send(&server->peers, to, record);
    if (rv != 0) {
        PROBE("server.record_not_sent");
    }
    return rv;
}

/* Returns false if records to the member are being dropped. */
static bool send_message(struct server *server, const struct raft_message *message)
{
    buf_clear(&server->record);
    buf_add_u8(&server->record, RECORD_RAFT);
    raft_message_encode(message, &server->record);
    if (message->after_token == 0) {
        return send_record(server, message->to, buf_slice(&server->record)) == 0;
    }
    struct held *held = mem_alloc(server->env->mem, sizeof(*held));
    held->token = message->after_token;
    held->to = message->to;
    held->record = server->record;
    buf_init(&server->record, server->env->mem);
    list_push_back(&server->held, &held->link);
    return true;
}

static void release_held(struct server *server, uint64_t token)
{
    list_each_safe (it, &server->held) {
        struct held *held = container_of(it, struct held, link);
        if (held->token <= token) {
            send_record(server, held->to, buf_slice(&held->record));
            free_held(server, held);
        }
    }
}

static void send_messages(struct server *server, const struct raft_update *update)
{
    for (size_t i = 0; i < update->message_count; i++) {
        const struct raft_message *message = &update->messages[i];
        send_message(server, message);
        if (message->type == RAFT_SNAPSHOT) {
            snapshot_send(server, message->to, message->index, message->log_term);
        }
    }
}

static void note_state(struct server *server, const struct raft_update *update, struct after *after)
{
    struct env *env = server->env;
    if (update->leader != server->leader) {
        if (update->leader != 0) {
            LOG(env, INFO, "elected leader", log_hex("leader", update->leader),
                log_u64("term", update->term));
            server->leader_elected_ns = env_now_ns(env);
            after->new_leader = true;
        } else {
            LOG(env, INFO, "lost leader", log_hex("leader", server->leader),
                log_u64("term", update->term));
        }
    }
    if (update->role != server->role) {
        LOG(env, INFO, "role changed", log_str("role", raft_role_name(update->role)),
            log_u64("term", update->term));
    }
    if (update->role != RAFT_LEADER) {
        server->version_proposed = false;
        snapshot_send_end_all(server);
    }
    server->leader = update->leader;
    server->role = update->role;
    server->term = update->term;
}

static void set_timer(struct server *server, int64_t deadline_ns)
{
    /* A timer that fires too early only asks raft for the next deadline: cheaper than moving it
     * with every heartbeat. */
    if (deadline_ns == INT64_MAX) {
        env_timer_stop(server->env, &server->raft_timer);
    } else if (!env_timer_is_set(&server->raft_timer) ||
               server->raft_timer.item.key > deadline_ns) {
        env_timer_set(server->env, &server->raft_timer, deadline_ns);
    }
}

static void carry_out(struct server *server, const struct raft_update *update, struct after *after)
{
    observe_update(server, update);
    if (update->persist.token != 0) {
        if (update->persist.sync) {
            slow_disk_submitted(server, update->persist.token);
        }
        storage_persist(server->storage, &update->persist);
        after->installed = update->persist.snapshot_index;
        after->installed_term = update->persist.snapshot_term;
    }
    send_messages(server, update);
    if (update->commit_first != 0) {
        ASSERT(update->commit_first == server->commit + 1);
        server->commit = update->commit_last;
    }
    if (update->state_changed) {
        note_state(server, update, after);
    }
    if (update->read_count > 0) {
        size_t bytes = update->read_count * sizeof(*update->reads);
        after->reads = mem_alloc(server->env->mem, bytes);
        memcpy(after->reads, update->reads, bytes);
        after->read_count = update->read_count;
    }
    if (update->transfer_err != 0) {
        after->transfer_failed = true;
        after->transfer_err = update->transfer_err;
    }
    set_timer(server, update->deadline_ns);
}

static void follow_up(struct server *server, struct after *after)
{
    if (after->installed != 0) {
        snapshot_installed(server, after->installed, after->installed_term);
    }
    for (size_t i = 0; i < after->read_count; i++) {
        const struct raft_read *read = &after->reads[i];
        reads_answered(server, read->context, read->index, read->err);
    }
    mem_free(server->env->mem, after->reads);
    if (after->new_leader) {
        requests_unpark(server);
        reads_leader_changed(server);
        maintenance_leader_changed(server);
        promote_leader_changed(server);
        stop_leader_changed(server);
    }
    if (after->transfer_failed) {
        requests_unpark(server);
        maintenance_transfer_failed(server, after->transfer_err);
    }
}

static void step(struct server *server, struct raft_event *event, struct raft_update *update)
{
    struct after after = {0};
    ASSERT(!server->stepping);
    server->stepping = true;
    event->now_ns = env_now_ns(server->env);
    raft_step(server->raft, event, update);
    carry_out(server, update, &after);
    server->stepping = false;
    follow_up(server, &after);
}

void consensus_step(struct server *server, struct raft_event *event)
{
    struct raft_update update;
    if (server->halted || server->raft == NULL) {
        return;
    }
    step(server, event, &update);
}

enum raft_propose_result consensus_propose(struct server *server, bool conf,
                                           const struct slice *payloads, size_t count, int *err)
{
    struct raft_update update;
    struct raft_event event = {.type = conf ? RAFT_EVENT_PROPOSE_CONF : RAFT_EVENT_PROPOSE,
                               .proposals = payloads,
                               .count = count};
    if (server->halted) {
        *err = ERR_ETCD_STOPPED;
        return RAFT_PROPOSE_DROPPED;
    }
    step(server, &event, &update);
    *err = update.propose_err;
    ASSERT(update.propose != RAFT_PROPOSE_NONE);
    return update.propose;
}

void consensus_receive(struct server *server, member_id_t from, struct slice record)
{
    struct raft_message message;
    if (server->halted || server->raft == NULL) {
        return;
    }
    int rv = raft_message_decode(slice_from(record, 1), &server->space, &message);
    if (rv != 0 || message.from != from || message.to != server->id) {
        PROBE("server.bad_raft_record");
        LOG(server->env, WARN, "ignored a malformed record", log_hex("from", from), log_err(rv));
        return;
    }
    if (message.type == RAFT_SNAPSHOT && snapshot_offered(server, &message, record)) {
        return;
    }
    struct raft_event event = {.type = RAFT_EVENT_RECEIVE, .message = &message};
    consensus_step(server, &event);
}

void consensus_persisted(struct server *server, uint64_t token, index_t index, term_t term)
{
    struct raft_event event = {
        .type = RAFT_EVENT_PERSISTED, .token = token, .index = index, .term = term};
    if (server->halted || server->raft == NULL) {
        return;
    }
    slow_disk_completed(server, token);
    release_held(server, token);
    consensus_step(server, &event);
    snapshot_log_durable(server);
}

static void on_timer(struct env_timer *timer)
{
    struct server *server = timer->data;
    struct raft_event event = {.type = RAFT_EVENT_TICK};
    consensus_step(server, &event);
    slow_disk_look(server);
}

void consensus_start(struct server *server)
{
    struct raft_event event = {.type = RAFT_EVENT_START};
    server->raft_timer.fire = on_timer;
    server->raft_timer.data = server;
    consensus_step(server, &event);
}

bool consensus_is_leader(const struct server *server)
{
    return server->role == RAFT_LEADER;
}

void consensus_fini(struct server *server)
{
    env_timer_stop(server->env, &server->raft_timer);
    drop_held(server);
    if (server->raft != NULL) {
        raft_free(server->raft);
        server->raft = NULL;
    }
}
