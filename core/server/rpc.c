/* What the services share.
 */
#include "base/assert.h"
#include "base/probe.h"
#include "node.h"

const struct grpc_service *const rpc_services[] = {
    &rpc_kv, &rpc_cluster, &rpc_maintenance, &rpc_health, &rpc_watch, &rpc_lease, &rpc_auth};
const size_t rpc_service_count = sizeof(rpc_services) / sizeof(rpc_services[0]);

struct server *rpc_server(struct grpc_call *call)
{
    return port_of_call(call)->data;
}

ProtobufCMessage *rpc_unpack(struct grpc_call *call, const ProtobufCMessageDescriptor *type,
                             struct slice message)
{
    struct server *server = rpc_server(call);
    ProtobufCMessage *unpacked = NULL;
    int rv = pb_unpack(server->env->mem, type, message, &pb_limits_request, &unpacked);
    if (rv != 0) {
        PROBE("server.request_malformed");
        port_call_err(call, rv);
        return NULL;
    }
    return unpacked;
}

void rpc_answer(struct grpc_call *call, const ProtobufCMessage *message)
{
    size_t size = pb_packed_size(message);
    uint8_t *room = port_call_reserve(call, size);
    size_t packed = protobuf_c_message_pack(message, room);
    ASSERT(packed == size);
    port_call_ok(call);
}

void rpc_header(const struct server *server, Etcdserverpb__ResponseHeader *header)
{
    etcdserverpb__response_header__init(header);
    header->cluster_id = server->cluster_id;
    header->member_id = server->id;
    header->revision = mvcc_revision(server->mvcc);
    header->raft_term = server->applied_term;
}

int64_t rpc_deadline_ns(struct grpc_call *call, int64_t limit_ns)
{
    int64_t client = grpc_call_deadline_ns(call);
    if (limit_ns == INT64_MAX) {
        return client;
    }
    int64_t limit = env_now_ns(rpc_server(call)->env) + limit_ns;
    return client < limit ? client : limit;
}

bool rpc_refused_by_learner(struct grpc_call *call)
{
    if (!members_is_learner(rpc_server(call))) {
        return false;
    }
    port_call_err(call, ERR_ETCD_LEARNER_RPC);
    return true;
}

void rpc_fail(struct request *request, int err)
{
    if (request->call != NULL) {
        observe_answer(request->server, request->head.seq, (int)err_grpc(err));
        struct grpc_call *call = request->call;
        request->call = NULL;
        port_call_err(call, err);
    } else if (request->asker != 0) {
        promote_reply(request, err);
    }
}
