/* A backup file read from a disk, thing by thing. Private to core/backup. */
#ifndef BACKUP_FILE_H
#define BACKUP_FILE_H

#include "backup/backup.h"
#include "env/env.h"

struct backup_file {
    /* SNAP_HEAD or SNAP_CHUNK has been read. Reading goes on when it returns, unless it has called
     * backup_file_hold. */
    void (*thing)(struct backup_file *file, enum snap_step step);
    /* The end: 0, an error of the disk or of backup_read_end. The file is closed; the reader can
     * still be asked until backup_file_fini. */
    void (*ended)(struct backup_file *file, int err);
    struct env *env;
    const char *path; /* borrowed */
    bool hash_wanted;

    struct backup_reader *reader;
    struct env_file handle;
    struct env_disk_req req;
    uint8_t *piece;
    struct slice rest; /* of the piece */
    uint64_t offset;
    bool held;
    bool disk_failed;
    int err;
};

/* The fields above the line are set. */
void backup_file_read(struct backup_file *file);
void backup_file_hold(struct backup_file *file);
void backup_file_go_on(struct backup_file *file);
/* Within `thing`: reads no further and ends with this error. */
void backup_file_give_up(struct backup_file *file, int err);
/* Of an error that `ended` told and that was not given. */
void backup_file_words(const struct backup_file *file, struct buf *out);
void backup_file_fini(struct backup_file *file);

#endif
