/* Start and end of the program.
 */
#include "base/assert.h"
#include "base/fmt.h"
#include "node.h"

static void say(struct env *env, enum env_output to, const char *text)
{
    env_print(env, to, slice_str(text));
}

static void ports_closed(struct port *port)
{
    stop_continue(port->data);
}

static void link_incoming(struct port *port, struct env_incoming *incoming)
{
    struct server *server = port->data;
    if (server->phase == SERVER_RUNNING || server->phase == SERVER_LEAVING) {
        peers_accept(&server->peers, incoming);
    }
}

static const struct port_events client_events = {
    .page = pages_client,
    .page_gone = pages_client_gone,
    .closed = ports_closed,
};

static const struct port_events peer_port_events = {
    .page = pages_peer,
    .link = link_incoming,
    .closed = ports_closed,
};

static void set_client_limits(struct port *port, const struct server_config *config)
{
    struct http2_options *http2 = &port->grpc.http2;
    port->grpc.message_max = (size_t)config->request_bytes_max + GRPC_MESSAGE_SLACK;
    http2->streams_told = config->streams_max;
    if (config->streams_max < http2->streams_max) {
        http2->streams_max = config->streams_max;
    }
    http2->ping_min_ns = config->keepalive_min_ns;
    port->keepalive_interval_ns = config->keepalive_interval_ns;
    port->keepalive_timeout_ns = config->keepalive_timeout_ns;
}

static void init(struct server *server, struct env *env)
{
    server->env = env;
    list_init(&server->held);
    list_init(&server->gathered);
    list_init(&server->parked);
    list_init(&server->proposed);
    list_init(&server->asks);
    list_init(&server->moves);
    list_init(&server->physicals);
    list_init(&server->retired);
    list_init(&server->hash_waits);
    list_init(&server->streams);
    map_init(&server->waiting, env->mem);
    buf_init(&server->record, env->mem);
    raft_message_space_init(&server->space, env->mem);
    membership_init(&server->members, env->mem);
    reads_init(server);
    snapshots_init(server);
    port_init(&server->clients, env, &client_events, server, rpc_services, rpc_service_count);
    set_client_limits(&server->clients, &server->config);
    port_init(&server->peer_port, env, &peer_port_events, server, NULL, 0);
    peers_init(&server->peers, env, &link_events, server, server->config.election_ns);
}

/* Before anything is open: one line, and the end. */
static void refuse(struct server *server, int err, const char *why)
{
    struct env *env = server->env;
    char line[768];
    if (err == ERR_USAGE) {
        fmt(line, sizeof(line), "%s\nsee 'quorated --help'\n", why);
    } else {
        fmt(line, sizeof(line), "error verifying flags, %s. See 'quorated --help'.\n", why);
    }
    say(env, ENV_STDERR, line);
    mem_free(env->mem, server);
    env_exit(env, err == ERR_USAGE ? 2 : 1, true);
}

static void answer_and_end(struct server *server)
{
    struct env *env = server->env;
    struct buf text;
    buf_init(&text, env->mem);
    if (server->config.show_version) {
        buf_printf(&text, "quorated (Quorate) %s\netcd API: %s\n", SERVER_VERSION,
                   SERVER_ETCD_VERSION);
    } else {
        config_help(&text);
    }
    env_print(env, ENV_STDOUT, buf_slice(&text));
    buf_fini(&text);
    config_fini(&server->config, env);
    mem_free(env->mem, server);
    env_exit(env, 0, true);
}

static bool listen_all(struct server *server, struct port *port, const struct config_urls *urls)
{
    for (size_t i = 0; i < urls->count; i++) {
        const struct url *url = &urls->url[i];
        int rv = port_listen(port, url->host, url->port);
        if (rv != 0) {
            char why[512];
            fmt(why, sizeof(why), "listen tcp %s:%u: %s", url->host, url->port, err_text(rv));
            server_fatal(server, why);
            return false;
        }
    }
    return true;
}

static void start(struct env *env)
{
    char why[640];
    struct server *server = mem_zalloc(env->mem, 1, sizeof(*server));
    server->env = env;
    int rv = config_read(&server->config, env, why, sizeof(why));
    if (rv != 0) {
        refuse(server, rv, why);
        return;
    }
    if (server->config.show_version || server->config.show_help) {
        answer_and_end(server);
        return;
    }
    env->log_level = server->config.log_level;
    init(server, env);
    /* Its name alone: a value may be a secret. */
    size_t at = 0;
    for (const char *name; (name = config_unknown_var(env, &at)) != NULL;) {
        LOG(env, WARN, "unrecognized environment variable", log_str("variable", name));
    }
    env_at_stop(env, stop_asked, server);
    env_at_turn_end(env, server_turn_end, server);
    LOG(env, INFO, "starting a member", log_str("name", server->config.name),
        log_str("version", SERVER_VERSION), log_str("data-dir", server->config.data_dir),
        log_duration("heartbeat", server->config.heartbeat_ns),
        log_duration("election", server->config.election_ns));
    if (listen_all(server, &server->peer_port, &server->config.listen_peer) &&
        listen_all(server, &server->clients, &server->config.listen_client)) {
        server_boot(server);
    }
}

const struct env_program server_program = {"quorated", start};

void server_fatal(struct server *server, const char *why)
{
    LOG(server->env, ERROR, why, log_str("name", server->config.name));
    stop_now(server, 1);
}

void server_turn_end(void *data)
{
    struct server *server = data;
    if (server->raft != NULL && !server->halted) {
        publish_version(server);
        requests_flush(server);
        apply_committed(server);
        reads_applied(server);
        /* Applying may have answered reads whose clients, or the member itself, ask for more. */
        requests_flush(server);
        snapshot_consider(server);
        alarm_consider(server);
        compaction_turn(server);
        hashkv_turn(server);
    }
    if (server->storage != NULL && server->phase < SERVER_STOPPING) {
        storage_flush(server->storage);
    }
    if (!server->clients.closing) {
        port_flush(&server->clients);
        port_flush(&server->peer_port);
    }
}

void server_end(struct server *server)
{
    struct env *env = server->env;
    int code = server->exit_code;
    struct obs_event event;
    memset(&event, 0, sizeof(event));
    event.kind = OBS_EXIT;
    event.member = server->id;
    event.exit.code = code;
    env_observe(env, &event);
    LOG(env, INFO, "stopped", log_i64("code", code));
    env_at_turn_end(env, NULL, NULL);
    consensus_fini(server);
    force_free(server);
    retire_end(server);
    mvcc_free(server->mvcc);
    membership_fini(&server->members);
    storage_free(server->storage);
    raft_message_space_fini(&server->space);
    map_fini(&server->waiting);
    buf_fini(&server->record);
    config_fini(&server->config, env);
    mem_free(env->mem, server);
    env_exit(env, code, true);
}
