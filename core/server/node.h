/* The member's state, and how its files call each other. Private to core/server.
 *
 *   main.c       start, flags, end             boot.c     past from disk, a new cluster
 *   join.c       an existing cluster           force.c    a new cluster of one, by force
 *   links.c      what peers send
 *   consensus.c  raft's events and updates     apply.c    committed entries to state
 *   request.c    what waits for the log        read.c     what waits for a read round
 *   publish.c    telling the cluster who we are
 *   snapshot_*.c states in files: taken, sent, received, restored; state.c, snapshot_wire.c: bytes
 *   compaction.c, hashkv.c, retire.c   work on the whole key space, a bit at a time
 *   rpc_*.c, pages.c                           what clients ask
 *   rpc_alarm.c, slow.c what a full and what a stalled disk do to the member
 *   observe.c    events for observers          stop.c     the orderly end
 *
 * A turn: callbacks step raft and gather; `server_turn_end` proposes, applies, answers and flushes.
 */
#ifndef SERVER_NODE_H
#define SERVER_NODE_H

#include "config.h"
#include "membership/membership.h"
#include "mvcc/mvcc.h"
#include "pb/pb.h"
#include "pb/rpc.pb-c.h"
#include "peer/fetch.h"
#include "peer/peers.h"
#include "raft/raft.h"
#include "read.h"
#include "request.h"
#include "server/server.h"
#include "snapshot.h"
#include "state/alarm.h"
#include "state/state.h"
#include "storage/storage.h"
#include "stream/port.h"

enum server_phase {
    SERVER_READING, /* the disk: the log, then the state that it begins behind */
    SERVER_JOINING, /* asking the cluster's members who they are */
    SERVER_RUNNING,
    SERVER_LEAVING,  /* a stop was asked for: leadership is handed on first */
    SERVER_STOPPING, /* everything is being closed */
};

/* The newest history epoch of the log that this start began with; 0: none. */
struct begun {
    uint64_t epoch;
    uint64_t parent;
    index_t kept; /* what was before, through this entry, goes on to be true; 0: long ago */
    index_t last; /* the entries behind it, through this one, began it */
};

/* Records of ours on a peer link. */
enum record_kind {
    RECORD_RAFT = PEER_KIND_USER,
    RECORD_ASK = PEER_KIND_USER + 1,    /* a promote for the leader to decide */
    RECORD_ANSWER = PEER_KIND_USER + 2, /* what it decided */
    /* Of snapshots; see snapshot_wire.h. */
    RECORD_SNAPSHOT_ASK = PEER_KIND_USER + 3,
    RECORD_SNAPSHOT_PIECE = PEER_KIND_USER + 4,
    RECORD_SNAPSHOT_END = PEER_KIND_USER + 5,
};

/* Since when the disk owes the completion of a sync; see slow.c. */
struct slow_disk {
    uint64_t submitted; /* token of the last persist that syncs */
    uint64_t done;
    int64_t since_ns;
    bool handed_on;
    int64_t handed_on_ns; /* the last time */
};

struct server {
    struct env *env;
    struct server_config config;
    enum server_phase phase;
    int exit_code;

    uint64_t cluster_id;
    member_id_t id;
    uint64_t boot;
    uint32_t instance; /* which log we have; see storage_boot */
    uint64_t seq;      /* of the last request of this start */

    struct storage *storage;
    struct raft *raft;
    struct mvcc *mvcc;
    struct membership members;
    uint64_t members_hash;
    struct peers peers;
    struct port clients;
    struct port peer_port;
    struct join *join;     /* while joining, until the log exists */
    struct boot *booting;  /* while the state is restored */
    struct forced *forced; /* until a forced cluster is durable */
    struct begun begun;
    struct snapshots snapshots;
    struct list streams; /* backups that clients are getting; see rpc_snapshot.c */
    size_t stream_count;
    size_t fetches; /* of pages, under way */
    bool fast_forwarded;

    /* consensus.c */
    struct env_timer raft_timer;
    struct list held; /* records that wait for a persist */
    struct raft_message_space space;
    struct buf record;
    index_t commit;  /* as raft last said */
    index_t applied; /* by us; raft is told at the end of each batch */
    index_t applied_told;
    term_t applied_term; /* of the newest applied entry: what clients see as the term */
    member_id_t leader;
    term_t term;
    enum raft_role role;
    int64_t leader_elected_ns;
    bool halted;
    bool stepping;

    /* request.c */
    struct list gathered;
    struct list parked;
    struct list proposed;
    struct map waiting; /* seq -> struct request, of all three lists */
    size_t waiting_count;
    size_t waiting_bytes; /* what their payloads hold */
    struct buf scratch;

    struct read_rounds reads;
    struct list asks; /* promotes that the leader decides for us; see rpc_promote.c */
    uint64_t ask_next;

    /* publish.c */
    struct env_timer publish_timer;
    bool published;
    bool version_proposed;
    char cluster_version[CLUSTER_VERSION_MAX]; /* empty: not decided */

    struct slow_disk disk;

    /* rpc_alarm.c */
    struct alarms alarms;
    bool space_is_low; /* our own disk's; an alarm is to be raised */
    int64_t alarm_next_ns;

    /* rpc_maintenance.c: calls that wait for a transfer */
    struct list moves;

    /* compaction.c: the next step, and calls that wait for the work */
    struct env_timer compact_timer;
    struct list physicals;

    /* retire.c: stores that are being freed, and the next step */
    struct env_timer retire_timer;
    struct list retired;

    /* hashkv.c: the hash under way (or NULL), its next step, calls that wait for one */
    struct mvcc_hashkv *hash;
    struct env_timer hash_timer;
    struct list hash_waits;

    /* observe.c */
    index_t bootstrap_count; /* first entries, which raft takes as one configuration */
    index_t conf_index;      /* of the conf entry whose application raft is being told */
    bool observed_learner;   /* the role that was told last is that of a learner */

    /* stop.c */
    int stop_signal;
    bool storage_closed;
    bool ending;
    struct env_timer stop_timer;
};

/* etcd's limit for a request that waits for consensus: 5 s and two election timeouts. */
static inline int64_t server_request_timeout_ns(const struct server *server)
{
    return 5 * SEC_NS + 2 * server->config.election_ns;
}

/* main.c */
void server_fatal(struct server *server, const char *why);
void server_turn_end(void *data);
void server_end(struct server *server);

/* boot.c */
void server_boot(struct server *server);
/* Makes the log; the first entries are those of a new cluster, or none. */
void boot_create(struct server *server, uint64_t cluster_id, member_id_t id);

/* The member stops while it boots. */
void boot_cancel(struct server *server);

/* join.c: asks the cluster's members who they are; ends in boot_create or server_fatal. */
void join_start(struct server *server);
/* The members found, to be dialled until the log says who belongs. */
void join_dial(struct server *server);
void join_free(struct server *server);

/* force.c */
/* A copy of what the disk gave back, for as long as the state before it is restored; given back
 * with mem_free. */
struct storage_boot *force_keep(struct server *server, const struct storage_boot *boot);
/* With the list of members as of boot->snapshot_index. True: the log has to begin a new cluster;
 * the fields of `start` say with what, and raft is to be made with it, but not to run before what
 * force_write writes is durable. */
bool force_plan(struct server *server, const struct storage_boot *boot, struct raft_start *start);
/* Gives the planned entries to the storage, as one unit. */
void force_write(struct server *server);
/* Forgets the plan. */
void force_free(struct server *server);
/* Notes the newest epoch of the log that raft begins with, committed through `commit`. */
void force_find_epoch(struct server *server, index_t commit);

/* links.c */
extern const struct peer_events link_events;
/* The cluster knows us by another log than the one we have: ends with words that say what to do. */
void links_log_is_gone(struct server *server);
/* This member does not belong any more: says so and ends. */
void links_removed(struct server *server);

/* consensus.c */
void consensus_start(struct server *server);
void consensus_step(struct server *server, struct raft_event *event);
void consensus_receive(struct server *server, member_id_t from, struct slice record);
void consensus_persisted(struct server *server, uint64_t token, index_t index, term_t term);
/* Steps a proposal of these payloads; RAFT_PROPOSE_* and, if dropped, *err. */
enum raft_propose_result consensus_propose(struct server *server, bool conf,
                                           const struct slice *payloads, size_t count, int *err);
bool consensus_is_leader(const struct server *server);
void consensus_fini(struct server *server);

/* apply.c */
void apply_committed(struct server *server);
/* The change in a conf entry; false if it is malformed. Borrows from the entry. */
bool apply_read_change(const struct raft_conf_change *conf, struct entry_head *head,
                       struct membership_change *change);

/* members.c */
/* The addresses of URLs that we can dial; returns their number, at most urls->count. */
size_t members_addresses(const struct member_urls *urls, struct peer_address *addresses);
void members_sync_peers(struct server *server);
/* What this member sees of its links: fills links (MEMBERS_MAX) and the view over them. */
void members_view(const struct server *server, struct membership_link *links,
                  struct membership_view *view);
/* The configuration that a list implies. */
void members_conf(const struct membership *members, struct raft_conf *conf);
bool members_same_conf(const struct raft_conf *a, const struct raft_conf *b);
/* Asserts that it is the one that raft has. */
void members_check_conf(const struct server *server);
bool members_is_learner(const struct server *server);
/* Is our link to the member up, and was it at that time? Oneself: always. */
bool members_connected_since(const struct server *server, member_id_t id, int64_t since_ns);

/* publish.c */
void publish_start(struct server *server);
void publish_applied(struct server *server);
void publish_version(struct server *server);

/* rpc_*.c */
extern const struct grpc_service *const rpc_services[];
extern const size_t rpc_service_count;
extern const struct grpc_service rpc_kv;
extern const struct grpc_service rpc_cluster;
extern const struct grpc_service rpc_maintenance;
extern const struct grpc_service rpc_health;
/* rpc_absent.c: services and methods that come later; a learner refuses them like all others */
extern const struct grpc_service rpc_watch;
extern const struct grpc_service rpc_lease;
extern const struct grpc_service rpc_auth;
void rpc_absent_kv(struct grpc_call *call);
void rpc_absent_maintenance(struct grpc_call *call);
struct server *rpc_server(struct grpc_call *call);
/* Unpacks the call's message, or ends the call and returns NULL. Free with pb_free. */
ProtobufCMessage *rpc_unpack(struct grpc_call *call, const ProtobufCMessageDescriptor *type,
                             struct slice message);
void rpc_answer(struct grpc_call *call, const ProtobufCMessage *message);
void rpc_header(const struct server *server, Etcdserverpb__ResponseHeader *header);
/* When the call's client gives up, or the server at `limit_ns` from now. */
int64_t rpc_deadline_ns(struct grpc_call *call, int64_t limit_ns);
/* True, and the call is ended, if a learner was asked for what it does not serve. */
bool rpc_refused_by_learner(struct grpc_call *call);
/* Ends the call with an error, or forgets it if its client is gone. */
void rpc_fail(struct request *request, int err);

void kv_answer_put(struct request *request, int err, const struct mvcc_put_result *result,
                   bool with_prev);
void kv_answer_delete(struct request *request, int err, const struct mvcc_delete_result *result);
void cluster_answer(struct request *request, int err);
/* Answers a call of the Cluster service with this list; `member` only for MemberAdd. */
void cluster_respond(struct grpc_call *call, const struct membership *members, member_id_t member);
/* Proposes a change whose request (of kind ENTRY_CONF) has no body yet. */
void cluster_propose(struct request *request, const struct membership_change *change,
                     int64_t deadline_ns);
void maintenance_leader_changed(struct server *server);
void maintenance_transfer_failed(struct server *server, int err);
void maintenance_fail(struct server *server, int err);
/* rpc_snapshot.c */
void rpc_snapshot_message(struct grpc_call *call, struct slice bytes);
void rpc_snapshot_drained(struct grpc_call *call);
void rpc_snapshot_canceled(struct grpc_call *call);
/* The key space that they walk is about to go, or the server. */
void snapshot_streams_fail(struct server *server, int err);
/* MemberPromote: decided here if we lead, else by the leader. */
void promote_begin(struct grpc_call *call, member_id_t member);
/* Tells the asking member what came of its request. */
void promote_reply(struct request *request, int err);
void promote_canceled(struct grpc_call *call);
void promote_asked(struct server *server, member_id_t from, struct slice body);
void promote_answered(struct server *server, struct slice body);
void promote_leader_changed(struct server *server);
void promote_fail(struct server *server, int err);

/* compaction.c */
void compaction_message(struct grpc_call *call, struct slice bytes);
void compaction_canceled(struct grpc_call *call);
/* What came of an applied compaction at that revision. */
void compaction_answer(struct request *request, int err, revision_t revision, bool physical);
/* At a turn's end: sees to it that pending work goes on. */
void compaction_turn(struct server *server);
void compaction_fail(struct server *server, int err);

/* retire.c */
/* Takes the store, which may be NULL, and frees it in its own time. */
void retire(struct server *server, struct mvcc *mvcc);
/* The server ends: the rest at once. */
void retire_end(struct server *server);

/* hashkv.c */
void hashkv_message(struct grpc_call *call, struct slice bytes);
void hashkv_canceled(struct grpc_call *call);
void hashkv_turn(struct server *server);
/* Before the key space is replaced by another: a hash under way begins anew with that one. */
void hashkv_restart(struct server *server);
void hashkv_fail(struct server *server, int err);

/* rpc_alarm.c */
void alarm_message(struct grpc_call *call, struct slice bytes);
/* A committed request about alarms. */
void apply_alarm(struct server *server, struct request *request, struct slice body);
/* Free bytes of our disk. */
void alarm_space(struct server *server, uint64_t free_bytes);
/* At a turn's end: raises the alarm that is due. */
void alarm_consider(struct server *server);

/* slow.c */
/* A persist that syncs has been given to the disk, or has completed. */
void slow_disk_submitted(struct server *server, uint64_t token);
void slow_disk_completed(struct server *server, uint64_t token);
/* From time to time: a leader hands leadership on when its disk has stalled. */
void slow_disk_look(struct server *server);

/* pages.c */
void pages_client(struct port *port, struct port_conn *conn, const struct http1_request *request);
void pages_client_gone(struct port *port, struct port_conn *conn);
void pages_peer(struct port *port, struct port_conn *conn, const struct http1_request *request);

/* observe.c */
void observe_boot(struct server *server, const struct raft_hard_state *hard);
/* Digest of all that the log has made so far. */
uint64_t server_state_hash(const struct server *server);
void observe_update(struct server *server, const struct raft_update *update);
void observe_apply(struct server *server, index_t index, term_t term);
void observe_config(struct server *server, index_t index);
/* The state is that of a snapshot now; with its configuration. */
void observe_snapshot(struct server *server, enum obs_snapshot what);
void observe_read(struct server *server, bool serializable);
void observe_request(struct request *request);
void observe_answer(struct server *server, uint64_t seq, int status);
void observe_published(struct server *server);

/* stop.c */
void stop_asked(void *data, int signal);
/* Closes everything and ends with this code; at once if `clean` is not wanted. */
void stop_now(struct server *server, int code);
void stop_leader_changed(struct server *server);
/* Something was closed: go on with the next. */
void stop_continue(struct server *server);

#endif
