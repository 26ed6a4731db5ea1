/* Proposals that reach a follower: forwarded to the leader of one term, taken at most once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/duration.h"
#include "support/raft_cluster.h"

static void test_forwarded_proposal_is_committed(void **state)
{
    (void)state;
    struct cluster *c = cluster_led_by_n1(3);
    c->tell = TELL_SENDS | TELL_COMMITS;
    cluster_propose(c, 3, "a");
    cluster_run(c, 10);
    cluster_expect(c, "   50 n3 -> n1: propose, term 2, sequence 1\n"
                      "   51 n1 -> n2: append, term 2, behind 4/2, 1 entries, commit 4\n"
                      "   51 n1 -> n3: append, term 2, behind 4/2, 1 entries, commit 4\n"
                      "   53 n2 -> n1: append-result, term 2, through 5\n"
                      "   53 n3 -> n1: append-result, term 2, through 5\n"
                      "   54 n1: commits 5..5\n"
                      "   54 n1 -> n2: append, term 2, behind 5/2, 0 entries, commit 5\n"
                      "   54 n1 -> n3: append, term 2, behind 5/2, 0 entries, commit 5\n"
                      "   55 n2: commits 5..5\n"
                      "   55 n3: commits 5..5\n");
    cluster_free(c);
}

static void test_duplicated_proposal_is_taken_once(void **state)
{
    (void)state;
    struct cluster *c = cluster_led_by_n1(3);
    c->tell = TELL_LOG;
    c->duplicate_ppm = 1000000;
    cluster_propose(c, 3, "a");
    cluster_propose(c, 3, "b");
    cluster_run(c, 20);
    cluster_expect(c, "   51 n1: appends 5..5\n"
                      "   51 n1: appends 6..6\n"
                      "   52 n2: appends 5..5\n"
                      "   52 n3: appends 5..5\n"
                      "   52 n2: appends 6..6\n"
                      "   52 n3: appends 6..6\n");
    assert_int_equal(raft_last(cluster_raft(c, 1)), 6);
    cluster_free(c);
}

static void forward(struct cluster *c, uint64_t boot, uint64_t sequence, term_t term)
{
    struct raft_entry entry = {.payload = slice_str("x")};
    struct raft_message m = {.type = RAFT_PROPOSE,
                             .from = 2,
                             .to = 1,
                             .boot = boot,
                             .term = term,
                             .context = sequence,
                             .entries = &entry,
                             .entry_count = 1};
    struct raft_event e = {.type = RAFT_EVENT_RECEIVE, .message = &m};
    cluster_step(c, 1, &e);
}

static void test_sequences_may_arrive_in_any_order(void **state)
{
    (void)state;
    struct cluster *c = cluster_led_by_n1(3);
    struct raft *n1 = cluster_raft(c, 1);
    index_t last = raft_last(n1);
    forward(c, 1, 3, 2);
    forward(c, 1, 1, 2);
    forward(c, 1, 2, 2);
    assert_int_equal(raft_last(n1), last + 3);
    forward(c, 1, 1, 2);
    forward(c, 1, 2, 2);
    forward(c, 1, 3, 2);
    assert_int_equal(raft_last(n1), last + 3);
    /* Far ahead, then what has left the window: refused, since it could be a repetition. */
    forward(c, 1, 1000, 2);
    forward(c, 1, 900, 2);
    forward(c, 1, 700, 2);
    assert_int_equal(raft_last(n1), last + 5);
    /* A restarted member begins anew; what its former self sent is late. */
    forward(c, 2, 1, 2);
    forward(c, 1, 1001, 2);
    assert_int_equal(raft_last(n1), last + 6);
    cluster_free(c);
}

static void test_too_large_for_one_append_is_refused(void **state)
{
    (void)state;
    struct cluster *c = cluster_led_by_n1(3);
    uint8_t *bytes = mem_zalloc(c->mem, 1, RECORD_BYTES_MAX);
    struct slice payload = slice_of(bytes, RECORD_BYTES_MAX - 2000);
    for (member_id_t id = 1; id <= 2; id++) {
        struct raft_event e = {.type = RAFT_EVENT_PROPOSE, .proposals = &payload, .count = 1};
        cluster_step(c, id, &e);
        assert_int_equal(c->nodes[id].last.propose, RAFT_PROPOSE_DROPPED);
        assert_int_equal(c->nodes[id].last.propose_err, ERR_LIMIT);
    }
    struct raft_entry entry = {.payload = payload};
    struct raft_message m = {.type = RAFT_PROPOSE,
                             .from = 2,
                             .to = 1,
                             .boot = 1,
                             .term = 2,
                             .context = 1,
                             .entries = &entry,
                             .entry_count = 1};
    struct raft_event e = {.type = RAFT_EVENT_RECEIVE, .message = &m};
    cluster_step(c, 1, &e);
    assert_int_equal(raft_last(cluster_raft(c, 1)), 4);
    mem_free(c->mem, bytes);
    cluster_free(c);
}

static void test_backlog_of_a_stalled_leader_is_bounded(void **state)
{
    (void)state;
    struct cluster *c = cluster_new(1);
    c->config.uncommitted_bytes_max = 10;
    c->tell = 0;
    cluster_bootstrap(c, 3);
    cluster_campaign(c, 1);
    cluster_run(c, 50);
    c->tell = TELL_ROLES | TELL_COMMITS;
    cluster_isolate(c, 1);
    cluster_propose(c, 1, "longer than the limit, but the first");
    cluster_propose(c, 1, "x");
    cluster_heal(c);
    cluster_run(c, 200);
    cluster_propose(c, 1, "x");
    cluster_run(c, 10);
    cluster_expect(c, "   50 n1: drops the proposal: busy\n"
                      "  113 n1: commits 5..5\n"
                      "  114 n2: commits 5..5\n"
                      "  114 n3: commits 5..5\n"
                      "  253 n1: commits 6..6\n"
                      "  254 n2: commits 6..6\n"
                      "  254 n3: commits 6..6\n");
    cluster_free(c);
}

static void test_meant_for_the_leader_of_one_term(void **state)
{
    (void)state;
    struct cluster *c = cluster_led_by_n1(3);
    index_t last = raft_last(cluster_raft(c, 1));
    forward(c, 1, 1, 1);
    forward(c, 1, 2, 3);
    assert_int_equal(raft_last(cluster_raft(c, 1)), last);
    assert_int_equal(raft_term(cluster_raft(c, 1)), 2);
    cluster_free(c);
}

static void test_without_a_leader_it_is_dropped(void **state)
{
    (void)state;
    struct cluster *c = cluster_new(1);
    c->tell = 0;
    cluster_bootstrap(c, 3);
    c->tell = TELL_DEFAULT;
    cluster_propose(c, 3, "a");
    cluster_expect(c, "    0 n3: drops the proposal: etcdserver: no leader\n");
    cluster_free(c);
}

static void test_forwarded_change_obeys_the_same_rules(void **state)
{
    (void)state;
    struct cluster *c = cluster_led_by_n1(3);
    cluster_conf(c, 2, RAFT_CONF_ADD_LEARNER, 4);
    cluster_conf(c, 3, RAFT_CONF_ADD_LEARNER, 5);
    cluster_run(c, 20);
    cluster_expect(c, "   51 n1: another change is pending; an empty entry takes its place\n"
                      "   54 n1: commits 5..5\n"
                      "   54 n1: voters n1 n2 n3, learners n4\n"
                      "   54 n1: commits 6..6\n"
                      "   55 n2: commits 5..5\n"
                      "   55 n2: voters n1 n2 n3, learners n4\n"
                      "   55 n3: commits 5..5\n"
                      "   55 n3: voters n1 n2 n3, learners n4\n"
                      "   55 n2: commits 6..6\n"
                      "   55 n3: commits 6..6\n");
    cluster_free(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_forwarded_proposal_is_committed),
        cmocka_unit_test(test_duplicated_proposal_is_taken_once),
        cmocka_unit_test(test_sequences_may_arrive_in_any_order),
        cmocka_unit_test(test_too_large_for_one_append_is_refused),
        cmocka_unit_test(test_backlog_of_a_stalled_leader_is_bounded),
        cmocka_unit_test(test_meant_for_the_leader_of_one_term),
        cmocka_unit_test(test_without_a_leader_it_is_dropped),
        cmocka_unit_test(test_forwarded_change_obeys_the_same_rules),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
