/* What a node tells about itself: typed events for checkers, traces and metrics.
 *
 * An observer only listens: attaching one never changes a run. Pointers in an event are borrowed
 * until the call returns. Building an event must cost nothing when nobody listens: ask
 * `env->observer != NULL` first where building it is work.
 *
 * Checkers rely on an order. A boot is told first (but for the newest epoch that its log begins,
 * which is told right before it, once it is durable and at every boot again), and then, as one
 * OBS_APPEND, the log as read (none if it is empty). What one step of raft changed is told before
 * the step's messages leave, in this order: role and term, vote, truncate, append, commit; then
 * what was applied, with each new configuration right behind the entry that made it; an installed
 * or restored snapshot counts as applied and is followed by its configuration. A persist is told
 * when its sync has ended, before raft hears of it.
 */
#ifndef ENV_OBSERVER_H
#define ENV_OBSERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"
#include "base/types.h"

enum obs_kind {
    OBS_BOOT,      /* the node has read its disk and begins */
    OBS_EXIT,      /* it ends by itself */
    OBS_ROLE,      /* role, leader or term changed */
    OBS_VOTE,      /* it will vote for `candidate` in `term` once this is durable */
    OBS_APPEND,    /* entries appended to the log in memory */
    OBS_TRUNCATE,  /* entries from `index` on are gone */
    OBS_PERSISTED, /* the log is durable through (index, term) */
    OBS_COMMIT,    /* the commit index advanced */
    OBS_APPLY,     /* the entry at index is applied; state hash afterwards */
    OBS_CONFIG,    /* this configuration is active from the application of `index` on */
    OBS_SNAPSHOT,  /* taken, installed or restored */
    OBS_READ,      /* a read was served */
    OBS_REQUEST,   /* a client's request was accepted by this member */
    OBS_ANSWER,    /* and answered */
    OBS_PUBLISHED, /* this member serves clients from now on */
    OBS_EPOCH,     /* its log begins a history of its own: no quorum decided that */
    OBS_KIND_COUNT
};

enum obs_role {
    OBS_FOLLOWER,
    OBS_PRE_CANDIDATE,
    OBS_CANDIDATE,
    OBS_LEADER,
    OBS_LEARNER
};

enum obs_snapshot {
    OBS_SNAPSHOT_TAKEN,     /* durable; what it covers may be forgotten */
    OBS_SNAPSHOT_INSTALLED, /* received: the log restarts behind it, the state is the snapshot's */
    OBS_SNAPSHOT_RESTORED,  /* the state that a boot begins with */
};

struct obs_entry {
    term_t term;
    uint64_t hash; /* of type and payload; checkers chain them */
};

struct obs_event {
    enum obs_kind kind;
    member_id_t member;
    union {
        struct {
            uint64_t boot;
            term_t term;
            member_id_t vote;
            index_t first; /* of the log as read: [first, last] */
            index_t last;
            index_t commit;
            bool learner;
        } boot;
        struct {
            int code;
        } exit;
        struct {
            enum obs_role role;
            term_t term;
            member_id_t leader;
            const member_id_t *votes; /* of a new leader: who granted, itself included */
            size_t vote_count;
        } role;
        struct {
            term_t term;
            member_id_t candidate;
        } vote;
        struct {
            index_t first;
            const struct obs_entry *entries;
            size_t count;
            bool by_leader; /* appended by this member's own proposal */
        } append;
        struct {
            index_t index;
        } truncate;
        struct {
            index_t index; /* durable through this entry */
            term_t term;
            term_t hard_term; /* and this hard state */
            member_id_t hard_vote;
            const char *file; /* where the newest bytes lie; NULL if nothing was written */
            uint64_t offset;
            uint64_t length;
        } persisted;
        struct {
            index_t index;
            term_t term; /* of the member, not of the entry */
            bool by_leader;
        } commit;
        struct {
            index_t index;
            term_t term; /* of the entry */
            uint64_t state_hash;
            revision_t revision;
        } apply;
        struct {
            index_t index;
            const member_id_t *voters;
            size_t voter_count;
            const member_id_t *learners;
            size_t learner_count;
            bool restored; /* came with a snapshot: an entry at or before `index` made it */
        } config;
        struct {
            index_t index;
            term_t term;
            enum obs_snapshot what;
            uint64_t state_hash; /* of the state after `index` */
            revision_t revision;
        } snapshot;
        struct {
            bool serializable;
            index_t read_index;
            index_t applied;
        } read;
        struct {
            uint64_t id;        /* unique within the member's boot */
            const char *method; /* "/etcdserverpb.KV/Put" */
        } request;
        struct {
            uint64_t id;
            int status; /* gRPC status */
        } answer;
        struct {
            uint64_t epoch;
            uint64_t parent; /* the epoch whose history it goes on from; 0: the first */
            index_t kept;    /* what was before, through this entry, is part of the history */
            index_t last;    /* the entries behind it, through this one, are committed by decree */
        } epoch;
    };
};

struct observer {
    void (*event)(struct observer *observer, const struct obs_event *event);
};

struct env;
/* Fills nothing in; does nothing without an observer. */
void env_observe(struct env *env, const struct obs_event *event);

const char *obs_kind_name(enum obs_kind kind);
const char *obs_role_name(enum obs_role role);

#endif
