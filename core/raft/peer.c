#include "peer.h"

#include "base/assert.h"
#include "base/probe.h"

static void inflights_clear(struct inflights *f)
{
    f->head = 0;
    f->count = 0;
    f->bytes = 0;
}

static void inflights_add(struct inflights *f, struct mem *mem, struct inflight item)
{
    if (f->count == f->cap) {
        uint32_t cap = f->cap == 0 ? 16 : f->cap * 2;
        struct inflight *ring = mem_alloc(mem, cap * sizeof(*ring));
        for (uint32_t i = 0; i < f->count; i++) {
            ring[i] = f->ring[(f->head + i) & (f->cap - 1)];
        }
        mem_free(mem, f->ring);
        f->ring = ring;
        f->cap = cap;
        f->head = 0;
    }
    f->ring[(f->head + f->count) & (f->cap - 1)] = item;
    f->count++;
    f->bytes += item.bytes;
}

static void inflights_free_oldest(struct inflights *f)
{
    ASSERT(f->count > 0);
    f->bytes -= f->ring[f->head].bytes;
    f->head = (f->head + 1) & (f->cap - 1);
    f->count--;
}

static void inflights_free_through(struct inflights *f, index_t index)
{
    while (f->count > 0 && f->ring[f->head].last <= index) {
        inflights_free_oldest(f);
    }
}

void peer_reset(struct peer *peer, index_t last)
{
    peer->recent_active = false;
    peer->state = RAFT_PROBE;
    peer->probe_paused = false;
    peer->match = 0;
    peer->match_boot = 0;
    peer->next = last + 1;
    peer->commit_sent = 0;
    peer->pending_snapshot = 0;
    peer->heard_ns = 0;
    peer->round_acked = 0;
    peer->lease_from_ns = INT64_MIN;
    inflights_clear(&peer->inflights);
    /* Sequence numbers count per start of the sender and name the leader's term, so a new term may
     * forget them. */
    peer->forwarded = (struct forward_window){0};
}

void peer_fini(struct peer *peer, struct mem *mem)
{
    mem_free(mem, peer->inflights.ring);
}

bool peer_is_paused(const struct peer *peer, const struct raft_config *config)
{
    switch (peer->state) {
    case RAFT_PROBE: return peer->probe_paused;
    case RAFT_REPLICATE:
        return peer->inflights.count >= config->inflight_max ||
               peer->inflights.bytes >= config->inflight_bytes_max;
    case RAFT_SENDING_SNAPSHOT: return true;
    }
    UNREACHABLE();
}

void peer_sent(struct peer *peer, struct mem *mem, index_t last, uint64_t bytes)
{
    ASSERT(last >= peer->next);
    if (peer->state == RAFT_REPLICATE) {
        peer->next = last + 1;
        inflights_add(&peer->inflights, mem, (struct inflight){last, bytes});
    } else {
        ASSERT(peer->state == RAFT_PROBE);
        peer->probe_paused = true;
    }
}

bool peer_acked(struct peer *peer, index_t index, index_t base)
{
    bool news = index > peer->match;
    if (news) {
        peer->match = index;
        peer->probe_paused = false;
        if (peer->next <= index) {
            peer->next = index + 1;
        }
    }
    switch (peer->state) {
    case RAFT_PROBE:
        /* Also an answer that is no news shows where the logs agree: pipeline from there. */
        if (index == peer->match) {
            peer->state = RAFT_REPLICATE;
            peer->next = peer->match + 1;
            inflights_clear(&peer->inflights);
        }
        break;
    case RAFT_REPLICATE: inflights_free_through(&peer->inflights, index); break;
    case RAFT_SENDING_SNAPSHOT:
        /* It has got, from wherever, all that the log no longer holds. */
        if (peer->match >= base) {
            peer->state = RAFT_REPLICATE;
            peer->next = peer->match + 1;
            peer->pending_snapshot = 0;
            inflights_clear(&peer->inflights);
        }
        break;
    }
    ASSERT(peer->match < peer->next);
    return news;
}

bool peer_refused(struct peer *peer, index_t prev, index_t agree)
{
    switch (peer->state) {
    case RAFT_REPLICATE:
        if (prev <= peer->match) {
            PROBE("raft.stale_refusal");
            return false;
        }
        peer_to_probe(peer);
        return true;
    case RAFT_PROBE:
        if (peer->next - 1 != prev) {
            PROBE("raft.stale_refusal_of_probe");
            return false;
        }
        if (prev <= peer->match) {
            /* It refuses what it has acknowledged: a late refusal, or a member that lost its log.
             * Asked again at once it would refuse again, for ever; the next heartbeat is soon
             * enough. */
            PROBE("raft.refusal_below_match");
            return false;
        }
        peer->next = (agree < prev ? agree : prev - 1) + 1;
        if (peer->next <= peer->match) {
            peer->next = peer->match + 1;
        }
        peer->probe_paused = false;
        return true;
    case RAFT_SENDING_SNAPSHOT: return false;
    }
    UNREACHABLE();
}

void peer_lost_entries(struct peer *peer, uint64_t boot, index_t agree)
{
    ASSERT(boot > peer->match_boot && agree < peer->next);
    peer->match = 0;
    peer->match_boot = boot;
    peer_to_probe(peer);
    peer->next = agree + 1;
}

void peer_to_probe(struct peer *peer)
{
    /* What was under way to it may be lost. After a snapshot begin behind that. */
    index_t from = peer->match;
    if (peer->state == RAFT_SENDING_SNAPSHOT && peer->pending_snapshot > from) {
        from = peer->pending_snapshot;
    }
    peer->state = RAFT_PROBE;
    peer->next = from + 1;
    peer->probe_paused = false;
    peer->pending_snapshot = 0;
    inflights_clear(&peer->inflights);
}

void peer_to_snapshot(struct peer *peer, index_t snapshot)
{
    peer->state = RAFT_SENDING_SNAPSHOT;
    peer->pending_snapshot = snapshot;
    peer->probe_paused = false;
    inflights_clear(&peer->inflights);
}

void peer_free_oldest(struct peer *peer)
{
    if (peer->inflights.count > 0) {
        inflights_free_oldest(&peer->inflights);
    }
}

bool forward_window_take(struct forward_window *w, uint64_t boot, uint64_t seq)
{
    if (boot != w->boot) {
        if (boot < w->boot) {
            return false;
        }
        *w = (struct forward_window){.boot = boot};
    }
    if (seq > w->high) {
        uint64_t shift = seq - w->high;
        if (shift >= FORWARD_WINDOW) {
            memset(w->bits, 0, sizeof(w->bits));
        } else {
            for (uint64_t s = w->high + 1; s <= seq; s++) {
                w->bits[s / 64 % (FORWARD_WINDOW / 64)] &= ~(UINT64_C(1) << s % 64);
            }
        }
        w->high = seq;
    } else if (w->high - seq >= FORWARD_WINDOW) {
        return false;
    }
    uint64_t *word = &w->bits[seq / 64 % (FORWARD_WINDOW / 64)];
    uint64_t bit = UINT64_C(1) << seq % 64;
    if ((*word & bit) != 0) {
        return false;
    }
    *word |= bit;
    return true;
}
