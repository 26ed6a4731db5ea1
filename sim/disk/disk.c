/* Requests: their latency and their completion. */
#include "disk/disk.h"

#include <string.h>

#include "base/assert.h"
#include "base/duration.h"
#include "base/hash.h"
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
    list_init(&disk->faults);
    list_init(&disk->tallies);
    map_init(&disk->tally_by_path, disk->mem);
    disk->key = engine_rng(engine, "disk", machine).key;
    disk->root = inode_new(disk, true);
    inode_hold(disk->root);
    return disk;
}

void handle_free(struct disk_handle *handle)
{
    struct disk *disk = handle->inode->disk;
    list_remove(&handle->link);
    inode_release(handle->inode);
    mem_free(disk->mem, handle->path);
    mem_free(disk->mem, handle);
}

void req_free(struct disk_req *req)
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
    while (!list_empty(&disk->tallies)) {
        struct tally *tally = container_of(disk->tallies.next, struct tally, link);
        list_remove(&tally->link);
        mem_free(disk->mem, tally);
    }
    map_fini(&disk->tally_by_path);
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

uint64_t disk_requests(const struct disk *disk)
{
    return disk->requests;
}

/* Draws ---------------------------------------------------------------------------------------- */

struct rng draw_from(uint64_t key, enum draw purpose, uint64_t more)
{
    return (struct rng){rng_hash(rng_hash(key, (uint64_t)purpose), more), 0};
}

uint64_t change_key(struct disk *disk)
{
    return rng_hash(disk->request_key, ++disk->request_draws);
}

const char *req_path(const struct disk_req *req)
{
    return req->path != NULL ? req->path : req->handle != NULL ? req->handle->path : "";
}

/* The file has had one request more. */
static uint64_t request_key(struct disk *disk, const struct disk_req *req)
{
    const char *path = req_path(req);
    uint64_t file = hash64(path, strlen(path), disk->key);
    struct tally *tally = map_get(&disk->tally_by_path, file);
    if (tally == NULL) {
        tally = mem_zalloc(disk->mem, 1, sizeof(*tally));
        list_push_back(&disk->tallies, &tally->link);
        (void)map_put(&disk->tally_by_path, file, tally);
    }
    return rng_hash(file, ++tally->requests);
}

/* Requests ------------------------------------------------------------------------------------- */

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

/* Without faults. */
static int64_t latency(const struct disk *disk, const struct disk_req *req)
{
    struct rng draw = draw_from(req->key, DRAW_LATENCY, 0);
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
    int64_t ns = rng_range(&draw, low, high);
    if (o->bytes_per_second != 0 && (req->op == DISK_WRITE || req->op == DISK_READ)) {
        ns += (int64_t)(req->len * (uint64_t)SEC_NS / o->bytes_per_second);
    }
    return ns;
}

static bool is_outstanding(const struct disk *disk, const struct disk_req *req)
{
    list_each (it, &disk->outstanding) {
        if (it == &req->link) {
            return true;
        }
    }
    return false;
}

/* Somebody waits for this request. False: it is gone. */
static bool announce(struct disk_req *req)
{
    struct disk *disk = req->disk;
    if (disk->stop_at == 0 || disk->requests + 1 < disk->stop_at) {
        return true;
    }
    disk->stop_at = 0;
    disk->reached(disk->reached_data);
    return is_outstanding(disk, req);
}

static int carry_out(struct disk_req *req)
{
    struct disk *disk = req->disk;
    int status = list_empty(&disk->faults) ? 0 : strike_fail(req);
    disk->requests++;
    disk->counts.requests[req->op]++;
    if (status == 0) {
        return disk_perform(req);
    }
    disk->counts.failed++;
    if (req->op == DISK_CLOSE) {
        (void)disk_perform(req); /* a handle is gone even if its close fails */
    }
    return status;
}

static void complete(struct engine_event *event)
{
    struct disk_req *req = container_of(event, struct disk_req, event);
    struct disk *disk = req->disk;
    if (disk_stalled(disk)) {
        list_remove(&req->link);
        list_push_back(&disk->waiting, &req->link);
        return;
    }
    if (!announce(req)) {
        return;
    }
    int status = carry_out(req);
    list_remove(&req->link);
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
    req->key = request_key(disk, req);
    req->event.run = complete;
    req->event.kind = ENGINE_DISK;
    req->event.node = req->node;
    list_push_back(&disk->outstanding, &req->link);
    req->own_ns = latency(disk, req);
    int64_t ns = list_empty(&disk->faults) ? req->own_ns : fault_latency(disk, req, req->own_ns);
    engine_set(disk->engine, &req->event, disk->engine->now_ns + ns);
}

void requests_resume(struct disk *disk)
{
    while (!disk_stalled(disk) && !list_empty(&disk->waiting)) {
        struct disk_req *req = container_of(disk->waiting.next, struct disk_req, link);
        list_remove(&req->link);
        list_push_back(&disk->outstanding, &req->link);
        engine_set(disk->engine, &req->event, disk->engine->now_ns);
    }
}

void requests_hasten(struct disk *disk)
{
    int64_t now_ns = disk->engine->now_ns;
    disk->busy_until_ns = now_ns;
    list_each (it, &disk->outstanding) {
        struct disk_req *req = container_of(it, struct disk_req, link);
        if (req->event.at_ns > now_ns + req->own_ns) {
            engine_set(disk->engine, &req->event, now_ns + req->own_ns);
        }
    }
}

void disk_at_request(struct disk *disk, uint64_t n, void (*reached)(void *data), void *data)
{
    ASSERT(n == 0 || reached != NULL);
    disk->stop_at = n == 0 ? 0 : disk->requests + n;
    disk->reached = reached;
    disk->reached_data = data;
}
