/* What members say to each other about consensus, and its bytes.
 *
 * A message is one record of a peer link. Records may be lost, delayed, duplicated and reordered
 * one by one; the engine expects no better. `term` is the sender's term, with one exception: a
 * pre-vote request and its grant carry the term that the candidate would begin. `boot` counts the
 * sender's starts; a reply names in `to_boot` the start whose request it answers, and is dropped by
 * any other (a restarted member must not take an answer meant for its former self).
 */
#ifndef RAFT_MESSAGE_H
#define RAFT_MESSAGE_H

#include "raft/entry.h"

/* X(NAME, number, text) */
#define RAFT_MESSAGE_TABLE(X)                                          \
    X(RAFT_VOTE, 1, "vote") /* RequestVote */                          \
    X(RAFT_VOTE_RESULT, 2, "vote-result")                              \
    X(RAFT_APPEND, 3, "append") /* AppendEntries */                    \
    X(RAFT_APPEND_RESULT, 4, "append-result")                          \
    X(RAFT_HEARTBEAT, 5, "heartbeat")                                  \
    X(RAFT_HEARTBEAT_RESULT, 6, "heartbeat-result")                    \
    X(RAFT_SNAPSHOT, 7, "snapshot") /* InstallSnapshot, the header */  \
    X(RAFT_SNAPSHOT_RESULT, 8, "snapshot-result")                      \
    X(RAFT_PROPOSE, 9, "propose")        /* forwarded to the leader */ \
    X(RAFT_READ_INDEX, 10, "read-index") /* forwarded to the leader */ \
    X(RAFT_READ_INDEX_RESULT, 11, "read-index-result")                 \
    X(RAFT_TIMEOUT_NOW, 12, "timeout-now") /* leadership transfer */

enum raft_message_type {
#define RAFT_MESSAGE_ENUM(name, number, text) name = (number),
    RAFT_MESSAGE_TABLE(RAFT_MESSAGE_ENUM)
#undef RAFT_MESSAGE_ENUM
};

struct raft_message {
    enum raft_message_type type;
    bool pre;    /* VOTE, VOTE_RESULT: of a pre-vote round (thesis 9.6) */
    bool force;  /* VOTE: part of a leadership transfer; ignores leader stickiness (thesis 4.2.3) */
    bool quiet;  /* APPEND: only tells the commit index; answered only if it does not match */
    bool reject; /* *_RESULT */
    member_id_t from;
    member_id_t to;
    uint64_t boot;    /* of the sender */
    uint64_t to_boot; /* results: the boot of the request's sender; else 0 */
    term_t term;

    /* In an update only, not on the wire: the message may leave when this persist has completed;
     * 0 means now. A message with a token borrows nothing, so it may be kept by value. */
    uint64_t after_token;

    /* VOTE: the candidate's last entry. APPEND: the entry before the first one sent. APPEND_RESULT:
     * the index matched, or with `reject` the `index` of the append refused. SNAPSHOT: the last
     * entry that it covers. SNAPSHOT_RESULT: how far the follower has it all. READ_INDEX_RESULT:
     * serve once this index is applied. */
    index_t index;
    term_t log_term; /* VOTE, APPEND, SNAPSHOT: of the entry at `index` */
    index_t commit;  /* APPEND, HEARTBEAT */
    /* APPEND_RESULT with reject: where the logs may still agree, and the term there. */
    index_t hint_index;
    term_t hint_term;
    /* HEARTBEAT, echoed by its result: the read round, and when the leader sent it, on the leader's
     * monotonic clock. READ_INDEX and its result: the reader's context. PROPOSE: the sequence
     * number under which the sender's boot forwards it. */
    uint64_t context;
    int64_t sent_ns;
    /* APPEND, PROPOSE (there without term and index). Borrowed: in an update until the next step,
     * in a decoded message as long as the record and the space. */
    const struct raft_entry *entries;
    size_t entry_count;
    const struct raft_conf *conf; /* SNAPSHOT: active at `index`; borrowed */
};

/* "append", or "?" for a number outside the table. */
const char *raft_message_name(enum raft_message_type type);

/* Bytes of payload and overhead that an entry takes in a message, at most. */
#define RAFT_ENTRY_OVERHEAD 16

/* Appends the record's bytes to `out`. */
void raft_message_encode(const struct raft_message *msg, struct buf *out);

/* Memory that decoding reuses: holds the entry array and the configuration of the message decoded
 * last. */
struct raft_message_space {
    struct mem *mem;
    struct raft_entry *entries;
    size_t entry_cap;
    struct raft_conf conf;
};

void raft_message_space_init(struct raft_message_space *space, struct mem *mem);
void raft_message_space_fini(struct raft_message_space *space);

/* Decodes one whole record; payloads borrow from it. ERR_PROTO if malformed, ERR_FORMAT if of
 * another version, ERR_LIMIT past RECORD_BYTES_MAX. Memory asked for is bounded by 8 times the
 * record's length. */
int raft_message_decode(struct slice record, struct raft_message_space *space,
                        struct raft_message *msg) MUST_CHECK;

#endif
