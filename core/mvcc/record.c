#include "record.h"

#include "base/assert.h"
#include "base/hash.h"

/* What a record costs besides its bytes, in mvcc_size: a stand-in for etcd's page and key
 * overhead, fixed so that the size is a function of the log. */
#define RECORD_OVERHEAD 64

struct key *mvcc_key_new(struct mem *mem, struct slice bytes)
{
    ASSERT(bytes.len > 0);
    ASSERT(bytes.len <= UINT32_MAX);
    struct key *key = mem_alloc(mem, sizeof(*key) + bytes.len);
    *key = (struct key){.cap = 1, .len = (uint32_t)bytes.len};
    key->records = &key->only;
    key->hash = hash64(bytes.ptr, bytes.len, 0);
    memcpy(key->bytes, bytes.ptr, bytes.len);
    return key;
}

void mvcc_key_free(struct key *key, struct mem *mem)
{
    if (key->records != &key->only) {
        mem_free(mem, key->records);
    }
    mem_free(mem, key);
}

/* Gives the array this many places, at least the number of records, which move to its beginning. */
static void set_cap(struct key *key, uint32_t cap, struct mem *mem)
{
    struct record **records = &key->only;
    ASSERT(cap >= key->count);
    if (cap > 1) {
        records = mem_alloc(mem, cap * sizeof(struct record *));
    }
    memcpy(records, &key->records[key->first], key->count * sizeof(struct record *));
    if (key->records != &key->only) {
        mem_free(mem, key->records);
    }
    key->records = records;
    key->first = 0;
    key->cap = cap;
}

void mvcc_key_push(struct key *key, struct record *record, struct mem *mem)
{
    ASSERT(record->key == key);
    if (key->count > 0) {
        ASSERT(stamp_less(record_stamp(key_record(key, key->count - 1)), record_stamp(record)));
    }
    if (key->first + key->count == key->cap) {
        if (key->first >= key->cap / 2 && key->first > 0) {
            memmove(key->records, &key->records[key->first], key->count * sizeof(struct record *));
            key->first = 0;
        } else {
            ASSERT(key->cap <= UINT32_MAX / 2);
            set_cap(key, key->cap * 2, mem);
        }
    }
    key->records[key->first + key->count++] = record;
    key->live = !record_is_tombstone(record);
}

void mvcc_key_pop(struct key *key, struct mem *mem)
{
    ASSERT(key->count > 0);
    key->first++;
    key->count--;
    if (key->count == 0) {
        key->first = 0;
    } else if (key->count == 1 || key->count < key->cap / 4) {
        set_cap(key, key->count == 1 ? 1 : key->cap / 2, mem);
    }
}

const struct record *mvcc_key_at(const struct key *key, revision_t revision)
{
    /* The last record with mod <= revision: of several in one revision, the last one counts. */
    uint32_t low = 0;
    uint32_t high = key->count;
    while (low < high) {
        uint32_t mid = low + (high - low) / 2;
        if (key_record(key, mid)->mod <= revision) {
            low = mid + 1;
        } else {
            high = mid;
        }
    }
    if (low == 0 || record_is_tombstone(key_record(key, low - 1))) {
        return NULL;
    }
    return key_record(key, low - 1);
}

struct record *mvcc_record_new(struct mem *mem, struct key *key, struct slice value)
{
    ASSERT(value.len <= UINT32_MAX);
    struct record *record = mem_alloc(mem, sizeof(*record) + value.len);
    *record = (struct record){.key = key, .value_len = (uint32_t)value.len};
    if (value.len > 0) {
        memcpy(record->value, value.ptr, value.len);
    }
    return record;
}

uint64_t mvcc_record_hash(const struct record *record)
{
    uint64_t h = hash64_mix(record->key->hash, (uint64_t)record->mod);
    h = hash64_mix(h, record->sub);
    h = hash64_mix(h, (uint64_t)record->create);
    h = hash64_mix(h, (uint64_t)record->version);
    h = hash64_mix(h, (uint64_t)record->lease);
    return hash64(record->value, record->value_len, h);
}

uint64_t mvcc_record_size(const struct record *record)
{
    return RECORD_OVERHEAD + (uint64_t)record->key->len + record->value_len;
}

struct mvcc_kv mvcc_record_kv(const struct record *record)
{
    return (struct mvcc_kv){.key = key_slice(record->key),
                            .value = record_value(record),
                            .create_revision = record->create,
                            .mod_revision = record->mod,
                            .version = record->version,
                            .lease = record->lease};
}
