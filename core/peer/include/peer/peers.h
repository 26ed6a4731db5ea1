/* Record links between members: who can be reached, since when, and the carrying of records.
 *
 * Each member dials one link to every other and sends on it; what it receives comes on the links
 * that the others dialled (and, while there is no link of its own yet, answers go back on those). A
 * link begins with a hello that names cluster, sender, receiver, the sender's start (which log it
 * has, and which process of that log it is) and history epoch; the receiver accepts it, with its
 * own start, or says why not. Either end may find that the other one is not the member that it
 * claims to be: no record passes before both have judged. Both ends of a link keep a heartbeat on
 * it: one that is silent for an election timeout is down, and is dialled again.
 *
 * Knows members as ids with addresses; knows nothing of raft or of what a record means. The first
 * byte of a record is its kind: below PEER_KIND_USER it is this module's, from there on its user's.
 *
 *          dial                 hello accepted
 *   WAITING ----> CONNECTING/HELLO ----------> UP
 *      ^   back-off    | refused, failed, timed out  | failed, silent for an election timeout
 *      +---------------+<----------------------------+
 */
#ifndef PEER_PEERS_H
#define PEER_PEERS_H

#include "base/limits.h"
#include "base/list.h"
#include "base/map.h"
#include "base/url.h"
#include "env/env.h"

#define PEER_KIND_USER 16

/* Why a hello is refused; the sender is told. */
enum peer_refusal {
    PEER_ACCEPTED = 0,
    PEER_WRONG_CLUSTER = 1, /* the ids of the clusters differ */
    PEER_WRONG_MEMBER = 2,  /* the receiver is not the member that was meant */
    PEER_REMOVED = 3,       /* the sender was removed from the cluster */
    PEER_WRONG_VERSION = 4,
    PEER_OTHER_LOG = 5,   /* the sender's log is not the one that its cluster knows it by */
    PEER_LEFT_BEHIND = 6, /* the receiver's history is newer, and has no place for the sender */
    PEER_WENT_BACK = 7,   /* the receiver has met a later start of the sender's log */
};

/* One start of a member. Boot numbers are made durable before anything is said, so those of one log
 * rise from process to process. One that is told again, by another process, or that falls: then
 * the disk has gone back to what it once held, or there are two copies of it. */
struct peer_start {
    uint32_t instance; /* which log */
    uint64_t boot;     /* the number of this start */
    uint64_t process;  /* drawn at each start */
};

struct peer_hello {
    uint64_t cluster;
    member_id_t from;
    member_id_t to;
    struct peer_start start;
    uint64_t epoch; /* the newest history epoch that the sender knows of */
};

struct peers;

struct peer_events {
    /* May a member that says this about itself send to us? */
    enum peer_refusal (*judge)(struct peers *peers, const struct peer_hello *hello);
    /* It accepted our hello and says that this is its start, and the newest history epoch that it
     * knows of. False: it is not whom we meant; the link is dropped and dialled again. */
    bool (*trusts)(struct peers *peers, member_id_t id, const struct peer_start *start,
                   uint64_t epoch);
    /* A record of the user's, its kind byte included; borrowed. */
    void (*record)(struct peers *peers, member_id_t from, struct slice record);
    /* Our link to that member came up or went down. */
    void (*up)(struct peers *peers, member_id_t id);
    void (*down)(struct peers *peers, member_id_t id);
    /* That member refuses us; told once for each change of the reason. `other` is the cluster that
     * it says it is in, epoch the newest that it knows of. */
    void (*refused)(struct peers *peers, member_id_t by, enum peer_refusal why, uint64_t other,
                    uint64_t epoch);
    /* After peers_close: nothing is left. */
    void (*closed)(struct peers *peers);
};

struct peers {
    struct env *env;
    const struct peer_events *events;
    void *data;
    uint64_t cluster;
    member_id_t self;
    struct peer_start start;
    uint64_t epoch;
    int64_t election_ns;
    struct list dialled;  /* struct peer, in the order in which they were set */
    struct map by_id;     /* member id -> struct peer */
    struct list accepted; /* struct peer_accepted */
    size_t accepted_count;
    size_t links; /* handles that the world still knows */
    struct buf scratch;
    bool closing;
};

/* Who we are is told later (peers_identify), before the first peers_set. */
void peers_init(struct peers *peers, struct env *env, const struct peer_events *events, void *data,
                int64_t election_ns);
void peers_identify(struct peers *peers, uint64_t cluster, member_id_t self,
                    const struct peer_start *start);
/* Which history epoch we tell others that we know of, from now on. */
void peers_enter_epoch(struct peers *peers, uint64_t epoch);

struct peer_address {
    char host[HOST_LEN_MAX + 1];
    uint16_t port;
};

/* Makes the member known with these addresses (at least one, at most MEMBER_URLS_MAX), which
 * replace what was known; begins to dial. Does nothing if they are the same. */
void peers_set(struct peers *peers, member_id_t id, const struct peer_address *addresses,
               size_t count);
void peers_remove(struct peers *peers, member_id_t id);
/* The user has learned which instance that member is: links with another one, which were taken
 * while it could not tell, are dropped. When they are dialled again it judges anew. */
void peers_expect(struct peers *peers, member_id_t id, uint32_t instance);

/* Has a link been taken from, or to, a later start of that log, or the same one of another process?
 * Only for members that are known; remembered for as long as they are, and by this process. */
bool peers_met_later(const struct peers *peers, member_id_t id, const struct peer_start *start);

/* Sends a record whose first byte is its kind. ERR_NOT_FOUND: the member is not known;
 * ERR_CONN_CLOSED: no link is up; ERR_LIMIT. 0 promises nothing about delivery. */
int peers_send(struct peers *peers, member_id_t id, struct slice record) MUST_CHECK;
/* Since when our link to it is up without a break, monotonic ns; -1 if it is down. */
int64_t peers_up_since(const struct peers *peers, member_id_t id);
/* Takes an incoming record stream. */
void peers_accept(struct peers *peers, struct env_incoming *incoming);

/* Drops every link. If peers_gone is not true at once, `closed` follows. */
void peers_close(struct peers *peers);
bool peers_gone(const struct peers *peers);

#endif
