/* Reads one small page from a member's peer port: GET over HTTP/1.1, one connection, one answer.
 */
#ifndef PEER_FETCH_H
#define PEER_FETCH_H

#include "base/url.h"
#include "env/env.h"
#include "http1/client.h"

struct peer_fetch {
    /* err 0: status and body are valid (borrowed until return). Errors: those of connecting,
     * ERR_PROTO, ERR_LIMIT, ERR_EOF, ERR_TIMEOUT. The handle is free again when this is called. */
    void (*done)(struct peer_fetch *fetch, int err, int status, struct slice body);
    void *data;
    /* Private. */
    struct env *env;
    struct env_stream stream;
    struct env_timer timer;
    struct http1_client *client;
    char host[HOST_LEN_MAX + 8];
    char target[64];
    int err;
    bool finished;
};

/* host and target are copied. */
void peer_fetch_start(struct peer_fetch *fetch, struct env *env, const char *host, uint16_t port,
                      const char *target, int64_t timeout_ns);
/* A header field of the answer; inside a `done` without error only. */
bool peer_fetch_field(const struct peer_fetch *fetch, const char *name, struct slice *value);
/* Gives up; `done` follows with ERR_CANCELED. */
void peer_fetch_cancel(struct peer_fetch *fetch);

#endif
