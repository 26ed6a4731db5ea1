/* How many seeds a test over seeds runs: a fixed share, or with QUORATE_FULL in the environment the
 * number that the project holds itself to. Said on standard output either way.
 */
#ifndef TESTS_SUPPORT_SEEDS_H
#define TESTS_SUPPORT_SEEDS_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

static inline uint64_t seeds_to_run(uint64_t share, uint64_t full)
{
    uint64_t count = getenv("QUORATE_FULL") != NULL ? full : share;
    printf("seeds 1..%llu of %llu\n", (unsigned long long)count, (unsigned long long)full);
    return count;
}

#endif
