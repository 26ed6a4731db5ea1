/* A clean end: what was gathered is written and synced, if the disk still works, and the files are
 * closed. A batch that is being written goes on to its end; of whatever else was under way when
 * storage_close was called the end is waited for, and its own continuation never runs. */
#include "base/assert.h"
#include "internal.h"

/* Stands behind operations whose end storage_closing takes up. */
static void unused(struct storage *s, int status)
{
    (void)s;
    (void)status;
    UNREACHABLE();
}

void storage_close(struct storage *s)
{
    ASSERT(s->state != STORAGE_NEW);
    ASSERT(s->state != STORAGE_CLOSING && s->state != STORAGE_CLOSED);
    s->closing_sound = s->state == STORAGE_READY;
    if (s->state == STORAGE_FAILED) {
        s->writing = NULL;
    }
    s->state = STORAGE_CLOSING;
    s->closing_rest = false;
    env_timer_stop(s->env, &s->lazy);
    if (!s->busy) {
        storage_soon(s, unused);
    }
}

bool storage_closing(struct storage *s, int status)
{
    if (s->state != STORAGE_CLOSING) {
        return false;
    }
    ASSERT(s->writing == NULL);
    env_disk_names_free(s->env, &s->req); /* if it was a list */
    s->closing_sound = s->closing_sound && status == 0;
    if (s->closing_sound && s->gathering->bytes.len > 0) {
        storage_write_batch(s, true);
    } else if (s->closing_sound && s->closing_unsynced) {
        s->closing_unsynced = false;
        env_disk_sync(s->env, storage_begin(s, unused), s->file);
    } else if (s->file->impl != NULL) {
        s->closing_sound = false;
        env_disk_close(s->env, storage_begin(s, unused), s->file);
    } else {
        s->closing_rest = true;
        storage_close_rest(s);
    }
    return true;
}

static void rest_closed(struct env_disk_req *req, int status)
{
    struct storage *s = req->data;
    (void)status; /* what had to last was synced */
    s->closing_other = false;
    storage_close_rest(s);
}

/* Closes the file if it is open. */
static bool close_other(struct storage *s, struct env_disk_req *req, struct env_file *file)
{
    if (file->impl == NULL) {
        return false;
    }
    s->closing_other = true;
    *req = (struct env_disk_req){.done = rest_closed, .data = s};
    env_disk_close(s->env, req, file);
    return true;
}

static bool close_sink(struct storage *s, struct storage_sink *sink)
{
    return sink->busy || close_other(s, &sink->req, &sink->file);
}

void storage_close_rest(struct storage *s)
{
    ASSERT(s->state == STORAGE_CLOSING);
    /* Each end of what is still under way calls this, while a file is being closed, too. */
    if (!s->closing_rest || s->closing_other || s->keeper_busy || s->purging ||
        close_other(s, &s->keeper_req, s->other) || close_sink(s, &s->writer) ||
        close_sink(s, &s->receiver)) {
        return;
    }
    list_each_safe (it, &s->readers) {
        struct storage_reader *reader = container_of(it, struct storage_reader, link);
        if (storage_reader_busy(reader) || close_other(s, &reader->req, &reader->file)) {
            return;
        }
        storage_reader_free(reader);
    }
    s->state = STORAGE_CLOSED;
    storage_drop_opening(s);
    s->events->closed(s->data);
}
