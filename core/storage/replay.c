/* Reads a log back, segment by segment. Its bytes are hostile: they come from a disk. See format.c
 * for the rules. */
#include "base/assert.h"
#include "base/hash.h"
#include "base/probe.h"
#include "record.h"

/* Numbers that are counted up end long before they could wrap around. */
#define COUNT_MAX (UINT64_C(1) << 62)
/* More rotten records than this in one segment are no accident that is worth a repair. */
#define ROTTEN_MAX 4096

/* The head of the record at tail.offset, if its checksum is right and it could be one of ours. */
static bool head_is_right(struct slice file, const struct wal_tail *tail)
{
    if (tail->offset > file.len || file.len - tail->offset < WAL_RECORD_BYTES) {
        return false;
    }
    const uint8_t *head = file.ptr + tail->offset;
    return head[12] != 0 && head[13] <= WAL_FLAG_ENDS && head[14] == 0 && head[15] == 0 &&
           load_u64(head + 16) <= tail->offset && load_u32(head + 8) <= WAL_PAYLOAD_MAX &&
           load_u32(head) == wal_head_crc(tail, head);
}

enum wal_step wal_read_record(struct slice file, struct wal_tail *tail, struct wal_record *record)
{
    if (!head_is_right(file, tail)) {
        return WAL_NONE;
    }
    const uint8_t *head = file.ptr + tail->offset;
    size_t length = load_u32(head + 8);
    size_t whole = WAL_RECORD_BYTES + wal_padded(length);
    if (file.len - tail->offset < whole) {
        return WAL_NONE;
    }
    uint32_t chain = crc32c(tail->chain, head + 8, whole - 8);
    *record = (struct wal_record){(enum wal_type)head[12], (head[13] & WAL_FLAG_ENDS) != 0,
                                  load_u64(head + 16), slice_of(head + WAL_RECORD_BYTES, length)};
    tail->chain = load_u32(head + 4);
    tail->offset += whole;
    return chain == tail->chain ? WAL_SOUND : WAL_ROTTEN;
}

static int fail(struct wal_replay *r, int err, uint64_t where, const char *what)
{
    r->what = what;
    r->where = where;
    return err;
}

index_t wal_replay_last(const struct wal_replay *r)
{
    return r->snapshot_index + r->entry_count;
}

static term_t last_term(const struct wal_replay *r)
{
    return r->entry_count > 0 ? r->entries[r->entry_count - 1].term : r->snapshot_term;
}

static bool is_lost(const struct wal_replay *r, index_t index)
{
    return r->lost_first != 0 && index >= r->lost_first && index <= r->lost_last;
}

term_t wal_replay_term(const struct wal_replay *r, index_t index)
{
    if (index == r->snapshot_index) {
        return r->snapshot_term;
    }
    if (index < r->snapshot_index || index > wal_replay_last(r) || is_lost(r, index)) {
        return 0;
    }
    return r->entries[index - r->snapshot_index - 1].term;
}

bool wal_replay_fits(const struct wal_replay *r, index_t index, term_t term)
{
    term_t known = wal_replay_term(r, index);
    bool outside = index > wal_replay_last(r);
    return !outside && (known == term || known == 0);
}

/* What was lost --------------------------------------------------------------------------------*/

/* The range of what is lost may cover sound entries between; they come again with the others. */
static void lose(struct wal_replay *r, index_t from, index_t through)
{
    if (from > through) {
        return;
    }
    if (r->lost_first == 0 || from < r->lost_first) {
        r->lost_first = from;
    }
    if (through > r->lost_last) {
        r->lost_last = through;
    }
}

/* The entries from `from` on are gone or replaced, and what was lost among them too. */
static void lost_cut(struct wal_replay *r, index_t from)
{
    r->gaps = 0;
    if (r->lost_first >= from) {
        r->lost_first = 0;
        r->lost_last = 0;
    } else if (r->lost_last >= from) {
        r->lost_last = from - 1;
    }
}

static void push_entry(struct wal_replay *r, const struct raft_entry *entry)
{
    if (r->entry_count == r->entry_cap) {
        r->entry_cap = r->entry_cap == 0 ? 64 : r->entry_cap * 2;
        r->entries = mem_resize(r->mem, r->entries, r->entry_cap * sizeof(*r->entries));
    }
    r->entries[r->entry_count++] = *entry;
}

/* Puts something into the places of entries that rotted, up to and with `through`. */
static bool fill_gaps(struct wal_replay *r, index_t through)
{
    index_t last = wal_replay_last(r);
    if (through <= last) {
        return true;
    }
    if (through - last > r->gaps) {
        return false;
    }
    for (index_t i = last + 1; i <= through; i++) {
        const struct raft_entry entry = {.term = last_term(r), .index = i};
        push_entry(r, &entry);
    }
    r->gaps -= through - last;
    lose(r, last + 1, through);
    return true;
}

/* An entry has rotted: which one, and what it replaced, is not known. */
static void take_rotten_entry(struct wal_replay *r)
{
    index_t committed = r->hard.commit > r->snapshot_index ? r->hard.commit : r->snapshot_index;
    lose(r, committed + 1, wal_replay_last(r));
    r->gaps++;
}

static int take_rotten(struct wal_replay *r, enum wal_type type, uint64_t where)
{
    switch (type) {
    case WAL_ENTRY: take_rotten_entry(r); return 0;
    case WAL_HARD: r->hard_rotten = where; return 0;
    case WAL_BOOT: r->boot_rotten = where; return 0;
    default: return ERR_CORRUPT;
    }
}

/* Records --------------------------------------------------------------------------------------*/

static int take_boot(struct wal_replay *r, struct slice payload)
{
    struct reader in = reader_of(payload);
    uint64_t boot = read_u64(&in);
    if (in.failed || in.len > 0 || boot <= r->boot || boot >= COUNT_MAX) {
        return ERR_CORRUPT;
    }
    r->boot = boot;
    r->boot_rotten = 0;
    return 0;
}

static int take_hard(struct wal_replay *r, struct slice payload)
{
    struct reader in = reader_of(payload);
    struct raft_hard_state hard;
    hard.term = read_u64(&in);
    hard.vote = read_u64(&in);
    hard.commit = read_u64(&in);
    if (in.failed || in.len > 0 || hard.term < r->hard.term || hard.term >= COUNT_MAX ||
        hard.commit >= COUNT_MAX) {
        return ERR_CORRUPT;
    }
    r->hard = hard;
    r->hard_rotten = 0;
    return 0;
}

static int cut_from(struct wal_replay *r, index_t from)
{
    if (from <= r->install_index || !fill_gaps(r, from - 1)) {
        return ERR_CORRUPT;
    }
    if (from <= r->snapshot_index) {
        /* It goes back behind the first entry of the oldest segment, to where one was written that
         * is gone by now. What lies there is not needed any more, or no snapshot will do. */
        PROBE("storage.cut_behind_first_segment");
        r->snapshot_index = from - 1;
        r->snapshot_term = 0;
    }
    r->entry_count = (size_t)(from - r->snapshot_index - 1);
    lost_cut(r, from);
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
    push_entry(r, &entry);
    if (entry.index > r->segment_max) {
        r->segment_max = entry.index;
    }
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
    if (in.failed || index <= r->install_index || index >= COUNT_MAX ||
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
    r->install_index = index;
    r->compact_to = index;
    r->entry_count = 0;
    lost_cut(r, 0);
    return 0;
}

static int take_taken(struct wal_replay *r, struct slice payload)
{
    struct reader in = reader_of(payload);
    index_t index = read_u64(&in);
    term_t term = read_u64(&in);
    index_t compact_to = read_u64(&in);
    if (in.failed || in.len > 0 || index == 0 || index < r->install_index || term == 0 ||
        !fill_gaps(r, index) || compact_to > index || compact_to < r->compact_to ||
        !wal_replay_fits(r, index, term)) {
        return ERR_CORRUPT;
    }
    r->compact_to = compact_to;
    return 0;
}

static int take_recover(struct wal_replay *r, struct slice payload)
{
    struct reader in = reader_of(payload);
    r->recover_to = read_u64(&in);
    return in.failed || in.len > 0 || r->recover_to >= COUNT_MAX ? ERR_CORRUPT : 0;
}

static int take(struct wal_replay *r, enum wal_type type, struct slice payload)
{
    switch (type) {
    case WAL_BOOT: return take_boot(r, payload);
    case WAL_HARD: return take_hard(r, payload);
    case WAL_ENTRY: return take_entry(r, payload);
    case WAL_CUT: return take_cut(r, payload);
    case WAL_SNAPSHOT: return take_snapshot(r, payload);
    case WAL_TAKEN: return take_taken(r, payload);
    case WAL_RECOVER: return take_recover(r, payload);
    default: return ERR_FORMAT;
    }
}

/* Takes the records of one whole unit, from r->tail up to `end`. */
static int take_unit(struct wal_replay *r, struct slice file, const struct wal_tail *end)
{
    while (r->tail.offset < end->offset) {
        uint64_t where = r->tail.offset;
        const uint8_t *head = file.ptr + where;
        size_t length = load_u32(head + 8);
        enum wal_type type = (enum wal_type)head[12];
        int err;
        if (r->rotten_taken < r->rotten_count && r->rotten[r->rotten_taken] == where) {
            r->rotten_taken++;
            err = take_rotten(r, type, where);
        } else {
            err = take(r, type, slice_of(head + WAL_RECORD_BYTES, length));
        }
        if (err == ERR_FORMAT) {
            return fail(r, err, where, "a record of a type that only a newer version knows");
        }
        if (err != 0) {
            return fail(r, err, where, "a record that contradicts those before it");
        }
        r->tail.offset += WAL_RECORD_BYTES + wal_padded(length);
    }
    r->tail = *end;
    if (r->hard_rotten == 0 && !fill_gaps(r, r->hard.commit)) {
        return fail(r, ERR_CORRUPT, end->offset, "a commit index behind the last entry");
    }
    return 0;
}

/* Segments -------------------------------------------------------------------------------------*/

static bool read_hard(struct wal_header *h, const uint8_t *p)
{
    h->before_chain = load_u32(p + 64);
    h->before_end = load_u64(p + 72);
    h->hard = (struct raft_hard_state){load_u64(p + 80), load_u64(p + 88), load_u64(p + 96)};
    h->boot = load_u64(p + 104);
    h->before_term = load_u64(p + 112);
    h->compact_to = load_u64(p + 120);
    h->recover_to = load_u64(p + 128);
    return h->sequence > 0 && h->sequence < COUNT_MAX && h->first > 0 && h->first < COUNT_MAX &&
           (h->sequence == 1) == (h->before_end == 0) && h->hard.term < COUNT_MAX &&
           h->hard.commit < h->first && h->boot < COUNT_MAX && h->before_term <= h->hard.term &&
           (h->first == 1) == (h->before_term == 0) && h->compact_to < h->first &&
           h->recover_to < COUNT_MAX;
}

int wal_read_header(struct slice file, struct wal_header *h, struct wal_tail *tail,
                    const char **what, uint64_t *where)
{
    const uint8_t *p = file.ptr;
    *where = 0;
    *h = (struct wal_header){0};
    if (file.len < WAL_HEADER_V1_BYTES) {
        *where = file.len;
        *what = "the file is shorter than a log's header";
        return ERR_CORRUPT;
    }
    if (memcmp(p, wal_magic, sizeof(wal_magic)) != 0) {
        *what = "this is not a log of Quorate";
        return ERR_FORMAT;
    }
    uint32_t crc = load_u32(p + 60);
    *what = "the header's checksum is wrong";
    if (crc32c(0, p, 60) != crc) {
        return ERR_CORRUPT;
    }
    h->version = load_u32(p + 8);
    h->salt = load_u32(p + 12);
    h->meta = (struct storage_meta){load_u64(p + 16), load_u64(p + 24)};
    if (h->version == 1) {
        h->instance = h->salt;
        h->sequence = 1;
        h->first = 1;
        *tail = (struct wal_tail){h->salt, crc, WAL_HEADER_V1_BYTES};
        return 0;
    }
    if (h->version != WAL_VERSION) {
        *where = 8;
        *what = "the log was written by a newer version";
        return ERR_FORMAT;
    }
    if (file.len < WAL_HEADER_BYTES) {
        *where = file.len;
        *what = "the file is shorter than a log's header";
        return ERR_CORRUPT;
    }
    *where = WAL_HEADER_V1_BYTES;
    crc = load_u32(p + WAL_HEADER_BYTES - 4);
    if (crc32c(0, p, WAL_HEADER_BYTES - 4) != crc) {
        return ERR_CORRUPT;
    }
    h->instance = load_u32(p + 32);
    h->sequence = load_u64(p + 40);
    h->first = load_u64(p + 48);
    *what = "the header contradicts itself";
    *tail = (struct wal_tail){h->salt, crc, WAL_HEADER_BYTES};
    return read_hard(h, p) ? 0 : ERR_CORRUPT;
}

/* Does the header continue what was read before? */
static int follow(struct wal_replay *r, const struct wal_header *h)
{
    if (h->meta.cluster_id != r->meta.cluster_id || h->meta.member_id != r->meta.member_id ||
        h->instance != r->instance) {
        return fail(r, ERR_FOREIGN, 16, "it belongs to the log of another member");
    }
    if (h->before_end != r->tail.offset || h->before_chain != r->tail.chain) {
        r->in_segment_before = true;
        return fail(r, ERR_CORRUPT, r->tail.offset,
                    "a bad record, though the next segment follows sound ones");
    }
    if (!fill_gaps(r, h->first - 1)) {
        return fail(r, ERR_CORRUPT, WAL_HEADER_V1_BYTES,
                    "a header that contradicts the segment "
                    "before");
    }
    bool fits = h->first == wal_replay_last(r) + 1 && h->compact_to == r->compact_to &&
                h->recover_to == r->recover_to && h->hard.term >= r->hard.term &&
                h->boot >= r->boot && h->before_term >= last_term(r);
    fits = fits &&
           (r->hard_rotten != 0 || (h->hard.term == r->hard.term && h->hard.vote == r->hard.vote &&
                                    h->hard.commit == r->hard.commit));
    if (!fits || (r->boot_rotten == 0 && h->boot != r->boot)) {
        return fail(r, ERR_CORRUPT, WAL_HEADER_V1_BYTES,
                    "a header that contradicts the segment "
                    "before");
    }
    return 0;
}

static int begin_segment(struct wal_replay *r, struct slice file, const struct wal_name *name)
{
    struct wal_header *h = &r->header;
    struct wal_tail tail;
    int err = wal_read_header(file, h, &tail, &r->what, &r->where);
    if (err != 0) {
        return err;
    }
    if (name != NULL && (h->sequence != name->sequence || h->first != name->first ||
                         (h->version == 1) != name->v1)) {
        return fail(r, ERR_CORRUPT, 40, "the header is that of a segment with another name");
    }
    if (r->segments > 0) {
        err = follow(r, h);
        if (err != 0) {
            return err;
        }
    } else {
        r->meta = h->meta;
        r->instance = h->instance;
        r->snapshot_index = h->first - 1;
        r->snapshot_term = h->before_term;
        r->compact_to = h->compact_to;
        r->recover_to = h->recover_to;
    }
    if (h->version != 1) {
        r->hard = h->hard;
        r->boot = h->boot;
        r->hard_rotten = 0;
        r->boot_rotten = 0;
    }
    r->segments++;
    r->segment_max = 0;
    r->tail = tail;
    r->mark = tail.offset;
    r->rotten_count = 0;
    r->rotten_taken = 0;
    return 0;
}

/* The highest mark of any right head behind the bad place, and where the last such head ends. */
static uint64_t find_proof(struct slice file, const struct wal_tail *bad, uint64_t *end)
{
    struct wal_tail at = *bad;
    uint64_t proof = 0;
    *end = bad->offset;
    for (; at.offset < file.len; at.offset += 8) {
        if (head_is_right(file, &at)) {
            uint64_t mark = load_u64(file.ptr + at.offset + 16);
            proof = mark > proof ? mark : proof;
            *end = at.offset + WAL_RECORD_BYTES;
        }
    }
    return proof;
}

static bool push_rotten(struct wal_replay *r, uint64_t offset)
{
    if (r->rotten_count == ROTTEN_MAX) {
        return false;
    }
    if (r->rotten_count == r->rotten_cap) {
        r->rotten_cap = r->rotten_cap == 0 ? 8 : r->rotten_cap * 2;
        r->rotten = mem_resize(r->mem, r->rotten, r->rotten_cap * sizeof(*r->rotten));
    }
    r->rotten[r->rotten_count++] = offset;
    r->rotten_all++;
    return true;
}

static bool is_repairable(enum wal_type type)
{
    return type == WAL_ENTRY || type == WAL_HARD || type == WAL_BOOT;
}

static int take_records(struct wal_replay *r, struct slice file, bool last, struct wal_tail *at)
{
    struct wal_record record;
    uint64_t end;
    uint64_t proof = last ? 0 : UINT64_MAX;
    bool searched = !last;
    for (;;) {
        struct wal_tail before = *at;
        enum wal_step step = wal_read_record(file, at, &record);
        if (step == WAL_ROTTEN && !searched) {
            searched = true;
            proof = find_proof(file, &before, &end);
        }
        if (step == WAL_NONE || (step == WAL_ROTTEN && proof <= before.offset)) {
            *at = before;
            return 0;
        }
        if (step == WAL_ROTTEN && (!is_repairable(record.type) || !push_rotten(r, before.offset))) {
            return fail(r, ERR_CORRUPT, before.offset,
                        "a bad record, though what follows it is sound");
        }
        r->mark = record.mark > r->mark ? record.mark : r->mark;
        if (step == WAL_ROTTEN && last && proof > r->mark) {
            r->mark = proof; /* it may lie in a torn tail, which will be cut */
        }
        if (record.ends) {
            int err = take_unit(r, file, at);
            if (err != 0) {
                return err;
            }
        }
    }
}

/* What lies behind the last record: a torn tail, an older life of the file, or damage. */
static int judge_tail(struct wal_replay *r, struct slice file, const struct wal_tail *at)
{
    uint64_t end;
    if (find_proof(file, at, &end) > at->offset) {
        PROBE("storage.rotten");
        return fail(r, ERR_CORRUPT, at->offset, "a bad record, though what follows it is sound");
    }
    if (r->mark > r->tail.offset) {
        return fail(r, ERR_CORRUPT, r->tail.offset,
                    "a unit without its end, though it was durable");
    }
    r->torn = end - r->tail.offset;
    if (r->torn > 0) {
        PROBE("storage.torn_tail");
    }
    if (r->hard_rotten != 0) {
        return fail(r, ERR_CORRUPT, r->hard_rotten,
                    "the last hard state has rotted, and with it perhaps a vote");
    }
    if (r->boot_rotten != 0) {
        return fail(r, ERR_CORRUPT, r->boot_rotten, "the last boot number has rotted");
    }
    index_t last = wal_replay_last(r) + r->gaps;
    return fill_gaps(r, last) ? 0 : ERR_CORRUPT;
}

void wal_replay_init(struct wal_replay *r, struct mem *mem)
{
    *r = (struct wal_replay){.mem = mem};
}

int wal_replay_segment(struct wal_replay *r, struct slice file, const struct wal_name *name,
                       bool last)
{
    int err = begin_segment(r, file, name);
    if (err != 0) {
        return err;
    }
    struct wal_tail at = r->tail;
    err = take_records(r, file, last, &at);
    if (err == 0 && last) {
        err = judge_tail(r, file, &at);
    }
    return err;
}

int wal_replay(struct wal_replay *r, struct mem *mem, struct slice file)
{
    wal_replay_init(r, mem);
    return wal_replay_segment(r, file, NULL, true);
}

void wal_replay_forget(struct wal_replay *r, index_t index)
{
    if (index <= r->snapshot_index) {
        return;
    }
    ASSERT(index <= wal_replay_last(r));
    size_t count = (size_t)(index - r->snapshot_index);
    r->snapshot_term = r->entries[count - 1].term;
    r->snapshot_index = index;
    r->entry_count -= count;
    memmove(r->entries, r->entries + count, r->entry_count * sizeof(*r->entries));
    if (r->lost_last <= index) {
        r->lost_first = 0;
        r->lost_last = 0;
    } else if (r->lost_first <= index && r->lost_first != 0) {
        r->lost_first = index + 1;
    }
}

void wal_replay_fini(struct wal_replay *r)
{
    mem_free(r->mem, r->entries);
    mem_free(r->mem, r->rotten);
    r->entries = NULL;
    r->rotten = NULL;
}
