#include "mistake.h"

#include "base/sort.h"

void mistake_add(struct mistakes *m, struct position at, const char *format, ...)
{
    if (m->kept == MISTAKES_TOLD_MAX) {
        m->count++;
        return;
    }
    struct buf text;
    buf_init(&text, m->mem);
    va_list args;
    va_start(args, format);
    buf_vprintf(&text, format, args);
    va_end(args);
    /* A name out of the file may hold anything; a message is one line of printable text. */
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] < 0x20 || text.ptr[i] == 0x7F) {
            text.ptr[i] = '?';
        }
    }
    /* Each case of a file is read, so most mistakes are found more than once. */
    for (size_t i = 0; i < m->kept; i++) {
        const struct mistake *one = &m->items[i];
        if (one->at.line == at.line && one->at.column == at.column &&
            strcmp(one->text, buf_cstr(&text)) == 0) {
            buf_fini(&text);
            return;
        }
    }
    m->count++;
    struct mistake *one = &m->items[m->kept++];
    one->at = at;
    one->text = mem_strdup(m->mem, (const char *)text.ptr, text.len);
    buf_fini(&text);
}

static int compare_places(const void *a, const void *b, void *ctx)
{
    const struct mistake *x = a;
    const struct mistake *y = b;
    (void)ctx;
    if (x->at.line != y->at.line) {
        return x->at.line < y->at.line ? -1 : 1;
    }
    return (x->at.column > y->at.column) - (x->at.column < y->at.column);
}

void mistake_tell(struct mistakes *m, const char *path, struct buf *out)
{
    sort_stable(m->items, m->kept, sizeof(m->items[0]), compare_places, NULL, m->mem);
    for (size_t i = 0; i < m->kept; i++) {
        const struct mistake *one = &m->items[i];
        buf_printf(out, "%s:%d:%d: %s\n", path, one->at.line, one->at.column, one->text);
    }
}

#define GUESS_LEN_MAX 40

/* Levenshtein's distance, bounded by the length of both words. */
static size_t distance(const char *a, size_t a_len, const char *b, size_t b_len)
{
    size_t row[GUESS_LEN_MAX + 1];
    for (size_t j = 0; j <= b_len; j++) {
        row[j] = j;
    }
    for (size_t i = 1; i <= a_len; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= b_len; j++) {
            size_t up = row[j];
            size_t best = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
            best = up + 1 < best ? up + 1 : best;
            best = row[j - 1] + 1 < best ? row[j - 1] + 1 : best;
            row[j] = best;
            diagonal = up;
        }
    }
    return row[b_len];
}

const char *mistake_guess(const char *word, const char *const *candidates, size_t count)
{
    size_t len = strlen(word);
    size_t best = len <= 4 ? 2 : len / 4 + 2;
    const char *guess = NULL;
    if (len == 0 || len > GUESS_LEN_MAX) {
        return NULL;
    }
    for (size_t i = 0; i < count; i++) {
        size_t other = strlen(candidates[i]);
        if (other > GUESS_LEN_MAX) {
            continue;
        }
        size_t d = distance(word, len, candidates[i], other);
        if (d < best && d < other) {
            best = d;
            guess = candidates[i];
        }
    }
    return guess;
}
