/* Damage: what the platter gives instead of what was written there. The intact copy lies below. */
#include <string.h>

#include "base/assert.h"
#include "impl.h"

static void damage_free(struct inode *file, struct damage *damage)
{
    list_remove(&damage->link);
    mem_free(file->disk->mem, damage);
}

void damage_add(struct inode *file, uint32_t fault, bool hidden, uint64_t offset,
                const uint8_t *bytes, size_t len)
{
    struct damage *damage = mem_alloc(file->disk->mem, sizeof(*damage) + len);
    *damage = (struct damage){.fault = fault, .hidden = hidden, .offset = offset, .len = len};
    memcpy(damage->bytes, bytes, len);
    list_push_back(&file->damages, &damage->link);
}

/* The part of it behind the cleared place, in its place of the list. */
static void keep_tail(struct inode *file, const struct damage *from, uint64_t offset)
{
    size_t skip = (size_t)(offset - from->offset);
    size_t len = (size_t)(from->len - skip);
    struct damage *tail = mem_alloc(file->disk->mem, sizeof(*tail) + len);
    *tail = *from; /* all but the bytes */
    tail->offset = offset;
    tail->len = len;
    memcpy(tail->bytes, from->bytes + skip, len);
    list_push_back(from->link.next, &tail->link); /* before the one that follows: behind `from` */
}

void damage_clear(struct inode *file, uint64_t offset, uint64_t len)
{
    uint64_t end = len < UINT64_MAX - offset ? offset + len : UINT64_MAX;
    list_each_safe (it, &file->damages) {
        struct damage *damage = container_of(it, struct damage, link);
        uint64_t damage_end_at = damage->offset + damage->len;
        if (damage->offset >= end || damage_end_at <= offset) {
            continue;
        }
        if (damage_end_at > end) {
            keep_tail(file, damage, end);
        }
        if (damage->offset < offset) {
            damage->len = offset - damage->offset;
        } else {
            damage_free(file, damage);
        }
    }
}

void damage_see(struct inode *file, uint64_t offset, uint64_t len)
{
    list_each (it, &file->damages) {
        struct damage *damage = container_of(it, struct damage, link);
        bool touched = damage->offset < offset + len && damage->offset + damage->len > offset;
        damage->seen = damage->seen || (touched && !damage->hidden);
    }
}

static struct damage *first_seen(struct inode *file)
{
    list_each (it, &file->damages) {
        struct damage *damage = container_of(it, struct damage, link);
        if (damage->seen) {
            return damage;
        }
    }
    return NULL;
}

void damage_accept(struct inode *file)
{
    struct damage *damage;
    while ((damage = first_seen(file)) != NULL) {
        /* A later one lies over it, so this one goes below without clearing those. */
        list_remove(&damage->link);
        platter_put(file, damage->offset, damage->bytes, (size_t)damage->len);
        mem_free(file->disk->mem, damage);
    }
}

/* A process has it open. */
static bool is_open(const struct inode *file)
{
    list_each (it, &file->disk->handles) {
        if (container_of(it, struct disk_handle, link)->inode == file) {
            return true;
        }
    }
    return false;
}

void damage_end(struct inode *file, uint32_t fault)
{
    bool open = is_open(file);
    list_each_safe (it, &file->damages) {
        struct damage *damage = container_of(it, struct damage, link);
        if (fault != 0 && damage->fault != fault) {
            continue;
        }
        if (damage->seen && open) {
            damage->over = true; /* the process goes on with what it has seen */
        } else {
            damage_free(file, damage);
        }
    }
}

void damage_forget(struct inode *file)
{
    while (!list_empty(&file->damages)) {
        damage_free(file, container_of(file->damages.next, struct damage, link));
    }
}

void damage_show(const struct inode *file, uint64_t offset, uint8_t *into, size_t len, bool hidden)
{
    uint64_t end = offset + len;
    list_each (it, &file->damages) {
        const struct damage *damage = container_of(it, struct damage, link);
        uint64_t from = damage->offset > offset ? damage->offset : offset;
        uint64_t to = damage->offset + damage->len < end ? damage->offset + damage->len : end;
        if (from < to && (hidden || !damage->hidden)) {
            memcpy(into + (from - offset), damage->bytes + (from - damage->offset),
                   (size_t)(to - from));
        }
    }
}

bool damage_touches(const struct inode *file, uint64_t offset, uint64_t len)
{
    list_each (it, &file->damages) {
        const struct damage *damage = container_of(it, struct damage, link);
        if (damage->offset < offset + len && damage->offset + damage->len > offset) {
            return true;
        }
    }
    return false;
}

void damage_reveal(struct disk *disk)
{
    list_each (it, &disk->inodes) {
        struct inode *file = container_of(it, struct inode, link);
        bool open = is_open(file);
        list_each_safe (at, &file->damages) {
            struct damage *damage = container_of(at, struct damage, link);
            damage->hidden = false;
            if (damage->over && !open) {
                damage_free(file, damage);
            }
        }
    }
}

/* Some file with bytes on the platter, as the draw has it; itself if there is no other. */
static struct inode *wrong_file(struct inode *file, struct rng *draw)
{
    size_t count = 0;
    list_each (it, &file->disk->inodes) {
        count += container_of(it, struct inode, link)->durable_size > 0;
    }
    uint64_t nth = count > 0 ? rng_below(draw, count) : 0;
    list_each (it, &file->disk->inodes) {
        struct inode *other = container_of(it, struct inode, link);
        if (other->durable_size > 0 && nth-- == 0) {
            return other;
        }
    }
    return file;
}

/* Half of them stay in the file, a few sectors off, and the others lie anywhere. Where nothing is
 * on the platter nothing is hurt. */
static void hurt(struct inode *file, const struct pending *p, struct rng *draw)
{
    bool near = rng_chance(draw, 500000);
    uint64_t off = (1 + rng_below(draw, 8)) * DISK_SECTOR;
    struct inode *other = near ? file : wrong_file(file, draw);
    uint64_t at = off <= p->offset ? p->offset - off : p->offset + off;
    if (!near && other->durable_size > 0) {
        at = rng_below(draw, other->durable_size) / DISK_SECTOR * DISK_SECTOR;
    }
    if (at >= other->durable_size) {
        return;
    }
    uint64_t room = other->durable_size - at;
    damage_add(other, p->astray, true, at, p->bytes, (size_t)(p->len < room ? p->len : room));
}

void damage_misdirect(struct inode *file, const struct pending *p)
{
    struct rng draw = draw_from(p->key, DRAW_FAULT, 1);
    struct mem *mem = file->disk->mem;
    size_t len = (size_t)p->len;
    uint8_t *before = mem_zalloc(mem, 1, len);
    ASSERT(p->astray != 0);
    size_t got = file_read_durable(file, p->offset, before, len);
    damage_show(file, p->offset, before, got, true);
    platter_write(file, p->offset, p->bytes, len);
    damage_add(file, p->astray, true, p->offset, before, len);
    hurt(file, p, &draw);
    mem_free(mem, before);
}
