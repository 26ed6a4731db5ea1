#include "cmd.h"

#include <errno.h>
#include <stdarg.h>

int cmd_read_file(const char *path, size_t max, struct buf *into)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        cmd_say(stderr, "quorate: %s: %s\n", path, strerror(errno));
        return ERR_IO;
    }
    size_t got = 1;
    while (got > 0 && into->len <= max) {
        size_t want = max + 1 - into->len < 65536 ? max + 1 - into->len : 65536;
        got = fread(buf_reserve(into, want), 1, want, file);
        into->len += got;
    }
    bool failed = ferror(file) != 0;
    (void)fclose(file);
    if (failed) {
        cmd_say(stderr, "quorate: %s: cannot be read\n", path);
        return ERR_IO;
    }
    return 0;
}

void cmd_say(FILE *to, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    (void)vfprintf(to, format, args);
    va_end(args);
}
