/* Histories as text: one JSON object a line, empty lines aside, in any order. Names and meaning:
 *
 *   client        string, for people; "" if left out
 *   op            "put", "delete" or "get"
 *   key, end      strings; end as in etcd: left out for one key, "\u0000" for all from key on
 *   value         string: what a put writes
 *   call, return  integers, nanoseconds since any instant
 *   outcome       "ok", "refused" (certainly without effect) or "unknown"; if left out: ok with a
 *                 return, unknown without
 *   revision      integer, of the answer's header; left out if not known
 *   member        integer: who answered; left out if not known
 *   deleted       integer: keys that an answered delete deleted
 *   serializable  true: a get that need not be up to date
 *   limited       true: a get with a limit, which shows only some keys
 *   kvs           array of what a get shows, in the order of keys: objects with key, value and, if
 *                 revisions are known, create, mod and version
 *
 * A line {"started": MEMBER, "at": TIME} says that a member was started.
 */
#include "base/json_read.h"
#include "history.h"

enum text_field {
    TEXT_CLIENT,
    TEXT_OP,
    TEXT_KEY,
    TEXT_END,
    TEXT_VALUE,
    TEXT_OUTCOME,
    TEXT_COUNT
};

enum number_field {
    NUMBER_CALL,
    NUMBER_RETURN,
    NUMBER_REVISION,
    NUMBER_MEMBER,
    NUMBER_DELETED,
    NUMBER_STARTED,
    NUMBER_AT,
    NUMBER_COUNT
};

/* A key and its value lie one behind the other in the text of the line. */
struct shown {
    size_t key;
    size_t value;
    size_t end;
    struct history_kv kv;
};

struct line {
    struct mem *mem;
    struct json_reader json;
    const char *wrong; /* why it cannot be read; NULL: it can so far */
    struct buf texts[TEXT_COUNT];
    bool has_text[TEXT_COUNT];
    uint64_t numbers[NUMBER_COUNT];
    bool has_number[NUMBER_COUNT];
    bool serializable;
    bool limited;
    struct buf bytes;
    struct shown *shown;
    struct history_kv *kvs;
    size_t shown_count;
    size_t shown_cap;
};

static void read_text(struct line *l, struct buf *into)
{
    if (json_next(&l->json) != JSON_STRING || json_text(&l->json, into) != 0) {
        l->wrong = "a string is expected";
    }
}

static void read_number(struct line *l, uint64_t *into)
{
    if (json_next(&l->json) != JSON_NUMBER || json_to_u64(&l->json, into) != 0 ||
        *into > INT64_MAX / 2) {
        l->wrong = "a whole number from 0 to below 2^62 is expected";
    }
}

static void read_bool(struct line *l, bool *into)
{
    enum json_token token = json_next(&l->json);
    *into = token == JSON_TRUE;
    if (token != JSON_TRUE && token != JSON_FALSE) {
        l->wrong = "true or false is expected";
    }
}

static void read_shown(struct line *l, struct shown *shown)
{
    struct buf key;
    struct buf value;
    bool has_key = false;
    buf_init(&key, l->mem);
    buf_init(&value, l->mem);
    *shown = (struct shown){.key = l->bytes.len};
    while (l->wrong == NULL && json_next(&l->json) == JSON_KEY) {
        uint64_t number = 0;
        if (json_text_is(&l->json, "key")) {
            has_key = true;
            buf_clear(&key);
            read_text(l, &key);
        } else if (json_text_is(&l->json, "value")) {
            buf_clear(&value);
            read_text(l, &value);
        } else if (json_text_is(&l->json, "create")) {
            read_number(l, &number);
            shown->kv.create_revision = (revision_t)number;
        } else if (json_text_is(&l->json, "mod")) {
            read_number(l, &number);
            shown->kv.mod_revision = (revision_t)number;
        } else if (json_text_is(&l->json, "version")) {
            read_number(l, &number);
            shown->kv.version = (int64_t)number;
        } else {
            l->wrong = "kvs have key, value, create, mod and version, and nothing else";
        }
    }
    if (l->wrong == NULL && (l->json.token != JSON_OBJECT_END || !has_key)) {
        l->wrong = "kvs are objects with a key";
    }
    buf_add_slice(&l->bytes, buf_slice(&key));
    shown->value = l->bytes.len;
    buf_add_slice(&l->bytes, buf_slice(&value));
    shown->end = l->bytes.len;
    buf_fini(&key);
    buf_fini(&value);
}

static void read_kvs(struct line *l)
{
    l->shown_count = 0;
    if (json_next(&l->json) != JSON_ARRAY) {
        l->wrong = "an array is expected";
    }
    while (l->wrong == NULL && json_next(&l->json) == JSON_OBJECT) {
        if (l->shown_count == l->shown_cap) {
            l->shown_cap = l->shown_cap == 0 ? 16 : l->shown_cap * 2;
            l->shown = mem_resize(l->mem, l->shown, l->shown_cap * sizeof(*l->shown));
        }
        read_shown(l, &l->shown[l->shown_count++]);
    }
    if (l->wrong == NULL && l->json.token != JSON_ARRAY_END) {
        l->wrong = "kvs are objects";
    }
}

static void read_field(struct line *l)
{
    static const char *const texts[] = {"client", "op", "key", "end", "value", "outcome"};
    static const char *const numbers[] = {"call",    "return",  "revision", "member",
                                          "deleted", "started", "at"};
    for (size_t i = 0; i < TEXT_COUNT; i++) {
        if (json_text_is(&l->json, texts[i])) {
            l->has_text[i] = true;
            buf_clear(&l->texts[i]);
            read_text(l, &l->texts[i]);
            return;
        }
    }
    for (size_t i = 0; i < NUMBER_COUNT; i++) {
        if (json_text_is(&l->json, numbers[i])) {
            l->has_number[i] = true;
            read_number(l, &l->numbers[i]);
            return;
        }
    }
    if (json_text_is(&l->json, "serializable")) {
        read_bool(l, &l->serializable);
    } else if (json_text_is(&l->json, "limited")) {
        read_bool(l, &l->limited);
    } else if (json_text_is(&l->json, "kvs")) {
        read_kvs(l);
    } else {
        l->wrong = "this name is not known";
    }
}

static void find_kind(struct line *l, struct history_op *op)
{
    static const char *const names[] = {"put", "delete", "get"};
    for (int i = 0; i < 3; i++) {
        if (slice_eq_str(buf_slice(&l->texts[TEXT_OP]), names[i])) {
            op->kind = (enum history_kind)i;
            return;
        }
    }
    l->wrong = "op is put, delete or get";
}

static void find_outcome(struct line *l, struct history_op *op)
{
    static const char *const names[] = {"ok", "refused", "unknown"};
    op->outcome = l->has_number[NUMBER_RETURN] ? HISTORY_OK : HISTORY_UNKNOWN;
    if (!l->has_text[TEXT_OUTCOME]) {
        return;
    }
    for (int i = 0; i < 3; i++) {
        if (slice_eq_str(buf_slice(&l->texts[TEXT_OUTCOME]), names[i])) {
            op->outcome = (enum history_outcome)i;
            return;
        }
    }
    l->wrong = "outcome is ok, refused or unknown";
}

static void check_line(struct line *l, const struct history_op *op)
{
    if (l->wrong != NULL) {
        return;
    }
    if (op->key.len == 0) {
        l->wrong = "a key is missing";
    } else if (!l->has_number[NUMBER_CALL]) {
        l->wrong = "call is missing";
    } else if (op->outcome == HISTORY_OK && !l->has_number[NUMBER_RETURN]) {
        l->wrong = "what is ok has a return";
    } else if (op->outcome == HISTORY_OK && op->return_ns < op->call_ns) {
        l->wrong = "its return is before its call";
    } else if (op->kind == HISTORY_PUT && op->end.len > 0) {
        l->wrong = "a put has no end";
    } else if (op->kind == HISTORY_DELETE && op->outcome == HISTORY_OK &&
               !l->has_number[NUMBER_DELETED]) {
        l->wrong = "an answered delete tells how many keys it deleted";
    } else if (op->kind != HISTORY_RANGE && l->shown_count > 0) {
        l->wrong = "only a get shows keys";
    }
}

static void add_line(struct line *l, struct history *h)
{
    struct history_op op = {.client = buf_cstr(&l->texts[TEXT_CLIENT]),
                            .serializable = l->serializable,
                            .partial = l->limited,
                            .key = buf_slice(&l->texts[TEXT_KEY]),
                            .end = buf_slice(&l->texts[TEXT_END]),
                            .value = buf_slice(&l->texts[TEXT_VALUE]),
                            .call_ns = (int64_t)l->numbers[NUMBER_CALL],
                            .return_ns = (int64_t)l->numbers[NUMBER_RETURN],
                            .revision = (revision_t)l->numbers[NUMBER_REVISION],
                            .member = l->numbers[NUMBER_MEMBER]};
    find_kind(l, &op);
    find_outcome(l, &op);
    check_line(l, &op);
    if (l->wrong != NULL) {
        return;
    }
    op.count = op.kind == HISTORY_DELETE ? l->numbers[NUMBER_DELETED] : l->shown_count;
    l->kvs = mem_resize(l->mem, l->kvs, (l->shown_count + 1) * sizeof(*l->kvs));
    for (size_t i = 0; i < l->shown_count; i++) {
        const struct shown *shown = &l->shown[i];
        const uint8_t *bytes = l->bytes.ptr;
        l->kvs[i] = shown->kv;
        l->kvs[i].key = slice_of(bytes + shown->key, shown->value - shown->key);
        l->kvs[i].value = slice_of(bytes + shown->value, shown->end - shown->value);
    }
    op.kvs = l->kvs;
    history_add(h, &op);
}

static void read_line(struct line *l, struct history *h, struct slice text)
{
    json_reader_init(&l->json, text);
    l->wrong = NULL;
    for (size_t i = 0; i < TEXT_COUNT; i++) {
        buf_clear(&l->texts[i]);
        l->has_text[i] = false;
    }
    memset(l->numbers, 0, sizeof(l->numbers));
    memset(l->has_number, 0, sizeof(l->has_number));
    l->serializable = l->limited = false;
    l->shown_count = 0;
    buf_clear(&l->bytes);
    bool object = json_next(&l->json) == JSON_OBJECT;
    while (object && l->wrong == NULL && json_next(&l->json) == JSON_KEY) {
        read_field(l);
    }
    if (l->wrong != NULL && l->json.token != JSON_BAD) {
        return;
    }
    if (!object || l->json.token != JSON_OBJECT_END || json_next(&l->json) != JSON_END) {
        l->wrong = "a line is one JSON object";
    } else if (l->has_number[NUMBER_STARTED]) {
        history_started(h, l->numbers[NUMBER_STARTED], (int64_t)l->numbers[NUMBER_AT]);
    } else {
        add_line(l, h);
    }
}

static bool is_blank(struct slice text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] != ' ' && text.ptr[i] != '\t' && text.ptr[i] != '\r') {
            return false;
        }
    }
    return true;
}

int history_read(struct history *h, struct slice text, struct buf *mistake)
{
    struct line l = {.mem = h->mem};
    buf_init(&l.bytes, h->mem);
    for (size_t i = 0; i < TEXT_COUNT; i++) {
        buf_init(&l.texts[i], h->mem);
    }
    size_t number = 0;
    while (text.len > 0 && l.wrong == NULL) {
        ptrdiff_t at = slice_find(text, '\n');
        size_t len = at < 0 ? text.len : (size_t)at;
        number++;
        if (!is_blank(slice_of(text.ptr, len))) {
            read_line(&l, h, slice_of(text.ptr, len));
        }
        text = slice_from(text, len + 1);
    }
    if (l.wrong != NULL) {
        buf_printf(mistake, "line %zu: %s", number, l.wrong);
    }
    for (size_t i = 0; i < TEXT_COUNT; i++) {
        buf_fini(&l.texts[i]);
    }
    buf_fini(&l.bytes);
    mem_free(h->mem, l.shown);
    mem_free(h->mem, l.kvs);
    return l.wrong == NULL ? 0 : ERR_INVALID;
}
