/* Actions that are done to members, links and disks. */
#include "steps.h"

bool action_begin(struct parser *p, struct step_reading *r, const struct tree *t,
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

void action_start(struct parser *p, void *into, const struct tree *t)
{
    static const struct key_rule rules[] = {{"member", read_start_member},
                                            {"dir", read_start_dir},
                                            {"data", read_start_data},
                                            {"flags", read_start_flags}};
    struct step_reading *r = into;
    if (!action_begin(p, r, t, ACTION_START, "start")) {
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
    if (action_begin(p, r, t, kind, name)) {
        value_whos(p, t, &r->step->action.who);
    }
}

void action_stop(struct parser *p, void *into, const struct tree *t)
{
    read_victims(p, into, t, ACTION_STOP, "stop");
}

void action_crash(struct parser *p, void *into, const struct tree *t)
{
    read_victims(p, into, t, ACTION_CRASH, "crash");
}

void action_power_off(struct parser *p, void *into, const struct tree *t)
{
    read_victims(p, into, t, ACTION_POWER_OFF, "power-off");
}

void action_pause(struct parser *p, void *into, const struct tree *t)
{
    read_victims(p, into, t, ACTION_PAUSE, "pause");
}

void action_partition(struct parser *p, void *into, const struct tree *t)
{
    struct step_reading *r = into;
    if (action_begin(p, r, t, ACTION_PARTITION, "partition")) {
        partition_read(p, &r->step->action, t);
    }
}

void action_link(struct parser *p, void *into, const struct tree *t)
{
    struct step_reading *r = into;
    struct action *a = &r->step->action;
    if (action_begin(p, r, t, ACTION_LINK, "link")) {
        arrow_read(p, a, t, &a->link.both, "`link`");
    }
}

#define LINK_KEY(field, name)                                               \
    void action_##field(struct parser *p, void *into, const struct tree *t) \
    {                                                                       \
        struct step_reading *r = into;                                      \
        r->of_link = r->of_link == NULL ? t : r->of_link;                   \
        link_key_read(p, &r->step->action.link, name, t);                   \
    }
LINK_KEY(loss, "loss")
LINK_KEY(delay, "delay")
LINK_KEY(duplicate, "duplicate")
LINK_KEY(reorder, "reorder")
LINK_KEY(rate, "rate")
LINK_KEY(reset, "reset")
LINK_KEY(hang, "hang")

void action_disk(struct parser *p, void *into, const struct tree *t)
{
    struct step_reading *r = into;
    if (action_begin(p, r, t, ACTION_DISK, "disk")) {
        disk_action_read(p, &r->step->action, t);
    }
}

void action_exit(struct parser *p, void *into, const struct tree *t)
{
    struct step_reading *r = into;
    struct who who;
    if (!action_begin(p, r, t, ACTION_EXIT, "exit") || !value_who(p, t, &who)) {
        return;
    }
    if (who.kind != WHO_MEMBER) {
        mistake_add(p->m, t->at, "`exit` takes one member's name: the one that ends by itself");
        return;
    }
    who_add(p, &r->step->action.who, who);
}

void action_save_dir(struct parser *p, void *into, const struct tree *t)
{
    struct step_reading *r = into;
    struct who who;
    if (!action_begin(p, r, t, ACTION_SAVE_DIR, "save-dir") || !value_who(p, t, &who)) {
        return;
    }
    if (who.kind != WHO_MEMBER || !p->s->members[who.member].startable) {
        mistake_add(p->m, t->at, "`save-dir` takes the name of one member with a place of its own");
        return;
    }
    who_add(p, &r->step->action.who, who);
}

static bool can_be_healed(const struct action *a)
{
    return a->kind == ACTION_PARTITION || a->kind == ACTION_LINK ||
           (a->kind == ACTION_DISK && disk_action_lasts(&a->disk));
}

void action_heal(struct parser *p, void *into, const struct tree *t)
{
    struct step_reading *r = into;
    struct point point;
    if (!action_begin(p, r, t, ACTION_HEAL, "heal")) {
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
