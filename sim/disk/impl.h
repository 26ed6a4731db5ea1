/* Private to the disk: inodes, pending writes, pending changes of names, damage, faults.
 *
 * An inode is a file or a directory. A file's platter is an array of pages, NULL where all is zero;
 * bytes of a page past `durable_size` are zero. It is the intact copy; what is damaged lies over it
 * in a list of its own. Beside it, in the order of completion, lie the changes that are not
 * durable. A directory's entry has two bindings: what a reader sees, and what is on the platter.
 * Inodes are counted by entries, pending changes, handles and faults.
 *
 *   disk.c    requests: latency, completion     fault.c   which faults there are, and their end
 *   perform.c what a request does               damage.c  what lies over the intact copy
 *   file.c    bytes and pending changes         strike.c  what a fault does to one request
 *   names.c   the tree                          power.c   the end of processes and of power
 *   truth.c   questions of checkers             image.c   whole disks
 */
#ifndef DISK_IMPL_H
#define DISK_IMPL_H

#include "base/map.h"
#include "disk/fault.h"

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
    uint64_t key;      /* of its draws */
    uint32_t promised; /* number of the lying sync's fault; 0: nobody has called it durable */
    uint32_t astray;   /* number of the fault that sends it elsewhere; 0: none */
    uint64_t offset;
    uint64_t len;
    uint8_t bytes[];
};

/* Over the intact copy of a file: what the platter gives instead of [offset, offset + len). */
struct damage {
    struct list link;
    uint32_t fault;
    bool hidden; /* by the cache, until the process ends */
    bool seen;   /* a process has read it */
    bool over;   /* its fault has ended, but a process that has seen it still has the file open */
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
    uint32_t promised;     /* of these: a lying sync has called them durable */
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
    struct list damages; /* a later one lies over an earlier one */
    /* Directory: sorted by name. */
    struct entry **entries;
    size_t entry_count;
    size_t entry_cap;
};

/* One change of names, atomic: up to two bindings. */
struct name_change {
    struct list link;
    uint64_t serial;
    uint64_t key;
    uint32_t promised; /* as of struct pending */
    bool lost;         /* a sync of it has failed: it will not become durable */
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

/* What a file held when reads of it began to be stale. */
struct old_copy {
    struct list link;
    struct inode *inode;
    uint64_t size;
    uint8_t bytes[];
};

struct fault {
    struct list link;
    uint32_t number;
    struct disk_fault what; /* file is owned; count is what is left */
    struct list copies;     /* DISK_FAULT_STALE */
};

/* How many requests a file had, by its path. */
struct tally {
    struct list link;
    uint64_t requests;
};

/* What is drawn from the key of a request. */
enum draw {
    DRAW_LATENCY,
    DRAW_CRASH,
    DRAW_POWER,
    DRAW_FAULT
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
    struct list names;  /* pending changes */
    struct list faults; /* in force, in the order in which they came */
    struct list tallies;
    struct map tally_by_path;
    uint64_t used;
    uint64_t serial;
    uint64_t key;           /* of the machine's draws */
    uint64_t request_key;   /* of the request that is being carried out */
    uint64_t request_draws; /* changes that it has made */
    uint32_t fault_last;    /* number */
    uint32_t stall_number;  /* of disk_stall's; 0: none */
    bool keep_promises;
    int64_t busy_until_ns; /* at a rate */
    uint64_t requests;
    uint64_t stop_at; /* request at which `reached` is called; 0: none */
    void (*reached)(void *data);
    void *reached_data;
};

/* disk.c */
/* The key of the next change that the request makes. */
uint64_t change_key(struct disk *disk);
struct rng draw_from(uint64_t key, enum draw purpose, uint64_t more);
void handle_free(struct disk_handle *handle);
void req_free(struct disk_req *req);
const char *req_path(const struct disk_req *req);
/* Those that wait go on. */
void requests_resume(struct disk *disk);
/* What slowed them down is over. */
void requests_hasten(struct disk *disk);

/* fault.c */
struct fault *fault_of(struct disk *disk, enum disk_fault_kind kind, const char *path);
/* The request's path as above; the fault has met one request more, and may be over. */
void fault_met(struct disk *disk, struct fault *fault);
bool disk_stalled(const struct disk *disk);
uint64_t disk_capacity(const struct disk *disk);
/* The latency of a request that would take ns. */
int64_t fault_latency(struct disk *disk, const struct disk_req *req, int64_t ns);
struct disk_options fault_power(const struct disk *disk);

/* strike.c: what a fault does to one request. */
/* The error that is due, after what it breaks; 0: none is. */
int strike_fail(struct disk_req *req);
/* True: the sync lied. */
bool strike_sync(struct disk_req *req);
void strike_write(struct disk_req *req);
/* Changes what was read. */
void strike_read(struct disk_req *req);
/* Bytes rot. False: there is no such place. */
bool strike_rot(struct disk *disk, struct fault *fault);

/* damage.c */
void damage_add(struct inode *file, uint32_t fault, bool hidden, uint64_t offset,
                const uint8_t *bytes, size_t len);
/* These bytes are written anew, or cut off (len UINT64_MAX). */
void damage_clear(struct inode *file, uint64_t offset, uint64_t len);
void damage_forget(struct inode *file);
/* Of this fault; 0: of all. */
void damage_end(struct inode *file, uint32_t fault);
/* What of [offset, offset + len) is damaged, into what was read intact. */
void damage_show(const struct inode *file, uint64_t offset, uint8_t *into, size_t len, bool hidden);
bool damage_touches(const struct inode *file, uint64_t offset, uint64_t len);
/* A write that goes astray reaches the platter. */
void damage_misdirect(struct inode *file, const struct pending *p);
/* A process has ended: what the cache hid shows, and what it might yet have built upon goes. */
void damage_reveal(struct disk *disk);
/* These bytes were read, as they are; and a process that has read the file writes to it: what it
 * has seen is how the file is from now on, for it builds upon that. */
void damage_see(struct inode *file, uint64_t offset, uint64_t len);
void damage_accept(struct inode *file);

/* file.c: bytes. */
void file_set_size(struct inode *file, uint64_t size);
/* A change that has completed; false if there is no space for it. */
bool file_change(struct inode *file, enum change change, uint64_t offset, uint64_t len,
                 const struct slice *bytes, size_t count);
size_t file_read(const struct inode *file, uint64_t offset, uint8_t *into, size_t len);
/* The platter's bytes: the intact copy. */
size_t file_read_durable(const struct inode *file, uint64_t offset, uint8_t *into, size_t len);
/* A change reaches the platter. */
void file_apply(struct inode *file, const struct pending *p);
void file_drop(struct inode *file, struct pending *p);
uint64_t file_size_after(uint64_t size, const struct pending *p);
/* Makes durable, or drops, what has completed up to the serial. */
void file_sync(struct inode *file, uint64_t serial);
void file_lose(struct inode *file, uint64_t serial);
/* Calls durable what has completed up to the serial, and is not. */
void file_promise(struct inode *file, uint64_t serial, uint32_t fault);
/* Makes durable what this fault promised (0: any). */
void file_keep_promises(struct inode *file, uint32_t fault);
/* Frees the bytes. */
void file_clear(struct inode *file);
void platter_write(struct inode *file, uint64_t offset, const uint8_t *bytes, size_t len);
/* Below what is damaged. */
void platter_put(struct inode *file, uint64_t offset, const uint8_t *bytes, size_t len);

/* names.c: the tree. */
struct inode *inode_new(struct disk *disk, bool is_directory);
void inode_hold(struct inode *inode);
void inode_release(struct inode *inode);
/* The inode at the path as readers see it; NULL if absent. */
struct inode *names_find(const struct disk *disk, const char *path);
/* Likewise on the platter; NULL unless every name on the way is durable. */
struct inode *names_find_durable(const struct disk *disk, const char *path);
/* Likewise, and no change of any of them may be pending. With `honest`, what was promised counts as
 * durable. */
struct inode *names_find_certain(const struct disk *disk, const char *path, bool honest);
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
void names_promise(struct disk *disk, struct inode *dir, uint64_t serial, uint32_t fault);
void names_keep_promises(struct disk *disk, uint32_t fault);
void names_power_off(struct disk *disk);
/* Drops every pending change; for the end of the disk. */
void names_forget(struct disk *disk);
bool names_empty(const struct inode *dir);
/* Drops all entries, both bindings, and what is below. */
void names_clear(struct inode *dir);

/* perform.c: what a request does when its time has come. */
int disk_perform(struct disk_req *req);

#endif
