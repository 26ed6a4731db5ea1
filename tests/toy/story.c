/* The toy's world, and a story with one of everything that can go wrong in it. */
#include "base/assert.h"
#include "base/duration.h"
#include "base/fmt.h"
#include "toy.h"

static struct host *add_host(struct world *world, const char *name, const char *address)
{
    struct host *host;
    int rc = host_new(world, name, address, &host);
    ASSERT(rc == 0);
    return host;
}

void toy_world_init(struct toy_world *toy, uint64_t seed, unsigned lines, int memory_fill)
{
    struct world_options options = world_options_default(seed);
    options.memory_fill = memory_fill;
    toy->world = world_new(&options);
    toy->server = node_new(add_host(toy->world, "server", "10.0.0.1"), "server");
    toy->client[0] = node_new(add_host(toy->world, "c1", "10.0.0.2"), "c1");
    toy->client[1] = node_new(add_host(toy->world, "c2", "10.0.0.3"), "c2");
    toy_start_clients(toy, lines);
}

void toy_world_fini(struct toy_world *toy)
{
    world_free(toy->world);
}

void toy_start_server(struct toy_world *toy, uint64_t crash_call, uint64_t crash_probe)
{
    const char *const args[] = {"toy-server", "data", "7000"};
    const struct node_start start = {
        .program = &toy_server,
        .args = args,
        .arg_count = 3,
        .crash_call = crash_call,
        .crash_probe = crash_probe,
    };
    int rc = node_start(toy->server, &start);
    ASSERT(rc == 0);
}

void toy_start_clients(struct toy_world *toy, unsigned lines)
{
    char count[16];
    fmt(count, sizeof(count), "%u", lines);
    const char *const args[] = {"toy-client", "10.0.0.1", "7000", count};
    const struct node_start start = {.program = &toy_client, .args = args, .arg_count = 4};
    for (int i = 0; i < 2; i++) {
        int rc = node_start(toy->client[i], &start);
        ASSERT(rc == 0);
    }
}

uint64_t toy_story(uint64_t seed, unsigned lines, int memory_fill, struct engine_sink *sink,
                   uint64_t *events)
{
    struct toy_world toy;
    const struct net_fault rough = {
        .loss_ppm = 50000, .duplicate_ppm = 50000, .reorder_ppm = 100000, .delay_max_ns = MS_NS};
    const struct net_fault blocked = {.blocked = true};
    toy_world_init(&toy, seed, lines, memory_fill);
    struct engine *engine = world_engine(toy.world);
    struct net *net = world_net(toy.world);
    struct host *machine = node_host(toy.server);
    engine->sink = sink;
    toy_start_server(&toy, 0, 0);
    world_run(toy.world, 200 * MS_NS, UINT64_MAX);
    net_fault_add(net, "rough", 0, 0, &rough);
    host_clock_drift(machine, 300);
    world_run(toy.world, 400 * MS_NS, UINT64_MAX);
    node_crash(toy.server);
    toy_start_server(&toy, 0, 0);
    world_run(toy.world, 600 * MS_NS, UINT64_MAX);
    net_fault_add(net, "cut", host_machine(node_host(toy.client[0])), host_machine(machine),
                  &blocked);
    world_run(toy.world, 1500 * MS_NS, UINT64_MAX);
    net_heal(net, "cut");
    node_pause(toy.client[1]);
    world_run(toy.world, 1700 * MS_NS, UINT64_MAX);
    node_resume(toy.client[1]);
    host_power_off(machine);
    world_run(toy.world, 1900 * MS_NS, UINT64_MAX);
    host_power_on(machine);
    toy_start_server(&toy, 0, 0);
    world_run(toy.world, 2100 * MS_NS, UINT64_MAX);
    net_reset(net, host_machine(machine), host_machine(node_host(toy.client[0])));
    net_heal(net, NULL);
    for (int64_t s = 3; s < 60 && (node_state(toy.client[0]) == NODE_RUNNING ||
                                   node_state(toy.client[1]) == NODE_RUNNING);
         s++) {
        world_run(toy.world, s * SEC_NS, UINT64_MAX);
    }
    node_stop(toy.server, 15);
    world_run(toy.world, 61 * SEC_NS, UINT64_MAX);
    ASSERT(world_first_fault(toy.world) == NULL);
    ASSERT(node_state(toy.server) == NODE_EXITED && node_exit_code(toy.server) == -15);
    ASSERT(node_state(toy.client[0]) == NODE_EXITED && node_exit_code(toy.client[0]) == 0);
    ASSERT(node_state(toy.client[1]) == NODE_EXITED && node_exit_code(toy.client[1]) == 0);
    uint64_t hash = engine->hash;
    *events = engine->event;
    toy_world_fini(&toy);
    return hash;
}
