#include "run.h"

#include "base/assert.h"

/* The step fires again and again. */
static bool recurs(const struct run *run, size_t index)
{
    const struct trigger *trigger = &run->s->steps[index].trigger;
    return trigger->kind == TRIGGER_EVERY || trigger->each;
}

static void set_next(struct run *run, size_t index)
{
    const struct range *every = &run->s->steps[index].trigger.every;
    int64_t length = rng_range(&run->rng, every->low, every->high);
    engine_set(run->engine, &run->steps[index].trigger, run_now(run) + length);
}

static void on_trigger(struct engine_event *event)
{
    struct step_state *st = container_of(event, struct step_state, trigger);
    struct run *run = st->run;
    bool under_way = st->phase == STEP_FIRED || engine_is_set(&st->undo);
    if (run->phase != RUN_TIMELINE) {
        return;
    }
    if (run->s->steps[st->index].trigger.kind == TRIGGER_EVERY) {
        set_next(run, st->index);
    }
    /* What is still under way is not begun a second time. */
    if (!under_way) {
        step_fire(run, st->index);
    }
}

static void on_late(struct engine_event *event)
{
    struct step_state *st = container_of(event, struct step_state, late);
    struct run *run = st->run;
    if (run->phase != RUN_TIMELINE) {
        return;
    }
    if (st->phase == STEP_WATCHED) {
        st->phase = STEP_FINISHED;
        run->watched--;
        st->got = "it never came";
    } else {
        st->got = "the process still runs";
    }
    judge_step(run, st->index);
}

static void on_undo(struct engine_event *event)
{
    struct step_state *st = container_of(event, struct step_state, undo);
    if (st->run->phase == RUN_TIMELINE) {
        action_undo(st->run, st->index);
    }
}

void steps_make(struct run *run)
{
    run->steps = mem_zalloc(run->mem, run->s->step_count + 1, sizeof(run->steps[0]));
    run->steps_left = run->s->step_count;
    for (size_t i = 0; i < run->s->step_count; i++) {
        struct step_state *st = &run->steps[i];
        *st = (struct step_state){.run = run,
                                  .index = i,
                                  .watched_ns = NEVER_NS,
                                  .fired_ns = NEVER_NS,
                                  .finished_ns = NEVER_NS,
                                  .ended_ns = NEVER_NS,
                                  .op = SIZE_MAX,
                                  .fault = SIZE_MAX,
                                  .got = ""};
        st->trigger.run = on_trigger;
        st->late.run = on_late;
        st->undo.run = on_undo;
        st->trigger.kind = ENGINE_STEP;
        st->late.kind = ENGINE_STEP;
        st->undo.kind = ENGINE_STEP;
    }
}

/* A `when` step is looked at from the moment the step above it has fired. */
static void watch(struct run *run, size_t index)
{
    if (index >= run->s->step_count || run->s->steps[index].trigger.kind != TRIGGER_WHEN ||
        run->steps[index].phase != STEP_WAITING) {
        return;
    }
    struct step_state *st = &run->steps[index];
    st->phase = STEP_WATCHED;
    st->watched_ns = run_now(run);
    run->watched++;
    run->changed = true;
    if (run->s->steps[index].trigger.within_ns > 0) {
        engine_set(run->engine, &st->late, run_now(run) + run->s->steps[index].trigger.within_ns);
    }
}

void steps_begin(struct run *run)
{
    for (size_t i = 0; i < run->s->step_count; i++) {
        const struct trigger *trigger = &run->s->steps[i].trigger;
        if (trigger->kind == TRIGGER_AT) {
            engine_set(run->engine, &run->steps[i].trigger,
                       run->zero_ns + trigger->point.offset_ns);
        } else if (trigger->kind == TRIGGER_EVERY) {
            set_next(run, i);
        }
    }
    watch(run, 0);
}

static void trace_step(struct run *run, size_t index)
{
    struct buf title;
    if (!engine_traced(run->engine)) {
        return;
    }
    buf_init(&title, run->mem);
    engine_trace(run->engine, 0, "step", "%s (step %zu, line %d)",
                 scenario_step_title(run->s, index, &title), index + 1,
                 run->s->steps[index].at.line);
    buf_fini(&title);
}

void step_fire(struct run *run, size_t index)
{
    struct step_state *st = &run->steps[index];
    if (st->phase == STEP_WATCHED) {
        run->watched -= recurs(run, index) ? 0 : 1;
        engine_cancel(run->engine, &st->late);
    }
    if (st->firings++ > 0) {
        st->judged = false;
        st->got = "";
        st->victims = 0;
        st->op = SIZE_MAX;
    }
    st->phase = STEP_FIRED;
    st->fired_ns = run_now(run);
    trace_step(run, index);
    watch(run, index + 1);
    action_do(run, index);
}

/* Steps that wait for this point of this one. */
static void trigger_dependents(struct run *run, size_t index, enum point_kind kind)
{
    for (size_t i = index + 1; i < run->s->step_count; i++) {
        const struct trigger *trigger = &run->s->steps[i].trigger;
        if (trigger->kind == TRIGGER_AFTER && trigger->point.kind == kind &&
            trigger->point.step == index && run->steps[i].phase == STEP_WAITING &&
            !engine_is_set(&run->steps[i].trigger)) {
            int64_t at = run_now(run) + trigger->point.offset_ns;
            engine_set(run->engine, &run->steps[i].trigger, at);
        }
    }
}

static void step_over(struct run *run, size_t index)
{
    if (recurs(run, index)) {
        return; /* `until` ends the run */
    }
    ASSERT(run->steps_left > 0);
    run->steps_left--;
    if (run->steps_left == 0 && run->until_ns == INT64_MAX) {
        run->stopping = true;
    }
}

void step_finish(struct run *run, size_t index)
{
    struct step_state *st = &run->steps[index];
    const struct step *step = &run->s->steps[index];
    if (run->phase != RUN_TIMELINE || st->phase != STEP_FIRED) {
        return;
    }
    st->phase = STEP_FINISHED;
    st->finished_ns = run_now(run);
    trigger_dependents(run, index, POINT_STEP);
    if (!step->duration.present) {
        step_over(run, index);
        return;
    }
    int64_t length = rng_range(&run->rng, step->duration.low, step->duration.high);
    engine_set(run->engine, &st->undo, run_now(run) + length);
}

void step_undone(struct run *run, size_t index)
{
    struct step_state *st = &run->steps[index];
    st->ended_ns = run_now(run);
    trigger_dependents(run, index, POINT_STEP_END);
    step_over(run, index);
}

int64_t point_ns(const struct run *run, const struct point *point)
{
    int64_t base = run->zero_ns;
    if (point->kind == POINT_STEP) {
        base = run->steps[point->step].finished_ns;
    } else if (point->kind == POINT_STEP_END) {
        base = run->steps[point->step].ended_ns;
    }
    return base == NEVER_NS ? NEVER_NS : base + point->offset_ns;
}
