#include "base/duration.h"

#include "base/err.h"
#include "base/fmt.h"

struct unit {
    const char *name;
    int64_t ns;
};

/* Longer names first: "m" is a prefix of "ms". U+00B5 and U+03BC are both written for micro. */
static const struct unit units[] = {
    {"ns", 1},     {"us", US_NS}, {"\xC2\xB5s", US_NS}, {"\xCE\xBCs", US_NS},
    {"ms", MS_NS}, {"s", SEC_NS}, {"m", MIN_NS},        {"h", 60 * MIN_NS},
};

static const struct unit *take_unit(struct slice *s)
{
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        if (slice_starts_with(*s, units[i].name)) {
            *s = slice_from(*s, strlen(units[i].name));
            return &units[i];
        }
    }
    return NULL;
}

/* One "12.5ms" off the front, added to *total. */
static int take_part(struct slice *s, uint64_t *total)
{
    uint64_t whole = 0;
    uint64_t fraction = 0;
    uint64_t scale = 1;
    size_t digits = 0;
    for (; s->len > 0 && s->ptr[0] >= '0' && s->ptr[0] <= '9'; *s = slice_from(*s, 1), digits++) {
        if (whole > (uint64_t)INT64_MAX / 10) {
            return ERR_INVALID;
        }
        whole = whole * 10 + (uint64_t)(s->ptr[0] - '0');
    }
    if (s->len > 0 && s->ptr[0] == '.') {
        *s = slice_from(*s, 1);
        for (; s->len > 0 && s->ptr[0] >= '0' && s->ptr[0] <= '9'; *s = slice_from(*s, 1)) {
            digits++;
            if (scale < UINT64_C(1000000000000)) {
                fraction = fraction * 10 + (uint64_t)(s->ptr[0] - '0');
                scale *= 10;
            }
        }
    }
    const struct unit *unit = digits > 0 ? take_unit(s) : NULL;
    if (unit == NULL || whole > (uint64_t)(INT64_MAX / unit->ns)) {
        return ERR_INVALID;
    }
    __extension__ typedef unsigned __int128 wide;
    uint64_t part = (uint64_t)((wide)fraction * (uint64_t)unit->ns / scale);
    uint64_t sum = *total + whole * (uint64_t)unit->ns + part;
    if (sum > (uint64_t)INT64_MAX) {
        return ERR_INVALID;
    }
    *total = sum;
    return 0;
}

int duration_parse(struct slice text, int64_t *ns)
{
    struct slice s = text;
    bool negative = s.len > 0 && s.ptr[0] == '-';
    if (s.len > 0 && (s.ptr[0] == '-' || s.ptr[0] == '+')) {
        s = slice_from(s, 1);
    }
    if (slice_eq_str(s, "0")) {
        *ns = 0;
        return 0;
    }
    uint64_t total = 0;
    if (s.len == 0) {
        return ERR_INVALID;
    }
    while (s.len > 0) {
        int rv = take_part(&s, &total);
        if (rv != 0) {
            return rv;
        }
    }
    *ns = negative ? -(int64_t)total : (int64_t)total;
    return 0;
}

/* v / 10^digits as a decimal without trailing zeros. */
static size_t format_fraction(char *out, size_t size, uint64_t v, int digits)
{
    uint64_t scale = 1;
    for (int i = 0; i < digits; i++) {
        scale *= 10;
    }
    uint64_t fraction = v % scale;
    if (fraction == 0) {
        return fmt(out, size, "%llu", (unsigned long long)(v / scale));
    }
    while (fraction % 10 == 0) {
        fraction /= 10;
        digits--;
    }
    return fmt(out, size, "%llu.%0*llu", (unsigned long long)(v / scale), digits,
               (unsigned long long)fraction);
}

size_t duration_format(char *out, size_t size, int64_t ns)
{
    uint64_t v = ns < 0 ? 0 - (uint64_t)ns : (uint64_t)ns;
    char number[48];
    const char *sign = ns < 0 ? "-" : "";
    if (v == 0) {
        return fmt(out, size, "0s");
    }
    if (v < (uint64_t)SEC_NS) {
        const char *unit = v < 1000 ? "ns" : v < 1000000 ? "\xC2\xB5s" : "ms";
        format_fraction(number, sizeof(number), v, v < 1000 ? 0 : v < 1000000 ? 3 : 6);
        return fmt(out, size, "%s%s%s", sign, number, unit);
    }
    uint64_t minutes = v / (uint64_t)MIN_NS;
    format_fraction(number, sizeof(number), v % (uint64_t)MIN_NS, 9);
    if (minutes == 0) {
        return fmt(out, size, "%s%ss", sign, number);
    }
    if (minutes < 60) {
        return fmt(out, size, "%s%llum%ss", sign, (unsigned long long)minutes, number);
    }
    return fmt(out, size, "%s%lluh%llum%ss", sign, (unsigned long long)(minutes / 60),
               (unsigned long long)(minutes % 60), number);
}

struct civil {
    int64_t year;
    int month;   /* 1..12 */
    int day;     /* 1..31 */
    int weekday; /* 0: Sunday */
    int second;  /* of the day */
    int64_t rest_ns;
};

static struct civil civil_of(int64_t wall_ns)
{
    int64_t seconds = wall_ns / SEC_NS;
    int64_t rest = wall_ns % SEC_NS;
    if (rest < 0) {
        rest += SEC_NS;
        seconds--;
    }
    int64_t days = seconds / 86400;
    int64_t second = seconds % 86400;
    if (second < 0) {
        second += 86400;
        days--;
    }
    /* Civil date from the day number, with years that begin in March so that the leap day is last
     * (Hinnant, "chrono-compatible low-level date algorithms"). */
    int64_t z = days + 719468;
    int64_t era = (z >= 0 ? z : z - 146096) / 146097;
    int64_t doe = z - era * 146097;
    int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    int64_t mp = (5 * doy + 2) / 153;
    int month = (int)(mp < 10 ? mp + 3 : mp - 9);
    /* 1 January 1970 was a Thursday. */
    return (struct civil){.year = yoe + era * 400 + (month <= 2),
                          .month = month,
                          .day = (int)(doy - (153 * mp + 2) / 5 + 1),
                          .weekday = (int)(((days + 4) % 7 + 7) % 7),
                          .second = (int)second,
                          .rest_ns = rest};
}

size_t time_format(char *out, size_t size, int64_t wall_ns)
{
    struct civil c = civil_of(wall_ns);
    return fmt(out, size, "%04lld-%02d-%02dT%02d:%02d:%02d.%03dZ", (long long)c.year, c.month,
               c.day, c.second / 3600, c.second / 60 % 60, c.second % 60, (int)(c.rest_ns / MS_NS));
}

size_t time_format_http(char *out, size_t size, int64_t wall_ns)
{
    static const char days[] = "SunMonTueWedThuFriSat";
    static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    struct civil c = civil_of(wall_ns);
    return fmt(out, size, "%.3s, %02d %.3s %04lld %02d:%02d:%02d GMT", days + 3 * (size_t)c.weekday,
               c.day, months + 3 * (size_t)(c.month - 1), (long long)c.year, c.second / 3600,
               c.second / 60 % 60, c.second % 60);
}
