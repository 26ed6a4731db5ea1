#include "base/rng.h"

#include <string.h>

#include "base/assert.h"
#include "base/hash.h"

/* Two rounds of the finaliser of SplitMix64 (Steele, Lea, Flood: "Fast splittable pseudorandom
 * number generators", 2014) over key and counter. */
static uint64_t finalise(uint64_t x)
{
    x ^= x >> 30;
    x *= UINT64_C(0xBF58476D1CE4E5B9);
    x ^= x >> 27;
    x *= UINT64_C(0x94D049BB133111EB);
    x ^= x >> 31;
    return x;
}

uint64_t rng_hash(uint64_t key, uint64_t n)
{
    return finalise(finalise(key + n * UINT64_C(0x9E3779B97F4A7C15)) ^ key);
}

struct rng rng_stream(uint64_t seed, const char *purpose, uint64_t node)
{
    uint64_t key = hash64(purpose, strlen(purpose), seed);
    return (struct rng){rng_hash(key, node), 0};
}

uint64_t rng_u64(struct rng *r)
{
    return rng_hash(r->key, r->n++);
}

uint64_t rng_below(struct rng *r, uint64_t below)
{
    ASSERT(below > 0);
    /* The high half of a 128-bit product: a bias below 2^-64 * below, and always one draw. */
    __extension__ typedef unsigned __int128 wide;
    return (uint64_t)(((wide)rng_u64(r) * below) >> 64);
}

int64_t rng_range(struct rng *r, int64_t low, int64_t high)
{
    ASSERT(low <= high);
    uint64_t span = (uint64_t)high - (uint64_t)low;
    if (span == UINT64_MAX) {
        return (int64_t)rng_u64(r);
    }
    return (int64_t)((uint64_t)low + rng_below(r, span + 1));
}

bool rng_chance(struct rng *r, uint32_t ppm)
{
    return rng_below(r, 1000000) < ppm;
}
