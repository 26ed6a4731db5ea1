/* A JSON writer over a buffer. Commas and nesting are its business, so callers only name what they
 * write. 64-bit integers are written exactly. Strings are escaped as Go's encoding/json does: `<`,
 * `>`, `&` and U+2028/9 as \u escapes, invalid UTF-8 as U+FFFD.
 */
#ifndef BASE_JSON_H
#define BASE_JSON_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"

#define JSON_DEPTH_MAX 16

struct json {
    struct buf *out;
    int depth;
    bool comma[JSON_DEPTH_MAX];
    bool after_key;
};

void json_init(struct json *j, struct buf *out);
void json_object(struct json *j);
void json_object_end(struct json *j);
void json_array(struct json *j);
void json_array_end(struct json *j);
void json_key(struct json *j, const char *key);
void json_str(struct json *j, struct slice s);
void json_cstr(struct json *j, const char *s);
void json_u64(struct json *j, uint64_t v);
void json_i64(struct json *j, int64_t v);
void json_bool(struct json *j, bool v);
void json_null(struct json *j);
/* Standard base64 with padding, as a string (RFC 4648, section 4). */
void json_base64(struct json *j, struct slice s);

#endif
