/* Structured log lines: a level, a fixed message, and fields. The world renders them.
 */
#ifndef ENV_LOG_H
#define ENV_LOG_H

#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"

enum log_level {
    LOG_DEBUG,
    LOG_INFO,
    LOG_WARN,
    LOG_ERROR
};

enum log_kind {
    LOG_KIND_STR,
    LOG_KIND_U64,
    LOG_KIND_I64,
    LOG_KIND_HEX,
    LOG_KIND_DURATION
};

struct log_field {
    const char *name;
    enum log_kind kind;
    struct slice str; /* borrowed until the call returns */
    uint64_t num;
};

struct log_line {
    enum log_level level;
    const char *message;
    const struct log_field *fields;
    size_t field_count;
};

struct env;

static inline struct log_field log_str(const char *name, const char *value)
{
    return (struct log_field){name, LOG_KIND_STR, slice_str(value), 0};
}
static inline struct log_field log_slice(const char *name, struct slice value)
{
    return (struct log_field){name, LOG_KIND_STR, value, 0};
}
static inline struct log_field log_u64(const char *name, uint64_t value)
{
    return (struct log_field){name, LOG_KIND_U64, {NULL, 0}, value};
}
static inline struct log_field log_i64(const char *name, int64_t value)
{
    return (struct log_field){name, LOG_KIND_I64, {NULL, 0}, (uint64_t)value};
}
static inline struct log_field log_hex(const char *name, uint64_t value)
{
    return (struct log_field){name, LOG_KIND_HEX, {NULL, 0}, value};
}
static inline struct log_field log_duration(const char *name, int64_t ns)
{
    return (struct log_field){name, LOG_KIND_DURATION, {NULL, 0}, (uint64_t)ns};
}
struct log_field log_err(int err);

/* LOG(env, WARN, "lost the leader", log_hex("leader", id), log_u64("term", term)); fields are
 * evaluated only if the level is on. At least one field. */
#define LOG(env, LEVEL, text, ...)                                 \
    do {                                                           \
        if (LOG_##LEVEL >= (env)->log_level) {                     \
            const struct log_field log_fields_[] = {__VA_ARGS__};  \
            env_log((env), LOG_##LEVEL, (text), log_fields_,       \
                    sizeof(log_fields_) / sizeof(log_fields_[0])); \
        }                                                          \
    } while (0)

/* Fields may be NULL if count is 0. */
void env_log(struct env *env, enum log_level level, const char *message,
             const struct log_field *fields, size_t count);

const char *log_level_name(enum log_level level);
/* "debug" "info" "warn" "error" ("panic" and "fatal" count as error): 0 or ERR_INVALID. */
int log_level_parse(struct slice name, enum log_level *level);
/* `{"level":"info","ts":"…","msg":"…",fields}` and a newline, as both worlds print it. */
void log_render(const struct log_line *line, int64_t wall_ns, struct buf *out);

#endif
