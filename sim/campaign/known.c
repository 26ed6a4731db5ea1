/* Lists that a campaign is given: a name a line, `*` at its end for any rest, `#` before remarks.
 */
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

bool list_line(struct slice *text, struct slice *line)
{
    while (text->len > 0) {
        ptrdiff_t end = slice_find(*text, '\n');
        *line = trim(slice_of(text->ptr, end < 0 ? text->len : (size_t)end));
        *text = end < 0 ? slice_of(NULL, 0) : slice_from(*text, (size_t)end + 1);
        if (line->len > 0 && line->ptr[0] != '#') {
            return true;
        }
    }
    return false;
}

bool list_names(struct slice pattern, struct slice name)
{
    if (pattern.len == 0 || pattern.ptr[pattern.len - 1] != '*') {
        return slice_eq(pattern, name);
    }
    pattern.len--;
    return name.len >= pattern.len && slice_eq(pattern, slice_of(name.ptr, pattern.len));
}

bool known_has(struct slice known, const char *fingerprint)
{
    struct slice line;
    while (list_line(&known, &line)) {
        if (list_names(line, slice_str(fingerprint))) {
            return true;
        }
    }
    return false;
}
