/* The availability oracle: what must be possible at an instant, what cannot, and what nobody can
 * promise, by quorum arithmetic over the truth of the simulated world.
 *
 * It knows members, configurations, links and time; no node, no network, no scenario. Who uses it
 * fills in a view of the world whenever something changed, and asks. It is sound where it speaks:
 *
 *   cannot  In no possible configuration does any running member have two-way links to a quorum of
 *           running members whose disks work; or no running member can be reached by the client.
 *   must    Some set Q of running, fully meshed members with working disks is a quorum in every
 *           possible configuration; nobody outside Q could lead; either pre-vote is on
 * (check-quorum always is) or nothing outside Q can send into it; every endpoint that the client
 * reaches, and at least one, is a voter in Q; nobody in Q is too far behind; and all of this has
 *           held for the bound.
 *   may     All else.
 *
 * Possible configurations are those active on running members, and the newest that was ever active
 * on any. Not counted: the empty one, and that of a member which still replays its log, or still
 * fetches what was committed before it started, while it cannot form a quorum by it.
 *
 * A configuration that is only pending in a log needs no counting here: it becomes active before
 * anything is committed by it, and *cannot* and *must* are broken only by requests that were called
 * and ended inside one uninterrupted interval.
 */
#ifndef ORACLE_ORACLE_H
#define ORACLE_ORACLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/limits.h"
#include "base/slice.h"
#include "base/types.h"

#define ORACLE_MEMBERS_MAX 64

struct oracle_config {
    index_t index;
    member_id_t voters[MEMBERS_MAX];
    size_t voter_count; /* 0: empty, not counted */
    member_id_t learners[MEMBERS_MAX];
    size_t learner_count;
};

struct oracle_member {
    member_id_t id; /* 0: nobody knows it yet */
    bool running;   /* its process runs and is not paused */
    bool leaving;   /* it was asked to stop and still runs: it may serve, and need not */
    bool disk_works;
    bool published; /* this incarnation serves clients */
    bool reached;   /* two-way links between the client and it */
    bool replaying; /* has not yet applied what it knew to be committed when it started */
    bool fetching;  /* or what any member knew to be committed then */
    bool behind;    /* further than the catch-up distance */
    struct oracle_config config;
};

struct oracle_view {
    struct oracle_member members[ORACLE_MEMBERS_MAX];
    size_t count;
    struct oracle_config newest; /* that was ever active on any member */
    bool pre_vote;
    uint64_t open[ORACLE_MEMBERS_MAX]; /* bit b of open[a]: a record from a would arrive at b */
};

/* At one instant: the conditions of `cannot`, those of `must` but for the bound, or neither. */
enum oracle_now {
    ORACLE_UNSURE,
    ORACLE_NEVER,
    ORACLE_SOUND
};

struct oracle_answer {
    enum oracle_now writes; /* linearizable reads and member changes are as writes */
    enum oracle_now serializable;
    uint64_t set; /* Q, as bits of members; 0 unless writes is ORACLE_SOUND */
};

/* previous: the set of the answer before; it is kept while it still holds, so that the bound counts
 * from when it began to. */
struct oracle_answer oracle_judge(const struct oracle_view *view, uint64_t previous);

/* Is this set a quorum of able members in every possible configuration? */
bool oracle_set_is_quorum(const struct oracle_view *view, uint64_t set);

static inline size_t oracle_quorum(size_t voters)
{
    return voters / 2 + 1;
}

/* What the bound is made of; all from the flags in force and the network. */
struct oracle_timeouts {
    int64_t election_ns;
    int64_t redial_ns;     /* a peer link is dialled again after at most this */
    int64_t round_trip_ns; /* the slowest, between any two machines */
    int64_t sync_ns;       /* the slowest */
};

/* Two elections whose timeouts are drawn long, the second because the first was split or lost, the
 * links dialled again, and some round trips and syncs: vote, publish, request. */
int64_t oracle_bound_ns(const struct oracle_timeouts *t);
/* Of serializable reads: connect, ask, answer. */
int64_t oracle_bound_local_ns(const struct oracle_timeouts *t);

/* Time ---------------------------------------------------------------------------------------- */

enum oracle_state {
    ORACLE_MAY,
    ORACLE_CANNOT,
    ORACLE_MUST
};

const char *oracle_state_name(enum oracle_state state);

struct oracle_span {
    int64_t from_ns;
    int64_t to_ns; /* not included */
    enum oracle_state state;
};

/* What is predicted of one service over time: answers as they come, spans as they follow. */
struct oracle_track {
    struct mem *mem;
    int64_t bound_ns;
    struct oracle_span *spans; /* in order, without gaps, neighbours differ */
    size_t count;
    size_t cap;
    int64_t *moves; /* times at which the set changed while what must hold went on */
    size_t move_count;
    size_t move_cap;
    enum oracle_now now;
    uint64_t set;
    int64_t since_ns; /* of now and set */
};

void oracle_track_init(struct oracle_track *track, struct mem *mem, int64_t bound_ns,
                       int64_t now_ns);
/* From now_ns on the answer is this. */
void oracle_track_set(struct oracle_track *track, int64_t now_ns, enum oracle_now now,
                      uint64_t set);
/* What held by the set before goes on to hold by this one: the bound does not count anew. Only
 * requests that were under way just now may have been lost with a member that left. */
void oracle_track_move(struct oracle_track *track, int64_t now_ns, uint64_t set);
/* Closes the last span; nothing may be set after it. */
void oracle_track_end(struct oracle_track *track, int64_t now_ns);
/* The state that holds, undisturbed by a move, during the whole of [from, to], or ORACLE_MAY. The
 * track has ended. */
enum oracle_state oracle_track_during(const struct oracle_track *track, int64_t from_ns,
                                      int64_t to_ns);
/* Time in this state within [from, to). */
int64_t oracle_track_share(const struct oracle_track *track, enum oracle_state state,
                           int64_t from_ns, int64_t to_ns);

#endif
