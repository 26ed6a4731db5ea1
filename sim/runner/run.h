/* A run's state, and how its files call each other. Private to sim/runner.
 *
 *   run.c       life, the loop, the end            boot.c     warm-up
 *   member.c    processes of members               observe.c  what they tell
 *   step.c      triggers, firing, finishing        action.c   starts and ends
 *   network.c   partitions and links               load.c     clients
 *   disk.c      faults of disks, and their budget
 *   ctl.c       command lines                      when.c     predicates
 *   probe.c     lasting clients                    foresee.c  feeding the oracle
 *   judge.c     expectations and contradictions    settle.c   after the timeline
 *   ledger.c    what was acknowledged is there
 *   lost.c      leaders that hear no quorum        into.c     all of a run into a database
 *   fail.c      failures                           words.c    quorum arithmetic in words
 *   tell*.c     the terminal                       save.c     the database
 *   trace.c     lines of what members tell         checks.c   sim/check
 *   keys.c      keys expected at the end            epochs.c   histories that begin anew
 *   record.c    what a run remembers for           page.c     the page of a failure
 *   line.c      a line of the trace                state.c    the state of one member
 *
 * Times in here are engine times; `run_time` turns them into those of the timeline.
 */
#ifndef RUNNER_RUN_H
#define RUNNER_RUN_H

#include "base/mem.h"
#include "env/observer.h"
#include "host/host.h"
#include "load/load.h"
#include "oracle/oracle.h"
#include "runner/runner.h"

#define PROBE_COUNT    3
#define CLIENT_HOST    "client"
#define NEVER_NS       INT64_MIN
#define ATTEMPTS_MIN   3
#define OP_TIMEOUT_NS  (5 * SEC_NS) /* of probes: etcdctl's command timeout */
#define BEHIND_ENTRIES 5000         /* the catch-up distance: what etcd keeps for slow followers */

#define ARRAY(type)   \
    struct {          \
        type *items;  \
        size_t count; \
        size_t cap;   \
    }

/* Room for one more, zeroed; the pointer is good until the next push. */
#define PUSH(run, array)                                                           \
    (array_grow((run)->mem, (void **)&(array).items, &(array).count, &(array).cap, \
                sizeof((array).items[0])),                                         \
     &(array).items[(array).count - 1])
void array_grow(struct mem *mem, void **items, size_t *count, size_t *cap, size_t size);

struct run;

/* A file of a member, as its persists tell of it. */
struct told {
    const char *file; /* NULL: none */
    uint64_t covered; /* what is before it is vouched for by what lies behind */
    uint64_t end;
};

/* What the last incarnation of a member told, and the truth about its process. */
struct member {
    struct observer observer; /* first */
    struct run *run;
    const struct member_spec *spec;
    size_t index;
    struct host *host;
    struct node *node;
    const char *data;     /* its data directory */
    member_id_t id;       /* 0: not known yet */
    size_t epoch;         /* the history that it belongs to: index into epochs */
    member_id_t epoch_id; /* as which member; 0: it has told nothing yet */
    bool running;
    bool paused;
    bool ever_started;
    bool ever_booted; /* it has read its disk and begun, in some incarnation */
    bool stopping;    /* was asked to; its end is not a surprise */
    bool wiped;       /* its own directory is gone, and it has not served with the new one yet */
    bool misled;      /* it has begun on a disk that did not give back what was written */
    bool forgetful;   /* it began on a disk that may have lost what it promised */
    bool published;
    bool replaying;
    bool fetching;
    index_t boot_commit;
    index_t fetch_target;
    enum obs_role role;
    term_t term;
    member_id_t leader;
    term_t vote_term; /* the last vote that it told */
    member_id_t vote;
    index_t commit;
    index_t applied;
    uint64_t state_hash;
    revision_t revision;
    struct oracle_config config;
    /* Printed by the `member add` that announced it. */
    bool added;
    int64_t added_ns;
    struct env_var settings[4];
    size_t setting_count;
    bool unheard; /* it leads, and no quorum can reach it */
    int64_t unheard_ns;
    struct told told[2];           /* the newest, and the one before */
    uint64_t disk_requests_before; /* t = 0 */
    uint64_t promises_broken;      /* by its disk, when the process began */
    uint64_t disk_failed;          /* requests, likewise */
    size_t waiting_stop;           /* step that waits for its end; SIZE_MAX: none */
    size_t waiting_exit;
};

enum step_phase {
    STEP_WAITING, /* its trigger has not come */
    STEP_WATCHED, /* `when`: looked at after each event */
    STEP_FIRED,
    STEP_FINISHED
};

struct disk_mark {
    size_t member;
    uint32_t number; /* of the disk's fault */
};

struct step_state {
    struct engine_event trigger;
    struct engine_event late; /* `within` has passed */
    struct engine_event undo;
    struct run *run;
    size_t index;
    enum step_phase phase;
    int64_t watched_ns;
    int64_t fired_ns;
    int64_t finished_ns;
    int64_t ended_ns;         /* what it did was undone */
    uint64_t victims;         /* bits of members */
    size_t pending;           /* victims whose end is waited for */
    struct disk_image *image; /* save-dir */
    ARRAY(struct disk_mark) disk_faults;
    size_t firings;    /* so far: `every` and `each` fire again and again */
    bool was_true;     /* `each`: as it was looked at last */
    struct node *node; /* ctl */
    size_t op;         /* ctl: index into ops; SIZE_MAX: none */
    bool judged;
    bool met;
    const char *got;
    size_t fault; /* index into faults of the first; SIZE_MAX: none */
    size_t fault_count;
};

struct op {
    const char *client;
    const char *kind;
    const char *arg;
    const char *key;      /* of probes and load; NULL: see arg */
    enum service service; /* SERVICE_COUNT: none of them */
    bool usual;           /* called from a host that no step chose: the oracle speaks for it */
    bool load;            /* called by a client of `load`, which may ask only some members */
    bool fresh;           /* of those one without a past: it counts as a probe for expectations */
    bool settling;        /* called by the settle phase */
    int64_t call_ns;
    int64_t return_ns; /* NEVER_NS: not yet */
    enum load_outcome outcome;
    int64_t revision; /* of the answer's header; 0: none, or a command line that shows none */
    int64_t create;   /* of the key that was read; 0: it was not there */
    int64_t mod;
    int64_t version;
    uint64_t member; /* who answered; 0: not known */
    const char *result;
    uint64_t call_event; /* numbers of the engine's events */
    uint64_t return_event;
};

struct probe {
    struct run *run;
    struct node *node;
    const char *name;
    const char *kind;
    enum service service;
    int64_t interval_ns;
    bool load; /* a client of `load`, of this group */
    size_t group;
    ARRAY(size_t) ops; /* ops.items[n - 1]: index of the n-th call */
};

enum row_kind {
    ROW_PLAIN,
    ROW_STORY, /* only with --story */
    ROW_ORACLE /* what is predicted of writes has changed: `sight` */
};

/* A row of the table. Text may name members by MEMBER_MARK, because an ID may be known before the
 * name that belongs to it. */
struct row {
    enum row_kind kind;
    int64_t time_ns;
    const char *who;
    const char *text;
    const char *detail; /* lines below; NULL: none */
    size_t op;          /* a ctl step: SIZE_MAX if not */
    size_t sight;       /* ROW_ORACLE */
    size_t voters;
    size_t up;
};

struct role_change {
    int64_t time_ns;
    size_t member;
    bool down;
    enum obs_role role;
    term_t term;
    member_id_t leader;
};

struct config_change {
    int64_t time_ns;
    size_t member;
    struct oracle_config config;
};

struct fault {
    const char *label;
    const char *kind;
    const char *target;
    int64_t from_ns;
    int64_t to_ns; /* NEVER_NS: not undone */
};

/* The world as the oracle saw it from time_ns on. */
struct sight {
    int64_t time_ns;
    struct oracle_answer answer;
    struct oracle_config newest;
    uint64_t running;
    uint64_t published;
    uint64_t ever_started;
    uint64_t reached;
    uint64_t disk_works;
    member_id_t ids[ORACLE_MEMBERS_MAX];
    uint64_t open[ORACLE_MEMBERS_MAX];
};

struct failure {
    enum verdict verdict;
    int64_t time_ns;
    uint64_t event; /* of the engine, at which it failed: where its causes begin */
    size_t line;    /* how many lines were recorded by then; 0: not known */
    uint64_t since; /* its request was called by this event; 0: it is not about a request */
    size_t witness; /* index of another request that shows it; SIZE_MAX: none */
    const char *checker;
    const char *rule;
    const char *place;
    const char *text;  /* first line: what; more lines: why */
    const char *state; /* of every member, as the checks knew it; NULL: they did not see it */
};

/* A history: the first, or one that a member began with no quorum's consent. Each is judged by
 * itself. */
struct epoch {
    uint64_t id;   /* as members tell it; 0: the first */
    size_t parent; /* index of the history whose beginning it shares; its own, of the first */
    size_t member; /* who began it; SIZE_MAX: nobody, it is the first */
    int64_t time_ns;
    index_t kept; /* it shares the entries through this one */
    struct check *check;
    struct check_place *places[SCENARIO_MEMBERS_MAX];
    uint64_t seen; /* violations that were told */
};

/* From then on that member belongs to that history. */
struct epoch_move {
    member_id_t member;
    size_t index; /* its place among members */
    int64_t time_ns;
    size_t epoch;
};

enum run_phase {
    RUN_BOOTING,
    RUN_TIMELINE,
    RUN_SETTLING,
    RUN_OVER
};

struct checks;
struct record;

struct run {
    const struct scenario *s;
    struct run_options options;
    struct mem_pool *pool;
    struct mem *mem;
    struct world *world;
    struct engine *engine;
    struct net *net;
    struct engine_sink engine_sink;
    struct engine_watch watch;
    struct world_sink world_sink;
    struct rng rng;
    enum run_phase phase;
    bool stopping; /* the loop ends after this event */
    bool cut_short;
    int64_t zero_ns;
    int64_t until_ns; /* engine time; INT64_MAX: when every step has finished */
    int64_t end_ns;   /* of the timeline, once it is over */
    struct member members[SCENARIO_MEMBERS_MAX];
    size_t member_count;
    struct step_state *steps;
    size_t keys_left;  /* reads of keys.c under way */
    size_t steps_left; /* not finished */
    size_t watched;    /* steps in phase STEP_WATCHED */
    struct host *client_host;
    size_t machine_count; /* made so far: the highest number */
    struct probe probes[PROBE_COUNT];
    size_t probe_count;
    ARRAY(struct probe) clients; /* of `load` */
    struct engine_event boot_event;
    struct engine_event settle_event;
    struct engine_event stable_event; /* a predicate depends on time */
    int64_t stable_since_ns;          /* leader and configuration unchanged */
    size_t leader_known;              /* as of stable_since_ns; SIZE_MAX: none */
    bool changed;                     /* predicates are to be looked at */
    bool dirty;                       /* the oracle is to be asked */
    bool asks_disks;                  /* a predicate counts requests of disks */
    bool beyond_budget;               /* more was damaged than the others can make up for */
    size_t bad_link_count;            /* `link` faults in force: nobody promises anything then */
    index_t commit_max;
    struct oracle_config newest;
    struct oracle_view *view;
    uint64_t reached_before;
    struct oracle_track writes;
    struct oracle_track serializable;
    bool pre_vote;
    struct oracle_timeouts timeouts;
    int64_t bound_ns;
    int64_t bound_local_ns;
    /* settle.c */
    uint64_t settle_set;
    size_t settle_tries;
    size_t ledger_tries;
    struct node *settle_node;
    size_t settle_op;
    bool settled;
    int64_t settled_ns;
    struct checks *checks;
    ARRAY(struct epoch) epochs; /* the last one is what is predicted for and settled on */
    ARRAY(struct epoch_move) epoch_moves;
    struct record *record; /* NULL: not asked for */
    const char *saved;     /* the database that keeps this run; NULL: none */
    uint64_t *probe_hits;
    ARRAY(struct op) ops;
    ARRAY(struct row) rows;
    ARRAY(struct role_change) roles;
    ARRAY(struct config_change) configs;
    ARRAY(struct fault) faults;
    ARRAY(struct sight) sights;
    ARRAY(struct failure) failures;
    int64_t wall_ns;
    int64_t cpu_ns;
};

static inline int64_t run_now(const struct run *run)
{
    return run->engine->now_ns;
}
/* An engine time as one of the timeline. */
static inline int64_t run_time(const struct run *run, int64_t engine_ns)
{
    return engine_ns - run->zero_ns;
}
/* A copy that lives as long as the run. */
const char *run_text(struct run *run, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
const char *run_copy(struct run *run, struct slice text);

/* boot.c */
void boot_begin(struct run *run);
/* All listed members serve and agree on a leader. */
bool boot_ready(const struct run *run);

/* member.c */
void members_make(struct run *run);
/* Starts its process; flags of the step come last. False and a failure if it cannot be. */
bool member_start(struct run *run, struct member *m, const struct action *action);
void member_ended(struct node *node, void *data);
size_t member_by_id(const struct run *run, member_id_t id);
/* The running member in role leader with the highest term; SIZE_MAX: none. */
size_t run_leader(const struct run *run);
/* The value of a flag for a member: the scenario's or its own; NULL: the default. */
const char *member_flag(const struct run *run, const struct member_spec *spec, const char *name);

/* observe.c */
void member_observe(struct observer *observer, const struct obs_event *event);
void role_record(struct run *run, struct member *m, bool down);

/* trace.c */
void trace_observed(struct run *run, const struct member *m, const struct obs_event *e);

/* step.c */
void steps_make(struct run *run);
void steps_begin(struct run *run);
void step_fire(struct run *run, size_t index);
void step_finish(struct run *run, size_t index);
/* What the step did has been undone. */
void step_undone(struct run *run, size_t index);
/* When, in engine time, NEVER_NS if that is not known (yet). */
int64_t point_ns(const struct run *run, const struct point *point);

/* action.c */
void action_do(struct run *run, size_t index);
void action_undo(struct run *run, size_t index);
/* Members that are meant, as bits. */
uint64_t who_resolve(const struct run *run, const struct who *who);
uint64_t whos_resolve(const struct run *run, const struct who_list *list);

uint64_t members_running(const struct run *run);
/* "n1, n2" */
const char *members_named(struct run *run, uint64_t set);

/* network.c; both return whom they hit, for people */
const char *network_partition(struct run *run, size_t index, const char *label);
const char *network_link(struct run *run, size_t index, const char *label);
void network_heal(struct run *run, size_t index, const char *label);

/* disk.c */
void disk_begin(struct run *run, size_t index);
void disk_end(struct run *run, size_t index);
/* A persist was told. */
void disk_told(struct run *run, struct member *m, const struct obs_event *e);
/* Its process is about to begin, and its power to fail. */
void disk_starts(struct run *run, struct member *m);
void disk_power_fails(struct run *run, struct member *m);
/* Another disk, as in the image (NULL: an empty one), or as that of another machine. Cuts the
 * power. */
void disk_replace(struct run *run, struct member *m, const struct disk_image *image);
void disk_copy(struct run *run, struct member *m, struct host *from);
/* A member that ends by itself may do so: its disk did something wrong. */
bool disk_explains_end(const struct member *m);

/* ctl.c */
void ctl_do(struct run *run, size_t index);
/* Starts quoratectl with these words on a host; the endpoints are those of the members in `via`. */
struct node *ctl_launch(struct run *run, struct host *host, const char *name, uint64_t via,
                        const char *const *words, size_t count, const char *input,
                        void (*ended)(struct node *node, void *data), void *data);
struct slice ctl_last_line(struct slice text);
/* A machine of the run's own. */
struct host *run_host(struct run *run, const char *name, const char *address);
void ctl_hosts_make(struct run *run);

/* when.c */
bool predicate_holds(struct run *run, const struct predicate *p);
void predicates_look(struct run *run);
/* Some step waits for a number of a disk's requests. */
bool predicates_ask_disks(const struct run *run);

/* probe.c */
void probes_make(struct run *run);
void probes_begin(struct run *run);
void probes_output(struct run *run, struct node *node, struct slice text);

/* load.c */
void loads_make(struct run *run);
void loads_begin(struct run *run);
/* With the timeline. */
void loads_end(struct run *run);

/* foresee.c */
void foresee_begin(struct run *run);
void foresee(struct run *run);
/* The sight that held at an engine time, or NULL. */
const struct sight *sight_at(const struct run *run, int64_t time_ns);

/* lost.c: leaders that hear no quorum. */
void lost_look(struct run *run);
/* Its role or the run ends. */
void lost_end(struct run *run, struct member *m);
void lost_judge(struct run *run);

/* judge.c */
void judge_step(struct run *run, size_t index);
void judge_end(struct run *run);
void judge_intervals(struct run *run);
void judge_oracle(struct run *run);

void judge_key(struct run *run, const struct key_expect *e, const char *got);

/* keys.c: false if no key is asked for. The reads end within the client's own timeout. */
bool keys_begin(struct run *run);

/* epochs.c */
void epochs_make(struct run *run);
void epochs_free(struct run *run);
/* To be called with each event of a member before it is checked: finds the history that it belongs
 * to, which the event may have begun. */
void epoch_route(struct run *run, struct member *m, const struct obs_event *e);
static inline size_t epoch_newest(const struct run *run)
{
    return run->epochs.count - 1;
}
/* The history in which a member answered at that (engine) time. */
size_t epoch_of_answer(const struct run *run, member_id_t member, int64_t time_ns);
/* How far (by revisions) a history shares another one, which may be itself; 0: not at all. */
revision_t epoch_shares(const struct run *run, size_t epoch, size_t other);
/* Does the request belong to this history? What was answered in one that it goes on from counts as
 * far as that is shared, if it changed anything. */
bool epoch_holds(const struct run *run, const struct op *op, size_t epoch);
/* What was written in the history before and is gone in this one: "7 writes (revisions 5 to 11)".
 */
uint64_t epoch_lost(const struct run *run, size_t epoch);
void epoch_words_lost(const struct run *run, size_t epoch, struct buf *out);
/* Compares what was lost with what the scenario expects; without an expectation, with nothing. */
void epochs_judge(struct run *run);

/* settle.c */
void settle_begin(struct run *run);

/* ledger.c: what was read of all keys, as quoratectl's JSON. */
void ledger_judge(struct run *run, struct slice read);

/* fail.c */
void run_fail(struct run *run, enum verdict verdict, const char *checker, const char *rule,
              const char *place, const char *text);
/* The last failure is about this request: its answer, if there is one, is where causes begin. */
void fail_op(struct run *run, const struct op *op);
const struct failure *worst_failure(const struct run *run);

/* words.c: quorum arithmetic of a sight, with marks for members. */
void words_quorum(const struct run *run, const struct sight *sight, struct buf *out);
#define MEMBER_MARK "\x01"
/* A mark and 16 hexadecimal digits. */
void words_member(member_id_t id, struct buf *out);
/* Replaces the marks by names, or IDs where there is none. */
void words_render(const struct run *run, const char *text, struct buf *out);
/* "2.004" */
void words_time(const struct run *run, int64_t engine_ns, struct buf *out);
void words_step_expected(const struct step_expect *e, struct buf *out);

/* run.c */
struct row *row_add(struct run *run, enum row_kind kind, const char *who, const char *text);
struct fault *fault_add(struct run *run, const char *label, const char *kind, const char *target);
size_t op_add(struct run *run, struct op op);
void op_end(struct run *run, size_t index, enum load_outcome outcome, const char *result);

#endif
