#include "parser.h"

#include "base/duration.h"

#define CLIENTS_MAX 64
#define GROUPS_MAX  16
#define WEIGHT_MAX  1000
#define KEYS_MAX    100000
#define VALUE_MAX   (1024 * 1024)
#define RATE_MAX    100000

static void read_clients(struct parser *p, void *into, const struct tree *t)
{
    uint64_t clients = 0;
    if (value_number(p, t, "`clients`", 1, CLIENTS_MAX, &clients)) {
        ((struct load_spec *)into)->clients = (size_t)clients;
    }
}

static void read_weight(struct parser *p, struct load_spec *load, const struct tree *t,
                        enum load_op op)
{
    uint64_t weight = 0;
    if (value_number(p, t, "a share of `mix`", 0, WEIGHT_MAX, &weight)) {
        load->mix[op] = (uint32_t)weight;
    }
}

static void read_put(struct parser *p, void *into, const struct tree *t)
{
    read_weight(p, into, t, LOAD_OP_PUT);
}

static void read_get(struct parser *p, void *into, const struct tree *t)
{
    read_weight(p, into, t, LOAD_OP_GET);
}

static void read_serializable(struct parser *p, void *into, const struct tree *t)
{
    read_weight(p, into, t, LOAD_OP_SERIALIZABLE);
}

static void read_delete(struct parser *p, void *into, const struct tree *t)
{
    read_weight(p, into, t, LOAD_OP_DELETE);
}

static void read_mix(struct parser *p, void *into, const struct tree *t)
{
    static const struct key_rule rules[] = {
        {"put", read_put},       {"get", read_get}, {"get-serializable", read_serializable},
        {"delete", read_delete}, {"txn", NULL},     {"lease", NULL},
        {"watch", NULL}};
    struct load_spec *load = into;
    uint32_t sum = 0;
    size_t before = p->m->count;
    memset(load->mix, 0, sizeof(load->mix));
    if (!MAP_READ(p, t, "`mix`", rules, load) || p->m->count > before) {
        return;
    }
    for (size_t i = 0; i < LOAD_OPS; i++) {
        sum += load->mix[i];
    }
    if (sum == 0) {
        mistake_add(p->m, t->at, "`mix` asks for nothing, for instance {put: 1, get: 3}");
    }
}

static void read_count(struct parser *p, void *into, const struct tree *t)
{
    value_number(p, t, "`count`", 1, KEYS_MAX, &((struct load_spec *)into)->keys);
}

/* "uniform" or "zipf 1.1" */
static void read_skew(struct parser *p, void *into, const struct tree *t)
{
    struct load_spec *load = into;
    const char *text;
    uint64_t whole = 0;
    uint64_t tenths = 0;
    if (!value_text(p, t, "`skew`", &text)) {
        return;
    }
    load->zipf_tenths = 0;
    if (strcmp(text, "uniform") == 0) {
        return;
    }
    const char *number_text = strncmp(text, "zipf ", 5) == 0 ? text + 5 : "";
    const char *point = strchr(number_text, '.');
    size_t len = point != NULL ? (size_t)(point - number_text) : strlen(number_text);
    bool good = slice_to_u64(slice_of(number_text, len), &whole) == 0 && whole <= 3;
    if (good && point != NULL) {
        good = strlen(point + 1) == 1 && slice_to_u64(slice_str(point + 1), &tenths) == 0;
    }
    if (!good || whole * 10 + tenths == 0 || whole * 10 + tenths > 30) {
        mistake_add(p->m, t->at,
                    "`skew` is uniform, or zipf with an exponent from 0.1 to 3.0: "
                    "zipf 1.1");
        return;
    }
    load->zipf_tenths = (uint32_t)(whole * 10 + tenths);
}

static void read_keys(struct parser *p, void *into, const struct tree *t)
{
    static const struct key_rule rules[] = {{"count", read_count}, {"skew", read_skew}};
    MAP_READ(p, t, "`keys`", rules, into);
}

/* "100B" or "10B..4KiB" */
static void read_values(struct parser *p, void *into, const struct tree *t)
{
    struct load_spec *load = into;
    const char *text;
    if (!value_text(p, t, "`values`", &text)) {
        return;
    }
    const char *dots = strstr(text, "..");
    size_t low = dots != NULL ? (size_t)(dots - text) : t->len;
    bool good = value_bytes(p, t, 0, low, "`values`", &load->value_min);
    load->value_max = load->value_min;
    if (good && dots != NULL) {
        good = value_bytes(p, t, low + 2, t->len - low - 2, "`values`", &load->value_max);
    }
    if (good && (load->value_min > load->value_max || load->value_max > VALUE_MAX)) {
        mistake_add(p->m, t->at,
                    "`values` is a size or a range of sizes up to 1MiB, for instance "
                    "10B..4KiB");
    }
}

/* "200/s" or "500/s open" */
static void read_rate(struct parser *p, void *into, const struct tree *t)
{
    struct load_spec *load = into;
    const char *text;
    if (!value_text(p, t, "`rate`", &text)) {
        return;
    }
    size_t len = t->len;
    load->open = len > 5 && strcmp(text + len - 5, " open") == 0;
    len -= load->open ? 5 : 0;
    if (len < 3 || memcmp(text + len - 2, "/s", 2) != 0 ||
        slice_to_u64(slice_of(text, len - 2), &load->rate) != 0 || load->rate == 0 ||
        load->rate > RATE_MAX) {
        mistake_add(p->m, t->at,
                    "`rate` is what all clients together call in a second, for instance 200/s, or "
                    "200/s open: also while answers are late");
    }
}

static void read_endpoints(struct parser *p, void *into, const struct tree *t)
{
    struct load_spec *load = into;
    if (t->kind == TREE_SCALAR && strcmp(t->text, "all") == 0) {
        return;
    }
    if (!value_whos(p, t, &load->endpoints)) {
        return;
    }
    for (size_t i = 0; i < load->endpoints.count; i++) {
        const struct who *who = &load->endpoints.items[i];
        if (who->kind != WHO_MEMBER || !p->s->members[who->member].startable) {
            mistake_add(p->m, who->at, "`endpoints` is `all` or a list of members' names");
        }
    }
}

static void read_session(struct parser *p, void *into, const struct tree *t)
{
    static const char *const names[] = {"lasting", "fresh"};
    ((struct load_spec *)into)->fresh = value_choice(p, t, "`session`", names, 2) == 1;
}

static void read_one(struct parser *p, const struct tree *t)
{
    static const struct key_rule rules[] = {
        {"clients", read_clients}, {"mix", read_mix},   {"keys", read_keys},
        {"values", read_values},   {"rate", read_rate}, {"endpoints", read_endpoints},
        {"session", read_session}};
    struct load_spec *load = &p->s->loads[p->s->load_count++];
    *load = (struct load_spec){
        .clients = 1, .mix = {[LOAD_OP_PUT] = 1, [LOAD_OP_GET] = 1}, .keys = 10, .at = t->at};
    MAP_READ(p, t, "`load`", rules, load);
}

void load_read(struct parser *p, const struct tree *t)
{
    size_t count = t->kind == TREE_LIST ? t->count : 1;
    if (count == 0 || count > GROUPS_MAX) {
        mistake_add(p->m, t->at, "`load` is one group of clients or a list of up to %d",
                    GROUPS_MAX);
        return;
    }
    p->s->loads = mem_zalloc(p->mem, count, sizeof(p->s->loads[0]));
    for (size_t i = 0; i < count; i++) {
        read_one(p, t->kind == TREE_LIST ? t->items[i] : t);
    }
}
