/* Every crash and every failure of a short life with snapshots. */
#include "snapshots.h"

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
        unit(test_a_crash_at_any_operation_leaves_a_whole_snapshot),
        unit(test_a_failure_of_any_operation_loses_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
