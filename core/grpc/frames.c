#include "frames.h"

#include "base/assert.h"

/* A gathering buffer larger than this is given back when its message is done. */
#define KEEP_MAX 4096

void frames_init(struct frames *f, struct mem *mem, size_t max)
{
    *f = (struct frames){.max = max};
    buf_init(&f->gathered, mem);
}

void frames_fini(struct frames *f)
{
    buf_fini(&f->gathered);
}

static enum frames_next take_prefix(struct frames *f, struct slice *in)
{
    while (f->prefix_len < GRPC_PREFIX_LEN && in->len > 0) {
        f->prefix[f->prefix_len++] = in->ptr[0];
        *in = slice_from(*in, 1);
    }
    if (f->prefix_len < GRPC_PREFIX_LEN) {
        return FRAMES_MORE;
    }
    f->flag = f->prefix[0];
    f->length = (uint32_t)f->prefix[1] << 24 | (uint32_t)f->prefix[2] << 16 |
                (uint32_t)f->prefix[3] << 8 | (uint32_t)f->prefix[4];
    if (f->length > f->max) {
        return FRAMES_TOO_LARGE;
    }
    if (f->flag != 0) {
        return f->flag == 1 ? FRAMES_COMPRESSED : FRAMES_BAD_FLAG;
    }
    return FRAMES_MESSAGE;
}

enum frames_next frames_next(struct frames *f, struct slice *in, struct slice *message)
{
    /* The message that was handed out last is done. */
    if (f->prefix_len == GRPC_PREFIX_LEN && f->gathered.len == f->length && f->length > 0) {
        f->prefix_len = 0;
        if (f->gathered.cap > KEEP_MAX) {
            struct mem *mem = f->gathered.mem;
            buf_fini(&f->gathered);
            buf_init(&f->gathered, mem);
        }
        buf_clear(&f->gathered);
    }
    if (f->prefix_len < GRPC_PREFIX_LEN) {
        enum frames_next next = take_prefix(f, in);
        if (next != FRAMES_MESSAGE) {
            return next;
        }
    }
    if (f->gathered.len == 0 && in->len >= f->length) {
        *message = slice_of(in->ptr, f->length);
        *in = slice_from(*in, f->length);
        f->prefix_len = 0;
        return FRAMES_MESSAGE;
    }
    size_t missing = f->length - f->gathered.len;
    size_t n = in->len < missing ? in->len : missing;
    if (n > 0) {
        buf_add(&f->gathered, in->ptr, n);
    }
    *in = slice_from(*in, n);
    if (f->gathered.len < f->length) {
        return FRAMES_MORE;
    }
    *message = buf_slice(&f->gathered);
    return FRAMES_MESSAGE;
}

bool frames_partial(const struct frames *f)
{
    bool whole = f->prefix_len == GRPC_PREFIX_LEN && f->gathered.len == f->length;
    return f->prefix_len > 0 && !whole;
}

void frames_prefix(uint8_t *out, size_t length)
{
    ASSERT(length <= UINT32_MAX);
    out[0] = 0;
    out[1] = (uint8_t)(length >> 24);
    out[2] = (uint8_t)(length >> 16);
    out[3] = (uint8_t)(length >> 8);
    out[4] = (uint8_t)length;
}
