/* A rule that only the world can judge, because it needs the truth of the links: a leader that
 * hears no quorum steps down (thesis 6.2, check-quorum; always on). It has two election timeouts
 * for it, since it looks once in each; a third, a second and a round trip are given for what was on
 * its way and for clocks that run slowly. Links that are slow or hold records back could need more,
 * so that nothing is said of scenarios that have such steps. */
#include "run.h"

#include "base/duration.h"

static bool links_are_plain(const struct run *run)
{
    for (size_t i = 0; i < run->s->step_count; i++) {
        switch (run->s->steps[i].action.kind) {
        case ACTION_WAIT:
        case ACTION_CTL:
        case ACTION_START:
        case ACTION_STOP:
        case ACTION_CRASH:
        case ACTION_POWER_OFF:
        case ACTION_PAUSE:
        case ACTION_PARTITION:
        case ACTION_HEAL:
        case ACTION_EXIT:
        case ACTION_SAVE_DIR: break;
        default: return false;
        }
    }
    return true;
}

static bool may_hear(const struct run *run, size_t leader, size_t k)
{
    const struct member *m = &run->members[k];
    return k == leader || (m->host != NULL && m->running && !m->paused &&
                           (run->view->open[k] & (UINT64_C(1) << leader)) != 0);
}

static bool leads_unheard(const struct run *run, size_t i)
{
    const struct member *m = &run->members[i];
    size_t heard = 0;
    if (!m->running || m->paused || m->role != OBS_LEADER || m->config.voter_count == 0) {
        return false;
    }
    for (size_t v = 0; v < m->config.voter_count; v++) {
        size_t k = member_by_id(run, m->config.voters[v]);
        /* Whom nobody knows by name cannot be ruled out. */
        heard += k == SIZE_MAX || may_hear(run, i, k);
    }
    return heard < oracle_quorum(m->config.voter_count);
}

void lost_end(struct run *run, struct member *m)
{
    int64_t bound = 3 * run->timeouts.election_ns + SEC_NS + run->timeouts.round_trip_ns;
    if (!m->unheard) {
        return;
    }
    m->unheard = false;
    if (run_now(run) - m->unheard_ns <= bound || !links_are_plain(run)) {
        return;
    }
    struct buf since;
    struct buf now;
    buf_init(&since, run->mem);
    buf_init(&now, run->mem);
    words_time(run, m->unheard_ns, &since);
    words_time(run, run_now(run), &now);
    run_fail(run, VERDICT_STALLED, "election", "check-quorum", "",
             run_text(run,
                      "election: check-quorum\n%s leads in term %llu, though from %s to %s nothing "
                      "reached it from a quorum of its voters\nrule: a leader that hears no quorum "
                      "for two election timeouts steps down (thesis 6.2)",
                      m->spec->name, (unsigned long long)m->term, buf_cstr(&since),
                      buf_cstr(&now)));
}

void lost_look(struct run *run)
{
    for (size_t i = 0; i < run->member_count; i++) {
        struct member *m = &run->members[i];
        if (!leads_unheard(run, i)) {
            lost_end(run, m);
        } else if (!m->unheard) {
            m->unheard = true;
            m->unheard_ns = run_now(run);
        }
    }
}

void lost_judge(struct run *run)
{
    for (size_t i = 0; i < run->member_count; i++) {
        lost_end(run, &run->members[i]);
    }
}
