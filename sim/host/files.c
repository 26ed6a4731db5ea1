/* The disk's half of the env: each request of the node has one of the disk. */
#include <string.h>

#include "base/assert.h"
#include "impl.h"

struct completion {
    struct disk_req *req;
    int status;
};

/* The handle of an open or close; node memory that lives until done. */
static struct env_file *file_of(const struct disk_req *req)
{
    return (struct env_file *)req->user;
}

static void copy_names(struct process *process, struct env_disk_req *handle,
                       const struct disk_req *req)
{
    struct mem *mem = process->env.mem;
    handle->names = mem_alloc(mem, (req->count + 1) * sizeof(char *));
    for (size_t i = 0; i < req->count; i++) {
        handle->names[i] = mem_strdup(mem, req->names[i], strlen(req->names[i]));
    }
}

static void done_call(struct process *process, void *ctx)
{
    const struct completion *completion = ctx;
    struct disk_req *req = completion->req;
    struct env_disk_req *handle = req->owner;
    handle->impl = NULL;
    handle->count = req->count;
    handle->size = req->size;
    handle->is_directory = req->is_directory;
    if (completion->status == 0 && req->op == DISK_OPEN) {
        file_of(req)->impl = req->opened;
    } else if (req->op == DISK_CLOSE) {
        file_of(req)->impl = NULL;
    } else if (completion->status == 0 && req->op == DISK_LIST) {
        copy_names(process, handle, req);
    }
    handle->done(handle, completion->status);
}

static void done(struct disk_req *req, int status)
{
    struct completion completion = {req, status};
    process_turn(req->context, done_call, &completion);
}

static struct disk_req *request(struct env *env, struct env_disk_req *handle, enum disk_op op)
{
    struct process *process = env_enter(env);
    struct disk_req *req = disk_request(process->host->disk, op, process->node->number);
    req->owner = handle;
    req->context = process;
    req->done = done;
    handle->impl = req;
    handle->count = 0;
    handle->names = NULL;
    handle->size = 0;
    handle->is_directory = false;
    return req;
}

static void on_file(struct env *env, struct env_disk_req *handle, enum disk_op op,
                    struct env_file *file, uint64_t offset, uint64_t len)
{
    struct disk_req *req = request(env, handle, op);
    req->handle = file->impl;
    req->user = file;
    req->offset = offset;
    req->len = len;
    disk_submit(req);
}

static void on_path(struct env *env, struct env_disk_req *handle, enum disk_op op, const char *path,
                    const char *path_to)
{
    struct disk_req *req = request(env, handle, op);
    disk_path(req, path, path_to);
    disk_submit(req);
}

void sim_disk_open(struct env *env, struct env_disk_req *handle, struct env_file *file,
                   const char *path, unsigned flags)
{
    struct disk_req *req = request(env, handle, DISK_OPEN);
    req->user = file;
    req->flags = flags;
    disk_path(req, path, NULL);
    disk_submit(req);
}

void sim_disk_write(struct env *env, struct env_disk_req *handle, struct env_file *file,
                    uint64_t offset, const struct slice *bytes, size_t count)
{
    struct disk_req *req = request(env, handle, DISK_WRITE);
    req->handle = file->impl;
    req->offset = offset;
    disk_slices(req, bytes, count);
    disk_submit(req);
}

void sim_disk_read(struct env *env, struct env_disk_req *handle, struct env_file *file,
                   uint64_t offset, uint8_t *into, size_t len)
{
    struct disk_req *req = request(env, handle, DISK_READ);
    req->handle = file->impl;
    req->offset = offset;
    req->len = len;
    req->into = into;
    disk_submit(req);
}

void sim_disk_sync(struct env *env, struct env_disk_req *handle, struct env_file *file)
{
    on_file(env, handle, DISK_SYNC, file, 0, 0);
}

void sim_disk_allocate(struct env *env, struct env_disk_req *handle, struct env_file *file,
                       uint64_t offset, uint64_t len)
{
    on_file(env, handle, DISK_ALLOCATE, file, offset, len);
}

void sim_disk_truncate(struct env *env, struct env_disk_req *handle, struct env_file *file,
                       uint64_t size)
{
    on_file(env, handle, DISK_TRUNCATE, file, size, 0);
}

void sim_disk_close(struct env *env, struct env_disk_req *handle, struct env_file *file)
{
    on_file(env, handle, DISK_CLOSE, file, 0, 0);
}

void sim_disk_rename(struct env *env, struct env_disk_req *handle, const char *from, const char *to)
{
    on_path(env, handle, DISK_RENAME, from, to);
}

void sim_disk_remove(struct env *env, struct env_disk_req *handle, const char *path)
{
    on_path(env, handle, DISK_REMOVE, path, NULL);
}

void sim_disk_make_dir(struct env *env, struct env_disk_req *handle, const char *path)
{
    on_path(env, handle, DISK_MAKE_DIR, path, NULL);
}

void sim_disk_sync_dir(struct env *env, struct env_disk_req *handle, const char *path)
{
    on_path(env, handle, DISK_SYNC_DIR, path, NULL);
}

void sim_disk_list(struct env *env, struct env_disk_req *handle, const char *path)
{
    on_path(env, handle, DISK_LIST, path, NULL);
}

void sim_disk_stat(struct env *env, struct env_disk_req *handle, const char *path)
{
    on_path(env, handle, DISK_STAT, path, NULL);
}

void sim_disk_space(struct env *env, struct env_disk_req *handle, const char *path)
{
    on_path(env, handle, DISK_SPACE, path, NULL);
}

void sim_disk_lock(struct env *env, struct env_disk_req *handle, const char *path)
{
    on_path(env, handle, DISK_LOCK, path, NULL);
}
