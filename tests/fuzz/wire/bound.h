/* What every target of this folder checks: a peer makes us hold at most 64 KiB and 8 times the
 * bytes it sent, and in the end everything is given back. */
#ifndef TESTS_FUZZ_WIRE_BOUND_H
#define TESTS_FUZZ_WIRE_BOUND_H

#include "base/assert.h"
#include "base/slice.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* `more`: what our own side has put into it. */
static inline void check_bound(const struct mem *mem, uint64_t received, uint64_t more)
{
    ASSERT(mem->bytes_peak <= 65536 + 8 * received + more);
}

static inline void check_returned(struct mem_pool *pool)
{
    ASSERT(mem_pool_mem(pool)->bytes == 0);
    ASSERT(mem_pool_mem(pool)->count == 0);
    mem_pool_free(pool);
}

/* The first byte of an input says how the rest is cut: a chunk's length. */
static inline size_t chunk_of(uint8_t how)
{
    static const size_t chunks[] = {1, 2, 9, 17, 100, 511, 4096, SIZE_MAX};
    return chunks[how & 7];
}

static inline struct slice cut(struct slice *rest, size_t chunk)
{
    struct slice piece = slice_of(rest->ptr, rest->len < chunk ? rest->len : chunk);
    *rest = slice_from(*rest, piece.len);
    return piece;
}

#endif
