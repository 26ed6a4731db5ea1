/* The formulas that name members and clusters. */
#include <nettle/sha1.h>

#include "base/assert.h"
#include "base/fmt.h"

#include "list.h"

static uint64_t first_8(struct sha1_ctx *sha)
{
    uint8_t digest[8];
    uint64_t id = 0;
    sha1_digest(sha, sizeof(digest), digest);
    for (size_t i = 0; i < sizeof(digest); i++) {
        id = id << 8 | digest[i];
    }
    return id;
}

member_id_t membership_member_id(const struct member_urls *peer_urls, struct slice token,
                                 int64_t unix_s)
{
    struct member_urls urls = *peer_urls;
    struct sha1_ctx sha;
    membership_sort_urls(&urls);
    sha1_init(&sha);
    for (size_t i = 0; i < urls.count; i++) {
        sha1_update(&sha, urls.at[i].len, urls.at[i].ptr);
    }
    sha1_update(&sha, token.len, token.ptr);
    if (unix_s >= 0) {
        char text[24];
        size_t len = fmt(text, sizeof(text), "%lld", (long long)unix_s);
        sha1_update(&sha, len, (const uint8_t *)text);
    }
    return first_8(&sha);
}

uint64_t membership_cluster_id(const struct membership *m)
{
    struct sha1_ctx sha;
    sha1_init(&sha);
    for (size_t i = 0; i < m->count; i++) {
        uint8_t bytes[8];
        for (size_t j = 0; j < sizeof(bytes); j++) {
            bytes[j] = (uint8_t)(m->members[i]->id >> (56 - 8 * j));
        }
        sha1_update(&sha, sizeof(bytes), bytes);
    }
    return first_8(&sha);
}
