/* Snapshots of this member, and the host's reports about what it sent. */
#include "raft_impl.h"

void event_snapshot_taken(struct raft *r, const struct raft_event *e)
{
    ASSERT(e->index <= r->applied);
    /* A snapshot that passes the durable log could outlive entries that it says are there. */
    ASSERT(e->index <= r->durable || e->index <= r->log.base);
    ASSERT(e->compact_to <= e->index);
    ASSERT(e->conf != NULL);
    if (e->index < r->log.base) {
        PROBE("raft.snapshot_outrun"); /* by a received one */
        return;
    }
    if (e->index > r->snapshot_index) {
        r->snapshot_index = e->index;
        r->snapshot_term = log_term(&r->log, e->index);
        r->snapshot_conf = *e->conf;
        ASSERT(raft_conf_is_valid(&r->snapshot_conf));
    }
    if (e->compact_to > r->log.base) {
        log_compact(&r->log, e->compact_to);
    }
}

void event_snapshot_sent(struct raft *r, member_id_t to, bool ok)
{
    struct peer *peer = find_peer(r, to);
    if (r->role != RAFT_LEADER || peer == NULL || peer->state != RAFT_SENDING_SNAPSHOT) {
        return;
    }
    if (!ok) {
        peer->pending_snapshot = 0;
    }
    peer_to_probe(peer);
    /* Wait for its acknowledgement, or for the next heartbeat's answer, before going on. */
    peer->probe_paused = true;
}

void event_unreachable(struct raft *r, member_id_t to)
{
    struct peer *peer = find_peer(r, to);
    if (r->role == RAFT_LEADER && peer != NULL && peer->state == RAFT_REPLICATE) {
        peer_to_probe(peer);
    }
}

void event_reachable(struct raft *r, member_id_t to)
{
    struct peer *peer = find_peer(r, to);
    if (r->role != RAFT_LEADER || peer == NULL || to == r->config.id) {
        return;
    }
    peer->probe_paused = false;
    send_append(r, peer, EMPTY_ASKS);
}
