/* etcd's HashKV, computed from our records as etcd computes it from its database: CRC-32C over the
 * name of the bucket and then, in the order of revisions, the bucket's keys and values.
 *
 *   key     revision 8, '_', sub-revision 8, both big endian; a tombstone's has a 't' behind
 *   value   mvccpb.KeyValue in protobuf: key 1, create_revision 2, mod_revision 3, version 4,
 *           value 5, lease 6, what is zero left out; a tombstone's has its key only
 *
 * What is at or below the compacted revision may or may not be removed yet, so etcd counts of it
 * only what is in force at the asked revision (mvcc/kvstore.go, HashByRev; mvcc/index.go, Keep) -
 * unless nothing at all is in force then: its set of revisions to keep is empty, and an empty set
 * it takes for none. Then everything counts that its compaction leaves. Which of the two it is
 * turns out on the way, so both are computed until it does.
 */
#include "base/assert.h"
#include "base/hash.h"

#include "store.h"

struct mvcc_hashkv {
    struct mvcc *m;
    struct history_at at;
    revision_t revision; /* asked for */
    struct mvcc_hashkv_result result;
    bool in_force;  /* something is, at that revision */
    uint32_t whole; /* the hash if nothing is; not continued once something is */
};

/* Small pieces of one record; values and keys are hashed where they lie. */
struct piece {
    uint8_t bytes[64];
    size_t len;
};

int mvcc_hashkv_new(struct mvcc *m, revision_t revision, struct mvcc_hashkv **hashkv)
{
    if (revision > 0 && revision <= m->compacted) {
        return ERR_ETCD_COMPACTED;
    }
    if (revision > m->revision) {
        return ERR_ETCD_FUTURE_REV;
    }
    struct mvcc_hashkv *h = mem_alloc(m->mem, sizeof(*h));
    uint32_t begin = crc32c(0, "key", 3);
    *h = (struct mvcc_hashkv){
        .m = m,
        .revision = revision != 0 ? revision : m->revision,
        .result = {.hash = begin, .revision = m->revision, .compacted = m->compacted},
        .whole = begin};
    mvcc_pin(m);
    *hashkv = h;
    return 0;
}

void mvcc_hashkv_free(struct mvcc_hashkv *h)
{
    if (h != NULL) {
        struct mem *mem = h->m->mem;
        mvcc_unpin(h->m);
        mem_free(mem, h);
    }
}

static void add_big_endian(struct piece *p, uint64_t v)
{
    for (int shift = 56; shift >= 0; shift -= 8) {
        p->bytes[p->len++] = (uint8_t)(v >> shift);
    }
}

static void add_varint(struct piece *p, uint64_t v)
{
    while (v >= 0x80) {
        p->bytes[p->len++] = (uint8_t)(v | 0x80);
        v >>= 7;
    }
    p->bytes[p->len++] = (uint8_t)v;
}

static void add_field(struct piece *p, uint8_t tag, uint64_t v)
{
    if (v != 0) {
        p->bytes[p->len++] = tag;
        add_varint(p, v);
    }
}

static uint32_t add_piece(uint32_t crc, struct piece *p)
{
    ASSERT(p->len <= sizeof(p->bytes));
    crc = crc32c(crc, p->bytes, p->len);
    p->len = 0;
    return crc;
}

static uint32_t add_record(uint32_t crc, const struct record *record)
{
    struct piece p = {.len = 0};
    add_big_endian(&p, (uint64_t)record->mod);
    p.bytes[p.len++] = '_';
    add_big_endian(&p, record->sub);
    if (record_is_tombstone(record)) {
        p.bytes[p.len++] = 't';
    }
    add_field(&p, 1 << 3 | 2, record->key->len);
    crc = add_piece(crc, &p);
    crc = crc32c(crc, record->key->bytes, record->key->len);
    if (record_is_tombstone(record)) {
        return crc;
    }
    add_field(&p, 2 << 3, (uint64_t)record->create);
    add_field(&p, 3 << 3, (uint64_t)record->mod);
    add_field(&p, 4 << 3, (uint64_t)record->version);
    add_field(&p, 5 << 3 | 2, record->value_len);
    crc = add_piece(crc, &p);
    crc = crc32c(crc, record->value, record->value_len);
    add_field(&p, 6 << 3, (uint64_t)record->lease);
    return add_piece(crc, &p);
}

static void visit(struct mvcc_hashkv *h, const struct record *record)
{
    bool in_force = mvcc_key_at(record->key, h->revision) == record;
    bool compacted = record->mod <= h->result.compacted;
    if (!h->in_force && (!compacted || mvcc_key_at(record->key, h->result.compacted) == record)) {
        h->whole = add_record(h->whole, record);
    }
    h->in_force = h->in_force || in_force;
    if (!compacted || in_force) {
        h->result.hash = add_record(h->result.hash, record);
    }
}

bool mvcc_hashkv_step(struct mvcc_hashkv *h, size_t bytes)
{
    uint64_t done = 0;
    while (done < bytes) {
        const struct record *record = mvcc_history_get(&h->m->history, &h->at);
        if (record == NULL || record->mod > h->revision) {
            return false;
        }
        visit(h, record);
        done += mvcc_record_size(record);
        h->at.slot++;
    }
    return true;
}

struct mvcc_hashkv_result mvcc_hashkv_result(const struct mvcc_hashkv *h)
{
    struct mvcc_hashkv_result result = h->result;
    if (!h->in_force) {
        result.hash = h->whole;
    }
    return result;
}
