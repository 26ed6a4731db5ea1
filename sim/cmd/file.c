#include "cmd.h"

#include <errno.h>
#include <stdio.h>

int cmd_read_file(const char *path, size_t max, struct buf *into)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        fprintf(stderr, "quorate: %s: %s\n", path, strerror(errno));
        return ERR_IO;
    }
    size_t got = 1;
    while (got > 0 && into->len <= max) {
        size_t want = max + 1 - into->len < 65536 ? max + 1 - into->len : 65536;
        got = fread(buf_reserve(into, want), 1, want, file);
        into->len += got;
    }
    bool failed = ferror(file) != 0;
    fclose(file);
    if (failed) {
        fprintf(stderr, "quorate: %s: cannot be read\n", path);
        return ERR_IO;
    }
    return 0;
}
