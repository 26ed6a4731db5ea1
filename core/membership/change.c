/* Changes of the list: how they are planned, when they are refused, what they do. */
#include "base/assert.h"
#include "base/probe.h"

#include "list.h"

/* etcd 3.4: membership.maxLearners. */
#define LEARNERS_DEFAULT 1

int membership_plan_add(const struct member_urls *urls, bool is_learner, int64_t unix_s,
                        struct membership_change *change)
{
    int rv = membership_check_urls(urls, NULL);
    if (rv != 0) {
        return rv;
    }
    *change = (struct membership_change){
        .type = is_learner ? MEMBERSHIP_ADD_LEARNER : MEMBERSHIP_ADD_VOTER, .peer_urls = *urls};
    membership_sort_urls(&change->peer_urls);
    change->id = membership_member_id(&change->peer_urls, slice_str(""), unix_s);
    return change->id != 0 ? 0 : ERR_ETCD_BAD_URLS;
}

int membership_plan_update(member_id_t id, const struct member_urls *urls,
                           struct membership_change *change)
{
    *change = (struct membership_change){.type = MEMBERSHIP_UPDATE, .id = id, .peer_urls = *urls};
    return membership_check_urls(urls, NULL);
}

void membership_plan_remove(member_id_t id, struct membership_change *change)
{
    *change = (struct membership_change){.type = MEMBERSHIP_REMOVE, .id = id};
}

void membership_plan_promote(member_id_t id, struct membership_change *change)
{
    *change = (struct membership_change){.type = MEMBERSHIP_PROMOTE, .id = id};
}

void membership_change_of(const struct member *member, struct membership_change *change)
{
    *change = (struct membership_change){.type = member->is_learner ? MEMBERSHIP_ADD_LEARNER
                                                                    : MEMBERSHIP_ADD_VOTER,
                                         .id = member->id,
                                         .name = member->name,
                                         .peer_urls = member->peer_urls};
}

/* Whether another member than `id` uses one of the URLs. */
static bool urls_used(const struct membership *m, const struct member_urls *urls, member_id_t id)
{
    for (size_t i = 0; i < m->count; i++) {
        const struct member *member = m->members[i];
        for (size_t j = 0; member->id != id && j < urls->count; j++) {
            if (membership_has_url(&member->peer_urls, urls->at[j])) {
                return true;
            }
        }
    }
    return false;
}

static int check_add(const struct membership *m, const struct membership_change *change)
{
    if (membership_find(m, change->id) != NULL) {
        return ERR_ETCD_MEMBER_EXISTS;
    }
    /* Who uses the URLs of a survivor is about to be removed. */
    if (change->epoch == 0 && urls_used(m, &change->peer_urls, change->id)) {
        return ERR_ETCD_PEER_URL_EXISTS;
    }
    size_t learners = m->count - membership_voters(m);
    size_t most = change->learners_max == 0 ? LEARNERS_DEFAULT : change->learners_max;
    if (change->type == MEMBERSHIP_ADD_LEARNER && learners >= most) {
        return ERR_ETCD_TOO_MANY_LEARNERS;
    }
    return m->count < MEMBERS_MAX ? 0 : ERR_LIMIT;
}

int membership_check_change(const struct membership *m, const struct membership_change *change)
{
    const struct member *member = membership_find(m, change->id);
    bool adds = change->type == MEMBERSHIP_ADD_VOTER || change->type == MEMBERSHIP_ADD_LEARNER;
    bool brings_back = adds && change->epoch != 0;
    if (membership_is_removed(m, change->id) && !brings_back) {
        return ERR_ETCD_MEMBER_NOT_FOUND;
    }
    switch (change->type) {
    case MEMBERSHIP_ADD_VOTER:
    case MEMBERSHIP_ADD_LEARNER: return check_add(m, change);
    case MEMBERSHIP_PROMOTE:
        if (member == NULL) {
            return ERR_ETCD_MEMBER_NOT_FOUND;
        }
        return member->is_learner ? 0 : ERR_ETCD_NOT_LEARNER;
    case MEMBERSHIP_REMOVE: return member != NULL ? 0 : ERR_ETCD_MEMBER_NOT_FOUND;
    case MEMBERSHIP_UPDATE:
        if (member == NULL) {
            return ERR_ETCD_MEMBER_NOT_FOUND;
        }
        return urls_used(m, &change->peer_urls, change->id) ? ERR_ETCD_PEER_URL_EXISTS : 0;
    default: UNREACHABLE();
    }
}

int membership_apply(struct membership *m, const struct membership_change *change)
{
    int rv = membership_check_change(m, change);
    if (rv != 0) {
        PROBE("membership.change_refused_at_apply");
        return rv;
    }
    const struct member *before = membership_find(m, change->id);
    struct member member = {.id = change->id};
    m->epoch = change->epoch > m->epoch ? change->epoch : m->epoch;
    if (before != NULL) {
        member = *before;
    }
    switch (change->type) {
    case MEMBERSHIP_ADD_VOTER:
    case MEMBERSHIP_ADD_LEARNER:
        member.is_learner = change->type == MEMBERSHIP_ADD_LEARNER;
        member.name = change->name;
        member.peer_urls = change->peer_urls;
        member.since = change->epoch;
        membership_forget_removed(m, change->id);
        break;
    case MEMBERSHIP_PROMOTE: member.is_learner = false; break;
    case MEMBERSHIP_UPDATE: member.peer_urls = change->peer_urls; break;
    case MEMBERSHIP_REMOVE:
        membership_drop(m, change->id);
        membership_note_removed(m, change->id);
        return 0;
    }
    membership_store(m, &member);
    return 0;
}

int membership_publish_apply(struct membership *m, const struct membership_publish *publish)
{
    const struct member *before = membership_find(m, publish->id);
    if (before == NULL) {
        PROBE("membership.publish_of_removed");
        return ERR_ETCD_MEMBER_NOT_FOUND;
    }
    if (before->instance != 0 && publish->instance != before->instance) {
        PROBE("membership.publish_of_other_log");
        return ERR_PERMISSION;
    }
    struct member member = *before;
    member.instance = publish->instance;
    member.name = publish->name;
    member.client_urls = publish->client_urls;
    membership_store(m, &member);
    return 0;
}
