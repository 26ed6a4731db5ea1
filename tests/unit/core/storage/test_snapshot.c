/* Snapshot files in the smallest world: written, received, read and purged. What a boot makes of
 * them is in test_snapshot_boot.c, what crashes and failures do in test_snapshot_life.c. */
#include "base/hash.h"
#include "snapshots.h"

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
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
