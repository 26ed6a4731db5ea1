/* Columns, paragraphs and numbers. */
#include "tell.h"

#include "base/duration.h"

/* Up to `columns` columns of text; UTF-8 counts by characters. The rest, or NULL. */
const char *tell_cut(const char *text, size_t columns, size_t *bytes)
{
    size_t used = 0;
    size_t at = 0;
    size_t blank = 0;
    while (text[at] != '\0' && text[at] != '\n') {
        if (((uint8_t)text[at] & 0xC0) != 0x80) {
            if (used == columns) {
                *bytes = blank > 0 ? blank : at;
                return text + *bytes + (blank > 0 ? 1 : 0);
            }
            used++;
        }
        blank = text[at] == ' ' ? at : blank;
        at++;
    }
    *bytes = at;
    return text[at] == '\n' ? text + at + 1 : NULL;
}

/* A paragraph at this indent; the first line is already begun. */
void tell_wrapped(struct telling *t, const char *text, size_t indent, size_t columns)
{
    bool first = true;
    for (const char *rest = text; rest != NULL && *rest != '\0';) {
        size_t bytes = 0;
        const char *next = tell_cut(rest, columns, &bytes);
        buf_printf(t->out, "%*s%.*s\n", first ? 0 : (int)indent, "", (int)bytes, rest);
        first = false;
        rest = next;
    }
    if (first) {
        buf_add_str(t->out, "\n");
    }
}

/* "3ms", "5.000s" */
void tell_took(int64_t ns, struct buf *out)
{
    int64_t ms = (ns + MS_NS / 2) / MS_NS;
    if (ms < 1000) {
        buf_printf(out, "%lldms", (long long)ms);
    } else {
        buf_printf(out, "%lld.%03llds", (long long)(ms / 1000), (long long)(ms % 1000));
    }
}

size_t tell_columns(struct slice text)
{
    size_t count = 0;
    for (size_t i = 0; i < text.len; i++) {
        count += (text.ptr[i] & 0xC0) != 0x80 ? 1 : 0;
    }
    return count;
}

/* 2 811 */
void tell_count(struct buf *out, uint64_t n)
{
    if (n >= 1000) {
        tell_count(out, n / 1000);
        buf_printf(out, " %03llu", (unsigned long long)(n % 1000));
    } else {
        buf_printf(out, "%llu", (unsigned long long)n);
    }
}

enum oracle_state tell_state_at(const struct oracle_track *track, int64_t time_ns)
{
    for (size_t i = 0; i < track->count; i++) {
        if (time_ns >= track->spans[i].from_ns && time_ns < track->spans[i].to_ns) {
            return track->spans[i].state;
        }
    }
    return ORACLE_MAY;
}
