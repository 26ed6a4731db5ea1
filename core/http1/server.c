#include "conn.h"

#include "base/assert.h"
#include "base/probe.h"

#define BODY_MAX (64 * 1024)
/* Pipelined bytes that are kept while an answer is awaited; then reading stops. */
#define PIPELINE_MAX (64 * 1024)
/* Answers that the peer has not taken, at which no more requests are looked at. */
#define OUT_MAX (16 * 1024)

static int refuse(struct http1_server *s, int status)
{
    s->refusal = status;
    return -1; /* 1 would mean something to the parser when it comes from on_head */
}

static int on_begin(http_parser *parser)
{
    struct http1_server *s = parser->data;
    head_clear(&s->head);
    buf_clear(&s->body);
    return 0;
}

static int on_target(http_parser *parser, const char *at, size_t len)
{
    struct http1_server *s = parser->data;
    return head_target(&s->head, at, len) == 0 ? 0 : refuse(s, 431);
}

static int on_name(http_parser *parser, const char *at, size_t len)
{
    struct http1_server *s = parser->data;
    return head_name(&s->head, at, len) == 0 ? 0 : refuse(s, 431);
}

static int on_value(http_parser *parser, const char *at, size_t len)
{
    struct http1_server *s = parser->data;
    return head_value(&s->head, at, len) == 0 ? 0 : refuse(s, 431);
}

static int on_head(http_parser *parser)
{
    struct http1_server *s = parser->data;
    struct slice expect;
    parser->upgrade = 0; /* no other protocol is spoken here */
    if (parser->content_length != UINT64_MAX && parser->content_length > s->body_max) {
        return refuse(s, 413);
    }
    if (head_find(&s->head, "expect", &expect) && slice_eq_str(expect, "100-continue")) {
        buf_add_str(&s->out, "HTTP/1.1 100 Continue\r\n\r\n");
    }
    return 0;
}

static int on_body(http_parser *parser, const char *at, size_t len)
{
    struct http1_server *s = parser->data;
    if (len > s->body_max - s->body.len) {
        return refuse(s, 413);
    }
    buf_add(&s->body, at, len);
    return 0;
}

static int on_complete(http_parser *parser)
{
    struct http1_server *s = parser->data;
    s->complete = true;
    s->keep_alive = http_should_keep_alive(parser) != 0;
    s->is_head = parser->method == HTTP_HEAD;
    http_parser_pause(parser, 1);
    return 0;
}

static const http_parser_settings settings = {
    .on_message_begin = on_begin,
    .on_url = on_target,
    .on_header_field = on_name,
    .on_header_value = on_value,
    .on_headers_complete = on_head,
    .on_body = on_body,
    .on_message_complete = on_complete,
};

struct http1_server *http1_server_new(struct mem *mem, const struct http1_server_options *options,
                                      http1_handler *handler, void *ctx)
{
    struct http1_server *s = mem_zalloc(mem, 1, sizeof(*s));
    s->mem = mem;
    s->handler = handler;
    s->ctx = ctx;
    s->body_max = options != NULL ? options->body_max : BODY_MAX;
    head_init(&s->head, mem);
    buf_init(&s->body, mem);
    buf_init(&s->in, mem);
    buf_init(&s->out, mem);
    http_parser_init(&s->parser, HTTP_REQUEST);
    s->parser.data = s;
    return s;
}

void http1_server_free(struct http1_server *s)
{
    if (s == NULL) {
        return;
    }
    head_fini(&s->head);
    buf_fini(&s->body);
    buf_fini(&s->in);
    buf_fini(&s->out);
    mem_free(s->mem, s);
}

static void hand_on(struct http1_server *s)
{
    struct http1_field fields[HTTP1_FIELDS_MAX];
    for (size_t i = 0; i < s->head.count; i++) {
        head_field(&s->head, i, &fields[i]);
    }
    struct slice target = slice_of(s->head.text.ptr, s->head.target_len);
    ptrdiff_t mark = slice_find(target, '?');
    struct http1_request request = {
        .method = slice_str(http_method_str((enum http_method)s->parser.method)),
        .path = mark < 0 ? target : slice_of(target.ptr, (size_t)mark),
        .query = mark < 0 ? slice_of(NULL, 0) : slice_from(target, (size_t)mark + 1),
        .body = buf_slice(&s->body),
        .fields = fields,
        .field_count = s->head.count,
    };
    s->complete = false;
    s->waiting = true;
    s->handler(s->ctx, s, &request);
}

/* Answers what is no request, as Go's net/http does, and ends the connection. */
static void reject(struct http1_server *s)
{
    int status = s->refusal != 0 ? s->refusal : 400;
    if (HTTP_PARSER_ERRNO(&s->parser) == HPE_HEADER_OVERFLOW) {
        status = 431;
    }
    PROBE("http1.rejected");
    s->err = status == 400 ? ERR_PROTO : ERR_LIMIT;
    s->finished = true;
    const char *text = http_status_str((enum http_status)status);
    buf_printf(&s->out,
               "HTTP/1.1 %d %s\r\nContent-Type: text/plain; charset=utf-8\r\n"
               "Connection: close\r\n\r\n%d %s",
               status, text, status, text);
}

/* Parses until an answer is awaited or the bytes are used up; returns how many were. */
static size_t feed(struct http1_server *s, struct slice bytes)
{
    size_t used = 0;
    s->feeding = true;
    while (used < bytes.len && !s->waiting && !s->finished && s->out.len - s->out_head < OUT_MAX) {
        struct slice rest = slice_from(bytes, used);
        used += http_parser_execute(&s->parser, &settings, (const char *)rest.ptr, rest.len);
        if (s->complete) {
            http_parser_pause(&s->parser, 0);
            hand_on(s);
        } else if (HTTP_PARSER_ERRNO(&s->parser) != HPE_OK) {
            reject(s);
        }
    }
    s->feeding = false;
    return used;
}

/* Goes on with what was kept; called when an answer is written or the output is taken. */
void http1_server_continue(struct http1_server *s)
{
    if (s->feeding || s->in.len == 0 || s->waiting || s->finished) {
        return;
    }
    struct buf in = s->in;
    buf_init(&s->in, s->mem);
    size_t used = feed(s, buf_slice(&in));
    if (!s->finished) {
        buf_consume(&in, used);
        s->in = in;
    } else {
        buf_fini(&in);
    }
}

int http1_server_recv(struct http1_server *s, struct slice bytes)
{
    if (s->err != 0 || s->finished) {
        return s->err;
    }
    size_t used = s->in.len == 0 ? feed(s, bytes) : 0;
    if (s->err == 0 && !s->finished && used < bytes.len) {
        if (bytes.len - used > PIPELINE_MAX - s->in.len) {
            PROBE("http1.pipeline_full");
            s->err = ERR_LIMIT;
            s->finished = true;
            return s->err;
        }
        buf_add_slice(&s->in, slice_from(bytes, used));
    }
    return s->err;
}

void http1_server_send(struct http1_server *s, struct buf *out, size_t max)
{
    size_t n = s->out.len - s->out_head;
    n = n < max ? n : max;
    if (n > 0) {
        buf_add(out, s->out.ptr + s->out_head, n);
        s->out_head += n;
    }
    if (s->out_head == s->out.len) {
        buf_clear(&s->out);
        s->out_head = 0;
        http1_server_continue(s);
    }
}

bool http1_server_wants_read(const struct http1_server *s)
{
    return !s->finished && s->in.len == 0;
}

bool http1_server_wants_write(const struct http1_server *s)
{
    return s->out.len > s->out_head;
}

bool http1_server_finished(const struct http1_server *s)
{
    return s->finished && !s->waiting;
}

bool http1_request_field(const struct http1_request *request, const char *name, struct slice *value)
{
    for (size_t i = 0; i < request->field_count; i++) {
        if (head_same_name(request->fields[i].name, slice_str(name))) {
            *value = request->fields[i].value;
            return true;
        }
    }
    return false;
}
