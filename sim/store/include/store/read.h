/* Reads back what a results file keeps of a run, so that it can be run again or compared.
 *
 * A file is opened for reading only and may be of any size; what is read is copied into the
 * caller's memory. A run is named by its id, scenario/seed@build, or by the beginning of one if
 * that is enough to tell it apart; NULL is the only run of a file.
 */
#ifndef STORE_READ_H
#define STORE_READ_H

#include "store/store.h"

struct store_run {
    int64_t number;
    const char *id;
    const char *scenario;
    uint64_t seed;
    const char *build;
    const char *path; /* of the scenario, as it was named */
    struct slice text;
    const char *verdict;
    const char *trace_hash;
    int64_t until_ns; /* where it was cut short by a flag; INT64_MAX: not */
    uint64_t events;  /* rows in the table of that name */
};

struct store_line {
    int64_t time_ns;
    uint64_t event;
    uint64_t cause;
    const char *node;
    const char *kind;
    const char *text;
};

/* Borrows nothing. ERR_IO, ERR_FORMAT (no results file of this version), ERR_NOT_FOUND, or
 * ERR_EXISTS if more than one run is meant; `why` then says it in words, with the runs there are.
 */
int store_read_run(const char *path, const char *id, struct mem *mem, struct store_run *run,
                   struct buf *why) MUST_CHECK;
/* The lines of the run's trace in their order; the array is allocated from mem. ERR_IO. */
int store_read_lines(const char *path, const struct store_run *run, struct mem *mem,
                     struct store_line **lines, size_t *count) MUST_CHECK;

#endif
