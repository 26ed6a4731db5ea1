/* What the files that tell a run share. */
#ifndef RUNNER_TELL_H
#define RUNNER_TELL_H

#include "run.h"

#define TELL_WIDTH 100

struct telling {
    const struct run *run;
    struct buf *out;
    bool story;
    struct buf scratch;
};

/* tell_text.c */
/* Up to `columns` columns of a line; UTF-8 counts by characters. What is left, or NULL. */
const char *tell_cut(const char *text, size_t columns, size_t *bytes);
/* A paragraph at this indent; its first line is already begun. */
void tell_wrapped(struct telling *t, const char *text, size_t indent, size_t columns);
/* "3ms", "5.000s" */
void tell_took(int64_t ns, struct buf *out);
size_t tell_columns(struct slice text);
/* "2 811" */
void tell_count(struct buf *out, uint64_t n);
/* What is predicted of writes at an engine time. */
enum oracle_state tell_state_at(const struct oracle_track *track, int64_t time_ns);

/* tell_table.c, tell_lanes.c */
void tell_table(struct telling *t);
void tell_lanes(struct telling *t);

#endif
