#include "link_frame.h"

#include "base/hash.h"
#include "base/limits.h"
#include "base/probe.h"

const uint8_t link_preamble[LINK_PREAMBLE_LEN] = {0, 'Q', 'L', 'I', 'N', 'K', 0, 1};

static uint32_t checksum(const uint8_t *length, struct slice payload)
{
    return crc32c(crc32c(0, length, 4), payload.ptr, payload.len);
}

void link_frame_head(uint8_t *head, struct slice payload)
{
    store_u32(head, (uint32_t)payload.len);
    store_u32(head + 4, checksum(head, payload));
}

void link_reader_init(struct link_reader *reader, struct mem *mem)
{
    buf_init(&reader->partial, mem);
    reader->delivered = false;
}

void link_reader_fini(struct link_reader *reader)
{
    buf_fini(&reader->partial);
}

bool link_reader_waits(const struct link_reader *reader)
{
    return reader->partial.len > 0 && !reader->delivered;
}

static int check(const uint8_t *frame, size_t payload_len, struct slice *record)
{
    struct slice payload = slice_of(frame + LINK_HEAD_LEN, payload_len);
    if (load_u32(frame + 4) != checksum(frame, payload)) {
        PROBE("link.bad_checksum");
        return ERR_CORRUPT;
    }
    *record = payload;
    return 1;
}

/* Moves bytes to the partial record until it is `want` long; false if there are too few. */
static bool gather(struct link_reader *reader, struct slice *input, size_t want)
{
    size_t missing = want > reader->partial.len ? want - reader->partial.len : 0;
    size_t take = missing < input->len ? missing : input->len;
    if (take > 0) {
        buf_add(&reader->partial, input->ptr, take);
        *input = slice_from(*input, take);
    }
    return take == missing;
}

/* Records that lie whole in the input are given out where they lie, without a copy. */
static int next_in_place(struct link_reader *reader, struct slice *input, struct slice *record)
{
    if (input->len >= LINK_HEAD_LEN) {
        size_t payload_len = load_u32(input->ptr);
        if (payload_len > (size_t)RECORD_BYTES_MAX) {
            PROBE("link.too_long");
            return ERR_LIMIT;
        }
        if (input->len - LINK_HEAD_LEN >= payload_len) {
            const uint8_t *frame = input->ptr;
            *input = slice_from(*input, LINK_HEAD_LEN + payload_len);
            return check(frame, payload_len, record);
        }
    }
    gather(reader, input, input->len);
    return 0;
}

int link_reader_next(struct link_reader *reader, struct slice *input, struct slice *record)
{
    struct buf *partial = &reader->partial;
    if (reader->delivered) {
        /* A long record's memory is not kept for the short ones that follow. */
        buf_fini(partial);
        reader->delivered = false;
    }
    if (input->len == 0) {
        return 0;
    }
    if (partial->len == 0) {
        return next_in_place(reader, input, record);
    }
    if (partial->len < LINK_HEAD_LEN && !gather(reader, input, LINK_HEAD_LEN)) {
        return 0;
    }
    size_t payload_len = load_u32(partial->ptr);
    if (payload_len > (size_t)RECORD_BYTES_MAX) {
        PROBE("link.too_long_in_pieces");
        return ERR_LIMIT;
    }
    if (!gather(reader, input, LINK_HEAD_LEN + payload_len)) {
        return 0;
    }
    reader->delivered = true;
    return check(partial->ptr, payload_len, record);
}
