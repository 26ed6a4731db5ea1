#include "base/assert.h"
#include "base/probe.h"
#include "session.h"

/* What nghttp2 will hold for a request of ours, beyond its fields. */
#define REQUEST_BYTES 1024

struct http2_stream *stream_new(struct http2 *h, int32_t id)
{
    struct http2_stream *s = mem_zalloc(&h->account.mem, 1, sizeof(*s));
    s->h = h;
    s->id = id;
    buf_init(&s->out, h->account.parent);
    list_init(&s->drained);
    list_push_back(&h->streams, &s->link);
    h->stream_count++;
    return s;
}

void stream_drop_fields(struct http2_stream *s)
{
    for (uint32_t i = 0; i < s->field_count; i++) {
        nghttp2_rcbuf_decref(s->fields[i].name);
        nghttp2_rcbuf_decref(s->fields[i].value);
    }
    s->field_count = 0;
    s->field_bytes = 0;
}

static void drop_output(struct http2_stream *s)
{
    s->h->pending -= s->out.len - s->out_head;
    s->out_head = 0;
    buf_fini(&s->out);
    buf_init(&s->out, s->h->account.parent);
    mem_free(&s->h->account.mem, s->trailers);
    s->trailers = NULL;
    list_remove(&s->drained);
}

void stream_gone(struct http2_stream *s, int err, uint32_t code, bool unprocessed)
{
    struct http2 *h = s->h;
    list_remove(&s->link);
    h->stream_count--;
    h->granted -= s->granted;
    drop_output(s);
    if (s->announced) {
        s->reset = true; /* calls of the user from here on do nothing */
        if (h->events.close != NULL) {
            h->events.close(h->ctx, s, err, code, unprocessed);
        }
    }
    stream_drop_fields(s);
    mem_free(&h->account.mem, s->fields);
    mem_free(&h->account.mem, s);
}

void field_to_nv(const struct http2_field *field, nghttp2_nv *nv)
{
    uint8_t flags = NGHTTP2_NV_FLAG_NONE;
    if (field->lasting) {
        flags |= NGHTTP2_NV_FLAG_NO_COPY_NAME | NGHTTP2_NV_FLAG_NO_COPY_VALUE;
    }
    if (field->rare) {
        flags |= NGHTTP2_NV_FLAG_NO_INDEX;
    }
    /* nghttp2 copies, or reads only: its type lacks the const. */
    union {
        const uint8_t *in;
        uint8_t *out;
    } name = {field->name.ptr}, value = {field->value.ptr};
    *nv = (nghttp2_nv){name.out, value.out, field->name.len, field->value.len, flags};
}

static struct field_block *block_new(struct http2 *h, const struct http2_field *fields,
                                     size_t count)
{
    size_t bytes = 0;
    for (size_t i = 0; i < count; i++) {
        bytes += fields[i].lasting ? 0 : fields[i].name.len + fields[i].value.len;
    }
    struct field_block *block =
        mem_alloc(&h->account.mem, sizeof(*block) + count * sizeof(block->nv[0]) + bytes);
    block->count = count;
    uint8_t *to = (uint8_t *)&block->nv[count];
    for (size_t i = 0; i < count; i++) {
        struct http2_field field = fields[i];
        if (!field.lasting) {
            memcpy(to, field.name.ptr, field.name.len);
            field.name.ptr = to;
            to += field.name.len;
            if (field.value.len > 0) {
                memcpy(to, field.value.ptr, field.value.len);
            }
            field.value.ptr = to;
            to += field.value.len;
        }
        field_to_nv(&field, &block->nv[i]);
    }
    return block;
}

int http2_request(struct http2 *h, const struct http2_field *fields, size_t count, bool end,
                  void *user, struct http2_stream **stream)
{
    ASSERT(!h->server);
    ASSERT(count <= HTTP2_SEND_FIELDS_MAX);
    if (h->error != 0 || h->leaving || nghttp2_session_check_request_allowed(h->ng) == 0) {
        PROBE("http2.request_refused");
        return ERR_CONN_CLOSED;
    }
    nghttp2_nv nv[HTTP2_SEND_FIELDS_MAX];
    for (size_t i = 0; i < count; i++) {
        field_to_nv(&fields[i], &nv[i]);
    }
    uint64_t before = h->account.mem.bytes;
    struct http2_stream *s = stream_new(h, 0);
    nghttp2_data_provider provider = stream_provider(s);
    int32_t id = nghttp2_submit_request(h->ng, NULL, nv, count, end ? NULL : &provider, s);
    if (id < 0) {
        stream_gone(s, ERR_CONN_CLOSED, HTTP2_NO_ERROR, true);
        return ERR_CONN_CLOSED;
    }
    s->id = id;
    s->announced = true;
    s->responded = true;
    s->ending = end;
    s->user = user;
    s->granted = (size_t)(h->account.mem.bytes - before) + REQUEST_BYTES;
    h->granted += s->granted;
    *stream = s;
    return 0;
}

void http2_stream_respond(struct http2_stream *s, const struct http2_field *fields, size_t count,
                          bool end)
{
    struct http2 *h = s->h;
    ASSERT(h->server);
    ASSERT(count <= HTTP2_SEND_FIELDS_MAX);
    ASSERT(s->reset || !s->responded);
    s->responded = true;
    if (s->reset || h->error != 0) {
        return;
    }
    nghttp2_nv nv[HTTP2_SEND_FIELDS_MAX];
    for (size_t i = 0; i < count; i++) {
        field_to_nv(&fields[i], &nv[i]);
    }
    s->ending = end;
    nghttp2_data_provider provider = stream_provider(s);
    h->ping_strikes = 0;
    int rv = nghttp2_submit_response(h->ng, s->id, nv, count, end ? NULL : &provider);
    ASSERT(rv == 0 || h->starved);
}

/* Tells nghttp2 that there is something to read again. */
static void resume(struct http2_stream *s)
{
    if (s->deferred && s->h->error == 0) {
        s->deferred = false;
        int rv = nghttp2_session_resume_data(s->h->ng, s->id);
        ASSERT(rv == 0 || s->h->starved);
    }
}

uint8_t *http2_stream_reserve(struct http2_stream *s, size_t n)
{
    ASSERT(s->responded || s->reset);
    if (s->out_head > 0 && s->out.cap - s->out.len < n) {
        /* Make room before growing; at most as much moves as was given out. */
        if (s->out_head >= s->out.len - s->out_head) {
            buf_consume(&s->out, s->out_head);
            s->out_head = 0;
        }
    }
    uint8_t *room = buf_reserve(&s->out, n);
    if (!s->reset && !s->ending && n > 0) {
        s->out.len += n;
        s->h->pending += n;
        list_remove(&s->drained);
        resume(s);
    }
    return room;
}

void http2_stream_write(struct http2_stream *s, struct slice bytes)
{
    if (bytes.len > 0 && !s->reset && !s->ending) {
        memcpy(http2_stream_reserve(s, bytes.len), bytes.ptr, bytes.len);
    }
}

void http2_stream_end(struct http2_stream *s)
{
    if (s->reset || s->ending) {
        return;
    }
    ASSERT(s->responded);
    s->ending = true;
    list_remove(&s->drained);
    resume(s);
}

void http2_stream_trailers(struct http2_stream *s, const struct http2_field *fields, size_t count)
{
    if (s->reset || s->ending) {
        return;
    }
    s->trailers = block_new(s->h, fields, count);
    http2_stream_end(s);
}

void http2_stream_reset(struct http2_stream *s, uint32_t code)
{
    struct http2 *h = s->h;
    if (s->reset) {
        return;
    }
    s->reset = true;
    drop_output(s);
    if (h->error == 0) {
        int rv = nghttp2_session_consume_connection(h->ng, s->unconsumed);
        ASSERT(rv == 0 || h->starved);
        rv = nghttp2_submit_rst_stream(h->ng, NGHTTP2_FLAG_NONE, s->id, code);
        ASSERT(rv == 0 || h->starved);
    }
    s->unconsumed = 0;
}

void http2_stream_consume(struct http2_stream *s, size_t n)
{
    if (s->reset || n == 0) {
        return;
    }
    ASSERT(n <= s->unconsumed);
    s->unconsumed -= n;
    if (s->h->error == 0) {
        int rv = nghttp2_session_consume(s->h->ng, s->id, n);
        ASSERT(rv == 0 || s->h->starved);
    }
}

size_t http2_stream_pending(const struct http2_stream *s)
{
    return s->out.len - s->out_head;
}

bool http2_stream_ended(const struct http2_stream *s)
{
    return s->ended;
}

int32_t http2_stream_id(const struct http2_stream *s)
{
    return s->id;
}

struct http2 *http2_stream_session(const struct http2_stream *s)
{
    return s->h;
}

void *http2_stream_user(const struct http2_stream *s)
{
    return s->user;
}

void http2_stream_set_user(struct http2_stream *s, void *user)
{
    s->user = user;
}

size_t http2_stream_field_count(const struct http2_stream *s)
{
    return s->field_count;
}

static struct slice rcbuf_slice(nghttp2_rcbuf *rcbuf)
{
    nghttp2_vec vec = nghttp2_rcbuf_get_buf(rcbuf);
    return slice_of(vec.base, vec.len);
}

void http2_stream_field_at(const struct http2_stream *s, size_t i, struct slice *name,
                           struct slice *value)
{
    ASSERT(i < s->field_count);
    *name = rcbuf_slice(s->fields[i].name);
    *value = rcbuf_slice(s->fields[i].value);
}

bool http2_stream_field(const struct http2_stream *s, const char *name, struct slice *value)
{
    size_t len = strlen(name);
    for (uint32_t i = 0; i < s->field_count; i++) {
        nghttp2_vec vec = nghttp2_rcbuf_get_buf(s->fields[i].name);
        if (vec.len == len && memcmp(vec.base, name, len) == 0) {
            *value = rcbuf_slice(s->fields[i].value);
            return true;
        }
    }
    return false;
}
