/* What clients did and saw, and whether a key-value store with one copy could have answered so.
 *
 * It knows requests and answers only: no member, no log. Requests are added as they end (or at the
 * end, if they never did); then history_check judges them all at once. The witness is the revision
 * that each answer carries: requests are put in its order, which must not contradict real time, and
 * are replayed on a model. That is exact and near-linear in the number of requests.
 *
 * A request whose fate nobody knows (a timeout) is *unknown*, never failed: it may have taken
 * effect at any time after its call, or never. Revisions that no answered write explains must be
 * explained by such requests; what reads show of them tells which.
 */
#ifndef CHECK_HISTORY_H
#define CHECK_HISTORY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/slice.h"
#include "base/types.h"

struct history;

enum history_kind {
    HISTORY_PUT,
    HISTORY_DELETE,
    HISTORY_RANGE,
};

enum history_outcome {
    HISTORY_OK,
    HISTORY_REFUSED, /* certainly without effect */
    HISTORY_UNKNOWN,
};

struct history_kv {
    struct slice key;
    struct slice value;
    revision_t create_revision;
    revision_t mod_revision;
    int64_t version;
};

struct history_op {
    const char *client; /* for people; copied */
    enum history_kind kind;
    enum history_outcome outcome;
    bool serializable; /* RANGE: need not be up to date, but must be a state that was */
    bool partial;      /* RANGE: a limit was set; only what is shown is judged */
    struct slice key;
    struct slice end;   /* RANGE, DELETE: as in etcd; empty: one key; "\0": all from key on */
    struct slice value; /* PUT */
    int64_t call_ns;
    int64_t return_ns; /* not of unknown ones */
    /* Of an answer. */
    revision_t revision;          /* of its header; 0: not known */
    uint64_t member;              /* who answered; 0: not known */
    const struct history_kv *kvs; /* RANGE: in the order of keys */
    size_t count;                 /* RANGE: of kvs; DELETE: keys deleted */
};

struct history *history_new(struct mem *mem);
void history_free(struct history *history);
/* Copies everything. Returns the number of the request, counted from 0. */
size_t history_add(struct history *history, const struct history_op *op);
size_t history_count(const struct history *history);
/* A member was started, from which time on it may again answer older states than before. */
void history_started(struct history *history, uint64_t member, int64_t time_ns);
/* Reads requests from text, one JSON object a line (the format is in history_read.c and in `quorate
 * history --help`). ERR_INVALID, and in `mistake` the words that say where and why. */
int history_read(struct history *history, struct slice text, struct buf *mistake) MUST_CHECK;

enum history_result {
    HISTORY_LINEARIZABLE,
    HISTORY_VIOLATED,
    HISTORY_UNDECIDED, /* nothing was answered, or unknown requests explain too much */
};

struct history_verdict {
    enum history_result result;
    const char *rule; /* "stale-read", …: for the fingerprint; "" if nothing is wrong */
    char text[1024];  /* what is wrong, the requests among it, one line each */
    size_t shown[2];  /* numbers of the requests that it names */
    size_t shown_count;
    size_t ok; /* requests that were answered */
    size_t unknown;
};

/* Judges all requests so far. Rules: real-time, stale-read, wrong-value, lost-write, phantom (a
 * value or revision that nobody wrote), refused-took-effect, same-revision, wrong-count. */
void history_check(const struct history *history, struct history_verdict *verdict);

#endif
