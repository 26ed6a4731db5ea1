#include "base/assert.h"
#include "base/hash.h"

#include "image.h"
#include "store.h"

struct mvcc_walk {
    struct mvcc *m;
    struct history_at at;
    uint64_t left; /* records */
    bool begun;
    uint8_t head[IMAGE_HEAD_BYTES];
};

uint64_t mvcc_image_hash(const struct mvcc *m)
{
    uint64_t h = hash64_mix(mvcc_hash(m), (uint64_t)m->sweep.mod);
    return hash64_mix(h, m->sweep.sub);
}

static void fill_head(const struct mvcc *m, uint8_t *head)
{
    store_u32(head, IMAGE_VERSION);
    store_u32(head + 4, m->sweep.sub);
    store_u64(head + 8, (uint64_t)m->sweep.mod);
    store_u64(head + 16, (uint64_t)m->revision);
    store_u64(head + 24, (uint64_t)m->compacted);
    store_u64(head + 32, m->history.count);
    store_u64(head + 40, m->size);
    store_u64(head + 48, m->removed_hash);
    store_u64(head + 56, mvcc_image_hash(m));
}

struct mvcc_walk *mvcc_walk_new(struct mvcc *m)
{
    struct mvcc_walk *walk = mem_alloc(m->mem, sizeof(*walk));
    *walk = (struct mvcc_walk){.m = m, .left = m->history.count};
    fill_head(m, walk->head);
    mvcc_pin(m);
    return walk;
}

void mvcc_walk_free(struct mvcc_walk *walk)
{
    if (walk != NULL) {
        struct mem *mem = walk->m->mem;
        mvcc_unpin(walk->m);
        mem_free(mem, walk);
    }
}

static size_t record_bytes(const struct record *record)
{
    return (size_t)IMAGE_RECORD_BYTES + record->key->len + record->value_len;
}

static void add_record(const struct record *record, struct buf *out)
{
    uint8_t *to = buf_reserve(out, record_bytes(record));
    store_u32(to, record->key->len);
    store_u32(to + 4, record->value_len);
    store_u64(to + 8, (uint64_t)record->mod);
    store_u64(to + 16, (uint64_t)record->create);
    store_u64(to + 24, (uint64_t)record->version);
    store_u64(to + 32, (uint64_t)record->lease);
    store_u32(to + 40, record->sub);
    memcpy(to + IMAGE_RECORD_BYTES, record->key->bytes, record->key->len);
    memcpy(to + IMAGE_RECORD_BYTES + record->key->len, record->value, record->value_len);
    out->len += record_bytes(record);
}

bool mvcc_walk_next(struct mvcc_walk *walk, size_t bytes_max, struct buf *out)
{
    size_t begin = out->len;
    if (!walk->begun) {
        buf_add(out, walk->head, sizeof(walk->head));
        walk->begun = true;
    }
    while (walk->left > 0) {
        const struct record *record = mvcc_history_get(&walk->m->history, &walk->at);
        ASSERT(record != NULL);
        size_t bytes = out->len - begin;
        if (bytes > 0 && (bytes >= bytes_max || record_bytes(record) > bytes_max - bytes)) {
            break;
        }
        add_record(record, out);
        walk->at.slot++;
        walk->left--;
    }
    return out->len > begin;
}
