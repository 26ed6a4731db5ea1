/* The inside of the black box: box_build.c turns a history into requests on numbered keys and
 * values, box_take.c puts one request in order and takes it back, box.c searches.
 */
#ifndef CHECK_BOX_INTERNAL_H
#define CHECK_BOX_INTERNAL_H

#include "check/box.h"
#include "history.h"

/* A pair is a key with one of its values, or with none ("absent"), by number. */
#define PAIR_ANY UINT32_MAX

struct box_op {
    size_t number; /* in the history */
    enum history_kind kind;
    bool required; /* answered: has its place in the order; else it may have one */
    bool serial;   /* a serializable read of one key: in no list of calls */
    size_t first;  /* keys [first, last) */
    size_t last;
    size_t wants;  /* RANGE: where its last - first pairs begin */
    uint32_t pair; /* PUT: what it makes */
    size_t count;  /* DELETE, answered: keys deleted */
    int64_t call_ns;
    int64_t return_ns;
    size_t part; /* the first key of its group of keys */
};

/* A ring of requests; the head is the number behind the last request. Requests leave it and come
 * back in the reverse order, so those outside keep their neighbours. */
struct ring {
    size_t *prev;
    size_t *next;
};

struct undo {
    size_t key;
    uint32_t pair;
    size_t writer;
};

struct taken {
    size_t op;
    size_t undos; /* how many there were before */
};

struct mark {
    uint64_t a;
    uint64_t b;
};

struct box {
    struct judge j; /* the keys */
    struct box_limits limits;
    struct box_verdict *verdict;
    struct mem *mem;

    struct box_op *ops; /* by group of keys, then by call */
    size_t count;
    uint32_t *wants;
    size_t want_count;
    struct slice *values; /* of pairs; ptr NULL and len 0 is absent or empty */
    size_t *pair_keys;
    size_t pair_count;
    uint32_t *absent; /* by key: its pair without a value */

    /* The order in the making. */
    uint32_t *state;     /* by key: its pair */
    size_t *writer;      /* by key: who made that, or NOBODY */
    size_t *need;        /* by pair: reads not yet in order that show it */
    size_t *make;        /* by pair: writes not yet in order that could make it */
    size_t *counts;      /* by key: answered deletes of it not yet in order */
    size_t *serial_of;   /* by pair: the serializable read that shows it, or NOBODY */
    bool *is_taken;      /* by request */
    struct ring calls;   /* by call, without the serial ones */
    struct ring returns; /* the required ones, by return */
    struct taken *trail; /* requests in order */
    size_t trail_count;
    size_t trail_answered; /* of these: answered */
    struct undo *undos;
    size_t undo_count;
    size_t undo_cap;
    struct mark mark; /* of the set of requests in order and of the state */

    struct mark *seen; /* a hash table; {0, 0}: empty */
    size_t seen_cap;
    size_t seen_count;

    /* Where the search of this group came furthest. */
    size_t best;
    size_t best_stuck;  /* the request that finds no place */
    size_t best_key;    /* shows another state than it needs, or NOBODY */
    uint32_t best_pair; /* this */
    size_t best_writer;
    size_t best_reader; /* NOBODY, or a read that must come before it, because it shows this */
};

/* box_build.c: false after an immediate verdict. */
bool box_build(struct box *box);
void box_free(struct box *box);

/* box_take.c */
/* Nothing is in order; requests [from, to) are to be. */
void box_begin(struct box *box, size_t from, size_t to);
/* Would the request, next in order, get the answer that it got? Costs steps. */
bool box_fits(struct box *box, const struct box_op *op);
void box_take(struct box *box, size_t op);
/* Takes back all but the first `count` of the trail. */
void box_untake(struct box *box, size_t count);
static inline bool box_spent(const struct box *box)
{
    return box->verdict->steps > box->limits.steps;
}

#endif
