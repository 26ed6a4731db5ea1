/* Hash map from 64-bit keys to pointers. It cannot be iterated, on purpose: an order that depends
 * on hashing must not reach a decision. Keep a list beside it where order is needed.
 */
#ifndef BASE_MAP_H
#define BASE_MAP_H

#include <stddef.h>
#include <stdint.h>

#include "base/mem.h"

struct map_slot {
    uint64_t key;
    void *value; /* NULL: empty */
};

struct map {
    struct map_slot *slots;
    size_t cap; /* power of two, or 0 */
    size_t count;
    struct mem *mem;
};

void map_init(struct map *m, struct mem *mem);
void map_fini(struct map *m);
/* NULL if absent. */
void *map_get(const struct map *m, uint64_t key);
/* Replaces; value may not be NULL. Returns the value before, or NULL. */
void *map_put(struct map *m, uint64_t key, void *value);
/* Returns the removed value, or NULL. */
void *map_remove(struct map *m, uint64_t key);

#endif
