/* `quorate replay --db FILE [RUN]`: runs a kept run again, from the scenario text and the seed that
 * its results file keeps, and tells what is asked for: the story, chosen lines of the trace, the
 * whole state of one member; or stops for a debugger right before an event. */
#define _DEFAULT_SOURCE
#include "cmd.h"

#include <signal.h>
#include <stdio.h>

#include "base/duration.h"
#include "base/fmt.h"
#include "build.h"
#include "kept.h"
#include "line.h"

struct replay {
    const char *db;
    const char *id;
    bool trace;
    const char *only;
    const char *kinds;
    bool from_given;
    int64_t from_ns;
    int64_t until_ns; /* INT64_MAX: as it was recorded */
    const char *state;
    uint64_t break_event;
    struct mem *mem;
    struct kept kept;
};

static void at_break(const struct run *run)
{
    struct run_summary sum = run_summary(run);
    (void)fflush(stdout);
    cmd_say(stderr,
            "stopped before event #%llu (SIGTRAP; without a debugger this ends the program: "
            "gdb --args quorate replay ...)\n",
            (unsigned long long)sum.events + 1);
    (void)raise(SIGTRAP);
}

/* A time of the timeline, with a unit or in seconds. */
static int parse_time(const char *name, const char *value, int64_t *ns)
{
    char seconds[64];
    fmt(seconds, sizeof(seconds), "%ss", value);
    if (duration_parse(slice_str(value), ns) != 0 && duration_parse(slice_str(seconds), ns) != 0) {
        cmd_say(stderr, "quorate: %s is a time of the timeline, for instance 5.919s, not \"%s\"\n",
                name, value);
        return ERR_USAGE;
    }
    return 0;
}

static int take_value(struct replay *r, const char *name, const char *value)
{
    if (strcmp(name, "--from") == 0) {
        r->from_given = true;
        return parse_time(name, value, &r->from_ns);
    }
    if (strcmp(name, "--until") == 0) {
        int err = parse_time(name, value, &r->until_ns);
        if (err == 0 && r->until_ns <= 0) {
            cmd_say(stderr, "quorate: --until lies before the timeline\n");
            err = ERR_USAGE;
        }
        return err;
    }
    const char *digits = *value == '#' ? value + 1 : value;
    if (slice_to_u64(slice_str(digits), &r->break_event) != 0 || r->break_event == 0) {
        cmd_say(stderr, "quorate: --break is the number of an event, not \"%s\"\n", value);
        return ERR_USAGE;
    }
    return 0;
}

static int parse_word(struct replay *r, int *i, int count, char **words)
{
    struct {
        const char *name;
        const char **text;
    } texts[] = {
        {"--db", &r->db}, {"--only", &r->only}, {"--kinds", &r->kinds}, {"--state", &r->state}};
    static const char *const values[] = {"--from", "--until", "--break"};
    bool wrong = false;
    if (strcmp(words[*i], "--trace") == 0) {
        r->trace = true;
        return 0;
    }
    for (size_t k = 0; k < sizeof(texts) / sizeof(texts[0]) && !wrong; k++) {
        const char *value = kept_option(texts[k].name, i, count, words, &wrong);
        if (value != NULL) {
            *texts[k].text = value;
            return 0;
        }
    }
    for (size_t k = 0; k < sizeof(values) / sizeof(values[0]) && !wrong; k++) {
        const char *value = kept_option(values[k], i, count, words, &wrong);
        if (value != NULL) {
            return take_value(r, values[k], value);
        }
    }
    if (wrong) {
        return ERR_USAGE;
    }
    if (words[*i][0] != '-' && r->id == NULL) {
        r->id = words[*i];
        return 0;
    }
    cmd_say(stderr, "quorate: \"%s\" is not known to `replay`\n", words[*i]);
    return ERR_USAGE;
}

static int parse_words(struct replay *r, int count, char **words)
{
    for (int i = 0; i < count; i++) {
        if (parse_word(r, &i, count, words) != 0) {
            return ERR_USAGE;
        }
    }
    if (r->db == NULL) {
        cmd_say(stderr, "usage: quorate replay --db FILE [RUN] [--trace] [--only M,..] "
                        "[--kinds K,..]\n"
                        "                      [--from T] [--until T] [--state M] "
                        "[--break EVENT]\n");
        return ERR_USAGE;
    }
    r->trace = r->trace || r->only != NULL || r->kinds != NULL || r->from_given;
    return 0;
}

/* Does it end as the record says? Nobody can tell of a part of it. */
static int compare(const struct replay *r, const struct run *run)
{
    struct run_summary sum = run_summary(run);
    char hash[17];
    fmt(hash, sizeof(hash), "%016llx", (unsigned long long)sum.trace_hash);
    if (r->until_ns != INT64_MAX && r->until_ns != r->kept.run.until_ns) {
        return verdict_exit(sum.verdict);
    }
    if (strcmp(hash, r->kept.run.trace_hash) == 0) {
        cmd_say(stdout, "replay:  the same run as recorded, %s\n", r->kept.run.id);
        return verdict_exit(sum.verdict);
    }
    cmd_say(stdout, "replay:  NOT the run that was recorded: %s, trace-hash %s then, %s now\n",
            r->kept.run.verdict, r->kept.run.trace_hash, hash);
    return r->kept.same_build ? verdict_exit(VERDICT_NONDETERMINISTIC) : verdict_exit(sum.verdict);
}

static int tell(const struct replay *r, struct run *run)
{
    struct buf text;
    buf_init(&text, r->mem);
    if (r->state != NULL) {
        if (!run_tell_state(run, r->state, &text)) {
            cmd_say(stderr, "quorate: no member \"%s\"; there are %s\n", r->state, buf_cstr(&text));
            return EXIT_INVALID;
        }
        cmd_say(stdout, "%s", buf_cstr(&text));
    } else if (!r->trace) {
        if (r->kept.same_build) {
            run_saved(run, r->db); /* under the id that the page says */
        }
        run_tell(run, BUILD_ID, true, &text);
        cmd_say(stdout, "%s", buf_cstr(&text));
    }
    return compare(r, run);
}

static int replay(struct replay *r)
{
    struct buf scratch;
    struct line_printer print = {.sink = {line_print},
                                 .scratch = &scratch,
                                 .only = r->only,
                                 .kinds = r->kinds,
                                 .timed = r->from_given,
                                 .from_ns = r->from_ns};
    struct run_options options = kept_options(&r->kept);
    buf_init(&scratch, r->mem);
    options.record = true;
    options.break_event = r->break_event;
    options.at_break = at_break;
    options.until_ns = r->until_ns < options.until_ns ? r->until_ns : options.until_ns;
    options.sink = r->trace ? &print.sink : NULL;
    if (!r->kept.same_build) {
        cmd_say(
            stdout,
            "recorded with build %s, this is %s: the seed may not mean the same run any more.\n",
            r->kept.run.build, BUILD_ID);
    }
    struct run *run = run_new(r->kept.s, &options);
    run_go(run);
    if (print.seen > 0 && print.printed == 0) {
        cmd_say(stderr, "quorate: none of the %llu lines is of these members, kinds and times\n",
                (unsigned long long)print.seen);
    }
    int code = tell(r, run);
    run_free(run);
    return code;
}

int cmd_replay(int count, char **words)
{
    struct replay r = {.until_ns = INT64_MAX};
    int code = EXIT_INVALID;
    if (parse_words(&r, count, words) != 0) {
        return EXIT_INVALID;
    }
    struct mem_pool *pool = mem_pool_new(UINT64_C(1) << 32, -1);
    r.mem = mem_pool_mem(pool);
    if (kept_open(r.db, r.id, r.mem, &r.kept) == 0) {
        code = replay(&r);
    }
    kept_close(&r.kept);
    mem_pool_free(pool);
    return code;
}
