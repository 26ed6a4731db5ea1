/* A cluster whose members come and go while everything fails, one run for each seed.
 *
 * The shipped server, the shipped command line and the testbed's clients run in the simulated
 * world. A seed draws how many members begin (1 to 7, mostly 3 or more), their flags, which kinds
 * of failures there are and how often, and then: an operator's commands (add as voter or learner,
 * promote, remove, update, move-leader; two operators may be at it), members that start late or
 * never, power failures, kills (also in the middle of a turn, also right when a member was elected,
 * promised a vote or applied a change), stalled disks, paused processes, cut links one way or both,
 * emptied disks. At the end a set that can form a quorum is healed, the rest stays as broken as it
 * is, and progress is demanded.
 *
 * Every event is checked by the rules (check/check.h), the clients' histories by both methods
 * (check/clients.h). The first failure of a run names the checker and the rule. Everything that a
 * run does follows from its seed.
 */
#ifndef TEST_CHURN_CHURN_H
#define TEST_CHURN_CHURN_H

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/duration.h"
#include "base/limits.h"
#include "check/check.h"
#include "check/clients.h"
#include "ctl/ctl.h"
#include "disk/fault.h"
#include "host/host.h"
#include "load/load.h"
#include "server/server.h"

#define PLACES      9 /* machines for members, n0 (10.0.0.1) and on; at most 7 are members */
#define MEMBERS     7
#define CLIENTS     6 /* the last two are for bursts, on both sides of a cut */
#define BURST       (CLIENTS - 2)
#define OPERATORS   2
#define NOT_PLANNED (-1)
#define NEVER_NS    INT64_MAX
#define ROUND_NS    (20 * MS_NS)

struct churn;

struct conf {
    index_t index;
    member_id_t voters[MEMBERS_MAX];
    size_t voter_count;
    member_id_t learners[MEMBERS_MAX];
    size_t learner_count;
};

/* A machine for a member, what is wrong with it, and what the member there has told. */
struct place {
    struct observer observer; /* first */
    struct churn *churn;
    int number;
    struct check_place *check;
    struct node *node;
    bool wanted;           /* a process is to run here: it is started again when it fell */
    int64_t down_until_ns; /* NOT_PLANNED: it is up, or not wanted */
    int64_t slow_until_ns; /* its process is paused or its disk stalled until then */
    int64_t join_ns;       /* when a member that was added here starts; NEVER_NS */
    int64_t retire_ns;     /* when its member, which was removed, is cleared away */
    member_id_t id;        /* of the last boot; 0: none since the disk was emptied */
    bool wipe_due;         /* before it starts again its disk may be emptied */
    member_id_t lost;      /* the disk was emptied under this member; 0: not so */
    bool booted;           /* the process that runs has told its boot */
    char cluster[768];     /* --initial-cluster */
    const char *state;     /* --initial-cluster-state */
    bool hinted;           /* `cluster` is what a member named when it refused this one */
    /* Of the running process. */
    enum obs_role role;
    term_t term;
    index_t applied;
    uint64_t state_hash;
    bool published;
    struct conf conf;
    index_t last; /* of its log */
    /* Of the disk. */
    struct conf seen;        /* the newest configuration that was active here … */
    struct conf seen_before; /* … and the one before, which a restart may find itself in */
    index_t published_at;    /* applied when its member served for the first time; 0: not yet */
    index_t append_last;     /* an append that is not durable; 0: none */
    index_t append_commit;   /* known to be committed when it was submitted */
    index_t commit_durable;  /* a restart knows at least this to be committed */
};

/* A client's request. Text is in the world's memory. */
struct request {
    int client;
    uint64_t n;
    enum history_kind kind;
    bool serializable;
    bool put_back; /* it is in the history */
    const char *key;
    const char *value;
    int64_t call_ns;
};

struct client {
    struct node *node;
    uint64_t starts; /* numbers the names of bursts */
};

/* What `member list` has shown last. */
struct listed {
    member_id_t id;
    int place;
    int port;
    bool started;
    bool learner;
};

enum verb {
    VERB_LIST,
    VERB_ADD,
    VERB_ADD_LEARNER,
    VERB_PROMOTE,
    VERB_REMOVE,
    VERB_UPDATE,
    VERB_MOVE,
    VERB_PUT, /* of the settle phase */
    VERB_GET,
    VERB_COUNT
};

struct operator
{
    struct churn *churn;
    struct node *node;
    bool busy;
    bool ok;   /* how the last command ended */
    bool look; /* the next command is `member list` */
    enum verb verb;
    int64_t call_ns;
    int64_t next_ns;
    char value[24];
};

/* What a seed draws once. */
struct draws {
    int members;
    bool strict;
    bool pre_vote;
    int append_max;
    int snapshot_count;
    int segment_bytes; /* of the log */
    int catchup;
    int learners_max;
    int heartbeat_ms;
    int election_ms;
    uint32_t fall_ppm; /* chances: per member and round, or per event */
    uint32_t slow_ppm;
    uint32_t cut_ppm;
    uint32_t wipe_ppm;
    uint32_t strike_ppm;
    bool noise;
    bool bursts;
    int64_t storm_ns; /* at most */
    int64_t calm_ns;
    int operators;
};

/* Sums over seeds, for people and against vacuity. */
struct sums {
    uint64_t seeds;
    uint64_t ok; /* requests */
    uint64_t refused;
    uint64_t unknown;
    uint64_t elections;
    uint64_t configs; /* configurations that became active */
    uint64_t commands[VERB_COUNT];
    uint64_t crashes;
    uint64_t power_failures;
    uint64_t cuts;
    uint64_t wipes;
    uint64_t wipes_refused; /* a member without its log ended by itself */
    uint64_t removed_ended; /* a removed member ended by itself */
    uint64_t joins;
    uint64_t joins_failed;
    uint64_t truncations;
    uint64_t truncated; /* entries */
    uint64_t taken;     /* snapshots */
    uint64_t installed;
    uint64_t restored;
    uint64_t excused;   /* settle phases in which no quorum could be formed */
    uint64_t idle;      /* runs in which no client was acknowledged a write before the end */
    uint64_t undecided; /* histories that only one method could judge */
    uint64_t simulated_ns;
    uint64_t events;
};

struct churn {
    uint64_t seed;
    struct draws draws;
    struct rng rng;      /* of the nemesis */
    struct rng rng_op;   /* of the operators */
    struct rng rng_plan; /* of everything else */
    struct world *world;
    struct mem *mem;
    struct check *check;
    struct history *history;
    struct world_sink sink;
    struct place places[PLACES];
    struct client clients[CLIENTS];
    struct operator operators[OPERATORS];
    struct request *requests;
    size_t request_count;
    size_t request_cap;
    struct listed list[MEMBERS_MAX];
    size_t list_count;
    struct conf newest; /* that was active on any member */
    index_t commit_max;
    bool storm;
    int64_t storm_until_ns;
    int64_t cut_until_ns;
    struct engine_event strike;
    int strike_place;
    int strike_kind;
    uint64_t acked; /* puts and deletes */
    bool settling;
    uint64_t settle_set; /* places, as bits */
    bool over;
    struct sums sums;
    /* The first failure; "" while there is none. */
    const char *checker;
    const char *rule;
    char text[4096];
};

/* One run. False if something failed: checker, rule and text say what. hash: of the trace. */
bool churn_run(struct churn *c, uint64_t seed, uint64_t *hash);
void sums_add(struct sums *sum, const struct sums *one);

/* --- build.c */
void churn_build(struct churn *c, uint64_t seed);
void churn_free(struct churn *c);
void churn_fail(struct churn *c, const char *checker, const char *rule, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
struct node *churn_machine(struct churn *c, const char *name, const char *address);
static inline int64_t churn_now(const struct churn *c)
{
    return world_engine(c->world)->now_ns;
}

/* --- member.c */
void member_start(struct churn *c, struct place *p);
/* The machine's disk is emptied, whatever runs there ends. */
void member_empty(struct churn *c, struct place *p);
/* Starts what is due: members that fell, that were added, and clears away removed ones. */
void members_tend(struct churn *c);
/* Writes the flags of a member that joins; false if it is not listed. */
bool join_flags(const struct churn *c, struct place *p);
bool conf_has(const struct conf *conf, member_id_t id);
bool conf_votes(const struct conf *conf, member_id_t id);
/* Where the member runs or would; NULL if nobody knows. */
struct place *place_of(struct churn *c, member_id_t id);
struct place *leader_place(struct churn *c);
static inline bool is_up(const struct place *p)
{
    return node_state(p->node) == NODE_RUNNING;
}

/* --- observe.c */
void member_observe(struct observer *observer, const struct obs_event *event);

/* --- clients.c */
void clients_start(struct churn *c);
void clients_stop(struct churn *c);
/* Requests in quick succession through the member at this place, whoever answers them. other: by
 * the second of the two clients for that, or by the first. */
void client_burst(struct churn *c, int place, bool other);
void client_output(struct world_sink *sink, struct node *node, enum env_output to,
                   struct slice text);
/* Requests without an answer go into the history, and it is judged. */
void clients_judge(struct churn *c);
/* Answers of the command line, as JSON, go into the history. */
void client_told_put(struct churn *c, const char *client, const char *value, int64_t call_ns,
                     bool ok, const char *out);
void client_told_get(struct churn *c, const char *client, int64_t call_ns, const char *out);

/* --- operate.c */
void operators_work(struct churn *c);
bool operators_busy(const struct churn *c);
/* One command through the members of this set of places. */
void operator_call(struct churn *c, struct operator* op, enum verb verb, uint64_t through,
                   const struct listed *target);
const struct listed *listed_of(const struct churn *c, member_id_t id);

/* --- faults.c */
void faults_round(struct churn *c);
/* Empties the disk of a member that is down, if the cluster can bear it. */
void faults_wipe(struct churn *c, struct place *p);
/* All members are well again, as far as they are wanted. */
void faults_end(struct churn *c);
/* An event that it may be interesting to be struck by. weight_ppm of the seed's strike chance. */
void faults_tempt(struct churn *c, struct place *p, uint32_t weight_ppm);

/* --- settle.c */
void churn_settle(struct churn *c);

#endif
