/* A member's data directory as `quorate wal` reads it: names, and files into memory. Nothing is
 * changed, no lock is taken: what a running member is just writing looks like a torn tail. */
#ifndef CMD_WAL_DIR_H
#define CMD_WAL_DIR_H

#include "cmd.h"
#include "format.h"
#include "storage/snap_format.h"

#define WAL_FILE_BYTES_MAX ((size_t)4 << 30)

struct wal_file {
    char *name; /* without the directory */
    struct wal_name is;
    bool known; /* a segment; else something that does not belong there */
};

struct wal_dir {
    struct mem *mem;
    char wal[1024]; /* DIR/wal, or DIR itself if that is where the segments are */
    char snap[1024];
    struct wal_file *segments; /* in the order of names */
    size_t segment_count;
    char **snaps; /* names that end in .snap, ascending */
    size_t snap_count;
    size_t halves; /* files of unfinished work, which a start drops */
};

/* EXIT_INVALID, told on stderr, if that is no data directory. */
int wal_dir_open(struct wal_dir *dir, struct mem *mem, const char *path);
void wal_dir_close(struct wal_dir *dir);
/* A file of the directory into `bytes`; told on stderr if it cannot be read. */
int wal_dir_read(const struct wal_dir *dir, const char *folder, const char *name,
                 struct buf *bytes) MUST_CHECK;

#endif
