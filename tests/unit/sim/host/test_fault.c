/* How a node may end, and that its world goes on. */
#include <string.h>

#include "base/assert.h"
#include "host_fixture.h"

static void fail_assertion(struct env *env)
{
    ASSERT(env == NULL);
}

static void test_failed_assertion_ends_the_node_and_not_the_world(void **state)
{
    struct fixture *f = *state;
    run_program(f, fail_assertion);
    expect_end(f, NODE_ABORTED, NODE_ASSERT);
    assert_non_null(strstr(node_fault_text(f->node), "env == NULL"));
    assert_non_null(strstr(node_fault_text(f->node), "tests/unit/sim/host/test_fault.c"));
    assert_ptr_equal(world_first_fault(f->world), f->node);
    run_for(f, SEC_NS);
}

void __assert_fail(const char *what, const char *file, unsigned int line, const char *function)
    __attribute__((noreturn));

static void fail_library(struct env *env)
{
    (void)env;
    __assert_fail("a library's", "library.c", 7, "f");
}

static void test_assertion_of_a_library_counts_too(void **state)
{
    struct fixture *f = *state;
    run_program(f, fail_library);
    expect_end(f, NODE_ABORTED, NODE_ASSERT);
    assert_string_equal(node_fault_text(f->node), "library.c:7: f: a library's");
}

static void use_all_memory(struct env *env)
{
    for (;;) {
        (void)mem_alloc(env->mem, 1000);
    }
}

static void test_memory_limit_ends_the_node(void **state)
{
    struct fixture *f = *state;
    run_program(f, use_all_memory);
    expect_end(f, NODE_ABORTED, NODE_MEMORY);
    assert_in_range(node_memory_peak(f->node), 1000 * 1000, 1024 * 1024);
}

static void loop(struct env *env)
{
    volatile uint64_t n = 0;
    (void)env;
    while (n != UINT64_MAX) {
        n++;
    }
}

static void test_turn_without_end_is_abandoned(void **state)
{
    struct fixture *f = *state;
    run_program(f, loop);
    expect_end(f, NODE_ABORTED, NODE_LOOPED);
}

static void leak(struct env *env)
{
    (void)mem_alloc(env->mem, 42);
    env_exit(env, 0, true);
}

static void test_clean_exit_with_memory_in_use_is_a_leak(void **state)
{
    struct fixture *f = *state;
    run_program(f, leak);
    expect_end(f, NODE_EXITED, NODE_LEAKED);
    assert_int_equal(node_memory_left(f->node), 42);
    assert_ptr_equal(world_first_fault(f->world), f->node);
}

static void leave_uncleanly(struct env *env)
{
    (void)mem_alloc(env->mem, 42);
    env_exit(env, 3, false);
}

static void test_other_exits_may_leave_memory(void **state)
{
    struct fixture *f = *state;
    run_program(f, leave_uncleanly);
    expect_end(f, NODE_EXITED, NODE_SOUND);
    assert_int_equal(node_exit_code(f->node), 3);
    assert_null(world_first_fault(f->world));
}

static void nothing(struct env *env)
{
    (void)env;
}

static void test_start_of_a_running_node_or_without_power_is_refused(void **state)
{
    struct fixture *f = *state;
    const char *const args[] = {"x"};
    static const struct env_program program = {"x", nothing};
    const struct node_start how = {.program = &program, .args = args, .arg_count = 1};
    run_program(f, nothing);
    assert_int_equal(node_start(f->node, &how), ERR_BUSY);
    host_power_off(f->host);
    expect_end(f, NODE_CRASHED, NODE_SOUND);
    assert_int_equal(node_start(f->node, &how), ERR_UNREACHABLE);
    host_power_on(f->host);
    assert_int_equal(node_start(f->node, &how), 0);
    assert_int_equal(node_incarnation(f->node), 2);
}

/* An observer sees events outside of the turn, and may ask for a crash in the middle of one. */
static unsigned after_crash;

static void observe_twice(struct env *env)
{
    const struct obs_event event = {.kind = OBS_PUBLISHED, .member = 1};
    env_observe(env, &event);
    after_crash++;
    env_observe(env, &event);
}

struct killer {
    struct observer observer;
    struct node *node;
    unsigned seen;
};

static void kill_it(struct observer *observer, const struct obs_event *event)
{
    struct killer *killer = container_of(observer, struct killer, observer);
    assert_int_equal(event->kind, OBS_PUBLISHED);
    assert_null(turn_current);
    killer->seen++;
    node_crash(killer->node);
}

static void test_crash_asked_for_by_an_observer_follows_the_turn(void **state)
{
    struct fixture *f = *state;
    static const struct env_program program = {"observed", observe_twice};
    struct killer killer = {{kill_it}, f->node, 0};
    const char *const args[] = {"x"};
    const struct node_start how = {
        .program = &program, .args = args, .arg_count = 1, .observer = &killer.observer};
    after_crash = 0;
    assert_int_equal(node_start(f->node, &how), 0);
    run_for(f, SEC_NS);
    expect_end(f, NODE_CRASHED, NODE_SOUND);
    assert_int_equal(killer.seen, 2);
    assert_int_equal(after_crash, 1);
}

static unsigned ends;

static void count_end(struct node *node, void *data)
{
    assert_int_equal(node_state(node), NODE_EXITED);
    ends += (unsigned)(uintptr_t)data;
}

static void test_stop_without_callback_ends_as_by_the_signal(void **state)
{
    struct fixture *f = *state;
    static const struct env_program program = {"x", nothing};
    const char *const args[] = {"x"};
    const struct node_start how = {.program = &program,
                                   .args = args,
                                   .arg_count = 1,
                                   .ended = count_end,
                                   .data = (void *)(uintptr_t)5};
    ends = 0;
    assert_int_equal(node_start(f->node, &how), 0);
    run_for(f, SEC_NS);
    node_stop(f->node, 15);
    node_stop(f->node, 2);
    run_for(f, SEC_NS);
    expect_end(f, NODE_EXITED, NODE_SOUND);
    assert_int_equal(node_exit_code(f->node), -15);
    assert_int_equal(ends, 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HOST_CASE(test_failed_assertion_ends_the_node_and_not_the_world),
        HOST_CASE(test_assertion_of_a_library_counts_too),
        HOST_CASE(test_memory_limit_ends_the_node),
        HOST_CASE(test_turn_without_end_is_abandoned),
        HOST_CASE(test_clean_exit_with_memory_in_use_is_a_leak),
        HOST_CASE(test_other_exits_may_leave_memory),
        HOST_CASE(test_start_of_a_running_node_or_without_power_is_refused),
        HOST_CASE(test_crash_asked_for_by_an_observer_follows_the_turn),
        HOST_CASE(test_stop_without_callback_ends_as_by_the_signal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
