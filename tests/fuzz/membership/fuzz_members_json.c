/* Any bytes as a peer's answer to /members: what is read, written again, reads the same. */
#include <stddef.h>
#include <stdint.h>

#include "base/assert.h"
#include "membership/membership.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct mem_pool *pool = mem_pool_new(128 * 1024 + 32 * (uint64_t)size, 0xA5);
    struct mem *mem = mem_pool_mem(pool);
    struct membership m;
    struct membership again;
    struct buf json;
    buf_init(&json, mem);
    membership_init(&m, mem);
    membership_init(&again, mem);
    if (membership_read_json(&m, slice_of(data, size)) == 0) {
        membership_check(&m);
        membership_write_json(&m, &json);
        int rv = membership_read_json(&again, buf_slice(&json));
        ASSERT(rv == 0);
        ASSERT(membership_hash(&again) == membership_hash(&m));
    }
    membership_fini(&m);
    membership_fini(&again);
    buf_fini(&json);
    ASSERT(mem->count == 0);
    mem_pool_free(pool);
    return 0;
}
