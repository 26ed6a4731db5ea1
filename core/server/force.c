/* --force-new-cluster: a cluster of this member alone, with the data that it has.
 *
 * For when a quorum is gone for good, or never came. What no quorum decided is decreed here: the
 * entries behind the last one that is known to be committed are dropped, and changes are appended
 * that make this member a voter, if it is none, and remove all others. They are committed as they
 * stand. All of it is one unit of the log, so that a crash leaves the old cluster or the new one,
 * and raft is not stepped before that unit is durable.
 *
 * The decree begins a new history epoch: the members that are left outside may know of entries that
 * were committed and are lost here. Its entries carry the epoch's number, and a term that no leader
 * has had here, so that none of them can be taken for one of the old history.
 *
 * Differences from etcd 3.4: there a learner, or a member that was removed, ends in a panic for
 * lack of voters; and a member that was its cluster's only voter loses what it had acknowledged but
 * not yet noted as committed. Here its log is all committed, as no one else was needed for that.
 */
#include "base/assert.h"
#include "base/hash.h"
#include "base/probe.h"
#include "node.h"

#define FORCED_TOKEN 1

struct forced {
    struct membership members; /* as the plan goes on, in the end those of the new cluster */
    struct raft_hard_state hard;
    struct raft_entry *entries; /* those that are kept, and the decreed ones behind */
    size_t kept_count;
    index_t kept; /* the last one's */
    size_t decreed_count;
    struct buf payloads;
    size_t ends[MEMBERS_MAX + 1]; /* of the decreed entries' payloads */
    index_t dropped;              /* how many entries were not known to be committed */
};

void force_find_epoch(struct server *server, index_t commit)
{
    struct begun *begun = &server->begun;
    *begun = (struct begun){.epoch = server->members.epoch};
    for (index_t i = server->applied + 1; i <= commit && i <= raft_last(server->raft); i++) {
        const struct raft_entry *entry = raft_log_entry(server->raft, i);
        struct raft_conf_change conf;
        struct entry_head head;
        struct membership_change change;
        if (entry->type != RAFT_ENTRY_CONF || raft_conf_change_decode(entry->payload, &conf) != 0 ||
            !apply_read_change(&conf, &head, &change) || change.epoch == 0) {
            continue;
        }
        if (change.epoch != begun->epoch) {
            *begun = (struct begun){
                .epoch = change.epoch, .parent = begun->epoch, .kept = i - 1, .last = i};
        }
        begun->last = i;
    }
}

struct storage_boot *force_keep(struct server *server, const struct storage_boot *boot)
{
    size_t entries_bytes = boot->entry_count * sizeof(*boot->entries);
    size_t payload_bytes = 0;
    for (size_t i = 0; i < boot->entry_count; i++) {
        payload_bytes += boot->entries[i].payload.len;
    }
    /* All in one piece. */
    struct storage_boot *copy = mem_alloc(
        server->env->mem, sizeof(*copy) + sizeof(struct raft_conf) + entries_bytes + payload_bytes);
    struct raft_conf *conf = (struct raft_conf *)(copy + 1);
    struct raft_entry *entries = (struct raft_entry *)(conf + 1);
    uint8_t *bytes = (uint8_t *)(entries + boot->entry_count);
    *copy = *boot;
    *conf = *boot->snapshot_conf;
    copy->snapshot = NULL;
    copy->snapshot_conf = conf;
    copy->entries = entries;
    for (size_t i = 0; i < boot->entry_count; i++) {
        struct slice payload = boot->entries[i].payload;
        entries[i] = boot->entries[i];
        entries[i].payload = slice_of(bytes, payload.len);
        if (payload.len > 0) {
            memcpy(bytes, payload.ptr, payload.len);
        }
        bytes += payload.len;
    }
    return copy;
}

void force_free(struct server *server)
{
    struct forced *f = server->forced;
    server->forced = NULL;
    if (f != NULL) {
        membership_fini(&f->members);
        buf_fini(&f->payloads);
        mem_free(server->env->mem, f->entries);
        mem_free(server->env->mem, f);
    }
}

/* Refused changes change nothing, here as when the entry was applied. */
static void apply_entry(struct forced *f, const struct raft_entry *entry)
{
    struct raft_conf_change conf;
    struct entry_head head;
    struct membership_change change;
    if (entry->type == RAFT_ENTRY_CONF && raft_conf_change_decode(entry->payload, &conf) == 0 &&
        apply_read_change(&conf, &head, &change) && membership_apply(&f->members, &change) != 0) {
        PROBE("server.force_passes_refused_change");
    }
}

static bool is_only_voter(const struct server *server, const struct forced *f)
{
    const struct member *own = membership_find(&f->members, server->id);
    return own != NULL && !own->is_learner && membership_voters(&f->members) == 1;
}

/* What the log says, and then all that this member needed nobody for. */
static bool is_kept(const struct server *server, const struct storage_boot *boot,
                    const struct forced *f, index_t index)
{
    if (index <= boot->snapshot_index || index <= boot->hard.commit) {
        return true;
    }
    if (is_only_voter(server, f)) {
        PROBE("server.force_keeps_single_voters_entry");
        return true;
    }
    return false;
}

/* What counts as committed, and the members that it leads to. */
static void find_kept(const struct server *server, const struct storage_boot *boot,
                      struct forced *f)
{
    size_t i = 0;
    struct buf copy;
    buf_init(&copy, server->env->mem);
    membership_encode(&server->members, &copy);
    int rv = membership_decode(&f->members, buf_slice(&copy));
    ASSERT(rv == 0);
    buf_fini(&copy);
    f->kept = boot->snapshot_index;
    for (; i < boot->entry_count && is_kept(server, boot, f, boot->entries[i].index); i++) {
        if (boot->entries[i].index > f->kept) {
            f->kept = boot->entries[i].index;
            apply_entry(f, &boot->entries[i]);
        }
    }
    f->kept_count = i;
    f->dropped = boot->entry_count - i;
}

static void decree(struct server *server, struct forced *f, struct membership_change *change,
                   uint64_t epoch)
{
    const struct entry_head head = {.kind = ENTRY_CONF};
    struct buf context;
    change->epoch = epoch;
    buf_init(&context, server->env->mem);
    entry_put_head(&context, &head);
    membership_change_encode(change, &context);
    const struct raft_conf_change conf = {(enum raft_conf_type)change->type, change->id,
                                          buf_slice(&context)};
    raft_conf_change_encode(&conf, &f->payloads);
    f->ends[f->decreed_count++] = f->payloads.len;
    buf_fini(&context);
    int rv = membership_apply(&f->members, change);
    ASSERT(rv == 0);
}

/* First this member, so that there is always a voter, then the others away. */
static void decree_all(struct server *server, struct forced *f, struct buf *removed)
{
    const struct member *own = membership_find(&f->members, server->id);
    struct membership_change change = {.id = server->id};
    uint64_t start = hash64_mix(server->instance, server->boot);
    uint64_t epoch = membership_epoch_next(f->members.epoch, (uint32_t)start);
    if (own == NULL) {
        change.type = MEMBERSHIP_ADD_VOTER;
        change.peer_urls.count = server->config.advertise_peer.count;
        memcpy(change.peer_urls.at, server->config.advertise_peer.text,
               change.peer_urls.count * sizeof(change.peer_urls.at[0]));
        decree(server, f, &change, epoch);
    } else if (own->is_learner) {
        membership_plan_promote(server->id, &change);
        decree(server, f, &change, epoch);
    }
    for (size_t i = 0; i < f->members.count;) {
        member_id_t id = f->members.members[i]->id;
        if (id == server->id) {
            i++;
            continue;
        }
        buf_printf(removed, "%s%llx", removed->len > 0 ? " " : "", (unsigned long long)id);
        membership_plan_remove(id, &change);
        decree(server, f, &change, epoch);
    }
    if (f->decreed_count == 0) {
        /* It is alone. An entry has to say that what follows is another history. */
        own = membership_find(&f->members, server->id);
        change = (struct membership_change){
            .type = MEMBERSHIP_UPDATE, .id = server->id, .peer_urls = own->peer_urls};
        decree(server, f, &change, epoch);
    }
}

/* One array of the entries that stay and the decreed ones; the payloads of the former are the
 * storage's. */
static void line_up(struct server *server, const struct storage_boot *boot, struct forced *f)
{
    size_t count = f->kept_count + f->decreed_count;
    index_t kept = f->kept;
    f->hard =
        (struct raft_hard_state){.term = boot->hard.term + 1, .commit = kept + f->decreed_count};
    f->entries = mem_alloc(server->env->mem, count * sizeof(*f->entries));
    if (f->kept_count > 0) {
        memcpy(f->entries, boot->entries, f->kept_count * sizeof(*f->entries));
    }
    for (size_t i = 0; i < f->decreed_count; i++) {
        size_t from = i == 0 ? 0 : f->ends[i - 1];
        f->entries[f->kept_count + i] =
            (struct raft_entry){.term = f->hard.term,
                                .index = kept + 1 + i,
                                .payload = slice_of(f->payloads.ptr + from, f->ends[i] - from),
                                .type = RAFT_ENTRY_CONF};
    }
}

static void tell(const struct server *server, const struct forced *f, struct buf *removed)
{
    index_t kept = f->kept;
    if (f->dropped > 0) {
        LOG(server->env, WARN, "discarding uncommitted WAL entries", log_u64("entries", f->dropped),
            log_u64("from", kept + 1), log_u64("to", kept + f->dropped));
    }
    LOG(server->env, WARN,
        "forcing a new cluster of this member alone: what others have committed behind its commit "
        "index is lost; leave --force-new-cluster off from the next start on",
        log_hex("member", server->id), log_hex("cluster", server->cluster_id),
        log_u64("commit index", kept), log_u64("epoch", f->members.epoch >> 32),
        log_slice("removed members", buf_slice(removed)));
}

static bool is_of_use(const struct server *server, const struct storage_boot *boot,
                      const struct forced *f)
{
    if (f->kept == 0 || (f->members.count == 0 && f->members.removed_count == 0)) {
        PROBE("server.force_without_data");
        LOG(server->env, WARN,
            "--force-new-cluster is ignored: nothing that the log holds is known to be committed",
            log_hex("member", server->id), log_u64("entries", boot->entry_count));
        return false;
    }
    /* One that gives up what has rotted begins anew, even alone. */
    if (is_only_voter(server, f) && f->members.count == 1 && boot->recover_to == 0) {
        PROBE("server.force_alone");
        LOG(server->env, WARN,
            "--force-new-cluster is ignored: this member is the only one of its cluster already; "
            "leave it off from the next start on",
            log_hex("member", server->id), log_hex("cluster", server->cluster_id));
        return false;
    }
    return true;
}

bool force_plan(struct server *server, const struct storage_boot *boot, struct raft_start *start)
{
    struct forced *f = mem_zalloc(server->env->mem, 1, sizeof(*f));
    struct buf removed;
    server->forced = f;
    membership_init(&f->members, server->env->mem);
    buf_init(&f->payloads, server->env->mem);
    find_kept(server, boot, f);
    if (!is_of_use(server, boot, f)) {
        force_free(server);
        return false;
    }
    PROBE("server.force");
    buf_init(&removed, server->env->mem);
    decree_all(server, f, &removed);
    line_up(server, boot, f);
    tell(server, f, &removed);
    buf_fini(&removed);
    start->hard = f->hard;
    start->entries = f->entries;
    start->entry_count = f->kept_count + f->decreed_count;
    start->tokens_used = FORCED_TOKEN;
    return true;
}

void force_write(struct server *server)
{
    const struct forced *f = server->forced;
    const struct raft_entry *decreed = f->entries + f->kept_count;
    const struct raft_persist persist = {.token = FORCED_TOKEN,
                                         .sync = true,
                                         .hard_changed = true,
                                         .hard = f->hard,
                                         .truncate_from = f->dropped > 0 ? decreed[0].index : 0,
                                         .entries = decreed,
                                         .entry_count = f->decreed_count,
                                         .last_index = f->hard.commit,
                                         .last_term = f->hard.term};
    ASSERT(f->decreed_count > 0);
    storage_persist(server->storage, &persist);
    /* What had rotted is given up with the rest, behind the decree, so never without it. */
    storage_recovered(server->storage);
}
