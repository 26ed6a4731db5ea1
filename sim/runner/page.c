/* The page of a run that failed: which rule, what happened, the last events that matter, the state
 * of every member, the clients' requests in question, and what to type next. */
#include "page.h"

#include "checks.h"
#include "tell.h"

#define EVENTS_MAX 12
#define PER_EVENT  2
#define CHAIN_MAX  8 /* of these, from the chain of causes */
#define OPS_MAX    6

/* What happened. */

static void page_what(const struct run *run, const struct failure *f, struct buf *out)
{
    struct buf rendered;
    buf_init(&rendered, run->mem);
    words_render(run, f->text, &rendered);
    const char *text = buf_cstr(&rendered);
    size_t first = strcspn(text, "\n");
    buf_add_str(out, "\n");
    if (f->verdict != VERDICT_UNMET && f->verdict != VERDICT_UNDECIDED) {
        buf_add_str(out, "FAIL  ");
    }
    buf_printf(out, "%.*s", (int)first, text);
    if (f->verdict != VERDICT_UNMET) {
        buf_add_str(out, "   at ");
        words_time(run, f->time_ns, out);
        buf_printf(out, "s  event %llu", (unsigned long long)f->event);
    }
    buf_add_str(out, "\n");
    for (const char *at = text + first; at != NULL && *at != '\0';) {
        size_t bytes = 0;
        at += *at == '\n' ? 1 : 0;
        const char *rest = tell_cut(at, TELL_WIDTH - 4, &bytes);
        buf_printf(out, "    %.*s\n", (int)bytes, at);
        at = rest;
    }
    buf_fini(&rendered);
}

/* The last events that matter. Each event has one cause, the event that set it, so the causes of
 * the failing one are a chain back to the beginning of the run; across a link it leads to the
 * sender, across a timer to who set it. Beside the newest of those come the newest changes that
 * explain a state: roles, configurations, faults. */

struct picked {
    size_t lines[EVENTS_MAX]; /* places in record.lines */
    size_t count;
};

static void pick(struct picked *picked, size_t line)
{
    for (size_t i = 0; i < picked->count; i++) {
        if (picked->lines[i] == line) {
            return;
        }
    }
    if (picked->count == EVENTS_MAX) {
        return;
    }
    size_t at = picked->count++;
    while (at > 0 && picked->lines[at - 1] > line) {
        picked->lines[at] = picked->lines[at - 1];
        at--;
    }
    picked->lines[at] = line;
}

/* Of the world, or of a member. Clients come and go in every run. */
static bool is_ours(const struct run *run, uint32_t node)
{
    bool ours = node == 0;
    for (size_t i = 0; i < run->member_count; i++) {
        const struct member *m = &run->members[i];
        ours = ours || (m->node != NULL && node_number(m->node) == node);
    }
    return ours;
}

static bool explains(const struct record_line *line)
{
    static const char *const kinds[] = {"step",  "role",  "config",   "start", "end",
                                        "power", "pause", "truncate", "stop"};
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        if (strcmp(line->kind, kinds[i]) == 0) {
            return true;
        }
    }
    return false;
}

/* The first lines of an event say what it changed, and how it went on from there. */
static void pick_event(const struct run *run, uint64_t event, size_t line, struct picked *picked)
{
    const struct record *record = run->record;
    for (size_t i = 0; i < PER_EVENT && line + i < record->lines.count; i++) {
        if (record->lines.items[line + i].event == event && picked->count < CHAIN_MAX) {
            pick(picked, line + i);
        }
    }
}

/* What was told last before the failure was seen is what broke the rule. */
static void pick_failing(const struct run *run, const struct failure *f, struct picked *picked)
{
    const struct record *record = run->record;
    size_t line = f->line < record->lines.count ? f->line : record->lines.count;
    for (size_t i = 0; i < PER_EVENT && line > i; i++) {
        if (record->lines.items[line - 1 - i].event == f->event) {
            pick(picked, line - 1 - i);
        }
    }
}

/* Back along the causes, as long as they lie behind `since`: at most `most` lines. */
static void pick_chain(const struct run *run, uint64_t event, uint64_t since, size_t most,
                       struct picked *picked)
{
    most += picked->count;
    most = most < CHAIN_MAX ? most : CHAIN_MAX;
    for (const struct record_event *e = record_event(run, event);
         e != NULL && event >= since && picked->count < most; e = record_event(run, event)) {
        if (e->line != 0) {
            pick_event(run, event, e->line - 1, picked);
        }
        if (e->cause >= event) {
            break; /* it cannot be: an event is set by an earlier one */
        }
        event = e->cause;
    }
}

/* Where it is about two requests, each has a chain of its own, from its answer to its call. */
static void pick_causes(const struct run *run, const struct failure *f, struct picked *picked)
{
    const struct op *witness = f->witness != SIZE_MAX ? &run->ops.items[f->witness] : NULL;
    const struct record_event *e = record_event(run, f->event);
    if (witness != NULL && witness->return_ns != NEVER_NS) {
        pick_chain(run, witness->return_event, witness->call_event, CHAIN_MAX / 2, picked);
    }
    if (f->line != 0 && e != NULL) {
        pick_failing(run, f, picked);
    }
    if (f->line != 0 && e != NULL && picked->count > 0) {
        pick_chain(run, e->cause, f->since, CHAIN_MAX, picked);
    } else {
        pick_chain(run, f->event, f->since, CHAIN_MAX, picked);
    }
}

void page_line(const struct run *run, const struct record_line *line, struct buf *out)
{
    const struct record_event *event = record_event(run, line->event);
    struct node *node = line->node != 0 ? node_by_number(run->world, line->node) : NULL;
    struct run_line told = {.time_ns = run_time(run, line->time_ns),
                            .event = line->event,
                            .cause = event != NULL ? event->cause : 0,
                            .node = node != NULL ? node_name(node) : "",
                            .kind = line->kind};
    struct buf cause;
    struct buf text;
    size_t start = out->len;
    buf_init(&cause, run->mem);
    buf_init(&text, run->mem);
    words_render(run, line->text, &text);
    told.text = buf_cstr(&text);
    record_words(run, told.cause, line->node, 24, &cause);
    told.cause_text = buf_cstr(&cause);
    run_line_write(&told, out);
    if (out->len - start > TELL_WIDTH) {
        out->len = start + TELL_WIDTH - 3;
        buf_add_str(out, "...");
    }
    buf_add_str(out, "\n");
    buf_fini(&cause);
    buf_fini(&text);
}

static void page_events(const struct run *run, const struct failure *f, struct buf *out)
{
    const struct record *record = run->record;
    struct picked picked = {.count = 0};
    pick_causes(run, f, &picked);
    for (size_t i = record->lines.count; i > 0 && picked.count < EVENTS_MAX; i--) {
        const struct record_line *line = &record->lines.items[i - 1];
        if (line->event <= f->event && explains(line) && is_ours(run, line->node)) {
            pick(&picked, i - 1);
        }
    }
    buf_printf(out,
               "\n  the last events that matter (%zu of %llu; causes of event %llu and changes "
               "before it, newest last)\n",
               picked.count, (unsigned long long)run->engine->event, (unsigned long long)f->event);
    for (size_t i = 0; i < picked.count; i++) {
        page_line(run, &record->lines.items[picked.lines[i]], out);
    }
}

/* States. */

static const char *state_word(const struct member *m)
{
    if (!m->ever_started) {
        return "never started";
    }
    if (!m->running) {
        return m->stopping ? "stopped" : "down";
    }
    return m->paused ? "paused" : obs_role_name(m->role);
}

void page_config(const struct run *run, const struct oracle_config *c, struct buf *out)
{
    struct buf marked;
    buf_init(&marked, run->mem);
    for (size_t i = 0; i < c->voter_count; i++) {
        buf_add_str(&marked, i > 0 ? " " : "");
        words_member(c->voters[i], &marked);
    }
    for (size_t i = 0; i < c->learner_count; i++) {
        buf_add_str(&marked, i == 0 ? ", learners " : " ");
        words_member(c->learners[i], &marked);
    }
    if (c->voter_count == 0) {
        buf_add_str(&marked, "none");
    }
    words_render(run, buf_cstr(&marked), out);
    buf_fini(&marked);
}

static void page_states(const struct run *run, struct buf *out)
{
    size_t start = out->len;
    buf_add_str(out, "\n  state at ");
    words_time(run, run_now(run), out);
    while (out->len < start + 26) {
        buf_add_u8(out, ' ');
    }
    buf_printf(out, "%5s  %-13s %7s %7s %7s %7s  %s\n", "term", "role", "log", "commit", "applied",
               "synced", "config");
    for (size_t i = 0; i < run->member_count; i++) {
        const struct member *m = &run->members[i];
        const struct record_member *r = &run->record->members[i];
        if (!m->spec->listed && !m->added && !m->ever_started) {
            continue;
        }
        buf_printf(out, "    %-21s %5llu  %-13s %7llu %7llu %7llu %7llu  ", m->spec->name,
                   (unsigned long long)m->term, state_word(m), (unsigned long long)r->last,
                   (unsigned long long)m->commit, (unsigned long long)m->applied,
                   (unsigned long long)r->durable);
        page_config(run, &m->config, out);
        buf_add_str(out, "\n");
    }
}

/* Requests that were waiting when it happened, and the last ones that were answered before. */

static void page_op(const struct run *run, const struct op *op, struct buf *out)
{
    static const char *const words[] = {"ok", "refused", "unknown"};
    size_t start = out->len;
    buf_printf(out, "    %-12s %.44s   called ", op->client, op->arg);
    words_time(run, op->call_ns, out);
    if (op->return_ns == NEVER_NS) {
        buf_add_str(out, ", not answered");
    } else {
        buf_printf(out, ", %s ", words[op->outcome]);
        words_time(run, op->return_ns, out);
        if (op->revision != 0) {
            buf_printf(out, ", revision %lld", (long long)op->revision);
        }
    }
    for (size_t i = start; i < out->len; i++) {
        out->ptr[i] = out->ptr[i] == '\n' ? ' ' : out->ptr[i];
    }
    buf_add_str(out, "\n");
}

static void page_ops(const struct run *run, const struct failure *f, struct buf *out)
{
    size_t chosen[OPS_MAX];
    size_t count = 0;
    bool taken_ok = false;
    for (size_t i = run->ops.count; i > 0 && count < OPS_MAX; i--) {
        const struct op *op = &run->ops.items[i - 1];
        if (op->call_event > f->event) {
            continue;
        }
        bool open = op->return_ns == NEVER_NS || op->return_event >= f->event;
        bool ok = op->return_ns != NEVER_NS && op->outcome == LOAD_OK;
        /* The newest that was acknowledged says since when it went wrong. */
        if (open || !ok || !taken_ok) {
            chosen[count++] = i - 1;
            taken_ok = taken_ok || (ok && !open);
        }
    }
    if (count == 0) {
        return;
    }
    buf_add_str(out, "\n  requests waiting then, the last that failed before, and the last that "
                     "was acknowledged\n");
    for (size_t i = count; i > 0; i--) {
        page_op(run, &run->ops.items[chosen[i - 1]], out);
    }
}

/* What to type. */

static void page_commands(const struct run *run, const char *build, const struct failure *f,
                          struct buf *out)
{
    char until[32] = "";
    unsigned long long seed = run->options.seed;
    if (run->options.until_ns != INT64_MAX) {
        duration_format(until, sizeof(until), run->options.until_ns);
    }
    buf_printf(out, "\nfingerprint: %s\n", f->checker);
    if (run->saved != NULL) {
        buf_printf(out, "saved:   %s   (run ", run->saved);
        run_id(run->s, seed, build, out);
        buf_add_str(out, ")\n");
    }
    buf_printf(out, "again:   quorate run %s --seed %llu%s%s%s%s\n", run->s->path, seed,
               run->s->case_name != NULL ? " --case " : "",
               run->s->case_name != NULL ? run->s->case_name : "",
               *until != '\0' ? " --until " : "", until);
    if (run->saved != NULL) {
        buf_printf(out, "stop at: quorate replay --db %s ", run->saved);
        run_id(run->s, seed, build, out);
        buf_printf(out, " --break %llu\n", (unsigned long long)f->event);
    }
}

void page_tell(const struct run *run, const char *build, struct buf *out)
{
    const struct failure *f = worst_failure(run);
    size_t left = 0;
    if (f == NULL) {
        return;
    }
    for (size_t i = 0; i < run->s->step_count; i++) {
        left += run->steps[i].fired_ns == NEVER_NS ? 1 : 0;
    }
    page_what(run, f, out);
    if (run->record != NULL) {
        page_ops(run, f, out);
        page_events(run, f, out);
        page_states(run, out);
    } else if (f->state != NULL) {
        buf_printf(out, "\nstate of every member\n%s", f->state);
    }
    uint64_t unsafe = checks_violations(run->checks);
    unsafe += unsafe == 0 && f->verdict == VERDICT_UNSAFE ? 1 : 0;
    buf_printf(out, "\nsafety: %llu violation%s in %llu events; %zu later step%s not run\n",
               (unsigned long long)unsafe, unsafe == 1 ? "" : "s",
               (unsigned long long)checks_count(run->checks), left, left == 1 ? "" : "s");
    page_commands(run, build, f, out);
}
