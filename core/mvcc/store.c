#include "store.h"

#include "base/assert.h"
#include "base/hash.h"

struct mvcc *mvcc_new(struct mem *mem)
{
    struct mvcc *m = mem_zalloc(mem, 1, sizeof(*m));
    m->mem = mem;
    m->revision = 1;
    m->compacted = -1;
    mvcc_index_init(&m->index, mem);
    mvcc_history_init(&m->history, mem);
    return m;
}

void mvcc_free(struct mvcc *m)
{
    if (m != NULL) {
        mvcc_history_fini(&m->history);
        mvcc_index_fini(&m->index);
        mem_free(m->mem, m);
    }
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

static void check_key(const struct key *key)
{
    for (uint32_t i = 1; i < key->count; i++) {
        const struct record *before = key->records[i - 1];
        const struct record *record = key->records[i];
        bool dead = record_is_tombstone(before);
        ASSERT(record->mod > before->mod ||
               (record->mod == before->mod && record->sub > before->sub));
        ASSERT_IF(dead, record->version == 1);
        ASSERT_IF(dead, record->create == record->mod);
        ASSERT_IF(!dead && record->version != 0, record->version == before->version + 1);
        ASSERT_IF(!dead && record->version != 0, record->create == before->create);
    }
    ASSERT(key->count > 0);
    ASSERT(key->live == !record_is_tombstone(key->records[key->count - 1]));
}

void mvcc_check(const struct mvcc *m)
{
    uint64_t hash = 0;
    uint64_t size = 0;
    const struct record *before = NULL;
    mvcc_index_check(&m->index);
    for (size_t i = 0; i < m->history.count; i++) {
        const struct record *record = mvcc_history_get(&m->history, i);
        ASSERT(before == NULL || record->mod >= before->mod);
        ASSERT(record->mod <= m->revision);
        ASSERT(mvcc_index_find(&m->index, key_slice(record->key), NULL) == record->key);
        if (record == record->key->records[0]) {
            check_key(record->key);
        }
        hash += mvcc_record_hash(record);
        size += mvcc_record_size(record);
        before = record;
    }
    ASSERT(hash == m->records_hash);
    ASSERT(size == m->size);
}
