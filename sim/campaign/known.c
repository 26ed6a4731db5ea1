#include "impl.h"

static struct slice trim(struct slice s)
{
    while (s.len > 0 && (s.ptr[0] == ' ' || s.ptr[0] == '\t')) {
        s = slice_from(s, 1);
    }
    while (s.len > 0 &&
           (s.ptr[s.len - 1] == ' ' || s.ptr[s.len - 1] == '\t' || s.ptr[s.len - 1] == '\r')) {
        s.len--;
    }
    return s;
}

bool known_has(struct slice known, const char *fingerprint)
{
    struct slice wanted = slice_str(fingerprint);
    while (known.len > 0) {
        ptrdiff_t end = slice_find(known, '\n');
        struct slice line = trim(slice_of(known.ptr, end < 0 ? known.len : (size_t)end));
        known = end < 0 ? slice_of(NULL, 0) : slice_from(known, (size_t)end + 1);
        if (line.len == 0 || line.ptr[0] == '#') {
            continue;
        }
        if (slice_eq(line, wanted)) {
            return true;
        }
        size_t prefix = line.len - 1;
        if (line.ptr[prefix] == '*' && wanted.len >= prefix &&
            slice_eq(slice_of(line.ptr, prefix), slice_of(wanted.ptr, prefix))) {
            return true;
        }
    }
    return false;
}
