/* snapshot save, status, restore. */
#include "backup/files.h"
#include "base/assert.h"
#include "base/fmt.h"
#include "private.h"

/* More than this waits for the disk: the server is asked to wait. */
#define SAVE_QUEUE_HIGH (1024u * 1024)

/* The bytes that come are written while more come. They go to FILE.part, which becomes FILE when
 * all of it is there and synced, and is removed when it cannot. */
struct save {
    struct ctl *ctl;
    struct session *session;
    const char *path;
    struct buf part; /* the other name */
    struct env_file file;
    struct env_disk_req req;
    struct buf gathering;
    struct buf writing;
    uint64_t offset; /* of what is written next */
    bool busy;       /* a write is under way */
    bool paused;
    bool ended; /* the stream */
    struct buf error;
};

static void save_fini(struct ctl *ctl)
{
    struct save *save = ctl->job;
    buf_fini(&save->part);
    buf_fini(&save->gathering);
    buf_fini(&save->writing);
    buf_fini(&save->error);
    mem_free(ctl->mem, save);
}

static struct env_disk_req *request(struct save *save,
                                    void (*done)(struct env_disk_req *req, int status))
{
    save->req = (struct env_disk_req){.done = done, .data = save};
    return &save->req;
}

static void fail(struct save *save)
{
    ctl_fail(save->ctl, EXIT_INTERRUPTED, "%s", buf_cstr(&save->error));
}

static void part_removed(struct env_disk_req *req, int status)
{
    (void)status; /* there is an error to tell already */
    fail(req->data);
}

static void part_closed(struct env_disk_req *req, int status)
{
    struct save *save = req->data;
    (void)status;
    env_disk_remove(save->ctl->env, request(save, part_removed), buf_cstr(&save->part));
}

/* Nothing is under way on the disk. */
static void give_up(struct save *save)
{
    env_disk_close(save->ctl->env, request(save, part_closed), &save->file);
}

/* What a disk says; the first error is told. */
static bool stumbled(struct save *save, int status, const char *what, const char *path)
{
    if (status != 0 && save->error.len == 0) {
        buf_printf(&save->error, "could not %s %s (%s)", what, path, err_text(status));
    }
    return save->error.len > 0;
}

static void saved(struct env_disk_req *req, int status)
{
    struct save *save = req->data;
    if (stumbled(save, status, "sync the directory of", save->path)) {
        fail(save);
        return;
    }
    ctl_printf(save->ctl, "Snapshot saved at %s\n", save->path);
    ctl_exit(save->ctl, EXIT_OK);
}

static void renamed(struct env_disk_req *req, int status)
{
    struct save *save = req->data;
    if (stumbled(save, status, "rename", buf_cstr(&save->part))) {
        env_disk_remove(save->ctl->env, request(save, part_removed), buf_cstr(&save->part));
        return;
    }
    /* In place of the name, the directory that holds it. */
    size_t len = strlen(save->path);
    while (len > 0 && save->path[len - 1] != '/') {
        len--;
    }
    buf_clear(&save->part);
    if (len == 0) {
        buf_add_str(&save->part, ".");
    } else {
        buf_add(&save->part, save->path, len > 1 ? len - 1 : 1);
    }
    env_disk_sync_dir(save->ctl->env, request(save, saved), buf_cstr(&save->part));
}

static void closed(struct env_disk_req *req, int status)
{
    struct save *save = req->data;
    if (stumbled(save, status, "close", buf_cstr(&save->part))) {
        env_disk_remove(save->ctl->env, request(save, part_removed), buf_cstr(&save->part));
        return;
    }
    env_disk_rename(save->ctl->env, request(save, renamed), buf_cstr(&save->part), save->path);
}

static void synced(struct env_disk_req *req, int status)
{
    struct save *save = req->data;
    if (stumbled(save, status, "sync", buf_cstr(&save->part))) {
        give_up(save);
        return;
    }
    env_disk_close(save->ctl->env, request(save, closed), &save->file);
}

static void written(struct env_disk_req *req, int status);

static void write_on(struct save *save)
{
    if (save->busy) {
        return;
    }
    if (save->error.len > 0) {
        if (save->ended) {
            give_up(save);
        }
        return;
    }
    if (save->gathering.len == 0) {
        if (save->ended) {
            env_disk_sync(save->ctl->env, request(save, synced), &save->file);
        }
        return;
    }
    struct buf bytes = save->gathering;
    save->gathering = save->writing;
    save->writing = bytes;
    buf_clear(&save->gathering);
    save->busy = true;
    const struct slice piece = buf_slice(&save->writing);
    env_disk_write(save->ctl->env, request(save, written), &save->file, save->offset, &piece, 1);
    if (save->paused) {
        save->paused = false;
        client_pause(&save->session->call, false);
    }
}

static void written(struct env_disk_req *req, int status)
{
    struct save *save = req->data;
    save->busy = false;
    save->offset += save->writing.len;
    if (stumbled(save, status, "write", buf_cstr(&save->part)) && !save->ended) {
        client_cancel(&save->session->call);
        save->ended = true;
    }
    write_on(save);
}

static void came(struct client_call *call, struct slice bytes)
{
    struct session *session = call->data;
    struct save *save = session->ctl->job;
    ProtobufCMessage *message = NULL;
    int err = pb_unpack(session->ctl->mem, &etcdserverpb__snapshot_response__descriptor, bytes,
                        &pb_limits_response, &message);
    if (err != 0) {
        if (save->error.len == 0) {
            buf_add_str(&save->error, "the snapshot stream is malformed");
        }
        return;
    }
    const Etcdserverpb__SnapshotResponse *answer = (const Etcdserverpb__SnapshotResponse *)message;
    buf_add(&save->gathering, answer->blob.data, answer->blob.len);
    pb_free(session->ctl->mem, message);
    if (save->gathering.len > SAVE_QUEUE_HIGH && !save->paused) {
        save->paused = true;
        client_pause(call, true);
    }
    write_on(save);
}

static void stream_ended(struct client_call *call)
{
    struct session *session = ctl_done(call);
    if (session == NULL) {
        return;
    }
    struct save *save = session->ctl->job;
    save->ended = true;
    if (call->status != GRPC_OK && save->error.len == 0) {
        buf_add_slice(&save->error, ctl_error(session));
    }
    write_on(save);
}

static void opened(struct env_disk_req *req, int status)
{
    struct save *save = req->data;
    struct ctl *ctl = save->ctl;
    Etcdserverpb__SnapshotRequest ask;
    if (stumbled(save, status, "open", buf_cstr(&save->part))) {
        fail(save);
        return;
    }
    etcdserverpb__snapshot_request__init(&ask);
    save->session->call.message = came;
    save->session->call.done = stream_ended;
    save->session->call.data = save->session;
    /* As in etcdctl, the command timeout does not count here: it may be much data. */
    client_start(save->session->client, &save->session->call, &client_snapshot, &ask.base,
                 INT64_MAX);
    (void)ctl;
}

void command_snapshot_save(struct ctl *ctl)
{
    const struct flags *flags = &ctl->flags;
    if (flags->arg_count != 1) {
        ctl_fail(ctl, EXIT_ARGUMENTS, "snapshot save expects one argument");
        return;
    }
    if (flags->endpoint_count > 1) {
        struct buf list;
        buf_init(&list, ctl->mem);
        for (size_t i = 0; i < flags->endpoint_count; i++) {
            buf_printf(&list, "%s%.*s", i > 0 ? " " : "", (int)flags->endpoints[i].len,
                       (const char *)flags->endpoints[i].ptr);
        }
        ctl_fail(ctl, EXIT_INTERRUPTED,
                 "snapshot must be requested to one selected node, not multiple [%s]",
                 buf_cstr(&list));
        buf_fini(&list);
        return;
    }
    struct session *session = ctl_session(ctl, flags->endpoints, flags->endpoint_count);
    if (session == NULL) {
        return;
    }
    struct save *save = mem_zalloc(ctl->mem, 1, sizeof(*save));
    ctl->job = save;
    ctl->job_fini = save_fini;
    save->ctl = ctl;
    save->session = session;
    save->path = flags->args[0];
    buf_init(&save->part, ctl->mem);
    buf_init(&save->gathering, ctl->mem);
    buf_init(&save->writing, ctl->mem);
    buf_init(&save->error, ctl->mem);
    buf_printf(&save->part, "%s.part", save->path);
    env_disk_open(ctl->env, request(save, opened), &save->file, buf_cstr(&save->part),
                  ENV_OPEN_WRITE | ENV_OPEN_CREATE | ENV_OPEN_TRUNCATE);
}

/* status -------------------------------------------------------------------------------------- */

static void status_done(void *data, int err, const char *words, const struct backup_status *status)
{
    struct ctl *ctl = data;
    if (err == ERR_NOT_FOUND) {
        ctl_fail(ctl, EXIT_ERROR, "stat %s: no such file or directory", ctl->flags.args[0]);
    } else if (err != 0) {
        ctl_fail(ctl, EXIT_ERROR, "%s", words);
    } else {
        print_snapshot(ctl, status);
    }
}

void command_snapshot_status(struct ctl *ctl)
{
    if (ctl->flags.arg_count != 1) {
        ctl_fail(ctl, EXIT_ARGUMENTS, "snapshot status requires exactly one argument");
    } else if (print_check_format(ctl) == 0) {
        backup_status(ctl->env, ctl->flags.args[0], status_done, ctl);
    }
}

/* restore ------------------------------------------------------------------------------------- */

struct restoring {
    struct backup_restore options;
    char data_dir[512];
};

static void restoring_fini(struct ctl *ctl)
{
    mem_free(ctl->mem, ctl->job);
}

/* etcdctl says on standard error what it has done, as lines of its log. */
static void restore_done(void *data, int err, const char *words,
                         const struct backup_restored *restored)
{
    struct ctl *ctl = data;
    const struct restoring *job = ctl->job;
    if (err == ERR_NOT_FOUND) {
        ctl_fail(ctl, EXIT_ERROR, "open %s: no such file or directory", job->options.path);
        return;
    }
    if (err != 0) {
        ctl_fail(ctl, EXIT_ERROR, "%s", words);
        return;
    }
    ctl_warn(ctl,
             "restored %s as %s: member %llx of the new cluster %llx of %zu, which begins at "
             "revision %lld (entry %llu); what was written after the snapshot is not in it\n",
             job->options.path, job->options.data_dir, (unsigned long long)restored->member_id,
             (unsigned long long)restored->cluster_id, restored->member_count,
             (long long)restored->revision, (unsigned long long)restored->index);
    ctl_exit(ctl, EXIT_OK);
}

void command_snapshot_restore(struct ctl *ctl)
{
    const struct flags *flags = &ctl->flags;
    struct buf why;
    if (flags->arg_count != 1) {
        ctl_fail(ctl, EXIT_ARGUMENTS, "snapshot restore requires exactly one argument");
        return;
    }
    struct restoring *job = mem_zalloc(ctl->mem, 1, sizeof(*job));
    ctl->job = job;
    ctl->job_fini = restoring_fini;
    const char *name = flag_text(flags, F_NAME);
    job->options = (struct backup_restore){
        .path = flags->args[0],
        .name = name,
        .data_dir = flag_text(flags, F_DATA_DIR),
        .initial_cluster = flag_text(flags, F_INITIAL_CLUSTER),
        .initial_token = flag_text(flags, F_INITIAL_CLUSTER_TOKEN),
        .advertise_peer_urls = slice_str(flag_text(flags, F_INITIAL_ADVERTISE_PEER_URLS)),
        .skip_hash = flag_bool(flags, F_SKIP_HASH_CHECK)};
    if (*job->options.data_dir == '\0') {
        fmt(job->data_dir, sizeof(job->data_dir), "%s.etcd", name);
        job->options.data_dir = job->data_dir;
    }
    buf_init(&why, ctl->mem);
    if (backup_restore(ctl->env, &job->options, restore_done, ctl, &why) != 0) {
        ctl_fail(ctl, EXIT_ERROR, "%s", buf_cstr(&why));
    }
    buf_fini(&why);
}
