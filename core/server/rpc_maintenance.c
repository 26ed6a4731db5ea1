/* etcdserverpb.Maintenance: Status, MoveLeader; and grpc.health.v1. HashKV is in hashkv.c,
 * Alarm in rpc_alarm.c.
 */
#include "base/assert.h"
#include "base/probe.h"
#include "node.h"

/* A MoveLeader that waits for its target to lead. */
struct move {
    struct list link;
    struct server *server;
    struct grpc_call *call;
    member_id_t target;
    struct env_timer timer;
};

/* Of what the keys and the members would need, were they written anew. */
static int64_t bytes_in_use(const struct server *server)
{
    struct buf members;
    buf_init(&members, server->env->mem);
    membership_encode(&server->members, &members);
    int64_t bytes = (int64_t)mvcc_size(server->mvcc) + (int64_t)members.len;
    buf_fini(&members);
    return bytes;
}

static void status_message(struct grpc_call *call, struct slice bytes)
{
    struct server *server = rpc_server(call);
    ProtobufCMessage *message = rpc_unpack(call, &etcdserverpb__status_request__descriptor, bytes);
    if (message == NULL) {
        return;
    }
    pb_free(server->env->mem, message);
    Etcdserverpb__ResponseHeader header;
    Etcdserverpb__StatusResponse response;
    char *errors[1 + sizeof(server->alarms.at) / sizeof(server->alarms.at[0])];
    struct buf texts[1 + sizeof(server->alarms.at) / sizeof(server->alarms.at[0])];
    size_t alarms = server->alarms.count;
    rpc_header(server, &header);
    etcdserverpb__status_response__init(&response);
    response.header = &header;
    response.version = pb_string(SERVER_ETCD_VERSION);
    /* The log is the database: it holds what is in use, and what was. */
    response.dbsize = (int64_t)storage_bytes(server->storage);
    response.dbsizeinuse = bytes_in_use(server);
    response.leader = server->leader;
    response.raftindex = server->commit;
    response.raftterm = server->applied_term;
    response.raftappliedindex = server->applied;
    response.islearner = members_is_learner(server);
    response.errors = errors;
    if (server->leader == 0) {
        errors[response.n_errors++] = pb_string(err_text(ERR_ETCD_NO_LEADER));
    }
    for (size_t i = 0; i < alarms; i++) {
        buf_init(&texts[i], server->env->mem);
        alarm_write(&server->alarms.at[i], &texts[i]);
        errors[response.n_errors++] = pb_string(buf_cstr(&texts[i]));
    }
    rpc_answer(call, &response.base);
    for (size_t i = 0; i < alarms; i++) {
        buf_fini(&texts[i]);
    }
}

/* MoveLeader ----------------------------------------------------------------------------------- */

static void free_move(struct move *move)
{
    list_remove(&move->link);
    env_timer_stop(move->server->env, &move->timer);
    mem_free(move->server->env->mem, move);
}

static void end_move(struct move *move, int err)
{
    struct grpc_call *call = move->call;
    struct server *server = move->server;
    grpc_call_set_user(call, NULL);
    free_move(move);
    if (err != 0) {
        port_call_err(call, err);
        return;
    }
    Etcdserverpb__ResponseHeader header;
    Etcdserverpb__MoveLeaderResponse response;
    rpc_header(server, &header);
    etcdserverpb__move_leader_response__init(&response);
    response.header = &header;
    rpc_answer(call, &response.base);
}

static void on_deadline(struct env_timer *timer)
{
    end_move(timer->data, ERR_ETCD_TRANSFER_TIMEOUT);
}

static int check_move(const struct server *server, member_id_t target)
{
    const struct member *member = membership_find(&server->members, target);
    if (!consensus_is_leader(server)) {
        return ERR_ETCD_NOT_LEADER;
    }
    if (server->phase != SERVER_RUNNING) {
        return ERR_ETCD_STOPPED;
    }
    return member == NULL || member->is_learner ? ERR_ETCD_BAD_TRANSFEREE : 0;
}

static void move_message(struct grpc_call *call, struct slice bytes)
{
    struct server *server = rpc_server(call);
    if (rpc_refused_by_learner(call)) {
        return;
    }
    ProtobufCMessage *message =
        rpc_unpack(call, &etcdserverpb__move_leader_request__descriptor, bytes);
    if (message == NULL) {
        return;
    }
    member_id_t target = ((const Etcdserverpb__MoveLeaderRequest *)message)->targetid;
    pb_free(server->env->mem, message);
    int rv = check_move(server, target);
    if (rv != 0) {
        port_call_err(call, rv);
        return;
    }
    struct move *move = mem_zalloc(server->env->mem, 1, sizeof(*move));
    move->server = server;
    move->call = call;
    move->target = target;
    move->timer.fire = on_deadline;
    move->timer.data = move;
    list_push_back(&server->moves, &move->link);
    grpc_call_set_user(call, move);
    if (target == server->id) {
        end_move(move, 0);
        return;
    }
    env_timer_set(server->env, &move->timer,
                  rpc_deadline_ns(call, server_request_timeout_ns(server)));
    LOG(server->env, INFO, "leadership transfer starts", log_hex("from", server->id),
        log_hex("to", target));
    struct raft_event event = {.type = RAFT_EVENT_TRANSFER, .member = target};
    consensus_step(server, &event);
}

static void move_canceled(struct grpc_call *call)
{
    struct move *move = grpc_call_user(call);
    if (move != NULL) {
        free_move(move);
    }
}

void maintenance_leader_changed(struct server *server)
{
    list_each_safe (it, &server->moves) {
        struct move *move = container_of(it, struct move, link);
        end_move(move, server->leader == move->target ? 0 : ERR_ETCD_TRANSFER_TIMEOUT);
    }
}

void maintenance_transfer_failed(struct server *server, int err)
{
    maintenance_fail(server, err == ERR_CANCELED ? ERR_ETCD_TRANSFER_TIMEOUT : err);
}

void maintenance_fail(struct server *server, int err)
{
    list_each_safe (it, &server->moves) {
        end_move(container_of(it, struct move, link), err);
    }
}

static const struct grpc_method methods[] = {
    {.name = "Status", .message = status_message},
    {.name = "Alarm", .message = alarm_message, .canceled = request_canceled},
    {.name = "MoveLeader", .message = move_message, .canceled = move_canceled},
    {.name = "Defragment", .start = rpc_absent_maintenance},
    {.name = "Hash", .start = rpc_absent_maintenance},
    {.name = "HashKV", .message = hashkv_message, .canceled = hashkv_canceled},
    {.name = "Snapshot",
     .server_streams = true,
     .message = rpc_snapshot_message,
     .drained = rpc_snapshot_drained,
     .canceled = rpc_snapshot_canceled},
};

const struct grpc_service rpc_maintenance = {"etcdserverpb.Maintenance", methods,
                                             sizeof(methods) / sizeof(methods[0])};

/* grpc.health.v1.Health: SERVING for the server as a whole, as etcd always answers. The two
 * messages have one field each: HealthCheckRequest.service = 1, HealthCheckResponse.status = 1 (1:
 * SERVING). */
static void health_message(struct grpc_call *call, struct slice bytes)
{
    static const uint8_t serving[] = {0x08, 0x01};
    if (bytes.len > 0) {
        grpc_call_finish(call, GRPC_NOT_FOUND, slice_str("unknown service"));
        return;
    }
    port_call_send(call, slice_of(serving, sizeof(serving)));
    port_call_ok(call);
}

static const struct grpc_method health_methods[] = {
    {.name = "Check", .message = health_message},
};

const struct grpc_service rpc_health = {"grpc.health.v1.Health", health_methods, 1};
