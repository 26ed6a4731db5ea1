/* Faults of the network: who is cut from whom, and links that are bad. */
#include "run.h"

static uint64_t bit(size_t i)
{
    return UINT64_C(1) << i;
}

static void set_group(struct run *run, uint32_t *group, uint64_t set, uint32_t number)
{
    for (size_t i = 0; i < run->member_count; i++) {
        if ((set & bit(i)) != 0 && run->members[i].host != NULL) {
            group[host_machine(run->members[i].host) - 1] = number;
        }
    }
}

/* Every machine that is no member's. */
static void set_clients(struct run *run, uint32_t *group, size_t machines, uint32_t number)
{
    for (size_t i = 0; i < machines; i++) {
        bool member = false;
        for (size_t k = 0; k < run->member_count; k++) {
            const struct host *host = run->members[k].host;
            member = member || (host != NULL && host_machine(host) == i + 1);
        }
        if (!member) {
            group[i] = number;
        }
    }
}

/* Clients stay with the largest group (of equal ones the first), or see all with keep: clients. */
static void cut_groups(struct run *run, size_t index, const char *label)
{
    const struct action *a = &run->s->steps[index].action;
    size_t machines = run->machine_count;
    uint32_t *group = mem_zalloc(run->mem, machines, sizeof(*group));
    size_t largest = 0;
    uint32_t clients = 1;
    for (size_t i = 0; i < a->group_count; i++) {
        uint64_t set = whos_resolve(run, &a->groups[i]);
        set_group(run, group, set, (uint32_t)i + 1);
        size_t size = (size_t)__builtin_popcountll(set);
        if (size > largest) {
            largest = size;
            clients = (uint32_t)i + 1;
        }
    }
    if (!a->keep_clients) {
        set_clients(run, group, machines, clients);
    }
    net_partition(run->net, label, group, machines);
}

/* Each isolated member is alone; all others, and the clients, stay together. */
static void cut_isolated(struct run *run, size_t index, const char *label)
{
    const struct action *a = &run->s->steps[index].action;
    size_t machines = run->machine_count;
    uint32_t *group = mem_zalloc(run->mem, machines, sizeof(*group));
    uint64_t alone = whos_resolve(run, &a->groups[0]);
    uint32_t next = 2;
    for (size_t i = 0; i < run->member_count; i++) {
        set_group(run, group, bit(i), (alone & bit(i)) != 0 ? next++ : 1);
    }
    if (!a->keep_clients) {
        set_clients(run, group, machines, 1);
    }
    net_partition(run->net, label, group, machines);
}

/* One fault on each link from a member of one set to another of the other. */
static void fault_links(struct run *run, const char *label, uint64_t from, uint64_t to,
                        const struct net_fault *fault)
{
    for (size_t i = 0; i < run->member_count; i++) {
        for (size_t k = 0; k < run->member_count; k++) {
            if ((from & bit(i)) != 0 && (to & bit(k)) != 0 && i != k &&
                run->members[i].host != NULL && run->members[k].host != NULL) {
                net_fault_add(run->net, label, host_machine(run->members[i].host),
                              host_machine(run->members[k].host), fault);
            }
        }
    }
}

static void cut_one_way(struct run *run, size_t index, const char *label)
{
    const struct action *a = &run->s->steps[index].action;
    const struct net_fault fault = {.blocked = true};
    fault_links(run, label, whos_resolve(run, &a->groups[0]), whos_resolve(run, &a->groups[1]),
                &fault);
}

/* The members that are not the bridge, in file order, fall into two halves; clients see all. */
static void cut_bridged(struct run *run, size_t index, const char *label)
{
    const struct net_fault fault = {.blocked = true};
    uint64_t bridge = whos_resolve(run, &run->s->steps[index].action.groups[0]);
    uint64_t rest = members_running(run) & ~bridge;
    size_t half = (size_t)__builtin_popcountll(rest) / 2;
    uint64_t left = 0;
    for (size_t i = 0; i < run->member_count && half > 0; i++) {
        if ((rest & bit(i)) != 0) {
            left |= bit(i);
            half--;
        }
    }
    fault_links(run, label, left, rest & ~left, &fault);
    fault_links(run, label, rest & ~left, left, &fault);
}

/* In file order, the last next to the first; clients see all. */
static void cut_ring(struct run *run, size_t index, const char *label)
{
    const struct net_fault fault = {.blocked = true};
    uint64_t set = whos_resolve(run, &run->s->steps[index].action.groups[0]);
    size_t ring[SCENARIO_MEMBERS_MAX];
    size_t count = 0;
    for (size_t i = 0; i < run->member_count; i++) {
        if ((set & bit(i)) != 0) {
            ring[count++] = i;
        }
    }
    for (size_t i = 0; i < count; i++) {
        uint64_t near =
            bit(ring[i]) | bit(ring[(i + 1) % count]) | bit(ring[(i + count - 1) % count]);
        fault_links(run, label, bit(ring[i]), set & ~near, &fault);
    }
}

/* As bits of members: whom the partition names, for people. */
static const char *targets(struct run *run, const struct action *a)
{
    struct buf target;
    buf_init(&target, run->mem);
    for (size_t i = 0; i < a->group_count; i++) {
        buf_printf(&target, "%s%s", i > 0 ? " | " : "",
                   members_named(run, whos_resolve(run, &a->groups[i])));
    }
    return buf_cstr(&target);
}

const char *network_partition(struct run *run, size_t index, const char *label)
{
    const struct action *a = &run->s->steps[index].action;
    const char *target = targets(run, a);
    switch (a->partition) {
    case PARTITION_GROUPS: cut_groups(run, index, label); break;
    case PARTITION_ISOLATE: cut_isolated(run, index, label); break;
    case PARTITION_ONE_WAY: cut_one_way(run, index, label); break;
    case PARTITION_BRIDGE: cut_bridged(run, index, label); break;
    case PARTITION_RING: cut_ring(run, index, label); break;
    }
    run->dirty = true;
    return target;
}

static void reset_links(struct run *run, uint64_t from, uint64_t to)
{
    for (size_t i = 0; i < run->member_count; i++) {
        for (size_t k = 0; k < run->member_count; k++) {
            if ((from & bit(i)) != 0 && (to & bit(k)) != 0 && i != k &&
                run->members[i].host != NULL && run->members[k].host != NULL) {
                net_reset(run->net, host_machine(run->members[i].host),
                          host_machine(run->members[k].host));
            }
        }
    }
}

const char *network_link(struct run *run, size_t index, const char *label)
{
    const struct action *a = &run->s->steps[index].action;
    const struct link_fault *link = &a->link;
    uint64_t from = whos_resolve(run, &a->groups[0]);
    uint64_t to = whos_resolve(run, &a->groups[1]);
    const struct rng draws = engine_rng(run->engine, "scenario-link", index);
    const struct net_fault fault = {.key = draws.key,
                                    .loss_ppm = link->loss_ppm,
                                    .duplicate_ppm = link->duplicate_ppm,
                                    .reorder_ppm = link->reorder_ppm,
                                    .reset_ppm = link->reset_ppm,
                                    .delay_min_ns = link->delay.low,
                                    .delay_max_ns = link->delay.high,
                                    .bytes_per_second = link->bytes_per_second,
                                    .hang = link->hang};
    const char *target = targets(run, a);
    fault_links(run, label, from, to, &fault);
    if (link->both) {
        fault_links(run, label, to, from, &fault);
    }
    if (link->reset_now) {
        reset_links(run, from, to);
    }
    run->bad_link_count++;
    run->dirty = true;
    return target;
}

void network_heal(struct run *run, size_t index, const char *label)
{
    bool found = net_heal(run->net, label);
    if (found && run->s->steps[index].action.kind == ACTION_LINK) {
        run->bad_link_count--;
    }
    run->dirty = true;
}
