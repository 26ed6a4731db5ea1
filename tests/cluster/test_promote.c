/* A promotion that is asked of a member which is gone when the leader has decided. */
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
#include "disk/fault.h"
#include "support/passed.h"
#include "support/sim_cluster.h"

#define VOTERS 3 /* m3 is the learner */

struct fixture {
    struct sim_cluster cluster;
    struct node *ctl;
    size_t asked; /* no leader */
    char learner[24];
    char out[1024];
};

static void start_ctl(struct fixture *f, size_t member, const char *a, const char *b, const char *c,
                      const char *d)
{
    char endpoint[48];
    fmt(endpoint, sizeof(endpoint), "--endpoints=10.0.0.%zu:2379", member + 1);
    const char *const args[] = {"quoratectl", endpoint, "member", a, b, c, d, NULL};
    sim_client_start(f->ctl, &ctl_program, args);
}

static int end_ctl(struct fixture *f)
{
    assert_true(sim_run_until_ended(&f->cluster, f->ctl, 30 * SEC_NS));
    int code = node_exit_code(f->ctl);
    struct slice said = node_output(f->ctl, code == 0 ? ENV_STDOUT : ENV_STDERR);
    fmt(f->out, sizeof(f->out), "%.*s", (int)said.len, (const char *)said.ptr);
    return code;
}

static void setup(struct fixture *f, uint64_t seed)
{
    const struct world_options options = world_options_default(seed);
    char all[512];
    sim_cluster_init(&f->cluster, &options, VOTERS + 1, true);
    f->ctl = sim_client_new(&f->cluster, "ctl");
    fmt(all, sizeof(all), "%s", f->cluster.initial);
    *strstr(f->cluster.initial, ",m3") = '\0';
    for (size_t i = 0; i < VOTERS; i++) {
        sim_member_start(&f->cluster, i);
    }
    /* Links have to be up for five seconds before members may be added. */
    sim_run_until(&f->cluster, 9 * SEC_NS);
    start_ctl(f, 0, "add", "m3", "--learner", "--peer-urls=http://10.0.0.4:2380");
    assert_int_equal(end_ctl(f), 0);
    sim_member_start_as(&f->cluster, VOTERS, all, "existing");
    sim_run_until(&f->cluster, sim_now_ns(&f->cluster) + 8 * SEC_NS);
    assert_true(f->cluster.members[VOTERS].published);
    fmt(f->learner, sizeof(f->learner), "%llx", (unsigned long long)f->cluster.members[VOTERS].id);
    f->asked = (f->cluster.leader + 1) % VOTERS;
}

/* The client cannot know; what was decided holds. */
static void test_who_was_asked_may_be_gone_when_the_leader_has_decided(void **state)
{
    static const struct disk_fault slow = {.kind = DISK_FAULT_SLOW,
                                           .count = DISK_FOR_EVER,
                                           .low_ns = 300 * MS_NS,
                                           .high_ns = 300 * MS_NS};
    (void)state;
    for (uint64_t seed = 1; seed <= 5; seed++) {
        struct fixture f;
        struct passed passed;
        setup(&f, seed);
        for (size_t i = 0; i < VOTERS; i++) {
            disk_fault_add(host_disk(f.cluster.members[i].host), &slow);
        }
        passed_begin(&passed, f.cluster.world, "server.answer_not_sent");
        start_ctl(&f, f.asked, "promote", f.learner, NULL, NULL);
        sim_run_until(&f.cluster, sim_now_ns(&f.cluster) + 100 * MS_NS);
        node_crash(f.cluster.members[f.asked].node);
        assert_int_equal(end_ctl(&f), 1);
        sim_run_until(&f.cluster, sim_now_ns(&f.cluster) + 2 * SEC_NS);
        assert_int_equal(passed.count, 1);
        for (size_t i = 0; i < VOTERS; i++) {
            disk_heal(host_disk(f.cluster.members[i].host));
        }
        /* Of four voters three are needed, the new one among them. */
        start_ctl(&f, f.cluster.leader, "promote", f.learner, NULL, NULL);
        assert_int_equal(end_ctl(&f), 1);
        assert_string_equal(f.out, "Error: etcdserver: can only promote a learner member\n");
        start_ctl(&f, f.cluster.leader, "list", NULL, NULL, NULL);
        assert_int_equal(end_ctl(&f), 0);
        assert_null(strstr(f.out, "true"));
        sim_member_start(&f.cluster, f.asked);
        sim_run_until(&f.cluster, sim_now_ns(&f.cluster) + 3 * SEC_NS);
        for (size_t i = 0; i <= VOTERS; i++) {
            assert_int_equal(f.cluster.members[i].state_hash, f.cluster.members[0].state_hash);
        }
        assert_string_equal(sim_trouble(&f.cluster), "");
        sim_cluster_fini(&f.cluster);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_who_was_asked_may_be_gone_when_the_leader_has_decided),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
