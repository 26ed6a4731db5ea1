#include "http1/client.h"

#include <http_parser.h>

#include "base/assert.h"
#include "base/probe.h"
#include "head.h"

struct http1_client {
    http_parser parser;
    struct mem *mem;
    struct head head;
    struct buf body;
    size_t body_max;
    int status;
    int err;
    bool done;
};

static int keep(struct http1_client *c, int err)
{
    c->err = err;
    return err != 0;
}

static int on_name(http_parser *parser, const char *at, size_t len)
{
    struct http1_client *c = parser->data;
    return keep(c, head_name(&c->head, at, len));
}

static int on_value(http_parser *parser, const char *at, size_t len)
{
    struct http1_client *c = parser->data;
    return keep(c, head_value(&c->head, at, len));
}

static int on_body(http_parser *parser, const char *at, size_t len)
{
    struct http1_client *c = parser->data;
    if (len > c->body_max - c->body.len) {
        PROBE("http1.answer_too_large");
        return keep(c, ERR_LIMIT);
    }
    buf_add(&c->body, at, len);
    return 0;
}

static int on_complete(http_parser *parser)
{
    struct http1_client *c = parser->data;
    if (parser->status_code >= 100 && parser->status_code < 200) {
        head_clear(&c->head); /* the real answer follows */
        buf_clear(&c->body);
        return 0;
    }
    c->status = (int)parser->status_code;
    c->done = true;
    http_parser_pause(parser, 1);
    return 0;
}

static const http_parser_settings settings = {
    .on_header_field = on_name,
    .on_header_value = on_value,
    .on_body = on_body,
    .on_message_complete = on_complete,
};

struct http1_client *http1_client_new(struct mem *mem, size_t body_max)
{
    struct http1_client *c = mem_zalloc(mem, 1, sizeof(*c));
    c->mem = mem;
    c->body_max = body_max;
    head_init(&c->head, mem);
    buf_init(&c->body, mem);
    http_parser_init(&c->parser, HTTP_RESPONSE);
    c->parser.data = c;
    return c;
}

void http1_client_free(struct http1_client *c)
{
    if (c == NULL) {
        return;
    }
    head_fini(&c->head);
    buf_fini(&c->body);
    mem_free(c->mem, c);
}

static int feed(struct http1_client *c, const void *ptr, size_t len)
{
    (void)http_parser_execute(&c->parser, &settings, ptr, len);
    enum http_errno number = HTTP_PARSER_ERRNO(&c->parser);
    if (c->err == 0 && !c->done && number != HPE_OK) {
        PROBE("http1.malformed_answer");
        c->err = number == HPE_HEADER_OVERFLOW ? ERR_LIMIT : ERR_PROTO;
    }
    return c->err;
}

int http1_client_recv(struct http1_client *c, struct slice bytes)
{
    /* A length of 0 would tell the parser that the stream has ended. */
    if (c->err != 0 || c->done || bytes.len == 0) {
        return c->err;
    }
    return feed(c, bytes.ptr, bytes.len);
}

int http1_client_eof(struct http1_client *c)
{
    if (c->err == 0 && !c->done) {
        (void)feed(c, "", 0);
        if (!c->done) {
            PROBE("http1.answer_cut_short");
            c->err = ERR_EOF;
        }
    }
    return c->err;
}

bool http1_client_done(const struct http1_client *c)
{
    return c->done;
}

int http1_client_status(const struct http1_client *c)
{
    ASSERT(c->done);
    return c->status;
}

struct slice http1_client_body(const struct http1_client *c)
{
    ASSERT(c->done);
    return buf_slice(&c->body);
}

bool http1_client_field(const struct http1_client *c, const char *name, struct slice *value)
{
    return head_find(&c->head, name, value);
}
