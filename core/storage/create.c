/* A new log: written under another name, synced, and renamed, so that a log is there whole or not
 * at all; a header is never torn. */
#include "base/assert.h"
#include "internal.h"

static void opened(struct storage *s, int status);
static void written(struct storage *s, int status);
static void synced(struct storage *s, int status);
static void renamed(struct storage *s, int status);
static void dirs_synced(struct storage *s, int status);

static bool stumbled(struct storage *s, int status)
{
    if (status == 0) {
        return false;
    }
    storage_say(s, "create the log in", s->wal_dir, status);
    storage_open_failed(s, status);
    return true;
}

void storage_create(struct storage *s, const struct storage_meta *meta)
{
    ASSERT(s->state == STORAGE_ABSENT);
    ASSERT(meta->cluster_id != 0 && meta->member_id != 0);
    s->state = STORAGE_OPENING;
    s->meta = *meta;
    uint32_t salt = (uint32_t)rng_u64(&s->salts);
    s->instance = salt + (salt == 0); /* 0 is no instance */
    s->boot = 1;
    const struct wal_header header = {
        .salt = salt, .meta = s->meta, .instance = s->instance, .sequence = 1, .first = 1};
    wal_write_header(&s->bytes, &header, &s->tail);
    wal_write_boot(&s->bytes, &s->tail, WAL_HEADER_BYTES, 1);
    env_disk_open(s->env, storage_begin(s, opened), s->file, s->spare_path,
                  ENV_OPEN_READ | ENV_OPEN_WRITE | ENV_OPEN_CREATE | ENV_OPEN_TRUNCATE);
}

static void opened(struct storage *s, int status)
{
    if (stumbled(s, status)) {
        return;
    }
    const struct slice bytes = buf_slice(&s->bytes);
    env_disk_write(s->env, storage_begin(s, written), s->file, 0, &bytes, 1);
}

static void written(struct storage *s, int status)
{
    if (!stumbled(s, status)) {
        env_disk_sync(s->env, storage_begin(s, synced), s->file);
    }
}

static void synced(struct storage *s, int status)
{
    if (!stumbled(s, status)) {
        char name[WAL_NAME_BYTES + 1];
        const struct wal_name first = {1, 1, false};
        wal_format_name(name, 1, 1);
        char *path = storage_join(s, s->wal_dir, name);
        s->path = storage_push_segment(s, &first, path)->path;
        mem_free(s->env->mem, path);
        env_disk_rename(s->env, storage_begin(s, renamed), s->spare_path, s->path);
    }
}

static void renamed(struct storage *s, int status)
{
    if (!stumbled(s, status)) {
        s->spare_exists = false;
        s->allocated = s->bytes.len;
        storage_sync_dirs(s, dirs_synced);
    }
}

static void dirs_synced(struct storage *s, int status)
{
    if (!stumbled(s, status)) {
        wal_replay_init(&s->replay, s->env->mem);
        storage_ready(s);
    }
}
