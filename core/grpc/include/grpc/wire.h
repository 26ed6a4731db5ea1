/* The small notations of gRPC over HTTP/2 (grpc.io, "gRPC over HTTP2"), as grpc-go 1.33 reads and
 * writes them: timeouts, percent-encoded messages, names of statuses.
 */
#ifndef GRPC_WIRE_H
#define GRPC_WIRE_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/slice.h"

#define GRPC_PREFIX_LEN      5  /* flag byte and length, big endian */
#define GRPC_TIMEOUT_LEN_MAX 10 /* 8 digits, a unit and a NUL */

/* "4995082u": up to 8 digits and one of H M S m u n. ERR_INVALID otherwise. As in grpc-go a sign
 * may take the place of a digit. What does not fit is INT64_MAX. */
int grpc_timeout_parse(struct slice text, int64_t *ns);
/* The finest unit that needs at most 8 digits, rounded up; "0n" for what is over. Returns the
 * length; out has GRPC_TIMEOUT_LEN_MAX bytes. */
size_t grpc_timeout_format(char *out, int64_t ns);

/* Appends text with every byte outside 0x20..0x7E, and '%', as %XX. Invalid UTF-8 becomes U+FFFD
 * first, as in Go. */
void grpc_message_encode(struct buf *out, struct slice text);
/* The reverse; what is no escape stays as it is. */
void grpc_message_decode(struct buf *out, struct slice text);

/* Appends text in double quotes, as Go's %q does for what occurs in a header field. */
void grpc_quote(struct buf *out, struct slice text);

/* "Unavailable", as Go's codes.Code prints it; "Code(17)" is left to the caller: NULL. */
const char *grpc_status_name(int status);

#endif
