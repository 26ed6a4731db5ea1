/* The truth about a disk, for those who judge what runs on it. */
#include "impl.h"

static bool touches(const struct pending *p, uint64_t offset, uint64_t len)
{
    switch (p->change) {
    case CHANGE_CUT: return p->offset < offset + len;
    case CHANGE_WRITE: return p->offset < offset + len && p->offset + p->len > offset;
    case CHANGE_EXTEND: break;
    }
    return false;
}

/* With `honest`, what was promised counts as durable. */
static bool survives(const struct inode *file, uint64_t offset, uint64_t len, bool honest)
{
    uint64_t size = file->durable_size;
    list_each (it, &file->pending) {
        const struct pending *p = container_of(it, struct pending, link);
        if (honest && p->promised != 0) {
            size = file_size_after(size, p);
        } else if (touches(p, offset, len)) {
            return false;
        }
    }
    return offset <= size && len <= size - offset;
}

bool disk_survives(const struct disk *disk, const char *path, uint64_t offset, uint64_t len)
{
    const struct inode *inode = names_find_certain(disk, path, true);
    return inode != NULL && !inode->is_directory && survives(inode, offset, len, true);
}

bool disk_is_good(const struct disk *disk, const char *path, uint64_t offset, uint64_t len)
{
    const struct inode *inode = names_find_certain(disk, path, false);
    return inode != NULL && !inode->is_directory && survives(inode, offset, len, false) &&
           !damage_touches(inode, offset, len);
}

static int read_platter(const struct disk *disk, const char *path, uint64_t offset, uint8_t *into,
                        size_t *len, bool damaged)
{
    const struct inode *inode = names_find_durable(disk, path);
    if (inode == NULL || inode->is_directory) {
        return ERR_NOT_FOUND;
    }
    *len = file_read_durable(inode, offset, into, *len);
    if (damaged) {
        damage_show(inode, offset, into, *len, true);
    }
    return 0;
}

int disk_read_durable(const struct disk *disk, const char *path, uint64_t offset, uint8_t *into,
                      size_t len, size_t *count)
{
    *count = len;
    return read_platter(disk, path, offset, into, count, true);
}

int disk_read_intact(const struct disk *disk, const char *path, uint64_t offset, uint8_t *into,
                     size_t len, size_t *count)
{
    *count = len;
    return read_platter(disk, path, offset, into, count, false);
}

static bool has_damage(const struct disk *disk)
{
    list_each (it, &disk->inodes) {
        if (!list_empty(&container_of(it, struct inode, link)->damages)) {
            return true;
        }
    }
    return false;
}

bool disk_is_sound(const struct disk *disk)
{
    list_each (it, &disk->faults) {
        enum disk_fault_kind kind = container_of(it, struct fault, link)->what.kind;
        if (kind == DISK_FAULT_FLIP || kind == DISK_FAULT_STALE || kind == DISK_FAULT_MISDIRECT ||
            kind == DISK_FAULT_LIE) {
            return false;
        }
    }
    return !disk_has_promises(disk) && !has_damage(disk);
}

bool disk_works(const struct disk *disk)
{
    list_each (it, &disk->faults) {
        const struct disk_fault *f = &container_of(it, struct fault, link)->what;
        if (f->kind == DISK_FAULT_FAIL && f->count == DISK_FOR_EVER && f->file == NULL &&
            (f->op == DISK_WRITE || f->op == DISK_SYNC)) {
            return false;
        }
    }
    return !disk_stalled(disk);
}

bool disk_is_well(const struct disk *disk)
{
    return list_empty(&disk->faults) && !disk_has_promises(disk) && !has_damage(disk) &&
           disk->used < disk->options.capacity;
}

bool disk_has_promises(const struct disk *disk)
{
    list_each (it, &disk->inodes) {
        list_each (at, &container_of(it, struct inode, link)->pending) {
            if (container_of(at, struct pending, link)->promised != 0) {
                return true;
            }
        }
    }
    list_each (it, &disk->names) {
        if (container_of(it, struct name_change, link)->promised != 0) {
            return true;
        }
    }
    return false;
}
