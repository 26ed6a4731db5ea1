/* The page that a failed run leaves on a terminal. */
#ifndef RUNNER_PAGE_H
#define RUNNER_PAGE_H

#include "base/duration.h"
#include "record.h"

/* Nothing if the run has not failed. Only a recorded run knows causes and states. */
void page_tell(const struct run *run, const char *build, struct buf *out);
/* A line of at most 100 columns, as `--trace` prints it. */
void page_line(const struct run *run, const struct record_line *line, struct buf *out);
/* "n1 n2 n3, learners n4" */
void page_config(const struct run *run, const struct oracle_config *c, struct buf *out);

#endif
