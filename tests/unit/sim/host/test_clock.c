/* Clocks and timers of a machine. */
#include "host_fixture.h"

static struct env *the_env;
static struct env_timer timers[3];
static int64_t fired_ns[16]; /* by the engine's time */
static size_t fired;
static struct fixture *the_fixture;

static void fire(struct env_timer *timer)
{
    (void)timer;
    fired_ns[fired++] = world_engine(the_fixture->world)->now_ns;
}

static void set_one_second(struct env *env)
{
    the_env = env;
    fired = 0;
    timers[0] = (struct env_timer){.fire = fire};
    env_timer_set(env, &timers[0], env_now_ns(env) + SEC_NS);
}

static void test_timer_fires_at_its_time(void **state)
{
    the_fixture = *state;
    run_program(*state, set_one_second);
    assert_int_equal(fired, 1);
    assert_int_equal(fired_ns[0], SEC_NS);
}

static void test_fast_clock_fires_early(void **state)
{
    struct fixture *f = *state;
    the_fixture = f;
    begin_program(f, set_one_second);
    run_for(f, 500 * MS_NS);
    host_clock_drift(f->host, 250000);
    run_for(f, SEC_NS);
    assert_int_equal(fired, 1);
    assert_int_equal(fired_ns[0], 900 * MS_NS); /* 0.5 s + 0.5 s / 1.25 */
}

static void test_slow_clock_fires_late_and_never_before_its_deadline(void **state)
{
    struct fixture *f = *state;
    the_fixture = f;
    host_clock_drift(f->host, -333333);
    int64_t begin_ns = host_now_ns(f->host);
    begin_program(f, set_one_second);
    run_for(f, 3 * SEC_NS);
    assert_int_equal(fired, 1);
    assert_in_range(fired_ns[0], 1499998 * US_NS, 1500000 * US_NS);
    assert_in_range(host_now_ns(f->host) - begin_ns, 2 * SEC_NS, 2 * SEC_NS + 4 * US_NS);
}

static void test_clock_that_jumps_forward_fires_at_once(void **state)
{
    struct fixture *f = *state;
    the_fixture = f;
    begin_program(f, set_one_second);
    run_for(f, 100 * MS_NS);
    int64_t wall_ns = host_wall_ns(f->host);
    host_clock_forward(f->host, 10 * SEC_NS);
    assert_int_equal(host_wall_ns(f->host), wall_ns + 10 * SEC_NS);
    run_for(f, SEC_NS);
    assert_int_equal(fired, 1);
    assert_int_equal(fired_ns[0], 100 * MS_NS);
}

static void test_wall_clock_jumps_back_and_timers_do_not_care(void **state)
{
    struct fixture *f = *state;
    the_fixture = f;
    begin_program(f, set_one_second);
    int64_t wall_ns = host_wall_ns(f->host);
    host_wall_jump(f->host, -3600 * SEC_NS);
    assert_int_equal(host_wall_ns(f->host), wall_ns - 3600 * SEC_NS);
    run_for(f, 2 * SEC_NS);
    assert_int_equal(fired, 1);
    assert_int_equal(fired_ns[0], SEC_NS);
}

static void test_paused_node_fires_when_it_goes_on(void **state)
{
    struct fixture *f = *state;
    the_fixture = f;
    begin_program(f, set_one_second);
    run_for(f, 100 * MS_NS);
    node_pause(f->node);
    assert_true(node_is_paused(f->node));
    run_for(f, 5 * SEC_NS);
    assert_int_equal(fired, 0);
    node_resume(f->node);
    int64_t resumed_ns = world_engine(f->world)->now_ns;
    run_for(f, SEC_NS);
    assert_int_equal(fired, 1);
    assert_int_equal(fired_ns[0], resumed_ns);
}

static void test_crash_of_a_paused_node_leaves_nothing_behind(void **state)
{
    struct fixture *f = *state;
    the_fixture = f;
    begin_program(f, set_one_second);
    run_for(f, 100 * MS_NS);
    node_pause(f->node);
    run_for(f, 5 * SEC_NS);
    node_crash(f->node);
    assert_false(node_is_paused(f->node));
    begin_program(f, set_one_second);
    run_for(f, 2 * SEC_NS);
    assert_int_equal(fired, 1);
}

static void set_far_and_near(struct env *env)
{
    fired = 0;
    for (int i = 0; i < 3; i++) {
        timers[i] = (struct env_timer){.fire = fire};
    }
    env_timer_set(env, &timers[0], INT64_MAX);
    env_timer_set(env, &timers[1], INT64_MIN);
    env_timer_set(env, &timers[2], env_now_ns(env) + MS_NS);
}

static void test_extreme_deadlines_are_never_and_now(void **state)
{
    struct fixture *f = *state;
    the_fixture = f;
    run_program(f, set_far_and_near);
    run_for(f, 100000 * SEC_NS);
    assert_int_equal(fired, 2);
    assert_int_equal(fired_ns[0], 0);
    assert_int_equal(fired_ns[1], MS_NS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HOST_CASE(test_timer_fires_at_its_time),
        HOST_CASE(test_fast_clock_fires_early),
        HOST_CASE(test_slow_clock_fires_late_and_never_before_its_deadline),
        HOST_CASE(test_clock_that_jumps_forward_fires_at_once),
        HOST_CASE(test_wall_clock_jumps_back_and_timers_do_not_care),
        HOST_CASE(test_paused_node_fires_when_it_goes_on),
        HOST_CASE(test_crash_of_a_paused_node_leaves_nothing_behind),
        HOST_CASE(test_extreme_deadlines_are_never_and_now),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
