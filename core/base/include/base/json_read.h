/* A JSON reader that is pulled, token by token, over borrowed bytes (RFC 8259).
 *
 * It allocates nothing, does not recurse, and bounds nesting, so hostile input costs its length and
 * no more. Strict: no trailing commas, no comments, no bytes behind the value, strings are UTF-8.
 * Integers are read exactly up to 64 bits. The first mistake is final: JSON_BAD ever after.
 */
#ifndef BASE_JSON_READ_H
#define BASE_JSON_READ_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/slice.h"

#define JSON_READ_DEPTH_MAX 32

enum json_token {
    JSON_BAD = 0, /* malformed, or nested too deep */
    JSON_END,     /* the value is complete and nothing follows */
    JSON_OBJECT,
    JSON_OBJECT_END,
    JSON_ARRAY,
    JSON_ARRAY_END,
    JSON_KEY, /* its value is the next token */
    JSON_STRING,
    JSON_NUMBER,
    JSON_TRUE,
    JSON_FALSE,
    JSON_NULL,
};

struct json_reader {
    struct slice rest;
    /* Of the last token: the digits of a number; the bytes of a string or key between its quotes,
     * escapes unresolved. */
    struct slice text;
    enum json_token token;
    int depth;
    uint32_t objects; /* bit d: the container at depth d + 1 is an object */
    int state;
};

void json_reader_init(struct json_reader *r, struct slice json);
/* The next token. */
enum json_token json_next(struct json_reader *r);
/* Appends the text of the last token, a string or key, with its escapes resolved. ERR_PROTO for an
 * escaped half of a surrogate pair. */
MUST_CHECK int json_text(const struct json_reader *r, struct buf *out);
/* Whether the last token is a string or key with this text, which needs no escapes. */
bool json_text_is(const struct json_reader *r, const char *text);
/* The last token as an integer; ERR_PROTO if it is none, has a fraction or exponent, or does not
 * fit. */
MUST_CHECK int json_to_u64(const struct json_reader *r, uint64_t *value);
/* Passes over the value that the last token began: after JSON_KEY the value of the key. ERR_PROTO
 * if it is malformed. */
MUST_CHECK int json_skip(struct json_reader *r);

#endif
