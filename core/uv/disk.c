/* Requests on open files, and how every request of the disk travels. */
#include "disk.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/assert.h"

#define IOV_COUNT 64

/* Travelling ---------------------------------------------------------------------------------- */

struct disk_op *disk_op_new(struct env *env, struct env_disk_req *req,
                            int (*run)(struct disk_op *op), const char *path, const char *other)
{
    struct uv_node *node = node_of(env);
    const char *root = node->options.root;
    size_t root_len = root == NULL ? 0 : strlen(root) + 1;
    size_t path_len = path == NULL ? 0 : strlen(path);
    size_t other_len = other == NULL ? 0 : strlen(other);
    struct disk_op *op = calloc(1, sizeof(*op) + 2 * root_len + path_len + other_len + 2);
    ASSERT(op != NULL);
    op->node = node;
    op->req = req;
    op->run = run;
    op->other = op->path + root_len + path_len + 1;
    const char *const names[] = {path, other};
    char *const places[] = {op->path, op->other};
    for (int i = 0; i < 2; i++) {
        char *at = places[i];
        if (names[i] == NULL) {
            continue;
        }
        if (root != NULL && names[i][0] != '/') {
            memcpy(at, root, root_len - 1);
            at[root_len - 1] = '/';
            at += root_len;
        }
        memcpy(at, names[i], strlen(names[i]) + 1);
    }
    return op;
}

static void run_op(uv_work_t *work)
{
    struct disk_op *op = container_of(work, struct disk_op, work);
    op->status = op->run(op);
}

static void tell_done(struct disk_op *op)
{
    struct env_disk_req *req = op->req;
    int status = err_of_disk(op->status);
    if (op->finish != NULL) {
        op->finish(op);
    }
    req->impl = NULL;
    req->done(req, status);
}

static void on_done(uv_work_t *work, int status)
{
    struct disk_op *op = container_of(work, struct disk_op, work);
    struct uv_node *node = op->node;
    ASSERT(status == 0);
    NODE_CALL(node, tell_done(op));
    for (size_t i = 0; i < op->count && op->names != NULL; i++) {
        free(op->names[i]);
    }
    free(op->names);
    free(op->slices);
    free(op);
    node_release(node);
}

void disk_op_start(struct disk_op *op)
{
    op->req->impl = op;
    op->node->busy++;
    int status = uv_queue_work(&op->node->world->loop, &op->work, run_op, on_done);
    ASSERT(status == 0);
}

/* Files --------------------------------------------------------------------------------------- */

static void free_file(struct uv_node *node, struct disk_file *file)
{
    list_remove(&file->link);
    mem_free(node->own, file);
}

void files_close(struct uv_node *node)
{
    list_each_safe (it, &node->files) {
        struct disk_file *file = container_of(it, struct disk_file, link);
        if (file->fd >= 0) {
            close(file->fd);
        }
        free_file(node, file);
    }
}

static int open_flags(unsigned flags)
{
    int result = O_CLOEXEC;
    bool reads = (flags & ENV_OPEN_READ) != 0;
    bool writes = (flags & ENV_OPEN_WRITE) != 0;
    result |= reads && writes ? O_RDWR : writes ? O_WRONLY : O_RDONLY;
    result |= (flags & ENV_OPEN_CREATE) != 0 ? O_CREAT : 0;
    result |= (flags & ENV_OPEN_EXCLUSIVE) != 0 ? O_EXCL : 0;
    result |= (flags & ENV_OPEN_TRUNCATE) != 0 ? O_TRUNC : 0;
    return result;
}

static int run_open(struct disk_op *op)
{
    do {
        op->file->fd = open(op->path, op->flags, 0600);
    } while (op->file->fd < 0 && errno == EINTR);
    return op->file->fd < 0 ? -errno : 0;
}

static void finish_open(struct disk_op *op)
{
    if (op->status == 0) {
        op->handle->impl = op->file;
    } else {
        free_file(op->node, op->file);
    }
}

struct disk_file *disk_file_new(struct uv_node *node)
{
    struct disk_file *file = mem_zalloc(node->own, 1, sizeof(*file));
    file->fd = -1;
    list_push_back(&node->files, &file->link);
    return file;
}

void disk_open(struct env *env, struct env_disk_req *req, struct env_file *file, const char *path,
               unsigned flags)
{
    struct disk_op *op = disk_op_new(env, req, run_open, path, NULL);
    op->flags = open_flags(flags);
    op->handle = file;
    op->file = disk_file_new(op->node);
    op->finish = finish_open;
    disk_op_start(op);
}

/* Closing succeeds for the caller whatever the system says: the descriptor is gone either way, and
 * what had to last was synced. */
static int run_close(struct disk_op *op)
{
    close(op->fd);
    return 0;
}

static void finish_close(struct disk_op *op)
{
    op->handle->impl = NULL;
}

void disk_close(struct env *env, struct env_disk_req *req, struct env_file *file)
{
    struct disk_op *op = disk_op_new(env, req, run_close, NULL, NULL);
    struct disk_file *closing = file->impl;
    op->fd = closing->fd;
    free_file(op->node, closing); /* so that nobody closes it twice */
    op->handle = file;
    op->finish = finish_close;
    disk_op_start(op);
}

static int write_some(int fd, uint64_t offset, const struct slice *slices, size_t count,
                      size_t skip)
{
    struct iovec iov[IOV_COUNT];
    int n = 0;
    for (size_t i = 0; i < count && n < IOV_COUNT; i++) {
        size_t from = i == 0 ? skip : 0;
        if (slices[i].len > from) {
            iov[n].iov_base = without_const(slices[i].ptr + from);
            iov[n].iov_len = slices[i].len - from;
            n++;
        }
    }
    ssize_t written;
    do {
        written = n == 0 ? 0 : pwritev(fd, iov, n, (off_t)offset);
    } while (written < 0 && errno == EINTR);
    ASSERT(written <= INT_MAX); /* the system writes at most 2 GiB at once */
    return written < 0 ? -errno : (int)written;
}

static int run_write(struct disk_op *op)
{
    const struct slice *at = op->slices;
    size_t left = op->slice_count;
    size_t skip = 0;
    uint64_t offset = op->offset;
    while (left > 0) {
        if (at->len == skip) {
            at++;
            left--;
            skip = 0;
            continue;
        }
        int n = write_some(op->file->fd, offset, at, left, skip);
        if (n < 0) {
            return n;
        }
        if (n == 0) {
            return -ENOSPC; /* the system has no better word for it */
        }
        offset += (uint64_t)n;
        size_t passed = (size_t)n;
        while (left > 0 && passed >= at->len - skip) {
            passed -= at->len - skip;
            at++;
            left--;
            skip = 0;
        }
        skip += passed;
    }
    return 0;
}

void disk_write(struct env *env, struct env_disk_req *req, struct env_file *file, uint64_t offset,
                const struct slice *bytes, size_t count)
{
    struct disk_op *op = disk_op_new(env, req, run_write, NULL, NULL);
    op->file = file->impl;
    op->offset = offset;
    op->slices = malloc(count * sizeof(*bytes)); /* the bytes are borrowed, their list is not */
    ASSERT(op->slices != NULL);
    memcpy(op->slices, bytes, count * sizeof(*bytes));
    op->slice_count = count;
    disk_op_start(op);
}

static int run_read(struct disk_op *op)
{
    while (op->count < op->len) {
        ssize_t n = pread(op->file->fd, op->into + op->count, op->len - op->count,
                          (off_t)(op->offset + op->count));
        if (n < 0 && errno != EINTR) {
            return -errno;
        }
        if (n == 0) {
            break;
        }
        op->count += n > 0 ? (size_t)n : 0;
    }
    return 0;
}

static void finish_read(struct disk_op *op)
{
    op->req->count = op->count;
}

void disk_read(struct env *env, struct env_disk_req *req, struct env_file *file, uint64_t offset,
               uint8_t *into, size_t len)
{
    struct disk_op *op = disk_op_new(env, req, run_read, NULL, NULL);
    op->file = file->impl;
    op->offset = offset;
    op->into = into;
    op->len = len;
    op->finish = finish_read;
    disk_op_start(op);
}

/* fdatasync: the bytes, and of the metadata what is needed to read them, the size among it. */
static int run_sync(struct disk_op *op)
{
    return fdatasync(op->file->fd) < 0 ? -errno : 0;
}

void disk_sync(struct env *env, struct env_disk_req *req, struct env_file *file)
{
    struct disk_op *op = disk_op_new(env, req, run_sync, NULL, NULL);
    op->file = file->impl;
    disk_op_start(op);
}

static int run_allocate(struct disk_op *op)
{
    int err;
    do {
        err = posix_fallocate(op->file->fd, (off_t)op->offset, (off_t)op->len);
    } while (err == EINTR);
    return -err;
}

void disk_allocate(struct env *env, struct env_disk_req *req, struct env_file *file,
                   uint64_t offset, uint64_t len)
{
    struct disk_op *op = disk_op_new(env, req, run_allocate, NULL, NULL);
    op->file = file->impl;
    op->offset = offset;
    op->len = len;
    disk_op_start(op);
}

static int run_truncate(struct disk_op *op)
{
    return ftruncate(op->file->fd, (off_t)op->len) < 0 ? -errno : 0;
}

void disk_truncate(struct env *env, struct env_disk_req *req, struct env_file *file, uint64_t size)
{
    struct disk_op *op = disk_op_new(env, req, run_truncate, NULL, NULL);
    op->file = file->impl;
    op->len = size;
    disk_op_start(op);
}
