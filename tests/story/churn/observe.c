/* What members tell: to the rules, and to what the run itself goes by. */
#include "churn.h"

#include "base/assert.h"

/* The commit index rides along with every write that is synced: once entries that were appended
 * later are durable, a restart knows what was applied before. */
static void note_append(struct place *p, const struct obs_event *e)
{
    if (e->append.count == 0) {
        return;
    }
    p->last = e->append.first + e->append.count - 1;
    if (p->append_last == 0) {
        p->append_last = p->last;
        p->append_commit = p->applied;
    }
}

static void note_persisted(struct place *p, const struct obs_event *e)
{
    if (p->append_last != 0 && e->persisted.index >= p->append_last) {
        if (p->append_commit > p->commit_durable) {
            p->commit_durable = p->append_commit;
        }
        p->append_last = 0;
    }
}

static bool same_members(const struct conf *a, const struct conf *b)
{
    return a->voter_count == b->voter_count && a->learner_count == b->learner_count &&
           memcmp(a->voters, b->voters, a->voter_count * sizeof(a->voters[0])) == 0 &&
           memcmp(a->learners, b->learners, a->learner_count * sizeof(a->learners[0])) == 0;
}

/* The member's disk leads to this configuration from now on. */
static void see_config(struct place *p)
{
    if (p->conf.index > p->seen.index) {
        p->seen_before = p->seen;
        p->seen = p->conf;
    }
}

static void note_config(struct churn *c, struct place *p, const struct obs_event *e)
{
    struct conf *conf = &p->conf;
    ASSERT(e->config.voter_count <= MEMBERS_MAX && e->config.learner_count <= MEMBERS_MAX);
    *conf = (struct conf){.index = e->config.index,
                          .voter_count = e->config.voter_count,
                          .learner_count = e->config.learner_count};
    if (conf->voter_count > 0) {
        memcpy(conf->voters, e->config.voters, conf->voter_count * sizeof(conf->voters[0]));
    }
    if (conf->learner_count > 0) {
        memcpy(conf->learners, e->config.learners, conf->learner_count * sizeof(conf->learners[0]));
    }
    if (e->config.restored && c->newest.index <= conf->index && same_members(conf, &c->newest)) {
        conf->index = c->newest.index; /* the entry that made it lies before the snapshot */
    }
    see_config(p);
    if (conf->index > c->newest.index) {
        c->newest = *conf;
        c->sums.configs++;
        faults_tempt(c, p, 1000000);
    }
}

static void note_boot(struct churn *c, struct place *p, const struct obs_event *e)
{
    p->booted = true;
    if (p->lost == 0) {
        p->id = e->member;
    }
    p->last = e->boot.last;
    if (e->boot.commit > p->commit_durable) {
        p->commit_durable = e->boot.commit;
    }
    history_started(c->history, e->member, churn_now(c));
}

static void note_snapshot(struct churn *c, struct place *p, const struct obs_event *e)
{
    if (e->snapshot.what == OBS_SNAPSHOT_TAKEN) {
        c->sums.taken++;
        faults_tempt(c, p, 100000);
        return;
    }
    c->sums.installed += e->snapshot.what == OBS_SNAPSHOT_INSTALLED;
    c->sums.restored += e->snapshot.what == OBS_SNAPSHOT_RESTORED;
    p->applied = e->snapshot.index;
    p->state_hash = e->snapshot.state_hash;
    if (e->snapshot.what == OBS_SNAPSHOT_INSTALLED) {
        p->last = e->snapshot.index;
        p->append_last = 0;
        faults_tempt(c, p, 500000);
    }
}

static void note(struct churn *c, struct place *p, const struct obs_event *e)
{
    switch (e->kind) {
    case OBS_BOOT: note_boot(c, p, e); break;
    case OBS_ROLE:
        if (e->role.role == OBS_LEADER && p->role != OBS_LEADER) {
            c->sums.elections++;
            faults_tempt(c, p, 500000);
        }
        p->role = e->role.role;
        p->term = e->role.term;
        break;
    case OBS_VOTE: faults_tempt(c, p, 300000); break;
    case OBS_APPEND:
        note_append(p, e);
        faults_tempt(c, p, e->append.by_leader ? 20000 : 5000);
        break;
    case OBS_TRUNCATE:
        c->sums.truncations++;
        c->sums.truncated += p->last - e->truncate.index + 1;
        p->last = e->truncate.index - 1;
        if (p->append_last >= e->truncate.index) {
            p->append_last = 0;
        }
        break;
    case OBS_PERSISTED: note_persisted(p, e); break;
    case OBS_COMMIT:
        if (e->commit.index > c->commit_max) {
            c->commit_max = e->commit.index;
        }
        if (e->commit.by_leader) {
            faults_tempt(c, p, 20000);
        }
        break;
    case OBS_APPLY:
        p->applied = e->apply.index;
        p->state_hash = e->apply.state_hash;
        break;
    case OBS_CONFIG: note_config(c, p, e); break;
    case OBS_SNAPSHOT: note_snapshot(c, p, e); break;
    case OBS_PUBLISHED:
        p->published = true;
        if (p->published_at == 0 && p->lost == 0) {
            p->published_at = p->applied + 1; /* told before the entry counts as applied */
        }
        break;
    default: break;
    }
}

void member_observe(struct observer *observer, const struct obs_event *event)
{
    struct place *p = (struct place *)observer;
    struct churn *c = p->churn;
    check_event(p->check, churn_now(c), world_engine(c->world)->event, event);
    note(c, p, event);
}
