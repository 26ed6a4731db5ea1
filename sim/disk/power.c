/* The end of a process, and of the power: what is left of what was not synced. */
#include <string.h>

#include "base/assert.h"
#include "env/env.h"
#include "impl.h"

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
static void settle(struct disk_req *req, bool power)
{
    if (!is_change(req)) {
        return;
    }
    if (!power) {
        struct rng draw = draw_from(req->key, DRAW_CRASH, 0);
        uint64_t fate = rng_below(&draw, 3);
        if (fate == 0) {
            return;
        }
        if (fate == 1 && req->op == DISK_WRITE && req->len > 0) {
            uint64_t keep = rng_below(&draw, req->len);
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

static void end_requests(struct list *list, uint32_t node, bool power)
{
    list_each_safe (it, list) {
        struct disk_req *req = container_of(it, struct disk_req, link);
        if (req->node == node) {
            settle(req, power);
            req_free(req);
        }
    }
}

void disk_process_end(struct disk *disk, uint32_t node, bool power)
{
    end_requests(&disk->waiting, node, power);
    end_requests(&disk->outstanding, node, power);
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
    damage_reveal(disk);
}

/* Each sector of a torn write is there or not. The size may have grown nevertheless: then what is
 * missing reads as zeros. Trash is like that, but what is not there is other bytes. */
static void tear(struct inode *file, const struct pending *p, struct rng *draw, bool trash)
{
    uint64_t end = p->offset + p->len;
    uint8_t bytes[DISK_SECTOR];
    for (uint64_t at = p->offset; at < end;) {
        uint64_t next = (at / DISK_SECTOR + 1) * DISK_SECTOR;
        next = next < end ? next : end;
        bool there = rng_chance(draw, 500000);
        size_t held = file_read_durable(file, at, bytes, (size_t)(next - at));
        for (uint64_t i = 0; trash && !there && i < next - at; i++) {
            /* What the platter holds already is not made worse by writing it again. */
            uint8_t other = (uint8_t)rng_u64(draw);
            bytes[i] = i < held && bytes[i] == p->bytes[at - p->offset + i] ? bytes[i] : other;
        }
        if (there || trash) {
            platter_write(file, at, there ? p->bytes + (at - p->offset) : bytes,
                          (size_t)(next - at));
        }
        at = next;
    }
    if (rng_chance(draw, 500000) && end > file->durable_size) {
        file->durable_size = end;
    }
}

static void decide(struct inode *file, const struct pending *p, const struct disk_options *shares)
{
    struct disk *disk = file->disk;
    struct rng draw = draw_from(p->key, DRAW_POWER, disk->counts.power_failures);
    uint64_t fate = rng_below(&draw, 1000000);
    uint64_t drop = shares->drop_ppm;
    uint64_t tears = drop + shares->tear_ppm;
    uint64_t trash = tears + shares->trash_ppm;
    bool is_kept = fate >= trash || (fate >= drop && p->change != CHANGE_WRITE);
    if (is_kept || (p->promised != 0 && disk->keep_promises)) {
        disk->counts.writes_kept++;
        file_apply(file, p);
        return;
    }
    disk->counts.promises_broken += p->promised != 0;
    if (fate < drop) {
        disk->counts.writes_dropped++;
    } else if (fate < tears) {
        disk->counts.writes_torn++;
        tear(file, p, &draw, false);
    } else {
        disk->counts.writes_trashed++;
        tear(file, p, &draw, true);
    }
}

void disk_power_off(struct disk *disk)
{
    struct disk_options shares = fault_power(disk);
    ASSERT(list_empty(&disk->outstanding) && list_empty(&disk->waiting));
    ASSERT(list_empty(&disk->handles));
    disk->counts.power_failures++;
    list_each (it, &disk->inodes) {
        struct inode *file = container_of(it, struct inode, link);
        while (!list_empty(&file->pending)) {
            struct pending *p = container_of(file->pending.next, struct pending, link);
            decide(file, p, &shares);
            file_drop(file, p);
        }
        if (!file->is_directory) {
            file_set_size(file, file->durable_size);
        }
    }
    names_power_off(disk);
    disk->keep_promises = false;
}
