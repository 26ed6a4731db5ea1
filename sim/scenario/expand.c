#include "expand.h"

#include "base/fmt.h"

#define ROUNDS_MAX 1000

static bool is_name(const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        char c = text[i];
        bool good = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                    c == '-' || c == '_';
        if (!good) {
            return false;
        }
    }
    return len > 0 && len <= 64;
}

/* The table -------------------------------------------------------------------------------------*/

static void check_case(struct expansion *e, const struct tree *name, const struct tree *values)
{
    struct parser *p = e->p;
    const struct tree *first = e->cases->items[0];
    if (!is_name(name->text, name->len)) {
        mistake_add(p->m, name->at,
                    "the name of a case is one word of letters, digits, `-` and `_`");
    }
    if (values->kind != TREE_MAP && values->kind != TREE_NULL) {
        mistake_add(p->m, values->at, "a case is a map of values for ${...}, not %s",
                    tree_kind_name(values));
        return;
    }
    for (size_t i = 0; i < first->count && first->kind == TREE_MAP; i++) {
        if (tree_get(values, first->keys[i]->text) == NULL) {
            mistake_add(p->m, name->at, "case \"%s\" has no value for \"%s\", but \"%s\" has",
                        name->text, first->keys[i]->text, e->cases->keys[0]->text);
        }
    }
    for (size_t i = 0; i < values->count; i++) {
        const struct tree *key = values->keys[i];
        if (!is_name(key->text, key->len) || strcmp(key->text, "round") == 0) {
            mistake_add(p->m, key->at, "\"%s\" cannot name a value: a word, not `round`",
                        key->text);
        } else if (tree_get(first, key->text) == NULL) {
            mistake_add(p->m, key->at, "case \"%s\" has a value for \"%s\", but \"%s\" has none",
                        name->text, key->text, e->cases->keys[0]->text);
        }
    }
}

static struct tree *number_tree(struct parser *p, const struct tree *at, uint64_t number)
{
    struct tree *out = mem_zalloc(p->mem, 1, sizeof(*out));
    struct buf text;
    buf_init(&text, p->mem);
    buf_printf(&text, "%llu", (unsigned long long)number);
    *out = *at;
    out->text = mem_strdup(p->mem, (const char *)text.ptr, text.len);
    out->len = text.len;
    buf_fini(&text);
    return out;
}

/* `1..60` as a table of cases without values, each named by its number. NULL: it is none. */
static struct tree *range_cases(struct parser *p, const struct tree *t)
{
    const char *dots = t->kind == TREE_SCALAR ? strstr(t->text, "..") : NULL;
    uint64_t low;
    uint64_t high;
    if (dots == NULL || slice_to_u64(slice_of(t->text, (size_t)(dots - t->text)), &low) != 0 ||
        slice_to_u64(slice_str(dots + 2), &high) != 0) {
        return NULL;
    }
    if (low > high || high - low >= CASES_MAX) {
        mistake_add(p->m, t->at, "%s is not a range of up to %d cases, the lower number first",
                    t->text, CASES_MAX);
        high = low;
    }
    struct tree *out = mem_zalloc(p->mem, 1, sizeof(*out));
    *out = *t;
    out->kind = TREE_MAP;
    out->keys = mem_zalloc(p->mem, (size_t)(high - low) + 1, sizeof(out->keys[0]));
    out->items = mem_zalloc(p->mem, (size_t)(high - low) + 1, sizeof(out->items[0]));
    for (uint64_t i = low; i <= high; i++) {
        struct tree *nothing = number_tree(p, t, i);
        nothing->kind = TREE_NULL;
        out->keys[out->count] = number_tree(p, t, i);
        out->items[out->count++] = nothing;
    }
    return out;
}

size_t expand_begin(struct expansion *e, struct parser *p, const struct tree *root, size_t which)
{
    const struct tree *vary = tree_get(root, "vary");
    *e = (struct expansion){.p = p};
    if (vary == NULL) {
        return 1;
    }
    const struct tree *cases = vary->kind == TREE_MAP && vary->count == 1 ? vary->items[0] : NULL;
    const struct tree *range = cases != NULL ? range_cases(p, cases) : NULL;
    cases = range != NULL ? range : cases;
    if (cases == NULL || cases->kind != TREE_MAP || cases->count == 0) {
        mistake_add(p->m, vary->at,
                    "`vary` is one table: a name, its cases, and of each its values, for instance "
                    "{order: {first: {x: 1}, last: {x: 2}}}");
        return 1;
    }
    e->variable = vary->keys[0]->text;
    e->cases = cases;
    if (!is_name(e->variable, vary->keys[0]->len) || strcmp(e->variable, "round") == 0) {
        mistake_add(p->m, vary->keys[0]->at, "\"%s\" cannot name a table: a word, not `round`",
                    e->variable);
    }
    if (e->cases->count > CASES_MAX) {
        mistake_add(p->m, e->cases->at, "more than %d cases", CASES_MAX);
        return 1;
    }
    for (size_t i = 0; i < e->cases->count; i++) {
        check_case(e, e->cases->keys[i], e->cases->items[i]);
    }
    e->chosen = e->cases->keys[which]->text;
    e->values = e->cases->items[which];
    return e->cases->count;
}

/* ${…} ------------------------------------------------------------------------------------------*/

static void unknown_name(struct expansion *e, struct position at, const char *name)
{
    struct parser *p = e->p;
    const char *names[66];
    size_t count = 0;
    if (e->variable == NULL && e->round == 0) {
        mistake_add(p->m, at,
                    "`${%s}` names nothing: write ${MEMBER.id}, ${MEMBER.peer} or "
                    "${MEMBER.client}",
                    name);
        return;
    }
    if (e->variable != NULL) {
        names[count++] = e->variable;
    }
    if (e->round != 0) {
        names[count++] = "round";
    }
    for (size_t i = 0; e->values != NULL && i < e->values->count && count < 66; i++) {
        names[count++] = e->values->keys[i]->text;
    }
    unknown_word(p, at, "name", name, names, count);
}

/* What a name stands for, or NULL. */
static const struct tree *value_named(struct expansion *e, const struct tree *use, const char *name)
{
    char round[16];
    const char *text = NULL;
    if (e->variable != NULL && strcmp(name, e->variable) == 0) {
        text = e->chosen;
    } else if (e->round != 0 && strcmp(name, "round") == 0) {
        fmt(round, sizeof(round), "%d", e->round);
        text = round;
    } else {
        return e->values != NULL ? tree_get(e->values, name) : NULL;
    }
    struct tree *t = mem_zalloc(e->p->mem, 1, sizeof(*t));
    t->kind = TREE_SCALAR;
    t->at = use->at;
    t->text = mem_strdup(e->p->mem, text, strlen(text));
    t->len = strlen(text);
    return t;
}

static const struct tree *fill_scalar(struct expansion *e, const struct tree *t)
{
    struct parser *p = e->p;
    struct buf text;
    bool filled = false;
    buf_init(&text, p->mem);
    for (size_t i = 0; i < t->len;) {
        const char *close = NULL;
        if (t->text[i] == '$' && t->text[i + 1] == '{' && (i == 0 || t->text[i - 1] != '\\')) {
            close = strchr(t->text + i, '}');
        }
        size_t end = close != NULL ? (size_t)(close - t->text) : 0;
        /* ${M.id} and its kin are left to who knows members. */
        if (close == NULL || memchr(t->text + i, '.', end - i) != NULL) {
            buf_add_u8(&text, (uint8_t)t->text[i++]);
            continue;
        }
        const char *name = mem_strdup(p->mem, t->text + i + 2, end - i - 2);
        const struct tree *value = value_named(e, t, name);
        filled = true;
        if (value == NULL) {
            unknown_name(e, tree_at(t, i + 2), name);
            buf_add_str(&text, name);
        } else if (i == 0 && end + 1 == t->len) {
            return value;
        } else if (value->kind != TREE_SCALAR) {
            mistake_add(p->m, tree_at(t, i), "${%s} is %s and cannot stand inside a text", name,
                        tree_kind_name(value));
        } else {
            buf_add_str(&text, value->text);
        }
        i = end + 1;
    }
    if (!filled) {
        return t;
    }
    struct tree *out = mem_zalloc(p->mem, 1, sizeof(*out));
    *out = *t;
    out->text = mem_strdup(p->mem, (const char *)text.ptr, text.len);
    out->len = text.len;
    out->one_line = false;
    return out;
}

const struct tree *expand(struct expansion *e, const struct tree *t)
{
    if (t->kind == TREE_NULL) {
        return t;
    }
    if (t->kind == TREE_SCALAR) {
        return strstr(t->text, "${") != NULL ? fill_scalar(e, t) : t;
    }
    struct tree *out = mem_zalloc(e->p->mem, 1, sizeof(*out));
    *out = *t;
    out->items = mem_zalloc(e->p->mem, t->count + 1, sizeof(out->items[0]));
    for (size_t i = 0; i < t->count; i++) {
        /* Nobody writes to a tree once it is read. */
        out->items[i] = (struct tree *)(uintptr_t)expand(e, t->items[i]);
    }
    return out;
}

/* if --------------------------------------------------------------------------------------------*/

static const char *trimmed(struct expansion *e, const char *from, size_t len)
{
    while (len > 0 && *from == ' ') {
        from++;
        len--;
    }
    while (len > 0 && from[len - 1] == ' ') {
        len--;
    }
    return mem_strdup(e->p->mem, from, len);
}

/* NAME == WORD or NAME != WORD */
static bool term_holds(struct expansion *e, const struct tree *at, const char *text)
{
    struct parser *p = e->p;
    const char *sign = strstr(text, "==");
    bool equal = sign != NULL;
    sign = equal ? sign : strstr(text, "!=");
    if (sign == NULL) {
        mistake_add(p->m, at->at,
                    "`if` compares a name of `vary` with a word, for instance %s == %s, not \"%s\"",
                    e->variable, e->chosen, text);
        return true;
    }
    const char *name = trimmed(e, text, (size_t)(sign - text));
    const char *word = trimmed(e, sign + 2, strlen(sign + 2));
    const struct tree *value = value_named(e, at, name);
    if (value == NULL || value->kind != TREE_SCALAR) {
        unknown_name(e, at->at, name);
        return true;
    }
    if (strcmp(name, e->variable) == 0 && tree_get(e->cases, word) == NULL) {
        const char *names[CASES_MAX];
        for (size_t i = 0; i < e->cases->count; i++) {
            names[i] = e->cases->keys[i]->text;
        }
        unknown_word(p, at->at, "case", word, names, e->cases->count);
    }
    return (strcmp(value->text, word) == 0) == equal;
}

static bool all_hold(struct expansion *e, const struct tree *at, const char *text)
{
    bool holds = true;
    for (;;) {
        const char *joint = strstr(text, " and ");
        size_t len = joint != NULL ? (size_t)(joint - text) : strlen(text);
        holds = term_holds(e, at, trimmed(e, text, len)) && holds;
        if (joint == NULL) {
            return holds;
        }
        text = joint + 5;
    }
}

static bool condition_holds(struct expansion *e, const struct tree *t)
{
    const char *text;
    bool holds = false;
    if (e->variable == NULL) {
        mistake_add(e->p->m, t->at,
                    "`if` chooses by the cases of `vary`, and this scenario has none");
        return true;
    }
    if (!value_text(e->p, t, "`if`", &text)) {
        return true;
    }
    for (;;) {
        const char *joint = strstr(text, " or ");
        size_t len = joint != NULL ? (size_t)(joint - text) : strlen(text);
        holds = all_hold(e, t, trimmed(e, text, len)) || holds;
        if (joint == NULL) {
            return holds;
        }
        text = joint + 4;
    }
}

/* Lists -----------------------------------------------------------------------------------------*/

struct gathering {
    struct expansion *e;
    struct expanded *items;
    size_t count;
    size_t cap;
    struct position repeats;
};

static void gather(struct gathering *g, const struct tree *t)
{
    if (g->count == g->cap) {
        g->cap = g->cap == 0 ? 64 : g->cap * 2;
        g->items = mem_resize(g->e->p->mem, g->items, g->cap * sizeof(g->items[0]));
    }
    g->items[g->count++] = (struct expanded){t, g->e->round, g->repeats};
}

static struct tree *without(struct expansion *e, const struct tree *map, const char *key)
{
    struct tree *out = mem_zalloc(e->p->mem, 1, sizeof(*out));
    *out = *map;
    out->keys = mem_zalloc(e->p->mem, map->count + 1, sizeof(out->keys[0]));
    out->items = mem_zalloc(e->p->mem, map->count + 1, sizeof(out->items[0]));
    out->count = 0;
    for (size_t i = 0; i < map->count; i++) {
        if (strcmp(map->keys[i]->text, key) != 0) {
            out->keys[out->count] = map->keys[i];
            out->items[out->count++] = map->items[i];
        }
    }
    return out;
}

static void gather_list(struct gathering *g, const struct tree *list, bool steps);

static int64_t times_of(struct parser *p, const struct tree *t)
{
    uint64_t times = 0;
    const char *text;
    if (value_text(p, t, "`times`", &text) &&
        (slice_to_u64(slice_str(text), &times) != 0 || times < 1 || times > ROUNDS_MAX)) {
        mistake_add(p->m, t->at, "`times` is a number from 1 to %d, not \"%s\"", ROUNDS_MAX, text);
        times = 0;
    }
    return (int64_t)times;
}

/* A trigger becomes a step before the first round that only waits, a label one after the last. */
static void gather_repeat(struct gathering *g, const struct tree *t, const struct tree *repeat)
{
    struct parser *p = g->e->p;
    const struct tree *times = tree_get(repeat, "times");
    const struct tree *steps = tree_get(repeat, "steps");
    const struct tree *label = tree_get(t, "as");
    struct tree *before = without(g->e, without(g->e, t, "repeat"), "as");
    if (g->e->round != 0) {
        mistake_add(p->m, repeat->at, "`repeat` inside `repeat` is not part of the language");
        return;
    }
    if (times == NULL || steps == NULL || repeat->count != 2) {
        mistake_add(p->m, repeat->at, "`repeat` is a map: {times: 3, steps: [...]}");
        return;
    }
    int64_t rounds = times_of(p, times);
    if (steps->kind != TREE_LIST || steps->count == 0) {
        mistake_add(p->m, steps->at, "`steps` is a list of steps, not %s", tree_kind_name(steps));
        return;
    }
    if (before->count > 0) {
        gather(g, before);
    }
    g->repeats = repeat->at;
    for (int64_t i = 1; i <= rounds && g->count <= SCENARIO_STEPS_MAX; i++) {
        g->e->round = (int)i;
        gather_list(g, steps, true);
    }
    g->e->round = 0;
    if (label != NULL) {
        struct tree *after = without(g->e, t, "");
        after->count = 0;
        for (size_t i = 0; i < t->count; i++) {
            if (t->items[i] == label) {
                after->keys[0] = t->keys[i];
                after->items[0] = t->items[i];
                after->count = 1;
            }
        }
        gather(g, after);
    }
}

static void gather_list(struct gathering *g, const struct tree *list, bool steps)
{
    struct expansion *e = g->e;
    for (size_t i = 0; i < list->count && g->count <= SCENARIO_STEPS_MAX; i++) {
        const struct tree *item = list->items[i];
        const struct tree *condition = tree_get(item, "if");
        if (condition != NULL) {
            if (!condition_holds(e, condition)) {
                continue;
            }
            item = without(e, item, "if");
        }
        const struct tree *repeat = steps ? tree_get(item, "repeat") : NULL;
        if (repeat != NULL) {
            gather_repeat(g, item, repeat);
        } else {
            gather(g, expand(e, item));
        }
    }
}

size_t expand_list(struct expansion *e, const struct tree *list, bool steps,
                   struct expanded **items)
{
    struct gathering g = {.e = e};
    gather_list(&g, list, steps);
    *items = g.items;
    return g.count;
}
