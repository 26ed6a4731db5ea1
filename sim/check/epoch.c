/* A new history epoch: what a survivor's log keeps of the old history is where the new one begins.
 * The old history is judged on for its own members, in the check that it came from. */
#include "base/map.h"
#include "internal.h"

static void *copy_items(struct mem *mem, const void *items, size_t count, size_t size)
{
    void *copy = mem_zalloc(mem, count + 1, size);
    if (count > 0) {
        memcpy(copy, items, count * size);
    }
    return copy;
}

static void copy_terms(struct check *c, const struct check *from, index_t kept)
{
    c->terms = mem_zalloc(c->mem, from->term_count + 1, sizeof(struct term_log *));
    c->term_cap = from->term_count + 1;
    for (size_t i = 0; i < from->term_count; i++) {
        const struct term_log *old = from->terms[i];
        if (old->count == 0 || old->first > kept) {
            continue;
        }
        size_t count = (size_t)(kept - old->first + 1);
        struct term_log *term = mem_zalloc(c->mem, 1, sizeof(*term));
        /* Who led then leads nobody here; a term may have another leader in each history. */
        term->term = old->term;
        term->first = old->first;
        term->count = count < old->count ? count : old->count;
        term->cap = term->count + 1;
        term->chains = copy_items(c->mem, old->chains, term->count, sizeof(*old->chains));
        c->terms[c->term_count++] = term;
    }
}

static void copy_configs(struct check *c, const struct check *from, index_t kept)
{
    c->configs = mem_zalloc(c->mem, from->config_count + 1, sizeof(struct config *));
    c->config_cap = from->config_count + 1;
    for (size_t i = 0; i < from->config_count && from->configs[i]->index <= kept; i++) {
        const struct config *old = from->configs[i];
        size_t ids = old->voter_count + old->learner_count;
        struct config *config = mem_zalloc(c->mem, 1, sizeof(*config) + ids * sizeof(member_id_t));
        *config = *old;
        config->voters = (member_id_t *)(config + 1);
        memcpy(config->voters, old->voters, ids * sizeof(member_id_t));
        c->configs[c->config_count++] = config;
    }
}

/* What the survivor had promised and made durable still binds it, as far as its log is kept. */
static void copy_survivor(struct check *c, const struct member *old, index_t kept)
{
    struct member *m = mem_zalloc(c->mem, 1, sizeof(*m));
    index_t last = member_last(old) < kept ? member_last(old) : kept;
    m->id = old->id;
    m->place = old->place;
    m->was_running = old->was_running;
    m->boot = old->boot;
    m->durable_term = old->durable_term;
    m->base = old->base;
    m->base_cell = old->base_cell;
    m->count = last > old->base ? (size_t)(last - old->base) : 0;
    m->cap = m->count + 1;
    m->cells = copy_items(c->mem, old->cells, m->count, sizeof(*old->cells));
    m->durable = old->durable < last ? old->durable : last;
    m->cut_low = UINT64_MAX;
    list_push_back(&c->members, &m->link);
    (void)map_put(c->by_id, m->id, m);
}

struct check *check_fork(struct check *from, member_id_t survivor, index_t kept, index_t last)
{
    struct check *c = check_new(from->mem);
    const struct member *old = check_member_find(from, survivor);
    size_t count = kept < from->committed_count ? (size_t)kept : from->committed_count;
    c->committed = copy_items(c->mem, from->committed, count, sizeof(*from->committed));
    c->committed_count = count;
    c->committed_at_first = count;
    c->committed_cap = count + 1;
    size_t outcomes = count < from->outcome_count ? count : from->outcome_count;
    c->outcomes = copy_items(c->mem, from->outcomes, outcomes, sizeof(*from->outcomes));
    c->outcome_count = outcomes;
    c->outcome_cap = outcomes + 1;
    c->bootstrap_last = from->bootstrap_last;
    c->decreed_last = last;
    copy_terms(c, from, kept);
    copy_configs(c, from, kept);
    if (old != NULL) {
        copy_survivor(c, old, kept);
    }
    return c;
}

void check_decreed(struct check *c, const struct member *m)
{
    while (c->committed_count < c->decreed_last && c->committed_count < member_last(m)) {
        c->committed = grow(c->mem, c->committed, c->committed_count, &c->committed_cap,
                            sizeof(*c->committed));
        c->committed[c->committed_count] = log_cell(m, c->committed_count + 1);
        c->committed_count++;
        c->committed_at_first = c->committed_count;
    }
}

bool check_names(const struct check *c, member_id_t id)
{
    if (check_member_find(c, id) != NULL) {
        return true;
    }
    for (size_t i = 0; i < c->config_count; i++) {
        const struct config *config = c->configs[i];
        for (size_t k = 0; k < config->voter_count + config->learner_count; k++) {
            if (config->voters[k] == id) {
                return true;
            }
        }
    }
    return false;
}

revision_t check_revision(const struct check *c, index_t index)
{
    size_t at = index < c->outcome_count ? (size_t)index : c->outcome_count;
    while (at > 0 && c->outcomes[at - 1].by == NULL) {
        at--;
    }
    return at > 0 ? c->outcomes[at - 1].revision : 0;
}
