#include "support/ledger.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/duration.h"
#include "base/fmt.h"
#include "ctl/ctl.h"

void ledger_fail(uint64_t seed, const char *what, struct slice detail)
{
    fail_msg("seed %llu: %s%.*s", (unsigned long long)seed, what, (int)detail.len,
             (const char *)detail.ptr);
}

static struct slice take_line(struct slice *text)
{
    ptrdiff_t end = slice_find(*text, '\n');
    struct slice line = end < 0 ? *text : slice_of(text->ptr, (size_t)end);
    *text = slice_from(*text, line.len + 1);
    return line;
}

static bool holds(struct slice keys, struct slice key)
{
    while (keys.len > 0) {
        if (slice_eq(take_line(&keys), key)) {
            return true;
        }
    }
    return false;
}

uint64_t ledger_check(struct sim_cluster *cluster, struct node *reader, uint64_t seed,
                      struct slice told)
{
    const char *const args[] = {"quoratectl", "--endpoints", cluster->endpoints,      "get", "",
                                "--prefix",   "--keys-only", "--command-timeout=30s", NULL};
    uint64_t acknowledged = 0;
    sim_client_start(reader, &ctl_program, args);
    if (!sim_run_until_ended(cluster, reader, 60 * SEC_NS) || node_exit_code(reader) != 0) {
        ledger_fail(seed, "the last read failed: ", node_output(reader, ENV_STDERR));
    }
    struct slice keys = node_output(reader, ENV_STDOUT);
    while (told.len > 0) {
        struct slice line = take_line(&told);
        if (slice_starts_with(line, "ok ")) {
            acknowledged++;
            if (!holds(keys, slice_from(line, 3))) {
                ledger_fail(seed, "acknowledged and lost: ", slice_from(line, 3));
            }
        }
    }
    return acknowledged;
}

void ledger_sound(struct sim_cluster *cluster, uint64_t seed)
{
    if (check_violation_count(cluster->check) > 0) {
        const struct check_violation *v = check_violation(cluster->check, 0);
        ledger_fail(seed, v->law, slice_str(v->text));
    }
    struct node *broken = world_first_fault(cluster->world);
    if (broken != NULL) {
        ledger_fail(seed, "a node broke: ", slice_str(node_fault_text(broken)));
    }
}

void ledger_agree(struct sim_cluster *cluster, uint64_t seed)
{
    sim_run_until(cluster, sim_now_ns(cluster) + 2 * SEC_NS);
    ledger_sound(cluster, seed); /* says more, if it says anything */
    const struct sim_member *first = &cluster->members[0];
    for (size_t i = 0; i < cluster->count; i++) {
        const struct sim_member *member = &cluster->members[i];
        if (node_state(member->node) != NODE_RUNNING) {
            ledger_fail(seed, "does not run at the end: ", slice_str(host_name(member->host)));
        }
        if (member->applied != first->applied || member->state_hash != first->state_hash) {
            char who[128];
            fmt(who, sizeof(who), "%s has applied %llu, %s %llu", host_name(first->host),
                (unsigned long long)first->applied, host_name(member->host),
                (unsigned long long)member->applied);
            ledger_fail(seed, "the members do not agree: ", slice_str(who));
        }
    }
}
