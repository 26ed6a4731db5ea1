/* Three real members and four clients in the simulated world, while processes are killed, power
 * fails, disks stall, links lose, repeat and reorder records and break at random: every check of
 * every event holds, and what clients saw is linearizable. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/duration.h"
#include "check/check.h"
#include "check/history.h"
#include "ctl/ctl.h"
#include "host/host.h"
#include "server/server.h"

#define MEMBERS   3
#define CLIENTS   4
#define ENDPOINTS "--endpoints=http://10.0.0.1:2379,http://10.0.0.2:2379,http://10.0.0.3:2379"

struct place {
    struct observer observer; /* first */
    struct check_place *check;
    struct node *node;
    int64_t down_until_ns; /* -1: it runs */
    int64_t slow_until_ns; /* -1: its process and its disk go on */
};

struct client {
    struct node *node;
    bool busy;
    bool is_put;
    int64_t call_ns;
    char key[8];
    char value[24];
};

static struct world *world;
static struct check *check;
static struct history *history;
static struct place places[MEMBERS];
static struct client clients[CLIENTS];
static int64_t cut_until_ns; /* -1: no link is cut */
static uint64_t puts_ok;
static uint64_t ops;

static int64_t now_ns(void)
{
    return world_engine(world)->now_ns;
}

static void observe(struct observer *observer, const struct obs_event *event)
{
    struct place *place = (struct place *)observer;
    check_event(place->check, now_ns(), world_engine(world)->event, event);
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

static void member_start(int i)
{
    static const char cluster[] = "n0=http://10.0.0.1:2380,n1=http://10.0.0.2:2380,"
                                  "n2=http://10.0.0.3:2380";
    char name[32];
    char peer[64];
    char client[64];
    snprintf(name, sizeof(name), "n%d", i);
    snprintf(peer, sizeof(peer), "http://10.0.0.%d:2380", i + 1);
    snprintf(client, sizeof(client), "http://10.0.0.%d:2379", i + 1);
    const char *const args[] = {"quorated", "--name",
                                name,       "--initial-advertise-peer-urls",
                                peer,       "--listen-peer-urls",
                                peer,       "--listen-client-urls",
                                client,     "--advertise-client-urls",
                                client,     "--initial-cluster",
                                cluster,    "--initial-cluster-state",
                                "new"};
    const struct node_start how = {.program = &server_program,
                                   .args = args,
                                   .arg_count = sizeof(args) / sizeof(args[0]),
                                   .log_level = LOG_ERROR,
                                   .observer = &places[i].observer,
                                   .ended = member_ended,
                                   .data = &places[i]};
    assert_int_equal(node_start(places[i].node, &how), 0);
    places[i].down_until_ns = -1;
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
    struct client *c = data;
    static char out[4096];
    char value[64] = "";
    c->busy = false;
    bool ok = node_state(node) == NODE_EXITED && node_exit_code(node) == 0;
    struct slice printed = node_output(node, ENV_STDOUT);
    size_t len = printed.len < sizeof(out) - 1 ? printed.len : sizeof(out) - 1;
    memcpy(out, printed.ptr, ok ? len : 0);
    out[ok ? len : 0] = '\0';
    struct history_kv kv = {.key = slice_str(c->key)};
    struct history_op op = {.client = node_name(node),
                            .kind = c->is_put ? HISTORY_PUT : HISTORY_RANGE,
                            .outcome = ok ? HISTORY_OK : HISTORY_UNKNOWN,
                            .key = kv.key,
                            .value = slice_str(c->value),
                            .call_ns = c->call_ns,
                            .return_ns = now_ns(),
                            .revision = ok ? json_number(out, "\"revision\":") : 0};
    const char *shown = strstr(out, "\"value\":\"");
    if (!c->is_put && ok && shown != NULL) {
        decode_base64(shown + strlen("\"value\":\""), value);
        kv.value = slice_str(value);
        kv.create_revision = json_number(out, "\"create_revision\":");
        kv.mod_revision = json_number(out, "\"mod_revision\":");
        kv.version = json_number(out, "\"version\":");
        op.kvs = &kv;
        op.count = 1;
    }
    puts_ok += ok && c->is_put;
    history_add(history, &op);
}

static void client_start(struct client *c, struct rng *rng)
{
    snprintf(c->key, sizeof(c->key), "k%d", (int)rng_below(rng, 5));
    snprintf(c->value, sizeof(c->value), "v%d", (int)ops++);
    c->is_put = rng_chance(rng, 600000);
    const char *const put[] = {"quoratectl", ENDPOINTS, "-w", "json", "put", c->key, c->value};
    const char *const get[] = {"quoratectl", ENDPOINTS, "-w", "json", "get", c->key};
    const struct node_start how = {.program = &ctl_program,
                                   .args = c->is_put ? put : get,
                                   .arg_count = c->is_put ? 7 : 6,
                                   .log_level = LOG_ERROR,
                                   .ended = client_ended,
                                   .data = c};
    c->call_ns = now_ns();
    c->busy = true;
    assert_int_equal(node_start(c->node, &how), 0);
}

static void build(uint64_t seed)
{
    struct world_options options = world_options_default(seed);
    options.disk.drop_ppm = 300000;
    options.disk.tear_ppm = 300000;
    options.disk.name_drop_ppm = 300000;
    world = world_new(&options);
    check = check_new(world_mem(world));
    history = history_new(world_mem(world));
    memset(places, 0, sizeof(places));
    memset(clients, 0, sizeof(clients));
    puts_ok = 0;
    ops = 0;
    cut_until_ns = -1;
    for (int i = 0; i < MEMBERS; i++) {
        char name[16];
        char address[32];
        struct host *host;
        snprintf(name, sizeof(name), "n%d", i);
        snprintf(address, sizeof(address), "10.0.0.%d", i + 1);
        assert_int_equal(host_new(world, name, address, &host), 0);
        places[i].node = node_new(host, name);
        places[i].observer.event = observe;
        places[i].check = check_place_new(check, name, survives, host_disk(host));
        places[i].slow_until_ns = -1;
        member_start(i);
    }
    for (int i = 0; i < CLIENTS; i++) {
        char name[16];
        char address[32];
        struct host *host;
        snprintf(name, sizeof(name), "c%d", i);
        snprintf(address, sizeof(address), "10.0.1.%d", i + 1);
        assert_int_equal(host_new(world, name, address, &host), 0);
        clients[i].node = node_new(host, name);
    }
}

static void expect_no_fault(uint64_t seed)
{
    struct node *node = world_first_fault(world);
    if (node != NULL) {
        print_error("seed %d: %s: %s\n", (int)seed, node_name(node), node_fault_text(node));
    }
    assert_null(node);
    if (check_violation_count(check) > 0) {
        const struct check_violation *v = check_violation(check, 0);
        print_error("seed %d at %lld event %llu: %s/%s/%s\n%s\n%s\n", (int)seed,
                    (long long)v->time_ns, (unsigned long long)v->event, v->checker, v->rule,
                    v->place, v->text, v->state);
    }
    assert_int_equal(check_violation_count(check), 0);
}

static uint32_t machine_of(int i)
{
    return host_machine(node_host(places[i].node));
}

/* Every link between members is a bad one. */
static void make_noise(bool on)
{
    const struct net_fault noise = {.key = 7,
                                    .loss_ppm = 30000,
                                    .duplicate_ppm = 30000,
                                    .reorder_ppm = 50000,
                                    .reset_ppm = 300};
    if (!on) {
        net_heal(world_net(world), NULL);
        cut_until_ns = -1;
        return;
    }
    for (int a = 0; a < MEMBERS; a++) {
        for (int b = 0; b < MEMBERS; b++) {
            if (a != b) {
                net_fault_add(world_net(world), "noise", machine_of(a), machine_of(b), &noise);
            }
        }
    }
}

/* Now and then a member is cut off from one other or from both, one way or both ways. */
static void cut_links(struct rng *rng)
{
    const struct net_fault blocked = {.key = 8, .blocked = true};
    if (cut_until_ns >= 0 && now_ns() >= cut_until_ns) {
        net_heal(world_net(world), "cut");
        cut_until_ns = -1;
    }
    if (cut_until_ns >= 0 || !rng_chance(rng, 15000)) {
        return;
    }
    int who = (int)rng_below(rng, MEMBERS);
    bool out = rng_chance(rng, 800000);
    bool in = rng_chance(rng, 800000);
    bool both = rng_chance(rng, 600000);
    for (int step = 1; step <= (both ? 2 : 1); step++) {
        int other = (who + step) % MEMBERS;
        if (out) {
            net_fault_add(world_net(world), "cut", machine_of(who), machine_of(other), &blocked);
        }
        if (in) {
            net_fault_add(world_net(world), "cut", machine_of(other), machine_of(who), &blocked);
        }
    }
    cut_until_ns = now_ns() + rng_range(rng, 0, 2 * SEC_NS);
}

/* A process that does not run, or a disk that does not answer, for longer than a term may last. */
static void slow_down(struct place *p, struct rng *rng)
{
    struct disk *disk = host_disk(node_host(p->node));
    if (p->slow_until_ns >= 0 && now_ns() >= p->slow_until_ns) {
        disk_stall(disk, false);
        node_resume(p->node);
        p->slow_until_ns = -1;
    }
    if (p->slow_until_ns < 0 && p->down_until_ns < 0 && rng_chance(rng, 5000)) {
        if (rng_chance(rng, 500000)) {
            disk_stall(disk, true);
        } else {
            node_pause(p->node);
        }
        p->slow_until_ns = now_ns() + rng_range(rng, 0, 1500 * MS_NS);
    }
}

/* One round of 20 ms: clients go on, members fall and rise. */
static void churn(struct rng *rng, bool faults)
{
    for (int i = 0; i < CLIENTS; i++) {
        if (!clients[i].busy) {
            client_start(&clients[i], rng);
        }
    }
    for (int i = 0; i < MEMBERS; i++) {
        struct place *p = &places[i];
        if (p->down_until_ns >= 0 && now_ns() >= p->down_until_ns) {
            host_power_on(node_host(p->node));
            member_start(i);
        } else if (p->down_until_ns < 0 && faults && rng_chance(rng, 10000)) {
            p->down_until_ns = now_ns() + rng_range(rng, 0, 1500 * MS_NS);
            if (rng_chance(rng, 600000)) {
                host_power_off(node_host(p->node));
            } else {
                node_crash(p->node);
            }
        }
    }
    if (faults) {
        cut_links(rng);
        for (int i = 0; i < MEMBERS; i++) {
            slow_down(&places[i], rng);
        }
    }
    (void)world_run(world, now_ns() + 20 * MS_NS, UINT64_MAX);
}

static void run_seed(uint64_t seed)
{
    struct rng rng = rng_stream(seed, "churn", 0);
    struct history_verdict verdict;
    build(seed);
    for (int round = 0; round < 100; round++) {
        churn(&rng, false);
    }
    uint64_t calm = puts_ok;
    make_noise(true);
    for (int round = 0; round < 1000; round++) {
        churn(&rng, true);
        expect_no_fault(seed);
    }
    uint64_t stormy = puts_ok;
    make_noise(false);
    for (int i = 0; i < MEMBERS; i++) {
        places[i].slow_until_ns = -1;
        disk_stall(host_disk(node_host(places[i].node)), false);
        node_resume(places[i].node);
    }
    for (int round = 0; round < 500; round++) {
        churn(&rng, false);
    }
    expect_no_fault(seed);
    history_check(history, &verdict);
    if (verdict.result != HISTORY_LINEARIZABLE) {
        print_error("seed %d: %s\n", (int)seed, verdict.text);
    }
    assert_int_equal(verdict.result, HISTORY_LINEARIZABLE);
    assert_true(calm > 50);
    assert_true(stormy > calm);
    assert_true(puts_ok > stormy + 100);
    assert_true(check_committed(check) > puts_ok);
    check_free(check);
    history_free(history);
    world_free(world);
}

static void test_members_that_crash_and_lose_power_break_no_rule(void **state)
{
    (void)state;
    const char *seeds = getenv("CHURN_SEEDS");
    uint64_t last = seeds == NULL ? 5 : strtoull(seeds, NULL, 10);
    for (uint64_t seed = 1; seed <= last; seed++) {
        run_seed(seed);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_members_that_crash_and_lose_power_break_no_rule),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
