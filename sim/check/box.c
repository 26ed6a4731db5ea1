/* The search for an order. Requests that cannot do harm are put in order without a choice; where
 * there is a choice, each write that may come next is tried, and what was tried is remembered. */
#include "box.h"

#include "base/fmt.h"
#include "base/sort.h"

struct frame {
    size_t trail; /* how much was in order here */
    size_t first; /* its choices: [first, …) of the stack of choices, */
    size_t next;  /* … from here on not yet tried */
};

struct choice {
    size_t op;
    int rank;
    int64_t return_ns;
};

struct search {
    struct box *box;
    struct frame *frames;
    size_t depth;
    size_t frame_cap;
    struct choice *choices;
    size_t choice_count;
    size_t choice_cap;
};

struct box_limits box_limits_default(void)
{
    return (struct box_limits){.steps = 20000000, .states = 1 << 20, .wants = 1 << 23};
}

/* The answered request that must come before all that is called after its return. */
static size_t most_urgent(const struct box *box)
{
    return box->returns.next[box->count];
}

static int64_t horizon(const struct box *box)
{
    size_t op = most_urgent(box);
    return op == box->count ? INT64_MAX : box->ops[op].return_ns;
}

/* Some read has still to see what the key holds, and nothing will make it again. */
static bool is_needed(const struct box *box, size_t key)
{
    return box->need[box->state[key]] > 0 && box->make[box->state[key]] == 0;
}

/* Requests that lose nothing by coming next. What changes nothing and fits may come at once. So may
 * a put that nobody will see over a value that nobody will see, if no delete counts the key. */
static bool is_free(struct box *box, const struct box_op *op)
{
    if (!op->required) {
        return false;
    }
    if (op->kind == HISTORY_PUT) {
        return box->need[op->pair] == 0 && box->need[box->state[op->first]] == 0 &&
               box->counts[op->first] == 0;
    }
    return (op->kind == HISTORY_RANGE || op->count == 0) && box_fits(box, op);
}

static void take_free(struct box *box)
{
    bool changed = true;
    while (changed && !box_spent(box)) {
        changed = false;
        size_t op = box->calls.next[box->count];
        while (op != box->count && box->ops[op].call_ns <= horizon(box)) {
            size_t next = box->calls.next[op];
            box->verdict->steps++;
            if (is_free(box, &box->ops[op])) {
                box_take(box, op);
                changed = true;
            }
            op = next;
        }
    }
}

/* A write that nobody was told of is left out where it would help nobody. */
static bool is_useful(const struct box *box, const struct box_op *op)
{
    bool useful = op->required;
    for (size_t k = op->first; k < op->last && !useful; k++) {
        uint32_t pair = op->kind == HISTORY_PUT ? op->pair : box->absent[k];
        useful = box->state[k] != pair && (box->need[pair] > 0 || box->counts[k] > 0);
    }
    return useful;
}

static bool is_choice(struct box *box, const struct box_op *op)
{
    if (op->kind == HISTORY_RANGE || !is_useful(box, op) || !box_fits(box, op)) {
        return false;
    }
    for (size_t k = op->first; k < op->last; k++) {
        uint32_t pair = op->kind == HISTORY_PUT ? op->pair : box->absent[k];
        box->verdict->steps++;
        if (box->state[k] != pair && is_needed(box, k)) {
            return false;
        }
    }
    return true;
}

/* Does the write make what the most urgent request, a read, wants to see? */
static bool helps(const struct box *box, const struct box_op *op, const struct box_op *urgent)
{
    if (urgent->kind != HISTORY_RANGE) {
        return false;
    }
    size_t first = op->first > urgent->first ? op->first : urgent->first;
    size_t last = op->last < urgent->last ? op->last : urgent->last;
    for (size_t k = first; k < last; k++) {
        uint32_t want = box->wants[urgent->wants + k - urgent->first];
        uint32_t pair = op->kind == HISTORY_PUT ? op->pair : box->absent[k];
        if (want == pair && box->state[k] != pair) {
            return true;
        }
    }
    return false;
}

static int compare_choices(const void *a, const void *b, void *ctx)
{
    const struct choice *x = a;
    const struct choice *y = b;
    (void)ctx;
    if (x->rank != y->rank) {
        return x->rank - y->rank;
    }
    if (x->return_ns != y->return_ns) {
        return x->return_ns < y->return_ns ? -1 : 1;
    }
    return x->op < y->op ? -1 : x->op > y->op;
}

static void *room(struct mem *mem, void *items, size_t count, size_t *cap, size_t size)
{
    if (count < *cap) {
        return items;
    }
    *cap = *cap == 0 ? 64 : *cap * 2;
    return mem_resize(mem, items, *cap * size);
}

/* A new frame with what may come next, the most promising first. */
static size_t push_frame(struct search *s)
{
    struct box *box = s->box;
    const struct box_op *urgent = &box->ops[most_urgent(box)];
    size_t first = s->choice_count;
    size_t op = box->calls.next[box->count];
    for (; op != box->count && box->ops[op].call_ns <= urgent->return_ns;
         op = box->calls.next[op]) {
        box->verdict->steps++;
        if (!is_choice(box, &box->ops[op])) {
            continue;
        }
        s->choices =
            room(box->mem, s->choices, s->choice_count, &s->choice_cap, sizeof(*s->choices));
        s->choices[s->choice_count++] =
            (struct choice){op, helps(box, &box->ops[op], urgent) ? 0 : 1, box->ops[op].return_ns};
    }
    if (s->choice_count - first > 1) {
        sort_stable(s->choices + first, s->choice_count - first, sizeof(*s->choices),
                    compare_choices, NULL, box->mem);
    }
    s->frames = room(box->mem, s->frames, s->depth, &s->frame_cap, sizeof(*s->frames));
    s->frames[s->depth++] = (struct frame){box->trail_count, first, first};
    return s->choice_count - first;
}

/* Memory of what was tried. */

static void insert(struct box *box, struct mark mark)
{
    size_t at = (size_t)mark.a & (box->seen_cap - 1);
    while (box->seen[at].a != 0 || box->seen[at].b != 0) {
        at = (at + 1) & (box->seen_cap - 1);
    }
    box->seen[at] = mark;
}

static void grow_seen(struct box *box)
{
    struct mark *old = box->seen;
    size_t cap = box->seen_cap;
    box->seen_cap = cap == 0 ? 256 : cap * 2;
    box->seen = mem_zalloc(box->mem, box->seen_cap, sizeof(*box->seen));
    for (size_t i = 0; i < cap; i++) {
        if (old[i].a != 0 || old[i].b != 0) {
            insert(box, old[i]);
        }
    }
    mem_free(box->mem, old);
}

/* False: it was tried before. */
static bool remember(struct box *box)
{
    struct mark mark = box->mark;
    mark.b += mark.a == 0 && mark.b == 0; /* zeros mean an empty slot */
    if (2 * box->seen_count >= box->seen_cap) {
        grow_seen(box);
    }
    size_t at = (size_t)mark.a & (box->seen_cap - 1);
    while (box->seen[at].a != 0 || box->seen[at].b != 0) {
        if (box->seen[at].a == mark.a && box->seen[at].b == mark.b) {
            return false;
        }
        at = (at + 1) & (box->seen_cap - 1);
    }
    box->seen[at] = mark;
    box->seen_count++;
    box->verdict->states++;
    return true;
}

/* Words. */

/* The first answered of the reads that have still to see what the key holds. */
static size_t find_reader(const struct box *box, size_t key)
{
    size_t op = is_needed(box, key) ? box->returns.next[box->count] : box->count;
    for (; op != box->count; op = box->returns.next[op]) {
        const struct box_op *o = &box->ops[op];
        if (o->kind == HISTORY_RANGE && key >= o->first && key < o->last &&
            box->wants[o->wants + key - o->first] == box->state[key]) {
            return op;
        }
    }
    return NOBODY;
}

static void note_stuck(struct box *box)
{
    if (box->best_stuck != NOBODY && box->trail_answered <= box->best) {
        return;
    }
    box->best = box->trail_answered;
    box->best_stuck = most_urgent(box);
    const struct box_op *op = &box->ops[box->best_stuck];
    box->best_key = op->first;
    for (size_t k = op->last; op->kind == HISTORY_RANGE && k > op->first; k--) {
        uint32_t want = box->wants[op->wants + k - 1 - op->first];
        if (want != PAIR_ANY && want != box->state[k - 1]) {
            box->best_key = k - 1;
        }
    }
    for (size_t k = op->last; op->kind != HISTORY_RANGE && k > op->first; k--) {
        box->best_key = is_needed(box, k - 1) ? k - 1 : box->best_key;
    }
    box->best_pair = box->state[box->best_key];
    box->best_writer = box->writer[box->best_key];
    box->best_reader = op->kind == HISTORY_RANGE ? NOBODY : find_reader(box, box->best_key);
}

static void write_requests(const struct box *box, struct buf *out, size_t a, size_t b)
{
    const size_t shown[] = {a, b};
    for (size_t i = 0; i < 2 && shown[i] != NOBODY; i++) {
        size_t number = box->ops[shown[i]].number;
        history_write_op(out, &box->j.h->ops[number]);
        box->verdict->shown[box->verdict->shown_count++] = number;
    }
    box->verdict->result = BOX_REJECTS;
    fmt(box->verdict->text, sizeof(box->verdict->text), "%s", buf_cstr(out));
}

static void tell_stuck(struct box *box, size_t answered)
{
    struct buf text;
    struct slice key = box->j.keys[box->best_key];
    struct slice value = box->values[box->best_pair];
    buf_init(&text, box->mem);
    buf_printf(&text,
               "no order of the requests explains their answers: of %zu that depend on each other, "
               "at best %zu fit; then this one does not, with %.*s ",
               answered, box->best, (int)(key.len < 64 ? key.len : 64), (const char *)key.ptr);
    if (box->best_pair == box->absent[box->best_key]) {
        buf_add_str(&text, "absent");
    } else {
        buf_printf(&text, "being \"%.*s\"", (int)(value.len < 64 ? value.len : 64),
                   (const char *)value.ptr);
    }
    bool seen = box->best_reader != NOBODY;
    buf_add_str(&text, seen ? ", which the second has still to see" : "");
    write_requests(box, &text, box->best_stuck, seen ? box->best_reader : box->best_writer);
    buf_fini(&text);
}

/* A read that shows what no write could have made. */
static bool find_phantom(struct box *box, size_t from, size_t to)
{
    for (size_t i = from; i < to; i++) {
        const struct box_op *op = &box->ops[i];
        for (size_t k = op->first; op->kind == HISTORY_RANGE && k < op->last; k++) {
            uint32_t want = box->wants[op->wants + k - op->first];
            if (want == PAIR_ANY || box->make[want] > 0 || want == box->absent[k]) {
                continue;
            }
            struct buf text;
            buf_init(&text, box->mem);
            struct slice key = box->j.keys[k];
            buf_printf(&text, "a read shows a value of %.*s that no request can have written",
                       (int)(key.len < 64 ? key.len : 64), (const char *)key.ptr);
            write_requests(box, &text, i, NOBODY);
            buf_fini(&text);
            return true;
        }
    }
    return false;
}

/* The search itself. */

static enum box_result search_on(struct search *s)
{
    struct box *box = s->box;
    for (;;) {
        take_free(box);
        if (most_urgent(box) == box->count) {
            return BOX_ACCEPTS;
        }
        if (box_spent(box) || box->verdict->states >= box->limits.states) {
            return BOX_UNDECIDED;
        }
        if (remember(box) && push_frame(s) == 0) {
            note_stuck(box);
        }
        while (s->depth > 0 && s->frames[s->depth - 1].next == s->choice_count) {
            s->choice_count = s->frames[--s->depth].first;
        }
        if (s->depth == 0) {
            return BOX_REJECTS;
        }
        struct frame *top = &s->frames[s->depth - 1];
        box_untake(box, top->trail);
        box_take(box, s->choices[top->next++].op);
    }
}

static void judge_part(struct box *box, size_t from, size_t to)
{
    size_t answered = 0;
    for (size_t i = from; i < to; i++) {
        answered += box->ops[i].required;
    }
    box->verdict->parts++;
    box->best_stuck = NOBODY;
    mem_free(box->mem, box->seen);
    box->seen = NULL;
    box->seen_cap = box->seen_count = 0;
    box_begin(box, from, to);
    if (find_phantom(box, from, to)) {
        return;
    }
    struct search s = {.box = box};
    enum box_result result = search_on(&s);
    mem_free(box->mem, s.frames);
    mem_free(box->mem, s.choices);
    if (result == BOX_REJECTS) {
        tell_stuck(box, answered);
    } else if (result == BOX_UNDECIDED && box->verdict->result == BOX_ACCEPTS) {
        box->verdict->result = BOX_UNDECIDED;
        fmt(box->verdict->text, sizeof(box->verdict->text),
            "the search met its limit after %llu steps and %zu states",
            (unsigned long long)box->verdict->steps, box->verdict->states);
    }
}

void box_check(const struct history *h, const struct box_limits *limits,
               struct box_verdict *verdict)
{
    *verdict = (struct box_verdict){.result = BOX_ACCEPTS};
    struct box box = {
        .j = {.h = h, .mem = h->mem}, .limits = *limits, .verdict = verdict, .mem = h->mem};
    if (box_build(&box)) {
        /* One group that is wrong makes all wrong, so a limit met before does not end the search
         * for it; but limits are for all groups together. */
        for (size_t from = 0; from < box.count && verdict->result != BOX_REJECTS;) {
            size_t to = from;
            while (to < box.count && box.ops[to].part == box.ops[from].part) {
                to++;
            }
            judge_part(&box, from, to);
            from = to;
        }
    }
    box_free(&box);
}
