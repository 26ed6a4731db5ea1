/* Three members of one new cluster, n1 to n3 at 10.0.0.1 to 10.0.0.3, each on its own host.
 */
#ifndef TESTS_CRASH_CLUSTER_H
#define TESTS_CRASH_CLUSTER_H

#include "host/host.h"

#define MEMBERS 3

/* Starts member i, for the first time or again; `node` is NULL before the first. */
struct node *cluster_start(struct world *world, int i, struct node *node,
                           struct observer *observer);

#endif
