/* What members tell, as lines of the trace. Nothing is computed while nobody traces. */
#include "run.h"

#define U(x) ((unsigned long long)(x))

static void trace_ids(struct buf *out, const char *name, const member_id_t *ids, size_t count)
{
    buf_printf(out, "%s", name);
    for (size_t i = 0; i < count; i++) {
        buf_printf(out, " %llx", U(ids[i]));
    }
}

static void trace_role(const struct obs_event *e, struct buf *out)
{
    buf_printf(out, "%s term %llu leader %llx", obs_role_name(e->role.role), U(e->role.term),
               U(e->role.leader));
    if (e->role.vote_count > 0) {
        trace_ids(out, " votes", e->role.votes, e->role.vote_count);
    }
}

static void trace_log(const struct obs_event *e, struct buf *out)
{
    switch (e->kind) {
    case OBS_APPEND:
        buf_printf(out, "%llu..%llu%s", U(e->append.first),
                   U(e->append.first + e->append.count - 1),
                   e->append.by_leader ? " as leader" : "");
        break;
    case OBS_TRUNCATE: buf_printf(out, "from %llu", U(e->truncate.index)); break;
    case OBS_PERSISTED:
        buf_printf(out, "through %llu of term %llu; hard state: term %llu vote %llx",
                   U(e->persisted.index), U(e->persisted.term), U(e->persisted.hard_term),
                   U(e->persisted.hard_vote));
        break;
    case OBS_COMMIT:
        buf_printf(out, "%llu in term %llu%s", U(e->commit.index), U(e->commit.term),
                   e->commit.by_leader ? " as leader" : "");
        break;
    case OBS_APPLY:
        buf_printf(out, "%llu of term %llu, revision %lld, state %016llx", U(e->apply.index),
                   U(e->apply.term), (long long)e->apply.revision, U(e->apply.state_hash));
        break;
    default: break;
    }
}

void trace_observed(struct run *run, const struct member *m, const struct obs_event *e)
{
    struct buf out;
    if (!engine_traced(run->engine)) {
        return;
    }
    buf_init(&out, run->mem);
    switch (e->kind) {
    case OBS_BOOT:
        buf_printf(&out, "member %llx boot %llu term %llu vote %llx log %llu..%llu commit %llu",
                   U(e->member), U(e->boot.boot), U(e->boot.term), U(e->boot.vote),
                   U(e->boot.first), U(e->boot.last), U(e->boot.commit));
        break;
    case OBS_EXIT: buf_printf(&out, "code %d", e->exit.code); break;
    case OBS_ROLE: trace_role(e, &out); break;
    case OBS_VOTE:
        buf_printf(&out, "for %llx in term %llu", U(e->vote.candidate), U(e->vote.term));
        break;
    case OBS_CONFIG:
        buf_printf(&out, "index %llu", U(e->config.index));
        trace_ids(&out, " voters", e->config.voters, e->config.voter_count);
        trace_ids(&out, " learners", e->config.learners, e->config.learner_count);
        break;
    case OBS_SNAPSHOT:
        buf_printf(&out, "%s at %llu", e->snapshot.installed ? "installed" : "taken",
                   U(e->snapshot.index));
        break;
    case OBS_READ:
        buf_printf(&out, "%s, read index %llu, applied %llu",
                   e->read.serializable ? "serializable" : "linearizable", U(e->read.read_index),
                   U(e->read.applied));
        break;
    case OBS_REQUEST: buf_printf(&out, "%llu %s", U(e->request.id), e->request.method); break;
    case OBS_ANSWER: buf_printf(&out, "%llu status %d", U(e->answer.id), e->answer.status); break;
    case OBS_PUBLISHED: buf_add_str(&out, "serves clients"); break;
    default: trace_log(e, &out); break;
    }
    engine_trace(run->engine, node_number(m->node), obs_kind_name(e->kind), "%s", buf_cstr(&out));
    buf_fini(&out);
}
