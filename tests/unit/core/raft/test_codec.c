#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"
#include "raft/message.h"

struct fixture {
    struct mem_pool *pool;
    struct buf bytes;
    struct raft_message_space space;
};

static int setup(void **state)
{
    static struct fixture f;
    f.pool = mem_pool_new(UINT64_C(1) << 28, 0xA5);
    buf_init(&f.bytes, mem_pool_mem(f.pool));
    raft_message_space_init(&f.space, mem_pool_mem(f.pool));
    *state = &f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    buf_fini(&f->bytes);
    raft_message_space_fini(&f->space);
    bool leaked = mem_pool_mem(f->pool)->bytes != 0;
    mem_pool_free(f->pool);
    return leaked ? -1 : 0;
}

static struct raft_message round_trip(struct fixture *f, const struct raft_message *m)
{
    struct raft_message back;
    buf_clear(&f->bytes);
    raft_message_encode(m, &f->bytes);
    assert_int_equal(raft_message_decode(buf_slice(&f->bytes), &f->space, &back), 0);
    return back;
}

static void test_every_type_survives_the_wire(void **state)
{
    struct fixture *f = *state;
    for (int type = RAFT_VOTE; type <= RAFT_TIMEOUT_NOW; type++) {
        struct raft_conf conf = {.voter_count = 2, .voters = {7, 9}};
        struct raft_message m = {.type = (enum raft_message_type)type,
                                 .pre = type % 2 == 0,
                                 .force = type % 3 == 0,
                                 .reject = type % 5 == 0,
                                 .from = UINT64_MAX,
                                 .to = 1,
                                 .boot = 127,
                                 .to_boot = 128,
                                 .term = UINT64_MAX,
                                 .index = 3,
                                 .log_term = 1u << 20,
                                 .commit = 16384,
                                 .hint_index = 0,
                                 .hint_term = 5,
                                 .context = UINT64_C(1) << 63,
                                 .sent_ns = INT64_MIN,
                                 .conf = &conf};
        struct raft_message back = round_trip(f, &m);
        assert_int_equal(back.type, m.type);
        assert_int_equal(back.pre, m.pre);
        assert_int_equal(back.force, m.force);
        assert_int_equal(back.reject, m.reject);
        assert_true(back.from == m.from && back.to == m.to);
        assert_true(back.boot == m.boot && back.to_boot == m.to_boot && back.term == m.term);
        assert_true(back.index == m.index && back.log_term == m.log_term);
        assert_true(back.commit == m.commit && back.hint_index == 0 && back.hint_term == 5);
        assert_true(back.context == m.context && back.sent_ns == m.sent_ns);
        assert_true(back.after_token == 0);
        assert_int_equal(back.conf != NULL, type == RAFT_SNAPSHOT);
    }
}

static void test_entries_and_their_indexes_survive_the_wire(void **state)
{
    struct fixture *f = *state;
    struct raft_entry entries[3] = {
        {.term = 4, .index = 11, .payload = slice_str("one"), .type = RAFT_ENTRY_NORMAL},
        {.term = 5, .index = 12, .payload = {NULL, 0}, .type = RAFT_ENTRY_NORMAL},
        {.term = 500, .index = 13, .payload = slice_str("three"), .type = RAFT_ENTRY_CONF},
    };
    struct raft_message m = {.type = RAFT_APPEND,
                             .from = 1,
                             .to = 2,
                             .boot = 1,
                             .term = 500,
                             .index = 10,
                             .log_term = 4,
                             .entries = entries,
                             .entry_count = 3};
    struct raft_message back = round_trip(f, &m);
    assert_int_equal(back.entry_count, 3);
    for (size_t i = 0; i < 3; i++) {
        assert_true(back.entries[i].term == entries[i].term);
        assert_true(back.entries[i].index == entries[i].index);
        assert_true(back.entries[i].type == entries[i].type);
        assert_true(slice_eq(back.entries[i].payload, entries[i].payload));
    }
}

static void test_a_configuration_survives_the_wire(void **state)
{
    struct fixture *f = *state;
    struct raft_conf conf = {
        .voter_count = 3, .learner_count = 1, .voters = {1, 5, 9}, .learners = {4}};
    struct raft_message m = {.type = RAFT_SNAPSHOT,
                             .from = 1,
                             .to = 2,
                             .boot = 1,
                             .term = 2,
                             .index = 10,
                             .log_term = 2,
                             .conf = &conf};
    struct raft_message back = round_trip(f, &m);
    assert_int_equal(back.conf->voter_count, 3);
    assert_int_equal(back.conf->learner_count, 1);
    assert_true(raft_conf_is_voter(back.conf, 9));
    assert_true(raft_conf_is_learner(back.conf, 4));
}

static void test_every_cut_and_every_extra_byte_is_refused(void **state)
{
    struct fixture *f = *state;
    struct raft_entry entry = {.term = 4, .index = 11, .payload = slice_str("one")};
    struct raft_message m = {.type = RAFT_APPEND,
                             .from = 1,
                             .to = 2,
                             .boot = 1,
                             .term = 5,
                             .index = 10,
                             .log_term = 4,
                             .entries = &entry,
                             .entry_count = 1};
    struct raft_message back;
    raft_message_encode(&m, &f->bytes);
    for (size_t len = 0; len < f->bytes.len; len++) {
        struct slice cut = {f->bytes.ptr, len};
        assert_int_equal(raft_message_decode(cut, &f->space, &back), ERR_PROTO);
    }
    buf_add_u8(&f->bytes, 0);
    assert_int_equal(raft_message_decode(buf_slice(&f->bytes), &f->space, &back), ERR_PROTO);
}

static void test_another_version_is_told_apart(void **state)
{
    struct fixture *f = *state;
    struct raft_message m = {.type = RAFT_HEARTBEAT, .from = 1, .to = 2, .boot = 1, .term = 5};
    struct raft_message back;
    raft_message_encode(&m, &f->bytes);
    f->bytes.ptr[0] = 2;
    assert_int_equal(raft_message_decode(buf_slice(&f->bytes), &f->space, &back), ERR_FORMAT);
}

static void test_a_claimed_count_allocates_nothing(void **state)
{
    struct fixture *f = *state;
    struct raft_message m = {.type = RAFT_PROPOSE, .from = 1, .to = 2, .boot = 1, .term = 5};
    struct raft_message back;
    raft_message_encode(&m, &f->bytes);
    f->bytes.len--; /* the count, 0 */
    for (int i = 0; i < 5; i++) {
        buf_add_u8(&f->bytes, i < 4 ? 0xFF : 0x0F);
    }
    uint64_t before = mem_pool_mem(f->pool)->bytes_peak;
    assert_int_equal(raft_message_decode(buf_slice(&f->bytes), &f->space, &back), ERR_PROTO);
    assert_true(mem_pool_mem(f->pool)->bytes_peak == before);
}

static void test_a_configuration_out_of_order_is_refused(void **state)
{
    struct fixture *f = *state;
    struct raft_conf conf = {.voter_count = 2, .voters = {9, 5}};
    struct raft_message m = {
        .type = RAFT_SNAPSHOT, .from = 1, .to = 2, .boot = 1, .term = 2, .conf = &conf};
    struct raft_message back;
    raft_message_encode(&m, &f->bytes);
    assert_int_equal(raft_message_decode(buf_slice(&f->bytes), &f->space, &back), ERR_PROTO);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_every_type_survives_the_wire),
        TEST(test_entries_and_their_indexes_survive_the_wire),
        TEST(test_a_configuration_survives_the_wire),
        TEST(test_every_cut_and_every_extra_byte_is_refused),
        TEST(test_another_version_is_told_apart),
        TEST(test_a_claimed_count_allocates_nothing),
        TEST(test_a_configuration_out_of_order_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
