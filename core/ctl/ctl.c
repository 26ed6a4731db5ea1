/* The program: finds the command, reads its flags, runs it, ends. */
#include "ctl/ctl.h"

#include "base/assert.h"
#include "private.h"

#define CTL_VERSION "0.1.0"
#define API_VERSION "3.4"

/* flags: those that all of its commands take. */
#define GROUP(group_name, text, flags)                      \
    {                                                       \
        NULL, group_name, "<subcommand>", text, flags, NULL \
    }

const struct command commands[] = {
    GROUP("alarm", "Alarm related commands", 0),
    {"alarm", "disarm", "", "Disarms all alarms", 0, command_alarm_disarm},
    {"alarm", "list", "", "Lists all alarms", 0, command_alarm_list},
    {NULL, "compaction", "<revision>", "Compacts the event history in etcd", F_BIT(F_PHYSICAL),
     command_compaction},
    {NULL, "del", "<key> [range_end]",
     "Removes the specified key or range of keys [key, range_end)",
     F_BIT(F_FROM_KEY) | F_BIT(F_PREFIX) | F_BIT(F_PREV_KV), command_del},
    GROUP("endpoint", "Endpoint related commands", F_BIT(F_CLUSTER)),
    {"endpoint", "hashkv", "", "Prints the KV history hash for each endpoint in --endpoints",
     F_BIT(F_CLUSTER) | F_BIT(F_HASH_REV), command_endpoint_hashkv},
    {"endpoint", "health", "",
     "Checks the healthiness of endpoints specified in `--endpoints` flag", F_BIT(F_CLUSTER),
     command_endpoint_health},
    {"endpoint", "status", "", "Prints out the status of endpoints specified in `--endpoints` flag",
     F_BIT(F_CLUSTER), command_endpoint_status},
    {NULL, "get", "<key> [range_end]", "Gets the key or a range of keys",
     F_BIT(F_CONSISTENCY) | F_BIT(F_FROM_KEY) | F_BIT(F_KEYS_ONLY) | F_BIT(F_LIMIT) |
         F_BIT(F_ORDER) | F_BIT(F_PREFIX) | F_BIT(F_PRINT_VALUE_ONLY) | F_BIT(F_REV) |
         F_BIT(F_SORT_BY),
     command_get},
    GROUP("member", "Membership related commands", 0),
    {"member", "add", "<memberName>", "Adds a member into the cluster",
     F_BIT(F_LEARNER) | F_BIT(F_PEER_URLS), command_member_add},
    {"member", "list", "", "Lists all members in the cluster", 0, command_member_list},
    {"member", "promote", "<memberID>", "Promotes a non-voting member in the cluster", 0,
     command_member_promote},
    {"member", "remove", "<memberID>", "Removes a member from the cluster", 0,
     command_member_remove},
    {"member", "update", "<memberID>", "Updates a member in the cluster", F_BIT(F_PEER_URLS),
     command_member_update},
    {NULL, "move-leader", "<transferee-member-id>",
     "Transfers leadership to another etcd cluster member.", 0, command_move_leader},
    {NULL, "put", "<key> <value> (<value> can also be given from stdin)",
     "Puts the given key into the store",
     F_BIT(F_IGNORE_LEASE) | F_BIT(F_IGNORE_VALUE) | F_BIT(F_LEASE) | F_BIT(F_PREV_KV),
     command_put},
    GROUP("snapshot", "Manages etcd node snapshots", 0),
    {"snapshot", "restore", "<filename> [options]",
     "Restores an etcd member snapshot to an etcd directory",
     F_BIT(F_DATA_DIR) | F_BIT(F_INITIAL_ADVERTISE_PEER_URLS) | F_BIT(F_INITIAL_CLUSTER) |
         F_BIT(F_INITIAL_CLUSTER_TOKEN) | F_BIT(F_NAME) | F_BIT(F_SKIP_HASH_CHECK),
     command_snapshot_restore},
    {"snapshot", "save", "<filename>", "Stores an etcd node backend snapshot to a given file", 0,
     command_snapshot_save},
    {"snapshot", "status", "<filename>", "Gets backend snapshot status of a given file", 0,
     command_snapshot_status},
    {NULL, "version", "", "Prints the version of quoratectl", 0, command_version},
};
const size_t command_count = sizeof(commands) / sizeof(commands[0]);

void command_version(struct ctl *ctl)
{
    ctl_printf(ctl, "quoratectl version: %s\nAPI version: %s\n", CTL_VERSION, API_VERSION);
    ctl_exit(ctl, EXIT_OK);
}

void ctl_print(struct ctl *ctl, struct slice text)
{
    env_print(ctl->env, ENV_STDOUT, text);
}

static void print_v(struct ctl *ctl, enum env_output to, const char *before, const char *format,
                    va_list args, const char *after) __attribute__((format(printf, 4, 0)));

static void print_v(struct ctl *ctl, enum env_output to, const char *before, const char *format,
                    va_list args, const char *after)
{
    struct buf text;
    buf_init(&text, ctl->mem);
    buf_add_str(&text, before);
    buf_vprintf(&text, format, args);
    buf_add_str(&text, after);
    env_print(ctl->env, to, buf_slice(&text));
    buf_fini(&text);
}

void ctl_printf(struct ctl *ctl, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    print_v(ctl, ENV_STDOUT, "", format, args, "");
    va_end(args);
}

void ctl_warn(struct ctl *ctl, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    print_v(ctl, ENV_STDERR, "", format, args, "");
    va_end(args);
}

void ctl_fail(struct ctl *ctl, enum exit_code code, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    print_v(ctl, ENV_STDERR, "Error: ", format, args, "\n");
    va_end(args);
    ctl_exit(ctl, code);
}

/* Everything is given back, so that the world can see that nothing leaks. */
static void finish(struct ctl *ctl)
{
    struct env *env = ctl->env;
    int code = ctl->exit_code;
    ASSERT(ctl->clients_open == 0);
    list_each_safe (it, &ctl->sessions) {
        struct session *session = container_of(it, struct session, link);
        client_call_fini(&session->call);
        mem_free(ctl->mem, session);
    }
    mem_free(ctl->mem, ctl->alarms);
    for (size_t i = 0; ctl->healths != NULL && i < ctl->endpoint_count; i++) {
        buf_fini(&ctl->healths[i].error);
    }
    if (ctl->endpoints != ctl->flags.endpoints) {
        mem_free(ctl->mem, ctl->endpoints);
    }
    if (ctl->job_fini != NULL) {
        ctl->job_fini(ctl);
    }
    mem_free(ctl->mem, ctl->healths);
    mem_free(ctl->mem, ctl->answers);
    buf_fini(&ctl->value);
    flags_fini(&ctl->flags);
    mem_free(ctl->mem, ctl);
    env_exit(env, code, true);
}

static void client_closed(void *data)
{
    struct ctl *ctl = data;
    ASSERT(ctl->clients_open > 0);
    ctl->clients_open--;
    if (ctl->clients_open == 0) {
        finish(ctl);
    }
}

void ctl_exit(struct ctl *ctl, enum exit_code code)
{
    ASSERT(!ctl->exiting);
    ctl->exiting = true;
    ctl->exit_code = (int)code;
    if (ctl->clients_open == 0) {
        finish(ctl);
        return;
    }
    list_each (it, &ctl->sessions) {
        struct session *session = container_of(it, struct session, link);
        if (session->client != NULL) {
            client_close(session->client, client_closed, ctl);
        }
    }
}

/* What the flags ask for that is not built yet. */
static const char *unbuilt(const struct flags *flags)
{
    static const enum flag tls[] = {F_CACERT, F_CERT, F_KEY};
    for (size_t i = 0; i < sizeof(tls) / sizeof(tls[0]); i++) {
        if (*flag_text(flags, tls[i]) != '\0') {
            return "TLS";
        }
    }
    if (!flag_bool(flags, F_INSECURE_TRANSPORT)) {
        return "TLS";
    }
    if (*flag_text(flags, F_USER) != '\0') {
        return "authentication";
    }
    return *flag_text(flags, F_DISCOVERY_SRV) != '\0' ? "discovery" : NULL;
}

struct session *ctl_session(struct ctl *ctl, const struct slice *endpoints, size_t count)
{
    const char *missing = unbuilt(&ctl->flags);
    if (missing != NULL) {
        ctl_fail(ctl, EXIT_CONNECTION, "%s is not built yet", missing);
        return NULL;
    }
    struct client_config config = {
        .endpoints = endpoints,
        .endpoint_count = count,
        .keepalive_time_ns = flag_number(&ctl->flags, F_KEEPALIVE_TIME),
        .keepalive_timeout_ns = flag_number(&ctl->flags, F_KEEPALIVE_TIMEOUT),
    };
    struct client *client;
    if (client_new(ctl->env, &config, &client) != 0) {
        ctl_fail(ctl, EXIT_CONNECTION, "etcdclient: no available endpoints");
        return NULL;
    }
    if (flag_bool(&ctl->flags, F_DEBUG) && list_empty(&ctl->sessions)) {
        struct buf text;
        buf_init(&text, ctl->mem);
        flags_show(&ctl->flags, ctl->command->flags & F_BIT(F_CLUSTER), &text);
        env_print(ctl->env, ENV_STDERR, buf_slice(&text));
        buf_fini(&text);
    }
    struct session *session = mem_zalloc(ctl->mem, 1, sizeof(*session));
    session->ctl = ctl;
    session->client = client;
    list_push_back(&ctl->sessions, &session->link);
    ctl->clients_open++;
    return session;
}

void ctl_call(struct session *session, const struct client_method *method,
              const ProtobufCMessage *request, void (*done)(struct client_call *call))
{
    struct ctl *ctl = session->ctl;
    int64_t timeout_ns = flag_number(&ctl->flags, F_COMMAND_TIMEOUT);
    session->call.done = done;
    session->call.data = session;
    client_start(session->client, &session->call, method, request,
                 env_now_ns(ctl->env) + timeout_ns);
}

struct session *ctl_done(struct client_call *call)
{
    struct session *session = call->data;
    return session->ctl->exiting ? NULL : session;
}

struct slice ctl_error(struct session *session)
{
    return buf_slice(&session->call.text);
}

/* The command of that name in the group; group NULL: in none. NULL if there is none. */
static const struct command *named_command(const char *group, const char *name)
{
    for (size_t i = 0; i < command_count; i++) {
        const char *of = commands[i].group;
        ASSERT(commands[i].name != NULL);
        bool same_group = of == group || (of != NULL && group != NULL && strcmp(of, group) == 0);
        if (same_group && strcmp(name, commands[i].name) == 0) {
            return &commands[i];
        }
    }
    return NULL;
}

/* Walks the words past the global flags: the command, and which words name it. NULL: none. */
static const struct command *find_command(const char *const *words, size_t count, uint64_t *named,
                                          const char **unknown)
{
    const struct command *found = NULL;
    for (size_t i = 0; i < count && i < 64; i++) {
        if (strcmp(words[i], "--") == 0) {
            break;
        }
        if (flags_skip(words, count, found == NULL ? 0 : found->flags, &i)) {
            continue;
        }
        const struct command *next = named_command(found == NULL ? NULL : found->name, words[i]);
        if (next == NULL) {
            *unknown = found == NULL ? words[i] : NULL;
            break;
        }
        *named |= UINT64_C(1) << i;
        found = next;
        if (found->run != NULL) {
            break;
        }
    }
    return found;
}

/* etcdctl's other commands. */
static bool comes_later(const char *name)
{
    static const char *const names[] = {"alarm", "auth",  "check", "defrag",
                                        "elect", "lease", "lock",  "make-mirror",
                                        "role",  "txn",   "user",  "watch"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (strcmp(name, names[i]) == 0) {
            return true;
        }
    }
    return false;
}

/* `help` in front asks for the help of the command that the rest names. */
static void run(struct ctl *ctl)
{
    const char *const *words = ctl->env->args + 1;
    size_t count = ctl->env->arg_count > 0 ? ctl->env->arg_count - 1 : 0;
    uint64_t named = 0;
    const char *unknown = NULL;
    bool help = count > 0 && strcmp(words[0], "help") == 0;
    if (help) {
        words++;
        count--;
    }
    const struct command *command = find_command(words, count, &named, &unknown);
    if (unknown != NULL && !help && comes_later(unknown)) {
        ctl_fail(ctl, EXIT_CONNECTION, "%s is not built yet", unknown);
        return;
    }
    if (unknown != NULL && !help) {
        ctl_warn(ctl,
                 "Error: unknown command \"%s\" for \"quoratectl\"\n"
                 "Run 'quoratectl --help' for usage.\n",
                 unknown);
        ctl_fail(ctl, EXIT_ERROR, "unknown command \"%s\" for \"quoratectl\"", unknown);
        return;
    }
    if (unknown != NULL) {
        ctl_warn(ctl, "Unknown help topic [`%s`]\n", unknown);
    }
    struct flags *flags = &ctl->flags;
    int err = flags_parse(flags, words, count, named, command != NULL ? command->flags : 0);
    ctl->command = command;
    if (err != 0) {
        ctl_warn(ctl, "Error: %s\n", buf_cstr(&flags->error));
    }
    if (err != 0 || help || flags->help || command == NULL || command->run == NULL) {
        if (command == NULL) {
            help_root(ctl);
        } else {
            help_command(ctl, command);
        }
        if (err != 0) {
            ctl_warn(ctl, "\n");
            ctl_fail(ctl, EXIT_ERROR, "%s", buf_cstr(&flags->error));
        } else {
            ctl_exit(ctl, EXIT_OK);
        }
        return;
    }
    if (flags_from_vars(flags, ctl->env) != 0) {
        ctl_fail(ctl, EXIT_ERROR, "%s", buf_cstr(&flags->error));
        return;
    }
    /* Its name alone: a value may be a password. */
    size_t at = 0;
    for (const char *name; (name = flags_unknown_var(ctl->env, &at)) != NULL;) {
        ctl_warn(ctl, "Warning: unrecognized environment variable %s\n", name);
    }
    command->run(ctl);
}

void ctl_start(struct env *env)
{
    struct ctl *ctl = mem_zalloc(env->mem, 1, sizeof(*ctl));
    ctl->env = env;
    ctl->mem = env->mem;
    list_init(&ctl->sessions);
    buf_init(&ctl->value, env->mem);
    flags_init(&ctl->flags, env->mem);
    run(ctl);
}

const struct env_program ctl_program = {"quoratectl", ctl_start};
