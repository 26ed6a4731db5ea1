#include "flat_disk.h"

#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/fmt.h"

static struct flat_disk *disk_of(struct env *env)
{
    return (struct flat_disk *)env;
}

static int64_t now_ns(struct env *env)
{
    return disk_of(env)->now_ns;
}

static void timer_stop(struct env *env, struct env_timer *timer)
{
    struct flat_disk *disk = disk_of(env);
    for (int i = 0; i < FLAT_TIMERS; i++) {
        if (disk->timers[i] == timer) {
            disk->timers[i] = NULL;
        }
    }
    timer->item.position = 0;
}

static void timer_set(struct env *env, struct env_timer *timer, int64_t deadline_ns)
{
    struct flat_disk *disk = disk_of(env);
    timer_stop(env, timer);
    for (int i = 0; i < FLAT_TIMERS; i++) {
        if (disk->timers[i] == NULL) {
            disk->timers[i] = timer;
            timer->item.key = deadline_ns;
            timer->item.position = 1;
            return;
        }
    }
    UNREACHABLE();
}

static struct rng flat_random(struct env *env, const char *purpose)
{
    return rng_stream(disk_of(env)->seed, purpose, 0);
}

static void flat_log(struct env *env, const struct log_line *line)
{
    (void)env;
    (void)line;
}

/* Requests wait. */

static struct flat_request *submit(struct env *env, struct env_disk_req *req, enum flat_op op,
                                   const char *path)
{
    struct flat_disk *disk = disk_of(env);
    ASSERT(disk->waiting < FLAT_REQUESTS);
    struct flat_request *request = &disk->requests[disk->waiting++];
    *request = (struct flat_request){.req = req, .op = op};
    fmt(request->path, sizeof(request->path), "%s", path == NULL ? "" : path);
    return request;
}

static struct flat_request *submit_file(struct env *env, struct env_disk_req *req, enum flat_op op,
                                        struct env_file *file)
{
    struct flat_request *request = submit(env, req, op, NULL);
    request->file = file->impl;
    request->handle = file;
    return request;
}

static void do_open(struct env *env, struct env_disk_req *req, struct env_file *file,
                    const char *path, unsigned flags)
{
    struct flat_request *request = submit(env, req, FLAT_OPEN, path);
    request->handle = file;
    request->flags = flags;
}

static void do_write(struct env *env, struct env_disk_req *req, struct env_file *file,
                     uint64_t offset, const struct slice *bytes, size_t count)
{
    struct flat_request *request = submit_file(env, req, FLAT_WRITE, file);
    ASSERT(count <= 4);
    request->offset = offset;
    request->part_count = count;
    memcpy(request->parts, bytes, count * sizeof(*bytes));
}

static void do_read(struct env *env, struct env_disk_req *req, struct env_file *file,
                    uint64_t offset, uint8_t *into, size_t len)
{
    struct flat_request *request = submit_file(env, req, FLAT_READ, file);
    request->offset = offset;
    request->into = into;
    request->len = len;
}

static void do_sync(struct env *env, struct env_disk_req *req, struct env_file *file)
{
    submit_file(env, req, FLAT_SYNC, file);
}

static void do_allocate(struct env *env, struct env_disk_req *req, struct env_file *file,
                        uint64_t offset, uint64_t len)
{
    struct flat_request *request = submit_file(env, req, FLAT_ALLOCATE, file);
    request->offset = offset;
    request->len = (size_t)len;
}

static void do_truncate(struct env *env, struct env_disk_req *req, struct env_file *file,
                        uint64_t size)
{
    submit_file(env, req, FLAT_TRUNCATE, file)->offset = size;
}

static void do_close(struct env *env, struct env_disk_req *req, struct env_file *file)
{
    submit_file(env, req, FLAT_CLOSE, file);
}

static void do_rename(struct env *env, struct env_disk_req *req, const char *from, const char *to)
{
    struct flat_request *request = submit(env, req, FLAT_RENAME, from);
    fmt(request->path_to, sizeof(request->path_to), "%s", to);
}

static void do_remove(struct env *env, struct env_disk_req *req, const char *path)
{
    submit(env, req, FLAT_REMOVE, path);
}

static void do_make_dir(struct env *env, struct env_disk_req *req, const char *path)
{
    submit(env, req, FLAT_MAKE_DIR, path);
}

static void do_sync_dir(struct env *env, struct env_disk_req *req, const char *path)
{
    submit(env, req, FLAT_SYNC_DIR, path);
}

static void do_list(struct env *env, struct env_disk_req *req, const char *path)
{
    submit(env, req, FLAT_LIST, path);
}

static void do_stat(struct env *env, struct env_disk_req *req, const char *path)
{
    submit(env, req, FLAT_STAT, path);
}

static void do_space(struct env *env, struct env_disk_req *req, const char *path)
{
    submit(env, req, FLAT_SPACE, path);
}

static void do_lock(struct env *env, struct env_disk_req *req, const char *path)
{
    submit(env, req, FLAT_LOCK, path);
}

/* And happen. */

struct flat_file *flat_find(struct flat_disk *disk, const char *name)
{
    for (int i = 0; i < FLAT_FILES; i++) {
        if (disk->files[i].name[0] != '\0' && strcmp(disk->files[i].name, name) == 0) {
            return &disk->files[i];
        }
    }
    return NULL;
}

static struct flat_file *create(struct flat_disk *disk, const char *name)
{
    for (int i = 0; i < FLAT_FILES; i++) {
        struct flat_file *file = &disk->files[i];
        if (file->name[0] == '\0' && file->durable[0] == '\0' && file->handles == 0) {
            fmt(file->name, sizeof(file->name), "%s", name);
            buf_clear(&file->now);
            buf_clear(&file->safe);
            return file;
        }
    }
    UNREACHABLE();
}

struct flat_file *flat_put(struct flat_disk *disk, const char *name, struct slice bytes)
{
    struct flat_file *file = flat_find(disk, name);
    if (file == NULL) {
        file = create(disk, name);
    }
    fmt(file->durable, sizeof(file->durable), "%s", name);
    buf_clear(&file->now);
    buf_add_slice(&file->now, bytes);
    buf_clear(&file->safe);
    buf_add_slice(&file->safe, bytes);
    return file;
}

static int perform_open(struct flat_disk *disk, struct flat_request *r)
{
    struct flat_file *file = flat_find(disk, r->path);
    if (file == NULL) {
        if ((r->flags & ENV_OPEN_CREATE) == 0) {
            return ERR_NOT_FOUND;
        }
        file = create(disk, r->path);
    }
    if ((r->flags & ENV_OPEN_TRUNCATE) != 0) {
        buf_clear(&file->now);
    }
    file->handles++;
    r->handle->impl = file;
    return 0;
}

static void grow(struct flat_file *file, size_t end)
{
    if (end > file->now.len) {
        memset(buf_reserve(&file->now, end - file->now.len), 0, end - file->now.len);
        file->now.len = end;
    }
}

static void perform_write(struct flat_request *r)
{
    struct flat_file *file = r->file;
    size_t at = (size_t)r->offset;
    for (size_t i = 0; i < r->part_count; i++) {
        struct slice part = r->parts[i];
        grow(file, at + part.len);
        if (part.len > 0) {
            memcpy(file->now.ptr + at, part.ptr, part.len);
        }
        at += part.len;
    }
}

static void perform_read(struct flat_disk *disk, struct flat_request *r)
{
    struct slice from = slice_from(buf_slice(&r->file->now), (size_t)r->offset);
    size_t count = from.len < r->len ? from.len : r->len;
    if (disk->read_max > 0 && count > disk->read_max) {
        count = disk->read_max;
    }
    if (count > 0) {
        memcpy(r->into, from.ptr, count);
    }
    r->req->count = count;
}

static int perform_rename(struct flat_disk *disk, struct flat_request *r)
{
    struct flat_file *to = flat_find(disk, r->path_to);
    struct flat_file *from = flat_find(disk, r->path);
    if (from == NULL) {
        return ERR_NOT_FOUND;
    }
    if (to != NULL && to != from) {
        to->name[0] = '\0';
    }
    fmt(from->name, sizeof(from->name), "%s", r->path_to);
    return 0;
}

static int perform_remove(struct flat_disk *disk, struct flat_request *r)
{
    struct flat_file *file = flat_find(disk, r->path);
    if (file == NULL) {
        return ERR_NOT_FOUND;
    }
    file->name[0] = '\0';
    return 0;
}

static bool is_in(const char *name, const char *dir)
{
    size_t len = strlen(dir);
    return strncmp(name, dir, len) == 0 && name[len] == '/' && strchr(name + len + 1, '/') == NULL;
}

static void perform_sync_dir(struct flat_disk *disk, struct flat_request *r)
{
    for (int i = 0; i < FLAT_FILES; i++) {
        struct flat_file *file = &disk->files[i];
        if (is_in(file->name, r->path) || is_in(file->durable, r->path)) {
            memcpy(file->durable, file->name, sizeof(file->name));
        }
    }
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void perform_list(struct flat_disk *disk, struct flat_request *r)
{
    struct env_disk_req *req = r->req;
    req->names = mem_zalloc(disk->env.mem, FLAT_FILES, sizeof(char *));
    req->count = 0;
    for (int i = 0; i < FLAT_FILES; i++) {
        const char *name = disk->files[i].name;
        if (is_in(name, r->path)) {
            const char *base = name + strlen(r->path) + 1;
            req->names[req->count++] = mem_strdup(disk->env.mem, base, strlen(base));
        }
    }
    qsort(req->names, req->count, sizeof(char *), by_name);
}

static void perform_close(struct flat_request *r)
{
    r->file->handles--;
    r->handle->impl = NULL;
}

static int perform(struct flat_disk *disk, struct flat_request *r)
{
    struct flat_file *file;
    switch (r->op) {
    case FLAT_OPEN: return perform_open(disk, r);
    case FLAT_WRITE: perform_write(r); return 0;
    case FLAT_READ: perform_read(disk, r); return 0;
    case FLAT_SYNC:
        buf_clear(&r->file->safe);
        buf_add_slice(&r->file->safe, buf_slice(&r->file->now));
        return 0;
    case FLAT_ALLOCATE: grow(r->file, (size_t)r->offset + r->len); return 0;
    case FLAT_TRUNCATE: r->file->now.len = (size_t)r->offset; return 0;
    case FLAT_CLOSE: perform_close(r); return 0;
    case FLAT_RENAME: return perform_rename(disk, r);
    case FLAT_REMOVE: return perform_remove(disk, r);
    case FLAT_SYNC_DIR: perform_sync_dir(disk, r); return 0;
    case FLAT_LIST: perform_list(disk, r); return 0;
    case FLAT_STAT:
        file = flat_find(disk, r->path);
        r->req->size = file == NULL ? 0 : file->now.len;
        return file == NULL ? ERR_NOT_FOUND : 0;
    case FLAT_SPACE: r->req->size = disk->space; return 0;
    case FLAT_LOCK: return disk->locked ? ERR_LOCKED : 0;
    default: return 0;
    }
}

/* A sync that fails has dropped its pages; the next one would succeed. */
static int perform_or_fail(struct flat_disk *disk, struct flat_request *r)
{
    disk->performed++;
    disk->counts[r->op]++;
    if (disk->fail_op != (int)r->op && disk->fail_at != disk->performed) {
        return perform(disk, r);
    }
    disk->fail_op = -1;
    disk->failed = true;
    if (r->op == FLAT_SYNC) {
        buf_clear(&r->file->now);
        buf_add_slice(&r->file->now, buf_slice(&r->file->safe));
    }
    if (r->op == FLAT_CLOSE) {
        perform_close(r); /* the descriptor is gone either way */
        return 0;
    }
    return disk->fail_err;
}

static bool step(struct flat_disk *disk, bool time_passes)
{
    if (disk->waiting > 0) {
        struct flat_request request = disk->requests[0];
        disk->waiting--;
        memmove(disk->requests, disk->requests + 1, disk->waiting * sizeof(request));
        int status = perform_or_fail(disk, &request);
        request.req->done(request.req, status);
        return true;
    }
    int first = -1;
    for (int i = 0; i < FLAT_TIMERS; i++) {
        if (disk->timers[i] != NULL &&
            (first < 0 || disk->timers[i]->item.key < disk->timers[first]->item.key)) {
            first = i;
        }
    }
    if (first < 0 || (!time_passes && disk->timers[first]->item.key > disk->now_ns)) {
        return false;
    }
    struct env_timer *timer = disk->timers[first];
    timer_stop(&disk->env, timer);
    disk->now_ns = timer->item.key > disk->now_ns ? timer->item.key : disk->now_ns;
    timer->fire(timer);
    return true;
}

bool flat_step(struct flat_disk *disk)
{
    return step(disk, true);
}

void flat_run(struct flat_disk *disk)
{
    while (step(disk, true)) {
    }
}

void flat_settle(struct flat_disk *disk)
{
    while (step(disk, false)) {
    }
}

void flat_init(struct flat_disk *disk, uint64_t seed)
{
    *disk = (struct flat_disk){.seed = seed, .fail_op = -1, .space = UINT64_C(1) << 40};
    disk->ops = (struct env_ops){
        .now_ns = now_ns,
        .timer_set = timer_set,
        .timer_stop = timer_stop,
        .random = flat_random,
        .log = flat_log,
        .disk_open = do_open,
        .disk_write = do_write,
        .disk_read = do_read,
        .disk_sync = do_sync,
        .disk_allocate = do_allocate,
        .disk_truncate = do_truncate,
        .disk_close = do_close,
        .disk_rename = do_rename,
        .disk_remove = do_remove,
        .disk_make_dir = do_make_dir,
        .disk_sync_dir = do_sync_dir,
        .disk_list = do_list,
        .disk_stat = do_stat,
        .disk_space = do_space,
        .disk_lock = do_lock,
    };
    disk->files_pool = mem_pool_new(UINT64_MAX, -1);
    for (int i = 0; i < FLAT_FILES; i++) {
        buf_init(&disk->files[i].now, mem_pool_mem(disk->files_pool));
        buf_init(&disk->files[i].safe, mem_pool_mem(disk->files_pool));
    }
}

void flat_fini(struct flat_disk *disk)
{
    flat_kill(disk);
    mem_pool_free(disk->files_pool);
}

void flat_boot(struct flat_disk *disk)
{
    flat_kill(disk);
    struct mem_pool *pool = mem_pool_new(UINT64_MAX, 0xA5);
    disk->env = (struct env){.ops = &disk->ops, .mem = mem_pool_mem(pool)};
}

void flat_kill(struct flat_disk *disk)
{
    if (disk->env.mem != NULL) {
        mem_pool_free((struct mem_pool *)disk->env.mem);
    }
    disk->env.mem = NULL;
    disk->waiting = 0;
    for (int i = 0; i < FLAT_FILES; i++) {
        disk->files[i].handles = 0;
    }
    memset(disk->timers, 0, sizeof(disk->timers));
}

static void tear(struct flat_disk *disk, struct flat_file *file)
{
    /* The length is one or the other; each sector of what both have, or of the new part, too. */
    bool longer = rng_hash(disk->seed, disk->sectors++) % 2 == 0;
    size_t len = longer ? file->now.len : file->safe.len;
    for (size_t at = 0; at < len; at += 512) {
        size_t end = at + 512 < len ? at + 512 : len;
        if (rng_hash(disk->seed, disk->sectors++) % 2 == 0) {
            continue;
        }
        for (size_t i = at; i < end; i++) {
            uint8_t old = i < file->safe.len ? file->safe.ptr[i] : 0;
            if (i >= file->now.len) {
                buf_add_u8(&file->now, 0);
            }
            file->now.ptr[i] = old;
        }
    }
    while (file->now.len < len) {
        buf_add_u8(&file->now, file->safe.ptr[file->now.len]);
    }
    file->now.len = len;
}

void flat_power_off(struct flat_disk *disk, enum flat_loss loss, bool half)
{
    if (half && disk->waiting > 0 && disk->requests[0].op != FLAT_LIST) {
        (void)perform_or_fail(disk, &disk->requests[0]);
    }
    flat_kill(disk);
    for (int i = 0; i < FLAT_FILES; i++) {
        struct flat_file *file = &disk->files[i];
        if (loss == FLAT_DROP) {
            memcpy(file->name, file->durable, sizeof(file->name));
        } else {
            memcpy(file->durable, file->name, sizeof(file->name));
        }
        if (loss == FLAT_TEAR) {
            tear(disk, file);
        } else if (loss == FLAT_DROP) {
            buf_clear(&file->now);
            buf_add_slice(&file->now, buf_slice(&file->safe));
        }
        buf_clear(&file->safe);
        buf_add_slice(&file->safe, buf_slice(&file->now));
    }
}
