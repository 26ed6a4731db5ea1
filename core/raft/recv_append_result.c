/* AppendEntries and InstallSnapshot results, the leader's side. */
#include "raft_impl.h"

static void refused(struct raft *r, struct peer *peer, const struct raft_message *m)
{
    index_t agree = m->hint_index;
    if (m->hint_term > 0) {
        /* Our own entries above that have a term which the follower's hint rules out. */
        agree = log_find_term(&r->log, m->hint_index, m->hint_term);
        if (agree == r->log.base && m->hint_index < r->log.base) {
            agree = m->hint_index;
        }
    }
    if (m->boot > peer->match_boot && m->index <= peer->match &&
        peer->state != RAFT_SENDING_SNAPSHOT) {
        PROBE("raft.peer_lost_entries");
        peer_lost_entries(peer, m->boot, agree < m->index ? agree : m->index - 1);
        send_append(r, peer, EMPTY_ASKS);
    } else if (peer_refused(peer, m->index, agree)) {
        PROBE("raft.append_refused");
        send_append(r, peer, EMPTY_ASKS);
    }
}

static void acked(struct raft *r, struct peer *peer, uint64_t boot, index_t index)
{
    if (boot < peer->match_boot) {
        PROBE("raft.acknowledged_before_restart");
        return;
    }
    if (index >= peer->match) {
        peer->match_boot = boot;
    }
    bool was_paused = peer_is_paused(peer, &r->config);
    bool news = peer_acked(peer, index, r->log.base);
    if (news && !peer->learner && advance_commit(r)) {
        broadcast_appends(r);
    }
    bool tell = was_paused && peer->commit_sent < r->commit;
    send_all_appends(r, peer, tell ? EMPTY_TELLS : EMPTY_NEVER);
    transfer_try(r, peer);
}

void recv_append_result(struct raft *r, const struct raft_message *m)
{
    if (r->role != RAFT_LEADER) {
        return;
    }
    struct peer *peer = find_peer(r, m->from);
    if (peer == NULL) {
        PROBE("raft.result_of_nonmember");
        return;
    }
    if (m->index > log_last(&r->log)) {
        PROBE("raft.result_beyond_log");
        return;
    }
    peer->recent_active = true;
    peer->heard_ns = r->now_ns;
    if (m->reject) {
        refused(r, peer, m);
    } else {
        acked(r, peer, m->boot, m->index);
    }
}
