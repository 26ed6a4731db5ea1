/* A snapshot's file becomes state, one chunk a turn. Everything in it is checked again: checksums
 * say that the bytes are those that were written, not that a sound member wrote them. */
#include "base/assert.h"
#include "base/fmt.h"
#include "base/probe.h"
#include "node.h"

struct snapshot_restore {
    struct server *server;
    struct storage_reader *reader; /* NULL once it is being closed */
    void (*done)(struct server *server, int status, const struct snapshot_head *head,
                 struct state *state, struct mvcc *mvcc, const char *words);
    struct snapshot_head head;
    struct state state;
    bool has_state;
    struct mvcc_loader *loader;
};

static void release(struct snapshot_restore *restore)
{
    if (restore->loader != NULL) {
        retire(restore->server, mvcc_load_abandon(restore->loader));
    }
    state_fini(&restore->state);
    if (restore->reader != NULL) {
        storage_reader_close(restore->reader);
    }
    mem_free(restore->server->env->mem, restore);
}

void snapshot_restore_cancel(struct snapshot_restore *restore)
{
    if (restore != NULL) {
        release(restore);
    }
}

static void fail(struct snapshot_restore *restore, int err, const char *words)
{
    PROBE("server.snapshot_not_restored");
    restore->done(restore->server, err, NULL, NULL, NULL, words);
    release(restore);
}

static void take_member(struct snapshot_restore *restore, struct slice bytes)
{
    const struct snapshot_head *head = &restore->head;
    struct raft_conf conf;
    int rv = state_decode(&restore->state, bytes);
    members_conf(&restore->state.members, &conf);
    if (rv != 0) {
        fail(restore, rv, "the snapshot's list of members cannot be read");
    } else if (restore->state.index != head->index || restore->state.term != head->term ||
               restore->state.members.cluster_id != head->cluster_id ||
               restore->state.members.epoch != head->epoch ||
               !members_same_conf(&head->conf, &conf)) {
        fail(restore, ERR_CORRUPT, "the snapshot's state is not that of its header");
    } else {
        restore->has_state = true;
        storage_reader_next(restore->reader);
    }
}

static void end(struct snapshot_restore *restore)
{
    struct mvcc *mvcc = NULL;
    int rv = restore->has_state ? mvcc_load_end(restore->loader, &mvcc) : ERR_CORRUPT;
    restore->loader = restore->has_state ? NULL : restore->loader;
    if (rv != 0) {
        fail(restore, rv, "the snapshot's keys are not whole");
        return;
    }
    restore->done(restore->server, 0, &restore->head, &restore->state, mvcc, "");
    release(restore);
}

static void chunk(void *data, int status, uint32_t type, struct slice bytes)
{
    struct snapshot_restore *restore = data;
    if (status != 0) {
        fail(restore, status, storage_reader_words(restore->reader));
    } else if (type == SNAPSHOT_TYPE_END) {
        end(restore);
    } else if (type == STATE_CHUNK_MEMBER && !restore->has_state) {
        take_member(restore, bytes);
    } else if (type == STATE_CHUNK_KEYS && restore->has_state) {
        int rv = mvcc_load_add(restore->loader, bytes);
        if (rv != 0) {
            fail(restore, rv, "the snapshot's keys cannot be read");
        } else {
            storage_reader_next(restore->reader);
        }
    } else {
        fail(restore, ERR_CORRUPT, "the snapshot has a chunk where none of its kind belongs");
    }
}

static void opened(void *data, int status, const struct snapshot_head *head, uint64_t size)
{
    struct snapshot_restore *restore = data;
    (void)size;
    if (status != 0) {
        fail(restore, status, storage_reader_words(restore->reader));
        return;
    }
    restore->head = *head;
    storage_reader_next(restore->reader);
}

static void closed(void *data)
{
    (void)data; /* the restore is gone already */
}

static const struct storage_reader_events reader_events = {
    .opened = opened, .chunk = chunk, .closed = closed};

struct snapshot_restore *
snapshot_restore(struct server *server, index_t index,
                 void (*done)(struct server *server, int status, const struct snapshot_head *head,
                              struct state *state, struct mvcc *mvcc, const char *words))
{
    struct snapshot_restore *restore = mem_zalloc(server->env->mem, 1, sizeof(*restore));
    restore->server = server;
    restore->done = done;
    state_init(&restore->state, server->env->mem);
    restore->loader = mvcc_load_new(server->env->mem);
    restore->reader = storage_open_snapshot(server->storage, index, &reader_events, restore);
    return restore;
}

void snapshot_adopt(struct server *server, struct state *state, struct mvcc *mvcc)
{
    snapshot_take_outrun(server);
    hashkv_restart(server);
    snapshot_streams_fail(server, ERR_CANCELED);
    retire(server, server->mvcc);
    server->mvcc = mvcc;
    membership_fini(&server->members);
    server->members = state->members;
    membership_init(&state->members, server->env->mem);
    server->members_hash = membership_hash(&server->members);
    peers_enter_epoch(&server->peers, server->members.epoch);
    server->alarms = state->alarms;
    memcpy(server->cluster_version, state->cluster_version, sizeof(server->cluster_version));
    server->commit = state->index;
    server->applied = state->index;
    server->applied_told = state->index;
    server->applied_term = state->term;
    server->bootstrap_count = 0;
    server->snapshots.index_before = server->snapshots.index;
    server->snapshots.index = state->index;
    server->snapshots.tried = state->index;
    server->snapshots.log_bytes = 0;
    members_sync_peers(server);
    for (size_t i = 0; i < server->members.count; i++) {
        const struct member *member = server->members.members[i];
        if (member->id != server->id && member->instance != 0) {
            peers_expect(&server->peers, member->id, member->instance);
        }
    }
}
