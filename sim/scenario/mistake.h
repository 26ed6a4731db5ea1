/* The mistakes of a file: gathered in any order, told in the order of the file. */
#ifndef SCENARIO_MISTAKE_H
#define SCENARIO_MISTAKE_H

#include <stdarg.h>

#include "base/slice.h"
#include "scenario/scenario.h"

#define MISTAKES_TOLD_MAX 100

struct mistake {
    struct position at;
    char *text;
};

struct mistakes {
    struct mistake items[MISTAKES_TOLD_MAX];
    size_t kept;
    size_t count;
    struct mem *mem;
};

/* Notes one; past MISTAKES_TOLD_MAX it is only counted. */
void mistake_add(struct mistakes *m, struct position at, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void mistake_tell(struct mistakes *m, const char *path, struct buf *out);

/* The candidate that a person may have meant by word, or NULL: few edits away from it. */
const char *mistake_guess(const char *word, const char *const *candidates, size_t count);

#endif
