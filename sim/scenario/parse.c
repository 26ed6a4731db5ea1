#include "expand.h"

#include "base/duration.h"

#define MEMORY_MAX     (UINT64_C(1) << 30)
#define SETTLE_DEFAULT (20 * SEC_NS)

static void read_version(struct parser *p, void *into, const struct tree *t)
{
    const char *text;
    (void)into;
    if (value_text(p, t, "`version`", &text) && strcmp(text, "1") != 0) {
        mistake_add(p->m, t->at, "version %s of the language is unknown here; this is version %d",
                    text, SCENARIO_VERSION);
    }
}

static void read_name(struct parser *p, void *into, const struct tree *t)
{
    const char *text;
    (void)into;
    if (!value_text(p, t, "`scenario`", &text)) {
        return;
    }
    /* It becomes part of run ids and of file names. */
    for (size_t i = 0; i < t->len; i++) {
        char c = text[i];
        bool good = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                    c == '-' || c == '_' || (c == '.' && i > 0);
        if (!good || t->len > 100) {
            mistake_add(p->m, t->at,
                        "a scenario's name is one word of letters, digits, `-`, `_` "
                        "and `.`, at most 100");
            return;
        }
    }
    p->s->name = text;
}

static void read_about(struct parser *p, void *into, const struct tree *t)
{
    (void)into;
    value_text(p, t, "`about`", &p->s->about);
}

static void read_flags(struct parser *p, void *into, const struct tree *t)
{
    (void)into;
    flags_read(p, &p->s->flags, t);
}

static void read_boot(struct parser *p, void *into, const struct tree *t)
{
    static const char *const names[] = {"warm", "cold"};
    (void)into;
    p->s->cold = value_choice(p, t, "`boot`", names, 2) == 1;
}

static void read_budget(struct parser *p, void *into, const struct tree *t)
{
    static const char *const names[] = {"survivable", "none"};
    (void)into;
    p->s->unbounded = value_choice(p, t, "`budget`", names, 2) == 1;
}

static void read_probe_put(struct parser *p, void *into, const struct tree *t)
{
    value_duration(p, t, "`put`", &((struct probe_spec *)into)->put_ns);
}

static void read_probe_get(struct parser *p, void *into, const struct tree *t)
{
    value_duration(p, t, "`get`", &((struct probe_spec *)into)->get_ns);
}

static void read_probe_serializable(struct parser *p, void *into, const struct tree *t)
{
    value_duration(p, t, "`get-serializable`", &((struct probe_spec *)into)->serializable_ns);
}

static void read_probe(struct parser *p, void *into, const struct tree *t)
{
    static const struct key_rule rules[] = {{"put", read_probe_put},
                                            {"get", read_probe_get},
                                            {"get-serializable", read_probe_serializable}};
    struct probe_spec *probe = &p->s->probe;
    size_t before = p->m->count;
    (void)into;
    probe->at = t->at;
    if (!MAP_READ(p, t, "`probe`", rules, probe) || p->m->count > before) {
        return;
    }
    const int64_t intervals[] = {probe->put_ns, probe->get_ns, probe->serializable_ns};
    for (size_t i = 0; i < 3; i++) {
        if (intervals[i] != 0 && intervals[i] < MS_NS) {
            mistake_add(p->m, t->at, "a probe's interval is 1ms or more");
        }
    }
}

static void read_until(struct parser *p, void *into, const struct tree *t)
{
    (void)into;
    p->s->until_given = value_duration(p, t, "`until`", &p->s->until_ns);
    if (p->s->until_given && p->s->until_ns == 0) {
        mistake_add(p->m, t->at, "`until` is 0: nothing would happen");
    }
}

static void read_settle(struct parser *p, void *into, const struct tree *t)
{
    (void)into;
    if (t->kind == TREE_SCALAR && strcmp(t->text, "none") == 0) {
        p->s->settle = false;
    } else {
        p->s->settle = value_duration(p, t, "`settle`", &p->s->settle_ns);
    }
}

/* Read apart, in an order of their own: what they name is declared by others. */
static void read_later(struct parser *p, void *into, const struct tree *t)
{
    (void)p;
    (void)into;
    (void)t;
}

static void read_leader(struct parser *p, const struct tree *t)
{
    const char *text;
    if (!value_text(p, t, "`leader`", &text)) {
        return;
    }
    int member = member_spec_find(p->s, text);
    if (member < 0) {
        mistake_add(p->m, t->at, "unknown member \"%s\"; known here: %s", text, known_members(p));
        return;
    }
    p->s->leader_given = true;
    p->s->leader = (size_t)member;
    if (p->s->cold) {
        mistake_add(p->m, t->at,
                    "`leader` and `boot: cold` contradict each other: a cold cluster "
                    "has no leader at the start");
    }
}

/* The lists of steps and expectations are expanded when they are read, the rest at once. */
static const struct tree *expand_root(struct expansion *e, const struct tree *root)
{
    static const char *const apart[] = {"vary", "timeline", "expect"};
    struct tree *out = mem_zalloc(e->p->mem, 1, sizeof(*out));
    *out = *root;
    out->items = mem_zalloc(e->p->mem, root->count + 1, sizeof(out->items[0]));
    for (size_t i = 0; i < root->count; i++) {
        bool as_it_is = false;
        for (size_t k = 0; k < 3; k++) {
            as_it_is = as_it_is || strcmp(root->keys[i]->text, apart[k]) == 0;
        }
        out->items[i] =
            as_it_is ? root->items[i] : (struct tree *)(uintptr_t)expand(e, root->items[i]);
    }
    return out;
}

static void read_repeat(struct parser *p, void *into, const struct tree *t)
{
    (void)into;
    mistake_add(p->m, t->at, "`repeat` is a step: timeline: [{repeat: {times: 3, steps: [...]}}]");
}

static void read_root(struct parser *p, struct expansion *e, const struct tree *root)
{
    static const struct key_rule rules[] = {
        {"version", read_version},
        {"scenario", read_name},
        {"about", read_about},
        {"members", read_later},
        {"flags", read_flags},
        {"leader", read_later},
        {"boot", read_boot},
        {"probe", read_probe},
        {"timeline", read_later},
        {"until", read_until},
        {"settle", read_settle},
        {"expect", read_later},
        {"vary", read_later},
        {"load", read_later},
        {"nemesis", NULL},
        {"swarm", NULL},
        {"budget", read_budget},
        {"repeat", read_repeat},
        {"from", NULL},
        {"ci", NULL},
    };
    const struct position top = root->at;
    if (!MAP_READ(p, root, "a scenario", rules, NULL)) {
        return;
    }
    const struct tree *members = tree_get(root, "members");
    const struct tree *leader = tree_get(root, "leader");
    const struct tree *timeline = tree_get(root, "timeline");
    const struct tree *expect = tree_get(root, "expect");
    const struct tree *load = tree_get(root, "load");
    if (tree_get(root, "version") == NULL) {
        mistake_add(p->m, top, "`version: 1` is missing");
    }
    if (tree_get(root, "scenario") == NULL) {
        mistake_add(p->m, top, "`scenario` is missing: the story's name");
    }
    if (members == NULL) {
        mistake_add(p->m, top, "`members` is missing: a list of names, or a map");
    } else {
        members_read(p, members);
    }
    if (leader != NULL) {
        read_leader(p, leader);
    }
    if (load != NULL) {
        load_read(p, load);
    }
    if (timeline != NULL) {
        timeline_read(p, e, timeline);
    }
    if (tree_get(root, "until") == NULL && p->s->step_count == 0) {
        mistake_add(p->m, top, "`until` is missing: nothing says when the run ends");
    }
    if (expect != NULL) {
        expects_read(p, e, expect);
    }
    for (size_t i = 0; i < p->s->step_count; i++) {
        const struct trigger *g = &p->s->steps[i].trigger;
        if (g->kind == TRIGGER_AT && p->s->until_given && g->point.offset_ns >= p->s->until_ns) {
            mistake_add(p->m, g->at, "this step is never reached: the run ends before (`until`)");
        }
    }
}

/* Reads the case with this number; *cases: how many there are. NULL: not even YAML. */
static struct scenario *parse_case(struct slice text, const char *path, struct mistakes *m,
                                   size_t which, size_t *cases)
{
    struct mem_pool *pool = mem_pool_new(MEMORY_MAX, -1);
    struct mem *mem = mem_pool_mem(pool);
    struct scenario *s = mem_zalloc(mem, 1, sizeof(*s));
    struct expansion e;
    s->pool = pool;
    s->path = mem_strdup(mem, path, strlen(path));
    s->about = "";
    s->settle = true;
    s->settle_ns = SETTLE_DEFAULT;
    s->members = mem_zalloc(mem, SCENARIO_MEMBERS_MAX, sizeof(s->members[0]));
    s->text = slice_of(mem_strdup(mem, (const char *)text.ptr, text.len), text.len);
    struct parser p = {.s = s, .m = m, .mem = mem};
    const struct tree *root = tree_read(text, m, mem);
    if (root == NULL) {
        mem_pool_free(pool);
        return NULL;
    }
    if (root->kind != TREE_MAP) {
        e = (struct expansion){.p = &p};
        read_root(&p, &e, root);
        return s;
    }
    *cases = expand_begin(&e, &p, root, which);
    read_root(&p, &e, expand_root(&e, root));
    if (e.chosen != NULL && s->name != NULL) {
        struct buf name;
        buf_init(&name, mem);
        buf_printf(&name, "%s.%s", s->name, e.chosen);
        s->name = mem_strdup(mem, (const char *)name.ptr, name.len);
        s->case_name = e.chosen;
        buf_fini(&name);
    }
    return s;
}

int scenario_parse(struct slice text, const char *path, struct scenario **out, struct buf *mistakes,
                   size_t *count)
{
    struct mem_pool *pool = mem_pool_new(MEMORY_MAX, -1);
    struct mistakes *m = mem_zalloc(mem_pool_mem(pool), 1, sizeof(*m));
    struct scenario **last = out;
    size_t cases = 1;
    m->mem = mem_pool_mem(pool);
    *out = NULL;
    for (size_t i = 0; i < cases; i++) {
        *last = parse_case(text, path, m, i, &cases);
        if (*last == NULL) {
            break;
        }
        last = &(*last)->next;
    }
    *count = m->count;
    int err = m->count > 0 ? ERR_INVALID : 0;
    if (err != 0) {
        mistake_tell(m, path, mistakes);
        scenario_free(*out);
        *out = NULL;
    }
    mem_pool_free(pool);
    return err;
}

void scenario_free(struct scenario *s)
{
    while (s != NULL) {
        struct scenario *next = s->next;
        mem_pool_free(s->pool);
        s = next;
    }
}

struct scenario *scenario_take(struct scenario *first, struct slice name)
{
    struct scenario *found = first;
    for (struct scenario *s = first; s != NULL; s = s->next) {
        found = slice_eq_str(name, s->name) ? s : found;
    }
    for (struct scenario *s = first; s != NULL;) {
        struct scenario *next = s->next;
        s->next = NULL;
        if (s != found) {
            scenario_free(s);
        }
        s = next;
    }
    return found;
}
