/* What the chunks of a backup say, checked as a member checks it when it starts. Private to
 * core/backup. */
#ifndef BACKUP_CONTENT_H
#define BACKUP_CONTENT_H

#include "backup/backup.h"
#include "mvcc/mvcc.h"
#include "state/state.h"

struct backup_content {
    struct mem *mem;
    struct state state;
    bool has_state;
    struct mvcc_loader *loader;
    struct mvcc *mvcc; /* after backup_content_end */
    uint32_t hash;     /* of the key space's bytes */
    const char *what;  /* of an error */
};

void backup_content_init(struct backup_content *content, struct mem *mem);
void backup_content_fini(struct backup_content *content);
/* One chunk. ERR_CORRUPT, ERR_FORMAT; `what` says why. */
int backup_content_add(struct backup_content *content, const struct snapshot_head *head,
                       uint32_t type, struct slice payload) MUST_CHECK;
int backup_content_end(struct backup_content *content) MUST_CHECK;
/* The configuration that a list of members implies. */
void backup_conf(const struct membership *members, struct raft_conf *conf);

#endif
