/* What a run remembers of itself for people who ask why it failed: each event with its cause, the
 * lines that members and the world told, and what each member told of its own state.
 *
 * Kept only if the run's options ask for it: a run that fails is run again with it, which is the
 * same run. Recording changes nothing, and its memory grows with the events of the run; the text of
 * timers, of the network and of disks is not kept, only that there was such an event.
 */
#ifndef RUNNER_RECORD_H
#define RUNNER_RECORD_H

#include "run.h"

#define RECORD_WAITING_MAX 64 /* waiting requests of a member that are kept; more are counted */

/* A line of the trace that tells something: no timer, network or disk. */
struct record_line {
    int64_t time_ns;
    uint64_t event;
    uint32_t node;
    const char *kind;
    const char *text; /* with marks for members */
};

struct record_event {
    uint64_t cause;
    const char *kind; /* of its first telling line, or of its first line; NULL: none */
    uint32_t node;
    uint32_t line; /* 1-based place of its first telling line; 0: none */
};

struct record_request {
    uint64_t id;
    uint64_t event;
    int64_t since_ns;
    const char *method;
};

/* What a member has told that `struct member` does not keep. */
struct record_member {
    uint64_t boot;
    index_t first;
    index_t last;
    index_t durable;
    term_t durable_term;
    term_t hard_term;
    member_id_t hard_vote;
    index_t snapshot;
    uint64_t reads;
    uint64_t answered;
    struct record_request waiting[RECORD_WAITING_MAX];
    size_t waiting_count;
    uint64_t waiting_more;
};

struct record {
    struct record_event *events; /* by number */
    size_t event_cap;
    ARRAY(struct record_line) lines;
    struct record_member *members; /* as run.members */
};

struct record *record_new(struct run *run);
/* A line of the running event. */
void record_line(struct run *run, const struct engine_line *line);
/* The event has run. */
void record_ran(struct run *run);
void record_observed(struct run *run, const struct member *m, const struct obs_event *e);
/* The event, or NULL if it is not known. */
const struct record_event *record_event(const struct run *run, uint64_t event);
/* "n2 vote for n3 in term 8": an event in a few words, at most `columns` of them; without the node
 * if it is this one. Nothing if nothing is known. */
void record_words(const struct run *run, uint64_t event, uint32_t node, size_t columns,
                  struct buf *out);

#endif
