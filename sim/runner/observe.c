#include "run.h"

#include "base/assert.h"
#include "checks.h"
#include "record.h"

/* One word for what a role's change means, or NULL if only --story tells it. */
static void tell_role(struct run *run, struct member *m, enum obs_role before, term_t term_before,
                      member_id_t leader_before)
{
    struct buf text;
    buf_init(&text, run->mem);
    bool plain = true;
    if (m->role == OBS_LEADER) {
        if (before == OBS_LEADER && term_before == m->term) {
            return;
        }
        buf_printf(&text, "leader, term %llu", (unsigned long long)m->term);
    } else if (before == OBS_LEADER) {
        buf_printf(&text, "leader -> %s, term %llu", obs_role_name(m->role),
                   (unsigned long long)m->term);
        if (m->term == term_before && m->leader == 0) {
            buf_add_str(&text, " (no majority heard for an election timeout)");
        }
    } else if (m->leader != 0 && (m->leader != leader_before || m->term != term_before)) {
        buf_printf(&text, "%s, term %llu, leader ", obs_role_name(m->role),
                   (unsigned long long)m->term);
        words_member(m->leader, &text);
    } else {
        buf_printf(&text, "%s, term %llu", obs_role_name(m->role), (unsigned long long)m->term);
        plain = false;
    }
    row_add(run, plain ? ROW_PLAIN : ROW_STORY, m->spec->name, buf_cstr(&text));
}

void role_record(struct run *run, struct member *m, bool down)
{
    struct role_change *change = PUSH(run, run->roles);
    *change = (struct role_change){run_now(run), m->index, down, m->role, m->term, m->leader};
    size_t leader = run_leader(run);
    if (leader != run->leader_known) {
        run->leader_known = leader;
        run->stable_since_ns = run_now(run);
    }
    run->changed = true;
}

static void observe_role(struct run *run, struct member *m, const struct obs_event *e)
{
    enum obs_role role = m->role;
    term_t term = m->term;
    member_id_t leader = m->leader;
    if (role == e->role.role && term == e->role.term && leader == e->role.leader) {
        return;
    }
    lost_end(run, m);
    m->role = e->role.role;
    m->term = e->role.term;
    m->leader = e->role.leader;
    tell_role(run, m, role, term, leader);
    role_record(run, m, false);
}

static void copy_ids(member_id_t *to, size_t *to_count, const member_id_t *from, size_t count)
{
    *to_count = count < MEMBERS_MAX ? count : MEMBERS_MAX;
    if (*to_count > 0) {
        memcpy(to, from, *to_count * sizeof(*to));
    }
}

static bool same_ids(const struct oracle_config *a, const struct oracle_config *b)
{
    return a->voter_count == b->voter_count && a->learner_count == b->learner_count &&
           memcmp(a->voters, b->voters, a->voter_count * sizeof(a->voters[0])) == 0 &&
           memcmp(a->learners, b->learners, a->learner_count * sizeof(a->learners[0])) == 0;
}

static void tell_config(struct run *run, struct member *m)
{
    struct buf text;
    buf_init(&text, run->mem);
    buf_add_str(&text, "configuration: voters");
    for (size_t i = 0; i < m->config.voter_count; i++) {
        buf_add_str(&text, " ");
        words_member(m->config.voters[i], &text);
    }
    for (size_t i = 0; i < m->config.learner_count; i++) {
        buf_add_str(&text, i == 0 ? ", learners " : " ");
        words_member(m->config.learners[i], &text);
    }
    row_add(run, ROW_STORY, m->spec->name, buf_cstr(&text));
}

/* A configuration that came with a snapshot was made by an entry at or before that: the newest one
 * that anybody has told of by then. */
static index_t made_at(const struct run *run, const struct oracle_config *config)
{
    const struct oracle_config *found = NULL;
    if (run->newest.index <= config->index && run->newest.voter_count > 0) {
        found = &run->newest;
    }
    for (size_t i = run->configs.count; found == NULL && i-- > 0;) {
        if (run->configs.items[i].config.index <= config->index &&
            same_ids(&run->configs.items[i].config, config)) {
            found = &run->configs.items[i].config;
        }
    }
    return found != NULL && same_ids(found, config) ? found->index : config->index;
}

static void observe_config(struct run *run, struct member *m, const struct obs_event *e)
{
    struct oracle_config config = {.index = e->config.index};
    copy_ids(config.voters, &config.voter_count, e->config.voters, e->config.voter_count);
    copy_ids(config.learners, &config.learner_count, e->config.learners, e->config.learner_count);
    if (e->config.restored) {
        config.index = made_at(run, &config);
    }
    bool same = same_ids(&config, &m->config);
    m->config = config;
    if (m->epoch == epoch_newest(run) && config.index >= run->newest.index) {
        if (!same_ids(&config, &run->newest)) {
            run->stable_since_ns = run_now(run);
        }
        run->newest = config;
    }
    run->dirty = true;
    run->changed = true;
    if (same) {
        return;
    }
    tell_config(run, m);
    struct config_change *change = PUSH(run, run->configs);
    change->time_ns = run_now(run);
    change->member = m->index;
    change->config = config;
}

static void observe_boot(struct run *run, struct member *m, const struct obs_event *e)
{
    m->id = e->member;
    m->ever_booted = true;
    m->boot_commit = e->boot.commit;
    m->replaying = e->boot.commit > 0;
    m->fetching = m->fetch_target > 0;
    m->term = e->boot.term;
    m->vote_term = e->boot.term;
    m->vote = e->boot.vote;
    run->dirty = true;
    row_add(run, ROW_STORY, m->spec->name,
            run_text(run, "boot %llu, term %llu, log %llu..%llu, commit %llu",
                     (unsigned long long)e->boot.boot, (unsigned long long)e->boot.term,
                     (unsigned long long)e->boot.first, (unsigned long long)e->boot.last,
                     (unsigned long long)e->boot.commit));
}

static void applied(struct run *run, struct member *m, index_t index, uint64_t state_hash,
                    revision_t revision)
{
    m->applied = index;
    m->state_hash = state_hash;
    m->revision = revision;
    if (m->replaying && m->applied >= m->boot_commit) {
        m->replaying = false;
        run->dirty = true;
    }
    if (m->fetching && m->applied >= m->fetch_target) {
        m->fetching = false;
        run->dirty = true;
    }
    run->changed = run->changed || run->watched > 0;
}

static void observe_snapshot(struct run *run, struct member *m, const struct obs_event *e)
{
    static const char *const words[] = {"took", "installed", "begins with"};
    if (e->snapshot.what != OBS_SNAPSHOT_TAKEN) {
        if (e->snapshot.index > m->commit) {
            m->commit = e->snapshot.index;
        }
        applied(run, m, e->snapshot.index, e->snapshot.state_hash, e->snapshot.revision);
    }
    row_add(run, ROW_STORY, m->spec->name,
            run_text(run, "%s a snapshot at %llu", words[e->snapshot.what],
                     (unsigned long long)e->snapshot.index));
}

void member_observe(struct observer *observer, const struct obs_event *e)
{
    struct member *m = container_of(observer, struct member, observer);
    struct run *run = m->run;
    if (run->record != NULL) {
        record_observed(run, m, e);
    }
    trace_observed(run, m, e);
    checks_observe(run->checks, m->index, e);
    switch (e->kind) {
    case OBS_BOOT: observe_boot(run, m, e); break;
    case OBS_ROLE: observe_role(run, m, e); break;
    case OBS_CONFIG: observe_config(run, m, e); break;
    case OBS_VOTE:
        m->vote_term = e->vote.term;
        m->vote = e->vote.candidate;
        break;
    case OBS_APPLY: applied(run, m, e->apply.index, e->apply.state_hash, e->apply.revision); break;
    case OBS_SNAPSHOT: observe_snapshot(run, m, e); break;
    case OBS_COMMIT:
        m->commit = e->commit.index;
        if (m->epoch == epoch_newest(run) && m->commit > run->commit_max) {
            run->commit_max = m->commit;
        }
        run->changed = run->changed || run->watched > 0;
        break;
    case OBS_PERSISTED: disk_told(run, m, e); break;
    case OBS_PUBLISHED:
        m->published = true;
        m->wiped = false;
        run->dirty = true;
        run->changed = true;
        row_add(run, ROW_STORY, m->spec->name, "serves clients");
        break;
    default: break;
    }
}
