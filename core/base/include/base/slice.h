/* Bytes: `struct slice` borrows, `struct buf` owns.
 */
#ifndef BASE_SLICE_H
#define BASE_SLICE_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/mem.h"

/* Borrowed bytes; ptr may be NULL only if len is 0. */
struct slice {
    const uint8_t *ptr;
    size_t len;
};

static inline struct slice slice_of(const void *ptr, size_t len)
{
    return (struct slice){ptr, len};
}

static inline struct slice slice_str(const char *s)
{
    return (struct slice){(const uint8_t *)s, strlen(s)};
}

static inline bool slice_eq(struct slice a, struct slice b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

static inline bool slice_eq_str(struct slice a, const char *s)
{
    return slice_eq(a, slice_str(s));
}

/* Lexicographic order of unsigned bytes, the shorter first: <0, 0, >0. */
int slice_cmp(struct slice a, struct slice b);

static inline struct slice slice_from(struct slice s, size_t from)
{
    return from >= s.len ? (struct slice){NULL, 0} : (struct slice){s.ptr + from, s.len - from};
}

bool slice_starts_with(struct slice s, const char *prefix);
/* Position of the first byte c, or -1. */
ptrdiff_t slice_find(struct slice s, uint8_t c);
/* Decimal digits only, no sign, no overflow; ERR_INVALID otherwise. */
int slice_to_u64(struct slice s, uint64_t *value);
/* Hexadecimal digits without prefix; ERR_INVALID otherwise. */
int slice_hex_to_u64(struct slice s, uint64_t *value);
/* A minus sign allowed. */
int slice_to_i64(struct slice s, int64_t *value);
/* Well-formed UTF-8 without surrogates (RFC 3629). */
bool slice_is_utf8(struct slice s);

/* Owned, growing bytes. Zero-initialise and set `mem`, or use buf_init. */
struct buf {
    uint8_t *ptr;
    size_t len;
    size_t cap;
    struct mem *mem;
};

void buf_init(struct buf *b, struct mem *mem);
void buf_fini(struct buf *b);
/* Makes room for n more bytes and returns where they go; len is unchanged. */
uint8_t *buf_reserve(struct buf *b, size_t n);
void buf_add(struct buf *b, const void *ptr, size_t len);
void buf_add_slice(struct buf *b, struct slice s);
void buf_add_str(struct buf *b, const char *s);
void buf_add_u8(struct buf *b, uint8_t v);
/* Little endian. */
void buf_add_u32(struct buf *b, uint32_t v);
void buf_add_u64(struct buf *b, uint64_t v);
void buf_printf(struct buf *b, const char *format, ...) __attribute__((format(printf, 2, 3)));
void buf_vprintf(struct buf *b, const char *format, va_list args)
    __attribute__((format(printf, 2, 0)));
/* Removes the first n bytes. Costs a move of the rest: for small rests only. */
void buf_consume(struct buf *b, size_t n);
/* Keeps the memory. */
static inline void buf_clear(struct buf *b)
{
    b->len = 0;
}
static inline struct slice buf_slice(const struct buf *b)
{
    return (struct slice){b->ptr, b->len};
}
/* A NUL behind the contents, not counted in len. */
const char *buf_cstr(struct buf *b);

/* Little-endian readers; the caller has checked the length. */
static inline uint32_t load_u32(const uint8_t *p)
{
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}
static inline uint64_t load_u64(const uint8_t *p)
{
    return (uint64_t)load_u32(p) | (uint64_t)load_u32(p + 4) << 32;
}
static inline void store_u32(uint8_t *p, uint32_t v)
{
    p[0] = (uint8_t)v;
    p[1] = (uint8_t)(v >> 8);
    p[2] = (uint8_t)(v >> 16);
    p[3] = (uint8_t)(v >> 24);
}
static inline void store_u64(uint8_t *p, uint64_t v)
{
    store_u32(p, (uint32_t)v);
    store_u32(p + 4, (uint32_t)(v >> 32));
}

/* A bounded reader of little-endian fields: past the end it sets `failed` and gives zeros, so that
 * a parser checks once, at the end. */
struct reader {
    const uint8_t *ptr;
    size_t len;
    bool failed;
};

struct reader reader_of(struct slice s);
uint8_t read_u8(struct reader *r);
uint32_t read_u32(struct reader *r);
uint64_t read_u64(struct reader *r);
/* Borrows n bytes of the input; an empty slice and `failed` if there are fewer. */
struct slice read_bytes(struct reader *r, size_t n);

#endif
