/* The step, and what one may ask. */
#include "raft_impl.h"

static void halt(struct raft *r)
{
    reads_fail_all(r, ERR_ETCD_STOPPED);
    r->role = RAFT_HALTED;
    r->leader = 0;
    r->transferee = 0;
}

static void step_halted(struct raft *r, const struct raft_event *e)
{
    if (e->type == RAFT_EVENT_PROPOSE || e->type == RAFT_EVENT_PROPOSE_CONF) {
        r->out.propose = RAFT_PROPOSE_DROPPED;
        r->out.propose_err = ERR_ETCD_STOPPED;
    } else if (e->type == RAFT_EVENT_READ) {
        tell_read(r, e->context, 0, ERR_ETCD_STOPPED);
    } else if (e->type == RAFT_EVENT_TRANSFER) {
        r->out.transfer_err = ERR_ETCD_STOPPED;
    }
}

static void step(struct raft *r, const struct raft_event *e)
{
    switch (e->type) {
    case RAFT_EVENT_START: event_start(r); return;
    case RAFT_EVENT_TICK: event_tick(r); return;
    case RAFT_EVENT_RECEIVE: event_receive(r, e->message); return;
    case RAFT_EVENT_PERSISTED: event_persisted(r, e); return;
    case RAFT_EVENT_PERSIST_FAILED:
        PROBE("raft.persist_failed");
        halt(r);
        return;
    case RAFT_EVENT_PROPOSE:
    case RAFT_EVENT_PROPOSE_CONF: event_propose(r, e); return;
    case RAFT_EVENT_APPLIED: event_applied(r, e->index); return;
    case RAFT_EVENT_CONF_APPLIED: event_conf_applied(r, e); return;
    case RAFT_EVENT_READ: event_read(r, e->context); return;
    case RAFT_EVENT_TRANSFER: event_transfer(r, e->member); return;
    case RAFT_EVENT_TRANSFER_ABORT: event_transfer_abort(r); return;
    case RAFT_EVENT_SNAPSHOT_TAKEN: event_snapshot_taken(r, e); return;
    case RAFT_EVENT_SNAPSHOT_SENT: event_snapshot_sent(r, e->member, e->ok); return;
    case RAFT_EVENT_UNREACHABLE: event_unreachable(r, e->member); return;
    case RAFT_EVENT_REACHABLE: event_reachable(r, e->member); return;
    case RAFT_EVENT_FAST_FORWARD: event_fast_forward(r, e->elapsed_ns); return;
    case RAFT_EVENT_STOP: halt(r); return;
    }
    UNREACHABLE();
}

void raft_step(struct raft *r, const struct raft_event *e, struct raft_update *update)
{
    ASSERT(r->started == (e->type != RAFT_EVENT_START));
    ASSERT(!r->started || e->now_ns >= r->now_ns);
    r->now_ns = e->now_ns;
    output_begin(r);
    if (r->role == RAFT_HALTED) {
        step_halted(r, e);
    } else {
        step(r, e);
        recover_end(r);
    }
    output_finish(r, update);
}

const struct raft_entry *raft_log_entry(const struct raft *r, index_t index)
{
    ASSERT(log_has(&r->log, index));
    return log_at(&r->log, index);
}

index_t raft_recover_to(const struct raft *r)
{
    return r->recover_to;
}

index_t raft_first(const struct raft *r)
{
    return r->log.base + 1;
}

index_t raft_last(const struct raft *r)
{
    return log_last(&r->log);
}

term_t raft_log_term(const struct raft *r, index_t index)
{
    return log_term(&r->log, index);
}

member_id_t raft_id(const struct raft *r)
{
    return r->config.id;
}

enum raft_role raft_role(const struct raft *r)
{
    return r->role;
}

term_t raft_term(const struct raft *r)
{
    return r->term;
}

member_id_t raft_vote(const struct raft *r)
{
    return r->vote;
}

member_id_t raft_leader(const struct raft *r)
{
    return r->leader;
}

index_t raft_commit(const struct raft *r)
{
    return r->commit;
}

index_t raft_applied(const struct raft *r)
{
    return r->applied;
}

index_t raft_durable(const struct raft *r)
{
    return r->durable;
}

const struct raft_conf *raft_conf(const struct raft *r)
{
    return &r->conf;
}

index_t raft_pending_conf(const struct raft *r)
{
    return log_last_conf(&r->log);
}

member_id_t raft_transferee(const struct raft *r)
{
    return r->transferee;
}

bool raft_progress(const struct raft *r, member_id_t id, struct raft_progress *progress)
{
    const struct peer *peer = find_peer(r, id);
    if (r->role != RAFT_LEADER || peer == NULL) {
        return false;
    }
    bool self = id == r->config.id;
    *progress = (struct raft_progress){.id = id,
                                       .learner = peer->learner,
                                       .recent_active = self || peer->recent_active,
                                       .state = self ? RAFT_REPLICATE : peer->state,
                                       .match = peer->match,
                                       .next = self ? log_last(&r->log) + 1 : peer->next,
                                       .heard_ns = self ? r->now_ns : peer->heard_ns};
    return true;
}
