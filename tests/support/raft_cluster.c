#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/assert.h"
#include "base/duration.h"
#include "base/fmt.h"
#include "base/hash.h"
#include "support/raft_cluster_impl.h"

void tell(struct cluster *c, int kind, const char *format, ...)
{
    if ((c->tell & kind) == 0) {
        return;
    }
    va_list args;
    va_start(args, format);
    buf_printf(&c->story, "%5lld ", (long long)(c->now_ns / MS_NS));
    buf_vprintf(&c->story, format, args);
    buf_add_str(&c->story, "\n");
    va_end(args);
}

static void add_ids(struct buf *b, const char *what, const member_id_t *ids, uint32_t count)
{
    if (count > 0) {
        buf_add_str(b, what);
    }
    for (uint32_t i = 0; i < count; i++) {
        buf_printf(b, " n%llu", (unsigned long long)ids[i]);
    }
}

static void tell_conf(struct cluster *c, const struct node *n)
{
    const struct raft_conf *conf = raft_conf(n->raft);
    struct buf text;
    buf_init(&text, c->mem);
    add_ids(&text, " voters", conf->voters, conf->voter_count);
    add_ids(&text, ", learners", conf->learners, conf->learner_count);
    tell(c, TELL_CONF, "n%llu:%s", (unsigned long long)n->id, buf_cstr(&text));
    buf_fini(&text);
}

/* --- happenings */

struct happening *happen(struct cluster *c, enum happening_kind kind, struct node *n, int64_t at_ns,
                         struct slice bytes)
{
    struct happening *h = mem_zalloc(c->mem, 1, sizeof(*h) + bytes.len);
    h->kind = kind;
    h->node = n->id;
    h->boot = n->boot;
    h->len = bytes.len;
    if (bytes.len > 0) {
        memcpy(h->bytes, bytes.ptr, bytes.len);
    }
    heap_push(&c->events, &h->item, at_ns);
    return h;
}

/* --- links */

static void tell_message(struct cluster *c, int kind, const char *verb,
                         const struct raft_message *m)
{
    if ((m->type == RAFT_HEARTBEAT || m->type == RAFT_HEARTBEAT_RESULT) &&
        (c->tell & TELL_HEARTBEATS) == 0) {
        return;
    }
    char text[160];
    size_t at =
        fmt(text, sizeof(text), "n%llu %s n%llu: %s%s%s%s, term %llu", (unsigned long long)m->from,
            verb, (unsigned long long)m->to, m->pre ? "pre-" : "", m->force ? "forced " : "",
            raft_message_name(m->type), m->reject ? " no" : "", (unsigned long long)m->term);
    if (m->type == RAFT_APPEND) {
        fmt(text + at, sizeof(text) - at, ", behind %llu/%llu, %zu entries, commit %llu",
            (unsigned long long)m->index, (unsigned long long)m->log_term, m->entry_count,
            (unsigned long long)m->commit);
    } else if (m->type == RAFT_APPEND_RESULT && m->reject) {
        fmt(text + at, sizeof(text) - at, ", behind %llu, hint %llu/%llu",
            (unsigned long long)m->index, (unsigned long long)m->hint_index,
            (unsigned long long)m->hint_term);
    } else if (m->type == RAFT_VOTE || m->type == RAFT_SNAPSHOT) {
        fmt(text + at, sizeof(text) - at, ", last %llu/%llu", (unsigned long long)m->index,
            (unsigned long long)m->log_term);
    } else if (m->type == RAFT_APPEND_RESULT || m->type == RAFT_SNAPSHOT_RESULT) {
        fmt(text + at, sizeof(text) - at, ", through %llu", (unsigned long long)m->index);
    } else if (m->type == RAFT_PROPOSE) {
        fmt(text + at, sizeof(text) - at, ", sequence %llu", (unsigned long long)m->context);
    }
    tell(c, kind, "%s", text);
}

static bool record_survives(struct cluster *c, const struct raft_message *m)
{
    bool lucky = !rng_chance(&c->rng, c->loss_ppm);
    if (c->cut[m->from][m->to]) {
        return false;
    }
    return lucky && (c->filter == NULL || c->filter(c, m));
}

static void deliver_later(struct cluster *c, struct node *to, const struct raft_message *m,
                          struct slice bytes, uint64_t state)
{
    int64_t delay = c->latency_ns;
    if (c->jitter_ns > 0) {
        delay += rng_range(&c->rng, 0, c->jitter_ns);
    }
    struct happening *h = happen(c, DELIVER, to, c->now_ns + delay, bytes);
    h->peer = m->from;
    h->state = state;
}

static void send_record(struct cluster *c, struct node *from, const struct raft_message *m)
{
    struct node *to = &c->nodes[m->to];
    uint64_t state = m->type == RAFT_SNAPSHOT ? c->state_at[m->index] : 0;
    c->records++;
    struct buf bytes;
    buf_init(&bytes, c->mem);
    raft_message_encode(m, &bytes);
    tell_message(c, TELL_SENDS, "->", m);
    bool arrives = record_survives(c, m);
    if (arrives) {
        deliver_later(c, to, m, buf_slice(&bytes), state);
        if (rng_chance(&c->rng, c->duplicate_ppm)) {
            deliver_later(c, to, m, buf_slice(&bytes), state);
        }
    } else {
        tell_message(c, TELL_LOSSES, "-x", m);
    }
    if (m->type == RAFT_SNAPSHOT) {
        struct happening *h = happen(c, SNAPSHOT_REPORT, from, c->now_ns + 2 * c->latency_ns,
                                     (struct slice){NULL, 0});
        h->peer = m->to;
        h->ok = arrives;
    }
    buf_fini(&bytes);
}

/* --- disks */

static void store(struct cluster *c, struct stored *to, const struct raft_entry *entry)
{
    (void)c;
    assert_true(entry->payload.len <= TEXT_MAX);
    memset(to, 0, sizeof(*to));
    to->term = entry->term;
    to->type = entry->type;
    to->len = entry->payload.len;
    if (to->len > 0) {
        memcpy(to->bytes, entry->payload.ptr, to->len);
    }
}

static void write_begin(struct cluster *c, struct node *n, const struct raft_persist *p)
{
    struct disk_write *w = mem_zalloc(c->mem, 1, sizeof(*w));
    w->persist = *p;
    w->entries = mem_zalloc(c->mem, p->entry_count + 1, sizeof(*w->entries));
    for (size_t i = 0; i < p->entry_count; i++) {
        store(c, &w->entries[i], &p->entries[i]);
        check_payload(c, p->entries[i].index, p->entries[i].term, p->entries[i].payload);
    }
    if (p->snapshot_index != 0) {
        w->conf = *p->snapshot_conf;
        w->state = n->state;
    }
    w->done_ns = c->now_ns + c->disk_ns;
    *n->writes_tail = w;
    n->writes_tail = &w->next;
    if (!n->disk_stalled) {
        happen(c, WRITE_DONE, n, w->done_ns, (struct slice){NULL, 0});
    }
}

void write_free(struct cluster *c, struct disk_write *w)
{
    mem_free(c->mem, w->entries);
    mem_free(c->mem, w);
}

/* Takes the oldest write onto the disk; the caller frees it. */
struct disk_write *write_land(struct cluster *c, struct node *n)
{
    struct disk_write *w = n->writes;
    struct disk_log *d = &n->disk;
    const struct raft_persist *p = &w->persist;
    n->writes = w->next;
    if (n->writes == NULL) {
        n->writes_tail = &n->writes;
    }
    if (p->snapshot_index != 0) {
        d->snapshot_index = p->snapshot_index;
        d->snapshot_term = p->snapshot_term;
        d->snapshot_conf = w->conf;
        d->snapshot_state = w->state;
        d->base = p->snapshot_index;
        d->count = 0;
    }
    if (p->truncate_from != 0) {
        assert_true(p->truncate_from > d->base && p->truncate_from <= d->base + d->count);
        d->count = p->truncate_from - d->base - 1;
    }
    if (p->entry_count > 0) {
        assert_int_equal(p->last_index, d->base + d->count + p->entry_count);
        if (d->cap < d->count + p->entry_count) {
            d->cap = 2 * (d->count + p->entry_count);
            d->entries = mem_resize(c->mem, d->entries, d->cap * sizeof(*d->entries));
        }
        memcpy(d->entries + d->count, w->entries, p->entry_count * sizeof(*d->entries));
        d->count += p->entry_count;
    }
    if (p->hard_changed) {
        check_vote(c, n, &p->hard);
        d->hard = p->hard;
    }
    return w;
}

/* All that are due: writes complete in order, so an early one may have waited for a slow one. */
static void write_done(struct cluster *c, struct node *n)
{
    while (n->raft != NULL && n->writes != NULL && n->writes->done_ns <= c->now_ns &&
           !n->disk_stalled) {
        complete_write(c, n);
    }
}

void complete_write(struct cluster *c, struct node *n)
{
    struct disk_write *w = write_land(c, n);
    struct raft_event e = {.type = RAFT_EVENT_PERSISTED,
                           .token = w->persist.token,
                           .index = w->persist.last_index,
                           .term = w->persist.last_term};
    tell(c, TELL_DISK, "n%llu: durable through %llu/%llu", (unsigned long long)n->id,
         (unsigned long long)e.index, (unsigned long long)e.term);
    write_free(c, w);
    act(c, n, &e);
    while (n->held != NULL && n->held->token <= e.token) {
        struct held *h = n->held;
        n->held = h->next;
        if (n->held == NULL) {
            n->held_tail = &n->held;
        }
        send_record(c, n, &h->message);
        mem_free(c->mem, h);
    }
}

/* --- the node's turn */

static void tell_update(struct cluster *c, struct node *n, const struct raft_update *u)
{
    unsigned long long id = n->id;
    if (u->state_changed) {
        if (u->leader != 0 && u->role != RAFT_LEADER) {
            tell(c, TELL_ROLES, "n%llu: %s of n%llu, term %llu", id, raft_role_name(u->role),
                 (unsigned long long)u->leader, (unsigned long long)u->term);
        } else {
            tell(c, TELL_ROLES, "n%llu: %s, term %llu", id, raft_role_name(u->role),
                 (unsigned long long)u->term);
        }
    }
    if (u->truncated_from != 0) {
        tell(c, TELL_LOG, "n%llu: truncates from %llu", id, (unsigned long long)u->truncated_from);
    }
    if (u->appended_first != 0) {
        tell(c, TELL_LOG, "n%llu: appends %llu..%llu", id, (unsigned long long)u->appended_first,
             (unsigned long long)u->appended_last);
    }
    if (u->commit_first != 0) {
        tell(c, TELL_COMMITS, "n%llu: commits %llu..%llu", id, (unsigned long long)u->commit_first,
             (unsigned long long)u->commit_last);
    }
    if (u->persist.snapshot_index != 0) {
        tell(c, TELL_COMMITS, "n%llu: installs a snapshot of %llu/%llu", id,
             (unsigned long long)u->persist.snapshot_index,
             (unsigned long long)u->persist.snapshot_term);
    }
    if (u->propose == RAFT_PROPOSE_DROPPED) {
        tell(c, TELL_ROLES, "n%llu: drops the proposal: %s", id, err_text(u->propose_err));
    }
    if (u->propose_conf_refused) {
        tell(c, TELL_ROLES, "n%llu: another change is pending; an empty entry takes its place", id);
    }
    if (u->transfer_err != 0) {
        tell(c, TELL_ROLES, "n%llu: no transfer: %s", id, err_text(u->transfer_err));
    }
}

static void take_reads(struct cluster *c, struct node *n, const struct raft_update *u)
{
    for (size_t i = 0; i < u->read_count; i++) {
        const struct raft_read *read = &u->reads[i];
        check_read(c, read);
        n->reads_ok += read->err == 0;
        n->reads_failed += read->err != 0;
        if (read->err == 0) {
            tell(c, TELL_READS, "n%llu: read %llu at %llu", (unsigned long long)n->id,
                 (unsigned long long)read->context, (unsigned long long)read->index);
        } else {
            tell(c, TELL_READS, "n%llu: read %llu fails: %s", (unsigned long long)n->id,
                 (unsigned long long)read->context, err_text(read->err));
        }
    }
}

static void take_messages(struct cluster *c, struct node *n, const struct raft_update *u)
{
    for (size_t i = 0; i < u->message_count; i++) {
        const struct raft_message *m = &u->messages[i];
        if (m->after_token == 0) {
            send_record(c, n, m);
            continue;
        }
        /* A message that waits borrows nothing. */
        assert_true(m->entry_count == 0 && m->conf == NULL);
        struct held *h = mem_zalloc(c->mem, 1, sizeof(*h));
        h->token = m->after_token;
        h->message = *m;
        *n->held_tail = h;
        n->held_tail = &h->next;
    }
}

static void step(struct cluster *c, struct node *n, struct raft_event *e)
{
    struct raft_update u;
    e->now_ns = c->now_ns;
    raft_step(n->raft, e, &u);
    raft_check(n->raft);
    n->last = u;
    tell_update(c, n, &u);
    /* The state arrives with the message and is restored before it is written down. */
    if (u.persist.snapshot_index != 0) {
        n->applied = u.persist.snapshot_index;
        n->state = e->context;
        check_state(c, n);
    }
    if (u.persist.token != 0 && (u.persist.sync || !c->forget_commits)) {
        write_begin(c, n, &u.persist);
    }
    check_role(c, n);
    if (u.commit_first != 0) {
        check_commit(c, n, u.commit_first, u.commit_last);
    }
    n->role = u.role;
    take_messages(c, n, &u);
    take_reads(c, n, &u);
    if (u.conf_changed) {
        tell_conf(c, n);
    }
    heap_remove(&c->events, &n->timer);
    if (u.deadline_ns != INT64_MAX) {
        heap_push(&c->events, &n->timer, u.deadline_ns > c->now_ns ? u.deadline_ns : c->now_ns);
    }
}

/* The server's part: it refuses to remove the last voter. */
static enum raft_conf_type accept_change(const struct raft *raft,
                                         const struct raft_conf_change *change)
{
    const struct raft_conf *conf = raft_conf(raft);
    bool takes_voter = change->type == RAFT_CONF_REMOVE || change->type == RAFT_CONF_ADD_LEARNER;
    if (takes_voter && conf->voter_count == 1 && conf->voters[0] == change->member) {
        return RAFT_CONF_NONE;
    }
    return change->type;
}

static void apply_one(struct cluster *c, struct node *n)
{
    const struct raft_entry *entry = raft_log_entry(n->raft, n->applied + 1);
    n->applied++;
    n->state = hash64_mix(n->state, hash64(entry->payload.ptr, entry->payload.len, entry->term));
    check_state(c, n);
    struct raft_event e = {.type = RAFT_EVENT_APPLIED, .index = n->applied};
    if (entry->type == RAFT_ENTRY_CONF) {
        struct raft_conf_change change;
        assert_int_equal(raft_conf_change_decode(entry->payload, &change), 0);
        e.type = RAFT_EVENT_CONF_APPLIED;
        e.conf_type = accept_change(n->raft, &change);
        e.member = change.member;
    }
    step(c, n, &e);
}

void act(struct cluster *c, struct node *n, struct raft_event *e)
{
    step(c, n, e);
    struct raft_update called = n->last;
    if (n->applied > raft_applied(n->raft)) {
        struct raft_event restored = {.type = RAFT_EVENT_APPLIED, .index = n->applied};
        step(c, n, &restored);
    }
    while (!n->apply_stopped && n->applied < raft_commit(n->raft)) {
        apply_one(c, n);
    }
    n->last = called;
}

static void deliver(struct cluster *c, struct happening *h)
{
    struct node *n = &c->nodes[h->node];
    struct raft_message m;
    if (n->raft == NULL) {
        return;
    }
    int err = raft_message_decode((struct slice){h->bytes, h->len}, &c->space, &m);
    assert_int_equal(err, 0);
    struct raft_event e = {.type = RAFT_EVENT_RECEIVE, .message = &m, .context = h->state};
    act(c, n, &e);
}

static void snapshot_report(struct cluster *c, const struct happening *h)
{
    struct node *n = &c->nodes[h->node];
    if (n->raft == NULL || n->boot != h->boot) {
        return;
    }
    struct raft_event e = {.type = RAFT_EVENT_SNAPSHOT_SENT, .member = h->peer, .ok = h->ok};
    act(c, n, &e);
}

void run_one(struct cluster *c)
{
    struct heap_item *item = heap_pop(&c->events);
    c->now_ns = item->key;
    for (int i = 1; i < NODES_MAX; i++) {
        if (item == &c->nodes[i].timer) {
            struct raft_event e = {.type = RAFT_EVENT_TICK};
            act(c, &c->nodes[i], &e);
            return;
        }
    }
    struct happening *h = (struct happening *)item;
    if (h->kind == DELIVER) {
        deliver(c, h);
    } else if (h->kind == WRITE_DONE) {
        if (c->nodes[h->node].boot == h->boot) {
            write_done(c, &c->nodes[h->node]);
        }
    } else {
        snapshot_report(c, h);
    }
    mem_free(c->mem, h);
}
