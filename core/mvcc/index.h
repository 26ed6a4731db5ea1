/* The keys in the order of their bytes: a B+ tree that also counts.
 *
 * Every node knows how many live keys lie below it (keys that exist at the newest revision), so
 * that counting a range, and skipping what is deleted, costs a search. To keep a search out of the
 * keys' own memory a node stores, of each of its keys, the 8 bytes behind what all of them have in
 * common; only ties look at the key itself.
 *
 * A node that a removal leaves sparse joins its neighbour, so that two neighbours together are more
 * than three quarters of a node. It owns the keys, not their records.
 */
#ifndef MVCC_INDEX_H
#define MVCC_INDEX_H

#include "record.h"

#define INDEX_FAN       32
#define INDEX_DEPTH_MAX 16 /* half-filled nodes hold 16^16 keys at this depth */

struct index_node {
    uint32_t count;
    bool leaf;
    uint32_t skip; /* all keys here agree in their first `skip` bytes */
    int64_t live;
    uint64_t head[INDEX_FAN];   /* bytes [skip, skip + 8) of low[i], big endian, zeros behind */
    struct key *low[INDEX_FAN]; /* leaf: the keys; inner: the smallest key below child[i] */
    struct index_node *child[]; /* inner nodes only */
};

struct index {
    struct index_node *root;
    size_t count;
    struct mem *mem;
};

/* Where a search went: node[0] is the root, at[] the child taken, in the leaf the number of keys
 * that are not greater. Valid until the next insertion or removal. */
struct index_path {
    int depth;
    struct index_node *node[INDEX_DEPTH_MAX];
    uint32_t at[INDEX_DEPTH_MAX];
};

void mvcc_index_init(struct index *index, struct mem *mem);
/* Frees some of the greatest keys and says how many; 0: there is nothing left. For an end bit by
 * bit; between two calls nothing else may be asked. */
size_t mvcc_index_shed(struct index *index);
/* NULL if there is no such key. Fills the path in either case; path may be NULL. */
struct key *mvcc_index_find(const struct index *index, struct slice bytes, struct index_path *path);
/* Takes a key that mvcc_index_find, having filled the path, did not find. It counts as live at
 * once. */
void mvcc_index_insert(struct index *index, struct index_path *path, struct key *key);
/* Takes the key at the path's end out, which is dead; the caller frees it. Ends the path. */
void mvcc_index_remove(struct index *index, const struct index_path *path);
/* The key at the path's end came to life (+1) or died (-1). */
void mvcc_index_count(const struct index_path *path, int delta);

/* Keys >= from and, if bounded, < to. */
struct index_range {
    struct slice from;
    struct slice to;
    bool bounded;
};

/* How many of the range's keys are live. O(log n). */
int64_t mvcc_index_live(const struct index *index, const struct index_range *range);
/* Calls visit for the keys of the range in ascending or descending order until it returns false.
 * With live_only it passes over dead keys, and over whole nodes of them at once. */
void mvcc_index_visit(const struct index *index, const struct index_range *range, bool descending,
                      bool live_only, bool (*visit)(struct key *key, void *ctx), void *ctx);
/* Asserts order, counts and prefixes of the whole tree. */
void mvcc_index_check(const struct index *index);

#endif
