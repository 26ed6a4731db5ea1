/* One engine, message by message: what a follower takes, refuses and acknowledges. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/duration.h"
#include "raft/raft.h"

#define SELF 1

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

static void receive(struct raft_message m)
{
    m.to = SELF;
    m.boot = m.boot == 0 ? 1 : m.boot;
    step((struct raft_event){.type = RAFT_EVENT_RECEIVE, .message = &m});
}

static void complete(const struct raft_persist *p)
{
    step((struct raft_event){.type = RAFT_EVENT_PERSISTED,
                             .token = p->token,
                             .index = p->last_index,
                             .term = p->last_term});
}

/* n1 of three voters in term 5, boot 7. Log: 1..3 of term 1, 4 and 5 of term 3, 6 of term 4;
 * committed and applied through 2. */
static int start(index_t recover_to)
{
    static const term_t terms[] = {1, 1, 1, 3, 3, 4};
    struct raft_entry entries[6];
    for (size_t i = 0; i < 6; i++) {
        entries[i] =
            (struct raft_entry){.term = terms[i], .index = i + 1, .payload = slice_str("x")};
    }
    /* A snapshot at 1 brings the configuration. */
    struct raft_conf conf = {.voter_count = 3, .voters = {1, 2, 3}};
    struct raft_start start = {.hard = {.term = 5, .commit = 2},
                               .snapshot_index = 1,
                               .snapshot_term = 1,
                               .conf = &conf,
                               .entries = entries,
                               .entry_count = 6,
                               .recover_to = recover_to};
    struct raft_config config;
    raft_config_init(&config, SELF, 7);
    one.pool = mem_pool_new(UINT64_C(1) << 28, 0xA5);
    one.now_ns = 0;
    int err = raft_new(mem_pool_mem(one.pool), &config, &start, &one.raft);
    assert_int_equal(err, 0);
    step((struct raft_event){.type = RAFT_EVENT_START});
    assert_int_equal(one.u.commit_first, 2);
    assert_int_equal(one.u.commit_last, 2);
    step((struct raft_event){.type = RAFT_EVENT_APPLIED, .index = 2});
    return 0;
}

static int setup(void **state)
{
    (void)state;
    return start(0);
}

static int setup_recovering(void **state)
{
    (void)state;
    return start(8);
}

static int teardown(void **state)
{
    (void)state;
    raft_free(one.raft);
    bool leaked = mem_pool_mem(one.pool)->bytes != 0;
    mem_pool_free(one.pool);
    return leaked ? -1 : 0;
}

static struct raft_message append(term_t term, index_t prev, term_t prev_term, index_t commit)
{
    return (struct raft_message){.type = RAFT_APPEND,
                                 .from = 2,
                                 .term = term,
                                 .index = prev,
                                 .log_term = prev_term,
                                 .commit = commit};
}

static struct raft_message with_entry(struct raft_message m, struct raft_entry *entry, term_t term)
{
    *entry = (struct raft_entry){.term = term, .index = m.index + 1, .payload = slice_str("y")};
    m.entries = entry;
    m.entry_count = 1;
    return m;
}

static const struct raft_message *only_answer(void)
{
    assert_int_equal(one.u.message_count, 1);
    return &one.u.messages[0];
}

static void test_commit_follows_only_what_the_message_verified(void **state)
{
    (void)state;
    struct raft_entry entry;
    receive(append(5, 3, 1, 6));
    assert_int_equal(raft_commit(one.raft), 3);
    receive(with_entry(append(5, 3, 1, 6), &entry, 3));
    assert_int_equal(raft_commit(one.raft), 4);
    assert_int_equal(raft_last(one.raft), 6);
}

static void test_acknowledges_what_was_sent_not_what_it_has(void **state)
{
    (void)state;
    struct raft_entry entry;
    receive(append(5, 3, 1, 2));
    assert_int_equal(only_answer()->index, 3);
    receive(with_entry(append(5, 3, 1, 2), &entry, 3));
    assert_int_equal(only_answer()->index, 4);
    assert_false(only_answer()->reject);
}

static void test_old_append_removes_nothing(void **state)
{
    (void)state;
    struct raft_entry entry;
    receive(with_entry(append(5, 2, 1, 2), &entry, 1));
    assert_int_equal(raft_last(one.raft), 6);
    assert_int_equal(one.u.truncated_from, 0);
    assert_int_equal(only_answer()->index, 3);
}

static void test_conflict_cuts_from_there(void **state)
{
    (void)state;
    struct raft_entry entry;
    receive(with_entry(append(5, 4, 3, 2), &entry, 5));
    assert_int_equal(one.u.truncated_from, 5);
    assert_int_equal(one.u.appended_first, 5);
    assert_int_equal(raft_last(one.raft), 5);
    assert_int_equal(raft_durable(one.raft), 4);
    assert_int_equal(one.u.persist.truncate_from, 5);
    assert_int_equal(one.u.persist.entry_count, 1);
    assert_true(only_answer()->after_token == one.u.persist.token);
    complete(&one.u.persist);
    assert_int_equal(raft_durable(one.raft), 5);
}

static void test_refusal_hints_where_the_terms_may_agree(void **state)
{
    (void)state;
    receive(append(5, 9, 5, 2));
    assert_true(only_answer()->reject);
    assert_int_equal(only_answer()->index, 9);
    assert_int_equal(only_answer()->hint_index, 6);
    assert_int_equal(only_answer()->hint_term, 4);
    /* The leader has term 2 there, so none of term 3 or 4 can be its: back to 3 at once. */
    receive(append(5, 6, 2, 2));
    assert_int_equal(only_answer()->hint_index, 3);
    assert_int_equal(only_answer()->hint_term, 1);
    assert_int_equal(raft_last(one.raft), 6);
}

static void test_old_leader_is_told_the_term_and_not_obeyed(void **state)
{
    (void)state;
    struct raft_entry entry;
    receive(with_entry(append(4, 6, 4, 6), &entry, 4));
    assert_int_equal(raft_last(one.raft), 6);
    assert_int_equal(raft_commit(one.raft), 2);
    assert_true(only_answer()->reject);
    assert_int_equal(only_answer()->term, 5);
    assert_int_equal(raft_leader(one.raft), 0);
}

static void test_committed_entries_are_never_cut(void **state)
{
    (void)state;
    struct raft_entry entry;
    receive(with_entry(append(5, 1, 1, 2), &entry, 5));
    assert_int_equal(one.u.message_count, 0);
    assert_int_equal(raft_last(one.raft), 6);
    assert_int_equal(raft_log_term(one.raft, 2), 1);
}

static void test_append_before_the_log_is_answered_with_commit(void **state)
{
    (void)state;
    struct raft_conf conf = {.voter_count = 3, .voters = {1, 2, 3}};
    step((struct raft_event){
        .type = RAFT_EVENT_SNAPSHOT_TAKEN, .index = 2, .conf = &conf, .compact_to = 2});
    assert_int_equal(raft_first(one.raft), 3);
    receive(append(5, 1, 1, 2));
    assert_false(only_answer()->reject);
    assert_int_equal(only_answer()->index, 2);
}

static void test_heartbeat_commits_at_most_what_is_there(void **state)
{
    (void)state;
    receive((struct raft_message){.type = RAFT_HEARTBEAT, .from = 2, .term = 5, .commit = 7});
    assert_int_equal(raft_commit(one.raft), 2);
    receive((struct raft_message){.type = RAFT_HEARTBEAT, .from = 2, .term = 5, .commit = 5});
    assert_int_equal(raft_commit(one.raft), 5);
    assert_int_equal(only_answer()->type, RAFT_HEARTBEAT_RESULT);
    assert_true(only_answer()->after_token == 0);
}

static void test_malformed_appends_change_nothing(void **state)
{
    (void)state;
    struct raft_entry entry;
    struct raft_message m = with_entry(append(5, 6, 4, 2), &entry, 5);
    entry.index = 8; /* a gap */
    receive(m);
    entry.index = 7;
    entry.term = 3; /* terms fall */
    receive(m);
    entry.term = 6; /* of a term that the leader cannot know */
    receive(m);
    entry.term = 5;
    entry.type = RAFT_ENTRY_CONF; /* whose payload is none */
    receive(m);
    assert_int_equal(one.u.message_count, 0);
    assert_int_equal(raft_last(one.raft), 6);
    entry.type = RAFT_ENTRY_NORMAL;
    receive(m);
    assert_int_equal(raft_last(one.raft), 7);
}

static void test_vote_goes_to_the_first_and_stays(void **state)
{
    (void)state;
    struct raft_message m = {.type = RAFT_VOTE, .from = 2, .term = 6, .index = 6, .log_term = 4};
    receive(m);
    assert_false(only_answer()->reject);
    assert_int_equal(one.u.persist.hard.vote, 2);
    assert_true(only_answer()->after_token == one.u.persist.token);
    struct raft_message rival = m;
    rival.from = 3;
    receive(rival);
    assert_true(only_answer()->reject);
    /* A message of the same term that makes it a follower again takes no vote back. */
    receive(append(6, 6, 4, 2));
    receive(rival);
    assert_true(only_answer()->reject);
    assert_int_equal(raft_vote(one.raft), 2);
    /* Asked again by the same candidate it says so again. */
    m.boot = 1;
    receive(
        (struct raft_message){.type = RAFT_VOTE, .from = 2, .term = 6, .index = 6, .log_term = 4});
    assert_false(only_answer()->reject);
}

static void test_vote_needs_the_better_log(void **state)
{
    (void)state;
    struct raft_message m = {.type = RAFT_VOTE, .from = 2, .term = 6, .index = 100, .log_term = 3};
    receive(m);
    assert_true(only_answer()->reject);
    assert_int_equal(raft_term(one.raft), 6);
    m.log_term = 4;
    m.index = 5;
    receive(m);
    assert_true(only_answer()->reject);
    m.log_term = 5;
    m.index = 1;
    receive(m);
    assert_false(only_answer()->reject);
}

static void test_pre_vote_changes_nothing(void **state)
{
    (void)state;
    receive((struct raft_message){
        .type = RAFT_VOTE, .pre = true, .from = 2, .term = 9, .index = 6, .log_term = 4});
    assert_false(only_answer()->reject);
    assert_true(only_answer()->pre);
    assert_int_equal(only_answer()->term, 9);
    assert_true(only_answer()->after_token == 0);
    assert_int_equal(raft_term(one.raft), 5);
    assert_int_equal(raft_vote(one.raft), 0);
    assert_true(one.u.persist.token == 0);
}

static void test_stale_pre_vote_is_answered_with_the_term(void **state)
{
    (void)state;
    receive((struct raft_message){
        .type = RAFT_VOTE, .pre = true, .from = 2, .term = 4, .index = 6, .log_term = 4});
    assert_true(only_answer()->reject);
    assert_int_equal(only_answer()->term, 5);
}

static void test_answer_to_an_earlier_start_is_dropped(void **state)
{
    (void)state;
    receive(append(5, 6, 4, 2));
    step((struct raft_event){.type = RAFT_EVENT_READ, .context = 1});
    struct raft_message m = {.type = RAFT_READ_INDEX_RESULT,
                             .from = 2,
                             .term = 5,
                             .context = 1,
                             .index = 2,
                             .to_boot = 6};
    receive(m);
    assert_int_equal(one.u.read_count, 0);
    m.to_boot = 7;
    receive(m);
    assert_int_equal(one.u.read_count, 1);
    assert_int_equal(one.u.reads[0].index, 2);
    receive(m);
    assert_int_equal(one.u.read_count, 0);
}

static void test_message_of_an_absurd_address_or_term_is_dropped(void **state)
{
    (void)state;
    struct raft_message m = append(9, 6, 4, 2);
    m.to = 3;
    step((struct raft_event){.type = RAFT_EVENT_RECEIVE, .message = &m});
    assert_int_equal(raft_term(one.raft), 5);
    m.to = SELF;
    m.term = UINT64_MAX; /* would overflow in the next election */
    step((struct raft_event){.type = RAFT_EVENT_RECEIVE, .message = &m});
    assert_int_equal(raft_term(one.raft), 5);
    m.term = 9;
    m.from = SELF;
    step((struct raft_event){.type = RAFT_EVENT_RECEIVE, .message = &m});
    assert_int_equal(raft_term(one.raft), 5);
}

/* Two writes are out when the first completes; then all is cut away below both. */
static void test_completion_vouches_for_what_is_still_there(void **state)
{
    (void)state;
    struct raft_entry entry;
    receive(with_entry(append(5, 6, 4, 2), &entry, 5));
    struct raft_persist first = one.u.persist;
    receive(with_entry(append(5, 7, 5, 2), &entry, 5));
    struct raft_persist second = one.u.persist;
    struct raft_message m = with_entry(append(6, 4, 3, 2), &entry, 6);
    receive(m);
    struct raft_persist third = one.u.persist;
    assert_int_equal(raft_durable(one.raft), 4);
    complete(&first);
    assert_int_equal(raft_durable(one.raft), 4);
    complete(&second);
    assert_int_equal(raft_durable(one.raft), 4);
    complete(&third);
    assert_int_equal(raft_durable(one.raft), 5);
}

static void test_later_completion_covers_earlier_ones(void **state)
{
    (void)state;
    struct raft_entry entry;
    receive(with_entry(append(5, 6, 4, 2), &entry, 5));
    struct raft_persist first = one.u.persist;
    receive(with_entry(append(5, 7, 5, 2), &entry, 5));
    complete(&one.u.persist);
    assert_int_equal(raft_durable(one.raft), 8);
    complete(&first);
    assert_int_equal(raft_durable(one.raft), 8);
}

static void test_repeated_append_waits_for_the_write_that_is_out(void **state)
{
    (void)state;
    struct raft_entry entry;
    struct raft_message m = with_entry(append(5, 6, 4, 2), &entry, 5);
    receive(m);
    uint64_t token = one.u.persist.token;
    receive(m);
    assert_true(one.u.persist.token == 0);
    assert_true(only_answer()->after_token == token);
    step((struct raft_event){.type = RAFT_EVENT_PERSISTED, .token = token, .index = 7, .term = 5});
    receive(m);
    assert_true(only_answer()->after_token == 0);
}

static void test_commit_alone_asks_for_no_sync(void **state)
{
    (void)state;
    receive(append(5, 3, 1, 3));
    assert_int_equal(one.u.persist.hard.commit, 3);
    assert_true(one.u.persist.hard_changed);
    assert_false(one.u.persist.sync);
    assert_true(only_answer()->after_token == 0);
}

static void test_commit_rides_along_with_the_next_entries(void **state)
{
    (void)state;
    struct raft_entry entry;
    receive(append(5, 3, 1, 3));
    assert_false(one.u.persist.sync); /* so it may be lost */
    receive(with_entry(append(5, 6, 4, 2), &entry, 5));
    assert_true(one.u.persist.sync && one.u.persist.hard_changed);
    assert_int_equal(one.u.persist.hard.commit, 3);
    receive(with_entry(append(5, 7, 5, 2), &entry, 5));
    assert_false(one.u.persist.hard_changed);
}

static void test_halted_engine_is_silent(void **state)
{
    (void)state;
    step((struct raft_event){.type = RAFT_EVENT_PERSIST_FAILED});
    assert_int_equal(one.u.role, RAFT_HALTED);
    assert_true(one.u.deadline_ns == INT64_MAX);
    receive(append(9, 6, 4, 6));
    assert_int_equal(one.u.message_count, 0);
    assert_true(one.u.persist.token == 0);
    one.now_ns = 100 * SEC_NS;
    step((struct raft_event){.type = RAFT_EVENT_TICK});
    assert_int_equal(one.u.message_count, 0);
}

static bool grants_a_vote(term_t term)
{
    receive((struct raft_message){
        .type = RAFT_VOTE, .from = 3, .term = term, .index = 100, .log_term = term - 1});
    bool granted = false;
    for (size_t i = 0; i < one.u.message_count; i++) {
        granted =
            granted || (one.u.messages[i].type == RAFT_VOTE_RESULT && !one.u.messages[i].reject);
    }
    return granted;
}

/* Entries 7 and 8 were durable here and have rotted. */
static void test_what_has_rotted_comes_back_before_any_vote(void **state)
{
    (void)state;
    struct raft_entry entry;
    assert_int_equal(one.u.deadline_ns, INT64_MAX);
    one.now_ns = 5 * SEC_NS;
    step((struct raft_event){.type = RAFT_EVENT_TICK});
    assert_int_equal(raft_role(one.raft), RAFT_FOLLOWER);
    assert_false(grants_a_vote(6));
    assert_int_equal(raft_term(one.raft), 6);
    receive(with_entry(append(6, 6, 4, 6), &entry, 5));
    struct raft_persist first = one.u.persist;
    assert_int_equal(one.u.message_count, 1); /* it has it, so it says so */
    receive(with_entry(append(6, 7, 5, 8), &entry, 5));
    struct raft_persist second = one.u.persist;
    assert_int_equal(raft_commit(one.raft), 8);
    assert_int_equal(raft_recover_to(one.raft), 8);
    complete(&first);
    assert_int_equal(raft_recover_to(one.raft), 8);
    complete(&second);
    assert_int_equal(raft_recover_to(one.raft), 0);
    assert_true(one.u.deadline_ns < INT64_MAX);
    one.now_ns = 10 * SEC_NS;
    assert_true(grants_a_vote(7));
}

/* Nothing new is written: the leader hears of the loss all the same. */
static void test_a_heartbeat_beyond_a_rotten_log_is_answered_with_what_is_missing(void **state)
{
    (void)state;
    receive((struct raft_message){.type = RAFT_HEARTBEAT, .from = 2, .term = 5, .commit = 8});
    assert_int_equal(one.u.message_count, 2);
    const struct raft_message *m = &one.u.messages[0];
    assert_int_equal(m->type, RAFT_APPEND_RESULT);
    assert_true(m->reject);
    assert_int_equal(m->index, 8);
    assert_int_equal(m->hint_index, 6);
    assert_int_equal(m->hint_term, 4);
    assert_int_equal(m->boot, 7);
    assert_int_equal(one.u.messages[1].type, RAFT_HEARTBEAT_RESULT);
}

static void test_a_recovering_member_does_not_follow_a_call_to_campaign(void **state)
{
    (void)state;
    receive((struct raft_message){.type = RAFT_HEARTBEAT, .from = 2, .term = 5, .commit = 2});
    receive((struct raft_message){.type = RAFT_TIMEOUT_NOW, .from = 2, .term = 5});
    assert_int_equal(raft_role(one.raft), RAFT_FOLLOWER);
    assert_int_equal(raft_term(one.raft), 5);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_commit_follows_only_what_the_message_verified),
        TEST(test_acknowledges_what_was_sent_not_what_it_has),
        TEST(test_old_append_removes_nothing),
        TEST(test_conflict_cuts_from_there),
        TEST(test_refusal_hints_where_the_terms_may_agree),
        TEST(test_old_leader_is_told_the_term_and_not_obeyed),
        TEST(test_committed_entries_are_never_cut),
        TEST(test_append_before_the_log_is_answered_with_commit),
        TEST(test_heartbeat_commits_at_most_what_is_there),
        TEST(test_malformed_appends_change_nothing),
        TEST(test_vote_goes_to_the_first_and_stays),
        TEST(test_vote_needs_the_better_log),
        TEST(test_pre_vote_changes_nothing),
        TEST(test_stale_pre_vote_is_answered_with_the_term),
        TEST(test_answer_to_an_earlier_start_is_dropped),
        TEST(test_message_of_an_absurd_address_or_term_is_dropped),
        TEST(test_completion_vouches_for_what_is_still_there),
        TEST(test_later_completion_covers_earlier_ones),
        TEST(test_repeated_append_waits_for_the_write_that_is_out),
        TEST(test_commit_alone_asks_for_no_sync),
        TEST(test_commit_rides_along_with_the_next_entries),
        TEST(test_halted_engine_is_silent),
#define RECOVERING(name) cmocka_unit_test_setup_teardown(name, setup_recovering, teardown)
        RECOVERING(test_what_has_rotted_comes_back_before_any_vote),
        RECOVERING(test_a_heartbeat_beyond_a_rotten_log_is_answered_with_what_is_missing),
        RECOVERING(test_a_recovering_member_does_not_follow_a_call_to_campaign),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
