/* The update: collected during a step, finished at its end. The arrays are the engine's and are
 * used again by the next step. */
#include "raft_impl.h"

#define HOLD UINT64_MAX /* after_token until output_finish knows the token */

struct raft_message *send_message(struct raft *r, enum raft_message_type type, member_id_t to)
{
    ASSERT(to != r->config.id);
    struct output *out = &r->out;
    if (out->message_count == out->message_cap) {
        out->message_cap = out->message_cap == 0 ? 16 : out->message_cap * 2;
        out->messages =
            mem_resize(r->mem, out->messages, out->message_cap * sizeof(*out->messages));
    }
    struct raft_message *m = &out->messages[out->message_count++];
    *m = (struct raft_message){
        .type = type, .from = r->config.id, .to = to, .boot = r->config.boot, .term = r->term};
    return m;
}

struct raft_message *send_reply(struct raft *r, enum raft_message_type type,
                                const struct raft_message *m)
{
    struct raft_message *reply = send_message(r, type, m->from);
    reply->to_boot = m->boot;
    return reply;
}

void hold_until_durable(struct raft_message *m)
{
    m->after_token = HOLD;
}

void tell_read(struct raft *r, uint64_t context, index_t index, int err)
{
    struct output *out = &r->out;
    if (out->read_count == out->read_cap) {
        out->read_cap = out->read_cap == 0 ? 16 : out->read_cap * 2;
        out->reads = mem_resize(r->mem, out->reads, out->read_cap * sizeof(*out->reads));
    }
    out->reads[out->read_count++] = (struct raft_read){context, index, err};
}

void log_write(struct raft *r, term_t term, enum raft_entry_type type, struct slice payload)
{
    log_append(&r->log, term, type, payload);
    if (r->out.appended_first == 0) {
        r->out.appended_first = log_last(&r->log);
    }
}

void log_cut(struct raft *r, index_t from)
{
    ASSERT(from > r->commit);
    ASSERT(r->out.appended_first == 0); /* a step cuts first, and once */
    log_truncate(&r->log, from);
    r->out.truncated_from = from;
    writes_clamp(r, from - 1);
    if (r->durable >= from) {
        r->durable = from - 1;
    }
}

void output_begin(struct raft *r)
{
    struct output *out = &r->out;
    out->message_count = 0;
    out->read_count = 0;
    out->appended_first = 0;
    out->truncated_from = 0;
    out->snapshot = false;
    out->conf_changed = false;
    out->propose = RAFT_PROPOSE_NONE;
    out->propose_err = 0;
    out->propose_conf_refused = false;
    out->propose_index = 0;
    out->propose_count = 0;
    out->transfer_err = 0;
}

static void finish_persist(struct raft *r, struct raft_persist *p)
{
    const struct output *out = &r->out;
    bool vote_changed = r->term != r->hard.term || r->vote != r->hard.vote;
    bool log_changed = out->appended_first != 0 || out->truncated_from != 0 || out->snapshot;
    /* With entries also what was written without a sync before, since that may be lost: the commit
     * index known when a conf entry is written must survive with it, or a restarted member could
     * campaign in a configuration that is two changes old. */
    p->hard_changed = vote_changed || r->commit != r->hard.commit ||
                      (log_changed && r->commit != r->commit_synced);
    if (!p->hard_changed && !log_changed) {
        return;
    }
    p->token = ++r->token_last;
    p->sync = vote_changed || log_changed;
    r->hard = (struct raft_hard_state){r->term, r->vote, r->commit};
    p->hard = r->hard;
    p->truncate_from = out->truncated_from;
    if (out->appended_first != 0) {
        p->entries = log_at(&r->log, out->appended_first);
        p->entry_count = (size_t)(log_last(&r->log) - out->appended_first + 1);
    }
    if (out->snapshot) {
        p->snapshot_index = r->snapshot_index;
        p->snapshot_term = r->snapshot_term;
        p->snapshot_conf = &r->snapshot_conf;
    }
    p->last_index = log_last(&r->log);
    p->last_term = log_term(&r->log, p->last_index);
    writes_push(r, p->token, p->last_index);
    if (p->sync) {
        r->token_sync = p->token;
        r->commit_synced = r->commit;
    }
    if (vote_changed) {
        r->token_vote = p->token;
    }
}

static void finish_messages(struct raft *r)
{
    struct output *out = &r->out;
    uint64_t token = r->token_sync > r->token_done ? r->token_sync : 0;
    for (size_t i = 0; i < out->message_count; i++) {
        struct raft_message *m = &out->messages[i];
        if (m->after_token == HOLD) {
            m->after_token = token;
        }
        /* The log may have moved in memory since the message was made. */
        if (m->type == RAFT_APPEND && m->entry_count > 0) {
            ASSERT(log_has(&r->log, m->index + m->entry_count));
            m->entries = log_at(&r->log, m->index + 1);
        }
    }
}

static int64_t deadline_ns(const struct raft *r)
{
    if (r->role == RAFT_HALTED) {
        return INT64_MAX;
    }
    if (r->role != RAFT_LEADER) {
        return election_due_ns(r);
    }
    int64_t due = r->heartbeat_due_ns < r->quorum_due_ns ? r->heartbeat_due_ns : r->quorum_due_ns;
    if (r->transferee != 0 && r->transfer_due_ns < due) {
        due = r->transfer_due_ns;
    }
    return due;
}

void output_finish(struct raft *r, struct raft_update *u)
{
    const struct output *out = &r->out;
    *u = (struct raft_update){.role = r->role,
                              .term = r->term,
                              .leader = r->leader,
                              .propose = out->propose,
                              .propose_err = out->propose_err,
                              .propose_conf_refused = out->propose_conf_refused,
                              .transfer_err = out->transfer_err,
                              .conf_changed = out->conf_changed,
                              .truncated_from = out->truncated_from};
    if (r->role != RAFT_HALTED) {
        finish_persist(r, &u->persist);
        finish_messages(r);
        u->messages = out->messages;
        u->message_count = out->message_count;
    }
    u->reads = out->reads;
    u->read_count = out->read_count;
    if (r->commit > r->commit_told) {
        u->commit_first = r->commit_told + 1;
        u->commit_last = r->commit;
        r->commit_told = r->commit;
    }
    if (out->propose == RAFT_PROPOSE_APPENDED) {
        u->propose_term = r->term;
        u->propose_index = out->propose_index;
        u->propose_count = out->propose_count;
    }
    if (out->appended_first != 0) {
        u->appended_first = out->appended_first;
        u->appended_last = log_last(&r->log);
    }
    u->state_changed =
        r->role != r->role_told || r->term != r->term_told || r->leader != r->leader_told;
    r->role_told = r->role;
    r->term_told = r->term;
    r->leader_told = r->leader;
    u->deadline_ns = deadline_ns(r);
}
