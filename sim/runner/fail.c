#include "record.h"

/* The run ends with the first failure: what follows one is no longer the story. */
void run_fail(struct run *run, enum verdict verdict, const char *checker, const char *rule,
              const char *place, const char *text)
{
    struct failure *failure = PUSH(run, run->failures);
    failure->verdict = verdict;
    failure->time_ns = run_now(run);
    failure->event = run->engine->event;
    failure->witness = SIZE_MAX;
    failure->line = run->record != NULL ? run->record->lines.count : 0;
    failure->checker = run_text(run, "%s/%s%s%s", checker, rule, *place != '\0' ? "/" : "", place);
    failure->rule = rule;
    failure->place = place;
    failure->text = text;
    run->stopping = true;
}

void fail_op(struct run *run, const struct op *op)
{
    struct failure *failure = &run->failures.items[run->failures.count - 1];
    if (op->return_ns != NEVER_NS) {
        failure->time_ns = op->return_ns;
        failure->event = op->return_event;
        failure->line = 0;
        failure->since = op->call_event;
    }
}

const struct failure *worst_failure(const struct run *run)
{
    const struct failure *worst = NULL;
    for (size_t i = 0; i < run->failures.count; i++) {
        const struct failure *failure = &run->failures.items[i];
        if (worst == NULL || failure->verdict > worst->verdict) {
            worst = failure;
        }
    }
    return worst;
}

void run_differs(struct run *run, const char *how)
{
    run_fail(run, VERDICT_NONDETERMINISTIC, "twice", "hash", "",
             run_text(run, "two runs of one seed differ\n%s", how));
}
