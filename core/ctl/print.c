/* Answers in the formats of etcdctl: simple lines here, JSON from print_json.c, `fields`, tables;
 * `protobuf` is the answer's own bytes. */
#include "backup/files.h"
#include "base/json.h"
#include "private.h"
#include "text.h"

static const char *const formats[] = {"fields", "json", "protobuf", "simple", "table"};

bool print_is(const struct ctl *ctl, const char *format)
{
    return strcmp(flag_text(&ctl->flags, F_WRITE_OUT), format) == 0;
}

int print_check_format(struct ctl *ctl)
{
    for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++) {
        if (print_is(ctl, formats[i])) {
            return 0;
        }
    }
    ctl_fail(ctl, EXIT_FEATURE, "unsupported output format");
    return ERR_USAGE;
}

void print_unsupported(struct ctl *ctl)
{
    ctl_fail(ctl, EXIT_FEATURE, "%s not supported as output format",
             flag_text(&ctl->flags, F_WRITE_OUT));
}

/* The formats that know nothing of what they print. False: another one is asked for. */
static bool print_whole(struct ctl *ctl, const ProtobufCMessage *answer)
{
    struct buf out;
    bool json = print_is(ctl, "json");
    if (!json && !print_is(ctl, "protobuf")) {
        return false;
    }
    buf_init(&out, ctl->mem);
    if (json) {
        struct json writer;
        json_init(&writer, &out);
        json_message(&writer, answer);
        buf_add_u8(&out, '\n');
    } else {
        pb_pack(answer, &out);
    }
    ctl_print(ctl, buf_slice(&out));
    buf_fini(&out);
    return true;
}

static void add_bytes(struct ctl *ctl, struct buf *out, ProtobufCBinaryData bytes)
{
    if (!flag_bool(&ctl->flags, F_HEX)) {
        buf_add(out, bytes.data, bytes.len);
    } else {
        for (size_t i = 0; i < bytes.len; i++) {
            buf_printf(out, "\\x%02x", bytes.data[i]);
        }
    }
    buf_add_u8(out, '\n');
}

static void add_kv(struct ctl *ctl, struct buf *out, const Mvccpb__KeyValue *kv)
{
    if (!flag_bool(&ctl->flags, F_PRINT_VALUE_ONLY)) {
        add_bytes(ctl, out, kv->key);
    }
    add_bytes(ctl, out, kv->value);
}

static void print_kvs(struct ctl *ctl, const char *before, Mvccpb__KeyValue *const *kvs,
                      size_t count)
{
    struct buf out;
    buf_init(&out, ctl->mem);
    buf_add_str(&out, before);
    for (size_t i = 0; i < count; i++) {
        add_kv(ctl, &out, kvs[i]);
    }
    ctl_print(ctl, buf_slice(&out));
    buf_fini(&out);
}

void print_put(struct ctl *ctl, const Etcdserverpb__PutResponse *answer)
{
    if (print_is(ctl, "simple")) {
        print_kvs(ctl, "OK\n", &answer->prev_kv, answer->prev_kv != NULL ? 1 : 0);
    } else if (print_is(ctl, "fields")) {
        fields_put(ctl, answer);
    } else if (!print_whole(ctl, &answer->base)) {
        print_unsupported(ctl);
        return;
    }
    ctl_exit(ctl, EXIT_OK);
}

static const char *alarm_name(int type)
{
    return type == ETCDSERVERPB__ALARM_TYPE__NOSPACE   ? "NOSPACE"
           : type == ETCDSERVERPB__ALARM_TYPE__CORRUPT ? "CORRUPT"
                                                       : "NONE";
}

/* The answer has no header, at which etcdctl's `fields` panics. */
void print_alarms(struct ctl *ctl, const Etcdserverpb__AlarmResponse *answer)
{
    bool simple = print_is(ctl, "simple");
    if (simple || print_is(ctl, "fields")) {
        for (size_t i = 0; i < answer->n_alarms; i++) {
            ctl_printf(ctl,
                       simple ? "memberID:%llu alarm:%s \n"
                              : "\"MemberID\" : %llu\n\"AlarmType\" : %s\n\n",
                       (unsigned long long)answer->alarms[i]->memberid,
                       alarm_name((int)answer->alarms[i]->alarm));
        }
    } else if (!print_whole(ctl, &answer->base)) {
        print_unsupported(ctl);
        return;
    }
    ctl_exit(ctl, EXIT_OK);
}

void print_range(struct ctl *ctl, const Etcdserverpb__RangeResponse *answer)
{
    if (print_is(ctl, "simple")) {
        print_kvs(ctl, "", answer->kvs, answer->n_kvs);
    } else if (print_is(ctl, "fields")) {
        fields_range(ctl, answer);
    } else if (!print_whole(ctl, &answer->base)) {
        print_unsupported(ctl);
        return;
    }
    ctl_exit(ctl, EXIT_OK);
}

void print_delete(struct ctl *ctl, const Etcdserverpb__DeleteRangeResponse *answer)
{
    if (print_is(ctl, "simple")) {
        ctl_printf(ctl, "%lld\n", (long long)answer->deleted);
        print_kvs(ctl, "", answer->prev_kvs, answer->n_prev_kvs);
    } else if (print_is(ctl, "fields")) {
        fields_delete(ctl, answer);
    } else if (!print_whole(ctl, &answer->base)) {
        print_unsupported(ctl);
        return;
    }
    ctl_exit(ctl, EXIT_OK);
}

static void join(struct buf *out, char *const *items, size_t count, const char *between)
{
    for (size_t i = 0; i < count; i++) {
        buf_printf(out, "%s%s", i > 0 ? between : "", items[i]);
    }
}

void print_member_columns(const Etcdserverpb__Member *member, struct buf *columns)
{
    buf_printf(&columns[0], "%llx", (unsigned long long)member->id);
    buf_add_str(&columns[1], *member->name != '\0' ? "started" : "unstarted");
    buf_add_str(&columns[2], member->name);
    join(&columns[3], member->peerurls, member->n_peerurls, ",");
    join(&columns[4], member->clienturls, member->n_clienturls, ",");
    buf_add_str(&columns[5], member->islearner ? "true" : "false");
}

void print_status_columns(struct slice endpoint, const Etcdserverpb__StatusResponse *status,
                          struct buf *columns)
{
    uint64_t member = status->header != NULL ? status->header->member_id : 0;
    buf_add_slice(&columns[0], endpoint);
    buf_printf(&columns[1], "%llx", (unsigned long long)member);
    buf_add_str(&columns[2], status->version);
    text_size(&columns[3], (uint64_t)status->dbsize);
    buf_add_str(&columns[4], status->leader == member ? "true" : "false");
    buf_add_str(&columns[5], status->islearner ? "true" : "false");
    buf_printf(&columns[6], "%llu", (unsigned long long)status->raftterm);
    buf_printf(&columns[7], "%llu", (unsigned long long)status->raftindex);
    buf_printf(&columns[8], "%llu", (unsigned long long)status->raftappliedindex);
    join(&columns[9], status->errors, status->n_errors, ", ");
}

static struct buf *cells_new(struct ctl *ctl, size_t count)
{
    struct buf *cells = mem_zalloc(ctl->mem, count, sizeof(*cells));
    for (size_t i = 0; i < count; i++) {
        buf_init(&cells[i], ctl->mem);
    }
    return cells;
}

static void cells_free(struct ctl *ctl, struct buf *cells, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        buf_fini(&cells[i]);
    }
    mem_free(ctl->mem, cells);
}

/* The rows but the first, which has the titles. */
static void print_rows(struct ctl *ctl, const struct buf *cells, size_t rows, size_t columns)
{
    struct buf out;
    buf_init(&out, ctl->mem);
    for (size_t i = columns; i < rows * columns; i++) {
        buf_add_str(&out, i % columns > 0 ? ", " : "");
        buf_add_slice(&out, buf_slice(&cells[i]));
        buf_add_str(&out, i % columns == columns - 1 ? "\n" : "");
    }
    ctl_print(ctl, buf_slice(&out));
    buf_fini(&out);
}

static void print_cells(struct ctl *ctl, struct buf *cells, size_t rows, size_t columns,
                        const char *const *titles)
{
    for (size_t i = 0; i < columns; i++) {
        buf_add_str(&cells[i], titles[i]);
    }
    if (print_is(ctl, "simple")) {
        print_rows(ctl, cells, rows, columns);
    } else {
        table_print(ctl, cells, rows, columns);
    }
    cells_free(ctl, cells, rows * columns);
}

void print_members(struct ctl *ctl, const Etcdserverpb__MemberListResponse *answer)
{
    static const char *const titles[MEMBER_COLUMNS] = {"ID",         "STATUS",       "NAME",
                                                       "PEER ADDRS", "CLIENT ADDRS", "IS LEARNER"};
    if (print_is(ctl, "fields")) {
        fields_members(ctl, answer);
    } else if (!print_whole(ctl, &answer->base)) {
        size_t rows = answer->n_members + 1;
        struct buf *cells = cells_new(ctl, rows * MEMBER_COLUMNS);
        for (size_t i = 0; i < answer->n_members; i++) {
            print_member_columns(answer->members[i], &cells[(i + 1) * MEMBER_COLUMNS]);
        }
        print_cells(ctl, cells, rows, MEMBER_COLUMNS, titles);
    }
    ctl_exit(ctl, EXIT_OK);
}

void print_snapshot(struct ctl *ctl, const struct backup_status *status)
{
    static const char *const titles[] = {"HASH", "REVISION", "TOTAL KEYS", "TOTAL SIZE"};
    const unsigned long long hash = status->hash;
    const unsigned long long keys = status->keys;
    const unsigned long long size = status->size;
    if (print_is(ctl, "json")) {
        ctl_printf(ctl, "{\"hash\":%llu,\"revision\":%lld,\"totalKey\":%llu,\"totalSize\":%llu}\n",
                   hash, (long long)status->revision, keys, size);
    } else if (print_is(ctl, "fields")) {
        ctl_printf(ctl, "\"Hash\" : %llu\n\"Revision\" : %lld\n\"Keys\" : %llu\n\"Size\" : %llu\n",
                   hash, (long long)status->revision, keys, size);
    } else if (print_is(ctl, "protobuf")) {
        print_unsupported(ctl);
        return;
    } else {
        struct buf *cells = cells_new(ctl, 8);
        buf_printf(&cells[4], "%llx", hash);
        buf_printf(&cells[5], "%lld", (long long)status->revision);
        buf_printf(&cells[6], "%llu", keys);
        text_size(&cells[7], size);
        print_cells(ctl, cells, 2, 4, titles);
    }
    ctl_exit(ctl, EXIT_OK);
}

void print_change(struct ctl *ctl, const ProtobufCMessage *answer, const char *verb,
                  uint64_t member, uint64_t cluster)
{
    if (print_is(ctl, "simple")) {
        ctl_printf(ctl, "Member %16llx %s cluster %16llx\n", (unsigned long long)member, verb,
                   (unsigned long long)cluster);
    } else if (!print_whole(ctl, answer)) {
        print_unsupported(ctl);
    }
}

void print_move_leader(struct ctl *ctl, const Etcdserverpb__MoveLeaderResponse *answer,
                       uint64_t from)
{
    if (print_is(ctl, "simple")) {
        ctl_printf(ctl, "Leadership transferred from %llx to %llx\n", (unsigned long long)from,
                   (unsigned long long)ctl->member);
    } else if (!print_whole(ctl, &answer->base)) {
        print_unsupported(ctl);
        return;
    }
    ctl_exit(ctl, EXIT_OK);
}

/* What the i-th endpoint answered; NULL: it failed. */
static const ProtobufCMessage *answer_of(const struct ctl *ctl, size_t i)
{
    const struct session *session = ctl->answers[i];
    return session == NULL ? NULL : session->call.response;
}

static const Etcdserverpb__StatusResponse *status_of(const struct ctl *ctl, size_t i)
{
    return (const Etcdserverpb__StatusResponse *)answer_of(ctl, i);
}

static const Etcdserverpb__HashKVResponse *hash_of(const struct ctl *ctl, size_t i)
{
    return (const Etcdserverpb__HashKVResponse *)answer_of(ctl, i);
}

/* Every answer beside its endpoint, under this name. */
static void json_answers(struct ctl *ctl, const char *name)
{
    struct buf out;
    struct json json;
    buf_init(&out, ctl->mem);
    json_init(&json, &out);
    json_array(&json);
    for (size_t i = 0; i < ctl->endpoint_count; i++) {
        const ProtobufCMessage *answer = answer_of(ctl, i);
        if (answer == NULL) {
            continue;
        }
        json_object(&json);
        json_key(&json, "Endpoint");
        json_str(&json, ctl->endpoints[i]);
        json_key(&json, name);
        json_message(&json, answer);
        json_object_end(&json);
    }
    json_array_end(&json);
    buf_add_u8(&out, '\n');
    ctl_print(ctl, buf_slice(&out));
    buf_fini(&out);
}

static void cells_statuses(struct ctl *ctl)
{
    static const char *const titles[STATUS_COLUMNS] = {
        "ENDPOINT",           "ID",         "VERSION",   "DB SIZE",
        "IS LEADER",          "IS LEARNER", "RAFT TERM", "RAFT INDEX",
        "RAFT APPLIED INDEX", "ERRORS"};
    size_t rows = 1;
    struct buf *cells = cells_new(ctl, (ctl->endpoint_count + 1) * STATUS_COLUMNS);
    for (size_t i = 0; i < ctl->endpoint_count; i++) {
        const Etcdserverpb__StatusResponse *status = status_of(ctl, i);
        if (status != NULL) {
            print_status_columns(ctl->endpoints[i], status, &cells[rows * STATUS_COLUMNS]);
            rows++;
        }
    }
    print_cells(ctl, cells, rows, STATUS_COLUMNS, titles);
}

void print_statuses(struct ctl *ctl)
{
    if (print_is(ctl, "json")) {
        json_answers(ctl, "Status");
    } else if (print_is(ctl, "fields")) {
        for (size_t i = 0; i < ctl->endpoint_count; i++) {
            const Etcdserverpb__StatusResponse *status = status_of(ctl, i);
            if (status != NULL) {
                fields_status(ctl, ctl->endpoints[i], status);
            }
        }
    } else if (print_is(ctl, "protobuf")) {
        print_unsupported(ctl);
        return;
    } else {
        cells_statuses(ctl);
    }
    ctl_exit(ctl, ctl->failed ? EXIT_ERROR : EXIT_OK);
}

static void cells_hashes(struct ctl *ctl)
{
    static const char *const titles[] = {"ENDPOINT", "HASH"};
    size_t rows = 1;
    struct buf *cells = cells_new(ctl, (ctl->endpoint_count + 1) * 2);
    for (size_t i = 0; i < ctl->endpoint_count; i++) {
        const Etcdserverpb__HashKVResponse *hash = hash_of(ctl, i);
        if (hash != NULL) {
            buf_add_slice(&cells[rows * 2], ctl->endpoints[i]);
            buf_printf(&cells[rows * 2 + 1], "%u", (unsigned)hash->hash);
            rows++;
        }
    }
    print_cells(ctl, cells, rows, 2, titles);
}

void print_hashes(struct ctl *ctl)
{
    if (print_is(ctl, "json")) {
        json_answers(ctl, "HashKV");
    } else if (print_is(ctl, "fields")) {
        for (size_t i = 0; i < ctl->endpoint_count; i++) {
            const Etcdserverpb__HashKVResponse *hash = hash_of(ctl, i);
            if (hash != NULL) {
                fields_hash(ctl, ctl->endpoints[i], hash);
            }
        }
    } else if (print_is(ctl, "protobuf")) {
        print_unsupported(ctl);
        return;
    } else {
        cells_hashes(ctl);
    }
    if (ctl->failed) {
        struct slice error = ctl_error(ctl->last_failed);
        ctl_fail(ctl, EXIT_ERROR, "%.*s", (int)error.len, (const char *)error.ptr);
    } else {
        ctl_exit(ctl, EXIT_OK);
    }
}

static void json_healths(struct ctl *ctl)
{
    struct buf out;
    struct json json;
    buf_init(&out, ctl->mem);
    json_init(&json, &out);
    json_array(&json);
    for (size_t i = 0; i < ctl->endpoint_count; i++) {
        const struct health *health = &ctl->healths[i];
        json_object(&json);
        json_key(&json, "endpoint");
        json_str(&json, health->endpoint);
        json_key(&json, "health");
        json_bool(&json, health->error.len == 0);
        json_key(&json, "took");
        json_cstr(&json, health->took);
        if (health->error.len > 0) {
            json_key(&json, "error");
            json_str(&json, buf_slice(&health->error));
        }
        json_object_end(&json);
    }
    json_array_end(&json);
    buf_add_u8(&out, '\n');
    ctl_print(ctl, buf_slice(&out));
    buf_fini(&out);
}

/* These lines go to standard error, as etcdctl has it. */
static void simple_healths(struct ctl *ctl)
{
    for (size_t i = 0; i < ctl->endpoint_count; i++) {
        const struct health *health = &ctl->healths[i];
        if (health->error.len == 0) {
            ctl_warn(ctl, "%.*s is healthy: successfully committed proposal: took = %s\n",
                     (int)health->endpoint.len, (const char *)health->endpoint.ptr, health->took);
        } else {
            ctl_warn(ctl, "%.*s is unhealthy: failed to commit proposal: %.*s\n",
                     (int)health->endpoint.len, (const char *)health->endpoint.ptr,
                     (int)health->error.len, (const char *)health->error.ptr);
        }
    }
}

static void table_healths(struct ctl *ctl)
{
    static const char *const titles[] = {"ENDPOINT", "HEALTH", "TOOK", "ERROR"};
    size_t rows = ctl->endpoint_count + 1;
    struct buf *cells = cells_new(ctl, rows * 4);
    for (size_t i = 0; i < ctl->endpoint_count; i++) {
        const struct health *health = &ctl->healths[i];
        struct buf *row = &cells[(i + 1) * 4];
        buf_add_slice(&row[0], health->endpoint);
        buf_add_str(&row[1], health->error.len == 0 ? "true" : "false");
        buf_add_str(&row[2], health->took);
        buf_add_slice(&row[3], buf_slice(&health->error));
    }
    print_cells(ctl, cells, rows, 4, titles);
}

void print_healths(struct ctl *ctl)
{
    if (print_is(ctl, "json")) {
        json_healths(ctl);
    } else if (print_is(ctl, "simple")) {
        simple_healths(ctl);
    } else if (print_is(ctl, "fields")) {
        for (size_t i = 0; i < ctl->endpoint_count; i++) {
            fields_health(ctl, &ctl->healths[i]);
        }
    } else if (print_is(ctl, "table")) {
        table_healths(ctl);
    } else {
        print_unsupported(ctl);
        return;
    }
    if (ctl->failed) {
        ctl_fail(ctl, EXIT_ERROR, "unhealthy cluster");
    } else {
        ctl_exit(ctl, EXIT_OK);
    }
}
