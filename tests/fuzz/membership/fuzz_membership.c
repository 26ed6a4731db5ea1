/* Any bytes as a change, a publication and a snapshot: what decodes must encode to the same bytes
 * and be applied without breaking the list. */
#include <stddef.h>
#include <stdint.h>

#include "base/assert.h"
#include "membership/membership.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void change(struct slice bytes, struct mem *mem)
{
    struct membership_change c;
    struct membership m;
    struct buf again;
    if (membership_change_decode(bytes, &c) != 0) {
        return;
    }
    buf_init(&again, mem);
    membership_init(&m, mem);
    membership_change_encode(&c, &again);
    ASSERT(slice_eq(buf_slice(&again), bytes));
    for (int i = 0; i < 2; i++) {
        int rv = membership_check_change(&m, &c);
        ASSERT(membership_apply(&m, &c) == rv);
        membership_check(&m);
    }
    buf_fini(&again);
    membership_fini(&m);
}

static void publication(struct slice bytes, struct mem *mem)
{
    struct membership_publish p;
    struct buf again;
    if (membership_publish_decode(bytes, &p) != 0) {
        return;
    }
    buf_init(&again, mem);
    membership_publish_encode(&p, &again);
    ASSERT(slice_eq(buf_slice(&again), bytes));
    buf_fini(&again);
}

static void snapshot(struct slice bytes, struct mem *mem)
{
    struct membership m;
    struct buf again;
    buf_init(&again, mem);
    membership_init(&m, mem);
    if (membership_decode(&m, bytes) == 0) {
        membership_check(&m);
        membership_encode(&m, &again);
        ASSERT(slice_eq(buf_slice(&again), bytes));
    }
    buf_fini(&again);
    membership_fini(&m);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct mem_pool *pool = mem_pool_new(64 * 1024 + 64 * (uint64_t)size, 0xA5);
    struct mem *mem = mem_pool_mem(pool);
    struct slice bytes = slice_of(data, size);
    change(bytes, mem);
    publication(bytes, mem);
    snapshot(bytes, mem);
    ASSERT(mem->count == 0);
    mem_pool_free(pool);
    return 0;
}
