/* Methods of etcd's that do not exist here yet. They are named because a learner refuses them as it
 * refuses any other; everybody else says what an unknown method or service is told.
 */
#include "node.h"

static void refuse(struct grpc_call *call, const char *service, bool others_exist)
{
    struct buf text;
    if (rpc_refused_by_learner(call)) {
        return;
    }
    buf_init(&text, rpc_server(call)->env->mem);
    if (others_exist) {
        buf_printf(&text, "unknown method %s for service %s", grpc_call_method(call)->name,
                   service);
    } else {
        buf_printf(&text, "unknown service %s", service);
    }
    grpc_call_finish(call, GRPC_UNIMPLEMENTED, buf_slice(&text));
    buf_fini(&text);
}

void rpc_absent_kv(struct grpc_call *call)
{
    refuse(call, "etcdserverpb.KV", true);
}

void rpc_absent_maintenance(struct grpc_call *call)
{
    refuse(call, "etcdserverpb.Maintenance", true);
}

static void watch_start(struct grpc_call *call)
{
    refuse(call, "etcdserverpb.Watch", false);
}

static void lease_start(struct grpc_call *call)
{
    refuse(call, "etcdserverpb.Lease", false);
}

static void auth_start(struct grpc_call *call)
{
    refuse(call, "etcdserverpb.Auth", false);
}

static const struct grpc_method watch_methods[] = {
    {.name = "Watch", .client_streams = true, .server_streams = true, .start = watch_start},
};

static const struct grpc_method lease_methods[] = {
    {.name = "LeaseGrant", .start = lease_start},
    {.name = "LeaseRevoke", .start = lease_start},
    {.name = "LeaseKeepAlive",
     .client_streams = true,
     .server_streams = true,
     .start = lease_start},
    {.name = "LeaseTimeToLive", .start = lease_start},
    {.name = "LeaseLeases", .start = lease_start},
};

static const struct grpc_method auth_methods[] = {
    {.name = "AuthEnable", .start = auth_start},
    {.name = "AuthDisable", .start = auth_start},
    {.name = "Authenticate", .start = auth_start},
    {.name = "UserAdd", .start = auth_start},
    {.name = "UserGet", .start = auth_start},
    {.name = "UserList", .start = auth_start},
    {.name = "UserDelete", .start = auth_start},
    {.name = "UserChangePassword", .start = auth_start},
    {.name = "UserGrantRole", .start = auth_start},
    {.name = "UserRevokeRole", .start = auth_start},
    {.name = "RoleAdd", .start = auth_start},
    {.name = "RoleGet", .start = auth_start},
    {.name = "RoleList", .start = auth_start},
    {.name = "RoleDelete", .start = auth_start},
    {.name = "RoleGrantPermission", .start = auth_start},
    {.name = "RoleRevokePermission", .start = auth_start},
};

const struct grpc_service rpc_watch = {"etcdserverpb.Watch", watch_methods,
                                       sizeof(watch_methods) / sizeof(watch_methods[0])};
const struct grpc_service rpc_lease = {"etcdserverpb.Lease", lease_methods,
                                       sizeof(lease_methods) / sizeof(lease_methods[0])};
const struct grpc_service rpc_auth = {"etcdserverpb.Auth", auth_methods,
                                      sizeof(auth_methods) / sizeof(auth_methods[0])};
