/* The scenario language: one YAML file, one story, as a model that a runner can walk.
 *
 * This module knows text and nothing else: no world, no node, no clock. A file is parsed strictly
 * and whole: every mistake is found in one go and told with its line, its column, what is known
 * there and a guess, and then nothing runs. What the language has and this version does not build
 * yet is refused by name ("not yet"), never ignored.
 *
 * Invariants of a parsed scenario: every member, label and `${…}` that it names exists; a step
 * refers only to steps above it, so that steps cannot wait for each other in a circle; every time
 * has been given with its unit and is in nanoseconds; strings are NUL-terminated, without NUL
 * inside, and live as long as the scenario. `if`, `vary` and `repeat` are resolved: what is read is
 * one case with every round written out.
 */
#ifndef SCENARIO_SCENARIO_H
#define SCENARIO_SCENARIO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/slice.h"

#define SCENARIO_BYTES_MAX   1048576
#define SCENARIO_DEPTH_MAX   32
#define SCENARIO_MEMBERS_MAX 64
#define SCENARIO_STEPS_MAX   4096
#define SCENARIO_VERSION     1

#define SCENARIO_PEER_PORT   2380
#define SCENARIO_CLIENT_PORT 2379

/* A place in the file, both from 1; columns count characters. */
struct position {
    int line;
    int column;
};

/* Whom a step or a predicate means; all but WHO_MEMBER are resolved when the step fires. */
enum who_kind {
    WHO_MEMBER,
    WHO_LEADER,   /* the running member in role leader with the highest term */
    WHO_OTHERS,   /* all started members but the leader */
    WHO_MAJORITY, /* the least majority of the voters in file order that holds the leader */
    WHO_MINORITY, /* the rest of them */
    WHO_ALL       /* all started members */
};

struct who {
    enum who_kind kind;
    size_t member; /* WHO_MEMBER: index into scenario.members */
    struct position at;
};

struct who_list {
    struct who *items;
    size_t count;
};

struct flag {
    const char *name; /* without dashes */
    const char *value;
    struct position at;
};

struct flag_list {
    struct flag *items;
    size_t count;
};

/* A member of the file: listed under `members`, or announced by a step's `member add`. */
struct member_spec {
    const char *name;
    struct position at;
    bool listed;
    size_t added_by; /* !listed: the step that announces it */
    bool startable;  /* false: its address is another member's, so it can only be announced */
    const char *host;
    uint16_t peer_port;
    uint16_t client_port;
    const char *peer_url;   /* "http://10.0.0.1:2380" */
    const char *client_url; /* "http://10.0.0.1:2379" */
    struct flag_list flags;
};

/* A point in time: absolute, or relative to when a step finished or its `for` ended. */
enum point_kind {
    POINT_ABSOLUTE,
    POINT_STEP,    /* LABEL: when it finished */
    POINT_STEP_END /* LABEL.end: when what it did was undone */
};

struct point {
    enum point_kind kind;
    size_t step;
    int64_t offset_ns;
    struct position at;
};

enum compare_op {
    COMPARE_NONE, /* nothing is asked */
    COMPARE_EQ,
    COMPARE_NE,
    COMPARE_LT,
    COMPARE_LE,
    COMPARE_GT,
    COMPARE_GE
};

struct compare {
    enum compare_op op;
    int64_t value;
    struct position at;
};

/* low <= x <= high. */
struct range {
    bool present;
    int64_t low;
    int64_t high;
    struct position at;
};

/* Predicates are trees; the type of each node is checked by the parser. */
enum predicate_op {
    /* boolean */
    PRED_AND,
    PRED_OR,
    PRED_NOT,     /* a */
    PRED_COMPARE, /* a compare b: two members, two roles (== and != only) or two numbers */
    PRED_STABLE,  /* leader and configuration unchanged for value ns */
    PRED_RUNNING, /* who */
    PRED_PENDING, /* a committed configuration change is not applied everywhere it is known */
    /* member */
    PRED_MEMBER, /* who: WHO_MEMBER or WHO_LEADER */
    PRED_NOBODY,
    /* role */
    PRED_ROLE,      /* of who */
    PRED_ROLE_NAME, /* value: enum scenario_role */
    /* number */
    PRED_NUMBER,  /* value */
    PRED_TERM,    /* of who */
    PRED_COMMIT,  /* of who */
    PRED_APPLIED, /* of who; the least over all running members if whose is `all` */
    PRED_VOTERS,  /* of the last active configuration */
    PRED_QUORUM,
    PRED_DISK_OPS, /* requests that the disk of who has carried out since t = 0 */
    PRED_PLUS,     /* a + b */
    PRED_MINUS
};

enum scenario_role {
    ROLE_FOLLOWER,
    ROLE_PRE_CANDIDATE,
    ROLE_CANDIDATE,
    ROLE_LEADER,
    ROLE_LEARNER
};

struct predicate {
    enum predicate_op op;
    enum compare_op compare;
    const struct predicate *a;
    const struct predicate *b;
    struct who who;
    int64_t value;
    struct position at;
};

enum trigger_kind {
    TRIGGER_AT,    /* point.offset_ns */
    TRIGGER_AFTER, /* point: also the step above, when no trigger was given */
    TRIGGER_WHEN,  /* when, within */
    TRIGGER_EVERY  /* again and again, `every` after the time before; the first one after t = 0 */
};

struct trigger {
    enum trigger_kind kind;
    struct position at;
    struct point point;
    const struct predicate *when;
    const char *when_text;
    int64_t within_ns;  /* 0: for as long as the run lasts (`each`) */
    bool each;          /* fires each time it becomes true */
    struct range every; /* ns; drawn each time if low < high */
};

enum action_kind {
    ACTION_WAIT, /* only the trigger */
    ACTION_CTL,
    ACTION_START,
    ACTION_STOP,
    ACTION_CRASH,
    ACTION_POWER_OFF,
    ACTION_PAUSE,
    ACTION_PARTITION,
    ACTION_HEAL,
    ACTION_LINK,
    ACTION_EXIT, /* its process ends by itself, within expect.within_ns */
    ACTION_SAVE_DIR,
    ACTION_DISK
};

enum partition_kind {
    PARTITION_GROUPS,
    PARTITION_ISOLATE, /* each of groups[0] from all others */
    PARTITION_ONE_WAY, /* nothing passes from groups[0] to groups[1] */
    PARTITION_BRIDGE,  /* groups[0] sees all; the others, in file order, are cut into two halves */
    PARTITION_RING     /* each of groups[0] sees only its two neighbours in file order */
};

/* What is wrong with links from groups[0] to groups[1]; zero is nothing. */
struct link_fault {
    bool both; /* and back */
    uint32_t loss_ppm;
    uint32_t duplicate_ppm;
    uint32_t reorder_ppm;
    uint32_t reset_ppm;
    bool reset_now; /* connections break once, when the step fires */
    bool hang;      /* nothing passes, nothing is lost */
    struct range delay;
    uint64_t bytes_per_second; /* 0: no limit */
};

/* What is wrong with a disk, by the keys of `disk`. */
enum trouble_kind {
    TROUBLE_FAIL,
    TROUBLE_LIE,
    TROUBLE_SHORT,
    TROUBLE_FLIP,
    TROUBLE_STALE,
    TROUBLE_MISDIRECT,
    TROUBLE_FULL,
    TROUBLE_SLOW,
    TROUBLE_RATE,
    TROUBLE_STALL,
    TROUBLE_ROT,
    TROUBLE_POWER, /* drop, tear, trash, names */
    TROUBLE_COUNT
};

enum trouble_op {
    TROUBLE_WRITE,
    TROUBLE_SYNC,
    TROUBLE_READ,
    TROUBLE_SYNC_DIR,
    TROUBLE_OPEN,
    TROUBLE_ALLOCATE,
    TROUBLE_TRUNCATE,
    TROUBLE_RENAME,
    TROUBLE_REMOVE,
    TROUBLE_OP_COUNT
};

struct trouble {
    bool present;
    struct position at;
    const char *file;   /* a part of the path; NULL: any */
    uint64_t count;     /* requests it meets; 0: all */
    enum trouble_op op; /* fail */
    bool no_space;      /* fail: no space left, instead of an I/O error */
    uint64_t bytes;     /* full: that fit; rate: a second; rot; flip: bits of each read */
    uint64_t factor;    /* slow; 0: none */
    struct range by;    /* slow: ns more */
    bool placed;        /* rot: at `offset`; otherwise at random, where the member can notice */
    uint64_t offset;
    uint32_t drop_ppm; /* power */
    uint32_t tear_ppm;
    uint32_t trash_ppm;
    uint32_t names_ppm;
};

struct disk_action {
    struct trouble troubles[TROUBLE_COUNT];
    bool wipe;
    bool clone;
    size_t clone_of;
};

/* A word of a command line, with what is filled in when the step fires. */
enum part_kind {
    PART_TEXT,
    PART_ID,      /* ${M.id}: hexadecimal, as `member list` prints it */
    PART_PEER,    /* ${M.peer} */
    PART_CLIENT,  /* ${M.client} */
    PART_REVISION /* of `compact`: the newest that a running member has, less `back` */
};

struct word_part {
    enum part_kind kind;
    const char *text;
    size_t member;
    int64_t back;
    struct position at;
};

struct word {
    struct word_part *parts;
    size_t count;
};

struct ctl_action {
    struct word *words;
    size_t word_count;
    const char *text;    /* as written, for people */
    struct who_list via; /* empty: all started members */
    const char *host;    /* where it runs: a member's name or any other; NULL: a host of its own */
    const char *input;   /* NULL: empty */
};

enum start_dir {
    DIR_OWN,
    DIR_EMPTY,
    DIR_MEMBER, /* a copy of another member's */
    DIR_HOST,   /* a copy of the disk of the machine on which a step ran a command */
    DIR_SAVED   /* what a `save-dir` step kept */
};

struct action {
    enum action_kind kind;
    struct position at;
    struct ctl_action ctl;
    struct who_list who; /* start (one), stop, crash, power-off, pause, disk */
    enum start_dir dir;
    size_t dir_of;          /* DIR_MEMBER: the member; DIR_HOST, DIR_SAVED: the step */
    struct flag_list flags; /* start */
    const char *data;       /* start: where the data directory is from now on; NULL: as before */
    struct link_fault link;
    struct disk_action disk;
    enum partition_kind partition;
    struct who_list *groups;
    size_t group_count;
    bool keep_clients;
    bool heal_all;
    size_t heal_step;
};

enum outcome {
    OUTCOME_NONE,
    OUTCOME_OK,      /* exit 0 */
    OUTCOME_REFUSED, /* it failed and certainly had no effect */
    OUTCOME_UNKNOWN  /* nobody can tell from outside */
};

struct text_list {
    const char **items;
    size_t count;
};

struct step_expect {
    bool present;
    struct position at;
    bool ok;
    struct text_list errors;   /* any of them is contained in the last line of stderr */
    struct text_list contains; /* all of them are contained in stdout */
    const char *stdout_text;   /* exact; NULL: not asked */
    struct compare exit;
    struct range took;
    enum outcome outcome;
    struct text_list logs; /* start, exit: all of them are contained in stderr */
    int64_t within_ns;     /* start, exit: all this by then; 0: not asked */
    /* start: writes that the history which it begins has not; judged at the end, whatever present
     * says. */
    struct compare lost;
};

struct step {
    struct position at;
    const char *label; /* NULL: none */
    struct trigger trigger;
    struct action action;
    struct range duration; /* `for`, ns; drawn when the step fires if low < high */
    struct step_expect expect;
    int round; /* of `repeat`, from 1; 0: not inside one */
    struct position repeats;
};

enum demand {
    DEMAND_NONE,
    DEMAND_MUST,
    DEMAND_CANNOT,
    DEMAND_MAY
};

enum service {
    SERVICE_WRITES,
    SERVICE_LINEARIZABLE,
    SERVICE_SERIALIZABLE,
    SERVICE_MEMBERS,
    SERVICE_COUNT
};

struct interval_expect {
    struct position at;
    const char *text; /* of `during` */
    struct point from;
    struct point to; /* not included */
    enum demand demand[SERVICE_COUNT];
    struct position demand_at[SERVICE_COUNT];
};

enum end_leader {
    END_LEADER_UNASKED,
    END_LEADER_NONE,
    END_LEADER_MEMBER
};

struct role_expect {
    size_t member;
    enum scenario_role role;
    struct position at;
};

struct key_expect {
    const char *key;
    const char *value; /* NULL: it is not there */
    struct position at;
};

struct end_expect {
    struct position at;
    enum end_leader leader;
    size_t leader_member;
    struct position leader_at;
    struct compare voters;
    struct compare quorum;
    struct compare ops_ok;
    struct compare oracle_may; /* per cent */
    struct role_expect *roles;
    size_t role_count;
    struct key_expect *keys; /* as a linearizable read sees them */
    size_t key_count;
};

struct probe_spec {
    int64_t put_ns; /* interval; 0: none */
    int64_t get_ns;
    int64_t serializable_ns;
    struct position at;
};

enum load_op {
    LOAD_OP_PUT,
    LOAD_OP_GET,
    LOAD_OP_SERIALIZABLE,
    LOAD_OP_DELETE,
    LOAD_OPS
};

/* A group of clients, each on a machine of its own. */
struct load_spec {
    size_t clients;
    uint32_t mix[LOAD_OPS]; /* shares */
    uint64_t keys;
    uint32_t zipf_tenths; /* 0: each key as often as any other */
    uint64_t value_min;   /* bytes, at least; a value says who wrote it */
    uint64_t value_max;
    uint64_t rate;             /* requests per second of the whole group; 0: one after the other */
    bool open;                 /* the rate holds while answers are late, too */
    bool fresh;                /* each request from a client of its own */
    struct who_list endpoints; /* members; empty: all */
    struct position at;
};

struct scenario {
    struct mem_pool *pool; /* holds everything below and the scenario itself */
    const char *path;      /* as given, for messages */
    struct slice text;     /* the whole file, a copy */
    const char *name;      /* with cases: NAME.CASE */
    const char *case_name; /* of `vary`; NULL: there is none */
    struct scenario *next; /* the next case; freed with this one */
    const char *about;
    struct member_spec *members; /* the listed ones first */
    size_t member_count;
    size_t listed_count;
    struct flag_list flags;
    bool leader_given;
    size_t leader; /* the run begins once this member leads */
    bool cold;
    bool unbounded; /* `budget: none` */
    struct probe_spec probe;
    struct load_spec *loads;
    size_t load_count;
    struct step *steps;
    size_t step_count;
    bool until_given;
    int64_t until_ns; /* without: the run ends when every step has finished */
    bool settle;
    int64_t settle_ns;
    struct interval_expect *intervals;
    size_t interval_count;
    struct end_expect *ends;
    size_t end_count;
};

/* Parses one file. 0: *out is the caller's, to be given back with scenario_free. ERR_INVALID: the
 * file has mistakes; *out is NULL. Each mistake is one line `PATH:LINE:COLUMN: text` in `mistakes`
 * (whose mem the caller chooses), in the order of the file; *count tells how many there are, at
 * least 1 (only the first 100 are written out). text and path are copied. A file with `vary` gives
 * its cases as a chain (next), each a scenario of its own. */
int scenario_parse(struct slice text, const char *path, struct scenario **out, struct buf *mistakes,
                   size_t *count) MUST_CHECK;
void scenario_free(struct scenario *s);
/* Of a chain of cases the one with this name (the first, if none has it); frees the others. */
struct scenario *scenario_take(struct scenario *first, struct slice name);

/* How people call a step: its label, its command line or its action and member. Borrowed from buf,
 * which is cleared first. */
const char *scenario_step_title(const struct scenario *s, size_t step, struct buf *buf);

const char *scenario_role_name(enum scenario_role role);
const char *scenario_service_name(enum service service);
const char *scenario_demand_name(enum demand demand);
const char *scenario_outcome_name(enum outcome outcome);
/* As the key of `disk` that makes it. */
const char *scenario_trouble_name(enum trouble_kind kind);
const char *scenario_trouble_op_name(enum trouble_op op);
/* "==", "<=" … */
const char *scenario_compare_name(enum compare_op op);
bool scenario_compare(const struct compare *c, int64_t value);

#endif
