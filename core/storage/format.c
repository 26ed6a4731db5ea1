/* clang-format off */
/* The log on the disk, byte by byte, and how its records are written. replay.c reads them.
 *
 * A data directory holds
 *
 *     lock                       the directory's lock; empty
 *     wal/<sequence>-<first>.wal the segments of the log; both numbers have 16 hexadecimal digits
 *     wal/spare.tmp              the next segment, in preparation
 *     snap/                      snapshots, see snap_format.c
 *
 * Segments are numbered from 1 without gaps; `first` is the index of the next entry when the
 * segment began. The one file of version 1, wal/0000000000000001.wal, is segment 1 as well and is
 * continued.
 *
 * All numbers are little endian. A segment begins with a header of 192 bytes:
 *
 *     offset  size
 *          0     8  magic: 0x89 "QRWAL" 0x0D 0x0A
 *          8     4  version of the format: 2
 *         12     4  salt: random, another one for each segment, so that neither bytes which a
 *                   client chose nor those of the file's life before look like a record
 *         16     8  cluster id
 *         24     8  member id
 *         32     4  instance: random, the same in all segments; by it a cluster tells this log from
 *                   one that was made in its place
 *         36     4  zeros
 *         40     8  sequence
 *         48     8  first
 *         56     4  zeros
 *         60     4  CRC-32C of the 60 bytes above. It stays here in every version, so that "newer"
 *                   can be told from "damaged".
 *         64     4  chain of the segment before, at its end; 0 in the first
 *         68     4  zeros
 *         72     8  the offset where the segment before ends; 0 in the first
 *         80    24  hard state: term (8), vote (8), commit (8)
 *        104     8  boot number
 *        112     8  term of the entry before `first`
 *        120     8  compact to: entries that nobody asks for any more (see TAKEN)
 *        128     8  recover to (see RECOVER)
 *        136    52  zeros
 *        188     4  CRC-32C of the 188 bytes above
 *
 * A header of version 1 is the first 64 bytes alone; its salt is the instance, and the bytes 32..59
 * are zeros.
 *
 * Behind it lie records, each at a multiple of 8:
 *
 *          0     4  head: CRC-32C over the salt (4 bytes), the record's own offset (8 bytes) and
 *                   the bytes 4..23 of the record
 *          4     4  chain: CRC-32C over the bytes 8..23, the payload and its padding, continued
 *                   from the chain of the record before (the first: from the header's last CRC)
 *          8     4  length of the payload, without padding
 *         12     1  type
 *         13     1  flags: 1 means that this record ends its unit
 *         14     2  zeros
 *         16     8  mark: everything before this offset was durable when this record was written
 *         24        payload, padded with zeros to a multiple of 8
 *
 * Payloads:
 *
 *     1 BOOT      boot number (8)
 *     2 HARD      term (8), vote (8), commit (8)
 *     3 ENTRY     term (8), index (8), type (1), the entry's payload
 *     4 CUT       index (8): the entries from this one on are gone
 *     5 SNAPSHOT  index (8), term (8), voters (4), learners (4), their ids (8 each): the log
 *                 restarts behind this index
 *     6 TAKEN     index (8), term (8), compact to (8): there is a durable snapshot of this index,
 *                 and nobody asks for the entries through the last number any more
 *     7 RECOVER   index (8): entries through this one had been durable and were lost; until they
 *                 are committed here again the member votes for nobody
 *
 * Nothing is ever rewritten to take an entry back: an entry with an index that the log already has
 * replaces it and all behind it, as in etcd's log.
 *
 * A *unit* is what must be there together or not at all: one persist of raft, one boot number. Its
 * records are adjacent, in one segment, and the last one carries the flag. Hard state comes before
 * the entries, so without units a torn write could leave a commit index without the entry that it
 * speaks of.
 *
 * Which bytes count: records from the first on, as long as each has a right head and a right chain;
 * of these, whole units. The chain ties a record to all before it, in all segments, so that a
 * record of an older life of the file does not fit.
 *
 * A new segment is begun between two batches (a batch is one write) when the one before has reached
 * its size and another file stands ready. What lies in the old one is synced first. The new file
 * gets its header and its first batch under the name spare.tmp, is synced, is renamed, and the
 * directory is synced; only then is anybody told. Hence a segment with its own name has a whole
 * header, always; the header proves that all of the segment before is durable; and only the last
 * segment can have a torn tail. Segments that nobody needs are renamed to spare.tmp or removed, the
 * oldest first, with a sync of the directory after each, so that a crash leaves no hole. A hole, an
 * end that is not where the next header says, a header that contradicts its name or what came
 * before: none of these comes from a crash, so the boot is refused.
 *
 * A file is allocated ahead in steps, so behind the last record lie zeros, or what the file held in
 * its life before. Neither has a right head, because of the salt.
 *
 * Torn or rotten? A log is written batch by batch: one write, one sync, and only then the next
 * write. A power failure therefore hurts only what follows the last completed sync, but within that
 * it may hurt anything: the first half of the write may be missing while the second is there. Each
 * record carries as its mark the end of what was durable before its batch. So at the first bad
 * place B, look for heads behind it, at every multiple of 8: one whose mark lies behind B proves
 * that B was once durable, and so that it has rotted. In all segments but the last that is proved
 * anyway. Nothing may be cut then, because what was there may have been acknowledged. Without such
 * a proof the rest is a torn tail, which nobody was told about, and is cut. A head needs no
 * neighbours to be checked, and 20 bytes each, so the search is linear whatever the bytes say.
 *
 * What has rotted can be repaired if the head of the record is right and only its payload or
 * padding is not: then its length leads to the next record, and its chain, which the head guards,
 * is what that one continues from. So everything else in the log can still be verified.
 *
 *   - A HARD or BOOT record is superseded by the next sound one. If there is none, the boot is
 *     refused: a vote may be forgotten.
 *   - An ENTRY may have replaced anything that was not committed when it was written, so everything
 *     behind the commit index of that moment is lost, together with the entry itself, until later
 *     records replace it. A snapshot that reaches further makes it superfluous. Otherwise the
 *     log is cut before the first lost entry, and a unit of CUT, HARD and RECOVER says so durably:
 *     the member gets the rest again from a leader, and until then does not vote.
 *   - Everything else, and a bad head, is refused: nobody can tell what was there.
 *
 * What the log said before the last mark is durable; what lies behind the mark was readable, which
 * after a crash of the process alone means only that it is in the page cache, and after a sync that
 * failed not even that it will ever be written. So a boot writes the bytes behind the mark again,
 * in place, together with its BOOT record, and syncs, before anything is vouched for. */
/* clang-format on */
#include "format.h"

#include "base/assert.h"
#include "base/fmt.h"
#include "base/hash.h"
#include "record.h"

static void put_record(struct buf *out, struct wal_tail *tail, const struct wal_record *record,
                       struct slice more)
{
    static const uint8_t zeros[8] = {0};
    size_t length = record->payload.len + more.len;
    size_t padding = wal_padded(length) - length;
    ASSERT(length <= WAL_PAYLOAD_MAX);
    ASSERT(tail->offset % 8 == 0);
    ASSERT(record->mark <= tail->offset);

    uint8_t *head = buf_reserve(out, WAL_RECORD_BYTES + length + padding);
    store_u32(head + 8, (uint32_t)length);
    head[12] = (uint8_t)record->type;
    head[13] = record->ends ? WAL_FLAG_ENDS : 0;
    head[14] = 0;
    head[15] = 0;
    store_u64(head + 16, record->mark);
    uint8_t *payload = head + WAL_RECORD_BYTES;
    memcpy(payload, record->payload.ptr, record->payload.len);
    if (more.len > 0) {
        memcpy(payload + record->payload.len, more.ptr, more.len);
    }
    memcpy(payload + length, zeros, padding);
    tail->chain = crc32c(tail->chain, head + 8, WAL_RECORD_BYTES - 8 + length + padding);
    store_u32(head + 4, tail->chain);
    store_u32(head, wal_head_crc(tail, head));
    out->len += WAL_RECORD_BYTES + length + padding;
    tail->offset += WAL_RECORD_BYTES + length + padding;
}

uint32_t wal_head_crc(const struct wal_tail *tail, const uint8_t *head)
{
    uint8_t place[12];
    store_u32(place, tail->salt);
    store_u64(place + 4, tail->offset);
    return crc32c(crc32c(0, place, sizeof(place)), head + 4, WAL_RECORD_BYTES - 4);
}

void wal_write_header(struct buf *out, const struct wal_header *h, struct wal_tail *tail)
{
    uint8_t header[WAL_HEADER_BYTES] = {0};
    ASSERT(h->sequence > 0 && h->first > 0);
    ASSERT((h->sequence == 1) == (h->before_end == 0));
    memcpy(header, wal_magic, sizeof(wal_magic));
    store_u32(header + 8, WAL_VERSION);
    store_u32(header + 12, h->salt);
    store_u64(header + 16, h->meta.cluster_id);
    store_u64(header + 24, h->meta.member_id);
    store_u32(header + 32, h->instance);
    store_u64(header + 40, h->sequence);
    store_u64(header + 48, h->first);
    store_u32(header + 60, crc32c(0, header, 60));
    store_u32(header + 64, h->before_chain);
    store_u64(header + 72, h->before_end);
    store_u64(header + 80, h->hard.term);
    store_u64(header + 88, h->hard.vote);
    store_u64(header + 96, h->hard.commit);
    store_u64(header + 104, h->boot);
    store_u64(header + 112, h->before_term);
    store_u64(header + 120, h->compact_to);
    store_u64(header + 128, h->recover_to);
    uint32_t crc = crc32c(0, header, WAL_HEADER_BYTES - 4);
    store_u32(header + WAL_HEADER_BYTES - 4, crc);
    buf_add(out, header, sizeof(header));
    *tail = (struct wal_tail){.salt = h->salt, .chain = crc, .offset = WAL_HEADER_BYTES};
}

void wal_format_name(char *name, uint64_t sequence, index_t first)
{
    size_t len = fmt(name, WAL_NAME_BYTES + 1, "%016llx-%016llx.wal", (unsigned long long)sequence,
                     (unsigned long long)first);
    ASSERT(len == WAL_NAME_BYTES);
}

bool wal_parse_name(const char *text, struct wal_name *name)
{
    *name = (struct wal_name){1, 1, true};
    if (strcmp(text, "0000000000000001.wal") == 0) {
        return true;
    }
    name->v1 = false;
    return strlen(text) == WAL_NAME_BYTES && text[16] == '-' && strcmp(text + 33, ".wal") == 0 &&
           slice_hex_to_u64(slice_of(text, 16), &name->sequence) == 0 &&
           slice_hex_to_u64(slice_of(text + 17, 16), &name->first) == 0 && name->sequence > 0 &&
           name->first > 0;
}

void wal_write_boot(struct buf *out, struct wal_tail *tail, uint64_t mark, uint64_t boot)
{
    uint8_t payload[8];
    store_u64(payload, boot);
    const struct wal_record record = {WAL_BOOT, true, mark, slice_of(payload, sizeof(payload))};
    put_record(out, tail, &record, (struct slice){NULL, 0});
}

static void put_snapshot(struct buf *out, struct wal_tail *tail, struct wal_record *record,
                         const struct raft_persist *persist)
{
    uint8_t payload[24 + 8 * 2 * MEMBERS_MAX];
    const struct raft_conf *conf = persist->snapshot_conf;
    ASSERT(conf != NULL && raft_conf_is_valid(conf));
    size_t at = 24;
    store_u64(payload, persist->snapshot_index);
    store_u64(payload + 8, persist->snapshot_term);
    store_u32(payload + 16, conf->voter_count);
    store_u32(payload + 20, conf->learner_count);
    for (uint32_t i = 0; i < conf->voter_count; i++, at += 8) {
        store_u64(payload + at, conf->voters[i]);
    }
    for (uint32_t i = 0; i < conf->learner_count; i++, at += 8) {
        store_u64(payload + at, conf->learners[i]);
    }
    record->type = WAL_SNAPSHOT;
    record->payload = slice_of(payload, at);
    put_record(out, tail, record, (struct slice){NULL, 0});
}

static void put_hard(struct buf *out, struct wal_tail *tail, struct wal_record *record,
                     const struct raft_hard_state *hard)
{
    uint8_t payload[24];
    store_u64(payload, hard->term);
    store_u64(payload + 8, hard->vote);
    store_u64(payload + 16, hard->commit);
    record->type = WAL_HARD;
    record->payload = slice_of(payload, sizeof(payload));
    put_record(out, tail, record, (struct slice){NULL, 0});
}

static void put_entry(struct buf *out, struct wal_tail *tail, struct wal_record *record,
                      const struct raft_entry *entry)
{
    uint8_t front[WAL_ENTRY_BYTES];
    store_u64(front, entry->term);
    store_u64(front + 8, entry->index);
    front[16] = (uint8_t)entry->type;
    record->type = WAL_ENTRY;
    record->payload = slice_of(front, sizeof(front));
    put_record(out, tail, record, entry->payload);
}

static void put_cut(struct buf *out, struct wal_tail *tail, struct wal_record *record, index_t from)
{
    uint8_t payload[8];
    store_u64(payload, from);
    record->type = WAL_CUT;
    record->payload = slice_of(payload, sizeof(payload));
    put_record(out, tail, record, (struct slice){NULL, 0});
}

void wal_write_taken(struct buf *out, struct wal_tail *tail, uint64_t mark, index_t index,
                     term_t term, index_t compact_to)
{
    uint8_t payload[24];
    store_u64(payload, index);
    store_u64(payload + 8, term);
    store_u64(payload + 16, compact_to);
    const struct wal_record record = {WAL_TAKEN, true, mark, slice_of(payload, sizeof(payload))};
    put_record(out, tail, &record, (struct slice){NULL, 0});
}

void wal_write_recover(struct buf *out, struct wal_tail *tail, uint64_t mark, index_t cut_from,
                       const struct raft_hard_state *hard, index_t to)
{
    uint8_t payload[8];
    struct wal_record record = {.mark = mark};
    if (cut_from != 0) {
        put_cut(out, tail, &record, cut_from);
        put_hard(out, tail, &record, hard);
    }
    store_u64(payload, to);
    record = (struct wal_record){WAL_RECOVER, true, mark, slice_of(payload, sizeof(payload))};
    put_record(out, tail, &record, (struct slice){NULL, 0});
}

void wal_write_persist(struct buf *out, struct wal_tail *tail, uint64_t mark,
                       const struct raft_persist *persist, bool hard)
{
    bool snapshot = persist->snapshot_index != 0;
    /* Entries that follow say as much by their index. */
    bool cut = persist->truncate_from != 0 && persist->entry_count == 0;
    hard = hard || (!snapshot && !cut && persist->entry_count == 0);
    size_t left = (size_t)snapshot + (size_t)cut + (size_t)hard + persist->entry_count;
    struct wal_record record = {.mark = mark};
    if (snapshot) {
        record.ends = --left == 0;
        put_snapshot(out, tail, &record, persist);
    }
    if (cut) {
        record.ends = --left == 0;
        put_cut(out, tail, &record, persist->truncate_from);
    }
    if (hard) {
        record.ends = --left == 0;
        put_hard(out, tail, &record, &persist->hard);
    }
    for (size_t i = 0; i < persist->entry_count; i++) {
        record.ends = --left == 0;
        put_entry(out, tail, &record, &persist->entries[i]);
    }
    ASSERT(left == 0);
}
