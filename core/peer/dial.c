/* Our own links: dialled, kept alive, dialled again.
 */
#include "base/assert.h"
#include "base/duration.h"
#include "base/probe.h"
#include "link.h"
#include "wire.h"

/* etcd dials a stream again after this long (rafthttp: connReadTimeout aside, 100 ms). */
#define DIAL_AGAIN_NS (100 * MS_NS)
/* etcd's peer dial timeout is one second and an election timeout. */
#define DIAL_TIMEOUT_NS(peers) (SEC_NS + (peers)->election_ns)
/* Three heartbeats an election timeout: one lost record does not bring a link down. */
#define PING_NS(peers) ((peers)->election_ns / 3)

static void send_record(struct peer *peer, struct slice record)
{
    int rv = env_link_send(peer->peers->env, &peer->env_link, record);
    if (rv != 0) {
        PROBE("peer.send_refused");
    }
}

static void wait_to_dial(struct peer *peer)
{
    peer->state = PEER_WAITING;
    env_timer_set(peer->peers->env, &peer->timer, env_now_ns(peer->peers->env) + DIAL_AGAIN_NS);
}

void dial_drop(struct peer *peer)
{
    struct peers *peers = peer->peers;
    bool was_up = peer->state == PEER_UP;
    env_timer_stop(peers->env, &peer->timer);
    if (peer->state != PEER_WAITING && peer->state != PEER_DOWN) {
        peer->state = PEER_DOWN;
        env_link_close(peers->env, &peer->env_link);
    }
    peer->up_since_ns = -1;
    if (was_up && !peer->removed && !peers->closing) {
        peers->events->down(peers, peer->id);
    }
}

static void on_opened(struct env_link *link, int status)
{
    struct peer *peer = link->data;
    struct peers *peers = peer->peers;
    if (status != 0) {
        dial_drop(peer);
        return;
    }
    const struct peer_hello hello = {peers->cluster, peers->self, peer->id, peers->start,
                                     peers->epoch};
    peer->state = PEER_HELLO;
    buf_clear(&peers->scratch);
    wire_put_hello(&peers->scratch, &hello);
    send_record(peer, buf_slice(&peers->scratch));
}

static void on_welcome(struct peer *peer, struct slice body)
{
    struct peers *peers = peer->peers;
    struct wire_welcome welcome;
    if (peer->state != PEER_HELLO) {
        return; /* a duplicate of the one that brought us here */
    }
    if (wire_get_welcome(body, &welcome) != 0) {
        PROBE("peer.bad_welcome");
        dial_drop(peer);
        return;
    }
    if (welcome.refusal != PEER_ACCEPTED) {
        bool news = peer->refusal != welcome.refusal;
        peer->refusal = welcome.refusal;
        dial_drop(peer);
        if (news) {
            peers->events->refused(peers, peer->id, welcome.refusal, welcome.cluster,
                                   welcome.epoch);
        }
        return;
    }
    if (!peers->events->trusts(peers, peer->id, &welcome.start, welcome.epoch)) {
        PROBE("peer.not_trusted");
        dial_drop(peer);
        return;
    }
    peer->refusal = PEER_ACCEPTED;
    peer->start = welcome.start;
    peer->state = PEER_UP;
    links_met(peers, peer->id, &welcome.start);
    peer->up_since_ns = env_now_ns(peers->env);
    env_timer_set(peers->env, &peer->timer, peer->up_since_ns + PING_NS(peers));
    peers->events->up(peers, peer->id);
}

static void on_record(struct env_link *link, struct slice record)
{
    struct peer *peer = link->data;
    struct peers *peers = peer->peers;
    if (record.len == 0 || peer->state == PEER_DOWN) {
        return;
    }
    peer->heard_ns = env_now_ns(peers->env);
    if (record.ptr[0] == WIRE_WELCOME) {
        on_welcome(peer, slice_from(record, 1));
    } else if (record.ptr[0] >= PEER_KIND_USER && peer->state == PEER_UP) {
        /* Its answers come this way until it has a link of its own. */
        peers->events->record(peers, peer->id, record);
    }
}

static void on_failed(struct env_link *link, int err)
{
    struct peer *peer = link->data;
    (void)err;
    dial_drop(peer);
}

static void on_closed(struct env_link *link)
{
    struct peer *peer = link->data;
    struct peers *peers = peer->peers;
    ASSERT(peer->state == PEER_DOWN && peers->links > 0);
    peers->links--;
    peer->env_link.impl = NULL;
    if (peer->removed || peers->closing) {
        peer->state = PEER_WAITING;
        dial_free(peer);
        links_changed(peers);
        return;
    }
    wait_to_dial(peer);
}

static const struct env_link_events link_events = {
    .opened = on_opened,
    .record = on_record,
    .failed = on_failed,
    .closed = on_closed,
};

static void connect_next(struct peer *peer)
{
    struct peers *peers = peer->peers;
    const struct peer_address *to = &peer->addresses[peer->address_next % peer->address_count];
    peer->address_next++;
    peer->state = PEER_CONNECTING;
    peer->env_link = (struct env_link){.events = &link_events, .data = peer};
    peer->heard_ns = env_now_ns(peers->env);
    peers->links++;
    env_timer_set(peers->env, &peer->timer, peer->heard_ns + DIAL_TIMEOUT_NS(peers));
    env_link_connect(peers->env, &peer->env_link, to->host, to->port);
}

static void on_timer(struct env_timer *timer)
{
    static const uint8_t ping[] = {WIRE_PING};
    struct peer *peer = timer->data;
    struct peers *peers = peer->peers;
    int64_t now = env_now_ns(peers->env);
    if (peer->removed) {
        dial_free(peer);
        return;
    }
    switch (peer->state) {
    case PEER_WAITING: connect_next(peer); break;
    case PEER_CONNECTING:
    case PEER_HELLO:
        PROBE("peer.dial_timeout");
        dial_drop(peer);
        break;
    case PEER_UP:
        if (now - peer->heard_ns >= peers->election_ns) {
            PROBE("peer.link_silent");
            dial_drop(peer);
            break;
        }
        send_record(peer, slice_of(ping, sizeof(ping)));
        env_timer_set(peers->env, &peer->timer, now + PING_NS(peers));
        break;
    case PEER_DOWN: UNREACHABLE();
    }
}

void dial_now(struct peer *peer)
{
    if (peer->timer.fire == NULL) {
        peer->timer.fire = on_timer;
        peer->timer.data = peer;
    }
    if (peer->state == PEER_WAITING) {
        env_timer_set(peer->peers->env, &peer->timer, env_now_ns(peer->peers->env));
    }
}

void dial_free(struct peer *peer)
{
    struct peers *peers = peer->peers;
    peer->removed = true;
    dial_drop(peer);
    if (peer->state == PEER_DOWN) {
        return; /* on_closed comes back here */
    }
    list_remove(&peer->link);
    mem_free(peers->env->mem, peer);
}

void dial_retire(struct peer *peer)
{
    struct env *env = peer->peers->env;
    if (peer->state != PEER_UP) {
        dial_free(peer);
        return;
    }
    peer->removed = true;
    env_timer_set(env, &peer->timer, env_now_ns(env) + peer->peers->election_ns);
}
