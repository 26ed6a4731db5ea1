/* The bytes of one file: platter and pending changes. */
#include <string.h>

#include "base/assert.h"
#include "impl.h"

void file_set_size(struct inode *file, uint64_t size)
{
    file->disk->used = file->disk->used - file->size + size;
    file->size = size;
}

/* The platter. */

static void platter_pages(struct inode *file, size_t count)
{
    if (count <= file->page_count) {
        return;
    }
    size_t grown = file->page_count == 0 ? 4 : file->page_count * 2;
    grown = grown < count ? count : grown;
    file->pages = mem_resize(file->disk->mem, file->pages, grown * sizeof(uint8_t *));
    memset(file->pages + file->page_count, 0, (grown - file->page_count) * sizeof(uint8_t *));
    file->page_count = grown;
}

void platter_put(struct inode *file, uint64_t offset, const uint8_t *bytes, size_t len)
{
    if (offset + len > file->durable_size) {
        file->durable_size = offset + len;
    }
    platter_pages(file, (size_t)((offset + len + PAGE_BYTES - 1) / PAGE_BYTES));
    while (len > 0) {
        size_t page = (size_t)(offset / PAGE_BYTES);
        size_t at = (size_t)(offset % PAGE_BYTES);
        size_t part = PAGE_BYTES - at < len ? PAGE_BYTES - at : len;
        if (file->pages[page] == NULL) {
            file->pages[page] = mem_zalloc(file->disk->mem, 1, PAGE_BYTES);
        }
        memcpy(file->pages[page] + at, bytes, part);
        offset += part;
        bytes += part;
        len -= part;
    }
}

void platter_write(struct inode *file, uint64_t offset, const uint8_t *bytes, size_t len)
{
    damage_clear(file, offset, len);
    platter_put(file, offset, bytes, len);
}

static void platter_cut(struct inode *file, uint64_t size)
{
    if (size >= file->durable_size) {
        return;
    }
    damage_clear(file, size, UINT64_MAX);
    size_t first = (size_t)(size / PAGE_BYTES);
    size_t keep = (size_t)(size % PAGE_BYTES);
    for (size_t i = first; i < file->page_count; i++) {
        if (file->pages[i] == NULL) {
            continue;
        }
        if (i == first && keep > 0) {
            memset(file->pages[i] + keep, 0, PAGE_BYTES - keep);
        } else {
            mem_free(file->disk->mem, file->pages[i]);
            file->pages[i] = NULL;
        }
    }
    file->durable_size = size;
}

size_t file_read_durable(const struct inode *file, uint64_t offset, uint8_t *into, size_t len)
{
    if (offset >= file->durable_size) {
        return 0;
    }
    if (len > file->durable_size - offset) {
        len = (size_t)(file->durable_size - offset);
    }
    for (size_t done = 0; done < len;) {
        size_t page = (size_t)((offset + done) / PAGE_BYTES);
        size_t at = (size_t)((offset + done) % PAGE_BYTES);
        size_t part = PAGE_BYTES - at < len - done ? PAGE_BYTES - at : len - done;
        if (page < file->page_count && file->pages[page] != NULL) {
            memcpy(into + done, file->pages[page] + at, part);
        } else {
            memset(into + done, 0, part);
        }
        done += part;
    }
    return len;
}

/* Pending changes. */

void file_apply(struct inode *file, const struct pending *p)
{
    switch (p->change) {
    case CHANGE_WRITE:
        if (p->astray != 0) {
            damage_misdirect(file, p);
        } else {
            platter_write(file, p->offset, p->bytes, (size_t)p->len);
        }
        break;
    case CHANGE_EXTEND:
        if (p->offset > file->durable_size) {
            file->durable_size = p->offset;
        }
        break;
    case CHANGE_CUT:
        platter_cut(file, p->offset);
        file->durable_size = p->offset;
        break;
    }
}

static uint64_t size_after(uint64_t size, enum change change, uint64_t offset, uint64_t len)
{
    uint64_t end = offset + len;
    return change == CHANGE_CUT || end > size ? end : size;
}

uint64_t file_size_after(uint64_t size, const struct pending *p)
{
    return size_after(size, p->change, p->offset, p->len);
}

bool file_change(struct inode *file, enum change change, uint64_t offset, uint64_t len,
                 const struct slice *bytes, size_t count)
{
    struct disk *disk = file->disk;
    uint64_t capacity = disk_capacity(disk);
    uint64_t size = size_after(file->size, change, offset, len);
    if (size > file->size &&
        (size - file->size > capacity || disk->used > capacity - (size - file->size))) {
        return false;
    }
    struct pending *p = mem_alloc(disk->mem, sizeof(*p) + (size_t)len);
    *p = (struct pending){.change = change, .offset = offset, .len = len};
    p->serial = ++disk->serial;
    p->key = change_key(disk);
    size_t at = 0;
    for (size_t i = 0; i < count; i++) {
        if (bytes[i].len > 0) {
            memcpy(p->bytes + at, bytes[i].ptr, bytes[i].len);
        }
        at += bytes[i].len;
    }
    ASSERT(at == len);
    list_push_back(&file->pending, &p->link);
    file_set_size(file, size);
    return true;
}

void file_drop(struct inode *file, struct pending *p)
{
    list_remove(&p->link);
    mem_free(file->disk->mem, p);
}

/* What a pending change does to bytes [offset, offset + len) that a reader wants. */
static void overlay(const struct pending *p, uint64_t offset, uint8_t *into, size_t len)
{
    uint64_t end = offset + len;
    if (p->change == CHANGE_CUT && p->offset < end) {
        size_t from = p->offset > offset ? (size_t)(p->offset - offset) : 0;
        memset(into + from, 0, len - from);
    } else if (p->change == CHANGE_WRITE && p->offset < end && p->offset + p->len > offset) {
        uint64_t from = p->offset > offset ? p->offset : offset;
        uint64_t to = p->offset + p->len < end ? p->offset + p->len : end;
        memcpy(into + (from - offset), p->bytes + (from - p->offset), (size_t)(to - from));
    }
}

size_t file_read(const struct inode *file, uint64_t offset, uint8_t *into, size_t len)
{
    if (offset >= file->size) {
        return 0;
    }
    if (len > file->size - offset) {
        len = (size_t)(file->size - offset);
    }
    size_t got = file_read_durable(file, offset, into, len);
    memset(into + got, 0, len - got);
    damage_show(file, offset, into, len, false);
    list_each (it, &file->pending) {
        overlay(container_of(it, struct pending, link), offset, into, len);
    }
    return len;
}

void file_sync(struct inode *file, uint64_t serial)
{
    list_each_safe (it, &file->pending) {
        struct pending *p = container_of(it, struct pending, link);
        if (p->serial > serial) {
            break; /* they are in this order */
        }
        file_apply(file, p);
        file_drop(file, p);
    }
}

/* What was promised is out of the cache that the failed sync drops: the drive has it. */
void file_lose(struct inode *file, uint64_t serial)
{
    uint64_t size = file->durable_size;
    list_each_safe (it, &file->pending) {
        struct pending *p = container_of(it, struct pending, link);
        if (p->serial <= serial && p->promised == 0) {
            file_drop(file, p);
        } else {
            size = file_size_after(size, p);
        }
    }
    file_set_size(file, size);
}

void file_promise(struct inode *file, uint64_t serial, uint32_t fault)
{
    list_each (it, &file->pending) {
        struct pending *p = container_of(it, struct pending, link);
        if (p->serial <= serial && p->promised == 0) {
            p->promised = fault;
        }
    }
}

/* They are the beginning of the list; what another fault promised before holds them back. */
void file_keep_promises(struct inode *file, uint32_t fault)
{
    list_each_safe (it, &file->pending) {
        struct pending *p = container_of(it, struct pending, link);
        if (p->promised == 0 || (fault != 0 && p->promised != fault)) {
            break;
        }
        file_apply(file, p);
        file_drop(file, p);
    }
}

void file_clear(struct inode *file)
{
    while (!list_empty(&file->pending)) {
        file_drop(file, container_of(file->pending.next, struct pending, link));
    }
    damage_forget(file);
    for (size_t i = 0; i < file->page_count; i++) {
        mem_free(file->disk->mem, file->pages[i]);
    }
    mem_free(file->disk->mem, file->pages);
    file->pages = NULL;
    file->page_count = 0;
    file->durable_size = 0;
    file_set_size(file, 0);
}
