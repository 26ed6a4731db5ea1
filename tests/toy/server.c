/* The echo server: lines of a stream go into a log file; what was synced is echoed. */
#include <string.h>

#include "base/assert.h"
#include "base/duration.h"
#include "base/fmt.h"
#include "base/list.h"
#include "base/probe.h"
#include "toy.h"

#define READ_MAX 65536

enum phase {
    MAKE_DIR,
    LOCK,
    OPEN,
    STAT,
    READ,
    SYNC_DIR,
    LIST,
    SERVE
};

/* A connection; `waiting` is what was read and is not durable yet. */
struct guest {
    struct list link;
    struct server *server;
    struct env_stream stream;
    struct env_link record_link;
    bool is_link;
    bool eof;
    struct buf waiting;
};

struct server {
    struct env *env;
    struct env_listener listener;
    struct env_timer tick;
    struct env_disk_req req;
    struct env_file log;
    enum phase phase;
    char *dir;
    char *path;
    uint8_t *old;
    uint64_t end;     /* of the log */
    struct buf batch; /* being written */
    struct buf next;  /* to be written */
    bool busy;        /* a write or sync is outstanding */
    bool stopping;
    unsigned closing;
    int signal;
    struct list guests;
    uint64_t turns;
};

static void write_next(struct server *server);
static void maybe_exit(struct server *server);

static void guest_free(struct guest *guest)
{
    struct server *server = guest->server;
    list_remove(&guest->link);
    buf_fini(&guest->waiting);
    mem_free(server->env->mem, guest);
    server->closing--;
    maybe_exit(server);
}

static void stream_closed(struct env_stream *stream)
{
    guest_free(stream->data);
}

static void link_closed(struct env_link *link)
{
    guest_free(link->data);
}

static void guest_close(struct guest *guest)
{
    guest->server->closing++;
    if (guest->is_link) {
        env_link_close(guest->server->env, &guest->record_link);
    } else {
        env_stream_close(guest->server->env, &guest->stream);
    }
    /* It waits for `closed` on no list. */
    list_remove(&guest->link);
}

static void stream_data(struct env_stream *stream, struct slice bytes)
{
    struct guest *guest = stream->data;
    struct server *server = guest->server;
    buf_add_slice(&guest->waiting, bytes);
    buf_add_slice(&server->next, bytes);
    if (guest->waiting.len > 4096) {
        PROBE("toy.slow_reader");
        env_stream_read(server->env, stream, false);
    }
    write_next(server);
}

static void stream_eof(struct env_stream *stream)
{
    struct guest *guest = stream->data;
    PROBE("toy.eof");
    guest->eof = true;
    if (guest->waiting.len == 0) {
        guest_close(guest);
    }
}

static void stream_failed(struct env_stream *stream, int err)
{
    struct guest *guest = stream->data;
    LOG(guest->server->env, INFO, "a connection broke", log_err(err));
    guest_close(guest);
}

static void link_record(struct env_link *link, struct slice record)
{
    struct guest *guest = link->data;
    if (env_link_send(guest->server->env, link, record) != 0) {
        PROBE("toy.link_full");
    }
}

static void link_failed(struct env_link *link, int err)
{
    struct guest *guest = link->data;
    (void)err;
    guest_close(guest);
}

static const struct env_stream_events stream_events = {
    .data = stream_data, .eof = stream_eof, .failed = stream_failed, .closed = stream_closed};
static const struct env_link_events link_events = {
    .record = link_record, .failed = link_failed, .closed = link_closed};

static void incoming(struct env_listener *listener, struct env_incoming *in)
{
    struct server *server = listener->data;
    struct guest *guest = mem_zalloc(server->env->mem, 1, sizeof(*guest));
    guest->server = server;
    guest->is_link = in->is_link;
    buf_init(&guest->waiting, server->env->mem);
    guest->stream.events = &stream_events;
    guest->stream.data = guest;
    guest->record_link.events = &link_events;
    guest->record_link.data = guest;
    list_push_back(&server->guests, &guest->link);
    if (in->is_link) {
        env_link_accept(server->env, in, &guest->record_link);
    } else {
        env_stream_accept(server->env, in, &guest->stream);
    }
}

static void listener_closed(struct env_listener *listener)
{
    struct server *server = listener->data;
    server->closing--;
    maybe_exit(server);
}

/* The log. */

static void echo(struct server *server)
{
    list_each_safe (it, &server->guests) {
        struct guest *guest = container_of(it, struct guest, link);
        if (guest->is_link || guest->waiting.len == 0) {
            continue;
        }
        env_stream_write(server->env, &guest->stream, buf_slice(&guest->waiting));
        buf_clear(&guest->waiting);
        env_stream_read(server->env, &guest->stream, true);
        if (guest->eof) {
            guest_close(guest);
        }
    }
}

static void synced(struct env_disk_req *req, int status)
{
    struct server *server = req->data;
    server->busy = false;
    if (status != 0) {
        PROBE("toy.sync_failed");
        env_exit(server->env, 1, false);
        return;
    }
    server->end += server->batch.len;
    buf_clear(&server->batch);
    if (server->stopping) {
        maybe_exit(server);
        return;
    }
    /* What came in meanwhile is in no batch yet: it must wait for the next one. */
    if (server->next.len == 0) {
        echo(server);
    }
    write_next(server);
}

static void written(struct env_disk_req *req, int status)
{
    struct server *server = req->data;
    if (status != 0) {
        PROBE("toy.write_failed");
        env_exit(server->env, 1, false);
        return;
    }
    req->done = synced;
    env_disk_sync(server->env, req, &server->log);
}

static void write_next(struct server *server)
{
    if (server->busy || server->next.len == 0 || server->stopping || server->phase != SERVE) {
        return;
    }
    struct buf batch = server->batch;
    server->batch = server->next;
    server->next = batch;
    server->busy = true;
    server->req.done = written;
    struct slice bytes = buf_slice(&server->batch);
    env_disk_write(server->env, &server->req, &server->log, server->end, &bytes, 1);
}

/* The end. */

static void closed_log(struct env_disk_req *req, int status)
{
    struct server *server = req->data;
    struct env *env = server->env;
    int signal = server->signal;
    (void)status;
    env_timer_stop(env, &server->tick);
    env_at_turn_end(env, NULL, NULL);
    buf_fini(&server->batch);
    buf_fini(&server->next);
    mem_free(env->mem, server->old);
    mem_free(env->mem, server->dir);
    mem_free(env->mem, server->path);
    mem_free(env->mem, server);
    env_exit(env, -signal, true);
}

static void maybe_exit(struct server *server)
{
    if (!server->stopping || server->closing > 0 || server->busy) {
        return;
    }
    if (server->log.impl == NULL) {
        closed_log(&server->req, 0);
        return;
    }
    server->busy = true;
    server->req.done = closed_log;
    env_disk_close(server->env, &server->req, &server->log);
}

static void stop(void *data, int signal)
{
    struct server *server = data;
    server->stopping = true;
    server->signal = signal;
    if (server->listener.impl != NULL) {
        server->closing++;
        env_listener_close(server->env, &server->listener);
    }
    list_each_safe (it, &server->guests) {
        guest_close(container_of(it, struct guest, link));
    }
    maybe_exit(server);
}

/* The beginning: one disk request after the other. */

static void tick(struct env_timer *timer)
{
    struct server *server = timer->data;
    LOG(server->env, DEBUG, "tick", log_u64("turns", server->turns));
    env_timer_set(server->env, timer, env_now_ns(server->env) + 100 * MS_NS);
}

static void turn_end(void *data)
{
    struct server *server = data;
    server->turns++;
}

static void serve(struct server *server)
{
    uint64_t port = 0;
    int rc = slice_to_u64(slice_str(server->env->args[2]), &port);
    ASSERT(rc == 0);
    server->busy = false;
    if (server->stopping) {
        maybe_exit(server);
        return;
    }
    server->listener.incoming = incoming;
    server->listener.closed = listener_closed;
    server->listener.data = server;
    server->listener.links = true;
    rc = env_listen(server->env, &server->listener, "", (uint16_t)port);
    ASSERT(rc == 0);
    char text[64];
    size_t len =
        fmt(text, sizeof(text), "serving behind %llu bytes\n", (unsigned long long)server->end);
    env_print(server->env, ENV_STDOUT, slice_of(text, len));
    tick(&server->tick);
}

static void begin(struct env_disk_req *req, int status)
{
    struct server *server = req->data;
    struct env *env = server->env;
    if (status != 0) {
        env_print(env, ENV_STDERR, slice_str(err_text(status)));
        env_exit(env, 1, false);
        return;
    }
    if (server->stopping) {
        server->busy = false;
        if (server->phase == LIST) {
            env_disk_names_free(env, req);
        }
        maybe_exit(server);
        return;
    }
    switch (++server->phase) {
    case LOCK: env_disk_lock(env, req, server->path); break;
    case OPEN:
        env_disk_open(env, req, &server->log, server->path,
                      ENV_OPEN_READ | ENV_OPEN_WRITE | ENV_OPEN_CREATE);
        break;
    case STAT: env_disk_stat(env, req, server->path); break;
    case READ:
        server->end = req->size;
        server->old = mem_alloc(env->mem, READ_MAX);
        env_disk_read(env, req, &server->log, 0, server->old, READ_MAX);
        break;
    case SYNC_DIR: env_disk_sync_dir(env, req, server->dir); break;
    case LIST: env_disk_list(env, req, server->dir); break;
    case SERVE:
        env_disk_names_free(env, req);
        serve(server);
        break;
    case MAKE_DIR: UNREACHABLE();
    }
}

static void start(struct env *env)
{
    struct server *server = mem_zalloc(env->mem, 1, sizeof(*server));
    ASSERT(env->arg_count == 3);
    server->env = env;
    list_init(&server->guests);
    buf_init(&server->batch, env->mem);
    buf_init(&server->next, env->mem);
    server->dir = mem_strdup(env->mem, env->args[1], strlen(env->args[1]));
    size_t len = strlen(server->dir) + 5;
    server->path = mem_alloc(env->mem, len);
    fmt(server->path, len, "%s/log", server->dir);
    server->tick.fire = tick;
    server->tick.data = server;
    env_at_turn_end(env, turn_end, server);
    env_at_stop(env, stop, server);
    server->req.data = server;
    server->req.done = begin;
    server->busy = true;
    env_disk_make_dir(env, &server->req, server->dir);
}

const struct env_program toy_server = {"toy-server", start};
