/* Endpoints: dialling, back-off, and whose turn it is. */
#include "base/assert.h"
#include "base/probe.h"
#include "client/policy.h"
#include "private.h"

static void backoff_over(struct env_timer *timer)
{
    struct endpoint *endpoint = timer->data;
    endpoint_dial(endpoint);
}

static void wait_to_dial(struct endpoint *endpoint)
{
    struct client *client = endpoint->client;
    int64_t wait_ns = policy_backoff_ns(endpoint->failures, &client->backoff_rng);
    endpoint->failures++;
    endpoint->state = ENDPOINT_WAITING;
    env_timer_set(client->env, &endpoint->timer, env_now_ns(client->env) + wait_ns);
}

void endpoint_dial(struct endpoint *endpoint)
{
    ASSERT(endpoint->conn == NULL);
    if (!endpoint->valid) {
        PROBE("client.endpoint_invalid");
        wait_to_dial(endpoint);
        return;
    }
    endpoint->state = ENDPOINT_DIALING;
    endpoint->conn = client_conn_dial(endpoint);
}

void endpoint_ready(struct endpoint *endpoint)
{
    ASSERT(endpoint->state == ENDPOINT_DIALING);
    endpoint->state = ENDPOINT_READY;
    endpoint->failures = 0;
    calls_send(endpoint->client);
}

/* A connection that had been ready is dialled again at once, one that never was after a wait
 * (grpc-go, resetTransport). */
void endpoint_lost(struct endpoint *endpoint)
{
    bool was_ready = endpoint->state == ENDPOINT_READY;
    endpoint->conn = NULL;
    if (endpoint->client->closing) {
        endpoint->state = ENDPOINT_WAITING;
    } else if (was_ready) {
        PROBE("client.redial");
        endpoint_dial(endpoint);
    } else {
        wait_to_dial(endpoint);
    }
}

struct endpoint *client_pick(struct client *client)
{
    for (size_t i = 0; i < client->endpoint_count; i++) {
        struct endpoint *endpoint = &client->endpoints[client->next];
        client->next = (client->next + 1) % client->endpoint_count;
        if (endpoint->state == ENDPOINT_READY) {
            return endpoint;
        }
    }
    return NULL;
}

/* As etcd's client takes an endpoint: bare, or behind http:// in any case, and then what follows
 * the address does not matter; no host is this one. What asks for TLS is never dialled in the
 * clear, and so never becomes ready. */
static bool find_address(struct slice name, struct url *url)
{
    static const char http[] = "http://";
    size_t len = sizeof(http) - 1;
    bool has_scheme = name.len >= len;
    for (size_t i = 0; i < len && has_scheme; i++) {
        uint8_t c = name.ptr[i];
        has_scheme = (c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c) == http[i];
    }
    if (has_scheme) {
        name = slice_from(name, len);
        ptrdiff_t slash = slice_find(name, '/');
        name.len = slash < 0 ? name.len : (size_t)slash;
    }
    if (endpoint_parse(name, url) != 0 || url->local || url->secure) {
        return false;
    }
    if (url->host[0] == '\0') {
        memcpy(url->host, "localhost", sizeof("localhost"));
    }
    return true;
}

int client_new(struct env *env, const struct client_config *config, struct client **result)
{
    *result = NULL;
    if (config->endpoint_count == 0) {
        return ERR_INVALID;
    }
    struct client *client = mem_zalloc(env->mem, 1, sizeof(*client));
    client->env = env;
    client->mem = env->mem;
    client->endpoint_count = config->endpoint_count;
    client->endpoints = mem_zalloc(env->mem, config->endpoint_count, sizeof(struct endpoint));
    client->keepalive_time_ns = config->keepalive_time_ns;
    if (client->keepalive_time_ns > 0 && client->keepalive_time_ns < POLICY_KEEPALIVE_MIN_NS) {
        client->keepalive_time_ns = POLICY_KEEPALIVE_MIN_NS;
    }
    client->keepalive_timeout_ns = config->keepalive_timeout_ns;
    client->backoff_rng = env_random(env, "client.backoff");
    client->retry_rng = env_random(env, "client.retry");
    list_init(&client->conns);
    list_init(&client->queued);
    list_init(&client->others);
    for (size_t i = 0; i < config->endpoint_count; i++) {
        struct endpoint *endpoint = &client->endpoints[i];
        struct slice name = config->endpoints[i];
        endpoint->client = client;
        endpoint->name = mem_strdup(env->mem, (const char *)name.ptr, name.len);
        endpoint->valid = find_address(name, &endpoint->url);
        endpoint->timer.fire = backoff_over;
        endpoint->timer.data = endpoint;
    }
    for (size_t i = 0; i < client->endpoint_count; i++) {
        endpoint_dial(&client->endpoints[i]);
    }
    *result = client;
    return 0;
}

static void free_client(struct env_timer *timer)
{
    struct client *client = timer->data;
    ASSERT(list_empty(&client->conns));
    ASSERT(list_empty(&client->queued));
    ASSERT(list_empty(&client->others));
    void (*closed)(void *data) = client->closed;
    void *data = client->closed_data;
    struct mem *mem = client->mem;
    for (size_t i = 0; i < client->endpoint_count; i++) {
        mem_free(mem, client->endpoints[i].name);
    }
    mem_free(mem, client->endpoints);
    mem_free(mem, client);
    if (closed != NULL) {
        closed(data);
    }
}

/* Through a timer, so that `closed` never runs inside client_close. */
void client_maybe_free(struct client *client)
{
    if (client->closing && list_empty(&client->conns)) {
        client->closed_timer.fire = free_client;
        client->closed_timer.data = client;
        env_timer_set(client->env, &client->closed_timer, env_now_ns(client->env));
    }
}

void client_close(struct client *client, void (*closed)(void *data), void *data)
{
    ASSERT(!client->closing);
    client->closing = true;
    client->closed = closed;
    client->closed_data = data;
    calls_cancel_all(client);
    for (size_t i = 0; i < client->endpoint_count; i++) {
        env_timer_stop(client->env, &client->endpoints[i].timer);
    }
    list_each_safe (it, &client->conns) {
        client_conn_close(container_of(it, struct conn, link));
    }
    client_maybe_free(client);
}

size_t client_endpoint_count(const struct client *client)
{
    return client->endpoint_count;
}

struct slice client_endpoint(const struct client *client, size_t i)
{
    ASSERT(i < client->endpoint_count);
    return slice_str(client->endpoints[i].name);
}
