#include "parser.h"

#include "base/duration.h"
#include "expand.h"

/* The triggers and actions of a step while its map is read; which of them are there is judged when
 * the whole step is known. */
struct step_reading {
    struct step *step;
    const struct tree *at;
    const struct tree *after;
    const struct tree *when;
    const struct tree *every;
    const struct tree *each;
    const struct tree *within;
    const struct tree *via;
    const struct tree *host;
    const struct tree *input;
    const struct tree *keep;
    const struct tree *expect;
    const struct tree *of_link; /* the first key that only `link` has */
    const struct tree *action;  /* the first of them */
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

/* `own`, `empty`, the label of a `save-dir` step, another member, or another machine. */
static void read_start_dir(struct parser *p, void *into, const struct tree *t)
{
    struct step_reading *r = into;
    struct action *a = &r->step->action;
    const char *text;
    if (!value_text(p, t, "`dir`", &text)) {
        return;
    }
    if (strcmp(text, "own") == 0 || strcmp(text, "empty") == 0) {
        a->dir = strcmp(text, "own") == 0 ? DIR_OWN : DIR_EMPTY;
        return;
    }
    for (size_t i = p->step; i-- > 0;) {
        const struct step *step = &p->s->steps[i];
        if (step->label != NULL && step->action.kind == ACTION_SAVE_DIR &&
            strcmp(step->label, text) == 0) {
            a->dir = DIR_SAVED;
            a->dir_of = i;
            return;
        }
        if (step->action.kind == ACTION_CTL && step->action.ctl.host != NULL &&
            member_spec_find(p->s, text) < 0 && strcmp(step->action.ctl.host, text) == 0) {
            a->dir = DIR_HOST;
            a->dir_of = i;
            return;
        }
    }
    int member = member_spec_find(p->s, text);
    if (member < 0 || !p->s->members[member].startable) {
        mistake_add(p->m, t->at,
                    "`dir` is own, empty, a member whose directory is copied, the `host` of a step "
                    "above, or the label of a `save-dir` step above; \"%s\" is none of them",
                    text);
        return;
    }
    a->dir = DIR_MEMBER;
    a->dir_of = (size_t)member;
}

static void read_start_flags(struct parser *p, void *into, const struct tree *t)
{
    struct step_reading *r = into;
    flags_read(p, &r->step->action.flags, t);
}

/* Where on its disk the data directory is. */
static void read_start_data(struct parser *p, void *into, const struct tree *t)
{
    struct step_reading *r = into;
    value_text(p, t, "`data`", &r->step->action.data);
}

static void read_start(struct parser *p, void *into, const struct tree *t)
{
    static const struct key_rule rules[] = {{"member", read_start_member},
                                            {"dir", read_start_dir},
                                            {"data", read_start_data},
                                            {"flags", read_start_flags}};
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

static void read_partition(struct parser *p, void *into, const struct tree *t)
{
    struct step_reading *r = into;
    if (begin_action(p, r, t, ACTION_PARTITION, "partition")) {
        partition_read(p, &r->step->action, t);
    }
}

static void read_link(struct parser *p, void *into, const struct tree *t)
{
    struct step_reading *r = into;
    struct action *a = &r->step->action;
    if (begin_action(p, r, t, ACTION_LINK, "link")) {
        arrow_read(p, a, t, &a->link.both, "`link`");
    }
}

#define LINK_KEY(field, name)                                                    \
    static void read_##field(struct parser *p, void *into, const struct tree *t) \
    {                                                                            \
        struct step_reading *r = into;                                           \
        r->of_link = r->of_link == NULL ? t : r->of_link;                        \
        link_key_read(p, &r->step->action.link, name, t);                        \
    }
LINK_KEY(loss, "loss")
LINK_KEY(delay, "delay")
LINK_KEY(duplicate, "duplicate")
LINK_KEY(reorder, "reorder")
LINK_KEY(rate, "rate")
LINK_KEY(reset, "reset")
LINK_KEY(hang, "hang")

static void read_disk(struct parser *p, void *into, const struct tree *t)
{
    struct step_reading *r = into;
    if (begin_action(p, r, t, ACTION_DISK, "disk")) {
        disk_action_read(p, &r->step->action, t);
    }
}

static void read_exit(struct parser *p, void *into, const struct tree *t)
{
    struct step_reading *r = into;
    struct who who;
    if (!begin_action(p, r, t, ACTION_EXIT, "exit") || !value_who(p, t, &who)) {
        return;
    }
    if (who.kind != WHO_MEMBER) {
        mistake_add(p->m, t->at, "`exit` takes one member's name: the one that ends by itself");
        return;
    }
    who_add(p, &r->step->action.who, who);
}

static void read_save_dir(struct parser *p, void *into, const struct tree *t)
{
    struct step_reading *r = into;
    struct who who;
    if (!begin_action(p, r, t, ACTION_SAVE_DIR, "save-dir") || !value_who(p, t, &who)) {
        return;
    }
    if (who.kind != WHO_MEMBER || !p->s->members[who.member].startable) {
        mistake_add(p->m, t->at, "`save-dir` takes the name of one member with a place of its own");
        return;
    }
    who_add(p, &r->step->action.who, who);
}

/* `transfer: n2` is what a person would do: `move-leader ID`, asked of the leader. */
static void read_transfer(struct parser *p, void *into, const struct tree *t)
{
    struct step_reading *r = into;
    struct ctl_action *ctl = &r->step->action.ctl;
    struct who who;
    if (!begin_action(p, r, t, ACTION_CTL, "transfer") || !value_who(p, t, &who)) {
        return;
    }
    if (who.kind != WHO_MEMBER) {
        mistake_add(p->m, t->at, "`transfer` takes one member's name: the one that is to lead");
        return;
    }
    ctl->words = mem_zalloc(p->mem, 2, sizeof(ctl->words[0]));
    ctl->word_count = 2;
    for (size_t i = 0; i < 2; i++) {
        ctl->words[i].parts = mem_zalloc(p->mem, 1, sizeof(struct word_part));
        ctl->words[i].count = 1;
    }
    ctl->words[0].parts[0] = (struct word_part){.kind = PART_TEXT, .text = "move-leader"};
    ctl->words[1].parts[0] =
        (struct word_part){.kind = PART_ID, .text = t->text, .member = who.member, .at = t->at};
    struct buf text;
    buf_init(&text, p->mem);
    buf_printf(&text, "move-leader ${%s.id}", t->text);
    ctl->text = mem_strdup(p->mem, (const char *)text.ptr, text.len);
    buf_fini(&text);
    who_add(p, &ctl->via, (struct who){.kind = WHO_LEADER, .at = t->at});
}

/* A number, `newest`, or `newest - 100`. */
static bool read_revision(const char *text, struct word_part *part)
{
    static const char newest[] = "newest";
    uint64_t number = 0;
    if (slice_to_u64(slice_str(text), &number) == 0) {
        *part = (struct word_part){.kind = PART_TEXT, .text = text};
        return true;
    }
    struct slice rest = slice_str(text);
    *part = (struct word_part){.kind = PART_REVISION, .text = text};
    if (!slice_starts_with(rest, newest)) {
        return false;
    }
    rest = slice_from(rest, sizeof(newest) - 1);
    if (rest.len == 0) {
        return true;
    }
    if (!slice_starts_with(rest, " - ") || slice_to_u64(slice_from(rest, 3), &number) != 0 ||
        number > INT64_MAX) {
        return false;
    }
    part->back = (int64_t)number;
    return true;
}

/* `compact: REVISION` is what a person would do: `compaction REVISION`. */
static void read_compact(struct parser *p, void *into, const struct tree *t)
{
    struct step_reading *r = into;
    struct ctl_action *ctl = &r->step->action.ctl;
    struct word_part part;
    const char *text;
    if (!begin_action(p, r, t, ACTION_CTL, "compact") || !value_text(p, t, "`compact`", &text)) {
        return;
    }
    if (!read_revision(text, &part)) {
        mistake_add(p->m, t->at,
                    "`compact` takes a revision, `newest`, or how far behind it, for instance "
                    "`newest - 100`; not \"%s\"",
                    text);
        return;
    }
    ctl->words = mem_zalloc(p->mem, 2, sizeof(ctl->words[0]));
    ctl->word_count = 2;
    for (size_t i = 0; i < 2; i++) {
        ctl->words[i].parts = mem_zalloc(p->mem, 1, sizeof(struct word_part));
        ctl->words[i].count = 1;
    }
    ctl->words[0].parts[0] = (struct word_part){.kind = PART_TEXT, .text = "compaction"};
    ctl->words[1].parts[0] = part;
    struct buf line;
    buf_init(&line, p->mem);
    buf_printf(&line, "compaction %s", text);
    ctl->text = mem_strdup(p->mem, (const char *)line.ptr, line.len);
    buf_fini(&line);
}

static bool can_be_healed(const struct action *a)
{
    return a->kind == ACTION_PARTITION || a->kind == ACTION_LINK ||
           (a->kind == ACTION_DISK && disk_action_lasts(&a->disk));
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
    } else if (!can_be_healed(&p->s->steps[point.step].action)) {
        mistake_add(p->m, t->at, "the step \"%s\" did nothing to the network or a disk that heals",
                    t->text);
    } else {
        r->step->action.heal_step = point.step;
    }
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
        {"every", keep_every},
        {"each", keep_each},
        {"if", read_nothing},
        {"repeat", read_nothing},
        {"exit", read_exit},
        {"link", read_link},
        {"loss", read_loss},
        {"delay", read_delay},
        {"duplicate", read_duplicate},
        {"reorder", read_reorder},
        {"rate", read_rate},
        {"reset", read_reset},
        {"hang", read_hang},
        {"save-dir", read_save_dir},
        {"transfer", read_transfer},
        {"disk", read_disk},
        {"clock", NULL},
        {"compact", read_compact},
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
