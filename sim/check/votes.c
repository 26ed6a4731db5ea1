/* Elections: who promised what, and who may lead. */
#include "internal.h"

static void ballots_add(struct check *c, struct ballots *b, term_t term, member_id_t candidate)
{
    if (b->count > 0 && b->items[b->count - 1].term >= term) {
        return; /* told already, or contradicted, which is somebody else's to say */
    }
    b->items = grow(c->mem, b->items, b->count, &b->cap, sizeof(*b->items));
    b->items[b->count++] = (struct ballot){term, candidate};
}

/* 0: no vote in that term. */
static member_id_t ballots_find(const struct ballots *b, term_t term)
{
    size_t low = 0;
    size_t high = b->count;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (b->items[mid].term == term) {
            return b->items[mid].candidate;
        }
        if (b->items[mid].term < term) {
            low = mid + 1;
        } else {
            high = mid;
        }
    }
    return 0;
}

void votes_durable(struct check *c, struct member *m, term_t term, member_id_t vote)
{
    c->performed++;
    if (term < m->durable_term) {
        violate(c, RULE_MONOTONIC, "%s made term %llu durable after term %llu", m->place->name,
                (unsigned long long)term, (unsigned long long)m->durable_term);
        return;
    }
    /* A promise of a lower term is as good as durable: its term cannot come back. */
    for (size_t i = 0; i < m->said.count; i++) {
        const struct ballot *said = &m->said.items[i];
        if (said->term < term || (said->term == term && said->candidate == vote)) {
            ballots_add(c, &m->durable_votes, said->term, said->candidate);
        }
    }
    /* What became durable may be the term alone; its vote is then still to come. */
    while (m->said.count > 0 &&
           (m->said.items[0].term < term || (m->said.items[0].term == term && vote != 0))) {
        m->said.count--;
        memmove(m->said.items, m->said.items + 1, m->said.count * sizeof(*m->said.items));
    }
    m->durable_term = term;
    if (vote == 0) {
        return;
    }
    member_id_t before = ballots_find(&m->durable_votes, term);
    if (before != 0 && before != vote) {
        violate(c, RULE_ONE_VOTE, "%s made a vote for %s in term %llu durable, after one for %s",
                m->place->name, member_name(c, vote), (unsigned long long)term,
                member_name(c, before));
    }
    ballots_add(c, &m->durable_votes, term, vote);
}

void check_boot_votes(struct check *c, struct member *m, const struct obs_event *obs)
{
    term_t term = obs->boot.term;
    member_id_t vote = obs->boot.vote;
    c->performed++;
    if (term < m->durable_term) {
        violate(c, RULE_DURABLE_KEPT, "%s boots in term %llu, though term %llu was durable",
                m->place->name, (unsigned long long)term, (unsigned long long)m->durable_term);
    }
    member_id_t durable = ballots_find(&m->durable_votes, term);
    if (durable != 0 && durable != vote) {
        violate(c, RULE_DURABLE_KEPT,
                "%s boots without its vote for %s in term %llu, which was durable", m->place->name,
                member_name(c, durable), (unsigned long long)term);
    }
    m->said.count = 0;
    m->term = term;
    if (!m->boot_claim_false && term >= m->durable_term) {
        votes_durable(c, m, term, vote);
    }
}

void check_vote(struct check *c, struct member *m, const struct obs_event *obs)
{
    term_t term = obs->vote.term;
    member_id_t candidate = obs->vote.candidate;
    member_id_t said = ballots_find(&m->said, term);
    if (said == 0) {
        said = ballots_find(&m->durable_votes, term);
    }
    c->performed++;
    if (said != 0 && said != candidate) {
        violate(c, RULE_ONE_VOTE, "%s votes for %s in term %llu, and voted for %s before",
                m->place->name, member_name(c, candidate), (unsigned long long)term,
                member_name(c, said));
    }
    if (term < m->term) {
        violate(c, RULE_MONOTONIC, "%s votes in term %llu, being in term %llu", m->place->name,
                (unsigned long long)term, (unsigned long long)m->term);
    }
    ballots_add(c, &m->said, term, candidate);
}

static void write_votes(struct check *c, const struct member *m, struct buf *out)
{
    for (size_t i = 0; i < m->config->voter_count; i++) {
        const struct member *voter = check_member_find(c, m->config->voters[i]);
        member_id_t vote = voter == NULL ? 0 : ballots_find(&voter->durable_votes, m->term);
        buf_printf(out, "%s%s: %s", i == 0 ? "" : ", ", member_name(c, m->config->voters[i]),
                   vote == 0 ? "none" : member_name(c, vote));
    }
}

static void check_votes(struct check *c, const struct member *m, const struct obs_event *obs)
{
    size_t granted = 0;
    for (size_t i = 0; i < m->config->voter_count; i++) {
        const struct member *voter = check_member_find(c, m->config->voters[i]);
        granted += voter != NULL && ballots_find(&voter->durable_votes, m->term) == m->id;
    }
    if (granted < config_quorum(m->config)) {
        struct buf votes;
        buf_init(&votes, c->mem);
        write_votes(c, m, &votes);
        violate(c, RULE_LEADER_VOTES,
                "%s leads in term %llu with %zu durable votes of a quorum of %zu (%s)",
                m->place->name, (unsigned long long)m->term, granted, config_quorum(m->config),
                buf_cstr(&votes));
        buf_fini(&votes);
    }
    for (size_t i = 0; i < obs->role.vote_count; i++) {
        const struct member *voter = check_member_find(c, obs->role.votes[i]);
        if (voter == NULL || ballots_find(&voter->durable_votes, m->term) != m->id) {
            violate(c, RULE_LEADER_VOTES,
                    "%s counts a vote of %s in term %llu that is not on its disk", m->place->name,
                    member_name(c, obs->role.votes[i]), (unsigned long long)m->term);
        }
    }
}

/* The last entry that was committed in a term before this one. */
static index_t committed_before(const struct check *c, term_t term)
{
    for (size_t i = c->term_count; i > 0; i--) {
        const struct term_log *log = c->terms[i - 1];
        if (log->term < term && log->committed > 0) {
            return log->committed < c->committed_count ? log->committed : c->committed_count;
        }
    }
    return c->committed_at_first;
}

static void elected(struct check *c, struct member *m, const struct obs_event *obs)
{
    struct term_log *term = term_log_at(c, m->term, true);
    c->performed++;
    if (term->leader != NULL) {
        violate(c, RULE_ONE_LEADER, "%s leads in term %llu, which %s was elected in",
                m->place->name, (unsigned long long)m->term, term->leader->place->name);
    }
    term->leader = m;
    if (m->config == NULL || !config_has_voter(m->config, m->id)) {
        violate(c, RULE_LEADER_VOTER, "%s leads in term %llu without being a voter", m->place->name,
                (unsigned long long)m->term);
    }
    if (m->config != NULL) {
        check_votes(c, m, obs);
        check_config_age(c, m);
    }
    /* Votes may take their time: a leader of an older term than the newest owes nothing to that. */
    index_t owed = committed_before(c, m->term);
    if (owed > 0) {
        const struct cell *last = &c->committed[owed - 1];
        struct cell own = log_cell(m, owed);
        if (member_last(m) < owed ||
            (own.chain != 0 && last->chain != 0 && own.chain != last->chain)) {
            violate(c, RULE_LEADER_COMPLETE,
                    "%s leads in term %llu without entry %llu of term %llu, which is committed; "
                    "its log ends at %llu in term %llu",
                    m->place->name, (unsigned long long)m->term, (unsigned long long)owed,
                    (unsigned long long)last->term, (unsigned long long)member_last(m),
                    (unsigned long long)log_cell(m, member_last(m)).term);
        }
    }
}

void check_role(struct check *c, struct member *m, const struct obs_event *obs)
{
    term_t before = m->term;
    bool led = m->role == OBS_LEADER;
    c->performed++;
    if (obs->role.term < before || obs->role.term < m->durable_term) {
        violate(c, RULE_MONOTONIC, "%s goes from term %llu to term %llu", m->place->name,
                (unsigned long long)before, (unsigned long long)obs->role.term);
    }
    m->role = obs->role.role;
    m->term = obs->role.term;
    m->leader = obs->role.leader;
    if (m->role == OBS_LEADER && (!led || m->term != before)) {
        elected(c, m, obs);
    }
}
