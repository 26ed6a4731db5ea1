/* Real members and real clients in the simulated world, and what befalls them: processes are
 * killed, power fails, disks stall, links lose, repeat and reorder records and break. Every event
 * of every member is checked, and what the clients saw is kept as a history.
 */
#ifndef TEST_CHURN_CHURN_H
#define TEST_CHURN_CHURN_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/duration.h"
#include "check/check.h"
#include "check/history.h"
#include "ctl/ctl.h"
#include "disk/fault.h"
#include "host/host.h"
#include "server/server.h"

#define PLACES  5 /* n0 .. n4, with the addresses 10.0.0.1 .. 10.0.0.5 */
#define CLIENTS 4

struct churn;

struct place {
    struct observer observer; /* first */
    struct churn *churn;
    struct check_place *check;
    struct node *node;
    bool wanted;       /* a member is to run here */
    char cluster[512]; /* --initial-cluster and its state, for the first start */
    const char *state;
    int64_t down_until_ns; /* -1: it runs */
    int64_t slow_until_ns; /* -1: its process and its disk go on */
};

struct client {
    struct churn *churn;
    struct node *node;
    bool busy;
    bool is_put;
    int64_t call_ns;
    char key[8];
    char value[24];
};

struct churn {
    uint64_t seed;
    struct rng rng;
    struct world *world;
    struct check *check;
    struct history *history;
    struct place places[PLACES];
    struct client clients[CLIENTS];
    struct node *admin;   /* for whoever wants to run a command */
    char endpoints[256];  /* --endpoints=… */
    int64_t cut_until_ns; /* -1: no link is cut */
    bool noise;
    uint64_t puts_ok;
    uint64_t ops;
};

/* `members` of the places are the first members of a new cluster, and start. */
void churn_build(struct churn *c, uint64_t seed, int members);
void churn_free(struct churn *c);
int64_t churn_now(const struct churn *c);
/* A member begins to live at this place. */
void churn_member_start(struct churn *c, int i);
/* It goes for good, and its disk is emptied. */
void churn_member_wipe(struct churn *c, int i);
/* One round of 20 ms: clients go on; with faults, members fall and rise and links break. */
void churn_round(struct churn *c, bool faults);
/* Bad links between all members while faults go on; all is well again when they end. */
void churn_noise(struct churn *c, bool on);
/* Nobody failed an assertion, and no check was violated. */
void churn_expect_no_fault(struct churn *c);
/* What clients saw is linearizable. */
void churn_expect_history(struct churn *c);
/* How many seeds to run: CHURN_SEEDS, or this many. */
uint64_t churn_seeds(uint64_t count);

#endif
