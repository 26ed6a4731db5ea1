/* A leader whose disk has stalled.
 *
 * While a sync is outstanding its own copy counts for nothing, each commit hangs on all the others,
 * and of three members one more failure stops the cluster. So it hands leadership on when a sync
 * takes as long as an election timeout, to the voter with the longest log among those that answer.
 * At most once in ten timeouts: where all disks are slow, handing on and back would make it worse.
 */
#include "base/probe.h"
#include "node.h"

#define REST 10 /* election timeouts between two times */

void slow_disk_submitted(struct server *server, uint64_t token)
{
    struct slow_disk *disk = &server->disk;
    if (disk->done == disk->submitted) {
        disk->since_ns = env_now_ns(server->env);
    }
    disk->submitted = token;
}

void slow_disk_completed(struct server *server, uint64_t token)
{
    struct slow_disk *disk = &server->disk;
    disk->done = token;
    /* It moves: what is still outstanding began at the latest now. */
    disk->since_ns = env_now_ns(server->env);
}

/* 0: nobody answers. */
static member_id_t heir(const struct server *server)
{
    const struct raft_conf *conf = raft_conf(server->raft);
    member_id_t best = 0;
    index_t best_match = 0;
    for (uint32_t i = 0; i < conf->voter_count; i++) {
        struct raft_progress progress;
        member_id_t id = conf->voters[i];
        if (id != server->id && raft_progress(server->raft, id, &progress) &&
            progress.recent_active && progress.match > best_match &&
            peers_up_since(&server->peers, id) >= 0) {
            best = id;
            best_match = progress.match;
        }
    }
    return best;
}

void slow_disk_look(struct server *server)
{
    struct slow_disk *disk = &server->disk;
    int64_t now_ns = env_now_ns(server->env);
    int64_t election_ns = server->config.election_ns;
    if (!consensus_is_leader(server) || server->phase != SERVER_RUNNING ||
        disk->done == disk->submitted || now_ns - disk->since_ns < election_ns ||
        (disk->handed_on && now_ns - disk->handed_on_ns < REST * election_ns) ||
        raft_transferee(server->raft) != 0) {
        return;
    }
    struct raft_event event = {.type = RAFT_EVENT_TRANSFER, .member = heir(server)};
    if (event.member == 0) {
        return;
    }
    PROBE("server.slow_disk_hands_on");
    LOG(server->env, WARN, "the disk has not finished a sync in time; handing leadership on",
        log_duration("outstanding", now_ns - disk->since_ns), log_hex("to", event.member));
    disk->handed_on = true;
    disk->handed_on_ns = now_ns;
    consensus_step(server, &event);
}
