/* The pages of the client port and of the peer port (etcd: etcdserver/api/etcdhttp).
 */
#include "base/fmt.h"
#include "base/probe.h"
#include "node.h"

/* etcd's limit for the read behind /health. */
#define HEALTH_TIMEOUT_NS SEC_NS

static const struct http1_field cors[] = {
    {{(const uint8_t *)"Access-Control-Allow-Headers", 28},
     {(const uint8_t *)"accept, content-type, authorization", 35}},
    {{(const uint8_t *)"Access-Control-Allow-Methods", 28},
     {(const uint8_t *)"POST, GET, OPTIONS, PUT, DELETE", 31}},
    {{(const uint8_t *)"Access-Control-Allow-Origin", 27}, {(const uint8_t *)"*", 1}},
};

#define CORS_COUNT (sizeof(cors) / sizeof(cors[0]))

struct health_wait {
    struct read_wait read;
    struct port_conn *conn;
};

static void answer_health(struct port_conn *conn, bool healthy)
{
    if (!healthy) {
        http1_answer_error(port_page_take(conn), 503, "{\"health\":\"false\"}", cors, CORS_COUNT);
        return;
    }
    const struct http1_answer answer = {.status = 200,
                                        .fields = cors,
                                        .field_count = CORS_COUNT,
                                        .body = slice_str("{\"health\":\"true\"}")};
    port_page_answer(conn, &answer);
}

static void health_ready(struct read_wait *read, int err)
{
    struct health_wait *wait = container_of(read, struct health_wait, read);
    struct port_conn *conn = wait->conn;
    mem_free(read->server->env->mem, wait);
    answer_health(conn, err == 0);
}

static void page_health(struct server *server, struct port_conn *conn)
{
    if (server->leader == 0 || server->phase >= SERVER_STOPPING || server->alarms.count > 0) {
        answer_health(conn, false);
        return;
    }
    if (members_is_learner(server)) {
        answer_health(conn, true); /* as captured: a learner is healthy while it knows a leader */
        return;
    }
    struct health_wait *wait = mem_zalloc(server->env->mem, 1, sizeof(*wait));
    wait->conn = conn;
    wait->read.ready = health_ready;
    port_page_set_user(conn, wait);
    read_begin(server, &wait->read, env_now_ns(server->env) + HEALTH_TIMEOUT_NS);
}

static void page_version(struct server *server, struct port_conn *conn,
                         const struct http1_field *fields, size_t count)
{
    char body[96];
    const char *cluster =
        server->cluster_version[0] == '\0' ? "not_decided" : server->cluster_version;
    fmt(body, sizeof(body), "{\"etcdserver\":\"%s\",\"etcdcluster\":\"%s\"}", SERVER_ETCD_VERSION,
        cluster);
    const struct http1_answer answer = {.status = 200,
                                        .content_type = "application/json",
                                        .fields = fields,
                                        .field_count = count,
                                        .body = slice_str(body)};
    port_page_answer(conn, &answer);
}

void pages_client(struct port *port, struct port_conn *conn, const struct http1_request *request)
{
    struct server *server = port->data;
    bool health = slice_eq_str(request->path, "/health");
    bool version = slice_eq_str(request->path, "/version");
    if (!health && !version) {
        http1_answer_not_found(port_page_take(conn), cors, CORS_COUNT);
    } else if (!slice_eq_str(request->method, "GET")) {
        http1_answer_not_allowed(port_page_take(conn), "GET", cors, CORS_COUNT);
    } else if (health) {
        page_health(server, conn);
    } else {
        page_version(server, conn, cors, CORS_COUNT);
    }
}

void pages_client_gone(struct port *port, struct port_conn *conn)
{
    struct health_wait *wait = port_page_user(conn);
    (void)port;
    if (wait != NULL) {
        struct mem *mem = wait->read.server->env->mem;
        read_cancel(&wait->read);
        mem_free(mem, wait);
    }
}

void pages_peer(struct port *port, struct port_conn *conn, const struct http1_request *request)
{
    struct server *server = port->data;
    char cluster[20];
    fmt(cluster, sizeof(cluster), "%llx", (unsigned long long)server->cluster_id);
    const struct http1_field id = {slice_str("X-Etcd-Cluster-Id"), slice_str(cluster)};
    if (slice_eq_str(request->path, "/version")) {
        page_version(server, conn, NULL, 0);
        return;
    }
    if (!slice_eq_str(request->path, "/members")) {
        http1_answer_not_found(port_page_take(conn), NULL, 0);
        return;
    }
    if (!slice_eq_str(request->method, "GET")) {
        http1_answer_not_allowed(port_page_take(conn), "GET", &id, 1);
        return;
    }
    if (server->members.count == 0) {
        /* It has joined and has nothing of the log yet. Who wants to join too, and asks here, must
         * not take that for the cluster's list, but go on to the next. */
        PROBE("server.members_not_known_yet");
        http1_answer_error(port_page_take(conn), 503, "the member has no list of members yet\n",
                           &id, 1);
        return;
    }
    struct buf body;
    buf_init(&body, server->env->mem);
    membership_write_json(&server->members, &body);
    const struct http1_answer answer = {.status = 200,
                                        .content_type = "application/json",
                                        .fields = &id,
                                        .field_count = 1,
                                        .body = buf_slice(&body)};
    port_page_answer(conn, &answer);
    buf_fini(&body);
}
