#include "trio.h"

#include <string.h>

static bool survives(void *disk, const char *path, uint64_t offset, uint64_t len)
{
    (void)path;
    (void)offset;
    (void)len;
    return !*(const bool *)disk;
}

int trio_setup(void **state)
{
    static const char *const names[] = {"n0", "n1", "n2", "n3", "n4"};
    static struct trio trio;
    trio = (struct trio){.pool = mem_pool_new(UINT64_MAX, 0xA5)};
    trio.check = check_new(mem_pool_mem(trio.pool));
    for (int i = 1; i < 5; i++) {
        trio.places[i] = check_place_new(trio.check, names[i], survives, &trio.lies[i]);
    }
    *state = &trio;
    return 0;
}

int trio_teardown(void **state)
{
    struct trio *t = *state;
    check_free(t->check);
    assert_int_equal(mem_pool_mem(t->pool)->bytes, 0);
    mem_pool_free(t->pool);
    return 0;
}

void tell(struct trio *t, int n, struct obs_event obs)
{
    obs.member = ID(n);
    t->events++;
    check_event(t->places[n], (int64_t)t->events * 1000, t->events, &obs);
}

static member_id_t id_or_none(int n)
{
    return n == 0 ? 0 : ID(n);
}

void tell_boot(struct trio *t, int n, uint64_t boot, term_t term, int vote, index_t last,
               index_t commit)
{
    tell(t, n,
         (struct obs_event){.kind = OBS_BOOT,
                            .boot = {.boot = boot,
                                     .term = term,
                                     .vote = id_or_none(vote),
                                     .first = 1,
                                     .last = last,
                                     .commit = commit}});
}

void tell_role(struct trio *t, int n, enum obs_role role, term_t term, int leader)
{
    tell(t, n,
         (struct obs_event){.kind = OBS_ROLE,
                            .role = {.role = role, .term = term, .leader = id_or_none(leader)}});
}

void tell_vote(struct trio *t, int n, term_t term, int candidate)
{
    tell(t, n, (struct obs_event){.kind = OBS_VOTE, .vote = {term, ID(candidate)}});
}

void tell_persisted(struct trio *t, int n, index_t index, term_t term, term_t hard_term, int vote)
{
    tell(t, n,
         (struct obs_event){.kind = OBS_PERSISTED,
                            .persisted = {.index = index,
                                          .term = term,
                                          .hard_term = hard_term,
                                          .hard_vote = id_or_none(vote),
                                          .file = "log",
                                          .length = 1}});
}

static void append(struct trio *t, int n, index_t index, term_t term, uint64_t value, bool own)
{
    const struct obs_entry entry = {term, value};
    tell(t, n,
         (struct obs_event){
             .kind = OBS_APPEND,
             .append = {.first = index, .entries = &entry, .count = 1, .by_leader = own}});
}

void tell_append(struct trio *t, int n, index_t index, term_t term, uint64_t value)
{
    append(t, n, index, term, value, false);
}

void tell_propose(struct trio *t, int n, index_t index, term_t term, uint64_t value)
{
    append(t, n, index, term, value, true);
}

void tell_log(struct trio *t, int n, const term_t *terms, size_t count)
{
    struct obs_entry entries[16];
    assert_true(count <= 16);
    for (size_t i = 0; i < count; i++) {
        entries[i] = (struct obs_entry){terms[i], i + 1};
    }
    tell(t, n,
         (struct obs_event){.kind = OBS_APPEND,
                            .append = {.first = 1, .entries = entries, .count = count}});
}

void tell_truncate(struct trio *t, int n, index_t from)
{
    tell(t, n, (struct obs_event){.kind = OBS_TRUNCATE, .truncate = {from}});
}

void tell_commit(struct trio *t, int n, index_t index)
{
    tell(t, n, (struct obs_event){.kind = OBS_COMMIT, .commit = {.index = index}});
}

void tell_apply(struct trio *t, int n, index_t index, term_t term, uint64_t hash)
{
    tell(t, n,
         (struct obs_event){
             .kind = OBS_APPLY,
             .apply = {
                 .index = index, .term = term, .state_hash = hash, .revision = (revision_t)index}});
}

void tell_config(struct trio *t, int n, index_t index, const char *voters, const char *learners)
{
    member_id_t v[8];
    member_id_t l[8];
    for (size_t i = 0; i < strlen(voters); i++) {
        v[i] = ID(voters[i] - '0');
    }
    for (size_t i = 0; i < strlen(learners); i++) {
        l[i] = ID(learners[i] - '0');
    }
    tell(t, n,
         (struct obs_event){.kind = OBS_CONFIG,
                            .config = {.index = index,
                                       .voters = v,
                                       .voter_count = strlen(voters),
                                       .learners = l,
                                       .learner_count = strlen(learners)}});
}

void trio_bootstrap(struct trio *t)
{
    static const char *const voters[] = {"", "1", "12", "123"};
    for (int n = 1; n <= 3; n++) {
        tell_boot(t, n, 1, 0, 0, 0, 0);
        tell_role(t, n, OBS_FOLLOWER, 1, 0);
        for (index_t i = 1; i <= 3; i++) {
            tell_append(t, n, i, 1, i);
        }
        tell_commit(t, n, 3);
        for (index_t i = 1; i <= 3; i++) {
            tell_apply(t, n, i, 1, i);
            tell_config(t, n, i, voters[i], "");
        }
        tell_persisted(t, n, 3, 1, 1, 0);
    }
}

void trio_elect(struct trio *t, int leader, term_t term, const char *voters, index_t last,
                term_t last_term)
{
    tell_role(t, leader, OBS_CANDIDATE, term, 0);
    for (size_t i = 0; i < strlen(voters); i++) {
        int n = voters[i] - '0';
        if (n != leader) {
            tell_role(t, n, OBS_FOLLOWER, term, 0);
        }
        tell_vote(t, n, term, leader);
        tell_persisted(t, n, last, last_term, term, leader);
    }
    tell_role(t, leader, OBS_LEADER, term, leader);
}

void trio_replicate(struct trio *t, int leader, const char *members, index_t index, term_t term)
{
    tell_propose(t, leader, index, term, index);
    for (size_t i = 0; i < strlen(members); i++) {
        int n = members[i] - '0';
        if (n != leader) {
            tell_append(t, n, index, term, index);
        }
        tell_persisted(t, n, index, term, term, 0);
    }
}

void trio_ready(struct trio *t)
{
    trio_bootstrap(t);
    trio_elect(t, 1, 2, "123", 3, 1);
    trio_replicate(t, 1, "123", 4, 2);
    for (int n = 1; n <= 3; n++) {
        tell_commit(t, n, 4);
        tell_apply(t, n, 4, 2, 4);
    }
    expect_none(t);
}

void expect_none(struct trio *t)
{
    if (check_violation_count(t->check) > 0) {
        print_error("%s\n", check_violation(t->check, 0)->text);
    }
    assert_int_equal(check_violation_count(t->check), 0);
    assert_true(check_performed(t->check) > 0);
}

void expect_rule(struct trio *t, enum check_rule rule)
{
    if (check_violation_count(t->check) != 1) {
        for (size_t i = 0; i < check_violation_count(t->check); i++) {
            print_error("%s\n", check_violation(t->check, i)->text);
        }
    }
    assert_int_equal(check_violation_count(t->check), 1);
    const struct check_violation *v = check_violation(t->check, 0);
    assert_int_equal(v->number, rule);
    assert_int_equal(v->event, t->events);
    assert_true(strlen(v->text) > 0 && strlen(v->law) > 0 && strlen(v->state) > 0);
}
