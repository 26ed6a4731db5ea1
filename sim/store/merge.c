/* All runs of another results file. The work is SQLite's: the other file is attached, its runs get
 * numbers behind the last one here, and each table is copied with the numbers exchanged. */
#define _DEFAULT_SOURCE
#include <unistd.h>

#include "base/assert.h"
#include "base/mem.h"
#include "impl.h"

/* Only a whole run has events. */
#define WHOLE(file, run) "EXISTS (SELECT 1 FROM " file ".event e WHERE e.run = " run ".run)"

/* The first column of the first row. */
static int ask(struct store *store, const char *sql, uint64_t *value)
{
    sqlite3_stmt *query = NULL;
    int err = ERR_IO;
    if (sqlite3_prepare_v2(store->db, sql, -1, &query, NULL) == SQLITE_OK &&
        sqlite3_step(query) == SQLITE_ROW) {
        *value = (uint64_t)sqlite3_column_int64(query, 0);
        err = 0;
    }
    sqlite3_finalize(query);
    return err;
}

static int attach(struct store *store, const char *path)
{
    sqlite3_stmt *query = NULL;
    int err = ERR_IO;
    if (sqlite3_prepare_v2(store->db, "ATTACH ? AS other", -1, &query, NULL) == SQLITE_OK &&
        sqlite3_bind_text(query, 1, path, -1, SQLITE_STATIC) == SQLITE_OK &&
        sqlite3_step(query) == SQLITE_DONE) {
        err = 0;
    }
    sqlite3_finalize(query);
    return err;
}

/* Names of a table's columns but the first, each behind "t.". */
static int add_columns(struct store *store, const char *table, struct buf *out)
{
    sqlite3_stmt *query = NULL;
    int err = ERR_IO;
    if (sqlite3_prepare_v2(store->db,
                           "SELECT name FROM pragma_table_info(?) WHERE cid > 0 "
                           "ORDER BY cid",
                           -1, &query, NULL) == SQLITE_OK) {
        int step = SQLITE_ROW;
        sqlite3_bind_text(query, 1, table, -1, SQLITE_STATIC);
        while ((step = sqlite3_step(query)) == SQLITE_ROW) {
            buf_printf(out, ", t.\"%s\"", (const char *)sqlite3_column_text(query, 0));
        }
        err = step == SQLITE_DONE ? 0 : ERR_IO;
    }
    sqlite3_finalize(query);
    return err;
}

static int copy_table(struct store *store, const char *table)
{
    struct buf sql;
    buf_init(&sql, store->mem);
    buf_printf(&sql, "INSERT INTO main.%s SELECT moved.fresh", table);
    int err = add_columns(store, table, &sql);
    buf_printf(&sql,
               " FROM other.%s t JOIN moved ON moved.old = t.run "
               "ORDER BY moved.fresh, t.rowid",
               table);
    err = err == 0 ? store_sql(store, buf_cstr(&sql)) : err;
    buf_fini(&sql);
    return err;
}

static int drop_replaced(struct store *store, const char *table)
{
    struct buf sql;
    buf_init(&sql, store->mem);
    buf_printf(&sql, "DELETE FROM main.%s WHERE run IN (SELECT gone FROM moved)", table);
    int err = store_sql(store, buf_cstr(&sql));
    buf_fini(&sql);
    return err;
}

static int copy_all(struct store *store, struct store_merged *merged)
{
    int err = store_sql(
        store,
        "CREATE TEMP TABLE moved (old INTEGER PRIMARY KEY, fresh INTEGER, gone INTEGER);"
        "INSERT INTO moved SELECT o.run, (SELECT coalesce(max(run), 0) FROM main.run) + "
        "row_number() OVER (ORDER BY o.run), m.run FROM other.run o LEFT JOIN main.run m "
        "ON m.id = o.id WHERE m.run IS NULL OR NOT " WHOLE("main", "m") " OR " WHOLE("other", "o"));
    err = err == 0 ? ask(store, "SELECT count(*) FROM other.run", &merged->runs) : err;
    err = err == 0 ? ask(store, "SELECT count(*) FROM moved WHERE gone IS NULL", &merged->added)
                   : err;
    err = err == 0
              ? ask(store, "SELECT count(*) FROM moved WHERE gone IS NOT NULL", &merged->replaced)
              : err;
    for (size_t i = 0; i < STORE_TABLE_COUNT && err == 0; i++) {
        err = drop_replaced(store, store_tables[i].name);
        err = err == 0 ? copy_table(store, store_tables[i].name) : err;
    }
    return err == 0 ? store_sql(store, "DROP TABLE moved") : err;
}

int store_merge(struct store *store, const char *path, struct store_merged *merged, struct buf *why)
{
    ASSERT(!store->begun);
    uint64_t version = 0;
    *merged = (struct store_merged){0, 0, 0};
    /* ATTACH would make the file. */
    if (access(path, R_OK) != 0) {
        buf_printf(why, "%s: cannot be read", path);
        return ERR_IO;
    }
    int err = attach(store, path);
    err = err == 0 ? ask(store, "PRAGMA other.user_version", &version) : err;
    if (err == 0 && version != STORE_VERSION) {
        err = ERR_FORMAT;
    }
    if (err == 0) {
        err = store_sql(store, "BEGIN IMMEDIATE");
        err = err == 0 ? copy_all(store, merged) : err;
        err = err == 0 ? store_sql(store, "COMMIT") : err;
    }
    if (err != 0) {
        buf_printf(why, "%s: %s", path,
                   err == ERR_FORMAT ? "not a results file of this version"
                                     : sqlite3_errmsg(store->db));
        if (sqlite3_get_autocommit(store->db) == 0) {
            (void)store_sql(store, "ROLLBACK");
        }
    }
    (void)store_sql(store, "DETACH other");
    return err;
}
