/* quoratectl in a simulated world of fake servers: machines s0 … s3 with port 2379, and one for the
 * client. Time costs nothing here, so that timeouts can be looked at to the millisecond.
 */
#ifndef SUPPORT_CTL_WORLD_H
#define SUPPORT_CTL_WORLD_H

#include "host/host.h"
#include "support/fake_etcd.h"

struct ctl_result {
    int code;
    int64_t took_ns;
    char out[16384];
    char err[16384];
};

/* The servers must have their scripts by now; `servers` of them run. */
struct world *ctl_world_new(uint64_t seed, unsigned servers);
/* Runs the program to its end, at most ten simulated minutes. words: after the program's name,
 * split at blanks (a word is never empty). */
void ctl_world_run(struct world *world, const struct env_program *program, const char *words,
                   const char *input, struct ctl_result *result);

#endif
