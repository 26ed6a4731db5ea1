/* Completions of persists. Any number of them is outstanding; what one vouches for shrinks when the
 * log is cut behind it (etcd-io/raft#8: a late completion must not vouch for another entry that has
 * taken the place). */
#include "raft_impl.h"

void writes_push(struct raft *r, uint64_t token, index_t last)
{
    struct writes *w = &r->writes;
    if (w->count == w->cap) {
        size_t cap = w->cap == 0 ? 16 : w->cap * 2;
        struct write *ring = mem_alloc(r->mem, cap * sizeof(*ring));
        for (size_t i = 0; i < w->count; i++) {
            ring[i] = w->ring[(w->head + i) & (w->cap - 1)];
        }
        mem_free(r->mem, w->ring);
        *w = (struct writes){ring, cap, 0, w->count};
    }
    w->ring[(w->head + w->count) & (w->cap - 1)] = (struct write){token, last};
    w->count++;
}

void writes_clamp(struct raft *r, index_t last)
{
    struct writes *w = &r->writes;
    for (size_t i = w->count; i-- > 0;) {
        struct write *write = &w->ring[(w->head + i) & (w->cap - 1)];
        if (write->last <= last) {
            break;
        }
        write->last = last;
    }
}

/* Takes the writes through `token` off the queue; how far their last one vouches. */
static index_t complete_through(struct raft *r, uint64_t token)
{
    struct writes *w = &r->writes;
    index_t last = 0;
    while (w->count > 0 && w->ring[w->head].token <= token) {
        last = w->ring[w->head].last;
        w->head = (w->head + 1) & (w->cap - 1);
        w->count--;
    }
    return last;
}

void event_persisted(struct raft *r, const struct raft_event *e)
{
    if (e->token <= r->token_done) {
        return;
    }
    ASSERT(e->token <= r->token_last);
    index_t last = complete_through(r, e->token);
    r->token_done = e->token;
    if (last < e->index) {
        PROBE("raft.persisted_but_overwritten");
    }
    if (last > e->index) {
        last = e->index;
    }
    ASSERT_IF(last == e->index && last > r->log.base, log_term(&r->log, last) == e->term);
    if (last > r->durable) {
        r->durable = last;
        ASSERT(r->durable <= log_last(&r->log));
    }
    if (r->role == RAFT_LEADER) {
        struct peer *self = self_peer(r);
        if (self != NULL && r->durable > self->match) {
            /* The leader's own copy counts only now that it is durable. */
            self->match = r->durable;
            if (advance_commit(r)) {
                broadcast_appends(r);
            }
        }
    } else if (r->role == RAFT_CANDIDATE && r->token_done >= r->token_vote &&
               self_peer(r)->vote == PEER_VOTE_NONE) {
        count_vote(r, r->config.id, true);
    }
}
