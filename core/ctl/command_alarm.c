/* alarm list, disarm. */
#include "private.h"

static struct session *start(struct ctl *ctl, const char *name,
                             void (*done)(struct client_call *call))
{
    if (ctl->flags.arg_count > 0) {
        ctl_fail(ctl, EXIT_ARGUMENTS, "alarm %s command accepts no arguments", name);
        return NULL;
    }
    if (print_check_format(ctl) != 0) {
        return NULL;
    }
    struct session *session = ctl_session(ctl, ctl->flags.endpoints, ctl->flags.endpoint_count);
    if (session != NULL) {
        Etcdserverpb__AlarmRequest request;
        etcdserverpb__alarm_request__init(&request); /* asks for all */
        ctl_call(session, &client_alarm, &request.base, done);
    }
    return session;
}

static struct session *succeeded(struct client_call *call)
{
    struct session *session = ctl_done(call);
    if (session != NULL && call->status != GRPC_OK) {
        struct slice error = ctl_error(session);
        ctl_fail(session->ctl, EXIT_ERROR, "%.*s", (int)error.len, (const char *)error.ptr);
        return NULL;
    }
    return session;
}

static void list_done(struct client_call *call)
{
    struct session *session = succeeded(call);
    if (session != NULL) {
        print_alarms(session->ctl, (const Etcdserverpb__AlarmResponse *)call->response);
    }
}

void command_alarm_list(struct ctl *ctl)
{
    (void)start(ctl, "list", list_done);
}

static void disarm_next(struct session *session);

static void disarmed(struct client_call *call)
{
    struct session *session = succeeded(call);
    if (session == NULL) {
        return;
    }
    struct ctl *ctl = session->ctl;
    const Etcdserverpb__AlarmResponse *answer = (const Etcdserverpb__AlarmResponse *)call->response;
    /* Another one may have been quicker: then it has nothing to tell. */
    ctl->alarms[ctl->done_count].gone = answer->n_alarms > 0;
    ctl->done_count++;
    disarm_next(session);
}

/* What was disarmed, in one answer. */
static void print_disarmed(struct ctl *ctl)
{
    Etcdserverpb__AlarmResponse answer;
    etcdserverpb__alarm_response__init(&answer);
    answer.alarms = mem_zalloc(ctl->mem, ctl->alarm_count + 1, sizeof(answer.alarms[0]));
    for (size_t i = 0; i < ctl->alarm_count; i++) {
        if (ctl->alarms[i].gone) {
            answer.alarms[answer.n_alarms++] = &ctl->alarms[i].message;
        }
    }
    print_alarms(ctl, &answer);
    mem_free(ctl->mem, answer.alarms);
}

static void disarm_next(struct session *session)
{
    struct ctl *ctl = session->ctl;
    if (ctl->done_count == ctl->alarm_count) {
        print_disarmed(ctl);
        return;
    }
    const Etcdserverpb__AlarmMember *alarm = &ctl->alarms[ctl->done_count].message;
    Etcdserverpb__AlarmRequest request;
    etcdserverpb__alarm_request__init(&request);
    request.action = ETCDSERVERPB__ALARM_REQUEST__ALARM_ACTION__DEACTIVATE;
    request.memberid = alarm->memberid;
    request.alarm = alarm->alarm;
    /* One deadline for all of it. */
    int64_t deadline_ns = session->call.deadline_ns;
    session->call.done = disarmed;
    client_start(session->client, &session->call, &client_alarm, &request.base, deadline_ns);
}

static void found(struct client_call *call)
{
    struct session *session = succeeded(call);
    if (session == NULL) {
        return;
    }
    struct ctl *ctl = session->ctl;
    const Etcdserverpb__AlarmResponse *answer = (const Etcdserverpb__AlarmResponse *)call->response;
    ctl->alarm_count = answer->n_alarms;
    ctl->alarms = mem_zalloc(ctl->mem, answer->n_alarms + 1, sizeof(ctl->alarms[0]));
    for (size_t i = 0; i < answer->n_alarms; i++) {
        etcdserverpb__alarm_member__init(&ctl->alarms[i].message);
        ctl->alarms[i].message.memberid = answer->alarms[i]->memberid;
        ctl->alarms[i].message.alarm = answer->alarms[i]->alarm;
    }
    disarm_next(session);
}

void command_alarm_disarm(struct ctl *ctl)
{
    (void)start(ctl, "disarm", found);
}
