/* A snapshot file comes into being: from the server's chunks, or from another member's bytes. Both
 * are written beside, synced, and renamed. Each function is one step; its name says what has just
 * ended. */
#include "base/assert.h"
#include "base/fmt.h"
#include "base/probe.h"
#include "internal.h"

/* What is written is synced now and then, so that the last sync, and a sync of the log that happens
 * to come with it, has little to wait for. */
#define SYNC_BYTES (8u * 1024 * 1024)
/* A buffer that one big chunk has blown up is given back. */
#define KEEP_BYTES (2u * 1024 * 1024)

static void opened(struct storage_sink *sink, int status);
static void written(struct storage_sink *sink, int status);
static void partly_synced(struct storage_sink *sink, int status);
static void rest_written(struct storage_sink *sink, int status);
static void synced(struct storage_sink *sink, int status);
static void closed(struct storage_sink *sink, int status);
static void renamed(struct storage_sink *sink, int status);
static void dir_synced(struct storage_sink *sink, int status);
static void failed_closed(struct storage_sink *sink, int status);
static void failed_removed(struct storage_sink *sink, int status);
static void fail(struct storage_sink *sink, int status);

void storage_sink_init(struct storage_sink *sink, struct storage *s, bool receiving)
{
    sink->storage = s;
    sink->receiving = receiving;
    sink->temp_path = storage_snap_path(s, receiving ? "receiving.tmp" : "writing.tmp");
    buf_init(&sink->bytes, s->env->mem);
}

void storage_sink_fini(struct storage_sink *sink)
{
    mem_free(sink->storage->env->mem, sink->temp_path);
    mem_free(sink->storage->env->mem, sink->path);
    buf_fini(&sink->bytes);
}

static void request_done(struct env_disk_req *req, int status)
{
    struct storage_sink *sink = req->data;
    struct storage *s = sink->storage;
    sink->busy = false;
    if (s->state == STORAGE_CLOSING) {
        storage_close_rest(s);
    } else if (sink->aborting && sink->state != SINK_FAILING) {
        fail(sink, ERR_CANCELED);
    } else {
        sink->next(sink, status);
    }
}

static struct env_disk_req *begin(struct storage_sink *sink,
                                  void (*next)(struct storage_sink *, int))
{
    ASSERT(!sink->busy);
    sink->busy = true;
    sink->next = next;
    sink->req = (struct env_disk_req){.done = request_done, .data = sink};
    return &sink->req;
}

/* An error, an abort: what is there goes. */
static void fail(struct storage_sink *sink, int status)
{
    sink->state = SINK_FAILING;
    sink->status = status;
    if (sink->file.impl != NULL) {
        env_disk_close(sink->storage->env, begin(sink, failed_closed), &sink->file);
    } else {
        failed_closed(sink, 0);
    }
}

static bool stumbled(struct storage_sink *sink, int status, const char *doing, const char *path)
{
    if (status == 0) {
        return false;
    }
    PROBE("storage.snapshot_failed");
    fmt(sink->words, sizeof(sink->words), "cannot %s %s: %s", doing, path, err_text(status));
    fail(sink, status);
    return true;
}

static struct storage_sink *start(struct storage_sink *sink,
                                  const struct storage_sink_events *events, void *data)
{
    struct storage *s = sink->storage;
    ASSERT(s->state == STORAGE_READY);
    ASSERT(sink->state == SINK_FREE && !sink->busy && sink->file.impl == NULL);
    ASSERT(events->more != NULL && events->done != NULL);
    sink->events = events;
    sink->data = data;
    sink->state = SINK_OPENING;
    sink->aborting = false;
    sink->status = 0;
    sink->written = 0;
    sink->unsynced = 0;
    sink->words[0] = '\0';
    sink->parser = (struct snap_parser){0};
    buf_clear(&sink->bytes);
    mem_free(s->env->mem, sink->path);
    sink->path = NULL;
    env_disk_open(s->env, begin(sink, opened), &sink->file, sink->temp_path,
                  ENV_OPEN_READ | ENV_OPEN_WRITE | ENV_OPEN_CREATE | ENV_OPEN_TRUNCATE);
    return sink;
}

struct storage_sink *storage_write_snapshot(struct storage *s, const struct snapshot_head *head,
                                            const struct storage_sink_events *events, void *data)
{
    struct storage_sink *sink = start(&s->writer, events, data);
    sink->head = *head;
    sink->head.cluster_id = s->meta.cluster_id;
    sink->head.member_id = s->meta.member_id;
    sink->head.instance = s->instance;
    sink->has_head = true;
    uint32_t salt = (uint32_t)rng_u64(&s->salts);
    snap_write_header(&sink->bytes, &sink->head, salt, &sink->tail);
    return sink;
}

struct storage_sink *storage_receive_snapshot(struct storage *s,
                                              const struct storage_sink_events *events, void *data)
{
    struct storage_sink *sink = start(&s->receiver, events, data);
    sink->has_head = false;
    return sink;
}

static void opened(struct storage_sink *sink, int status)
{
    if (stumbled(sink, status, "create", sink->temp_path)) {
        return;
    }
    sink->state = SINK_READY;
    sink->events->more(sink->data);
}

static void write_bytes(struct storage_sink *sink, void (*next)(struct storage_sink *, int))
{
    const struct slice bytes = buf_slice(&sink->bytes);
    env_disk_write(sink->storage->env, begin(sink, next), &sink->file, sink->written, &bytes, 1);
}

void storage_sink_chunk(struct storage_sink *sink, uint32_t type, struct slice bytes)
{
    ASSERT(!sink->receiving && sink->state == SINK_READY && !sink->busy);
    snap_write_chunk(&sink->bytes, &sink->tail, type, bytes);
    sink->state = SINK_WRITING;
    write_bytes(sink, written);
}

/* Verifies what has come. False: the sink is failing. */
static bool verify(struct storage_sink *sink, struct slice bytes)
{
    struct snap_parser *parser = &sink->parser;
    while (bytes.len > 0) {
        enum snap_step step = snap_parse(parser, &bytes);
        if (step == SNAP_BAD) {
            PROBE("storage.received_damaged");
            fmt(sink->words, sizeof(sink->words),
                "the snapshot that came is bad at offset %llu: %s",
                (unsigned long long)parser->where, parser->what);
            fail(sink, parser->err);
            return false;
        }
        if (step == SNAP_HEAD) {
            sink->head = parser->head;
            sink->has_head = true;
            if (sink->head.cluster_id != sink->storage->meta.cluster_id) {
                fmt(sink->words, sizeof(sink->words),
                    "the snapshot that came belongs to cluster %llx, this member to %llx",
                    (unsigned long long)sink->head.cluster_id,
                    (unsigned long long)sink->storage->meta.cluster_id);
                fail(sink, ERR_FOREIGN);
                return false;
            }
        }
    }
    return true;
}

int storage_sink_bytes(struct storage_sink *sink, uint64_t offset, struct slice bytes)
{
    ASSERT(sink->receiving && sink->state == SINK_READY && !sink->busy);
    ASSERT(bytes.len <= SNAPSHOT_CHUNK_MAX);
    if (offset != sink->written || bytes.len == 0) {
        PROBE("storage.received_out_of_order");
        return ERR_INVALID;
    }
    if (verify(sink, bytes)) {
        buf_add_slice(&sink->bytes, bytes);
        sink->state = SINK_WRITING;
        write_bytes(sink, written);
    }
    return 0;
}

static void account(struct storage_sink *sink)
{
    sink->written += sink->bytes.len;
    sink->unsynced += sink->bytes.len;
    if (sink->bytes.cap > KEEP_BYTES) {
        buf_fini(&sink->bytes);
        buf_init(&sink->bytes, sink->storage->env->mem);
    }
    buf_clear(&sink->bytes);
}

static void written(struct storage_sink *sink, int status)
{
    if (stumbled(sink, status, "write", sink->temp_path)) {
        return;
    }
    account(sink);
    if (sink->unsynced >= SYNC_BYTES) {
        env_disk_sync(sink->storage->env, begin(sink, partly_synced), &sink->file);
        return;
    }
    sink->state = SINK_READY;
    sink->events->more(sink->data);
}

static void partly_synced(struct storage_sink *sink, int status)
{
    if (stumbled(sink, status, "sync", sink->temp_path)) {
        return;
    }
    sink->unsynced = 0;
    sink->state = SINK_READY;
    sink->events->more(sink->data);
}

void storage_sink_finish(struct storage_sink *sink)
{
    ASSERT(sink->state == SINK_READY && !sink->busy);
    if (sink->receiving) {
        int err = snap_parse_end(&sink->parser);
        if (err != 0) {
            fmt(sink->words, sizeof(sink->words),
                "the snapshot that came is bad at offset %llu: %s",
                (unsigned long long)sink->parser.where, sink->parser.what);
            fail(sink, err);
            return;
        }
    } else {
        snap_write_end(&sink->bytes, &sink->tail);
    }
    ASSERT(sink->has_head);
    sink->state = SINK_FINISHING;
    sink->path = storage_snap_path_of(sink->storage, sink->head.index);
    if (sink->bytes.len > 0) {
        write_bytes(sink, rest_written);
    } else {
        env_disk_sync(sink->storage->env, begin(sink, synced), &sink->file);
    }
}

static void rest_written(struct storage_sink *sink, int status)
{
    if (!stumbled(sink, status, "write", sink->temp_path)) {
        account(sink);
        env_disk_sync(sink->storage->env, begin(sink, synced), &sink->file);
    }
}

static void synced(struct storage_sink *sink, int status)
{
    if (!stumbled(sink, status, "sync", sink->temp_path)) {
        env_disk_close(sink->storage->env, begin(sink, closed), &sink->file);
    }
}

static void closed(struct storage_sink *sink, int status)
{
    if (!stumbled(sink, status, "close", sink->temp_path)) {
        env_disk_rename(sink->storage->env, begin(sink, renamed), sink->temp_path, sink->path);
    }
}

static void renamed(struct storage_sink *sink, int status)
{
    if (!stumbled(sink, status, "rename to", sink->path)) {
        env_disk_sync_dir(sink->storage->env, begin(sink, dir_synced), sink->storage->snap_dir);
    }
}

static void dir_synced(struct storage_sink *sink, int status)
{
    struct storage *s = sink->storage;
    if (stumbled(sink, status, "sync the directory", s->snap_dir)) {
        return;
    }
    storage_snap_add(s, sink->head.index, sink->head.term);
    sink->state = SINK_FREE;
    sink->events->done(sink->data, 0);
}

static void failed_closed(struct storage_sink *sink, int status)
{
    (void)status; /* it is going to be removed */
    env_disk_remove(sink->storage->env, begin(sink, failed_removed), sink->temp_path);
}

/* What cannot be removed now is at the next open. */
static void failed_removed(struct storage_sink *sink, int status)
{
    (void)status;
    sink->state = SINK_FREE;
    buf_clear(&sink->bytes);
    sink->events->done(sink->data, sink->status);
}

void storage_sink_abort(struct storage_sink *sink)
{
    ASSERT(sink->state != SINK_FREE);
    sink->aborting = true;
    if (!sink->busy) {
        fail(sink, ERR_CANCELED);
    }
}

uint64_t storage_sink_offset(const struct storage_sink *sink)
{
    return sink->written + (sink->state == SINK_WRITING ? sink->bytes.len : 0);
}

const struct snapshot_head *storage_sink_head(const struct storage_sink *sink)
{
    return sink->has_head ? &sink->head : NULL;
}

const char *storage_sink_words(const struct storage_sink *sink)
{
    return sink->words;
}
