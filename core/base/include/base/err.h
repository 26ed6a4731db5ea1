/* Every error that a function of this project returns, in one table.
 *
 * Functions return `int`: 0 or one of these negative numbers. The first half are errors of our own
 * making; the second half are etcd's, whose gRPC status and text clients compare, so both are facts
 * of etcd 3.4.23 and must not be reworded. Where etcd's table and etcd's wire differ, the wire
 * wins.
 */
#ifndef BASE_ERR_H
#define BASE_ERR_H

#include <stdint.h>

/* gRPC status codes (grpc.io, "Status codes and their use in gRPC"). */
enum grpc_status {
    GRPC_OK = 0,
    GRPC_CANCELED = 1,
    GRPC_UNKNOWN = 2,
    GRPC_INVALID_ARGUMENT = 3,
    GRPC_DEADLINE_EXCEEDED = 4,
    GRPC_NOT_FOUND = 5,
    GRPC_ALREADY_EXISTS = 6,
    GRPC_PERMISSION_DENIED = 7,
    GRPC_RESOURCE_EXHAUSTED = 8,
    GRPC_FAILED_PRECONDITION = 9,
    GRPC_ABORTED = 10,
    GRPC_OUT_OF_RANGE = 11,
    GRPC_UNIMPLEMENTED = 12,
    GRPC_INTERNAL = 13,
    GRPC_UNAVAILABLE = 14,
    GRPC_DATA_LOSS = 15,
    GRPC_UNAUTHENTICATED = 16
};

/* X(NAME, number, gRPC status, text) */
#define ERR_TABLE(X)                                                                               \
    /* Ours. */                                                                                    \
    X(ERR_INVALID, -1, GRPC_INVALID_ARGUMENT, "invalid argument")                                  \
    X(ERR_PROTO, -2, GRPC_INTERNAL, "malformed message")                                           \
    X(ERR_LIMIT, -3, GRPC_RESOURCE_EXHAUSTED, "limit exceeded")                                    \
    X(ERR_NOT_FOUND, -4, GRPC_NOT_FOUND, "not found")                                              \
    X(ERR_EXISTS, -5, GRPC_ALREADY_EXISTS, "already exists")                                       \
    X(ERR_IO, -6, GRPC_INTERNAL, "input/output error")                                             \
    X(ERR_NO_SPACE, -7, GRPC_RESOURCE_EXHAUSTED, "no space left on device")                        \
    X(ERR_CORRUPT, -8, GRPC_DATA_LOSS, "data is corrupt")                                          \
    X(ERR_LOCKED, -9, GRPC_FAILED_PRECONDITION, "locked by another process")                       \
    X(ERR_AGAIN, -10, GRPC_UNAVAILABLE, "try again")                                               \
    X(ERR_CANCELED, -11, GRPC_CANCELED, "canceled")                                                \
    X(ERR_EOF, -12, GRPC_UNAVAILABLE, "end of stream")                                             \
    X(ERR_CONN_REFUSED, -13, GRPC_UNAVAILABLE, "connection refused")                               \
    X(ERR_CONN_RESET, -14, GRPC_UNAVAILABLE, "connection reset by peer")                           \
    X(ERR_CONN_CLOSED, -15, GRPC_UNAVAILABLE, "connection closed")                                 \
    X(ERR_ADDR_IN_USE, -16, GRPC_UNAVAILABLE, "bind: address already in use")                      \
    X(ERR_ADDR_INVALID, -17, GRPC_INVALID_ARGUMENT, "invalid address")                             \
    X(ERR_TIMEOUT, -18, GRPC_DEADLINE_EXCEEDED, "timed out")                                       \
    X(ERR_UNREACHABLE, -19, GRPC_UNAVAILABLE, "network is unreachable")                            \
    X(ERR_PERMISSION, -20, GRPC_PERMISSION_DENIED, "permission denied")                            \
    X(ERR_UNIMPLEMENTED, -21, GRPC_UNIMPLEMENTED, "not implemented")                               \
    X(ERR_DROPPED, -22, GRPC_UNAVAILABLE, "proposal dropped")                                      \
    X(ERR_BUSY, -23, GRPC_UNAVAILABLE, "busy")                                                     \
    X(ERR_FORMAT, -24, GRPC_DATA_LOSS, "written by a newer format")                                \
    X(ERR_FOREIGN, -25, GRPC_FAILED_PRECONDITION, "belongs to another cluster or member")          \
    X(ERR_DEADLINE, -26, GRPC_DEADLINE_EXCEEDED, "context deadline exceeded")                      \
    X(ERR_USAGE, -27, GRPC_INVALID_ARGUMENT, "usage")                                              \
    /* etcd 3.4.23's, as they leave on the client API. */                                          \
    X(ERR_ETCD_DEADLINE, -100, GRPC_UNKNOWN, "context deadline exceeded")                          \
    X(ERR_ETCD_KEY_EMPTY, -101, GRPC_INVALID_ARGUMENT, "etcdserver: key is not provided")          \
    X(ERR_ETCD_KEY_NOT_FOUND, -102, GRPC_INVALID_ARGUMENT, "etcdserver: key not found")            \
    X(ERR_ETCD_VALUE_PROVIDED, -103, GRPC_INVALID_ARGUMENT, "etcdserver: value is provided")       \
    X(ERR_ETCD_LEASE_PROVIDED, -104, GRPC_INVALID_ARGUMENT, "etcdserver: lease is provided")       \
    X(ERR_ETCD_TOO_LARGE, -105, GRPC_INVALID_ARGUMENT, "etcdserver: request is too large")         \
    X(ERR_ETCD_LEASE_NOT_FOUND, -106, GRPC_NOT_FOUND, "etcdserver: requested lease not found")     \
    X(ERR_ETCD_COMPACTED, -107, GRPC_OUT_OF_RANGE,                                                 \
      "etcdserver: mvcc: required revision has been compacted")                                    \
    X(ERR_ETCD_FUTURE_REV, -108, GRPC_OUT_OF_RANGE,                                                \
      "etcdserver: mvcc: required revision is a future revision")                                  \
    X(ERR_ETCD_NO_SPACE, -109, GRPC_RESOURCE_EXHAUSTED,                                            \
      "etcdserver: mvcc: database space exceeded")                                                 \
    X(ERR_ETCD_TOO_MANY, -110, GRPC_UNKNOWN, "etcdserver: too many requests")                      \
    X(ERR_ETCD_BAD_URLS, -111, GRPC_INVALID_ARGUMENT, "etcdserver: given member URLs are invalid") \
    X(ERR_ETCD_MEMBER_NOT_FOUND, -112, GRPC_NOT_FOUND, "etcdserver: member not found")             \
    X(ERR_ETCD_MEMBER_EXISTS, -113, GRPC_FAILED_PRECONDITION,                                      \
      "etcdserver: member ID already exist")                                                       \
    X(ERR_ETCD_PEER_URL_EXISTS, -114, GRPC_FAILED_PRECONDITION,                                    \
      "etcdserver: Peer URLs already exists")                                                      \
    X(ERR_ETCD_NOT_ENOUGH_STARTED, -115, GRPC_UNKNOWN,                                             \
      "etcdserver: re-configuration failed due to not enough started members")                     \
    X(ERR_ETCD_UNHEALTHY, -116, GRPC_UNAVAILABLE, "etcdserver: unhealthy cluster")                 \
    X(ERR_ETCD_NOT_LEARNER, -117, GRPC_FAILED_PRECONDITION,                                        \
      "etcdserver: can only promote a learner member")                                             \
    X(ERR_ETCD_LEARNER_NOT_READY, -118, GRPC_FAILED_PRECONDITION,                                  \
      "etcdserver: can only promote a learner member which is in sync with leader")                \
    X(ERR_ETCD_TOO_MANY_LEARNERS, -119, GRPC_FAILED_PRECONDITION,                                  \
      "etcdserver: too many learner members in cluster")                                           \
    X(ERR_ETCD_BAD_TRANSFEREE, -120, GRPC_FAILED_PRECONDITION,                                     \
      "etcdserver: bad leader transferee")                                                         \
    X(ERR_ETCD_NOT_LEADER, -121, GRPC_FAILED_PRECONDITION, "etcdserver: not leader")               \
    X(ERR_ETCD_NO_LEADER, -122, GRPC_UNAVAILABLE, "etcdserver: no leader")                         \
    X(ERR_ETCD_LEADER_CHANGED, -123, GRPC_UNAVAILABLE, "etcdserver: leader changed")               \
    X(ERR_ETCD_TIMEOUT, -124, GRPC_UNAVAILABLE, "etcdserver: request timed out")                   \
    X(ERR_ETCD_TIMEOUT_LEADER_FAIL, -125, GRPC_UNAVAILABLE,                                        \
      "etcdserver: request timed out, possibly due to previous leader failure")                    \
    X(ERR_ETCD_TIMEOUT_CONN_LOST, -126, GRPC_UNAVAILABLE,                                          \
      "etcdserver: request timed out, possibly due to connection lost")                            \
    X(ERR_ETCD_TIMEOUT_APPLIED, -127, GRPC_UNAVAILABLE,                                            \
      "etcdserver: request timed out, waiting for the applied index took too long")                \
    X(ERR_ETCD_TRANSFER_TIMEOUT, -128, GRPC_UNKNOWN,                                               \
      "etcdserver: request timed out, leader transfer took too long")                              \
    X(ERR_ETCD_STOPPED, -129, GRPC_UNAVAILABLE, "etcdserver: server stopped")                      \
    X(ERR_ETCD_LEARNER_RPC, -130, GRPC_UNAVAILABLE, "etcdserver: rpc not supported for learner")   \
    X(ERR_ETCD_NOT_CAPABLE, -131, GRPC_UNAVAILABLE, "etcdserver: not capable")                     \
    X(ERR_ETCD_CORRUPT, -132, GRPC_DATA_LOSS, "etcdserver: corrupt cluster")                       \
    X(ERR_ETCD_INVALID_SORT, -133, GRPC_INVALID_ARGUMENT, "etcdserver: invalid sort option")

enum err {
#define ERR_ENUM(name, number, status, text) name = (number),
    ERR_TABLE(ERR_ENUM)
#undef ERR_ENUM
};

/* The name of the constant, "ERR_IO"; "ok" for 0; "ERR_?" for a number that is not in the table. */
const char *err_name(int err);

/* The text of the table; what a person reads and, for etcd's errors, a client compares. */
const char *err_text(int err);

/* The gRPC status with which the error leaves on the client API. */
enum grpc_status err_grpc(int err);

#define MUST_CHECK __attribute__((warn_unused_result))

#endif
