/* The bytes of the log: what is read back is what was written, up to the last whole unit. */
#include "base/hash.h"
#include "format.h"
#include "testing.h"

struct log {
    struct buf bytes;
    struct wal_tail tail;
    uint64_t mark;
    struct raft_hard_state hard;
    index_t last;
    uint64_t token;
    uint64_t ends[64]; /* offset behind each unit */
    index_t lasts[64]; /* the last entry then */
    size_t units;
    uint64_t batches[64]; /* offset behind each batch */
    size_t batch_count;
};

static struct mem_pool *pool;

static int setup(void **state)
{
    (void)state;
    pool = mem_pool_new(UINT64_MAX, 0xA5);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    assert_int_equal(mem_pool_mem(pool)->bytes, 0);
    mem_pool_free(pool);
    return 0;
}

static void end_unit(struct log *log)
{
    log->ends[log->units] = log->tail.offset;
    log->lasts[log->units++] = log->last;
}

static void begin(struct log *log)
{
    *log = (struct log){.mark = WAL_HEADER_BYTES};
    buf_init(&log->bytes, mem_pool_mem(pool));
    const struct wal_header header = {
        .salt = 0x5A17, .meta = {0xC1, 0xA1}, .instance = 0x5A18, .sequence = 1, .first = 1};
    wal_write_header(&log->bytes, &header, &log->tail);
    wal_write_boot(&log->bytes, &log->tail, log->mark, 1);
    end_unit(log);
}

static void end_batch(struct log *log)
{
    log->mark = log->tail.offset;
    log->batches[log->batch_count++] = log->mark;
}

/* Entries [first, first + count) of `term`, each with `bytes` bytes. */
static void add(struct log *log, term_t term, index_t first, size_t count, size_t bytes)
{
    struct raft_entry entries[8];
    uint8_t payload[256];
    assert_true(count <= 8 && bytes <= sizeof(payload));
    for (size_t i = 0; i < bytes; i++) {
        payload[i] = (uint8_t)(first + i);
    }
    for (size_t i = 0; i < count; i++) {
        entries[i] = (struct raft_entry){term, first + i, slice_of(payload, bytes),
                                         i % 2 == 0 ? RAFT_ENTRY_NORMAL : RAFT_ENTRY_CONF};
    }
    bool hard = term != log->hard.term;
    log->hard.term = term;
    const struct raft_persist persist = {.token = ++log->token,
                                         .sync = true,
                                         .hard = log->hard,
                                         .truncate_from = first <= log->last ? first : 0,
                                         .entries = entries,
                                         .entry_count = count};
    wal_write_persist(&log->bytes, &log->tail, log->mark, &persist, hard);
    log->last = first + count - 1;
    end_unit(log);
}

static void sample(struct log *log)
{
    begin(log);
    end_batch(log);
    add(log, 1, 1, 1, 0);
    add(log, 1, 2, 3, 5);
    end_batch(log);
    add(log, 2, 4, 2, 40);
    end_batch(log);
    add(log, 3, 3, 4, 8);
    add(log, 3, 7, 1, 100);
}

static void test_what_is_written_is_read_back(void **state)
{
    (void)state;
    struct log log;
    struct wal_replay r;
    sample(&log);
    assert_int_equal(wal_replay(&r, mem_pool_mem(pool), buf_slice(&log.bytes)), 0);
    assert_int_equal(r.meta.cluster_id, 0xC1);
    assert_int_equal(r.meta.member_id, 0xA1);
    assert_int_equal(r.boot, 1);
    assert_int_equal(r.hard.term, 3);
    assert_int_equal(r.entry_count, 7);
    const term_t terms[] = {1, 1, 3, 3, 3, 3, 3};
    const size_t lens[] = {0, 5, 8, 8, 8, 8, 100};
    for (size_t i = 0; i < 7; i++) {
        assert_int_equal(r.entries[i].index, i + 1);
        assert_int_equal(r.entries[i].term, terms[i]);
        assert_int_equal(r.entries[i].payload.len, lens[i]);
    }
    assert_int_equal(r.entries[6].payload.ptr[3], 7 + 3);
    assert_int_equal(r.entries[3].type, RAFT_ENTRY_CONF);
    assert_int_equal(r.tail.offset, log.bytes.len);
    assert_int_equal(r.mark, log.mark);
    wal_replay_fini(&r);
    buf_fini(&log.bytes);
}

static void test_a_log_cut_at_any_byte_keeps_its_whole_units(void **state)
{
    (void)state;
    struct log log;
    sample(&log);
    for (size_t len = WAL_HEADER_BYTES; len <= log.bytes.len; len++) {
        struct wal_replay r;
        size_t whole = 0;
        while (whole < log.units && log.ends[whole] <= len) {
            whole++;
        }
        struct slice file = slice_of(log.bytes.ptr, len);
        assert_int_equal(wal_replay(&r, mem_pool_mem(pool), file), 0);
        assert_int_equal(r.tail.offset, whole == 0 ? WAL_HEADER_BYTES : log.ends[whole - 1]);
        assert_int_equal(r.entry_count, whole == 0 ? 0 : log.lasts[whole - 1]);
        wal_replay_fini(&r);
    }
    buf_fini(&log.bytes);
}

static void test_a_header_that_is_cut_is_refused(void **state)
{
    (void)state;
    struct log log;
    sample(&log);
    for (size_t len = 0; len < WAL_HEADER_BYTES; len++) {
        struct wal_replay r;
        int err = wal_replay(&r, mem_pool_mem(pool), slice_of(log.bytes.ptr, len));
        assert_int_equal(err, ERR_CORRUPT);
        wal_replay_fini(&r);
    }
    buf_fini(&log.bytes);
}

static bool is_lost(const struct wal_replay *r, index_t index)
{
    return r->lost_first != 0 && index >= r->lost_first && index <= r->lost_last;
}

/* What a replay of a damaged log still says is what the sound one says; what it says is lost
 * includes all that it does not. */
static void check_rest(const struct wal_replay *sound, const struct wal_replay *damaged)
{
    assert_true(wal_replay_last(damaged) >= wal_replay_last(sound));
    assert_int_equal(damaged->hard.term, sound->hard.term);
    assert_int_equal(damaged->boot, sound->boot);
    for (index_t i = 1; i <= wal_replay_last(damaged); i++) {
        if (is_lost(damaged, i)) {
            continue;
        }
        assert_true(i <= wal_replay_last(sound));
        assert_int_equal(damaged->entries[i - 1].index, i);
        assert_int_equal(damaged->entries[i - 1].term, sound->entries[i - 1].term);
        assert_true(slice_eq(damaged->entries[i - 1].payload, sound->entries[i - 1].payload));
    }
}

/* The last batch may be hurt anywhere by a power failure; what lies before it was synced. */
static void test_damage_before_a_mark_is_rot_and_behind_the_last_is_a_torn_tail(void **state)
{
    (void)state;
    struct log log;
    size_t repairable = 0;
    sample(&log);
    struct buf copy;
    struct wal_replay sound;
    buf_init(&copy, mem_pool_mem(pool));
    buf_add_slice(&copy, buf_slice(&log.bytes));
    assert_int_equal(wal_replay(&sound, mem_pool_mem(pool), buf_slice(&copy)), 0);
    for (size_t at = WAL_HEADER_BYTES; at < log.bytes.len; at++) {
        struct wal_replay r;
        log.bytes.ptr[at] ^= 0x10;
        int err = wal_replay(&r, mem_pool_mem(pool), buf_slice(&log.bytes));
        if (at < log.mark && err == 0) {
            assert_int_equal(r.rotten_all, 1);
            check_rest(&sound, &r);
            repairable++;
        } else if (at < log.mark) {
            assert_int_equal(err, ERR_CORRUPT);
            assert_true(r.where <= at && r.where + 200 > at);
            assert_non_null(r.what);
        } else {
            assert_int_equal(err, 0);
            assert_true(r.tail.offset >= log.mark && r.tail.offset <= at);
        }
        wal_replay_fini(&r);
        log.bytes.ptr[at] ^= 0x10;
    }
    assert_true(repairable > 100);
    wal_replay_fini(&sound);
    buf_fini(&copy);
    buf_fini(&log.bytes);
}

static void test_a_batch_whose_first_half_is_missing_is_a_torn_tail(void **state)
{
    (void)state;
    struct log log;
    struct wal_replay r;
    sample(&log);
    /* The first unit of the last batch never reached the disk, the second did. */
    uint64_t from = log.mark;
    uint64_t to = log.ends[log.units - 2];
    memset(log.bytes.ptr + from, 0, (size_t)(to - from));
    assert_int_equal(wal_replay(&r, mem_pool_mem(pool), buf_slice(&log.bytes)), 0);
    assert_int_equal(r.tail.offset, from);
    assert_int_equal(r.entry_count, 5);
    wal_replay_fini(&r);
    buf_fini(&log.bytes);
}

static void test_a_record_of_an_older_life_does_not_fit(void **state)
{
    (void)state;
    struct log log;
    struct log other;
    struct wal_replay r;
    begin(&log);
    end_batch(&log);
    add(&log, 1, 1, 1, 8);
    struct buf old;
    buf_init(&old, mem_pool_mem(pool));
    buf_add(&old, log.bytes.ptr, log.bytes.len);
    add(&log, 1, 2, 1, 8);
    /* The same file, cut behind its first unit and written anew, while the cut was lost. */
    begin(&other);
    end_batch(&other);
    add(&other, 2, 1, 1, 8);
    size_t new_len = other.bytes.len;
    assert_true(new_len <= log.bytes.len);
    memcpy(log.bytes.ptr, other.bytes.ptr, new_len);
    assert_int_equal(wal_replay(&r, mem_pool_mem(pool), buf_slice(&log.bytes)), 0);
    assert_int_equal(r.tail.offset, new_len);
    assert_int_equal(r.entry_count, 1);
    assert_int_equal(r.entries[0].term, 2);
    wal_replay_fini(&r);
    buf_fini(&old);
    buf_fini(&other.bytes);
    buf_fini(&log.bytes);
}

static void test_foreign_and_newer_files_are_refused(void **state)
{
    (void)state;
    struct log log;
    struct wal_replay r;
    sample(&log);
    log.bytes.ptr[0] ^= 1;
    assert_int_equal(wal_replay(&r, mem_pool_mem(pool), buf_slice(&log.bytes)), ERR_FORMAT);
    wal_replay_fini(&r);
    log.bytes.ptr[0] ^= 1;
    log.bytes.ptr[8] = 3;
    assert_int_equal(wal_replay(&r, mem_pool_mem(pool), buf_slice(&log.bytes)), ERR_CORRUPT);
    wal_replay_fini(&r);
    store_u32(log.bytes.ptr + 60, crc32c(0, log.bytes.ptr, 60));
    assert_int_equal(wal_replay(&r, mem_pool_mem(pool), buf_slice(&log.bytes)), ERR_FORMAT);
    assert_string_equal(r.what, "the log was written by a newer version");
    wal_replay_fini(&r);
    buf_fini(&log.bytes);
}

static void test_a_gap_in_the_log_is_refused(void **state)
{
    (void)state;
    struct log log;
    struct wal_replay r;
    begin(&log);
    add(&log, 1, 1, 2, 8);
    add(&log, 1, 4, 1, 8);
    assert_int_equal(wal_replay(&r, mem_pool_mem(pool), buf_slice(&log.bytes)), ERR_CORRUPT);
    assert_int_equal(r.where, log.ends[1]);
    wal_replay_fini(&r);
    buf_fini(&log.bytes);
}

static void test_a_snapshot_restarts_the_log(void **state)
{
    (void)state;
    struct log log;
    struct wal_replay r;
    sample(&log);
    const struct raft_conf conf = {
        .voter_count = 2, .learner_count = 1, .voters = {3, 9}, .learners = {5}};
    const struct raft_persist persist = {.token = 9,
                                         .hard = {4, 3, 20},
                                         .snapshot_index = 20,
                                         .snapshot_term = 4,
                                         .snapshot_conf = &conf};
    wal_write_persist(&log.bytes, &log.tail, log.mark, &persist, true);
    add(&log, 4, 21, 2, 8);
    assert_int_equal(wal_replay(&r, mem_pool_mem(pool), buf_slice(&log.bytes)), 0);
    assert_int_equal(r.snapshot_index, 20);
    assert_int_equal(r.snapshot_term, 4);
    assert_int_equal(r.entry_count, 2);
    assert_int_equal(r.entries[0].index, 21);
    wal_replay_fini(&r);
    buf_fini(&log.bytes);
}

static void test_a_pure_cut_shortens_the_log(void **state)
{
    (void)state;
    struct log log;
    struct wal_replay r;
    sample(&log);
    const struct raft_persist persist = {.token = 9, .hard = log.hard, .truncate_from = 5};
    wal_write_persist(&log.bytes, &log.tail, log.mark, &persist, false);
    assert_int_equal(wal_replay(&r, mem_pool_mem(pool), buf_slice(&log.bytes)), 0);
    assert_int_equal(r.entry_count, 4);
    wal_replay_fini(&r);
    buf_fini(&log.bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        unit(test_what_is_written_is_read_back),
        unit(test_a_log_cut_at_any_byte_keeps_its_whole_units),
        unit(test_a_header_that_is_cut_is_refused),
        unit(test_damage_before_a_mark_is_rot_and_behind_the_last_is_a_torn_tail),
        unit(test_a_batch_whose_first_half_is_missing_is_a_torn_tail),
        unit(test_a_record_of_an_older_life_does_not_fit),
        unit(test_foreign_and_newer_files_are_refused),
        unit(test_a_gap_in_the_log_is_refused),
        unit(test_a_snapshot_restarts_the_log),
        unit(test_a_pure_cut_shortens_the_log),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
