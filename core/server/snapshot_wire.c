#include "snapshot_wire.h"

#include "base/assert.h"

/* A file that is longer than this is none of ours. */
#define FILE_BYTES_MAX (UINT64_C(1) << 46)

static bool names_an_entry(index_t index, term_t term)
{
    return index > 0 && index <= INT64_MAX && term > 0;
}

void snapshot_put_ask(struct buf *out, const struct snapshot_ask *ask)
{
    buf_add_u64(out, ask->index);
    buf_add_u64(out, ask->term);
    buf_add_u64(out, ask->file);
    buf_add_u64(out, ask->offset);
    buf_add_u32(out, ask->want);
}

int snapshot_get_ask(struct slice body, struct snapshot_ask *ask)
{
    struct reader r = reader_of(body);
    ask->index = read_u64(&r);
    ask->term = read_u64(&r);
    ask->file = read_u64(&r);
    ask->offset = read_u64(&r);
    ask->want = read_u32(&r);
    bool first = ask->file == 0;
    if (r.failed || r.len > 0 || !names_an_entry(ask->index, ask->term) ||
        ask->offset > FILE_BYTES_MAX || (first && ask->offset > 0)) {
        return ERR_PROTO;
    }
    return 0;
}

void snapshot_put_piece(struct buf *out, const struct snapshot_piece *piece)
{
    ASSERT(piece->file != 0);
    buf_add_u64(out, piece->index);
    buf_add_u64(out, piece->term);
    buf_add_u64(out, piece->file);
    buf_add_u64(out, piece->size);
    buf_add_u64(out, piece->offset);
    buf_add_slice(out, piece->bytes);
}

int snapshot_get_piece(struct slice body, struct snapshot_piece *piece)
{
    struct reader r = reader_of(body);
    piece->index = read_u64(&r);
    piece->term = read_u64(&r);
    piece->file = read_u64(&r);
    piece->size = read_u64(&r);
    piece->offset = read_u64(&r);
    piece->bytes = slice_of(r.ptr, r.len);
    if (r.failed || !names_an_entry(piece->index, piece->term) || piece->file == 0 ||
        piece->size > FILE_BYTES_MAX || r.len == 0 || piece->offset > piece->size ||
        r.len > piece->size - piece->offset) {
        return ERR_PROTO;
    }
    return 0;
}

void snapshot_put_end(struct buf *out, const struct snapshot_end *end)
{
    buf_add_u64(out, end->index);
    buf_add_u64(out, end->term);
    buf_add_u8(out, (uint8_t)end->what);
}

int snapshot_get_end(struct slice body, struct snapshot_end *end)
{
    struct reader r = reader_of(body);
    end->index = read_u64(&r);
    end->term = read_u64(&r);
    uint8_t what = read_u8(&r);
    if (r.failed || r.len > 0 || !names_an_entry(end->index, end->term) ||
        what < SNAPSHOT_RECEIVED || what > SNAPSHOT_GONE) {
        return ERR_PROTO;
    }
    end->what = (enum snapshot_what)what;
    return 0;
}

void snapshot_pace_init(struct snapshot_pace *pace)
{
    *pace = (struct snapshot_pace){.want = SNAPSHOT_WANT_MIN, .fastest_ns = INT64_MAX};
}

void snapshot_pace_answered(struct snapshot_pace *pace, int64_t took_ns, int64_t heartbeat_ns)
{
    ASSERT(took_ns >= 0);
    if (took_ns < pace->fastest_ns) {
        pace->fastest_ns = took_ns;
    }
    int64_t longer = took_ns - pace->fastest_ns;
    if (longer > heartbeat_ns && pace->want > SNAPSHOT_WANT_MIN) {
        pace->want /= 2;
    } else if (longer < heartbeat_ns / 4 && pace->want < SNAPSHOT_WANT_MAX) {
        pace->want *= 2;
    }
}

void snapshot_pace_lost(struct snapshot_pace *pace)
{
    if (pace->want > SNAPSHOT_WANT_MIN) {
        pace->want /= 2;
    }
}
