#include "base/assert.h"
#include "base/fmt.h"
#include "internal.h"

static char *join(struct mem *mem, const char *a, const char *b)
{
    struct buf path;
    buf_init(&path, mem);
    buf_add_str(&path, a);
    buf_add_str(&path, b);
    char *text = mem_strdup(mem, (const char *)path.ptr, path.len);
    buf_fini(&path);
    return text;
}

struct storage *storage_new(struct env *env, const char *dir, const struct storage_events *events,
                            void *data)
{
    ASSERT(dir[0] != '\0');
    ASSERT(events->opened != NULL && events->persisted != NULL);
    ASSERT(events->failed != NULL && events->closed != NULL);
    struct storage *s = mem_zalloc(env->mem, 1, sizeof(*s));
    s->env = env;
    s->events = events;
    s->data = data;
    s->dir = mem_strdup(env->mem, dir, strlen(dir));
    s->wal_dir = join(env->mem, dir, "/wal");
    s->snap_dir = join(env->mem, dir, "/snap");
    s->path = join(env->mem, dir, "/wal/0000000000000001.wal");
    s->temp_path = join(env->mem, dir, "/wal/0000000000000001.tmp");
    buf_init(&s->bytes, env->mem);
    buf_init(&s->batches[0].bytes, env->mem);
    buf_init(&s->batches[1].bytes, env->mem);
    list_init(&s->readers);
    storage_sink_init(&s->writer, s, false);
    storage_sink_init(&s->receiver, s, true);
    s->salts = env_random(env, "storage.salt");
    return s;
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
    mem_free(mem, s->snaps);
    mem_free(mem, s->snap_dir);
    mem_free(mem, s->dir);
    mem_free(mem, s->wal_dir);
    mem_free(mem, s->path);
    mem_free(mem, s->temp_path);
    mem_free(mem, s);
}

static void go_on(struct storage *s, int status)
{
    void (*next)(struct storage *, int) = s->next;
    s->busy = false;
    s->next = NULL;
    if (!storage_closing(s, status)) {
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
    return s->durable;
}

uint64_t storage_syncs(const struct storage *s)
{
    return s->syncs;
}

const char *storage_words(const struct storage *s)
{
    return s->words;
}
