/* The disk: each request is one function that runs in libuv's thread pool, on a struct of its own
 * that no one else touches meanwhile. Its memory is malloc's: the node's allocators belong to the
 * loop's thread.
 */
#ifndef UV_DISK_H
#define UV_DISK_H

#include "node.h"

/* Frees what is left of open files, and with them the locks. Nothing may be under way. */
void files_close(struct uv_node *node);

void disk_open(struct env *env, struct env_disk_req *req, struct env_file *file, const char *path,
               unsigned flags);
void disk_write(struct env *env, struct env_disk_req *req, struct env_file *file, uint64_t offset,
                const struct slice *bytes, size_t count);
void disk_read(struct env *env, struct env_disk_req *req, struct env_file *file, uint64_t offset,
               uint8_t *into, size_t len);
void disk_sync(struct env *env, struct env_disk_req *req, struct env_file *file);
void disk_allocate(struct env *env, struct env_disk_req *req, struct env_file *file,
                   uint64_t offset, uint64_t len);
void disk_truncate(struct env *env, struct env_disk_req *req, struct env_file *file, uint64_t size);
void disk_close(struct env *env, struct env_disk_req *req, struct env_file *file);
void disk_rename(struct env *env, struct env_disk_req *req, const char *from, const char *to);
void disk_remove(struct env *env, struct env_disk_req *req, const char *path);
void disk_make_dir(struct env *env, struct env_disk_req *req, const char *path);
void disk_sync_dir(struct env *env, struct env_disk_req *req, const char *path);
void disk_list(struct env *env, struct env_disk_req *req, const char *path);
void disk_stat(struct env *env, struct env_disk_req *req, const char *path);
void disk_space(struct env *env, struct env_disk_req *req, const char *path);
void disk_lock(struct env *env, struct env_disk_req *req, const char *path);

/* Shared by disk.c and disk_names.c. */
struct disk_file {
    struct list link; /* of node->files */
    int fd;           /* -1: not open */
};

struct disk_op {
    uv_work_t work;
    struct uv_node *node;
    struct env_disk_req *req;
    int (*run)(struct disk_op *op);     /* in a thread: 0 or a negative errno */
    void (*finish)(struct disk_op *op); /* back in the loop, before done; NULL: nothing to do */
    int status;
    struct disk_file *file;
    struct env_file *handle; /* open, close */
    int fd;                  /* close */
    uint64_t offset;
    uint64_t len;
    uint8_t *into;
    int flags;
    struct slice *slices;
    size_t slice_count;
    char **names; /* malloc's */
    size_t count;
    uint64_t size;
    bool is_directory;
    char *other; /* rename: behind path */
    char path[];
};

/* In node->files, not open. */
struct disk_file *disk_file_new(struct uv_node *node);
/* path is made one of the node; other may be NULL. */
struct disk_op *disk_op_new(struct env *env, struct env_disk_req *req,
                            int (*run)(struct disk_op *op), const char *path, const char *other);
void disk_op_start(struct disk_op *op);

#endif
