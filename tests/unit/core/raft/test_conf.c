#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "raft/entry.h"

static void test_lists_stay_sorted(void **state)
{
    (void)state;
    struct raft_conf conf = {0};
    assert_true(raft_conf_apply(&conf, RAFT_CONF_ADD_VOTER, 9));
    assert_true(raft_conf_apply(&conf, RAFT_CONF_ADD_VOTER, 3));
    assert_true(raft_conf_apply(&conf, RAFT_CONF_ADD_LEARNER, 5));
    assert_true(raft_conf_apply(&conf, RAFT_CONF_ADD_VOTER, 7));
    assert_true(raft_conf_is_valid(&conf));
    assert_int_equal(conf.voter_count, 3);
    assert_int_equal(conf.voters[1], 7);
    assert_int_equal(conf.learners[0], 5);
}

static void test_a_member_is_in_one_list(void **state)
{
    (void)state;
    struct raft_conf conf = {.voter_count = 1, .voters = {1}};
    assert_true(raft_conf_apply(&conf, RAFT_CONF_ADD_LEARNER, 2));
    assert_false(raft_conf_apply(&conf, RAFT_CONF_ADD_LEARNER, 2));
    assert_true(raft_conf_apply(&conf, RAFT_CONF_PROMOTE, 2));
    assert_true(raft_conf_is_voter(&conf, 2));
    assert_false(raft_conf_is_learner(&conf, 2));
    assert_false(raft_conf_apply(&conf, RAFT_CONF_PROMOTE, 2));
    assert_false(raft_conf_apply(&conf, RAFT_CONF_PROMOTE, 3));
    assert_true(raft_conf_apply(&conf, RAFT_CONF_ADD_LEARNER, 2));
    assert_int_equal(conf.voter_count, 1);
    assert_int_equal(conf.learner_count, 1);
    assert_true(raft_conf_apply(&conf, RAFT_CONF_REMOVE, 2));
    assert_false(raft_conf_apply(&conf, RAFT_CONF_REMOVE, 2));
    assert_false(raft_conf_apply(&conf, RAFT_CONF_UPDATE, 1));
    assert_false(raft_conf_apply(&conf, RAFT_CONF_NONE, 0));
}

static void test_quorum_is_a_majority(void **state)
{
    (void)state;
    static const uint32_t quorums[] = {0, 1, 2, 2, 3, 3, 4, 4};
    struct raft_conf conf = {0};
    for (uint32_t n = 0; n < 8; n++) {
        assert_int_equal(raft_conf_quorum(&conf), quorums[n]);
        raft_conf_apply(&conf, RAFT_CONF_ADD_VOTER, n + 1);
    }
}

static void test_a_full_configuration_takes_no_more(void **state)
{
    (void)state;
    struct raft_conf conf = {0};
    for (member_id_t id = 1; id <= MEMBERS_MAX; id++) {
        assert_true(
            raft_conf_apply(&conf, id % 2 == 0 ? RAFT_CONF_ADD_VOTER : RAFT_CONF_ADD_LEARNER, id));
    }
    assert_false(raft_conf_apply(&conf, RAFT_CONF_ADD_VOTER, 1000));
    assert_false(raft_conf_apply(&conf, RAFT_CONF_ADD_LEARNER, 1000));
    assert_true(raft_conf_apply(&conf, RAFT_CONF_PROMOTE, 1));
    assert_true(raft_conf_is_valid(&conf));
}

static void test_validity(void **state)
{
    (void)state;
    struct raft_conf zero = {.voter_count = 1, .voters = {0}};
    struct raft_conf twice = {.voter_count = 2, .voters = {4, 4}};
    struct raft_conf both = {.voter_count = 1, .learner_count = 1, .voters = {4}, .learners = {4}};
    struct raft_conf many = {.voter_count = MEMBERS_MAX + 1};
    struct raft_conf empty = {0};
    assert_false(raft_conf_is_valid(&zero));
    assert_false(raft_conf_is_valid(&twice));
    assert_false(raft_conf_is_valid(&both));
    assert_false(raft_conf_is_valid(&many));
    assert_true(raft_conf_is_valid(&empty));
}

static void test_change_survives_its_bytes(void **state)
{
    (void)state;
    struct mem_pool *pool = mem_pool_new(1 << 20, 0xA5);
    struct buf bytes;
    buf_init(&bytes, mem_pool_mem(pool));
    struct raft_conf_change change = {
        .type = RAFT_CONF_PROMOTE, .member = UINT64_MAX, .context = slice_str("why")};
    struct raft_conf_change back;
    raft_conf_change_encode(&change, &bytes);
    assert_int_equal(raft_conf_change_decode(buf_slice(&bytes), &back), 0);
    assert_int_equal(back.type, RAFT_CONF_PROMOTE);
    assert_true(back.member == UINT64_MAX);
    assert_true(slice_eq_str(back.context, "why"));
    for (size_t len = 0; len < 10; len++) {
        assert_int_equal(raft_conf_change_decode(slice_of(bytes.ptr, len), &back), ERR_PROTO);
    }
    bytes.ptr[1] = RAFT_CONF_UPDATE + 1;
    assert_int_equal(raft_conf_change_decode(buf_slice(&bytes), &back), ERR_PROTO);
    bytes.ptr[1] = RAFT_CONF_REMOVE;
    memset(bytes.ptr + 2, 0, 8); /* remove nobody */
    assert_int_equal(raft_conf_change_decode(buf_slice(&bytes), &back), ERR_PROTO);
    buf_fini(&bytes);
    mem_pool_free(pool);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lists_stay_sorted),
        cmocka_unit_test(test_a_member_is_in_one_list),
        cmocka_unit_test(test_quorum_is_a_majority),
        cmocka_unit_test(test_a_full_configuration_takes_no_more),
        cmocka_unit_test(test_validity),
        cmocka_unit_test(test_change_survives_its_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
