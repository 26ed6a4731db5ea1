/* What goes on beside the log's own operations: segments that nobody needs go, the oldest first;
 * the file that becomes the next segment is got ready; the disk is asked how much space is left.
 * One operation at a time, with a request of its own. Each function is one step; its name says what
 * has just ended.
 *
 * Nothing here is needed for what was promised, so a failure is logged and costs only what it says:
 * without a spare the last segment grows past its size, and an old segment stays until the next
 * start. */
#include "base/assert.h"
#include "base/probe.h"
#include "internal.h"

static void stale_closed(struct storage *s, int status);
static void segment_moved(struct storage *s, int status);
static void segment_gone(struct storage *s, int status);
static void spare_opened(struct storage *s, int status);
static void spare_sized(struct storage *s, int status);
static void spare_allocated(struct storage *s, int status);
static void spare_synced(struct storage *s, int status);
static void spare_given_up(struct storage *s, int status);
static void space_told(struct storage *s, int status);

static void request_done(struct env_disk_req *req, int status)
{
    struct storage *s = req->data;
    s->keeper_busy = false;
    if (s->state == STORAGE_CLOSING) {
        storage_close_rest(s);
    } else {
        s->keeper_next(s, status);
        storage_keep(s);
    }
}

static struct env_disk_req *begin(struct storage *s, void (*next)(struct storage *, int))
{
    ASSERT(!s->keeper_busy);
    s->keeper_busy = true;
    s->keeper_next = next;
    s->keeper_req = (struct env_disk_req){.done = request_done, .data = s};
    return &s->keeper_req;
}

/* The file of the segment before the last is still open; its place is needed. */
static bool close_stale(struct storage *s)
{
    if (s->spare != SPARE_NONE || s->other->impl == NULL) {
        return false;
    }
    env_disk_close(s->env, begin(s, stale_closed), s->other);
    return true;
}

static void stale_closed(struct storage *s, int status)
{
    (void)s;
    (void)status; /* it was synced */
}

/* Old segments ---------------------------------------------------------------------------------*/

static bool purge(struct storage *s)
{
    struct storage_segment *oldest = &s->segments[0];
    if (s->purge_stuck || s->segment_count < 2 || oldest->max_index > s->compact_to) {
        return false;
    }
    PROBE("storage.segment_purged");
    s->purge_path = oldest->path;
    if (s->spare == SPARE_NONE && !s->spare_exists) {
        s->spare = SPARE_PREPARING;
        env_disk_rename(s->env, begin(s, segment_moved), s->purge_path, s->spare_path);
    } else {
        env_disk_remove(s->env, begin(s, segment_moved), s->purge_path);
    }
    return true;
}

/* Only once the directory is synced may the file be written to, or the next segment go. */
static void segment_moved(struct storage *s, int status)
{
    if (status != 0) {
        segment_gone(s, status);
    } else {
        env_disk_sync_dir(s->env, begin(s, segment_gone), s->wal_dir);
    }
}

static void segment_gone(struct storage *s, int status)
{
    bool moved = s->spare == SPARE_PREPARING;
    s->spare = moved ? SPARE_NONE : s->spare;
    if (status != 0) {
        s->purge_stuck = true;
        LOG(s->env, WARN, "cannot remove an old segment", log_str("path", s->purge_path),
            log_err(status));
        return;
    }
    s->spare_exists = moved || s->spare_exists;
    mem_free(s->env->mem, s->purge_path);
    s->purge_path = NULL;
    s->segment_count--;
    memmove(s->segments, s->segments + 1, s->segment_count * sizeof(*s->segments));
}

/* The next segment -----------------------------------------------------------------------------*/

static bool prepare_spare(struct storage *s)
{
    uint64_t tail = s->tail.offset;
    if (s->spare != SPARE_NONE || tail < s->segment_bytes / 2 || tail < s->spare_retry) {
        return false;
    }
    unsigned flags = ENV_OPEN_READ | ENV_OPEN_WRITE | ENV_OPEN_CREATE;
    s->spare = SPARE_PREPARING;
    env_disk_open(s->env, begin(s, spare_opened), s->other, s->spare_path, flags);
    return true;
}

/* Until there is one, the last segment grows on. */
static void spare_failed(struct storage *s, int status)
{
    PROBE("storage.no_spare");
    LOG(s->env, WARN, "cannot prepare the next segment of the log", log_str("path", s->spare_path),
        log_err(status));
    s->spare_retry = s->tail.offset + s->segment_bytes / 8;
    if (status == ERR_NO_SPACE && s->events->space != NULL) {
        s->space_free = 0;
        s->events->space(s->data, 0);
    }
    if (s->other->impl != NULL) {
        env_disk_close(s->env, begin(s, spare_given_up), s->other);
    } else {
        s->spare = SPARE_NONE;
    }
}

static void spare_given_up(struct storage *s, int status)
{
    (void)status;
    s->spare = SPARE_NONE;
}

static void spare_opened(struct storage *s, int status)
{
    if (status != 0) {
        spare_failed(s, status);
        return;
    }
    env_disk_stat(s->env, begin(s, spare_sized), s->spare_path);
}

static void spare_sized(struct storage *s, int status)
{
    if (status != 0) {
        spare_failed(s, status);
        return;
    }
    s->spare_exists = true;
    s->spare_allocated = s->keeper_req.size;
    uint64_t want = 2 * storage_reserve(s);
    if (s->spare_allocated >= want) {
        s->spare = SPARE_READY;
        return;
    }
    env_disk_allocate(s->env, begin(s, spare_allocated), s->other, 0, want);
}

/* A file system that knows no allocation does no harm; a full one does. */
static void spare_allocated(struct storage *s, int status)
{
    if (status == ERR_NO_SPACE) {
        spare_failed(s, status);
        return;
    }
    if (status == 0) {
        s->spare_allocated = 2 * storage_reserve(s);
    }
    env_disk_sync(s->env, begin(s, spare_synced), s->other);
}

static void spare_synced(struct storage *s, int status)
{
    if (status != 0) {
        spare_failed(s, status);
        return;
    }
    s->spare = SPARE_READY;
}

/* Space ----------------------------------------------------------------------------------------*/

void storage_space_written(struct storage *s, uint64_t bytes)
{
    s->space_due = bytes < s->space_due ? s->space_due - bytes : 0;
}

static bool ask_space(struct storage *s)
{
    if (s->space_due > 0 || s->events->space == NULL) {
        return false;
    }
    s->space_due = s->segment_bytes / 16;
    env_disk_space(s->env, begin(s, space_told), s->wal_dir);
    return true;
}

static void space_told(struct storage *s, int status)
{
    if (status == 0) {
        s->space_free = s->keeper_req.size;
        s->events->space(s->data, s->space_free);
    }
}

void storage_keep(struct storage *s)
{
    if (s->state != STORAGE_READY || s->keeper_busy) {
        return;
    }
    bool busy = close_stale(s) || purge(s) || prepare_spare(s) || ask_space(s);
    ASSERT(busy == s->keeper_busy);
}
