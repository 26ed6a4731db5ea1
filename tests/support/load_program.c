#include "support/load_program.h"

#include "base/assert.h"
#include "base/duration.h"
#include "base/fmt.h"
#include "client/client.h"
#include "pb/rpc.pb-c.h"

#define CLIENTS_MAX   256
#define ENDPOINTS_MAX 9
#define PUT_NS        (5 * SEC_NS)

struct load;

struct worker {
    struct load *load;
    struct client *client;
    struct client_call call;
    uint64_t number;
    uint64_t next;
    char key[32];
};

struct load {
    struct env *env;
    struct slice endpoints[ENDPOINTS_MAX];
    size_t endpoint_count;
    uint64_t clients;
    uint64_t puts;
    uint64_t keys; /* of each client, written in turn; 0: a key is written once */
    uint64_t value_bytes;
    bool quiet;
    bool stopping;
    uint64_t ok;
    uint64_t unknown;
    uint64_t open;
    uint8_t *value;
    struct worker workers[CLIENTS_MAX];
};

static void worker_closed(void *data)
{
    struct worker *worker = data;
    struct load *load = worker->load;
    struct env *env = load->env;
    ASSERT(load->open > 0);
    if (--load->open > 0) {
        return;
    }
    char line[64];
    size_t len = fmt(line, sizeof(line), "done %llu %llu\n", (unsigned long long)load->ok,
                     (unsigned long long)load->unknown);
    env_print(env, ENV_STDOUT, slice_of(line, len));
    mem_free(env->mem, load->value);
    mem_free(env->mem, load);
    env_exit(env, 0, true);
}

static void put_next(struct worker *worker);

static void put_done(struct client_call *call)
{
    struct worker *worker = call->data;
    struct load *load = worker->load;
    bool ok = call->status == GRPC_OK;
    load->ok += ok ? 1 : 0;
    load->unknown += ok ? 0 : 1;
    if (!load->quiet) {
        char line[64];
        size_t len = fmt(line, sizeof(line), "%s %s\n", ok ? "ok" : "unknown", worker->key);
        env_print(load->env, ENV_STDOUT, slice_of(line, len));
    }
    client_call_fini(call);
    put_next(worker);
}

static void put_next(struct worker *worker)
{
    struct load *load = worker->load;
    if (worker->next == load->puts || load->stopping) {
        client_close(worker->client, worker_closed, worker);
        return;
    }
    Etcdserverpb__PutRequest request;
    etcdserverpb__put_request__init(&request);
    uint64_t key = load->keys > 0 ? worker->next % load->keys : worker->next;
    worker->next++;
    size_t key_len = fmt(worker->key, sizeof(worker->key), "%llu-%llu",
                         (unsigned long long)worker->number, (unsigned long long)key);
    memset(load->value, 'v', load->value_bytes);
    memcpy(load->value, worker->key, key_len < load->value_bytes ? key_len : load->value_bytes);
    request.key = pb_bytes(slice_of(worker->key, key_len));
    request.value = pb_bytes(slice_of(load->value, load->value_bytes));
    worker->call.done = put_done;
    worker->call.data = worker;
    client_start(worker->client, &worker->call, &client_put, &request.base,
                 env_now_ns(load->env) + PUT_NS);
}

static void on_stop(void *data, int signal)
{
    struct load *load = data;
    (void)signal;
    load->stopping = true;
    for (uint64_t i = 0; i < load->clients; i++) {
        struct worker *worker = &load->workers[i];
        if (worker->call.state != CALL_IDLE) {
            client_cancel(&worker->call);
            client_call_fini(&worker->call);
            client_close(worker->client, worker_closed, worker);
        }
    }
}

static void split_endpoints(struct load *load, struct slice text)
{
    while (text.len > 0) {
        ptrdiff_t comma = slice_find(text, ',');
        size_t len = comma < 0 ? text.len : (size_t)comma;
        ASSERT(load->endpoint_count < ENDPOINTS_MAX);
        load->endpoints[load->endpoint_count++] = slice_of(text.ptr, len);
        text = slice_from(text, len + 1);
    }
}

static void read_arguments(struct load *load)
{
    struct env *env = load->env;
    for (size_t i = 1; i < env->arg_count; i++) {
        struct slice arg = slice_str(env->args[i]);
        int rv = 0;
        if (slice_eq_str(arg, "--quiet")) {
            load->quiet = true;
            continue;
        }
        ASSERT(i + 1 < env->arg_count);
        struct slice value = slice_str(env->args[++i]);
        if (slice_eq_str(arg, "--endpoints")) {
            split_endpoints(load, value);
        } else if (slice_eq_str(arg, "--clients")) {
            rv = slice_to_u64(value, &load->clients);
        } else if (slice_eq_str(arg, "--puts")) {
            rv = slice_to_u64(value, &load->puts);
        } else if (slice_eq_str(arg, "--keys")) {
            rv = slice_to_u64(value, &load->keys);
        } else if (slice_eq_str(arg, "--value")) {
            rv = slice_to_u64(value, &load->value_bytes);
        } else {
            UNREACHABLE();
        }
        ASSERT(rv == 0);
    }
    ASSERT(load->endpoint_count > 0 && load->clients > 0 && load->clients <= CLIENTS_MAX);
}

static void start(struct env *env)
{
    struct load *load = mem_zalloc(env->mem, 1, sizeof(*load));
    load->env = env;
    load->puts = UINT64_MAX;
    load->value_bytes = 128;
    read_arguments(load);
    load->value = mem_alloc(env->mem, load->value_bytes + 1);
    load->open = load->clients;
    env_at_stop(env, on_stop, load);
    for (uint64_t i = 0; i < load->clients; i++) {
        struct worker *worker = &load->workers[i];
        const struct client_config config = {.endpoints = load->endpoints,
                                             .endpoint_count = load->endpoint_count,
                                             .keepalive_time_ns = 10 * SEC_NS,
                                             .keepalive_timeout_ns = 6 * SEC_NS};
        worker->load = load;
        worker->number = i;
        int rv = client_new(env, &config, &worker->client);
        ASSERT(rv == 0);
        put_next(worker);
    }
}

const struct env_program load_program = {"load", start};
