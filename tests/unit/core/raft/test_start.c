/* What a start accepts from the disk, and what it makes of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/duration.h"
#include "raft/raft.h"

static struct mem_pool *pool;
static struct raft_config config;
static struct raft_conf conf;
static struct raft_entry entries[6];

static int setup(void **state)
{
    (void)state;
    pool = mem_pool_new(UINT64_C(1) << 28, 0xA5);
    raft_config_init(&config, 1, 1);
    conf = (struct raft_conf){.voter_count = 3, .voters = {1, 2, 3}};
    for (size_t i = 0; i < 6; i++) {
        entries[i] = (struct raft_entry){.term = 1 + i / 2, .index = 5 + i};
    }
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    bool leaked = mem_pool_mem(pool)->bytes != 0;
    mem_pool_free(pool);
    return leaked ? -1 : 0;
}

/* Entries 5..10 of terms 1 1 2 2 3 3 behind a snapshot of 4/1. */
static struct raft_start good(void)
{
    return (struct raft_start){.hard = {.term = 3, .vote = 2, .commit = 7},
                               .snapshot_index = 4,
                               .snapshot_term = 1,
                               .conf = &conf,
                               .entries = entries,
                               .entry_count = 6};
}

static void refused(const struct raft_start *start, int err)
{
    struct raft *raft = NULL;
    assert_int_equal(raft_new(mem_pool_mem(pool), &config, start, &raft), err);
    assert_null(raft);
}

static struct raft *started(const struct raft_start *start, struct raft_update *u)
{
    struct raft *raft;
    struct raft_event e = {.type = RAFT_EVENT_START};
    int err = raft_new(mem_pool_mem(pool), &config, start, &raft);
    assert_int_equal(err, 0);
    raft_step(raft, &e, u);
    raft_check(raft);
    return raft;
}

static void test_contradictions_are_corruption(void **state)
{
    (void)state;
    struct raft_start s = good();
    s.hard.commit = 11;
    refused(&s, ERR_CORRUPT);
    s = good();
    s.hard.term = 2;
    refused(&s, ERR_CORRUPT);
    s = good();
    s.snapshot_index = 3; /* a hole: 4 is nowhere */
    refused(&s, ERR_CORRUPT);
    s = good();
    s.snapshot_index = 8;
    s.snapshot_term = 1; /* the log says 2 */
    refused(&s, ERR_CORRUPT);
    s = good();
    entries[3].index = 9;
    refused(&s, ERR_CORRUPT);
    entries[3].index = 8;
    entries[3].term = 1;
    refused(&s, ERR_CORRUPT);
    entries[3].term = 2;
    entries[3].type = RAFT_ENTRY_CONF;
    refused(&s, ERR_PROTO);
    entries[3].type = RAFT_ENTRY_NORMAL;
    conf.voters[2] = 2;
    refused(&s, ERR_CORRUPT);
}

static void test_log_and_hard_state_come_back(void **state)
{
    (void)state;
    struct raft_update u;
    struct raft_start s = good();
    struct raft *raft = started(&s, &u);
    assert_int_equal(raft_term(raft), 3);
    assert_int_equal(raft_vote(raft), 2);
    assert_int_equal(raft_first(raft), 5);
    assert_int_equal(raft_last(raft), 10);
    assert_int_equal(raft_durable(raft), 10);
    assert_int_equal(raft_applied(raft), 4);
    assert_int_equal(u.commit_first, 5);
    assert_int_equal(u.commit_last, 7);
    assert_true(u.persist.token == 0);
    assert_true(u.state_changed && u.conf_changed);
    assert_in_range(u.deadline_ns, 1000 * MS_NS, 2000 * MS_NS - 1);
    raft_free(raft);
}

static void test_entries_below_the_snapshot_are_kept_for_laggards(void **state)
{
    (void)state;
    struct raft_update u;
    struct raft_start s = good();
    s.snapshot_index = 8;
    s.snapshot_term = 2;
    struct raft *raft = started(&s, &u);
    assert_int_equal(raft_first(raft),
                     6); /* 5 became the base: its own term is known, 4's is not */
    assert_int_equal(raft_log_term(raft, 5), 1);
    assert_int_equal(raft_commit(raft), 8);
    assert_int_equal(raft_applied(raft), 8);
    assert_int_equal(u.commit_first, 0);
    raft_free(raft);
}

static void test_log_that_ends_before_the_snapshot_is_dropped(void **state)
{
    (void)state;
    struct raft_update u;
    struct raft_start s = good();
    s.snapshot_index = 20;
    s.snapshot_term = 3;
    struct raft *raft = started(&s, &u);
    assert_int_equal(raft_first(raft), 21);
    assert_int_equal(raft_last(raft), 20);
    assert_int_equal(raft_log_term(raft, 20), 3);
    raft_free(raft);
}

static void test_bootstrap_makes_committed_entries_of_term_1(void **state)
{
    (void)state;
    struct buf payload[2];
    struct slice slices[2];
    for (size_t i = 0; i < 2; i++) {
        struct raft_conf_change change = {.type = RAFT_CONF_ADD_VOTER, .member = i + 1};
        buf_init(&payload[i], mem_pool_mem(pool));
        raft_conf_change_encode(&change, &payload[i]);
        slices[i] = buf_slice(&payload[i]);
    }
    struct raft_update u;
    struct raft_start s = {.bootstrap = slices, .bootstrap_count = 2};
    struct raft *raft = started(&s, &u);
    assert_int_equal(raft_term(raft), 1);
    assert_int_equal(u.persist.token, 1);
    assert_true(u.persist.sync && u.persist.hard_changed);
    assert_int_equal(u.persist.hard.term, 1);
    assert_int_equal(u.persist.hard.commit, 2);
    assert_int_equal(u.persist.entry_count, 2);
    assert_int_equal(u.persist.entries[1].index, 2);
    assert_int_equal(u.commit_first, 1);
    assert_int_equal(u.commit_last, 2);
    assert_int_equal(raft_conf(raft)->voter_count, 2);
    assert_int_equal(raft_durable(raft), 0);
    raft_free(raft);
    s.hard.term = 1;
    refused(&s, ERR_INVALID);
    buf_fini(&payload[0]);
    buf_fini(&payload[1]);
}

static void test_fresh_member_without_a_configuration_waits_for_ever(void **state)
{
    (void)state;
    struct raft_update u;
    struct raft_start s = {0};
    struct raft *raft = started(&s, &u);
    assert_true(u.deadline_ns == INT64_MAX);
    assert_true(u.persist.token == 0);
    raft_free(raft);
}

static void test_initial_elapsed_time_shortens_the_first_timeout(void **state)
{
    (void)state;
    struct raft_update u;
    struct raft_start s = good();
    config.initial_elapsed_ns = 900 * MS_NS;
    struct raft *raft = started(&s, &u);
    assert_in_range(u.deadline_ns, 100 * MS_NS, 1100 * MS_NS - 1);
    raft_free(raft);
}

static void test_timeouts_are_drawn_from_the_whole_range(void **state)
{
    (void)state;
    struct raft_start s = good();
    int64_t least = INT64_MAX;
    int64_t most = 0;
    int odd = 0;
    for (uint64_t seed = 0; seed < 1000; seed++) {
        struct raft_update u;
        config.rng = rng_stream(seed, "test.start", 0);
        raft_free(started(&s, &u));
        least = u.deadline_ns < least ? u.deadline_ns : least;
        most = u.deadline_ns > most ? u.deadline_ns : most;
        odd += u.deadline_ns % MS_NS != 0;
    }
    assert_true(least >= 1000 * MS_NS && least < 1010 * MS_NS);
    assert_true(most < 2000 * MS_NS && most > 1990 * MS_NS);
    assert_true(odd > 990); /* not multiples of a tick */
}

static void test_bad_configurations_are_refused(void **state)
{
    (void)state;
    struct raft_config c;
    raft_config_init(&c, 1, 1);
    assert_int_equal(raft_config_check(&c), 0);
    c.id = 0;
    assert_int_equal(raft_config_check(&c), ERR_INVALID);
    raft_config_init(&c, 1, 0);
    assert_int_equal(raft_config_check(&c), ERR_INVALID);
    raft_config_init(&c, 1, 1);
    c.election_ns = c.heartbeat_ns;
    assert_int_equal(raft_config_check(&c), ERR_INVALID);
    raft_config_init(&c, 1, 1);
    c.read_mode = RAFT_READS_BY_LEASE;
    assert_int_equal(raft_config_check(&c), 0);
    c.check_quorum = false; /* nobody would hold back its vote */
    assert_int_equal(raft_config_check(&c), ERR_INVALID);
    raft_config_init(&c, 1, 1);
    c.inflight_max = 0;
    assert_int_equal(raft_config_check(&c), ERR_INVALID);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_contradictions_are_corruption),
        TEST(test_log_and_hard_state_come_back),
        TEST(test_entries_below_the_snapshot_are_kept_for_laggards),
        TEST(test_log_that_ends_before_the_snapshot_is_dropped),
        TEST(test_bootstrap_makes_committed_entries_of_term_1),
        TEST(test_fresh_member_without_a_configuration_waits_for_ever),
        TEST(test_initial_elapsed_time_shortens_the_first_timeout),
        TEST(test_timeouts_are_drawn_from_the_whole_range),
        TEST(test_bad_configurations_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
