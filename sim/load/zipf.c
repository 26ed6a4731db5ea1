#include "zipf.h"

/* 2^(2^-k) in 1/2^32, k from 1. */
static const uint64_t roots[] = {
    6074001000, 5107605667, 4683695048, 4485121744, 4389014833, 4341736423, 4318288544, 4306612134,
    4300785774, 4297875550, 4296421177, 4295694175, 4295330720, 4295149004, 4295058149, 4295012722};

/* log2(n) in 1/65536: the digits come one by one by squaring. */
static uint64_t log2_fixed(uint64_t n)
{
    uint64_t whole = 63 - (uint64_t)__builtin_clzll(n);
    uint64_t x = whole >= 32 ? n >> (whole - 32) : n << (32 - whole); /* 1 <= x/2^32 < 2 */
    uint64_t out = whole << 16;
    for (int i = 15; i >= 0; i--) {
        x = (uint64_t)(((unsigned __int128)x * x) >> 32);
        if (x >= UINT64_C(2) << 32) {
            x >>= 1;
            out |= UINT64_C(1) << i;
        }
    }
    return out;
}

uint64_t zipf_weight(uint64_t rank, uint32_t tenths)
{
    uint64_t power = log2_fixed(rank) * tenths / 10;
    uint64_t whole = power >> 16;
    uint64_t x = UINT64_C(1) << 32;
    for (int k = 0; k < 16; k++) {
        if ((power & (UINT64_C(1) << (15 - k))) != 0) {
            x = (uint64_t)(((unsigned __int128)x * roots[k]) >> 32);
        }
    }
    if (whole >= 40) {
        return 1;
    }
    uint64_t weight = (uint64_t)((((unsigned __int128)1 << 72) / x) >> whole);
    return weight > 0 ? weight : 1;
}
