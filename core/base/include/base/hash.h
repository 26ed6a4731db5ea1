/* The two checksums of the house: CRC-32C guards bytes on disks and links against damage (RFC 3720,
 * appendix B.4); the 64-bit hash (XXH64) names things and feeds digests. Neither is cryptographic.
 */
#ifndef BASE_HASH_H
#define BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

/* Continues from crc; start with 0. */
uint32_t crc32c(uint32_t crc, const void *ptr, size_t len);

uint64_t hash64(const void *ptr, size_t len, uint64_t seed);

/* One step of a rolling digest. */
static inline uint64_t hash64_mix(uint64_t h, uint64_t v)
{
    h ^= v;
    h *= UINT64_C(0x9E3779B97F4A7C15);
    h ^= h >> 32;
    h *= UINT64_C(0xD6E8FEB86659FD93);
    h ^= h >> 32;
    return h;
}

#endif
