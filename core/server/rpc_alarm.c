/* etcdserverpb.Maintenance/Alarm, and the alarm that this member raises itself.
 *
 * A disk that is nearly full is told before it hurts: the log keeps a reserve (storage.h), in which
 * the alarm's own entry finds its place. From the application of that entry on every member refuses
 * puts, the same on all; deletions, compactions, membership and reads go on. It stays until it is
 * disarmed, as in etcd.
 */
#include "base/assert.h"
#include "base/probe.h"
#include "node.h"

/* Less than this is low: another segment of the log would not fit. */
#define SPACE_LOW (UINT64_C(64) * 1024 * 1024)

static const struct pb_limits limits = {
    .depth_max = 2, .fields_max = 16, .bytes_base = 4096, .bytes_per_byte = 64};

void alarm_message(struct grpc_call *call, struct slice bytes)
{
    struct server *server = rpc_server(call);
    if (rpc_refused_by_learner(call)) {
        return;
    }
    ProtobufCMessage *message = rpc_unpack(call, &etcdserverpb__alarm_request__descriptor, bytes);
    if (message == NULL) {
        return;
    }
    pb_free(server->env->mem, message);
    /* Also a list goes through the log, so that it is no older than the call. */
    struct request *request = request_new(server, ENTRY_ALARM, call);
    buf_add_slice(&request->payload, bytes);
    request_submit(request, rpc_deadline_ns(call, server_request_timeout_ns(server)));
}

struct answer {
    Etcdserverpb__AlarmMember at[sizeof(((struct alarms *)0)->at) / sizeof(struct alarm)];
    Etcdserverpb__AlarmMember *pointers[sizeof(((struct alarms *)0)->at) / sizeof(struct alarm)];
    size_t count;
};

static void add(struct answer *answer, member_id_t member, enum alarm_type type)
{
    Etcdserverpb__AlarmMember *alarm = &answer->at[answer->count];
    etcdserverpb__alarm_member__init(alarm);
    alarm->memberid = member;
    alarm->alarm = (Etcdserverpb__AlarmType)type;
    answer->pointers[answer->count++] = alarm;
}

static void raise_alarm(struct server *server, member_id_t member, enum alarm_type type,
                        struct answer *answer)
{
    if (!alarms_raise(&server->alarms, member, type)) {
        return;
    }
    LOG(server->env, WARN, "alarm raised", log_hex("member", member),
        log_str("alarm", type == ALARM_NOSPACE ? "NOSPACE" : "CORRUPT"));
    if (member == server->id && type == ALARM_NOSPACE) {
        server->space_is_low = false;
    }
    add(answer, member, type);
}

static void disarm(struct server *server, member_id_t member, enum alarm_type type,
                   struct answer *answer)
{
    if (!alarms_disarm(&server->alarms, member, type)) {
        return;
    }
    LOG(server->env, INFO, "alarm disarmed", log_hex("member", member),
        log_str("alarm", type == ALARM_NOSPACE ? "NOSPACE" : "CORRUPT"));
    add(answer, member, type);
}

static bool is_known(int type)
{
    return type == ALARM_NOSPACE || type == ALARM_CORRUPT;
}

static void carry_out(struct server *server, const Etcdserverpb__AlarmRequest *request,
                      struct answer *answer)
{
    int type = (int)request->alarm;
    switch (request->action) {
    case ETCDSERVERPB__ALARM_REQUEST__ALARM_ACTION__GET:
        for (size_t i = 0; i < server->alarms.count; i++) {
            const struct alarm *alarm = &server->alarms.at[i];
            if (type == ALARM_NONE || type == (int)alarm->type) {
                add(answer, alarm->member, alarm->type);
            }
        }
        break;
    case ETCDSERVERPB__ALARM_REQUEST__ALARM_ACTION__ACTIVATE:
        if (is_known(type)) {
            raise_alarm(server, request->memberid, (enum alarm_type)type, answer);
        }
        break;
    case ETCDSERVERPB__ALARM_REQUEST__ALARM_ACTION__DEACTIVATE:
        if (is_known(type)) {
            disarm(server, request->memberid, (enum alarm_type)type, answer);
        }
        break;
    default: PROBE("server.alarm_unknown_action"); break; /* of a newer version */
    }
}

static void respond(struct request *request, struct answer *answer)
{
    struct grpc_call *call = request->call;
    Etcdserverpb__AlarmResponse response;
    request->call = NULL;
    observe_answer(request->server, request->head.seq, GRPC_OK);
    etcdserverpb__alarm_response__init(&response); /* as captured: no header */
    response.n_alarms = answer->count;
    response.alarms = answer->pointers;
    rpc_answer(call, &response.base);
}

void apply_alarm(struct server *server, struct request *request, struct slice body)
{
    struct mem *mem = server->env->mem;
    ProtobufCMessage *message = NULL;
    if (pb_unpack(mem, &etcdserverpb__alarm_request__descriptor, body, &limits, &message) != 0) {
        PROBE("server.alarm_malformed");
        return;
    }
    struct answer *answer = mem_zalloc(mem, 1, sizeof(*answer));
    carry_out(server, (const Etcdserverpb__AlarmRequest *)message, answer);
    if (request != NULL && request->call != NULL) {
        respond(request, answer);
    }
    mem_free(mem, answer);
    pb_free(mem, message);
}

void alarm_space(struct server *server, uint64_t free_bytes)
{
    bool low = free_bytes < SPACE_LOW;
    if (low && !server->space_is_low && !alarms_have(&server->alarms, server->id, ALARM_NOSPACE)) {
        PROBE("server.space_is_low");
        LOG(server->env, WARN, "the disk of the log is nearly full; free some space, then disarm",
            log_u64("free", free_bytes), log_str("data-dir", server->config.data_dir));
        server->alarm_next_ns = 0;
    }
    server->space_is_low = low;
}

void alarm_consider(struct server *server)
{
    int64_t now_ns = env_now_ns(server->env);
    if (!server->space_is_low || server->phase != SERVER_RUNNING ||
        now_ns < server->alarm_next_ns || alarms_have(&server->alarms, server->id, ALARM_NOSPACE) ||
        server->leader == 0) {
        return;
    }
    int64_t until = now_ns + server_request_timeout_ns(server);
    Etcdserverpb__AlarmRequest alarm;
    etcdserverpb__alarm_request__init(&alarm);
    alarm.action = ETCDSERVERPB__ALARM_REQUEST__ALARM_ACTION__ACTIVATE;
    alarm.memberid = server->id;
    alarm.alarm = ETCDSERVERPB__ALARM_TYPE__NOSPACE;
    server->alarm_next_ns = until;
    struct request *request = request_new(server, ENTRY_ALARM, NULL);
    pb_pack(&alarm.base, &request->payload);
    request_submit(request, until);
    requests_flush(server);
}
