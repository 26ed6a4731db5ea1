/* Whether what the flags say of the cluster is true. */
#include "list.h"
#include "text.h"

int membership_check_existing(const struct membership *initial, struct slice name, struct buf *why)
{
    /* An empty name is no member's own, though the variables that `member add` prints hold "=URL"
     * for members that never started. */
    if (membership_find_name(initial, name) == NULL) {
        membership_text_printf(why, "couldn't find local name ");
        membership_text_quote(why, name);
        membership_text_printf(why, " in the initial cluster configuration");
        return ERR_INVALID;
    }
    return 0;
}

/* "url,url" or "name=url,name=url" of those of `urls` that `others` lacks; false if there are
 * none. name may be NULL. */
static bool missing_urls(struct buf *why, const struct slice *name, const struct member_urls *urls,
                         const struct member_urls *others)
{
    size_t missing = 0;
    for (size_t i = 0; i < urls->count; i++) {
        if (!membership_has_url(others, urls->at[i])) {
            membership_text_printf(why, missing > 0 ? "," : "");
            if (name != NULL) {
                membership_text_add(why, *name);
                membership_text_printf(why, "=");
            }
            membership_text_add(why, urls->at[i]);
            missing++;
        }
    }
    return missing > 0;
}

static bool lacks(const struct member_urls *urls, const struct member_urls *others)
{
    return missing_urls(NULL, NULL, urls, others);
}

int membership_check_new(const struct membership *initial, struct slice name,
                         const struct member_urls *advertised, struct buf *why)
{
    int rv = membership_check_existing(initial, name, why);
    if (rv != 0) {
        return rv;
    }
    const struct member *own = membership_find_name(initial, name);
    if (membership_same_urls(&own->peer_urls, advertised)) {
        return 0;
    }
    struct member advertising = {.name = name, .peer_urls = *advertised};
    if (lacks(&own->peer_urls, advertised)) {
        membership_text_printf(why, "--initial-cluster has ");
        (void)missing_urls(why, &name, &own->peer_urls, advertised);
        membership_text_printf(why, " but missing from --initial-advertise-peer-urls=");
        membership_text_urls_commas(why, advertised);
        membership_text_printf(why, " (");
        membership_text_difference(why, advertised, &own->peer_urls);
        membership_text_printf(why, ")");
    } else if (lacks(advertised, &own->peer_urls)) {
        membership_text_printf(why, "--initial-advertise-peer-urls has ");
        (void)missing_urls(why, NULL, advertised, &own->peer_urls);
        membership_text_printf(why, " but missing from --initial-cluster=");
        membership_text_named_urls(why, &advertising, 1);
    } else {
        membership_text_printf(why, "failed to resolve ");
        membership_text_urls_commas(why, advertised);
        membership_text_printf(why, " to match --initial-cluster=");
        membership_text_named_urls(why, &advertising, 1);
        membership_text_printf(why, " (");
        membership_text_difference(why, advertised, &own->peer_urls);
        membership_text_printf(why, ")");
    }
    return ERR_INVALID;
}

static int mismatch(struct buf *why, const struct membership *peers)
{
    membership_text_printf(why, "error validating peerURLs ");
    membership_text_membership(why, peers);
    membership_text_printf(why, ": ");
    return ERR_INVALID;
}

/* The member of the flags with these peer URLs; NULL if there is none. */
static const struct member *by_urls(const struct membership *m, const struct member_urls *urls)
{
    for (size_t i = 0; i < m->count; i++) {
        if (membership_same_urls(&m->members[i]->peer_urls, urls)) {
            return m->members[i];
        }
    }
    return NULL;
}

int membership_match(const struct membership *initial, const struct membership *peers,
                     struct slice name, member_id_t *own_id, struct buf *why)
{
    int rv = membership_check_existing(initial, name, why);
    if (rv != 0) {
        return rv;
    }
    if (initial->count != peers->count) {
        rv = mismatch(why, peers);
        membership_text_printf(why, "member count is unequal");
        return rv;
    }
    *own_id = 0;
    for (size_t i = 0; i < peers->count; i++) {
        const struct member *peer = peers->members[i];
        const struct member *local = by_urls(initial, &peer->peer_urls);
        if (local == NULL) {
            const struct member *last = initial->members[initial->count - 1];
            rv = mismatch(why, peers);
            membership_text_printf(why, "PeerURLs: no match found for existing member (%llx, [",
                                   (unsigned long long)peer->id);
            membership_text_urls(why, &peer->peer_urls, false);
            membership_text_printf(why, "]), last resolver error (");
            membership_text_difference(why, &peer->peer_urls, &last->peer_urls);
            membership_text_printf(why, ")");
            return rv;
        }
        if (slice_eq(local->name, name)) {
            *own_id = peer->id;
        }
    }
    if (*own_id == 0) {
        /* Two of the peer's members with the same URLs, which no cluster of ours can have. */
        rv = mismatch(why, peers);
        membership_text_printf(why, "no member is left for the local name");
    }
    return rv;
}
