/* The refusals before proposing. Members are numbered from 1; member 1 is asked. */
#include "support.h"

#define NOW (100 * MEMBERSHIP_HEALTH_NS)

/* What becomes of each voter: `s` started and connected, `d` started and down, `n` started and
 * connected for just 5 s, `u` never started, `U` never started but connected. A capital `L` is a
 * learner that is down. */
struct scene {
    struct membership_link links[MEMBERS_MAX];
    struct membership_view view;
};

static void build(struct world *w, const char *members, struct scene *scene)
{
    membership_fini(&w->m);
    *scene =
        (struct scene){.view = {.self = 1, .strict = true, .now_ns = NOW, .links = scene->links}};
    for (member_id_t id = 1; members[id - 1] != '\0'; id++) {
        char c = members[id - 1];
        char url[] = "http://a:1";
        url[9] = (char)('0' + id);
        enum membership_change_type type = c == 'L' ? MEMBERSHIP_ADD_LEARNER : MEMBERSHIP_ADD_VOTER;
        const char *name = c == 'u' || c == 'U' ? "" : "x";
        assert_int_equal(change(w, type, id, name, url), 0);
        int64_t since = c == 's' || c == 'U' ? NOW - MEMBERSHIP_HEALTH_NS - 1
                        : c == 'n'           ? NOW - MEMBERSHIP_HEALTH_NS
                                             : -1;
        if (id != 1 && c != 'u') {
            scene->links[scene->view.link_count++] = (struct membership_link){id, since};
        }
    }
}

static int add(struct world *w, const char *members, bool learner)
{
    struct scene scene;
    build(w, members, &scene);
    return membership_may_add(&w->m, &scene.view, learner);
}

static int remove_member(struct world *w, const char *members, member_id_t id)
{
    struct scene scene;
    build(w, members, &scene);
    return membership_may_remove(&w->m, &scene.view, id);
}

static void test_add_voter(void **state)
{
    struct world *w = *state;
    assert_int_equal(add(w, "s", false), 0); /* the one unprotected case */
    assert_int_equal(add(w, "u", false), ERR_ETCD_NOT_ENOUGH_STARTED);
    assert_int_equal(add(w, "su", false), ERR_ETCD_NOT_ENOUGH_STARTED);
    assert_int_equal(add(w, "ss", false), 0);
    assert_int_equal(add(w, "sd", false), ERR_ETCD_UNHEALTHY);
    assert_int_equal(add(w, "sn", false), ERR_ETCD_UNHEALTHY);
    assert_int_equal(add(w, "sss", false), 0);
    assert_int_equal(add(w, "ssd", false), ERR_ETCD_UNHEALTHY);
    assert_int_equal(add(w, "ssu", false), ERR_ETCD_NOT_ENOUGH_STARTED);
    assert_int_equal(add(w, "sssu", false), ERR_ETCD_UNHEALTHY);
    assert_int_equal(add(w, "sssU", false), 0);
    assert_int_equal(add(w, "ssuU", false), ERR_ETCD_NOT_ENOUGH_STARTED);
    assert_int_equal(add(w, "sL", false), 0); /* learners are not counted */
}

static void test_add_learner_asks_for_links_only(void **state)
{
    struct world *w = *state;
    assert_int_equal(add(w, "s", true), 0);
    assert_int_equal(add(w, "su", true), ERR_ETCD_UNHEALTHY);
    assert_int_equal(add(w, "sU", true), 0);
    assert_int_equal(add(w, "ssd", true), ERR_ETCD_UNHEALTHY);
    assert_int_equal(add(w, "sL", true), 0); /* refused when applied */
}

static void test_remove_voter(void **state)
{
    struct world *w = *state;
    assert_int_equal(remove_member(w, "s", 1), ERR_ETCD_NOT_ENOUGH_STARTED);
    assert_int_equal(remove_member(w, "su", 2), 0); /* its link is down */
    assert_int_equal(remove_member(w, "su", 1), ERR_ETCD_NOT_ENOUGH_STARTED);
    assert_int_equal(remove_member(w, "ssd", 3), 0);
    assert_int_equal(remove_member(w, "ssd", 2), ERR_ETCD_UNHEALTHY);
    assert_int_equal(remove_member(w, "ssd", 1), ERR_ETCD_UNHEALTHY);
    assert_int_equal(remove_member(w, "sdd", 3), 0);
    assert_int_equal(remove_member(w, "sss", 1), 0);
    assert_int_equal(remove_member(w, "sss", 2), 0);
    assert_int_equal(remove_member(w, "sssd", 2), 0);
    assert_int_equal(remove_member(w, "ssdd", 2), ERR_ETCD_UNHEALTHY);
    assert_int_equal(remove_member(w, "ssssd", 2), 0);
    assert_int_equal(remove_member(w, "suus", 4), ERR_ETCD_NOT_ENOUGH_STARTED);
    assert_int_equal(remove_member(w, "ss", 2), 0);
}

static void test_remove_of_the_unknown_is_left_to_the_log(void **state)
{
    struct world *w = *state;
    assert_int_equal(remove_member(w, "sss", 1234), 0);
    assert_int_equal(remove_member(w, "su", 1234), ERR_ETCD_NOT_ENOUGH_STARTED);
}

static void test_a_learner_is_removed_freely(void **state)
{
    struct world *w = *state;
    assert_int_equal(remove_member(w, "suL", 3), 0);
    assert_int_equal(remove_member(w, "sdL", 3), 0);
}

static int promote(struct world *w, const char *members, bool tracked, index_t match,
                   index_t leader)
{
    struct scene scene;
    build(w, members, &scene);
    return membership_may_promote(&w->m, &scene.view, tracked, match, leader);
}

static void test_promote(void **state)
{
    struct world *w = *state;
    assert_int_equal(promote(w, "sL", true, 90, 100), 0);
    assert_int_equal(promote(w, "sL", true, 89, 100), ERR_ETCD_LEARNER_NOT_READY);
    assert_int_equal(promote(w, "sL", true, 9, 11), ERR_ETCD_LEARNER_NOT_READY);
    assert_int_equal(promote(w, "sL", true, 10, 11), 0);
    assert_int_equal(promote(w, "sL", true, 200, 100), 0);
    assert_int_equal(promote(w, "sL", true, 0, UINT64_MAX), ERR_ETCD_LEARNER_NOT_READY);
    assert_int_equal(promote(w, "sL", false, 0, 100), 0);
    assert_int_equal(promote(w, "suL", true, 100, 100), 0);
    assert_int_equal(promote(w, "suuL", true, 100, 100), ERR_ETCD_NOT_ENOUGH_STARTED);
    assert_int_equal(promote(w, "suuL", true, 1, 100), ERR_ETCD_LEARNER_NOT_READY);
}

static void test_without_the_strict_check_only_readiness_counts(void **state)
{
    struct world *w = *state;
    struct scene scene;
    build(w, "suuL", &scene);
    scene.view.strict = false;
    assert_int_equal(membership_may_add(&w->m, &scene.view, false), 0);
    assert_int_equal(membership_may_add(&w->m, &scene.view, true), 0);
    assert_int_equal(membership_may_remove(&w->m, &scene.view, 1), 0);
    assert_int_equal(membership_may_promote(&w->m, &scene.view, true, 100, 100), 0);
    assert_int_equal(membership_may_promote(&w->m, &scene.view, true, 1, 100),
                     ERR_ETCD_LEARNER_NOT_READY);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_add_voter),
        TEST(test_add_learner_asks_for_links_only),
        TEST(test_remove_voter),
        TEST(test_remove_of_the_unknown_is_left_to_the_log),
        TEST(test_a_learner_is_removed_freely),
        TEST(test_promote),
        TEST(test_without_the_strict_check_only_readiness_counts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
