/* What a broken rule, a cluster that does not form and a member that gives up look like. */
#include "told.h"

#include "base/duration.h"
#include "disk/fault.h"

/* A member claims to lead a term that another one leads. */
static void forge_leader(struct engine_event *event)
{
    struct fixture *f = container_of(event, struct fixture, event);
    size_t leader = run_leader(f->run);
    struct member *m = &f->run->members[leader == 0 ? 1 : 0];
    const member_id_t votes[] = {m->id};
    struct obs_event forged;
    memset(&forged, 0, sizeof(forged));
    forged.kind = OBS_ROLE;
    forged.member = m->id;
    forged.role.role = OBS_LEADER;
    forged.role.term = f->run->members[leader].term;
    forged.role.leader = m->id;
    forged.role.votes = votes;
    forged.role.vote_count = 1;
    m->observer.event(&m->observer, &forged);
}

static void test_a_broken_rule_ends_the_run_as_unsafe(void **state)
{
    struct fixture f;
    (void)state;
    setup(&f, "version: 1\nscenario: t\nmembers: [n1, n2, n3]\nuntil: 10s\n", true);
    f.event.run = forge_leader;
    engine_set(f.run->engine, &f.event, f.run->zero_ns + 2 * SEC_NS);
    go(&f);
    struct run_summary sum = run_summary(f.run);
    assert_int_equal(sum.verdict, VERDICT_UNSAFE);
    assert_int_equal(verdict_exit(sum.verdict), 1);
    assert_int_equal(strncmp(sum.fingerprint, "election/", 9), 0);
    assert_int_equal(f.run->end_ns, f.run->zero_ns + 2 * SEC_NS);
    assert_told(&f, "\nFAIL  election: ");
    assert_told(
        &f, "    rule: at most one leader is elected in a term (thesis 3.4, election safety)\n");
    assert_told(&f, "\n  the last events that matter (");
    assert_told(&f, "\n  state at 2.000 ");
    assert_told(&f, "\nfingerprint: election/");
    assert_told(&f, "again:   quorate run t.yaml --seed 1\n");
    assert_told(&f, "verdict: unsafe\n");
    teardown(&f);
}

static void test_a_cluster_that_does_not_form_is_stalled(void **state)
{
    struct fixture f;
    (void)state;
    setup(&f,
          "version: 1\nscenario: t\nmembers: [n1, n2, n3]\n"
          "flags: {initial-cluster-state: existing}\nuntil: 10s\n",
          true);
    go(&f);
    assert_int_equal(run_summary(f.run).verdict, VERDICT_STALLED);
    assert_told(&f, "the cluster had not formed when the timeline was to begin");
    teardown(&f);
}

/* It is started anew, and cannot go on. */
static void start_again(struct fixture *f, const struct action *action)
{
    struct member *m = &f->run->members[1];
    m->stopping = true;
    node_crash(m->node);
    assert_true(member_start(f->run, m, action));
}

static void start_with_a_bad_flag(struct engine_event *event)
{
    struct flag flag = {.name = "election-timeout", .value = "1"};
    const struct action action = {.flags = {.items = &flag, .count = 1}};
    start_again(container_of(event, struct fixture, event), &action);
}

static void start_on_a_bad_disk(struct engine_event *event)
{
    struct fixture *f = container_of(event, struct fixture, event);
    disk_fail(host_disk(f->run->members[1].host), DISK_READ, UINT64_MAX, ERR_IO, NULL);
    start_again(f, NULL);
}

static void test_a_member_that_gives_up_is_aborted(void **state)
{
    struct fixture f;
    (void)state;
    setup(&f, "version: 1\nscenario: t\nmembers: [n1, n2, n3]\nuntil: 10s\n", true);
    f.event.run = start_with_a_bad_flag;
    engine_set(f.run->engine, &f.event, f.run->zero_ns + 2 * SEC_NS);
    go(&f);
    assert_int_equal(run_summary(f.run).verdict, VERDICT_ABORTED);
    assert_int_equal(verdict_exit(VERDICT_ABORTED), 5);
    assert_told(&f, "FAIL  n2 ended by itself with code 1");
    teardown(&f);
}

static void test_a_member_may_give_up_when_its_disk_fails_and_it_says_so(void **state)
{
    struct fixture f;
    (void)state;
    setup(&f, "version: 1\nscenario: t\nmembers: [n1, n2, n3]\nprobe: {put: 1s}\nuntil: 10s\n",
          true);
    f.event.run = start_on_a_bad_disk;
    engine_set(f.run->engine, &f.event, f.run->zero_ns + 2 * SEC_NS);
    go(&f);
    assert_int_equal(run_summary(f.run).verdict, VERDICT_PASS);
    assert_told(&f, "n2       exits by itself, code 1");
    assert_told(&f, "input/output error");
    teardown(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_broken_rule_ends_the_run_as_unsafe),
        cmocka_unit_test(test_a_cluster_that_does_not_form_is_stalled),
        cmocka_unit_test(test_a_member_that_gives_up_is_aborted),
        cmocka_unit_test(test_a_member_may_give_up_when_its_disk_fails_and_it_says_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
