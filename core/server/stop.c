/* The orderly end.
 *
 *   asked (SIGTERM) --> LEAVING: a leader hands leadership on, at most one election timeout
 *                          |
 *                          v
 *   removed, fatal ---> STOPPING: what waits is answered "server stopped"; a moment for the answers
 * to leave; everything is closed; when all is gone, the process ends
 */
#include "base/assert.h"
#include "base/probe.h"
#include "node.h"

/* Answers that were written are on their way long before this is over. */
#define LAST_WORDS_NS (50 * MS_NS)

static void close_all(struct env_timer *timer)
{
    struct server *server = timer->data;
    port_close(&server->clients);
    port_close(&server->peer_port);
    peers_close(&server->peers);
    join_free(server);
    snapshots_stop(server);
    boot_cancel(server);
    if (server->storage != NULL) {
        storage_close(server->storage);
    } else {
        server->storage_closed = true;
    }
    stop_continue(server);
}

void stop_now(struct server *server, int code)
{
    struct raft_event event = {.type = RAFT_EVENT_STOP};
    if (server->phase >= SERVER_STOPPING) {
        return;
    }
    server->phase = SERVER_STOPPING;
    server->exit_code = code;
    env_timer_stop(server->env, &server->publish_timer);
    requests_fail(server, ERR_ETCD_STOPPED);
    reads_fail(server, ERR_ETCD_STOPPED);
    maintenance_fail(server, ERR_ETCD_STOPPED);
    compaction_fail(server, ERR_ETCD_STOPPED);
    hashkv_fail(server, ERR_ETCD_STOPPED);
    snapshot_streams_fail(server, ERR_ETCD_STOPPED);
    promote_fail(server, ERR_ETCD_STOPPED);
    if (!server->stepping) {
        consensus_step(server, &event);
    }
    server->halted = true;
    env_timer_stop(server->env, &server->raft_timer);
    port_drain(&server->clients);
    port_drain(&server->peer_port);
    server->stop_timer.fire = close_all;
    server->stop_timer.data = server;
    env_timer_set(server->env, &server->stop_timer, env_now_ns(server->env) + LAST_WORDS_NS);
}

void stop_continue(struct server *server)
{
    if (server->phase != SERVER_STOPPING || server->ending || !port_gone(&server->clients) ||
        !port_gone(&server->peer_port) || !peers_gone(&server->peers) || server->fetches > 0 ||
        !server->storage_closed) {
        return;
    }
    server->ending = true;
    server_end(server);
}

static void on_patience_over(struct env_timer *timer)
{
    struct server *server = timer->data;
    PROBE("server.transfer_on_stop_failed");
    stop_now(server, -server->stop_signal);
}

/* The voter that has been connected for longest (etcd: longestConnected); 0 if none is. */
static member_id_t heir(const struct server *server)
{
    const struct raft_conf *conf = raft_conf(server->raft);
    member_id_t best = 0;
    int64_t best_since = INT64_MAX;
    for (uint32_t i = 0; i < conf->voter_count; i++) {
        member_id_t id = conf->voters[i];
        int64_t since = id == server->id ? -1 : peers_up_since(&server->peers, id);
        if (since >= 0 && since < best_since) {
            best = id;
            best_since = since;
        }
    }
    return best;
}

void stop_asked(void *data, int signal)
{
    struct server *server = data;
    if (server->phase >= SERVER_LEAVING) {
        return;
    }
    LOG(server->env, INFO, "received a signal; shutting down", log_i64("signal", signal));
    server->stop_signal = signal;
    member_id_t to =
        server->phase == SERVER_RUNNING && consensus_is_leader(server) ? heir(server) : 0;
    if (to == 0) {
        stop_now(server, -signal);
        return;
    }
    server->phase = SERVER_LEAVING;
    server->stop_timer.fire = on_patience_over;
    server->stop_timer.data = server;
    env_timer_set(server->env, &server->stop_timer,
                  env_now_ns(server->env) + server->config.election_ns);
    struct raft_event event = {.type = RAFT_EVENT_TRANSFER, .member = to};
    consensus_step(server, &event);
}

void stop_leader_changed(struct server *server)
{
    if (server->phase == SERVER_LEAVING && !consensus_is_leader(server)) {
        stop_now(server, -server->stop_signal);
    }
}
