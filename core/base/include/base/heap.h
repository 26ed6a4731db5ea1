/* Intrusive priority queue: least key first, equal keys in the order in which they were pushed.
 *
 * Costs are logarithmic in the number of items. The heap owns an array of pointers, nothing more.
 */
#ifndef BASE_HEAP_H
#define BASE_HEAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/mem.h"

struct heap_item {
    int64_t key;
    uint64_t seq;    /* set by heap_push: ties go in this order */
    size_t position; /* 1-based; 0 while in no heap, so zero-initialise */
};

struct heap {
    struct heap_item **items; /* items[1..count] */
    size_t count;
    size_t cap;
    uint64_t seq_next;
    struct mem *mem;
};

void heap_init(struct heap *h, struct mem *mem);
void heap_fini(struct heap *h);
/* The item may not be in a heap. */
void heap_push(struct heap *h, struct heap_item *item, int64_t key);
/* Does nothing if the item is in no heap. */
void heap_remove(struct heap *h, struct heap_item *item);
/* NULL if empty. */
struct heap_item *heap_min(const struct heap *h);
struct heap_item *heap_pop(struct heap *h);
static inline bool heap_has(const struct heap_item *item)
{
    return item->position != 0;
}

#endif
