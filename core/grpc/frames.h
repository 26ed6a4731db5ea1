/* Cuts a body into gRPC messages: a flag byte, a length of 4 bytes, the message.
 *
 * A message that lies whole in the given bytes is handed out where it lies; only one that comes in
 * pieces is gathered, and the memory for it grows with what has come, not with what its prefix
 * claims.
 */
#ifndef GRPC_FRAMES_H
#define GRPC_FRAMES_H

#include "base/slice.h"
#include "grpc/wire.h"

enum frames_next {
    FRAMES_MORE,       /* all input is taken */
    FRAMES_MESSAGE,    /* *message is set, until the next call */
    FRAMES_TOO_LARGE,  /* frames.length says how large */
    FRAMES_COMPRESSED, /* flag 1 */
    FRAMES_BAD_FLAG    /* frames.flag says which */
};

struct frames {
    struct buf gathered;
    size_t max;
    uint32_t length; /* of the message whose prefix is complete */
    uint8_t prefix[GRPC_PREFIX_LEN];
    uint8_t prefix_len;
    uint8_t flag;
};

void frames_init(struct frames *f, struct mem *mem, size_t max);
void frames_fini(struct frames *f);
/* Takes bytes from the front of *in. After an error nothing more may be asked. */
enum frames_next frames_next(struct frames *f, struct slice *in, struct slice *message);
/* In the middle of a prefix or a message. */
bool frames_partial(const struct frames *f);
void frames_prefix(uint8_t *out, size_t length);

#endif
