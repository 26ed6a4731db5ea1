#include "base/fmt.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/assert.h"

struct out {
    char *ptr;
    size_t size;
    size_t len; /* what the whole text needs so far */
};

struct spec {
    bool left, zero, plus, alternate;
    int width;
    int precision; /* -1: none */
    int length;    /* 0 int, 1 long, 2 long long, 3 size_t, 4 intmax_t, -1 short, -2 char */
};

static void put(struct out *o, char c)
{
    if (o->len + 1 < o->size) {
        o->ptr[o->len] = c;
    }
    o->len++;
}

static void put_many(struct out *o, char c, int n)
{
    for (int i = 0; i < n; i++) {
        put(o, c);
    }
}

static void put_bytes(struct out *o, const char *s, size_t n)
{
    if (o->len + n < o->size) {
        memcpy(o->ptr + o->len, s, n);
        o->len += n;
        return;
    }
    for (size_t i = 0; i < n; i++) {
        put(o, s[i]);
    }
}

static void put_text(struct out *o, const struct spec *s, const char *text)
{
    if (text == NULL) {
        text = "(null)";
    }
    size_t n = 0;
    while ((s->precision < 0 || n < (size_t)s->precision) && text[n] != '\0') {
        n++;
    }
    int pad = s->width > (int)n ? s->width - (int)n : 0;
    put_many(o, ' ', s->left ? 0 : pad);
    put_bytes(o, text, n);
    put_many(o, ' ', s->left ? pad : 0);
}

static void put_number(struct out *o, const struct spec *s, uint64_t v, bool negative,
                       unsigned radix, bool upper)
{
    const char *digits = upper ? "0123456789ABCDEF" : "0123456789abcdef";
    char text[66];
    int n = 0;
    do {
        text[n++] = digits[v % radix];
        v /= radix;
    } while (v > 0);
    char sign = negative ? '-' : s->plus ? '+' : 0;
    int body = n < s->precision ? s->precision : n;
    int total = body + (sign != 0);
    int pad = s->width > total ? s->width - total : 0;
    bool zeros = s->zero && !s->left && s->precision < 0;
    put_many(o, ' ', s->left || zeros ? 0 : pad);
    if (sign != 0) {
        put(o, sign);
    }
    put_many(o, '0', zeros ? pad : 0);
    put_many(o, '0', body - n);
    while (n > 0) {
        put(o, text[--n]);
    }
    put_many(o, ' ', s->left ? pad : 0);
}

static int parse_number(const char **f)
{
    int n = 0;
    while (**f >= '0' && **f <= '9') {
        n = n * 10 + (**f - '0');
        (*f)++;
    }
    return n;
}

static const char *parse_length(const char *f, struct spec *s)
{
    for (;; f++) {
        switch (*f) {
        case 'l': s->length++; break;
        case 'h': s->length--; break;
        case 'z': s->length = 3; break;
        case 'j': s->length = 4; break;
        default: return f;
        }
    }
}

/* va_list may be an array type: passed on by address through this wrapper. */
struct args {
    va_list list;
};

static const char *parse_spec(const char *f, struct spec *s, struct args *a)
{
    *s = (struct spec){.precision = -1};
    for (;; f++) {
        if (*f == '-') {
            s->left = true;
        } else if (*f == '0') {
            s->zero = true;
        } else if (*f == '+') {
            s->plus = true;
        } else {
            break;
        }
    }
    if (*f == '*') {
        f++;
        s->width = va_arg(a->list, int);
        if (s->width < 0) {
            s->left = true;
            s->width = -s->width;
        }
    } else {
        s->width = parse_number(&f);
    }
    if (*f == '.') {
        f++;
        if (*f == '*') {
            f++;
            s->precision = va_arg(a->list, int);
        } else {
            s->precision = parse_number(&f);
        }
    }
    return parse_length(f, s);
}

static int64_t take_signed(const struct spec *s, struct args *a)
{
    switch (s->length) {
    case 1: return va_arg(a->list, long);
    case 2: return va_arg(a->list, long long);
    case 3: return (int64_t)va_arg(a->list, size_t);
    case 4: return va_arg(a->list, intmax_t);
    case -1: return (short)va_arg(a->list, int);
    case -2: return (signed char)va_arg(a->list, int);
    default: return va_arg(a->list, int);
    }
}

static uint64_t take_unsigned(const struct spec *s, struct args *a)
{
    switch (s->length) {
    case 1: return va_arg(a->list, unsigned long);
    case 2: return va_arg(a->list, unsigned long long);
    case 3: return va_arg(a->list, size_t);
    case 4: return va_arg(a->list, uintmax_t);
    case -1: return (unsigned short)va_arg(a->list, unsigned int);
    case -2: return (unsigned char)va_arg(a->list, unsigned int);
    default: return va_arg(a->list, unsigned int);
    }
}

static void convert(struct out *o, const struct spec *s, char kind, struct args *a)
{
    switch (kind) {
    case '%': put(o, '%'); break;
    case 'c': {
        char one[2] = {(char)va_arg(a->list, int), 0};
        struct spec as_text = *s;
        as_text.precision = -1;
        if (one[0] == 0) {
            put(o, 0);
        } else {
            put_text(o, &as_text, one);
        }
        break;
    }
    case 's': put_text(o, s, va_arg(a->list, const char *)); break;
    case 'd':
    case 'i': {
        int64_t v = take_signed(s, a);
        put_number(o, s, v < 0 ? 0 - (uint64_t)v : (uint64_t)v, v < 0, 10, false);
        break;
    }
    case 'u': put_number(o, s, take_unsigned(s, a), false, 10, false); break;
    case 'x': put_number(o, s, take_unsigned(s, a), false, 16, false); break;
    case 'X': put_number(o, s, take_unsigned(s, a), false, 16, true); break;
    case 'o': put_number(o, s, take_unsigned(s, a), false, 8, false); break;
    default: UNREACHABLE();
    }
}

size_t fmt_v(char *out, size_t size, const char *format, va_list args)
{
    struct out o = {out, size, 0};
    struct args a;
    va_copy(a.list, args);
    for (const char *f = format; *f != '\0'; f++) {
        if (*f != '%') {
            put(&o, *f);
            continue;
        }
        struct spec s;
        f = parse_spec(f + 1, &s, &a);
        convert(&o, &s, *f, &a);
    }
    va_end(a.list);
    if (size > 0) {
        out[o.len < size ? o.len : size - 1] = '\0';
    }
    return o.len;
}

size_t fmt(char *out, size_t size, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    size_t len = fmt_v(out, size, format, args);
    va_end(args);
    return len;
}
