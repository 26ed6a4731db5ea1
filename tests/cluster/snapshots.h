/* Three members that take snapshots often and forget what is behind them soon, so that one that is
 * away for a moment lags by a whole snapshot. What the tests of snapshots share.
 */
#ifndef TESTS_CLUSTER_SNAPSHOTS_H
#define TESTS_CLUSTER_SNAPSHOTS_H

#include "support/sim_cluster.h"

#define SNAPSHOTS_MEMBERS 3
#define SNAPSHOTS_PUTS    100

struct snapshots {
    struct sim_cluster cluster;
    struct node *load;
    struct node *ctl;
    unsigned taken[SNAPSHOTS_MEMBERS];
    unsigned installed[SNAPSHOTS_MEMBERS];
    unsigned restored[SNAPSHOTS_MEMBERS];
    index_t newest[SNAPSHOTS_MEMBERS]; /* the index of the last one taken */
};

/* A snapshot every 30 entries, 5 entries kept behind it; some member leads and has published. */
void snapshots_setup(struct snapshots *s, uint64_t seed);
/* Fails the test if anything has gone wrong so far. */
void snapshots_sound(struct snapshots *s);
void snapshots_teardown(struct snapshots *s);
/* Four clients put 25 keys each, of 4000 bytes: more than three snapshots' worth of entries, each
 * acknowledged. */
void snapshots_put(struct snapshots *s);
/* The same, begun, by way of these members. */
void snapshots_start_puts(struct snapshots *s, const char *endpoints);
/* All of them were acknowledged, and are there. */
void snapshots_expect_all(struct snapshots *s, uint64_t seed);
/* All run, and within a minute they are published and have applied the same to the same state. */
void snapshots_agree(struct snapshots *s);
size_t snapshots_follower(const struct snapshots *s);
/* Kills a follower and puts as above, so that it lags by more than the leader's memory holds. Who.
 */
size_t snapshots_leave_behind(struct snapshots *s);
/* Asks the leader to hand on to another member; it may refuse, or be in the middle of it. */
void snapshots_move_leader(struct snapshots *s, size_t to);

#endif
