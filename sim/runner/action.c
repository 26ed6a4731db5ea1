#include "checks.h"

#include "base/assert.h"

static uint64_t bit(size_t i)
{
    return UINT64_C(1) << i;
}

uint64_t members_running(const struct run *run)
{
    uint64_t set = 0;
    for (size_t i = 0; i < run->member_count; i++) {
        set |= run->members[i].running ? bit(i) : 0;
    }
    return set;
}

static uint64_t voters(const struct run *run)
{
    uint64_t set = 0;
    for (size_t i = 0; i < run->newest.voter_count; i++) {
        size_t member = member_by_id(run, run->newest.voters[i]);
        set |= member != SIZE_MAX ? bit(member) : 0;
    }
    return set;
}

/* The least majority of the voters that holds the leader, in file order. */
static uint64_t majority(const struct run *run)
{
    size_t leader = run_leader(run);
    size_t left = oracle_quorum(run->newest.voter_count);
    uint64_t set = 0;
    if (leader != SIZE_MAX && (voters(run) & bit(leader)) != 0) {
        set = bit(leader);
        left--;
    }
    for (size_t i = 0; i < run->member_count && left > 0; i++) {
        if ((voters(run) & ~set & bit(i)) != 0) {
            set |= bit(i);
            left--;
        }
    }
    return set;
}

uint64_t who_resolve(const struct run *run, const struct who *who)
{
    size_t leader = run_leader(run);
    uint64_t leads = leader != SIZE_MAX ? bit(leader) : 0;
    switch (who->kind) {
    case WHO_MEMBER: return bit(who->member);
    case WHO_LEADER: return leads;
    case WHO_OTHERS: return members_running(run) & ~leads;
    case WHO_MAJORITY: return majority(run);
    case WHO_MINORITY: return voters(run) & ~majority(run);
    case WHO_ALL: return members_running(run);
    }
    UNREACHABLE();
}

uint64_t whos_resolve(const struct run *run, const struct who_list *list)
{
    uint64_t set = 0;
    for (size_t i = 0; i < list->count; i++) {
        set |= who_resolve(run, &list->items[i]);
    }
    return set;
}

const char *members_named(struct run *run, uint64_t set)
{
    struct buf text;
    buf_init(&text, run->mem);
    for (size_t i = 0; i < run->member_count; i++) {
        if ((set & bit(i)) != 0) {
            buf_printf(&text, "%s%s", text.len > 0 ? ", " : "", run->members[i].spec->name);
        }
    }
    return buf_cstr(&text);
}

static const char *label_of(struct run *run, size_t index)
{
    const char *label = run->s->steps[index].label;
    return label != NULL ? label : run_text(run, "step-%zu", index + 1);
}

/* Faults of the network carry the step's own name, whatever its label. */
static const char *net_label(struct run *run, size_t index)
{
    return run_text(run, "step-%zu", index + 1);
}

static void note_fault(struct run *run, size_t index, const char *kind, const char *target)
{
    struct step_state *st = &run->steps[index];
    fault_add(run, label_of(run, index), kind, target);
    st->fault = run->faults.count - 1;
    st->fault_count = 1;
}

/* Another directory than its own: what it held before is gone. */
static void prepare_dir(struct run *run, struct member *m, const struct action *a)
{
    if (a->dir == DIR_OWN || (a->dir == DIR_MEMBER && a->dir_of == m->index)) {
        return;
    }
    switch (a->dir) {
    case DIR_MEMBER: disk_copy(run, m, run->members[a->dir_of].host); break;
    case DIR_HOST:
        disk_copy(run, m, host_find(run->world, run->s->steps[a->dir_of].action.ctl.host));
        break;
    case DIR_SAVED: disk_replace(run, m, run->steps[a->dir_of].image); break;
    default: disk_replace(run, m, NULL); break;
    }
}

static void do_save(struct run *run, size_t index)
{
    const struct member *m = &run->members[run->s->steps[index].action.who.items[0].member];
    run->steps[index].image = disk_save(host_disk(m->host));
    step_finish(run, index);
}

/* Waits for an end that nobody asked for; one that has come already counts. */
static void do_exit(struct run *run, size_t index)
{
    const struct step *step = &run->s->steps[index];
    struct member *m = &run->members[step->action.who.items[0].member];
    if (!m->running) {
        step_finish(run, index);
        judge_step(run, index);
        return;
    }
    m->waiting_exit = index;
    engine_set(run->engine, &run->steps[index].late, run_now(run) + step->expect.within_ns);
}

/* Another place on the same disk: what it had made durable does not count there. */
static void move_data(struct run *run, struct member *m, const char *data)
{
    if (data != NULL && strcmp(data, m->data) != 0) {
        m->data = data;
        m->wiped = true;
        m->ever_booted = false;
        checks_wiped(run->checks, m->index);
    }
}

static void do_start(struct run *run, size_t index)
{
    const struct step *step = &run->s->steps[index];
    struct step_state *st = &run->steps[index];
    struct member *m = &run->members[step->action.who.items[0].member];
    st->victims = bit(m->index);
    note_fault(run, index, "start", m->spec->name);
    if (m->running) {
        st->got = "it runs already";
        st->finished_ns = run_now(run);
        judge_step(run, index);
        return;
    }
    prepare_dir(run, m, &step->action);
    move_data(run, m, step->action.data);
    bool started = member_start(run, m, &step->action);
    ASSERT(started);
    if (step->expect.present) {
        m->waiting_exit = index;
        engine_set(run->engine, &st->late, run_now(run) + step->expect.within_ns);
    }
    step_finish(run, index);
}

/* Stops are awaited; the other ends are there at once. */
static void end_member(struct run *run, struct member *m, enum action_kind kind, size_t index)
{
    struct step_state *st = &run->steps[index];
    if (kind == ACTION_PAUSE) {
        node_pause(m->node);
        m->paused = true;
        return;
    }
    m->stopping = true;
    if (kind == ACTION_STOP) {
        m->waiting_stop = index;
        st->pending++;
        node_stop(m->node, 15);
    } else if (kind == ACTION_CRASH) {
        node_crash(m->node);
    } else {
        disk_power_fails(run, m);
        host_power_off(m->host);
    }
}

static void do_end(struct run *run, size_t index)
{
    static const char *const kinds[] = {[ACTION_STOP] = "stop",
                                        [ACTION_CRASH] = "crash",
                                        [ACTION_POWER_OFF] = "power-off",
                                        [ACTION_PAUSE] = "pause"};
    const struct action *a = &run->s->steps[index].action;
    struct step_state *st = &run->steps[index];
    st->victims = whos_resolve(run, &a->who);
    note_fault(run, index, kinds[a->kind], members_named(run, st->victims));
    st->pending = 1; /* ours, so that none of theirs is the last before all were asked */
    for (size_t i = 0; i < run->member_count; i++) {
        if ((st->victims & bit(i)) != 0 && run->members[i].running) {
            end_member(run, &run->members[i], a->kind, index);
        }
    }
    run->dirty = true;
    run->changed = true;
    if (--st->pending == 0) {
        step_finish(run, index);
    }
}

static void do_network(struct run *run, size_t index)
{
    const struct action *a = &run->s->steps[index].action;
    bool partition = a->kind == ACTION_PARTITION;
    const char *label = net_label(run, index);
    const char *target =
        partition ? network_partition(run, index, label) : network_link(run, index, label);
    note_fault(run, index, partition ? "partition" : "link", target);
    step_finish(run, index);
}

static void do_disk(struct run *run, size_t index)
{
    struct step_state *st = &run->steps[index];
    st->victims = whos_resolve(run, &run->s->steps[index].action.who);
    note_fault(run, index, "disk", members_named(run, st->victims));
    disk_begin(run, index);
    step_finish(run, index);
}

static void end_fault(struct run *run, size_t index)
{
    const struct step_state *st = &run->steps[index];
    for (size_t i = 0; i < st->fault_count; i++) {
        struct fault *fault = &run->faults.items[st->fault + i];
        fault->to_ns = fault->to_ns == NEVER_NS ? run_now(run) : fault->to_ns;
    }
}

static void heal(struct run *run, size_t index)
{
    if (run->s->steps[index].action.kind == ACTION_DISK) {
        disk_end(run, index);
    } else {
        network_heal(run, index, net_label(run, index));
    }
    end_fault(run, index);
}

static void do_heal(struct run *run, size_t index)
{
    const struct action *a = &run->s->steps[index].action;
    for (size_t i = 0; i < run->s->step_count; i++) {
        enum action_kind kind = run->s->steps[i].action.kind;
        bool cut = kind == ACTION_PARTITION || kind == ACTION_LINK;
        bool meant = a->heal_all ? cut : a->heal_step == i;
        if (meant && run->steps[i].fired_ns != NEVER_NS) {
            heal(run, i);
        }
    }
    step_finish(run, index);
}

void action_do(struct run *run, size_t index)
{
    const struct action *a = &run->s->steps[index].action;
    struct buf title;
    buf_init(&title, run->mem);
    const char *text = scenario_step_title(run->s, index, &title);
    if (a->kind != ACTION_WAIT && a->kind != ACTION_CTL) {
        row_add(run, ROW_PLAIN, "step", text);
    }
    switch (a->kind) {
    case ACTION_WAIT:
        step_finish(run, index);
        judge_step(run, index);
        break;
    case ACTION_CTL: ctl_do(run, index); break;
    case ACTION_START: do_start(run, index); break;
    case ACTION_STOP:
    case ACTION_CRASH:
    case ACTION_POWER_OFF:
    case ACTION_PAUSE: do_end(run, index); break;
    case ACTION_PARTITION:
    case ACTION_LINK: do_network(run, index); break;
    case ACTION_EXIT: do_exit(run, index); break;
    case ACTION_SAVE_DIR: do_save(run, index); break;
    case ACTION_HEAL: do_heal(run, index); break;
    case ACTION_DISK: do_disk(run, index); break;
    }
}

void action_undo(struct run *run, size_t index)
{
    const struct action *a = &run->s->steps[index].action;
    const struct step_state *st = &run->steps[index];
    if (a->kind == ACTION_PARTITION || a->kind == ACTION_LINK || a->kind == ACTION_DISK) {
        row_add(run, ROW_PLAIN, "step", run_text(run, "heal %s", label_of(run, index)));
        heal(run, index);
        step_undone(run, index);
        return;
    }
    end_fault(run, index);
    for (size_t i = 0; i < run->member_count; i++) {
        struct member *m = &run->members[i];
        if ((st->victims & bit(i)) == 0) {
            continue;
        }
        if (a->kind == ACTION_PAUSE && m->paused) {
            row_add(run, ROW_PLAIN, "step", run_text(run, "resume %s", m->spec->name));
            node_resume(m->node);
            m->paused = false;
        } else if (a->kind == ACTION_START && m->running) {
            row_add(run, ROW_PLAIN, "step", run_text(run, "stop %s", m->spec->name));
            m->stopping = true;
            node_stop(m->node, 15);
        } else if (a->kind != ACTION_PAUSE && a->kind != ACTION_START && !m->running &&
                   m->host != NULL) {
            row_add(run, ROW_PLAIN, "step", run_text(run, "start %s", m->spec->name));
            (void)member_start(run, m, NULL);
        }
    }
    run->dirty = true;
    run->changed = true;
    step_undone(run, index);
}
