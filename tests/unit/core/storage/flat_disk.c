#include "flat_disk.h"

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

static void timer_set(struct env *env, struct env_timer *timer, int64_t deadline_ns)
{
    struct flat_disk *disk = disk_of(env);
    for (int i = 0; i < 4; i++) {
        if (disk->timers[i] == NULL || disk->timers[i] == timer) {
            disk->timers[i] = timer;
            timer->item.key = deadline_ns;
            timer->item.position = 1;
            return;
        }
    }
    UNREACHABLE();
}

static void timer_stop(struct env *env, struct env_timer *timer)
{
    struct flat_disk *disk = disk_of(env);
    for (int i = 0; i < 4; i++) {
        if (disk->timers[i] == timer) {
            disk->timers[i] = NULL;
        }
    }
    timer->item.position = 0;
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

static struct flat_disk *submit(struct env *env, struct env_disk_req *req, enum flat_op op,
                                const char *path)
{
    struct flat_disk *disk = disk_of(env);
    ASSERT(disk->req == NULL);
    disk->req = req;
    disk->op = op;
    disk->file = NULL;
    fmt(disk->path, sizeof(disk->path), "%s", path == NULL ? "" : path);
    return disk;
}

static struct flat_disk *submit_file(struct env *env, struct env_disk_req *req, enum flat_op op,
                                     struct env_file *file)
{
    struct flat_disk *disk = submit(env, req, op, NULL);
    disk->file = file->impl;
    disk->handle = file;
    return disk;
}

static void do_open(struct env *env, struct env_disk_req *req, struct env_file *file,
                    const char *path, unsigned flags)
{
    struct flat_disk *disk = submit(env, req, FLAT_OPEN, path);
    disk->handle = file;
    disk->flags = flags;
}

static void do_write(struct env *env, struct env_disk_req *req, struct env_file *file,
                     uint64_t offset, const struct slice *bytes, size_t count)
{
    struct flat_disk *disk = submit_file(env, req, FLAT_WRITE, file);
    ASSERT(count <= 4);
    disk->offset = offset;
    disk->part_count = count;
    memcpy(disk->parts, bytes, count * sizeof(*bytes));
}

static void do_read(struct env *env, struct env_disk_req *req, struct env_file *file,
                    uint64_t offset, uint8_t *into, size_t len)
{
    struct flat_disk *disk = submit_file(env, req, FLAT_READ, file);
    disk->offset = offset;
    disk->into = into;
    disk->len = len;
}

static void do_sync(struct env *env, struct env_disk_req *req, struct env_file *file)
{
    submit_file(env, req, FLAT_SYNC, file);
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
    struct flat_disk *disk = submit(env, req, FLAT_RENAME, from);
    fmt(disk->path_to, sizeof(disk->path_to), "%s", to);
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
        if (file->name[0] == '\0' && file->durable[0] == '\0') {
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

static int perform_open(struct flat_disk *disk)
{
    struct flat_file *file = flat_find(disk, disk->path);
    if (file == NULL) {
        if ((disk->flags & ENV_OPEN_CREATE) == 0) {
            return ERR_NOT_FOUND;
        }
        file = create(disk, disk->path);
    }
    if ((disk->flags & ENV_OPEN_TRUNCATE) != 0) {
        buf_clear(&file->now);
    }
    disk->handle->impl = file;
    return 0;
}

static void perform_write(struct flat_disk *disk)
{
    struct flat_file *file = disk->file;
    ASSERT(disk->offset <= file->now.len);
    size_t at = (size_t)disk->offset;
    for (size_t i = 0; i < disk->part_count; i++) {
        struct slice part = disk->parts[i];
        size_t end = at + part.len;
        if (end > file->now.len) {
            buf_reserve(&file->now, end - file->now.len);
            file->now.len = end;
        }
        if (part.len > 0) {
            memcpy(file->now.ptr + at, part.ptr, part.len);
        }
        at = end;
    }
}

static void perform_read(struct flat_disk *disk)
{
    struct slice from = slice_from(buf_slice(&disk->file->now), (size_t)disk->offset);
    size_t count = from.len < disk->len ? from.len : disk->len;
    if (count > 0) {
        memcpy(disk->into, from.ptr, count);
    }
    disk->req->count = count;
}

static void perform_rename(struct flat_disk *disk)
{
    struct flat_file *to = flat_find(disk, disk->path_to);
    struct flat_file *from = flat_find(disk, disk->path);
    ASSERT(from != NULL);
    if (to != NULL) {
        to->name[0] = '\0';
    }
    fmt(from->name, sizeof(from->name), "%s", disk->path_to);
}

static bool is_in(const char *name, const char *dir)
{
    size_t len = strlen(dir);
    return strncmp(name, dir, len) == 0 && name[len] == '/' && strchr(name + len + 1, '/') == NULL;
}

static void perform_sync_dir(struct flat_disk *disk)
{
    for (int i = 0; i < FLAT_FILES; i++) {
        struct flat_file *file = &disk->files[i];
        if (is_in(file->name, disk->path) || is_in(file->durable, disk->path)) {
            memcpy(file->durable, file->name, sizeof(file->name));
        }
    }
}

static void perform_list(struct flat_disk *disk)
{
    struct env_disk_req *req = disk->req;
    req->names = mem_zalloc(disk->env.mem, FLAT_FILES, sizeof(char *));
    req->count = 0;
    for (int i = 0; i < FLAT_FILES; i++) {
        const char *name = disk->files[i].name;
        if (is_in(name, disk->path)) {
            const char *base = name + strlen(disk->path) + 1;
            req->names[req->count++] = mem_strdup(disk->env.mem, base, strlen(base));
        }
    }
}

static int perform(struct flat_disk *disk)
{
    struct flat_file *file;
    switch (disk->op) {
    case FLAT_OPEN: return perform_open(disk);
    case FLAT_WRITE: perform_write(disk); return 0;
    case FLAT_READ: perform_read(disk); return 0;
    case FLAT_SYNC:
        buf_clear(&disk->file->safe);
        buf_add_slice(&disk->file->safe, buf_slice(&disk->file->now));
        return 0;
    case FLAT_TRUNCATE: disk->file->now.len = (size_t)disk->offset; return 0;
    case FLAT_CLOSE: disk->handle->impl = NULL; return 0;
    case FLAT_RENAME: perform_rename(disk); return 0;
    case FLAT_SYNC_DIR: perform_sync_dir(disk); return 0;
    case FLAT_LIST: perform_list(disk); return 0;
    case FLAT_STAT:
        file = flat_find(disk, disk->path);
        disk->req->size = file == NULL ? 0 : file->now.len;
        return file == NULL ? ERR_NOT_FOUND : 0;
    case FLAT_LOCK: return disk->locked ? ERR_LOCKED : 0;
    default: return 0;
    }
}

/* A sync that fails has dropped its pages; the next one would succeed. */
static int perform_or_fail(struct flat_disk *disk)
{
    disk->performed++;
    disk->counts[disk->op]++;
    if (disk->fail_op != (int)disk->op) {
        return perform(disk);
    }
    disk->fail_op = -1;
    if (disk->op == FLAT_SYNC) {
        buf_clear(&disk->file->now);
        buf_add_slice(&disk->file->now, buf_slice(&disk->file->safe));
    }
    return disk->fail_err;
}

static bool step(struct flat_disk *disk, bool timers)
{
    if (disk->req != NULL) {
        int status = perform_or_fail(disk);
        struct env_disk_req *req = disk->req;
        disk->req = NULL;
        req->done(req, status);
        return true;
    }
    int first = -1;
    for (int i = 0; i < 4 && timers; i++) {
        if (disk->timers[i] != NULL &&
            (first < 0 || disk->timers[i]->item.key < disk->timers[first]->item.key)) {
            first = i;
        }
    }
    if (first < 0) {
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
    *disk = (struct flat_disk){.seed = seed, .fail_op = -1};
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
        .disk_truncate = do_truncate,
        .disk_close = do_close,
        .disk_rename = do_rename,
        .disk_make_dir = do_make_dir,
        .disk_sync_dir = do_sync_dir,
        .disk_list = do_list,
        .disk_stat = do_stat,
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
    disk->req = NULL;
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
    if (half && disk->req != NULL && disk->op != FLAT_LIST) {
        (void)perform_or_fail(disk);
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
