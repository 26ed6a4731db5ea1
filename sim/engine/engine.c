/* The event heap: 4-ary, an array of (time, sequence, event), so that comparing does not touch the
 * events; each event knows its place, so that moving and cancelling one is logarithmic too. */
#include "engine/engine.h"

#include <string.h>

#include "base/assert.h"

const char *engine_kind_name(enum engine_kind kind)
{
    static const char *const names[ENGINE_KIND_COUNT] = {
        "step",   "start", "stop",    "timer",  "connect", "opened", "data",
        "record", "eof",   "drained", "failed", "closed",  "disk",   "input",
    };
    return kind < ENGINE_KIND_COUNT ? names[kind] : "?";
}

void engine_init(struct engine *engine, struct mem *mem, uint64_t seed)
{
    *engine = (struct engine){.mem = mem, .seed = seed};
    engine->hash = hash64_mix(UINT64_C(0x71756F7261746531), seed);
}

void engine_fini(struct engine *engine)
{
    for (size_t i = 0; i < engine->node_cap; i++) {
        mem_free(engine->mem, engine->nodes[i].parked);
    }
    mem_free(engine->mem, engine->nodes);
    mem_free(engine->mem, engine->slots);
    *engine = (struct engine){.mem = engine->mem};
}

struct rng engine_rng(const struct engine *engine, const char *purpose, uint64_t node)
{
    return rng_stream(engine->seed, purpose, node);
}

/* The heap: slots[0..count), the children of i are 4i + 1 … 4i + 4. */

static inline bool before(const struct engine_slot *a, const struct engine_slot *b)
{
    return a->at_ns < b->at_ns || (a->at_ns == b->at_ns && a->seq < b->seq);
}

static inline void place(struct engine *engine, size_t at, struct engine_slot slot)
{
    engine->slots[at] = slot;
    slot.event->position = at + 1;
}

static void sift_up(struct engine *engine, size_t at, struct engine_slot slot)
{
    while (at > 0) {
        size_t parent = (at - 1) / 4;
        if (!before(&slot, &engine->slots[parent])) {
            break;
        }
        place(engine, at, engine->slots[parent]);
        at = parent;
    }
    place(engine, at, slot);
}

static void sift_down(struct engine *engine, size_t at, struct engine_slot slot)
{
    for (;;) {
        size_t child = at * 4 + 1;
        if (child >= engine->count) {
            break;
        }
        size_t last = child + 4 < engine->count ? child + 4 : engine->count;
        size_t least = child;
        for (size_t i = child + 1; i < last; i++) {
            if (before(&engine->slots[i], &engine->slots[least])) {
                least = i;
            }
        }
        if (!before(&engine->slots[least], &slot)) {
            break;
        }
        place(engine, at, engine->slots[least]);
        at = least;
    }
    place(engine, at, slot);
}

static void insert(struct engine *engine, struct engine_event *event)
{
    if (engine->count == engine->cap) {
        engine->cap = engine->cap == 0 ? 64 : engine->cap * 2;
        engine->slots =
            mem_resize(engine->mem, engine->slots, engine->cap * sizeof(*engine->slots));
    }
    event->parked = false;
    engine->count++;
    sift_up(engine, engine->count - 1, (struct engine_slot){event->at_ns, event->seq, event});
}

static void take_out(struct engine *engine, size_t at)
{
    engine->slots[at].event->position = 0;
    engine->count--;
    if (at == engine->count) {
        return;
    }
    struct engine_slot moved = engine->slots[engine->count];
    if (at > 0 && before(&moved, &engine->slots[(at - 1) / 4])) {
        sift_up(engine, at, moved);
    } else {
        sift_down(engine, at, moved);
    }
}

void engine_set(struct engine *engine, struct engine_event *event, int64_t at_ns)
{
    ASSERT(event->run != NULL);
    engine_cancel(engine, event);
    event->at_ns = at_ns < engine->now_ns ? engine->now_ns : at_ns;
    event->seq = engine->seq_next++;
    event->cause = engine->event;
    insert(engine, event);
}

void engine_cancel(struct engine *engine, struct engine_event *event)
{
    if (event->position == 0) {
        return;
    }
    if (event->parked) {
        struct engine_frozen *frozen = &engine->nodes[event->node];
        ASSERT(frozen->parked[event->position - 1] == event);
        frozen->parked[event->position - 1] = NULL;
        event->position = 0;
        return;
    }
    ASSERT(event->position <= engine->count);
    ASSERT(engine->slots[event->position - 1].event == event);
    take_out(engine, event->position - 1);
}

/* Frozen nodes. */

static struct engine_frozen *frozen_of(struct engine *engine, uint32_t node)
{
    if (node >= engine->node_cap) {
        size_t cap = engine->node_cap == 0 ? 16 : engine->node_cap;
        while (cap <= node) {
            cap *= 2;
        }
        engine->nodes = mem_resize(engine->mem, engine->nodes, cap * sizeof(*engine->nodes));
        memset(engine->nodes + engine->node_cap, 0,
               (cap - engine->node_cap) * sizeof(*engine->nodes));
        engine->node_cap = cap;
    }
    return &engine->nodes[node];
}

void engine_freeze(struct engine *engine, uint32_t node)
{
    ASSERT(node > 0);
    frozen_of(engine, node)->frozen = true;
}

void engine_thaw(struct engine *engine, uint32_t node)
{
    struct engine_frozen *frozen = frozen_of(engine, node);
    frozen->frozen = false;
    for (size_t i = 0; i < frozen->count; i++) {
        struct engine_event *event = frozen->parked[i];
        if (event != NULL) {
            event->position = 0;
            event->at_ns = engine->now_ns;
            event->seq = engine->seq_next++;
            insert(engine, event);
        }
    }
    frozen->count = 0;
}

static void park(struct engine *engine, struct engine_event *event)
{
    struct engine_frozen *frozen = &engine->nodes[event->node];
    if (frozen->count == frozen->cap) {
        frozen->cap = frozen->cap == 0 ? 16 : frozen->cap * 2;
        frozen->parked =
            mem_resize(engine->mem, frozen->parked, frozen->cap * sizeof(struct engine_event *));
    }
    frozen->parked[frozen->count++] = event;
    event->parked = true;
    event->position = frozen->count;
}

/* Running. */

static inline void deliver(struct engine *engine, struct engine_event *event)
{
    engine->event++;
    engine->cause = event->cause;
    uint64_t what = (uint64_t)event->kind << 32 | event->node;
    engine->hash = hash64_mix(engine->hash ^ (uint64_t)engine->now_ns, what);
    event->run(event);
    if (engine->watch != NULL) {
        engine->watch->after(engine->watch);
    }
}

enum engine_end engine_run(struct engine *engine, int64_t until_ns, uint64_t count)
{
    uint64_t crowd = engine->instant_max != 0 ? engine->instant_max : ENGINE_INSTANT_MAX;
    uint64_t last = count > UINT64_MAX - engine->event ? UINT64_MAX : engine->event + count;
    engine->stopping = false;
    while (engine->count > 0) {
        struct engine_slot top = engine->slots[0];
        if (top.at_ns > until_ns) {
            engine->now_ns = until_ns > engine->now_ns ? until_ns : engine->now_ns;
            return ENGINE_UNTIL;
        }
        if (engine->event >= last) {
            return ENGINE_COUNTED;
        }
        ASSERT(top.at_ns >= engine->now_ns);
        if (top.at_ns != engine->now_ns) {
            engine->now_ns = top.at_ns;
            engine->instant_events = 0;
        }
        if (++engine->instant_events > crowd) {
            return ENGINE_CROWDED;
        }
        take_out(engine, 0);
        struct engine_event *event = top.event;
        if (event->node < engine->node_cap && engine->nodes[event->node].frozen) {
            park(engine, event);
            continue;
        }
        deliver(engine, event);
        if (engine->stopping) {
            return ENGINE_STOPPED;
        }
    }
    if (until_ns != INT64_MAX && until_ns > engine->now_ns) {
        engine->now_ns = until_ns;
    }
    return ENGINE_RAN_DRY;
}

void engine_stop(struct engine *engine)
{
    engine->stopping = true;
}
