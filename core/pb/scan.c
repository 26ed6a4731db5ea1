/* The walk before unpacking. It follows the wire by the descriptor, as protobuf-c will, and adds up
 * what protobuf-c will allocate:
 *
 *   each message         its struct
 *   a repeated field     one array, an element for each occurrence
 *   string, bytes        a copy; strings with a NUL behind them
 *   an unknown field     a table entry and a copy
 *   while it works       a table of scanned fields per open message, in slabs of 16, 32, 64, …
 *                        entries, of which the first lies on the stack
 */
#include "base/assert.h"
#include "base/probe.h"
#include "pb/pb.h"

#define VARINT_BYTES_MAX 10
#define FIELD_NUMBER_MAX ((1u << 29) - 1)
#define SLAB_FIRST       UINT64_C(16)
#define SLAB_ENTRY_BYTES 32

struct scan {
    const struct pb_limits *limits;
    uint64_t bytes_max;
    struct pb_cost cost;
};

/* One field as it stands on the wire. */
struct field {
    uint32_t number;
    uint32_t wire_type;
    struct slice value; /* without the length prefix */
};

static struct slice take(struct slice *in, size_t n)
{
    struct slice head = slice_of(in->ptr, n);
    ASSERT(n <= in->len);
    in->ptr += n;
    in->len -= n;
    return head;
}

/* Takes one varint off the front. The tenth byte holds a single bit (encoding specification). */
static int take_varint(struct slice *in, uint64_t *value)
{
    uint64_t v = 0;
    for (size_t i = 0; i < VARINT_BYTES_MAX && i < in->len; i++) {
        uint8_t byte = in->ptr[i];
        if (i == VARINT_BYTES_MAX - 1 && byte > 1) {
            PROBE("pb.varint_overflow");
            return ERR_PROTO;
        }
        v |= (uint64_t)(byte & 0x7f) << (7 * i);
        if ((byte & 0x80) == 0) {
            take(in, i + 1);
            *value = v;
            return 0;
        }
    }
    return ERR_PROTO;
}

static int take_fixed(struct slice *in, uint64_t size, struct slice *value)
{
    if (size > in->len) {
        return ERR_PROTO;
    }
    *value = take(in, (size_t)size);
    return 0;
}

static int take_field(struct slice *in, struct field *field)
{
    uint64_t tag;
    int err = take_varint(in, &tag);
    if (err != 0) {
        return err;
    }
    if (tag >> 3 == 0 || tag >> 3 > FIELD_NUMBER_MAX) {
        return ERR_PROTO;
    }
    field->number = (uint32_t)(tag >> 3);
    field->wire_type = (uint32_t)(tag & 7);
    const uint8_t *start = in->ptr;
    uint64_t number;
    switch (field->wire_type) {
    case PROTOBUF_C_WIRE_TYPE_VARINT:
        err = take_varint(in, &number);
        field->value = slice_of(start, (size_t)(in->ptr - start));
        return err;
    case PROTOBUF_C_WIRE_TYPE_64BIT: return take_fixed(in, 8, &field->value);
    case PROTOBUF_C_WIRE_TYPE_32BIT: return take_fixed(in, 4, &field->value);
    case PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED:
        err = take_varint(in, &number);
        return err != 0 ? err : take_fixed(in, number, &field->value);
    default: PROBE("pb.group"); return ERR_PROTO;
    }
}

static uint32_t wire_type_of(ProtobufCType type)
{
    switch (type) {
    case PROTOBUF_C_TYPE_SFIXED32:
    case PROTOBUF_C_TYPE_FIXED32:
    case PROTOBUF_C_TYPE_FLOAT: return PROTOBUF_C_WIRE_TYPE_32BIT;
    case PROTOBUF_C_TYPE_SFIXED64:
    case PROTOBUF_C_TYPE_FIXED64:
    case PROTOBUF_C_TYPE_DOUBLE: return PROTOBUF_C_WIRE_TYPE_64BIT;
    case PROTOBUF_C_TYPE_STRING:
    case PROTOBUF_C_TYPE_BYTES:
    case PROTOBUF_C_TYPE_MESSAGE: return PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED;
    default: return PROTOBUF_C_WIRE_TYPE_VARINT;
    }
}

static size_t element_size(ProtobufCType type)
{
    switch (type) {
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_SINT64:
    case PROTOBUF_C_TYPE_SFIXED64:
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_FIXED64:
    case PROTOBUF_C_TYPE_DOUBLE: return 8;
    case PROTOBUF_C_TYPE_STRING:
    case PROTOBUF_C_TYPE_MESSAGE: return sizeof(void *);
    case PROTOBUF_C_TYPE_BYTES: return sizeof(ProtobufCBinaryData);
    default: return 4; /* the 32-bit numbers, enums and booleans */
    }
}

/* How many numbers a packed field holds; each must be whole. */
static int count_packed(ProtobufCType type, struct slice value, uint64_t *count)
{
    uint32_t wire_type = wire_type_of(type);
    *count = 0;
    if (wire_type != PROTOBUF_C_WIRE_TYPE_VARINT) {
        size_t size = wire_type == PROTOBUF_C_WIRE_TYPE_32BIT ? 4 : 8;
        *count = value.len / size;
        return value.len % size == 0 ? 0 : ERR_PROTO;
    }
    while (value.len > 0) {
        uint64_t number;
        int err = take_varint(&value, &number);
        if (err != 0) {
            return err;
        }
        ++*count;
    }
    return 0;
}

static uint64_t slab_bytes(uint64_t fields)
{
    uint64_t bytes = 0;
    uint64_t room = SLAB_FIRST;
    for (uint64_t size = 2 * SLAB_FIRST; fields > room; size *= 2) {
        bytes += size * SLAB_ENTRY_BYTES;
        room += size;
    }
    return bytes;
}

static int keep(struct scan *s, uint64_t bytes)
{
    s->cost.bytes_kept += bytes;
    if (s->cost.bytes_kept > s->bytes_max) {
        PROBE("pb.bloated");
        return ERR_LIMIT;
    }
    return 0;
}

static int scan_message(struct scan *s, const ProtobufCMessageDescriptor *type, struct slice in,
                        uint32_t depth, uint64_t *working);

/* A field that holds several numbers at once. Either form is legal for a repeated number. */
static bool is_packed(const ProtobufCFieldDescriptor *d, const struct field *field)
{
    return d->label == PROTOBUF_C_LABEL_REPEATED &&
           field->wire_type == PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED &&
           wire_type_of(d->type) != PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED;
}

static int scan_known(struct scan *s, const ProtobufCFieldDescriptor *d, const struct field *field,
                      uint32_t depth, uint64_t *working)
{
    bool repeated = d->label == PROTOBUF_C_LABEL_REPEATED;
    if (is_packed(d, field)) {
        uint64_t count;
        int err = count_packed(d->type, field->value, &count);
        return err != 0 ? err : keep(s, count * element_size(d->type));
    }
    if (field->wire_type != wire_type_of(d->type)) {
        PROBE("pb.wrong_wire_type");
        return ERR_PROTO;
    }
    int err = keep(s, repeated ? element_size(d->type) : 0);
    if (err != 0) {
        return err;
    }
    switch (d->type) {
    case PROTOBUF_C_TYPE_STRING:
        if (!slice_is_utf8(field->value) || slice_find(field->value, 0) >= 0) {
            PROBE("pb.bad_string");
            return ERR_PROTO;
        }
        return keep(s, field->value.len + 1);
    case PROTOBUF_C_TYPE_BYTES: return keep(s, field->value.len);
    case PROTOBUF_C_TYPE_MESSAGE:
        return scan_message(s, d->descriptor, field->value, depth + 1, working);
    default: return 0;
    }
}

/* True if the field is a sub-message that may stand once and has stood before. */
static bool stands_twice(const ProtobufCMessageDescriptor *type, const ProtobufCFieldDescriptor *d,
                         uint64_t *seen)
{
    if (d->type != PROTOBUF_C_TYPE_MESSAGE || d->label == PROTOBUF_C_LABEL_REPEATED ||
        (d->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) != 0) {
        return false;
    }
    ASSERT(type->n_fields <= 64);
    uint64_t bit = UINT64_C(1) << (d - type->fields);
    bool twice = (*seen & bit) != 0;
    *seen |= bit;
    return twice;
}

/* working: what the library's tables for this message and the worst one inside it take. */
static int scan_message(struct scan *s, const ProtobufCMessageDescriptor *type, struct slice in,
                        uint32_t depth, uint64_t *working)
{
    if (depth > s->limits->depth_max) {
        PROBE("pb.too_deep");
        return ERR_LIMIT;
    }
    s->cost.depth = depth > s->cost.depth ? depth : s->cost.depth;
    int err = keep(s, type->sizeof_message);
    uint64_t fields = 0;
    uint64_t inside = 0;
    uint64_t seen = 0;
    while (err == 0 && in.len > 0) {
        struct field field;
        err = take_field(&in, &field);
        if (err != 0) {
            return err;
        }
        fields++;
        s->cost.fields++;
        if (s->cost.fields > s->limits->fields_max ||
            s->cost.bytes_kept + slab_bytes(fields) > s->bytes_max) {
            PROBE("pb.too_many_fields");
            return ERR_LIMIT;
        }
        const ProtobufCFieldDescriptor *d =
            protobuf_c_message_descriptor_get_field(type, field.number);
        if (d == NULL) {
            err =
                keep(s, sizeof(ProtobufCMessageUnknownField) + field.value.len + VARINT_BYTES_MAX);
            continue;
        }
        if (stands_twice(type, d, &seen)) {
            PROBE("pb.repeated_singular");
            return ERR_PROTO;
        }
        uint64_t one = 0;
        err = scan_known(s, d, &field, depth, &one);
        inside = one > inside ? one : inside;
    }
    *working = slab_bytes(fields) + inside;
    return err;
}

int pb_scan(struct slice bytes, const ProtobufCMessageDescriptor *type,
            const struct pb_limits *limits, struct pb_cost *cost)
{
    ASSERT(type->magic == PROTOBUF_C__MESSAGE_DESCRIPTOR_MAGIC);
    ASSERT(limits->depth_max > 0);
    struct scan s = {.limits = limits};
    s.bytes_max = limits->bytes_base + (uint64_t)bytes.len * limits->bytes_per_byte;
    uint64_t working = 0;
    int err = scan_message(&s, type, bytes, 1, &working);
    s.cost.bytes_peak = s.cost.bytes_kept + working;
    if (err == 0 && s.cost.bytes_peak > s.bytes_max) {
        PROBE("pb.bloated_while_working");
        err = ERR_LIMIT;
    }
    if (cost != NULL) {
        *cost = s.cost;
    }
    return err;
}
