/* Reading a snapshot: chunk by chunk with reads ahead, each verified, or its plain bytes. */
#include "base/assert.h"
#include "base/fmt.h"
#include "base/probe.h"
#include "internal.h"

static void opened(struct storage_reader *r, int status);
static void sized(struct storage_reader *r, int status);
static void header_read(struct storage_reader *r, int status);
static void raw_read(struct storage_reader *r, int status);
static void closed(struct storage_reader *r, int status);
static void pump(struct storage_reader *r);

bool storage_reader_busy(const struct storage_reader *r)
{
    bool busy = r->busy;
    for (size_t i = 0; i < READER_BLOCKS; i++) {
        busy = busy || r->blocks[i].busy;
    }
    return busy;
}

static struct env_disk_req *begin(struct storage_reader *r,
                                  void (*next)(struct storage_reader *, int));

/* Nothing is under way any more, and somebody wants to close. */
static void close_file(struct storage_reader *r)
{
    if (r->file.impl != NULL) {
        env_disk_close(r->storage->env, begin(r, closed), &r->file);
    } else {
        env_timer_set(r->storage->env, &r->soon, env_now_ns(r->storage->env));
    }
}

/* True if the end of a request only serves closing. */
static bool is_closing(struct storage_reader *r)
{
    if (r->storage->state == STORAGE_CLOSING) {
        storage_close_rest(r->storage);
        return true;
    }
    if (r->state == READER_CLOSING && r->next != closed) {
        if (!storage_reader_busy(r)) {
            close_file(r);
        }
        return true;
    }
    return false;
}

static void request_done(struct env_disk_req *req, int status)
{
    struct storage_reader *r = req->data;
    r->busy = false;
    if (!is_closing(r)) {
        r->next(r, status);
    }
}

static struct env_disk_req *begin(struct storage_reader *r,
                                  void (*next)(struct storage_reader *, int))
{
    ASSERT(!r->busy);
    r->busy = true;
    r->next = next;
    r->req = (struct env_disk_req){.done = request_done, .data = r};
    return &r->req;
}

static void soon_fired(struct env_timer *timer)
{
    struct storage_reader *r = timer->data;
    if (r->state == READER_CLOSING) {
        closed(r, 0);
    } else {
        pump(r);
    }
}

struct storage_reader *storage_open_snapshot(struct storage *s, index_t index,
                                             const struct storage_reader_events *events, void *data)
{
    ASSERT(s->state == STORAGE_READY || s->state == STORAGE_OPENING);
    ASSERT(events->opened != NULL && events->closed != NULL);
    struct mem *mem = s->env->mem;
    struct storage_reader *r = mem_zalloc(mem, 1, sizeof(*r));
    if (index == 0) {
        index = s->snap_newest;
    }
    struct storage_snap *snap = storage_snap_find(s, index);
    r->storage = s;
    r->events = events;
    r->data = data;
    r->index = index;
    r->path = storage_snap_path_of(s, index);
    r->pinned = snap != NULL;
    if (snap != NULL) {
        snap->pins++;
    }
    r->parser.keep = true;
    buf_init(&r->parser.payload, mem);
    buf_init(&r->raw, mem);
    r->soon.fire = soon_fired;
    r->soon.data = r;
    list_push_back(&s->readers, &r->link);
    env_disk_open(s->env, begin(r, opened), &r->file, r->path, ENV_OPEN_READ);
    return r;
}

void storage_reader_free(struct storage_reader *r)
{
    struct mem *mem = r->storage->env->mem;
    struct storage_snap *snap = r->pinned ? storage_snap_find(r->storage, r->index) : NULL;
    ASSERT(!storage_reader_busy(r) && r->file.impl == NULL);
    if (snap != NULL) {
        snap->pins--;
    }
    env_timer_stop(r->storage->env, &r->soon);
    list_remove(&r->link);
    for (size_t i = 0; i < READER_BLOCKS; i++) {
        mem_free(mem, r->blocks[i].ptr);
    }
    buf_fini(&r->parser.payload);
    buf_fini(&r->raw);
    mem_free(mem, r->path);
    mem_free(mem, r);
}

/* Opening. */

static void open_failed(struct storage_reader *r, int status)
{
    r->state = READER_FAILED;
    r->events->opened(r->data, status, NULL, 0);
}

static bool stumbled(struct storage_reader *r, int status, const char *doing)
{
    if (status == 0) {
        return false;
    }
    fmt(r->words, sizeof(r->words), "cannot %s %s: %s", doing, r->path, err_text(status));
    open_failed(r, status);
    return true;
}

static void opened(struct storage_reader *r, int status)
{
    if (!stumbled(r, status, "open")) {
        env_disk_stat(r->storage->env, begin(r, sized), r->path);
    }
}

static void read_raw(struct storage_reader *r, void (*next)(struct storage_reader *, int))
{
    uint8_t *into = buf_reserve(&r->raw, r->raw_want - r->raw.len);
    env_disk_read(r->storage->env, begin(r, next), &r->file, r->raw_offset + r->raw.len, into,
                  r->raw_want - r->raw.len);
}

static void sized(struct storage_reader *r, int status)
{
    if (stumbled(r, status, "look at")) {
        return;
    }
    r->size = r->req.size;
    r->raw_offset = 0;
    r->raw_want = SNAP_HEADER_BYTES;
    read_raw(r, header_read);
}

/* True if there is more to read; a disk may read short. */
static bool is_short(struct storage_reader *r)
{
    r->raw.len += r->req.count;
    return r->req.count > 0 && r->raw.len < r->raw_want;
}

static void bad(struct storage_reader *r)
{
    PROBE("storage.snapshot_damaged");
    fmt(r->words, sizeof(r->words), "%s at offset %llu: %s", r->path,
        (unsigned long long)r->parser.where, r->parser.what);
}

static void header_read(struct storage_reader *r, int status)
{
    if (stumbled(r, status, "read")) {
        return;
    }
    if (is_short(r)) {
        read_raw(r, header_read);
        return;
    }
    struct slice bytes = buf_slice(&r->raw);
    if (snap_parse(&r->parser, &bytes) != SNAP_HEAD) {
        int err = snap_parse_end(&r->parser);
        bad(r);
        open_failed(r, err);
        return;
    }
    const struct snapshot_head *head = &r->parser.head;
    if (head->cluster_id != r->storage->meta.cluster_id) {
        fmt(r->words, sizeof(r->words), "%s belongs to cluster %llx, this member to %llx", r->path,
            (unsigned long long)head->cluster_id, (unsigned long long)r->storage->meta.cluster_id);
        open_failed(r, ERR_FOREIGN);
        return;
    }
    if (head->index != r->index) {
        fmt(r->words, sizeof(r->words), "%s is the snapshot of index %llu, not of that in its name",
            r->path, (unsigned long long)head->index);
        open_failed(r, ERR_CORRUPT);
        return;
    }
    r->state = READER_OPEN;
    r->ahead = SNAP_HEADER_BYTES;
    buf_clear(&r->raw);
    r->events->opened(r->data, 0, head, r->size);
}

/* Chunks. */

static void give(struct storage_reader *r, int status, uint32_t type, struct slice bytes)
{
    r->wanted = false;
    if (status != 0) {
        r->state = READER_FAILED;
    }
    r->events->chunk(r->data, status, type, bytes);
}

static void block_read(struct env_disk_req *req, int status)
{
    struct reader_block *block = req->data;
    struct storage_reader *r = block->reader;
    block->busy = false;
    if (is_closing(r)) {
        return;
    }
    if (status == 0 && req->count == 0) {
        status = ERR_IO; /* the file has become shorter than it was */
    }
    if (r->state == READER_FAILED) {
        return;
    }
    if (status != 0) {
        fmt(r->words, sizeof(r->words), "cannot read %s at offset %llu: %s", r->path,
            (unsigned long long)(block->offset + block->len), err_text(status));
        if (r->wanted) {
            give(r, status, 0, (struct slice){NULL, 0});
        } else {
            r->parser.err = status; /* for whoever asks next */
        }
        return;
    }
    block->len += req->count;
    if (block->len < block->want) {
        block->busy = true;
        *req = (struct env_disk_req){.done = block_read, .data = block};
        env_disk_read(r->storage->env, req, &r->file, block->offset + block->len,
                      block->ptr + block->len, block->want - block->len);
        return;
    }
    if (r->wanted) {
        pump(r);
    }
}

static void read_ahead(struct storage_reader *r)
{
    while (r->block_count < READER_BLOCKS && r->ahead < r->size) {
        struct reader_block *block = &r->blocks[(r->block_first + r->block_count) % READER_BLOCKS];
        uint64_t left = r->size - r->ahead;
        block->reader = r;
        block->offset = r->ahead;
        block->want = left < READER_BLOCK_BYTES ? (size_t)left : READER_BLOCK_BYTES;
        block->len = 0;
        block->taken = 0;
        if (block->ptr == NULL) {
            block->ptr = mem_alloc(r->storage->env->mem, READER_BLOCK_BYTES);
        }
        block->busy = true;
        block->req = (struct env_disk_req){.done = block_read, .data = block};
        r->block_count++;
        r->ahead += block->want;
        env_disk_read(r->storage->env, &block->req, &r->file, block->offset, block->ptr,
                      block->want);
    }
}

/* The next block, if it is there. */
static struct reader_block *ready_block(struct storage_reader *r)
{
    struct reader_block *block = &r->blocks[r->block_first];
    return r->block_count > 0 && !block->busy && block->len == block->want ? block : NULL;
}

static bool is_over(const struct storage_reader *r)
{
    return r->block_count == 0 && r->ahead == r->size;
}

/* Takes from a block; hands out what is whole. */
static void take(struct storage_reader *r, struct reader_block *block)
{
    const struct slice none = {NULL, 0};
    struct slice bytes = slice_of(block->ptr + block->taken, block->len - block->taken);
    enum snap_step step = snap_parse(&r->parser, &bytes);
    block->taken = block->len - bytes.len;
    if (bytes.len == 0) {
        r->block_first = (r->block_first + 1) % READER_BLOCKS;
        r->block_count--;
    }
    if (step == SNAP_CHUNK) {
        give(r, 0, r->parser.type, r->verify_only ? none : buf_slice(&r->parser.payload));
    } else if (step == SNAP_END && is_over(r)) {
        give(r, 0, SNAPSHOT_TYPE_END, none);
    } else if (step == SNAP_BAD) {
        bad(r);
        give(r, r->parser.err, 0, none);
    }
}

/* Only `chunk` may ask for the next one while this loop runs. */
static void pump(struct storage_reader *r)
{
    if (r->parser.err != 0 && r->state == READER_OPEN) {
        give(r, r->parser.err, 0, (struct slice){NULL, 0});
        return;
    }
    r->delivering = true;
    while (r->wanted && r->state == READER_OPEN) {
        struct reader_block *block = ready_block(r);
        if (block != NULL) {
            take(r, block);
        } else if (is_over(r)) {
            int err = snap_parse_end(&r->parser);
            ASSERT(err != 0);
            bad(r);
            give(r, err, 0, (struct slice){NULL, 0});
        } else {
            break;
        }
        if (r->state == READER_OPEN) {
            read_ahead(r);
        }
    }
    r->delivering = false;
    if (r->state == READER_CLOSING && !storage_reader_busy(r)) {
        close_file(r);
    }
}

void storage_reader_next(struct storage_reader *r)
{
    ASSERT(r->state == READER_OPEN && !r->wanted && !r->busy);
    ASSERT(r->events->chunk != NULL);
    r->wanted = true;
    if (r->delivering) {
        return;
    }
    r->parser.keep = !r->verify_only;
    read_ahead(r);
    if (ready_block(r) != NULL || is_over(r) || r->parser.err != 0) {
        env_timer_set(r->storage->env, &r->soon, env_now_ns(r->storage->env));
    }
}

/* Plain bytes. */

void storage_reader_read(struct storage_reader *r, uint64_t offset, size_t len)
{
    ASSERT(r->state == READER_OPEN && !r->busy && r->block_count == 0);
    ASSERT(r->events->bytes != NULL && len > 0 && len <= SNAPSHOT_CHUNK_MAX);
    buf_clear(&r->raw);
    r->raw_offset = offset;
    r->raw_want = len;
    read_raw(r, raw_read);
}

static void raw_read(struct storage_reader *r, int status)
{
    if (status != 0) {
        fmt(r->words, sizeof(r->words), "cannot read %s at offset %llu: %s", r->path,
            (unsigned long long)(r->raw_offset + r->raw.len), err_text(status));
        r->state = READER_FAILED;
        r->events->bytes(r->data, status, r->raw_offset, (struct slice){NULL, 0});
    } else if (is_short(r)) {
        read_raw(r, raw_read);
    } else {
        r->events->bytes(r->data, 0, r->raw_offset, buf_slice(&r->raw));
    }
}

/* The end. */

void storage_reader_close(struct storage_reader *r)
{
    ASSERT(r->state != READER_CLOSING);
    r->state = READER_CLOSING;
    r->wanted = false;
    env_timer_stop(r->storage->env, &r->soon);
    if (!r->delivering && !storage_reader_busy(r)) {
        close_file(r);
    }
}

static void closed(struct storage_reader *r, int status)
{
    (void)status; /* it was only read */
    struct storage *s = r->storage;
    const struct storage_reader_events *events = r->events;
    void *data = r->data;
    storage_reader_free(r);
    storage_snaps_purge(s);
    events->closed(data);
}

const char *storage_reader_words(const struct storage_reader *r)
{
    return r->words;
}
