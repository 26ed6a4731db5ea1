#include "base/sort.h"

#include <stdint.h>
#include <string.h>

struct sorter {
    size_t size;
    int (*compare)(const void *a, const void *b, void *ctx);
    void *ctx;
    uint8_t *spare; /* room for the left half */
};

static void insertion(const struct sorter *s, uint8_t *base, size_t count)
{
    for (size_t i = 1; i < count; i++) {
        size_t j = i;
        memcpy(s->spare, base + i * s->size, s->size);
        while (j > 0 && s->compare(base + (j - 1) * s->size, s->spare, s->ctx) > 0) {
            memcpy(base + j * s->size, base + (j - 1) * s->size, s->size);
            j--;
        }
        memcpy(base + j * s->size, s->spare, s->size);
    }
}

static void sort(const struct sorter *s, uint8_t *base, size_t count)
{
    if (count <= 8) {
        insertion(s, base, count);
        return;
    }
    size_t left = count / 2;
    uint8_t *right_at = base + left * s->size;
    uint8_t *end = base + count * s->size;
    sort(s, base, left);
    sort(s, right_at, count - left);
    memcpy(s->spare, base, left * s->size);
    uint8_t *left_at = s->spare;
    uint8_t *left_end = s->spare + left * s->size;
    uint8_t *to = base;
    while (left_at < left_end && right_at < end) {
        if (s->compare(left_at, right_at, s->ctx) <= 0) {
            memcpy(to, left_at, s->size);
            left_at += s->size;
        } else {
            memcpy(to, right_at, s->size);
            right_at += s->size;
        }
        to += s->size;
    }
    memcpy(to, left_at, (size_t)(left_end - left_at));
}

void sort_stable(void *base, size_t count, size_t size,
                 int (*compare)(const void *a, const void *b, void *ctx), void *ctx,
                 struct mem *mem)
{
    if (count < 2) {
        return;
    }
    struct sorter s = {size, compare, ctx, mem_alloc(mem, (count / 2 + 1) * size)};
    sort(&s, base, count);
    mem_free(mem, s.spare);
}
