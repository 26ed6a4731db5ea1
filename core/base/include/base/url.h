/* The URLs of members and endpoints: scheme, host, port and nothing else.
 *
 * etcd takes http, https, unix and unixs; a peer or client URL has a port and no path, query or
 * user (etcd: pkg/types/urls).
 */
#ifndef BASE_URL_H
#define BASE_URL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"

#define HOST_LEN_MAX 255

struct url {
    bool secure; /* https, unixs */
    bool local;  /* unix, unixs: `host` is a path and port is 0 */
    char host[HOST_LEN_MAX + 1];
    uint16_t port;
};

/* ERR_ADDR_INVALID unless the text is such a URL. */
int url_parse(struct slice text, struct url *url);
/* "host:port", also bare as an endpoint of a client is: the scheme may be missing. */
int endpoint_parse(struct slice text, struct url *url);

#endif
