/* Log entries, membership changes and configurations: the nouns of the consensus engine.
 *
 * An entry is identified by (term, index); its payload means nothing here. A membership change is
 * the payload of an entry of type RAFT_ENTRY_CONF: one header that the engine reads and context
 * bytes for the server. A configuration is the set of voters and learners; it becomes active when
 * the entry that changes it is applied (etcd's rule, not the thesis's), one change at a time.
 *
 * Invariants: a configuration's ids are sorted, unique, not 0, at most MEMBERS_MAX in both lists
 * together.
 */
#ifndef RAFT_ENTRY_H
#define RAFT_ENTRY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/limits.h"
#include "base/slice.h"
#include "base/types.h"

enum raft_entry_type {
    RAFT_ENTRY_NORMAL = 0, /* with an empty payload: a new leader's first, or a refused change */
    RAFT_ENTRY_CONF = 1,
};

struct raft_entry {
    term_t term;
    index_t index;
    struct slice payload; /* borrowed from whoever hands out the entry */
    enum raft_entry_type type;
};

enum raft_conf_type {
    RAFT_CONF_NONE = 0,        /* changes nothing: what a change becomes that the server refused */
    RAFT_CONF_ADD_VOTER = 1,   /* of a learner: promotes it, as in etcd */
    RAFT_CONF_ADD_LEARNER = 2, /* of a voter: demotes it, as in etcd */
    RAFT_CONF_PROMOTE = 3,     /* of what is no learner: changes nothing */
    RAFT_CONF_REMOVE = 4,
    RAFT_CONF_UPDATE = 5, /* the server's business only, such as new peer URLs */
};

struct raft_conf_change {
    enum raft_conf_type type;
    member_id_t member;
    struct slice context; /* opaque; decode borrows it from the payload */
};

/* Appends the payload of a conf entry to `out`. */
void raft_conf_change_encode(const struct raft_conf_change *change, struct buf *out);
/* ERR_PROTO for anything but the output of raft_conf_change_encode. */
int raft_conf_change_decode(struct slice payload, struct raft_conf_change *change) MUST_CHECK;

struct raft_conf {
    uint32_t voter_count;
    uint32_t learner_count;
    member_id_t voters[MEMBERS_MAX];
    member_id_t learners[MEMBERS_MAX];
};

bool raft_conf_is_voter(const struct raft_conf *conf, member_id_t id);
bool raft_conf_is_learner(const struct raft_conf *conf, member_id_t id);
/* A majority of the voters; 0 if there are none (then nothing may be elected or committed). */
uint32_t raft_conf_quorum(const struct raft_conf *conf);
/* Makes the change; false if it changes nothing (also: would exceed MEMBERS_MAX). */
bool raft_conf_apply(struct raft_conf *conf, enum raft_conf_type type, member_id_t member);
/* The invariants above; for configurations that come from a peer or a disk. */
bool raft_conf_is_valid(const struct raft_conf *conf);

#endif
