#include "history.h"

#include "base/assert.h"

void mvcc_history_init(struct history *h, struct mem *mem)
{
    *h = (struct history){.mem = mem};
}

void mvcc_history_fini(struct history *h)
{
    for (size_t i = 0; i < h->count; i++) {
        mem_free(h->mem, mvcc_history_get(h, i));
    }
    for (size_t i = 0; i < h->count; i += HISTORY_CHUNK) {
        mem_free(h->mem, h->chunks[i / HISTORY_CHUNK]);
    }
    mem_free(h->mem, h->chunks);
    *h = (struct history){.mem = h->mem};
}

struct record *mvcc_history_get(const struct history *h, size_t i)
{
    ASSERT(i < h->count);
    return h->chunks[i / HISTORY_CHUNK][i % HISTORY_CHUNK];
}

void mvcc_history_push(struct history *h, struct record *record)
{
    if (h->count > 0) {
        const struct record *last = mvcc_history_get(h, h->count - 1);
        ASSERT(record->mod > last->mod || (record->mod == last->mod && record->sub > last->sub));
    }
    size_t chunk = h->count / HISTORY_CHUNK;
    if (h->count % HISTORY_CHUNK == 0) {
        if (chunk == h->chunk_cap) {
            h->chunk_cap = h->chunk_cap == 0 ? 8 : h->chunk_cap * 2;
            h->chunks = mem_resize(h->mem, h->chunks, h->chunk_cap * sizeof(*h->chunks));
        }
        h->chunks[chunk] = mem_alloc(h->mem, HISTORY_CHUNK * sizeof(struct record *));
    }
    h->chunks[chunk][h->count % HISTORY_CHUNK] = record;
    h->count++;
}
