/* Protocol Buffers: the client API's messages between bytes and structs.
 *
 * protoc-c turns the .proto files of this folder into structs and descriptors ("pb/rpc.pb-c.h");
 * protobuf-c packs and unpacks them. protobuf-c trusts its input: it nests without limit, turns two
 * bytes of wire into a hundred of memory, takes any bytes as UTF-8 and cuts strings at NUL. So
 * every message is scanned by its descriptor before it is unpacked, and only what the scan lets
 * pass reaches the library.
 *
 * A struct is begun by its `…__init(&message)`; the INIT macros cast constness away, which clang
 * refuses.
 *
 * Knows base only. Invariants: nothing is allocated for a message that the scan refuses; unpacking
 * never uses more than the scan predicted; what pb_unpack gave, pb_free takes back to the byte.
 */
#ifndef PB_PB_H
#define PB_PB_H

#include <protobuf-c/protobuf-c.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/slice.h"

/* How much a message may be. Unpacked, n bytes of wire may become bytes_base + n * bytes_per_byte
 * bytes of memory, the library's own tables while it works included. */
struct pb_limits {
    uint32_t depth_max; /* messages inside messages; the outermost has depth 1 */
    uint32_t fields_max;
    uint32_t bytes_base;
    uint32_t bytes_per_byte;
};

/* For a server, whose clients are strangers. Together with the received bytes themselves and one
 * HTTP/2 session this stays below 64 KiB + 8 times what was received. */
extern const struct pb_limits pb_limits_request;
/* For a client, whose server it chose: an answer of many tiny keys is larger unpacked. */
extern const struct pb_limits pb_limits_response;

struct pb_cost {
    uint64_t fields;
    uint64_t bytes_kept; /* what the unpacked message holds */
    uint64_t bytes_peak; /* that and the library's tables at the worst moment */
    uint32_t depth;
};

/* Walks the bytes of one message without allocating. Fills `cost` (may be NULL) as far as it came.
 *
 * ERR_PROTO: a truncated or overlong varint or field, field number 0 or above 2^29 - 1, a wire type
 * that is not the field's, a group, a string that is not UTF-8 or contains NUL, a second copy of a
 * sub-message that is not repeated (merging them would cost quadratic time; nobody sends that).
 * ERR_LIMIT: one of the limits is passed. Fields that the descriptor does not know are skipped. */
int pb_scan(struct slice bytes, const ProtobufCMessageDescriptor *type,
            const struct pb_limits *limits, struct pb_cost *cost) MUST_CHECK;

/* Scans, then unpacks into memory of `mem`. Gives *message, to be freed by pb_free with the same
 * mem. Fails as pb_scan does; *message is then NULL. */
int pb_unpack(struct mem *mem, const ProtobufCMessageDescriptor *type, struct slice bytes,
              const struct pb_limits *limits, ProtobufCMessage **message) MUST_CHECK;

/* message may be NULL. Only for what pb_unpack gave. */
void pb_free(struct mem *mem, ProtobufCMessage *message);

/* Appends the message's bytes. Fields at their default are not written (proto3). The message
 * borrows whatever its pointers name; nothing is freed. */
void pb_pack(const ProtobufCMessage *message, struct buf *out);

/* How many bytes pb_pack would append. */
size_t pb_packed_size(const ProtobufCMessage *message);

static inline struct slice pb_slice(ProtobufCBinaryData data)
{
    return slice_of(data.data, data.len);
}

/* A `bytes` field that borrows; protobuf-c has no const for it but does not write. */
static inline ProtobufCBinaryData pb_bytes(struct slice s)
{
    union {
        const uint8_t *read;
        uint8_t *written;
    } ptr = {.read = s.ptr};
    return (ProtobufCBinaryData){s.len, ptr.written};
}

/* A `string` field that borrows. */
static inline char *pb_string(const char *s)
{
    union {
        const char *read;
        char *written;
    } ptr = {.read = s};
    return ptr.written;
}

#endif
