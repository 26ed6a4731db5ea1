/* A campaign's state, and how its files call each other. Private to sim/campaign.
 *
 *   campaign.c   the loop: giving out runs, counting them in order     pool.c    worker processes
 *   job.c        what a worker does, and how its answer is written     known.c   failures to expect
 *   tally.c      sums by scenario and by fingerprint                   files.c   scenarios of a
 * folder tell.c       the terminal                                          junit.c   for CI
 *   probes.c     marks on rare branches: reached, never, excused
 */
#ifndef CAMPAIGN_IMPL_H
#define CAMPAIGN_IMPL_H

#include "base/mem.h"
#include "campaign/campaign.h"
#include "pool.h"
#include "runner/runner.h"

#define ARRAY(type)   \
    struct {          \
        type *items;  \
        size_t count; \
        size_t cap;   \
    }

/* Room for one more, zeroed; the pointer is good until the next push. */
#define PUSH(mem, array)                                                         \
    (campaign_grow((mem), (void **)&(array).items, &(array).count, &(array).cap, \
                   sizeof((array).items[0])),                                    \
     &(array).items[(array).count - 1])
void campaign_grow(struct mem *mem, void **items, size_t *count, size_t *cap, size_t size);

/* What came of one run. Owned by whoever holds it: result_drop. */
struct run_result {
    struct run_summary sum; /* its texts point to the two below */
    char *fingerprint;
    char *reason;
    uint64_t *hits; /* of probe_count() probes; NULL: not known */
};

enum job_what {
    JOB_RUN,
    JOB_AGAIN,        /* other bytes in fresh memory */
    JOB_WHOLE,        /* into a database, with every event */
    JOB_WHOLE_DIFFERS /* of a run that came out otherwise when it was done twice */
};

/* A run that was begun and is not counted yet. */
struct pending {
    uint64_t number;
    bool done;
    bool twice; /* is to be done again */
    bool again_given;
    bool again_done;
    struct run_result outcome;
};

/* The sums of one scenario. */
struct part {
    struct scenario *s;
    uint64_t runs;
    uint64_t verdicts[VERDICT_COUNT];
    uint64_t unknown_failures; /* that no line of --known names */
    int64_t wall_ns;
    int64_t slowest_ns;
    uint64_t steps_fired; /* bits, over all runs */
};

struct failed_run {
    uint64_t number;
    size_t part;
    uint64_t seed;
    int64_t sim_ns;
    uint64_t events;
    uint64_t ops;
    bool crashed; /* its process did; nothing whole can be stored */
    bool whole;   /* was stored */
};

/* One kind of failure. */
struct kind {
    char *fingerprint;
    char *reason; /* of the first */
    enum verdict verdict;
    bool known;
    ARRAY(struct failed_run) runs;
};

struct campaign {
    struct mem *mem;
    struct campaign_options options;
    ARRAY(struct part) parts;
    ARRAY(struct kind) kinds;
    uint64_t total; /* runs of this shard */
    uint64_t seeds;
    /* The loop. */
    struct pool *pool;
    struct store *store;
    ARRAY(struct pending) pending; /* in order; those before `settled` are counted */
    size_t settled;
    uint64_t next; /* number of the run to begin next */
    uint64_t begun;
    int64_t started_ns;
    int64_t told_ns;
    bool by_time;
    bool by_failures;
    bool by_signal;
    /* Sums. */
    uint64_t done;
    uint64_t first_missing; /* number of the first run that was not done */
    uint64_t failing;
    uint64_t events;
    uint64_t ops;
    int64_t sim_ns;
    int64_t must_ns;
    int64_t cannot_ns;
    int64_t may_ns;
    uint64_t disagreements;
    uint64_t idle;
    uint64_t settles[3];
    uint64_t twice;
    uint64_t differing;
    uint64_t whole;
    int64_t wall_ns;
    uint64_t *hits;
    enum verdict worst;
};

/* Places in the order. A number counts the runs of all shards. */
static inline size_t number_part(const struct campaign *c, uint64_t number)
{
    return (size_t)(number % c->parts.count);
}
static inline uint64_t number_seed(const struct campaign *c, uint64_t number)
{
    return c->options.seed_first + number / c->parts.count;
}

/* campaign.c */
enum verdict campaign_worst(const struct campaign *c);

/* job.c */
void job_work(void *ctx, const struct pool_job *job, struct buf *out);
/* ERR_PROTO: it is no answer. */
int job_read(struct mem *mem, struct slice answer, struct run_result *out) MUST_CHECK;
/* The outcome of a run whose process ended. */
void job_crashed(struct mem *mem, const struct scenario *s, int status, struct run_result *out);
void job_differs(struct mem *mem, struct run_result *out, const struct run_result *again);
void result_drop(struct mem *mem, struct run_result *o);
/* Where the whole of a failed run is stored. */
void job_whole_path(const struct campaign *c, uint64_t number, struct buf *out);

/* tally.c */
void tally_add(struct campaign *c, uint64_t number, const struct run_result *o, bool crashed);
bool verdict_fails(enum verdict verdict);

/* known.c */
/* The next line that says something, without the blanks around it; false: there is none. */
bool list_line(struct slice *text, struct slice *line);
/* A `*` at the end of the pattern stands for any rest. */
bool list_names(struct slice pattern, struct slice name);
bool known_has(struct slice known, const char *fingerprint);

/* probes.c */
/* Whether a probe that is not excused was never reached by a campaign that was done in full. */
bool probes_fail(const struct campaign *c);
void probes_tell(const struct campaign *c, struct buf *out);
/* The names of those that make it fail, each behind a blank. */
void probes_add_missing(const struct campaign *c, struct buf *out);

#endif
