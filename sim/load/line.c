#include "load/load.h"

#include "base/assert.h"
#include "client/client.h"

static struct slice next_word(struct slice *rest)
{
    ptrdiff_t at = slice_find(*rest, ' ');
    struct slice word = *rest;
    if (at >= 0) {
        word.len = (size_t)at;
        *rest = slice_of(rest->ptr + at + 1, rest->len - (size_t)at - 1);
    } else {
        *rest = slice_of(NULL, 0);
    }
    return word;
}

const char *load_outcome_name(enum load_outcome outcome)
{
    static const char *const names[] = {"ok", "refused", "unknown"};
    return names[outcome];
}

int load_line_read(struct slice text, struct load_line *line)
{
    struct slice word = next_word(&text);
    *line = (struct load_line){.done = slice_eq_str(word, "done")};
    if ((!line->done && !slice_eq_str(word, "call")) ||
        slice_to_u64(next_word(&text), &line->n) != 0) {
        return ERR_PROTO;
    }
    if (!line->done) {
        line->kind = next_word(&text);
        line->key = next_word(&text);
        line->text = text;
        return 0;
    }
    word = next_word(&text);
    for (int i = LOAD_OK; i <= LOAD_UNKNOWN; i++) {
        if (slice_eq_str(word, load_outcome_name((enum load_outcome)i))) {
            line->outcome = (enum load_outcome)i;
            if (slice_to_i64(next_word(&text), &line->revision) != 0 ||
                slice_to_i64(next_word(&text), &line->create) != 0 ||
                slice_to_i64(next_word(&text), &line->mod) != 0 ||
                slice_to_i64(next_word(&text), &line->version) != 0 ||
                slice_to_u64(next_word(&text), &line->member) != 0) {
                return ERR_PROTO;
            }
            line->text = text;
            return 0;
        }
    }
    return ERR_PROTO;
}

enum load_outcome load_outcome_of(struct slice error)
{
    /* etcd's errors say that nothing was done, but for these: their request may be in the log. */
    static const char *const open[] = {"etcdserver: request timed out",
                                       "etcdserver: leader changed", "etcdserver: server stopped",
                                       "etcdserver: no leader"};
    static const char etcd[] = "etcdserver: ";
    if (!slice_starts_with(error, etcd)) {
        return LOAD_UNKNOWN;
    }
    for (size_t i = 0; i < sizeof(open) / sizeof(open[0]); i++) {
        if (slice_starts_with(error, open[i])) {
            return LOAD_UNKNOWN;
        }
    }
    return LOAD_REFUSED;
}
