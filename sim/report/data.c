/* Rows of a results file. Columns are named, so that a column more changes nothing. */
#include "impl.h"

#include "store/store.h"

/* Rows that a figure or a page can make use of; more are counted and not shown. */
#define ROWS_MAX    1000000
#define TIME_MAX_NS (INT64_C(1) << 60)

struct reading {
    struct report *r;
    struct report_file *file;
    sqlite3_stmt *query;
    size_t rows;
    int err;
};

static int refuse(struct report_file *file, int err, const char *text, struct buf *why)
{
    buf_printf(why, "%s: %s", file->path, text);
    sqlite3_close(file->db);
    mem_free(file->mem, file);
    return err;
}

static int version_of(sqlite3 *db, int *version)
{
    sqlite3_stmt *query = NULL;
    int err = ERR_FORMAT;
    if (sqlite3_prepare_v2(db, "PRAGMA user_version", -1, &query, NULL) == SQLITE_OK &&
        sqlite3_step(query) == SQLITE_ROW) {
        *version = sqlite3_column_int(query, 0);
        err = 0;
    }
    sqlite3_finalize(query);
    return err;
}

int report_open(const char *path, struct mem *mem, struct report_file **out, struct buf *why)
{
    struct report_file *file = mem_zalloc(mem, 1, sizeof(*file));
    sqlite3_stmt *query = NULL;
    int version = 0;
    *out = NULL;
    file->mem = mem;
    file->path = path;
    if (sqlite3_open_v2(path, &file->db, SQLITE_OPEN_READONLY, NULL) != SQLITE_OK) {
        return refuse(file, ERR_NOT_FOUND, sqlite3_errmsg(file->db), why);
    }
    sqlite3_busy_timeout(file->db, 10000);
    if (version_of(file->db, &version) != 0) {
        return refuse(file, ERR_FORMAT, "not a results file", why);
    }
    bool has_runs = sqlite3_prepare_v2(file->db, "SELECT run, id, verdict FROM run", -1, &query,
                                       NULL) == SQLITE_OK;
    sqlite3_finalize(query);
    if (version != STORE_VERSION || !has_runs) {
        return refuse(file, ERR_FORMAT, "not a results file of this version", why);
    }
    *out = file;
    return 0;
}

void report_close(struct report_file *file)
{
    if (file != NULL) {
        sqlite3_close(file->db);
        mem_free(file->mem, file);
    }
}

static void begin(struct reading *g, const char *sql)
{
    g->query = NULL;
    g->rows = 0;
    if (g->err != 0) {
        return;
    }
    if (sqlite3_prepare_v2(g->file->db, sql, -1, &g->query, NULL) != SQLITE_OK ||
        sqlite3_bind_int64(g->query, 1, g->r->number) != SQLITE_OK) {
        g->err = ERR_FORMAT;
    }
}

/* False at the end, which it tidies up after. */
static bool next(struct reading *g)
{
    int result = g->err == 0 ? sqlite3_step(g->query) : SQLITE_DONE;
    if (result == SQLITE_ROW && g->rows++ < ROWS_MAX) {
        return true;
    }
    if (result != SQLITE_DONE && result != SQLITE_ROW) {
        g->err = ERR_IO;
    }
    sqlite3_finalize(g->query);
    return false;
}

static const char *text(struct reading *g, int column)
{
    const char *value = (const char *)sqlite3_column_text(g->query, column);
    return value != NULL ? mem_strdup(g->r->mem, value, strlen(value)) : "";
}

static int64_t number(struct reading *g, int column)
{
    return sqlite3_column_int64(g->query, column);
}

/* A time; those past any simulation are cut, so that differences cannot overflow. */
static int64_t when(struct reading *g, int column)
{
    int64_t ns = number(g, column);
    if (sqlite3_column_type(g->query, column) == SQLITE_NULL) {
        return NEVER_NS;
    }
    return ns > TIME_MAX_NS ? TIME_MAX_NS : ns < -TIME_MAX_NS ? -TIME_MAX_NS : ns;
}

/* Where the schema knows no NULL. */
static int64_t clock_of(struct reading *g, int column)
{
    int64_t ns = when(g, column);
    return ns == NEVER_NS ? 0 : ns;
}

static bool read_summary(struct reading *g)
{
    struct summary *s = &g->r->sum;
    bool found = false;
    begin(g, "SELECT id, scenario, seed, build, path, text, knobs, verdict, fingerprint, reason, "
             "trace_hash, events, ops, ops_ok, ops_refused, ops_unknown, sim_ns, wall_ns, cpu_ns, "
             "bound_ns, must_ns, cannot_ns, may_ns FROM run WHERE run = ?");
    while (next(g)) {
        const char **texts[] = {&s->id,          &s->scenario, NULL,          &s->build,
                                &s->path,        &s->text,     &s->knobs,     &s->verdict,
                                &s->fingerprint, &s->reason,   &s->trace_hash};
        int64_t *numbers[] = {&s->events,      &s->ops,     &s->ops_ok,    &s->ops_refused,
                              &s->ops_unknown, &s->sim_ns,  &s->wall_ns,   &s->cpu_ns,
                              &s->bound_ns,    &s->must_ns, &s->cannot_ns, &s->may_ns};
        for (int i = 0; i < 11; i++) {
            if (texts[i] != NULL) {
                *texts[i] = text(g, i);
            }
        }
        s->seed = number(g, 2);
        for (int i = 0; i < 12; i++) {
            *numbers[i] = number(g, 11 + i);
        }
        found = true;
    }
    return found;
}

static void read_steps(struct reading *g)
{
    begin(g, "SELECT n, line, label, title, fired_ns, finished_ns, expected, got, "
             "coalesce(met, -1) FROM step WHERE run = ? ORDER BY n");
    while (next(g)) {
        *PUSH(g->r->mem, g->r->steps) =
            (struct step_row){number(g, 0), number(g, 1), text(g, 2), text(g, 3),  when(g, 4),
                              when(g, 5),   text(g, 6),   text(g, 7), number(g, 8)};
    }
}

static void read_ops(struct reading *g)
{
    begin(g, "SELECT client, kind, arg, outcome, result, call_ns, return_ns FROM op "
             "WHERE run = ? AND client = 'ctl' ORDER BY n");
    while (next(g)) {
        *PUSH(g->r->mem, g->r->commands) = (struct op_row){
            text(g, 0), text(g, 1), text(g, 2), text(g, 3), text(g, 4), when(g, 5), when(g, 6)};
    }
    begin(g, "SELECT client, kind, sum(outcome = 'ok'), sum(outcome = 'refused'), "
             "sum(outcome = 'unknown'), coalesce(max(return_ns - call_ns), -1) FROM op "
             "WHERE run = ? GROUP BY client, kind ORDER BY min(n)");
    while (next(g)) {
        *PUSH(g->r->mem, g->r->op_counts) = (struct op_count){
            text(g, 0), text(g, 1), number(g, 2), number(g, 3), number(g, 4), number(g, 5)};
    }
}

static void add_change(struct report *r, int64_t time_ns, enum change_kind kind, const char *member)
{
    if (time_ns != NEVER_NS) {
        *PUSH(r->mem, r->changes) =
            (struct change){.time_ns = time_ns, .kind = kind, .member = member};
    }
}

static void read_faults(struct reading *g)
{
    begin(g, "SELECT label, kind, target, from_ns, to_ns FROM fault WHERE run = ? ORDER BY n");
    while (next(g)) {
        struct fault_row f = {text(g, 0), text(g, 1), text(g, 2), when(g, 3), when(g, 4)};
        *PUSH(g->r->mem, g->r->faults) = f;
        if (strcmp(f.kind, "pause") == 0) {
            add_change(g->r, f.from_ns, CHANGE_PAUSE, f.target);
            add_change(g->r, f.to_ns, CHANGE_RESUME, f.target);
        } else if (strcmp(f.kind, "start") == 0) {
            add_change(g->r, f.from_ns, CHANGE_START, f.target);
        } else if (strcmp(f.kind, "stop") == 0 || strcmp(f.kind, "crash") == 0 ||
                   strcmp(f.kind, "power-off") == 0) {
            /* These are undone by a start. */
            add_change(g->r, f.to_ns, CHANGE_START, f.target);
        }
    }
}

static void read_violations(struct reading *g)
{
    begin(g, "SELECT time_ns, checker, rule, place, text FROM violation WHERE run = ? ORDER BY n");
    while (next(g)) {
        *PUSH(g->r->mem, g->r->violations) =
            (struct violation_row){clock_of(g, 0), text(g, 1), text(g, 2), text(g, 3), text(g, 4)};
    }
}

static void read_changes(struct reading *g)
{
    begin(g, "SELECT time_ns, member, role, term FROM role WHERE run = ? ORDER BY time_ns, rowid");
    while (next(g)) {
        *PUSH(g->r->mem, g->r->changes) = (struct change){.time_ns = clock_of(g, 0),
                                                          .kind = CHANGE_ROLE,
                                                          .member = text(g, 1),
                                                          .role = text(g, 2),
                                                          .term = number(g, 3)};
    }
    begin(g, "SELECT time_ns, log_index, voters, learners, quorum FROM config WHERE run = ? "
             "ORDER BY time_ns, rowid");
    while (next(g)) {
        *PUSH(g->r->mem, g->r->changes) = (struct change){.time_ns = clock_of(g, 0),
                                                          .kind = CHANGE_CONFIG,
                                                          .log_index = number(g, 1),
                                                          .voters = text(g, 2),
                                                          .learners = text(g, 3),
                                                          .quorum = number(g, 4)};
    }
}

static struct band *band_of(struct report *r, const char *service, const char *source)
{
    for (size_t i = 0; i < r->bands.count; i++) {
        struct band *b = &r->bands.items[i];
        if (strcmp(b->service, service) == 0 && strcmp(b->source, source) == 0) {
            return b;
        }
    }
    struct band *band = PUSH(r->mem, r->bands);
    band->service = service;
    band->source = source;
    return band;
}

static const char *service_of(const char *kind)
{
    static const char *const pairs[][2] = {{"put", "writes"},
                                           {"get", "linearizable-reads"},
                                           {"get-serializable", "serializable-reads"}};
    for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
        if (strcmp(kind, pairs[i][0]) == 0) {
            return pairs[i][1];
        }
    }
    return "";
}

/* What was served, but only after the next request had been called, did not serve its interval. */
static void read_late(struct reading *g)
{
    size_t at = 0;
    begin(g, "SELECT kind, call_ns, return_ns FROM op WHERE run = ? AND client <> 'ctl' AND "
             "outcome = 'ok' AND return_ns > call_ns ORDER BY kind, call_ns");
    struct band *band = NULL;
    const char *service = NULL;
    while (next(g)) {
        const char *s = service_of((const char *)sqlite3_column_text(g->query, 0));
        if (s != service) {
            service = s;
            at = 0;
            band = NULL;
            for (size_t i = 0; i < g->r->bands.count; i++) {
                struct band *b = &g->r->bands.items[i];
                bool same = strcmp(b->service, s) == 0 && strcmp(b->source, "observed") == 0;
                band = same ? b : band;
            }
        }
        while (band != NULL && at < band->spans.count &&
               band->spans.items[at].from_ns < clock_of(g, 1)) {
            at++;
        }
        if (band != NULL && at < band->spans.count &&
            band->spans.items[at].from_ns == clock_of(g, 1) &&
            band->spans.items[at].to_ns <= clock_of(g, 2)) {
            band->spans.items[at].state = "late";
        }
    }
}

/* Neighbours of the same state become one. */
static void join_spans(struct band *band)
{
    size_t kept = 0;
    for (size_t i = 0; i < band->spans.count; i++) {
        const struct band_span span = band->spans.items[i];
        struct band_span *last = kept > 0 ? &band->spans.items[kept - 1] : NULL;
        if (last != NULL && last->to_ns == span.from_ns && strcmp(last->state, span.state) == 0) {
            last->to_ns = span.to_ns;
        } else {
            band->spans.items[kept++] = span;
        }
    }
    band->spans.count = kept;
}

static void read_bands(struct reading *g)
{
    begin(g, "SELECT service, source, from_ns, to_ns, state FROM availability WHERE run = ? "
             "ORDER BY from_ns, rowid");
    while (next(g)) {
        struct band *band = band_of(g->r, text(g, 0), text(g, 1));
        struct band_span span = {clock_of(g, 2), clock_of(g, 3), text(g, 4)};
        if (span.to_ns > span.from_ns) {
            *PUSH(g->r->mem, band->spans) = span;
        }
    }
    read_late(g);
    for (size_t i = 0; i < g->r->bands.count; i++) {
        join_spans(&g->r->bands.items[i]);
    }
}

/* The figure shows the timeline; of a run that never came so far, the warm-up. */
static void find_window(struct report *r)
{
    int64_t first = INT64_MAX;
    int64_t last = INT64_MIN;
    r->from_ns = 0;
    r->to_ns = 0;
    for (size_t i = 0; i < r->bands.count; i++) {
        for (size_t k = 0; k < r->bands.items[i].spans.count; k++) {
            int64_t to_ns = r->bands.items[i].spans.items[k].to_ns;
            r->to_ns = to_ns > r->to_ns ? to_ns : r->to_ns;
        }
    }
    for (size_t i = 0; i < r->changes.count; i++) {
        int64_t at = r->changes.items[i].time_ns;
        first = at < first ? at : first;
        last = at > last ? at : last;
    }
    for (size_t i = 0; i < r->violations.count; i++) {
        int64_t at = r->violations.items[i].time_ns;
        r->from_ns = at < 0 && first < 0 ? first : r->from_ns;
        r->to_ns = at > r->to_ns ? at : r->to_ns;
    }
    if (r->to_ns <= r->from_ns) {
        r->from_ns = first < r->from_ns ? first : r->from_ns;
        r->to_ns = last > r->from_ns ? last : r->from_ns + SEC_NS;
    }
}

static const char *file_name(struct mem *mem, const char *id)
{
    struct buf out;
    buf_init(&out, mem);
    for (size_t i = 0; id[i] != '\0' && out.len < 200; i++) {
        char c = id[i];
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                     c == '_' || (i > 0 && (c == '-' || c == '.'));
        buf_add_u8(&out, plain ? (uint8_t)c : i > 0 ? '-' : '_');
    }
    return out.len > 0 ? buf_cstr(&out) : "run";
}

int report_load(struct report_file *file, int64_t run, struct report **out, struct buf *why)
{
    struct report *r = mem_zalloc(file->mem, 1, sizeof(*r));
    struct reading g = {.r = r, .file = file};
    *out = NULL;
    r->mem = file->mem;
    r->number = run;
    if (!read_summary(&g) && g.err == 0) {
        buf_printf(why, "%s: there is no run %lld", file->path, (long long)run);
        return ERR_NOT_FOUND;
    }
    read_steps(&g);
    read_ops(&g);
    read_faults(&g);
    read_violations(&g);
    read_changes(&g);
    read_bands(&g);
    if (g.err != 0) {
        buf_printf(why, "%s: %s", file->path, sqlite3_errmsg(file->db));
        return g.err;
    }
    if (r->changes.count == 0) {
        buf_printf(why,
                   "%s: only the summary of this run is kept; run it again with --db: quorate run ",
                   file->path);
        text_field(why, r->sum.path);
        buf_printf(why, " --seed %llu; kept whole are", (unsigned long long)r->sum.seed);
        pick_list(file, NULL, true, why);
        return ERR_NOT_FOUND;
    }
    r->name = file_name(r->mem, r->sum.id);
    find_window(r);
    lanes_make(r);
    *out = r;
    return 0;
}

const char *report_id(const struct report *report)
{
    struct buf out;
    buf_init(&out, report->mem);
    text_field(&out, report->sum.id);
    return buf_cstr(&out);
}

const char *report_name(const struct report *report)
{
    return report->name;
}
