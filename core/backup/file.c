#include "file.h"

#include "base/assert.h"

#define PIECE_BYTES (256u * 1024)

static void closed(struct env_disk_req *req, int status)
{
    struct backup_file *file = req->data;
    (void)status; /* it was only read */
    file->ended(file, file->err);
}

static void end(struct backup_file *file, int err)
{
    file->err = err;
    file->req = (struct env_disk_req){.done = closed, .data = file};
    env_disk_close(file->env, &file->req, &file->handle);
}

static void was_read(struct env_disk_req *req, int status);

static void read_piece(struct backup_file *file)
{
    file->req = (struct env_disk_req){.done = was_read, .data = file};
    env_disk_read(file->env, &file->req, &file->handle, file->offset, file->piece, PIECE_BYTES);
}

static void parse(struct backup_file *file)
{
    while (!file->held && file->err == 0) {
        enum snap_step step = backup_read(file->reader, &file->rest);
        if (step == SNAP_MORE) {
            read_piece(file);
            return;
        }
        if (step == SNAP_BAD) {
            end(file, backup_read_end(file->reader, file->hash_wanted));
            return;
        }
        file->thing(file, step);
    }
    if (file->err != 0) {
        end(file, file->err);
    }
}

static void was_read(struct env_disk_req *req, int status)
{
    struct backup_file *file = req->data;
    if (status != 0) {
        file->disk_failed = true;
        end(file, status);
        return;
    }
    file->offset += req->count;
    file->rest = slice_of(file->piece, req->count);
    if (req->count == 0) {
        end(file, backup_read_end(file->reader, file->hash_wanted));
        return;
    }
    parse(file);
}

static void opened(struct env_disk_req *req, int status)
{
    struct backup_file *file = req->data;
    if (status != 0) {
        file->disk_failed = true;
        file->err = status;
        file->ended(file, status);
        return;
    }
    read_piece(file);
}

void backup_file_read(struct backup_file *file)
{
    ASSERT(file->thing != NULL && file->ended != NULL && file->reader == NULL);
    file->reader = backup_reader_new(file->env->mem, true);
    file->piece = mem_alloc(file->env->mem, PIECE_BYTES);
    file->rest = slice_of(NULL, 0);
    file->req = (struct env_disk_req){.done = opened, .data = file};
    env_disk_open(file->env, &file->req, &file->handle, file->path, ENV_OPEN_READ);
}

void backup_file_hold(struct backup_file *file)
{
    file->held = true;
}

void backup_file_go_on(struct backup_file *file)
{
    ASSERT(file->held);
    file->held = false;
    parse(file);
}

void backup_file_give_up(struct backup_file *file, int err)
{
    ASSERT(err != 0);
    file->err = err;
}

void backup_file_words(const struct backup_file *file, struct buf *out)
{
    if (file->disk_failed) {
        buf_printf(out, "cannot read %s: %s", file->path, err_text(file->err));
    } else {
        backup_words(file->reader, out);
    }
}

void backup_file_fini(struct backup_file *file)
{
    backup_reader_free(file->reader);
    mem_free(file->env->mem, file->piece);
    file->reader = NULL;
    file->piece = NULL;
}
