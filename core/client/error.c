#include "client/client.h"

#include "grpc/wire.h"

/* The texts that etcd 3.4's client recognises (package rpctypes) and prints bare. Any other text
 * keeps its gRPC clothes. */
static const char *const etcd_texts[] = {
    "etcdserver: Peer URLs already exists",
    "etcdserver: authentication failed, invalid user ID or password",
    "etcdserver: authentication is not enabled",
    "etcdserver: bad leader transferee",
    "etcdserver: can only promote a learner member",
    "etcdserver: can only promote a learner member which is in sync with leader",
    "etcdserver: corrupt cluster",
    "etcdserver: duplicate key given in txn request",
    "etcdserver: given member URLs are invalid",
    "etcdserver: invalid auth management",
    "etcdserver: invalid auth token",
    "etcdserver: key is not provided",
    "etcdserver: key not found",
    "etcdserver: leader changed",
    "etcdserver: lease already exists",
    "etcdserver: lease is provided",
    "etcdserver: member ID already exist",
    "etcdserver: member not found",
    "etcdserver: mvcc: database space exceeded",
    "etcdserver: mvcc: required revision has been compacted",
    "etcdserver: mvcc: required revision is a future revision",
    "etcdserver: no leader",
    "etcdserver: not capable",
    "etcdserver: not leader",
    "etcdserver: permission denied",
    "etcdserver: permission is not granted to the role",
    "etcdserver: re-configuration failed due to not enough started members",
    "etcdserver: request is too large",
    "etcdserver: request timed out",
    "etcdserver: request timed out, possibly due to connection lost",
    "etcdserver: request timed out, possibly due to previous leader failure",
    "etcdserver: request timed out, waiting for the applied index took too long",
    "etcdserver: requested lease not found",
    "etcdserver: revision of auth store is old",
    "etcdserver: role is not granted to the user",
    "etcdserver: role name already exists",
    "etcdserver: role name is empty",
    "etcdserver: role name not found",
    "etcdserver: root user does not exist",
    "etcdserver: root user does not have root role",
    "etcdserver: rpc not supported for learner",
    "etcdserver: server stopped",
    "etcdserver: too large lease TTL",
    "etcdserver: too many learner members in cluster",
    "etcdserver: too many operations in txn request",
    "etcdserver: too many requests",
    "etcdserver: unhealthy cluster",
    "etcdserver: user name already exists",
    "etcdserver: user name is empty",
    "etcdserver: user name not found",
    "etcdserver: value is provided",
    "etcdserver: watch canceled",
};

bool client_error_is_etcd(struct slice text)
{
    for (size_t i = 0; i < sizeof(etcd_texts) / sizeof(etcd_texts[0]); i++) {
        if (slice_eq_str(text, etcd_texts[i])) {
            return true;
        }
    }
    return false;
}

void client_error_text(enum grpc_status status, struct slice text, struct buf *out)
{
    if (client_error_is_etcd(text)) {
        buf_add_slice(out, text);
        return;
    }
    const char *name = grpc_status_name((int)status);
    if (name != NULL) {
        buf_printf(out, "rpc error: code = %s desc = ", name);
    } else {
        buf_printf(out, "rpc error: code = Code(%d) desc = ", (int)status);
    }
    buf_add_slice(out, text);
}
