/* Keys and the records of their revisions. Private to the store.
 *
 * A record is written once and never changes. A tombstone is a record with version 0. A key holds
 * its records oldest first; the first one lies inside the key, because most keys have only one.
 */
#ifndef MVCC_RECORD_H
#define MVCC_RECORD_H

#include "mvcc/mvcc.h"

struct record {
    struct key *key;
    revision_t mod;
    revision_t create; /* 0 for a tombstone */
    int64_t version;   /* 0 for a tombstone */
    int64_t lease;
    uint32_t sub; /* position within the revision */
    uint32_t value_len;
    uint8_t value[];
};

struct key {
    struct record **records;
    struct record *only; /* where `records` points while cap is 1 */
    uint64_t hash;       /* of the bytes */
    uint32_t first;      /* places before it are free: compaction takes the oldest away */
    uint32_t count;
    uint32_t cap;
    uint32_t len;
    bool live; /* the newest record is not a tombstone */
    uint8_t bytes[];
};

/* When a record was written: no two of a store have the same. */
struct stamp {
    revision_t mod;
    uint32_t sub;
};

static inline bool stamp_less(struct stamp a, struct stamp b)
{
    return a.mod < b.mod || (a.mod == b.mod && a.sub < b.sub);
}

static inline bool stamp_same(struct stamp a, struct stamp b)
{
    return a.mod == b.mod && a.sub == b.sub;
}

static inline struct stamp record_stamp(const struct record *record)
{
    return (struct stamp){record->mod, record->sub};
}

struct key *mvcc_key_new(struct mem *mem, struct slice bytes);
/* Frees the key, not its records. */
void mvcc_key_free(struct key *key, struct mem *mem);
/* Takes note of the record, which is newer than all others of this key. */
void mvcc_key_push(struct key *key, struct record *record, struct mem *mem);
/* Takes the oldest record out; the caller frees it. A key without records may not stay. */
void mvcc_key_pop(struct key *key, struct mem *mem);
/* The record that is in force at the revision; NULL if the key does not exist then. */
const struct record *mvcc_key_at(const struct key *key, revision_t revision);

static inline struct slice key_slice(const struct key *key)
{
    return slice_of(key->bytes, key->len);
}

/* i < count; 0 is the oldest. */
static inline struct record *key_record(const struct key *key, uint32_t i)
{
    return key->records[key->first + i];
}

/* NULL if the key does not exist now. */
static inline const struct record *key_now(const struct key *key)
{
    return key->live ? key_record(key, key->count - 1) : NULL;
}

static inline bool record_is_tombstone(const struct record *record)
{
    return record->version == 0;
}

static inline struct slice record_value(const struct record *record)
{
    return slice_of(record->value, record->value_len);
}

struct record *mvcc_record_new(struct mem *mem, struct key *key, struct slice value);
/* A digest of all that the record says, its key included. */
uint64_t mvcc_record_hash(const struct record *record);
/* What the record counts for in mvcc_size. */
uint64_t mvcc_record_size(const struct record *record);

struct mvcc_kv mvcc_record_kv(const struct record *record);

#endif
