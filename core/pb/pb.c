#include "pb/pb.h"

#include "base/assert.h"

/* The depth keeps the library's recursion below 64 KiB of stack: a frame of it is about 800 bytes.
 * A nested Txn takes two levels for each of its own. */
const struct pb_limits pb_limits_request = {
    .depth_max = 64,
    .fields_max = 1u << 20,
    .bytes_base = 32 * 1024,
    .bytes_per_byte = 6,
};

const struct pb_limits pb_limits_response = {
    .depth_max = 64,
    .fields_max = 1u << 26,
    .bytes_base = 64 * 1024,
    .bytes_per_byte = 24,
};

static void *hook_alloc(void *data, size_t size)
{
    return mem_alloc(data, size);
}

static void hook_free(void *data, void *p)
{
    mem_free(data, p);
}

static ProtobufCAllocator allocator_of(struct mem *mem)
{
    return (ProtobufCAllocator){hook_alloc, hook_free, mem};
}

int pb_unpack(struct mem *mem, const ProtobufCMessageDescriptor *type, struct slice bytes,
              const struct pb_limits *limits, ProtobufCMessage **message)
{
    static const uint8_t nothing[1];
    *message = NULL;
    struct pb_cost cost;
    int err = pb_scan(bytes, type, limits, &cost);
    if (err != 0) {
        return err;
    }
    ProtobufCAllocator allocator = allocator_of(mem);
    uint64_t before = mem->bytes;
    /* An empty message is legal; the library wants a pointer all the same. */
    const uint8_t *ptr = bytes.ptr != NULL ? bytes.ptr : nothing;
    *message = protobuf_c_message_unpack(type, &allocator, bytes.len, ptr);
    if (*message == NULL) {
        return ERR_PROTO;
    }
    ASSERT(mem->bytes - before <= cost.bytes_kept);
    return 0;
}

void pb_free(struct mem *mem, ProtobufCMessage *message)
{
    if (message == NULL) {
        return;
    }
    ProtobufCAllocator allocator = allocator_of(mem);
    protobuf_c_message_free_unpacked(message, &allocator);
}

void pb_pack(const ProtobufCMessage *message, struct buf *out)
{
    size_t size = protobuf_c_message_get_packed_size(message);
    size_t written = protobuf_c_message_pack(message, buf_reserve(out, size));
    ASSERT(written == size);
    out->len += size;
}

size_t pb_packed_size(const ProtobufCMessage *message)
{
    return protobuf_c_message_get_packed_size(message);
}
