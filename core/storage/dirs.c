/* A file is as durable as its name, and a name as the directory that holds it. So before a log is
 * vouched for, its directory is synced and every directory above it, at each boot anew: a start
 * that crashed here may have left names that only look durable. */
#include "base/assert.h"
#include "internal.h"

static void sync_next(struct storage *s);

/* Directories above the member's own may not be ours to read; then they were not ours to create. */
static void dir_synced(struct storage *s, int status)
{
    bool above = s->sync_len < strlen(s->sync_snap ? s->wal_dir : s->dir);
    if (status == ERR_PERMISSION && above) {
        status = 0;
    }
    bool top = strcmp(s->sync_path, ".") == 0 || strcmp(s->sync_path, "/") == 0;
    if (status == 0 && top && s->sync_snap) {
        s->sync_snap = false;
        mem_free(s->env->mem, s->sync_path);
        s->sync_path = storage_join(s, s->snap_dir, "any");
        s->sync_len = strlen(s->sync_path);
        top = false;
    }
    if (status != 0 || top) {
        s->after_dirs(s, status);
        return;
    }
    sync_next(s);
}

/* Replaces sync_path by its parent and syncs that. */
static void sync_next(struct storage *s)
{
    char *path = s->sync_path;
    size_t len = s->sync_len;
    while (len > 0 && path[len - 1] != '/') {
        len--;
    }
    while (len > 1 && path[len - 1] == '/') {
        len--;
    }
    if (len == 0) {
        path[0] = '.';
        len = 1;
    }
    path[len] = '\0';
    s->sync_len = len;
    env_disk_sync_dir(s->env, storage_begin(s, dir_synced), path);
}

void storage_sync_dirs(struct storage *s, void (*after)(struct storage *, int))
{
    ASSERT(s->sync_path == NULL);
    s->sync_len = strlen(s->path);
    s->sync_path = mem_strdup(s->env->mem, s->path, s->sync_len);
    s->sync_snap = s->wal_elsewhere; /* that chain comes second */
    s->after_dirs = after;
    sync_next(s);
}
