/* A snapshot file, byte by byte.
 *
 * A data directory holds them beside the log:
 *
 *     snap/<index>.snap     a whole snapshot; the index has 16 hexadecimal digits
 *     snap/writing.tmp      one that this member is writing, or the rest of such an attempt
 *     snap/receiving.tmp    one that comes from another member, likewise
 *
 * A file gets its name by a rename after all its bytes were synced, and the directory is synced
 * after that, so half a snapshot never has the name of a whole one. That alone would do on a disk
 * that keeps its promises; for the others, and for the way over a network, the file says itself
 * whether it is whole.
 *
 * All numbers are little endian. The file begins with a header of 600 bytes:
 *
 *     offset  size
 *          0     8  magic: 0x89 "QRSNP" 0x0D 0x0A
 *          8     4  version of the format: 1
 *         12     4  salt: random, another one for each file
 *         16     8  cluster id
 *         24     8  id of the member that wrote it
 *         32     4  instance of that member's log (see format.c)
 *         36     4  number of voters
 *         40     4  number of learners
 *         44     4  zeros
 *         48     8  epoch of the cluster's history
 *         56     4  zeros
 *         60     4  CRC-32C of the 60 bytes above. It stays here in every version, so that "newer"
 *                   can be told from "damaged".
 *         64     8  index of the last entry whose effect is in the state
 *         72     8  its term
 *         80   512  ids of the voters and then of the learners (8 each), then zeros
 *        592     4  zeros
 *        596     4  CRC-32C of the 596 bytes above
 *
 * Behind it lie chunks without gaps:
 *
 *          0     4  check: CRC-32C over the salt (4 bytes), the chunk's own offset (8 bytes), the
 *                   bytes 4..15 of the chunk and its payload, continued from the check of the
 *                   chunk before (the first: from the header's last CRC)
 *          4     4  length of the payload, at most 16 MiB
 *          8     4  type, given by whoever fills the file; not 0
 *         12     4  number of the chunk, from 0
 *         16        payload
 *
 * and at last a chunk of type 0xFFFFFFFF, whose payload is the number of the chunks before it (8)
 * and the sum of their lengths (8). The file ends there.
 *
 * A file is whole if all of that holds. The chain makes a chunk fit only behind those before it,
 * the offset and the salt only in its place in its file: no mixture of two snapshots passes, and no
 * file that was cut at the end of a chunk. A length is believed before its check was compared, as
 * the check lies behind the payload; it may cost 16 MiB and no more. */
#include "storage/snap_format.h"

#include "base/assert.h"
#include "base/hash.h"
#include "base/probe.h"

static const uint8_t snap_magic[8] = {0x89, 'Q', 'R', 'S', 'N', 'P', 0x0D, 0x0A};

/* Numbers that are counted up end long before they could wrap around. */
#define COUNT_MAX (UINT64_C(1) << 62)

_Static_assert(80 + 8 * MEMBERS_MAX + 8 == SNAP_HEADER_BYTES, "the ids have their place");

void snap_write_header(struct buf *out, const struct snapshot_head *head, uint32_t salt,
                       struct snap_tail *tail)
{
    uint8_t header[SNAP_HEADER_BYTES] = {0};
    ASSERT(raft_conf_is_valid(&head->conf));
    ASSERT(head->index > 0 && head->term > 0);
    memcpy(header, snap_magic, sizeof(snap_magic));
    store_u32(header + 8, SNAP_VERSION);
    store_u32(header + 12, salt);
    store_u64(header + 16, head->cluster_id);
    store_u64(header + 24, head->member_id);
    store_u32(header + 32, head->instance);
    store_u32(header + 36, head->conf.voter_count);
    store_u32(header + 40, head->conf.learner_count);
    store_u64(header + 48, head->epoch);
    store_u32(header + 60, crc32c(0, header, 60));
    store_u64(header + 64, head->index);
    store_u64(header + 72, head->term);
    uint8_t *id = header + 80;
    for (uint32_t i = 0; i < head->conf.voter_count; i++, id += 8) {
        store_u64(id, head->conf.voters[i]);
    }
    for (uint32_t i = 0; i < head->conf.learner_count; i++, id += 8) {
        store_u64(id, head->conf.learners[i]);
    }
    uint32_t crc = crc32c(0, header, SNAP_HEADER_BYTES - 4);
    store_u32(header + SNAP_HEADER_BYTES - 4, crc);
    buf_add(out, header, sizeof(header));
    *tail = (struct snap_tail){.salt = salt, .chain = crc, .offset = SNAP_HEADER_BYTES};
}

/* The check of a chunk, as far as its head goes. */
static uint32_t begin_check(const struct snap_tail *tail, const uint8_t *head)
{
    uint8_t place[12];
    store_u32(place, tail->salt);
    store_u64(place + 4, tail->offset);
    return crc32c(crc32c(tail->chain, place, sizeof(place)), head + 4, SNAP_CHUNK_BYTES - 4);
}

static void put_chunk(struct buf *out, struct snap_tail *tail, uint32_t type, struct slice payload)
{
    uint8_t *head = buf_reserve(out, SNAP_CHUNK_BYTES + payload.len);
    store_u32(head + 4, (uint32_t)payload.len);
    store_u32(head + 8, type);
    store_u32(head + 12, (uint32_t)tail->chunks);
    tail->chain = crc32c(begin_check(tail, head), payload.ptr, payload.len);
    store_u32(head, tail->chain);
    if (payload.len > 0) {
        memcpy(head + SNAP_CHUNK_BYTES, payload.ptr, payload.len);
    }
    out->len += SNAP_CHUNK_BYTES + payload.len;
    tail->offset += SNAP_CHUNK_BYTES + payload.len;
}

void snap_write_chunk(struct buf *out, struct snap_tail *tail, uint32_t type, struct slice payload)
{
    ASSERT(type != 0 && type != SNAPSHOT_TYPE_END);
    ASSERT(payload.len <= SNAPSHOT_CHUNK_MAX);
    ASSERT(tail->chunks < UINT32_MAX);
    put_chunk(out, tail, type, payload);
    tail->chunks++;
    tail->payload_bytes += payload.len;
}

void snap_write_end(struct buf *out, struct snap_tail *tail)
{
    uint8_t payload[SNAP_END_BYTES];
    store_u64(payload, tail->chunks);
    store_u64(payload + 8, tail->payload_bytes);
    put_chunk(out, tail, SNAPSHOT_TYPE_END, slice_of(payload, sizeof(payload)));
}

/* Reading. */

static enum snap_step bad(struct snap_parser *p, int err, uint64_t where, const char *what)
{
    p->part = SNAP_IS_BAD;
    p->err = err;
    p->where = where;
    p->what = what;
    return SNAP_BAD;
}

/* Fills front up to `want` bytes; true if they are there. */
static bool gather(struct snap_parser *p, struct slice *bytes, size_t want)
{
    size_t n = want - p->front_len;
    n = n < bytes->len ? n : bytes->len;
    if (n > 0) {
        memcpy(p->front + p->front_len, bytes->ptr, n);
    }
    p->front_len += n;
    *bytes = slice_from(*bytes, n);
    return p->front_len == want;
}

static bool take_conf(struct snapshot_head *head, const uint8_t *front)
{
    struct raft_conf *conf = &head->conf;
    conf->voter_count = load_u32(front + 36);
    conf->learner_count = load_u32(front + 40);
    if (conf->voter_count > MEMBERS_MAX || conf->learner_count > MEMBERS_MAX - conf->voter_count) {
        return false;
    }
    const uint8_t *id = front + 80;
    for (uint32_t i = 0; i < conf->voter_count; i++, id += 8) {
        conf->voters[i] = load_u64(id);
    }
    for (uint32_t i = 0; i < conf->learner_count; i++, id += 8) {
        conf->learners[i] = load_u64(id);
    }
    return raft_conf_is_valid(conf);
}

static enum snap_step take_header(struct snap_parser *p)
{
    const uint8_t *front = p->front;
    struct snapshot_head *head = &p->head;
    if (memcmp(front, snap_magic, sizeof(snap_magic)) != 0) {
        return bad(p, ERR_FORMAT, 0, "this is not a snapshot of Quorate");
    }
    if (crc32c(0, front, 60) != load_u32(front + 60)) {
        return bad(p, ERR_CORRUPT, 0, "the header's checksum is wrong");
    }
    if (load_u32(front + 8) != SNAP_VERSION) {
        return bad(p, ERR_FORMAT, 8, "the snapshot was written by a newer version");
    }
    uint32_t crc = load_u32(front + SNAP_HEADER_BYTES - 4);
    if (crc32c(0, front, SNAP_HEADER_BYTES - 4) != crc) {
        return bad(p, ERR_CORRUPT, 64, "the header's checksum is wrong");
    }
    head->cluster_id = load_u64(front + 16);
    head->member_id = load_u64(front + 24);
    head->instance = load_u32(front + 32);
    head->epoch = load_u64(front + 48);
    head->index = load_u64(front + 64);
    head->term = load_u64(front + 72);
    if (head->index == 0 || head->index >= COUNT_MAX || head->term == 0 ||
        head->term >= COUNT_MAX || !take_conf(head, front)) {
        return bad(p, ERR_CORRUPT, 64, "the header contradicts itself");
    }
    p->tail = (struct snap_tail){load_u32(front + 12), crc, SNAP_HEADER_BYTES, 0, 0};
    p->part = SNAP_IN_CHUNK_HEAD;
    p->front_len = 0;
    return SNAP_HEAD;
}

static enum snap_step take_chunk_head(struct snap_parser *p)
{
    p->length = load_u32(p->front + 4);
    p->type = load_u32(p->front + 8);
    bool ends = p->type == SNAPSHOT_TYPE_END;
    if (p->length > SNAPSHOT_CHUNK_MAX || p->type == 0 ||
        load_u32(p->front + 12) != (uint32_t)p->tail.chunks ||
        (ends && p->length != SNAP_END_BYTES)) {
        return bad(p, ERR_CORRUPT, p->tail.offset, "a damaged chunk");
    }
    p->taken = 0;
    p->crc = begin_check(&p->tail, p->front);
    p->part = SNAP_IN_PAYLOAD;
    buf_clear(&p->payload);
    return SNAP_MORE;
}

static enum snap_step chunk_ended(struct snap_parser *p)
{
    uint64_t where = p->tail.offset;
    if (p->crc != load_u32(p->front)) {
        return bad(p, ERR_CORRUPT, where, "a damaged chunk");
    }
    p->tail.chain = p->crc;
    p->tail.offset += SNAP_CHUNK_BYTES + p->length;
    p->front_len = 0;
    if (p->type == SNAPSHOT_TYPE_END) {
        const uint8_t *sums = p->front + SNAP_CHUNK_BYTES;
        if (load_u64(sums) != p->tail.chunks || load_u64(sums + 8) != p->tail.payload_bytes) {
            return bad(p, ERR_CORRUPT, where, "the end counts other chunks than there are");
        }
        p->part = SNAP_BEHIND_END;
        return SNAP_END;
    }
    if (p->tail.chunks == UINT32_MAX) {
        return bad(p, ERR_CORRUPT, where, "too many chunks");
    }
    p->tail.chunks++;
    p->tail.payload_bytes += p->length;
    p->part = SNAP_IN_CHUNK_HEAD;
    return SNAP_CHUNK;
}

static void take_payload(struct snap_parser *p, struct slice *bytes)
{
    size_t n = p->length - p->taken;
    n = n < bytes->len ? n : bytes->len;
    if (n == 0) {
        return;
    }
    p->crc = crc32c(p->crc, bytes->ptr, n);
    if (p->type == SNAPSHOT_TYPE_END) {
        memcpy(p->front + SNAP_CHUNK_BYTES + p->taken, bytes->ptr, n);
    } else if (p->keep) {
        buf_add(&p->payload, bytes->ptr, n);
    }
    p->taken += (uint32_t)n;
    *bytes = slice_from(*bytes, n);
}

enum snap_step snap_parse(struct snap_parser *p, struct slice *bytes)
{
    switch (p->part) {
    case SNAP_IN_HEADER: return gather(p, bytes, SNAP_HEADER_BYTES) ? take_header(p) : SNAP_MORE;
    case SNAP_IN_CHUNK_HEAD:
        if (!gather(p, bytes, SNAP_CHUNK_BYTES)) {
            return SNAP_MORE;
        }
        if (take_chunk_head(p) == SNAP_BAD) {
            return SNAP_BAD;
        }
        take_payload(p, bytes);
        return p->taken == p->length ? chunk_ended(p) : SNAP_MORE;
    case SNAP_IN_PAYLOAD:
        take_payload(p, bytes);
        return p->taken == p->length ? chunk_ended(p) : SNAP_MORE;
    case SNAP_BEHIND_END:
        return bytes->len == 0 ? SNAP_MORE
                               : bad(p, ERR_CORRUPT, p->tail.offset, "bytes behind the end");
    case SNAP_IS_BAD: return SNAP_BAD;
    }
    UNREACHABLE();
}

int snap_parse_end(struct snap_parser *p)
{
    if (p->part == SNAP_BEHIND_END) {
        return 0;
    }
    if (p->part != SNAP_IS_BAD) {
        PROBE("storage.half_snapshot");
        uint64_t taken = p->part == SNAP_IN_PAYLOAD ? p->taken : 0;
        (void)bad(p, ERR_CORRUPT, p->tail.offset + p->front_len + taken,
                  "the file ends before the snapshot does");
    }
    return p->err;
}
