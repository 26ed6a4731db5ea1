/* Scenarios by file and folder. */
#define _DEFAULT_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/sort.h"
#include "impl.h"

#define DEPTH_MAX 8

static int add_path(struct campaign *c, const char *path, int depth, size_t *found,
                    struct buf *mistakes);

/* At most one byte more than a scenario may have: the parser refuses it then. */
static int read_file(const char *path, struct buf *into)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t got = 1;
    while (fd >= 0 && got > 0 && into->len <= SCENARIO_BYTES_MAX) {
        got = read(fd, buf_reserve(into, 65536), 65536);
        into->len += got > 0 ? (size_t)got : 0;
    }
    int err = fd < 0 || got < 0 ? ERR_IO : 0;
    if (fd >= 0) {
        close(fd);
    }
    return err;
}

static int add_file(struct campaign *c, const char *path, struct buf *mistakes)
{
    struct buf text;
    struct scenario *s = NULL;
    size_t wrong = 0;
    buf_init(&text, c->mem);
    int err = read_file(path, &text);
    if (err != 0) {
        buf_printf(mistakes, "%s: %s\n", path, strerror(errno));
    } else {
        err = scenario_parse(buf_slice(&text), path, &s, mistakes, &wrong);
    }
    buf_fini(&text);
    for (size_t i = 0; i < c->parts.count && err == 0; i++) {
        const struct scenario *other = c->parts.items[i].s;
        if (strcmp(other->name, s->name) == 0) {
            /* Results and commands go by the name. */
            buf_printf(mistakes, "%s: scenario \"%s\" is also in %s; names must differ\n", path,
                       s->name, other->path);
            err = ERR_INVALID;
        }
    }
    if (err != 0) {
        scenario_free(s);
        return ERR_INVALID;
    }
    while (s != NULL) {
        /* Each case is a part of its own. */
        struct scenario *next = s->next;
        s->next = NULL;
        PUSH(c->mem, c->parts)->s = s;
        s = next;
    }
    return 0;
}

static int compare_names(const void *a, const void *b, void *ctx)
{
    (void)ctx;
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static bool ends_with(const char *name, const char *end)
{
    size_t len = strlen(name);
    size_t tail = strlen(end);
    return len > tail && strcmp(name + len - tail, end) == 0;
}

static int add_folder(struct campaign *c, const char *path, int depth, size_t *found,
                      struct buf *mistakes)
{
    ARRAY(char *) names = {NULL, 0, 0};
    struct buf below;
    struct dirent *entry;
    int err = 0;
    DIR *folder = opendir(path);
    if (folder == NULL || depth >= DEPTH_MAX) {
        buf_printf(mistakes, "%s: %s\n", path, folder == NULL ? strerror(errno) : "too deep");
        if (folder != NULL) {
            closedir(folder);
        }
        return ERR_INVALID;
    }
    while ((entry = readdir(folder)) != NULL) {
        if (entry->d_name[0] != '.') {
            *PUSH(c->mem, names) = mem_strdup(c->mem, entry->d_name, strlen(entry->d_name));
        }
    }
    closedir(folder);
    sort_stable(names.items, names.count, sizeof(names.items[0]), compare_names, NULL, c->mem);
    buf_init(&below, c->mem);
    for (size_t i = 0; i < names.count; i++) {
        struct stat about;
        buf_clear(&below);
        buf_printf(&below, "%s%s%s", path, ends_with(path, "/") ? "" : "/", names.items[i]);
        bool is_folder = stat(buf_cstr(&below), &about) == 0 && S_ISDIR(about.st_mode);
        if (is_folder || ends_with(names.items[i], ".yaml")) {
            int one = add_path(c, buf_cstr(&below), depth + 1, found, mistakes);
            err = err != 0 ? err : one;
        }
        mem_free(c->mem, names.items[i]);
    }
    buf_fini(&below);
    mem_free(c->mem, names.items);
    return err;
}

static int add_path(struct campaign *c, const char *path, int depth, size_t *found,
                    struct buf *mistakes)
{
    struct stat about;
    if (stat(path, &about) == 0 && S_ISDIR(about.st_mode)) {
        return add_folder(c, path, depth, found, mistakes);
    }
    (*found)++;
    return add_file(c, path, mistakes);
}

int campaign_add(struct campaign *c, const char *path, struct buf *mistakes)
{
    size_t found = 0;
    int err = add_path(c, path, 0, &found, mistakes);
    if (err == 0 && found == 0) {
        buf_printf(mistakes, "%s: no .yaml file is in there\n", path);
        err = ERR_INVALID;
    }
    return err;
}
