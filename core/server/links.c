/* What peers send, and what their links say.
 */
#include "base/probe.h"
#include "node.h"

/* A member whose disk was emptied has forgotten votes and entries that others count on: under its
 * old ID it must neither vote nor acknowledge anything again. Until it has published itself nobody
 * can tell, and it has promised little. */
static bool is_instance_of(const struct server *server, member_id_t id, uint32_t instance)
{
    const struct member *member = membership_find(&server->members, id);
    return member == NULL || member->instance == 0 || member->instance == instance;
}

/* Members of a history that was left behind may never have heard that it was, nor of us, nor we of
 * them: they may have been added there. Whoever is a member here, or will be heard of soon, gets
 * what it lacks by links of its own leader. One that this epoch was begun with knows it. */
static bool is_left_behind(const struct server *server, member_id_t id, uint64_t epoch)
{
    const struct member *member = membership_find(&server->members, id);
    uint64_t needed = member == NULL ? server->members.epoch : member->since;
    return membership_epoch_is_foreign(epoch, needed);
}

static enum peer_refusal judge(struct peers *peers, const struct peer_hello *hello)
{
    struct server *server = peers->data;
    if (hello->cluster != server->cluster_id) {
        PROBE("server.cluster_mismatch");
        LOG(server->env, ERROR, "request cluster ID mismatch", log_hex("got", hello->cluster),
            log_hex("want", server->cluster_id), log_hex("from", hello->from));
        return PEER_WRONG_CLUSTER;
    }
    if (membership_is_removed(&server->members, hello->from)) {
        PROBE("server.removed_member_returns");
        return PEER_REMOVED;
    }
    if (hello->to != server->id || hello->from == server->id) {
        PROBE("server.wrong_member");
        return PEER_WRONG_MEMBER;
    }
    if (!is_instance_of(server, hello->from, hello->start.instance)) {
        PROBE("server.other_log");
        LOG(server->env, WARN, "a member came back without its log; it is refused",
            log_hex("member", hello->from));
        return PEER_OTHER_LOG;
    }
    if (is_left_behind(server, hello->from, hello->epoch)) {
        PROBE("server.left_behind");
        LOG(server->env, WARN,
            "a member of a history that was left behind is refused; its data directory must be "
            "removed if it is to belong to this cluster",
            log_hex("member", hello->from));
        return PEER_LEFT_BEHIND;
    }
    if (peers_met_later(peers, hello->from, &hello->start)) {
        PROBE("server.log_went_back");
        LOG(server->env, WARN,
            "a member came back with an earlier state of its log, or runs twice; it is refused",
            log_hex("member", hello->from), log_u64("boot", hello->start.boot));
        return PEER_WENT_BACK;
    }
    return PEER_ACCEPTED;
}

static bool trusts(struct peers *peers, member_id_t id, const struct peer_start *start,
                   uint64_t epoch)
{
    return is_instance_of(peers->data, id, start->instance) &&
           !is_left_behind(peers->data, id, epoch) && !peers_met_later(peers, id, start);
}

void links_log_is_gone(struct server *server)
{
    LOG(server->env, ERROR,
        "the log that this member had is gone: the cluster knows it by another one, with votes and "
        "entries that it has promised to keep; remove it (member remove) and add it again "
        "(member add), then start it with an empty data directory and --initial-cluster-state "
        "existing",
        log_hex("member", server->id), log_str("data-dir", server->config.data_dir));
    stop_now(server, 1);
}

static void log_went_back(struct server *server)
{
    LOG(server->env, ERROR,
        "the log that this member has is an earlier state of it, or another process runs with a "
        "copy of it: the cluster has met a later start, whose votes and entries are not here; "
        "remove it (member remove) and add it again (member add), then start it with an empty "
        "data directory and --initial-cluster-state existing",
        log_hex("member", server->id), log_str("data-dir", server->config.data_dir),
        log_u64("boot", server->boot));
    stop_now(server, 1);
}

void links_removed(struct server *server)
{
    LOG(server->env, ERROR, "the member has been permanently removed from the cluster",
        log_hex("member", server->id));
    LOG(server->env, INFO, "the data-dir used by this member must be removed.",
        log_str("data-dir", server->config.data_dir));
    stop_now(server, 0);
}

static void record(struct peers *peers, member_id_t from, struct slice bytes)
{
    struct server *server = peers->data;
    if (server->phase >= SERVER_STOPPING) {
        return;
    }
    switch (bytes.ptr[0]) {
    case RECORD_RAFT: consensus_receive(server, from, bytes); break;
    case RECORD_ASK: promote_asked(server, from, slice_from(bytes, 1)); break;
    case RECORD_ANSWER: promote_answered(server, slice_from(bytes, 1)); break;
    case RECORD_SNAPSHOT_ASK: snapshot_asked(server, from, slice_from(bytes, 1)); break;
    case RECORD_SNAPSHOT_PIECE: snapshot_piece_came(server, from, slice_from(bytes, 1)); break;
    case RECORD_SNAPSHOT_END: snapshot_end_came(server, from, slice_from(bytes, 1)); break;
    default: PROBE("server.unknown_record"); break; /* of a newer version */
    }
}

/* A member that starts waits less for its first election once it sees that others are there (etcd:
 * --initial-election-tick-advance); all but two heartbeats of the timeout count as over. */
static void fast_forward(struct server *server)
{
    struct raft_event event = {.type = RAFT_EVENT_FAST_FORWARD,
                               .elapsed_ns =
                                   server->config.election_ns - 2 * server->config.heartbeat_ns};
    if (server->config.tick_advance && !server->fast_forwarded && server->leader == 0) {
        server->fast_forwarded = true;
        consensus_step(server, &event);
    }
}

static void up(struct peers *peers, member_id_t id)
{
    struct server *server = peers->data;
    struct raft_event event = {.type = RAFT_EVENT_REACHABLE, .member = id};
    LOG(server->env, INFO, "peer became active", log_hex("peer", id));
    consensus_step(server, &event);
    fast_forward(server);
}

static void down(struct peers *peers, member_id_t id)
{
    struct server *server = peers->data;
    struct raft_event event = {.type = RAFT_EVENT_UNREACHABLE, .member = id};
    LOG(server->env, WARN, "peer became inactive", log_hex("peer", id));
    snapshot_send_lost(server, id);
    consensus_step(server, &event);
}

static void refused(struct peers *peers, member_id_t by, enum peer_refusal why, uint64_t other,
                    uint64_t epoch)
{
    struct server *server = peers->data;
    if (other == server->cluster_id && is_left_behind(server, by, epoch)) {
        /* What it knows of us, that we were removed or had another log, was true in its history. */
        PROBE("server.refused_by_left_behind");
        LOG(server->env, WARN,
            "a member of a history that was left behind runs under an id of this cluster; its data "
            "directory must be removed",
            log_hex("peer", by));
        return;
    }
    switch (why) {
    case PEER_REMOVED:
        LOG(server->env, WARN, "a member says that this one was removed", log_hex("says", by));
        links_removed(server);
        break;
    case PEER_OTHER_LOG: links_log_is_gone(server); break;
    case PEER_WENT_BACK: log_went_back(server); break;
    case PEER_WRONG_CLUSTER:
        LOG(server->env, ERROR, "request sent was ignored: cluster ID mismatch",
            log_hex("peer", by), log_hex("its cluster", other),
            log_hex("own cluster", server->cluster_id));
        break;
    case PEER_WRONG_MEMBER:
        LOG(server->env, ERROR, "request sent was ignored: another member answers at its URLs",
            log_hex("peer", by));
        break;
    case PEER_WRONG_VERSION:
        LOG(server->env, ERROR, "request sent was ignored: the peer's version does not know ours",
            log_hex("peer", by));
        break;
    case PEER_LEFT_BEHIND:
        LOG(server->env, ERROR,
            "request sent was ignored: the peer belongs to a newer history of this cluster, begun "
            "by --force-new-cluster or from a backup, in which this member has no place",
            log_hex("peer", by));
        break;
    case PEER_ACCEPTED: break;
    }
}

static void closed(struct peers *peers)
{
    stop_continue(peers->data);
}

const struct peer_events link_events = {
    .judge = judge,
    .trusts = trusts,
    .record = record,
    .up = up,
    .down = down,
    .refused = refused,
    .closed = closed,
};
