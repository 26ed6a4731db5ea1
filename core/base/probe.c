#include "base/probe.h"

#include "base/turn.h"

/* The linker names both ends of a section whose name is an identifier. They are weak, so that a
 * program without a single probe links as well. */
extern const struct probe_site __start_quorate_probes[] __attribute__((weak));
extern const struct probe_site __stop_quorate_probes[] __attribute__((weak));

void probe_hit(const struct probe_site *site)
{
    struct turn *turn = turn_current;
    if (turn != NULL && turn->probe != NULL) {
        turn->probe(turn, site);
    }
}

const struct probe_site *probe_sites(void)
{
    return __start_quorate_probes;
}

size_t probe_count(void)
{
    return (size_t)(__stop_quorate_probes - __start_quorate_probes);
}
