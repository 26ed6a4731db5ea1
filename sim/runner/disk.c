/* Faults of disks, and what of them the cluster can survive.
 *
 * A fault that can lose what a member made durable without its noticing, or that takes the member
 * away until somebody repairs it, is charged when it begins: from then on the member counts as one
 * that holds nothing (check.h, the atlas). With `budget: survivable` a step that fires again and
 * again does not take more than the others can make up for; what a step of the timeline asks for by
 * name is done, and said to be beyond the budget if it is. */
#include "disk/fault.h"

#include "base/assert.h"
#include "checks.h"

static const enum disk_fault_kind fault_kinds[TROUBLE_COUNT] = {
    [TROUBLE_FAIL] = DISK_FAULT_FAIL,   [TROUBLE_LIE] = DISK_FAULT_LIE,
    [TROUBLE_SHORT] = DISK_FAULT_SHORT, [TROUBLE_FLIP] = DISK_FAULT_FLIP,
    [TROUBLE_STALE] = DISK_FAULT_STALE, [TROUBLE_MISDIRECT] = DISK_FAULT_MISDIRECT,
    [TROUBLE_FULL] = DISK_FAULT_FULL,   [TROUBLE_SLOW] = DISK_FAULT_SLOW,
    [TROUBLE_RATE] = DISK_FAULT_RATE,   [TROUBLE_STALL] = DISK_FAULT_STALL,
    [TROUBLE_ROT] = DISK_FAULT_ROT,     [TROUBLE_POWER] = DISK_FAULT_POWER};

static const enum disk_op ops[TROUBLE_OP_COUNT] = {
    [TROUBLE_WRITE] = DISK_WRITE,       [TROUBLE_SYNC] = DISK_SYNC,
    [TROUBLE_READ] = DISK_READ,         [TROUBLE_SYNC_DIR] = DISK_SYNC_DIR,
    [TROUBLE_OPEN] = DISK_OPEN,         [TROUBLE_ALLOCATE] = DISK_ALLOCATE,
    [TROUBLE_TRUNCATE] = DISK_TRUNCATE, [TROUBLE_RENAME] = DISK_RENAME,
    [TROUBLE_REMOVE] = DISK_REMOVE};

/* What a member told ----------------------------------------------------------------------------*/

void disk_told(struct run *run, struct member *m, const struct obs_event *e)
{
    struct told *newest = &m->told[0];
    if (e->persisted.file == NULL) {
        return;
    }
    if (newest->file == NULL || strcmp(newest->file, e->persisted.file) != 0) {
        m->told[1] = *newest;
        newest->file = run_copy(run, slice_str(e->persisted.file));
        newest->end = 0;
    }
    newest->covered = e->persisted.offset;
    newest->end = e->persisted.offset + e->persisted.length;
}

/* Where rot is noticed: before the newest bytes of the newest file, which a mark covers (checks.md:
 * the injector rots only what a mark covers), or anywhere in the file before. False: neither is
 * meant. */
static bool place_rot(const struct member *m, struct disk_fault *fault)
{
    for (size_t i = 0; i < 2; i++) {
        const struct told *told = &m->told[i];
        uint64_t below = i == 0 ? told->covered : told->end;
        bool meant =
            told->file != NULL && (fault->file == NULL || strstr(told->file, fault->file) != NULL);
        if (meant && below >= fault->bytes) {
            fault->file = told->file;
            fault->below = below;
            return true;
        }
    }
    return false;
}

/* The budget ------------------------------------------------------------------------------------*/

static void tell_damage(struct run *run)
{
    for (size_t i = 0; i < run->member_count; i++) {
        if (run->members[i].host != NULL) {
            const struct member *m = &run->members[i];
            checks_damaged(run->checks, i, m->misled || !disk_is_sound(host_disk(m->host)));
        }
    }
}

/* For a fault that begins. */
static bool can_lose(struct run *run, size_t member, struct buf *who)
{
    tell_damage(run);
    return checks_can_lose(run->checks, member, who);
}

/* For one that takes effect: more may have been written on that disk since it was charged. */
static bool can_forget(struct run *run, size_t member, struct buf *who)
{
    tell_damage(run);
    return checks_can_forget(run->checks, member, who);
}

static bool is_charged(const struct disk_action *disk)
{
    return disk->wipe || disk->clone || disk->troubles[TROUBLE_ROT].present ||
           disk->troubles[TROUBLE_LIE].present || disk->troubles[TROUBLE_STALE].present ||
           disk->troubles[TROUBLE_FLIP].present || disk->troubles[TROUBLE_MISDIRECT].present;
}

static bool recurs(const struct step *step)
{
    return step->trigger.kind == TRIGGER_EVERY || step->trigger.each;
}

/* Asks for one member, and says what came of it. False: this is left out. */
static bool charge(struct run *run, size_t index, struct member *m)
{
    const struct step *step = &run->s->steps[index];
    struct buf who;
    if (!is_charged(&step->action.disk)) {
        return true;
    }
    buf_init(&who, run->mem);
    bool fits = can_lose(run, m->index, &who);
    if (fits) {
        row_add(run, ROW_STORY, m->spec->name, run_text(run, "charged: %s", buf_cstr(&who)));
        return true;
    }
    if (recurs(step) && !run->s->unbounded) {
        row_add(run, ROW_PLAIN, m->spec->name, run_text(run, "skipped: %s", buf_cstr(&who)));
        return false;
    }
    run->beyond_budget = true;
    row_add(run, ROW_PLAIN, m->spec->name, run_text(run, "beyond the budget: %s", buf_cstr(&who)));
    return true;
}

void disk_power_fails(struct run *run, struct member *m)
{
    struct disk *disk = host_disk(m->host);
    struct buf who;
    if (!disk_has_promises(disk) || run->s->unbounded) {
        return;
    }
    buf_init(&who, run->mem);
    if (!can_forget(run, m->index, &who)) {
        disk_keep_promises(disk);
        row_add(run, ROW_PLAIN, m->spec->name,
                run_text(run, "skipped: its disk keeps what it promised, for %s", buf_cstr(&who)));
    }
}

/* A process is about to read what a fault has left. If the others cannot make up for that, faults
 * that recur end here, as if they had been skipped. */
static void spare(struct run *run, struct member *m)
{
    struct disk *disk = host_disk(m->host);
    struct buf who;
    bool spared = false;
    if (run->s->unbounded || disk_is_sound(disk)) {
        return;
    }
    buf_init(&who, run->mem);
    if (can_forget(run, m->index, &who)) {
        return;
    }
    for (size_t index = 0; index < run->s->step_count; index++) {
        const struct step *step = &run->s->steps[index];
        const struct step_state *st = &run->steps[index];
        for (size_t i = 0; i < st->disk_faults.count && recurs(step); i++) {
            const struct disk_mark *mark = &st->disk_faults.items[i];
            if (mark->member == m->index && is_charged(&step->action.disk)) {
                disk_fault_end(disk, mark->number);
                spared = true;
            }
        }
    }
    if (spared) {
        row_add(
            run, ROW_PLAIN, m->spec->name,
            run_text(run, "skipped: its disk gives back what was written, for %s", buf_cstr(&who)));
    }
}

void disk_starts(struct run *run, struct member *m)
{
    spare(run, m);
    const struct disk *disk = host_disk(m->host);
    uint64_t broken = disk_counts(disk)->promises_broken;
    bool forgets = !disk_is_sound(disk) || broken != m->promises_broken;
    if (forgets) {
        checks_wiped(run->checks, m->index);
    }
    m->misled = m->misled || forgets; /* it builds on that; nobody repairs it but another disk */
    m->forgetful = forgets || (m->forgetful && m->fetching);
    m->promises_broken = broken;
    m->disk_failed = disk_counts(disk)->failed;
}

bool disk_explains_end(const struct member *m)
{
    const struct disk *disk = host_disk(m->host);
    return m->misled || !disk_is_well(disk) || disk_counts(disk)->failed != m->disk_failed;
}

/* Steps -----------------------------------------------------------------------------------------*/

void disk_replace(struct run *run, struct member *m, const struct disk_image *image)
{
    if (m->running) {
        m->stopping = true;
        host_power_off(m->host);
    }
    if (!host_is_on(m->host)) {
        host_power_on(m->host);
    }
    disk_wipe(host_disk(m->host));
    if (image != NULL) {
        disk_load(host_disk(m->host), image);
    }
    m->wiped = true;
    m->misled = false;
    m->told[0] = (struct told){0};
    m->told[1] = (struct told){0};
    m->ever_booted = false; /* with what it is given now it may well refuse */
    checks_wiped(run->checks, m->index);
}

void disk_copy(struct run *run, struct member *m, struct host *from)
{
    struct disk_image *image = disk_save(host_disk(from));
    disk_replace(run, m, image);
    disk_image_free(image);
}

static struct disk_fault fault_of(const struct trouble *trouble, enum trouble_kind kind,
                                  uint64_t key)
{
    struct disk_fault fault = {.kind = fault_kinds[kind],
                               .key = key,
                               .file = trouble->file,
                               .count = trouble->count > 0 ? trouble->count : DISK_FOR_EVER,
                               .op = ops[trouble->op],
                               .err = trouble->no_space ? ERR_NO_SPACE : ERR_IO,
                               .bytes = trouble->bytes,
                               .factor = (uint32_t)trouble->factor,
                               .offset = trouble->placed ? trouble->offset : DISK_ANYWHERE,
                               .below = DISK_ANYWHERE,
                               .drop_ppm = trouble->drop_ppm,
                               .tear_ppm = trouble->tear_ppm,
                               .trash_ppm = trouble->trash_ppm,
                               .name_drop_ppm = trouble->names_ppm};
    if (trouble->by.present) {
        fault.low_ns = trouble->by.low;
        fault.high_ns = trouble->by.high;
    }
    return fault;
}

static void found_no_place(struct run *run, size_t index, const struct member *m,
                           const struct trouble *rot)
{
    run_fail(run, VERDICT_UNMET, "step", "disk", run_text(run, "line-%d", rot->at.line),
             run_text(run,
                      "%s:%d:%d: step %zu found no place to rot: %s has no %llu durable bytes %s%s",
                      run->s->path, rot->at.line, rot->at.column, index + 1, m->spec->name,
                      (unsigned long long)rot->bytes, rot->placed ? "there in a file with " : "in ",
                      rot->file != NULL ? rot->file : "what it told of its log"));
}

static void begin_one(struct run *run, size_t index, struct member *m, enum trouble_kind kind)
{
    struct step_state *st = &run->steps[index];
    const struct trouble *trouble = &run->s->steps[index].action.disk.troubles[kind];
    uint64_t key = rng_hash(engine_rng(run->engine, "scenario-disk", index).key,
                            (uint64_t)st->firings * SCENARIO_MEMBERS_MAX + m->index);
    struct disk_fault fault = fault_of(trouble, kind, key);
    /* Elsewhere a member might take rot for what a power failure left: such places are named. */
    bool nowhere = kind == TROUBLE_ROT && !trouble->placed && !place_rot(m, &fault);
    uint32_t number = nowhere ? 0 : disk_fault_add(host_disk(m->host), &fault);
    if (number == 0) {
        found_no_place(run, index, m, trouble);
        return;
    }
    *PUSH(run, st->disk_faults) = (struct disk_mark){m->index, number};
}

void disk_begin(struct run *run, size_t index)
{
    const struct disk_action *disk = &run->s->steps[index].action.disk;
    uint64_t set = run->steps[index].victims;
    for (size_t i = 0; i < run->member_count; i++) {
        struct member *m = &run->members[i];
        if ((set & (UINT64_C(1) << i)) == 0 || m->host == NULL || !charge(run, index, m)) {
            continue;
        }
        if (disk->wipe) {
            disk_replace(run, m, NULL);
        } else if (disk->clone) {
            disk_copy(run, m, run->members[disk->clone_of].host);
        }
        for (size_t kind = 0; kind < TROUBLE_COUNT; kind++) {
            if (disk->troubles[kind].present) {
                begin_one(run, index, m, (enum trouble_kind)kind);
            }
        }
    }
    run->dirty = true;
    run->changed = true;
}

void disk_end(struct run *run, size_t index)
{
    struct step_state *st = &run->steps[index];
    for (size_t i = 0; i < st->disk_faults.count; i++) {
        const struct disk_mark *mark = &st->disk_faults.items[i];
        disk_fault_end(host_disk(run->members[mark->member].host), mark->number);
    }
    st->disk_faults.count = 0;
    run->dirty = true;
    run->changed = true;
}
