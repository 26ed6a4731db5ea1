#include "run.h"

#include "base/assert.h"
#include "checks.h"
#include "listed.h"
#include "server/server.h"

#define ARGS_MAX 32

const char *member_flag(const struct run *run, const struct member_spec *spec, const char *name)
{
    const char *value = NULL;
    for (size_t i = 0; i < run->s->flags.count; i++) {
        if (strcmp(run->s->flags.items[i].name, name) == 0) {
            value = run->s->flags.items[i].value;
        }
    }
    for (size_t i = 0; i < spec->flags.count; i++) {
        if (strcmp(spec->flags.items[i].name, name) == 0) {
            value = spec->flags.items[i].value;
        }
    }
    return value;
}

void members_make(struct run *run)
{
    for (size_t i = 0; i < run->s->member_count; i++) {
        struct member *m = &run->members[i];
        const struct member_spec *spec = &run->s->members[i];
        m->run = run;
        m->spec = spec;
        m->index = i;
        m->data = "data";
        m->observer.event = member_observe;
        m->waiting_stop = SIZE_MAX;
        m->waiting_exit = SIZE_MAX;
        run->member_count++;
        if (spec->listed) {
            const char *token = member_flag(run, spec, "initial-cluster-token");
            m->id = listed_member_id(spec->peer_url, token != NULL ? token : "etcd-cluster");
        }
        if (!spec->startable) {
            continue;
        }
        int err = host_new(run->world, spec->name, spec->host, &m->host);
        ASSERT(err == 0); /* the parser has seen to names and addresses */
        m->node = node_new(m->host, spec->name);
        node_data_set(m->node, m);
    }
}

size_t member_by_id(const struct run *run, member_id_t id)
{
    for (size_t i = 0; i < run->member_count && id != 0; i++) {
        if (run->members[i].id == id) {
            return i;
        }
    }
    return SIZE_MAX;
}

size_t run_leader(const struct run *run)
{
    size_t leader = SIZE_MAX;
    for (size_t i = 0; i < run->member_count; i++) {
        const struct member *m = &run->members[i];
        if (m->running && m->role == OBS_LEADER &&
            (leader == SIZE_MAX || m->term > run->members[leader].term)) {
            leader = i;
        }
    }
    return leader;
}

/* A command line of quorated, flags by name: a later one replaces an earlier. */
struct command {
    struct run *run;
    const char *names[ARGS_MAX];
    const char *values[ARGS_MAX];
    size_t count;
};

static void command_set(struct command *c, const char *name, const char *value)
{
    size_t i = 0;
    while (i < c->count && strcmp(c->names[i], name) != 0) {
        i++;
    }
    ASSERT(i < ARGS_MAX);
    c->names[i] = name;
    c->values[i] = value;
    c->count = i == c->count ? c->count + 1 : c->count;
}

static void command_set_all(struct command *c, const struct flag_list *flags)
{
    for (size_t i = 0; i < flags->count; i++) {
        command_set(c, flags->items[i].name, flags->items[i].value);
    }
}

/* The cluster that listed members form: name=URL of each. One that is started without having been
 * announced by a successful `member add` brings itself. */
static const char *initial_cluster(struct run *run, const struct member *m)
{
    struct buf text;
    buf_init(&text, run->mem);
    for (size_t i = 0; i < run->member_count; i++) {
        const struct member_spec *spec = &run->s->members[i];
        if (spec->listed || i == m->index) {
            buf_printf(&text, "%s%s=%s", text.len > 0 ? "," : "", spec->name, spec->peer_url);
        }
    }
    return buf_cstr(&text);
}

static void command_fill(struct command *c, const struct member *m, const struct action *action)
{
    const struct member_spec *spec = m->spec;
    command_set(c, "data-dir", m->data);
    command_set(c, "listen-peer-urls", spec->peer_url);
    command_set(c, "listen-client-urls", spec->client_url);
    command_set(c, "advertise-client-urls", spec->client_url);
    command_set(c, "log-level", "error");
    /* An announced member starts with the settings that `member add` printed, which arrive as
     * variables. */
    if (!m->added) {
        command_set(c, "name", spec->name);
        command_set(c, "initial-advertise-peer-urls", spec->peer_url);
        command_set(c, "initial-cluster", initial_cluster(c->run, m));
        command_set(c, "initial-cluster-state", spec->listed ? "new" : "existing");
    }
    command_set_all(c, &c->run->s->flags);
    command_set_all(c, &spec->flags);
    if (action != NULL) {
        command_set_all(c, &action->flags);
    }
}

bool member_start(struct run *run, struct member *m, const struct action *action)
{
    struct command c = {.run = run};
    const char *args[ARGS_MAX + 1] = {"quorated"};
    command_fill(&c, m, action);
    for (size_t i = 0; i < c.count; i++) {
        args[i + 1] = run_text(run, "--%s=%s", c.names[i], c.values[i]);
    }
    if (!host_is_on(m->host)) {
        host_power_on(m->host);
    }
    disk_starts(run, m);
    struct node_start start = {.program = &server_program,
                               .args = args,
                               .arg_count = c.count + 1,
                               .vars = m->settings,
                               .var_count = m->added ? m->setting_count : 0,
                               .log_to_stderr = true,
                               .log_level = LOG_ERROR,
                               .observer = &m->observer,
                               .ended = member_ended,
                               .data = m};
    if (node_start(m->node, &start) != 0) {
        return false;
    }
    m->running = true;
    m->ever_started = true;
    m->stopping = false;
    m->paused = false;
    m->published = false;
    if (m->epoch_id == 0 || m->wiped) {
        m->epoch = epoch_newest(run);
    }
    m->replaying = true;
    m->fetching = true;
    m->boot_commit = 0;
    m->fetch_target = run->commit_max;
    m->role = OBS_FOLLOWER;
    m->term = 0;
    m->leader = 0;
    m->commit = 0;
    m->applied = 0;
    m->config.voter_count = 0;
    m->config.learner_count = 0;
    m->config.index = 0;
    run->dirty = true;
    run->changed = true;
    return true;
}

/* It has ended by itself. One that cannot join may do so with an error, and one that was removed
 * without; but a member that has once begun runs until it is told otherwise, or expected, or its
 * disk has done something wrong and it says so. */
static void exited(struct run *run, struct member *m)
{
    int code = node_exit_code(m->node);
    struct slice text = ctl_last_line(node_output(m->node, ENV_STDERR));
    const char *why = run_copy(run, text);
    struct row *row =
        row_add(run, ROW_PLAIN, m->spec->name, run_text(run, "exits by itself, code %d", code));
    row->detail = text.len > 0 ? why : NULL;
    bool explained = text.len > 0 && disk_explains_end(m);
    if (m->ever_booted && code != 0 && m->waiting_exit == SIZE_MAX && !explained) {
        run_fail(run, VERDICT_ABORTED, "node", "exit", "",
                 run_text(run, "%s ended by itself with code %d\n%s", m->spec->name, code, why));
    }
}

void member_ended(struct node *node, void *data)
{
    struct member *m = data;
    struct run *run = m->run;
    size_t step = m->waiting_stop;
    if (run->phase == RUN_OVER) {
        return; /* the world itself ends */
    }
    m->running = false;
    m->paused = false;
    m->published = false;
    checks_ended(run->checks, m->index);
    role_record(run, m, true);
    run->dirty = true;
    run->changed = true;
    if (node_state(node) == NODE_ABORTED) {
        run->stopping = true; /* the loop tells why */
    } else if (!m->stopping) {
        exited(run, m);
    }
    m->waiting_stop = SIZE_MAX;
    if (step != SIZE_MAX && --run->steps[step].pending == 0) {
        step_finish(run, step);
    }
    step = m->waiting_exit;
    m->waiting_exit = SIZE_MAX;
    if (step != SIZE_MAX) {
        step_finish(run, step); /* nothing, if it was a start */
        judge_step(run, step);
    }
}
