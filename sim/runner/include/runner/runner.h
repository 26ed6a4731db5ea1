/* Runs a scenario: builds its world, boots the cluster, walks the timeline, judges what came of it.
 *
 * Timeline zero. A run begins with a warm-up of fixed length, 10 election timeouts and 10 s, in
 * which all listed members are started, form their cluster and have peer links older than the 5 s
 * that etcd's strict reconfiguration check asks for; times of the timeline count from its end, so
 * those of the warm-up are negative. A cluster that has not formed by then is stalled. With
 * `boot: cold` there is no warm-up.
 *
 * A run is a pure function of (scenario, seed, code): options may only add what is told about it,
 * cut it short, or change what it must not depend on.
 *
 * It knows the world, the programs that run in it and the checkers; nothing of terminals or of
 * databases but the rows that it hands to store.
 */
#ifndef RUNNER_RUNNER_H
#define RUNNER_RUNNER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/slice.h"
#include "scenario/scenario.h"
#include "store/store.h"

enum verdict {
    VERDICT_PASS,
    VERDICT_STOPPED, /* cut short, nothing failed */
    VERDICT_UNDECIDED,
    VERDICT_UNMET,
    VERDICT_STALLED,
    VERDICT_UNSAFE,
    VERDICT_NONDETERMINISTIC,
    VERDICT_ABORTED,
    VERDICT_COUNT
};

const char *verdict_name(enum verdict verdict);
/* The exit code of the program (design: programs and exits). */
int verdict_exit(enum verdict verdict);

struct run;

/* A line of the trace; text is borrowed. time_ns counts from timeline zero. */
struct run_line {
    int64_t time_ns;
    uint64_t event;
    uint64_t cause;
    const char *node; /* "" for the world itself */
    const char *kind;
    const char *text;
    const char *cause_text; /* the causing event in a few words; "" unless the run is recorded */
};

/* "    5.911870  #31410  n2  role     leader term 8  < #31402 n3 vote for n2 in term 8", without a
 * newline: one line that grep finds. */
void run_line_write(const struct run_line *line, struct buf *out);

struct run_sink {
    void (*line)(struct run_sink *sink, const struct run_line *line);
};

struct run_options {
    uint64_t seed;
    int64_t until_ns;     /* cut short at this time of the timeline; INT64_MAX: not */
    uint64_t events_max;  /* cut short after this many events; 0: not */
    int memory_fill;      /* each fresh byte of a node's memory; -1: as it comes */
    bool record;          /* remember causes and states, for the page of a failure and for replay */
    uint64_t break_event; /* call at_break right before this event; 0: none */
    void (*at_break)(const struct run *run);
    struct run_sink *sink;
};

struct run_options run_options_default(uint64_t seed);

/* Borrows the scenario and the sink. */
struct run *run_new(const struct scenario *s, const struct run_options *options);
/* Once. */
void run_go(struct run *run);
void run_free(struct run *run);

/* What came of the phase after the timeline. */
enum run_settle {
    RUN_SETTLE_NONE, /* it was not asked for, or not reached, or it failed */
    RUN_SETTLE_PROGRESS,
    RUN_SETTLE_EXCUSED /* too few voters can be started at all */
};

/* Text is borrowed from the run. The numbers are all that the row of table `run` has, so that a
 * summary can cross from one process to another and be stored there. */
struct run_summary {
    enum verdict verdict;
    const char *fingerprint; /* "" if nothing failed */
    const char *reason;      /* likewise; run_reason has the names of members in it */
    uint64_t trace_hash;
    uint64_t events;
    uint64_t ops;
    uint64_t ops_ok;
    uint64_t ops_refused;
    uint64_t ops_unknown;
    int64_t sim_ns; /* all of it, warm-up and settling included */
    int64_t timeline_ns;
    int64_t wall_ns;
    int64_t cpu_ns;
    uint64_t members;
    int64_t bound_ns;
    int64_t must_ns; /* of writes */
    int64_t cannot_ns;
    int64_t may_ns;
    int64_t until_ns; /* an option cut it short there; 0, INT64_MAX: none did */
    enum run_settle settle;
    uint64_t steps_fired; /* bits; steps beyond the 64th are not told */
};

/* The same run came out otherwise in another process; `how` in words. The verdict is then
 * nondeterministic. */
void run_differs(struct run *run, const char *how);

struct run_summary run_summary(const struct run *run);
/* The reason in words, several lines; nothing if nothing failed. */
void run_reason(const struct run *run, struct buf *out);
/* How often the probe of each site was passed; probe_count() numbers. Borrowed. */
const uint64_t *run_probe_hits(const struct run *run);

/* The run is kept in this database: its page will say how to replay it from there. */
void run_saved(struct run *run, const char *path);
/* The whole state of one member as the run ended. The run was recorded. False if it has no such
 * member; `out` then names those that it has. */
bool run_tell_state(const struct run *run, const char *member, struct buf *out);

/* The story for a terminal, at most 100 columns wide. story: every change of role and
 * configuration too. build: of this program. */
void run_tell(const struct run *run, const char *build, bool story, struct buf *out);
/* One JSON object and a newline. */
void run_tell_json(const struct run *run, const char *build, struct buf *out);
/* Everything but the trace's lines, which their sink stores as they come, under the number that
 * store_begin gave. */
void run_save(const struct run *run, const char *build, struct store *store, int64_t number);
/* Makes the run, lets it go and stores all of it in the database of this path, with every event;
 * whatever sink the options name. differs: how it came out otherwise in another process, or NULL.
 * *out is the run, over; the caller frees it, also after an error, if it is not NULL. ERR_IO and
 * `why`: it is not stored. */
int run_into(const struct scenario *s, const struct run_options *options, const char *build,
             const char *path, const char *differs, struct run **out, struct buf *why) MUST_CHECK;
/* Only the row of table `run`, from a summary that may come from another process. whole: with the
 * scenario's text. */
void run_save_summary(const struct scenario *s, uint64_t seed, const char *build,
                      const struct run_summary *sum, bool whole, struct store *store,
                      int64_t number);
/* scenario/seed@build */
void run_id(const struct scenario *s, uint64_t seed, const char *build, struct buf *out);

#endif
