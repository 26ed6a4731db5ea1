#include "read.h"

#include "base/assert.h"
#include "base/probe.h"
#include "node.h"

/* etcd asks raft again this often while it gets no answer. */
#define ASK_AGAIN_NS (500 * MS_NS)

static void start_round(struct server *server);

static void finish_wait(struct read_wait *wait, int err)
{
    list_remove(&wait->link);
    env_timer_stop(wait->server->env, &wait->timer);
    wait->ready(wait, err);
}

static void finish_list(struct list *list, int err)
{
    /* `ready` may begin further reads; they go to the next round's list. */
    struct list now;
    list_init(&now);
    list_splice_back(&now, list);
    while (!list_empty(&now)) {
        finish_wait(container_of(now.next, struct read_wait, link), err);
    }
}

static void end_round(struct server *server, int err)
{
    struct read_rounds *reads = &server->reads;
    reads->running = false;
    reads->confirmed = false;
    env_timer_stop(server->env, &reads->timeout);
    env_timer_stop(server->env, &reads->again);
    finish_list(&reads->current, err);
    if (!reads->running && !list_empty(&reads->next)) {
        start_round(server);
    }
}

static void ask(struct server *server)
{
    struct raft_event event = {.type = RAFT_EVENT_READ, .context = server->reads.context};
    env_timer_set(server->env, &server->reads.again, env_now_ns(server->env) + ASK_AGAIN_NS);
    consensus_step(server, &event);
}

static void start_round(struct server *server)
{
    struct read_rounds *reads = &server->reads;
    ASSERT(!reads->running && list_empty(&reads->current));
    list_splice_back(&reads->current, &reads->next);
    reads->running = true;
    reads->confirmed = false;
    reads->context = ++server->seq;
    env_timer_set(server->env, &reads->timeout,
                  env_now_ns(server->env) + server_request_timeout_ns(server));
    ask(server);
}

static void on_round_timeout(struct env_timer *timer)
{
    PROBE("server.read_round_timeout");
    end_round(timer->data, ERR_ETCD_TIMEOUT);
}

static void on_again(struct env_timer *timer)
{
    struct server *server = timer->data;
    PROBE("server.read_asked_again");
    /* The answer to the request before may still come: it is as good. */
    ask(server);
}

static void on_deadline(struct env_timer *timer)
{
    struct read_wait *wait = timer->data;
    finish_wait(wait, ERR_ETCD_DEADLINE);
}

void reads_init(struct server *server)
{
    struct read_rounds *reads = &server->reads;
    list_init(&reads->next);
    list_init(&reads->current);
    reads->timeout.fire = on_round_timeout;
    reads->timeout.data = server;
    reads->again.fire = on_again;
    reads->again.data = server;
}

void read_begin(struct server *server, struct read_wait *wait, int64_t deadline_ns)
{
    ASSERT(wait->ready != NULL);
    wait->server = server;
    list_push_back(&server->reads.next, &wait->link);
    if (deadline_ns != INT64_MAX) {
        wait->timer.fire = on_deadline;
        wait->timer.data = wait;
        env_timer_set(server->env, &wait->timer, deadline_ns);
    }
    /* The round starts at the end of the turn, with everything that the turn has brought. */
}

void read_cancel(struct read_wait *wait)
{
    list_remove(&wait->link);
    env_timer_stop(wait->server->env, &wait->timer);
}

void reads_answered(struct server *server, uint64_t context, uint64_t index, int err)
{
    struct read_rounds *reads = &server->reads;
    if (!reads->running || reads->confirmed || context != reads->context) {
        return; /* of a round that is over */
    }
    if (err != 0) {
        return; /* no leader now: asked again, until the round's time is over */
    }
    reads->confirmed = true;
    reads->index = index;
    env_timer_stop(server->env, &reads->again);
    reads_applied(server);
}

void reads_applied(struct server *server)
{
    struct read_rounds *reads = &server->reads;
    if (reads->running && reads->confirmed && server->applied >= reads->index) {
        end_round(server, 0);
    }
    if (!reads->running && !list_empty(&reads->next)) {
        start_round(server);
    }
}

void reads_leader_changed(struct server *server)
{
    struct read_rounds *reads = &server->reads;
    if (reads->running && !reads->confirmed) {
        PROBE("server.read_leader_changed");
        end_round(server, ERR_ETCD_LEADER_CHANGED);
    }
}

void reads_fail(struct server *server, int err)
{
    struct read_rounds *reads = &server->reads;
    env_timer_stop(server->env, &reads->timeout);
    env_timer_stop(server->env, &reads->again);
    reads->running = false;
    reads->confirmed = false;
    finish_list(&reads->current, err);
    finish_list(&reads->next, err);
}
