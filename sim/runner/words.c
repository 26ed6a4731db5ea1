#include "run.h"

#include "base/duration.h"
#include "base/fmt.h"

void words_member(member_id_t id, struct buf *out)
{
    buf_printf(out, MEMBER_MARK "%016llx", (unsigned long long)id);
}

void words_render(const struct run *run, const char *text, struct buf *out)
{
    for (const char *at = text; *at != '\0';) {
        uint64_t id = 0;
        if (*at != MEMBER_MARK[0] || strlen(at) < 17 ||
            slice_hex_to_u64(slice_of(at + 1, 16), &id) != 0) {
            buf_add_u8(out, (uint8_t)*at);
            at++;
            continue;
        }
        size_t member = member_by_id(run, id);
        if (member != SIZE_MAX) {
            buf_add_str(out, run->members[member].spec->name);
        } else {
            buf_printf(out, "%llx", (unsigned long long)id);
        }
        at += 17;
    }
}

void words_time(const struct run *run, int64_t engine_ns, struct buf *out)
{
    int64_t ms = (run_time(run, engine_ns) + MS_NS / 2) / MS_NS;
    const char *sign = ms < 0 ? "-" : "";
    ms = ms < 0 ? -ms : ms;
    buf_printf(out, "%s%lld.%03lld", sign, (long long)(ms / 1000), (long long)(ms % 1000));
}

/* The voter's place among the members, by the ID that the sight knew or that is known by now. */
static size_t voter_of(const struct run *run, const struct sight *sight, member_id_t id)
{
    for (size_t i = 0; i < run->member_count; i++) {
        if (sight->ids[i] == id) {
            return i;
        }
    }
    return member_by_id(run, id);
}

static bool linked(const struct sight *sight, size_t a, size_t b)
{
    return a == b || ((sight->open[a] & (UINT64_C(1) << b)) != 0 &&
                      (sight->open[b] & (UINT64_C(1) << a)) != 0);
}

/* The largest number of voters that one running member has two-way links to, as a set. */
static uint64_t best_connected(const struct run *run, const struct sight *sight, uint64_t voters)
{
    uint64_t best = 0;
    for (size_t a = 0; a < run->member_count; a++) {
        uint64_t set = 0;
        if ((sight->running & (UINT64_C(1) << a)) == 0) {
            continue;
        }
        for (size_t b = 0; b < run->member_count; b++) {
            uint64_t bit = UINT64_C(1) << b;
            if ((voters & sight->running & sight->disk_works & bit) != 0 && linked(sight, a, b)) {
                set |= bit;
            }
        }
        if (__builtin_popcountll(set) > __builtin_popcountll(best)) {
            best = set;
        }
    }
    return best;
}

static void add_names(const struct run *run, uint64_t set, struct buf *out)
{
    bool first = true;
    for (size_t i = 0; i < run->member_count; i++) {
        if ((set & (UINT64_C(1) << i)) != 0) {
            buf_printf(out, "%s%s", first ? "" : ", ", run->members[i].spec->name);
            first = false;
        }
    }
    if (first) {
        buf_add_str(out, "nobody");
    }
}

/* Why a voter does not count. */
static void add_absence(const struct run *run, const struct sight *sight, size_t i, struct buf *out)
{
    const struct member *m = &run->members[i];
    uint64_t bit = UINT64_C(1) << i;
    buf_printf(out, "\n%s ", m->spec->name);
    if ((sight->ever_started & bit) == 0) {
        if (!m->spec->listed && m->added) {
            buf_add_str(out, "was added at ");
            words_time(run, m->added_ns, out);
            buf_add_str(out, " and ");
        }
        buf_add_str(out, "has never started.");
    } else if ((sight->running & bit) == 0) {
        buf_add_str(out, "does not run.");
    } else if ((sight->disk_works & bit) == 0) {
        buf_add_str(out, "has a disk that does not work.");
    } else {
        buf_add_str(out, "is cut off from the others.");
    }
}

void words_quorum(const struct run *run, const struct sight *sight, struct buf *out)
{
    const struct oracle_config *c = &sight->newest;
    uint64_t voters = 0;
    buf_printf(out, "%zu voter%s (", c->voter_count, c->voter_count == 1 ? "" : "s");
    for (size_t i = 0; i < c->voter_count; i++) {
        size_t member = voter_of(run, sight, c->voters[i]);
        buf_add_str(out, i > 0 ? ", " : "");
        if (member == SIZE_MAX) {
            words_member(c->voters[i], out);
            continue;
        }
        voters |= UINT64_C(1) << member;
        buf_add_str(out, run->members[member].spec->name);
    }
    buf_printf(out, "), quorum %zu, running and connected: ", oracle_quorum(c->voter_count));
    uint64_t connected = best_connected(run, sight, voters);
    add_names(run, connected, out);
    buf_add_str(out, ".");
    for (size_t i = 0; i < run->member_count; i++) {
        if ((voters & ~connected & (UINT64_C(1) << i)) != 0) {
            add_absence(run, sight, i, out);
        }
    }
}

static void add_range(const struct range *range, struct buf *out)
{
    char low[32];
    char high[32];
    duration_format(low, sizeof(low), range->low);
    duration_format(high, sizeof(high), range->high);
    if (range->high == INT64_MAX) {
        buf_printf(out, "took at least %s", low);
    } else {
        buf_printf(out, "took %s..%s", low, high);
    }
}

static void add_texts(const char *before, const char *joint, const struct text_list *list,
                      struct buf *out)
{
    for (size_t i = 0; i < list->count; i++) {
        buf_printf(out, "%s\"%s\"", i == 0 ? before : joint, list->items[i]);
    }
}

void words_step_expected(const struct step_expect *e, struct buf *out)
{
    const char *joint = "";
    if (!e->present) {
        return;
    }
    if (e->ok) {
        buf_add_str(out, "ok");
        return;
    }
    size_t start = out->len;
#define JOINT() (joint = out->len > start ? ", " : "", buf_add_str(out, joint))
    if (e->errors.count > 0) {
        add_texts("an error with ", " or ", &e->errors, out);
    }
    if (e->exit.op != COMPARE_NONE) {
        JOINT();
        buf_printf(out, "exit %s %lld", scenario_compare_name(e->exit.op),
                   (long long)e->exit.value);
    }
    if (e->stdout_text != NULL) {
        JOINT();
        buf_printf(out, "stdout \"%s\"", e->stdout_text);
    }
    if (e->contains.count > 0) {
        JOINT();
        add_texts("stdout with ", " and ", &e->contains, out);
    }
    if (e->took.present) {
        JOINT();
        add_range(&e->took, out);
    }
    if (e->logs.count > 0) {
        JOINT();
        add_texts("a log with ", " and ", &e->logs, out);
    }
    if (e->outcome != OUTCOME_NONE) {
        JOINT();
        buf_printf(out, "outcome %s", scenario_outcome_name(e->outcome));
    }
    if (e->within_ns > 0) {
        char text[32];
        duration_format(text, sizeof(text), e->within_ns);
        buf_printf(out, "%swithin %s", out->len > start ? " " : "an exit ", text);
    }
#undef JOINT
}
