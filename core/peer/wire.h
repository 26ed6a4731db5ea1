/* The records of this module, little endian. Private to core/peer.
 *
 *   hello   kind 1, version 1, cluster 8, from 8, to 8, start, epoch 8
 *   welcome kind 2, version 1, refusal 1, cluster 8, start, epoch 8
 *   ping    kind 3
 *   pong    kind 4
 *
 * A start is instance 4, boot 8, process 8.
 */
#ifndef PEER_WIRE_H
#define PEER_WIRE_H

#include "peer/peers.h"

/* 2: with instances. 3: with epochs. 4: with starts. */
#define WIRE_VERSION 4

enum wire_kind {
    WIRE_HELLO = 1,
    WIRE_WELCOME = 2,
    WIRE_PING = 3,
    WIRE_PONG = 4
};

struct wire_welcome {
    enum peer_refusal refusal;
    uint64_t cluster;
    struct peer_start start;
    uint64_t epoch;
};

void wire_put_hello(struct buf *out, const struct peer_hello *hello);
void wire_put_welcome(struct buf *out, const struct wire_welcome *welcome);
/* The record without its kind byte. ERR_PROTO if malformed; ERR_FORMAT if of another version. */
int wire_get_hello(struct slice body, struct peer_hello *hello) MUST_CHECK;
int wire_get_welcome(struct slice body, struct wire_welcome *welcome) MUST_CHECK;

#endif
