/* What is left of a disk: kept, dropped, torn; names; failed syncs; space; locks. */
#include "disk_fixture.h"

static void test_synced_bytes_survive_and_others_do_not(void **state)
{
    struct fixture *f = *state;
    fate(f, 1000000, 0, 0);
    struct disk_handle *handle = synced_file(f, "durable");
    assert_int_equal(write_at(f, handle, 7, " lost", 5), 0);
    char text[16];
    assert_int_equal(read_at(f, handle, 0, text, 16), 12);
    assert_memory_equal(text, "durable lost", 12);
    assert_true(disk_survives(f->disk, "log", 0, 7));
    assert_false(disk_survives(f->disk, "log", 0, 8));
    assert_false(disk_survives(f->disk, "log", 7, 5));
    power_cycle(f);
    expect_durable(f, "log", "durable");
    assert_int_equal(disk_counts(f->disk)->writes_dropped, 1);
}

static void test_unsynced_write_over_synced_bytes_puts_them_at_risk(void **state)
{
    struct fixture *f = *state;
    struct disk_handle *handle = synced_file(f, "durable");
    assert_int_equal(write_at(f, handle, 2, "XX", 2), 0);
    assert_true(disk_survives(f->disk, "log", 0, 2));
    assert_false(disk_survives(f->disk, "log", 1, 2));
    assert_true(disk_survives(f->disk, "log", 4, 3));
    assert_int_equal(on_file(f, DISK_TRUNCATE, handle, 5, 0), 0);
    assert_false(disk_survives(f->disk, "log", 4, 3));
    assert_int_equal(on_file(f, DISK_SYNC, handle, 0, 0), 0);
    assert_true(disk_survives(f->disk, "log", 0, 5));
    expect_durable(f, "log", "duXXb");
}

static void test_kept_write_behind_a_dropped_one_leaves_zeros(void **state)
{
    struct fixture *f = *state;
    struct disk_handle *handle = synced_file(f, "x");
    fate(f, 1000000, 0, 0);
    assert_int_equal(write_at(f, handle, 1, "lost", 4), 0);
    disk_process_end(f->disk, 1, true);
    fate(f, 0, 0, 0);
    handle = open_file(f, "log");
    assert_int_equal(on_file(f, DISK_TRUNCATE, handle, 1, 0), 0);
    assert_int_equal(write_at(f, handle, 5, "kept", 4), 0);
    power_cycle(f);
    uint8_t bytes[16];
    size_t count = 0;
    assert_int_equal(disk_read_durable(f->disk, "log", 0, bytes, 16, &count), 0);
    assert_int_equal(count, 9);
    assert_memory_equal(bytes, "x\0\0\0\0kept", 9);
}

static void test_torn_write_is_whole_in_each_sector(void **state)
{
    struct fixture *f = *state;
    static char old[4096];
    static char new[4096];
    memset(old, 'o', sizeof(old));
    memset(new, 'n', sizeof(new));
    struct disk_handle *handle = open_file(f, "log");
    assert_int_equal(write_at(f, handle, 0, old, sizeof(old)), 0);
    assert_int_equal(on_file(f, DISK_SYNC, handle, 0, 0), 0);
    assert_int_equal(on_path(f, DISK_SYNC_DIR, "/", NULL), 0);
    fate(f, 0, 1000000, 0);
    assert_int_equal(write_at(f, handle, 100, new, 3000), 0);
    power_cycle(f);
    uint8_t bytes[4096];
    size_t count = 0;
    unsigned kept = 0;
    assert_int_equal(disk_read_durable(f->disk, "log", 0, bytes, sizeof(bytes), &count), 0);
    assert_int_equal(count, 4096);
    for (size_t at = 0; at < 4096; at++) {
        bool inside = at >= 100 && at < 3100;
        size_t sector = at / DISK_SECTOR * DISK_SECTOR;
        size_t first = sector < 100 ? 100 : sector;
        assert_int_equal(bytes[at], inside ? bytes[first] : 'o');
        kept += inside && at == first && bytes[at] == 'n';
    }
    assert_in_range(kept, 1, 6); /* of 7; neither none nor all with this seed */
    assert_int_equal(disk_counts(f->disk)->writes_torn, 1);
}

static void test_sync_covers_only_what_was_complete_when_it_was_called(void **state)
{
    struct fixture *f = *state;
    struct disk_handle *handle = synced_file(f, "x");
    disk_options(f->disk)->sync_min_ns = MS_NS;
    const struct slice late = slice_str("late");
    struct disk_req *sync = ask(f, DISK_SYNC);
    sync->handle = handle;
    struct disk_req *write = ask(f, DISK_WRITE);
    write->handle = handle;
    write->offset = 1;
    disk_slices(write, &late, 1);
    disk_submit(write); /* completes first, but was outstanding when the sync was called */
    disk_submit(sync);
    (void)engine_run(&f->engine, INT64_MAX, UINT64_MAX);
    assert_int_equal(f->status, 0);
    assert_true(disk_survives(f->disk, "log", 0, 1));
    assert_false(disk_survives(f->disk, "log", 1, 4));
    assert_int_equal(on_file(f, DISK_SYNC, handle, 0, 0), 0);
    assert_true(disk_survives(f->disk, "log", 0, 5));
}

static void test_failed_sync_loses_its_pages_and_the_next_one_succeeds(void **state)
{
    struct fixture *f = *state;
    struct disk_handle *handle = synced_file(f, "old");
    disk_fail(f->disk, DISK_SYNC, 1, ERR_IO, "log");
    assert_int_equal(write_at(f, handle, 0, "newer", 5), 0);
    assert_int_equal(on_file(f, DISK_SYNC, handle, 0, 0), ERR_IO);
    assert_int_equal(on_file(f, DISK_SYNC, handle, 0, 0), 0);
    char text[8];
    assert_int_equal(read_at(f, handle, 0, text, 8), 3);
    expect_durable(f, "log", "old");
}

static void test_failed_write_did_not_happen(void **state)
{
    struct fixture *f = *state;
    struct disk_handle *handle = synced_file(f, "old");
    disk_fail(f->disk, DISK_WRITE, UINT64_MAX, ERR_IO, NULL);
    assert_false(disk_works(f->disk));
    assert_int_equal(write_at(f, handle, 0, "new", 3), ERR_IO);
    assert_int_equal(write_at(f, handle, 0, "new", 3), ERR_IO);
    disk_heal(f->disk);
    assert_true(disk_works(f->disk));
    char text[8];
    assert_int_equal(read_at(f, handle, 0, text, 8), 3);
    assert_memory_equal(text, "old", 3);
}

static void test_name_is_durable_once_its_directory_is_synced(void **state)
{
    struct fixture *f = *state;
    fate(f, 0, 0, 1000000);
    assert_int_equal(on_path(f, DISK_MAKE_DIR, "data/wal", NULL), 0);
    struct disk_handle *handle = open_file(f, "data/wal/1");
    assert_int_equal(write_at(f, handle, 0, "x", 1), 0);
    assert_int_equal(on_file(f, DISK_SYNC, handle, 0, 0), 0);
    assert_false(disk_survives(f->disk, "data/wal/1", 0, 1));
    assert_int_equal(on_path(f, DISK_SYNC_DIR, "data/wal", NULL), 0);
    assert_false(disk_survives(f->disk, "data/wal/1", 0, 1)); /* the way to it is not */
    assert_int_equal(on_path(f, DISK_SYNC_DIR, "data", NULL), 0);
    assert_int_equal(on_path(f, DISK_SYNC_DIR, "/", NULL), 0);
    assert_true(disk_survives(f->disk, "data/wal/1", 0, 1));
    (void)open_file(f, "data/wal/2");
    power_cycle(f);
    assert_int_equal(on_path(f, DISK_LIST, "data/wal", NULL), 0);
    assert_string_equal(f->names, "1 ");
    assert_int_equal(disk_counts(f->disk)->names_dropped, 1);
}

static void test_lost_rename_shows_the_old_names_and_never_both(void **state)
{
    struct fixture *f = *state;
    for (int kept = 0; kept < 2; kept++) {
        fate(f, 0, 0, kept == 0 ? 1000000 : 0);
        (void)synced_file(f, "one");
        assert_int_equal(on_path(f, DISK_RENAME, "log", "new"), 0);
        assert_int_equal(on_path(f, DISK_LIST, "/", NULL), 0);
        assert_string_equal(f->names, "new ");
        power_cycle(f);
        assert_int_equal(on_path(f, DISK_LIST, "/", NULL), 0);
        assert_string_equal(f->names, kept == 0 ? "log " : "new ");
        expect_durable(f, kept == 0 ? "log" : "new", "one");
    }
}

static void test_removed_file_may_come_back(void **state)
{
    struct fixture *f = *state;
    fate(f, 0, 0, 1000000);
    (void)synced_file(f, "still here");
    assert_int_equal(on_path(f, DISK_REMOVE, "log", NULL), 0);
    assert_int_equal(on_path(f, DISK_STAT, "log", NULL), ERR_NOT_FOUND);
    power_cycle(f);
    expect_durable(f, "log", "still here");
}

static void test_crash_of_the_process_loses_nothing_that_completed(void **state)
{
    struct fixture *f = *state;
    fate(f, 1000000, 0, 1000000);
    struct disk_handle *handle = open_file(f, "log");
    assert_int_equal(write_at(f, handle, 0, "cached", 6), 0);
    disk_process_end(f->disk, 1, false);
    handle = open_file(f, "log");
    char text[8];
    assert_int_equal(read_at(f, handle, 0, text, 8), 6);
}

static void test_outstanding_write_of_a_crash_is_done_cut_or_not(void **state)
{
    struct fixture *f = *state;
    unsigned seen[3] = {0, 0, 0};
    const struct slice text = slice_str("0123456789");
    for (int i = 0; i < 60; i++) {
        disk_wipe(f->disk);
        struct disk_req *write = ask(f, DISK_WRITE);
        write->handle = open_file(f, "log");
        disk_slices(write, &text, 1);
        f->status = 1;
        disk_submit(write);
        disk_process_end(f->disk, 1, false);
        (void)engine_run(&f->engine, INT64_MAX, UINT64_MAX);
        assert_int_equal(f->status, 1); /* nobody is told */
        assert_int_equal(on_path(f, DISK_STAT, "log", NULL), 0);
        seen[f->size == 0 ? 0 : f->size == 10 ? 1 : 2]++;
    }
    assert_true(seen[0] > 0 && seen[1] > 0 && seen[2] > 0);
}

static void test_space_ends_at_the_capacity(void **state)
{
    struct fixture *f = *state;
    disk_options(f->disk)->capacity = 1000;
    struct disk_handle *handle = open_file(f, "log");
    char bytes[600] = {0};
    assert_int_equal(write_at(f, handle, 0, bytes, 600), 0);
    assert_int_equal(write_at(f, handle, 600, bytes, 600), ERR_NO_SPACE);
    assert_int_equal(write_at(f, handle, 0, bytes, 600), 0); /* no new bytes */
    assert_int_equal(on_path(f, DISK_SPACE, "/", NULL), 0);
    assert_int_equal(f->size, 400);
    assert_int_equal(on_file(f, DISK_ALLOCATE, handle, 0, 1001), ERR_NO_SPACE);
    assert_int_equal(on_file(f, DISK_TRUNCATE, handle, 100, 0), 0);
    assert_int_equal(write_at(f, handle, 400, bytes, 600), 0);
}

static void test_lock_is_held_until_the_process_ends(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(on_path(f, DISK_LOCK, "lock", NULL), 0);
    struct disk_req *req = ask(f, DISK_LOCK);
    req->node = 2;
    disk_path(req, "lock", NULL);
    assert_int_equal(submit(f, req), ERR_LOCKED);
    disk_process_end(f->disk, 1, false);
    assert_int_equal(on_path(f, DISK_LOCK, "lock", NULL), 0);
}

static void test_stall_holds_requests_back(void **state)
{
    struct fixture *f = *state;
    struct disk_handle *handle = open_file(f, "log");
    disk_stall(f->disk, true);
    assert_false(disk_works(f->disk));
    assert_int_equal(write_at(f, handle, 0, "x", 1), 1);
    disk_stall(f->disk, false);
    (void)engine_run(&f->engine, INT64_MAX, UINT64_MAX);
    assert_int_equal(f->status, 0);
}

static void test_saved_disk_loads_elsewhere(void **state)
{
    struct fixture *f = *state;
    (void)synced_file(f, "saved");
    assert_int_equal(on_path(f, DISK_MAKE_DIR, "a/b", NULL), 0);
    struct disk_image *image = disk_save(f->disk);
    disk_process_end(f->disk, 1, false);
    disk_wipe(f->disk);
    assert_int_equal(on_path(f, DISK_LIST, "/", NULL), 0);
    assert_string_equal(f->names, "");
    struct disk *other = disk_new(&f->engine, 2, &disk_options_default);
    disk_load(other, image);
    disk_image_free(image);
    assert_true(disk_survives(other, "log", 0, 5));
    disk_free(other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_synced_bytes_survive_and_others_do_not),
        CASE(test_unsynced_write_over_synced_bytes_puts_them_at_risk),
        CASE(test_kept_write_behind_a_dropped_one_leaves_zeros),
        CASE(test_torn_write_is_whole_in_each_sector),
        CASE(test_sync_covers_only_what_was_complete_when_it_was_called),
        CASE(test_failed_sync_loses_its_pages_and_the_next_one_succeeds),
        CASE(test_failed_write_did_not_happen),
        CASE(test_name_is_durable_once_its_directory_is_synced),
        CASE(test_lost_rename_shows_the_old_names_and_never_both),
        CASE(test_removed_file_may_come_back),
        CASE(test_crash_of_the_process_loses_nothing_that_completed),
        CASE(test_outstanding_write_of_a_crash_is_done_cut_or_not),
        CASE(test_space_ends_at_the_capacity),
        CASE(test_lock_is_held_until_the_process_ends),
        CASE(test_stall_holds_requests_back),
        CASE(test_saved_disk_loads_elsewhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
