/* Results in SQLite: rows into the tables of reports/schema.sql, which is part of the program.
 *
 * It knows the schema and nothing of where rows come from. A file takes any number of runs; all
 * rows of a run are written in one transaction, so that a file holds whole runs only, whatever
 * happens to the writer. A run whose id is there already replaces the one before.
 *
 * Invariants: a row has exactly the columns of its table, in the schema's order; nothing is written
 * outside store_begin and store_end.
 */
#ifndef STORE_STORE_H
#define STORE_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/slice.h"

#define STORE_VERSION 1

enum store_table {
    STORE_RUN,
    STORE_STEP,
    STORE_EVENT,
    STORE_OP,
    STORE_FAULT,
    STORE_ROLE,
    STORE_CONFIG,
    STORE_AVAILABILITY,
    STORE_VIOLATION,
    STORE_PROBE,
    STORE_METRIC,
    STORE_TABLE_COUNT
};

enum store_kind {
    STORE_NULL,
    STORE_INT,
    STORE_TEXT
};

struct store_value {
    enum store_kind kind;
    int64_t num;
    struct slice text; /* borrowed until the call returns */
};

static inline struct store_value store_null(void)
{
    return (struct store_value){STORE_NULL, 0, {NULL, 0}};
}
static inline struct store_value store_int(int64_t value)
{
    return (struct store_value){STORE_INT, value, {NULL, 0}};
}
static inline struct store_value store_slice(struct slice value)
{
    return (struct store_value){STORE_TEXT, 0, value};
}
static inline struct store_value store_text(const char *value)
{
    return store_slice(slice_str(value));
}

struct store;

/* Opens or makes the file. ERR_IO, or ERR_FORMAT if it is no results file of this version; *out is
 * then NULL and `why` says more. */
int store_open(const char *path, struct mem *mem, struct store **out, struct buf *why) MUST_CHECK;
/* Drops a run that was begun and not ended. */
void store_close(struct store *store);
/* Begins a run: a number for its rows. The row of `run` itself comes when the run is over. */
int store_begin(struct store *store, const char *id, int64_t *run) MUST_CHECK;
int store_end(struct store *store) MUST_CHECK;

/* One row. The first failure is kept and returned by every later call and by store_end. */
void store_row(struct store *store, enum store_table table, const struct store_value *values,
               size_t count);
#define STORE_ROW(store, table, ...)                                       \
    store_row((store), (table), (const struct store_value[]){__VA_ARGS__}, \
              sizeof((const struct store_value[]){__VA_ARGS__}) / sizeof(struct store_value))

struct store_merged {
    uint64_t runs;     /* in the other file */
    uint64_t added;    /* of these: not there before */
    uint64_t replaced; /* of these: in place of one that was there */
};

/* All runs of another file, in their order. One that is there already is replaced, unless it is
 * whole and the other a summary. All or nothing: ERR_IO, or ERR_FORMAT if the other is no results
 * file of this version; `why` says more. */
int store_merge(struct store *store, const char *path, struct store_merged *merged,
                struct buf *why) MUST_CHECK;

/* What SQLite said last. */
const char *store_error(const struct store *store);

/* The schema's text, for tests and `sqlite3`. */
extern const char store_schema[];

#endif
