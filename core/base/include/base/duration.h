/* Durations and points in time, in nanoseconds, as Go's package time writes and reads them.
 */
#ifndef BASE_DURATION_H
#define BASE_DURATION_H

#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"

#define US_NS  INT64_C(1000)
#define MS_NS  INT64_C(1000000)
#define SEC_NS INT64_C(1000000000)
#define MIN_NS (60 * SEC_NS)

/* "1.5s", "1h2m", "300ms", "-5us", "0": ERR_INVALID if malformed or out of range. A unit is
 * required unless the number is 0. */
int duration_parse(struct slice text, int64_t *ns);
/* As Go's Duration.String: "1.5s", "300ms", "1m0s", "0s". Returns the length. */
size_t duration_format(char *out, size_t size, int64_t ns);
/* UTC, RFC 3339 with milliseconds: "2026-11-22T05:46:06.241Z". wall_ns since 1970. */
size_t time_format(char *out, size_t size, int64_t wall_ns);
/* As HTTP's Date header (RFC 9110, section 5.6.7): "Sun, 22 Nov 2026 05:46:06 GMT". */
size_t time_format_http(char *out, size_t size, int64_t wall_ns);

#endif
