/* What a worker does: one run, and its summary as bytes. Both ends are the same program, so that a
 * summary crosses as it lies in memory, with its texts behind it. */
#define _GNU_SOURCE /* strsignal */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/fmt.h"
#include "base/probe.h"
#include "impl.h"

#define FILL 0xA7

void job_whole_path(const struct campaign *c, uint64_t number, struct buf *out)
{
    if (c->options.db != NULL) {
        buf_add_str(out, c->options.db);
        return;
    }
    buf_printf(out, CAMPAIGN_FAILURES "/%s-%llu.db", c->parts.items[number_part(c, number)].s->name,
               (unsigned long long)number_seed(c, number));
}

/* The run again, now with every event, into the database. Answers nothing, or why not. */
static void work_whole(const struct campaign *c, uint64_t number, bool differs, struct buf *out)
{
    struct run_options options = run_options_default(number_seed(c, number));
    struct run *run = NULL;
    struct buf path;
    struct buf why;
    buf_init(&path, out->mem);
    buf_init(&why, out->mem);
    job_whole_path(c, number, &path);
    if (c->options.db == NULL && mkdir(CAMPAIGN_FAILURES, 0777) != 0 && errno != EEXIST) {
        buf_printf(out, CAMPAIGN_FAILURES ": %s", strerror(errno));
        return;
    }
    int err = run_into(
        c->parts.items[number_part(c, number)].s, &options, c->options.build, buf_cstr(&path),
        differs ? "in a campaign; `quorate run --twice` finds the first event" : NULL, &run, &why);
    if (err != 0) {
        buf_add_slice(out, buf_slice(&why));
    }
    if (run != NULL) {
        run_free(run);
    }
}

static void add_text(struct buf *out, const char *text)
{
    buf_add_u32(out, (uint32_t)strlen(text));
    buf_add_str(out, text);
}

void job_work(void *ctx, const struct pool_job *job, struct buf *out)
{
    const struct campaign *c = ctx;
    if (job->what == JOB_WHOLE || job->what == JOB_WHOLE_DIFFERS) {
        work_whole(c, job->tag, job->what == JOB_WHOLE_DIFFERS, out);
        return;
    }
    struct run_options options = run_options_default(number_seed(c, job->tag));
    struct buf reason;
    buf_init(&reason, out->mem);
    options.memory_fill = job->what == JOB_AGAIN ? FILL : -1;
    struct run *run = run_new(c->parts.items[number_part(c, job->tag)].s, &options);
    run_go(run);
    struct run_summary sum = run_summary(run);
    run_reason(run, &reason);
    buf_add(out, &sum, sizeof(sum));
    add_text(out, sum.fingerprint);
    add_text(out, buf_cstr(&reason));
    buf_add(out, run_probe_hits(run), probe_count() * sizeof(uint64_t));
    run_free(run);
}

static char *take_text(struct mem *mem, struct reader *r)
{
    struct slice text = read_bytes(r, read_u32(r));
    return mem_strdup(mem, (const char *)text.ptr, text.len);
}

static void set_texts(struct run_result *o)
{
    o->sum.fingerprint = o->fingerprint;
    o->sum.reason = o->reason;
}

int job_read(struct mem *mem, struct slice answer, struct run_result *out)
{
    struct reader r = reader_of(answer);
    size_t hits = probe_count() * sizeof(uint64_t);
    struct slice sum = read_bytes(&r, sizeof(out->sum));
    if (r.failed) {
        return ERR_PROTO;
    }
    memcpy(&out->sum, sum.ptr, sizeof(out->sum));
    out->fingerprint = take_text(mem, &r);
    out->reason = take_text(mem, &r);
    set_texts(out);
    struct slice counts = read_bytes(&r, hits);
    if (r.failed || r.len != 0) {
        result_drop(mem, out);
        return ERR_PROTO;
    }
    out->hits = mem_alloc(mem, hits + 1);
    if (hits > 0) {
        memcpy(out->hits, counts.ptr, hits);
    }
    return 0;
}

void job_crashed(struct mem *mem, const struct scenario *s, int status, struct run_result *out)
{
    char how[160];
    char what[64];
    if (WIFSIGNALED(status)) {
        fmt(what, sizeof(what), "signal-%d", WTERMSIG(status));
        fmt(how, sizeof(how), "the process of the run was ended by signal %d (%s)",
            WTERMSIG(status), strsignal(WTERMSIG(status)));
    } else {
        fmt(what, sizeof(what), "exit-%d", WEXITSTATUS(status));
        fmt(how, sizeof(how), "the process of the run ended with exit %d", WEXITSTATUS(status));
    }
    struct buf text;
    buf_init(&text, mem);
    buf_printf(&text, "process/%s/%s", what, s->name);
    memset(out, 0, sizeof(*out));
    out->fingerprint = mem_strdup(mem, buf_cstr(&text), text.len);
    out->reason = mem_strdup(mem, how, strlen(how));
    out->sum.verdict = VERDICT_ABORTED;
    out->sum.members = s->member_count;
    set_texts(out);
    buf_fini(&text);
}

void job_differs(struct mem *mem, struct run_result *out, const struct run_result *again)
{
    struct buf text;
    if (out->sum.verdict > VERDICT_NONDETERMINISTIC) {
        return;
    }
    buf_init(&text, mem);
    buf_printf(&text,
               "two runs of one seed differ: trace-hash %016llx after %llu events, in another "
               "process %016llx after %llu",
               (unsigned long long)out->sum.trace_hash, (unsigned long long)out->sum.events,
               (unsigned long long)again->sum.trace_hash, (unsigned long long)again->sum.events);
    mem_free(mem, out->fingerprint);
    mem_free(mem, out->reason);
    out->fingerprint = mem_strdup(mem, "twice/hash", strlen("twice/hash"));
    out->reason = mem_strdup(mem, buf_cstr(&text), text.len);
    out->sum.verdict = VERDICT_NONDETERMINISTIC;
    set_texts(out);
    buf_fini(&text);
}

void result_drop(struct mem *mem, struct run_result *o)
{
    mem_free(mem, o->fingerprint);
    mem_free(mem, o->reason);
    mem_free(mem, o->hits);
    memset(o, 0, sizeof(*o));
}
