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
    X(test_exit_drops_open_handles)                       \
    /* cases_link.c */                                    \
    X(test_link_carries_records_whole)                    \
    X(test_link_queue_has_a_limit)                        \
    X(test_link_to_where_nobody_listens_is_refused)       \
    X(test_link_fails_when_its_peer_dies)                 \
    X(test_one_address_takes_streams_and_links)           \
    /* cases_disk.c */                                    \
    X(test_file_is_read_as_written)                       \
    X(test_gaps_read_as_zeros)                            \
    X(test_open_says_what_is_missing_or_there)            \
    X(test_many_writes_run_at_once)                       \
    X(test_exit_drops_requests_under_way)                 \
    /* cases_disk_names.c */                              \
    X(test_names_are_made_listed_renamed_and_removed)     \
    X(test_synced_bytes_outlive_a_crash_and_locks_do_not) \
    /* cases_console.c */                                 \
    X(test_arguments_and_variables_arrive)                \
    X(test_output_is_in_order_and_complete)               \
    X(test_log_lines_are_json_on_standard_error)          \
    X(test_input_is_read_to_its_end)                      \
    X(test_stop_is_told_and_reported)                     \
    X(test_stop_without_a_callback_ends_the_node)         \
    X(test_nothing_is_called_after_exit)                  \
    X(test_world_reports_memory_left_by_a_clean_exit)

#define CASE_DECLARE(name) void name(void **state);
ENV_CASES(CASE_DECLARE)
#undef CASE_DECLARE

#endif
