/* Histories that begin anew. Force-new-cluster and a restored backup may rightly lose what was
 * committed: from then on there is another history, which goes on from what the survivor has. All
 * checks hold within a history; what the old one had and the new one has not is counted and must be
 * what the scenario expects. */
#include "run.h"

#include "check/check.h"

static bool survives(void *disk, const char *path, uint64_t offset, uint64_t len)
{
    return disk_survives(disk, path, offset, len);
}

static void places_make(struct run *run, struct epoch *epoch)
{
    for (size_t i = 0; i < run->member_count; i++) {
        struct member *m = &run->members[i];
        if (m->host != NULL) {
            epoch->places[i] =
                check_place_new(epoch->check, m->spec->name, survives, host_disk(m->host));
        }
    }
}

void epochs_make(struct run *run)
{
    struct epoch *first = PUSH(run, run->epochs);
    first->member = SIZE_MAX;
    first->check = check_new(run->mem);
    places_make(run, first);
}

void epochs_free(struct run *run)
{
    for (size_t i = run->epochs.count; i > 0; i--) {
        check_free(run->epochs.items[i - 1].check);
    }
}

static size_t find(const struct run *run, uint64_t id)
{
    for (size_t i = 0; i < run->epochs.count; i++) {
        if (run->epochs.items[i].id == id) {
            return i;
        }
    }
    return SIZE_MAX;
}

static void tell(struct run *run, const struct member *m, size_t index)
{
    const struct epoch *epoch = &run->epochs.items[index];
    struct buf lost;
    buf_init(&lost, run->mem);
    epoch_words_lost(run, index, &lost);
    row_add(run, ROW_PLAIN, m->spec->name,
            run_text(run, "begins a new history after entry %llu; lost: %s",
                     (unsigned long long)epoch->kept, buf_cstr(&lost)));
}

static void begin(struct run *run, struct member *m, const struct obs_event *e)
{
    size_t parent = find(run, e->epoch.parent);
    struct epoch *epoch = PUSH(run, run->epochs);
    epoch->id = e->epoch.epoch;
    /* Of one whose own beginning nobody has seen, the member's history is the best guess. */
    epoch->parent = parent == SIZE_MAX ? m->epoch : parent;
    epoch->member = m->index;
    epoch->time_ns = run_now(run);
    epoch->kept = e->epoch.kept;
    epoch->check =
        check_fork(run->epochs.items[epoch->parent].check, e->member, e->epoch.kept, e->epoch.last);
    places_make(run, epoch);
    /* What the old history has come to says nothing of this one. */
    run->newest = (struct oracle_config){0};
    run->commit_max = e->epoch.last;
    run->dirty = true;
    run->changed = true;
    tell(run, m, run->epochs.count - 1);
}

static void move(struct run *run, struct member *m, member_id_t id, size_t epoch)
{
    m->epoch = epoch;
    m->epoch_id = id;
    *PUSH(run, run->epoch_moves) = (struct epoch_move){id, m->index, run_now(run), epoch};
    run->dirty = true;
}

void epoch_route(struct run *run, struct member *m, const struct obs_event *e)
{
    if (e->member == 0) {
        return;
    }
    if (e->kind == OBS_EPOCH) {
        if (find(run, e->epoch.epoch) == SIZE_MAX) {
            begin(run, m, e);
        }
        if (m->epoch != find(run, e->epoch.epoch) || m->epoch_id != e->member) {
            move(run, m, e->member, find(run, e->epoch.epoch));
        }
        return;
    }
    if (m->epoch_id == e->member) {
        return;
    }
    /* One that was never heard of belongs to the newest history that has a place for it. */
    size_t epoch = run->epochs.count - 1;
    for (size_t i = run->epochs.count; i > 0; i--) {
        if (check_names(run->epochs.items[i - 1].check, e->member)) {
            epoch = i - 1;
            break;
        }
    }
    move(run, m, e->member, epoch);
}

size_t epoch_of_answer(const struct run *run, member_id_t member, int64_t time_ns)
{
    for (size_t i = run->epoch_moves.count; i > 0; i--) {
        const struct epoch_move *move = &run->epoch_moves.items[i - 1];
        if (move->member == member && move->time_ns <= time_ns) {
            return move->epoch;
        }
    }
    return 0;
}

static revision_t shared(const struct run *run, size_t epoch)
{
    const struct epoch *e = &run->epochs.items[epoch];
    revision_t here = check_revision(e->check, e->kept);
    return here != 0 ? here : check_revision(run->epochs.items[e->parent].check, e->kept);
}

revision_t epoch_shares(const struct run *run, size_t epoch, size_t other)
{
    revision_t most = INT64_MAX;
    while (epoch != other) {
        if (epoch == 0) {
            return 0;
        }
        revision_t own = shared(run, epoch);
        most = own < most ? own : most;
        epoch = run->epochs.items[epoch].parent;
    }
    return most;
}

bool epoch_holds(const struct run *run, const struct op *op, size_t epoch)
{
    if (run->epochs.count == 1 || op->outcome != LOAD_OK || op->member == 0) {
        return true;
    }
    size_t own = epoch_of_answer(run, op->member, op->return_ns);
    bool wrote =
        op->service == SERVICE_WRITES && (strcmp(op->kind, "delete") != 0 || op->version > 0);
    return own == epoch || (wrote && op->revision <= epoch_shares(run, epoch, own));
}

static revision_t written(const struct run *run, size_t epoch)
{
    return check_revision(run->epochs.items[run->epochs.items[epoch].parent].check, UINT64_MAX);
}

uint64_t epoch_lost(const struct run *run, size_t epoch)
{
    revision_t kept = shared(run, epoch);
    revision_t last = written(run, epoch);
    return last > kept ? (uint64_t)(last - kept) : 0;
}

void epoch_words_lost(const struct run *run, size_t epoch, struct buf *out)
{
    uint64_t lost = epoch_lost(run, epoch);
    if (lost == 0) {
        buf_add_str(out, "nothing");
        return;
    }
    revision_t last = written(run, epoch);
    buf_printf(out, "%llu write%s (revision", (unsigned long long)lost, lost == 1 ? "" : "s");
    if (lost > 1) {
        buf_printf(out, "s %lld to", (long long)shared(run, epoch) + 1);
    }
    buf_printf(out, " %lld)", (long long)last);
}

/* The history that the start of this step began, or that another one began for the same cluster
 * just before: members that restore the same backup begin together. SIZE_MAX: none. */
static size_t begun_by(const struct run *run, size_t step)
{
    const struct step_state *st = &run->steps[step];
    size_t member = run->s->steps[step].action.who.items[0].member;
    for (size_t i = 0; i < run->epoch_moves.count; i++) {
        const struct epoch_move *move = &run->epoch_moves.items[i];
        if (st->fired_ns != NEVER_NS && move->index == member && move->epoch != 0 &&
            run->epochs.items[move->epoch].time_ns >= st->fired_ns) {
            return move->epoch;
        }
    }
    return SIZE_MAX;
}

static void fail(struct run *run, size_t epoch, struct position at, const char *expected)
{
    struct buf text;
    buf_init(&text, run->mem);
    if (at.line != 0) {
        buf_printf(&text, "%s:%d:%d: ", run->s->path, at.line, at.column);
    }
    buf_printf(&text, "what a new history lost was not as expected\nexpected  %s\ngot       ",
               expected);
    if (epoch == SIZE_MAX) {
        buf_add_str(&text, "no new history was begun");
    } else {
        epoch_words_lost(run, epoch, &text);
    }
    run_fail(run, VERDICT_UNMET, "epoch", "lost",
             at.line != 0 ? run_text(run, "line-%d", at.line) : "", buf_cstr(&text));
}

void epochs_judge(struct run *run)
{
    uint64_t judged = 1; /* bits of epochs; of the first there is nothing to say */
    for (size_t i = 0; i < run->s->step_count; i++) {
        const struct compare *lost = &run->s->steps[i].expect.lost;
        if (lost->op == COMPARE_NONE) {
            continue;
        }
        size_t epoch = begun_by(run, i);
        judged |= epoch < 64 ? UINT64_C(1) << epoch : 0;
        if (epoch == SIZE_MAX || !scenario_compare(lost, (int64_t)epoch_lost(run, epoch))) {
            fail(run, epoch, lost->at,
                 run_text(run, "%s %lld writes", scenario_compare_name(lost->op),
                          (long long)lost->value));
        }
    }
    for (size_t i = 1; i < run->epochs.count; i++) {
        bool expected = i < 64 && (judged & (UINT64_C(1) << i)) != 0;
        if (!expected && epoch_lost(run, i) > 0) {
            fail(run, i, (struct position){0},
                 "nothing: no `expect: {lost: ...}` of a start speaks of it");
        }
    }
}
