#include "run.h"

#include "base/assert.h"
#include "base/duration.h"

/* Failures that point into the file ------------------------------------------------------------ */

static void add_line(struct buf *out, const char *name, const char *text)
{
    buf_printf(out, "\n%-9s ", name);
    for (const char *at = text; *at != '\0'; at++) {
        /* What programs print may have any number of lines. */
        if (*at == '\n' && at[1] == '\0') {
            break;
        }
        if (*at == '\n') {
            buf_printf(out, "\n%-9s ", "");
        } else {
            buf_add_u8(out, (uint8_t)*at);
        }
    }
}

static void add_quoted(struct buf *out, const char *name, const char *text)
{
    struct buf line;
    buf_init(&line, out->mem);
    for (const char *at = text; *at != '\0'; at++) {
        if (*at == '\n') {
            buf_add_str(&line, "\\n");
        } else {
            buf_add_u8(&line, (uint8_t)*at);
        }
    }
    add_line(out, name, buf_cstr(&line));
    buf_fini(&line);
}

static void add_place(struct run *run, struct position at, struct buf *out)
{
    buf_printf(out, "%s:%d:%d: ", run->s->path, at.line, at.column);
}

static void add_why(struct run *run, int64_t time_ns, struct buf *out)
{
    const struct sight *sight = sight_at(run, time_ns);
    if (sight == NULL || sight->newest.voter_count == 0) {
        return;
    }
    struct buf why;
    buf_init(&why, run->mem);
    words_quorum(run, sight, &why);
    add_line(out, "why", buf_cstr(&why));
}

static const char *place_of(struct run *run, struct position at)
{
    return run_text(run, "line-%d", at.line);
}

/* Steps --------------------------------------------------------------------------------------- */

static void fail_step(struct run *run, size_t index)
{
    static const char *const kinds[] = {"when",  "ctl",      "start",     "stop", "crash",
                                        "power", "pause",    "partition", "heal", "link",
                                        "exit",  "save-dir", "disk"};
    const struct step *step = &run->s->steps[index];
    struct step_state *st = &run->steps[index];
    struct buf text;
    struct buf title;
    struct buf expected;
    int64_t at = st->fired_ns != NEVER_NS ? st->fired_ns : run_now(run);
    buf_init(&text, run->mem);
    buf_init(&title, run->mem);
    buf_init(&expected, run->mem);
    add_place(run, step->at, &text);
    buf_printf(&text, "step \"%s\" at ",
               step->label != NULL ? step->label : scenario_step_title(run->s, index, &title));
    words_time(run, at, &text);
    buf_add_str(&text, "s was not as expected");
    if (step->label != NULL || step->action.kind == ACTION_CTL) {
        add_line(&text, kinds[step->action.kind], scenario_step_title(run->s, index, &title));
    }
    if (step->trigger.kind == TRIGGER_WHEN && st->fired_ns == NEVER_NS) {
        char within[32];
        duration_format(within, sizeof(within), step->trigger.within_ns);
        buf_printf(&expected, "%s within %s", step->trigger.when_text, within);
    } else {
        words_step_expected(&step->expect, &expected);
    }
    if (expected.len > 0) {
        add_quoted(&text, "expected", buf_cstr(&expected));
    }
    add_quoted(&text, "got", st->got);
    add_why(run, at, &text);
    run_fail(run, VERDICT_UNMET, "step", kinds[step->action.kind], place_of(run, step->at),
             buf_cstr(&text));
}

static void got_ctl(struct run *run, struct step_state *st, int code)
{
    struct op *op = &run->ops.items[st->op];
    struct buf got;
    buf_init(&got, run->mem);
    int64_t took = op->return_ns - op->call_ns;
    buf_printf(&got, "exit %d after ", code);
    if (took < SEC_NS) {
        buf_printf(&got, "%lldms", (long long)((took + MS_NS / 2) / MS_NS));
    } else {
        int64_t ms = (took + MS_NS / 2) / MS_NS;
        buf_printf(&got, "%lld.%03llds", (long long)(ms / 1000), (long long)(ms % 1000));
    }
    if (*op->result != '\0') {
        buf_printf(&got, code == 0 ? "   stdout \"%s\"" : "   Error: %s", op->result);
    }
    st->got = buf_cstr(&got);
}

static bool any_contained(const struct text_list *list, const char *text)
{
    for (size_t i = 0; i < list->count; i++) {
        if (strstr(text, list->items[i]) != NULL) {
            return true;
        }
    }
    return false;
}

static bool all_contained(const struct text_list *list, const char *text)
{
    for (size_t i = 0; i < list->count; i++) {
        if (strstr(text, list->items[i]) == NULL) {
            return false;
        }
    }
    return true;
}

static bool ctl_is_met(struct run *run, const struct step_expect *e, const struct op *op, int code,
                       const char *out)
{
    static const enum load_outcome outcomes[] = {LOAD_OK, LOAD_OK, LOAD_REFUSED, LOAD_UNKNOWN};
    int64_t took = op->return_ns - op->call_ns;
    (void)run;
    return (!e->ok || code == 0) &&
           (e->errors.count == 0 || (code != 0 && any_contained(&e->errors, op->result))) &&
           scenario_compare(&e->exit, code) &&
           (e->stdout_text == NULL || strcmp(e->stdout_text, out) == 0) &&
           all_contained(&e->contains, out) &&
           (!e->took.present || (took >= e->took.low && took <= e->took.high)) &&
           (e->outcome == OUTCOME_NONE || outcomes[e->outcome] == op->outcome);
}

/* A start or an exit, when the process has ended or its time is over. */
static bool start_is_met(struct run *run, size_t index)
{
    const struct step_expect *e = &run->s->steps[index].expect;
    struct step_state *st = &run->steps[index];
    struct member *m = &run->members[run->s->steps[index].action.who.items[0].member];
    const char *log = run_copy(run, node_output(m->node, ENV_STDERR));
    bool must_exit = e->exit.op != COMPARE_NONE || run->s->steps[index].action.kind == ACTION_EXIT;
    engine_cancel(run->engine, &st->late);
    m->waiting_exit = SIZE_MAX;
    if (*st->got != '\0' && (must_exit || !m->running)) {
        return false;
    }
    st->got = m->running ? run_text(run, "still running; log \"%s\"", log)
                         : run_text(run, "exit %d, log \"%s\"", node_exit_code(m->node), log);
    return (!must_exit || scenario_compare(&e->exit, node_exit_code(m->node))) &&
           all_contained(&e->logs, log);
}

/* Whatever a step expected can be judged now. */
void judge_step(struct run *run, size_t index)
{
    const struct step *step = &run->s->steps[index];
    struct step_state *st = &run->steps[index];
    if (st->judged || run->phase != RUN_TIMELINE) {
        return;
    }
    st->judged = true;
    st->met = true;
    if (step->trigger.kind == TRIGGER_WHEN && st->fired_ns == NEVER_NS) {
        st->met = false;
    } else if (step->action.kind == ACTION_CTL && *st->got != '\0') {
        st->met = false; /* it could not even be called */
    } else if (step->action.kind == ACTION_CTL) {
        int code = node_exit_code(st->node);
        struct slice out = node_output(st->node, ENV_STDOUT);
        got_ctl(run, st, code);
        st->met = !step->expect.present ||
                  ctl_is_met(run, &step->expect, &run->ops.items[st->op], code, run_copy(run, out));
    } else if (step->action.kind == ACTION_EXIT) {
        st->met = start_is_met(run, index);
    } else if (step->action.kind == ACTION_START) {
        st->met = step->expect.present ? start_is_met(run, index) : *st->got == '\0';
    }
    if (!st->met) {
        fail_step(run, index);
    }
}

/* Intervals ----------------------------------------------------------------------------------- */

struct interval_judging {
    struct run *run;
    const struct interval_expect *e;
    enum service service;
    int64_t from;
    int64_t to;
    int64_t bound;
    size_t attempts;
    const struct op *wrong;
};

static void judge_op(struct interval_judging *j, const struct op *op)
{
    bool returned = op->return_ns != NEVER_NS;
    bool ok = returned && op->outcome == LOAD_OK;
    if (j->e->demand[j->service] == DEMAND_CANNOT) {
        j->attempts++;
        j->wrong = j->wrong == NULL && ok && op->return_ns < j->to ? op : j->wrong;
        return;
    }
    if (ok && op->return_ns <= op->call_ns + j->bound) {
        j->attempts++;
        return;
    }
    /* Not answered well: judged only if its bound ends inside. */
    if (op->call_ns + j->bound < j->to) {
        j->attempts++;
        j->wrong = j->wrong == NULL ? op : j->wrong;
    }
}

static void fail_interval(struct interval_judging *j)
{
    struct run *run = j->run;
    const struct op *op = j->wrong;
    const char *demand = scenario_demand_name(j->e->demand[j->service]);
    struct buf text;
    buf_init(&text, run->mem);
    add_place(run, j->e->demand_at[j->service], &text);
    buf_printf(&text, "%s %s be served during %s", scenario_service_name(j->service), demand,
               j->e->text);
    struct buf got;
    buf_init(&got, run->mem);
    buf_printf(&got, "%s: %s, called at ", op->client, op->arg);
    words_time(run, op->call_ns, &got);
    if (op->return_ns == NEVER_NS) {
        buf_add_str(&got, ", never answered");
    } else {
        buf_printf(&got, ", %s at ", load_outcome_name(op->outcome));
        words_time(run, op->return_ns, &got);
        if (op->outcome != LOAD_OK) {
            buf_printf(&got, ": %s", op->result);
        }
    }
    char bound[32];
    duration_format(bound, sizeof(bound), j->bound);
    add_line(&text, "expected",
             j->e->demand[j->service] == DEMAND_CANNOT
                 ? "nothing called inside is acknowledged inside"
                 : run_text(run, "each request called inside is acknowledged within %s", bound));
    add_line(&text, "got", buf_cstr(&got));
    add_why(run, op->call_ns, &text);
    run_fail(run, VERDICT_UNMET, "expect", scenario_service_name(j->service),
             place_of(run, j->e->demand_at[j->service]), buf_cstr(&text));
    fail_op(run, op);
}

static void judge_interval(struct run *run, const struct interval_expect *e, enum service service)
{
    struct interval_judging j = {.run = run,
                                 .e = e,
                                 .service = service,
                                 .from = point_ns(run, &e->from),
                                 .to = point_ns(run, &e->to)};
    enum demand demand = e->demand[service];
    if (demand == DEMAND_NONE || demand == DEMAND_MAY) {
        return;
    }
    j.bound = service == SERVICE_SERIALIZABLE ? run->bound_local_ns : run->bound_ns;
    if (j.from == NEVER_NS || j.to == NEVER_NS) {
        struct buf text;
        buf_init(&text, run->mem);
        add_place(run, e->at, &text);
        buf_printf(&text, "the interval %s was never there: a step that it names did not finish",
                   e->text);
        run_fail(run, VERDICT_UNMET, "expect", "interval", place_of(run, e->at), buf_cstr(&text));
        return;
    }
    for (size_t i = 0; i < run->ops.count; i++) {
        const struct op *op = &run->ops.items[i];
        /* A lasting client may be late by its broken connections; what it gets it gets. */
        bool counts = op->usual || op->fresh || (op->load && demand == DEMAND_CANNOT);
        if (op->service == service && counts && op->call_ns >= j.from && op->call_ns < j.to) {
            judge_op(&j, op);
        }
    }
    if (j.wrong != NULL) {
        fail_interval(&j);
    } else if (j.attempts < ATTEMPTS_MIN) {
        struct buf text;
        buf_init(&text, run->mem);
        add_place(run, e->demand_at[service], &text);
        buf_printf(&text,
                   "%s during %s: %zu attempt%s, too few to judge by (at least %d; a `probe` makes "
                   "them)",
                   scenario_service_name(service), e->text, j.attempts, j.attempts == 1 ? "" : "s",
                   ATTEMPTS_MIN);
        run_fail(run, VERDICT_UNDECIDED, "expect", "attempts", place_of(run, e->demand_at[service]),
                 buf_cstr(&text));
    }
}

void judge_intervals(struct run *run)
{
    for (size_t i = 0; i < run->s->interval_count; i++) {
        for (int service = 0; service < SERVICE_COUNT; service++) {
            judge_interval(run, &run->s->intervals[i], (enum service)service);
        }
    }
}

/* The end ------------------------------------------------------------------------------------- */

static void fail_end(struct run *run, struct position at, const char *what, const char *expected,
                     const char *got)
{
    struct buf text;
    buf_init(&text, run->mem);
    add_place(run, at, &text);
    buf_printf(&text, "%s at the end was not as expected", what);
    add_line(&text, "expected", expected);
    add_line(&text, "got", got);
    add_why(run, run->end_ns, &text);
    run_fail(run, VERDICT_UNMET, "expect", what, place_of(run, at), buf_cstr(&text));
}

static void judge_number(struct run *run, const struct compare *c, const char *what, int64_t got)
{
    if (!scenario_compare(c, got)) {
        fail_end(run, c->at, what,
                 run_text(run, "%s %lld", scenario_compare_name(c->op), (long long)c->value),
                 run_text(run, "%lld", (long long)got));
    }
}

static void judge_leader(struct run *run, const struct end_expect *e)
{
    size_t leader = run_leader(run);
    size_t wanted = e->leader == END_LEADER_MEMBER ? e->leader_member : SIZE_MAX;
    if (e->leader == END_LEADER_UNASKED || leader == wanted) {
        return;
    }
    fail_end(run, e->leader_at, "leader",
             wanted == SIZE_MAX ? "none" : run->members[wanted].spec->name,
             leader == SIZE_MAX ? "none" : run->members[leader].spec->name);
}

static void judge_roles(struct run *run, const struct end_expect *e)
{
    for (size_t i = 0; i < e->role_count; i++) {
        const struct role_expect *r = &e->roles[i];
        const struct member *m = &run->members[r->member];
        const char *got = m->running ? obs_role_name(m->role) : "down";
        if (strcmp(got, scenario_role_name(r->role)) != 0) {
            fail_end(run, r->at, run_text(run, "role of %s", m->spec->name),
                     scenario_role_name(r->role), got);
        }
    }
}

static void judge_ends(struct run *run)
{
    int64_t ok = 0;
    for (size_t i = 0; i < run->ops.count; i++) {
        ok += run->ops.items[i].return_ns != NEVER_NS && run->ops.items[i].outcome == LOAD_OK;
    }
    int64_t whole = run->end_ns - run->zero_ns;
    int64_t may = oracle_track_share(&run->writes, ORACLE_MAY, run->zero_ns, run->end_ns);
    for (size_t i = 0; i < run->s->end_count; i++) {
        const struct end_expect *e = &run->s->ends[i];
        judge_leader(run, e);
        judge_number(run, &e->voters, "voters", (int64_t)run->newest.voter_count);
        judge_number(run, &e->quorum, "quorum", (int64_t)oracle_quorum(run->newest.voter_count));
        judge_number(run, &e->ops_ok, "ops-ok", ok);
        /* Rounded up: a share of 15.1 % is not within 15 %. */
        judge_number(run, &e->oracle_may, "oracle-may",
                     whole > 0 ? (may * 100 + whole - 1) / whole : 0);
        judge_roles(run, e);
    }
}

void judge_key(struct run *run, const struct key_expect *e, const char *got)
{
    fail_end(run, e->at, run_text(run, "key %s", e->key),
             e->value != NULL ? e->value : "it is not there", got);
}

/* What never came to pass, though the timeline has ended. */
static void judge_leftovers(struct run *run)
{
    for (size_t i = 0; i < run->s->step_count && run->failures.count == 0; i++) {
        struct step_state *st = &run->steps[i];
        const struct trigger *trigger = &run->s->steps[i].trigger;
        bool recurs = trigger->kind == TRIGGER_EVERY || trigger->each;
        if (st->judged || recurs ||
            (st->phase == STEP_FINISHED && !run->s->steps[i].expect.present)) {
            continue;
        }
        if (*st->got == '\0') {
            st->got = st->phase == STEP_WAITING   ? "it never fired: what it waits for did not end"
                      : st->phase == STEP_WATCHED ? "it had not come when the run ended"
                                                  : "it had not finished when the run ended";
        }
        st->judged = true;
        fail_step(run, i);
    }
}

void judge_end(struct run *run)
{
    oracle_track_end(&run->writes, run->end_ns);
    oracle_track_end(&run->serializable, run->end_ns);
    if (run->failures.count > 0 || run->cut_short) {
        return;
    }
    judge_leftovers(run);
    epochs_judge(run);
    if (run->failures.count == 0) {
        judge_ends(run);
        judge_intervals(run);
    }
}

/* Contradictions between what the oracle foresaw and what clients saw -------------------------- */

static void contradict(struct run *run, const struct op *op, const char *rule, enum verdict verdict,
                       int64_t bound)
{
    struct buf text;
    struct buf why;
    char within[32];
    buf_init(&text, run->mem);
    buf_init(&why, run->mem);
    duration_format(within, sizeof(within), bound);
    if (verdict == VERDICT_UNSAFE) {
        buf_printf(&text,
                   "%s acknowledged though it CANNOT pass\n"
                   "rule: without a quorum that runs and is connected nothing is decided (thesis "
                   "3.5)\n",
                   scenario_service_name(op->service));
    } else {
        buf_printf(&text,
                   "%s not served within %s though they MUST pass\n"
                   "rule: a quorum that runs and is connected elects a leader and serves (thesis "
                   "3.4, 3.9)\n",
                   scenario_service_name(op->service), within);
    }
    buf_printf(&text, "%s: %s, called ", op->client, op->arg);
    words_time(run, op->call_ns, &text);
    if (op->return_ns == NEVER_NS) {
        buf_add_str(&text, ", never answered");
    } else {
        buf_printf(&text, ", %s ", load_outcome_name(op->outcome));
        words_time(run, op->return_ns, &text);
    }
    const struct sight *sight = sight_at(run, op->call_ns);
    if (sight != NULL) {
        words_quorum(run, sight, &why);
        buf_printf(&text, "\n%s", buf_cstr(&why));
    }
    run_fail(run, verdict, "oracle", rule, scenario_service_name(op->service), buf_cstr(&text));
    fail_op(run, op);
}

/* What stands in the way is links or processes: reads need no disk. */
static bool disks_worked(const struct run *run, int64_t from_ns, int64_t to_ns)
{
    for (size_t i = 0; i < run->sights.count; i++) {
        const struct sight *sight = &run->sights.items[i];
        int64_t end_ns = i + 1 < run->sights.count ? sight[1].time_ns : INT64_MAX;
        if (sight->time_ns <= to_ns && end_ns >= from_ns &&
            (sight->running & ~sight->disk_works) != 0) {
            return false;
        }
    }
    return true;
}

static void judge_foresight(struct run *run, const struct op *op)
{
    bool local = op->service == SERVICE_SERIALIZABLE;
    const struct oracle_track *track = local ? &run->serializable : &run->writes;
    int64_t bound = track->bound_ns;
    int64_t limit = op->call_ns + bound;
    bool returned = op->return_ns != NEVER_NS && op->return_ns <= run->end_ns;
    bool ok = returned && op->outcome == LOAD_OK;
    if (ok && oracle_track_during(track, op->call_ns, op->return_ns) == ORACLE_CANNOT &&
        (op->service == SERVICE_WRITES || disks_worked(run, op->call_ns, op->return_ns))) {
        contradict(run, op, "cannot", VERDICT_UNSAFE, bound);
        return;
    }
    if ((ok && op->return_ns <= limit) || (returned && op->outcome == LOAD_REFUSED)) {
        return;
    }
    int64_t failed = returned && op->return_ns < limit ? op->return_ns : limit;
    if (failed <= run->end_ns && oracle_track_during(track, op->call_ns, failed) == ORACLE_MUST) {
        contradict(run, op, "must", VERDICT_STALLED, bound);
    }
}

void judge_oracle(struct run *run)
{
    bool served = false;
    for (size_t i = 0; i < run->ops.count && run->end_ns > run->zero_ns; i++) {
        const struct op *op = &run->ops.items[i];
        served = served || op->outcome == LOAD_OK;
        size_t failures = run->failures.count;
        if (op->usual && !op->settling && op->service != SERVICE_COUNT &&
            op->call_ns < run->end_ns) {
            judge_foresight(run, op);
        }
        if (run->failures.count > failures) {
            return; /* one of a kind is enough */
        }
    }
    int64_t must = oracle_track_share(&run->writes, ORACLE_MUST, run->zero_ns, run->end_ns);
    if (run->ops.count >= ATTEMPTS_MIN && !served && must > 0 && run->failures.count == 0) {
        run_fail(run, VERDICT_STALLED, "oracle", "idle", "",
                 "not one request was acknowledged, though writes must pass for some of the time");
    }
}
