#include "http1/client.h"

void http1_request_write(struct buf *out, const char *method, struct slice target,
                         struct slice host, const char *content_type, struct slice body)
{
    buf_add_str(out, method);
    buf_add_u8(out, ' ');
    buf_add_slice(out, target);
    buf_add_str(out, " HTTP/1.1\r\nHost: ");
    buf_add_slice(out, host);
    buf_add_str(out, "\r\nConnection: close\r\n");
    if (content_type != NULL) {
        buf_printf(out, "Content-Type: %s\r\nContent-Length: %zu\r\n", content_type, body.len);
    }
    buf_add_str(out, "\r\n");
    if (content_type != NULL) {
        buf_add_slice(out, body);
    }
}
