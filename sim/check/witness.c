/* The order: every write that took effect gets its revision, and real time must agree. */
#include "base/sort.h"
#include "history.h"

static int compare_placed(const void *a, const void *b, void *ctx)
{
    const struct placed *x = a;
    const struct placed *y = b;
    const struct history_op *ops = ctx;
    if (x->revision != y->revision) {
        return x->revision < y->revision ? -1 : 1;
    }
    int64_t p = x->op == NOBODY ? 0 : ops[x->op].call_ns;
    int64_t q = y->op == NOBODY ? 0 : ops[y->op].call_ns;
    return p < q ? -1 : p > q;
}

static void sort_placed(const struct judge *j, struct placed *items, size_t count)
{
    sort_stable(items, count, sizeof(*items), compare_placed, j->h->ops, j->mem);
}

/* Does the request, if answered, sit at a revision of its own? */
static bool makes_revision(const struct history_op *op)
{
    return op->kind == HISTORY_PUT || (op->kind == HISTORY_DELETE && op->count > 0);
}

/* The write at that revision: its place among the first `count`, or NOBODY. */
static size_t find_write(const struct judge *j, size_t count, revision_t revision)
{
    size_t low = 0;
    size_t high = count;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (j->writes[mid].revision < revision) {
            low = mid + 1;
        } else {
            high = mid;
        }
    }
    return low < count && j->writes[low].revision == revision ? low : NOBODY;
}

/* Something that a read shows of a write nobody was told about. */
struct clue {
    revision_t revision;
    size_t read;
    struct slice key;
    struct slice value;
    bool value_known;
};

static int compare_clues(const void *a, const void *b, void *ctx)
{
    const struct clue *x = a;
    const struct clue *y = b;
    (void)ctx;
    if (x->revision != y->revision) {
        return x->revision < y->revision ? -1 : 1;
    }
    /* The one that knows the value speaks for the revision. */
    return (int)y->value_known - (int)x->value_known;
}

static void clue_add(const struct judge *j, struct clue *clues, size_t *count, size_t answered,
                     const struct clue *clue)
{
    if (find_write(j, answered, clue->revision) == NOBODY) {
        clues[(*count)++] = *clue;
    }
}

static size_t collect_clues(struct judge *j, struct clue **clues)
{
    size_t most = 1;
    for (size_t i = 0; i < j->h->count; i++) {
        most += j->h->ops[i].kvs == NULL ? 0 : 2 * j->h->ops[i].count;
    }
    *clues = mem_alloc(j->mem, most * sizeof(**clues));
    size_t count = 0;
    size_t answered = j->write_count;
    for (size_t i = 0; i < j->h->count; i++) {
        const struct history_op *op = &j->h->ops[i];
        for (size_t k = 0; op->kvs != NULL && k < op->count; k++) {
            const struct history_kv *kv = &op->kvs[k];
            struct clue clue = {kv->mod_revision, i, kv->key, kv->value, true};
            clue_add(j, *clues, &count, answered, &clue);
            if (kv->create_revision != kv->mod_revision) {
                clue.revision = kv->create_revision;
                clue.value_known = false;
                clue_add(j, *clues, &count, answered, &clue);
            }
        }
    }
    sort_stable(*clues, count, sizeof(**clues), compare_clues, NULL, j->mem);
    return count;
}

static bool could_be(const struct history_op *op, const struct clue *clue)
{
    return op->kind == HISTORY_PUT && slice_eq(op->key, clue->key) &&
           (!clue->value_known || slice_eq(op->value, clue->value));
}

/* The unknown put that explains the clue: of those that could, the one called first, because only
 * its call bounds when it took effect. */
static size_t find_culprit(struct judge *j, const struct clue *clue)
{
    size_t best = NOBODY;
    for (size_t i = 0; i < j->unknown_count; i++) {
        size_t n = j->unknowns[i];
        if (j->placed_ops[n] || !could_be(&j->h->ops[n], clue)) {
            continue;
        }
        if (best != NOBODY) {
            j->guessed = true; /* the same value was put twice */
            break;
        }
        best = n;
        if (!clue->value_known) {
            break;
        }
    }
    return best;
}

static size_t find_refused(const struct judge *j, const struct clue *clue)
{
    for (size_t i = 0; i < j->h->count; i++) {
        if (j->h->ops[i].outcome == HISTORY_REFUSED && could_be(&j->h->ops[i], clue)) {
            return i;
        }
    }
    return NOBODY;
}

static void follow_clue(struct judge *j, const struct clue *clue)
{
    size_t op = find_culprit(j, clue);
    if (op == NOBODY) {
        size_t refused = find_refused(j, clue);
        blame(j, refused == NOBODY ? "phantom" : "refused-took-effect", clue->read, refused,
              refused == NOBODY ? "a read shows %.*s of revision %lld, which nobody wrote"
                                : "a read shows %.*s of revision %lld, which was refused",
              (int)clue->key.len, (const char *)clue->key.ptr, (long long)clue->revision);
        return;
    }
    j->placed_ops[op] = true;
    j->writes[j->write_count++] = (struct placed){clue->revision, op};
}

/* Values first: they name the request. Where only a creation is known, any put of the key will do,
 * since nobody has seen its value. */
static bool follow_clues(struct judge *j)
{
    struct clue *clues;
    size_t count = collect_clues(j, &clues);
    for (int pass = 0; pass < 2; pass++) {
        for (size_t i = 0; i < count && !is_blamed(j); i++) {
            bool first = i == 0 || clues[i - 1].revision != clues[i].revision;
            if (first && clues[i].value_known == (pass == 0)) {
                follow_clue(j, &clues[i]);
            }
        }
    }
    mem_free(j->mem, clues);
    sort_placed(j, j->writes, j->write_count);
    return !is_blamed(j);
}

static bool find_holes(struct judge *j, revision_t newest)
{
    revision_t at = 2; /* an empty store is at revision 1 */
    size_t cap = 0;
    for (size_t i = 0; i < j->unknown_count; i++) {
        j->spare += !j->placed_ops[j->unknowns[i]];
    }
    for (size_t i = 0; i <= j->write_count; i++) {
        revision_t next = i < j->write_count ? j->writes[i].revision : newest + 1;
        for (; at < next; at++) {
            if (j->hole_count == j->spare) {
                blame(j, "phantom", NOBODY, NOBODY,
                      "revision %lld was written by nobody: %zu revisions are explained by no "
                      "answer, and only %zu writes have an unknown fate",
                      (long long)at, j->hole_count + 1, j->spare);
                return false;
            }
            if (j->hole_count == cap) {
                cap = cap == 0 ? 16 : cap * 2;
                j->holes = mem_resize(j->mem, j->holes, cap * sizeof(*j->holes));
            }
            j->holes[j->hole_count++] = at;
        }
        at = next + 1;
    }
    return true;
}

static int compare_calls(const void *a, const void *b, void *ctx)
{
    const struct history_op *ops = ctx;
    int64_t x = ops[*(const size_t *)a].call_ns;
    int64_t y = ops[*(const size_t *)b].call_ns;
    return x < y ? -1 : x > y;
}

static void collect_unknowns(struct judge *j)
{
    j->unknowns = mem_alloc(j->mem, (j->h->count + 1) * sizeof(*j->unknowns));
    for (size_t i = 0; i < j->h->count; i++) {
        if (j->h->ops[i].outcome == HISTORY_UNKNOWN && op_is_write(&j->h->ops[i])) {
            j->unknowns[j->unknown_count++] = i;
        }
    }
    sort_stable(j->unknowns, j->unknown_count, sizeof(*j->unknowns), compare_calls, j->h->ops,
                j->mem);
}

bool place_writes(struct judge *j)
{
    revision_t newest = 1;
    collect_unknowns(j);
    j->writes = mem_zalloc(j->mem, j->h->count + 1, sizeof(*j->writes));
    j->reads = mem_zalloc(j->mem, j->h->count + 1, sizeof(*j->reads));
    for (size_t i = 0; i < j->h->count; i++) {
        const struct history_op *op = &j->h->ops[i];
        if (op->outcome != HISTORY_OK) {
            continue;
        }
        newest = op->revision > newest ? op->revision : newest;
        if (makes_revision(op)) {
            j->placed_ops[i] = true;
            j->writes[j->write_count++] = (struct placed){op->revision, i};
        } else {
            j->reads[j->read_count++] = (struct placed){op->revision, i};
        }
    }
    sort_placed(j, j->writes, j->write_count);
    sort_placed(j, j->reads, j->read_count);
    for (size_t i = 1; i < j->write_count; i++) {
        if (j->writes[i].revision == j->writes[i - 1].revision) {
            blame(j, "same-revision", j->writes[i - 1].op, j->writes[i].op,
                  "two writes have revision %lld", (long long)j->writes[i].revision);
            return false;
        }
    }
    if (j->write_count > 0 && j->writes[0].revision < 2) {
        blame(j, "same-revision", j->writes[0].op, NOBODY, "a write has revision %lld",
              (long long)j->writes[0].revision);
        return false;
    }
    return follow_clues(j) && find_holes(j, newest);
}

/* Real time. */

struct moment {
    int64_t time_ns;
    bool is_return;
    bool is_write;
    revision_t revision;
    size_t op;
};

static int compare_moments(const void *a, const void *b, void *ctx)
{
    const struct moment *x = a;
    const struct moment *y = b;
    (void)ctx;
    if (x->time_ns != y->time_ns) {
        return x->time_ns < y->time_ns ? -1 : 1;
    }
    /* What happens at one instant overlaps: the calls come first. */
    return (int)x->is_return - (int)y->is_return;
}

static void add_moments(const struct judge *j, struct moment *moments, size_t *count,
                        const struct placed *placed, bool is_write)
{
    const struct history_op *op = &j->h->ops[placed->op];
    if (op->serializable) {
        return;
    }
    moments[(*count)++] =
        (struct moment){op->call_ns, false, is_write, placed->revision, placed->op};
    if (op->outcome == HISTORY_OK) {
        moments[(*count)++] =
            (struct moment){op->return_ns, true, is_write, placed->revision, placed->op};
    }
}

bool check_real_time(struct judge *j)
{
    struct moment *moments =
        mem_alloc(j->mem, (2 * (j->write_count + j->read_count) + 1) * sizeof(*moments));
    size_t count = 0;
    for (size_t i = 0; i < j->write_count; i++) {
        add_moments(j, moments, &count, &j->writes[i], true);
    }
    for (size_t i = 0; i < j->read_count; i++) {
        add_moments(j, moments, &count, &j->reads[i], false);
    }
    sort_stable(moments, count, sizeof(*moments), compare_moments, NULL, j->mem);
    /* The newest state that somebody has been told of. */
    revision_t told = 0;
    size_t told_by = NOBODY;
    for (size_t i = 0; i < count && !is_blamed(j); i++) {
        const struct moment *at = &moments[i];
        if (at->is_return) {
            if (at->revision > told) {
                told = at->revision;
                told_by = at->op;
            }
        } else if (at->is_write && at->revision <= told) {
            blame(j, "real-time", told_by, at->op,
                  "a write took revision %lld, though %lld had been answered before it was called",
                  (long long)at->revision, (long long)told);
        } else if (at->revision < told) {
            blame(j, "stale-read", told_by, at->op,
                  "a read saw revision %lld, though %lld had been answered before it was called",
                  (long long)at->revision, (long long)told);
        }
    }
    mem_free(j->mem, moments);
    return !is_blamed(j);
}
