/* Thin wrappers: each checks what a caller must not get wrong, then asks the world. */
#include "env/env.h"

#include "base/assert.h"
#include "base/limits.h"
#include "env/ops.h"

int64_t env_now_ns(struct env *env)
{
    return env->ops->now_ns(env);
}

int64_t env_wall_ns(struct env *env)
{
    return env->ops->wall_ns(env);
}

void env_timer_set(struct env *env, struct env_timer *timer, int64_t deadline_ns)
{
    ASSERT(timer->fire != NULL);
    env->ops->timer_set(env, timer, deadline_ns);
}

void env_timer_stop(struct env *env, struct env_timer *timer)
{
    if (env_timer_is_set(timer)) {
        env->ops->timer_stop(env, timer);
    }
}

void env_at_turn_end(struct env *env, void (*end)(void *data), void *data)
{
    env->ops->at_turn_end(env, end, data);
}

struct rng env_random(struct env *env, const char *purpose)
{
    return env->ops->random(env, purpose);
}

int env_listen(struct env *env, struct env_listener *listener, const char *host, uint16_t port)
{
    ASSERT(listener->incoming != NULL && listener->closed != NULL);
    ASSERT(listener->impl == NULL);
    return env->ops->listen(env, listener, host, port);
}

void env_listener_close(struct env *env, struct env_listener *listener)
{
    ASSERT(listener->impl != NULL);
    env->ops->listener_close(env, listener);
}

static void check_stream_events(const struct env_stream *stream)
{
    const struct env_stream_events *events = stream->events;
    ASSERT(events != NULL && stream->impl == NULL);
    ASSERT(events->data != NULL && events->eof != NULL);
    ASSERT(events->failed != NULL && events->closed != NULL);
}

void env_stream_connect(struct env *env, struct env_stream *stream, const char *host, uint16_t port)
{
    check_stream_events(stream);
    ASSERT(stream->events->opened != NULL);
    env->ops->stream_connect(env, stream, host, port);
}

void env_stream_accept(struct env *env, struct env_incoming *incoming, struct env_stream *stream)
{
    check_stream_events(stream);
    ASSERT(!incoming->is_link && incoming->impl != NULL);
    env->ops->stream_accept(env, incoming, stream);
}

void env_stream_write(struct env *env, struct env_stream *stream, struct slice bytes)
{
    ASSERT(stream->impl != NULL);
    if (bytes.len > 0) {
        env->ops->stream_write(env, stream, bytes);
    }
}

size_t env_stream_queued(struct env *env, const struct env_stream *stream)
{
    ASSERT(stream->impl != NULL);
    return env->ops->stream_queued(env, stream);
}

void env_stream_read(struct env *env, struct env_stream *stream, bool on)
{
    ASSERT(stream->impl != NULL);
    env->ops->stream_read(env, stream, on);
}

void env_stream_end(struct env *env, struct env_stream *stream)
{
    ASSERT(stream->impl != NULL);
    env->ops->stream_end(env, stream);
}

void env_stream_close(struct env *env, struct env_stream *stream)
{
    ASSERT(stream->impl != NULL);
    env->ops->stream_close(env, stream);
}

static void check_link_events(const struct env_link *link)
{
    const struct env_link_events *events = link->events;
    ASSERT(events != NULL && link->impl == NULL);
    ASSERT(events->record != NULL && events->failed != NULL && events->closed != NULL);
}

void env_link_connect(struct env *env, struct env_link *link, const char *host, uint16_t port)
{
    check_link_events(link);
    ASSERT(link->events->opened != NULL);
    env->ops->link_connect(env, link, host, port);
}

void env_link_accept(struct env *env, struct env_incoming *incoming, struct env_link *link)
{
    check_link_events(link);
    ASSERT(incoming->is_link && incoming->impl != NULL);
    env->ops->link_accept(env, incoming, link);
}

int env_link_send(struct env *env, struct env_link *link, struct slice record)
{
    ASSERT(link->impl != NULL);
    if (record.len > RECORD_BYTES_MAX) {
        return ERR_LIMIT;
    }
    return env->ops->link_send(env, link, record);
}

size_t env_link_queued(struct env *env, const struct env_link *link)
{
    ASSERT(link->impl != NULL);
    return env->ops->link_queued(env, link);
}

void env_link_close(struct env *env, struct env_link *link)
{
    ASSERT(link->impl != NULL);
    env->ops->link_close(env, link);
}

void env_log(struct env *env, enum log_level level, const char *message,
             const struct log_field *fields, size_t count)
{
    if (level < env->log_level) {
        return;
    }
    const struct log_line line = {level, message, fields, count};
    env->ops->log(env, &line);
}

void env_observe(struct env *env, const struct obs_event *event)
{
    if (env->observer != NULL) {
        env->observer->event(env->observer, event);
    }
}

const char *env_var(const struct env *env, const char *name)
{
    for (size_t i = 0; i < env->var_count; i++) {
        if (strcmp(env->vars[i].name, name) == 0) {
            return env->vars[i].value;
        }
    }
    return NULL;
}

void env_print(struct env *env, enum env_output to, struct slice text)
{
    if (text.len > 0) {
        env->ops->print(env, to, text);
    }
}

bool env_is_terminal(struct env *env, enum env_output to)
{
    return env->ops->is_terminal(env, to);
}

void env_read_input(struct env *env, struct env_input *input)
{
    ASSERT(input->read != NULL);
    env->ops->read_input(env, input);
}

void env_at_stop(struct env *env, void (*stop)(void *data, int signal), void *data)
{
    env->ops->at_stop(env, stop, data);
}

void env_exit(struct env *env, int code, bool clean)
{
    env->ops->exit(env, code, clean);
}
