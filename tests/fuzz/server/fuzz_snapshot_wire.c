/* Any bytes as what members say to each other about snapshots, and as the first chunk of one: what
 * decodes must encode to the same bytes. The first byte chooses the kind. */
#include <stddef.h>
#include <stdint.h>

#include "base/assert.h"
#include "snapshot_wire.h"
#include "state/state.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool ask(struct slice bytes, struct buf *again)
{
    struct snapshot_ask ask;
    if (snapshot_get_ask(bytes, &ask) != 0) {
        return false;
    }
    snapshot_put_ask(again, &ask);
    return true;
}

static bool piece(struct slice bytes, struct buf *again)
{
    struct snapshot_piece piece;
    if (snapshot_get_piece(bytes, &piece) != 0) {
        return false;
    }
    ASSERT(piece.bytes.len > 0 && piece.offset + piece.bytes.len <= piece.size);
    snapshot_put_piece(again, &piece);
    return true;
}

static bool end(struct slice bytes, struct buf *again)
{
    struct snapshot_end end;
    if (snapshot_get_end(bytes, &end) != 0) {
        return false;
    }
    snapshot_put_end(again, &end);
    return true;
}

static bool member(struct slice bytes, struct buf *again)
{
    struct state state;
    state_init(&state, again->mem);
    bool good = state_decode(&state, bytes) == 0;
    if (good) {
        membership_check(&state.members);
        state_encode(state.index, state.term, state.cluster_version, &state.alarms, &state.members,
                     again);
    }
    state_fini(&state);
    return good;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static bool (*const kinds[])(struct slice, struct buf *) = {ask, piece, end, member};
    if (size == 0) {
        return 0;
    }
    struct mem_pool *pool = mem_pool_new(128 * 1024 + 64 * (uint64_t)size, 0xA5);
    struct mem *mem = mem_pool_mem(pool);
    struct slice bytes = slice_of(data + 1, size - 1);
    struct buf again;
    buf_init(&again, mem);
    if (kinds[data[0] % 4](bytes, &again)) {
        ASSERT(slice_eq(buf_slice(&again), bytes));
    }
    buf_fini(&again);
    ASSERT(mem->count == 0);
    mem_pool_free(pool);
    return 0;
}
