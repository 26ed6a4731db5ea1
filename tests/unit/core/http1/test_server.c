/* Requests over HTTP/1.1, however their bytes are cut, and the answers, byte by byte. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "http1/server.h"

struct rig {
    struct mem_pool *pool;
    struct http1_server *server;
    struct buf log;
    struct buf out;
    bool later; /* the handler leaves the answer to the test */
};

static void handle(void *ctx, struct http1_server *server, const struct http1_request *request)
{
    struct rig *rig = ctx;
    struct slice agent = {NULL, 0};
    (void)http1_request_field(request, "user-agent", &agent);
    buf_add_slice(&rig->log, request->method);
    buf_printf(&rig->log, " %.*s?%.*s %.*s [%.*s]\n", (int)request->path.len,
               (const char *)request->path.ptr, (int)request->query.len,
               (const char *)request->query.ptr, (int)agent.len, (const char *)agent.ptr,
               (int)request->body.len, (const char *)request->body.ptr);
    if (rig->later) {
        return;
    }
    if (slice_eq_str(request->path, "/health")) {
        http1_answer(server, &(struct http1_answer){.status = 200,
                                                    .body = slice_str("{\"health\":\"true\"}")});
    } else if (slice_eq_str(request->path, "/only-get")) {
        http1_answer_not_allowed(server, "GET", NULL, 0);
    } else {
        http1_answer_not_found(server, NULL, 0);
    }
}

static void rig_init(struct rig *rig, size_t body_max)
{
    struct http1_server_options options = {.body_max = body_max};
    memset(rig, 0, sizeof(*rig));
    rig->pool = mem_pool_new(UINT64_MAX, 0xA5);
    struct mem *mem = mem_pool_mem(rig->pool);
    rig->server = http1_server_new(mem, body_max > 0 ? &options : NULL, handle, rig);
    buf_init(&rig->log, mem);
    buf_init(&rig->out, mem);
}

static void rig_fini(struct rig *rig)
{
    http1_server_free(rig->server);
    buf_fini(&rig->log);
    buf_fini(&rig->out);
    assert_int_equal(mem_pool_mem(rig->pool)->bytes, 0);
    mem_pool_free(rig->pool);
}

static int rig_feed(struct rig *rig, const char *text, size_t chunk)
{
    int err = 0;
    size_t len = strlen(text);
    for (size_t at = 0; at < len; at += chunk) {
        size_t n = len - at < chunk ? len - at : chunk;
        int now = http1_server_recv(rig->server, slice_of(text + at, n));
        err = err != 0 ? err : now;
    }
    return err;
}

static void assert_out(struct rig *rig, const char *text)
{
    http1_server_send(rig->server, &rig->out, SIZE_MAX);
    assert_string_equal(buf_cstr(&rig->out), text);
    buf_clear(&rig->out);
}

#define HEALTHY                                                                                \
    "HTTP/1.1 200 OK\r\nContent-Length: 17\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n" \
    "{\"health\":\"true\"}"
#define NOT_FOUND                                                           \
    "HTTP/1.1 404 Not Found\r\nContent-Type: text/plain; charset=utf-8\r\n" \
    "X-Content-Type-Options: nosniff\r\nContent-Length: 19\r\n\r\n404 page not found\n"

static void test_requests_are_read_however_bytes_are_cut(void **state)
{
    (void)state;
    static const size_t chunks[] = {1, 2, 7, 33, 10000};
    for (size_t i = 0; i < 5; i++) {
        struct rig rig;
        rig_init(&rig, 0);
        assert_int_equal(
            rig_feed(&rig,
                     "GET /health?verbose HTTP/1.1\r\nHost: x\r\nUser-Agent: curl/7\r\n\r\n"
                     "POST /y HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello"
                     "PUT /z HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
                     "3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n",
                     chunks[i]),
            0);
        assert_string_equal(buf_cstr(&rig.log), "GET /health?verbose curl/7 []\n"
                                                "POST /y?  [hello]\nPUT /z?  [abcde]\n");
        assert_out(&rig, HEALTHY NOT_FOUND NOT_FOUND);
        assert_true(http1_server_wants_read(rig.server));
        assert_false(http1_server_finished(rig.server));
        rig_fini(&rig);
    }
}

static void test_pipelined_requests_wait_for_the_answer_before_them(void **state)
{
    (void)state;
    struct rig rig;
    rig_init(&rig, 0);
    rig.later = true;
    assert_int_equal(rig_feed(&rig, "GET /a HTTP/1.1\r\n\r\nGET /b HTTP/1.1\r\n\r\n", 10), 0);
    assert_string_equal(buf_cstr(&rig.log), "GET /a?  []\n");
    assert_false(http1_server_wants_read(rig.server));
    http1_answer_not_found(rig.server, NULL, 0);
    assert_string_equal(buf_cstr(&rig.log), "GET /a?  []\nGET /b?  []\n");
    http1_answer_not_found(rig.server, NULL, 0);
    assert_true(http1_server_wants_read(rig.server));
    assert_out(&rig, NOT_FOUND NOT_FOUND);
    rig_fini(&rig);
}

static void test_the_date_is_what_the_server_was_told(void **state)
{
    (void)state;
    struct rig rig;
    rig_init(&rig, 0);
    http1_server_set_wall(rig.server, INT64_C(1795326366241000000));
    assert_int_equal(rig_feed(&rig, "GET /a HTTP/1.1\r\n\r\n", 100), 0);
    assert_out(&rig, "HTTP/1.1 404 Not Found\r\nContent-Type: text/plain; charset=utf-8\r\n"
                     "X-Content-Type-Options: nosniff\r\nDate: Sun, 22 Nov 2026 05:46:06 GMT\r\n"
                     "Content-Length: 19\r\n\r\n404 page not found\n");
    rig_fini(&rig);
}

static void test_fields_are_sorted_as_go_sorts_them(void **state)
{
    (void)state;
    struct rig rig;
    struct http1_field fields[] = {
        {slice_str("X-Etcd-Cluster-Id"), slice_str("69f4c9516e20f378")},
        {slice_str("Access-Control-Allow-Origin"), slice_str("*")},
    };
    rig_init(&rig, 0);
    rig.later = true;
    assert_int_equal(rig_feed(&rig, "GET /members HTTP/1.1\r\n\r\n", 100), 0);
    http1_answer(rig.server, &(struct http1_answer){.status = 200,
                                                    .content_type = "application/json",
                                                    .fields = fields,
                                                    .field_count = 2,
                                                    .body = slice_str("[]")});
    assert_out(&rig, "HTTP/1.1 200 OK\r\nAccess-Control-Allow-Origin: *\r\n"
                     "Content-Type: application/json\r\nX-Etcd-Cluster-Id: 69f4c9516e20f378\r\n"
                     "Content-Length: 2\r\n\r\n[]");
    assert_int_equal(rig_feed(&rig, "POST /members HTTP/1.1\r\nContent-Length: 0\r\n\r\n", 100), 0);
    http1_answer_not_allowed(rig.server, "GET", fields + 1, 1);
    assert_out(&rig, "HTTP/1.1 405 Method Not Allowed\r\nAccess-Control-Allow-Origin: *\r\n"
                     "Allow: GET\r\nContent-Type: text/plain; charset=utf-8\r\n"
                     "X-Content-Type-Options: nosniff\r\nContent-Length: 19\r\n\r\n"
                     "Method Not Allowed\n");
    rig_fini(&rig);
}

static void test_connection_closes_when_the_client_asks(void **state)
{
    (void)state;
    struct rig rig;
    rig_init(&rig, 0);
    assert_int_equal(rig_feed(&rig, "GET /health HTTP/1.1\r\nConnection: close\r\n\r\nGET /x", 100),
                     0);
    assert_true(http1_server_finished(rig.server));
    assert_out(&rig, "HTTP/1.1 200 OK\r\nContent-Length: 17\r\n"
                     "Content-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\n"
                     "{\"health\":\"true\"}");
    rig_fini(&rig);

    rig_init(&rig, 0);
    assert_int_equal(rig_feed(&rig, "HEAD /health HTTP/1.0\r\n\r\n", 100), 0);
    assert_true(http1_server_finished(rig.server));
    assert_out(&rig, "HTTP/1.0 200 OK\r\nContent-Length: 17\r\n"
                     "Content-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\n");
    rig_fini(&rig);
}

static void check_rejected(const char *text, int err, int status, size_t chunk)
{
    struct rig rig;
    rig_init(&rig, 100);
    assert_int_equal(rig_feed(&rig, text, chunk), err);
    http1_server_send(rig.server, &rig.out, SIZE_MAX);
    char line[32] = {0};
    memcpy(line, rig.out.ptr, 12);
    assert_memory_equal(line, "HTTP/1.1 ", 9);
    uint64_t got;
    assert_int_equal(slice_to_u64(slice_of(line + 9, 3), &got), 0);
    assert_int_equal(got, status);
    assert_true(http1_server_finished(rig.server));
    assert_string_equal(buf_cstr(&rig.log), "");
    rig_fini(&rig);
}

static void test_what_is_no_request_is_answered_and_cut_off(void **state)
{
    (void)state;
    static char long_path[20000];
    static char long_field[20000];
    static char many_fields[3000];
    memset(long_path, 'a', sizeof(long_path) - 1);
    memcpy(long_path, "GET /", 5);
    memset(long_field, 'a', sizeof(long_field) - 1);
    memcpy(long_field, "GET / HTTP/1.1\r\nX: ", 19);
    size_t at = 16;
    memcpy(many_fields, "GET / HTTP/1.1\r\n", 16);
    for (int i = 0; i < HTTP1_FIELDS_MAX + 1; i++, at += 6) {
        memcpy(many_fields + at, "x: y\r\n", 6);
    }
    for (size_t chunk = 1; chunk < 30000; chunk = chunk * 20 + 1) {
        check_rejected("PRI * HTTP/2.0\r\n\r\n", ERR_PROTO, 400, chunk);
        check_rejected("\x16\x03\x01", ERR_PROTO, 400, chunk);
        check_rejected("GET / HTTP/1.1\r\nContent-Length: x\r\n\r\n", ERR_PROTO, 400, chunk);
        check_rejected("POST / HTTP/1.1\r\nContent-Length: 101\r\n\r\n", ERR_LIMIT, 413, chunk);
        check_rejected("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n40\r\n"
                       "0123456789012345678901234567890123456789012345678901234567890123\r\n40\r\n"
                       "0123456789012345678901234567890123456789012345678901234567890123",
                       ERR_LIMIT, 413, chunk);
        check_rejected(long_path, ERR_LIMIT, 431, chunk);
        check_rejected(long_field, ERR_LIMIT, 431, chunk);
        check_rejected(many_fields, ERR_LIMIT, 431, chunk);
    }
}

static void test_peer_that_takes_no_answers_is_not_served_on(void **state)
{
    (void)state;
    struct rig rig;
    rig_init(&rig, 0);
    size_t fed = 0;
    while (http1_server_wants_read(rig.server) && fed < 100000) {
        assert_int_equal(rig_feed(&rig, "GET /health HTTP/1.1\r\n\r\n", 100), 0);
        fed++;
    }
    assert_in_range(fed, 10, 1000);
    size_t lines = rig.log.len;
    assert_int_equal(rig_feed(&rig, "GET /health HTTP/1.1\r\n\r\n", 100), 0);
    assert_int_equal(rig.log.len, lines);
    while (http1_server_wants_write(rig.server)) {
        http1_server_send(rig.server, &rig.out, 1000);
    }
    assert_true(rig.log.len > lines);
    assert_true(http1_server_wants_read(rig.server));
    rig_fini(&rig);
}

static void test_pipeline_without_end_is_cut_off(void **state)
{
    (void)state;
    static uint8_t bytes[70000];
    struct rig rig;
    rig_init(&rig, 0);
    rig.later = true;
    assert_int_equal(rig_feed(&rig, "GET /a HTTP/1.1\r\n\r\n", 100), 0);
    assert_int_equal(http1_server_recv(rig.server, slice_of(bytes, 60000)), 0);
    assert_int_equal(http1_server_recv(rig.server, slice_of(bytes, 10000)), ERR_LIMIT);
    rig_fini(&rig);
}

static void test_kept_bytes_that_are_no_request_are_answered_in_their_turn(void **state)
{
    (void)state;
    struct rig rig;
    rig_init(&rig, 0);
    rig.later = true;
    assert_int_equal(rig_feed(&rig, "GET /a HTTP/1.1\r\n\r\nrubbish\r\n\r\n", 1000), 0);
    http1_answer_not_found(rig.server, NULL, 0);
    assert_true(http1_server_finished(rig.server));
    assert_out(&rig, NOT_FOUND "HTTP/1.1 400 Bad Request\r\n"
                               "Content-Type: text/plain; charset=utf-8\r\n"
                               "Connection: close\r\n\r\n400 Bad Request");
    rig_fini(&rig);
}

static void test_waiting_client_is_told_to_continue(void **state)
{
    (void)state;
    struct rig rig;
    rig_init(&rig, 0);
    assert_int_equal(rig_feed(&rig,
                              "POST /x HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 2"
                              "\r\n\r\n",
                              100),
                     0);
    assert_out(&rig, "HTTP/1.1 100 Continue\r\n\r\n");
    assert_int_equal(rig_feed(&rig, "ok", 1), 0);
    assert_out(&rig, NOT_FOUND);
    rig_fini(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_requests_are_read_however_bytes_are_cut),
        cmocka_unit_test(test_pipelined_requests_wait_for_the_answer_before_them),
        cmocka_unit_test(test_the_date_is_what_the_server_was_told),
        cmocka_unit_test(test_fields_are_sorted_as_go_sorts_them),
        cmocka_unit_test(test_connection_closes_when_the_client_asks),
        cmocka_unit_test(test_what_is_no_request_is_answered_and_cut_off),
        cmocka_unit_test(test_peer_that_takes_no_answers_is_not_served_on),
        cmocka_unit_test(test_pipeline_without_end_is_cut_off),
        cmocka_unit_test(test_kept_bytes_that_are_no_request_are_answered_in_their_turn),
        cmocka_unit_test(test_waiting_client_is_told_to_continue),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
