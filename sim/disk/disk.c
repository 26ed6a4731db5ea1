/* Requests: their latency, their completion, and what becomes of them when the process ends. */
#include "disk/disk.h"

#include <string.h>

#include "base/assert.h"
#include "base/duration.h"
#include "env/env.h"
#include "impl.h"

struct disk *disk_new(struct engine *engine, uint32_t machine, const struct disk_options *options)
{
    struct disk *disk = mem_zalloc(engine->mem, 1, sizeof(*disk));
    disk->engine = engine;
    disk->mem = engine->mem;
    disk->machine = machine;
    disk->options = *options;
    list_init(&disk->inodes);
    list_init(&disk->outstanding);
    list_init(&disk->waiting);
    list_init(&disk->handles);
    list_init(&disk->names);
    list_init(&disk->failures);
    disk->latency = engine_rng(engine, "disk.latency", machine);
    disk->crash = engine_rng(engine, "disk.crash", machine);
    disk->power = engine_rng(engine, "disk.power", machine);
    disk->root = inode_new(disk, true);
    inode_hold(disk->root);
    return disk;
}

static void handle_free(struct disk_handle *handle)
{
    struct disk *disk = handle->inode->disk;
    list_remove(&handle->link);
    inode_release(handle->inode);
    mem_free(disk->mem, handle->path);
    mem_free(disk->mem, handle);
}

static void req_free(struct disk_req *req)
{
    struct disk *disk = req->disk;
    engine_cancel(disk->engine, &req->event);
    list_remove(&req->link);
    mem_free(disk->mem, req->path);
    mem_free(disk->mem, req->path_to);
    mem_free(disk->mem, req->slices);
    mem_free(disk->mem, req->names);
    mem_free(disk->mem, req);
}

void disk_free(struct disk *disk)
{
    disk_heal(disk);
    while (!list_empty(&disk->outstanding)) {
        req_free(container_of(disk->outstanding.next, struct disk_req, link));
    }
    while (!list_empty(&disk->handles)) {
        handle_free(container_of(disk->handles.next, struct disk_handle, link));
    }
    names_forget(disk);
    inode_release(disk->root);
    ASSERT(list_empty(&disk->inodes));
    mem_free(disk->mem, disk);
}

struct disk_options *disk_options(struct disk *disk)
{
    return &disk->options;
}

const struct disk_counts *disk_counts(const struct disk *disk)
{
    return &disk->counts;
}

/* Requests. */

struct disk_req *disk_request(struct disk *disk, enum disk_op op, uint32_t node)
{
    struct disk_req *req = mem_zalloc(disk->mem, 1, sizeof(*req));
    req->disk = disk;
    req->op = op;
    req->node = node;
    list_init(&req->link);
    return req;
}

void disk_path(struct disk_req *req, const char *path, const char *path_to)
{
    req->path = mem_strdup(req->disk->mem, path, strlen(path));
    if (path_to != NULL) {
        req->path_to = mem_strdup(req->disk->mem, path_to, strlen(path_to));
    }
}

void disk_slices(struct disk_req *req, const struct slice *bytes, size_t count)
{
    req->slices = mem_alloc(req->disk->mem, count * sizeof(*bytes));
    memcpy(req->slices, bytes, count * sizeof(*bytes));
    req->slice_count = count;
    for (size_t i = 0; i < count; i++) {
        req->len += bytes[i].len;
    }
}

static int64_t latency(struct disk *disk, const struct disk_req *req)
{
    const struct disk_options *o = &disk->options;
    int64_t low = o->meta_min_ns;
    int64_t high = o->meta_max_ns;
    switch (req->op) {
    case DISK_WRITE:
        low = o->write_min_ns;
        high = o->write_max_ns;
        break;
    case DISK_READ:
        low = o->read_min_ns;
        high = o->read_max_ns;
        break;
    case DISK_SYNC:
    case DISK_SYNC_DIR:
        low = o->sync_min_ns;
        high = o->sync_max_ns;
        break;
    default: break;
    }
    int64_t ns = rng_range(&disk->latency, low, high);
    if (o->bytes_per_second != 0 && (req->op == DISK_WRITE || req->op == DISK_READ)) {
        ns += (int64_t)(req->len * (uint64_t)SEC_NS / o->bytes_per_second);
    }
    return ns;
}

static struct failure *failure_for(struct disk *disk, const struct disk_req *req)
{
    const char *path = req->path != NULL ? req->path : req->handle != NULL ? req->handle->path : "";
    list_each (it, &disk->failures) {
        struct failure *failure = container_of(it, struct failure, link);
        if (failure->op == req->op &&
            (failure->path == NULL || strstr(path, failure->path) != NULL)) {
            return failure;
        }
    }
    return NULL;
}

static void failure_free(struct disk *disk, struct failure *failure)
{
    list_remove(&failure->link);
    mem_free(disk->mem, failure->path);
    mem_free(disk->mem, failure);
}

/* The error that is due, after what it breaks; 0: none is. */
static int fail_if_due(struct disk_req *req)
{
    struct disk *disk = req->disk;
    struct failure *failure = list_empty(&disk->failures) ? NULL : failure_for(disk, req);
    if (failure == NULL) {
        return 0;
    }
    int err = failure->err;
    if (failure->count != UINT64_MAX && --failure->count == 0) {
        failure_free(disk, failure);
    }
    if (req->op == DISK_SYNC) {
        file_lose(req->handle->inode, req->mark);
    } else if (req->op == DISK_SYNC_DIR) {
        struct inode *dir = names_find(disk, req->path);
        if (dir != NULL) {
            names_lose(disk, dir, req->mark);
        }
    }
    return err;
}

static void complete(struct engine_event *event)
{
    struct disk_req *req = container_of(event, struct disk_req, event);
    struct disk *disk = req->disk;
    if (disk->stalled) {
        list_remove(&req->link);
        list_push_back(&disk->waiting, &req->link);
        return;
    }
    int status = fail_if_due(req);
    if (status == 0) {
        status = disk_perform(req);
    } else if (req->op == DISK_CLOSE) {
        (void)disk_perform(req); /* a handle is gone even if its close fails */
    }
    list_remove(&req->link);
    disk->counts.requests[req->op]++;
    engine_digest(disk->engine, (uint64_t)req->op << 32 ^ (uint64_t)(uint32_t)status ^
                                    (req->offset + req->len + req->size) << 8);
    if (req->op == DISK_READ) {
        engine_digest_bytes(disk->engine, req->into, req->count);
    }
    if (engine_traced(disk->engine)) {
        const char *path = req->path != NULL                              ? req->path
                           : req->handle != NULL && req->op != DISK_CLOSE ? req->handle->path
                                                                          : "";
        engine_trace(disk->engine, req->node, "disk", "%s %s offset %llu length %llu: %s",
                     disk_op_name(req->op), path, (unsigned long long)req->offset,
                     (unsigned long long)req->len, status == 0 ? "ok" : err_text(status));
    }
    req->done(req, status);
    req_free(req);
}

void disk_submit(struct disk_req *req)
{
    struct disk *disk = req->disk;
    ASSERT(req->done != NULL);
    req->mark = disk->serial;
    req->event.run = complete;
    req->event.kind = ENGINE_DISK;
    req->event.node = req->node;
    list_push_back(&disk->outstanding, &req->link);
    engine_set(disk->engine, &req->event, disk->engine->now_ns + latency(disk, req));
}

/* The end of a process. */

static bool is_change(const struct disk_req *req)
{
    switch (req->op) {
    case DISK_WRITE:
    case DISK_ALLOCATE:
    case DISK_TRUNCATE:
    case DISK_RENAME:
    case DISK_REMOVE:
    case DISK_MAKE_DIR: return true;
    case DISK_OPEN: return (req->flags & (ENV_OPEN_CREATE | ENV_OPEN_TRUNCATE)) != 0;
    default: return false;
    }
}

/* A killed process' request: done, not done, or a write done as far as some byte. With the power
 * all are done as far as the cache goes, and the power's end decides. */
static void settle(struct disk *disk, struct disk_req *req, bool power)
{
    if (!is_change(req)) {
        return;
    }
    if (!power) {
        uint64_t fate = rng_below(&disk->crash, 3);
        if (fate == 0) {
            return;
        }
        if (fate == 1 && req->op == DISK_WRITE && req->len > 0) {
            uint64_t keep = rng_below(&disk->crash, req->len);
            req->len = 0;
            for (size_t i = 0; i < req->slice_count; i++) {
                uint64_t part = req->slices[i].len < keep ? req->slices[i].len : keep;
                req->slices[i].len = (size_t)part;
                req->len += part;
                keep -= part;
            }
        }
    }
    int status = disk_perform(req);
    if (status == 0 && req->op == DISK_OPEN) {
        handle_free(req->opened);
    }
}

static void end_requests(struct disk *disk, struct list *list, uint32_t node, bool power)
{
    list_each_safe (it, list) {
        struct disk_req *req = container_of(it, struct disk_req, link);
        if (req->node == node) {
            settle(disk, req, power);
            req_free(req);
        }
    }
}

void disk_process_end(struct disk *disk, uint32_t node, bool power)
{
    end_requests(disk, &disk->waiting, node, power);
    end_requests(disk, &disk->outstanding, node, power);
    list_each_safe (it, &disk->handles) {
        struct disk_handle *handle = container_of(it, struct disk_handle, link);
        if (handle->node == node) {
            handle_free(handle);
        }
    }
    list_each (it, &disk->inodes) {
        struct inode *inode = container_of(it, struct inode, link);
        if (inode->locked_by == node) {
            inode->locked_by = 0;
        }
    }
}

void disk_power_off(struct disk *disk)
{
    ASSERT(list_empty(&disk->outstanding) && list_empty(&disk->waiting));
    ASSERT(list_empty(&disk->handles));
    list_each (it, &disk->inodes) {
        file_power_off(container_of(it, struct inode, link));
    }
    names_power_off(disk);
}

/* Faults. */

void disk_fail(struct disk *disk, enum disk_op op, uint64_t count, int err, const char *path)
{
    ASSERT(count > 0 && err < 0);
    struct failure *failure = mem_zalloc(disk->mem, 1, sizeof(*failure));
    failure->op = op;
    failure->count = count;
    failure->err = err;
    failure->path = path != NULL ? mem_strdup(disk->mem, path, strlen(path)) : NULL;
    list_push_back(&disk->failures, &failure->link);
}

void disk_stall(struct disk *disk, bool on)
{
    disk->stalled = on;
    while (!on && !list_empty(&disk->waiting)) {
        struct disk_req *req = container_of(disk->waiting.next, struct disk_req, link);
        list_remove(&req->link);
        list_push_back(&disk->outstanding, &req->link);
        engine_set(disk->engine, &req->event, disk->engine->now_ns);
    }
}

void disk_heal(struct disk *disk)
{
    while (!list_empty(&disk->failures)) {
        failure_free(disk, container_of(disk->failures.next, struct failure, link));
    }
    disk_stall(disk, false);
}

bool disk_works(const struct disk *disk)
{
    list_each (it, &disk->failures) {
        if (container_of(it, struct failure, link)->count == UINT64_MAX) {
            return false;
        }
    }
    return !disk->stalled && disk->used < disk->options.capacity;
}

/* Truth. */

bool disk_survives(const struct disk *disk, const char *path, uint64_t offset, uint64_t len)
{
    const struct inode *inode = names_find_durable(disk, path, true);
    return inode != NULL && !inode->is_directory && file_survives(inode, offset, len);
}

int disk_read_durable(const struct disk *disk, const char *path, uint64_t offset, uint8_t *into,
                      size_t len, size_t *count)
{
    const struct inode *inode = names_find_durable(disk, path, false);
    if (inode == NULL || inode->is_directory) {
        return ERR_NOT_FOUND;
    }
    *count = file_read_durable(inode, offset, into, len);
    return 0;
}
