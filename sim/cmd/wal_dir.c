#include "wal_dir.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/fmt.h"

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct wal_file *)a)->name, ((const struct wal_file *)b)->name);
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static bool ends_in(const char *name, const char *end)
{
    size_t len = strlen(name);
    size_t end_len = strlen(end);
    return len > end_len && strcmp(name + len - end_len, end) == 0;
}

static void take_segment(struct wal_dir *dir, const char *name)
{
    if (ends_in(name, ".tmp")) {
        dir->halves++;
        return;
    }
    dir->segments =
        mem_resize(dir->mem, dir->segments, (dir->segment_count + 1) * sizeof(*dir->segments));
    struct wal_file *file = &dir->segments[dir->segment_count++];
    *file = (struct wal_file){.name = mem_strdup(dir->mem, name, strlen(name))};
    file->known = wal_parse_name(name, &file->is);
}

static void take_snap(struct wal_dir *dir, const char *name)
{
    if (!ends_in(name, ".snap")) {
        dir->halves++;
        return;
    }
    dir->snaps = mem_resize(dir->mem, dir->snaps, (dir->snap_count + 1) * sizeof(char *));
    dir->snaps[dir->snap_count++] = mem_strdup(dir->mem, name, strlen(name));
}

static int list(struct wal_dir *dir, const char *path, void (*take)(struct wal_dir *, const char *))
{
    DIR *folder = opendir(path);
    if (folder == NULL) {
        return errno;
    }
    for (struct dirent *entry = readdir(folder); entry != NULL; entry = readdir(folder)) {
        if (entry->d_name[0] != '.') {
            take(dir, entry->d_name);
        }
    }
    (void)closedir(folder);
    return 0;
}

int wal_dir_open(struct wal_dir *dir, struct mem *mem, const char *path)
{
    *dir = (struct wal_dir){.mem = mem};
    if (fmt(dir->wal, sizeof(dir->wal), "%s/wal", path) >= sizeof(dir->wal) ||
        fmt(dir->snap, sizeof(dir->snap), "%s/snap", path) >= sizeof(dir->snap)) {
        cmd_say(stderr, "quorate: %s: the name is too long\n", path);
        return EXIT_INVALID;
    }
    int err = list(dir, dir->wal, take_segment);
    if (err != 0) {
        cmd_say(stderr, "quorate: %s: %s; DIR is a member's data directory\n", dir->wal,
                strerror(err));
        return EXIT_INVALID;
    }
    err = list(dir, dir->snap, take_snap);
    if (err != 0 && err != ENOENT) { /* version 1 had none */
        cmd_say(stderr, "quorate: %s: %s\n", dir->snap, strerror(err));
        return EXIT_INVALID;
    }
    if (dir->segment_count > 0) {
        qsort(dir->segments, dir->segment_count, sizeof(*dir->segments), by_name);
    }
    if (dir->snap_count > 0) {
        qsort(dir->snaps, dir->snap_count, sizeof(*dir->snaps), by_text);
    }
    return EXIT_PASS;
}

void wal_dir_close(struct wal_dir *dir)
{
    for (size_t i = 0; i < dir->segment_count; i++) {
        mem_free(dir->mem, dir->segments[i].name);
    }
    for (size_t i = 0; i < dir->snap_count; i++) {
        mem_free(dir->mem, dir->snaps[i]);
    }
    mem_free(dir->mem, dir->segments);
    mem_free(dir->mem, dir->snaps);
}

int wal_dir_read(const struct wal_dir *dir, const char *folder, const char *name, struct buf *bytes)
{
    char path[2048];
    (void)dir;
    buf_clear(bytes);
    fmt(path, sizeof(path), "%s/%s", folder, name);
    int rv = cmd_read_file(path, WAL_FILE_BYTES_MAX, bytes);
    if (rv == 0 && bytes->len > WAL_FILE_BYTES_MAX) {
        cmd_say(stderr, "quorate: %s: longer than %zu bytes\n", path, WAL_FILE_BYTES_MAX);
        return ERR_LIMIT;
    }
    return rv;
}
