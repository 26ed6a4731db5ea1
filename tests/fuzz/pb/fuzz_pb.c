/* Any bytes as any message: the first byte chooses the type. What the scan lets pass must unpack,
 * within the predicted memory, pack again, and come back to zero bytes when freed. */
#include "base/assert.h"
#include "base/mem.h"
#include "pb/pb.h"
#include "pb/rpc.pb-c.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const ProtobufCMessageDescriptor *const types[] = {
    &etcdserverpb__txn_request__descriptor,
    &etcdserverpb__range_request__descriptor,
    &etcdserverpb__put_request__descriptor,
    &etcdserverpb__range_response__descriptor,
    &etcdserverpb__member_add_response__descriptor,
    &etcdserverpb__watch_create_request__descriptor,
    &etcdserverpb__status_response__descriptor,
    &etcdserverpb__compare__descriptor,
    &etcdserverpb__member_update_request__descriptor,
    &etcdserverpb__alarm_request__descriptor,
};

static ProtobufCMessage *check(struct mem *mem, const ProtobufCMessageDescriptor *type,
                               struct slice bytes)
{
    const struct pb_limits *limits = &pb_limits_request;
    ProtobufCMessage *message;
    struct pb_cost cost;
    uint64_t before = mem->bytes;
    int scanned = pb_scan(bytes, type, limits, &cost);
    ASSERT(cost.depth <= limits->depth_max);
    mem->bytes_peak = before;
    int err = pb_unpack(mem, type, bytes, limits, &message);
    ASSERT(err == scanned);
    ASSERT((message != NULL) == (err == 0));
    ASSERT_IF(err != 0, mem->bytes_peak == before);
    ASSERT_IF(err == 0, mem->bytes_peak - before <= cost.bytes_peak);
    ASSERT(mem->bytes_peak - before <=
           limits->bytes_base + (uint64_t)bytes.len * limits->bytes_per_byte);
    return message;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) {
        return 0;
    }
    const ProtobufCMessageDescriptor *type = types[data[0] % (sizeof(types) / sizeof(types[0]))];
    struct mem_pool *pool = mem_pool_new(64u << 20, 0xa5);
    struct mem *mem = mem_pool_mem(pool);
    ProtobufCMessage *message = check(mem, type, slice_of(data + 1, size - 1));
    if (message != NULL) {
        struct buf packed;
        buf_init(&packed, mem);
        pb_pack(message, &packed);
        ASSERT(packed.len == pb_packed_size(message));
        pb_free(mem, message);
        ProtobufCMessage *again = check(mem, type, buf_slice(&packed));
        ASSERT(again != NULL);
        pb_free(mem, again);
        buf_fini(&packed);
    }
    ASSERT(mem->bytes == 0);
    ASSERT(mem->count == 0);
    mem_pool_free(pool);
    return 0;
}
