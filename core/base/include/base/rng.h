/* Counter-based random numbers: the n-th draw of a stream is h(key, n), so one more draw in one
 * stream moves no other. A stream's key comes from its name; who opens it chooses the seed.
 */
#ifndef BASE_RNG_H
#define BASE_RNG_H

#include <stdbool.h>
#include <stdint.h>

struct rng {
    uint64_t key;
    uint64_t n; /* draws so far */
};

/* h(key, n), the mixing function itself. */
uint64_t rng_hash(uint64_t key, uint64_t n);
/* The stream `purpose` of `node` under `seed`. */
struct rng rng_stream(uint64_t seed, const char *purpose, uint64_t node);
uint64_t rng_u64(struct rng *r);
/* [0, below); below > 0. */
uint64_t rng_below(struct rng *r, uint64_t below);
/* [low, high], both included. */
int64_t rng_range(struct rng *r, int64_t low, int64_t high);
/* True with probability ppm / 1 000 000; always draws exactly once. */
bool rng_chance(struct rng *r, uint32_t ppm);

#endif
