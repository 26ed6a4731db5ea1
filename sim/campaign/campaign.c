#define _DEFAULT_SOURCE
#include <time.h>

#include "base/assert.h"
#include "base/duration.h"
#include "base/probe.h"
#include "impl.h"
#include "store/store.h"

#define WAIT_MS     100
#define TELL_NS     (200 * MS_NS)
#define PENDING_MAX 4096 /* runs begun and not counted: behind one that is very slow */

static int64_t clock_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * SEC_NS + now.tv_nsec;
}

struct campaign *campaign_new(struct mem *mem, const struct campaign_options *options)
{
    struct campaign *c = mem_zalloc(mem, 1, sizeof(*c));
    ASSERT(options->seed_first <= options->seed_last);
    ASSERT(options->jobs > 0 && options->jobs <= CAMPAIGN_JOBS_MAX);
    ASSERT(options->shard >= 1 && options->shard <= options->shards);
    c->mem = mem;
    c->options = *options;
    c->seeds = options->seed_last - options->seed_first + 1;
    c->hits = mem_zalloc(mem, probe_count() + 1, sizeof(c->hits[0]));
    c->first_missing = UINT64_MAX;
    return c;
}

void campaign_free(struct campaign *c)
{
    if (c == NULL) {
        return;
    }
    for (size_t i = 0; i < c->pending.count; i++) {
        result_drop(c->mem, &c->pending.items[i].outcome);
    }
    for (size_t i = 0; i < c->kinds.count; i++) {
        mem_free(c->mem, c->kinds.items[i].fingerprint);
        mem_free(c->mem, c->kinds.items[i].reason);
        mem_free(c->mem, c->kinds.items[i].runs.items);
    }
    for (size_t i = 0; i < c->parts.count; i++) {
        scenario_free(c->parts.items[i].s);
    }
    mem_free(c->mem, c->parts.items);
    mem_free(c->mem, c->kinds.items);
    mem_free(c->mem, c->pending.items);
    mem_free(c->mem, c->hits);
    mem_free(c->mem, c);
}

/* Order ---------------------------------------------------------------------------------------- */

/* A diagonal, so that each shard gets its share of every scenario. */
static bool is_ours(const struct campaign *c, uint64_t number)
{
    uint64_t place = number / c->parts.count + number % c->parts.count;
    return place % c->options.shards == c->options.shard - 1;
}

static uint64_t count_ours(const struct campaign *c)
{
    uint64_t shards = c->options.shards;
    uint64_t total = 0;
    for (size_t i = 0; i < c->parts.count; i++) {
        uint64_t first = (c->options.shard - 1 + shards - i % shards) % shards;
        total += c->seeds > first ? (c->seeds - 1 - first) / shards + 1 : 0;
    }
    return total;
}

/* The first run of a campaign is one of them; 37 keeps the others from falling on one scenario. */
static bool is_twice(uint64_t number)
{
    return number % CAMPAIGN_TWICE_IN == 37 * (number / CAMPAIGN_TWICE_IN) % CAMPAIGN_TWICE_IN;
}

static void find_next(struct campaign *c)
{
    while (c->next < c->seeds * c->parts.count && !is_ours(c, c->next)) {
        c->next++;
    }
}

/* Counting, in order --------------------------------------------------------------------------- */

static int store_outcome(struct campaign *c, const struct pending *p)
{
    const struct scenario *s = c->parts.items[number_part(c, p->number)].s;
    uint64_t seed = number_seed(c, p->number);
    struct buf id;
    int64_t row = 0;
    if (c->store == NULL) {
        return 0;
    }
    buf_init(&id, c->mem);
    run_id(s, seed, c->options.build, &id);
    int err = store_begin(c->store, buf_cstr(&id), &row);
    if (err == 0) {
        run_save_summary(s, seed, c->options.build, &p->outcome.sum,
                         verdict_fails(p->outcome.sum.verdict), c->store, row);
        err = store_end(c->store);
    }
    buf_fini(&id);
    return err;
}

static bool is_complete(const struct pending *p)
{
    return p->done && (!p->twice || p->again_done);
}

static int count(struct campaign *c, struct pending *p)
{
    int err = store_outcome(c, p);
    tally_add(c, p->number, &p->outcome, p->outcome.hits == NULL);
    c->twice += p->again_done;
    c->differing += p->again_done && p->outcome.sum.verdict == VERDICT_NONDETERMINISTIC;
    result_drop(c->mem, &p->outcome);
    return err;
}

/* Counts what is complete from the front on. */
static int settle(struct campaign *c)
{
    int err = 0;
    while (err == 0 && c->settled < c->pending.count &&
           is_complete(&c->pending.items[c->settled]) && !c->by_failures) {
        err = count(c, &c->pending.items[c->settled++]);
        c->by_failures = c->options.failures_max > 0 && c->failing >= c->options.failures_max;
    }
    if (c->settled > PENDING_MAX) {
        c->pending.count -= c->settled;
        memmove(c->pending.items, c->pending.items + c->settled,
                c->pending.count * sizeof(c->pending.items[0]));
        c->settled = 0;
    }
    return err;
}

/* The campaign is over: what is complete behind a gap counts too, unless the order says that it
 * would not have been begun. */
static int settle_rest(struct campaign *c)
{
    int err = 0;
    for (size_t i = c->settled; i < c->pending.count && err == 0; i++) {
        struct pending *p = &c->pending.items[i];
        if (c->by_failures || !p->done) {
            c->first_missing = p->number < c->first_missing ? p->number : c->first_missing;
            continue;
        }
        err = count(c, p);
    }
    c->settled = c->pending.count;
    return err;
}

/* Giving and taking ---------------------------------------------------------------------------- */

static struct pending *pending_of(struct campaign *c, uint64_t number)
{
    for (size_t i = c->pending.count; i > c->settled; i--) {
        if (c->pending.items[i - 1].number == number) {
            return &c->pending.items[i - 1];
        }
    }
    UNREACHABLE();
}

/* The next job: second runs first. False: there is none now. */
static bool choose(struct campaign *c, struct pool_job *job)
{
    *job = (struct pool_job){0, JOB_AGAIN, true};
    for (size_t i = c->settled; i < c->pending.count; i++) {
        struct pending *p = &c->pending.items[i];
        if (p->done && p->twice && !p->again_done && !p->again_given) {
            p->again_given = true;
            job->tag = p->number;
            return true;
        }
    }
    find_next(c);
    if (c->by_time || c->next >= c->seeds * c->parts.count ||
        c->pending.count - c->settled >= PENDING_MAX) {
        return false;
    }
    struct pending *p = PUSH(c->mem, c->pending);
    p->number = c->next++;
    p->twice = is_twice(p->number);
    c->begun++;
    *job = (struct pool_job){p->number, JOB_RUN, false};
    return true;
}

static void read_outcome(struct campaign *c, const struct pool_result *result, struct run_result *o)
{
    const struct scenario *s = c->parts.items[number_part(c, result->job.tag)].s;
    memset(o, 0, sizeof(*o));
    if (result->crashed || job_read(c->mem, result->answer, o) != 0) {
        job_crashed(c->mem, s, result->status, o);
    }
}

static void take(struct campaign *c, const struct pool_result *result)
{
    struct pending *p = pending_of(c, result->job.tag);
    if (result->job.what == JOB_RUN) {
        read_outcome(c, result, &p->outcome);
        p->done = true;
        p->twice = p->twice && p->outcome.hits != NULL;
        return;
    }
    struct run_result again;
    read_outcome(c, result, &again);
    p->again_done = true;
    if (again.hits == NULL) {
        result_drop(c->mem, &p->outcome);
        p->outcome = again;
        return;
    }
    if (again.sum.trace_hash != p->outcome.sum.trace_hash ||
        again.sum.events != p->outcome.sum.events || again.sum.verdict != p->outcome.sum.verdict) {
        job_differs(c->mem, &p->outcome, &again);
    }
    result_drop(c->mem, &again);
}

static void tell_progress(struct campaign *c, bool keeping, bool now)
{
    int64_t clock = clock_ns();
    c->wall_ns = clock - c->started_ns;
    if (c->options.sink == NULL || (!now && clock - c->told_ns < TELL_NS)) {
        return;
    }
    c->told_ns = clock;
    struct campaign_progress progress = {.done = c->done,
                                         .total = c->total,
                                         .failing = c->failing,
                                         .sim_ns = c->sim_ns,
                                         .wall_ns = c->wall_ns,
                                         .keeping = keeping};
    for (size_t i = 0; i < c->kinds.count; i++) {
        progress.kinds += !c->kinds.items[i].known;
    }
    c->options.sink->progress(c->options.sink, &progress);
}

static int loop(struct campaign *c)
{
    int err = 0;
    while (err == 0 && !c->by_signal && !c->by_failures) {
        struct pool_job job;
        struct pool_result result;
        c->by_time = c->options.time_ns > 0 && clock_ns() - c->started_ns >= c->options.time_ns;
        while (err == 0 && pool_has_room(c->pool) && choose(c, &job)) {
            err = pool_give(c->pool, &job);
        }
        if (err != 0 || pool_busy(c->pool) == 0) {
            break;
        }
        switch (pool_wait(c->pool, WAIT_MS, &result)) {
        case POOL_RESULT:
            take(c, &result);
            err = settle(c);
            break;
        case POOL_SIGNAL: c->by_signal = true; break;
        case POOL_TIMEOUT: break;
        }
        tell_progress(c, false, false);
    }
    return err;
}

/* Whole runs ----------------------------------------------------------------------------------- */

static int keep_one(struct campaign *c, enum verdict verdict, struct failed_run *run,
                    struct buf *why)
{
    bool differs = verdict == VERDICT_NONDETERMINISTIC;
    struct pool_job job = {run->number, differs ? JOB_WHOLE_DIFFERS : JOB_WHOLE, true};
    struct pool_result result;
    int err = pool_give(c->pool, &job);
    enum pool_event event = POOL_TIMEOUT;
    while (err == 0 && event == POOL_TIMEOUT) {
        event = pool_wait(c->pool, WAIT_MS, &result);
        tell_progress(c, true, false);
    }
    if (err != 0 || event == POOL_SIGNAL) {
        return err != 0 ? err : ERR_CANCELED;
    }
    run->crashed = run->crashed || result.crashed;
    run->whole = !result.crashed && result.answer.len == 0;
    c->whole += run->whole;
    if (!result.crashed && result.answer.len > 0) {
        buf_add_slice(why, result.answer);
        return ERR_IO;
    }
    return 0;
}

/* By determinism a run can be had again with all its events; so none is written down while all is
 * well. One after the other, in order: the numbers in the database do not depend on workers. */
static int keep_whole(struct campaign *c, struct buf *why)
{
    int err = 0;
    for (size_t i = 0; i < c->kinds.count && err == 0; i++) {
        struct kind *k = &c->kinds.items[i];
        for (size_t j = 0; j < k->runs.count && j < CAMPAIGN_WHOLE_MAX && err == 0; j++) {
            /* A run that ends its process would do so again. */
            if (!k->runs.items[j].crashed) {
                err = keep_one(c, k->verdict, &k->runs.items[j], why);
            }
        }
    }
    return err == ERR_CANCELED ? 0 : err;
}

static int run_all(struct campaign *c, struct buf *why)
{
    int err = loop(c);
    int late = settle_rest(c);
    err = err != 0 ? err : late;
    if (err != 0 && c->store != NULL) {
        buf_printf(why, "%s: %s", c->options.db, store_error(c->store));
    } else if (err != 0) {
        buf_add_str(why, "no process could be started");
    }
    find_next(c);
    c->first_missing = c->next < c->first_missing ? c->next : c->first_missing;
    store_close(c->store);
    c->store = NULL;
    if (err == 0) {
        /* Workers that are still at a run which no longer counts end here. */
        pool_free(c->pool);
        c->pool = NULL;
        err = pool_new(c->mem, 1, job_work, c, &c->pool);
        err = err == 0 ? keep_whole(c, why) : err;
    }
    return err;
}

int campaign_go(struct campaign *c, struct buf *why)
{
    ASSERT(c->parts.count > 0 && c->begun == 0);
    c->started_ns = clock_ns();
    c->total = count_ours(c);
    if (c->options.db != NULL && store_open(c->options.db, c->mem, &c->store, why) != 0) {
        return ERR_IO;
    }
    int err = pool_new(c->mem, c->options.jobs, job_work, c, &c->pool);
    if (err == 0) {
        err = run_all(c, why);
    } else {
        buf_add_str(why, "no process could be started");
    }
    store_close(c->store);
    pool_free(c->pool);
    c->store = NULL;
    c->pool = NULL;
    tell_progress(c, false, true);
    return err;
}

enum verdict campaign_worst(const struct campaign *c)
{
    bool unmet = c->worst < VERDICT_UNMET && probes_fail(c);
    return unmet ? VERDICT_UNMET : c->worst;
}

int campaign_exit(const struct campaign *c)
{
    return verdict_exit(campaign_worst(c));
}
