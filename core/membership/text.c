#include "text.h"

#include "base/assert.h"
#include "base/sort.h"

#include "list.h"

void membership_text_printf(struct buf *why, const char *format, ...)
{
    if (why != NULL) {
        va_list args;
        va_start(args, format);
        buf_vprintf(why, format, args);
        va_end(args);
    }
}

void membership_text_add(struct buf *why, struct slice s)
{
    if (why != NULL) {
        buf_add_slice(why, s);
    }
}

void membership_text_quote(struct buf *why, struct slice s)
{
    membership_text_printf(why, "\"");
    for (size_t i = 0; i < s.len; i++) {
        uint8_t c = s.ptr[i];
        if (c == '"' || c == '\\') {
            membership_text_printf(why, "\\%c", c);
        } else if (c == '\n' || c == '\t' || c == '\r') {
            membership_text_printf(why, "\\%c", c == '\n' ? 'n' : c == '\t' ? 't' : 'r');
        } else if (c < 0x20 || c == 0x7F) {
            membership_text_printf(why, "\\x%02x", c);
        } else {
            membership_text_add(why, slice_of(&s.ptr[i], 1));
        }
    }
    membership_text_printf(why, "\"");
}

void membership_text_urls(struct buf *why, const struct member_urls *urls, bool quote)
{
    for (size_t i = 0; i < urls->count; i++) {
        membership_text_printf(why, i > 0 ? " " : "");
        if (quote) {
            membership_text_quote(why, urls->at[i]);
        } else {
            membership_text_add(why, urls->at[i]);
        }
    }
}

void membership_text_urls_commas(struct buf *why, const struct member_urls *urls)
{
    struct member_urls sorted = *urls;
    membership_sort_urls(&sorted);
    for (size_t i = 0; i < sorted.count; i++) {
        membership_text_printf(why, i > 0 ? "," : "");
        membership_text_add(why, sorted.at[i]);
    }
}

struct pair {
    struct slice name;
    struct slice url;
};

/* The order of the texts "name=url": a name's end compares as `=`. */
static int compare_pairs(const void *a, const void *b, void *ctx)
{
    const struct pair *x = a;
    const struct pair *y = b;
    (void)ctx;
    size_t common = x->name.len < y->name.len ? x->name.len : y->name.len;
    int order = common > 0 ? memcmp(x->name.ptr, y->name.ptr, common) : 0;
    if (order != 0) {
        return order;
    }
    if (x->name.len == y->name.len) {
        return slice_cmp(x->url, y->url);
    }
    return (x->name.len > common ? x->name.ptr[common] : '=') -
           (y->name.len > common ? y->name.ptr[common] : '=');
}

void membership_text_named_urls(struct buf *why, const struct member *members, size_t count)
{
    if (why == NULL) {
        return;
    }
    struct pair *pairs = mem_alloc(why->mem, count * MEMBER_URLS_MAX * sizeof(*pairs));
    size_t n = 0;
    for (size_t i = 0; i < count; i++) {
        for (size_t j = 0; j < members[i].peer_urls.count; j++) {
            pairs[n++] = (struct pair){members[i].name, members[i].peer_urls.at[j]};
        }
    }
    sort_stable(pairs, n, sizeof(*pairs), compare_pairs, NULL, why->mem);
    for (size_t i = 0; i < n; i++) {
        membership_text_printf(why, i > 0 ? "," : "");
        membership_text_add(why, pairs[i].name);
        membership_text_printf(why, "=");
        membership_text_add(why, pairs[i].url);
    }
    mem_free(why->mem, pairs);
}

void membership_text_difference(struct buf *why, const struct member_urls *a,
                                const struct member_urls *b)
{
    struct member_urls x = *a;
    struct member_urls y = *b;
    if (x.count != y.count) {
        membership_text_printf(why, "len([");
        membership_text_urls(why, a, true);
        membership_text_printf(why, "]) != len([");
        membership_text_urls(why, b, true);
        membership_text_printf(why, "])");
        return;
    }
    membership_sort_urls(&x);
    membership_sort_urls(&y);
    for (size_t i = 0; i < x.count; i++) {
        if (!slice_eq(x.at[i], y.at[i])) {
            membership_text_printf(why, "resolved urls: ");
            membership_text_quote(why, x.at[i]);
            membership_text_printf(why, " != ");
            membership_text_quote(why, y.at[i]);
            return;
        }
    }
    UNREACHABLE();
}

void membership_text_membership(struct buf *why, const struct membership *m)
{
    membership_text_printf(why, "{ClusterID:%llx Members:[", (unsigned long long)m->cluster_id);
    for (size_t i = 0; i < m->count; i++) {
        const struct member *member = m->members[i];
        membership_text_printf(why, "%s&{ID:%llx RaftAttributes:{PeerURLs:[", i > 0 ? " " : "",
                               (unsigned long long)member->id);
        membership_text_urls(why, &member->peer_urls, false);
        membership_text_printf(
            why, "] IsLearner:%s} Attributes:{Name:", member->is_learner ? "true" : "false");
        membership_text_add(why, member->name);
        membership_text_printf(why, " ClientURLs:[");
        membership_text_urls(why, &member->client_urls, false);
        membership_text_printf(why, "]}}");
    }
    membership_text_printf(why, "] RemovedMemberIDs:[");
    for (size_t i = 0; i < m->removed_count; i++) {
        membership_text_printf(why, "%s%llx", i > 0 ? " " : "", (unsigned long long)m->removed[i]);
    }
    membership_text_printf(why, "]}");
}
