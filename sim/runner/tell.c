/* The story on a terminal: at most 100 columns, the same for the same run but for its last line. */
#include "checks.h"

#include "base/duration.h"
#include "base/json.h"

#define WIDTH      100
#define TEXT_WIDTH 62
#define QUIET_NS   (100 * MS_NS) /* the oracle's changes that follow each other closer are one */

struct telling {
    const struct run *run;
    struct buf *out;
    bool story;
    struct buf scratch;
};

/* Up to `columns` columns of text; UTF-8 counts by characters. The rest, or NULL. */
static const char *cut_text(const char *text, size_t columns, size_t *bytes)
{
    size_t used = 0;
    size_t at = 0;
    size_t blank = 0;
    while (text[at] != '\0' && text[at] != '\n') {
        if (((uint8_t)text[at] & 0xC0) != 0x80) {
            if (used == columns) {
                *bytes = blank > 0 ? blank : at;
                return text + *bytes + (blank > 0 ? 1 : 0);
            }
            used++;
        }
        blank = text[at] == ' ' ? at : blank;
        at++;
    }
    *bytes = at;
    return text[at] == '\n' ? text + at + 1 : NULL;
}

/* A paragraph at this indent; the first line is already begun. */
static void tell_wrapped(struct telling *t, const char *text, size_t indent, size_t columns)
{
    bool first = true;
    for (const char *rest = text; rest != NULL && *rest != '\0';) {
        size_t bytes = 0;
        const char *next = cut_text(rest, columns, &bytes);
        buf_printf(t->out, "%*s%.*s\n", first ? 0 : (int)indent, "", (int)bytes, rest);
        first = false;
        rest = next;
    }
    if (first) {
        buf_add_str(t->out, "\n");
    }
}

/* "3ms", "5.000s" */
static void tell_took(int64_t ns, struct buf *out)
{
    int64_t ms = (ns + MS_NS / 2) / MS_NS;
    if (ms < 1000) {
        buf_printf(out, "%lldms", (long long)ms);
    } else {
        buf_printf(out, "%lld.%03llds", (long long)(ms / 1000), (long long)(ms % 1000));
    }
}

static size_t columns_of(struct slice text)
{
    size_t count = 0;
    for (size_t i = 0; i < text.len; i++) {
        count += (text.ptr[i] & 0xC0) != 0x80 ? 1 : 0;
    }
    return count;
}

/* 2 811 */
static void tell_count(struct buf *out, uint64_t n)
{
    if (n >= 1000) {
        tell_count(out, n / 1000);
        buf_printf(out, " %03llu", (unsigned long long)(n % 1000));
    } else {
        buf_printf(out, "%llu", (unsigned long long)n);
    }
}

/* Header -------------------------------------------------------------------------------------- */

static void tell_header(struct telling *t, const char *build)
{
    const struct run *run = t->run;
    char bound[32];
    char part[32];
    buf_printf(t->out, "%s   seed %llu   %zu member%s   build %s\n", run->s->name,
               (unsigned long long)run->options.seed, run->s->listed_count,
               run->s->listed_count == 1 ? "" : "s", build);
    duration_format(bound, sizeof(bound), run->bound_ns);
    duration_format(part, sizeof(part), run->timeouts.election_ns);
    buf_printf(t->out,
               "oracle bound %s (2 elections of at most 2 x %s, redial, round trips and syncs)\n",
               bound, part);
    buf_clear(&t->scratch);
    buf_add_str(&t->scratch, run->s->about);
    while (t->scratch.len > 0 && t->scratch.ptr[t->scratch.len - 1] == '\n') {
        t->scratch.len--;
    }
    const char *about = buf_cstr(&t->scratch);
    if (*about != '\0') {
        tell_wrapped(t, about, 0, WIDTH);
    }
}

/* Table --------------------------------------------------------------------------------------- */

static void tell_numbers(struct telling *t, const struct row *row, struct buf *line)
{
    while (columns_of(buf_slice(line)) < 17 + TEXT_WIDTH + 2) {
        buf_add_u8(line, ' ');
    }
    buf_printf(line, " %5zu  %5zu %2zu", row->voters, oracle_quorum(row->voters), row->up);
    buf_printf(t->out, "%s\n", buf_cstr(line));
}

static void begin_line(struct telling *t, const struct row *row, struct buf *line)
{
    struct buf time;
    buf_init(&time, t->run->mem);
    buf_clear(line);
    words_time(t->run, row->time_ns, &time);
    buf_printf(line, "%8s  %-8s ", buf_cstr(&time), row->who);
    buf_fini(&time);
}

static void tell_detail(struct telling *t, const char *detail)
{
    buf_printf(t->out, "%19s", "");
    tell_wrapped(t, detail, 19, WIDTH - 19);
}

/* A row's text beside its numbers; what does not fit goes below. */
static void tell_row(struct telling *t, const struct row *row, const char *text, const char *detail)
{
    struct buf line;
    size_t bytes = 0;
    buf_init(&line, t->run->mem);
    begin_line(t, row, &line);
    const char *rest = cut_text(text, TEXT_WIDTH, &bytes);
    buf_add(&line, text, bytes);
    tell_numbers(t, row, &line);
    if (rest != NULL) {
        tell_detail(t, rest);
    }
    if (detail != NULL && *detail != '\0') {
        tell_detail(t, detail);
    }
    buf_fini(&line);
}

/* What a command printed, on one line and not all of it if that is long; "OK" says nothing new. */
static void tell_result(const struct op *op, struct buf *out)
{
    if (op->outcome != LOAD_OK || op->return_ns == NEVER_NS) {
        buf_add_str(out, op->result);
        return;
    }
    size_t start = out->len;
    if (*op->result == '\0' || strcmp(op->result, "OK\n") == 0) {
        return;
    }
    buf_add_str(out, "\"");
    for (const char *at = op->result; *at != '\0'; at++) {
        if (out->len - start > WIDTH - 30) {
            buf_add_str(out, " ...");
            break;
        }
        if (*at == '\n') {
            buf_add_str(out, at[1] != '\0' ? "\\n" : "");
        } else {
            buf_add_u8(out, (uint8_t)*at);
        }
    }
    buf_add_str(out, "\"");
}

/* "put color blue                  ok      3ms" */
static void tell_op(struct telling *t, const struct row *row)
{
    const struct op *op = &t->run->ops.items[row->op];
    struct buf text;
    struct buf detail;
    size_t bytes = 0;
    buf_init(&text, t->run->mem);
    buf_init(&detail, t->run->mem);
    const char *rest = cut_text(op->arg, TEXT_WIDTH - 20, &bytes);
    buf_add(&text, op->arg, bytes);
    while (columns_of(buf_slice(&text)) < TEXT_WIDTH - 18) {
        buf_add_u8(&text, ' ');
    }
    if (op->return_ns == NEVER_NS) {
        buf_add_str(&text, "not answered");
    } else {
        static const char *const words[] = {"ok", "refused", "unknown"};
        buf_printf(&text, "%-9s ", words[op->outcome]);
        tell_took(op->return_ns - op->call_ns, &text);
    }
    if (rest != NULL) {
        buf_printf(&detail, "%s\n", rest);
    }
    tell_result(op, &detail);
    tell_row(t, row, buf_cstr(&text), buf_cstr(&detail));
    buf_fini(&text);
    buf_fini(&detail);
}

static enum oracle_state state_at(const struct oracle_track *track, int64_t time_ns)
{
    for (size_t i = 0; i < track->count; i++) {
        if (time_ns >= track->spans[i].from_ns && time_ns < track->spans[i].to_ns) {
            return track->spans[i].state;
        }
    }
    return ORACLE_MAY;
}

static const char *loud(enum oracle_state state)
{
    static const char *const names[] = {"MAY", "CANNOT", "MUST"};
    return names[state];
}

static void tell_foresight(struct telling *t, const struct row *row, enum oracle_state before)
{
    const struct run *run = t->run;
    const struct sight *sight = &run->sights.items[row->sight];
    struct buf text;
    struct buf why;
    buf_init(&text, run->mem);
    buf_init(&why, run->mem);
    buf_printf(&text, "writes: %s -> ", loud(before));
    if (sight->answer.writes == ORACLE_SOUND) {
        buf_add_str(&text, "MUST by ");
        words_time(run, row->time_ns + run->bound_ns, &text);
    } else {
        buf_add_str(&text, sight->answer.writes == ORACLE_NEVER ? "CANNOT" : "MAY");
        words_quorum(run, sight, &why);
    }
    buf_clear(&t->scratch);
    words_render(run, buf_cstr(&why), &t->scratch);
    tell_row(t, row, buf_cstr(&text),
             sight->answer.writes == ORACLE_NEVER ? buf_cstr(&t->scratch) : NULL);
    buf_fini(&text);
    buf_fini(&why);
}

/* Another change of the oracle's mind follows so soon that this one is not worth a line. */
static bool is_brief(const struct run *run, size_t index)
{
    for (size_t i = index + 1; i < run->rows.count; i++) {
        if (run->rows.items[i].kind == ROW_ORACLE) {
            return run->rows.items[i].time_ns - run->rows.items[index].time_ns < QUIET_NS;
        }
    }
    return false;
}

static void tell_table(struct telling *t)
{
    const struct run *run = t->run;
    enum oracle_state state = state_at(&run->writes, run->zero_ns);
    buf_printf(t->out, "\n%8s  %-8s %-*s  %s\n", "time", "who", TEXT_WIDTH, "what",
               "voters quorum up");
    for (size_t i = 0; i < run->rows.count; i++) {
        const struct row *row = &run->rows.items[i];
        if (row->kind == ROW_ORACLE) {
            enum oracle_now now = run->sights.items[row->sight].answer.writes;
            enum oracle_state after = now == ORACLE_NEVER   ? ORACLE_CANNOT
                                      : now == ORACLE_SOUND ? ORACLE_MUST
                                                            : ORACLE_MAY;
            if (row->time_ns > run->zero_ns && after != state && (t->story || !is_brief(run, i))) {
                tell_foresight(t, row, state);
                state = after;
            }
        } else if (row->kind == ROW_STORY && !t->story) {
            continue;
        } else if (row->op != SIZE_MAX) {
            tell_op(t, row);
        } else {
            struct buf text;
            buf_init(&text, run->mem);
            words_render(run, row->text, &text);
            tell_row(t, row, buf_cstr(&text), row->detail);
            buf_fini(&text);
        }
    }
}

/* Lanes --------------------------------------------------------------------------------------- */

#define LANE_MAX 72

struct lanes {
    int64_t step_ns;
    size_t count;
};

static struct lanes lanes_of(const struct run *run)
{
    static const int64_t steps[] = {MS_NS,       5 * MS_NS,   10 * MS_NS, 50 * MS_NS, 100 * MS_NS,
                                    200 * MS_NS, 500 * MS_NS, SEC_NS,     2 * SEC_NS, 5 * SEC_NS,
                                    10 * SEC_NS, 30 * SEC_NS, 60 * SEC_NS};
    int64_t whole = run->end_ns - run->zero_ns;
    struct lanes lanes = {.step_ns = 60 * SEC_NS};
    for (size_t i = sizeof(steps) / sizeof(steps[0]); i > 0; i--) {
        if (whole / steps[i - 1] < LANE_MAX) {
            lanes.step_ns = steps[i - 1];
        }
    }
    lanes.count = (size_t)((whole + lanes.step_ns - 1) / lanes.step_ns);
    lanes.count = lanes.count < LANE_MAX ? lanes.count : LANE_MAX;
    return lanes;
}

static void tell_scale(struct telling *t, const struct lanes *lanes)
{
    struct buf line;
    buf_init(&line, t->run->mem);
    for (size_t i = 0; i < lanes->count; i += 10) {
        char text[32];
        duration_format(text, sizeof(text), (int64_t)i * lanes->step_ns);
        while (line.len < i) {
            buf_add_u8(&line, ' ');
        }
        if (line.len == i) {
            buf_add_str(&line, text);
        }
    }
    buf_printf(t->out, "\n%12s%s\n", "", buf_cstr(&line));
    buf_fini(&line);
}

static char role_letter(const struct role_change *r)
{
    static const char letters[] = {[OBS_FOLLOWER] = 'f',
                                   [OBS_PRE_CANDIDATE] = 'c',
                                   [OBS_CANDIDATE] = 'c',
                                   [OBS_LEADER] = 'L',
                                   [OBS_LEARNER] = 'l'};
    return r->down ? 'x' : letters[r->role];
}

static void tell_lane(struct telling *t, const char *name, const char *lane)
{
    buf_printf(t->out, "  %-9s %s\n", name, lane);
}

/* A member's role in the middle of each column. */
static void tell_member(struct telling *t, const struct lanes *lanes, size_t member)
{
    const struct run *run = t->run;
    char lane[LANE_MAX + 1];
    bool announced = run->members[member].spec->listed;
    for (size_t i = 0; i < lanes->count; i++) {
        int64_t at = run->zero_ns + (int64_t)i * lanes->step_ns + lanes->step_ns / 2;
        char letter =
            announced || (run->members[member].added && run->members[member].added_ns <= at) ? '-'
                                                                                             : '.';
        for (size_t r = 0; r < run->roles.count && run->roles.items[r].time_ns <= at; r++) {
            if (run->roles.items[r].member == member) {
                letter = role_letter(&run->roles.items[r]);
            }
        }
        lane[i] = letter;
    }
    lane[lanes->count] = '\0';
    tell_lane(t, run->members[member].spec->name, lane);
}

static void tell_predicted(struct telling *t, const struct lanes *lanes)
{
    static const char letters[] = {'~', 'x', '='};
    char lane[LANE_MAX + 1];
    for (size_t i = 0; i < lanes->count; i++) {
        int64_t at = t->run->zero_ns + (int64_t)i * lanes->step_ns + lanes->step_ns / 2;
        at = at < t->run->end_ns ? at : t->run->end_ns - 1;
        lane[i] = letters[state_at(&t->run->writes, at)];
    }
    lane[lanes->count] = '\0';
    tell_lane(t, "predicted", lane);
}

/* Writes called in a column: any that was not served within a column's time, or all were. */
static void tell_observed(struct telling *t, const struct lanes *lanes)
{
    char lane[LANE_MAX + 1];
    memset(lane, ' ', sizeof(lane));
    for (size_t i = 0; i < t->run->ops.count; i++) {
        const struct op *op = &t->run->ops.items[i];
        int64_t column = run_time(t->run, op->call_ns) / lanes->step_ns;
        if (op->service != SERVICE_WRITES || !op->usual || op->settling || column < 0 ||
            column >= (int64_t)lanes->count) {
            continue;
        }
        bool ok = op->return_ns != NEVER_NS && op->outcome == LOAD_OK &&
                  op->return_ns - op->call_ns <= lanes->step_ns;
        lane[column] = !ok ? 'x' : lane[column] == 'x' ? 'x' : '=';
    }
    lane[lanes->count] = '\0';
    tell_lane(t, "observed", lane);
}

static void tell_lanes(struct telling *t)
{
    const struct run *run = t->run;
    struct lanes lanes = lanes_of(run);
    if (lanes.count == 0) {
        return;
    }
    tell_scale(t, &lanes);
    for (size_t i = 0; i < run->member_count; i++) {
        if (run->members[i].spec->listed || run->members[i].added) {
            tell_member(t, &lanes, i);
        }
    }
    tell_predicted(t, &lanes);
    tell_observed(t, &lanes);
    buf_printf(t->out,
               "  %-9s L leader, f follower, c candidate, l learner, x down, "
               "- never started, . not there yet\n",
               "");
    char within[32];
    duration_format(within, sizeof(within), lanes.step_ns);
    buf_printf(t->out, "  %-9s writes: = must (served within %s), x cannot (not served), ~ may\n",
               "", within);
}

/* Sums ---------------------------------------------------------------------------------------- */

static int per_cent(int64_t part, int64_t whole)
{
    return whole > 0 ? (int)((part * 100 + whole / 2) / whole) : 0;
}

static void tell_sums(struct telling *t)
{
    const struct run *run = t->run;
    struct run_summary sum = run_summary(run);
    int64_t whole = run->end_ns - run->zero_ns;
    size_t expected = 0;
    size_t met = 0;
    for (size_t i = 0; i < run->s->step_count; i++) {
        bool asked =
            run->s->steps[i].expect.present || run->s->steps[i].trigger.kind == TRIGGER_WHEN;
        expected += asked ? 1 : 0;
        met += asked && run->steps[i].judged && run->steps[i].met ? 1 : 0;
    }
    int must =
        per_cent(oracle_track_share(&run->writes, ORACLE_MUST, run->zero_ns, run->end_ns), whole);
    int cannot =
        per_cent(oracle_track_share(&run->writes, ORACLE_CANNOT, run->zero_ns, run->end_ns), whole);
    buf_printf(t->out, "\nsteps      %zu of %zu as expected", met, expected);
    buf_printf(t->out, "        predicted   must %d%%  cannot %d%%  may %d%%\n", must, cannot,
               100 - must - cannot);
    buf_add_str(t->out, "checks     ");
    tell_count(t->out, checks_count(run->checks));
    buf_add_str(t->out, " events told by members, ");
    tell_count(t->out, checks_performed(run->checks));
    buf_printf(t->out, " comparisons, %llu violations; %s\n",
               (unsigned long long)checks_violations(run->checks), checks_history(run->checks));
    buf_add_str(t->out, "ops        ");
    tell_count(t->out, sum.ops);
    buf_printf(t->out, ": %llu ok, %llu refused, %llu unknown (a timeout is not a failure)\n",
               (unsigned long long)sum.ops_ok, (unsigned long long)sum.ops_refused,
               (unsigned long long)sum.ops_unknown);
}

static void tell_settle(struct telling *t)
{
    const struct run *run = t->run;
    if (!run->settled) {
        return;
    }
    if (run->settle_set == 0) {
        buf_add_str(t->out, "settle     excused: fewer than a quorum of the voters can be "
                            "started\n");
        return;
    }
    buf_add_str(t->out, "settle     ");
    bool first = true;
    for (size_t i = 0; i < run->member_count; i++) {
        if ((run->settle_set & (UINT64_C(1) << i)) != 0) {
            buf_printf(t->out, "%s%s", first ? "" : ", ", run->members[i].spec->name);
            first = false;
        }
    }
    buf_add_str(t->out, " healed: a write passed and they agree after ");
    tell_took(run->settled_ns, t->out);
    buf_add_str(t->out, "\n");
}

/* A stall whose cause is a voter that was never started has known cures. */
static void tell_lesson(struct telling *t)
{
    const struct run *run = t->run;
    for (size_t i = 0; i < run->sights.count; i++) {
        const struct sight *sight = &run->sights.items[i];
        if (sight->time_ns < run->zero_ns || sight->answer.writes != ORACLE_NEVER) {
            continue;
        }
        for (size_t v = 0; v < sight->newest.voter_count; v++) {
            size_t k = member_by_id(run, sight->newest.voters[v]);
            if (k != SIZE_MAX && !run->s->members[k].listed &&
                (sight->ever_started & (UINT64_C(1) << k)) == 0) {
                buf_printf(t->out,
                           "lesson     A member counts from the commit of `member add`, not from "
                           "its start. The cure that\n           keeps everything is to start %s "
                           "with the settings that the command printed.\n",
                           run->members[k].spec->name);
                return;
            }
        }
    }
}

static void tell_failure(struct telling *t, const char *build)
{
    const struct run *run = t->run;
    const struct failure *f = worst_failure(run);
    struct run_summary sum = run_summary(run);
    size_t left = 0;
    if (f == NULL) {
        return;
    }
    for (size_t i = 0; i < run->s->step_count; i++) {
        left += run->steps[i].fired_ns == NEVER_NS ? 1 : 0;
    }
    buf_clear(&t->scratch);
    words_render(run, f->text, &t->scratch);
    const char *text = buf_cstr(&t->scratch);
    size_t first = strcspn(text, "\n");
    buf_add_str(t->out, "\n");
    if (f->verdict != VERDICT_UNMET && f->verdict != VERDICT_UNDECIDED) {
        buf_add_str(t->out, "FAIL  ");
    }
    buf_printf(t->out, "%.*s", (int)first, text);
    if (f->verdict != VERDICT_UNMET) {
        buf_add_str(t->out, "   at ");
        words_time(run, f->time_ns, t->out);
        buf_add_str(t->out, "s");
    }
    buf_add_str(t->out, "\n");
    for (const char *at = text + first; *at != '\0';) {
        at++;
        size_t len = strcspn(at, "\n");
        buf_printf(t->out, "    %.*s\n", (int)len, at);
        at += len;
    }
    buf_printf(t->out, "safety: %llu violations in ",
               (unsigned long long)checks_violations(run->checks));
    tell_count(t->out, checks_count(run->checks));
    buf_printf(t->out, " events; %zu later step%s not run\n", left, left == 1 ? "" : "s");
    buf_printf(t->out, "\nfingerprint: %s\n", sum.fingerprint);
    buf_printf(t->out, "again:   quorate run %s --seed %llu\n", run->s->path,
               (unsigned long long)run->options.seed);
    (void)build;
}

void run_tell(const struct run *run, const char *build, bool story, struct buf *out)
{
    struct telling t = {.run = run, .out = out, .story = story};
    struct run_summary sum = run_summary(run);
    buf_init(&t.scratch, run->mem);
    tell_header(&t, build);
    tell_table(&t);
    tell_lanes(&t);
    tell_sums(&t);
    tell_settle(&t);
    if (sum.verdict == VERDICT_PASS) {
        tell_lesson(&t);
    }
    tell_failure(&t, build);
    buf_printf(out, "verdict: %s\ntrace-hash: %016llx\n", verdict_name(sum.verdict),
               (unsigned long long)sum.trace_hash);
    int64_t sim = sum.timeline_ns / (10 * MS_NS);
    int64_t wall = sum.wall_ns / (10 * MS_NS);
    buf_printf(out, "(%lld.%02llds simulated in %lld.%02llds)\n", (long long)(sim / 100),
               (long long)(sim % 100), (long long)(wall / 100), (long long)(wall % 100));
    buf_fini(&t.scratch);
}

void run_tell_json(const struct run *run, const char *build, struct buf *out)
{
    struct run_summary sum = run_summary(run);
    struct json j;
    struct buf text;
    buf_init(&text, run->mem);
    json_init(&j, out);
    json_object(&j);
    json_key(&j, "scenario");
    json_cstr(&j, run->s->name);
    json_key(&j, "seed");
    json_u64(&j, run->options.seed);
    json_key(&j, "build");
    json_cstr(&j, build);
    json_key(&j, "verdict");
    json_cstr(&j, verdict_name(sum.verdict));
    json_key(&j, "fingerprint");
    json_cstr(&j, sum.fingerprint);
    json_key(&j, "reason");
    words_render(run, sum.reason, &text);
    json_str(&j, buf_slice(&text));
    buf_clear(&text);
    buf_printf(&text, "%016llx", (unsigned long long)sum.trace_hash);
    json_key(&j, "trace_hash");
    json_str(&j, buf_slice(&text));
    json_key(&j, "events");
    json_u64(&j, sum.events);
    json_key(&j, "ops");
    json_u64(&j, sum.ops);
    json_key(&j, "ops_ok");
    json_u64(&j, sum.ops_ok);
    json_key(&j, "ops_refused");
    json_u64(&j, sum.ops_refused);
    json_key(&j, "ops_unknown");
    json_u64(&j, sum.ops_unknown);
    json_key(&j, "sim_ns");
    json_i64(&j, sum.sim_ns);
    json_key(&j, "wall_ns");
    json_i64(&j, sum.wall_ns);
    json_key(&j, "cpu_ns");
    json_i64(&j, sum.cpu_ns);
    json_object_end(&j);
    buf_add_str(out, "\n");
    buf_fini(&text);
}
