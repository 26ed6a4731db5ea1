/* All records in the order of their revisions, in chunks, so that one more record never moves the
 * others. It owns the records. Watches and snapshots read it by revision.
 */
#ifndef MVCC_HISTORY_H
#define MVCC_HISTORY_H

#include "record.h"

#define HISTORY_CHUNK 1024

struct history {
    struct record ***chunks; /* each of HISTORY_CHUNK records, the last one partly filled */
    size_t chunk_cap;
    size_t count; /* records */
    struct mem *mem;
};

void mvcc_history_init(struct history *h, struct mem *mem);
/* Frees the records too. */
void mvcc_history_fini(struct history *h);
/* Takes the record, which is newer than all others. */
void mvcc_history_push(struct history *h, struct record *record);
/* i < count. */
struct record *mvcc_history_get(const struct history *h, size_t i);

#endif
