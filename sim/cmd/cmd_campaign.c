/* `quorate campaign SCENARIO|DIR...`: words, progress, files; the campaign itself is a module. */
#define _DEFAULT_SOURCE
#include "cmd.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/duration.h"
#include "base/mem.h"
#include "build.h"
#include "campaign/campaign.h"

#define PLAIN_NS   (10 * SEC_NS) /* between two lines of progress on a pipe */
#define BAR        20
#define LIST_BYTES (1 << 20)
#define PATHS_MAX  1024
#define SEEDS_MAX  UINT64_C(1000000000)

struct command {
    struct campaign_options options;
    const char *paths[PATHS_MAX];
    size_t path_count;
    const char *junit;
    const char *known;
    const char *unreached;
    bool seeds_given;
    bool verbose;
};

struct progress {
    struct campaign_sink sink; /* first */
    bool terminal;
    int64_t next_ns; /* of the wall, on a pipe */
    struct mem *mem;
};

static int refuse(const char *option, const char *wanted, const char *value)
{
    cmd_say(stderr, "quorate: %s is %s, not \"%s\"\n", option, wanted, value);
    return ERR_USAGE;
}

/* "A..B" or "A". */
static int set_seeds(struct command *c, const char *value)
{
    const char *dots = strstr(value, "..");
    struct slice first = slice_of(value, dots != NULL ? (size_t)(dots - value) : strlen(value));
    struct slice last = slice_str(dots != NULL ? dots + 2 : value);
    if (slice_to_u64(first, &c->options.seed_first) != 0 ||
        slice_to_u64(last, &c->options.seed_last) != 0 ||
        c->options.seed_last < c->options.seed_first ||
        c->options.seed_last - c->options.seed_first >= SEEDS_MAX) {
        return refuse("--seeds", "a range like 1..100", value);
    }
    c->seeds_given = true;
    return 0;
}

static int set_jobs(struct command *c, const char *value)
{
    uint64_t jobs = 0;
    if (slice_to_u64(slice_str(value), &jobs) != 0 || jobs == 0 || jobs > CAMPAIGN_JOBS_MAX) {
        return refuse("--jobs", "a number from 1 to 256", value);
    }
    c->options.jobs = (size_t)jobs;
    return 0;
}

static int set_shard(struct command *c, const char *value)
{
    const char *slash = strchr(value, '/');
    if (slash == NULL ||
        slice_to_u64(slice_of(value, (size_t)(slash - value)), &c->options.shard) != 0 ||
        slice_to_u64(slice_str(slash + 1), &c->options.shards) != 0 || c->options.shard == 0 ||
        c->options.shard > c->options.shards) {
        return refuse("--shard", "a part like 1/4 (the first of four)", value);
    }
    return 0;
}

static int set_time(struct command *c, const char *value)
{
    if (duration_parse(slice_str(value), &c->options.time_ns) != 0 || c->options.time_ns <= 0) {
        return refuse("--time", "a time with its unit like 60s", value);
    }
    return 0;
}

static int set_failures(struct command *c, const char *value)
{
    if (slice_to_u64(slice_str(value), &c->options.failures_max) != 0 ||
        c->options.failures_max == 0) {
        return refuse("--max-failures", "a number from 1", value);
    }
    return 0;
}

static int set_db(struct command *c, const char *value)
{
    c->options.db = value;
    return 0;
}

static int set_junit(struct command *c, const char *value)
{
    c->junit = value;
    return 0;
}

static int set_known(struct command *c, const char *value)
{
    c->known = value;
    return 0;
}

static int set_unreached(struct command *c, const char *value)
{
    c->unreached = value;
    return 0;
}

static const struct {
    const char *name;
    int (*set)(struct command *c, const char *value);
} valued[] = {{"--seeds", set_seeds}, {"--jobs", set_jobs},   {"--shard", set_shard},
              {"--time", set_time},   {"--db", set_db},       {"--max-failures", set_failures},
              {"--junit", set_junit}, {"--known", set_known}, {"--unreached", set_unreached}};

/* 0 and *i on its last word; ERR_NOT_FOUND: none of those with a value. */
static int take_valued(struct command *c, int *i, int count, char **words)
{
    for (size_t k = 0; k < sizeof(valued) / sizeof(valued[0]); k++) {
        size_t len = strlen(valued[k].name);
        if (strncmp(words[*i], valued[k].name, len) != 0) {
            continue;
        }
        if (words[*i][len] == '=') {
            return valued[k].set(c, words[*i] + len + 1);
        }
        if (words[*i][len] == '\0' && *i + 1 < count) {
            (*i)++;
            return valued[k].set(c, words[*i]);
        }
        if (words[*i][len] == '\0') {
            cmd_say(stderr, "quorate: %s needs a value\n", valued[k].name);
            return ERR_USAGE;
        }
    }
    return ERR_NOT_FOUND;
}

static int parse_words(struct command *c, int count, char **words)
{
    for (int i = 0; i < count; i++) {
        int err = take_valued(c, &i, count, words);
        if (err == 0) {
            continue;
        }
        if (err != ERR_NOT_FOUND) {
            return err;
        }
        if (strcmp(words[i], "--verbose") == 0) {
            c->verbose = true;
        } else if (strcmp(words[i], "--probes") == 0) {
            c->options.probes = true;
        } else if (words[i][0] != '-' && c->path_count < PATHS_MAX) {
            c->paths[c->path_count++] = words[i];
        } else {
            cmd_say(stderr, "quorate: \"%s\" is not known to `campaign`\n", words[i]);
            return ERR_USAGE;
        }
    }
    if (c->path_count == 0 || !c->seeds_given) {
        cmd_say(
            stderr,
            "usage: quorate campaign SCENARIO|DIR... --seeds A..B [--jobs N] [--shard I/N]\n"
            "                        [--time T] [--max-failures N] [--db FILE] [--junit FILE]\n"
            "                        [--known FILE] [--unreached FILE] [--probes] [--verbose]\n");
        return ERR_USAGE;
    }
    return 0;
}

/* Progress ------------------------------------------------------------------------------------- */

static void add_left(const struct campaign_progress *p, struct buf *out)
{
    if (p->keeping) {
        buf_add_str(out, "storing what failed");
    } else if (p->done > 0 && p->done < p->total) {
        /* In milliseconds, so that no product overflows. */
        uint64_t wall_ms = (uint64_t)(p->wall_ns / MS_NS);
        unsigned long long left = wall_ms * (p->total - p->done) / p->done / 1000 + 1;
        buf_printf(out, "%llus left", left);
    }
}

static void add_progress(const struct campaign_progress *p, bool bar, struct buf *out)
{
    uint64_t percent = p->total > 0 ? p->done * 100 / p->total : 100;
    uint64_t wall_ms = (uint64_t)(p->wall_ns / MS_NS) + 1;
    buf_printf(out, "%3llu%% ", (unsigned long long)percent);
    for (uint64_t i = 0; bar && i < BAR + 2; i++) {
        buf_add_str(out, i == 0 ? "|" : i == BAR + 1 ? "| " : i <= percent * BAR / 100 ? "#" : " ");
    }
    campaign_number(p->done, out);
    buf_add_str(out, "/");
    campaign_number(p->total, out);
    buf_printf(out, " runs  %llu/s  %llu failing (%zu kind%s)  ",
               (unsigned long long)(p->done * 1000 / wall_ms), (unsigned long long)p->failing,
               p->kinds, p->kinds == 1 ? "" : "s");
    add_left(p, out);
}

static void on_progress(struct campaign_sink *sink, const struct campaign_progress *p)
{
    struct progress *me = (struct progress *)sink;
    struct buf line;
    if (!me->terminal && p->wall_ns < me->next_ns) {
        return;
    }
    me->next_ns = p->wall_ns - p->wall_ns % PLAIN_NS + PLAIN_NS;
    buf_init(&line, me->mem);
    add_progress(p, me->terminal, &line);
    cmd_say(stderr, me->terminal ? "\r%s\x1b[K" : "%s\n", buf_cstr(&line));
    (void)fflush(stderr);
    buf_fini(&line);
}

static void end_progress(const struct progress *me)
{
    if (me->terminal) {
        cmd_say(stderr, "\r\x1b[K");
    }
}

/* ---------------------------------------------------------------------------------------------- */

static int write_file(const char *path, const struct buf *text)
{
    FILE *file = fopen(path, "wb");
    bool ok = file != NULL && fwrite(text->ptr, 1, text->len, file) == text->len;
    if (file != NULL) {
        ok = fclose(file) == 0 && ok;
    }
    if (!ok) {
        cmd_say(stderr, "quorate: %s: %s\n", path, strerror(errno));
    }
    return ok ? 0 : ERR_IO;
}

static int go(struct command *command, struct campaign *c, struct mem *mem)
{
    struct buf out;
    struct buf why;
    struct buf mistakes;
    int err = 0;
    buf_init(&out, mem);
    buf_init(&why, mem);
    buf_init(&mistakes, mem);
    for (size_t i = 0; i < command->path_count; i++) {
        int one = campaign_add(c, command->paths[i], &mistakes);
        err = err != 0 ? err : one;
    }
    int lists = campaign_check_unreached(c, &mistakes);
    err = err != 0 ? err : lists;
    if (err != 0) {
        cmd_say(stderr, "%snothing was run\n", buf_cstr(&mistakes));
        return EXIT_INVALID;
    }
    err = campaign_go(c, &why);
    end_progress((struct progress *)command->options.sink);
    campaign_tell(c, command->verbose, &out);
    (void)fwrite(out.ptr, 1, out.len, stdout);
    (void)fflush(stdout);
    if (err != 0) {
        cmd_say(stderr, "quorate: %s\n", buf_cstr(&why));
        return EXIT_INVALID;
    }
    if (command->junit != NULL) {
        buf_clear(&out);
        campaign_junit(c, &out);
        err = write_file(command->junit, &out);
    }
    return err != 0 ? EXIT_INVALID : campaign_exit(c);
}

static int read_list(const char *path, struct buf *into)
{
    return path == NULL ? 0 : cmd_read_file(path, LIST_BYTES, into);
}

int cmd_campaign(int count, char **words)
{
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    struct command command = {.options = {.jobs = processors > 0 && processors < CAMPAIGN_JOBS_MAX
                                                      ? (size_t)processors
                                                      : 1,
                                          .shard = 1,
                                          .shards = 1,
                                          .build = BUILD_ID}};
    struct buf known;
    struct buf unreached;
    if (parse_words(&command, count, words) != 0) {
        return EXIT_INVALID;
    }
    struct mem_pool *pool = mem_pool_new(UINT64_C(4) << 30, -1);
    struct mem *mem = mem_pool_mem(pool);
    struct progress progress = {{on_progress}, isatty(STDERR_FILENO) == 1, PLAIN_NS, mem};
    int code = EXIT_INVALID;
    buf_init(&known, mem);
    buf_init(&unreached, mem);
    if (read_list(command.known, &known) == 0 && read_list(command.unreached, &unreached) == 0) {
        command.options.known = buf_slice(&known);
        command.options.unreached = buf_slice(&unreached);
        command.options.unreached_path = command.unreached;
        command.options.sink = &progress.sink;
        struct campaign *c = campaign_new(mem, &command.options);
        code = go(&command, c, mem);
        campaign_free(c);
    }
    mem_pool_free(pool);
    return code;
}
