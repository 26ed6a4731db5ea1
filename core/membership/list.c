#include "list.h"

#include "base/assert.h"
#include "base/hash.h"

void membership_init(struct membership *m, struct mem *mem)
{
    *m = (struct membership){.mem = mem};
}

void membership_fini(struct membership *m)
{
    for (size_t i = 0; i < m->count; i++) {
        mem_free(m->mem, m->members[i]);
    }
    mem_free(m->mem, m->removed);
    *m = (struct membership){.mem = m->mem};
}

void membership_set_cluster_id(struct membership *m, uint64_t cluster_id)
{
    ASSERT(m->cluster_id == 0 || m->cluster_id == cluster_id);
    m->cluster_id = cluster_id;
}

/* Where the id is, or belongs. */
static size_t place_of(const struct membership *m, member_id_t id)
{
    size_t i = 0;
    while (i < m->count && m->members[i]->id < id) {
        i++;
    }
    return i;
}

const struct member *membership_find(const struct membership *m, member_id_t id)
{
    size_t i = place_of(m, id);
    return i < m->count && m->members[i]->id == id ? m->members[i] : NULL;
}

const struct member *membership_find_name(const struct membership *m, struct slice name)
{
    for (size_t i = 0; i < m->count; i++) {
        if (name.len > 0 && slice_eq(m->members[i]->name, name)) {
            return m->members[i];
        }
    }
    return NULL;
}

size_t membership_voters(const struct membership *m)
{
    size_t voters = 0;
    for (size_t i = 0; i < m->count; i++) {
        voters += !m->members[i]->is_learner;
    }
    return voters;
}

static size_t removed_place_of(const struct membership *m, member_id_t id)
{
    size_t low = 0;
    size_t high = m->removed_count;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (m->removed[mid] < id) {
            low = mid + 1;
        } else {
            high = mid;
        }
    }
    return low;
}

bool membership_is_removed(const struct membership *m, member_id_t id)
{
    size_t at = removed_place_of(m, id);
    return at < m->removed_count && m->removed[at] == id;
}

void membership_note_removed(struct membership *m, member_id_t id)
{
    size_t at = removed_place_of(m, id);
    if (at < m->removed_count && m->removed[at] == id) {
        return;
    }
    if (m->removed_count == m->removed_cap) {
        m->removed_cap = m->removed_cap == 0 ? 8 : m->removed_cap * 2;
        m->removed = mem_resize(m->mem, m->removed, m->removed_cap * sizeof(*m->removed));
    }
    memmove(&m->removed[at + 1], &m->removed[at], (m->removed_count - at) * sizeof(*m->removed));
    m->removed[at] = id;
    m->removed_count++;
}

void membership_forget_removed(struct membership *m, member_id_t id)
{
    size_t at = removed_place_of(m, id);
    if (at < m->removed_count && m->removed[at] == id) {
        m->removed_count--;
        memmove(&m->removed[at], &m->removed[at + 1],
                (m->removed_count - at) * sizeof(*m->removed));
    }
}

static size_t urls_bytes(const struct member_urls *urls)
{
    size_t bytes = 0;
    for (size_t i = 0; i < urls->count; i++) {
        bytes += urls->at[i].len;
    }
    return bytes;
}

static struct slice keep(uint8_t **to, struct slice s)
{
    struct slice kept = slice_of(*to, s.len);
    if (s.len > 0) {
        memcpy(*to, s.ptr, s.len);
    }
    *to += s.len;
    return kept;
}

/* The member and all its texts in one allocation. */
static struct member *copy_of(struct mem *mem, const struct member *member)
{
    size_t bytes =
        member->name.len + urls_bytes(&member->peer_urls) + urls_bytes(&member->client_urls);
    struct member *copy = mem_alloc(mem, sizeof(*copy) + bytes);
    uint8_t *to = (uint8_t *)(copy + 1);
    *copy = *member;
    copy->name = keep(&to, member->name);
    for (size_t i = 0; i < member->peer_urls.count; i++) {
        copy->peer_urls.at[i] = keep(&to, member->peer_urls.at[i]);
    }
    for (size_t i = 0; i < member->client_urls.count; i++) {
        copy->client_urls.at[i] = keep(&to, member->client_urls.at[i]);
    }
    return copy;
}

void membership_store(struct membership *m, const struct member *member)
{
    ASSERT(member->id != 0);
    /* The old one is freed last: the new one may borrow from it. */
    struct member *copy = copy_of(m->mem, member);
    size_t i = place_of(m, member->id);
    if (i < m->count && m->members[i]->id == member->id) {
        mem_free(m->mem, m->members[i]);
        m->members[i] = copy;
        return;
    }
    ASSERT(m->count < MEMBERS_MAX);
    memmove(&m->members[i + 1], &m->members[i], (m->count - i) * sizeof(m->members[0]));
    m->members[i] = copy;
    m->count++;
}

void membership_drop(struct membership *m, member_id_t id)
{
    size_t i = place_of(m, id);
    ASSERT(i < m->count);
    ASSERT(m->members[i]->id == id);
    mem_free(m->mem, m->members[i]);
    m->count--;
    memmove(&m->members[i], &m->members[i + 1], (m->count - i) * sizeof(m->members[0]));
}

void membership_sort_urls(struct member_urls *urls)
{
    for (size_t i = 1; i < urls->count; i++) {
        struct slice url = urls->at[i];
        size_t j = i;
        while (j > 0 && slice_cmp(urls->at[j - 1], url) > 0) {
            urls->at[j] = urls->at[j - 1];
            j--;
        }
        urls->at[j] = url;
    }
}

bool membership_has_url(const struct member_urls *urls, struct slice url)
{
    for (size_t i = 0; i < urls->count; i++) {
        if (slice_eq(urls->at[i], url)) {
            return true;
        }
    }
    return false;
}

bool membership_same_urls(const struct member_urls *a, const struct member_urls *b)
{
    struct member_urls x = *a;
    struct member_urls y = *b;
    membership_sort_urls(&x);
    membership_sort_urls(&y);
    bool same = x.count == y.count;
    for (size_t i = 0; same && i < x.count; i++) {
        same = slice_eq(x.at[i], y.at[i]);
    }
    return same;
}

static uint64_t hash_text(uint64_t h, struct slice s)
{
    return hash64(s.ptr, s.len, hash64_mix(h, s.len));
}

static uint64_t hash_urls(uint64_t h, const struct member_urls *urls)
{
    h = hash64_mix(h, urls->count);
    for (size_t i = 0; i < urls->count; i++) {
        h = hash_text(h, urls->at[i]);
    }
    return h;
}

uint64_t membership_hash(const struct membership *m)
{
    uint64_t h = hash64_mix(m->epoch, m->count);
    for (size_t i = 0; i < m->count; i++) {
        const struct member *member = m->members[i];
        h = hash64_mix(h, member->id);
        h = hash64_mix(h, member->is_learner);
        h = hash_text(h, member->name);
        h = hash_urls(h, &member->peer_urls);
        h = hash_urls(h, &member->client_urls);
        h = hash64_mix(h, hash64_mix(member->instance, member->since));
    }
    for (size_t i = 0; i < m->removed_count; i++) {
        h = hash64_mix(h, m->removed[i]);
    }
    return h;
}

void membership_check(const struct membership *m)
{
    for (size_t i = 0; i < m->count; i++) {
        ASSERT(m->members[i]->id > (i == 0 ? 0 : m->members[i - 1]->id));
        ASSERT(!membership_is_removed(m, m->members[i]->id));
        ASSERT(m->members[i]->peer_urls.count > 0);
    }
    for (size_t i = 1; i < m->removed_count; i++) {
        ASSERT(m->removed[i - 1] < m->removed[i]);
    }
}
