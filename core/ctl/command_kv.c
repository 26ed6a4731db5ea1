/* put, get, del, compaction. */
#include "private.h"
#include "text.h"

/* Of a string that an argument gave: the bytes as they are. */
static ProtobufCBinaryData bytes_of(const char *text)
{
    return pb_bytes(slice_str(text));
}

/* Past the end of everything. */
#define ALL_KEYS pb_bytes(slice_of("\0", 1))

/* The first key after all with this prefix: the last byte below 0xff grows, what is behind it
 * goes; none: the end of everything (clientv3: getPrefix). end has room for the prefix. */
static ProtobufCBinaryData prefix_end(const char *prefix, uint8_t *end)
{
    for (size_t len = strlen(prefix); len > 0; len--) {
        if ((uint8_t)prefix[len - 1] < 0xff) {
            for (size_t i = 0; i < len; i++) {
                end[i] = (uint8_t)prefix[i];
            }
            end[len - 1]++;
            return pb_bytes(slice_of(end, len));
        }
    }
    return ALL_KEYS;
}

/* Fills key and range_end from the arguments; `end` as for prefix_end. */
static void range_of(struct ctl *ctl, ProtobufCBinaryData *key, ProtobufCBinaryData *range_end,
                     uint8_t *end)
{
    const struct flags *flags = &ctl->flags;
    bool prefix = flag_bool(flags, F_PREFIX);
    bool from_key = flag_bool(flags, F_FROM_KEY);
    const char *first = flags->args[0];
    *key = bytes_of(first);
    if (prefix && *first != '\0') {
        *range_end = prefix_end(first, end);
    } else if (prefix || from_key) {
        if (*first == '\0') {
            *key = pb_bytes(slice_of("\0", 1));
        }
        *range_end = ALL_KEYS;
    } else if (flags->arg_count > 1) {
        *range_end = bytes_of(flags->args[1]);
    }
}

/* get and del take a key and perhaps an end. */
static int check_range_args(struct ctl *ctl, const char *name)
{
    const struct flags *flags = &ctl->flags;
    bool prefix = flag_bool(flags, F_PREFIX);
    bool from_key = flag_bool(flags, F_FROM_KEY);
    /* etcdctl: del counts its arguments, get does not mind more. */
    if (flags->arg_count == 0 || (flags->arg_count > 2 && strcmp(name, "del") == 0)) {
        ctl_fail(ctl, EXIT_ARGUMENTS,
                 "%s command needs one argument as key and an optional argument as range_end",
                 name);
    } else if (prefix && from_key) {
        ctl_fail(ctl, EXIT_ARGUMENTS,
                 "`--prefix` and `--from-key` cannot be set at the same time, choose one");
    } else {
        return 0;
    }
    return ERR_USAGE;
}

static int check_one_arg(struct ctl *ctl)
{
    const struct flags *flags = &ctl->flags;
    if (flags->arg_count > 1 && (flag_bool(flags, F_PREFIX) || flag_bool(flags, F_FROM_KEY))) {
        ctl_fail(ctl, EXIT_ARGUMENTS,
                 "too many arguments, only accept one argument when `--prefix` or `--from-key` "
                 "is set");
        return ERR_USAGE;
    }
    return 0;
}

static void start(struct ctl *ctl, const struct client_method *method,
                  const ProtobufCMessage *request, void (*done)(struct client_call *call))
{
    if (print_check_format(ctl) != 0) {
        return;
    }
    struct session *session = ctl_session(ctl, ctl->flags.endpoints, ctl->flags.endpoint_count);
    if (session != NULL) {
        ctl_call(session, method, request, done);
    }
}

/* The session of a call that has succeeded; else NULL, and the program ends. */
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

static void put_done(struct client_call *call)
{
    struct session *session = succeeded(call);
    if (session != NULL) {
        print_put(session->ctl, (const Etcdserverpb__PutResponse *)call->response);
    }
}

static void put(struct ctl *ctl)
{
    const struct flags *flags = &ctl->flags;
    struct buf error;
    int64_t lease;
    buf_init(&error, ctl->mem);
    if (text_hex_i64(flag_text(flags, F_LEASE), &lease, &error) != 0) {
        ctl_fail(ctl, EXIT_ARGUMENTS, "bad lease ID (%s), expecting ID in Hex", buf_cstr(&error));
        buf_fini(&error);
        return;
    }
    Etcdserverpb__PutRequest request;
    etcdserverpb__put_request__init(&request);
    request.key = bytes_of(flags->args[0]);
    request.value = pb_bytes(buf_slice(&ctl->value));
    request.lease = lease;
    request.prev_kv = flag_bool(flags, F_PREV_KV);
    request.ignore_value = flag_bool(flags, F_IGNORE_VALUE);
    request.ignore_lease = flag_bool(flags, F_IGNORE_LEASE);
    start(ctl, &client_put, &request.base, put_done);
}

#define PUT_USAGE "put command needs 1 argument and input from stdin or 2 arguments"

static void put_input(struct env_input *input, struct slice bytes, bool end)
{
    struct ctl *ctl = input->data;
    if (ctl->exiting || ctl->done_count > 0) {
        return;
    }
    buf_add_slice(&ctl->value, bytes);
    /* A value past the limit cannot be sent, whatever comes behind it. */
    if (end && ctl->value.len == 0) {
        ctl_fail(ctl, EXIT_ARGUMENTS, PUT_USAGE);
    } else if (end || ctl->value.len > CLIENT_SEND_BYTES_MAX) {
        ctl->done_count = 1;
        put(ctl);
    }
}

void command_put(struct ctl *ctl)
{
    const struct flags *flags = &ctl->flags;
    if (flags->arg_count == 0) {
        ctl_fail(ctl, EXIT_ARGUMENTS, PUT_USAGE);
    } else if (flag_bool(flags, F_IGNORE_VALUE)) {
        if (flags->arg_count > 1) {
            ctl_fail(ctl, EXIT_ARGUMENTS,
                     "put command needs only 1 argument when 'ignore-value' is set");
            return;
        }
        put(ctl);
    } else if (flags->arg_count > 1) {
        buf_add_str(&ctl->value, flags->args[1]);
        put(ctl);
    } else {
        ctl->input.read = put_input;
        ctl->input.data = ctl;
        env_read_input(ctl->env, &ctl->input);
    }
}

/* Upper-cases into out; longer words are none of those that are known. */
static void upper(const char *text, char *out, size_t size)
{
    size_t i = 0;
    for (; text[i] != '\0' && i + 1 < size; i++) {
        out[i] = (char)(text[i] >= 'a' && text[i] <= 'z' ? text[i] - 'a' + 'A' : text[i]);
    }
    out[i] = '\0';
}

static int find_word(const char *const *words, size_t count, const char *text)
{
    char word[16];
    upper(text, word, sizeof(word));
    for (size_t i = 0; i < count; i++) {
        if (strcmp(word, words[i]) == 0) {
            return (int)i;
        }
    }
    return -1;
}

/* The server's keys are in ascending order anyhow, so that order by key is not asked for
 * (clientv3: WithSort). Not 0: failed. */
static int sort_of(struct ctl *ctl, Etcdserverpb__RangeRequest *request)
{
    /* At the positions of the wire's numbers. */
    static const char *const orders[] = {"", "ASCEND", "DESCEND"};
    static const char *const targets[] = {"KEY", "VERSION", "CREATE", "MODIFY", "VALUE"};
    const char *order_text = flag_text(&ctl->flags, F_ORDER);
    const char *target_text = flag_text(&ctl->flags, F_SORT_BY);
    int order = find_word(orders, 3, order_text);
    int target = *target_text == '\0' ? 0 : find_word(targets, 5, target_text);
    if (order < 0) {
        ctl_fail(ctl, EXIT_FEATURE, "bad sort order %s", order_text);
        return ERR_USAGE;
    }
    if (target < 0) {
        ctl_fail(ctl, EXIT_FEATURE, "bad sort target %s", target_text);
        return ERR_USAGE;
    }
    request->sort_target = (Etcdserverpb__RangeRequest__SortTarget)target;
    request->sort_order = (Etcdserverpb__RangeRequest__SortOrder)order;
    if (target == 0 && request->sort_order == ETCDSERVERPB__RANGE_REQUEST__SORT_ORDER__ASCEND) {
        request->sort_order = ETCDSERVERPB__RANGE_REQUEST__SORT_ORDER__NONE;
    }
    return 0;
}

static void get_done(struct client_call *call)
{
    struct session *session = succeeded(call);
    if (session == NULL) {
        return;
    }
    struct ctl *ctl = session->ctl;
    if (flag_bool(&ctl->flags, F_PRINT_VALUE_ONLY) && !print_is(ctl, "simple")) {
        ctl_fail(ctl, EXIT_ARGUMENTS, "print-value-only is only for `--write-out=simple`");
        return;
    }
    print_range(ctl, (const Etcdserverpb__RangeResponse *)call->response);
}

void command_get(struct ctl *ctl)
{
    const struct flags *flags = &ctl->flags;
    const char *consistency = flag_text(flags, F_CONSISTENCY);
    bool serializable = strcmp(consistency, "s") == 0;
    struct mem *mem = ctl->mem;
    if (check_range_args(ctl, "get") != 0) {
        return;
    }
    if (!serializable && strcmp(consistency, "l") != 0) {
        struct buf quoted;
        buf_init(&quoted, ctl->mem);
        text_quote(&quoted, slice_str(consistency));
        ctl_fail(ctl, EXIT_FEATURE, "unknown consistency flag %s", buf_cstr(&quoted));
        buf_fini(&quoted);
        return;
    }
    Etcdserverpb__RangeRequest request;
    etcdserverpb__range_request__init(&request);
    if (check_one_arg(ctl) != 0 || sort_of(ctl, &request) != 0) {
        return;
    }
    uint8_t *end = mem_alloc(mem, strlen(flags->args[0]) + 1);
    range_of(ctl, &request.key, &request.range_end, end);
    request.limit = flag_number(flags, F_LIMIT);
    request.revision = flag_number(flags, F_REV) > 0 ? flag_number(flags, F_REV) : 0;
    request.serializable = serializable;
    request.keys_only = flag_bool(flags, F_KEYS_ONLY);
    start(ctl, &client_range, &request.base, get_done);
    mem_free(mem, end);
}

static void del_done(struct client_call *call)
{
    struct session *session = succeeded(call);
    if (session != NULL) {
        print_delete(session->ctl, (const Etcdserverpb__DeleteRangeResponse *)call->response);
    }
}

void command_del(struct ctl *ctl)
{
    const struct flags *flags = &ctl->flags;
    struct mem *mem = ctl->mem;
    if (check_range_args(ctl, "del") != 0 || check_one_arg(ctl) != 0) {
        return;
    }
    Etcdserverpb__DeleteRangeRequest request;
    etcdserverpb__delete_range_request__init(&request);
    uint8_t *end = mem_alloc(mem, strlen(flags->args[0]) + 1);
    range_of(ctl, &request.key, &request.range_end, end);
    request.prev_kv = flag_bool(flags, F_PREV_KV);
    start(ctl, &client_delete_range, &request.base, del_done);
    mem_free(mem, end);
}

/* The same words in every format. */
static void compaction_done(struct client_call *call)
{
    struct session *session = succeeded(call);
    if (session != NULL) {
        struct ctl *ctl = session->ctl;
        ctl_printf(ctl, "compacted revision %lld\n", (long long)ctl->revision);
        ctl_exit(ctl, EXIT_OK);
    }
}

void command_compaction(struct ctl *ctl)
{
    const struct flags *flags = &ctl->flags;
    struct buf error;
    if (flags->arg_count != 1) {
        ctl_fail(ctl, EXIT_ARGUMENTS, "compaction command needs 1 argument");
        return;
    }
    buf_init(&error, ctl->mem);
    if (text_i64(flags->args[0], &ctl->revision, &error) != 0) {
        ctl_fail(ctl, EXIT_ERROR, "%s", buf_cstr(&error));
        buf_fini(&error);
        return;
    }
    Etcdserverpb__CompactionRequest request;
    etcdserverpb__compaction_request__init(&request);
    request.revision = ctl->revision;
    request.physical = flag_bool(flags, F_PHYSICAL);
    start(ctl, &client_compact, &request.base, compaction_done);
}
