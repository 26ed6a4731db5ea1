/* The disk's half of the wrappers. */
#include "base/assert.h"
#include "env/env.h"
#include "env/ops.h"

static void check_req(const struct env_disk_req *req)
{
    ASSERT(req->done != NULL);
    ASSERT(req->impl == NULL); /* one operation at a time */
}

void env_disk_open(struct env *env, struct env_disk_req *req, struct env_file *file,
                   const char *path, unsigned flags)
{
    check_req(req);
    ASSERT(file->impl == NULL);
    ASSERT((flags & (ENV_OPEN_READ | ENV_OPEN_WRITE)) != 0);
    env->ops->disk_open(env, req, file, path, flags);
}

void env_disk_write(struct env *env, struct env_disk_req *req, struct env_file *file,
                    uint64_t offset, const struct slice *bytes, size_t count)
{
    check_req(req);
    ASSERT(file->impl != NULL && count > 0);
    env->ops->disk_write(env, req, file, offset, bytes, count);
}

void env_disk_read(struct env *env, struct env_disk_req *req, struct env_file *file,
                   uint64_t offset, uint8_t *into, size_t len)
{
    check_req(req);
    ASSERT(file->impl != NULL);
    env->ops->disk_read(env, req, file, offset, into, len);
}

void env_disk_sync(struct env *env, struct env_disk_req *req, struct env_file *file)
{
    check_req(req);
    ASSERT(file->impl != NULL);
    env->ops->disk_sync(env, req, file);
}

void env_disk_allocate(struct env *env, struct env_disk_req *req, struct env_file *file,
                       uint64_t offset, uint64_t len)
{
    check_req(req);
    ASSERT(file->impl != NULL && len > 0);
    env->ops->disk_allocate(env, req, file, offset, len);
}

void env_disk_truncate(struct env *env, struct env_disk_req *req, struct env_file *file,
                       uint64_t size)
{
    check_req(req);
    ASSERT(file->impl != NULL);
    env->ops->disk_truncate(env, req, file, size);
}

void env_disk_close(struct env *env, struct env_disk_req *req, struct env_file *file)
{
    check_req(req);
    ASSERT(file->impl != NULL);
    env->ops->disk_close(env, req, file);
}

void env_disk_rename(struct env *env, struct env_disk_req *req, const char *from, const char *to)
{
    check_req(req);
    env->ops->disk_rename(env, req, from, to);
}

void env_disk_remove(struct env *env, struct env_disk_req *req, const char *path)
{
    check_req(req);
    env->ops->disk_remove(env, req, path);
}

void env_disk_make_dir(struct env *env, struct env_disk_req *req, const char *path)
{
    check_req(req);
    env->ops->disk_make_dir(env, req, path);
}

void env_disk_sync_dir(struct env *env, struct env_disk_req *req, const char *path)
{
    check_req(req);
    env->ops->disk_sync_dir(env, req, path);
}

void env_disk_list(struct env *env, struct env_disk_req *req, const char *path)
{
    check_req(req);
    env->ops->disk_list(env, req, path);
}

void env_disk_names_free(struct env *env, struct env_disk_req *req)
{
    for (size_t i = 0; i < req->count && req->names != NULL; i++) {
        mem_free(env->mem, req->names[i]);
    }
    mem_free(env->mem, req->names);
    req->names = NULL;
    req->count = 0;
}

void env_disk_stat(struct env *env, struct env_disk_req *req, const char *path)
{
    check_req(req);
    env->ops->disk_stat(env, req, path);
}

void env_disk_space(struct env *env, struct env_disk_req *req, const char *path)
{
    check_req(req);
    env->ops->disk_space(env, req, path);
}

void env_disk_lock(struct env *env, struct env_disk_req *req, const char *path)
{
    check_req(req);
    env->ops->disk_lock(env, req, path);
}
