/* A history as the black box sees it: keys, values and requests by number, grouped by keys. */
#include "base/assert.h"
#include "base/fmt.h"
#include "base/sort.h"
#include "box.h"

/* Which pairs there are. */

struct pair {
    size_t key;
    bool present;
    struct slice value;
};

static int compare_pairs(const void *a, const void *b, void *ctx)
{
    const struct pair *x = a;
    const struct pair *y = b;
    (void)ctx;
    if (x->key != y->key) {
        return x->key < y->key ? -1 : 1;
    }
    if (x->present != y->present) {
        return (int)x->present - (int)y->present;
    }
    return slice_cmp(x->value, y->value);
}

static void collect_pairs(struct box *box, struct pair **pairs)
{
    const struct history *h = box->j.h;
    size_t most = box->j.key_count;
    for (size_t i = 0; i < h->count; i++) {
        most += 1 + (h->ops[i].kvs == NULL ? 0 : h->ops[i].count);
    }
    struct pair *all = mem_zalloc(box->mem, most + 1, sizeof(*all));
    size_t count = 0;
    for (size_t k = 0; k < box->j.key_count; k++) {
        all[count++] = (struct pair){.key = k};
    }
    for (size_t i = 0; i < h->count; i++) {
        const struct history_op *op = &h->ops[i];
        if (op->kind == HISTORY_PUT) {
            all[count++] = (struct pair){key_place(&box->j, op->key), true, op->value};
        }
        for (size_t k = 0; op->kvs != NULL && k < op->count; k++) {
            all[count++] =
                (struct pair){key_place(&box->j, op->kvs[k].key), true, op->kvs[k].value};
        }
    }
    sort_stable(all, count, sizeof(*all), compare_pairs, NULL, box->mem);
    for (size_t i = 0; i < count; i++) {
        if (i == 0 || compare_pairs(&all[i], &all[box->pair_count - 1], NULL) != 0) {
            all[box->pair_count++] = all[i];
        }
    }
    ASSERT(box->pair_count < PAIR_ANY);
    box->values = mem_zalloc(box->mem, box->pair_count + 1, sizeof(*box->values));
    box->pair_keys = mem_zalloc(box->mem, box->pair_count + 1, sizeof(*box->pair_keys));
    box->absent = mem_zalloc(box->mem, box->j.key_count + 1, sizeof(*box->absent));
    for (size_t i = 0; i < box->pair_count; i++) {
        box->values[i] = all[i].value;
        box->pair_keys[i] = all[i].key;
        if (!all[i].present) {
            box->absent[all[i].key] = (uint32_t)i;
        }
    }
    *pairs = all;
}

static uint32_t pair_of(const struct box *box, const struct pair *pairs, size_t key,
                        struct slice value)
{
    const struct pair wanted = {key, true, value};
    size_t low = 0;
    size_t high = box->pair_count;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (compare_pairs(&pairs[mid], &wanted, NULL) < 0) {
            low = mid + 1;
        } else {
            high = mid;
        }
    }
    return (uint32_t)low;
}

/* Requests. */

static bool reject(struct box *box, const struct history_op *op, const char *why)
{
    struct buf text;
    buf_init(&text, box->mem);
    buf_add_str(&text, why);
    history_write_op(&text, op);
    box->verdict->shown[box->verdict->shown_count++] = (size_t)(op - box->j.h->ops);
    box->verdict->result = BOX_REJECTS;
    fmt(box->verdict->text, sizeof(box->verdict->text), "%s", buf_cstr(&text));
    buf_fini(&text);
    return false;
}

/* Whether the answer is one at all: keys of the range, ascending. */
static bool is_well_formed(const struct history_op *op)
{
    for (size_t k = 0; k < op->count; k++) {
        if (!op_covers(op, op->kvs[k].key) ||
            (k > 0 && slice_cmp(op->kvs[k - 1].key, op->kvs[k].key) >= 0)) {
            return false;
        }
    }
    return true;
}

/* What the read shows of each key. A partial one speaks of the keys that it shows. */
static bool add_wants(struct box *box, const struct pair *pairs, const struct history_op *op,
                      struct box_op *b)
{
    if (op->partial) {
        b->first = op->count == 0 ? 0 : key_place(&box->j, op->kvs[0].key);
        b->last = op->count == 0 ? 0 : key_place(&box->j, op->kvs[op->count - 1].key) + 1;
    }
    size_t keys = b->last - b->first;
    if (keys > box->limits.wants - box->want_count) {
        box->verdict->result = BOX_UNDECIDED;
        fmt(box->verdict->text, sizeof(box->verdict->text),
            "the reads speak of more than %zu keys together", box->limits.wants);
        return false;
    }
    b->wants = box->want_count;
    size_t shown = 0;
    for (size_t k = b->first; k < b->last; k++) {
        uint32_t want = op->partial ? PAIR_ANY : box->absent[k];
        if (shown < op->count && slice_eq(op->kvs[shown].key, box->j.keys[k])) {
            want = pair_of(box, pairs, k, op->kvs[shown++].value);
        }
        box->wants[box->want_count++] = want;
    }
    return true;
}

static bool add_op(struct box *box, const struct pair *pairs, size_t number)
{
    const struct history_op *op = &box->j.h->ops[number];
    struct box_op b = {.number = number,
                       .kind = op->kind,
                       .required = op->outcome == HISTORY_OK,
                       .count = op->count,
                       .call_ns = op->call_ns,
                       .return_ns = op->outcome == HISTORY_OK ? op->return_ns : INT64_MAX};
    if (op->outcome == HISTORY_REFUSED || (op->kind == HISTORY_RANGE && !b.required)) {
        return true;
    }
    if (op->kind == HISTORY_RANGE && !is_well_formed(op)) {
        return reject(box, op, "a read shows keys outside of its range, twice or out of order");
    }
    key_range(&box->j, op, &b.first, &b.last);
    if (op->kind == HISTORY_PUT) {
        b.last = b.first + 1;
        b.pair = pair_of(box, pairs, b.first, op->value);
    }
    if (op->kind == HISTORY_RANGE) {
        if (!add_wants(box, pairs, op, &b)) {
            return false;
        }
        b.call_ns = op->serializable ? INT64_MIN : op->call_ns;
        b.serial = op->serializable && b.last == b.first + 1;
    }
    if (b.first == b.last) {
        return op->kind != HISTORY_DELETE || !b.required || op->count == 0 ||
               reject(box, op, "a delete counts keys where nobody wrote any");
    }
    box->ops[box->count++] = b;
    return true;
}

/* Groups: keys that a request speaks of together. Each request's keys are neighbours, so groups are
 * too. */
static void find_parts(struct box *box)
{
    size_t keys = box->j.key_count;
    size_t *part = mem_zalloc(box->mem, keys + 1, sizeof(*part));
    size_t *reach = mem_zalloc(box->mem, keys + 1, sizeof(*reach)); /* one past the last joined */
    for (size_t i = 0; i < box->count; i++) {
        const struct box_op *op = &box->ops[i];
        reach[op->first] = reach[op->first] < op->last ? op->last : reach[op->first];
    }
    size_t end = 0;
    for (size_t k = 0; k < keys; k++) {
        part[k] = k < end ? part[k - 1] : k;
        end = reach[k] > end ? reach[k] : end;
    }
    for (size_t i = 0; i < box->count; i++) {
        box->ops[i].part = part[box->ops[i].first];
    }
    mem_free(box->mem, part);
    mem_free(box->mem, reach);
}

static int compare_ops(const void *a, const void *b, void *ctx)
{
    const struct box_op *x = a;
    const struct box_op *y = b;
    (void)ctx;
    if (x->part != y->part) {
        return x->part < y->part ? -1 : 1;
    }
    if (x->call_ns != y->call_ns) {
        return x->call_ns < y->call_ns ? -1 : 1;
    }
    return x->number < y->number ? -1 : x->number > y->number;
}

/* Of the serializable reads that show one pair, only the first answer matters: once the pair was
 * there, it was there for the later ones too. */
static void merge_serial(struct box *box)
{
    size_t kept = 0;
    for (size_t i = 0; i < box->count; i++) {
        struct box_op *op = &box->ops[i];
        if (!op->serial) {
            box->ops[kept++] = *op;
            continue;
        }
        size_t *known = &box->serial_of[box->wants[op->wants]];
        if (*known == NOBODY) {
            *known = kept;
            box->ops[kept++] = *op;
        } else if (op->return_ns < box->ops[*known].return_ns) {
            size_t part = box->ops[*known].part;
            box->ops[*known] = *op;
            box->ops[*known].part = part;
        }
    }
    box->count = kept;
}

bool box_build(struct box *box)
{
    struct pair *pairs;
    size_t n = box->j.h->count + 1;
    collect_keys(&box->j);
    collect_pairs(box, &pairs);
    size_t wants = 0;
    for (size_t i = 0; i + 1 < n && wants <= box->limits.wants; i++) {
        size_t first;
        size_t last;
        key_range(&box->j, &box->j.h->ops[i], &first, &last);
        wants += box->j.h->ops[i].kind == HISTORY_RANGE ? last - first : 0;
    }
    wants = wants < box->limits.wants ? wants : box->limits.wants;
    box->wants = mem_zalloc(box->mem, wants + 1, sizeof(*box->wants));
    box->ops = mem_zalloc(box->mem, n, sizeof(*box->ops));
    bool good = true;
    for (size_t i = 0; i + 1 < n && good; i++) {
        good = add_op(box, pairs, i);
    }
    mem_free(box->mem, pairs);
    if (!good) {
        return false;
    }
    size_t keys = box->j.key_count + 1;
    size_t pair_room = box->pair_count + 1;
    box->serial_of = mem_alloc(box->mem, pair_room * sizeof(*box->serial_of));
    for (size_t i = 0; i < pair_room; i++) {
        box->serial_of[i] = NOBODY;
    }
    find_parts(box);
    sort_stable(box->ops, box->count, sizeof(*box->ops), compare_ops, NULL, box->mem);
    merge_serial(box);
    box->state = mem_zalloc(box->mem, keys, sizeof(*box->state));
    box->writer = mem_zalloc(box->mem, keys, sizeof(*box->writer));
    box->counts = mem_zalloc(box->mem, keys, sizeof(*box->counts));
    box->need = mem_zalloc(box->mem, pair_room, sizeof(*box->need));
    box->make = mem_zalloc(box->mem, pair_room, sizeof(*box->make));
    box->is_taken = mem_zalloc(box->mem, n, sizeof(*box->is_taken));
    box->calls.prev = mem_zalloc(box->mem, n, sizeof(size_t));
    box->calls.next = mem_zalloc(box->mem, n, sizeof(size_t));
    box->returns.prev = mem_zalloc(box->mem, n, sizeof(size_t));
    box->returns.next = mem_zalloc(box->mem, n, sizeof(size_t));
    box->trail = mem_zalloc(box->mem, n, sizeof(*box->trail));
    return true;
}

void box_free(struct box *box)
{
    void *const all[] = {box->j.keys,       box->ops,        box->wants,      box->values,
                         box->pair_keys,    box->absent,     box->state,      box->writer,
                         box->need,         box->make,       box->counts,     box->serial_of,
                         box->is_taken,     box->calls.prev, box->calls.next, box->returns.prev,
                         box->returns.next, box->trail,      box->undos,      box->seen};
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        mem_free(box->mem, all[i]);
    }
}
