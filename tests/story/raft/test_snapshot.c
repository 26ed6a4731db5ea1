/* Snapshots and log compaction (thesis chapter 5; messages as in etcd). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/duration.h"
#include "support/raft_cluster.h"

static void propose_many(struct cluster *c, member_id_t id, int count)
{
    char text[] = "a";
    for (int i = 0; i < count; i++) {
        text[0] = (char)('a' + i % 26);
        cluster_propose(c, id, text);
        cluster_run(c, 5);
    }
}

static void send_snapshot(struct cluster *c, member_id_t to, index_t index, term_t log_term)
{
    struct raft_conf conf = {.voter_count = 3, .voters = {1, 2, 3}};
    struct raft_message m = {.type = RAFT_SNAPSHOT,
                             .from = 1,
                             .to = to,
                             .boot = 1,
                             .term = 2,
                             .index = index,
                             .log_term = log_term,
                             .conf = &conf};
    struct raft_event e = {
        .type = RAFT_EVENT_RECEIVE, .message = &m, .context = c->state_at[index]};
    cluster_step(c, to, &e);
}

static void test_lagging_learner_gets_a_snapshot_under_loss_and_duplication(void **state)
{
    (void)state;
    struct cluster *c = cluster_led_by_n1(3);
    c->tell = 0;
    cluster_conf(c, 1, RAFT_CONF_ADD_LEARNER, 4);
    cluster_run(c, 10);
    propose_many(c, 1, 20);
    cluster_snapshot(c, 1, 3);
    c->tell = TELL_COMMITS | TELL_CONF | TELL_SENDS | TELL_LOSSES | TELL_LOG;
    c->rng = rng_stream(9, "test.snapshot", 0);
    c->loss_ppm = 500000;
    c->duplicate_ppm = 500000;
    c->jitter_ns = 20 * MS_NS;
    cluster_start(c, 4);
    cluster_propose(c, 1, "meanwhile");
    while (raft_applied(cluster_raft(c, 4)) < raft_commit(cluster_raft(c, 1))) {
        cluster_run(c, 10);
    }
    cluster_expect(c, "  160 n1: appends 26..26\n"
                      "  160 n1 -> n2: append, term 2, behind 25/2, 1 entries, commit 25\n"
                      "  160 n1 -> n3: append, term 2, behind 25/2, 1 entries, commit 25\n"
                      "  160 n1 -x n3: append, term 2, behind 25/2, 1 entries, commit 25\n"
                      "  161 n2: appends 26..26\n"
                      "  162 n2 -> n1: append-result, term 2, through 26\n"
                      "  162 n2 -> n1: append-result, term 2, through 26\n"
                      "  164 n1: commits 26..26\n"
                      "  164 n1 -> n2: append, term 2, behind 26/2, 0 entries, commit 26\n"
                      "  164 n1 -> n3: append, term 2, behind 26/2, 0 entries, commit 26\n"
                      "  164 n1 -x n3: append, term 2, behind 26/2, 0 entries, commit 26\n"
                      "  180 n2: commits 26..26\n"
                      "  425 n1 -> n3: append, term 2, behind 26/2, 0 entries, commit 26\n"
                      "  433 n1 -> n3: append, term 2, behind 26/2, 0 entries, commit 26\n"
                      "  433 n1 -x n3: append, term 2, behind 26/2, 0 entries, commit 26\n"
                      "  440 n3 -> n1: append-result no, term 2, behind 26, hint 25/2\n"
                      "  446 n3 -> n1: append-result no, term 2, behind 26, hint 25/2\n"
                      "  446 n3 -x n1: append-result no, term 2, behind 26, hint 25/2\n"
                      "  446 n1 -> n3: append, term 2, behind 25/2, 1 entries, commit 26\n"
                      "  446 n1 -x n3: append, term 2, behind 25/2, 1 entries, commit 26\n"
                      "  529 n1 -> n4: snapshot, term 2, last 25/2\n"
                      "  536 n4: installs a snapshot of 25/2\n"
                      "  536 n4: voters n1 n2 n3, learners n4\n"
                      "  536 n1 -> n3: append, term 2, behind 25/2, 1 entries, commit 26\n"
                      "  536 n1 -x n3: append, term 2, behind 25/2, 1 entries, commit 26\n"
                      "  537 n4 -> n1: snapshot-result, term 2, through 25\n"
                      "  542 n1 -> n4: append, term 2, behind 25/2, 1 entries, commit 26\n"
                      "  543 n4 -> n1: snapshot-result, term 2, through 25\n"
                      "  549 n4: appends 26..26\n"
                      "  549 n4: commits 26..26\n");
    c->loss_ppm = 0;
    cluster_run(c, 500);
    check_converged(c);
    cluster_free(c);
}

static void test_lost_snapshot_is_sent_again(void **state)
{
    (void)state;
    struct cluster *c = cluster_led_by_n1(3);
    c->tell = 0;
    cluster_isolate(c, 3);
    propose_many(c, 1, 10);
    cluster_snapshot(c, 1, 0);
    c->tell = TELL_SENDS | TELL_LOSSES | TELL_COMMITS | TELL_LOG;
    c->cut[3][1] = false;
    c->cut[1][3] = false;
    cluster_run(c, 9);
    cluster_note(c, "n3's refusal arrives, the snapshot does not");
    cluster_cut(c, 1, 3);
    cluster_run(c, 20);
    cluster_heal(c);
    cluster_run(c, 200);
    cluster_expect(c, "  108 n1 -> n3: append, term 2, behind 14/2, 0 entries, commit 14\n"
                      "  109 n3 -> n1: append-result no, term 2, behind 14, hint 4/2\n"
                      "# n3's refusal arrives, the snapshot does not\n"
                      "  110 n1 -> n3: snapshot, term 2, last 14/2\n"
                      "  110 n1 -x n3: snapshot, term 2, last 14/2\n"
                      "  208 n1 -> n3: snapshot, term 2, last 14/2\n"
                      "  209 n3: installs a snapshot of 14/2\n"
                      "  210 n3 -> n1: snapshot-result, term 2, through 14\n");
    check_converged(c);
    cluster_free(c);
}

static void test_snapshot_of_a_prefix_keeps_the_suffix(void **state)
{
    (void)state;
    struct cluster *c = cluster_led_by_n1(3);
    c->tell = 0;
    cluster_cut(c, 1, 3);
    propose_many(c, 1, 4);
    cluster_snapshot(c, 1, 0);
    cluster_heal(c);
    cluster_run(c, 200);
    c->tell = TELL_SENDS | TELL_COMMITS | TELL_LOG;
    index_t last = raft_last(cluster_raft(c, 3));
    assert_int_equal(last, 8);
    cluster_note(c, "a late snapshot, behind what n3 has committed: it only answers");
    send_snapshot(c, 3, 6, 2);
    cluster_run(c, 5);
    cluster_note(c, "one that covers entries which n3 has, but does not know to be committed");
    cluster_propose(c, 1, "x");
    cluster_propose(c, 1, "y");
    cluster_cut(c, 1, 3);
    cluster_run(c, 5);
    send_snapshot(c, 3, 9, 2);
    assert_int_equal(raft_commit(cluster_raft(c, 3)), 9);
    assert_int_equal(raft_last(cluster_raft(c, 3)), 10);
    assert_int_equal(raft_first(cluster_raft(c, 3)), 9);
    cluster_expect(c, "# a late snapshot, behind what n3 has committed: it only answers\n"
                      "  270 n3 -> n1: snapshot-result, term 2, through 8\n"
                      "# one that covers entries which n3 has, but does not know to be committed\n"
                      "  275 n1: appends 9..9\n"
                      "  275 n1 -> n2: append, term 2, behind 8/2, 1 entries, commit 8\n"
                      "  275 n1 -> n3: append, term 2, behind 8/2, 1 entries, commit 8\n"
                      "  275 n1: appends 10..10\n"
                      "  275 n1 -> n2: append, term 2, behind 9/2, 1 entries, commit 8\n"
                      "  275 n1 -> n3: append, term 2, behind 9/2, 1 entries, commit 8\n"
                      "  276 n2: appends 9..9\n"
                      "  276 n3: appends 9..9\n"
                      "  276 n2: appends 10..10\n"
                      "  276 n3: appends 10..10\n"
                      "  277 n2 -> n1: append-result, term 2, through 9\n"
                      "  277 n2 -> n1: append-result, term 2, through 10\n"
                      "  277 n3 -> n1: append-result, term 2, through 9\n"
                      "  277 n3 -> n1: append-result, term 2, through 10\n"
                      "  278 n1: commits 9..9\n"
                      "  278 n1 -> n2: append, term 2, behind 10/2, 0 entries, commit 9\n"
                      "  278 n1 -> n3: append, term 2, behind 10/2, 0 entries, commit 9\n"
                      "  278 n1: commits 10..10\n"
                      "  278 n1 -> n2: append, term 2, behind 10/2, 0 entries, commit 10\n"
                      "  278 n1 -> n3: append, term 2, behind 10/2, 0 entries, commit 10\n"
                      "  279 n2: commits 9..9\n"
                      "  279 n2: commits 10..10\n"
                      "  280 n3: commits 9..9\n"
                      "  280 n3 -> n1: snapshot-result, term 2, through 9\n");
    cluster_free(c);
}

static void test_snapshot_replaces_a_conflicting_entry(void **state)
{
    (void)state;
    struct cluster *c = cluster_led_by_n1(3);
    c->tell = 0;
    cluster_isolate(c, 1);
    propose_many(c, 1, 6);
    cluster_run(c, 3000);
    member_id_t leader = cluster_leader(c);
    propose_many(c, leader, 3);
    cluster_run(c, 50);
    cluster_snapshot(c, leader, 0);
    c->tell = TELL_SENDS | TELL_COMMITS | TELL_LOG | TELL_ROLES;
    cluster_note(c, "n1 has other entries at and behind the snapshot's index");
    cluster_heal(c);
    cluster_run(c, 200);
    cluster_propose(c, leader, "z");
    cluster_run(c, 10);
    cluster_expect(c, "# n1 has other entries at and behind the snapshot's index\n"
                      " 3161 n1: follower of n3, term 3\n"
                      " 3162 n3 -> n1: snapshot, term 3, last 8/3\n"
                      " 3163 n1: installs a snapshot of 8/3\n"
                      " 3164 n1 -> n3: snapshot-result, term 3, through 8\n"
                      " 3165 n3 -> n1: append, term 3, behind 8/3, 0 entries, commit 8\n"
                      " 3345 n3: appends 9..9\n"
                      " 3345 n3 -> n1: append, term 3, behind 8/3, 1 entries, commit 8\n"
                      " 3345 n3 -> n2: append, term 3, behind 8/3, 1 entries, commit 8\n"
                      " 3346 n1: appends 9..9\n"
                      " 3346 n2: appends 9..9\n"
                      " 3347 n1 -> n3: append-result, term 3, through 9\n"
                      " 3347 n2 -> n3: append-result, term 3, through 9\n"
                      " 3348 n3: commits 9..9\n"
                      " 3348 n3 -> n1: append, term 3, behind 9/3, 0 entries, commit 9\n"
                      " 3348 n3 -> n2: append, term 3, behind 9/3, 0 entries, commit 9\n"
                      " 3349 n1: commits 9..9\n"
                      " 3349 n2: commits 9..9\n");
    check_converged(c);
    cluster_free(c);
}

static void test_acknowledged_only_when_durable(void **state)
{
    (void)state;
    struct cluster *c = cluster_led_by_n1(3);
    c->tell = 0;
    cluster_crash(c, 3);
    propose_many(c, 1, 10);
    cluster_snapshot(c, 1, 0);
    cluster_start(c, 3);
    cluster_disk_stall(c, 3, true);
    cluster_run(c, 150);
    c->tell = TELL_SENDS | TELL_DISK | TELL_ROLES;
    cluster_note(c, "n3 has the snapshot, not durably; a power failure takes it back");
    assert_int_equal(raft_commit(cluster_raft(c, 3)), 14);
    cluster_crash(c, 3);
    cluster_disk_stall(c, 3, false);
    cluster_start(c, 3);
    assert_true(raft_commit(cluster_raft(c, 3)) < 14);
    cluster_run(c, 250);
    cluster_expect(c, "# n3 has the snapshot, not durably; a power failure takes it back\n"
                      "  250 n3 crashes\n"
                      "  250 n3 starts\n"
                      "  250 n3: follower, term 2\n"
                      "  307 n3: follower of n1, term 2\n"
                      "  308 n1 -> n3: append, term 2, behind 14/2, 0 entries, commit 14\n"
                      "  309 n3 -> n1: append-result no, term 2, behind 14, hint 4/2\n"
                      "  310 n1 -> n3: snapshot, term 2, last 14/2\n"
                      "  312 n3: durable through 14/2\n"
                      "  312 n3 -> n1: snapshot-result, term 2, through 14\n");
    check_converged(c);
    cluster_free(c);
}

static void test_restart_from_a_snapshot(void **state)
{
    (void)state;
    struct cluster *c = cluster_led_by_n1(3);
    c->tell = TELL_ROLES | TELL_COMMITS | TELL_CONF;
    propose_many(c, 1, 3);
    buf_clear(&c->story);
    cluster_snapshot(c, 1, 2);
    propose_many(c, 1, 1);
    cluster_crash(c, 1);
    cluster_start(c, 1);
    cluster_expect(c, "   65 n1: snapshot of 7, log from 6\n"
                      "   68 n1: commits 8..8\n"
                      "   69 n2: commits 8..8\n"
                      "   69 n3: commits 8..8\n"
                      "   70 n1 crashes\n"
                      "   70 n1 starts\n"
                      "   70 n1: follower, term 2\n"
                      "   70 n1: commits 8..8\n"
                      "   70 n1: voters n1 n2 n3\n");
    cluster_free(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lagging_learner_gets_a_snapshot_under_loss_and_duplication),
        cmocka_unit_test(test_lost_snapshot_is_sent_again),
        cmocka_unit_test(test_snapshot_of_a_prefix_keeps_the_suffix),
        cmocka_unit_test(test_snapshot_replaces_a_conflicting_entry),
        cmocka_unit_test(test_acknowledged_only_when_durable),
        cmocka_unit_test(test_restart_from_a_snapshot),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
