/* The log in many small segments: rolling, purging, reuse, holes and strangers, a full disk, and
 * the log of version 1. What crashes and failures do to it is in test_segment_life.c, rot in
 * test_rot.c.
 */
#include "base/hash.h"
#include "segmented.h"

#define V1 "data/wal/0000000000000001.wal"

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
        unit(test_closing_in_the_middle_of_a_roll_keeps_everything),
        unit(test_a_full_disk_is_told_before_it_hurts),
        unit(test_the_log_of_version_1_boots_and_is_continued),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
