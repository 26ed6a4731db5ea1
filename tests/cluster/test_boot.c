/* A cluster that loses its power while it bootstraps comes up; a member that is stopped leaves
 * nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/duration.h"
#include "disk/fault.h"
#include "support/sim_cluster.h"

static void check_sound(struct sim_cluster *cluster, const char *what, uint64_t at)
{
    const char *trouble = sim_trouble(cluster);
    if (trouble[0] != '\0') {
        fail_msg("%s %llu: %s", what, (unsigned long long)at, trouble);
    }
}

static void test_a_cluster_that_loses_power_while_it_bootstraps_comes_up(void **state)
{
    (void)state;
    for (int64_t at_us = 100; at_us < 30000; at_us += 130) {
        struct world_options options = world_options_default((uint64_t)at_us);
        struct sim_cluster cluster;
        sim_cluster_init(&cluster, &options, 3, true);
        for (size_t i = 0; i < 3; i++) {
            sim_member_start(&cluster, i);
        }
        sim_run_until(&cluster, at_us * US_NS);
        for (size_t i = 0; i < 3; i++) {
            host_power_off(cluster.members[i].host);
        }
        for (size_t i = 0; i < 3; i++) {
            sim_member_start(&cluster, i);
        }
        if (!sim_run_until_led(&cluster, 20 * SEC_NS)) {
            fail_msg("power lost after %lld us: no leader in 20 s", (long long)at_us);
        }
        check_sound(&cluster, "power lost after us", (uint64_t)at_us);
        sim_cluster_fini(&cluster);
    }
}

static void test_a_clean_stop_leaves_nothing_in_memory(void **state)
{
    struct world_options options = world_options_default(1);
    struct sim_cluster cluster;
    (void)state;
    sim_cluster_init(&cluster, &options, 3, true);
    for (size_t i = 0; i < 3; i++) {
        sim_member_start(&cluster, i);
    }
    sim_run_until_served(&cluster);
    for (size_t i = 0; i < 3; i++) {
        node_stop(cluster.members[i].node, 15);
        assert_true(sim_run_until_ended(&cluster, cluster.members[i].node, 10 * SEC_NS));
        assert_int_equal(node_exit_code(cluster.members[i].node), -15);
    }
    /* The host reports NODE_LEAKED for memory that a clean exit leaves. */
    check_sound(&cluster, "clean stop", 0);
    sim_cluster_fini(&cluster);
}

/* What a disk answers while a member looks for its log: where there is none for another reason than
 * that it was never made, none is begun. */
static void test_a_directory_that_cannot_be_made_is_no_new_member(void **state)
{
    static const enum disk_op ops[] = {DISK_MAKE_DIR, DISK_LOCK, DISK_LIST};
    (void)state;
    for (size_t i = 0; i < sizeof(ops) / sizeof(ops[0]); i++) {
        struct world_options options = world_options_default(1);
        struct sim_cluster cluster;
        sim_cluster_init(&cluster, &options, 1, true);
        disk_fail(host_disk(cluster.members[0].host), ops[i], 1, ERR_NOT_FOUND, NULL);
        sim_member_start(&cluster, 0);
        assert_true(sim_run_until_ended(&cluster, cluster.members[0].node, 10 * SEC_NS));
        assert_int_equal(node_exit_code(cluster.members[0].node), 1);
        check_sound(&cluster, disk_op_name(ops[i]), 0);
        sim_cluster_fini(&cluster);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_cluster_that_loses_power_while_it_bootstraps_comes_up),
        cmocka_unit_test(test_a_clean_stop_leaves_nothing_in_memory),
        cmocka_unit_test(test_a_directory_that_cannot_be_made_is_no_new_member),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
