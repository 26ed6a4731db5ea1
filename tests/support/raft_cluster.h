/* A cluster of engines for story tests: pure, in virtual time, with a log that reads as a story.
 *
 * Members are n1..n9. Records travel through the codec, over links with latency, loss, duplication,
 * jitter and cuts; a write is durable when its token completes, and a crash loses what is not. The
 * state machine is a chained hash of what was applied. Every step is followed by raft_check and by
 * the safety checks of raft_cluster_check.c, which fail the test.
 */
#ifndef TESTS_SUPPORT_RAFT_CLUSTER_H
#define TESTS_SUPPORT_RAFT_CLUSTER_H

#include "base/heap.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/rng.h"
#include "raft/raft.h"

#define NODES_MAX   10 /* ids 1..9 */
#define ENTRIES_MAX 65536
#define TEXT_MAX    40

/* What goes into the story. */
enum {
    TELL_ROLES = 1,
    TELL_COMMITS = 2,
    TELL_SENDS = 4, /* each record sent, but heartbeats */
    TELL_HEARTBEATS = 8,
    TELL_LOSSES = 16,
    TELL_LOG = 32, /* appends and truncations */
    TELL_CONF = 64,
    TELL_READS = 128,
    TELL_DISK = 256,
    TELL_DEFAULT = TELL_ROLES | TELL_COMMITS | TELL_CONF | TELL_READS,
};

struct stored {
    term_t term;
    enum raft_entry_type type;
    size_t len;
    uint8_t bytes[TEXT_MAX];
};

struct disk_log {
    struct raft_hard_state hard;
    index_t snapshot_index;
    term_t snapshot_term;
    struct raft_conf snapshot_conf;
    uint64_t snapshot_state;
    index_t base; /* entries[i] is base + 1 + i */
    struct stored *entries;
    size_t count;
    size_t cap;
};

struct disk_write {
    struct disk_write *next;
    struct raft_persist persist;
    struct stored *entries;
    struct raft_conf conf;
    uint64_t state;
    int64_t done_ns;
};

struct held {
    struct held *next;
    uint64_t token;
    struct raft_message message;
};

struct node {
    member_id_t id;
    struct raft *raft; /* NULL while down */
    struct mem_pool *pool;
    uint64_t boot;
    struct disk_log disk;
    struct disk_write *writes;
    struct disk_write **writes_tail;
    struct held *held;
    struct held **held_tail;
    struct heap_item timer;
    index_t applied;
    uint64_t state;
    bool disk_stalled;
    bool apply_stopped;
    bool cut_off;
    enum raft_role role;
    uint64_t reads_ok;
    uint64_t reads_failed;
    /* Of the last propose, conf or transfer call. */
    struct raft_update last;
};

struct cluster {
    struct mem_pool *pool;
    struct mem *mem;
    struct heap events;
    int64_t now_ns;
    struct rng rng;
    struct raft_config config; /* the template for the next start */
    struct node nodes[NODES_MAX];
    bool cut[NODES_MAX][NODES_MAX]; /* [from][to] */
    int64_t latency_ns;
    int64_t jitter_ns;
    int64_t disk_ns;
    uint32_t loss_ppm;
    uint32_t duplicate_ppm;
    bool keep_some_unsynced; /* a crash keeps a random prefix of what is not yet durable */
    bool forget_commits;     /* writes that need no sync are not made at all */
    /* Decides about a record instead of the links: false loses it. */
    bool (*filter)(struct cluster *c, const struct raft_message *m);
    int tell;
    struct buf story;
    struct raft_message_space space;
    /* raft_cluster_check.c */
    struct map leader_of_term;
    struct map vote_of;
    struct map payload_of;
    struct map read_floor;
    uint64_t *committed_term; /* by index */
    uint64_t *committed_hash;
    uint64_t *state_at;
    index_t committed;
    uint64_t read_context;
    uint64_t records;
};

struct cluster *cluster_new(uint64_t seed);
/* A new cluster of n1..nN, in which n1 leads in term 2; nothing is told so far. */
struct cluster *cluster_led_by_n1(int n);
void cluster_free(struct cluster *c);
/* Starts n1..nN as the first members of a new cluster. */
void cluster_bootstrap(struct cluster *c, int n);
/* Starts a member with what is on its disk: again, or to join. */
void cluster_start(struct cluster *c, member_id_t id);
void cluster_crash(struct cluster *c, member_id_t id);
void cluster_run(struct cluster *c, int64_t ms);
/* Until the condition, at most 60 s; fails the test otherwise. */
member_id_t cluster_await_leader(struct cluster *c);
/* Its election clock runs out now. */
void cluster_campaign(struct cluster *c, member_id_t id);
void cluster_propose(struct cluster *c, member_id_t id, const char *text);
void cluster_conf(struct cluster *c, member_id_t id, enum raft_conf_type type, member_id_t member);
void cluster_read(struct cluster *c, member_id_t id);
void cluster_transfer(struct cluster *c, member_id_t id, member_id_t to);
/* Takes a snapshot at applied and compacts all but `keep` entries. */
void cluster_snapshot(struct cluster *c, member_id_t id, index_t keep);
void cluster_cut(struct cluster *c, member_id_t from, member_id_t to);
void cluster_isolate(struct cluster *c, member_id_t id);
void cluster_heal(struct cluster *c);
void cluster_disk_stall(struct cluster *c, member_id_t id, bool stalled);
/* Of a stalled disk: the oldest write comes through. */
void cluster_disk_complete_one(struct cluster *c, member_id_t id);
void cluster_disk_fail(struct cluster *c, member_id_t id);
void cluster_apply_stop(struct cluster *c, member_id_t id, bool stopped);
struct raft *cluster_raft(struct cluster *c, member_id_t id);
/* The member that leads with the highest term, or 0. */
member_id_t cluster_leader(const struct cluster *c);
/* One step with an event of the test's own making. */
void cluster_step(struct cluster *c, member_id_t id, struct raft_event *e);
/* A line of its own. */
void cluster_note(struct cluster *c, const char *text);
/* Compares the story since the last call. */
void cluster_expect(struct cluster *c, const char *golden);

/* --- raft_cluster_check.c: each fails the test when a safety rule is broken. */
void check_init(struct cluster *c);
void check_fini(struct cluster *c);
void check_role(struct cluster *c, struct node *n);
void check_vote(struct cluster *c, const struct node *n, const struct raft_hard_state *hard);
void check_payload(struct cluster *c, index_t index, term_t term, struct slice payload);
void check_commit(struct cluster *c, struct node *n, index_t first, index_t last);
void check_state(struct cluster *c, const struct node *n);
void check_read_called(struct cluster *c, uint64_t context);
void check_read(struct cluster *c, const struct raft_read *read);
/* All live members that are members have applied the same. */
void check_converged(struct cluster *c);

#endif
