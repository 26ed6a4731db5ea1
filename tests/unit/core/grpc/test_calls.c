/* Calls between our client and our server, of every kind and every end. */
#include "unit/core/grpc/rig.h"

static const size_t chunks[] = {1, 2, 5, 13, 100, SIZE_MAX};

static void test_unary_call_is_answered_however_bytes_are_cut(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(chunks) / sizeof(chunks[0]); i++) {
        struct rig rig;
        rig_init(&rig, chunks[i], 0);
        rig_unary(&rig, "/test.Echo/Echo", slice_str("hello"));
        rig_run(&rig);
        assert_log(&rig, "echo \"hello\"\ndone OK \"hello\"\n");
        rig_unary(&rig, "/test.Echo/Echo", slice_str(""));
        rig_run(&rig);
        assert_log(&rig, "echo \"\"\ndone OK \"\"\n");
        assert_true(grpc_client_ready(rig.client));
        assert_int_equal(grpc_server_call_count(rig.server), 0);
        rig_fini(&rig);
    }
}

static void test_large_messages_pass_the_windows(void **state)
{
    (void)state;
    static uint8_t message[1500000];
    struct rig rig;
    rig_init(&rig, 4096, 0);
    for (size_t i = 0; i < sizeof(message); i++) {
        message[i] = (uint8_t)(i ^ i >> 9);
    }
    rig_unary(&rig, "/test.Echo/Echo", slice_of(message, sizeof(message)));
    rig_run(&rig);
    assert_log(&rig, "echo of 1500000 bytes\ndone OK of 1500000 bytes\n");
    rig_fini(&rig);
}

static void test_unknown_methods_are_named_as_grpc_go_names_them(void **state)
{
    (void)state;
    static const struct {
        const char *path;
        const char *log;
    } cases[] = {
        {"/test.Echo/Nope", "done Unimplemented \"unknown method Nope for service test.Echo\"\n"},
        {"/no.Such/Echo", "done Unimplemented \"unknown service no.Such\"\n"},
        {"/test.Echo/Echo/x", "done Unimplemented \"unknown service test.Echo/Echo\"\n"},
        {"/foo", "done ResourceExhausted \"malformed method name: \"/foo\"\"\n"},
    };
    struct rig rig;
    rig_init(&rig, SIZE_MAX, 0);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        rig_unary(&rig, cases[i].path, slice_str("x"));
        rig_run(&rig);
        assert_log(&rig, cases[i].log);
    }
    rig_fini(&rig);
}

static void test_held_call_is_answered_later(void **state)
{
    (void)state;
    struct rig rig;
    rig_init(&rig, 3, 0);
    rig_unary(&rig, "/test.Echo/Hold", slice_str("wait"));
    rig_run(&rig);
    assert_log(&rig, "hold \"wait\"\n");
    assert_int_equal(grpc_server_call_count(rig.server), 1);
    grpc_call_finish_err(rig.held, ERR_ETCD_NO_LEADER);
    rig_run(&rig);
    assert_log(&rig, "done Unavailable \"etcdserver: no leader\"\n");
    rig_fini(&rig);
}

static void test_error_after_a_message_comes_in_trailers(void **state)
{
    (void)state;
    struct rig rig;
    rig_init(&rig, 1, 0);
    rig_unary(&rig, "/test.Echo/Hold", slice_str("wait"));
    rig_run(&rig);
    grpc_call_send(rig.held, slice_str("part"));
    rig_run(&rig);
    grpc_call_finish(rig.held, GRPC_DATA_LOSS, slice_str("50% \xc3\xa4"));
    rig_run(&rig);
    assert_log(&rig, "hold \"wait\"\ndone DataLoss \"50% \xc3\xa4\"\n");
    assert_int_equal(rig.drains, 1);
    rig_fini(&rig);
}

static void test_client_stream_gives_messages_and_their_end(void **state)
{
    (void)state;
    struct rig rig;
    rig_init(&rig, 4, 0);
    rig_stream(&rig, "/test.Echo/Count");
    rig_run(&rig);
    assert_log(&rig, "start \"Count\"\n");
    grpc_rpc_send(rig.rpc, slice_str("one"));
    grpc_rpc_send(rig.rpc, slice_str(""));
    grpc_rpc_send(rig.rpc, slice_str("three"));
    rig_run(&rig);
    assert_log(&rig, "message \"one\"\nmessage \"\"\nmessage \"three\"\n");
    grpc_rpc_end(rig.rpc);
    rig_run(&rig);
    assert_log(&rig, "half-closed \"\"\nheaders\nanswer \"counted\"\ndone OK \"\"\n");
    rig_fini(&rig);
}

static void test_bidirectional_stream_answers_while_open(void **state)
{
    (void)state;
    struct rig rig;
    rig_init(&rig, 1, 0);
    rig_stream(&rig, "/test.Echo/Chat");
    grpc_rpc_send(rig.rpc, slice_str("a"));
    rig_run(&rig);
    grpc_rpc_send(rig.rpc, slice_str("b"));
    rig_run(&rig);
    assert_log(&rig, "headers\nanswer \"a\"\nanswer \"b\"\n");
    grpc_rpc_send(rig.rpc, slice_str("bye"));
    rig_run(&rig);
    assert_log(&rig, "done Aborted \"said bye\"\n");
    assert_int_equal(grpc_server_call_count(rig.server), 0);
    assert_int_equal(http2_stream_count(grpc_server_http2(rig.server)), 0);
    assert_int_equal(http2_stream_count(grpc_client_http2(rig.client)), 0);
    rig_fini(&rig);
}

static void test_stream_that_ends_without_messages_is_ok(void **state)
{
    (void)state;
    struct rig rig;
    rig_init(&rig, SIZE_MAX, 0);
    rig_stream(&rig, "/test.Echo/Chat");
    grpc_rpc_end(rig.rpc);
    rig_run(&rig);
    assert_log(&rig, "done OK \"\"\n");
    rig_fini(&rig);
}

static void test_method_may_refuse_at_the_start_by_metadata(void **state)
{
    (void)state;
    struct rig rig;
    rig_init(&rig, SIZE_MAX, 0);
    struct grpc_metadata metadata[] = {{slice_str("token"), slice_str("abc.7")}};
    struct grpc_start start = rig_start(&rig, "/test.Echo/Deny", &unary_events);
    start.metadata = metadata;
    start.metadata_count = 1;
    assert_int_equal(grpc_rpc_unary(rig.client, &start, slice_str("x"), &rig.rpc), 0);
    rig_run(&rig);
    assert_log(&rig, "token \"abc.7\"\ndone Unavailable \"etcdserver: no leader\"\n");
    rig_fini(&rig);
}

static void test_deadline_is_told_and_cancel_reaches_the_server(void **state)
{
    (void)state;
    struct rig rig;
    rig_init(&rig, SIZE_MAX, 0);
    struct grpc_start start = rig_start(&rig, "/test.Echo/Hold", &unary_events);
    start.timeout_ns = 4995082 * US_NS - 7;
    assert_int_equal(grpc_rpc_unary(rig.client, &start, slice_str("x"), &rig.rpc), 0);
    rig_run(&rig);
    assert_true(grpc_call_deadline_ns(rig.held) == rig.now_ns + 4995082 * US_NS);
    grpc_rpc_cancel(rig.rpc, ERR_DEADLINE);
    assert_log(&rig, "hold \"x\"\ndone DeadlineExceeded \"context deadline exceeded\"\n");
    rig_run(&rig);
    assert_log(&rig, "canceled \"Hold\"\n");
    assert_null(rig.held);
    rig_fini(&rig);
}

static void test_calls_carry_what_their_owners_attach(void **state)
{
    (void)state;
    struct rig rig;
    struct slice value;
    int mark;
    rig_init(&rig, SIZE_MAX, 0);
    rig_stream(&rig, "/test.Echo/Count");
    assert_int_equal(grpc_rpc_pending(rig.rpc), 0);
    grpc_rpc_send(rig.rpc, slice_str("abc"));
    assert_int_equal(grpc_rpc_pending(rig.rpc), 8);
    rig_run(&rig);
    grpc_call_set_user(rig.held, &mark);
    assert_ptr_equal(grpc_call_user(rig.held), &mark);
    assert_true(grpc_call_metadata(rig.held, "user-agent", &value));
    assert_true(slice_eq_str(value, "grpc-test/1"));
    memcpy(grpc_call_reserve(rig.held, 4), "part", 4);
    assert_int_equal(grpc_call_pending(rig.held), 9);
    rig_run(&rig);
    assert_int_equal(grpc_call_pending(rig.held), 0);
    assert_true(grpc_rpc_metadata(rig.rpc, "content-type", &value));
    assert_log(&rig, "start \"Count\"\nmessage \"abc\"\nheaders\nanswer \"part\"\n");
    rig_fini(&rig);
}

static int statuses[2]; /* OK, and unprocessed */

static void count_status(struct grpc_rpc *rpc, const struct grpc_result *result)
{
    (void)rpc;
    assert_true(result->status == GRPC_OK || result->unprocessed);
    statuses[result->status == GRPC_OK ? 0 : 1]++;
}

static const struct grpc_rpc_events count_events = {.done = count_status};

/* All requests leave before any answer comes; a connection that has shown little may be told to
 * come again, and is never broken for it. */
static void test_burst_of_calls_is_served_as_far_as_the_budget_goes(void **state)
{
    (void)state;
    struct rig rig;
    rig_init(&rig, SIZE_MAX, 0);
    static const uint8_t body[150];
    static const struct {
        int calls;
        int served;
    } waves[] = {{64, 64}, {100, 100}, {1000, 500}, {1000, 1000}};
    for (size_t i = 0; i < sizeof(waves) / sizeof(waves[0]); i++) {
        statuses[0] = 0;
        statuses[1] = 0;
        for (int j = 0; j < waves[i].calls; j++) {
            struct grpc_start start = rig_start(&rig, "/test.Echo/Echo", &count_events);
            struct grpc_rpc *rpc;
            start.timeout_ns = 5 * SEC_NS - j;
            int err = grpc_rpc_unary(rig.client, &start, slice_of(body, sizeof(body)), &rpc);
            assert_int_equal(err, 0);
        }
        rig_run(&rig);
        buf_clear(&rig.log);
        assert_int_equal(statuses[0] + statuses[1], waves[i].calls);
        assert_true(statuses[0] >= waves[i].served);
    }
    rig_fini(&rig);
}

static void test_lost_connection_ends_calls_on_both_sides(void **state)
{
    (void)state;
    struct rig rig;
    rig_init(&rig, SIZE_MAX, 0);
    rig_unary(&rig, "/test.Echo/Hold", slice_str("x"));
    rig_run(&rig);
    grpc_client_close(rig.client);
    assert_log(&rig, "hold \"x\"\ndone Unavailable \"transport is closing\"\n");
    struct grpc_start start = rig_start(&rig, "/test.Echo/Hold", &unary_events);
    assert_int_equal(grpc_rpc_unary(rig.client, &start, slice_str("x"), &rig.rpc), ERR_CONN_CLOSED);
    grpc_server_close(rig.server);
    assert_log(&rig, "canceled \"Hold\"\n");
    rig_fini(&rig);
}

static void test_cut_in_the_middle_of_a_frame_is_a_closing_transport(void **state)
{
    (void)state;
    for (size_t cut = 0; cut < 120; cut++) {
        struct rig rig;
        rig_init(&rig, SIZE_MAX, 0);
        rig_unary(&rig, "/test.Echo/Echo", slice_str("hello"));
        rig_to_server(&rig);
        struct buf wire;
        buf_init(&wire, rig.mem);
        grpc_server_send(rig.server, &wire, SIZE_MAX);
        bool whole = cut >= wire.len;
        size_t n = whole ? wire.len : cut;
        assert_int_equal(grpc_client_recv(rig.client, rig.now_ns, slice_of(wire.ptr, n)), 0);
        buf_fini(&wire);
        grpc_client_close(rig.client);
        assert_log(&rig, whole ? "echo \"hello\"\ndone OK \"hello\"\n"
                               : "echo \"hello\"\ndone Unavailable \"transport is closing\"\n");
        rig_fini(&rig);
    }
}

static void test_goaway_of_the_server_leaves_new_calls_unprocessed(void **state)
{
    (void)state;
    struct rig rig;
    rig_init(&rig, SIZE_MAX, 0);
    rig_unary(&rig, "/test.Echo/Hold", slice_str("x"));
    rig_run(&rig);
    grpc_server_goaway(rig.server);
    rig_unary(&rig, "/test.Echo/Hold", slice_str("y"));
    rig_run(&rig);
    assert_log(&rig, "hold \"x\"\ndone Unavailable unprocessed \"the stream is rejected because "
                     "server is draining the connection\"\n");
    struct grpc_start start = rig_start(&rig, "/test.Echo/Hold", &unary_events);
    assert_int_equal(grpc_rpc_unary(rig.client, &start, slice_str("x"), &rig.rpc), ERR_CONN_CLOSED);
    grpc_call_finish_ok(rig.held);
    rig_run(&rig);
    assert_true(grpc_server_finished(rig.server));
    assert_log(&rig, "done Internal \"EOF\"\n"); /* a unary answer without a message */
    rig_fini(&rig);
}

static void test_message_past_the_limit_is_refused_in_words(void **state)
{
    (void)state;
    static uint8_t message[300];
    struct rig rig;
    rig_init(&rig, 50, 200);
    rig_unary(&rig, "/test.Echo/Echo", slice_of(message, sizeof(message)));
    rig_run(&rig);
    assert_log(&rig,
               "done ResourceExhausted \"grpc: received message larger than max (300 vs. 200)\"\n");
    rig_stream(&rig, "/test.Echo/Count");
    grpc_rpc_send(rig.rpc, slice_of(message, sizeof(message)));
    rig_run(&rig);
    assert_log(&rig, "start \"Count\"\ncanceled \"Count\"\ndone ResourceExhausted \"grpc: received "
                     "message larger than max (300 vs. 200)\"\n");
    rig_fini(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_unary_call_is_answered_however_bytes_are_cut),
        cmocka_unit_test(test_large_messages_pass_the_windows),
        cmocka_unit_test(test_unknown_methods_are_named_as_grpc_go_names_them),
        cmocka_unit_test(test_held_call_is_answered_later),
        cmocka_unit_test(test_error_after_a_message_comes_in_trailers),
        cmocka_unit_test(test_client_stream_gives_messages_and_their_end),
        cmocka_unit_test(test_bidirectional_stream_answers_while_open),
        cmocka_unit_test(test_stream_that_ends_without_messages_is_ok),
        cmocka_unit_test(test_method_may_refuse_at_the_start_by_metadata),
        cmocka_unit_test(test_deadline_is_told_and_cancel_reaches_the_server),
        cmocka_unit_test(test_calls_carry_what_their_owners_attach),
        cmocka_unit_test(test_burst_of_calls_is_served_as_far_as_the_budget_goes),
        cmocka_unit_test(test_lost_connection_ends_calls_on_both_sides),
        cmocka_unit_test(test_cut_in_the_middle_of_a_frame_is_a_closing_transport),
        cmocka_unit_test(test_goaway_of_the_server_leaves_new_calls_unprocessed),
        cmocka_unit_test(test_message_past_the_limit_is_refused_in_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
