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
    uint64_t records_hash; /* sum of mvcc_record_hash over the history */
    uint64_t size;         /* sum of mvcc_record_size over the history */
};

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

#endif
