#include "oracle/oracle.h"

#include "base/assert.h"
#include "base/duration.h"

/* Sets of voters are sought among at most this many members; with more only the whole is tried. */
#define SUBSETS_MAX_MEMBERS 12

struct judging {
    const struct oracle_view *view;
    uint64_t able;                     /* running, with a working disk */
    uint64_t staying;                  /* of these: not asked to stop */
    uint64_t mesh[ORACLE_MEMBERS_MAX]; /* two-way links between able members, itself included */
    const struct oracle_config *configs[ORACLE_MEMBERS_MAX + 1];
    uint64_t voters[ORACLE_MEMBERS_MAX + 1]; /* of each configuration, as far as they are known */
    size_t config_count;
};

static uint64_t bit(size_t i)
{
    return UINT64_C(1) << i;
}

static size_t bits(uint64_t set)
{
    return (size_t)__builtin_popcountll(set);
}

static void find_able(struct judging *j)
{
    const struct oracle_view *v = j->view;
    for (size_t i = 0; i < v->count; i++) {
        if (v->members[i].running && v->members[i].disk_works) {
            j->able |= bit(i);
            j->staying |= v->members[i].leaving ? 0 : bit(i);
        }
    }
    for (size_t a = 0; a < v->count; a++) {
        for (size_t b = 0; b < v->count && (j->able & bit(a)) != 0; b++) {
            bool both = (v->open[a] & bit(b)) != 0 && (v->open[b] & bit(a)) != 0;
            if ((j->able & bit(b)) != 0 && (a == b || both)) {
                j->mesh[a] |= bit(b);
            }
        }
    }
}

static uint64_t voters_of(const struct oracle_view *v, const struct oracle_config *config)
{
    uint64_t set = 0;
    for (size_t i = 0; i < v->count; i++) {
        for (size_t k = 0; k < config->voter_count; k++) {
            if (v->members[i].id != 0 && v->members[i].id == config->voters[k]) {
                set |= bit(i);
            }
        }
    }
    return set;
}

/* Could this member lead by this configuration: does it have two-way links to a quorum? */
static bool could_lead(const struct judging *j, size_t member, uint64_t voters, size_t quorum)
{
    return (j->able & bit(member)) != 0 && bits(j->mesh[member] & voters) >= quorum;
}

static void add_config(struct judging *j, const struct oracle_config *config)
{
    if (config->voter_count == 0) {
        return;
    }
    j->configs[j->config_count] = config;
    j->voters[j->config_count] = voters_of(j->view, config);
    j->config_count++;
}

static void find_configs(struct judging *j)
{
    const struct oracle_view *v = j->view;
    add_config(j, &v->newest);
    for (size_t i = 0; i < v->count; i++) {
        const struct oracle_member *m = &v->members[i];
        if (!m->running || m->replaying || m->config.voter_count == 0) {
            continue;
        }
        uint64_t voters = voters_of(v, &m->config);
        bool by_itself = (voters & bit(i)) != 0 &&
                         could_lead(j, i, voters, oracle_quorum(m->config.voter_count));
        if (!m->fetching || by_itself) {
            add_config(j, &m->config);
        }
    }
}

static uint64_t reached_endpoints(const struct judging *j)
{
    uint64_t set = 0;
    for (size_t i = 0; i < j->view->count; i++) {
        const struct oracle_member *m = &j->view->members[i];
        set |= m->running && m->reached ? bit(i) : 0;
    }
    return set;
}

/* Nobody leads, or can come to lead, in any possible configuration that a client could reach. */
static bool is_never(const struct judging *j)
{
    if (reached_endpoints(j) == 0) {
        return true;
    }
    for (size_t c = 0; c < j->config_count; c++) {
        size_t quorum = oracle_quorum(j->configs[c]->voter_count);
        for (size_t i = 0; i < j->view->count; i++) {
            if (could_lead(j, i, j->voters[c], quorum)) {
                return false;
            }
        }
    }
    return j->config_count > 0;
}

static bool set_is_meshed(const struct judging *j, uint64_t set)
{
    for (size_t i = 0; i < j->view->count; i++) {
        if ((set & bit(i)) != 0 && (j->mesh[i] & set) != set) {
            return false;
        }
    }
    return true;
}

/* Nobody outside could lead instead, or disturb those inside. */
static bool set_is_undisturbed(const struct judging *j, uint64_t set)
{
    for (size_t i = 0; i < j->view->count; i++) {
        if ((set & bit(i)) != 0 || !j->view->members[i].running) {
            continue;
        }
        for (size_t c = 0; c < j->config_count; c++) {
            if (could_lead(j, i, j->voters[c], oracle_quorum(j->configs[c]->voter_count))) {
                return false;
            }
        }
        if (!j->view->pre_vote && (j->view->open[i] & set) != 0) {
            return false;
        }
    }
    return true;
}

static bool set_is_quorum(const struct judging *j, uint64_t set)
{
    for (size_t c = 0; c < j->config_count; c++) {
        if (bits(set & j->voters[c]) < oracle_quorum(j->configs[c]->voter_count)) {
            return false;
        }
    }
    return j->config_count > 0 && (set & j->able) == set;
}

static bool set_holds(const struct judging *j, uint64_t set)
{
    uint64_t reached = reached_endpoints(j);
    uint64_t always_voters = set;
    if (set == 0 || (set & j->staying) != set || reached == 0 || (reached & set) != reached ||
        !set_is_quorum(j, set)) {
        return false;
    }
    for (size_t c = 0; c < j->config_count; c++) {
        always_voters &= j->voters[c];
    }
    /* A learner refuses writes: an endpoint that is one, or may be, breaks the promise. */
    if ((reached & always_voters) != reached) {
        return false;
    }
    for (size_t i = 0; i < j->view->count; i++) {
        if ((set & bit(i)) != 0 && j->view->members[i].behind) {
            return false;
        }
    }
    return set_is_meshed(j, set) && set_is_undisturbed(j, set);
}

/* The largest set that holds; of equal ones the one with the least bits. 0 if there is none. */
static uint64_t find_set(const struct judging *j)
{
    uint64_t best = 0;
    if (set_holds(j, j->staying)) {
        return j->staying;
    }
    if (bits(j->staying) > SUBSETS_MAX_MEMBERS) {
        return 0;
    }
    /* All subsets of `staying`, from the largest number down. */
    for (uint64_t set = j->staying; set != 0; set = (set - 1) & j->staying) {
        bool larger = bits(set) > bits(best) || (bits(set) == bits(best) && set < best);
        if (larger && set_holds(j, set)) {
            best = set;
        }
    }
    return best;
}

/* A member that has published itself answers from its own state; one that has not may yet do so if
 * a write can pass. */
static enum oracle_now judge_serializable(const struct judging *j, bool writes_never)
{
    bool may_publish = false;
    for (size_t i = 0; i < j->view->count; i++) {
        const struct oracle_member *m = &j->view->members[i];
        if (m->running && m->reached && m->published) {
            return ORACLE_SOUND;
        }
        may_publish = may_publish || (m->running && m->reached);
    }
    return may_publish && !writes_never ? ORACLE_UNSURE : ORACLE_NEVER;
}

struct oracle_answer oracle_judge(const struct oracle_view *view, uint64_t previous)
{
    struct judging j = {.view = view};
    struct oracle_answer answer = {ORACLE_UNSURE, ORACLE_UNSURE, 0};
    ASSERT(view->count <= ORACLE_MEMBERS_MAX);
    find_able(&j);
    find_configs(&j);
    bool never = is_never(&j);
    if (never) {
        answer.writes = ORACLE_NEVER;
    } else {
        answer.set = set_holds(&j, previous) ? previous : find_set(&j);
        answer.writes = answer.set != 0 ? ORACLE_SOUND : ORACLE_UNSURE;
    }
    answer.serializable = judge_serializable(&j, never);
    return answer;
}

bool oracle_set_is_quorum(const struct oracle_view *view, uint64_t set)
{
    struct judging j = {.view = view};
    find_able(&j);
    find_configs(&j);
    return set_is_quorum(&j, set);
}

int64_t oracle_bound_ns(const struct oracle_timeouts *t)
{
    return INT64_C(2) * 2 * t->election_ns + t->redial_ns + 10 * t->round_trip_ns + 10 * t->sync_ns;
}

int64_t oracle_bound_local_ns(const struct oracle_timeouts *t)
{
    return t->redial_ns + 10 * t->round_trip_ns;
}
