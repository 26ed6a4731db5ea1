#include "steps.h"

#include "base/duration.h"
#include "expand.h"

#define KEEP(field)                                                              \
    static void keep_##field(struct parser *p, void *into, const struct tree *t) \
    {                                                                            \
        struct step_reading *r = into;                                           \
        (void)p;                                                                 \
        r->field = t;                                                            \
    }
KEEP(at)
KEEP(after)
KEEP(when)
KEEP(every)
KEEP(each)
KEEP(within)
KEEP(via)
KEEP(host)
KEEP(input)
KEEP(keep)
KEEP(expect)

static void read_as(struct parser *p, void *into, const struct tree *t)
{
    struct step_reading *r = into;
    const char *label;
    if (!value_text(p, t, "`as`", &label)) {
        return;
    }
    if (label[0] >= '0' && label[0] <= '9') {
        mistake_add(p->m, t->at, "a label does not begin with a digit: it would read as a time");
        return;
    }
    if (strpbrk(label, " +\t\n") != NULL ||
        (t->len > 4 && strcmp(label + t->len - 4, ".end") == 0) || t->len > 64 ||
        strcmp(label, "end") == 0) {
        mistake_add(p->m, t->at, "\"%s\" cannot be a label: one word, not `end`", label);
        return;
    }
    for (size_t i = 0; i < p->step; i++) {
        const struct step *other = &p->s->steps[i];
        bool other_round = other->round != 0 && other->round != r->step->round &&
                           other->repeats.line == r->step->repeats.line &&
                           other->repeats.column == r->step->repeats.column;
        if (other->label != NULL && !other_round && strcmp(other->label, label) == 0) {
            mistake_add(p->m, t->at, "label \"%s\" is taken by the step at line %d", label,
                        p->s->steps[i].at.line);
            return;
        }
    }
    r->step->label = label;
}

static void read_for(struct parser *p, void *into, const struct tree *t)
{
    struct step_reading *r = into;
    value_range(p, t, "`for`", true, &r->step->duration);
}

static void judge_trigger(struct parser *p, struct step_reading *r)
{
    struct trigger *g = &r->step->trigger;
    const struct tree *given[4] = {r->at, r->after, r->when, r->every};
    static const char *const names[4] = {"at", "after", "when", "every"};
    int first = -1;
    g->at = r->step->at;
    for (int i = 0; i < 4; i++) {
        if (given[i] != NULL && first >= 0) {
            mistake_add(p->m, given[i]->at, "step has both `%s` and `%s`; choose one%s",
                        names[first], names[i], i == 2 ? " (`when: ... within: 5s`)" : "");
            return;
        }
        first = given[i] != NULL ? i : first;
    }
    if (r->each != NULL && r->when == NULL) {
        mistake_add(p->m, r->each->at,
                    "`each` belongs to `when`: it fires each time it comes true");
    }
    if (r->within != NULL && r->when == NULL && r->step->action.kind == ACTION_EXIT) {
        value_duration(p, r->within, "`within`", &r->step->expect.within_ns);
    } else if (r->within != NULL && r->when == NULL) {
        mistake_add(p->m, r->within->at,
                    "`within` belongs to `when`; for what a step should take "
                    "there is `expect: {took: ..}`");
    }
    if (first >= 0) {
        g->at = given[first]->at;
    }
    if (r->when != NULL) {
        g->kind = TRIGGER_WHEN;
        g->when_text = r->when->text;
        g->when = predicate_read(p, r->when);
        if (r->each != NULL) {
            value_bool(p, r->each, "`each`", &g->each);
        }
        if (r->within == NULL && g->each) {
            g->within_ns = 0;
        } else if (r->within == NULL) {
            mistake_add(p->m, r->when->at,
                        "`when` needs `within`: how long may it take (`within: 5s`)?");
        } else {
            value_duration(p, r->within, "`within`", &g->within_ns);
        }
    } else if (r->every != NULL) {
        g->kind = TRIGGER_EVERY;
        if (value_range(p, r->every, "`every`", true, &g->every) && g->every.low < MS_NS) {
            mistake_add(p->m, r->every->at, "`every` is 1ms or more");
        }
    } else if (r->at != NULL) {
        if (r->step->round != 0) {
            mistake_add(p->m, r->at->at,
                        "inside `repeat` a step has `after` or `when`: `at` would be the same time "
                        "in each round");
        }
        g->kind = TRIGGER_AT;
        value_duration(p, r->at, "`at`", &g->point.offset_ns);
        g->point.at = r->at->at;
    } else {
        const char *text;
        g->kind = TRIGGER_AFTER;
        g->point = (struct point){.kind = POINT_STEP, .step = p->step - 1, .at = g->at};
        if (r->after != NULL && value_text(p, r->after, "`after`", &text)) {
            value_point(p, r->after, 0, r->after->len, p->step, &g->point);
        }
        /* `after: 100ms` counts from the step above; the first step counts from the start. */
        if (g->point.kind == POINT_ABSOLUTE && p->step > 0) {
            g->point.kind = POINT_STEP;
            g->point.step = p->step - 1;
        }
        if (p->step == 0) {
            g->kind = TRIGGER_AT;
            g->point.kind = POINT_ABSOLUTE;
        }
    }
}

/* A step that fires again and again is never done, so the run needs another end. */
static void judge_again(struct parser *p, const struct step_reading *r)
{
    const struct trigger *g = &r->step->trigger;
    if (g->kind != TRIGGER_EVERY && !g->each) {
        return;
    }
    if (!p->s->until_given) {
        mistake_add(p->m, g->at,
                    "a step that fires again and again needs `until`: when the run ends");
    }
    if (r->step->round != 0) {
        mistake_add(p->m, g->at, "`every` and `each` do not stand inside `repeat`");
    }
    if (r->step->action.kind == ACTION_EXIT || r->step->action.kind == ACTION_SAVE_DIR) {
        mistake_add(p->m, r->step->action.at, "`%s` happens once, not again and again",
                    r->action_name);
    }
}

static void judge_link(struct parser *p, const struct step_reading *r)
{
    if (r->of_link != NULL && r->step->action.kind != ACTION_LINK) {
        mistake_add(p->m, r->of_link->at,
                    "loss, delay, duplicate, reorder, rate, reset and hang "
                    "belong to `link` (`link: n1 -> n2`)");
    } else if (r->of_link == NULL && r->step->action.kind == ACTION_LINK) {
        mistake_add(p->m, r->action->at,
                    "`link` does not say what is wrong: loss, delay, duplicate, "
                    "reorder, rate, reset or hang");
    }
}

/* Keys that only make sense beside a certain action. */
static void judge_companions(struct parser *p, struct step_reading *r)
{
    struct action *a = &r->step->action;
    const struct tree *ctl_only[3] = {r->via, r->host, r->input};
    static const char *const names[3] = {"via", "host", "stdin"};
    for (int i = 0; i < 3; i++) {
        if (ctl_only[i] != NULL && a->kind != ACTION_CTL) {
            mistake_add(p->m, ctl_only[i]->at, "`%s` belongs to `ctl`", names[i]);
            return;
        }
    }
    if (r->via != NULL) {
        value_whos(p, r->via, &a->ctl.via);
    }
    if (r->host != NULL) {
        value_text(p, r->host, "`host`", &a->ctl.host);
    }
    if (r->input != NULL) {
        value_any_text(p, r->input, "`stdin`", &a->ctl.input);
    }
    if (r->keep != NULL) {
        static const char *const kept[] = {"clients"};
        if (a->kind != ACTION_PARTITION) {
            mistake_add(p->m, r->keep->at, "`keep` belongs to `partition`");
        } else {
            a->keep_clients = value_choice(p, r->keep, "`keep`", kept, 1) == 0;
        }
    }
    judge_link(p, r);
    judge_again(p, r);
    if (a->kind == ACTION_EXIT && a->who.count == 1 && r->within == NULL) {
        mistake_add(p->m, a->at, "`exit` needs `within`: how long may it take (`within: 5s`)?");
    }
    if (a->kind == ACTION_EXIT && r->when != NULL) {
        mistake_add(p->m, r->when->at, "`exit` is a wait of its own; put `when` into a step above");
    }
    if (a->kind == ACTION_SAVE_DIR && r->step->label == NULL) {
        mistake_add(p->m, a->at, "`save-dir` needs `as`: the name by which a start finds it");
    }
    if (r->step->duration.present &&
        (a->kind == ACTION_WAIT || a->kind == ACTION_CTL || a->kind == ACTION_HEAL ||
         a->kind == ACTION_EXIT || a->kind == ACTION_SAVE_DIR ||
         (a->kind == ACTION_DISK && !disk_action_lasts(&a->disk)))) {
        mistake_add(p->m, r->step->duration.at,
                    "`for` needs something that can be undone: a start, stop, crash, power-off, "
                    "pause, partition, link, or a fault of a disk");
    }
}

/* Resolved before any step is read. */
static void read_nothing(struct parser *p, void *into, const struct tree *t)
{
    (void)p;
    (void)into;
    (void)t;
}

static void read_step(struct parser *p, const struct tree *t)
{
    static const struct key_rule rules[] = {
        {"at", keep_at},
        {"after", keep_after},
        {"when", keep_when},
        {"within", keep_within},
        {"as", read_as},
        {"for", read_for},
        {"expect", keep_expect},
        {"ctl", action_ctl},
        {"via", keep_via},
        {"host", keep_host},
        {"stdin", keep_input},
        {"start", action_start},
        {"stop", action_stop},
        {"crash", action_crash},
        {"power-off", action_power_off},
        {"pause", action_pause},
        {"partition", action_partition},
        {"keep", keep_keep},
        {"heal", action_heal},
        {"every", keep_every},
        {"each", keep_each},
        {"if", read_nothing},
        {"repeat", read_nothing},
        {"exit", action_exit},
        {"link", action_link},
        {"loss", action_loss},
        {"delay", action_delay},
        {"duplicate", action_duplicate},
        {"reorder", action_reorder},
        {"rate", action_rate},
        {"reset", action_reset},
        {"hang", action_hang},
        {"save-dir", action_save_dir},
        {"transfer", action_transfer},
        {"disk", action_disk},
        {"clock", NULL},
        {"compact", action_compact},
        {"tolerant", NULL},
    };
    struct step_reading r = {.step = &p->s->steps[p->step]};
    size_t before = p->m->count;
    r.step->at = t->at;
    if (!MAP_READ(p, t, "a step", rules, &r)) {
        return;
    }
    judge_trigger(p, &r);
    judge_companions(p, &r);
    r.step->expect.present = r.step->action.kind == ACTION_EXIT;
    if (r.expect != NULL) {
        step_expect_read(p, &r.step->expect, r.expect, r.step->action.kind);
    }
    if (r.action == NULL && r.at == NULL && r.after == NULL && r.when == NULL && r.every == NULL &&
        r.step->label == NULL && p->m->count == before) {
        mistake_add(p->m, t->at, "this step has neither a trigger nor an action");
    }
}

void timeline_read(struct parser *p, struct expansion *e, const struct tree *t)
{
    struct expanded *items = NULL;
    if (t->kind != TREE_LIST) {
        mistake_add(p->m, t->at, "`timeline` is a list of steps, not %s", tree_kind_name(t));
        return;
    }
    size_t count = expand_list(e, t, true, &items);
    if (count > SCENARIO_STEPS_MAX) {
        mistake_add(p->m, t->at, "more than %d steps", SCENARIO_STEPS_MAX);
        return;
    }
    p->s->steps = mem_zalloc(p->mem, count + 1, sizeof(p->s->steps[0]));
    p->s->step_count = count;
    for (size_t i = 0; i < count; i++) {
        p->s->steps[i].at = items[i].tree->at;
        p->s->steps[i].round = items[i].round;
        p->s->steps[i].repeats = items[i].repeats;
    }
    for (p->step = 0; p->step < count; p->step++) {
        read_step(p, items[p->step].tree);
    }
}
