/* Many runs: every scenario with every seed, in worker processes, told and counted as one.
 *
 * The order of a campaign is seed by seed, and within a seed scenario by scenario as they were
 * added. Runs are counted and stored in that order whatever the number of workers, so that results
 * do not depend on it; only wall and CPU times do. A run that ends its process is aborted, and the
 * campaign goes on. One run in a hundred is done twice, the second time in a process of its own
 * with a shifted heap and other bytes in fresh memory. Of a run that passes the summary is stored,
 * of one that fails everything, for the first 5 of each fingerprint.
 *
 * It prints nothing and reads no command line. It draws no numbers: which runs are its own (shard)
 * or are done twice follows from their place in the order.
 */
#ifndef CAMPAIGN_CAMPAIGN_H
#define CAMPAIGN_CAMPAIGN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/slice.h"

#define CAMPAIGN_JOBS_MAX  256
#define CAMPAIGN_WHOLE_MAX 5 /* whole runs kept of one fingerprint */
#define CAMPAIGN_TWICE_IN  100
/* Where whole runs go without a database: one file a run, as `quorate run` does. */
#define CAMPAIGN_FAILURES "quorate-failures"

struct campaign_progress {
    uint64_t done;
    uint64_t total;
    uint64_t failing; /* the known ones not counted */
    size_t kinds;     /* of failures */
    int64_t sim_ns;
    int64_t wall_ns;
    bool keeping; /* all are done; failed ones are being stored */
};

struct campaign_sink {
    void (*progress)(struct campaign_sink *sink, const struct campaign_progress *progress);
};

struct campaign_options {
    uint64_t seed_first;
    uint64_t seed_last; /* included */
    size_t jobs;        /* worker processes */
    uint64_t shard;     /* 1 .. shards: this part of the runs; the parts are disjoint */
    uint64_t shards;
    int64_t time_ns;       /* of the machine: no run begins after it; 0: no limit */
    uint64_t failures_max; /* the campaign ends with this failure; 0: no limit */
    const char *build;
    const char *db;     /* NULL: only failed runs are stored */
    struct slice known; /* fingerprints that do not fail, one a line; `#` begins a remark, `*` at
                           the end of a line stands for any rest */
    /* Probes that no run has to reach, one a line: its name, with `*` at the end for any rest, and
     * why. With such a list a probe that is neither on it nor reached fails the campaign (unmet).
     */
    struct slice unreached;
    const char *unreached_path; /* of that list, for words; NULL: there is none */
    bool probes;                /* tell of each probe how often it was reached */
    struct campaign_sink *sink; /* told several times a second, and at the end; may be NULL */
};

struct campaign;

/* Borrows what the options point to, and mem. */
struct campaign *campaign_new(struct mem *mem, const struct campaign_options *options);
void campaign_free(struct campaign *c);

/* A scenario file, or a folder: every .yaml file below it in the order of their names. ERR_INVALID
 * with lines for people in `mistakes`: a file that cannot be read or parsed, a folder without
 * scenarios, a name that another file has. */
int campaign_add(struct campaign *c, const char *path, struct buf *mistakes) MUST_CHECK;
/* The list of unreached probes: ERR_INVALID with lines for people if one of its lines gives no
 * reason or names no probe of this program. */
int campaign_check_unreached(const struct campaign *c, struct buf *mistakes) MUST_CHECK;
/* Once. An error, with its words in `why`, if results could not be stored or no process started;
 * what was done until then is kept and can be told. */
int campaign_go(struct campaign *c, struct buf *why) MUST_CHECK;
/* The exit code of the program: that of the worst verdict that is not known; a probe that had to be
 * reached and was not is unmet. */
int campaign_exit(const struct campaign *c);

/* For a terminal, at most 100 columns wide but for paths and reasons. verbose: every scenario,
 * every seed that failed. */
void campaign_tell(struct campaign *c, bool verbose, struct buf *out);
/* JUnit's XML, one testcase a scenario. */
void campaign_junit(struct campaign *c, struct buf *out);
/* "8 400" */
void campaign_number(uint64_t n, struct buf *out);

#endif
