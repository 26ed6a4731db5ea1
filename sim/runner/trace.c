/* What members tell, as lines of the trace. Nothing is computed while nobody traces. */
#include "run.h"

#define U(x) ((unsigned long long)(x))

/* A mark, which becomes a name as soon as somebody has booted with that ID. */
static void trace_id(member_id_t id, struct buf *out)
{
    if (id == 0) {
        buf_add_str(out, "nobody");
    } else {
        words_member(id, out);
    }
}

static void trace_ids(struct buf *out, const char *name, const member_id_t *ids, size_t count)
{
    buf_add_str(out, name);
    for (size_t i = 0; i < count; i++) {
        buf_add_u8(out, ' ');
        trace_id(ids[i], out);
    }
}

static void trace_role(const struct obs_event *e, struct buf *out)
{
    buf_printf(out, "%s term %llu leader ", obs_role_name(e->role.role), U(e->role.term));
    trace_id(e->role.leader, out);
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
        buf_printf(out, "through %llu of term %llu; hard state: term %llu vote ",
                   U(e->persisted.index), U(e->persisted.term), U(e->persisted.hard_term));
        trace_id(e->persisted.hard_vote, out);
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

static const char *const snapshots[] = {"taken", "installed", "restored"};

void trace_observed(struct run *run, const struct member *m, const struct obs_event *e)
{
    struct buf out;
    if (!engine_traced(run->engine)) {
        return;
    }
    /* It is told with every new hard state; only another vote is news. */
    if (e->kind == OBS_VOTE && m->vote_term == e->vote.term && m->vote == e->vote.candidate) {
        return;
    }
    buf_init(&out, run->mem);
    switch (e->kind) {
    case OBS_BOOT:
        buf_printf(&out, "member %llx boot %llu term %llu log %llu..%llu commit %llu vote ",
                   U(e->member), U(e->boot.boot), U(e->boot.term), U(e->boot.first),
                   U(e->boot.last), U(e->boot.commit));
        trace_id(e->boot.vote, &out);
        break;
    case OBS_EXIT: buf_printf(&out, "code %d", e->exit.code); break;
    case OBS_ROLE: trace_role(e, &out); break;
    case OBS_VOTE:
        buf_add_str(&out, "for ");
        trace_id(e->vote.candidate, &out);
        buf_printf(&out, " in term %llu", U(e->vote.term));
        break;
    case OBS_CONFIG:
        buf_printf(&out, "index %llu", U(e->config.index));
        trace_ids(&out, " voters", e->config.voters, e->config.voter_count);
        if (e->config.learner_count > 0) {
            trace_ids(&out, " learners", e->config.learners, e->config.learner_count);
        }
        break;
    case OBS_SNAPSHOT:
        buf_printf(&out, "%s at %llu (term %llu), revision %lld", snapshots[e->snapshot.what],
                   U(e->snapshot.index), U(e->snapshot.term), (long long)e->snapshot.revision);
        break;
    case OBS_READ:
        buf_printf(&out, "%s, read index %llu, applied %llu",
                   e->read.serializable ? "serializable" : "linearizable", U(e->read.read_index),
                   U(e->read.applied));
        break;
    case OBS_REQUEST: buf_printf(&out, "%llu %s", U(e->request.id), e->request.method); break;
    case OBS_ANSWER: buf_printf(&out, "%llu status %d", U(e->answer.id), e->answer.status); break;
    case OBS_EPOCH:
        buf_printf(&out, "%llx after %llx: kept through %llu, decreed through %llu",
                   U(e->epoch.epoch), U(e->epoch.parent), U(e->epoch.kept), U(e->epoch.last));
        break;
    case OBS_PUBLISHED: buf_add_str(&out, "serves clients"); break;
    default: trace_log(e, &out); break;
    }
    engine_trace(run->engine, node_number(m->node), obs_kind_name(e->kind), "%s", buf_cstr(&out));
    buf_fini(&out);
}
