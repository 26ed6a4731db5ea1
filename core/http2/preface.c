#include <string.h>

#include "http2/http2.h"

static const char preface[HTTP2_PREFACE_LEN + 1] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

enum http2_match http2_preface_match(struct slice first)
{
    size_t n = first.len < HTTP2_PREFACE_LEN ? first.len : HTTP2_PREFACE_LEN;
    if (n > 0 && memcmp(first.ptr, preface, n) != 0) {
        return HTTP2_MATCH_NO;
    }
    return n == HTTP2_PREFACE_LEN ? HTTP2_MATCH_YES : HTTP2_MATCH_MORE;
}

static const char *const code_names[] = {
    "NO_ERROR",
    "PROTOCOL_ERROR",
    "INTERNAL_ERROR",
    "FLOW_CONTROL_ERROR",
    "SETTINGS_TIMEOUT",
    "STREAM_CLOSED",
    "FRAME_SIZE_ERROR",
    "REFUSED_STREAM",
    "CANCEL",
    "COMPRESSION_ERROR",
    "CONNECT_ERROR",
    "ENHANCE_YOUR_CALM",
    "INADEQUATE_SECURITY",
    "HTTP_1_1_REQUIRED",
};

const char *http2_code_name(uint32_t code)
{
    return code < sizeof(code_names) / sizeof(code_names[0]) ? code_names[code] : NULL;
}
