/* Each kind of fault: what it does, and that the intact copy shows again when it ends. */
#include "disk_fixture.h"

static uint32_t begin(struct fixture *f, struct disk_fault fault)
{
    fault.count = fault.count == 0 ? DISK_FOR_EVER : fault.count;
    uint32_t number = disk_fault_add(f->disk, &fault);
    assert_int_not_equal(number, 0);
    return number;
}

static void expect_read(struct fixture *f, const char *path, const char *text)
{
    char bytes[8192];
    struct disk_handle *handle = open_file(f, path);
    size_t count = read_at(f, handle, 0, bytes, sizeof(bytes));
    assert_int_equal(count, strlen(text));
    assert_memory_equal(bytes, text, count);
    assert_int_equal(on_file(f, DISK_CLOSE, handle, 0, 0), 0);
}

static void expect_intact(struct fixture *f, const char *path, const char *text)
{
    uint8_t bytes[8192];
    size_t count = 0;
    assert_int_equal(disk_read_intact(f->disk, path, 0, bytes, sizeof(bytes), &count), 0);
    assert_int_equal(count, strlen(text));
    assert_memory_equal(bytes, text, count);
}

static int write_and_sync(struct fixture *f, struct disk_handle *handle, uint64_t offset,
                          const char *text)
{
    assert_int_equal(write_at(f, handle, offset, text, strlen(text)), 0);
    return on_file(f, DISK_SYNC, handle, 0, 0);
}

/* At rest ------------------------------------------------------------------------------------- */

static void test_rot_changes_durable_bytes_and_healing_brings_them_back(void **state)
{
    struct fixture *f = *state;
    struct disk_handle *handle = synced_file(f, "0123456789");
    uint32_t rot =
        begin(f, (struct disk_fault){.kind = DISK_FAULT_ROT, .bytes = 2, .offset = 4, .below = 10});
    char text[16];
    assert_int_equal(read_at(f, handle, 0, text, 16), 10);
    assert_memory_equal(text, "0123", 4);
    assert_true(text[4] != '4' && text[5] != '5');
    assert_int_equal(on_file(f, DISK_CLOSE, handle, 0, 0), 0);
    assert_memory_equal(text + 6, "6789", 4);
    assert_true(disk_survives(f->disk, "log", 0, 10)); /* as far as anybody can know */
    assert_false(disk_is_good(f->disk, "log", 0, 10));
    assert_true(disk_is_good(f->disk, "log", 0, 4));
    assert_false(disk_is_sound(f->disk));
    assert_true(disk_works(f->disk));
    expect_intact(f, "log", "0123456789");
    power_cycle(f);
    disk_fault_end(f->disk, rot);
    expect_durable(f, "log", "0123456789");
    assert_true(disk_is_sound(f->disk) && disk_is_well(f->disk));
}

static void test_rot_is_somewhere_in_the_file_that_is_named_and_below_the_mark(void **state)
{
    struct fixture *f = *state;
    (void)synced_file(f, "0123456789");
    struct disk_handle *other = open_file(f, "other");
    assert_int_equal(write_and_sync(f, other, 0, "0123456789"), 0);
    assert_int_equal(on_path(f, DISK_SYNC_DIR, "/", NULL), 0);
    unsigned seen = 0;
    for (uint64_t key = 0; key < 40; key++) {
        uint32_t rot = begin(f, (struct disk_fault){.kind = DISK_FAULT_ROT,
                                                    .key = key,
                                                    .file = "oth",
                                                    .bytes = 1,
                                                    .offset = DISK_ANYWHERE,
                                                    .below = 6});
        assert_true(disk_is_good(f->disk, "log", 0, 10));
        assert_true(disk_is_good(f->disk, "other", 6, 4));
        for (unsigned i = 0; i < 6; i++) {
            seen |= disk_is_good(f->disk, "other", i, 1) ? 0 : 1U << i;
        }
        disk_fault_end(f->disk, rot);
    }
    assert_int_equal(seen, 0x3F);
    const struct disk_fault nowhere = {.kind = DISK_FAULT_ROT,
                                       .count = 1,
                                       .file = "third",
                                       .bytes = 1,
                                       .offset = DISK_ANYWHERE,
                                       .below = DISK_ANYWHERE};
    assert_int_equal(disk_fault_add(f->disk, &nowhere), 0);
}

static void test_what_is_written_over_rot_is_as_it_was_written(void **state)
{
    struct fixture *f = *state;
    struct disk_handle *handle = synced_file(f, "0123456789");
    uint32_t rot =
        begin(f, (struct disk_fault){.kind = DISK_FAULT_ROT, .bytes = 8, .offset = 1, .below = 10});
    assert_int_equal(write_and_sync(f, handle, 3, "abc"), 0);
    assert_true(disk_is_good(f->disk, "log", 3, 3));
    assert_false(disk_is_good(f->disk, "log", 1, 2) || disk_is_good(f->disk, "log", 6, 3));
    disk_fault_end(f->disk, rot);
    expect_read(f, "log", "012abc6789");
    rot =
        begin(f, (struct disk_fault){.kind = DISK_FAULT_ROT, .bytes = 4, .offset = 5, .below = 10});
    assert_int_equal(on_file(f, DISK_TRUNCATE, handle, 6, 0), 0);
    assert_int_equal(write_and_sync(f, handle, 6, "xy"), 0);
    assert_true(disk_is_good(f->disk, "log", 6, 2));
    disk_fault_end(f->disk, rot);
    expect_read(f, "log", "012abcxy");
}

static void test_damage_that_was_read_and_built_upon_does_not_heal(void **state)
{
    struct fixture *f = *state;
    char text[16];
    struct disk_handle *handle = synced_file(f, "0123456789");
    uint32_t rot =
        begin(f, (struct disk_fault){.kind = DISK_FAULT_ROT, .bytes = 1, .offset = 4, .below = 10});
    uint32_t other =
        begin(f, (struct disk_fault){.kind = DISK_FAULT_ROT, .bytes = 1, .offset = 8, .below = 10});
    assert_int_equal(read_at(f, handle, 0, text, 6), 6);
    assert_int_equal(write_and_sync(f, handle, 10, "!"), 0);
    assert_true(disk_is_good(f->disk, "log", 4, 1));
    disk_fault_end(f->disk, rot);
    disk_fault_end(f->disk, other);
    char after[16];
    assert_int_equal(read_at(f, handle, 0, after, 16), 11);
    assert_memory_equal(after, text, 6);
    assert_memory_equal(after + 6, "6789!", 5);
}

static void test_damage_that_was_only_read_heals_when_the_process_has_ended(void **state)
{
    struct fixture *f = *state;
    char text[16];
    struct disk_handle *handle = synced_file(f, "0123456789");
    uint32_t rot =
        begin(f, (struct disk_fault){.kind = DISK_FAULT_ROT, .bytes = 1, .offset = 4, .below = 10});
    assert_int_equal(read_at(f, handle, 0, text, 16), 10);
    disk_fault_end(f->disk, rot);
    assert_false(disk_is_sound(f->disk));
    disk_process_end(f->disk, 1, false);
    assert_true(disk_is_sound(f->disk));
    expect_durable(f, "log", "0123456789");
}

static void test_misdirected_write_leaves_the_old_bytes_and_hurts_others(void **state)
{
    struct fixture *f = *state;
    static char old[4097];
    memset(old, 'o', sizeof(old) - 1);
    struct disk_handle *handle = synced_file(f, old);
    uint32_t astray = begin(f, (struct disk_fault){.kind = DISK_FAULT_MISDIRECT, .count = 1});
    assert_int_equal(write_and_sync(f, handle, 1024, "here"), 0);
    assert_int_equal(write_and_sync(f, handle, 0, "well"), 0); /* only the first one was meant */
    assert_int_equal(disk_counts(f->disk)->misdirected, 1);
    char text[4096];
    assert_int_equal(read_at(f, handle, 0, text, 4096), 4096);
    assert_memory_equal(text + 1024, "here", 4); /* from the cache */
    assert_true(disk_survives(f->disk, "log", 1024, 4));
    assert_false(disk_is_good(f->disk, "log", 1024, 4));
    power_cycle(f);
    handle = open_file(f, "log");
    assert_int_equal(read_at(f, handle, 0, text, 4096), 4096);
    assert_memory_equal(text, "well", 4);
    assert_memory_equal(text + 1024, "oooo", 4);
    unsigned elsewhere = 0;
    for (size_t at = 0; at < 4096; at += DISK_SECTOR) {
        elsewhere += memcmp(text + at, "here", 4) == 0;
    }
    assert_int_equal(elsewhere, 1);
    assert_int_equal(on_file(f, DISK_CLOSE, handle, 0, 0), 0);
    disk_fault_end(f->disk, astray);
    memcpy(old, "well", 4);
    memcpy(old + 1024, "here", 4);
    expect_read(f, "log", old);
    assert_true(disk_is_sound(f->disk));
}

/* Syncs --------------------------------------------------------------------------------------- */

static void test_lying_sync_makes_nothing_durable_and_power_failure_shows_it(void **state)
{
    struct fixture *f = *state;
    fate(f, 1000000, 0, 1000000);
    struct disk_handle *handle = synced_file(f, "old");
    (void)begin(f, (struct disk_fault){.kind = DISK_FAULT_LIE, .count = 2});
    assert_int_equal(write_and_sync(f, handle, 0, "newer"), 0);
    (void)open_file(f, "name");
    assert_int_equal(on_path(f, DISK_SYNC_DIR, "/", NULL), 0);
    assert_true(disk_has_promises(f->disk));
    assert_true(disk_survives(f->disk, "log", 0, 5)); /* an honest disk would have it */
    assert_true(disk_survives(f->disk, "name", 0, 0));
    assert_false(disk_is_good(f->disk, "log", 0, 5));
    assert_false(disk_is_good(f->disk, "name", 0, 0));
    expect_durable(f, "log", "old");
    expect_read(f, "log", "newer");
    power_cycle(f);
    expect_read(f, "log", "old");
    assert_int_equal(disk_counts(f->disk)->promises, 2);
    assert_int_equal(disk_counts(f->disk)->promises_broken, 2);
    assert_int_equal(on_path(f, DISK_STAT, "name", NULL), ERR_NOT_FOUND);
}

static void test_end_of_a_lie_writes_what_was_promised(void **state)
{
    struct fixture *f = *state;
    fate(f, 1000000, 0, 1000000);
    struct disk_handle *handle = synced_file(f, "old");
    uint32_t lie = begin(f, (struct disk_fault){.kind = DISK_FAULT_LIE});
    assert_int_equal(write_and_sync(f, handle, 0, "newer"), 0);
    assert_int_equal(write_at(f, handle, 5, " lost", 5), 0);
    disk_fault_end(f->disk, lie);
    assert_true(disk_is_good(f->disk, "log", 0, 5));
    assert_false(disk_has_promises(f->disk));
    power_cycle(f);
    expect_read(f, "log", "newer");
}

static void test_promises_can_be_kept_by_luck_and_a_true_sync_keeps_them(void **state)
{
    struct fixture *f = *state;
    fate(f, 1000000, 0, 0);
    struct disk_handle *handle = synced_file(f, "old");
    (void)begin(f, (struct disk_fault){.kind = DISK_FAULT_LIE, .count = 1});
    assert_int_equal(write_and_sync(f, handle, 0, "first"), 0);
    disk_keep_promises(f->disk);
    power_cycle(f);
    expect_read(f, "log", "first");
    handle = open_file(f, "log");
    (void)begin(f, (struct disk_fault){.kind = DISK_FAULT_LIE, .count = 1});
    assert_int_equal(write_and_sync(f, handle, 0, "other"), 0);
    assert_int_equal(on_file(f, DISK_SYNC, handle, 0, 0), 0);
    assert_true(disk_is_good(f->disk, "log", 0, 5));
    assert_int_equal(disk_counts(f->disk)->promises_broken, 0);
}

static void test_failed_requests_are_counted_and_of_the_named_file(void **state)
{
    struct fixture *f = *state;
    struct disk_handle *handle = synced_file(f, "old");
    struct disk_handle *other = open_file(f, "other");
    uint32_t fail = begin(
        f,
        (struct disk_fault){
            .kind = DISK_FAULT_FAIL, .op = DISK_WRITE, .err = ERR_IO, .count = 2, .file = "log"});
    assert_int_equal(write_at(f, other, 0, "x", 1), 0);
    assert_int_equal(write_at(f, handle, 0, "x", 1), ERR_IO);
    assert_int_equal(write_at(f, handle, 0, "x", 1), ERR_IO);
    assert_int_equal(write_at(f, handle, 0, "x", 1), 0);
    disk_fault_end(f->disk, fail); /* it has ended by itself */
    assert_int_equal(disk_counts(f->disk)->failed, 2);
}

/* Reads --------------------------------------------------------------------------------------- */

static void test_short_read_gives_less_and_a_loop_gets_all(void **state)
{
    struct fixture *f = *state;
    struct disk_handle *handle = synced_file(f, "0123456789");
    (void)begin(f, (struct disk_fault){.kind = DISK_FAULT_SHORT});
    char text[16] = "";
    size_t got = 0;
    unsigned reads = 0;
    for (size_t more = 1; more > 0; reads++) {
        more = read_at(f, handle, got, text + got, 16 - got);
        assert_true(more > 0 || got == 10);
        got += more;
    }
    assert_int_equal(got, 10);
    assert_memory_equal(text, "0123456789", 10);
    assert_true(reads > 2); /* with this seed */
    assert_true(disk_counts(f->disk)->reads_bad > 1);
}

static void test_flipped_read_differs_from_a_platter_that_is_fine(void **state)
{
    struct fixture *f = *state;
    struct disk_handle *handle = synced_file(f, "0123456789");
    (void)begin(f, (struct disk_fault){.kind = DISK_FAULT_FLIP, .count = 1, .bytes = 1});
    char text[16];
    assert_false(disk_is_sound(f->disk));
    assert_int_equal(read_at(f, handle, 0, text, 16), 10);
    unsigned bits = 0;
    for (size_t i = 0; i < 10; i++) {
        bits += (unsigned)__builtin_popcount((unsigned)(text[i] ^ ('0' + (int)i)));
    }
    assert_int_equal(bits, 1);
    assert_true(disk_is_good(f->disk, "log", 0, 10));
    assert_int_equal(read_at(f, handle, 0, text, 16), 10);
    assert_memory_equal(text, "0123456789", 10);
}

static void test_stale_read_gives_what_was_there_when_it_began(void **state)
{
    struct fixture *f = *state;
    struct disk_handle *handle = synced_file(f, "old");
    uint32_t stale = begin(f, (struct disk_fault){.kind = DISK_FAULT_STALE});
    assert_int_equal(write_and_sync(f, handle, 0, "newer"), 0);
    char text[8];
    assert_int_equal(read_at(f, handle, 0, text, 8), 5);
    assert_memory_equal(text, "old\0\0", 5);
    assert_true(disk_is_good(f->disk, "log", 0, 5));
    assert_false(disk_is_sound(f->disk));
    power_cycle(f);
    handle = open_file(f, "log");
    assert_int_equal(read_at(f, handle, 0, text, 8), 5);
    assert_memory_equal(text, "old\0\0", 5);
    disk_fault_end(f->disk, stale);
    expect_read(f, "log", "newer");
}

/* The whole disk ------------------------------------------------------------------------------ */

static void test_full_disk_refuses_and_goes_on_when_it_is_freed(void **state)
{
    struct fixture *f = *state;
    struct disk_handle *handle = synced_file(f, "0123456789");
    uint32_t full = begin(f, (struct disk_fault){.kind = DISK_FAULT_FULL, .bytes = 12});
    assert_int_equal(write_at(f, handle, 10, "abc", 3), ERR_NO_SPACE);
    assert_int_equal(write_at(f, handle, 10, "ab", 2), 0);
    assert_int_equal(on_path(f, DISK_SPACE, "/", NULL), 0);
    assert_int_equal(f->size, 0);
    disk_fault_end(f->disk, full);
    assert_int_equal(write_at(f, handle, 12, "c", 1), 0);
    expect_read(f, "log", "0123456789abc");
}

static int64_t time_of_write(struct fixture *f, struct disk_handle *handle, size_t len)
{
    static char bytes[4096];
    int64_t before = f->engine.now_ns;
    assert_int_equal(write_at(f, handle, 0, bytes, len), 0);
    return f->engine.now_ns - before;
}

static void test_slow_disk_takes_longer_until_it_is_healed(void **state)
{
    struct fixture *f = *state;
    struct disk_handle *handle = open_file(f, "log");
    uint32_t slow = begin(
        f, (struct disk_fault){
               .kind = DISK_FAULT_SLOW, .factor = 10, .low_ns = 10 * MS_NS, .high_ns = 20 * MS_NS});
    assert_in_range(time_of_write(f, handle, 1), 10 * MS_NS + 50 * US_NS, 20 * MS_NS + 301 * US_NS);
    disk_fault_end(f->disk, slow);
    assert_in_range(time_of_write(f, handle, 1), 0, 31 * US_NS);
}

static void test_one_file_may_be_slow_or_throttled(void **state)
{
    struct fixture *f = *state;
    struct disk_handle *log = open_file(f, "log");
    struct disk_handle *other = open_file(f, "other");
    (void)begin(f, (struct disk_fault){.kind = DISK_FAULT_SLOW,
                                       .file = "log",
                                       .low_ns = 10 * MS_NS,
                                       .high_ns = 20 * MS_NS});
    (void)begin(f, (struct disk_fault){.kind = DISK_FAULT_RATE, .file = "other", .bytes = 1000000});
    assert_in_range(time_of_write(f, log, 1000), 10 * MS_NS, 20 * MS_NS + 31 * US_NS);
    assert_in_range(time_of_write(f, other, 1000), MS_NS, MS_NS + 31 * US_NS);
}

static void test_throttled_disk_serves_one_after_the_other(void **state)
{
    struct fixture *f = *state;
    static char bytes[1000];
    const struct slice slice = slice_of(bytes, sizeof(bytes));
    struct disk_handle *handle = open_file(f, "log");
    (void)begin(f, (struct disk_fault){.kind = DISK_FAULT_RATE, .bytes = 100000});
    int64_t before = f->engine.now_ns;
    for (int i = 0; i < 10; i++) {
        struct disk_req *req = ask(f, DISK_WRITE);
        req->handle = handle;
        disk_slices(req, &slice, 1);
        disk_submit(req);
    }
    (void)engine_run(&f->engine, INT64_MAX, UINT64_MAX);
    assert_in_range(f->engine.now_ns - before, 100 * MS_NS, 101 * MS_NS);
}

static void test_end_of_a_slow_disk_hastens_what_was_under_way(void **state)
{
    struct fixture *f = *state;
    struct disk_handle *handle = open_file(f, "log");
    uint32_t rate = begin(f, (struct disk_fault){.kind = DISK_FAULT_RATE, .bytes = 1});
    const struct slice slice = slice_str("a hundred seconds, and one more");
    struct disk_req *req = ask(f, DISK_WRITE);
    req->handle = handle;
    disk_slices(req, &slice, 1);
    f->status = 1;
    disk_submit(req);
    (void)engine_run(&f->engine, f->engine.now_ns + SEC_NS, UINT64_MAX);
    assert_int_equal(f->status, 1);
    disk_fault_end(f->disk, rate);
    int64_t before = f->engine.now_ns;
    (void)engine_run(&f->engine, INT64_MAX, UINT64_MAX);
    assert_int_equal(f->status, 0);
    assert_in_range(f->engine.now_ns - before, 0, 31 * US_NS);
}

static void test_stall_ends_with_its_fault(void **state)
{
    struct fixture *f = *state;
    struct disk_handle *handle = open_file(f, "log");
    uint32_t first = begin(f, (struct disk_fault){.kind = DISK_FAULT_STALL});
    uint32_t second = begin(f, (struct disk_fault){.kind = DISK_FAULT_STALL});
    assert_int_equal(write_at(f, handle, 0, "x", 1), 1);
    disk_fault_end(f->disk, first);
    (void)engine_run(&f->engine, INT64_MAX, UINT64_MAX);
    assert_int_equal(f->status, 1);
    assert_false(disk_works(f->disk));
    disk_fault_end(f->disk, second);
    (void)engine_run(&f->engine, INT64_MAX, UINT64_MAX);
    assert_int_equal(f->status, 0);
    assert_true(disk_works(f->disk));
}

static void test_trash_is_other_bytes_within_the_write(void **state)
{
    struct fixture *f = *state;
    static char old[4097];
    static char new[3000];
    memset(old, 'o', sizeof(old) - 1);
    memset(new, 'n', sizeof(new));
    struct disk_handle *handle = synced_file(f, old);
    uint32_t power = begin(f, (struct disk_fault){.kind = DISK_FAULT_POWER, .trash_ppm = 1000000});
    assert_int_equal(write_at(f, handle, 100, new, 3000), 0);
    power_cycle(f);
    disk_fault_end(f->disk, power);
    uint8_t bytes[4096];
    size_t count = 0;
    size_t trashed = 0;
    assert_int_equal(disk_read_durable(f->disk, "log", 0, bytes, sizeof(bytes), &count), 0);
    assert_int_equal(count, 4096);
    for (size_t at = 0; at < 4096; at++) {
        bool inside = at >= 100 && at < 3100;
        assert_true(inside || bytes[at] == 'o');
        trashed += inside && bytes[at] != 'n';
    }
    assert_in_range(trashed, 500, 2900); /* by sectors */
    assert_int_equal(disk_counts(f->disk)->writes_trashed, 1);
}

/* Draws --------------------------------------------------------------------------------------- */

/* What a power failure leaves of twenty writes to each of two files. */
static void story(struct fixture *f, uint32_t machine, bool other, bool fault, uint8_t *left)
{
    struct disk *before = f->disk;
    char bytes[64];
    f->disk = disk_new(&f->engine, machine, &disk_options_default);
    struct disk_handle *log = synced_file(f, "x");
    if (fault) {
        (void)begin(f, (struct disk_fault){.kind = DISK_FAULT_FAIL,
                                           .op = DISK_WRITE,
                                           .err = ERR_IO,
                                           .count = 3,
                                           .file = "other"});
    }
    struct disk_handle *second = open_file(f, "other");
    for (uint64_t i = 0; i < 20; i++) {
        memset(bytes, 'a' + (int)i, sizeof(bytes));
        if (other) {
            (void)write_at(f, second, i * 64, bytes, 64);
        }
        assert_int_equal(write_at(f, log, 1 + i * 64, bytes, 64), 0);
    }
    power_cycle(f);
    size_t count = 0;
    memset(left, 0, 2000);
    assert_int_equal(disk_read_durable(f->disk, "log", 0, left, 2000, &count), 0);
    disk_free(f->disk);
    f->disk = before;
}

static void test_fates_of_one_file_do_not_depend_on_requests_or_faults_of_another(void **state)
{
    struct fixture *f = *state;
    uint8_t with[2000];
    uint8_t without[2000];
    story(f, 7, true, false, with);
    story(f, 7, false, false, without);
    assert_memory_equal(with, without, 2000);
    story(f, 7, true, true, with);
    assert_memory_equal(with, without, 2000);
    story(f, 8, true, false, with);
    assert_memory_not_equal(with, without, 2000);
}

struct stop {
    struct fixture *f;
    unsigned calls;
};

static void cut_power(void *data)
{
    struct stop *stop = data;
    stop->calls++;
    power_cycle(stop->f);
}

static void test_power_can_fail_at_the_nth_request(void **state)
{
    struct fixture *f = *state;
    struct stop stop = {.f = f};
    fate(f, 1000000, 0, 1000000);
    struct disk_handle *handle = synced_file(f, "old");
    disk_at_request(f->disk, 2, cut_power, &stop);
    assert_int_equal(write_at(f, handle, 0, "new", 3), 0);
    assert_int_equal(on_file(f, DISK_SYNC, handle, 0, 0), 1); /* nobody hears of it */
    assert_int_equal(stop.calls, 1);
    expect_durable(f, "log", "old");
    disk_at_request(f->disk, 3, cut_power, &stop);
    disk_at_request(f->disk, 0, NULL, NULL);
    expect_read(f, "log", "old");
    assert_int_equal(stop.calls, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_rot_changes_durable_bytes_and_healing_brings_them_back),
        CASE(test_rot_is_somewhere_in_the_file_that_is_named_and_below_the_mark),
        CASE(test_what_is_written_over_rot_is_as_it_was_written),
        CASE(test_damage_that_was_read_and_built_upon_does_not_heal),
        CASE(test_damage_that_was_only_read_heals_when_the_process_has_ended),
        CASE(test_misdirected_write_leaves_the_old_bytes_and_hurts_others),
        CASE(test_lying_sync_makes_nothing_durable_and_power_failure_shows_it),
        CASE(test_end_of_a_lie_writes_what_was_promised),
        CASE(test_promises_can_be_kept_by_luck_and_a_true_sync_keeps_them),
        CASE(test_failed_requests_are_counted_and_of_the_named_file),
        CASE(test_short_read_gives_less_and_a_loop_gets_all),
        CASE(test_flipped_read_differs_from_a_platter_that_is_fine),
        CASE(test_stale_read_gives_what_was_there_when_it_began),
        CASE(test_full_disk_refuses_and_goes_on_when_it_is_freed),
        CASE(test_slow_disk_takes_longer_until_it_is_healed),
        CASE(test_one_file_may_be_slow_or_throttled),
        CASE(test_throttled_disk_serves_one_after_the_other),
        CASE(test_end_of_a_slow_disk_hastens_what_was_under_way),
        CASE(test_stall_ends_with_its_fault),
        CASE(test_trash_is_other_bytes_within_the_write),
        CASE(test_fates_of_one_file_do_not_depend_on_requests_or_faults_of_another),
        CASE(test_power_can_fail_at_the_nth_request),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
