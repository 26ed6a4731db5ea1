/* A write takes effect at most once, also if its client never learned what became of it: no value
 * may have been written at more revisions than there were requests to write it. */
#include "base/sort.h"
#include "history.h"

struct sight {
    struct slice key;
    struct slice value;
    revision_t revision; /* 0: the request itself, which tells none */
    size_t op;
};

static int compare_sights(const void *a, const void *b, void *ctx)
{
    const struct sight *x = a;
    const struct sight *y = b;
    (void)ctx;
    int order = slice_cmp(x->key, y->key);
    order = order != 0 ? order : slice_cmp(x->value, y->value);
    if (order != 0) {
        return order;
    }
    if (x->revision != y->revision) {
        return x->revision < y->revision ? -1 : 1;
    }
    return x->op < y->op ? -1 : x->op > y->op;
}

static size_t collect_sights(const struct judge *j, struct sight **sights)
{
    size_t most = 1;
    for (size_t i = 0; i < j->h->count; i++) {
        most += 1 + (j->h->ops[i].kvs == NULL ? 0 : j->h->ops[i].count);
    }
    *sights = mem_alloc(j->mem, most * sizeof(**sights));
    size_t count = 0;
    for (size_t i = 0; i < j->h->count; i++) {
        const struct history_op *op = &j->h->ops[i];
        if (op->kind == HISTORY_PUT) {
            (*sights)[count++] = (struct sight){op->key, op->value, op->revision, i};
        }
        for (size_t k = 0; op->kvs != NULL && k < op->count; k++) {
            const struct history_kv *kv = &op->kvs[k];
            if (kv->mod_revision != 0) {
                (*sights)[count++] = (struct sight){kv->key, kv->value, kv->mod_revision, i};
            }
        }
    }
    sort_stable(*sights, count, sizeof(**sights), compare_sights, NULL, j->mem);
    return count;
}

/* Sights [from, to) are of one key and value. */
static void judge_value(struct judge *j, const struct sight *sights, size_t from, size_t to)
{
    size_t puts = 0;
    size_t refused = 0;
    size_t times = 0;
    size_t first = NOBODY;
    size_t last = NOBODY;
    for (size_t i = from; i < to; i++) {
        const struct history_op *op = &j->h->ops[sights[i].op];
        puts += op->kind == HISTORY_PUT;
        refused += op->kind == HISTORY_PUT && op->outcome == HISTORY_REFUSED;
        if (sights[i].revision != 0 &&
            (last == NOBODY || sights[i].revision != sights[last].revision)) {
            first = first == NOBODY ? i : first;
            last = i;
            times++;
        }
    }
    /* Values of nobody, and of refused requests, are the witness's to blame. */
    if (puts > 0 && refused == 0 && times > puts) {
        blame(j, "twice", sights[first].op, sights[last].op,
              "%zu request%s to put this value of %.*s took effect %zu times, at revisions %lld to "
              "%lld",
              puts, puts == 1 ? "" : "s", (int)sights[from].key.len,
              (const char *)sights[from].key.ptr, times, (long long)sights[first].revision,
              (long long)sights[last].revision);
    }
}

bool check_once(struct judge *j)
{
    struct sight *sights;
    size_t count = collect_sights(j, &sights);
    size_t from = 0;
    for (size_t i = 1; i <= count && !is_blamed(j); i++) {
        if (i == count || !slice_eq(sights[i].key, sights[from].key) ||
            !slice_eq(sights[i].value, sights[from].value)) {
            judge_value(j, sights, from, i);
            from = i;
        }
    }
    mem_free(j->mem, sights);
    return !is_blamed(j);
}
