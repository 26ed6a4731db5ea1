/* Keys that are expected at the end: each is read once, when the timeline is over. */
#include "run.h"

#include "base/duration.h"

struct reading {
    struct run *run;
    const struct key_expect *expect;
};

static void on_read(struct node *node, void *data)
{
    struct reading *reading = data;
    struct run *run = reading->run;
    const struct key_expect *e = reading->expect;
    if (run->phase == RUN_OVER) {
        return;
    }
    int code = node_exit_code(node);
    const char *got = run_copy(run, node_output(node, code == 0 ? ENV_STDOUT : ENV_STDERR));
    const char *wanted = e->value != NULL ? run_text(run, "%s\n", e->value) : "";
    if (code != 0 || strcmp(got, wanted) != 0) {
        judge_key(run, e, code == 0 && *got == '\0' ? "it is not there" : got);
    }
    if (--run->keys_left == 0) {
        run->stopping = true;
    }
}

static void read_key(struct run *run, const struct key_expect *e, size_t number)
{
    const char *words[] = {"get", "--print-value-only", "--", e->key};
    struct reading *reading = mem_zalloc(run->mem, 1, sizeof(*reading));
    *reading = (struct reading){run, e};
    uint64_t via = members_running(run);
    run->keys_left++;
    ctl_launch(run, run->client_host, run_text(run, "key-%zu", number), via != 0 ? via : 1, words,
               4, NULL, on_read, reading);
}

bool keys_begin(struct run *run)
{
    size_t number = 0;
    for (size_t i = 0; i < run->s->end_count; i++) {
        const struct end_expect *e = &run->s->ends[i];
        for (size_t k = 0; k < e->key_count; k++) {
            run->phase = RUN_SETTLING;
            read_key(run, &e->keys[k], ++number);
        }
    }
    return run->keys_left > 0;
}
