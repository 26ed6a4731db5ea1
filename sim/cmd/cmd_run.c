/* `quorate run SCENARIO`: once, or twice to compare; told as a story, as JSON, or as a trace; with
 * its results in a database. A run that fails leaves one in any case: it is run again for it, which
 * costs nothing while all is well and is the same run by determinism. */
#define _DEFAULT_SOURCE
#include "cmd.h"

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/duration.h"
#include "base/mem.h"
#include "build.h"
#include "line.h"
#include "runner/runner.h"
#include "twice.h"

#define FAILURES "quorate-failures"

struct command {
    const char *path;
    const char *only; /* the case of `vary` that is run; NULL: all */
    uint64_t seed;
    const char *db;
    bool story;
    bool trace;
    bool twice;
    bool json;
    int64_t until_ns;
    struct twice_part part;
    struct scenario *s;
    struct mem_pool *pool;
    struct mem *mem;
};

static struct run_options options_of(const struct command *c)
{
    struct run_options o = run_options_default(c->seed);
    o.until_ns = c->until_ns;
    o.events_max = c->part.events_max;
    o.memory_fill = c->part.fill;
    return o;
}

static int run_with_db(struct command *c, const char *path, struct run **out)
{
    struct run_options options = options_of(c);
    struct buf why;
    buf_init(&why, c->mem);
    int err = run_into(c->s, &options, BUILD_ID, path, NULL, out, &why);
    if (err != 0) {
        cmd_say(stderr, "quorate: %s\n", buf_cstr(&why));
    }
    return err;
}

static int run_plain(struct command *c, struct run **out)
{
    struct buf scratch;
    struct line_printer print = {.sink = {line_print}, .scratch = &scratch};
    buf_init(&scratch, c->mem);
    struct run_options options = options_of(c);
    options.sink = c->trace ? &print.sink : NULL;
    options.record = c->trace;
    *out = run_new(c->s, &options);
    run_go(*out);
    return 0;
}

/* A failed run is kept: the same run again, recorded, with its results in a database. Its page
 * knows more, so it replaces the first one if it went the same way. */
static void keep_failure(struct command *c, struct run **run, struct buf *told)
{
    struct run *again = NULL;
    struct buf path;
    buf_init(&path, c->mem);
    buf_printf(&path, FAILURES "/%s-%llu.db", c->s->name, (unsigned long long)c->seed);
    if (mkdir(FAILURES, 0777) != 0 && errno != EEXIST) {
        cmd_say(stderr, "quorate: " FAILURES ": %s\n", strerror(errno));
        return;
    }
    int err = run_with_db(c, buf_cstr(&path), &again);
    if (err == 0 && run_summary(again).verdict == run_summary(*run).verdict &&
        run_summary(again).trace_hash == run_summary(*run).trace_hash) {
        run_free(*run);
        *run = again;
        return;
    }
    if (err == 0) {
        run_saved(*run, buf_cstr(&path));
        buf_add_str(told, "         but it went another way there: try --twice\n");
    }
    if (again != NULL) {
        run_free(again);
    }
}

static bool has_failed(enum verdict verdict)
{
    return verdict != VERDICT_PASS && verdict != VERDICT_STOPPED;
}

/* What is told goes before the last lines, which end with the verdict and the hash. */
static void tell(struct command *c, const struct run *run, struct buf *kept)
{
    struct buf out;
    buf_init(&out, c->mem);
    if (c->json) {
        run_tell_json(run, BUILD_ID, &out);
        (void)fwrite(out.ptr, 1, out.len, stdout);
        return;
    }
    run_tell(run, BUILD_ID, c->story, &out);
    const char *text = buf_cstr(&out);
    const char *verdict = strstr(text, "\nverdict: ");
    size_t before = verdict != NULL ? (size_t)(verdict - text) + 1 : out.len;
    (void)fwrite(text, 1, before, stdout);
    (void)fputs(buf_cstr(kept), stdout);
    (void)fwrite(text + before, 1, out.len - before, stdout);
}

static int run_scenario(struct command *c)
{
    struct run *run = NULL;
    struct buf kept;
    buf_init(&kept, c->mem);
    int err = c->db != NULL ? run_with_db(c, c->db, &run) : run_plain(c, &run);
    if (err != 0) {
        if (run != NULL) {
            run_free(run);
        }
        return EXIT_INVALID;
    }
    struct run_summary sum = run_summary(run);
    int code = verdict_exit(sum.verdict);
    if (c->part.asked) {
        twice_answer(sum.trace_hash, sum.events);
        run_free(run);
        return EXIT_PASS;
    }
    if (c->twice) {
        struct buf twice;
        buf_init(&twice, c->mem);
        err = twice_compare(c->path, c->s->case_name, c->seed, c->until_ns, sum.trace_hash,
                            sum.events, &twice);
        if (err == ERR_CORRUPT) {
            run_differs(run, buf_cstr(&twice));
        } else {
            buf_add_slice(&kept, buf_slice(&twice));
        }
        sum = run_summary(run);
        code = err == ERR_IO ? EXIT_INVALID : verdict_exit(sum.verdict);
    }
    if (has_failed(sum.verdict) && c->db == NULL) {
        keep_failure(c, &run, &kept);
    }
    tell(c, run, &kept);
    run_free(run);
    return code;
}

static bool parse_seed(const char *text, uint64_t *seed)
{
    return text != NULL && slice_to_u64(slice_str(text), seed) == 0;
}

/* The value of an option: behind `=`, or the next word. */
static const char *value_of(const char *word, size_t name_len, int *i, int count, char **words)
{
    if (word[name_len] == '=') {
        return word + name_len + 1;
    }
    return *i + 1 < count ? words[++*i] : NULL;
}

static bool is_option(const char *word, const char *name)
{
    size_t len = strlen(name);
    return strncmp(word, name, len) == 0 && (word[len] == '\0' || word[len] == '=');
}

static int parse_words(struct command *c, int count, char **words)
{
    const struct {
        const char *name;
        bool *flag;
    } flags[] = {{"--story", &c->story},
                 {"--trace", &c->trace},
                 {"--twice", &c->twice},
                 {"--json", &c->json}};
    static const char *const later[] = {"--on", "--record"};
    for (int i = 0; i < count; i++) {
        const char *word = words[i];
        bool known = false;
        for (size_t k = 0; k < sizeof(flags) / sizeof(flags[0]); k++) {
            if (strcmp(word, flags[k].name) == 0) {
                *flags[k].flag = true;
                known = true;
            }
        }
        if (known || twice_option(&c->part, word)) {
            continue;
        }
        if (is_option(word, "--seed")) {
            const char *value = value_of(word, 6, &i, count, words);
            if (!parse_seed(value, &c->seed)) {
                cmd_say(stderr, "quorate: --seed is a number, not \"%s\"\n",
                        value != NULL ? value : "");
                return ERR_USAGE;
            }
        } else if (is_option(word, "--case")) {
            c->only = value_of(word, 6, &i, count, words);
        } else if (is_option(word, "--db")) {
            c->db = value_of(word, 4, &i, count, words);
        } else if (is_option(word, "--until")) {
            const char *value = value_of(word, 7, &i, count, words);
            int64_t until = 0;
            if (value == NULL || duration_parse(slice_str(value), &until) != 0 || until <= 0) {
                cmd_say(stderr, "quorate: --until is a time with its unit, for instance 5s\n");
                return ERR_USAGE;
            }
            c->until_ns = until;
        } else if (word[0] != '-' && c->path == NULL) {
            c->path = word;
        } else {
            for (size_t k = 0; k < sizeof(later) / sizeof(later[0]); k++) {
                if (is_option(word, later[k])) {
                    cmd_say(stderr, "quorate: %s is not built yet\n", later[k]);
                    return ERR_USAGE;
                }
            }
            cmd_say(stderr, "quorate: \"%s\" is not known to `run`\n", word);
            return ERR_USAGE;
        }
    }
    if (c->path == NULL) {
        cmd_say(stderr, "usage: quorate run SCENARIO [--seed N] [--case NAME] [--db FILE] "
                        "[--story|--trace] [--twice] [--until T] [--json]\n");
        return ERR_USAGE;
    }
    return 0;
}

/* One verdict a case; the worst is the program's: exits are ranked as verdicts are. */
static int run_cases(struct command *c, struct scenario *first)
{
    static const int rank[] = {
        [EXIT_PASS] = 0, [6] = 1, [7] = 2, [3] = 3, [1] = 4, [4] = 5, [5] = 6, [EXIT_INVALID] = 7};
    int worst = EXIT_PASS;
    bool found = false;
    for (struct scenario *s = first; s != NULL; s = s->next) {
        if (c->only != NULL && (s->case_name == NULL || strcmp(c->only, s->case_name) != 0)) {
            continue;
        }
        if (found && !c->json && !c->part.asked) {
            cmd_say(stdout, "\n");
        }
        found = true;
        c->s = s;
        int code = run_scenario(c);
        worst = rank[code] > rank[worst] ? code : worst;
    }
    if (!found) {
        cmd_say(stderr, "quorate: %s has no case \"%s\"\n", c->path, c->only);
        return EXIT_INVALID;
    }
    return worst;
}

int cmd_run(int count, char **words)
{
    struct command c = {.seed = 1, .until_ns = INT64_MAX};
    struct scenario *cases = NULL;
    struct buf text;
    struct buf mistakes;
    size_t wrong = 0;
    int code = EXIT_INVALID;
    c.part.fill = -1;
    if (parse_words(&c, count, words) != 0) {
        return EXIT_INVALID;
    }
    void *shift = twice_shift(&c.part);
    c.pool = mem_pool_new(UINT64_C(1) << 32, -1);
    c.mem = mem_pool_mem(c.pool);
    buf_init(&text, c.mem);
    buf_init(&mistakes, c.mem);
    if (cmd_read_file(c.path, SCENARIO_BYTES_MAX, &text) != 0) {
        goto out;
    }
    if (scenario_parse(buf_slice(&text), c.path, &cases, &mistakes, &wrong) != 0) {
        cmd_say(stderr, "%s%zu mistake%s; nothing was run\n", buf_cstr(&mistakes), wrong,
                wrong == 1 ? "" : "s");
        goto out;
    }
    code = run_cases(&c, cases);
out:
    scenario_free(cases);
    mem_pool_free(c.pool);
    twice_unshift(shift);
    return code;
}
