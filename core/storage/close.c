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
    s->closing_unsynced = s->writing != NULL;
    s->state = STORAGE_CLOSING;
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
        s->state = STORAGE_CLOSED;
        storage_drop_opening(s);
        s->events->closed(s->data);
    }
    return true;
}
