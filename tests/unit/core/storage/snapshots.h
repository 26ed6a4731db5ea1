/* A member that writes, receives and reads snapshots, in the smallest world; its tests share it.
 * One member in each program.
 */
#ifndef TEST_STORAGE_SNAPSHOTS_H
#define TEST_STORAGE_SNAPSHOTS_H

#include "base/fmt.h"
#include "flat_disk.h"
#include "storage/snap_format.h"
#include "storage/storage.h"
#include "testing.h"

#define LOG_PATH  "data/wal/0000000000000001-0000000000000001.wal"
#define WRITING   "data/snap/writing.tmp"
#define RECEIVING "data/snap/receiving.tmp"

struct member {
    struct flat_disk disk;
    struct storage *storage;
    int status;
    index_t snapshot;
    term_t snapshot_term;
    uint32_t voters;
    index_t first;
    index_t last;
    uint64_t token;
    bool closed;
    int failed;
    /* A sink. */
    struct storage_sink *sink;
    uint32_t chunks;   /* to write */
    uint32_t chunk;    /* given so far */
    struct slice file; /* to receive */
    size_t piece;
    int sink_status; /* 1: not yet */
    char sink_words[400];
    /* A reader. */
    struct storage_reader *reader;
    int reader_status;
    uint32_t read;
    bool read_all;
    struct buf raw;
    bool reader_closed;
};

static struct member m;

static inline void on_opened(void *data, int status, const struct storage_boot *boot)
{
    struct member *self = data;
    self->status = status;
    self->snapshot = 0;
    if (status != 0) {
        return;
    }
    if (boot->snapshot != NULL) {
        self->snapshot = boot->snapshot->index;
        self->snapshot_term = boot->snapshot->term;
        self->voters = boot->snapshot->conf.voter_count;
        assert_int_equal(boot->snapshot->cluster_id, 7);
        assert_int_equal(boot->snapshot->epoch, 5);
    }
    assert_int_equal(boot->snapshot_index, self->snapshot);
    self->first = boot->entry_count > 0 ? boot->entries[0].index : boot->snapshot_index + 1;
    self->last = self->first + boot->entry_count - 1;
    assert_true(self->first <= self->snapshot + 1);
}

static inline void on_persisted(void *data, uint64_t token, index_t index, term_t term)
{
    (void)data;
    (void)token;
    (void)index;
    (void)term;
}

static inline void on_failed(void *data, int err)
{
    ((struct member *)data)->failed = err;
}

static inline void on_closed(void *data)
{
    ((struct member *)data)->closed = true;
}

static const struct storage_events events = {
    .opened = on_opened, .persisted = on_persisted, .failed = on_failed, .closed = on_closed};

static inline int setup(void **state)
{
    (void)state;
    m = (struct member){.status = 1};
    flat_init(&m.disk, 1);
    return 0;
}

static inline int teardown(void **state)
{
    (void)state;
    flat_fini(&m.disk);
    return 0;
}

static inline void start(void)
{
    flat_boot(&m.disk);
    m.storage = storage_new(&m.disk.env, "data", NULL, &events, &m);
    m.token = 0;
    m.status = 1;
    m.failed = 0;
    storage_open(m.storage);
}

static inline void persist(index_t first, size_t count)
{
    struct raft_entry entries[16];
    assert_true(count <= 16);
    for (size_t i = 0; i < count; i++) {
        entries[i] = (struct raft_entry){1, first + i, slice_str("payload"), RAFT_ENTRY_NORMAL};
    }
    const struct raft_persist p = {.token = ++m.token,
                                   .sync = true,
                                   .hard = {1, 3, 0},
                                   .entries = entries,
                                   .entry_count = count,
                                   .last_index = first + count - 1,
                                   .last_term = 1};
    storage_persist(m.storage, &p);
    storage_flush(m.storage);
    m.last = first + count - 1;
}

static inline void boot_fresh(void)
{
    const struct storage_meta meta = {7, 8};
    start();
    flat_settle(&m.disk);
    assert_int_equal(m.status, ERR_NOT_FOUND);
    storage_create(m.storage, &meta);
    flat_settle(&m.disk);
    assert_int_equal(m.status, 0);
    persist(1, 12);
    flat_settle(&m.disk);
}

static inline void boot_again(void)
{
    start();
    flat_settle(&m.disk);
}

static inline void stop_cleanly(void)
{
    m.closed = false;
    storage_close(m.storage);
    flat_run(&m.disk);
    assert_true(m.closed);
    storage_free(m.storage);
    assert_int_equal(m.disk.env.mem->bytes, 0);
    flat_kill(&m.disk);
}

static const struct snapshot_head head_of_10 = {
    .epoch = 5, .index = 10, .term = 1, .conf = {.voter_count = 3, .voters = {1, 2, 8}}};

/* Chunk number i: its type is i + 1, its length and bytes follow from i. */
static inline struct slice chunk_bytes(uint32_t i)
{
    static uint8_t bytes[5000];
    size_t len = (i * 777u) % sizeof(bytes);
    memset(bytes, (int)(i + 1), len);
    return slice_of(bytes, len);
}

static inline void on_more(void *data)
{
    struct member *self = data;
    if (self->chunk < self->chunks) {
        self->chunk++;
        storage_sink_chunk(self->sink, self->chunk, chunk_bytes(self->chunk - 1));
    } else {
        storage_sink_finish(self->sink);
    }
}

static inline void on_done(void *data, int status)
{
    struct member *self = data;
    self->sink_status = status;
    fmt(self->sink_words, sizeof(self->sink_words), "%s", storage_sink_words(self->sink));
}

static const struct storage_sink_events writing = {on_more, on_done};

static inline void write_begin(index_t index, uint32_t chunks)
{
    struct snapshot_head head = head_of_10;
    head.index = index;
    m.chunks = chunks;
    m.chunk = 0;
    m.sink_status = 1;
    m.sink = storage_write_snapshot(m.storage, &head, &writing, &m);
}

static inline void write_snapshot(index_t index, uint32_t chunks)
{
    write_begin(index, chunks);
    flat_settle(&m.disk);
    assert_int_equal(m.sink_status, 0);
}

static inline void taken(index_t index, index_t compact_to)
{
    storage_snapshot_taken(m.storage, index, 1, compact_to);
    storage_flush(m.storage);
    flat_settle(&m.disk);
}

static inline void on_piece(void *data)
{
    struct member *self = data;
    uint64_t at = storage_sink_offset(self->sink);
    struct slice rest = slice_from(self->file, (size_t)at);
    if (rest.len == 0) {
        storage_sink_finish(self->sink);
        return;
    }
    rest.len = rest.len < self->piece ? rest.len : self->piece;
    assert_int_equal(storage_sink_bytes(self->sink, at + 1, rest), ERR_INVALID);
    assert_int_equal(storage_sink_bytes(self->sink, at, rest), 0);
}

static const struct storage_sink_events receiving = {on_piece, on_done};

static inline void receive(struct slice file, size_t piece)
{
    m.file = file;
    m.piece = piece;
    m.sink_status = 1;
    m.sink = storage_receive_snapshot(m.storage, &receiving, &m);
    flat_settle(&m.disk);
}

static inline void on_reader_opened(void *data, int status, const struct snapshot_head *head,
                                    uint64_t size)
{
    struct member *self = data;
    self->reader_status = status;
    assert_true((status == 0) == (head != NULL && size > 0));
}

static inline void on_chunk(void *data, int status, uint32_t type, struct slice bytes)
{
    struct member *self = data;
    self->reader_status = status;
    if (status != 0) {
        return;
    }
    if (type == SNAPSHOT_TYPE_END) {
        self->read_all = true;
        return;
    }
    assert_int_equal(type, self->read + 1);
    assert_true(slice_eq(bytes, chunk_bytes(self->read)));
    self->read++;
    storage_reader_next(self->reader);
}

static inline void on_bytes(void *data, int status, uint64_t offset, struct slice bytes)
{
    struct member *self = data;
    self->reader_status = status;
    assert_int_equal(offset, self->raw.len);
    buf_add_slice(&self->raw, bytes);
    if (status == 0 && bytes.len == 1000) {
        storage_reader_read(self->reader, self->raw.len, 1000);
    }
}

static inline void on_reader_closed(void *data)
{
    ((struct member *)data)->reader_closed = true;
}

static const struct storage_reader_events reading = {on_reader_opened, on_chunk, on_bytes,
                                                     on_reader_closed};

static inline void open_reader(index_t index)
{
    m.reader_status = 1;
    m.read = 0;
    m.read_all = false;
    m.reader_closed = false;
    m.reader = storage_open_snapshot(m.storage, index, &reading, &m);
    flat_settle(&m.disk);
}

static inline void close_reader(void)
{
    storage_reader_close(m.reader);
    assert_false(m.reader_closed);
    flat_settle(&m.disk);
    assert_true(m.reader_closed);
}

/* The bytes of a snapshot of this shape, as another member has them. */
static inline void make_file(struct buf *out, uint64_t cluster, index_t index, uint32_t chunks)
{
    struct snapshot_head head = head_of_10;
    struct snap_tail tail;
    head.cluster_id = cluster;
    head.member_id = 1;
    head.index = index;
    snap_write_header(out, &head, 99, &tail);
    for (uint32_t i = 0; i < chunks; i++) {
        snap_write_chunk(out, &tail, i + 1, chunk_bytes(i));
    }
    snap_write_end(out, &tail);
}

/* Restarts the log behind a received snapshot, as raft asks for it. */
static inline void install(index_t index)
{
    struct raft_conf conf = head_of_10.conf;
    const struct raft_persist p = {.token = ++m.token,
                                   .sync = true,
                                   .hard = {1, 3, index},
                                   .snapshot_index = index,
                                   .snapshot_term = 1,
                                   .snapshot_conf = &conf,
                                   .last_index = index,
                                   .last_term = 1};
    storage_persist(m.storage, &p);
    storage_flush(m.storage);
    flat_settle(&m.disk);
}

static inline void receive_50(void)
{
    struct buf file;
    buf_init(&file, m.disk.env.mem);
    make_file(&file, 7, 50, 5);
    receive(buf_slice(&file), 3000);
    assert_int_equal(m.sink_status, 0);
    buf_fini(&file);
}

#endif
