/* One engine that leads: odd, late and hostile messages, limits, and the member that is told of
 * things which are no longer so. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/duration.h"
#include "raft/raft.h"

struct one {
    struct mem_pool *pool;
    struct raft *raft;
    struct raft_update u;
    int64_t now_ns;
};

static struct one one;

static void step(struct raft_event e)
{
    e.now_ns = one.now_ns;
    raft_step(one.raft, &e, &one.u);
    raft_check(one.raft);
}

/* Steps, and completes what is to be written. */
static void act(struct raft_event e)
{
    step(e);
    while (one.u.persist.token != 0) {
        struct raft_persist p = one.u.persist;
        step((struct raft_event){.type = RAFT_EVENT_PERSISTED,
                                 .token = p.token,
                                 .index = p.last_index,
                                 .term = p.last_term});
    }
}

static void receive(struct raft_message m)
{
    m.to = 1;
    m.boot = m.boot == 0 ? 1 : m.boot;
    m.to_boot = 7;
    act((struct raft_event){.type = RAFT_EVENT_RECEIVE, .message = &m});
}

static struct raft_config config;

static void start(void)
{
    struct raft_conf conf = {
        .voter_count = 3, .learner_count = 1, .voters = {1, 2, 3}, .learners = {4}};
    struct raft_start s = {
        .hard = {.term = 1, .commit = 1}, .snapshot_index = 1, .snapshot_term = 1, .conf = &conf};
    one.pool = mem_pool_new(UINT64_C(1) << 28, 0xA5);
    one.now_ns = 0;
    int err = raft_new(mem_pool_mem(one.pool), &config, &s, &one.raft);
    assert_int_equal(err, 0);
    act((struct raft_event){.type = RAFT_EVENT_START});
}

static void vote(member_id_t from, term_t term, bool pre)
{
    receive(
        (struct raft_message){.type = RAFT_VOTE_RESULT, .pre = pre, .from = from, .term = term});
}

/* n1 of three voters and a learner leads term 2; its entry 2 is committed. */
static int setup(void **state)
{
    (void)state;
    raft_config_init(&config, 1, 7);
    config.reads_max = 3;
    start();
    one.now_ns = 2 * SEC_NS;
    act((struct raft_event){.type = RAFT_EVENT_TICK});
    vote(2, 2, true);
    vote(2, 2, false);
    assert_int_equal(raft_role(one.raft), RAFT_LEADER);
    receive((struct raft_message){.type = RAFT_APPEND_RESULT, .from = 2, .term = 2, .index = 2});
    assert_int_equal(raft_commit(one.raft), 2);
    act((struct raft_event){.type = RAFT_EVENT_APPLIED, .index = 2});
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    raft_free(one.raft);
    bool leaked = mem_pool_mem(one.pool)->bytes != 0;
    mem_pool_free(one.pool);
    return leaked ? -1 : 0;
}

static void test_acknowledgement_beyond_the_log_is_dropped(void **state)
{
    (void)state;
    receive((struct raft_message){.type = RAFT_APPEND_RESULT, .from = 3, .term = 2, .index = 3});
    struct raft_progress progress;
    assert_true(raft_progress(one.raft, 3, &progress));
    assert_int_equal(progress.match, 0);
    assert_int_equal(raft_commit(one.raft), 2);
}

static void test_acknowledgement_of_a_learner_commits_nothing(void **state)
{
    (void)state;
    struct slice x = slice_str("x");
    act((struct raft_event){.type = RAFT_EVENT_PROPOSE, .proposals = &x, .count = 1});
    assert_int_equal(raft_last(one.raft), 3);
    receive((struct raft_message){.type = RAFT_APPEND_RESULT, .from = 4, .term = 2, .index = 3});
    assert_int_equal(raft_commit(one.raft), 2);
    receive((struct raft_message){.type = RAFT_APPEND_RESULT, .from = 9, .term = 2, .index = 3});
    assert_int_equal(raft_commit(one.raft), 2);
    receive((struct raft_message){.type = RAFT_APPEND_RESULT, .from = 3, .term = 2, .index = 3});
    assert_int_equal(raft_commit(one.raft), 3);
}

static void test_round_is_not_confirmed_by_what_was_not_asked(void **state)
{
    (void)state;
    step((struct raft_event){.type = RAFT_EVENT_READ, .context = 1});
    assert_int_equal(one.u.message_count, 3);
    uint64_t round = one.u.messages[0].context;
    struct raft_message m = {.type = RAFT_HEARTBEAT_RESULT,
                             .from = 2,
                             .term = 2,
                             .context = round + 1,
                             .sent_ns = one.now_ns};
    receive(m);
    assert_int_equal(one.u.read_count, 0);
    m.context = round - 1;
    receive(m);
    assert_int_equal(one.u.read_count, 0);
    m.context = round;
    m.from = 4; /* a learner */
    receive(m);
    assert_int_equal(one.u.read_count, 0);
    m.from = 2;
    m.sent_ns = one.now_ns + 1; /* from the future */
    receive(m);
    assert_int_equal(one.u.read_count, 0);
    m.sent_ns = one.now_ns;
    receive(m);
    assert_int_equal(one.u.read_count, 1);
}

static void test_reads_have_a_limit(void **state)
{
    (void)state;
    for (uint64_t context = 1; context <= 3; context++) {
        step((struct raft_event){.type = RAFT_EVENT_READ, .context = context});
        assert_int_equal(one.u.read_count, 0);
    }
    step((struct raft_event){.type = RAFT_EVENT_READ, .context = 4});
    assert_int_equal(one.u.read_count, 1);
    assert_int_equal(one.u.reads[0].context, 4);
    assert_int_equal(one.u.reads[0].err, ERR_BUSY);
}

static void test_forwarded_read_without_an_answer_expires(void **state)
{
    (void)state;
    receive((struct raft_message){.type = RAFT_HEARTBEAT, .from = 2, .term = 3});
    for (uint64_t context = 1; context <= 3; context++) {
        step((struct raft_event){.type = RAFT_EVENT_READ, .context = context});
        assert_int_equal(one.u.messages[0].type, RAFT_READ_INDEX);
    }
    step((struct raft_event){.type = RAFT_EVENT_READ, .context = 4});
    assert_int_equal(one.u.reads[0].err, ERR_BUSY);
    one.now_ns += 11 * SEC_NS;
    receive((struct raft_message){
        .type = RAFT_READ_INDEX_RESULT, .from = 2, .term = 3, .context = 2, .index = 2});
    assert_int_equal(one.u.reads[0].context, 2);
    step((struct raft_event){.type = RAFT_EVENT_READ, .context = 5});
    assert_int_equal(one.u.read_count, 2);
    assert_int_equal(one.u.reads[0].err, ERR_TIMEOUT);
    assert_int_equal(one.u.reads[1].context, 3);
}

static void test_second_leader_of_the_term_is_ignored(void **state)
{
    (void)state;
    receive((struct raft_message){.type = RAFT_HEARTBEAT, .from = 2, .term = 2});
    assert_int_equal(raft_role(one.raft), RAFT_LEADER);
    assert_int_equal(one.u.message_count, 0);
}

static void test_votes_out_of_place_elect_nobody(void **state)
{
    (void)state;
    raft_free(one.raft);
    mem_pool_free(one.pool);
    start();
    one.now_ns = 2 * SEC_NS;
    act((struct raft_event){.type = RAFT_EVENT_TICK});
    vote(2, 9, true); /* of another round */
    vote(4, 2, true); /* a learner */
    vote(9, 2, true); /* a stranger */
    assert_int_equal(raft_role(one.raft), RAFT_PRE_CANDIDATE);
    assert_int_equal(raft_term(one.raft), 1);
    vote(3, 2, true);
    assert_int_equal(raft_role(one.raft), RAFT_CANDIDATE);
}

static void test_two_refusals_of_three_end_the_campaign(void **state)
{
    (void)state;
    raft_free(one.raft);
    mem_pool_free(one.pool);
    start();
    one.now_ns = 2 * SEC_NS;
    act((struct raft_event){.type = RAFT_EVENT_TICK});
    for (member_id_t id = 2; id <= 3; id++) {
        assert_int_equal(raft_role(one.raft), RAFT_PRE_CANDIDATE);
        receive((struct raft_message){
            .type = RAFT_VOTE_RESULT, .pre = true, .reject = true, .from = id, .term = 1});
    }
    assert_int_equal(raft_role(one.raft), RAFT_FOLLOWER);
}

static void test_timeout_now_from_another_than_the_leader_is_ignored(void **state)
{
    (void)state;
    receive((struct raft_message){.type = RAFT_HEARTBEAT, .from = 2, .term = 3});
    receive((struct raft_message){.type = RAFT_TIMEOUT_NOW, .from = 3, .term = 3});
    assert_int_equal(raft_role(one.raft), RAFT_FOLLOWER);
    receive((struct raft_message){.type = RAFT_TIMEOUT_NOW, .from = 2, .term = 3});
    assert_int_equal(raft_role(one.raft), RAFT_CANDIDATE);
    assert_int_equal(raft_term(one.raft), 4);
}

static void test_malformed_snapshots_change_nothing(void **state)
{
    (void)state;
    struct raft_conf conf = {.voter_count = 2, .voters = {2, 1}};
    struct raft_message m = {
        .type = RAFT_SNAPSHOT, .from = 2, .term = 3, .index = 50, .log_term = 3, .conf = &conf};
    receive(m); /* ids out of order */
    m.conf = NULL;
    receive(m);
    conf = (struct raft_conf){.voter_count = 2, .voters = {1, 2}};
    m.conf = &conf;
    m.log_term = 4; /* later than its sender */
    receive(m);
    m.log_term = 3;
    m.index = UINT64_MAX;
    receive(m);
    assert_int_equal(raft_last(one.raft), 2);
    m.index = 50;
    receive(m);
    assert_int_equal(raft_last(one.raft), 50);
}

static void install(index_t index)
{
    struct raft_conf conf = {.voter_count = 2, .voters = {1, 2}};
    receive((struct raft_message){
        .type = RAFT_SNAPSHOT, .from = 2, .term = 3, .index = index, .log_term = 3, .conf = &conf});
}

/* The server was applying, and taking a snapshot of its own, when one arrived. */
static void test_news_from_before_an_installed_snapshot_is_outdated(void **state)
{
    (void)state;
    struct raft_conf before = *raft_conf(one.raft);
    install(50);
    assert_int_equal(raft_applied(one.raft), 2);
    assert_true(one.u.deadline_ns == INT64_MAX); /* no campaign while the state is restored */
    act((struct raft_event){.type = RAFT_EVENT_APPLIED, .index = 3});
    act((struct raft_event){
        .type = RAFT_EVENT_CONF_APPLIED, .index = 4, .conf_type = RAFT_CONF_REMOVE, .member = 2});
    act((struct raft_event){
        .type = RAFT_EVENT_SNAPSHOT_TAKEN, .index = 2, .conf = &before, .compact_to = 2});
    assert_int_equal(raft_applied(one.raft), 2);
    assert_int_equal(raft_conf(one.raft)->voter_count, 2);
    install(60);
    act((struct raft_event){.type = RAFT_EVENT_APPLIED, .index = 50});
    assert_int_equal(raft_applied(one.raft), 2);
    act((struct raft_event){.type = RAFT_EVENT_APPLIED, .index = 60});
    assert_int_equal(raft_applied(one.raft), 60);
    assert_true(one.u.deadline_ns < INT64_MAX);
}

static void test_unknown_message_is_dropped(void **state)
{
    (void)state;
    receive((struct raft_message){.type = (enum raft_message_type)99, .from = 2, .term = 2});
    assert_int_equal(one.u.message_count, 0);
}

static void test_unreachable_follower_is_probed(void **state)
{
    (void)state;
    struct slice x = slice_str("x");
    struct raft_progress progress;
    assert_true(raft_progress(one.raft, 2, &progress));
    assert_int_equal(progress.state, RAFT_REPLICATE);
    step((struct raft_event){.type = RAFT_EVENT_UNREACHABLE, .member = 2});
    assert_true(raft_progress(one.raft, 2, &progress));
    assert_int_equal(progress.state, RAFT_PROBE);
    act((struct raft_event){.type = RAFT_EVENT_PROPOSE, .proposals = &x, .count = 1});
    act((struct raft_event){.type = RAFT_EVENT_PROPOSE, .proposals = &x, .count = 1});
    assert_true(raft_progress(one.raft, 2, &progress));
    assert_int_equal(progress.next, 3); /* one append is out, no more */
    step((struct raft_event){.type = RAFT_EVENT_REACHABLE, .member = 2});
    assert_int_equal(one.u.message_count, 1);
    assert_int_equal(one.u.messages[0].entry_count, 2);
}

/* A member that lost its log refuses what it has acknowledged. Were each refusal answered at once,
 * the two would refuse and ask at the speed of the link. */
static void test_refusal_of_what_was_acknowledged_waits_for_a_heartbeat(void **state)
{
    (void)state;
    struct raft_progress progress;
    assert_true(raft_progress(one.raft, 2, &progress));
    index_t match = progress.match;
    assert_true(match > 0);
    step((struct raft_event){.type = RAFT_EVENT_UNREACHABLE, .member = 2});
    receive((struct raft_message){.type = RAFT_APPEND_RESULT,
                                  .from = 2,
                                  .term = raft_term(one.raft),
                                  .index = match,
                                  .reject = true});
    assert_int_equal(one.u.message_count, 0);
    assert_true(raft_progress(one.raft, 2, &progress));
    assert_int_equal(progress.next, match + 1);
}

/* The log of n2 has rotted since it acknowledged: what it says after a restart counts, and what it
 * said before does not any more. */
static void test_a_restarted_follower_may_take_back_what_it_acknowledged(void **state)
{
    (void)state;
    struct raft_progress progress;
    receive((struct raft_message){.type = RAFT_APPEND_RESULT,
                                  .from = 2,
                                  .boot = 2,
                                  .term = 2,
                                  .index = 2,
                                  .reject = true,
                                  .hint_index = 1,
                                  .hint_term = 1});
    assert_int_equal(one.u.message_count, 1);
    assert_int_equal(one.u.messages[0].type, RAFT_APPEND);
    assert_int_equal(one.u.messages[0].index, 1);
    assert_int_equal(one.u.messages[0].entry_count, 1);
    assert_true(raft_progress(one.raft, 2, &progress));
    assert_int_equal(progress.match, 0);
    receive((struct raft_message){
        .type = RAFT_APPEND_RESULT, .from = 2, .boot = 1, .term = 2, .index = 2});
    assert_true(raft_progress(one.raft, 2, &progress));
    assert_int_equal(progress.match, 0);
    assert_int_equal(raft_commit(one.raft), 2);
    receive((struct raft_message){
        .type = RAFT_APPEND_RESULT, .from = 2, .boot = 2, .term = 2, .index = 2});
    assert_true(raft_progress(one.raft, 2, &progress));
    assert_int_equal(progress.match, 2);
}

static void test_progress_is_a_leaders_to_tell(void **state)
{
    (void)state;
    struct raft_progress progress;
    assert_true(raft_progress(one.raft, 1, &progress));
    assert_int_equal(progress.match, raft_durable(one.raft));
    assert_true(progress.recent_active);
    assert_true(raft_progress(one.raft, 4, &progress));
    assert_true(progress.learner);
    assert_false(raft_progress(one.raft, 9, &progress));
    receive((struct raft_message){.type = RAFT_HEARTBEAT, .from = 2, .term = 3});
    assert_false(raft_progress(one.raft, 1, &progress));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_acknowledgement_beyond_the_log_is_dropped),
        TEST(test_acknowledgement_of_a_learner_commits_nothing),
        TEST(test_round_is_not_confirmed_by_what_was_not_asked),
        TEST(test_reads_have_a_limit),
        TEST(test_forwarded_read_without_an_answer_expires),
        TEST(test_second_leader_of_the_term_is_ignored),
        TEST(test_votes_out_of_place_elect_nobody),
        TEST(test_two_refusals_of_three_end_the_campaign),
        TEST(test_timeout_now_from_another_than_the_leader_is_ignored),
        TEST(test_malformed_snapshots_change_nothing),
        TEST(test_news_from_before_an_installed_snapshot_is_outdated),
        TEST(test_unknown_message_is_dropped),
        TEST(test_unreachable_follower_is_probed),
        TEST(test_refusal_of_what_was_acknowledged_waits_for_a_heartbeat),
        TEST(test_a_restarted_follower_may_take_back_what_it_acknowledged),
        TEST(test_progress_is_a_leaders_to_tell),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
