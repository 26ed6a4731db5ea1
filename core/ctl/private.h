/* What the files of quoratectl share: one run of one command. */
#ifndef CTL_PRIVATE_H
#define CTL_PRIVATE_H

#include "base/list.h"
#include "client/client.h"
#include "env/env.h"
#include "flags.h"
#include "pb/rpc.pb-c.h"

/* Exit codes of etcdctl. */
enum exit_code {
    EXIT_OK = 0,
    EXIT_ERROR = 1,
    EXIT_CONNECTION = 2, /* also: what is not built yet */
    EXIT_FEATURE = 4,
    EXIT_INTERRUPTED = 5,
    EXIT_ARGUMENTS = 128
};

struct ctl;
struct question;

struct command {
    const char *group; /* "member"; NULL: none */
    const char *name;  /* "add" */
    const char *usage; /* the arguments, behind the name */
    const char *summary;
    uint64_t flags; /* local ones */
    /* Runs it; NULL: a group. Exits sooner or later. */
    void (*run)(struct ctl *ctl);
};

extern const struct command commands[];
extern const size_t command_count;

/* A client of its own and one call on it: etcdctl dials endpoints apart where it asks each. */
struct session {
    struct ctl *ctl;
    struct client *client;
    struct client_call call;
    size_t index; /* the command's own: which endpoint */
    struct list link;
};

struct health {
    struct slice endpoint;
    char took[32];
    struct buf error; /* empty: healthy */
};

struct disarming {
    Etcdserverpb__AlarmMember message;
    bool gone; /* it was still there, and we have disarmed it */
};

struct ctl {
    struct env *env;
    struct mem *mem;
    struct flags flags;
    const struct command *command;
    struct list sessions;
    size_t clients_open;
    bool exiting;
    int exit_code;
    struct env_input input;

    /* The command's own. */
    uint64_t member;          /* member …, move-leader: which */
    struct buf value;         /* put */
    int64_t revision;         /* compaction */
    struct disarming *alarms; /* alarm disarm */
    size_t alarm_count;
    struct slice *endpoints; /* endpoint …: whom to ask; borrowed from flags or `members` */
    size_t endpoint_count;
    size_t done_count;
    struct session *members; /* endpoint --cluster: who told */
    void (*endpoints_known)(struct ctl *ctl);
    const struct question *question; /* endpoint status, hashkv */
    struct session **answers;        /* of endpoint_count; NULL: failed */
    struct session *last_failed;     /* whose error ends the command */
    struct health *healths;          /* in the order in which they came */
    bool failed;
    void *job;                         /* snapshot …: what is under way, or NULL */
    void (*job_fini)(struct ctl *ctl); /* gives it back; set with it */
};

/* ctl.c */
void ctl_print(struct ctl *ctl, struct slice text);
void ctl_printf(struct ctl *ctl, const char *format, ...) __attribute__((format(printf, 2, 3)));
void ctl_warn(struct ctl *ctl, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* "Error: " and the text on standard error, then the exit. */
void ctl_fail(struct ctl *ctl, enum exit_code code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Closes all sessions, frees everything, ends the program. The caller returns at once. */
void ctl_exit(struct ctl *ctl, enum exit_code code);
/* A client of these endpoints; NULL: failed and exiting. */
struct session *ctl_session(struct ctl *ctl, const struct slice *endpoints, size_t count);
/* Starts the session's call under the command timeout. */
void ctl_call(struct session *session, const struct client_method *method,
              const ProtobufCMessage *request, void (*done)(struct client_call *call));
/* Of an unsuccessful call: its text. */
struct slice ctl_error(struct session *session);
/* done callbacks begin with it: the session; NULL if the program is exiting. */
struct session *ctl_done(struct client_call *call);

/* help.c */
void help_root(struct ctl *ctl);
void help_command(struct ctl *ctl, const struct command *command);

/* print.c */
bool print_is(const struct ctl *ctl, const char *format);
/* 0, or it has failed and is exiting. */
int print_check_format(struct ctl *ctl);
/* "… not supported as output format". */
void print_unsupported(struct ctl *ctl);
/* Each prints the answer in the chosen format, then exits. */
void print_put(struct ctl *ctl, const Etcdserverpb__PutResponse *answer);
void print_range(struct ctl *ctl, const Etcdserverpb__RangeResponse *answer);
void print_delete(struct ctl *ctl, const Etcdserverpb__DeleteRangeResponse *answer);
void print_members(struct ctl *ctl, const Etcdserverpb__MemberListResponse *answer);
void print_move_leader(struct ctl *ctl, const Etcdserverpb__MoveLeaderResponse *answer,
                       uint64_t from);
/* A change of membership: `line` in simple form, else the whole answer. Does not exit. */
void print_change(struct ctl *ctl, const ProtobufCMessage *answer, const char *verb,
                  uint64_t member, uint64_t cluster);
void print_statuses(struct ctl *ctl);
void print_hashes(struct ctl *ctl);
void print_alarms(struct ctl *ctl, const Etcdserverpb__AlarmResponse *answer);
void print_healths(struct ctl *ctl);
struct backup_status;
void print_snapshot(struct ctl *ctl, const struct backup_status *status);
/* The columns of a member, also for tables. */
#define MEMBER_COLUMNS 6
void print_member_columns(const Etcdserverpb__Member *member, struct buf *columns);
#define STATUS_COLUMNS 10
void print_status_columns(struct slice endpoint, const Etcdserverpb__StatusResponse *status,
                          struct buf *columns);

/* print_json.c */
struct json;
void json_message(struct json *json, const ProtobufCMessage *message);

/* print_fields.c */
void fields_put(struct ctl *ctl, const Etcdserverpb__PutResponse *answer);
void fields_range(struct ctl *ctl, const Etcdserverpb__RangeResponse *answer);
void fields_delete(struct ctl *ctl, const Etcdserverpb__DeleteRangeResponse *answer);
void fields_members(struct ctl *ctl, const Etcdserverpb__MemberListResponse *answer);
void fields_status(struct ctl *ctl, struct slice endpoint,
                   const Etcdserverpb__StatusResponse *status);
void fields_hash(struct ctl *ctl, struct slice endpoint, const Etcdserverpb__HashKVResponse *hash);
void fields_health(struct ctl *ctl, const struct health *health);

/* print_table.c */
/* rows * columns cells, the titles first. */
void table_print(struct ctl *ctl, const struct buf *cells, size_t rows, size_t columns);

/* The commands. */
void command_put(struct ctl *ctl);
void command_get(struct ctl *ctl);
void command_del(struct ctl *ctl);
void command_compaction(struct ctl *ctl);
void command_alarm_list(struct ctl *ctl);
void command_alarm_disarm(struct ctl *ctl);
void command_member_list(struct ctl *ctl);
void command_member_add(struct ctl *ctl);
void command_member_remove(struct ctl *ctl);
void command_member_promote(struct ctl *ctl);
void command_member_update(struct ctl *ctl);
void command_endpoint_status(struct ctl *ctl);
void command_endpoint_hashkv(struct ctl *ctl);
void command_endpoint_health(struct ctl *ctl);
void command_move_leader(struct ctl *ctl);
void command_snapshot_save(struct ctl *ctl);
void command_snapshot_status(struct ctl *ctl);
void command_snapshot_restore(struct ctl *ctl);
void command_version(struct ctl *ctl);

#endif
