#include "parser.h"

#include "base/duration.h"

/* The triggers and actions of a step while its map is read; which of them are there is judged when
 * the whole step is known. */
struct step_reading {
    struct step *step;
    const struct tree *at;
    const struct tree *after;
    const struct tree *when;
    const struct tree *within;
    const struct tree *via;
    const struct tree *host;
    const struct tree *input;
    const struct tree *keep;
    const struct tree *expect;
    const struct tree *action; /* the first of them */
    const char *action_name;
};

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
        if (p->s->steps[i].label != NULL && strcmp(p->s->steps[i].label, label) == 0) {
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

/* Notes which action the step has; false if it has one already. */
static bool begin_action(struct parser *p, struct step_reading *r, const struct tree *t,
                         enum action_kind kind, const char *name)
{
    if (r->action != NULL) {
        mistake_add(p->m, t->at, "step has both `%s` and `%s`; one step, one action",
                    r->action_name, name);
        return false;
    }
    r->action = t;
    r->action_name = name;
    r->step->action.kind = kind;
    r->step->action.at = t->at;
    return true;
}

/* Members named by ${…} exist from their announcement on, also within it. */
static void resolve_words(struct parser *p, struct ctl_action *ctl)
{
    for (size_t i = 0; i < ctl->word_count; i++) {
        for (size_t j = 0; j < ctl->words[i].count; j++) {
            struct word_part *part = &ctl->words[i].parts[j];
            if (part->kind == PART_TEXT) {
                continue;
            }
            int member = member_spec_find(p->s, part->text);
            if (member < 0) {
                mistake_add(p->m, part->at, "unknown member \"%s\"; known here: %s", part->text,
                            known_members(p));
            } else {
                part->member = (size_t)member;
            }
        }
    }
}

static void read_ctl(struct parser *p, void *into, const struct tree *t)
{
    struct step_reading *r = into;
    struct ctl_action *ctl = &r->step->action.ctl;
    struct buf text;
    if (!begin_action(p, r, t, ACTION_CTL, "ctl")) {
        return;
    }
    if (t->kind == TREE_LIST) {
        buf_init(&text, p->mem);
        ctl->words = mem_zalloc(p->mem, t->count, sizeof(ctl->words[0]));
        for (size_t i = 0; i < t->count; i++) {
            const char *word;
            if (!value_any_text(p, t->items[i], "a word of `ctl`", &word) ||
                !word_plain(p, t->items[i], &ctl->words[i])) {
                return;
            }
            buf_printf(&text, "%s%s", i > 0 ? " " : "", word);
            ctl->word_count = i + 1;
        }
        ctl->text = mem_strdup(p->mem, buf_cstr(&text), text.len);
        buf_fini(&text);
    } else if (!value_text(p, t, "`ctl`", &ctl->text) ||
               !words_split(p, t, &ctl->words, &ctl->word_count)) {
        return;
    }
    if (ctl->word_count == 0) {
        mistake_add(p->m, t->at,
                    "`ctl` is a command line of quoratectl, for instance "
                    "`put color blue`; it is empty");
        return;
    }
    member_announce(p, t, ctl);
    resolve_words(p, ctl);
}

static void read_start_member(struct parser *p, void *into, const struct tree *t)
{
    struct step_reading *r = into;
    struct who who;
    if (!value_who(p, t, &who)) {
        return;
    }
    if (who.kind != WHO_MEMBER) {
        mistake_add(p->m, t->at, "`start` takes one member's name");
        return;
    }
    if (!p->s->members[who.member].startable) {
        mistake_add(p->m, t->at,
                    "\"%s\" cannot be started: its peer URL is not an address of "
                    "its own",
                    t->text);
        return;
    }
    who_add(p, &r->step->action.who, who);
}

static void read_start_dir(struct parser *p, void *into, const struct tree *t)
{
    struct step_reading *r = into;
    const char *text;
    if (!value_text(p, t, "`dir`", &text)) {
        return;
    }
    if (strcmp(text, "own") == 0 || strcmp(text, "empty") == 0) {
        r->step->action.dir = strcmp(text, "own") == 0 ? DIR_OWN : DIR_EMPTY;
    } else {
        mistake_add(p->m, t->at,
                    "not yet: this version starts from `own` or `empty`, not from "
                    "another member's or a saved directory");
    }
}

static void read_start_flags(struct parser *p, void *into, const struct tree *t)
{
    struct step_reading *r = into;
    flags_read(p, &r->step->action.flags, t);
}

static void read_start(struct parser *p, void *into, const struct tree *t)
{
    static const struct key_rule rules[] = {
        {"member", read_start_member}, {"dir", read_start_dir}, {"flags", read_start_flags}};
    struct step_reading *r = into;
    if (!begin_action(p, r, t, ACTION_START, "start")) {
        return;
    }
    if (t->kind != TREE_MAP) {
        read_start_member(p, r, t);
    } else if (tree_get(t, "member") == NULL) {
        mistake_add(p->m, t->at, "`start` does not say which `member`");
    } else {
        MAP_READ(p, t, "`start`", rules, r);
    }
}

static void read_victims(struct parser *p, struct step_reading *r, const struct tree *t,
                         enum action_kind kind, const char *name)
{
    if (begin_action(p, r, t, kind, name)) {
        value_whos(p, t, &r->step->action.who);
    }
}

static void read_stop(struct parser *p, void *into, const struct tree *t)
{
    read_victims(p, into, t, ACTION_STOP, "stop");
}

static void read_crash(struct parser *p, void *into, const struct tree *t)
{
    read_victims(p, into, t, ACTION_CRASH, "crash");
}

static void read_power_off(struct parser *p, void *into, const struct tree *t)
{
    read_victims(p, into, t, ACTION_POWER_OFF, "power-off");
}

static void read_pause(struct parser *p, void *into, const struct tree *t)
{
    read_victims(p, into, t, ACTION_PAUSE, "pause");
}

static void read_isolate(struct parser *p, void *into, const struct tree *t)
{
    struct action *a = &((struct step_reading *)into)->step->action;
    a->partition = PARTITION_ISOLATE;
    value_whos(p, t, &a->groups[0]);
}

/* `n1 -> n2` */
static void read_one_way(struct parser *p, struct action *a, const struct tree *t)
{
    const char *arrow = strstr(t->text, "->");
    if (arrow == NULL || (arrow > t->text && arrow[-1] == '<')) {
        mistake_add(p->m, t->at, "`partition` is a list of groups, {isolate: M} or `M -> M`");
        return;
    }
    size_t left = (size_t)(arrow - t->text);
    size_t right = left + 2;
    while (left > 0 && t->text[left - 1] == ' ') {
        left--;
    }
    while (t->text[right] == ' ') {
        right++;
    }
    struct who who;
    a->partition = PARTITION_ONE_WAY;
    if (who_at(p, mem_strdup(p->mem, t->text, left), t->at, &who)) {
        who_add(p, &a->groups[0], who);
    }
    if (who_at(p, t->text + right, tree_at(t, right), &who)) {
        who_add(p, &a->groups[1], who);
    }
}

static void read_partition(struct parser *p, void *into, const struct tree *t)
{
    static const struct key_rule rules[] = {
        {"isolate", read_isolate}, {"bridge", NULL}, {"ring", NULL}};
    struct step_reading *r = into;
    struct action *a = &r->step->action;
    if (!begin_action(p, r, t, ACTION_PARTITION, "partition")) {
        return;
    }
    size_t groups = t->kind == TREE_LIST ? t->count : 2;
    a->groups = mem_zalloc(p->mem, groups, sizeof(a->groups[0]));
    a->group_count = groups;
    if (t->kind == TREE_SCALAR) {
        read_one_way(p, a, t);
    } else if (t->kind == TREE_MAP) {
        a->group_count = 1;
        MAP_READ(p, t, "`partition`", rules, r);
    } else if (t->kind != TREE_LIST || groups < 2 || groups > SCENARIO_MEMBERS_MAX) {
        mistake_add(p->m, t->at,
                    "`partition` needs two groups or more, for instance "
                    "[[n1], [n2, n3]]");
    } else {
        for (size_t i = 0; i < groups; i++) {
            value_whos(p, t->items[i], &a->groups[i]);
        }
    }
}

static void read_heal(struct parser *p, void *into, const struct tree *t)
{
    struct step_reading *r = into;
    struct point point;
    if (!begin_action(p, r, t, ACTION_HEAL, "heal")) {
        return;
    }
    r->step->action.heal_all = t->kind == TREE_NULL;
    if (t->kind == TREE_NULL) {
        return;
    }
    const char *text;
    if (!value_text(p, t, "`heal`", &text) || !value_point(p, t, 0, t->len, p->step, &point)) {
        return;
    }
    if (point.kind != POINT_STEP || point.offset_ns != 0) {
        mistake_add(p->m, t->at, "`heal` takes a label, or nothing to heal every network fault");
    } else if (p->s->steps[point.step].action.kind != ACTION_PARTITION) {
        mistake_add(p->m, t->at, "the step \"%s\" did nothing to the network", t->text);
    } else {
        r->step->action.heal_step = point.step;
    }
}

static void judge_trigger(struct parser *p, struct step_reading *r)
{
    struct trigger *g = &r->step->trigger;
    const struct tree *given[3] = {r->at, r->after, r->when};
    static const char *const names[3] = {"at", "after", "when"};
    int first = -1;
    g->at = r->step->at;
    for (int i = 0; i < 3; i++) {
        if (given[i] != NULL && first >= 0) {
            mistake_add(p->m, given[i]->at, "step has both `%s` and `%s`; choose one%s",
                        names[first], names[i], i == 2 ? " (`when: ... within: 5s`)" : "");
            return;
        }
        first = given[i] != NULL ? i : first;
    }
    if (r->within != NULL && r->when == NULL) {
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
        if (r->within == NULL) {
            mistake_add(p->m, r->when->at,
                        "`when` needs `within`: how long may it take (`within: 5s`)?");
        } else {
            value_duration(p, r->within, "`within`", &g->within_ns);
        }
    } else if (r->at != NULL) {
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
    if (r->step->duration.present &&
        (a->kind == ACTION_WAIT || a->kind == ACTION_CTL || a->kind == ACTION_HEAL)) {
        mistake_add(p->m, r->step->duration.at,
                    "`for` needs something that can be undone: a "
                    "start, stop, crash, power-off, pause or partition");
    }
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
        {"ctl", read_ctl},
        {"via", keep_via},
        {"host", keep_host},
        {"stdin", keep_input},
        {"start", read_start},
        {"stop", read_stop},
        {"crash", read_crash},
        {"power-off", read_power_off},
        {"pause", read_pause},
        {"partition", read_partition},
        {"keep", keep_keep},
        {"heal", read_heal},
        {"every", NULL},
        {"each", NULL},
        {"if", NULL},
        {"exit", NULL},
        {"link", NULL},
        {"loss", NULL},
        {"delay", NULL},
        {"duplicate", NULL},
        {"reorder", NULL},
        {"rate", NULL},
        {"reset", NULL},
        {"hang", NULL},
        {"disk", NULL},
        {"save-dir", NULL},
        {"clock", NULL},
        {"transfer", NULL},
        {"compact", NULL},
        {"repeat", NULL},
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
    if (r.expect != NULL) {
        step_expect_read(p, &r.step->expect, r.expect, r.step->action.kind);
    }
    if (r.action == NULL && r.at == NULL && r.after == NULL && r.when == NULL &&
        p->m->count == before) {
        mistake_add(p->m, t->at, "this step has neither a trigger nor an action");
    }
}

void timeline_read(struct parser *p, const struct tree *t)
{
    if (t->kind != TREE_LIST) {
        mistake_add(p->m, t->at, "`timeline` is a list of steps, not %s", tree_kind_name(t));
        return;
    }
    if (t->count > SCENARIO_STEPS_MAX) {
        mistake_add(p->m, t->at, "more than %d steps", SCENARIO_STEPS_MAX);
        return;
    }
    p->s->steps = mem_zalloc(p->mem, t->count, sizeof(p->s->steps[0]));
    p->s->step_count = t->count;
    for (size_t i = 0; i < t->count; i++) {
        p->s->steps[i].at = t->items[i]->at;
    }
    for (p->step = 0; p->step < t->count; p->step++) {
        read_step(p, t->items[p->step]);
    }
}
