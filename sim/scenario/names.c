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
    static const char *const joints[] = {" | ", ", ", " -> "};
    buf_add_str(buf, a->partition == PARTITION_ISOLATE ? "isolate " : "partition ");
    for (size_t i = 0; i < a->group_count; i++) {
        if (i > 0) {
            buf_add_str(buf, joints[a->partition]);
        }
        add_whos(s, &a->groups[i], buf);
    }
}

const char *scenario_step_title(const struct scenario *s, size_t index, struct buf *buf)
{
    static const char *const verbs[] = {"wait",       "",       "start ", "stop ", "crash ",
                                        "power-off ", "pause ", "",       ""};
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
    case ACTION_HEAL:
        buf_printf(buf, "heal %s", a->heal_all ? "all" : s->steps[a->heal_step].label);
        break;
    default:
        buf_add_str(buf, verbs[a->kind]);
        add_whos(s, &a->who, buf);
        break;
    }
    return buf_cstr(buf);
}
