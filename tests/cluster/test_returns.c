/* Members that come back as somebody they no longer are: without their log, after their removal, at
 * the same time as another; and a leader that leaves. */
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
#include "support/sim_cluster.h"

#define SEEDS       20
#define ELECTION_NS SEC_NS /* the default election timeout */

struct fixture {
    struct sim_cluster cluster;
    struct node *ctl;
    char out[4096];
};

/* Members 0..started-1 run as one cluster; `known` hosts in all. */
static void setup(struct fixture *f, uint64_t seed, size_t started, size_t known, bool observed)
{
    const struct world_options options = world_options_default(seed);
    sim_cluster_init(&f->cluster, &options, known, observed);
    f->ctl = sim_client_new(&f->cluster, "ctl");
    char *cut = strstr(f->cluster.initial, started == 3 ? ",m3" : ",m2");
    if (cut != NULL) {
        *cut = '\0';
    }
    for (size_t i = 0; i < started; i++) {
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

static void start_ctl(struct node *node, size_t member, const char *a, const char *b, const char *c,
                      const char *d)
{
    char endpoint[48];
    const char *args[7] = {"quoratectl", endpoint};
    const char *const words[] = {a, b, c, d};
    size_t count = 2;
    fmt(endpoint, sizeof(endpoint), "--endpoints=10.0.0.%zu:2379", member + 1);
    for (size_t i = 0; i < 4; i++) {
        if (words[i] != NULL) {
            args[count++] = words[i];
        }
    }
    args[count] = NULL;
    sim_client_start(node, &ctl_program, args);
}

/* The exit status of a command that is asked of one member; what it printed is in out. */
static int ctl4(struct fixture *f, size_t member, const char *a, const char *b, const char *c,
                const char *d)
{
    start_ctl(f->ctl, member, a, b, c, d);
    assert_true(sim_run_until_ended(&f->cluster, f->ctl, 30 * SEC_NS));
    struct slice text = node_output(f->ctl, ENV_STDOUT);
    assert_true(text.len < sizeof(f->out));
    if (text.len > 0) {
        memcpy(f->out, text.ptr, text.len);
    }
    f->out[text.len] = '\0';
    return node_exit_code(f->ctl);
}

static int ctl(struct fixture *f, size_t member, const char *a, const char *b, const char *c)
{
    return ctl4(f, member, a, b, c, NULL);
}

/* "member remove ID" for the member of that name, asked of another one. */
static int remove_named(struct fixture *f, size_t member, const char *name)
{
    char pattern[24];
    char id[17] = {0};
    assert_int_equal(ctl(f, member, "member", "list", NULL), 0);
    fmt(pattern, sizeof(pattern), ", started, %s,", name);
    const char *at = strstr(f->out, pattern);
    assert_non_null(at);
    const char *from = at;
    while (from > f->out && from[-1] != '\n') {
        from--;
    }
    memcpy(id, from, (size_t)(at - from));
    return ctl(f, member, "member", "remove", id);
}

static void wipe(struct fixture *f, size_t member)
{
    node_crash(f->cluster.members[member].node);
    disk_wipe(host_disk(f->cluster.members[member].host));
}

static void expect_refused(struct fixture *f, size_t member)
{
    struct node *node = f->cluster.members[member].node;
    assert_true(sim_run_until_ended(&f->cluster, node, 20 * SEC_NS));
    assert_int_equal(node_state(node), NODE_EXITED);
    assert_int_equal(node_exit_code(node), 1);
}

static void test_a_wiped_voter_is_refused(void **state)
{
    static const char *const states[] = {"new", "existing"};
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct fixture f;
        setup(&f, seed, 3, 3, false);
        assert_int_equal(ctl(&f, 0, "put", "k", "v"), 0);
        wipe(&f, 2);
        sim_member_start_as(&f.cluster, 2, f.cluster.initial, states[seed % 2]);
        expect_refused(&f, 2);
        /* What to do instead works. */
        assert_int_equal(ctl(&f, 0, "get", "k", NULL), 0);
        assert_string_equal(f.out, "k\nv\n");
        assert_int_equal(remove_named(&f, 0, "m2"), 0);
        wipe(&f, 2);
        sim_run_until(&f.cluster, sim_now_ns(&f.cluster) + SEC_NS);
        assert_int_equal(ctl4(&f, 0, "member", "add", "m2", "--peer-urls=http://10.0.0.3:2380"), 0);
        sim_member_start_as(&f.cluster, 2, f.cluster.initial, "existing");
        sim_run_until(&f.cluster, sim_now_ns(&f.cluster) + 5 * SEC_NS);
        assert_int_equal(ctl(&f, 2, "get", "k", NULL), 0);
        assert_string_equal(f.out, "k\nv\n");
        teardown(&f);
    }
}

/* The wiped one and one other are a majority of the voters: together they could elect a leader that
 * has not the acknowledged entry. */
static void test_a_wiped_voter_elects_nobody(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct fixture f;
        setup(&f, seed, 3, 3, false);
        assert_int_equal(ctl(&f, 0, "put", "k", "v"), 0);
        wipe(&f, 2);
        node_crash(f.cluster.members[1].node);
        sim_member_start(&f.cluster, 2);
        expect_refused(&f, 2);
        assert_int_not_equal(ctl(&f, 0, "put", "k", "w"), 0);
        sim_member_start(&f.cluster, 1);
        sim_run_until(&f.cluster, sim_now_ns(&f.cluster) + 10 * SEC_NS);
        assert_int_equal(ctl(&f, 1, "put", "k", "x"), 0);
        teardown(&f);
    }
}

static void test_a_leader_that_removes_itself_hands_leadership_on(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct fixture f;
        setup(&f, seed, 3, 3, true);
        size_t leader = f.cluster.leader;
        term_t term = f.cluster.leader_term;
        int64_t before = sim_now_ns(&f.cluster);
        assert_int_equal(remove_named(&f, seed % 3, node_name(f.cluster.members[leader].node)), 0);
        sim_run_until(&f.cluster, before + ELECTION_NS / 2);
        assert_true(f.cluster.leader_term > term);
        assert_int_not_equal(f.cluster.leader, leader);
        assert_true(sim_run_until_ended(&f.cluster, f.cluster.members[leader].node, 5 * SEC_NS));
        assert_int_equal(node_exit_code(f.cluster.members[leader].node), 0);
        assert_int_equal(ctl(&f, (leader + 1) % 3, "put", "k", "v"), 0);
        teardown(&f);
    }
}

static void test_a_removed_member_stays_out(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct fixture f;
        setup(&f, seed, 3, 3, true);
        struct node *gone = f.cluster.members[2].node;
        bool was_down = seed % 2 == 0;
        if (was_down) {
            node_crash(gone);
            sim_run_until(&f.cluster, sim_now_ns(&f.cluster) + 5 * SEC_NS);
        }
        assert_int_equal(remove_named(&f, 0, "m2"), 0);
        for (int start = was_down ? 1 : 0; start < 3; start++) {
            if (start > 0) {
                sim_member_start(&f.cluster, 2);
            }
            assert_true(sim_run_until_ended(&f.cluster, gone, 10 * SEC_NS));
            assert_int_equal(node_exit_code(gone), 0);
        }
        assert_int_equal(ctl(&f, 0, "put", "k", "v"), 0);
        teardown(&f);
    }
}

/* Two of three members each add another one at the same time. The changes go through one by one:
 * either both are members then, or one was told that it is not. */
static void test_two_members_are_added_at_once(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct fixture f;
        setup(&f, seed, 3, 5, true);
        struct node *second = sim_client_new(&f.cluster, "ctl2");
        const char *const one[] = {
            "quoratectl", "--endpoints=10.0.0.1:2379",        "member", "add",
            "m3",         "--peer-urls=http://10.0.0.4:2380", NULL};
        const char *const two[] = {
            "quoratectl", "--endpoints=10.0.0.2:2379",        "member", "add",
            "m4",         "--peer-urls=http://10.0.0.5:2380", NULL};
        sim_client_start(f.ctl, &ctl_program, one);
        sim_client_start(second, &ctl_program, two);
        assert_true(sim_run_until_ended(&f.cluster, f.ctl, 30 * SEC_NS));
        assert_true(sim_run_until_ended(&f.cluster, second, 30 * SEC_NS));
        unsigned told = (node_exit_code(f.ctl) == 0) + (node_exit_code(second) == 0);
        assert_in_range(told, 1, 2);
        for (size_t i = 0; i < 3; i++) {
            assert_int_equal(ctl(&f, i, "member", "list", NULL), 0);
            unsigned unstarted = 0;
            for (const char *at = f.out; (at = strstr(at, ", unstarted, ")) != NULL; at++) {
                unstarted++;
            }
            assert_int_equal(unstarted, told);
        }
        /* Five voters of which three run, or four of which three do: both write. */
        assert_int_equal(ctl(&f, 2, "put", "k", "v"), 0);
        teardown(&f);
    }
}

/* Two clusters of one, each of which adds the other's member: both stall, neither takes a word of
 * the other's log, and what they have stays readable. */
static void test_two_members_that_add_each_other_stall_apart(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        const struct world_options options = world_options_default(seed);
        struct fixture f;
        sim_cluster_init(&f.cluster, &options, 2, false);
        f.ctl = sim_client_new(&f.cluster, "ctl");
        struct node *second = sim_client_new(&f.cluster, "ctl2");
        sim_member_start_as(&f.cluster, 0, "m0=http://10.0.0.1:2380", "new");
        sim_member_start_as(&f.cluster, 1, "m1=http://10.0.0.2:2380", "new");
        sim_run_until(&f.cluster, 2 * SEC_NS);
        assert_int_equal(ctl(&f, 0, "put", "k", "zero"), 0);
        assert_int_equal(ctl(&f, 1, "put", "k", "one"), 0);
        start_ctl(f.ctl, 0, "member", "add", "m1", "--peer-urls=http://10.0.0.2:2380");
        start_ctl(second, 1, "member", "add", "m0", "--peer-urls=http://10.0.0.1:2380");
        assert_true(sim_run_until_ended(&f.cluster, f.ctl, 30 * SEC_NS));
        assert_true(sim_run_until_ended(&f.cluster, second, 30 * SEC_NS));
        assert_int_equal(node_exit_code(f.ctl), 0);
        assert_int_equal(node_exit_code(second), 0);
        sim_run_until(&f.cluster, sim_now_ns(&f.cluster) + 10 * SEC_NS);
        for (size_t i = 0; i < 2; i++) {
            assert_int_equal(ctl(&f, i, "put", "k", "more"), 1);
            assert_int_equal(ctl(&f, i, "get", "k", "--consistency=s"), 0);
            assert_string_equal(f.out, i == 0 ? "k\nzero\n" : "k\none\n");
            assert_int_equal(node_state(f.cluster.members[i].node), NODE_RUNNING);
        }
        teardown(&f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_wiped_voter_is_refused),
        cmocka_unit_test(test_a_wiped_voter_elects_nobody),
        cmocka_unit_test(test_a_leader_that_removes_itself_hands_leadership_on),
        cmocka_unit_test(test_a_removed_member_stays_out),
        cmocka_unit_test(test_two_members_are_added_at_once),
        cmocka_unit_test(test_two_members_that_add_each_other_stall_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
