/* Every case, by the name of its function; the files `cases_*.c` hold them in this order. A new
 * case is one line here.
 */
#ifndef TESTS_ENV_CASES_H
#define TESTS_ENV_CASES_H

#define ENV_CASES(X)                                      \
    /* cases_time.c */                                    \
    X(test_now_stands_still_within_a_turn)                \
    X(test_timers_fire_in_deadline_order)                 \
    X(test_equal_deadlines_fire_in_set_order)             \
    X(test_setting_a_set_timer_moves_it)                  \
    X(test_stopped_timer_does_not_fire)                   \
    X(test_timer_stops_another_of_the_same_deadline)      \
    X(test_past_deadline_fires_in_the_next_turn)          \
    X(test_turn_end_follows_every_turn)                   \
    X(test_turn_end_can_be_removed)                       \
    X(test_random_streams_differ_by_name)                 \
    /* cases_stream.c */                                  \
    X(test_stream_carries_much_data_both_ways)            \
    X(test_reader_that_stops_holds_the_writer_back)       \
    X(test_side_that_has_ended_still_hears_the_other)     \
    /* cases_stream_end.c */                              \
    X(test_connect_where_nobody_listens_is_refused)       \
    X(test_address_in_use_is_told_and_free_after_closing) \
    X(test_connection_that_is_not_taken_is_reset)         \
    X(test_close_with_queued_bytes_is_no_orderly_end)     \
    X(test_stream_ends_when_its_peer_dies)                \
    X(test_streams_close_inside_any_callback)             \
    X(test_exit_drops_open_handles)

#define CASE_DECLARE(name) void name(void **state);
ENV_CASES(CASE_DECLARE)
#undef CASE_DECLARE

#endif
