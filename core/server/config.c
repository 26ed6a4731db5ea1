#include "config.h"

#include "base/assert.h"
#include "base/duration.h"
#include "base/fmt.h"
#include "storage/storage.h"

enum flag_kind {
    FLAG_STRING,
    FLAG_BOOL,
    FLAG_URLS,
    FLAG_MILLISECONDS,
    FLAG_COUNT_OF_MEMBERS,
    FLAG_ENTRIES,
    FLAG_DURATION,
    FLAG_REQUEST_BYTES,
    FLAG_STREAMS,
    FLAG_APPEND_ENTRIES,
    FLAG_SEGMENT_BYTES,
    FLAG_STATE,
    FLAG_LEVEL
};

struct flag {
    const char *name;
    enum flag_kind kind;
    size_t offset;
    const char *initial;
    const char *help;
};

/* More would not fit into a record anyway. */
#define APPEND_ENTRIES_MAX 65536

#define AT(field)          offsetof(struct server_config, field)

static const struct flag flags[] = {
    {"name", FLAG_STRING, AT(name), "default", "Human-readable name of this member."},
    {"data-dir", FLAG_STRING, AT(data_dir), NULL, "Data directory; ${name}.etcd if not given."},
    {"wal-dir", FLAG_STRING, AT(wal_dir), "",
     "Directory of the log, if it is to lie on another disk than the rest."},
    {"listen-peer-urls", FLAG_URLS, AT(listen_peer), "http://localhost:2380",
     "URLs to listen on for other members."},
    {"listen-client-urls", FLAG_URLS, AT(listen_client), "http://localhost:2379",
     "URLs to listen on for clients."},
    {"initial-advertise-peer-urls", FLAG_URLS, AT(advertise_peer), "http://localhost:2380",
     "This member's peer URLs, as the others are told."},
    {"advertise-client-urls", FLAG_URLS, AT(advertise_client), "http://localhost:2379",
     "This member's client URLs, as clients are told."},
    {"initial-cluster", FLAG_STRING, AT(initial_cluster), NULL,
     "name=URL of every first member, separated by commas."},
    {"initial-cluster-state", FLAG_STATE, AT(existing), "new",
     "'new', or 'existing' to join by `member add`."},
    {"initial-cluster-token", FLAG_STRING, AT(initial_token), "etcd-cluster",
     "Goes into the IDs of a new cluster and its members."},
    {"force-new-cluster", FLAG_BOOL, AT(force_new), "false",
     "Make a new cluster of this member alone, with the data it has. Leave it off afterwards."},
    {"strict-reconfig-check", FLAG_BOOL, AT(strict), "true",
     "Refuse membership changes that would cost the quorum."},
    {"max-learners", FLAG_COUNT_OF_MEMBERS, AT(learners_max), "1",
     "How many learners a cluster may have when this member is asked to add one."},
    {"max-append-entries", FLAG_APPEND_ENTRIES, AT(append_entries_max), "1024",
     "Entries that go to another member in one message, at most."},
    {"wal-segment-bytes", FLAG_SEGMENT_BYTES, AT(segment_bytes), "67108864",
     "A file of the log ends with the write that reaches this size."},
    {"pre-vote", FLAG_BOOL, AT(pre_vote), "true",
     "Ask before raising the term, so that a returning member disturbs nobody."},
    {"heartbeat-interval", FLAG_MILLISECONDS, AT(heartbeat_ns), "100", "Milliseconds."},
    {"election-timeout", FLAG_MILLISECONDS, AT(election_ns), "1000", "Milliseconds."},
    {"snapshot-count", FLAG_ENTRIES, AT(snapshot_count), "100000",
     "Entries applied between two snapshots; a log of many bytes is worth one earlier."},
    {"experimental-snapshot-catchup-entries", FLAG_ENTRIES, AT(catchup_entries), "5000",
     "Entries kept behind a snapshot for members that lag a little."},
    {"initial-election-tick-advance", FLAG_BOOL, AT(tick_advance), "true",
     "Wait less for the first election once other members are seen."},
    {"max-request-bytes", FLAG_REQUEST_BYTES, AT(request_bytes_max), "1572864",
     "How large a request of a client may be."},
    {"max-concurrent-streams", FLAG_STREAMS, AT(streams_max), "4294967295",
     "Calls that one connection may have open; at most 4096 in any case."},
    {"grpc-keepalive-min-time", FLAG_DURATION, AT(keepalive_min_ns), "5s",
     "Clients that ping more often than that lose their connection."},
    {"grpc-keepalive-interval", FLAG_DURATION, AT(keepalive_interval_ns), "2h",
     "After so long without a word from a client it is pinged; 0: never."},
    {"grpc-keepalive-timeout", FLAG_DURATION, AT(keepalive_timeout_ns), "20s",
     "How long such a ping may stay without an answer."},
    {"debug", FLAG_BOOL, AT(debug), "false", "The same as --log-level=debug."},
    {"log-level", FLAG_LEVEL, AT(log_level), "info", "debug, info, warn, error, panic or fatal."},
    {"version", FLAG_BOOL, AT(show_version), "false", "Print the version and exit."},
    {"help", FLAG_BOOL, AT(show_help), "false", "Print this and exit."},
};

#define FLAG_COUNT (sizeof(flags) / sizeof(flags[0]))

struct parse {
    struct server_config *config;
    char *why;
    size_t why_size;
    bool given[FLAG_COUNT];
    const char *variable; /* while one is read: its name */
};

#define REFUSE(p, ...)     (fmt((p)->why, (p)->why_size, __VA_ARGS__), ERR_USAGE)
#define CONTRADICT(p, ...) (fmt((p)->why, (p)->why_size, __VA_ARGS__), ERR_INVALID)

/* As Go's flag library words it, or as etcd does for a variable. */
static int bad_value(struct parse *p, const struct flag *flag, const char *value, const char *what)
{
    if (p->variable != NULL) {
        return CONTRADICT(p, "invalid value \"%s\" for %s: %s", value, p->variable, what);
    }
    return REFUSE(p, "invalid value \"%s\" for flag -%s: %s", value, flag->name, what);
}

static void *field_of(struct parse *p, const struct flag *flag)
{
    return (char *)p->config + flag->offset;
}

static int set_bool(struct parse *p, const struct flag *flag, const char *value)
{
    static const char *const yes[] = {"1", "t", "T", "true", "TRUE", "True"};
    static const char *const no[] = {"0", "f", "F", "false", "FALSE", "False"};
    bool *field = field_of(p, flag);
    for (size_t i = 0; i < sizeof(yes) / sizeof(yes[0]); i++) {
        if (strcmp(value, yes[i]) == 0 || strcmp(value, no[i]) == 0) {
            *field = strcmp(value, yes[i]) == 0;
            return 0;
        }
    }
    if (p->variable != NULL) {
        return bad_value(p, flag, value, "parse error");
    }
    return REFUSE(p, "invalid boolean value \"%s\" for -%s: parse error", value, flag->name);
}

static int set_urls(struct parse *p, const struct flag *flag, const char *value)
{
    struct config_urls *urls = field_of(p, flag);
    struct slice rest = slice_str(value);
    urls->count = 0;
    while (rest.len > 0) {
        ptrdiff_t comma = slice_find(rest, ',');
        struct slice one = comma < 0 ? rest : slice_of(rest.ptr, (size_t)comma);
        rest = comma < 0 ? slice_of(NULL, 0) : slice_from(rest, (size_t)comma + 1);
        if (urls->count == MEMBER_URLS_MAX) {
            return REFUSE(p, "--%s: at most %d URLs", flag->name, MEMBER_URLS_MAX);
        }
        struct url *url = &urls->url[urls->count];
        if (url_parse(one, url) != 0) {
            return REFUSE(
                p,
                "invalid value \"%.*s\" for --%s: URL must be http:// or https:// with host and "
                "port and no path",
                (int)one.len, (const char *)one.ptr, flag->name);
        }
        if (url->secure || url->local) {
            return REFUSE(
                p,
                "--%s: \"%.*s\" needs TLS or a unix socket, which are not built yet; use http://",
                flag->name, (int)one.len, (const char *)one.ptr);
        }
        urls->text[urls->count++] = one;
    }
    if (urls->count == 0) {
        return REFUSE(p, "--%s is empty", flag->name);
    }
    return 0;
}

static int set_milliseconds(struct parse *p, const struct flag *flag, const char *value)
{
    uint64_t ms = 0;
    if (slice_to_u64(slice_str(value), &ms) != 0 || ms > 1000 * 1000) {
        return bad_value(p, flag, value, "parse error");
    }
    int64_t *field = field_of(p, flag);
    *field = (int64_t)ms * MS_NS;
    return 0;
}

static int set_member_count(struct parse *p, const struct flag *flag, const char *value)
{
    uint64_t count = 0;
    if (slice_to_u64(slice_str(value), &count) != 0 || count < 1 || count > MEMBERS_MAX) {
        char what[64];
        fmt(what, sizeof(what), "a number from 1 to %d", MEMBERS_MAX);
        return bad_value(p, flag, value, what);
    }
    uint8_t *field = field_of(p, flag);
    *field = (uint8_t)count;
    return 0;
}

static int set_entries(struct parse *p, const struct flag *flag, const char *value)
{
    uint64_t count = 0;
    if (slice_to_u64(slice_str(value), &count) != 0) {
        return bad_value(p, flag, value, "parse error");
    }
    if (count == 0) {
        return bad_value(p, flag, value, "at least one entry");
    }
    uint64_t *field = field_of(p, flag);
    *field = count;
    return 0;
}

static int set_duration(struct parse *p, const struct flag *flag, const char *value)
{
    int64_t *field = field_of(p, flag);
    if (duration_parse(slice_str(value), field) != 0 || *field < 0) {
        return bad_value(p, flag, value, "parse error");
    }
    return 0;
}

static int set_request_bytes(struct parse *p, const struct flag *flag, const char *value)
{
    uint64_t bytes = 0;
    if (slice_to_u64(slice_str(value), &bytes) != 0) {
        return bad_value(p, flag, value, "parse error");
    }
    if (bytes < 1 || bytes > REQUEST_BYTES_TOP) {
        char what[96];
        fmt(what, sizeof(what), "from 1 to %d: a record between members must hold it",
            REQUEST_BYTES_TOP);
        return bad_value(p, flag, value, what);
    }
    uint32_t *field = field_of(p, flag);
    *field = (uint32_t)bytes;
    return 0;
}

static int set_streams(struct parse *p, const struct flag *flag, const char *value)
{
    uint64_t count = 0;
    if (slice_to_u64(slice_str(value), &count) != 0 || count > UINT32_MAX) {
        return bad_value(p, flag, value, "parse error");
    }
    if (count == 0) {
        return bad_value(p, flag, value, "a connection without calls is of no use");
    }
    uint32_t *field = field_of(p, flag);
    *field = (uint32_t)count;
    return 0;
}

static int set_append_entries(struct parse *p, const struct flag *flag, const char *value)
{
    uint64_t count = 0;
    if (slice_to_u64(slice_str(value), &count) != 0 || count < 1 || count > APPEND_ENTRIES_MAX) {
        return REFUSE(p, "invalid value \"%s\" for flag -%s: a number from 1 to %d", value,
                      flag->name, APPEND_ENTRIES_MAX);
    }
    uint32_t *field = field_of(p, flag);
    *field = (uint32_t)count;
    return 0;
}

static int set_segment_bytes(struct parse *p, const struct flag *flag, const char *value)
{
    uint64_t bytes = 0;
    if (slice_to_u64(slice_str(value), &bytes) != 0 || bytes < STORAGE_SEGMENT_BYTES_MIN ||
        bytes > STORAGE_SEGMENT_BYTES_MAX) {
        return REFUSE(p, "invalid value \"%s\" for flag -%s: a number from %llu to %llu", value,
                      flag->name, (unsigned long long)STORAGE_SEGMENT_BYTES_MIN,
                      (unsigned long long)STORAGE_SEGMENT_BYTES_MAX);
    }
    uint64_t *field = field_of(p, flag);
    *field = bytes;
    return 0;
}

static int set_state(struct parse *p, const struct flag *flag, const char *value)
{
    bool *field = field_of(p, flag);
    if (strcmp(value, "new") != 0 && strcmp(value, "existing") != 0) {
        return bad_value(p, flag, value, "'new' or 'existing'");
    }
    *field = strcmp(value, "existing") == 0;
    return 0;
}

static int set(struct parse *p, const struct flag *flag, const char *value)
{
    switch (flag->kind) {
    case FLAG_STRING: {
        const char **field = field_of(p, flag);
        *field = value;
        return 0;
    }
    case FLAG_BOOL: return set_bool(p, flag, value);
    case FLAG_URLS: return set_urls(p, flag, value);
    case FLAG_MILLISECONDS: return set_milliseconds(p, flag, value);
    case FLAG_COUNT_OF_MEMBERS: return set_member_count(p, flag, value);
    case FLAG_ENTRIES: return set_entries(p, flag, value);
    case FLAG_DURATION: return set_duration(p, flag, value);
    case FLAG_REQUEST_BYTES: return set_request_bytes(p, flag, value);
    case FLAG_STREAMS: return set_streams(p, flag, value);
    case FLAG_APPEND_ENTRIES: return set_append_entries(p, flag, value);
    case FLAG_SEGMENT_BYTES: return set_segment_bytes(p, flag, value);
    case FLAG_STATE: return set_state(p, flag, value);
    case FLAG_LEVEL: {
        enum log_level *field = field_of(p, flag);
        if (log_level_parse(slice_str(value), field) != 0) {
            return bad_value(p, flag, value, "debug, info, warn, error, panic or fatal");
        }
        return 0;
    }
    }
    UNREACHABLE();
}

static int read_defaults(struct parse *p)
{
    for (size_t i = 0; i < FLAG_COUNT; i++) {
        int rv = flags[i].initial == NULL ? 0 : set(p, &flags[i], flags[i].initial);
        if (rv != 0) {
            return rv;
        }
    }
    return 0;
}

static int find_flag(struct slice name)
{
    for (size_t i = 0; i < FLAG_COUNT; i++) {
        if (slice_eq_str(name, flags[i].name)) {
            return (int)i;
        }
    }
    return -1;
}

static int take_absent(struct parse *p, const struct config_absent *flag, const char *value)
{
    if (config_absent_takes(flag, value)) {
        return 0;
    }
    return CONTRADICT(p, "--%s=%s: %s", flag->name, value, flag->why);
}

static bool is_given(const struct parse *p, const char *name)
{
    int i = find_flag(slice_str(name));
    ASSERT(i >= 0);
    return p->given[i];
}

/* One argument, and the next one if that is its value: *at moves behind what was used. */
static int read_argument(struct parse *p, struct env *env, size_t *at)
{
    const char *arg = env->args[(*at)++];
    if (arg[0] != '-') {
        return CONTRADICT(p, "'%s' is not a valid flag", arg);
    }
    struct slice name = slice_str(arg + (arg[1] == '-' ? 2 : 1));
    ptrdiff_t equals = slice_find(name, '=');
    const char *value = NULL;
    if (equals >= 0) {
        value = (const char *)name.ptr + equals + 1;
        name.len = (size_t)equals;
    }
    int i = find_flag(name.len == 1 && name.ptr[0] == 'h' ? slice_str("help") : name);
    const struct config_absent *absent = i < 0 ? config_absent_find(name) : NULL;
    if (i < 0 && absent == NULL) {
        return REFUSE(p, "flag provided but not defined: -%.*s", (int)name.len,
                      (const char *)name.ptr);
    }
    if (value == NULL && (i < 0 ? absent->bare : flags[i].kind == FLAG_BOOL)) {
        value = "true";
    }
    if (value == NULL) {
        if (*at == env->arg_count) {
            return REFUSE(p, "flag needs an argument: -%.*s", (int)name.len,
                          (const char *)name.ptr);
        }
        value = env->args[(*at)++];
    }
    if (i < 0) {
        return take_absent(p, absent, value);
    }
    p->given[i] = true;
    return set(p, &flags[i], value);
}

#define VARIABLE_PREFIX "ETCD_"
#define VARIABLE_MAX    64

/* "ETCD_NAME_OF_IT" as the name of a flag; false: it is no variable of ours. */
static bool flag_of_variable(const char *variable, char *name)
{
    size_t skip = strlen(VARIABLE_PREFIX);
    if (strncmp(variable, VARIABLE_PREFIX, skip) != 0 || strlen(variable + skip) >= VARIABLE_MAX) {
        return false;
    }
    size_t n = 0;
    for (const char *c = variable + skip; *c != '\0'; c++) {
        bool capital = *c >= 'A' && *c <= 'Z';
        bool digit = *c >= '0' && *c <= '9';
        name[n++] = (char)(capital ? *c - 'A' + 'a' : digit ? *c : *c == '_' ? '-' : '?');
    }
    name[n] = '\0';
    return true;
}

/* An empty variable is as good as none, unless it stands beside its flag (etcd). */
static int read_variables(struct parse *p, const struct env *env)
{
    for (size_t v = 0; v < env->var_count; v++) {
        const char *variable = env->vars[v].name;
        const char *value = env->vars[v].value;
        char name[VARIABLE_MAX];
        if (!flag_of_variable(variable, name)) {
            continue;
        }
        int i = find_flag(slice_str(name));
        if (i >= 0 && p->given[i]) {
            return CONTRADICT(p,
                              "conflicting environment variable \"%s\" is shadowed by "
                              "corresponding command-line flag (either unset environment variable "
                              "or disable flag)",
                              variable);
        }
        const struct config_absent *absent = i < 0 ? config_absent_find(slice_str(name)) : NULL;
        int rv = 0;
        if (*value != '\0' && i >= 0) {
            p->variable = variable;
            p->given[i] = true;
            rv = set(p, &flags[i], value);
            p->variable = NULL;
        } else if (*value != '\0' && absent != NULL) {
            rv = take_absent(p, absent, value);
        }
        if (rv != 0) {
            return rv;
        }
    }
    return 0;
}

const char *config_unknown_var(const struct env *env, size_t *at)
{
    while (*at < env->var_count) {
        const char *variable = env->vars[(*at)++].name;
        char name[VARIABLE_MAX];
        if (strncmp(variable, VARIABLE_PREFIX, strlen(VARIABLE_PREFIX)) == 0 &&
            (!flag_of_variable(variable, name) ||
             (find_flag(slice_str(name)) < 0 && config_absent_find(slice_str(name)) == NULL))) {
            return variable;
        }
    }
    return NULL;
}

static int check_times(struct parse *p)
{
    int64_t heartbeat = p->config->heartbeat_ns / MS_NS;
    int64_t election = p->config->election_ns / MS_NS;
    if (heartbeat == 0) {
        return CONTRADICT(p, "--heartbeat-interval must be >0 (set to 0ms)");
    }
    if (election == 0) {
        return CONTRADICT(p, "--election-timeout must be >0 (set to 0ms)");
    }
    if (5 * heartbeat > election) {
        return CONTRADICT(p,
                          "--election-timeout[%lldms] should be at least as 5 times as "
                          "--heartbeat-interval[%lldms]",
                          (long long)election, (long long)heartbeat);
    }
    if (election > 50000) {
        return CONTRADICT(
            p, "--election-timeout[%lldms] is too long, and should be set less than 50000ms",
            (long long)election);
    }
    return 0;
}

static int check(struct parse *p)
{
    const struct server_config *config = p->config;
    if (config->name[0] == '\0' || strlen(config->name) > MEMBER_NAME_MAX) {
        return CONTRADICT(p, "--name must have 1 to %d bytes", MEMBER_NAME_MAX);
    }
    if (is_given(p, "listen-client-urls") && !is_given(p, "advertise-client-urls")) {
        return CONTRADICT(
            p, "--advertise-client-urls is required when --listen-client-urls is set explicitly");
    }
    if (config->debug) {
        p->config->log_level = LOG_DEBUG;
    }
    return check_times(p);
}

/* etcd's default of --initial-cluster: this member alone, under its name and advertised URLs. */
static char *default_cluster(const struct server_config *config, struct env *env)
{
    struct buf text;
    buf_init(&text, env->mem);
    for (size_t i = 0; i < config->advertise_peer.count; i++) {
        struct slice url = config->advertise_peer.text[i];
        buf_printf(&text, "%s%s=%.*s", i > 0 ? "," : "", config->name, (int)url.len,
                   (const char *)url.ptr);
    }
    char *copy = mem_strdup(env->mem, (const char *)text.ptr, text.len);
    buf_fini(&text);
    return copy;
}

int config_read(struct server_config *config, struct env *env, char *why, size_t why_size)
{
    struct parse p = {.config = config, .why = why, .why_size = why_size};
    *config = (struct server_config){0};
    int rv = read_defaults(&p);
    for (size_t at = 1; rv == 0 && at < env->arg_count;) {
        rv = read_argument(&p, env, &at);
    }
    if (rv == 0 && !config->show_help && !config->show_version) {
        rv = read_variables(&p, env);
    }
    if (rv == 0 && !config->show_help && !config->show_version) {
        rv = check(&p);
    }
    if (rv != 0) {
        config->data_dir = NULL;
        config->initial_cluster = NULL;
        return rv;
    }
    char dir[MEMBER_NAME_MAX + 8];
    if (config->data_dir == NULL || config->data_dir[0] == '\0') {
        fmt(dir, sizeof(dir), "%s.etcd", config->name);
        config->data_dir = dir;
    }
    config->data_dir = mem_strdup(env->mem, config->data_dir, strlen(config->data_dir));
    if (config->initial_cluster == NULL) {
        config->initial_cluster = default_cluster(config, env);
    } else {
        config->initial_cluster =
            mem_strdup(env->mem, config->initial_cluster, strlen(config->initial_cluster));
    }
    return 0;
}

static void free_text(struct env *env, const char **text)
{
    union {
        const char *read;
        char *owned;
    } p = {.read = *text};
    mem_free(env->mem, p.owned);
    *text = NULL;
}

void config_fini(struct server_config *config, struct env *env)
{
    free_text(env, &config->data_dir);
    free_text(env, &config->initial_cluster);
}

void config_help(struct buf *out)
{
    buf_add_str(out, "usage: quorated [flags]\n\n"
                     "Starts one member of a cluster. Every flag is also read from the variable\n"
                     "ETCD_NAME_IN_CAPITALS; to give both is a mistake.\n\n");
    for (size_t i = 0; i < FLAG_COUNT; i++) {
        buf_printf(out, "  --%s", flags[i].name);
        if (flags[i].initial != NULL) {
            buf_printf(out, " '%s'", flags[i].initial);
        }
        buf_printf(out, "\n      %s\n", flags[i].help);
    }
}
