/* The framing of a record link over TCP: a pure function of bytes.
 *
 * The side that connects sends the preamble, 8 bytes whose first is NUL, so that nothing else that
 * is spoken on the same port looks like it. Then both sides send records:
 *
 *     length   4 bytes, little endian, of the payload: at most RECORD_BYTES_MAX
 *     crc      4 bytes, little endian: CRC-32C of the length's 4 bytes and the payload
 *     payload  `length` bytes, which may be none
 *
 * A length past the limit and a wrong checksum are the end of the link: there is no way to find the
 * next record. Memory follows what was received, never what was announced.
 */
#ifndef UV_LINK_FRAME_H
#define UV_LINK_FRAME_H

#include <stdbool.h>

#include "base/err.h"
#include "base/slice.h"

#define LINK_PREAMBLE_LEN 8
#define LINK_HEAD_LEN     8

extern const uint8_t link_preamble[LINK_PREAMBLE_LEN];

/* The 8 bytes before the payload. */
void link_frame_head(uint8_t *head, struct slice payload);

struct link_reader {
    struct buf partial; /* a record that has begun and not ended, head included */
    bool delivered;     /* partial holds the record that was given out last */
};

void link_reader_init(struct link_reader *reader, struct mem *mem);
void link_reader_fini(struct link_reader *reader);
/* Takes bytes from the front of *input. 1: *record is one whole record, borrowed until the next
 * call and as long as the input lives; call again, there may be more. 0: the input is used up.
 * ERR_LIMIT, ERR_CORRUPT: the link is done. */
int link_reader_next(struct link_reader *reader, struct slice *input,
                     struct slice *record) MUST_CHECK;
/* True while a record has begun and not ended. */
bool link_reader_waits(const struct link_reader *reader);

#endif
