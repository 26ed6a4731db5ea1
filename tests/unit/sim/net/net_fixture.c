#include "net_fixture.h"

#include <string.h>

static void hear(struct ear *ear)
{
    ear->last_ns = ear->f->engine.now_ns;
}

static void on_opened(void *owner, int status)
{
    struct ear *ear = owner;
    ear->opened = status;
    hear(ear);
}

static void on_data(void *owner, struct slice bytes)
{
    struct ear *ear = owner;
    buf_add_slice(&ear->got, bytes);
    ear->chunks++;
    hear(ear);
}

static void on_eof(void *owner)
{
    struct ear *ear = owner;
    ear->eofs++;
    hear(ear);
}

static void on_drained(void *owner)
{
    struct ear *ear = owner;
    ear->drained++;
}

static void on_failed(void *owner, int err)
{
    struct ear *ear = owner;
    ear->failed = err;
    hear(ear);
}

static const struct net_events events = {
    .opened = on_opened,
    .data = on_data,
    .eof = on_eof,
    .drained = on_drained,
    .failed = on_failed,
    .record = on_data,
};

static void on_incoming(void *owner, struct net_end *end, bool is_link)
{
    struct fixture *f = owner;
    (void)is_link;
    if (f->take) {
        f->server.end = end;
        net_accept(end, &events, &f->server);
    }
}

static const struct net_listener_events listener_events = {on_incoming};

struct fixture *fixture_new(const struct net_options *options)
{
    struct mem_pool *pool = mem_pool_new(UINT64_MAX, -1);
    struct mem *mem = mem_pool_mem(pool);
    struct fixture *f = mem_zalloc(mem, 1, sizeof(*f));
    struct net_options usual = net_options_default;
    usual.latency_min_ns = MS_NS;
    usual.latency_max_ns = MS_NS;
    usual.split_ppm = 0;
    f->pool = pool;
    engine_init(&f->engine, mem, 3);
    f->net = net_new(&f->engine, options != NULL ? options : &usual);
    for (int i = 0; i < 3; i++) {
        static const char *const names[] = {"a", "b", "c"};
        f->machine[i] = net_machine_add(f->net);
        assert_int_equal(net_name_add(f->net, f->machine[i], names[i]), 0);
    }
    f->client.f = f;
    f->server.f = f;
    f->client.opened = 1;
    f->server.opened = 1;
    f->take = true;
    buf_init(&f->client.got, mem);
    buf_init(&f->server.got, mem);
    return f;
}

void fixture_free(struct fixture *f)
{
    net_free(f->net);
    engine_fini(&f->engine);
    mem_pool_free(f->pool);
}

int net_setup(void **state)
{
    *state = fixture_new(NULL);
    return 0;
}

int net_teardown(void **state)
{
    fixture_free(*state);
    return 0;
}

void net_listen_on(struct fixture *f)
{
    assert_int_equal(
        net_listen(f->net, f->machine[1], 2, "", PORT, true, &listener_events, f, &f->listener), 0);
}

void net_dial_name(struct fixture *f, const char *name)
{
    f->client.end = net_connect(f->net, f->machine[0], 1, name, PORT, false, &events, &f->client);
}

void net_dial(struct fixture *f, bool is_link)
{
    f->client.end = net_connect(f->net, f->machine[0], 1, "b", PORT, is_link, &events, &f->client);
}

void net_pair(struct fixture *f, bool is_link)
{
    net_listen_on(f);
    net_dial(f, is_link);
    net_run_for(f, 10 * MS_NS);
    assert_int_equal(f->client.opened, 0);
    assert_non_null(f->server.end);
}

void net_say(struct fixture *f, struct ear *who, const char *text)
{
    net_write(who->end, slice_str(text));
    net_flush(f->net);
}

void net_send_number(struct fixture *f, struct ear *who, uint32_t number)
{
    uint8_t bytes[4];
    (void)f;
    store_u32(bytes, number);
    assert_int_equal(net_send(who->end, slice_of(bytes, 4)), 0);
}

void net_run_for(struct fixture *f, int64_t ns)
{
    (void)engine_run(&f->engine, f->engine.now_ns + ns, UINT64_MAX);
}

void net_expect_text(const struct ear *who, const char *text)
{
    assert_true(slice_eq_str(buf_slice(&who->got), text));
}

void net_break(struct fixture *f, const struct net_fault *fault)
{
    net_fault_add(f->net, "fault", f->machine[0], f->machine[1], fault);
}
