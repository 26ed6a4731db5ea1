/* The story on a terminal: at most 100 columns, the same for the same run but for its last line. */
#include "tell.h"
#include "checks.h"

#include "base/duration.h"
#include "base/json.h"
#include "page.h"

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
    for (size_t i = 0; i < t->scratch.len; i++) {
        t->scratch.ptr[i] = t->scratch.ptr[i] == '\n' ? ' ' : t->scratch.ptr[i];
    }
    const char *about = buf_cstr(&t->scratch);
    if (*about != '\0') {
        tell_wrapped(t, about, 0, TELL_WIDTH);
    }
}

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
    int64_t must_ns = oracle_track_share(&run->writes, ORACLE_MUST, run->zero_ns, run->end_ns);
    int64_t cannot_ns = oracle_track_share(&run->writes, ORACLE_CANNOT, run->zero_ns, run->end_ns);
    /* Sums are rounded, not parts: so that the three make 100. */
    int must = per_cent(must_ns, whole);
    int cannot = per_cent(must_ns + cannot_ns, whole) - must;
    buf_printf(t->out, "\nsteps      %zu of %zu as expected", met, expected);
    buf_printf(t->out, "        predicted   must %d%%  cannot %d%%  may %d%%\n", must, cannot,
               100 - must - cannot);
    buf_add_str(t->out, "checks     ");
    tell_count(t->out, checks_count(run->checks));
    buf_add_str(t->out, " events told by members, ");
    tell_count(t->out, checks_performed(run->checks));
    buf_printf(t->out, " comparisons, %llu violations\n",
               (unsigned long long)checks_violations(run->checks));
    buf_printf(t->out, "histories  %s\n", checks_history(run->checks));
    for (size_t i = 1; i < run->epochs.count; i++) {
        buf_printf(t->out, "epoch      begun by %s after entry %llu; lost: ",
                   run->members[run->epochs.items[i].member].spec->name,
                   (unsigned long long)run->epochs.items[i].kept);
        epoch_words_lost(run, i, t->out);
        buf_add_u8(t->out, '\n');
    }
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
    page_tell(run, build, out);
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
