/* Backups as files: what one holds, and a data directory made of one. For programs without a
 * member: it knows env's disk, and of a member only what it writes.
 */
#ifndef BACKUP_FILES_H
#define BACKUP_FILES_H

#include "backup/backup.h"
#include "base/types.h"
#include "env/env.h"

struct backup_status {
    uint32_t hash; /* CRC-32C of the key space: the same for the same keys and revisions */
    revision_t revision;
    uint64_t keys; /* that exist */
    uint64_t size; /* of the file, without its hash */
};

/* Reads all of it, makes a store of it in memory and so knows that it can be restored; the hash
 * behind it is not compared, as etcd does not here. done: 0 with the status, or an error with
 * words; in a later turn, once. */
void backup_status(struct env *env, const char *path,
                   void (*done)(void *data, int err, const char *words,
                                const struct backup_status *status),
                   void *data);

struct backup_restore {
    const char *path;
    const char *name;
    const char *data_dir;
    const char *initial_cluster;
    const char *initial_token;
    struct slice advertise_peer_urls;
    bool skip_hash;
};

struct backup_restored {
    uint64_t cluster_id;
    member_id_t member_id;
    index_t index; /* of the snapshot */
    revision_t revision;
    size_t member_count;
};

/* Makes a data directory that a member of a new cluster starts from: the key space of the backup
 * with its revisions, and a log that begins behind it with the decree of a new history epoch, which
 * removes the old cluster's members and adds those of initial_cluster. Every one of them restores
 * the same backup with the same cluster and token; all logs are alike then but for their instance.
 *
 * The directory is made under another name and renamed when it is whole and durable. An error that
 * the options alone tell is returned at once, with words in `why`: ERR_INVALID and those of
 * membership_parse. Else 0, and `done` as above. Borrows the options until then. */
int backup_restore(struct env *env, const struct backup_restore *options,
                   void (*done)(void *data, int err, const char *words,
                                const struct backup_restored *restored),
                   void *data, struct buf *why) MUST_CHECK;

#endif
