#include "run.h"

#include "base/assert.h"

/* A side of a comparison. */
static int64_t value_of(const struct run *run, const struct predicate *p);

static size_t member_of(const struct run *run, const struct who *who)
{
    return who->kind == WHO_LEADER ? run_leader(run) : who->member;
}

/* Members as numbers: their rank, -1 for nobody. */
static int64_t member_value(const struct run *run, const struct predicate *p)
{
    if (p->op == PRED_NOBODY) {
        return -1;
    }
    size_t member = member_of(run, &p->who);
    return member == SIZE_MAX ? -1 : (int64_t)member;
}

static int64_t role_value(const struct run *run, const struct predicate *p)
{
    static const enum scenario_role roles[] = {[OBS_FOLLOWER] = ROLE_FOLLOWER,
                                               [OBS_PRE_CANDIDATE] = ROLE_PRE_CANDIDATE,
                                               [OBS_CANDIDATE] = ROLE_CANDIDATE,
                                               [OBS_LEADER] = ROLE_LEADER,
                                               [OBS_LEARNER] = ROLE_LEARNER};
    if (p->op == PRED_ROLE_NAME) {
        return p->value;
    }
    size_t member = member_of(run, &p->who);
    if (member == SIZE_MAX || !run->members[member].running) {
        return -1;
    }
    return (int64_t)roles[run->members[member].role];
}

/* Since the timeline began. */
static int64_t disk_ops_of(const struct run *run, const struct who *who)
{
    size_t member = member_of(run, who);
    if (member == SIZE_MAX || run->members[member].host == NULL) {
        return 0;
    }
    const struct member *m = &run->members[member];
    return (int64_t)(disk_requests(host_disk(m->host)) - m->disk_requests_before);
}

/* Of one member; of several the least. What does not run has 0. */
static int64_t number_of(const struct run *run, const struct predicate *p)
{
    uint64_t set = who_resolve(run, &p->who);
    uint64_t least = UINT64_MAX;
    for (size_t i = 0; i < run->member_count; i++) {
        const struct member *m = &run->members[i];
        if ((set & (UINT64_C(1) << i)) == 0) {
            continue;
        }
        uint64_t number = p->op == PRED_TERM     ? m->term
                          : p->op == PRED_COMMIT ? m->commit
                                                 : m->applied;
        number = m->running ? number : 0;
        least = number < least ? number : least;
    }
    return least == UINT64_MAX ? 0 : (int64_t)least;
}

static int64_t value_of(const struct run *run, const struct predicate *p)
{
    switch (p->op) {
    case PRED_MEMBER:
    case PRED_NOBODY: return member_value(run, p);
    case PRED_ROLE:
    case PRED_ROLE_NAME: return role_value(run, p);
    case PRED_NUMBER: return p->value;
    case PRED_TERM:
    case PRED_COMMIT:
    case PRED_APPLIED: return number_of(run, p);
    case PRED_VOTERS: return (int64_t)run->newest.voter_count;
    case PRED_QUORUM: return (int64_t)oracle_quorum(run->newest.voter_count);
    case PRED_DISK_OPS: return disk_ops_of(run, &p->who);
    case PRED_PLUS: return value_of(run, p->a) + value_of(run, p->b);
    case PRED_MINUS: return value_of(run, p->a) - value_of(run, p->b);
    default: UNREACHABLE();
    }
}

static void on_stable(struct engine_event *event)
{
    container_of(event, struct run, stable_event)->changed = true;
}

/* A truth that comes by waiting needs an event to be seen. */
static bool is_stable(struct run *run, int64_t length_ns)
{
    int64_t at = run->stable_since_ns + length_ns;
    if (run_leader(run) == SIZE_MAX) {
        return false;
    }
    if (run_now(run) >= at) {
        return true;
    }
    run->stable_event.run = on_stable;
    run->stable_event.kind = ENGINE_STEP;
    if (!engine_is_set(&run->stable_event) || run->stable_event.at_ns > at ||
        run->stable_event.at_ns <= run_now(run)) {
        engine_set(run->engine, &run->stable_event, at);
    }
    return false;
}

static bool all_run(const struct run *run, const struct who *who)
{
    uint64_t set = who_resolve(run, who);
    for (size_t i = 0; i < run->member_count; i++) {
        if ((set & (UINT64_C(1) << i)) != 0 && !run->members[i].running) {
            return false;
        }
    }
    return set != 0;
}

/* A running member has not yet applied the newest configuration. */
static bool is_pending(const struct run *run)
{
    for (size_t i = 0; i < run->member_count; i++) {
        if (run->members[i].running && run->members[i].config.index < run->newest.index) {
            return true;
        }
    }
    return false;
}

bool predicate_holds(struct run *run, const struct predicate *p)
{
    switch (p->op) {
    case PRED_AND: return predicate_holds(run, p->a) && predicate_holds(run, p->b);
    case PRED_OR: return predicate_holds(run, p->a) || predicate_holds(run, p->b);
    case PRED_NOT: return !predicate_holds(run, p->a);
    case PRED_COMPARE: {
        const struct compare compare = {.op = p->compare, .value = value_of(run, p->b)};
        return scenario_compare(&compare, value_of(run, p->a));
    }
    case PRED_STABLE: return is_stable(run, p->value);
    case PRED_RUNNING: return all_run(run, &p->who);
    case PRED_PENDING: return is_pending(run);
    default: UNREACHABLE();
    }
}

/* What has become true fires as an event of its own, at this instant. */
void predicates_look(struct run *run)
{
    if (run->watched == 0 || run->phase != RUN_TIMELINE) {
        return;
    }
    for (size_t i = 0; i < run->s->step_count; i++) {
        struct step_state *st = &run->steps[i];
        const struct trigger *trigger = &run->s->steps[i].trigger;
        if (trigger->each && (st->phase == STEP_WATCHED || st->firings > 0)) {
            /* It is the change that fires. */
            bool is_true = predicate_holds(run, trigger->when);
            if (is_true && !st->was_true && !engine_is_set(&st->trigger)) {
                engine_set(run->engine, &st->trigger, run_now(run));
            }
            st->was_true = is_true;
        } else if (st->phase == STEP_WATCHED && !engine_is_set(&st->trigger) &&
                   predicate_holds(run, trigger->when)) {
            engine_set(run->engine, &st->trigger, run_now(run));
        }
    }
}

static bool asks_disk(const struct predicate *p)
{
    return p != NULL && (p->op == PRED_DISK_OPS || asks_disk(p->a) || asks_disk(p->b));
}

bool predicates_ask_disks(const struct run *run)
{
    for (size_t i = 0; i < run->s->step_count; i++) {
        if (asks_disk(run->s->steps[i].trigger.when)) {
            return true;
        }
    }
    return false;
}
