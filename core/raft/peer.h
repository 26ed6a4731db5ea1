/* What a leader knows of one member: how far its log goes, what is under way to it.
 *
 * A peer exists for each member of the active configuration, the member itself included, on every
 * role, because votes are counted in it too. Knows nothing of the rest of the engine.
 */
#ifndef RAFT_PEER_H
#define RAFT_PEER_H

#include "raft/raft.h"

/* Appends sent and not acknowledged: last index and payload bytes of each, oldest first. */
struct inflight {
    index_t last;
    uint64_t bytes;
};

struct inflights {
    struct inflight *ring;
    uint32_t cap; /* power of two; grows up to what the window allows */
    uint32_t head;
    uint32_t count;
    uint64_t bytes;
};

/* Forwarded proposals already taken from one start of a member (thesis 6.3 in small): a bitmap of
 * the last sequence numbers. What is older than the window counts as taken. */
#define FORWARD_WINDOW 256
struct forward_window {
    uint64_t boot;
    uint64_t high;
    uint64_t bits[FORWARD_WINDOW / 64];
};

enum peer_vote {
    PEER_VOTE_NONE,
    PEER_VOTE_GRANTED,
    PEER_VOTE_REJECTED
};

struct peer {
    member_id_t id;
    bool learner;
    bool recent_active;
    enum peer_vote vote; /* for oneself, in the round that is going on */
    enum raft_progress_state state;
    bool probe_paused; /* RAFT_PROBE: one append is out; wait for an answer or a heartbeat's */
    index_t match;
    uint64_t match_boot; /* the start that acknowledged it */
    index_t next;
    index_t commit_sent;
    index_t pending_snapshot;
    int64_t heard_ns;
    uint64_t round_acked;  /* last read round that it answered */
    int64_t lease_from_ns; /* it answered a heartbeat sent then */
    struct inflights inflights;
    struct forward_window forwarded;
};

/* For a new leader, whose log ends at `last`: nothing is known (thesis 3.3: next = last + 1). */
void peer_reset(struct peer *peer, index_t last);
void peer_fini(struct peer *peer, struct mem *mem);

/* May nothing be sent to it now? */
bool peer_is_paused(const struct peer *peer, const struct raft_config *config);
/* Notes an append of entries through `last`; next moves on if it is pipelined. */
void peer_sent(struct peer *peer, struct mem *mem, index_t last, uint64_t bytes);
/* Acknowledged through index: true if that is news. `base` is where the leader's log begins. */
bool peer_acked(struct peer *peer, index_t index, index_t base);
/* The append behind `prev` was refused, and the logs agree at most through `agree`: true if next
 * changed; false if the refusal is an old one. */
bool peer_refused(struct peer *peer, index_t prev, index_t agree);
/* It was started again, and refuses what it had acknowledged before: its log has lost entries, and
 * agrees at most through `agree`. */
void peer_lost_entries(struct peer *peer, uint64_t boot, index_t agree);
void peer_to_probe(struct peer *peer);
void peer_to_snapshot(struct peer *peer, index_t snapshot);
/* Frees the oldest slot of a full window: a heartbeat's answer shows that the link lives. */
void peer_free_oldest(struct peer *peer);

/* Takes the sequence number of a forwarded proposal; false if it was taken before. */
bool forward_window_take(struct forward_window *window, uint64_t boot, uint64_t seq);

#endif
