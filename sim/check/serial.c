/* Serializable reads need not be up to date, so real time says little about them, but not nothing:
 * nobody sees the future, and what one member answers never goes back while it runs. That each
 * shows a state that was is the model's to judge. */
#include "base/sort.h"
#include "history.h"

enum moment_kind {
    MOMENT_CALL, /* what happens at one instant overlaps: calls come first */
    MOMENT_START,
    MOMENT_RETURN,
};

struct moment {
    uint64_t member;
    int64_t time_ns;
    enum moment_kind kind;
    size_t op;
};

static int compare_moments(const void *a, const void *b, void *ctx)
{
    const struct moment *x = a;
    const struct moment *y = b;
    (void)ctx;
    if (x->member != y->member) {
        return x->member < y->member ? -1 : 1;
    }
    if (x->time_ns != y->time_ns) {
        return x->time_ns < y->time_ns ? -1 : 1;
    }
    return (int)x->kind - (int)y->kind;
}

/* A serializable read shows a revision whose write had not even been called. */
static bool check_future(struct judge *j, struct moment *moments)
{
    size_t count = 0;
    for (size_t i = 0; i < j->h->count; i++) {
        const struct history_op *op = &j->h->ops[i];
        bool write = op_is_write(op) && !(op->kind == HISTORY_DELETE && op->count == 0);
        if (op->outcome != HISTORY_OK || op->revision == 0) {
            continue;
        }
        if (write) {
            moments[count++] = (struct moment){0, op->call_ns, MOMENT_CALL, i};
        } else if (op->serializable) {
            moments[count++] = (struct moment){0, op->return_ns, MOMENT_RETURN, i};
        }
    }
    sort_stable(moments, count, sizeof(*moments), compare_moments, NULL, j->mem);
    size_t told = NOBODY;
    for (size_t i = 0; i < count && !is_blamed(j); i++) {
        const struct history_op *op = &j->h->ops[moments[i].op];
        revision_t seen = told == NOBODY ? 0 : j->h->ops[told].revision;
        if (moments[i].kind == MOMENT_RETURN) {
            told = op->revision > seen ? moments[i].op : told;
        } else if (op->revision <= seen) {
            blame(j, "future-read", told, moments[i].op,
                  "a serializable read saw revision %lld, but the write of %lld was called only "
                  "after its answer",
                  (long long)seen, (long long)op->revision);
        }
    }
    return !is_blamed(j);
}

/* Did the member start while the request was open? Then it is not known which incarnation answered.
 */
static bool is_torn(const struct judge *j, const struct history_op *op)
{
    for (size_t i = 0; i < j->h->start_count; i++) {
        const struct history_start *start = &j->h->starts[i];
        if (start->member == op->member && start->time_ns >= op->call_ns &&
            start->time_ns <= op->return_ns) {
            return true;
        }
    }
    return false;
}

/* Linearizable answers count too: their member had applied what they tell. */
static bool check_backwards(struct judge *j, struct moment *moments)
{
    size_t count = 0;
    for (size_t i = 0; i < j->h->count; i++) {
        const struct history_op *op = &j->h->ops[i];
        if (op->outcome != HISTORY_OK || op->revision == 0 || op->member == 0 || is_torn(j, op)) {
            continue;
        }
        moments[count++] = (struct moment){op->member, op->return_ns, MOMENT_RETURN, i};
        if (op->serializable) {
            moments[count++] = (struct moment){op->member, op->call_ns, MOMENT_CALL, i};
        }
    }
    for (size_t i = 0; i < j->h->start_count; i++) {
        const struct history_start *start = &j->h->starts[i];
        moments[count++] = (struct moment){start->member, start->time_ns, MOMENT_START, NOBODY};
    }
    sort_stable(moments, count, sizeof(*moments), compare_moments, NULL, j->mem);
    size_t told = NOBODY;
    for (size_t i = 0; i < count && !is_blamed(j); i++) {
        const struct moment *at = &moments[i];
        if (at->kind == MOMENT_START || (i > 0 && at->member != moments[i - 1].member)) {
            told = NOBODY;
        }
        revision_t seen = told == NOBODY ? 0 : j->h->ops[told].revision;
        if (at->kind == MOMENT_RETURN && j->h->ops[at->op].revision > seen) {
            told = at->op;
        } else if (at->kind == MOMENT_CALL && j->h->ops[at->op].revision < seen) {
            blame(j, "backwards", told, at->op,
                  "a member answered revision %lld, and to a later request revision %lld",
                  (long long)seen, (long long)j->h->ops[at->op].revision);
        }
    }
    return !is_blamed(j);
}

bool check_serial(struct judge *j)
{
    size_t most = 2 * j->h->count + j->h->start_count + 1;
    struct moment *moments = mem_alloc(j->mem, most * sizeof(*moments));
    bool good = check_future(j, moments) && check_backwards(j, moments);
    mem_free(j->mem, moments);
    return good;
}
