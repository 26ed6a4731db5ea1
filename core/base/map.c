#include "base/map.h"

#include "base/assert.h"
#include "base/rng.h"

/* Linear probing; removal moves followers back, so that no tombstones are left. */

void map_init(struct map *m, struct mem *mem)
{
    *m = (struct map){.mem = mem};
}

void map_fini(struct map *m)
{
    mem_free(m->mem, m->slots);
    *m = (struct map){.mem = m->mem};
}

static size_t home_of(const struct map *m, uint64_t key)
{
    return (size_t)rng_hash(0, key) & (m->cap - 1);
}

/* The slot that holds the key, or the empty one where it belongs. */
static size_t find(const struct map *m, uint64_t key)
{
    size_t at = home_of(m, key);
    while (m->slots[at].value != NULL && m->slots[at].key != key) {
        at = (at + 1) & (m->cap - 1);
    }
    return at;
}

void *map_get(const struct map *m, uint64_t key)
{
    return m->count == 0 ? NULL : m->slots[find(m, key)].value;
}

static void grow(struct map *m)
{
    struct map bigger = {.cap = m->cap == 0 ? 16 : m->cap * 2, .count = m->count, .mem = m->mem};
    bigger.slots = mem_zalloc(m->mem, bigger.cap, sizeof(*bigger.slots));
    for (size_t i = 0; i < m->cap; i++) {
        if (m->slots[i].value != NULL) {
            bigger.slots[find(&bigger, m->slots[i].key)] = m->slots[i];
        }
    }
    mem_free(m->mem, m->slots);
    *m = bigger;
}

void *map_put(struct map *m, uint64_t key, void *value)
{
    ASSERT(value != NULL);
    if (m->count * 4 >= m->cap * 3) {
        grow(m);
    }
    struct map_slot *slot = &m->slots[find(m, key)];
    void *before = slot->value;
    m->count += before == NULL;
    *slot = (struct map_slot){key, value};
    return before;
}

void *map_remove(struct map *m, uint64_t key)
{
    if (m->count == 0) {
        return NULL;
    }
    size_t hole = find(m, key);
    void *before = m->slots[hole].value;
    if (before == NULL) {
        return NULL;
    }
    size_t mask = m->cap - 1;
    for (size_t at = (hole + 1) & mask; m->slots[at].value != NULL; at = (at + 1) & mask) {
        size_t home = home_of(m, m->slots[at].key);
        /* Move it back only if its home does not lie cyclically behind the hole. */
        if (((at - home) & mask) >= ((at - hole) & mask)) {
            m->slots[hole] = m->slots[at];
            hole = at;
        }
    }
    m->slots[hole].value = NULL;
    m->count--;
    return before;
}
