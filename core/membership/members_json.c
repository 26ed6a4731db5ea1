/* What a member answers to its peers' GET /members, and how they read it. */
#include "base/json.h"
#include "base/json_read.h"

#include "list.h"

static void write_urls(struct json *j, const char *key, const struct member_urls *urls)
{
    json_key(j, key);
    json_array(j);
    for (size_t i = 0; i < urls->count; i++) {
        json_str(j, urls->at[i]);
    }
    json_array_end(j);
}

void membership_write_json(const struct membership *m, struct buf *out)
{
    struct json j;
    json_init(&j, out);
    json_array(&j);
    for (size_t i = 0; i < m->count; i++) {
        const struct member *member = m->members[i];
        json_object(&j);
        json_key(&j, "id");
        json_u64(&j, member->id);
        write_urls(&j, "peerURLs", &member->peer_urls);
        if (member->is_learner) {
            json_key(&j, "isLearner");
            json_bool(&j, true);
        }
        if (member->name.len > 0) {
            json_key(&j, "name");
            json_str(&j, member->name);
        }
        if (member->client_urls.count > 0) {
            write_urls(&j, "clientURLs", &member->client_urls);
        }
        json_object_end(&j);
    }
    json_array_end(&j);
    buf_add_u8(out, '\n');
}

/* Where one member's texts lie while it is read: `text` may move as it grows, so positions. */
struct span {
    size_t from;
    size_t len;
};

struct spans {
    size_t count;
    struct span at[MEMBER_URLS_MAX];
};

struct draft {
    struct buf text;
    member_id_t id;
    bool is_learner;
    struct span name;
    struct spans peer_urls;
    struct spans client_urls;
};

static int read_span(struct json_reader *r, struct draft *d, size_t max, struct span *span)
{
    span->from = d->text.len;
    if (r->token != JSON_STRING || r->text.len > 6 * max) {
        return ERR_PROTO;
    }
    int rv = json_text(r, &d->text);
    span->len = d->text.len - span->from;
    return rv != 0 || span->len > max ? ERR_PROTO : 0;
}

static int read_spans(struct json_reader *r, struct draft *d, struct spans *spans)
{
    if (json_next(r) == JSON_NULL) {
        return 0;
    }
    if (r->token != JSON_ARRAY || spans->count > 0) {
        return ERR_PROTO;
    }
    while (json_next(r) != JSON_ARRAY_END) {
        if (spans->count == MEMBER_URLS_MAX) {
            return ERR_LIMIT;
        }
        struct span *span = &spans->at[spans->count++];
        int rv = read_span(r, d, URL_BYTES_MAX, span);
        if (rv != 0 || span->len == 0) {
            return ERR_PROTO;
        }
    }
    return 0;
}

static int read_field(struct json_reader *r, struct draft *d)
{
    if (json_text_is(r, "id")) {
        json_next(r);
        return json_to_u64(r, &d->id);
    }
    if (json_text_is(r, "peerURLs")) {
        return read_spans(r, d, &d->peer_urls);
    }
    if (json_text_is(r, "clientURLs")) {
        return read_spans(r, d, &d->client_urls);
    }
    if (json_text_is(r, "name")) {
        json_next(r);
        return read_span(r, d, MEMBER_NAME_MAX, &d->name);
    }
    if (json_text_is(r, "isLearner")) {
        json_next(r);
        d->is_learner = r->token == JSON_TRUE;
        return r->token == JSON_TRUE || r->token == JSON_FALSE ? 0 : ERR_PROTO;
    }
    return json_skip(r);
}

static struct slice slice_of_span(const struct draft *d, struct span span)
{
    return span.len == 0 ? slice_of(NULL, 0) : slice_of(d->text.ptr + span.from, span.len);
}

static void take_urls(const struct draft *d, const struct spans *spans, struct member_urls *urls)
{
    urls->count = spans->count;
    for (size_t i = 0; i < spans->count; i++) {
        urls->at[i] = slice_of_span(d, spans->at[i]);
    }
}

/* The object that the last token began. */
static int read_member(struct membership *m, struct json_reader *r, struct draft *d)
{
    while (json_next(r) == JSON_KEY) {
        int rv = read_field(r, d);
        if (rv != 0) {
            return rv;
        }
    }
    if (r->token != JSON_OBJECT_END || d->id == 0 || d->peer_urls.count == 0 ||
        membership_find(m, d->id) != NULL) {
        return ERR_PROTO;
    }
    if (m->count == MEMBERS_MAX) {
        return ERR_LIMIT;
    }
    struct member member = {
        .id = d->id, .is_learner = d->is_learner, .name = slice_of_span(d, d->name)};
    take_urls(d, &d->peer_urls, &member.peer_urls);
    take_urls(d, &d->client_urls, &member.client_urls);
    membership_store(m, &member);
    return 0;
}

int membership_read_json(struct membership *m, struct slice json)
{
    struct json_reader r;
    json_reader_init(&r, json);
    if (json_next(&r) != JSON_ARRAY) {
        return ERR_PROTO;
    }
    while (json_next(&r) == JSON_OBJECT) {
        struct draft draft = {.id = 0};
        buf_init(&draft.text, m->mem);
        int rv = read_member(m, &r, &draft);
        buf_fini(&draft.text);
        if (rv != 0) {
            return rv;
        }
    }
    return r.token == JSON_ARRAY_END && json_next(&r) == JSON_END ? 0 : ERR_PROTO;
}
