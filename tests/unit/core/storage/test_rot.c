/* What has rotted in the log: given up, recovered, refused, and every crash of a repair. */
#include "segmented.h"

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        unit(test_rotten_entries_are_given_up_and_the_boot_says_so),
        unit(test_what_a_snapshot_covers_may_rot),
        unit(test_a_repair_can_be_given_up),
        unit(test_who_refuses_a_repair_changes_nothing),
        unit(test_a_crash_during_a_repair_forgets_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
