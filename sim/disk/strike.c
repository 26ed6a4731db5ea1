/* What a fault does to one request, and to bytes at rest. */
#include <string.h>

#include "base/assert.h"
#include "impl.h"

/* The draws of this fault for this request. */
static struct rng draw_of(const struct fault *fault, uint64_t key)
{
    return draw_from(key, DRAW_FAULT, fault->what.key);
}

static struct fault *failure_of(struct disk *disk, const struct disk_req *req)
{
    const char *path = req_path(req);
    list_each (it, &disk->faults) {
        struct fault *fault = container_of(it, struct fault, link);
        if (fault->what.kind == DISK_FAULT_FAIL && fault->what.op == req->op &&
            (fault->what.file == NULL || strstr(path, fault->what.file) != NULL)) {
            return fault;
        }
    }
    return NULL;
}

int strike_fail(struct disk_req *req)
{
    struct disk *disk = req->disk;
    struct fault *fault = failure_of(disk, req);
    if (fault == NULL) {
        return 0;
    }
    int err = fault->what.err;
    fault_met(disk, fault);
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

bool strike_sync(struct disk_req *req)
{
    struct disk *disk = req->disk;
    struct fault *fault = fault_of(disk, DISK_FAULT_LIE, req_path(req));
    if (fault == NULL) {
        return false;
    }
    disk->counts.promises++;
    if (req->op == DISK_SYNC) {
        file_promise(req->handle->inode, req->mark, fault->number);
    } else {
        names_promise(disk, names_find(disk, req->path), req->mark, fault->number);
    }
    fault_met(disk, fault);
    return true;
}

void strike_write(struct disk_req *req)
{
    struct disk *disk = req->disk;
    struct fault *fault = fault_of(disk, DISK_FAULT_MISDIRECT, req_path(req));
    if (fault == NULL || req->len == 0) {
        return;
    }
    disk->counts.misdirected++;
    container_of(req->handle->inode->pending.prev, struct pending, link)->astray = fault->number;
    fault_met(disk, fault);
}

/* Reads ---------------------------------------------------------------------------------------- */

static void read_stale(const struct fault *fault, struct disk_req *req)
{
    const struct old_copy *copy = NULL;
    list_each (it, &fault->copies) {
        const struct old_copy *at = container_of(it, struct old_copy, link);
        copy = at->inode == req->handle->inode ? at : copy;
    }
    memset(req->into, 0, req->count);
    if (copy != NULL && req->offset < copy->size) {
        uint64_t there = copy->size - req->offset;
        memcpy(req->into, copy->bytes + req->offset, there < req->count ? there : req->count);
    }
}

static void read_flipped(const struct fault *fault, struct disk_req *req)
{
    struct rng draw = draw_of(fault, req->key);
    for (uint64_t i = 0; i < fault->what.bytes; i++) {
        uint64_t at = rng_below(&draw, req->count);
        uint64_t bit = rng_below(&draw, 8);
        req->into[at] ^= (uint8_t)(1U << bit);
    }
}

static void read_short(const struct fault *fault, struct disk_req *req)
{
    struct rng draw = draw_of(fault, req->key);
    req->count = 1 + (size_t)rng_below(&draw, req->count);
}

void strike_read(struct disk_req *req)
{
    static const struct {
        enum disk_fault_kind kind;
        void (*strike)(const struct fault *fault, struct disk_req *req);
    } strikes[] = {{DISK_FAULT_STALE, read_stale},
                   {DISK_FAULT_FLIP, read_flipped},
                   {DISK_FAULT_SHORT, read_short}};
    struct disk *disk = req->disk;
    for (size_t i = 0; i < sizeof(strikes) / sizeof(strikes[0]); i++) {
        struct fault *fault = fault_of(disk, strikes[i].kind, req_path(req));
        if (fault != NULL && req->count > 0) {
            strikes[i].strike(fault, req);
            disk->counts.reads_bad++;
            fault_met(disk, fault);
        }
    }
}

/* Rot ------------------------------------------------------------------------------------------ */

/* Files whose path holds a text, with their durable bytes, in the order of the tree. */
struct search {
    const struct fault *fault;
    uint64_t nth; /* the byte that is sought, counted over all of them */
    struct inode *file;
    uint64_t offset;
};

static uint64_t rottable(const struct search *s, const struct inode *file)
{
    const struct disk_fault *what = &s->fault->what;
    uint64_t end = file->durable_size < what->below ? file->durable_size : what->below;
    if (what->offset != DISK_ANYWHERE) {
        return what->offset < end && what->bytes <= end - what->offset ? 1 : 0;
    }
    return what->bytes <= end ? end - what->bytes + 1 : 0;
}

/* Walks the durable tree; counts places, and stops at the one that is sought. */
static uint64_t walk(struct search *s, const struct inode *dir, struct buf *path, bool seek)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < dir->entry_count && s->file == NULL; i++) {
        struct inode *inode = dir->entries[i]->durable;
        size_t len = path->len;
        if (inode == NULL) {
            continue;
        }
        buf_printf(path, "%s%s", len > 0 ? "/" : "", dir->entries[i]->name);
        if (inode->is_directory) {
            sum += walk(s, inode, path, seek);
        } else if (s->fault->what.file == NULL ||
                   strstr(buf_cstr(path), s->fault->what.file) != NULL) {
            uint64_t places = rottable(s, inode);
            if (seek && s->nth < places) {
                bool drawn = s->fault->what.offset == DISK_ANYWHERE;
                s->file = inode;
                s->offset = drawn ? s->nth : s->fault->what.offset;
            } else if (seek) {
                s->nth -= places;
            }
            sum += places;
        }
        path->len = len;
    }
    return sum;
}

bool strike_rot(struct disk *disk, struct fault *fault)
{
    struct search s = {.fault = fault};
    struct rng draw = draw_from(disk->key, DRAW_FAULT, fault->what.key);
    struct buf path;
    buf_init(&path, disk->mem);
    uint64_t places = walk(&s, disk->root, &path, false);
    if (places > 0 && fault->what.bytes > 0) {
        s.nth = rng_below(&draw, places);
        walk(&s, disk->root, &path, true);
        ASSERT(s.file != NULL);
        size_t len = (size_t)fault->what.bytes;
        uint8_t *bytes = mem_alloc(disk->mem, len);
        size_t got = file_read_durable(s.file, s.offset, bytes, len);
        ASSERT(got == len);
        damage_show(s.file, s.offset, bytes, len, true);
        for (size_t i = 0; i < len; i++) {
            bytes[i] ^= (uint8_t)(1 + rng_below(&draw, 255));
        }
        damage_add(s.file, fault->number, false, s.offset, bytes, len);
        mem_free(disk->mem, bytes);
    }
    buf_fini(&path);
    return s.file != NULL;
}
