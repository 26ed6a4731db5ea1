/* A simulated cluster for tests and benchmarks in C: members m0, m1, … of the shipped server, each
 * on a host of its own (10.0.0.1, …), and hosts for clients (10.0.1.1, …).
 */
#ifndef TESTS_SUPPORT_SIM_CLUSTER_H
#define TESTS_SUPPORT_SIM_CLUSTER_H

#include "check/check.h"
#include "host/host.h"

#define SIM_MEMBERS_MAX 7
#define SIM_FLAGS_MAX   4

struct sim_cluster;

struct sim_member {
    struct observer observer;
    struct check_place *place;
    struct sim_cluster *cluster;
    struct host *host;
    struct node *node;
    member_id_t id;
    enum obs_role role;
    term_t term;
    bool published;
    uint64_t applied;
    uint64_t state_hash;
};

struct sim_cluster {
    struct world *world;
    struct check *check; /* the rules of every event; NULL if not observed */
    size_t count;
    struct sim_member members[SIM_MEMBERS_MAX];
    int64_t leader_since_ns; /* of the newest leader; -1 before the first */
    term_t leader_term;
    size_t leader;       /* number of the member; meaningless before the first */
    uint64_t cluster_id; /* by the formula, from the initial cluster */
    size_t client_hosts;
    char endpoints[256];
    char initial[512];
    const char *flags[SIM_FLAGS_MAX]; /* of every member, beside the usual ones */
    size_t flag_count;
    bool observed;
    char trouble[512];
    /* Further listeners to every event, or NULL. */
    void (*tap)(struct sim_cluster *cluster, struct sim_member *member,
                const struct obs_event *event);
    void *data;
};

/* Hosts and nodes, nothing started. observed: every event of every member is checked; else members
 * get no observer. */
void sim_cluster_init(struct sim_cluster *cluster, const struct world_options *options,
                      size_t count, bool observed);
void sim_cluster_fini(struct sim_cluster *cluster);
/* Powers the host on if need be and starts the member with the flags of session 1. */
void sim_member_start(struct sim_cluster *cluster, size_t i);
/* The same with another --initial-cluster and --initial-cluster-state. */
void sim_member_start_as(struct sim_cluster *cluster, size_t i, const char *initial,
                         const char *state);
/* Another host and a node for a client's program. */
struct node *sim_client_new(struct sim_cluster *cluster, const char *name);
void sim_client_start(struct node *node, const struct env_program *program,
                      const char *const *args);
/* Runs to that time, or until the node has ended; returns whether it has. */
void sim_run_until(struct sim_cluster *cluster, int64_t until_ns);
bool sim_run_until_ended(struct sim_cluster *cluster, struct node *node, int64_t limit_ns);
/* Runs until some member leads and has published; false if that takes limit_ns. */
bool sim_run_until_led(struct sim_cluster *cluster, int64_t limit_ns);
/* The same, and fails the program after 30 simulated seconds. */
void sim_run_until_served(struct sim_cluster *cluster);
/* What has gone wrong so far: an assertion that failed, a rule that was violated; "" if nothing.
 * Valid until it is asked again. */
const char *sim_trouble(struct sim_cluster *cluster);
int64_t sim_now_ns(const struct sim_cluster *cluster);

#endif
