#include "load/load.h"

#include "base/assert.h"
#include "base/duration.h"
#include "base/fmt.h"
#include "client/client.h"
#include "pb/rpc.pb-c.h"
#include "zipf.h"

#define ENDPOINTS_MAX 64

enum load_kind {
    LOAD_PUT,
    LOAD_GET,
    LOAD_GET_SERIALIZABLE,
    LOAD_DELETE,
    LOAD_KINDS
};

static const char *const kinds[] = {"put", "get", "get-serializable", "delete"};

struct load {
    struct env *env;
    uint64_t mix[LOAD_KINDS]; /* shares */
    const char *name;
    const char *key;
    uint64_t *chosen; /* keys: sums of their weights; NULL: `key` is the only one */
    uint64_t keys;
    struct slice endpoints[ENDPOINTS_MAX];
    size_t endpoint_count;
    int64_t interval_ns;
    int64_t timeout_ns;
    uint64_t value_bytes;
    uint64_t value_bytes_max;
    bool paced; /* at each interval, unless the answer before is still out */
    bool fresh; /* a client of its own for each request */
    uint64_t open;
    struct rng draws;
    uint64_t count;
    uint64_t calls;
    int64_t next_ns;
    struct env_timer timer;
    struct client *lasting; /* closed */
    struct buf line;
    struct buf value;
};

/* A request and, when calling openly, the client made for it. */
struct request {
    struct load *load;
    struct client_call call;
    struct client *client;
    uint64_t n;
    enum load_kind kind;
    struct buf key;
};

static void say(struct load *load)
{
    env_print(load->env, ENV_STDOUT, buf_slice(&load->line));
    buf_clear(&load->line);
}

/* The least i with load->chosen[i] > at. */
static uint64_t key_at(const struct load *load, uint64_t at)
{
    uint64_t low = 0;
    uint64_t high = load->keys - 1;
    while (low < high) {
        uint64_t middle = (low + high) / 2;
        if (load->chosen[middle] > at) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    return low;
}

static void draw(struct load *load, struct request *r)
{
    uint64_t sum = 0;
    for (int i = 0; i < LOAD_KINDS; i++) {
        sum += load->mix[i];
    }
    uint64_t share = rng_below(&load->draws, sum);
    r->kind = LOAD_PUT;
    while (share >= load->mix[r->kind]) {
        share -= load->mix[r->kind];
        r->kind++;
    }
    buf_clear(&r->key);
    buf_add_str(&r->key, load->key);
    if (load->chosen != NULL) {
        uint64_t at = rng_below(&load->draws, load->chosen[load->keys - 1]);
        buf_printf(&r->key, "/%llu", (unsigned long long)key_at(load, at) + 1);
    }
}

static void fill_value(struct load *load, uint64_t n)
{
    uint64_t more = load->value_bytes_max > load->value_bytes
                        ? rng_below(&load->draws, load->value_bytes_max - load->value_bytes + 1)
                        : 0;
    buf_clear(&load->value);
    buf_printf(&load->value, "%s-%llu", load->name, (unsigned long long)n);
    while (load->value.len < load->value_bytes + more) {
        buf_add_u8(&load->value, '.');
    }
}

static void start_call(struct load *load, struct request *r, struct client *client)
{
    int64_t deadline = env_now_ns(load->env) + load->timeout_ns;
    struct slice key = buf_slice(&r->key);
    if (r->kind == LOAD_PUT) {
        Etcdserverpb__PutRequest put;
        etcdserverpb__put_request__init(&put);
        put.key = pb_bytes(key);
        put.value = pb_bytes(buf_slice(&load->value));
        client_start(client, &r->call, &client_put, &put.base, deadline);
        return;
    }
    if (r->kind == LOAD_DELETE) {
        Etcdserverpb__DeleteRangeRequest gone;
        etcdserverpb__delete_range_request__init(&gone);
        gone.key = pb_bytes(key);
        client_start(client, &r->call, &client_delete_range, &gone.base, deadline);
        return;
    }
    Etcdserverpb__RangeRequest range;
    etcdserverpb__range_request__init(&range);
    range.key = pb_bytes(key);
    range.serializable = r->kind == LOAD_GET_SERIALIZABLE;
    client_start(client, &r->call, &client_range, &range.base, deadline);
}

/* Union-free views of the answer: the descriptor says which it is. */
static const Etcdserverpb__PutResponse *as_put(const ProtobufCMessage *m)
{
    return m->descriptor == &etcdserverpb__put_response__descriptor
               ? (const Etcdserverpb__PutResponse *)(const void *)m
               : NULL;
}

static const Etcdserverpb__RangeResponse *as_range(const ProtobufCMessage *m)
{
    return m->descriptor == &etcdserverpb__range_response__descriptor
               ? (const Etcdserverpb__RangeResponse *)(const void *)m
               : NULL;
}

static const Etcdserverpb__DeleteRangeResponse *as_delete(const ProtobufCMessage *m)
{
    return m->descriptor == &etcdserverpb__delete_range_response__descriptor
               ? (const Etcdserverpb__DeleteRangeResponse *)(const void *)m
               : NULL;
}

static void say_ok(struct load *load, uint64_t n, const ProtobufCMessage *response)
{
    const Etcdserverpb__PutResponse *put = as_put(response);
    const Etcdserverpb__RangeResponse *range = as_range(response);
    const Etcdserverpb__ResponseHeader *header = put != NULL ? put->header : NULL;
    const Etcdserverpb__DeleteRangeResponse *gone = as_delete(response);
    header = range != NULL ? range->header : header;
    header = gone != NULL ? gone->header : header;
    int64_t revision = header != NULL ? header->revision : 0;
    int64_t create = 0;
    int64_t mod = 0;
    int64_t version = 0;
    struct slice value = {NULL, 0};
    if (range != NULL && range->n_kvs > 0) {
        create = range->kvs[0]->create_revision;
        mod = range->kvs[0]->mod_revision;
        version = range->kvs[0]->version;
        value = pb_slice(range->kvs[0]->value);
    }
    version = gone != NULL ? gone->deleted : version;
    buf_printf(&load->line, "done %llu ok %lld %lld %lld %lld %llu ", (unsigned long long)n,
               (long long)revision, (long long)create, (long long)mod, (long long)version,
               (unsigned long long)(header != NULL ? header->member_id : 0));
    buf_add_slice(&load->line, value);
    buf_add_u8(&load->line, '\n');
    say(load);
}

static void next_closed(struct load *load, struct request *r);

static void request_free(struct request *r)
{
    buf_fini(&r->key);
    mem_free(r->load->env->mem, r);
}

static void done(struct client_call *call)
{
    struct request *r = call->data;
    struct load *load = r->load;
    if (call->status == GRPC_OK && call->response != NULL) {
        say_ok(load, r->n, call->response);
    } else {
        struct slice text = buf_slice(&call->text);
        buf_printf(&load->line, "done %llu %s 0 0 0 0 0 ", (unsigned long long)r->n,
                   load_outcome_name(load_outcome_of(text)));
        buf_add_slice(&load->line, text);
        buf_add_u8(&load->line, '\n');
        say(load);
    }
    client_call_fini(call);
    load->open--;
    if (r->client != NULL) {
        client_close(r->client, NULL, NULL);
        r->client = NULL;
    }
    if (load->interval_ns == 0) {
        next_closed(load, r);
        return;
    }
    request_free(r);
}

static void begin(struct load *load, struct request *r)
{
    r->n = ++load->calls;
    load->open++;
    draw(load, r);
    buf_printf(&load->line, "call %llu %s %s ", (unsigned long long)r->n, kinds[r->kind],
               buf_cstr(&r->key));
    if (r->kind == LOAD_PUT) {
        fill_value(load, r->n);
        buf_add_slice(&load->line, buf_slice(&load->value));
    }
    buf_add_u8(&load->line, '\n');
    say(load);
}

static struct client *client_of(struct load *load)
{
    struct client_config config = {.endpoints = load->endpoints,
                                   .endpoint_count = load->endpoint_count,
                                   .keepalive_time_ns = 2 * SEC_NS,
                                   .keepalive_timeout_ns = 6 * SEC_NS};
    struct client *client = NULL;
    int err = client_new(load->env, &config, &client);
    ASSERT(err == 0);
    return client;
}

static struct request *request_new(struct load *load)
{
    struct request *r = mem_zalloc(load->env->mem, 1, sizeof(*r));
    r->load = load;
    r->call.done = done;
    r->call.data = r;
    buf_init(&r->key, load->env->mem);
    return r;
}

static void next_closed(struct load *load, struct request *r)
{
    if (load->count != 0 && load->calls == load->count) {
        return;
    }
    memset(&r->call, 0, sizeof(r->call));
    r->call.done = done;
    r->call.data = r;
    begin(load, r);
    r->client = load->fresh ? client_of(load) : NULL;
    start_call(load, r, r->client != NULL ? r->client : load->lasting);
}

static void on_interval(struct env_timer *timer)
{
    struct load *load = timer->data;
    if (!load->paced || load->open == 0) {
        struct request *r = request_new(load);
        begin(load, r);
        r->client = load->fresh ? client_of(load) : NULL;
        start_call(load, r, r->client != NULL ? r->client : load->lasting);
    }
    if (load->count == 0 || load->calls < load->count) {
        load->next_ns += load->interval_ns;
        env_timer_set(load->env, timer, load->next_ns);
    }
}

/* The value of `--name=`, or NULL. */
static const char *arg(const struct env *env, const char *name)
{
    size_t len = strlen(name);
    for (size_t i = 1; i < env->arg_count; i++) {
        const char *a = env->args[i];
        if (strncmp(a, "--", 2) == 0 && strncmp(a + 2, name, len) == 0 && a[2 + len] == '=') {
            return a + 3 + len;
        }
    }
    return NULL;
}

static uint64_t arg_u64(const struct env *env, const char *name, uint64_t otherwise)
{
    const char *text = arg(env, name);
    uint64_t value = otherwise;
    if (text != NULL && slice_to_u64(slice_str(text), &value) != 0) {
        return otherwise;
    }
    return value;
}

/* `--mix=PUT,GET,SERIALIZABLE,DELETE`, or one `--kind`. */
static int read_mix(struct load *load)
{
    const char *kind = arg(load->env, "kind");
    const char *mix = arg(load->env, "mix");
    uint64_t sum = 0;
    for (size_t i = 0; i < LOAD_KINDS && kind != NULL; i++) {
        load->mix[i] = strcmp(kind, kinds[i]) == 0;
        sum += load->mix[i];
    }
    for (size_t i = 0; i < LOAD_KINDS && kind == NULL && mix != NULL; i++) {
        size_t len = strcspn(mix, ",");
        if (slice_to_u64(slice_of(mix, len), &load->mix[i]) != 0) {
            return ERR_USAGE;
        }
        sum += load->mix[i];
        mix += len + (mix[len] == ',' ? 1 : 0);
    }
    return sum > 0 ? 0 : ERR_USAGE;
}

static void weigh_keys(struct load *load)
{
    uint64_t sum = 0;
    uint64_t tenths = arg_u64(load->env, "zipf-tenths", 0);
    load->keys = arg_u64(load->env, "keys", 0);
    if (load->keys == 0) {
        return;
    }
    load->chosen = mem_zalloc(load->env->mem, load->keys, sizeof(load->chosen[0]));
    for (uint64_t i = 0; i < load->keys; i++) {
        sum += zipf_weight(i + 1, (uint32_t)tenths);
        load->chosen[i] = sum;
    }
}

static int read_args(struct load *load)
{
    const struct env *env = load->env;
    const char *calling = arg(env, "calling");
    const char *session = arg(env, "session");
    const char *list = arg(env, "endpoints");
    load->name = arg(env, "name");
    load->key = arg(env, "key");
    load->interval_ns = (int64_t)arg_u64(env, "interval-ns", 0);
    load->timeout_ns = (int64_t)arg_u64(env, "timeout-ns", 5 * SEC_NS);
    load->value_bytes = arg_u64(env, "value-bytes", 0);
    load->count = arg_u64(env, "count", 0);
    load->value_bytes_max = arg_u64(env, "value-bytes-max", 0);
    load->paced = calling != NULL && strcmp(calling, "paced") == 0;
    load->fresh = session == NULL ? load->interval_ns > 0 : strcmp(session, "fresh") == 0;
    if (list == NULL || load->name == NULL || load->key == NULL) {
        return ERR_USAGE;
    }
    weigh_keys(load);
    while (*list != '\0' && load->endpoint_count < ENDPOINTS_MAX) {
        size_t len = strcspn(list, ",");
        load->endpoints[load->endpoint_count++] = slice_of(list, len);
        list += len + (list[len] == ',' ? 1 : 0);
    }
    return load->endpoint_count > 0 ? read_mix(load) : ERR_USAGE;
}

static void start(struct env *env)
{
    struct load *load = mem_zalloc(env->mem, 1, sizeof(*load));
    load->env = env;
    buf_init(&load->line, env->mem);
    buf_init(&load->value, env->mem);
    if (read_args(load) != 0) {
        env_print(env, ENV_STDERR, slice_str("load: arguments are missing or wrong\n"));
        env_exit(env, 2, false);
        return;
    }
    load->draws = env_random(env, "load");
    if (!load->fresh) {
        load->lasting = client_of(load);
    }
    if (load->interval_ns == 0) {
        next_closed(load, request_new(load));
        return;
    }
    load->timer.fire = on_interval;
    load->timer.data = load;
    load->next_ns = env_now_ns(env);
    if (load->paced || load->chosen != NULL) {
        /* Clients that begin together would call together for ever. */
        load->next_ns += rng_range(&load->draws, 0, load->interval_ns);
    }
    env_timer_set(env, &load->timer, load->next_ns);
}

const struct env_program load_program = {.name = "load", .start = start};
