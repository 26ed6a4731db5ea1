/* Changes of role. Each keeps what the rules say must survive it: the vote within a term (thesis
 * 3.4), the log always. */
#include "raft_impl.h"

void restart_election_clock(struct raft *r)
{
    uint64_t extra = rng_below(&r->rng, (uint64_t)r->config.election_ns);
    r->election_wait_ns = r->config.election_ns + (int64_t)extra;
    r->election_from_ns = r->now_ns;
}

static void forget_votes(struct raft *r)
{
    for (size_t i = 0; i < r->peer_count; i++) {
        r->peers[i].vote = PEER_VOTE_NONE;
    }
}

/* Leaves the current role for one in `term`. */
static void leave_role(struct raft *r, term_t term, member_id_t leader)
{
    ASSERT(term >= r->term);
    ASSERT(r->role != RAFT_HALTED);
    if (term != r->term) {
        r->term = term;
        r->vote = 0;
    }
    if (r->transferee != 0) {
        transfer_end(r, 0);
    }
    /* Reads were asked of the leader before, or by it; the server may ask again. */
    reads_fail_all(r, ERR_ETCD_LEADER_CHANGED);
    r->leader = leader;
    forget_votes(r);
    restart_election_clock(r);
}

void become_follower(struct raft *r, term_t term, member_id_t leader)
{
    leave_role(r, term, leader);
    r->role = RAFT_FOLLOWER;
    if (leader != 0) {
        r->leader_heard_ns = r->now_ns;
    }
}

void become_pre_candidate(struct raft *r)
{
    ASSERT(r->role != RAFT_LEADER);
    leave_role(r, r->term, 0);
    r->role = RAFT_PRE_CANDIDATE;
}

void become_candidate(struct raft *r)
{
    ASSERT(r->role != RAFT_LEADER);
    leave_role(r, r->term + 1, 0);
    r->role = RAFT_CANDIDATE;
    r->vote = r->config.id;
}

void become_leader(struct raft *r)
{
    ASSERT(r->role == RAFT_CANDIDATE);
    ASSERT(r->vote == r->config.id);
    ASSERT(r->token_done >= r->token_vote);
    leave_role(r, r->term, r->config.id);
    r->role = RAFT_LEADER;
    for (size_t i = 0; i < r->peer_count; i++) {
        peer_reset(&r->peers[i], log_last(&r->log));
    }
    struct peer *self = self_peer(r);
    self->recent_active = true;
    self->match = r->durable;
    r->round_confirmed = r->round;
    r->lease_given_up = false;
    r->uncommitted_bytes = 0;
    r->heartbeat_due_ns = r->now_ns + r->config.heartbeat_ns;
    r->quorum_due_ns = r->now_ns + r->config.election_ns;
    /* Entries of earlier terms are only committed through one of this term (thesis 3.6.2). */
    r->term_first = log_last(&r->log) + 1;
    append_entry(r, RAFT_ENTRY_NORMAL, (struct slice){NULL, 0});
    broadcast_appends(r);
}

void hear_leader(struct raft *r, member_id_t from)
{
    ASSERT(r->role != RAFT_LEADER);
    if (r->role != RAFT_FOLLOWER || r->leader != from) {
        become_follower(r, r->term, from);
        return;
    }
    r->election_from_ns = r->now_ns;
    r->leader_heard_ns = r->now_ns;
}
