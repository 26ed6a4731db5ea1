/* Machines and their names. */
#include "net/net.h"

#include <string.h>

#include "base/assert.h"
#include "base/hash.h"
#include "impl.h"

struct net *net_new(struct engine *engine, const struct net_options *options)
{
    struct net *net = mem_zalloc(engine->mem, 1, sizeof(*net));
    net->engine = engine;
    net->mem = engine->mem;
    net->options = *options;
    ASSERT(options->latency_min_ns <= options->latency_max_ns);
    ASSERT(options->window_bytes >= SEGMENT_MAX);
    list_init(&net->names);
    list_init(&net->faults);
    list_init(&net->conns);
    list_init(&net->dirty);
    return net;
}

static void listeners_free(struct net *net)
{
    for (size_t i = 1; i <= net->machine_count; i++) {
        struct list *listeners = &net->machines[i].listeners;
        while (!list_empty(listeners)) {
            net_listener_close(container_of(listeners->next, struct net_listener, link));
        }
    }
}

void net_free(struct net *net)
{
    listeners_free(net);
    while (!list_empty(&net->conns)) {
        struct conn *conn = container_of(net->conns.next, struct conn, link);
        conn_hold(conn);
        for (int i = 0; i < 2; i++) {
            if (!conn->end[i].closed) {
                net_vanish(&conn->end[i]);
            }
        }
        conn_drop(conn);
    }
    links_free(net);
    while (!list_empty(&net->names)) {
        struct name *name = container_of(net->names.next, struct name, link);
        list_remove(&name->link);
        mem_free(net->mem, name->text);
        mem_free(net->mem, name);
    }
    for (size_t i = 1; i <= net->machine_count; i++) {
        ASSERT(list_empty(&net->machines[i].listeners));
    }
    mem_free(net->mem, net->machines);
    mem_free(net->mem, net);
}

const struct net_counts *net_counts(const struct net *net)
{
    return &net->counts;
}

static void grow(struct net *net)
{
    size_t cap = net->machine_cap == 0 ? 16 : net->machine_cap * 2;
    struct link **links = mem_zalloc(net->mem, cap * cap, sizeof(struct link *));
    for (size_t from = 0; from < net->machine_cap; from++) {
        memcpy(links + from * cap, net->links + from * net->machine_cap,
               net->machine_cap * sizeof(struct link *));
    }
    mem_free(net->mem, net->links);
    net->links = links;
    struct machine *machines = mem_zalloc(net->mem, cap, sizeof(*machines));
    for (size_t i = 1; i <= net->machine_count; i++) {
        machines[i].up = net->machines[i].up;
        list_init(&machines[i].listeners);
        list_splice_back(&machines[i].listeners, &net->machines[i].listeners);
    }
    mem_free(net->mem, net->machines);
    net->machines = machines;
    net->machine_cap = cap;
}

uint32_t net_machine_add(struct net *net)
{
    if (net->machine_count + 1 >= net->machine_cap) {
        grow(net);
    }
    struct machine *machine = &net->machines[++net->machine_count];
    machine->up = true;
    list_init(&machine->listeners);
    return (uint32_t)net->machine_count;
}

static const struct name *find_name(const struct net *net, const char *text)
{
    uint64_t hash = hash64(text, strlen(text), 0);
    list_each (it, &net->names) {
        const struct name *name = container_of(it, struct name, link);
        if (name->hash == hash && strcmp(name->text, text) == 0) {
            return name;
        }
    }
    return NULL;
}

int net_name_add(struct net *net, uint32_t machine, const char *text)
{
    const struct name *known = find_name(net, text);
    if (known != NULL) {
        return known->machine == machine ? 0 : ERR_EXISTS;
    }
    struct name *name = mem_zalloc(net->mem, 1, sizeof(*name));
    name->hash = hash64(text, strlen(text), 0);
    name->machine = machine;
    name->text = mem_strdup(net->mem, text, strlen(text));
    list_push_back(&net->names, &name->link);
    return 0;
}

uint32_t net_resolve(const struct net *net, const char *text)
{
    const struct name *name = find_name(net, text);
    return name != NULL ? name->machine : 0;
}
