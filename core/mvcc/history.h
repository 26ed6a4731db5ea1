/* All records in the order of their revisions, in chunks, so that one more record never moves the
 * others and one less moves at most a chunk. A list of parts says with which revision each chunk
 * begins; neighbours that have become sparse are joined. Walks, compaction and HashKV read it in
 * order; it owns the records that are in it.
 */
#ifndef MVCC_HISTORY_H
#define MVCC_HISTORY_H

#include "record.h"

#define HISTORY_CHUNK 511 /* with its count a chunk has 4096 bytes */

struct history_chunk {
    uint64_t count; /* never 0 between calls */
    struct record *at[HISTORY_CHUNK];
};

struct history_part {
    struct stamp first;
    struct history_chunk *chunk;
};

struct history {
    struct history_part *parts;
    size_t part_count;
    size_t part_cap;
    uint64_t count; /* records */
    struct mem *mem;
};

/* A place in the history. A push leaves all of them valid; a removal only the one it is told. */
struct history_at {
    size_t part;
    size_t slot; /* may be the chunk's count: the next one is in the next part */
};

void mvcc_history_init(struct history *h, struct mem *mem);
/* Frees some of the newest records and says how many; 0: there is nothing left. For an end bit by
 * bit; between two calls nothing else may be asked. */
size_t mvcc_history_shed(struct history *h);
/* Takes the record, which is newer than all others. */
void mvcc_history_push(struct history *h, struct record *record);
/* The place of the first record that is not older than the stamp. O(log n). */
struct history_at mvcc_history_from(const struct history *h, struct stamp stamp);
/* The record at the place; NULL at the end. */
struct record *mvcc_history_get(const struct history *h, struct history_at *at);
/* Gives the record back, which is in the history. `at` goes on meaning the record that it means or,
 * if that is the one, the next. */
void mvcc_history_remove(struct history *h, const struct record *record, struct history_at *at);
/* Asserts order and counts. */
void mvcc_history_check(const struct history *h);

#endif
