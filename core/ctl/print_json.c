/* Any message as Go's encoding/json writes etcd's structs: fields in order of the declaration, by
 * their names on the wire, those at their default left out, bytes in base64, enums as numbers. */
#include "base/assert.h"
#include "base/json.h"
#include "private.h"

static const void *at(const ProtobufCMessage *message, size_t offset)
{
    return (const uint8_t *)message + offset;
}

static void value(struct json *json, const ProtobufCFieldDescriptor *field, const void *p)
{
    switch (field->type) {
    case PROTOBUF_C_TYPE_INT32:
    case PROTOBUF_C_TYPE_ENUM: json_i64(json, *(const int32_t *)p); break;
    case PROTOBUF_C_TYPE_UINT32: json_u64(json, *(const uint32_t *)p); break;
    case PROTOBUF_C_TYPE_INT64: json_i64(json, *(const int64_t *)p); break;
    case PROTOBUF_C_TYPE_UINT64: json_u64(json, *(const uint64_t *)p); break;
    case PROTOBUF_C_TYPE_BOOL: json_bool(json, *(const protobuf_c_boolean *)p != 0); break;
    case PROTOBUF_C_TYPE_STRING: json_cstr(json, *(char *const *)p); break;
    case PROTOBUF_C_TYPE_BYTES: json_base64(json, pb_slice(*(const ProtobufCBinaryData *)p)); break;
    case PROTOBUF_C_TYPE_MESSAGE: json_message(json, *(ProtobufCMessage *const *)p); break;
    default: UNREACHABLE(); /* the API has no other types */
    }
}

static size_t width(ProtobufCType type)
{
    switch (type) {
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_UINT64: return 8;
    case PROTOBUF_C_TYPE_STRING:
    case PROTOBUF_C_TYPE_MESSAGE: return sizeof(void *);
    case PROTOBUF_C_TYPE_BYTES: return sizeof(ProtobufCBinaryData);
    default: return 4;
    }
}

static bool is_default(const ProtobufCFieldDescriptor *field, const void *p)
{
    switch (field->type) {
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_UINT64: return *(const uint64_t *)p == 0;
    case PROTOBUF_C_TYPE_STRING: return **(char *const *)p == '\0';
    case PROTOBUF_C_TYPE_BYTES: return ((const ProtobufCBinaryData *)p)->len == 0;
    case PROTOBUF_C_TYPE_MESSAGE: return *(void *const *)p == NULL;
    default: return *(const uint32_t *)p == 0;
    }
}

static void field_of(struct json *json, const ProtobufCMessage *message,
                     const ProtobufCFieldDescriptor *field)
{
    const void *p = at(message, field->offset);
    if (field->label != PROTOBUF_C_LABEL_REPEATED) {
        if (!is_default(field, p)) {
            json_key(json, field->name);
            value(json, field, p);
        }
        return;
    }
    size_t count = *(const size_t *)at(message, field->quantifier_offset);
    if (count == 0) {
        return;
    }
    json_key(json, field->name);
    json_array(json);
    const uint8_t *items = *(const uint8_t *const *)p;
    for (size_t i = 0; i < count; i++) {
        value(json, field, items + i * width(field->type));
    }
    json_array_end(json);
}

void json_message(struct json *json, const ProtobufCMessage *message)
{
    const ProtobufCMessageDescriptor *type = message->descriptor;
    json_object(json);
    for (unsigned i = 0; i < type->n_fields; i++) {
        ASSERT((type->fields[i].flags & PROTOBUF_C_FIELD_FLAG_ONEOF) == 0);
        field_of(json, message, &type->fields[i]);
    }
    json_object_end(json);
}
