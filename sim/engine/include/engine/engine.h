/* Virtual time: the event heap at the bottom of the simulated world.
 *
 * The engine knows nothing of networks, disks or nodes. It hands out events in the order of (time,
 * sequence): events at one instant run in the order in which they were set. Each event that runs
 * has a number, counted from 1, and remembers the number of the event that set it, its cause; and
 * each feeds the rolling trace hash with its time, kind and node, to which its handler adds a
 * digest of the payload. Two runs of one seed agree on that hash at every event or they are
 * different runs.
 *
 * Invariants: time never goes back; an event is in the heap at most once; nothing that the engine
 * does depends on an address, and an attached trace sink or watch changes nothing.
 */
#ifndef ENGINE_ENGINE_H
#define ENGINE_ENGINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/hash.h"
#include "base/mem.h"
#include "base/rng.h"

/* What an event is for: its name in traces and its part of the hash. New ones go at the end: the
 * numbers are in golden hashes. */
enum engine_kind {
    ENGINE_STEP,    /* of the world itself: a scenario's step, a fault, a watch */
    ENGINE_START,   /* a program's first turn */
    ENGINE_STOP,    /* it is asked to stop */
    ENGINE_TIMER,   /* a node's earliest timer */
    ENGINE_CONNECT, /* a connect arrives */
    ENGINE_OPENED,  /* and its answer */
    ENGINE_DATA,    /* bytes of a stream */
    ENGINE_RECORD,  /* a record of a link */
    ENGINE_EOF,     /* the peer has ended its side */
    ENGINE_DRAINED, /* a queue has emptied */
    ENGINE_FAILED,  /* a connection broke */
    ENGINE_CLOSED,  /* a handle is the caller's again */
    ENGINE_DISK,    /* a disk request is done */
    ENGINE_INPUT,   /* standard input */
    ENGINE_KIND_COUNT
};

const char *engine_kind_name(enum engine_kind kind);

/* Owned by who sets it: zero-initialised, at a fixed address, not freed while set. */
struct engine_event {
    void (*run)(struct engine_event *event);
    uint32_t node;   /* to whom it is delivered; 0 is the world itself */
    uint16_t kind;   /* enum engine_kind */
    bool parked;     /* its node is frozen; `position` is then its place among the parked */
    size_t position; /* 1-based; 0 while it is not set */
    uint64_t seq;
    uint64_t cause; /* number of the event that set it; 0 before the first */
    int64_t at_ns;
};

/* One line of a trace. Text is borrowed until the call returns. */
struct engine_line {
    int64_t time_ns;
    uint64_t event;
    uint64_t cause;
    uint32_t node;
    const char *kind;
    const char *text;
};

struct engine_sink {
    void (*line)(struct engine_sink *sink, const struct engine_line *line);
};

/* Called after each event, outside of it: where predicates are looked at. */
struct engine_watch {
    void (*after)(struct engine_watch *watch);
};

enum engine_end {
    ENGINE_RAN_DRY, /* no event is left; now is the given time, unless that is INT64_MAX */
    ENGINE_UNTIL,   /* the next event lies after the given time; now is that time */
    ENGINE_COUNTED, /* as many events as were asked for */
    ENGINE_STOPPED, /* engine_stop was called */
    ENGINE_CROWDED  /* too many events at one instant: something is in a loop */
};

struct engine_slot {
    int64_t at_ns;
    uint64_t seq;
    struct engine_event *event;
};

struct engine_frozen {
    struct engine_event **parked; /* in order; NULL: cancelled */
    size_t count;
    size_t cap;
    bool frozen;
};

struct engine {
    /* To be read by all. */
    int64_t now_ns;
    uint64_t event; /* number of the running event, or of the last one that ran */
    uint64_t cause; /* its cause */
    uint64_t hash;  /* of all events so far */
    uint64_t seed;
    struct mem *mem;
    /* To be set by the owner of the run; NULL and 0 are fine. */
    struct engine_sink *sink;
    struct engine_watch *watch;
    uint64_t instant_max; /* events at one instant; 0: ENGINE_INSTANT_MAX */
    /* The engine's own. */
    uint64_t instant_events;
    uint64_t seq_next;
    struct engine_slot *slots;
    size_t count;
    size_t cap;
    struct engine_frozen *nodes;
    size_t node_cap;
    bool stopping;
};

#define ENGINE_INSTANT_MAX 1000000

/* Borrows mem, from which the heap is allocated. */
void engine_init(struct engine *engine, struct mem *mem, uint64_t seed);
void engine_fini(struct engine *engine);

/* Sets or moves the event; a time in the past means now. run, node and kind are filled in. */
void engine_set(struct engine *engine, struct engine_event *event, int64_t at_ns);
/* Does nothing if it is not set. */
void engine_cancel(struct engine *engine, struct engine_event *event);
static inline bool engine_is_set(const struct engine_event *event)
{
    return event->position != 0;
}

/* Runs events up to and including until_ns, at most `count` of them. */
enum engine_end engine_run(struct engine *engine, int64_t until_ns, uint64_t count);
/* Ends engine_run after the running event. */
void engine_stop(struct engine *engine);

/* Events for a frozen node are parked when their time comes and run, in their order, when it thaws.
 */
void engine_freeze(struct engine *engine, uint32_t node);
void engine_thaw(struct engine *engine, uint32_t node);

/* The random stream of that name and node under the run's seed. */
struct rng engine_rng(const struct engine *engine, const char *purpose, uint64_t node);

/* Adds to the trace hash what the running event brought. */
static inline void engine_digest(struct engine *engine, uint64_t digest)
{
    engine->hash = hash64_mix(engine->hash, digest);
}
static inline void engine_digest_bytes(struct engine *engine, const void *ptr, size_t len)
{
    engine->hash = hash64_mix(engine->hash, hash64(ptr, len, len));
}

static inline bool engine_traced(const struct engine *engine)
{
    return engine->sink != NULL;
}
/* A line for the running event; nothing without a sink. kind is a word for grep. */
void engine_trace(struct engine *engine, uint32_t node, const char *kind, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

#endif
