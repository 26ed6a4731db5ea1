#include "client/policy.h"

#include "base/assert.h"

bool policy_may_retry(bool repeatable, enum grpc_status status, uint32_t attempts)
{
    return repeatable && status == GRPC_UNAVAILABLE && attempts < POLICY_ATTEMPTS_MAX;
}

/* base more or less a part in `spread` of it. */
static int64_t jitter(int64_t base, int64_t spread, struct rng *rng)
{
    return base + rng_range(rng, -base / spread, base / spread);
}

int64_t policy_retry_wait_ns(uint32_t attempts, size_t endpoints, struct rng *rng)
{
    ASSERT(attempts > 0);
    ASSERT(endpoints > 0);
    size_t quorum = endpoints / 2 + 1;
    return attempts % quorum == 0 ? jitter(POLICY_RETRY_NS, 10, rng) : 0;
}

int64_t policy_backoff_ns(uint32_t failures, struct rng *rng)
{
    int64_t wait = POLICY_BACKOFF_FIRST_NS;
    for (uint32_t i = 0; i < failures && wait < POLICY_BACKOFF_MAX_NS; i++) {
        wait = wait / 5 * 8;
    }
    if (wait > POLICY_BACKOFF_MAX_NS) {
        wait = POLICY_BACKOFF_MAX_NS;
    }
    return failures == 0 ? wait : jitter(wait, 5, rng);
}
