/* `quorate report --db FILE [RUN] -o DIR`: a run's figure, its script and its page. */
#define _DEFAULT_SOURCE
#include "cmd.h"

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/mem.h"
#include "report/report.h"

#define SVG_BYTES_MAX ((size_t)256 << 20)

struct command {
    const char *db;
    const char *run; /* NULL: the newest */
    const char *dir;
    struct mem *mem;
    struct buf why;
};

static int write_file(struct command *c, const char *name, const char *ending,
                      const struct buf *text)
{
    struct buf path;
    buf_init(&path, c->mem);
    buf_printf(&path, "%s/%s%s", c->dir, name, ending);
    FILE *file = fopen(buf_cstr(&path), "wb");
    bool ok = file != NULL && fwrite(text->ptr, 1, text->len, file) == text->len;
    if (file != NULL && fclose(file) != 0) {
        ok = false;
    }
    if (!ok) {
        cmd_say(stderr, "quorate: %s: %s\n", buf_cstr(&path), strerror(errno));
        return ERR_IO;
    }
    cmd_say(stdout, "%s\n", buf_cstr(&path));
    return 0;
}

static int draw(struct command *c, const char *name)
{
    struct buf script;
    buf_init(&script, c->mem);
    buf_printf(&script, "./%s.gp", name);
    int err = report_draw(c->dir, buf_cstr(&script), &c->why);
    if (err == ERR_NOT_FOUND) {
        cmd_say(stderr,
                "quorate: there is no gnuplot (Debian: apt-get install gnuplot-nox); the script "
                "%s/%s.gp draws the figure once there is\n",
                c->dir, name);
    } else if (err != 0) {
        cmd_say(stderr, "quorate: gnuplot %s/%s.gp failed\n%s", c->dir, name, buf_cstr(&c->why));
    } else {
        cmd_say(stdout, "%s/%s.svg\n%s/%s.png\n", c->dir, name, c->dir, name);
    }
    return err;
}

static int write_page(struct command *c, const struct report *report)
{
    struct buf path;
    struct buf svg;
    struct buf page;
    buf_init(&path, c->mem);
    buf_init(&svg, c->mem);
    buf_init(&page, c->mem);
    buf_printf(&path, "%s/%s.svg", c->dir, report_name(report));
    int err = cmd_read_file(buf_cstr(&path), SVG_BYTES_MAX, &svg);
    if (err != 0) {
        return err;
    }
    report_page(report, buf_slice(&svg), &page);
    return write_file(c, "index", ".html", &page);
}

static int make_report(struct command *c, struct report_file *file)
{
    struct report *report = NULL;
    struct buf script;
    int64_t run = 0;
    buf_init(&script, c->mem);
    if (report_pick(file, c->run, &run, &c->why) != 0 ||
        report_load(file, run, &report, &c->why) != 0) {
        cmd_say(stderr, "quorate: %s\n", buf_cstr(&c->why));
        return EXIT_INVALID;
    }
    if (mkdir(c->dir, 0777) != 0 && errno != EEXIST) {
        cmd_say(stderr, "quorate: %s: %s\n", c->dir, strerror(errno));
        return EXIT_INVALID;
    }
    cmd_say(stdout, "run %s\n", report_id(report));
    report_script(report, &script);
    if (write_file(c, report_name(report), ".gp", &script) != 0 ||
        draw(c, report_name(report)) != 0 || write_page(c, report) != 0) {
        return EXIT_INVALID;
    }
    return EXIT_PASS;
}

static int parse_words(struct command *c, int count, char **words)
{
    for (int i = 0; i < count; i++) {
        const char *word = words[i];
        const char **value = NULL;
        if (strcmp(word, "--db") == 0) {
            value = &c->db;
        } else if (strcmp(word, "-o") == 0) {
            value = &c->dir;
        } else if (strncmp(word, "--db=", 5) == 0) {
            c->db = word + 5;
        } else if (word[0] != '-' && c->run == NULL) {
            c->run = word;
        } else {
            cmd_say(stderr, "quorate: \"%s\" is not known to `report`\n", word);
            return ERR_USAGE;
        }
        if (value != NULL) {
            *value = i + 1 < count ? words[++i] : NULL;
        }
    }
    if (c->db == NULL || c->dir == NULL || *c->dir == '\0') {
        cmd_say(stderr, "usage: quorate report --db FILE [RUN] -o DIR\n");
        return ERR_USAGE;
    }
    return 0;
}

int cmd_report(int count, char **words)
{
    struct command c = {.db = NULL};
    struct report_file *file = NULL;
    int code = EXIT_INVALID;
    if (parse_words(&c, count, words) != 0) {
        return EXIT_INVALID;
    }
    struct mem_pool *pool = mem_pool_new(UINT64_C(2) << 30, -1);
    c.mem = mem_pool_mem(pool);
    buf_init(&c.why, c.mem);
    if (report_open(c.db, c.mem, &file, &c.why) == 0) {
        code = make_report(&c, file);
    } else {
        cmd_say(stderr, "quorate: %s\n", buf_cstr(&c.why));
    }
    report_close(file);
    mem_pool_free(pool);
    return code;
}
