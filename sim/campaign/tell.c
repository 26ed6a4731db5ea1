/* What a person reads at the end of a campaign. */
#include "base/duration.h"
#include "base/fmt.h"
#include "base/sort.h"
#include "impl.h"

#define ROWS_MAX      12 /* of scenarios that passed, unless asked for */
#define SEEDS_MAX     8
#define REASON_MAX    90
#define MAY_LIMIT_PCT 15

void campaign_number(uint64_t n, struct buf *out)
{
    char digits[24];
    size_t len = fmt(digits, sizeof(digits), "%llu", (unsigned long long)n);
    for (size_t i = 0; i < len; i++) {
        if (i > 0 && (len - i) % 3 == 0) {
            buf_add_str(out, " ");
        }
        buf_add(out, &digits[i], 1);
    }
}

/* "12.3" */
static void add_tenths(struct buf *out, int64_t value, int64_t unit)
{
    int64_t tenths = value / (unit / 10);
    buf_printf(out, "%lld.%lld", (long long)(tenths / 10), (long long)(tenths % 10));
}

static void add_seconds(struct buf *out, int64_t ns)
{
    int64_t hundredths = ns / (10 * MS_NS);
    buf_printf(out, "%lld.%02llds", (long long)(hundredths / 100), (long long)(hundredths % 100));
}

static void add_sim_time(struct buf *out, int64_t ns)
{
    const int64_t hour = 60 * MIN_NS;
    bool days = ns >= 24 * hour;
    add_tenths(out, ns, days ? 24 * hour : hour);
    buf_add_str(out, days ? " sim-days" : " sim-hours");
}

/* "1.31 G" */
static void add_large(struct buf *out, uint64_t n)
{
    static const char *const units[] = {"", " k", " M", " G", " T"};
    uint64_t unit = 1;
    size_t i = 0;
    while (n >= 10000 && n / unit >= 1000 && i < 4) {
        unit *= 1000;
        i++;
    }
    if (i == 0) {
        campaign_number(n, out);
    } else {
        uint64_t hundredths = n / (unit / 100);
        buf_printf(out, "%llu.%02llu%s", (unsigned long long)(hundredths / 100),
                   (unsigned long long)(hundredths % 100), units[i]);
    }
}

static void add_plural(struct buf *out, uint64_t n, const char *what)
{
    campaign_number(n, out);
    buf_printf(out, " %s%s", what, n == 1 ? "" : "s");
}

/* Columns and rows ----------------------------------------------------------------------------- */

/* In the order of the columns; the last two only if there are any. */
static const struct {
    const char *title;
    enum verdict verdict;
    bool always;
} columns[] = {{"unsafe", VERDICT_UNSAFE, true},    {"unmet", VERDICT_UNMET, true},
               {"stalled", VERDICT_STALLED, true},  {"undecided", VERDICT_UNDECIDED, true},
               {"aborted", VERDICT_ABORTED, false}, {"nondet", VERDICT_NONDETERMINISTIC, false}};

#define COLUMNS (sizeof(columns) / sizeof(columns[0]))

static uint64_t verdict_sum(const struct campaign *c, enum verdict verdict)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < c->parts.count; i++) {
        sum += c->parts.items[i].verdicts[verdict];
    }
    return sum;
}

static bool column_shown(const struct campaign *c, size_t i)
{
    return columns[i].always || verdict_sum(c, columns[i].verdict) > 0;
}

static bool all_passed(const struct part *part)
{
    return part->verdicts[VERDICT_PASS] == part->runs;
}

static void tell_row(const struct campaign *c, const struct part *part, struct buf *out)
{
    char text[32];
    struct buf cell;
    size_t fired = (size_t)__builtin_popcountll(part->steps_fired);
    size_t steps = part->s->step_count < 64 ? part->s->step_count : 64;
    buf_init(&cell, out->mem);
    buf_printf(out, "  %-32s %7llu %6llu", part->s->name, (unsigned long long)part->runs,
               (unsigned long long)part->verdicts[VERDICT_PASS]);
    for (size_t i = 0; i < COLUMNS; i++) {
        uint64_t n = part->verdicts[columns[i].verdict];
        if (column_shown(c, i)) {
            fmt(text, sizeof(text), "%llu", (unsigned long long)n);
            buf_printf(out, " %*s", (int)strlen(columns[i].title), n > 0 ? text : ".");
        }
    }
    add_seconds(&cell, part->slowest_ns);
    buf_printf(out, " %8s", buf_cstr(&cell));
    fmt(text, sizeof(text), "%zu/%zu", fired, steps);
    buf_printf(out, " %8s\n", text);
    buf_fini(&cell);
}

static void tell_table(const struct campaign *c, bool verbose, struct buf *out)
{
    size_t hidden = 0;
    bool all = verbose || c->parts.count <= ROWS_MAX;
    buf_printf(out, "\n  %-32s %7s %6s", "scenario", "runs", "pass");
    for (size_t i = 0; i < COLUMNS; i++) {
        if (column_shown(c, i)) {
            buf_printf(out, " %s", columns[i].title);
        }
    }
    buf_printf(out, " %8s %8s\n", "slowest", "steps");
    for (size_t i = 0; i < c->parts.count; i++) {
        if (all || !all_passed(&c->parts.items[i])) {
            tell_row(c, &c->parts.items[i], out);
        } else {
            hidden++;
        }
    }
    if (hidden > 0) {
        buf_printf(out, "  ... %zu more, all pass (--verbose lists them)\n", hidden);
    }
}

/* Failures ------------------------------------------------------------------------------------- */

static int compare_kinds(const void *a, const void *b, void *ctx)
{
    const struct kind *ka = *(struct kind *const *)a;
    const struct kind *kb = *(struct kind *const *)b;
    (void)ctx;
    if (ka->known != kb->known) {
        return ka->known ? 1 : -1;
    }
    if (ka->verdict != kb->verdict) {
        return ka->verdict > kb->verdict ? -1 : 1;
    }
    if (ka->runs.count != kb->runs.count) {
        return ka->runs.count > kb->runs.count ? -1 : 1;
    }
    return strcmp(ka->fingerprint, kb->fingerprint);
}

/* Of one scenario, or of all if part is SIZE_MAX: what takes the least time to read. */
static const struct failed_run *shortest(const struct kind *k, size_t part)
{
    const struct failed_run *best = NULL;
    for (size_t i = 0; i < k->runs.count; i++) {
        const struct failed_run *run = &k->runs.items[i];
        if ((part == SIZE_MAX || run->part == part) &&
            (best == NULL || run->sim_ns < best->sim_ns ||
             (run->sim_ns == best->sim_ns && run->events < best->events))) {
            best = run;
        }
    }
    return best;
}

static void add_first_line(struct buf *out, const char *text)
{
    size_t len = strcspn(text, "\n");
    bool cut = len > REASON_MAX;
    buf_add(out, text, cut ? REASON_MAX : len);
    buf_add_str(out, cut ? "...\n" : "\n");
}

/* The reason: what, where, and the rule that is broken; the rest is on the page of the run. */
static void tell_reason(const struct kind *k, struct buf *out)
{
    const char *rule = strstr(k->reason, "\nrule: ");
    const char *second = strchr(k->reason, '\n');
    buf_add_str(out, "     ");
    add_first_line(out, k->reason);
    if (second != NULL && second != rule) {
        buf_add_str(out, "     ");
        add_first_line(out, second + 1 + strspn(second + 1, " "));
    }
    if (rule != NULL) {
        buf_add_str(out, "     ");
        add_first_line(out, rule + 1);
    }
}

static void tell_seeds(const struct campaign *c, const struct kind *k, size_t part, bool verbose,
                       struct buf *out)
{
    const struct failed_run *best = shortest(k, part);
    uint64_t count = 0;
    for (size_t i = 0; i < k->runs.count; i++) {
        count += k->runs.items[i].part == part;
    }
    buf_printf(out, "     %s seed%s", c->parts.items[part].s->path, count == 1 ? "" : "s");
    uint64_t told = 0;
    for (size_t i = 0; i < k->runs.count; i++) {
        if (k->runs.items[i].part == part && (verbose || told < SEEDS_MAX)) {
            buf_printf(out, "%s%llu", told++ == 0 ? " " : ", ",
                       (unsigned long long)k->runs.items[i].seed);
        }
    }
    if (told < count) {
        buf_printf(out, " and %llu more", (unsigned long long)(count - told));
    }
    buf_printf(out, "   shortest: seed %llu (", (unsigned long long)best->seed);
    add_tenths(out, best->sim_ns, SEC_NS);
    buf_add_str(out, "s, ");
    add_plural(out, best->ops, "op");
    buf_add_str(out, ")\n");
}

static void tell_kind(const struct campaign *c, const struct kind *k, size_t n, bool verbose,
                      struct buf *out)
{
    const struct failed_run *best = shortest(k, SIZE_MAX);
    const struct failed_run *whole = NULL;
    buf_printf(out, "  %zu  %s  ", n, verdict_name(k->verdict));
    add_first_line(out, k->fingerprint);
    buf_add_str(out, "     ");
    add_plural(out, k->runs.count, "run");
    buf_add_str(out, k->known ? ", known: ignored\n" : "\n");
    for (size_t part = 0; part < c->parts.count; part++) {
        if (shortest(k, part) != NULL) {
            tell_seeds(c, k, part, verbose, out);
        }
    }
    tell_reason(k, out);
    const struct scenario *s = c->parts.items[best->part].s;
    buf_printf(out, "     quorate run %s --seed %llu%s%s%s\n", s->path,
               (unsigned long long)best->seed, s->case_name != NULL ? " --case " : "",
               s->case_name != NULL ? s->case_name : "",
               k->verdict == VERDICT_NONDETERMINISTIC ? " --twice" : " --story");
    for (size_t i = 0; i < k->runs.count; i++) {
        const struct failed_run *run = &k->runs.items[i];
        if (run->whole && (whole == NULL || run == best)) {
            whole = run;
        }
    }
    if (whole != NULL) {
        struct buf path;
        buf_init(&path, out->mem);
        job_whole_path(c, whole->number, &path);
        buf_printf(out, "     quorate replay --db %s ", buf_cstr(&path));
        run_id(c->parts.items[whole->part].s, whole->seed, c->options.build, out);
        buf_add_str(out, " --trace\n");
        buf_fini(&path);
    }
}

static void tell_kinds(const struct campaign *c, bool verbose, struct buf *out)
{
    struct kind **order = mem_alloc(c->mem, (c->kinds.count + 1) * sizeof(struct kind *));
    for (size_t i = 0; i < c->kinds.count; i++) {
        order[i] = &c->kinds.items[i];
    }
    sort_stable(order, c->kinds.count, sizeof(struct kind *), compare_kinds, NULL, c->mem);
    if (c->kinds.count > 0) {
        buf_add_str(out, "\nfailures by fingerprint\n");
    }
    for (size_t i = 0; i < c->kinds.count; i++) {
        tell_kind(c, order[i], i + 1, verbose, out);
    }
    mem_free(c->mem, order);
}

/* Worth ---------------------------------------------------------------------------------------- */

static void add_share(struct buf *out, int64_t part, int64_t whole)
{
    /* In tenths of a per cent, rounded; both may be years of nanoseconds. */
    int64_t tenths = whole > 0 ? (part / 1000 * 1000 + whole / 2000) / (whole / 1000 + 1) : 0;
    buf_printf(out, "%lld.%lld%%", (long long)(tenths / 10), (long long)(tenths % 10));
}

static void tell_worth(const struct campaign *c, struct buf *out)
{
    int64_t whole = c->must_ns + c->cannot_ns + c->may_ns;
    buf_add_str(out, "\nwas it worth running?\n  oracle     must ");
    add_share(out, c->must_ns, whole);
    buf_add_str(out, "  cannot ");
    add_share(out, c->cannot_ns, whole);
    buf_add_str(out, "  may ");
    add_share(out, c->may_ns, whole);
    buf_printf(out, " of the time (limit %d%%%s)  disagreements %llu\n", MAY_LIMIT_PCT,
               c->may_ns / MAY_LIMIT_PCT > whole / 100 ? ", over" : "",
               (unsigned long long)c->disagreements);
    buf_add_str(out, "  settle     ");
    campaign_number(c->settles[RUN_SETTLE_PROGRESS], out);
    buf_add_str(out, " settled by progress, ");
    campaign_number(c->settles[RUN_SETTLE_EXCUSED], out);
    buf_add_str(out, " excused (no quorum can be started), ");
    campaign_number(c->settles[RUN_SETTLE_NONE], out);
    buf_printf(out, " without\n  idle runs  %llu (counted as failed)\n",
               (unsigned long long)c->idle);
    probes_tell(c, out);
    buf_add_str(out, "  rechecked  ");
    add_plural(out, c->twice, "run");
    buf_printf(out, " done twice (1 in %d), %llu differing hash%s\n", CAMPAIGN_TWICE_IN,
               (unsigned long long)c->differing, c->differing == 1 ? "" : "es");
}

/* The whole page ------------------------------------------------------------------------------- */

static void tell_stopped(const struct campaign *c, struct buf *out)
{
    char limit[32];
    if (c->done == c->total) {
        return;
    }
    duration_format(limit, sizeof(limit), c->options.time_ns);
    buf_add_str(out, "stopped by ");
    if (c->by_signal) {
        buf_add_str(out, "a signal");
    } else if (c->by_failures) {
        buf_printf(out, "--max-failures %llu", (unsigned long long)c->options.failures_max);
    } else if (c->by_time) {
        buf_printf(out, "--time %s", limit);
    } else {
        buf_add_str(out, "an error");
    }
    buf_add_str(out, ": ");
    campaign_number(c->done, out);
    buf_add_str(out, " of ");
    campaign_number(c->total, out);
    buf_add_str(out, " runs done (");
    uint64_t seed = c->first_missing / c->parts.count;
    if (seed > 0) {
        buf_printf(out, "seeds %llu..%llu of every scenario",
                   (unsigned long long)c->options.seed_first,
                   (unsigned long long)(c->options.seed_first + seed - 1));
    } else {
        buf_add_str(out, "no seed of every scenario");
    }
    buf_add_str(out, "), ");
    campaign_number(c->total - c->done, out);
    buf_add_str(out, " NOT run\n");
}

static void tell_results(const struct campaign *c, struct buf *out)
{
    if (c->options.db != NULL) {
        buf_printf(out, "results: %s (", c->options.db);
        campaign_number(c->done - c->whole, out);
        buf_printf(out, " summaries, %llu whole; at most %d whole per fingerprint)\n",
                   (unsigned long long)c->whole, CAMPAIGN_WHOLE_MAX);
    }
}

void campaign_tell(struct campaign *c, bool verbose, struct buf *out)
{
    add_plural(out, c->parts.count, "scenario");
    buf_add_str(out, ", ");
    add_plural(out, c->done, "run");
    buf_add_str(out, ", ");
    add_tenths(out, c->wall_ns, SEC_NS);
    buf_add_str(out, "s wall, ");
    add_sim_time(out, c->sim_ns);
    buf_add_str(out, ", ");
    add_large(out, c->events);
    buf_add_str(out, " events, ");
    add_large(out, c->ops);
    buf_printf(out, " ops   build %s\n", c->options.build);
    if (c->options.shards > 1) {
        buf_printf(out, "shard %llu of %llu\n", (unsigned long long)c->options.shard,
                   (unsigned long long)c->options.shards);
    }
    tell_table(c, verbose, out);
    tell_kinds(c, verbose, out);
    tell_worth(c, out);
    tell_stopped(c, out);
    tell_results(c, out);
    buf_printf(out,
               "exit %d (worst: %s; order invalid, aborted, nondeterministic, unsafe, stalled, "
               "unmet, undecided)\n",
               campaign_exit(c), verdict_name(campaign_worst(c)));
}
