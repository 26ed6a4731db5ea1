/* Snapshots: taken of what is committed, applied and durable, and all that they bring is what the
 * entries through their index have made. */
#include "internal.h"

/* A received snapshot takes the place of the log through its index. Until that is durable too, a
 * restart may find the old log again, of which only the committed part must be there. */
static void replace_by_snapshot(struct check *c, struct member *m, index_t index)
{
    m->base = index;
    m->base_cell = c->committed[index - 1];
    m->count = 0;
    m->durable = m->durable < m->commit ? m->durable : m->commit;
    m->cut_low = UINT64_MAX;
    m->own_term = 0;
    m->own_last = 0;
    m->commit = index > m->commit ? index : m->commit;
}

void check_snapshot(struct check *c, struct member *m, const struct obs_event *obs)
{
    static const char *const verbs[] = {"takes", "installs", "restores"};
    index_t index = obs->snapshot.index;
    c->performed++;
    if (index == 0 || index > c->committed_count) {
        violate(c, RULE_COMMIT_SAME, "%s %s a snapshot at %llu, which nobody committed",
                m->place->name, verbs[obs->snapshot.what], (unsigned long long)index);
        return;
    }
    struct cell cell = c->committed[index - 1];
    if (cell.term != 0 && cell.term != obs->snapshot.term) {
        violate(c, RULE_COMMIT_SAME,
                "%s %s a snapshot at %llu of term %llu, where an entry of term %llu was committed",
                m->place->name, verbs[obs->snapshot.what], (unsigned long long)index,
                (unsigned long long)obs->snapshot.term, (unsigned long long)cell.term);
    }
    if (obs->snapshot.what == OBS_SNAPSHOT_TAKEN) {
        if (index > m->applied || index > m->durable) {
            violate(c, RULE_SNAPSHOT_COVERED,
                    "%s takes a snapshot at %llu, having applied %llu and its log durable through "
                    "%llu",
                    m->place->name, (unsigned long long)index, (unsigned long long)m->applied,
                    (unsigned long long)m->durable);
        }
        check_state_at(c, m, index, obs->snapshot.state_hash, obs->snapshot.revision);
        return;
    }
    if (index < m->applied || obs->snapshot.revision < m->revision) {
        violate(c, RULE_MONOTONIC,
                "%s %s a snapshot at %llu (revision %lld) after applying %llu (revision %lld)",
                m->place->name, verbs[obs->snapshot.what], (unsigned long long)index,
                (long long)obs->snapshot.revision, (unsigned long long)m->applied,
                (long long)m->revision);
        return;
    }
    if (obs->snapshot.what == OBS_SNAPSHOT_INSTALLED) {
        replace_by_snapshot(c, m, index);
    }
    m->applied = index;
    m->revision = obs->snapshot.revision;
    check_state_at(c, m, index, obs->snapshot.state_hash, obs->snapshot.revision);
}
