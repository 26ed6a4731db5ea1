/* Inside of the module: header fields gathered from a parser that gives them in any pieces.
 */
#ifndef HTTP1_HEAD_H
#define HTTP1_HEAD_H

#include "http1/server.h"

struct head_span {
    size_t name;
    size_t name_len;
    size_t value;
    size_t value_len;
};

/* The text of the target (or reason) first, then names and values, one behind the other. */
struct head {
    struct buf text;
    size_t target_len;
    struct head_span *spans;
    size_t count;
    size_t cap;
    bool in_value;
};

void head_init(struct head *h, struct mem *mem);
void head_fini(struct head *h);
void head_clear(struct head *h);
/* All three: ERR_LIMIT past HTTP1_HEAD_MAX bytes or HTTP1_FIELDS_MAX fields. */
int head_target(struct head *h, const char *at, size_t len);
int head_name(struct head *h, const char *at, size_t len);
int head_value(struct head *h, const char *at, size_t len);
void head_field(const struct head *h, size_t i, struct http1_field *field);
bool head_find(const struct head *h, const char *name, struct slice *value);
/* Names of header fields have no case. */
bool head_same_name(struct slice a, struct slice b);

#endif
