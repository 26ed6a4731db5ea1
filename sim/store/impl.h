/* A results file as store.c and merge.c see it. Private to sim/store. */
#ifndef STORE_IMPL_H
#define STORE_IMPL_H

#include <sqlite3.h>

#include "store/store.h"

struct store {
    sqlite3 *db;
    struct mem *mem;
    sqlite3_stmt *insert[STORE_TABLE_COUNT];
    bool begun;
    int err; /* the first failure since store_begin */
};

struct store_shape {
    const char *name;
    size_t columns;
};

extern const struct store_shape store_tables[STORE_TABLE_COUNT];

/* Statements without results. 0 or ERR_IO. */
int store_sql(struct store *store, const char *sql);

#endif
