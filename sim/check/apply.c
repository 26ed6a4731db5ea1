/* What is applied: the same entries, the same states, the same configurations everywhere. */
#include "internal.h"

bool config_has_voter(const struct config *config, member_id_t id)
{
    for (size_t i = 0; i < config->voter_count; i++) {
        if (config->voters[i] == id) {
            return true;
        }
    }
    return false;
}

static struct outcome *outcome_at(struct check *c, index_t index)
{
    while (c->outcome_count < index) {
        c->outcomes =
            grow(c->mem, c->outcomes, c->outcome_count, &c->outcome_cap, sizeof(*c->outcomes));
        c->outcomes[c->outcome_count++] = (struct outcome){0, 0, NULL};
    }
    return &c->outcomes[index - 1];
}

void check_state_at(struct check *c, struct member *m, index_t index, uint64_t state_hash,
                    revision_t revision)
{
    struct outcome *outcome = outcome_at(c, index);
    if (outcome->by == NULL) {
        *outcome = (struct outcome){state_hash, revision, m};
    } else if (outcome->state_hash != state_hash || outcome->revision != revision) {
        violate(c, RULE_STATE_HASH,
                "after entry %llu %s is at revision %lld with state %016llx, %s was at revision "
                "%lld with state %016llx",
                (unsigned long long)index, m->place->name, (long long)revision,
                (unsigned long long)state_hash, outcome->by->place->name,
                (long long)outcome->revision, (unsigned long long)outcome->state_hash);
    }
}

void check_apply(struct check *c, struct member *m, const struct obs_event *obs)
{
    index_t index = obs->apply.index;
    c->performed++;
    if (index <= m->applied || obs->apply.revision < m->revision) {
        violate(c, RULE_MONOTONIC, "%s applies %llu (revision %lld) after %llu (revision %lld)",
                m->place->name, (unsigned long long)index, (long long)obs->apply.revision,
                (unsigned long long)m->applied, (long long)m->revision);
        return;
    }
    m->applied = index;
    m->revision = obs->apply.revision;
    if (index > m->commit || index > c->committed_count) {
        violate(c, RULE_COMMIT_SAME, "%s applies entry %llu, being committed only through %llu",
                m->place->name, (unsigned long long)index, (unsigned long long)m->commit);
        return;
    }
    struct cell cell = c->committed[index - 1];
    if (cell.term != 0 && cell.term != obs->apply.term) {
        violate(c, RULE_COMMIT_SAME,
                "%s applies entry %llu of term %llu, where one of term %llu was committed",
                m->place->name, (unsigned long long)index, (unsigned long long)obs->apply.term,
                (unsigned long long)cell.term);
    }
    check_state_at(c, m, index, obs->apply.state_hash, obs->apply.revision);
}

static bool same_ids(const member_id_t *a, size_t a_count, const member_id_t *b, size_t b_count)
{
    return a_count == b_count && (a_count == 0 || memcmp(a, b, a_count * sizeof(*a)) == 0);
}

/* How many of a's ids are not in b. */
static size_t missing(const member_id_t *a, size_t a_count, const member_id_t *b, size_t b_count)
{
    size_t count = 0;
    for (size_t i = 0; i < a_count; i++) {
        bool found = false;
        for (size_t j = 0; j < b_count && !found; j++) {
            found = a[i] == b[j];
        }
        count += !found;
    }
    return count;
}

static void check_step(struct check *c, const struct member *m, const struct config *from,
                       const struct config *to)
{
    size_t came = missing(to->voters, to->voter_count, from->voters, from->voter_count);
    size_t went = missing(from->voters, from->voter_count, to->voters, to->voter_count);
    if (came + went > 1) {
        struct buf text;
        buf_init(&text, c->mem);
        write_config(c, from, &text);
        buf_add_str(&text, "; then ");
        write_config(c, to, &text);
        violate(c, RULE_CONF_STEP, "%s changes more than one voter with entry %llu: %s",
                m->place->name, (unsigned long long)to->index, buf_cstr(&text));
        buf_fini(&text);
    }
}

static struct config *config_new(struct check *c, const struct obs_event *obs)
{
    size_t count = obs->config.voter_count + obs->config.learner_count;
    struct config *config = mem_zalloc(c->mem, 1, sizeof(*config) + count * sizeof(member_id_t));
    config->index = obs->config.index;
    config->voter_count = obs->config.voter_count;
    config->learner_count = obs->config.learner_count;
    config->voters = (member_id_t *)(config + 1);
    if (config->voter_count > 0) {
        memcpy(config->voters, obs->config.voters, config->voter_count * sizeof(member_id_t));
    }
    if (config->learner_count > 0) {
        memcpy(config->voters + config->voter_count, obs->config.learners,
               config->learner_count * sizeof(member_id_t));
    }
    return config;
}

/* The configuration of that index: the one known, or this one from now on. */
static const struct config *config_at(struct check *c, const struct member *m,
                                      const struct obs_event *obs)
{
    size_t at = c->config_count;
    while (at > 0 && c->configs[at - 1]->index > obs->config.index) {
        at--;
    }
    if (at > 0 && c->configs[at - 1]->index == obs->config.index) {
        const struct config *known = c->configs[at - 1];
        if (!same_ids(known->voters, known->voter_count, obs->config.voters,
                      obs->config.voter_count) ||
            !same_ids(known->voters + known->voter_count, known->learner_count,
                      obs->config.learners, obs->config.learner_count)) {
            struct buf text;
            buf_init(&text, c->mem);
            write_config(c, known, &text);
            violate(c, RULE_CONF_SAME,
                    "%s has another configuration at entry %llu than the one told before: %s",
                    m->place->name, (unsigned long long)obs->config.index, buf_cstr(&text));
            buf_fini(&text);
        }
        return known;
    }
    c->configs = grow(c->mem, c->configs, c->config_count, &c->config_cap, sizeof(struct config *));
    memmove(c->configs + at + 1, c->configs + at, (c->config_count - at) * sizeof(*c->configs));
    c->configs[at] = config_new(c, obs);
    c->config_count++;
    if (at > 0) {
        check_step(c, m, c->configs[at - 1], c->configs[at]);
    }
    return c->configs[at];
}

/* A configuration that came with a snapshot: the newest one that is known from entries up to its
 * index, if the snapshot tells the truth. */
static const struct config *config_before(struct check *c, const struct member *m,
                                          const struct obs_event *obs)
{
    size_t at = c->config_count;
    while (at > 0 && c->configs[at - 1]->index > obs->config.index) {
        at--;
    }
    struct obs_event known = *obs;
    known.config.index = at > 0 ? c->configs[at - 1]->index : obs->config.index;
    return config_at(c, m, &known);
}

void check_config(struct check *c, struct member *m, const struct obs_event *obs)
{
    const struct config *before = m->config;
    c->performed++;
    /* A new cluster's first entries count as one: a member that begins with them has the whole
     * configuration at once, one that reads them from its disk builds it up again. */
    if (obs->config.voter_count == 0 || obs->config.index < c->bootstrap_last) {
        m->config = NULL;
        return;
    }
    if (obs->config.index > m->commit) {
        violate(c, RULE_CONF_SAME,
                "%s activates the configuration of entry %llu, which is not "
                "committed",
                m->place->name, (unsigned long long)obs->config.index);
    }
    m->config = obs->config.restored ? config_before(c, m, obs) : config_at(c, m, obs);
    if (m->role == OBS_LEADER && !config_has_voter(m->config, m->id) &&
        (before == NULL || !config_has_voter(before, m->id))) {
        violate(c, RULE_LEADER_VOTER, "%s leads in term %llu and is no voter", m->place->name,
                (unsigned long long)m->term);
    }
}

void check_read(struct check *c, struct member *m, const struct obs_event *obs)
{
    c->performed++;
    if (!obs->read.serializable && obs->read.applied < obs->read.read_index) {
        violate(c, RULE_READ_APPLIED, "%s serves a read of index %llu having applied %llu",
                m->place->name, (unsigned long long)obs->read.read_index,
                (unsigned long long)obs->read.applied);
    }
}
