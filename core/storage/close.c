/* A clean end: what was gathered is written and synced, if the disk still works, and the file is
 * closed. Whatever was under way when storage_close was called is waited for; its own continuation
 * never runs. */
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
    /* A commit index is written without a sync; a clean end makes it last. */
    bool lazy = s->gathering != NULL && s->gathering->mark < s->gathering->start;
    s->closing_unsynced = s->writing != NULL || lazy;
    s->state = STORAGE_CLOSING;
    s->closing_rest = false;
    env_timer_stop(s->env, &s->lazy);
    if (!s->busy) {
        storage_soon(s, unused);
    }
}

static void write_rest(struct storage *s)
{
    struct storage_batch *rest = s->gathering;
    ASSERT(s->writing == NULL);
    s->writing = rest;
    s->gathering = rest == &s->batches[0] ? &s->batches[1] : &s->batches[0];
    ASSERT(s->gathering->bytes.len == 0);
    s->closing_unsynced = true;
    const struct slice bytes = buf_slice(&rest->bytes);
    env_disk_write(s->env, storage_begin(s, unused), &s->file, rest->start, &bytes, 1);
}

bool storage_closing(struct storage *s, int status)
{
    if (s->state != STORAGE_CLOSING) {
        return false;
    }
    env_disk_names_free(s->env, &s->req); /* if it was a list */
    s->closing_sound = s->closing_sound && status == 0;
    if (s->writing != NULL) {
        buf_clear(&s->writing->bytes);
        s->writing = NULL;
    }
    if (s->closing_sound && s->gathering->bytes.len > 0) {
        write_rest(s);
    } else if (s->closing_sound && s->closing_unsynced) {
        s->closing_unsynced = false;
        env_disk_sync(s->env, storage_begin(s, unused), &s->file);
    } else if (s->file.impl != NULL) {
        s->closing_sound = false;
        env_disk_close(s->env, storage_begin(s, unused), &s->file);
    } else {
        s->closing_rest = true;
        storage_close_rest(s);
    }
    return true;
}

static void rest_closed(struct env_disk_req *req, int status)
{
    (void)status; /* what had to last was synced */
    storage_close_rest(req->data);
}

/* Closes the file if it is open. */
static bool close_other(struct storage *s, struct env_disk_req *req, struct env_file *file)
{
    if (file->impl == NULL) {
        return false;
    }
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
    if (!s->closing_rest || s->purging || close_sink(s, &s->writer) ||
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
