/* Replication and commitment (thesis 3.5, 3.6, 10.2.1). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/duration.h"
#include "support/raft_cluster.h"

static struct cluster *led(int n, uint32_t entries_max, uint32_t inflight_max)
{
    struct cluster *c = cluster_new(1);
    c->tell = 0;
    c->config.append_entries_max = entries_max;
    c->config.inflight_max = inflight_max;
    cluster_bootstrap(c, n);
    cluster_campaign(c, 1);
    cluster_run(c, 50);
    c->tell = TELL_DEFAULT;
    return c;
}

static void propose_many(struct cluster *c, member_id_t id, int count)
{
    char text[] = "a";
    for (int i = 0; i < count; i++) {
        text[0] = (char)('a' + i % 26);
        cluster_propose(c, id, text);
    }
}

static void test_appends_are_pipelined_up_to_the_window(void **state)
{
    (void)state;
    struct cluster *c = led(2, 1, 3);
    c->tell |= TELL_SENDS;
    c->latency_ns = 10 * MS_NS;
    propose_many(c, 1, 5);
    cluster_run(c, 50);
    cluster_expect(c, "   50 n1 -> n2: append, term 2, behind 3/2, 1 entries, commit 3\n"
                      "   50 n1 -> n2: append, term 2, behind 4/2, 1 entries, commit 3\n"
                      "   50 n1 -> n2: append, term 2, behind 5/2, 1 entries, commit 3\n"
                      "   61 n2 -> n1: append-result, term 2, through 4\n"
                      "   61 n2 -> n1: append-result, term 2, through 5\n"
                      "   61 n2 -> n1: append-result, term 2, through 6\n"
                      "   71 n1: commits 4..4\n"
                      "   71 n1 -> n2: append, term 2, behind 6/2, 1 entries, commit 4\n"
                      "   71 n1: commits 5..5\n"
                      "   71 n1 -> n2: append, term 2, behind 7/2, 1 entries, commit 5\n"
                      "   71 n1: commits 6..6\n"
                      "   71 n1 -> n2: append, term 2, behind 8/2, 0 entries, commit 6\n"
                      "   81 n2: commits 4..4\n"
                      "   81 n2: commits 5..5\n"
                      "   81 n2: commits 6..6\n"
                      "   82 n2 -> n1: append-result, term 2, through 7\n"
                      "   82 n2 -> n1: append-result, term 2, through 8\n"
                      "   92 n1: commits 7..7\n"
                      "   92 n1 -> n2: append, term 2, behind 8/2, 0 entries, commit 7\n"
                      "   92 n1: commits 8..8\n"
                      "   92 n1 -> n2: append, term 2, behind 8/2, 0 entries, commit 8\n");
    cluster_free(c);
}

static void test_one_message_carries_what_fits(void **state)
{
    (void)state;
    struct cluster *c = led(2, 4, 8);
    cluster_crash(c, 2);
    c->tell = TELL_SENDS | TELL_LOG | TELL_COMMITS;
    propose_many(c, 1, 13);
    buf_clear(&c->story);
    cluster_start(c, 2);
    cluster_run(c, 100);
    cluster_expect(c, "   50 n2: commits 1..3\n"
                      "   51 n2: appends 4..4\n"
                      "   51 n2: appends 5..5\n"
                      "   51 n2: appends 6..6\n"
                      "   51 n2: appends 7..7\n"
                      "   51 n2: appends 8..8\n"
                      "   51 n2: appends 9..9\n"
                      "   51 n2: appends 10..10\n"
                      "   51 n2: appends 11..11\n"
                      "   52 n2 -> n1: append-result, term 2, through 4\n"
                      "   52 n2 -> n1: append-result, term 2, through 5\n"
                      "   52 n2 -> n1: append-result, term 2, through 6\n"
                      "   52 n2 -> n1: append-result, term 2, through 7\n"
                      "   52 n2 -> n1: append-result, term 2, through 8\n"
                      "   52 n2 -> n1: append-result, term 2, through 9\n"
                      "   52 n2 -> n1: append-result, term 2, through 10\n"
                      "   52 n2 -> n1: append-result, term 2, through 11\n"
                      "   53 n1: commits 4..4\n"
                      "   53 n1 -> n2: append, term 2, behind 11/2, 4 entries, commit 4\n"
                      "   53 n1: commits 5..5\n"
                      "   53 n1 -> n2: append, term 2, behind 15/2, 1 entries, commit 5\n"
                      "   53 n1: commits 6..6\n"
                      "   53 n1 -> n2: append, term 2, behind 16/2, 0 entries, commit 6\n"
                      "   53 n1: commits 7..7\n"
                      "   53 n1 -> n2: append, term 2, behind 16/2, 0 entries, commit 7\n"
                      "   53 n1: commits 8..8\n"
                      "   53 n1 -> n2: append, term 2, behind 16/2, 0 entries, commit 8\n"
                      "   53 n1: commits 9..9\n"
                      "   53 n1 -> n2: append, term 2, behind 16/2, 0 entries, commit 9\n"
                      "   53 n1: commits 10..10\n"
                      "   53 n1 -> n2: append, term 2, behind 16/2, 0 entries, commit 10\n"
                      "   53 n1: commits 11..11\n"
                      "   53 n1 -> n2: append, term 2, behind 16/2, 0 entries, commit 11\n"
                      "   54 n2: appends 12..15\n"
                      "   54 n2: commits 4..4\n"
                      "   54 n2: appends 16..16\n"
                      "   54 n2: commits 5..5\n"
                      "   54 n2: commits 6..6\n"
                      "   54 n2: commits 7..7\n"
                      "   54 n2: commits 8..8\n"
                      "   54 n2: commits 9..9\n"
                      "   54 n2: commits 10..10\n"
                      "   54 n2: commits 11..11\n"
                      "   55 n2 -> n1: append-result, term 2, through 15\n"
                      "   55 n2 -> n1: append-result, term 2, through 16\n"
                      "   56 n1: commits 12..15\n"
                      "   56 n1 -> n2: append, term 2, behind 16/2, 0 entries, commit 15\n"
                      "   56 n1: commits 16..16\n"
                      "   56 n1 -> n2: append, term 2, behind 16/2, 0 entries, commit 16\n"
                      "   57 n2: commits 12..15\n"
                      "   57 n2: commits 16..16\n");
    cluster_free(c);
}

/* One refusal for each term in which the logs differ finds where they part, not one for each
 * entry. */
static void test_conflicts_are_skipped_by_terms(void **state)
{
    (void)state;
    struct cluster *c = led(3, 1024, 8);
    c->tell = 0;
    cluster_isolate(c, 1);
    propose_many(c, 1, 200);
    cluster_run(c, 3000);
    member_id_t leader = cluster_leader(c);
    propose_many(c, leader, 100);
    cluster_run(c, 100);
    cluster_note(c, "the other one takes over, so that it knows nothing of n1's log");
    cluster_transfer(c, leader, 5 - leader);
    cluster_run(c, 100);
    c->tell = TELL_SENDS | TELL_LOG | TELL_COMMITS;
    c->records = 0;
    cluster_note(c, "n1 comes back with 200 entries that nobody else has");
    cluster_heal(c);
    cluster_run(c, 120);
    cluster_expect(c, "# the other one takes over, so that it knows nothing of n1's log\n"
                      "# n1 comes back with 200 entries that nobody else has\n"
                      " 3257 n2 -> n1: append, term 4, behind 105/3, 1 entries, commit 106\n"
                      " 3258 n1 -> n2: append-result no, term 4, behind 105, hint 105/2\n"
                      " 3259 n2 -> n1: append, term 4, behind 4/2, 102 entries, commit 106\n"
                      " 3260 n1: truncates from 5\n"
                      " 3260 n1: appends 5..106\n"
                      " 3260 n1: commits 5..106\n"
                      " 3261 n1 -> n2: append-result, term 4, through 106\n");
    check_converged(c);
    cluster_free(c);
}

static bool lose_appends(struct cluster *c, const struct raft_message *m)
{
    (void)c;
    return m->type != RAFT_APPEND;
}

static void test_lost_append_is_sent_again_after_the_next_heartbeat(void **state)
{
    (void)state;
    struct cluster *c = led(2, 16, 8);
    c->tell |= TELL_SENDS | TELL_LOSSES | TELL_HEARTBEATS;
    c->filter = lose_appends;
    cluster_propose(c, 1, "lost");
    cluster_run(c, 1);
    c->filter = NULL;
    cluster_run(c, 110);
    cluster_expect(c, "   50 n1 -> n2: append, term 2, behind 3/2, 1 entries, commit 3\n"
                      "   50 n1 -x n2: append, term 2, behind 3/2, 1 entries, commit 3\n"
                      "  106 n1 -> n2: heartbeat, term 2\n"
                      "  107 n2 -> n1: heartbeat-result, term 2\n"
                      "  108 n1 -> n2: append, term 2, behind 4/2, 0 entries, commit 3\n"
                      "  109 n2 -> n1: append-result no, term 2, behind 4, hint 3/2\n"
                      "  110 n1 -> n2: append, term 2, behind 3/2, 1 entries, commit 3\n"
                      "  112 n2 -> n1: append-result, term 2, through 4\n"
                      "  113 n1: commits 4..4\n"
                      "  113 n1 -> n2: append, term 2, behind 4/2, 0 entries, commit 4\n"
                      "  114 n2: commits 4..4\n");
    cluster_free(c);
}

static void test_own_copy_counts_only_when_durable(void **state)
{
    (void)state;
    struct cluster *c = led(1, 16, 8);
    c->tell |= TELL_DISK | TELL_LOG;
    cluster_disk_stall(c, 1, true);
    cluster_propose(c, 1, "a");
    cluster_run(c, 1000);
    cluster_note(c, "a second of silence, then the disk moves");
    cluster_disk_stall(c, 1, false);
    cluster_run(c, 10);
    cluster_expect(c, "   50 n1: appends 3..3\n"
                      "# a second of silence, then the disk moves\n"
                      " 1050 n1: durable through 3/2\n"
                      " 1050 n1: commits 3..3\n"
                      " 1051 n1: durable through 3/2\n");
    cluster_free(c);
}

static void test_followers_can_commit_what_the_leaders_disk_lacks(void **state)
{
    (void)state;
    struct cluster *c = led(3, 16, 8);
    c->tell |= TELL_DISK;
    cluster_disk_stall(c, 1, true);
    cluster_propose(c, 1, "a");
    cluster_run(c, 10);
    cluster_expect(c, "   52 n2: durable through 5/2\n"
                      "   52 n3: durable through 5/2\n"
                      "   53 n1: commits 5..5\n"
                      "   54 n2: commits 5..5\n"
                      "   54 n3: commits 5..5\n"
                      "   55 n2: durable through 5/2\n"
                      "   55 n3: durable through 5/2\n");
    cluster_note(c, "n1's power fails; n2 and n3 have what was committed");
    cluster_crash(c, 1);
    cluster_disk_stall(c, 1, false);
    cluster_start(c, 1);
    cluster_run(c, 3000);
    check_converged(c);
    cluster_free(c);
}

/* Entry 8, n1's first of term 4, gets onto nobody's log. */
static bool lose_entry_8(struct cluster *c, const struct raft_message *m)
{
    const struct raft *to = cluster_raft(c, m->to);
    return m->type != RAFT_APPEND || m->index != 7 || to == NULL || raft_last(to) < 7;
}

/* Figure 3.7 of the thesis: n1's entry of term 2 gets onto three of five members in term 4, where
 * n1 hears of it, and is replaced all the same. */
static void test_figure_8(void **state)
{
    (void)state;
    struct cluster *c = cluster_new(1);
    c->tell = 0;
    c->config.append_entries_max = 1;
    c->config.pre_vote = false;
    c->config.check_quorum = false;
    cluster_bootstrap(c, 5);
    cluster_campaign(c, 1);
    cluster_run(c, 50);
    c->tell = TELL_ROLES | TELL_COMMITS | TELL_LOG;
    cluster_note(c, "(a) n1 leads term 2; its entry 7 reaches nobody");
    cluster_isolate(c, 1);
    cluster_propose(c, 1, "blue");
    cluster_run(c, 10);
    cluster_note(c, "(b) n1 crashes; n5 leads term 3 by n3 and n4, has another entry 7, crashes");
    cluster_crash(c, 1);
    cluster_heal(c);
    cluster_isolate(c, 2);
    cluster_crash(c, 5);
    cluster_start(c, 5);
    c->filter = lose_appends;
    cluster_campaign(c, 5);
    cluster_run(c, 10);
    cluster_crash(c, 5);
    cluster_note(
        c, "(c) n1 leads term 4 and brings its entry 7 of term 2 to n2 and n3: three of five");
    cluster_heal(c);
    cluster_isolate(c, 4);
    c->filter = lose_entry_8;
    cluster_start(c, 1);
    cluster_campaign(c, 1);
    cluster_run(c, 10);
    cluster_campaign(c, 1);
    cluster_run(c, 30);
    cluster_note(c, "(d) n1 crashes; n5 wins term 5 with its later entry and replaces it");
    cluster_crash(c, 1);
    c->filter = NULL;
    cluster_heal(c);
    cluster_start(c, 5);
    cluster_campaign(c, 5);
    cluster_run(c, 10);
    cluster_campaign(c, 5);
    cluster_run(c, 40);
    cluster_expect(
        c, "# (a) n1 leads term 2; its entry 7 reaches nobody\n"
           "   50 n1: appends 7..7\n"
           "# (b) n1 crashes; n5 leads term 3 by n3 and n4, has another entry 7, crashes\n"
           "   60 n1 crashes\n"
           "   60 n5 crashes\n"
           "   60 n5 starts\n"
           "   60 n5: follower, term 2\n"
           "   60 n5: commits 1..6\n"
           "   60 n5: candidate, term 3\n"
           "   62 n3: follower, term 3\n"
           "   62 n4: follower, term 3\n"
           "   64 n5: leader, term 3\n"
           "   64 n5: appends 7..7\n"
           "   70 n5 crashes\n"
           "# (c) n1 leads term 4 and brings its entry 7 of term 2 to n2 and n3: three of five\n"
           "   70 n1 starts\n"
           "   70 n1: follower, term 2\n"
           "   70 n1: commits 1..6\n"
           "   70 n1: candidate, term 3\n"
           "   72 n2: follower, term 3\n"
           "   80 n1: candidate, term 4\n"
           "   82 n2: follower, term 4\n"
           "   82 n3: follower, term 4\n"
           "   84 n1: leader, term 4\n"
           "   84 n1: appends 8..8\n"
           "   85 n2: follower of n1, term 4\n"
           "   85 n3: follower of n1, term 4\n"
           "   87 n2: appends 7..7\n"
           "   87 n3: appends 7..7\n"
           "# (d) n1 crashes; n5 wins term 5 with its later entry and replaces it\n"
           "  110 n1 crashes\n"
           "  110 n5 starts\n"
           "  110 n5: follower, term 3\n"
           "  110 n5: commits 1..6\n"
           "  110 n5: candidate, term 4\n"
           "  112 n4: follower, term 4\n"
           "  120 n5: candidate, term 5\n"
           "  122 n2: follower, term 5\n"
           "  122 n3: follower, term 5\n"
           "  122 n4: follower, term 5\n"
           "  124 n5: leader, term 5\n"
           "  124 n5: appends 8..8\n"
           "  125 n2: follower of n5, term 5\n"
           "  125 n3: follower of n5, term 5\n"
           "  125 n4: follower of n5, term 5\n"
           "  127 n2: truncates from 7\n"
           "  127 n2: appends 7..7\n"
           "  127 n3: truncates from 7\n"
           "  127 n3: appends 7..7\n"
           "  127 n4: appends 7..7\n"
           "  130 n2: appends 8..8\n"
           "  130 n3: appends 8..8\n"
           "  130 n4: appends 8..8\n"
           "  132 n5: commits 7..8\n"
           "  133 n2: commits 7..8\n"
           "  133 n3: commits 7..8\n"
           "  133 n4: commits 7..8\n");
    cluster_free(c);
}

static void test_late_completion_does_not_vouch_for_what_took_the_place(void **state)
{
    (void)state;
    struct cluster *c = led(3, 16, 8);
    c->config.pre_vote = false;
    cluster_cut(c, 1, 3);
    cluster_disk_stall(c, 2, true);
    c->tell = TELL_ROLES | TELL_LOG | TELL_DISK | TELL_SENDS;
    cluster_note(c, "n2 writes entry 5 of term 2, and its disk takes long");
    cluster_propose(c, 1, "red");
    cluster_run(c, 5);
    cluster_crash(c, 1);
    cluster_note(c, "n3 leads term 3 with another entry 5; n2 writes that too");
    cluster_heal(c);
    cluster_crash(c, 3);
    cluster_start(c, 3);
    struct raft_message m = {.type = RAFT_APPEND,
                             .from = 3,
                             .to = 2,
                             .boot = 2,
                             .term = 3,
                             .index = 4,
                             .log_term = 2,
                             .commit = 4};
    struct raft_entry entry = {.term = 3, .index = 5, .payload = slice_str("green")};
    m.entries = &entry;
    m.entry_count = 1;
    struct raft_event e = {.type = RAFT_EVENT_RECEIVE, .message = &m};
    cluster_step(c, 2, &e);
    cluster_note(c, "the first write completes: n1 may hear of it, but n3's entry is not durable");
    cluster_disk_complete_one(c, 2);
    assert_int_equal(raft_durable(cluster_raft(c, 2)), 4);
    cluster_note(c, "then the second");
    cluster_disk_complete_one(c, 2);
    assert_int_equal(raft_durable(cluster_raft(c, 2)), 5);
    cluster_expect(c,
                   "# n2 writes entry 5 of term 2, and its disk takes long\n"
                   "   50 n1: appends 5..5\n"
                   "   50 n1 -> n2: append, term 2, behind 4/2, 1 entries, commit 4\n"
                   "   50 n1 -> n3: append, term 2, behind 4/2, 1 entries, commit 4\n"
                   "   51 n1: durable through 5/2\n"
                   "   51 n2: appends 5..5\n"
                   "   55 n1 crashes\n"
                   "# n3 leads term 3 with another entry 5; n2 writes that too\n"
                   "   55 n3 crashes\n"
                   "   55 n3 starts\n"
                   "   55 n3: follower, term 2\n"
                   "   55 n2: follower of n3, term 3\n"
                   "   55 n2: truncates from 5\n"
                   "   55 n2: appends 5..5\n"
                   "# the first write completes: n1 may hear of it, but n3's entry is not durable\n"
                   "   55 n2: durable through 5/2\n"
                   "   55 n2 -> n1: append-result, term 2, through 5\n"
                   "# then the second\n"
                   "   55 n2: durable through 5/3\n"
                   "   55 n2 -> n3: append-result, term 3, through 5\n");
    cluster_free(c);
}

static void test_failed_write_halts_the_member(void **state)
{
    (void)state;
    struct cluster *c = led(3, 16, 8);
    c->tell = TELL_ROLES | TELL_SENDS;
    cluster_disk_stall(c, 1, true);
    cluster_propose(c, 1, "a");
    cluster_note(c, "n1's write fails: not a word from it any more, and nothing is taken");
    cluster_disk_fail(c, 1);
    cluster_propose(c, 1, "b");
    cluster_read(c, 1);
    cluster_transfer(c, 1, 2);
    cluster_run(c, 900);
    cluster_expect(c, "   50 n1 -> n2: append, term 2, behind 4/2, 1 entries, commit 4\n"
                      "   50 n1 -> n3: append, term 2, behind 4/2, 1 entries, commit 4\n"
                      "# n1's write fails: not a word from it any more, and nothing is taken\n"
                      "   50 n1: halted, term 2\n"
                      "   50 n1: drops the proposal: etcdserver: server stopped\n"
                      "   50 n1: no transfer: etcdserver: server stopped\n"
                      "   52 n2 -> n1: append-result, term 2, through 5\n"
                      "   52 n3 -> n1: append-result, term 2, through 5\n");
    cluster_free(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_appends_are_pipelined_up_to_the_window),
        cmocka_unit_test(test_one_message_carries_what_fits),
        cmocka_unit_test(test_conflicts_are_skipped_by_terms),
        cmocka_unit_test(test_lost_append_is_sent_again_after_the_next_heartbeat),
        cmocka_unit_test(test_own_copy_counts_only_when_durable),
        cmocka_unit_test(test_followers_can_commit_what_the_leaders_disk_lacks),
        cmocka_unit_test(test_figure_8),
        cmocka_unit_test(test_late_completion_does_not_vouch_for_what_took_the_place),
        cmocka_unit_test(test_failed_write_halts_the_member),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
