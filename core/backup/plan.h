/* What the log of a restored member begins with. Private to core/backup. */
#ifndef BACKUP_PLAN_H
#define BACKUP_PLAN_H

#include "content.h"
#include "raft/update.h"

#define PLAN_ENTRIES_MAX (3 * MEMBERS_MAX)

struct backup_plan {
    struct buf payloads;
    size_t ends[PLAN_ENTRIES_MAX];
    struct raft_entry entries[PLAN_ENTRIES_MAX];
    size_t count;
    struct raft_hard_state hard;
};

/* From the list as it was in the backup to the target's: changes that begin `epoch`, one entry
 * each, behind the snapshot. `members` is carried along. ERR_LIMIT: more than MEMBERS_MAX on the
 * way. */
int backup_plan_make(struct backup_plan *plan, struct membership *members,
                     const struct membership *target, uint64_t epoch,
                     const struct snapshot_head *head) MUST_CHECK;
void backup_plan_fini(struct backup_plan *plan);

#endif
