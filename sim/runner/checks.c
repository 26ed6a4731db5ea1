#include "checks.h"

#include "check/check.h"
#include "check/clients.h"

/* What the search over values may cost a run; its histories need a hundredth of it. */
#define BOX_STEPS 4000000

/* By checker. */
static const char *const history_laws[][2] = {
    {"linearizability", "requests take effect in one order, each between its call and its answer "
                        "(thesis 6.3, linearizability)"},
    {"serializable-reads", "a serializable read shows a state that was, and what one member "
                           "answers does not go back while it runs (etcd, API guarantees)"},
    {"client", "a request takes effect at most once (thesis 6.3)"},
};

struct boot_seen {
    uint64_t member;
    int64_t time_ns;
};

struct checks {
    struct run *run;
    uint64_t events;
    ARRAY(struct boot_seen) boots;
    bool probed; /* a client was told a revision: verdict is one */
    struct clients_verdict verdict;
};

struct checks *checks_new(struct run *run)
{
    struct checks *checks = mem_zalloc(run->mem, 1, sizeof(*checks));
    checks->run = run;
    epochs_make(run);
    return checks;
}

void checks_free(struct checks *checks)
{
    epochs_free(checks->run);
}

static void tell_violation(struct checks *checks, const struct check_violation *v)
{
    struct run *run = checks->run;
    struct buf text;
    buf_init(&text, run->mem);
    buf_printf(&text, "%s: %s\nrule: %s\n%s", v->checker, v->rule, v->law, v->text);
    run_fail(run, VERDICT_UNSAFE, v->checker, v->rule, v->place, buf_cstr(&text));
    run->failures.items[run->failures.count - 1].state = v->state;
}

void checks_observe(struct checks *checks, size_t member, const struct obs_event *event)
{
    struct run *run = checks->run;
    checks->events++;
    if (event->kind == OBS_BOOT) {
        *PUSH(run, checks->boots) = (struct boot_seen){event->member, run_time(run, run_now(run))};
    }
    epoch_route(run, &run->members[member], event);
    struct epoch *epoch = &run->epochs.items[run->members[member].epoch];
    check_event(epoch->places[member], run_now(run), run->engine->event, event);
    if (check_violation_count(epoch->check) > epoch->seen) {
        const struct check_violation *v = check_violation(epoch->check, epoch->seen);
        epoch->seen = check_violation_count(epoch->check);
        if (v != NULL) {
            tell_violation(checks, v);
        }
    }
}

void checks_ended(struct checks *checks, size_t member)
{
    for (size_t i = 0; i < checks->run->epochs.count; i++) {
        check_ended(checks->run->epochs.items[i].places[member]);
    }
}

void checks_wiped(struct checks *checks, size_t member)
{
    for (size_t i = 0; i < checks->run->epochs.count; i++) {
        check_amnesia(checks->run->epochs.items[i].places[member]);
    }
}

void checks_damaged(struct checks *checks, size_t member, bool on)
{
    for (size_t i = 0; i < checks->run->epochs.count; i++) {
        check_damaged(checks->run->epochs.items[i].places[member], on);
    }
}

bool checks_can_lose(const struct checks *checks, size_t member, struct buf *who)
{
    const struct run *run = checks->run;
    return check_can_lose(run->epochs.items[epoch_newest(run)].places[member], who);
}

bool checks_can_forget(const struct checks *checks, size_t member, struct buf *who)
{
    const struct run *run = checks->run;
    return check_can_forget(run->epochs.items[epoch_newest(run)].places[member], who);
}

/* Probes and load tell revisions and are judged in full; what a command line did is known by its
 * exit only, so it counts as a request that may have taken effect at any time. */
static void add_op(struct run *run, struct history *history, size_t epoch, size_t index,
                   size_t *numbers)
{
    const struct op *op = &run->ops.items[index];
    static const enum history_outcome outcomes[] = {HISTORY_OK, HISTORY_REFUSED, HISTORY_UNKNOWN};
    bool ctl = op->key == NULL;
    struct history_op h = {.client = op->client,
                           .outcome = outcomes[op->outcome],
                           .key = slice_str(ctl ? op->arg : op->key),
                           .call_ns = run_time(run, op->call_ns)};
    struct history_kv kv = {.key = h.key,
                            .create_revision = op->create,
                            .mod_revision = op->mod,
                            .version = op->version};
    if (op->service != SERVICE_WRITES && op->outcome != LOAD_OK) {
        return; /* it saw nothing */
    }
    if ((ctl && (op->service != SERVICE_WRITES || op->outcome == LOAD_REFUSED)) ||
        !epoch_holds(run, op, epoch)) {
        return;
    }
    h.return_ns = op->return_ns == NEVER_NS ? NEVER_NS : run_time(run, op->return_ns);
    if (op->service == SERVICE_WRITES) {
        h.kind = HISTORY_PUT;
        h.value = slice_str(op->arg);
        if (op->return_ns == NEVER_NS || ctl) {
            h.outcome = HISTORY_UNKNOWN;
        }
        if (!ctl && strcmp(op->kind, "delete") == 0) {
            h.kind = HISTORY_DELETE;
            h.count = (size_t)op->version;
        }
    } else {
        h.kind = HISTORY_RANGE;
        h.serializable = op->service == SERVICE_SERIALIZABLE;
        kv.value = slice_str(op->result);
        h.kvs = &kv;
        h.count = op->mod != 0 ? 1 : 0;
    }
    h.revision = op->revision;
    h.member = op->member;
    numbers[history_add(history, &h)] = index;
}

/* It was wrong when the later of the requests that the verdict names was answered; the other one is
 * what it contradicts. */
static void fail_shown(struct checks *checks, const size_t *numbers)
{
    struct run *run = checks->run;
    size_t last = SIZE_MAX;
    size_t other = SIZE_MAX;
    for (size_t i = 0; i < checks->verdict.shown_count; i++) {
        size_t index = numbers[checks->verdict.shown[i]];
        if (last == SIZE_MAX || run->ops.items[index].return_ns > run->ops.items[last].return_ns) {
            other = last;
            last = index;
        } else {
            other = index;
        }
    }
    if (last != SIZE_MAX) {
        fail_op(run, &run->ops.items[last]);
        run->failures.items[run->failures.count - 1].witness = other;
    }
}

static void fail_history(struct checks *checks, const size_t *numbers)
{
    struct run *run = checks->run;
    const struct clients_verdict *verdict = &checks->verdict;
    const char *law = "";
    for (size_t i = 0; i < sizeof(history_laws) / sizeof(history_laws[0]); i++) {
        law = strcmp(history_laws[i][0], verdict->checker) == 0 ? history_laws[i][1] : law;
    }
    run_fail(
        run, VERDICT_UNSAFE, verdict->checker, verdict->rule, "",
        run_text(run, "%s: %s\nrule: %s\n%s", verdict->checker, verdict->rule, law, verdict->text));
    fail_shown(checks, numbers);
}

static void judge_epoch(struct checks *checks, size_t epoch)
{
    struct run *run = checks->run;
    struct history *history = history_new(run->mem);
    size_t *numbers = mem_alloc(run->mem, (run->ops.count + 1) * sizeof(*numbers));
    struct box_limits limits = box_limits_default();
    limits.steps = BOX_STEPS;
    for (size_t i = 0; i < run->ops.count; i++) {
        add_op(run, history, epoch, i, numbers);
    }
    for (size_t i = 0; i < checks->boots.count; i++) {
        const struct boot_seen *boot = &checks->boots.items[i];
        history_started(history, boot->member, boot->time_ns);
    }
    clients_check(history, &limits, &checks->verdict);
    history_free(history);
    if (checks->verdict.result == HISTORY_VIOLATED) {
        fail_history(checks, numbers);
    }
}

/* The last history is the one that is told of, unless one before it is wrong. */
void checks_end(struct checks *checks)
{
    struct run *run = checks->run;
    for (size_t i = 0; i < run->ops.count; i++) {
        checks->probed = checks->probed || run->ops.items[i].revision != 0;
    }
    for (size_t e = 0; checks->probed && e < run->epochs.count; e++) {
        judge_epoch(checks, e);
        if (checks->verdict.result == HISTORY_VIOLATED) {
            return;
        }
    }
}

uint64_t checks_count(const struct checks *checks)
{
    return checks->events;
}

uint64_t checks_performed(const struct checks *checks)
{
    uint64_t performed = 0;
    for (size_t i = 0; i < checks->run->epochs.count; i++) {
        performed += check_performed(checks->run->epochs.items[i].check);
    }
    return performed;
}

uint64_t checks_violations(const struct checks *checks)
{
    uint64_t violations = 0;
    for (size_t i = 0; i < checks->run->epochs.count; i++) {
        violations += check_violation_count(checks->run->epochs.items[i].check);
    }
    return violations;
}

const char *checks_history(const struct checks *checks)
{
    const struct clients_verdict *v = &checks->verdict;
    if (!checks->probed || v->result == HISTORY_UNDECIDED) {
        return "linearizability not decided";
    }
    if (v->result == HISTORY_VIOLATED) {
        return strcmp(v->checker, "linearizability") == 0 ? "NOT linearizable"
                                                          : "clients saw what cannot be";
    }
    if (v->witness.result != HISTORY_LINEARIZABLE) {
        return "linearizable, by values; by revisions not decided";
    }
    return v->box.result == BOX_ACCEPTS
               ? "linearizable; two methods agree: by revisions, and by values alone"
               : "linearizable, by revisions; by values not decided";
}
