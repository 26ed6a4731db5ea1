#include "text.h"

#include "base/duration.h"

static bool is_digit(uint8_t c)
{
    return c >= '0' && c <= '9';
}

static bool is_letter(uint8_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* Bytes of the well-formed UTF-8 sequence in front; 0 if there is none. */
static size_t rune_length(struct slice s)
{
    for (size_t n = 1; n <= 4 && n <= s.len; n++) {
        if (slice_is_utf8(slice_of(s.ptr, n))) {
            return n;
        }
    }
    return 0;
}

void text_quote(struct buf *out, struct slice s)
{
    static const char *const named[] = {"\\a", "\\b", "\\t", "\\n", "\\v", "\\f", "\\r"};
    buf_add_u8(out, '"');
    while (s.len > 0) {
        uint8_t c = s.ptr[0];
        size_t n = rune_length(s);
        if (c == '"' || c == '\\') {
            buf_printf(out, "\\%c", c);
        } else if (c >= '\a' && c <= '\r') {
            buf_add_str(out, named[c - '\a']);
        } else if (c < 0x20 || c == 0x7f || n == 0) {
            buf_printf(out, "\\x%02x", c);
        } else {
            buf_add(out, s.ptr, n);
        }
        s = slice_from(s, n == 0 ? 1 : n);
    }
    buf_add_u8(out, '"');
}

static int complain(struct buf *error, const char *function, const char *text, const char *what)
{
    buf_printf(error, "strconv.%s: parsing ", function);
    text_quote(error, slice_str(text));
    buf_printf(error, ": %s", what);
    return ERR_INVALID;
}

static int digit_of(uint8_t c)
{
    if (is_digit(c)) {
        return c - '0';
    }
    if (c >= 'a' && c <= 'f') {
        return c - 'a' + 10;
    }
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : 16;
}

enum number {
    NUMBER_OK,
    NUMBER_SYNTAX,
    NUMBER_RANGE
};

static enum number parse_digits(const char *text, unsigned base, uint64_t max, uint64_t *value)
{
    uint64_t v = 0;
    bool over = false;
    if (*text == '\0') {
        return NUMBER_SYNTAX;
    }
    for (; *text != '\0'; text++) {
        unsigned digit = (unsigned)digit_of((uint8_t)*text);
        if (digit >= base) {
            return NUMBER_SYNTAX;
        }
        over = over || v > (max - digit) / base;
        v = v * base + digit;
    }
    *value = v;
    return over ? NUMBER_RANGE : NUMBER_OK;
}

static int parse_signed(const char *text, unsigned base, int64_t *value, struct buf *error)
{
    bool minus = *text == '-';
    const char *digits = minus || *text == '+' ? text + 1 : text;
    if (base == 0) {
        bool hex = digits[0] == '0' && (digits[1] == 'x' || digits[1] == 'X');
        base = hex ? 16 : 10;
        digits += hex ? 2 : 0;
    }
    uint64_t v = 0;
    switch (parse_digits(digits, base, (uint64_t)INT64_MAX + (minus ? 1 : 0), &v)) {
    case NUMBER_SYNTAX: return complain(error, "ParseInt", text, "invalid syntax");
    case NUMBER_RANGE: return complain(error, "ParseInt", text, "value out of range");
    default: *value = minus ? (int64_t)(0 - v) : (int64_t)v; return 0;
    }
}

int text_hex_u64(const char *text, uint64_t *value, struct buf *error)
{
    switch (parse_digits(text, 16, UINT64_MAX, value)) {
    case NUMBER_SYNTAX: return complain(error, "ParseUint", text, "invalid syntax");
    case NUMBER_RANGE: return complain(error, "ParseUint", text, "value out of range");
    default: return 0;
    }
}

int text_hex_i64(const char *text, int64_t *value, struct buf *error)
{
    return parse_signed(text, 16, value, error);
}

int text_i64(const char *text, int64_t *value, struct buf *error)
{
    return parse_signed(text, 0, value, error);
}

int text_bool(const char *text, int64_t *value, struct buf *error)
{
    static const char *const words[2][6] = {{"0", "f", "F", "false", "FALSE", "False"},
                                            {"1", "t", "T", "true", "TRUE", "True"}};
    for (int truth = 0; truth < 2; truth++) {
        for (int i = 0; i < 6; i++) {
            if (strcmp(text, words[truth][i]) == 0) {
                *value = truth;
                return 0;
            }
        }
    }
    return complain(error, "ParseBool", text, "invalid syntax");
}

static bool is_unit(struct slice s)
{
    static const char *const units[] = {"ns", "us", "\u00b5s", "\u03bcs", "ms", "s", "m", "h"};
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        if (slice_eq_str(s, units[i])) {
            return true;
        }
    }
    return false;
}

int text_duration(const char *text, int64_t *ns, struct buf *error)
{
    if (duration_parse(slice_str(text), ns) == 0) {
        return 0;
    }
    const char *p = *text == '-' || *text == '+' ? text + 1 : text;
    const char *number;
    const char *unit;
    /* On to the first pair of number and unit that is none. */
    do {
        number = p;
        while (is_digit((uint8_t)*p) || *p == '.') {
            p++;
        }
        unit = p;
        while (*p != '\0' && *p != '.' && !is_digit((uint8_t)*p)) {
            p++;
        }
    } while (*p != '\0' && unit > number && is_unit(slice_of(unit, (size_t)(p - unit))));
    if (unit == number) {
        buf_add_str(error, "time: invalid duration ");
    } else if (p == unit) {
        buf_add_str(error, "time: missing unit in duration ");
    } else if (is_unit(slice_of(unit, (size_t)(p - unit)))) {
        buf_add_str(error, "time: invalid duration "); /* too long */
    } else {
        buf_add_str(error, "time: unknown unit ");
        text_quote(error, slice_of(unit, (size_t)(p - unit)));
        buf_add_str(error, " in duration ");
    }
    text_quote(error, slice_str(text));
    return ERR_INVALID;
}

/* One decimal below 10, none above; rounded to tenths first, then half to even (humanize.Bytes). */
void text_size(struct buf *out, uint64_t bytes)
{
    static const char *const units[] = {"B", "kB", "MB", "GB", "TB", "PB", "EB"};
    if (bytes < 10) {
        buf_printf(out, "%u B", (unsigned)bytes);
        return;
    }
    size_t unit = 0;
    uint64_t scale = 1;
    while (unit < 6 && bytes / scale >= 1000) {
        scale *= 1000;
        unit++;
    }
    uint64_t tenths = bytes / scale * 10 + (bytes % scale * 10 + scale / 2) / scale;
    if (tenths < 100) {
        buf_printf(out, "%u.%u %s", (unsigned)(tenths / 10), (unsigned)(tenths % 10), units[unit]);
        return;
    }
    uint64_t whole = tenths / 10;
    uint64_t rest = tenths % 10;
    whole += rest > 5 || (rest == 5 && whole % 2 == 1) ? 1 : 0;
    buf_printf(out, "%u %s", (unsigned)whole, units[unit]);
}

static int bad_parse(struct buf *error, struct slice url, const char *what, struct slice quoted,
                     const char *after)
{
    buf_add_str(error, "parse ");
    text_quote(error, url);
    buf_printf(error, ": %s", what);
    if (quoted.ptr != NULL) {
        text_quote(error, quoted);
    }
    buf_add_str(error, after);
    return ERR_INVALID;
}

static int bad_url(struct buf *error, const char *what, struct slice url)
{
    buf_printf(error, "%s: ", what);
    buf_add_slice(error, url);
    return ERR_INVALID;
}

/* The scheme's length, 0 without one, -1 if the text begins with a colon (net/url: getScheme). */
static ptrdiff_t scheme_length(struct slice url)
{
    for (size_t i = 0; i < url.len; i++) {
        uint8_t c = url.ptr[i];
        if (c == ':') {
            return i == 0 ? -1 : (ptrdiff_t)i;
        }
        bool later = is_digit(c) || c == '+' || c == '-' || c == '.';
        if (!is_letter(c) && (i == 0 || !later)) {
            return 0;
        }
    }
    return 0;
}

/* Where the host and port end. */
static size_t authority_length(struct slice s)
{
    size_t i = 0;
    while (i < s.len && s.ptr[i] != '/' && s.ptr[i] != '?' && s.ptr[i] != '#') {
        i++;
    }
    return i;
}

/* net/url's own look at the host: its characters, and a port of digits. */
static int check_host(struct slice url, struct slice host, struct buf *error)
{
    for (size_t i = 0; i < host.len; i++) {
        uint8_t c = host.ptr[i];
        if (c == ' ' || c == '^' || c == '`' || c == '{' || c == '}' || c == '|' || c == '\\') {
            return bad_parse(error, url, "invalid character ", slice_of(host.ptr + i, 1),
                             " in host name");
        }
    }
    size_t from = host.len;
    while (from > 0 && host.ptr[from - 1] != ':' && host.ptr[from - 1] != ']') {
        from--;
    }
    if (from == 0 || host.ptr[from - 1] == ']') {
        return 0;
    }
    for (size_t i = from; i < host.len; i++) {
        if (!is_digit(host.ptr[i])) {
            return bad_parse(error, url, "invalid port ", slice_from(host, from - 1),
                             " after host");
        }
    }
    return 0;
}

/* net.SplitHostPort: exactly one colon outside brackets, and it is there. */
static bool has_port(struct slice host)
{
    size_t colons = 0;
    size_t last_bracket = 0;
    for (size_t i = 0; i < host.len; i++) {
        if (host.ptr[i] == ']') {
            last_bracket = i;
            colons = 0;
        }
        colons += host.ptr[i] == ':' ? 1 : 0;
    }
    return colons == 1 &&
           (last_bracket == 0 || (host.ptr[0] == '[' && host.ptr[last_bracket + 1] == ':'));
}

static int check_rest(struct slice url, struct slice scheme, struct slice rest, struct buf *error)
{
    bool known = slice_eq_str(scheme, "http") || slice_eq_str(scheme, "https") ||
                 slice_eq_str(scheme, "unix") || slice_eq_str(scheme, "unixs");
    struct slice host = {NULL, 0};
    if (slice_starts_with(rest, "//")) {
        rest = slice_from(rest, 2);
        host = slice_of(rest.ptr, authority_length(rest));
        rest = slice_from(rest, host.len);
        ptrdiff_t at = slice_find(host, '@');
        host = at >= 0 ? slice_from(host, (size_t)at + 1) : host;
        int err = check_host(url, host, error);
        if (err != 0) {
            return err;
        }
    }
    if (!known) {
        return bad_url(error, "URL scheme must be http, https, unix, or unixs", url);
    }
    if (!has_port(host)) {
        return bad_url(error, "URL address does not have the form \"host:port\"", url);
    }
    if (rest.len > 0 && rest.ptr[0] == '/') {
        return bad_url(error, "URL must not contain a path", url);
    }
    return 0;
}

int text_check_url(struct slice url, struct buf *error)
{
    const struct slice none = {NULL, 0};
    while (url.len > 0 && (url.ptr[0] == ' ' || url.ptr[0] == '\t')) {
        url = slice_from(url, 1);
    }
    while (url.len > 0 && (url.ptr[url.len - 1] == ' ' || url.ptr[url.len - 1] == '\t')) {
        url.len--;
    }
    for (size_t i = 0; i < url.len; i++) {
        if (url.ptr[i] < 0x20 || url.ptr[i] == 0x7f) {
            return bad_parse(error, url, "net/url: invalid control character in URL", none, "");
        }
        if (url.ptr[i] == '%' &&
            (i + 2 >= url.len || digit_of(url.ptr[i + 1]) > 15 || digit_of(url.ptr[i + 2]) > 15)) {
            size_t shown = url.len - i < 3 ? url.len - i : 3;
            return bad_parse(error, url, "invalid URL escape ", slice_of(url.ptr + i, shown), "");
        }
    }
    ptrdiff_t length = scheme_length(url);
    if (length < 0) {
        return bad_parse(error, url, "missing protocol scheme", none, "");
    }
    if (length == 0) {
        ptrdiff_t colon = slice_find(slice_of(url.ptr, authority_length(url)), ':');
        if (colon >= 0) {
            return bad_parse(error, url, "first path segment in URL cannot contain colon", none,
                             "");
        }
        return bad_url(error, "URL scheme must be http, https, unix, or unixs", url);
    }
    return check_rest(url, slice_of(url.ptr, (size_t)length), slice_from(url, (size_t)length + 1),
                      error);
}
