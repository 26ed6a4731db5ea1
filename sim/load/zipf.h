/* Zipf's weights in integers, so that every compiler draws the same keys. */
#ifndef LOAD_ZIPF_H
#define LOAD_ZIPF_H

#include <stdint.h>

/* rank^-(tenths/10), scaled so that rank 1 weighs 2^40; at least 1. rank >= 1; tenths <= 30. */
uint64_t zipf_weight(uint64_t rank, uint32_t tenths);

#endif
