/* Texts as Go's libraries word them: numbers that do not parse, quoted strings, sizes, URLs.
 */
#ifndef CTL_TEXT_H
#define CTL_TEXT_H

#include <stdint.h>

#include "base/err.h"
#include "base/slice.h"

/* strconv.Quote, "%q". */
void text_quote(struct buf *out, struct slice s);
/* A number in base 10 or 16, with a sign only for `_i64`. ERR_INVALID: what strconv says of it is
 * appended to error: `strconv.ParseUint: parsing "zz": invalid syntax`. */
int text_hex_u64(const char *text, uint64_t *value, struct buf *error) MUST_CHECK;
int text_hex_i64(const char *text, int64_t *value, struct buf *error) MUST_CHECK;
int text_i64(const char *text, int64_t *value, struct buf *error) MUST_CHECK;
int text_bool(const char *text, int64_t *value, struct buf *error) MUST_CHECK;
/* time.ParseDuration and its complaints. */
int text_duration(const char *text, int64_t *ns, struct buf *error) MUST_CHECK;
/* Sizes for people: "20 kB", "1.6 GB" (powers of 1000). */
void text_size(struct buf *out, uint64_t bytes);
/* One peer URL as etcd checks it. ERR_INVALID with the complaint in error. */
int text_check_url(struct slice url, struct buf *error) MUST_CHECK;

#endif
