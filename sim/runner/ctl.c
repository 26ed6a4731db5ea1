#include "run.h"

#include "base/assert.h"
#include "base/duration.h"
#include "ctl/ctl.h"

#define WORDS_MAX 128

static uint64_t bit(size_t i)
{
    return UINT64_C(1) << i;
}

struct host *run_host(struct run *run, const char *name, const char *address)
{
    struct host *host = NULL;
    int err = host_new(run->world, name, address, &host);
    ASSERT(err == 0);
    run->machine_count = host_machine(host);
    return host;
}

/* A place for commands, and one for each other name that a step's `host` gives. */
void ctl_hosts_make(struct run *run)
{
    int made = 0;
    run->client_host = run_host(run, CLIENT_HOST, "10.255.0.1");
    for (size_t i = 0; i < run->s->step_count; i++) {
        const char *name = run->s->steps[i].action.ctl.host;
        if (name != NULL && host_find(run->world, name) == NULL) {
            made++;
            run_host(run, name, run_text(run, "10.255.%d.%d", 1 + made / 250, 1 + made % 250));
        }
    }
}

/* By default a command asks all members that run, as a person would who knows the cluster; if none
 * does, those that ever ran. */
static uint64_t via_of(const struct run *run, const struct ctl_action *ctl)
{
    uint64_t ever = 0;
    uint64_t now = 0;
    if (ctl->via.count > 0) {
        return whos_resolve(run, &ctl->via);
    }
    for (size_t i = 0; i < run->member_count; i++) {
        now |= run->members[i].running ? bit(i) : 0;
        ever |= run->members[i].ever_started || run->members[i].spec->listed ? bit(i) : 0;
    }
    return now != 0 ? now : ever;
}

static const char *endpoints_of(struct run *run, uint64_t via)
{
    struct buf text;
    buf_init(&text, run->mem);
    buf_add_str(&text, "--endpoints=");
    size_t start = text.len;
    for (size_t i = 0; i < run->member_count; i++) {
        if ((via & bit(i)) != 0) {
            buf_printf(&text, "%s%s", text.len > start ? "," : "",
                       run->members[i].spec->client_url);
        }
    }
    return buf_cstr(&text);
}

struct node *ctl_launch(struct run *run, struct host *host, const char *name, uint64_t via,
                        const char *const *words, size_t count, const char *input,
                        void (*ended)(struct node *node, void *data), void *data)
{
    const char *args[WORDS_MAX + 2] = {"quoratectl"};
    size_t arg_count = 1;
    bool given = false;
    for (size_t i = 0; i < count; i++) {
        given = given || strncmp(words[i], "--endpoints", 11) == 0;
    }
    if (!given) {
        args[arg_count++] = endpoints_of(run, via);
    }
    for (size_t i = 0; i < count && i < WORDS_MAX; i++) {
        args[arg_count++] = words[i];
    }
    struct node *node = node_new(host, name);
    struct node_start start = {.program = &ctl_program,
                               .args = args,
                               .arg_count = arg_count,
                               .input = slice_str(input != NULL ? input : ""),
                               .log_level = LOG_ERROR,
                               .ended = ended,
                               .data = data};
    return node_start(node, &start) == 0 ? node : NULL;
}

struct slice ctl_last_line(struct slice text)
{
    while (text.len > 0 && text.ptr[text.len - 1] == '\n') {
        text.len--;
    }
    size_t from = text.len;
    while (from > 0 && text.ptr[from - 1] != '\n') {
        from--;
    }
    return slice_from(text, from);
}

/* What `newest` means: the highest revision of a running member, as the simulator sees it. */
static revision_t newest_revision(const struct run *run)
{
    revision_t newest = 1;
    for (size_t i = 0; i < run->member_count; i++) {
        const struct member *m = &run->members[i];
        newest = m->running && m->revision > newest ? m->revision : newest;
    }
    return newest;
}

/* The words with what is known now filled in. False: something is not known. */
static bool fill_words(struct run *run, size_t index, const char **words)
{
    const struct ctl_action *ctl = &run->s->steps[index].action.ctl;
    for (size_t i = 0; i < ctl->word_count && i < WORDS_MAX; i++) {
        struct buf word;
        buf_init(&word, run->mem);
        for (size_t k = 0; k < ctl->words[i].count; k++) {
            const struct word_part *part = &ctl->words[i].parts[k];
            const struct member *m = &run->members[part->member];
            switch (part->kind) {
            case PART_TEXT: buf_add_str(&word, part->text); break;
            case PART_PEER: buf_add_str(&word, m->spec->peer_url); break;
            case PART_CLIENT: buf_add_str(&word, m->spec->client_url); break;
            case PART_ID:
                if (m->id == 0) {
                    run->steps[index].got =
                        run_text(run, "${%s.id} is not known: it was neither added nor started",
                                 m->spec->name);
                    return false;
                }
                buf_printf(&word, "%llx", (unsigned long long)m->id);
                break;
            case PART_REVISION:
                buf_printf(&word, "%lld", (long long)(newest_revision(run) - part->back));
                break;
            }
        }
        words[i] = buf_cstr(&word);
    }
    return true;
}

/* What kind of request a command line is, as far as availability speaks of it. */
static enum service service_of(const char *const *words, size_t count, const char **kind)
{
    const char *found[2] = {"", ""};
    size_t at = 0;
    bool serializable = false;
    for (size_t i = 0; i < count; i++) {
        serializable = serializable || strcmp(words[i], "--consistency=s") == 0;
        if (words[i][0] != '-' && at < 2) {
            found[at++] = words[i];
        }
    }
    *kind = found[0];
    if (strcmp(found[0], "put") == 0 || strcmp(found[0], "del") == 0) {
        return SERVICE_WRITES;
    }
    if (strcmp(found[0], "get") == 0) {
        return serializable ? SERVICE_SERIALIZABLE : SERVICE_LINEARIZABLE;
    }
    if (strcmp(found[0], "member") == 0) {
        return strcmp(found[1], "list") == 0 ? SERVICE_COUNT : SERVICE_MEMBERS;
    }
    return SERVICE_COUNT;
}

/* `NAME="VALUE"` lines of a successful `member add` become the new member's variables; the first
 * line tells its ID. */
static void read_settings(struct run *run, struct member *m, struct slice out)
{
    static const char *const names[] = {"ETCD_INITIAL_ADVERTISE_PEER_URLS", "ETCD_INITIAL_CLUSTER",
                                        "ETCD_INITIAL_CLUSTER_STATE", "ETCD_NAME"};
    static const char member[] = "Member ";
    m->setting_count = 0;
    while (out.len > 0) {
        ptrdiff_t end = slice_find(out, '\n');
        struct slice line = slice_of(out.ptr, end < 0 ? out.len : (size_t)end);
        out = slice_from(out, line.len + 1);
        if (slice_starts_with(line, member)) {
            struct slice rest = slice_from(line, sizeof(member) - 1);
            ptrdiff_t blank = slice_find(rest, ' ');
            uint64_t id = 0;
            if (blank > 0 && slice_hex_to_u64(slice_of(rest.ptr, (size_t)blank), &id) == 0) {
                m->id = id;
            }
        }
        for (size_t i = 0; i < 4; i++) {
            size_t len = strlen(names[i]);
            if (slice_starts_with(line, names[i]) && line.len > len + 2 && line.ptr[len] == '=') {
                struct slice value = slice_of(line.ptr + len + 2, line.len - len - 3);
                m->settings[m->setting_count++] = (struct env_var){names[i], run_copy(run, value)};
            }
        }
    }
    m->added = m->setting_count == 4;
    m->added_ns = run_now(run);
    run->dirty = true;
}

static void on_ended(struct node *node, void *data)
{
    struct step_state *st = data;
    struct run *run = st->run;
    struct slice out = node_output(node, ENV_STDOUT);
    struct slice error = ctl_last_line(node_output(node, ENV_STDERR));
    enum load_outcome outcome = LOAD_OK;
    if (run->phase == RUN_OVER) {
        return; /* the world itself ends */
    }
    if (node_state(node) == NODE_ABORTED) {
        run->stopping = true;
        return;
    }
    int code = node_exit_code(node);
    static const char prefix[] = "Error: ";
    if (slice_starts_with(error, prefix)) {
        error = slice_from(error, sizeof(prefix) - 1);
    }
    if (code != 0) {
        outcome = code == 128 ? LOAD_REFUSED : load_outcome_of(error);
    }
    op_end(run, st->op, outcome, run_copy(run, code == 0 ? out : error));
    for (size_t i = 0; i < run->member_count && code == 0; i++) {
        const struct member_spec *spec = run->members[i].spec;
        if (!spec->listed && spec->added_by == st->index) {
            read_settings(run, &run->members[i], out);
        }
    }
    step_finish(run, st->index);
    judge_step(run, st->index);
}

void ctl_do(struct run *run, size_t index)
{
    const struct ctl_action *ctl = &run->s->steps[index].action.ctl;
    struct step_state *st = &run->steps[index];
    const char *words[WORDS_MAX];
    size_t count = ctl->word_count < WORDS_MAX ? ctl->word_count : WORDS_MAX;
    struct op op = {.client = "ctl",
                    .arg = ctl->text,
                    .usual = ctl->host == NULL && ctl->via.count == 0,
                    .call_ns = run_now(run),
                    .return_ns = NEVER_NS,
                    .outcome = LOAD_UNKNOWN,
                    .result = ""};
    struct host *host = ctl->host != NULL ? host_find(run->world, ctl->host) : run->client_host;
    struct row *row = row_add(run, ROW_PLAIN, "op", ctl->text);
    for (size_t i = 0; i < WORDS_MAX; i++) {
        words[i] = "";
    }
    if (!fill_words(run, index, words)) {
        judge_step(run, index);
        return;
    }
    op.service = service_of(words, count, &op.kind);
    st->op = op_add(run, op);
    row->op = st->op;
    const char *name = run_text(run, "ctl-%zu", index + 1);
    if (st->firings > 1) {
        name = run_text(run, "ctl-%zu.%zu", index + 1, st->firings);
    }
    st->node =
        ctl_launch(run, host, name, via_of(run, ctl), words, count, ctl->input, on_ended, st);
    if (st->node == NULL) {
        st->got = "its host has no power";
        judge_step(run, index);
    }
}
