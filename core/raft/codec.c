/* The bytes of a message: one record of a peer link.
 *
 *   version (1 byte), type (1), flags (1: pre, 2: force, 4: reject, 8: quiet), from (8, little
 * endian), to (8), then numbers as base-128 varints, least significant group first: boot, to_boot,
 * term, index, log_term, commit, hint_index, hint_term, context, sent_ns (8 bytes, little endian: a
 * clock reading is never short), APPEND, PROPOSE: entry count, then each entry: type (1 byte), term
 * as varint, payload length (4 bytes), payload. Indexes follow `index`; a PROPOSE has none.
 * SNAPSHOT: voter count, learner count, ids (8 bytes each).
 *
 * A field that a type does not use is 0 and costs one byte. Nothing may follow. An entry takes 6
 * bytes at least, so that a record cannot make us ask for more than 8 times its length. */
#include "raft/message.h"

#include "base/assert.h"

#define VERSION         1
#define FLAG_PRE        1
#define FLAG_FORCE      2
#define FLAG_REJECT     4
#define FLAG_QUIET      8
#define ENTRY_BYTES_MIN 6

static void add_varint(struct buf *out, uint64_t v)
{
    while (v >= 128) {
        buf_add_u8(out, (uint8_t)(v | 128));
        v >>= 7;
    }
    buf_add_u8(out, (uint8_t)v);
}

static uint64_t read_varint(struct reader *r)
{
    uint64_t v = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
        uint8_t byte = read_u8(r);
        v |= (uint64_t)(byte & 127) << shift;
        if (byte < 128) {
            /* One number, one form: no bits past the 64th, no empty last group. */
            if ((shift == 63 && byte > 1) || (shift > 0 && byte == 0)) {
                r->failed = true;
            }
            return v;
        }
    }
    r->failed = true;
    return 0;
}

static bool has_entries(enum raft_message_type type)
{
    return type == RAFT_APPEND || type == RAFT_PROPOSE;
}

static void add_conf(struct buf *out, const struct raft_conf *conf)
{
    add_varint(out, conf->voter_count);
    add_varint(out, conf->learner_count);
    for (uint32_t i = 0; i < conf->voter_count; i++) {
        buf_add_u64(out, conf->voters[i]);
    }
    for (uint32_t i = 0; i < conf->learner_count; i++) {
        buf_add_u64(out, conf->learners[i]);
    }
}

void raft_message_encode(const struct raft_message *m, struct buf *out)
{
    int flags = (m->pre ? FLAG_PRE : 0) | (m->force ? FLAG_FORCE : 0) |
                (m->reject ? FLAG_REJECT : 0) | (m->quiet ? FLAG_QUIET : 0);
    buf_add_u8(out, VERSION);
    buf_add_u8(out, (uint8_t)m->type);
    buf_add_u8(out, (uint8_t)flags);
    buf_add_u64(out, m->from);
    buf_add_u64(out, m->to);
    add_varint(out, m->boot);
    add_varint(out, m->to_boot);
    add_varint(out, m->term);
    add_varint(out, m->index);
    add_varint(out, m->log_term);
    add_varint(out, m->commit);
    add_varint(out, m->hint_index);
    add_varint(out, m->hint_term);
    add_varint(out, m->context);
    buf_add_u64(out, (uint64_t)m->sent_ns);
    if (has_entries(m->type)) {
        add_varint(out, m->entry_count);
        for (size_t i = 0; i < m->entry_count; i++) {
            const struct raft_entry *entry = &m->entries[i];
            buf_add_u8(out, (uint8_t)entry->type);
            add_varint(out, entry->term);
            buf_add_u32(out, (uint32_t)entry->payload.len);
            buf_add_slice(out, entry->payload);
        }
    } else if (m->type == RAFT_SNAPSHOT) {
        ASSERT(m->conf != NULL);
        add_conf(out, m->conf);
    }
}

void raft_message_space_init(struct raft_message_space *space, struct mem *mem)
{
    memset(space, 0, sizeof(*space));
    space->mem = mem;
}

void raft_message_space_fini(struct raft_message_space *space)
{
    mem_free(space->mem, space->entries);
    space->entries = NULL;
    space->entry_cap = 0;
}

static int read_entries(struct reader *r, struct raft_message_space *space, struct raft_message *m)
{
    uint64_t count = read_varint(r);
    if (r->failed || count > r->len / ENTRY_BYTES_MIN || m->index > UINT64_MAX - count) {
        return ERR_PROTO;
    }
    if (space->entry_cap < count) {
        mem_free(space->mem, space->entries);
        space->entries = mem_alloc(space->mem, count * sizeof(*space->entries));
        space->entry_cap = count;
    }
    for (size_t i = 0; i < count; i++) {
        struct raft_entry *entry = &space->entries[i];
        uint8_t type = read_u8(r);
        entry->term = read_varint(r);
        entry->index = m->type == RAFT_APPEND ? m->index + 1 + i : 0;
        entry->payload = read_bytes(r, read_u32(r));
        if (r->failed || type > RAFT_ENTRY_CONF) {
            return ERR_PROTO;
        }
        entry->type = (enum raft_entry_type)type;
    }
    m->entries = space->entries;
    m->entry_count = count;
    return 0;
}

static int read_conf(struct reader *r, struct raft_message_space *space, struct raft_message *m)
{
    uint64_t voters = read_varint(r);
    uint64_t learners = read_varint(r);
    if (r->failed || voters > MEMBERS_MAX || learners > MEMBERS_MAX) {
        return ERR_PROTO;
    }
    memset(&space->conf, 0, sizeof(space->conf));
    space->conf.voter_count = (uint32_t)voters;
    space->conf.learner_count = (uint32_t)learners;
    for (size_t i = 0; i < voters; i++) {
        space->conf.voters[i] = read_u64(r);
    }
    for (size_t i = 0; i < learners; i++) {
        space->conf.learners[i] = read_u64(r);
    }
    if (r->failed || !raft_conf_is_valid(&space->conf)) {
        return ERR_PROTO;
    }
    m->conf = &space->conf;
    return 0;
}

static void read_numbers(struct reader *r, struct raft_message *m)
{
    m->from = read_u64(r);
    m->to = read_u64(r);
    m->boot = read_varint(r);
    m->to_boot = read_varint(r);
    m->term = read_varint(r);
    m->index = read_varint(r);
    m->log_term = read_varint(r);
    m->commit = read_varint(r);
    m->hint_index = read_varint(r);
    m->hint_term = read_varint(r);
    m->context = read_varint(r);
    m->sent_ns = (int64_t)read_u64(r);
}

int raft_message_decode(struct slice record, struct raft_message_space *space,
                        struct raft_message *m)
{
    if (record.len > RECORD_BYTES_MAX) {
        return ERR_LIMIT;
    }
    struct reader r = reader_of(record);
    uint8_t version = read_u8(&r);
    if (!r.failed && version != VERSION) {
        return ERR_FORMAT;
    }
    uint8_t type = read_u8(&r);
    uint8_t flags = read_u8(&r);
    if (r.failed || type < RAFT_VOTE || type > RAFT_TIMEOUT_NOW ||
        (flags & ~(FLAG_PRE | FLAG_FORCE | FLAG_REJECT | FLAG_QUIET)) != 0) {
        return ERR_PROTO;
    }
    *m = (struct raft_message){.type = (enum raft_message_type)type,
                               .pre = (flags & FLAG_PRE) != 0,
                               .force = (flags & FLAG_FORCE) != 0,
                               .reject = (flags & FLAG_REJECT) != 0,
                               .quiet = (flags & FLAG_QUIET) != 0};
    read_numbers(&r, m);
    int err = r.failed ? ERR_PROTO : 0;
    if (err == 0 && has_entries(m->type)) {
        err = read_entries(&r, space, m);
    } else if (err == 0 && m->type == RAFT_SNAPSHOT) {
        err = read_conf(&r, space, m);
    }
    return err == 0 && (r.failed || r.len != 0) ? ERR_PROTO : err;
}
