#include "history.h"

#include "base/assert.h"
#include "base/fmt.h"
#include "base/sort.h"

struct history *history_new(struct mem *mem)
{
    struct history *h = mem_zalloc(mem, 1, sizeof(*h));
    h->mem = mem;
    return h;
}

static void slice_give(struct mem *mem, struct slice s)
{
    mem_free(mem, (uint8_t *)(uintptr_t)s.ptr);
}

static struct slice slice_copy(struct mem *mem, struct slice s)
{
    if (s.len == 0) {
        return (struct slice){NULL, 0};
    }
    return slice_of(mem_strdup(mem, (const char *)s.ptr, s.len), s.len);
}

void history_free(struct history *h)
{
    if (h == NULL) {
        return;
    }
    for (size_t i = 0; i < h->count; i++) {
        struct history_op *op = &h->ops[i];
        mem_free(h->mem, (char *)(uintptr_t)op->client);
        slice_give(h->mem, op->key);
        slice_give(h->mem, op->end);
        slice_give(h->mem, op->value);
        for (size_t k = 0; op->kvs != NULL && k < op->count; k++) {
            slice_give(h->mem, op->kvs[k].key);
            slice_give(h->mem, op->kvs[k].value);
        }
        mem_free(h->mem, (struct history_kv *)(uintptr_t)op->kvs);
    }
    mem_free(h->mem, h->ops);
    mem_free(h->mem, h->starts);
    mem_free(h->mem, h);
}

size_t history_add(struct history *h, const struct history_op *op)
{
    if (h->count == h->cap) {
        h->cap = h->cap == 0 ? 64 : h->cap * 2;
        h->ops = mem_resize(h->mem, h->ops, h->cap * sizeof(*h->ops));
    }
    struct history_op *copy = &h->ops[h->count];
    *copy = *op;
    copy->client = mem_strdup(h->mem, op->client, strlen(op->client));
    copy->key = slice_copy(h->mem, op->key);
    copy->end = slice_copy(h->mem, op->end);
    copy->value = slice_copy(h->mem, op->value);
    copy->kvs = NULL;
    if (op->kind == HISTORY_RANGE && op->outcome == HISTORY_OK && op->count > 0) {
        struct history_kv *kvs = mem_zalloc(h->mem, op->count, sizeof(*kvs));
        for (size_t k = 0; k < op->count; k++) {
            kvs[k] = op->kvs[k];
            kvs[k].key = slice_copy(h->mem, op->kvs[k].key);
            kvs[k].value = slice_copy(h->mem, op->kvs[k].value);
        }
        copy->kvs = kvs;
    }
    if (op->outcome != HISTORY_OK) {
        copy->revision = 0;
        copy->member = 0;
        copy->count = 0;
    }
    return h->count++;
}

size_t history_count(const struct history *h)
{
    return h->count;
}

static bool is_open_end(struct slice end)
{
    return end.len == 1 && end.ptr[0] == 0;
}

void history_started(struct history *h, uint64_t member, int64_t time_ns)
{
    if (h->start_count == h->start_cap) {
        h->start_cap = h->start_cap == 0 ? 16 : h->start_cap * 2;
        h->starts = mem_resize(h->mem, h->starts, h->start_cap * sizeof(*h->starts));
    }
    h->starts[h->start_count++] = (struct history_start){member, time_ns};
}

/* Words. */

static void write_ns(struct buf *out, int64_t ns)
{
    buf_printf(out, "%lld.%06lld", (long long)(ns / 1000000000), (long long)(ns / 1000 % 1000000));
}

static void write_slice(struct buf *out, struct slice s)
{
    buf_printf(out, "%.*s", (int)(s.len < 64 ? s.len : 64), (const char *)s.ptr);
}

void history_write_op(struct buf *out, const struct history_op *op)
{
    static const char *const kinds[] = {"put", "del", "get"};
    buf_printf(out, "\n  %s  %s ", op->client, kinds[op->kind]);
    write_slice(out, op->key);
    if (op->end.len > 0) {
        buf_add_str(out, is_open_end(op->end) ? " and all behind it" : " to ");
        write_slice(out, is_open_end(op->end) ? (struct slice){NULL, 0} : op->end);
    }
    if (op->kind == HISTORY_PUT) {
        buf_add_str(out, " ");
        write_slice(out, op->value);
    }
    if (op->serializable) {
        buf_add_str(out, " (serializable)");
    }
    buf_add_str(out, "  called ");
    write_ns(out, op->call_ns);
    if (op->outcome != HISTORY_OK) {
        buf_add_str(out, op->outcome == HISTORY_UNKNOWN ? "  unknown" : "  refused");
        return;
    }
    buf_add_str(out, "  ok ");
    write_ns(out, op->return_ns);
    if (op->revision != 0) {
        buf_printf(out, "  revision %lld", (long long)op->revision);
    }
    if (op->kind == HISTORY_DELETE) {
        buf_printf(out, "  %zu deleted", op->count);
    }
    if (op->kind == HISTORY_RANGE) {
        buf_printf(out, "  -> %zu", op->count);
        for (size_t i = 0; i < op->count && i < 3; i++) {
            buf_add_str(out, i == 0 ? " (" : ", ");
            write_slice(out, op->kvs[i].key);
            buf_add_str(out, "=");
            write_slice(out, op->kvs[i].value);
            if (op->kvs[i].mod_revision != 0) {
                buf_printf(out, " of %lld", (long long)op->kvs[i].mod_revision);
            }
        }
        buf_add_str(out, op->count > 3 ? ", …)" : op->count > 0 ? ")" : "");
    }
}

void blame(struct judge *j, const char *rule, size_t a, size_t b, const char *format, ...)
{
    if (is_blamed(j)) {
        return;
    }
    struct buf text;
    buf_init(&text, j->mem);
    va_list args;
    va_start(args, format);
    buf_vprintf(&text, format, args);
    va_end(args);
    const size_t shown[] = {a, b != a ? b : NOBODY};
    j->verdict->shown_count = 0;
    for (size_t i = 0; i < 2; i++) {
        if (shown[i] != NOBODY) {
            history_write_op(&text, &j->h->ops[shown[i]]);
            j->verdict->shown[j->verdict->shown_count++] = shown[i];
        }
    }
    j->verdict->result = j->guessed ? HISTORY_UNDECIDED : HISTORY_VIOLATED;
    j->verdict->rule = rule;
    fmt(j->verdict->text, sizeof(j->verdict->text), "%s", buf_cstr(&text));
    buf_fini(&text);
}

/* Keys. */

static int compare_keys(const void *a, const void *b, void *ctx)
{
    (void)ctx;
    return slice_cmp(*(const struct slice *)a, *(const struct slice *)b);
}

void collect_keys(struct judge *j)
{
    size_t most = 0;
    for (size_t i = 0; i < j->h->count; i++) {
        most += 1 + (j->h->ops[i].kvs == NULL ? 0 : j->h->ops[i].count);
    }
    j->keys = mem_zalloc(j->mem, most + 1, sizeof(*j->keys));
    size_t count = 0;
    for (size_t i = 0; i < j->h->count; i++) {
        const struct history_op *op = &j->h->ops[i];
        j->keys[count++] = op->key;
        for (size_t k = 0; op->kvs != NULL && k < op->count; k++) {
            j->keys[count++] = op->kvs[k].key;
        }
    }
    sort_stable(j->keys, count, sizeof(*j->keys), compare_keys, NULL, j->mem);
    for (size_t i = 0; i < count; i++) {
        if (i == 0 || !slice_eq(j->keys[i], j->keys[j->key_count - 1])) {
            j->keys[j->key_count++] = j->keys[i];
        }
    }
}

size_t key_place(const struct judge *j, struct slice key)
{
    size_t low = 0;
    size_t high = j->key_count;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (slice_cmp(j->keys[mid], key) < 0) {
            low = mid + 1;
        } else {
            high = mid;
        }
    }
    return low;
}

void key_range(const struct judge *j, const struct history_op *op, size_t *first, size_t *last)
{
    *first = key_place(j, op->key);
    if (op->end.len == 0) {
        *last = *first + 1; /* the request's own key is among the keys */
    } else {
        *last = is_open_end(op->end) ? j->key_count : key_place(j, op->end);
    }
    *last = *last < *first ? *first : *last;
}

bool op_covers(const struct history_op *op, struct slice key)
{
    if (op->kind == HISTORY_PUT || op->end.len == 0) {
        return slice_eq(op->key, key);
    }
    return slice_cmp(key, op->key) >= 0 && (is_open_end(op->end) || slice_cmp(key, op->end) < 0);
}

void history_check(const struct history *h, struct history_verdict *verdict)
{
    *verdict = (struct history_verdict){.result = HISTORY_LINEARIZABLE, .rule = ""};
    for (size_t i = 0; i < h->count; i++) {
        verdict->ok += h->ops[i].outcome == HISTORY_OK;
        verdict->unknown += h->ops[i].outcome == HISTORY_UNKNOWN;
    }
    struct judge j = {.h = h, .mem = h->mem, .verdict = verdict};
    collect_keys(&j);
    j.placed_ops = mem_zalloc(j.mem, h->count + 1, sizeof(bool));
    if (place_writes(&j) && check_real_time(&j) && replay(&j) && verdict->ok == 0) {
        verdict->result = HISTORY_UNDECIDED;
        fmt(verdict->text, sizeof(verdict->text), "no request was answered");
    }
    mem_free(j.mem, j.keys);
    mem_free(j.mem, j.writes);
    mem_free(j.mem, j.reads);
    mem_free(j.mem, j.holes);
    mem_free(j.mem, j.placed_ops);
    mem_free(j.mem, j.unknowns);
}
