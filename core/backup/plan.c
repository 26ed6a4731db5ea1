#include "plan.h"

#include "base/assert.h"
#include "state/entry.h"

static int decree(struct backup_plan *plan, struct membership *members,
                  struct membership_change *change, uint64_t epoch)
{
    const struct entry_head head = {.kind = ENTRY_CONF};
    struct buf context;
    change->epoch = epoch;
    int err = membership_apply(members, change);
    if (err != 0) {
        return err;
    }
    buf_init(&context, plan->payloads.mem);
    entry_put_head(&context, &head);
    membership_change_encode(change, &context);
    const struct raft_conf_change conf = {(enum raft_conf_type)change->type, change->id,
                                          buf_slice(&context)};
    raft_conf_change_encode(&conf, &plan->payloads);
    buf_fini(&context);
    ASSERT(plan->count < PLAN_ENTRIES_MAX);
    plan->ends[plan->count++] = plan->payloads.len;
    return 0;
}

static int add(struct backup_plan *plan, struct membership *members, const struct member *member,
               uint64_t epoch)
{
    struct membership_change change;
    membership_change_of(member, &change);
    return decree(plan, members, &change, epoch);
}

static int drop(struct backup_plan *plan, struct membership *members, member_id_t id,
                uint64_t epoch)
{
    struct membership_change change;
    membership_plan_remove(id, &change);
    return decree(plan, members, &change, epoch);
}

/* Those that are new come first, so that there is a voter all the time, or nearly: one that was
 * there under the same id is taken out and comes back as a stranger, because it has another log. */
static int change_all(struct backup_plan *plan, struct membership *members,
                      const struct membership *target, uint64_t epoch)
{
    int err = 0;
    for (size_t i = 0; i < target->count && err == 0; i++) {
        if (membership_find(members, target->members[i]->id) == NULL) {
            err = add(plan, members, target->members[i], epoch);
        }
    }
    for (size_t i = 0; i < target->count && err == 0; i++) {
        const struct member *now = membership_find(members, target->members[i]->id);
        if (now->since != epoch) {
            err = drop(plan, members, now->id, epoch);
            err = err == 0 ? add(plan, members, target->members[i], epoch) : err;
        }
    }
    for (size_t i = 0; i < members->count && err == 0;) {
        member_id_t id = members->members[i]->id;
        if (membership_find(target, id) != NULL) {
            i++;
        } else {
            err = drop(plan, members, id, epoch);
        }
    }
    return err;
}

int backup_plan_make(struct backup_plan *plan, struct membership *members,
                     const struct membership *target, uint64_t epoch,
                     const struct snapshot_head *head)
{
    *plan = (struct backup_plan){0};
    buf_init(&plan->payloads, members->mem);
    int err = change_all(plan, members, target, epoch);
    if (err != 0) {
        return err;
    }
    /* A term of its own: none of these can be taken for an entry of the old cluster. */
    plan->hard =
        (struct raft_hard_state){.term = head->term + 1, .commit = head->index + plan->count};
    for (size_t i = 0; i < plan->count; i++) {
        size_t from = i == 0 ? 0 : plan->ends[i - 1];
        plan->entries[i] = (struct raft_entry){
            .term = plan->hard.term,
            .index = head->index + 1 + i,
            .payload = slice_of(plan->payloads.ptr + from, plan->ends[i] - from),
            .type = RAFT_ENTRY_CONF};
    }
    return 0;
}

void backup_plan_fini(struct backup_plan *plan)
{
    buf_fini(&plan->payloads);
}
