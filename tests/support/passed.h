/* How often the nodes of a simulated world have passed one probe: a test that is about a rare
 * branch fails if it no longer gets there.
 */
#ifndef TESTS_SUPPORT_PASSED_H
#define TESTS_SUPPORT_PASSED_H

#include <string.h>

#include "base/probe.h"
#include "host/host.h"

struct passed {
    struct world_sink sink;
    const char *probe;
    unsigned count;
};

static inline void passed_probe(struct world_sink *sink, struct node *node,
                                const struct probe_site *site)
{
    struct passed *passed = (struct passed *)sink;
    (void)node;
    passed->count += strcmp(site->name, passed->probe) == 0;
}

/* Counts from now on; one at a time in a world. */
static inline void passed_begin(struct passed *passed, struct world *world, const char *probe)
{
    *passed = (struct passed){.sink = {.probe = passed_probe}, .probe = probe};
    world_sink_set(world, &passed->sink);
}

#endif
