/* Which run is meant. */
#include "impl.h"

#define CHOICES_MAX 30

struct choice {
    int64_t number;
    const char *id;
    const char *verdict;
};

static const char *copy(struct mem *mem, sqlite3_stmt *query, int column)
{
    const char *text = (const char *)sqlite3_column_text(query, column);
    return text != NULL ? mem_strdup(mem, text, strlen(text)) : "";
}

void pick_list(struct report_file *file, const char *wanted, bool whole, struct buf *why)
{
    sqlite3_stmt *query = NULL;
    size_t count = 0;
    size_t len = wanted != NULL ? strlen(wanted) : 0;
    const char *sql = whole ? "SELECT run, id, verdict FROM run WHERE run IN "
                              "(SELECT DISTINCT run FROM role) ORDER BY run DESC"
                            : "SELECT run, id, verdict FROM run ORDER BY run DESC";
    if (sqlite3_prepare_v2(file->db, sql, -1, &query, NULL) == SQLITE_OK) {
        while (sqlite3_step(query) == SQLITE_ROW) {
            struct choice c = {sqlite3_column_int64(query, 0), copy(file->mem, query, 1),
                               copy(file->mem, query, 2)};
            if (len > 0 && strncmp(c.id, wanted, len) != 0) {
                continue;
            }
            if (count++ < CHOICES_MAX) {
                buf_printf(why, "\n  %lld  ", (long long)c.number);
                text_field(why, c.id);
                buf_add_str(why, "  ");
                text_field(why, c.verdict);
            }
        }
    }
    if (count == 0) {
        buf_add_str(why, " none");
    }
    if (count > CHOICES_MAX) {
        buf_printf(why, "\n  and %zu more", count - CHOICES_MAX);
    }
    sqlite3_finalize(query);
}

/* The first run of a query with at most one parameter, and how many rows there are, 2 at most. */
static int ask(struct report_file *file, const char *sql, const char *text, int64_t *run,
               size_t *rows)
{
    sqlite3_stmt *query = NULL;
    int result = sqlite3_prepare_v2(file->db, sql, -1, &query, NULL);
    *rows = 0;
    if (result == SQLITE_OK && text != NULL) {
        result = sqlite3_bind_text(query, 1, text, -1, SQLITE_TRANSIENT);
    }
    if (result == SQLITE_OK) {
        while ((result = sqlite3_step(query)) == SQLITE_ROW && *rows < 2) {
            *run = *rows == 0 ? sqlite3_column_int64(query, 0) : *run;
            (*rows)++;
        }
    }
    sqlite3_finalize(query);
    return result == SQLITE_DONE || result == SQLITE_ROW ? 0 : ERR_IO;
}

int report_pick(struct report_file *file, const char *wanted, int64_t *run, struct buf *why)
{
    static const char newest[] = "SELECT run FROM run ORDER BY run DESC LIMIT 1";
    static const char *const ways[] = {
        "SELECT run FROM run WHERE id = ?1", "SELECT run FROM run WHERE CAST(run AS TEXT) = ?1",
        "SELECT run FROM run WHERE substr(id, 1, length(?1) + 1) IN (?1 || '/', ?1 || '@')",
        "SELECT run FROM run WHERE substr(id, 1, length(?1)) = ?1"};
    size_t rows = 0;
    size_t count = wanted == NULL ? 1 : sizeof(ways) / sizeof(ways[0]);
    for (size_t i = 0; i < count && rows == 0; i++) {
        if (ask(file, wanted == NULL ? newest : ways[i], wanted, run, &rows) != 0) {
            buf_printf(why, "%s: %s", file->path, sqlite3_errmsg(file->db));
            return ERR_IO;
        }
    }
    if (rows == 1) {
        return 0;
    }
    if (wanted == NULL) {
        buf_printf(why, "%s: there is no run in it", file->path);
        return ERR_NOT_FOUND;
    }
    if (rows == 0) {
        buf_printf(why, "%s: there is no run \"%s\" in it; there are", file->path, wanted);
        pick_list(file, NULL, false, why);
        return ERR_NOT_FOUND;
    }
    buf_printf(why, "%s: \"%s\" may be any of", file->path, wanted);
    pick_list(file, wanted, false, why);
    return ERR_INVALID;
}
