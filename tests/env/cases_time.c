/* Clocks, timers, turns and random streams. */
#include "cases.h"
#include "program.h"

#define TIMERS 8

struct time_state {
    struct env *env;
    struct env_timer timers[TIMERS];
    int fired[TIMERS]; /* their numbers, in the order in which they fired */
    int fired_count;
    int turns; /* ended so far */
    int64_t begin_ns;
    int64_t last_ns;
    int ticks;
    bool inside; /* within a call of ours */
};

static struct time_state *time_new(struct env *env, void (*fire)(struct env_timer *timer))
{
    struct time_state *s = mem_zalloc(env->mem, 1, sizeof(*s));
    s->env = env;
    s->begin_ns = env_now_ns(env);
    for (int i = 0; i < TIMERS; i++) {
        s->timers[i].fire = fire;
        s->timers[i].data = s;
    }
    return s;
}

static int number_of(const struct time_state *s, const struct env_timer *timer)
{
    return (int)(timer - s->timers);
}

/* now -------------------------------------------------------------------------------------------*/

static void tick(struct env_timer *timer)
{
    struct time_state *s = timer->data;
    int64_t now = env_now_ns(s->env);
    EXPECT(s->env, now >= s->last_ns + MS_NS);
    for (int i = 0; i < 200000; i++) {
        EXPECT(s->env, env_now_ns(s->env) == now);
    }
    EXPECT(s->env, env_wall_ns(s->env) > INT64_C(1000000000) * SEC_NS);
    s->last_ns = now;
    if (++s->ticks == 20) {
        program_done(s->env, s);
        return;
    }
    env_timer_set(s->env, timer, now + MS_NS);
}

static void start_now(struct env *env)
{
    struct time_state *s = time_new(env, tick);
    s->last_ns = s->begin_ns;
    env_timer_set(env, &s->timers[0], s->begin_ns + MS_NS);
}

void test_now_stands_still_within_a_turn(void **state)
{
    (void)state;
    static const struct env_program program = {"now", start_now};
    run_alone(&program);
}

/* Order -----------------------------------------------------------------------------------------*/

static void note_fire(struct env_timer *timer)
{
    struct time_state *s = timer->data;
    EXPECT(s->env, !s->inside);
    EXPECT(s->env, !env_timer_is_set(timer));
    EXPECT(s->env, env_now_ns(s->env) >= timer->item.key);
    s->fired[s->fired_count++] = number_of(s, timer);
}

static void expect_order(struct time_state *s, const int *order, int count)
{
    EXPECT_INT(s->env, s->fired_count, count);
    for (int i = 0; i < count; i++) {
        EXPECT_INT(s->env, s->fired[i], order[i]);
    }
    program_done(s->env, s);
}

/* The last timer of each program below ends it. */
static void fire_by_deadline(struct env_timer *timer)
{
    struct time_state *s = timer->data;
    note_fire(timer);
    if (number_of(s, timer) == 0) {
        const int order[] = {5, 2, 7, 1, 4, 6, 3, 0};
        expect_order(s, order, TIMERS);
    }
}

static void start_by_deadline(struct env *env)
{
    static const int64_t after_ms[TIMERS] = {9, 4, 2, 8, 5, 1, 6, 3};
    struct time_state *s = time_new(env, fire_by_deadline);
    s->inside = true;
    for (int i = 0; i < TIMERS; i++) {
        env_timer_set(env, &s->timers[i], s->begin_ns + after_ms[i] * MS_NS);
        EXPECT(env, env_timer_is_set(&s->timers[i]));
    }
    s->inside = false;
}

void test_timers_fire_in_deadline_order(void **state)
{
    (void)state;
    static const struct env_program program = {"deadlines", start_by_deadline};
    run_alone(&program);
}

static void fire_equal(struct env_timer *timer)
{
    struct time_state *s = timer->data;
    note_fire(timer);
    if (s->fired_count == TIMERS) {
        const int order[] = {3, 0, 6, 1, 7, 4, 2, 5};
        expect_order(s, order, TIMERS);
    }
}

static void start_equal(struct env *env)
{
    static const int set_order[TIMERS] = {3, 0, 6, 1, 7, 4, 2, 5};
    struct time_state *s = time_new(env, fire_equal);
    for (int i = 0; i < TIMERS; i++) {
        env_timer_set(env, &s->timers[set_order[i]], s->begin_ns + 2 * MS_NS);
    }
}

void test_equal_deadlines_fire_in_set_order(void **state)
{
    (void)state;
    static const struct env_program program = {"equal", start_equal};
    run_alone(&program);
}

static void fire_moved(struct env_timer *timer)
{
    struct time_state *s = timer->data;
    note_fire(timer);
    if (s->fired_count == 4) {
        const int order[] = {2, 1, 3, 0};
        expect_order(s, order, 4);
    }
}

static void start_moved(struct env *env)
{
    struct time_state *s = time_new(env, fire_moved);
    env_timer_set(env, &s->timers[0], s->begin_ns + 1 * MS_NS);
    env_timer_set(env, &s->timers[1], s->begin_ns + 3 * MS_NS);
    env_timer_set(env, &s->timers[2], s->begin_ns + 9 * MS_NS);
    env_timer_set(env, &s->timers[3], s->begin_ns + 3 * MS_NS);
    env_timer_set(env, &s->timers[2], s->begin_ns + 2 * MS_NS); /* earlier */
    env_timer_set(env, &s->timers[0], s->begin_ns + 3 * MS_NS); /* later, and last of equals */
}

void test_setting_a_set_timer_moves_it(void **state)
{
    (void)state;
    static const struct env_program program = {"moved", start_moved};
    run_alone(&program);
}

static void fire_stopped(struct env_timer *timer)
{
    struct time_state *s = timer->data;
    note_fire(timer);
    if (number_of(s, timer) == 3) {
        const int order[] = {1, 3};
        expect_order(s, order, 2);
    }
}

static void start_stopped(struct env *env)
{
    struct time_state *s = time_new(env, fire_stopped);
    for (int i = 0; i < 4; i++) {
        env_timer_set(env, &s->timers[i], s->begin_ns + (i + 1) * MS_NS);
    }
    env_timer_stop(env, &s->timers[0]);
    env_timer_stop(env, &s->timers[2]);
    env_timer_stop(env, &s->timers[2]); /* twice */
    env_timer_stop(env, &s->timers[7]); /* never set */
    EXPECT(env, !env_timer_is_set(&s->timers[0]));
}

void test_stopped_timer_does_not_fire(void **state)
{
    (void)state;
    static const struct env_program program = {"stopped", start_stopped};
    run_alone(&program);
}

static void fire_stopping(struct env_timer *timer)
{
    struct time_state *s = timer->data;
    note_fire(timer);
    if (number_of(s, timer) == 0) {
        env_timer_stop(s->env, &s->timers[1]);
        env_timer_set(s->env, &s->timers[2], s->begin_ns + 5 * MS_NS);
    } else {
        const int order[] = {0, 3, 2};
        if (s->fired_count == 3) {
            expect_order(s, order, 3);
        }
    }
}

static void start_stopping(struct env *env)
{
    struct time_state *s = time_new(env, fire_stopping);
    for (int i = 0; i < 4; i++) {
        env_timer_set(env, &s->timers[i], s->begin_ns + MS_NS);
    }
}

void test_timer_stops_another_of_the_same_deadline(void **state)
{
    (void)state;
    static const struct env_program program = {"stopping", start_stopping};
    run_alone(&program);
}

/* Turns -----------------------------------------------------------------------------------------*/

static void count_turn(void *data)
{
    struct time_state *s = data;
    s->turns++;
    s->ticks = 0;
}

/* Sets itself in the past again and again: each time it fires in a turn of its own. */
static void fire_past(struct env_timer *timer)
{
    struct time_state *s = timer->data;
    EXPECT(s->env, !s->inside);
    EXPECT(s->env, s->turns > s->fired_count);
    s->fired_count++;
    if (s->fired_count == 10) {
        program_done(s->env, s);
        return;
    }
    s->inside = true;
    env_timer_set(s->env, timer, s->fired_count % 2 == 0 ? INT64_MIN : env_now_ns(s->env));
    s->inside = false;
}

static void start_past(struct env *env)
{
    struct time_state *s = time_new(env, fire_past);
    env_at_turn_end(env, count_turn, s);
    s->inside = true;
    env_timer_set(env, &s->timers[0], s->begin_ns - SEC_NS);
    s->inside = false;
}

void test_past_deadline_fires_in_the_next_turn(void **state)
{
    (void)state;
    static const struct env_program program = {"past", start_past};
    run_alone(&program);
}

static void end_same_now(void *data)
{
    struct time_state *s = data;
    EXPECT_INT(s->env, env_now_ns(s->env), s->last_ns);
    s->turns++;
    if (s->turns == 5) {
        program_done(s->env, s);
        return;
    }
    /* The end of a turn may ask for anything. */
    env_timer_set(s->env, &s->timers[0], s->last_ns + MS_NS);
}

static void fire_remember(struct env_timer *timer)
{
    struct time_state *s = timer->data;
    s->last_ns = env_now_ns(s->env);
}

static void start_turn_end(struct env *env)
{
    struct time_state *s = time_new(env, fire_remember);
    s->last_ns = s->begin_ns;
    env_at_turn_end(env, end_same_now, s);
}

void test_turn_end_follows_every_turn(void **state)
{
    (void)state;
    static const struct env_program program = {"turn-end", start_turn_end};
    run_alone(&program);
}

static void fire_removed(struct env_timer *timer)
{
    struct time_state *s = timer->data;
    if (number_of(s, timer) == 0) {
        EXPECT_INT(s->env, s->turns, 1); /* that of start */
        env_at_turn_end(s->env, NULL, NULL);
        env_timer_set(s->env, &s->timers[1], 0);
        return;
    }
    EXPECT_INT(s->env, s->turns, 1);
    program_done(s->env, s);
}

static void start_removed(struct env *env)
{
    struct time_state *s = time_new(env, fire_removed);
    env_at_turn_end(env, count_turn, s);
    env_timer_set(env, &s->timers[0], 0);
}

void test_turn_end_can_be_removed(void **state)
{
    (void)state;
    static const struct env_program program = {"turn-end-removed", start_removed};
    run_alone(&program);
}

/* Random streams --------------------------------------------------------------------------------*/

static void start_random(struct env *env)
{
    struct rng a = env_random(env, "elections");
    struct rng b = env_random(env, "names");
    int equal = 0;
    for (int i = 0; i < 64; i++) {
        uint64_t x = rng_u64(&a);
        uint64_t y = rng_u64(&b);
        equal += x == y;
    }
    EXPECT_INT(env, equal, 0);
    env_exit(env, 0, true);
}

void test_random_streams_differ_by_name(void **state)
{
    (void)state;
    static const struct env_program program = {"random", start_random};
    run_alone(&program);
}
