/* Birth and boot: configuration, what the disk gave back, bootstrap, the first event. */
#include "raft_impl.h"

#include "base/duration.h"

void raft_config_init(struct raft_config *config, member_id_t id, uint64_t boot)
{
    *config = (struct raft_config){
        .id = id,
        .boot = boot,
        .heartbeat_ns = 100 * MS_NS,
        .election_ns = 1000 * MS_NS,
        .pre_vote = true,
        .check_quorum = true,
        .read_mode = RAFT_READS_BY_INDEX,
        .lease_margin_ns = 200 * MS_NS,
        .append_entries_max = 1024,
        .append_bytes_max = UINT64_C(1024) * 1024,
        .inflight_max = 512,
        .inflight_bytes_max = UINT64_C(64) * 1024 * 1024,
        .uncommitted_bytes_max = UINT64_C(256) * 1024 * 1024,
        .reads_max = 65536,
    };
}

int raft_config_check(const struct raft_config *c)
{
    if (c->id == 0 || c->boot == 0 || c->heartbeat_ns <= 0 || c->election_ns <= c->heartbeat_ns ||
        c->election_ns > INT64_MAX / 8 || c->initial_elapsed_ns < 0 ||
        c->initial_elapsed_ns > c->election_ns) {
        return ERR_INVALID;
    }
    if (c->append_entries_max == 0 || c->append_entries_max > 1u << 20 || c->inflight_max == 0 ||
        c->inflight_max > 1u << 20 || c->inflight_bytes_max == 0 || c->uncommitted_bytes_max == 0 ||
        c->reads_max == 0 || c->append_bytes_max > RECORD_BYTES_MAX / 2) {
        return ERR_INVALID;
    }
    if (c->read_mode == RAFT_READS_BY_LEASE &&
        (!c->check_quorum || c->lease_margin_ns < 0 || c->lease_margin_ns >= c->election_ns)) {
        return ERR_INVALID;
    }
    return 0;
}

/* What the disk gave back may be damaged in ways that checksums do not show. */
static int check_start(const struct raft_start *s)
{
    const struct raft_entry *entries = s->entries;
    term_t before = 0;
    index_t last = s->snapshot_index;
    if ((s->snapshot_index == 0) != (s->snapshot_term == 0) ||
        (s->conf != NULL && !raft_conf_is_valid(s->conf))) {
        return ERR_CORRUPT;
    }
    for (size_t i = 0; i < s->entry_count; i++) {
        struct raft_conf_change change;
        if (entries[i].index != entries[0].index + i || entries[i].term < before ||
            entries[i].term == 0 || entries[i].index == 0) {
            return ERR_CORRUPT;
        }
        if (entries[i].index == s->snapshot_index && entries[i].term != s->snapshot_term) {
            return ERR_CORRUPT;
        }
        if (entries[i].type == RAFT_ENTRY_CONF &&
            raft_conf_change_decode(entries[i].payload, &change) != 0) {
            return ERR_PROTO;
        }
        before = entries[i].term;
        last = entries[i].index;
    }
    if (s->entry_count > 0 && entries[0].index > s->snapshot_index + 1) {
        return ERR_CORRUPT;
    }
    if (last < s->snapshot_index) {
        last = s->snapshot_index;
    }
    if (before < s->snapshot_term) {
        before = s->snapshot_term;
    }
    return s->hard.commit > last || s->hard.term < before ? ERR_CORRUPT : 0;
}

static int check_bootstrap(const struct raft_start *s)
{
    if (s->bootstrap_count == 0) {
        return 0;
    }
    if (s->bootstrap_count > MEMBERS_MAX || s->entry_count > 0 || s->snapshot_index > 0 ||
        s->hard.term > 0) {
        return ERR_INVALID;
    }
    for (size_t i = 0; i < s->bootstrap_count; i++) {
        struct raft_conf_change change;
        int err = raft_conf_change_decode(s->bootstrap[i], &change);
        if (err != 0) {
            return err;
        }
        if (change.type != RAFT_CONF_ADD_VOTER && change.type != RAFT_CONF_ADD_LEARNER) {
            return ERR_INVALID;
        }
    }
    return 0;
}

static void load_log(struct raft *r, const struct raft_start *s)
{
    const struct raft_entry *entries = s->entries;
    size_t from = 0;
    log_reset(&r->log, s->snapshot_index, s->snapshot_term);
    if (s->entry_count > 0 && entries[s->entry_count - 1].index <= s->snapshot_index) {
        /* Nothing behind the snapshot; the entries before it could only help laggards. */
        from = s->entry_count;
    } else if (s->entry_count > 0 && entries[0].index <= s->snapshot_index) {
        if (entries[0].index == 1) {
            log_reset(&r->log, 0, 0);
        } else {
            /* The term before the first is not known: the first becomes the base. */
            log_reset(&r->log, entries[0].index, entries[0].term);
            from = 1;
        }
    }
    for (size_t i = from; i < s->entry_count; i++) {
        log_append(&r->log, entries[i].term, entries[i].type, entries[i].payload);
    }
    log_forget_confs(&r->log, s->snapshot_index);
    r->durable = log_last(&r->log);
}

/* As etcd: every first member begins with the same committed entries, and with the configuration
 * that they make, so that it may campaign at all. */
static void bootstrap(struct raft *r, const struct raft_start *s)
{
    for (size_t i = 0; i < s->bootstrap_count; i++) {
        struct raft_conf_change change;
        int err = raft_conf_change_decode(s->bootstrap[i], &change);
        ASSERT(err == 0);
        log_append(&r->log, 1, RAFT_ENTRY_CONF, s->bootstrap[i]);
        raft_conf_apply(&r->conf, change.type, change.member);
    }
    r->term = 1;
    r->commit = log_last(&r->log);
}

int raft_new(struct mem *mem, const struct raft_config *config, const struct raft_start *start,
             struct raft **result)
{
    int err = raft_config_check(config);
    if (err == 0) {
        err = check_start(start);
    }
    if (err == 0) {
        err = check_bootstrap(start);
    }
    if (err != 0) {
        return err;
    }
    struct raft *r = mem_zalloc(mem, 1, sizeof(*r));
    r->mem = mem;
    r->config = *config;
    r->rng = config->rng;
    log_init(&r->log, mem);
    load_log(r, start);
    r->term = start->hard.term;
    r->vote = start->hard.vote;
    r->hard = start->hard;
    r->commit_synced = start->hard.commit;
    r->commit = start->hard.commit;
    if (r->commit < start->snapshot_index) {
        r->commit = start->snapshot_index;
    }
    r->applied = start->snapshot_index;
    r->recover_to = start->recover_to;
    r->commit_told = start->snapshot_index;
    r->snapshot_index = start->snapshot_index;
    r->snapshot_term = start->snapshot_term;
    if (start->conf != NULL) {
        r->conf = *start->conf;
    }
    r->snapshot_conf = r->conf;
    r->token_last = start->tokens_used;
    r->token_done = start->tokens_used;
    if (start->bootstrap_count > 0) {
        bootstrap(r, start);
    }
    sync_peers(r);
    *result = r;
    return 0;
}

void raft_free(struct raft *r)
{
    if (r == NULL) {
        return;
    }
    for (size_t i = 0; i < r->peer_count; i++) {
        peer_fini(&r->peers[i], r->mem);
    }
    log_fini(&r->log);
    mem_free(r->mem, r->peers);
    mem_free(r->mem, r->writes.ring);
    mem_free(r->mem, r->reads.items);
    mem_free(r->mem, r->out.messages);
    mem_free(r->mem, r->out.reads);
    mem_free(r->mem, r->out.forwarded);
    mem_free(r->mem, r);
}

void event_start(struct raft *r)
{
    ASSERT(!r->started);
    r->started = true;
    restart_election_clock(r);
    r->election_from_ns -= r->config.initial_elapsed_ns;
    r->vote_hold_ns = INT64_MIN;
    if (r->config.read_mode == RAFT_READS_BY_LEASE && r->hard.term > 0) {
        /* Before this start the member may have promised a leader not to vote for T: a lease. */
        r->vote_hold_ns = r->now_ns + r->config.election_ns;
    }
    if (r->durable < log_last(&r->log)) {
        r->out.appended_first = r->durable + 1; /* the bootstrap entries */
    }
    r->out.conf_changed = r->conf.voter_count + r->conf.learner_count > 0;
    /* So that the first update tells role and term. */
    r->term_told = UINT64_MAX;
}
