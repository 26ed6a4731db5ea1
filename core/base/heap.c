#include "base/heap.h"

#include "base/assert.h"

void heap_init(struct heap *h, struct mem *mem)
{
    *h = (struct heap){.mem = mem};
}

void heap_fini(struct heap *h)
{
    mem_free(h->mem, h->items);
    *h = (struct heap){.mem = h->mem};
}

static bool before(const struct heap_item *a, const struct heap_item *b)
{
    return a->key < b->key || (a->key == b->key && a->seq < b->seq);
}

static void place(struct heap *h, size_t at, struct heap_item *item)
{
    h->items[at] = item;
    item->position = at;
}

static void sift_up(struct heap *h, size_t at, struct heap_item *item)
{
    while (at > 1 && before(item, h->items[at / 2])) {
        place(h, at, h->items[at / 2]);
        at /= 2;
    }
    place(h, at, item);
}

static void sift_down(struct heap *h, size_t at, struct heap_item *item)
{
    for (;;) {
        size_t child = at * 2;
        if (child > h->count) {
            break;
        }
        if (child < h->count && before(h->items[child + 1], h->items[child])) {
            child++;
        }
        if (!before(h->items[child], item)) {
            break;
        }
        place(h, at, h->items[child]);
        at = child;
    }
    place(h, at, item);
}

void heap_push(struct heap *h, struct heap_item *item, int64_t key)
{
    ASSERT(item->position == 0);
    if (h->count + 1 >= h->cap) {
        h->cap = h->cap == 0 ? 16 : h->cap * 2;
        h->items = mem_resize(h->mem, h->items, h->cap * sizeof(struct heap_item *));
    }
    item->key = key;
    item->seq = h->seq_next++;
    h->count++;
    sift_up(h, h->count, item);
}

void heap_remove(struct heap *h, struct heap_item *item)
{
    size_t at = item->position;
    if (at == 0) {
        return;
    }
    ASSERT(at <= h->count && h->items[at] == item);
    item->position = 0;
    struct heap_item *last = h->items[h->count--];
    if (last == item) {
        return;
    }
    if (at > 1 && before(last, h->items[at / 2])) {
        sift_up(h, at, last);
    } else {
        sift_down(h, at, last);
    }
}

struct heap_item *heap_min(const struct heap *h)
{
    return h->count == 0 ? NULL : h->items[1];
}

struct heap_item *heap_pop(struct heap *h)
{
    struct heap_item *item = heap_min(h);
    if (item != NULL) {
        heap_remove(h, item);
    }
    return item;
}
