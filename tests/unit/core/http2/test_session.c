/* The session as a whole: opening, leaving, and the limits that a hostile peer meets. */
#include "unit/core/http2/pair.h"

static void test_preface_is_told_from_http1_by_its_first_bytes(void **state)
{
    (void)state;
    const char *preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    assert_int_equal(http2_preface_match(slice_of(NULL, 0)), HTTP2_MATCH_MORE);
    for (size_t i = 1; i < HTTP2_PREFACE_LEN; i++) {
        assert_int_equal(http2_preface_match(slice_of(preface, i)), HTTP2_MATCH_MORE);
    }
    assert_int_equal(http2_preface_match(slice_str(preface)), HTTP2_MATCH_YES);
    assert_int_equal(http2_preface_match(slice_str("GET / HTTP/1.1\r\n")), HTTP2_MATCH_NO);
    assert_int_equal(http2_preface_match(slice_str("PRI * HTTP/1.1\r\n")), HTTP2_MATCH_NO);
}

static void test_first_output_is_that_of_etcd_and_of_grpc_go(void **state)
{
    (void)state;
    struct pair p;
    struct buf out;
    pair_init(&p, SIZE_MAX, NULL);
    buf_init(&out, mem_pool_mem(p.server.pool));
    http2_send(p.server.h, &out, SIZE_MAX);
    static const uint8_t server[] = {0, 0, 12, 4, 0, 0, 0,   0,   0,   0,  5,
                                     0, 0, 64, 0, 0, 3, 255, 255, 255, 255};
    assert_int_equal(out.len, sizeof(server));
    assert_memory_equal(out.ptr, server, sizeof(server));
    buf_clear(&out);
    http2_send(p.client.h, &out, SIZE_MAX);
    assert_int_equal(out.len, HTTP2_PREFACE_LEN + 9);
    assert_false(http2_settled(p.client.h));
    assert_int_equal(http2_recv(p.client.h, 0, slice_of(server, sizeof(server))), 0);
    assert_true(http2_settled(p.client.h));
    buf_fini(&out);
    pair_fini(&p);
}

static void test_settings_tell_how_many_streams_there_may_be(void **state)
{
    (void)state;
    struct http2_options options;
    struct pair p;
    struct buf out;
    http2_options_default(&options);
    options.streams_max = 7;
    options.streams_told = 7;
    pair_init(&p, SIZE_MAX, &options);
    buf_init(&out, mem_pool_mem(p.server.pool));
    http2_send(p.server.h, &out, SIZE_MAX);
    static const uint8_t told[] = {0, 3, 0, 0, 0, 7};
    assert_int_equal(out.len, 9 + 12);
    assert_memory_equal(out.ptr + 9 + 6, told, sizeof(told));
    buf_fini(&out);
    pair_fini(&p);
}

static void test_ping_is_answered(void **state)
{
    (void)state;
    struct pair p;
    pair_init(&p, 2, NULL);
    http2_ping(p.client.h, 0x1234);
    pair_run(&p);
    assert_log(&p.client, "pong 1234\n");
    http2_ping(p.server.h, 0xabcdef);
    pair_run(&p);
    assert_log(&p.server, "pong abcdef\n");
    pair_fini(&p);
}

static void test_graceful_goaway_lets_open_streams_end(void **state)
{
    (void)state;
    struct pair p;
    pair_init(&p, SIZE_MAX, NULL);
    pair_begin(&p, "/x", true);
    pair_run(&p);
    http2_goaway(p.server.h, HTTP2_NO_ERROR);
    pair_run(&p);
    assert_log(&p.client, "goaway NO_ERROR\n");
    struct http2_stream *none;
    assert_int_equal(http2_request(p.client.h, NULL, 0, true, NULL, &none), ERR_CONN_CLOSED);
    assert_false(http2_finished(p.server.h));
    pair_respond(p.server.last, true);
    pair_run(&p);
    assert_log(&p.client, "response 1 status 200 content-type=text/x\nend 1 after 0\n"
                          "close 1 ok NO_ERROR\n");
    assert_true(http2_finished(p.server.h));
    assert_true(http2_finished(p.client.h));
    pair_fini(&p);
}

static void test_request_past_the_goaway_is_unprocessed(void **state)
{
    (void)state;
    struct pair p;
    pair_init(&p, SIZE_MAX, NULL);
    pair_begin(&p, "/x", true);
    pair_run(&p);
    http2_goaway(p.server.h, HTTP2_NO_ERROR);
    pair_begin(&p, "/y", true); /* crosses the GOAWAY on the wire */
    pair_run(&p);
    assert_log(&p.client, "goaway NO_ERROR\nclose 3 ERR_CANCELED REFUSED_STREAM unprocessed\n");
    assert_log(&p.server, "request 1 :path=/x\nend 1 after 0\n");
    pair_fini(&p);
}

static void test_hard_end_finishes_at_once(void **state)
{
    (void)state;
    struct pair p;
    pair_init(&p, SIZE_MAX, NULL);
    pair_begin(&p, "/x", true);
    pair_run(&p);
    http2_terminate(p.server.h, HTTP2_NO_ERROR);
    assert_false(http2_finished(p.server.h));
    pair_run(&p);
    assert_true(http2_finished(p.server.h));
    assert_int_equal(http2_recv(p.server.h, 0, slice_str("x")), ERR_CONN_CLOSED);
    pair_fini(&p);
}

static void test_streams_past_the_limit_are_refused_and_the_rest_goes_on(void **state)
{
    (void)state;
    struct http2_options options;
    struct pair p;
    http2_options_default(&options);
    options.streams_max = 2;
    pair_init(&p, SIZE_MAX, &options);
    for (int i = 0; i < 3; i++) {
        pair_begin(&p, "/x", true);
    }
    pair_run(&p);
    assert_log(&p.client, "close 5 ERR_CANCELED REFUSED_STREAM unprocessed\n");
    pair_respond(p.server.last, true);
    pair_run(&p);
    assert_int_equal(p.client.closes, 2);
    pair_begin(&p, "/x", true);
    pair_run(&p);
    assert_int_equal(http2_stream_count(p.server.h), 2);
    pair_fini(&p);
}

static void test_too_many_fields_cost_the_stream_and_not_the_session(void **state)
{
    (void)state;
    struct http2_options options;
    struct pair p;
    http2_options_default(&options);
    options.field_bytes_max = 100;
    pair_init(&p, SIZE_MAX, &options);
    char path[101] = "/";
    memset(path + 1, 'x', 99);
    pair_begin(&p, path, true);
    pair_begin(&p, "/short", true);
    pair_run(&p);
    assert_log(&p.client, "close 1 ERR_CANCELED ENHANCE_YOUR_CALM\n");
    assert_log(&p.server, "request 3 :path=/short\nend 3 after 0\n");
    pair_fini(&p);
}

static void test_reading_stops_while_the_peer_does_not_take_output(void **state)
{
    (void)state;
    static uint8_t body[65536];
    struct http2_options options;
    struct pair p;
    http2_options_default(&options);
    options.pending_max = 50000;
    options.pending_refuse = 200000;
    pair_init(&p, SIZE_MAX, &options);
    pair_begin(&p, "/x", true);
    pair_run(&p);
    struct http2_stream *s = p.server.last;
    pair_respond(s, false);
    assert_true(http2_wants_read(p.server.h));
    http2_stream_write(s, slice_of(body, sizeof(body)));
    assert_false(http2_wants_read(p.server.h)); /* it could go, and does not */
    p.client.consume = false;
    pair_run(&p);
    http2_stream_write(s, slice_of(body, sizeof(body)));
    assert_true(
        http2_wants_read(p.server.h)); /* it waits for the window: WINDOW_UPDATE must come */
    http2_stream_write(s, slice_of(body, sizeof(body)));
    http2_stream_write(s, slice_of(body, sizeof(body)));
    http2_stream_write(s, slice_of(body, sizeof(body)));
    pair_begin(&p, "/y", true);
    pair_run(&p);
    assert_log(&p.server, "request 1 :path=/x\nend 1 after 0\n"); /* the second was refused */
    pair_fini(&p);
}

static void flood(struct side *side, size_t frames, uint8_t type, uint32_t id, size_t len)
{
    static const uint8_t zeros[16];
    struct buf wire;
    buf_init(&wire, mem_pool_mem(side->pool));
    for (size_t i = 0; i < frames; i++) {
        add_frame(&wire, type, 0, id, slice_of(zeros, len));
    }
    int err = http2_recv(side->h, SEC_NS, buf_slice(&wire));
    side->err = side->err != 0 ? side->err : err;
    buf_fini(&wire);
}

static void open_raw(struct side *side)
{
    struct buf wire;
    side_init(side, true, NULL);
    buf_init(&wire, mem_pool_mem(side->pool));
    add_preface(&wire);
    assert_int_equal(http2_recv(side->h, SEC_NS, buf_slice(&wire)), 0);
    buf_clear(&wire);
    http2_send(side->h, &wire, SIZE_MAX);
    buf_fini(&wire);
}

static void test_floods_of_control_frames_end_the_session(void **state)
{
    (void)state;
    static const struct {
        uint8_t type;
        uint32_t id;
        size_t len;
    } kinds[] = {{6, 0, 8}, {4, 0, 0}, {2, 1, 5}};
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        struct side side;
        open_raw(&side);
        flood(&side, 900, kinds[i].type, kinds[i].id, kinds[i].len);
        assert_int_equal(side.err, 0);
        flood(&side, 200, kinds[i].type, kinds[i].id, kinds[i].len);
        assert_int_equal(side.err, ERR_LIMIT);
        side_fini(&side);
    }
}

static int ping_at(struct pair *p, int64_t now_ns)
{
    p->now_ns = now_ns;
    http2_ping(p->client.h, 1);
    pair_run(p);
    return p->server.err;
}

/* grpc-go's rule: two early pings are forgiven, an answer forgives what was before, and without a
 * call whatever comes within two hours is early. */
static void test_pings_that_come_too_early_end_the_session(void **state)
{
    (void)state;
    struct http2_options options;
    struct pair p;
    http2_options_default(&options);
    options.ping_min_ns = 5 * SEC_NS;
    pair_init(&p, SIZE_MAX, &options);
    pair_begin(&p, "/x", true);
    pair_run(&p);
    for (int i = 0; i < 10; i++) {
        assert_int_equal(ping_at(&p, i * 5 * SEC_NS), 0);
    }
    assert_int_equal(ping_at(&p, 46 * SEC_NS), 0);
    assert_int_equal(ping_at(&p, 47 * SEC_NS), 0);
    pair_respond(p.server.last, true);
    pair_run(&p);
    /* Nothing is open now. */
    assert_int_equal(ping_at(&p, 100 * SEC_NS), 0);
    assert_int_equal(ping_at(&p, 200 * SEC_NS), 0);
    assert_int_equal(ping_at(&p, 2 * 60 * MIN_NS + 200 * SEC_NS), 0);
    assert_int_equal(ping_at(&p, 2 * 60 * MIN_NS + 300 * SEC_NS), ERR_LIMIT);
    assert_true(http2_finished(p.server.h));
    pair_fini(&p);
}

static void test_control_frames_are_forgiven_as_time_goes_by(void **state)
{
    (void)state;
    struct side side;
    struct buf wire;
    open_raw(&side);
    buf_init(&wire, mem_pool_mem(side.pool));
    add_frame(&wire, 6, 0, 0, slice_str("12345678"));
    for (int i = 0; i < 5000; i++) {
        assert_int_equal(http2_recv(side.h, (i + 2) * SEC_NS / 10, buf_slice(&wire)), 0);
        struct buf out;
        buf_init(&out, wire.mem);
        http2_send(side.h, &out, SIZE_MAX);
        buf_fini(&out);
    }
    buf_fini(&wire);
    side_fini(&side);
}

/* A literal field without indexing: name and value as they are. */
static void add_literal(struct buf *block, const char *name, const char *value)
{
    buf_add_u8(block, 0);
    buf_add_u8(block, (uint8_t)strlen(name));
    buf_add_str(block, name);
    buf_add_u8(block, (uint8_t)strlen(value));
    buf_add_str(block, value);
}

/* Sends one request whose fields follow in pairs. True if the server took it. */
static bool takes(const char *const *fields, size_t count)
{
    struct side side;
    struct buf block;
    struct buf wire;
    open_raw(&side);
    buf_init(&block, mem_pool_mem(side.pool));
    buf_init(&wire, mem_pool_mem(side.pool));
    for (size_t i = 0; i + 1 < count; i += 2) {
        add_literal(&block, fields[i], fields[i + 1]);
    }
    add_frame(&wire, 1, 5, 1, buf_slice(&block));
    add_frame(&wire, 1, 5, 3, slice_of(BLOCK, BLOCK_LEN)); /* whatever becomes of the first */
    assert_int_equal(http2_recv(side.h, SEC_NS, buf_slice(&wire)), 0);
    bool taken = side.log.len > 9 && memcmp(side.log.ptr, "request 1", 9) == 0;
    assert_non_null(strstr(buf_cstr(&side.log), "request 3"));
    buf_fini(&block);
    buf_fini(&wire);
    side_fini(&side);
    return taken;
}

#define TAKES(...)                            \
    takes((const char *const[]){__VA_ARGS__}, \
          sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *))
#define METHOD ":method", "POST"
#define SCHEME ":scheme", "http"
#define PATH   ":path", "/"

/* etcdctl puts the whole URL of an endpoint there, and etcd does not mind. */
static void test_any_authority_is_taken(void **state)
{
    (void)state;
    assert_true(TAKES(METHOD, SCHEME, PATH, ":authority", "127.0.0.1:2379"));
    assert_true(TAKES(METHOD, SCHEME, PATH, ":authority", "http://127.0.0.1:2379"));
    assert_true(TAKES(METHOD, SCHEME, PATH, "te", "trailers", "x-a", ""));
}

static void test_malformed_requests_cost_their_stream(void **state)
{
    (void)state;
    assert_false(TAKES(METHOD, SCHEME));
    assert_false(TAKES(METHOD, PATH));
    assert_false(TAKES(SCHEME, PATH));
    assert_false(TAKES(METHOD, SCHEME, ":path", ""));
    assert_false(TAKES(METHOD, METHOD, SCHEME, PATH));
    assert_false(TAKES(METHOD, SCHEME, "x-a", "b", PATH));
    assert_false(TAKES(METHOD, SCHEME, PATH, ":status", "200"));
    assert_false(TAKES(METHOD, SCHEME, PATH, "X-A", "b"));
    assert_false(TAKES(METHOD, SCHEME, PATH, "", "b"));
    assert_false(TAKES(METHOD, SCHEME, PATH, "x-a", "b\r\nx-c: d"));
    assert_false(TAKES(METHOD, SCHEME, PATH, "connection", "close"));
    assert_false(TAKES(METHOD, SCHEME, PATH, "te", "gzip"));
}

static void test_rapid_resets_end_the_session(void **state)
{
    (void)state;
    struct side side;
    open_raw(&side);
    int opened = 0;
    for (uint32_t id = 1; side.err == 0 && opened < 3000; id += 2, opened++) {
        struct buf wire;
        buf_init(&wire, mem_pool_mem(side.pool));
        add_frame(&wire, 1, 5, id, slice_of(BLOCK, BLOCK_LEN));
        add_frame(&wire, 3, 0, id, slice_of("\0\0\0\x08", 4));
        side.err = http2_recv(side.h, SEC_NS, buf_slice(&wire));
        buf_fini(&wire);
    }
    assert_int_equal(side.err, ERR_LIMIT);
    assert_in_range(opened, 1000, 1002);
    assert_int_equal(http2_stream_count(side.h), 0);
    side_fini(&side);
}

static void test_garbage_is_an_error_of_the_session(void **state)
{
    (void)state;
    struct side side;
    side_init(&side, true, NULL);
    assert_int_equal(http2_recv(side.h, 0, slice_str("GET / HTTP/1.1\r\n\r\n\r\n\r\n\r\n")),
                     ERR_PROTO);
    assert_false(http2_wants_read(side.h));
    side_fini(&side);

    open_raw(&side);
    flood(&side, 1, 0, 0, 3); /* DATA on stream 0 */
    struct buf out;
    buf_init(&out, mem_pool_mem(side.pool));
    http2_send(side.h, &out, SIZE_MAX);
    assert_true(out.len >= 9 && out.ptr[3] == 7); /* a GOAWAY tells the peer */
    assert_true(http2_finished(side.h));
    assert_int_equal(http2_recv(side.h, 0, slice_str("x")), ERR_PROTO);
    buf_fini(&out);
    side_fini(&side);
}

static void test_a_claimed_length_allocates_nothing(void **state)
{
    (void)state;
    struct side side;
    struct buf wire;
    open_raw(&side);
    buf_init(&wire, mem_pool_mem(side.pool));
    /* A literal field whose value claims 65000 Huffman bytes, of which none come. */
    static const uint8_t block[] = {0x00, 0x01, 'x', 0xff, 0xe9, 0xfa, 0x03};
    add_frame(&wire, 1, 0, 1, slice_of(block, sizeof(block)));
    uint64_t before = http2_received(side.h);
    int err = http2_recv(side.h, SEC_NS, buf_slice(&wire));
    assert_int_equal(err, ERR_LIMIT);
    assert_true(mem_pool_mem(side.pool)->bytes_peak < 65536 + 8 * (before + wire.len));
    buf_fini(&wire);
    side_fini(&side);
}

static void test_many_small_streams_stay_inside_the_budget(void **state)
{
    (void)state;
    struct side side;
    open_raw(&side);
    for (uint32_t id = 1; id < 8000; id += 2) {
        struct buf wire;
        uint8_t frame[64];
        buf_init(&wire, mem_pool_mem(side.pool));
        add_frame(&wire, 1, 5, id, slice_of(BLOCK, BLOCK_LEN));
        memcpy(frame, wire.ptr, wire.len);
        struct slice bytes = slice_of(frame, wire.len);
        buf_fini(&wire);
        if (http2_recv(side.h, SEC_NS, bytes) != 0) {
            break;
        }
        struct mem *mem = mem_pool_mem(side.pool);
        assert_true(mem->bytes - side.log.cap < 65536 + 8 * http2_received(side.h));
    }
    assert_true(http2_stream_count(side.h) >= 50);
    side_fini(&side);
}

static void test_empty_data_without_end_is_a_flood(void **state)
{
    (void)state;
    struct side side;
    struct buf wire;
    open_raw(&side);
    buf_init(&wire, mem_pool_mem(side.pool));
    add_frame(&wire, 1, 4, 1, slice_of(BLOCK, BLOCK_LEN));
    assert_int_equal(http2_recv(side.h, SEC_NS, buf_slice(&wire)), 0);
    buf_fini(&wire);
    flood(&side, 900, 0, 1, 0);
    assert_int_equal(side.err, 0);
    flood(&side, 200, 0, 1, 0);
    assert_int_equal(side.err, ERR_LIMIT);
    side_fini(&side);
}

static void test_endless_continuations_end_the_session(void **state)
{
    (void)state;
    struct side side;
    struct buf wire;
    open_raw(&side);
    buf_init(&wire, mem_pool_mem(side.pool));
    add_frame(&wire, 1, 0, 1, slice_of(BLOCK, BLOCK_LEN));
    for (int i = 0; i < 20; i++) {
        add_frame(&wire, 9, 0, 1, slice_of("\x83", 1));
    }
    assert_int_equal(http2_recv(side.h, SEC_NS, buf_slice(&wire)), ERR_LIMIT);
    buf_clear(&wire);
    http2_send(side.h, &wire, SIZE_MAX);
    assert_true(http2_finished(side.h));
    buf_fini(&wire);
    side_fini(&side);
}

static void test_error_of_a_stream_is_not_one_of_the_session(void **state)
{
    (void)state;
    struct side side;
    struct buf wire;
    open_raw(&side);
    buf_init(&wire, mem_pool_mem(side.pool));
    add_frame(&wire, 1, 4, 1, slice_of(BLOCK, BLOCK_LEN));
    add_frame(&wire, 1, 4, 3, slice_of(BLOCK, BLOCK_LEN));
    add_frame(&wire, 8, 0, 1, slice_of("\x7f\xff\xff\xff", 4)); /* its window overflows */
    assert_int_equal(http2_recv(side.h, SEC_NS, buf_slice(&wire)), 0);
    buf_clear(&wire);
    http2_send(side.h, &wire, SIZE_MAX);
    assert_log(&side, "request 1 :path=/\nrequest 3 :path=/\n"
                      "close 1 ERR_CANCELED FLOW_CONTROL_ERROR\n");
    buf_clear(&wire);
    add_frame(&wire, 8, 0, 0, slice_of("\x7f\xff\xff\xff", 4)); /* that of the connection */
    assert_int_equal(http2_recv(side.h, SEC_NS, buf_slice(&wire)), ERR_PROTO);
    buf_fini(&wire);
    side_fini(&side);
}

static void test_refusals_reach_a_peer_that_reads_late(void **state)
{
    (void)state;
    struct side side;
    struct buf wire;
    open_raw(&side);
    buf_init(&wire, mem_pool_mem(side.pool));
    for (uint32_t id = 1; id < 600; id += 2) {
        add_frame(&wire, 1, 5, id, slice_of(BLOCK, BLOCK_LEN));
    }
    assert_int_equal(http2_recv(side.h, SEC_NS, buf_slice(&wire)), 0);
    size_t open = http2_stream_count(side.h);
    assert_in_range(open, 30, 299);
    struct buf out;
    buf_init(&out, mem_pool_mem(side.pool));
    size_t before;
    do {
        before = out.len;
        http2_send(side.h, &out, 100);
    } while (out.len > before);
    size_t refused = 0;
    for (size_t at = 0; at + 9 <= out.len;
         at += 9 + ((size_t)out.ptr[at + 1] << 8 | out.ptr[at + 2])) {
        refused += out.ptr[at + 3] == 3 && out.ptr[at + 12] == HTTP2_REFUSED_STREAM;
    }
    assert_int_equal(refused + open, 300);
    assert_false(http2_wants_write(side.h));
    buf_fini(&out);
    buf_fini(&wire);
    side_fini(&side);
}

static void test_pushed_streams_are_reset(void **state)
{
    (void)state;
    struct pair p;
    struct buf wire;
    pair_init(&p, SIZE_MAX, NULL);
    pair_begin(&p, "/x", true);
    buf_init(&wire, mem_pool_mem(p.client.pool));
    http2_send(p.client.h, &wire, SIZE_MAX);
    buf_clear(&wire);
    add_frame(&wire, 4, 0, 0, slice_of(NULL, 0));
    add_frame(&wire, 5, 4, 1,
              slice_of("\0\0\0\2\x82\x86\x84\x01\x01"
                       "a",
                       10));
    assert_int_equal(http2_recv(p.client.h, SEC_NS, buf_slice(&wire)), 0);
    buf_clear(&wire);
    http2_send(p.client.h, &wire, SIZE_MAX);
    assert_int_equal(wire.ptr[wire.len - 13 + 3], 3); /* RST_STREAM ... */
    assert_int_equal(wire.ptr[wire.len - 5], 2);      /* ... of stream 2 */
    assert_log(&p.client, "");
    buf_fini(&wire);
    pair_fini(&p);
}

static void test_informational_answers_are_passed_over(void **state)
{
    (void)state;
    struct pair p;
    struct buf wire;
    pair_init(&p, SIZE_MAX, NULL);
    pair_begin(&p, "/x", true);
    buf_init(&wire, mem_pool_mem(p.client.pool));
    http2_send(p.client.h, &wire, SIZE_MAX);
    buf_clear(&wire);
    add_frame(&wire, 4, 0, 0, slice_of(NULL, 0));
    add_frame(&wire, 1, 4, 1,
              slice_of("\x08\x03"
                       "103",
                       5));
    add_frame(&wire, 1, 5, 1, slice_of("\x88", 1));
    assert_int_equal(http2_recv(p.client.h, SEC_NS, buf_slice(&wire)), 0);
    assert_log(&p.client, "response 1 status 200\nend 1 after 0\nclose 1 ok NO_ERROR\n");
    buf_fini(&wire);
    pair_fini(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_preface_is_told_from_http1_by_its_first_bytes),
        cmocka_unit_test(test_first_output_is_that_of_etcd_and_of_grpc_go),
        cmocka_unit_test(test_settings_tell_how_many_streams_there_may_be),
        cmocka_unit_test(test_ping_is_answered),
        cmocka_unit_test(test_graceful_goaway_lets_open_streams_end),
        cmocka_unit_test(test_request_past_the_goaway_is_unprocessed),
        cmocka_unit_test(test_hard_end_finishes_at_once),
        cmocka_unit_test(test_streams_past_the_limit_are_refused_and_the_rest_goes_on),
        cmocka_unit_test(test_too_many_fields_cost_the_stream_and_not_the_session),
        cmocka_unit_test(test_any_authority_is_taken),
        cmocka_unit_test(test_malformed_requests_cost_their_stream),
        cmocka_unit_test(test_reading_stops_while_the_peer_does_not_take_output),
        cmocka_unit_test(test_floods_of_control_frames_end_the_session),
        cmocka_unit_test(test_pings_that_come_too_early_end_the_session),
        cmocka_unit_test(test_control_frames_are_forgiven_as_time_goes_by),
        cmocka_unit_test(test_rapid_resets_end_the_session),
        cmocka_unit_test(test_garbage_is_an_error_of_the_session),
        cmocka_unit_test(test_a_claimed_length_allocates_nothing),
        cmocka_unit_test(test_many_small_streams_stay_inside_the_budget),
        cmocka_unit_test(test_empty_data_without_end_is_a_flood),
        cmocka_unit_test(test_endless_continuations_end_the_session),
        cmocka_unit_test(test_error_of_a_stream_is_not_one_of_the_session),
        cmocka_unit_test(test_refusals_reach_a_peer_that_reads_late),
        cmocka_unit_test(test_pushed_streams_are_reset),
        cmocka_unit_test(test_informational_answers_are_passed_over),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
