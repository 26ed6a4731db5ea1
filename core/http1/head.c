#include "head.h"

#include "base/assert.h"

void head_init(struct head *h, struct mem *mem)
{
    *h = (struct head){.spans = NULL};
    buf_init(&h->text, mem);
}

void head_fini(struct head *h)
{
    mem_free(h->text.mem, h->spans);
    buf_fini(&h->text);
}

void head_clear(struct head *h)
{
    buf_clear(&h->text);
    h->target_len = 0;
    h->count = 0;
    h->in_value = false;
}

static int add_text(struct head *h, const char *at, size_t len)
{
    if (len > HTTP1_HEAD_MAX - h->text.len) {
        return ERR_LIMIT;
    }
    buf_add(&h->text, at, len);
    return 0;
}

int head_target(struct head *h, const char *at, size_t len)
{
    ASSERT(h->count == 0);
    h->target_len += len;
    return add_text(h, at, len);
}

int head_name(struct head *h, const char *at, size_t len)
{
    if (h->count == 0 || h->in_value) {
        if (h->count == HTTP1_FIELDS_MAX) {
            return ERR_LIMIT;
        }
        if (h->count == h->cap) {
            h->cap = h->cap == 0 ? 8 : h->cap * 2;
            h->spans = mem_resize(h->text.mem, h->spans, h->cap * sizeof(h->spans[0]));
        }
        h->spans[h->count++] = (struct head_span){.name = h->text.len};
        h->in_value = false;
    }
    h->spans[h->count - 1].name_len += len;
    return add_text(h, at, len);
}

int head_value(struct head *h, const char *at, size_t len)
{
    ASSERT(h->count > 0);
    struct head_span *span = &h->spans[h->count - 1];
    if (!h->in_value) {
        span->value = h->text.len;
        h->in_value = true;
    }
    span->value_len += len;
    return add_text(h, at, len);
}

void head_field(const struct head *h, size_t i, struct http1_field *field)
{
    ASSERT(i < h->count);
    const struct head_span *span = &h->spans[i];
    field->name = slice_of(h->text.ptr + span->name, span->name_len);
    field->value = slice_of(h->text.ptr + span->value, span->value_len);
}

static uint8_t lower(uint8_t c)
{
    return c >= 'A' && c <= 'Z' ? (uint8_t)(c | 0x20) : c;
}

bool head_same_name(struct slice a, struct slice b)
{
    if (a.len != b.len) {
        return false;
    }
    for (size_t i = 0; i < a.len; i++) {
        if (lower(a.ptr[i]) != lower(b.ptr[i])) {
            return false;
        }
    }
    return true;
}

bool head_find(const struct head *h, const char *name, struct slice *value)
{
    for (size_t i = 0; i < h->count; i++) {
        struct http1_field field;
        head_field(h, i, &field);
        if (head_same_name(field.name, slice_str(name))) {
            *value = field.value;
            return true;
        }
    }
    return false;
}
