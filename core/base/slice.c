#include "base/slice.h"

#include "base/err.h"

int slice_cmp(struct slice a, struct slice b)
{
    size_t n = a.len < b.len ? a.len : b.len;
    int order = n > 0 ? memcmp(a.ptr, b.ptr, n) : 0;
    if (order != 0) {
        return order;
    }
    return (a.len > b.len) - (a.len < b.len);
}

bool slice_starts_with(struct slice s, const char *prefix)
{
    size_t n = strlen(prefix);
    return s.len >= n && memcmp(s.ptr, prefix, n) == 0;
}

ptrdiff_t slice_find(struct slice s, uint8_t c)
{
    const uint8_t *p = s.len > 0 ? memchr(s.ptr, c, s.len) : NULL;
    return p == NULL ? -1 : p - s.ptr;
}

static int digit_of(uint8_t c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    if (c >= 'a' && c <= 'f') {
        return c - 'a' + 10;
    }
    if (c >= 'A' && c <= 'F') {
        return c - 'A' + 10;
    }
    return 99;
}

static int parse_digits(struct slice s, unsigned radix, uint64_t *value)
{
    uint64_t v = 0;
    if (s.len == 0) {
        return ERR_INVALID;
    }
    for (size_t i = 0; i < s.len; i++) {
        unsigned digit = (unsigned)digit_of(s.ptr[i]);
        if (digit >= radix || v > (UINT64_MAX - digit) / radix) {
            return ERR_INVALID;
        }
        v = v * radix + digit;
    }
    *value = v;
    return 0;
}

int slice_to_u64(struct slice s, uint64_t *value)
{
    return parse_digits(s, 10, value);
}

int slice_hex_to_u64(struct slice s, uint64_t *value)
{
    return parse_digits(s, 16, value);
}

int slice_to_i64(struct slice s, int64_t *value)
{
    bool negative = s.len > 0 && s.ptr[0] == '-';
    uint64_t magnitude = 0;
    int rv = parse_digits(negative ? slice_from(s, 1) : s, 10, &magnitude);
    if (rv != 0 || magnitude > (uint64_t)INT64_MAX + (negative ? 1 : 0)) {
        return ERR_INVALID;
    }
    *value = negative ? (int64_t)(0 - magnitude) : (int64_t)magnitude;
    return 0;
}

/* Length of the well-formed sequence at the start of s, 0 if there is none. */
static size_t utf8_sequence(struct slice s)
{
    uint8_t c = s.ptr[0];
    size_t n = c < 0x80                ? 1
               : c >= 0xC2 && c < 0xE0 ? 2
               : c >= 0xE0 && c < 0xF0 ? 3
               : c >= 0xF0 && c < 0xF5 ? 4
                                       : 0;
    if (n == 0 || n > s.len) {
        return 0;
    }
    for (size_t i = 1; i < n; i++) {
        if ((s.ptr[i] & 0xC0) != 0x80) {
            return 0;
        }
    }
    /* Overlong forms, surrogates, and what lies past U+10FFFF. */
    if ((c == 0xE0 && s.ptr[1] < 0xA0) || (c == 0xED && s.ptr[1] > 0x9F) ||
        (c == 0xF0 && s.ptr[1] < 0x90) || (c == 0xF4 && s.ptr[1] > 0x8F)) {
        return 0;
    }
    return n;
}

bool slice_is_utf8(struct slice s)
{
    while (s.len > 0) {
        size_t n = utf8_sequence(s);
        if (n == 0) {
            return false;
        }
        s = slice_from(s, n);
    }
    return true;
}

struct reader reader_of(struct slice s)
{
    return (struct reader){s.ptr, s.len, false};
}

struct slice read_bytes(struct reader *r, size_t n)
{
    if (r->failed || n > r->len) {
        r->failed = true;
        return (struct slice){NULL, 0};
    }
    struct slice s = {r->ptr, n};
    r->ptr += n;
    r->len -= n;
    return s;
}

uint8_t read_u8(struct reader *r)
{
    struct slice s = read_bytes(r, 1);
    return s.len == 1 ? s.ptr[0] : 0;
}

uint32_t read_u32(struct reader *r)
{
    struct slice s = read_bytes(r, 4);
    return s.len == 4 ? load_u32(s.ptr) : 0;
}

uint64_t read_u64(struct reader *r)
{
    struct slice s = read_bytes(r, 8);
    return s.len == 8 ? load_u64(s.ptr) : 0;
}
