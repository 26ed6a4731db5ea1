/* One HTTP/1.1 exchange, client side: bytes in, bytes out. Used to read small pages of other
 * members
 * (/members, /version). Knows no URL beyond the target it is given.
 */
#ifndef HTTP1_CLIENT_H
#define HTTP1_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/slice.h"

/* Appends a request with Connection: close. body is written only with a content type (else
 * NULL). */
void http1_request_write(struct buf *out, const char *method, struct slice target,
                         struct slice host, const char *content_type, struct slice body);

struct http1_client;

/* Reads one answer. Borrows mem. body_max: bytes. */
struct http1_client *http1_client_new(struct mem *mem, size_t body_max);
void http1_client_free(struct http1_client *c);
/* Returns 0; ERR_PROTO: no answer in HTTP/1; ERR_LIMIT: head past 8 KiB or body past body_max. */
MUST_CHECK int http1_client_recv(struct http1_client *c, struct slice bytes);
/* The connection has ended: completes an answer without length. ERR_EOF if one is cut short. */
MUST_CHECK int http1_client_eof(struct http1_client *c);
bool http1_client_done(const struct http1_client *c);
/* Valid once done. */
int http1_client_status(const struct http1_client *c);
struct slice http1_client_body(const struct http1_client *c);
/* A header field of the answer, without case. */
bool http1_client_field(const struct http1_client *c, const char *name, struct slice *value);

#endif
