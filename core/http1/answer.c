/* Writes answers with the fields that Go's net/http gives etcd's small pages, in its order: what
 * the handler set, sorted by name; the date; the length; a content type that was only guessed. */
#include "base/assert.h"
#include "base/duration.h"
#include "conn.h"

#define FIELDS_MAX 16

static void write_field(struct buf *out, struct http1_field field)
{
    buf_add_slice(out, field.name);
    buf_add_str(out, ": ");
    buf_add_slice(out, field.value);
    buf_add_str(out, "\r\n");
}

/* Puts a field into its place; fields of one name stay in the order in which they were given. */
static void insert(struct http1_field *fields, size_t count, struct http1_field field)
{
    ASSERT(count < FIELDS_MAX);
    size_t at = count;
    while (at > 0 && slice_cmp(fields[at - 1].name, field.name) > 0) {
        fields[at] = fields[at - 1];
        at--;
    }
    fields[at] = field;
}

static struct http1_field constant(const char *name, const char *value)
{
    return (struct http1_field){slice_str(name), slice_str(value)};
}

void http1_server_set_wall(struct http1_server *s, int64_t wall_ns)
{
    s->has_wall = true;
    s->wall_ns = wall_ns;
}

void http1_answer(struct http1_server *s, const struct http1_answer *answer)
{
    ASSERT(s->waiting);
    struct http1_field fields[FIELDS_MAX];
    size_t count = 0;
    for (size_t i = 0; i < answer->field_count; i++) {
        insert(fields, count++, answer->fields[i]);
    }
    if (answer->content_type != NULL) {
        insert(fields, count++, constant("Content-Type", answer->content_type));
    }
    struct buf *out = &s->out;
    const char *text = http_status_str((enum http_status)answer->status);
    buf_printf(out, "HTTP/1.%d %d %s\r\n", s->parser.http_minor == 0 ? 0 : 1, answer->status, text);
    for (size_t i = 0; i < count; i++) {
        write_field(out, fields[i]);
    }
    if (s->has_wall) {
        char date[40];
        time_format_http(date, sizeof(date), s->wall_ns);
        write_field(out, constant("Date", date));
    }
    buf_printf(out, "Content-Length: %zu\r\n", answer->body.len);
    if (answer->content_type == NULL) {
        write_field(out, constant("Content-Type", "text/plain; charset=utf-8"));
    }
    if (!s->keep_alive) {
        write_field(out, constant("Connection", "close"));
        s->finished = true;
    }
    buf_add_str(out, "\r\n");
    if (!s->is_head) {
        buf_add_slice(out, answer->body);
    }
    s->waiting = false;
    http1_server_continue(s);
}

void http1_answer_error(struct http1_server *s, int status, const char *text,
                        const struct http1_field *fields, size_t field_count)
{
    struct http1_field all[FIELDS_MAX];
    ASSERT(field_count + 2 <= FIELDS_MAX);
    for (size_t i = 0; i < field_count; i++) {
        all[i] = fields[i];
    }
    all[field_count] = constant("X-Content-Type-Options", "nosniff");
    struct buf body;
    buf_init(&body, s->mem);
    buf_add_str(&body, text);
    buf_add_u8(&body, '\n');
    struct http1_answer answer = {
        .status = status,
        .content_type = "text/plain; charset=utf-8",
        .fields = all,
        .field_count = field_count + 1,
        .body = buf_slice(&body),
    };
    http1_answer(s, &answer);
    buf_fini(&body);
}

void http1_answer_not_found(struct http1_server *s, const struct http1_field *fields,
                            size_t field_count)
{
    http1_answer_error(s, 404, "404 page not found", fields, field_count);
}

void http1_answer_not_allowed(struct http1_server *s, const char *allow,
                              const struct http1_field *fields, size_t field_count)
{
    struct http1_field all[FIELDS_MAX];
    ASSERT(field_count + 3 <= FIELDS_MAX);
    for (size_t i = 0; i < field_count; i++) {
        all[i] = fields[i];
    }
    all[field_count] = constant("Allow", allow);
    http1_answer_error(s, 405, "Method Not Allowed", all, field_count + 1);
}
