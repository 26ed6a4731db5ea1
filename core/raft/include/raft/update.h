/* What the engine wants done: the output of raft_step. Arrays and pointers are the engine's and
 * live until the next step; nothing in an update needs to be freed.
 *
 * Order for the host: (1) start the persist, (2) send messages with after_token 0 and keep the
 * others, by value, until their persist has completed, (3) hand on the rest. A crash between any
 * two of these is safe.
 */
#ifndef RAFT_UPDATE_H
#define RAFT_UPDATE_H

#include "raft/message.h"

enum raft_role {
    RAFT_FOLLOWER = 0, /* learners too: see the configuration */
    RAFT_PRE_CANDIDATE = 1,
    RAFT_CANDIDATE = 2,
    RAFT_LEADER = 3,
    RAFT_HALTED = 4, /* stopped, or a persist failed */
};

struct raft_hard_state {
    term_t term;
    member_id_t vote; /* in `term`; 0: none */
    index_t commit;   /* at least; rides along with every write (configuration safety needs that
                         the commit known when a conf entry is appended is as durable as it) */
};

/* One write, in this order: if snapshot_index is set, the log restarts behind that snapshot, whose
 * state must be durable before; then entries from truncate_from on are cut; then `entries` are
 * appended; `hard` replaces what was there, atomically with the entries. */
struct raft_persist {
    uint64_t token; /* rising by 1; 0: nothing to write */
    bool sync;      /* false: only `commit` moved. Nothing waits for it; a completion is not needed
                       (a later token's covers it) and it may even be lost. */
    bool hard_changed;
    struct raft_hard_state hard;
    index_t truncate_from; /* 0: nothing is cut */
    const struct raft_entry *entries;
    size_t entry_count;
    /* A received snapshot to install (message RAFT_SNAPSHOT), or 0. The server restores its state
     * from what came with the message, and then says RAFT_EVENT_APPLIED with this index. */
    index_t snapshot_index;
    term_t snapshot_term;
    const struct raft_conf *snapshot_conf;
    /* The log's last entry once this is durable; return both in RAFT_EVENT_PERSISTED. */
    index_t last_index;
    term_t last_term;
};

struct raft_read {
    uint64_t context;
    index_t index; /* err 0: serve when applied reaches it */
    int err; /* ERR_ETCD_NO_LEADER, ERR_ETCD_LEADER_CHANGED, ERR_BUSY, ERR_TIMEOUT, ERR_ETCD_STOPPED
              */
};

enum raft_propose_result {
    RAFT_PROPOSE_NONE = 0,  /* this step was no proposal */
    RAFT_PROPOSE_APPENDED,  /* propose_term, propose_index, propose_count */
    RAFT_PROPOSE_FORWARDED, /* to the leader; no more will be heard of it but its commit */
    RAFT_PROPOSE_DROPPED,   /* propose_err */
};

struct raft_update {
    struct raft_persist persist;

    const struct raft_message *messages;
    size_t message_count;

    /* Newly committed: apply raft_entry(raft, i) for i in [commit_first, commit_last]; 0: none. */
    index_t commit_first;
    index_t commit_last;

    const struct raft_read *reads;
    size_t read_count;

    enum raft_propose_result propose;
    int propose_err; /* ERR_ETCD_NO_LEADER, ERR_BUSY (too much uncommitted), ERR_DROPPED (leadership
                        is being transferred, or this leader is removed), ERR_AGAIN (a conf change
                        before an entry of this term is committed: propose it again later),
                        ERR_LIMIT, ERR_ETCD_STOPPED */
    /* A conf change that came while another was pending: an empty entry took its place (etcd). */
    bool propose_conf_refused;
    term_t propose_term;
    index_t propose_index; /* of the first */
    size_t propose_count;

    /* Leadership transfer: 0 or why it ended without success (ERR_ETCD_BAD_TRANSFEREE,
     * ERR_ETCD_NOT_LEADER, ERR_ETCD_TRANSFER_TIMEOUT, ERR_CANCELED). Success is a new leader. */
    int transfer_err;

    bool state_changed; /* any of the next three */
    enum raft_role role;
    term_t term;
    member_id_t leader; /* 0: none known */

    bool conf_changed; /* the active configuration, see raft_conf */

    /* What happened to the log in memory, for observers. */
    index_t truncated_from; /* 0: nothing */
    index_t appended_first; /* 0: nothing */
    index_t appended_last;

    int64_t deadline_ns; /* when to step RAFT_EVENT_TICK; INT64_MAX: never */
};

#endif
