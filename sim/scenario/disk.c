/* `disk`: which members' disks, and one key for each thing that is wrong with them. */
#include "parser.h"

#define FOR_EVER UINT64_C(1000000000)

static const char *const trouble_names[TROUBLE_COUNT] = {
    "fail", "lie",  "short-reads", "flip",  "stale", "misdirect",
    "full", "slow", "rate",        "stall", "rot",   "drop, tear, trash or names"};
static const char *const op_names[TROUBLE_OP_COUNT] = {
    "write", "sync", "read", "sync-dir", "open", "allocate", "truncate", "rename", "remove"};

const char *scenario_trouble_name(enum trouble_kind kind)
{
    return trouble_names[kind];
}

const char *scenario_trouble_op_name(enum trouble_op op)
{
    return op_names[op];
}

static struct trouble *begin(void *into, const struct tree *t, enum trouble_kind kind)
{
    struct trouble *trouble = &((struct action *)into)->disk.troubles[kind];
    trouble->present = true;
    trouble->at = t->at;
    return trouble;
}

/* Keys of a trouble's own map
 * --------------------------------------------------------------------*/

static void read_file(struct parser *p, void *into, const struct tree *t)
{
    value_text(p, t, "`file`", &((struct trouble *)into)->file);
}

/* A number, or `all`: for as long as the fault lasts. */
static void read_count(struct parser *p, void *into, const struct tree *t)
{
    struct trouble *trouble = into;
    trouble->count = 0;
    if (t->kind != TREE_SCALAR || strcmp(t->text, "all") != 0) {
        value_number(p, t, "`count`", 1, FOR_EVER, &trouble->count);
    }
}

static void read_op(struct parser *p, void *into, const struct tree *t)
{
    int choice = value_choice(p, t, "operation", op_names, TROUBLE_OP_COUNT);
    if (choice >= 0) {
        ((struct trouble *)into)->op = (enum trouble_op)choice;
    }
}

static void read_error(struct parser *p, void *into, const struct tree *t)
{
    static const char *const names[] = {"io", "no-space"};
    ((struct trouble *)into)->no_space = value_choice(p, t, "error", names, 2) == 1;
}

static void read_length(struct parser *p, void *into, const struct tree *t)
{
    struct trouble *trouble = into;
    if (value_number(p, t, "`bytes`", 1, 65536, &trouble->bytes)) {
        return;
    }
    trouble->bytes = 1;
}

static void read_bits(struct parser *p, void *into, const struct tree *t)
{
    value_number(p, t, "`bits`", 1, 1000, &((struct trouble *)into)->bytes);
}

static void read_offset(struct parser *p, void *into, const struct tree *t)
{
    struct trouble *trouble = into;
    trouble->placed = value_bytes(p, t, 0, t->len, "`offset`", &trouble->offset);
}

static void read_by(struct parser *p, void *into, const struct tree *t)
{
    value_range(p, t, "`by`", true, &((struct trouble *)into)->by);
}

static void read_factor(struct parser *p, void *into, const struct tree *t)
{
    value_number(p, t, "`factor`", 2, 100000, &((struct trouble *)into)->factor);
}

/* `true`, or a map of what may be said in addition. */
static void read_true_or_map(struct parser *p, struct trouble *trouble, const struct tree *t,
                             const char *what, const struct key_rule *rules, size_t count)
{
    if (t->kind == TREE_SCALAR && strcmp(t->text, "true") == 0) {
        return;
    }
    if (t->kind != TREE_MAP) {
        mistake_add(p->m, t->at, "%s is `true` or a map, for instance {%s: %s}", what,
                    rules[0].name, strcmp(rules[0].name, "file") == 0 ? "wal" : "1");
        return;
    }
    map_read(p, t, what, rules, count, trouble);
}

/* Keys of `disk`
 * ---------------------------------------------------------------------------------*/

static const struct key_rule with_file_and_count[] = {{"count", read_count}, {"file", read_file}};

static void read_fail(struct parser *p, void *into, const struct tree *t)
{
    static const struct key_rule rules[] = {
        {"op", read_op}, {"count", read_count}, {"error", read_error}, {"file", read_file}};
    struct trouble *trouble = begin(into, t, TROUBLE_FAIL);
    trouble->count = 1;
    if (MAP_READ(p, t, "`fail`", rules, trouble) && tree_get(t, "op") == NULL) {
        mistake_add(p->m, t->at, "`fail` does not say which `op`: {op: sync, count: 1}");
    }
}

static void read_lie(struct parser *p, void *into, const struct tree *t)
{
    read_true_or_map(p, begin(into, t, TROUBLE_LIE), t, "`lie`", with_file_and_count, 2);
}

static void read_short(struct parser *p, void *into, const struct tree *t)
{
    read_true_or_map(p, begin(into, t, TROUBLE_SHORT), t, "`short-reads`", with_file_and_count, 2);
}

static void read_flip(struct parser *p, void *into, const struct tree *t)
{
    static const struct key_rule rules[] = {
        {"count", read_count}, {"bits", read_bits}, {"file", read_file}};
    struct trouble *trouble = begin(into, t, TROUBLE_FLIP);
    trouble->bytes = 1;
    read_true_or_map(p, trouble, t, "`flip`", rules, 3);
}

static void read_stale(struct parser *p, void *into, const struct tree *t)
{
    read_true_or_map(p, begin(into, t, TROUBLE_STALE), t, "`stale`", with_file_and_count, 2);
}

static void read_misdirect(struct parser *p, void *into, const struct tree *t)
{
    struct trouble *trouble = begin(into, t, TROUBLE_MISDIRECT);
    trouble->count = 1;
    read_true_or_map(p, trouble, t, "`misdirect`", with_file_and_count, 2);
}

static void read_full(struct parser *p, void *into, const struct tree *t)
{
    const char *text;
    struct trouble *trouble = begin(into, t, TROUBLE_FULL);
    if (value_text(p, t, "`full`", &text)) {
        value_bytes(p, t, 0, t->len, "`full`", &trouble->bytes);
    }
}

/* "10ms..2s", or {by: 10ms..2s, factor: 10} */
static void read_slow(struct parser *p, void *into, const struct tree *t)
{
    static const struct key_rule rules[] = {{"by", read_by}, {"factor", read_factor}};
    struct trouble *trouble = begin(into, t, TROUBLE_SLOW);
    if (t->kind != TREE_MAP) {
        value_range(p, t, "`slow`", true, &trouble->by);
    } else if (t->count == 0) {
        mistake_add(p->m, t->at, "`slow` says neither `by` nor `factor`");
    } else {
        MAP_READ(p, t, "`slow`", rules, trouble);
    }
}

static void read_rate(struct parser *p, void *into, const struct tree *t)
{
    value_rate(p, t, &begin(into, t, TROUBLE_RATE)->bytes);
}

/* What is there or not; `false` would mean nothing. */
static bool read_true(struct parser *p, const struct tree *t, const char *what)
{
    if (t->kind != TREE_SCALAR || strcmp(t->text, "true") != 0) {
        mistake_add(p->m, t->at, "%s is `true`, or it is not there", what);
        return false;
    }
    return true;
}

static void read_stall(struct parser *p, void *into, const struct tree *t)
{
    begin(into, t, TROUBLE_STALL);
    read_true(p, t, "`stall`");
}

static void read_rot(struct parser *p, void *into, const struct tree *t)
{
    static const struct key_rule rules[] = {
        {"file", read_file}, {"bytes", read_length}, {"offset", read_offset}};
    struct trouble *trouble = begin(into, t, TROUBLE_ROT);
    trouble->bytes = 1;
    read_true_or_map(p, trouble, t, "`rot`", rules, 3);
    if (trouble->placed && trouble->file == NULL) {
        mistake_add(p->m, t->at, "`offset` needs `file`: a place in which file?");
    }
}

static void read_drop(struct parser *p, void *into, const struct tree *t)
{
    value_percent(p, t, "`drop`", &begin(into, t, TROUBLE_POWER)->drop_ppm);
}

static void read_tear(struct parser *p, void *into, const struct tree *t)
{
    value_percent(p, t, "`tear`", &begin(into, t, TROUBLE_POWER)->tear_ppm);
}

static void read_trash(struct parser *p, void *into, const struct tree *t)
{
    value_percent(p, t, "`trash`", &begin(into, t, TROUBLE_POWER)->trash_ppm);
}

static void read_names(struct parser *p, void *into, const struct tree *t)
{
    value_percent(p, t, "`names`", &begin(into, t, TROUBLE_POWER)->names_ppm);
}

static void read_wipe(struct parser *p, void *into, const struct tree *t)
{
    ((struct action *)into)->disk.wipe = read_true(p, t, "`wipe`");
}

static void read_clone(struct parser *p, void *into, const struct tree *t)
{
    struct action *a = into;
    struct who who;
    if (!value_who(p, t, &who)) {
        return;
    }
    if (who.kind != WHO_MEMBER || !p->s->members[who.member].startable) {
        mistake_add(p->m, t->at, "`clone` takes the name of the member whose disk is copied");
        return;
    }
    a->disk.clone = true;
    a->disk.clone_of = who.member;
}

static void read_member(struct parser *p, void *into, const struct tree *t)
{
    value_whos(p, t, &((struct action *)into)->who);
}

bool disk_action_lasts(const struct disk_action *disk)
{
    for (size_t i = 0; i < TROUBLE_COUNT; i++) {
        if (disk->troubles[i].present) {
            return true;
        }
    }
    return false;
}

static void judge(struct parser *p, const struct action *a, const struct tree *t, size_t before)
{
    const struct trouble *power = &a->disk.troubles[TROUBLE_POWER];
    bool replaced = a->disk.wipe || a->disk.clone;
    if (tree_get(t, "member") == NULL) {
        mistake_add(p->m, t->at, "`disk` does not say whose: {member: n1, stall: true}");
        return;
    }
    if (p->m->count > before) {
        return;
    }
    if (!replaced && !disk_action_lasts(&a->disk)) {
        mistake_add(p->m, t->at,
                    "`disk` does not say what is wrong: fail, lie, rot, flip, misdirect, stale, "
                    "short-reads, full, slow, rate, stall, drop, tear, trash, names, wipe or "
                    "clone");
    } else if (replaced && (disk_action_lasts(&a->disk) || (a->disk.wipe && a->disk.clone))) {
        mistake_add(p->m, t->at, "`wipe` and `clone` stand alone: the disk is another one then");
    }
    if ((uint64_t)power->drop_ppm + power->tear_ppm + power->trash_ppm > 1000000) {
        mistake_add(p->m, power->at,
                    "drop, tear and trash are shares of the same writes: more than 100%% together");
    }
}

void disk_action_read(struct parser *p, struct action *a, const struct tree *t)
{
    static const struct key_rule rules[] = {
        {"member", read_member}, {"fail", read_fail}, {"lie", read_lie},
        {"rot", read_rot},       {"flip", read_flip}, {"misdirect", read_misdirect},
        {"stale", read_stale},   {"full", read_full}, {"short-reads", read_short},
        {"slow", read_slow},     {"rate", read_rate}, {"stall", read_stall},
        {"drop", read_drop},     {"tear", read_tear}, {"trash", read_trash},
        {"names", read_names},   {"wipe", read_wipe}, {"clone", read_clone},
    };
    size_t before = p->m->count;
    p->disk = true;
    if (MAP_READ(p, t, "`disk`", rules, a)) {
        judge(p, a, t, before);
    }
    p->disk = false;
}
