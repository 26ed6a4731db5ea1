/* Deadlines. */
#include "raft_impl.h"

static bool has_active_quorum(const struct raft *r)
{
    uint32_t active = 0;
    for (size_t i = 0; i < r->peer_count; i++) {
        const struct peer *peer = &r->peers[i];
        active += !peer->learner && (peer->recent_active || peer->id == r->config.id);
    }
    return active >= raft_conf_quorum(&r->conf);
}

/* Thesis 6.2; once per election timeout, as etcd: a leader that lost its quorum steps down one to
 * two timeouts later. */
static void check_quorum(struct raft *r)
{
    r->quorum_due_ns = r->now_ns + r->config.election_ns;
    if (r->config.check_quorum && !has_active_quorum(r)) {
        PROBE("raft.quorum_lost");
        become_follower(r, r->term, 0);
        return;
    }
    for (size_t i = 0; i < r->peer_count; i++) {
        r->peers[i].recent_active = r->peers[i].id == r->config.id;
    }
}

static void tick_leader(struct raft *r)
{
    if (r->transferee != 0 && r->now_ns >= r->transfer_due_ns) {
        PROBE("raft.transfer_timeout");
        transfer_end(r, ERR_ETCD_TRANSFER_TIMEOUT);
    }
    if (r->now_ns >= r->quorum_due_ns) {
        check_quorum(r);
        if (r->role != RAFT_LEADER) {
            return;
        }
    }
    if (r->now_ns >= r->heartbeat_due_ns) {
        r->heartbeat_due_ns = r->now_ns + r->config.heartbeat_ns;
        reads_heartbeat(r);
    }
}

void event_tick(struct raft *r)
{
    if (r->role == RAFT_LEADER) {
        tick_leader(r);
    } else if (r->now_ns >= election_due_ns(r)) {
        campaign(r, r->config.pre_vote ? CAMPAIGN_PRE_VOTE : CAMPAIGN_ELECTION);
    }
}

void event_fast_forward(struct raft *r, int64_t elapsed_ns)
{
    ASSERT(elapsed_ns >= 0);
    if (r->role != RAFT_LEADER && r->leader == 0) {
        r->election_from_ns -= elapsed_ns;
    }
}
