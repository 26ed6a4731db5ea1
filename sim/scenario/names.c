#include "base/duration.h"
#include "scenario/scenario.h"

const char *scenario_role_name(enum scenario_role role)
{
    static const char *const names[] = {"follower", "pre-candidate", "candidate", "leader",
                                        "learner"};
    return names[role];
}

const char *scenario_service_name(enum service service)
{
    static const char *const names[] = {"writes", "linearizable-reads", "serializable-reads",
                                        "member-changes"};
    return names[service];
}

const char *scenario_demand_name(enum demand demand)
{
    static const char *const names[] = {"-", "must", "cannot", "may"};
    return names[demand];
}

const char *scenario_outcome_name(enum outcome outcome)
{
    static const char *const names[] = {"-", "ok", "refused", "unknown"};
    return names[outcome];
}

const char *scenario_compare_name(enum compare_op op)
{
    static const char *const names[] = {"", "==", "!=", "<", "<=", ">", ">="};
    return names[op];
}

bool scenario_compare(const struct compare *c, int64_t value)
{
    switch (c->op) {
    case COMPARE_NONE: return true;
    case COMPARE_EQ: return value == c->value;
    case COMPARE_NE: return value != c->value;
    case COMPARE_LT: return value < c->value;
    case COMPARE_LE: return value <= c->value;
    case COMPARE_GT: return value > c->value;
    case COMPARE_GE: return value >= c->value;
    }
    return false;
}

static void add_whos(const struct scenario *s, const struct who_list *list, struct buf *buf)
{
    static const char *const names[] = {"", "leader", "others", "majority", "minority", "all"};
    for (size_t i = 0; i < list->count; i++) {
        const struct who *who = &list->items[i];
        buf_printf(buf, "%s%s", i > 0 ? ", " : "",
                   who->kind == WHO_MEMBER ? s->members[who->member].name : names[who->kind]);
    }
}

static void add_partition(const struct scenario *s, const struct action *a, struct buf *buf)
{
    static const char *const joints[] = {" | ", ", ", " -> ", ", ", ", "};
    static const char *const verbs[] = {"partition ", "isolate ", "partition ",
                                        "partition, bridged by ", "partition into a ring: "};
    buf_add_str(buf, verbs[a->partition]);
    for (size_t i = 0; i < a->group_count; i++) {
        if (i > 0) {
            buf_add_str(buf, joints[a->partition]);
        }
        add_whos(s, &a->groups[i], buf);
    }
}

static void add_share(const char *name, uint32_t ppm, struct buf *buf)
{
    if (ppm > 0) {
        buf_printf(buf, ", %s ", name);
        if (ppm % 10000 == 0) {
            buf_printf(buf, "%u%%", ppm / 10000);
        } else {
            buf_printf(buf, "%u of a million", ppm);
        }
    }
}

static void add_link(const struct scenario *s, const struct action *a, struct buf *buf)
{
    const struct link_fault *link = &a->link;
    char low[32];
    char high[32];
    buf_add_str(buf, "link ");
    add_whos(s, &a->groups[0], buf);
    buf_add_str(buf, link->both ? " <-> " : " -> ");
    add_whos(s, &a->groups[1], buf);
    add_share("loss", link->loss_ppm, buf);
    add_share("duplicate", link->duplicate_ppm, buf);
    add_share("reorder", link->reorder_ppm, buf);
    add_share("reset", link->reset_ppm, buf);
    buf_add_str(buf, link->reset_now ? ", reset" : "");
    buf_add_str(buf, link->hang ? ", hang" : "");
    if (link->delay.present) {
        duration_format(low, sizeof(low), link->delay.low);
        duration_format(high, sizeof(high), link->delay.high);
        buf_printf(buf, ", delay %s..%s", low, high);
    }
    if (link->bytes_per_second > 0) {
        buf_printf(buf, ", rate %lluB/s", (unsigned long long)link->bytes_per_second);
    }
}

static void add_heal(const struct scenario *s, const struct action *a, struct buf *buf)
{
    const char *label = a->heal_all ? "all" : s->steps[a->heal_step].label;
    buf_printf(buf, "heal %s", label);
}

static void add_start(const struct scenario *s, const struct action *a, struct buf *buf)
{
    buf_add_str(buf, "start ");
    add_whos(s, &a->who, buf);
    switch (a->dir) {
    case DIR_OWN: break;
    case DIR_EMPTY: buf_add_str(buf, " with an empty directory"); break;
    case DIR_MEMBER:
        buf_printf(buf, " with a copy of %s's directory", s->members[a->dir_of].name);
        break;
    case DIR_HOST:
        buf_printf(buf, " with a copy of the disk of %s", s->steps[a->dir_of].action.ctl.host);
        break;
    case DIR_SAVED: buf_printf(buf, " with the directory %s", s->steps[a->dir_of].label); break;
    }
    for (size_t i = 0; i < a->flags.count; i++) {
        buf_printf(buf, " --%s=%s", a->flags.items[i].name, a->flags.items[i].value);
    }
}

static void add_bytes(struct buf *buf, uint64_t bytes)
{
    if (bytes > 0 && bytes % (1024 * 1024) == 0) {
        buf_printf(buf, "%lluMiB", (unsigned long long)(bytes / (1024 * 1024)));
    } else if (bytes > 0 && bytes % 1024 == 0) {
        buf_printf(buf, "%lluKiB", (unsigned long long)(bytes / 1024));
    } else {
        buf_printf(buf, "%lluB", (unsigned long long)bytes);
    }
}

static void add_slow(const struct trouble *trouble, struct buf *buf)
{
    char low[32];
    char high[32];
    if (trouble->factor > 0) {
        buf_printf(buf, " %llu times", (unsigned long long)trouble->factor);
    }
    if (trouble->by.present) {
        duration_format(low, sizeof(low), trouble->by.low);
        duration_format(high, sizeof(high), trouble->by.high);
        buf_printf(buf, " by %s..%s", low, high);
    }
}

static void add_trouble(const struct trouble *trouble, enum trouble_kind kind, struct buf *buf)
{
    buf_add_str(buf, ", ");
    if (kind == TROUBLE_POWER) {
        buf_add_str(buf, "power failures");
        add_share("drop", trouble->drop_ppm, buf);
        add_share("tear", trouble->tear_ppm, buf);
        add_share("trash", trouble->trash_ppm, buf);
        add_share("names", trouble->names_ppm, buf);
        return;
    }
    buf_add_str(buf, scenario_trouble_name(kind));
    switch (kind) {
    case TROUBLE_FAIL:
        buf_printf(buf, " %s%s", scenario_trouble_op_name(trouble->op),
                   trouble->no_space ? " (no space)" : "");
        break;
    case TROUBLE_FULL:
    case TROUBLE_RATE:
        buf_add_str(buf, " ");
        add_bytes(buf, trouble->bytes);
        buf_add_str(buf, kind == TROUBLE_RATE ? "/s" : "");
        break;
    case TROUBLE_ROT: buf_printf(buf, " %lluB", (unsigned long long)trouble->bytes); break;
    case TROUBLE_SLOW: add_slow(trouble, buf); break;
    default: break;
    }
    if (trouble->count > 0) {
        buf_printf(buf, " (%llu)", (unsigned long long)trouble->count);
    }
    if (trouble->file != NULL) {
        buf_printf(buf, " of %s", trouble->file);
    }
    if (trouble->placed) {
        buf_printf(buf, " at %llu", (unsigned long long)trouble->offset);
    }
}

static void add_disk(const struct scenario *s, const struct action *a, struct buf *buf)
{
    buf_add_str(buf, "disk of ");
    add_whos(s, &a->who, buf);
    if (a->disk.wipe) {
        buf_add_str(buf, ", wipe");
    }
    if (a->disk.clone) {
        buf_printf(buf, ", clone of %s", s->members[a->disk.clone_of].name);
    }
    for (size_t i = 0; i < TROUBLE_COUNT; i++) {
        if (a->disk.troubles[i].present) {
            add_trouble(&a->disk.troubles[i], (enum trouble_kind)i, buf);
        }
    }
}

const char *scenario_step_title(const struct scenario *s, size_t index, struct buf *buf)
{
    static const char *const verbs[] = {"wait",   "", "start ", "stop ", "crash ",   "power-off ",
                                        "pause ", "", "",       "",      "exit of ", "save-dir "};
    const struct step *step = &s->steps[index];
    const struct action *a = &step->action;
    buf_clear(buf);
    switch (a->kind) {
    case ACTION_WAIT:
        if (step->trigger.kind == TRIGGER_WHEN) {
            buf_printf(buf, "wait until %s", step->trigger.when_text);
        } else {
            buf_add_str(buf, "wait");
        }
        break;
    case ACTION_CTL: buf_add_str(buf, a->ctl.text); break;
    case ACTION_PARTITION: add_partition(s, a, buf); break;
    case ACTION_HEAL: add_heal(s, a, buf); break;
    case ACTION_LINK: add_link(s, a, buf); break;
    case ACTION_START: add_start(s, a, buf); break;
    case ACTION_DISK: add_disk(s, a, buf); break;
    default:
        buf_add_str(buf, verbs[a->kind]);
        add_whos(s, &a->who, buf);
        break;
    }
    return buf_cstr(buf);
}
