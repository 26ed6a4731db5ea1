/* What ends a call without our doing, translated as grpc-go 1.33 does (its http_util.go and
 * http2_client.go). */
#include "base/probe.h"
#include "rpc.h"

static enum grpc_status from_http(int status)
{
    switch (status) {
    case 400: return GRPC_INTERNAL;
    case 401: return GRPC_UNAUTHENTICATED;
    case 403: return GRPC_PERMISSION_DENIED;
    case 404: return GRPC_UNIMPLEMENTED;
    case 429:
    case 502:
    case 503:
    case 504: return GRPC_UNAVAILABLE;
    default: return GRPC_UNKNOWN;
    }
}

static const char *http_text(int status)
{
    switch (status) {
    case 200: return "OK";
    case 400: return "Bad Request";
    case 401: return "Unauthorized";
    case 403: return "Forbidden";
    case 404: return "Not Found";
    case 405: return "Method Not Allowed";
    case 413: return "Request Entity Too Large";
    case 415: return "Unsupported Media Type";
    case 429: return "Too Many Requests";
    case 431: return "Request Header Fields Too Large";
    case 500: return "Internal Server Error";
    case 502: return "Bad Gateway";
    case 503: return "Service Unavailable";
    case 504: return "Gateway Timeout";
    default: return "";
    }
}

int answer_not_grpc(const struct http2_stream *stream, int http_status, struct buf *text)
{
    struct slice type;
    PROBE("grpc.answer_not_grpc");
    buf_printf(text, "%s: HTTP status code %d; ", http_text(http_status), http_status);
    if (http2_stream_field(stream, "content-type", &type)) {
        buf_add_str(text, "transport: received the unexpected content-type ");
        grpc_quote(text, type);
    } else {
        buf_add_str(text, "transport: missing content-type field");
    }
    return from_http(http_status);
}

int answer_status_fields(const struct http2_stream *stream, struct buf *text)
{
    struct slice field;
    int64_t status;
    if (!http2_stream_field(stream, "grpc-status", &field)) {
        return GRPC_UNKNOWN;
    }
    if (slice_to_i64(field, &status) != 0 || status < 0 || status > INT32_MAX) {
        PROBE("grpc.malformed_status");
        buf_add_str(text, "transport: malformed grpc-status: ");
        grpc_quote(text, field);
        return GRPC_INTERNAL;
    }
    if (http2_stream_field(stream, "grpc-message", &field)) {
        grpc_message_decode(text, field);
    }
    return (int)status;
}

int answer_reset(uint32_t code, struct buf *text)
{
    const char *name = http2_code_name(code);
    if (name != NULL) {
        buf_printf(text, "stream terminated by RST_STREAM with error code: %s", name);
    } else {
        buf_printf(text, "stream terminated by RST_STREAM with error code: unknown error code 0x%x",
                   code);
    }
    switch (code) {
    case HTTP2_FLOW_CONTROL_ERROR:
    case HTTP2_ENHANCE_YOUR_CALM: return GRPC_RESOURCE_EXHAUSTED;
    case HTTP2_REFUSED_STREAM: return GRPC_UNAVAILABLE;
    case HTTP2_CANCEL: return GRPC_CANCELED;
    case HTTP2_INADEQUATE_SECURITY: return GRPC_PERMISSION_DENIED;
    default: return name != NULL ? GRPC_INTERNAL : GRPC_UNKNOWN;
    }
}
