/* What flags and requests say about URLs and the first members, and what etcd says against it. */
#include "base/url.h"

#include "list.h"
#include "text.h"

/* The scheme as Go's net/url sees it: letters, behind the first one also digits, `+-.`; empty if
 * there is none. */
static struct slice scheme_of(struct slice url)
{
    for (size_t i = 0; i < url.len; i++) {
        uint8_t c = url.ptr[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        bool other = (c >= '0' && c <= '9') || c == '+' || c == '-' || c == '.';
        if (c == ':' && i > 0) {
            return slice_of(url.ptr, i);
        }
        if (!letter && !(other && i > 0)) {
            break;
        }
    }
    return slice_of(url.ptr, 0);
}

static struct slice until(struct slice s, uint8_t c)
{
    ptrdiff_t at = slice_find(s, c);
    return at < 0 ? s : slice_of(s.ptr, (size_t)at);
}

static int bad_url(struct buf *why, const char *text, struct slice url)
{
    membership_text_printf(why, "%s: ", text);
    membership_text_add(why, url);
    return ERR_ETCD_BAD_URLS;
}

static int unparsable(struct buf *why, struct slice url, const char *text)
{
    membership_text_printf(why, "parse ");
    membership_text_quote(why, url);
    membership_text_printf(why, ": %s", text);
    return ERR_ETCD_BAD_URLS;
}

static bool is_scheme(struct slice scheme)
{
    return slice_eq_str(scheme, "http") || slice_eq_str(scheme, "https") ||
           slice_eq_str(scheme, "unix") || slice_eq_str(scheme, "unixs");
}

int membership_check_url(struct slice url, struct buf *why)
{
    for (size_t i = 0; i < url.len; i++) {
        if (url.ptr[i] < 0x20 || url.ptr[i] == 0x7F) {
            return unparsable(why, url, "net/url: invalid control character in URL");
        }
    }
    struct slice scheme = scheme_of(url);
    if (scheme.len == 0 && slice_find(until(url, '/'), ':') == 0) {
        return unparsable(why, url, "missing protocol scheme");
    }
    if (scheme.len == 0 && slice_find(until(url, '/'), ':') > 0) {
        return unparsable(why, url, "first path segment in URL cannot contain colon");
    }
    if (!is_scheme(scheme)) {
        return bad_url(why, "URL scheme must be http, https, unix, or unixs", url);
    }
    struct slice rest = slice_from(url, scheme.len + 1);
    struct slice host = slice_of(url.ptr, 0);
    if (slice_starts_with(rest, "//")) {
        rest = slice_from(rest, 2);
        host = until(rest, '/');
        rest = slice_from(rest, host.len);
    }
    struct url parts;
    if (url.len > URL_BYTES_MAX || !slice_is_utf8(url) || host.len == 0 ||
        endpoint_parse(host, &parts) != 0) {
        return bad_url(why, "URL address does not have the form \"host:port\"", url);
    }
    if (rest.len > 0) {
        return bad_url(why, "URL must not contain a path", url);
    }
    return 0;
}

int membership_check_urls(const struct member_urls *urls, struct buf *why)
{
    if (urls->count == 0) {
        membership_text_printf(why, "no valid URLs given");
        return ERR_ETCD_BAD_URLS;
    }
    for (size_t i = 0; i < urls->count; i++) {
        int rv = membership_check_url(urls->at[i], why);
        if (rv != 0) {
            return rv;
        }
    }
    return 0;
}

static struct slice trim(struct slice s)
{
    while (s.len > 0 && (s.ptr[0] == ' ' || s.ptr[0] == '\t')) {
        s = slice_from(s, 1);
    }
    while (s.len > 0 && (s.ptr[s.len - 1] == ' ' || s.ptr[s.len - 1] == '\t')) {
        s.len--;
    }
    return s;
}

static int add_url(struct member_urls *urls, struct slice url, struct buf *why)
{
    url = trim(url);
    int rv = membership_check_url(url, why);
    if (rv != 0) {
        return rv;
    }
    if (urls->count == MEMBER_URLS_MAX) {
        membership_text_printf(why, "more than %d URLs of one member", MEMBER_URLS_MAX);
        return ERR_ETCD_BAD_URLS;
    }
    urls->at[urls->count++] = url;
    return 0;
}

/* The bytes before the next comma, which are taken off the text. */
static struct slice next_item(struct slice *text)
{
    struct slice item = until(*text, ',');
    *text = slice_from(*text, item.len + 1);
    return item;
}

int membership_split_urls(struct slice text, struct member_urls *urls, struct buf *why)
{
    urls->count = 0;
    do {
        int rv = add_url(urls, next_item(&text), why);
        if (rv != 0) {
            return rv;
        }
    } while (text.len > 0);
    return 0;
}

/* The members that the text names, in its order. */
struct named {
    size_t count;
    struct member members[MEMBERS_MAX];
};

static struct member *named_get(struct named *named, struct slice name)
{
    for (size_t i = 0; i < named->count; i++) {
        if (slice_eq(named->members[i].name, name)) {
            return &named->members[i];
        }
    }
    if (named->count == MEMBERS_MAX) {
        return NULL;
    }
    struct member *member = &named->members[named->count++];
    *member = (struct member){.name = name};
    return member;
}

/* "name=url"; without `=` all of it is a name, and its URL is empty. */
static int parse_item(struct named *named, struct slice item, struct buf *why)
{
    struct slice name = until(item, '=');
    struct slice url = slice_from(item, name.len + 1);
    if (name.len > MEMBER_NAME_MAX || !slice_is_utf8(name)) {
        membership_text_printf(why, "member name is not UTF-8 or longer than %d bytes",
                               MEMBER_NAME_MAX);
        return ERR_INVALID;
    }
    struct member *member = named_get(named, name);
    if (member == NULL) {
        membership_text_printf(why, "more than %d members", MEMBERS_MAX);
        return ERR_LIMIT;
    }
    return add_url(&member->peer_urls, url, why);
}

static bool has_duplicates(const struct named *named)
{
    for (size_t i = 0; i < named->count; i++) {
        const struct member_urls *urls = &named->members[i].peer_urls;
        for (size_t j = 0; j < urls->count; j++) {
            struct member_urls before = *urls;
            before.count = j;
            bool found = membership_has_url(&before, urls->at[j]);
            for (size_t k = 0; k < i && !found; k++) {
                found = membership_has_url(&named->members[k].peer_urls, urls->at[j]);
            }
            if (found) {
                return true;
            }
        }
    }
    return false;
}

static int parse_all(struct named *named, struct slice text, struct buf *why)
{
    while (text.len > 0) {
        struct slice item = next_item(&text);
        int rv = item.len > 0 ? parse_item(named, item, why) : 0;
        if (rv != 0) {
            return rv;
        }
    }
    if (named->count == 0) {
        membership_text_printf(why, "initial cluster unset and no discovery URL found");
        return ERR_INVALID;
    }
    if (has_duplicates(named)) {
        membership_text_printf(why, "initial cluster ");
        membership_text_named_urls(why, named->members, named->count);
        membership_text_printf(why, " has duplicate url");
        return ERR_INVALID;
    }
    return 0;
}

int membership_parse(struct membership *m, struct slice text, struct slice token, struct buf *why)
{
    struct named *named = mem_zalloc(m->mem, 1, sizeof(*named));
    int rv = parse_all(named, text, why);
    for (size_t i = 0; rv == 0 && i < named->count; i++) {
        struct member *member = &named->members[i];
        membership_sort_urls(&member->peer_urls);
        member->id = membership_member_id(&member->peer_urls, token, -1);
        if (member->id == 0 || membership_find(m, member->id) != NULL) {
            membership_text_printf(why, "member exists with identical ID %llx",
                                   (unsigned long long)member->id);
            rv = ERR_INVALID;
        } else {
            membership_store(m, member);
        }
    }
    if (rv == 0) {
        m->cluster_id = membership_cluster_id(m);
    }
    mem_free(m->mem, named);
    return rv;
}
