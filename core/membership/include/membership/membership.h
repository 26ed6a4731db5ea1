/* Who belongs to the cluster: the list of members, the rules for changing it, and its identities.
 *
 * The list is a function of the log alone: changes and published attributes, applied in order, give
 * the same list and the same hash on every member. Beside it stand the rules by which the member
 * that got a request refuses it before proposing (etcd's strict reconfiguration check), pure
 * functions of the list and of what that member sees of its peers. It may know base and SHA-1; it
 * does not know raft, the network or the clock. Rules and texts are those of etcd 3.4.
 *
 * Invariants: members are in ascending order of ids, ids are unique and not 0, at most MEMBERS_MAX;
 * an id that was removed never comes back, unless as the survivor of a forced cluster; a member
 * that has a name has been started once.
 *
 * How a server uses it:
 *   new cluster    membership_parse, membership_check_new, then one change per member of that list,
 *                  in its order, as the first entries of the log (membership_change_of)
 *   joining        membership_parse, membership_check_existing; ask peers for /members,
 *                  membership_read_json; membership_match gives the ids; the list itself starts
 *                  empty and comes with the log
 *   a request      membership_plan_* makes the change, membership_may_* refuses or not, then the
 *                  change is encoded as the context of a conf entry and proposed
 *   applying       membership_change_decode, membership_apply; its error is the answer to whoever
 *                  waits, and means that raft must be told that nothing changed
 *   publishing     membership_publish_encode into a normal entry; membership_publish_apply
 */
#ifndef MEMBERSHIP_MEMBERSHIP_H
#define MEMBERSHIP_MEMBERSHIP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/slice.h"
#include "base/types.h"

/* Borrowed bytes. Of a member in a list they belong to the list. */
struct member_urls {
    size_t count;
    struct slice at[MEMBER_URLS_MAX];
};

struct member {
    member_id_t id;
    bool is_learner;
    struct slice name; /* empty until the member has published itself: "unstarted" */
    struct member_urls peer_urls;
    struct member_urls client_urls;
    uint32_t instance; /* of the log with which it published itself first; 0: not published */
    uint64_t since;    /* the epoch whose beginning added it; 0: a quorum did */
};

/* Zero-initialise nothing: use membership_init. Fields are read-only outside. */
struct membership {
    struct mem *mem;
    uint64_t cluster_id; /* 0 until known; never changes afterwards */
    /* The history epoch: 0, or what began a history that no quorum decided on; see
     * membership_epoch_next. */
    uint64_t epoch;
    size_t count;
    struct member *members[MEMBERS_MAX]; /* ascending ids */
    size_t removed_count;
    size_t removed_cap;
    member_id_t *removed; /* ascending */
};

/* The list keeps mem for all that it copies. */
void membership_init(struct membership *m, struct mem *mem);
void membership_fini(struct membership *m);
/* Asserts that it is 0 or the same already. */
void membership_set_cluster_id(struct membership *m, uint64_t cluster_id);
/* NULL if there is none. */
const struct member *membership_find(const struct membership *m, member_id_t id);
/* The first in the order of ids; NULL if there is none. An empty name finds nothing. */
const struct member *membership_find_name(const struct membership *m, struct slice name);
bool membership_is_removed(const struct membership *m, member_id_t id);
size_t membership_voters(const struct membership *m);
static inline bool member_is_started(const struct member *member)
{
    return member->name.len > 0;
}
/* Digest of the epoch, the members and the removed ids (not of the cluster id). O(members +
 * removed). */
uint64_t membership_hash(const struct membership *m);
/* Asserts the invariants of a list that came from a log. O(members). */
void membership_check(const struct membership *m);

/* --- Identities (etcd: etcdserver/api/membership) --- */

/* The first 8 bytes, big endian, of SHA-1(peer URLs in ascending order, token, and unless it is
 * negative the unix time in seconds as a decimal). At bootstrap the token is that of the cluster
 * and there is no time; for `member add` the token is empty and the serving member's time is
 * appended. Names do not matter. */
member_id_t membership_member_id(const struct member_urls *peer_urls, struct slice token,
                                 int64_t unix_s);
/* The first 8 bytes of SHA-1(ids, 8 bytes big endian each, in ascending order). */
uint64_t membership_cluster_id(const struct membership *m);

/* --- Flags --- */

/* In all functions below that take `why`: on an error the text that a person reads, as etcd prints
 * it, is appended to it. why may be NULL. */

/* One URL as etcd's types.NewURLs demands it, without the spaces around it: http, https, unix or
 * unixs, host:port, no path. ERR_ETCD_BAD_URLS; the text is the one that etcdctl prints. */
MUST_CHECK int membership_check_url(struct slice url, struct buf *why);
/* Each of them, and at least one; ERR_ETCD_BAD_URLS. */
MUST_CHECK int membership_check_urls(const struct member_urls *urls, struct buf *why);
/* "URL,URL": borrows from text. ERR_ETCD_BAD_URLS as above, or for more than MEMBER_URLS_MAX. */
MUST_CHECK int membership_split_urls(struct slice text, struct member_urls *urls, struct buf *why);

/* --initial-cluster, "name=url,name=url"; several URLs of one name are given by repeating the name.
 * Fills m, which was just initialised, with named voters, their ids and the cluster id by the
 * formulas. ERR_INVALID, ERR_ETCD_BAD_URLS, ERR_LIMIT. */
MUST_CHECK int membership_parse(struct membership *m, struct slice text, struct slice token,
                                struct buf *why);
/* What a member checks before it makes a new cluster: its own name is there, with the URLs that it
 * advertises, and no URL is there twice. URLs are compared as texts (etcd also resolves them).
 * ERR_INVALID. */
MUST_CHECK int membership_check_new(const struct membership *initial, struct slice name,
                                    const struct member_urls *advertised, struct buf *why);
/* The same for --initial-cluster-state existing, where the advertised URLs do not matter. */
MUST_CHECK int membership_check_existing(const struct membership *initial, struct slice name,
                                         struct buf *why);
/* Compares what the flags say with what a peer answered: as many members, and for each of the
 * peer's one with the same peer URLs; names do not matter. Gives the id that belongs to `name` in
 * the flags; the cluster id is the peer's. ERR_INVALID, text "member count is unequal" or
 * "PeerURLs: no match found for existing member (ID, [URLs]), last resolver error (...)", behind
 * "error validating peerURLs {ClusterID:... Members:[...] RemovedMemberIDs:[]}: ". */
MUST_CHECK int membership_match(const struct membership *initial, const struct membership *peers,
                                struct slice name, member_id_t *own_id, struct buf *why);

/* --- Changes --- */

/* The numbers are those of enum raft_conf_type. */
enum membership_change_type {
    MEMBERSHIP_ADD_VOTER = 1,
    MEMBERSHIP_ADD_LEARNER = 2,
    MEMBERSHIP_PROMOTE = 3,
    MEMBERSHIP_REMOVE = 4,
    MEMBERSHIP_UPDATE = 5,
};

/* Borrows its bytes. */
struct membership_change {
    enum membership_change_type type;
    member_id_t id;
    struct slice name;            /* additions at bootstrap only */
    struct member_urls peer_urls; /* additions and updates */
    /* Additions of learners: how many there may be then, as the member that was asked has it in its
     * flags. It goes with the change, so that applying it needs no flags. 0: one. */
    uint8_t learners_max;
    /* Not 0: nobody agreed to this change; it belongs to the beginning of that history epoch. Then
     * an addition may bring back an id that was removed. */
    uint64_t epoch;
};

/* The epoch that follows on this one: the upper half counts, the lower one tells epochs apart that
 * were begun from the same past. */
static inline uint64_t membership_epoch_next(uint64_t epoch, uint32_t tag)
{
    return (((epoch >> 32) + 1) << 32) | tag;
}
/* Does one that knows of no newer epoch than `known` lack that of `needed`, or have another one in
 * its place? */
static inline bool membership_epoch_is_foreign(uint64_t known, uint64_t needed)
{
    return known >> 32 < needed >> 32 || (known >> 32 == needed >> 32 && known != needed);
}

/* The change that `member add` asks for: checks the URLs, sorts them, and makes the id.
 * ERR_ETCD_BAD_URLS. The change borrows from urls. */
MUST_CHECK int membership_plan_add(const struct member_urls *urls, bool is_learner, int64_t unix_s,
                                   struct membership_change *change);
/* ERR_ETCD_BAD_URLS. */
MUST_CHECK int membership_plan_update(member_id_t id, const struct member_urls *urls,
                                      struct membership_change *change);
void membership_plan_remove(member_id_t id, struct membership_change *change);
void membership_plan_promote(member_id_t id, struct membership_change *change);
/* The bootstrap entry of a member of the initial cluster; borrows from it. */
void membership_change_of(const struct member *member, struct membership_change *change);

void membership_change_encode(const struct membership_change *change, struct buf *out);
/* Borrows from bytes. ERR_PROTO for anything but the output of membership_change_encode: unknown
 * type, id 0, too many or too long URLs or names, invalid UTF-8, bytes left over. */
MUST_CHECK int membership_change_decode(struct slice bytes, struct membership_change *change);
/* What applying the change would answer, in etcd's order, without making it:
 *   ERR_ETCD_MEMBER_NOT_FOUND   the id was removed before (whatever the change, but for an addition
 *                               that begins an epoch), or is unknown
 *   ERR_ETCD_MEMBER_EXISTS      an addition of a known id
 *   ERR_ETCD_PEER_URL_EXISTS    a peer URL is used by another member
 *   ERR_ETCD_TOO_MANY_LEARNERS  there are as many learners as may be (etcd 3.4: 1)
 *   ERR_ETCD_NOT_LEARNER        promotion of a voter
 *   ERR_LIMIT                   more than MEMBERS_MAX members (ours) */
MUST_CHECK int membership_check_change(const struct membership *m,
                                       const struct membership_change *change);
/* Makes the change if membership_check_change allows it; on an error nothing changed. An update
 * keeps the learner mark, which etcd 3.4 loses by mistake. */
MUST_CHECK int membership_apply(struct membership *m, const struct membership_change *change);

/* --- Refusals before proposing (etcd: --strict-reconfig-check) --- */

/* A peer must have been connected for this long to count (etcd: HealthInterval). */
#define MEMBERSHIP_HEALTH_NS (INT64_C(5) * 1000000000)

/* What the asking member sees of its links; peers that are not listed are not connected. */
struct membership_link {
    member_id_t id;
    int64_t active_since_ns; /* monotonic; -1: not connected */
};

struct membership_view {
    member_id_t self; /* always counts as connected */
    bool strict;      /* --strict-reconfig-check; without it everything is allowed */
    int64_t now_ns;
    size_t link_count;
    const struct membership_link *links;
};

/* ERR_ETCD_NOT_ENOUGH_STARTED (voters only), then ERR_ETCD_UNHEALTHY unless every voter is
 * connected. Whether the new member can be reached does not matter. */
MUST_CHECK int membership_may_add(const struct membership *m, const struct membership_view *view,
                                  bool is_learner);
/* Never for a learner. ERR_ETCD_NOT_ENOUGH_STARTED, then ERR_ETCD_UNHEALTHY unless the target's
 * link is down. */
MUST_CHECK int membership_may_remove(const struct membership *m, const struct membership_view *view,
                                     member_id_t id);
/* Asked of the leader alone. is_tracked: raft follows the member's progress; match and leader_match
 * are the log positions known to be durable there and on the leader. ERR_ETCD_LEARNER_NOT_READY
 * below nine tenths (also without the strict check), then ERR_ETCD_NOT_ENOUGH_STARTED. */
MUST_CHECK int membership_may_promote(const struct membership *m,
                                      const struct membership_view *view, bool is_tracked,
                                      index_t match, index_t leader_match);

/* --- Publishing --- */

/* A member tells the cluster, through the log, its name and where clients find it. */
struct membership_publish {
    member_id_t id;
    struct slice name;
    struct member_urls client_urls;
    uint32_t instance; /* which log it has; 0: of an earlier version, which does not say */
};

void membership_publish_encode(const struct membership_publish *publish, struct buf *out);
/* Borrows from bytes. ERR_PROTO. */
MUST_CHECK int membership_publish_decode(struct slice bytes, struct membership_publish *publish);
/* ERR_ETCD_MEMBER_NOT_FOUND: removed or unknown. ERR_PERMISSION: the member has published itself
 * with another log before, which it has lost since, and with it what it promised. Nothing changed.
 */
MUST_CHECK int membership_publish_apply(struct membership *m,
                                        const struct membership_publish *publish);

/* --- Peers' /members and snapshots --- */

/* etcd's JSON on the peer port: [{"id":DECIMAL,"peerURLs":[..],"isLearner":true,"name":"..",
 * "clientURLs":[..]}] and a line feed; empty fields left out. */
void membership_write_json(const struct membership *m, struct buf *out);
/* Into a list that was just initialised; the cluster id is in a header, X-Etcd-Cluster-Id, and the
 * caller's business. Unknown fields are passed over. ERR_PROTO, ERR_LIMIT; m is then to be
 * released. */
MUST_CHECK int membership_read_json(struct membership *m, struct slice json);

/* The whole state, removed ids and cluster id included, in one run of bytes. */
void membership_encode(const struct membership *m, struct buf *out);
/* Into a list that was just initialised. ERR_PROTO; m is then to be released. */
MUST_CHECK int membership_decode(struct membership *m, struct slice bytes);

#endif
