#include "parser.h"

static void read_isolate(struct parser *p, void *into, const struct tree *t)
{
    struct action *a = into;
    a->partition = PARTITION_ISOLATE;
    value_whos(p, t, &a->groups[0]);
}

static void read_bridge(struct parser *p, void *into, const struct tree *t)
{
    struct action *a = into;
    a->partition = PARTITION_BRIDGE;
    value_whos(p, t, &a->groups[0]);
}

static void read_ring(struct parser *p, void *into, const struct tree *t)
{
    struct action *a = into;
    a->partition = PARTITION_RING;
    value_whos(p, t, &a->groups[0]);
}

bool arrow_read(struct parser *p, struct action *a, const struct tree *t, bool *both,
                const char *what)
{
    const char *text;
    struct who who;
    if (!value_text(p, t, what, &text)) {
        return false;
    }
    const char *arrow = strstr(text, "->");
    bool two = arrow != NULL && arrow > text && arrow[-1] == '<';
    if (arrow == NULL || (two && both == NULL)) {
        mistake_add(p->m, t->at,
                    both != NULL ? "%s goes from a member to a member: `n1 -> n2`, or both ways: "
                                   "`n1 <-> n2`"
                                 : "%s is a list of groups, {isolate: M} or `M -> M`",
                    what);
        return false;
    }
    size_t left = (size_t)(arrow - text) - (two ? 1 : 0);
    size_t right = (size_t)(arrow - text) + 2;
    while (left > 0 && text[left - 1] == ' ') {
        left--;
    }
    while (text[right] == ' ') {
        right++;
    }
    if (a->groups == NULL) {
        a->groups = mem_zalloc(p->mem, 2, sizeof(a->groups[0]));
    }
    a->group_count = 2;
    if (both != NULL) {
        *both = two;
    }
    bool good = who_at(p, mem_strdup(p->mem, text, left), t->at, &who);
    if (good) {
        who_add(p, &a->groups[0], who);
    }
    if (!who_at(p, text + right, tree_at(t, right), &who)) {
        return false;
    }
    who_add(p, &a->groups[1], who);
    return good;
}

void partition_read(struct parser *p, struct action *a, const struct tree *t)
{
    static const struct key_rule rules[] = {
        {"isolate", read_isolate}, {"bridge", read_bridge}, {"ring", read_ring}};
    size_t groups = t->kind == TREE_LIST && t->count > 2 ? t->count : 2;
    a->groups = mem_zalloc(p->mem, groups, sizeof(a->groups[0]));
    a->group_count = groups;
    if (t->kind == TREE_SCALAR) {
        a->partition = PARTITION_ONE_WAY;
        arrow_read(p, a, t, NULL, "`partition`");
    } else if (t->kind == TREE_MAP && t->count == 1) {
        a->group_count = 1;
        MAP_READ(p, t, "`partition`", rules, a);
    } else if (t->kind != TREE_LIST || t->count < 2 || groups > SCENARIO_MEMBERS_MAX) {
        mistake_add(p->m, t->at,
                    "`partition` needs two groups or more, for instance "
                    "[[n1], [n2, n3]], or one of isolate, bridge, ring: {isolate: n1}");
    } else {
        for (size_t i = 0; i < groups; i++) {
            value_whos(p, t->items[i], &a->groups[i]);
        }
    }
}

void link_key_read(struct parser *p, struct link_fault *link, const char *key, const struct tree *t)
{
    switch (key[0]) {
    case 'l': value_percent(p, t, "`loss`", &link->loss_ppm); break;
    case 'h': value_bool(p, t, "`hang`", &link->hang); break;
    default:
        if (strcmp(key, "delay") == 0) {
            value_range(p, t, "`delay`", true, &link->delay);
        } else if (strcmp(key, "duplicate") == 0) {
            value_percent(p, t, "`duplicate`", &link->duplicate_ppm);
        } else if (strcmp(key, "reorder") == 0) {
            value_percent(p, t, "`reorder`", &link->reorder_ppm);
        } else if (strcmp(key, "rate") == 0) {
            value_rate(p, t, &link->bytes_per_second);
        } else if (t->kind == TREE_SCALAR && strchr(t->text, '%') != NULL) {
            value_percent(p, t, "`reset`", &link->reset_ppm);
        } else {
            value_bool(p, t, "`reset`", &link->reset_now);
        }
        break;
    }
}
