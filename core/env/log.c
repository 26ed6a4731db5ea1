#include "env/log.h"

#include "base/duration.h"
#include "base/err.h"
#include "base/fmt.h"
#include "base/json.h"
#include "env/observer.h"

static const char *const level_names[] = {"debug", "info", "warn", "error"};

struct log_field log_err(int err)
{
    return log_str("error", err_text(err));
}

const char *log_level_name(enum log_level level)
{
    return level_names[level];
}

int log_level_parse(struct slice name, enum log_level *level)
{
    for (int i = LOG_DEBUG; i <= LOG_ERROR; i++) {
        if (slice_eq_str(name, level_names[i])) {
            *level = (enum log_level)i;
            return 0;
        }
    }
    if (slice_eq_str(name, "panic") || slice_eq_str(name, "fatal")) {
        *level = LOG_ERROR;
        return 0;
    }
    return ERR_INVALID;
}

static void render_field(struct json *json, const struct log_field *field)
{
    char text[48];
    json_key(json, field->name);
    switch (field->kind) {
    case LOG_KIND_STR: json_str(json, field->str); break;
    case LOG_KIND_U64: json_u64(json, field->num); break;
    case LOG_KIND_I64: json_i64(json, (int64_t)field->num); break;
    case LOG_KIND_HEX:
        fmt(text, sizeof(text), "%llx", (unsigned long long)field->num);
        json_cstr(json, text);
        break;
    case LOG_KIND_DURATION:
        duration_format(text, sizeof(text), (int64_t)field->num);
        json_cstr(json, text);
        break;
    }
}

void log_render(const struct log_line *line, int64_t wall_ns, struct buf *out)
{
    char time[40];
    struct json json;
    time_format(time, sizeof(time), wall_ns);
    json_init(&json, out);
    json_object(&json);
    json_key(&json, "level");
    json_cstr(&json, log_level_name(line->level));
    json_key(&json, "ts");
    json_cstr(&json, time);
    json_key(&json, "msg");
    json_cstr(&json, line->message);
    for (size_t i = 0; i < line->field_count; i++) {
        render_field(&json, &line->fields[i]);
    }
    json_object_end(&json);
    buf_add_u8(out, '\n');
}

const char *obs_kind_name(enum obs_kind kind)
{
    static const char *const names[OBS_KIND_COUNT] = {
        "boot",  "exit",   "role",     "vote", "append",  "truncate", "persisted", "commit",
        "apply", "config", "snapshot", "read", "request", "answer",   "published", "epoch",
    };
    return kind < OBS_KIND_COUNT ? names[kind] : "?";
}

const char *obs_role_name(enum obs_role role)
{
    static const char *const names[] = {"follower", "pre-candidate", "candidate", "leader",
                                        "learner"};
    return names[role];
}
