/* The bytes of a snapshot file: writing them, and reading them as they come. Described at the top
 * of snap_format.c. Pure: knows no file and no disk.
 */
#ifndef STORAGE_SNAP_FORMAT_H
#define STORAGE_SNAP_FORMAT_H

#include "storage/snapshot.h"

#define SNAP_VERSION      1
#define SNAP_HEADER_BYTES 600
#define SNAP_CHUNK_BYTES  16 /* in front of each payload */
#define SNAP_END_BYTES    16 /* the payload of the last chunk */

/* Where the next chunk goes, and what ties it to the one before. */
struct snap_tail {
    uint32_t salt;
    uint32_t chain;
    uint64_t offset;
    uint64_t chunks;
    uint64_t payload_bytes;
};

void snap_write_header(struct buf *out, const struct snapshot_head *head, uint32_t salt,
                       struct snap_tail *tail);
void snap_write_chunk(struct buf *out, struct snap_tail *tail, uint32_t type, struct slice payload);
void snap_write_end(struct buf *out, struct snap_tail *tail);

enum snap_step {
    SNAP_MORE,  /* all bytes are taken; the next thing is not complete */
    SNAP_HEAD,  /* the header: parser.head */
    SNAP_CHUNK, /* a whole chunk: parser.type and, if it keeps them, parser.payload */
    SNAP_END,   /* the last; nothing may follow */
    SNAP_BAD,   /* parser.err, what and where */
};

/* Takes a file in pieces of any size. Zero-initialise; set `keep` and payload.mem to get at
 * payloads, else they are only verified. */
struct snap_parser {
    bool keep;
    struct snapshot_head head;
    uint32_t type;
    struct buf payload;    /* valid until the next step */
    struct snap_tail tail; /* the offset is that of the chunk that is being read */
    enum {
        SNAP_IN_HEADER,
        SNAP_IN_CHUNK_HEAD,
        SNAP_IN_PAYLOAD,
        SNAP_BEHIND_END,
        SNAP_IS_BAD
    } part;
    uint8_t front[SNAP_HEADER_BYTES]; /* of the header, or of a chunk */
    size_t front_len;
    uint32_t length; /* of the payload */
    uint32_t taken;
    uint32_t crc; /* of the chunk so far */
    int err;      /* ERR_CORRUPT, ERR_FORMAT */
    const char *what;
    uint64_t where;
};

/* Takes bytes off the front of `bytes` up to the next thing. */
enum snap_step snap_parse(struct snap_parser *parser, struct slice *bytes);
/* The bytes have ended: 0, or the error if that was not the end. */
int snap_parse_end(struct snap_parser *parser) MUST_CHECK;

#endif
