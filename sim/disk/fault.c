/* The faults in force: how they begin, whom they meet, and how they end. */
#include "disk/fault.h"

#include <string.h>

#include "base/assert.h"
#include "base/duration.h"
#include "impl.h"

const char *disk_fault_name(enum disk_fault_kind kind)
{
    static const char *const names[] = {"fail",  "lie",       "short-reads", "flip",
                                        "stale", "misdirect", "full",        "slow",
                                        "rate",  "stall",     "rot",         "power"};
    return names[kind];
}

static void keep_copies(struct disk *disk, struct fault *fault)
{
    list_each (it, &disk->inodes) {
        struct inode *inode = container_of(it, struct inode, link);
        if (inode->is_directory || inode->size == 0) {
            continue;
        }
        struct old_copy *copy = mem_alloc(disk->mem, sizeof(*copy) + (size_t)inode->size);
        copy->inode = inode;
        copy->size = file_read(inode, 0, copy->bytes, (size_t)inode->size);
        inode_hold(inode);
        list_push_back(&fault->copies, &copy->link);
    }
}

static void fault_free(struct disk *disk, struct fault *fault)
{
    list_remove(&fault->link);
    while (!list_empty(&fault->copies)) {
        struct old_copy *copy = container_of(fault->copies.next, struct old_copy, link);
        list_remove(&copy->link);
        inode_release(copy->inode);
        mem_free(disk->mem, copy);
    }
    mem_free(disk->mem, (char *)(uintptr_t)fault->what.file);
    mem_free(disk->mem, fault);
}

uint32_t disk_fault_add(struct disk *disk, const struct disk_fault *what)
{
    struct fault *fault = mem_zalloc(disk->mem, 1, sizeof(*fault));
    ASSERT(what->kind != DISK_FAULT_FAIL || what->err < 0);
    ASSERT(what->count > 0);
    list_init(&fault->copies);
    fault->number = ++disk->fault_last;
    fault->what = *what;
    if (what->file != NULL) {
        fault->what.file = mem_strdup(disk->mem, what->file, strlen(what->file));
    }
    list_push_back(&disk->faults, &fault->link);
    if (what->kind == DISK_FAULT_STALE) {
        keep_copies(disk, fault);
    } else if (what->kind == DISK_FAULT_ROT) {
        uint32_t number = strike_rot(disk, fault) ? fault->number : 0;
        fault_free(disk, fault); /* what is left of it is the damage */
        return number;
    }
    return fault->number;
}

/* What it damaged and promised. */
static void undo(struct disk *disk, uint32_t number)
{
    list_each (it, &disk->inodes) {
        struct inode *inode = container_of(it, struct inode, link);
        file_keep_promises(inode, number);
        damage_end(inode, number);
    }
    names_keep_promises(disk, number);
}

void disk_fault_end(struct disk *disk, uint32_t number)
{
    bool hasten = false;
    ASSERT(number != 0);
    list_each_safe (it, &disk->faults) {
        struct fault *fault = container_of(it, struct fault, link);
        if (fault->number == number) {
            hasten = fault->what.kind == DISK_FAULT_SLOW || fault->what.kind == DISK_FAULT_RATE;
            fault_free(disk, fault);
        }
    }
    undo(disk, number);
    if (hasten) {
        requests_hasten(disk);
    }
    requests_resume(disk);
}

void disk_heal(struct disk *disk)
{
    while (!list_empty(&disk->faults)) {
        fault_free(disk, container_of(disk->faults.next, struct fault, link));
    }
    disk->stall_number = 0;
    undo(disk, 0);
    requests_hasten(disk);
    requests_resume(disk);
}

struct fault *fault_of(struct disk *disk, enum disk_fault_kind kind, const char *path)
{
    list_each (it, &disk->faults) {
        struct fault *fault = container_of(it, struct fault, link);
        if (fault->what.kind == kind &&
            (fault->what.file == NULL || strstr(path, fault->what.file) != NULL)) {
            return fault;
        }
    }
    return NULL;
}

void fault_met(struct disk *disk, struct fault *fault)
{
    if (fault->what.count != DISK_FOR_EVER && --fault->what.count == 0) {
        fault_free(disk, fault);
    }
}

/* States of the whole disk --------------------------------------------------------------------- */

bool disk_stalled(const struct disk *disk)
{
    list_each (it, &disk->faults) {
        if (container_of(it, struct fault, link)->what.kind == DISK_FAULT_STALL) {
            return true;
        }
    }
    return false;
}

uint64_t disk_capacity(const struct disk *disk)
{
    uint64_t least = disk->options.capacity;
    list_each (it, &disk->faults) {
        const struct disk_fault *f = &container_of(it, struct fault, link)->what;
        least = f->kind == DISK_FAULT_FULL && f->bytes < least ? f->bytes : least;
    }
    return least;
}

struct disk_options fault_power(const struct disk *disk)
{
    struct disk_options shares = disk->options;
    list_each (it, &disk->faults) {
        const struct disk_fault *f = &container_of(it, struct fault, link)->what;
        if (f->kind == DISK_FAULT_POWER) {
            shares.drop_ppm = f->drop_ppm;
            shares.tear_ppm = f->tear_ppm;
            shares.trash_ppm = f->trash_ppm;
            shares.name_drop_ppm = f->name_drop_ppm;
        }
    }
    return shares;
}

int64_t fault_latency(struct disk *disk, const struct disk_req *req, int64_t ns)
{
    list_each (it, &disk->faults) {
        const struct disk_fault *f = &container_of(it, struct fault, link)->what;
        if (f->file != NULL && strstr(req_path(req), f->file) == NULL) {
            continue;
        }
        if (f->kind == DISK_FAULT_SLOW) {
            struct rng draw = draw_from(req->key, DRAW_FAULT, f->key);
            int64_t more = rng_range(&draw, f->low_ns, f->high_ns);
            ns = ns * (f->factor > 0 ? (int64_t)f->factor : 1) + more;
        } else if (f->kind == DISK_FAULT_RATE && (req->op == DISK_WRITE || req->op == DISK_READ)) {
            int64_t now = disk->engine->now_ns;
            int64_t from = disk->busy_until_ns > now ? disk->busy_until_ns : now;
            disk->busy_until_ns = from + (int64_t)(req->len * (uint64_t)SEC_NS / f->bytes);
            ns += disk->busy_until_ns - now;
        }
    }
    return ns;
}

/* For tests ------------------------------------------------------------------------------------ */

void disk_fail(struct disk *disk, enum disk_op op, uint64_t count, int err, const char *path)
{
    const struct disk_fault fault = {
        .kind = DISK_FAULT_FAIL, .op = op, .count = count, .err = err, .file = path};
    (void)disk_fault_add(disk, &fault);
}

void disk_stall(struct disk *disk, bool on)
{
    const struct disk_fault stall = {.kind = DISK_FAULT_STALL, .count = DISK_FOR_EVER};
    if (on && disk->stall_number == 0) {
        disk->stall_number = disk_fault_add(disk, &stall);
    } else if (!on && disk->stall_number != 0) {
        uint32_t number = disk->stall_number;
        disk->stall_number = 0;
        disk_fault_end(disk, number);
    }
}

void disk_keep_promises(struct disk *disk)
{
    disk->keep_promises = true;
}
