/* What observers are told. Nothing here decides anything, and nothing is computed while nobody
 * listens. */
#include "base/assert.h"
#include "base/hash.h"
#include "node.h"

static struct obs_event begin(const struct server *server, enum obs_kind kind)
{
    struct obs_event event;
    memset(&event, 0, sizeof(event));
    event.kind = kind;
    event.member = server->id;
    return event;
}

static void observe_append(struct server *server, index_t first, index_t last, bool by_leader)
{
    struct mem *mem = server->env->mem;
    size_t count = (size_t)(last - first + 1);
    struct obs_entry *entries = mem_alloc(mem, count * sizeof(*entries));
    for (size_t i = 0; i < count; i++) {
        const struct raft_entry *entry = raft_log_entry(server->raft, first + i);
        entries[i].term = entry->term;
        entries[i].hash = hash64(entry->payload.ptr, entry->payload.len, (uint64_t)entry->type);
    }
    struct obs_event event = begin(server, OBS_APPEND);
    event.append.first = first;
    event.append.entries = entries;
    event.append.count = count;
    event.append.by_leader = by_leader;
    env_observe(server->env, &event);
    mem_free(mem, entries);
}

static void observe_epoch(struct server *server)
{
    struct obs_event event = begin(server, OBS_EPOCH);
    event.epoch.epoch = server->begun.epoch;
    event.epoch.parent = server->begun.parent;
    event.epoch.kept = server->begun.kept;
    event.epoch.last = server->begun.last;
    env_observe(server->env, &event);
}

void observe_boot(struct server *server, const struct raft_hard_state *hard)
{
    if (server->env->observer == NULL) {
        return;
    }
    if (server->begun.epoch != 0) {
        observe_epoch(server);
    }
    struct obs_event event = begin(server, OBS_BOOT);
    event.boot.boot = server->boot;
    event.boot.term = hard->term;
    event.boot.vote = hard->vote;
    event.boot.first = raft_first(server->raft);
    event.boot.last = raft_durable(server->raft);
    event.boot.commit = hard->commit > server->applied ? hard->commit : server->applied;
    env_observe(server->env, &event);
    if (event.boot.last >= event.boot.first) {
        observe_append(server, event.boot.first, event.boot.last, false);
    }
}

static enum obs_role role_of(const struct server *server, enum raft_role role)
{
    switch (role) {
    case RAFT_PRE_CANDIDATE: return OBS_PRE_CANDIDATE;
    case RAFT_CANDIDATE: return OBS_CANDIDATE;
    case RAFT_LEADER: return OBS_LEADER;
    case RAFT_FOLLOWER:
    case RAFT_HALTED: break;
    }
    bool learner = raft_conf_is_learner(raft_conf(server->raft), server->id);
    return learner ? OBS_LEARNER : OBS_FOLLOWER;
}

static void observe_vote(struct server *server, const struct raft_persist *persist)
{
    if (!persist->hard_changed || persist->hard.vote == 0) {
        return;
    }
    struct obs_event event = begin(server, OBS_VOTE);
    event.vote.term = persist->hard.term;
    event.vote.candidate = persist->hard.vote;
    env_observe(server->env, &event);
}

static void observe_role(struct server *server, const struct raft_update *update)
{
    struct obs_event event = begin(server, OBS_ROLE);
    event.role.role = role_of(server, update->role);
    event.role.term = update->term;
    event.role.leader = update->leader;
    server->observed_learner = event.role.role == OBS_LEARNER;
    env_observe(server->env, &event);
}

/* A change of configuration makes a follower a learner, or a learner a follower. */
static bool is_other_kind(const struct server *server, const struct raft_update *update)
{
    return update->role == RAFT_FOLLOWER &&
           (role_of(server, update->role) == OBS_LEARNER) != server->observed_learner;
}

/* The order is the one that env/observer.h promises. */
void observe_update(struct server *server, const struct raft_update *update)
{
    if (server->env->observer == NULL) {
        return;
    }
    bool conf_applied = server->conf_index != 0;
    if (conf_applied) {
        /* This step was the application of a conf entry: what follows happens under it. Told once:
         * what the step sets off may step again. */
        index_t index = server->conf_index;
        server->conf_index = 0;
        observe_apply(server, index, server->applied_term);
        observe_config(server, index);
    }
    if (update->state_changed || (conf_applied && is_other_kind(server, update))) {
        observe_role(server, update);
    }
    observe_vote(server, &update->persist);
    if (update->truncated_from != 0) {
        struct obs_event event = begin(server, OBS_TRUNCATE);
        event.truncate.index = update->truncated_from;
        env_observe(server->env, &event);
    }
    if (update->appended_first != 0) {
        observe_append(server, update->appended_first, update->appended_last,
                       update->role == RAFT_LEADER);
    }
    if (update->commit_first != 0) {
        struct obs_event event = begin(server, OBS_COMMIT);
        event.commit.index = update->commit_last;
        event.commit.term = raft_term(server->raft);
        event.commit.by_leader = raft_role(server->raft) == RAFT_LEADER;
        env_observe(server->env, &event);
    }
}

uint64_t server_state_hash(const struct server *server)
{
    uint64_t hash = hash64_mix(mvcc_hash(server->mvcc), server->members_hash);
    return hash64_mix(hash, alarms_hash(&server->alarms));
}

void observe_apply(struct server *server, index_t index, term_t term)
{
    if (server->env->observer == NULL) {
        return;
    }
    struct obs_event event = begin(server, OBS_APPLY);
    event.apply.index = index;
    event.apply.term = term;
    event.apply.state_hash = server_state_hash(server);
    event.apply.revision = mvcc_revision(server->mvcc);
    env_observe(server->env, &event);
}

static void tell_config(struct server *server, index_t index, bool restored)
{
    struct raft_conf conf;
    members_conf(&server->members, &conf);
    struct obs_event event = begin(server, OBS_CONFIG);
    event.config.index = index;
    event.config.voters = conf.voters;
    event.config.voter_count = conf.voter_count;
    event.config.learners = conf.learners;
    event.config.learner_count = conf.learner_count;
    event.config.restored = restored;
    env_observe(server->env, &event);
}

void observe_config(struct server *server, index_t index)
{
    if (server->env->observer != NULL) {
        tell_config(server, index, false);
    }
}

void observe_snapshot(struct server *server, enum obs_snapshot what)
{
    if (server->env->observer == NULL) {
        return;
    }
    struct obs_event event = begin(server, OBS_SNAPSHOT);
    event.snapshot.index = server->applied;
    event.snapshot.term = server->applied_term;
    event.snapshot.what = what;
    event.snapshot.state_hash = server_state_hash(server);
    event.snapshot.revision = mvcc_revision(server->mvcc);
    env_observe(server->env, &event);
    tell_config(server, server->applied, true);
}

void observe_read(struct server *server, bool serializable)
{
    struct obs_event event = begin(server, OBS_READ);
    event.read.serializable = serializable;
    event.read.read_index = serializable ? 0 : server->reads.index;
    event.read.applied = server->applied;
    env_observe(server->env, &event);
}

void observe_request(struct request *request)
{
    struct obs_event event = begin(request->server, OBS_REQUEST);
    event.request.id = request->head.seq;
    event.request.method = grpc_call_method(request->call)->name;
    env_observe(request->server->env, &event);
}

void observe_answer(struct server *server, uint64_t seq, int status)
{
    struct obs_event event = begin(server, OBS_ANSWER);
    event.answer.id = seq;
    event.answer.status = status;
    env_observe(server->env, &event);
}

void observe_published(struct server *server)
{
    struct obs_event event = begin(server, OBS_PUBLISHED);
    env_observe(server->env, &event);
}
