/* One request more in the order, and back again. */
#include "base/assert.h"
#include "base/rng.h"
#include "base/sort.h"
#include "box.h"

/* Keys of the fingerprints: two lanes each, of requests in order and of the state. */
#define LANE_OP_A    UINT64_C(0x6C62272E07BB0142)
#define LANE_OP_B    UINT64_C(0x9AE16A3B2F90404F)
#define LANE_STATE_A UINT64_C(0xC2B2AE3D27D4EB4F)
#define LANE_STATE_B UINT64_C(0x165667B19E3779F9)

static void ring_add_last(struct ring *ring, size_t head, size_t op)
{
    ring->prev[op] = ring->prev[head];
    ring->next[op] = head;
    ring->next[ring->prev[head]] = op;
    ring->prev[head] = op;
}

static void ring_leave(struct ring *ring, size_t op)
{
    ring->next[ring->prev[op]] = ring->next[op];
    ring->prev[ring->next[op]] = ring->prev[op];
}

static void ring_return(struct ring *ring, size_t op)
{
    ring->next[ring->prev[op]] = op;
    ring->prev[ring->next[op]] = op;
}

static int compare_returns(const void *a, const void *b, void *ctx)
{
    const struct box_op *ops = ctx;
    size_t x = *(const size_t *)a;
    size_t y = *(const size_t *)b;
    if (ops[x].return_ns != ops[y].return_ns) {
        return ops[x].return_ns < ops[y].return_ns ? -1 : 1;
    }
    return x < y ? -1 : x > y;
}

/* Counts what the request wants and can make: by 1 if it is to come, by -1 once it is in order. */
static void count_in(struct box *box, const struct box_op *op, size_t by)
{
    for (size_t k = op->first; k < op->last; k++) {
        if (op->kind == HISTORY_RANGE) {
            uint32_t want = box->wants[op->wants + k - op->first];
            if (want != PAIR_ANY) {
                box->need[want] += by;
            }
        } else if (op->kind == HISTORY_PUT) {
            box->make[op->pair] += by;
        } else {
            box->make[box->absent[k]] += by;
            box->counts[k] += op->required ? by : 0;
        }
    }
}

void box_begin(struct box *box, size_t from, size_t to)
{
    size_t head = box->count;
    size_t *answered = mem_zalloc(box->mem, to - from + 1, sizeof(*answered));
    size_t count = 0;
    box->calls.prev[head] = box->calls.next[head] = head;
    box->returns.prev[head] = box->returns.next[head] = head;
    for (size_t i = from; i < to; i++) {
        const struct box_op *op = &box->ops[i];
        for (size_t k = op->first; k < op->last; k++) {
            box->state[k] = box->absent[k];
            box->writer[k] = NOBODY;
        }
        count_in(box, op, 1);
        if (!op->serial) {
            ring_add_last(&box->calls, head, i);
        }
        if (op->required) {
            answered[count++] = i;
        }
    }
    sort_stable(answered, count, sizeof(*answered), compare_returns, box->ops, box->mem);
    for (size_t i = 0; i < count; i++) {
        ring_add_last(&box->returns, head, answered[i]);
    }
    mem_free(box->mem, answered);
    box->trail_count = box->trail_answered = box->undo_count = 0;
    box->mark = (struct mark){0, 0};
    for (size_t i = from; i < to; i++) {
        size_t k = box->ops[i].first;
        if (box->ops[i].serial && !box->is_taken[i] &&
            box->wants[box->ops[i].wants] == box->absent[k]) {
            box_take(box, i);
        }
    }
}

bool box_fits(struct box *box, const struct box_op *op)
{
    if (op->kind == HISTORY_PUT || (op->kind == HISTORY_DELETE && !op->required)) {
        return true;
    }
    size_t present = 0;
    for (size_t k = op->first; k < op->last; k++) {
        box->verdict->steps++;
        if (op->kind == HISTORY_DELETE) {
            present += box->state[k] != box->absent[k];
            continue;
        }
        uint32_t want = box->wants[op->wants + k - op->first];
        if (want != PAIR_ANY && want != box->state[k]) {
            return false;
        }
    }
    return op->kind == HISTORY_RANGE || present == op->count;
}

static void mark_state(struct box *box, uint32_t from, uint32_t to)
{
    box->mark.a += rng_hash(LANE_STATE_A, to) - rng_hash(LANE_STATE_A, from);
    box->mark.b += rng_hash(LANE_STATE_B, to) - rng_hash(LANE_STATE_B, from);
}

static void set_key(struct box *box, size_t key, uint32_t pair, size_t writer)
{
    if (box->undo_count == box->undo_cap) {
        box->undo_cap = box->undo_cap == 0 ? 256 : box->undo_cap * 2;
        box->undos = mem_resize(box->mem, box->undos, box->undo_cap * sizeof(*box->undos));
    }
    box->undos[box->undo_count++] = (struct undo){key, box->state[key], box->writer[key]};
    mark_state(box, box->state[key], pair);
    box->state[key] = pair;
    box->writer[key] = writer;
}

/* Serializable reads of one key are in order as soon as what they show is there. */
static void serve_serial(struct box *box, size_t key)
{
    size_t op = box->serial_of[box->state[key]];
    if (op != NOBODY && !box->is_taken[op]) {
        box_take(box, op);
    }
}

void box_take(struct box *box, size_t i)
{
    const struct box_op *op = &box->ops[i];
    ASSERT(!box->is_taken[i]);
    box->is_taken[i] = true;
    box->trail[box->trail_count++] = (struct taken){i, box->undo_count};
    box->trail_answered += op->required;
    box->verdict->steps += 1 + op->last - op->first;
    box->mark.a += rng_hash(LANE_OP_A, i);
    box->mark.b += rng_hash(LANE_OP_B, i);
    if (!op->serial) {
        ring_leave(&box->calls, i);
    }
    if (op->required) {
        ring_leave(&box->returns, i);
    }
    count_in(box, op, SIZE_MAX); /* that is, -1 */
    if (op->kind == HISTORY_RANGE) {
        return;
    }
    for (size_t k = op->first; k < op->last; k++) {
        uint32_t pair = op->kind == HISTORY_PUT ? op->pair : box->absent[k];
        if (op->kind == HISTORY_PUT || pair != box->state[k]) {
            set_key(box, k, pair, i);
        }
    }
    for (size_t k = op->first; k < op->last; k++) {
        serve_serial(box, k);
    }
}

void box_untake(struct box *box, size_t count)
{
    while (box->trail_count > count) {
        const struct taken *last = &box->trail[--box->trail_count];
        const struct box_op *op = &box->ops[last->op];
        while (box->undo_count > last->undos) {
            const struct undo *undo = &box->undos[--box->undo_count];
            mark_state(box, box->state[undo->key], undo->pair);
            box->state[undo->key] = undo->pair;
            box->writer[undo->key] = undo->writer;
        }
        count_in(box, op, 1);
        if (op->required) {
            ring_return(&box->returns, last->op);
        }
        if (!op->serial) {
            ring_return(&box->calls, last->op);
        }
        box->mark.a -= rng_hash(LANE_OP_A, last->op);
        box->mark.b -= rng_hash(LANE_OP_B, last->op);
        box->trail_answered -= op->required;
        box->is_taken[last->op] = false;
    }
}
