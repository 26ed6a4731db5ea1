#include "store.h"

#include "base/assert.h"
#include "base/hash.h"

struct mvcc *mvcc_new(struct mem *mem)
{
    struct mvcc *m = mem_zalloc(mem, 1, sizeof(*m));
    m->mem = mem;
    m->revision = 1;
    m->compacted = -1;
    m->sweep = (struct stamp){m->compacted + 1, 0};
    mvcc_index_init(&m->index, mem);
    mvcc_history_init(&m->history, mem);
    return m;
}

void mvcc_free(struct mvcc *m)
{
    if (m != NULL) {
        bool more = mvcc_free_step(m, SIZE_MAX);
        ASSERT(!more);
    }
}

bool mvcc_free_step(struct mvcc *m, size_t items)
{
    ASSERT(m->pins == 0);
    for (size_t freed = 0; freed < items;) {
        size_t shed = mvcc_history_shed(&m->history);
        if (shed == 0) {
            shed = mvcc_index_shed(&m->index);
        }
        if (shed == 0) {
            mem_free(m->mem, m);
            return false;
        }
        freed += shed;
    }
    return true;
}

revision_t mvcc_revision(const struct mvcc *m)
{
    return m->revision;
}

revision_t mvcc_compacted(const struct mvcc *m)
{
    return m->compacted;
}

uint64_t mvcc_hash(const struct mvcc *m)
{
    uint64_t h = hash64_mix(m->records_hash, (uint64_t)m->revision);
    return hash64_mix(h, (uint64_t)m->compacted);
}

uint64_t mvcc_size(const struct mvcc *m)
{
    return m->size;
}

int64_t mvcc_live(const struct mvcc *m)
{
    return m->index.root == NULL ? 0 : m->index.root->live;
}

void mvcc_store_add(struct mvcc *m, struct record *record)
{
    mvcc_key_push(record->key, record, m->mem);
    mvcc_history_push(&m->history, record);
    m->records_hash += mvcc_record_hash(record);
    m->size += mvcc_record_size(record);
}

bool mvcc_record_follows(const struct mvcc *m, const struct record *record,
                         const struct record *before)
{
    bool dead = before == NULL || record_is_tombstone(before);
    if (record_is_tombstone(record)) {
        /* Something was deleted, which only a compaction can have taken away. */
        if (record->create != 0 || (before == NULL ? record->mod > m->compacted : dead)) {
            return false;
        }
    } else if (record->version < 1 || record->create < 2 || record->create > record->mod ||
               record->version - 1 > record->mod - record->create) {
        return false; /* a key is written at most once in a revision */
    } else if (before != NULL && !dead) {
        if (record->version != before->version + 1 || record->create != before->create) {
            return false;
        }
    } else if ((record->version == 1) != (record->create == record->mod)) {
        return false;
    } else if (record->version > 1 && (before != NULL || record->mod > m->compacted)) {
        return false;
    }
    if (!stamp_less(record_stamp(record), m->sweep)) {
        return true;
    }
    /* The sweep has been here: what it could remove is gone. */
    return (before == NULL || before->mod == m->compacted) &&
           (!record_is_tombstone(record) || record->mod == m->compacted);
}

static void check_key(const struct mvcc *m, const struct key *key)
{
    ASSERT(key->count > 0);
    ASSERT(key->first + key->count <= key->cap);
    ASSERT(key->live == !record_is_tombstone(key_record(key, key->count - 1)));
    for (uint32_t i = 0; i < key->count; i++) {
        const struct record *before = i > 0 ? key_record(key, i - 1) : NULL;
        const struct record *record = key_record(key, i);
        ASSERT(record->key == key);
        ASSERT(before == NULL || stamp_less(record_stamp(before), record_stamp(record)));
        ASSERT(mvcc_record_follows(m, record, before));
    }
}

void mvcc_check(const struct mvcc *m)
{
    uint64_t hash = m->removed_hash;
    uint64_t size = 0;
    uint64_t of_keys = 0;
    revision_t newest = 1;
    struct history_at at = {0, 0};
    mvcc_index_check(&m->index);
    mvcc_history_check(&m->history);
    for (;; at.slot++) {
        const struct record *record = mvcc_history_get(&m->history, &at);
        if (record == NULL) {
            break;
        }
        ASSERT(mvcc_index_find(&m->index, key_slice(record->key), NULL) == record->key);
        if (record == key_record(record->key, 0)) {
            check_key(m, record->key);
            of_keys += record->key->count;
        }
        hash += mvcc_record_hash(record);
        size += mvcc_record_size(record);
        newest = record->mod;
    }
    /* What was written last is never removed, so the revision can be read off the records. */
    ASSERT(newest == m->revision);
    ASSERT(of_keys == m->history.count);
    ASSERT(hash == m->records_hash);
    ASSERT(size == m->size);
    ASSERT(m->compacted <= m->revision);
    ASSERT(m->sweep.mod <= m->compacted + 1);
}
