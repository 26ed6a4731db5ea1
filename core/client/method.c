/* The methods, and which of them etcd's client calls repeatable (its retry wrappers). Reads are,
 * and so is move-leader; puts, deletes and changes of membership are not. */
#include "client/client.h"

#include "pb/rpc.pb-c.h"

#define METHOD(service, name, request_type, response_type, again)                                 \
    {                                                                                             \
        .path = "/etcdserverpb." service "/" name,                                                \
        .request = &etcdserverpb__##request_type##_request__descriptor,                           \
        .response = &etcdserverpb__##response_type##_response__descriptor, .repeatable = (again), \
    }

const struct client_method client_range = METHOD("KV", "Range", range, range, true);
const struct client_method client_put = METHOD("KV", "Put", put, put, false);
const struct client_method client_delete_range =
    METHOD("KV", "DeleteRange", delete_range, delete_range, false);
const struct client_method client_compact = METHOD("KV", "Compact", compaction, compaction, false);
const struct client_method client_member_add =
    METHOD("Cluster", "MemberAdd", member_add, member_add, false);
const struct client_method client_member_remove =
    METHOD("Cluster", "MemberRemove", member_remove, member_remove, false);
const struct client_method client_member_update =
    METHOD("Cluster", "MemberUpdate", member_update, member_update, false);
const struct client_method client_member_list =
    METHOD("Cluster", "MemberList", member_list, member_list, true);
const struct client_method client_member_promote =
    METHOD("Cluster", "MemberPromote", member_promote, member_promote, false);
const struct client_method client_status = METHOD("Maintenance", "Status", status, status, true);
const struct client_method client_alarm = METHOD("Maintenance", "Alarm", alarm, alarm, true);
/* Written out: protobuf-c makes one word of KVRequest. */
const struct client_method client_hash_kv = {
    .path = "/etcdserverpb.Maintenance/HashKV",
    .request = &etcdserverpb__hash_kvrequest__descriptor,
    .response = &etcdserverpb__hash_kvresponse__descriptor,
    .repeatable = true,
};
const struct client_method client_move_leader =
    METHOD("Maintenance", "MoveLeader", move_leader, move_leader, true);
const struct client_method client_snapshot =
    METHOD("Maintenance", "Snapshot", snapshot, snapshot, false);
