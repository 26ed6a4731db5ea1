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
static void open_segment(struct storage *s);
static void opened(struct storage *s, int status);
static void sized(struct storage *s, int status);
static void read_more(struct storage *s);
static void was_read(struct storage *s, int status);
static void judge(struct storage *s);
static void segment_closed(struct storage *s, int status);
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
    for (size_t i = 0; i < s->segment_count; i++) {
        buf_fini(&s->segments[i].bytes);
        buf_init(&s->segments[i].bytes, s->env->mem);
    }
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
    /* "Not found" is the answer that there is no log yet, which nobody knows here. */
    storage_open_failed(s, status == ERR_NOT_FOUND ? ERR_IO : status);
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

static bool take_name(struct storage *s, const char *text)
{
    struct wal_name name;
    if (strcmp(text, "spare.tmp") == 0) {
        s->spare_exists = true;
        return true;
    }
    if (strcmp(text, "0000000000000001.tmp") == 0) {
        return true; /* what version 1 left when a start of it was cut short */
    }
    if (!wal_parse_name(text, &name)) {
        PROBE("storage.unknown_file");
        fmt(s->words, sizeof(s->words), "%s holds %.64s, which this version does not know",
            s->wal_dir, text);
        return false;
    }
    char *path = storage_join(s, s->wal_dir, text);
    storage_push_segment(s, &name, path);
    mem_free(s->env->mem, path);
    return true;
}

/* Names are sorted, so segments are, too. */
static bool has_no_hole(struct storage *s)
{
    for (size_t i = 1; i < s->segment_count; i++) {
        const struct storage_segment *before = &s->segments[i - 1];
        const struct storage_segment *segment = &s->segments[i];
        if (segment->name.sequence != before->name.sequence + 1) {
            PROBE("storage.segment_missing");
            fmt(s->words, sizeof(s->words),
                "segment %016llx of the log is missing: %s is there, and %s; put it back, or "
                "restore the member from the others (member remove, member add)",
                (unsigned long long)before->name.sequence + 1, before->path, segment->path);
            return false;
        }
    }
    return true;
}

static void listed(struct storage *s, int status)
{
    if (stumbled(s, status, "list", s->wal_dir)) {
        return;
    }
    bool known = true;
    for (size_t i = 0; i < s->req.count && known; i++) {
        known = take_name(s, s->req.names[i]);
    }
    env_disk_names_free(s->env, &s->req);
    if (!known) {
        storage_open_failed(s, ERR_FORMAT);
    } else if (s->segment_count == 0) {
        env_disk_list(s->env, storage_begin(s, absent_listed), s->snap_dir);
    } else if (!has_no_hole(s)) {
        storage_open_failed(s, ERR_CORRUPT);
    } else {
        wal_replay_init(&s->replay, s->env->mem);
        s->reading = 0;
        open_segment(s);
    }
}

static void open_segment(struct storage *s)
{
    env_disk_open(s->env, storage_begin(s, opened), s->file, s->segments[s->reading].path,
                  ENV_OPEN_READ | ENV_OPEN_WRITE);
}

static void opened(struct storage *s, int status)
{
    const char *path = s->segments[s->reading].path;
    if (!stumbled(s, status, "open", path)) {
        env_disk_stat(s->env, storage_begin(s, sized), path);
    }
}

static void sized(struct storage *s, int status)
{
    struct storage_segment *segment = &s->segments[s->reading];
    if (stumbled(s, status, "look at", segment->path)) {
        return;
    }
    s->total += s->req.size;
    if (s->total > LOG_BYTES_MAX) {
        (void)stumbled(s, ERR_LIMIT, "read", segment->path);
        return;
    }
    buf_reserve(&segment->bytes, (size_t)s->req.size);
    s->left = s->req.size;
    s->allocated = s->req.size;
    read_more(s);
}

static void read_more(struct storage *s)
{
    struct storage_segment *segment = &s->segments[s->reading];
    size_t want = s->left < READ_BYTES ? (size_t)s->left : READ_BYTES;
    if (want == 0) {
        judge(s);
        return;
    }
    env_disk_read(s->env, storage_begin(s, was_read), s->file, segment->bytes.len,
                  segment->bytes.ptr + segment->bytes.len, want);
}

static void was_read(struct storage *s, int status)
{
    struct storage_segment *segment = &s->segments[s->reading];
    if (stumbled(s, status, "read", segment->path)) {
        return;
    }
    ASSERT(s->req.count <= s->left);
    segment->bytes.len += s->req.count;
    s->left = s->req.count == 0 ? 0 : s->left - s->req.count;
    read_more(s);
}

/* What can be done about it. */
static const char *advice(int err)
{
    switch (err) {
    case ERR_CORRUPT: return "; restore the member from the others (member remove, member add)";
    case ERR_FOREIGN: return "; put it back where it came from";
    default: return "";
    }
}

static void judge(struct storage *s)
{
    size_t reading = s->reading;
    struct storage_segment *segment = &s->segments[reading];
    bool last = reading + 1 == s->segment_count;
    int err = wal_replay_segment(&s->replay, buf_slice(&segment->bytes), &segment->name, last);
    if (err != 0) {
        const char *path =
            s->replay.in_segment_before ? s->segments[reading - 1].path : segment->path;
        fmt(s->words, sizeof(s->words), "%s at offset %llu: %s%s", path,
            (unsigned long long)s->replay.where, s->replay.what, advice(err));
        storage_open_failed(s, err);
        return;
    }
    segment->max_index = s->replay.segment_max;
    segment->end = s->replay.tail.offset;
    if (!last) {
        env_disk_close(s->env, storage_begin(s, segment_closed), s->file);
        return;
    }
    s->path = segment->path;
    s->meta = s->replay.meta;
    s->instance = s->replay.instance;
    s->recover_to = s->replay.recover_to;
    s->cut_bytes = s->replay.torn;
    storage_snaps_open(s, snaps_found);
}

static void segment_closed(struct storage *s, int status)
{
    if (!stumbled(s, status, "close", s->segments[s->reading].path)) {
        s->reading++;
        open_segment(s);
    }
}

/* Entries have rotted, and the rest of the log is sound. If the snapshot reaches further, nothing
 * is missing. Else the log is cut, and what it was is to be fetched again: see format.c. */
static void repair(struct storage *s)
{
    struct wal_replay *r = &s->replay;
    index_t last = wal_replay_last(r);
    if (r->rotten_all == 0) {
        return;
    }
    PROBE("storage.rotten_entries");
    LOG(s->env, ERROR, "records of the log have rotted", log_str("directory", s->wal_dir),
        log_u64("records", r->rotten_all), log_u64("first", r->lost_first),
        log_u64("last", r->lost_last));
    if (r->lost_first != 0 && s->snap_newest >= r->lost_first) {
        wal_replay_forget(r, r->lost_last < s->snap_newest ? r->lost_last : s->snap_newest);
    }
    if (r->lost_first == 0) {
        return;
    }
    PROBE("storage.repair");
    s->repair_from = r->lost_first;
    r->entry_count = (size_t)(r->lost_first - r->snapshot_index - 1);
    if (r->hard.commit >= r->lost_first) {
        r->hard.commit = r->lost_first - 1;
    }
    r->gaps = 0;
    r->lost_first = 0;
    r->lost_last = 0;
    s->recover_to = last > s->recover_to ? last : s->recover_to;
    LOG(s->env, ERROR,
        "entries were lost; this member does not vote until it has them again from a leader",
        log_u64("from", s->repair_from), log_u64("through", s->recover_to));
}

static void snaps_found(struct storage *s, int status)
{
    if (status != 0) {
        storage_open_failed(s, status);
        return;
    }
    repair(s);
    uint64_t end = s->replay.tail.offset;
    if (s->cut_bytes == 0) {
        write_boot(s);
        return;
    }
    LOG(s->env, WARN, "cut a torn tail off the log", log_str("path", s->path),
        log_u64("offset", end), log_u64("bytes", s->cut_bytes));
    storage_last_segment(s)->bytes.len = (size_t)end;
    s->allocated = end;
    env_disk_truncate(s->env, storage_begin(s, tail_cut), s->file, end);
}

static void tail_cut(struct storage *s, int status)
{
    if (!stumbled(s, status, "cut", s->path)) {
        env_disk_sync(s->env, storage_begin(s, cut_synced), s->file);
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
    const struct wal_replay *r = &s->replay;
    struct slice rest = slice_of(storage_last_segment(s)->bytes.ptr, (size_t)r->tail.offset);
    s->boot = r->boot + 1;
    s->tail = r->tail;
    ASSERT(s->bytes.len == 0);
    wal_write_boot(&s->bytes, &s->tail, r->mark, s->boot);
    const struct slice bytes[2] = {slice_from(rest, (size_t)r->mark), buf_slice(&s->bytes)};
    s->allocated = s->allocated < s->tail.offset ? s->tail.offset : s->allocated;
    env_disk_write(s->env, storage_begin(s, boot_written), s->file, r->mark, bytes, 2);
}

static void boot_written(struct storage *s, int status)
{
    if (!stumbled(s, status, "write", s->path)) {
        env_disk_sync(s->env, storage_begin(s, boot_synced), s->file);
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
    bool recovers = s->recover_to > r->hard.commit;
    storage_batches_init(s, r);
    storage_last_segment(s)->end = s->tail.offset;
    s->state = STORAGE_READY;
    observe_boot(s);
    const struct storage_boot boot = {
        .meta = s->meta,
        .boot = s->boot,
        .instance = s->instance,
        .hard = r->hard,
        .snapshot_index = s->snap_newest,
        .snapshot_term = s->snap_newest != 0 ? s->boot_head.term : 0,
        .snapshot_conf = s->snap_newest != 0 ? &s->boot_head.conf : NULL,
        .snapshot = s->snap_newest != 0 ? &s->boot_head : NULL,
        .entries = r->entries,
        .entry_count = r->entry_count,
        .cut_bytes = s->cut_bytes,
        .recover_to = recovers ? s->recover_to : 0,
    };
    s->events->opened(s->data, 0, &boot);
    storage_drop_opening(s);
    storage_snaps_purge(s);
    storage_keep(s);
}
