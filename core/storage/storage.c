#include "base/assert.h"
#include "base/fmt.h"
#include "internal.h"

char *storage_join(struct storage *s, const char *dir, const char *name)
{
    struct buf path;
    buf_init(&path, s->env->mem);
    buf_add_str(&path, dir);
    buf_add_u8(&path, '/');
    buf_add_str(&path, name);
    char *text = mem_strdup(s->env->mem, (const char *)path.ptr, path.len);
    buf_fini(&path);
    return text;
}

struct storage *storage_new(struct env *env, const char *dir, const struct storage_options *options,
                            const struct storage_events *events, void *data)
{
    static const struct storage_options usual = {0};
    options = options == NULL ? &usual : options;
    ASSERT(dir[0] != '\0');
    ASSERT(events->opened != NULL && events->persisted != NULL);
    ASSERT(events->failed != NULL && events->closed != NULL);
    struct storage *s = mem_zalloc(env->mem, 1, sizeof(*s));
    s->env = env;
    s->events = events;
    s->data = data;
    s->segment_bytes = options->segment_bytes != 0 ? options->segment_bytes : STORAGE_SEGMENT_BYTES;
    ASSERT(s->segment_bytes >= STORAGE_SEGMENT_BYTES_MIN);
    s->dir = mem_strdup(env->mem, dir, strlen(dir));
    s->wal_dir = options->wal_dir == NULL
                     ? storage_join(s, dir, "wal")
                     : mem_strdup(env->mem, options->wal_dir, strlen(options->wal_dir));
    s->wal_elsewhere = options->wal_dir != NULL;
    s->snap_dir = storage_join(s, dir, "snap");
    s->spare_path = storage_join(s, s->wal_dir, "spare.tmp");
    s->path = s->wal_dir; /* until there is a segment */
    s->file = &s->files[0];
    s->other = &s->files[1];
    s->space_free = UINT64_MAX;
    buf_init(&s->bytes, env->mem);
    buf_init(&s->batches[0].bytes, env->mem);
    buf_init(&s->batches[1].bytes, env->mem);
    list_init(&s->readers);
    storage_sink_init(&s->writer, s, false);
    storage_sink_init(&s->receiver, s, true);
    s->salts = env_random(env, "storage.salt");
    return s;
}

struct storage_segment *storage_push_segment(struct storage *s, const struct wal_name *name,
                                             const char *path)
{
    struct mem *mem = s->env->mem;
    if (s->segment_count == s->segment_cap) {
        s->segment_cap = s->segment_cap == 0 ? 8 : s->segment_cap * 2;
        s->segments = mem_resize(mem, s->segments, s->segment_cap * sizeof(*s->segments));
    }
    struct storage_segment *segment = &s->segments[s->segment_count++];
    *segment = (struct storage_segment){.name = *name, .path = mem_strdup(mem, path, strlen(path))};
    buf_init(&segment->bytes, mem);
    return segment;
}

void storage_free(struct storage *s)
{
    if (s == NULL) {
        return;
    }
    ASSERT(s->state == STORAGE_NEW || s->state == STORAGE_CLOSED);
    struct mem *mem = s->env->mem;
    storage_drop_opening(s);
    for (int i = 0; i < 2; i++) {
        buf_fini(&s->batches[i].bytes);
        mem_free(mem, s->batches[i].tokens);
    }
    ASSERT(list_empty(&s->readers));
    storage_sink_fini(&s->writer);
    storage_sink_fini(&s->receiver);
    for (size_t i = 0; i < s->segment_count; i++) {
        mem_free(mem, s->segments[i].path);
    }
    mem_free(mem, s->segments);
    mem_free(mem, s->snaps);
    mem_free(mem, s->snap_dir);
    mem_free(mem, s->dir);
    mem_free(mem, s->wal_dir);
    mem_free(mem, s->spare_path);
    mem_free(mem, s->roll_path);
    mem_free(mem, s);
}

static void go_on(struct storage *s, int status)
{
    void (*next)(struct storage *, int) = s->next;
    s->busy = false;
    s->next = NULL;
    /* What a batch has begun goes on to its end. */
    if (s->state == STORAGE_CLOSING && s->writing == NULL) {
        (void)storage_closing(s, status);
    } else {
        next(s, status);
    }
}

static void request_done(struct env_disk_req *req, int status)
{
    go_on(req->data, status);
}

static void soon_fired(struct env_timer *timer)
{
    go_on(timer->data, 0);
}

struct env_disk_req *storage_begin(struct storage *s, void (*next)(struct storage *, int))
{
    ASSERT(!s->busy);
    s->busy = true;
    s->next = next;
    s->req = (struct env_disk_req){.done = request_done, .data = s};
    return &s->req;
}

void storage_soon(struct storage *s, void (*next)(struct storage *, int))
{
    ASSERT(!s->busy);
    s->busy = true;
    s->next = next;
    s->soon.fire = soon_fired;
    s->soon.data = s;
    env_timer_set(s->env, &s->soon, env_now_ns(s->env));
}

void storage_say(struct storage *s, const char *doing, const char *path, int err)
{
    fmt(s->words, sizeof(s->words), "cannot %s %s: %s", doing, path, err_text(err));
}

uint64_t storage_queued(const struct storage *s)
{
    if (s->gathering == NULL) {
        return 0;
    }
    return s->gathering->bytes.len + (s->writing != NULL ? s->writing->bytes.len : 0);
}

uint64_t storage_bytes(const struct storage *s)
{
    uint64_t bytes = 0;
    for (size_t i = 0; i < s->segment_count; i++) {
        bytes += s->segments[i].end;
    }
    return bytes;
}

uint64_t storage_space(const struct storage *s)
{
    return s->space_free;
}

uint64_t storage_syncs(const struct storage *s)
{
    return s->syncs;
}

const char *storage_words(const struct storage *s)
{
    return s->words;
}
