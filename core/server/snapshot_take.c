/* Taking a snapshot. What it holds is fixed in one instant, at the applied index: the members at
 * once, the key space by a walk that goes on showing that instant while new revisions are written.
 *
 *   applied far enough --> chunks, one a turn --> file durable --> log durable that far --> taken
 *
 * The last wait is rare: an entry may be applied because others have it, before the own copy is
 * durable, and a snapshot must not outlive entries that it stands for (raft/event.h). */
#include "base/assert.h"
#include "base/probe.h"
#include "node.h"

struct snapshot_take {
    struct server *server;
    struct storage_sink *sink; /* NULL once the file is durable */
    struct mvcc_walk *walk;    /* NULL: outrun by a received snapshot, and on its way out */
    struct snapshot_head head;
    struct buf member; /* the first chunk, until it is written */
    bool begun;
    uint64_t state_hash;
    revision_t revision;
    int64_t start_ns;
    uint64_t bytes;
};

static void free_take(struct snapshot_take *take)
{
    struct server *server = take->server;
    server->snapshots.take = NULL;
    mvcc_walk_free(take->walk);
    buf_fini(&take->member);
    mem_free(server->env->mem, take);
}

static void more(void *data)
{
    struct snapshot_take *take = data;
    struct buf chunk;
    if (!take->begun) {
        take->begun = true;
        take->bytes += take->member.len;
        storage_sink_chunk(take->sink, STATE_CHUNK_MEMBER, buf_slice(&take->member));
        return;
    }
    buf_init(&chunk, take->server->env->mem);
    mvcc_walk_next(take->walk, SNAPSHOT_CHUNK_BYTES, &chunk);
    if (chunk.len > 0) {
        take->bytes += chunk.len;
        storage_sink_chunk(take->sink, STATE_CHUNK_KEYS, buf_slice(&chunk));
    } else {
        storage_sink_finish(take->sink);
    }
    buf_fini(&chunk);
}

/* The entry through which memory may forget: a lagging member gets what is behind it from the log
 * rather than as a snapshot. */
static index_t compact_to(const struct server *server, index_t index)
{
    index_t first = raft_first(server->raft);
    uint64_t left = server->config.catchup_entries;
    uint64_t bytes = 0;
    while (index >= first && left > 0) {
        bytes += raft_log_entry(server->raft, index)->payload.len;
        if (bytes > SNAPSHOT_CATCHUP_BYTES) {
            break;
        }
        left--;
        index--;
    }
    return index;
}

static void observe_taken(const struct snapshot_take *take)
{
    struct obs_event event;
    memset(&event, 0, sizeof(event));
    event.kind = OBS_SNAPSHOT;
    event.member = take->server->id;
    event.snapshot.index = take->head.index;
    event.snapshot.term = take->head.term;
    event.snapshot.what = OBS_SNAPSHOT_TAKEN;
    event.snapshot.state_hash = take->state_hash;
    event.snapshot.revision = take->revision;
    env_observe(take->server->env, &event);
}

static void finish(struct snapshot_take *take)
{
    struct server *server = take->server;
    struct snapshots *snapshots = &server->snapshots;
    struct raft_event event = {.type = RAFT_EVENT_SNAPSHOT_TAKEN,
                               .index = take->head.index,
                               .term = take->head.term,
                               .conf = &take->head.conf};
    ASSERT(take->head.index > snapshots->index);
    LOG(server->env, INFO, "took a snapshot", log_u64("index", take->head.index),
        log_u64("bytes", take->bytes),
        log_duration("took", env_now_ns(server->env) - take->start_ns));
    snapshots->index_before = snapshots->index;
    snapshots->index = take->head.index;
    event.compact_to = compact_to(server, take->head.index);
    /* The disk keeps what follows the snapshot before: if this one rots, that one serves. */
    index_t forget =
        event.compact_to < snapshots->index_before ? event.compact_to : snapshots->index_before;
    observe_taken(take);
    storage_snapshot_taken(server->storage, take->head.index, take->head.term, forget);
    consensus_step(server, &event);
    free_take(take);
}

void snapshot_log_durable(struct server *server)
{
    struct snapshot_take *take = server->snapshots.take;
    if (take != NULL && take->sink == NULL && take->walk != NULL &&
        raft_durable(server->raft) >= take->head.index) {
        finish(take);
    }
}

static void done(void *data, int status)
{
    struct snapshot_take *take = data;
    struct server *server = take->server;
    if (take->walk == NULL) {
        /* Outrun; in whatever way the writing ended. */
        free_take(take);
        return;
    }
    if (status != 0) {
        PROBE("server.snapshot_not_taken");
        LOG(server->env, WARN, "could not take a snapshot; the log goes on growing",
            log_u64("index", take->head.index), log_err(status),
            log_str("where", storage_sink_words(take->sink)));
        free_take(take);
        return;
    }
    take->sink = NULL;
    if (raft_durable(server->raft) < take->head.index) {
        PROBE("server.snapshot_waits_for_log");
        return;
    }
    finish(take);
}

void snapshot_take_outrun(struct server *server)
{
    struct snapshot_take *take = server->snapshots.take;
    if (take == NULL) {
        return;
    }
    PROBE("server.snapshot_outrun");
    mvcc_walk_free(take->walk);
    take->walk = NULL;
    if (take->sink != NULL) {
        storage_sink_abort(take->sink);
    } else {
        free_take(take);
    }
}

static const struct storage_sink_events sink_events = {.more = more, .done = done};

static void begin(struct server *server)
{
    struct env *env = server->env;
    struct snapshot_take *take = mem_zalloc(env->mem, 1, sizeof(*take));
    take->server = server;
    take->head.index = server->applied;
    take->head.term = server->applied_term;
    take->head.epoch = server->members.epoch;
    members_conf(&server->members, &take->head.conf);
    take->state_hash = server_state_hash(server);
    take->revision = mvcc_revision(server->mvcc);
    take->start_ns = env_now_ns(env);
    buf_init(&take->member, env->mem);
    state_encode(server->applied, server->applied_term, server->cluster_version, &server->alarms,
                 &server->members, &take->member);
    take->walk = mvcc_walk_new(server->mvcc);
    server->snapshots.take = take;
    take->sink = storage_write_snapshot(server->storage, &take->head, &sink_events, take);
}

static bool is_due(const struct server *server)
{
    const struct snapshots *snapshots = &server->snapshots;
    uint64_t state = mvcc_size(server->mvcc);
    uint64_t enough = state > SNAPSHOT_LOG_BYTES ? state : SNAPSHOT_LOG_BYTES;
    return server->applied - snapshots->tried >= server->config.snapshot_count ||
           snapshots->log_bytes >= enough;
}

void snapshot_consider(struct server *server)
{
    struct snapshots *snapshots = &server->snapshots;
    if (server->phase != SERVER_RUNNING || snapshots->take != NULL || snapshots->receive != NULL ||
        server->applied <= snapshots->tried || !is_due(server)) {
        return;
    }
    if (membership_voters(&server->members) == 0) {
        return; /* within the first entries of a cluster */
    }
    snapshots->tried = server->applied;
    snapshots->log_bytes = 0;
    begin(server);
}

void snapshots_init(struct server *server)
{
    list_init(&server->snapshots.sends);
}

void snapshots_stop(struct server *server)
{
    /* storage_close ends sinks and readers without their events. */
    if (server->snapshots.take != NULL) {
        free_take(server->snapshots.take);
    }
    snapshot_receive_end(server);
    snapshot_send_end_all(server);
}
