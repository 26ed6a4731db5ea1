/* The invariants of the engine, asserted. */
#include "raft_impl.h"

static void check_log(const struct raft *r)
{
    const struct log *log = &r->log;
    ASSERT(log->base <= r->commit);
    ASSERT(r->commit <= log_last(log));
    ASSERT(r->durable <= log_last(log));
    ASSERT(r->applied <= r->commit);
    ASSERT(r->snapshot_index >= log->base);
    ASSERT_IF(r->installing == 0, r->applied >= log->base);
    ASSERT_IF(r->installing != 0, r->applied < r->installing);
    ASSERT(log_term(log, log_last(log)) <= r->term);
    index_t conf = log_first_conf(log);
    ASSERT_IF(conf != 0, conf > r->applied);
    ASSERT_IF(conf != 0, conf <= log_last(log));
    for (size_t i = 1; i < log->runs.count; i++) {
        const struct mark *run = &log->runs.items[log->runs.head + i];
        ASSERT(run[-1].value < run->value);
        ASSERT(run[-1].index < run->index);
    }
}

static void check_writes(const struct raft *r)
{
    const struct writes *w = &r->writes;
    ASSERT(r->token_done <= r->token_last);
    ASSERT(r->token_sync <= r->token_last);
    ASSERT(r->token_vote <= r->token_sync);
    uint64_t token = r->token_done;
    index_t last = 0;
    for (size_t i = 0; i < w->count; i++) {
        const struct write *write = &w->ring[(w->head + i) & (w->cap - 1)];
        ASSERT(write->token > token);
        ASSERT(write->last >= last);
        ASSERT(write->last <= log_last(&r->log));
        token = write->token;
        last = write->last;
    }
}

static void check_peers(const struct raft *r)
{
    ASSERT(raft_conf_is_valid(&r->conf));
    ASSERT(r->peer_count == r->conf.voter_count + r->conf.learner_count);
    for (size_t i = 0; i < r->peer_count; i++) {
        const struct peer *peer = &r->peers[i];
        ASSERT_IF(i > 0, r->peers[i].id > (i > 0 ? r->peers[i - 1].id : 0));
        ASSERT(peer->learner == raft_conf_is_learner(&r->conf, peer->id));
        ASSERT(peer->learner != raft_conf_is_voter(&r->conf, peer->id));
        if (r->role == RAFT_LEADER) {
            ASSERT(peer->match <= log_last(&r->log));
            ASSERT_IF(peer->id != r->config.id, peer->match < peer->next);
            ASSERT_IF(peer->id == r->config.id, peer->match == r->durable);
            ASSERT(peer->inflights.count <= r->config.inflight_max);
        }
    }
}

void raft_check(const struct raft *r)
{
    check_log(r);
    check_writes(r);
    check_peers(r);
    if (r->role == RAFT_LEADER) {
        ASSERT(r->leader == r->config.id);
        ASSERT(r->vote == r->config.id);
        ASSERT(is_voter(r));
        ASSERT(log_term(&r->log, log_last(&r->log)) == r->term);
        ASSERT(r->round_confirmed <= r->round);
    } else {
        ASSERT(r->leader != r->config.id);
        ASSERT(r->transferee == 0);
    }
    ASSERT_IF(r->role == RAFT_CANDIDATE, r->vote == r->config.id);
    ASSERT_IF(r->role == RAFT_CANDIDATE || r->role == RAFT_PRE_CANDIDATE, r->leader == 0);
}
