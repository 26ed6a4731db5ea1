/* The lanes: one column for each stretch of time, one line for each member, and what was predicted
 * and observed of writes. */
#include "tell.h"

#include "base/duration.h"

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
        lane[i] = letters[tell_state_at(&t->run->writes, at)];
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

void tell_lanes(struct telling *t)
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
