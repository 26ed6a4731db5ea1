/* What a full and what a stalled disk do to a member and its cluster. */
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
/* clang-format on */

#include "base/duration.h"
#include "base/fmt.h"
#include "ctl/ctl.h"
#include "disk/disk.h"
#include "disk/fault.h"
#include "support/load_program.h"
#include "support/sim_cluster.h"

#define SEEDS       10
#define MEMBERS     3
#define ELECTION_NS SEC_NS /* the default */
#define MIB         (UINT64_C(1024) * 1024)

struct fixture {
    struct sim_cluster cluster;
    struct node *load;
    struct node *ctl;
};

static void setup(struct fixture *f, uint64_t seed)
{
    const struct world_options options = world_options_default(seed);
    memset(f, 0, sizeof(*f));
    sim_cluster_init(&f->cluster, &options, MEMBERS, true);
    f->load = sim_client_new(&f->cluster, "load");
    f->ctl = sim_client_new(&f->cluster, "ctl");
    for (size_t i = 0; i < MEMBERS; i++) {
        sim_member_start(&f->cluster, i);
    }
    sim_run_until_served(&f->cluster);
}

static void teardown(struct fixture *f)
{
    assert_string_equal(sim_trouble(&f->cluster), "");
    sim_cluster_fini(&f->cluster);
}

/* The exit status of a command; what it printed is in `printed`. */
static int ctl(struct fixture *f, const char *a, const char *b, const char *c,
               struct slice *printed)
{
    const char *const args[] = {"quoratectl", "--endpoints", f->cluster.endpoints, a, b, c, NULL};
    sim_client_start(f->ctl, &ctl_program, args);
    assert_true(sim_run_until_ended(&f->cluster, f->ctl, 30 * SEC_NS));
    int code = node_exit_code(f->ctl);
    *printed = node_output(f->ctl, code == 0 ? ENV_STDOUT : ENV_STDERR);
    return code;
}

static bool contains(struct slice text, const char *part)
{
    size_t len = strlen(part);
    for (size_t i = 0; i + len <= text.len; i++) {
        if (memcmp(text.ptr + i, part, len) == 0) {
            return true;
        }
    }
    return false;
}

/* The whole cluster refuses puts once the disk of one member is nearly full, serves everything
 * else, and goes on when the space is back and the alarm disarmed. */
static void test_a_disk_that_fills_up_raises_an_alarm(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct fixture f;
        struct slice printed;
        setup(&f, seed);
        struct disk_options *disk = disk_options(host_disk(f.cluster.members[1].host));
        uint64_t capacity = disk->capacity;
        disk->capacity = 60 * MIB; /* another segment would not fit */
        const char *const args[] = {
            "load",    "--endpoints", f.cluster.endpoints, "--clients", "4", "--puts", "40",
            "--value", "65536",       "--quiet",           NULL};
        sim_client_start(f.load, &load_program, args);
        assert_true(sim_run_until_ended(&f.cluster, f.load, 60 * SEC_NS));
        assert_int_equal(ctl(&f, "put", "k", "v", &printed), 1);
        assert_true(contains(printed, "etcdserver: mvcc: database space exceeded"));
        assert_int_equal(ctl(&f, "get", "0-0", "--keys-only", &printed), 0);
        assert_true(contains(printed, "0-0"));
        assert_int_equal(ctl(&f, "del", "0-0", NULL, &printed), 0);
        assert_int_equal(ctl(&f, "alarm", "list", NULL, &printed), 0);
        assert_true(contains(printed, "alarm:NOSPACE"));
        for (size_t i = 0; i < MEMBERS; i++) {
            assert_int_equal(node_state(f.cluster.members[i].node), NODE_RUNNING);
        }
        disk->capacity = capacity;
        assert_int_equal(ctl(&f, "alarm", "disarm", NULL, &printed), 0);
        assert_true(contains(printed, "alarm:NOSPACE"));
        assert_int_equal(ctl(&f, "alarm", "list", NULL, &printed), 0);
        assert_int_equal(printed.len, 0);
        assert_int_equal(ctl(&f, "put", "k", "v", &printed), 0);
        teardown(&f);
    }
}

/* An alarm is state like any other: it is there after a restart of all. */
static void test_an_alarm_outlives_restarts(void **state)
{
    (void)state;
    struct fixture f;
    struct slice printed;
    setup(&f, 1);
    struct disk_options *disk = disk_options(host_disk(f.cluster.members[0].host));
    uint64_t capacity = disk->capacity;
    disk->capacity = 60 * MIB;
    const char *const args[] = {"load",   "--endpoints", f.cluster.endpoints, "--clients", "4",
                                "--puts", "40",          "--value",           "65536",     NULL};
    sim_client_start(f.load, &load_program, args);
    assert_true(sim_run_until_ended(&f.cluster, f.load, 60 * SEC_NS));
    disk->capacity = capacity;
    for (size_t i = 0; i < MEMBERS; i++) {
        host_power_off(f.cluster.members[i].host);
    }
    for (size_t i = 0; i < MEMBERS; i++) {
        sim_member_start(&f.cluster, i);
    }
    sim_run_until_served(&f.cluster);
    assert_int_equal(ctl(&f, "put", "k", "v", &printed), 1);
    assert_int_equal(ctl(&f, "alarm", "disarm", NULL, &printed), 0);
    assert_int_equal(ctl(&f, "put", "k", "v", &printed), 0);
    teardown(&f);
}

static void test_a_leader_whose_disk_stalls_hands_leadership_on(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct fixture f;
        struct slice printed;
        setup(&f, seed);
        size_t leader = f.cluster.leader;
        term_t term = f.cluster.leader_term;
        disk_stall(host_disk(f.cluster.members[leader].host), true);
        /* The others acknowledge it: nobody has to wait for the stalled disk. */
        assert_int_equal(ctl(&f, "put", "k", "v", &printed), 0);
        int64_t stalled_ns = sim_now_ns(&f.cluster);
        sim_run_until(&f.cluster, stalled_ns + ELECTION_NS + ELECTION_NS / 2);
        assert_true(f.cluster.leader_term > term);
        assert_int_not_equal(f.cluster.leader, leader);
        assert_int_equal(node_state(f.cluster.members[leader].node), NODE_RUNNING);
        disk_stall(host_disk(f.cluster.members[leader].host), false);
        sim_run_until(&f.cluster, sim_now_ns(&f.cluster) + SEC_NS);
        assert_int_equal(ctl(&f, "put", "k", "w", &printed), 0);
        teardown(&f);
    }
}

/* Where every disk is slow, handing on helps nobody. */
static void test_leadership_is_handed_on_at_most_once_in_ten_timeouts(void **state)
{
    (void)state;
    struct fixture f;
    setup(&f, 1);
    term_t term = f.cluster.leader_term;
    const char *const args[] = {"load",   "--endpoints", f.cluster.endpoints, "--clients", "4",
                                "--puts", "100",         "--value",           "100",       NULL};
    for (size_t i = 0; i < MEMBERS; i++) {
        struct disk_options *disk = disk_options(host_disk(f.cluster.members[i].host));
        disk->sync_min_ns = 1500 * MS_NS;
        disk->sync_max_ns = 1600 * MS_NS;
    }
    sim_client_start(f.load, &load_program, args);
    sim_run_until(&f.cluster, sim_now_ns(&f.cluster) + 30 * SEC_NS);
    assert_in_range(f.cluster.leader_term, term, term + 3);
    assert_true(node_output(f.load, ENV_STDOUT).len > 0);
    teardown(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_disk_that_fills_up_raises_an_alarm),
        cmocka_unit_test(test_an_alarm_outlives_restarts),
        cmocka_unit_test(test_a_leader_whose_disk_stalls_hands_leadership_on),
        cmocka_unit_test(test_leadership_is_handed_on_at_most_once_in_ten_timeouts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
