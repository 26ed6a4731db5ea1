#include "check/clients.h"

#include "base/fmt.h"
#include "history.h"

static bool has_revisions(const struct history *h)
{
    for (size_t i = 0; i < h->count; i++) {
        const struct history_op *op = &h->ops[i];
        bool told = op->outcome != HISTORY_OK || op->revision > 0;
        for (size_t k = 0; op->kvs != NULL && k < op->count; k++) {
            const struct history_kv *kv = &op->kvs[k];
            told = told && kv->create_revision > 0 && kv->mod_revision > 0 && kv->version > 0;
        }
        if (!told) {
            return false;
        }
    }
    return true;
}

static void say(struct clients_verdict *v, enum history_result result, const char *rule,
                const char *text, const char *more)
{
    v->result = result;
    v->rule = rule;
    v->checker = result == HISTORY_VIOLATED ? "linearizability" : "";
    fmt(v->text, sizeof(v->text), "%s%s", text, more);
}

static void show(struct clients_verdict *v, const size_t *shown, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        v->shown[i] = shown[i];
    }
    v->shown_count = count;
}

static void tell_methods(struct clients_verdict *v)
{
    static const char *const said[] = {"possible", "impossible", "not decided"};
    const char *by_revisions = !v->witnessed                               ? "not told"
                               : v->witness.result == HISTORY_LINEARIZABLE ? "linearizable"
                               : v->witness.result == HISTORY_VIOLATED     ? "NOT linearizable"
                                                                           : "not decided";
    fmt(v->methods, sizeof(v->methods), "by revisions %s, by values %s", by_revisions,
        said[v->box.result]);
}

static void judge_order(struct clients_verdict *v)
{
    if (v->witness.ok == 0) {
        say(v, HISTORY_UNDECIDED, "", "no request was answered", "");
    } else if (v->witness.result == HISTORY_VIOLATED) {
        static const char *const alone[] = {"\nthe values alone do not show it",
                                            "\nthe values alone show it too",
                                            "\nwhether the values alone show it was not decided"};
        say(v, HISTORY_VIOLATED, v->witness.rule, v->witness.text, alone[v->box.result]);
        show(v, v->witness.shown, v->witness.shown_count);
    } else if (v->box.result == BOX_REJECTS) {
        bool disagree = v->witness.result == HISTORY_LINEARIZABLE;
        say(v, HISTORY_VIOLATED, disagree ? "methods-disagree" : "no-order", v->box.text,
            disagree ? "\nbut by its revisions the history is linearizable: one of the two methods "
                       "is wrong"
                     : "");
        show(v, v->box.shown, v->box.shown_count);
    } else if (v->witness.result == HISTORY_LINEARIZABLE || v->box.result == BOX_ACCEPTS) {
        say(v, HISTORY_LINEARIZABLE, "", "", "");
    } else {
        say(v, HISTORY_UNDECIDED, "", v->box.text, "");
    }
}

/* A rule of its own: runs unless something was found before. */
static void judge_rule(struct clients_verdict *v, const struct history *h, const char *checker,
                       bool (*check)(struct judge *))
{
    struct history_verdict verdict = {.result = HISTORY_LINEARIZABLE, .rule = ""};
    struct judge j = {.h = h, .mem = h->mem, .verdict = &verdict};
    if (v->result == HISTORY_VIOLATED || check(&j)) {
        return;
    }
    v->result = HISTORY_VIOLATED;
    v->checker = checker;
    v->rule = verdict.rule;
    fmt(v->text, sizeof(v->text), "%s", verdict.text);
    show(v, verdict.shown, verdict.shown_count);
}

void clients_check(const struct history *h, const struct box_limits *limits,
                   struct clients_verdict *v)
{
    *v = (struct clients_verdict){.result = HISTORY_LINEARIZABLE, .checker = "", .rule = ""};
    v->witnessed = has_revisions(h);
    if (v->witnessed) {
        history_check(h, &v->witness);
    } else {
        v->witness.result = HISTORY_UNDECIDED;
        for (size_t i = 0; i < h->count; i++) {
            v->witness.ok += h->ops[i].outcome == HISTORY_OK;
            v->witness.unknown += h->ops[i].outcome == HISTORY_UNKNOWN;
        }
    }
    box_check(h, limits, &v->box);
    /* The most telling first: a write that took effect twice also breaks the order, and so does a
     * read of the future, which the witness alone would not see. */
    judge_rule(v, h, "client", check_once);
    judge_rule(v, h, "serializable-reads", check_serial);
    tell_methods(v);
    if (v->result != HISTORY_VIOLATED) {
        judge_order(v);
    }
}
