#include "churn.h"

int64_t churn_now(const struct churn *c)
{
    return world_engine(c->world)->now_ns;
}

uint64_t churn_seeds(uint64_t count)
{
    const char *seeds = getenv("CHURN_SEEDS");
    return seeds == NULL ? count : strtoull(seeds, NULL, 10);
}

static void observe(struct observer *observer, const struct obs_event *event)
{
    struct place *place = (struct place *)observer;
    check_event(place->check, churn_now(place->churn), world_engine(place->churn->world)->event,
                event);
}

static bool survives(void *disk, const char *path, uint64_t offset, uint64_t len)
{
    return disk_survives(disk, path, offset, len);
}

static void member_ended(struct node *node, void *data)
{
    (void)node;
    check_ended(((struct place *)data)->check);
}

void churn_member_start(struct churn *c, int i)
{
    struct place *place = &c->places[i];
    char peer[64];
    char client[64];
    snprintf(peer, sizeof(peer), "http://10.0.0.%d:2380", i + 1);
    snprintf(client, sizeof(client), "http://10.0.0.%d:2379", i + 1);
    const char *const args[] = {"quorated",
                                "--name",
                                node_name(place->node),
                                "--initial-advertise-peer-urls",
                                peer,
                                "--listen-peer-urls",
                                peer,
                                "--listen-client-urls",
                                client,
                                "--advertise-client-urls",
                                client,
                                "--initial-cluster",
                                place->cluster,
                                "--initial-cluster-state",
                                place->state};
    const struct node_start how = {.program = &server_program,
                                   .args = args,
                                   .arg_count = sizeof(args) / sizeof(args[0]),
                                   .log_level = LOG_ERROR,
                                   .observer = &place->observer,
                                   .ended = member_ended,
                                   .data = place};
    assert_int_equal(node_start(place->node, &how), 0);
    place->wanted = true;
    place->down_until_ns = -1;
}

void churn_member_wipe(struct churn *c, int i)
{
    struct place *place = &c->places[i];
    struct host *host = node_host(place->node);
    if (node_state(place->node) == NODE_RUNNING) {
        node_resume(place->node);
        node_crash(place->node);
    }
    disk_stall(host_disk(host), false);
    host_power_off(host);
    host_power_on(host);
    disk_wipe(host_disk(host));
    /* A member that lags behind may still list the old id, and the next start ask just that one. */
    check_amnesia(place->check);
    place->wanted = false;
    place->down_until_ns = -1;
    place->slow_until_ns = -1;
}

/* The number behind the last `name` in JSON; -1 if there is none. */
static int64_t json_number(const char *text, const char *name)
{
    const char *at = NULL;
    for (const char *p = text; (p = strstr(p, name)) != NULL; p++) {
        at = p + strlen(name);
    }
    return at == NULL ? -1 : strtoll(at, NULL, 10);
}

static void decode_base64(const char *text, char *out)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    uint32_t bits = 0;
    int have = 0;
    for (; *text != '"' && *text != '='; text++) {
        const char *digit = strchr(digits, *text);
        assert_non_null(digit);
        bits = bits << 6 | (uint32_t)(digit - digits);
        have += 6;
        if (have >= 8) {
            have -= 8;
            *out++ = (char)(bits >> have);
        }
    }
    *out = '\0';
}

static void client_ended(struct node *node, void *data)
{
    struct client *client = data;
    struct churn *c = client->churn;
    char out[4096];
    char value[64] = "";
    bool ok = node_state(node) == NODE_EXITED && node_exit_code(node) == 0;
    struct slice printed = node_output(node, ENV_STDOUT);
    size_t len = printed.len < sizeof(out) - 1 ? printed.len : sizeof(out) - 1;
    len = ok ? len : 0;
    if (len > 0) {
        memcpy(out, printed.ptr, len);
    }
    out[len] = '\0';
    client->busy = false;
    struct history_kv kv = {.key = slice_str(client->key)};
    struct history_op op = {.client = node_name(node),
                            .kind = client->is_put ? HISTORY_PUT : HISTORY_RANGE,
                            .outcome = ok ? HISTORY_OK : HISTORY_UNKNOWN,
                            .key = kv.key,
                            .value = slice_str(client->value),
                            .call_ns = client->call_ns,
                            .return_ns = churn_now(c),
                            .revision = ok ? json_number(out, "\"revision\":") : 0};
    const char *shown = strstr(out, "\"value\":\"");
    if (!client->is_put && ok && shown != NULL) {
        decode_base64(shown + strlen("\"value\":\""), value);
        kv.value = slice_str(value);
        kv.create_revision = json_number(out, "\"create_revision\":");
        kv.mod_revision = json_number(out, "\"mod_revision\":");
        kv.version = json_number(out, "\"version\":");
        op.kvs = &kv;
        op.count = 1;
    }
    c->puts_ok += ok && client->is_put;
    history_add(c->history, &op);
}

static void client_start(struct churn *c, struct client *client)
{
    snprintf(client->key, sizeof(client->key), "k%d", (int)rng_below(&c->rng, 5));
    snprintf(client->value, sizeof(client->value), "v%d", (int)c->ops++);
    client->is_put = rng_chance(&c->rng, 600000);
    const char *const put[] = {"quoratectl", c->endpoints, "-w",         "json",
                               "put",        client->key,  client->value};
    const char *const get[] = {"quoratectl", c->endpoints, "-w", "json", "get", client->key};
    const struct node_start how = {.program = &ctl_program,
                                   .args = client->is_put ? put : get,
                                   .arg_count = client->is_put ? 7 : 6,
                                   .log_level = LOG_ERROR,
                                   .ended = client_ended,
                                   .data = client};
    client->call_ns = churn_now(c);
    client->busy = true;
    assert_int_equal(node_start(client->node, &how), 0);
}

static struct node *add_machine(struct churn *c, const char *kind, int i, const char *network)
{
    char name[16];
    char address[32];
    struct host *host;
    snprintf(name, sizeof(name), "%s%d", kind, i);
    snprintf(address, sizeof(address), "10.0.%s.%d", network, i + 1);
    assert_int_equal(host_new(c->world, name, address, &host), 0);
    return node_new(host, name);
}

void churn_build(struct churn *c, uint64_t seed, int members)
{
    struct world_options options = world_options_default(seed);
    options.disk.drop_ppm = 300000;
    options.disk.tear_ppm = 300000;
    options.disk.name_drop_ppm = 300000;
    *c = (struct churn){.seed = seed, .rng = rng_stream(seed, "churn", 0), .cut_until_ns = -1};
    c->world = world_new(&options);
    c->check = check_new(world_mem(c->world));
    c->history = history_new(world_mem(c->world));
    char cluster[512] = "";
    size_t at = 0;
    size_t end = (size_t)snprintf(c->endpoints, sizeof(c->endpoints), "--endpoints=");
    for (int i = 0; i < PLACES; i++) {
        if (i < members) {
            at += (size_t)snprintf(cluster + at, sizeof(cluster) - at,
                                   "%sn%d=http://10.0.0.%d:2380", i == 0 ? "" : ",", i, i + 1);
        }
        end += (size_t)snprintf(c->endpoints + end, sizeof(c->endpoints) - end,
                                "%shttp://10.0.0.%d:2379", i == 0 ? "" : ",", i + 1);
    }
    for (int i = 0; i < PLACES; i++) {
        struct place *place = &c->places[i];
        place->churn = c;
        place->node = add_machine(c, "n", i, "0");
        place->observer.event = observe;
        place->check = check_place_new(c->check, node_name(place->node), survives,
                                       host_disk(node_host(place->node)));
        place->down_until_ns = -1;
        place->slow_until_ns = -1;
        place->state = "new";
        memcpy(place->cluster, cluster, sizeof(cluster));
        if (i < members) {
            churn_member_start(c, i);
        }
    }
    for (int i = 0; i < CLIENTS; i++) {
        c->clients[i].churn = c;
        c->clients[i].node = add_machine(c, "c", i, "1");
    }
    c->admin = add_machine(c, "admin", 0, "2");
}

void churn_free(struct churn *c)
{
    check_free(c->check);
    history_free(c->history);
    world_free(c->world);
}

void churn_expect_no_fault(struct churn *c)
{
    struct node *node = world_first_fault(c->world);
    if (node != NULL) {
        print_error("seed %d: %s: %s\n", (int)c->seed, node_name(node), node_fault_text(node));
    }
    assert_null(node);
    const struct check_violation *v = check_violation(c->check, 0);
    if (v != NULL) {
        print_error("seed %d at %lld event %llu: %s/%s/%s\n%s\n%s\n", (int)c->seed,
                    (long long)v->time_ns, (unsigned long long)v->event, v->checker, v->rule,
                    v->place, v->text, v->state);
    }
    assert_null(v);
}

void churn_expect_history(struct churn *c)
{
    struct history_verdict verdict;
    history_check(c->history, &verdict);
    if (verdict.result != HISTORY_LINEARIZABLE) {
        print_error("seed %d: %s: %s\n", (int)c->seed, verdict.rule, verdict.text);
    }
    assert_int_equal(verdict.result, HISTORY_LINEARIZABLE);
}

static uint32_t machine_of(const struct churn *c, int i)
{
    return host_machine(node_host(c->places[i].node));
}

void churn_noise(struct churn *c, bool on)
{
    const struct net_fault noise = {.key = 7,
                                    .loss_ppm = 30000,
                                    .duplicate_ppm = 30000,
                                    .reorder_ppm = 50000,
                                    .reset_ppm = 300};
    for (int a = 0; a < PLACES && on; a++) {
        for (int b = 0; b < PLACES; b++) {
            if (a != b) {
                net_fault_add(world_net(c->world), "noise", machine_of(c, a), machine_of(c, b),
                              &noise);
            }
        }
    }
    if (on) {
        return;
    }
    net_heal(world_net(c->world), NULL);
    c->cut_until_ns = -1;
    for (int i = 0; i < PLACES; i++) {
        c->places[i].slow_until_ns = -1;
        disk_stall(host_disk(node_host(c->places[i].node)), false);
        node_resume(c->places[i].node);
    }
}

/* Now and then a member is cut off from some others, one way or both ways. */
static void cut_links(struct churn *c)
{
    const struct net_fault blocked = {.key = 8, .blocked = true};
    if (c->cut_until_ns >= 0 && churn_now(c) >= c->cut_until_ns) {
        net_heal(world_net(c->world), "cut");
        c->cut_until_ns = -1;
    }
    if (c->cut_until_ns >= 0 || !rng_chance(&c->rng, 15000)) {
        return;
    }
    int who = (int)rng_below(&c->rng, PLACES);
    int others = 1 + (int)rng_below(&c->rng, PLACES - 1);
    bool out = rng_chance(&c->rng, 800000);
    bool in = rng_chance(&c->rng, 800000);
    for (int step = 1; step <= others; step++) {
        int other = (who + step) % PLACES;
        if (out) {
            net_fault_add(world_net(c->world), "cut", machine_of(c, who), machine_of(c, other),
                          &blocked);
        }
        if (in) {
            net_fault_add(world_net(c->world), "cut", machine_of(c, other), machine_of(c, who),
                          &blocked);
        }
    }
    c->cut_until_ns = churn_now(c) + rng_range(&c->rng, 0, 2 * SEC_NS);
}

/* A process that does not run, or a disk that does not answer, for longer than a term may last. */
static void slow_down(struct churn *c, struct place *p)
{
    struct disk *disk = host_disk(node_host(p->node));
    if (p->slow_until_ns >= 0 && churn_now(c) >= p->slow_until_ns) {
        disk_stall(disk, false);
        node_resume(p->node);
        p->slow_until_ns = -1;
    }
    if (p->slow_until_ns < 0 && p->down_until_ns < 0 && rng_chance(&c->rng, 5000)) {
        if (rng_chance(&c->rng, 500000)) {
            disk_stall(disk, true);
        } else {
            node_pause(p->node);
        }
        p->slow_until_ns = churn_now(c) + rng_range(&c->rng, 0, 1500 * MS_NS);
    }
}

static void fall_and_rise(struct churn *c, int i, bool faults)
{
    struct place *p = &c->places[i];
    if (p->down_until_ns >= 0 && churn_now(c) >= p->down_until_ns) {
        host_power_on(node_host(p->node));
        churn_member_start(c, i);
    } else if (p->down_until_ns < 0 && faults && rng_chance(&c->rng, 10000)) {
        p->down_until_ns = churn_now(c) + rng_range(&c->rng, 0, 1500 * MS_NS);
        if (rng_chance(&c->rng, 600000)) {
            host_power_off(node_host(p->node));
        } else {
            node_crash(p->node);
        }
    }
}

void churn_round(struct churn *c, bool faults)
{
    for (int i = 0; i < CLIENTS; i++) {
        if (!c->clients[i].busy) {
            client_start(c, &c->clients[i]);
        }
    }
    for (int i = 0; i < PLACES; i++) {
        if (c->places[i].wanted) {
            fall_and_rise(c, i, faults);
        }
        if (c->places[i].wanted && faults) {
            slow_down(c, &c->places[i]);
        }
    }
    if (faults) {
        cut_links(c);
    }
    (void)world_run(c->world, churn_now(c) + 20 * MS_NS, UINT64_MAX);
}
