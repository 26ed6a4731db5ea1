/* The formulas against what etcd 3.4.23 was seen to compute. */
#include "support.h"

static void test_three_members_of_one_token(void **state)
{
    struct world *w = *state;
    assert_int_equal(parse(w,
                           "infra0=http://127.0.0.1:23791,infra1=http://127.0.0.1:23793,"
                           "infra2=http://127.0.0.1:23795",
                           "etcd-cluster-1"),
                     0);
    assert_int_equal(w->m.count, 3);
    assert_true(w->m.members[0]->id == UINT64_C(0x63aaeab4aec18705));
    assert_true(w->m.members[1]->id == UINT64_C(0xc77cd52c7abf8a54));
    assert_true(w->m.members[2]->id == UINT64_C(0xf045db923f2d9840));
    assert_true(slice_eq_str(w->m.members[1]->name, "infra2"));
    assert_true(w->m.cluster_id == UINT64_C(4852469851982646209));
}

static void test_one_member_of_the_default_token(void **state)
{
    struct world *w = *state;
    assert_int_equal(parse(w, "infra1=http://127.0.0.1:23811", "etcd-cluster"), 0);
    assert_true(w->m.members[0]->id == UINT64_C(0xd8812d7cd4d463e));
    assert_true(w->m.cluster_id == UINT64_C(0x18785ef7af7d2fef));
    assert_int_equal(parse(w, "infra0=http://127.0.0.1:23983", "etcd-cluster"), 0);
    assert_true(w->m.members[0]->id == UINT64_C(4697996231449590750));
    assert_true(w->m.cluster_id == UINT64_C(0x69f4c9516e20f378));
}

static void test_an_added_member_takes_the_time(void **state)
{
    struct membership_change c;
    struct member_urls urls = urls_of("http://127.0.0.1:23813");
    (void)state;
    assert_int_equal(membership_plan_add(&urls, false, 1795326366, &c), 0);
    assert_true(c.id == UINT64_C(0xf9cdff8ff92c3cf9));
    assert_int_equal(c.type, MEMBERSHIP_ADD_VOTER);
    urls = urls_of("http://127.0.0.1:23917");
    assert_int_equal(membership_plan_add(&urls, true, 1795326581, &c), 0);
    assert_true(c.id == UINT64_C(0x93bca56afef31940));
    assert_int_equal(c.type, MEMBERSHIP_ADD_LEARNER);
}

static void test_urls_are_sorted_names_ignored(void **state)
{
    struct world *w = *state;
    struct member_urls a = urls_of("http://b:2,http://a:1");
    struct member_urls b = urls_of("http://a:1,http://b:2");
    assert_true(membership_member_id(&a, slice_str("t"), -1) ==
                membership_member_id(&b, slice_str("t"), -1));
    assert_true(membership_member_id(&a, slice_str("t"), -1) !=
                membership_member_id(&a, slice_str("t"), 0));
    assert_int_equal(parse(w, "x=http://b:2,x=http://a:1", "t"), 0);
    assert_true(w->m.members[0]->id == membership_member_id(&a, slice_str("t"), -1));
    assert_true(slice_eq_str(w->m.members[0]->peer_urls.at[0], "http://a:1"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_three_members_of_one_token),
        TEST(test_one_member_of_the_default_token),
        TEST(test_an_added_member_takes_the_time),
        TEST(test_urls_are_sorted_names_ignored),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
