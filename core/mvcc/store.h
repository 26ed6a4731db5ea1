/* The store's inside, shared by its files. */
#ifndef MVCC_STORE_H
#define MVCC_STORE_H

#include "history.h"
#include "index.h"

struct mvcc {
    struct mem *mem;
    struct index index;     /* owns the keys */
    struct history history; /* owns the records */
    revision_t revision;
    revision_t compacted;
    uint64_t records_hash; /* sum of mvcc_record_hash over all records ever written */
    uint64_t removed_hash; /* the part of it whose records compaction has removed */
    uint64_t size;         /* sum of mvcc_record_size over the history */
    struct stamp sweep;    /* compaction looks at records from here to the compacted revision next;
                              at its end: (compacted + 1, 0) */
    size_t pins;           /* who reads the history bit by bit; nothing is removed meanwhile */
};

/* The record, which is complete, becomes the newest of its key and of the store. */
void mvcc_store_add(struct mvcc *m, struct record *record);
/* The rules between a record and what the store still holds of its key before it (NULL: nothing).
 * They tell a store from any other heap of records: mvcc_check asserts them, a loader asks. */
bool mvcc_record_follows(const struct mvcc *m, const struct record *record,
                         const struct record *before);

/* One request that writes: everything it writes gets the next revision and sub-revisions from 0.
 * Only if it wrote something does the store's revision move, at the end. */
struct write {
    struct mvcc *m;
    revision_t revision;
    uint32_t sub;
};

struct write mvcc_write_begin(struct mvcc *m);
/* The key at the end of the path, NULL if mvcc_index_find did not find it. */
const struct record *mvcc_write_put(struct write *w, struct index_path *path, struct key *key,
                                    struct slice bytes, struct slice value, int64_t lease);
/* The key must be live. */
void mvcc_write_delete(struct write *w, struct key *key);
void mvcc_write_end(struct write *w);

/* The range that etcd means by (key, range_end); range_end may not be empty. */
struct index_range mvcc_range_of(struct slice key, struct slice range_end);
void mvcc_kvs_add(struct mvcc_kvs *kvs, const struct record *record, struct mem *mem);

/* Of everything that an image says. */
uint64_t mvcc_image_hash(const struct mvcc *m);

/* Compaction spares the history while there is a pin. */
void mvcc_pin(struct mvcc *m);
void mvcc_unpin(struct mvcc *m);

#endif
