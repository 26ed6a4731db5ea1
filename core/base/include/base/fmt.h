/* Text without stdio: no locale, no hidden memory, no clock.
 *
 * Knows %% %c %s %.*s %d %i %u %x %X %o with h, l, ll, z, j lengths, width, precision and the flags
 * `-`, `0`, `+`. The compiler checks arguments as for printf. Floating point is not formatted:
 * decisions and outputs are integers.
 */
#ifndef BASE_FMT_H
#define BASE_FMT_H

#include <stdarg.h>
#include <stddef.h>

/* Writes at most size bytes with a NUL and returns the length that the whole text has, as snprintf
 * does. size may be 0. */
size_t fmt(char *out, size_t size, const char *format, ...) __attribute__((format(printf, 3, 4)));
size_t fmt_v(char *out, size_t size, const char *format, va_list args)
    __attribute__((format(printf, 3, 0)));

#endif
