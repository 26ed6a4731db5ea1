#define _DEFAULT_SOURCE
#include "run.h"

#include <time.h>

#include "base/assert.h"
#include "base/duration.h"
#include "base/probe.h"
#include "checks.h"
#include "record.h"

#define RUN_MEMORY_MAX (UINT64_C(8) << 30)
/* A run that needs more is in a storm; it ends as stalled instead of never. */
#define RUN_EVENTS_MAX UINT64_C(50000000)
#define CAUSE_COLUMNS  40

const char *verdict_name(enum verdict verdict)
{
    static const char *const names[VERDICT_COUNT] = {
        "pass",    "stopped", "undecided",        "unmet",
        "stalled", "unsafe",  "nondeterministic", "aborted"};
    return names[verdict];
}

int verdict_exit(enum verdict verdict)
{
    static const int exits[VERDICT_COUNT] = {0, 0, 6, 7, 3, 1, 4, 5};
    return exits[verdict];
}

struct run_options run_options_default(uint64_t seed)
{
    return (struct run_options){.seed = seed, .until_ns = INT64_MAX, .memory_fill = -1};
}

void array_grow(struct mem *mem, void **items, size_t *count, size_t *cap, size_t size)
{
    if (*count == *cap) {
        *cap = *cap == 0 ? 16 : *cap * 2;
        *items = mem_resize(mem, *items, *cap * size);
    }
    memset((char *)*items + *count * size, 0, size);
    (*count)++;
}

const char *run_copy(struct run *run, struct slice text)
{
    return mem_strdup(run->mem, (const char *)text.ptr, text.len);
}

const char *run_text(struct run *run, const char *format, ...)
{
    struct buf text;
    va_list args;
    buf_init(&text, run->mem);
    va_start(args, format);
    buf_vprintf(&text, format, args);
    va_end(args);
    return buf_cstr(&text);
}

struct row *row_add(struct run *run, enum row_kind kind, const char *who, const char *text)
{
    struct row *row = PUSH(run, run->rows);
    row->kind = kind;
    row->time_ns = run_now(run);
    row->who = who;
    row->text = text;
    row->op = SIZE_MAX;
    row->voters = run->newest.voter_count;
    for (size_t i = 0; i < run->member_count; i++) {
        for (size_t v = 0; v < run->newest.voter_count; v++) {
            row->up += run->members[i].running && run->members[i].id == run->newest.voters[v];
        }
    }
    return row;
}

struct fault *fault_add(struct run *run, const char *label, const char *kind, const char *target)
{
    struct fault *fault = PUSH(run, run->faults);
    *fault = (struct fault){label, kind, target, run_now(run), NEVER_NS};
    return fault;
}

size_t op_add(struct run *run, struct op op)
{
    op.call_event = run->engine->event;
    *PUSH(run, run->ops) = op;
    return run->ops.count - 1;
}

void op_end(struct run *run, size_t index, enum load_outcome outcome, const char *result)
{
    struct op *op = &run->ops.items[index];
    op->return_ns = run_now(run);
    op->return_event = run->engine->event;
    op->outcome = outcome;
    op->result = result;
}

/* Sinks --------------------------------------------------------------------------------------- */

static void on_line(struct engine_sink *sink, const struct engine_line *line)
{
    struct run *run = container_of(sink, struct run, engine_sink);
    struct node *node = line->node != 0 ? node_by_number(run->world, line->node) : NULL;
    struct buf cause;
    if (run->record != NULL) {
        record_line(run, line);
    }
    if (run->options.sink == NULL) {
        return;
    }
    struct buf text;
    buf_init(&cause, run->mem);
    buf_init(&text, run->mem);
    words_render(run, line->text, &text);
    record_words(run, line->cause, line->node, CAUSE_COLUMNS, &cause);
    struct run_line out = {.time_ns = run_time(run, line->time_ns),
                           .event = line->event,
                           .cause = line->cause,
                           .node = node != NULL ? node_name(node) : "",
                           .kind = line->kind,
                           .text = buf_cstr(&text),
                           .cause_text = buf_cstr(&cause)};
    run->options.sink->line(run->options.sink, &out);
    buf_fini(&cause);
    buf_fini(&text);
}

static void on_output(struct world_sink *sink, struct node *node, enum env_output to,
                      struct slice text)
{
    struct run *run = container_of(sink, struct run, world_sink);
    if (to == ENV_STDOUT) {
        probes_output(run, node, text);
    }
}

static void on_probe(struct world_sink *sink, struct node *node, const struct probe_site *site)
{
    struct run *run = container_of(sink, struct run, world_sink);
    (void)node;
    run->probe_hits[site - probe_sites()]++;
}

/* After each event, outside of it: whatever was told during the event is looked at here once. */
static void after_event(struct engine_watch *watch)
{
    struct run *run = container_of(watch, struct run, watch);
    if (run->record != NULL) {
        record_ran(run);
    }
    if (run->dirty) {
        run->dirty = false;
        foresee(run);
    }
    if (run->changed || (run->asks_disks && run->watched > 0)) {
        run->changed = false;
        predicates_look(run);
    }
    if (run->stopping) {
        engine_stop(run->engine);
    }
}

/* Life ---------------------------------------------------------------------------------------- */

static int64_t flag_ms(const struct run *run, const char *name, int64_t otherwise)
{
    int64_t worst = 0;
    for (size_t i = 0; i < run->s->member_count; i++) {
        const char *text = member_flag(run, &run->s->members[i], name);
        uint64_t ms = (uint64_t)otherwise;
        if (text != NULL && (slice_to_u64(slice_str(text), &ms) != 0 || ms > 1000000)) {
            ms = (uint64_t)otherwise;
        }
        worst = (int64_t)ms > worst ? (int64_t)ms : worst;
    }
    return worst * MS_NS;
}

/* The timeouts in force: the longest of any member. */
static void read_timeouts(struct run *run, const struct world_options *options)
{
    run->timeouts.election_ns = flag_ms(run, "election-timeout", 1000);
    /* A dial that was answered by silence is given up after 1 s and the election timeout (etcd:
     * peer dial timeout); one that was refused is repeated long before. */
    run->timeouts.redial_ns = 100 * MS_NS;
    run->timeouts.round_trip_ns = 2 * options->net.latency_max_ns;
    run->timeouts.sync_ns = options->disk.sync_max_ns;
    run->bound_ns = oracle_bound_ns(&run->timeouts);
    run->bound_local_ns = oracle_bound_local_ns(&run->timeouts);
    run->pre_vote = true;
    for (size_t i = 0; i < run->s->member_count; i++) {
        const char *text = member_flag(run, &run->s->members[i], "pre-vote");
        run->pre_vote = run->pre_vote && (text == NULL || strcmp(text, "false") != 0);
    }
}

struct run *run_new(const struct scenario *s, const struct run_options *options)
{
    struct mem_pool *pool = mem_pool_new(RUN_MEMORY_MAX, -1);
    struct mem *mem = mem_pool_mem(pool);
    struct run *run = mem_zalloc(mem, 1, sizeof(*run));
    struct world_options world = world_options_default(options->seed);
    run->s = s;
    run->options = *options;
    run->pool = pool;
    run->mem = mem;
    world.memory_fill = options->memory_fill;
    run->world = world_new(&world);
    run->engine = world_engine(run->world);
    run->net = world_net(run->world);
    run->rng = engine_rng(run->engine, "scenario", 0);
    run->probe_hits = mem_zalloc(mem, probe_count() + 1, sizeof(run->probe_hits[0]));
    run->view = mem_zalloc(mem, 1, sizeof(*run->view));
    run->settle_op = SIZE_MAX;
    run->leader_known = SIZE_MAX;
    read_timeouts(run, &world);
    run->zero_ns = s->cold ? 0 : 10 * run->timeouts.election_ns + 10 * SEC_NS;
    run->until_ns = s->until_given ? run->zero_ns + s->until_ns : INT64_MAX;
    run->engine_sink.line = on_line;
    run->record = options->record ? record_new(run) : NULL;
    run->engine->sink = options->sink != NULL || options->record ? &run->engine_sink : NULL;
    run->watch.after = after_event;
    run->engine->watch = &run->watch;
    run->world_sink.output = on_output;
    run->world_sink.probe = on_probe;
    world_sink_set(run->world, &run->world_sink);
    members_make(run);
    run->checks = checks_new(run);
    ctl_hosts_make(run);
    probes_make(run);
    loads_make(run);
    steps_make(run);
    run->asks_disks = predicates_ask_disks(run);
    return run;
}

void run_free(struct run *run)
{
    /* Nobody listens any more: what ends now is no part of the run. */
    run->engine->sink = NULL;
    run->engine->watch = NULL;
    world_sink_set(run->world, NULL);
    run->phase = RUN_OVER;
    for (size_t i = 0; i < run->s->step_count; i++) {
        if (run->steps[i].image != NULL) {
            disk_image_free(run->steps[i].image);
        }
    }
    world_free(run->world);
    checks_free(run->checks);
    mem_pool_free(run->pool);
}

static int64_t clock_ns(clockid_t id)
{
    struct timespec now;
    clock_gettime(id, &now);
    return now.tv_sec * SEC_NS + now.tv_nsec;
}

/* Runs the world, and stops on the way right before the event that was asked for. */
static enum engine_end run_world(struct run *run, int64_t until_ns, uint64_t most)
{
    uint64_t stop = run->options.break_event;
    uint64_t before = run->engine->event;
    if (stop > before && stop - before <= most) {
        enum engine_end end = world_run(run->world, until_ns, stop - before - 1);
        if (end != ENGINE_COUNTED) {
            return end;
        }
        run->options.at_break(run);
        most = most == UINT64_MAX ? most : most - (stop - before - 1);
    }
    return world_run(run->world, until_ns, most);
}

/* The timeline is over: by time, because every step has finished, or because something failed. */
static void end_timeline(struct run *run)
{
    if (run->phase == RUN_BOOTING || run->phase == RUN_OVER) {
        run->end_ns = run->zero_ns; /* there was none */
        return;
    }
    run->end_ns = run_now(run);
    lost_judge(run);
    judge_end(run);
}

static void loop(struct run *run, int64_t until_ns)
{
    uint64_t ran = run->engine->event;
    uint64_t most = RUN_EVENTS_MAX > ran ? RUN_EVENTS_MAX - ran : 1;
    bool asked = run->options.events_max != 0 && run->options.events_max - ran < most;
    if (asked) {
        most = run->options.events_max - ran;
    }
    enum engine_end end = run_world(run, until_ns, most);
    struct node *faulty = world_first_fault(run->world);
    if (end == ENGINE_COUNTED && !asked) {
        run_fail(run, VERDICT_STALLED, "engine", "endless", "",
                 run_text(run, "more than %d million events: something talks without end",
                          (int)(RUN_EVENTS_MAX / 1000000)));
    }
    run->cut_short = run->cut_short || (end == ENGINE_COUNTED && asked);
    if (faulty != NULL) {
        run_fail(run, VERDICT_ABORTED, "node", node_fault_name(node_fault(faulty)),
                 node_fault_text(faulty),
                 run_text(run, "%s was aborted: %s\n%s", node_name(faulty),
                          node_fault_name(node_fault(faulty)), node_fault_text(faulty)));
    }
    if (end == ENGINE_CROWDED) {
        run_fail(run, VERDICT_STALLED, "engine", "crowded", "",
                 "too many events at one instant: something is in a loop");
    }
}

/* A run that asked for nothing and served nobody proves nothing, however well it ends. */
static void judge_idle(struct run *run)
{
    bool judged = run->s->end_count > 0 || run->s->interval_count > 0;
    for (size_t i = 0; i < run->s->step_count; i++) {
        judged = judged || run->s->steps[i].expect.present;
    }
    for (size_t i = 0; i < run->ops.count; i++) {
        const struct op *op = &run->ops.items[i];
        judged = judged || (op->return_ns != NEVER_NS && op->outcome == LOAD_OK);
    }
    if (!judged && run->failures.count == 0 && !run->cut_short) {
        run_fail(run, VERDICT_STALLED, "run", "idle", "",
                 "nothing was expected, and not one request was acknowledged");
    }
}

void run_go(struct run *run)
{
    int64_t wall = clock_ns(CLOCK_MONOTONIC);
    int64_t cpu = clock_ns(CLOCK_PROCESS_CPUTIME_ID);
    int64_t until = run->until_ns;
    if (run->options.until_ns != INT64_MAX && run->zero_ns + run->options.until_ns < until) {
        until = run->zero_ns + run->options.until_ns;
        run->cut_short = true;
    }
    foresee_begin(run);
    boot_begin(run);
    loop(run, until);
    bool failed = run->failures.count > 0;
    end_timeline(run);
    if (run->failures.count == 0 && !run->cut_short && keys_begin(run)) {
        run->stopping = false;
        loop(run, run->end_ns + 2 * OP_TIMEOUT_NS);
    }
    if (!failed && !run->cut_short && run->failures.count == 0 && run->s->settle) {
        run->stopping = false;
        settle_begin(run);
        loop(run, run_now(run) + run->s->settle_ns);
        bool excused = run->s->unbounded && run->beyond_budget;
        if (!run->settled && run->failures.count == 0 && !run->cut_short && !excused) {
            run_fail(run, VERDICT_STALLED, "settle", "no-progress", "",
                     run_text(run, "no progress within %llds after everything was healed",
                              (long long)(run->s->settle_ns / SEC_NS)));
        }
    }
    run->phase = RUN_OVER;
    run->engine->sink = NULL;
    judge_oracle(run);
    judge_idle(run);
    checks_end(run->checks);
    run->wall_ns = clock_ns(CLOCK_MONOTONIC) - wall;
    run->cpu_ns = clock_ns(CLOCK_PROCESS_CPUTIME_ID) - cpu;
}

static int64_t share(const struct run *run, enum oracle_state state)
{
    return oracle_track_share(&run->writes, state, run->zero_ns, run->end_ns);
}

struct run_summary run_summary(const struct run *run)
{
    const struct failure *worst = worst_failure(run);
    struct run_summary sum = {.verdict = run->cut_short ? VERDICT_STOPPED : VERDICT_PASS,
                              .fingerprint = "",
                              .reason = "",
                              .trace_hash = run->engine->hash,
                              .events = run->engine->event,
                              .sim_ns = run_now(run),
                              .timeline_ns = run->end_ns - run->zero_ns,
                              .wall_ns = run->wall_ns,
                              .cpu_ns = run->cpu_ns,
                              .members = run->member_count,
                              .bound_ns = run->bound_ns,
                              .must_ns = share(run, ORACLE_MUST),
                              .cannot_ns = share(run, ORACLE_CANNOT),
                              .may_ns = share(run, ORACLE_MAY),
                              .until_ns = run->options.until_ns};
    if (run->settled) {
        sum.settle = run->settle_set != 0 ? RUN_SETTLE_PROGRESS : RUN_SETTLE_EXCUSED;
    }
    for (size_t i = 0; i < run->s->step_count && i < 64; i++) {
        bool fired = run->steps[i].phase == STEP_FIRED || run->steps[i].phase == STEP_FINISHED;
        sum.steps_fired |= (uint64_t)fired << i;
    }
    if (worst != NULL) {
        sum.verdict = worst->verdict;
        sum.reason = worst->text;
        sum.fingerprint = worst->checker;
    }
    for (size_t i = 0; i < run->ops.count; i++) {
        const struct op *op = &run->ops.items[i];
        if (op->return_ns != NEVER_NS) {
            sum.ops++;
            sum.ops_ok += op->outcome == LOAD_OK ? 1 : 0;
            sum.ops_refused += op->outcome == LOAD_REFUSED ? 1 : 0;
            sum.ops_unknown += op->outcome == LOAD_UNKNOWN ? 1 : 0;
        }
    }
    return sum;
}

void run_reason(const struct run *run, struct buf *out)
{
    const struct failure *worst = worst_failure(run);
    if (worst != NULL) {
        words_render(run, worst->text, out);
    }
}

const uint64_t *run_probe_hits(const struct run *run)
{
    return run->probe_hits;
}

void run_id(const struct scenario *s, uint64_t seed, const char *build, struct buf *out)
{
    buf_printf(out, "%s/%llu@%s", s->name, (unsigned long long)seed, build);
}

void run_saved(struct run *run, const char *path)
{
    run->saved = run_copy(run, slice_str(path));
}
