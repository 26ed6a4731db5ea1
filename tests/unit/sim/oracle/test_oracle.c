#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "oracle/oracle.h"

/* count members with ids 1.., all running, meshed, published and reached, all voters. */
static struct oracle_view healthy(size_t count)
{
    struct oracle_view v;
    memset(&v, 0, sizeof(v));
    v.count = count;
    v.pre_vote = true;
    v.newest.index = count;
    v.newest.voter_count = count;
    for (size_t i = 0; i < count; i++) {
        v.newest.voters[i] = i + 1;
        v.open[i] = (UINT64_C(1) << count) - 1;
    }
    for (size_t i = 0; i < count; i++) {
        v.members[i] = (struct oracle_member){.id = i + 1,
                                              .running = true,
                                              .disk_works = true,
                                              .published = true,
                                              .reached = true,
                                              .config = v.newest};
    }
    return v;
}

static void cut(struct oracle_view *v, size_t a, size_t b)
{
    v->open[a] &= ~(UINT64_C(1) << b);
}

static void cut_both(struct oracle_view *v, size_t a, size_t b)
{
    cut(v, a, b);
    cut(v, b, a);
}

static void test_a_healthy_cluster_must_serve(void **state)
{
    (void)state;
    struct oracle_view v = healthy(3);
    struct oracle_answer a = oracle_judge(&v, 0);
    assert_int_equal(a.writes, ORACLE_SOUND);
    assert_int_equal(a.serializable, ORACLE_SOUND);
    assert_int_equal(a.set, 7);
}

static void test_a_member_that_was_added_and_never_started_stalls_two(void **state)
{
    (void)state;
    struct oracle_view v = healthy(2);
    v.members[1] = (struct oracle_member){.id = 0};
    struct oracle_answer a = oracle_judge(&v, 0);
    assert_int_equal(a.writes, ORACLE_NEVER);
    assert_int_equal(a.serializable, ORACLE_SOUND);
}

static void test_the_same_with_its_id_known_from_the_add(void **state)
{
    (void)state;
    struct oracle_view v = healthy(2);
    v.members[1] = (struct oracle_member){.id = 2};
    assert_int_equal(oracle_judge(&v, 0).writes, ORACLE_NEVER);
}

static void test_a_joining_member_counts_by_the_configuration_of_the_others(void **state)
{
    (void)state;
    struct oracle_view v = healthy(2);
    v.members[1].published = false;
    v.members[1].fetching = true;
    v.members[1].config.voter_count = 0;
    assert_int_equal(oracle_judge(&v, 0).writes, ORACLE_SOUND);
    /* While it replays, the old configuration of the other is active on it. */
    v.members[1].config = v.newest;
    v.members[1].config.voter_count = 1;
    assert_int_equal(oracle_judge(&v, 0).writes, ORACLE_SOUND);
}

static void test_a_restarted_member_with_an_old_configuration_that_suffices_is_unsure(void **state)
{
    (void)state;
    struct oracle_view v = healthy(2);
    v.members[1].running = false;
    v.members[0].fetching = true;
    v.members[0].published = false;
    v.members[0].config.voter_count = 1;
    assert_int_equal(oracle_judge(&v, 0).writes, ORACLE_UNSURE);
    /* Unless it still replays: it will know the newer one before it can campaign. */
    v.members[0].replaying = true;
    struct oracle_answer a = oracle_judge(&v, 0);
    assert_int_equal(a.writes, ORACLE_NEVER);
    assert_int_equal(a.serializable, ORACLE_NEVER);
}

static void test_a_minority_cannot_and_a_majority_must(void **state)
{
    (void)state;
    struct oracle_view v = healthy(3);
    cut_both(&v, 0, 1);
    cut_both(&v, 0, 2);
    /* Clients reach the cut-off one too: it takes their writes and cannot commit them. */
    assert_int_equal(oracle_judge(&v, 0).writes, ORACLE_UNSURE);
    v.members[0].reached = false;
    struct oracle_answer a = oracle_judge(&v, 0);
    assert_int_equal(a.writes, ORACLE_SOUND);
    assert_int_equal(a.set, 6);
    cut_both(&v, 1, 2);
    assert_int_equal(oracle_judge(&v, 0).writes, ORACLE_NEVER);
}

static void test_one_way_links_carry_no_quorum(void **state)
{
    (void)state;
    struct oracle_view v = healthy(2);
    cut(&v, 0, 1);
    assert_int_equal(oracle_judge(&v, 0).writes, ORACLE_NEVER);
}

static void test_without_pre_vote_an_outsider_that_can_send_disturbs(void **state)
{
    (void)state;
    struct oracle_view v = healthy(3);
    v.members[2].reached = false;
    cut(&v, 0, 2);
    cut(&v, 1, 2);
    assert_int_equal(oracle_judge(&v, 0).writes, ORACLE_SOUND);
    v.pre_vote = false;
    assert_int_equal(oracle_judge(&v, 0).writes, ORACLE_UNSURE);
}

static void test_a_member_between_two_that_do_not_see_each_other_could_lead(void **state)
{
    (void)state;
    struct oracle_view v = healthy(3);
    cut_both(&v, 0, 2);
    /* {0, 1} and {1, 2} are both meshed quorums, and whoever is left out could lead with 1. */
    assert_int_equal(oracle_judge(&v, 0).writes, ORACLE_UNSURE);
}

static void test_broken_disks_and_paused_members_do_not_count(void **state)
{
    (void)state;
    struct oracle_view v = healthy(3);
    v.members[0].running = false;
    v.members[1].disk_works = false;
    assert_int_equal(oracle_judge(&v, 0).writes, ORACLE_NEVER);
}

static void test_a_member_that_is_stopping_may_serve_and_need_not(void **state)
{
    (void)state;
    struct oracle_view v = healthy(3);
    v.members[2].leaving = true;
    assert_int_equal(oracle_judge(&v, 0).writes, ORACLE_UNSURE);
    v.members[1].running = false;
    assert_int_equal(oracle_judge(&v, 0).writes, ORACLE_UNSURE);
    v.members[2].running = false;
    assert_int_equal(oracle_judge(&v, 0).writes, ORACLE_NEVER);
}

static void test_a_learner_as_endpoint_breaks_the_promise(void **state)
{
    (void)state;
    struct oracle_view v = healthy(2);
    for (size_t i = 0; i < 3; i++) {
        struct oracle_config *c = i < 2 ? &v.members[i].config : &v.newest;
        c->voter_count = 1;
        c->learners[0] = 2;
        c->learner_count = 1;
    }
    assert_int_equal(oracle_judge(&v, 0).writes, ORACLE_UNSURE);
    v.members[1].reached = false;
    assert_int_equal(oracle_judge(&v, 0).writes, ORACLE_SOUND);
}

static void test_must_begins_when_the_bound_has_passed(void **state)
{
    (void)state;
    struct mem_pool *pool = mem_pool_new(1 << 20, -1);
    struct oracle_track t;
    oracle_track_init(&t, mem_pool_mem(pool), 100, 0);
    oracle_track_set(&t, 10, ORACLE_SOUND, 1);
    oracle_track_set(&t, 50, ORACLE_UNSURE, 0);
    oracle_track_set(&t, 60, ORACLE_SOUND, 1);
    oracle_track_set(&t, 300, ORACLE_NEVER, 0);
    oracle_track_end(&t, 400);
    assert_int_equal(t.count, 3);
    assert_int_equal(oracle_track_during(&t, 0, 160), ORACLE_MAY);
    assert_int_equal(oracle_track_during(&t, 160, 299), ORACLE_MUST);
    assert_int_equal(oracle_track_during(&t, 200, 301), ORACLE_MAY);
    assert_int_equal(oracle_track_during(&t, 300, 400), ORACLE_CANNOT);
    assert_int_equal(oracle_track_share(&t, ORACLE_MUST, 0, 400), 140);
    assert_int_equal(oracle_track_share(&t, ORACLE_MUST, 250, 400), 50);
    mem_pool_free(pool);
}

static void test_the_bound_counts_anew_for_another_set(void **state)
{
    (void)state;
    struct mem_pool *pool = mem_pool_new(1 << 20, -1);
    struct oracle_track t;
    oracle_track_init(&t, mem_pool_mem(pool), 100, 0);
    oracle_track_set(&t, 0, ORACLE_SOUND, 1);
    oracle_track_set(&t, 150, ORACLE_SOUND, 3);
    oracle_track_end(&t, 300);
    assert_int_equal(oracle_track_share(&t, ORACLE_MUST, 0, 300), 100);
    mem_pool_free(pool);
}

static void test_a_move_keeps_the_bound_and_frees_what_was_under_way(void **state)
{
    (void)state;
    struct mem_pool *pool = mem_pool_new(1 << 20, -1);
    struct oracle_track t;
    oracle_track_init(&t, mem_pool_mem(pool), 100, 0);
    oracle_track_set(&t, 0, ORACLE_SOUND, 7);
    oracle_track_move(&t, 150, 3);
    oracle_track_set(&t, 150, ORACLE_SOUND, 3);
    oracle_track_end(&t, 300);
    assert_int_equal(oracle_track_share(&t, ORACLE_MUST, 0, 300), 200);
    assert_int_equal(oracle_track_during(&t, 110, 149), ORACLE_MUST);
    assert_int_equal(oracle_track_during(&t, 140, 160), ORACLE_MAY);
    assert_int_equal(oracle_track_during(&t, 151, 200), ORACLE_MUST);
    mem_pool_free(pool);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_healthy_cluster_must_serve),
        cmocka_unit_test(test_a_member_that_was_added_and_never_started_stalls_two),
        cmocka_unit_test(test_the_same_with_its_id_known_from_the_add),
        cmocka_unit_test(test_a_joining_member_counts_by_the_configuration_of_the_others),
        cmocka_unit_test(test_a_restarted_member_with_an_old_configuration_that_suffices_is_unsure),
        cmocka_unit_test(test_a_minority_cannot_and_a_majority_must),
        cmocka_unit_test(test_one_way_links_carry_no_quorum),
        cmocka_unit_test(test_without_pre_vote_an_outsider_that_can_send_disturbs),
        cmocka_unit_test(test_a_member_between_two_that_do_not_see_each_other_could_lead),
        cmocka_unit_test(test_broken_disks_and_paused_members_do_not_count),
        cmocka_unit_test(test_a_member_that_is_stopping_may_serve_and_need_not),
        cmocka_unit_test(test_a_learner_as_endpoint_breaks_the_promise),
        cmocka_unit_test(test_must_begins_when_the_bound_has_passed),
        cmocka_unit_test(test_a_move_keeps_the_bound_and_frees_what_was_under_way),
        cmocka_unit_test(test_the_bound_counts_anew_for_another_set),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
