#include "store/read.h"

#include <sqlite3.h>

#include "base/mem.h"

#define LISTED_MAX  20
#define FITS_COLUMN 11 /* how well a name fits, 0 best */

static struct slice column_slice(sqlite3_stmt *query, int at)
{
    const void *ptr = sqlite3_column_text(query, at);
    return slice_of(ptr, (size_t)sqlite3_column_bytes(query, at));
}

static const char *column_copy(sqlite3_stmt *query, int at, struct mem *mem)
{
    struct slice text = column_slice(query, at);
    return mem_strdup(mem, text.ptr != NULL ? (const char *)text.ptr : "", text.len);
}

/* A results file of this version, or words about what it is. */
static int open_file(const char *path, sqlite3 **db, struct buf *why)
{
    sqlite3_stmt *query = NULL;
    int err = ERR_IO;
    if (sqlite3_open_v2(path, db, SQLITE_OPEN_READONLY, NULL) == SQLITE_OK &&
        sqlite3_prepare_v2(*db, "PRAGMA user_version", -1, &query, NULL) == SQLITE_OK &&
        sqlite3_step(query) == SQLITE_ROW) {
        err = sqlite3_column_int(query, 0) == STORE_VERSION ? 0 : ERR_FORMAT;
    }
    if (err != 0) {
        buf_printf(why, "%s: %s", path,
                   err == ERR_FORMAT ? "not a results file of this version" : sqlite3_errmsg(*db));
    }
    sqlite3_finalize(query);
    return err;
}

static void list_runs(sqlite3 *db, struct buf *why)
{
    sqlite3_stmt *query = NULL;
    int count = 0;
    if (sqlite3_prepare_v2(db, "SELECT id, verdict FROM run ORDER BY run", -1, &query, NULL) !=
        SQLITE_OK) {
        return;
    }
    while (sqlite3_step(query) == SQLITE_ROW && count < LISTED_MAX) {
        struct slice id = column_slice(query, 0);
        struct slice verdict = column_slice(query, 1);
        buf_printf(why, "\n    %.*s  %.*s", (int)id.len, (const char *)id.ptr, (int)verdict.len,
                   (const char *)verdict.ptr);
        count++;
    }
    buf_add_str(why, count == LISTED_MAX ? "\n    ..." : "");
    sqlite3_finalize(query);
}

static void read_run(sqlite3_stmt *query, struct mem *mem, struct store_run *run)
{
    run->number = sqlite3_column_int64(query, 0);
    run->id = column_copy(query, 1, mem);
    run->scenario = column_copy(query, 2, mem);
    run->seed = (uint64_t)sqlite3_column_int64(query, 3);
    run->build = column_copy(query, 4, mem);
    run->path = column_copy(query, 5, mem);
    run->text = slice_of(column_copy(query, 6, mem), column_slice(query, 6).len);
    run->verdict = column_copy(query, 7, mem);
    run->trace_hash = column_copy(query, 8, mem);
    run->until_ns = sqlite3_column_type(query, 9) == SQLITE_INTEGER ? sqlite3_column_int64(query, 9)
                                                                    : INT64_MAX;
    run->events = (uint64_t)sqlite3_column_int64(query, 10);
}

/* One row more than is wanted is looked at, to tell whether the name is enough. */
static int find_run(sqlite3 *db, const char *id, struct mem *mem, struct store_run *run,
                    struct buf *why)
{
    static const char sql[] =
        "SELECT run, id, scenario, seed, build, path, text, verdict, trace_hash, "
        "CASE WHEN json_valid(knobs) THEN json_extract(knobs, '$.until_ns') END, "
        "(SELECT count(*) FROM event WHERE event.run = run.run), "
        "CASE WHEN id = ?1 THEN 0 WHEN substr(id, 1, length(?1) + 1) = ?1 || '@' THEN 1 ELSE 2 END "
        "FROM run WHERE substr(id, 1, length(?1)) = ?1 ORDER BY 12, run LIMIT 2";
    const char *wanted = id != NULL ? id : "";
    sqlite3_stmt *query = NULL;
    if (sqlite3_prepare_v2(db, sql, -1, &query, NULL) != SQLITE_OK) {
        buf_add_str(why, sqlite3_errmsg(db));
        return ERR_IO;
    }
    sqlite3_bind_text(query, 1, wanted, -1, SQLITE_STATIC);
    int err = ERR_NOT_FOUND;
    if (sqlite3_step(query) == SQLITE_ROW) {
        read_run(query, mem, run);
        int fits = sqlite3_column_int(query, FITS_COLUMN);
        bool more = sqlite3_step(query) == SQLITE_ROW;
        err = more && sqlite3_column_int(query, FITS_COLUMN) == fits ? ERR_EXISTS : 0;
    }
    sqlite3_finalize(query);
    if (err == ERR_NOT_FOUND) {
        buf_printf(why, "no run \"%s\"; there are:", wanted);
        list_runs(db, why);
    } else if (err == ERR_EXISTS) {
        buf_printf(why, "%s more than one run; which of these?",
                   id != NULL ? "that is the beginning of" : "there is");
        list_runs(db, why);
    }
    return err;
}

int store_read_run(const char *path, const char *id, struct mem *mem, struct store_run *run,
                   struct buf *why)
{
    sqlite3 *db = NULL;
    *run = (struct store_run){.number = 0};
    int err = open_file(path, &db, why);
    if (err == 0) {
        buf_printf(why, "%s: ", path);
        err = find_run(db, id, mem, run, why);
    }
    sqlite3_close(db);
    return err;
}

int store_read_lines(const char *path, const struct store_run *run, struct mem *mem,
                     struct store_line **lines, size_t *count)
{
    static const char sql[] = "SELECT time_ns, n, cause, node, kind, text FROM event "
                              "WHERE run = ?1 ORDER BY rowid";
    sqlite3 *db = NULL;
    sqlite3_stmt *query = NULL;
    struct buf why;
    size_t n = 0;
    buf_init(&why, mem);
    *lines = mem_zalloc(mem, run->events + 1, sizeof(**lines));
    int err = open_file(path, &db, &why);
    if (err == 0 && sqlite3_prepare_v2(db, sql, -1, &query, NULL) != SQLITE_OK) {
        err = ERR_IO;
    }
    if (err == 0) {
        sqlite3_bind_int64(query, 1, run->number);
        while (n < run->events && sqlite3_step(query) == SQLITE_ROW) {
            (*lines)[n++] = (struct store_line){.time_ns = sqlite3_column_int64(query, 0),
                                                .event = (uint64_t)sqlite3_column_int64(query, 1),
                                                .cause = (uint64_t)sqlite3_column_int64(query, 2),
                                                .node = column_copy(query, 3, mem),
                                                .kind = column_copy(query, 4, mem),
                                                .text = column_copy(query, 5, mem)};
        }
        err = n == run->events ? 0 : ERR_IO;
    }
    *count = n;
    sqlite3_finalize(query);
    sqlite3_close(db);
    buf_fini(&why);
    return err;
}
