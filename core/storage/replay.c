/* Reads a log back. Its bytes are hostile: they come from a disk. See format.c for the rules. */
#include "base/assert.h"
#include "base/hash.h"
#include "base/probe.h"
#include "record.h"

/* Numbers that are counted up end long before they could wrap around. */
#define COUNT_MAX (UINT64_C(1) << 62)

/* The head of the record at tail.offset, if its checksum is right and it could be one of ours. */
static bool head_is_right(struct slice file, const struct wal_tail *tail)
{
    if (tail->offset > file.len || file.len - tail->offset < WAL_RECORD_BYTES) {
        return false;
    }
    const uint8_t *head = file.ptr + tail->offset;
    return load_u32(head) == wal_head_crc(tail, head) && load_u64(head + 16) <= tail->offset &&
           load_u32(head + 8) <= WAL_PAYLOAD_MAX;
}

bool wal_read_record(struct slice file, struct wal_tail *tail, struct wal_record *record)
{
    if (!head_is_right(file, tail)) {
        return false;
    }
    const uint8_t *head = file.ptr + tail->offset;
    size_t length = load_u32(head + 8);
    size_t whole = WAL_RECORD_BYTES + wal_padded(length);
    if (file.len - tail->offset < whole) {
        return false;
    }
    uint32_t chain = crc32c(tail->chain, head + 8, whole - 8);
    if (chain != load_u32(head + 4)) {
        return false;
    }
    *record = (struct wal_record){(enum wal_type)head[12], (head[13] & WAL_FLAG_ENDS) != 0,
                                  load_u64(head + 16), slice_of(head + WAL_RECORD_BYTES, length)};
    tail->chain = chain;
    tail->offset += whole;
    return true;
}

static int fail(struct wal_replay *r, int err, uint64_t where, const char *what)
{
    r->what = what;
    r->where = where;
    return err;
}

static int read_header(struct wal_replay *r, struct slice file)
{
    const uint8_t *p = file.ptr;
    if (file.len < WAL_HEADER_BYTES) {
        return fail(r, ERR_CORRUPT, file.len, "the file is shorter than a log's header");
    }
    if (memcmp(p, wal_magic, sizeof(wal_magic)) != 0) {
        return fail(r, ERR_FORMAT, 0, "this is not a log of Quorate");
    }
    uint32_t crc = load_u32(p + 60);
    if (crc32c(0, p, 60) != crc) {
        return fail(r, ERR_CORRUPT, 0, "the header's checksum is wrong");
    }
    if (load_u32(p + 8) != WAL_VERSION) {
        return fail(r, ERR_FORMAT, 8, "the log was written by a newer version");
    }
    r->meta = (struct storage_meta){load_u64(p + 16), load_u64(p + 24)};
    r->tail = (struct wal_tail){load_u32(p + 12), crc, WAL_HEADER_BYTES};
    r->mark = WAL_HEADER_BYTES;
    return 0;
}

static index_t last_index(const struct wal_replay *r)
{
    return r->snapshot_index + r->entry_count;
}

static term_t last_term(const struct wal_replay *r)
{
    return r->entry_count > 0 ? r->entries[r->entry_count - 1].term : r->snapshot_term;
}

term_t wal_replay_term(const struct wal_replay *r, index_t index)
{
    if (index == r->snapshot_index) {
        return r->snapshot_term;
    }
    if (index < r->snapshot_index || index > last_index(r)) {
        return 0;
    }
    return r->entries[index - r->snapshot_index - 1].term;
}

static int take_boot(struct wal_replay *r, struct slice payload)
{
    struct reader in = reader_of(payload);
    uint64_t boot = read_u64(&in);
    if (in.failed || in.len > 0 || boot <= r->boot || boot >= COUNT_MAX) {
        return ERR_CORRUPT;
    }
    r->boot = boot;
    return 0;
}

static int take_hard(struct wal_replay *r, struct slice payload)
{
    struct reader in = reader_of(payload);
    struct raft_hard_state hard;
    hard.term = read_u64(&in);
    hard.vote = read_u64(&in);
    hard.commit = read_u64(&in);
    if (in.failed || in.len > 0 || hard.term < r->hard.term || hard.term >= COUNT_MAX) {
        return ERR_CORRUPT;
    }
    r->hard = hard;
    return 0;
}

static int cut_from(struct wal_replay *r, index_t from)
{
    if (from <= r->snapshot_index || from > last_index(r) + 1) {
        return ERR_CORRUPT;
    }
    r->entry_count = (size_t)(from - r->snapshot_index - 1);
    return 0;
}

static int take_entry(struct wal_replay *r, struct slice payload)
{
    struct reader in = reader_of(payload);
    struct raft_entry entry;
    entry.term = read_u64(&in);
    entry.index = read_u64(&in);
    uint8_t type = read_u8(&in);
    if (in.failed || type > RAFT_ENTRY_CONF || cut_from(r, entry.index) != 0 ||
        entry.term < last_term(r) || entry.term >= COUNT_MAX) {
        return ERR_CORRUPT;
    }
    entry.type = (enum raft_entry_type)type;
    entry.payload = slice_of(in.ptr, in.len);
    if (r->entry_count == r->entry_cap) {
        r->entry_cap = r->entry_cap == 0 ? 64 : r->entry_cap * 2;
        r->entries = mem_resize(r->mem, r->entries, r->entry_cap * sizeof(*r->entries));
    }
    r->entries[r->entry_count++] = entry;
    return 0;
}

static int take_cut(struct wal_replay *r, struct slice payload)
{
    struct reader in = reader_of(payload);
    index_t from = read_u64(&in);
    return in.failed || in.len > 0 ? ERR_CORRUPT : cut_from(r, from);
}

static int take_snapshot(struct wal_replay *r, struct slice payload)
{
    struct reader in = reader_of(payload);
    struct raft_conf conf = {0};
    index_t index = read_u64(&in);
    term_t term = read_u64(&in);
    conf.voter_count = read_u32(&in);
    conf.learner_count = read_u32(&in);
    if (in.failed || index <= r->snapshot_index || index >= COUNT_MAX ||
        conf.voter_count > MEMBERS_MAX || conf.learner_count > MEMBERS_MAX) {
        return ERR_CORRUPT;
    }
    for (uint32_t i = 0; i < conf.voter_count; i++) {
        conf.voters[i] = read_u64(&in);
    }
    for (uint32_t i = 0; i < conf.learner_count; i++) {
        conf.learners[i] = read_u64(&in);
    }
    if (in.failed || in.len > 0 || !raft_conf_is_valid(&conf)) {
        return ERR_CORRUPT;
    }
    r->snapshot_index = index;
    r->snapshot_term = term;
    r->snapshot_conf = conf;
    r->taken_index = index;
    r->compact_to = index;
    r->entry_count = 0;
    return 0;
}

static int take_taken(struct wal_replay *r, struct slice payload)
{
    struct reader in = reader_of(payload);
    index_t index = read_u64(&in);
    term_t term = read_u64(&in);
    index_t compact_to = read_u64(&in);
    if (in.failed || in.len > 0 || index < r->taken_index || index == 0 || compact_to > index ||
        compact_to < r->compact_to || term != wal_replay_term(r, index)) {
        return ERR_CORRUPT;
    }
    r->taken_index = index;
    r->compact_to = compact_to;
    return 0;
}

static int take(struct wal_replay *r, const struct wal_record *record)
{
    switch (record->type) {
    case WAL_BOOT: return take_boot(r, record->payload);
    case WAL_HARD: return take_hard(r, record->payload);
    case WAL_ENTRY: return take_entry(r, record->payload);
    case WAL_CUT: return take_cut(r, record->payload);
    case WAL_TAKEN: return take_taken(r, record->payload);
    case WAL_SNAPSHOT: return take_snapshot(r, record->payload);
    default: return ERR_FORMAT;
    }
}

/* Takes the records of one whole unit, from r->tail up to `end`. */
static int take_unit(struct wal_replay *r, struct slice file, const struct wal_tail *end)
{
    struct wal_record record;
    while (r->tail.offset < end->offset) {
        uint64_t where = r->tail.offset;
        const uint8_t *head = file.ptr + where;
        size_t length = load_u32(head + 8);
        record.type = (enum wal_type)head[12];
        record.payload = slice_of(head + WAL_RECORD_BYTES, length);
        int err = take(r, &record);
        if (err == ERR_FORMAT) {
            return fail(r, err, where, "a record of a type that only a newer version knows");
        }
        if (err != 0) {
            return fail(r, err, where, "a record that contradicts those before it");
        }
        r->tail.offset += WAL_RECORD_BYTES + wal_padded(length);
    }
    r->tail = *end;
    if (r->hard.commit > last_index(r)) {
        return fail(r, ERR_CORRUPT, end->offset, "a commit index behind the last entry");
    }
    return 0;
}

/* Is there a proof behind the bad place that it was durable once? */
static bool is_rotten(struct slice file, const struct wal_tail *bad)
{
    struct wal_tail at = *bad;
    for (at.offset += 8; at.offset < file.len; at.offset += 8) {
        if (head_is_right(file, &at) && load_u64(file.ptr + at.offset + 16) > bad->offset) {
            return true;
        }
    }
    return false;
}

int wal_replay(struct wal_replay *r, struct mem *mem, struct slice file)
{
    *r = (struct wal_replay){.mem = mem};
    int err = read_header(r, file);
    if (err != 0) {
        return err;
    }
    struct wal_tail at = r->tail;
    struct wal_record record;
    while (wal_read_record(file, &at, &record)) {
        r->mark = record.mark > r->mark ? record.mark : r->mark;
        if (record.ends) {
            err = take_unit(r, file, &at);
            if (err != 0) {
                return err;
            }
        }
    }
    if (at.offset < file.len && is_rotten(file, &at)) {
        PROBE("storage.rotten");
        return fail(r, ERR_CORRUPT, at.offset, "a bad record, though what follows it is sound");
    }
    if (r->mark > r->tail.offset) {
        return fail(r, ERR_CORRUPT, r->tail.offset,
                    "a unit without its end, though it was durable");
    }
    if (r->tail.offset < file.len) {
        PROBE("storage.torn_tail");
    }
    return 0;
}

void wal_replay_fini(struct wal_replay *r)
{
    mem_free(r->mem, r->entries);
    r->entries = NULL;
}
