/* What must hold at the end of a story: every acknowledged put is there, the members are in the
 * same state, no rule was violated and nobody broke. Each fails the test with the seed.
 */
#ifndef TESTS_SUPPORT_LEDGER_H
#define TESTS_SUPPORT_LEDGER_H

#include "support/sim_cluster.h"

void ledger_fail(uint64_t seed, const char *what, struct slice detail);
/* told: the lines of load_program ("ok KEY"). Reads all keys through `reader`, a node that
 * does not run; some member must lead within a minute. The number of acknowledged puts. */
uint64_t ledger_check(struct sim_cluster *cluster, struct node *reader, uint64_t seed,
                      struct slice told);
/* The rules of every event, and the members' own assertions. */
void ledger_sound(struct sim_cluster *cluster, uint64_t seed);
/* Two seconds from now that holds, and all members, which run, have applied the same. */
void ledger_agree(struct sim_cluster *cluster, uint64_t seed);

#endif
