/* Group commit: what is gathered while a write and sync are under way becomes the next. */
#include "base/assert.h"
#include "base/probe.h"
#include "internal.h"

/* A buffer that one big batch has blown up is given back. */
#define BATCH_KEEP_BYTES (1024u * 1024)

static void batch_written(struct storage *s, int status);
static void batch_synced(struct storage *s, int status);

static void lazy_fired(struct env_timer *timer)
{
    struct storage *s = timer->data;
    if (s->state == STORAGE_READY && !s->busy && s->gathering->bytes.len > 0) {
        storage_write_batch(s, s->gathering->sync);
    }
}

void storage_batches_init(struct storage *s, const struct wal_replay *replay)
{
    s->gathering = &s->batches[0];
    s->gathering->start = s->tail.offset;
    s->gathering->mark = s->tail.offset;
    s->gathering->hard = replay->hard;
    s->gathering->last_index = replay->snapshot_index + replay->entry_count;
    s->gathering->last_term = replay->entry_count > 0
                                  ? replay->entries[replay->entry_count - 1].term
                                  : replay->snapshot_term;
    s->gathering->snapshot_index = s->snap_newest;
    s->gathering->compact_to = replay->compact_to;
    s->lazy.fire = lazy_fired;
    s->lazy.data = s;
}

static void push_token(struct storage *s, struct storage_batch *batch,
                       const struct raft_persist *persist)
{
    if (batch->token_count == batch->token_cap) {
        batch->token_cap = batch->token_cap == 0 ? 16 : batch->token_cap * 2;
        batch->tokens =
            mem_resize(s->env->mem, batch->tokens, batch->token_cap * sizeof(*batch->tokens));
    }
    batch->tokens[batch->token_count++] =
        (struct storage_token){persist->token, persist->last_index, persist->last_term};
}

static bool hard_equal(const struct raft_hard_state *a, const struct raft_hard_state *b)
{
    return a->term == b->term && a->vote == b->vote && a->commit == b->commit;
}

/* What raft says must fit to what is there, or the log would be refused at the next boot. */
static void check_persist(const struct storage_batch *before, const struct raft_persist *persist)
{
    index_t last = before->last_index;
    ASSERT(persist->hard.term >= before->hard.term);
    if (persist->snapshot_index != 0) {
        last = persist->snapshot_index;
    }
    if (persist->truncate_from != 0) {
        ASSERT(persist->truncate_from <= last + 1);
        last = persist->truncate_from - 1;
    }
    if (persist->entry_count > 0) {
        ASSERT(persist->entries[0].index == last + 1);
        last += persist->entry_count;
    }
    ASSERT(persist->last_index == last);
    ASSERT(persist->hard.commit <= last);
}

void storage_persist(struct storage *s, const struct raft_persist *persist)
{
    if (s->state != STORAGE_READY) {
        ASSERT(s->state == STORAGE_FAILED || s->state == STORAGE_CLOSING ||
               s->state == STORAGE_CLOSED);
        return;
    }
    struct storage_batch *batch = s->gathering;
    ASSERT(persist->token == s->token_last + 1);
    check_persist(batch, persist);
    s->token_last = persist->token;
    wal_write_persist(&batch->bytes, &s->tail, batch->mark, persist,
                      !hard_equal(&persist->hard, &batch->hard));
    batch->hard = persist->hard;
    batch->last_index = persist->last_index;
    batch->last_term = persist->last_term;
    if (persist->snapshot_index != 0) {
        ASSERT(storage_snap_find(s, persist->snapshot_index) != NULL);
        batch->snapshot_index = persist->snapshot_index;
        batch->compact_to = persist->snapshot_index;
    }
    if (persist->sync) {
        batch->sync = true;
        push_token(s, batch, persist);
    } else if (!env_timer_is_set(&s->lazy)) {
        env_timer_set(s->env, &s->lazy, env_now_ns(s->env) + STORAGE_LAZY_NS);
    }
}

void storage_snapshot_taken(struct storage *s, index_t index, term_t term, index_t compact_to)
{
    if (s->state != STORAGE_READY) {
        return;
    }
    struct storage_batch *batch = s->gathering;
    ASSERT(compact_to <= index && index <= batch->last_index);
    ASSERT(storage_snap_find(s, index) != NULL);
    if (index <= batch->snapshot_index) {
        PROBE("storage.taken_outrun"); /* by a received one */
        return;
    }
    if (compact_to < batch->compact_to) {
        compact_to = batch->compact_to;
    }
    wal_write_taken(&batch->bytes, &s->tail, batch->mark, index, term, compact_to);
    batch->snapshot_index = index;
    batch->compact_to = compact_to;
    batch->sync = true; /* what it makes superfluous can go */
}

void storage_flush(struct storage *s)
{
    ASSERT(!s->delivering);
    if (s->state == STORAGE_READY && !s->busy && s->gathering->sync) {
        storage_write_batch(s, true);
    }
}

void storage_write_batch(struct storage *s, bool sync)
{
    struct storage_batch *batch = s->gathering;
    struct storage_batch *next = batch == &s->batches[0] ? &s->batches[1] : &s->batches[0];
    ASSERT(s->writing == NULL && batch->bytes.len > 0);
    ASSERT(batch->start + batch->bytes.len == s->tail.offset);
    batch->sync = sync;
    s->writing = batch;
    s->gathering = next;
    next->start = s->tail.offset;
    next->mark = sync ? s->tail.offset : batch->mark;
    next->sync = false;
    next->hard = batch->hard;
    next->snapshot_index = batch->snapshot_index;
    next->compact_to = batch->compact_to;
    next->last_index = batch->last_index;
    next->last_term = batch->last_term;
    env_timer_stop(s->env, &s->lazy);
    const struct slice bytes = buf_slice(&batch->bytes);
    env_disk_write(s->env, storage_begin(s, batch_written), &s->file, batch->start, &bytes, 1);
}

/* Whatever may have reached the disk, nobody is told of it, and nothing is tried again: a failed
 * sync has dropped what it could not write, and the next one would succeed without it. */
static void fail(struct storage *s, int err)
{
    PROBE("storage.failed");
    s->state = STORAGE_FAILED;
    env_timer_stop(s->env, &s->lazy);
    LOG(s->env, ERROR, "the log cannot be written any more", log_str("path", s->path),
        log_err(err));
    s->events->failed(s->data, err);
}

static void batch_ended(struct storage *s)
{
    struct storage_batch *batch = s->writing;
    s->writing = NULL;
    if (batch->bytes.cap > BATCH_KEEP_BYTES) {
        buf_fini(&batch->bytes);
        buf_init(&batch->bytes, s->env->mem);
    }
    buf_clear(&batch->bytes);
    if (s->gathering->bytes.len > 0 && !env_timer_is_set(&s->lazy)) {
        env_timer_set(s->env, &s->lazy, env_now_ns(s->env) + STORAGE_LAZY_NS);
    }
}

static void batch_written(struct storage *s, int status)
{
    if (status != 0) {
        storage_say(s, "write", s->path, status);
        fail(s, status);
        return;
    }
    if (s->writing->sync) {
        env_disk_sync(s->env, storage_begin(s, batch_synced), &s->file);
        return;
    }
    batch_ended(s);
}

static void observe_batch(struct storage *s, const struct storage_batch *batch)
{
    if (s->env->observer == NULL) {
        return;
    }
    struct obs_event event = {.kind = OBS_PERSISTED, .member = s->meta.member_id};
    event.persisted.index = batch->last_index;
    event.persisted.term = batch->last_term;
    event.persisted.hard_term = batch->hard.term;
    event.persisted.hard_vote = batch->hard.vote;
    event.persisted.file = s->path;
    event.persisted.offset = batch->start;
    event.persisted.length = batch->bytes.len;
    env_observe(s->env, &event);
}

static void batch_synced(struct storage *s, int status)
{
    if (status != 0) {
        storage_say(s, "sync", s->path, status);
        fail(s, status);
        return;
    }
    struct storage_batch *batch = s->writing;
    s->syncs++;
    s->durable = batch->start + batch->bytes.len;
    observe_batch(s, batch);
    if (batch->snapshot_index > s->snap_newest) {
        s->snap_newest = batch->snapshot_index;
        storage_snaps_purge(s);
    }
    batch_ended(s);
    size_t count = batch->token_count;
    batch->token_count = 0;
    /* The callback may persist more, which goes into the other batch, or close; it may not flush,
     * which would hand this batch's tokens to new ones. */
    s->delivering = true;
    for (size_t i = 0; i < count && s->state == STORAGE_READY; i++) {
        const struct storage_token done = batch->tokens[i];
        s->events->persisted(s->data, done.token, done.index, done.term);
    }
    s->delivering = false;
}
