/* The engine's state and the verbs that its files share. Private to core/raft.
 *
 * One file per received message (recv_*.c) and per kind of event; what several of them need is
 * here: role.c (who leads), election.c (campaigns), replicate.c (appends and commit), reads.c,
 * member.c (the active configuration), output.c (the update).
 */
#ifndef RAFT_RAFT_IMPL_H
#define RAFT_RAFT_IMPL_H

#include "base/assert.h"
#include "base/probe.h"
#include "log.h"
#include "peer.h"
#include "raft/raft.h"

/* A persist that has not completed. Truncation lowers `last`, so that a completion never vouches
 * for what was overwritten since. `last` never falls along the queue. */
struct write {
    uint64_t token;
    index_t last;
};

struct writes {
    struct write *ring;
    size_t cap; /* power of two */
    size_t head;
    size_t count;
};

/* A read that waits. On a leader, in order of rounds: 0 (no entry of this term is committed yet)
 * only at the end. On others: one that was forwarded. */
struct read_wait {
    uint64_t context;
    member_id_t from; /* 0: this member's own server */
    uint64_t from_boot;
    index_t index;
    uint64_t round;
    int64_t asked_ns;
};

struct read_waits {
    struct read_wait *items;
    size_t head;
    size_t count;
    size_t cap;
};

/* What the current step has produced so far. */
struct output {
    struct raft_message *messages;
    size_t message_count;
    size_t message_cap;
    struct raft_read *reads;
    size_t read_count;
    size_t read_cap;
    struct raft_entry *forwarded; /* entries of a forwarded proposal */
    size_t forwarded_cap;
    index_t appended_first;
    index_t truncated_from;
    bool snapshot; /* the log was reset to a received snapshot */
    bool conf_changed;
    enum raft_propose_result propose;
    int propose_err;
    bool propose_conf_refused;
    index_t propose_index;
    size_t propose_count;
    int transfer_err;
};

struct raft {
    struct mem *mem;
    struct raft_config config;
    struct rng rng;
    int64_t now_ns;
    bool started;

    enum raft_role role;
    term_t term;
    member_id_t vote;
    member_id_t leader;

    struct log log;
    index_t commit;
    index_t applied;
    index_t durable;

    struct raft_conf conf;
    struct peer *peers; /* of conf, by id */
    size_t peer_count;
    size_t peer_cap;

    /* The latest snapshot of this member: what a laggard gets. */
    index_t snapshot_index;
    term_t snapshot_term;
    struct raft_conf snapshot_conf;
    index_t recover_to; /* see raft_start; 0: nothing is missing */
    index_t installing; /* a received snapshot that is not restored yet; 0: none */

    /* Persistence. */
    uint64_t token_last;
    uint64_t token_sync; /* the last that something may wait for */
    uint64_t token_done;
    uint64_t token_vote;         /* carries the current term and vote */
    struct raft_hard_state hard; /* as submitted last */
    index_t commit_synced;       /* of it: as submitted last in a write that is synced */
    struct writes writes;

    /* Clocks: all absolute. */
    int64_t election_from_ns;
    int64_t election_wait_ns; /* drawn from [T, 2T) */
    int64_t leader_heard_ns;
    int64_t vote_hold_ns; /* lease mode: no vote before (see start.c) */
    int64_t heartbeat_due_ns;
    int64_t quorum_due_ns;
    int64_t transfer_due_ns;
    term_t called_in_term; /* told to campaign in this term, once a committed change is applied */

    /* Leader. */
    member_id_t transferee;
    bool lease_given_up;
    index_t term_first; /* this leader's first entry */
    uint64_t uncommitted_bytes;

    /* Reads. */
    uint64_t round;           /* the last started */
    uint64_t round_confirmed; /* a quorum has answered it */
    struct read_waits reads;

    uint64_t forward_seq;

    /* As told by the last update. */
    index_t commit_told;
    enum raft_role role_told;
    term_t term_told;
    member_id_t leader_told;

    struct output out;
};

/* --- start.c, applied.c, persist.c, propose.c, transfer.c, tick.c, snapshot.c: events */
void event_start(struct raft *r);
void event_tick(struct raft *r);
void event_receive(struct raft *r, const struct raft_message *m);
void event_persisted(struct raft *r, const struct raft_event *e);
void event_propose(struct raft *r, const struct raft_event *e);
void event_applied(struct raft *r, index_t index);
void event_conf_applied(struct raft *r, const struct raft_event *e);
void event_read(struct raft *r, uint64_t context);
void event_transfer(struct raft *r, member_id_t to);
void event_transfer_abort(struct raft *r);
void event_snapshot_taken(struct raft *r, const struct raft_event *e);
void event_snapshot_sent(struct raft *r, member_id_t to, bool ok);
void event_unreachable(struct raft *r, member_id_t to);
void event_reachable(struct raft *r, member_id_t to);
void event_fast_forward(struct raft *r, int64_t elapsed_ns);

/* --- recv_*.c: a message whose term has been dealt with (recv.c) */
void recv_vote(struct raft *r, const struct raft_message *m);
void recv_vote_result(struct raft *r, const struct raft_message *m);
void recv_append(struct raft *r, const struct raft_message *m);
void recv_append_result(struct raft *r, const struct raft_message *m);
void recv_heartbeat(struct raft *r, const struct raft_message *m);
void recv_heartbeat_result(struct raft *r, const struct raft_message *m);
void recv_snapshot(struct raft *r, const struct raft_message *m);
void recv_propose(struct raft *r, const struct raft_message *m);
void recv_read_index(struct raft *r, const struct raft_message *m);
void recv_read_index_result(struct raft *r, const struct raft_message *m);
void recv_timeout_now(struct raft *r, const struct raft_message *m);

/* --- role.c */
/* leader 0: unknown. The vote is kept if the term is. */
void become_follower(struct raft *r, term_t term, member_id_t leader);
void become_pre_candidate(struct raft *r);
void become_candidate(struct raft *r);
void become_leader(struct raft *r);
/* A message of the current term from its leader. */
void hear_leader(struct raft *r, member_id_t from);
/* New draw, from now on. */
void restart_election_clock(struct raft *r);

/* --- election.c */
enum campaign {
    CAMPAIGN_PRE_VOTE,
    CAMPAIGN_ELECTION,
    CAMPAIGN_TRANSFER
};
/* When the election clock is due; INT64_MAX if this member may not campaign. */
int64_t election_due_ns(const struct raft *r);
/* After each step: is what was lost there again? */
void recover_end(struct raft *r);
/* Does nothing if this member may not campaign now. */
void campaign(struct raft *r, enum campaign kind);
/* Is there a committed change that is not applied? Nobody campaigns then. */
bool has_unapplied_conf(const struct raft *r);
/* Counts a vote; who voted twice is counted as at first. */
void count_vote(struct raft *r, member_id_t from, bool granted);

/* --- member.c */
struct peer *find_peer(const struct raft *r, member_id_t id);
static inline struct peer *self_peer(const struct raft *r)
{
    return find_peer(r, r->config.id);
}
bool is_voter(const struct raft *r);
/* Makes the peers those of the configuration. */
void sync_peers(struct raft *r);
/* The largest value that a quorum of voters has reached; 0 without voters. `of` reads a peer. */
uint64_t quorum_value(const struct raft *r,
                      uint64_t (*of)(const struct raft *, const struct peer *));

/* --- replicate.c */
void append_entry(struct raft *r, enum raft_entry_type type, struct slice payload);
/* What to send if there are no entries to send. */
enum empty_append {
    EMPTY_NEVER,
    EMPTY_TELLS, /* an append that tells the commit index; no answer is wanted */
    EMPTY_ASKS,  /* one that must be answered: does the log match so far? */
};
/* Sends one append with what there is and the window allows, or a snapshot if it is too late for
 * that. True if a message went out. */
bool send_append(struct raft *r, struct peer *peer, enum empty_append empty);
void send_all_appends(struct raft *r, struct peer *peer, enum empty_append empty);
void broadcast_appends(struct raft *r);
void broadcast_heartbeats(struct raft *r);
/* Leader: moves commit as far as a quorum's durable logs allow; true if it moved. */
bool advance_commit(struct raft *r);
/* Any role: commit = index, which is in the log. */
void set_commit(struct raft *r, index_t index);
bool has_committed_in_term(const struct raft *r);

/* --- transfer.c */
void transfer_end(struct raft *r, int err);
/* Sends TimeoutNow if the target has caught up. */
void transfer_try(struct raft *r, const struct peer *peer);
/* A change was applied: campaigns if a leader's call to do so has waited for it. */
void transfer_resume(struct raft *r);

/* --- reads.c */
/* An entry of this term is committed: waiting reads may start. */
void reads_release(struct raft *r);
/* Rounds that a quorum has answered are done. */
void reads_advance(struct raft *r);
/* The regular heartbeat; begins a round if a read waits for one. */
void reads_heartbeat(struct raft *r);
void reads_fail_all(struct raft *r, int err);
/* A leader takes a read, its own server's or a follower's. */
void read_take(struct raft *r, struct read_wait wait);

/* --- propose.c */
int take_proposal(struct raft *r, const struct raft_entry *entries, size_t count);

/* --- persist.c */
void writes_push(struct raft *r, uint64_t token, index_t last);
void writes_clamp(struct raft *r, index_t last);

/* --- output.c */
/* A message of this term to `to`; the caller fills in the rest. Valid until the next send. */
struct raft_message *send_message(struct raft *r, enum raft_message_type type, member_id_t to);
/* The same as an answer to m. */
struct raft_message *send_reply(struct raft *r, enum raft_message_type type,
                                const struct raft_message *m);
/* Holds a message back until all that this and earlier steps wrote is durable. */
void hold_until_durable(struct raft_message *m);
void tell_read(struct raft *r, uint64_t context, index_t index, int err);
/* Log changes go through these, so that they are persisted and told. */
void log_write(struct raft *r, term_t term, enum raft_entry_type type, struct slice payload);
void log_cut(struct raft *r, index_t from);
void output_begin(struct raft *r);
void output_finish(struct raft *r, struct raft_update *u);

#endif
