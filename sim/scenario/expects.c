#include "expand.h"

/* Of a step ------------------------------------------------------------------------------------ */

struct step_expect_reading {
    struct step_expect *e;
    enum action_kind action;
};

static void read_error(struct parser *p, void *into, const struct tree *t)
{
    value_texts(p, t, "`error`", &((struct step_expect_reading *)into)->e->errors);
}

static void read_exit(struct parser *p, void *into, const struct tree *t)
{
    value_compare(p, t, "`exit`", 0, &((struct step_expect_reading *)into)->e->exit);
}

static void read_stdout(struct parser *p, void *into, const struct tree *t)
{
    value_any_text(p, t, "`stdout`", &((struct step_expect_reading *)into)->e->stdout_text);
}

static void read_contains(struct parser *p, void *into, const struct tree *t)
{
    value_texts(p, t, "`contains`", &((struct step_expect_reading *)into)->e->contains);
}

static void read_log(struct parser *p, void *into, const struct tree *t)
{
    value_texts(p, t, "`log`", &((struct step_expect_reading *)into)->e->logs);
}

static void read_took(struct parser *p, void *into, const struct tree *t)
{
    value_range(p, t, "`took`", false, &((struct step_expect_reading *)into)->e->took);
}

static void read_outcome(struct parser *p, void *into, const struct tree *t)
{
    static const char *const names[] = {"ok", "refused", "unknown"};
    int choice = value_choice(p, t, "outcome", names, 3);
    if (choice >= 0) {
        ((struct step_expect_reading *)into)->e->outcome = (enum outcome)(choice + 1);
    }
}

static void read_lost(struct parser *p, void *into, const struct tree *t)
{
    value_compare(p, t, "`lost`", 0, &((struct step_expect_reading *)into)->e->lost);
}

static void refuse_lost(struct parser *p, void *into, const struct tree *t)
{
    (void)into;
    mistake_add(p->m, t->at,
                "`lost` belongs to the `start` of the member that begins a new history");
}

static void read_expect_within(struct parser *p, void *into, const struct tree *t)
{
    value_duration(p, t, "`within`", &((struct step_expect_reading *)into)->e->within_ns);
}

void step_expect_read(struct parser *p, struct step_expect *e, const struct tree *t,
                      enum action_kind action)
{
    static const struct key_rule ctl_rules[] = {
        {"error", read_error},       {"exit", read_exit}, {"stdout", read_stdout},
        {"contains", read_contains}, {"took", read_took}, {"outcome", read_outcome},
        {"lost", refuse_lost}};
    static const struct key_rule start_rules[] = {{"exit", read_exit},
                                                  {"log", read_log},
                                                  {"within", read_expect_within},
                                                  {"lost", read_lost}};
    static const struct key_rule exit_rules[] = {{"exit", read_exit}, {"log", read_log}};
    struct step_expect_reading r = {e, action};
    e->at = t->at;
    if (action != ACTION_CTL && action != ACTION_START && action != ACTION_EXIT) {
        mistake_add(p->m, t->at,
                    "`expect` belongs to `ctl`, `transfer`, `compact`, `start` or `exit`; what "
                    "should hold over "
                    "time stands under the scenario's own `expect`");
        return;
    }
    e->present = true;
    if (action == ACTION_EXIT) {
        MAP_READ(p, t, "what is expected of an exit", exit_rules, &r);
        return;
    }
    if (action == ACTION_START) {
        bool read = MAP_READ(p, t, "what is expected of a start", start_rules, &r);
        bool says = e->exit.op != COMPARE_NONE || e->logs.count > 0;
        e->present = says || e->within_ns != 0;
        if (read && (e->present ? !says || e->within_ns == 0 : e->lost.op == COMPARE_NONE)) {
            mistake_add(p->m, t->at,
                        "what is expected of a start is `exit`, `log` or both, and `within` "
                        "beside them: by when; or `lost`, of one that begins a new history");
        }
        return;
    }
    if (t->kind == TREE_SCALAR) {
        e->ok = strcmp(t->text, "ok") == 0;
        if (!e->ok) {
            mistake_add(p->m, t->at, "`expect` is `ok` or a map, for instance {error: \"%s\"}",
                        t->text);
        }
        return;
    }
    MAP_READ(p, t, "what is expected of a step", ctl_rules, &r);
    if (e->errors.count > 0 && e->outcome == OUTCOME_OK) {
        mistake_add(p->m, t->at, "`error` and `outcome: ok` contradict each other");
    }
    if (e->errors.count > 0 && e->exit.op == COMPARE_EQ && e->exit.value == 0) {
        mistake_add(p->m, t->at, "`error` and `exit: 0` contradict each other");
    }
}

/* Of an interval and of the end ---------------------------------------------------------------- */

struct expect_reading {
    const struct tree *during;
    const struct tree *at;
    struct interval_expect interval;
    struct end_expect end;
    const struct tree *of_interval; /* a key that only an interval has */
    const struct tree *of_end;
};

static void keep_during(struct parser *p, void *into, const struct tree *t)
{
    (void)p;
    ((struct expect_reading *)into)->during = t;
}

static void keep_at(struct parser *p, void *into, const struct tree *t)
{
    (void)p;
    ((struct expect_reading *)into)->at = t;
}

static void read_demand(struct parser *p, struct expect_reading *r, const struct tree *t,
                        enum service service)
{
    static const char *const names[] = {"must", "cannot", "may"};
    r->of_interval = t;
    int choice = value_choice(p, t, "demand", names, 3);
    if (choice >= 0) {
        r->interval.demand[service] = (enum demand)(choice + 1);
        r->interval.demand_at[service] = t->at;
    }
}

static void read_writes(struct parser *p, void *into, const struct tree *t)
{
    read_demand(p, into, t, SERVICE_WRITES);
}

static void read_linearizable(struct parser *p, void *into, const struct tree *t)
{
    read_demand(p, into, t, SERVICE_LINEARIZABLE);
}

static void read_serializable(struct parser *p, void *into, const struct tree *t)
{
    read_demand(p, into, t, SERVICE_SERIALIZABLE);
}

static void read_member_changes(struct parser *p, void *into, const struct tree *t)
{
    read_demand(p, into, t, SERVICE_MEMBERS);
}

static void read_leader(struct parser *p, void *into, const struct tree *t)
{
    struct expect_reading *r = into;
    struct who who;
    const char *text;
    r->of_end = t;
    r->end.leader_at = t->at;
    if (!value_text(p, t, "`leader`", &text)) {
        return;
    }
    if (strcmp(text, "none") == 0) {
        r->end.leader = END_LEADER_NONE;
    } else if (who_at(p, text, t->at, &who)) {
        if (who.kind != WHO_MEMBER) {
            mistake_add(p->m, t->at, "`leader` is a member's name or `none`");
            return;
        }
        r->end.leader = END_LEADER_MEMBER;
        r->end.leader_member = who.member;
    }
}

#define COMPARE_KEY(field, name, unit)                                           \
    static void read_##field(struct parser *p, void *into, const struct tree *t) \
    {                                                                            \
        struct expect_reading *r = into;                                         \
        r->of_end = t;                                                           \
        value_compare(p, t, name, unit, &r->end.field);                          \
    }
COMPARE_KEY(voters, "`voters`", 0)
COMPARE_KEY(quorum, "`quorum`", 0)
COMPARE_KEY(ops_ok, "`ops-ok`", 0)
COMPARE_KEY(oracle_may, "`oracle-may`", '%')

static void read_roles(struct parser *p, void *into, const struct tree *t)
{
    static const char *const names[] = {"follower", "pre-candidate", "candidate", "leader",
                                        "learner"};
    struct expect_reading *r = into;
    r->of_end = t;
    if (t->kind != TREE_MAP) {
        mistake_add(p->m, t->at, "`roles` is a map from members to roles, not %s",
                    tree_kind_name(t));
        return;
    }
    r->end.roles = mem_zalloc(p->mem, t->count, sizeof(r->end.roles[0]));
    for (size_t i = 0; i < t->count; i++) {
        struct who who;
        int role = value_choice(p, t->items[i], "role", names, 5);
        if (!who_at(p, t->keys[i]->text, t->keys[i]->at, &who) || role < 0) {
            continue;
        }
        if (who.kind != WHO_MEMBER) {
            mistake_add(p->m, t->keys[i]->at, "`roles` takes names of members");
            continue;
        }
        r->end.roles[r->end.role_count++] =
            (struct role_expect){who.member, (enum scenario_role)role, t->keys[i]->at};
    }
}

/* A key without a value is not there. */
static void read_keys(struct parser *p, void *into, const struct tree *t)
{
    struct expect_reading *r = into;
    r->of_end = t;
    if (t->kind != TREE_MAP || t->count == 0) {
        mistake_add(p->m, t->at, "`keys` is a map from keys to values, for instance {color: blue}");
        return;
    }
    r->end.keys = mem_zalloc(p->mem, t->count, sizeof(r->end.keys[0]));
    for (size_t i = 0; i < t->count; i++) {
        struct key_expect *k = &r->end.keys[r->end.key_count++];
        *k = (struct key_expect){.key = t->keys[i]->text, .at = t->keys[i]->at};
        if (t->items[i]->kind != TREE_NULL) {
            value_any_text(p, t->items[i], "a key's value", &k->value);
        }
    }
}

/* "A .. B" */
static void read_during(struct parser *p, struct interval_expect *e, const struct tree *t)
{
    const char *text;
    size_t steps = p->s->step_count;
    if (!value_text(p, t, "`during`", &text)) {
        return;
    }
    e->text = text;
    const char *dots = strstr(text, "..");
    if (dots == NULL) {
        if (!value_point(p, t, 0, t->len, steps, &e->from)) {
            return;
        }
        if (e->from.kind != POINT_STEP || e->from.offset_ns != 0 ||
            !p->s->steps[e->from.step].duration.present) {
            mistake_add(p->m, t->at,
                        "`during` has two ends, for instance 5s .. 10s, or is the "
                        "label of a step with `for`");
            return;
        }
        e->to = e->from;
        e->to.kind = POINT_STEP_END;
        return;
    }
    size_t at = (size_t)(dots - text);
    bool good = value_point(p, t, 0, at, steps, &e->from);
    good = value_point(p, t, at + 2, t->len - at - 2, steps, &e->to) && good;
    if (good && e->from.kind == POINT_ABSOLUTE && e->to.kind == POINT_ABSOLUTE &&
        e->from.offset_ns >= e->to.offset_ns) {
        mistake_add(p->m, t->at, "this interval ends before it begins");
    }
    if (good && p->s->until_given && e->to.kind == POINT_ABSOLUTE &&
        e->to.offset_ns > p->s->until_ns) {
        mistake_add(p->m, e->to.at, "this interval ends after the run does (`until`)");
    }
}

static void keep_end(struct parser *p, struct expect_reading *r, const struct tree *t)
{
    static const char *const names[] = {"end"};
    struct scenario *s = p->s;
    if (value_choice(p, r->at, "moment", names, 1) < 0) {
        return;
    }
    if (r->of_interval != NULL) {
        mistake_add(p->m, r->of_interval->at,
                    "this belongs to an interval (`during`), not to the "
                    "end");
    }
    r->end.at = t->at;
    s->ends[s->end_count++] = r->end;
}

static void interval_add(struct parser *p, const struct interval_expect *e)
{
    struct scenario *s = p->s;
    s->intervals = mem_resize(p->mem, s->intervals, (s->interval_count + 1) * sizeof(*e));
    s->intervals[s->interval_count++] = *e;
}

static int round_of(const struct parser *p, const struct point *point)
{
    return point->kind == POINT_ABSOLUTE ? 0 : p->s->steps[point->step].round;
}

/* One that names labels inside `repeat` is judged for each round. */
static void keep_interval(struct parser *p, struct expect_reading *r, const struct tree *t)
{
    struct interval_expect *e = &r->interval;
    size_t before = p->m->count;
    read_during(p, e, r->during);
    if (r->of_end != NULL) {
        mistake_add(p->m, r->of_end->at,
                    "this is judged at the end (`at: end`), not during an "
                    "interval");
    } else if (r->of_interval == NULL) {
        mistake_add(p->m, t->at,
                    "nothing is expected here: writes, linearizable-reads, "
                    "serializable-reads or member-changes");
    }
    e->at = t->at;
    if (p->m->count > before) {
        return;
    }
    int rounds = round_of(p, &e->from);
    rounds = round_of(p, &e->to) > rounds ? round_of(p, &e->to) : rounds;
    for (p->round = 1; p->round <= rounds; p->round++) {
        read_during(p, e, r->during);
        interval_add(p, e);
    }
    p->round = 0;
    if (rounds == 0) {
        interval_add(p, e);
    }
}

void expects_read(struct parser *p, struct expansion *e, const struct tree *t)
{
    static const struct key_rule rules[] = {
        {"during", keep_during},
        {"at", keep_at},
        {"writes", read_writes},
        {"linearizable-reads", read_linearizable},
        {"serializable-reads", read_serializable},
        {"member-changes", read_member_changes},
        {"leader", read_leader},
        {"voters", read_voters},
        {"quorum", read_quorum},
        {"roles", read_roles},
        {"ops-ok", read_ops_ok},
        {"oracle-may", read_oracle_may},
        {"keys", read_keys},
    };
    struct expanded *items = NULL;
    if (t->kind != TREE_LIST) {
        mistake_add(p->m, t->at, "`expect` is a list, not %s", tree_kind_name(t));
        return;
    }
    size_t count = expand_list(e, t, false, &items);
    p->s->ends = mem_zalloc(p->mem, count + 1, sizeof(p->s->ends[0]));
    for (size_t i = 0; i < count; i++) {
        const struct tree *item = items[i].tree;
        struct expect_reading r = {0};
        if (!MAP_READ(p, item, "an expectation", rules, &r)) {
            continue;
        }
        if ((r.during == NULL) == (r.at == NULL)) {
            mistake_add(p->m, item->at,
                        "an expectation has either `during: A .. B` or "
                        "`at: end`");
        } else if (r.at != NULL) {
            keep_end(p, &r, item);
        } else {
            keep_interval(p, &r, item);
        }
    }
}
