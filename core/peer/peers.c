#include "peer/peers.h"

#include "base/assert.h"
#include "base/probe.h"
#include "link.h"

void peers_init(struct peers *peers, struct env *env, const struct peer_events *events, void *data,
                int64_t election_ns)
{
    *peers = (struct peers){.env = env, .events = events, .data = data, .election_ns = election_ns};
    list_init(&peers->dialled);
    list_init(&peers->accepted);
    map_init(&peers->by_id, env->mem);
    buf_init(&peers->scratch, env->mem);
}

void peers_identify(struct peers *peers, uint64_t cluster, member_id_t self,
                    const struct peer_start *start)
{
    ASSERT(self != 0 && list_empty(&peers->dialled));
    peers->cluster = cluster;
    peers->self = self;
    peers->start = *start;
}

void peers_enter_epoch(struct peers *peers, uint64_t epoch)
{
    peers->epoch = epoch;
}

static bool same_addresses(const struct peer *peer, const struct peer_address *addresses,
                           size_t count)
{
    if (peer->address_count != count) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        if (peer->addresses[i].port != addresses[i].port ||
            strcmp(peer->addresses[i].host, addresses[i].host) != 0) {
            return false;
        }
    }
    return true;
}

void peers_set(struct peers *peers, member_id_t id, const struct peer_address *addresses,
               size_t count)
{
    ASSERT(id != 0 && id != peers->self && peers->self != 0);
    ASSERT(count > 0 && count <= MEMBER_URLS_MAX);
    struct peer *peer = map_get(&peers->by_id, id);
    if (peer != NULL && same_addresses(peer, addresses, count)) {
        return;
    }
    if (peer != NULL) {
        /* Other addresses: the link goes, and comes back at the new place. */
        dial_drop(peer);
    } else {
        peer = mem_zalloc(peers->env->mem, 1, sizeof(*peer));
        peer->peers = peers;
        peer->id = id;
        peer->up_since_ns = -1;
        list_push_back(&peers->dialled, &peer->link);
        map_put(&peers->by_id, id, peer);
    }
    memcpy(peer->addresses, addresses, count * sizeof(*addresses));
    peer->address_count = count;
    peer->address_next = 0;
    dial_now(peer);
}

void peers_remove(struct peers *peers, member_id_t id)
{
    struct peer *peer = map_remove(&peers->by_id, id);
    if (peer != NULL) {
        dial_retire(peer);
    }
    /* What it dialled goes too, but not at once: it shall read of its removal first. When it dials
     * again it is told. */
    list_each (it, &peers->accepted) {
        struct peer_accepted *accepted = container_of(it, struct peer_accepted, link);
        if (accepted->from == id) {
            accepted_retire(accepted);
        }
    }
}

void peers_expect(struct peers *peers, member_id_t id, uint32_t instance)
{
    struct peer *peer = map_get(&peers->by_id, id);
    if (peer != NULL && peer->state == PEER_UP && peer->start.instance != instance) {
        PROBE("peer.unexpected_dialled");
        dial_drop(peer);
    }
    list_each (it, &peers->accepted) {
        struct peer_accepted *accepted = container_of(it, struct peer_accepted, link);
        if (accepted->from == id && accepted->start.instance != instance) {
            PROBE("peer.unexpected_accepted");
            accepted_drop(accepted);
        }
    }
}

bool peers_met_later(const struct peers *peers, member_id_t id, const struct peer_start *start)
{
    const struct peer *peer = map_get(&peers->by_id, id);
    if (peer == NULL || peer->newest.instance != start->instance) {
        return false;
    }
    return start->boot < peer->newest.boot ||
           (start->boot == peer->newest.boot && start->process != peer->newest.process);
}

static bool is_same(const struct peer_start *a, const struct peer_start *b)
{
    return a->instance == b->instance && a->boot == b->boot && a->process == b->process;
}

void links_met(struct peers *peers, member_id_t id, const struct peer_start *start)
{
    struct peer *peer = map_get(&peers->by_id, id);
    if (peer == NULL || is_same(&peer->newest, start)) {
        return;
    }
    peer->newest = *start;
    if (peer->state == PEER_UP && !is_same(&peer->start, start)) {
        PROBE("peer.earlier_dialled");
        dial_drop(peer);
    }
    list_each (it, &peers->accepted) {
        struct peer_accepted *accepted = container_of(it, struct peer_accepted, link);
        if (accepted->from == id && !is_same(&accepted->start, start)) {
            PROBE("peer.earlier_accepted");
            accepted_drop(accepted);
        }
    }
}

static struct peer_accepted *accepted_from(const struct peers *peers, member_id_t id)
{
    /* The newest: older ones of the same member are dying. */
    for (struct list *it = peers->accepted.prev; it != &peers->accepted; it = it->prev) {
        struct peer_accepted *accepted = container_of(it, struct peer_accepted, link);
        if (accepted->from == id && !accepted->closing) {
            return accepted;
        }
    }
    return NULL;
}

int peers_send(struct peers *peers, member_id_t id, struct slice record)
{
    ASSERT(record.len > 0 && record.ptr[0] >= PEER_KIND_USER);
    struct peer *peer = map_get(&peers->by_id, id);
    if (peer != NULL && peer->state == PEER_UP) {
        return env_link_send(peers->env, &peer->env_link, record);
    }
    struct peer_accepted *accepted = accepted_from(peers, id);
    if (accepted != NULL) {
        return env_link_send(peers->env, &accepted->env_link, record);
    }
    return peer == NULL ? ERR_NOT_FOUND : ERR_CONN_CLOSED;
}

int64_t peers_up_since(const struct peers *peers, member_id_t id)
{
    const struct peer *peer = map_get(&peers->by_id, id);
    return peer == NULL ? -1 : peer->up_since_ns;
}

void peers_close(struct peers *peers)
{
    ASSERT(!peers->closing);
    peers->closing = true;
    list_each_safe (it, &peers->dialled) {
        dial_free(container_of(it, struct peer, link));
    }
    list_each_safe (it2, &peers->accepted) {
        accepted_drop(container_of(it2, struct peer_accepted, link));
    }
    map_fini(&peers->by_id);
    if (peers_gone(peers)) {
        buf_fini(&peers->scratch);
    }
}

bool peers_gone(const struct peers *peers)
{
    return peers->closing && peers->links == 0;
}
