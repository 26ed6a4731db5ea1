/* Compaction: old revisions are refused at once and removed by and by.
 *
 * Of each key the newest record at or below the compacted revision stays, and everything newer; a
 * tombstone ends a key, so it needs not stay itself. One exception: what was written at the
 * compacted revision itself stays whole, for a watch that begins there has to hear of it, and so
 * that the newest record of a store always says at which revision the store is.
 *
 * A record can go when a newer one of its key is at or below the compacted revision. So the sweep
 * looks at the records between the last compacted revision and this one, in their order, and
 * removes what each of them replaced: its cost follows what was written since, not the number of
 * keys. It begins with the last compacted revision itself, whose records were spared.
 */
#include "base/assert.h"

#include "store.h"

static bool pending(const struct mvcc *m)
{
    return m->sweep.mod <= m->compacted;
}

int mvcc_compact(struct mvcc *m, revision_t revision)
{
    if (revision <= m->compacted) {
        return ERR_ETCD_COMPACTED;
    }
    if (revision > m->revision) {
        return ERR_ETCD_FUTURE_REV;
    }
    struct stamp spared = {m->compacted, 0};
    if (stamp_less(spared, m->sweep)) {
        m->sweep = spared;
    }
    m->compacted = revision;
    return 0;
}

bool mvcc_compact_pending(const struct mvcc *m)
{
    return pending(m);
}

bool mvcc_compact_held(const struct mvcc *m)
{
    return m->pins > 0;
}

revision_t mvcc_compact_done(const struct mvcc *m)
{
    return m->sweep.mod;
}

void mvcc_pin(struct mvcc *m)
{
    m->pins++;
}

void mvcc_unpin(struct mvcc *m)
{
    ASSERT(m->pins > 0);
    m->pins--;
}

static void drop_key(struct mvcc *m, struct key *key)
{
    struct index_path path;
    struct key *found = mvcc_index_find(&m->index, key_slice(key), &path);
    ASSERT(found == key);
    mvcc_index_remove(&m->index, &path);
    mvcc_key_free(key, m->mem);
}

/* The key's oldest record goes, and with its last one the key. */
static void remove_oldest(struct mvcc *m, struct key *key, struct history_at *at)
{
    struct record *record = key_record(key, 0);
    m->removed_hash += mvcc_record_hash(record);
    m->size -= mvcc_record_size(record);
    mvcc_history_remove(&m->history, record, at);
    mvcc_key_pop(key, m->mem);
    mem_free(m->mem, record);
    if (key->count == 0) {
        drop_key(m, key);
    }
}

/* Removes what the record replaced, and a tombstone itself. */
static void sweep_record(struct mvcc *m, struct record *record, struct history_at *at)
{
    struct key *key = record->key;
    while (key_record(key, 0) != record && key_record(key, 0)->mod < m->compacted) {
        remove_oldest(m, key, at);
    }
    bool ended = record_is_tombstone(record) && record->mod < m->compacted;
    if (ended) {
        ASSERT(key_record(key, 0) == record);
        remove_oldest(m, key, at);
    } else {
        at->slot++;
    }
}

bool mvcc_compact_step(struct mvcc *m, size_t records)
{
    if (m->pins > 0 || !pending(m)) {
        return pending(m);
    }
    struct history_at at = mvcc_history_from(&m->history, m->sweep);
    for (size_t i = 0; i < records; i++) {
        struct record *record = mvcc_history_get(&m->history, &at);
        if (record == NULL || record->mod > m->compacted) {
            m->sweep = (struct stamp){m->compacted + 1, 0};
            return false;
        }
        m->sweep = (struct stamp){record->mod, record->sub + 1};
        sweep_record(m, record, &at);
    }
    return true;
}
