/* etcdserverpb.KV: Range, Put, DeleteRange; Compact is in compaction.c.
 */
#include "base/assert.h"
#include "base/probe.h"
#include "node.h"

/* Key-values on their way out: one array of structs and one of pointers to them. */
struct kv_array {
    Mvccpb__KeyValue *at;
    Mvccpb__KeyValue **pointers;
};

static void fill_kv(Mvccpb__KeyValue *to, const struct mvcc_kv *from)
{
    mvccpb__key_value__init(to);
    to->key = pb_bytes(from->key);
    to->value = pb_bytes(from->value);
    to->create_revision = from->create_revision;
    to->mod_revision = from->mod_revision;
    to->version = from->version;
    to->lease = from->lease;
}

static void kv_array_init(struct kv_array *array, struct mem *mem, const struct mvcc_kvs *kvs)
{
    array->at = mem_alloc(mem, kvs->count * sizeof(*array->at));
    array->pointers = mem_alloc(mem, kvs->count * sizeof(*array->pointers));
    for (size_t i = 0; i < kvs->count; i++) {
        fill_kv(&array->at[i], &kvs->at[i]);
        array->pointers[i] = &array->at[i];
    }
}

static void kv_array_fini(struct kv_array *array, struct mem *mem)
{
    mem_free(mem, array->at);
    mem_free(mem, array->pointers);
}

/* Range ---------------------------------------------------------------------------------------- */

struct range_wait {
    struct read_wait read;
    struct grpc_call *call;
    ProtobufCMessage *message;
};

static void to_range(const Etcdserverpb__RangeRequest *pb, struct mvcc_range *range)
{
    *range = (struct mvcc_range){.key = pb_slice(pb->key),
                                 .range_end = pb_slice(pb->range_end),
                                 .limit = pb->limit,
                                 .revision = pb->revision,
                                 .sort_order = (int32_t)pb->sort_order,
                                 .sort_target = (int32_t)pb->sort_target,
                                 .keys_only = pb->keys_only,
                                 .count_only = pb->count_only,
                                 .min_mod_revision = pb->min_mod_revision,
                                 .max_mod_revision = pb->max_mod_revision,
                                 .min_create_revision = pb->min_create_revision,
                                 .max_create_revision = pb->max_create_revision};
}

static void serve_range(struct grpc_call *call, const Etcdserverpb__RangeRequest *pb)
{
    struct server *server = rpc_server(call);
    struct mem *mem = server->env->mem;
    struct mvcc_range range;
    struct mvcc_range_result result = {0};
    to_range(pb, &range);
    int rv = mvcc_range(server->mvcc, &range, mem, &result);
    if (rv != 0) {
        mvcc_range_result_fini(&result, mem);
        port_call_err(call, rv);
        return;
    }
    Etcdserverpb__ResponseHeader header;
    Etcdserverpb__RangeResponse response;
    struct kv_array kvs;
    rpc_header(server, &header);
    etcdserverpb__range_response__init(&response);
    kv_array_init(&kvs, mem, &result.kvs);
    response.header = &header;
    response.n_kvs = result.kvs.count;
    response.kvs = kvs.pointers;
    response.more = result.more;
    response.count = result.count;
    observe_read(server, pb->serializable);
    rpc_answer(call, &response.base);
    kv_array_fini(&kvs, mem);
    mvcc_range_result_fini(&result, mem);
}

static void range_ready(struct read_wait *read, int err)
{
    struct range_wait *wait = container_of(read, struct range_wait, read);
    struct mem *mem = read->server->env->mem;
    grpc_call_set_user(wait->call, NULL);
    if (err != 0) {
        port_call_err(wait->call, err);
    } else {
        serve_range(wait->call, (const Etcdserverpb__RangeRequest *)wait->message);
    }
    pb_free(mem, wait->message);
    mem_free(mem, wait);
}

static void range_canceled(struct grpc_call *call)
{
    struct range_wait *wait = grpc_call_user(call);
    if (wait == NULL) {
        return;
    }
    struct mem *mem = wait->read.server->env->mem;
    read_cancel(&wait->read);
    pb_free(mem, wait->message);
    mem_free(mem, wait);
}

static void range_message(struct grpc_call *call, struct slice bytes)
{
    struct server *server = rpc_server(call);
    ProtobufCMessage *message = rpc_unpack(call, &etcdserverpb__range_request__descriptor, bytes);
    if (message == NULL) {
        return;
    }
    const Etcdserverpb__RangeRequest *pb = (const Etcdserverpb__RangeRequest *)message;
    struct mvcc_range range;
    to_range(pb, &range);
    int rv = mvcc_range_check(&range);
    if (rv == 0 && !pb->serializable && members_is_learner(server)) {
        rv = ERR_ETCD_LEARNER_RPC;
    }
    if (rv == 0 && !pb->serializable && server->phase >= SERVER_STOPPING) {
        rv = ERR_ETCD_STOPPED;
    }
    if (rv != 0 || pb->serializable) {
        if (rv != 0) {
            port_call_err(call, rv);
        } else {
            serve_range(call, pb);
        }
        pb_free(server->env->mem, message);
        return;
    }
    struct range_wait *wait = mem_zalloc(server->env->mem, 1, sizeof(*wait));
    wait->call = call;
    wait->message = message;
    wait->read.ready = range_ready;
    grpc_call_set_user(call, wait);
    read_begin(server, &wait->read, grpc_call_deadline_ns(call));
}

/* Put ------------------------------------------------------------------------------------------ */

static void put_message(struct grpc_call *call, struct slice bytes)
{
    struct server *server = rpc_server(call);
    if (rpc_refused_by_learner(call)) {
        return;
    }
    ProtobufCMessage *message = rpc_unpack(call, &etcdserverpb__put_request__descriptor, bytes);
    if (message == NULL) {
        return;
    }
    const Etcdserverpb__PutRequest *pb = (const Etcdserverpb__PutRequest *)message;
    const struct mvcc_put put = {.key = pb_slice(pb->key),
                                 .value = pb_slice(pb->value),
                                 .lease = pb->lease,
                                 .ignore_value = pb->ignore_value,
                                 .ignore_lease = pb->ignore_lease};
    int rv = mvcc_put_check(&put);
    pb_free(server->env->mem, message);
    if (rv == 0 && alarms_any(&server->alarms, ALARM_NOSPACE)) {
        rv = ERR_ETCD_NO_SPACE; /* it would be refused when it is applied, and take up space */
    }
    if (rv != 0) {
        port_call_err(call, rv);
        return;
    }
    struct request *request = request_new(server, ENTRY_PUT, call);
    buf_add_slice(&request->payload, bytes);
    request_submit(request, rpc_deadline_ns(call, server_request_timeout_ns(server)));
}

/* The call of an answered request; NULL if its client is gone. The request is freed by its owner.
 */
static struct grpc_call *take_call(struct request *request, int err)
{
    struct grpc_call *call = request->call;
    if (call != NULL && err != 0) {
        rpc_fail(request, err);
        return NULL;
    }
    if (call != NULL) {
        observe_answer(request->server, request->head.seq, GRPC_OK);
    }
    request->call = NULL;
    return call;
}

void kv_answer_put(struct request *request, int err, const struct mvcc_put_result *result,
                   bool with_prev)
{
    struct grpc_call *call = take_call(request, err);
    if (call == NULL) {
        return;
    }
    Etcdserverpb__ResponseHeader header;
    Etcdserverpb__PutResponse response;
    Mvccpb__KeyValue prev;
    rpc_header(request->server, &header);
    header.revision = result->revision;
    etcdserverpb__put_response__init(&response);
    response.header = &header;
    if (with_prev && result->has_prev_kv) {
        fill_kv(&prev, &result->prev_kv);
        response.prev_kv = &prev;
    }
    rpc_answer(call, &response.base);
}

/* DeleteRange ---------------------------------------------------------------------------------- */

static void delete_message(struct grpc_call *call, struct slice bytes)
{
    struct server *server = rpc_server(call);
    if (rpc_refused_by_learner(call)) {
        return;
    }
    ProtobufCMessage *message =
        rpc_unpack(call, &etcdserverpb__delete_range_request__descriptor, bytes);
    if (message == NULL) {
        return;
    }
    const Etcdserverpb__DeleteRangeRequest *pb = (const Etcdserverpb__DeleteRangeRequest *)message;
    const struct mvcc_delete deletion = {.key = pb_slice(pb->key),
                                         .range_end = pb_slice(pb->range_end)};
    int rv = mvcc_delete_check(&deletion);
    pb_free(server->env->mem, message);
    if (rv != 0) {
        port_call_err(call, rv);
        return;
    }
    struct request *request = request_new(server, ENTRY_DELETE, call);
    buf_add_slice(&request->payload, bytes);
    request_submit(request, rpc_deadline_ns(call, server_request_timeout_ns(server)));
}

void kv_answer_delete(struct request *request, int err, const struct mvcc_delete_result *result)
{
    struct grpc_call *call = take_call(request, err);
    if (call == NULL) {
        return;
    }
    struct mem *mem = request->server->env->mem;
    Etcdserverpb__ResponseHeader header;
    Etcdserverpb__DeleteRangeResponse response;
    struct kv_array prev;
    rpc_header(request->server, &header);
    header.revision = result->revision;
    etcdserverpb__delete_range_response__init(&response);
    kv_array_init(&prev, mem, &result->prev_kvs);
    response.header = &header;
    response.deleted = result->deleted;
    response.n_prev_kvs = result->prev_kvs.count;
    response.prev_kvs = prev.pointers;
    rpc_answer(call, &response.base);
    kv_array_fini(&prev, mem);
}

static const struct grpc_method methods[] = {
    {.name = "Range", .message = range_message, .canceled = range_canceled},
    {.name = "Put", .message = put_message, .canceled = request_canceled},
    {.name = "DeleteRange", .message = delete_message, .canceled = request_canceled},
    {.name = "Txn", .start = rpc_absent_kv},
    {.name = "Compact", .message = compaction_message, .canceled = compaction_canceled},
};

const struct grpc_service rpc_kv = {"etcdserverpb.KV", methods,
                                    sizeof(methods) / sizeof(methods[0])};
