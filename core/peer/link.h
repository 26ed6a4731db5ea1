/* The two kinds of link. Private to core/peer.
 */
#ifndef PEER_LINK_H
#define PEER_LINK_H

#include "peer/peers.h"

enum peer_state {
    PEER_WAITING,
    PEER_CONNECTING,
    PEER_HELLO,
    PEER_UP,
    PEER_DOWN
};

/* One member that we dial. It is freed when it is both removed and its link is closed. */
struct peer {
    struct list link; /* in peers.dialled */
    struct peers *peers;
    member_id_t id;
    struct peer_address addresses[MEMBER_URLS_MAX];
    size_t address_count;
    size_t address_next;
    enum peer_state state; /* PEER_DOWN: the link is being closed, then PEER_WAITING */
    struct env_link env_link;
    struct env_timer timer;
    int64_t up_since_ns;
    int64_t heard_ns;
    int64_t dialled_ns;
    enum peer_refusal refusal; /* the last one told */
    struct peer_start start;   /* of the other end, while the link is up */
    struct peer_start newest;  /* that a link was taken with, either way; boot 0: none yet */
    bool removed;
};

/* One link that somebody else dialled. */
struct peer_accepted {
    struct list link; /* in peers.accepted */
    struct peers *peers;
    struct env_link env_link;
    struct env_timer timer;
    member_id_t from; /* 0 before the hello */
    struct peer_start start;
    int64_t heard_ns;
    bool unwelcome; /* its member was removed: dropped when the timer fires */
    bool closing;
};

void dial_now(struct peer *peer);
void dial_drop(struct peer *peer);
/* Frees the peer, or has it freed when its link is closed. */
void dial_free(struct peer *peer);
/* Its member was removed. What has been sent to it shall still arrive, the news of the removal
 * above all, so a link that is up stays so for one more election timeout. */
void dial_retire(struct peer *peer);
void accepted_drop(struct peer_accepted *accepted);
/* Likewise; when the member dials again it is told. */
void accepted_retire(struct peer_accepted *accepted);
void links_changed(struct peers *peers);
/* A link was taken with this start of that member: links with earlier ones are of the dead, or of a
 * copy. */
void links_met(struct peers *peers, member_id_t id, const struct peer_start *start);

#endif
