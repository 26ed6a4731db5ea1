#include "support.h"

static void three(struct world *w)
{
    assert_int_equal(change(w, MEMBERSHIP_ADD_VOTER, 30, "c", "http://c:1"), 0);
    assert_int_equal(change(w, MEMBERSHIP_ADD_VOTER, 10, "a", "http://a:1"), 0);
    assert_int_equal(change(w, MEMBERSHIP_ADD_VOTER, 20, "b", "http://b:1"), 0);
}

static void test_members_are_in_the_order_of_ids(void **state)
{
    struct world *w = *state;
    three(w);
    assert_int_equal(w->m.count, 3);
    assert_int_equal(w->m.members[0]->id, 10);
    assert_int_equal(w->m.members[2]->id, 30);
    assert_int_equal(membership_voters(&w->m), 3);
    assert_null(membership_find(&w->m, 15));
    assert_true(slice_eq_str(membership_find(&w->m, 20)->name, "b"));
}

static void test_an_added_member_is_unstarted_until_it_publishes(void **state)
{
    struct world *w = *state;
    three(w);
    assert_int_equal(change(w, MEMBERSHIP_ADD_VOTER, 15, "", "http://d:1"), 0);
    assert_false(member_is_started(membership_find(&w->m, 15)));
    uint64_t before = membership_hash(&w->m);
    assert_int_equal(publish(w, 15, "d", "http://d:2,http://d:3"), 0);
    assert_true(membership_hash(&w->m) != before);
    const struct member *d = membership_find(&w->m, 15);
    assert_true(member_is_started(d));
    assert_int_equal(d->client_urls.count, 2);
    assert_true(slice_eq_str(d->peer_urls.at[0], "http://d:1"));
    assert_int_equal(publish(w, 15, "d2", ""), 0);
    assert_int_equal(membership_find(&w->m, 15)->client_urls.count, 0);
    assert_int_equal(publish(w, 16, "e", ""), ERR_ETCD_MEMBER_NOT_FOUND);
}

static void test_additions_are_refused_in_etcds_order(void **state)
{
    struct world *w = *state;
    three(w);
    assert_int_equal(change(w, MEMBERSHIP_ADD_VOTER, 20, "", "http://c:1"), ERR_ETCD_MEMBER_EXISTS);
    assert_int_equal(change(w, MEMBERSHIP_ADD_VOTER, 40, "", "http://d:1,http://c:1"),
                     ERR_ETCD_PEER_URL_EXISTS);
    assert_int_equal(change(w, MEMBERSHIP_ADD_LEARNER, 40, "", "http://d:1"), 0);
    assert_true(membership_find(&w->m, 40)->is_learner);
    assert_int_equal(membership_voters(&w->m), 3);
    assert_int_equal(change(w, MEMBERSHIP_ADD_LEARNER, 50, "", "http://d:1"),
                     ERR_ETCD_PEER_URL_EXISTS);
    assert_int_equal(change(w, MEMBERSHIP_ADD_LEARNER, 50, "", "http://e:1"),
                     ERR_ETCD_TOO_MANY_LEARNERS);
    assert_int_equal(change(w, MEMBERSHIP_ADD_VOTER, 50, "", "http://e:1"), 0);
}

static void test_a_removed_id_never_comes_back(void **state)
{
    struct world *w = *state;
    three(w);
    assert_int_equal(change(w, MEMBERSHIP_REMOVE, 20, "", ""), 0);
    assert_null(membership_find(&w->m, 20));
    assert_true(membership_is_removed(&w->m, 20));
    assert_int_equal(change(w, MEMBERSHIP_REMOVE, 20, "", ""), ERR_ETCD_MEMBER_NOT_FOUND);
    assert_int_equal(change(w, MEMBERSHIP_ADD_VOTER, 20, "", "http://a:1"),
                     ERR_ETCD_MEMBER_NOT_FOUND);
    assert_int_equal(change(w, MEMBERSHIP_UPDATE, 20, "", "http://x:1"), ERR_ETCD_MEMBER_NOT_FOUND);
    assert_int_equal(change(w, MEMBERSHIP_PROMOTE, 20, "", ""), ERR_ETCD_MEMBER_NOT_FOUND);
    assert_int_equal(publish(w, 20, "b", ""), ERR_ETCD_MEMBER_NOT_FOUND);
    assert_int_equal(change(w, MEMBERSHIP_ADD_VOTER, 21, "", "http://b:1"), 0);
    for (member_id_t id = 100; id < 150; id++) {
        member_id_t mixed = (id * 37) % 101 + 1000;
        assert_int_equal(change(w, MEMBERSHIP_ADD_VOTER, mixed, "", "http://z:1"), 0);
        assert_int_equal(change(w, MEMBERSHIP_REMOVE, mixed, "", ""), 0);
        assert_true(membership_is_removed(&w->m, mixed));
        membership_check(&w->m);
    }
    assert_int_equal(w->m.removed_count, 51);
    assert_false(membership_is_removed(&w->m, 10));
}

static void test_unknown_ids(void **state)
{
    struct world *w = *state;
    three(w);
    assert_int_equal(change(w, MEMBERSHIP_REMOVE, 1234, "", ""), ERR_ETCD_MEMBER_NOT_FOUND);
    assert_int_equal(change(w, MEMBERSHIP_PROMOTE, 1234, "", ""), ERR_ETCD_MEMBER_NOT_FOUND);
    assert_int_equal(change(w, MEMBERSHIP_UPDATE, 1234, "", "http://c:1"),
                     ERR_ETCD_MEMBER_NOT_FOUND);
}

static void test_update_changes_peer_urls_only(void **state)
{
    struct world *w = *state;
    three(w);
    assert_int_equal(publish(w, 20, "b", "http://b:9"), 0);
    assert_int_equal(change(w, MEMBERSHIP_UPDATE, 20, "", "http://a:1"), ERR_ETCD_PEER_URL_EXISTS);
    assert_int_equal(change(w, MEMBERSHIP_UPDATE, 20, "", "http://b:1,http://b:2"), 0);
    const struct member *b = membership_find(&w->m, 20);
    assert_int_equal(b->peer_urls.count, 2);
    assert_true(slice_eq_str(b->name, "b"));
    assert_true(slice_eq_str(b->client_urls.at[0], "http://b:9"));
    assert_int_equal(change(w, MEMBERSHIP_ADD_LEARNER, 40, "", "http://d:1"), 0);
    assert_int_equal(change(w, MEMBERSHIP_UPDATE, 40, "", "http://d:2"), 0);
    assert_true(membership_find(&w->m, 40)->is_learner);
}

static void test_promotion(void **state)
{
    struct world *w = *state;
    three(w);
    assert_int_equal(change(w, MEMBERSHIP_PROMOTE, 10, "", ""), ERR_ETCD_NOT_LEARNER);
    assert_int_equal(change(w, MEMBERSHIP_ADD_LEARNER, 40, "", "http://d:1"), 0);
    assert_int_equal(change(w, MEMBERSHIP_PROMOTE, 40, "", ""), 0);
    assert_int_equal(membership_voters(&w->m), 4);
    assert_int_equal(change(w, MEMBERSHIP_PROMOTE, 40, "", ""), ERR_ETCD_NOT_LEARNER);
    assert_true(slice_eq_str(membership_find(&w->m, 40)->peer_urls.at[0], "http://d:1"));
    assert_int_equal(change(w, MEMBERSHIP_ADD_LEARNER, 50, "", "http://e:1"), 0);
}

static void test_there_is_a_most(void **state)
{
    struct world *w = *state;
    for (member_id_t id = 1; id <= MEMBERS_MAX; id++) {
        char url[] = "http://a:1000";
        url[11] = (char)('0' + id / 10);
        url[12] = (char)('0' + id % 10);
        assert_int_equal(change(w, MEMBERSHIP_ADD_VOTER, id, "", url), 0);
    }
    assert_int_equal(change(w, MEMBERSHIP_ADD_VOTER, 1000, "", "http://b:1"), ERR_LIMIT);
    assert_int_equal(change(w, MEMBERSHIP_REMOVE, 7, "", ""), 0);
    assert_int_equal(change(w, MEMBERSHIP_ADD_VOTER, 1000, "", "http://b:1"), 0);
}

static void test_plans_check_urls(void **state)
{
    struct membership_change c;
    struct member_urls urls = {1, {slice_str("http://a")}};
    (void)state;
    assert_int_equal(membership_plan_add(&urls, false, 1, &c), ERR_ETCD_BAD_URLS);
    assert_int_equal(membership_plan_update(10, &urls, &c), ERR_ETCD_BAD_URLS);
    urls.count = 0;
    assert_int_equal(membership_plan_add(&urls, false, 1, &c), ERR_ETCD_BAD_URLS);
    urls = urls_of("http://b:1,http://a:1");
    assert_int_equal(membership_plan_add(&urls, false, 1, &c), 0);
    assert_true(slice_eq_str(c.peer_urls.at[0], "http://a:1"));
    assert_int_equal(membership_plan_update(10, &urls, &c), 0);
    assert_true(slice_eq_str(c.peer_urls.at[0], "http://b:1"));
    membership_plan_remove(7, &c);
    assert_int_equal(c.type, MEMBERSHIP_REMOVE);
    membership_plan_promote(7, &c);
    assert_int_equal(c.type, MEMBERSHIP_PROMOTE);
    assert_int_equal(c.peer_urls.count, 0);
}

static int add_learner(struct world *w, member_id_t id, const char *url, uint8_t most)
{
    struct membership_change c = {
        .type = MEMBERSHIP_ADD_LEARNER, .id = id, .learners_max = most, .peer_urls = urls_of(url)};
    return membership_apply(&w->m, &c);
}

static void test_the_change_says_how_many_learners_there_may_be(void **state)
{
    struct world *w = *state;
    assert_int_equal(add_learner(w, 1, "http://a:1", 0), 0);
    assert_int_equal(add_learner(w, 2, "http://b:1", 0), ERR_ETCD_TOO_MANY_LEARNERS);
    assert_int_equal(add_learner(w, 2, "http://b:1", 1), ERR_ETCD_TOO_MANY_LEARNERS);
    assert_int_equal(add_learner(w, 2, "http://b:1", 2), 0);
    assert_int_equal(add_learner(w, 3, "http://c:1", 2), ERR_ETCD_TOO_MANY_LEARNERS);
    assert_int_equal(change(w, MEMBERSHIP_ADD_VOTER, 3, "", "http://c:1"), 0);
}

static void test_a_member_keeps_the_log_it_first_published_with(void **state)
{
    struct world *w = *state;
    assert_int_equal(change(w, MEMBERSHIP_ADD_VOTER, 1, "", "http://a:1"), 0);
    assert_int_equal(publish(w, 1, "a", "http://a:2"), 0);
    assert_int_equal(publish_as(w, 1, "a", "http://a:2", 11), 0);
    assert_int_equal(publish_as(w, 1, "b", "http://a:3", 11), 0);
    uint64_t before = membership_hash(&w->m);
    assert_int_equal(publish_as(w, 1, "c", "http://a:4", 12), ERR_PERMISSION);
    assert_int_equal(publish(w, 1, "c", "http://a:4"), ERR_PERMISSION);
    assert_true(membership_hash(&w->m) == before);
    /* What it is called, where it is and what it counts as do not touch that. */
    assert_int_equal(change(w, MEMBERSHIP_UPDATE, 1, "", "http://a:9"), 0);
    assert_int_equal(membership_find(&w->m, 1)->instance, 11);
}

static int decree(struct world *w, enum membership_change_type type, member_id_t id,
                  const char *urls, uint64_t epoch)
{
    struct membership_change c = {.type = type, .id = id, .epoch = epoch};
    if (urls[0] != '\0') {
        c.peer_urls = urls_of(urls);
    }
    return membership_apply(&w->m, &c);
}

static void test_an_epoch_may_bring_back_a_removed_member(void **state)
{
    struct world *w = *state;
    uint64_t epoch = membership_epoch_next(0, 7);
    three(w);
    assert_int_equal(change(w, MEMBERSHIP_REMOVE, 20, "", ""), 0);
    assert_int_equal(w->m.epoch, 0);
    /* Under URLs that another one has, which goes next. */
    assert_int_equal(change(w, MEMBERSHIP_ADD_VOTER, 20, "", "http://a:1"),
                     ERR_ETCD_MEMBER_NOT_FOUND);
    assert_int_equal(decree(w, MEMBERSHIP_ADD_VOTER, 20, "http://a:1", epoch), 0);
    assert_int_equal(w->m.epoch, epoch);
    assert_int_equal(membership_find(&w->m, 20)->since, epoch);
    assert_false(membership_is_removed(&w->m, 20));
    assert_int_equal(decree(w, MEMBERSHIP_REMOVE, 10, "", epoch), 0);
    assert_int_equal(decree(w, MEMBERSHIP_REMOVE, 30, "", epoch), 0);
    assert_int_equal(decree(w, MEMBERSHIP_REMOVE, 30, "", epoch), ERR_ETCD_MEMBER_NOT_FOUND);
    assert_int_equal(w->m.count, 1);
    /* What a quorum decides later is of this epoch, and not its beginning. */
    assert_int_equal(change(w, MEMBERSHIP_ADD_VOTER, 40, "", "http://d:1"), 0);
    assert_int_equal(w->m.epoch, epoch);
    assert_int_equal(membership_find(&w->m, 40)->since, 0);
}

static void test_epochs_are_counted_and_told_apart(void **state)
{
    (void)state;
    uint64_t first = membership_epoch_next(0, 9);
    uint64_t other = membership_epoch_next(0, 3);
    uint64_t second = membership_epoch_next(first, 1);
    assert_true(membership_epoch_is_foreign(0, first));
    assert_true(membership_epoch_is_foreign(first, other));
    assert_true(membership_epoch_is_foreign(other, first));
    assert_true(membership_epoch_is_foreign(first, second));
    assert_false(membership_epoch_is_foreign(first, first));
    assert_false(membership_epoch_is_foreign(second, first));
    assert_false(membership_epoch_is_foreign(first, 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_members_are_in_the_order_of_ids),
        TEST(test_an_added_member_is_unstarted_until_it_publishes),
        TEST(test_additions_are_refused_in_etcds_order),
        TEST(test_a_removed_id_never_comes_back),
        TEST(test_unknown_ids),
        TEST(test_update_changes_peer_urls_only),
        TEST(test_promotion),
        TEST(test_there_is_a_most),
        TEST(test_plans_check_urls),
        TEST(test_the_change_says_how_many_learners_there_may_be),
        TEST(test_a_member_keeps_the_log_it_first_published_with),
        TEST(test_an_epoch_may_bring_back_a_removed_member),
        TEST(test_epochs_are_counted_and_told_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
