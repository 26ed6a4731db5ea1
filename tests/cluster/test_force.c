/* A member that is to go on alone, with a log in which the last word is not spoken: nothing that it
 * needed nobody for is lost, and what never was is not made up. */
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
/* clang-format on */

#include "base/duration.h"
#include "base/fmt.h"
#include "ctl/ctl.h"
#include "support/ledger.h"
#include "support/load_program.h"
#include "support/passed.h"
#include "support/sim_cluster.h"

struct fixture {
    struct sim_cluster cluster;
    struct node *ctl;
    char all[512]; /* the initial cluster of all hosts */
    char out[1024];
};

/* `count` hosts; the first `founders` of them are the cluster, and run. A history that is left
 * behind breaks the rules of one history, so who really forces is not observed. */
static void setup(struct fixture *f, uint64_t seed, size_t count, size_t founders, bool observed)
{
    const struct world_options options = world_options_default(seed);
    char next[8];
    sim_cluster_init(&f->cluster, &options, count, observed);
    f->ctl = sim_client_new(&f->cluster, "ctl");
    fmt(f->all, sizeof(f->all), "%s", f->cluster.initial);
    fmt(next, sizeof(next), ",m%zu", founders);
    *strstr(f->cluster.initial, next) = '\0';
    for (size_t i = 0; i < founders; i++) {
        sim_member_start(&f->cluster, i);
    }
    /* Links have to be up for five seconds before members may be added. */
    sim_run_until(&f->cluster, 9 * SEC_NS);
}

static void teardown(struct fixture *f)
{
    assert_string_equal(sim_trouble(&f->cluster), "");
    sim_cluster_fini(&f->cluster);
}

static void start_forced(struct fixture *f, size_t member, const char *initial, const char *state)
{
    f->cluster.flags[0] = "--force-new-cluster";
    f->cluster.flag_count = 1;
    sim_member_start_as(&f->cluster, member, initial, state);
    f->cluster.flag_count = 0;
}

static void start_ctl(struct node *node, size_t member, const char *const *words)
{
    char endpoint[48];
    const char *args[8] = {"quoratectl", endpoint};
    fmt(endpoint, sizeof(endpoint), "--endpoints=10.0.0.%zu:2379", member + 1);
    for (size_t i = 0; words[i] != NULL; i++) {
        args[2 + i] = words[i];
    }
    sim_client_start(node, &ctl_program, args);
}

/* Asked of m0. */
static int ctl(struct fixture *f, const char *a, const char *b, const char *c, const char *d)
{
    const char *const words[] = {a, b, c, d, NULL};
    start_ctl(f->ctl, 0, words);
    assert_true(sim_run_until_ended(&f->cluster, f->ctl, 30 * SEC_NS));
    struct slice said = node_output(f->ctl, ENV_STDOUT);
    fmt(f->out, sizeof(f->out), "%.*s", (int)said.len, (const char *)said.ptr);
    return node_exit_code(f->ctl);
}

/* Somebody leaves the flag in a unit file that a new member starts with. */
static void test_a_member_that_joins_has_nothing_to_force(void **state)
{
    struct fixture f;
    struct passed passed;
    (void)state;
    setup(&f, 1, 2, 1, true);
    assert_int_equal(ctl(&f, "put", "k", "v", NULL), 0);
    assert_int_equal(ctl(&f, "member", "add", "m1", "--peer-urls=http://10.0.0.2:2380"), 0);
    passed_begin(&passed, f.cluster.world, "server.force_without_data");
    start_forced(&f, 1, f.all, "existing");
    sim_run_until(&f.cluster, sim_now_ns(&f.cluster) + 5 * SEC_NS);
    assert_int_equal(passed.count, 1);
    assert_true(f.cluster.members[1].published);
    assert_int_equal(ctl(&f, "put", "k", "w", NULL), 0);
    sim_run_until(&f.cluster, sim_now_ns(&f.cluster) + SEC_NS);
    assert_int_equal(f.cluster.members[1].state_hash, f.cluster.members[0].state_hash);
    teardown(&f);
}

/* The log notes a commit with the write that follows it. A voter that has no other one has answered
 * by then, so its last entries are kept; here there is a learner to be left behind. */
static void test_what_a_single_voter_acknowledged_is_kept(void **state)
{
    unsigned kept = 0;
    uint64_t acknowledged = 0;
    (void)state;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct fixture f;
        struct passed passed;
        setup(&f, seed, 2, 1, false);
        const char *const args[] = {
            "load",   "--endpoints", f.cluster.endpoints, "--clients", "4",
            "--puts", "1000",        "--value",           "10",        NULL};
        const char *const add[] = {
            "member", "add", "m1", "--learner", "--peer-urls=http://10.0.0.2:2380", NULL};
        start_ctl(f.ctl, 0, add);
        assert_true(sim_run_until_ended(&f.cluster, f.ctl, 10 * SEC_NS));
        assert_int_equal(node_exit_code(f.ctl), 0);
        struct node *load = sim_client_new(&f.cluster, "load");
        sim_client_start(load, &load_program, args);
        sim_run_until(&f.cluster, sim_now_ns(&f.cluster) + 20 * MS_NS + (int64_t)seed * MS_NS / 3);
        host_power_off(f.cluster.members[0].host);
        passed_begin(&passed, f.cluster.world, "server.force_keeps_single_voters_entry");
        start_forced(&f, 0, f.cluster.initial, "new");
        sim_run_until(&f.cluster, sim_now_ns(&f.cluster) + 5 * SEC_NS);
        node_crash(load);
        acknowledged += ledger_check(&f.cluster, f.ctl, seed, node_output(load, ENV_STDOUT));
        assert_int_equal(ctl(&f, "member", "list", NULL, NULL), 0);
        assert_non_null(strstr(f.out, ", m0, "));
        assert_null(strstr(f.out, "10.0.0.2"));
        kept += passed.count;
        teardown(&f);
    }
    assert_true(kept > 0);
    assert_true(acknowledged > 100);
}

/* Two ask for the same address, the second one a member that has not heard of the first: the log
 * has both changes, of which one was refused. So it is by who reads it to force a cluster. */
static void test_a_change_that_was_refused_stays_so(void **state)
{
    static const struct net_fault nothing = {.blocked = true};
    static const char *const add[] = {"member", "add", "m3", "--peer-urls=http://10.0.0.4:2380",
                                      NULL};
    (void)state;
    for (uint64_t seed = 1; seed <= 5; seed++) {
        struct fixture f;
        struct passed passed;
        setup(&f, seed, 4, 3, true);
        size_t leader = f.cluster.leader;
        size_t lags = (leader + 1) % 3;
        struct node *second = sim_client_new(&f.cluster, "second");
        net_fault_add(world_net(f.cluster.world), "lags",
                      host_machine(f.cluster.members[leader].host),
                      host_machine(f.cluster.members[lags].host), &nothing);
        start_ctl(f.ctl, leader, add);
        sim_run_until(&f.cluster, sim_now_ns(&f.cluster) + 100 * MS_NS);
        start_ctl(second, lags, add);
        sim_run_until(&f.cluster, sim_now_ns(&f.cluster) + 100 * MS_NS);
        net_heal(world_net(f.cluster.world), "lags");
        assert_true(sim_run_until_ended(&f.cluster, f.ctl, 10 * SEC_NS));
        assert_true(sim_run_until_ended(&f.cluster, second, 10 * SEC_NS));
        assert_int_equal(node_exit_code(f.ctl), 0);
        assert_int_equal(node_exit_code(second), 1);
        struct slice said = node_output(second, ENV_STDERR);
        assert_true(slice_eq_str(said, "Error: etcdserver: member ID already exist\n"));
        /* That an entry is committed is noted with the one behind it. */
        assert_int_equal(ctl(&f, "put", "k", "v", NULL), 0);
        assert_int_equal(ctl(&f, "put", "last", "v", NULL), 0);
        sim_run_until(&f.cluster, sim_now_ns(&f.cluster) + SEC_NS);
        assert_string_equal(sim_trouble(&f.cluster), "");
        for (size_t i = 0; i < 3; i++) {
            host_power_off(f.cluster.members[i].host);
        }
        passed_begin(&passed, f.cluster.world, "server.force_passes_refused_change");
        start_forced(&f, 0, f.cluster.initial, "new");
        sim_run_until(&f.cluster, sim_now_ns(&f.cluster) + 5 * SEC_NS);
        assert_int_equal(passed.count, 1);
        assert_int_equal(ctl(&f, "get", "k", NULL, NULL), 0);
        assert_string_equal(f.out, "k\nv\n");
        assert_int_equal(ctl(&f, "put", "k", "w", NULL), 0);
        assert_int_equal(ctl(&f, "member", "list", NULL, NULL), 0);
        assert_non_null(strstr(f.out, ", m0, "));
        assert_null(strstr(f.out, "10.0.0.4"));
        assert_null(world_first_fault(f.cluster.world));
        sim_cluster_fini(&f.cluster);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_member_that_joins_has_nothing_to_force),
        cmocka_unit_test(test_what_a_single_voter_acknowledged_is_kept),
        cmocka_unit_test(test_a_change_that_was_refused_stays_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
