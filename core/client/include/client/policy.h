/* What is tried again, and when: the whole of it, as pure functions.
 *
 * Source: etcd 3.4's client/v3 retry and round-robin code and grpc-go 1.33's connection back-off,
 * as observed.
 */
#ifndef CLIENT_POLICY_H
#define CLIENT_POLICY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/duration.h"
#include "base/err.h"
#include "base/rng.h"

#define POLICY_ATTEMPTS_MAX       100
#define POLICY_RETRY_NS           (25 * MS_NS)
#define POLICY_BACKOFF_FIRST_NS   SEC_NS
#define POLICY_BACKOFF_MAX_NS     (120 * SEC_NS)
#define POLICY_CONNECT_TIMEOUT_NS (20 * SEC_NS)
#define POLICY_KEEPALIVE_MIN_NS   (10 * SEC_NS)

/* After an attempt, the `attempts`-th, that ended with this status: again? Reads on Unavailable,
 * whatever the reason; writes never, once sent. */
bool policy_may_retry(bool repeatable, enum grpc_status status, uint32_t attempts);

/* How long to wait before attempt number `attempts` (from 1): 25 ms, 10 % more or less, once a
 * quorum of endpoints had its turn, else nothing. Draws once, or not at all. */
int64_t policy_retry_wait_ns(uint32_t attempts, size_t endpoints, struct rng *rng);

/* How long to wait after the failures-th failed dial in a row (from 0): 1 s, then times 1.6 each,
 * 20 % more or less, at most 120 s before that spread. Draws once if failures > 0. */
int64_t policy_backoff_ns(uint32_t failures, struct rng *rng);

#endif
