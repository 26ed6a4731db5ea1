#include "wire.h"

static void put_start(struct buf *out, const struct peer_start *start)
{
    buf_add_u32(out, start->instance);
    buf_add_u64(out, start->boot);
    buf_add_u64(out, start->process);
}

static struct peer_start get_start(struct reader *r)
{
    struct peer_start start;
    start.instance = read_u32(r);
    start.boot = read_u64(r);
    start.process = read_u64(r);
    return start;
}

void wire_put_hello(struct buf *out, const struct peer_hello *hello)
{
    buf_add_u8(out, WIRE_HELLO);
    buf_add_u8(out, WIRE_VERSION);
    buf_add_u64(out, hello->cluster);
    buf_add_u64(out, hello->from);
    buf_add_u64(out, hello->to);
    put_start(out, &hello->start);
    buf_add_u64(out, hello->epoch);
}

void wire_put_welcome(struct buf *out, const struct wire_welcome *welcome)
{
    buf_add_u8(out, WIRE_WELCOME);
    buf_add_u8(out, WIRE_VERSION);
    buf_add_u8(out, (uint8_t)welcome->refusal);
    buf_add_u64(out, welcome->cluster);
    put_start(out, &welcome->start);
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
    hello->start = get_start(&r);
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
    welcome->start = get_start(&r);
    welcome->epoch = read_u64(&r);
    if (r.failed || r.len > 0 || refusal > PEER_WENT_BACK) {
        return ERR_PROTO;
    }
    welcome->refusal = (enum peer_refusal)refusal;
    return 0;
}
