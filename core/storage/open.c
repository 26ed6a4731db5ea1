/* From a directory to a log that can be written: lock, read, judge the tail, raise the boot number.
 * Each function is one step; its name says what has just ended. */
#include "base/assert.h"
#include "base/fmt.h"
#include "base/probe.h"
#include "internal.h"

#define READ_BYTES (1024u * 1024)
/* More than this cannot have been written without snapshots in any sensible time; it guards the
 * allocation that a damaged directory could ask for. */
#define LOG_BYTES_MAX (UINT64_C(16) << 30)

static void directory_made(struct storage *s, int status);
static void snap_directory_made(struct storage *s, int status);
static void locked(struct storage *s, int status);
static void foreigner_looked_for(struct storage *s, int status);
static void listed(struct storage *s, int status);
static void absent_listed(struct storage *s, int status);
static void opened(struct storage *s, int status);
static void sized(struct storage *s, int status);
static void read_more(struct storage *s);
static void was_read(struct storage *s, int status);
static void judge(struct storage *s);
static void snaps_found(struct storage *s, int status);
static void tail_cut(struct storage *s, int status);
static void cut_synced(struct storage *s, int status);
static void write_boot(struct storage *s);
static void boot_written(struct storage *s, int status);
static void boot_synced(struct storage *s, int status);
static void dirs_synced(struct storage *s, int status);

void storage_open(struct storage *s)
{
    ASSERT(s->state == STORAGE_NEW);
    s->state = STORAGE_OPENING;
    env_disk_make_dir(s->env, storage_begin(s, directory_made), s->wal_dir);
}

void storage_drop_opening(struct storage *s)
{
    buf_fini(&s->bytes);
    buf_init(&s->bytes, s->env->mem);
    if (s->replay.mem != NULL) {
        wal_replay_fini(&s->replay);
    }
    mem_free(s->env->mem, s->sync_path);
    s->sync_path = NULL;
}

void storage_open_failed(struct storage *s, int err)
{
    s->state = STORAGE_FAILED;
    storage_drop_opening(s);
    s->events->opened(s->data, err, NULL);
}

/* True if the step before has failed; then opening has ended. */
static bool stumbled(struct storage *s, int status, const char *doing, const char *path)
{
    if (status == 0) {
        return false;
    }
    storage_say(s, doing, path, status);
    storage_open_failed(s, status);
    return true;
}

static void directory_made(struct storage *s, int status)
{
    if (!stumbled(s, status, "create the directory", s->wal_dir)) {
        env_disk_make_dir(s->env, storage_begin(s, snap_directory_made), s->snap_dir);
    }
}

static void snap_directory_made(struct storage *s, int status)
{
    if (stumbled(s, status, "create the directory", s->snap_dir)) {
        return;
    }
    char path[1024];
    if (fmt(path, sizeof(path), "%s/lock", s->dir) >= sizeof(path)) {
        (void)stumbled(s, ERR_LIMIT, "use the directory", s->dir);
        return;
    }
    env_disk_lock(s->env, storage_begin(s, locked), path);
}

static void locked(struct storage *s, int status)
{
    if (stumbled(s, status, "lock the directory", s->dir)) {
        return;
    }
    char path[1024];
    fmt(path, sizeof(path), "%s/member", s->dir);
    env_disk_stat(s->env, storage_begin(s, foreigner_looked_for), path);
}

/* etcd keeps its log in `member`. Starting an empty member beside it would forget a vote. */
static void foreigner_looked_for(struct storage *s, int status)
{
    if (status == 0) {
        PROBE("storage.etcd_directory");
        fmt(s->words, sizeof(s->words), "%s holds the data of an etcd member", s->dir);
        storage_open_failed(s, ERR_FORMAT);
        return;
    }
    if (status != ERR_NOT_FOUND && stumbled(s, status, "look into", s->dir)) {
        return;
    }
    env_disk_list(s->env, storage_begin(s, listed), s->wal_dir);
}

/* Snapshots without a log: somebody has emptied the one and left the other. */
static void absent_listed(struct storage *s, int status)
{
    if (stumbled(s, status, "list", s->snap_dir)) {
        return;
    }
    bool left = false;
    for (size_t i = 0; i < s->req.count; i++) {
        left = left || strstr(s->req.names[i], ".tmp") == NULL;
    }
    env_disk_names_free(s->env, &s->req);
    if (left) {
        PROBE("storage.snapshots_without_log");
        fmt(s->words, sizeof(s->words),
            "%s holds snapshots, but %s holds no log; restore the member from the others (member "
            "remove, member add)",
            s->snap_dir, s->wal_dir);
        storage_open_failed(s, ERR_CORRUPT);
        return;
    }
    s->state = STORAGE_ABSENT;
    s->events->opened(s->data, ERR_NOT_FOUND, NULL);
}

static void listed(struct storage *s, int status)
{
    if (stumbled(s, status, "list", s->wal_dir)) {
        return;
    }
    bool there = false;
    for (size_t i = 0; i < s->req.count; i++) {
        const char *name = s->req.names[i];
        if (strcmp(name, "0000000000000001.wal") == 0) {
            there = true;
        } else if (strcmp(name, "0000000000000001.tmp") != 0) {
            PROBE("storage.unknown_file");
            fmt(s->words, sizeof(s->words), "%s holds %.64s, which this version does not know",
                s->wal_dir, name);
            env_disk_names_free(s->env, &s->req);
            storage_open_failed(s, ERR_FORMAT);
            return;
        }
    }
    env_disk_names_free(s->env, &s->req);
    if (!there) {
        env_disk_list(s->env, storage_begin(s, absent_listed), s->snap_dir);
        return;
    }
    env_disk_open(s->env, storage_begin(s, opened), &s->file, s->path,
                  ENV_OPEN_READ | ENV_OPEN_WRITE);
}

static void opened(struct storage *s, int status)
{
    if (stumbled(s, status, "open", s->path)) {
        return;
    }
    env_disk_stat(s->env, storage_begin(s, sized), s->path);
}

static void sized(struct storage *s, int status)
{
    if (stumbled(s, status, "look at", s->path)) {
        return;
    }
    if (s->req.size > LOG_BYTES_MAX) {
        (void)stumbled(s, ERR_LIMIT, "read", s->path);
        return;
    }
    buf_reserve(&s->bytes, (size_t)s->req.size);
    s->cut_bytes = s->req.size; /* for now: what is left to read */
    read_more(s);
}

static void read_more(struct storage *s)
{
    size_t want = s->cut_bytes < READ_BYTES ? (size_t)s->cut_bytes : READ_BYTES;
    if (want == 0) {
        judge(s);
        return;
    }
    env_disk_read(s->env, storage_begin(s, was_read), &s->file, s->bytes.len,
                  s->bytes.ptr + s->bytes.len, want);
}

static void was_read(struct storage *s, int status)
{
    if (stumbled(s, status, "read", s->path)) {
        return;
    }
    ASSERT(s->req.count <= s->cut_bytes);
    s->bytes.len += s->req.count;
    s->cut_bytes = s->req.count == 0 ? 0 : s->cut_bytes - s->req.count;
    read_more(s);
}

static void judge(struct storage *s)
{
    int err = wal_replay(&s->replay, s->env->mem, buf_slice(&s->bytes));
    if (err != 0) {
        fmt(s->words, sizeof(s->words), "%s at offset %llu: %s", s->path,
            (unsigned long long)s->replay.where, s->replay.what);
        storage_open_failed(s, err);
        return;
    }
    uint64_t end = s->replay.tail.offset;
    s->meta = s->replay.meta;
    s->instance = s->replay.tail.salt;
    s->cut_bytes = s->bytes.len - end;
    storage_snaps_open(s, snaps_found);
}

static void snaps_found(struct storage *s, int status)
{
    if (status != 0) {
        storage_open_failed(s, status);
        return;
    }
    uint64_t end = s->replay.tail.offset;
    if (s->cut_bytes == 0) {
        write_boot(s);
        return;
    }
    LOG(s->env, WARN, "cut a torn tail off the log", log_str("path", s->path),
        log_u64("offset", end), log_u64("bytes", s->cut_bytes));
    s->bytes.len = (size_t)end;
    env_disk_truncate(s->env, storage_begin(s, tail_cut), &s->file, end);
}

static void tail_cut(struct storage *s, int status)
{
    if (!stumbled(s, status, "cut", s->path)) {
        env_disk_sync(s->env, storage_begin(s, cut_synced), &s->file);
    }
}

static void cut_synced(struct storage *s, int status)
{
    if (!stumbled(s, status, "sync", s->path)) {
        write_boot(s);
    }
}

/* What lies behind the mark is written once more, in place, because it may only look durable; see
 * the end of the essay in format.c. */
static void write_boot(struct storage *s)
{
    s->replay.boot++;
    s->tail = s->replay.tail;
    struct buf *record = &s->batches[0].bytes; /* not in use yet; lives until it is written */
    wal_write_boot(record, &s->tail, s->replay.mark, s->replay.boot);
    const struct slice bytes[2] = {slice_from(buf_slice(&s->bytes), (size_t)s->replay.mark),
                                   buf_slice(record)};
    env_disk_write(s->env, storage_begin(s, boot_written), &s->file, s->replay.mark, bytes, 2);
}

static void boot_written(struct storage *s, int status)
{
    if (!stumbled(s, status, "write", s->path)) {
        env_disk_sync(s->env, storage_begin(s, boot_synced), &s->file);
    }
}

static void boot_synced(struct storage *s, int status)
{
    if (!stumbled(s, status, "sync", s->path)) {
        storage_sync_dirs(s, dirs_synced);
    }
}

static void dirs_synced(struct storage *s, int status)
{
    if (!stumbled(s, status, "sync the directories of", s->path)) {
        storage_ready(s);
    }
}

static void observe_boot(struct storage *s)
{
    if (s->env->observer == NULL) {
        return;
    }
    struct obs_event event = {.kind = OBS_PERSISTED, .member = s->meta.member_id};
    event.persisted.index = s->gathering->last_index;
    event.persisted.term = s->gathering->last_term;
    event.persisted.hard_term = s->replay.hard.term;
    event.persisted.hard_vote = s->replay.hard.vote;
    event.persisted.file = s->path;
    event.persisted.offset = 0;
    event.persisted.length = s->tail.offset;
    env_observe(s->env, &event);
}

void storage_ready(struct storage *s)
{
    const struct wal_replay *r = &s->replay;
    buf_clear(&s->batches[0].bytes);
    storage_batches_init(s, r);
    s->durable = s->tail.offset;
    s->state = STORAGE_READY;
    observe_boot(s);
    const struct storage_boot boot = {
        .meta = s->meta,
        .boot = r->boot,
        .instance = s->instance,
        .hard = r->hard,
        .snapshot_index = s->snap_newest,
        .snapshot_term = s->snap_newest != 0 ? s->boot_head.term : 0,
        .snapshot_conf = s->snap_newest != 0 ? &s->boot_head.conf : NULL,
        .snapshot = s->snap_newest != 0 ? &s->boot_head : NULL,
        .entries = r->entries,
        .entry_count = r->entry_count,
        .cut_bytes = s->cut_bytes,
    };
    s->events->opened(s->data, 0, &boot);
    storage_drop_opening(s);
    storage_snaps_purge(s);
}
