/* Worker processes: each does one job at a time, and a job that ends its process ends nothing else.
 *
 * The work is a function that the caller names; it runs in a fork of the caller, so that jobs and
 * answers are bytes and nothing is shared. An ordinary worker goes on to the next job. A job that
 * asks to be done `alone` gets a process of its own, whose heap lies elsewhere and whose fresh
 * memory holds other bytes: what comes out differently there depends on one of them.
 *
 * It knows nothing of runs. While a pool lives, SIGINT and SIGTERM do not end the process but are
 * told by pool_wait; workers ignore both and end with their pool.
 */
#ifndef CAMPAIGN_POOL_H
#define CAMPAIGN_POOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/slice.h"

struct pool_job {
    uint64_t tag;
    uint32_t what;
    bool alone;
};

/* In the worker: adds the answer to `out`. */
typedef void pool_work(void *ctx, const struct pool_job *job, struct buf *out);

struct pool_result {
    struct pool_job job;
    bool crashed;
    int status;          /* crashed: of waitpid */
    struct slice answer; /* borrowed until the next call */
};

enum pool_event {
    POOL_RESULT,
    POOL_TIMEOUT,
    POOL_SIGNAL
};

struct pool;

/* Borrows ctx. ERR_LIMIT if the system gives no more descriptors. */
int pool_new(struct mem *mem, size_t workers, pool_work *work, void *ctx,
             struct pool **out) MUST_CHECK;
/* Ends every worker at once, whatever it does. */
void pool_free(struct pool *pool);

/* Room for one more job. */
bool pool_has_room(const struct pool *pool);
size_t pool_busy(const struct pool *pool);
/* Only if there is room. ERR_LIMIT if no process could be started. */
int pool_give(struct pool *pool, const struct pool_job *job) MUST_CHECK;
/* Waits for an answer, a signal, or this long. */
enum pool_event pool_wait(struct pool *pool, int timeout_ms, struct pool_result *result);

#endif
