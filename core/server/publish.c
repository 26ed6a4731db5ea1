/* A member tells its cluster its name and where clients find it, once in each start, through the
 * log. Until that entry is applied here it serves no client (as etcd: its ready channel).
 */
#include "base/assert.h"
#include "node.h"

static void on_retry(struct env_timer *timer)
{
    struct server *server = timer->data;
    LOG(server->env, ERROR, "publish error: etcdserver: request timed out",
        log_hex("member", server->id));
    publish_start(server);
}

void publish_start(struct server *server)
{
    struct membership_publish publish = {
        .id = server->id, .name = slice_str(server->config.name), .instance = server->instance};
    const struct config_urls *urls = &server->config.advertise_client;
    publish.client_urls.count = urls->count;
    memcpy(publish.client_urls.at, urls->text, urls->count * sizeof(urls->text[0]));
    /* The request itself ends with the timer, as a new one takes its place. */
    int64_t until = env_now_ns(server->env) + server_request_timeout_ns(server);
    struct request *request = request_new(server, ENTRY_PUBLISH, NULL);
    membership_publish_encode(&publish, &request->payload);
    server->publish_timer.fire = on_retry;
    server->publish_timer.data = server;
    env_timer_set(server->env, &server->publish_timer, until);
    request_submit(request, until);
}

void publish_applied(struct server *server)
{
    if (server->published) {
        return;
    }
    server->published = true;
    env_timer_stop(server->env, &server->publish_timer);
    LOG(server->env, INFO, "published; ready to serve client requests",
        log_hex("member", server->id), log_hex("cluster", server->cluster_id));
    port_serve(&server->clients);
    observe_published(server);
}

void publish_version(struct server *server)
{
    if (server->version_proposed || server->cluster_version[0] != '\0' || !server->published ||
        !consensus_is_leader(server)) {
        return;
    }
    /* Proposed again only by a later leader: if it is lost, so is this one's leadership. */
    server->version_proposed = true;
    struct request *request = request_new(server, ENTRY_CLUSTER_VERSION, NULL);
    buf_add_str(&request->payload, SERVER_CLUSTER_VERSION);
    request_submit(request, env_now_ns(server->env) + server_request_timeout_ns(server));
}
