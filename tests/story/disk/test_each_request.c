/* A power failure at every single request to a disk, from the first one of the member's life on,
 * one run for each, and for each with everything kept, dropped, torn and trashed that was not
 * synced. A short run: members form their cluster and a client puts a few keys. What was
 * acknowledged is there afterwards, and the member comes back every time.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/duration.h"
#include "disk/fault.h"
#include "support/ledger.h"
#include "support/load_program.h"

#define STEP_NS (10 * MS_NS)
#define DOWN_NS (100 * MS_NS)
#define ALL     1000000

/* What becomes of what was not synced. */
static const struct mercy {
    const char *name;
    uint32_t drop_ppm;
    uint32_t tear_ppm;
    uint32_t trash_ppm;
    uint32_t name_drop_ppm;
} mercies[] = {{"kept", 0, 0, 0, 0},
               {"dropped", ALL, 0, 0, ALL},
               {"torn", 0, ALL, 0, ALL / 2},
               {"trashed", 0, 0, ALL, ALL / 2}};
#define MERCY_COUNT (sizeof(mercies) / sizeof(mercies[0]))

struct run {
    struct sim_cluster cluster;
    size_t victim;
    int64_t back_ns; /* -1: it was not hit, or runs again */
    bool hit;
    uint64_t seed; /* for messages: the number of the request */
};

static void cut_power(void *data)
{
    struct run *run = data;
    run->hit = true;
    run->back_ns = sim_now_ns(&run->cluster) + DOWN_NS;
    host_power_off(run->cluster.members[run->victim].host);
}

static void step(struct run *run)
{
    sim_run_until(&run->cluster, sim_now_ns(&run->cluster) + STEP_NS);
    if (run->back_ns >= 0 && sim_now_ns(&run->cluster) >= run->back_ns) {
        run->back_ns = -1;
        sim_member_start(&run->cluster, run->victim);
    }
}

static bool is_served(const struct run *run)
{
    bool led = false;
    for (size_t i = 0; i < run->cluster.count; i++) {
        const struct sim_member *m = &run->cluster.members[i];
        if (node_state(m->node) != NODE_RUNNING || !m->published) {
            return false;
        }
        led = led || m->role == OBS_LEADER;
    }
    return led;
}

/* Until all members serve, or the client has ended. */
static void go_on(struct run *run, struct node *client)
{
    int64_t limit_ns = sim_now_ns(&run->cluster) + 60 * SEC_NS;
    while (client == NULL ? !is_served(run) : node_state(client) == NODE_RUNNING) {
        if (sim_now_ns(&run->cluster) > limit_ns) {
            ledger_fail(run->seed, "the cluster stands still; power failed at that request",
                        slice_str(""));
        }
        step(run);
    }
}

/* Power fails at this request of the victim's disk; 0: never. How many requests the victim's disk
 * had in the whole run. */
static uint64_t run_once(size_t count, size_t victim, uint64_t request, const struct mercy *mercy,
                         uint64_t *acknowledged)
{
    static struct run run;
    struct world_options options = world_options_default(1);
    options.disk.drop_ppm = mercy->drop_ppm;
    options.disk.tear_ppm = mercy->tear_ppm;
    options.disk.trash_ppm = mercy->trash_ppm;
    options.disk.name_drop_ppm = mercy->name_drop_ppm;
    run = (struct run){.victim = victim, .back_ns = -1, .seed = request};
    sim_cluster_init(&run.cluster, &options, count, true);
    struct disk *disk = host_disk(run.cluster.members[victim].host);
    disk_at_request(disk, request, request > 0 ? cut_power : NULL, &run);
    for (size_t i = 0; i < count; i++) {
        sim_member_start(&run.cluster, i);
    }
    go_on(&run, NULL);
    struct node *client = sim_client_new(&run.cluster, "client");
    const char *const args[] = {
        "load", "--endpoints", run.cluster.endpoints, "--clients", "2", "--value", "600", "--puts",
        "6",    NULL};
    sim_client_start(client, &load_program, args);
    go_on(&run, client);
    uint64_t requests = disk_requests(disk);
    disk_at_request(disk, 0, NULL, NULL);
    while (run.back_ns >= 0) {
        step(&run);
    }
    go_on(&run, NULL);
    *acknowledged += ledger_check(&run.cluster, sim_client_new(&run.cluster, "reader"), request,
                                  node_output(client, ENV_STDOUT));
    ledger_agree(&run.cluster, request);
    if (request > 0 && !run.hit) {
        ledger_fail(request, "the run never came to that request", slice_str(""));
    }
    sim_cluster_fini(&run.cluster);
    return requests;
}

static void power_fails_everywhere(size_t count)
{
    uint64_t runs = 0;
    uint64_t acknowledged = 0;
    for (size_t victim = 0; victim < count; victim++) {
        uint64_t unused = 0;
        uint64_t requests = run_once(count, victim, 0, &mercies[0], &unused);
        assert_true(requests > 15); /* of forming the cluster, and of the puts */
        for (uint64_t request = 1; request <= requests; request++) {
            for (size_t i = 0; i < MERCY_COUNT; i++) {
                (void)run_once(count, victim, request, &mercies[i], &acknowledged);
                runs++;
            }
        }
    }
    printf("%zu member(s): %llu runs, %llu puts acknowledged, all found\n", count,
           (unsigned long long)runs, (unsigned long long)acknowledged);
    assert_true(acknowledged > runs * 5);
}

static void test_power_fails_at_each_request_of_the_only_disk(void **state)
{
    (void)state;
    power_fails_everywhere(1);
}

static void test_power_fails_at_each_request_of_each_of_three_disks(void **state)
{
    (void)state;
    power_fails_everywhere(3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_power_fails_at_each_request_of_the_only_disk),
        cmocka_unit_test(test_power_fails_at_each_request_of_each_of_three_disks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
