/* Snapshot files in the smallest world: written, received, read, purged, and every crash and every
 * failure on the way. */
#include "base/fmt.h"
#include "base/hash.h"
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

static void on_opened(void *data, int status, const struct storage_boot *boot)
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

static void on_persisted(void *data, uint64_t token, index_t index, term_t term)
{
    (void)data;
    (void)token;
    (void)index;
    (void)term;
}

static void on_failed(void *data, int err)
{
    ((struct member *)data)->failed = err;
}

static void on_closed(void *data)
{
    ((struct member *)data)->closed = true;
}

static const struct storage_events events = {
    .opened = on_opened, .persisted = on_persisted, .failed = on_failed, .closed = on_closed};

static int setup(void **state)
{
    (void)state;
    m = (struct member){.status = 1};
    flat_init(&m.disk, 1);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    flat_fini(&m.disk);
    return 0;
}

static void start(void)
{
    flat_boot(&m.disk);
    m.storage = storage_new(&m.disk.env, "data", NULL, &events, &m);
    m.token = 0;
    m.status = 1;
    m.failed = 0;
    storage_open(m.storage);
}

static void persist(index_t first, size_t count)
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

static void boot_fresh(void)
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

static void boot_again(void)
{
    start();
    flat_settle(&m.disk);
}

static void stop_cleanly(void)
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
static struct slice chunk_bytes(uint32_t i)
{
    static uint8_t bytes[5000];
    size_t len = (i * 777u) % sizeof(bytes);
    memset(bytes, (int)(i + 1), len);
    return slice_of(bytes, len);
}

static void on_more(void *data)
{
    struct member *self = data;
    if (self->chunk < self->chunks) {
        self->chunk++;
        storage_sink_chunk(self->sink, self->chunk, chunk_bytes(self->chunk - 1));
    } else {
        storage_sink_finish(self->sink);
    }
}

static void on_done(void *data, int status)
{
    struct member *self = data;
    self->sink_status = status;
    fmt(self->sink_words, sizeof(self->sink_words), "%s", storage_sink_words(self->sink));
}

static const struct storage_sink_events writing = {on_more, on_done};

static void write_begin(index_t index, uint32_t chunks)
{
    struct snapshot_head head = head_of_10;
    head.index = index;
    m.chunks = chunks;
    m.chunk = 0;
    m.sink_status = 1;
    m.sink = storage_write_snapshot(m.storage, &head, &writing, &m);
}

static void write_snapshot(index_t index, uint32_t chunks)
{
    write_begin(index, chunks);
    flat_settle(&m.disk);
    assert_int_equal(m.sink_status, 0);
}

static void taken(index_t index, index_t compact_to)
{
    storage_snapshot_taken(m.storage, index, 1, compact_to);
    storage_flush(m.storage);
    flat_settle(&m.disk);
}

static void on_piece(void *data)
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

static void receive(struct slice file, size_t piece)
{
    m.file = file;
    m.piece = piece;
    m.sink_status = 1;
    m.sink = storage_receive_snapshot(m.storage, &receiving, &m);
    flat_settle(&m.disk);
}

static void on_reader_opened(void *data, int status, const struct snapshot_head *head,
                             uint64_t size)
{
    struct member *self = data;
    self->reader_status = status;
    assert_true((status == 0) == (head != NULL && size > 0));
}

static void on_chunk(void *data, int status, uint32_t type, struct slice bytes)
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

static void on_bytes(void *data, int status, uint64_t offset, struct slice bytes)
{
    struct member *self = data;
    self->reader_status = status;
    assert_int_equal(offset, self->raw.len);
    buf_add_slice(&self->raw, bytes);
    if (status == 0 && bytes.len == 1000) {
        storage_reader_read(self->reader, self->raw.len, 1000);
    }
}

static void on_reader_closed(void *data)
{
    ((struct member *)data)->reader_closed = true;
}

static const struct storage_reader_events reading = {on_reader_opened, on_chunk, on_bytes,
                                                     on_reader_closed};

static void open_reader(index_t index)
{
    m.reader_status = 1;
    m.read = 0;
    m.read_all = false;
    m.reader_closed = false;
    m.reader = storage_open_snapshot(m.storage, index, &reading, &m);
    flat_settle(&m.disk);
}

static void close_reader(void)
{
    storage_reader_close(m.reader);
    assert_false(m.reader_closed);
    flat_settle(&m.disk);
    assert_true(m.reader_closed);
}

/* The bytes of a snapshot of this shape, as another member has them. */
static void make_file(struct buf *out, uint64_t cluster, index_t index, uint32_t chunks)
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

static void test_what_was_written_is_read_back(void **state)
{
    (void)state;
    boot_fresh();
    write_snapshot(10, 20);
    assert_null(flat_find(&m.disk, WRITING));
    open_reader(10);
    assert_int_equal(m.reader_status, 0);
    storage_reader_next(m.reader);
    flat_settle(&m.disk);
    assert_true(m.read_all);
    assert_int_equal(m.read, 20);
    close_reader();
    stop_cleanly();
}

static void test_reads_may_be_short(void **state)
{
    (void)state;
    boot_fresh();
    m.disk.read_max = 700;
    write_snapshot(10, 20);
    open_reader(10);
    storage_reader_next(m.reader);
    flat_settle(&m.disk);
    assert_true(m.read_all);
    close_reader();
    taken(10, 0);
    stop_cleanly();
    boot_again();
    assert_int_equal(m.snapshot, 10);
    stop_cleanly();
}

static void test_a_boot_begins_with_the_newest(void **state)
{
    (void)state;
    boot_fresh();
    write_snapshot(4, 1);
    taken(4, 0);
    write_snapshot(10, 3);
    taken(10, 3);
    stop_cleanly();
    boot_again();
    assert_int_equal(m.status, 0);
    assert_int_equal(m.snapshot, 10);
    assert_int_equal(m.snapshot_term, 1);
    assert_int_equal(m.voters, 3);
    assert_int_equal(m.last, 12);
    open_reader(0);
    assert_int_equal(m.reader_status, 0);
    storage_reader_next(m.reader);
    flat_settle(&m.disk);
    assert_int_equal(m.read, 3);
    close_reader();
    stop_cleanly();
}

static void test_persists_go_on_while_a_snapshot_is_written(void **state)
{
    (void)state;
    boot_fresh();
    uint64_t syncs = storage_syncs(m.storage);
    write_begin(10, 30);
    for (index_t i = 13; m.sink_status == 1; i++) {
        persist(i, 1);
        flat_step(&m.disk);
        flat_step(&m.disk);
        flat_step(&m.disk);
        assert_true(i < 200);
    }
    assert_int_equal(m.sink_status, 0);
    assert_true(storage_syncs(m.storage) > syncs + 5);
    stop_cleanly();
}

static void test_old_snapshots_go_oldest_first(void **state)
{
    (void)state;
    boot_fresh();
    for (index_t i = 2; i <= 10; i += 2) {
        write_snapshot(i, 1);
        taken(i, i - 1);
    }
    flat_settle(&m.disk);
    assert_null(flat_find(&m.disk, "data/snap/0000000000000002.snap"));
    assert_null(flat_find(&m.disk, "data/snap/0000000000000006.snap"));
    assert_non_null(flat_find(&m.disk, "data/snap/0000000000000008.snap"));
    assert_non_null(flat_find(&m.disk, "data/snap/000000000000000a.snap"));
    stop_cleanly();
}

static void test_an_open_snapshot_stays_until_it_is_closed(void **state)
{
    (void)state;
    boot_fresh();
    write_snapshot(2, 4);
    taken(2, 0);
    open_reader(2);
    for (index_t i = 4; i <= 8; i += 2) {
        write_snapshot(i, 1);
        taken(i, 0);
    }
    assert_non_null(flat_find(&m.disk, "data/snap/0000000000000002.snap"));
    assert_null(flat_find(&m.disk, "data/snap/0000000000000004.snap"));
    storage_reader_next(m.reader);
    flat_settle(&m.disk);
    assert_true(m.read_all);
    close_reader();
    flat_settle(&m.disk);
    assert_null(flat_find(&m.disk, "data/snap/0000000000000002.snap"));
    stop_cleanly();
}

static void test_an_aborted_snapshot_leaves_nothing(void **state)
{
    (void)state;
    for (int steps = 0; steps < 12; steps++) {
        flat_fini(&m.disk);
        flat_init(&m.disk, 1);
        boot_fresh();
        write_begin(10, 3);
        for (int i = 0; i < steps && m.sink_status == 1; i++) {
            flat_step(&m.disk);
        }
        if (m.sink_status == 1) {
            storage_sink_abort(m.sink);
            flat_settle(&m.disk);
            assert_int_equal(m.sink_status, ERR_CANCELED);
        }
        assert_null(flat_find(&m.disk, WRITING));
        write_snapshot(10, 2);
        stop_cleanly();
    }
}

static void test_received_bytes_become_a_snapshot(void **state)
{
    (void)state;
    struct buf file;
    const size_t pieces[] = {1, 17, 600, 4096, 1000000};
    for (size_t i = 0; i < 5; i++) {
        flat_fini(&m.disk);
        flat_init(&m.disk, 1);
        boot_fresh();
        buf_init(&file, m.disk.env.mem);
        make_file(&file, 7, 50, i == 0 ? 2 : 20);
        receive(buf_slice(&file), pieces[i]);
        assert_int_equal(m.sink_status, 0);
        assert_int_equal(storage_sink_head(m.sink)->index, 50);
        buf_fini(&file);
        open_reader(50);
        assert_int_equal(m.reader_status, 0);
        buf_init(&m.raw, m.disk.env.mem);
        storage_reader_read(m.reader, 0, 1000);
        flat_settle(&m.disk);
        assert_int_equal(m.reader_status, 0);
        assert_true(
            slice_eq(buf_slice(&m.raw),
                     buf_slice(&flat_find(&m.disk, "data/snap/0000000000000032.snap")->now)));
        buf_fini(&m.raw);
        close_reader();
        stop_cleanly();
    }
}

static void test_damaged_bytes_are_refused_while_they_come(void **state)
{
    (void)state;
    struct buf file;
    boot_fresh();
    buf_init(&file, m.disk.env.mem);
    make_file(&file, 7, 50, 5);
    for (size_t at = 0; at < file.len; at += 61) {
        file.ptr[at] ^= 4;
        receive(buf_slice(&file), 500);
        assert_true(m.sink_status == ERR_CORRUPT || m.sink_status == ERR_FORMAT ||
                    m.sink_status == ERR_FOREIGN);
        assert_true(m.sink_words[0] != '\0');
        assert_null(flat_find(&m.disk, RECEIVING));
        file.ptr[at] ^= 4;
    }
    for (size_t len = 1; len < file.len; len += 97) {
        receive(slice_of(file.ptr, len), 5000);
        assert_int_equal(m.sink_status, ERR_CORRUPT);
    }
    receive(slice_of(file.ptr, file.len - 1), 5000);
    assert_string_equal(
        m.sink_words,
        "the snapshot that came is bad at offset 8481: the file ends before the snapshot does");
    buf_add_u8(&file, 0);
    receive(buf_slice(&file), 5000);
    assert_int_equal(m.sink_status, ERR_CORRUPT);
    assert_string_equal(m.sink_words,
                        "the snapshot that came is bad at offset 8482: bytes behind the end");
    buf_clear(&file);
    make_file(&file, 6, 50, 1);
    receive(buf_slice(&file), 5000);
    assert_int_equal(m.sink_status, ERR_FOREIGN);
    assert_string_equal(m.sink_words,
                        "the snapshot that came belongs to cluster 6, this member to 7");
    buf_fini(&file);
    stop_cleanly();
}

/* Restarts the log behind a received snapshot, as raft asks for it. */
static void install(index_t index)
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

static void receive_50(void)
{
    struct buf file;
    buf_init(&file, m.disk.env.mem);
    make_file(&file, 7, 50, 5);
    receive(buf_slice(&file), 3000);
    assert_int_equal(m.sink_status, 0);
    buf_fini(&file);
}

static void test_an_installed_snapshot_is_where_the_next_boot_begins(void **state)
{
    (void)state;
    boot_fresh();
    write_snapshot(10, 1);
    taken(10, 0);
    receive_50();
    install(50);
    persist(51, 2);
    flat_settle(&m.disk);
    stop_cleanly();
    boot_again();
    assert_int_equal(m.status, 0);
    assert_int_equal(m.snapshot, 50);
    assert_int_equal(m.first, 51);
    assert_int_equal(m.last, 52);
    stop_cleanly();
}

static void test_a_snapshot_that_was_not_installed_is_removed(void **state)
{
    (void)state;
    boot_fresh();
    write_snapshot(10, 1);
    taken(10, 0);
    receive_50();
    stop_cleanly();
    boot_again();
    assert_int_equal(m.snapshot, 10);
    assert_null(flat_find(&m.disk, "data/snap/0000000000000032.snap"));
    stop_cleanly();
}

static void test_a_damaged_snapshot_is_passed_over_while_the_log_covers(void **state)
{
    (void)state;
    boot_fresh();
    write_snapshot(4, 2);
    taken(4, 0);
    write_snapshot(10, 3);
    taken(10, 4);
    stop_cleanly();
    struct flat_file *file = flat_find(&m.disk, "data/snap/000000000000000a.snap");
    file->now.ptr[1000] ^= 1;
    boot_again();
    assert_int_equal(m.status, 0);
    assert_int_equal(m.snapshot, 4);
    assert_int_equal(m.last, 12);
    stop_cleanly();
    flat_find(&m.disk, "data/snap/0000000000000004.snap")->now.len -= 3;
    boot_again();
    assert_int_equal(m.status, 0); /* the log has it all */
    assert_int_equal(m.snapshot, 0);
    assert_int_equal(m.first, 1);
    stop_cleanly();
}

static void test_without_a_sound_snapshot_the_boot_is_refused_with_words(void **state)
{
    (void)state;
    boot_fresh();
    receive_50();
    install(50);
    stop_cleanly();
    struct flat_file *file = flat_find(&m.disk, "data/snap/0000000000000032.snap");
    file->now.ptr[620] ^= 1;
    boot_again();
    assert_int_equal(m.status, ERR_CORRUPT);
    assert_string_equal(storage_words(m.storage),
                        "data/snap/0000000000000032.snap at offset 616: a damaged chunk");
    stop_cleanly();
    file->now.ptr[620] ^= 1;
    boot_again();
    assert_int_equal(m.status, 0);
    stop_cleanly();
    file->now.ptr[20] ^= 1;
    boot_again();
    assert_string_equal(storage_words(m.storage),
                        "data/snap/0000000000000032.snap at offset 0: the header's checksum is "
                        "wrong");
    stop_cleanly();
    file->name[0] = '\0';
    boot_again();
    assert_int_equal(m.status, ERR_CORRUPT);
    assert_string_equal(storage_words(m.storage),
                        "the log in data/wal begins behind entry 50, and data/snap holds no "
                        "snapshot of that or a later one; restore the member from the others "
                        "(member remove, member add)");
    stop_cleanly();
}

static void put_snapshot(const char *name, uint64_t cluster, index_t index, uint32_t version)
{
    struct mem_pool *pool = mem_pool_new(UINT64_MAX, -1);
    struct buf file;
    buf_init(&file, mem_pool_mem(pool));
    make_file(&file, cluster, index, 1);
    if (version != SNAP_VERSION) {
        store_u32(file.ptr + 8, version);
        store_u32(file.ptr + 60, crc32c(0, file.ptr, 60));
    }
    flat_put(&m.disk, name, buf_slice(&file));
    mem_pool_free(pool);
}

static void check_reader_words(index_t index, int status, const char *words)
{
    open_reader(index);
    assert_int_equal(m.reader_status, status);
    assert_string_equal(storage_reader_words(m.reader), words);
    close_reader();
}

static void test_readers_say_what_is_wrong(void **state)
{
    (void)state;
    boot_fresh();
    check_reader_words(3, ERR_NOT_FOUND, "cannot open data/snap/0000000000000003.snap: not found");
    put_snapshot("data/snap/0000000000000003.snap", 6, 3, 1);
    check_reader_words(3, ERR_FOREIGN,
                       "data/snap/0000000000000003.snap belongs to cluster 6, this member to 7");
    put_snapshot("data/snap/0000000000000003.snap", 7, 4, 1);
    check_reader_words(
        3, ERR_CORRUPT,
        "data/snap/0000000000000003.snap is the snapshot of index 4, not of that in its name");
    put_snapshot("data/snap/0000000000000003.snap", 7, 3, 2);
    check_reader_words(3, ERR_FORMAT,
                       "data/snap/0000000000000003.snap at offset 8: the snapshot was written by a "
                       "newer version");
    flat_put(&m.disk, "data/snap/0000000000000003.snap", slice_str("short"));
    check_reader_words(3, ERR_CORRUPT,
                       "data/snap/0000000000000003.snap at offset 5: the file ends before the "
                       "snapshot does");
    stop_cleanly();
}

static void test_what_does_not_belong_there_is_refused(void **state)
{
    (void)state;
    boot_fresh();
    stop_cleanly();
    flat_put(&m.disk, "data/snap/notes.txt", slice_str("x"));
    boot_again();
    assert_int_equal(m.status, ERR_FORMAT);
    assert_string_equal(storage_words(m.storage),
                        "data/snap holds notes.txt, which this version does not know");
    stop_cleanly();
    flat_find(&m.disk, "data/snap/notes.txt")->name[0] = '\0';
    put_snapshot("data/snap/0000000000000003.snap", 7, 3, 1);
    flat_find(&m.disk, LOG_PATH)->name[0] = '\0';
    boot_again();
    assert_int_equal(m.status, ERR_CORRUPT);
    assert_string_equal(storage_words(m.storage),
                        "data/snap holds snapshots, but data/wal holds no log; restore the member "
                        "from the others (member remove, member add)");
    stop_cleanly();
}

static void test_half_snapshots_are_dropped_at_the_next_start(void **state)
{
    (void)state;
    boot_fresh();
    stop_cleanly();
    flat_put(&m.disk, WRITING, slice_str("half"));
    flat_put(&m.disk, RECEIVING, slice_str("half"));
    boot_again();
    assert_int_equal(m.status, 0);
    assert_int_equal(m.snapshot, 0);
    assert_null(flat_find(&m.disk, WRITING));
    assert_null(flat_find(&m.disk, RECEIVING));
    stop_cleanly();
}

/* A short life with snapshots: one taken, one taken, one purged, one received and installed. False:
 * it was cut short, at operation `at`. */
struct progress {
    index_t acked;    /* last entry that was vouched for */
    index_t snapshot; /* what the log was told about */
};

static bool run_until(uint64_t at)
{
    while (m.disk.waiting > 0) {
        if (m.disk.performed == at) {
            return false;
        }
        flat_step(&m.disk);
    }
    return true;
}

static bool write_until(struct progress *progress, index_t index, uint64_t at)
{
    write_begin(index, 3);
    if (!run_until(at) || m.sink_status != 0) {
        return false;
    }
    storage_snapshot_taken(m.storage, index, 1, index - 2);
    storage_flush(m.storage);
    bool ended = run_until(at) && m.failed == 0;
    progress->snapshot = ended ? index : progress->snapshot;
    return ended;
}

static bool live(struct progress *progress, uint64_t at)
{
    const struct storage_meta meta = {7, 8};
    start();
    if (!run_until(at) || m.status != ERR_NOT_FOUND) {
        return false;
    }
    storage_create(m.storage, &meta);
    if (!run_until(at) || m.status != 0) {
        return false;
    }
    persist(1, 12);
    if (!run_until(at) || m.failed != 0) {
        return false;
    }
    progress->acked = 12;
    if (!write_until(progress, 4, at) || !write_until(progress, 7, at) ||
        !write_until(progress, 10, at)) {
        return false;
    }
    struct mem_pool *pool = mem_pool_new(UINT64_MAX, -1);
    struct buf file;
    buf_init(&file, mem_pool_mem(pool));
    make_file(&file, 7, 50, 5);
    m.file = buf_slice(&file);
    m.piece = 3000;
    m.sink_status = 1;
    m.sink = storage_receive_snapshot(m.storage, &receiving, &m);
    bool ended = run_until(at) && m.sink_status == 0;
    mem_pool_free(pool);
    if (!ended) {
        return false;
    }
    struct raft_conf conf = head_of_10.conf;
    const struct raft_persist p = {.token = ++m.token,
                                   .sync = true,
                                   .hard = {1, 3, 50},
                                   .snapshot_index = 50,
                                   .snapshot_term = 1,
                                   .snapshot_conf = &conf,
                                   .last_index = 50,
                                   .last_term = 1};
    storage_persist(m.storage, &p);
    storage_flush(m.storage);
    if (!run_until(at) || m.failed != 0) {
        return false;
    }
    *progress = (struct progress){50, 50};
    return true;
}

static void check_survival(const struct progress *progress)
{
    if (m.status == ERR_NOT_FOUND) {
        assert_int_equal(progress->acked, 0);
        return;
    }
    assert_int_equal(m.status, 0);
    assert_true(m.last >= progress->acked);
    assert_true(m.snapshot >= progress->snapshot);
}

static void test_a_crash_at_any_operation_leaves_a_whole_snapshot(void **state)
{
    (void)state;
    for (int variant = 0; variant < 12; variant++) {
        enum flat_loss loss = variant < 2 ? FLAT_KEEP : variant < 4 ? FLAT_DROP : FLAT_TEAR;
        bool whole = false;
        for (uint64_t at = 0; !whole; at++) {
            struct progress progress = {0};
            flat_fini(&m.disk);
            flat_init(&m.disk, (uint64_t)variant * 1000 + at);
            whole = live(&progress, at);
            assert_true(whole || at < 200);
            flat_power_off(&m.disk, loss, variant % 2 == 0);
            boot_again();
            check_survival(&progress);
            if (m.status == 0) {
                flat_settle(&m.disk);
                flat_power_off(&m.disk, loss, false);
                boot_again();
                check_survival(&progress);
            }
        }
    }
}

static void test_a_failure_of_any_operation_loses_nothing(void **state)
{
    (void)state;
    bool failed = true;
    for (uint64_t at = 1; failed; at++) {
        struct progress progress = {0};
        flat_fini(&m.disk);
        flat_init(&m.disk, at);
        m.disk.fail_at = at;
        m.disk.fail_err = ERR_IO;
        (void)live(&progress, UINT64_MAX);
        failed = m.disk.failed;
        flat_settle(&m.disk);
        stop_cleanly();
        flat_power_off(&m.disk, FLAT_DROP, false);
        boot_again();
        check_survival(&progress);
        stop_cleanly();
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        unit(test_what_was_written_is_read_back),
        unit(test_reads_may_be_short),
        unit(test_a_boot_begins_with_the_newest),
        unit(test_persists_go_on_while_a_snapshot_is_written),
        unit(test_old_snapshots_go_oldest_first),
        unit(test_an_open_snapshot_stays_until_it_is_closed),
        unit(test_an_aborted_snapshot_leaves_nothing),
        unit(test_received_bytes_become_a_snapshot),
        unit(test_damaged_bytes_are_refused_while_they_come),
        unit(test_an_installed_snapshot_is_where_the_next_boot_begins),
        unit(test_a_snapshot_that_was_not_installed_is_removed),
        unit(test_a_damaged_snapshot_is_passed_over_while_the_log_covers),
        unit(test_without_a_sound_snapshot_the_boot_is_refused_with_words),
        unit(test_readers_say_what_is_wrong),
        unit(test_what_does_not_belong_there_is_refused),
        unit(test_half_snapshots_are_dropped_at_the_next_start),
        unit(test_a_crash_at_any_operation_leaves_a_whole_snapshot),
        unit(test_a_failure_of_any_operation_loses_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
