/* Clusters of 1, 3 and 5 under load, whose members lose power, alone or all at once, with what was
 * not synced kept, dropped, torn or turned into other bytes and names lost; whose writes and syncs
 * fail; and whose disks are slow, throttled or stand still. Any number of members may meet any of
 * that at once: none of it takes away what was durable. Rot does, until it is healed: a byte
 * changes that the member can know was durable, and only where the others hold all that is
 * committed. Nothing that was acknowledged may be lost, a member boots or says why it does not, and
 * at the end all are in the same state.
 *
 * What no process can notice at once comes too, where the others hold all that is committed: syncs
 * that lie, writes that go astray, old or flipped bytes for those that are there. Who starts on
 * such a disk has forgotten what it acknowledged, or refuses and says what to do; whoever refuses
 * is brought back at the end by just that: member remove, an empty disk, member add.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/duration.h"
#include "base/rng.h"
#include "ctl/ctl.h"
#include "disk/fault.h"
#include "support/ledger.h"
#include "support/load_program.h"
#include "support/seeds.h"

#define ROUNDS 40

struct story {
    struct world_sink sink;
    struct sim_cluster cluster;
    struct rng rng;
    uint64_t seed;
    int64_t back_ns[SIM_MEMBERS_MAX];   /* when it starts again */
    int64_t healed_ns[SIM_MEMBERS_MAX]; /* when its disk is well again; -1: it is */
    uint64_t failed[SIM_MEMBERS_MAX];   /* requests of its disk, when it was started */
    char said[SIM_MEMBERS_MAX][256];    /* the last error it logged */
    char told[SIM_MEMBERS_MAX][128];    /* the file of its newest persist, … */
    uint64_t covered[SIM_MEMBERS_MAX]; /* … and from where on nothing vouches for its bytes yet */
    bool rotten_start[SIM_MEMBERS_MAX]; /* it began on bytes that were not what was written */
    uint64_t broken[SIM_MEMBERS_MAX];   /* promises of its disk, when it was started */
    bool misleading[SIM_MEMBERS_MAX];   /* its disk does what no process can notice at once */
    bool misled[SIM_MEMBERS_MAX]; /* it has begun on that: what it wrote since may fit nothing else
                                   */
    member_id_t ids[SIM_MEMBERS_MAX];
    uint64_t base[SIM_MEMBERS_MAX]; /* what was covered when the cluster first served */
    uint64_t stopped;               /* by its disk's failure */
    uint64_t dark;                  /* power failures */
    uint64_t rotten;                /* times that rot was found at a start */
    uint64_t charged;               /* faults that no process can notice at once */
    uint64_t replaced;              /* members that refused in the end */
};

static struct disk *disk_of(const struct story *s, size_t i)
{
    return host_disk(s->cluster.members[i].host);
}

static void on_log(struct world_sink *sink, struct node *node, const struct log_line *line,
                   int64_t wall_ns)
{
    struct story *s = container_of(sink, struct story, sink);
    (void)wall_ns;
    for (size_t i = 0; i < s->cluster.count; i++) {
        if (s->cluster.members[i].node == node && line->level == LOG_ERROR) {
            snprintf(s->said[i], sizeof(s->said[i]), "%s", line->message);
        }
    }
}

static void on_event(struct sim_cluster *cluster, struct sim_member *member,
                     const struct obs_event *event)
{
    struct story *s = container_of(cluster, struct story, cluster);
    size_t i = (size_t)(member - cluster->members);
    if (event->kind == OBS_PERSISTED && event->persisted.file != NULL) {
        snprintf(s->told[i], sizeof(s->told[i]), "%s", event->persisted.file);
        s->covered[i] = event->persisted.offset;
    }
}

/* Could the others make up for the member if its disk were lost now? */
static bool can_lose(struct story *s, size_t i)
{
    for (size_t k = 0; k < s->cluster.count; k++) {
        check_damaged(s->cluster.members[k].place, s->misled[k] || !disk_is_sound(disk_of(s, k)));
    }
    return check_can_lose(s->cluster.members[i].place, NULL);
}

/* And go on without it? */
static bool can_forget(struct story *s, size_t i)
{
    return can_lose(s, i) && check_can_forget(s->cluster.members[i].place, NULL);
}

static void start(struct story *s, size_t i)
{
    if (!disk_is_sound(disk_of(s, i)) && !can_forget(s, i)) {
        /* More was committed on it since the fault was charged. */
        disk_heal(disk_of(s, i));
    }
    uint64_t broken = disk_counts(disk_of(s, i))->promises_broken;
    bool rotten = !disk_is_sound(disk_of(s, i)) || broken != s->broken[i];
    s->rotten_start[i] = s->rotten_start[i] || rotten;
    s->misled[i] = broken != s->broken[i] || (rotten && s->misleading[i]);
    if (rotten) {
        check_amnesia(s->cluster.members[i].place);
    }
    s->broken[i] = broken;
    s->failed[i] = disk_counts(disk_of(s, i))->failed;
    s->said[i][0] = '\0';
    sim_member_start(&s->cluster, i);
}

/* A member may end by itself because its disk failed a request, and then it has said so. */
static void judge_end(struct story *s, size_t i)
{
    const struct sim_member *member = &s->cluster.members[i];
    if (node_state(member->node) != NODE_EXITED) {
        return; /* its power failed, or it runs; what broke it is found at the end */
    }
    bool rotten = s->rotten_start[i] || !disk_is_sound(disk_of(s, i));
    ledger_sound(&s->cluster, s->seed); /* says more, if it says anything */
    bool failed = disk_counts(disk_of(s, i))->failed > s->failed[i];
    if ((!rotten && !failed) || s->said[i][0] == '\0') {
        ledger_fail(s->seed,
                    "ended though its disk was well, or without a word: ", slice_str(s->said[i]));
    }
    s->rotten += rotten && !failed;
}

static void power_off(struct story *s, size_t i)
{
    struct sim_member *member = &s->cluster.members[i];
    bool ran = node_state(member->node) == NODE_RUNNING;
    if (!ran) {
        judge_end(s, i);
    }
    if (host_is_on(member->host)) {
        if (disk_has_promises(disk_of(s, i)) && !can_forget(s, i)) {
            disk_keep_promises(disk_of(s, i));
        }
        host_power_off(member->host);
        s->dark++;
    }
    if (ran) {
        s->back_ns[i] = sim_now_ns(&s->cluster) + rng_range(&s->rng, 10 * MS_NS, SEC_NS);
    }
}

/* A byte that a later one vouches for changes, if the others can make up for the member. */
static void rot(struct story *s, size_t i)
{
    /* Not in the entries that say who the cluster is: who has lost those refuses for good. */
    uint64_t room = s->covered[i] > s->base[i] ? s->covered[i] - s->base[i] : 1;
    uint64_t place = s->base[i] + rng_below(&s->rng, room);
    const struct disk_fault fault = {.kind = DISK_FAULT_ROT,
                                     .key = rng_u64(&s->rng),
                                     .count = 1,
                                     .file = s->told[i],
                                     .bytes = 1,
                                     .offset = place,
                                     .below = s->covered[i]};
    if (s->covered[i] > s->base[i] && can_lose(s, i)) {
        (void)disk_fault_add(disk_of(s, i), &fault);
    }
}

/* The disk does what no process can notice at once: it keeps nothing of what it calls durable,
 * writes elsewhere, or gives old bytes or flipped ones; if the others can make up for the member.
 */
static void mislead(struct story *s, size_t i)
{
    static const enum disk_fault_kind kinds[] = {DISK_FAULT_LIE, DISK_FAULT_MISDIRECT,
                                                 DISK_FAULT_STALE, DISK_FAULT_FLIP};
    struct disk_fault fault = {.key = rng_u64(&s->rng), .bytes = 1};
    fault.kind = kinds[rng_below(&s->rng, 4)];
    fault.count = rng_chance(&s->rng, 500000) ? 1 + rng_below(&s->rng, 5) : DISK_FOR_EVER;
    if (can_lose(s, i)) {
        (void)disk_fault_add(disk_of(s, i), &fault);
        s->misleading[i] = true;
        s->charged++;
    }
}

/* One thing goes wrong with one disk for a while. */
static void hurt(struct story *s, size_t i)
{
    static const enum disk_op ops[] = {DISK_WRITE, DISK_SYNC, DISK_SYNC_DIR, DISK_OPEN};
    struct disk_fault fault = {.key = rng_u64(&s->rng), .count = DISK_FOR_EVER};
    uint64_t kind = rng_below(&s->rng, 10);
    s->healed_ns[i] = sim_now_ns(&s->cluster) + rng_range(&s->rng, 50 * MS_NS, 1500 * MS_NS);
    switch (kind) {
    case 0:
    case 1:
        fault.kind = DISK_FAULT_FAIL;
        fault.op = ops[rng_below(&s->rng, 4)];
        fault.err = rng_chance(&s->rng, 300000) ? ERR_NO_SPACE : ERR_IO;
        fault.count = kind == 0 ? 1 : DISK_FOR_EVER;
        break;
    case 2:
        fault.kind = DISK_FAULT_SLOW;
        fault.high_ns = rng_range(&s->rng, MS_NS, 300 * MS_NS);
        fault.factor = 2;
        break;
    case 3:
        fault.kind = DISK_FAULT_RATE;
        fault.bytes = 2000 + rng_below(&s->rng, 100000);
        break;
    case 4: fault.kind = DISK_FAULT_STALL; break;
    case 5:
    case 6:
        s->healed_ns[i] += 2 * SEC_NS; /* it is found at a start only */
        rot(s, i);
        return;
    case 7:
    case 8:
        s->healed_ns[i] += 2 * SEC_NS;
        mislead(s, i);
        return;
    default: fault.kind = DISK_FAULT_SHORT; break;
    }
    (void)disk_fault_add(disk_of(s, i), &fault);
}

/* Who has been misled is not started again once it has ended: what it wrote may fit nothing else.
 */
static bool may_start(const struct story *s, size_t i)
{
    return node_state(s->cluster.members[i].node) != NODE_RUNNING && !s->misled[i];
}

static void look_after(struct story *s, size_t i)
{
    struct sim_member *member = &s->cluster.members[i];
    int64_t now = sim_now_ns(&s->cluster);
    if (s->healed_ns[i] >= 0 && now >= s->healed_ns[i]) {
        disk_heal(disk_of(s, i));
        s->healed_ns[i] = -1;
        s->misleading[i] = false;
    }
    if (node_state(member->node) == NODE_EXITED && s->back_ns[i] < 0) {
        judge_end(s, i);
        s->stopped++;
        s->back_ns[i] = now + rng_range(&s->rng, 10 * MS_NS, SEC_NS);
    }
    if (may_start(s, i) && s->back_ns[i] >= 0 && now >= s->back_ns[i]) {
        s->back_ns[i] = -1;
        start(s, i);
    }
}

static void go_through_it(struct story *s)
{
    struct rng *rng = &s->rng;
    for (int round = 0; round < ROUNDS; round++) {
        sim_run_until(&s->cluster,
                      sim_now_ns(&s->cluster) + rng_range(rng, 20 * MS_NS, 250 * MS_NS));
        bool all = rng_chance(rng, 60000);
        uint64_t dark = rng_below(rng, s->cluster.count * 3);
        uint64_t hurts = rng_below(rng, s->cluster.count * 2);
        for (size_t i = 0; i < s->cluster.count; i++) {
            if (all || dark == i) {
                power_off(s, i);
            }
            if (hurts == i && s->healed_ns[i] < 0) {
                hurt(s, i);
            }
            look_after(s, i);
        }
    }
}

/* All disks are well, and all members run that have not been misled. */
static void settle(struct story *s)
{
    for (size_t i = 0; i < s->cluster.count; i++) {
        disk_heal(disk_of(s, i));
        if (may_start(s, i)) {
            judge_end(s, i);
            start(s, i);
        }
    }
    sim_run_until(&s->cluster, sim_now_ns(&s->cluster) + SEC_NS);
    for (size_t i = 0; i < s->cluster.count; i++) {
        /* It may have been on its way out when its disk was healed. */
        if (may_start(s, i)) {
            judge_end(s, i);
            start(s, i);
        }
    }
}

static void draw_disks(struct story *s)
{
    for (size_t i = 0; i < s->cluster.count; i++) {
        struct disk_options *options = disk_options(disk_of(s, i));
        options->drop_ppm = (uint32_t)rng_below(&s->rng, 400000);
        options->tear_ppm = (uint32_t)rng_below(&s->rng, 400000);
        options->trash_ppm = (uint32_t)rng_below(&s->rng, 200000);
        options->name_drop_ppm = (uint32_t)rng_below(&s->rng, 1000000);
        s->back_ns[i] = -1;
        s->healed_ns[i] = -1;
        start(s, i);
    }
}

/* An operator's command, which has to succeed. */
static void operate(struct story *s, struct node *ctl, const char *verb, const char *what,
                    const char *url)
{
    const char *const args[] = {"quoratectl",
                                "--endpoints",
                                s->cluster.endpoints,
                                "--command-timeout=20s",
                                "member",
                                verb,
                                what,
                                url,
                                NULL};
    sim_client_start(ctl, &ctl_program, args);
    if (!sim_run_until_ended(&s->cluster, ctl, 60 * SEC_NS) || node_exit_code(ctl) != 0) {
        ledger_fail(s->seed, verb, node_output(ctl, ENV_STDERR));
    }
}

/* "m0=http://10.0.0.1:2380,…" of those that are here, and the one that joins. */
static void name_members(const struct story *s, const bool *gone, size_t joins, char *text,
                         size_t cap)
{
    size_t len = 0;
    for (size_t i = 0; i < s->cluster.count; i++) {
        if (!gone[i] || i == joins) {
            len +=
                (size_t)snprintf(text + len, cap - len, "%s%s=http://10.0.0.%zu:2380",
                                 len > 0 ? "," : "", host_name(s->cluster.members[i].host), i + 1);
        }
    }
}

/* One that gave up rotten entries has no vote before they are committed again. If that leaves no
 * quorum, those that were misled start after all: the others hold what was committed. */
static void let_the_misled_help(struct story *s)
{
    if (sim_run_until_led(&s->cluster, SEC_NS)) {
        return;
    }
    for (size_t i = 0; i < s->cluster.count; i++) {
        if (node_state(s->cluster.members[i].node) != NODE_RUNNING) {
            check_amnesia(s->cluster.members[i].place);
            start(s, i);
        }
    }
    sim_run_until(&s->cluster, sim_now_ns(&s->cluster) + 7 * SEC_NS);
}

/* Who refuses to start, and has said why, is replaced as the refusal says, and who was misled and
 * has ended, too: all of them leave before one comes back, for nobody is added while one is down.
 */
static void replace_who_is_gone(struct story *s, struct node *ctl)
{
    bool gone[SIM_MEMBERS_MAX] = {false};
    char id[32];
    char url[64];
    char initial[256];
    /* The others' links have to be up for five seconds before members may change. */
    sim_run_until(&s->cluster, sim_now_ns(&s->cluster) + 7 * SEC_NS);
    let_the_misled_help(s);
    for (size_t i = 0; i < s->cluster.count; i++) {
        gone[i] = node_state(s->cluster.members[i].node) != NODE_RUNNING;
        if (gone[i]) {
            judge_end(s, i);
            snprintf(id, sizeof(id), "%llx", (unsigned long long)s->ids[i]);
            operate(s, ctl, "remove", id, NULL);
        }
    }
    for (size_t i = 0; i < s->cluster.count; i++) {
        struct sim_member *member = &s->cluster.members[i];
        if (!gone[i]) {
            continue;
        }
        snprintf(url, sizeof(url), "--peer-urls=http://10.0.0.%zu:2380", i + 1);
        operate(s, ctl, "add", host_name(member->host), url);
        disk_wipe(disk_of(s, i));
        check_amnesia(member->place);
        name_members(s, gone, i, initial, sizeof(initial));
        sim_member_start_as(&s->cluster, i, initial, "existing");
        gone[i] = false;
        s->replaced++;
        sim_run_until(&s->cluster, sim_now_ns(&s->cluster) + 7 * SEC_NS);
    }
}

struct sums {
    uint64_t acknowledged;
    uint64_t stopped;
    uint64_t dark;
    uint64_t rotten;
    uint64_t charged;
    uint64_t replaced;
};

static void run_seed(uint64_t seed, struct sums *sums)
{
    static struct story story;
    struct story *s = &story;
    struct world_options options = world_options_default(seed);
    *s = (struct story){.seed = seed, .rng = rng_stream(seed, "test.disk", 0)};
    size_t count = 1 + 2 * (size_t)rng_below(&s->rng, 3);
    sim_cluster_init(&s->cluster, &options, count, true);
    s->sink.log = on_log;
    s->cluster.tap = on_event;
    world_sink_set(s->cluster.world, &s->sink);
    draw_disks(s);
    sim_run_until_served(&s->cluster);
    memcpy(s->base, s->covered, sizeof(s->base));
    for (size_t i = 0; i < count; i++) {
        s->ids[i] = s->cluster.members[i].id; /* who cannot open its data tells none */
    }
    struct node *client = sim_client_new(&s->cluster, "client");
    struct node *reader = sim_client_new(&s->cluster, "reader");
    const char *const args[] = {
        "load", "--endpoints", s->cluster.endpoints, "--clients", "3", "--value", "100", "--puts",
        "300",  NULL};
    sim_client_start(client, &load_program, args);
    go_through_it(s);
    settle(s);
    replace_who_is_gone(s, sim_client_new(&s->cluster, "operator"));
    node_stop(client, 15);
    if (!sim_run_until_ended(&s->cluster, client, 10 * SEC_NS)) {
        ledger_fail(seed, "the clients did not end", slice_str(""));
    }
    sums->acknowledged += ledger_check(&s->cluster, reader, seed, node_output(client, ENV_STDOUT));
    ledger_agree(&s->cluster, seed);
    sums->stopped += s->stopped;
    sums->dark += s->dark;
    sums->rotten += s->rotten;
    sums->charged += s->charged;
    sums->replaced += s->replaced;
    sim_cluster_fini(&s->cluster);
}

static void test_nothing_acknowledged_is_lost_on_the_worst_disks(void **state)
{
    struct sums sums = {0};
    (void)state;
    uint64_t seeds = seeds_to_run(300, 5000);
    for (uint64_t seed = 1; seed <= seeds; seed++) {
        run_seed(seed, &sums);
    }
    printf("%llu puts acknowledged, all found; %llu power failures; %llu times a member stopped by "
           "itself, %llu of them for rot, and came back; %llu faults that nobody notices, %llu "
           "members replaced\n",
           (unsigned long long)sums.acknowledged, (unsigned long long)sums.dark,
           (unsigned long long)sums.stopped, (unsigned long long)sums.rotten,
           (unsigned long long)sums.charged, (unsigned long long)sums.replaced);
    /* Or the runs did nothing. */
    assert_true(sums.acknowledged > seeds * 50);
    assert_true(sums.dark > seeds * 5);
    assert_true(sums.stopped > seeds);
    assert_true(sums.rotten > seeds / 10);
    assert_true(sums.charged > seeds / 3);
    assert_true(sums.replaced > seeds / 50);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing_acknowledged_is_lost_on_the_worst_disks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
