/* How a snapshot's file travels from the leader to a member whose log is too short: the receiver
 * asks for one piece after the other, so that what it does not ask for is not sent. Records of the
 * peer links may be lost, repeated and reordered; a piece names the file and the place it is from.
 * Private to core/server and its tests. Little endian, behind the record's kind:
 *
 *   ask    index 8, term 8, file 8, offset 8, want 4
 *   piece  index 8, term 8, file 8, size 8, offset 8, bytes
 *   end    index 8, term 8, what 1
 *
 * (index, term) is the last entry that the snapshot covers. `file` tells one file of that snapshot
 * from another: members that took the same snapshot wrote different bytes. A receiver that has no
 * piece yet asks with file 0.
 */
#ifndef SERVER_SNAPSHOT_WIRE_H
#define SERVER_SNAPSHOT_WIRE_H

#include "base/err.h"
#include "base/slice.h"
#include "base/types.h"

struct snapshot_ask {
    index_t index;
    term_t term;
    uint64_t file;
    uint64_t offset;
    uint32_t want; /* bytes; 0: nothing now, the receiver is at work and lives */
};

struct snapshot_piece {
    index_t index;
    term_t term;
    uint64_t file;
    uint64_t size; /* of the whole file */
    uint64_t offset;
    struct slice bytes; /* borrowed from the record */
};

enum snapshot_what {
    SNAPSHOT_RECEIVED = 1, /* says the receiver */
    SNAPSHOT_REFUSED = 2,  /* likewise: the file is not what it should be, or cannot be kept */
    SNAPSHOT_GONE = 3,     /* says the sender: it does not send this (any more) */
};

struct snapshot_end {
    index_t index;
    term_t term;
    enum snapshot_what what;
};

/* Append the body of a record, behind its kind. */
void snapshot_put_ask(struct buf *out, const struct snapshot_ask *ask);
void snapshot_put_piece(struct buf *out, const struct snapshot_piece *piece);
void snapshot_put_end(struct buf *out, const struct snapshot_end *end);

/* ERR_PROTO for what is not the output of the function above, or contradicts itself. */
int snapshot_get_ask(struct slice body, struct snapshot_ask *ask) MUST_CHECK;
int snapshot_get_piece(struct slice body, struct snapshot_piece *piece) MUST_CHECK;
int snapshot_get_end(struct slice body, struct snapshot_end *end) MUST_CHECK;

/* How much to ask for at once. The link is also the way of heartbeats, which must not wait behind a
 * piece: the receiver asks for more as long as more does not take noticeably longer than little
 * did, and for less when it does. */
struct snapshot_pace {
    uint32_t want;
    int64_t fastest_ns; /* the quickest answer so far */
};

#define SNAPSHOT_WANT_MIN 4096u /* the first, by which the others are measured */
#define SNAPSHOT_WANT_MAX (1024u * 1024)

void snapshot_pace_init(struct snapshot_pace *pace);
/* An answer took this long, of which the heartbeat interval is the measure. */
void snapshot_pace_answered(struct snapshot_pace *pace, int64_t took_ns, int64_t heartbeat_ns);
void snapshot_pace_lost(struct snapshot_pace *pace);

#endif
