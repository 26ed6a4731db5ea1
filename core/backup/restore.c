/* A backup becomes a data directory.
 *
 *   options --> is the name free? --> the file, all of it: sound, and what it holds
 *     --> NAME.part: a new log --> the file again: its chunks into a snapshot
 *     --> one unit of the log: begin behind that snapshot, with the decree --> closed --> NAME
 *
 * The file is read twice so that nothing is made of one that is not sound as a whole. Until the
 * last step there is no directory of the name that was asked for, so a restore that was broken off
 * leaves nothing that a member could start from by mistake. */
#include "backup/files.h"

#include "base/assert.h"
#include "base/hash.h"
#include "base/list.h"
#include "base/probe.h"
#include "content.h"
#include "file.h"
#include "plan.h"
#include "storage/storage.h"

struct restore {
    struct env *env;
    const struct backup_restore *options;
    void (*done)(void *data, int err, const char *words, const struct backup_restored *restored);
    void *data;

    struct membership target;
    struct backup_restored restored;
    char *temp_dir;
    struct backup_file file;
    struct backup_content content;
    struct snapshot_head head; /* of the backup */
    uint8_t hash[BACKUP_HASH_BYTES];
    struct buf member_chunk;
    struct backup_plan plan;
    struct storage *storage;
    struct storage_sink *sink;
    bool copying;    /* the second reading has begun */
    bool copied_any; /* the member chunk is written */
    bool at_end;     /* all chunks are */
    struct env_disk_req req;
    int err;
    struct buf words;
};

static void finish(struct restore *r)
{
    struct mem *mem = r->env->mem;
    r->done(r->data, r->err, buf_cstr(&r->words), r->err == 0 ? &r->restored : NULL);
    membership_fini(&r->target);
    backup_content_fini(&r->content);
    backup_file_fini(&r->file);
    if (r->plan.payloads.mem != NULL) {
        backup_plan_fini(&r->plan);
    }
    buf_fini(&r->member_chunk);
    buf_fini(&r->words);
    storage_free(r->storage);
    mem_free(mem, r->temp_dir);
    mem_free(mem, r);
}

/* The first error is the one that is told. */
static void note(struct restore *r, int err, const char *words)
{
    if (r->err == 0) {
        r->err = err;
        buf_add_str(&r->words, words);
    }
}

static void noted(struct restore *r, int err, const char *what, const char *path)
{
    if (r->err == 0) {
        r->err = err;
        buf_printf(&r->words, "cannot %s %s: %s", what, path, err_text(err));
    }
}

/* Disk requests, one at a time. */
static struct env_disk_req *request(struct restore *r,
                                    void (*done)(struct env_disk_req *req, int status))
{
    r->req = (struct env_disk_req){.done = done, .data = r};
    return &r->req;
}

/* The directory ------------------------------------------------------------------------------- */

static void parent_synced(struct env_disk_req *req, int status)
{
    struct restore *r = req->data;
    if (status != 0) {
        noted(r, status, "sync the directory of", r->options->data_dir);
    }
    finish(r);
}

static void renamed(struct env_disk_req *req, int status)
{
    struct restore *r = req->data;
    if (status != 0) {
        noted(r, status, "rename", r->temp_dir);
        finish(r);
        return;
    }
    /* In place of the name, the directory that holds it. */
    size_t len = strlen(r->temp_dir);
    while (len > 0 && r->temp_dir[len - 1] != '/') {
        len--;
    }
    while (len > 1 && r->temp_dir[len - 1] == '/') {
        len--;
    }
    if (len == 0) {
        r->temp_dir[len++] = '.';
    }
    r->temp_dir[len] = '\0';
    env_disk_sync_dir(r->env, request(r, parent_synced), r->temp_dir);
}

static void closed(void *data)
{
    struct restore *r = data;
    if (r->err != 0) {
        finish(r);
        return;
    }
    env_disk_rename(r->env, request(r, renamed), r->temp_dir, r->options->data_dir);
}

static void give_up(struct restore *r)
{
    storage_close(r->storage);
}

/* The log ------------------------------------------------------------------------------------- */

static void persisted(void *data, uint64_t token, index_t index, term_t term)
{
    struct restore *r = data;
    ASSERT(token == 1);
    ASSERT(index == r->plan.hard.commit && term == r->plan.hard.term);
    storage_close(r->storage);
}

static void failed(void *data, int err)
{
    struct restore *r = data;
    (void)err;
    note(r, err, storage_words(r->storage));
    give_up(r);
}

static void write_log(struct restore *r)
{
    const struct backup_plan *plan = &r->plan;
    const struct raft_persist persist = {.token = 1,
                                         .sync = true,
                                         .hard_changed = true,
                                         .hard = plan->hard,
                                         .entries = plan->entries,
                                         .entry_count = plan->count,
                                         .snapshot_index = r->head.index,
                                         .snapshot_term = r->head.term,
                                         .snapshot_conf = &r->head.conf,
                                         .last_index = plan->hard.commit,
                                         .last_term = plan->hard.term};
    storage_persist(r->storage, &persist);
    storage_flush(r->storage);
}

/* The snapshot -------------------------------------------------------------------------------- */

static void sink_done(void *data, int status)
{
    struct restore *r = data;
    const char *words = status == 0 ? "" : storage_sink_words(r->sink);
    r->sink = NULL;
    if (status != 0) {
        note(r, status, words);
    }
    if (r->err != 0) {
        give_up(r);
        return;
    }
    write_log(r);
}

static void copied(struct backup_file *file, int err)
{
    struct restore *r = container_of(file, struct restore, file);
    if (err == 0 && memcmp(backup_hash(file->reader), r->hash, sizeof(r->hash)) != 0) {
        PROBE("backup.changed_between");
        note(r, ERR_CORRUPT, "the snapshot was changed while it was read");
    } else if (err != 0) {
        struct buf words;
        buf_init(&words, r->env->mem);
        backup_file_words(file, &words);
        note(r, err, buf_cstr(&words));
        buf_fini(&words);
    }
    backup_file_fini(file);
    if (r->err != 0) {
        storage_sink_abort(r->sink);
    } else {
        storage_sink_finish(r->sink);
    }
}

static void copy_thing(struct backup_file *file, enum snap_step step)
{
    struct restore *r = container_of(file, struct restore, file);
    if (step == SNAP_CHUNK && backup_type(file->reader) == STATE_CHUNK_KEYS) {
        backup_file_hold(file);
        storage_sink_chunk(r->sink, STATE_CHUNK_KEYS, backup_payload(file->reader));
    }
}

static void sink_more(void *data)
{
    struct restore *r = data;
    if (!r->copied_any) {
        r->copied_any = true;
        storage_sink_chunk(r->sink, STATE_CHUNK_MEMBER, buf_slice(&r->member_chunk));
    } else if (!r->copying) {
        r->copying = true;
        r->file = (struct backup_file){
            .env = r->env, .path = r->options->path, .thing = copy_thing, .ended = copied};
        backup_file_read(&r->file);
    } else {
        backup_file_go_on(&r->file);
    }
}

static const struct storage_sink_events sink_events = {.more = sink_more, .done = sink_done};

/* A log is there: the rest of a restore, since the name was free a moment ago. */
static void opened(void *data, int status, const struct storage_boot *boot)
{
    struct restore *r = data;
    const struct storage_meta meta = {.cluster_id = r->restored.cluster_id,
                                      .member_id = r->restored.member_id};
    if (status == ERR_NOT_FOUND) {
        storage_create(r->storage, &meta);
    } else if (status != 0) {
        note(r, status, storage_words(r->storage));
        give_up(r);
    } else {
        ASSERT(boot->entry_count == 0 && boot->boot == 1);
        r->sink = storage_write_snapshot(r->storage, &r->head, &sink_events, r);
    }
}

static const struct storage_events storage_events = {
    .opened = opened, .persisted = persisted, .failed = failed, .closed = closed};

/* The file ------------------------------------------------------------------------------------ */

/* The same on every member that restores this backup for this cluster. */
static uint32_t epoch_tag(const struct restore *r)
{
    return (uint32_t)hash64(r->hash, sizeof(r->hash), r->restored.cluster_id);
}

static void plan(struct restore *r)
{
    struct membership *members = &r->content.state.members;
    uint64_t epoch = membership_epoch_next(members->epoch, epoch_tag(r));
    /* The state as it was, but in the new cluster, whose members' disks are other ones than those
     * that alarms were raised for; what follows is the log's. */
    const struct alarms none = {0};
    members->cluster_id = r->restored.cluster_id;
    state_encode(r->head.index, r->head.term, r->content.state.cluster_version, &none, members,
                 &r->member_chunk);
    int err = backup_plan_make(&r->plan, members, &r->target, epoch, &r->head);
    if (err != 0) {
        note(r, err, "the old and the new cluster together have too many members");
    }
}

static void examined(struct backup_file *file, int err)
{
    struct restore *r = container_of(file, struct restore, file);
    struct buf words;
    buf_init(&words, r->env->mem);
    if (err == 0) {
        err = backup_content_end(&r->content);
    }
    if (err != 0 && r->content.what == NULL) {
        backup_file_words(file, &words);
    }
    if (err != 0) {
        note(r, err, r->content.what != NULL ? r->content.what : buf_cstr(&words));
    } else {
        r->head = *backup_head(file->reader);
        memcpy(r->hash, backup_hash(file->reader), sizeof(r->hash));
        r->restored.index = r->head.index;
        r->restored.revision = mvcc_revision(r->content.mvcc);
        plan(r);
    }
    buf_fini(&words);
    backup_file_fini(file);
    if (r->err != 0) {
        finish(r);
        return;
    }
    mvcc_free(r->content.mvcc); /* it was only to be known that it can be made */
    r->content.mvcc = NULL;
    r->storage = storage_new(r->env, r->temp_dir, NULL, &storage_events, r);
    storage_open(r->storage);
}

static void examine(struct backup_file *file, enum snap_step step)
{
    struct restore *r = container_of(file, struct restore, file);
    if (step == SNAP_CHUNK) {
        int err = backup_content_add(&r->content, backup_head(file->reader),
                                     backup_type(file->reader), backup_payload(file->reader));
        if (err != 0) {
            backup_file_give_up(file, err);
        }
    }
}

static void temp_looked_for(struct env_disk_req *req, int status)
{
    struct restore *r = req->data;
    if (status == 0) {
        PROBE("backup.broken_off");
        r->err = ERR_EXISTS;
        buf_printf(&r->words, "%s is the rest of a restore that was broken off; remove it",
                   r->temp_dir);
    } else if (status != ERR_NOT_FOUND) {
        noted(r, status, "look at", r->temp_dir);
    }
    if (r->err != 0) {
        finish(r);
        return;
    }
    r->file = (struct backup_file){.env = r->env,
                                   .path = r->options->path,
                                   .thing = examine,
                                   .ended = examined,
                                   .hash_wanted = !r->options->skip_hash};
    backup_file_read(&r->file);
}

static void looked_for(struct env_disk_req *req, int status)
{
    struct restore *r = req->data;
    if (status == 0) {
        r->err = ERR_EXISTS;
        buf_printf(&r->words, "data-dir \"%s\" exists", r->options->data_dir);
        finish(r);
    } else if (status != ERR_NOT_FOUND) {
        noted(r, status, "look at", r->options->data_dir);
        finish(r);
    } else {
        env_disk_stat(r->env, request(r, temp_looked_for), r->temp_dir);
    }
}

static int read_options(struct restore *r, struct buf *why)
{
    const struct backup_restore *options = r->options;
    struct member_urls advertised;
    struct slice name = slice_str(options->name);
    int err = membership_parse(&r->target, slice_str(options->initial_cluster),
                               slice_str(options->initial_token), why);
    if (err == 0) {
        err = membership_split_urls(options->advertise_peer_urls, &advertised, why);
    }
    if (err == 0) {
        err = membership_check_new(&r->target, name, &advertised, why);
    }
    if (err == 0) {
        r->restored.cluster_id = r->target.cluster_id;
        r->restored.member_id = membership_find_name(&r->target, name)->id;
        r->restored.member_count = r->target.count;
    }
    return err;
}

int backup_restore(struct env *env, const struct backup_restore *options,
                   void (*done)(void *data, int err, const char *words,
                                const struct backup_restored *restored),
                   void *data, struct buf *why)
{
    struct restore *r = mem_zalloc(env->mem, 1, sizeof(*r));
    struct buf temp;
    r->env = env;
    r->options = options;
    r->done = done;
    r->data = data;
    r->file.env = env;
    membership_init(&r->target, env->mem);
    int err = read_options(r, why);
    if (err != 0) {
        membership_fini(&r->target);
        mem_free(env->mem, r);
        return err;
    }
    backup_content_init(&r->content, env->mem);
    buf_init(&r->member_chunk, env->mem);
    buf_init(&r->words, env->mem);
    buf_init(&temp, env->mem);
    size_t len = strlen(options->data_dir);
    while (len > 1 && options->data_dir[len - 1] == '/') {
        len--;
    }
    buf_add(&temp, options->data_dir, len);
    buf_add_str(&temp, ".part");
    r->temp_dir = mem_strdup(env->mem, (const char *)temp.ptr, temp.len);
    buf_fini(&temp);
    env_disk_stat(env, request(r, looked_for), options->data_dir);
    return 0;
}
