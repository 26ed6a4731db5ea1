/* A backup is read twice when it is restored: to see whether it can be, and to copy it. Somebody
 * saves another one under its name meanwhile. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/assert.h"
#include "base/duration.h"
#include "base/fmt.h"
#include "ctl/ctl.h"
#include "support/passed.h"
#include "support/sim_cluster.h"

#define CASES   200
#define STEP_NS (50 * US_NS)

/* A program: `replacer` gives the file "newer" the name "backup". */
struct replacer {
    struct env *env;
    struct env_disk_req req;
};

static void renamed(struct env_disk_req *req, int status)
{
    struct replacer *replacer = req->data;
    struct env *env = replacer->env;
    ASSERT(status == 0);
    mem_free(env->mem, replacer);
    env_exit(env, 0, true);
}

static void start(struct env *env)
{
    struct replacer *replacer = mem_zalloc(env->mem, 1, sizeof(*replacer));
    replacer->env = env;
    replacer->req = (struct env_disk_req){.done = renamed, .data = replacer};
    env_disk_rename(env, &replacer->req, "newer", "backup");
}

static const struct env_program replacer_program = {"replacer", start};

struct fixture {
    struct sim_cluster cluster;
    struct node *ctl;
    char said[512]; /* on standard error, by the last restore */
};

static int ctl(struct fixture *f, const char *a, const char *b, const char *c)
{
    const char *const args[] = {"quoratectl", "--endpoints=10.0.0.1:2379", a, b, c, NULL};
    sim_client_start(f->ctl, &ctl_program, args);
    assert_true(sim_run_until_ended(&f->cluster, f->ctl, 30 * SEC_NS));
    return node_exit_code(f->ctl);
}

static void start_restore(struct fixture *f, const char *directory)
{
    char data_dir[32];
    fmt(data_dir, sizeof(data_dir), "--data-dir=%s", directory);
    const char *const args[] = {"quoratectl",
                                "snapshot",
                                "restore",
                                "backup",
                                data_dir,
                                "--name=m0",
                                "--initial-cluster=m0=http://10.0.0.1:2380",
                                "--initial-advertise-peer-urls=http://10.0.0.1:2380",
                                NULL};
    sim_client_start(f->ctl, &ctl_program, args);
}

static int end_restore(struct fixture *f)
{
    assert_true(sim_run_until_ended(&f->cluster, f->ctl, 10 * SEC_NS));
    struct slice text = node_output(f->ctl, ENV_STDERR);
    fmt(f->said, sizeof(f->said), "%.*s", (int)text.len, (const char *)text.ptr);
    return node_exit_code(f->ctl);
}

/* Two backups of one member, the second with a key more. */
static void setup(struct fixture *f)
{
    const struct world_options options = world_options_default(1);
    sim_cluster_init(&f->cluster, &options, 1, true);
    f->ctl = sim_client_new(&f->cluster, "ctl");
    sim_member_start(&f->cluster, 0);
    sim_run_until_served(&f->cluster);
    assert_int_equal(ctl(f, "put", "a", "1"), 0);
    assert_int_equal(ctl(f, "snapshot", "save", "backup"), 0);
    assert_int_equal(ctl(f, "put", "b", "2"), 0);
    assert_int_equal(ctl(f, "snapshot", "save", "newer"), 0);
}

/* Whenever it happens: one of the two is restored, whole, or none and that is said. */
static void test_a_backup_that_changes_while_it_is_restored_is_refused(void **state)
{
    unsigned refused = 0;
    unsigned older = 0;
    unsigned newer = 0;
    (void)state;
    for (int64_t at_ns = 0; at_ns < CASES * STEP_NS; at_ns += STEP_NS) {
        struct fixture f;
        struct passed passed;
        setup(&f);
        struct node *replacer = node_new(node_host(f.ctl), "replacer");
        static const char *const args[] = {"replacer", NULL};
        passed_begin(&passed, f.cluster.world, "backup.changed_between");
        start_restore(&f, "restored");
        sim_run_until(&f.cluster, sim_now_ns(&f.cluster) + at_ns);
        sim_client_start(replacer, &replacer_program, args);
        assert_true(sim_run_until_ended(&f.cluster, replacer, SEC_NS));
        if (end_restore(&f) != 0) {
            assert_int_equal(passed.count, 1);
            assert_int_equal(node_exit_code(f.ctl), 1);
            assert_string_equal(f.said, "Error: the snapshot was changed while it was read\n");
            refused++;
            /* Nothing that a member would start on; what is in the way is named. */
            start_restore(&f, "restored");
            assert_int_equal(end_restore(&f), 1);
            assert_non_null(strstr(f.said, "restored.part is the rest of a restore"));
            start_restore(&f, "elsewhere");
            assert_int_equal(end_restore(&f), 0);
        } else {
            assert_int_equal(passed.count, 0);
            older += strstr(f.said, "begins at revision 2 ") != NULL;
            newer += strstr(f.said, "begins at revision 3 ") != NULL;
        }
        assert_string_equal(sim_trouble(&f.cluster), "");
        sim_cluster_fini(&f.cluster);
    }
    assert_int_equal(refused + older + newer, CASES);
    assert_true(refused > 0 && older > 0 && newer > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_backup_that_changes_while_it_is_restored_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
