/* The bytes of changes, publications and snapshots. Little endian; a text is its length (4 bytes)
 * and its bytes; a list of URLs is their number (1 byte) and the texts.
 *
 *   change       'C', type (1), id (8), name, peer URLs, of additions of learners the most that
 *                there may be (1; left out if it is 0 or 1), epoch (8; left out if it is 0)
 *   publication  'P', id (8), name, client URLs, instance (4; left out if it is 0)
 *   snapshot     'M', cluster id (8), epoch (8), number of members (4), of each: id (8), learner
 *                (1), name, peer URLs, client URLs, instance (4), since (8); number of removed
 *                ids (4), ids (8 each), all ascending
 */
#include "list.h"

#define TAG_CHANGE   'C'
#define TAG_PUBLISH  'P'
#define TAG_SNAPSHOT 'M'

static void add_text(struct buf *out, struct slice s)
{
    buf_add_u32(out, (uint32_t)s.len);
    buf_add_slice(out, s);
}

static void add_urls(struct buf *out, const struct member_urls *urls)
{
    buf_add_u8(out, (uint8_t)urls->count);
    for (size_t i = 0; i < urls->count; i++) {
        add_text(out, urls->at[i]);
    }
}

static struct slice read_text(struct reader *r, size_t max)
{
    struct slice s = read_bytes(r, read_u32(r));
    if (s.len > max || !slice_is_utf8(s)) {
        r->failed = true;
    }
    return s;
}

static void read_urls(struct reader *r, size_t min, struct member_urls *urls)
{
    size_t count = read_u8(r);
    urls->count = 0;
    if (count < min || count > MEMBER_URLS_MAX) {
        r->failed = true;
    }
    while (!r->failed && urls->count < count) {
        struct slice url = read_text(r, URL_BYTES_MAX);
        if (url.len == 0) {
            r->failed = true;
        }
        urls->at[urls->count++] = url;
    }
}

static void read_tag(struct reader *r, uint8_t tag)
{
    if (read_u8(r) != tag) {
        r->failed = true;
    }
}

static member_id_t read_id(struct reader *r)
{
    member_id_t id = read_u64(r);
    if (id == 0) {
        r->failed = true;
    }
    return id;
}

static int finish(const struct reader *r)
{
    return r->failed || r->len > 0 ? ERR_PROTO : 0;
}

void membership_change_encode(const struct membership_change *change, struct buf *out)
{
    buf_add_u8(out, TAG_CHANGE);
    buf_add_u8(out, (uint8_t)change->type);
    buf_add_u64(out, change->id);
    add_text(out, change->name);
    add_urls(out, &change->peer_urls);
    if (change->type == MEMBERSHIP_ADD_LEARNER && change->learners_max > 1) {
        buf_add_u8(out, change->learners_max);
    }
    if (change->epoch != 0) {
        buf_add_u64(out, change->epoch);
    }
}

int membership_change_decode(struct slice bytes, struct membership_change *change)
{
    struct reader r = reader_of(bytes);
    *change = (struct membership_change){.type = MEMBERSHIP_REMOVE};
    read_tag(&r, TAG_CHANGE);
    uint8_t type = read_u8(&r);
    if (type < MEMBERSHIP_ADD_VOTER || type > MEMBERSHIP_UPDATE) {
        return ERR_PROTO;
    }
    change->type = type;
    bool adds = type == MEMBERSHIP_ADD_VOTER || type == MEMBERSHIP_ADD_LEARNER;
    bool has_urls = adds || type == MEMBERSHIP_UPDATE;
    change->id = read_id(&r);
    change->name = read_text(&r, adds ? MEMBER_NAME_MAX : 0);
    read_urls(&r, has_urls, &change->peer_urls);
    if (!has_urls && change->peer_urls.count > 0) {
        return ERR_PROTO;
    }
    if (type == MEMBERSHIP_ADD_LEARNER && !r.failed && (r.len == 1 || r.len == 9)) {
        change->learners_max = read_u8(&r);
        r.failed = r.failed || change->learners_max < 2;
    }
    if (!r.failed && r.len > 0) {
        change->epoch = read_u64(&r);
        r.failed = r.failed || change->epoch == 0;
    }
    return finish(&r);
}

void membership_publish_encode(const struct membership_publish *publish, struct buf *out)
{
    buf_add_u8(out, TAG_PUBLISH);
    buf_add_u64(out, publish->id);
    add_text(out, publish->name);
    add_urls(out, &publish->client_urls);
    if (publish->instance != 0) {
        buf_add_u32(out, publish->instance);
    }
}

int membership_publish_decode(struct slice bytes, struct membership_publish *publish)
{
    struct reader r = reader_of(bytes);
    read_tag(&r, TAG_PUBLISH);
    publish->id = read_id(&r);
    publish->name = read_text(&r, MEMBER_NAME_MAX);
    read_urls(&r, 0, &publish->client_urls);
    publish->instance = 0;
    if (!r.failed && r.len > 0) {
        publish->instance = read_u32(&r);
        r.failed = r.failed || publish->instance == 0;
    }
    return publish->name.len > 0 ? finish(&r) : ERR_PROTO;
}

void membership_encode(const struct membership *m, struct buf *out)
{
    buf_add_u8(out, TAG_SNAPSHOT);
    buf_add_u64(out, m->cluster_id);
    buf_add_u64(out, m->epoch);
    buf_add_u32(out, (uint32_t)m->count);
    for (size_t i = 0; i < m->count; i++) {
        const struct member *member = m->members[i];
        buf_add_u64(out, member->id);
        buf_add_u8(out, member->is_learner);
        add_text(out, member->name);
        add_urls(out, &member->peer_urls);
        add_urls(out, &member->client_urls);
        buf_add_u32(out, member->instance);
        buf_add_u64(out, member->since);
    }
    buf_add_u32(out, (uint32_t)m->removed_count);
    for (size_t i = 0; i < m->removed_count; i++) {
        buf_add_u64(out, m->removed[i]);
    }
}

static int decode_member(struct membership *m, struct reader *r)
{
    struct member member = {.id = read_id(r)};
    uint8_t learner = read_u8(r);
    member.is_learner = learner == 1;
    member.name = read_text(r, MEMBER_NAME_MAX);
    read_urls(r, 1, &member.peer_urls);
    read_urls(r, 0, &member.client_urls);
    member.instance = read_u32(r);
    member.since = read_u64(r);
    bool ascends = m->count == 0 || member.id > m->members[m->count - 1]->id;
    if (r->failed || learner > 1 || !ascends) {
        return ERR_PROTO;
    }
    membership_store(m, &member);
    return 0;
}

int membership_decode(struct membership *m, struct slice bytes)
{
    struct reader r = reader_of(bytes);
    read_tag(&r, TAG_SNAPSHOT);
    m->cluster_id = read_u64(&r);
    m->epoch = read_u64(&r);
    uint32_t count = read_u32(&r);
    if (r.failed || count > MEMBERS_MAX) {
        return ERR_PROTO;
    }
    for (uint32_t i = 0; i < count; i++) {
        int rv = decode_member(m, &r);
        if (rv != 0) {
            return rv;
        }
    }
    uint32_t removed = read_u32(&r);
    if (r.failed || r.len != (uint64_t)removed * 8) {
        return ERR_PROTO;
    }
    for (uint32_t i = 0; i < removed; i++) {
        member_id_t id = read_id(&r);
        bool ascends = i == 0 || id > m->removed[i - 1];
        if (r.failed || !ascends || membership_find(m, id) != NULL) {
            return ERR_PROTO;
        }
        membership_note_removed(m, id);
    }
    return finish(&r);
}
