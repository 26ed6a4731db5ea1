/* What must hold at every event of a run: the rules of elections, logs, commits and state machines.
 *
 * It sees only what members tell their observers and, through `survives`, the truth of their disks;
 * it knows no node, no network and no server. Each event is checked when it comes, against what
 * earlier events said; the cost of an event follows what it changed, never the length of a log (but
 * a boot, which tells its log anew, costs that). A violation is recorded with the rule, the place
 * and words for people; checking goes on behind it.
 *
 * Invariants: what one member said is never taken for what another one knows; a member's data
 * counts as durable only if it said so and its disk would keep it; without a violation, every entry
 * that was ever committed is known here with its term and the chained hash of all before it.
 *
 * The order in which members tell their events is described in env/observer.h and relied on.
 */
#ifndef CHECK_CHECK_H
#define CHECK_CHECK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/mem.h"
#include "base/slice.h"
#include "env/observer.h"

/* X(NAME, checker, rule, law) */
#define CHECK_RULES(X)                                                                           \
    X(RULE_ONE_LEADER, "election", "one-leader",                                                 \
      "at most one leader is elected in a term (thesis 3.4, election safety)")                   \
    X(RULE_LEADER_VOTES, "election", "votes",                                                    \
      "a leader holds durable votes of a quorum of its active configuration (thesis 3.4)")       \
    X(RULE_ONE_VOTE, "election", "one-vote",                                                     \
      "a member votes for at most one candidate in a term, also across restarts (thesis 3.4)")   \
    X(RULE_LEADER_COMPLETE, "election", "leader-completeness",                                   \
      "a new leader holds every entry that was committed (thesis 3.6.3, leader completeness)")   \
    X(RULE_LEADER_VOTER, "election", "leader-is-voter",                                          \
      "a leader is a voter, or is applying its own removal (thesis 4.2.2)")                      \
    X(RULE_LOG_MATCHING, "log", "matching",                                                      \
      "entries with the same index and term are the same, and so is all before them (thesis "    \
      "3.5, log matching)")                                                                      \
    X(RULE_LOG_SHAPE, "log", "shape",                                                            \
      "a log has no gaps and its terms never fall nor pass the member's term (thesis 3.5)")      \
    X(RULE_APPEND_ONLY, "log", "append-only",                                                    \
      "a leader only appends to its log, and only in its own term (thesis 3.5, leader "          \
      "append-only)")                                                                            \
    X(RULE_ACKNOWLEDGED, "log", "acknowledged",                                                  \
      "what a member took from the leader of a term is not lost while that term lasts")          \
    X(RULE_COMMIT_QUORUM, "commit", "quorum",                                                    \
      "a committed entry is durable on a quorum of the leader's active configuration (thesis "   \
      "3.5)")                                                                                    \
    X(RULE_COMMIT_TERM, "commit", "current-term",                                                \
      "only entries of the leader's own term are committed by counting (thesis 3.6.2)")          \
    X(RULE_COMMIT_SAME, "commit", "state-machine-safety",                                        \
      "no two members commit or apply different entries at an index (thesis 3.6.3)")             \
    X(RULE_COMMIT_LEADER, "commit", "by-leader",                                                 \
      "a follower learns a commit from a leader that has made it (thesis 3.5)")                  \
    X(RULE_CONF_STALE, "config", "one-change-away",                                              \
      "who leads or commits is at most one change behind the newest configuration (thesis 4.1)") \
    X(RULE_CONF_STEP, "config", "one-at-a-time",                                                 \
      "a configuration differs from the one before it by one member (thesis 4.1)")               \
    X(RULE_CONF_SAME, "config", "same",                                                          \
      "the configuration is implied by the applied entries: the same index, the same members")   \
    X(RULE_MONOTONIC, "monotonic", "never-back",                                                 \
      "term, vote, commit, applied and revision never go back")                                  \
    X(RULE_DURABLE_TRUE, "durable", "true",                                                      \
      "what a member calls durable would survive a power failure (thesis 3.8)")                  \
    X(RULE_DURABLE_KEPT, "durable", "kept",                                                      \
      "what was durable is there after a restart (thesis 3.8)")                                  \
    X(RULE_SNAPSHOT_COVERED, "durable", "snapshot-covered",                                      \
      "a snapshot covers only what is applied and durable in the log (thesis 5.1)")              \
    X(RULE_STATE_HASH, "state", "hash",                                                          \
      "members that have applied the same entries are in the same state (thesis 3.6.3)")         \
    X(RULE_READ_APPLIED, "state", "read-applied",                                                \
      "a linearizable read is served when its read index is applied (thesis 6.4)")

enum check_rule {
#define CHECK_RULE_ENUM(name, checker, rule, law) name,
    CHECK_RULES(CHECK_RULE_ENUM)
#undef CHECK_RULE_ENUM
    CHECK_RULE_COUNT
};

struct check_violation {
    int64_t time_ns;
    uint64_t event; /* number of the engine's event */
    enum check_rule number;
    const char *checker; /* checker, rule and place make the fingerprint */
    const char *rule;
    const char *place; /* what was told when it was seen: "role", "commit", … */
    const char *law;   /* the rule in a sentence, with its source */
    const char *text;  /* what happened */
    const char *state; /* a table of all members at that moment, one line each */
};

#define CHECK_VIOLATIONS_MAX 32 /* more are counted, not kept */

struct check;
/* Where members run: a machine with its disk. A member is found by the id in its events. */
struct check_place;

/* Takes its memory from mem, which is the checker's world, not a node's. */
struct check *check_new(struct mem *mem);
void check_free(struct check *check);

/* The name is copied. survives: would these bytes of the file certainly be there after a power
 * failure now? NULL: members are believed. Lives as long as the check. */
struct check_place *check_place_new(struct check *check, const char *name,
                                    bool (*survives)(void *disk, const char *path, uint64_t offset,
                                                     uint64_t len),
                                    void *disk);

/* One event, as it is told. now_ns and event are of the world and only for the records. */
void check_event(struct check_place *place, int64_t now_ns, uint64_t event,
                 const struct obs_event *obs);
/* The process there has ended, however: what was not durable is gone. */
void check_ended(struct check_place *place);
/* The disk there was emptied or damaged beyond what a member can notice: what its members had made
 * durable no longer counts, neither for nor against them. */
void check_amnesia(struct check_place *place);

/* The atlas: what is good where. Its disk does not give back what was written: what is durable
 * there is no good copy until that is over. The rules of every event go on as if it were whole,
 * since no process can know: what a member says is durable counts for what is committed now, and
 * later damage falsifies nothing that was committed before. */
void check_damaged(struct check_place *place, bool on);
/* If all that is on the disk there were lost now, would everything that is committed still be whole
 * on a quorum of the newest configuration's voters? In words to who, if it is not NULL: "n2, n3
 * hold without n1 all that is committed, quorum 2". */
bool check_can_lose(const struct check_place *place, struct buf *who);
/* The same of a process that is about to go on without, and to believe that it has it all: only if
 * all that is durable there is committed, too. What is not may have been acknowledged, and a leader
 * may yet commit it by that word. */
bool check_can_forget(const struct check_place *place, struct buf *who);

/* All violations; and the i-th, NULL if there are not so many or it was not kept. */
uint64_t check_violation_count(const struct check *check);
const struct check_violation *check_violation(const struct check *check, size_t i);

/* A member's log begins a history epoch (OBS_EPOCH): its entries through `kept` go on to be true,
 * those behind it through `last` are committed because it says so, and all else that `from` knows
 * belongs to the old history. A check of its own, for all who belong to the new one, beside which
 * `from` goes on and must be freed later. Places are to be made anew. */
struct check *check_fork(struct check *from, member_id_t survivor, index_t kept, index_t last);
/* Does any configuration, or the member itself by an event, name this member? */
bool check_names(const struct check *check, member_id_t id);
/* The newest revision that is known of the committed entries through `index`; 0: none is. */
revision_t check_revision(const struct check *check, index_t index);

/* Comparisons made so far: a run that checked nothing proves nothing. */
uint64_t check_performed(const struct check *check);
/* The highest index known to be committed. */
index_t check_committed(const struct check *check);
/* The table of members, as in check_violation.state. */
void check_write_state(const struct check *check, struct buf *out);

#endif
