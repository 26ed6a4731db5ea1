/* Logs: what each member holds, what of it is durable, and that no two disagree. */
#include "base/hash.h"
#include "internal.h"

struct term_log *term_log_at(struct check *c, term_t term, bool create)
{
    size_t low = 0;
    size_t high = c->term_count;
    if (high > 0 && c->terms[high - 1]->term <= term) {
        low = c->terms[high - 1]->term == term ? high - 1 : high; /* mostly it is the newest */
    }
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (c->terms[mid]->term < term) {
            low = mid + 1;
        } else {
            high = mid;
        }
    }
    if (low < c->term_count && c->terms[low]->term == term) {
        return c->terms[low];
    }
    if (!create) {
        return NULL;
    }
    c->terms = grow(c->mem, c->terms, c->term_count, &c->term_cap, sizeof(struct term_log *));
    struct term_log **at = c->terms + low;
    memmove(at + 1, at, (c->term_count - low) * sizeof(struct term_log *));
    c->term_count++;
    *at = mem_zalloc(c->mem, 1, sizeof(**at));
    (*at)->term = term;
    return *at;
}

struct cell log_cell(const struct member *m, index_t index)
{
    if (index == m->base) {
        return m->base_cell;
    }
    if (index < m->base || index > member_last(m)) {
        return (struct cell){0, 0};
    }
    return m->cells[index - m->base - 1];
}

static void push(struct check *c, struct member *m, struct cell cell)
{
    m->cells = grow(c->mem, m->cells, m->count, &m->cap, sizeof(*m->cells));
    m->cells[m->count++] = cell;
}

/* Entries of one term are created by one leader, one behind the other: an entry of a term is either
 * known already, or the next one. */
static void match(struct check *c, const struct member *m, struct term_log *log, index_t index,
                  uint64_t chain)
{
    c->performed++;
    if (log->count == 0) {
        log->first = index;
    }
    index_t end = log->first + log->count;
    if (index < log->first || index > end) {
        violate(c, RULE_LOG_MATCHING,
                "%s has entry %llu of term %llu, but nobody has appended it: that term's entries "
                "are %llu to %llu",
                m->place->name, (unsigned long long)index, (unsigned long long)log->term,
                (unsigned long long)log->first, (unsigned long long)(end - 1));
        return;
    }
    if (index == end) {
        log->chains = grow(c->mem, log->chains, log->count, &log->cap, sizeof(*log->chains));
        log->chains[log->count++] = chain;
    } else if (log->chains[index - log->first] != chain) {
        violate(c, RULE_LOG_MATCHING,
                "%s has another entry %llu of term %llu, or others before it, than the member "
                "that told it first",
                m->place->name, (unsigned long long)index, (unsigned long long)log->term);
    }
}

static void append_one(struct check *c, struct member *m, const struct obs_entry *entry,
                       struct term_log **log)
{
    struct cell before = log_cell(m, member_last(m));
    index_t index = member_last(m) + 1;
    if (entry->term < before.term || entry->term > m->term) {
        violate(c, RULE_LOG_SHAPE,
                "%s, in term %llu, appends entry %llu of term %llu behind one of term %llu",
                m->place->name, (unsigned long long)m->term, (unsigned long long)index,
                (unsigned long long)entry->term, (unsigned long long)before.term);
    }
    uint64_t chain = 0;
    if (before.chain != 0) {
        chain = hash64_mix(hash64_mix(before.chain, entry->term), entry->hash);
        chain += chain == 0;
        if (*log == NULL || (*log)->term != entry->term) {
            *log = term_log_at(c, entry->term, true);
        }
        match(c, m, *log, index, chain);
    }
    push(c, m, (struct cell){entry->term, chain});
}

/* The log as it was read at a boot replaces what the member had in memory before. */
static void replace_log(struct check *c, struct member *m, index_t first)
{
    struct cell base = {0, CHAIN_EMPTY};
    if (first > 1) {
        base = first - 1 <= c->committed_count ? c->committed[first - 2] : (struct cell){0, 0};
    }
    m->base = first - 1;
    m->base_cell = base;
    m->count = 0;
    m->log_to_come = false;
}

static void log_was_read(struct check *c, struct member *m)
{
    const struct cell now = log_cell(m, m->boot_durable);
    const struct cell then = m->durable_cell;
    c->performed++;
    if (m->boot_durable > m->base && then.chain != 0 && now.chain != 0 && then.chain != now.chain) {
        violate(c, RULE_DURABLE_KEPT,
                "%s boots with another log through entry %llu than the one that was durable",
                m->place->name, (unsigned long long)m->boot_durable);
    }
}

void check_append(struct check *c, struct member *m, const struct obs_event *obs)
{
    index_t first = obs->append.first;
    index_t last = member_last(m);
    struct term_log *log = NULL;
    bool boot = m->log_to_come;
    c->performed++;
    if (boot) {
        replace_log(c, m, obs->append.first);
    } else if (first > last + 1 || first <= m->base) {
        violate(c, RULE_LOG_SHAPE, "%s appends from entry %llu on to a log of %llu to %llu",
                m->place->name, (unsigned long long)first, (unsigned long long)m->base + 1,
                (unsigned long long)last);
        return;
    } else if (first <= last) {
        const struct obs_event cut = {.truncate = {first}};
        check_truncate(c, m, &cut);
    }
    for (size_t i = 0; i < obs->append.count; i++) {
        append_one(c, m, &obs->append.entries[i], &log);
    }
    if (boot) {
        log_was_read(c, m);
        check_decreed(c, m);
        return;
    }
    term_t newest = obs->append.count > 0 ? log_cell(m, member_last(m)).term : 0;
    if (newest == m->term) {
        m->own_term = m->term;
        m->own_last = member_last(m);
    }
    if (obs->append.by_leader && (m->role != OBS_LEADER || newest != m->term)) {
        violate(c, RULE_APPEND_ONLY,
                "%s appends entry %llu of term %llu by itself, being %s in term %llu",
                m->place->name, (unsigned long long)first, (unsigned long long)newest,
                obs_role_name(m->role), (unsigned long long)m->term);
    }
}

void check_truncate(struct check *c, struct member *m, const struct obs_event *obs)
{
    index_t from = obs->truncate.index;
    c->performed++;
    if (from > member_last(m)) {
        return;
    }
    if (m->role == OBS_LEADER) {
        violate(c, RULE_APPEND_ONLY, "%s leads in term %llu and cuts its log from entry %llu on",
                m->place->name, (unsigned long long)m->term, (unsigned long long)from);
    }
    if (from <= m->commit || from <= m->base) {
        violate(c, RULE_COMMIT_SAME, "%s cuts entry %llu, which it knows is committed",
                m->place->name, (unsigned long long)from);
        return;
    }
    if (m->own_term == m->term && from <= m->own_last) {
        violate(c, RULE_ACKNOWLEDGED,
                "%s cuts entry %llu in term %llu, in which it took entries through %llu from the "
                "leader",
                m->place->name, (unsigned long long)from, (unsigned long long)m->term,
                (unsigned long long)m->own_last);
    }
    m->count = (size_t)(from - m->base - 1);
    m->durable = m->durable < from - 1 ? m->durable : from - 1;
    m->cut_low = m->cut_low < from ? m->cut_low : from;
    m->own_last = m->own_last < from - 1 ? m->own_last : from - 1;
}

void check_boot_log(struct check *c, struct member *m, const struct obs_event *obs)
{
    index_t last = obs->boot.last;
    c->performed++;
    if (last < m->durable) {
        violate(c, RULE_DURABLE_KEPT, "%s boots with a log through %llu, though %llu was durable",
                m->place->name, (unsigned long long)last, (unsigned long long)m->durable);
        m->durable = last;
    }
    if (obs->boot.commit > c->committed_count && c->committed_count > 0 &&
        obs->boot.commit > c->decreed_last) {
        violate(c, RULE_COMMIT_LEADER, "%s boots with entry %llu committed, which nobody committed",
                m->place->name, (unsigned long long)obs->boot.commit);
    }
    m->boot_durable = m->durable;
    m->durable_cell = log_cell(m, m->durable);
    /* Until the log is told, only what was durable is known of it. */
    if (member_last(m) > m->durable && m->durable >= m->base) {
        m->count = (size_t)(m->durable - m->base);
    }
    while (member_last(m) < last) {
        push(c, m, (struct cell){0, 0});
    }
    m->log_to_come = last >= obs->boot.first && last > 0;
    if (last < obs->boot.first) {
        replace_log(c, m, obs->boot.first); /* it is empty, and will not be told */
    }
    m->durable = m->boot_claim_false ? m->durable : last;
    m->cut_low = UINT64_MAX;
    m->own_term = 0;
    m->own_last = 0;
}

void check_persisted(struct check *c, struct member *m, const struct obs_event *obs)
{
    const struct check_place *place = m->place;
    c->performed++;
    if (place->survives != NULL && obs->persisted.file != NULL &&
        !place->survives(place->disk, obs->persisted.file, obs->persisted.offset,
                         obs->persisted.length)) {
        violate(c, RULE_DURABLE_TRUE,
                "%s calls its log durable through %llu, but %s would lose bytes of [%llu, %llu)",
                place->name, (unsigned long long)obs->persisted.index, obs->persisted.file,
                (unsigned long long)obs->persisted.offset,
                (unsigned long long)(obs->persisted.offset + obs->persisted.length));
        m->boot_claim_false = !m->running;
        return;
    }
    if (!m->running) {
        return; /* before its boot: the boot says what is there */
    }
    votes_durable(c, m, obs->persisted.hard_term, obs->persisted.hard_vote);
    index_t index = obs->persisted.index;
    struct cell cell = log_cell(m, index);
    if (index <= member_last(m) && (cell.term == obs->persisted.term || cell.term == 0)) {
        m->cut_low = UINT64_MAX;
    } else {
        /* It vouches for nothing that was overwritten since it was written. */
        index = index < m->cut_low ? index : m->cut_low - 1;
        index = index < member_last(m) ? index : member_last(m);
    }
    m->durable = index > m->durable ? index : m->durable;
}
