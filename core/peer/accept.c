/* Links that others dialled: judged by their hello, then read.
 */
#include "base/assert.h"
#include "base/probe.h"
#include "link.h"
#include "wire.h"

/* Every member dials one link, and dials again while an old one is not known to be dead. */
#define ACCEPTED_MAX (4 * MEMBERS_MAX)

void links_changed(struct peers *peers)
{
    if (peers_gone(peers)) {
        buf_fini(&peers->scratch);
        peers->events->closed(peers);
    }
}

void accepted_drop(struct peer_accepted *accepted)
{
    if (!accepted->closing) {
        accepted->closing = true;
        env_timer_stop(accepted->peers->env, &accepted->timer);
        env_link_close(accepted->peers->env, &accepted->env_link);
    }
}

static void reply(struct peer_accepted *accepted, struct slice record)
{
    int rv = env_link_send(accepted->peers->env, &accepted->env_link, record);
    if (rv != 0) {
        PROBE("peer.reply_refused");
    }
}

static void on_hello(struct peer_accepted *accepted, struct slice body)
{
    struct peers *peers = accepted->peers;
    struct peer_hello hello = {0};
    int rv = wire_get_hello(body, &hello);
    if (rv == ERR_PROTO) {
        PROBE("peer.bad_hello");
        accepted_drop(accepted);
        return;
    }
    struct wire_welcome welcome = {PEER_WRONG_VERSION, peers->cluster, peers->start, peers->epoch};
    if (rv == 0) {
        welcome.refusal = peers->events->judge(peers, &hello);
    }
    if (peers->closing) {
        return;
    }
    buf_clear(&peers->scratch);
    wire_put_welcome(&peers->scratch, &welcome);
    reply(accepted, buf_slice(&peers->scratch));
    if (welcome.refusal == PEER_ACCEPTED) {
        accepted->from = hello.from;
        accepted->start = hello.start;
        links_met(peers, hello.from, &hello.start);
    }
    /* A refused one is not closed here: its end must read why. It closes, or falls silent. */
}

static void on_record(struct env_link *link, struct slice record)
{
    static const uint8_t pong[] = {WIRE_PONG};
    struct peer_accepted *accepted = link->data;
    struct peers *peers = accepted->peers;
    if (record.len == 0 || accepted->closing) {
        return;
    }
    accepted->heard_ns = env_now_ns(peers->env);
    uint8_t kind = record.ptr[0];
    if (kind == WIRE_HELLO) {
        on_hello(accepted, slice_from(record, 1));
    } else if (accepted->from == 0) {
        PROBE("peer.record_before_hello");
    } else if (kind == WIRE_PING) {
        reply(accepted, slice_of(pong, sizeof(pong)));
    } else if (kind >= PEER_KIND_USER) {
        peers->events->record(peers, accepted->from, record);
    }
}

static void on_failed(struct env_link *link, int err)
{
    struct peer_accepted *accepted = link->data;
    (void)err;
    accepted_drop(accepted);
}

static void on_closed(struct env_link *link)
{
    struct peer_accepted *accepted = link->data;
    struct peers *peers = accepted->peers;
    ASSERT(peers->accepted_count > 0 && peers->links > 0);
    list_remove(&accepted->link);
    peers->accepted_count--;
    peers->links--;
    mem_free(peers->env->mem, accepted);
    links_changed(peers);
}

static const struct env_link_events link_events = {
    .record = on_record,
    .failed = on_failed,
    .closed = on_closed,
};

/* The dialler sends three pings an election timeout; two timeouts of silence are its end. */
static void on_timer(struct env_timer *timer)
{
    struct peer_accepted *accepted = timer->data;
    struct peers *peers = accepted->peers;
    int64_t silent_at = accepted->heard_ns + 2 * peers->election_ns;
    if (accepted->unwelcome) {
        PROBE("peer.removed_is_dropped");
        accepted_drop(accepted);
    } else if (env_now_ns(peers->env) >= silent_at) {
        PROBE("peer.accepted_silent");
        accepted_drop(accepted);
    } else {
        env_timer_set(peers->env, timer, silent_at);
    }
}

void accepted_retire(struct peer_accepted *accepted)
{
    struct peers *peers = accepted->peers;
    if (!accepted->unwelcome && !accepted->closing) {
        accepted->unwelcome = true;
        env_timer_set(peers->env, &accepted->timer, env_now_ns(peers->env) + peers->election_ns);
    }
}

void peers_accept(struct peers *peers, struct env_incoming *incoming)
{
    if (peers->closing || peers->accepted_count >= ACCEPTED_MAX) {
        PROBE("peer.too_many_links");
        return;
    }
    struct peer_accepted *accepted = mem_zalloc(peers->env->mem, 1, sizeof(*accepted));
    accepted->peers = peers;
    accepted->env_link = (struct env_link){.events = &link_events, .data = accepted};
    accepted->heard_ns = env_now_ns(peers->env);
    accepted->timer.fire = on_timer;
    accepted->timer.data = accepted;
    list_push_back(&peers->accepted, &accepted->link);
    peers->accepted_count++;
    peers->links++;
    env_link_accept(peers->env, incoming, &accepted->env_link);
    env_timer_set(peers->env, &accepted->timer, accepted->heard_ns + 2 * peers->election_ns);
}
