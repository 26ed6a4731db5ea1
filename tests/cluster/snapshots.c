#include "snapshots.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/duration.h"
#include "base/fmt.h"
#include "ctl/ctl.h"
#include "support/ledger.h"
#include "support/load_program.h"

static void on_event(struct sim_cluster *cluster, struct sim_member *member,
                     const struct obs_event *event)
{
    struct snapshots *s = cluster->data;
    size_t i = (size_t)(member - cluster->members);
    if (event->kind == OBS_SNAPSHOT) {
        if (event->snapshot.what == OBS_SNAPSHOT_TAKEN) {
            s->taken[i]++;
            s->newest[i] = event->snapshot.index;
        }
        s->installed[i] += event->snapshot.what == OBS_SNAPSHOT_INSTALLED;
        s->restored[i] += event->snapshot.what == OBS_SNAPSHOT_RESTORED;
    }
}

void snapshots_setup(struct snapshots *s, uint64_t seed)
{
    const struct world_options options = world_options_default(seed);
    memset(s, 0, sizeof(*s));
    sim_cluster_init(&s->cluster, &options, SNAPSHOTS_MEMBERS, true);
    s->cluster.flags[0] = "--snapshot-count=30";
    s->cluster.flags[1] = "--experimental-snapshot-catchup-entries=5";
    s->cluster.flag_count = 2;
    s->cluster.tap = on_event;
    s->cluster.data = s;
    s->load = sim_client_new(&s->cluster, "load");
    s->ctl = sim_client_new(&s->cluster, "ctl");
    for (size_t i = 0; i < SNAPSHOTS_MEMBERS; i++) {
        sim_member_start(&s->cluster, i);
    }
    sim_run_until_served(&s->cluster);
}

void snapshots_sound(struct snapshots *s)
{
    assert_string_equal(sim_trouble(&s->cluster), "");
}

void snapshots_teardown(struct snapshots *s)
{
    snapshots_sound(s);
    sim_cluster_fini(&s->cluster);
}

void snapshots_start_puts(struct snapshots *s, const char *endpoints)
{
    const char *const args[] = {"load",   "--endpoints", endpoints, "--clients", "4",
                                "--puts", "25",          "--value", "4000",      NULL};
    sim_client_start(s->load, &load_program, args);
}

void snapshots_put(struct snapshots *s)
{
    snapshots_start_puts(s, s->cluster.endpoints);
    assert_true(sim_run_until_ended(&s->cluster, s->load, 60 * SEC_NS));
}

void snapshots_expect_all(struct snapshots *s, uint64_t seed)
{
    assert_int_equal(ledger_check(&s->cluster, s->ctl, seed, node_output(s->load, ENV_STDOUT)),
                     SNAPSHOTS_PUTS);
}

static bool agree(const struct snapshots *s)
{
    const struct sim_member *members = s->cluster.members;
    for (size_t i = 0; i < SNAPSHOTS_MEMBERS; i++) {
        if (node_state(members[i].node) != NODE_RUNNING || !members[i].published ||
            members[i].applied != members[0].applied ||
            members[i].state_hash != members[0].state_hash) {
            return false;
        }
    }
    return members[0].applied > 0;
}

void snapshots_agree(struct snapshots *s)
{
    int64_t limit_ns = sim_now_ns(&s->cluster) + 60 * SEC_NS;
    while (!agree(s) && sim_now_ns(&s->cluster) < limit_ns) {
        sim_run_until(&s->cluster, sim_now_ns(&s->cluster) + 50 * MS_NS);
        snapshots_sound(s);
    }
    assert_true(agree(s));
}

size_t snapshots_follower(const struct snapshots *s)
{
    return (s->cluster.leader + 1) % SNAPSHOTS_MEMBERS;
}

size_t snapshots_leave_behind(struct snapshots *s)
{
    size_t i = snapshots_follower(s);
    node_crash(s->cluster.members[i].node);
    snapshots_put(s);
    return i;
}

void snapshots_move_leader(struct snapshots *s, size_t to)
{
    char id[24];
    char endpoint[48];
    fmt(id, sizeof(id), "%llx", (unsigned long long)s->cluster.members[to].id);
    fmt(endpoint, sizeof(endpoint), "--endpoints=10.0.0.%zu:2379", s->cluster.leader + 1);
    const char *const args[] = {"quoratectl", endpoint, "move-leader", id, NULL};
    sim_client_start(s->ctl, &ctl_program, args);
    assert_true(sim_run_until_ended(&s->cluster, s->ctl, 30 * SEC_NS));
}
