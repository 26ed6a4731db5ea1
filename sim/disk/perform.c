/* What a request does when its time has come. */
#include <string.h>

#include "base/assert.h"
#include "env/env.h"
#include "impl.h"

static int open_file(struct disk_req *req)
{
    struct disk *disk = req->disk;
    char name[NAME_BYTES_MAX + 1];
    struct inode *dir;
    int rc = names_parent(disk, req->path, &dir, name);
    if (rc != 0) {
        return rc;
    }
    struct entry *entry = dir->is_directory ? names_entry(dir, name, false) : NULL;
    struct inode *inode = entry != NULL ? entry->now : NULL;
    if (inode == NULL) {
        if ((req->flags & ENV_OPEN_CREATE) == 0 || !dir->is_directory) {
            return ERR_NOT_FOUND;
        }
        inode = inode_new(disk, false);
        names_bind(dir, name, inode);
    } else if ((req->flags & ENV_OPEN_EXCLUSIVE) != 0 && (req->flags & ENV_OPEN_CREATE) != 0) {
        return ERR_EXISTS;
    } else if (inode->is_directory) {
        return ERR_INVALID;
    } else if ((req->flags & ENV_OPEN_TRUNCATE) != 0 && inode->size > 0) {
        (void)file_change(inode, CHANGE_CUT, 0, 0, NULL, 0);
    }
    struct disk_handle *handle = mem_zalloc(disk->mem, 1, sizeof(*handle));
    inode_hold(inode);
    handle->inode = inode;
    handle->node = req->node;
    handle->flags = req->flags;
    handle->path = mem_strdup(disk->mem, req->path, strlen(req->path));
    list_push_back(&disk->handles, &handle->link);
    req->opened = handle;
    return 0;
}

static int write_file(struct disk_req *req)
{
    if ((req->handle->flags & ENV_OPEN_WRITE) == 0) {
        return ERR_PERMISSION;
    }
    damage_accept(req->handle->inode);
    if (!file_change(req->handle->inode, CHANGE_WRITE, req->offset, req->len, req->slices,
                     req->slice_count)) {
        return ERR_NO_SPACE;
    }
    req->disk->counts.bytes_written += req->len;
    strike_write(req);
    return 0;
}

static int read_file(struct disk_req *req)
{
    req->count = file_read(req->handle->inode, req->offset, req->into, (size_t)req->len);
    damage_see(req->handle->inode, req->offset, req->count);
    strike_read(req);
    return 0;
}

static int sync_file(struct disk_req *req)
{
    if (!strike_sync(req)) {
        file_sync(req->handle->inode, req->mark);
    }
    return 0;
}

static int resize_file(struct disk_req *req)
{
    struct inode *inode = req->handle->inode;
    if ((req->handle->flags & ENV_OPEN_WRITE) == 0) {
        return ERR_PERMISSION;
    }
    damage_accept(inode);
    if (req->op == DISK_TRUNCATE) {
        return file_change(inode, CHANGE_CUT, req->offset, 0, NULL, 0) ? 0 : ERR_NO_SPACE;
    }
    uint64_t end = req->offset + req->len;
    if (end <= inode->size) {
        return 0;
    }
    return file_change(inode, CHANGE_EXTEND, end, 0, NULL, 0) ? 0 : ERR_NO_SPACE;
}

static int rename_file(struct disk_req *req)
{
    char from[NAME_BYTES_MAX + 1];
    char to[NAME_BYTES_MAX + 1];
    struct inode *from_dir;
    struct inode *to_dir;
    int rc = names_parent(req->disk, req->path, &from_dir, from);
    if (rc == 0) {
        rc = names_parent(req->disk, req->path_to, &to_dir, to);
    }
    if (rc != 0) {
        return rc;
    }
    struct entry *source = names_entry(from_dir, from, false);
    if (source == NULL || source->now == NULL) {
        return ERR_NOT_FOUND;
    }
    struct entry *target = names_entry(to_dir, to, false);
    if (target == source) {
        return 0;
    }
    if (target != NULL && target->now != NULL) {
        bool over_dir = target->now->is_directory;
        if (over_dir != source->now->is_directory || (over_dir && !names_empty(target->now))) {
            return ERR_EXISTS;
        }
    }
    names_rename(from_dir, from, to_dir, to);
    return 0;
}

static int remove_name(struct disk_req *req)
{
    char name[NAME_BYTES_MAX + 1];
    struct inode *dir;
    int rc = names_parent(req->disk, req->path, &dir, name);
    if (rc != 0) {
        return rc;
    }
    struct entry *entry = names_entry(dir, name, false);
    if (entry == NULL || entry->now == NULL) {
        return ERR_NOT_FOUND;
    }
    if (entry->now->is_directory && !names_empty(entry->now)) {
        return ERR_EXISTS;
    }
    names_bind(dir, name, NULL);
    return 0;
}

static int list_dir(struct disk_req *req)
{
    struct inode *dir = names_find(req->disk, req->path);
    if (dir == NULL || !dir->is_directory) {
        return ERR_NOT_FOUND;
    }
    req->names = mem_alloc(req->disk->mem, (dir->entry_count + 1) * sizeof(char *));
    for (size_t i = 0; i < dir->entry_count; i++) {
        if (dir->entries[i]->now != NULL) {
            req->names[req->count++] = dir->entries[i]->name;
        }
    }
    return 0;
}

static int sync_dir(struct disk_req *req)
{
    struct inode *dir = names_find(req->disk, req->path);
    if (dir == NULL || !dir->is_directory) {
        return ERR_NOT_FOUND;
    }
    if (!strike_sync(req)) {
        names_sync(req->disk, dir, req->mark);
    }
    return 0;
}

static int stat_path(struct disk_req *req)
{
    struct inode *inode = names_find(req->disk, req->path);
    if (inode == NULL) {
        return ERR_NOT_FOUND;
    }
    req->size = inode->size;
    req->is_directory = inode->is_directory;
    return 0;
}

static int lock_file(struct disk_req *req)
{
    req->flags = ENV_OPEN_READ | ENV_OPEN_WRITE | ENV_OPEN_CREATE;
    struct inode *inode = names_find(req->disk, req->path);
    if (inode != NULL && inode->locked_by != 0) {
        return ERR_LOCKED;
    }
    /* The handle stays with the process until it ends. */
    int rc = open_file(req);
    if (rc == 0) {
        req->opened->inode->locked_by = req->node;
        req->opened = NULL;
    }
    return rc;
}

static void close_handle(struct disk_req *req)
{
    struct disk_handle *handle = req->handle;
    list_remove(&handle->link);
    inode_release(handle->inode);
    mem_free(req->disk->mem, handle->path);
    mem_free(req->disk->mem, handle);
}

static int space(struct disk_req *req)
{
    const struct disk *disk = req->disk;
    if (names_find(disk, req->path) == NULL) {
        return ERR_NOT_FOUND;
    }
    uint64_t capacity = disk_capacity(disk);
    req->size = capacity > disk->used ? capacity - disk->used : 0;
    return 0;
}

int disk_perform(struct disk_req *req)
{
    req->disk->request_key = req->key;
    req->disk->request_draws = 0;
    switch (req->op) {
    case DISK_OPEN: return open_file(req);
    case DISK_WRITE: return write_file(req);
    case DISK_READ: return read_file(req);
    case DISK_SYNC: return sync_file(req);
    case DISK_ALLOCATE:
    case DISK_TRUNCATE: return resize_file(req);
    case DISK_CLOSE: close_handle(req); return 0;
    case DISK_RENAME: return rename_file(req);
    case DISK_REMOVE: return remove_name(req);
    case DISK_MAKE_DIR: return names_make_dirs(req->disk, req->path);
    case DISK_SYNC_DIR: return sync_dir(req);
    case DISK_LIST: return list_dir(req);
    case DISK_STAT: return stat_path(req);
    case DISK_SPACE: return space(req);
    case DISK_LOCK: return lock_file(req);
    case DISK_OP_COUNT: break;
    }
    UNREACHABLE();
}
