/* Answers over HTTP/1.1: with a length, in chunks, until the end of the stream; and what is none.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "http1/client.h"

struct answer {
    struct mem_pool *pool;
    struct http1_client *client;
    int err;
};

static void feed(struct answer *a, const char *text, size_t chunk)
{
    a->pool = mem_pool_new(UINT64_MAX, 0xA5);
    a->client = http1_client_new(mem_pool_mem(a->pool), 100);
    a->err = 0;
    size_t len = strlen(text);
    for (size_t at = 0; at < len && a->err == 0; at += chunk) {
        a->err =
            http1_client_recv(a->client, slice_of(text + at, len - at < chunk ? len - at : chunk));
    }
}

static void fini(struct answer *a)
{
    http1_client_free(a->client);
    assert_int_equal(mem_pool_mem(a->pool)->bytes, 0);
    mem_pool_free(a->pool);
}

static void test_answers_are_read_however_bytes_are_cut(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "HTTP/1.1 200 OK\r\nX-Etcd-Cluster-Id: 69f4\r\nContent-Length: 5\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\nx-etcd-cluster-id: 69f4\r\nTransfer-Encoding: chunked\r\n\r\n"
        "2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n",
        "HTTP/1.1 100 Continue\r\n\r\n"
        "HTTP/1.1 200 OK\r\nX-Etcd-Cluster-ID: 69f4\r\nContent-Length: 5\r\n\r\nhello",
    };
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        for (size_t chunk = 1; chunk < 200; chunk += 11) {
            struct answer a;
            struct slice id;
            feed(&a, texts[i], chunk);
            assert_int_equal(a.err, 0);
            assert_true(http1_client_done(a.client));
            assert_int_equal(http1_client_status(a.client), 200);
            assert_true(slice_eq_str(http1_client_body(a.client), "hello"));
            assert_true(http1_client_field(a.client, "x-etcd-cluster-id", &id));
            assert_true(slice_eq_str(id, "69f4"));
            fini(&a);
        }
    }
}

static void test_answer_without_length_ends_with_the_stream(void **state)
{
    (void)state;
    struct answer a;
    feed(&a, "HTTP/1.0 503 Service Unavailable\r\n\r\n{\"health\":\"false\"}", 3);
    assert_int_equal(a.err, 0);
    assert_false(http1_client_done(a.client));
    assert_int_equal(http1_client_eof(a.client), 0);
    assert_int_equal(http1_client_status(a.client), 503);
    assert_true(slice_eq_str(http1_client_body(a.client), "{\"health\":\"false\"}"));
    fini(&a);
}

static void test_answer_that_is_cut_short_is_an_error(void **state)
{
    (void)state;
    static const char text[] = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";
    for (size_t n = 0; n < sizeof(text) - 1; n++) {
        char part[sizeof(text)];
        struct answer a;
        memcpy(part, text, n);
        part[n] = '\0';
        feed(&a, part, 100);
        assert_int_equal(a.err, 0);
        assert_int_equal(http1_client_eof(a.client), ERR_EOF);
        assert_false(http1_client_done(a.client));
        fini(&a);
    }
}

static void test_what_is_no_answer_or_too_large_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int err;
    } cases[] = {
        {"SSH-2.0-x\r\n", ERR_PROTO},
        {"HTTP/1.1 abc\r\n\r\n", ERR_PROTO},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", ERR_PROTO},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct answer a;
        feed(&a, cases[i].text, 1);
        assert_int_equal(a.err, cases[i].err);
        fini(&a);
    }
    static char large[300];
    struct answer a;
    memset(large, 'x', sizeof(large) - 1);
    memcpy(large, "HTTP/1.1 200 OK\r\n\r\n", 19);
    feed(&a, large, 7);
    assert_int_equal(a.err, ERR_LIMIT);
    fini(&a);
    static char head[9000];
    memset(head, 'x', sizeof(head) - 1);
    memcpy(head, "HTTP/1.1 200 OK\r\nA: ", 20);
    feed(&a, head, 100);
    assert_int_equal(a.err, ERR_LIMIT);
    fini(&a);
}

static void test_requests_name_the_host_and_close(void **state)
{
    (void)state;
    struct mem_pool *pool = mem_pool_new(UINT64_MAX, -1);
    struct buf out;
    buf_init(&out, mem_pool_mem(pool));
    http1_request_write(&out, "GET", slice_str("/members"), slice_str("127.0.0.1:2380"), NULL,
                        slice_of(NULL, 0));
    assert_string_equal(
        buf_cstr(&out),
        "GET /members HTTP/1.1\r\nHost: 127.0.0.1:2380\r\nConnection: close\r\n\r\n");
    buf_clear(&out);
    http1_request_write(&out, "POST", slice_str("/x"), slice_str("h"), "text/plain",
                        slice_str("body"));
    assert_string_equal(
        buf_cstr(&out),
        "POST /x HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Type: text/plain\r\n"
        "Content-Length: 4\r\n\r\nbody");
    buf_fini(&out);
    mem_pool_free(pool);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_answers_are_read_however_bytes_are_cut),
        cmocka_unit_test(test_answer_without_length_ends_with_the_stream),
        cmocka_unit_test(test_answer_that_is_cut_short_is_an_error),
        cmocka_unit_test(test_what_is_no_answer_or_too_large_is_refused),
        cmocka_unit_test(test_requests_name_the_host_and_close),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
