/* Clients: what they ask, what they are told, and whether that can be. */
#include "churn.h"

#include "base/assert.h"

#define BOX_STEPS 2000000

static char *copy(struct churn *c, struct slice text)
{
    char *to = mem_alloc(c->mem, text.len + 1);
    if (text.len > 0) {
        memcpy(to, text.ptr, text.len);
    }
    to[text.len] = '\0';
    return to;
}

static void load_start(struct churn *c, int i, const char *endpoints, const char *mix,
                       const char *pace, const char *count)
{
    struct client *client = &c->clients[i];
    char name[32];
    if (node_state(client->node) == NODE_RUNNING) {
        return;
    }
    snprintf(name, sizeof(name), "--name=%s.%d", node_name(client->node), (int)++client->starts);
    const char *const args[] = {"load",
                                name,
                                mix,
                                "--key=k",
                                "--keys=4",
                                endpoints,
                                pace,
                                count,
                                i >= BURST ? "--calling=open" : "--calling=paced",
                                i >= BURST ? "--timeout-ns=700000000" : "--timeout-ns=1500000000",
                                i < 2 || i >= BURST ? "--session=lasting" : "--session=fresh"};
    const struct node_start how = {.program = &load_program,
                                   .args = args,
                                   .arg_count = sizeof(args) / sizeof(args[0]),
                                   .log_level = LOG_ERROR};
    int err = node_start(client->node, &how);
    ASSERT(err == 0);
}

/* Two ask everybody; the others are bound to one machine each, whoever may be there. */
void clients_start(struct churn *c)
{
    char everybody[512] = "--endpoints=";
    size_t at = strlen(everybody);
    for (int i = 0; i < PLACES; i++) {
        at += (size_t)snprintf(everybody + at, sizeof(everybody) - at, "%shttp://10.0.0.%d:2379",
                               i == 0 ? "" : ",", i + 1);
    }
    for (int i = 0; i < BURST; i++) {
        char pinned[64];
        char pace[48];
        uint64_t place = rng_below(&c->rng_plan, (uint64_t)c->draws.members);
        int64_t interval = rng_range(&c->rng_plan, 30, 150) * MS_NS;
        snprintf(pinned, sizeof(pinned), "--endpoints=http://10.0.0.%d:2379", (int)place + 1);
        snprintf(pace, sizeof(pace), "--interval-ns=%lld", (long long)interval);
        load_start(c, i, i < 2 ? everybody : pinned, i < 2 ? "--mix=60,30,5,5" : "--mix=45,30,20,5",
                   pace, "--count=0");
    }
}

void client_burst(struct churn *c, int place, bool other)
{
    char endpoint[64];
    char count[32];
    char pace[48];
    /* A flood that makes a tail of a log, or a trickle that lasts for two elections: reads that a
     * leader of before must not answer, while others write. */
    bool flood = !other && rng_chance(&c->rng_plan, 500000);
    int64_t interval_ms = flood ? 4 : 20;
    int64_t most = flood ? 40 : 3 * c->draws.election_ms / interval_ms;
    int64_t requests = flood ? rng_range(&c->rng_plan, 5, most) : most;
    snprintf(endpoint, sizeof(endpoint), "--endpoints=http://10.0.0.%d:2379", place + 1);
    snprintf(count, sizeof(count), "--count=%d", (int)requests);
    snprintf(pace, sizeof(pace), "--interval-ns=%lld", (long long)(interval_ms * MS_NS));
    load_start(c, other ? BURST + 1 : BURST, endpoint,
               flood   ? "--mix=100,0,0,0"
               : other ? "--mix=70,30,0,0"
                       : "--mix=20,80,0,0",
               pace, count);
}

void clients_stop(struct churn *c)
{
    for (int i = 0; i < CLIENTS; i++) {
        if (node_state(c->clients[i].node) == NODE_RUNNING) {
            node_crash(c->clients[i].node);
        }
    }
}

static void called(struct churn *c, int client, const struct load_line *line)
{
    if (c->request_count == c->request_cap) {
        c->request_cap = c->request_cap == 0 ? 512 : c->request_cap * 2;
        c->requests = mem_resize(c->mem, c->requests, c->request_cap * sizeof(*c->requests));
    }
    struct request *r = &c->requests[c->request_count++];
    *r = (struct request){.client = client,
                          .n = line->n,
                          .kind = HISTORY_RANGE,
                          .serializable = slice_eq_str(line->kind, "get-serializable"),
                          .key = copy(c, line->key),
                          .value = copy(c, line->text),
                          .call_ns = churn_now(c)};
    if (slice_eq_str(line->kind, "put")) {
        r->kind = HISTORY_PUT;
    } else if (slice_eq_str(line->kind, "delete")) {
        r->kind = HISTORY_DELETE;
    }
}

static void add_request(struct churn *c, struct request *r, const struct load_line *line)
{
    static const enum history_outcome outcomes[] = {HISTORY_OK, HISTORY_REFUSED, HISTORY_UNKNOWN};
    enum history_outcome outcome = line == NULL ? HISTORY_UNKNOWN : outcomes[line->outcome];
    r->put_back = true;
    c->sums.ok += outcome == HISTORY_OK;
    c->sums.refused += outcome == HISTORY_REFUSED;
    c->sums.unknown += outcome == HISTORY_UNKNOWN;
    if (r->kind == HISTORY_RANGE && outcome != HISTORY_OK) {
        return; /* it saw nothing */
    }
    struct history_op op = {.client = node_name(c->clients[r->client].node),
                            .kind = r->kind,
                            .outcome = outcome,
                            .serializable = r->serializable,
                            .key = slice_str(r->key),
                            .value = slice_str(r->kind == HISTORY_PUT ? r->value : ""),
                            .call_ns = r->call_ns,
                            .return_ns = line == NULL ? INT64_MAX : churn_now(c)};
    struct history_kv kv = {.key = op.key};
    if (outcome == HISTORY_OK) {
        op.revision = line->revision;
        op.member = line->member;
        kv.value = line->text;
        kv.create_revision = line->create;
        kv.mod_revision = line->mod;
        kv.version = line->version;
    }
    if (r->kind == HISTORY_RANGE) {
        op.kvs = &kv;
        op.count = kv.mod_revision != 0;
    } else if (outcome == HISTORY_OK) {
        c->acked++;
        op.count = r->kind == HISTORY_DELETE ? (size_t)line->version : 0;
    }
    history_add(c->history, &op);
}

static void answered(struct churn *c, int client, const struct load_line *line)
{
    for (size_t i = c->request_count; i-- > 0;) {
        struct request *r = &c->requests[i];
        if (r->client == client && r->n == line->n && !r->put_back) {
            add_request(c, r, line);
            return;
        }
    }
    UNREACHABLE();
}

void client_output(struct world_sink *sink, struct node *node, enum env_output to,
                   struct slice text)
{
    struct churn *c = container_of(sink, struct churn, sink);
    struct load_line line;
    int client = 0;
    while (client < CLIENTS && c->clients[client].node != node) {
        client++;
    }
    if (client == CLIENTS || to != ENV_STDOUT) {
        return;
    }
    ASSERT(text.len > 0 && text.ptr[text.len - 1] == '\n');
    int err = load_line_read(slice_of(text.ptr, text.len - 1), &line);
    ASSERT(err == 0);
    if (line.done) {
        answered(c, client, &line);
    } else {
        called(c, client, &line);
    }
}

void clients_judge(struct churn *c)
{
    struct clients_verdict verdict;
    struct box_limits limits = box_limits_default();
    limits.steps = BOX_STEPS;
    for (size_t i = 0; i < c->request_count; i++) {
        if (!c->requests[i].put_back) {
            add_request(c, &c->requests[i], NULL);
        }
    }
    clients_check(c->history, &limits, &verdict);
    if (verdict.result == HISTORY_VIOLATED) {
        churn_fail(c, verdict.checker, verdict.rule, "%s\n%s", verdict.methods, verdict.text);
    } else if (verdict.witness.result != HISTORY_LINEARIZABLE) {
        churn_fail(c, "history", "undecided", "%s\n%s", verdict.methods, verdict.text);
    }
    c->sums.undecided += verdict.box.result != BOX_ACCEPTS;
}

/* The number behind `name` in JSON; -1 if there is none. */
static int64_t json_number(const char *text, const char *name)
{
    const char *at = strstr(text, name);
    return at == NULL ? -1 : strtoll(at + strlen(name), NULL, 10);
}

/* The text behind `name`, decoded; false if there is none. */
static bool json_bytes(const char *text, const char *name, char *out, size_t size)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const char *at = strstr(text, name);
    uint32_t bits = 0;
    int have = 0;
    if (at == NULL) {
        return false;
    }
    for (at += strlen(name); *at != '"' && *at != '='; at++) {
        const char *digit = strchr(digits, *at);
        ASSERT(digit != NULL && size > 1);
        bits = bits << 6 | (uint32_t)(digit - digits);
        have += 6;
        if (have >= 8) {
            have -= 8;
            *out++ = (char)(bits >> have);
            size--;
        }
    }
    *out = '\0';
    return true;
}

void client_told_put(struct churn *c, const char *client, const char *value, int64_t call_ns,
                     bool ok, const char *out)
{
    struct history_op op = {.client = client,
                            .kind = HISTORY_PUT,
                            .outcome = ok ? HISTORY_OK : HISTORY_UNKNOWN,
                            .key = slice_str("k/settle"),
                            .value = slice_str(value),
                            .call_ns = call_ns,
                            .return_ns = churn_now(c),
                            .revision = ok ? json_number(out, "\"revision\":") : 0};
    history_add(c->history, &op);
}

void client_told_get(struct churn *c, const char *client, int64_t call_ns, const char *out)
{
    struct history_kv kvs[8];
    char texts[16][64];
    size_t count = 0;
    struct history_op op = {.client = client,
                            .kind = HISTORY_RANGE,
                            .outcome = HISTORY_OK,
                            .key = slice_str("k"),
                            .end = slice_str("l"),
                            .call_ns = call_ns,
                            .return_ns = churn_now(c),
                            .revision = json_number(out, "\"revision\":")};
    for (const char *at = out; (at = strstr(at, "{\"key\":")) != NULL; at++) {
        ASSERT(count < 8);
        char *key = texts[2 * count];
        char *value = texts[2 * count + 1];
        value[0] = '\0';
        bool found = json_bytes(at, "\"key\":\"", key, sizeof(texts[0]));
        ASSERT(found);
        found = json_bytes(at, "\"value\":\"", value, sizeof(texts[0]));
        ASSERT(found);
        kvs[count++] =
            (struct history_kv){.key = slice_str(key),
                                .value = slice_str(value),
                                .create_revision = json_number(at, "\"create_revision\":"),
                                .mod_revision = json_number(at, "\"mod_revision\":"),
                                .version = json_number(at, "\"version\":")};
    }
    op.kvs = kvs;
    op.count = count;
    history_add(c->history, &op);
}
