/* Private to the disk: inodes, pending writes, pending changes of names.
 *
 * An inode is a file or a directory. A file's platter is an array of pages, NULL where all is zero;
 * bytes of a page past `durable_size` are zero. Beside it, in the order of completion, lie the
 * changes that are not durable. A directory's entry has two bindings: what a reader sees, and what
 * is on the platter. Inodes are counted by entries, pending changes and handles.
 */
#ifndef DISK_IMPL_H
#define DISK_IMPL_H

#include "disk/disk.h"

#define PAGE_BYTES     16384
#define NAME_BYTES_MAX 255

enum change {
    CHANGE_WRITE,
    CHANGE_EXTEND, /* to `offset` bytes, if shorter */
    CHANGE_CUT     /* to `offset` bytes */
};

/* Of a file, not durable. */
struct pending {
    struct list link;
    enum change change;
    uint64_t serial;
    uint64_t offset;
    uint64_t len;
    uint8_t bytes[];
};

struct inode;

struct entry {
    char *name;
    struct inode *now;     /* NULL: no such name */
    struct inode *durable; /* likewise, on the platter */
    uint32_t pending;      /* changes that name it */
};

struct inode {
    struct list link; /* of all inodes, in the order of creation */
    struct disk *disk;
    uint32_t refs;
    bool is_directory;
    uint32_t locked_by; /* node; 0: nobody */
    /* File. */
    uint64_t size; /* as readers see it */
    uint64_t durable_size;
    uint8_t **pages;
    size_t page_count;
    struct list pending;
    /* Directory: sorted by name. */
    struct entry **entries;
    size_t entry_count;
    size_t entry_cap;
};

/* One change of names, atomic: up to two bindings. */
struct name_change {
    struct list link;
    uint64_t serial;
    bool lost; /* a sync of it has failed: it will not become durable */
    size_t count;
    struct {
        struct inode *dir;
        struct entry *entry;
        struct inode *to; /* NULL: removed */
    } binding[2];
};

struct disk_handle {
    struct list link;
    struct inode *inode;
    uint32_t node;
    unsigned flags;
    char *path;
};

struct failure {
    struct list link;
    enum disk_op op;
    uint64_t count;
    int err;
    char *path;
};

struct disk {
    struct engine *engine;
    struct mem *mem;
    uint32_t machine;
    struct disk_options options;
    struct disk_counts counts;
    struct inode *root;
    struct list inodes;
    struct list outstanding; /* requests, in the order of submission */
    struct list waiting;     /* those of them whose time came during a stall */
    struct list handles;
    struct list names; /* pending changes */
    struct list failures;
    uint64_t used;
    uint64_t serial;
    bool stalled;
    struct rng latency;
    struct rng crash;
    struct rng power;
};

/* file.c: bytes. */
void file_set_size(struct inode *file, uint64_t size);
/* A change that has completed; false if there is no space for it. */
bool file_change(struct inode *file, enum change change, uint64_t offset, uint64_t len,
                 const struct slice *bytes, size_t count);
size_t file_read(const struct inode *file, uint64_t offset, uint8_t *into, size_t len);
size_t file_read_durable(const struct inode *file, uint64_t offset, uint8_t *into, size_t len);
/* Makes durable, or drops, what has completed up to the serial. */
void file_sync(struct inode *file, uint64_t serial);
void file_lose(struct inode *file, uint64_t serial);
/* Decides what is left of the pending changes; then there are none. */
void file_power_off(struct inode *file);
bool file_survives(const struct inode *file, uint64_t offset, uint64_t len);
/* Frees the bytes. */
void file_clear(struct inode *file);
void platter_write(struct inode *file, uint64_t offset, const uint8_t *bytes, size_t len);

/* names.c: the tree. */
struct inode *inode_new(struct disk *disk, bool is_directory);
void inode_hold(struct inode *inode);
void inode_release(struct inode *inode);
/* The inode at the path as readers see it; NULL if absent. */
struct inode *names_find(const struct disk *disk, const char *path);
/* Likewise on the platter; NULL unless every name on the way is durable. With `certain`, also no
 * change of any of them may be pending. */
struct inode *names_find_durable(const struct disk *disk, const char *path, bool certain);
/* The directory that holds the path's last component, which is left in name. ERR_NOT_FOUND,
 * ERR_INVALID. */
int names_parent(const struct disk *disk, const char *path, struct inode **dir, char *name);
struct entry *names_entry(struct inode *dir, const char *name, bool create);
/* Binds at once for readers, pending for the platter. */
void names_bind(struct inode *dir, const char *name, struct inode *to);
void names_rename(struct inode *from_dir, const char *from, struct inode *to_dir, const char *to);
int names_make_dirs(struct disk *disk, const char *path);
void names_sync(struct disk *disk, struct inode *dir, uint64_t serial);
void names_lose(struct disk *disk, struct inode *dir, uint64_t serial);
void names_power_off(struct disk *disk);
/* Drops every pending change; for the end of the disk. */
void names_forget(struct disk *disk);
bool names_empty(const struct inode *dir);
/* Drops all entries, both bindings, and what is below. */
void names_clear(struct inode *dir);

/* perform.c: what a request does when its time has come. */
int disk_perform(struct disk_req *req);

#endif
