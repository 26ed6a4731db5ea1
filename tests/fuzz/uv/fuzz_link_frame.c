/* Bytes of a peer on a record link. The first byte says in what pieces they arrive: the outcome may
 * not depend on it, and memory follows what was received. */
#include <stdlib.h>

#include "base/assert.h"
#include "base/hash.h"
#include "base/limits.h"
#include "link_frame.h"

#define MEMORY_SLACK 65536

struct outcome {
    uint64_t digest; /* of the records */
    int end;         /* 0 or the error */
};

static struct outcome read_in_pieces(struct slice bytes, size_t piece)
{
    struct mem_pool *pool = mem_pool_new(MEMORY_SLACK + 8 * bytes.len, 0xEE);
    struct outcome outcome = {0, 0};
    struct link_reader reader;
    link_reader_init(&reader, mem_pool_mem(pool));
    while (bytes.len > 0 && outcome.end == 0) {
        size_t len = bytes.len < piece ? bytes.len : piece;
        struct slice input = slice_of(bytes.ptr, len);
        struct slice record;
        bytes = slice_from(bytes, len);
        int rc;
        while ((rc = link_reader_next(&reader, &input, &record)) == 1) {
            ASSERT(record.len <= RECORD_BYTES_MAX);
            outcome.digest = hash64(record.ptr, record.len, outcome.digest + 1);
        }
        ASSERT_IF(rc == 0, input.len == 0);
        outcome.end = rc;
    }
    link_reader_fini(&reader);
    ASSERT(mem_pool_mem(pool)->bytes == 0);
    mem_pool_free(pool);
    return outcome;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) {
        return 0;
    }
    struct slice bytes = slice_of(data + 1, size - 1);
    struct outcome pieces = read_in_pieces(bytes, (size_t)data[0] + 1);
    struct outcome whole = read_in_pieces(bytes, size);
    ASSERT(pieces.digest == whole.digest);
    ASSERT(pieces.end == whole.end);
    return 0;
}
