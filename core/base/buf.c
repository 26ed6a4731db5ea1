#include "base/assert.h"
#include "base/fmt.h"
#include "base/slice.h"

void buf_init(struct buf *b, struct mem *mem)
{
    *b = (struct buf){NULL, 0, 0, mem};
}

void buf_fini(struct buf *b)
{
    mem_free(b->mem, b->ptr);
    *b = (struct buf){NULL, 0, 0, b->mem};
}

uint8_t *buf_reserve(struct buf *b, size_t n)
{
    ASSERT(n <= SIZE_MAX / 4 && b->len <= SIZE_MAX / 4);
    if (b->cap - b->len < n) {
        size_t cap = b->cap < 64 ? 64 : b->cap * 2;
        while (cap < b->len + n) {
            cap *= 2;
        }
        b->ptr = mem_resize(b->mem, b->ptr, cap);
        b->cap = cap;
    }
    return b->ptr + b->len;
}

void buf_add(struct buf *b, const void *ptr, size_t len)
{
    if (len == 0) {
        return;
    }
    memcpy(buf_reserve(b, len), ptr, len);
    b->len += len;
}

void buf_add_slice(struct buf *b, struct slice s)
{
    buf_add(b, s.ptr, s.len);
}

void buf_add_str(struct buf *b, const char *s)
{
    buf_add(b, s, strlen(s));
}

void buf_add_u8(struct buf *b, uint8_t v)
{
    *buf_reserve(b, 1) = v;
    b->len++;
}

void buf_add_u32(struct buf *b, uint32_t v)
{
    store_u32(buf_reserve(b, 4), v);
    b->len += 4;
}

void buf_add_u64(struct buf *b, uint64_t v)
{
    store_u64(buf_reserve(b, 8), v);
    b->len += 8;
}

void buf_vprintf(struct buf *b, const char *format, va_list args)
{
    va_list again;
    va_copy(again, args);
    uint8_t *room = buf_reserve(b, 128);
    size_t len = fmt_v((char *)room, 128, format, args);
    if (len >= 128) {
        room = buf_reserve(b, len + 1);
        fmt_v((char *)room, len + 1, format, again);
    }
    va_end(again);
    b->len += len;
}

void buf_printf(struct buf *b, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    buf_vprintf(b, format, args);
    va_end(args);
}

void buf_consume(struct buf *b, size_t n)
{
    ASSERT(n <= b->len);
    b->len -= n;
    if (n > 0 && b->len > 0) {
        memmove(b->ptr, b->ptr + n, b->len);
    }
}

const char *buf_cstr(struct buf *b)
{
    *buf_reserve(b, 1) = '\0';
    return (const char *)b->ptr;
}
