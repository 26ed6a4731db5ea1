#include "base/json_read.h"

#include "base/assert.h"

/* What may come next. */
enum state {
    AT_VALUE,          /* a value */
    AT_FIRST_VALUE,    /* a value or the end of the array that just began */
    AT_FIRST_KEY,      /* a key or the end of the object that just began */
    AT_KEY,            /* a key, behind a comma */
    AFTER_VALUE,       /* a comma or the end of the container */
    AT_TEXT_END,       /* nothing but space */
    STOPPED_BY_MISTAKE /* JSON_BAD */
};

void json_reader_init(struct json_reader *r, struct slice json)
{
    *r = (struct json_reader){.rest = json, .state = AT_VALUE};
}

static enum json_token give(struct json_reader *r, enum json_token token)
{
    if (token == JSON_BAD) {
        r->state = STOPPED_BY_MISTAKE;
    }
    r->token = token;
    return token;
}

static int peek(const struct json_reader *r)
{
    return r->rest.len > 0 ? r->rest.ptr[0] : -1;
}

static void advance(struct json_reader *r, size_t n)
{
    r->rest = slice_from(r->rest, n);
}

static void skip_space(struct json_reader *r)
{
    size_t n = 0;
    while (n < r->rest.len && (r->rest.ptr[n] == ' ' || r->rest.ptr[n] == '\t' ||
                               r->rest.ptr[n] == '\n' || r->rest.ptr[n] == '\r')) {
        n++;
    }
    if (n > 0) {
        advance(r, n);
    }
}

static void value_done(struct json_reader *r)
{
    r->state = r->depth == 0 ? AT_TEXT_END : AFTER_VALUE;
}

static bool in_object(const struct json_reader *r)
{
    return r->depth > 0 && (r->objects >> (r->depth - 1) & 1) != 0;
}

static enum json_token enter(struct json_reader *r, bool object)
{
    if (r->depth == JSON_READ_DEPTH_MAX) {
        return JSON_BAD;
    }
    uint32_t bit = UINT32_C(1) << r->depth++;
    r->objects = object ? r->objects | bit : r->objects & ~bit;
    r->state = object ? AT_FIRST_KEY : AT_FIRST_VALUE;
    advance(r, 1);
    return object ? JSON_OBJECT : JSON_ARRAY;
}

static enum json_token leave(struct json_reader *r)
{
    enum json_token token = in_object(r) ? JSON_OBJECT_END : JSON_ARRAY_END;
    r->depth--;
    advance(r, 1);
    value_done(r);
    return token;
}

static bool is_hex(uint8_t c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

/* Length of the escape at the start of s, 0 if it is none. */
static size_t escape_len(struct slice s)
{
    if (s.len < 2) {
        return 0;
    }
    if (s.ptr[1] != 'u') {
        return s.ptr[1] != 0 && strchr("\"\\/bfnrt", s.ptr[1]) != NULL ? 2 : 0;
    }
    for (size_t i = 2; i < 6; i++) {
        if (i >= s.len || !is_hex(s.ptr[i])) {
            return 0;
        }
    }
    return 6;
}

/* The string whose opening quote is next; false if it is malformed. */
static bool string(struct json_reader *r)
{
    size_t n = 1;
    for (;;) {
        if (n >= r->rest.len || r->rest.ptr[n] < 0x20) {
            return false;
        }
        uint8_t c = r->rest.ptr[n];
        if (c == '"') {
            break;
        }
        size_t step = c == '\\' ? escape_len(slice_from(r->rest, n)) : 1;
        if (step == 0) {
            return false;
        }
        n += step;
    }
    r->text = slice_of(r->rest.ptr + 1, n - 1);
    advance(r, n + 1);
    return slice_is_utf8(r->text);
}

static size_t digits(struct slice s, size_t from)
{
    size_t n = from;
    while (n < s.len && s.ptr[n] >= '0' && s.ptr[n] <= '9') {
        n++;
    }
    return n - from;
}

static bool number(struct json_reader *r)
{
    struct slice s = r->rest;
    size_t n = s.ptr[0] == '-';
    size_t whole = digits(s, n);
    if (whole == 0 || (whole > 1 && s.ptr[n] == '0')) {
        return false;
    }
    n += whole;
    if (n < s.len && s.ptr[n] == '.') {
        size_t fraction = digits(s, n + 1);
        if (fraction == 0) {
            return false;
        }
        n += 1 + fraction;
    }
    if (n < s.len && (s.ptr[n] == 'e' || s.ptr[n] == 'E')) {
        n++;
        n += n < s.len && (s.ptr[n] == '+' || s.ptr[n] == '-');
        size_t exponent = digits(s, n);
        if (exponent == 0) {
            return false;
        }
        n += exponent;
    }
    r->text = slice_of(s.ptr, n);
    advance(r, n);
    return true;
}

static bool word(struct json_reader *r, const char *text)
{
    if (!slice_starts_with(r->rest, text)) {
        return false;
    }
    advance(r, strlen(text));
    return true;
}

static enum json_token scalar(struct json_reader *r, int c)
{
    enum json_token token = JSON_BAD;
    if (c == '"') {
        token = string(r) ? JSON_STRING : JSON_BAD;
    } else if (c == '-' || (c >= '0' && c <= '9')) {
        token = number(r) ? JSON_NUMBER : JSON_BAD;
    } else if (word(r, "true")) {
        token = JSON_TRUE;
    } else if (word(r, "false")) {
        token = JSON_FALSE;
    } else if (word(r, "null")) {
        token = JSON_NULL;
    }
    value_done(r);
    return token;
}

static enum json_token value(struct json_reader *r)
{
    int c = peek(r);
    return c == '{' || c == '[' ? enter(r, c == '{') : scalar(r, c);
}

static enum json_token key(struct json_reader *r)
{
    if (peek(r) != '"' || !string(r)) {
        return JSON_BAD;
    }
    skip_space(r);
    if (peek(r) != ':') {
        return JSON_BAD;
    }
    advance(r, 1);
    r->state = AT_VALUE;
    return JSON_KEY;
}

enum json_token json_next(struct json_reader *r)
{
    skip_space(r);
    r->text = slice_of(NULL, 0);
    if (r->state == AFTER_VALUE && peek(r) == ',') {
        advance(r, 1);
        skip_space(r);
        r->state = in_object(r) ? AT_KEY : AT_VALUE;
    }
    int c = peek(r);
    switch (r->state) {
    case AT_VALUE: return give(r, value(r));
    case AT_FIRST_VALUE: return give(r, c == ']' ? leave(r) : value(r));
    case AT_FIRST_KEY: return give(r, c == '}' ? leave(r) : key(r));
    case AT_KEY: return give(r, key(r));
    case AFTER_VALUE: return give(r, c == (in_object(r) ? '}' : ']') ? leave(r) : JSON_BAD);
    case AT_TEXT_END: return give(r, c < 0 ? JSON_END : JSON_BAD);
    default: return give(r, JSON_BAD);
    }
}

static uint32_t hex4(const uint8_t *p)
{
    uint64_t v = 0;
    int rv = slice_hex_to_u64(slice_of(p, 4), &v);
    ASSERT(rv == 0);
    return (uint32_t)v;
}

static void add_utf8(struct buf *out, uint32_t c)
{
    if (c < 0x80) {
        buf_add_u8(out, (uint8_t)c);
        return;
    }
    if (c < 0x800) {
        buf_add_u8(out, (uint8_t)(0xC0 | c >> 6));
    } else {
        if (c < 0x10000) {
            buf_add_u8(out, (uint8_t)(0xE0 | c >> 12));
        } else {
            buf_add_u8(out, (uint8_t)(0xF0 | c >> 18));
            buf_add_u8(out, (uint8_t)(0x80 | (c >> 12 & 0x3F)));
        }
        buf_add_u8(out, (uint8_t)(0x80 | (c >> 6 & 0x3F)));
    }
    buf_add_u8(out, (uint8_t)(0x80 | (c & 0x3F)));
}

/* Resolves the \u escape at the start of s, which string() found well formed, and a second one if
 * it is the other half of a surrogate pair. Gives its length, 0 for a lone half. */
static size_t resolve_unicode(struct slice s, struct buf *out)
{
    uint32_t c = hex4(s.ptr + 2);
    if (c < 0xD800 || c > 0xDFFF) {
        add_utf8(out, c);
        return 6;
    }
    if (c > 0xDBFF || s.len < 12 || s.ptr[6] != '\\' || s.ptr[7] != 'u') {
        return 0;
    }
    uint32_t low = hex4(s.ptr + 8);
    if (low < 0xDC00 || low > 0xDFFF) {
        return 0;
    }
    add_utf8(out, 0x10000 + ((c - 0xD800) << 10) + (low - 0xDC00));
    return 12;
}

int json_text(const struct json_reader *r, struct buf *out)
{
    ASSERT(r->token == JSON_STRING || r->token == JSON_KEY);
    struct slice s = r->text;
    while (s.len > 0) {
        size_t n = 0;
        while (n < s.len && s.ptr[n] != '\\') {
            n++;
        }
        buf_add(out, s.ptr, n);
        s = slice_from(s, n);
        if (s.len == 0) {
            break;
        }
        n = 2;
        switch (s.ptr[1]) {
        case 'b': buf_add_u8(out, '\b'); break;
        case 'f': buf_add_u8(out, '\f'); break;
        case 'n': buf_add_u8(out, '\n'); break;
        case 'r': buf_add_u8(out, '\r'); break;
        case 't': buf_add_u8(out, '\t'); break;
        case 'u': n = resolve_unicode(s, out); break;
        default: buf_add_u8(out, s.ptr[1]); break;
        }
        if (n == 0) {
            return ERR_PROTO;
        }
        s = slice_from(s, n);
    }
    return 0;
}

bool json_text_is(const struct json_reader *r, const char *text)
{
    bool has_text = r->token == JSON_STRING || r->token == JSON_KEY;
    return has_text && slice_eq_str(r->text, text);
}

int json_to_u64(const struct json_reader *r, uint64_t *value)
{
    bool exact = r->token == JSON_NUMBER && slice_to_u64(r->text, value) == 0;
    return exact ? 0 : ERR_PROTO;
}

int json_skip(struct json_reader *r)
{
    if (r->token == JSON_KEY) {
        json_next(r);
    }
    int outside = r->depth - (r->token == JSON_OBJECT || r->token == JSON_ARRAY);
    while (r->depth > outside && r->token != JSON_BAD) {
        json_next(r);
    }
    return r->token == JSON_BAD || r->token == JSON_END ? ERR_PROTO : 0;
}
