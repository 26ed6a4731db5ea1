/* One member, whole: what it told of itself, and the truth about its process, disk and links. */
#include "page.h"

#define U(x)      ((unsigned long long)(x))
#define LINES_MAX 8

static void add_name(const struct run *run, member_id_t id, struct buf *out)
{
    size_t i = member_by_id(run, id);
    if (id == 0) {
        buf_add_str(out, "nobody");
    } else if (i != SIZE_MAX) {
        buf_add_str(out, run->members[i].spec->name);
    } else {
        buf_printf(out, "%llx", U(id));
    }
}

static void state_process(const struct run *run, const struct member *m, struct buf *out)
{
    const struct record_member *r = &run->record->members[m->index];
    buf_printf(out, "  process    %s",
               !m->ever_started ? "never started"
               : !m->running    ? "does not run"
               : m->paused      ? "paused"
                                : "running");
    if (m->ever_started) {
        buf_printf(out, ", boot %llu, ID %llx, %s", U(r->boot), U(m->id),
                   m->published ? "serves clients" : "does not serve clients");
    }
    buf_add_str(out, "\n");
}

static void state_raft(const struct run *run, const struct member *m, struct buf *out)
{
    const struct record_member *r = &run->record->members[m->index];
    buf_printf(out, "  term       %llu\n  role       %s, leader ", U(m->term),
               m->running ? obs_role_name(m->role) : "none");
    add_name(run, m->leader, out);
    buf_add_str(out, "\n  vote       for ");
    add_name(run, m->vote, out);
    buf_printf(out, " in term %llu; durable: for ", U(m->vote_term));
    add_name(run, r->hard_vote, out);
    buf_printf(out, " in term %llu\n", U(r->hard_term));
    buf_printf(out, "  log        %llu..%llu, durable through %llu (term %llu), snapshot at %llu\n",
               U(r->first), U(r->last), U(r->durable), U(r->durable_term), U(r->snapshot));
    buf_printf(out, "  commit     %llu (largest of any member: %llu)\n", U(m->commit),
               U(run->commit_max));
    buf_printf(out, "  applied    %llu, revision %lld, state %016llx%s\n", U(m->applied),
               (long long)m->revision, U(m->state_hash),
               m->replaying  ? ", replaying its log"
               : m->fetching ? ", fetching what was committed before"
                             : "");
    buf_printf(out, "  config     index %llu: voters ", U(m->config.index));
    page_config(run, &m->config, out);
    buf_printf(out, "; quorum %zu\n", oracle_quorum(m->config.voter_count));
}

static void state_links(const struct run *run, const struct member *m, struct buf *out)
{
    bool first = true;
    if (m->host == NULL) {
        return;
    }
    buf_printf(out, "  disk       %s\n  links      ",
               !disk_works(host_disk(m->host))      ? "does not work"
               : !disk_is_sound(host_disk(m->host)) ? "does not give back what was written"
               : !disk_is_well(host_disk(m->host))  ? "works, not as it should"
                                                    : "works");
    for (size_t i = 0; i < run->member_count; i++) {
        const struct member *other = &run->members[i];
        if (other == m || other->host == NULL) {
            continue;
        }
        bool to = net_is_open(run->net, host_machine(m->host), host_machine(other->host));
        bool from = net_is_open(run->net, host_machine(other->host), host_machine(m->host));
        buf_printf(out, "%s%s %s", first ? "" : ", ", other->spec->name,
                   to && from ? "open"
                   : to       ? "open only towards it"
                   : from     ? "open only from it"
                              : "closed");
        first = false;
    }
    buf_add_str(out, first ? "none\n" : "\n");
}

static void state_requests(const struct run *run, const struct member *m, struct buf *out)
{
    const struct record_member *r = &run->record->members[m->index];
    buf_printf(out, "  served     %llu requests answered, %llu reads\n", U(r->answered),
               U(r->reads));
    buf_printf(out, "  waiting    %llu requests\n", U(r->waiting_count + r->waiting_more));
    for (size_t i = 0; i < r->waiting_count; i++) {
        const struct record_request *q = &r->waiting[i];
        buf_printf(out, "    %llu %s since ", U(q->id), q->method);
        words_time(run, q->since_ns, out);
        buf_printf(out, ", event %llu\n", U(q->event));
    }
}

static void state_lines(const struct run *run, const struct member *m, struct buf *out)
{
    const struct record *record = run->record;
    size_t lines[LINES_MAX];
    size_t count = 0;
    uint32_t number = m->node != NULL ? node_number(m->node) : 0;
    for (size_t i = record->lines.count; i > 0 && count < LINES_MAX && number != 0; i--) {
        if (record->lines.items[i - 1].node == number) {
            lines[count++] = i - 1;
        }
    }
    buf_add_str(out, "  last told\n");
    for (size_t i = count; i > 0; i--) {
        page_line(run, &record->lines.items[lines[i - 1]], out);
    }
}

bool run_tell_state(const struct run *run, const char *member, struct buf *out)
{
    const struct member *m = NULL;
    for (size_t i = 0; i < run->member_count; i++) {
        if (strcmp(run->members[i].spec->name, member) == 0) {
            m = &run->members[i];
        }
    }
    if (m == NULL) {
        for (size_t i = 0; i < run->member_count; i++) {
            buf_printf(out, "%s%s", i > 0 ? ", " : "", run->members[i].spec->name);
        }
        return false;
    }
    buf_printf(out, "%s at ", member);
    words_time(run, run_now(run), out);
    buf_printf(out, "s, after event %llu\n", U(run->engine->event));
    state_process(run, m, out);
    if (m->ever_started) {
        state_raft(run, m, out);
    }
    state_links(run, m, out);
    if (m->ever_started) {
        state_requests(run, m, out);
        state_lines(run, m, out);
    }
    return true;
}
