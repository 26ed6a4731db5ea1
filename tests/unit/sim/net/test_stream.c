/* Byte streams: order, chunks, the window, ends and breaks. */
#include "net_fixture.h"

#include <string.h>

static void test_connect_is_refused_where_nobody_listens(void **state)
{
    struct fixture *f = *state;
    net_dial(f, false);
    net_run_for(f, 10 * MS_NS);
    assert_int_equal(f->client.opened, ERR_CONN_REFUSED);
    assert_int_equal(f->client.last_ns, 2 * MS_NS);
    net_close(f->client.end);
}

static void test_unknown_name_is_told_and_unknown_address_is_silence(void **state)
{
    struct fixture *f = *state;
    net_dial_name(f, "nobody");
    net_run_for(f, 10 * MS_NS);
    assert_int_equal(f->client.opened, ERR_NOT_FOUND);
    net_close(f->client.end);
    f->client.opened = 1;
    net_dial_name(f, "10.9.9.9");
    net_run_for(f, 60 * SEC_NS);
    assert_int_equal(f->client.opened, 1);
}

static void test_bytes_arrive_in_order_after_the_latency(void **state)
{
    struct fixture *f = *state;
    net_pair(f, false);
    int64_t begin_ns = f->engine.now_ns;
    net_say(f, &f->client, "one ");
    net_say(f, &f->client, "two");
    net_run_for(f, 10 * MS_NS);
    net_expect_text(&f->server, "one two");
    assert_int_equal(f->server.last_ns, begin_ns + MS_NS);
    net_say(f, &f->server, "back");
    net_run_for(f, 10 * MS_NS);
    net_expect_text(&f->client, "back");
}

static void test_what_one_turn_writes_is_one_chunk(void **state)
{
    struct fixture *f = *state;
    net_pair(f, false);
    net_write(f->client.end, slice_str("one "));
    net_write(f->client.end, slice_str("two"));
    net_flush(f->net);
    net_run_for(f, 10 * MS_NS);
    assert_int_equal(f->server.chunks, 1);
    net_expect_text(&f->server, "one two");
}

static void test_chunks_are_split_by_chance(void **state)
{
    struct net_options options = net_options_default;
    options.split_ppm = 500000;
    struct fixture *f = fixture_new(&options);
    (void)state;
    net_pair(f, false);
    for (int i = 0; i < 100; i++) {
        net_say(f, &f->client, "some words");
        net_run_for(f, 10 * MS_NS);
    }
    assert_int_equal(f->server.got.len, 1000);
    assert_in_range(f->server.chunks, 130, 170);
    fixture_free(f);
}

static void test_reader_that_stops_fills_window_then_queue(void **state)
{
    struct fixture *f = *state;
    size_t window = net_options_default.window_bytes;
    char *big = mem_zalloc(f->engine.mem, 1, 4 * 1024 * 1024);
    net_pair(f, false);
    net_read(f->server.end, false);
    net_write(f->client.end, slice_of(big, 4 * 1024 * 1024));
    net_flush(f->net);
    net_run_for(f, SEC_NS);
    assert_int_equal(f->server.got.len, 0);
    assert_int_equal(net_queued(f->client.end), 4 * 1024 * 1024 - window);
    assert_int_equal(f->client.drained, 0);
    net_read(f->server.end, true);
    net_run_for(f, SEC_NS);
    assert_int_equal(f->server.got.len, 4 * 1024 * 1024);
    assert_int_equal(net_queued(f->client.end), 0);
    assert_int_equal(f->client.drained, 1);
}

static void test_side_that_has_ended_still_hears(void **state)
{
    struct fixture *f = *state;
    net_pair(f, false);
    net_say(f, &f->client, "last");
    net_end_side(f->client.end);
    net_flush(f->net);
    net_run_for(f, 10 * MS_NS);
    net_expect_text(&f->server, "last");
    assert_int_equal(f->server.eofs, 1);
    net_say(f, &f->server, "answer");
    net_run_for(f, 10 * MS_NS);
    net_expect_text(&f->client, "answer");
}

static void test_close_is_an_end_and_then_a_reset(void **state)
{
    struct fixture *f = *state;
    net_pair(f, false);
    net_say(f, &f->client, "last");
    net_close(f->client.end);
    net_run_for(f, 10 * MS_NS);
    net_expect_text(&f->server, "last");
    assert_int_equal(f->server.eofs, 1);
    assert_int_equal(f->server.failed, 0);
    net_say(f, &f->server, "anybody?");
    net_run_for(f, 10 * MS_NS);
    assert_int_equal(f->server.failed, ERR_CONN_RESET);
}

static void test_close_with_unread_bytes_is_a_reset(void **state)
{
    struct fixture *f = *state;
    net_pair(f, false);
    net_read(f->server.end, false);
    net_say(f, &f->client, "unread");
    net_run_for(f, 10 * MS_NS);
    net_close(f->server.end);
    net_run_for(f, 10 * MS_NS);
    assert_int_equal(f->client.failed, ERR_CONN_RESET);
    assert_int_equal(f->client.eofs, 0);
}

static void test_not_taken_is_reset_after_it_opened(void **state)
{
    struct fixture *f = *state;
    f->take = false;
    net_listen_on(f);
    net_dial(f, false);
    net_run_for(f, 10 * MS_NS);
    assert_int_equal(f->client.opened, 0);
    assert_int_equal(f->client.failed, ERR_CONN_RESET);
}

static void test_reset_tells_both_and_loses_what_was_in_flight(void **state)
{
    struct fixture *f = *state;
    net_pair(f, false);
    net_say(f, &f->client, "in flight");
    net_reset(f->net, f->machine[1], f->machine[0]);
    net_run_for(f, 10 * MS_NS);
    assert_int_equal(f->client.failed, ERR_CONN_RESET);
    assert_int_equal(f->server.failed, ERR_CONN_RESET);
    assert_int_equal(f->server.got.len, 0);
}

static void test_stream_breaks_after_a_given_byte(void **state)
{
    struct fixture *f = *state;
    const struct net_fault fault = {.reset_after = 7};
    net_pair(f, false);
    net_break(f, &fault);
    net_say(f, &f->client, "abcde");
    net_run_for(f, 10 * MS_NS);
    assert_int_equal(f->server.failed, 0);
    net_say(f, &f->client, "fghij");
    net_run_for(f, 10 * MS_NS);
    net_expect_text(&f->server, "abcdefg");
    assert_int_equal(f->server.failed, ERR_CONN_RESET);
    assert_int_equal(f->client.failed, ERR_CONN_RESET);
}

static void test_loss_is_only_a_delay(void **state)
{
    struct fixture *f = *state;
    const struct net_fault fault = {.loss_ppm = 1000000};
    net_pair(f, false);
    net_break(f, &fault);
    int64_t begin_ns = f->engine.now_ns;
    net_say(f, &f->client, "late");
    net_run_for(f, SEC_NS);
    net_expect_text(&f->server, "late");
    assert_true(f->server.last_ns > begin_ns + 2 * MS_NS - 1);
}

static void test_partition_is_silence_and_loses_nothing(void **state)
{
    struct fixture *f = *state;
    const uint32_t groups[] = {1, 2, 0};
    net_pair(f, false);
    net_partition(f->net, "cut", groups, 3);
    assert_false(net_is_open(f->net, f->machine[0], f->machine[1]));
    assert_true(net_is_open(f->net, f->machine[0], f->machine[2]));
    net_say(f, &f->client, "waits");
    net_run_for(f, 60 * SEC_NS);
    assert_int_equal(f->server.got.len, 0);
    assert_int_equal(f->client.failed, 0);
    assert_true(net_heal(f->net, "cut"));
    assert_false(net_heal(f->net, "cut"));
    net_run_for(f, SEC_NS);
    net_expect_text(&f->server, "waits");
}

static void test_connect_hangs_in_a_partition_and_opens_after_it(void **state)
{
    struct fixture *f = *state;
    const struct net_fault fault = {.blocked = true};
    net_break(f, &fault);
    net_listen_on(f);
    net_dial(f, false);
    net_run_for(f, 60 * SEC_NS);
    assert_int_equal(f->client.opened, 1);
    (void)net_heal(f->net, NULL);
    net_run_for(f, SEC_NS);
    assert_int_equal(f->client.opened, 0);
}

static void test_one_way_partition_shuts_the_window_only(void **state)
{
    struct fixture *f = *state;
    const struct net_fault fault = {.blocked = true};
    net_pair(f, false);
    net_break(f, &fault); /* the server hears nothing, but can talk */
    net_say(f, &f->server, "hello");
    net_run_for(f, 10 * MS_NS);
    net_expect_text(&f->client, "hello");
    char *big = mem_zalloc(f->engine.mem, 1, 1024 * 1024);
    net_write(f->server.end, slice_of(big, 1024 * 1024));
    net_flush(f->net);
    net_run_for(f, SEC_NS);
    assert_true(net_queued(f->server.end) > 0);
    (void)net_heal(f->net, NULL);
    net_run_for(f, SEC_NS);
    assert_int_equal(net_queued(f->server.end), 0);
    assert_int_equal(f->client.got.len, 5 + 1024 * 1024);
}

static void test_power_failure_is_silence_until_the_machine_is_back(void **state)
{
    struct fixture *f = *state;
    net_pair(f, false);
    net_vanish(f->server.end);
    net_listener_close(f->listener);
    net_machine_up(f->net, f->machine[1], false);
    net_say(f, &f->client, "hello?");
    net_run_for(f, 60 * SEC_NS);
    assert_int_equal(f->client.failed, 0);
    net_machine_up(f->net, f->machine[1], true);
    net_run_for(f, SEC_NS);
    assert_int_equal(f->client.failed, ERR_CONN_RESET);
}

static void test_rate_limits_bytes(void **state)
{
    struct fixture *f = *state;
    const struct net_fault fault = {.bytes_per_second = 1000};
    net_pair(f, false);
    net_break(f, &fault);
    char *bytes = mem_zalloc(f->engine.mem, 1, 2000);
    int64_t begin_ns = f->engine.now_ns;
    net_write(f->client.end, slice_of(bytes, 2000));
    net_flush(f->net);
    net_run_for(f, 10 * SEC_NS);
    assert_int_equal(f->server.got.len, 2000);
    assert_int_equal(f->server.last_ns, begin_ns + 2 * SEC_NS + MS_NS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        NET_CASE(test_connect_is_refused_where_nobody_listens),
        NET_CASE(test_unknown_name_is_told_and_unknown_address_is_silence),
        NET_CASE(test_bytes_arrive_in_order_after_the_latency),
        NET_CASE(test_what_one_turn_writes_is_one_chunk),
        cmocka_unit_test(test_chunks_are_split_by_chance),
        NET_CASE(test_reader_that_stops_fills_window_then_queue),
        NET_CASE(test_side_that_has_ended_still_hears),
        NET_CASE(test_close_is_an_end_and_then_a_reset),
        NET_CASE(test_close_with_unread_bytes_is_a_reset),
        NET_CASE(test_not_taken_is_reset_after_it_opened),
        NET_CASE(test_reset_tells_both_and_loses_what_was_in_flight),
        NET_CASE(test_stream_breaks_after_a_given_byte),
        NET_CASE(test_loss_is_only_a_delay),
        NET_CASE(test_partition_is_silence_and_loses_nothing),
        NET_CASE(test_connect_hangs_in_a_partition_and_opens_after_it),
        NET_CASE(test_one_way_partition_shuts_the_window_only),
        NET_CASE(test_power_failure_is_silence_until_the_machine_is_back),
        NET_CASE(test_rate_limits_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
