/* A log in its smallest world: group commit, failures, and every crash of a short life. */
#include "base/fmt.h"
#include "flat_disk.h"
#include "storage/storage.h"
#include "testing.h"

#define PATH "data/wal/0000000000000001-0000000000000001.wal"

struct member {
    struct flat_disk disk;
    struct storage *storage;
    /* The last boot. */
    int opened; /* times */
    int status;
    uint64_t boot;
    struct raft_hard_state hard;
    index_t last;
    term_t terms[256]; /* of entries 1..last */
    uint64_t payloads[256];
    uint64_t cut_bytes;
    /* This life. */
    uint64_t token;
    uint64_t persisted_token;
    index_t persisted_index;
    int persisted_calls;
    int failed;
    int failed_calls;
    bool closed;
};

static struct member m;

static void on_opened(void *data, int status, const struct storage_boot *boot)
{
    struct member *self = data;
    self->opened++;
    self->status = status;
    if (status != 0) {
        return;
    }
    self->boot = boot->boot;
    self->hard = boot->hard;
    self->last = boot->snapshot_index + boot->entry_count;
    self->cut_bytes = boot->cut_bytes;
    for (size_t i = 0; i < boot->entry_count; i++) {
        assert_int_equal(boot->entries[i].index, i + 1);
        assert_true(i < 255 && boot->entries[i].payload.len >= 8);
        self->terms[i + 1] = boot->entries[i].term;
        self->payloads[i + 1] = load_u64(boot->entries[i].payload.ptr);
    }
}

static void on_persisted(void *data, uint64_t token, index_t index, term_t term)
{
    struct member *self = data;
    (void)term;
    assert_true(token > self->persisted_token);
    self->persisted_token = token;
    self->persisted_index = index;
    self->persisted_calls++;
}

static void on_failed(void *data, int err)
{
    struct member *self = data;
    self->failed = err;
    self->failed_calls++;
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
    m.persisted_token = 0;
    m.persisted_index = 0;
    m.persisted_calls = 0;
    m.status = 1;
    storage_open(m.storage);
}

static void create(void)
{
    const struct storage_meta meta = {7, 8};
    storage_create(m.storage, &meta);
}

static void boot_fresh(void)
{
    start();
    flat_settle(&m.disk);
    assert_int_equal(m.status, ERR_NOT_FOUND);
    create();
    flat_settle(&m.disk);
    assert_int_equal(m.status, 0);
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

/* The payload of entry `index` in `term` begins with this, so that it can be told from others. */
static uint64_t payload_of(term_t term, index_t index)
{
    return term * 1000 + index;
}

static void persist(term_t term, index_t first, size_t count, index_t last_before)
{
    struct raft_entry entries[4];
    uint8_t payloads[4][300];
    assert_true(count <= 4);
    for (size_t i = 0; i < count; i++) {
        memset(payloads[i], (int)(first + i), sizeof(payloads[i]));
        store_u64(payloads[i], payload_of(term, first + i));
        entries[i] = (struct raft_entry){
            term, first + i, slice_of(payloads[i], sizeof(payloads[i])), RAFT_ENTRY_NORMAL};
    }
    const struct raft_persist p = {.token = ++m.token,
                                   .sync = true,
                                   .hard = {term, 3, 0},
                                   .truncate_from = first <= last_before ? first : 0,
                                   .entries = entries,
                                   .entry_count = count,
                                   .last_index = first + count - 1,
                                   .last_term = term};
    storage_persist(m.storage, &p);
}

static void persist_commit(term_t term, index_t commit, index_t last)
{
    const struct raft_persist p = {
        .token = ++m.token, .hard = {term, 3, commit}, .last_index = last, .last_term = term};
    storage_persist(m.storage, &p);
}

static void test_a_new_log_is_created_and_reopened(void **state)
{
    (void)state;
    boot_fresh();
    assert_int_equal(m.boot, 1);
    assert_int_equal(m.last, 0);
    stop_cleanly();
    boot_again();
    assert_int_equal(m.status, 0);
    assert_int_equal(m.boot, 2);
    stop_cleanly();
    boot_again();
    assert_int_equal(m.boot, 3);
    stop_cleanly();
}

static void test_what_was_persisted_is_there_after_a_restart(void **state)
{
    (void)state;
    boot_fresh();
    persist(1, 1, 3, 0);
    storage_flush(m.storage);
    flat_settle(&m.disk);
    persist(2, 3, 2, 3);
    storage_flush(m.storage);
    flat_settle(&m.disk);
    assert_int_equal(m.persisted_token, 2);
    assert_int_equal(m.persisted_index, 4);
    stop_cleanly();
    boot_again();
    assert_int_equal(m.last, 4);
    assert_int_equal(m.terms[2], 1);
    assert_int_equal(m.terms[3], 2);
    assert_int_equal(m.payloads[4], payload_of(2, 4));
    assert_int_equal(m.hard.term, 2);
    assert_int_equal(m.hard.vote, 3);
    stop_cleanly();
}

/* The first write allocates ahead. */
static void write_first(void)
{
    persist(1, 1, 1, 0);
    storage_flush(m.storage);
    flat_settle(&m.disk);
    assert_int_equal(m.disk.counts[FLAT_ALLOCATE], 1);
    assert_int_equal(m.persisted_calls, 1);
}

static void test_persists_gather_while_a_sync_runs(void **state)
{
    (void)state;
    boot_fresh();
    write_first();
    uint64_t writes = m.disk.counts[FLAT_WRITE];
    uint64_t syncs = storage_syncs(m.storage);
    persist(1, 2, 1, 1);
    storage_flush(m.storage); /* the first leaves alone */
    for (index_t i = 3; i <= 20; i++) {
        persist(1, i, 1, i - 1);
        storage_flush(m.storage);
    }
    assert_int_equal(m.persisted_calls, 1);
    flat_step(&m.disk);
    flat_step(&m.disk);
    assert_int_equal(m.persisted_calls, 2);
    storage_flush(m.storage); /* the end of that turn */
    flat_settle(&m.disk);
    assert_int_equal(m.persisted_calls, 20);
    assert_int_equal(m.persisted_token, 20);
    assert_int_equal(m.disk.counts[FLAT_WRITE], writes + 2);
    assert_int_equal(storage_syncs(m.storage), syncs + 2);
    stop_cleanly();
}

static void test_nothing_is_vouched_for_before_its_sync(void **state)
{
    (void)state;
    boot_fresh();
    write_first();
    persist(1, 2, 1, 1);
    storage_flush(m.storage);
    assert_true(flat_step(&m.disk));
    assert_int_equal(m.persisted_calls, 1);
    assert_true(flat_step(&m.disk));
    assert_int_equal(m.persisted_calls, 2);
    stop_cleanly();
}

static void test_a_commit_alone_is_written_later_and_not_synced(void **state)
{
    (void)state;
    boot_fresh();
    persist(1, 1, 1, 0);
    storage_flush(m.storage);
    flat_settle(&m.disk);
    uint64_t writes = m.disk.counts[FLAT_WRITE];
    uint64_t syncs = m.disk.counts[FLAT_SYNC];
    persist_commit(1, 1, 1);
    storage_flush(m.storage);
    flat_settle(&m.disk);
    assert_int_equal(m.disk.counts[FLAT_WRITE], writes);
    flat_run(&m.disk); /* the timer */
    assert_int_equal(m.disk.counts[FLAT_WRITE], writes + 1);
    assert_int_equal(m.disk.counts[FLAT_SYNC], syncs);
    assert_int_equal(m.persisted_token, 1);
    flat_kill(&m.disk); /* the process dies, the page cache lives */
    boot_again();
    assert_int_equal(m.status, 0);
    assert_int_equal(m.hard.commit, 1);
    stop_cleanly();
}

static void test_a_commit_alone_rides_along_with_the_next_write(void **state)
{
    (void)state;
    boot_fresh();
    persist(1, 1, 1, 0);
    persist_commit(1, 1, 1);
    storage_flush(m.storage);
    flat_settle(&m.disk);
    uint64_t writes = m.disk.counts[FLAT_WRITE];
    flat_run(&m.disk);
    assert_int_equal(m.disk.counts[FLAT_WRITE], writes);
    stop_cleanly();
    boot_again();
    assert_int_equal(m.hard.commit, 1);
    stop_cleanly();
}

/* A write without a sync leaves no mark behind: what follows it may be there without it. */
static void test_a_lazy_write_that_is_lost_is_a_torn_tail(void **state)
{
    (void)state;
    boot_fresh();
    persist(1, 1, 1, 0);
    storage_flush(m.storage);
    flat_settle(&m.disk);
    uint64_t end = storage_bytes(m.storage);
    persist_commit(1, 1, 1);
    flat_run(&m.disk);
    persist(1, 2, 1, 1);
    storage_flush(m.storage);
    flat_step(&m.disk);
    memset(flat_find(&m.disk, PATH)->now.ptr + end, 0, 48);
    flat_kill(&m.disk);
    boot_again();
    assert_int_equal(m.status, 0);
    assert_int_equal(m.last, 1);
    stop_cleanly();
}

static void test_closing_writes_what_was_gathered(void **state)
{
    (void)state;
    boot_fresh();
    persist(1, 1, 1, 0);
    storage_flush(m.storage);
    persist(1, 2, 1, 1);
    persist_commit(1, 1, 2);
    stop_cleanly();
    assert_int_equal(m.persisted_calls, 0);
    flat_power_off(&m.disk, FLAT_DROP, false);
    boot_again();
    assert_int_equal(m.last, 2);
    assert_int_equal(m.hard.commit, 1);
    stop_cleanly();
}

static void check_failure(enum flat_op op, int err)
{
    boot_fresh();
    persist(1, 1, 1, 0);
    storage_flush(m.storage);
    flat_settle(&m.disk);
    uint64_t syncs = m.disk.counts[FLAT_SYNC];
    m.disk.fail_op = (int)op;
    m.disk.fail_err = err;
    persist(1, 2, 1, 1);
    storage_flush(m.storage);
    persist(1, 3, 1, 2);
    flat_settle(&m.disk);
    assert_int_equal(m.failed, err);
    assert_int_equal(m.failed_calls, 1);
    assert_int_equal(m.persisted_token, 1);
    assert_non_null(strstr(storage_words(m.storage), PATH));
    /* It is over: nothing is written, synced or vouched for any more. */
    persist(1, 4, 1, 3);
    storage_flush(m.storage);
    flat_run(&m.disk);
    assert_int_equal(m.failed_calls, 1);
    assert_int_equal(m.persisted_token, 1);
    assert_int_equal(m.disk.counts[FLAT_SYNC], syncs + (op == FLAT_SYNC ? 1 : 0));
    stop_cleanly();
    assert_int_equal(m.disk.counts[FLAT_SYNC], syncs + (op == FLAT_SYNC ? 1 : 0));
    boot_again();
    assert_int_equal(m.status, 0);
    assert_int_equal(m.last, 1);
    stop_cleanly();
}

static void test_a_failed_sync_is_told_once_and_never_retried(void **state)
{
    (void)state;
    check_failure(FLAT_SYNC, ERR_IO);
}

static void test_a_failed_write_is_told_once_and_never_retried(void **state)
{
    (void)state;
    check_failure(FLAT_WRITE, ERR_NO_SPACE);
}

static void test_a_locked_directory_is_refused(void **state)
{
    (void)state;
    m.disk.locked = true;
    start();
    flat_settle(&m.disk);
    assert_int_equal(m.status, ERR_LOCKED);
    assert_string_equal(storage_words(m.storage),
                        "cannot lock the directory data: locked by another process");
    assert_int_equal(m.disk.counts[FLAT_OPEN], 0);
    stop_cleanly();
}

static void test_unknown_files_and_etcds_directory_are_refused(void **state)
{
    (void)state;
    flat_put(&m.disk, "data/wal/2.wal", slice_str("x"));
    start();
    flat_settle(&m.disk);
    assert_int_equal(m.status, ERR_FORMAT);
    assert_non_null(strstr(storage_words(m.storage), "data/wal holds 2.wal, which"));
    stop_cleanly();
    flat_put(&m.disk, "data/member", slice_str("x"));
    start();
    flat_settle(&m.disk);
    assert_int_equal(m.status, ERR_FORMAT);
    assert_string_equal(storage_words(m.storage), "data holds the data of an etcd member");
    stop_cleanly();
}

static void test_rot_is_refused_with_file_and_offset(void **state)
{
    (void)state;
    char words[64];
    boot_fresh();
    persist(1, 1, 2, 0);
    storage_flush(m.storage);
    flat_settle(&m.disk);
    uint64_t end = storage_bytes(m.storage);
    persist(1, 3, 1, 2);
    storage_flush(m.storage);
    flat_settle(&m.disk);
    stop_cleanly();
    struct flat_file *file = flat_find(&m.disk, PATH);
    file->now.ptr[end - 320 - 24] ^= 1; /* in the head of entry 2 */
    boot_again();
    assert_int_equal(m.status, ERR_CORRUPT);
    fmt(words, sizeof(words), "%s at offset ", PATH);
    assert_int_equal(strncmp(storage_words(m.storage), words, strlen(words)), 0);
    size_t size = file->now.len;
    stop_cleanly();
    assert_int_equal(file->now.len, size); /* nothing was cut */
}

static void test_every_operation_of_a_boot_may_fail(void **state)
{
    (void)state;
    for (int op = 0; op < FLAT_OP_COUNT; op++) {
        boot_fresh();
        stop_cleanly();
        /* A torn tail, so that truncate is among them. */
        buf_add_str(&flat_find(&m.disk, PATH)->now, "torn");
        start();
        m.disk.fail_op = op;
        m.disk.fail_err = ERR_IO;
        flat_settle(&m.disk);
        bool failed = m.disk.fail_op == -1;
        assert_int_equal(m.status, failed ? ERR_IO : 0);
        m.disk.fail_op = -1;
        stop_cleanly();
        boot_again();
        assert_int_equal(m.status, 0);
        stop_cleanly();
        flat_find(&m.disk, PATH)->name[0] = '\0';
        flat_fini(&m.disk);
        flat_init(&m.disk, 1);
    }
}

static void test_closing_at_any_moment_ends_clean(void **state)
{
    (void)state;
    for (int steps = 0; steps < 60; steps++) {
        start();
        for (int i = 0; i < steps; i++) {
            if (m.status == ERR_NOT_FOUND) {
                m.status = 1;
                create();
            } else if (m.status == 0 && m.token < 3) {
                persist(1, m.last + m.token + 1, 1, m.last + m.token);
                storage_flush(m.storage);
            }
            flat_step(&m.disk);
        }
        stop_cleanly();
    }
}

/* One short life: create, append, overwrite, append, with a restart in between. Returns false when
 * the power was cut at operation `crash_at`; then acked[i] is the term under which entry i was
 * vouched for, and ack_last the last such entry. */
struct ledger {
    index_t last;
    term_t terms[16];
    uint64_t boot;
};

static bool run_until(struct ledger *ledger, uint64_t crash_at)
{
    while (m.disk.waiting > 0) {
        if (m.disk.performed == crash_at) {
            return false;
        }
        flat_step(&m.disk);
    }
    (void)ledger;
    return true;
}

static bool write_and_ack(struct ledger *ledger, term_t term, index_t first, size_t count,
                          index_t before, uint64_t crash_at)
{
    persist(term, first, count, before);
    /* What is replaced counts no longer, from the moment the replacement is asked for. */
    if (ledger->last >= first) {
        ledger->last = first - 1;
    }
    storage_flush(m.storage);
    if (!run_until(ledger, crash_at)) {
        return false;
    }
    assert_int_equal(m.persisted_index, first + count - 1);
    for (size_t i = 0; i < count; i++) {
        ledger->terms[first + i] = term;
    }
    ledger->last = first + count - 1;
    return true;
}

static bool live(struct ledger *ledger, uint64_t crash_at)
{
    start();
    if (!run_until(ledger, crash_at)) {
        return false;
    }
    create();
    if (!run_until(ledger, crash_at)) {
        return false;
    }
    ledger->boot = m.boot;
    if (!write_and_ack(ledger, 1, 1, 4, 0, crash_at) ||
        !write_and_ack(ledger, 1, 5, 2, 4, crash_at) ||
        !write_and_ack(ledger, 2, 4, 3, 6, crash_at)) {
        return false;
    }
    flat_kill(&m.disk);
    start();
    if (!run_until(ledger, crash_at)) {
        return false;
    }
    assert_true(m.boot > ledger->boot);
    ledger->boot = m.boot;
    return write_and_ack(ledger, 3, 7, 3, 6, crash_at);
}

static void check_survival(const struct ledger *ledger)
{
    if (m.status == ERR_NOT_FOUND) {
        assert_int_equal(ledger->boot, 0);
        return;
    }
    assert_int_equal(m.status, 0);
    assert_true(m.boot > ledger->boot);
    assert_true(m.last >= ledger->last);
    for (index_t i = 1; i <= ledger->last; i++) {
        assert_int_equal(m.terms[i], ledger->terms[i]);
        assert_int_equal(m.payloads[i], payload_of(m.terms[i], i));
    }
}

static void test_no_acknowledged_entry_is_lost_by_a_crash_at_any_operation(void **state)
{
    (void)state;
    uint64_t crashes = 0;
    for (int variant = 0; variant < 12; variant++) {
        enum flat_loss loss = variant < 2 ? FLAT_KEEP : variant < 4 ? FLAT_DROP : FLAT_TEAR;
        bool half = variant % 2 == 0;
        for (uint64_t at = 0;; at++) {
            struct ledger ledger = {0};
            flat_fini(&m.disk);
            flat_init(&m.disk, (uint64_t)variant * 1000 + at);
            bool whole = live(&ledger, at);
            flat_power_off(&m.disk, loss, half);
            boot_again();
            check_survival(&ledger);
            /* And once more, from what that boot left behind. */
            if (m.status == 0) {
                ledger.boot = m.boot;
                flat_power_off(&m.disk, FLAT_DROP, false);
                boot_again();
                check_survival(&ledger);
            }
            if (whole) {
                break;
            }
            crashes++;
        }
    }
    assert_true(crashes >= 12 * 30);
}

static void test_a_tail_torn_at_any_byte_is_cut(void **state)
{
    (void)state;
    boot_fresh();
    persist(1, 1, 1, 0);
    storage_flush(m.storage);
    flat_settle(&m.disk);
    uint64_t sound = storage_bytes(m.storage);
    persist(1, 2, 2, 1);
    storage_flush(m.storage);
    flat_settle(&m.disk);
    struct flat_file *file = flat_find(&m.disk, PATH);
    static uint8_t whole[4096];
    size_t len = (size_t)storage_bytes(m.storage);
    assert_true(len < sizeof(whole));
    memcpy(whole, file->now.ptr, len);
    for (size_t keep = (size_t)sound; keep < len; keep++) {
        flat_put(&m.disk, PATH, slice_of(whole, keep));
        boot_again();
        assert_int_equal(m.status, 0);
        assert_int_equal(m.last, 1);
        /* A torn tail is known by its heads. */
        assert_true(m.cut_bytes <= keep - sound);
        assert_int_equal(m.cut_bytes > 0, keep - sound >= 24);
        /* What is written next is found behind the cut. */
        persist(2, 2, 1, 1);
        storage_flush(m.storage);
        flat_settle(&m.disk);
        boot_again();
        assert_int_equal(m.status, 0);
        assert_int_equal(m.cut_bytes, 0);
        assert_int_equal(m.last, 2);
        assert_int_equal(m.terms[2], 2);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        unit(test_a_new_log_is_created_and_reopened),
        unit(test_what_was_persisted_is_there_after_a_restart),
        unit(test_persists_gather_while_a_sync_runs),
        unit(test_nothing_is_vouched_for_before_its_sync),
        unit(test_a_commit_alone_is_written_later_and_not_synced),
        unit(test_a_commit_alone_rides_along_with_the_next_write),
        unit(test_a_lazy_write_that_is_lost_is_a_torn_tail),
        unit(test_closing_writes_what_was_gathered),
        unit(test_a_failed_sync_is_told_once_and_never_retried),
        unit(test_a_failed_write_is_told_once_and_never_retried),
        unit(test_a_locked_directory_is_refused),
        unit(test_unknown_files_and_etcds_directory_are_refused),
        unit(test_rot_is_refused_with_file_and_offset),
        unit(test_every_operation_of_a_boot_may_fail),
        unit(test_closing_at_any_moment_ends_clean),
        unit(test_no_acknowledged_entry_is_lost_by_a_crash_at_any_operation),
        unit(test_a_tail_torn_at_any_byte_is_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
