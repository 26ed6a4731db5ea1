/* What a boot makes of the snapshots that are there: the newest sound one, or words. */
#include "base/hash.h"
#include "snapshots.h"

/* The log goes on behind the snapshot 50, and so does the next boot. */
static void expect_boot_behind_50(void)
{
    persist(51, 2);
    flat_settle(&m.disk);
    assert_int_equal(m.failed, 0);
    stop_cleanly();
    boot_again();
    assert_int_equal(m.status, 0);
    assert_int_equal(m.snapshot, 50);
    assert_int_equal(m.first, 51);
    assert_int_equal(m.last, 52);
    stop_cleanly();
}

static void test_an_installed_snapshot_is_where_the_next_boot_begins(void **state)
{
    (void)state;
    boot_fresh();
    write_snapshot(10, 1);
    taken(10, 0);
    receive_50();
    install(50);
    expect_boot_behind_50();
}

/* A member may learn that its own snapshot is durable when the log begins behind a later one. */
static void test_a_snapshot_that_was_outrun_is_not_where_a_boot_begins(void **state)
{
    (void)state;
    boot_fresh();
    write_snapshot(10, 1);
    receive_50();
    install(50);
    taken(10, 5);
    expect_boot_behind_50();
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

static void put_snapshot_of_term(index_t index, term_t term)
{
    struct mem_pool *pool = mem_pool_new(UINT64_MAX, -1);
    struct snapshot_head head = head_of_10;
    struct snap_tail tail;
    struct buf file;
    char name[48];
    buf_init(&file, mem_pool_mem(pool));
    head.cluster_id = 7;
    head.index = index;
    head.term = term;
    snap_write_header(&file, &head, 99, &tail);
    snap_write_end(&file, &tail);
    fmt(name, sizeof(name), "data/snap/%016llx.snap", (unsigned long long)index);
    flat_put(&m.disk, name, buf_slice(&file));
    mem_pool_free(pool);
}

/* Sound in itself, and of another history than the log: somebody has copied it there. */
static void test_a_snapshot_that_contradicts_the_log_is_passed_over(void **state)
{
    (void)state;
    boot_fresh();
    write_snapshot(4, 2);
    taken(4, 0);
    stop_cleanly();
    put_snapshot_of_term(10, 2);
    boot_again();
    assert_int_equal(m.status, 0);
    assert_int_equal(m.snapshot, 4);
    assert_int_equal(m.last, 12);
    flat_settle(&m.disk);
    assert_null(flat_find(&m.disk, "data/snap/000000000000000a.snap"));
    stop_cleanly();
}

static void test_a_log_that_begins_behind_another_snapshot_is_refused(void **state)
{
    (void)state;
    boot_fresh();
    receive_50();
    install(50);
    stop_cleanly();
    put_snapshot_of_term(50, 2);
    boot_again();
    assert_int_equal(m.status, ERR_CORRUPT);
    assert_string_equal(storage_words(m.storage),
                        "data/snap/0000000000000032.snap is of term 2, but the log has its entry "
                        "in term 1");
    stop_cleanly();
    put_snapshot_of_term(50, 1);
    boot_again();
    assert_int_equal(m.status, 0);
    assert_int_equal(m.snapshot, 50);
    stop_cleanly();
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        unit(test_an_installed_snapshot_is_where_the_next_boot_begins),
        unit(test_a_snapshot_that_was_outrun_is_not_where_a_boot_begins),
        unit(test_a_snapshot_that_was_not_installed_is_removed),
        unit(test_a_damaged_snapshot_is_passed_over_while_the_log_covers),
        unit(test_without_a_sound_snapshot_the_boot_is_refused_with_words),
        unit(test_a_snapshot_that_contradicts_the_log_is_passed_over),
        unit(test_a_log_that_begins_behind_another_snapshot_is_refused),
        unit(test_readers_say_what_is_wrong),
        unit(test_what_does_not_belong_there_is_refused),
        unit(test_half_snapshots_are_dropped_at_the_next_start),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
