/* What a log entry's payload is: who proposed it, and what it asks for. Little endian.
 *
 *   version 1, kind 1, origin 8, boot 8, seq 8, body
 *
 * origin, boot and seq name the request that waits for the entry: a member, its start and a
 * counter. The body of a client's write is the client's own protobuf message. A conf entry's
 * context has the same form with kind ENTRY_CONF; its body is core/membership's.
 */
#ifndef STATE_ENTRY_H
#define STATE_ENTRY_H

#include "base/err.h"
#include "base/slice.h"
#include "base/types.h"

enum entry_kind {
    ENTRY_PUT = 1,
    ENTRY_DELETE = 2,
    ENTRY_ALARM = 3,           /* AlarmRequest */
    ENTRY_PUBLISH = 4,         /* a member's attributes */
    ENTRY_CLUSTER_VERSION = 5, /* "3.4.0" */
    ENTRY_CONF = 6,
    ENTRY_COMPACT = 7, /* CompactionRequest */
    ENTRY_LAST = ENTRY_COMPACT,
};

struct entry_head {
    enum entry_kind kind;
    member_id_t origin;
    uint64_t boot;
    uint64_t seq;
};

#define ENTRY_HEAD_BYTES 26

void entry_put_head(struct buf *out, const struct entry_head *head);
/* ERR_PROTO: shorter than a head, or an unknown kind; ERR_FORMAT: of a newer version. */
int entry_get(struct slice payload, struct entry_head *head, struct slice *body) MUST_CHECK;

#endif
