/* Streams and links of a process: each handle of the node has a channel here, and each channel an
 * end of a connection in the network. */
#include <string.h>

#include "base/assert.h"
#include "impl.h"

struct arrival {
    struct channel *channel;
    struct slice bytes;
    int status;
};

static void opened_call(struct process *process, void *ctx)
{
    const struct arrival *a = ctx;
    (void)process;
    if (a->channel->stream != NULL) {
        a->channel->stream->events->opened(a->channel->stream, a->status);
    } else {
        a->channel->record_link->events->opened(a->channel->record_link, a->status);
    }
}

static void data_call(struct process *process, void *ctx)
{
    const struct arrival *a = ctx;
    (void)process;
    a->channel->stream->events->data(a->channel->stream, a->bytes);
}

static void record_call(struct process *process, void *ctx)
{
    const struct arrival *a = ctx;
    (void)process;
    a->channel->record_link->events->record(a->channel->record_link, a->bytes);
}

static void eof_call(struct process *process, void *ctx)
{
    struct env_stream *stream = ((const struct arrival *)ctx)->channel->stream;
    (void)process;
    stream->events->eof(stream);
}

static void drained_call(struct process *process, void *ctx)
{
    struct env_stream *stream = ((const struct arrival *)ctx)->channel->stream;
    (void)process;
    if (stream->events->drained != NULL) {
        stream->events->drained(stream);
    }
}

static void failed_call(struct process *process, void *ctx)
{
    const struct arrival *a = ctx;
    (void)process;
    if (a->channel->stream != NULL) {
        a->channel->stream->events->failed(a->channel->stream, a->status);
    } else {
        a->channel->record_link->events->failed(a->channel->record_link, a->status);
    }
}

static void turn_of(void *owner, void (*call)(struct process *, void *), struct slice bytes,
                    int status)
{
    struct channel *channel = owner;
    struct arrival arrival = {channel, bytes, status};
    process_turn(channel->process, call, &arrival);
}

static void on_opened(void *owner, int status)
{
    turn_of(owner, opened_call, (struct slice){NULL, 0}, status);
}

static void on_data(void *owner, struct slice bytes)
{
    turn_of(owner, data_call, bytes, 0);
}

static void on_record(void *owner, struct slice bytes)
{
    turn_of(owner, record_call, bytes, 0);
}

static void on_eof(void *owner)
{
    turn_of(owner, eof_call, (struct slice){NULL, 0}, 0);
}

static void on_drained(void *owner)
{
    turn_of(owner, drained_call, (struct slice){NULL, 0}, 0);
}

static void on_failed(void *owner, int err)
{
    turn_of(owner, failed_call, (struct slice){NULL, 0}, err);
}

static const struct net_events channel_events = {
    .opened = on_opened,
    .data = on_data,
    .eof = on_eof,
    .drained = on_drained,
    .failed = on_failed,
    .record = on_record,
};

/* Opening. */

static struct channel *channel_new(struct process *process, struct env_stream *stream,
                                   struct env_link *link)
{
    struct channel *channel = mem_zalloc(process->world->mem, 1, sizeof(*channel));
    ASSERT((stream != NULL) != (link != NULL));
    channel->process = process;
    channel->stream = stream;
    channel->record_link = link;
    if (stream != NULL) {
        stream->impl = channel;
    } else {
        link->impl = channel;
    }
    list_push_back(&process->channels, &channel->link);
    return channel;
}

static void connect_channel(struct process *process, struct channel *channel, const char *host,
                            uint16_t port)
{
    channel->end = net_connect(process->world->net, process->host->machine, process->node->number,
                               host, port, channel->record_link != NULL, &channel_events, channel);
}

void sim_stream_connect(struct env *env, struct env_stream *stream, const char *host, uint16_t port)
{
    struct process *process = env_enter(env);
    connect_channel(process, channel_new(process, stream, NULL), host, port);
}

void sim_link_connect(struct env *env, struct env_link *link, const char *host, uint16_t port)
{
    struct process *process = env_enter(env);
    connect_channel(process, channel_new(process, NULL, link), host, port);
}

static void accept_channel(struct env_incoming *incoming, struct channel *channel)
{
    channel->end = incoming->impl;
    net_accept(channel->end, &channel_events, channel);
    incoming->impl = NULL;
}

void sim_stream_accept(struct env *env, struct env_incoming *incoming, struct env_stream *stream)
{
    accept_channel(incoming, channel_new(env_enter(env), stream, NULL));
}

void sim_link_accept(struct env *env, struct env_incoming *incoming, struct env_link *link)
{
    accept_channel(incoming, channel_new(env_enter(env), NULL, link));
}

/* Using. */

void sim_stream_write(struct env *env, struct env_stream *stream, struct slice bytes)
{
    const struct channel *channel = stream->impl;
    (void)env_enter(env);
    ASSERT(channel->end != NULL);
    net_write(channel->end, bytes);
}

size_t sim_stream_queued(struct env *env, const struct env_stream *stream)
{
    const struct channel *channel = stream->impl;
    (void)env_enter(env);
    return channel->end != NULL ? net_queued(channel->end) : 0;
}

void sim_stream_read(struct env *env, struct env_stream *stream, bool on)
{
    const struct channel *channel = stream->impl;
    (void)env_enter(env);
    ASSERT(channel->end != NULL);
    net_read(channel->end, on);
}

void sim_stream_end(struct env *env, struct env_stream *stream)
{
    const struct channel *channel = stream->impl;
    (void)env_enter(env);
    ASSERT(channel->end != NULL);
    net_end_side(channel->end);
}

int sim_link_send(struct env *env, struct env_link *link, struct slice record)
{
    const struct channel *channel = link->impl;
    (void)env_enter(env);
    ASSERT(channel->end != NULL);
    return net_send(channel->end, record);
}

size_t sim_link_queued(struct env *env, const struct env_link *link)
{
    const struct channel *channel = link->impl;
    (void)env_enter(env);
    return channel->end != NULL ? net_queued(channel->end) : 0;
}

/* Closing: the end goes at once, the handle with an event. */

static void closed_call(struct process *process, void *ctx)
{
    struct channel *channel = ctx;
    struct env_stream *stream = channel->stream;
    struct env_link *link = channel->record_link;
    list_remove(&channel->link);
    mem_free(process->world->mem, channel);
    if (stream != NULL) {
        stream->impl = NULL;
        stream->events->closed(stream);
    } else {
        link->impl = NULL;
        link->events->closed(link);
    }
}

static void closed_event(struct engine_event *event)
{
    struct channel *channel = container_of(event, struct channel, closed);
    engine_trace(&channel->process->world->engine, event->node, "net", "closed");
    process_turn(channel->process, closed_call, channel);
}

static void close_channel(struct process *process, struct channel *channel)
{
    ASSERT(channel->end != NULL);
    net_close(channel->end);
    channel->end = NULL;
    channel->closed.run = closed_event;
    channel->closed.kind = ENGINE_CLOSED;
    channel->closed.node = process->node->number;
    engine_set(&process->world->engine, &channel->closed, process->world->engine.now_ns);
}

void sim_stream_close(struct env *env, struct env_stream *stream)
{
    close_channel(env_enter(env), stream->impl);
}

void sim_link_close(struct env *env, struct env_link *link)
{
    close_channel(env_enter(env), link->impl);
}

/* Listening. */

struct guest {
    struct listener *listener;
    struct net_end *end;
    bool is_link;
};

static void incoming_call(struct process *process, void *ctx)
{
    const struct guest *guest = ctx;
    struct env_listener *handle = guest->listener->handle;
    struct env_incoming incoming = {.is_link = guest->is_link, .impl = guest->end};
    (void)process;
    net_remote(guest->end, incoming.remote, sizeof(incoming.remote));
    handle->incoming(handle, &incoming);
}

static void on_incoming(void *owner, struct net_end *end, bool is_link)
{
    struct listener *listener = owner;
    struct guest guest = {listener, end, is_link};
    process_turn(listener->process, incoming_call, &guest);
}

static const struct net_listener_events listener_events = {on_incoming};

int sim_listen(struct env *env, struct env_listener *handle, const char *host, uint16_t port)
{
    struct process *process = env_enter(env);
    struct listener *listener = mem_zalloc(process->world->mem, 1, sizeof(*listener));
    bool any = strcmp(host, "0.0.0.0") == 0 || strcmp(host, "::") == 0;
    int rc = net_listen(process->world->net, process->host->machine, process->node->number,
                        any ? "" : host, port, handle->links, &listener_events, listener,
                        &listener->net);
    if (rc != 0) {
        mem_free(process->world->mem, listener);
        return rc;
    }
    listener->process = process;
    listener->handle = handle;
    handle->impl = listener;
    list_push_back(&process->listeners, &listener->link);
    return 0;
}

static void listener_closed_call(struct process *process, void *ctx)
{
    struct listener *listener = ctx;
    struct env_listener *handle = listener->handle;
    list_remove(&listener->link);
    mem_free(process->world->mem, listener);
    handle->impl = NULL;
    handle->closed(handle);
}

static void listener_closed_event(struct engine_event *event)
{
    struct listener *listener = container_of(event, struct listener, closed);
    process_turn(listener->process, listener_closed_call, listener);
}

void sim_listener_close(struct env *env, struct env_listener *handle)
{
    struct process *process = env_enter(env);
    struct listener *listener = handle->impl;
    ASSERT(listener->net != NULL);
    net_listener_close(listener->net);
    listener->net = NULL;
    listener->closed.run = listener_closed_event;
    listener->closed.kind = ENGINE_CLOSED;
    listener->closed.node = process->node->number;
    engine_set(&process->world->engine, &listener->closed, process->world->engine.now_ns);
}

/* The process is gone. */
void channels_drop(struct process *process, bool power)
{
    struct world *world = process->world;
    while (!list_empty(&process->listeners)) {
        struct listener *listener = container_of(process->listeners.next, struct listener, link);
        engine_cancel(&world->engine, &listener->closed);
        if (listener->net != NULL) {
            net_listener_close(listener->net);
        }
        list_remove(&listener->link);
        mem_free(world->mem, listener);
    }
    while (!list_empty(&process->channels)) {
        struct channel *channel = container_of(process->channels.next, struct channel, link);
        engine_cancel(&world->engine, &channel->closed);
        if (channel->end != NULL && power) {
            net_vanish(channel->end);
        } else if (channel->end != NULL) {
            net_close(channel->end);
        }
        list_remove(&channel->link);
        mem_free(world->mem, channel);
    }
}
