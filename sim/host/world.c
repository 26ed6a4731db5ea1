/* The world: what owns everything. */
#include <string.h>

#include "base/assert.h"
#include "base/duration.h"
#include "impl.h"

struct world_options world_options_default(uint64_t seed)
{
    return (struct world_options){
        .seed = seed,
        .wall_start_ns = INT64_C(1767225600) * SEC_NS, /* 2026-01-01 */
        .node_memory_max = UINT64_C(1) << 32,
        .memory_fill = -1,
        .turn_cpu_max_ns = 10 * SEC_NS,
        .net = net_options_default,
        .disk = disk_options_default,
    };
}

struct world *world_new(const struct world_options *options)
{
    struct mem_pool *pool = mem_pool_new(UINT64_MAX, -1);
    struct mem *mem = mem_pool_mem(pool);
    struct world *world = mem_zalloc(mem, 1, sizeof(*world));
    world->pool = pool;
    world->mem = mem;
    world->options = *options;
    engine_init(&world->engine, mem, options->seed);
    world->net = net_new(&world->engine, &world->options.net);
    tripwire_link();
    watchdog_start(options->turn_cpu_max_ns);
    return world;
}

void world_free(struct world *world)
{
    ASSERT(world->current == NULL);
    watchdog_stop(world->options.turn_cpu_max_ns);
    world->sink = NULL;
    for (size_t i = 0; i < world->node_count; i++) {
        struct node *node = world->nodes[i];
        if (node->process != NULL) {
            node->process->ended = NULL;
            process_end(node->process, NODE_CRASHED, -9, false);
        }
        buf_fini(&node->output[ENV_STDOUT]);
        buf_fini(&node->output[ENV_STDERR]);
    }
    net_free(world->net);
    for (size_t i = 0; i < world->host_count; i++) {
        disk_free(world->hosts[i]->disk);
    }
    engine_fini(&world->engine);
    mem_pool_free(world->pool);
}

struct engine *world_engine(struct world *world)
{
    return &world->engine;
}

struct net *world_net(struct world *world)
{
    return world->net;
}

struct mem *world_mem(struct world *world)
{
    return world->mem;
}

void world_sink_set(struct world *world, struct world_sink *sink)
{
    world->sink = sink;
}

enum engine_end world_run(struct world *world, int64_t until_ns, uint64_t count)
{
    return engine_run(&world->engine, until_ns, count);
}

struct node *world_first_fault(struct world *world)
{
    return world->first_fault;
}

/* Hosts. */

int host_new(struct world *world, const char *name, const char *address, struct host **result)
{
    if (net_resolve(world->net, address) != 0 || host_find(world, name) != NULL) {
        return ERR_EXISTS;
    }
    struct host *host = mem_zalloc(world->mem, 1, sizeof(*host));
    host->world = world;
    host->name = mem_strdup(world->mem, name, strlen(name));
    host->address = mem_strdup(world->mem, address, strlen(address));
    host->machine = net_machine_add(world->net);
    host->on = true;
    host->disk = disk_new(&world->engine, host->machine, &world->options.disk);
    /* No two machines have run for the same time: what compares their clocks shows at once. */
    struct rng rng = engine_rng(&world->engine, "host.clock", host->machine);
    host->base_ns = world->engine.now_ns;
    host->base_mono_ns = rng_range(&rng, SEC_NS, 1000000 * SEC_NS);
    host->wall_offset_ns = world->options.wall_start_ns + world->engine.now_ns - host->base_mono_ns;
    world->hosts =
        mem_resize(world->mem, world->hosts, (world->host_count + 1) * sizeof(struct host *));
    world->hosts[world->host_count++] = host;
    *result = host;
    return net_name_add(world->net, host->machine, address);
}

int host_address_add(struct host *host, const char *address)
{
    return net_name_add(host->world->net, host->machine, address);
}

struct host *host_by_address(struct world *world, const char *address)
{
    uint32_t machine = net_resolve(world->net, address);
    for (size_t i = 0; i < world->host_count && machine != 0; i++) {
        if (world->hosts[i]->machine == machine) {
            return world->hosts[i];
        }
    }
    return NULL;
}

struct host *host_find(struct world *world, const char *name)
{
    for (size_t i = 0; i < world->host_count; i++) {
        if (strcmp(world->hosts[i]->name, name) == 0) {
            return world->hosts[i];
        }
    }
    return host_by_address(world, name);
}

const char *host_name(const struct host *host)
{
    return host->name;
}

const char *host_address(const struct host *host)
{
    return host->address;
}

uint32_t host_machine(const struct host *host)
{
    return host->machine;
}

struct disk *host_disk(struct host *host)
{
    return host->disk;
}

bool host_is_on(const struct host *host)
{
    return host->on;
}

void host_power_off(struct host *host)
{
    struct world *world = host->world;
    if (!host->on) {
        return;
    }
    if (world->current != NULL && world->current->host == host) {
        host->power_pending = true;
        return;
    }
    host->power_pending = false;
    host->on = false;
    for (size_t i = 0; i < world->node_count; i++) {
        struct node *node = world->nodes[i];
        if (node->host == host && node->process != NULL) {
            process_end(node->process, NODE_CRASHED, -9, true);
        }
    }
    net_machine_up(world->net, host->machine, false);
    disk_power_off(host->disk);
    engine_trace(&world->engine, 0, "power", "%s is off", host->name);
}

void host_power_on(struct host *host)
{
    if (!host->on) {
        host->on = true;
        net_machine_up(host->world->net, host->machine, true);
        engine_trace(&host->world->engine, 0, "power", "%s is on", host->name);
    }
}
