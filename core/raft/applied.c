/* What the state machine has applied; configurations become active here. */
#include "raft_impl.h"

static void set_applied(struct raft *r, index_t index)
{
    ASSERT(index <= r->commit);
    ASSERT(index > r->applied);
    ASSERT_IF(r->installing != 0, index >= r->installing);
    r->applied = index;
    r->installing = 0;
    log_forget_confs(&r->log, index);
}

/* Old news, or of a time before a snapshot that is being restored. */
static bool is_outdated(const struct raft *r, index_t index)
{
    return index <= r->applied || index < r->installing;
}

void event_applied(struct raft *r, index_t index)
{
    if (is_outdated(r, index)) {
        return;
    }
    index_t conf = log_first_conf(&r->log);
    /* Each conf entry is told by an event of its own, or its change would be lost. */
    ASSERT_IF(conf != 0, index < conf);
    set_applied(r, index);
}

/* A leader that manages its own removal through hands leadership on with its last words: the voter
 * with the longest log that it knows of has the change, and no voter's log is longer where it
 * matters. Without this the others would wait for an election timeout (thesis 4.2.2; etcd does). */
static void hand_on(struct raft *r)
{
    const struct peer *heir = NULL;
    for (size_t i = 0; i < r->peer_count; i++) {
        const struct peer *peer = &r->peers[i];
        if (!peer->learner && (heir == NULL || peer->match > heir->match)) {
            heir = peer;
        }
    }
    broadcast_appends(r);
    if (heir != NULL) {
        send_message(r, RAFT_TIMEOUT_NOW, heir->id);
    }
}

/* The leader acts on its new configuration. */
static void lead_changed(struct raft *r)
{
    if (!is_voter(r)) {
        PROBE("raft.leader_removed_itself");
        hand_on(r);
        become_follower(r, r->term, 0);
        return;
    }
    if (r->transferee != 0) {
        const struct peer *peer = find_peer(r, r->transferee);
        if (peer == NULL || peer->learner) {
            transfer_end(r, ERR_ETCD_BAD_TRANSFEREE);
        }
    }
    struct peer *self = self_peer(r);
    if (self->match < r->durable) {
        self->match = r->durable;
    }
    /* A smaller quorum may have been reached already. */
    advance_commit(r);
    broadcast_appends(r);
    reads_advance(r);
}

void event_conf_applied(struct raft *r, const struct raft_event *e)
{
    if (is_outdated(r, e->index)) {
        PROBE("raft.conf_applied_outdated");
        return;
    }
    ASSERT(log_first_conf(&r->log) == e->index);
    ASSERT(e->index <= r->commit);
    /* Nobody campaigns with a committed change unapplied, and a candidate commits nothing. */
    ASSERT(r->role == RAFT_LEADER || r->role == RAFT_FOLLOWER);
    set_applied(r, e->index);
    if (!raft_conf_apply(&r->conf, e->conf_type, e->member)) {
        return;
    }
    r->out.conf_changed = true;
    sync_peers(r);
    if (r->role == RAFT_LEADER) {
        lead_changed(r);
    } else {
        transfer_resume(r);
    }
}
