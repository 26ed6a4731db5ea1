#include "support/sim_cluster.h"

#include "base/assert.h"
#include "base/duration.h"
#include "base/fmt.h"
#include "membership/membership.h"
#include "server/server.h"

static void on_event(struct observer *observer, const struct obs_event *event)
{
    struct sim_member *member = container_of(observer, struct sim_member, observer);
    struct sim_cluster *cluster = member->cluster;
    member->id = event->member;
    switch (event->kind) {
    case OBS_ROLE:
        member->role = event->role.role;
        member->term = event->role.term;
        if (member->role == OBS_LEADER && member->term > cluster->leader_term) {
            cluster->leader_term = member->term;
            cluster->leader = (size_t)(member - cluster->members);
            cluster->leader_since_ns = sim_now_ns(cluster);
        }
        break;
    case OBS_APPLY:
        member->applied = event->apply.index;
        member->state_hash = event->apply.state_hash;
        break;
    case OBS_SNAPSHOT:
        if (event->snapshot.what != OBS_SNAPSHOT_TAKEN) {
            member->applied = event->snapshot.index;
            member->state_hash = event->snapshot.state_hash;
        }
        break;
    case OBS_PUBLISHED: member->published = true; break;
    default: break;
    }
    const struct engine *engine = world_engine(cluster->world);
    check_event(member->place, engine->now_ns, engine->event, event);
    if (cluster->tap != NULL) {
        cluster->tap(cluster, member, event);
    }
}

static bool survives(void *disk, const char *path, uint64_t offset, uint64_t len)
{
    return disk_survives(disk, path, offset, len);
}

static void on_ended(struct node *node, void *data)
{
    struct sim_member *member = data;
    (void)node;
    if (member->place != NULL) {
        check_ended(member->place);
    }
}

static uint64_t cluster_id_of(struct sim_cluster *cluster)
{
    struct membership initial;
    membership_init(&initial, world_mem(cluster->world));
    int rv =
        membership_parse(&initial, slice_str(cluster->initial), slice_str("etcd-cluster"), NULL);
    ASSERT(rv == 0);
    uint64_t id = initial.cluster_id;
    membership_fini(&initial);
    return id;
}

void sim_cluster_init(struct sim_cluster *cluster, const struct world_options *options,
                      size_t count, bool observed)
{
    size_t endpoints = 0;
    size_t initial = 0;
    ASSERT(count > 0 && count <= SIM_MEMBERS_MAX);
    *cluster = (struct sim_cluster){.count = count, .leader_since_ns = -1, .observed = observed};
    cluster->world = world_new(options);
    cluster->check = observed ? check_new(world_mem(cluster->world)) : NULL;
    for (size_t i = 0; i < count; i++) {
        struct sim_member *member = &cluster->members[i];
        char name[16];
        char address[32];
        fmt(name, sizeof(name), "m%zu", i);
        fmt(address, sizeof(address), "10.0.0.%zu", i + 1);
        int rv = host_new(cluster->world, name, address, &member->host);
        ASSERT(rv == 0);
        member->node = node_new(member->host, name);
        member->cluster = cluster;
        member->observer.event = on_event;
        member->place =
            observed ? check_place_new(cluster->check, name, survives, host_disk(member->host))
                     : NULL;
        endpoints += fmt(cluster->endpoints + endpoints, sizeof(cluster->endpoints) - endpoints,
                         "%s%s:2379", i > 0 ? "," : "", address);
        initial += fmt(cluster->initial + initial, sizeof(cluster->initial) - initial,
                       "%s%s=http://%s:2380", i > 0 ? "," : "", name, address);
    }
    cluster->cluster_id = cluster_id_of(cluster);
}

void sim_cluster_fini(struct sim_cluster *cluster)
{
    if (cluster->check != NULL) {
        check_free(cluster->check);
    }
    world_free(cluster->world);
}

void sim_member_start_as(struct sim_cluster *cluster, size_t i, const char *initial,
                         const char *state)
{
    struct sim_member *member = &cluster->members[i];
    char peer[64];
    char client[64];
    fmt(peer, sizeof(peer), "http://10.0.0.%zu:2380", i + 1);
    fmt(client, sizeof(client), "http://10.0.0.%zu:2379", i + 1);
    const char *args[15 + SIM_FLAGS_MAX] = {"quorated",
                                            "--name",
                                            host_name(member->host),
                                            "--listen-peer-urls",
                                            peer,
                                            "--initial-advertise-peer-urls",
                                            peer,
                                            "--listen-client-urls",
                                            client,
                                            "--advertise-client-urls",
                                            client,
                                            "--initial-cluster",
                                            initial,
                                            "--initial-cluster-state",
                                            state};
    memcpy(args + 15, cluster->flags, cluster->flag_count * sizeof(args[0]));
    const struct node_start start = {.program = &server_program,
                                     .args = args,
                                     .arg_count = 15 + cluster->flag_count,
                                     .log_level = LOG_ERROR,
                                     .observer = cluster->observed ? &member->observer : NULL,
                                     .ended = on_ended,
                                     .data = member};
    if (!host_is_on(member->host)) {
        host_power_on(member->host);
    }
    member->published = false;
    member->role = OBS_FOLLOWER;
    int rv = node_start(member->node, &start);
    ASSERT(rv == 0);
}

void sim_member_start(struct sim_cluster *cluster, size_t i)
{
    sim_member_start_as(cluster, i, cluster->initial, "new");
}

struct node *sim_client_new(struct sim_cluster *cluster, const char *name)
{
    struct host *host;
    char address[32];
    fmt(address, sizeof(address), "10.0.1.%zu", ++cluster->client_hosts);
    int rv = host_new(cluster->world, name, address, &host);
    ASSERT(rv == 0);
    return node_new(host, name);
}

void sim_client_start(struct node *node, const struct env_program *program, const char *const *args)
{
    struct node_start start = {.program = program, .args = args, .log_level = LOG_ERROR};
    while (args[start.arg_count] != NULL) {
        start.arg_count++;
    }
    int rv = node_start(node, &start);
    ASSERT(rv == 0);
}

int64_t sim_now_ns(const struct sim_cluster *cluster)
{
    return world_engine(cluster->world)->now_ns;
}

void sim_run_until(struct sim_cluster *cluster, int64_t until_ns)
{
    world_run(cluster->world, until_ns, UINT64_MAX);
}

bool sim_run_until_ended(struct sim_cluster *cluster, struct node *node, int64_t limit_ns)
{
    int64_t until = sim_now_ns(cluster) + limit_ns;
    while (node_state(node) == NODE_RUNNING && sim_now_ns(cluster) < until) {
        int64_t step = sim_now_ns(cluster) + 50 * MS_NS;
        sim_run_until(cluster, step < until ? step : until);
    }
    return node_state(node) != NODE_RUNNING;
}

static bool is_led(const struct sim_cluster *cluster)
{
    for (size_t i = 0; i < cluster->count; i++) {
        const struct sim_member *member = &cluster->members[i];
        if (member->role == OBS_LEADER && member->published &&
            node_state(member->node) == NODE_RUNNING) {
            return true;
        }
    }
    return false;
}

bool sim_run_until_led(struct sim_cluster *cluster, int64_t limit_ns)
{
    int64_t until = sim_now_ns(cluster) + limit_ns;
    int64_t before = -1;
    /* A world without events stands still: everybody is dead. */
    while (!is_led(cluster) && sim_now_ns(cluster) < until && sim_now_ns(cluster) > before) {
        before = sim_now_ns(cluster);
        sim_run_until(cluster, before + 50 * MS_NS);
    }
    return is_led(cluster);
}

void sim_run_until_served(struct sim_cluster *cluster)
{
    bool led = sim_run_until_led(cluster, 30 * SEC_NS);
    ASSERT(led);
}

const char *sim_trouble(struct sim_cluster *cluster)
{
    struct node *broken = world_first_fault(cluster->world);
    cluster->trouble[0] = '\0';
    if (broken != NULL) {
        fmt(cluster->trouble, sizeof(cluster->trouble), "%s: %s", node_name(broken),
            node_fault_text(broken));
    } else if (cluster->check != NULL && check_violation_count(cluster->check) > 0) {
        fmt(cluster->trouble, sizeof(cluster->trouble), "%s",
            check_violation(cluster->check, 0)->text);
    }
    return cluster->trouble;
}
