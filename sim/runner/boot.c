/* The warm-up: see runner.h. If the scenario names a leader, leadership is handed to it in the
 * middle of the warm-up, by the command that a person would use. */
#include "run.h"

#include "base/duration.h"

#define LINKS_OLD_NS (6 * SEC_NS)

bool boot_ready(const struct run *run)
{
    size_t leader = run_leader(run);
    if (leader == SIZE_MAX) {
        return false;
    }
    for (size_t i = 0; i < run->s->listed_count; i++) {
        const struct member *m = &run->members[i];
        if (!m->running || !m->published || m->term != run->members[leader].term ||
            m->leader != run->members[leader].id) {
            return false;
        }
    }
    return true;
}

static void begin_timeline(struct run *run)
{
    run->phase = RUN_TIMELINE;
    /* What was told of the warm-up is not part of the story. */
    for (size_t i = 0; i < run->rows.count; i++) {
        run->rows.items[i].kind = ROW_STORY;
    }
    size_t leader = run_leader(run);
    if (leader != SIZE_MAX) {
        const struct member *m = &run->members[leader];
        row_add(run, ROW_PLAIN, m->spec->name,
                run_text(run, "leader, term %llu", (unsigned long long)m->term));
    }
    for (size_t i = 0; i < run->member_count; i++) {
        struct member *m = &run->members[i];
        m->disk_requests_before = m->host != NULL ? disk_requests(host_disk(m->host)) : 0;
    }
    probes_begin(run);
    loads_begin(run);
    steps_begin(run);
}

static void not_formed(struct run *run, const char *why)
{
    run_fail(run, VERDICT_STALLED, "boot", "not-formed", "",
             run_text(run, "the cluster had not formed when the timeline was to begin: %s", why));
}

static void on_zero(struct engine_event *event)
{
    struct run *run = container_of(event, struct run, boot_event);
    if (!run->s->cold && !boot_ready(run)) {
        not_formed(run, "not every listed member serves and follows one leader");
        return;
    }
    if (run->s->leader_given && run_leader(run) != run->s->leader) {
        not_formed(run, "leadership could not be handed to the member that was to have it");
        return;
    }
    begin_timeline(run);
}

static void on_handed(struct node *node, void *data)
{
    (void)node;
    (void)data;
}

/* Halfway: the cluster must have formed, so that its links will be old enough at zero. */
static void on_half(struct engine_event *event)
{
    struct run *run = container_of(event, struct run, boot_event);
    size_t leader = run_leader(run);
    event->run = on_zero;
    engine_set(run->engine, event, run->zero_ns);
    if (!boot_ready(run) || !run->s->leader_given || leader == run->s->leader) {
        return;
    }
    const char *words[] = {
        "move-leader", run_text(run, "%llx", (unsigned long long)run->members[run->s->leader].id)};
    ctl_launch(run, run->client_host, "move-leader", UINT64_C(1) << leader, words, 2, NULL,
               on_handed, run);
}

void boot_begin(struct run *run)
{
    run->phase = RUN_BOOTING;
    run->boot_event.kind = ENGINE_STEP;
    if (run->s->cold) {
        run->boot_event.run = on_zero;
        engine_set(run->engine, &run->boot_event, 0);
        return;
    }
    for (size_t i = 0; i < run->s->listed_count; i++) {
        if (!member_start(run, &run->members[i], NULL)) {
            not_formed(run, "a listed member could not be started");
        }
    }
    run->boot_event.run = on_half;
    engine_set(run->engine, &run->boot_event, run->zero_ns - LINKS_OLD_NS);
}
