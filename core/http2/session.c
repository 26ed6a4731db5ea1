#include "session.h"
#include "base/assert.h"
#include "base/probe.h"

/* Input goes to nghttp2 in pieces: where the budget is tight in small ones, so that what one piece
 * can queue (refusals, acknowledgements) fits the slack that is kept for it. */
#define PIECE_BYTES       1024
#define PIECE_TIGHT_BYTES 128
/* nghttp2 takes its options and callbacks from the C library and a session from us: so that nothing
 * can end the turn in between and leave them behind, the room is asked for beforehand. */
#define HEADROOM_BYTES (40 * 1024)
/* More than the control frames that answer one piece. */
#define RELIEF_BYTES 2048
/* Frames owed to the peer that it does not fetch, at which reading stops. */
#define QUEUE_MAX 512

void http2_options_default(struct http2_options *options)
{
    *options = (struct http2_options){
        .streams_max = 4096,
        .streams_told = UINT32_MAX,
        .fields_max = 64,
        .field_bytes_max = 16384,
        .pending_max = 1024 * 1024,
        .pending_refuse = 16 * 1024 * 1024,
        .memory_base = 64 * 1024,
        .memory_factor = 8,
        .resets_burst = 1000,
        .resets_per_sec = 33,
        .control_burst = 1000,
        .control_per_sec = 10,
    };
}

static nghttp2_option *session_options(bool server)
{
    nghttp2_option *option;
    int rv = nghttp2_option_new(&option);
    ASSERT(rv == 0);
    nghttp2_option_set_no_auto_window_update(option, 1);
    nghttp2_option_set_no_closed_streams(option, 1);
    nghttp2_option_set_no_auto_ping_ack(option, 0);
    nghttp2_option_set_no_http_messaging(option, server ? 1 : 0); /* see fields.c */
    /* Our own limits count by the time that is an argument; nghttp2's by the machine's clock. */
    nghttp2_option_set_stream_reset_rate_limit(option, UINT64_MAX, UINT64_MAX);
    return option;
}

static void submit_settings(struct http2 *h)
{
    /* What etcd and its clients send, in their order. */
    const nghttp2_settings_entry entries[] = {
        {NGHTTP2_SETTINGS_MAX_FRAME_SIZE, 16384},
        {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, h->options.streams_told},
    };
    int rv = nghttp2_submit_settings(h->ng, NGHTTP2_FLAG_NONE, entries, h->server ? 2 : 0);
    ASSERT(rv == 0);
}

static struct http2 *session_new(struct mem *mem, const struct http2_options *options,
                                 const struct http2_events *events, void *ctx, bool server)
{
    struct http2_options defaults;
    http2_options_default(&defaults);
    struct http2 init = {
        .events = *events,
        .ctx = ctx,
        .options = options != NULL ? *options : defaults,
        .server = server,
    };
    struct account account;
    account_init(&account, mem);
    struct http2 *h = mem_alloc(&account.mem, sizeof(*h));
    memcpy(h, &init, sizeof(*h));
    h->account = account;
    list_init(&h->streams);
    list_init(&h->drained);
    buf_init(&h->early, &h->account.mem);
    bucket_init(&h->resets, h->options.resets_burst, h->options.resets_per_sec);
    bucket_init(&h->control, h->options.control_burst, h->options.control_per_sec);

    mem_free(mem, mem_alloc(mem, HEADROOM_BYTES));
    nghttp2_mem hook = account_nghttp2(h);
    nghttp2_option *option = session_options(server);
    nghttp2_session_callbacks *callbacks;
    int rv = nghttp2_session_callbacks_new(&callbacks);
    ASSERT(rv == 0);
    receive_callbacks(callbacks);
    send_callbacks(callbacks);
    rv = server ? nghttp2_session_server_new3(&h->ng, callbacks, h, option, &hook)
                : nghttp2_session_client_new3(&h->ng, callbacks, h, option, &hook);
    ASSERT(rv == 0);
    nghttp2_session_callbacks_del(callbacks);
    nghttp2_option_del(option);
    submit_settings(h);
    return h;
}

struct http2 *http2_server_new(struct mem *mem, const struct http2_options *options,
                               const struct http2_events *events, void *ctx)
{
    return session_new(mem, options, events, ctx, true);
}

struct http2 *http2_client_new(struct mem *mem, const struct http2_options *options,
                               const struct http2_events *events, void *ctx)
{
    return session_new(mem, options, events, ctx, false);
}

void http2_close(struct http2 *h)
{
    if (h->closed) {
        return;
    }
    h->closed = true;
    if (h->error == 0) {
        h->error = ERR_CONN_CLOSED;
    }
    while (!list_empty(&h->streams)) {
        struct http2_stream *s = container_of(h->streams.next, struct http2_stream, link);
        stream_gone(s, ERR_CONN_CLOSED, HTTP2_NO_ERROR, false);
    }
    buf_clear(&h->early);
}

void http2_free(struct http2 *h)
{
    if (h == NULL) {
        return;
    }
    http2_close(h);
    ASSERT(h->stream_count == 0);
    ASSERT(h->pending == 0);
    nghttp2_session_del(h->ng);
    buf_fini(&h->early);
    struct account account = h->account;
    mem_free(&account.mem, h);
    ASSERT(account.mem.bytes == 0);
    ASSERT(account.mem.count == 0);
}

void session_fail(struct http2 *h, int err, uint32_t code)
{
    ASSERT(err < 0);
    if (h->error != 0) {
        return;
    }
    h->error = err;
    if (!h->starved) {
        int rv = nghttp2_session_terminate_session(h->ng, code);
        ASSERT(rv == 0 || nghttp2_is_fatal(rv));
    }
}

static void fail_library(struct http2 *h, ssize_t rv)
{
    switch (rv) {
    case NGHTTP2_ERR_NOMEM:
        h->starved = true;
        session_fail(h, ERR_LIMIT, HTTP2_ENHANCE_YOUR_CALM);
        break;
    case NGHTTP2_ERR_FLOODED:
    case NGHTTP2_ERR_TOO_MANY_CONTINUATIONS:
        PROBE("http2.flooded");
        session_fail(h, ERR_LIMIT, HTTP2_ENHANCE_YOUR_CALM);
        break;
    default: session_fail(h, ERR_PROTO, HTTP2_PROTOCOL_ERROR); break;
    }
}

static int recv_piece(struct http2 *h, struct slice piece)
{
    h->received += piece.len;
    h->receiving = true;
    ssize_t rv = nghttp2_session_mem_recv(h->ng, piece.ptr, piece.len);
    h->receiving = false;
    if (h->starved) {
        rv = NGHTTP2_ERR_NOMEM;
    }
    if (rv < 0) {
        fail_library(h, rv);
    }
    if (h->error == 0 && (h->suspicious || budget_is_tight(h, 0))) {
        session_relieve(h);
    }
    return h->error;
}

int http2_recv(struct http2 *h, int64_t now_ns, struct slice bytes)
{
    ASSERT(!h->receiving);
    ASSERT(h->out == NULL);
    h->now_ns = now_ns;
    int err = h->error;
    while (bytes.len > 0 && err == 0) {
        size_t max = budget_is_tight(h, PIECE_BYTES) ? PIECE_TIGHT_BYTES : PIECE_BYTES;
        size_t len = bytes.len < max ? bytes.len : max;
        err = recv_piece(h, slice_of(bytes.ptr, len));
        bytes = slice_from(bytes, len);
    }
    return err;
}

/* Appends what nghttp2 gives until h->out_end; bodies arrive through the callback in send.c. */
static void pump(struct http2 *h, struct buf *out, size_t end)
{
    if (h->closed || h->starved) {
        return;
    }
    ASSERT(h->out == NULL);
    h->out = out;
    h->out_end = end;
    while (out->len < h->out_end) {
        const uint8_t *p;
        ssize_t n = nghttp2_session_mem_send(h->ng, &p);
        if (n < 0) {
            fail_library(h, n);
            break;
        }
        if (n == 0) {
            break;
        }
        buf_add(out, p, (size_t)n);
    }
    h->out = NULL;
}

/* Grows by steps, not by doubling: the budget is tight when this is called. */
static void make_room(struct buf *b)
{
    if (b->cap - b->len < RELIEF_BYTES) {
        b->cap = b->len + 2 * RELIEF_BYTES;
        b->ptr = mem_resize(b->mem, b->ptr, b->cap);
    }
}

void session_relieve(struct http2 *h)
{
    PROBE("http2.relieved");
    make_room(&h->early);
    h->suspicious = false;
    h->relieving = true;
    pump(h, &h->early, SIZE_MAX);
    h->relieving = false;
}

static void tell_drained(struct http2 *h)
{
    struct list ready;
    list_init(&ready);
    list_splice_back(&ready, &h->drained);
    while (!list_empty(&ready)) {
        struct http2_stream *s = container_of(ready.next, struct http2_stream, drained);
        list_remove(&s->drained);
        if (!s->ending && !s->reset && h->events.drained != NULL) {
            h->events.drained(h->ctx, s);
        }
    }
}

void http2_send(struct http2 *h, struct buf *out, size_t max)
{
    ASSERT(!h->receiving);
    ASSERT(out != &h->early);
    size_t start = out->len;
    size_t end = max > SIZE_MAX - start ? SIZE_MAX : start + max;
    if (h->early.len > 0) {
        size_t n = h->early.len < max ? h->early.len : max;
        buf_add(out, h->early.ptr, n);
        buf_consume(&h->early, n);
        if (h->early.len == 0) {
            buf_fini(&h->early);
            buf_init(&h->early, &h->account.mem);
        }
    }
    pump(h, out, end);
    tell_drained(h);
}

bool http2_wants_write(const struct http2 *h)
{
    if (h->closed) {
        return false;
    }
    return h->early.len > 0 || (!h->starved && nghttp2_session_want_write(h->ng) != 0);
}

bool http2_wants_read(const struct http2 *h)
{
    if (h->error != 0 || nghttp2_session_want_read(h->ng) == 0) {
        return false;
    }
    /* Output that waits for the peer's window must not stop the reading that opens it. */
    bool stuck =
        http2_wants_write(h) && (http2_pending(h) >= h->options.pending_max ||
                                 nghttp2_session_get_outbound_queue_size(h->ng) >= QUEUE_MAX);
    return !stuck;
}

bool http2_finished(const struct http2 *h)
{
    return !http2_wants_write(h) && (h->error != 0 || nghttp2_session_want_read(h->ng) == 0);
}

void http2_goaway(struct http2 *h, uint32_t code)
{
    if (h->error != 0 || h->leaving) {
        return;
    }
    h->leaving = true;
    int32_t last = nghttp2_session_get_last_proc_stream_id(h->ng);
    int rv = nghttp2_submit_goaway(h->ng, NGHTTP2_FLAG_NONE, last, code, NULL, 0);
    ASSERT(rv == 0 || h->starved);
}

void http2_terminate(struct http2 *h, uint32_t code)
{
    session_fail(h, ERR_CONN_CLOSED, code);
}

void http2_ping(struct http2 *h, uint64_t opaque)
{
    uint8_t data[8];
    store_u64(data, opaque);
    if (h->error == 0) {
        int rv = nghttp2_submit_ping(h->ng, NGHTTP2_FLAG_NONE, data);
        ASSERT(rv == 0 || h->starved);
    }
}

size_t http2_pending(const struct http2 *h)
{
    return h->pending + h->early.len;
}

uint64_t http2_received(const struct http2 *h)
{
    return h->received;
}

size_t http2_stream_count(const struct http2 *h)
{
    return h->stream_count;
}

void http2_check(const struct http2 *h)
{
    size_t count = 0;
    size_t pending = 0;
    list_each (it, &h->streams) {
        const struct http2_stream *s = container_of(it, struct http2_stream, link);
        ASSERT(s->h == h);
        ASSERT(s->out_head <= s->out.len);
        ASSERT(s->field_count <= s->field_cap);
        ASSERT_IF(s->ended, s->ending);
        pending += s->out.len - s->out_head;
        count++;
    }
    ASSERT(count == h->stream_count);
    ASSERT(pending == h->pending);
}

bool http2_settled(const struct http2 *h)
{
    return h->settled;
}

struct mem *http2_mem(struct http2 *h)
{
    return &h->account.mem;
}
