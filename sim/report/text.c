#include "impl.h"

void list_grow(struct mem *mem, void **items, size_t *count, size_t *cap, size_t size)
{
    if (*count == *cap) {
        *cap = *cap == 0 ? 16 : *cap * 2;
        *items = mem_resize(mem, *items, *cap * size);
    }
    memset((char *)*items + *count * size, 0, size);
    (*count)++;
}

/* The length of the UTF-8 sequence at text if XML may hold it, or 0. */
static size_t sequence(const char *text)
{
    const uint8_t *p = (const uint8_t *)text;
    size_t len = p[0] < 0x80 ? 1 : p[0] < 0xE0 ? 2 : p[0] < 0xF0 ? 3 : 4;
    for (size_t i = 1; i < len; i++) {
        if (p[i] == 0) {
            return 0;
        }
    }
    if (!slice_is_utf8(slice_of(text, len))) {
        return 0;
    }
    /* U+FFFE and U+FFFF are no characters of XML; the C1 controls are, and show nothing. */
    bool none = p[0] == 0xEF && p[1] == 0xBF && p[2] >= 0xBE;
    bool control = p[0] == 0xC2 && p[1] < 0xA0;
    return none || control ? 0 : len;
}

/* Letters of Latin, Greek and Cyrillic scripts and the usual punctuation are in any font; what is
 * not may be drawn as a box of any size. Marks that combine or change the direction are refused. */
static bool in_any_font(const uint8_t *p, size_t len)
{
    if (len == 2) {
        return p[0] <= 0xC9 || (p[0] == 0xCD && p[1] >= 0xB0) || (p[0] >= 0xCE && p[0] <= 0xD1);
    }
    return len == 3 && p[0] == 0xE2 && p[1] == 0x80 && p[2] >= 0x90 && p[2] <= 0xA7;
}

void text_field(struct buf *out, const char *text)
{
    while (*text != '\0') {
        size_t len = sequence(text);
        uint8_t c = (uint8_t)*text;
        if (len > 1 && in_any_font((const uint8_t *)text, len)) {
            buf_add(out, text, len);
        } else if (len != 1) {
            buf_add_u8(out, '?');
        } else {
            c = c < 0x20 || c == 0x7F ? ' ' : c == '"' || c == '`' ? '\'' : c == '\\' ? '/' : c;
            buf_add_u8(out, c);
        }
        text += len == 0 ? 1 : len;
    }
}

void text_html(struct buf *out, const char *text)
{
    while (*text != '\0') {
        size_t len = sequence(text);
        switch (*text) {
        case '&': buf_add_str(out, "&amp;"); break;
        case '<': buf_add_str(out, "&lt;"); break;
        case '>': buf_add_str(out, "&gt;"); break;
        case '"': buf_add_str(out, "&quot;"); break;
        case '\'': buf_add_str(out, "&#39;"); break;
        default:
            if (len == 0 || ((uint8_t)*text < 0x20 && *text != '\n' && *text != '\t') ||
                *text == 0x7F) {
                buf_add_str(out, "\xEF\xBF\xBD");
            } else {
                buf_add(out, text, len);
            }
        }
        text += len == 0 ? 1 : len;
    }
}

/* Thousandths of the font's size. From DejaVu Sans, which is wider than the others that a viewer
 * may take for `sans-serif`. */
static int64_t advance(const char *text, size_t len)
{
    uint8_t c = (uint8_t)*text;
    if (len > 1) {
        return c >= 0xE3 ? 1000 : 750;
    }
    if (strchr("ijl'|", c) != NULL) {
        return 310;
    }
    if (strchr(" .,:;!/It()[]-fr", c) != NULL) {
        return 410;
    }
    if (strchr("mwMW@%+=<>~", c) != NULL) {
        return c == 'm' || c == '@' || c == 'W' ? 1000 : 880;
    }
    return c >= 'A' && c <= 'Z' ? 730 : 640;
}

int64_t text_width(const char *text, int64_t size)
{
    int64_t sum = 0;
    while (*text != '\0') {
        size_t len = sequence(text);
        len = len == 0 ? 1 : len;
        sum += advance(text, len);
        text += len;
    }
    return (sum * size + 999) / 1000;
}

const char *text_fit(struct mem *mem, const char *text, int64_t size, int64_t width)
{
    static const char ellipsis[] = "\xE2\x80\xA6";
    size_t kept = 0;
    int64_t sum = 1000; /* the ellipsis */
    if (text_width(text, size) <= width) {
        return text;
    }
    while (text[kept] != '\0') {
        size_t len = sequence(text + kept);
        len = len == 0 ? 1 : len;
        sum += advance(text + kept, len);
        if (sum * size > width * 1000) {
            break;
        }
        kept += len;
    }
    struct buf out;
    buf_init(&out, mem);
    buf_add(&out, text, kept);
    buf_add_str(&out, ellipsis);
    return buf_cstr(&out);
}

const char *text_line(struct mem *mem, const char *text)
{
    return mem_strdup(mem, text, strcspn(text, "\n"));
}

void text_seconds(struct buf *out, int64_t ns)
{
    uint64_t us = (ns < 0 ? -(uint64_t)ns : (uint64_t)ns) / 1000;
    buf_printf(out, "%s%llu.%06llu", ns < 0 ? "-" : "", (unsigned long long)(us / 1000000),
               (unsigned long long)(us % 1000000));
}
