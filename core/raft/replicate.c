/* Replication and commitment, the leader's side (thesis 3.5, 3.6; pipelining 10.2.1). */
#include "raft_impl.h"

void append_entry(struct raft *r, enum raft_entry_type type, struct slice payload)
{
    ASSERT(r->role == RAFT_LEADER);
    log_write(r, r->term, type, payload);
    r->uncommitted_bytes += payload.len;
}

/* The follower needs what the log no longer holds. */
static bool send_snapshot(struct raft *r, struct peer *peer)
{
    if (!peer->recent_active) {
        /* A snapshot is large: not to somebody who may not be there (etcd). */
        return false;
    }
    ASSERT(r->snapshot_index >= r->log.base);
    ASSERT(r->snapshot_index > 0);
    PROBE("raft.send_snapshot");
    struct raft_message *m = send_message(r, RAFT_SNAPSHOT, peer->id);
    m->index = r->snapshot_index;
    m->log_term = r->snapshot_term;
    m->conf = &r->snapshot_conf;
    peer_to_snapshot(peer, r->snapshot_index);
    return true;
}

/* How many entries from `first` on fit into one append, and their payload bytes. */
static size_t fill_append(const struct raft *r, index_t first, uint64_t *bytes)
{
    size_t count = 0;
    *bytes = 0;
    for (index_t i = first; i <= log_last(&r->log) && count < r->config.append_entries_max; i++) {
        uint64_t size = log_at(&r->log, i)->payload.len + RAFT_ENTRY_OVERHEAD;
        if (count > 0 && *bytes + size > r->config.append_bytes_max) {
            break;
        }
        *bytes += size;
        count++;
    }
    return count;
}

bool send_append(struct raft *r, struct peer *peer, enum empty_append empty)
{
    ASSERT(r->role == RAFT_LEADER);
    ASSERT(peer->id != r->config.id);
    if (peer_is_paused(peer, &r->config)) {
        return false;
    }
    index_t prev = peer->next - 1;
    ASSERT(prev <= log_last(&r->log));
    if (prev < r->log.base) {
        return send_snapshot(r, peer);
    }
    if (prev == log_last(&r->log) && empty == EMPTY_NEVER) {
        return false;
    }
    uint64_t bytes;
    size_t count = fill_append(r, peer->next, &bytes);
    struct raft_message *m = send_message(r, RAFT_APPEND, peer->id);
    m->index = prev;
    m->log_term = log_term(&r->log, prev);
    m->commit = r->commit;
    m->quiet = count == 0 && empty == EMPTY_TELLS && peer->state == RAFT_REPLICATE;
    m->entry_count = count; /* output_finish points `entries` into the log */
    peer->commit_sent = r->commit;
    if (count > 0) {
        peer_sent(peer, r->mem, prev + count, bytes);
    } else if (peer->state == RAFT_PROBE) {
        peer->probe_paused = true;
    }
    return true;
}

void send_all_appends(struct raft *r, struct peer *peer, enum empty_append empty)
{
    while (send_append(r, peer, empty)) {
        empty = EMPTY_NEVER;
    }
}

void broadcast_appends(struct raft *r)
{
    for (size_t i = 0; i < r->peer_count; i++) {
        struct peer *peer = &r->peers[i];
        if (peer->id != r->config.id) {
            /* Empty only to tell of a commit that the follower has not been told. */
            send_all_appends(r, peer, peer->commit_sent < r->commit ? EMPTY_TELLS : EMPTY_NEVER);
        }
    }
}

void broadcast_heartbeats(struct raft *r)
{
    for (size_t i = 0; i < r->peer_count; i++) {
        struct peer *peer = &r->peers[i];
        if (peer->id == r->config.id) {
            continue;
        }
        struct raft_message *m = send_message(r, RAFT_HEARTBEAT, peer->id);
        /* Beyond its match the follower's log may differ from this one. */
        m->commit = peer->match < r->commit ? peer->match : r->commit;
        m->context = r->round;
        m->sent_ns = r->now_ns;
    }
}

bool has_committed_in_term(const struct raft *r)
{
    return r->commit >= r->term_first;
}

void set_commit(struct raft *r, index_t index)
{
    ASSERT(index >= r->commit);
    ASSERT(index <= log_last(&r->log));
    if (r->role == RAFT_LEADER) {
        index_t first = r->commit + 1 > r->term_first ? r->commit + 1 : r->term_first;
        for (index_t i = first; i <= index; i++) {
            ASSERT(r->uncommitted_bytes >= log_at(&r->log, i)->payload.len);
            r->uncommitted_bytes -= log_at(&r->log, i)->payload.len;
        }
    }
    r->commit = index;
}

static uint64_t match_of(const struct raft *r, const struct peer *peer)
{
    (void)r;
    return peer->match;
}

bool advance_commit(struct raft *r)
{
    ASSERT(r->role == RAFT_LEADER);
    /* The own copy is in it as `durable`, and only if this member is a voter. */
    index_t index = quorum_value(r, match_of);
    if (index <= r->commit) {
        return false;
    }
    /* An entry of an earlier term may be on a quorum and still be replaced (thesis 3.6.2, figure
     * 3.7): count replicas of this term's entries only. */
    if (log_term(&r->log, index) != r->term) {
        PROBE("raft.commit_waits_for_own_term");
        return false;
    }
    bool first_of_term = !has_committed_in_term(r);
    set_commit(r, index);
    if (first_of_term) {
        reads_release(r);
    }
    return true;
}
