/* The log in many small segments: rolling, purging, reuse, holes and strangers, every crash and
 * every failure of a life that does all of it, and the log of version 1. */
#include <stdio.h>

#include "base/fmt.h"
#include "base/hash.h"
#include "flat_disk.h"
#include "format.h"
#include "storage/storage.h"
#include "testing.h"

#define SEGMENT_BYTES 1024
#define SPARE         "data/wal/spare.tmp"
#define V1            "data/wal/0000000000000001.wal"

struct member {
    struct flat_disk disk;
    struct storage *storage;
    int status;
    uint64_t boot;
    uint32_t instance;
    struct raft_hard_state hard;
    index_t snapshot;
    index_t first;
    index_t last;
    term_t terms[512];
    index_t recover_to;
    bool refuses; /* to go on without what has rotted */
    char words[400];
    /* This life. */
    uint64_t token;
    uint64_t persisted;
    term_t term;
    bool closed;
    int failed;
    uint64_t space; /* as told last */
    int space_calls;
    struct storage_sink *sink;
    int sink_status;
    bool sink_given;
};

static struct member m;

static void on_opened(void *data, int status, const struct storage_boot *boot)
{
    struct member *self = data;
    self->status = status;
    fmt(self->words, sizeof(self->words), "%s", storage_words(self->storage));
    if (status != 0) {
        return;
    }
    self->boot = boot->boot;
    self->instance = boot->instance;
    self->hard = boot->hard;
    self->snapshot = boot->snapshot_index;
    self->first = boot->entry_count > 0 ? boot->entries[0].index : boot->snapshot_index + 1;
    self->last = self->first + boot->entry_count - 1;
    self->recover_to = boot->recover_to;
    if (!self->refuses) {
        storage_repair(self->storage);
    }
    assert_true(self->first <= self->snapshot + 1 && self->last < 512);
    for (size_t i = 0; i < boot->entry_count; i++) {
        assert_int_equal(boot->entries[i].index, self->first + i);
        self->terms[self->first + i] = boot->entries[i].term;
        assert_true(boot->entries[i].payload.len == 100 || boot->entries[i].payload.len < 100);
    }
}

static void on_persisted(void *data, uint64_t token, index_t index, term_t term)
{
    (void)index;
    (void)term;
    ((struct member *)data)->persisted = token;
}

static void on_failed(void *data, int err)
{
    ((struct member *)data)->failed = err;
}

static void on_closed(void *data)
{
    ((struct member *)data)->closed = true;
}

static void on_space(void *data, uint64_t free_bytes)
{
    struct member *self = data;
    self->space = free_bytes;
    self->space_calls++;
}

static const struct storage_events events = {.opened = on_opened,
                                             .persisted = on_persisted,
                                             .failed = on_failed,
                                             .space = on_space,
                                             .closed = on_closed};

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

static void again(uint64_t seed)
{
    flat_fini(&m.disk);
    m = (struct member){.status = 1};
    flat_init(&m.disk, seed);
}

static void start(void)
{
    const struct storage_options options = {.segment_bytes = SEGMENT_BYTES};
    flat_boot(&m.disk);
    m.storage = storage_new(&m.disk.env, "data", &options, &events, &m);
    m.token = 0;
    m.persisted = 0;
    m.status = 1;
    m.failed = 0;
    storage_open(m.storage);
}

static void boot_again(void)
{
    start();
    flat_settle(&m.disk);
}

static void boot_fresh(void)
{
    const struct storage_meta meta = {7, 8};
    boot_again();
    assert_int_equal(m.status, ERR_NOT_FOUND);
    storage_create(m.storage, &meta);
    flat_settle(&m.disk);
    assert_int_equal(m.status, 0);
    m.term = 1;
    m.last = 0;
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

/* One entry of 100 bytes, behind the last or in the place of another. */
static void ask(index_t index)
{
    uint8_t payload[100];
    memset(payload, (int)index, sizeof(payload));
    const struct raft_entry entry = {m.term, index, slice_of(payload, sizeof(payload)), 0};
    const struct raft_persist p = {.token = ++m.token,
                                   .sync = true,
                                   .hard = {m.term, 3, index > 4 ? index - 4 : 0},
                                   .truncate_from = index <= m.last ? index : 0,
                                   .entries = &entry,
                                   .entry_count = 1,
                                   .last_index = index,
                                   .last_term = m.term};
    storage_persist(m.storage, &p);
    storage_flush(m.storage);
    m.last = index;
    m.terms[index] = m.term;
}

static void append(index_t count)
{
    for (index_t i = 0; i < count; i++) {
        ask(m.last + 1);
        flat_settle(&m.disk);
        assert_int_equal(m.persisted, m.token);
    }
}

static void on_more(void *data)
{
    struct member *self = data;
    if (self->sink_given) {
        storage_sink_finish(self->sink);
        return;
    }
    self->sink_given = true;
    storage_sink_chunk(self->sink, 1, slice_str("state"));
}

static void on_done(void *data, int status)
{
    ((struct member *)data)->sink_status = status;
}

static void begin_snapshot(index_t index)
{
    static const struct storage_sink_events sink_events = {on_more, on_done};
    const struct snapshot_head head = {
        .index = index, .term = m.terms[index], .conf = {.voter_count = 1, .voters = {8}}};
    m.sink_status = 1;
    m.sink_given = false;
    m.sink = storage_write_snapshot(m.storage, &head, &sink_events, &m);
}

static void snapshot(index_t index, index_t compact_to)
{
    begin_snapshot(index);
    flat_settle(&m.disk);
    assert_int_equal(m.sink_status, 0);
    storage_snapshot_taken(m.storage, index, m.terms[index], compact_to);
    storage_flush(m.storage);
    flat_settle(&m.disk);
}

/* The segments that are there, in order. */
static size_t list_segments(struct flat_file **found, size_t max)
{
    size_t count = 0;
    for (uint64_t sequence = 1; sequence < 200 && count < max; sequence++) {
        char start_of_name[40];
        size_t len = fmt(start_of_name, sizeof(start_of_name), "data/wal/%016llx-",
                         (unsigned long long)sequence);
        for (int i = 0; i < FLAT_FILES; i++) {
            if (strncmp(m.disk.files[i].name, start_of_name, len) == 0) {
                found[count++] = &m.disk.files[i];
            }
        }
    }
    return count;
}

static void test_a_full_segment_is_followed_by_another(void **state)
{
    (void)state;
    struct flat_file *found[FLAT_FILES];
    boot_fresh();
    append(40);
    size_t count = list_segments(found, FLAT_FILES);
    assert_true(count >= 4);
    assert_string_equal(found[0]->name, "data/wal/0000000000000001-0000000000000001.wal");
    for (size_t i = 0; i < count; i++) {
        struct wal_header header;
        struct wal_tail tail;
        const char *what;
        uint64_t where;
        int err = wal_read_header(buf_slice(&found[i]->now), &header, &tail, &what, &where);
        assert_int_equal(err, 0);
        assert_int_equal(header.sequence, i + 1);
        assert_int_equal(header.instance, m.instance);
        assert_true((i == 0) == (header.before_end == 0));
        assert_true(header.before_end == 0 || header.before_end >= SEGMENT_BYTES);
    }
    uint64_t boot = m.boot;
    stop_cleanly();
    boot_again();
    assert_int_equal(m.status, 0);
    assert_int_equal(m.last, 40);
    assert_int_equal(m.first, 1);
    assert_int_equal(m.boot, boot + 1);
    assert_int_equal(m.hard.commit, 36);
    append(20);
    stop_cleanly();
    boot_again();
    assert_int_equal(m.last, 60);
    stop_cleanly();
}

static void test_old_segments_go_oldest_first_and_become_the_next(void **state)
{
    (void)state;
    struct flat_file *found[FLAT_FILES];
    boot_fresh();
    append(40);
    struct flat_file *oldest = flat_find(&m.disk, "data/wal/0000000000000001-0000000000000001.wal");
    size_t before = list_segments(found, FLAT_FILES);
    snapshot(36, 20);
    flat_settle(&m.disk);
    size_t after = list_segments(found, FLAT_FILES);
    assert_true(after < before && after >= 2);
    assert_true(oldest->name[0] == '\0' || strstr(oldest->name, "0001.wal") == NULL);
    /* The sequence has no hole, and the oldest is the one with entry 21. */
    uint64_t removes = m.disk.counts[FLAT_REMOVE];
    for (index_t i = 0; i < 5; i++) {
        append(20);
        snapshot(m.last - 4, m.last - 15);
    }
    assert_true(list_segments(found, FLAT_FILES) <= 5);
    assert_true(m.disk.counts[FLAT_REMOVE] > removes);
    stop_cleanly();
    boot_again();
    assert_int_equal(m.status, 0);
    assert_int_equal(m.last, 140);
    assert_int_equal(m.snapshot, 136);
    assert_true(m.first <= 126 && m.first > 100);
    stop_cleanly();
}

static void test_a_hole_is_refused_and_named(void **state)
{
    (void)state;
    struct flat_file *found[FLAT_FILES];
    boot_fresh();
    append(40);
    stop_cleanly();
    assert_true(list_segments(found, FLAT_FILES) >= 4);
    char name[128];
    char words[400];
    memcpy(name, found[2]->name, sizeof(name));
    found[2]->name[0] = '\0';
    boot_again();
    assert_int_equal(m.status, ERR_CORRUPT);
    fmt(words, sizeof(words),
        "segment 0000000000000003 of the log is missing: %s is there, and %s; put it back, or "
        "restore the member from the others (member remove, member add)",
        found[1]->name, found[3]->name);
    assert_string_equal(m.words, words);
    stop_cleanly();
    memcpy(found[2]->name, name, sizeof(name));
    /* The first is missing, and no snapshot says that it may. */
    memcpy(name, found[0]->name, sizeof(name));
    found[0]->name[0] = '\0';
    boot_again();
    assert_int_equal(m.status, ERR_CORRUPT);
    assert_non_null(strstr(m.words, "the log in data/wal begins behind entry "));
    stop_cleanly();
    memcpy(found[0]->name, name, sizeof(name));
    boot_again();
    assert_int_equal(m.status, 0);
    assert_int_equal(m.last, 40);
    stop_cleanly();
}

/* Boots, expects to be refused with these words behind the name of the segment. */
static void check_refused(const struct flat_file *file, int status, const char *what)
{
    char words[400];
    boot_again();
    assert_int_equal(m.status, status);
    fmt(words, sizeof(words), "%s at offset %s", file->name, what);
    assert_string_equal(m.words, words);
    stop_cleanly();
}

#define RESTORE "; restore the member from the others (member remove, member add)"

static void test_what_contradicts_the_rest_is_refused_with_words(void **state)
{
    (void)state;
    struct flat_file *found[FLAT_FILES];
    boot_fresh();
    append(40);
    stop_cleanly();
    assert_true(list_segments(found, FLAT_FILES) >= 4);
    uint8_t *p = found[2]->now.ptr;
    p[0] ^= 1;
    check_refused(found[2], ERR_FORMAT, "0: this is not a log of Quorate");
    p[0] ^= 1;
    p[50] ^= 1;
    check_refused(found[2], ERR_CORRUPT, "0: the header's checksum is wrong" RESTORE);
    p[50] ^= 1;
    p[100] ^= 1;
    check_refused(found[2], ERR_CORRUPT, "64: the header's checksum is wrong" RESTORE);
    p[100] ^= 1;
    p[8] = 9;
    store_u32(p + 60, crc32c(0, p, 60));
    check_refused(found[2], ERR_FORMAT, "8: the log was written by a newer version");
    p[8] = WAL_VERSION;
    p[16] ^= 1; /* another cluster's */
    store_u32(p + 60, crc32c(0, p, 60));
    store_u32(p + 188, crc32c(0, p, 188));
    check_refused(found[2], ERR_FOREIGN,
                  "16: it belongs to the log of another member; put it back where it came from");
    p[16] ^= 1;
    store_u32(p + 60, crc32c(0, p, 60));
    store_u32(p + 188, crc32c(0, p, 188));
    boot_again();
    assert_int_equal(m.status, 0);
    stop_cleanly();
    char name[128];
    memcpy(name, found[3]->name, sizeof(name));
    fmt(found[3]->name, sizeof(name), "data/wal/0000000000000004-0000000000000001.wal");
    check_refused(found[3], ERR_CORRUPT,
                  "40: the header is that of a segment with another name" RESTORE);
    memcpy(found[3]->name, name, sizeof(name));
}

/* Rot in a head hides where the next record is. In any segment but the last it is never a torn
 * tail, not even at its end. */
static void test_rot_in_an_old_segment_is_named(void **state)
{
    (void)state;
    struct flat_file *found[FLAT_FILES];
    struct wal_header header;
    struct wal_tail tail;
    const char *what;
    uint64_t where;
    char words[256];
    boot_fresh();
    append(40);
    stop_cleanly();
    assert_true(list_segments(found, FLAT_FILES) >= 4);
    struct slice third = buf_slice(&found[2]->now);
    assert_int_equal(wal_read_header(third, &header, &tail, &what, &where), 0);
    uint64_t last = header.before_end - WAL_RECORD_BYTES - 120;
    found[1]->now.ptr[last + 16] ^= 1;
    fmt(words, sizeof(words), "%llu: a bad record, though the next segment follows sound ones%s",
        (unsigned long long)(last - 48), RESTORE);
    check_refused(found[1], ERR_CORRUPT, words);
}

static void test_a_segment_torn_before_it_had_its_name_is_not_missed(void **state)
{
    (void)state;
    boot_fresh();
    append(40);
    stop_cleanly();
    flat_put(&m.disk, SPARE, slice_str("whatever was there before"));
    boot_again();
    assert_int_equal(m.status, 0);
    append(40);
    stop_cleanly();
    boot_again();
    assert_int_equal(m.last, 80);
    stop_cleanly();
}

/* A life that rolls, overwrites, takes snapshots and purges. */
struct ledger {
    index_t last; /* vouched for, and not replaced since */
    term_t terms[512];
    uint64_t boot;
    index_t snapshot;
};

static bool run_until(uint64_t at)
{
    while (m.disk.waiting > 0) {
        if (m.disk.performed == at) {
            return false;
        }
        flat_step(&m.disk);
    }
    return m.failed == 0;
}

static bool put_until(struct ledger *ledger, index_t index, uint64_t at)
{
    if (ledger->last >= index) {
        ledger->last = index - 1;
    }
    ask(index);
    if (!run_until(at)) {
        return false;
    }
    assert_int_equal(m.persisted, m.token);
    for (index_t i = ledger->last + 1; i <= index; i++) {
        ledger->terms[i] = m.terms[i];
    }
    ledger->last = index;
    return true;
}

static bool grow_until(struct ledger *ledger, uint64_t at)
{
    for (int i = 0; i < 12; i++) {
        if (!put_until(ledger, m.last + 1, at)) {
            return false;
        }
    }
    m.term++;
    if (!put_until(ledger, m.last - 2, at)) {
        return false;
    }
    index_t index = m.last - 5;
    begin_snapshot(index);
    ask(m.last + 1); /* while the snapshot is written */
    if (!run_until(at) || m.sink_status != 0) {
        return false;
    }
    ledger->last = m.last;
    ledger->terms[m.last] = m.term;
    storage_snapshot_taken(m.storage, index, m.terms[index], index - 3);
    storage_flush(m.storage);
    if (!run_until(at)) {
        return false;
    }
    ledger->snapshot = index;
    return true;
}

static bool live(struct ledger *ledger, uint64_t at)
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
    m.term = 1;
    m.last = 0;
    ledger->boot = 1;
    for (int i = 0; i < 2; i++) {
        if (!grow_until(ledger, at)) {
            return false;
        }
    }
    flat_kill(&m.disk);
    start();
    if (!run_until(at) || m.status != 0) {
        return false;
    }
    ledger->boot = m.boot;
    m.term++;
    return grow_until(ledger, at) && grow_until(ledger, at);
}

static void check_survival(const struct ledger *ledger)
{
    if (m.status == ERR_NOT_FOUND) {
        assert_int_equal(ledger->boot, 0);
        return;
    }
    assert_string_equal(m.words, "");
    assert_int_equal(m.status, 0);
    assert_int_equal(m.recover_to, 0);
    assert_true(m.boot > ledger->boot);
    assert_true(m.last >= ledger->last);
    assert_true(m.snapshot >= ledger->snapshot);
    for (index_t i = m.first; i <= ledger->last; i++) {
        assert_int_equal(m.terms[i], ledger->terms[i]);
    }
}

static void test_no_acknowledged_entry_is_lost_by_a_crash_at_any_operation(void **state)
{
    (void)state;
    uint64_t crashes = 0;
    for (int variant = 0; variant < 10; variant++) {
        enum flat_loss loss = variant < 2 ? FLAT_KEEP : variant < 4 ? FLAT_DROP : FLAT_TEAR;
        bool whole = false;
        for (uint64_t at = 0; !whole; at++) {
            struct ledger ledger = {0};
            again((uint64_t)variant * 100000 + at);
            whole = live(&ledger, at);
            flat_power_off(&m.disk, loss, variant % 2 == 0);
            boot_again();
            check_survival(&ledger);
            if (m.status == 0) {
                /* And it goes on, rolls, and survives once more. */
                ledger.boot = m.boot;
                m.term = m.hard.term + 1;
                for (int i = 0; i < 9; i++) {
                    assert_true(put_until(&ledger, m.last + 1, UINT64_MAX));
                }
                flat_power_off(&m.disk, loss, false);
                boot_again();
                check_survival(&ledger);
            }
            crashes++;
        }
    }
    assert_true(crashes > 10 * 250);
}

static void test_a_failure_of_any_operation_stops_or_loses_nothing(void **state)
{
    (void)state;
    const int errors[] = {ERR_IO, ERR_NO_SPACE};
    for (int e = 0; e < 2; e++) {
        bool failed = true;
        for (uint64_t at = 1; failed; at++) {
            struct ledger ledger = {0};
            again(at);
            m.disk.fail_at = at;
            m.disk.fail_err = errors[e];
            (void)live(&ledger, UINT64_MAX);
            failed = m.disk.failed;
            flat_settle(&m.disk);
            uint64_t persisted = m.persisted;
            if (m.failed != 0) {
                /* It is over: nothing is vouched for any more. */
                ask(m.last + 1);
                flat_run(&m.disk);
                assert_int_equal(m.persisted, persisted);
                assert_true(storage_words(m.storage)[0] != '\0');
            }
            stop_cleanly();
            flat_power_off(&m.disk, FLAT_DROP, false);
            boot_again();
            check_survival(&ledger);
            stop_cleanly();
        }
    }
}

static void test_closing_in_the_middle_of_a_roll_keeps_everything(void **state)
{
    (void)state;
    for (int steps = 0; steps < 40; steps++) {
        again(1);
        boot_fresh();
        append(6);
        for (int i = 0; i < steps; i++) {
            if (i % 3 == 0) {
                ask(m.last + 1);
            }
            flat_step(&m.disk);
        }
        index_t last = m.last;
        stop_cleanly();
        flat_power_off(&m.disk, FLAT_DROP, false);
        boot_again();
        assert_int_equal(m.status, 0);
        assert_int_equal(m.last, last);
        stop_cleanly();
    }
}

/* Allocation is a kindness: without it the log goes on, and says that the disk is full. */
static void test_a_full_disk_is_told_before_it_hurts(void **state)
{
    (void)state;
    m.disk.space = 12345;
    boot_fresh();
    append(2);
    assert_int_equal(m.space, 12345);
    assert_int_equal(storage_space(m.storage), 12345);
    m.disk.fail_op = FLAT_ALLOCATE;
    m.disk.fail_err = ERR_NO_SPACE;
    append(40); /* into the next segments */
    assert_int_equal(m.failed, 0);
    assert_int_equal(m.disk.fail_op, -1);
    assert_int_equal(m.space, 12345); /* told again since */
    assert_true(m.space_calls > 3);
    stop_cleanly();
    boot_again();
    assert_int_equal(m.last, 42);
    stop_cleanly();
}

/* Flips a bit in the payload of the entry in a segment that still has it. */
static void rot(index_t index)
{
    struct flat_file *found[FLAT_FILES];
    size_t count = list_segments(found, FLAT_FILES);
    for (size_t i = 0; i < count; i++) {
        struct wal_header header;
        struct wal_tail tail;
        struct wal_record record;
        const char *what;
        uint64_t where;
        struct slice file = buf_slice(&found[i]->now);
        assert_int_equal(wal_read_header(file, &header, &tail, &what, &where), 0);
        while (wal_read_record(file, &tail, &record) != WAL_NONE) {
            if (record.type == WAL_ENTRY && load_u64(record.payload.ptr + 8) == index) {
                size_t at = (size_t)(record.payload.ptr + 30 - file.ptr);
                assert_true(at < found[i]->safe.len);
                found[i]->now.ptr[at] ^= 8;
                found[i]->safe.ptr[at] ^= 8;
                return;
            }
        }
    }
    fail_msg("entry %d is not there", (int)index);
}

static void test_rotten_entries_are_given_up_and_the_boot_says_so(void **state)
{
    (void)state;
    for (index_t index = 1; index <= 36; index++) {
        again(index);
        boot_fresh();
        append(40);
        stop_cleanly();
        rot(index);
        boot_again();
        assert_string_equal(m.words, "");
        assert_int_equal(m.status, 0);
        assert_int_equal(m.recover_to, 40);
        /* Everything that was not committed when it was written may have been replaced by it. */
        index_t kept = index > 5 ? index - 5 : 0;
        assert_true(m.last >= kept && m.last < index);
        assert_int_equal(m.hard.commit, m.last);
        assert_int_equal(m.hard.term, 1);
        assert_int_equal(m.hard.vote, 3);
        /* It is remembered, in the middle of the repair too. */
        uint64_t boot = m.boot;
        m.term = 1;
        append(1); /* and with it the repair */
        flat_power_off(&m.disk, FLAT_DROP, false);
        boot_again();
        assert_int_equal(m.status, 0);
        assert_int_equal(m.boot, boot + 1);
        assert_int_equal(m.recover_to, 40);
        while (m.last < 44) {
            append(1); /* commits four behind */
        }
        stop_cleanly();
        boot_again();
        assert_int_equal(m.status, 0);
        assert_int_equal(m.recover_to, 0);
        assert_int_equal(m.last, 44);
        stop_cleanly();
    }
}

static void test_what_a_snapshot_covers_may_rot(void **state)
{
    (void)state;
    boot_fresh();
    append(40);
    snapshot(30, 0);
    stop_cleanly();
    rot(12);
    rot(20);
    boot_again();
    assert_int_equal(m.status, 0);
    assert_int_equal(m.recover_to, 0);
    assert_int_equal(m.snapshot, 30);
    assert_int_equal(m.first, 21);
    assert_int_equal(m.last, 40);
    stop_cleanly();
    rot(33);
    boot_again();
    assert_int_equal(m.status, 0);
    assert_int_equal(m.recover_to, 40);
    assert_int_equal(m.snapshot, 30);
    assert_true(m.last >= 30 && m.last < 33);
    stop_cleanly();
}

static void test_a_repair_can_be_given_up(void **state)
{
    (void)state;
    boot_fresh();
    append(20);
    stop_cleanly();
    rot(10);
    boot_again();
    assert_int_equal(m.recover_to, 20);
    storage_recovered(m.storage);
    storage_flush(m.storage);
    flat_settle(&m.disk);
    stop_cleanly();
    flat_power_off(&m.disk, FLAT_DROP, false);
    boot_again();
    assert_int_equal(m.status, 0);
    assert_int_equal(m.recover_to, 0);
    stop_cleanly();
}

static void test_who_refuses_a_repair_changes_nothing(void **state)
{
    (void)state;
    boot_fresh();
    append(20);
    stop_cleanly();
    rot(10);
    m.refuses = true;
    boot_again();
    assert_int_equal(m.recover_to, 20);
    stop_cleanly();
    rot(10); /* the byte is put right again */
    boot_again();
    assert_int_equal(m.recover_to, 0);
    assert_int_equal(m.last, 20);
    assert_int_equal(m.hard.commit, 16);
    stop_cleanly();
}

/* The repair itself is cut short, at any operation. */
static void test_a_crash_during_a_repair_forgets_nothing(void **state)
{
    (void)state;
    bool whole = false;
    for (uint64_t at = 0; !whole; at++) {
        for (int loss = FLAT_KEEP; loss <= FLAT_TEAR; loss++) {
            again(at);
            boot_fresh();
            append(20);
            stop_cleanly();
            rot(10);
            uint64_t from = m.disk.performed;
            start();
            whole = run_until(from + at);
            if (whole) {
                storage_flush(m.storage);
                whole = run_until(from + at);
            }
            flat_power_off(&m.disk, (enum flat_loss)loss, at % 2 == 0);
            boot_again();
            assert_string_equal(m.words, "");
            assert_int_equal(m.status, 0);
            assert_int_equal(m.recover_to, 20);
            assert_true(m.last < 10);
            assert_int_equal(m.hard.vote, 3);
        }
    }
}

static void put_file(const char *from, const char *name)
{
    static uint8_t bytes[65536];
    FILE *file = fopen(from, "rb");
    assert_non_null(file);
    size_t size = fread(bytes, 1, sizeof(bytes), file);
    assert_int_equal(fclose(file), 0);
    assert_true(size > 0 && size < sizeof(bytes));
    flat_put(&m.disk, name, slice_of(bytes, size));
}

/* version1.wal was written by the first build: nine writes to eight keys, SIGKILL, one more. */
static void test_the_log_of_version_1_boots_and_is_continued(void **state)
{
    (void)state;
    struct flat_file *found[FLAT_FILES];
    put_file(STORAGE_DATA "/version1.wal", V1);
    boot_again();
    assert_string_equal(m.words, "");
    assert_int_equal(m.status, 0);
    assert_int_equal(m.boot, 3);
    uint32_t instance = m.instance;
    index_t last = m.last;
    assert_true(last >= 12);
    assert_int_equal(m.first, 1);
    m.term = m.hard.term;
    append(30);
    assert_true(list_segments(found, FLAT_FILES) >= 2);
    assert_non_null(strstr(found[0]->name, "0000000000000002-"));
    assert_non_null(flat_find(&m.disk, V1));
    flat_power_off(&m.disk, FLAT_DROP, false);
    boot_again();
    assert_int_equal(m.status, 0);
    assert_int_equal(m.last, last + 30);
    assert_int_equal(m.boot, 4);
    assert_int_equal(m.instance, instance);
    snapshot(last + 20, last + 15);
    append(1);
    assert_null(flat_find(&m.disk, V1)); /* it has had its time */
    stop_cleanly();
    boot_again();
    assert_int_equal(m.status, 0);
    assert_int_equal(m.last, last + 31);
    stop_cleanly();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        unit(test_a_full_segment_is_followed_by_another),
        unit(test_old_segments_go_oldest_first_and_become_the_next),
        unit(test_a_hole_is_refused_and_named),
        unit(test_what_contradicts_the_rest_is_refused_with_words),
        unit(test_rot_in_an_old_segment_is_named),
        unit(test_a_segment_torn_before_it_had_its_name_is_not_missed),
        unit(test_no_acknowledged_entry_is_lost_by_a_crash_at_any_operation),
        unit(test_a_failure_of_any_operation_stops_or_loses_nothing),
        unit(test_closing_in_the_middle_of_a_roll_keeps_everything),
        unit(test_a_full_disk_is_told_before_it_hurts),
        unit(test_rotten_entries_are_given_up_and_the_boot_says_so),
        unit(test_what_a_snapshot_covers_may_rot),
        unit(test_a_repair_can_be_given_up),
        unit(test_who_refuses_a_repair_changes_nothing),
        unit(test_a_crash_during_a_repair_forgets_nothing),
        unit(test_the_log_of_version_1_boots_and_is_continued),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
