/* Group commit: what is gathered while a write and sync are under way becomes the next. */
#include "base/assert.h"
#include "base/probe.h"
#include "internal.h"

/* A buffer that one big batch has blown up is given back. */
#define BATCH_KEEP_BYTES (1024u * 1024)

static void allocated(struct storage *s, int status);
static void batch_written(struct storage *s, int status);
static void batch_synced(struct storage *s, int status);
static void segment_renamed(struct storage *s, int status);
static void segment_named(struct storage *s, int status);
static void batch_durable(struct storage *s);

#define ALLOCATE_MIN (64u * 1024)
#define ALLOCATE_MAX (4u * 1024 * 1024)

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
    s->gathering->last_index = wal_replay_last(replay);
    s->gathering->last_term = replay->entry_count > 0
                                  ? replay->entries[replay->entry_count - 1].term
                                  : replay->snapshot_term;
    s->gathering->snapshot_index = s->snap_newest;
    s->gathering->base_index = replay->snapshot_index;
    s->gathering->compact_to = replay->compact_to;
    s->compact_to = replay->compact_to;
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

/* Before the first record of a batch: the header, if it is the first of a segment. */
static void begin_records(struct storage *s, struct storage_batch *batch)
{
    if (!batch->opens || batch->bytes.len > 0) {
        return;
    }
    const struct wal_header header = {.salt = (uint32_t)rng_u64(&s->salts),
                                      .meta = s->meta,
                                      .instance = s->instance,
                                      .sequence = storage_last_segment(s)->name.sequence + 1,
                                      .first = batch->last_index + 1,
                                      .before_chain = s->tail.chain,
                                      .before_end = s->tail.offset,
                                      .boot = s->boot,
                                      .hard = batch->hard,
                                      .before_term = batch->last_term,
                                      .compact_to = batch->compact_to,
                                      .recover_to = s->recover_to};
    batch->name = (struct wal_name){header.sequence, header.first, false};
    batch->start = 0;
    batch->mark = WAL_HEADER_BYTES;
    wal_write_header(&batch->bytes, &header, &s->tail);
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
    ASSERT(s->repair_from == 0);
    check_persist(batch, persist);
    s->token_last = persist->token;
    begin_records(s, batch);
    wal_write_persist(&batch->bytes, &s->tail, batch->mark, persist,
                      !hard_equal(&persist->hard, &batch->hard));
    batch->hard = persist->hard;
    batch->last_index = persist->last_index;
    batch->last_term = persist->last_term;
    if (persist->entry_count > 0 && persist->last_index > batch->max_index) {
        batch->max_index = persist->last_index;
    }
    if (persist->snapshot_index != 0) {
        ASSERT(storage_snap_find(s, persist->snapshot_index) != NULL);
        batch->snapshot_index = persist->snapshot_index;
        batch->base_index = persist->snapshot_index;
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
    if (index < batch->base_index) {
        PROBE("storage.taken_outrun"); /* by a received one */
        return;
    }
    if (compact_to < batch->compact_to) {
        compact_to = batch->compact_to;
    }
    begin_records(s, batch);
    wal_write_taken(&batch->bytes, &s->tail, batch->mark, index, term, compact_to);
    batch->snapshot_index = index;
    batch->compact_to = compact_to;
    batch->sync = true; /* what it makes superfluous can go */
}

void storage_repair(struct storage *s)
{
    if (s->state != STORAGE_READY || s->repair_from == 0) {
        return;
    }
    struct storage_batch *batch = s->gathering;
    begin_records(s, batch);
    wal_write_recover(&batch->bytes, &s->tail, batch->mark, s->repair_from, &batch->hard,
                      s->recover_to);
    s->repair_from = 0;
    batch->sync = true;
}

void storage_recovered(struct storage *s)
{
    if (s->state != STORAGE_READY || s->recover_to == 0) {
        return;
    }
    ASSERT(s->repair_from == 0);
    struct storage_batch *batch = s->gathering;
    begin_records(s, batch);
    s->recover_to = 0;
    wal_write_recover(&batch->bytes, &s->tail, batch->mark, 0, NULL, 0);
    batch->sync = true;
}

void storage_flush(struct storage *s)
{
    ASSERT(!s->delivering);
    if (s->state == STORAGE_READY && !s->busy && s->gathering->sync) {
        storage_write_batch(s, true);
    }
}

/* The segment is full and the next one stands ready: what is gathered from now on goes there. The
 * header of a segment says that all before it is durable, hence the sync. */
static bool claim_spare(struct storage *s)
{
    if (s->tail.offset < s->segment_bytes || s->spare != SPARE_READY) {
        return false;
    }
    PROBE("storage.segment_rolled");
    s->spare = SPARE_CLAIMED;
    return true;
}

void storage_write_batch(struct storage *s, bool sync)
{
    struct storage_batch *batch = s->gathering;
    struct storage_batch *next = batch == &s->batches[0] ? &s->batches[1] : &s->batches[0];
    ASSERT(s->writing == NULL && batch->bytes.len > 0);
    ASSERT(batch->start + batch->bytes.len == s->tail.offset);
    next->opens = claim_spare(s);
    batch->sync = sync || next->opens || batch->opens;
    s->writing = batch;
    s->gathering = next;
    next->start = s->tail.offset;
    next->mark = batch->sync ? s->tail.offset : batch->mark;
    next->sync = false;
    next->max_index = 0;
    next->hard = batch->hard;
    next->snapshot_index = batch->snapshot_index;
    next->base_index = batch->base_index;
    next->compact_to = batch->compact_to;
    next->last_index = batch->last_index;
    next->last_term = batch->last_term;
    env_timer_stop(s->env, &s->lazy);
    if (batch->opens) {
        s->allocated = s->spare_allocated;
        s->allocate_retry = 0;
    }
    storage_space_written(s, batch->bytes.len);
    uint64_t end = batch->start + batch->bytes.len;
    uint64_t limit = s->segment_bytes + storage_reserve(s);
    uint64_t want = 2 * s->allocated;
    want = want < ALLOCATE_MIN ? ALLOCATE_MIN : want;
    want = want > s->allocated + ALLOCATE_MAX ? s->allocated + ALLOCATE_MAX : want;
    want = want < 2 * storage_reserve(s) ? 2 * storage_reserve(s) : want;
    want = want > limit ? limit : want;
    if (end + storage_reserve(s) <= s->allocated || want <= s->allocated ||
        end < s->allocate_retry) {
        allocated(s, 1);
        return;
    }
    s->allocate_to = want;
    struct env_file *file = batch->opens ? s->other : s->file;
    env_disk_allocate(s->env, storage_begin(s, allocated), file, s->allocated, want - s->allocated);
}

/* 1: there was nothing to allocate. A failure is none: the write says what matters. */
static void allocated(struct storage *s, int status)
{
    struct storage_batch *batch = s->writing;
    if (status == 0) {
        s->allocated = s->allocate_to;
    } else if (status < 0) {
        PROBE("storage.not_allocated");
        s->allocate_retry = batch->start + batch->bytes.len + storage_reserve(s) / 8;
        if (status == ERR_NO_SPACE && s->events->space != NULL && s->state == STORAGE_READY) {
            s->space_free = 0;
            s->events->space(s->data, 0);
        }
    }
    const struct slice bytes = buf_slice(&batch->bytes);
    struct env_file *file = batch->opens ? s->other : s->file;
    env_disk_write(s->env, storage_begin(s, batch_written), file, batch->start, &bytes, 1);
}

/* Whatever may have reached the disk, nobody is told of it, and nothing is tried again: a failed
 * sync has dropped what it could not write, and the next one would succeed without it. */
static void fail(struct storage *s, int err)
{
    PROBE("storage.failed");
    env_timer_stop(s->env, &s->lazy);
    LOG(s->env, ERROR, "the log cannot be written any more", log_str("path", s->path),
        log_err(err));
    if (s->state == STORAGE_CLOSING) {
        s->writing = NULL;
        (void)storage_closing(s, err);
        return;
    }
    s->state = STORAGE_FAILED;
    s->events->failed(s->data, err);
}

static void batch_ended(struct storage *s)
{
    struct storage_batch *batch = s->writing;
    struct storage_segment *segment = storage_last_segment(s);
    s->writing = NULL;
    if (batch->max_index > segment->max_index) {
        segment->max_index = batch->max_index;
    }
    if (batch->bytes.cap > BATCH_KEEP_BYTES) {
        buf_fini(&batch->bytes);
        buf_init(&batch->bytes, s->env->mem);
    }
    buf_clear(&batch->bytes);
    s->closing_unsynced = !batch->sync;
    if (s->state == STORAGE_CLOSING) {
        (void)storage_closing(s, 0);
        return;
    }
    if (s->gathering->bytes.len > 0 && !env_timer_is_set(&s->lazy)) {
        env_timer_set(s->env, &s->lazy, env_now_ns(s->env) + STORAGE_LAZY_NS);
    }
    storage_keep(s);
}

static void batch_written(struct storage *s, int status)
{
    if (status != 0) {
        storage_say(s, "write", s->writing->opens ? s->spare_path : s->path, status);
        fail(s, status);
        return;
    }
    if (s->writing->sync) {
        env_disk_sync(s->env, storage_begin(s, batch_synced),
                      s->writing->opens ? s->other : s->file);
        return;
    }
    batch_ended(s);
}

static void batch_synced(struct storage *s, int status)
{
    struct storage_batch *batch = s->writing;
    if (status != 0) {
        storage_say(s, "sync", batch->opens ? s->spare_path : s->path, status);
        fail(s, status);
        return;
    }
    if (!batch->opens) {
        batch_durable(s);
        return;
    }
    char name[WAL_NAME_BYTES + 1];
    wal_format_name(name, batch->name.sequence, batch->name.first);
    s->roll_path = storage_join(s, s->wal_dir, name);
    env_disk_rename(s->env, storage_begin(s, segment_renamed), s->spare_path, s->roll_path);
}

static void segment_renamed(struct storage *s, int status)
{
    if (status != 0) {
        storage_say(s, "rename to", s->roll_path, status);
        fail(s, status);
        return;
    }
    env_disk_sync_dir(s->env, storage_begin(s, segment_named), s->wal_dir);
}

static void segment_named(struct storage *s, int status)
{
    if (status != 0) {
        storage_say(s, "sync the directory", s->wal_dir, status);
        fail(s, status);
        return;
    }
    s->path = storage_push_segment(s, &s->writing->name, s->roll_path)->path;
    mem_free(s->env->mem, s->roll_path);
    s->roll_path = NULL;
    struct env_file *before = s->file;
    s->file = s->other;
    s->other = before;
    s->spare = SPARE_NONE;
    s->spare_exists = false;
    s->spare_retry = 0;
    batch_durable(s);
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

static void batch_durable(struct storage *s)
{
    struct storage_batch *batch = s->writing;
    s->syncs++;
    storage_last_segment(s)->end = batch->start + batch->bytes.len;
    s->compact_to = batch->compact_to;
    observe_batch(s, batch);
    if (batch->snapshot_index != s->snap_newest) {
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
