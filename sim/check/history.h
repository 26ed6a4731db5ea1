/* The inside of a history: witness.c orders it, model.c runs it on a model.
 */
#ifndef CHECK_HISTORY_INTERNAL_H
#define CHECK_HISTORY_INTERNAL_H

#include "check/history.h"

struct history_start {
    uint64_t member;
    int64_t time_ns;
};

struct history {
    struct mem *mem;
    struct history_op *ops;
    size_t count;
    size_t cap;
    struct history_start *starts;
    size_t start_count;
    size_t start_cap;
};

#define NOBODY SIZE_MAX

/* A write at its place in the order. */
struct placed {
    revision_t revision;
    size_t op;
};

/* One judgement in the making. */
struct judge {
    const struct history *h;
    struct mem *mem;
    struct history_verdict *verdict;
    struct slice *keys; /* every key that anybody named, sorted, once each */
    size_t key_count;
    struct placed *writes; /* answered writes and those that reads gave away, by revision */
    size_t write_count;
    struct placed *reads; /* by revision, then in the order of their calls */
    size_t read_count;
    revision_t *holes; /* revisions that nothing explains, ascending */
    size_t hole_count;
    size_t spare;     /* unknown writes that no revision was given to */
    bool *placed_ops; /* by number of the request: has a revision */
    size_t *unknowns; /* unknown writes, in the order of their calls */
    size_t unknown_count;
    bool guessed; /* an unknown request was held responsible for want of a better one */
};

/* Fills keys; mem gets them back from who made the judge. */
void collect_keys(struct judge *j);
/* A line of its own for the request: a newline first, none behind. */
void history_write_op(struct buf *out, const struct history_op *op);
/* The place of a key in keys, or of the first one behind it. */
size_t key_place(const struct judge *j, struct slice key);
/* Keys [first, last) that the request speaks of. */
void key_range(const struct judge *j, const struct history_op *op, size_t *first, size_t *last);
bool op_covers(const struct history_op *op, struct slice key);
static inline bool op_is_write(const struct history_op *op)
{
    return op->kind == HISTORY_PUT || op->kind == HISTORY_DELETE;
}
/* Says what is wrong, once; a and b are requests to show, or NOBODY. After a guess it may be the
 * guess that is wrong: then nothing is decided. */
void blame(struct judge *j, const char *rule, size_t a, size_t b, const char *format, ...)
    __attribute__((format(printf, 5, 6)));
static inline bool is_blamed(const struct judge *j)
{
    return j->verdict->result != HISTORY_LINEARIZABLE;
}

/* serial.c: what serializable reads show came from the past, and no member's past comes back.
 * once.c: no write took effect twice. Both speak by revisions and say nothing without. */
bool check_serial(struct judge *j);
bool check_once(struct judge *j);

/* witness.c: gives every write that took effect its revision; false after blame. */
bool place_writes(struct judge *j);
bool check_real_time(struct judge *j);
/* model.c */
bool replay(struct judge *j);

#endif
