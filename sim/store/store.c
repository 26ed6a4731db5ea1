#include "impl.h"

#include "base/assert.h"
#include "base/mem.h"

const struct store_shape store_tables[STORE_TABLE_COUNT] = {
    {"run", 25},   {"step", 11},        {"event", 7},     {"op", 10},   {"fault", 7},  {"role", 6},
    {"config", 7}, {"availability", 7}, {"violation", 7}, {"probe", 3}, {"metric", 3},
};

int store_sql(struct store *store, const char *sql)
{
    return sqlite3_exec(store->db, sql, NULL, NULL, NULL) == SQLITE_OK ? 0 : ERR_IO;
}

static int read_version(struct store *store, int *version)
{
    sqlite3_stmt *query = NULL;
    int err = ERR_IO;
    if (sqlite3_prepare_v2(store->db, "PRAGMA user_version", -1, &query, NULL) == SQLITE_OK &&
        sqlite3_step(query) == SQLITE_ROW) {
        *version = sqlite3_column_int(query, 0);
        err = 0;
    }
    sqlite3_finalize(query);
    return err;
}

static int is_empty(struct store *store, bool *empty)
{
    sqlite3_stmt *query = NULL;
    int err = ERR_IO;
    if (sqlite3_prepare_v2(store->db, "SELECT count(*) FROM sqlite_schema", -1, &query, NULL) ==
            SQLITE_OK &&
        sqlite3_step(query) == SQLITE_ROW) {
        *empty = sqlite3_column_int(query, 0) == 0;
        err = 0;
    }
    sqlite3_finalize(query);
    return err;
}

/* A new file gets the schema; an old one must have this version's. */
static int prepare_file(struct store *store)
{
    int version = 0;
    bool empty = false;
    int err = read_version(store, &version);
    if (err == 0) {
        err = is_empty(store, &empty);
    }
    if (err != 0) {
        return err;
    }
    if (!empty) {
        return version == STORE_VERSION ? 0 : ERR_FORMAT;
    }
    /* Results can be made again: speed before safety from power failure. */
    err = store_sql(store, "BEGIN");
    err = err == 0 ? store_sql(store, store_schema) : err;
    err = err == 0 ? store_sql(store, "PRAGMA user_version = 1") : err;
    return err == 0 ? store_sql(store, "COMMIT") : err;
}

static int prepare_inserts(struct store *store)
{
    struct buf sql;
    int err = 0;
    buf_init(&sql, store->mem);
    for (size_t i = 0; i < STORE_TABLE_COUNT && err == 0; i++) {
        buf_clear(&sql);
        buf_printf(&sql, "INSERT INTO %s VALUES (", store_tables[i].name);
        for (size_t j = 0; j < store_tables[i].columns; j++) {
            buf_add_str(&sql, j == 0 ? "?" : ", ?");
        }
        buf_add_str(&sql, ")");
        if (sqlite3_prepare_v2(store->db, buf_cstr(&sql), -1, &store->insert[i], NULL) !=
            SQLITE_OK) {
            err = ERR_FORMAT;
        }
    }
    buf_fini(&sql);
    return err;
}

int store_open(const char *path, struct mem *mem, struct store **out, struct buf *why)
{
    struct store *store = mem_zalloc(mem, 1, sizeof(*store));
    store->mem = mem;
    *out = NULL;
    int err = sqlite3_open(path, &store->db) == SQLITE_OK ? 0 : ERR_IO;
    if (err == 0) {
        sqlite3_busy_timeout(store->db, 10000);
        err = store_sql(store, "PRAGMA synchronous = OFF");
    }
    err = err == 0 ? prepare_file(store) : err;
    err = err == 0 ? prepare_inserts(store) : err;
    if (err != 0) {
        const char *text =
            err == ERR_FORMAT ? "not a results file of this version" : sqlite3_errmsg(store->db);
        buf_printf(why, "%s: %s", path, text);
        store_close(store);
        return err;
    }
    *out = store;
    return 0;
}

void store_close(struct store *store)
{
    if (store == NULL) {
        return;
    }
    for (size_t i = 0; i < STORE_TABLE_COUNT; i++) {
        sqlite3_finalize(store->insert[i]);
    }
    if (store->begun) {
        (void)store_sql(store, "ROLLBACK");
    }
    sqlite3_close(store->db);
    mem_free(store->mem, store);
}

/* Drops all rows of the run with this id; its number in *old, 0 if there is none. */
static int forget(struct store *store, const char *id)
{
    sqlite3_stmt *query = NULL;
    int64_t old = 0;
    char sql[128];
    if (sqlite3_prepare_v2(store->db, "SELECT run FROM run WHERE id = ?", -1, &query, NULL) !=
        SQLITE_OK) {
        return ERR_IO;
    }
    sqlite3_bind_text(query, 1, id, -1, SQLITE_TRANSIENT);
    if (sqlite3_step(query) == SQLITE_ROW) {
        old = sqlite3_column_int64(query, 0);
    }
    sqlite3_finalize(query);
    int err = 0;
    for (size_t i = 0; i < STORE_TABLE_COUNT && old != 0 && err == 0; i++) {
        sqlite3_snprintf(sizeof(sql), sql, "DELETE FROM %s WHERE run = %lld", store_tables[i].name,
                         (long long)old);
        err = store_sql(store, sql);
    }
    return err;
}

int store_begin(struct store *store, const char *id, int64_t *run)
{
    ASSERT(!store->begun);
    sqlite3_stmt *query = NULL;
    store->err = store_sql(store, "BEGIN IMMEDIATE");
    if (store->err != 0) {
        return store->err;
    }
    store->begun = true;
    store->err = forget(store, id);
    if (store->err == 0 &&
        sqlite3_prepare_v2(store->db, "SELECT coalesce(max(run), 0) + 1 FROM run", -1, &query,
                           NULL) == SQLITE_OK &&
        sqlite3_step(query) == SQLITE_ROW) {
        *run = sqlite3_column_int64(query, 0);
    } else {
        store->err = ERR_IO;
    }
    sqlite3_finalize(query);
    return store->err;
}

int store_end(struct store *store)
{
    ASSERT(store->begun);
    if (store->err == 0) {
        store->err = store_sql(store, "COMMIT");
    }
    if (store->err != 0) {
        (void)store_sql(store, "ROLLBACK");
    }
    store->begun = false;
    return store->err;
}

static int bind(sqlite3_stmt *insert, int at, const struct store_value *value)
{
    switch (value->kind) {
    case STORE_NULL: return sqlite3_bind_null(insert, at);
    case STORE_INT: return sqlite3_bind_int64(insert, at, value->num);
    case STORE_TEXT:
        return sqlite3_bind_text(insert, at,
                                 value->text.len > 0 ? (const char *)value->text.ptr : "",
                                 (int)value->text.len, SQLITE_STATIC);
    }
    UNREACHABLE();
}

void store_row(struct store *store, enum store_table table, const struct store_value *values,
               size_t count)
{
    ASSERT(store->begun);
    ASSERT(table < STORE_TABLE_COUNT);
    ASSERT(count == store_tables[table].columns);
    sqlite3_stmt *insert = store->insert[table];
    int result = SQLITE_OK;
    if (store->err != 0) {
        return;
    }
    for (size_t i = 0; i < count && result == SQLITE_OK; i++) {
        result = bind(insert, (int)i + 1, &values[i]);
    }
    if (result != SQLITE_OK || sqlite3_step(insert) != SQLITE_DONE) {
        store->err = ERR_IO;
    }
    sqlite3_reset(insert);
}

const char *store_error(const struct store *store)
{
    return sqlite3_errmsg(store->db);
}
