/* The black box: could a store with one copy have given these answers, by values alone?
 *
 * It knows no revisions, so it cannot be misled by them, and it judges histories that have none. It
 * searches for an order of the requests that real time allows and a map of keys to values explains
 * (J. Wing and C. Gong, "Testing and verifying concurrent objects", 1993), and never looks twice at
 * the same set of ordered requests with the same values (G. Lowe, "Testing for linearizability",
 * 2017). Keys that no request joins are judged apart: linearizability is local. A serializable read
 * may be ordered at any time before its answer, since any state that was is right for it.
 *
 * The store is empty at first. Accepting and rejecting are exact, but for sets of requests being
 * told apart by 128-bit fingerprints. What a search may cost is a number of steps, never a time, so
 * the verdict depends on the history only.
 */
#ifndef CHECK_BOX_H
#define CHECK_BOX_H

#include "check/history.h"

struct box_limits {
    uint64_t steps; /* requests or keys looked at */
    size_t states;  /* remembered, 16 bytes each in a table of up to four times that */
    size_t wants;   /* keys that all reads together speak of, 4 bytes each */
};

struct box_limits box_limits_default(void);

enum box_result {
    BOX_ACCEPTS,
    BOX_REJECTS,
    BOX_UNDECIDED, /* a limit was met */
};

struct box_verdict {
    enum box_result result;
    char text[1024]; /* why not, the requests among it, one line each; "" if accepted */
    size_t shown[2]; /* numbers of the requests that it names */
    size_t shown_count;
    size_t parts; /* groups of keys that were judged apart */
    uint64_t steps;
    size_t states;
};

void box_check(const struct history *history, const struct box_limits *limits,
               struct box_verdict *verdict);

#endif
