#include "base/json.h"

#include "base/assert.h"

void json_init(struct json *j, struct buf *out)
{
    *j = (struct json){.out = out};
}

static void separate(struct json *j)
{
    if (j->after_key) {
        j->after_key = false;
        return;
    }
    if (j->comma[j->depth]) {
        buf_add_u8(j->out, ',');
    }
    j->comma[j->depth] = true;
}

static void enter(struct json *j, char c)
{
    separate(j);
    buf_add_u8(j->out, (uint8_t)c);
    ASSERT(j->depth + 1 < JSON_DEPTH_MAX);
    j->comma[++j->depth] = false;
}

static void leave(struct json *j, char c)
{
    ASSERT(j->depth > 0 && !j->after_key);
    j->depth--;
    buf_add_u8(j->out, (uint8_t)c);
}

void json_object(struct json *j)
{
    enter(j, '{');
}

void json_object_end(struct json *j)
{
    leave(j, '}');
}

void json_array(struct json *j)
{
    enter(j, '[');
}

void json_array_end(struct json *j)
{
    leave(j, ']');
}

static void escape(struct buf *out, struct slice s)
{
    while (s.len > 0) {
        uint8_t c = s.ptr[0];
        size_t n = 1;
        if (c == '"' || c == '\\') {
            buf_printf(out, "\\%c", c);
        } else if (c == '\n') {
            buf_add_str(out, "\\n");
        } else if (c == '\r') {
            buf_add_str(out, "\\r");
        } else if (c == '\t') {
            buf_add_str(out, "\\t");
        } else if (c < 0x20 || c == '<' || c == '>' || c == '&') {
            buf_printf(out, "\\u%04x", c);
        } else if (c < 0x80) {
            buf_add_u8(out, c);
        } else {
            for (n = 2; n <= 4 && n <= s.len && !slice_is_utf8(slice_of(s.ptr, n)); n++) {
            }
            if (n > 4 || n > s.len) {
                n = 1;
                buf_add_str(out, "\\ufffd");
            } else if (n == 3 && memcmp(s.ptr, "\xE2\x80\xA8", 3) == 0) {
                buf_add_str(out, "\\u2028");
            } else if (n == 3 && memcmp(s.ptr, "\xE2\x80\xA9", 3) == 0) {
                buf_add_str(out, "\\u2029");
            } else {
                buf_add(out, s.ptr, n);
            }
        }
        s = slice_from(s, n);
    }
}

static void quoted(struct json *j, struct slice s)
{
    buf_add_u8(j->out, '"');
    escape(j->out, s);
    buf_add_u8(j->out, '"');
}

void json_key(struct json *j, const char *key)
{
    ASSERT(!j->after_key);
    separate(j);
    quoted(j, slice_str(key));
    buf_add_u8(j->out, ':');
    j->after_key = true;
}

void json_str(struct json *j, struct slice s)
{
    separate(j);
    quoted(j, s);
}

void json_cstr(struct json *j, const char *s)
{
    json_str(j, slice_str(s));
}

void json_u64(struct json *j, uint64_t v)
{
    separate(j);
    buf_printf(j->out, "%llu", (unsigned long long)v);
}

void json_i64(struct json *j, int64_t v)
{
    separate(j);
    buf_printf(j->out, "%lld", (long long)v);
}

void json_bool(struct json *j, bool v)
{
    separate(j);
    buf_add_str(j->out, v ? "true" : "false");
}

void json_null(struct json *j)
{
    separate(j);
    buf_add_str(j->out, "null");
}

void json_base64(struct json *j, struct slice s)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    separate(j);
    buf_add_u8(j->out, '"');
    for (size_t i = 0; i < s.len; i += 3) {
        uint32_t v = (uint32_t)s.ptr[i] << 16;
        v |= i + 1 < s.len ? (uint32_t)s.ptr[i + 1] << 8 : 0;
        v |= i + 2 < s.len ? s.ptr[i + 2] : 0;
        buf_add_u8(j->out, (uint8_t)digits[v >> 18 & 63]);
        buf_add_u8(j->out, (uint8_t)digits[v >> 12 & 63]);
        buf_add_u8(j->out, i + 1 < s.len ? (uint8_t)digits[v >> 6 & 63] : '=');
        buf_add_u8(j->out, i + 2 < s.len ? (uint8_t)digits[v & 63] : '=');
    }
    buf_add_u8(j->out, '"');
}
