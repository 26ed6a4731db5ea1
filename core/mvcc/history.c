#include "history.h"

#include "base/assert.h"

void mvcc_history_init(struct history *h, struct mem *mem)
{
    *h = (struct history){.mem = mem};
}

size_t mvcc_history_shed(struct history *h)
{
    if (h->part_count == 0) {
        mem_free(h->mem, h->parts);
        *h = (struct history){.mem = h->mem};
        return 0;
    }
    struct history_chunk *chunk = h->parts[--h->part_count].chunk;
    size_t shed = chunk->count;
    for (size_t i = 0; i < shed; i++) {
        mem_free(h->mem, chunk->at[i]);
    }
    mem_free(h->mem, chunk);
    return shed;
}

static struct history_chunk *add_part(struct history *h, struct stamp first)
{
    if (h->part_count == h->part_cap) {
        h->part_cap = h->part_cap == 0 ? 8 : h->part_cap * 2;
        h->parts = mem_resize(h->mem, h->parts, h->part_cap * sizeof(*h->parts));
    }
    struct history_chunk *chunk = mem_alloc(h->mem, sizeof(*chunk));
    chunk->count = 0;
    h->parts[h->part_count++] = (struct history_part){first, chunk};
    return chunk;
}

void mvcc_history_push(struct history *h, struct record *record)
{
    struct history_chunk *chunk = NULL;
    if (h->part_count > 0) {
        chunk = h->parts[h->part_count - 1].chunk;
        ASSERT(stamp_less(record_stamp(chunk->at[chunk->count - 1]), record_stamp(record)));
    }
    if (chunk == NULL || chunk->count == HISTORY_CHUNK) {
        chunk = add_part(h, record_stamp(record));
    }
    chunk->at[chunk->count++] = record;
    h->count++;
}

struct history_at mvcc_history_from(const struct history *h, struct stamp stamp)
{
    /* The last part that does not begin behind the stamp, then the place within it. */
    size_t low = 0;
    size_t high = h->part_count;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (stamp_less(stamp, h->parts[mid].first)) {
            high = mid;
        } else {
            low = mid + 1;
        }
    }
    if (low == 0) {
        return (struct history_at){0, 0};
    }
    const struct history_chunk *chunk = h->parts[low - 1].chunk;
    size_t begin = 0;
    size_t end = chunk->count;
    while (begin < end) {
        size_t mid = begin + (end - begin) / 2;
        if (stamp_less(record_stamp(chunk->at[mid]), stamp)) {
            begin = mid + 1;
        } else {
            end = mid;
        }
    }
    return (struct history_at){low - 1, begin};
}

struct record *mvcc_history_get(const struct history *h, struct history_at *at)
{
    if (at->part < h->part_count && at->slot == h->parts[at->part].chunk->count &&
        at->part + 1 < h->part_count) {
        *at = (struct history_at){at->part + 1, 0};
    }
    if (at->part == h->part_count || at->slot == h->parts[at->part].chunk->count) {
        return NULL;
    }
    return h->parts[at->part].chunk->at[at->slot];
}

static void drop_part(struct history *h, size_t part)
{
    mem_free(h->mem, h->parts[part].chunk);
    h->part_count--;
    memmove(&h->parts[part], &h->parts[part + 1], (h->part_count - part) * sizeof(*h->parts));
}

/* Joins the part with the one behind it if together they fill no more than half a chunk, so that
 * the next removals do not have to part them again. */
static bool join(struct history *h, size_t part, struct history_at *at)
{
    struct history_chunk *left = h->parts[part].chunk;
    const struct history_chunk *right = h->parts[part + 1].chunk;
    if (left->count + right->count > HISTORY_CHUNK / 2) {
        return false;
    }
    memcpy(&left->at[left->count], right->at, right->count * sizeof(left->at[0]));
    if (at->part == part + 1) {
        *at = (struct history_at){part, at->slot + left->count};
    } else if (at->part > part + 1) {
        at->part--;
    }
    left->count += right->count;
    drop_part(h, part + 1);
    return true;
}

void mvcc_history_remove(struct history *h, const struct record *record, struct history_at *at)
{
    struct history_at place = mvcc_history_from(h, record_stamp(record));
    ASSERT(mvcc_history_get(h, &place) == record);
    struct history_part *part = &h->parts[place.part];
    struct history_chunk *chunk = part->chunk;
    chunk->count--;
    h->count--;
    memmove(&chunk->at[place.slot], &chunk->at[place.slot + 1],
            (chunk->count - place.slot) * sizeof(chunk->at[0]));
    if (at->part == place.part && at->slot > place.slot) {
        at->slot--;
    }
    if (chunk->count == 0) {
        drop_part(h, place.part);
        at->part -= at->part > place.part;
        return;
    }
    part->first = record_stamp(chunk->at[0]);
    bool joined = place.part > 0 && join(h, place.part - 1, at);
    if (!joined && place.part + 1 < h->part_count) {
        (void)join(h, place.part, at);
    }
}

void mvcc_history_check(const struct history *h)
{
    uint64_t count = 0;
    const struct record *before = NULL;
    ASSERT(h->part_count <= h->part_cap);
    for (size_t i = 0; i < h->part_count; i++) {
        const struct history_chunk *chunk = h->parts[i].chunk;
        ASSERT(chunk->count > 0);
        ASSERT(chunk->count <= HISTORY_CHUNK);
        ASSERT(stamp_same(h->parts[i].first, record_stamp(chunk->at[0])));
        for (size_t j = 0; j < chunk->count; j++) {
            ASSERT(before == NULL || stamp_less(record_stamp(before), record_stamp(chunk->at[j])));
            before = chunk->at[j];
        }
        count += chunk->count;
    }
    ASSERT(count == h->count);
}
