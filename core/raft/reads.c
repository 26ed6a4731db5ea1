/* Linearizable reads without log entries (thesis 6.4).
 *
 * A round is a heartbeat to every member that carries a rising number. Once a quorum has answered a
 * round, this leader was not deposed before the round began, so its commit index of that time
 * covers every write acknowledged before. Reads that arrive while a round is out wait for the next
 * one, together. */
#include "raft_impl.h"

/* A forwarded read without an answer is given up after so many election timeouts. */
#define READ_TIMEOUTS 10

static void push(struct raft *r, struct read_wait wait)
{
    struct read_waits *q = &r->reads;
    if (q->head + q->count == q->cap) {
        if (q->head > 0 && q->head >= q->count) {
            memmove(q->items, q->items + q->head, q->count * sizeof(*q->items));
        } else {
            size_t cap = q->cap == 0 ? 16 : q->cap * 2;
            q->items = mem_resize(r->mem, q->items, cap * sizeof(*q->items));
            q->cap = cap;
            memmove(q->items, q->items + q->head, q->count * sizeof(*q->items));
        }
        q->head = 0;
    }
    q->items[q->head + q->count] = wait;
    q->count++;
}

static void pop(struct read_waits *q)
{
    ASSERT(q->count > 0);
    q->head++;
    q->count--;
    if (q->count == 0) {
        q->head = 0;
    }
}

static void deliver(struct raft *r, const struct read_wait *wait)
{
    if (wait->from == 0) {
        tell_read(r, wait->context, wait->index, 0);
        return;
    }
    struct raft_message *m = send_message(r, RAFT_READ_INDEX_RESULT, wait->from);
    m->to_boot = wait->from_boot;
    m->context = wait->context;
    m->index = wait->index;
}

static bool is_alone(const struct raft *r)
{
    return r->conf.voter_count == 1 && is_voter(r);
}

static uint64_t lease_of(const struct raft *r, const struct peer *peer)
{
    int64_t from = peer->id == r->config.id ? r->now_ns : peer->lease_from_ns;
    return from < 0 ? 0 : (uint64_t)from + 1;
}

/* A quorum answered a heartbeat sent less than T - margin ago: none of them votes before T has
 * passed on its own clock since then (leader stickiness), except in a transfer. */
static bool has_lease(const struct raft *r)
{
    if (r->config.read_mode != RAFT_READS_BY_LEASE || r->lease_given_up || r->transferee != 0) {
        return false;
    }
    uint64_t from = quorum_value(r, lease_of);
    if (from == 0) {
        return false;
    }
    int64_t length = r->config.election_ns - r->config.lease_margin_ns;
    return r->now_ns - (int64_t)(from - 1) < length;
}

static void reads_start_round(struct raft *r)
{
    r->round++;
    broadcast_heartbeats(r);
}

static bool wants_round(const struct raft *r)
{
    const struct read_waits *q = &r->reads;
    return q->count > 0 && q->items[q->head + q->count - 1].round == r->round + 1;
}

void reads_heartbeat(struct raft *r)
{
    if (wants_round(r)) {
        r->round++;
    }
    broadcast_heartbeats(r);
}

void read_take(struct raft *r, struct read_wait wait)
{
    ASSERT(r->role == RAFT_LEADER);
    bool ready = has_committed_in_term(r);
    wait.index = r->commit;
    if (ready && (is_alone(r) || has_lease(r))) {
        deliver(r, &wait);
        return;
    }
    if (r->reads.count >= r->config.reads_max) {
        PROBE("raft.reads_full");
        if (wait.from == 0) {
            tell_read(r, wait.context, 0, ERR_BUSY);
        }
        return;
    }
    /* Before an entry of this term is committed, the commit index may trail what the leader before
     * acknowledged (thesis 6.4, step 1). */
    wait.round = ready ? r->round + 1 : 0;
    push(r, wait);
    if (ready && r->round_confirmed == r->round) {
        reads_start_round(r);
    }
}

void reads_release(struct raft *r)
{
    bool now = is_alone(r) || has_lease(r);
    struct read_waits *q = &r->reads;
    for (size_t i = 0; i < q->count; i++) {
        struct read_wait *wait = &q->items[q->head + i];
        ASSERT(wait->round == 0);
        wait->index = r->commit;
        wait->round = r->round + 1;
        if (now) {
            deliver(r, wait);
        }
    }
    if (now) {
        q->head = 0;
        q->count = 0;
    } else if (q->count > 0) {
        PROBE("raft.reads_released_by_commit");
        reads_start_round(r);
    }
}

static uint64_t round_of(const struct raft *r, const struct peer *peer)
{
    return peer->id == r->config.id ? r->round : peer->round_acked;
}

void reads_advance(struct raft *r)
{
    struct read_waits *q = &r->reads;
    for (;;) {
        uint64_t confirmed = quorum_value(r, round_of);
        if (confirmed <= r->round_confirmed) {
            return;
        }
        r->round_confirmed = confirmed;
        while (q->count > 0 && q->items[q->head].round != 0 &&
               q->items[q->head].round <= confirmed) {
            deliver(r, &q->items[q->head]);
            pop(q);
        }
        if (confirmed != r->round || !wants_round(r)) {
            return;
        }
        reads_start_round(r);
    }
}

void reads_fail_all(struct raft *r, int err)
{
    struct read_waits *q = &r->reads;
    for (size_t i = 0; i < q->count; i++) {
        const struct read_wait *wait = &q->items[q->head + i];
        if (wait->from == 0) {
            tell_read(r, wait->context, 0, err);
        }
    }
    q->head = 0;
    q->count = 0;
}

/* The question or its answer was lost; whoever asked has long asked again. */
static void expire_forwarded(struct raft *r)
{
    struct read_waits *q = &r->reads;
    while (q->count > 0 &&
           r->now_ns - q->items[q->head].asked_ns > READ_TIMEOUTS * r->config.election_ns) {
        PROBE("raft.read_expired");
        tell_read(r, q->items[q->head].context, 0, ERR_TIMEOUT);
        pop(q);
    }
}

void event_read(struct raft *r, uint64_t context)
{
    if (r->role == RAFT_LEADER) {
        read_take(r, (struct read_wait){.context = context});
    } else if (r->leader == 0) {
        tell_read(r, context, 0, ERR_ETCD_NO_LEADER);
    } else if (r->reads.count >= r->config.reads_max) {
        PROBE("raft.reads_full");
        tell_read(r, context, 0, ERR_BUSY);
    } else {
        expire_forwarded(r);
        push(r, (struct read_wait){.context = context, .asked_ns = r->now_ns});
        struct raft_message *m = send_message(r, RAFT_READ_INDEX, r->leader);
        m->context = context;
    }
}

void recv_read_index(struct raft *r, const struct raft_message *m)
{
    if (r->role != RAFT_LEADER || find_peer(r, m->from) == NULL) {
        PROBE("raft.read_index_misdirected");
        return;
    }
    read_take(r, (struct read_wait){.context = m->context, .from = m->from, .from_boot = m->boot});
}

void recv_read_index_result(struct raft *r, const struct raft_message *m)
{
    if (r->role == RAFT_LEADER || m->from != r->leader) {
        return;
    }
    struct read_waits *q = &r->reads;
    size_t at = 0;
    while (at < q->count && q->items[q->head + at].context != m->context) {
        at++;
    }
    if (at == q->count) {
        PROBE("raft.read_result_repeated");
        return;
    }
    tell_read(r, m->context, m->index, 0);
    if (at == 0) {
        pop(q);
        return;
    }
    struct read_wait *item = &q->items[q->head + at];
    memmove(item, item + 1, (q->count - at - 1) * sizeof(*item));
    q->count--;
}
