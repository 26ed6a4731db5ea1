#include "state/entry.h"

#define ENTRY_VERSION 1

void entry_put_head(struct buf *out, const struct entry_head *head)
{
    buf_add_u8(out, ENTRY_VERSION);
    buf_add_u8(out, (uint8_t)head->kind);
    buf_add_u64(out, head->origin);
    buf_add_u64(out, head->boot);
    buf_add_u64(out, head->seq);
}

int entry_get(struct slice payload, struct entry_head *head, struct slice *body)
{
    struct reader r = reader_of(payload);
    uint8_t version = read_u8(&r);
    uint8_t kind = read_u8(&r);
    head->origin = read_u64(&r);
    head->boot = read_u64(&r);
    head->seq = read_u64(&r);
    if (r.failed) {
        return ERR_PROTO;
    }
    if (version != ENTRY_VERSION) {
        return ERR_FORMAT;
    }
    if (kind < ENTRY_PUT || kind > ENTRY_LAST) {
        return ERR_PROTO;
    }
    head->kind = (enum entry_kind)kind;
    *body = slice_of(r.ptr, r.len);
    return 0;
}
