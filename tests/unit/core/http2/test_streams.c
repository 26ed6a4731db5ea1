/* Streams from their first frame to their close, over a wire that cuts anywhere. */
#include "unit/core/http2/pair.h"

static const size_t chunks[] = {1, 3, 7, 64, 1000, SIZE_MAX};
#define CHUNK_COUNT (sizeof(chunks) / sizeof(chunks[0]))

static void answer_in_full(struct side *side, struct http2_stream *s)
{
    (void)side;
    struct http2_field trailer = pair_named("grpc-status", "0");
    pair_respond(s, false);
    http2_stream_write(s, slice_str("pong"));
    http2_stream_trailers(s, &trailer, 1);
}

static void test_request_and_answer_arrive_whole_however_bytes_are_cut(void **state)
{
    (void)state;
    for (size_t i = 0; i < CHUNK_COUNT; i++) {
        struct pair p;
        pair_init(&p, chunks[i], NULL);
        p.server.on_end = answer_in_full;
        struct http2_stream *s = pair_begin(&p, "/x", false);
        http2_stream_write(s, slice_str("ping"));
        http2_stream_end(s);
        pair_run(&p);
        assert_log(&p.server, "request 1 :path=/x\nend 1 after 4\nclose 1 ok NO_ERROR\n");
        assert_log(&p.client, "response 1 status 200 content-type=text/x\n"
                              "trailers 1 grpc-status=0\nend 1 after 4\nclose 1 ok NO_ERROR\n");
        assert_memory_equal(p.server.body.ptr, "ping", 4);
        assert_memory_equal(p.client.body.ptr, "pong", 4);
        pair_fini(&p);
    }
}

static void answer_at_once(struct side *side, struct http2_stream *s)
{
    (void)side;
    pair_respond(s, true);
}

static void test_server_that_answers_early_stops_the_client(void **state)
{
    (void)state;
    struct pair p;
    pair_init(&p, SIZE_MAX, NULL);
    p.server.on_request = answer_at_once;
    struct http2_stream *s = pair_begin(&p, "/x", false);
    http2_stream_write(s, slice_str("the first part"));
    pair_run(&p);
    assert_log(&p.client, "response 1 status 200 content-type=text/x\nend 1 after 0\n"
                          "close 1 ok NO_ERROR\n");
    assert_int_equal(http2_stream_count(p.server.h), 0);
    assert_int_equal(http2_stream_count(p.client.h), 0);
    pair_fini(&p);
}

static void test_trailers_without_body_follow_the_answer(void **state)
{
    (void)state;
    struct pair p;
    pair_init(&p, SIZE_MAX, NULL);
    pair_begin(&p, "/x", true);
    pair_run(&p);
    pair_respond(p.server.last, false);
    pair_run(&p);
    assert_log(&p.client, "response 1 status 200 content-type=text/x\n");
    struct http2_field trailer = pair_named("grpc-status", "7");
    http2_stream_trailers(p.server.last, &trailer, 1);
    pair_run(&p);
    assert_log(&p.client, "trailers 1 grpc-status=7\nend 1 after 0\nclose 1 ok NO_ERROR\n");
    pair_fini(&p);
}

static void test_reset_by_the_client_cancels_at_the_server(void **state)
{
    (void)state;
    struct pair p;
    pair_init(&p, 1, NULL);
    struct http2_stream *s = pair_begin(&p, "/x", false);
    pair_run(&p);
    http2_stream_reset(s, HTTP2_CANCEL);
    http2_stream_write(s, slice_str("into the void"));
    pair_run(&p);
    assert_log(&p.server, "request 1 :path=/x\nclose 1 ERR_CANCELED CANCEL\n");
    assert_log(&p.client, "close 1 ERR_CANCELED CANCEL\n");
    pair_fini(&p);
}

static void test_reset_of_a_request_that_was_never_sent_closes_it(void **state)
{
    (void)state;
    struct pair p;
    pair_init(&p, SIZE_MAX, NULL);
    struct http2_stream *s = pair_begin(&p, "/x", false);
    http2_stream_write(s, slice_str("x"));
    http2_stream_reset(s, HTTP2_CANCEL);
    pair_run(&p);
    assert_int_equal(p.client.closes, 1);
    assert_log(&p.server, "");
    pair_fini(&p);
}

static void refuse_all(struct side *side, struct http2_stream *s)
{
    (void)side;
    http2_stream_reset(s, HTTP2_INTERNAL_ERROR);
}

static void test_reset_by_the_server_is_told_with_its_code(void **state)
{
    (void)state;
    struct pair p;
    pair_init(&p, 5, NULL);
    p.server.on_request = refuse_all;
    struct http2_stream *s = pair_begin(&p, "/x", false);
    http2_stream_write(s, slice_str("body"));
    http2_stream_end(s);
    pair_run(&p);
    assert_log(&p.client, "close 1 ERR_CANCELED INTERNAL_ERROR\n");
    assert_log(&p.server, "request 1 :path=/x\nclose 1 ERR_CANCELED INTERNAL_ERROR\n");
    pair_fini(&p);
}

static void test_body_waits_until_the_peer_consumes(void **state)
{
    (void)state;
    static uint8_t body[300000];
    struct pair p;
    pair_init(&p, 900, NULL);
    for (size_t i = 0; i < sizeof(body); i++) {
        body[i] = (uint8_t)(i * 7 + i / 251);
    }
    p.server.consume = false;
    struct http2_stream *s = pair_begin(&p, "/x", false);
    http2_stream_write(s, slice_of(body, sizeof(body)));
    pair_run(&p);
    assert_int_equal(p.server.body.len, 65535); /* the initial window */
    assert_int_equal(http2_stream_pending(s), sizeof(body) - 65535);
    assert_true(http2_wants_read(p.client.h));
    p.server.consume = true;
    http2_stream_consume(p.server.last, 65535);
    assert_int_equal(p.client.drains, 0);
    pair_run(&p);
    assert_int_equal(p.client.drains, 1);
    http2_stream_end(s);
    pair_run(&p);
    assert_int_equal(p.server.body.len, sizeof(body));
    assert_memory_equal(p.server.body.ptr, body, sizeof(body));
    pair_fini(&p);
}

static void test_unconsumed_bytes_return_to_the_connection_with_the_stream(void **state)
{
    (void)state;
    static uint8_t body[60000];
    struct pair p;
    pair_init(&p, SIZE_MAX, NULL);
    p.server.consume = false;
    for (int i = 0; i < 5; i++) {
        struct http2_stream *s = pair_begin(&p, "/x", false);
        http2_stream_write(s, slice_of(body, sizeof(body)));
        http2_stream_end(s);
        pair_run(&p);
        pair_respond(p.server.last, true);
        pair_run(&p);
    }
    assert_int_equal(p.server.body.len, 5 * sizeof(body));
    assert_int_equal(p.client.closes, 5);
    pair_fini(&p);
}

static void test_reset_returns_what_was_not_consumed_and_drops_what_follows(void **state)
{
    (void)state;
    static uint8_t body[60000];
    struct pair p;
    pair_init(&p, 1000, NULL);
    for (int i = 0; i < 3; i++) {
        p.server.consume = false;
        struct http2_stream *s = pair_begin(&p, "/x", false);
        http2_stream_write(s, slice_of(body, 30000));
        pair_run(&p);
        http2_stream_reset(p.server.last, HTTP2_CANCEL);
        http2_stream_write(s, slice_of(body, 30000)); /* on its way when the reset arrives */
        pair_run(&p);
    }
    p.server.consume = true;
    struct http2_stream *s = pair_begin(&p, "/x", false);
    http2_stream_write(s, slice_of(body, sizeof(body)));
    http2_stream_end(s);
    pair_run(&p);
    assert_int_equal(p.server.body.len, 3 * 30000 + sizeof(body));
    pair_fini(&p);
}

static void test_output_stops_soon_after_the_asked_size(void **state)
{
    (void)state;
    static uint8_t body[60000];
    struct pair p;
    pair_init(&p, SIZE_MAX, NULL);
    struct http2_stream *s = pair_begin(&p, "/x", false);
    pair_run(&p);
    http2_stream_write(s, slice_of(body, sizeof(body)));
    size_t moved = pair_move(&p, &p.client, &p.server, 20000);
    assert_in_range(moved, 20000, 20000 + 16384 + 9);
    assert_true(http2_wants_write(p.client.h));
    pair_run(&p);
    assert_int_equal(p.server.body.len, sizeof(body));
    pair_fini(&p);
}

static void test_close_tells_every_stream_in_order(void **state)
{
    (void)state;
    struct pair p;
    pair_init(&p, SIZE_MAX, NULL);
    for (int i = 0; i < 3; i++) {
        pair_begin(&p, "/x", false);
    }
    pair_run(&p);
    http2_close(p.client.h);
    http2_close(p.client.h);
    assert_log(&p.client, "close 1 ERR_CONN_CLOSED NO_ERROR\nclose 3 ERR_CONN_CLOSED NO_ERROR\n"
                          "close 5 ERR_CONN_CLOSED NO_ERROR\n");
    assert_true(http2_finished(p.client.h));
    pair_fini(&p);
}

static void test_empty_reserve_and_write_are_harmless(void **state)
{
    (void)state;
    struct pair p;
    pair_init(&p, SIZE_MAX, NULL);
    struct http2_stream *s = pair_begin(&p, "/x", false);
    http2_stream_write(s, slice_of(NULL, 0));
    http2_stream_end(s);
    http2_stream_end(s);
    http2_stream_write(s, slice_str("late"));
    pair_run(&p);
    assert_log(&p.server, "request 1 :path=/x\nend 1 after 0\n");
    pair_fini(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_request_and_answer_arrive_whole_however_bytes_are_cut),
        cmocka_unit_test(test_server_that_answers_early_stops_the_client),
        cmocka_unit_test(test_trailers_without_body_follow_the_answer),
        cmocka_unit_test(test_reset_by_the_client_cancels_at_the_server),
        cmocka_unit_test(test_reset_of_a_request_that_was_never_sent_closes_it),
        cmocka_unit_test(test_reset_by_the_server_is_told_with_its_code),
        cmocka_unit_test(test_body_waits_until_the_peer_consumes),
        cmocka_unit_test(test_unconsumed_bytes_return_to_the_connection_with_the_stream),
        cmocka_unit_test(test_reset_returns_what_was_not_consumed_and_drops_what_follows),
        cmocka_unit_test(test_output_stops_soon_after_the_asked_size),
        cmocka_unit_test(test_close_tells_every_stream_in_order),
        cmocka_unit_test(test_empty_reserve_and_write_are_harmless),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
