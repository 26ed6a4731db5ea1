/* Commits: what a leader may call committed, and that nobody contradicts it. */
#include "internal.h"

/* Would this voter bring the entry back after a power failure now? */
static bool holds(const struct member *voter, index_t index, struct cell cell)
{
    if (voter == NULL || voter->durable < index) {
        return false;
    }
    struct cell own = log_cell(voter, index);
    return own.chain == 0 || cell.chain == 0 || own.chain == cell.chain;
}

static void check_quorum(struct check *c, const struct member *m, index_t index)
{
    struct cell cell = log_cell(m, index);
    size_t count = 0;
    c->performed++;
    if (m->config == NULL) {
        violate(c, RULE_COMMIT_QUORUM, "%s commits %llu without a configuration", m->place->name,
                (unsigned long long)index);
        return;
    }
    for (size_t i = 0; i < m->config->voter_count; i++) {
        count += holds(check_member_find(c, m->config->voters[i]), index, cell);
    }
    if (count >= config_quorum(m->config)) {
        return;
    }
    struct buf who;
    buf_init(&who, c->mem);
    for (size_t i = 0; i < m->config->voter_count; i++) {
        const struct member *voter = check_member_find(c, m->config->voters[i]);
        buf_printf(&who, "%s%s: durable through %llu%s", i == 0 ? "" : ", ",
                   member_name(c, m->config->voters[i]),
                   (unsigned long long)(voter == NULL ? 0 : voter->durable),
                   voter != NULL && voter->durable >= index && !holds(voter, index, cell)
                       ? ", another entry there"
                       : "");
    }
    violate(c, RULE_COMMIT_QUORUM,
            "%s commits entry %llu in term %llu, which is durable on %zu of a quorum of %zu (%s)",
            m->place->name, (unsigned long long)index, (unsigned long long)m->term, count,
            config_quorum(m->config), buf_cstr(&who));
    buf_fini(&who);
}

void check_config_age(struct check *c, const struct member *m)
{
    c->performed++;
    if (m->config == NULL || c->config_count < 2) {
        return;
    }
    /* Configurations are few, and an acting member's is nearly always the newest. */
    const struct config *newest = c->configs[c->config_count - 1];
    const struct config *before = c->configs[c->config_count - 2];
    if (m->config != newest && m->config != before) {
        struct buf text;
        buf_init(&text, c->mem);
        write_config(c, m->config, &text);
        buf_add_str(&text, "; the newest is ");
        write_config(c, newest, &text);
        violate(c, RULE_CONF_STALE, "%s acts by the configuration of entry %llu: %s",
                m->place->name, (unsigned long long)m->config->index, buf_cstr(&text));
        buf_fini(&text);
    }
}

/* A leader of a later term that does not have what an earlier one commits now. */
static void check_successor(struct check *c, const struct member *m, index_t index)
{
    for (size_t i = c->term_count; i > 0 && c->terms[i - 1]->term > m->term; i--) {
        const struct term_log *term = c->terms[i - 1];
        const struct member *leader = term->leader;
        if (leader == NULL || leader->role != OBS_LEADER || leader->term != term->term) {
            continue;
        }
        c->performed++;
        struct cell own = log_cell(m, index);
        struct cell theirs = log_cell(leader, index);
        if (member_last(leader) < index ||
            (own.chain != 0 && theirs.chain != 0 && own.chain != theirs.chain)) {
            violate(c, RULE_LEADER_COMPLETE,
                    "%s commits entry %llu in term %llu, and %s leads in term %llu without it",
                    m->place->name, (unsigned long long)index, (unsigned long long)m->term,
                    leader->place->name, (unsigned long long)leader->term);
        }
    }
}

/* The entries of a new cluster's first members are committed by all of them at once. */
static bool is_bootstrap(struct check *c, const struct member *m, index_t index)
{
    const struct term_log *first = term_log_at(c, 1, false);
    return log_cell(m, index).term == 1 && (first == NULL || first->leader == NULL);
}

static void commit_new(struct check *c, struct member *m, index_t index)
{
    if (m->role == OBS_LEADER) {
        term_t term = log_cell(m, index).term;
        if (term != m->term && term != 0) {
            violate(c, RULE_COMMIT_TERM,
                    "%s commits entry %llu of term %llu by counting, in term %llu", m->place->name,
                    (unsigned long long)index, (unsigned long long)term,
                    (unsigned long long)m->term);
        }
        check_quorum(c, m, index);
        check_config_age(c, m);
        check_successor(c, m, index);
        term_log_at(c, m->term, true)->committed = index;
    } else if (is_bootstrap(c, m, index)) {
        c->bootstrap_last = index;
        c->committed_at_first = index;
    } else {
        violate(c, RULE_COMMIT_LEADER,
                "%s takes entry %llu for committed, but no leader has committed it", m->place->name,
                (unsigned long long)index);
    }
    for (index_t i = c->committed_count + 1; i <= index; i++) {
        c->committed = grow(c->mem, c->committed, c->committed_count, &c->committed_cap,
                            sizeof(*c->committed));
        c->committed[c->committed_count++] = log_cell(m, i);
    }
}

void check_commit(struct check *c, struct member *m, const struct obs_event *obs)
{
    index_t index = obs->commit.index;
    c->performed++;
    if (index < m->commit) {
        violate(c, RULE_MONOTONIC, "%s goes back from commit %llu to %llu", m->place->name,
                (unsigned long long)m->commit, (unsigned long long)index);
        return;
    }
    if (index > member_last(m)) {
        violate(c, RULE_LOG_SHAPE, "%s commits %llu with a log that ends at %llu", m->place->name,
                (unsigned long long)index, (unsigned long long)member_last(m));
        return;
    }
    /* The chain of the last entry speaks for all before it. */
    index_t known = index < c->committed_count ? index : c->committed_count;
    if (known > 0) {
        struct cell own = log_cell(m, known);
        struct cell theirs = c->committed[known - 1];
        if (own.chain != 0 && theirs.chain != 0 && own.chain != theirs.chain) {
            violate(c, RULE_COMMIT_SAME,
                    "%s commits entry %llu of term %llu, where entry %llu of term %llu was "
                    "committed",
                    m->place->name, (unsigned long long)known, (unsigned long long)own.term,
                    (unsigned long long)known, (unsigned long long)theirs.term);
        }
    }
    if (index > c->committed_count) {
        commit_new(c, m, index);
    }
    m->commit = index;
}
