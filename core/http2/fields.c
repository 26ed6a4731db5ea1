/* Which request header fields a server takes (RFC 9113, section 8).
 *
 * nghttp2's own checks are off on the server's side: it resets streams whose :authority is not one
 * by the letter, and etcdctl sends a whole URL there when the endpoint was given as one. Go's
 * server, which is what etcd's clients are made for, lets that pass.
 */
#include "base/probe.h"
#include "session.h"

enum pseudo {
    PSEUDO_METHOD = 1,
    PSEUDO_SCHEME = 2,
    PSEUDO_PATH = 4,
    PSEUDO_AUTHORITY = 8,
    PSEUDO_REGULAR = 16 /* a field of no special meaning has come: no pseudo-header may follow */
};

#define PSEUDO_NEEDED (PSEUDO_METHOD | PSEUDO_SCHEME | PSEUDO_PATH)

static uint8_t pseudo_of(struct slice name)
{
    static const struct {
        const char *name;
        uint8_t bit;
    } known[] = {{":method", PSEUDO_METHOD},
                 {":scheme", PSEUDO_SCHEME},
                 {":path", PSEUDO_PATH},
                 {":authority", PSEUDO_AUTHORITY}};
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        if (slice_eq_str(name, known[i].name)) {
            return known[i].bit;
        }
    }
    return 0;
}

/* Fields that belong to an HTTP/1.1 connection (section 8.2.2). */
static bool is_of_connection(struct slice name, struct slice value)
{
    static const char *const names[] = {"connection", "keep-alive", "proxy-connection",
                                        "transfer-encoding", "upgrade"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (slice_eq_str(name, names[i])) {
            return true;
        }
    }
    return slice_eq_str(name, "te") && !slice_eq_str(value, "trailers");
}

bool request_field_ok(struct http2_stream *s, struct slice name, struct slice value)
{
    if (name.len == 0 || !nghttp2_check_header_name(name.ptr, name.len) ||
        !nghttp2_check_header_value(value.ptr, value.len)) {
        PROBE("http2.bad_field");
        return false;
    }
    if (name.ptr[0] != ':') {
        s->pseudo |= PSEUDO_REGULAR;
        return !is_of_connection(name, value);
    }
    uint8_t bit = pseudo_of(name);
    if (bit == 0 || (s->pseudo & (bit | PSEUDO_REGULAR)) != 0) {
        PROBE("http2.bad_pseudo_field");
        return false;
    }
    s->pseudo |= bit;
    return bit != PSEUDO_PATH || value.len > 0;
}

bool request_fields_complete(const struct http2_stream *s)
{
    return (s->pseudo & PSEUDO_NEEDED) == PSEUDO_NEEDED;
}
