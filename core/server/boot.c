/* How a member begins: from its log, or from its flags.
 *
 *   log found: the initial-* flags mean nothing; the state it begins behind is restored -> run
 *     (--force-new-cluster: a cluster of this member is decreed first; see force.c)
 *   none, state new:      flags checked, log made, first entries = the initial members -> run
 *   none, state existing: join.c finds out who we are, log made, empty                 -> run
 */
#include "base/assert.h"
#include "base/probe.h"
#include "node.h"

static void opened(void *data, int status, const struct storage_boot *boot);

static void run(struct server *server);

static void persisted(void *data, uint64_t token, index_t index, term_t term)
{
    struct server *server = data;
    if (server->booting == NULL) {
        consensus_persisted(server, token, index, term);
    } else if (server->phase < SERVER_LEAVING) {
        force_free(server);
        run(server); /* what was decreed is durable */
    }
}

static void failed(void *data, int err)
{
    struct server *server = data;
    struct raft_event event = {.type = RAFT_EVENT_PERSIST_FAILED};
    LOG(server->env, ERROR, "the log cannot be written; stopping before anything is promised",
        log_err(err), log_str("where", storage_words(server->storage)));
    consensus_step(server, &event);
    server->halted = true;
    stop_now(server, 1);
}

static void closed(void *data)
{
    struct server *server = data;
    server->storage_closed = true;
    stop_continue(server);
}

static void space(void *data, uint64_t free_bytes)
{
    alarm_space(data, free_bytes);
}

static const struct storage_events storage_events = {
    .opened = opened,
    .persisted = persisted,
    .failed = failed,
    .space = space,
    .closed = closed,
};

/* The flags' idea of the cluster; why is filled on an error. */
static int parse_initial(struct server *server, struct membership *initial, struct buf *why)
{
    const struct server_config *config = &server->config;
    struct slice name = slice_str(config->name);
    membership_init(initial, server->env->mem);
    int rv = membership_parse(initial, slice_str(config->initial_cluster),
                              slice_str(config->initial_token), why);
    if (rv == 0) {
        struct member_urls advertised = {.count = config->advertise_peer.count};
        memcpy(advertised.at, config->advertise_peer.text,
               advertised.count * sizeof(advertised.at[0]));
        rv = membership_check_new(initial, name, &advertised, why);
    }
    return rv;
}

static void create_new(struct server *server)
{
    struct membership initial;
    struct buf why;
    buf_init(&why, server->env->mem);
    int rv = parse_initial(server, &initial, &why);
    if (rv != 0) {
        server_fatal(server, buf_cstr(&why));
    } else {
        const struct member *own = membership_find_name(&initial, slice_str(server->config.name));
        ASSERT(own != NULL);
        boot_create(server, initial.cluster_id, own->id);
    }
    membership_fini(&initial);
    buf_fini(&why);
}

void boot_create(struct server *server, uint64_t cluster_id, member_id_t id)
{
    const struct storage_meta meta = {.cluster_id = cluster_id, .member_id = id};
    storage_create(server->storage, &meta);
}

/* The first entries of a new cluster: one addition for each initial member, in the order of ids,
 * the same on every one of them. */
static size_t bootstrap_payloads(struct server *server, struct buf *bytes, struct slice *payloads)
{
    struct membership initial;
    size_t ends[MEMBERS_MAX];
    int rv = parse_initial(server, &initial, NULL);
    ASSERT(rv == 0);
    for (size_t i = 0; i < initial.count; i++) {
        const struct entry_head head = {.kind = ENTRY_CONF};
        struct membership_change change;
        struct buf context;
        membership_change_of(initial.members[i], &change);
        buf_init(&context, server->env->mem);
        entry_put_head(&context, &head);
        membership_change_encode(&change, &context);
        const struct raft_conf_change conf = {(enum raft_conf_type)change.type, change.id,
                                              buf_slice(&context)};
        raft_conf_change_encode(&conf, bytes);
        ends[i] = bytes->len;
        buf_fini(&context);
    }
    size_t count = initial.count;
    for (size_t i = 0; i < count; i++) {
        size_t from = i == 0 ? 0 : ends[i - 1];
        payloads[i] = slice_of(bytes->ptr + from, ends[i] - from);
    }
    membership_fini(&initial);
    return count;
}

static void make_raft_config(struct server *server, struct raft_config *config)
{
    raft_config_init(config, server->id, server->boot);
    config->rng = env_random(server->env, "raft.election");
    config->heartbeat_ns = server->config.heartbeat_ns;
    config->election_ns = server->config.election_ns;
    config->pre_vote = server->config.pre_vote;
    config->check_quorum = true;
    config->append_entries_max = server->config.append_entries_max;
}

/* What is known of the past while the state that the log begins behind is being restored, and while
 * a decree is being written. */
struct boot {
    struct raft *raft; /* NULL: it waits for the state, because a cluster is to be forced */
    struct storage_boot *kept;
    struct raft_hard_state hard;
    size_t entries;
    bool fresh;
    struct snapshot_restore *restore;
};

/* As far as the log tells, nobody else could give back what has rotted. */
static bool is_alone(const struct storage_boot *boot)
{
    struct raft_conf conf = {0};
    if (boot->snapshot_conf != NULL) {
        conf = *boot->snapshot_conf;
    }
    for (size_t i = 0; i < boot->entry_count; i++) {
        struct raft_conf_change change;
        if (boot->entries[i].index > boot->snapshot_index &&
            boot->entries[i].type == RAFT_ENTRY_CONF &&
            raft_conf_change_decode(boot->entries[i].payload, &change) == 0) {
            raft_conf_apply(&conf, change.type, change.member);
        }
    }
    return conf.voter_count < 2;
}

/* Entries have rotted. False: there is no way on, and the server ends. */
static bool may_recover(struct server *server, const struct storage_boot *boot,
                        struct raft_start *start)
{
    if (boot->recover_to == 0) {
        return true;
    }
    if (server->forced != NULL) {
        /* All from there on is given up; a new history begins, and tells so. */
        storage_repair(server->storage);
        return true;
    }
    start->recover_to = boot->recover_to;
    if (!is_alone(boot)) {
        PROBE("server.recovers");
        storage_repair(server->storage);
        return true;
    }
    PROBE("server.single_voter_lost_entries");
    server_fatal(server,
                 server->config.force_new
                     ? "entries of the log have rotted, and nothing is left before them that a new "
                       "cluster could begin with; restore a backup"
                     : "entries of the log have rotted, and no other voter could give them back; "
                       "restore a backup, or give up what is lost with --force-new-cluster");
    return false;
}

/* Memory begins where it would begin had the member not stopped (snapshot_take.c). What the disk
 * keeps beyond that is there for a snapshot that rots; the entry at the snapshot's index stays, so
 * that raft can compare. */
static void leave_old_on_disk(const struct server *server, struct raft_start *start)
{
    size_t count = start->entry_count;
    if (count == 0 || start->entries[0].index >= start->snapshot_index ||
        start->entries[count - 1].index < start->snapshot_index) {
        return;
    }
    size_t first = (size_t)(start->snapshot_index - start->entries[0].index);
    uint64_t left = server->config.catchup_entries;
    uint64_t bytes = 0;
    for (; first > 0 && left > 0; left--) {
        bytes += start->entries[first].payload.len;
        if (bytes > SNAPSHOT_CATCHUP_BYTES) {
            break;
        }
        first--;
    }
    start->entries += first;
    start->entry_count -= first;
}

/* False: the log contradicts itself or cannot be repaired, and the server ends. */
static bool make_raft(struct server *server, const struct storage_boot *boot)
{
    struct boot *booting = server->booting;
    struct slice payloads[MEMBERS_MAX];
    struct raft_config config;
    struct buf bytes;
    struct raft_start start = {.hard = boot->hard,
                               .snapshot_index = boot->snapshot_index,
                               .snapshot_term = boot->snapshot_term,
                               .conf = boot->snapshot_conf,
                               .entries = boot->entries,
                               .entry_count = boot->entry_count};
    make_raft_config(server, &config);
    buf_init(&bytes, server->env->mem);
    if (booting->fresh && !server->config.existing) {
        start.bootstrap = payloads;
        start.bootstrap_count = bootstrap_payloads(server, &bytes, payloads);
        server->bootstrap_count = start.bootstrap_count;
    } else if (server->config.force_new && force_plan(server, boot, &start)) {
        booting->hard = start.hard;
        booting->entries = start.entry_count;
    } else {
        leave_old_on_disk(server, &start);
    }
    if (!may_recover(server, boot, &start)) {
        buf_fini(&bytes);
        return false;
    }
    int rv = raft_new(server->env->mem, &config, &start, &booting->raft);
    buf_fini(&bytes);
    if (rv != 0) {
        PROBE("server.log_contradicts_itself");
        server_fatal(server,
                     "the log cannot be a log of this version: it contradicts itself; restore the "
                     "member from the others (member remove, member add)");
    }
    return rv == 0;
}

static void free_boot(struct server *server)
{
    mem_free(server->env->mem, server->booting->kept);
    mem_free(server->env->mem, server->booting);
    server->booting = NULL;
}

void boot_cancel(struct server *server)
{
    force_free(server);
    if (server->booting != NULL) {
        snapshot_restore_cancel(server->booting->restore);
        raft_free(server->booting->raft);
        free_boot(server);
    }
}

/* The state is that of applied; the log follows. */
static void run(struct server *server)
{
    const struct boot *boot = server->booting;
    struct raft_hard_state hard = boot->hard;
    server->raft = boot->raft;
    LOG(server->env, INFO, boot->fresh ? "started with a new log" : "restarting from the log",
        log_hex("member", server->id), log_hex("cluster", server->cluster_id),
        log_u64("boot", server->boot), log_u64("snapshot", server->applied),
        log_u64("commit", hard.commit), log_u64("entries", boot->entries));
    free_boot(server);
    server->phase = SERVER_RUNNING;
    force_find_epoch(server, hard.commit);
    peers_enter_epoch(&server->peers, server->begun.epoch);
    observe_boot(server, &hard);
    if (server->applied > 0) {
        observe_snapshot(server, OBS_SNAPSHOT_RESTORED);
    }
    if (server->join != NULL) {
        join_dial(server);
        join_free(server);
    }
    port_serve(&server->peer_port);
    consensus_start(server);
    apply_committed(server);
    publish_start(server);
}

/* Raft is made. */
static void launch(struct server *server)
{
    if (server->forced != NULL) {
        force_write(server);
    } else {
        run(server);
    }
}

static void restored(struct server *server, int status, const struct snapshot_head *head,
                     struct state *state, struct mvcc *mvcc, const char *words)
{
    (void)head;
    server->booting->restore = NULL;
    if (server->phase >= SERVER_LEAVING) {
        mvcc_free(mvcc);
        return; /* boot_cancel comes */
    }
    if (status != 0) {
        LOG(server->env, ERROR,
            "cannot restore the state from the snapshot that the log begins "
            "behind; restore the member from the others (member remove, "
            "member add)",
            log_err(status), log_str("where", words));
        stop_now(server, 1);
        return;
    }
    snapshot_adopt(server, state, mvcc);
    if (server->booting->raft != NULL || make_raft(server, server->booting->kept)) {
        launch(server);
    }
}

static void begin(struct server *server, const struct storage_boot *boot, bool fresh)
{
    server->cluster_id = boot->meta.cluster_id;
    server->id = boot->meta.member_id;
    server->boot = boot->boot;
    server->instance = boot->instance;
    membership_set_cluster_id(&server->members, server->cluster_id);
    server->members_hash = membership_hash(&server->members);
    struct rng processes = env_random(server->env, "server.process");
    const struct peer_start start = {server->instance, server->boot, rng_u64(&processes)};
    peers_identify(&server->peers, server->cluster_id, server->id, &start);
    struct boot *booting = mem_zalloc(server->env->mem, 1, sizeof(*booting));
    *booting = (struct boot){.hard = boot->hard, .entries = boot->entry_count, .fresh = fresh};
    server->booting = booting;
    if (boot->snapshot_index == 0) {
        server->mvcc = mvcc_new(server->env->mem);
        if (make_raft(server, boot)) {
            launch(server);
        }
    } else if (server->config.force_new) {
        /* Whom to remove is in the state that is yet to be restored. */
        booting->kept = force_keep(server, boot);
        booting->restore = snapshot_restore(server, boot->snapshot_index, restored);
    } else if (make_raft(server, boot)) {
        booting->restore = snapshot_restore(server, boot->snapshot_index, restored);
    }
}

static void refuse_disk(struct server *server, int status)
{
    const char *words = storage_words(server->storage);
    LOG(server->env, ERROR, "cannot open the data directory", log_err(status),
        log_str("where", words));
    stop_now(server, 1);
}

/* The flags name both this member and, under another name, the one whose log this is: the directory
 * is a copy. IDs follow from URLs, so a member that was only renamed is found under its new name,
 * and one that was added later is not found at all. */
static bool is_of_another(struct server *server, member_id_t id)
{
    const struct server_config *config = &server->config;
    struct membership initial;
    bool foreign = false;
    membership_init(&initial, server->env->mem);
    if (membership_parse(&initial, slice_str(config->initial_cluster),
                         slice_str(config->initial_token), NULL) == 0) {
        const struct member *own = membership_find_name(&initial, slice_str(config->name));
        const struct member *of = membership_find(&initial, id);
        foreign = own != NULL && of != NULL && own != of;
        if (foreign) {
            LOG(server->env, ERROR,
                "the data directory is another member's; two processes with the data of one would "
                "vote and acknowledge twice: start this member with its own --data-dir, or with an "
                "empty one after member remove and member add",
                log_str("directory", config->data_dir), log_slice("of", of->name),
                log_hex("member", id), log_str("name", config->name));
            stop_now(server, 1);
        }
    }
    membership_fini(&initial);
    return foreign;
}

static void opened(void *data, int status, const struct storage_boot *boot)
{
    struct server *server = data;
    if (server->phase >= SERVER_LEAVING) {
        return;
    }
    if (status == ERR_NOT_FOUND) {
        if (server->config.existing) {
            join_start(server);
        } else {
            create_new(server);
        }
    } else if (status != 0) {
        refuse_disk(server, status);
    } else if (server->config.force_new || !is_of_another(server, boot->meta.member_id)) {
        /* A log that was made and never written to is as good as new: the first entries may have
         * been lost with the power. */
        begin(server, boot, boot->entry_count == 0 && boot->hard.term == 0);
    }
}

void server_boot(struct server *server)
{
    const struct server_config *config = &server->config;
    const struct storage_options options = {
        .wal_dir = config->wal_dir[0] != '\0' ? config->wal_dir : NULL,
        .segment_bytes = config->segment_bytes,
    };
    server->phase = SERVER_READING;
    server->storage = storage_new(server->env, config->data_dir, &options, &storage_events, server);
    storage_open(server->storage);
}
