/* What a restored log begins with: the old list becomes the new one, whatever the two have in
 * common, and the entries alone say it all. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "plan.h"
#include "state/entry.h"

struct world {
    struct mem_pool *pool;
    struct mem *mem;
    struct membership old;
    struct membership target;
    struct membership replayed;
    struct backup_plan plan;
};

static const struct snapshot_head head = {.index = 100, .term = 5};
#define EPOCH ((UINT64_C(3) << 32) | 77)

static int setup(void **state)
{
    static struct world w;
    w.pool = mem_pool_new(UINT64_MAX, 0xA5);
    w.mem = mem_pool_mem(w.pool);
    membership_init(&w.old, w.mem);
    membership_init(&w.target, w.mem);
    membership_init(&w.replayed, w.mem);
    *state = &w;
    return 0;
}

static int teardown(void **state)
{
    struct world *w = *state;
    membership_fini(&w->old);
    membership_fini(&w->target);
    membership_fini(&w->replayed);
    backup_plan_fini(&w->plan);
    assert_int_equal(w->mem->count, 0);
    mem_pool_free(w->pool);
    return 0;
}

static void add(struct membership *list, enum membership_change_type type, member_id_t id)
{
    struct membership_change change = {.type = type, .id = id};
    char url[32] = "http://a:1000";
    url[9] = (char)('0' + (int)(id % 10));
    url[10] = (char)('0' + (int)(id / 10 % 10));
    change.peer_urls.count = 1;
    change.peer_urls.at[0] = slice_str(url);
    change.name = slice_str(type == MEMBERSHIP_ADD_VOTER ? "n" : "");
    assert_int_equal(membership_apply(list, &change), 0);
}

static void publish(struct membership *list, member_id_t id, uint32_t instance)
{
    const struct membership_publish p = {.id = id, .name = slice_str("n"), .instance = instance};
    assert_int_equal(membership_publish_apply(list, &p), 0);
}

/* Makes the plan, and applies its entries as a member does to what it has from the snapshot. */
static void make(struct world *w)
{
    struct buf copy;
    struct raft_conf before;
    size_t without = 0;
    buf_init(&copy, w->mem);
    membership_encode(&w->old, &copy);
    assert_int_equal(membership_decode(&w->replayed, buf_slice(&copy)), 0);
    buf_fini(&copy);
    backup_conf(&w->replayed, &before);
    assert_int_equal(backup_plan_make(&w->plan, &w->old, &w->target, EPOCH, &head), 0);
    assert_int_equal(w->plan.hard.term, 6);
    assert_int_equal(w->plan.hard.commit, 100 + w->plan.count);
    for (size_t i = 0; i < w->plan.count; i++) {
        const struct raft_entry *entry = &w->plan.entries[i];
        struct raft_conf_change conf;
        struct entry_head from;
        struct slice body;
        struct membership_change change;
        assert_int_equal(entry->index, 101 + i);
        assert_int_equal(entry->term, 6);
        assert_int_equal(raft_conf_change_decode(entry->payload, &conf), 0);
        assert_int_equal(entry_get(conf.context, &from, &body), 0);
        assert_int_equal(membership_change_decode(body, &change), 0);
        assert_int_equal(change.epoch, EPOCH);
        assert_int_equal(membership_apply(&w->replayed, &change), 0);
        without += membership_voters(&w->replayed) == 0;
    }
    assert_true(without <= 1);
    assert_true(membership_hash(&w->old) == membership_hash(&w->replayed));
    assert_int_equal(w->replayed.epoch, EPOCH);
    assert_int_equal(w->replayed.count, w->target.count);
    for (size_t i = 0; i < w->target.count; i++) {
        const struct member *member = w->replayed.members[i];
        assert_int_equal(member->id, w->target.members[i]->id);
        assert_int_equal(member->since, EPOCH);
        assert_int_equal(member->instance, 0); /* its log is another one */
        assert_false(member->is_learner);
        assert_true(slice_eq_str(member->name, "n"));
    }
    membership_check(&w->replayed);
}

static void test_strangers_take_the_place_of_all(void **state)
{
    struct world *w = *state;
    add(&w->old, MEMBERSHIP_ADD_VOTER, 1);
    add(&w->old, MEMBERSHIP_ADD_VOTER, 2);
    add(&w->old, MEMBERSHIP_ADD_LEARNER, 3);
    add(&w->target, MEMBERSHIP_ADD_VOTER, 11);
    add(&w->target, MEMBERSHIP_ADD_VOTER, 12);
    make(w);
    assert_int_equal(w->plan.count, 5);
    assert_true(membership_is_removed(&w->replayed, 1));
}

static void test_the_same_ids_come_back_as_strangers(void **state)
{
    struct world *w = *state;
    for (member_id_t id = 1; id <= 3; id++) {
        add(&w->old, MEMBERSHIP_ADD_VOTER, id);
        add(&w->target, MEMBERSHIP_ADD_VOTER, id);
        publish(&w->old, id, (uint32_t)id + 50);
    }
    make(w);
    assert_int_equal(w->plan.count, 6);
    assert_false(membership_is_removed(&w->replayed, 1));
}

static void test_one_for_one(void **state)
{
    struct world *w = *state;
    add(&w->old, MEMBERSHIP_ADD_VOTER, 1);
    publish(&w->old, 1, 50);
    add(&w->target, MEMBERSHIP_ADD_VOTER, 1);
    make(w);
    assert_int_equal(w->plan.count, 2);
}

static void test_a_learner_becomes_the_cluster(void **state)
{
    struct world *w = *state;
    add(&w->old, MEMBERSHIP_ADD_VOTER, 1);
    add(&w->old, MEMBERSHIP_ADD_LEARNER, 2);
    add(&w->target, MEMBERSHIP_ADD_VOTER, 2);
    add(&w->target, MEMBERSHIP_ADD_VOTER, 4);
    make(w);
}

static void test_one_that_was_removed_may_be_a_member_again(void **state)
{
    struct world *w = *state;
    struct membership_change gone;
    add(&w->old, MEMBERSHIP_ADD_VOTER, 1);
    add(&w->old, MEMBERSHIP_ADD_VOTER, 2);
    membership_plan_remove(2, &gone);
    assert_int_equal(membership_apply(&w->old, &gone), 0);
    add(&w->target, MEMBERSHIP_ADD_VOTER, 2);
    make(w);
    assert_int_equal(w->plan.count, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_strangers_take_the_place_of_all, setup, teardown),
        cmocka_unit_test_setup_teardown(test_the_same_ids_come_back_as_strangers, setup, teardown),
        cmocka_unit_test_setup_teardown(test_one_for_one, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_learner_becomes_the_cluster, setup, teardown),
        cmocka_unit_test_setup_teardown(test_one_that_was_removed_may_be_a_member_again, setup,
                                        teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
