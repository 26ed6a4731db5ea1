#include "base/url.h"

#include "base/err.h"

static bool take(struct slice *s, const char *prefix)
{
    if (!slice_starts_with(*s, prefix)) {
        return false;
    }
    *s = slice_from(*s, strlen(prefix));
    return true;
}

static int parse_port(struct slice text, uint16_t *port)
{
    uint64_t v = 0;
    if (text.len > 5 || slice_to_u64(text, &v) != 0 || v > UINT16_MAX) {
        return ERR_ADDR_INVALID;
    }
    *port = (uint16_t)v;
    return 0;
}

static int keep_host(struct slice host, struct url *url)
{
    if (host.len > HOST_LEN_MAX) {
        return ERR_ADDR_INVALID;
    }
    for (size_t i = 0; i < host.len; i++) {
        uint8_t c = host.ptr[i];
        if (c <= ' ' || c >= 0x7F || strchr("/?#@\\\"<>[]", c) != NULL) {
            return ERR_ADDR_INVALID;
        }
    }
    if (host.len > 0) {
        memcpy(url->host, host.ptr, host.len);
    }
    url->host[host.len] = '\0';
    return 0;
}

/* "host:port", "[v6]:port", ":port" (all addresses). */
static int parse_host_port(struct slice s, struct url *url)
{
    size_t colon = s.len;
    while (colon > 0 && s.ptr[colon - 1] != ':') {
        colon--;
    }
    if (colon == 0) {
        return ERR_ADDR_INVALID;
    }
    struct slice host = slice_of(s.ptr, colon - 1);
    if (host.len >= 2 && host.ptr[0] == '[' && host.ptr[host.len - 1] == ']') {
        host = slice_of(host.ptr + 1, host.len - 2);
    } else if (slice_find(host, ':') >= 0) {
        return ERR_ADDR_INVALID;
    }
    int rv = keep_host(host, url);
    return rv != 0 ? rv : parse_port(slice_from(s, colon), &url->port);
}

static int parse_local(struct slice s, struct url *url)
{
    url->local = true;
    if (s.len == 0 || s.len > HOST_LEN_MAX || slice_find(s, 0) >= 0) {
        return ERR_ADDR_INVALID;
    }
    memcpy(url->host, s.ptr, s.len);
    url->host[s.len] = '\0';
    return 0;
}

int url_parse(struct slice text, struct url *url)
{
    *url = (struct url){0};
    struct slice s = text;
    if (take(&s, "unixs://")) {
        url->secure = true;
        return parse_local(s, url);
    }
    if (take(&s, "unix://")) {
        return parse_local(s, url);
    }
    if (take(&s, "https://")) {
        url->secure = true;
    } else if (!take(&s, "http://")) {
        return ERR_ADDR_INVALID;
    }
    return parse_host_port(s, url);
}

int endpoint_parse(struct slice text, struct url *url)
{
    struct slice s = text;
    for (size_t i = 0; i + 2 < s.len; i++) {
        if (memcmp(s.ptr + i, "://", 3) == 0) {
            return url_parse(text, url);
        }
    }
    *url = (struct url){0};
    return parse_host_port(s, url);
}
