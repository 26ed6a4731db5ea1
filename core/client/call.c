/* Calls: the queue, deadlines, attempts and their outcome. */
#include "base/assert.h"
#include "base/probe.h"
#include "client/policy.h"
#include "private.h"

static void detach(struct client_call *call)
{
    env_timer_stop(call->client->env, &call->timer);
    list_remove(&call->link);
    call->state = CALL_IDLE;
    call->rpc = NULL;
}

static void finish(struct client_call *call, enum grpc_status status)
{
    detach(call);
    call->status = status;
    buf_fini(&call->request);
    call->done(call);
}

/* The client's own deadline, or its end: Go's context errors, which are printed bare. */
static void finish_context(struct client_call *call, int err)
{
    buf_clear(&call->text);
    buf_add_str(&call->text, err == ERR_DEADLINE ? err_text(err) : "context canceled");
    finish(call, err_grpc(err));
}

static void finish_ok(struct client_call *call, struct slice bytes)
{
    if (call->message != NULL) {
        finish(call, GRPC_OK);
        return;
    }
    struct mem *mem = call->client->mem;
    int err = pb_unpack(mem, call->method->response, bytes, &pb_limits_response, &call->response);
    if (err == 0) {
        finish(call, GRPC_OK);
        return;
    }
    PROBE("client.bad_answer");
    buf_clear(&call->text);
    client_error_text(GRPC_INTERNAL, slice_str("grpc: failed to unmarshal the received message"),
                      &call->text);
    finish(call, GRPC_INTERNAL);
}

static void finish_too_large(struct client_call *call)
{
    PROBE("client.request_too_large");
    buf_printf(&call->text,
               "rpc error: code = ResourceExhausted desc = trying to send message larger than max "
               "(%zu vs. %zu)",
               call->request.len, CLIENT_SEND_BYTES_MAX);
    finish(call, GRPC_RESOURCE_EXHAUSTED);
}

static void enqueue(struct client_call *call)
{
    list_remove(&call->link);
    call->state = CALL_QUEUED;
    call->rpc = NULL;
    list_push_back(&call->client->queued, &call->link);
}

static void wake(struct env_timer *timer);

static void arm(struct client_call *call, int64_t at_ns)
{
    struct env *env = call->client->env;
    if (at_ns == INT64_MAX) {
        env_timer_stop(env, &call->timer);
    } else {
        env_timer_set(env, &call->timer, at_ns);
    }
}

static void retry_later(struct client_call *call)
{
    struct client *client = call->client;
    int64_t wait_ns =
        policy_retry_wait_ns(call->attempts, client->endpoint_count, &client->retry_rng);
    PROBE("client.retry");
    call->state = CALL_RETRYING;
    call->rpc = NULL;
    call->retry_ns = env_now_ns(client->env) + wait_ns;
    arm(call, call->retry_ns < call->deadline_ns ? call->retry_ns : call->deadline_ns);
}

/* An attempt has ended. */
static void attempt_done(struct grpc_rpc *rpc, const struct grpc_result *result)
{
    struct client_call *call = grpc_rpc_user(rpc);
    if (call == NULL || call->rpc != rpc) {
        return; /* given up by us; its end has been dealt with */
    }
    ASSERT(call->state == CALL_OPEN);
    if (result->status == GRPC_OK) {
        finish_ok(call, result->response);
        return;
    }
    /* No server has acted on it: once, it is sent again without anybody noticing (grpc-go). */
    if (result->unprocessed && !call->resent && !call->streamed && !call->client->closing) {
        PROBE("client.resend_unprocessed");
        call->resent = true;
        call->attempts--;
        enqueue(call);
        arm(call, call->deadline_ns);
        calls_send(call->client);
        return;
    }
    if (!call->client->closing && !call->streamed &&
        policy_may_retry(call->method->repeatable, result->status, call->attempts)) {
        retry_later(call);
        return;
    }
    buf_clear(&call->text);
    client_error_text(result->status, result->text, &call->text);
    finish(call, result->status);
}

static void attempt_message(struct grpc_rpc *rpc, struct slice bytes)
{
    struct client_call *call = grpc_rpc_user(rpc);
    if (call != NULL && call->rpc == rpc) {
        call->streamed = true;
        call->message(call, bytes);
    }
}

const struct grpc_rpc_events call_events = {.done = attempt_done};
const struct grpc_rpc_events stream_events = {.message = attempt_message, .done = attempt_done};

/* Ends the attempt that is open; its `done` finds that nobody asks any more. */
static void abandon(struct client_call *call, int err)
{
    struct grpc_rpc *rpc = call->rpc;
    if (rpc == NULL) {
        return;
    }
    struct conn *conn = grpc_rpc_ctx(rpc);
    call->rpc = NULL;
    grpc_rpc_cancel(rpc, err);
    client_conn_flush(conn);
}

static void wake(struct env_timer *timer)
{
    struct client_call *call = timer->data;
    struct client *client = call->client;
    if (call->request.len > CLIENT_SEND_BYTES_MAX) {
        finish_too_large(call);
        return;
    }
    if (env_now_ns(client->env) >= call->deadline_ns) {
        PROBE("client.deadline");
        abandon(call, ERR_DEADLINE);
        finish_context(call, ERR_DEADLINE);
        return;
    }
    ASSERT(call->state == CALL_RETRYING);
    enqueue(call);
    arm(call, call->deadline_ns);
    calls_send(client);
}

void calls_send(struct client *client)
{
    while (!list_empty(&client->queued)) {
        struct endpoint *endpoint = client_pick(client);
        if (endpoint == NULL) {
            return;
        }
        struct client_call *call = container_of(client->queued.next, struct client_call, link);
        struct conn *conn = endpoint->conn;
        int err = client_conn_start(conn, call);
        if (err != 0) {
            /* The session has ended and its loss is yet to be told: it is no longer ready. */
            client_conn_close(conn);
            continue;
        }
        list_remove(&call->link);
        list_push_back(&client->others, &call->link);
        call->state = CALL_OPEN;
        call->sent = true;
        call->attempts++;
        client_conn_flush(conn);
    }
}

void calls_cancel_all(struct client *client)
{
    while (!list_empty(&client->queued) || !list_empty(&client->others)) {
        struct list *head = list_empty(&client->queued) ? &client->others : &client->queued;
        struct client_call *call = container_of(head->next, struct client_call, link);
        abandon(call, ERR_CANCELED);
        finish_context(call, ERR_CANCELED);
    }
}

void client_start(struct client *client, struct client_call *call,
                  const struct client_method *method, const ProtobufCMessage *request,
                  int64_t deadline_ns)
{
    ASSERT(!client->closing);
    ASSERT(call->state == CALL_IDLE);
    ASSERT(call->done != NULL);
    ASSERT(request->descriptor == method->request);
    client_call_fini(call);
    call->client = client;
    call->method = method;
    call->deadline_ns = deadline_ns;
    call->status = GRPC_OK;
    call->sent = false;
    call->streamed = false;
    call->resent = false;
    call->attempts = 0;
    call->rpc = NULL;
    call->timer.fire = wake;
    call->timer.data = call;
    buf_init(&call->request, client->mem);
    buf_init(&call->text, client->mem);
    pb_pack(request, &call->request);
    list_init(&call->link);
    if (call->request.len > CLIENT_SEND_BYTES_MAX) {
        call->state = CALL_RETRYING;
        list_push_back(&client->others, &call->link);
        arm(call, env_now_ns(client->env));
        return;
    }
    enqueue(call);
    arm(call, deadline_ns);
    if (deadline_ns > env_now_ns(client->env)) {
        calls_send(client);
    }
}

void client_pause(struct client_call *call, bool on)
{
    if (call->state == CALL_OPEN) {
        client_conn_pause(grpc_rpc_ctx(call->rpc), on);
    }
}

void client_cancel(struct client_call *call)
{
    if (call->state == CALL_IDLE) {
        return;
    }
    abandon(call, ERR_CANCELED);
    detach(call);
    buf_fini(&call->request);
}

void client_call_fini(struct client_call *call)
{
    ASSERT(call->state == CALL_IDLE);
    if (call->client == NULL) {
        return;
    }
    /* The client may be gone by now; its memory's owner is not. */
    struct mem *mem = call->text.mem;
    pb_free(mem, call->response);
    call->response = NULL;
    buf_fini(&call->text);
}
