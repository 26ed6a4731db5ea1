/* Feeds the oracle: the truth of processes, disks and links, and what members told. */
#include "run.h"

static bool both_open(const struct run *run, uint32_t a, uint32_t b)
{
    return net_is_open(run->net, a, b) && net_is_open(run->net, b, a);
}

static void view_member(struct run *run, size_t i)
{
    const struct member *m = &run->members[i];
    struct oracle_member *o = &run->view->members[i];
    uint32_t client = host_machine(run->client_host);
    run->view->open[i] = 0;
    o->id = m->id;
    o->running = m->running && !m->paused;
    o->leaving = m->stopping;
    if (m->host == NULL) {
        return;
    }
    o->disk_works = disk_works(host_disk(m->host));
    o->published = m->published;
    o->reached = both_open(run, client, host_machine(m->host));
    o->replaying = m->replaying;
    o->fetching = m->fetching;
    o->behind = !m->fetching && run->commit_max > m->applied + BEHIND_ENTRIES;
    if (m->epoch == epoch_newest(run)) {
        o->config = m->config;
    } else {
        o->config = (struct oracle_config){0};
    }
    for (size_t k = 0; k < run->member_count; k++) {
        const struct host *other = run->members[k].host;
        if (other != NULL && net_is_open(run->net, host_machine(m->host), host_machine(other))) {
            run->view->open[i] |= UINT64_C(1) << k;
        }
    }
}

static struct sight sight_of(const struct run *run, const struct oracle_answer *answer)
{
    const struct oracle_view *view = run->view;
    struct sight sight;
    memset(&sight, 0, sizeof(sight));
    sight.time_ns = run_now(run);
    sight.answer = *answer;
    sight.newest = run->newest;
    for (size_t i = 0; i < view->count; i++) {
        uint64_t bit = UINT64_C(1) << i;
        sight.running |= view->members[i].running ? bit : 0;
        sight.published |= view->members[i].published ? bit : 0;
        sight.reached |= view->members[i].reached ? bit : 0;
        sight.disk_works |= view->members[i].disk_works ? bit : 0;
        sight.ever_started |= run->members[i].ever_started ? bit : 0;
        sight.ids[i] = view->members[i].id;
        sight.open[i] = view->open[i];
    }
    return sight;
}

static uint64_t followers_of(const struct run *run, size_t leader)
{
    const struct member *l = &run->members[leader];
    uint64_t set = 0;
    for (size_t i = 0; i < run->member_count; i++) {
        const struct member *m = &run->members[i];
        if (m->running && m->leader == l->id && m->term == l->term) {
            set |= UINT64_C(1) << i;
        }
    }
    return set;
}

static uint64_t published(const struct run *run)
{
    uint64_t set = 0;
    for (size_t i = 0; i < run->member_count; i++) {
        set |= run->members[i].published ? UINT64_C(1) << i : 0;
    }
    return set;
}

/* The set has changed, but an established leader goes on with a quorum of members that were in it
 * before and follow: nobody needs an election. Members may leave it, and may come to it while they
 * do not serve yet: clients do not use those, and pre-vote keeps them from disturbing. */
static bool goes_on(const struct run *run, uint64_t before, uint64_t after)
{
    size_t leader = run_leader(run);
    uint64_t common = before & after;
    if (leader == SIZE_MAX || before == 0 || after == 0 || !run->pre_vote) {
        return false;
    }
    return (common & (UINT64_C(1) << leader)) != 0 &&
           (common & followers_of(run, leader)) == common &&
           (after & ~before & published(run)) == 0 && oracle_set_is_quorum(run->view, common);
}

/* Serializable reads need any member that serves; one that is gone may take a request with it. */
static void track_local(struct run *run, enum oracle_now now)
{
    uint64_t set = 0;
    for (size_t i = 0; i < run->member_count && now == ORACLE_SOUND; i++) {
        const struct oracle_member *m = &run->view->members[i];
        set |= m->running && m->reached && m->published ? UINT64_C(1) << i : 0;
    }
    if (now == ORACLE_SOUND && run->serializable.now == ORACLE_SOUND &&
        set != run->serializable.set) {
        oracle_track_move(&run->serializable, run_now(run), set);
    }
    oracle_track_set(&run->serializable, run_now(run), now, set);
}

/* A member of a history that was left behind still runs: it may answer from there, or not. */
static bool two_histories(const struct run *run)
{
    for (size_t i = 0; i < run->member_count; i++) {
        if (run->members[i].running && run->members[i].epoch != epoch_newest(run)) {
            return true;
        }
    }
    return false;
}

/* Of a member that runs. */
static bool some_disk_is_bad(const struct run *run)
{
    for (size_t i = 0; i < run->member_count; i++) {
        const struct member *m = &run->members[i];
        if (m->running && !disk_is_well(host_disk(m->host))) {
            return true;
        }
    }
    return false;
}

void foresee(struct run *run)
{
    struct oracle_view *view = run->view;
    view->count = run->member_count;
    view->newest = run->newest;
    view->pre_vote = run->pre_vote;
    for (size_t i = 0; i < run->member_count; i++) {
        view_member(run, i);
    }
    lost_look(run);
    enum oracle_now before = run->writes.now;
    struct oracle_answer answer = oracle_judge(view, run->writes.set);
    if (two_histories(run)) {
        answer = (struct oracle_answer){ORACLE_UNSURE, ORACLE_UNSURE, 0};
    }
    if (run->bad_link_count > 0 || some_disk_is_bad(run)) {
        /* Links that lose or delay, and disks that are not well, promise nothing; what cannot be,
         * cannot. */
        answer.writes = answer.writes == ORACLE_SOUND ? ORACLE_UNSURE : answer.writes;
        answer.serializable =
            answer.serializable == ORACLE_SOUND ? ORACLE_UNSURE : answer.serializable;
        answer.set = 0;
    }
    if (run->phase == RUN_SETTLING || run->phase == RUN_OVER) {
        return;
    }
    if (run->writes.set != answer.set && goes_on(run, run->writes.set, answer.set)) {
        oracle_track_move(&run->writes, run_now(run), answer.set);
    }
    oracle_track_set(&run->writes, run_now(run), answer.writes, answer.set);
    track_local(run, answer.serializable);
    *PUSH(run, run->sights) = sight_of(run, &answer);
    if (answer.writes != before) {
        struct row *row = row_add(run, ROW_ORACLE, "oracle", "");
        row->sight = run->sights.count - 1;
    }
}

void foresee_begin(struct run *run)
{
    oracle_track_init(&run->writes, run->mem, run->bound_ns, 0);
    oracle_track_init(&run->serializable, run->mem, run->bound_local_ns, 0);
    run->dirty = true;
}

const struct sight *sight_at(const struct run *run, int64_t time_ns)
{
    const struct sight *found = NULL;
    for (size_t i = 0; i < run->sights.count && run->sights.items[i].time_ns <= time_ns; i++) {
        found = &run->sights.items[i];
    }
    return found;
}
