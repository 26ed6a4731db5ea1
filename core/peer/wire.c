#include "wire.h"

void wire_put_hello(struct buf *out, const struct peer_hello *hello)
{
    buf_add_u8(out, WIRE_HELLO);
    buf_add_u8(out, WIRE_VERSION);
    buf_add_u64(out, hello->cluster);
    buf_add_u64(out, hello->from);
    buf_add_u64(out, hello->to);
    buf_add_u32(out, hello->instance);
    buf_add_u64(out, hello->epoch);
}

void wire_put_welcome(struct buf *out, const struct wire_welcome *welcome)
{
    buf_add_u8(out, WIRE_WELCOME);
    buf_add_u8(out, WIRE_VERSION);
    buf_add_u8(out, (uint8_t)welcome->refusal);
    buf_add_u64(out, welcome->cluster);
    buf_add_u32(out, welcome->instance);
    buf_add_u64(out, welcome->epoch);
}

int wire_get_hello(struct slice body, struct peer_hello *hello)
{
    struct reader r = reader_of(body);
    uint8_t version = read_u8(&r);
    if (!r.failed && version != WIRE_VERSION) {
        return ERR_FORMAT;
    }
    hello->cluster = read_u64(&r);
    hello->from = read_u64(&r);
    hello->to = read_u64(&r);
    hello->instance = read_u32(&r);
    hello->epoch = read_u64(&r);
    return r.failed || r.len > 0 || hello->from == 0 ? ERR_PROTO : 0;
}

int wire_get_welcome(struct slice body, struct wire_welcome *welcome)
{
    struct reader r = reader_of(body);
    uint8_t version = read_u8(&r);
    if (!r.failed && version != WIRE_VERSION) {
        return ERR_FORMAT;
    }
    uint8_t refusal = read_u8(&r);
    welcome->cluster = read_u64(&r);
    welcome->instance = read_u32(&r);
    welcome->epoch = read_u64(&r);
    if (r.failed || r.len > 0 || refusal > PEER_LEFT_BEHIND) {
        return ERR_PROTO;
    }
    welcome->refusal = (enum peer_refusal)refusal;
    return 0;
}
