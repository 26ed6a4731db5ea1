/* A run as it was read, and how the files of this module call each other. Private to sim/report.
 *
 *   data.c      rows of a results file      lanes.c     who was what, and how many
 *   pick.c      which run is meant          marks.c     where labels go
 *   text.c      escaping, widths            script.c    the figure, for gnuplot
 *   layout.c    where all of it goes        gnuplot.c   its process
 *   page.c      the page
 *
 * Memory comes from the file's pool and is given back with it, not piece by piece.
 */
#ifndef REPORT_IMPL_H
#define REPORT_IMPL_H

#include <sqlite3.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/duration.h"
#include "report/report.h"

#define NEVER_NS INT64_MIN

#define LIST(type)    \
    struct {          \
        type *items;  \
        size_t count; \
        size_t cap;   \
    }

/* Room for one more, zeroed; the pointer is good until the next push. */
#define PUSH(mem, list)                                                   \
    (list_grow((mem), (void **)&(list).items, &(list).count, &(list).cap, \
               sizeof((list).items[0])),                                  \
     &(list).items[(list).count - 1])
void list_grow(struct mem *mem, void **items, size_t *count, size_t *cap, size_t size);

struct report_file {
    struct mem *mem;
    sqlite3 *db;
    const char *path;
};

/* One row of `run`; the names are those of its columns. */
struct summary {
    const char *id;
    const char *scenario;
    int64_t seed;
    const char *build;
    const char *path;
    const char *text;
    const char *knobs;
    const char *verdict;
    const char *fingerprint;
    const char *reason;
    const char *trace_hash;
    int64_t events;
    int64_t ops;
    int64_t ops_ok;
    int64_t ops_refused;
    int64_t ops_unknown;
    int64_t sim_ns;
    int64_t wall_ns;
    int64_t cpu_ns;
    int64_t bound_ns;
    int64_t must_ns;
    int64_t cannot_ns;
    int64_t may_ns;
};

struct step_row {
    int64_t n;
    int64_t line;
    const char *label; /* "" if there is none */
    const char *title;
    int64_t fired_ns; /* NEVER_NS */
    int64_t finished_ns;
    const char *expected;
    const char *got;
    int64_t met; /* -1: not judged */
};

struct op_row {
    const char *client;
    const char *kind;
    const char *arg;
    const char *outcome;
    const char *result;
    int64_t call_ns;
    int64_t return_ns; /* NEVER_NS */
};

/* How often each client's requests of a kind ended in which way. */
struct op_count {
    const char *client;
    const char *kind;
    int64_t ok;
    int64_t refused;
    int64_t unknown;
    int64_t longest_ns;
};

struct fault_row {
    const char *label;
    const char *kind;
    const char *target;
    int64_t from_ns;
    int64_t to_ns; /* NEVER_NS */
};

struct violation_row {
    int64_t time_ns;
    const char *checker;
    const char *rule;
    const char *place;
    const char *text;
};

/* What moves a lane: rows of role and config, starts and pauses, in the order of time. */
enum change_kind {
    CHANGE_ROLE,
    CHANGE_CONFIG,
    CHANGE_START,
    CHANGE_PAUSE,
    CHANGE_RESUME
};

struct change {
    int64_t time_ns;
    enum change_kind kind;
    const char *member; /* for starts and pauses: members, by commas */
    const char *role;
    int64_t term;
    int64_t log_index;
    const char *voters; /* by blanks */
    const char *learners;
    int64_t quorum;
};

enum lane_state {
    LANE_ABSENT,
    LANE_NEVER,
    LANE_DOWN,
    LANE_PAUSED,
    LANE_STARTING,
    LANE_FOLLOWER,
    LANE_CANDIDATE,
    LANE_LEADER,
    LANE_LEARNER
};

struct lane_span {
    int64_t from_ns;
    int64_t to_ns;
    enum lane_state state;
    int64_t term;
};

struct lane {
    const char *name;
    int64_t first_ns; /* when it was first heard of */
    LIST(struct lane_span) spans;
};

struct count_span {
    int64_t from_ns;
    int64_t to_ns;
    int64_t voters;
    int64_t quorum;
    int64_t up; /* voters that run and are not paused */
};

struct band_span {
    int64_t from_ns;
    int64_t to_ns;
    const char *state;
};

/* One service's availability from one source. */
struct band {
    const char *service;
    const char *source;
    LIST(struct band_span) spans;
};

struct report {
    struct mem *mem;
    int64_t number;
    struct summary sum;
    const char *name;
    int64_t from_ns; /* of the figure */
    int64_t to_ns;
    LIST(struct step_row) steps;
    LIST(struct op_row) commands; /* calls of steps */
    LIST(struct op_count) op_counts;
    LIST(struct fault_row) faults;
    LIST(struct violation_row) violations;
    LIST(struct change) changes;
    LIST(struct lane) lanes;
    LIST(struct count_span) counts;
    LIST(struct band) bands;
};

/* pick.c: the runs whose ids begin so (NULL: all), newest first, one a line. whole: only those that
 * the file keeps more of than the summary. */
void pick_list(struct report_file *file, const char *wanted, bool whole, struct buf *why);

/* lanes.c: fills lanes and counts from changes; the window must be known. */
void lanes_make(struct report *r);
const char *lane_state_name(enum lane_state state);

/* text.c */
/* Text that may stand in a tab-separated field of a gnuplot data block: control characters, tabs,
 * quotes, backquotes and backslashes are replaced, and so is what is not UTF-8 or in few fonts. */
void text_field(struct buf *out, const char *text);
/* Text of HTML, also inside quoted attributes. */
void text_html(struct buf *out, const char *text);
/* The width in pixels that a sans-serif font of `size` pixels takes at most. */
int64_t text_width(const char *text, int64_t size);
/* A copy that is at most this wide, with an ellipsis if it was cut. */
const char *text_fit(struct mem *mem, const char *text, int64_t size, int64_t width);
/* Up to the first line feed. */
const char *text_line(struct mem *mem, const char *text);
/* Seconds with microseconds: "-3.004081". */
void text_seconds(struct buf *out, int64_t ns);

/* marks.c: something that happened, with its label, in a row where it covers no other. */
struct mark {
    int64_t from_ns;
    int64_t to_ns;     /* from_ns: a moment */
    const char *style; /* a name in the script's table of colours */
    const char *text;
    size_t row;
    bool left;   /* the label is left of the mark */
    bool inside; /* it is on the mark, which is long */
    bool bare;   /* no room: without label */
};

struct marks {
    LIST(struct mark) items;
    size_t rows;
    size_t bare;
};

void marks_faults(const struct report *r, struct marks *out);
void marks_commands(const struct report *r, struct marks *out);
void marks_violations(const struct report *r, struct marks *out);

/* The figure's geometry, in pixels. */
#define FIGURE_WIDTH 1200
#define FIGURE_LEFT  200
#define FIGURE_RIGHT 1176
#define FONT_SIZE    12
#define FONT_SMALL   11
#define MARK_GAP     7

/* Where a time is on the figure. */
int64_t figure_x(const struct report *r, int64_t time_ns);

#endif
