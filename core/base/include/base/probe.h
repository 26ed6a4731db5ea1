/* Probes: marks on rare branches, counted by the host and stored with a run's results.
 *
 * `PROBE("raft.conflict_truncate")` costs one load and one branch while nobody listens. The suite
 * fails on a probe that no test ever reaches. All sites of a program lie in one linker section, so
 * that they can be listed without having been passed.
 */
#ifndef BASE_PROBE_H
#define BASE_PROBE_H

#include <stddef.h>

struct probe_site {
    const char *name;
    const char *file;
    int line;
};

/* Sites lie side by side, without the red zones that AddressSanitizer puts around globals; gcc puts
 * none into a named section and does not know the attribute here. */
#ifdef __clang__
#define PROBE_SECTION section("quorate_probes"), used, aligned(8), no_sanitize("address")
#else
#define PROBE_SECTION section("quorate_probes"), used, aligned(8)
#endif

#define PROBE(site_name)                                                        \
    do {                                                                        \
        static const struct probe_site probe_site_here                          \
            __attribute__((PROBE_SECTION)) = {(site_name), __FILE__, __LINE__}; \
        probe_hit(&probe_site_here);                                            \
    } while (0)

/* Tells the current turn, if there is one that listens. */
void probe_hit(const struct probe_site *site);

/* The sites linked into this program: [0, probe_count()). */
const struct probe_site *probe_sites(void);
size_t probe_count(void);

#endif
