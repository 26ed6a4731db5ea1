/* Every case, by the name of its function; the files `cases_*.c` hold them in this order. A new
 * case is one line here.
 */
#ifndef TESTS_ENV_CASES_H
#define TESTS_ENV_CASES_H

#define ENV_CASES(X)                                 \
    /* cases_time.c */                               \
    X(test_now_stands_still_within_a_turn)           \
    X(test_timers_fire_in_deadline_order)            \
    X(test_equal_deadlines_fire_in_set_order)        \
    X(test_setting_a_set_timer_moves_it)             \
    X(test_stopped_timer_does_not_fire)              \
    X(test_timer_stops_another_of_the_same_deadline) \
    X(test_past_deadline_fires_in_the_next_turn)     \
    X(test_turn_end_follows_every_turn)              \
    X(test_turn_end_can_be_removed)                  \
    X(test_random_streams_differ_by_name)

#define CASE_DECLARE(name) void name(void **state);
ENV_CASES(CASE_DECLARE)
#undef CASE_DECLARE

#endif
