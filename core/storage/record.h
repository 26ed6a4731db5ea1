/* What writing and reading of records share.
 */
#ifndef STORAGE_RECORD_H
#define STORAGE_RECORD_H

#include "format.h"

#define WAL_FLAG_ENDS 1

static const uint8_t wal_magic[8] = {0x89, 'Q', 'R', 'W', 'A', 'L', 0x0D, 0x0A};

static inline size_t wal_padded(size_t length)
{
    return (length + 7) & ~(size_t)7;
}

/* The head checksum of the record that begins at the tail. */
uint32_t wal_head_crc(const struct wal_tail *tail, const uint8_t *head);

#endif
