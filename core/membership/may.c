/* What a member refuses before it proposes, because the cluster might not survive it. Quorums are
 * counted over voters; who never started is a voter like any other. */
#include "base/assert.h"

#include "membership/membership.h"

struct tally {
    size_t voters;
    size_t started;
};

/* All voters but `except` (0: all of them). */
static struct tally tally(const struct membership *m, member_id_t except)
{
    struct tally t = {0, 0};
    for (size_t i = 0; i < m->count; i++) {
        const struct member *member = m->members[i];
        if (!member->is_learner && member->id != except) {
            t.voters++;
            t.started += member_is_started(member);
        }
    }
    return t;
}

static bool has_quorum(struct tally t)
{
    return t.started >= t.voters / 2 + 1;
}

/* -1: not connected. */
static int64_t active_since(const struct membership_view *view, member_id_t id)
{
    for (size_t i = 0; i < view->link_count; i++) {
        if (view->links[i].id == id) {
            return view->links[i].active_since_ns;
        }
    }
    return -1;
}

static bool is_connected(const struct membership_view *view, member_id_t id)
{
    if (id == view->self) {
        return true;
    }
    int64_t since = active_since(view, id);
    return since >= 0 && view->now_ns - since > MEMBERSHIP_HEALTH_NS;
}

static size_t connected_voters(const struct membership *m, const struct membership_view *view)
{
    size_t connected = 0;
    for (size_t i = 0; i < m->count; i++) {
        const struct member *member = m->members[i];
        connected += !member->is_learner && is_connected(view, member->id);
    }
    return connected;
}

int membership_may_add(const struct membership *m, const struct membership_view *view,
                       bool is_learner)
{
    if (!view->strict) {
        return 0;
    }
    struct tally t = tally(m, 0);
    /* One started voter alone may always add a second: that is how a cluster is rebuilt from a
     * single survivor. It is also the case that stalls when the second never starts. */
    bool survivor = t.voters == 1 && t.started == 1;
    t.voters++;
    if (!is_learner && !survivor && !has_quorum(t)) {
        return ERR_ETCD_NOT_ENOUGH_STARTED;
    }
    return connected_voters(m, view) == membership_voters(m) ? 0 : ERR_ETCD_UNHEALTHY;
}

int membership_may_remove(const struct membership *m, const struct membership_view *view,
                          member_id_t id)
{
    const struct member *member = membership_find(m, id);
    if (!view->strict || (member != NULL && member->is_learner)) {
        return 0;
    }
    if (!has_quorum(tally(m, id))) {
        return ERR_ETCD_NOT_ENOUGH_STARTED;
    }
    /* A member that is down is no part of the active quorum: it is safe to remove. */
    if (id != view->self && active_since(view, id) < 0) {
        return 0;
    }
    size_t voters = membership_voters(m);
    size_t connected = connected_voters(m, view);
    return connected >= 2 + (voters - 1) / 2 ? 0 : ERR_ETCD_UNHEALTHY;
}

int membership_may_promote(const struct membership *m, const struct membership_view *view,
                           bool is_tracked, index_t match, index_t leader_match)
{
    /* etcd: match < 0.9 * leader_match, here without fractions. */
    if (is_tracked && match < leader_match && leader_match - match > leader_match / 10) {
        return ERR_ETCD_LEARNER_NOT_READY;
    }
    if (!view->strict) {
        return 0;
    }
    struct tally t = tally(m, 0);
    t.voters++;
    t.started++;
    return has_quorum(t) ? 0 : ERR_ETCD_NOT_ENOUGH_STARTED;
}
