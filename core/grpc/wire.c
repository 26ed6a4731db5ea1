#include "grpc/wire.h"

#include "base/duration.h"
#include "base/fmt.h"

#define TIMEOUT_DIGITS_MAX 8
#define TIMEOUT_VALUE_MAX  99999999

static int64_t unit_ns(uint8_t unit)
{
    switch (unit) {
    case 'H': return 60 * MIN_NS;
    case 'M': return MIN_NS;
    case 'S': return SEC_NS;
    case 'm': return MS_NS;
    case 'u': return US_NS;
    case 'n': return 1;
    default: return 0;
    }
}

int grpc_timeout_parse(struct slice text, int64_t *ns)
{
    if (text.len < 2 || text.len > TIMEOUT_DIGITS_MAX + 1) {
        return ERR_INVALID;
    }
    int64_t unit = unit_ns(text.ptr[text.len - 1]);
    struct slice digits = slice_of(text.ptr, text.len - 1);
    bool sign = digits.len > 1 && (digits.ptr[0] == '-' || digits.ptr[0] == '+');
    uint64_t value;
    if (unit == 0 || slice_to_u64(slice_from(digits, sign), &value) != 0) {
        return ERR_INVALID;
    }
    /* 99999999 hours are past 2^63 ns: such a call never times out. A negative one already has. */
    bool negative = sign && digits.ptr[0] == '-';
    *ns = (int64_t)value > INT64_MAX / unit ? INT64_MAX : (int64_t)value * unit;
    *ns = negative ? -*ns : *ns;
    return 0;
}

size_t grpc_timeout_format(char *out, int64_t ns)
{
    static const char units[] = {'n', 'u', 'm', 'S', 'M', 'H'};
    if (ns <= 0) {
        return fmt(out, GRPC_TIMEOUT_LEN_MAX, "0n");
    }
    size_t i = 0;
    int64_t value = ns;
    while (value > TIMEOUT_VALUE_MAX) {
        int64_t unit = unit_ns((uint8_t)units[++i]); /* 2^63 ns are 2562048 hours */
        value = ns / unit + (ns % unit > 0);
    }
    return fmt(out, GRPC_TIMEOUT_LEN_MAX, "%lld%c", (long long)value, units[i]);
}

static void encode_byte(struct buf *out, uint8_t byte)
{
    static const char digits[] = "0123456789ABCDEF";
    if (byte >= 0x20 && byte <= 0x7E && byte != '%') {
        buf_add_u8(out, byte);
        return;
    }
    uint8_t *p = buf_reserve(out, 3);
    p[0] = '%';
    p[1] = (uint8_t)digits[byte >> 4];
    p[2] = (uint8_t)digits[byte & 15];
    out->len += 3;
}

/* Length of the well-formed UTF-8 sequence at the start of s, 0 if there is none. */
static size_t rune_len(struct slice s)
{
    for (size_t n = 1; n <= 4 && n <= s.len; n++) {
        if (slice_is_utf8(slice_of(s.ptr, n))) {
            return n;
        }
    }
    return 0;
}

void grpc_message_encode(struct buf *out, struct slice text)
{
    size_t i = 0;
    while (i < text.len) {
        size_t n = rune_len(slice_from(text, i));
        if (n == 0) {
            buf_add_str(out, "%EF%BF%BD");
            i++;
            continue;
        }
        for (size_t end = i + n; i < end; i++) {
            encode_byte(out, text.ptr[i]);
        }
    }
}

static int hex_digit(uint8_t c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    if (c >= 'A' && c <= 'F') {
        return c - 'A' + 10;
    }
    if (c >= 'a' && c <= 'f') {
        return c - 'a' + 10;
    }
    return -1;
}

void grpc_message_decode(struct buf *out, struct slice text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] == '%' && text.len - i > 2) {
            int high = hex_digit(text.ptr[i + 1]);
            int low = hex_digit(text.ptr[i + 2]);
            if (high >= 0 && low >= 0) {
                buf_add_u8(out, (uint8_t)(high << 4 | low));
                i += 2;
                continue;
            }
        }
        buf_add_u8(out, text.ptr[i]);
    }
}

static const char *const status_names[] = {
    "OK",       "Canceled",        "Unknown",          "InvalidArgument",   "DeadlineExceeded",
    "NotFound", "AlreadyExists",   "PermissionDenied", "ResourceExhausted", "FailedPrecondition",
    "Aborted",  "OutOfRange",      "Unimplemented",    "Internal",          "Unavailable",
    "DataLoss", "Unauthenticated",
};

const char *grpc_status_name(int status)
{
    int count = (int)(sizeof(status_names) / sizeof(status_names[0]));
    return status >= 0 && status < count ? status_names[status] : NULL;
}

void grpc_quote(struct buf *out, struct slice text)
{
    buf_add_u8(out, '"');
    size_t i = 0;
    while (i < text.len) {
        uint8_t c = text.ptr[i];
        size_t n = rune_len(slice_from(text, i));
        if (c == '"' || c == '\\') {
            buf_printf(out, "\\%c", c);
            i++;
        } else if (n == 0 || c < 0x20 || c == 0x7F) {
            buf_printf(out, "\\x%02x", c);
            i++;
        } else {
            buf_add(out, text.ptr + i, n);
            i += n;
        }
    }
    buf_add_u8(out, '"');
}
