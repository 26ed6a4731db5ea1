/* Links: latency, faults, and who waits for one to open. */
#include <string.h>

#include "base/assert.h"
#include "base/duration.h"
#include "impl.h"

/* Faults on a link. */

static bool applies(const struct fault *fault, const struct link *link)
{
    if (link->from == link->to) {
        return fault->from == link->from && fault->to == link->to;
    }
    return (fault->from == 0 || fault->from == link->from) &&
           (fault->to == 0 || fault->to == link->to);
}

static void attach(struct link *link, const struct fault *fault)
{
    struct net *net = link->net;
    link->faults =
        mem_resize(net->mem, link->faults, (link->fault_count + 1) * sizeof(struct fault_here));
    uint64_t key =
        fault->what.key != 0 ? fault->what.key : engine_rng(net->engine, fault->label, 0).key;
    link->faults[link->fault_count++] = (struct fault_here){
        .fault = fault,
        .rng = {rng_hash(key, (uint64_t)link->from << 32 | link->to), 0},
    };
    link->blocked += fault->what.blocked;
    link->hung += fault->what.hang;
    link->refusing += fault->what.refuse;
}

static void detach(struct link *link, const struct fault *fault)
{
    for (size_t i = 0; i < link->fault_count; i++) {
        if (link->faults[i].fault == fault) {
            memmove(link->faults + i, link->faults + i + 1,
                    (link->fault_count - i - 1) * sizeof(struct fault_here));
            link->fault_count--;
            link->blocked -= fault->what.blocked;
            link->hung -= fault->what.hang;
            link->refusing -= fault->what.refuse;
            return;
        }
    }
}

struct link *link_get(struct net *net, uint32_t from, uint32_t to)
{
    ASSERT(from > 0 && from <= net->machine_count);
    ASSERT(to > 0 && to <= net->machine_count);
    struct link **at = &net->links[from * net->machine_cap + to];
    if (*at == NULL) {
        struct link *link = mem_zalloc(net->mem, 1, sizeof(*link));
        link->net = net;
        link->from = from;
        link->to = to;
        link->rng = engine_rng(net->engine, "net.link", (uint64_t)from << 32 | to);
        list_init(&link->waiters);
        list_each (it, &net->faults) {
            const struct fault *fault = container_of(it, struct fault, link);
            if (applies(fault, link)) {
                attach(link, fault);
            }
        }
        *at = link;
    }
    return *at;
}

bool link_is_open(const struct link *link)
{
    const struct net *net = link->net;
    return link->blocked == 0 && link->hung == 0 && net->machines[link->from].up &&
           net->machines[link->to].up;
}

bool net_is_open(const struct net *net, uint32_t from, uint32_t to)
{
    if (!net->machines[from].up || !net->machines[to].up) {
        return false;
    }
    const struct link *link = net->links[from * net->machine_cap + to];
    if (link != NULL) {
        return link_is_open(link);
    }
    list_each (it, &net->faults) {
        const struct fault *fault = container_of(it, struct fault, link);
        bool hits = from == to ? fault->from == from && fault->to == to
                               : (fault->from == 0 || fault->from == from) &&
                                     (fault->to == 0 || fault->to == to);
        if (hits && (fault->what.blocked || fault->what.hang)) {
            return false;
        }
    }
    return true;
}

/* Latency. One draw serves latency and split: its halves are independent enough. */

static int64_t base_latency(const struct link *link, uint64_t draw)
{
    const struct net_options *o = &link->net->options;
    if (link->from == link->to) {
        return o->loopback_ns;
    }
    uint64_t span = (uint64_t)(o->latency_max_ns - o->latency_min_ns) + 1;
    return o->latency_min_ns + (int64_t)((draw >> 32) * span >> 32);
}

int64_t link_latency(struct link *link)
{
    return base_latency(link, rng_u64(&link->rng));
}

int64_t link_retransmit(struct link *link)
{
    return rng_range(&link->rng, MS_NS, link->net->options.retransmit_max_ns);
}

static void fault_fate(struct link *link, struct fault_here *here, size_t len, bool is_record,
                       struct fate *fate)
{
    const struct net_fault *f = &here->fault->what;
    int64_t now = link->net->engine->now_ns;
    if (f->loss_ppm != 0 && rng_chance(&here->rng, f->loss_ppm)) {
        if (is_record) {
            fate->lost = true;
        } else {
            fate->arrive_ns += rng_range(&here->rng, MS_NS, link->net->options.retransmit_max_ns);
        }
    }
    if (f->reset_ppm != 0 && rng_chance(&here->rng, f->reset_ppm)) {
        fate->reset = true;
    }
    if (f->delay_max_ns > 0) {
        fate->arrive_ns += rng_range(&here->rng, f->delay_min_ns, f->delay_max_ns);
    }
    if (is_record && f->duplicate_ppm != 0 && rng_chance(&here->rng, f->duplicate_ppm)) {
        fate->duplicated = true;
    }
    if (is_record && f->reorder_ppm != 0 && rng_chance(&here->rng, f->reorder_ppm)) {
        int64_t most = f->reorder_ns > 0 ? f->reorder_ns : 4 * link->net->options.latency_max_ns;
        fate->reordered = true;
        fate->arrive_ns += rng_range(&here->rng, 1, most);
    }
    if (f->bytes_per_second != 0) {
        int64_t start = here->free_ns > now ? here->free_ns : now;
        here->free_ns = start + (int64_t)(len * (uint64_t)SEC_NS / f->bytes_per_second);
        fate->arrive_ns += here->free_ns - now;
        fate->departs_ns = here->free_ns > fate->departs_ns ? here->free_ns : fate->departs_ns;
    }
    if (!is_record && f->reset_after != 0 && here->bytes < f->reset_after) {
        here->bytes += len;
        if (here->bytes >= f->reset_after) {
            fate->cut = len - (here->bytes - f->reset_after);
        }
    }
}

struct fate link_fate(struct link *link, size_t len, bool is_record)
{
    uint64_t draw = rng_u64(&link->rng);
    struct fate fate = {.arrive_ns = link->net->engine->now_ns + base_latency(link, draw),
                        .split = (uint32_t)draw,
                        .cut = UINT64_MAX};
    for (size_t i = 0; i < link->fault_count; i++) {
        fault_fate(link, &link->faults[i], len, is_record, &fate);
    }
    return fate;
}

/* Waiting for a link to open. */

void link_wait(struct link *link, struct waiter *waiter)
{
    if (waiter->link.next == NULL) {
        list_push_back(&link->waiters, &waiter->link);
    }
}

void waiter_cancel(struct waiter *waiter)
{
    if (waiter->link.next != NULL) {
        list_remove(&waiter->link);
        waiter->link = (struct list){NULL, NULL};
    }
}

void link_kick(struct link *link)
{
    if (!link_is_open(link)) {
        return;
    }
    struct list kicked;
    list_init(&kicked);
    list_splice_back(&kicked, &link->waiters);
    while (!list_empty(&kicked)) {
        struct waiter *waiter = container_of(kicked.next, struct waiter, link);
        waiter_cancel(waiter);
        waiter->kick(waiter);
    }
}

static void kick_all(struct net *net)
{
    for (uint32_t from = 1; from <= net->machine_count; from++) {
        for (uint32_t to = 1; to <= net->machine_count; to++) {
            struct link *link = net->links[from * net->machine_cap + to];
            if (link != NULL) {
                link_kick(link);
            }
        }
    }
}

void net_machine_up(struct net *net, uint32_t machine, bool up)
{
    net->machines[machine].up = up;
    if (up) {
        kick_all(net);
        return;
    }
    /* What closed connections had still to say is gone with the machine's memory. */
    list_each (it, &net->conns) {
        struct conn *conn = container_of(it, struct conn, link);
        for (int i = 0; i < 2; i++) {
            if (conn->end[i].machine == machine && conn->end[i].closed) {
                pipe_clear(&conn->end[i].out, true);
            }
        }
    }
}

/* Faults of the whole network. */

void net_fault_add(struct net *net, const char *label, uint32_t from, uint32_t to,
                   const struct net_fault *what)
{
    struct fault *fault = mem_zalloc(net->mem, 1, sizeof(*fault));
    fault->label = mem_strdup(net->mem, label, strlen(label));
    fault->from = from;
    fault->to = to;
    fault->what = *what;
    list_push_back(&net->faults, &fault->link);
    for (uint32_t a = 1; a <= net->machine_count; a++) {
        for (uint32_t b = 1; b <= net->machine_count; b++) {
            struct link *link = net->links[a * net->machine_cap + b];
            if (link != NULL && applies(fault, link)) {
                attach(link, fault);
            }
        }
    }
}

static void fault_free(struct net *net, struct fault *fault)
{
    for (uint32_t a = 1; a <= net->machine_count; a++) {
        for (uint32_t b = 1; b <= net->machine_count; b++) {
            struct link *link = net->links[a * net->machine_cap + b];
            if (link != NULL) {
                detach(link, fault);
            }
        }
    }
    list_remove(&fault->link);
    mem_free(net->mem, fault->label);
    mem_free(net->mem, fault);
}

bool net_heal(struct net *net, const char *label)
{
    bool found = false;
    list_each_safe (it, &net->faults) {
        struct fault *fault = container_of(it, struct fault, link);
        if (label == NULL || strcmp(fault->label, label) == 0) {
            fault_free(net, fault);
            found = true;
        }
    }
    if (found) {
        kick_all(net);
    }
    return found;
}

void net_partition(struct net *net, const char *label, const uint32_t *group, size_t count)
{
    const struct net_fault blocked = {.blocked = true};
    for (uint32_t a = 1; a <= count; a++) {
        for (uint32_t b = 1; b <= count; b++) {
            if (group[a - 1] != 0 && group[b - 1] != 0 && group[a - 1] != group[b - 1]) {
                net_fault_add(net, label, a, b, &blocked);
            }
        }
    }
}

void links_free(struct net *net)
{
    while (!list_empty(&net->faults)) {
        fault_free(net, container_of(net->faults.next, struct fault, link));
    }
    for (size_t i = 0; i < net->machine_cap * net->machine_cap; i++) {
        if (net->links[i] != NULL) {
            mem_free(net->mem, net->links[i]->faults);
            mem_free(net->mem, net->links[i]);
        }
    }
    mem_free(net->mem, net->links);
}
