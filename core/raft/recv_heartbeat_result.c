/* Heartbeat results: the follower lives, and knows no later term. */
#include "raft_impl.h"

/* Records may be lost, so this is also the moment to send again what is not acknowledged: an append
 * behind the last one sent is refused if one before it was lost. */
static void resend(struct raft *r, struct peer *peer)
{
    peer->probe_paused = false;
    if (peer->state == RAFT_REPLICATE && peer_is_paused(peer, &r->config)) {
        peer_free_oldest(peer);
    }
    if (peer->match < log_last(&r->log) || peer->state == RAFT_PROBE) {
        send_append(r, peer, EMPTY_ASKS);
    }
}

void recv_heartbeat_result(struct raft *r, const struct raft_message *m)
{
    struct peer *peer = find_peer(r, m->from);
    if (r->role != RAFT_LEADER || peer == NULL) {
        return;
    }
    peer->recent_active = true;
    peer->heard_ns = r->now_ns;
    if (m->context > r->round || m->sent_ns > r->now_ns) {
        PROBE("raft.heartbeat_result_malformed");
        return;
    }
    if (m->sent_ns > peer->lease_from_ns) {
        peer->lease_from_ns = m->sent_ns;
    }
    resend(r, peer);
    transfer_try(r, peer);
    if (m->context > peer->round_acked) {
        peer->round_acked = m->context;
        reads_advance(r);
    }
}
