/* Requests on names: directories, renames, what is there, and the lock. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h> /* rename */
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/sort.h"
#include "disk.h"

static void simple(struct env *env, struct env_disk_req *req, int (*run)(struct disk_op *op),
                   const char *path)
{
    disk_op_start(disk_op_new(env, req, run, path, NULL));
}

static int run_rename(struct disk_op *op)
{
    return rename(op->path, op->other) < 0 ? -errno : 0;
}

void disk_rename(struct env *env, struct env_disk_req *req, const char *from, const char *to)
{
    disk_op_start(disk_op_new(env, req, run_rename, from, to));
}

static int run_remove(struct disk_op *op)
{
    if (unlink(op->path) == 0) {
        return 0;
    }
    if (errno == EISDIR || errno == EPERM) {
        return rmdir(op->path) < 0 ? -errno : 0;
    }
    return -errno;
}

void disk_remove(struct env *env, struct env_disk_req *req, const char *path)
{
    simple(env, req, run_remove, path);
}

static int make_one(const char *path)
{
    struct stat st;
    if (mkdir(path, 0700) == 0) {
        return 0;
    }
    int err = errno;
    if (err == EEXIST && stat(path, &st) == 0 && S_ISDIR(st.st_mode)) {
        return 0;
    }
    return -err;
}

static int run_make_dir(struct disk_op *op)
{
    for (char *at = op->path + 1; op->path[0] != '\0' && *at != '\0'; at++) {
        if (*at != '/') {
            continue;
        }
        *at = '\0';
        int rc = make_one(op->path);
        *at = '/';
        if (rc < 0) {
            return rc;
        }
    }
    return make_one(op->path);
}

void disk_make_dir(struct env *env, struct env_disk_req *req, const char *path)
{
    simple(env, req, run_make_dir, path);
}

static int run_sync_dir(struct disk_op *op)
{
    int fd = open(op->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) {
        return -errno;
    }
    int rc = fsync(fd) < 0 ? -errno : 0;
    close(fd);
    return rc;
}

void disk_sync_dir(struct env *env, struct env_disk_req *req, const char *path)
{
    simple(env, req, run_sync_dir, path);
}

/* Listing: the thread gathers, the loop sorts and copies into the node's memory. */

static int add_name(struct disk_op *op, const char *name)
{
    if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0) {
        return 0;
    }
    if ((op->count & (op->count - 1)) == 0) {
        size_t cap = op->count == 0 ? 1 : op->count * 2;
        char **grown = realloc(op->names, cap * sizeof(char *));
        if (grown == NULL) {
            return -ENOMEM;
        }
        op->names = grown;
    }
    char *copy = strdup(name);
    if (copy == NULL) {
        return -ENOMEM;
    }
    op->names[op->count++] = copy;
    return 0;
}

static int run_list(struct disk_op *op)
{
    DIR *dir = opendir(op->path);
    if (dir == NULL) {
        return -errno;
    }
    int rc = 0;
    while (rc == 0) {
        errno = 0;
        const struct dirent *entry = readdir(dir);
        if (entry == NULL) {
            rc = -errno;
            break;
        }
        rc = add_name(op, entry->d_name);
    }
    closedir(dir);
    return rc;
}

static int by_bytes(const void *a, const void *b, void *ctx)
{
    (void)ctx;
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void finish_list(struct disk_op *op)
{
    struct env_disk_req *req = op->req;
    struct mem *mem = op->node->env.mem;
    req->names = NULL;
    req->count = 0;
    if (op->status < 0 || op->count == 0) {
        return;
    }
    sort_stable(op->names, op->count, sizeof(char *), by_bytes, NULL, op->node->own);
    req->names = mem_alloc(mem, op->count * sizeof(char *));
    req->count = op->count;
    for (size_t i = 0; i < op->count; i++) {
        req->names[i] = mem_strdup(mem, op->names[i], strlen(op->names[i]));
    }
}

void disk_list(struct env *env, struct env_disk_req *req, const char *path)
{
    struct disk_op *op = disk_op_new(env, req, run_list, path, NULL);
    op->finish = finish_list;
    disk_op_start(op);
}

static int run_stat(struct disk_op *op)
{
    struct stat st;
    if (stat(op->path, &st) < 0) {
        return -errno;
    }
    op->is_directory = S_ISDIR(st.st_mode);
    op->size = op->is_directory ? 0 : (uint64_t)st.st_size;
    return 0;
}

static int run_space(struct disk_op *op)
{
    struct statvfs fs;
    if (statvfs(op->path, &fs) < 0) {
        return -errno;
    }
    op->size = (uint64_t)fs.f_bavail * fs.f_frsize;
    return 0;
}

static void finish_size(struct disk_op *op)
{
    op->req->size = op->size;
    op->req->is_directory = op->is_directory;
}

void disk_stat(struct env *env, struct env_disk_req *req, const char *path)
{
    struct disk_op *op = disk_op_new(env, req, run_stat, path, NULL);
    op->finish = finish_size;
    disk_op_start(op);
}

void disk_space(struct env *env, struct env_disk_req *req, const char *path)
{
    struct disk_op *op = disk_op_new(env, req, run_space, path, NULL);
    op->finish = finish_size;
    disk_op_start(op);
}

/* flock belongs to the open file, not to the process: it goes when the descriptor does, and two
 * nodes of one process exclude each other as two processes would. */
static int run_lock(struct disk_op *op)
{
    int fd = open(op->path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0) {
        return -errno;
    }
    if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
        int err = errno;
        close(fd);
        return -err;
    }
    op->file->fd = fd; /* the node's end closes it */
    return 0;
}

void disk_lock(struct env *env, struct env_disk_req *req, const char *path)
{
    struct disk_op *op = disk_op_new(env, req, run_lock, path, NULL);
    op->file = disk_file_new(op->node);
    disk_op_start(op);
}
