/* Maintenance.Snapshot: the state of this member as a stream, for a backup.
 *
 * It begins with what is applied when the call comes in, and goes on showing that instant (a walk)
 * while the store changes; no quorum is needed. One chunk is made at a time, when the one before
 * has left for the client: a slow client holds up nobody, and costs one chunk. But a walk holds
 * compaction up, so a client that takes nothing for a while is given up.
 */
#include "backup/backup.h"
#include "base/assert.h"
#include "base/probe.h"
#include "node.h"

/* etcd's size of a blob. */
#define BLOB_BYTES  (32u * 1024)
#define PATIENCE_NS (60 * SEC_NS)
/* Each holds a walk and a chunk. */
#define STREAMS_MAX 16

struct snapshot_stream {
    struct list link;
    struct server *server;
    struct grpc_call *call;
    struct mvcc_walk *walk;
    struct backup_writer *writer;
    struct env_timer timer;
    struct buf bytes; /* of the chunk that is sent */
    index_t index;
    uint64_t sent;
};

static void free_stream(struct snapshot_stream *stream)
{
    struct server *server = stream->server;
    list_remove(&stream->link);
    server->stream_count--;
    env_timer_stop(server->env, &stream->timer);
    mvcc_walk_free(stream->walk);
    backup_writer_free(stream->writer);
    buf_fini(&stream->bytes);
    mem_free(server->env->mem, stream);
}

static void fail(struct snapshot_stream *stream, int err)
{
    struct grpc_call *call = stream->call;
    grpc_call_set_user(call, NULL);
    free_stream(stream);
    port_call_err(call, err);
}

static void send_blobs(struct snapshot_stream *stream)
{
    struct slice rest = buf_slice(&stream->bytes);
    struct buf message;
    buf_init(&message, stream->server->env->mem);
    while (rest.len > 0) {
        size_t len = rest.len < BLOB_BYTES ? rest.len : BLOB_BYTES;
        Etcdserverpb__SnapshotResponse response;
        etcdserverpb__snapshot_response__init(&response);
        response.blob = pb_bytes(slice_of(rest.ptr, len));
        buf_clear(&message);
        pb_pack(&response.base, &message);
        port_call_send(stream->call, buf_slice(&message));
        rest = slice_from(rest, len);
        stream->sent += len;
    }
    buf_fini(&message);
    buf_clear(&stream->bytes);
}

static void end(struct snapshot_stream *stream)
{
    struct grpc_call *call = stream->call;
    LOG(stream->server->env, INFO, "sent a snapshot to a client", log_u64("index", stream->index),
        log_u64("bytes", stream->sent));
    grpc_call_set_user(call, NULL);
    free_stream(stream);
    port_call_ok(call);
}

static void send_next(struct snapshot_stream *stream)
{
    struct server *server = stream->server;
    struct buf chunk;
    bool more;
    buf_init(&chunk, server->env->mem);
    more = mvcc_walk_next(stream->walk, SNAPSHOT_CHUNK_BYTES, &chunk);
    if (more) {
        backup_chunk(stream->writer, STATE_CHUNK_KEYS, buf_slice(&chunk), &stream->bytes);
    } else {
        backup_end(stream->writer, &stream->bytes);
    }
    buf_fini(&chunk);
    send_blobs(stream);
    if (more) {
        env_timer_set(server->env, &stream->timer, env_now_ns(server->env) + PATIENCE_NS);
    } else {
        end(stream);
    }
}

static void on_stalled(struct env_timer *timer)
{
    struct snapshot_stream *stream = timer->data;
    PROBE("server.snapshot_stream_stalled");
    LOG(stream->server->env, WARN, "a client does not take the snapshot that it asked for",
        log_u64("sent", stream->sent));
    fail(stream, ERR_TIMEOUT);
}

/* The header and the first chunk, which is all but the keys. */
static void begin(struct snapshot_stream *stream)
{
    struct server *server = stream->server;
    struct rng rng = env_random(server->env, "server.backup");
    struct snapshot_head head = {.cluster_id = server->cluster_id,
                                 .member_id = server->id,
                                 .instance = server->instance,
                                 .epoch = server->members.epoch,
                                 .index = server->applied,
                                 .term = server->applied_term};
    struct buf state;
    members_conf(&server->members, &head.conf);
    buf_init(&state, server->env->mem);
    state_encode(server->applied, server->applied_term, server->cluster_version, &server->alarms,
                 &server->members, &state);
    stream->index = server->applied;
    stream->walk = mvcc_walk_new(server->mvcc);
    stream->writer = backup_begin(server->env->mem, &head, (uint32_t)rng_u64(&rng), &stream->bytes);
    backup_chunk(stream->writer, STATE_CHUNK_MEMBER, buf_slice(&state), &stream->bytes);
    buf_fini(&state);
}

void rpc_snapshot_message(struct grpc_call *call, struct slice bytes)
{
    struct server *server = rpc_server(call);
    if (rpc_refused_by_learner(call)) {
        return;
    }
    ProtobufCMessage *message =
        rpc_unpack(call, &etcdserverpb__snapshot_request__descriptor, bytes);
    if (message == NULL) {
        return;
    }
    pb_free(server->env->mem, message);
    if (server->stream_count == STREAMS_MAX) {
        PROBE("server.too_many_snapshot_streams");
        port_call_err(call, ERR_ETCD_TOO_MANY);
        return;
    }
    struct snapshot_stream *stream = mem_zalloc(server->env->mem, 1, sizeof(*stream));
    stream->server = server;
    stream->call = call;
    stream->timer.fire = on_stalled;
    stream->timer.data = stream;
    buf_init(&stream->bytes, server->env->mem);
    list_push_back(&server->streams, &stream->link);
    server->stream_count++;
    grpc_call_set_user(call, stream);
    begin(stream);
    send_next(stream);
}

void rpc_snapshot_drained(struct grpc_call *call)
{
    struct snapshot_stream *stream = grpc_call_user(call);
    if (stream != NULL) {
        send_next(stream);
    }
}

void rpc_snapshot_canceled(struct grpc_call *call)
{
    struct snapshot_stream *stream = grpc_call_user(call);
    if (stream != NULL) {
        free_stream(stream);
    }
}

void snapshot_streams_fail(struct server *server, int err)
{
    list_each_safe (it, &server->streams) {
        fail(container_of(it, struct snapshot_stream, link), err);
    }
}
