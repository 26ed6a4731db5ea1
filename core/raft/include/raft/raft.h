/* The consensus engine: Raft as one pure state machine.
 *
 * One event in, one update out (raft_step). It knows time only as the `now_ns` of an event, chance
 * only as the stream in its configuration, the disk and the network only as updates and events; it
 * knows nothing of sockets, files or what a payload means. It may allocate from its `mem` but never
 * reads or writes anything else, so the same events give the same updates, byte for byte.
 *
 * Rules: Raft (Ongaro's thesis, chapters 3, 4, 6.4, 9.6, 10.2.1) with etcd's choices where etcd's
 * users can see them: configurations active when applied, check-quorum once per election timeout,
 * a second unapplied membership change becomes an empty entry.
 *
 * Invariants (raft_check walks them): snapshot <= applied <= commit <= last; durable <= last; terms
 * never fall along the log; a leader is of its own term's entry; what a message promises is durable
 * before the message may leave.
 */
#ifndef RAFT_RAFT_H
#define RAFT_RAFT_H

#include "base/mem.h"
#include "base/rng.h"
#include "raft/event.h"
#include "raft/update.h"

enum raft_read_mode {
    RAFT_READS_BY_INDEX = 0, /* a heartbeat round per batch of reads (thesis 6.4) */
    /* The leader answers by its lease while a quorum has answered a heartbeat that was sent less
     * than election timeout - lease_margin_ns ago; needs check_quorum, and clocks that drift less
     * than the margin. Given up for the rest of the term once a transfer was begun. */
    RAFT_READS_BY_LEASE = 1,
};

struct raft_config {
    member_id_t id;
    uint64_t boot;  /* this start's number, durable, larger than any before */
    struct rng rng; /* election timeouts */
    int64_t heartbeat_ns;
    int64_t election_ns; /* T; timeouts are drawn from [T, 2T) */
    /* The election clock of the first timeout starts this much in the past (fast start). */
    int64_t initial_elapsed_ns;
    bool pre_vote;
    bool check_quorum;
    enum raft_read_mode read_mode;
    int64_t lease_margin_ns;
    uint32_t append_entries_max;    /* entries of one append */
    uint64_t append_bytes_max;      /* payload bytes of one append, but always one entry */
    uint32_t inflight_max;          /* unacknowledged appends per follower */
    uint64_t inflight_bytes_max;    /* and their bytes */
    uint64_t uncommitted_bytes_max; /* payloads in a leader's log that wait to be committed */
    uint32_t reads_max;             /* pending reads */
};

/* etcd's numbers: 100 ms, 1 s, pre-vote and check-quorum on, ReadIndex, 1 MiB, 512 in flight. */
void raft_config_init(struct raft_config *config, member_id_t id, uint64_t boot);
/* ERR_INVALID if the numbers contradict each other. */
int raft_config_check(const struct raft_config *config) MUST_CHECK;

/* What a start begins with: what the disk gave back. All borrowed for the call; payloads are
 * copied. */
struct raft_start {
    struct raft_hard_state hard;
    index_t snapshot_index; /* what the state machine was restored from; 0: nothing */
    term_t snapshot_term;
    /* Active at snapshot_index; NULL: empty. Later changes follow from applying the log again. */
    const struct raft_conf *conf;
    const struct raft_entry
        *entries; /* contiguous; entries up to snapshot_index may be among them */
    size_t entry_count;
    /* 0, or: entries through this one had been durable here, acknowledged perhaps, and those that
     * are missing now have rotted. Until the log is durable and committed through it again the
     * member neither grants votes nor campaigns; what it acknowledges is what it has. */
    index_t recover_to;
    /* A new cluster: payloads of conf entries (raft_conf_change_encode), the same on each first
     * member; they become entries 1..n of term 1, committed at once. Needs an empty log. */
    const struct slice *bootstrap;
    size_t bootstrap_count;
    /* Persists that the host has made by itself before, with the tokens 1 to this one. */
    uint64_t tokens_used;
};

struct raft;

/* ERR_INVALID for a bad configuration; ERR_CORRUPT for a start that contradicts itself; ERR_PROTO
 * for a conf entry that is none. */
int raft_new(struct mem *mem, const struct raft_config *config, const struct raft_start *start,
             struct raft **raft) MUST_CHECK;
void raft_free(struct raft *raft);

/* One step. `update` is overwritten; it is valid until the next step. */
void raft_step(struct raft *raft, const struct raft_event *event, struct raft_update *update);

/* The entry at index, first <= index <= last; borrowed until it is truncated or compacted; at the
 * latest until the next step. */
const struct raft_entry *raft_log_entry(const struct raft *raft, index_t index);
index_t raft_first(const struct raft *raft); /* first entry still held: snapshot or compacted + 1 */
index_t raft_last(const struct raft *raft);
/* Of the entry, or of what the log was compacted to (first - 1); 0 outside. */
term_t raft_log_term(const struct raft *raft, index_t index);

member_id_t raft_id(const struct raft *raft);
enum raft_role raft_role(const struct raft *raft);
term_t raft_term(const struct raft *raft);
member_id_t raft_vote(const struct raft *raft);
member_id_t raft_leader(const struct raft *raft);
index_t raft_commit(const struct raft *raft);
index_t raft_applied(const struct raft *raft);
index_t raft_durable(const struct raft *raft); /* this prefix of the log survives a power failure */
index_t raft_recover_to(const struct raft *raft); /* see raft_start; 0 once it is there again */
const struct raft_conf *raft_conf(const struct raft *raft);
/* The last conf entry of the log that is not applied; 0: none. */
index_t raft_pending_conf(const struct raft *raft);
member_id_t raft_transferee(const struct raft *raft); /* 0: no transfer is going on */

enum raft_progress_state {
    RAFT_PROBE = 0,
    RAFT_REPLICATE = 1,
    RAFT_SENDING_SNAPSHOT = 2
};

struct raft_progress {
    member_id_t id;
    bool learner;
    bool recent_active; /* heard since the last check of the quorum; true for oneself */
    enum raft_progress_state state;
    index_t match; /* durable there, as far as this leader knows */
    index_t next;
    int64_t heard_ns; /* when it last answered this leader; 0: never */
};

/* A leader's view of a member; false if not leader or the member is unknown. */
bool raft_progress(const struct raft *raft, member_id_t id, struct raft_progress *progress);

const char *raft_role_name(enum raft_role role);

/* Asserts the invariants; costs the number of members, not the length of the log. */
void raft_check(const struct raft *raft);

#endif
